# route get: the block in full, and --json.

block() { # block NAME DST [OPTION...]: what route get says, without the last line
	local name=$1
	shift
	atf_check -s exit:0 -o save:got "$BUILD/smpnet" -s "unix://$PWD/$name.sock" route -n get "$@"
	sed '$d' got >head
	{ cat; echo " recvpipe  sendpipe  ssthresh  rtt,msec    rttvar  hopcount      mtu     expire"; } >want
	atf_check diff want head
}

test_case get "local, connected, cloned and static destinations"
get_body() {
	three
	block A 10.0.0.1 <<-'EOF'
		   route to: 10.0.0.1
		destination: 10.0.0.1
		 local addr: 10.0.0.1
		  interface: lo0
		      flags: 0x40045<UP,HOST,DONE,LOCAL>
	EOF
	until_ok 20 smp A ping -n -c 1 -w 1 10.0.0.2
	block A 10.0.0.2 <<-'EOF'
		   route to: 10.0.0.2
		destination: 10.0.0.0
		       mask: 255.255.255.0
		 local addr: 10.0.0.1
		  interface: shmif0
		      flags: 0x141<UP,DONE,CONNECTED>
	EOF
	block A 10.0.1.1 <<-'EOF'
		   route to: 10.0.1.1
		destination: default
		       mask: default
		    gateway: 10.0.0.2
		 local addr: 10.0.0.1
		  interface: shmif0
		      flags: 0x843<UP,GATEWAY,DONE,STATIC>
	EOF
	block A -inet6 2001:db8:1::1 <<-'EOF'
		   route to: 2001:db8:1::1
		destination: ::
		       mask: default
		    gateway: 2001:db8::2
		 local addr: 2001:db8::1
		  interface: shmif0
		      flags: 0x843<UP,GATEWAY,DONE,STATIC>
	EOF
	block A -inet6 2001:db8::2 <<-'EOF'
		   route to: 2001:db8::2
		destination: 2001:db8::
		       mask: ffff:ffff:ffff:ffff::
		 local addr: 2001:db8::1
		  interface: shmif0
		      flags: 0x141<UP,DONE,CONNECTED>
	EOF
	shows A "interface: shmif0" route -nL get -inet6 fe80::5%shmif0
	refuses A "not in table" route -n get -inet6 fe80::5
	run A route add -host 10.8.0.1 10.0.0.2 -lock -mtu 1400 -expire 500
	shows A "^ +0 +0 +0 +0 +0 +0 +1400 +(500|499|498|49[0-9]|4[0-8][0-9]) $" route -n get 10.8.0.1
	shows_not A "10.8.0.1" config save
	shows A '"mtu": 1400' route --json get 10.8.0.1
	run A route delete default
	refuses A "not in table" route -n get 10.9.0.1
	finish
}

test_case ifa "change of -ifa and -ifp: shown, and on the wire at once"
source_is() { # source_is ADDRESS: B hears A's echo requests from there
	until_ok 20 source_seen "$1"
}
source_seen() {
	smp A ping -n -c 1 -w 1 10.0.1.1
	smp B dumpbus bus1 | tcpdump -n -r - 2>/dev/null | grep "echo request" | tail -1 >dump
	grep -q " $1 > 10.0.1.1: ICMP echo request" dump
}
ifa_body() {
	three
	run A ifconfig shmif0 inet 10.0.0.11/24 alias
	run A ifconfig shmif1 create
	run A ifconfig shmif1 linkstr bus0
	run A ifconfig shmif1 inet 10.0.0.12/24
	run A ifconfig shmif1 up
	dad_wait A
	shows A "local addr: 10.0.0.1$" route -n get 10.0.1.1
	run A route change default 10.0.0.2 -ifa 10.0.0.11
	shows A "local addr: 10.0.0.11$" route -n get 10.0.1.1
	source_is 10.0.0.11
	run A ifconfig shmif0 inet 10.0.0.11 -alias # it is not ours any more
	source_is 10.0.0.1
	run A route change default -ifa 10.0.0.1
	source_is 10.0.0.1
	run A route delete default
	run A route add default 10.0.0.2
	run A route change default -ifa 10.0.0.2 -ifp shmif1
	shows A "local addr: 10.0.0.12$" route -n get 10.0.1.1
	shows A "interface: shmif1$" route -n get 10.0.1.1
	source_is 10.0.0.12
	finish
}
