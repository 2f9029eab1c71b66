/* SPDX-License-Identifier: BSD-2-Clause */
/* Ethernet output: prepends the link header that the next hop holds ready. */

#include <rte_branch_prediction.h>

#include "ether/ether.h"
#include "ether/neigh.h"
#include "if/ifnet.h"
#include "mp/mp.h"
#include "pkt/pkt.h"
#include "route/route.h"

/* The next hop was replaced since the packet was looked up, or there is no room for the header. */
static __attribute__((noinline)) void
ether_output_slow(struct worker *w, struct rte_mbuf *m, const struct nexthop *nh)
{
	if (nh == NULL)
		pkt_drop(w, m, DROP_NEIGH_GONE);
	else if (nh->nh_type == NH_FORWARD)
		pkt_drop(w, m, DROP_ETHER_HEADROOM);
	else if (nh->nh_type == NH_UNRESOLVED || nh->nh_type == NH_GLEAN)
		neigh_resolve(w, m);
	else
		pkt_drop(w, m, DROP_NEIGH_GONE);
}

static void
output_run(struct worker *w, struct pktvec *v)
{
	const unsigned n = v->n;
	unsigned out = 0;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = v->m[i];
		struct pktmeta *meta = pkt_meta(m);
		const struct nexthop *nh = nexthop_get(meta->nh);
		char *p;

		if (unlikely(nh == NULL || nh->nh_type != NH_FORWARD || m->data_off < ETHER_HDRLEN)) {
			ether_output_slow(w, m, nh);
			continue;
		}
		m->data_off -= ETHER_HDRLEN;
		m->data_len += ETHER_HDRLEN;
		m->pkt_len += ETHER_HDRLEN;
		p = pkt_data(m, char *);
		/* 14 octets as two moves that overlap */
		memcpy(p, nh->nh_l2, 8);
		memcpy(p + ETHER_HDRLEN - 8, nh->nh_l2 + ETHER_HDRLEN - 8, 8);
		meta->oif = nh->nh_ifindex;
		meta->oifgen = nh->nh_gen;
		nexthop_mark(w, meta->nh, nh);
		v->m[out++] = m;
	}
	v->n = out;
	if (out > 0)
		if_transmit(w, v);
	v->n = 0;
}

void
ether_output(struct worker *w, struct pktvec *v)
{
	ASSERT_WORKER();
	STAGE_VEC(w, ETHER_OUTPUT, v, output_run(w, v));
}
