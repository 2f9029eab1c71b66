/* SPDX-License-Identifier: BSD-2-Clause */
/* Router advertisements taken apart, and what becomes of lifetimes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ip6/nd6_ra.h"

#define RA 0x86, 0, 0, 0
static const uint8_t header[16] = {RA, 64, 0xc8, 0x07, 0x08, 0, 0, 0x4e, 0x20, 0, 0, 0x01, 0xf4};
static const uint8_t prefix[32] = {
    3, 4, 64, 0xc0, 0, 0, 0x1c, 0x21, 0, 0, 0x1c, 0x20, 0, 0, 0, 0, 0xfc, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff};

/* In memory of exactly its size: what is read beyond it the sanitizer sees. */
static const char *
parse(const void *options, size_t len, struct nd_ra *ra)
{
	uint8_t *msg = malloc(sizeof(header) + len);
	const char *bad;

	memcpy(msg, header, sizeof(header));
	if (len > 0)
		memcpy(msg + sizeof(header), options, len);
	bad = nd6_ra_parse(msg, (unsigned)(sizeof(header) + len), ra);
	free(msg);
	return bad;
}

static void
test_header(void **state)
{
	static const struct {
		uint8_t bits;
		int preference;
	} p[] = {{0x00, 0}, {0x08, 1}, {0x10, 0}, {0x18, -1}};
	uint8_t msg[16];
	struct nd_ra ra;

	assert_null(parse(NULL, 0, &ra));
	assert_int_equal(ra.hlim, 64);
	assert_int_equal(ra.flags, ND_RA_F_MANAGED | ND_RA_F_OTHER);
	assert_int_equal(ra.lifetime, 1800);
	assert_int_equal(ra.reachable, 20000);
	assert_int_equal(ra.retrans, 500);
	for (unsigned i = 0; i < 4; i++) {
		memcpy(msg, header, sizeof(msg));
		msg[5] = p[i].bits;
		assert_null(nd6_ra_parse(msg, sizeof(msg), &ra));
		assert_int_equal(ra.preference, p[i].preference);
	}
	for (unsigned len = 0; len < sizeof(header); len++) {
		uint8_t *cut = malloc(len + 1);

		memcpy(cut, header, len);
		assert_non_null(nd6_ra_parse(cut, len, &ra));
		free(cut);
	}
}

/* Every length that is not the whole, octet by octet */
static void
test_cut(void **state)
{
	uint8_t options[32 + 8 + 8 + 40];
	unsigned ends[] = {0, 32, 40, 48, 88};
	struct nd_ra ra;

	memset(options, 0, sizeof(options));
	memcpy(options, prefix, 32);
	memcpy(options + 32, "\5\1\0\0\0\0\5\x14\1\1\2\0\0\0\0\1\x19\5\0\0\0\0\2\x58", 24);
	options[56] = options[72] = 0xfc;
	for (unsigned len = 0; len <= sizeof(options); len++) {
		bool whole = false;

		for (unsigned i = 0; i < 5; i++)
			whole |= ends[i] == len;
		assert_int_equal(parse(options, len, &ra) == NULL, whole);
	}
	assert_int_equal(ra.mtu, 1300);
	assert_int_equal(ra.nprefixes, 1);
	assert_int_equal(ra.nrdnss, 2);
	assert_int_equal(ra.rdnss_lifetime, 600);
	assert_non_null(ra.lladdr);
}

static void
test_options(void **state)
{
	static const struct {
		const char *option;
		size_t len;
	} bad[] = {{"\3\0\0\0\0\0\0\0", 8}, {"\xfd\0\0\0\0\0\0\0", 8}, {"\3\1\0\0\0\0\0\0", 8},
	    {"\1\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16}, {"\5\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16},
	    {"\x19\1\0\0\0\0\0\0", 8}, {"\x19\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16}, {"\1\1\1\0\0\0\0\1", 8},
	    {"\1\1\0\0\0\0\0\0", 8}, {"\xfd\xff\0\0\0\0\0\0", 8}};
	struct nd_ra ra;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(parse(bad[i].option, bad[i].len, &ra));
	assert_null(parse("\xfd\1\0\0\0\0\0\0", 8, &ra)); /* nobody knows it */
}

static void
test_prefix(void **state)
{
	uint8_t p[40 * 32];
	struct nd_ra ra;

	assert_null(parse(prefix, sizeof(prefix), &ra));
	assert_int_equal(ra.nprefixes, 1);
	assert_int_equal(ra.prefix[0].plen, 64);
	assert_true(ra.prefix[0].onlink && ra.prefix[0].autoconf);
	assert_int_equal(ra.prefix[0].valid, 7201);
	assert_int_equal(ra.prefix[0].preferred, 7200);
	assert_int_equal(ra.prefix[0].prefix.s6_addr[8], 0); /* bits behind the length */
	/* one at a time: length, preferred beyond valid, link-local, group, unspecified */
	static const struct {
		unsigned at;
		uint8_t value;
	} no[] = {{2, 129}, {2, 0}, {8, 1}, {16, 0xff}};
	for (unsigned i = 0; i < 4; i++) {
		memcpy(p, prefix, 32);
		p[no[i].at] = no[i].value;
		assert_null(parse(p, 32, &ra));
		assert_int_equal(ra.nprefixes, 0);
	}
	memcpy(p, prefix, 32);
	p[16] = 0xfe;
	p[17] = 0x80;
	assert_null(parse(p, 32, &ra));
	assert_int_equal(ra.nprefixes, 0);
	memset(p + 16, 0, 16);
	assert_null(parse(p, 32, &ra));
	assert_int_equal(ra.nprefixes, 0);
	for (unsigned i = 0; i < 40; i++)
		memcpy(p + i * 32, prefix, 32);
	assert_null(parse(p, sizeof(p), &ra));
	assert_int_equal(ra.nprefixes, ND_RA_MAXPREFIX);
}

/* RFC 4862 section 5.5.3 (e) */
static void
test_two_hours(void **state)
{
	static const struct {
		uint32_t left, advertised, then;
	} t[] = {{100, 200, 200}, {100, 50, 100}, {100, 0, 100}, {7200, 0, 7200}, {7201, 0, 7200}, {86400, 7200, 7200},
	    {86400, 7201, 7201}, {86400, 100, 7200}, {ND_RA_INFINITE, 100, 7200}, {ND_RA_INFINITE, 86400, 86400},
	    {100, ND_RA_INFINITE, ND_RA_INFINITE}, {0, 10, 10}};

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_int_equal(nd6_valid_lifetime(t[i].left, t[i].advertised), t[i].then);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_header), cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_options), cmocka_unit_test(test_prefix), cmocka_unit_test(test_two_hours)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
