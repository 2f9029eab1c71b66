/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tracing packets: a worker marks received packets that a filter matches (PKT_F_TRACED, meta.trace), and every stage
 * that sees a marked packet leaves an event in the thread's own ring, which control reads.
 *
 * Synchronization: a tracer belongs to its thread; control hands it over, and gives and takes sessions, by mp_call.
 * Events go through a ring of one producer (the thread) and one consumer (control).
 * Lifetime: made by control when the first trace begins, freed when the thread has let go of it.
 */
#ifndef SMPNET_PKT_TRACE_H
#define SMPNET_PKT_TRACE_H

#include "mp/mp.h"
#include "pkt/pkt.h"

#define PKT_TRACE_SESSIONS 8	/* traces at a time */
#define PKT_TRACE_EVENTS   4096 /* of a thread, a power of two */
#define PKT_TRACE_SNAP	   96	/* octets of a packet in an event */
#define PKT_TRACE_WINDOW   512	/* octets that a filter sees of a packet in several segments */
#define PKT_TRACE_RATE	   2000 /* packets a second that a thread marks, with a burst of as many as it can hold */

struct bpf_insn;

enum pkt_trace_kind {
	TRACE_RECEIVED, /* a: interface, b: receive queue; data: the frame */
	TRACE_OWN,	/* a packet of ours; a: 1: data is a frame, 0: it begins with the IP header */
	TRACE_STAGE,	/* arg: enum mp_stage, a: next hop (meta.nh), b: sending interface; if-transmit: data */
	TRACE_ROUTE,	/* a: next hop that the FIB gave; data: the packet */
	TRACE_FRAGMENT, /* a: MTU */
	TRACE_ERROR,	/* an ICMP error is made; a: type << 8 | code, b: ICMP's second word, host order */
	TRACE_COPY,	/* a: the copy's id */
	TRACE_HANDOFF,	/* arg: enum pkt_stage, a: thread */
	TRACE_PUNT,	/* arg: enum mp_class */
	TRACE_LOOPED,	/* a: loopback interface */
	TRACE_SENT,	/* a: interface, b: transmit queue */
	TRACE_CONSUMED,
	TRACE_DROPPED, /* a: enum mp_drop */
};

struct pkt_trace_event {
	uint64_t tsc;
	uint32_t packet; /* id */
	uint32_t a, b;
	uint32_t pktlen;
	uint8_t kind; /* enum pkt_trace_kind */
	uint8_t arg;
	uint8_t sessions; /* RECEIVED, OWN: a bit for each that wants it */
	uint8_t len;	  /* octets of data */
	uint8_t data[PKT_TRACE_SNAP];
};

/* What one trace looks for.  Immutable while a thread may have it. */
struct pkt_trace_session {
	uint16_t iif;		      /* [I] 0: any, and packets of ours */
	uint8_t iifgen;		      /* [I] */
	uint32_t count;		      /* [I] packets that a thread marks at most */
	const struct bpf_insn *frame; /* [I] on Ethernet frames; NULL: all */
	const struct bpf_insn *raw;   /* [I] on packets that begin with the IP header; NULL: all */
	bool no_raw;		      /* [I] the filter asks for link headers: cannot match such packets */
};

struct pkt_tracer {
	const struct pkt_trace_session *session[PKT_TRACE_SESSIONS]; /* [w] */
	uint32_t left[PKT_TRACE_SESSIONS];			     /* [w] packets that may still be marked */
	uint32_t next;						     /* [w] of the ids */
	uint16_t queue;						     /* [w] the receive queue that the frames came by */
	uint64_t full;				      /* [w] rate limit: TSC at which the bucket is full again */
	uint64_t missed;			      /* [w] matched, but not marked: rate or room; read by control */
	uint64_t lost;				      /* [w] events without room; read by control */
	bool (*framed)(uint16_t ifindex);	      /* [I] do the interface's packets begin with Ethernet? */
	_Alignas(MP_CACHELINE) _Atomic uint32_t tail; /* [a] written by the thread */
	_Alignas(MP_CACHELINE) _Atomic uint32_t head; /* [a] written by control */
	_Alignas(
	    MP_CACHELINE) struct pkt_trace_event event[PKT_TRACE_EVENTS]; /* [w] between head and tail: control's */
};

/*
 * All below: => the thread that w names, only behind STAGE_WATCHED(w).  They do nothing for packets that are not marked,
 * or while no trace is on.
 */
/* frames just received from one queue, metadata set: marks those that a session wants */
void pkt_trace_received(struct worker *, uint16_t queue, struct rte_mbuf *const *, unsigned n);
void pkt_trace_stage(struct worker *, enum mp_stage, struct rte_mbuf *const *, unsigned n);
void pkt_trace_routes(struct worker *, struct rte_mbuf *const *, const uint32_t *nh, unsigned n);
void pkt_trace_event(struct worker *, struct rte_mbuf *, enum pkt_trace_kind, uint8_t arg, uint32_t a, uint32_t b);
/* copy is made from m, its metadata set: marked as a packet of its own */
void pkt_trace_copy(struct worker *, struct rte_mbuf *m, struct rte_mbuf *copy);
/* before and after packets are given away for good: ids[n]; sent is how many were taken */
void pkt_trace_sending(struct worker *, struct rte_mbuf *const *, unsigned n, uint32_t *ids);
void pkt_trace_sent(struct worker *, const uint32_t *ids, unsigned sent, uint16_t ifindex, uint16_t queue);

/* An event of a packet, in one branch while nobody looks */
#define TRACE(w, m, kind, arg, a, b)                                                                                   \
	do {                                                                                                           \
		if (STAGE_WATCHED(w))                                                                                  \
			pkt_trace_event(w, m, TRACE_##kind, (arg), (a), (b));                                          \
	} while (0)
/* The mark of a packet is no good for its copy, whoever looks: half of the id lies in the mbuf. */
#define TRACE_COPIED(w, m, copy)                                                                                       \
	do {                                                                                                           \
		if (STAGE_WATCHED(w))                                                                                  \
			pkt_trace_copy(w, m, copy);                                                                    \
		else                                                                                                   \
			pkt_meta(copy)->flags &= (uint8_t)~PKT_F_TRACED;                                               \
	} while (0)

#endif
