# What ipgen puts onto a segment, judged by tshark and by an own reader of its signatures.
#
#	ipgen -T shmif:SEGMENT --- SEGMENT --- dumpbus

judged() { # judged GROUP
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$TOP/tests/net/ipgen_traffic.py" "$BUILD" "$1" >out 2>&1 ||
	    { cat out; atf_fail "ipgen_traffic.py $1: exit status not 0"; }
}

test_case headers "families, protocols, tags, fields: every checksum and length right, numbers in order"
headers_body() { judged headers; }

test_case sizes "fixed sizes, IMIX, genome, sweep: the shares exact"
sizes_body() { judged sizes; }

test_case flows "ranges, random order and flow lists: complete, evenly; a wrong line is named"
flows_body() { judged flows; }

test_case rates "so many packets take about so long"
rates_body() { judged rates; }

test_case pcaps "a capture file is sent in its order, roughly in its time"
pcaps_body() { judged pcaps; }
