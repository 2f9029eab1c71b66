# Neighbour discovery's entries: how many, how long, what ends them, what monitors hear, zones.
#
#	A 2001:db8::1 --- bus0 --- 2001:db8::2 B

pair() {
	for d in A B; do
		daemon $d
		run $d sysctl -w net.inet.ip.dad_count=0
		run $d sysctl -w net.inet6.ip6.dad_count=0
	done
	set_if A shmif0 bus0 "" 2001:db8::1/64
	set_if B shmif0 bus0 "" 2001:db8::2/64
}

listed() { smp A ndp -an | grep -q "^$1 "; }
gone() { ! listed "$1"; }

test_case gcthresh "neighborgcthresh bounds the neighbours, the oldest stale ones go"
gcthresh_body() {
	pair
	run A sysctl -w net.inet6.ip6.neighborgcthresh=4
	run A sysctl -w net.inet6.icmp6.nd6_reachable=10
	refuses A "Invalid|range|between" sysctl -w net.inet6.ip6.neighborgcthresh=-2
	for i in 0 1 2 3 4 5 6 7; do
		run B ifconfig shmif0 inet6 2001:db8::1$i/64 alias
		run A ping6 -n -c 1 2001:db8::1$i
	done
	[ "$(smp A ndp -an | grep -vc 'permanent\|^Neighbor')" -le 4 ] || { smp A ndp -an; atf_fail "more than four"; }
	listed 2001:db8::17 || atf_fail "the last one is not there"
	gone 2001:db8::10 || atf_fail "the first one is still there"
	run A sysctl -w net.inet6.ip6.neighborgcthresh=-1
	for i in 0 1 2 3 4 5; do run A ping6 -n -c 1 2001:db8::1$i; done
	[ "$(smp A ndp -an | grep -c '^2001:db8::1[0-7] ')" -ge 6 ] || { smp A ndp -an; atf_fail "bounded"; }
	finish
}

test_case ends "entries end by time, by hand, with the interface, with the connected route; static ones stay longer"
ends_body() {
	pair
	run A sysctl -w net.inet6.icmp6.nd6_reachable=10
	run A ping6 -n -c 1 2001:db8::2
	listed 2001:db8::2 || atf_fail "no entry"
	ok A ndp -s 2001:db8::77 02:00:00:00:00:77
	shows A "^2001:db8::77 +02:00:00:00:00:77 shmif0 permanent R" ndp -n 2001:db8::77
	refuses A "File exists" ndp -s 2001:db8::77 02:00:00:00:00:78
	run A sysctl -w net.inet6.icmp6.nd6_keep=1
	until_ok 20 gone 2001:db8::2
	listed 2001:db8::77 || atf_fail "the static entry is gone"
	run A sysctl -w net.inet6.icmp6.nd6_keep=86400
	shows A "deleted" ndp -d 2001:db8::77
	refuses A "no entry" ndp -d 2001:db8::77
	run A ping6 -n -c 1 2001:db8::2
	run A ndp -s 2001:db8::77 02:00:00:00:00:77
	run A ndp -c
	gone 2001:db8::2 && gone 2001:db8::77 || atf_fail "ndp -c left entries"
	run A ping6 -n -c 1 2001:db8::2
	run A ndp -s 2001:db8::77 02:00:00:00:00:77
	run A route delete -inet6 2001:db8::/64
	until_ok 10 gone 2001:db8::2
	run A ifconfig shmif0 inet6 2001:db8::1/64 delete
	run A ifconfig shmif0 inet6 2001:db8::1/64
	run A ping6 -n -c 1 2001:db8::2
	run A ndp -s 2001:db8::78 02:00:00:00:00:78
	run A ifconfig shmif0 down
	until_ok 10 gone 2001:db8::2
	until_ok 10 gone 2001:db8::78
	finish
}

test_case messages "monitors hear of neighbours as of hosts in the routing table, and of those that do not answer"
messages_body() {
	pair
	run A sysctl -w net.inet6.icmp6.nd6_retrans=100
	"$BUILD/smpnet" -s "unix://$PWD/A.sock" route -n monitor >monitor.out 2>&1 &
	echo $! >>pids
	heard() {
		smp A ndp -d 2001:db8::2 >/dev/null 2>&1
		smp A ping6 -n -c 1 2001:db8::2 >/dev/null 2>&1
		grep -q RTM_DELETE monitor.out
	}
	until_ok 20 heard
	smp A ping6 -n -c 1 2001:db8::99 >/dev/null 2>&1
	missed() { grep -q RTM_MISS monitor.out; }
	until_ok 20 missed
	atf_check -o match:"RTM_ADD.+<UP,HOST,DONE,LLINFO,CLONED>" -o match:"RTM_DELETE.+<HOST,DONE,LLINFO,CLONED>" \
	    -o match:"<DST,GATEWAY,AUTHOR>" -o match:"2001:db8::99 link#[0-9]+ 2001:db8::1" cat monitor.out
	finish
}

test_case zone "link-local addresses need their zone, and say so"
zone_body() {
	pair
	refuses A "fe80::2 needs an interface, as its zone" ping6 -n -c 1 fe80::2
	refuses A "fe80::2: a link-local address needs its interface" ndp -s fe80::2 02:00:00:00:00:02
	refuses A "fe80::2: a link-local address needs its interface" ndp -d fe80::2
	refuses A "fe80::2: a link-local gateway needs its zone" route add -inet6 2001:db8:9::/48 fe80::2
	ok A ndp -s fe80::2%shmif0 02:00:00:00:00:02
	run A route add -inet6 2001:db8:9::/48 fe80::2%shmif0
	run A route delete -inet6 2001:db8:9::/48
	finish
}
