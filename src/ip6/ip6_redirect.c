/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv6 redirects that a router sends (RFC 4861 sections 4.5 and 8.2). */
/*
 * Synchronization: only the worker's own packets, counters and threads' private state are written.
 * Lifetime: the packet stays the caller's; the message is sent here.
 */
#include "ether/ether.h"
#include "ether/nd_hdr.h"
#include "ip6/ip6_var.h"
#include "pkt/trace.h"

struct redirect_h {
	struct ipv6_h ip6;
	struct nd_redirect redirect;
	struct nd_lladdr_opt target; /* absent where the target's link address is not known */
} __attribute__((packed, aligned(2)));

static bool
in6_same_prefix(const struct in6_addr *a, const struct in6_addr *b, unsigned plen)
{
	unsigned octets = plen / 8, bits = plen % 8;

	return memcmp(a, b, octets) == 0 &&
	       (bits == 0 || ((a->s6_addr[octets] ^ b->s6_addr[octets]) >> (8 - bits)) == 0);
}

/* => our link-local address on the interface, if src is on its link; NULL: it is not, or there is none */
static const struct in6_addr *
redirect_source(const struct ifnet *ifp, const struct in6_addr *src)
{
	const struct in6_if *in6 = in6_if_get(ifp);
	const struct in6_addr *ll = NULL;
	bool neighbour = false;

	for (uint32_t i = 0; in6 != NULL && i < in6->n; i++) {
		if (IN6_LINKLOCAL(&in6->a[i].addr)) {
			if (ll == NULL)
				ll = &in6->a[i].addr;
		} else if (in6_same_prefix(&in6->a[i].addr, src, in6->a[i].plen))
			neighbour = true;
	}
	return neighbour ? ll : NULL;
}

static void
redirect_send(struct worker *w, struct rte_mbuf *m, const struct nexthop *nh, const struct in6_addr *from,
    const struct in6_addr *target)
{
	static const uint8_t zero[8];
	struct ipv6_h oip = *pkt_data(m, const struct ipv6_h *);
	struct redirect_h h = {
	    .ip6 = {.flow = htonl(0x60000000), .nxt = IPPROTO_ICMPV6, .hlim = 255, .src = *from, .dst = oip.src},
	    .redirect = {.type = ICMP6_T_REDIRECT, .target = *target, .dst = oip.dst},
	    .target = {.type = ND_OPT_TARGET, .len = 1},
	};
	bool known = nh->nh_type == NH_FORWARD && nh->nh_l2len == ETHER_HDRLEN;
	uint32_t hlen = known ? sizeof(h) : sizeof(h) - sizeof(h.target);
	uint32_t room = (IPV6_MINMTU - hlen - (uint32_t)sizeof(struct nd_redirected_opt)) & ~7u;
	uint32_t quote = RTE_MIN(m->pkt_len, room), pad = -quote & 7;
	struct nd_redirected_opt opt = {
	    .type = ND_OPT_REDIRECTED, .len = (uint8_t)((sizeof(opt) + quote + pad) / sizeof(opt))};
	uint32_t len = hlen - (uint32_t)sizeof(h.ip6) + (uint32_t)sizeof(opt) + quote + pad;
	struct rte_mbuf *e = pkt_alloc_copy(w);
	struct nd_redirect *redirect;

	if (e == NULL)
		return;
	*pkt_meta(e) = (struct pktmeta){.flags = PKT_F_LOCAL};
	if (known)
		memcpy(h.target.addr, nh->nh_l2, ETHER_ADDRLEN);
	h.ip6.plen = htons((uint16_t)len);
	if (!pkt_append(w, e, &h, hlen) || !pkt_append(w, e, &opt, sizeof(opt)) ||
	    !pkt_append_from(w, e, m, 0, quote) || !pkt_append(w, e, zero, pad)) {
		pkt_drop(w, e, DROP_NOBUF);
		return;
	}
	redirect = rte_pktmbuf_mtod_offset(e, struct nd_redirect *, sizeof(h.ip6));
	redirect->sum =
	    cksum_fold(cksum_mbuf(ip6_pseudo_sum(&h.ip6.src, &h.ip6.dst, len, IPPROTO_ICMPV6), e, sizeof(h.ip6), len));
	COUNT(w, IP6_REDIRECTSENT);
	COUNT(w, ICMP6_OUT_REDIRECT);
	COUNT(w, ICMP6_E_REDIRECT);
	TRACE(w, m, ERROR, 0, (uint32_t)ICMP6_T_REDIRECT << 8, 0);
	TRACE_COPIED(w, m, e);
	ip6_send(w, e);
}

void
ip6_redirect(struct worker *w, struct rte_mbuf *m, const struct nexthop *nh)
{
	const struct pktmeta *meta = pkt_meta(m);
	const struct ipv6_h *ip6 = pkt_data(m, const struct ipv6_h *);
	struct in6_addr src = in6_get(&ip6->src), dst = in6_get(&ip6->dst), target;
	const struct in6_addr *from;
	const struct ifnet *ifp;

	ASSERT_WORKER();
	if (!SETTING(ip6_sendredirects) || !SETTING(ip6_forwarding) || ip6->hlim <= 1 ||
	    (meta->flags & (PKT_F_BCAST | PKT_F_MCAST | PKT_F_LOCAL)))
		return;
	if (nh->nh_type == NH_GLEAN)
		target = dst;
	else if (nh->nh_type == NH_FORWARD || nh->nh_type == NH_UNRESOLVED)
		target = nh->nh_addr.in6;
	else
		return;
	/* A router's target is its link-local address, which only a route by that one tells. */
	if ((!IN6_LINKLOCAL(&target) && memcmp(&target, &dst, sizeof(dst)) != 0) ||
	    memcmp(&target, &src, sizeof(src)) == 0)
		return;
	ifp = ifnet_get(meta->iif);
	if (ifp == NULL || ifp->if_type != IFT_SMP_ETHER || (from = redirect_source(ifp, &src)) == NULL ||
	    nexthop_get(fib_lookup6(&dst))->nh_type == NH_MULTIPATH)
		return;
	if (!ip_redirect_allow(w, in6_key_slot(in6_key(&src), 32), in6_key_slot(in6_key(&dst), 32)))
		return;
	if (icmp6_error_allowed(w, m, ICMP6_T_REDIRECT))
		redirect_send(w, m, nh, from, &target);
}
