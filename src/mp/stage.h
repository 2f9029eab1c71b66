/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stages of the packet path: where a worker's cycles go, and the way of traced packets.
 *
 * A stage is called through STAGE_CALL or STAGE_VEC.  While nobody looks they cost one predictable branch on a word of
 * the worker's own; the measuring and tracing code is elsewhere and cold.  Cycles are exclusive: those of a stage that
 * is called are not the caller's.
 *
 * Synchronization: watch and the counts belong to the worker ([w]).  Control switches a worker by mp_call, so that the
 * word changes between stages only, and reads the counts as single words.
 * Lifetime: struct mp_stages lives as long as its worker.
 */
#ifndef SMPNET_MP_STAGE_H
#define SMPNET_MP_STAGE_H

#include <stdint.h>

struct worker;
struct rte_mbuf;

enum mp_stage {
#define STAGE(sym, name, text) STAGE_##sym,
#include "mp/stages.def"
#undef STAGE
	STAGE_COUNT
};

/* worker.watch */
#define MP_WATCH_STAGES 1u /* count cycles */
#define MP_WATCH_TRACE	2u /* packets are traced (pkt/trace.h) */

#define MP_STAGE_DEPTH 32 /* stages inside one another; what is deeper counts for the last */

struct mp_stage_count {
	uint64_t calls, packets, cycles; /* [w] */
};

struct mp_stages {
	uint64_t mark;				  /* [w] TSC up to which cycles are accounted for */
	uint64_t turn_loop;			  /* [w] STAGE_LOOP's cycles when the turn began */
	uint32_t depth;				  /* [w] */
	uint8_t stack[MP_STAGE_DEPTH];		  /* [w] enum mp_stage */
	struct mp_stage_count count[STAGE_COUNT]; /* [w] read by control without synchronization (single words) */
};

/* => the worker; begins and ends a stage for n packets; m may be NULL, else its traced packets are told the stage */
void mp_stage_enter(struct worker *, enum mp_stage, struct rte_mbuf *const *m, unsigned n);
void mp_stage_leave(struct worker *);
/* => the worker, before mp_stage_leave; the innermost stage turned out to be another, with n packets */
void mp_stage_was(struct worker *, enum mp_stage, unsigned n);
/* => the worker, at the end of a turn that found so much work */
void mp_stage_turn(struct worker *, unsigned work);
/* => the worker, between two turns; it waited for work (a CPU taken away in the meantime is no turn's) */
void mp_stage_paused(struct worker *);
/* => the worker (mp_call): who looks from now on, MP_WATCH_* */
void mp_stage_watch(struct worker *, uint32_t set, uint32_t clear);

/* => the worker (mp_call); what has been counted up to now, and the TSC of now; counts[STAGE_COUNT] */
void mp_stage_read(struct worker *, struct mp_stage_count *counts, uint64_t *tsc);
/* => the worker (mp_call), stages being counted; cycles that counting costs a call of a stage */
unsigned mp_stage_cost(struct worker *);

const char *mp_stage_name(enum mp_stage);
const char *mp_stage_text(enum mp_stage);

#ifdef SMPNET_NO_STAGES
#define STAGE_WATCHED(w) 0
#define STAGE_CALL(w, stage, n, call)                                                                                  \
	do {                                                                                                           \
		call;                                                                                                  \
	} while (0)
#define STAGE_MBUFS(w, stage, m, n, call)                                                                              \
	do {                                                                                                           \
		call;                                                                                                  \
	} while (0)
#else
/* Does anybody look?  Everything that is only for watchers stands behind it. */
#define STAGE_WATCHED(w)	      __builtin_expect((w)->watch != 0, 0)
/* A stage of n packets whose metadata is not there yet, or that are told otherwise */
#define STAGE_CALL(w, stage, n, call) STAGE_MBUFS(w, stage, NULL, n, call)
/* A stage of n packets at m */
#define STAGE_MBUFS(w, stage, m, n, call)                                                                              \
	do {                                                                                                           \
		if (!STAGE_WATCHED(w)) {                                                                               \
			call;                                                                                          \
		} else {                                                                                               \
			mp_stage_enter(w, STAGE_##stage, (m), (n));                                                    \
			call;                                                                                          \
			mp_stage_leave(w);                                                                             \
		}                                                                                                      \
	} while (0)
#endif
/* A stage of a vector */
#define STAGE_VEC(w, stage, v, call) STAGE_MBUFS(w, stage, (v)->m, (v)->n, call)

#endif
