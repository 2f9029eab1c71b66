# The control socket and configuration files.

test_case protocol_examples "every example of doc/protocol.md"
protocol_examples_body() {
	atf_check -s exit:0 -o match:" 0 failures" -e ignore python3 "$TOP/tests/net/protocol_examples.py" "$BUILD"
}

server() { # the words that begin a command for a daemon
	echo "$BUILD/smpnet -s unix://$PWD/$1.sock"
}

# Clients that misbehave, a case each (tests/net/hostile_client.py)
for c in garbage oversized half_sent half_closed never_reads slow_stream thousand_clients descriptors fairness many_routes nested_batch \
	socket_file two_start_at_once; do
	test_case "hostile_$c" "a client that misbehaves: $c"
	eval "hostile_${c}_body() { atf_check -s exit:0 -o match:'ok $c' -e ignore python3 \"\$TOP/tests/net/hostile_client.py\" \"\$BUILD\" $c; }"
done

write_conf() {
	cat >conf <<-END
		# both families, two segments
		sysctl -w net.inet.ip.forwarding=1
		sysctl -w net.inet6.ip6.forwarding=1
		ifconfig shmif0 create
		ifconfig shmif0 linkstr 'bus 0' mtu 1400	# a name with a blank
		ifconfig shmif0 10.0.0.2/24
		ifconfig shmif0 inet 10.0.9.2 netmask 0xffffff00 alias
		ifconfig shmif0 inet6 2001:db8::2/64
		ifconfig shmif1 create
		ifconfig shmif1 linkstr bus1 link 02:00:00:00:00:01 active
		ifconfig shmif1 inet6 fe80::7
		ifconfig shmif1 10.0.1.2/24 metric 3
		ifconfig shmif2 create
		ifconfig lo0 inet 10.8.8.8/32 alias

		route add default 10.0.0.254
		route add -mpath 10.9.0.0/16 10.0.0.3 -weight 2 10.0.1.3
		route add -net 10.10.0.0/16 -blackhole 127.0.0.1
		route add -inet6 2001:db8:5::/48 fe80::9%shmif1
		route add -inet6 default 2001:db8::fe
		arp -s 10.0.1.9 02:00:00:00:00:09
		ndp -s 2001:db8::9 02:00:00:00:00:0a
	END
}

test_case config_round_trip "save, load, save gives the same text; what was loaded is there"
config_round_trip_body() {
	write_conf
	daemon A -f conf
	atf_check -s exit:0 -o save:1 $(server A) config save
	cat 1
	for want in "sysctl -w net.inet.ip.forwarding=1" "linkstr .*/bus 0" "10.0.9.2/24" "10.8.8.8" "mtu 1400" "metric 3" "fe80::7" \
		"02:00:00:00:00:01" "route add .*10.9.0.0/16" "blackhole" "2001:db8:5::/48" "default 2001:db8::fe" "arp -s 10.0.1.9" \
		"ndp -s 2001:db8::9"; do
		grep -q -- "$want" 1 || atf_fail "not saved: $want"
	done
	atf_check -s exit:0 -o empty -e empty $(server A) config check 1
	run A halt
	mkdir elsewhere
	cp 1 elsewhere/conf
	daemon B -f elsewhere/conf
	atf_check -s exit:0 -o save:2 $(server B) config save
	atf_check -s exit:0 -o empty diff 1 2
	# and into a router that runs
	daemon C
	atf_check -s exit:0 -o empty -e empty $(server C) config apply 2
	atf_check -s exit:0 -o save:3 $(server C) config save
	atf_check -s exit:0 -o empty diff 1 3
}

test_case config_errors "an error names file, line and reason, and nothing is applied"
config_errors_body() {
	write_conf
	printf 'ifconfig shmif0 create\nifconfig shmif9 up\n\nsysctl -w net.inet.ip.nosuch=1\nifconfig shmif0 mtu\n' >>conf
	n=$(wc -l <conf)
	for line in "$((n - 4)): shmif0: exists" "$((n - 3)): shmif9: no such interface" "$((n - 1)): .*nosuch" "$n: ifconfig: mtu"; do
		atf_check -s exit:1 -o ignore -e match:"conf:$line" "$BUILD/smpnetd" -w 1 -p 1024 -f conf "unix://$PWD/x.sock"
	done
	atf_check -s exit:1 -o ignore -e match:"nosuch.conf: No such file" "$BUILD/smpnetd" -w 1 -p 1024 -f nosuch.conf "unix://$PWD/x.sock"
	daemon A
	atf_check -s exit:1 -o empty -e match:"conf:$n: ifconfig: mtu" $(server A) config apply conf
	atf_check -s exit:1 -o empty -e match:"conf:$n: ifconfig: mtu" $(server A) config check conf
	atf_check -s exit:0 -o empty $(server A) config save
	# a failure that only the router knows does not stop the rest
	printf 'route add 10.5.0.0/16 192.0.2.1\nifconfig lo0 10.7.7.7/32 alias\n' >late
	atf_check -s exit:1 -o empty -e match:"late:1: route: .*gateway" $(server A) config apply late
	atf_check -s exit:0 -o match:10.7.7.7 $(server A) config save
}

test_case config_absent_device "an absent device is warned about, waited for and saved; the rest comes up"
config_absent_device_body() {
	cat >conf <<-END
		attach net_pcap7,rx_pcap=$PWD/in.pcap as eth7
		ifconfig eth7 10.7.0.1/24
		route add default 10.7.0.254
		ifconfig lo0 10.8.8.8/32 alias
	END
	daemon A -f conf
	atf_check -s exit:0 -o match:10.8.8.8 $(server A) config save
	atf_check -s exit:0 -o match:"^attach net_pcap7" $(server A) config save
	grep -q "warning: conf:1: attach: net_pcap7: .*No such file" A.log || { cat A.log; atf_fail "no warning of the absent device"; }
	atf_check -s not-exit:0 -o ignore -e match:"no such interface|not configured" $(server A) ifconfig eth7
	# the device comes: a capture file with one frame
	printf '\324\303\262\241\2\0\4\0\0\0\0\0\0\0\0\0\377\377\0\0\1\0\0\0' >in.tmp
	printf '\0\0\0\0\0\0\0\0\74\0\0\0\74\0\0\0' >>in.tmp
	head -c 60 /dev/zero >>in.tmp
	mv in.tmp in.pcap
	for i in $(seq 600); do
		smp A route -n show 2>/dev/null | grep -q "^default *10.7.0.254 *UG " && break
		sleep 0.1
	done
	shows A "^default *10.7.0.254 *UG " route -n show
	shows A "inet 10.7.0.1/24" ifconfig eth7
	atf_check -s exit:0 -o match:"^attach net_pcap7.* as eth7" $(server A) config save
}

test_case start_fails "a start that fails says why in one line and leaves nothing"
start_fails_body() {
	atf_check -s exit:1 -o empty -e match:"error: -l 1023: CPU 1023 is not one" "$BUILD/smpnetd" -l 1023 "unix://$PWD/A.sock"
	if ! nm "$BUILD/smpnetd" | grep -q __asan_init; then
		# more buffers than there may be memory
		atf_check -s exit:1 -o empty -e match:"error: packet pool of 4000000 buffers" \
		    sh -c "ulimit -v 4000000; exec '$BUILD/smpnetd' -w 1 -p 4000000 unix://$PWD/A.sock"
	fi
	[ ! -e A.sock ] || atf_fail "the socket is left"
}

test_case placement "-l: each worker on its CPU, control on the others where there are others"
placement_body() {
	cpus=$(/usr/bin/python3 -c 'import os; print(*sorted(os.sched_getaffinity(0)))')
	first=${cpus%% *}
	WORKERS=1 daemon A -l "$first"
	pid=$(cat A.pid)
	/usr/bin/python3 - "$pid" "$first" <<-'EOF' || atf_fail "threads are not where they should be"
	import os, sys
	pid, first = int(sys.argv[1]), int(sys.argv[2])
	mine = os.sched_getaffinity(0)
	others = mine - {first} or mine
	names = {open(f"/proc/{pid}/task/{t}/comm").read().strip(): os.sched_getaffinity(int(t)) for t in os.listdir(f"/proc/{pid}/task")}
	print(names)
	sys.exit(not (names["worker0"] == {first} and os.sched_getaffinity(pid) == others))
	EOF
	finish
}

test_case stop_while_starting "a signal during the start is obeyed when it is over; standard descriptors may be closed"
stop_while_starting_body() {
	for i in 0 0.05 0.1 0.2 0.3 0.5 1; do
		"$BUILD/smpnetd" -w 1 -p 512 "unix://$PWD/A.sock" <&- >&- 2>&- &
		echo $! >>pids
		# the first instruction of main may not have run yet
		until grep -q "^SigCgt:.*[4-7c-f]...$" /proc/$!/status; do
			kill -0 $! 2>/dev/null || atf_fail "smpnetd does not start"
			sleep 0.01
		done
		sleep $i
		kill -TERM $!
		wait $! || atf_fail "exit status $? after a signal $i s into the start"
		[ ! -e A.sock ] || atf_fail "the socket is left"
	done
}
