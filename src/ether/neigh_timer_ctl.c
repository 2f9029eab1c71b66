/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers of neighbours and address checks: a binary heap under one event of the event loop; many due at once are run in slices. */
/*
 * Synchronization: control only.
 * Lifetime: a timer is a member of what it times; it is stopped before that is freed.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <event2/event.h>

#include "ether/neigh_var.h"
#include "mp/slice.h"

static struct neigh_timer **heap; /* [c] from 1 */
static uint32_t heap_n, heap_size, heap_owned;
static struct event *heap_event;
static bool heap_running;

uint64_t (*neigh_clock)(void) = mp_now_ms;

/* => control; below > 0 */
uint32_t
neigh_random(uint32_t below)
{
	uint32_t r;

	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
		r = (uint32_t)random();
	return r % below;
}

static void
heap_put(uint32_t pos, struct neigh_timer *t)
{
	heap[pos] = t;
	t->nt_pos = pos;
}

static void
heap_up(uint32_t pos)
{
	struct neigh_timer *t = heap[pos];

	while (pos > 1 && heap[pos / 2]->nt_when > t->nt_when) {
		heap_put(pos, heap[pos / 2]);
		pos /= 2;
	}
	heap_put(pos, t);
}

static void
heap_down(uint32_t pos)
{
	struct neigh_timer *t = heap[pos];
	uint32_t child;

	while ((child = pos * 2) <= heap_n) {
		if (child < heap_n && heap[child + 1]->nt_when < heap[child]->nt_when)
			child++;
		if (heap[child]->nt_when >= t->nt_when)
			break;
		heap_put(pos, heap[child]);
		pos = child;
	}
	heap_put(pos, t);
}

/* Arms the event for the earliest timer. */
static void
heap_arm(void)
{
	uint64_t now, ms = 0;
	struct timeval tv;

	if (heap_event == NULL || heap_running)
		return;
	if (heap_n == 0) {
		evtimer_del(heap_event);
		return;
	}
	now = neigh_clock();
	if (heap[1]->nt_when > now)
		ms = heap[1]->nt_when - now;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	evtimer_add(heap_event, &tv);
}

/* => control; sets or moves the timer, for which neigh_timer_adopt() made room */
void
neigh_timer_set(struct neigh_timer *t, uint64_t when)
{
	uint64_t first = heap_n > 0 ? heap[1]->nt_when : UINT64_MAX;

	ASSERT_CONTROL();
	t->nt_when = when;
	if (t->nt_pos == 0) {
		heap_put(++heap_n, t);
		heap_up(t->nt_pos);
	} else {
		heap_up(t->nt_pos);
		heap_down(t->nt_pos);
	}
	if (heap[1]->nt_when != first)
		heap_arm();
}

/* => control */
void
neigh_timer_stop(struct neigh_timer *t)
{
	uint32_t pos = t->nt_pos;
	struct neigh_timer *last;

	ASSERT_CONTROL();
	if (pos == 0)
		return;
	t->nt_pos = 0;
	last = heap[heap_n--];
	if (last != t) {
		heap_put(pos, last);
		heap_up(pos);
		heap_down(last->nt_pos);
	}
}

/* Runs what is due; all: however long that takes, else no longer than a slice. */
static void
heap_run(uint64_t now, bool all)
{
	heap_running = true;
	for (unsigned n = 1; heap_n > 0 && heap[1]->nt_when <= now; n++) {
		struct neigh_timer *t = heap[1];

		neigh_timer_stop(t);
		t->nt_fn(t, now);
		if (!all && n % 8 == 0 && mp_slice_over())
			break; /* the next turn of the event loop goes on: heap_arm */
	}
	heap_running = false;
}

int64_t
neigh_timer_run(uint64_t now)
{
	ASSERT_CONTROL();
	heap_run(now, true);
	return heap_n > 0 ? (int64_t)(heap[1]->nt_when - now) : -1;
}

static void
heap_due(evutil_socket_t fd, short what, void *arg)
{
	mp_slice_begin();
	heap_run(neigh_clock(), false);
	heap_arm();
}

/* => control; room in the heap for one more timer, so that setting it cannot fail; 0 or -ENOMEM */
int
neigh_timer_adopt(void)
{
	struct neigh_timer **larger;
	uint32_t size = heap_size > 0 ? heap_size * 2 : 256;

	ASSERT_CONTROL();
	if (heap_owned + 2 > heap_size) {
		larger = realloc(heap, size * sizeof(*heap));
		if (larger == NULL)
			return -ENOMEM;
		heap = larger;
		heap_size = size;
	}
	heap_owned++;
	return 0;
}

/* => control; the owner of a timer goes */
void
neigh_timer_disown(struct neigh_timer *t)
{
	neigh_timer_stop(t);
	heap_owned--;
}

int
neigh_timer_init(void)
{
	ASSERT_CONTROL();
	if (mp_base != NULL) {
		heap_event = evtimer_new(mp_base, heap_due, NULL);
		if (heap_event == NULL)
			return -ENOMEM;
	}
	return 0;
}

void
neigh_timer_fini(void)
{
	ASSERT_CONTROL();
	if (heap_event != NULL)
		event_free(heap_event);
	heap_event = NULL;
	free(heap);
	heap = NULL;
	heap_n = heap_size = heap_owned = 0;
}
