/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounded rings of pointers: many producers, one consumer.
 *
 * Synchronization: a producer reserves slots by moving tail with one compare-and-swap, then fills each with a release
 * store; the consumer takes slots in order while they are filled, empties them and then publishes head with a release
 * store.  Nobody waits for anybody: a producer that is preempted between reserving and filling delays what is behind it
 * in the ring, not the other producers and not the consumer (who sees an empty slot and goes on with other work).
 * Lifetime: the slots belong to the ring from mp_ring_init to mp_ring_fini.
 */
#ifndef SMPNET_MP_RING_H
#define SMPNET_MP_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "mp/lines.h"

struct worker;

struct mp_ring {
	_Atomic(void *) *slots;		    /* [a] NULL: empty */
	uint32_t mask;			    /* [I] */
	_Alignas(64) _Atomic uint32_t tail; /* [a] producers */
	_Alignas(64) _Atomic uint32_t head; /* [a] written by the consumer */
};

/* => any thread, before use; size is rounded up to a power of two; 0 or -ENOMEM */
int mp_ring_init(struct mp_ring *, uint32_t size);
void mp_ring_fini(struct mp_ring *);

/* => any thread; enqueues the first k <= n of objs, none NULL; returns k */
static inline unsigned
mp_ring_put(struct mp_ring *r, void *const *objs, unsigned n)
{
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	uint32_t k;

	for (;;) {
		uint32_t head = atomic_load_explicit(&r->head, memory_order_acquire);
		uint32_t used = tail - head;

		if (used > r->mask + 1) { /* tail was read long ago */
			tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
			continue;
		}
		k = r->mask + 1 - used;
		if (k > n)
			k = n;
		if (k == 0)
			return 0;
		if (atomic_compare_exchange_weak_explicit(
			&r->tail, &tail, tail + k, memory_order_relaxed, memory_order_relaxed))
			break;
	}
	for (unsigned i = 0; i < k; i++) {
		lines_give(objs[i]);
		atomic_store_explicit(&r->slots[(tail + i) & r->mask], objs[i], memory_order_release);
	}
	return k;
}

/* => the consumer; takes up to n; returns how many */
static inline unsigned
mp_ring_get(struct mp_ring *r, void **objs, unsigned n)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	unsigned i;

	for (i = 0; i < n; i++) {
		_Atomic(void *) *slot = &r->slots[(head + i) & r->mask];
		void *p = atomic_load_explicit(slot, memory_order_acquire);

		if (p == NULL)
			break;
		atomic_store_explicit(slot, NULL, memory_order_relaxed);
		lines_take(p);
		objs[i] = p;
	}
	if (i > 0)
		atomic_store_explicit(&r->head, head + i, memory_order_release);
	return i;
}

/* => anybody, for a hint: slots that are taken */
static inline uint32_t
mp_ring_used(struct mp_ring *r)
{
	return atomic_load_explicit(&r->tail, memory_order_relaxed) -
	       atomic_load_explicit(&r->head, memory_order_relaxed);
}

/* => the consumer, or anybody for a hint */
static inline bool
mp_ring_empty(struct mp_ring *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	return atomic_load_explicit(&r->slots[head & r->mask], memory_order_acquire) == NULL;
}

#endif
