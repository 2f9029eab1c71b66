# What the router tells of itself while it works: traces of packets, cycles by stage, the live view.
#
#	02:..:01 10.0.0.1 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1 --- 10.0.1.1 02:..:11
#	      2001:db8::1                    ::2   2001:db8:1::2      2001:db8:1::1

test_case trace_and_stages "the way of packets of every kind; filters; several traces; clients that die; stages count what was sent"
trace_and_stages_body() {
	wired
	run R sysctl -w net.inet.icmp.errppslimit=-1
	run R sysctl -w net.inet6.icmp6.errppslimit=-1
	frames eyes R
	finish
}

test_case two_workers "the same with two workers"
two_workers_body() {
	WORKERS=2 wired
	run R sysctl -w net.inet.icmp.errppslimit=-1
	run R sysctl -w net.inet6.icmp6.errppslimit=-1
	frames eyes R
	finish
}
