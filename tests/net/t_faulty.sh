# The faulty forwarder that judges testers (tests/tools/faulty.c), judged itself.

test_case faults "each fault alone and together: what leaves is what the options say, and the counts are what was done"
faults_body() {
	[ -x "$BUILD/tests/tools/faulty" ] || atf_skip "built without tests"
	PYTHONDONTWRITEBYTECODE=1 atf_check -s exit:0 -o ignore -e ignore /usr/bin/python3 "$TOP/tests/net/faulty.py" "$BUILD"
}
