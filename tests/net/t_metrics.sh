# Metrics over HTTP (smpnetd -M), a case each of tests/net/metrics.py.

for c in formats values names hostile many_interfaces addresses; do
	test_case "$c" "metrics: $c"
	eval "${c}_body() { atf_check -s exit:0 -o match:passed -e ignore /usr/bin/python3 \"$TOP/tests/net/metrics.py\" \"$BUILD\" $c; }"
done
