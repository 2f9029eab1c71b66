/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two ports back to back in memory, as workers use them: what one sends the other receives, the buffer itself.
 *
 * Synchronization: a ring has one writer (the worker of the sending queue) and one reader (that of the receiving queue); each
 * publishes its index by a release store.  A full ring takes no more, as a device does.
 * Lifetime: see loop_ctl.c.
 */
#include "ipgen/engine/loop_var.h"
#include "pkt/pkt.h"

uint16_t
loop_rx_burst(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	struct loop_end *end = port->priv;
	struct loop_ring *r = end->rx[q];
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	ASSERT_WORKER();
	if (r->tail_seen - head < n)
		r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
	if (n > r->tail_seen - head)
		n = r->tail_seen - head;
	if (n == 0)
		return 0;
	for (uint16_t i = 0; i < n; i++)
		lines_take(m[i] = r->slot[(head + i) % LOOP_RING]);
	atomic_store_explicit(&r->head, head + n, memory_order_release);
	return n;
}

uint16_t
loop_tx_burst(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	struct loop_end *end = port->priv;
	struct loop_ring *r = end->tx[q];
	uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	ASSERT_WORKER();
	if (LOOP_RING - (tail - r->head_seen) < n)
		r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
	if (n > LOOP_RING - (tail - r->head_seen))
		n = LOOP_RING - (tail - r->head_seen);
	for (uint16_t i = 0; i < n; i++) {
		lines_give(m[i]);
		r->slot[(tail + i) % LOOP_RING] = m[i];
	}
	atomic_store_explicit(&r->tail, tail + n, memory_order_release);
	return n;
}

bool
loop_rx_arm(struct port *port, uint16_t q)
{
	struct loop_end *end = port->priv;
	struct loop_ring *r = end->rx[q];

	ASSERT_WORKER();
	return atomic_load_explicit(&r->tail, memory_order_acquire) !=
	       atomic_load_explicit(&r->head, memory_order_relaxed);
}
