/* SPDX-License-Identifier: BSD-2-Clause */
/* The command language: each line gives exactly these calls, or exactly this complaint. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd.h"

#define DISPLAY "(display)"

/* calls: "method {params}" separated by "; ", or DISPLAY, or an error beginning with "!" */
static const struct {
	const char *line, *calls;
} lines[] = {
    {"ifconfig shmif0 create linkstr 'bus 0' 10.0.0.1/24 up",
	"if.create {\"name\":\"shmif0\"}; if.set {\"linkstr\":\"/d/bus 0\",\"name\":\"shmif0\"}; "
	"if.set {\"name\":\"shmif0\",\"up\":true}; "
	"if.addr.add {\"address\":\"10.0.0.1\",\"family\":\"inet\",\"name\":\"shmif0\",\"plen\":24,\"replace\":true}"},
    {"ifconfig shmif0 linkstr /abs -linkstr",
	"if.set {\"linkstr\":\"/abs\",\"name\":\"shmif0\"}; if.set {\"linkstr\":null,\"name\":\"shmif0\"}"},
    {"ifconfig wm0 10.1.2.3",
	"if.addr.add {\"address\":\"10.1.2.3\",\"family\":\"inet\",\"name\":\"wm0\",\"plen\":8,\"replace\":true}"},
    {"ifconfig wm0 172.16.0.1",
	"if.addr.add {\"address\":\"172.16.0.1\",\"family\":\"inet\",\"name\":\"wm0\",\"plen\":16,\"replace\":true}"},
    {"ifconfig wm0 192.0.2.1",
	"if.addr.add {\"address\":\"192.0.2.1\",\"family\":\"inet\",\"name\":\"wm0\",\"plen\":24,\"replace\":true}"},
    {"ifconfig wm0 inet 10.0.0.1 netmask 0xffffff00 broadcast 10.0.0.255 alias",
	"if.addr.add "
	"{\"address\":\"10.0.0.1\",\"broadcast\":\"10.0.0.255\",\"family\":\"inet\",\"name\":\"wm0\",\"plen\":24}"},
    {"ifconfig wm0 inet 10.0.0.1 netmask 255.255.255.252",
	"if.addr.add {\"address\":\"10.0.0.1\",\"family\":\"inet\",\"name\":\"wm0\",\"plen\":30,\"replace\":true}"},
    {"ifconfig wm0 inet 10.0.0.1 netmask 255.0.255.0", "!ifconfig: netmask: '255.0.255.0' has holes"},
    {"ifconfig wm0 alias 10.0.0.2/24",
	"if.addr.add {\"address\":\"10.0.0.2\",\"family\":\"inet\",\"name\":\"wm0\",\"plen\":24}"},
    {"ifconfig wm0 -alias 10.0.0.2", "if.addr.delete {\"address\":\"10.0.0.2\",\"family\":\"inet\",\"name\":\"wm0\"}"},
    {"ifconfig wm0 inet 10.0.0.2 delete",
	"if.addr.delete {\"address\":\"10.0.0.2\",\"family\":\"inet\",\"name\":\"wm0\"}"},
    {"ifconfig wm0 inet6 fe80::1%wm0/64 delete",
	"if.addr.delete {\"address\":\"fe80::1\",\"family\":\"inet6\",\"name\":\"wm0\"}"},
    {"ifconfig wm0 inet6 fe80::1%wm1/64", "!ifconfig: fe80::1%wm1/64: the zone is not wm0"},
    {"ifconfig gif0 10.0.0.1 10.0.0.2", "if.addr.add "
					"{\"address\":\"10.0.0.1\",\"family\":\"inet\",\"name\":\"gif0\",\"peer\":\"10."
					"0.0.2\",\"plen\":8,\"replace\":true}"},
    {"ifconfig gif0 inet6 fd00::1/128 fd00::2",
	"if.addr.add "
	"{\"address\":\"fd00::1\",\"family\":\"inet6\",\"name\":\"gif0\",\"peer\":\"fd00::2\",\"plen\":128}"},
    {"ifconfig wm0 inet6 2001:db8::1 prefixlen 48 pltime 10 vltime infty anycast",
	"if.addr.add {\"address\":\"2001:db8::1\",\"anycast\":true,\"family\":\"inet6\",\"name\":\"wm0\",\"plen\":48,"
	"\"pltime\":10,\"vltime\":4294967295}"},
    {"ifconfig wm0 inet6 2001:db8::1",
	"if.addr.add {\"address\":\"2001:db8::1\",\"family\":\"inet6\",\"name\":\"wm0\",\"plen\":64}"},
    {"ifconfig wm0 10.0.0.1 2001:db8::1", "!ifconfig: 10.0.0.1 and 2001:db8::1 are of different families"},
    {"ifconfig wm0 10.0.0.1 10.0.0.2 10.0.0.3", "!ifconfig: '10.0.0.3': a third address"},
    {"ifconfig wm0 inet 10.0.0.1/33", "!ifconfig: '10.0.0.1/33' is not an IPv4 address (with or without /prefixlen)"},
    {"ifconfig wm0 inet 10.0.0.300", "!ifconfig: '10.0.0.300' is not an IPv4 address (with or without /prefixlen)"},
    {"ifconfig wm0 10.0.0.1 anycast", "!ifconfig: anycast: for inet6 addresses only"},
    {"ifconfig wm0 alias", "!ifconfig: alias: an address is missing"},
    {"ifconfig wm0 mtu 1x", "!ifconfig: mtu: '1x' is not a number"},
    {"ifconfig wm0 mtu -1", "!ifconfig: mtu: -1 is out of range (0 to 2147483647)"},
    {"ifconfig wm0 mtu", "!ifconfig: mtu: a number is missing"},
    {"ifconfig wm0 bogus", "!ifconfig: 'bogus' is neither a keyword nor an address"},
    {"ifconfig wm0 vlan 3", "!ifconfig: vlan: not supported"},
    {"ifconfig 7up up", "!ifconfig: '7up' is not an interface name (letters, then a number)"},
    {"ifconfig wm0 link b2:a1:0:0:0:1 active", "if.set {\"link\":\"b2:a1:00:00:00:01\",\"name\":\"wm0\"}"},
    {"ifconfig wm0 link b2:a1:0:0:0:1 up",
	"if.link.add {\"link\":\"b2:a1:00:00:00:01\",\"name\":\"wm0\"}; if.set {\"name\":\"wm0\",\"up\":true}"},
    {"ifconfig wm0 link b2:a1:0:0:0:1 delete", "if.link.delete {\"link\":\"b2:a1:00:00:00:01\",\"name\":\"wm0\"}"},
    {"ifconfig wm0 inet6 2001:db8::1 -anycast",
	"if.addr.add {\"address\":\"2001:db8::1\",\"family\":\"inet6\",\"name\":\"wm0\",\"plen\":64}"},
    {"ifconfig wm0 link b2:a1:0:0:0", "!ifconfig: link: 'b2:a1:0:0:0' is not a link address (aa:bb:cc:dd:ee:ff)"},
    {"ifconfig wm0 media none", "if.set {\"media\":\"none\",\"name\":\"wm0\"}"},
    {"ifconfig wm0 media full", "!ifconfig: media: 'full' is not auto or none"},
    {"ifconfig wm0 -arp link0 -debug metric 3",
	"if.set {\"arp\":false,\"name\":\"wm0\"}; if.set {\"link0\":true,\"name\":\"wm0\"}; "
	"if.set {\"debug\":false,\"name\":\"wm0\"}; if.set {\"metric\":3,\"name\":\"wm0\"}"},
    {"ifconfig", DISPLAY},
    {"ifconfig -a", DISPLAY},
    {"ifconfig wm0", DISPLAY},
    {"ifconfig wm0 inet6", DISPLAY},
    {"ifconfig wm0 linkstr a\xff", "!ifconfig: word 3 is not UTF-8"},
    {"route add default 10.0.0.2", "route.add {\"dst\":\"0.0.0.0/0\",\"family\":\"inet\",\"gateway\":\"10.0.0.2\"}"},
    {"route add -inet6 default fe80::1%wm0",
	"route.add {\"dst\":\"::/0\",\"family\":\"inet6\",\"gateway\":\"fe80::1%wm0\"}"},
    {"route add default fe80::1%wm0", "route.add {\"dst\":\"::/0\",\"family\":\"inet6\",\"gateway\":\"fe80::1%wm0\"}"},
    {"route add -net 172.16.0.0/12 10.0.1.1",
	"route.add {\"dst\":\"172.16.0.0/12\",\"family\":\"inet\",\"gateway\":\"10.0.1.1\"}"},
    {"route add 172.16.0.0 10.0.1.1 255.240.0.0",
	"route.add {\"dst\":\"172.16.0.0/12\",\"family\":\"inet\",\"gateway\":\"10.0.1.1\"}"},
    {"route add 172.16.0.0 10.0.1.1",
	"route.add {\"dst\":\"172.16.0.0/16\",\"family\":\"inet\",\"gateway\":\"10.0.1.1\"}"},
    {"route add -net 10 10.0.1.1", "route.add {\"dst\":\"10.0.0.0/8\",\"family\":\"inet\",\"gateway\":\"10.0.1.1\"}"},
    {"route add 10.9.9.9 10.0.0.2", "route.add {\"dst\":\"10.9.9.9/32\",\"family\":\"inet\",\"gateway\":\"10.0.0.2\"}"},
    {"route add -inet6 2001:db8::9 2001:db8:1::1",
	"route.add {\"dst\":\"2001:db8::9/128\",\"family\":\"inet6\",\"gateway\":\"2001:db8:1::1\"}"},
    {"route add -inet6 2001:db8:: -prefixlen 32 2001:db8:1::1",
	"route.add {\"dst\":\"2001:db8::/32\",\"family\":\"inet6\",\"gateway\":\"2001:db8:1::1\"}"},
    {"route add -host 10.9.9.9 10.0.0.2 -mtu 1400 -ifa 10.0.0.1 -ifp wm0",
	"route.add {\"dst\":\"10.9.9.9/32\",\"family\":\"inet\",\"gateway\":\"10.0.0.2\",\"ifa\":\"10.0.0.1\","
	"\"interface\":\"wm0\",\"mtu\":1400}"},
    {"route add 203.0.113.0/24 127.0.0.1 -reject",
	"route.add {\"dst\":\"203.0.113.0/24\",\"family\":\"inet\",\"gateway\":\"127.0.0.1\",\"reject\":true}"},
    {"route change 203.0.113.0/24 -noreject",
	"route.change {\"dst\":\"203.0.113.0/24\",\"family\":\"inet\",\"reject\":false}"},
    {"route add -mpath 10.9.9.0/24 10.0.0.2 -weight 2 10.0.1.2 -ifp wm1",
	"route.add {\"dst\":\"10.9.9.0/24\",\"family\":\"inet\",\"gateway\":[{\"gateway\":\"10.0.0.2\",\"weight\":2},"
	"{\"gateway\":\"10.0.1.2\",\"interface\":\"wm1\"}]}"},
    {"route add 10.9.9.0/24 10.0.0.2 255.0.0.0 10.0.1.2",
	"!route: '10.0.1.2': too many words (several gateways need -mpath)"},
    {"route add -net 10.3.0.0/16 -iface wm0",
	"route.add {\"dst\":\"10.3.0.0/16\",\"family\":\"inet\",\"interface\":\"wm0\"}"},
    {"route delete 172.16.0.0/12", "route.delete {\"dst\":\"172.16.0.0/12\",\"family\":\"inet\"}"},
    {"route delete -inet6 default", "route.delete {\"dst\":\"::/0\",\"family\":\"inet6\"}"},
    {"route -q flush -inet6", "route.flush {\"family\":\"inet6\"}"},
    {"route -n show -inet", DISPLAY},
    {"route get 10.0.0.1", DISPLAY},
    {"route add 10.3.0.0/33 10.0.0.1", "!route: '10.3.0.0/33' is not an address (with or without /prefixlen)"},
    {"route add 10.3.0.0/16 2001:db8::1", "!route: '2001:db8::1' is not an IPv4 address"},
    {"route add 10.3.0.0/16", "!route: a gateway is missing (usage: smpnet help route)"},
    {"route add", "!route: a destination is missing (usage: smpnet help route)"},
    {"route frob", "!route: bad keyword: frob"},
    {"route add 10.3.0.0/16 10.0.0.1 -frob", "!route: bad keyword: frob"},
    {"route add 10.3.0.0/16 10.0.0.1 -cloning",
	"route.add {\"connected\":true,\"dst\":\"10.3.0.0/16\",\"family\":\"inet\",\"ifa\":\"10.0.0.1\"}"},
    {"route add 10.3.0.0/16 10.0.0.1 -xresolve", "!route: -xresolve: not supported"},
    {"arp -s 10.0.1.77 2:0:0:0:0:77 pub proxy",
	"neigh.add "
	"{\"address\":\"10.0.1.77\",\"family\":\"inet\",\"lladdr\":\"02:00:00:00:00:77\",\"proxy\":true,\"pub\":true}"},
    {"arp -s 10.0.1.77 2:0:0:0:0:77 proxy", "!arp: proxy needs pub"},
    {"arp -s 10.0.1.77", "!arp: an address and a link address are needed (usage: smpnet help arp)"},
    {"arp -d 10.0.1.77", "neigh.delete {\"address\":\"10.0.1.77\",\"family\":\"inet\"}"},
    {"arp -da", "neigh.flush {\"family\":\"inet\"}"},
    {"arp -f /nonexistent", "!arp: cannot open /nonexistent: No such file or directory"},
    {"arp -an", DISPLAY},
    {"ndp -s fe80::1%wm0 02:00:00:00:00:77 temp",
	"neigh.add {\"address\":\"fe80::1%wm0\",\"family\":\"inet6\",\"lladdr\":\"02:00:00:00:00:77\",\"temp\":true}"},
    {"ndp -s fe80::1 02:00:00:00:00:77", "!ndp: fe80::1: a link-local address needs its interface (fe80::1%interface)"},
    {"ndp -c", "neigh.flush {\"family\":\"inet6\"}"},
    {"ndp -an", DISPLAY},
    {"sysctl -w net.inet.ip.forwarding=1 a.b=0x3",
	"sysctl.set {\"name\":\"net.inet.ip.forwarding\",\"value\":1}; sysctl.set {\"name\":\"a.b\",\"value\":3}"},
    {"sysctl -w a.b=x", "!sysctl: a.b=x: 'x' is not a number"},
    {"sysctl -w a.b", "!sysctl: No '=' in a.b"},
    {"sysctl a.b=1", "!sysctl: Must specify -w to set variables"},
    {"sysctl net.inet.ip", DISPLAY},
    {"attach eth1 queues 2 as xdp3 --take via packet",
	"dev.attach {\"ifname\":\"xdp3\",\"name\":\"eth1\",\"queues\":2,\"take\":true,\"via\":\"packet\"}"},
    {"attach net_pcap0,rx_pcap=a,infinite_rx=1", "dev.attach {\"name\":\"net_pcap0,rx_pcap=a,infinite_rx=1\"}"},
    {"attach eth1 foo", "!attach: 'foo' is not queues, as, via or --take"},
    {"attach", "!attach: a name is missing (usage: smpnet help attach)"},
    {"detach xdp0", "dev.detach {\"name\":\"xdp0\"}"},
    {"ping 10.0.0.1", "!ping: no such command"},
};

static void
calls_text(const struct cmd *cmd, char *text, size_t len)
{
	size_t n = 0;

	text[0] = '\0';
	if (cmd->display)
		snprintf(text, len, "%s", DISPLAY);
	for (unsigned i = 0; i < cmd->ncalls; i++) {
		char *params = json_dumps(cmd->calls[i].params, JSON_SORT_KEYS | JSON_COMPACT);

		n += snprintf(text + n, len - n, "%s%s %s", i > 0 ? "; " : "", cmd->calls[i].method, params);
		assert_true(n < len);
		free(params);
	}
}

static void
test_lines(void **state)
{
	const struct cmd_env env = {.dir = "/d"};

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char err[512] = "", text[2048];
		struct cmd cmd;
		char **argv;
		int argc = cmd_split(lines[i].line, &argv, err, sizeof(err)), error;

		assert_true(argc > 0);
		error = cmd_parse(argc, argv, &env, &cmd, err, sizeof(err));
		if (error != 0) {
			snprintf(text, sizeof(text), "!%s", err);
			assert_int_equal(cmd.ncalls, 0);
		} else {
			calls_text(&cmd, text, sizeof(text));
		}
		if (strcmp(text, lines[i].calls) != 0)
			fail_msg("%s\n  gave     %s\n  expected %s", lines[i].line, text, lines[i].calls);
		cmd_free(&cmd);
		free(argv);
	}
}

/* What the tool prints when it is done. */
static void
test_say(void **state)
{
	static const struct {
		const char *line, *say;
	} says[] = {
	    {"route add default 10.0.0.2", "add net default: gateway 10.0.0.2"},
	    {"route add -inet6 default 2001:db8:0::2", "add net default: gateway 2001:db8:0::2"},
	    {"route add -net 172.16.0.0/12 10.0.1.1", "add net 172.16.0.0: gateway 10.0.1.1"},
	    {"route add 10.9.9.9 10.0.1.1", "add host 10.9.9.9: gateway 10.0.1.1"},
	    {"route delete 172.16.0.0/12", "delete net 172.16.0.0"},
	    {"route change default 10.0.0.3", "change net default: gateway 10.0.0.3"},
	    {"ndp -d fe80::1%wm0", "fe80::1%wm0 (fe80::1%wm0) deleted"},
	};

	for (unsigned i = 0; i < sizeof(says) / sizeof(says[0]); i++) {
		char err[512], **argv;
		struct cmd cmd;
		int argc = cmd_split(says[i].line, &argv, err, sizeof(err));

		assert_int_equal(cmd_parse(argc, argv, NULL, &cmd, err, sizeof(err)), 0);
		assert_int_equal(cmd.ncalls, 1);
		assert_string_equal(cmd.calls[0].say, says[i].say);
		cmd_free(&cmd);
		free(argv);
	}
}

static void
test_split(void **state)
{
	static const struct {
		const char *line;
		int n;
		const char *words[5];
	} splits[] = {
	    {"", 0, {NULL}},
	    {"  \t # all of it\n", 0, {NULL}},
	    {"a  b\tc\n", 3, {"a", "b", "c"}},
	    {"a 'b c' \"d e\" # f", 3, {"a", "b c", "d e"}},
	    {"a#b \\# \\ x ''", 4, {"a#b", "#", " x", ""}},
	    {"'a\\' \"\\\"\"", 2, {"a\\", "\""}},
	    {"a 'b", -EINVAL, {NULL}},
	};

	for (unsigned i = 0; i < sizeof(splits) / sizeof(splits[0]); i++) {
		char err[128], **argv;

		assert_int_equal(cmd_split(splits[i].line, &argv, err, sizeof(err)), splits[i].n);
		for (int k = 0; k < splits[i].n; k++)
			assert_string_equal(argv[k], splits[i].words[k]);
		if (splits[i].n >= 0)
			assert_null(argv[splits[i].n]);
		free(argv);
	}
}

/* arp -f: the line that is wrong is named. */
static void
test_arp_file(void **state)
{
	char name[] = "/tmp/test_cmd.XXXXXX", err[512],
	     *argv[] = {(char *)(uintptr_t) "arp", (char *)(uintptr_t) "-f", name, NULL};
	const struct cmd_env tool = {.names = true};
	struct cmd cmd;
	FILE *f = fdopen(mkstemp(name), "w");

	fprintf(f, "# neighbours\n10.0.0.1 02:00:00:00:00:01\n\n10.0.0.2 02:00:00:00:00:02 temp\n");
	fflush(f);
	assert_int_equal(cmd_parse(3, argv, NULL, &cmd, err, sizeof(err)), 0);
	assert_int_equal(cmd.ncalls, 2);
	cmd_free(&cmd);
	fprintf(f, "10.0.0.3 nonsense\n");
	fclose(f);
	assert_int_equal(cmd_parse(3, argv, &tool, &cmd, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, ":5: 10.0.0.3: 'nonsense' is not a link address"));
	/* the daemon reads it for whoever sends a configuration, and does not tell what is in it */
	assert_int_equal(cmd_parse(3, argv, NULL, &cmd, err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, ":5: not ADDRESS LLADDR"));
	assert_null(strstr(err, "nonsense"));
	unlink(name);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_say),
	    cmocka_unit_test(test_split),
	    cmocka_unit_test(test_arp_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
