/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIB: look-ups of IPv6.
 *
 * Of a vector all destinations take a step before any takes the next one, and what the next one reads is prefetched.
 * Lists say which of them take a step of a kind, so that nothing is guessed but the lists' ends.
 *
 * Synchronization: workers only read; fib.h says what and how.
 * Lifetime: chunks are used again after a grace period.
 */
#include <endian.h>
#include <rte_branch_prediction.h>
#include <rte_prefetch.h>
#include <string.h>

#include "route/fib_read.h"
#include "route/route.h"

#ifdef __SSE4_1__
#include <immintrin.h>
#endif

#define FIB6_VEC  64
#define FIB6_WIDE 16 /* wide leaves that are searched at a time */

struct fib_view fib6_view;

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

/* Leaves.  Searches count how many of a line's keys are not above what is looked for. */

#ifdef __SSE4_1__
static inline uint32_t
fib_line_count16(const char *line, uint32_t x, uint32_t mask)
{
	const __m128i *p = (const __m128i *)(const void *)line, v = _mm_set1_epi16((short)x);
	__m128i a = _mm_load_si128(p), b = _mm_load_si128(p + 1);

	a = _mm_cmpeq_epi16(_mm_min_epu16(a, v), a);
	b = _mm_cmpeq_epi16(_mm_min_epu16(b, v), b);
	return __builtin_popcount(_mm_movemask_epi8(_mm_packs_epi16(a, b)) & mask);
}

static inline uint32_t
fib_line_count32(const char *line, uint32_t x, uint32_t mask)
{
	const __m128i *p = (const __m128i *)(const void *)line, v = _mm_set1_epi32((int)x);
	__m128i a = _mm_load_si128(p), b = _mm_load_si128(p + 1), c = _mm_load_si128(p + 2), d = _mm_load_si128(p + 3);

	a = _mm_packs_epi32(_mm_cmpeq_epi32(_mm_min_epu32(a, v), a), _mm_cmpeq_epi32(_mm_min_epu32(b, v), b));
	c = _mm_packs_epi32(_mm_cmpeq_epi32(_mm_min_epu32(c, v), c), _mm_cmpeq_epi32(_mm_min_epu32(d, v), d));
	return __builtin_popcount(_mm_movemask_epi8(_mm_packs_epi16(a, c)) & mask);
}
#else
static inline uint32_t
fib_line_count16(const char *line, uint32_t x, uint32_t mask)
{
	const uint16_t *p = (const uint16_t *)(const void *)line;
	uint32_t n = 0;

	for (unsigned i = 0; i < 16; i++)
		n += (p[i] <= x) & mask >> i;
	return n;
}

static inline uint32_t
fib_line_count32(const char *line, uint32_t x, uint32_t mask)
{
	const uint32_t *p = (const uint32_t *)(const void *)line;
	uint32_t n = 0;

	for (unsigned i = 0; i < 16; i++)
		n += (p[i] <= x) & mask >> i;
	return n;
}
#endif

/* The block of a leaf of several that decides by key */
static inline const char *
fib_leaf_block(const char *chunk, uint32_t key)
{
	uint32_t n = *(const uint16_t *)(const void *)chunk, at = fib_line_count32(chunk, key, 0xfffe);

	return chunk + (size_t)FIB_LINE * (1 + (at < n ? at : n - 1));
}

/* The value in a block: a next hop, or with FIB_REF the place of a word behind the blocks */
static inline uint32_t
fib_block_value(const char *block, uint32_t key)
{
	const uint16_t *half = (const uint16_t *)(const void *)block;
	uint32_t base = *(const uint32_t *)(const void *)block, n = half[2] & 255, shift = half[2] >> 8;
	uint32_t in = key >= base, x = (key - base) >> shift;

	/* The keys are above 0. */
	x = x < 0xffff ? x : 0xffff;
	x &= -in;
	return half[1 + n + in + fib_line_count16(block, x, (2u << n) - 8)];
}

/* The word behind the blocks; chunk and word: the leaf and what names it */
static inline uint32_t
fib_leaf_ref(const char *chunk, uint32_t word, uint32_t value)
{
	uint32_t n = ((const uint16_t *)(const void *)chunk)[word & FIB_DEEP ? 0 : 2] & 255;
	size_t octets = word & FIB_DEEP ? (size_t)FIB_LINE * (1 + n) : n <= FIB_SMALL_RUNS ? FIB_LINE / 2 : FIB_LINE;

	return fib_word((const _Atomic uint32_t *)(const void *)(chunk + octets), value & ~FIB_REF);
}

static inline uint32_t
fib_leaf(const char *chunk, uint64_t bits, uint32_t word)
{
	uint32_t key = bits >> 32;
	uint32_t value = fib_block_value(word & FIB_DEEP ? fib_leaf_block(chunk, key) : chunk, key);

	return value & FIB_REF ? fib_leaf_ref(chunk, word, value) : value;
}

/* Wide leaves */

static inline uint32_t
fib_wide_word(const char *chunk, uint32_t i)
{
	return atomic_load_explicit(&((const _Atomic uint32_t *)(const void *)chunk)[i], memory_order_relaxed);
}

/* The step of a binary search among left words from at on; with one left it does nothing. */
static inline void
fib_wide_step(const char *chunk, uint32_t *at, uint32_t *left, uint32_t key)
{
	uint32_t half = *left / 2;

	*at += half & -(uint32_t)(fib_wide_word(chunk, *at + half) <= key);
	*left -= half;
}

static inline uint32_t
fib_wide_value(const char *chunk, uint32_t at)
{
	return fib_word((const _Atomic uint32_t *)(const void *)chunk, fib_wide_word(chunk, 0) + at);
}

static inline uint32_t
fib_wide(const char *chunk, uint64_t bits)
{
	uint32_t at = 0, left = fib_wide_word(chunk, 0);

	while (left > 1)
		fib_wide_step(chunk, &at, &left, bits >> 32);
	return fib_wide_value(chunk, at);
}

/* One address */

/* What is not decided after a step from old to word: at the end of the upper half all of the lower one */
static inline uint64_t
fib6_bits(uint64_t bits, uint32_t old, uint32_t word, unsigned step, const struct in6_addr *dst)
{
	if (unlikely(word & ~old & FIB_LO))
		return fib_half(dst, 1);
	return bits << step;
}

/* => worker or control */
uint32_t
fib_lookup6(const struct in6_addr *dst)
{
	const struct fib_view *v = &fib6_view;
	uint64_t hi = fib_half(dst, 0), bits;
	uint32_t version, w, old;

	for (unsigned tries = 0; tries < FIB_TRIES; tries++) {
		version = fib_word(v->version, 0);
		w = fib_word(v->root, fib6_root(hi));
		bits = hi << fib6_root_bits(hi);
		while (w & FIB_CHILD) {
			const char *chunk = fib_chunk(v, w);

			old = w;
			if (w & FIB_LEAF) {
				w = w & FIB_WIDE ? fib_wide(chunk, bits) : fib_leaf(chunk, bits, w);
				bits = fib6_bits(bits, old, w, FIB_REACH, dst);
			} else {
				w = fib_inner(chunk, bits, w);
				bits = fib6_bits(bits, old, w, FIB_STRIDE, dst);
			}
		}
		if (w == 0)
			w = fib_word(v->top, hi >> (64 - FIB6_TOP_BITS));
		if (fib_word(v->version, 0) == version)
			break;
	}
	return w;
}

/* A vector */

struct fib6_run {
	const struct fib_view *v;
	const struct in6_addr *const *dst;
	uint64_t bits[FIB6_VEC];     /* of the address, left-aligned: what is not decided yet */
	const char *chunk[FIB6_VEC]; /* of a leaf, the block that decides */
	uint16_t active[FIB6_VEC];   /* destinations that are not done */
	uint16_t list[FIB6_VEC];
	uint16_t leaf[FIB6_VEC];
};

static inline bool
fib6_is(uint32_t word, uint32_t mask, uint32_t kind)
{
	return (word & (FIB_CHILD | mask)) == (FIB_CHILD | kind);
}

static inline void
fib6_inners(struct fib6_run *r, uint32_t *w, unsigned n)
{
	unsigned m = 0;

	for (unsigned i = 0; i < n; i++) {
		r->list[m] = r->active[i];
		m += fib6_is(w[r->active[i]], FIB_LEAF, 0);
	}
	while (m > 0) {
		unsigned left = 0;

		for (unsigned i = 0; i < m; i++) {
			unsigned k = r->list[i];
			uint32_t word = fib_inner(fib_chunk(r->v, w[k]), r->bits[k], w[k]);

			r->bits[k] = fib6_bits(r->bits[k], w[k], word, FIB_STRIDE, r->dst[k]);
			rte_prefetch0(fib_chunk(r->v, word));
			w[k] = word;
			r->list[left] = k;
			left += fib6_is(word, FIB_LEAF, 0);
		}
		m = left;
	}
}

static __attribute__((noinline)) void
fib6_wides(struct fib6_run *r, uint32_t *w, const uint16_t *list, unsigned n)
{
	const char *chunk[FIB6_WIDE];
	uint32_t at[FIB6_WIDE], left[FIB6_WIDE], key[FIB6_WIDE], most = 0;

	for (unsigned i = 0; i < n; i++) {
		chunk[i] = fib_chunk(r->v, w[list[i]]);
		at[i] = 0;
		left[i] = fib_wide_word(chunk[i], 0);
		key[i] = r->bits[list[i]] >> 32;
		most = left[i] > most ? left[i] : most;
	}
	for (; most > 1; most -= most / 2)
		for (unsigned i = 0; i < n; i++)
			fib_wide_step(chunk[i], &at[i], &left[i], key[i]);
	for (unsigned i = 0; i < n; i++) {
		unsigned k = list[i];
		uint32_t word = fib_wide_value(chunk[i], at[i]);

		r->bits[k] = fib6_bits(r->bits[k], w[k], word, FIB_REACH, r->dst[k]);
		w[k] = word;
	}
}

static inline void
fib6_leaves(struct fib6_run *r, uint32_t *w, unsigned n)
{
	unsigned deep = 0, leaves = 0, wide = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned k = r->active[i];

		r->chunk[k] = fib_chunk(r->v, w[k]);
		r->list[deep] = k;
		deep += fib6_is(w[k], FIB_WIDE | FIB_DEEP, FIB_DEEP);
		r->leaf[leaves] = k;
		leaves += fib6_is(w[k], FIB_WIDE, 0);
	}
	for (unsigned i = 0; i < deep; i++) {
		unsigned k = r->list[i];

		r->chunk[k] = fib_leaf_block(r->chunk[k], r->bits[k] >> 32);
		rte_prefetch0(r->chunk[k]);
	}
	for (unsigned i = 0; i < leaves; i++) {
		unsigned k = r->leaf[i];
		uint32_t word = fib_block_value(r->chunk[k], r->bits[k] >> 32);

		if (unlikely(word & FIB_REF)) {
			word = fib_leaf_ref(fib_chunk(r->v, w[k]), w[k], word);
			r->bits[k] = fib6_bits(r->bits[k], w[k], word, FIB_REACH, r->dst[k]);
		}
		w[k] = word;
	}
	if (likely(leaves == n))
		return;
	for (unsigned i = 0; i < n; i++) {
		r->list[wide] = r->active[i];
		wide += fib6_is(w[r->active[i]], FIB_LEAF | FIB_WIDE, FIB_LEAF | FIB_WIDE);
	}
	for (unsigned i = 0; i < wide; i += FIB6_WIDE)
		fib6_wides(r, w, &r->list[i], wide - i < FIB6_WIDE ? wide - i : FIB6_WIDE);
}

/* n <= FIB6_VEC */
static void
fib6_vec(const struct fib_view *v, const struct in6_addr *const *dst, uint32_t *nh, unsigned n)
{
	struct fib6_run r;
	uint32_t w[FIB6_VEC];
	unsigned active = 0, left, none = 0;

	r.v = v;
	r.dst = dst;
	for (unsigned k = 0; k < n; k++) {
		uint64_t hi = fib_half(dst[k], 0);

		w[k] = fib_word(v->root, fib6_root(hi));
		rte_prefetch0(fib_chunk(v, w[k]));
		r.bits[k] = hi << fib6_root_bits(hi);
		r.active[active] = k;
		active += w[k] >> 31;
	}
	for (; active > 0; active = left) {
		fib6_inners(&r, w, active);
		fib6_leaves(&r, w, active);
		left = 0;
		for (unsigned i = 0; i < active; i++) {
			unsigned k = r.active[i];

			r.active[left] = k;
			left += w[k] >> 31;
		}
	}
	for (unsigned k = 0; k < n; k++) {
		nh[k] = w[k];
		none |= w[k] == 0;
	}
	for (unsigned k = 0; none && k < n; k++)
		if (w[k] == 0)
			nh[k] = fib_word(v->top, fib_half(dst[k], 0) >> (64 - FIB6_TOP_BITS));
}

/* => worker or control; n destinations */
void
fib_lookup6_vec(const struct in6_addr *const *dst, uint32_t *nh, unsigned n)
{
	const struct fib_view *v = &fib6_view;
	uint32_t version;
	unsigned m;

	for (; n >= 4; n -= m, dst += m, nh += m) {
		m = n < FIB6_VEC ? n : FIB6_VEC;
		for (unsigned tries = 0; tries < FIB_TRIES; tries++) {
			version = fib_word(v->version, 0);
			fib6_vec(v, dst, nh, m);
			if (fib_word(v->version, 0) == version)
				break;
		}
	}
	for (unsigned k = 0; k < n; k++)
		nh[k] = fib_lookup6(dst[k]);
}
