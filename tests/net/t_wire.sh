# What a router does with single frames, as its segments and counters show it.
#
#	02:..:01 10.0.0.1 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1 --- 10.0.1.1 02:..:11
#	      2001:db8::1                    ::2   2001:db8:1::2      2001:db8:1::1

test_case checks "each check of a router: what goes on, what is answered with which quote, the drop's name, the counter"
checks_body() {
	wired
	run R ifconfig shmif1 mtu 1280
	run R sysctl -w net.inet.icmp.errppslimit=-1
	run R sysctl -w net.inet6.icmp6.errppslimit=-1
	run R route add -net 198.51.100.0/24 127.0.0.1 -reject
	run R route add -net 203.0.113.0/24 127.0.0.1 -blackhole
	run R route add -inet6 2001:db8:eeee::/48 ::1 -reject
	run R route add -inet6 2001:db8:dddd::/48 ::1 -blackhole
	frames checks R
	finish
}

test_case multipath "equal and weighted paths by flow, order kept, changes effective with the next packet, next hops shared"
multipath_body() {
	WORKERS=2 wired
	frames multipath R
	finish
}

test_case neighbours "few packets wait for a neighbour, in order; a scan takes nothing from others; the packet sum holds"
neighbours_body() {
	wired
	frames neighbours R
	finish
}

test_case sizes "packets to 9000 octets whole and in fragments, octet by octet; errors limited in rate"
sizes_body() {
	WORKERS=2 wired
	frames sizes R
	finish
}

test_case churn "routes and interfaces come and go under traffic: nothing lost that has a way, no buffer lost"
churn_body() {
	WORKERS=2 wired
	frames churn R
	finish
}

test_case messages "ARP and neighbour discovery messages, hostile ones too: answers, entries, counters"
messages_body() {
	wired
	frames messages R
	finish
}

test_case converge "hundreds of routes follow their next hop at once; a gateway that stops to answer is done without"
converge_body() {
	wired
	set_if R shmif2 bus2 10.0.2.2/24 2001:db8:2::2/64
	frames converge R
	finish
}
