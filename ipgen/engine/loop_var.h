/* SPDX-License-Identifier: BSD-2-Clause */
/* What loop.c (workers) and loop_ctl.c (control) share. */
#ifndef IPGEN_LOOP_VAR_H
#define IPGEN_LOOP_VAR_H

#include "dev/port.h"
#include "mp/mp.h"

#define LOOP_RING 1024

/* One direction of one queue: one worker writes, one reads. */
struct loop_ring {
	_Alignas(128) _Atomic uint32_t tail;		/* [a] written by the sender */
	uint32_t head_seen;				/* [w] the sender's */
	_Alignas(128) _Atomic uint32_t head;		/* [a] written by the receiver */
	uint32_t tail_seen;				/* [w] the receiver's */
	_Alignas(128) struct rte_mbuf *slot[LOOP_RING]; /* [w] from head to tail the receiver's, else the sender's */
};

struct loop_pair {
	struct port *port[2];		   /* [c] NULL: none, or closed */
	_Atomic unsigned ends;		   /* [a] ports that are not closed yet */
	struct loop_ring *ring[PORT_MAXQ]; /* [I] rings of the queues: nend of each, by the end that receives */
	unsigned queues;		   /* [I] */
	unsigned nend;			   /* [I] 1 or 2 */
};

/* One end: a port's priv. */
struct loop_end {
	struct loop_pair *pair;		 /* [I] */
	unsigned index;			 /* [I] */
	struct loop_ring *rx[PORT_MAXQ]; /* [I] */
	struct loop_ring *tx[PORT_MAXQ]; /* [I] */
};

uint16_t loop_rx_burst(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
uint16_t loop_tx_burst(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
bool loop_rx_arm(struct port *, uint16_t q);

#endif
