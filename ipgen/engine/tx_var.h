/* SPDX-License-Identifier: BSD-2-Clause */
/* What tx.c, tx_replay.c (workers) and tx_ctl.c (control) share. */
#ifndef IPGEN_TX_VAR_H
#define IPGEN_TX_VAR_H

#include "dev/port.h"
#include "ipgen/engine/pace.h"
#include "ipgen/engine/tx.h"
#include "ipgen/traffic/frame.h"
#include "mp/mp.h"

#define TX_MAXBURST 64
#define TX_QUEUES   (TRIAL_DIRS * PORT_MAXQ)

/* A row of counts of what was sent in stretches of 10 ms / TX_STRETCH: number of the stretch << 24 | packets. */
#define TX_STRETCH 32
#define TX_ROW	   8192 /* 2.5 s: control looks more often */
#define TX_COUNT   0xffffffu

enum tx_phase { TX_WAIT, TX_WARM, TX_COUNTS, TX_DONE };

/* What is filled and not sent yet, first to last. */
struct tx_pending {
	unsigned n;			 /* [w] */
	struct rte_mbuf *m[TX_MAXBURST]; /* [w] */
	uint8_t *sig[TX_MAXBURST];	 /* [w] where the signature goes */
	uint64_t id[TX_MAXBURST];	 /* [w] its second word: sequence number, flow */
	uint16_t size[TX_MAXBURST];	 /* [w] with FCS */
};

struct tx_stats {
	uint64_t sent, octets;		 /* [w] of what counts */
	uint64_t warm;			 /* [w] */
	uint64_t full, slipped;		 /* [w] */
	uint64_t first, last;		 /* [w] TSC */
	uint64_t burst[TX_MAXBURST + 1]; /* [w] */
	uint64_t phase;			 /* [w] enum tx_phase */
};

struct tx_queue {
	struct mp_source source;						     /* [I] its first member */
	struct port *port;							     /* [I] */
	uint16_t (*tx_burst)(struct port *, uint16_t, struct rte_mbuf **, uint16_t); /* [I] */
	void (*tx_flush)(struct port *, uint16_t);				     /* [I] or NULL */
	struct rte_mempool *pool;						     /* [I] its worker's */
	bool keeps;	   /* [I] buffers come back as they were: frame_key says what is in them */
	uint16_t q;	   /* [I] of the port */
	uint16_t worker;   /* [I] */
	uint8_t dir;	   /* [I] */
	uint32_t index;	   /* [I] among the direction's queues */
	uint32_t stride;   /* [I] their number */
	uint32_t flows;	   /* [I] of this queue */
	uint32_t dirbit;   /* [I] SIG_DIR or 0 */
	uint16_t magic;	   /* [I] of what counts */
	unsigned burst;	   /* [I] most at once */
	uint64_t start;	   /* [w] TSC, set before the source is added */
	uint64_t warm_end; /* [w] = start without a warm-up */
	uint64_t ramp_end; /* [w] <= warm_end */
	uint64_t end;	   /* [w] TSC; UINT64_MAX >> 1: none */
	uint64_t limit;	   /* [w] packets; UINT64_MAX: none */
	double pps;	   /* [w] of this queue */

	const struct traffic *traffic; /* [w] set by calls */
	enum tx_phase phase;	       /* [w] */
	bool paused;		       /* [w] set by calls */
	uint32_t flow, seq, size;      /* [w] of the next packet to be filled */
	uint64_t unlike;	       /* [w] packets until sizes and flows meet as they did; then a size is left out */
	struct pace pace;	       /* [w] */
	struct tx_pending pending;     /* [w] */
	uint64_t stretch_end;	       /* [w] TSC */
	uint64_t stretch, in_stretch;  /* [w] its number, packets in it */
	uint64_t stretch_ticks;	       /* [I] */
	uint32_t replay;	       /* [w] the next packet of the file */
	uint64_t round;		       /* [w] of the file */
	uint64_t period;	       /* [I] ticks from round to round; 0: the rate says when */
	double ticks_ns;	       /* [I] ticks a nanosecond */

	_Alignas(128) struct tx_stats stats; /* [w] read by control as it is */
	uint64_t row[TX_ROW];		     /* [w] likewise */
};

/* => worker; the sources' polls */
unsigned tx_poll(struct worker *, struct mp_source *);
unsigned tx_poll_replay(struct worker *, struct mp_source *);
unsigned tx_poll_awake(struct worker *, struct mp_source *);
bool tx_arm(struct worker *, struct mp_source *);

/* => worker; sends the first n of what is pending; counts them, sent at TSC now; how many went */
unsigned tx_send(struct tx_queue *, unsigned n, uint64_t now);
/* tx_fill.c => worker; fills pending up to n; false: no buffers */
bool tx_fill(struct tx_queue *, unsigned n);
/* => worker; n buffers at m, as new; false: the pool is empty */
bool tx_alloc(struct tx_queue *, struct rte_mbuf **m, unsigned n);
/* => worker; what is pending is never sent */
void tx_discard(struct tx_queue *);
void tx_set_phase(struct tx_queue *, enum tx_phase);
/* => worker; the end of what counts: what is overdue has slipped */
void tx_finish(struct tx_queue *);
/* => worker, control at rest; sizes that a queue goes through together with its flows begin anew */
void tx_walk(struct tx_queue *);

/*
 * tx_pool_ctl.c => control: a pool of buffers for each worker that only sending uses, as many as said (0: the default) and
 * as devices with so many queues (0: as many as workers) may keep; 0 or -errno
 */
int tx_pool_init(unsigned buffers, unsigned buffer_size, unsigned queues);
void tx_pool_fini(void);
struct rte_mempool *tx_pool(unsigned worker);

#endif
