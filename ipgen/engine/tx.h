/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending, as trials use it: a source of each worker for each transmit queue of a port that sends.
 *
 * A flow is sent by one queue: flow number modulo the sending queues.  A queue goes round its flows, so that a packet's
 * place in the queue's row says its flow and its sequence number, and nothing is kept by flow.
 *
 * Synchronization: a queue's state is its worker's ([w]); control gives orders by calls (mp_call) and reads single words.
 * Lifetime: queues from tx_prepare to tx_release.
 */
#ifndef IPGEN_TX_H
#define IPGEN_TX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipgen/trial.h"

struct port;
struct traffic;

struct tx_setup {
	struct port *port[2];		     /* of the trial; [1] is NULL with one */
	unsigned nports;		     /* direction d begins at port[d] */
	struct traffic *traffic[TRIAL_DIRS]; /* NULL: that direction is silent */
	double pps[TRIAL_DIRS];
	uint64_t packets; /* of each direction; 0: no limit */
	double seconds;	  /* 0: no limit */
	double warmup, ramp;
	unsigned burst;
	uint16_t magic; /* of what counts; the warm-up's is one less */
};

/* What a direction has sent so far. */
struct tx_counts {
	uint64_t sent, sent_octets, tx_full, slipped;
	uint64_t warm;	      /* of the warm-up */
	uint64_t first, last; /* TSC of the first and the last packet that counts */
	uint64_t burst[65];   /* by their size */
	uint64_t peak10ms;    /* tx_peaks must have been called each second */
	bool counting, done;  /* every queue's warm-up is over; every queue has nothing more to send */
};

/* => control; are the buffers large enough? */
bool tx_fits(const struct traffic *);
/* => control, at rest; 0, -EINVAL, -ENOMEM with err */
int tx_prepare(const struct tx_setup *, char *err, size_t errlen);
/* => control; workers begin to send at this TSC */
void tx_start(uint64_t at);
/* => control; no new packet; what is pending is taken back, done follows */
void tx_stop(void);
/* => control, from the event loop; each from the next packet on */
void tx_set_rate(unsigned dir, double pps);
void tx_set_traffic(unsigned dir, struct traffic *);
void tx_pause(bool);
/* => control; so far (words a little apart) */
void tx_counts(unsigned dir, struct tx_counts *);
/* => control, each second or more often while it sends: finds the most that was sent in 10 ms */
void tx_peaks(void);
/* => control; what a flow has sent that counts, exact when all is done */
uint32_t tx_flow_sent(unsigned dir, uint32_t flow);
/* => control, from main's level, after done; the sources go, the counts stay */
void tx_release(void);
/* => control, at the end */
void tx_fini(void);

#endif
