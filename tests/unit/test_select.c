/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules of RFC 6724, section 5, for source addresses: its own examples (section 10.1), and each rule's order. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "if/if_select.h"

enum { DEPRECATED = 1, OUTGOING = 2, ROUTER = 4, TEMPORARY = 8, PREFER_PUBLIC = 16 };

/* Each is decided, whichever of the two is looked at first: "better" wins. */
static const struct {
	const char *dst, *better, *worse;
	unsigned bflags, wflags;
} cases[] = {
    /* section 10.1 (its example of home addresses left out: there are none) */
    {"2001:db8:1::1", "2001:db8:3::1", "fe80::1", 0, 0},
    {"ff05::1", "2001:db8:3::1", "fe80::1", 0, 0},
    {"2001:db8:1::1", "2001:db8:1::1", "2001:db8:2::1", DEPRECATED, 0},
    {"fe80::1", "fe80::2", "2001:db8:1::1", DEPRECATED, 0},
    {"2001:db8:1::1", "2001:db8:1::2", "2001:db8:3::2", 0, 0},
    {"2002:c633:6401::1", "2002:c633:6401::d5e3:7953:13eb:22e8", "2001:db8:1::2", TEMPORARY, 0},
    {"2001:db8:1::d5e3:0:0:1", "2001:db8:1::d5e3:7953:13eb:22e8", "2001:db8:1::2", TEMPORARY, 0},
    /* the same with the preference turned round */
    {"2001:db8:1::d5e3:0:0:1", "2001:db8:1::2", "2001:db8:1::d5e3:7953:13eb:22e8", PREFER_PUBLIC, TEMPORARY},
    /* rule 2: the smallest scope that suffices; the largest where none does */
    {"fec0::9", "fec0::1", "2001:db8::1", 0, 0},
    {"2001:db8::9", "fec0::1", "fe80::1", 0, 0},
    {"ff02::1", "fe80::1", "2001:db8::1", 0, 0},
    /* each rule before the one after it */
    {"2001:db8::9", "2001:db8::9", "2001:db8::1", DEPRECATED, OUTGOING},
    {"2001:db8::9", "2001:db8::1", "fe80::1", DEPRECATED, OUTGOING},
    {"2001:db8::9", "2001:db8:8::1", "2001:db8::1", 0, DEPRECATED | OUTGOING},
    {"2001:db8::9", "2001:db8:8::1", "2001:db8::1", OUTGOING, ROUTER},
    {"2001:db8::9", "fd00::1", "2001:db8::1", ROUTER, 0},
    {"fd00::9", "fd01::1", "2001:db8::1", 0, TEMPORARY},
    {"2001:db8::9", "2001:db8:8::1", "2001:db8::1", TEMPORARY, 0},
    {"2001:db8::9", "2001:db8::1", "2001:db8:8::1", 0, 0},
    /* rule 6: labels of the policy table */
    {"::1", "::1", "2001:db8::1", 0, 0},
    {"2001:0:1::9", "2001:0:2::1", "2001:db8::1", 0, 0},
    {"fd00::9", "fc00::1", "fe00::1", 0, 0},
    {"2001:1::9", "2003::1", "2001:0:2::1", 0, 0}, /* not Teredo's, though it has more in common */
    {"3fff::9", "2001:db8::1", "3ffe::1", 0, 0},
    {"3ffe::9", "3ffe:8000::1", "3ff0::1", 0, 0},
};

static struct if_src6
source(const struct in6_addr *addr, unsigned flags)
{
	return (struct if_src6){.addr = addr,
	    .plen = 64,
	    .deprecated = flags & DEPRECATED,
	    .outgoing = flags & OUTGOING,
	    .by_router = flags & ROUTER,
	    .temporary = flags & TEMPORARY};
}

static void
test_rules(void **state)
{
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct in6_addr dst, better, worse;
		bool temporary = !(cases[i].bflags & PREFER_PUBLIC);
		struct if_src6 a, b;

		assert_int_equal(inet_pton(AF_INET6, cases[i].dst, &dst), 1);
		assert_int_equal(inet_pton(AF_INET6, cases[i].better, &better), 1);
		assert_int_equal(inet_pton(AF_INET6, cases[i].worse, &worse), 1);
		a = source(&better, cases[i].bflags);
		b = source(&worse, cases[i].wflags);
		if (!if_src6_better(&a, &b, &dst, temporary) || if_src6_better(&b, &a, &dst, temporary))
			fail_msg("to %s: not %s, but %s", cases[i].dst, cases[i].better, cases[i].worse);
	}
}

/* What the rules do not tell apart: neither is better, the one that was there first stays. */
static void
test_ties(void **state)
{
	struct in6_addr dst, one, other;
	struct if_src6 a, b;

	inet_pton(AF_INET6, "2001:db8:9::1", &dst);
	inet_pton(AF_INET6, "2001:db8::1", &one);
	inet_pton(AF_INET6, "2001:db8::2", &other);
	a = source(&one, 0);
	b = source(&other, 0);
	assert_false(if_src6_better(&a, &b, &dst, false));
	assert_false(if_src6_better(&b, &a, &dst, false));
	/* Interface identifiers do not count: both have the destination's prefix. */
	inet_pton(AF_INET6, "2001:db8::3", &dst);
	assert_false(if_src6_better(&b, &a, &dst, false));
}

static void
test_scopes(void **state)
{
	static const struct {
		const char *addr;
		unsigned scope;
	} list[] = {{"::1", 2}, {"fe80::1", 2}, {"febf::1", 2}, {"fec0::1", 5}, {"fd00::1", 14}, {"2001:db8::1", 14},
	    {"ff01::1", 1}, {"ff02::1", 2}, {"ff05::1", 5}, {"ff0e::1", 14}};

	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		struct in6_addr a;

		assert_int_equal(inet_pton(AF_INET6, list[i].addr, &a), 1);
		assert_int_equal(if_scope6(&a), list[i].scope);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rules),
	    cmocka_unit_test(test_ties),
	    cmocka_unit_test(test_scopes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
