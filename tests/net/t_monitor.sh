# route monitor: what it says of routes, neighbours, addresses and interfaces.

monitor() { # monitor FILE [OPTION...]: R's monitor into the file; there when it reports a change
	local file=$1
	shift
	"$BUILD/smpnet" -s "unix://$PWD/R.sock" route -n monitor "$@" >"$file" 2>&1 &
	echo $! >>pids
	until_ok 20 monitored "$file"
}
monitored() {
	smp R route add -net 10.1.0.0/16 10.0.0.1
	smp R route delete -net 10.1.0.0/16
	grep -q "RTM_ADD" "$1"
}

test_case routes "routes, addresses, interfaces, and destinations without a route"
routes_body() {
	daemon R
	set_if R shmif0 bus0 10.0.0.2/24 2001:db8::2/64
	dad_wait R
	monitor out
	run R route add -net 10.2.0.0/16 10.0.0.1
	run R route change -net 10.2.0.0/16 10.0.0.3
	run R route delete -net 10.2.0.0/16
	run R route add -inet6 2001:db8:2::/64 fe80::9%shmif0
	run R route delete -inet6 2001:db8:2::/64
	run R ifconfig shmif0 inet 10.9.0.1/24 alias
	run R ifconfig shmif0 inet 10.9.0.1 -alias
	run R ifconfig shmif0 down
	run R ifconfig shmif0 up
	run R ifconfig lo1 create
	run R ifconfig lo1 destroy
	smp R ping -n -c 1 -w 1 192.0.2.99
	until_ok 10 grep -q "RTM_MISS" out
	atf_check -o match:"^RTM_ADD.+<UP,GATEWAY,DONE,STATIC>" -o match:"<DST,GATEWAY,NETMASK>" \
	    -o match:"10.2.0.0 10.0.0.1 255.255.0.0" -o match:"RTM_CHANGE" -o match:"10.2.0.0 10.0.0.3 255.255.0.0" \
	    -o match:"^RTM_DELETE.+<UP,GATEWAY,DONE,STATIC>" -o match:"2001:db8:2:: fe80::9%shmif0 ffff:ffff:ffff:ffff::" \
	    -o match:"^RTM_NEWADDR" -o match:"^RTM_DELADDR" -o match:"shmif0 10.9.0.1" \
	    -o match:"^RTM_IFINFO" -o match:"^RTM_IFANNOUNCE: .*what: arrival" -o match:"^RTM_IFANNOUNCE: .*what: departure" \
	    -o match:"^RTM_MISS.+<DONE>" -o match:"sockaddrs: <DST>$" -o match:" 192.0.2.99$" cat out
	timeout 60 "$BUILD/smpnet" -s "unix://$PWD/R.sock" route -n monitor -c 1 >one 2>&1 &
	until_ok 20 one_seen
	timeout 60 "$BUILD/smpnet" -s "unix://$PWD/R.sock" route --json monitor -c 2 >json 2>&1 &
	until_ok 20 json_seen
	finish
}
one_seen() {
	smp R route add -net 10.1.0.0/16 10.0.0.1
	smp R route delete -net 10.1.0.0/16
	[ "$(grep -c '^got message' one)" = 1 ]
}
json_seen() {
	smp R route add -net 10.1.0.0/16 10.0.0.1
	smp R route delete -net 10.1.0.0/16
	python3 -c 'import json; e = [json.loads(x) for x in open("json")]; assert len(e) == 2 and all("RTM_" in x["type"] for x in e)'
}

test_case neighbours "neighbours: found, deleted, not found"
neighbours_body() {
	three
	monitor out
	run R arp -d -a
	run R ndp -c
	until_ok 20 smp R ping -n -c 1 -w 1 10.0.0.1
	until_ok 20 smp R ping6 -n -c 1 -X 1 2001:db8::1
	run R arp -d 10.0.0.1
	smp R ping -n -c 1 -w 5 10.0.0.99
	smp R ping6 -n -c 1 -X 5 2001:db8::99
	until_ok 20 misses
	atf_check -o match:"^RTM_ADD.+<UP,HOST,DONE,LLINFO,CLONED>" -o match:"^sockaddrs: <DST,GATEWAY>" \
	    -o match:"^ 10.0.0.1 [0-9a-f:]{17}" -o match:"^ 2001:db8::1 [0-9a-f:]{17}" \
	    -o match:"^RTM_DELETE.+<HOST,DONE,LLINFO,CLONED>" -o match:"^RTM_MISS.+<DONE>" \
	    -o match:"^sockaddrs: <DST,GATEWAY,AUTHOR>" -o match:"^ 10.0.0.99 link#2 10.0.0.2$" \
	    -o match:"^ 2001:db8::99 link#2 2001:db8::2$" cat out
	finish
}
misses() {
	grep -q "^ 10.0.0.99 " out && grep -q "^ 2001:db8::99 " out
}

test_case slow "who reads slowly is told what he lost"
slow_body() {
	daemon R
	set_if R shmif0 bus0 10.0.0.2/24 ""
	dad_wait R
	monitor out
	kill -STOP "$(tail -1 pids)"
	python3 - <<-'EOF' >list
		for i in range(200):
		    for j in range(100):
		        print(f"route add -net 20.{i}.{j}.0/24 10.0.0.1")
	EOF
	run R config apply list
	kill -CONT "$(tail -1 pids)"
	until_ok 60 lost_seen
	finish
}
lost_seen() { # the next message says it
	smp R route add -net 10.1.0.0/16 10.0.0.1
	smp R route delete -net 10.1.0.0/16
	grep -q "^lost [1-9]" out
}
