/* SPDX-License-Identifier: BSD-2-Clause */
/* Gaps between polls, counted. */
/*
 * Synchronization: the worker whose histogram it is.
 * Lifetime: gaps.h.
 */
#include "mp/gaps.h"

void
mp_gap(struct mp_gaps *g, uint64_t now)
{
	uint64_t gap = now - g->last;

	ASSERT_WORKER();
	if (g->last != 0) {
		mp_add(&g->count[mp_gap_bucket(gap)], 1);
		mp_add(&g->total, 1);
		if (gap > g->max)
			mp_add(&g->max, gap - g->max);
	}
	g->last = now;
}
