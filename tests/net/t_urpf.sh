# Reverse path checks (RFC 3704): ifconfig IF urpf strict|loose|off.
#
#	02:..:01 10.0.0.1 --- bus0 --- 10.0.0.2 R 10.0.1.2 --- bus1 --- 10.0.1.1 02:..:11
#	      2001:db8::1                    ::2   2001:db8:1::2      2001:db8:1::1

test_case setting "shown, refused when it is none, saved; gone with the interface"
setting_body() {
	wired
	shows_not R "urpf" ifconfig shmif0
	ok R ifconfig shmif0 urpf strict
	ok R ifconfig shmif1 urpf loose
	shows R "urpf: strict" ifconfig shmif0
	shows R "urpf: loose" ifconfig shmif1
	smp R ifconfig --json shmif1 | grep -q '"urpf": *"loose"' || atf_fail "not in --json"
	refuses R "urpf: 'sideways' is not strict, loose or off" ifconfig shmif0 urpf sideways
	refuses R "urpf: '' is not strict, loose or off" ifconfig shmif0 urpf
	shows R "^ifconfig shmif0 urpf strict" config save
	shows R "^ifconfig shmif1 urpf loose" config save
	smp R config save >saved
	ok R config check "$PWD/saved"
	ok R ifconfig shmif0 urpf off
	shows_not R "urpf: strict|shmif0 urpf" config save
	shows_not R "urpf" ifconfig shmif0
	run R ifconfig shmif1 destroy
	run R ifconfig shmif1 create
	shows_not R "urpf" ifconfig shmif1
	finish
}

test_case frames "what passes and what is dropped, strict and loose, both families, with any route to the source"
frames_body() {
	wired
	run R sysctl -w net.inet.icmp.errppslimit=-1
	run R sysctl -w net.inet6.icmp6.errppslimit=-1
	frames urpf R
	finish
}
