/* SPDX-License-Identifier: BSD-2-Clause */
/* Output on workers: IPv4 packets of our own, and dispatch by next hop for both families. */
#include <string.h>

#include <rte_ether.h>

#include "ether/ether.h"
#include "ether/neigh.h"
#include "ip/ip_var.h"
#include "ip6/ip6_var.h"
#include "pkt/trace.h"

void
ip_output_link(struct worker *w, struct ifnet *ifp, struct rte_mbuf *m)
{
	struct pktmeta *meta = pkt_meta(m);
	const struct ipv4_h *ip = pkt_data(m, const struct ipv4_h *);
	struct rte_ether_hdr *eh;

	meta->oif = ifp->if_index;
	meta->oifgen = ifp->if_gen;
	if (ifp->if_type == IFT_SMP_ETHER) {
		uint64_t lladdr = atomic_load_explicit(&ifp->if_lladdr, memory_order_relaxed);
		uint32_t dst = ip->dst;
		bool v6 = ip->vihl >> 4 == 6;

		if (v6)
			memcpy(&dst, &pkt_data(m, const struct ipv6_h *)->dst.s6_addr[12], 4);
		eh = (struct rte_ether_hdr *)rte_pktmbuf_prepend(m, sizeof(*eh));
		if (eh == NULL) {
			pkt_drop(w, m, DROP_NOBUF);
			return;
		}
		uint8_t *to = eh->dst_addr.addr_bytes;
		if (v6) { /* RFC 2464 section 7 */
			to[0] = to[1] = 0x33;
			memcpy(to + 2, &dst, 4);
		} else if (IN4_MULTICAST(dst)) { /* RFC 1112 section 6.4 */
			to[0] = 0x01;
			to[1] = 0x00;
			to[2] = 0x5e;
			memcpy(to + 3, (const uint8_t *)&dst + 1, 3);
			to[3] &= 0x7f;
		} else {
			memset(to, 0xff, 6);
		}
		memcpy(eh->src_addr.addr_bytes, &lladdr, 6);
		eh->ether_type = htons(v6 ? RTE_ETHER_TYPE_IPV6 : RTE_ETHER_TYPE_IPV4);
		m->l2_len = sizeof(*eh);
	}
	if_transmit_one(w, ifp, m);
}

void
nh_output_one(struct worker *w, struct rte_mbuf *m, struct pktvec *forward)
{
	struct pktmeta *meta = pkt_meta(m);
	const struct nexthop *nh = nexthop_get(meta->nh);
	bool v6 = pkt_data(m, const struct ipv4_h *)->vihl >> 4 == 6;

	if (nh->nh_type == NH_MULTIPATH) {
		if (meta->hash == 0)
			meta->hash = ip_flow_hash(m);
		meta->nh = nexthop_select(nh, meta->hash);
		nh = nexthop_get(meta->nh);
	}
	switch (nh->nh_type) {
	case NH_FORWARD:
		pktvec_add(forward, m);
		break;
	case NH_UNRESOLVED:
	case NH_GLEAN:
		neigh_resolve(w, m);
		break;
	case NH_P2P:
		meta->oif = nh->nh_ifindex;
		meta->oifgen = nh->nh_gen;
		if_transmit_one(w, nh->nh_ifp, m);
		break;
	case NH_BROADCAST:
		ip_output_link(w, nh->nh_ifp, m);
		break;
	case NH_LOCAL:
		/* To ourselves: as if received on the interface that has the address. */
		meta->iif = nh->nh_ifindex;
		meta->iifgen = nh->nh_gen;
		if (v6)
			ip6_local_input(w, m);
		else
			ip_local_input(w, m);
		break;
	case NH_BLACKHOLE:
		pkt_drop(w, m, v6 ? DROP_IP6_BLACKHOLE : DROP_IP_BLACKHOLE);
		break;
	case NH_REJECT:
		pkt_drop(w, m, v6 ? DROP_IP6_REJECT : DROP_IP_REJECT);
		break;
	default:
		pkt_drop(w, m, v6 ? DROP_IP6_NOROUTE : DROP_IP_NOROUTE);
		break;
	}
}

static void
nh_output_run(struct worker *w, struct pktvec *v)
{
	struct pktvec forward = {.n = 0};

	for (unsigned i = 0; i < v->n; i++)
		nh_output_one(w, v->m[i], &forward);
	v->n = 0;
	if (forward.n > 0)
		ether_output(w, &forward);
}

void
nh_output(struct worker *w, struct pktvec *v)
{
	ASSERT_WORKER();
	STAGE_VEC(w, NH_OUTPUT, v, nh_output_run(w, v));
}

static void
ip_output_one(struct worker *w, struct rte_mbuf *m, struct pktvec *forward)
{
	struct pktmeta *meta = pkt_meta(m);
	const struct ipv4_h *ip = pkt_data(m, const struct ipv4_h *);

	MP_ASSERT(m->data_len >= sizeof(*ip) && m->data_len >= IPV4_HLEN(ip) && m->pkt_len == ntohs(ip->len));
	COUNT(w, IP_LOCALOUT);
	meta->flags |= PKT_F_LOCAL;
	if (ip->dst == IN4_BROADCAST || IN4_MULTICAST(ip->dst)) {
		struct ifnet *ifp = meta->oif != 0 ? ifnet_get(meta->oif) : NULL;
		if (ifp == NULL || ifp->if_dead) {
			COUNT(w, IP_NOROUTE);
			pkt_drop(w, m, DROP_IP_NOROUTE);
		} else if (ifp->if_gen != meta->oifgen) {
			pkt_drop(w, m, DROP_IF_GONE);
		} else if (m->pkt_len > atomic_load_explicit(&ifp->if_mtu, memory_order_relaxed)) {
			COUNT(w, IP_CANTFRAG);
			pkt_drop(w, m, DROP_IP_CANTFRAG);
		} else {
			ip_output_link(w, ifp, m);
		}
		return;
	}
	meta->nh = fib_lookup4(ip->dst);
	TRACE(w, m, ROUTE, 0, meta->nh, 0);
	const struct nexthop *nh = nexthop_get(meta->nh);
	if (nh->nh_type == NH_MULTIPATH) {
		meta->hash = ip_flow_hash(m);
		ip = pkt_data(m, const struct ipv4_h *);
		meta->nh = nexthop_select(nh, meta->hash);
		nh = nexthop_get(meta->nh);
	}
	if (nh->nh_type == NH_NOROUTE || nh->nh_type == NH_REJECT)
		COUNT(w, IP_NOROUTE);
	if (nh->nh_type != NH_LOCAL && m->pkt_len > nh_mtu_of(nh) && nh->nh_ifp != NULL) {
		if (ip->off & htons(IPV4_DF)) {
			COUNT(w, IP_CANTFRAG);
			pkt_drop(w, m, DROP_IP_CANTFRAG);
			return;
		}
		STAGE_MBUFS(w, FRAGMENT, &m, 1, ip_fragment(w, m, nh_mtu_of(nh), nh_output));
		return;
	}
	nh_output_one(w, m, forward);
}

static void
ip_output_run(struct worker *w, struct pktvec *v)
{
	struct pktvec forward = {.n = 0};

	for (unsigned i = 0; i < v->n; i++)
		ip_output_one(w, v->m[i], &forward);
	v->n = 0;
	if (forward.n > 0)
		ether_output(w, &forward);
}

void
ip_output(struct worker *w, struct pktvec *v)
{
	ASSERT_WORKER();
	STAGE_VEC(w, IP_OUTPUT, v, ip_output_run(w, v));
}

void
ip_send(struct worker *w, struct rte_mbuf *m)
{
	struct pktvec v = {.n = 1, .m = {m}};

	if (w->is_control)
		pkt_ctl_send(m, PKT_IP_OUTPUT);
	else
		ip_output(w, &v);
}
