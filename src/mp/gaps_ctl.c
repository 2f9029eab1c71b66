/* SPDX-License-Identifier: BSD-2-Clause */
/* Gaps between polls: switched on and off. */
/*
 * Synchronization: control publishes and takes back; the worker counts (gaps.c).
 * Lifetime: gaps.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "mp/gaps.h"
#include "mp/lines.h"

static void
gaps_free(struct mp_deferred *d)
{
	free((struct mp_gaps *)((char *)d - offsetof(struct mp_gaps, deferred)));
}

static void
gaps_replace(struct worker *w, struct mp_gaps *g)
{
	struct mp_gaps *old = atomic_exchange_explicit(&w->gaps, g, memory_order_acq_rel);

	if (old != NULL)
		mp_defer(&old->deferred, gaps_free);
}

int
mp_gaps_start(struct worker *w)
{
	struct mp_gaps *g = lines_zalloc(sizeof(*g));

	ASSERT_CONTROL();
	if (g == NULL)
		return -ENOMEM;
	gaps_replace(w, g);
	return 0;
}

void
mp_gaps_stop(struct worker *w)
{
	ASSERT_CONTROL();
	gaps_replace(w, NULL);
}

const struct mp_gaps *
mp_gaps_of(struct worker *w)
{
	ASSERT_CONTROL();
	return atomic_load_explicit(&w->gaps, memory_order_relaxed);
}
