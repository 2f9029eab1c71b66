/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Slices of long work on control, in turn.
 *
 * Synchronization: control only.
 * Lifetime: the event is made with the first slice and freed by mp_slices_fini.
 */
#include <time.h>

#include <event2/event.h>

#include "mp/mp.h"
#include "mp/slice.h"

static TAILQ_HEAD(, mp_slice) slices = TAILQ_HEAD_INITIALIZER(slices); /* [c] */
static struct event *slice_event;				       /* [c] */
static uint64_t slice_end;					       /* [c] us */

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
slice_arm(void)
{
	const struct timeval now = {0, 0};

	if (slice_event != NULL && !TAILQ_EMPTY(&slices) && !evtimer_pending(slice_event, NULL))
		event_add(slice_event, &now);
}

static void
slice_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)mp_slices_run();
	slice_arm();
}

void
mp_slice_add(struct mp_slice *s)
{
	ASSERT_CONTROL();
	if (s->queued)
		return;
	s->queued = true;
	TAILQ_INSERT_TAIL(&slices, s, list);
	if (slice_event == NULL && mp_base != NULL)
		slice_event = evtimer_new(mp_base, slice_turn, NULL);
	slice_arm();
}

void
mp_slice_remove(struct mp_slice *s)
{
	/* also at the end of a start that failed before there was a control thread */
	if (!s->queued)
		return;
	ASSERT_CONTROL();
	TAILQ_REMOVE(&slices, s, list);
	s->queued = false;
}

void
mp_slice_begin(void)
{
	slice_end = now_us() + MP_SLICE_US;
}

bool
mp_slice_over(void)
{
	return now_us() >= slice_end;
}

static void
slice_step(struct mp_slice *s)
{
	TAILQ_REMOVE(&slices, s, list);
	s->queued = false;
	mp_slice_begin();
	if (s->step(s))
		mp_slice_add(s);
}

bool
mp_slices_run(void)
{
	uint64_t end = now_us() + MP_TURN_US;

	ASSERT_CONTROL();
	while (!TAILQ_EMPTY(&slices) && now_us() < end)
		slice_step(TAILQ_FIRST(&slices));
	return !TAILQ_EMPTY(&slices);
}

void
mp_slices_finish(void)
{
	ASSERT_CONTROL();
	while (!TAILQ_EMPTY(&slices))
		slice_step(TAILQ_FIRST(&slices));
}

void
mp_slices_fini(void)
{
	ASSERT_CONTROL();
	mp_slices_finish();
	if (slice_event != NULL)
		event_free(slice_event);
	slice_event = NULL;
}
