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

void hist_clear(struct hist *);
/* => any thread, of a histogram at rest or of words that may be a little apart */
void hist_merge(struct hist *into, const struct hist *from);
/* => the value below which the share q (0 to 1) of all lies, interpolated in its bucket; q 0: min, 1: max; 0: no value */
uint64_t hist_quantile(const struct hist *, double q);
double hist_mean(const struct hist *);

#endif
