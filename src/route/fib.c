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
#define FIB_KIND  (FIB_CHILD | FIB_LEAF | FIB_LO)
#define FIB_TRIES 16 /* after that many the answer may mix two changes of one turn */

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
fib_leaf_word(const char *chunk, uint32_t i)
{
	return atomic_load_explicit(&((const _Atomic uint32_t *)(const void *)chunk)[i], memory_order_relaxed);
}

/* The step of a binary search among left words from at on; with one left it does nothing. */
static inline void
fib_leaf_step(const char *chunk, uint32_t *at, uint32_t *left, uint32_t key)
{
	uint32_t half = *left / 2;

	*at += half & -(uint32_t)(fib_leaf_word(chunk, *at + half) <= key);
	*left -= half;
}

static inline uint32_t
fib_leaf_value(const char *chunk, uint32_t at, uint32_t word)
{
	return fib_value(chunk + 4 * (size_t)fib_leaf_word(chunk, 0), at, word);
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

	for (uint32_t half = 0; w & FIB_CHILD;) {
		const char *chunk = fib_chunk(v, w);

		if ((w & FIB_LO) != half) {
			half = FIB_LO;
			bits = lo;
		}
		if (w & FIB_LEAF) {
			uint32_t at = 0, left = fib_leaf_word(chunk, 0);

			while (left > 1)
				fib_leaf_step(chunk, &at, &left, bits >> 32);
			w = fib_leaf_value(chunk, at, w);
			bits <<= FIB_REACH;
		} else {
			w = fib_inner(chunk, bits, w);
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

/* True if any of the words names a chunk of this kind */
static inline bool
fib6_any(const uint32_t *w, unsigned n, uint32_t kind)
{
	bool any = false;

	for (unsigned k = 0; k < n; k++)
		any |= (w[k] & FIB_KIND) == kind;
	return any;
}

static inline void
fib6_inner(const struct fib_view *v, uint64_t *bits, uint32_t *w, unsigned n, uint32_t kind)
{
	for (unsigned k = 0; k < n; k++) {
		uint32_t mine = -(uint32_t)((w[k] & FIB_KIND) == kind);
		uint32_t place = w[k] & mine, next = fib_inner(fib_chunk(v, place), bits[k], place);

		w[k] = (w[k] & ~mine) | (next & mine);
		bits[k] <<= FIB_STRIDE & mine;
		rte_prefetch0(fib_chunk(v, w[k]));
	}
}

static inline void
fib6_leaf(const struct fib_view *v, uint64_t *bits, uint32_t *w, unsigned n, uint32_t kind)
{
	const char *chunk[FIB_GROUP];
	uint32_t at[FIB_GROUP], left[FIB_GROUP], key[FIB_GROUP], most = 0;

	for (unsigned k = 0; k < n; k++) {
		uint32_t mine = -(uint32_t)((w[k] & FIB_KIND) == kind);

		chunk[k] = fib_chunk(v, w[k] & mine);
		at[k] = 0;
		left[k] = fib_leaf_word(chunk[k], 0);
		key[k] = bits[k] >> 32;
		most = left[k] > most ? left[k] : most;
	}
	for (; most > 1; most -= most / 2)
		for (unsigned k = 0; k < n; k++)
			fib_leaf_step(chunk[k], &at[k], &left[k], key[k]);
	for (unsigned k = 0; k < n; k++) {
		uint32_t mine = -(uint32_t)((w[k] & FIB_KIND) == kind);
		uint32_t next = fib_leaf_value(chunk[k], at[k], w[k] & mine);

		w[k] = (w[k] & ~mine) | (next & mine);
		bits[k] = mine ? bits[k] << FIB_REACH : bits[k];
	}
}

/* Decides by one half of the addresses; true if the other one is asked for. */
static inline bool
fib6_half(const struct fib_view *v, uint64_t *bits, uint32_t *w, unsigned n, uint32_t half)
{
	uint32_t any = 0;

	do {
		while (fib6_any(w, n, FIB_CHILD | half))
			fib6_inner(v, bits, w, n, FIB_CHILD | half);
		if (fib6_any(w, n, FIB_CHILD | FIB_LEAF | half))
			fib6_leaf(v, bits, w, n, FIB_CHILD | FIB_LEAF | half);
	} while (fib6_any(w, n, FIB_CHILD | half) || fib6_any(w, n, FIB_CHILD | FIB_LEAF | half));
	for (unsigned k = 0; k < n; k++)
		any |= w[k];
	return (any & FIB_CHILD) != 0;
}

static inline void
fib6_group(const struct fib_view *v, const struct in6_addr *const *dst, uint32_t *nh, unsigned n)
{
	uint32_t w[FIB_GROUP], any = 0;
	uint64_t bits[FIB_GROUP];

	for (unsigned k = 0; k < n; k++) {
		uint64_t hi = fib_half(dst[k], 0);

		w[k] = fib_word(v->root, fib6_root(hi));
		rte_prefetch0(fib_chunk(v, w[k]));
		bits[k] = hi << fib6_root_bits(hi);
		any |= w[k];
	}
	if ((any & FIB_CHILD) && fib6_half(v, bits, w, n, 0)) {
		for (unsigned k = 0; k < n; k++)
			bits[k] = fib_half(dst[k], 1);
		(void)fib6_half(v, bits, w, n, FIB_LO);
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
