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

# With routers of our own:
#
#	R1 fc00:1::1 --- bus0 --- R3 fc00:3::1
#	                  |
#	                  A fc00:2::2
router() { # router NAME ADDRESS
	daemon "$1"
	run "$1" sysctl -w net.inet6.ip6.forwarding=1
	set_if "$1" shmif0 bus0 "" "$2"
	dad_wait "$1"
	printf 'shmif0:mtu#1300:maxinterval#4:mininterval#3:\n' >rtadvd.conf
	run "$1" rtadvd -c rtadvd.conf shmif0
}

linklocal() { smp "$1" ifconfig shmif0 inet6 | sed -n 's/.*inet6 \(fe80::[^%/]*\).*/\1/p'; }

knows() { # knows ROUTER PREFIX: A has all of it
	local ll=$(linklocal "$1")
	smp A ndp -rn | grep -q "^$ll%shmif0 if=shmif0" && smp A ndp -pn | grep -q "^    $ll%shmif0 (reachable)" &&
	    smp A ndp -n -i shmif0 | grep -q linkmtu=1300 && smp A ndp -n -a | grep -Eq "^$ll%shmif0 .* (23h59m|1d0h0m)[0-9]+s S R" &&
	    smp A ifconfig shmif0 inet6 | grep -q "inet6 $2.*AUTOCONF" && smp A netstat -rnf inet6 | grep -Eq "^default +fe80::[^ ]+ +UG "
}

test_case sent "from routers of our own: two, each with its prefix; one ends, its default route goes at once; traffic beyond"
sent_body() {
	router R1 fc00:1::1/64
	router R3 fc00:3::1/64
	daemon A
	set_if A shmif0 bus0 "" fc00:2::2/64
	dad_wait A
	shows A "= 0" sysctl net.inet6.ip6.accept_rtadv
	atf_check -s exit:0 -o empty "$BUILD/smpnet" -s "unix://$PWD/A.sock" ndp -r
	run A sysctl -w net.inet6.ip6.accept_rtadv=1
	until_ok 20 knows R1 fc00:1:
	until_ok 20 knows R3 fc00:3:
	dad_wait A
	shows A " 0.0% packet loss" ping6 -n -c 1 -X 10 fc00:1::1
	# beyond: R3's address on another link, by R3 once R1 says that it is no router any more
	run R3 ifconfig lo0 inet6 fc00:9::1/128
	run R1 rtadvd -d shmif0
	gone() { ! smp A ndp -rn | grep -q "^$(linklocal R1)%"; }
	until_ok 20 gone
	by3() { smp A netstat -rnf inet6 | grep -Eq "^default +$(linklocal R3)[^ ]* +UG "; }
	until_ok 20 by3
	shows A " 0.0% packet loss" ping6 -n -c 1 -X 10 fc00:9::1
	finish
}

test_case interfaces "flags and variables set by hand, saved and loaded; down, up, destroyed while all of it is there"
interfaces_body() {
	topic interfaces
	daemon B
	ok B config apply saved.conf
	shows B "^Flags: nud auto_linklocal" ndp -i shmif0
	shows B "curhlim=99, basereachable=12s0ms, .*, retrans=2s0ms" ndp -n -i shmif0
	finish
}
