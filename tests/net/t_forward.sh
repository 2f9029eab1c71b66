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

test_case hlim "net.inet6.ip6.hlim is the hop limit of what a host sends"
hlim_body() {
	three
	run A sysctl -w net.inet6.ip6.hlim=1
	atf_check -s not-exit:0 -o match:"from 2001:db8::2: Time to live exceeded" -e ignore "$BUILD/smpnet" -s unix://$PWD/A.sock ping6 -n -v -c 1 -X 5 2001:db8:1::1
	shows A " 0.0% packet loss" ping6 -n -c 1 2001:db8::2
	run A sysctl -w net.inet6.ip6.hlim=2
	shows A " 0.0% packet loss" ping6 -n -c 1 2001:db8:1::1
	finish
}

test_case directed_broadcast "answered only where the router lets it out and the host answers it"
broadcast_try() { # EXPECTED ROUTER HOST
	run R sysctl -w net.inet.ip.directed-broadcast=$2
	run B sysctl -w net.inet.icmp.bmcastecho=$3
	smp A ping -n -o -c 3 -i 0.3 -w 2 10.0.1.255 >bcast.out 2>&1
	if [ $1 = yes ]; then
		grep -q "bytes from 10.0.1.1" bcast.out || { cat bcast.out; smp R drops; atf_fail "directed-broadcast=$2 bmcastecho=$3: no answer"; }
	else
		grep -q "bytes from" bcast.out && { cat bcast.out; atf_fail "directed-broadcast=$2 bmcastecho=$3: an answer"; }
	fi
}
directed_broadcast_body() {
	three
	broadcast_try no 0 0
	broadcast_try no 1 0
	broadcast_try no 0 1
	broadcast_try yes 1 1
	finish
}

test_case frames "MTUs of links and of routes, fragments, hop limits and forwarding off, frame by frame"
frames_body() {
	wired
	run R sysctl -w net.inet.icmp.errppslimit=-1
	run R sysctl -w net.inet6.icmp6.errppslimit=-1
	frames forward R
	finish
}
