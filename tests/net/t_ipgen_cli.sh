# ipgen as people run it: the command line, its exit statuses, its ports and what they answer.
#
#	loop --- loop		in memory
#	shmif -- bus -- shmif	both ports on one segment
#
#	ipgen 10.0.0.2 -- bus0 -- 10.0.0.1 R 10.0.1.1 -- bus1 -- 10.0.1.2 ipgen
#	      2001:db8::2           2001:db8::1   2001:db8:1::1         2001:db8:1::2

# Lines of JSON in FILE: sent and received in each direction are N, and nothing else happened.
clean() { # clean FILE N DIRECTIONS
	python3 - "$@" <<'END' || { cat "$1"; atf_fail "not a clean run"; }
import json, sys
n, dirs = int(sys.argv[2]), int(sys.argv[3])
lines = [json.loads(l) for l in open(sys.argv[1])]
assert all(len(l) == 1 for l in lines), "a line is an object with one member"
result = [l["result"] for l in lines if "result" in l]
assert len(result) == 1, "one result"
result = result[0]
assert not result["interrupted"] and not result["link_lost"] and result["tester_lost"] == 0 and result["device_missed"] == 0
assert len(result["directions"]) == dirs, len(result["directions"])
for d in result["directions"]:
    got = {k: d[k] for k in ("sent", "received", "unique", "lost", "reordered", "duplicate", "corrupt", "misdelivered", "unattributed")}
    want = dict(dict.fromkeys(got, 0), sent=n, received=n, unique=n)
    assert got == want, (got, want)
    assert d["latency"]["n"] == n and 0 < d["latency"]["min_ns"] <= d["latency"]["p50_ns"] <= d["latency"]["max_ns"], d["latency"]
END
}

gen() { # gen STATUS ARGS...: runs ipgen, what it prints to out and err
	local want=$1 got=0
	shift
	timeout 120 "$BUILD/ipgen/ipgen" "$@" >out 2>err || got=$?
	[ "$got" = "$want" ] || { cat out err; atf_fail "ipgen $*: exit status $got, not $want"; }
	! grep -l "ERROR: \|WARNING: ThreadSanitizer\|runtime error\|assertion failed" err || { cat err; atf_fail "ipgen $*"; }
}

wrong() { # wrong STATUS REGEX ARGS...: one line that matches
	local status=$1 re=$2
	shift 2
	gen "$status" "$@"
	grep -qE "^ipgen: $re" err && [ "$(wc -l <err)" = 1 ] && [ ! -s out ] || { cat out err; atf_fail "ipgen $*: not '$re'"; }
}

test_case loop "a clean run in memory loses nothing: families, protocols, tags, sizes, one port and two, both directions"
loop_body() {
	local family proto tags
	for family in -4 -6; do
		for proto in --udp --tcp --icmp; do
			gen 0 -T loop -R loop -f $family $proto -n 700 -p 5000 --drain 0.3 --no-floor --json-lines
			clean out 700 2
		done
		for tags in "--vlan 5:3" "--vlan 100,200"; do
			gen 0 -T loop -R loop -f $family $tags -n 65 -p 5000 --size 100-1500:7 --drain 0.3 --no-floor --json-lines
			clean out 65 2
		done
		gen 0 -T loop $family -n 64 -p 5000 -s 1500 --drain 0.3 --no-floor --json-lines
		clean out 64 1
	done
	gen 0 -T loop,,10.0.0.1/24 -R loop,,10.0.0.2/24 -n 300 -p 5000 --size imix --saddr 10.0.0.10-10.0.0.40 --drain 0.3 --workers 2 \
		--json-lines --flows-report=5
	clean out 300 1
	[ "$(grep -c '^{"flow":' out)" = 5 ] || { cat out; atf_fail "not five flows"; }
	gen 0 -T loop -R loop -n 50 -p 5000 -s 9000 --drain 0.3 --no-floor --json-lines
	clean out 50 1
}

test_case errors "what is wrong is one line that names the option and its value; nothing crashes"
errors_body() {
	printf '10.0.0.1:9,10.0.0.2:9\nfish\n' >flows
	printf 'swim 5s\n' >script
	printf 'nothing' >capture
	wrong 2 "-T PORT is missing" -p 5
	wrong 2 "--fish: no such option" --fish
	wrong 2 "-p x: " -T loop -p x
	wrong 2 "--rate 1Gbps: .*layer" -T loop --rate 1Gbps
	wrong 2 "-R loop: |-T loop -R tap0: loop is both" -T loop -R tap0
	wrong 2 "-R eth1: the same device as -T" -T eth1 -R eth1
	wrong 2 "-R loop: the same address as -T" -T loop,,10.0.0.1 -R loop,,10.0.0.1
	wrong 2 "-T loop,10.0.0.1,10.0.1.2/24: .*not in the port's network" -T loop,10.0.0.1,10.0.1.2/24
	wrong 2 "-T loop: one port behind a gateway" -T loop,10.0.0.1,10.0.0.2
	wrong 2 "--flowlist flows:2:" -T loop --flowlist flows
	wrong 2 "-S script:1: " -T loop -S script
	wrong 2 "--replay capture" -T loop --replay capture
	wrong 2 "-L /nonexistent/log: No such file" -T loop -L /nonexistent/log
	wrong 2 "--html /nonexistent/r.html: No such file" -T loop --html /nonexistent/r.html
	wrong 2 "--json .: Is a directory" -T loop --json .
	"$BUILD/ipgen/ipgen" -T loop -n 5 -p 100 -q --no-floor --drain 0.1 >/dev/full 2>err && atf_fail "a full device"
	grep -q "could not be written" err || atf_fail "$(cat err)"
	wrong 2 ".*too small" -T loop -6 --size 64
	wrong 1 "-T nothing0: no such device" -T nothing0 --no-floor
	wrong 1 "-T shmif:/nonexistent/bus: " -T shmif:/nonexistent/bus
	wrong 1 "-T loop: an MTU of 9001 octets" -T loop --mtu 9001
	wrong 1 "--rate 10 %: the line rate of -T shmif:bus is not known|.*line rate" -T shmif:bus --rate 10% --no-floor
	wrong 2 "--http 127.0.0.1:99999: " -T loop --http 127.0.0.1:99999
	atf_check -o match:"^ipgen " "$BUILD/ipgen/ipgen" --version
	atf_check -o match:"^usage: ipgen" "$BUILD/ipgen/ipgen" --help
}

test_case criteria "criteria that are not met end with status 3 and a line each that says by how much"
criteria_body() {
	local to="-T loop -R loop -n 100 -p 2000 --drain 0.2 --no-floor -q"
	gen 0 $to --max-loss 0 --min-rate 1 --max-latency 10000000
	gen 3 $to --min-rate 1Gpps
	grep -q "^ipgen: failed: --min-rate 1Gpps: 64 octets, direction 0: .* less$" err || atf_fail "$(cat err)"
	gen 3 $to --max-latency 0
	grep -q "^ipgen: failed: --max-latency 0 us: .* us more$" err || atf_fail "$(cat err)"
	# what is known of the first second says nothing of the rest
	"$BUILD/ipgen/ipgen" -T loop -R loop -t 600 -p 1000 --drain 0.2 --no-floor --nocurses --max-loss 0 >out 2>err &
	local pid=$! got
	for i in $(seq 300); do grep -q "^ *[1-9][0-9.]* " out && break; sleep 0.1; done
	kill -INT $pid
	got=0
	wait $pid || got=$?
	[ $got = 3 ] || atf_fail "stopped before its end: exit status $got"
	grep -q "^ipgen: failed: 64 octets: stopped after .* s, before its end$" err || atf_fail "$(cat err)"
	# nobody brings the packets back
	gen 3 -T shmif:bus --saddr 10.0.0.1 --daddr 10.0.0.2 -n 10 -p 1000 --drain 0.2 --no-floor -q --fail-if-dropped --max-latency 1000 --min-rate 1
	grep -q "^ipgen: failed: --max-loss 0 %: 64 octets, direction 0: 10 of 10 lost, 100 %$" err || atf_fail "$(cat err)"
	grep -q "^ipgen: failed: --max-latency 1000 us: .*nothing was received" err || atf_fail "$(cat err)"
	grep -q "^ipgen: failed: --min-rate 1: " err || atf_fail "$(cat err)"
	[ "$(wc -l <err)" = 3 ] || atf_fail "$(cat err)"
	grep -q "lost  *10 packets, 100 %" out || atf_fail "$(cat out)"
}

test_case segment "two ports on one segment; reports parse and are complete"
segment_body() {
	gen 0 -T shmif:bus -R shmif:bus -f -n 500 -p 2000 --drain 0.3 --json-lines --no-floor
	clean out 500 2
	gen 0 -T shmif:bus,,10.0.0.1/24 -R shmif:bus,,10.0.0.2/24 -n 100 -p 2000 --drain 0.3 --json r.json --csv r.csv --html r.html --text r.txt \
		-L log --title 'a "title"' --dut none
	python3 - <<'END' || atf_fail "r.json"
import json
r = json.load(open("r.json"))
assert r["title"] == 'a "title"' and r["dut"] == "none" and r["command"].startswith("ipgen -T shmif:bus,,10.0.0.1/24 -R"), r
assert len(r["rows"]) == 1 and r["rows"][0]["test"] == "run"
assert r["rows"][0]["result"]["directions"][0]["received"] == 100
END
	grep -q "100" r.csv && grep -q "<svg\|</html>" r.html && grep -q "Frames and faults" r.txt || atf_fail "reports"
	diff out log || atf_fail "-L is not what was printed"
	gen 0 -T loop -R loop -n 10 -p 1000 --drain 0.2 --no-floor --json -
	python3 -c 'import json; json.load(open("out"))' || atf_fail "$(cat out)"
}

router() { # R between bus0 and bus1
	local i
	daemon R
	for i in 0 1; do
		ok R ifconfig shmif$i create
		ok R ifconfig shmif$i linkstr "$PWD/bus$i"
		ok R ifconfig shmif$i inet 10.0.$i.1/24 up
		ok R ifconfig shmif$i inet6 2001:db8:$i::1/64
	done
	run R ifconfig -w 20
	run R sysctl -w net.inet.ip.forwarding=1
	run R sysctl -w net.inet6.ip6.forwarding=1
}

test_case cpus "what is wrong with --cpus and --workers is told by their names"
cpus_body() {
	wrong 2 "(error: )?--cpus 0,0: not a list of CPUs" -T loop --cpus 0,0 -n 1
	wrong 2 "(error: )?--cpus 1023: CPU 1023 is not one this process may use" -T loop --cpus 1023 -n 1
	wrong 2 "(error: )?--workers 3 and --cpus 0 \\(1 CPUs\\) disagree" -T loop --workers 3 --cpus 0 -n 1
}

test_case gateways "on the same wires one router for IPv4 and another for IPv6: flows of both families go each to its own"
gateways_body() {
	local D i
	for D in R S; do
		daemon $D
		for i in 0 1; do
			ok $D ifconfig shmif$i create
			ok $D ifconfig shmif$i linkstr "$PWD/bus$i"
			if [ $D = R ]; then ok R ifconfig shmif$i inet 10.0.$i.1/24 up; else ok S ifconfig shmif$i inet6 2001:db8:$i::1/64 up; fi
		done
		run $D ifconfig -w 20
		run $D sysctl -w net.inet.ip.forwarding=1
		run $D sysctl -w net.inet6.ip6.forwarding=1
	done
	printf '10.0.0.2:9,10.0.1.2:9\n[2001:db8::2]:9,[2001:db8:1::2]:9\n' >mixed.txt
	gen 0 -T shmif:bus0,10.0.0.1,10.0.0.2/24,2001:db8::1,2001:db8::2/64 -R shmif:bus1,10.0.1.1,10.0.1.2/24,2001:db8:1::1,2001:db8:1::2/64 \
		--flowlist mixed.txt --size 128 -f -n 200 -p 2000 --drain 0.5 --no-floor --json-lines
	clean out 200 2
	finish
}

test_case router "a router between: gateways are found both ways, what it asks is answered, nothing is lost"
router_body() {
	local T R want n
	router
	T=shmif:bus0,10.0.0.1,10.0.0.2/24,2001:db8::1,2001:db8::2/64
	R=shmif:bus1,10.0.1.1,10.0.1.2/24,2001:db8:1::1,2001:db8:1::2/64
	for family in -4 -6; do
		gen 0 -T $T -R $R $family -f -n 200 -p 2000 --drain 0.5 --no-floor --json-lines
		clean out 200 2
	done
	shows R "10.0.0.2\) at " arp -an
	shows R "2001:db8:1::2 " ndp -an
	# addresses in the far port's network, which the router must ask for: the tester stands for them
	gen 0 -T shmif:bus0,10.0.0.1,10.0.0.2/24 -R shmif:bus1,10.0.1.1,10.0.1.2/24 --saddr 10.0.0.50-10.0.0.53 --daddr 10.0.1.70-10.0.1.77 \
		-n 160 -p 100 --drain 0.5 --no-floor --json-lines
	clean out 160 1
	shows R "10.0.1.77\) at " arp -an
	# learning frames go before, unless they are not wanted, and count nowhere
	for want in "10 --no-learning" "26 "; do
		gen 0 -T shmif:bus0,10.0.0.1,10.0.0.2/24 -R shmif:bus1,10.0.1.1,10.0.1.2/24 --dport $((4000 + ${want%% *})) -n 10 -p 100 ${want#* } \
			--drain 0.5 --no-floor --json-lines
		clean out 10 1
		n=$("$BUILD/smpnet" dumpbus bus1 | tcpdump -n -r - "udp dst port $((4000 + ${want%% *}))" 2>/dev/null | wc -l)
		[ "$n" = "${want%% *}" ] || atf_fail "$n packets through the router, not ${want%% *}"
	done
	# and the router need not ask anew for those of the run before
	gen 0 -T shmif:bus0,10.0.0.1,10.0.0.2/24 -R shmif:bus1,10.0.1.1,10.0.1.2/24 --daddr 10.0.1.77 -n 100 -p 1000 --drain 0.5 --no-floor \
		--json-lines
	clean out 100 1
	# a capture: its packets are counted although they are an earlier run's, its addresses answered for
	smp R dumpbus bus0 | tcpdump -r - -w replay.pcap "udp and dst 10.0.1.77" 2>dump.err || atf_fail "$(cat dump.err)"
	atf_check -o ignore "$BUILD/smpnet" -s unix://R.sock arp -d 10.0.1.77
	gen 0 -T shmif:bus0,10.0.0.1,10.0.0.2/24 -R shmif:bus1,10.0.1.1,10.0.1.2/24 --replay replay.pcap -n 50 -p 100 --drain 0.5 --no-floor -q
	grep -q "sent  *50 packets" out && grep -q "received  *5[0-9] packets" out || { cat out; atf_fail "a capture"; } # and what the router itself says
	# its addresses answer while it runs
	"$BUILD/ipgen/ipgen" -T $T -R $R -p 100 -t 60 --no-floor -q >ping.out 2>ping.err &
	echo $! >ipgen.pid
	for i in $(seq 100); do smp R ping -n -c 1 -W 1 10.0.0.2 >/dev/null 2>&1 && break; sleep 0.1; done
	shows R "3 packets received|3 received" ping -n -c 3 -i 0.2 10.0.0.2
	shows R "3 packets received|3 received" ping6 -n -c 3 -i 0.2 2001:db8:1::2
	kill -INT "$(cat ipgen.pid)"
	wait "$(cat ipgen.pid)" || { cat ping.err; atf_fail "exit status after SIGINT: $?"; }
	grep -q "stopped before its end" ping.out && grep -q "lost  *0 packets" ping.out || atf_fail "$(cat ping.out ping.err)"
	# the router's own addresses are taken
	gen 0 -T shmif:bus0,,10.0.0.1/24,,2001:db8::3/64 -R $R -n 5 -p 100 --drain 0.2 --no-floor -q
	grep -q "^ipgen: warning: -T shmif:bus0: 10.0.0.1 is ours, but ..:..:..:..:..:.. has it too$" err || atf_fail "$(cat err)"
	gen 0 -T shmif:bus0,,10.0.0.3/24,,2001:db8::1/64 -R $R -n 5 -p 100 --drain 0.2 --no-floor -q
	grep -q "^ipgen: warning: -T shmif:bus0: 2001:db8::1 is ours, but" err || atf_fail "$(cat err)"
	wrong 1 "-R shmif:bus1: the gateway 10.0.1.99 does not answer ARP" -T $T -R shmif:bus1,10.0.1.99,10.0.1.2/24 --wait 0.6 -p 1 -t 1 --no-floor
	wrong 1 "-T shmif:bus0: the gateway 2001:db8::99 does not answer neighbour" -T shmif:bus0,2001:db8::99,2001:db8::2/64 -R shmif:bus1 \
		--wait 0.6 -p 1 -t 1 --no-floor
	finish
}

test_case octets "what a command prints is a line of JSON whatever its octets"
octets_body() {
	printf 'for 100ms rate 1000\nevent exec "printf \\"a\\\\377b\\\\n\\""\n' >script
	gen 0 -T loop -R loop -S script --drain 0.2 --no-floor --json-lines
	grep -q '^{"progress":"a?b"}$' out || atf_fail "$(cat script out)"
}

test_case interrupted "a signal ends a run with its summary and reports, a second one at once"
interrupted_body() {
	for signal in INT TERM; do
		rm -f r.json
		"$BUILD/ipgen/ipgen" -T loop -R loop -p 1000 --nocurses --no-floor --json r.json >out 2>err &
		echo $! >ipgen.pid
		for i in $(seq 200); do [ "$(wc -l <out)" -ge 3 ] && break; sleep 0.1; done
		kill -$signal "$(cat ipgen.pid)"
		wait "$(cat ipgen.pid)" || atf_fail "SIG$signal: exit status $?: $(cat err)"
		grep -q "lost  *0 packets, 0 %" out || atf_fail "$(cat out)"
		python3 -c '
import json
d = json.load(open("r.json"))["rows"][0]["result"]
assert d["interrupted"] and d["directions"][0]["sent"] == d["directions"][0]["received"] > 0, d' || atf_fail "$(cat r.json)"
	done
	# nothing comes back, so it waits for what is under way: the second signal does not
	"$BUILD/ipgen/ipgen" -T shmif:bus --daddr 10.0.0.2 -p 1000 --drain 60 --nocurses --no-floor >out 2>err &
	echo $! >ipgen.pid
	for i in $(seq 200); do [ "$(wc -l <out)" -ge 2 ] && break; sleep 0.1; done
	for i in $(seq 300); do kill -INT "$(cat ipgen.pid)" 2>/dev/null || break; sleep 0.1; done
	got=0
	wait "$(cat ipgen.pid)" || got=$?
	[ $got = 130 ] || atf_fail "after the second signal: exit status $got"
}

test_case manual "the examples of the manual page run"
manual_body() {
	local n=0
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$TOP/man/ipgen.8" | grep '^ipgen ' >examples
	while read -r program args; do
		case $args in
		*loop* | *--flowdump*) ;;
		*) continue ;;
		esac
		eval "set -- $args"
		gen 0 "$@"
		[ -s out ] || atf_fail "$args: prints nothing"
		n=$((n + 1))
	done <examples
	[ $n -ge 3 ] || atf_fail "only $n examples"
}
