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

#define REASS_BUCKETS	 64
#define REASS_MAXBUFFERS 2048 /* or an eighth of a pool, if that is less: all may be of one worker's */
#define REASS_MAXFRAGS	 256  /* of one datagram */

struct reass_key {
	uint8_t octets[40]; /* addresses, identification, protocol; zero behind */
};

TAILQ_HEAD(reass_list, reass_queue);

struct reass_table {
	/* set by the owner before use */
	_Atomic int *maxpackets; /* [I] setting: datagrams at a time; 0: none */
	_Atomic int *maxfrags;	 /* [I] setting: fragments of all of them, or NULL */
	uint32_t timeout_ms;	 /* [I] */
	/* [I] what is counted; bad input is counted by the caller */
	enum mp_counter c_dropped, c_overflow, c_timeout, c_reassembled; /* [I] */
	enum mp_drop d_limit, d_overlap, d_timeout;			 /* [I] */
	/* [I] the first fragment of a datagram whose time is over: to be answered.  Takes it. */
	void (*expired)(struct rte_mbuf *first);
	/* the table's own */
	struct reass_list bucket[REASS_BUCKETS]; /* [c] */
	struct reass_list age;			 /* [c] oldest first */
	unsigned npackets, nfrags, nbuffers;	 /* [c] */
	unsigned maxbuffers;			 /* [I] */
	struct event *timer;			 /* [c] runs while there are any */
};

void reass_init(struct reass_table *);
void reass_fini(struct reass_table *);
/*
 * => control; a fragment whose data starts at its headers (hlen octets, contiguous) and that carries len > 0 octets
 * from off.  Takes it.  Returns the whole datagram, with the headers of the first fragment as they were (the caller
 * rights their lengths; *hlen is their length), or NULL: kept, or dropped and counted.
 */
struct rte_mbuf *reass_input(struct reass_table *, const struct reass_key *, struct rte_mbuf *, uint32_t *hlen,
    uint32_t off, uint32_t len, bool more);
/* => control; throws away what is older than the timeout at the time now (ms) */
void reass_expire(struct reass_table *, uint64_t now_ms);

#endif
