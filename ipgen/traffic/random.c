/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flows drawn from the combinations of ranges without repetition, the same for the same seed.
 *
 * Where the combinations can be numbered, their numbers are permuted (a Feistel network over the next even power of two,
 * walked until the number is one of theirs): nothing is remembered.  Where there are 2^62 and more (IPv6), each range is
 * drawn from on its own and what was there already is drawn again.
 */
#include <stdlib.h>

#include "ipgen/traffic/private.h"

#define ROUNDS 6

static uint64_t
mix64(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

struct permutation {
	uint64_t n, mask; /* mask: half of the bits */
	unsigned half;
	uint64_t key[ROUNDS];
};

static void
permutation_init(struct permutation *p, uint64_t n, uint64_t seed)
{
	p->n = n;
	p->half = 1;
	while (UINT64_C(1) << 2 * p->half < n)
		p->half++;
	p->mask = (UINT64_C(1) << p->half) - 1;
	for (unsigned i = 0; i < ROUNDS; i++)
		p->key[i] = seed = mix64(seed + i);
}

static uint64_t
permutation_get(const struct permutation *p, uint64_t i)
{
	do {
		uint64_t l = i >> p->half, r = i & p->mask;

		for (unsigned k = 0; k < ROUNDS; k++) {
			uint64_t t = l ^ (mix64(r ^ p->key[k]) & p->mask);

			l = r;
			r = t;
		}
		i = l << p->half | r;
	} while (i >= p->n);
	return i;
}

/* The block that flow number *i belongs to; *i becomes its number there. */
static const struct flow_block *
block_of(const struct flow_blocks *l, const uint64_t *before, uint64_t *i)
{
	unsigned lo = 0, hi = l->n;

	while (hi - lo > 1) {
		unsigned mid = lo + (hi - lo) / 2;

		if (before[mid] <= *i)
			lo = mid;
		else
			hi = mid;
	}
	*i -= before[lo];
	return &l->block[lo];
}

static uint64_t
next(uint64_t *state)
{
	return mix64((*state)++);
}

static u128
draw(uint64_t *state, const u128 r[2])
{
	u128 n = r[1] - r[0] + 1, v = (u128)next(state) << 64;

	v |= next(state);
	return n == 0 ? v : r[0] + v % n; /* 0: all of 2^128 */
}

static unsigned
draw_port(uint64_t *state, const uint16_t r[2])
{
	return r[0] + (unsigned)(next(state) % (r[1] - r[0] + 1u));
}

/* Draws each part on its own; a set of the flows so far (open addressing, by number plus 1) finds what was there. */
static int
draw_flows(const struct flow_blocks *l, const uint64_t *before, uint64_t total, unsigned proto, uint64_t seed,
    struct flow *f, uint32_t n)
{
	uint64_t state = mix64(seed), mask = 1;
	uint32_t *set, k = 0;

	while (mask < 2 * (uint64_t)n)
		mask *= 2;
	set = calloc(mask, sizeof(*set));
	if (set == NULL)
		return -ENOMEM;
	mask--;
	while (k < n) {
		uint64_t pick = next(&state) % total, h = 0, w[5];
		const struct flow_block *b = block_of(l, before, &pick);
		u128 src = draw(&state, b->src), dst = draw(&state, b->dst);
		unsigned sport = draw_port(&state, b->sport);

		flow_make(&f[k], b->family, proto, src, dst, sport, draw_port(&state, b->dport));
		memcpy(w, &f[k], sizeof(w));
		for (unsigned i = 0; i < RTE_DIM(w); i++)
			h = mix64(h ^ w[i]);
		for (h &= mask; set[h] != 0; h = (h + 1) & mask)
			if (memcmp(&f[set[h] - 1], &f[k], sizeof(*f)) == 0)
				break;
		if (set[h] == 0)
			set[h] = ++k;
	}
	free(set);
	return 0;
}

int
flow_list_random(const struct flow_blocks *l, unsigned proto, uint64_t seed, struct flow *f, uint32_t n)
{
	uint64_t *before = calloc(l->n, sizeof(*before)), total = 0, shift = 0;
	struct permutation p;
	int rc = 0;

	if (before == NULL)
		return -ENOMEM;
	/* numbers stay below 2^62 also where the combinations are more: then they are weights only */
	if (l->count == COUNT_MAX)
		shift = 21;
	for (unsigned i = 0; i < l->n; i++) {
		before[i] = total;
		total += RTE_MAX(l->block[i].count >> shift, UINT64_C(1));
	}
	if (l->count == COUNT_MAX) {
		rc = draw_flows(l, before, total, proto, seed, f, n);
	} else {
		permutation_init(&p, total, seed);
		for (uint32_t i = 0; i < n; i++) {
			uint64_t k = permutation_get(&p, i);
			const struct flow_block *b = block_of(l, before, &k);

			block_flow(b, proto, k, &f[i]);
		}
	}
	free(before);
	return rc;
}
