# Duplicate address detection of both families.
#
#	A 10.0.0.1 --- bus0 --- B
#	  2001:db8::1

one() {
	daemon A
	set_if A shmif0 bus0 10.0.0.1/24 2001:db8::1/64
	dad_wait A
}

wire() { "$BUILD/smpnet" dumpbus bus0 | tcpdump -n -e -r - 2>/dev/null; }

test_case probes "what is sent before and after: dad_count probes, then announcements of IPv4 addresses alone"
probes_body() {
	daemon A
	run A ifconfig shmif0 create
	run A ifconfig shmif0 linkstr bus0
	run A ifconfig shmif0 up
	run A ifconfig shmif0 inet 10.0.0.1/24
	run A ifconfig shmif0 inet6 2001:db8::1/64
	shows A "inet 10.0.0.1/24 .*TENTATIVE" ifconfig shmif0
	shows A "inet6 2001:db8::1/64 .*TENTATIVE" ifconfig shmif0
	dad_wait A
	shows_not A "TENTATIVE" ifconfig shmif0
	announced() { [ "$(wire | grep -c 'Request who-has 10.0.0.1 tell 10.0.0.1')" = 2 ]; }
	until_ok 10 announced
	[ "$(wire | grep -c 'Request who-has 10.0.0.1 tell 0.0.0.0')" = 3 ] || { wire; atf_fail "not three probes"; }
	[ "$(wire | grep -c '> 33:33:ff:00:00:01, .* :: > ff02::1:ff00:1: .*who has 2001:db8::1')" = 1 ] ||
	    { wire; atf_fail "not one solicitation"; }
	! wire | grep "neighbor advertisement" || atf_fail "an IPv6 address was announced"
	# none when the counts are 0, but IPv4 is announced
	run A sysctl -w net.inet.ip.dad_count=0
	run A sysctl -w net.inet6.ip6.dad_count=0
	run A ifconfig shmif0 inet 10.0.0.9/24 alias
	run A ifconfig shmif0 inet6 2001:db8::9/64
	shows_not A "TENTATIVE" ifconfig shmif0
	seen() { wire | grep -q 'Request who-has 10.0.0.9 tell 10.0.0.9'; }
	until_ok 10 seen
	! wire | grep -E 'who-has 10.0.0.9 tell 0.0.0.0|who has 2001:db8::9' || atf_fail "probes though the count is 0"
	finish
}

test_case duplicate "an address that another host has is marked and not used; the owner is not disturbed"
duplicate_body() {
	one
	daemon B
	run B ifconfig shmif0 create
	run B ifconfig shmif0 linkstr bus0
	run B ifconfig shmif0 up
	run B ifconfig shmif0 inet 10.0.0.1/24
	run B ifconfig shmif0 inet6 2001:db8::1/64
	dup4() { smp B ifconfig shmif0 | grep -q "inet 10.0.0.1/24 .*DUPLICATED"; }
	dup6() { smp B ifconfig shmif0 | grep -q "inet6 2001:db8::1/64 .*DUPLICATED"; }
	until_ok 10 dup4
	until_ok 10 dup6
	shows_not A "DUPLICATED" ifconfig shmif0
	# another address of B's works, and A's is its neighbour
	run B ifconfig shmif0 inet 10.0.0.2/24 alias
	run B ifconfig shmif0 inet6 2001:db8::2/64
	dad_wait B
	shows A " 0.0% packet loss" ping -n -c 1 10.0.0.2
	shows A " 0.0% packet loss" ping6 -n -c 1 2001:db8::2
	finish
}

test_case together "two hosts that check the same address at the same time do not both get it"
together_body() {
	daemon A
	daemon B
	for d in A B; do
		run $d ifconfig shmif0 create
		run $d ifconfig shmif0 linkstr bus0
		run $d ifconfig shmif0 up
	done
	dad_wait A B
	for d in A B; do
		run $d ifconfig shmif0 inet 10.0.0.1/24
		run $d ifconfig shmif0 inet6 2001:db8::1/64
	done
	dad_wait A B
	for re in "inet 10.0.0.1/24" "inet6 2001:db8::1/64"; do
		n=0
		for d in A B; do smp $d ifconfig shmif0 | grep "$re" | grep -q DUPLICATED && n=$((n + 1)); done
		[ $n -ge 1 ] || { smp A ifconfig; smp B ifconfig; atf_fail "both have $re"; }
	done
	finish
}

test_case defended "an address in use is defended, seldom, and kept; a conflict is logged"
defended_body() {
	daemon A
	shows A "^net.inet.ip.dad_count = 3$" sysctl net.inet.ip.dad_count
	run A sysctl -w net.inet.ip.dad_count=0
	set_if A shmif0 bus0 10.0.0.1/24 ""
	local a=$(smp A ifconfig shmif0 | awk '/address:/ { print $2 }')
	announcements() { wire | grep -c "$a > ff:ff:ff:ff:ff:ff, .* Request who-has 10.0.0.1 tell 10.0.0.1,"; }
	announced() { [ "$(announcements)" = 1 ]; }
	until_ok 10 announced
	local before=1
	daemon B
	run B sysctl -w net.inet.ip.dad_count=0
	set_if B shmif0 bus0 10.0.0.1/24 ""
	defended() { [ "$(announcements)" -gt "$before" ]; }
	until_ok 15 defended
	logged() { grep -q "shmif0: duplicate IP address 10.0.0.1 sent from link address" "$1.log"; }
	until_ok 10 logged A
	until_ok 10 logged B
	# again, at once: one more claim is neither answered nor logged
	before=$(announcements)
	ok B ifconfig shmif0 inet 10.0.0.1 delete
	ok B ifconfig shmif0 inet 10.0.0.1/24
	sleep 1
	[ "$(announcements)" = "$before" ] || atf_fail "defended again within a second"
	[ "$(grep -c "duplicate IP address 10.0.0.1" A.log)" = 1 ] || { cat A.log; atf_fail "not logged once"; }
	shows_not A "DUPLICATED|TENTATIVE" ifconfig shmif0
	finish
}
