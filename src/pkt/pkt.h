/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets: metadata, vectors, allocation, drops. */
#ifndef SMPNET_PKT_H
#define SMPNET_PKT_H

#include <rte_mbuf.h>

#include "mp/mp.h"

#define PKT_VEC	     64
#define PKT_MAXDEPTH 8 /* tunnels inside one another */

/* Where a packet goes on when it arrives in a thread's inbox or re-input vector (pkt_resume). */
enum pkt_stage {
	PKT_ETHER_INPUT,
	PKT_IP_INPUT,
	PKT_IP6_INPUT,
	PKT_IP_OUTPUT, /* an IPv4 packet of our own: look up, send */
	PKT_IP6_OUTPUT,
	PKT_NH_OUTPUT,	 /* meta.nh is set: rewrite and send */
	PKT_IF_TRANSMIT, /* a finished frame for meta.oif */
	PKT_IP_LOCAL,	 /* a validated packet for us (reassembled) */
	PKT_IP6_LOCAL,
	PKT_STAGE_COUNT
};

/* meta.flags */
#define PKT_F_BCAST	0x01 /* came as link-level broadcast */
#define PKT_F_MCAST	0x02 /* came as link-level multicast */
#define PKT_F_LOCAL	0x04 /* ours: originated by this router */
#define PKT_F_PROMISC	0x08 /* not for our link address */
#define PKT_F_FORWARDED 0x10
#define PKT_F_L4OK	0x20 /* transport checksum verified by the device or partial */
#define PKT_F_TRACED	0x40 /* see pkt/trace.h */
#define PKT_F_MINMTU	0x80 /* ours: no IPv6 packet larger than 1280 octets */

/*
 * smpnet's metadata, in mbuf dynamic field space at a fixed offset.  Valid from ether_input (or pkt_originate) on.
 * l2off, l3off, l4off count from the start of the packet's data.
 */
struct pktmeta {
	uint16_t iif;	    /* receiving interface's index, 0: none (ours) */
	uint16_t oif;	    /* sending interface's index */
	uint32_t nh;	    /* next hop index */
	uint32_t hash;	    /* flow hash, 0: not computed */
	uint16_t ethertype; /* host order */
	uint8_t l3off;
	uint8_t l4off;
	uint8_t flags;
	uint8_t depth;		/* tunnels opened or closed so far */
	uint8_t stage;		/* enum pkt_stage */
	uint8_t class;		/* enum mp_class */
	uint8_t iifgen, oifgen; /* generations of iif and oif, checked after a wait */
	uint8_t proto;		/* transport protocol after extension headers */
	uint8_t trace;		/* with PKT_F_TRACED: high part of the trace's id; the low one is the mbuf's timesync */
	uint32_t aux;		/* private to the stage or class */
};
#define PKT_META_OFFSET offsetof(struct rte_mbuf, dynfield1)
_Static_assert(sizeof(struct pktmeta) <= 28, "drivers need room for their dynamic fields");

struct pktvec {
	uint16_t n;
	struct rte_mbuf *m[PKT_VEC];
};

/* => control, at start, before any pool exists: reserves the metadata's place in the mbuf; 0 or -errno */
int pkt_init(void);

static inline struct pktmeta *
pkt_meta(struct rte_mbuf *m)
{
	return (struct pktmeta *)((char *)m + PKT_META_OFFSET);
}

#define pkt_data(m, type) rte_pktmbuf_mtod(m, type)

static inline void
pktvec_add(struct pktvec *v, struct rte_mbuf *m)
{
	v->m[v->n++] = m;
}

/* => packet-owning thread; a packet of our own, metadata cleared, counted as originated; NULL: pool empty (counted) */
struct rte_mbuf *pkt_originate(struct worker *);
/* => packet-owning thread; a buffer for a copy (fragment, replica, ICMP error), counted as copy; NULL: pool empty */
struct rte_mbuf *pkt_alloc_copy(struct worker *);
/* => packet-owning thread; a deep copy including metadata, counted as copy; NULL: pool empty */
struct rte_mbuf *pkt_copy(struct worker *, const struct rte_mbuf *);

/* => packet-owning thread; frees, counting the reason.  The vector is empty afterwards. */
void pkt_drop(struct worker *, struct rte_mbuf *, enum mp_drop);
void pktvec_drop(struct worker *, struct pktvec *, enum mp_drop);
/* => worker; a frame that a device brought and that no buffer could be had for: received and dropped (DROP_NOBUF) */
void pkt_drop_unreceived(struct worker *);
/* => packet-owning thread; frees a packet that reached its purpose (taken by a protocol of ours) */
void pkt_consume(struct worker *, struct rte_mbuf *);

/* => control, at start, once for each stage: where packets of an inbox or of the re-input vector go on.  check (may be
 * NULL) tells whether the interfaces that the packets name still exist (index and generation). */
void pkt_stage_register(enum pkt_stage, void (*fn)(struct worker *, struct pktvec *));
void pkt_stage_check(bool (*check)(const struct pktmeta *));

/* => control; a packet of our own (pkt_originate) goes on at stage on a worker, chosen by the flow hash: order is kept
 */
void pkt_ctl_send(struct rte_mbuf *, enum pkt_stage);

/* => worker; goes on with packets from an inbox, by meta.stage; checks the generations of their interfaces */
void pkt_resume(struct worker *, struct rte_mbuf **, unsigned n);
/* => worker; queues a packet for another round through the stack (tunnels); depth is counted and bounded here */
void pkt_reinput(struct worker *, struct rte_mbuf *, enum pkt_stage);
/* => worker; runs w->reinput (the engine's hook) */
void pkt_run_reinput(struct worker *);

/* => any thread; makes len octets from off contiguous, or false (too short, or no room) */
bool pkt_pullup(struct rte_mbuf *, uint32_t len);

/*
 * => packet-owning thread; appends data, or len octets of another packet from off, growing the chain from the thread's
 * pool; false: pool empty (or from is too short), with a part appended
 */
bool pkt_append(struct worker *, struct rte_mbuf *, const void *data, uint32_t len);
bool pkt_append_from(struct worker *, struct rte_mbuf *, const struct rte_mbuf *from, uint32_t off, uint32_t len);
/* => any thread; cuts the packet to len octets (at most what it has), freeing segments that become empty */
void pkt_trim(struct rte_mbuf *, uint32_t len);

/* Flow hash over addresses, protocol and ports; symmetric; never 0.  p points at the IP header. */
uint32_t pkt_hash_ip4(const void *ip, const void *end);
uint32_t pkt_hash_ip6(const void *ip6, const void *end);

/* Internet checksum (RFC 1071).  sum is an accumulator in network byte order, not folded. */
uint32_t cksum_add(uint32_t sum, const void *, size_t);
uint16_t cksum_fold(uint32_t sum); /* complemented */
/* The checksum over an mbuf chain from off, len octets */
uint32_t cksum_mbuf(uint32_t sum, const struct rte_mbuf *, uint32_t off, uint32_t len);

#endif
