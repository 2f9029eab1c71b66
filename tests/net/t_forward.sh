# Forwarding of both families between two hosts through a router.
#
#	A 10.0.0.1 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1 --- 10.0.1.1 B
#	  2001:db8::1            ::2       2001:db8:1::2         ::1

test_case ping "echo through the router, small and fragmented, and hop counts"
ping_one() {
	shows A "3 packets received, 0.0% packet loss" $1 -n -c 3 -i 0.2 $2
	shows A "3 packets received, 0.0% packet loss" $1 -n -c 3 -i 0.2 -s 4000 $2
	shows A "ttl=254|hlim=63" $1 -n -c 1 $2
}
ping_body() {
	three
	each_family ping_one
	finish
}

test_case traceroute "the router answers for itself when the hop limit ends there"
trace_one() {
	shows A "^ *1  $4 " $3 -n $2
	shows A "^ *2  $2 " $3 -n $2
}
traceroute_body() {
	three
	each_family trace_one
	finish
}

test_case forwarding_off "forwarding 0 and 1 are effective at once"
switch_one() {
	run R sysctl -w $5=0
	atf_check -s not-exit:0 -o match:"100.0% packet loss" -e ignore "$BUILD/smpnet" -s unix://$PWD/A.sock $1 -n -c 1 $6 1 $2
	run R sysctl -w $5=1
	shows A " 0.0% packet loss" $1 -n -c 1 $2
}
forwarding_off_body() {
	three
	each_family switch_one
	finish
}

test_case no_route "what has no route is answered with unreachable and counted"
no_route_one() {
	atf_check -s not-exit:0 -o match:"100.0% packet loss" -e ignore "$BUILD/smpnet" -s unix://$PWD/A.sock $1 -n -c 1 $6 2 $7
}
no_route_body() {
	three
	each_family "no_route_try"
	[ "$(drops_of R IP_NOROUTE)" -ge 1 ] && [ "$(drops_of R IP6_NOROUTE)" -ge 1 ] || { smp R drops; atf_fail "no drop for want of a route"; }
	finish
}
no_route_try() {
	case $1 in
	ping) no_route_one "$@" 192.0.2.1 ;;
	ping6) no_route_one "$@" 2001:db8:ffff::1 ;;
	esac
}

test_case workers "two workers forward as one does"
workers_body() {
	WORKERS=2
	three
	each_family ping_one
	finish
}
