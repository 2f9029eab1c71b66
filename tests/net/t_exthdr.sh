# IPv6 extension headers (RFC 8200 section 4) and the rules of ICMPv6 errors (RFC 4443 section 2.4) at a router and at a destination.
#
#	02:..:01 2001:db8::1 --- bus0 --- 2001:db8::2 R 2001:db8:1::2 --- bus1 --- 2001:db8:1::1 02:..:11

test_case headers "options by their type's high bits, routing headers, chains, no next header, fragments untouched; who gets no error"
headers_body() {
	wired
	run R sysctl -w net.inet6.icmp6.errppslimit=-1
	frames exthdr R
	finish
}
