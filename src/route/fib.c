/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIB: look-ups.
 *
 * Synchronization: workers only read; fib.h says what and how.
 * Lifetime: chunks are used again after a grace period.
 */
#include "route/fib.h"

#include <arpa/inet.h>
#include <endian.h>
#include <rte_prefetch.h>
#include <string.h>

#include "route/route.h"

/*
 * Steps are taken for all of a group at a time, so that the loads of different destinations overlap.  A destination
 * that is done goes on with the chunk at place 0, whose only value is 0, and keeps its result: no branch to guess.
 */
#define FIB_GROUP 16
#define FIB_TRIES 4 /* after that many the answer may mix two changes of one turn */

struct fib_view fib4_view;
struct fib_view fib6_view;

static inline uint32_t
fib_word(const _Atomic uint32_t *words, size_t place)
{
	return atomic_load_explicit(&words[place], memory_order_acquire);
}

static inline const char *
fib_chunk(const struct fib_view *v, uint32_t word)
{
	return v->chunks + (size_t)(word & FIB_PLACE) * 8;
}

/* A value of an array of words or of 16-bit indexes (of which two are read at once) */
static inline uint32_t
fib_value(const char *values, uint32_t i, uint32_t word)
{
	bool wide = (word & FIB_WIDE) != 0;
	uint32_t v = fib_word((const _Atomic uint32_t *)(const void *)values, wide ? i : i >> 1);

	return wide ? v : v >> (16 * (i & 1)) & 0xffff;
}

/* bits: of the address, those that are not decided yet left-aligned in the half that the chunk decides by */
static inline uint32_t
fib_inner(const char *chunk, uint64_t bits, uint32_t word)
{
	uint64_t map = atomic_load_explicit((const _Atomic uint64_t *)(const void *)chunk, memory_order_relaxed);

	/* The bits up to the address's own, shifted to the left end: at least bit 0 is set. */
	return fib_value(chunk + 8, __builtin_popcountll(map << (63 - (bits >> 58))) - 1, word);
}

static inline uint32_t
fib_leaf_n(const char *chunk)
{
	return atomic_load_explicit((const _Atomic uint32_t *)(const void *)chunk, memory_order_relaxed);
}

static inline bool
fib_leaf_above(const char *chunk, uint32_t i, uint64_t bits, bool key64)
{
	if (key64)
		return atomic_load_explicit(
			   &((const _Atomic uint64_t *)(const void *)chunk)[i], memory_order_relaxed) <= bits;
	return atomic_load_explicit(&((const _Atomic uint32_t *)(const void *)chunk)[i], memory_order_relaxed) <=
	       bits >> 32;
}

static uint32_t
fib_leaf(const char *chunk, uint64_t bits, uint32_t word)
{
	uint32_t n = fib_leaf_n(chunk), at = 0;
	bool key64 = (word & FIB_KEY64) != 0;

	for (uint32_t left = n; left > 1;) {
		uint32_t half = left / 2;

		at += fib_leaf_above(chunk, at + half, bits, key64) ? half : 0;
		left -= half;
	}
	return fib_value(chunk + (size_t)n * (key64 ? 8 : 4), at, word);
}

/* IPv4 */

static inline uint32_t
fib4_one(const struct fib_view *v, uint32_t dst)
{
	uint64_t bits = (uint64_t)dst << 32 << FIB4_ROOT;
	uint32_t w = fib_word(v->root, dst >> (32 - FIB4_ROOT));

	for (; w & FIB_CHILD; bits <<= FIB_STRIDE)
		w = fib_inner(fib_chunk(v, w), bits, w);
	return w != 0 ? w : fib_word(v->top, dst >> (32 - FIB4_TOP_BITS));
}

/* => worker or control */
uint32_t
fib_lookup4(uint32_t dst_network_order)
{
	const struct fib_view *v = &fib4_view;
	uint32_t dst = ntohl(dst_network_order), version, w;

	for (unsigned tries = 0; tries < FIB_TRIES; tries++) {
		version = fib_word(v->version, 0);
		w = fib4_one(v, dst);
		if (fib_word(v->version, 0) == version)
			break;
	}
	return w;
}

/* n <= FIB_GROUP; a constant where it is inlined */
static inline void
fib4_group(const struct fib_view *v, const uint32_t *dst_network_order, uint32_t *nh, unsigned n)
{
	uint32_t dst[FIB_GROUP], w[FIB_GROUP], any = 0;

	for (unsigned k = 0; k < n; k++) {
		dst[k] = ntohl(dst_network_order[k]);
		w[k] = fib_word(v->root, dst[k] >> (32 - FIB4_ROOT));
		rte_prefetch0(fib_chunk(v, w[k]));
		any |= w[k];
	}
	for (unsigned shift = 32 + FIB4_ROOT; any & FIB_CHILD; shift += FIB_STRIDE) {
		any = 0;
		for (unsigned k = 0; k < n; k++) {
			uint32_t child = w[k] & FIB_CHILD;
			uint32_t place = child ? w[k] : 0;
			uint32_t next = fib_inner(fib_chunk(v, place), (uint64_t)dst[k] << shift, place);

			w[k] = child ? next : w[k];
			any |= w[k];
		}
	}
	for (unsigned k = 0; k < n; k++) {
		uint32_t top = fib_word(v->top, dst[k] >> (32 - FIB4_TOP_BITS));

		nh[k] = w[k] != 0 ? w[k] : top;
	}
}

/* => worker or control; n destinations in network order */
void
fib_lookup4_vec(const uint32_t *dst, uint32_t *nh, unsigned n)
{
	const struct fib_view *v = &fib4_view;
	uint32_t version;

	for (; n >= FIB_GROUP; n -= FIB_GROUP, dst += FIB_GROUP, nh += FIB_GROUP)
		for (unsigned tries = 0; tries < FIB_TRIES; tries++) {
			version = fib_word(v->version, 0);
			fib4_group(v, dst, nh, FIB_GROUP);
			if (fib_word(v->version, 0) == version)
				break;
		}
	for (; n >= 4; n -= 4, dst += 4, nh += 4)
		for (unsigned tries = 0; tries < FIB_TRIES; tries++) {
			version = fib_word(v->version, 0);
			fib4_group(v, dst, nh, 4);
			if (fib_word(v->version, 0) == version)
				break;
		}
	for (unsigned k = 0; k < n; k++)
		nh[k] = fib_lookup4(dst[k]);
}

/* IPv6 */

static inline uint64_t
fib_half(const struct in6_addr *a, unsigned i)
{
	uint64_t h;

	memcpy(&h, &a->s6_addr[8 * i], 8);
	return be64toh(h);
}

static inline uint32_t
fib6_root(uint64_t hi)
{
	uint32_t inside = FIB6_OUTSIDE + (uint32_t)(hi >> (64 - FIB6_ROOT) & (FIB6_NROOT - FIB6_OUTSIDE - 1));

	return hi >> 61 == 1 ? inside : (uint32_t)(hi >> 48);
}

static inline unsigned
fib6_root_bits(uint64_t hi)
{
	return hi >> 61 == 1 ? FIB6_ROOT : FIB6_TOP_BITS;
}

/* What follows the root's word of one address */
static uint32_t
fib6_walk(const struct fib_view *v, uint32_t w, uint64_t hi, uint64_t lo)
{
	uint64_t bits = hi << fib6_root_bits(hi);

	for (bool upper = true; w & FIB_CHILD;) {
		uint32_t child = w;

		if (upper && (w & FIB_LO)) {
			upper = false;
			bits = lo;
		}
		if (child & FIB_LEAF) {
			w = fib_leaf(fib_chunk(v, child), bits, child);
		} else {
			w = fib_inner(fib_chunk(v, child), bits, child);
			bits <<= FIB_STRIDE;
		}
	}
	return w;
}

/* => worker or control */
uint32_t
fib_lookup6(const struct in6_addr *dst)
{
	const struct fib_view *v = &fib6_view;
	uint64_t hi = fib_half(dst, 0), lo = fib_half(dst, 1);
	uint32_t version, w;

	for (unsigned tries = 0; tries < FIB_TRIES; tries++) {
		version = fib_word(v->version, 0);
		w = fib6_walk(v, fib_word(v->root, fib6_root(hi)), hi, lo);
		if (w == 0)
			w = fib_word(v->top, hi >> (64 - FIB6_TOP_BITS));
		if (fib_word(v->version, 0) == version)
			break;
	}
	return w;
}

struct fib6_lane {
	uint64_t bits;
	uint32_t at, left;
};

/* Binary searches of all of a group in step; those that search no leaf of this kind have nothing left to halve. */
static inline void
fib6_search(const struct fib_view *v, struct fib6_lane *l, const uint32_t *w, unsigned n, uint32_t kind)
{
	const uint32_t mask = FIB_CHILD | FIB_LEAF | FIB_LO | FIB_KEY64;
	const char *chunk[FIB_GROUP];
	uint32_t most = 0;

	for (unsigned k = 0; k < n; k++) {
		bool mine = (w[k] & mask) == kind;

		chunk[k] = fib_chunk(v, mine ? w[k] : 0);
		l[k].left = mine ? fib_leaf_n(chunk[k]) : 1;
		l[k].at = mine ? 0 : l[k].at;
		most = l[k].left > most ? l[k].left : most;
	}
	for (; most > 1; most -= most / 2) {
		for (unsigned k = 0; k < n; k++) {
			uint32_t half = l[k].left / 2;
			uint32_t probe = half != 0 ? l[k].at + half : 0;
			bool above = fib_leaf_above(chunk[k], probe, l[k].bits, kind & FIB_KEY64);

			l[k].at += above ? half : 0;
			l[k].left -= half;
		}
	}
}

/* Decides by one half of the addresses: inner chunks, as many as there are, then a leaf. */
static inline uint32_t
fib6_half(const struct fib_view *v, struct fib6_lane *l, uint32_t *w, unsigned n, uint32_t half)
{
	const uint32_t mask = FIB_CHILD | FIB_LEAF | FIB_LO;
	uint32_t any, inner, leaf64;

	do {
		inner = leaf64 = any = 0;
		for (unsigned k = 0; k < n; k++) {
			bool mine = (w[k] & mask) == (FIB_CHILD | half);
			uint32_t place = mine ? w[k] : 0;
			uint32_t next = fib_inner(fib_chunk(v, place), l[k].bits, place);

			w[k] = mine ? next : w[k];
			l[k].bits <<= mine ? FIB_STRIDE : 0;
			rte_prefetch0(fib_chunk(v, w[k]));
			inner |= (w[k] & mask) == (FIB_CHILD | half);
			any |= (w[k] & mask) == (FIB_CHILD | FIB_LEAF | half);
			leaf64 |= w[k] & FIB_CHILD ? w[k] & FIB_KEY64 : 0;
		}
	} while (inner);
	if (any) {
		fib6_search(v, l, w, n, FIB_CHILD | FIB_LEAF | half);
		if (leaf64)
			fib6_search(v, l, w, n, FIB_CHILD | FIB_LEAF | FIB_KEY64 | half);
		for (unsigned k = 0; k < n; k++) {
			bool mine = (w[k] & mask) == (FIB_CHILD | FIB_LEAF | half);
			const char *chunk = fib_chunk(v, mine ? w[k] : 0);
			size_t keys = (size_t)fib_leaf_n(chunk) * (w[k] & FIB_KEY64 ? 8 : 4);
			uint32_t value = fib_value(mine ? chunk + keys : chunk, mine ? l[k].at : 0, w[k]);

			w[k] = mine ? value : w[k];
		}
	}
	any = 0;
	for (unsigned k = 0; k < n; k++)
		any |= w[k];
	return any & FIB_CHILD;
}

static inline void
fib6_group(const struct fib_view *v, const struct in6_addr *const *dst, uint32_t *nh, unsigned n)
{
	uint32_t w[FIB_GROUP], any = 0;
	struct fib6_lane l[FIB_GROUP];

	for (unsigned k = 0; k < n; k++) {
		uint64_t hi = fib_half(dst[k], 0);

		w[k] = fib_word(v->root, fib6_root(hi));
		rte_prefetch0(fib_chunk(v, w[k]));
		l[k].bits = hi << fib6_root_bits(hi);
		any |= w[k];
	}
	if ((any & FIB_CHILD) && fib6_half(v, l, w, n, 0)) {
		for (unsigned k = 0; k < n; k++)
			l[k].bits = fib_half(dst[k], 1);
		(void)fib6_half(v, l, w, n, FIB_LO);
	}
	for (unsigned k = 0; k < n; k++) {
		uint32_t top = fib_word(v->top, fib_half(dst[k], 0) >> (64 - FIB6_TOP_BITS));

		nh[k] = w[k] != 0 ? w[k] : top;
	}
}

/* => worker or control; n destinations */
void
fib_lookup6_vec(const struct in6_addr *const *dst, uint32_t *nh, unsigned n)
{
	const struct fib_view *v = &fib6_view;
	uint32_t version;

	for (; n >= FIB_GROUP; n -= FIB_GROUP, dst += FIB_GROUP, nh += FIB_GROUP)
		for (unsigned tries = 0; tries < FIB_TRIES; tries++) {
			version = fib_word(v->version, 0);
			fib6_group(v, dst, nh, FIB_GROUP);
			if (fib_word(v->version, 0) == version)
				break;
		}
	for (; n >= 4; n -= 4, dst += 4, nh += 4)
		for (unsigned tries = 0; tries < FIB_TRIES; tries++) {
			version = fib_word(v->version, 0);
			fib6_group(v, dst, nh, 4);
			if (fib_word(v->version, 0) == version)
				break;
		}
	for (unsigned k = 0; k < n; k++)
		nh[k] = fib_lookup6(dst[k]);
}
