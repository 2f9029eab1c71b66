/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv6 output on workers: packets of our own, and their fragmentation (RFC 8200 section 4.5). */
#include "ether/ether.h"
#include "ether/neigh.h"
#include "ip6/ip6_var.h"
#include "pkt/trace.h"

void
ip6_fragment(struct worker *w, struct rte_mbuf *m, uint32_t mtu, void (*out)(struct worker *, struct pktvec *))
{
	const struct ipv6_h *ip6 = pkt_data(m, const struct ipv6_h *);
	struct {
		struct ipv6_h ip6;
		struct ip6_frag_h frag;
	} h = {.ip6 = *ip6, .frag = {.nxt = ip6->nxt}};
	uint32_t off = sizeof(*ip6), total = m->pkt_len;
	struct ip6_thread *t = ip6_thread(w);
	struct pktvec v = {.n = 0};

	if (mtu < sizeof(h) + 8 || ip6->nxt == IPPROTO_HOPOPTS || ip6->nxt == IPPROTO_ROUTING ||
	    ip6->nxt == IPPROTO_FRAGMENT) {
		COUNT(w, IP6_CANTFRAG);
		pkt_drop(w, m, DROP_IP6_TOOBIG);
		return;
	}
	TRACE(w, m, FRAGMENT, 0, mtu, 0);
	t->id += t->id_step;
	h.frag.id = htonl(t->id);
	h.ip6.nxt = IPPROTO_FRAGMENT;
	while (off < total) {
		uint32_t len = (mtu - (uint32_t)sizeof(h)) & ~7u;
		bool more = total - off > mtu - sizeof(h);

		if (!more)
			len = total - off;
		struct rte_mbuf *f = pkt_alloc_copy(w);
		if (f == NULL)
			goto nobuf;
		*pkt_meta(f) = *pkt_meta(m);
		TRACE_COPIED(w, m, f);
		h.ip6.plen = htons((uint16_t)(sizeof(h.frag) + len));
		h.frag.off = htons((uint16_t)((off - sizeof(*ip6)) | (more ? IP6_FRAG_MORE : 0)));
		if (!pkt_append(w, f, &h, sizeof(h)) || !pkt_append_from(w, f, m, off, len)) {
			pkt_drop(w, f, DROP_NOBUF);
			goto nobuf;
		}
		COUNT(w, IP6_OFRAGMENTS);
		pktvec_add(&v, f);
		if (v.n == PKT_VEC) {
			out(w, &v);
			v.n = 0;
		}
		off += len;
	}
	COUNT(w, IP6_FRAGMENTED);
	if (v.n > 0)
		out(w, &v);
	pkt_consume(w, m);
	return;
nobuf:
	COUNT(w, IP6_ODROPPED);
	pktvec_drop(w, &v, DROP_NOBUF);
	pkt_drop(w, m, DROP_NOBUF);
}

/* => what the packet may have on a link with this MTU */
static uint32_t
ip6_out_mtu(struct rte_mbuf *m, uint32_t mtu)
{
	return (pkt_meta(m)->flags & PKT_F_MINMTU) && mtu > IPV6_MINMTU ? IPV6_MINMTU : mtu;
}

/* => packets for neighbours on meta.oif's link that the FIB does not know.  Takes all. */
static void
ip6_out_neighbour(struct worker *w, struct pktvec *v)
{
	for (unsigned i = 0; i < v->n; i++)
		neigh_resolve(w, v->m[i]);
	v->n = 0;
}

/* => multicast packets for meta.oif's link.  Takes all. */
static void
ip6_out_group(struct worker *w, struct pktvec *v)
{
	for (unsigned i = 0; i < v->n; i++) {
		struct ifnet *ifp = ifnet_get(pkt_meta(v->m[i])->oif);

		if (ifp == NULL)
			pkt_drop(w, v->m[i], DROP_IF_GONE);
		else
			ip_output_link(w, ifp, v->m[i]);
	}
	v->n = 0;
}

/* => a packet of ours that stays in us: as if received on ifp.  Takes it. */
static void
ip6_loop(struct worker *w, struct ifnet *ifp, struct rte_mbuf *m)
{
	struct pktmeta *meta = pkt_meta(m);

	meta->iif = ifp->if_index;
	meta->iifgen = ifp->if_gen;
	ip6_local_input(w, m);
}

/* => a packet for a group or a link-local address, which meta.oif makes definite.  Takes it. */
static void
ip6_output_scoped(struct worker *w, struct rte_mbuf *m, const struct in6_addr *dst)
{
	struct pktmeta *meta = pkt_meta(m);
	struct ifnet *ifp = meta->oif != 0 ? ifnet_get(meta->oif) : NULL;
	void (*out)(struct worker *, struct pktvec *) = ip6_out_neighbour;
	struct pktvec v = {.n = 0};

	if (ifp == NULL || ifp->if_dead) {
		COUNT(w, IP6_NOROUTE);
		pkt_drop(w, m, DROP_IP6_NOROUTE);
		return;
	}
	if (ifp->if_gen != meta->oifgen) { /* an error about what waited while the interface went */
		pkt_drop(w, m, DROP_IF_GONE);
		return;
	}
	meta->nh = NH_NOROUTE_INDEX;
	if (IN6_MULTICAST(dst)) {
		if (ip6_group_joined(ifp, dst)) {
			struct rte_mbuf *c = pkt_copy(w, m);
			if (c != NULL) {
				TRACE_COPIED(w, m, c);
				ip6_loop(w, ifp, c);
			}
		}
		if (IN6_MC_SCOPE(dst) <= IN6_SCOPE_INTERFACE || ifp->if_type == IFT_SMP_LOOP) {
			pkt_consume(w, m);
			return;
		}
		out = ip6_out_group;
	} else if (ip6_addr_is_ours(ifp, dst)) {
		ip6_loop(w, ifp, m);
		return;
	} else {
		meta->nh = ip6_linklocal_nexthop(ifp->if_index, dst);
		if (meta->nh != NH_NOROUTE_INDEX)
			out = nh_output;
	}
	uint32_t mtu = ip6_out_mtu(m, atomic_load_explicit(&ifp->if_mtu, memory_order_relaxed));
	if (m->pkt_len > mtu) {
		STAGE_MBUFS(w, FRAGMENT, &m, 1, ip6_fragment(w, m, mtu, out));
		return;
	}
	pktvec_add(&v, m);
	out(w, &v);
}

static void
ip6_output_one(struct worker *w, struct rte_mbuf *m, struct pktvec *forward)
{
	struct pktmeta *meta = pkt_meta(m);
	const struct ipv6_h *ip6 = pkt_data(m, const struct ipv6_h *);
	struct in6_addr dst = in6_get(&ip6->dst);

	MP_ASSERT(m->data_len >= sizeof(*ip6) && m->pkt_len == sizeof(*ip6) + ntohs(ip6->plen));
	COUNT(w, IP6_LOCALOUT);
	meta->flags |= PKT_F_LOCAL;
	if (IN6_MULTICAST(&dst) || IN6_LINKLOCAL(&dst)) {
		ip6_output_scoped(w, m, &dst);
		return;
	}
	meta->nh = fib_lookup6(&dst);
	TRACE(w, m, ROUTE, 0, meta->nh, 0);
	const struct nexthop *nh = nexthop_get(meta->nh);
	if (nh->nh_type == NH_MULTIPATH) {
		meta->hash = ip_flow_hash(m);
		meta->nh = nexthop_select(nh, meta->hash);
		nh = nexthop_get(meta->nh);
	}
	if (nh->nh_type == NH_NOROUTE || nh->nh_type == NH_REJECT)
		COUNT(w, IP6_NOROUTE);
	if (nh->nh_type != NH_LOCAL && nh->nh_ifp != NULL && m->pkt_len > ip6_out_mtu(m, nh_mtu_of(nh))) {
		STAGE_MBUFS(w, FRAGMENT, &m, 1, ip6_fragment(w, m, ip6_out_mtu(m, nh_mtu_of(nh)), nh_output));
		return;
	}
	nh_output_one(w, m, forward);
}

static void
ip6_output_run(struct worker *w, struct pktvec *v)
{
	struct pktvec forward = {.n = 0};

	for (unsigned i = 0; i < v->n; i++)
		ip6_output_one(w, v->m[i], &forward);
	v->n = 0;
	if (forward.n > 0)
		ether_output(w, &forward);
}

void
ip6_output(struct worker *w, struct pktvec *v)
{
	ASSERT_WORKER();
	STAGE_VEC(w, IP6_OUTPUT, v, ip6_output_run(w, v));
}

void
ip6_send(struct worker *w, struct rte_mbuf *m)
{
	struct pktvec v = {.n = 1, .m = {m}};

	if (w->is_control)
		pkt_ctl_send(m, PKT_IP6_OUTPUT);
	else
		ip6_output(w, &v);
}
