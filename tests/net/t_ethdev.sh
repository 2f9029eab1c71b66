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
