# Addresses: lifetimes, states, how they are made, and which one packets have as their source.
#
#	A 10.0.0.1 --- bus --- 10.0.0.2 B
#	  2001:db8::1       2001:db8::2

alone() { # a host without duplicate address detection
	daemon A
	run A sysctl -w net.inet.ip.dad_count=0
	run A sysctl -w net.inet6.ip6.dad_count=0
	run A ifconfig shmif0 create
	run A ifconfig shmif0 linkstr bus
}
pair() {
	alone
	daemon B
	run B sysctl -w net.inet.ip.dad_count=0
	run B sysctl -w net.inet6.ip6.dad_count=0
	set_if B shmif0 bus 10.0.0.2/24 2001:db8::2/64
}
state() { # state ADDRESS REGEX: does the line of A's address end so?  For until_ok
	smp A ifconfig -L shmif0 | grep -E "inet6? $1/[0-9]+ .*$2\$"
}
gone() {
	! state "$1" ""
}
from() { # from DST SOURCE [ARGS...]: A's echo request to DST has the source, as ping6 says
	local dst=$1 src=$2
	shift 2
	atf_check -s exit:0 -o match:"^PING6.* bytes\\) $src --> $dst\$" -e ignore \
	    "$BUILD/smpnet" -s "unix://$PWD/A.sock" ping6 -n -c 1 "$@" "$dst"
}
from4() { # the same of IPv4, by what is on the wire
	local dst=$1 src=$2
	shift 2
	smp A ping -n -c 1 -w 1 "$@" "$dst" >/dev/null 2>&1
	smp A dumpbus bus | tcpdump -n -r - icmp 2>/dev/null >dump
	atf_check -s exit:0 -o match:" $src > $dst: ICMP echo request" tail -n 2 dump
}

test_case lifetimes "lifetimes are set, changed in place, shown, and end: deprecated first, then gone"
lifetimes_body() {
	alone
	ok A ifconfig shmif0 inet6 2001:db8::1/64
	ok A ifconfig shmif0 inet6 2001:db8::2/64 pltime 1
	ok A ifconfig shmif0 inet6 2001:db8::3/64 pltime 2 vltime 4
	ok A ifconfig shmif0 inet6 2001:db8::4/64 pltime 2 vltime 2
	ok A ifconfig shmif0 inet6 2001:db8::5/64 pltime 3 vltime 3
	ok A ifconfig shmif0 inet6 2001:db8::6/64 pltime 600 vltime 900
	ok A ifconfig shmif0 inet6 2001:db8::7/64 pltime infty vltime infty
	for a in 1 7; do atf_check -o ignore -e ignore grep -E "2001:db8::$a/64 flags 0\$" "$(smp A ifconfig -L shmif0 >out; echo out)"; done
	shows A '2001:db8::6/64 flags 0 pltime (600|59.) vltime (900|89.)$' ifconfig -L shmif0
	# another lifetime for the same address: in place, whatever it was
	ok A ifconfig shmif0 inet6 2001:db8::5/64 pltime 700 vltime 800
	shows A '2001:db8::5/64 flags 0 pltime (700|6..) vltime (800|7..)$' ifconfig -L shmif0
	until_ok 30 state 2001:db8::2 "flags 0x10<DEPRECATED> pltime 0 vltime infty"
	ok A ifconfig shmif0 inet6 2001:db8::2/64 pltime 500
	until_ok 5 state 2001:db8::2 "flags 0 pltime [0-9]+ vltime infty"
	ok A ifconfig shmif0 inet6 2001:db8::2/64
	until_ok 5 state 2001:db8::2 "flags 0"
	until_ok 30 gone 2001:db8::3
	until_ok 30 gone 2001:db8::4
	state 2001:db8::5 "" >/dev/null || atf_fail "the new lifetime did not replace the old one"
	shows_not A '2001:db8::[34]' netstat -rn
	refuses A '^ifconfig: SIOCAIFADDR_IN6: Invalid argument' ifconfig shmif0 inet6 2001:db8::8/64 vltime 5
	refuses A '^ifconfig: SIOCAIFADDR_IN6: Invalid argument' ifconfig shmif0 inet6 2001:db8::8/64 pltime 6 vltime 5
	refuses A '^ifconfig: SIOCAIFADDR_IN6: Invalid argument' ifconfig shmif0 inet6 2001:db8::8/64 pltime 0 vltime 0
	refuses A 'pltime: .x. is not a number' ifconfig shmif0 inet6 2001:db8::8/64 pltime x
	until_ok 1 gone 2001:db8::8
	# by hand, and lifetimes are kept by a saved configuration
	ok A ifconfig shmif0 inet6 2001:db8::7/64 deprecated
	until_ok 5 state 2001:db8::7 "flags 0x10<DEPRECATED>"
	shows A '^ifconfig shmif0 inet6 2001:db8::6/64 pltime [0-9]+ vltime [0-9]+ alias$' config save
	shows A '^ifconfig shmif0 inet6 2001:db8::7/64 deprecated alias$' config save
	ok A ifconfig shmif0 inet6 2001:db8::7/64 -deprecated
	until_ok 5 state 2001:db8::7 "flags 0"
	finish
}

test_case source "IPv6 sources: scope, deprecation, interface, label, prefix; -S and -I; never an anycast address"
source_body() {
	pair
	ok A ifconfig shmif0 inet6 2001:db8::a/64 anycast
	ok A ifconfig shmif0 inet6 2001:db8:0:1::1/64
	ok A ifconfig shmif0 inet6 2001:db8::1/64
	ok A ifconfig shmif0 inet6 fd00::1/64
	ok A ifconfig lo0 inet6 2001:db8:9::1/128
	for a in 2001:db8:0:1::2 fd00::2; do ok B ifconfig shmif0 inet6 $a/64; done
	shows A 'inet6 2001:db8::a/64 flags 0x1<ANYCAST>$' ifconfig shmif0
	from 2001:db8::2 2001:db8::1			# the longest prefix
	from 2001:db8:0:1::2 2001:db8:0:1::1
	from fd00::2 fd00::1				# the label
	from 2001:db8:9::1 2001:db8:9::1		# ourselves
	from 2001:db8::a "2001:db8:[0-9:]*1"
	from ff02::1%shmif0 'fe80::[0-9a-f:]*%shmif0'
	ok A ifconfig shmif0 inet6 2001:db8::1/64 deprecated
	from 2001:db8::2 2001:db8:0:1::1
	from 2001:db8::2 2001:db8::1 -S 2001:db8::1	# but it may be asked for
	ok A ifconfig shmif0 inet6 2001:db8::1/64
	from 2001:db8::2 2001:db8::1
	refuses A "^ping6: bind: Can't assign requested address$" ping6 -n -c 1 -S 2001:db8::77 2001:db8::2
	refuses A "^ping6: bind: Can't assign requested address$" ping6 -n -c 1 -S 2001:db8::a 2001:db8::2
	# the anycast address answers by another
	run B route add -inet6 -host 2001:db8:9::1 2001:db8::1
	shows B '^16 bytes from 2001:db8:[0-9:]*1, icmp_seq=0' ping6 -n -c 1 2001:db8::a
	smp A dumpbus bus | tcpdump -n -r - icmp6 2>/dev/null >dump
	atf_check -s exit:1 grep ' 2001:db8::a > .*echo' dump
	# link-local addresses need their zone
	refuses A '^ping6: .*' ping6 -n -c 1 fe80::1
	finish
}

test_case source4 "IPv4 sources: the first address; an alias does not change it; the next hop's network; -I"
source4_body() {
	pair
	ok A ifconfig shmif0 inet 10.0.0.1/24
	ok A ifconfig shmif0 inet 10.0.1.1/24 alias
	ok A ifconfig shmif0 inet 10.0.0.11/24 alias
	ok B ifconfig shmif0 inet 10.0.1.2/24 alias
	run A route add default 10.0.1.2
	from4 10.0.0.2 10.0.0.1
	from4 10.0.1.2 10.0.1.1
	from4 192.0.2.1 10.0.1.1
	from4 10.0.0.2 10.0.0.11 -I 10.0.0.11
	run A route change default 10.0.0.2
	from4 192.0.2.1 10.0.0.1
	run A route change default 10.0.0.2 -ifa 10.0.0.11
	from4 192.0.2.1 10.0.0.11
	refuses A "^ping: bind: Can't assign requested address$" ping -n -c 1 -I 10.0.0.99 10.0.0.2
	refuses A "^traceroute: bind: Can't assign requested address$" traceroute -n -s 10.0.0.99 10.0.0.2
	finish
}

test_case made "addresses that are made: eui64, link-local ones, none with auto_linklocal 0"
made_body() {
	alone
	ok A ifconfig shmif0 link 02:00:00:00:aa:01 active
	run A sysctl -w net.inet6.ip6.auto_linklocal=0
	ok A ifconfig shmif0 up
	shows_not A 'inet6' ifconfig shmif0
	ok A ifconfig shmif0 inet6 2001:db8:5:: prefixlen 64 eui64
	shows A '	inet6 2001:db8:5::ff:fe00:aa01/64 flags 0$' ifconfig shmif0
	shows_not A 'fe80' ifconfig shmif0
	ok A ifconfig shmif0 inet6 fe80::7
	shows A '	inet6 fe80::7%shmif0/64 flags 0 scopeid 0x2$' ifconfig shmif0
	shows A '^fe80::7 .* UHl ' netstat -rn -f inet6
	refuses A 'the zone is not shmif0' ifconfig shmif0 inet6 fe80::8%lo0
	ok A ifconfig shmif0 inet6 fe80::7%shmif0 delete
	ok A ifconfig shmif0 down
	run A sysctl -w net.inet6.ip6.auto_linklocal=1
	run A ifconfig shmif0 destroy
	run A ifconfig shmif0 create
	run A ifconfig shmif0 linkstr bus
	ok A ifconfig shmif0 link 02:00:00:00:aa:01 active
	ok A ifconfig shmif0 up
	shows A '	inet6 fe80::ff:fe00:aa01%shmif0/64 flags 0 scopeid 0x2$' ifconfig shmif0
	# of one interface only
	ok A ifconfig shmif1 create
	run A ndp -i shmif1 -auto_linklocal
	ok A ifconfig shmif1 up
	shows_not A 'inet6' ifconfig shmif1
	# a new link address leaves addresses as they are, as in NetBSD
	ok A ifconfig shmif0 link 02:00:00:00:aa:02 active
	shows A '	inet6 fe80::ff:fe00:aa01%shmif0/64 flags 0 scopeid 0x2$' ifconfig shmif0
	finish
}

test_case states "down and no carrier detach; up and carrier probe again; a duplicate is said once, and not used"
states_body() {
	daemon A
	daemon B
	set_if B shmif0 bus 10.0.0.2/24 2001:db8::2/64
	dad_wait B
	set_if A shmif0 bus "" 2001:db8::1/64
	state 2001:db8::1 "flags 0x2<TENTATIVE>" >/dev/null || atf_fail "not tentative"
	ok A ifconfig -w 30
	state 2001:db8::1 "flags 0" >/dev/null || atf_fail "still tentative"
	ok A ifconfig shmif0 inet6 2001:db8::2/64
	until_ok 30 state 2001:db8::2 "flags 0x4<DUPLICATED>"
	refuses A "^ping6: bind: Can't assign requested address$" ping6 -n -c 1 -S 2001:db8::2 2001:db8::1
	ok A ifconfig shmif0 media none
	state 2001:db8::1 "flags 0x8<DETACHED>" >/dev/null || atf_fail "not detached"
	atf_check -s exit:1 "$BUILD/smpnet" -s "unix://$PWD/A.sock" ifconfig -s shmif0
	atf_check -s exit:0 "$BUILD/smpnet" -s "unix://$PWD/A.sock" ifconfig -w 5 -W 1
	ok A ifconfig shmif0 media auto
	ok A ifconfig -s shmif0
	state 2001:db8::1 "flags 0x2<TENTATIVE>" >/dev/null || atf_fail "not tentative again"
	ok A ifconfig -w 0
	state 2001:db8::1 "flags 0" >/dev/null || atf_fail "still tentative"
	# gone while it is tentative, and while it is deprecated
	ok A ifconfig shmif0 inet6 2001:db8::11/64
	ok A ifconfig shmif0 inet6 2001:db8::11 delete
	ok A ifconfig shmif0 inet6 2001:db8::12/64 deprecated
	state 2001:db8::12 "flags 0x12<TENTATIVE,DEPRECATED>" >/dev/null || atf_fail "not both"
	ok A ifconfig shmif0 destroy
	finish
}
