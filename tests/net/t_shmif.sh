# Shared-memory segments: many hosts on one wire, and what can go wrong with a file.
#
#	A 10.0.0.1 ---+--- bus ---+--- 10.0.0.3 C
#	  2001:db8::1 |           |      2001:db8::3
#	              B 10.0.0.2 ::2

wire_host() { # wire_host NAME N
	daemon "$1"
	set_if "$1" shmif0 bus "10.0.0.$2/24" "2001:db8::$2/64"
}

reaches() { # reaches NAME N: both families, within a while
	until_ok 60 smp "$1" ping -n -c 1 -w 2 "10.0.0.$2"
	until_ok 60 smp "$1" ping6 -n -c 1 -X 2 "2001:db8::$2"
}

wire() { "$BUILD/smpnet" dumpbus bus | tcpdump -n -e -r - 2>/dev/null; }

carried() { # carried REGEX: did such a frame pass?
	wire >carried.out
	grep -qE "$1" carried.out || { cat carried.out; atf_fail "no frame like: $1"; }
}

alive() { # alive NAME...
	local d
	for d in "$@"; do shows "$d" "version" info; done
}

test_case kill_9 "hosts that are killed neither block nor damage the segment, and come back"
kill_9_body() {
	local i
	wire_host A 1
	wire_host B 2
	wire_host C 3
	dad_wait A B C
	reaches A 3
	for i in 1 2 3; do
		# in the middle of sending
		smp B ping -n -f -c 100000 10.0.0.1 >/dev/null 2>&1 &
		smp B ping -n -i 0.001 -c 100000 10.0.0.3 >/dev/null 2>&1 &
		sleep 0.3
		kill -9 "$(cat B.pid)"
		wait "$(cat B.pid)" 2>/dev/null
		reaches A 3
		reaches C 1
		rm -f B.sock
		wire_host B 2
		dad_wait B
		run A ndp -c # B has a new link address
		run C ndp -c
		reaches B 1
		reaches C 2
	done
	carried "IPv4"
	finish
	[ ! -e bus.wake ] || atf_fail "bus.wake is left"
	carried "ICMP6, echo reply"
}

test_case foreign "a file that is no segment is refused, named, and left alone"
foreign_body() {
	daemon A
	ok A ifconfig shmif0 create
	echo "important" >letter
	refuses A "letter: not a shmif segment" ifconfig shmif0 linkstr letter
	atf_check -o inline:"important\n" cat letter
	refuses A "regular file|directory" ifconfig shmif0 linkstr .
	refuses A "No such file" ifconfig shmif0 linkstr nowhere/bus
	mkfifo fifo
	refuses A "not a regular file" ifconfig shmif0 linkstr fifo
	shows A "linkstate: down" ifconfig shmif0
	ok A ifconfig shmif0 linkstr bus
	refuses A "letter: not a shmif segment" ifconfig shmif0 linkstr letter
	shows A "linkstr: $PWD/bus" ifconfig shmif0
	shows A "linkstate: up" ifconfig shmif0
	atf_check -s not-exit:0 -e match:"letter: not a shmif segment" "$BUILD/smpnet" dumpbus letter
	atf_check -s not-exit:0 -e match:"No such file" "$BUILD/smpnet" dumpbus nothing
	finish
}

test_case damage "random octets all over the file: drops, no crash; then the wire works again"
damage_body() {
	wire_host A 1
	wire_host B 2
	dad_wait A B
	reaches A 2
	smp A ping -n -i 0.002 -c 100000 10.0.0.2 >/dev/null 2>&1 &
	flood=$!
	python3 - <<-"X"
	import mmap, os, random
	random.seed(7)
	fd = os.open("bus", os.O_RDWR)
	m = mmap.mmap(fd, 0)
	control = 4096 + 128 * 128
	for i in range(100000):
	    at = random.randrange(control) if i % 3 else control + random.randrange(8 << 20)
	    m[at] = random.choice((0, 1, 8, 255, random.randrange(256)))
	X
	kill $flood
	alive A B
	reaches A 2
	reaches B 1
	finish
}

test_case truncated "the file is truncated under its hosts: no crash; they meet again on a new segment"
truncated_body() {
	wire_host A 1
	wire_host B 2
	dad_wait A B
	reaches A 2
	: >bus
	smp A ping -n -c 1 -w 1 10.0.0.2 >/dev/null 2>&1
	alive A B
	reaches A 2
	reaches B 1
	carried "echo reply"
	finish
}

test_case media "media none and no linkstr: no link, nothing moves; then it does"
media_body() {
	wire_host A 1
	wire_host B 2
	dad_wait A B
	reaches A 2
	ok A ifconfig shmif0 media none
	shows A "linkstate: down" ifconfig shmif0
	shows A "media: Ethernet none" ifconfig shmif0
	atf_check -s not-exit:0 -o ignore -e ignore "$BUILD/smpnet" -s "unix://$PWD/B.sock" ping -n -c 1 -w 1 10.0.0.1
	ok A ifconfig shmif0 media auto
	shows A "linkstate: up" ifconfig shmif0
	reaches B 1
	ok A ifconfig shmif0 -linkstr
	shows A "linkstate: down" ifconfig shmif0
	shows_not A "linkstr" ifconfig shmif0
	atf_check -s not-exit:0 -o ignore -e ignore "$BUILD/smpnet" -s "unix://$PWD/B.sock" ping -n -c 1 -w 1 10.0.0.1
	# a relative path is the tool's
	mkdir -p deep
	(cd deep && "$BUILD/smpnet" -s "unix://$PWD/../A.sock" ifconfig shmif0 linkstr ../bus) || atf_fail linkstr
	reaches B 1
	finish
}

test_case jumbo "frames of 9000 octets"
jumbo_body() {
	wire_host A 1
	wire_host B 2
	ok A ifconfig shmif0 mtu 9000
	ok B ifconfig shmif0 mtu 9000
	dad_wait A B
	reaches A 2
	shows A "1 packets received" ping -n -c 1 -s 8972 10.0.0.2
	shows A "1 packets received" ping6 -n -c 1 -s 8952 2001:db8::2
	carried "length 9014: 10.0.0.1 > 10.0.0.2: ICMP echo request"
	finish
}

test_case dumpbus "what is in the rings, what comes, and recording"
dumpbus_body() {
	local p
	wire_host A 1
	wire_host B 2
	dad_wait A B
	reaches A 2
	"$BUILD/smpnet" dumpbus -f bus >follow.pcap &
	p=$!
	"$BUILD/smpnet" dumpbus -w record.pcap bus &
	echo $p $! >>pids
	run A ping -n -c 2 -s 777 10.0.0.2
	until_ok 30 sh -c "tcpdump -n -r follow.pcap 2>/dev/null | grep 'echo reply.*length 785'"
	until_ok 30 sh -c "tcpdump -n -r record.pcap 2>/dev/null | grep 'echo reply.*length 785'"
	kill $p $!
	wait $p $!
	carried "echo reply.*length 785"
	# put back on another wire
	atf_check "$BUILD/smpnet" pcapin record.pcap other
	"$BUILD/smpnet" dumpbus other | tcpdump -n -e -r - 2>/dev/null >b
	tcpdump -n -e -r record.pcap 2>/dev/null >a
	sed -i 's/^[^ ]* //' a b
	atf_check diff a b
	finish
}

test_case odd_name "a file with blanks in its name is saved so that it can be read back"
odd_name_body() {
	daemon A
	run A ifconfig shmif0 create
	run A ifconfig shmif0 linkstr "my 'odd' bus#1"
	smp A config save >saved
	kill "$(cat A.pid)"
	until_ok 30 sh -c "! kill -0 $(cat A.pid) 2>/dev/null"
	daemon A -f "$PWD/saved"
	smp A config save >again
	atf_check diff saved again
	shows A "linkstr: $PWD/my 'odd' bus#1" ifconfig shmif0
	finish
}
