/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets without a link address go to control, few for each neighbour. */
/*
 * Synchronization: each worker has a table of its own of what it told control lately ([w]).
 * Lifetime: the tables are made by neigh_init and freed by neigh_fini, when no worker runs.
 */
#include <netinet/ip.h>
#include <netinet/ip6.h>

#include "ether/neigh.h"
#include "ether/neigh_var.h"
#include "pkt/pkt.h"
#include "route/route.h"

static uint32_t
neigh_mix(uint32_t h, uint32_t v)
{
	h = (h ^ v) * UINT32_C(0x9e3779b1);
	return h ^ (h >> 15);
}

/* What names the neighbour: the next hop, and for a whole network the destination.  Never 0. */
static uint32_t
neigh_packet_key(struct rte_mbuf *m, const struct pktmeta *meta)
{
	uint32_t h = neigh_mix(meta->nh, meta->oif);
	const struct nexthop *nh = nexthop_get(meta->nh);
	uint32_t word;

	if (nh == NULL || nh->nh_type != NH_UNRESOLVED) {
		const uint8_t *p = pkt_data(m, const uint8_t *);

		if (p[0] >> 4 == 4 && m->data_len >= sizeof(struct ip)) {
			memcpy(&word, p + offsetof(struct ip, ip_dst), 4);
			h = neigh_mix(h, word);
		} else if (m->data_len >= sizeof(struct ip6_hdr)) {
			for (unsigned i = 0; i < 16; i += 4) {
				memcpy(&word, p + offsetof(struct ip6_hdr, ip6_dst) + i, 4);
				h = neigh_mix(h, word);
			}
		}
	}
	return h | 1;
}

/* Who sent it */
static uint32_t
neigh_sender(struct rte_mbuf *m)
{
	const uint8_t *p = pkt_data(m, const uint8_t *);
	uint32_t h = 0, word;

	if (p[0] >> 4 == 4 && m->data_len >= sizeof(struct ip)) {
		memcpy(&h, p + offsetof(struct ip, ip_src), sizeof(h));
	} else if (m->data_len >= sizeof(struct ip6_hdr)) {
		for (unsigned i = 0; i < 16; i += 4) {
			memcpy(&word, p + offsetof(struct ip6_hdr, ip6_src) + i, 4);
			h = neigh_mix(h, word);
		}
	}
	return h;
}

void
neigh_resolve(struct worker *w, struct rte_mbuf *m)
{
	struct neigh_worker *nw = w->proto[MP_SLOT_NEIGH];
	uint32_t key = neigh_packet_key(m, pkt_meta(m));
	struct neigh_told *told = &nw->told[(key >> 8) % NEIGH_TOLD];

	ASSERT_WORKER();
	if (told->key != key || w->now_ms - told->since >= NEIGH_TOLD_MS) {
		told->key = key;
		told->since = w->now_ms;
		told->count = 0;
	} else if (told->count >= NEIGH_MAXQUEUE) {
		pkt_drop(w, m, DROP_NEIGH_WAIT);
		return;
	}
	told->count++;
	mp_punt_from(w, PUNT_RESOLVE, m, neigh_sender(m));
}
