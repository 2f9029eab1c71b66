/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments for us on their way to control: each source its share of the class's rate; the hash of what comes from afar. */
#ifndef SMPNET_FRAG_SHARE_H
#define SMPNET_FRAG_SHARE_H

#include <stdint.h>
#include <string.h>

#include "mp/mp.h"

struct rte_mbuf;

#define FRAG_RATE     50000 /* fragments a second to control, of all workers */
#define FRAG_BURST    1000  /* of each worker */
#define FRAG_SHARES   256   /* buckets that sources are hashed into */
#define FRAG_NET_PART 4	    /* a network may use this part of the rate, */
#define FRAG_ONE_PART 8	    /* one address this */
#define FRAG_KEYWORDS 10

/* Per worker, in struct ip_thread: TSC at which a bucket is full again */
struct frag_shares {
	uint64_t net[FRAG_SHARES]; /* [w] */
	uint64_t one[FRAG_SHARES]; /* [w] */
};

extern uint64_t frag_hash_key[FRAG_KEYWORDS + 1]; /* [I] */

/* => control, before workers run: the hash's key */
void frag_share_init(void);

/*
 * => worker; hands a fragment for us to control (PUNT_FRAG), unless its source, or the network of it (the first net of
 * len octets at src), has used its share: refused then, with the reason.  Takes it.
 */
void frag_punt(struct worker *, struct rte_mbuf *, const void *src, unsigned net, unsigned len, enum mp_drop refused);

/* => any thread; n octets, at most 40.  Multilinear with a secret key: who chooses the octets cannot choose collisions. */
static inline uint32_t
frag_hash(const void *octets, unsigned n)
{
	uint32_t word[FRAG_KEYWORDS] = {0};
	uint64_t h = frag_hash_key[FRAG_KEYWORDS] + n;

	memcpy(word, octets, n);
	for (unsigned i = 0; i < FRAG_KEYWORDS && i * 4 < n; i++)
		h += frag_hash_key[i] * word[i];
	return (uint32_t)(h >> 32);
}

#endif
