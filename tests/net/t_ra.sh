# Router advertisements received: what a host makes of them.
#
#	routers fe80::1, fe80::2, ... (frames) --- bus0 --- A

# The topic's part of advertisements.py, on a host that accepts (but for basic) and does not wait for DAD (but for duplicate)
topic() {
	daemon A
	run A sysctl -w net.inet6.ip6.dad_count=0
	set_if A shmif0 bus0 "" ""
	TOPIC=$1 frames advertisements A
	finish
}

test_case basic "not accepted unless told to; then router, prefix, address, routes, MTU, hop limit, times; nothing is saved"
basic_body() { topic basic; }

test_case routers "several: preference, lifetime 0, one that stops to answer; a default route by hand goes before"
routers_body() { topic routers; }

test_case lifetimes "routers, prefixes, addresses end in time; the rule of two hours; deprecated and valid"
lifetimes_body() { topic lifetimes; }

test_case flush "ndp -P keeps the router, ndp -R the prefix; an address deleted by hand comes with the next advertisement"
flush_body() { topic flush; }

test_case detached "a prefix whose router goes is detached while another has one, and attached when it is back"
detached_body() { topic detached; }

test_case temporary "temporary addresses: two flags, random, preferred as a source, made anew in time, another host's"
temporary_body() { topic temporary; }

test_case limits "routers and prefixes beyond the limits, a flood, what would make the host unusable"
limits_body() { topic limits; }

test_case hostile "messages that are wrong are refused and counted: every length, sources, hop limit, fragments"
hostile_body() { topic hostile; }

test_case interfaces "flags and variables set by hand, saved and loaded; down, up, destroyed while all of it is there"
interfaces_body() {
	topic interfaces
	daemon B
	ok B config apply saved.conf
	shows B "^Flags: nud auto_linklocal" ndp -i shmif0
	shows B "curhlim=99, basereachable=12s0ms, .*, retrans=2s0ms" ndp -n -i shmif0
	finish
}
