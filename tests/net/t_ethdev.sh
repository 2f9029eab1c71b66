# DPDK devices as ports: attached, used, given back, refused.
#
#	A 10.9.0.1 --- memif --- 10.9.0.2 B
#	  2001:db8:9::1       2001:db8:9::2

refused() { # refused REGEX DEVICE...: attach fails with one line
	local re=$1
	shift
	atf_check -s not-exit:0 -e save:err "$BUILD/smpnet" -s "unix://$PWD/A.sock" attach "$@"
	grep -qE "$re" err && [ "$(wc -l <err)" = 1 ] || { cat err; atf_fail "attach $*"; }
}

frames() { # frames FILE N: N frames of UDP for nobody
	python3 - "$@" <<-"X"
	import struct, sys
	with open(sys.argv[1], "wb") as f:
	    f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
	    p = b"\xff" * 6 + bytes((2, 0, 0, 0, 0, 1)) + b"\x88\xb5" + bytes(46)
	    for i in range(int(sys.argv[2])):
	        f.write(struct.pack("<IIII", i, 0, len(p), len(p)) + p)
	X
}

full() { # full NAME: every buffer is home
	smp "$1" workers --json | python3 -c '
import json, sys
sys.exit(any(w["pool_free"] != w["pool_size"] for w in json.load(sys.stdin)))'
}

memif_router() { # memif_router NAME BUS N PEER-N ROLE
	local net=2001:db8:$2::
	[ "$2" = 0 ] && net=2001:db8::
	daemon "$1"
	set_if "$1" shmif0 bus$2 10.0.$2.2/24 ${net}2/64
	run "$1" attach "net_memif0,role=$5,socket=$PWD/m,socket-abstract=no"
	run "$1" ifconfig memif0 inet 10.9.0.$3/24
	run "$1" ifconfig memif0 inet6 2001:db8:9::$3/64 up
	run "$1" sysctl -w net.inet.ip.forwarding=1
	run "$1" sysctl -w net.inet6.ip6.forwarding=1
	run "$1" route add -net 10.0.$((1 - $2)).0/24 10.9.0.$4
	net=2001:db8:$((1 - $2))::
	[ "$2" = 1 ] && net=2001:db8::
	run "$1" route add -inet6 $net/64 2001:db8:9::$4
}

test_case memif "two daemons joined by memif, both families"
memif_body() {
	local i
	[ ${#PWD} -lt 100 ] || atf_skip "the directory's name is too long for a socket: $PWD"
	daemon A
	daemon B
	for i in 1 2; do
		d=A role=server
		[ $i = 2 ] && d=B role=client
		atf_check -o inline:"memif0\n" "$BUILD/smpnet" -s "unix://$PWD/$d.sock" attach \
		    "net_memif0,role=$role,id=0,socket=$PWD/m,socket-abstract=no"
		run $d ifconfig memif0 inet 10.9.0.$i/24
		run $d ifconfig memif0 inet6 2001:db8:9::$i/64
	done
	until_ok 60 smp A ping -n -c 1 -w 2 10.9.0.2
	until_ok 60 smp B ping6 -n -c 1 -X 2 2001:db8:9::1
	# the other end goes
	run B detach memif0
	until_ok 30 sh -c "'$BUILD/smpnet' -s 'unix://$PWD/A.sock' ifconfig memif0 | grep 'status: no carrier'"
	run A detach memif0
	shows A "^lo0$" ifconfig -l
	until_ok 30 full A
	until_ok 30 full B
	finish
}

test_case memif_forward "two routers joined by memif forward both families; the link follows the other end's death and return"
memif_forward_body() {
	#	A 10.0.0.1 --- bus0 --- R 10.9.0.1 --- memif --- 10.9.0.2 S --- bus1 --- 10.0.1.1 B
	#	  2001:db8::1             2001:db8:9::1          2001:db8:9::2           2001:db8:1::1
	[ ${#PWD} -lt 100 ] || atf_skip "the directory's name is too long for a socket: $PWD"
	memif_router R 0 1 2 server
	memif_router S 1 2 1 client
	host A bus0 10.0.0.1/24 10.0.0.2 2001:db8::1/64 2001:db8::2
	host B bus1 10.0.1.1/24 10.0.1.2 2001:db8:1::1/64 2001:db8:1::2
	until_ok 60 smp A ping -n -c 1 -w 2 10.0.1.1
	until_ok 60 smp A ping6 -n -c 1 -X 2 2001:db8:1::1
	atf_check -o match:"^ *2  10.9.0.2 " -e ignore "$BUILD/smpnet" -s "unix://$PWD/A.sock" traceroute -n 10.0.1.1
	# without a word
	kill -9 "$(cat S.pid)"
	until_ok 30 sh -c "'$BUILD/smpnet' -s 'unix://$PWD/R.sock' ifconfig memif0 | grep 'status: no carrier'"
	memif_router S 1 2 1 client
	until_ok 30 sh -c "'$BUILD/smpnet' -s 'unix://$PWD/R.sock' ifconfig memif0 | grep 'status: active'"
	until_ok 60 smp A ping -n -c 1 -w 2 10.0.1.1
	until_ok 60 smp B ping6 -n -c 1 -X 2 2001:db8::1
	until_ok 30 full R
	finish
}

test_case refusals "what cannot be attached is refused in one line, and the daemon goes on"
refusals_body() {
	daemon A
	refused "net_nosuch0: no such device, or no driver for it" net_nosuch0
	refused "missing.pcap: No such file" net_pcap0,rx_pcap=missing.pcap
	refused "refuses the device or its arguments" net_pcap0,nonsense=1
	frames big.pcap 5000
	refused "needs [0-9]+ packet buffers" "net_pcap0,rx_pcap=$PWD/big.pcap,infinite_rx=1"
	run A attach net_null0
	refused "net_null0" net_null0
	refused "null0" net_null1 as null0
	shows A "lo0 null0" ifconfig -l
	run A detach null0
	finish
}

test_case again "a device that floods is attached and detached, and no buffer is lost"
again_body() {
	local i
	daemon A
	frames in.pcap 500
	for i in 1 2 3 4 5 6 7 8 9 10; do
		atf_check -o inline:"pcap0\n" "$BUILD/smpnet" -s "unix://$PWD/A.sock" attach \
		    "net_pcap0,rx_pcap=$PWD/in.pcap,infinite_rx=1"
		run A ifconfig pcap0 up
		run A ifconfig pcap0 mtu 9000
		run A detach pcap0
	done
	until_ok 30 full A
	finish
}
