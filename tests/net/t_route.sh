# The routing table by its tools, and what packets make of it.
#
#	A 10.0.0.1 --- bus0 --+-- 10.0.0.2 R 10.0.1.2 --+-- bus1 --- 10.0.1.1 B
#	  2001:db8::1         |         ::2         ::2 |              2001:db8:1::1
#	                      +-- 10.0.0.3 Q 10.0.1.3 --+
#	                                ::3         ::3

two_ways() {
	three
	daemon Q
	set_if Q shmif0 bus0 10.0.0.3/24 2001:db8::3/64
	set_if Q shmif1 bus1 10.0.1.3/24 2001:db8:1::3/64
	run Q sysctl -w net.inet.ip.forwarding=1
	run Q sysctl -w net.inet6.ip6.forwarding=1
	dad_wait Q
}

check_route() { # check_route NAME DST GATEWAY FLAGS MTU IF
	shows "$1" "^$2 +$3 +$4 +- +- +$5 +$6" netstat -rn
}

check_no_route() {
	shows_not "$1" "^$2 " netstat -rn
}

says() { # says NAME TEXT TOOL ARGS...
	local name=$1 text=$2
	shift 2
	atf_check -s exit:0 -o inline:"$text\n" -e empty "$BUILD/smpnet" -s "unix://$PWD/$name.sock" "$@"
}

test_case change "a route that is added, changed, deleted is effective at once"
via() { # via NAME ROUTER TOOL DST
	shows "$1" "^ *1  $2 " "$3" -n -q 1 -w 5 "$4"
}
change_body() {
	two_ways
	via A 10.0.0.2 traceroute 10.0.1.1
	run A route change default 10.0.0.3
	via A 10.0.0.3 traceroute 10.0.1.1
	run A route add -net 10.0.1.0/24 10.0.0.2
	via A 10.0.0.2 traceroute 10.0.1.1
	run A route add -host 10.0.1.1 10.0.0.3
	via A 10.0.0.3 traceroute 10.0.1.1
	run A route delete -host 10.0.1.1
	via A 10.0.0.2 traceroute 10.0.1.1
	run A route delete -net 10.0.1.0/24
	via A 10.0.0.3 traceroute 10.0.1.1
	via A 2001:db8::2 traceroute6 2001:db8:1::1
	run A route change -inet6 default 2001:db8::3
	via A 2001:db8::3 traceroute6 2001:db8:1::1
	run A route add -inet6 2001:db8:1::/64 2001:db8::2
	via A 2001:db8::2 traceroute6 2001:db8:1::1
	run A route delete -inet6 2001:db8:1::/64
	via A 2001:db8::3 traceroute6 2001:db8:1::1

	# Down and up: the default routes are used again.
	run A ifconfig shmif0 down
	shows A "^default +10.0.0.3 +GS " netstat -rn
	run A ifconfig shmif0 up
	dad_wait A
	via A 10.0.0.3 traceroute 10.0.1.1
	via A 2001:db8::3 traceroute6 2001:db8:1::1
	finish
}

test_case nowhere "blackhole is silent, reject answers, on the host and in the forwarder"
nowhere_one() { # nowhere_one PING DST LIMIT PREFIX LOOPBACK NEAR FAMILY
	run R route add $7 $4 $5 -blackhole
	atf_check -s not-exit:0 -o not-match:"nreachable" -e ignore "$BUILD/smpnet" -s unix://$PWD/A.sock $1 -n -c 1 $3 2 $2
	run R route delete $7 $4
	run R route add $7 $4 $5 -reject
	atf_check -s not-exit:0 -o match:"nreachable" -e ignore "$BUILD/smpnet" -s unix://$PWD/A.sock $1 -n -c 1 $3 3 $2
	run R route delete $7 $4
	shows A " 0.0% packet loss" $1 -n -c 1 $2
	run A route add $7 $4 $5 -reject
	atf_check -s not-exit:0 -o ignore -e match:"Network is unreachable" "$BUILD/smpnet" -s unix://$PWD/A.sock $1 -n -c 1 $3 2 $2
	run A route delete $7 $4
	run A route add $7 $4 $6 -reject
	atf_check -s not-exit:0 -o ignore -e match:"No route to host" "$BUILD/smpnet" -s unix://$PWD/A.sock $1 -n -c 1 $3 2 $2
	run A route delete $7 $4
	shows A " 0.0% packet loss" $1 -n -c 1 $2
}
nowhere_body() {
	three
	nowhere_one ping 10.0.1.1 -w 10.0.1.0/28 127.0.0.1 10.0.0.2 -inet
	nowhere_one "ping6 -v" 2001:db8:1::1 -X 2001:db8:1::/96 ::1 2001:db8::2 -inet6
	finish
}

test_case multipath "flows are shared out over two gateways, and all go to the one that is left"
forwarded() { # forwarded NAME GROUP: packets forwarded so far
	smp "$1" netstat -s --json | python3 -c 'import json,sys
print(sum(c["value"] for c in json.load(sys.stdin) if c["group"] == sys.argv[1] and c["text"].startswith("packets forwarded")))' "$2"
}
multipath_one() { # multipath_one PING GROUP TARGETS...
	local ping=$1 group=$2 r q a
	shift 2
	r=$(forwarded R "$group") q=$(forwarded Q "$group")
	for a in "$@"; do shows A " 0.0% packet loss" $ping -n -c 1 "$a"; done
	r=$(($(forwarded R "$group") - r)) q=$(($(forwarded Q "$group") - q))
	[ $r -gt 0 ] && [ $q -gt 0 ] || atf_fail "$ping: not both were used: $r, $q"
}
multipath_body() {
	local i four= six=
	two_ways
	for i in $(seq 20 35); do
		run B ifconfig shmif0 inet 10.0.1.$i/24 alias
		run B ifconfig shmif0 inet6 2001:db8:1::$i/64 alias
		four="$four 10.0.1.$i" six="$six 2001:db8:1::$i"
	done
	dad_wait B
	run A route delete default
	run A route delete -inet6 default
	run A route add -mpath -net default 10.0.0.2 10.0.0.3
	run A route add -inet6 -mpath -net default 2001:db8::2 2001:db8::3
	check_route A default 10.0.0.2 UGS - shmif0
	check_route A default 10.0.0.3 UGS - shmif0
	multipath_one ping ip $four
	multipath_one ping6 ip6 $six
	run A route delete default 10.0.0.2
	check_route A default 10.0.0.3 UGS - shmif0
	for i in $four; do shows A " 0.0% packet loss" ping -n -c 1 "$i"; done
	refuses A "not in table" route delete default 10.0.0.2
	run A route delete -inet6 default 2001:db8::3
	for i in $six; do shows A " 0.0% packet loss" ping6 -n -c 1 "$i"; done
	run A route delete default 10.0.0.3
	check_no_route A "default +10"
	finish
}

test_case save "config save prints lines that make the same table again"
save_body() {
	daemon R
	set_if R shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	dad_wait R
	run R route add default 10.0.0.1
	run R route add -net 10.4.0.0/16 127.0.0.1 -reject
	run R route add -net 10.5.0.0/16 127.0.0.1 -blackhole
	run R route add -mpath -net 10.7.0.0/16 10.0.0.7 -weight 3 10.0.0.8
	run R route add -host 10.8.0.1 10.0.0.1 -mtu 1400
	run R route add -net 10.9.0.0/16 192.0.2.1 -ifp shmif0
	run R route add -net 10.10.0.0/16 -iface shmif0
	run R route add -inet6 default fe80::9%shmif0
	run R route add -inet6 2001:db8:9::/48 2001:db8::9
	smp R config save | grep '^route' >first
	atf_check -o match:9 sh -c 'grep -c . first'
	smp R netstat -rn >before
	run R route -n flush
	while read -r line; do eval "run R $line"; done <first
	smp R config save | grep '^route' >second
	atf_check cmp first second
	smp R netstat -rn >after
	atf_check cmp before after
	finish
}

test_case batches "many routes and neighbours in a request, pages of a table that changes, and what is wrong in them"
batches_body() {
	atf_check -s exit:0 -o match:"ok batches" -e ignore python3 "$TOP/tests/net/batches.py" "$BUILD"
}
