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
