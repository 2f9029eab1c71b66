/* SPDX-License-Identifier: BSD-2-Clause */
/* rtadvd.conf(5): what is read, what goes without saying, what is wrong where; and texts that are cut and garbled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "ip6/rtadv_var.h"

static char err[512];

static struct rtadv_conf *
parse(const char *text, const char *ifname)
{
	err[0] = '\0';
	return rtadv_conf_parse("F", text, ifname, err, sizeof(err));
}

static void
test_defaults(void **state)
{
	static const char *const texts[] = {NULL, "", "\n# x\n", "wm1:chlim#3:\n", "wm0:\n", "wm0"};

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct rtadv_conf *c = parse(texts[i], "wm0");

		assert_non_null(c);
		assert_int_equal(c->maxinterval, 600);
		assert_int_equal(c->mininterval, 200);
		assert_int_equal(c->chlim, 64);
		assert_int_equal(c->rltime, 1800);
		assert_int_equal(c->ifprefix.vltime, 2592000);
		assert_int_equal(c->ifprefix.pltime, 604800);
		assert_int_equal(c->ifprefix.flags, 0xc0);
		assert_int_equal(c->nprefix + c->nroute + c->nrdnss + c->ndnssl + c->mtu + c->flags, 0);
		rtadv_conf_free(c);
	}
}

static void
test_entries(void **state)
{
	static const char text[] = "# wm0: not this :chlim#1:\n"
				   "default:chlim#9:\n"
				   "wm0|x|wm00:\\\n\t:chlim#7:noifprefix@:mtu=auto:\\\n  :tc=a:retrans#5:\r\n"
				   "a:chlim#8:noifprefix:retrans#6:rtime#010:tc=b:\n"
				   "b:rltime#0:nolladdr:\n";
	struct rtadv_conf *c = parse(text, "wm0");

	assert_non_null(c);
	assert_int_equal(c->chlim, 7);
	assert_int_equal(c->retrans, 5);
	assert_int_equal(c->rtime, 8);
	assert_int_equal(c->rltime, 0);
	assert_true(c->mtu_auto && c->nolladdr && !c->noifprefix);
	rtadv_conf_free(c);
	c = parse(text, "wm00");
	assert_int_equal(c->chlim, 7);
	rtadv_conf_free(c);
	c = parse(text, "wm9");
	assert_int_equal(c->chlim, 9);
	rtadv_conf_free(c);
}

static void
test_lists(void **state)
{
	static const uint8_t names[] = "\3foo\2ex\0\1a";
	struct rtadv_conf *c =
	    parse("wm0:addr99=\"2001:db8:1:2:3::\":prefixlen99#61:addr=\"2001:db8::\":pinfoflags=\"l\":"
		  "rdnss=\"::1,::2,::3\":dnssl=\"foo.ex.,a\":rtprefix=\"::\":rtplen#0:rtflags=\"l\":",
		"wm0");

	assert_non_null(c);
	assert_int_equal(c->nprefix, 2);
	assert_int_equal(c->prefix[0].flags, 0x80);
	assert_int_equal(c->prefix[1].flags, 0xc0);
	assert_int_equal(c->prefix[1].plen, 61);
	assert_int_equal(c->prefix[1].prefix.s6_addr[7], 0); /* 2 in 61 bits */
	assert_int_equal(c->rdnss[0].n, 3);
	assert_int_equal(c->rdnss[0].ltime, 1800);
	assert_int_equal(c->dnssl[0].len, sizeof(names));
	assert_memory_equal(c->dnssl[0].names, names, sizeof(names));
	assert_int_equal(c->route[0].flags, 0x18);
	assert_int_equal(c->route[0].ltime, 1800);
	rtadv_conf_free(c);
}

static void
test_errors(void **state)
{
	static const struct {
		const char *text, *err;
	} bad[] = {
	    {"wm0:chlim#256:\n", "F:1: chlim: 256 is out of range (0 to 255)"},
	    {"\n\nwm0:\\\n :chlim#1:\\\n :rtime#x:\n", "F:5: rtime: 'x' is not a number"},
	    {"wm0:chlim=3:\n", "F:1: chlim: #number is needed"},
	    {"wm0:addr#3:\n", "F:1: addr: =\"text\" is needed"},
	    {"wm0:nolladdr#1:\n", "F:1: nolladdr: the name alone is needed"},
	    {"wm0:addr100=\"::\":\n", "F:1: addr100: numbers go up to 99"},
	    {"wm0:chlim1#1:\n", "F:1: 'chlim1' is no capability"},
	    {"wm0:raflags#0x10:\n", "F:1: raflags: a preference of 10 is reserved"},
	    {"wm0:%:\n", "F:1: '%' is no capability"},
	    {"wm0:tc:\n", "F:1: tc: =name is needed"},
	    {"wm0:tc=b:\nb:tc=wm0:\n", "F:1: tc: entries that refer to one another"},
	    {"wm0:rltime#70000:\n", "F:1: rltime: 70000 is out of range (0 to 65535)"},
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(parse(bad[i].text, "wm0"));
		assert_string_equal(err, bad[i].err);
	}
}

/* Nothing that a file may hold does harm: every beginning of a text, and texts with octets changed. */
static void
test_garbled(void **state)
{
	static const char text[] =
	    "wm0|b:\\\n\t:addr=\"2001:db8::\":prefixlen#64:raflags=\"mo\":mtu=auto:rdnss=\"::1,::2\":\\\n"
	    "\t:dnssl=\"a.b,c\":rtprefix9=\"::\":rtplen9#0:tc=c:\nc:chlim#3:tc=d:\nd:noifprefix@:tc=wm0:\n";
	static const char octets[] = ":\\\n\"#=@|,.09az\t ";
	char buf[sizeof(text)];
	unsigned seed = 1;

	for (unsigned len = 0; len < sizeof(text); len++) {
		memcpy(buf, text, len);
		buf[len] = '\0';
		rtadv_conf_free(parse(buf, "wm0"));
	}
	for (unsigned n = 0; n < 20000; n++) {
		memcpy(buf, text, sizeof(text));
		for (unsigned k = 0; k < 1 + n % 4; k++) {
			seed = seed * 1103515245 + 12345;
			buf[(seed >> 8) % (sizeof(text) - 1)] = octets[(seed >> 20) % (sizeof(octets) - 1)];
		}
		rtadv_conf_free(parse(buf, "wm0"));
	}
}

/* Entries that refer to others many times over end soon, whatever their depth. */
static void
test_references(void **state)
{
	static char text[8192];
	size_t len = 0;

	for (char entry = 'a'; entry < 'p'; entry++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%c:", entry);
		for (unsigned i = 0; i < 32; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "tc=%c:", entry + 1);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "\n");
	}
	snprintf(text + len, sizeof(text) - len, "p:chlim#3:\n");
	alarm(20);
	assert_null(parse(text, "a"));
	alarm(0);
	assert_non_null(strstr(err, "tc: entries that refer to one another"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_entries),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_garbled),
	    cmocka_unit_test(test_references),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
