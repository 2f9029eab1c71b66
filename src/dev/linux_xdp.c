/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A Linux interface by AF_XDP in copy mode: a socket and a memory of its own for every receive queue of the device, which
 * one XDP program fills by the queue's number.
 *
 * Frames are copied between that memory and the worker's buffers, so that every buffer's owner is plain and nothing can be lost
 * with a socket.  A port queue serves the device's queues q, q + n, q + 2n ... where the port has fewer queues than the device.
 *
 * Synchronization: a device queue's socket belongs to the worker of its port queue between start and stop, both rings; the
 * transmit side to the worker of the port's transmit queue of that number, which is why a port's receive and transmit queue
 * of one number may have different workers: they touch different rings.
 * Lifetime: the program from open to close (its link vanishes with our descriptor), sockets from start to stop.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>
#include <xdp/xsk.h>

#include "dev/linux.h"
#include "dev/linux_gso.h"
#include "pkt/pkt.h"

#define XDP_RXFRAMES   2048u
#define XDP_TXFRAMES   1024u
#define XDP_MAXDEVQ    64u
#define XDP_BUSY_TRIES 200
#define XDP_BUSY_US    10000
#define MISSED_EVERY   1024 /* full bursts between two questions what was lost */
/* The kernel sends this many frames a call. */
#define XDP_KERNEL_BATCH 32u

struct xdp_queue {
	struct xsk_ring_cons rx;   /* [w] receiving worker */
	struct xsk_ring_prod fill; /* [w] receiving worker */
	uint64_t missed;	   /* [w] receiving worker: the kernel's count when last read */
	uint32_t bursts;	   /* [w] receiving worker */
	uint16_t turn;		   /* [w] of port queue and device queue alike: its next burst begins there */
	_Alignas(64) struct xsk_ring_prod tx; /* [w] transmitting worker */
	struct xsk_ring_cons comp;	      /* [w] transmitting worker */
	uint64_t txfree[XDP_TXFRAMES];	      /* [w] transmitting worker */
	uint32_t ntxfree;		      /* [w] */
	_Alignas(64) struct xsk_socket *xsk;  /* [I] */
	struct xsk_umem *umem;		      /* [I] */
	uint8_t *area;			      /* [I] */
	size_t arealen;			      /* [I] */
	uint32_t chunk;			      /* [I] */
} __attribute__((aligned(64)));

struct linux_xdp {
	int prog, map, link;		   /* [I] after open */
	unsigned ndevq;			   /* [I] after start */
	unsigned nportq;		   /* [I] after start */
	struct linux_wait wait[PORT_MAXQ]; /* [w] of each port queue's worker */
	struct xdp_queue *q[XDP_MAXDEVQ];  /* [I] after start */
};

/*
 * => helper thread; loads the program and attaches it in the driver.  0 or -errno: refused (no support, MTU too large,
 * queues that do not match, a program already there: -EBUSY).
 */
int
linux_xdp_open(struct linux_port *lp, char *err, size_t errlen)
{
	LIBBPF_OPTS(bpf_link_create_opts, lopts, .flags = XDP_FLAGS_DRV_MODE);
	struct linux_xdp *x;
	bool tags;
	int error;

	/* What goes wrong is said in our own words. */
	libbpf_set_print(NULL);
	libxdp_set_print(NULL);
	if (lp->devrxq > XDP_MAXDEVQ)
		return linux_fail(err, errlen, lp->ifname, EOPNOTSUPP, "too many queues for AF_XDP");
	x = calloc(1, sizeof(*x));
	if (x == NULL)
		return linux_fail(err, errlen, lp->ifname, ENOMEM, "AF_XDP");
	x->prog = x->link = -1;
	for (unsigned i = 0; i < PORT_MAXQ; i++)
		x->wait[i].epfd = -1;
	lp->xdp = x;
	x->map = bpf_map_create(BPF_MAP_TYPE_XSKMAP, "smpnet_xsk", sizeof(int), sizeof(int), lp->devrxq, NULL);
	if (x->map < 0) {
		error = x->map;
		goto fail;
	}
	x->prog = linux_xdp_prog_load(x->map, lp->ifindex, &tags);
	if (x->prog < 0) {
		error = x->prog;
		goto fail;
	}
	/* Before Linux 6.8 a frame whose tag lies beside it would come without, as if from another network. */
	if (!tags && lp->opts.via == LINUX_VIA_AUTO && linux_ethtool_rxvlan(lp->ifname)) {
		linux_xdp_close(lp);
		return linux_fail(
		    err, errlen, lp->ifname, EOPNOTSUPP, "vlan tags would be lost by AF_XDP on this kernel");
	}
	x->link = bpf_link_create(x->prog, lp->ifindex, BPF_XDP, &lopts);
	if (x->link < 0) {
		error = x->link == -EEXIST ? -EBUSY : x->link;
		goto fail;
	}
	return 0;
fail:
	linux_xdp_close(lp);
	return linux_fail(err, errlen, lp->ifname, -error,
	    error == -EBUSY ? "an XDP program is already there" : "the driver refuses an XDP program");
}

void
linux_xdp_close(struct linux_port *lp)
{
	struct linux_xdp *x = lp->xdp;

	if (x == NULL)
		return;
	if (x->link >= 0)
		close(x->link);
	if (x->prog >= 0)
		close(x->prog);
	if (x->map >= 0)
		close(x->map);
	free(x);
	lp->xdp = NULL;
}

static void
queue_close(struct xdp_queue *q)
{
	if (q == NULL)
		return;
	if (q->xsk != NULL)
		xsk_socket__delete(q->xsk);
	if (q->umem != NULL)
		xsk_umem__delete(q->umem);
	if (q->area != NULL)
		munmap(q->area, q->arealen);
	free(q);
}

static int
queue_open(struct linux_port *lp, struct linux_xdp *x, unsigned index)
{
	const struct xsk_socket_config cfg = {
	    .rx_size = XDP_RXFRAMES,
	    .tx_size = XDP_TXFRAMES,
	    .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
	    .bind_flags = XDP_COPY | XDP_USE_NEED_WAKEUP,
	};
	struct xsk_umem_config ucfg = {.fill_size = XDP_RXFRAMES, .comp_size = XDP_TXFRAMES};
	struct xdp_queue *q = aligned_alloc(64, sizeof(*q));
	uint32_t idx;
	int error, fd, sndbuf = 2 * XDP_TXFRAMES * 4096;

	if (q == NULL)
		return -ENOMEM;
	memset(q, 0, sizeof(*q));
	x->q[index] = q;
	/* Before each received frame the kernel leaves XDP_PACKET_HEADROOM octets. */
	q->chunk = lp->mtu + 18 + 256 <= 2048 ? 2048 : 4096;
	ucfg.frame_size = q->chunk;
	q->arealen = (size_t)(XDP_RXFRAMES + XDP_TXFRAMES) * q->chunk;
	q->area = mmap(NULL, q->arealen, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (q->area == MAP_FAILED) {
		q->area = NULL;
		return -ENOMEM;
	}
	error = xsk_umem__create(&q->umem, q->area, q->arealen, &q->fill, &q->comp, &ucfg);
	if (error != 0) {
		q->umem = NULL;
		return error;
	}
	error = xsk_socket__create(&q->xsk, lp->ifname, index, q->umem, &q->rx, &q->tx, &cfg);
	if (error != 0) {
		q->xsk = NULL;
		return error;
	}
	if (xsk_ring_prod__reserve(&q->fill, XDP_RXFRAMES, &idx) != XDP_RXFRAMES)
		return -EIO;
	for (uint32_t i = 0; i < XDP_RXFRAMES; i++)
		*xsk_ring_prod__fill_addr(&q->fill, idx++) = (uint64_t)i * q->chunk;
	xsk_ring_prod__submit(&q->fill, XDP_RXFRAMES);
	for (uint32_t i = 0; i < XDP_TXFRAMES; i++)
		q->txfree[q->ntxfree++] = (uint64_t)(XDP_RXFRAMES + i) * q->chunk;
	fd = xsk_socket__fd(q->xsk);
	/* All transmit frames at once may be on their way. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &sndbuf, sizeof(sndbuf));
	return bpf_map_update_elem(x->map, &index, &fd, 0);
}

/*
 * The kernel lets go of a queue some time after the descriptor that had it is closed (a work item): an interface that was
 * given back a moment ago is asked for again for a while.
 */
static int
queue_open_patiently(struct linux_port *lp, struct linux_xdp *x, unsigned index)
{
	int error = queue_open(lp, x, index);

	for (unsigned i = 0; error == -EBUSY && i < XDP_BUSY_TRIES; i++) {
		queue_close(x->q[index]);
		x->q[index] = NULL;
		usleep(XDP_BUSY_US);
		error = queue_open(lp, x, index);
	}
	return error;
}

int
linux_xdp_start(struct port *port, char *err, size_t errlen)
{
	struct linux_port *lp = port->priv;
	struct linux_xdp *x = lp->xdp;
	int error = 0;

	x->ndevq = lp->devrxq;
	x->nportq = port->nrxq;
	for (unsigned i = 0; i < x->ndevq && error == 0; i++)
		error = queue_open_patiently(lp, x, i);
	for (unsigned p = 0; p < x->nportq && error == 0; p++) {
		error = linux_wait_open(&x->wait[p]);
		for (unsigned i = p; i < x->ndevq && error == 0; i += x->nportq)
			linux_wait_add(&x->wait[p], xsk_socket__fd(x->q[i]->xsk));
	}
	if (error != 0) {
		linux_xdp_stop(port);
		return linux_fail(err, errlen, lp->ifname, -error, "AF_XDP socket");
	}
	return 0;
}

void
linux_xdp_stop(struct port *port)
{
	struct linux_port *lp = port->priv;
	struct linux_xdp *x = lp->xdp;

	if (x == NULL)
		return;
	for (unsigned p = 0; p < PORT_MAXQ; p++)
		linux_wait_close(&x->wait[p]);
	for (unsigned i = 0; i < x->ndevq; i++) {
		queue_close(x->q[i]);
		x->q[i] = NULL;
	}
	x->ndevq = 0;
}

/* One frame out of the shared memory; NULL: no buffer */
static struct rte_mbuf *
frame_take(const uint8_t *data, uint32_t len)
{
	struct rte_mbuf *head = NULL, **link = &head;
	uint32_t left = len;

	do {
		struct rte_mbuf *m = rte_pktmbuf_alloc(mp_self->pool);

		if (unlikely(m == NULL)) {
			rte_pktmbuf_free(head);
			return NULL;
		}
		m->data_len = RTE_MIN(left, (uint32_t)rte_pktmbuf_tailroom(m));
		memcpy(rte_pktmbuf_mtod(m, void *), data, m->data_len);
		data += m->data_len;
		left -= m->data_len;
		*link = m;
		link = &m->next;
		if (m != head)
			head->nb_segs++;
	} while (left > 0);
	head->pkt_len = len;
	gso_checksum_unmarked(head);
	return head;
}

/* What the kernel had no place for */
static void
count_missed(struct xdp_queue *q, struct port_qstats *stats)
{
	struct xdp_statistics st;
	socklen_t len = sizeof(st);

	memset(&st, 0, sizeof(st));
	if (getsockopt(xsk_socket__fd(q->xsk), SOL_XDP, XDP_STATISTICS, &st, &len) != 0)
		return;
	mp_add(&stats->rx_missed, st.rx_dropped + st.rx_ring_full - q->missed);
	q->missed = st.rx_dropped + st.rx_ring_full;
}

static uint16_t
queue_rx(struct xdp_queue *q, struct port_qstats *stats, struct rte_mbuf **pkts, uint16_t n)
{
	uint32_t idx, fidx, k, done = 0;

	k = xsk_ring_cons__peek(&q->rx, n, &idx);
	if (k == 0)
		return 0;
	if (unlikely(k == n && ++q->bursts % MISSED_EVERY == 0))
		count_missed(q, stats);
	/* The ring has room for every frame of the receiving side, so that this cannot fail. */
	if (unlikely(xsk_ring_prod__reserve(&q->fill, k, &fidx) != k)) {
		xsk_ring_cons__cancel(&q->rx, k);
		return 0;
	}
	for (uint32_t i = 0; i < k; i++) {
		const struct xdp_desc *d = xsk_ring_cons__rx_desc(&q->rx, idx + i);
		struct rte_mbuf *m = NULL;

		if (likely(d->len >= 14 && d->addr < q->arealen && d->len <= q->arealen - d->addr)) {
			m = frame_take(q->area + d->addr, d->len);
			if (unlikely(m == NULL)) {
				mp_add(&stats->rx_nobuf, 1);
				pkt_drop_unreceived(mp_self);
			}
		} else
			mp_add(&stats->rx_errors, 1);
		if (likely(m != NULL))
			pkts[done++] = m;
		*xsk_ring_prod__fill_addr(&q->fill, fidx + i) = d->addr - d->addr % q->chunk;
	}
	xsk_ring_cons__release(&q->rx, k);
	xsk_ring_prod__submit(&q->fill, k);
	return done;
}

uint16_t
linux_xdp_rx_burst(struct port *port, uint16_t p, struct rte_mbuf **pkts, uint16_t n)
{
	struct linux_port *lp = port->priv;
	struct linux_xdp *x = lp->xdp;
	uint16_t got = 0;

	ASSERT_WORKER();
	if (linux_wait_hold(&x->wait[p], mp_self->now))
		return 0;
	if (likely(x->ndevq == x->nportq)) {
		got = queue_rx(x->q[p], &port->qstats[p], pkts, n);
		if (got > 0)
			linux_wait_took(&x->wait[p], mp_self->now, got);
		return got;
	}
	/* Each burst begins one queue further on, so that none starves. */
	unsigned mine = (x->ndevq - p + x->nportq - 1) / x->nportq;
	uint16_t *turn = &x->q[p]->turn;
	for (unsigned i = 0; i < mine && got < n; i++) {
		unsigned dev = p + (*turn + i) % mine * x->nportq;

		got += queue_rx(x->q[dev], &port->qstats[p], pkts + got, n - got);
	}
	*turn = (*turn + 1) % mine;
	if (got > 0)
		linux_wait_took(&x->wait[p], mp_self->now, got);
	return got;
}

bool
linux_xdp_rx_arm(struct port *port, uint16_t p)
{
	struct linux_port *lp = port->priv;
	struct linux_xdp *x = lp->xdp;

	ASSERT_WORKER();
	for (unsigned i = p; i < x->ndevq; i += x->nportq) {
		if (xsk_cons_nb_avail(&x->q[i]->rx, 1) > 0)
			return true;
		count_missed(x->q[i], &port->qstats[p]);
	}
	linux_wait_arm(&x->wait[p]);
	return false;
}

int
linux_xdp_rx_fd(struct port *port, uint16_t p)
{
	struct linux_port *lp = port->priv;
	struct linux_xdp *x = lp->xdp;

	return x->wait[p].epfd;
}

static void
queue_reclaim(struct xdp_queue *q)
{
	uint32_t idx, k = xsk_ring_cons__peek(&q->comp, XDP_TXFRAMES, &idx);

	for (uint32_t i = 0; i < k; i++)
		q->txfree[q->ntxfree++] = *xsk_ring_cons__comp_addr(&q->comp, idx + i);
	if (k > 0)
		xsk_ring_cons__release(&q->comp, k);
}

/* Sends what is in the ring.  The kernel takes some 32 frames a call. */
static void
queue_kick(struct xdp_queue *q)
{
	int fd = xsk_socket__fd(q->xsk);

	for (unsigned i = 0; i < XDP_TXFRAMES / XDP_KERNEL_BATCH + 1; i++) {
		uint32_t before = __atomic_load_n(q->tx.consumer, __ATOMIC_ACQUIRE);

		if (before == *q->tx.producer)
			return;
		if (sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0 || errno == EINTR)
			continue;
		/* EAGAIN after a full batch, or because the device is full: go on while it moves */
		if (__atomic_load_n(q->tx.consumer, __ATOMIC_ACQUIRE) == before)
			return;
	}
}

static void
frame_put(uint8_t *to, const struct rte_mbuf *m)
{
	for (; m != NULL; m = m->next) {
		memcpy(to, rte_pktmbuf_mtod(m, const void *), m->data_len);
		to += m->data_len;
	}
}

uint16_t
linux_xdp_tx_burst(struct port *port, uint16_t qi, struct rte_mbuf **pkts, uint16_t n)
{
	struct linux_port *lp = port->priv;
	struct xdp_queue *q = lp->xdp->q[qi];
	uint32_t idx, k, used = 0;

	ASSERT_WORKER();
	queue_reclaim(q);
	if (unlikely(q->ntxfree < n)) {
		queue_kick(q);
		queue_reclaim(q);
	}
	k = RTE_MIN((uint32_t)n, q->ntxfree);
	/* As many frames as slots: a free frame has a free slot, once the kernel has moved its index. */
	k = RTE_MIN(k, xsk_prod_nb_free(&q->tx, k));
	if (k == 0 || xsk_ring_prod__reserve(&q->tx, k, &idx) != k)
		return 0;
	for (uint32_t i = 0; i < k; i++) {
		struct rte_mbuf *m = pkts[i];

		if (likely(rte_pktmbuf_pkt_len(m) <= q->chunk)) {
			struct xdp_desc *d = xsk_ring_prod__tx_desc(&q->tx, idx + used++);

			d->addr = q->txfree[--q->ntxfree];
			d->len = rte_pktmbuf_pkt_len(m);
			d->options = 0;
			frame_put(q->area + d->addr, m);
		} else
			mp_add(&port->qstats[qi].tx_errors, 1);
		rte_pktmbuf_free(m);
	}
	q->tx.cached_prod -= k - used; /* slots of frames that were too long */
	xsk_ring_prod__submit(&q->tx, used);
	return k;
}

void
linux_xdp_tx_flush(struct port *port, uint16_t q)
{
	struct linux_port *lp = port->priv;

	ASSERT_WORKER();
	queue_kick(lp->xdp->q[q]);
}
