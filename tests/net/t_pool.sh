# The packet pool is bounded: when it is empty, packets are dropped for that reason, and it recovers.
#
#	(frames of a file) --- bus0 --- 10.0.0.1/16 R --- bus1 --- 10.1.0.1/16, where nobody answers

test_case empty "packets that wait for neighbours empty a small pool; it fills up again"
empty_body() {
	daemon R -p 512
	run R ifconfig shmif0 create
	run R ifconfig shmif1 create
	run R ifconfig shmif0 linkstr bus0
	run R ifconfig shmif1 linkstr bus1
	run R ifconfig shmif0 inet 10.0.0.1/16
	run R ifconfig shmif1 inet 10.1.0.1/16
	run R sysctl -w net.inet.ip.dad_count=0
	run R ifconfig shmif0 up
	run R ifconfig shmif1 up
	run R sysctl -w net.inet.ip.forwarding=1
	dad_wait R
	mac=$(smp R ifconfig shmif0 | awk '/address:/ { print $2 }')
	# 4000 packets to as many neighbours that are not there, more than the pool holds
	/usr/bin/python3 - "$mac" <<-EOF || atf_fail "no capture file"
		import sys
		sys.path.insert(0, "$TOP/tests")
		from packets import udp4, write_pcap
		mac = bytes.fromhex(sys.argv[1].replace(":", ""))
		write_pcap("flood.pcap", [udp4(mac, b"\2\0\0\0\0\1", "10.0.0.9", f"10.1.{1 + i // 250}.{1 + i % 250}", i, 9, 200) for i in range(4000)])
	EOF
	before=$(smp R workers --json | python3 -c 'import json,sys; print(json.load(sys.stdin)[0]["pool_free"])')
	[ "$before" = 512 ] || atf_fail "the pool is not full to begin with: $before"
	for i in 1 2 3; do
		atf_check -s exit:0 -o ignore -e ignore "$BUILD/smpnet" pcapin flood.pcap bus0
	done
	smp R drops
	smp R ifconfig -v shmif0
	smp R workers
	# what was taken, waited and given up: all of it comes home
	until_ok 60 sh -c "'$BUILD/smpnet' -s unix://$PWD/R.sock workers --json | python3 -c 'import json,sys; w=json.load(sys.stdin); sys.exit(any(x[\"pool_free\"] != x[\"pool_size\"] for x in w))'"
	shows R " 0.0% packet loss" ping -n -c 1 10.0.0.1
	[ "$(drops_of R NOBUF)" -gt 0 ] || atf_fail "no drop for want of a buffer"
	finish
}
