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

test_case honoured "which redirects a host honours, for how long, what becomes of its own routes; which it refuses, by name"
honoured_body() {
	wired
	run R sysctl -w net.inet.ip.forwarding=0
	run R sysctl -w net.inet6.ip6.forwarding=0
	run R arp -s 10.0.0.9 02:00:00:00:00:09
	run R route add default 10.0.0.1
	run R route add -inet6 default fe80::1%shmif0
	frames redirected R
	finish
}

#	A 10.0.0.1 --- bus0 --- 10.0.0.2 R
#	  2001:db8::1    |            ::2
#	             10.0.0.3 B 10.0.1.3
#	                  ::3   2001:db8:1::3
test_case way "a host's first packet goes by its router, the next by the better one; the redirect's route goes in time"
way_body() {
	for d in A R B; do
		daemon $d
		run $d sysctl -w net.inet.ip.dad_count=0
		run $d sysctl -w net.inet6.ip6.dad_count=0
	done
	for d in R B; do
		run $d sysctl -w net.inet.ip.forwarding=1
		run $d sysctl -w net.inet6.ip6.forwarding=1
	done
	set_if A shmif0 bus0 10.0.0.1/24 2001:db8::1/64
	set_if R shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	set_if B shmif0 bus0 10.0.0.3/24 2001:db8::3/64
	set_if B shmif1 bus1 10.0.1.3/24 2001:db8:1::3/64
	ll() { smp "$1" ifconfig shmif0 | sed -n 's/.*inet6 \(fe80[^%/]*\).*/\1/p'; }
	run A route add default 10.0.0.2
	run A route add -inet6 default "$(ll R)%shmif0"
	run R route add -net 10.0.1.0/24 10.0.0.3
	run R route add -inet6 -net 2001:db8:1::/64 "$(ll B)%shmif0"
	run A sysctl -w net.inet.icmp.redirtimeout=3
	run A sysctl -w net.inet6.icmp6.redirtimeout=3
	shows A " 0.0% packet loss" ping -n -c 1 10.0.1.3
	shows A " 0.0% packet loss" ping6 -n -c 1 2001:db8:1::3
	by_b() { smp A route -n get $1 $2 | grep -q "gateway: $3"; }
	until_ok 10 by_b -inet 10.0.1.3 10.0.0.3
	until_ok 10 by_b -inet6 2001:db8:1::3 "$(ll B)%shmif0"
	shows A "^10.0.1.3 .* UGHD " netstat -rn
	shows A "^2001:db8:1::3 .* UGHD " netstat -rn
	shows R "1 redirect.* sent" netstat -s -p ip
	shows R "1 redirect.* sent" netstat -s -p ip6
	shows A " 0.0% packet loss" ping -n -c 1 10.0.1.3
	shows A " 0.0% packet loss" ping6 -n -c 1 2001:db8:1::3
	gone() { ! smp A netstat -rn | grep -q UGHD; }
	until_ok 20 gone
	finish
}
