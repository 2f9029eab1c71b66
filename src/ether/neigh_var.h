/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The neighbour cache, as its own files share it.
 *
 * Synchronization: control is the only reader and writer of everything here except struct neigh_worker.  Workers see a
 * neighbour through its next hop only.
 * Lifetime: a neighbour lives while it is in the hash; see neigh_free() in neigh_ctl.c.
 */
#ifndef SMPNET_NEIGH_VAR_H
#define SMPNET_NEIGH_VAR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "ether/ether.h"
#include "if/ifnet.h"
#include "mp/mp.h"

struct neigh;

/* What a worker told control lately, so that it does not repeat itself. */
#define NEIGH_TOLD     256
#define NEIGH_TOLD_MS  100
#define NEIGH_MAXQUEUE 16 /* packets that may wait for one neighbour, at most */

struct neigh_told {
	uint64_t since; /* [w] ms */
	uint32_t key;	/* [w] */
	uint32_t count; /* [w] packets told since then */
};
struct neigh_worker {			    /* w->proto[MP_SLOT_NEIGH] */
	struct neigh_told told[NEIGH_TOLD]; /* [w] */
};

/* Timers of the control thread: a heap by time, one event of the event loop for the earliest. */
struct neigh_timer {
	uint64_t nt_when;				   /* [c] ms */
	uint32_t nt_pos;				   /* [c] place in the heap + 1; 0: not set */
	void (*nt_fn)(struct neigh_timer *, uint64_t now); /* [c] */
};
int neigh_timer_init(void);
void neigh_timer_fini(void);
void neigh_timer_set(struct neigh_timer *, uint64_t when);
void neigh_timer_stop(struct neigh_timer *);
/* Runs what is due; returns ms until the next, or -1. */
int neigh_timer_run(uint64_t now);
uint64_t neigh_now(void);
extern uint64_t (*neigh_clock)(void); /* tests have their own */

#endif
