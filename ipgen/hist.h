/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A histogram of high dynamic range (as Gil Tene's HdrHistogram): values up to 2^47 in TSC ticks, each known to one part in
 * 256.  One writer; any reader (words).  Debian 12 has no C library for it.
 */
#ifndef IPGEN_HIST_H
#define IPGEN_HIST_H

#include <stdint.h>

#define HIST_SUB  256 /* buckets to a power of two, from 2^8 on */
#define HIST_BITS 47
#define HIST_N	  (HIST_SUB * (HIST_BITS - 8 + 1))

struct hist {
	uint64_t count, sum, min, max; /* [w] */
	uint64_t bucket[HIST_N];       /* [w] */
};

static inline unsigned
hist_index(uint64_t v)
{
	unsigned shift;

	if (v < HIST_SUB)
		return (unsigned)v;
	if (v >> HIST_BITS)
		v = (1ull << HIST_BITS) - 1;
	shift = 63 - 8 - (unsigned)__builtin_clzll(v);
	return HIST_SUB * (shift + 1) + (unsigned)((v >> shift) - HIST_SUB);
}

/* => the writer; n of one value; relaxed stores, for readers that do not wait */
static inline void
hist_add_n(struct hist *h, uint64_t v, uint64_t n)
{
	uint64_t *bucket = &h->bucket[hist_index(v)];

	if (__builtin_expect(v < h->min || h->count == 0, 0))
		__atomic_store_n(&h->min, v, __ATOMIC_RELAXED);
	if (__builtin_expect(v > h->max, 0))
		__atomic_store_n(&h->max, v, __ATOMIC_RELAXED);
	__atomic_store_n(&h->count, h->count + n, __ATOMIC_RELAXED);
	__atomic_store_n(&h->sum, h->sum + v * n, __ATOMIC_RELAXED);
	__atomic_store_n(bucket, *bucket + n, __ATOMIC_RELAXED);
}

static inline void
hist_add(struct hist *h, uint64_t v)
{
	hist_add_n(h, v, 1);
}

/* => the writer, or nobody writes */
void hist_clear(struct hist *);
/* => any thread, of a histogram at rest or of words that may be a little apart */
void hist_merge(struct hist *into, const struct hist *from);
/* => any thread; what came between two readings of one histogram; its extremes are known to a bucket's width */
void hist_since(struct hist *into, const struct hist *now, const struct hist *then);
/* => the value below which the share q (0 to 1) of all lies, interpolated in its bucket; q 0: min, 1: max; 0: no value */
uint64_t hist_quantile(const struct hist *, double q);
double hist_mean(const struct hist *);

#endif
