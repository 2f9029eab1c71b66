/* SPDX-License-Identifier: BSD-2-Clause */
/* A pair of ports in memory, or one that comes back to itself, as control sees it. */
/*
 * Synchronization: control; stop and close run on a helper thread when no worker uses the port any more.  loop_pair.port
 * is control's alone.
 * Lifetime: struct loop_end from loop_open to its port's close; struct loop_pair, with the rings and what they hold, until
 * the last of its ports is closed: a port may send into a ring that nobody reads any more, until it is full.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipgen/engine/engine.h"
#include "ipgen/engine/loop_var.h"
#include "pkt/pkt.h"

#define LOOP_MTU_MAX 9000

static unsigned loops; /* [c] pairs made so far, for link addresses */

/* No worker looks any more: what the rings hold goes home. */
static void
pair_free(struct loop_pair *pair)
{
	for (unsigned i = 0; i < pair->queues; i++) {
		for (unsigned e = 0; pair->ring[i] != NULL && e < pair->nend; e++) {
			struct loop_ring *r = &pair->ring[i][e];

			for (uint32_t k = r->head; k != r->tail; k++)
				rte_pktmbuf_free(r->slot[k % LOOP_RING]);
		}
		free(pair->ring[i]);
	}
	free(pair);
}

static void
loop_close(struct port *port)
{
	struct loop_end *end = port->priv;

	if (atomic_fetch_sub_explicit(&end->pair->ends, 1, memory_order_acq_rel) == 1)
		pair_free(end->pair);
	free(end);
}

/* The other end's link goes with this one. */
static void
loop_detaching(struct port *port)
{
	struct loop_end *end = port->priv;
	struct loop_pair *pair = end->pair;

	ASSERT_CONTROL();
	pair->port[end->index] = NULL;
	if (pair->nend == 2 && pair->port[!end->index] != NULL)
		port_link_changed(pair->port[!end->index]);
}

static int
loop_link(struct port *port, struct port_link *link)
{
	struct loop_end *end = port->priv;

	ASSERT_CONTROL();
	link->up = end->pair->port[end->pair->nend - 1 - end->index] != NULL;
	return 0;
}

static int
loop_rx_fd(struct port *port, uint16_t q)
{
	return -1;
}

static int
loop_set_lladdr(struct port *port, const uint8_t *lladdr)
{
	return 0;
}

static const struct port_ops loop_ops = {
    .kind = "loop",
    .detaching = loop_detaching,
    .close = loop_close,
    .rx_burst = loop_rx_burst,
    .tx_burst = loop_tx_burst,
    .rx_fd = loop_rx_fd,
    .rx_arm = loop_rx_arm,
    .link = loop_link,
    .set_lladdr = loop_set_lladdr,
};

/* One end's port, not placed yet; NULL: no memory */
static struct port *
loop_port(struct loop_pair *pair, unsigned index)
{
	struct port *port = calloc(1, sizeof(*port));
	struct loop_end *end = calloc(1, sizeof(*end));

	if (port == NULL || end == NULL) {
		free(port);
		free(end);
		return NULL;
	}
	*end = (struct loop_end){.pair = pair, .index = index};
	for (unsigned q = 0; q < pair->queues; q++) {
		end->rx[q] = &pair->ring[q][index];
		end->tx[q] = &pair->ring[q][pair->nend - 1 - index];
	}
	port->ops = &loop_ops;
	port->priv = end;
	snprintf(port->name, sizeof(port->name), "loop%u", index);
	memcpy(port->lladdr, "\x02lo", 3);
	port->lladdr[3] = loops >> 8;
	port->lladdr[4] = loops;
	port->lladdr[5] = index;
	port->mtu_max = LOOP_MTU_MAX;
	port->nrxq = port->ntxq = pair->queues;
	pair->port[index] = port;
	return port;
}

int
loop_open(unsigned queues, struct port **a, struct port **b, char *err, size_t errlen)
{
	struct loop_pair *pair = calloc(1, sizeof(*pair));

	ASSERT_CONTROL();
	if (queues == 0)
		queues = mp_nworkers;
	if (queues > PORT_MAXQ)
		queues = PORT_MAXQ;
	if (pair == NULL)
		goto nomem;
	pair->queues = queues;
	pair->nend = b != NULL ? 2 : 1;
	atomic_init(&pair->ends, pair->nend);
	for (unsigned q = 0; q < queues; q++) {
		size_t len = pair->nend * sizeof(struct loop_ring);

		pair->ring[q] = aligned_alloc(128, len);
		if (pair->ring[q] == NULL)
			goto nomem;
		memset(pair->ring[q], 0, len);
		lines_exempt(pair->ring[q], len, "loop, ring");
	}
	loops++;
	*a = loop_port(pair, 0);
	if (*a == NULL)
		goto nomem;
	if (b != NULL && (*b = loop_port(pair, 1)) == NULL) {
		free((*a)->priv);
		free(*a);
		goto nomem;
	}
	port_place_queues(*a);
	if (b != NULL)
		port_place_queues(*b);
	return 0;
nomem:
	if (pair != NULL)
		pair_free(pair);
	snprintf(err, errlen, "loop: %s", strerror(ENOMEM));
	return -ENOMEM;
}
