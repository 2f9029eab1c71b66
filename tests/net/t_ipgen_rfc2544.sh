# ipgen's series of tests, through a loop in memory: rows, notes and exit statuses; what cannot be sent is passed over.
#
#	loop --- loop

series() { # series NAME ARGS...: must end well; its report is NAME.json
	local name=$1
	shift
	"$BUILD/ipgen/ipgen" -T loop -R loop --nocurses --no-floor --rfc2544-trial-duration 0.5 --rfc2544-warming-duration 0.1 \
	    --drain 0.2 --rfc2544-pps-resolution 20 --rfc2544-max-rate 500 --json "$name.json" "$@" >"$name.out" 2>&1 && return 0
	cat "$name.out"
	atf_fail "ipgen $*: exit status not 0"
}
result() { # result NAME TEST SIZE REGEX: a result of the test at this size reads "pass NOTE" or "none NOTE"
	python3 - "$1" "$2" "$3" >rows <<'P'
import json, sys
rows = [r for r in json.load(open(sys.argv[1] + ".json"))["rows"] if r["test"] == sys.argv[2] and r["size"] == sys.argv[3] and r["final"]]
for r in rows:
    print("pass" if r["pass"] else "none", r["note"])
P
	atf_check -s exit:0 -o match:"$4" cat rows
}

test_case rfc2544 "throughput, latency, loss and back-to-back find that a loop loses nothing; sizes that cannot be are passed over"
rfc2544_body() {
	series all --rfc2544 --rfc2544-sizes 60,64,128 --rfc2544-repeat 2 --rfc2544-bursts 2
	result all throughput 60 "^none .*too small"
	for s in 64 128; do
		result all throughput $s "^pass the highest rate allowed$"
		result all latency $s "^pass mean of 2 trials$"
		result all loss $s "^pass"
		result all back-to-back $s "^pass no loss in the longest burst"
	done
	# what is left is told of all sizes and tests, and gets less
	python3 - <<'P' || { cat all.out; atf_fail "time left"; }
import re
unit = {"s": 1, "min": 60, "h": 3600}
left = [float(n) * unit[u] for n, u in re.findall(r"about ([\d.]+) (s|min|h) left in all$", open("all.out").read(), re.M)]
assert len(left) > 8 and left[0] > 30 and left[-1] < left[0] / 3, left
P
	# a burst's frames are no rate
	python3 - <<'P' || atf_fail "units of back-to-back"
import json
for r in json.load(open("all.json"))["rows"]:
    if r["final"] and r["pass"]:
        own = {"throughput": "pps", "back-to-back": "frames"}.get(r["test"])
        assert {u for u in ("pps", "frames", "s") if r["low_" + u] is not None} == ({own} if own else set()), r
P
}

test_case mlrsearch "MLRsearch says that a result at the highest load is irregular"
mlrsearch_body() {
	series mlr --mlrsearch --rfc2544-sizes 64 --mlr-goal NDR:0%,initial=0.2,final=0.2,sum=1,width=5% --mlr-max-time 120
	result mlr mlrsearch 64 "^none NDR: irregular: the highest rate allowed$"
	atf_check -o match:"^64 +NDR  .*at least this: no load failed, the highest rate allowed$" cat mlr.out
}

test_case recovery "an overload that loses nothing is none"
recovery_body() {
	series rec --rfc2544=recovery --rfc2544-sizes 64 --rfc2544-repeat 1
	result rec recovery 64 "^none (the overload lost nothing|the tester.s limit)"
}

test_case criteria "criteria judge results of a series, not the way to them; one that judges none of its tests is refused"
criteria_body() {
	local opts="-T loop -R loop -q --no-floor --rfc2544-sizes 64"
	series all --rfc2544=throughput,latency --rfc2544-sizes 64 --rfc2544-repeat 1 --max-loss 0 --min-rate 400 --max-latency 1000000
	# nothing comes back: no throughput, so nothing that could be judged
	atf_check -s exit:3 -o ignore -e match:"^ipgen: failed: --max-loss 0 %: 64 octets, direction 0: nothing was sent" \
	    -e match:"^ipgen: failed: --min-rate 100: 64 octets, direction 0: 0.0 of 100.0" -e not-match:"octets, direction 0: [0-9]+ of [0-9]+ lost" \
	    "$BUILD/ipgen/ipgen" -T shmif:bus,02:00:00:00:00:01 --saddr 10.0.0.1 --daddr 10.0.0.2 --nocurses --no-floor --rfc2544=throughput \
	    --rfc2544-sizes 64 --rfc2544-trial-duration 0.3 --rfc2544-warming-duration 0 --drain 0.1 --rfc2544-max-rate 500 --rfc2544-pps-resolution 40 \
	    --max-loss 0 --min-rate 100
	# a throughput below what was wanted, and a size that is passed over
	atf_check -s exit:3 -o ignore -e match:"^ipgen: failed: --min-rate 1000: 64 octets, direction 0: 500.0 of 1000.0" \
	    -e match:"^ipgen: failed: --min-rate 1000: 60 octets, direction 0: 0.0 of 1000.0" \
	    "$BUILD/ipgen/ipgen" -T loop -R loop --nocurses --no-floor --rfc2544=throughput --rfc2544-sizes 60,64 --rfc2544-trial-duration 0.3 \
	    --rfc2544-warming-duration 0 --drain 0.1 --rfc2544-max-rate 500 --min-rate 1000
	for bad in "--rfc2544=loss --max-loss" "--rfc2544=back-to-back --min-rate" "--mlrsearch --max-loss" "--rfc2544=throughput,loss --max-latency"; do
		atf_check -s exit:2 -e match:"^ipgen: ${bad##* }: judges a run, or a result of .*, and none of them runs$" "$BUILD/ipgen/ipgen" $opts $bad 10
	done
	atf_check -s exit:2 -e match:"^ipgen: --fail-if-dropped: judges" "$BUILD/ipgen/ipgen" $opts --rfc2544=recovery --fail-if-dropped
}

test_case soak "a soak passes where nothing is lost; one that is ended in the middle keeps its rows"
soak_body() {
	series soak --soak 2 -p 300 --rfc2544-sizes 64 --max-loss 0
	result soak soak 64 "^pass mean latency"
	"$BUILD/ipgen/ipgen" -T loop -R loop --nocurses --no-floor --drain 0.2 --json cut.json --soak 600 -p 300 --rfc2544-sizes 64 >cut.out 2>&1 &
	for i in $(seq 100); do
		grep -q " 300\| 299\| 301" cut.out && break
		sleep 0.1
	done
	kill -TERM $!
	wait $!
	result cut soak 64 "^pass stopped"
}
