/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: routes that go by themselves, and path MTUs that are forgotten: a heap of times.
 *
 * Synchronization: control only.
 * Lifetime: a struct rt_timed belongs to its entry from rt_expire_set to rt_expire_clear, at the latest when the entry
 * leaves the table.
 */
#include <errno.h>
#include <stdlib.h>

#include "mp/slice.h"
#include "route/route_var.h"

static struct rt_timed **heap;	   /* [c] from 1, earliest first */
static uint32_t heap_n, heap_size; /* [c] */

static void
heap_put(uint32_t pos, struct rt_timed *t)
{
	heap[pos] = t;
	t->pos = pos;
}

static void
heap_place(struct rt_timed *t)
{
	uint32_t pos = t->pos, child;

	while (pos > 1 && heap[pos / 2]->when > t->when) {
		heap_put(pos, heap[pos / 2]);
		pos /= 2;
	}
	while ((child = pos * 2) <= heap_n) {
		if (child < heap_n && heap[child + 1]->when < heap[child]->when)
			child++;
		if (heap[child]->when >= t->when)
			break;
		heap_put(pos, heap[child]);
		pos = child;
	}
	heap_put(pos, t);
}

/* => control; the entry, or with pmtu (not 0) that MTU, is there until when (ms); 0 or -ENOMEM */
int
rt_expire_set(struct rtentry *e, uint64_t when, uint32_t pmtu)
{
	struct rt_timed *t = e->re_timed;

	ASSERT_CONTROL();
	if (t == NULL) {
		if (heap_n + 2 > heap_size) {
			uint32_t size = heap_size > 0 ? heap_size * 2 : 64;
			struct rt_timed **larger = realloc(heap, size * sizeof(*heap));

			if (larger == NULL)
				return -ENOMEM;
			heap = larger;
			heap_size = size;
		}
		t = calloc(1, sizeof(*t));
		if (t == NULL)
			return -ENOMEM;
		t->entry = e;
		e->re_timed = t;
		heap_put(++heap_n, t);
	}
	t->when = when;
	t->pmtu = pmtu;
	heap_place(t);
	rt_expire_arm(heap[1]->when);
	return 0;
}

/* => control; the entry stays, or is about to go */
void
rt_expire_clear(struct rtentry *e)
{
	struct rt_timed *t = e->re_timed, *last;

	ASSERT_CONTROL();
	if (t == NULL)
		return;
	e->re_timed = NULL;
	last = heap[heap_n--];
	if (last != t) {
		heap_put(t->pos, last);
		heap_place(last);
	}
	free(t);
	if (heap_n == 0) {
		free(heap);
		heap = NULL;
		heap_size = 0;
	}
}

/* => control; what is due goes, until the slice is over: true if more is due; *next: when it goes on, 0: never */
bool
rt_expire_run(uint64_t now, uint64_t *next)
{
	bool over = false;

	ASSERT_CONTROL();
	for (unsigned n = 1; heap_n > 0 && heap[1]->when <= now && !over; n++) {
		rt_entry_expired(heap[1]->entry);
		over = n % 4 == 0 && mp_slice_over();
	}
	*next = heap_n > 0 ? heap[1]->when : 0;
	return *next != 0 && *next <= now;
}
