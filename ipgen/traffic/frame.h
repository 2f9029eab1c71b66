/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test frames written by workers from what traffic_build prepared.
 *
 * Synchronization: struct traffic and all it points at is [I] once traffic_build or traffic_resize has returned it; any
 * number of workers read it.  A worker writes only the buffer that it owns.
 * Lifetime: from traffic_build to traffic_free, which control calls after a grace period.
 *
 * A frame is a template (of its size and family: link header, tags, IP and transport header), the flow's addresses and
 * ports, filler, and the signature, which the sender writes with sig_write when it knows the time.  Checksums are sums of a
 * size's part and a flow's part; the signature adds nothing to them (sig.h).
 *
 * All frames of a family have the same filler, so that a buffer can change its size without much writing: a header goes
 * before, filler where the signature was, and more of it only where the buffer never held as much (frame_change).
 *
 * A sender walks flows and sizes with two indices of its own: flow below nflows, size below nsizes.  Where both are stepped
 * together each flow sees few of the sizes if the two numbers have a common divisor: step size once more when flow
 * begins again.
 */
#ifndef IPGEN_TRAFFIC_FRAME_H
#define IPGEN_TRAFFIC_FRAME_H

#include <rte_mbuf.h>
#include <rte_memcpy.h>

#include "ipgen/sig.h"
#include "ipgen/traffic.h"

#define FRAME_HEAD  96 /* two tags, IPv6 and TCP are 82 */
#define FRAME_HEAD4 64 /* two tags, IPv4 and TCP are 62 */

/* A frame of one size and family.  [I] */
struct frame_template {
	uint8_t head[FRAME_HEAD]; /* addresses, ports and checksums 0; then filler */
	uint16_t len;		  /* octets in the buffer: without FCS */
	uint16_t fill;		  /* octets of filler */
	uint16_t payload;	  /* where it begins */
	uint16_t sig;		  /* where the signature begins */
	uint32_t ipsum;		  /* IPv4 header without addresses; accumulators in the order of memory, below 2^17 */
	uint32_t l4sum;		  /* pseudo header without addresses, transport header without ports, filler */
	uint16_t flowmask;  /* 0xffff: the flow's whole sum belongs to the transport checksum; 0: only sport's (ICMP) */
	uint16_t zero;	    /* what a transport checksum of 0 becomes: 0xffff for UDP */
	uint8_t addr, port; /* where the addresses are, and the ports */
	uint8_t l4cksum;    /* where the transport checksum is */
	uint8_t v6;
} __attribute__((aligned(64)));

/* What frames of an IPv4 flow differ by, as senders read it.  [I] */
struct frame_flow4 {
	uint8_t addr[8];  /* source, destination */
	uint8_t port[4];  /* likewise */
	uint16_t addrsum; /* of addr, folded, in the order of memory */
	uint16_t l4sum;	  /* the flow's part of the transport checksum */
};

/* A packet of a capture file.  [I] */
struct replay_packet {
	uint64_t due;  /* ns since the first packet, by replay_speed; 0 where the rate says when */
	uint64_t off;  /* in replay_data */
	uint32_t len;  /* octets without FCS, 60 at least */
	uint32_t hash; /* pkt_hash_ip4 or pkt_hash_ip6 of it; 0: no IP packet.  Alike for both directions of a flow */
};

/* [I] */
struct traffic {
	const struct frame_template *template; /* [I] ndistinct * nclass */
	const struct flow *flow;	       /* [I] */
	const struct frame_flow4 *flow4;       /* [I] the same; NULL where a flow is IPv6 */
	const uint16_t *order;		       /* [I] nsizes: which of the distinct sizes */
	uint32_t nflows;		       /* [I] 0 only with a replay */
	uint32_t nsizes;		       /* [I] */
	uint32_t nclass;		       /* [I] 2: both families are in the list of flows */
	uint32_t ndistinct;		       /* [I] */
	uint64_t generation;		       /* [I] no other traffic of the process has it; shifted by 32 */

	const uint8_t *replay_data;	    /* [I] */
	const struct replay_packet *replay; /* [I] */
	uint32_t nreplay;		    /* [I] 0: no replay */
	bool replay_loop;		    /* [I] */
	uint64_t replay_period; /* [I] ns from one round's first packet to the next's; 0: as the rate says */

	struct traffic_sets *sets; /* [I] flows and packets, shared with traffic_resize's; its count is control's */
	double mean_size;	   /* [I] octets with FCS */
	uint16_t min_size;	   /* [I] */
	uint16_t max_size;	   /* [I] */
	uint64_t total_size;	   /* [I] of all of order, or of all packets of the file */
};

/* => any thread; which template a packet is made from */
static inline uint32_t
frame_index(const struct traffic *t, uint32_t flow, uint32_t size)
{
	/* of 4 and 6 bit 1 differs */
	return t->order[size] * t->nclass + (t->flow[flow].family >> 1 & (t->nclass - 1));
}

/*
 * => any thread; names the template in the buffer after frame_fill: where a buffer's key is the same it still holds the
 *    frame (if nobody wrote to it meanwhile), and frame_touch is enough.  Never 0
 */
static inline uint64_t
frame_key(const struct traffic *t, uint32_t flow, uint32_t size)
{
	return t->generation | frame_index(t, flow, size);
}

/* => any thread; octets with FCS of the size with this index */
static inline uint32_t
frame_size(const struct traffic *t, uint32_t size)
{
	return t->template[t->order[size] * t->nclass].len + TRAFFIC_FCS;
}

/* Where a buffer's key says how much of it is filler, after sizes that it held: beside the template's number. */
#define FRAME_KEY_HELD	15
#define FRAME_KEY_WHICH ((1u << FRAME_KEY_HELD) - 1)

static inline uint16_t
frame_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* What differs by flow, into a buffer that holds the template. */
static inline void
frame_put_flow(const struct frame_template *h, const struct flow *f, uint8_t *p)
{
	uint32_t l4 = h->l4sum + (f->sum & h->flowmask) + (f->sport & (uint16_t)~h->flowmask);
	uint16_t sum = frame_fold(l4);

	if (h->v6) {
		memcpy(p + h->addr, f->src, 16);
		memcpy(p + h->addr + 16, f->dst, 16);
	} else {
		/* the sum without the ports: their complements are added */
		uint16_t ip = frame_fold(h->ipsum + f->sum + (uint16_t)~f->sport + (uint16_t)~f->dport);

		memcpy(p + h->addr - 2, &ip, 2);
		memcpy(p + h->addr, f->src, 4);
		memcpy(p + h->addr + 4, f->dst, 4);
	}
	memcpy(p + h->port, &f->sport, 4); /* and dport behind it */
	sum |= sum == 0 ? h->zero : 0;
	memcpy(p + h->l4cksum, &sum, 2);
}

/*
 * => worker that owns m, which has one segment with room for traffic_max_size and FRAME_HEAD; writes the whole frame but
 *    the signature, sets the lengths, and returns where the signature goes
 */
static inline uint8_t *
frame_fill(const struct traffic *t, struct rte_mbuf *m, uint32_t flow, uint32_t size)
{
	const struct frame_template *h = &t->template[frame_index(t, flow, size)];
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

	memcpy(p, h->head, FRAME_HEAD4);
	if (h->v6)
		memcpy(p + FRAME_HEAD4, h->head + FRAME_HEAD4, FRAME_HEAD - FRAME_HEAD4);
	frame_put_flow(h, &t->flow[flow], p);
	rte_memcpy(p + h->payload, sig_filler, h->fill); /* after the header: its copy is longer than it */
	m->data_len = h->len;
	m->pkt_len = h->len;
	return p + h->sig;
}

/* => worker that owns m, which holds a frame with this frame_key; writes what differs by flow; where the signature goes */
static inline uint8_t *
frame_touch(const struct traffic *t, struct rte_mbuf *m, uint32_t flow, uint32_t size)
{
	const struct frame_template *h = &t->template[frame_index(t, flow, size)];
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

	if (t->nflows != 1)
		frame_put_flow(h, &t->flow[flow], p);
	m->data_len = h->len;
	m->pkt_len = h->len;
	return p + h->sig;
}

/* => worker that owns the frame at p, which holds the template h; writes what differs by flow */
static inline void
frame_put_flow4(const struct frame_template *h, const struct frame_flow4 *f, uint8_t *p)
{
	uint16_t ip = frame_fold(h->ipsum + f->addrsum), sum = frame_fold(h->l4sum + f->l4sum);

	memcpy(p + h->addr - 2, &ip, 2);
	memcpy(p + h->addr, f->addr, 8);
	memcpy(p + h->port, f->port, 4);
	sum |= sum == 0 ? h->zero : 0;
	memcpy(p + h->l4cksum, &sum, 2);
}

/*
 * => worker that owns the frame at p, which holds the template t->template[had], a signature and in all held octets of
 *    filler (0: as much as its size says); then it holds the template which, of the same family; how much filler it holds
 */
static inline uint32_t
frame_change(const struct traffic *t, uint8_t *p, uint32_t had, uint32_t held, uint32_t which)
{
	const struct frame_template *h = &t->template[which];
	const uint32_t was = t->template[had].fill, is = h->fill;

	memcpy(p, h->head, FRAME_HEAD4);
	if (h->v6)
		memcpy(p + FRAME_HEAD4, h->head + FRAME_HEAD4, FRAME_HEAD - FRAME_HEAD4);
	p += h->payload;
	memcpy(p + was, sig_filler + was, SIG_LEN);
	if (held < was + SIG_LEN)
		held = was + SIG_LEN;
	if (__builtin_expect(held < is, 0)) {
		rte_memcpy(p + held, sig_filler + held, is - held);
		held = is;
	}
	return held;
}

/* => any thread; the packet of the capture file; i below nreplay.  In round r (from 0) due r * replay_period later */
static inline const struct replay_packet *
replay_packet(const struct traffic *t, uint32_t i)
{
	return &t->replay[i];
}

/* => worker that owns m (one segment, room for traffic_max_size); writes packet i, sets the lengths; ns when it is due */
static inline uint64_t
replay_fill(const struct traffic *t, struct rte_mbuf *m, uint32_t i)
{
	const struct replay_packet *r = &t->replay[i];

	rte_memcpy(rte_pktmbuf_mtod(m, uint8_t *), t->replay_data + r->off, r->len);
	m->data_len = (uint16_t)r->len;
	m->pkt_len = r->len;
	return r->due;
}

#endif
