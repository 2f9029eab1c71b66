/* SPDX-License-Identifier: BSD-2-Clause */
/* What gen.c (workers) and gen_ctl.c (control) share. */
#ifndef SMPNET_DEV_GEN_VAR_H
#define SMPNET_DEV_GEN_VAR_H

#include <stdbool.h>
#include <stdint.h>

#include "dev/port.h"
#include "mp/mp.h"

#define GEN_RING     1024 /* slots of the virtual ring, as a device has */
#define GEN_RING_MAX 65536
#define GEN_FLOW0    1024u /* the first flow's UDP source port */
#define GEN_FLOWS    1024u
#define GEN_FLOWMAX  64512u /* ports from GEN_FLOW0 to 65535 */
#define GEN_MINFRAME 60
#define GEN_MAXFRAME 1514
#define GEN_FCS	     4 /* sizes are told with the frame check sequence, as they are on a wire */
#define GEN_TMPLMAX  3

/* One frame with everything but what differs from packet to packet; the sums are over the rest. */
struct gen_template {
	uint32_t ipsum;			  /* [I] IPv4 header without destination */
	uint32_t udpsum;		  /* [I] UDP with pseudo-header, without destination address and source port */
	uint16_t len;			  /* [I] */
	_Alignas(64) uint8_t frame[1536]; /* [I] */
};

/* A receive queue: a clock that fills a virtual ring.  Of the queue's worker alone, but for what control displays. */
struct gen_queue {
	uint64_t last;	  /* [w] TSC up to which arrivals are counted */
	uint64_t frac;	  /* [w] of an arrival, in 2^-64 */
	uint64_t ndst;	  /* [w] next in dsts */
	uint32_t ring;	  /* [w] frames that have arrived and were not asked for yet */
	uint32_t flow;	  /* [w] */
	uint32_t mix;	  /* [w] next in the order of sizes */
	bool running;	  /* [w] */
	uint64_t arrived; /* [w] */
	uint64_t direct;  /* [w] that went straight to the sink */
} __attribute__((aligned(128)));

struct gen_softc {
	uint64_t per_tick;   /* [I] arrivals a TSC tick and queue, in 2^-64; 0: as many as are asked for */
	const uint8_t *dsts; /* [I] packed destination addresses, in a mapping of dstslen octets */
	uint64_t ndsts;	     /* [I] at least one */
	uint32_t ring;	     /* [I] */
	uint32_t flows;	     /* [I] */
	uint16_t vec;	     /* [I] most packets a poll */
	bool direct;	     /* [I] from the source to the sink, past the router */
	uint8_t ntmpl;	     /* [I] */
	uint8_t nmix;	     /* [I] */
	uint8_t mix[12];     /* [I] templates in the order of their use */
	struct gen_template tmpl[GEN_TMPLMAX]; /* [I] */
	struct gen_queue queue[PORT_MAXQ];     /* [w] */

	/* control's */
	size_t dstslen;			   /* [I] */
	bool sink;			   /* [I] no source */
	int upfd;			   /* [I] readable while the interface is up: wakes the workers */
	uint64_t rate;			   /* [I] */
	unsigned family;		   /* [I] 4 or 6 */
	unsigned queues;		   /* [I] as asked for, 0: as many as workers */
	char *devstr;			   /* [I] */
	char *dstsfile;			   /* [I] or NULL */
	uint8_t src[16], dst[16], peer[6]; /* [I] */
	unsigned size;			   /* [I] with FCS; 0: IMIX */
};

uint16_t gen_rx_burst4(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
uint16_t gen_rx_burst6(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
uint16_t gen_tx_burst(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
bool gen_rx_arm(struct port *, uint16_t q);

/* gen_parse_ctl.c => helper thread or control; 0 or -errno with err naming the key and its value */
int gen_parse(struct gen_softc *, const char *devstr, char *err, size_t errlen);
int gen_read_dsts(struct gen_softc *, char *err, size_t errlen);
void gen_templates(struct gen_softc *);

#endif
