# ipgen's terminal view: what its screen shows, its keys, terminals of all kinds and sizes, and that it leaves them as they were.

test_case view "the view on an engine whose figures are known"
view_body() {
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$TOP/tests/net/ipgen_view.py" "$BUILD/tests/unit/ipgen_view" >view.out 2>&1 ||
	    { cat view.out; atf_fail "ipgen_view.py"; }
}

test_case program "the program on a terminal: the screen's figures are the report's, keys, a scenario, every way out"
program_body() {
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$TOP/tests/net/ipgen_live.py" "$BUILD/ipgen/ipgen" >view.out 2>&1 ||
	    { cat view.out; atf_fail "ipgen_live.py"; }
}
