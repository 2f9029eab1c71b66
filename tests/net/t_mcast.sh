# Multicast groups of the router's own, as the segment shows them: a host on bus0 asks, as a querier or a switch would.
#
#	02:..:01 10.0.0.1 --- bus0 --- 10.0.0.2 R
#	      fe80::1                  fe80::...

memberships() { # memberships FAMILY
	wired
	run R ifconfig shmif1 destroy
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$TOP/tests/net/mcast.py" "$BUILD" "$PWD/R.sock" "$1" >wire.out 2>&1 ||
	    { cat wire.out; smp R ifmcstat; smp R drops; atf_fail "mcast.py $1: exit status not 0"; }
	cat wire.out
	finish
}

test_case igmp "IGMPv3 as a member: joining, queries of three kinds, hostile queries, floods, the link's return, IGMPv2 and v1"
igmp_body() { memberships inet; }

test_case mld "MLDv2 as a listener: joining, queries of three kinds, hostile queries, floods, the link's return, MLDv1"
mld_body() { memberships inet6; }

test_case nd "the groups of addresses: reported before duplicate address detection asks, from :: then; left with the address"
nd_body() {
	daemon R
	run R ifconfig shmif0 create
	run R ifconfig shmif0 linkstr bus0
	run R ifconfig shmif0 inet6 2001:db8::2/64
	shows R 'group ff02::1:ff00:2%shmif0 refcount 1$' ifmcstat -i shmif0
	shows R 'enaddr 33:33:ff:00:00:02 refcount 1$' ifmcstat -i shmif0 -f link
	dad_wait R
	until_ok 30 sh -c "'$BUILD/smpnet' dumpbus bus0 | tcpdump -n -v -r - 2>/dev/null | grep -q 'fe80::.* > ff02::16: .*ff02::1:ff00:2 to_ex'"
	"$BUILD/smpnet" dumpbus bus0 | tcpdump -n -v -r - >wire 2>/dev/null
	grep -n 'who has 2001:db8::2' wire | head -1 | cut -d: -f1 >ns
	grep -n ':: > ff02::16: .*ff02::1:ff00:2 to_ex' wire | head -1 | cut -d: -f1 >report
	[ "$(cat report)" -lt "$(cat ns)" ] || { cat wire; atf_fail "duplicate address detection before the report"; }
	# Two addresses, one group: it stays as long as one of them
	run R ifconfig shmif0 inet6 2001:db8:1::2/64
	dad_wait R
	shows R 'group ff02::1:ff00:2%shmif0 refcount 2$' ifmcstat
	run R ifconfig shmif0 inet6 2001:db8::2 delete
	shows R 'group ff02::1:ff00:2%shmif0 refcount 1$' ifmcstat
	run R ifconfig shmif0 inet6 2001:db8:1::2 delete
	shows_not R 'ff02::1:ff00:2' ifmcstat
	until_ok 30 sh -c "'$BUILD/smpnet' dumpbus bus0 | tcpdump -n -v -r - 2>/dev/null | grep -q 'ff02::1:ff00:2 to_in'"
	# A router listens to one group more, and says so.
	run R sysctl -w net.inet6.ip6.forwarding=1
	shows R 'group ff02::2%shmif0 refcount 1$' ifmcstat -i shmif0
	until_ok 30 sh -c "'$BUILD/smpnet' dumpbus bus0 | tcpdump -n -v -r - 2>/dev/null | grep -q 'ff02::2 to_ex'"
	run R ifconfig shmif0 destroy
	shows_not R shmif0 ifmcstat
	finish
}
