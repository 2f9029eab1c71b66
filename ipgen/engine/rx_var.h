/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trial's receiving state, shared by rx.c (workers) and rx_ctl.c (control).
 *
 * Synchronization: the table is published by rx_open and taken back by rx_close ([r]); what hangs on it is [I], a worker's
 * own, or an owner octet.  A flow belongs to the worker that saw its first packet: it moves the flow's owner octet from 0
 * to its id and one by a compare-and-swap, once a trial; all others hand the flow's packets over.
 * Lifetime: from rx_prepare to the next one, or rx_fini.
 */
#ifndef IPGEN_RX_VAR_H
#define IPGEN_RX_VAR_H

#include "ipgen/engine/rx.h"
#include "ipgen/engine/rx_shape.h"
#include "ipgen/engine/track.h"
#include "mp/mp.h"
#include "pkt/pkt.h"

#define RX_STAGE 0xff /* meta.stage of a packet that was handed over: none of enum pkt_stage */

/* Of a direction, by the worker that received (upper part) and by the flows' owners (lower part). */
struct rx_dir {
	uint64_t received, octets;			/* [w] */
	uint64_t corrupt, unattributed, misdelivered;	/* [w] */
	uint64_t stale, fragments, warm;		/* [w] */
	uint64_t first, last;				/* [w] TSC */
	uint64_t unique, missing, reordered, duplicate; /* [w] */
	uint64_t late, extent;				/* [w] */
};

struct rx_worker {
	struct rx_dir dir[TRIAL_DIRS];	     /* [w] */
	uint64_t other;			     /* [w] */
	uint64_t last;			     /* [w] TSC of the last packet of the trial, its warm-up too */
	uint32_t unlike;		     /* [w] right frames that no shape fitted */
	struct hist hist[TRIAL_DIRS];	     /* [w] ticks */
	struct rx_shape shape[2][RX_SHAPES]; /* [w] by port */
};

struct rx_flows {
	struct track *track;	    /* [I] the array; [w] each by its owner */
	uint8_t *tail;		    /* [I] the array of struct track_tail; likewise */
	_Atomic uint8_t *owner;	    /* [a] */
	struct track_shape shape;   /* [I] */
	size_t track_len, tail_len; /* [I] octets mapped */
};

struct rx_table {
	struct rx_match match;			       /* [I] */
	struct ifnet *ifp[2];			       /* [I] */
	struct rx_port port[2];			       /* [I] */
	struct rx_flows flows[TRIAL_DIRS];	       /* [I] */
	bool many;				       /* [I] flows' state is not in the first caches: prefetch */
	bool replay[TRIAL_DIRS];		       /* [I] frames of a file, without signature */
	struct rx_worker *worker[MP_MAXWORKERS];       /* [I] */
	uint32_t (*sent)(unsigned dir, uint32_t flow); /* [I] */
	uint64_t tester_lost;			       /* [c] when it was made */
	uint64_t key[TRIAL_DIRS];		       /* [c] hash of the list of flows that match.find is of */
};

/* Packets for other workers. */
struct rx_hand {
	struct pktvec to[MP_MAXWORKERS]; /* [w] */
};

extern struct rx_table *_Atomic rx_now;	       /* [r] never NULL after rx_init */
extern struct rx_table *_Atomic rx_closing;    /* [r] NULL, or whose packets are still counted that were handed over */
extern struct rx_hand *rx_hand[MP_MAXWORKERS]; /* [I] after rx_init */

static inline struct track_tail *
rx_tail(const struct rx_flows *f, uint32_t flow)
{
	return (struct track_tail *)(void *)(f->tail + f->shape.tail * flow);
}

/* => any thread */
uint64_t rx_find_hash(unsigned family, unsigned proto, const uint8_t *src, const uint8_t *dst, uint32_t ports);
/* => control; tables over a list of flows; 0 or -ENOMEM */
int rx_find_build(struct rx_find *, const struct flow *, uint32_t n);
void rx_find_free(struct rx_find *);

#endif
