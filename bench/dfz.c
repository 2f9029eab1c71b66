/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing tables with the mix of prefix lengths of the default-free zone.
 *
 * The shares of the lengths are approximations of the tables of 2024 (doc/benchmarks.md).  Where prefixes lie follows a
 * model: a number of regions is allocated (IPv4: /16s of the unicast /8s; IPv6: /32s in the blocks of the registries)
 * and each has a weight with a long tail; a prefix longer than a region is put into a region drawn by weight, half the
 * time beside the one before it, so that prefixes come in runs and nest as in real tables.
 */
#include "dfz.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct share {
	uint8_t plen;
	uint16_t share; /* of 10,000 */
};

static const struct share share4[] = {{8, 1}, {9, 1}, {10, 1}, {11, 1}, {12, 3}, {13, 6}, {14, 12}, {15, 21}, {16, 135},
    {17, 83}, {18, 137}, {19, 250}, {20, 450}, {21, 510}, {22, 1130}, {23, 1010}, {24, 6199}, {25, 6}, {26, 6}, {27, 6},
    {28, 6}, {29, 8}, {30, 8}, {32, 10}};
static const struct share share6[] = {{20, 1}, {22, 1}, {24, 2}, {26, 2}, {28, 30}, {29, 240}, {30, 40}, {31, 25},
    {32, 1130}, {33, 210}, {34, 210}, {35, 90}, {36, 560}, {37, 60}, {38, 150}, {39, 70}, {40, 850}, {41, 60},
    {42, 240}, {43, 80}, {44, 1000}, {45, 150}, {46, 270}, {47, 230}, {48, 4240}, {56, 15}, {64, 29}, {127, 5},
    {128, 10}};

/* What registries hand out of, with their weights in the tables */
static const struct {
	uint64_t hi;
	uint8_t plen;
	uint8_t weight;
} rir6[] = {{0x2001000000000000, 16, 10}, {0x2400000000000000, 12, 24}, {0x2600000000000000, 12, 18},
    {0x2620000000000000, 23, 4}, {0x2800000000000000, 12, 14}, {0x2a00000000000000, 12, 27},
    {0x2c00000000000000, 12, 3}};

struct model {
	const struct share *shares;
	unsigned nshares;
	unsigned region_plen;
	unsigned nregions;
	uint64_t *regions;
	double *weights; /* cumulative */
	uint64_t rnd;
	unsigned family;
	struct dfz_route *set; /* hash table, plen 255: empty */
	uint64_t mask;
};

static uint64_t
top(unsigned plen)
{
	return plen == 0 ? 0 : plen >= 64 ? ~0ull : ~0ull << (64 - plen);
}

static void
mask(struct dfz_route *r)
{
	r->hi &= top(r->plen);
	r->lo &= r->plen <= 64 ? 0 : top(r->plen - 64);
}

static bool
set_add(struct model *m, const struct dfz_route *r)
{
	uint64_t h = r->hi * 0x9E3779B97F4A7C15ull ^ r->lo * 0xC2B2AE3D27D4EB4Full ^ r->plen * 0x165667B19E3779F9ull;

	for (h ^= h >> 31;; h++) {
		struct dfz_route *e = &m->set[h & m->mask];

		if (e->plen == 255) {
			*e = *r;
			return true;
		}
		if (e->hi == r->hi && e->lo == r->lo && e->plen == r->plen)
			return false;
	}
}

static double
unit(struct model *m)
{
	return (dfz_random(&m->rnd) >> 11) * 0x1p-53;
}

static uint64_t
region4(struct model *m)
{
	for (;;) {
		/* Some /8s are full of routes, others hardly used: the product of two makes low ones more likely. */
		unsigned o = 1 + (dfz_random(&m->rnd) % 223), used = (o * 2654435761u >> 24) + 32;

		if (o == 10 || o == 127 || dfz_random(&m->rnd) % 288 >= used)
			continue;
		return (uint64_t)o << 56 | (dfz_random(&m->rnd) & 255) << 48;
	}
}

static uint64_t
region6(struct model *m)
{
	unsigned w = dfz_random(&m->rnd) % 100, i = 0;
	uint64_t place;

	while (w >= rir6[i].weight)
		w -= rir6[i++].weight;
	/* Blocks are filled from the front, each allocation a /29 apart, so that it can grow. */
	place = dfz_random(&m->rnd) % (1u << 17) * dfz_random(&m->rnd) % (1u << 17);
	place = place << 35 | (dfz_random(&m->rnd) % 4 == 0 ? dfz_random(&m->rnd) % 8 : 0) << 32;
	return rir6[i].hi | (place & ~top(rir6[i].plen));
}

static bool
model_regions(struct model *m, unsigned count)
{
	double sum = 0;

	m->nregions = m->family == 4 ? 2000 + count / 16 : 2000 + count / 6;
	if (m->family == 4 && m->nregions > 60000)
		m->nregions = 60000;
	m->regions = calloc(m->nregions, sizeof(*m->regions));
	m->weights = calloc(m->nregions, sizeof(*m->weights));
	if (m->regions == NULL || m->weights == NULL)
		return false;
	for (unsigned i = 0; i < m->nregions; i++) {
		double u = unit(m) + 0.02;

		m->regions[i] = m->family == 4 ? region4(m) : region6(m);
		sum += 1 / u;
		m->weights[i] = sum;
	}
	return true;
}

static uint64_t
region_draw(struct model *m)
{
	double x = unit(m) * m->weights[m->nregions - 1];
	unsigned lo = 0, hi = m->nregions - 1;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (m->weights[mid] < x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return m->regions[lo];
}

/* The next candidate of a length: beside the last one, or anywhere in a region. */
static void
draw(struct model *m, struct dfz_route *r, unsigned plen)
{
	unsigned region = m->family == 4 ? 16 : 32;

	if (r->plen == plen && plen > region && plen <= 64 && dfz_random(&m->rnd) % 2 == 0) {
		uint64_t next = r->hi + (1ull << (64 - plen));

		if (((next ^ r->hi) & top(region)) == 0) {
			r->hi = next;
			return;
		}
	}
	r->plen = plen;
	r->hi = region_draw(m);
	r->lo = 0;
	if (m->family == 4) {
		r->hi |= dfz_random(&m->rnd) & ~top(16) & top(32);
	} else {
		/* Plans use few values of the upper digits, and the lower ones rarely. */
		uint64_t low = dfz_random(&m->rnd) & ~top(32) & top(64);

		if (dfz_random(&m->rnd) % 2 == 0)
			low &= 0xf0ffull << 16 | 0xffff;
		r->hi |= low;
		r->lo = dfz_random(&m->rnd);
	}
	mask(r);
}

static bool
fill(struct model *m, struct dfz_route *routes, unsigned count)
{
	struct dfz_route last = {.plen = 255};
	unsigned done = 0, tries = 0, given = 0;

	/* Shares first, what rounding leaves goes to the most frequent length. */
	for (unsigned i = 0; i <= m->nshares; i++) {
		unsigned best = m->family == 4 ? 24 : 48;
		unsigned plen = i < m->nshares ? m->shares[i].plen : best;
		unsigned want = i < m->nshares ? (uint64_t)count * m->shares[i].share / 10000 : count - given;

		if (m->family == 4 && plen < 12 && want > (1u << (plen - 1)) / 4)
			want = (1u << (plen - 1)) / 4;
		given += want;
		while (want > 0) {
			draw(m, &last, plen);
			if (!set_add(m, &last)) {
				if (++tries > 64u * count + 100000)
					return false;
				continue;
			}
			routes[done++] = last;
			want--;
		}
	}
	return true;
}

static void
next_hops(struct dfz_route *routes, int family, unsigned count, uint64_t seed, unsigned nnh, bool near)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t s = seed ^ 0x6e68, place = routes[i].hi >> (family == 4 ? 44 : 28) ^ seed << 40;
		uint64_t own;

		s += routes[i].hi * 31 + routes[i].lo * 17 + routes[i].plen;
		own = dfz_random(&s);
		routes[i].nh = (near && own >> 33 & 3 ? dfz_random(&place) >> 32 : own & 0x7fffffff) % nnh;
	}
}

unsigned
dfz_max(int family)
{
	return family == 4 ? 2000000 : 2000000;
}

struct dfz_route *
dfz_routes(int family, unsigned count, uint64_t seed, unsigned nnh, bool near)
{
	struct model m = {.family = family, .rnd = seed * 0x9E3779B97F4A7C15ull + family};
	struct dfz_route *routes = NULL;
	uint64_t size = 1024;

	m.shares = family == 4 ? share4 : share6;
	m.nshares = family == 4 ? sizeof(share4) / sizeof(share4[0]) : sizeof(share6) / sizeof(share6[0]);
	while (size < 2ull * count)
		size *= 2;
	m.mask = size - 1;
	m.set = malloc(size * sizeof(*m.set));
	if (m.set == NULL || count > dfz_max(family) || !model_regions(&m, count))
		goto out;
	for (uint64_t i = 0; i < size; i++)
		m.set[i].plen = 255;
	routes = calloc(count + 1, sizeof(*routes));
	if (routes == NULL)
		goto out;
	if (!fill(&m, routes, count)) {
		free(routes);
		routes = NULL;
		goto out;
	}
	for (unsigned i = count; i > 1; i--) {
		unsigned k = dfz_random(&m.rnd) % i;
		struct dfz_route r = routes[k];

		routes[k] = routes[i - 1];
		routes[i - 1] = r;
	}
	next_hops(routes, family, count, seed, nnh, near);
out:
	free(m.set);
	free(m.regions);
	free(m.weights);
	return routes;
}

uint8_t *
dfz_dsts(int family, const struct dfz_route *routes, unsigned count, uint64_t seed, unsigned n)
{
	struct model m = {.family = family, .rnd = seed * 0x9E3779B97F4A7C15ull + 0x647374 + family};
	unsigned octets = family == 4 ? 4 : 16, tries = 0;
	uint8_t *dsts = calloc((size_t)n + 1, octets);
	uint64_t size = 1024;

	while (size < 2ull * n)
		size *= 2;
	m.mask = size - 1;
	m.set = malloc(size * sizeof(*m.set));
	if (dsts == NULL || m.set == NULL || count == 0) {
		free(dsts);
		free(m.set);
		return NULL;
	}
	for (uint64_t i = 0; i < size; i++)
		m.set[i].plen = 255;
	for (unsigned i = 0; i < n;) {
		struct dfz_route a = routes[dfz_random(&m.rnd) % count];
		uint64_t hi, lo;

		a.hi |= dfz_random(&m.rnd) & ~top(a.plen);
		a.lo |= dfz_random(&m.rnd) & ~(a.plen <= 64 ? 0 : top(a.plen - 64));
		if (family == 4) {
			a.hi &= top(32);
			a.lo = 0;
		}
		a.plen = 128;
		if (!set_add(&m, &a) && ++tries < 4 * n)
			continue;
		hi = htobe64(a.hi);
		lo = htobe64(a.lo);
		memcpy(dsts + (size_t)i * octets, &hi, family == 4 ? 4 : 8);
		if (family == 6)
			memcpy(dsts + (size_t)i * octets + 8, &lo, 8);
		i++;
	}
	free(m.set);
	return dsts;
}

char *
dfz_text(int family, const struct dfz_route *r, char *buf)
{
	uint64_t a[2] = {htobe64(r->hi), htobe64(r->lo)};
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family == 4 ? AF_INET : AF_INET6, a, text, sizeof(text));
	snprintf(buf, 50, "%s/%u", text, r->plen);
	return buf;
}
