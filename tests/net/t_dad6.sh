# Duplicate address detection of IPv6: what is sent, the link's return, duplicates.
#
#	A 2001:db8::1 --- bus0 --- 2001:db8::2 B

quick() { # quick NAME: a daemon whose checks take little time
	daemon "$1"
	run "$1" sysctl -w net.inet.ip.dad_count=0
	run "$1" sysctl -w net.inet6.icmp6.nd6_retrans=300
}

frames_of() { "$BUILD/smpnet" dumpbus bus0 | tcpdump -n -e -r - 2>/dev/null; }

test_case count "dad_count solicitations from ::, none if it is 0, and no advertisement afterwards"
count_body() {
	quick A
	run A sysctl -w net.inet6.ip6.dad_count=3
	set_if A shmif0 bus0 "" 2001:db8::1/64
	shows A "inet6 2001:db8::1/64 .*TENTATIVE" ifconfig shmif0
	dad_wait A
	shows_not A "TENTATIVE|DUPLICATED" ifconfig shmif0
	run A sysctl -w net.inet6.ip6.dad_count=0
	run A ifconfig shmif0 inet6 2001:db8::9/64 alias
	shows_not A "TENTATIVE" ifconfig shmif0
	[ "$(frames_of | grep -c '> 33:33:ff:00:00:01, .* :: > ff02::1:ff00:1: .*who has 2001:db8::1,')" = 3 ] ||
	    { frames_of; atf_fail "not three solicitations"; }
	! frames_of | grep -E 'who has 2001:db8::9|neighbor advertisement' || atf_fail "sent though there was no reason"
	finish
}

test_case link "the link comes back: DAD once more, then neighbours are told, anycast addresses without override"
link_body() {
	quick A
	set_if A shmif0 bus0 "" 2001:db8::1/64
	run A ifconfig shmif0 inet6 2001:db8::a/64 anycast
	dad_wait A
	! frames_of | grep 'neighbor advertisement' || atf_fail "advertised without a reason"
	run A ifconfig shmif0 media none
	shows A "inet6 2001:db8::1/64.*DETACHED" ifconfig shmif0
	run A ifconfig shmif0 media auto
	shows A "inet6 2001:db8::1/64.*TENTATIVE" ifconfig shmif0
	dad_wait A
	told() { [ "$("$BUILD/smpnet" dumpbus bus0 | tcpdump -n -r - 2>/dev/null | grep -c "> ff02::1: .*advertisement, tgt is $1,")" = 1 ]; }
	ll=$(smp A ifconfig shmif0 | sed -n 's/.*inet6 \(fe80[^%/]*\).*/\1/p')
	for a in 2001:db8::1 2001:db8::a "$ll"; do until_ok 10 told "$a"; done
	"$BUILD/smpnet" dumpbus bus0 | tcpdump -n -v -r - 2>/dev/null >said
	grep -A1 "tgt is 2001:db8::1," said | grep -q "Flags \[.*override" || { cat said; atf_fail "without override"; }
	! grep -A1 "tgt is 2001:db8::a," said | grep "Flags \[.*override" || atf_fail "an anycast address with override"
	[ "$(frames_of | grep -c ':: > ff02::1:ff00:1: .*who has 2001:db8::1,')" = 2 ] || atf_fail "not checked again"
	finish
}

test_case again "a duplicated address is checked again when it is set again"
again_body() {
	quick A
	quick B
	set_if A shmif0 bus0 "" 2001:db8::1/64
	dad_wait A
	set_if B shmif0 bus0 "" 2001:db8::1/64
	duplicated() { smp B ifconfig shmif0 | grep -q "inet6 2001:db8::1/64 .*DUPLICATED"; }
	until_ok 10 duplicated
	run B ifconfig shmif0 inet6 2001:db8::1/64
	shows B "inet6 2001:db8::1/64 .*TENTATIVE" ifconfig shmif0
	until_ok 10 duplicated
	run A ifconfig shmif0 inet6 2001:db8::1 delete
	run A ifconfig shmif0 inet6 2001:db8::2/64
	run B ifconfig shmif0 inet6 2001:db8::1/64
	dad_wait A B
	shows_not B "DUPLICATED|TENTATIVE" ifconfig shmif0
	shows A " 0.0% packet loss" ping6 -n -c 1 2001:db8::1
	finish
}

test_case hardware "another host with the same link address: its link-local address is found to be a duplicate"
hardware_body() {
	for d in A B; do
		quick $d
		run $d ifconfig shmif0 create
		run $d ifconfig shmif0 link 02:00:00:00:aa:01 active
		run $d ifconfig shmif0 linkstr bus0
	done
	run A ifconfig shmif0 up
	dad_wait A
	run B ifconfig shmif0 up
	duplicated() { smp B ifconfig shmif0 | grep -q "inet6 fe80::ff:fe00:aa01%shmif0/64 .*DUPLICATED"; }
	until_ok 10 duplicated
	shows_not A "DUPLICATED" ifconfig shmif0
	grep -q "shmif0: possible hardware address duplication detected" B.log || { cat B.log; atf_fail "not logged"; }
	finish
}
