/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Receiving from a Linux interface by AF_PACKET: a memory-mapped ring per queue, one fanout group spreads flows over queues.
 *
 * A slot of the ring is large enough for a frame of the interface's MTU.  Oversized segments do not fit: the kernel puts
 * their beginning into the slot and the whole into the socket's queue (PACKET_COPY_THRESH), from where one recvmsg scatters the
 * payload right into the segments' buffers.  The virtio header before each frame says what it is.  Order is the ring's.
 *
 * Synchronization: a queue belongs to its worker between start and stop.
 * Lifetime: start to stop; segments that were cut and not yet taken are freed at stop.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dev/linux.h"
#include "dev/linux_gso.h"
#include "pkt/pkt.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

#define RING_OCTETS (4u << 20)
#define SLOTS_MIN   512u
#define SLOTS_MAX   2048u
#define RCVBUF	    (16 << 20) /* oversized segments that wait */
#define PENDING_MAX 1024u      /* segments cut from one frame */
#define IOV_MAX_    1024u
#define VLAN_LEN    4u

struct packet_queue {
	int fd;				       /* [I] */
	struct linux_wait wait;		       /* [w] */
	uint8_t *ring;			       /* [I] */
	size_t ringlen;			       /* [I] */
	uint32_t slotlen;		       /* [I] */
	uint32_t perblock;		       /* [I] slots in a block */
	uint32_t blocklen;		       /* [I] */
	uint32_t nslots;		       /* [I] */
	uint32_t next;			       /* [w] */
	uint32_t npending;		       /* [w] segments cut and not yet taken: pending[taken .. npending-1] */
	uint32_t taken;			       /* [w] */
	struct rte_mbuf *pending[PENDING_MAX]; /* [w] */
	struct iovec iov[IOV_MAX_];	       /* [w] */
} __attribute__((aligned(64)));

struct linux_packet {
	unsigned nqueues;	 /* [I] */
	struct packet_queue q[]; /* [w] each of its worker */
};

static inline struct tpacket2_hdr *
slot(const struct packet_queue *q, uint32_t i)
{
	return (void *)(q->ring + (size_t)(i / q->perblock) * q->blocklen + (size_t)(i % q->perblock) * q->slotlen);
}

static inline uint32_t
slot_status(const struct packet_queue *q, uint32_t i)
{
	return __atomic_load_n(&slot(q, i)->tp_status, __ATOMIC_ACQUIRE);
}

static int
queue_ring(struct packet_queue *q, uint32_t mtu)
{
	/* header, address, alignment, virtio header, Ethernet with two tags */
	uint32_t need = TPACKET_ALIGN(TPACKET2_HDRLEN + 32) + 10 + 22 + mtu;
	long page = sysconf(_SC_PAGESIZE);
	struct tpacket_req req;

	q->slotlen = 2048;
	while (q->slotlen < need)
		q->slotlen += 2048;
	q->nslots = RTE_MAX(SLOTS_MIN, RTE_MIN(SLOTS_MAX, RING_OCTETS / q->slotlen));
	q->blocklen = (q->slotlen * 16 + page - 1) / page * page;
	q->perblock = q->blocklen / q->slotlen;
	q->nslots = (q->nslots + q->perblock - 1) / q->perblock * q->perblock;
	req.tp_block_size = q->blocklen;
	req.tp_block_nr = q->nslots / q->perblock;
	req.tp_frame_size = q->slotlen;
	req.tp_frame_nr = q->nslots;
	if (setsockopt(q->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0)
		return -errno;
	q->ringlen = (size_t)req.tp_block_size * req.tp_block_nr;
	q->ring = mmap(NULL, q->ringlen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, q->fd, 0);
	if (q->ring == MAP_FAILED) {
		q->ring = NULL;
		return -errno;
	}
	return 0;
}

static int
queue_open(struct packet_queue *q, const struct linux_port *lp, unsigned nqueues, int *group)
{
	/* Nothing is taken before all queues are there: a filter that keeps nothing. */
	static struct sock_filter none[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	static const struct sock_fprog nothing = {1, none};
	struct sockaddr_ll sll = {
	    .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = lp->ifindex};
	int version = TPACKET_V2, one = 1, rcvbuf = RCVBUF, error;

	q->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd < 0)
		return -errno;
	if (setsockopt(q->fd, SOL_SOCKET, SO_ATTACH_FILTER, &nothing, sizeof(nothing)) < 0 ||
	    setsockopt(q->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(q->fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0 ||
	    setsockopt(q->fd, SOL_PACKET, PACKET_COPY_THRESH, &one, sizeof(one)) < 0)
		return -errno;
	setsockopt(q->fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf));
	/* Older kernels lack it: frames marked outgoing are skipped at reception as well. */
	setsockopt(q->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	error = queue_ring(q, lp->mtu);
	if (error != 0)
		return error;
	if (bind(q->fd, (struct sockaddr *)&sll, sizeof(sll)) < 0)
		return -errno;
	if (nqueues == 1)
		return 0;
	if (*group < 0) {
		/* The kernel picks a free number and tells it. */
		socklen_t len = sizeof(*group);
		int arg = (PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_UNIQUEID | PACKET_FANOUT_FLAG_IGNORE_OUTGOING) << 16;

		if (setsockopt(q->fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg)) < 0 ||
		    getsockopt(q->fd, SOL_PACKET, PACKET_FANOUT, &arg, &len) < 0)
			return -errno;
		*group = arg & 0xffff;
	} else {
		int arg = *group | (PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_IGNORE_OUTGOING) << 16;

		if (setsockopt(q->fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg)) < 0)
			return -errno;
	}
	return 0;
}

static void
queue_close(struct packet_queue *q)
{
	if (q->ring != NULL)
		munmap(q->ring, q->ringlen);
	linux_wait_close(&q->wait);
	if (q->fd >= 0)
		close(q->fd);
	while (q->taken < q->npending)
		rte_pktmbuf_free(q->pending[q->taken++]);
}

int
linux_packet_start(struct port *port, char *err, size_t errlen)
{
	struct linux_port *lp = port->priv;
	struct linux_packet *pk;
	int error = 0, group = -1;

	pk = aligned_alloc(64, sizeof(*pk) + port->nrxq * sizeof(pk->q[0]));
	if (pk == NULL)
		return linux_fail(err, errlen, lp->ifname, ENOMEM, "packet rings");
	memset(pk, 0, sizeof(*pk) + port->nrxq * sizeof(pk->q[0]));
	pk->nqueues = port->nrxq;
	for (unsigned i = 0; i < pk->nqueues; i++)
		pk->q[i].fd = pk->q[i].wait.epfd = -1;
	lp->packet = pk;
	for (unsigned i = 0; i < pk->nqueues && error == 0; i++)
		error = queue_open(&pk->q[i], lp, pk->nqueues, &group);
	for (unsigned i = 0; i < pk->nqueues && error == 0; i++) {
		int dummy = 0;

		error = linux_wait_open(&pk->q[i].wait);
		if (error != 0)
			break;
		linux_wait_add(&pk->q[i].wait, pk->q[i].fd);
		if (setsockopt(pk->q[i].fd, SOL_SOCKET, SO_DETACH_FILTER, &dummy, sizeof(dummy)) < 0)
			error = -errno;
	}
	if (error != 0) {
		linux_packet_stop(port);
		return linux_fail(err, errlen, lp->ifname, -error, "packet socket");
	}
	return 0;
}

void
linux_packet_stop(struct port *port)
{
	struct linux_port *lp = port->priv;

	if (lp->packet == NULL)
		return;
	for (unsigned i = 0; i < lp->packet->nqueues; i++)
		queue_close(&lp->packet->q[i]);
	free(lp->packet);
	lp->packet = NULL;
}

/* => a chain with room for len octets, lengths set; NULL: pool empty */
static struct rte_mbuf *
chain_alloc(struct rte_mempool *pool, uint32_t len)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(pool), *last = head;

	if (unlikely(head == NULL))
		return NULL;
	head->pkt_len = len;
	for (;;) {
		uint32_t room = rte_pktmbuf_tailroom(last);

		last->data_len = RTE_MIN(room, len);
		len -= last->data_len;
		if (likely(len == 0))
			return head;
		last->next = rte_pktmbuf_alloc(pool);
		if (last->next == NULL) {
			rte_pktmbuf_free(head);
			return NULL;
		}
		last = last->next;
		head->nb_segs++;
	}
}

/* Copies contiguous octets into the chain from off on */
static void
chain_fill(struct rte_mbuf *m, uint32_t off, const uint8_t *src, uint32_t len)
{
	while (len > 0) {
		if (off >= m->data_len) {
			off -= m->data_len;
			m = m->next;
			continue;
		}
		uint32_t k = RTE_MIN(len, m->data_len - off);
		memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, off), src, k);
		src += k;
		len -= k;
		off += k;
	}
}

/* Adds the chain's octets from off on to the vector; returns the new count, or 0: too many */
static unsigned
chain_iov(struct iovec *iov, unsigned n, struct rte_mbuf *m, uint32_t off)
{
	for (; m != NULL; m = m->next) {
		if (off >= m->data_len) {
			off -= m->data_len;
			continue;
		}
		if (n == IOV_MAX_)
			return 0;
		iov[n++] = (struct iovec){rte_pktmbuf_mtod_offset(m, uint8_t *, off), m->data_len - off};
		off = 0;
	}
	return n;
}

/* Takes the oldest frame off the socket's queue: into the vector, or away */
static ssize_t
whole_frame(struct packet_queue *q, struct iovec *iov, unsigned n)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};

	return recvmsg(q->fd, &msg, MSG_DONTWAIT | MSG_TRUNC);
}

/* One frame in a slot */
struct frame {
	struct gso_vnet vh;
	const uint8_t *data; /* without the tag that the kernel took off */
	uint32_t snap;	     /* octets there */
	uint32_t len;	     /* octets of the frame */
	bool copy;	     /* the whole is in the socket's queue */
	bool tagged;
	uint8_t tag[VLAN_LEN];
};

static void
frame_read(const struct packet_queue *q, const struct tpacket2_hdr *h, uint32_t status, struct frame *f)
{
	const uint8_t *base = (const uint8_t *)h;

	f->data = base + h->tp_mac;
	f->snap = h->tp_snaplen;
	f->len = h->tp_len;
	f->copy = (status & TP_STATUS_COPY) != 0;
	memcpy(&f->vh, f->data - sizeof(f->vh), sizeof(f->vh));
	f->tagged = (status & TP_STATUS_VLAN_VALID) != 0;
	if (f->tagged) {
		uint16_t tpid = status & TP_STATUS_VLAN_TPID_VALID ? h->tp_vlan_tpid : ETH_P_8021Q;

		f->tag[0] = tpid >> 8;
		f->tag[1] = tpid;
		f->tag[2] = h->tp_vlan_tci >> 8;
		f->tag[3] = h->tp_vlan_tci;
		f->vh.csum_start += VLAN_LEN;
	}
}

/* The first n octets of the frame as it was on the wire, from the slot */
static void
frame_head(const struct frame *f, uint8_t *to, uint32_t n)
{
	if (!f->tagged) {
		memcpy(to, f->data, n);
		return;
	}
	memcpy(to, f->data, 12);
	memcpy(to + 12, f->tag, VLAN_LEN);
	memcpy(to + 12 + VLAN_LEN, f->data + 12, n - 12 - VLAN_LEN);
}

/*
 * Fills cut[0 .. nsegs-1] with the payload behind the headers (hlen octets on the wire): from the slot, or from the socket.
 * False: the frame is lost (its copy is off the socket's queue all the same).
 */
static bool
frame_payload(struct packet_queue *q, const struct frame *f, uint32_t hlen, struct rte_mbuf **cut, uint32_t nsegs)
{
	uint32_t dhlen = hlen - (f->tagged ? VLAN_LEN : 0);
	uint8_t scratch[sizeof(struct gso_vnet) + 512];
	unsigned n = 1;

	if (!f->copy) {
		const uint8_t *p = f->data + dhlen;

		for (uint32_t i = 0; i < nsegs; i++) {
			uint32_t k = cut[i]->pkt_len - hlen;

			chain_fill(cut[i], hlen, p, k);
			p += k;
		}
		return true;
	}
	if (sizeof(struct gso_vnet) + dhlen > sizeof(scratch))
		n = 0;
	q->iov[0] = (struct iovec){scratch, sizeof(struct gso_vnet) + dhlen};
	for (uint32_t i = 0; i < nsegs && n != 0; i++)
		n = chain_iov(q->iov, n, cut[i], hlen);
	ssize_t got = whole_frame(q, q->iov, n);
	return n != 0 && got == (ssize_t)(sizeof(struct gso_vnet) + f->len);
}

/* One frame that is none of the usual: oversized, longer than its slot, or chained.  Its segments go to q->pending. */
static void
frame_cut(struct packet_queue *q, struct port_qstats *stats, const struct frame *f)
{
	struct rte_mempool *pool = mp_self->pool;
	uint32_t tag = f->tagged ? VLAN_LEN : 0, len = f->len + tag, hlen = 12 + tag, nsegs = 1, made = 0;
	uint8_t headers[512];
	uint32_t avail = RTE_MIN(f->snap + tag, (uint32_t)sizeof(headers));
	struct gso_plan plan;

	if (f->snap < 14 || (f->snap < f->len && !f->copy)) {
		mp_add(&stats->rx_missed, 1);
		goto lost;
	}
	frame_head(f, headers, avail);
	if (f->vh.type != GSO_T_NONE) {
		if (gso_plan(&plan, headers, avail, len, &f->vh) != 0 || plan.nsegs > PENDING_MAX) {
			mp_add(&stats->rx_errors, 1);
			goto lost;
		}
		hlen = plan.hlen;
		nsegs = plan.nsegs;
	}
	for (; made < nsegs; made++) {
		uint32_t k = f->vh.type != GSO_T_NONE ? gso_seglen(&plan, made) : len - hlen;

		q->pending[made] = chain_alloc(pool, hlen + k);
		if (q->pending[made] == NULL) {
			mp_add(&stats->rx_nobuf, 1);
			pkt_drop_unreceived(mp_self);
			goto lost;
		}
	}
	if (!frame_payload(q, f, hlen, q->pending, nsegs)) {
		mp_add(&stats->rx_errors, 1);
		goto free;
	}
	if (f->vh.type != GSO_T_NONE) {
		for (uint32_t i = 0; i < nsegs; i++)
			gso_finish(&plan, headers, i, q->pending[i]);
	} else {
		memcpy(rte_pktmbuf_mtod(q->pending[0], uint8_t *), headers, hlen);
		if ((f->vh.flags & GSO_F_NEEDS_CSUM) &&
		    !gso_checksum(q->pending[0], f->vh.csum_start, f->vh.csum_offset)) {
			mp_add(&stats->rx_errors, 1);
			goto free;
		}
	}
	q->taken = 0;
	q->npending = nsegs;
	return;
lost:
	if (f->copy)
		whole_frame(q, NULL, 0);
free:
	while (made > 0)
		rte_pktmbuf_free(q->pending[--made]);
}

static uint16_t
take_pending(struct packet_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
	uint32_t k = RTE_MIN((uint32_t)n, q->npending - q->taken);

	memcpy(pkts, q->pending + q->taken, k * sizeof(*pkts));
	q->taken += k;
	return k;
}

/* The usual frame: whole in its slot, one buffer.  NULL: it is not of that kind, or there was no buffer (counted). */
static struct rte_mbuf *
frame_simple(struct port_qstats *stats, const struct frame *f)
{
	uint32_t len = f->len + (f->tagged ? VLAN_LEN : 0);
	struct rte_mbuf *m = rte_pktmbuf_alloc(mp_self->pool);

	if (unlikely(m == NULL)) {
		mp_add(&stats->rx_nobuf, 1);
		pkt_drop_unreceived(mp_self);
		return NULL;
	}
	m->data_len = len;
	m->pkt_len = len;
	frame_head(f, rte_pktmbuf_mtod(m, uint8_t *), len);
	if ((f->vh.flags & GSO_F_NEEDS_CSUM) && !gso_checksum(m, f->vh.csum_start, f->vh.csum_offset)) {
		mp_add(&stats->rx_errors, 1);
		rte_pktmbuf_free(m);
		return NULL;
	}
	return m;
}

/* What the kernel had no slot for; reading sets its count to zero. */
static void
count_missed(struct packet_queue *q, struct port_qstats *stats)
{
	struct tpacket_stats st = {0};
	socklen_t len = sizeof(st);

	if (getsockopt(q->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0)
		mp_add(&stats->rx_missed, st.tp_drops);
}

uint16_t
linux_packet_rx_burst(struct port *port, uint16_t qi, struct rte_mbuf **pkts, uint16_t n)
{
	struct linux_port *lp = port->priv;
	struct packet_queue *q = &lp->packet->q[qi];
	struct port_qstats *stats = &port->qstats[qi];
	uint32_t room = rte_pktmbuf_data_room_size(mp_self->pool) - RTE_PKTMBUF_HEADROOM;
	uint16_t got = 0;
	bool counted = false;

	ASSERT_WORKER();
	if (linux_wait_hold(&q->wait, mp_self->now))
		return 0;
	/* A bound on slots, not only on frames: a ring full of frames to be skipped must not hold the worker. */
	for (unsigned seen = 0; got < n && seen < 2u * PKT_VEC; seen++) {
		struct tpacket2_hdr *h;
		struct rte_mbuf *m;
		struct frame f;
		uint32_t status;

		if (unlikely(q->taken < q->npending)) {
			got += take_pending(q, pkts + got, n - got);
			continue;
		}
		h = slot(q, q->next);
		status = slot_status(q, q->next);
		if (!(status & TP_STATUS_USER))
			break;
		if (unlikely(status & TP_STATUS_LOSING) && !counted) {
			count_missed(q, stats);
			counted = true;
		}
		frame_read(q, h, status, &f);
		const struct sockaddr_ll *from = (const void *)((uint8_t *)h + TPACKET_ALIGN(sizeof(*h)));
		if (unlikely(from->sll_pkttype == PACKET_OUTGOING)) {
			if (f.copy)
				whole_frame(q, NULL, 0);
		} else if (likely(!f.copy && f.vh.type == GSO_T_NONE && f.snap == f.len && f.len >= 14 &&
				  f.len + VLAN_LEN <= room)) {
			m = frame_simple(stats, &f);
			if (likely(m != NULL))
				pkts[got++] = m;
		} else
			frame_cut(q, stats, &f);
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		if (++q->next == q->nslots)
			q->next = 0;
	}
	if (got > 0)
		linux_wait_took(&q->wait, mp_self->now, got);
	return got;
}

int
linux_packet_rx_fd(struct port *port, uint16_t q)
{
	struct linux_port *lp = port->priv;

	return lp->packet->q[q].wait.epfd;
}

bool
linux_packet_rx_arm(struct port *port, uint16_t qi)
{
	struct linux_port *lp = port->priv;
	struct packet_queue *q = &lp->packet->q[qi];
	socklen_t len = sizeof(int);
	int error;

	ASSERT_WORKER();
	if (q->taken < q->npending || (slot_status(q, q->next) & TP_STATUS_USER))
		return true;
	/* An interface that went down or away leaves an error that would make the descriptor ready for ever. */
	getsockopt(q->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	linux_wait_arm(&q->wait);
	return false;
}
