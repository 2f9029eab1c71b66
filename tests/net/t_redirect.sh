# Redirects of both families: sent by routers, honoured by hosts.
#
#	02:..:01 10.0.0.1 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1
#	02:..:09 10.0.0.9 ---+
#	   the other router

test_case sent "whom a router tells of a better way, what it says, how often; what it keeps silent about"
sent_body() {
	wired
	run R arp -s 10.0.0.9 02:00:00:00:00:09
	run R ndp -s fe80::9%shmif0 02:00:00:00:00:09
	run R ndp -s 2001:db8::9 02:00:00:00:00:09
	run R ifconfig shmif0 inet6 2001:db8:6::2/64
	run R ndp -s 2001:db8:6::9 02:00:00:00:00:09
	run R route add -net 198.51.100.0/24 10.0.0.9
	run R route add -inet6 2001:db8:5::/48 fe80::9%shmif0
	run R route add -inet6 2001:db8:7::/48 2001:db8::9
	frames redirects R
	finish
}
