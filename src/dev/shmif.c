/* SPDX-License-Identifier: BSD-2-Clause */
/* shmif as workers see it: frames between the shared-memory segment and packets. */
/*
 * Synchronization: one worker reads (one receive queue: the wire's order is kept); each worker has a transmit queue with a
 * slot of its own, so that nothing is handed over to send and each flow leaves in order.  The attachment is loaded once
 * per call; control replaces it under RCU.
 * Lifetime: see shmif_ctl.c.
 */
#include <string.h>

#include "dev/shmif_var.h"
#include "pkt/pkt.h"

static struct shmif_att *
shmif_att(struct port *port)
{
	struct shmif_softc *sc = port->priv;

	return atomic_load_explicit(&sc->att, memory_order_acquire);
}

/* A packet, or a chain where it is longer than one buffer; NULL: the pool is empty. */
static struct rte_mbuf *
shmif_packet(const unsigned char *frame, uint32_t len)
{
	struct rte_mbuf *head = NULL, **next = &head, *m;

	do {
		uint16_t n;

		m = rte_pktmbuf_alloc(mp_self->pool);
		if (unlikely(m == NULL)) {
			rte_pktmbuf_free(head);
			return NULL;
		}
		n = RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(m));
		memcpy(rte_pktmbuf_mtod(m, void *), frame, n);
		m->data_len = n;
		m->pkt_len = 0;
		*next = m;
		next = &m->next;
		if (m != head)
			head->nb_segs++;
		head->pkt_len += n;
		frame += n;
		len -= n;
	} while (len > 0);
	return head;
}

uint16_t
shmif_rx_burst(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	struct shmif_softc *sc = port->priv;
	struct shmif_att *att = shmif_att(port);
	unsigned char *frame = sc->bounce[port->ntxq];
	struct shmif_frame f;
	uint64_t drops;
	uint16_t k = 0;

	ASSERT_WORKER();
	if (att == NULL)
		return 0;
	while (k < n && shmif_reader_next(att->reader, frame, &f)) {
		m[k] = shmif_packet(frame, f.len);
		if (unlikely(m[k] == NULL)) {
			mp_add(&port->qstats[q].rx_nobuf, 1);
			pkt_drop_unreceived(mp_self);
			break;
		}
		k++;
	}
	drops = shmif_reader_drops(att->reader);
	if (unlikely(drops != att->drops)) {
		mp_add(&port->qstats[q].rx_missed, drops - att->drops);
		att->drops = drops;
	}
	return k;
}

uint16_t
shmif_tx_burst(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	struct shmif_softc *sc = port->priv;
	struct shmif_att *att = shmif_att(port);

	ASSERT_WORKER();
	if (att == NULL)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		const void *frame;

		/* too long for the segment: put refuses it */
		frame = m[i]->pkt_len <= SHMIF_BUS_MAXFRAME ? rte_pktmbuf_read(m[i], 0, m[i]->pkt_len, sc->bounce[q])
							    : rte_pktmbuf_mtod(m[i], void *);
		if (unlikely(frame == NULL || !shmif_writer_put(att->writer[q], frame, m[i]->pkt_len)))
			mp_add(&port->qstats[q].tx_errors, 1);
		rte_pktmbuf_free(m[i]);
	}
	return n;
}

void
shmif_tx_flush(struct port *port, uint16_t q)
{
	struct shmif_att *att = shmif_att(port);

	if (att != NULL)
		shmif_writer_publish(att->writer[q]);
}

bool
shmif_rx_arm(struct port *port, uint16_t q)
{
	struct shmif_att *att = shmif_att(port);

	return att != NULL && shmif_reader_arm(att->reader);
}

void
shmif_rx_disarm(struct port *port, uint16_t q)
{
	struct shmif_att *att = shmif_att(port);

	if (att != NULL)
		shmif_reader_disarm(att->reader);
}
