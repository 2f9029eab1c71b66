# The tools against a running daemon: what NetBSD users type, what their scripts match, in every state of an interface.
#
#	A 10.0.0.1 --- bus --- 10.0.0.2 B
#	  2001:db8::1       2001:db8::2

two() {
	daemon A
	daemon B
	set_if A shmif0 bus 10.0.0.1/24 2001:db8::1/64
	set_if B shmif0 bus 10.0.0.2/24 2001:db8::2/64
	dad_wait A B
}

# Every tool that shows something succeeds, and its --json is JSON (one value, or one a line)
inspect() { # inspect NAME
	local tool
	for tool in "ifconfig" "ifconfig -av" "ifconfig -l" "ifconfig -C" "ifconfig -avvz" "netstat -rn" "netstat -nr -f inet6" \
	    "netstat -i" "netstat -bdin" "netstat -s" "netstat -ss" "netstat -p icmp6" "netstat -nai" "netstat -na -f inet" \
	    "route -n show" "route -n show -inet6" "arp -an" "ndp -an" "ndp -pn" "ndp -rn" "sysctl -a" "sysctl net.inet" "drops" \
	    "drops -a" "workers" "info" "top -1 -d 0.1" "config save"; do
		run "$1" $tool
		case $tool in
		"ifconfig -l" | "sysctl -a" | "netstat -na -f inet") continue ;;
		esac
		smp "$1" $tool --json >json.out 2>json.err && python3 -c 'import json; json.load(open("json.out"))' ||
		    { cat json.out json.err; atf_fail "$tool --json"; }
	done
}

test_case inspection "every tool shows every state: fresh, with a segment, up, with addresses and neighbours, down, gone"
inspection_body() {
	daemon A
	inspect A
	ok A ifconfig shmif0 create
	inspect A
	ok A ifconfig shmif0 linkstr bus
	ok A ifconfig shmif0 up
	inspect A
	ok A ifconfig shmif0 inet 10.0.0.1/24
	ok A ifconfig shmif0 inet6 2001:db8::1/64
	ok A ifconfig shmif0 inet 10.0.1.1 netmask 255.255.255.0 alias
	run A route add default 10.0.0.2
	run A route add -inet6 default 2001:db8::2
	ok A arp -s 10.0.0.9 2:0:0:0:0:9
	inspect A
	ok A ifconfig shmif0 media none
	inspect A
	ok A ifconfig shmif0 media auto
	ok A ifconfig shmif0 down
	inspect A
	ok A ifconfig shmif0 destroy
	inspect A
	shows A '^lo0$' ifconfig -l
	finish
}

test_case addresses "addresses come, show in NetBSD's form, and go"
addresses_body() {
	daemon A
	ok A ifconfig shmif0 create
	ok A ifconfig shmif0 linkstr bus
	ok A ifconfig shmif0 10.1.2.3
	shows A '	inet 10.1.2.3/8 broadcast 10.255.255.255 flags ' ifconfig shmif0
	ok A ifconfig shmif0 10.1.2.3 delete
	ok A ifconfig shmif0 inet 192.0.2.1 netmask 0xffffff00
	ok A ifconfig shmif0 alias 198.51.100.1/25
	ok A ifconfig shmif0 inet6 2001:db8:5::1
	ok A ifconfig shmif0 up
	ok A ifconfig -w 20
	shows A '	inet 192.0.2.1/24 broadcast 192.0.2.255 flags 0$' ifconfig shmif0
	shows A '	inet 198.51.100.1/25 broadcast 198.51.100.127 flags 0$' ifconfig shmif0 inet
	shows A '	inet6 2001:db8:5::1/64 flags 0$' ifconfig shmif0 inet6
	shows A '	inet6 fe80::.*%shmif0/64 flags 0 scopeid 0x' ifconfig shmif0
	shows_not A 'inet6' ifconfig shmif0 inet
	shows A '^192.0.2/24 +link#[0-9]+ +UC +- +- +- +shmif0$' netstat -rn
	shows A '^192.0.2.1 +link#[0-9]+ +UHl +- +- +- +lo0$' netstat -rn
	ok A ifconfig shmif0 -alias 198.51.100.1
	ok A ifconfig shmif0 inet6 2001:db8:5::1 delete
	shows_not A '198.51.100|2001:db8:5' ifconfig -a
	shows_not A '198.51.100|2001:db8:5' netstat -rn
	ok A ifconfig shmif0 link b2:a1:00:00:00:01 active
	shows A '	address: b2:a1:00:00:00:01$' ifconfig shmif0
	ok A ifconfig shmif0 mtu 1400
	shows A 'mtu 1400$' ifconfig shmif0
	finish
}

test_case errors "errors are NetBSD's words, on standard error, and change nothing"
errors_body() {
	daemon A
	ok A ifconfig shmif0 create
	ok A ifconfig shmif0 inet 10.0.0.1/24
	refuses A '^ifconfig: SIOCGIFFLAGS shmif9: Device not configured$' ifconfig shmif9
	refuses A '^ifconfig: SIOCSIFFLAGS: Device not configured$' ifconfig shmif9 up
	refuses A '^ifconfig: SIOCSIFMTU: Invalid argument' ifconfig shmif0 mtu 20
	refuses A '^ifconfig: SIOCIFCREATE: File exists$' ifconfig shmif0 create
	refuses A '^ifconfig: SIOCIFCREATE: Invalid argument' ifconfig nosuch0 create
	refuses A "^ifconfig: SIOCDIFADDR: Can't assign requested address" ifconfig shmif0 10.0.0.9 delete
	refuses A '^ifconfig: .bogus. is neither a keyword nor an address$' ifconfig shmif0 bogus
	refuses A '^ifconfig: SIOCSLINKSTR: ' ifconfig shmif0 linkstr /nonexistent/bus
	refuses A '^route: writing to routing socket: not in table$' route delete 172.16.0.0/12
	refuses A '^route: writing to routing socket: Network is unreachable$' route add 172.16.0.0/12 192.0.2.1
	refuses A '^route: bad keyword: frob$' route frob
	refuses A '^arp: 10.0.0.77: no entry$' arp -d 10.0.0.77
	refuses A "^sysctl: third level name 'nosuch' in 'net.inet.nosuch' is invalid$" sysctl net.inet.nosuch
	refuses A '^sysctl: net.inet.ip.ttl: Invalid argument [(]1000 is not in 1 to 255[)]$' sysctl -w net.inet.ip.ttl=1000
	refuses A '^netstat: nosuch: unknown or uninstrumented protocol$' netstat -p nosuch
	refuses A '^ping: sendto: No route to host$' ping -n -c 1 -w 1 192.0.2.1
	refuses A '^ping6: UDP connect: No route to host$' ping6 -n -c 1 2001:db8:ffff::1
	refuses A '^usage: netstat' netstat -Q
	atf_check -s exit:1 -o match:'^delete net 172.16.0.0: not in table$' -e ignore "$BUILD/smpnet" -s unix://$PWD/A.sock \
	    route delete 172.16.0.0/12
	atf_check -s exit:1 -o empty -e match:'start the daemon' "$BUILD/smpnet" -s unix://$PWD/nobody.sock ifconfig -a
	atf_check -s exit:1 -o empty -e match:"no tool 'frob'" "$BUILD/smpnet" frob
	shows A '	inet 10.0.0.1/24 ' ifconfig shmif0
	finish
}

test_case route "routes are added, found, changed, watched and flushed"
route_body() {
	daemon A
	set_if A shmif0 bus 10.0.0.1/24 2001:db8::1/64
	dad_wait A
	smp A route -n monitor >monitor.out 2>&1 &
	mon=$!
	echo $mon >>pids
	# The monitor listens when it has seen something.
	until_ok 20 watched
	shows A '^add net 172.16.0.0: gateway 10.0.0.2$' route add -net 172.16.0.0/12 10.0.0.2
	shows A '^add host 10.9.9.9: gateway 10.0.0.3$' route add 10.9.9.9 10.0.0.3
	until_ok 20 grep -q '^ 10.9.9.9 10.0.0.3' monitor.out
	kill $mon
	atf_check -o match:'^RTM_ADD: Add Route: .*<UP,GATEWAY,DONE,STATIC>' -o match:'^sockaddrs: <DST,GATEWAY,NETMASK>' \
	    -o match:'^ 172.16.0.0 10.0.0.2 255.240.0.0' cat monitor.out
	shows A '^172.16/12 +10.0.0.2 +UGS +- +- +- +shmif0$' netstat -rn
	shows A '^172.16/12 +10.0.0.2 +UG +- +- +- +shmif0$' route -n show
	shows A '^10.9.9.9 +10.0.0.3 +UGHS +- +- +- +shmif0$' netstat -rn
	shows A '^    gateway: 10.0.0.2$' route -n get 172.20.1.1
	shows A '^change net 172.16.0.0: gateway 10.0.0.4$' route change -net 172.16.0.0/12 10.0.0.4
	shows A '^    gateway: 10.0.0.4$' route -n get 172.20.1.1
	run A route add 198.51.100.0/24 127.0.0.1 -blackhole
	run A route add 203.0.113.0/24 127.0.0.1 -reject
	shows A '^198.51.100/24 +127.0.0.1 +UGBS +- +- +33624 +lo0$' netstat -rn
	shows A '^203.0.113/24 +127.0.0.1 +UGRS +- +- +33624 +lo0$' netstat -rn
	run A route add -mpath 10.8.0.0/16 10.0.0.2 -weight 2 10.0.0.3
	shows A '^10.8/16 +10.0.0.3 +UGS' netstat -rn
	shows A '^add net default: gateway 2001:db8::2$' route add -inet6 default 2001:db8::2
	shows A '^default +2001:db8::2 +UGS +- +- +- +shmif0$' netstat -rn -f inet6
	shows A '^delete net 172.16.0.0$' route delete 172.16.0.0/12
	ok A route -q add 172.16.0.0/12 10.0.0.2
	shows A '^172.16/12 +10.0.0.2 +done$' route -n flush -inet
	shows_not A 'UG' netstat -rn -f inet
	shows A '^default +2001:db8::2 +UGS' netstat -rn -f inet6
	finish
}

watched() {
	run A route add 10.250.0.0/16 10.0.0.2
	run A route delete 10.250.0.0/16
	grep -q RTM_DELETE monitor.out
}

test_case neighbours "arp and ndp: learned, static, refused, deleted"
neighbours_body() {
	two
	shows A ' 0.0% packet loss' ping -n -c 1 10.0.0.2
	shows A ' 0.0% packet loss' ping6 -n -c 1 2001:db8::2
	shows A '^\? \(10.0.0.2\) at [0-9a-f:]{17} on shmif0$' arp -an
	shows A '^\? \(10.0.0.1\) at [0-9a-f:]{17} on shmif0 permanent$' arp -an
	shows A '^\? \(10.0.0.2\) at [0-9a-f:]{17} on shmif0 [0-9hms]+ [RDPS]$' arp -n 10.0.0.2
	shows A '^2001:db8::2 +[0-9a-f:]{17} shmif0 [0-9dhms]+ +[RDPS]' ndp -an
	shows A '^2001:db8::1 +[0-9a-f:]{17} shmif0 permanent R $' ndp -an
	shows A '^2001:db8::1 +[0-9a-f:]{17} shmif0 permanent R $' ndp -n -A 0
	atf_check -s exit:1 -o match:'10.0.0.77 \(10.0.0.77\) -- no entry' "$BUILD/smpnet" -s unix://$PWD/A.sock arp -n 10.0.0.77
	ok A arp -s 10.0.0.77 02:00:00:00:00:77
	shows A '^\? \(10.0.0.77\) at 02:00:00:00:00:77 on shmif0 permanent$' arp -n 10.0.0.77
	refuses A 'File exists' arp -s 10.0.0.77 02:00:00:00:00:78
	ok A arp -d 10.0.0.77
	echo '10.0.0.78 2:0:0:0:0:78 temp # a comment' >file
	ok A arp -f file
	shows A '02:00:00:00:00:78' arp -n 10.0.0.78
	ok A arp -d -a
	shows_not A '02:00:00:00:00:78|10.0.0.2' arp -an
	ok A ndp -s 2001:db8::77 02:00:00:00:00:77
	shows A '^2001:db8::77 +02:00:00:00:00:77 shmif0 permanent R $' ndp -n 2001:db8::77
	shows A 'deleted$' ndp -d 2001:db8::77
	ok A ndp -s fe80::77%shmif0 02:00:00:00:00:77
	shows A '^fe80::77%shmif0 +02:00:00:00:00:77' ndp -n fe80::77%shmif0
	shows A '^linkmtu=0, maxmtu=1500, curhlim=64, basereachable=30s0ms, reachable=[0-9]+s, retrans=1s0ms$' ndp -i shmif0
	run A ndp -c
	finish
}

test_case sysctl "settings are read and written"
sysctl_body() {
	daemon A
	atf_check -o inline:'net.inet.ip.forwarding = 0\n' "$BUILD/smpnet" -s unix://$PWD/A.sock sysctl net.inet.ip.forwarding
	atf_check -o inline:'net.inet.ip.forwarding: 0 -> 1\n' "$BUILD/smpnet" -s unix://$PWD/A.sock sysctl -w net.inet.ip.forwarding=1
	atf_check -o inline:'1\n' "$BUILD/smpnet" -s unix://$PWD/A.sock sysctl -n net.inet.ip.forwarding
	ok A sysctl -w -q net.inet.ip.forwarding=0
	shows A '^net.inet6.ip6.forwarding = 0$' sysctl net.inet6
	finish
}

test_case config "a saved configuration makes the same router again; errors name the line"
config_body() {
	two
	run A route add default 10.0.0.2
	run A route add -mpath 10.8.0.0/16 10.0.0.2 -weight 2 10.0.0.3
	run A route add -inet6 default 2001:db8::2
	run A sysctl -w net.inet.ip.forwarding=1
	ok A arp -s 10.0.0.77 02:00:00:00:00:77
	smp A config save >saved || atf_fail "config save"
	ok A config check saved
	daemon C -f saved
	smp C config save >again
	atf_check -o empty diff saved again
	mkdir d
	printf 'ifconfig shmif5 create\nifconfig shmif5 linkstr bus5\n# a comment\nifconfig shmif5 "10.5.0.1/24"\n' >d/conf
	ok A config apply d/conf
	shows A "	linkstr: $PWD/d/bus5$" ifconfig shmif5
	printf 'ifconfig shmif6 create\nifconfig shmif6 mtu x\n' >bad
	refuses A '^bad:2: ifconfig: mtu: .x. is not a number$' config check bad
	refuses A '^bad:2: ' config apply bad
	refuses A 'shmif6: Device not configured' ifconfig shmif6
	finish
}

test_case ping_interrupt "an interrupted ping prints its statistics"
ping_interrupt_body() {
	two
	# exec: the interrupt is for the tool itself
	python3 - "$BUILD/smpnet" "unix://$PWD/A.sock" <<'END' || atf_fail "an interrupt"
import signal, subprocess, sys
p = subprocess.Popen([sys.argv[1], "-s", sys.argv[2], "ping", "-n", "10.0.0.2"], stdout=subprocess.PIPE, text=True)
while "icmp_seq=1" not in p.stdout.readline():
    pass
p.send_signal(signal.SIGINT)
rest = p.stdout.read()
print(rest)
sys.exit(not ("PING Statistics" in rest and " 0.0% packet loss" in rest and p.wait() == 0))
END
	shows A '^1 packets transmitted, 1 packets received' ping -n -o 10.0.0.2
	finish
}

test_case by_name "a tool runs by its own name, and SMPNET_SERVER names the daemon"
by_name_body() {
	daemon A
	ln -s "$BUILD/smpnet" ifconfig
	SMPNET_SERVER=unix://$PWD/A.sock atf_check -o match:'^lo0: flags=0x8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 33624$' ./ifconfig -a
	finish
}

test_case halt "halt ends the daemon in good order: status 0, no socket left, tools say so"
halt_body() {
	local i
	daemon R
	set_if R shmif0 bus0 10.0.0.1/24 2001:db8::1/64
	ok R halt
	for i in $(seq 600); do [ -S R.sock ] || break; sleep 0.05; done
	[ ! -S R.sock ] || atf_fail "the socket is still there"
	wait "$(cat R.pid)" || atf_fail "smpnetd: exit status $?"
	atf_check -s exit:1 -e match:"R.sock" "$BUILD/smpnet" -s "unix://$PWD/R.sock" ifconfig -a
	finish
}
