# Router advertisements that the router sends, on bus0, whose other host is the test's own frames.
#
#	02:..:01 fe80::1 --- bus0 --- R 2001:db8::2/64

test_case wire "each option, defaults, solicited answers, prefixes that follow addresses, other routers' advertisements, the end"
wire_body() {
	wired
	run R ifconfig shmif1 destroy
	frames rtadvd R
	finish
}

bad() { # bad LINE WORDS-OF-THE-ERROR CAPABILITIES
	printf '# a file\n\nshmif0:\\\n\t:chlim#64:\\\n\t:%s:\n' "$3" >bad.conf
	refuses R "rtadvd: .*bad.conf:$1: $2" rtadvd -c bad.conf shmif0
	refuses R "rtadvd: .*bad.conf:$1: $2" rtadvd -D -c bad.conf -p pid shmif0
}

test_case files "what is wrong in a file is named with its line and capability; nothing is started then"
files_body() {
	daemon R
	set_if R shmif0 bus0 '' 2001:db8::2/64
	bad 5 "maxinterval: 3 is out of range" 'maxinterval#3'
	bad 5 "mininterval: 30 is out of range" 'maxinterval#20:mininterval#30'
	bad 5 "'hoplimit' is no capability" 'hoplimit#3'
	bad 5 "retrans: '6x' is not a number" 'retrans#6x'
	bad 5 "addr: '2001:db8::g' is not an IPv6 address" 'addr="2001:db8::g"'
	bad 5 "addr: 'fe80::' is no prefix" 'addr="fe80::"'
	bad 5 "rltime: 10 is neither 0 nor at least maxinterval" 'rltime#10'
	bad 5 "pltime: 200 is longer than vltime" 'addr="2001:db8::":vltime#100:pltime#200'
	bad 5 "raflags: 'x' is none of mohl" 'raflags="mx"'
	bad 5 "mtu: 1000 is out of range" 'mtu#1000'
	bad 5 "mtu: 'big' is neither" 'mtu="big"'
	bad 5 "rdnss: 'ns.example' is not an IPv6 address" 'rdnss="ns.example"'
	bad 5 "dnssl: '.*' is not a name" 'dnssl="a..b"'
	bad 5 "tc: there is no entry 'nosuch'" 'tc=nosuch'
	bad 5 "quote not closed" 'rdnss="2001:db8::1'
	printf 'shmif0:tc=a:\na:tc=shmif0:\n' >loop.conf
	refuses R 'tc: entries that refer to one another' rtadvd -c loop.conf shmif0
	refuses R 'No such file' rtadvd -c nosuch.conf shmif0
	refuses R 'nosuch0: no such interface' rtadvd nosuch0
	refuses R 'lo0: no interface for router advertisements' rtadvd lo0
	refuses R 'an interface is missing' rtadvd -c loop.conf
	refuses R 'no router advertisements are sent' rtadvd -d shmif0
	atf_check -s exit:0 -o empty -e empty "$BUILD/smpnet" -s "unix://$PWD/R.sock" rtadvd
	[ ! -e pid ] || atf_fail "a pid file of what did not start"

	# In a configuration: checked with the rest, saved as the line that it was
	printf 'shmif0:rltime#0:maxinterval#30:\ndefault:chlim#7:\n' >good.conf
	printf 'ifconfig shmif0 create\nrtadvd -c bad.conf shmif0\n' >conf
	refuses R 'conf:2: .*bad.conf:5: ' config check conf
	printf 'shmif0:retrans#secret:\n' >bad.conf
	refuses R 'bad.conf:1: retrans: malformed$' config check conf # what stands in files is not shown
	printf 'ifconfig shmif0 create\nrtadvd -c good.conf shmif0\n' >conf
	ok R config check conf
	ok R rtadvd -c good.conf shmif0
	shows R 'shmif0: (sending|waiting), every 10 to 30 s' rtadvd
	shows R "^rtadvd -c $PWD/good.conf shmif0$" config save
	ok R rtadvd -s shmif0
	shows R "^rtadvd -s shmif0$" config save
	run R ifconfig shmif0 destroy
	atf_check -s exit:0 -o empty -e empty "$BUILD/smpnet" -s "unix://$PWD/R.sock" rtadvd
	finish
}
