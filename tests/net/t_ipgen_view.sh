# ipgen's terminal view: what its screen shows, its keys, terminals of all kinds and sizes, and that it leaves them as they were.

test_case view "the view on an engine whose figures are known"
view_body() {
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$TOP/tests/net/ipgen_view.py" "$BUILD/tests/unit/ipgen_view" >view.out 2>&1 ||
	    { cat view.out; atf_fail "ipgen_view.py"; }
}
