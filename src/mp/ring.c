/* SPDX-License-Identifier: BSD-2-Clause */
/* The slots of rings between threads (ring.h). */
#include <errno.h>
#include <stdlib.h>

#include "mp/mp.h"
#include "mp/ring.h"

int
mp_ring_init(struct mp_ring *r, uint32_t size)
{
	uint32_t n = 1;

	while (n < size)
		n <<= 1;
	r->slots = lines_zalloc(n * sizeof(r->slots[0]));
	if (r->slots == NULL)
		return -ENOMEM;
	r->mask = n - 1;
	atomic_store_explicit(&r->tail, 0, memory_order_relaxed);
	atomic_store_explicit(&r->head, 0, memory_order_relaxed);
	lines_exempt(r->slots, n < 8 ? LINES_OCTETS : n * sizeof(r->slots[0]), "ring, slots");
	lines_exempt(&r->tail, sizeof(*r) - offsetof(struct mp_ring, tail), "ring, tail and head");
	return 0;
}

void
mp_ring_fini(struct mp_ring *r)
{
	free(r->slots);
	r->slots = NULL;
}
