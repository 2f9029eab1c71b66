/* SPDX-License-Identifier: BSD-2-Clause */
/* Reassembly of fragments addressed to us, the same for both families.  Control thread only. */
#ifndef SMPNET_REASS_CTL_H
#define SMPNET_REASS_CTL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "mp/mp.h"

struct event;
struct reass_queue;
struct rte_mbuf;

#define REASS_BUCKETS	 512
#define REASS_MAXBUFFERS 2048 /* or an eighth of a pool, if that is less: all may be of one worker's */
#define REASS_MAXFRAGS	 256  /* of one datagram */
#define REASS_SOURCES	 4096 /* slots that sources are hashed into, to count their datagrams */

/* What a table may hold: settings, but for the buffers; a setting below 0 is no limit */
enum reass_use { REASS_PACKETS, REASS_FRAGS, REASS_OCTETS, REASS_BUFFERS, REASS_USES };

struct reass_key {
	uint8_t octets[40]; /* addresses, the source first, identification, protocol; zero behind */
};

/* A fragment: what it says of itself, and what reassembly says of the whole */
struct reass_piece {
	uint32_t hlen; /* octets of headers before the data; of the whole: the first fragment's */
	uint32_t off, len;
	bool more;
	uint8_t ecn; /* codepoint */
	bool ce;     /* of the whole: to be marked so (RFC 3168 section 5.3) */
};

TAILQ_HEAD(reass_list, reass_queue);

struct reass_table {
	/* set by the owner before use */
	_Atomic int *max[REASS_BUFFERS]; /* [I] settings: datagrams, fragments, octets (memory) at a time; 0: none */
	_Atomic int *ttl;		 /* [I] setting: seconds that a datagram waits */
	unsigned net, addr;		 /* [I] octets of the key that are the source's network, and the source */
	/* [I] what is counted; bad input is counted by the caller */
	enum mp_counter c_dropped, c_overflow, c_timeout, c_reassembled; /* [I] */
	enum mp_drop d_limit, d_overlap, d_timeout, d_bad;		 /* [I] */
	/* [I] the first fragment of a datagram whose time is over: to be answered.  Takes it. */
	void (*expired)(struct rte_mbuf *first);
	/* the table's own */
	struct reass_list bucket[REASS_BUCKETS];   /* [c] */
	struct reass_list age;			   /* [c] oldest first */
	struct reass_queue *all[REASS_MAXBUFFERS]; /* [c] in no order; packets of them */
	uint32_t use[REASS_USES];		   /* [c] */
	uint64_t serial;			   /* [c] of the next queue */
	uint32_t maxbuffers;			   /* [I] */
	uint16_t net_packets[REASS_SOURCES];	   /* [c] datagrams of the networks that are hashed there */
	uint16_t addr_packets[REASS_SOURCES];	   /* [c] and of the sources */
	struct event *timer;			   /* [c] runs while there are any */
};

void reass_init(struct reass_table *);
void reass_fini(struct reass_table *);
/*
 * => control; a fragment whose data starts at its headers (piece->hlen octets, contiguous) and that carries len > 0 octets
 * from off.  Takes it.  Returns the whole datagram, with the headers of the first fragment as they were (the caller
 * rights their lengths and marks congestion), or NULL: kept, or dropped and counted.
 */
struct rte_mbuf *reass_input(struct reass_table *, const struct reass_key *, struct rte_mbuf *, struct reass_piece *);
/* => control; throws away what is older than the time limit at the time now (ms) */
void reass_expire(struct reass_table *, uint64_t now_ms);

#endif
