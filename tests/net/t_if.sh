# Interfaces and their addresses.
#
#	A 10.0.0.1 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1 --- 10.0.1.1 B
#	  2001:db8::1            ::2       2001:db8:1::2         ::1

unanswered() { # unanswered NAME ping|ping6 DST
	local limit=-w
	[ "$2" = ping6 ] && limit=-X
	atf_check -s not-exit:0 -o match:"100.0% packet loss" -e ignore \
	    "$BUILD/smpnet" -s "unix://$PWD/$1.sock" "$2" -n -c 1 $limit 2 "$3"
}

sees() { # sees NAME REGEX TOOL ARGS...: does the tool print a line that matches?  For until_ok
	local name=$1 re=$2
	shift 2
	smp "$name" "$@" | grep -E "$re"
}
sees_not() {
	! sees "$@"
}

test_case dad "an address that another host has is found out, for both families, and not used"
dad_body() {
	daemon A
	daemon B
	set_if A shmif0 bus0 10.0.0.1/24 2001:db8::1/64
	set_if B shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	dad_wait A B
	run B ifconfig shmif0 inet 10.0.0.1/24 alias
	# the answer may have come already
	shows B "inet 10.0.0.1/24.*(TENTATIVE|DUPLICATED)" ifconfig shmif0
	run B ifconfig shmif0 inet6 2001:db8::1/64 alias
	until_ok 30 sees B "inet 10.0.0.1/24.*DUPLICATED" ifconfig shmif0
	until_ok 30 sees B "inet6 2001:db8::1/64.*DUPLICATED" ifconfig shmif0
	shows_not A "DUPLICATED" ifconfig shmif0
	# B asks A, not itself
	shows B "1 packets received" ping -n -c 1 10.0.0.1
	shows B "1 packets received" ping6 -n -c 1 2001:db8::1
	shows B "10.0.0.1\) at" arp -an
	ok B ifconfig shmif0 -alias 10.0.0.1
	ok B ifconfig shmif0 inet6 2001:db8::1 -alias
	shows_not B "DUPLICATED" ifconfig shmif0
	finish
}

test_case dad_down "what is set while the interface is down: IPv4 is announced, IPv6 is probed for"
dad_down_body() {
	daemon A
	run A sysctl -w net.inet6.ip6.auto_linklocal=0
	run A ifconfig shmif0 create
	run A ifconfig shmif0 linkstr bus0
	shows A "shmif0: flags=0x8802<BROADCAST,SIMPLEX,MULTICAST> mtu 1500" ifconfig shmif0
	run A ifconfig shmif0 10.0.0.1/24
	shows A "UP,BROADCAST,RUNNING" ifconfig shmif0
	shows A "inet 10.0.0.1/24 broadcast 10.0.0.255 flags 0$" ifconfig shmif0
	shows_not A "fe80" ifconfig shmif0
	smp A dumpbus bus0 | tcpdump -n -r - 2>/dev/null >dump
	atf_check -s exit:0 -o ignore grep "who-has 10.0.0.1 .*tell 10.0.0.1" dump
	atf_check -s not-exit:0 grep "tell 0.0.0.0" dump
	run A sysctl -w net.inet6.ip6.auto_linklocal=1
	run A ifconfig shmif0 down
	shows A "inet 10.0.0.1/24.*DETACHED" ifconfig shmif0
	run A ifconfig shmif0 up
	shows A "inet6 fe80::.*TENTATIVE" ifconfig shmif0
	dad_wait A
	smp A dumpbus bus0 | tcpdump -n -r - 2>/dev/null >dump
	atf_check -s exit:0 -o ignore grep "who-has 10.0.0.1 .*tell 0.0.0.0" dump
	atf_check -s exit:0 -o ignore grep ":: > ff02::1:ff.*neighbor solicitation" dump
	finish
}

test_case link "addresses are detached while the link is down, and probed for when it comes back"
link_body() {
	daemon A
	daemon B
	set_if A shmif0 bus0 10.0.0.1/24 2001:db8::1/64
	set_if B shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	dad_wait A B
	shows A "1 packets received" ping -n -c 1 10.0.0.2
	run A ifconfig shmif0 media none
	shows A "linkstate: down" ifconfig shmif0
	shows A "inet 10.0.0.1/24.*DETACHED" ifconfig shmif0
	shows A "inet6 2001:db8::1/64.*DETACHED" ifconfig shmif0
	shows A "inet6 fe80:.*DETACHED" ifconfig shmif0
	run A ifconfig shmif0 inet6 2001:db8::11/64 alias
	shows A "inet6 2001:db8::11/64.*DETACHED" ifconfig shmif0
	run A ifconfig shmif0 media auto
	shows A "linkstate: up" ifconfig shmif0
	shows A "inet6 2001:db8::11/64.*TENTATIVE" ifconfig shmif0
	dad_wait A
	shows_not A "DETACHED|TENTATIVE" ifconfig shmif0
	shows A "1 packets received" ping -n -c 1 10.0.0.2
	shows B "1 packets received" ping6 -n -c 1 2001:db8::11
	# the same by another segment
	ok A ifconfig shmif0 -linkstr
	shows A "linkstate: down" ifconfig shmif0
	run A ifconfig shmif0 linkstr bus0
	dad_wait A
	shows A "1 packets received" ping -n -c 1 10.0.0.2
	finish
}

test_case lifetime "an address is deprecated after pltime and gone after vltime"
lifetime_body() {
	daemon A
	set_if A shmif0 bus0 10.0.0.1/24 ""
	run A sysctl -w net.inet6.ip6.dad_count=0
	refuses A "Invalid argument" ifconfig shmif0 inet6 2001:db8::1/64 pltime 9 vltime 5
	run A ifconfig shmif0 inet6 2001:db8::1/64 pltime 2 vltime 5
	shows A "inet6 2001:db8::1/64 flags 0 .*pltime [12] vltime [345]" ifconfig -L shmif0
	until_ok 20 sees A "inet6 2001:db8::1/64 .*DEPRECATED" ifconfig shmif0
	until_ok 20 sees_not A "2001:db8::1" ifconfig shmif0
	shows_not A "2001:db8::1" netstat -rn
	run A ifconfig shmif0 inet6 2001:db8::2/64
	shows A "2001:db8::2/64 flags 0$" ifconfig -L shmif0
	run A ifconfig shmif0 inet6 2001:db8::2/64 deprecated
	shows A "inet6 2001:db8::2/64 .*DEPRECATED" ifconfig shmif0
	run A ifconfig shmif0 inet6 2001:db8::2/64 -deprecated
	shows A "inet6 2001:db8::2/64 flags 0" ifconfig shmif0
	finish
}

test_case alias "several addresses: each answers, the first stays the source, each goes alone"
alias_body() {
	daemon A
	daemon B
	set_if A shmif0 bus0 10.0.0.1/24 2001:db8::1/64
	set_if B shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	for d in A B; do run $d sysctl -w net.inet.ip.dad_count=0; done
	for d in A B; do run $d sysctl -w net.inet6.ip6.dad_count=0; done
	run A ifconfig shmif0 inet 10.0.0.11/24 alias
	run A ifconfig shmif0 inet 10.0.0.12/24 alias
	run A ifconfig shmif0 inet6 2001:db8::11/64
	dad_wait A B
	for a in 1 11 12; do shows B "1 packets received" ping -n -c 1 10.0.0.$a; done
	for a in 1 11; do shows B "1 packets received" ping6 -n -c 1 2001:db8::$a; done
	shows A "PING" ping -n -c 1 10.0.0.2
	smp A dumpbus bus0 | tcpdump -n -r - icmp 2>/dev/null >dump
	atf_check -s exit:0 -o ignore grep "10.0.0.1 > 10.0.0.2: ICMP echo request" dump
	# the first goes: the others stay, with the route to the network
	ok A ifconfig shmif0 -alias 10.0.0.1
	shows A "1 packets received" ping -n -c 1 10.0.0.2
	smp A dumpbus bus0 | tcpdump -n -r - icmp 2>/dev/null >dump
	atf_check -s exit:0 -o ignore grep "10.0.0.11 > 10.0.0.2: ICMP echo request" dump
	unanswered B ping 10.0.0.1
	shows B "1 packets received" ping -n -c 1 10.0.0.12
	# again, with another prefix length: replaced
	run A ifconfig shmif0 inet 10.0.0.12/16 alias
	shows A "inet 10.0.0.12/16" ifconfig shmif0
	shows_not A "inet 10.0.0.12/24" ifconfig shmif0
	refuses A "Can't assign requested address" ifconfig shmif0 -alias 10.0.0.99
	finish
}

test_case lladdr "a new link address: neighbours follow"
lladdr_body() {
	daemon A
	daemon B
	set_if A shmif0 bus0 10.0.0.1/24 2001:db8::1/64
	set_if B shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	dad_wait A B
	shows B "1 packets received" ping -n -c 1 10.0.0.1
	shows B "1 packets received" ping6 -n -c 1 2001:db8::1
	run A ifconfig shmif0 link 02:00:00:00:aa:01 active
	shows A "address: 02:00:00:00:aa:01" ifconfig shmif0
	shows B "1 packets received" ping -n -c 1 10.0.0.1
	shows B "1 packets received" ping6 -n -c 1 2001:db8::1
	shows B "10.0.0.1\) at 02:00:00:00:aa:01" arp -an
	refuses A "Invalid argument" ifconfig shmif0 link 01:00:00:00:00:01 active
	finish
}

test_case loopback "lo0 is there; another can be made, given addresses, destroyed"
loopback_body() {
	daemon A
	shows A "lo0: flags=0x8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 33624" ifconfig -a
	shows A "1 packets received" ping -n -c 1 127.0.0.1
	shows A "1 packets received" ping6 -n -c 1 ::1
	shows A "1 packets received" ping -n -c 1 -s 30000 127.0.0.1
	ok A ifconfig lo1 create
	ok A ifconfig lo1 inet 10.9.9.9/32
	ok A ifconfig lo1 inet6 2001:db8:9::9/128
	shows A "1 packets received" ping -n -c 1 10.9.9.9
	shows A "1 packets received" ping6 -n -c 1 2001:db8:9::9
	ok A ifconfig lo1 destroy
	refuses A "Device not configured" ifconfig lo1
	shows_not A "10.9.9.9|2001:db8:9" netstat -rn
	refuses A "not permitted" ifconfig lo0 destroy
	finish
}

test_case destroy "interfaces are destroyed and made again in every state, under traffic"
destroy_body() {
	WORKERS=2 three
	smp A ping -n -i 0.01 10.0.1.1 >/dev/null 2>&1 &
	echo $! >>pids
	smp A ping6 -n -i 0.01 2001:db8:1::1 >/dev/null 2>&1 &
	echo $! >>pids
	for round in 1 2 3 4 5 6 7 8; do
		case $((round % 4)) in
		0) run R ifconfig shmif1 down ;;
		1) run R ifconfig shmif1 media none ;;
		2) run R ifconfig shmif1 inet 10.0.9.$round/24 alias ;; # DAD runs
		esac
		ok R ifconfig shmif1 destroy
		ok R ifconfig shmif1 create
		[ $round = 5 ] && ok R ifconfig shmif1 destroy && ok R ifconfig shmif1 create
		run R ifconfig shmif1 linkstr bus1
		[ $round = 6 ] && ok R ifconfig shmif1 destroy && run R ifconfig shmif1 create && run R ifconfig shmif1 linkstr bus1
		run R ifconfig shmif1 inet 10.0.1.2/24
		run R ifconfig shmif1 inet6 2001:db8:1::2/64
		dad_wait R
		until_ok 30 sees A " 0.0% packet loss" ping -n -c 1 -w 2 10.0.1.1
		until_ok 30 sees A " 0.0% packet loss" ping6 -n -c 1 -X 2 2001:db8:1::1
	done
	run R ifconfig shmif0 destroy
	run R ifconfig shmif1 destroy
	shows_not R "shmif" netstat -rn
	shows_not R "shmif" arp -an
	finish
}

test_case counters "counters count, and start at 0 again with -z"
counters_body() {
	daemon A
	daemon B
	set_if A shmif0 bus0 10.0.0.1/24 ""
	set_if B shmif0 bus0 10.0.0.2/24 ""
	dad_wait A B
	shows A "5 packets received" ping -n -c 5 -i 0.05 10.0.0.2
	shows A "input: [0-9]+ packets, [0-9]+ bytes" ifconfig -v shmif0
	shows A "output: [0-9]+ packets, [0-9]+ bytes" ifconfig -z shmif0
	shows A "output: [01] packets?, [0-9]+ bytes" ifconfig -v shmif0
	finish
}

test_case mtu "frames to 9000 octets; what is longer is fragmented, or refused"
mtu_body() {
	daemon A
	daemon B
	set_if A shmif0 bus0 10.0.0.1/24 2001:db8::1/64
	set_if B shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	dad_wait A B
	refuses A "SIOCSIFMTU: Invalid argument" ifconfig shmif0 mtu 9001
	for d in A B; do ok $d ifconfig shmif0 mtu 9000; done
	shows A "mtu 9000" ifconfig shmif0
	shows A "1 packets received" ping -n -c 1 -D -s 8972 10.0.0.2
	smp A dumpbus bus0 | tcpdump -n -e -r - icmp 2>/dev/null >dump
	atf_check -s exit:0 -o ignore grep "length 9014: 10.0.0.1 > 10.0.0.2: ICMP echo request" dump
	shows A "1 packets received" ping6 -m -n -c 1 -s 8952 2001:db8::2
	shows A "1 packets received" ping -n -c 1 -s 20000 10.0.0.2
	atf_check -s not-exit:0 -o ignore -e match:"Message too long" "$BUILD/smpnet" -s "unix://$PWD/A.sock" \
	    ping -n -c 1 -D -s 8973 -w 2 10.0.0.2
	for d in A B; do ok $d ifconfig shmif0 mtu 1280; done
	shows A "1 packets received" ping -n -c 1 -s 1400 10.0.0.2
	shows A "1 packets received" ping6 -m -n -c 1 -s 1400 2001:db8::2
	finish
}

test_case busy "two hundred interfaces, each with addresses, at once"
busy_body() {
	local i
	daemon A
	for i in $(seq 200); do
		echo "ifconfig lo$i create"
		echo "ifconfig lo$i inet 10.1.$i.1/32"
		echo "ifconfig lo$i inet6 2001:db8:$i::1/128"
	done >conf
	run A config apply conf
	shows A "1 packets received" ping -n -c 1 10.1.200.1
	shows A "1 packets received" ping6 -n -c 1 2001:db8:200::1
	smp A config save >saved
	[ "$(grep -c "create$" saved)" = 200 ] || atf_fail "not all are saved"
	for i in $(seq 200); do echo "ifconfig lo$i destroy"; done >conf
	run A config apply conf
	atf_check -s exit:0 -o inline:"lo0\n" "$BUILD/smpnet" -s "unix://$PWD/A.sock" ifconfig -l
	finish
}
