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
	r->slots = calloc(n, sizeof(r->slots[0]));
	if (r->slots == NULL)
		return -ENOMEM;
	r->mask = n - 1;
	atomic_store_explicit(&r->tail, 0, memory_order_relaxed);
	atomic_store_explicit(&r->head, 0, memory_order_relaxed);
	return 0;
}

void
mp_ring_fini(struct mp_ring *r)
{
	free(r->slots);
	r->slots = NULL;
}
