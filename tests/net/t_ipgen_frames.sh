# ipgen's frames, judged by tshark and Scapy: no malformed one, no bad checksum.  Nothing runs but the frame builder.

judged() { # judged FILE N: N frames, in each of which tshark finds every checksum good and nothing else to say
	tshark -n -r "$1" -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE -o tcp.check_checksum:TRUE \
	    -d udp.port==40000,data -d tcp.port==40000,data -T fields -E separator=, -e frame.number -e ip.checksum.status \
	    -e udp.checksum.status -e tcp.checksum.status -e icmp.checksum.status -e icmpv6.checksum.status -e ipv6.version \
	    -e _ws.malformed -e eth.trailer >judged.out 2>tshark.err || { cat tshark.err; atf_fail "tshark"; }
	atf_check_equal "$2" "$(wc -l <judged.out)"
	# number, IPv4's, then exactly one transport's; 1 is good.  ICMPv6 has none of IPv4's but a version.
	grep -vE '^[0-9]+,(1,(1,,,,|,1,,,|,,1,,)|,(1,,,,|,1,,,|,,,1,)6),,$' judged.out >bad.out && { head bad.out; atf_fail "$(wc -l <bad.out) frames are bad"; }
	return 0
}

test_case frames "all families, protocols, tags and sizes: lengths, checksums, signatures"
frames_body() {
	n=$("$BUILD/tests/unit/ipgen_frames" frames.pcap) || atf_fail "ipgen_frames"
	[ "$n" -gt 1500 ] || atf_fail "$n frames only"
	judged frames.pcap "$n"
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$TOP/tests/net/ipgen_frames.py" frames.pcap || atf_fail "ipgen_frames.py"
}

test_case judge "the judge finds one wrong octet"
judge_body() {
	"$BUILD/tests/unit/ipgen_frames" frames.pcap >n || atf_fail "ipgen_frames"
	judged frames.pcap "$(cat n)"
	# an octet of the first frame's payload: behind the file's and the packet's header
	printf '\377' | dd of=frames.pcap bs=1 seek=$((24 + 16 + 50)) conv=notrunc 2>dd.err
	(judged frames.pcap "$(cat n)") >judge.log 2>&1 && atf_fail "tshark did not find it"
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$TOP/tests/net/ipgen_frames.py" frames.pcap >judge.log 2>&1 && atf_fail "Scapy did not find it"
	return 0
}

test_case replay "a capture in pcap, nanosecond pcap and pcapng comes out alike, but for its link addresses"
replay_body() {
	"$BUILD/tests/unit/ipgen_frames" frames.pcap >n || atf_fail "ipgen_frames" # nanoseconds
	for format in pcapng pcap nsecpcap; do
		editcap -F $format frames.pcap "in.$format" || atf_fail "editcap"
		atf_check -o file:n "$BUILD/tests/unit/ipgen_frames" -r "in.$format" "out.$format"
		cmp frames.pcap "out.$format" >cmp.out && continue
		[ $format = pcap ] || { cat cmp.out; atf_fail "$format: another content"; } # microseconds: all but the times
		tshark -r frames.pcap -x >a.txt 2>tshark.err; tshark -r out.pcap -x >b.txt 2>tshark.err
		cmp a.txt b.txt || atf_fail "$format: other frames"
	done
	editcap -s 50 frames.pcap short.pcap
	atf_check -s exit:1 -e match:"short.pcap: packet 1: only 50 of its 60 octets were captured" "$BUILD/tests/unit/ipgen_frames" -r short.pcap out
	editcap -T rawip frames.pcap raw.pcap
	atf_check -s exit:1 -e match:"raw.pcap: link type RAW: Ethernet's frames can be sent" "$BUILD/tests/unit/ipgen_frames" -r raw.pcap out
}

test_case lists "the lists of flows that are shipped are read, and their dump is read as the same"
lists_body() {
	for list in flows:289 flows6:260 flows-mixed:256; do
		atf_check -o save:dump.txt "$BUILD/tests/unit/ipgen_frames" -l "$TOP/etc/ipgen/${list%:*}.txt"
		atf_check_equal "${list#*:}" "$(sort -u dump.txt | wc -l)"
		atf_check -o file:dump.txt "$BUILD/tests/unit/ipgen_frames" -l dump.txt
	done
	printf '10.0.0.1:9,10.0.0.2:9\n10.0.0.1:9,10.0.0.2:x\n' >bad.txt
	atf_check -s exit:1 -e inline:"ipgen_frames: bad.txt:2:21: 'x': no port (0 to 65535)\n" "$BUILD/tests/unit/ipgen_frames" -l bad.txt
}
