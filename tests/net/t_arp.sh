# ARP and neighbour discovery: entries, their states and ends, static and published ones, what the segment shows.
#
#	A 10.0.0.1 --- bus0 --- 10.0.0.2 B
#	  2001:db8::1            ::2

pair() {
	daemon A
	daemon B
	set_if A shmif0 bus0 10.0.0.1/24 2001:db8::1/64
	set_if B shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	dad_wait A B
}

mac_of() { smp "$1" ifconfig shmif0 | awk '/address:/ { print $2 }'; }

wire() { "$BUILD/smpnet" dumpbus bus0 | tcpdump -n -e -r - 2>/dev/null; }

on_wire() { # on_wire REGEX: the segment has seen a frame like this
	wire | grep -Eq "$1" || { wire; atf_fail "not on the segment: $1"; }
}

not_on_wire() {
	! wire | grep -E "$1" || atf_fail "on the segment: $1"
}

arp_shows() { smp "$1" arp -n "$2" | grep -Eq "$3"; }
ndp_shows() { smp "$1" ndp -n "$2" | grep -Eq "$3"; }
arp_gone() { ! smp "$1" arp -an | grep -Fq "($2)"; }
ndp_gone() { ! smp "$1" ndp -an | grep -q "^$2 "; }

test_case states "asker and answerer know each other by one exchange; reachable becomes stale, stale is used and probed"
states_body() {
	pair
	local a=$(mac_of A) b=$(mac_of B)
	shows A " 0.0% packet loss" ping -n -c 1 10.0.0.2
	shows A " 0.0% packet loss" ping6 -n -c 1 2001:db8::2
	shows A "\(10.0.0.2\) at $b on shmif0 [0-9]+s R" arp -n 10.0.0.2
	shows A "^2001:db8::2 +$b shmif0 +[0-9]+s +R" ndp -n 2001:db8::2
	shows B "\(10.0.0.1\) at $a on shmif0 .* D$" arp -n 10.0.0.1
	shows B "^2001:db8::1 +$a shmif0 .* [DSR]" ndp -n 2001:db8::1
	on_wire "$a > ff:ff:ff:ff:ff:ff, ethertype ARP .* length 42: Request who-has 10.0.0.2 tell 10.0.0.1, length 28"
	on_wire "$b > $a, ethertype ARP .* length 42: Reply 10.0.0.2 is-at $b, length 28"
	on_wire "$a > 33:33:ff:00:00:02, .* 2001:db8::1 > ff02::1:ff00:2: ICMP6, neighbor solicitation, who has 2001:db8::2, length 32"
	on_wire "$b > $a, .* 2001:db8::2 > 2001:db8::1: ICMP6, neighbor advertisement, tgt is 2001:db8::2, length 32"
	not_on_wire "Request who-has 10.0.0.1 tell 10.0.0.2"
	# the next exchange leaves entries that are stale in a moment
	run A sysctl -w net.inet.arp.nd_reachable=100
	run A sysctl -w net.inet6.icmp6.nd6_reachable=100
	run A sysctl -w net.inet.arp.nd_delay=1
	run A sysctl -w net.inet6.icmp6.nd6_delay=1
	run A arp -d 10.0.0.2
	run A ndp -d 2001:db8::2
	sleep 1 # a neighbour is not asked twice in a second
	run A ping -n -c 1 10.0.0.2
	run A ping6 -n -c 1 2001:db8::2
	until_ok 10 arp_shows A 10.0.0.2 " S$"
	until_ok 10 ndp_shows A 2001:db8::2 " S *$"
	shows A "(1d0h0m0s|23h59m[0-9]+s) +S" ndp -n 2001:db8::2
	run A ping -n -c 1 10.0.0.2
	run A ping6 -n -c 1 2001:db8::2
	# used: after the delay it is probed, by unicast
	probed() { wire | grep -Eq "$a > $b, ethertype ARP .* Request who-has 10.0.0.2 tell 10.0.0.1"; }
	until_ok 15 probed
	probed6() { wire | grep -Eq "$a > $b, .* 2001:db8::1 > 2001:db8::2: ICMP6, neighbor solicitation"; }
	until_ok 15 probed6
	# kept for a while, then gone
	run A sysctl -w net.inet.arp.keep=2
	run A sysctl -w net.inet6.icmp6.nd6_keep=2
	until_ok 20 arp_gone A 10.0.0.2
	until_ok 20 ndp_gone A 2001:db8::2
	finish
}

test_case static "entries set by hand: permanent, temporary, not overwritten, removed one by one and all at once"
static_body() {
	pair
	local a=$(mac_of A)
	ok A arp -s 10.0.0.77 02:00:00:00:00:77
	shows A "\(10.0.0.77\) at 02:00:00:00:00:77 on shmif0 permanent" arp -an
	refuses A "File exists" arp -s 10.0.0.77 02:00:00:00:00:78
	ok A arp -s 10.0.0.78 02:00:00:00:00:78 temp
	ok A arp -s 10.0.0.78 02:00:00:00:00:79 temp
	shows A "\(10.0.0.78\) at 02:00:00:00:00:79 on shmif0 [0-9hms]+ R" arp -n 10.0.0.78
	run A ndp -s 2001:db8::77 02:00:00:00:00:77
	shows A "^2001:db8::77 +02:00:00:00:00:77 shmif0 permanent R" ndp -an
	run A ndp -s fe80::77%shmif0 02:00:00:00:00:77
	shows A "^fe80::77%shmif0 +02:00:00:00:00:77 shmif0 permanent R" ndp -an
	# a wrong entry for B sends the packets to nobody; B is answered all the same
	ok A arp -s 10.0.0.2 02:00:00:00:00:02
	atf_check -s not-exit:0 -o match:"100.0% packet loss" -e ignore "$BUILD/smpnet" -s unix://$PWD/A.sock ping -n -c 1 -w 2 10.0.0.2
	run B arp -d -a
	sleep 1
	smp B ping -n -c 1 -w 2 10.0.0.1 >/dev/null
	shows B "\(10.0.0.1\) at $a on shmif0" arp -an
	shows A "\(10.0.0.2\) at 02:00:00:00:00:02 on shmif0 permanent" arp -an
	run A config save
	cp run.out saved
	atf_check -o match:"^arp -s 10.0.0.77 02:00:00:00:00:77$" -o match:"^ndp -s fe80::77%shmif0 02:00:00:00:00:77$" \
	    -o not-match:"10.0.0.78" cat saved
	run A arp -d 10.0.0.2
	shows A " 0.0% packet loss" ping -n -c 1 10.0.0.2
	refuses A "no entry" arp -d 10.0.0.99
	run A arp -d -a
	shows_not A "10.0.0.(2|77|78)" arp -an
	run A ndp -c
	shows_not A "::77" ndp -an
	# our own stay
	shows A "\(10.0.0.1\) at $a on shmif0 permanent" arp -an
	finish
}

test_case file "arp -f, typed and in a configuration: errors name file and line, and do not show what is in a file"
file_body() {
	daemon A
	set_if A shmif0 bus0 10.0.0.1/24
	printf '# neighbours\n10.0.0.81 02:00:00:00:00:81\n\n10.0.0.82 02:00:00:00:00:82 temp\n10.0.0.83 2:0:0:0:0:83 pub proxy # third\n' >good
	ok A arp -f good
	shows A "\(10.0.0.81\) at 02:00:00:00:00:81 on shmif0 permanent" arp -an
	shows A "\(10.0.0.82\) at 02:00:00:00:00:82 on shmif0 [0-9hms]+ R" arp -n 10.0.0.82
	shows A "\(10.0.0.83\) at 02:00:00:00:00:83 on shmif0 permanent published \(proxy only\)" arp -an
	# what is there is said, the rest is set
	run A arp -d 10.0.0.83
	refuses A "10.0.0.81: File exists" arp -f good
	shows A "\(10.0.0.83\)" arp -an
	printf '10.0.0.84 02:00:00:00:00:84\n10.0.0.85 secret\n' >bad
	refuses A "bad:2: 10.0.0.85: 'secret' is not a link address" arp -f bad
	shows_not A "10.0.0.84" arp -an
	refuses A "cannot open .*/none: No such file" arp -f none
	cat >conf <<-E
	ifconfig shmif0 create
	ifconfig shmif0 linkstr bus0
	ifconfig shmif0 inet 10.0.0.2/24
	ifconfig shmif0 up
	arp -f good
	E
	daemon B -f conf
	shows B "\(10.0.0.81\) at 02:00:00:00:00:81 on shmif0 permanent" arp -an
	shows B "\(10.0.0.83\) at .*published \(proxy only\)" arp -an
	sed 's/good/bad/' conf >conf2
	atf_check -s not-exit:0 -o ignore -e match:"conf2:5: arp: bad:2: " -e not-match:secret \
	    timeout 20 "$BUILD/smpnetd" -w 1 -f conf2 "unix://$PWD/C.sock"
	refuses A "conf2:5: arp: bad:2: " config check conf2
	# a file's relative names are below its own directory
	mkdir dir
	mv conf good dir
	ok A config check dir/conf
	finish
}

test_case proxy "a published address is answered for while its entry exists"
proxy_body() {
	pair
	ok B arp -s 10.0.0.80 02:00:00:00:00:80 pub proxy
	shows B "\(10.0.0.80\) at 02:00:00:00:00:80 on shmif0 .*published \(proxy only\)" arp -an
	smp A ping -n -c 1 -w 1 10.0.0.80 >/dev/null
	shows A "\(10.0.0.80\) at 02:00:00:00:00:80 on shmif0" arp -an
	on_wire "Reply 10.0.0.80 is-at 02:00:00:00:00:80"
	run B arp -d 10.0.0.80
	run A arp -d 10.0.0.80
	smp A ping -n -c 1 -w 4 10.0.0.80 >/dev/null
	shows_not A "\(10.0.0.80\) at 0" arp -an
	# the same by neighbour discovery
	run B ndp -s 2001:db8::80 02:00:00:00:00:80 proxy
	smp A ping6 -n -c 1 -X 1 2001:db8::80 >/dev/null
	shows A "^2001:db8::80 +02:00:00:00:00:80 shmif0" ndp -an
	run B ndp -d 2001:db8::80
	run A ndp -d 2001:db8::80
	smp A ping6 -n -c 1 -X 4 2001:db8::80 >/dev/null
	shows_not A "^2001:db8::80 +0" ndp -an
	finish
}

test_case endpoint "a router answers for a host behind it, whichever came first, while the entry is there and it forwards"
endpoint_body() {
	three
	local r=$(mac_of R)
	ok R arp -s 10.0.0.80 $r pub proxy
	shows R "\(10.0.0.80\) at $r on shmif0 .*published \(proxy only\)" arp -an
	run R route add -host 10.0.0.80 10.0.1.1
	run B ifconfig shmif0 inet 10.0.0.80/32 alias
	dad_wait B
	shows A " 0.0% packet loss" ping -n -c 1 -w 5 10.0.0.80
	shows A "\(10.0.0.80\) at $r on shmif0" arp -an
	on_wire "Reply 10.0.0.80 is-at $r, length 28"
	silent() { ! smp A ping -n -c 1 -w 1 10.0.0.80; }
	run R sysctl -w net.inet.ip.forwarding=0
	until_ok 10 silent
	run R sysctl -w net.inet.ip.forwarding=1
	run A arp -d 10.0.0.80
	run R arp -d 10.0.0.80
	until_ok 10 silent
	# pub alone: it is our neighbour as well
	ok R arp -s 10.0.0.90 02:00:00:00:00:90 pub
	shows R "\(10.0.0.90\) at 02:00:00:00:00:90 on shmif0 permanent published$" arp -an
	smp A ping -n -c 1 -w 1 10.0.0.90 >/dev/null
	on_wire "Reply 10.0.0.90 is-at 02:00:00:00:00:90, length 28"
	run R config save
	atf_check -o match:"^arp -s 10.0.0.90 02:00:00:00:00:90 pub$" cat run.out
	finish
}

test_case unresolved "who does not answer costs named drops, and is reported as unreachable to who asked"
unresolved_body() {
	three
	atf_check -s not-exit:0 -o match:"Destination Host Unreachable" -e ignore \
	    "$BUILD/smpnet" -s unix://$PWD/A.sock ping -n -v -c 1 -w 8 10.0.1.99
	atf_check -s not-exit:0 -o match:"100.0% packet loss" -e ignore \
	    "$BUILD/smpnet" -s unix://$PWD/A.sock ping6 -n -c 1 -X 8 2001:db8:1::99
	[ "$(drops_of R IP_UNRESOLVED)" -ge 1 ] && [ "$(drops_of R IP6_UNRESOLVED)" -ge 1 ] ||
	    { smp R drops; atf_fail "no drop for want of a neighbour"; }
	finish
}

test_case monitor "routing messages tell of entries that come, go and fail"
monitor_body() {
	pair
	"$BUILD/smpnet" -s unix://$PWD/A.sock route -n monitor >monitor.out 2>&1 &
	echo $! >>pids
	monitoring() { smp A arp -s 10.0.0.70 02:00:00:00:00:70 temp; smp A arp -d 10.0.0.70; grep -q RTM_DELETE monitor.out; }
	until_ok 10 monitoring
	run A ping -n -c 1 10.0.0.2
	run A arp -d 10.0.0.2
	smp A ping -n -c 1 -w 5 10.0.0.99 >/dev/null
	missed() { grep -q RTM_MISS monitor.out; }
	until_ok 20 missed
	atf_check -o match:"RTM_ADD.+<UP,HOST,DONE,LLINFO,CLONED>" -o match:"RTM_DELETE.+<HOST,DONE,LLINFO,CLONED>" \
	    -o match:"<DST,GATEWAY,AUTHOR>" -o match:"10.0.0.99 link#[0-9]+ 10.0.0.1" cat monitor.out
	finish
}

test_case down "entries go when the interface goes down, the network moves, or the interface is destroyed"
down_body() {
	pair
	run A sysctl -w net.inet.ip.dad_count=0
	run A sysctl -w net.inet6.ip6.dad_count=0
	know() {
		run A ping -n -c 1 10.0.0.2
		run A ping6 -n -c 1 2001:db8::2
		shows A "\(10.0.0.2\) at" arp -an
		shows A "^2001:db8::2 " ndp -an
	}
	forgotten() {
		shows_not A "\(10.0.0.2\) at" arp -an
		shows_not A "^2001:db8::2 " ndp -an
	}
	know
	ok A ifconfig shmif0 down
	forgotten
	ok A ifconfig shmif0 up
	sleep 1
	know
	ok A ifconfig shmif0 inet 10.0.0.1 delete
	ok A ifconfig shmif0 inet6 2001:db8::1 delete
	forgotten
	ok A ifconfig shmif0 inet 10.0.0.1/24
	ok A ifconfig shmif0 inet6 2001:db8::1/64
	sleep 1
	know
	# with packets that wait
	smp A ping -n -c 3 -i 0.1 -w 2 10.0.0.50 >/dev/null &
	sleep 0.3
	ok A ifconfig shmif0 destroy
	forgotten
	wait $!
	set_if A shmif0 bus0 10.0.0.1/24 2001:db8::1/64
	know
	finish
}

test_case lladdr "a new link address is announced and used at once"
lladdr_body() {
	pair
	run A ping -n -c 1 10.0.0.2
	run A ping6 -n -c 1 2001:db8::2
	run A ifconfig shmif0 link 02:00:00:00:0a:0a active
	known() { smp B arp -an | grep -q "(10.0.0.1) at 02:00:00:00:0a:0a"; }
	until_ok 10 known
	known6() { smp B ndp -an | grep -q "^2001:db8::1 .*02:00:00:00:0a:0a"; }
	until_ok 10 known6
	shows A " 0.0% packet loss" ping -n -c 1 10.0.0.2
	shows A " 0.0% packet loss" ping6 -n -c 1 2001:db8::2
	on_wire "02:00:00:00:0a:0a > ff:ff:ff:ff:ff:ff, .* Request who-has 10.0.0.1 tell 10.0.0.1"
	on_wire "02:00:00:00:0a:0a > 33:33:00:00:00:01, .* ICMP6, neighbor advertisement"
	finish
}

test_case gratuitous "addresses are announced when the interface goes up, when added without DAD, when the link is back"
gratuitous_body() {
	announced() { [ "$(wire | grep -c "Request who-has $1 tell $1,")" -ge "$2" ]; }
	probes() { wire | grep -c "Request who-has $1 tell 0.0.0.0,"; }
	daemon A
	run A ifconfig shmif0 create
	run A ifconfig shmif0 linkstr bus0
	# set while down: announced with "up", without probes
	run A ifconfig shmif0 inet 10.0.0.1/24
	run A ifconfig shmif0 up
	until_ok 10 announced 10.0.0.1 1
	shows A "inet 10.0.0.1/24 " ifconfig shmif0
	shows_not A "inet 10.0.0.1/24 .*TENTATIVE" ifconfig shmif0
	[ "$(probes 10.0.0.1)" = 0 ] || atf_fail "probes for an address set before up"
	# added: announced at once, or probed for and announced
	run A sysctl -w net.inet.ip.dad_count=0
	run A ifconfig shmif0 inet 10.0.0.2/24 alias
	until_ok 10 announced 10.0.0.2 1
	[ "$(probes 10.0.0.2)" = 0 ] || atf_fail "probes though the count is 0"
	run A sysctl -w net.inet.ip.dad_count=1
	run A ifconfig shmif0 inet 10.0.0.3/24 alias
	shows A "inet 10.0.0.3/24 .*TENTATIVE" ifconfig shmif0
	dad_wait A
	until_ok 10 announced 10.0.0.3 1
	[ "$(probes 10.0.0.3)" = 1 ] || atf_fail "not one probe"
	wire | grep "who-has 10.0.0.3 tell" | head -1 | grep -q "tell 0.0.0.0, length 28" || atf_fail "announced before it was probed for"
	# another link address: announced from it
	ok A ifconfig shmif0 link 02:00:00:00:0a:0a active
	for i in 1 2 3; do
		seen() { wire | grep -q "02:00:00:00:0a:0a > ff:ff:ff:ff:ff:ff, ethertype ARP .* Request who-has 10.0.0.$i tell 10.0.0.$i, length 28"; }
		until_ok 10 seen
	done
	# the carrier returns: probes and announcements, or announcements alone
	local p=$(probes 10.0.0.1)
	ok A ifconfig shmif0 media none
	shows A "inet 10.0.0.1/24 .*DETACHED" ifconfig shmif0
	ok A ifconfig shmif0 media auto
	dad_wait A
	[ "$(probes 10.0.0.1)" = $((p + 1)) ] || { wire; atf_fail "not one probe when the link is back"; }
	until_ok 10 announced 10.0.0.1 3
	run A sysctl -w net.inet.ip.dad_count=0
	p=$(probes 10.0.0.1)
	local n=$(wire | grep -c "Request who-has 10.0.0.1 tell 10.0.0.1,")
	ok A ifconfig shmif0 media none
	ok A ifconfig shmif0 media auto
	until_ok 10 announced 10.0.0.1 $((n + 1))
	[ "$(probes 10.0.0.1)" = $p ] || atf_fail "probes though the count is 0"
	# nobody learns from announcements and probes
	daemon B
	set_if B shmif0 bus0 10.0.0.9/24 ""
	ok A ifconfig shmif0 inet 10.0.0.4/24 alias
	until_ok 10 announced 10.0.0.4 1
	shows_not B "\(10.0.0.[1-4]\)" arp -an
	finish
}

test_case segments "two interfaces on one segment: an entry of the same host on each, none of our own; a network that moves"
segments_body() {
	pair
	run A sysctl -w net.inet.ip.dad_count=0
	set_if A shmif1 bus0 10.0.0.3/24 ""
	local b=$(mac_of B)
	run B ping -n -c 1 10.0.0.1
	run B ping -n -c 1 10.0.0.3
	smp A ping -n -c 1 -w 1 10.0.0.98 >/dev/null
	shows A "\(10.0.0.2\) at $b on shmif0" arp -n 10.0.0.2
	shows A "\(10.0.0.2\) at $b on shmif1" arp -n 10.0.0.2
	shows_not A "\(10.0.0.1\) at .* on shmif1|\(10.0.0.3\) at .* on shmif0" arp -an
	ok A arp -d 10.0.0.2
	atf_check -s not-exit:0 -o match:"10.0.0.2 \(10.0.0.2\) -- no entry" "$BUILD/smpnet" -s "unix://$PWD/A.sock" arp -n 10.0.0.2
	# a static entry is not taken by attacks, nor does it stop us from answering
	ok A ifconfig shmif1 destroy
	run A ping -n -c 1 10.0.0.2
	shows A "\(10.0.0.2\) at $b on shmif0" arp -an
	set_if A shmif2 bus1 10.9.0.1/24 ""
	ok A arp -s 10.0.0.70 02:00:00:00:00:70
	run A route change -net 10.0.0.0/24 -ifp shmif2
	shows_not A "\(10.0.0.(2|70)\)" arp -an
	# no route at all: RTM_MISS without an author
	"$BUILD/smpnet" -s "unix://$PWD/A.sock" route -n monitor >monitor.out 2>&1 &
	echo $! >>pids
	missed() { smp A ping -n -c 1 -w 1 203.0.113.9 >/dev/null 2>&1; grep -q "RTM_MISS" monitor.out; }
	until_ok 20 missed
	atf_check -o not-match:"AUTHOR" -o match:"203.0.113.9" cat monitor.out
	finish
}
