# IPv4 options (RFC 791 section 3.1, RFC 1812 section 5.2.4) at a router and at a destination, octet by octet.
#
#	02:..:01 10.0.0.1 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1 --- 10.0.1.1 02:..:11

test_case options "record route, timestamp, source routes, router alert, unknown ones; what is wrong and where; in fragments"
options_body() {
	wired
	run R sysctl -w net.inet.icmp.errppslimit=-1
	frames options R
	finish
}
