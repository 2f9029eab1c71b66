/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Next hops: what workers read.
 *
 * Synchronization: nexthop_table is written by control (nexthop_ctl.c), one release store a change; a worker reads an
 * entry once per use.  nexthop_marks[w] is written by thread w alone; control changes nh_mark, a single word of the
 * published object, to see who uses it from then on.
 * Lifetime: a replaced object is freed after a grace period; an index whose last reference went names a blackhole after
 * a grace period, and is used again later.
 */
#include "route/route.h"

struct nexthop *_Atomic nexthop_table[NH_MAX];
_Atomic uint8_t *nexthop_marks[MP_MAXTHREADS];
_Atomic bool nexthop_many;

/* => worker; see nexthop_prefetch */
void
nexthop_prefetch_many(struct worker *w, const uint32_t *index, unsigned n)
{
	_Atomic uint8_t *marks = nexthop_marks[w->id];

	for (unsigned i = 0; i < n; i++) {
		__builtin_prefetch(&nexthop_table[index[i]]);
		__builtin_prefetch(&marks[index[i]], 1);
	}
	for (unsigned i = 0; i < n; i++)
		__builtin_prefetch(nexthop_get(index[i]));
}
