/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel tap as an interface: frames as workers read and write them.
 *
 * The descriptor has no offloads, so that the kernel cuts segments and completes checksums before we read them.
 *
 * Synchronization: one worker reads; every worker writes, each frame with one call, which the kernel keeps apart.
 * Lifetime: see tap_ctl.c.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dev/tap_var.h"
#include "pkt/pkt.h"

#define TAP_MAXSEG 16 /* parts of one frame */

/* Appends what did not fit into the first buffer; false: pool empty */
static bool
tap_append(struct rte_mbuf *head, const uint8_t *rest, uint32_t len)
{
	struct rte_mbuf *last = head;

	while (len > 0) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(mp_self->pool);

		if (m == NULL)
			return false;
		m->data_len = RTE_MIN(len, (uint32_t)rte_pktmbuf_tailroom(m));
		memcpy(rte_pktmbuf_mtod(m, void *), rest, m->data_len);
		rest += m->data_len;
		len -= m->data_len;
		head->pkt_len += m->data_len;
		head->nb_segs++;
		last->next = m;
		last = m;
	}
	return true;
}

/* The kernel's device was deleted: its descriptor would be ready for ever. */
static void
tap_died(struct tap_softc *sc)
{
	sc->dead = true;
	epoll_ctl(sc->epfd, EPOLL_CTL_DEL, sc->fd, NULL);
}

uint16_t
tap_rx_burst(struct port *port, uint16_t q, struct rte_mbuf **pkts, uint16_t n)
{
	struct tap_softc *sc = port->priv;
	struct port_qstats *stats = &port->qstats[q];
	uint16_t got = 0;

	ASSERT_WORKER();
	if (sc->idle > 0) {
		sc->idle--;
		return 0;
	}
	if (sc->dead)
		return 0;
	while (got < n) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(mp_self->pool);
		struct iovec iov[2];
		ssize_t len;

		if (unlikely(m == NULL)) {
			/* The frame waits in the kernel. */
			mp_add(&stats->rx_nobuf, 1);
			break;
		}
		iov[0] = (struct iovec){rte_pktmbuf_mtod(m, void *), rte_pktmbuf_tailroom(m)};
		iov[1] = (struct iovec){sc->rest, TAP_MTU_MAX};
		len = readv(sc->fd, iov, 2);
		if (len < 14) {
			rte_pktmbuf_free(m);
			if (len < 0) {
				if (errno != EAGAIN && errno != EINTR)
					tap_died(sc);
				sc->idle = got == 0 ? TAP_IDLE : 0;
				break;
			}
			mp_add(&stats->rx_errors, 1);
			continue;
		}
		m->data_len = m->pkt_len = RTE_MIN((size_t)len, iov[0].iov_len);
		if (unlikely((size_t)len > iov[0].iov_len) && !tap_append(m, sc->rest, len - iov[0].iov_len)) {
			mp_add(&stats->rx_nobuf, 1);
			pkt_drop_unreceived(mp_self);
			rte_pktmbuf_free(m);
			continue;
		}
		pkts[got++] = m;
	}
	return got;
}

uint16_t
tap_tx_burst(struct port *port, uint16_t q, struct rte_mbuf **pkts, uint16_t n)
{
	struct tap_softc *sc = port->priv;

	ASSERT_WORKER();
	for (uint16_t i = 0; i < n; i++) {
		struct iovec iov[TAP_MAXSEG];
		int parts = 0;

		for (struct rte_mbuf *m = pkts[i]; m != NULL && parts < TAP_MAXSEG; m = m->next)
			iov[parts++] = (struct iovec){rte_pktmbuf_mtod(m, void *), m->data_len};
		if (parts < pkts[i]->nb_segs || writev(sc->fd, iov, parts) < 0) {
			if (errno == EAGAIN && parts == pkts[i]->nb_segs)
				return i;
			mp_add(&port->qstats[q].tx_errors, 1); /* down in Linux, or gone: lost */
		}
		rte_pktmbuf_free(pkts[i]);
	}
	return n;
}

bool
tap_rx_arm(struct port *port, uint16_t q)
{
	/* The set is level-triggered: a frame that is there already ends the wait at once. */
	return false;
}

void
tap_rx_disarm(struct port *port, uint16_t q)
{
	struct tap_softc *sc = port->priv;

	ASSERT_WORKER();
	sc->idle = 0;
}
