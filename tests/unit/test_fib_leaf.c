/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Leaves of the IPv6 FIB of every shape (blocks, several blocks, words behind them, wide), against a search through all
 * prefixes, at the ends of every range and between, one address at a time and in vectors of every length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "route/fib_var.h"
#include "route/route.h"
#include "route_double.h"

#define MOST 400

struct prefix {
	struct rt_key key;
	unsigned plen;
	uint32_t nh;
};

static struct prefix set[MOST];
static unsigned nset;

static uint64_t
top(unsigned n)
{
	return n == 0 ? 0 : n >= 64 ? ~0ull : ~0ull << (64 - n);
}

static struct rt_key
masked(struct rt_key k, unsigned plen)
{
	k.hi &= top(plen);
	k.lo &= plen <= 64 ? 0 : top(plen - 64);
	return k;
}

static bool
within(struct rt_key k, const struct prefix *p)
{
	k = masked(k, p->plen);
	return k.hi == p->key.hi && k.lo == p->key.lo;
}

static uint32_t
naive(struct rt_key k, unsigned shorter)
{
	const struct prefix *best = NULL;

	for (unsigned i = 0; i < nset; i++)
		if (set[i].plen < shorter && within(k, &set[i]) && (best == NULL || set[i].plen > best->plen))
			best = &set[i];
	return best != NULL ? best->nh : 0;
}

static void
add(struct rt_key key, unsigned plen, uint32_t nh)
{
	struct prefix p = {masked(key, plen), plen, nh};

	for (unsigned i = 0; i < nset; i++)
		if (set[i].plen == plen && within(p.key, &set[i]))
			return;
	assert_true(nset < MOST);
	set[nset++] = p;
	assert_int_equal(fib_set(AF_INET6, &p.key, plen, nh), 0);
}

static struct in6_addr
address(struct rt_key k)
{
	struct in6_addr a;

	for (unsigned i = 0; i < 16; i++)
		a.s6_addr[i] = rt_key_octet(&k, i);
	return a;
}

static void
check(void)
{
	static struct in6_addr a[MOST * 6];
	static const struct in6_addr *p[MOST * 6];
	static uint32_t want[MOST * 6], got[MOST * 6];
	unsigned n = 0;

	for (unsigned i = 0; i < nset; i++) {
		struct rt_key first = set[i].key, last = first, k[6];

		last.hi |= ~top(set[i].plen);
		last.lo |= set[i].plen <= 64 ? ~0ull : ~top(set[i].plen - 64);
		k[0] = first;
		k[1] = last;
		k[2] = (struct rt_key){first.hi - (first.lo == 0), first.lo - 1};
		k[3] = (struct rt_key){last.hi + (last.lo == ~0ull), last.lo + 1};
		k[4] = (struct rt_key){first.hi + ((last.hi - first.hi) >> 1), double_random()};
		k[5] = (struct rt_key){first.hi ^ (double_random() & 0x3fffffffffull), double_random()};
		for (unsigned j = 0; j < 6; j++, n++) {
			want[n] = naive(k[j], 129);
			a[n] = address(k[j]);
			p[n] = &a[n];
			assert_int_equal(fib_lookup6(&a[n]), want[n]);
		}
	}
	for (unsigned at = 0, len = 1; at < n; at += len, len = len % 70 + 1) {
		len = len > n - at ? n - at : len;
		fib_lookup6_vec(&p[at], got, len);
		for (unsigned i = 0; i < len; i++)
			assert_int_equal(got[i], want[at + i]);
	}
}

/* Prefixes one after another, checked at every few, in a /26 (of both halves) and gone again in another order */
static void
shape(unsigned count, unsigned least, unsigned most, uint64_t spread, uint32_t hops, bool lower)
{
	struct rt_key net = {0x20010dc000000000, 0};

	nset = 0;
	for (unsigned i = 0; i < count; i++) {
		uint64_t bits = double_random() & spread;
		struct rt_key k = {lower ? net.hi : net.hi | bits, lower ? bits : double_random()};

		add(k, least + double_random() % (most - least + 1), 1 + double_random() % hops);
		if (i % 16 == 0 || i < 20)
			check();
		if (i % 32 == 0)
			double_poll();
	}
	check();
	while (nset > 0) {
		unsigned i = double_random() % nset, cover_plen = 0;
		struct prefix p = set[i];
		uint32_t cover = naive(p.key, p.plen);

		for (unsigned k = 0; k < nset; k++)
			if (set[k].plen < p.plen && set[k].plen > cover_plen && within(p.key, &set[k]))
				cover_plen = set[k].plen;
		set[i] = set[--nset];
		fib_clear(AF_INET6, &p.key, p.plen, cover_plen, cover);
		if (nset % 16 == 0)
			check();
		double_poll();
	}
}

static void
test_shapes(void **state)
{
	static const uint64_t spreads[] = {0xffff0000, 0xffffffff0000, 0x3fffffffff, 0x3f00ff0000, 0xff, ~0ull};
	static const uint32_t hops[] = {8, 40000, NH_MAX - 1};

	double_init();
	assert_int_equal(fib_init(), 0);
	for (unsigned s = 0; s < sizeof(spreads) / sizeof(spreads[0]); s++)
		for (unsigned h = 0; h < 3; h++) {
			uint64_t spread = spreads[s] & 0x3fffffffff;

			shape(120, 48, 48, spread, hops[h], false);
			shape(150, 27, 58, spread, hops[h], false);
			shape(150, 29, 64, spread, hops[h], false);
			shape(120, 60, 128, spread, hops[h], false);
			shape(150, 65, 128, spreads[s], hops[h], true);
			shape(150, 128, 128, spreads[s], hops[h], true);
		}
	double_drain();
	assert_int_equal(fib_blocks(AF_INET6), 0);
	fib_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
