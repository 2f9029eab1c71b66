/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports as workers use them: receive queues are polled, transmit buffers go to transmit queues.
 *
 * Synchronization: each queue is used by the one worker named in rxworker and txworker; a worker without a transmit
 * queue hands its frames to the inbox of a worker that has one.  struct port_if does not change once published.
 * Lifetime: see port_ctl.c.
 */
#include "dev/port.h"
#include "dev/port_var.h"
#include "if/ifnet.h"
#include "pkt/trace.h"

/* The receive stage is timed here, because what it is called by depends on what it finds. */
static __attribute__((noinline, cold)) unsigned
port_rx_watched(struct worker *w, struct port_rxq *rxq, struct rte_mbuf **m, uint16_t room)
{
	unsigned n;

	mp_stage_enter(w, STAGE_RX, NULL, 0);
	n = rxq->rx_burst(rxq->port, rxq->q, m, room);
	mp_stage_was(w, n > 0 ? STAGE_RX : STAGE_RX_EMPTY, n);
	mp_stage_leave(w);
	return n;
}

/*
 * => the queue's worker; one vector from the device through the stack; returns frames taken
 */
unsigned
port_poll(struct worker *w, struct mp_source *source)
{
	struct port_rxq *rxq = (struct port_rxq *)source; /* its first member */
	uint16_t room;
	struct rte_mbuf **m = if_receive_room(w, &room);
	unsigned n;

	if (STAGE_WATCHED(w))
		n = port_rx_watched(w, rxq, m, room);
	else
		n = rxq->rx_burst(rxq->port, rxq->q, m, room);
	if (n > 0)
		if_received(w, rxq->ifp, rxq->q, n);
	return n;
}

bool
port_arm(struct worker *w, struct mp_source *source)
{
	struct port_rxq *rxq = source->arg;

	return rxq->port->ops->rx_arm(rxq->port, rxq->q);
}

void
port_disarm(struct worker *w, struct mp_source *source)
{
	struct port_rxq *rxq = source->arg;

	rxq->port->ops->rx_disarm(rxq->port, rxq->q);
}

/* This worker has no transmit queue: to one that has. */
static void
port_handoff(struct worker *w, struct ifnet *ifp, uint16_t to, struct rte_mbuf **m, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct pktmeta *meta = pkt_meta(m[i]);

		meta->stage = PKT_IF_TRANSMIT;
		meta->oif = ifp->if_index;
		meta->oifgen = ifp->if_gen;
	}
	mp_handoff(w, mp_workers[to], m, n);
}

/* Whoever looks is told of what the device has taken, and what it took. */
static __attribute__((noinline, cold)) unsigned
port_tx_watched(struct worker *w, struct port_if *pif, uint16_t q, struct rte_mbuf **m, unsigned n)
{
	uint32_t ids[PKT_VEC];
	unsigned sent;

	MP_ASSERT(n <= PKT_VEC);
	pkt_trace_sending(w, m, n, ids);
	mp_stage_enter(w, STAGE_TX, NULL, n);
	sent = pif->tx_burst(pif->port, q, m, n);
	mp_stage_leave(w);
	pkt_trace_sent(w, ids, sent, pif->port->ifp->if_index, q);
	return sent;
}

static inline unsigned
port_tx(struct worker *w, struct port_if *pif, uint16_t q, struct rte_mbuf **m, unsigned n)
{
	if (STAGE_WATCHED(w))
		return port_tx_watched(w, pif, q, m, n);
	return pif->tx_burst(pif->port, q, m, n);
}

/*
 * => worker; frames for the device.  Takes all: sent, handed to the queue's worker, or dropped (DROP_TX_FULL,
 * DROP_LINK_DOWN).
 */
void
port_transmit(struct worker *w, struct ifnet *ifp, struct rte_mbuf **m, unsigned n)
{
	struct port_if *pif = ifp->if_softc;
	struct if_stats *st = if_stats_of(ifp, w);
	struct port *port = pif->port;
	int q = pif->txq[w->id];
	uint64_t bytes = 0, mcasts = 0;
	unsigned sent;

	ASSERT_WORKER();
	if (q < 0) {
		port_handoff(w, ifp, pif->txto[w->id], m, n);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		bytes += m[i]->pkt_len;
		mcasts += *rte_pktmbuf_mtod(m[i], const uint8_t *) & 1;
	}
	sent = port_tx(w, pif, q, m, n);
	if (__builtin_expect(sent < n, 0)) {
		enum mp_drop why = atomic_load_explicit(&ifp->if_linkstate, memory_order_relaxed) == LINK_DOWN
				       ? DROP_LINK_DOWN
				       : DROP_TX_FULL;

		if (port->ops->tx_flush != NULL)
			port->ops->tx_flush(port, q);
		sent += port_tx(w, pif, q, m + sent, n - sent);
		for (unsigned i = sent; i < n; i++) {
			bytes -= m[i]->pkt_len;
			mcasts -= *rte_pktmbuf_mtod(m[i], const uint8_t *) & 1;
			pkt_drop(w, m[i], why);
		}
		mp_add(&st->odrops, n - sent);
	}
	mp_add(&st->opackets, sent);
	mp_add(&st->obytes, bytes);
	mp_add(&st->omcasts, mcasts);
	COUNT_ADD(w, PKT_TRANSMITTED, sent);
}

/*
 * => worker; at the end of a loop in which it transmitted
 */
void
port_flush(struct worker *w, struct ifnet *ifp)
{
	struct port_if *pif = ifp->if_softc;
	int q = pif->txq[w->id];

	if (q >= 0 && pif->port->ops->tx_flush != NULL)
		STAGE_CALL(w, TX_FLUSH, 0, pif->port->ops->tx_flush(pif->port, q));
}
