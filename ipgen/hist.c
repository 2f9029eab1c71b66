/* SPDX-License-Identifier: BSD-2-Clause */
/* Histograms: merged, subtracted, asked for quantiles. */
/*
 * Synchronization: one writer (hist_add); readers take the words as they are.  A reading while the writer writes may
 * have a value in its bucket that is not in count yet: quantiles go by the buckets alone.
 * Lifetime: the owner's.
 */
#include "ipgen/hist.h"

#include <stdbool.h>
#include <string.h>

static inline uint64_t
word(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline uint64_t
bucket_low(unsigned i)
{
	unsigned shift = i < 2 * HIST_SUB ? 0 : i / HIST_SUB - 1;

	return i < HIST_SUB ? i : (uint64_t)(HIST_SUB + i % HIST_SUB) << shift;
}

static inline uint64_t
bucket_width(unsigned i)
{
	return i < 2 * HIST_SUB ? 1 : 1ull << (i / HIST_SUB - 1);
}

void
hist_clear(struct hist *h)
{
	memset(h, 0, sizeof(*h));
}

void
hist_merge(struct hist *into, const struct hist *from)
{
	uint64_t count = word(&from->count), min = word(&from->min), max = word(&from->max);

	if (count == 0)
		return;
	if (into->count == 0 || min < into->min)
		into->min = min;
	if (max > into->max)
		into->max = max;
	into->count += count;
	into->sum += word(&from->sum);
	for (unsigned i = 0; i < HIST_N; i++)
		into->bucket[i] += word(&from->bucket[i]);
}

void
hist_since(struct hist *into, const struct hist *now, const struct hist *then)
{
	bool any = false;

	into->sum = now->sum - then->sum;
	into->count = into->min = into->max = 0;
	for (unsigned i = 0; i < HIST_N; i++) {
		uint64_t n = now->bucket[i] - then->bucket[i];

		into->bucket[i] = n;
		if (n == 0)
			continue;
		into->count += n;
		if (!any)
			into->min = bucket_low(i);
		any = true;
		into->max = bucket_low(i) + bucket_width(i) - 1;
	}
	if (!any)
		return;
	if (into->min < now->min)
		into->min = now->min;
	if (into->max > now->max)
		into->max = now->max;
}

uint64_t
hist_quantile(const struct hist *h, double q)
{
	uint64_t total = 0, below = 0, v;
	double rank;

	for (unsigned i = 0; i < HIST_N; i++)
		total += h->bucket[i];
	if (total == 0)
		return 0;
	if (q <= 0)
		return h->min;
	if (q >= 1)
		return h->max;
	rank = q * (double)total;
	for (unsigned i = 0; i < HIST_N; i++) {
		uint64_t n = h->bucket[i];

		if (n == 0 || (double)(below + n) < rank) {
			below += n;
			continue;
		}
		v = bucket_low(i) + (uint64_t)((rank - (double)below) / (double)n * (double)(bucket_width(i) - 1));
		return v < h->min ? h->min : v > h->max ? h->max : v;
	}
	return h->max;
}

double
hist_mean(const struct hist *h)
{
	return h->count > 0 ? (double)h->sum / (double)h->count : 0;
}
