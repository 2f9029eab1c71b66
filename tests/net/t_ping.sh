# ping, ping6, traceroute and traceroute6: each form, by what they print, their exit status, and what is on the wire.
#
#	A 10.0.0.1 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1 --- 10.0.1.1 B
#	  2001:db8::1            ::2       2001:db8:1::2         ::1

hosts() { # as three(), without duplicate address detection
	local d
	for d in A R B; do
		daemon $d
		run $d sysctl -w net.inet.ip.dad_count=0
		run $d sysctl -w net.inet6.ip6.dad_count=0
	done
	for d in ip ip6; do run R sysctl -w net.inet${d#ip}.$d.forwarding=1; done
	set_if R shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	set_if R shmif1 bus1 10.0.1.2/24 2001:db8:1::2/64
	set_if A shmif0 bus0 10.0.0.1/24 2001:db8::1/64
	set_if B shmif0 bus1 10.0.1.1/24 2001:db8:1::1/64
	run A route add default 10.0.0.2
	run A route add -inet6 default 2001:db8::2
	run B route add default 10.0.1.2
	run B route add -inet6 default 2001:db8:1::2
}
says() { # says STATUS REGEX TOOL ARGS...: A's tool ends with the status and prints a matching line
	local status=$1 re=$2
	shift 2
	atf_check -s exit:"$status" -o match:"$re" -e ignore "$BUILD/smpnet" -s "unix://$PWD/A.sock" "$@"
}
wire() { # wire BUS REGEX: a packet on the segment that tcpdump prints so
	smp A dumpbus "$1" | tcpdump -n -v -r - 2>/dev/null | tr '\n' ' ' | sed 's/ \([0-9:.]* IP6* (\)/\n\1/g' >dump
	atf_check -s exit:0 -o ignore grep -E -- "$2" dump
}

test_case forms "the options of ping and ping6, and what scripts match of them"
forms_body() {
	hosts
	says 0 '^64 bytes from 10.0.1.1: icmp_seq=0 ttl=254 time=[0-9]+\.[0-9]{6} ms$' ping -n -c 1 10.0.1.1
	says 0 '^1 packets transmitted, 1 packets received, 0.0% packet loss$' ping -n -q -c 1 10.0.1.1
	says 0 '^round-trip min/avg/max/stddev = ' ping -n -o 10.0.1.1
	says 0 '^3 packets transmitted, 3 packets received, 0.0% packet loss$' ping -n -v -c 3 -i 0.05 -w 20 10.0.1.1
	says 0 '^3 packets transmitted, 3 packets received' ping -n -c 3 -l 3 -i 20 10.0.1.1
	says 0 '^[.]' ping -n -f -c 10 10.0.1.1
	says 0 '^16 bytes from 2001:db8:1::1, icmp_seq=0 hlim=63 time=[0-9]+\.[0-9]{3} ms$' ping6 -n -c 1 2001:db8:1::1
	says 0 '^3 packets transmitted, 3 packets received, 0.0% packet loss$' ping6 -n -q -c 3 -i 0.05 -X 20 2001:db8:1::1
	says 0 '^round-trip min/avg/max/std-dev = ' ping6 -n -o -v 2001:db8:1::1
	says 2 '^[0-9]+ bytes from 10.0.0.2: Time To Live exceeded' ping -n -c 1 -w 1 -T 1 10.0.1.1
	says 1 '^[0-9]+ bytes from 2001:db8::2: Time to live exceeded$' ping6 -n -v -c 1 -X 1 -h 1 2001:db8:1::1
	says 1 '^1 packets transmitted, 0 packets received, 100.0% packet loss$' ping6 -n -c 1 -X 1 -h 1 2001:db8:1::1
	says 2 '100.0% packet loss' ping -n -c 1 -w 1 10.0.0.99
	says 1 '100.0% packet loss' ping6 -n -c 1 -X 1 2001:db8::99
	says 2 'Destination Net Unreachable' ping -n -c 1 -w 1 192.0.2.1
	refuses R '^ping: sendto: No route to host$' ping -n -c 1 -w 1 192.0.2.1
	refuses R '^ping6: UDP connect: No route to host$' ping6 -n -c 1 2001:db8:ffff::1
	refuses A '^ping: sendto: Message too long$' ping -n -c 1 -D -s 1473 -w 1 10.0.1.1
	says 0 '^1480 bytes from' ping -n -c 1 -D -s 1472 10.0.1.1
	# every size, and what is filled in
	for s in 0 1 7 8 15 16 1473 65507; do says 0 "^$((s + 8)) bytes from 10.0.1.1: " ping -n -c 1 -s $s 10.0.1.1; done
	for s in 0 7 1453 65507; do says 0 "^$((s + 8)) bytes from 2001:db8:1::1, " ping6 -n -c 1 -s $s 2001:db8:1::1; done
	refuses A 'bad packet size' ping -n -c 1 -s 65508 10.0.1.1
	says 0 '^PATTERN: 0xff$' ping -n -c 1 -p ff 10.0.1.1
	smp A dumpbus bus0 | tcpdump -n -x -r - icmp 2>/dev/null >dump
	atf_check -s exit:0 -o ignore grep 'ffff ffff ffff ffff ffff ffff ffff ffff' dump
	# what there is not is said so
	refuses A '^ping: -E: not supported' ping -n -c 1 -E "out ipsec esp/transport//require" 10.0.1.1
	refuses A '^ping6: -P: not supported' ping6 -n -c 1 -P "out ipsec esp/transport//require" 2001:db8:1::1
	refuses A '^usage: ping ' ping -Z 10.0.1.1
	refuses A '^usage: ping6 ' ping6
	smp A ping -n -c 2 -i 0.05 --json 10.0.1.1 >json.out || atf_fail "ping --json"
	python3 -c 'import json; t = [json.loads(l)["type"] for l in open("json.out")]; assert t.count("reply") == 2, t' ||
	    atf_fail "$(cat json.out)"
	smp A traceroute -n --json 10.0.1.1 >json.out || atf_fail "traceroute --json"
	python3 -c 'import json; [json.loads(l) for l in open("json.out")]' || atf_fail "$(cat json.out)"
	finish
}

test_case ways "ways that packets name: record route, loose source route, routing header, next hop, type of service"
ways_body() {
	hosts
	smp A ping -n -R -c 2 -i 0.05 10.0.1.1 >out || atf_fail "ping -R"
	printf 'RR: \t10.0.1.2\n\t10.0.1.1\n\t10.0.0.2\n\t10.0.0.1\n' >want
	grep -A3 '^RR' out >got
	atf_check -o empty diff want got
	atf_check -o ignore grep '(same route)' out
	# refused, until all allow it
	says 2 '100.0% packet loss' ping -n -c 1 -w 1 -g 10.0.0.2 10.0.1.1
	for d in A R B; do
		run $d sysctl -w net.inet.ip.allowsrcrt=1
		run $d sysctl -w net.inet.ip.forwsrcrt=1
	done
	says 0 ' 0.0% packet loss' ping -n -c 1 -g 10.0.0.2 10.0.1.1
	wire bus0 'LSRR 10.0.1.1\)\) *10.0.0.1 > 10.0.0.2: ICMP echo request'
	says 0 '^ 2  10.0.1.1 ' traceroute -n -q 1 -g 10.0.0.2 10.0.1.1
	says 0 ' 0.0% packet loss' ping -n -c 1 -t 16 10.0.1.1
	wire bus1 'tos 0x10,.*10.0.0.1 > 10.0.1.1: ICMP echo request'
	# a routing header of type 0 is sent, and refused by its first hop
	says 1 '^[0-9]+ bytes from 2001:db8::2: Parameter problem: Erroneous Header' \
	    ping6 -n -v -c 1 -X 1 2001:db8::2 2001:db8:1::1
	wire bus0 '2001:db8::1 > 2001:db8::2: (srcrt|RT6) \(len=2, type=0[^,]*, segleft=1,.*\[0\]2001:db8:1::1\).*ICMP6, echo request'
	atf_check -s exit:1 -o not-match:'^ 2' -e ignore "$BUILD/smpnet" -s "unix://$PWD/A.sock" \
	    traceroute6 -n -q 1 -w 1 -m 2 -g 2001:db8::2 2001:db8:1::1
	wire bus0 '2001:db8::1 > 2001:db8::2: (srcrt|RT6) .*UDP'
	# the next hop, by address and by link-local address, against the routes
	run A route add -inet6 2001:db8:1::/64 2001:db8::99
	says 0 ' 0.0% packet loss' ping6 -n -c 1 -g 2001:db8::2 2001:db8:1::1
	ll=$(smp R ifconfig shmif0 | sed -n 's/.*inet6 \(fe80:[^%]*\)%.*/\1/p')
	says 0 ' 0.0% packet loss' ping6 -n -c 1 -g "$ll%shmif0" 2001:db8:1::1
	refuses A '^ping6: UDP connect: No route to host$' ping6 -n -c 1 -g 2001:db8:1::1 2001:db8:1::1
	finish
}

test_case scoped "groups, broadcast and link-local addresses need an interface, and go to it"
scoped_body() {
	hosts
	refuses A '^ping6: UDP connect: No route to host \(fe80::1 needs an interface' ping6 -n -c 1 fe80::1
	refuses A '^ping6: UDP connect: No route to host \(ff02::1 needs an interface' ping6 -n -c 1 ff02::1
	refuses A '^traceroute6: connect: No route to host \(fe80::1 needs' traceroute6 -n fe80::1
	refuses A 'no such interface' ping6 -n -c 1 fe80::1%shmif9
	ll=$(smp R ifconfig shmif0 | sed -n 's/.*inet6 \(fe80:[^%]*\)%.*/\1/p')
	says 0 "^16 bytes from $ll%shmif0, " ping6 -n -c 1 "$ll%shmif0"
	says 0 "^16 bytes from $ll%shmif0, " ping6 -n -c 1 -I shmif0 "$ll"
	says 0 "^ 1  $ll%shmif0 " traceroute6 -n -q 1 "$ll%shmif0"
	says 0 "from $ll%shmif0, .*DUP" ping6 -n -c 2 -i 0.2 ff02::1%shmif0
	says 0 '0.0% packet loss' ping6 -n -c 1 -I shmif0 ff02::1
	refuses A '^ping: sendto: No route to host$' ping -n -c 1 -w 1 224.0.0.1
	run R sysctl -w net.inet.icmp.bmcastecho=1
	says 0 'bytes from 10.0.0.2: ' ping -n -c 1 -I shmif0 224.0.0.1
	says 0 'bytes from 10.0.0.2: ' ping -n -c 1 -I 10.0.0.1 224.0.0.1
	says 0 'bytes from 10.0.0.2: ' ping -n -c 1 10.0.0.255
	says 0 'bytes from 10.0.0.2: ' ping -n -c 1 -I shmif0 255.255.255.255
	finish
}

test_case fragments "ping6 cuts at 1280 octets unless -m says otherwise; a small loopback MTU hurts nobody"
fragments_body() {
	hosts
	says 0 '^1408 bytes from' ping6 -n -c 1 -s 1400 2001:db8:1::1
	wire bus0 '2001:db8::1 > 2001:db8:1::1: frag \(0x[0-9a-f]*:0\|1232\) ICMP6, echo request'
	says 0 '^1409 bytes from' ping6 -n -c 1 -m -s 1401 2001:db8:1::1
	wire bus0 'payload length: 1409\) 2001:db8::1 > 2001:db8:1::1:.*ICMP6, echo request'
	says 0 ' 0.0% packet loss' ping6 -n -c 1 -m -s 1402 ff02::1%shmif0
	wire bus0 '> ff02::1: frag \(0x[0-9a-f]*:0\|1232\) ICMP6, echo request'
	says 0 ' 0.0% packet loss' ping6 -n -c 1 -mm -s 1403 ff02::1%shmif0
	wire bus0 'payload length: 1411\) fe80.* > ff02::1:.*ICMP6, echo request'
	ok A ifconfig lo0 mtu 1000
	for s in 992 1500 9000 65507; do
		says 0 "^$((s + 8)) bytes from 127.0.0.1: " ping -n -c 1 -s $s 127.0.0.1
		says 0 "^$((s + 8)) bytes from ::1, " ping6 -n -c 1 -s $s ::1
		says 0 "^$((s + 8)) bytes from 10.0.0.1: " ping -n -c 1 -s $s 10.0.0.1
	done
	finish
}

test_case path "traceroute and traceroute6: hops, UDP and ICMP, first and last hop, source"
path_body() {
	hosts
	says 0 '^ 1  10.0.0.2  [0-9.]+ ms  [0-9.]+ ms  [0-9.]+ ms$' traceroute -n 10.0.1.1
	says 0 '^ 2  10.0.1.1  [0-9.]+ ms$' traceroute -n -q 1 -w 2 -m 5 -f 2 -p 40000 -s 10.0.0.1 10.0.1.1 100
	says 0 '^ 2  10.0.1.1  [0-9.]+ ms$' traceroute -n -q 1 -I -F -z 10 10.0.1.1
	atf_check -s exit:1 -o match:'^ 1  10.0.0.2 ' -e match:'^traceroute to 10.0.1.1 \(10.0.1.1\), 1 hops max, 40 byte packets$' \
	    "$BUILD/smpnet" -s "unix://$PWD/A.sock" traceroute -n -q 1 -m 1 10.0.1.1
	says 1 '^ 2  10.0.0.2  [0-9.]+ ms !N' traceroute -n -q 1 -m 3 192.0.2.1
	says 0 '^ 2  2001:db8:1::1  [0-9.]+ ms$' traceroute6 -n -q 1 -s 2001:db8::1 2001:db8:1::1
	says 0 '^ 2  2001:db8:1::1  [0-9.]+ ms$' traceroute6 -n -q 1 -I 2001:db8:1::1
	refuses A "^traceroute6: bind: Can't assign requested address$" traceroute6 -n -s 2001:db8::99 2001:db8:1::1
	refuses A '^usage: traceroute6? ' traceroute -Y 10.0.1.1
	finish
}
