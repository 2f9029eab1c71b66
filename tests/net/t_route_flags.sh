# The kinds of routes as netstat -rn and route show show them.

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
	check_route R 10.0.0/24 'link#2' URCS - shmif0
	shows R "route change -net 10.0.0.0/24 -reject$" config save
	run R route change -net 10.0.0.0/24 -noreject
	check_route R 10.0.0/24 'link#2' UCS - shmif0

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
	check_route R 10.3.0.1 10.0.0.1 UGHS - shmif0
	run R ifconfig shmif0 destroy
	check_no_route R 10.6/16
	run R route -n flush
	check_no_route R default
	check_route R 127.0.0.1 lo0 UHl 33624 lo0
	finish
}

test_case nowhere "flags of routes to nowhere, and what ping says of each"
cannot() { # cannot PING ARGS WORDS
	atf_check -s not-exit:0 -o ignore -e match:"$3" "$BUILD/smpnet" -s "unix://$PWD/R.sock" $1 -n -c 1 $2
}
nowhere_body() {
	daemon R
	set_if R shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	dad_wait R
	# The gateway's network has no route, but an address of ours is in it.
	run R route delete -net 10.0.0.0/24
	run R route add -net 10.0.0.0/24 10.0.0.1 -reject
	check_route R 10.0.0/24 10.0.0.1 UGRS - shmif0
	cannot ping "-w 1 10.0.0.1" "No route to host"
	run R route delete -net 10.0.0.0/24
	run R route add -net 10.0.0.0/24 127.0.0.1 -reject
	check_route R 10.0.0/24 127.0.0.1 UGRS 33624 lo0
	cannot ping "-w 1 10.0.0.1" "Network is unreachable"
	run R route delete -net 10.0.0.0/24
	run R route add -host 10.0.0.1/24 127.0.0.1 -iface -reject
	check_route R 10.0.0.1 lo0 UHRS 33624 lo0
	cannot ping "-w 1 10.0.0.1" "No route to host"
	run R route add -net 10.0.0.0/24 10.0.0.9 -proxy
	check_route R 10.0.0/24 10.0.0.9 UGSp - shmif0
	shows R "route add -net 10.0.0.0/24 10.0.0.9 -proxy$" config save

	# Of one kind at a time
	run R route add 207.46.197.32 127.0.0.1 -reject
	shows R "^207.46.197.32 +127.0.0.1 +UGHR +-" route -n show -inet
	run R route change 207.46.197.32 127.0.0.1 -blackhole
	check_route R 207.46.197.32 127.0.0.1 UGHBS 33624 lo0

	run R route delete -inet6 -net 2001:db8::/64
	run R route add -inet6 -net 2001:db8::/64 2001:db8::1 -reject
	check_route R 2001:db8::/64 2001:db8::1 UGRS - shmif0
	cannot ping6 "-X 1 2001:db8::1" "No route to host"
	run R route change -inet6 -net 2001:db8::/64 -noreject -blackhole
	check_route R 2001:db8::/64 2001:db8::1 UGBS - shmif0
	says R "add net ::0.0.0.0: gateway ::1" route add -inet6 ::0.0.0.0 -prefixlen 104 ::1 -reject
	run R route add -inet6 default 2001:db8::1
	says R "change net default" route change -inet6 default -reject
	check_route R default 2001:db8::1 UGRS - shmif0
	finish
}

test_case neighbours "neighbours among the routes: learned, set for good; not with -L"
neighbours_body() {
	three
	until_ok 20 smp A ping -n -c 1 -w 1 10.0.0.2
	until_ok 20 smp A ping6 -n -c 1 -X 1 2001:db8::2
	run A arp -s 10.0.0.77 02:00:00:00:00:77
	run A arp -s 10.0.0.78 02:00:00:00:00:78 temp
	run A ndp -s 2001:db8::77 02:00:00:00:00:77
	check_route A 10.0.0.2 '[0-9a-f:]+' UHL - shmif0
	check_route A 2001:db8::2 '[0-9a-f:]+' UHL - shmif0
	check_route A 10.0.0.77 02:00:00:00:00:77 UHLS - shmif0
	check_route A 10.0.0.78 02:00:00:00:00:78 UHL - shmif0
	check_route A 2001:db8::77 02:00:00:00:00:77 UHLS - shmif0
	shows_not A "UHL" netstat -rnL
	shows_not A "UHL" route -n show
	shows A "Tag +Interface" netstat -nrT
	# Every form, whatever the state
	for i in "-rn" "-nr -f inet" "-nr -f inet6" "-nrT" "-nai" "-i -a" "-a" "-na -f inet" "-p icmp6" "-rnL --json"; do
		atf_check -s exit:0 -o ignore -e empty "$BUILD/smpnet" -s "unix://$PWD/A.sock" netstat $i
	done
	finish
}

test_case beyond "a gateway behind an interface route, with an address of another network; those that are not reachable"
beyond_body() {
	daemon A
	daemon R
	set_if R shmif0 bus0 192.168.0.1/24 2001:db8:2::1/64
	set_if A shmif0 bus0 10.0.0.1/32 2001:db8:1::1/128
	dad_wait A R
	says R "add net 10.0.0.1: gateway shmif0" route add -net 10.0.0.1/32 -link -cloning -iface shmif0
	run R route add -inet6 -net 2001:db8:1::1/128 -link -cloning -iface shmif0
	atf_check -s not-exit:0 -o match:"100.0% packet loss" -e match:"No route to host" \
	    "$BUILD/smpnet" -s "unix://$PWD/A.sock" ping -n -c 1 -w 1 192.168.0.1
	says A "add net 192.168.0.1: gateway shmif0" route add -net 192.168.0.1/32 -link -cloning -iface shmif0
	says A "add net default: gateway 192.168.0.1" route add default -ifa 10.0.0.1 192.168.0.1
	run A route add -inet6 -net 2001:db8:2::1/128 -link -cloning -iface shmif0
	run A route add -inet6 default -ifa 2001:db8:1::1 2001:db8:2::1
	until_ok 20 smp A ping -n -c 1 -w 1 192.168.0.1
	until_ok 20 smp A ping6 -n -c 1 -X 1 2001:db8:2::1
	# By an interface route, by a gateway's route, by none
	run A route add -net 10.0.3.0/24 -connected -link -iface shmif0
	check_route A 10.0.3/24 'link#2' UCS - shmif0
	run A route add -net 10.0.4.0/24 10.0.3.1
	refuses A "unreachable" route add -net 10.0.6.0/24 10.0.4.1
	run A route delete default
	refuses A "unreachable" route add -net 10.0.4.0/26 10.0.5.1
	run A route add -inet6 -net 2001:db8:3::/64 -connected -link -iface link#2
	run A route add -inet6 -net 2001:db8:4::/64 2001:db8:3::1
	refuses A "unreachable" route add -inet6 -net 2001:db8:6::/64 2001:db8:4::1
	refuses A "unreachable" route add -inet6 -net 2001:db8:7::4/128 2001:db8:5::1
	refuses A "no MPLS yet" route add -net 10.9.0.0/16 10.0.3.1 -tag 25
	# The gateway's network goes to another interface: its routes follow.
	run A ifconfig shmif1 create
	run A ifconfig shmif1 linkstr bus1
	run A ifconfig shmif1 up
	run A route change -net 10.0.3.0/24 -iface shmif1
	check_route A 10.0.4/24 10.0.3.1 UGS - shmif1
	run A route delete -net 10.0.3.0/24
	check_route A 10.0.4/24 10.0.3.1 GS - shmif1
	finish
}
