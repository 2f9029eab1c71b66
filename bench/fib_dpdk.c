/* SPDX-License-Identifier: BSD-2-Clause */
/* DPDK's look-up structures for bench/fib: rte_lpm, rte_fib (DIR24-8), rte_fib6 (trie). */
#include "fib_bench.h"

#include <arpa/inet.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm.h>
#include <rte_vect.h>
#include <stdio.h>
#include <string.h>

#define TBL8_4 16384
#define TBL8_6 (1u << 19)

static struct rte_lpm *lpm;
static struct rte_fib *fib;
static struct rte_fib6 *fib6;

static int
start(void)
{
	char *argv[] = {(char[]){"fib"}, (char[]){"--no-huge"}, (char[]){"--no-pci"}, (char[]){"--no-shconf"},
	    (char[]){"-m"}, (char[]){"6144"}, (char[]){"--log-level"}, (char[]){"*:error"}, (char[]){"--no-telemetry"}};

	return rte_eal_init(9, argv) < 0 ? -1 : 0;
}

static int
lpm_create(unsigned count)
{
	struct rte_lpm_config c = {.max_rules = count + 1024, .number_tbl8s = TBL8_4};

	if (start() == 0)
		lpm = rte_lpm_create("lpm", 0, &c);
	return lpm != NULL ? 0 : -rte_errno;
}

static int
lpm_set(const struct rt_key *key, unsigned plen, uint32_t nh)
{
	return rte_lpm_add(lpm, key->hi >> 32, plen, nh);
}

static void
lpm_clear(const struct rt_key *key, unsigned plen, unsigned cover_plen, uint32_t cover_nh)
{
	rte_lpm_delete(lpm, key->hi >> 32, plen);
}

static void
lpm_lookup(const uint8_t *dsts, uint32_t *nh, unsigned n)
{
	const uint32_t *dst = (const uint32_t *)(const void *)dsts;
	uint32_t ip[64];

	for (unsigned i = 0; i < n; i++)
		ip[i] = ntohl(dst[i]);
	if (n == 1) {
		if (rte_lpm_lookup(lpm, ip[0], nh) != 0)
			nh[0] = 0;
		return;
	}
	rte_lpm_lookup_bulk(lpm, ip, nh, n);
	for (unsigned i = 0; i < n; i++)
		nh[i] = nh[i] & RTE_LPM_LOOKUP_SUCCESS ? nh[i] & 0xffffff : 0;
}

static void
lpm_lookup_sse(const uint8_t *dsts, uint32_t *nh, unsigned n)
{
	const __m128i swap = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
	unsigned i = 0;

	for (; i + 4 <= n; i += 4) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(dsts + 4 * i));

		rte_lpm_lookupx4(lpm, _mm_shuffle_epi8(v, swap), &nh[i], 0);
	}
	for (; i < n; i++)
		lpm_lookup(dsts + 4 * i, &nh[i], 1);
}

static size_t
lpm_memory(void)
{
	return (16u << 20) * 4 + TBL8_4 * 1024u;
}

static int
dir24_create(unsigned count)
{
	struct rte_fib_conf c = {.type = RTE_FIB_DIR24_8, .max_routes = 2 * count + 65536};

	c.dir24_8.nh_sz = RTE_FIB_DIR24_8_4B;
	c.dir24_8.num_tbl8 = TBL8_4 - 1;
	if (start() == 0)
		fib = rte_fib_create("fib", 0, &c);
	return fib != NULL ? 0 : -rte_errno;
}

static int
dir24_create_avx512(unsigned count)
{
	int error = dir24_create(count);

	rte_vect_set_max_simd_bitwidth(RTE_VECT_SIMD_512);
	return error != 0 ? error : rte_fib_select_lookup(fib, RTE_FIB_LOOKUP_DIR24_8_VECTOR_AVX512);
}

static int
dir24_set(const struct rt_key *key, unsigned plen, uint32_t nh)
{
	return rte_fib_add(fib, key->hi >> 32, plen, nh);
}

static void
dir24_clear(const struct rt_key *key, unsigned plen, unsigned cover_plen, uint32_t cover_nh)
{
	rte_fib_delete(fib, key->hi >> 32, plen);
}

static void
dir24_lookup(const uint8_t *dsts, uint32_t *nh, unsigned n)
{
	const uint32_t *dst = (const uint32_t *)(const void *)dsts;
	uint32_t ip[64];
	uint64_t r[64];

	for (unsigned i = 0; i < n; i++)
		ip[i] = ntohl(dst[i]);
	rte_fib_lookup_bulk(fib, ip, r, n);
	for (unsigned i = 0; i < n; i++)
		nh[i] = r[i];
}

static int
trie_create(unsigned count)
{
	struct rte_fib6_conf c = {.type = RTE_FIB6_TRIE, .max_routes = 2 * count + 65536};

	c.trie.nh_sz = RTE_FIB6_TRIE_4B;
	c.trie.num_tbl8 = TBL8_6;
	if (start() == 0)
		fib6 = rte_fib6_create("fib6", 0, &c);
	return fib6 != NULL ? 0 : -rte_errno;
}

static int
trie_create_avx512(unsigned count)
{
	int error = trie_create(count);

	rte_vect_set_max_simd_bitwidth(RTE_VECT_SIMD_512);
	return error != 0 ? error : rte_fib6_select_lookup(fib6, RTE_FIB6_LOOKUP_TRIE_VECTOR_AVX512);
}

static void
trie_ip(const struct rt_key *key, uint8_t ip[16])
{
	for (unsigned i = 0; i < 16; i++)
		ip[i] = rt_key_octet(key, i);
}

static int
trie_set(const struct rt_key *key, unsigned plen, uint32_t nh)
{
	uint8_t ip[16];

	trie_ip(key, ip);
	return rte_fib6_add(fib6, ip, plen, nh);
}

static void
trie_clear(const struct rt_key *key, unsigned plen, unsigned cover_plen, uint32_t cover_nh)
{
	uint8_t ip[16];

	trie_ip(key, ip);
	rte_fib6_delete(fib6, ip, plen);
}

static void
trie_lookup(const uint8_t *dsts, uint32_t *nh, unsigned n)
{
	uint64_t r[64];
	uint8_t ips[64][16];

	memcpy(ips, dsts, 16 * n);
	rte_fib6_lookup_bulk(fib6, ips, r, n);
	for (unsigned i = 0; i < n; i++)
		nh[i] = r[i];
}

static size_t
trie_memory(void)
{
	return (16u << 20) * 4ul + TBL8_6 * 1024ul;
}

const struct candidate candidate_lpm = {"lpm", 4, lpm_create, lpm_set, lpm_clear, lpm_lookup, lpm_memory};
const struct candidate candidate_lpm_sse = {"lpm-x4", 4, lpm_create, lpm_set, lpm_clear, lpm_lookup_sse, lpm_memory};
const struct candidate candidate_dir24 = {"dir24-8", 4, dir24_create, dir24_set, dir24_clear, dir24_lookup, lpm_memory};
const struct candidate candidate_dir24_avx512 = {
    "dir24-8-avx512", 4, dir24_create_avx512, dir24_set, dir24_clear, dir24_lookup, lpm_memory};
const struct candidate candidate_trie6 = {"rte-trie", 6, trie_create, trie_set, trie_clear, trie_lookup, trie_memory};
const struct candidate candidate_trie6_avx512 = {
    "rte-trie-avx512", 6, trie_create_avx512, trie_set, trie_clear, trie_lookup, trie_memory};
