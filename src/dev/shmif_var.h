/* SPDX-License-Identifier: BSD-2-Clause */
/* What shmif.c (workers) and shmif_ctl.c (control) share. */
#ifndef SMPNET_SHMIF_VAR_H
#define SMPNET_SHMIF_VAR_H

#include <sys/queue.h>

#include "dev/port.h"
#include "dev/shmif_bus.h"
#include "mp/mp.h"

/* An attachment to a segment.  Workers find it through sc->att. */
struct shmif_att {
	struct shmif_bus *bus;				    /* [I] */
	struct shmif_reader *reader;			    /* [w] of receive queue 0 */
	struct shmif_writer *writer[MP_MAXWORKERS];	    /* [w] one for each transmit queue */
	_Alignas(MP_CACHELINE) uint64_t drops;		    /* [w] of receive queue 0: reader drops seen */
	_Alignas(MP_CACHELINE) struct mp_deferred deferred; /* [c] */
};

struct shmif_softc {
	struct shmif_att *_Atomic att; /* [r] NULL: not attached, or media none */
	/* control's */
	struct port *port;	      /* [I] */
	char *linkstr;		      /* [c] absolute path, NULL: none */
	bool media_none;	      /* [c] */
	bool lost;		      /* [c] the segment broke; tried again each second */
	int epfd;		      /* [I] what a worker waits on: holds the reader's descriptor */
	LIST_ENTRY(shmif_softc) list; /* [c] */
	/* one for each queue: frames on their way between chains and the segment */
	unsigned char (
	    *bounce)[SHMIF_BUS_MAXFRAME + 2]; /* [w] of the queue; receive queue 0 has the last; whole cache lines */
};

/* => control, at start and at the end */
int shmif_init(void);
void shmif_fini(void);

uint16_t shmif_rx_burst(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
uint16_t shmif_tx_burst(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
void shmif_tx_flush(struct port *, uint16_t q);
bool shmif_rx_arm(struct port *, uint16_t q);
void shmif_rx_disarm(struct port *, uint16_t q);

#endif
