# UDP, TCP and other protocols to the router itself: what is answered, how, how often, and what never is.
#
#	02:..:01 10.0.0.1 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1 --- 10.0.1.1 02:..:11
#	      2001:db8::1                    ::2   2001:db8:1::2      2001:db8:1::1

test_case frames "port unreachable, resets by RFC 9293, protocol unreachable; checksums, fragments, groups; a rate for each kind"
frames_body() {
	wired
	for s in inet.icmp.err inet6.icmp6.err inet.tcp.rst inet6.tcp6.rst; do run R sysctl -w net.${s}ppslimit=-1; done
	frames tous R
	shows R "[1-9][0-9]* with bad checksum" netstat -s -p udp
	shows R "[1-9][0-9]* with no checksum" netstat -s -p udp6
	shows R "[1-9][0-9]* dropped due to no socket" netstat -s -p tcp
	shows R "TCP: no such port" drops
	finish
}

test_case loopback "a loopback interface whose MTU is below a datagram's size, and errors that quote 200 octets"
loopback_body() {
	local d
	three
	for d in A R; do run $d ifconfig lo0 mtu 300; done
	for d in 127.0.0.1 10.0.0.2 10.0.1.2; do shows R " 0.0% packet loss" ping -n -c 1 -s 5000 $d; done
	for d in ::1 2001:db8::2; do shows R " 0.0% packet loss" ping6 -n -c 1 -s 5000 $d; done
	run R sysctl -w net.inet.icmp.returndatabytes=200
	run A sysctl -w net.inet.icmp.returndatabytes=200
	shows A "^ *1  10.0.0.2 " traceroute -n 10.0.1.1 1400
	shows R "^ *1  127.0.0.1 " traceroute -n 127.0.0.1 1400
	shows A " 0.0% packet loss" ping -n -c 1 -s 3000 10.0.1.1
	finish
}
