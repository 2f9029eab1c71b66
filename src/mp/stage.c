/* SPDX-License-Identifier: BSD-2-Clause */
/* Stages of the packet path: cycles by stage while somebody looks. */
/*
 * Synchronization: everything belongs to the worker; control reads the counts as single words.
 * Lifetime: as the worker's.
 */
#include "mp/stage.h"

#include <string.h>

#include "mp/mp.h"
#include "pkt/trace.h"

static const struct {
	const char *name, *text;
} stage_info[STAGE_COUNT] = {
#define STAGE(sym, name, text) [STAGE_##sym] = {name, text},
#include "mp/stages.def"
#undef STAGE
};

/* What the cycles since the mark were spent on. */
static enum mp_stage
stage_top(const struct mp_stages *s)
{
	if (s->depth == 0)
		return STAGE_LOOP;
	return s->stack[s->depth <= MP_STAGE_DEPTH ? s->depth - 1 : MP_STAGE_DEPTH - 1];
}

static void
stage_charge(struct mp_stages *s)
{
	uint64_t now = mp_tsc();

	mp_add(&s->count[stage_top(s)].cycles, now - s->mark);
	s->mark = now;
}

void
mp_stage_enter(struct worker *w, enum mp_stage stage, struct rte_mbuf *const *m, unsigned n)
{
	struct mp_stages *s = w->stages;

	if (m != NULL && (w->watch & MP_WATCH_TRACE) != 0)
		pkt_trace_stage(w, stage, m, n);
	if ((w->watch & MP_WATCH_STAGES) == 0)
		return;
	stage_charge(s);
	if (s->depth < MP_STAGE_DEPTH)
		s->stack[s->depth] = stage;
	s->depth++;
	mp_add(&s->count[stage].calls, 1);
	mp_add(&s->count[stage].packets, n);
}

void
mp_stage_leave(struct worker *w)
{
	struct mp_stages *s = w->stages;

	/* a stage in which the watch began (a call from control) was not entered */
	if ((w->watch & MP_WATCH_STAGES) == 0 || s->depth == 0)
		return;
	stage_charge(s);
	s->depth--;
}

void
mp_stage_was(struct worker *w, enum mp_stage stage, unsigned n)
{
	struct mp_stages *s = w->stages;
	enum mp_stage as = stage_top(s);

	if ((w->watch & MP_WATCH_STAGES) == 0 || s->depth == 0 || s->depth > MP_STAGE_DEPTH)
		return;
	if (as != stage) {
		mp_add(&s->count[as].calls, (uint64_t)-1);
		mp_add(&s->count[stage].calls, 1);
		s->stack[s->depth - 1] = stage;
	}
	mp_add(&s->count[stage].packets, n);
}

/* What the loop has taken since the turn began was idleness. */
static void
stage_idle(struct mp_stages *s)
{
	uint64_t *loop = &s->count[STAGE_LOOP].cycles;

	mp_add(&s->count[STAGE_IDLE].cycles, *loop - s->turn_loop);
	mp_add(loop, s->turn_loop - *loop);
}

void
mp_stage_turn(struct worker *w, unsigned work)
{
	struct mp_stages *s = w->stages;

	if ((w->watch & MP_WATCH_STAGES) == 0)
		return;
	stage_charge(s);
	if (work == 0)
		stage_idle(s);
	mp_add(&s->count[work == 0 ? STAGE_IDLE : STAGE_LOOP].calls, 1);
	s->turn_loop = s->count[STAGE_LOOP].cycles;
}

void
mp_stage_paused(struct worker *w)
{
	if ((w->watch & MP_WATCH_STAGES) == 0)
		return;
	stage_charge(w->stages);
	stage_idle(w->stages);
}

void
mp_stage_watch(struct worker *w, uint32_t set, uint32_t clear)
{
	struct mp_stages *s = w->stages;

	MP_ASSERT(w == mp_self);
	if ((set & ~w->watch & MP_WATCH_STAGES) != 0) {
		s->depth = 0;
		s->turn_loop = s->count[STAGE_LOOP].cycles;
		s->mark = mp_tsc();
	} else if ((w->watch & clear & MP_WATCH_STAGES) != 0) {
		stage_charge(s);
	}
	__atomic_store_n(&w->watch, (w->watch | set) & ~clear, __ATOMIC_RELAXED); /* control shows it */
}

void
mp_stage_read(struct worker *w, struct mp_stage_count *counts, uint64_t *tsc)
{
	struct mp_stages *s = w->stages;

	MP_ASSERT(w == mp_self);
	if ((w->watch & MP_WATCH_STAGES) != 0)
		stage_charge(s);
	memcpy(counts, s->count, sizeof(s->count));
	*tsc = s->mark;
}

unsigned
mp_stage_cost(struct worker *w)
{
	uint64_t best = UINT64_MAX;

	/* a handful of rounds: one of them is not interrupted */
	for (unsigned round = 0; round < 8; round++) {
		uint64_t start = mp_tsc(), took;

		for (unsigned i = 0; i < 32; i++) {
			mp_stage_enter(w, STAGE_CALLS, NULL, 0);
			mp_stage_leave(w);
		}
		took = mp_tsc() - start;
		if (took < best)
			best = took;
	}
	return (unsigned)(best / 32);
}

const char *
mp_stage_name(enum mp_stage stage)
{
	return stage_info[stage].name;
}

const char *
mp_stage_text(enum mp_stage stage)
{
	return stage_info[stage].text;
}
