# ipgen through a forwarder that makes faults on purpose (tests/tools/faulty.c) reports exactly those.
#
#	ipgen -T shmif:a --- a --- faulty --- b --- ipgen -R shmif:b

through() { # through GROUP
	[ -x "$BUILD/tests/tools/faulty" ] || atf_skip "built without tests"
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$TOP/tests/net/ipgen_faults.py" "$BUILD" "$1" >out 2>&1 ||
	    { cat out; atf_fail "ipgen_faults.py $1: exit status not 0"; }
}

test_case each "each fault alone and all together, IPv4 and IPv6, UDP, TCP and ICMP: counted exactly, and nothing where there is none"
each_body() { through each; }

test_case duplex "both directions at once, one worker and two: each direction's faults are its own"
duplex_body() { through duplex; }

test_case flows "1, 1000 and 100,000 flows: counted exactly, and the lossy ones are those that lost"
flows_body() { through flows; }

test_case delay "a delay is the least latency; an outage and a bottleneck cost exactly what they dropped"
delay_body() { through delay; }

test_case truncated "packets cut short are not taken for whole"
truncated_body() { through truncated; }

test_case criteria "exit status 3 where a criterion is not met"
criteria_body() { through criteria; }
