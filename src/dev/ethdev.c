/* SPDX-License-Identifier: BSD-2-Clause */
/* DPDK devices as workers see them: bursts. */
/*
 * Synchronization: each queue is used by one worker (port.h).
 * Lifetime: see ethdev_ctl.c.
 */
#include <rte_ethdev.h>

#include "dev/ethdev_var.h"
#include "pkt/pkt.h"

uint16_t
ethdev_rx_burst(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	const struct ethdev *ed = port->priv;

	ASSERT_WORKER();
	return rte_eth_rx_burst(ed->port_id, q, m, n);
}

uint16_t
ethdev_tx_burst(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	const struct ethdev *ed = port->priv;

	ASSERT_WORKER();
	return rte_eth_tx_burst(ed->port_id, q, m, n);
}

/* For a device that cannot send chains: what does not fit into one buffer counts as sent in error. */
uint16_t
ethdev_tx_burst_linear(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	const struct ethdev *ed = port->priv;
	uint16_t i, first = 0;

	ASSERT_WORKER();
	for (i = 0; i < n; i++) {
		if (likely(m[i]->nb_segs == 1) || rte_pktmbuf_linearize(m[i]) == 0)
			continue;
		first += rte_eth_tx_burst(ed->port_id, q, m + first, i - first);
		if (first < i)
			return first;
		rte_pktmbuf_free(m[i]);
		mp_add(&port->qstats[q].tx_errors, 1);
		first = i + 1;
	}
	return first + rte_eth_tx_burst(ed->port_id, q, m + first, n - first);
}
