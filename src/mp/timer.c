/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers of workers: a wheel each, one slot a millisecond. */
/*
 * Synchronization: a wheel belongs to its worker alone.
 * Lifetime: a timer is embedded in its state; stop it before the state is freed.
 */
#include "mp/mp_internal.h"

static void
timer_unlink(struct worker *w, struct mp_timer *t)
{
	*t->pprev = t->next;
	if (t->next != NULL)
		t->next->pprev = t->pprev;
	t->pprev = NULL;
	w->wheel_count--;
}

/* => the owner; starts or restarts the timer: fn runs in ms milliseconds, at least one */
void
mp_timer_set(struct worker *w, struct mp_timer *t, uint32_t ms)
{
	struct mp_timer **slot;

	MP_ASSERT(w == mp_self);
	if (t->pprev != NULL)
		timer_unlink(w, t);
	t->tick = w->wheel_tick + (ms > 0 ? ms : 1);
	slot = &w->wheel[t->tick % MP_WHEEL];
	t->next = *slot;
	if (t->next != NULL)
		t->next->pprev = &t->next;
	t->pprev = slot;
	*slot = t;
	w->wheel_count++;
}

void
mp_timer_stop(struct worker *w, struct mp_timer *t)
{
	MP_ASSERT(w == mp_self);
	if (t->pprev != NULL)
		timer_unlink(w, t);
}

/* => the owner; runs what is due up to now_ms; returns how many ran */
unsigned
mp_timer_run(struct worker *w, uint64_t now_ms)
{
	unsigned ran = 0;

	if (w->wheel_count == 0) {
		w->wheel_tick = now_ms;
		return 0;
	}
	while (w->wheel_tick < now_ms) {
		struct mp_timer *t;

		w->wheel_tick++;
	again:
		/* a timer's function may set or stop others: start over after each */
		for (t = w->wheel[w->wheel_tick % MP_WHEEL]; t != NULL; t = t->next) {
			if (t->tick > w->wheel_tick)
				continue; /* another round of the wheel */
			timer_unlink(w, t);
			t->fn(w, t);
			ran++;
			goto again;
		}
	}
	return ran;
}

/* => the owner; milliseconds until the next timer, at most one round of the wheel; -1: there is none */
int
mp_timer_next(struct worker *w)
{
	if (w->wheel_count == 0)
		return -1;
	for (int ms = 1; ms < MP_WHEEL; ms++)
		for (struct mp_timer *t = w->wheel[(w->wheel_tick + ms) % MP_WHEEL]; t != NULL; t = t->next)
			if (t->tick == w->wheel_tick + ms)
				return ms;
	return MP_WHEEL;
}
