# Reassembly for the router itself: fragments as RFC 791, RFC 5722, RFC 6946 and RFC 8200 have them, its limits and its time.
#
#	10.0.0.1 02:..:01 --- bus0 --- 10.0.0.2 R (frames: tests/net/frag.py)

test_case reassembly "whole, overlapping, impossible, late and too many fragments, both families"
reassembly_body() {
	wired
	for f in net.inet.ip net.inet6.ip6; do
		run R sysctl -w $f.fragttl=1
		refuses R "fragttl" sysctl -w $f.fragttl=0
	done
	frames frag R
	shows R "net.inet6.ip6.fragttl=1" config save
	finish
}
