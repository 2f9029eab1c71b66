# Addresses that no packet may have, and those that are never forwarded (RFC 1812 section 5.3.7, RFC 6890), each under its drop.
#
#	02:..:01 10.0.0.1 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1 --- 10.0.1.1 02:..:11
#	      2001:db8::1                    ::2   2001:db8:1::2      2001:db8:1::1

test_case addresses "as source and as destination, with default routes, by the quick way and the slow one; documentation prefixes by setting"
addresses_body() {
	wired
	run R sysctl -w net.inet.icmp.errppslimit=-1
	run R sysctl -w net.inet6.icmp6.errppslimit=-1
	run R route add default 10.0.1.1
	run R route add -inet6 default 2001:db8:1::1
	frames martian R
	finish
}
