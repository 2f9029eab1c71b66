/* SPDX-License-Identifier: BSD-2-Clause */
/* What port.c (workers) and port_ctl.c (control) share. */
#ifndef SMPNET_PORT_VAR_H
#define SMPNET_PORT_VAR_H

#include "dev/port.h"
#include "if/ifnet.h"
#include "mp/mp.h"

struct port_rxq {
	struct mp_source source;							 /* [I] */
	struct port *port;								 /* [I] */
	struct ifnet *ifp;								 /* [I] */
	uint16_t q;									 /* [I] */
	uint16_t (*rx_burst)(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n); /* [I] */
};

#define PORT_MAXDONE 4

struct port_if {
	struct port *port;								 /* [I] */
	uint16_t (*tx_burst)(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n); /* [I] */
	int16_t txq[MP_MAXWORKERS];	/* [I] the worker's transmit queue, -1: none */
	uint16_t txto[MP_MAXWORKERS];	/* [I] whom a worker without one hands its frames to */
	struct port_rxq rxq[PORT_MAXQ]; /* [I] */
	bool rxadded[PORT_MAXQ];	/* [c] */
	struct port_link link;		/* [c] as last read */
	enum port_media media;		/* [c] */
	bool detaching;			/* [c] */
	unsigned ndone;			/* [c] */
	struct {
		void (*fn)(void *);
		void *arg;
	} done[PORT_MAXDONE]; /* [c] to be told at the end of a detach */
};

unsigned port_poll(struct worker *, struct mp_source *);
bool port_arm(struct worker *, struct mp_source *);
void port_disarm(struct worker *, struct mp_source *);
void port_transmit(struct worker *, struct ifnet *, struct rte_mbuf **, unsigned n);
void port_flush(struct worker *, struct ifnet *);

#endif
