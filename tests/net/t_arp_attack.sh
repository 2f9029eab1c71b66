# ARP and floods against it, from one of two segments.
#
#	02:..:01 10.0.0.1 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1 --- 10.0.1.1 02:..:11
#	      2001:db8::1                    ::2   2001:db8:1::2      2001:db8:1::1

test_case attack "spoofed, unasked and malformed ARP is refused by name and counted; floods do not shut out the other interface"
attack_body() {
	wired
	run R sysctl -w net.inet.arp.maxentries=256
	run R sysctl -w net.inet.arp.maxincomplete=64
	run R sysctl -w net.inet6.ip6.neighborgcthresh=256
	run R sysctl -w net.inet6.icmp6.nd6_maxincomplete=64
	run R sysctl -w net.inet.arp.nd_retrans=200
	run R sysctl -w net.inet6.icmp6.nd6_retrans=200
	frames arp_attack R
	finish
}
