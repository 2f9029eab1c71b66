/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments for us on their way to control: a flood from one source leaves the others their part of the rate. */
/*
 * A network (IPv4 /24, IPv6 /64) and an address in it are each hashed into a bucket that fills at a part of the class's rate.
 * Only what both let pass is charged, so that one address does not use up its network, and a network full of
 * addresses does not use up everybody's; of what is left, mp_punt_from keeps parts for interfaces and hosts.
 *
 * Synchronization: the buckets are the worker's own; the key is written before workers run.
 */
#include <rte_random.h>

#include "ip/frag_share.h"
#include "ip/ip_var.h"

uint64_t frag_hash_key[FRAG_KEYWORDS + 1];

void
frag_share_init(void)
{
	ASSERT_CONTROL();
	for (unsigned i = 0; i <= FRAG_KEYWORDS; i++)
		frag_hash_key[i] = rte_rand();
}

/* => the time at which the bucket would be full again, or 0 if it has no room */
static inline uint64_t
share_after(uint64_t full, uint64_t now, unsigned part)
{
	uint64_t cost = mp_tsc_hz * mp_nworkers * part / FRAG_RATE, depth = cost * FRAG_BURST / part;

	if (full < now)
		full = now;
	return full + cost > now + depth ? 0 : full + cost;
}

void
frag_punt(struct worker *w, struct rte_mbuf *m, const void *src, unsigned net, unsigned len, enum mp_drop refused)
{
	struct frag_shares *s = &ip_thread(w)->shares;
	uint32_t one = frag_hash(src, len);
	uint64_t *netp = &s->net[frag_hash(src, net) % FRAG_SHARES], *onep = &s->one[one % FRAG_SHARES];
	uint64_t net_full = share_after(*netp, w->now, FRAG_NET_PART);
	uint64_t one_full = share_after(*onep, w->now, FRAG_ONE_PART);

	ASSERT_WORKER();
	if (net_full == 0 || one_full == 0) {
		if (!mp_punt_part(w, PUNT_FRAG, m, one))
			pkt_drop(w, m, refused);
		return;
	}
	*netp = net_full;
	*onep = one_full;
	mp_punt_from(w, PUNT_FRAG, m, one);
}
