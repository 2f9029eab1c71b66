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

/*
 * => the queue's worker; one vector from the device through the stack; returns frames taken
 */
unsigned
port_poll(struct worker *w, struct mp_source *source)
{
	struct port_rxq *rxq = source->arg;
	struct pktvec v;
	unsigned n = rxq->rx_burst(rxq->port, rxq->q, v.m, PKT_VEC);

	if (n == 0)
		return 0;
	v.n = n;
	if_input(w, rxq->ifp, &v);
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
	sent = pif->tx_burst(port, q, m, n);
	if (__builtin_expect(sent < n, 0)) {
		enum mp_drop why = atomic_load_explicit(&ifp->if_linkstate, memory_order_relaxed) == LINK_DOWN
				       ? DROP_LINK_DOWN
				       : DROP_TX_FULL;

		if (port->ops->tx_flush != NULL)
			port->ops->tx_flush(port, q);
		sent += pif->tx_burst(port, q, m + sent, n - sent);
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
		pif->port->ops->tx_flush(pif->port, q);
}
