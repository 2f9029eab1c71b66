/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receiving, as trials use it: what came is known by its signature, counted by direction and followed by flow.
 *
 * A trial has two magics: packets of its warm-up carry magic - 1, those that count carry magic.  Both are of the trial;
 * the sequence numbers of each begin at 0 in every flow.  What carries any other of the SIG_TRIALS magics is stale.
 *
 * Synchronization: a worker counts in lines of its own ([w]), control reads single words.  rx_prepare and rx_collect run
 * while no worker looks at the tables: before rx_open, and after rx_settle (where no worker runs: rx_close).
 * Lifetime: tables from rx_prepare to the next rx_prepare or rx_fini; the traffic outlives rx_close.
 */
#ifndef IPGEN_RX_H
#define IPGEN_RX_H

#include <stdbool.h>
#include <stdint.h>

#include "ipgen/engine/rx_check.h"
#include "ipgen/hist.h"
#include "ipgen/sig.h"
#include "ipgen/trial.h"

struct worker;
struct rte_mbuf;
struct ifnet;
struct traffic;

struct rx_setup {
	struct ifnet *port[2]; /* of the trial; [1] is NULL with one */
	unsigned nports;       /* direction d ends at port[nports - 1 - d], with one port at port[0] */
	const struct traffic *traffic[TRIAL_DIRS]; /* NULL: that direction is silent */
	uint16_t magic;
	/* => what a flow has sent that counts, exact at rest: tx_flow_sent; NULL: as much as came */
	uint32_t (*sent)(unsigned dir, uint32_t flow);
};

/* => control, after mp_start and before mp_run; 0 or -errno */
int rx_init(void);
/* => control, after the workers have stopped looking (before mp_stop) */
void rx_fini(void);

/* => worker; mp_hooks.receive and mp_hooks.resume (what is not handed over by rx goes to pkt_resume) */
void rx_receive(struct worker *);
void rx_resume(struct worker *, struct rte_mbuf **, unsigned n);

/* => control; tables for a trial's flows, empty; 0, -ENOMEM with err */
int rx_prepare(const struct rx_setup *, char *err, size_t errlen);
/* => control; what comes is counted from now on */
void rx_open(void);
/* => control; what comes from now on is stale */
void rx_close(void);
/*
 * => control, from main's level: the same, and what workers have handed to each other by then is counted.  When it returns
 *    no worker looks at the tables any more
 */
void rx_settle(void);
/* => control; other sizes for a direction (the same flows), from the next vector on */
void rx_traffic(unsigned dir, const struct traffic *);

/* => control, any time while the trial lasts; adds what has been counted so far (all but sent, sent_octets, tx_full, slipped) */
void rx_counts(struct trial_counts counts[TRIAL_DIRS], uint64_t *other, uint64_t *tester_lost);
/* => control; packets of the warm-up that came, of a direction */
uint64_t rx_warm(unsigned dir);
/* => control; TSC of the last vector with a test packet of this trial, 0: none yet */
uint64_t rx_lastarrival(void);
/* => control; adds what has been measured so far (live: words a little apart) */
void rx_latency(unsigned dir, struct hist *);
/* => control; the jitter so far, mean and largest of the first 1024 flows (live), in nanoseconds */
void rx_jitter(unsigned dir, struct trial_latency *);

/*
 * => control, at rest; fills the receiving side of the result: counts, rx_pps, latency with jitter, hist, flows,
 *    flows_lossy, other, tester_lost.  count.sent is there already; what a flow has sent is asked of setup.sent
 */
void rx_collect(struct trial_result *);
/* => control, at rest, after rx_collect; all of a flow */
void rx_flow(unsigned dir, uint32_t flow, struct trial_flow_result *);
/* => control; ticks as nanoseconds: count, quantiles and mean of a histogram; the jitter stays as it is */
void rx_latency_of(const struct hist *, struct trial_latency *);

#endif
