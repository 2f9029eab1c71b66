# The built-in packet source and sink: its keys, its frames, its counts.
#
#	gen0 (source) --> R --> gen1 (sink)

refused() { # refused REGEX STRING: attach fails with one line that names the key and its value
	atf_check -s not-exit:0 -e save:err "$BUILD/smpnet" -s "unix://$PWD/R.sock" attach "$2"
	grep -qE "attach: gen0: $1" err && [ "$(wc -l <err)" = 1 ] || { cat err; atf_fail "attach $2"; }
}

test_case keys "a key or value that is wrong is refused in a line that names it, and nothing is left behind"
keys_body() {
	daemon R
	printf 'abc' >three
	: >nothing
	refused "rate: 'x' is not a number" gen0,rate=x
	refused "rate: '-1' is not a number" gen0,rate=-1
	refused "rate: '99999999999999999999' is not a number" gen0,rate=99999999999999999999
	refused "'speed' is not rate," gen0,speed=1
	refused "rate: a value is missing" gen0,rate
	refused "rate: given twice" gen0,rate=1,rate=2
	refused "vec: '65' is not a number from 1 to 64" gen0,vec=65
	refused "ring: '0' is not a number" gen0,ring=0
	refused "flows: '0' is not a number" gen0,flows=0
	refused "queues: '33' is not a number" gen0,queues=33
	refused "size: '63' is not imix or" gen0,size=63
	refused "size: '1519' is not imix or" gen0,size=1519
	refused "size: '64' is less than the 66 octets" gen0,size=64,family=6
	refused "family: '5' is not 4 or 6" gen0,family=5
	refused "src: '::1' is not an IPv4 address" gen0,src=::1
	refused "dst: '10.0.0.1' is not an IPv6 address" gen0,dst=10.0.0.1,family=6
	refused "dst: '10.0.0.1' is not to be given with dsts" "gen0,dst=10.0.0.1,dsts=$PWD/three"
	refused "dsts: 'three' is not an absolute file name" gen0,dsts=three
	refused "dsts: '$PWD/three' is not a file of packed IPv4" "gen0,dsts=$PWD/three"
	refused "dsts: '$PWD/nothing' is not a file of packed IPv6" "gen0,dsts=$PWD/nothing,family=6"
	refused "dsts: '$PWD/missing': No such file" "gen0,dsts=$PWD/missing"
	# neither the thread that opens them nor the end of the daemon waits for a writer
	mkfifo fifo
	refused "dsts: '$PWD/fifo' is not a file of packed IPv4" "gen0,dsts=$PWD/fifo"
	refused "dsts: '$PWD' is not a file of packed IPv4" "gen0,dsts=$PWD"
	refused "peer: '01:00:00:00:00:00' is not a station's" gen0,peer=01:00:00:00:00:00
	refused "direct: '1' is not to be had with a rate" gen0,direct=1,rate=5
	refused "sink: '1' is not to be had with" gen0,sink=1,rate=5
	shows R "^lo0$" ifconfig -l
	atf_check -o inline:"gen0\n" "$BUILD/smpnet" -s "unix://$PWD/R.sock" attach gen0,rate=5,size=imix queues 1
	refused "exists already" gen0
	atf_check -o inline:"eth5\n" "$BUILD/smpnet" -s "unix://$PWD/R.sock" attach gen0,rate=7 as eth5
	shows R "^attach gen0,rate=5,size=imix queues 1 as gen0$" config save
	shows R "^attach gen0,rate=7 as eth5$" config save
	run R ifconfig eth5 destroy
	run R detach gen0
	shows R "^lo0$" ifconfig -l
	finish
}

test_case frames "frames of both families are well formed and what the keys say; counts are exact; detach under traffic loses no buffer"
frames_body() {
	WORKERS=2 daemon R
	frames generator R
	finish
}

test_case bench "smpnet bench runs every path in a daemon of its own and leaves nothing behind"
bench_body() {
	mkdir tmp
	atf_check -o save:out -e empty env TMPDIR="$PWD/tmp" "$BUILD/smpnet" bench -n 1 -t 10 -r 1000 --json
	python3 -c '
import json
paths = json.load(open("out"))["paths"]
assert len(paths) == 20 and len({p["name"] for p in paths}) == 20, paths
assert all(p["cycles"] > 0 and p["source_sink"] > 0 for p in paths), paths' || atf_fail "$(cat out)"
	[ -z "$(ls tmp)" ] || atf_fail "left behind: $(ls tmp)"
	atf_check -s exit:1 -e match:"bench: CPU 1023: this process may not use it" "$BUILD/smpnet" bench -l 1023
}
