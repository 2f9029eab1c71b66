/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gaps between two receive polls of a worker: a histogram, kept on request only.
 *
 * Synchronization: the worker writes the counts ([w]), control reads them as single words.  Off, it costs a worker one
 * predictable branch a turn.
 * Lifetime: control makes one, publishes it in worker.gaps, and frees it after a grace period.
 */
#ifndef SMPNET_MP_GAPS_H
#define SMPNET_MP_GAPS_H

#include <stdint.h>

#include "mp/mp.h"

#define MP_GAP_SUB     16u /* buckets an octave */
#define MP_GAP_BUCKETS ((64 - 4 + 1) * MP_GAP_SUB)

struct mp_gaps {
	struct mp_deferred deferred; /* [c] */
	/* [w] TSC of the last poll; 0: the worker slept since */
	_Alignas(MP_CACHELINE) uint64_t last;
	uint64_t max;			/* [w] TSC cycles */
	uint64_t total;			/* [w] gaps counted */
	uint64_t count[MP_GAP_BUCKETS]; /* [w] by mp_gap_bucket */
};

/* => any thread; exact below 16 cycles, then 16 buckets an octave */
static inline unsigned
mp_gap_bucket(uint64_t cycles)
{
	unsigned shift;

	if (cycles < MP_GAP_SUB)
		return (unsigned)cycles;
	shift = 59 - (unsigned)__builtin_clzll(cycles);
	return (shift + 1) * MP_GAP_SUB + (unsigned)(cycles >> shift & (MP_GAP_SUB - 1));
}

/* => any thread; the smallest number of cycles in a bucket */
static inline uint64_t
mp_gap_low(unsigned bucket)
{
	if (bucket < MP_GAP_SUB)
		return bucket;
	return (uint64_t)(MP_GAP_SUB + bucket % MP_GAP_SUB) << (bucket / MP_GAP_SUB - 1);
}

/* => the worker, at a poll */
void mp_gap(struct mp_gaps *, uint64_t now);
/* => control; from now on, from zero; 0 or -ENOMEM.  Off: never fails. */
int mp_gaps_start(struct worker *);
void mp_gaps_stop(struct worker *);
/* => control; NULL: off */
const struct mp_gaps *mp_gaps_of(struct worker *);

#endif
