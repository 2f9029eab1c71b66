# The packet pool is bounded: when it is empty, packets are dropped for that reason, and it recovers.
#
#	(frames of a file) --- bus0 --- 10.0.0.1 R pcap0 (a device whose own frames take almost all of a small pool)

pools_full() {
	smp R workers --json |
	    python3 -c 'import json,sys; sys.exit(any(x["pool_free"] != x["pool_size"] for x in json.load(sys.stdin)))'
}

test_case empty "frames that find the pool empty are counted drops; the router lives, and the pool fills up again"
empty_body() {
	daemon R -p 570
	pools_full || atf_fail "the pool is not full to begin with"
	set_if R shmif0 bus0 10.0.0.1/24 2001:db8::1/64
	dad_wait R
	mac=$(smp R ifconfig shmif0 | awk '/address:/ { print $2 }')
	/usr/bin/python3 - "$mac" <<-EOF || atf_fail "no capture files"
		import sys
		sys.path.insert(0, "$TOP/tests")
		from packets import PCAP_MAC, udp4, write_pcap
		mac = bytes.fromhex(sys.argv[1].replace(":", ""))
		write_pcap("device.pcap", [udp4(PCAP_MAC[0], b"\2\0\0\0\0\1", "10.9.0.1", "198.18.0.1", i, 9) for i in range(500)])
		write_pcap("flood.pcap", [udp4(mac, b"\2\0\0\0\0\1", "10.0.0.9", "10.0.0.1", 1 + i, 9, 200) for i in range(4000)])
	EOF
	# more than there is: refused in a line, nothing lost
	refuses R "packet buffers" attach net_pcap1,rx_pcap=$PWD/device.pcap,rx_pcap=$PWD/device.pcap,infinite_rx=1 queues 2
	run R attach net_pcap0,rx_pcap=$PWD/device.pcap,infinite_rx=1
	# the frames themselves and what the device keeps leave a handful
	for i in $(seq 20); do
		atf_check -s exit:0 -o ignore -e ignore "$BUILD/smpnet" pcapin flood.pcap bus0
		[ "$(drops_of R NOBUF)" -gt 0 ] && break
	done
	smp R drops
	smp R workers
	[ "$(drops_of R NOBUF)" -gt 0 ] || atf_fail "no drop for want of a buffer"
	ok R detach pcap0
	until_ok 60 pools_full
	shows R " 0.0% packet loss" ping -n -c 1 10.0.0.1
	finish
}
