/* SPDX-License-Identifier: BSD-2-Clause */
/* Ethernet input: frames of any interfaces are checked and sorted to IPv4, IPv6 and ARP. */

#include <rte_branch_prediction.h>

#include "ether/arp_hdr.h"
#include "ether/ether.h"
#include "ether/neigh_var.h"
#include "if/ifnet.h"
#include "ip/ip.h"
#include "ip6/ip6.h"
#include "mp/mp.h"
#include "pkt/pkt.h"

#define IP_MINHDR 20

/* if_lladdr and the first octets of a frame are compared as words */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian machines only");

static inline void
ether_strip(struct rte_mbuf *m, uint16_t type, unsigned hdrlen)
{
	struct pktmeta *meta = pkt_meta(m);

	m->data_off += hdrlen;
	m->data_len -= hdrlen;
	m->pkt_len -= hdrlen;
	m->l2_len = hdrlen;
	meta->ethertype = type;
	meta->l3off = 0;
	meta->l4off = 0;
}

/*
 * Everything that is not plain IP to our own address in one piece.
 * => true with *typep IPv4 or IPv6 if the packet goes on, its header cut off; false if it was taken
 */
static __attribute__((noinline)) bool
ether_input_slow(struct worker *w, struct ifnet *ifp, uint64_t lladdr, struct rte_mbuf *m, uint16_t *typep)
{
	struct if_stats *stats = if_stats_of(ifp, w);
	struct pktmeta *meta = pkt_meta(m);
	const struct ether_hdr *eh;
	unsigned hdrlen = ETHER_HDRLEN;
	enum mp_drop reason;
	uint16_t type;

	if (m->pkt_len < ETHER_HDRLEN || !pkt_pullup(m, ETHER_HDRLEN)) {
		mp_add(&stats->ierrors, 1);
		reason = DROP_ETHER_SHORT;
		goto drop;
	}
	eh = pkt_data(m, const struct ether_hdr *);
	type = ntohs(eh->eh_type);

	if (ether_is_group(eh->eh_dst)) {
		meta->flags |= ether_addr_word(eh->eh_dst) == ETHER_ADDRBITS ? PKT_F_BCAST : PKT_F_MCAST;
	} else if (ether_addr_word(eh->eh_dst) != lladdr) {
		meta->flags |= PKT_F_PROMISC;
		reason = DROP_ETHER_NOTUS;
		goto drop;
	}
	if (ether_is_group(eh->eh_src)) {
		mp_add(&stats->ierrors, 1);
		reason = DROP_ETHER_BADSRC;
		goto drop;
	}

	/* A priority tag (VID 0) is looked through, be it still in the frame or in the descriptor. */
	if ((m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 && (m->vlan_tci & 0xfff) != 0) {
		reason = DROP_ETHER_NOVLAN;
		goto drop;
	}
	if (type == ETHER_T_VLAN) {
		const struct ether_tag *tag;

		if (m->pkt_len < ETHER_HDRLEN + ETHER_TAGLEN || !pkt_pullup(m, ETHER_HDRLEN + ETHER_TAGLEN)) {
			mp_add(&stats->ierrors, 1);
			reason = DROP_ETHER_SHORT;
			goto drop;
		}
		tag = rte_pktmbuf_mtod_offset(m, const struct ether_tag *, ETHER_HDRLEN);
		if ((ntohs(tag->et_tci) & 0xfff) != 0) {
			mp_add(&stats->noproto, 1);
			reason = DROP_ETHER_NOVLAN;
			goto drop;
		}
		type = ntohs(tag->et_type);
		hdrlen += ETHER_TAGLEN;
	}

	switch (type) {
	case ETHER_T_IP:
	case ETHER_T_IP6:
		ether_strip(m, type, hdrlen);
		*typep = type;
		return true;
	case ETHER_T_ARP:
		if ((atomic_load_explicit(&ifp->if_flags, memory_order_relaxed) & IFF_SMP_NOARP) != 0) {
			reason = DROP_ETHER_NOARP;
			goto drop;
		}
		if (m->pkt_len < hdrlen + sizeof(struct arp_ether) ||
		    !pkt_pullup(m, hdrlen + sizeof(struct arp_ether))) {
			mp_add(&stats->ierrors, 1);
			COUNT(w, ARP_RCVD);
			COUNT(w, ARP_RCVD_BADLEN);
			reason = DROP_ARP_SHORT;
			goto drop;
		}
		ether_strip(m, type, hdrlen);
		arp_punt(w, m);
		return false;
	case ETHER_T_VLAN:
	case ETHER_T_QINQ:
		mp_add(&stats->noproto, 1);
		reason = DROP_ETHER_NOVLAN;
		goto drop;
	default:
		mp_add(&stats->noproto, 1);
		reason = type <= ETHER_MAXLLC ? DROP_ETHER_LLC : DROP_ETHER_NOPROTO;
		goto drop;
	}
drop:
	pkt_drop(w, m, reason);
	return false;
}

static void
input_run(struct worker *w, struct pktvec *v)
{
	const unsigned n = v->n;
	unsigned n4 = 0, n6 = 0, iif = UINT32_MAX;
	struct ifnet *ifp = NULL;
	uint64_t lladdr = 0;
	struct pktvec v6;

	/* if_input has touched all of them.  IPv4 packets are packed to the front of the vector they came in, IPv6 packets go to a second one. */
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = v->m[i];
		uint16_t type;

		if (pkt_meta(m)->iif != iif) {
			struct ifnet *next = ifnet_get(pkt_meta(m)->iif);

			if (unlikely(next == NULL)) {
				pkt_drop(w, m, DROP_IF_GONE);
				continue;
			}
			ifp = next;
			iif = ifp->if_index;
			lladdr = atomic_load_explicit(&ifp->if_lladdr, memory_order_relaxed);
		}
		if (likely(
			m->data_len >= ETHER_HDRLEN + IP_MINHDR && (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0)) {
			const struct ether_hdr *eh = pkt_data(m, const struct ether_hdr *);
			uint64_t word;
			bool is4, is6;

			/* Destination and, in bit 48, the group bit of the source: one comparison for both. */
			memcpy(&word, eh, sizeof(word));
			is4 = eh->eh_type == htons(ETHER_T_IP);
			is6 = eh->eh_type == htons(ETHER_T_IP6);
			if (likely(((word ^ lladdr) & ((UINT64_C(1) << 49) - 1)) == 0 && (is4 | is6))) {
				ether_strip(m, is4 ? ETHER_T_IP : ETHER_T_IP6, ETHER_HDRLEN);
				v->m[n4] = m;
				v6.m[n6] = m;
				n4 += is4;
				n6 += is6;
				continue;
			}
		}
		if (ether_input_slow(w, ifp, lladdr, m, &type)) {
			v->m[n4] = m;
			v6.m[n6] = m;
			n4 += type == ETHER_T_IP;
			n6 += type == ETHER_T_IP6;
		}
	}

	v->n = n4;
	if (n4 > 0)
		ip_input(w, v);
	v->n = 0;
	v6.n = n6;
	if (n6 > 0)
		ip6_input(w, &v6);
}

void
ether_input(struct worker *w, struct pktvec *v)
{
	ASSERT_WORKER();
	STAGE_VEC(w, ETHER_INPUT, v, input_run(w, v));
}
