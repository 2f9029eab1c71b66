# ifconfig: what NetBSD users type and their scripts match, and interfaces that come and go while everything looks.

one() {
	daemon A
	run A sysctl -w net.inet.ip.dad_count=0
	run A sysctl -w net.inet6.ip6.dad_count=0
	ok A ifconfig shmif0 create
	ok A ifconfig shmif0 linkstr bus
}

test_case forms4 "IPv4 addresses in every notation"
forms4_body() {
	one
	ok A ifconfig shmif0 10.1.2.3
	shows A '^	inet 10.1.2.3/8 broadcast 10.255.255.255 flags 0$' ifconfig shmif0
	ok A ifconfig shmif0 inet 172.16.1.1 # in its place: classful
	shows A '^	inet 172.16.1.1/16 broadcast 172.16.255.255 flags 0$' ifconfig shmif0
	shows_not A '10.1.2.3' ifconfig shmif0
	ok A ifconfig shmif0 inet 192.168.1.1 netmask 255.255.255.192 broadcast 192.168.1.60
	shows A '^	inet 192.168.1.1/26 broadcast 192.168.1.60 flags 0$' ifconfig shmif0
	ok A ifconfig shmif0 inet 10.0.2.1 netmask 0xffffff00 alias
	ok A ifconfig shmif0 inet 10.0.3.1/24 alias
	ok A ifconfig shmif0 alias 10.0.4.1/24
	for n in 2 3 4; do shows A "^	inet 10.0.$n.1/24 broadcast 10.0.$n.255 flags 0\$" ifconfig shmif0; done
	ok A ifconfig shmif0 -alias 10.0.2.1
	ok A ifconfig shmif0 10.0.3.1 delete
	ok A ifconfig shmif0 inet 10.0.4.1 delete
	shows_not A 'inet 10.' ifconfig shmif0
	# both ends of a line
	ok A ifconfig lo1 create
	ok A ifconfig lo1 10.9.0.1 10.9.0.2
	shows A '^	inet 10.9.0.1/8 -> 10.9.0.2 flags 0$' ifconfig lo1
	ok A ifconfig lo1 inet 10.9.1.1/32 10.9.1.2
	shows A '^	inet 10.9.1.1/32 -> 10.9.1.2 flags 0$' ifconfig lo1
	ok A ifconfig lo1 inet6 fd00::1/128 fd00::2
	shows A '^	inet6 fd00::1/128 -> fd00::2 flags 0$' ifconfig lo1
	ok A ifconfig lo1 inet 0.0.0.0 0.0.0.1 down
	shows A '^	inet 0.0.0.0/8 -> 0.0.0.1 flags ' ifconfig lo1
	refuses A 'SIOCAIFADDR: Invalid argument' ifconfig shmif0 inet 10.0.0.1/32 10.0.0.2
	refuses A 'SIOCAIFADDR: Invalid argument' ifconfig shmif0 inet 0.0.0.0 0.0.0.1 down
	for a in 127.0.0.2/8 224.0.0.1 255.255.255.255 0.0.0.0; do
		refuses A "SIOCAIFADDR: Can't assign requested address" ifconfig shmif0 inet $a
	done
	refuses A 'SIOCAIFADDR_IN6: File exists' ifconfig shmif0 inet6 fd00::1/128
	refuses A 'has holes' ifconfig shmif0 inet 10.0.0.1 netmask 255.0.255.0
	refuses A 'is not an IPv4 address' ifconfig shmif0 inet 10.0.0.1/33
	shows A '^	inet 192.168.1.1/26 ' ifconfig shmif0
	finish
}

test_case forms6 "IPv6 addresses in every notation"
forms6_body() {
	one
	ok A ifconfig shmif0 inet6 2001:db8::1
	ok A ifconfig shmif0 inet6 2001:db8:1::1/48
	ok A ifconfig shmif0 inet6 2001:db8:2::1 prefixlen 56 alias
	ok A ifconfig shmif0 inet6 alias 2001:db8:3::1/64
	ok A ifconfig shmif0 inet6 2001:db8:4::1/64 anycast
	ok A ifconfig shmif0 inet6 2001:db8:5::1/64 deprecated
	ok A ifconfig shmif0 inet6 fe80::5%shmif0/64
	for a in ':1/64 flags 0' '1::1/48 flags 0' '2::1/56 flags 0' '3::1/64 flags 0' '4::1/64 flags 0x1<ANYCAST>' \
	    '5::1/64 flags 0x10<DEPRECATED>'; do
		shows A "^	inet6 2001:db8:$a\$" ifconfig shmif0
	done
	shows A '^	inet6 fe80::5%shmif0/64 flags 0 scopeid 0x2$' ifconfig shmif0 inet6
	ok A ifconfig shmif0 inet6 2001:db8:4::1/64 -anycast
	shows A '^	inet6 2001:db8:4::1/64 flags 0$' ifconfig shmif0
	ok A ifconfig shmif0 inet6 2001:db8:1::1 delete
	ok A ifconfig shmif0 inet6 2001:db8:2::1 -alias
	ok A ifconfig shmif0 inet6 -alias 2001:db8:3::1
	ok A ifconfig shmif0 inet6 fe80::5 delete
	shows_not A '2001:db8:[123]:|fe80::5' ifconfig shmif0
	for a in :: ::1 ff02::1 ::ffff:10.0.0.1; do
		refuses A "SIOCAIFADDR_IN6: Can't assign requested address" ifconfig shmif0 inet6 $a
	done
	refuses A "SIOCDIFADDR_IN6: Can't assign requested address" ifconfig shmif0 inet6 2001:db8::77 delete
	refuses A 'for inet6 addresses only' ifconfig shmif0 inet 10.0.0.1/24 anycast
	finish
}

test_case link "link addresses, flags, MTU and the rest of the interface"
link_body() {
	one
	own=$(smp A ifconfig shmif0 | awk '/address:/ { print $2 }')
	ok A ifconfig shmif0 link 02:00:00:00:00:05
	shows A "^	address: $own\$" ifconfig shmif0
	shows A '^	link 02:00:00:00:00:05$' ifconfig shmif0 link
	shows_not A '^	link ' ifconfig shmif0 inet
	ok A ifconfig shmif0 link 02:00:00:00:00:06 active
	shows A '^	address: 02:00:00:00:00:06$' ifconfig shmif0
	shows A "^	link $own\$" ifconfig shmif0
	refuses A '^ifconfig: SIOCDLIFADDR: Device busy' ifconfig shmif0 link 02:00:00:00:00:06 delete
	refuses A '^ifconfig: SIOCDLIFADDR: Device busy' ifconfig shmif0 link $own delete
	refuses A "^ifconfig: SIOCDLIFADDR: Can't assign requested address" ifconfig shmif0 link 02:00:00:00:00:07 delete
	refuses A '^ifconfig: SIOCALIFADDR: Invalid argument' ifconfig shmif0 link 01:00:00:00:00:07
	refuses A '^ifconfig: SIOCALIFADDR: Operation not supported' ifconfig lo0 link 02:00:00:00:00:07
	shows A '^ifconfig shmif0 link 02:00:00:00:00:05$' config save
	shows A '^ifconfig shmif0 link 02:00:00:00:00:06 active$' config save
	ok A ifconfig shmif0 link 02:00:00:00:00:05 active
	ok A ifconfig shmif0 link 02:00:00:00:00:06 delete
	shows_not A '00:00:06' ifconfig shmif0
	ok A ifconfig shmif0 debug link0 link1 link2 -arp metric 3 mtu 1400 up
	shows A '^shmif0: flags=0x.*<UP,BROADCAST,DEBUG,RUNNING,NOARP,SIMPLEX,LINK0,LINK1,LINK2,MULTICAST> metric 3 mtu 1400$' ifconfig shmif0
	ok A ifconfig shmif0 -debug -link0 -link1 -link2 arp promisc
	shows A '^shmif0: flags=0x.*<UP,BROADCAST,RUNNING,PROMISC,SIMPLEX,MULTICAST> ' ifconfig shmif0
	for m in 0 41 9001 70000; do refuses A '^ifconfig: SIOCSIFMTU: Invalid argument' ifconfig shmif0 mtu $m; done
	refuses A '^ifconfig: vlan: not supported$' ifconfig shmif0 vlan 3
	refuses A '^ifconfig: SIOCIFCREATE: File exists$' ifconfig shmif0 create
	refuses A '^ifconfig: SIOCIFDESTROY: Device not configured$' ifconfig shmif9 destroy
	finish
}

test_case display "all ways to look"
display_body() {
	one
	ok A ifconfig shmif0 inet 10.0.0.1/24
	ok A ifconfig shmif0 inet6 2001:db8::1/64
	ok A ifconfig shmif1 create
	for a in -a "" -N -h; do shows A '^lo0: flags=0x8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 33624$' ifconfig $a; done
	while read -r want args; do
		atf_check -s exit:0 -o inline:"$(echo "$want" | tr _ ' ')\n" "$BUILD/smpnet" -s "unix://$PWD/A.sock" ifconfig $args
	done <<-END
	lo0_shmif0_shmif1 -l
	shmif0_shmif1 -l -b
	shmif0_shmif1 -lb
	shmif1 -l -d
	lo0_shmif0 -l -u
	lo0_shmif0 -l -s
	END
	shows A '^shmif0: ' ifconfig 2
	shows A '^	inet6 2001:db8::1/64' ifconfig 2 inet6
	shows_not A 'inet ' ifconfig -a inet6
	shows_not A 'inet6' ifconfig -av inet
	shows_not A 'inet' ifconfig shmif0 atalk
	for a in -v -z "-h -v" -hv; do
		shows A '^	input: [0-9]+ packets?, [0-9.KM]+ bytes?' ifconfig $a shmif0
		shows A '^	output: [0-9]+ packets?, [0-9.KM]+ bytes?' ifconfig $a shmif0
	done
	shows A '^		media auto$' ifconfig -m shmif0
	shows A '^	media: Ethernet autoselect$' ifconfig shmif0
	shows A '^	linkstate: up$' ifconfig shmif0
	ok A ifconfig -s shmif0
	ok A ifconfig shmif0 media none
	shows A '^	media: Ethernet none$' ifconfig shmif0
	shows A '^	linkstate: down$' ifconfig shmif0
	atf_check -s exit:1 "$BUILD/smpnet" -s "unix://$PWD/A.sock" ifconfig -s shmif0
	shows A '(^| )lo( |$)' ifconfig -C
	shows A '(^| )shmif( |$)' ifconfig -C
	refuses A '^ifconfig: SIOCGIFFLAGS 99: Device not configured$' ifconfig 99
	refuses A '^usage: ifconfig' ifconfig -X
	refuses A '^usage: ifconfig' ifconfig -w
	finish
}

look() { # every tool that shows something, again and again, until the file "over" is there
	while [ ! -e over ]; do
		for tool in "ifconfig -av" "ifconfig -aL inet6" "ifconfig shmif0" "netstat -rn" "netstat -i" "arp -an" "ndp -an" "route -n show" \
		    "ndp -i shmif0" "config save" "ifmcstat"; do
			smp A $tool >look.out 2>&1 || grep -q 'Device not configured\|no such interface' look.out ||
			    { cp look.out "look.failed"; echo "$tool" >>look.failed; }
		done
		echo >>looked
	done
}

test_case churn "an interface is destroyed in each state, with addresses in each state, while everything looks"
churn_body() {
	WORKERS=2 daemon A
	daemon B
	run B sysctl -w net.inet.ip.dad_count=0
	run B sysctl -w net.inet6.ip6.dad_count=0
	set_if B shmif0 bus 10.0.0.2/24 2001:db8::2/64
	smp B ping -n -i 0.01 10.0.0.1 >/dev/null 2>&1 &
	echo $! >>pids
	smp B ping6 -n -i 0.01 2001:db8::1 >/dev/null 2>&1 &
	echo $! >>pids
	look &
	looker=$!
	for round in 1 2 3 4 5 6 7 8 9 10; do
		ok A ifconfig shmif0 create
		[ $round = 1 ] || ok A ifconfig shmif0 linkstr bus
		run A sysctl -w net.inet.ip.dad_count=$((round % 2 * 3))
		run A sysctl -w net.inet6.ip6.dad_count=$((round % 2))
		ok A ifconfig shmif0 inet 10.0.0.1/24
		ok A ifconfig shmif0 inet 10.0.0.2/24 alias # B's
		ok A ifconfig shmif0 inet6 2001:db8::1/64
		ok A ifconfig shmif0 inet6 2001:db8::2/64
		ok A ifconfig shmif0 inet6 2001:db8::3/64 anycast
		ok A ifconfig shmif0 inet6 2001:db8::4/64 deprecated
		ok A ifconfig shmif0 inet6 2001:db8::5/64 pltime 0
		ok A ifconfig shmif0 inet6 2001:db8::6/64 pltime 1 vltime 1
		ok A ifconfig shmif0 link 02:00:00:00:00:0$((round % 9)) active
		run A route add 10.1.0.0/16 10.0.0.9
		run A route add -inet6 default 2001:db8::9
		case $round in
		2) ok A ifconfig shmif0 down ;;
		3) ok A ifconfig shmif0 media none ;;
		4) ok A ifconfig shmif0 -linkstr ;;
		5) sleep 1 ;; # duplicates, an end of a lifetime
		6) ok A ifconfig shmif0 down && ok A ifconfig shmif0 up ;;
		7) ok A ifconfig shmif0 inet6 2001:db8::1 delete && ok A ifconfig shmif0 -alias 10.0.0.1 ;;
		8) ok A ifconfig shmif0 mtu 600 ;;
		esac
		ok A ifconfig shmif0 destroy
		shows_not A '^(10.0.0|2001:db8)' netstat -rn
		run A route delete 10.1.0.0/16
		run A route delete -inet6 default
	done
	touch over
	wait $looker
	[ ! -e look.failed ] || { cat look.failed; atf_fail "a tool failed"; }
	[ -s looked ] || atf_fail "nobody looked"
	shows_not A 'shmif' netstat -rn
	finish
}
