/* SPDX-License-Identifier: BSD-2-Clause */
/* Loopback interfaces, workers' side: what is sent comes in again. */
#include "if/ifnet.h"
#include "if/if_var.h"
#include "pkt/trace.h"

/*
 * => worker; n packets that begin with their IP header.  Takes all.
 */
void
lo_transmit(struct worker *w, struct ifnet *ifp, struct rte_mbuf **m, unsigned n)
{
	struct if_stats *st = if_stats_of(ifp, w);

	ASSERT_WORKER();
	for (unsigned i = 0; i < n; i++) {
		struct pktmeta *meta = pkt_meta(m[i]);
		uint8_t version = m[i]->data_len > 0 ? *rte_pktmbuf_mtod(m[i], const uint8_t *) >> 4 : 0;

		mp_add(&st->opackets, 1);
		mp_add(&st->obytes, m[i]->pkt_len);
		if (version != 4 && version != 6) {
			mp_add(&st->noproto, 1);
			pkt_drop(w, m[i], DROP_LO_PROTO);
			continue;
		}
		mp_add(&st->ipackets, 1);
		mp_add(&st->ibytes, m[i]->pkt_len);
		meta->iif = ifp->if_index;
		meta->iifgen = ifp->if_gen;
		TRACE(w, m[i], LOOPED, 0, ifp->if_index, 0);
		meta->flags &= PKT_F_LOCAL | PKT_F_L4OK | PKT_F_TRACED;
		meta->nh = 0;
		meta->oif = 0;
		pkt_reinput(w, m[i], version == 4 ? PKT_IP_INPUT : PKT_IP6_INPUT);
	}
}
