# What the net tests share: daemons, tools, segments.  Each test case runs in a directory of its own.

# A test case NAME with a description; its body is NAME_body; its daemons are ended whatever happens.
test_case() { # test_case NAME "what it shows"
	eval "${1}_head() { atf_set descr \"$2\"; atf_set timeout 300; }"
	eval "${1}_cleanup() { net_cleanup; }"
	atf_test_case "$1" cleanup
	net_cases="$net_cases $1"
}
net_cases=

atf_init_test_cases() {
	local c
	for c in $net_cases; do atf_add_test_case $c; done
}

# The daemon's name is its socket's and its log's.
daemon() { # daemon NAME [OPTION...]
	local name=$1 i
	shift
	"$BUILD/smpnetd" -w "${WORKERS:-1}" -p 2048 "$@" "unix://$PWD/$name.sock" 2>"$name.log" &
	echo $! >>pids
	echo $! >"$name.pid"
	for i in $(seq 600); do
		smp "$name" info >/dev/null 2>&1 && return 0
		kill -0 "$(cat "$name.pid")" 2>/dev/null || break
		sleep 0.05
	done
	cat "$name.log"
	atf_fail "smpnetd $name does not start"
}

smp() { # smp NAME TOOL ARGS...
	local name=$1
	shift
	"$BUILD/smpnet" -s "unix://$PWD/$name.sock" "$@"
}

run() { # run NAME TOOL ARGS...: must succeed; what it prints does not matter
	smp "$@" >run.out 2>&1 || { cat run.out; atf_fail "smpnet $*: exit status not 0"; }
}

ok() { # ok NAME TOOL ARGS...: must succeed in silence
	local name=$1
	shift
	atf_check -s exit:0 -o empty -e empty "$BUILD/smpnet" -s "unix://$PWD/$name.sock" "$@"
}

shows() { # shows NAME REGEX TOOL ARGS...: must succeed and print a line that matches
	local name=$1 re=$2
	shift 2
	atf_check -s exit:0 -o match:"$re" -e ignore "$BUILD/smpnet" -s "unix://$PWD/$name.sock" "$@"
}

shows_not() { # shows_not NAME REGEX TOOL ARGS...: must succeed and print no line that matches
	local name=$1 re=$2
	shift 2
	atf_check -s exit:0 -o not-match:"$re" -e ignore "$BUILD/smpnet" -s "unix://$PWD/$name.sock" "$@"
}

refuses() { # refuses NAME REGEX TOOL ARGS...: must fail with a matching line on standard error
	local name=$1 re=$2
	shift 2
	atf_check -s not-exit:0 -o ignore -e match:"$re" "$BUILD/smpnet" -s "unix://$PWD/$name.sock" "$@"
}

# Ends the daemons in good order and looks at what they and the sanitizers said.
finish() {
	local p i
	for p in $(cat pids); do kill "$p" 2>/dev/null; done
	for p in $(cat pids); do
		for i in $(seq 600); do kill -0 "$p" 2>/dev/null || break; sleep 0.05; done
		kill -0 "$p" 2>/dev/null && { kill -9 "$p"; touch stuck; }
	done
	rm -f pids
	if grep -l "ERROR: \|WARNING: ThreadSanitizer\|runtime error\|assertion failed" ./*.log; then
		cat ./*.log
		atf_fail "a daemon complained"
	fi
	[ ! -f stuck ] || atf_fail "a daemon did not end"
}

net_cleanup() {
	local p
	[ -f pids ] && for p in $(cat pids); do kill -9 "$p" 2>/dev/null; done
	return 0
}

set_if() { # set_if NAME IF BUS V4/PLEN V6/PLEN
	run "$1" ifconfig "$2" create
	run "$1" ifconfig "$2" linkstr "$3"
	[ -n "$4" ] && run "$1" ifconfig "$2" inet "$4"
	[ -n "$5" ] && run "$1" ifconfig "$2" inet6 "$5"
	run "$1" ifconfig "$2" up
}

# A host: its shmif0 on a segment, an address of each family, default routes
host() { # host NAME BUS V4/PLEN GW4 V6/PLEN GW6
	daemon "$1"
	set_if "$1" shmif0 "$2" "$3" "$5"
	run "$1" route add default "$4"
	run "$1" route add -inet6 default "$6"
}

# Duplicate address detection is over on every daemon named
dad_wait() {
	local d
	for d in "$@"; do run "$d" ifconfig -w 30; done
}

until_ok() { # until_ok SECONDS COMMAND...: repeats until it succeeds
	local n=$(($1 * 5))
	shift
	while [ $n -gt 0 ]; do
		"$@" >until.out 2>&1 && return 0
		sleep 0.2
		n=$((n - 1))
	done
	cat until.out
	atf_fail "never succeeded: $*"
}

drops_of() { # drops_of NAME REASON: how many packets the daemon dropped for the reason
	smp "$1" drops --json |
	    python3 -c 'import json,sys; print(sum(d["value"] for d in json.load(sys.stdin) if d["name"]==sys.argv[1]))' "$2"
}

# Hosts A and B with a router R between them:
#	A 10.0.0.1 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1 --- 10.0.1.1 B
#	  2001:db8::1            ::2       2001:db8:1::2         ::1
three() {
	daemon R
	set_if R shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	set_if R shmif1 bus1 10.0.1.2/24 2001:db8:1::2/64
	run R sysctl -w net.inet.ip.forwarding=1
	run R sysctl -w net.inet6.ip6.forwarding=1
	host A bus0 10.0.0.1/24 10.0.0.2 2001:db8::1/64 2001:db8::2
	host B bus1 10.0.1.1/24 10.0.1.2 2001:db8:1::1/64 2001:db8:1::2
	dad_wait A R B
}

# The two families by one body: FUNCTION ping, far address, traceroute, near address, sysctl, ping's time limit
each_family() {
	"$1" ping 10.0.1.1 traceroute 10.0.0.2 net.inet.ip.forwarding -w
	"$1" ping6 2001:db8:1::1 traceroute6 2001:db8::2 net.inet6.ip6.forwarding -X
}

# A router R between two segments whose hosts are the test's own frames; no duplicate address detection; static neighbours
#	10.0.0.1 02:..:01 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1 --- 10.0.1.1 02:..:11
#	2001:db8::1                          ::2   2001:db8:1::2             ::1
wired() {
	local i f
	daemon R "$@"
	for f in ip ip6; do
		i=net.inet${f#ip}.$f
		run R sysctl -w $i.dad_count=0
		run R sysctl -w $i.forwarding=1
	done
	set_if R shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	set_if R shmif1 bus1 10.0.1.2/24 2001:db8:1::2/64
	for i in 0 1; do
		run R arp -s 10.0.$i.1 02:00:00:00:00:${i}1
		run R ndp -s 2001:db8:$i::1 02:00:00:00:00:${i}1
	done
	run R ndp -s fe80::1%shmif0 02:00:00:00:00:01
}

# The rest of a test is Python: tests/net/NAME.py with the daemon's socket
frames() { # frames NAME DAEMON
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$TOP/tests/net/$1.py" "$BUILD" "$PWD/$2.sock" >wire.out 2>&1 ||
	    { cat wire.out; smp "$2" drops; atf_fail "$1.py: exit status not 0"; }
	cat wire.out
}
