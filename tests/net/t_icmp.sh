# ICMP of both families as ping and traceroute see it: errors, sizes, options, addresses of our own.
#
#	A 10.0.0.1 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1 --- 10.0.1.1 B
#	  2001:db8::1            ::2       2001:db8:1::2         ::1

fails() { # fails NAME REGEX TOOL ARGS...: must fail with a matching line on either output
	local name=$1 re=$2
	shift 2
	atf_check -s not-exit:0 -o save:fails.out -e save:fails.err "$BUILD/smpnet" -s "unix://$PWD/$name.sock" "$@"
	grep -E "$re" fails.out fails.err >/dev/null || { cat fails.out fails.err; atf_fail "no line matches $re"; }
}

test_case errors "what a router says of packets that go no further"
errors_body() {
	three
	fails A "^[0-9]+ bytes from 10.0.0.2: Time To Live exceeded for icmp_seq=0" ping -n -c 1 -w 5 -T 1 10.0.1.1
	fails A "^[0-9]+ bytes from 2001:db8::2: Time to live exceeded" ping6 -n -v -c 1 -X 5 -h 1 2001:db8:1::1
	fails A "from 10.0.0.2: Destination Net Unreachable for icmp_seq=0" ping -n -c 1 -w 5 192.0.2.1
	fails A "from 2001:db8::2: No Route to Destination" ping6 -n -v -c 1 -X 5 2001:db8:ffff::1
	fails A "from 10.0.0.2: Destination Host Unreachable" ping -n -c 1 -w 15 10.0.1.99
	fails A "from 2001:db8::2: Destination Host Unreachable" ping6 -n -v -c 1 -X 15 2001:db8:1::99
	# what this host cannot even send
	fails R "sendto: No route to host" ping -n -c 1 -w 2 192.0.2.1
	fails R "No route to host" ping6 -n -c 1 -X 2 2001:db8:ffff::1
	fails A "sendto: Message too long" ping -n -D -c 1 -w 2 -s 4000 10.0.1.1
	run R route add -net 198.51.100.0/24 127.0.0.1 -reject
	fails R "sendto: Network is unreachable" ping -n -c 1 -w 2 198.51.100.1
	finish
}

test_case sizes "every size is answered, whole or in fragments"
sizes_one() { # PING FAR LIMIT LARGEST
	local s
	for s in 0 1 7 8 1452 1453 1472 1473 1480 4000 9000 $4; do
		shows A "^$((s + 8)) bytes from $2" $1 -n -c 1 $3 10 -s $s $2
	done
}
sizes_body() {
	three
	sizes_one ping 10.0.1.1 -w 65507
	sizes_one ping6 2001:db8:1::1 -X 65527
	ll=$(smp R ifconfig shmif0 | sed -n 's/.*inet6 \(fe80[^/]*\)\/.*/\1/p')
	sizes_one ping6 "$ll" -X 65527
	shows B "[1-9][0-9]* packets reassembled ok" netstat -s -p ip
	shows B "[1-9][0-9]* packets reassembled ok" netstat -s -p ip6
	finish
}

test_case mtu "a smaller link behind the router: fragments, or an error that names its MTU"
mtu_body() {
	three
	run R ifconfig shmif1 mtu 1280
	shows A "^1408 bytes from 10.0.1.1" ping -n -c 1 -s 1400 10.0.1.1
	fails A "from 10.0.0.2: frag needed and DF set.  Next MTU=1280" ping -n -D -c 1 -w 5 -s 1400 10.0.1.1
	fails A "from 2001:db8::2: Packet too big mtu = 1280" ping6 -m -n -v -c 1 -X 5 -s 1400 2001:db8:1::1
	shows A "^1240 bytes from 2001:db8:1::1" ping6 -n -c 1 -s 1232 2001:db8:1::1
	finish
}

test_case record_route "each hop writes the address that the packet leaves by"
record_route_body() {
	three
	smp A ping -n -R -c 1 10.0.1.1 >rr || atf_fail "no reply"
	sed -n 's/^.*[[:space:]]\([0-9.]*\)$/\1/p' rr | grep '^10\.' | tr '\n' ' ' >hops
	[ "$(cat hops)" = "10.0.1.2 10.0.1.1 10.0.0.2 10.0.0.1 " ] || { cat rr; atf_fail "other hops"; }
	finish
}

test_case own "our own addresses answer, up or through the loopback"
own_body() {
	three
	for a in 127.0.0.1 10.0.0.2 10.0.1.2; do shows R " 0.0% packet loss" ping -n -c 1 -s 5000 $a; done
	for a in ::1 2001:db8::2 2001:db8:1::2; do shows R " 0.0% packet loss" ping6 -n -c 1 -s 5000 $a; done
	shows R "^ *1  10.0.1.2 " traceroute -n 10.0.1.2
	# all nodes: ourselves and A, the second as a duplicate; the last echo does not wait for it
	smp R ping6 -n -c 2 ff02::1%shmif0 >all || atf_fail "nobody"
	grep -q "DUP" all || { cat all; atf_fail "one node only"; }
	finish
}

test_case many "many pings at once do not take each other's answers"
many_body() {
	local i pids=
	three
	# the first echo of each may wait for a neighbour, of which only few may: that is not what is looked at
	shows A " 0.0% packet loss" ping -n -c 1 10.0.1.1
	shows A " 0.0% packet loss" ping -n -c 1 10.0.0.2
	for i in $(seq 30); do
		smp A ping -n -c 5 -i 0.1 10.0.$((i % 2)).$((i % 2 ? 1 : 2)) >many.$i &
		pids="$pids $!"
	done
	for i in $pids; do wait $i || atf_fail "one lost"; done
	for i in $(seq 30); do
		grep -q "5 packets transmitted, 5 packets received, 0.0% packet loss" many.$i || { cat many.$i; atf_fail "answers lost or doubled"; }
		! grep -q DUP many.$i || atf_fail "another's answers"
	done
	finish
}

test_case trace_icmp "traceroute with echo requests, and to where there is no way"
trace_icmp_body() {
	three
	shows A "^ *2  10.0.1.1 " traceroute -n -I 10.0.1.1
	shows A "^ *2  2001:db8:1::1 " traceroute6 -n -I 2001:db8:1::1
	fails A "^ *2  10.0.0.2 .* !N" traceroute -n -q 2 192.0.2.1
	fails A "^ *2  2001:db8::2 .* !N" traceroute6 -n -q 2 2001:db8:ffff::1
	finish
}
