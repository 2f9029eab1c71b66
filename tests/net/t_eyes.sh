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

test_case top "the live view for programs: what it measures has the members that it promises"
top_body() {
	wired
	smp R top -1 --json -d 0.2 >top.json || atf_fail "top: exit status not 0"
	atf_check -s exit:0 -o ignore -e empty /usr/bin/python3 -c '
import json
t = json.load(open("top.json"))
assert t["seconds"] >= 0.2
r = t["rates"]
assert {i["name"] for i in r["interfaces"]} == {"lo0", "shmif0", "shmif1"}
assert all(set(i) == {"name", "in_packets", "in_bits", "out_packets", "out_bits", "errors", "drops"} for i in r["interfaces"])
assert [set(w) for w in r["workers"]] == [{"id", "in_packets", "out_packets", "busy_percent", "cycles_per_packet", "packets_per_vector"}]
assert all({"name", "text", "value", "per_second"} == set(d) for d in r["drops"])
assert set(t) >= {"interfaces", "interfaces_before", "workers", "workers_before", "drops", "info"}
'
	shows R "^worker .*cyc/pkt pkts/vec" top -1 -d 0.1
	shows_not R "\033" top -1 -d 0.1
	finish
}

test_case top_keys "the live view on a terminal: its keys, a terminal that changes its size, and what it leaves"
top_keys_body() {
	wired
	frames top_keys R
	finish
}
