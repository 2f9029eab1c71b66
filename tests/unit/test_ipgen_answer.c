/* SPDX-License-Identifier: BSD-2-Clause */
/* What ipgen's ports answer: ARP, neighbour discovery and echo, from frame to frame; broken frames are passed over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ipgen/ports/answer.h"
#include "ipgen/ports/answer_var.h"

static const uint8_t far_mac[6] = {2, 0, 0, 0, 0, 9}, far4[4] = {10, 0, 0, 1}, proxied[4] = {10, 0, 0, 77};
static const uint8_t far6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};

static bool
stands_for(const void *arg, unsigned family, const uint8_t *addr)
{
	return family == 4 && memcmp(addr, proxied, 4) == 0;
}

static struct answer_self
self_with(unsigned ntags)
{
	struct answer_self s = {
	    .lladdr = {2, 0, 0, 0, 0, 1},
	    .ntags = ntags,
	    .tag = {{0x88a8, 100 | 5 << 13}, {0x8100, 200}},
	    .has4 = true,
	    .has6 = true,
	    .addr4 = {10, 0, 0, 2},
	    .addr6 = {0x20, 1, 0xd, 0xb8, [15] = 2},
	    .stands_for = stands_for,
	};

	local6_of(s.lladdr, s.local6);
	return s;
}

/* The host at the other end, which asks. */
static struct answer_self
host_with(unsigned ntags)
{
	struct answer_self s = self_with(ntags);

	memcpy(s.lladdr, far_mac, 6);
	memcpy(s.addr4, far4, 4);
	memcpy(s.addr6, far6, 16);
	local6_of(s.lladdr, s.local6);
	s.stands_for = NULL;
	return s;
}

static void
resolve(void **state)
{
	for (unsigned tags = 0; tags <= 2; tags++) {
		struct answer_self self = self_with(tags), host = host_with(tags);
		uint8_t q[ANSWER_MIN], a[ANSWER_MIN], none[ANSWER_MIN];
		struct answer_news news;
		size_t n;

		n = answer_frame(&self, q, ask4(&host, self.addr4, q), a, sizeof(a), &news);
		assert_int_equal(n, 60);
		assert_int_equal(news.kind, NEWS_NEIGHBOR);
		assert_memory_equal(news.addr, far4, 4);
		assert_memory_equal(news.lladdr, far_mac, 6);
		assert_memory_equal(a, far_mac, 6);
		/* the one who asked learns it, and says nothing */
		assert_int_equal(answer_frame(&host, a, n, none, sizeof(none), &news), 0);
		assert_int_equal(news.kind, NEWS_NEIGHBOR);
		assert_memory_equal(news.addr, self.addr4, 4);
		assert_memory_equal(news.lladdr, self.lladdr, 6);

		assert_int_equal(answer_frame(&self, q, ask4(&host, proxied, q), a, sizeof(a), &news), 60);
		assert_int_equal(answer_frame(&self, q, ask4(&host, far4, q), a, sizeof(a), &news), 0);

		n = answer_frame(&self, q, ask6(&host, self.addr6, q), a, sizeof(a), &news);
		assert_int_equal(n, 14 + 4 * tags + 72);
		assert_int_equal(news.kind, NEWS_NEIGHBOR);
		assert_int_equal(answer_frame(&host, a, n, none, sizeof(none), &news), 0);
		assert_int_equal(news.kind, NEWS_NEIGHBOR);
		assert_memory_equal(news.addr, self.addr6, 16);
		assert_memory_equal(news.lladdr, self.lladdr, 6);
		assert_true(answer_frame(&self, q, ask6(&host, self.local6, q), a, sizeof(a), &news) > 0);
		assert_int_equal(answer_frame(&self, q, ask6(&host, far6, q), a, sizeof(a), &news), 0);
	}
}

/* Frames with other tags, or none, are not the port's. */
static void
tags(void **state)
{
	struct answer_self self = self_with(1), host = host_with(0);
	uint8_t q[ANSWER_MIN], a[ANSWER_MIN];
	struct answer_news news;

	assert_int_equal(answer_frame(&self, q, ask4(&host, self.addr4, q), a, sizeof(a), &news), 0);
	assert_int_equal(news.kind, NEWS_NONE);
	host = host_with(1);
	host.tag[0].tci = 101;
	assert_int_equal(answer_frame(&self, q, ask4(&host, self.addr4, q), a, sizeof(a), &news), 0);
	host.tag[0].tci = 100; /* another priority */
	assert_int_equal(answer_frame(&self, q, ask4(&host, self.addr4, q), a, sizeof(a), &news), 60);
	self = self_with(0);
	assert_int_equal(answer_frame(&self, q, ask4(&host, self.addr4, q), a, sizeof(a), &news), 0);
}

static void
duplicates(void **state)
{
	struct answer_self self = self_with(0), host = host_with(0);
	uint8_t q[ANSWER_MIN], a[ANSWER_MIN];
	struct answer_news news;

	memcpy(host.addr4, self.addr4, 4);
	memcpy(host.addr6, self.addr6, 16);
	answer_frame(&self, q, announce4(&host, q), a, sizeof(a), &news);
	assert_int_equal(news.kind, NEWS_DUPLICATE);
	assert_memory_equal(news.lladdr, far_mac, 6);
	answer_frame(&self, q, announce6(&host, host.addr6, q), a, sizeof(a), &news);
	assert_int_equal(news.kind, NEWS_DUPLICATE);
	/* our own, come back by a loop */
	answer_frame(&self, q, announce4(&self, q), a, sizeof(a), &news);
	assert_int_equal(news.kind, NEWS_NONE);
}

static size_t
echo_request(const struct answer_self *from, const struct answer_self *to, unsigned family, uint8_t *f)
{
	uint8_t *ip = f + 14, *icmp = ip + (family == 4 ? 20 : 40);

	memset(f, 0, 128);
	memcpy(f, to->lladdr, 6);
	memcpy(f + 6, from->lladdr, 6);
	put16(f + 12, family == 4 ? 0x0800 : 0x86dd);
	memset(icmp + 8, 0x5a, 33); /* an odd length */
	icmp[0] = family == 4 ? 8 : 128;
	put16(icmp + 4, 77);
	if (family == 4) {
		ip[0] = 0x45;
		put16(ip + 2, 20 + 41);
		ip[8] = 9;
		ip[9] = 1;
		memcpy(ip + 12, from->addr4, 4);
		memcpy(ip + 16, to->addr4, 4);
		put16(ip + 10, sum16(ip, 20, 0));
		put16(icmp + 2, sum16(icmp, 41, 0));
		return 14 + 20 + 41;
	}
	ip[0] = 0x60;
	put16(ip + 4, 41);
	ip[6] = 58;
	ip[7] = 9;
	memcpy(ip + 8, from->addr6, 16);
	memcpy(ip + 24, to->addr6, 16);
	put16(icmp + 2, sum16(icmp, 41, pseudo6(ip, 41)));
	return 14 + 40 + 41;
}

static void
echo(void **state)
{
	struct answer_self self = self_with(0), host = host_with(0);
	uint8_t q[256], a[512];
	struct answer_news news;
	size_t n, m;

	for (unsigned family = 4; family <= 6; family += 2) {
		const uint8_t *ip = a + 14;

		m = echo_request(&host, &self, family, q);
		n = answer_frame(&self, q, m, a, sizeof(a), &news);
		assert_int_equal(n, m);
		assert_memory_equal(a, far_mac, 6);
		assert_memory_equal(a + 6, self.lladdr, 6);
		if (family == 4) {
			assert_int_equal(sum16(ip, 20, 0), 0);
			assert_int_equal(ip[20], 0);
			assert_int_equal(sum16(ip + 20, 41, 0), 0);
			assert_memory_equal(ip + 12, self.addr4, 4);
			assert_memory_equal(ip + 16, far4, 4);
		} else {
			assert_int_equal(ip[40], 129);
			assert_int_equal(sum16(ip + 40, 41, pseudo6(ip, 41)), 0);
			assert_memory_equal(ip + 8, self.addr6, 16);
			assert_memory_equal(ip + 24, far6, 16);
		}
		assert_memory_equal(q + m - 33, a + m - 33, 33);
		q[m - 1] ^= 1; /* its checksum is wrong now */
		assert_int_equal(answer_frame(&self, q, m, a, sizeof(a), &news), 0);
		q[m - 1] ^= 1;
		q[0] ^= 4; /* for another link address */
		assert_int_equal(answer_frame(&self, q, m, a, sizeof(a), &news), 0);
	}
}

/* Each frame cut at each length, and changed in some octets: nothing is read beyond what there is (sanitizers look). */
static void
hostile(void **state)
{
	struct answer_self self = self_with(0), host = host_with(0);
	uint8_t q[256], a[512];
	struct answer_news news;

	srandom(5);
	for (unsigned kind = 0; kind < 6; kind++) {
		size_t len = kind == 0	 ? ask4(&host, self.addr4, q)
			     : kind == 1 ? ask6(&host, self.addr6, q)
			     : kind == 2 ? announce6(&host, self.addr6, q)
			     : kind == 3 ? announce4(&host, q)
					 : echo_request(&host, &self, kind == 4 ? 4 : 6, q);

		for (size_t n = 0; n <= len; n++) {
			uint8_t *cut = malloc(n > 0 ? n : 1);
			size_t least = kind == 0 ? 42 : kind == 3 ? SIZE_MAX : len;

			assert_non_null(cut);
			memcpy(cut, q, n);
			if (answer_frame(&self, cut, n, a, sizeof(a), &news) > 0)
				assert_true(n >= least);
			free(cut);
		}
		for (unsigned i = 0; i < 20000; i++) {
			uint8_t *bad = malloc(len);

			assert_non_null(bad);
			memcpy(bad, q, len);
			for (unsigned k = 0; k < 1 + i % 4; k++)
				bad[12 + (size_t)random() % (len - 12)] = (uint8_t)random();
			assert_true(answer_frame(&self, bad, len, a, sizeof(a), &news) <= sizeof(a));
			free(bad);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest list[] = {
	    cmocka_unit_test(resolve),
	    cmocka_unit_test(tags),
	    cmocka_unit_test(duplicates),
	    cmocka_unit_test(echo),
	    cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}
