# Path MTU of our own traffic, and routes with an MTU of their own.
#
#	A --- bus0 (1500) --- R --- bus1 (1300) --- B

narrow() {
	three
	run R ifconfig shmif1 mtu 1300
	run B ifconfig shmif0 mtu 1300
}

shows_route() { # shows_route NAME DST GATEWAY FLAGS MTU
	shows "$1" "^$2 +$3 +$4 +- +- +$5 +shmif0" netstat -rn
}

no_route() { # no_route NAME DST
	atf_check -s exit:0 -o not-match:"^$2 " -e empty "$BUILD/smpnet" -s "unix://$PWD/$1.sock" netstat -rn
}

pings() { # pings NAME COMMAND ARGS...: an answer within some attempts
	until_ok 20 smp "$@"
}

test_case own "what is too big for the path is told, remembered and forgotten"
own_body() {
	narrow
	pings A ping -n -c 1 -w 1 10.0.1.1
	run A sysctl -w net.inet.ip.mtudisc=0
	smp A ping -D -n -c 1 -w 1 -s 1400 10.0.1.1 >out 2>&1
	atf_check -o match:"frag needed and DF set" cat out
	no_route A 10.0.1.1
	run A sysctl -w net.inet.ip.mtudisc=1
	smp A ping -D -n -c 1 -w 1 -s 1400 10.0.1.1 >out 2>&1
	atf_check -o match:"frag needed and DF set" cat out
	shows_route A 10.0.1.1 10.0.0.2 UGHD 1300
	shows A "^ +0 .* 1300 +[0-9]+ $" route -n get 10.0.1.1
	refuses A "Message too long" ping -D -n -c 1 -w 1 -s 1400 10.0.1.1
	shows A " 0.0% packet loss" ping -n -c 1 -s 1400 10.0.1.1
	shows A " 0.0% packet loss" ping -D -n -c 1 -s 1272 10.0.1.1
	shows A "path MTU changes" netstat -s
	atf_check -o not-match:10.0.1.1 "$BUILD/smpnet" -s "unix://$PWD/A.sock" config save
	run A sysctl -w net.inet.ip.mtudisc=0
	until_ok 10 gone A 10.0.1.1

	pings A ping6 -n -c 1 -X 1 2001:db8:1::1
	smp A ping6 -m -n -c 1 -X 1 -s 1400 2001:db8:1::1 >out 2>&1
	until_ok 10 smp A ping6 -m -n -c 1 -X 1 -s 1400 2001:db8:1::1
	shows_route A 2001:db8:1::1 2001:db8::2 UGHD 1300

	# A change of the path is a change of what is known about it.
	run A route add -inet6 2001:db8:1::/64 2001:db8::9
	until_ok 10 gone A 2001:db8:1::1
	finish
}
gone() { # gone NAME DST
	! smp "$1" netstat -rn | grep -q "^$2 "
}

test_case expiry "a path MTU is forgotten after its time, with a message; a host route gets its own back"
expiry_body() {
	narrow
	pings A ping -n -c 1 -w 1 10.0.1.1
	run A sysctl -w net.inet.ip.mtudisctimeout=1
	"$BUILD/smpnet" -s "unix://$PWD/A.sock" route -n monitor >mon 2>&1 &
	echo $! >>pids
	until_ok 10 monitored A
	smp A ping -D -n -c 1 -w 1 -s 1400 10.0.1.1 >out 2>&1
	until_ok 10 grep -q "^RTM_DELETE: .*<.*HOST,DYNAMIC" mon
	no_route A 10.0.1.1
	run A sysctl -w net.inet.ip.mtudisctimeout=600
	run A route add -host 10.0.1.1 10.0.0.2 -mtu 1450
	smp A ping -D -n -c 1 -w 1 -s 1400 10.0.1.1 >out 2>&1
	shows_route A 10.0.1.1 10.0.0.2 UGHS 1300
	shows A "route add -host 10.0.1.1 10.0.0.2 -mtu 1450$" config save
	run A route change -host 10.0.1.1 -mtu 1400
	shows_route A 10.0.1.1 10.0.0.2 UGHS 1400
	finish
}
monitored() {
	smp "$1" route add -net 10.77.0.0/16 10.0.0.2
	smp "$1" route delete -net 10.77.0.0/16
	grep -q RTM_ADD mon
}
test_case bounds "an MTU that no link may have is refused"
bounds_body() {
	three
	refuses A "mtu: 0 or 68 to 65535" route add -host 10.0.1.9 10.0.0.2 -mtu 67
	refuses A "mtu: 0 or 1280 to 65535" route add -inet6 2001:db8:9::/64 2001:db8::2 -mtu 1279
	run A route add -host 10.0.1.9 10.0.0.2 -mtu 68
	run A route add -inet6 2001:db8:9::/64 2001:db8::2 -mtu 1280
	finish
}
test_case route "a route's own MTU: need fragment and too big, fragments, several paths"
route_body() {
	three
	pings A ping -n -c 1 -w 1 10.0.1.1
	pings A ping6 -n -c 1 -X 1 2001:db8:1::1
	run A sysctl -w net.inet.ip.mtudisc=0
	run B ifconfig shmif0 inet 10.0.5.1/32 alias
	run B ifconfig shmif0 inet6 2001:db8:5::1/128 alias
	dad_wait B
	run R route add -net 10.0.5.0/24 10.0.1.1 -mtu 1290
	run R route add -inet6 2001:db8:5::/64 2001:db8:1::1 -mtu 1290
	smp A ping -D -n -c 1 -w 1 -s 1400 10.0.5.1 >out 2>&1
	atf_check -o match:"frag needed and DF set.*MTU=1290 " cat out
	shows A " 0.0% packet loss" ping -n -c 1 -s 1400 10.0.5.1
	shows R "[1-9][0-9]* fragments created" netstat -s
	until_ok 10 smp A ping6 -m -n -c 1 -X 1 -s 1400 2001:db8:5::1
	shows_route A 2001:db8:5::1 2001:db8::2 UGHD 1290

	# Changed, and taken away with the route.
	run R route change -net 10.0.5.0/24 -mtu 1350
	smp A ping -D -n -c 1 -w 1 -s 1400 10.0.5.1 >out 2>&1
	atf_check -o match:"frag needed and DF set.*MTU=1350 " cat out
	run R route delete -net 10.0.5.0/24
	run R route add -net 10.0.5.0/24 10.0.1.1
	shows A " 0.0% packet loss" ping -D -n -c 1 -s 1400 10.0.5.1

	# The neighbour changes under it.
	run R route change -net 10.0.5.0/24 -mtu 1350
	run R arp -d 10.0.1.1
	pings A ping -n -c 1 -w 1 10.0.5.1
	smp A ping -D -n -c 1 -w 1 -s 1400 10.0.5.1 >out 2>&1
	atf_check -o match:"frag needed and DF set.*MTU=1350 " cat out

	# What R itself sends, and a path of several.
	refuses R "Message too long" ping -D -n -c 1 -w 1 -s 1400 10.0.5.1
	shows R " 0.0% packet loss" ping -n -c 1 -s 1400 10.0.5.1
	run R route delete -net 10.0.5.0/24
	run R route add -mpath -net 10.0.5.0/24 10.0.1.1 -mtu 1310 10.0.1.9
	run R route delete -net 10.0.5.0/24 10.0.1.9
	smp A ping -D -n -c 1 -w 1 -s 1400 10.0.5.1 >out 2>&1
	atf_check -o match:"frag needed and DF set.*MTU=1310 " cat out

	# A connected network's.
	run R route change -net 10.0.1.0/24 -mtu 1330
	smp A ping -D -n -c 1 -w 1 -s 1400 10.0.1.1 >out 2>&1
	atf_check -o match:"frag needed and DF set.*MTU=1330 " cat out
	finish
}
