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

test_case flags "the kinds of routes, with their flags, and their deletion"
flags_body() {
	daemon R
	set_if R shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	dad_wait R
	check_route R 10.0.0/24 'link#2' UC - shmif0
	check_route R 10.0.0.2 'link#2' UHl - lo0
	check_route R 127.0.0.1 lo0 UHl 33624 lo0
	check_route R ::1 ::1 UH 33624 lo0
	check_route R 2001:db8::/64 'link#2' UC - shmif0
	check_route R 2001:db8::2 'link#2' UHl - lo0
	check_route R fe80::%shmif0/64 'link#2' UC - shmif0
	check_route R ff02::%shmif0/32 'link#2' UC - shmif0
	says R "add net 10.2.0.0: gateway 10.0.0.1" route add -net 10.2.0.0/16 10.0.0.1
	says R "add host 10.3.0.1: gateway 10.0.0.1" route add -host 10.3.0.1 10.0.0.1
	says R "add net 10.4.0.0: gateway 127.0.0.1" route add -net 10.4.0.0/16 127.0.0.1 -reject
	says R "add net 10.5.0.0: gateway 127.0.0.1" route add -net 10.5.0.0/16 127.0.0.1 -blackhole
	run R route add -net 10.6.0.0/16 -connected -iface shmif0
	says R "add net default: gateway 10.0.0.1" route add default 10.0.0.1
	says R "add net default: gateway fe80::9%shmif0" route add -inet6 default fe80::9%shmif0
	check_route R 10.2/16 10.0.0.1 UGS - shmif0
	check_route R 10.3.0.1 10.0.0.1 UGHS - shmif0
	check_route R 10.4/16 127.0.0.1 UGRS 33624 lo0
	check_route R 10.5/16 127.0.0.1 UGBS 33624 lo0
	check_route R 10.6/16 'link#2' UCS - shmif0
	check_route R default 10.0.0.1 UGS - shmif0
	check_route R default fe80::9%shmif0 UGS - shmif0
	run R route change -net 10.2.0.0/16 -reject
	check_route R 10.2/16 10.0.0.1 UGRS - shmif0
	run R route change -net 10.2.0.0/16 -noreject
	check_route R 10.2/16 10.0.0.1 UGS - shmif0
	run R route change -net 10.0.0.0/24 -reject
	check_route R 10.0.0/24 'link#2' URC - shmif0
	run R route change -net 10.0.0.0/24 -noreject

	refuses R "File exists" route add default 10.0.0.7
	refuses R "File exists" route add -net 10.0.0.0/24 10.0.0.7
	refuses R "not in table" route delete -net 10.7.0.0/16
	refuses R "unreachable" route add -net 10.7.0.0/16 10.2.0.1
	refuses R "unreachable" route add -inet6 2001:db8:7::/48 2001:db8:8::1
	refuses R "unreachable" route change -net 10.2.0.0/16 192.0.2.1
	check_route R 10.2/16 10.0.0.1 UGS - shmif0

	says R "delete net 10.2.0.0" route delete -net 10.2.0.0/16
	check_no_route R 10.2/16
	run R route delete -net 10.0.0.0/24
	check_no_route R 10.0.0/24
	check_route R 10.3.0.1 10.0.0.1 GHS - shmif0
	run R ifconfig shmif0 destroy
	check_no_route R 10.6/16
	run R route -n flush
	check_no_route R default
	check_route R 127.0.0.1 lo0 UHl 33624 lo0
	finish
}

test_case get "the route of an address"
get_body() {
	daemon R
	set_if R shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	dad_wait R
	run R route add -net 10.2.0.0/16 10.0.0.1
	run R route add -net 10.2.3.0/24 10.0.0.9
	atf_check -s exit:0 -o save:got "$BUILD/smpnet" -s "unix://$PWD/R.sock" route -n get 10.2.3.4
	head -7 got >head
	cat >want <<-'EOF'
		   route to: 10.2.3.4
		destination: 10.2.3.0
		       mask: 255.255.255.0
		    gateway: 10.0.0.9
		 local addr: 10.0.0.2
		  interface: shmif0
		      flags: <UP,GATEWAY,DONE,STATIC>
	EOF
	atf_check cmp want head
	shows R "gateway: 10.0.0.1" route -n get 10.2.4.1
	shows R "flags: <UP,DONE,CONNECTED>" route -n get 10.0.0.9
	shows R "flags: <UP,HOST,DONE,LOCAL>" route -n get 10.0.0.2
	shows R "interface: lo0" route -n get 10.0.0.2
	shows R "flags: <UP,DONE,CONNECTED>" route -n get -inet6 2001:db8::77
	refuses R "not in table" route -n get 10.9.0.1
	refuses R "not in table" route -n get -inet6 2001:db8:9::1
	finish
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
	run A route delete default 10.0.0.3
	check_no_route A "default +10"
	finish
}

test_case monitor "messages of routes, addresses and interfaces"
monitor_body() {
	daemon R
	set_if R shmif0 bus0 10.0.0.2/24 ""
	dad_wait R
	"$BUILD/smpnet" -s "unix://$PWD/R.sock" route -n monitor >out 2>&1 &
	echo $! >>pids
	until_ok 10 monitored
	run R route add -net 10.2.0.0/16 10.0.0.1
	run R route change -net 10.2.0.0/16 10.0.0.3
	run R route delete -net 10.2.0.0/16
	run R ifconfig shmif0 inet 10.9.0.1/24 alias
	run R ifconfig shmif0 inet 10.9.0.1 -alias
	until_ok 10 grep -q RTM_DELADDR out
	smp R ping -n -c 1 -w 1 192.0.2.99
	until_ok 10 grep -q RTM_MISS out
	atf_check -o match:"RTM_ADD.+<UP,GATEWAY,DONE,STATIC>" -o match:"<DST,GATEWAY,NETMASK>" \
	    -o match:"10.2.0.0 10.0.0.1 255.255.0.0" -o match:"RTM_CHANGE" -o match:"10.2.0.0 10.0.0.3 255.255.0.0" \
	    -o match:"RTM_DELETE.+<UP,GATEWAY,DONE,STATIC>" -o match:"RTM_NEWADDR" -o match:"shmif0 10.9.0.1" \
	    -o match:"RTM_MISS.+<DONE>" -o match:"sockaddrs: <DST>" -o match:" 192.0.2.99$" cat out
	timeout 30 "$BUILD/smpnet" -s "unix://$PWD/R.sock" route -n monitor -c 1 >one 2>&1 &
	until_ok 20 one_seen
	finish
}
# The monitor is there when it reports a change.
monitored() {
	smp R route add -net 10.1.0.0/16 10.0.0.1
	smp R route delete -net 10.1.0.0/16
	grep -q "RTM_ADD" out
}
one_seen() {
	smp R route add -net 10.1.0.0/16 10.0.0.1
	smp R route delete -net 10.1.0.0/16
	[ "$(grep -c '^got message' one)" = 1 ]
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
