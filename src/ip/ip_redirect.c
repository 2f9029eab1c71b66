/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 redirects that a router sends (RFC 792, RFC 1812 section 5.2.7.2). */
/*
 * Synchronization: only the worker's own packets, counters and struct ip_thread are written.
 * Lifetime: the packet stays the caller's; the message is sent here.
 */
#include "ip/ip_var.h"

/* => the options, which have been checked, hold a source route: the sender has chosen its way */
static bool
ip_source_routed(const struct ipv4_h *ip)
{
	const uint8_t *p = (const uint8_t *)(ip + 1), *end = (const uint8_t *)ip + IPV4_HLEN(ip);

	while (p < end && *p != IPV4_OPT_EOL) {
		if (*p == IPV4_OPT_LSRR || *p == IPV4_OPT_SSRR)
			return true;
		if (*p == IPV4_OPT_NOP)
			p++;
		else if (end - p < 2 || p[1] < 2)
			break;
		else
			p += p[1];
	}
	return false;
}

/* => one network of ours on the interface holds both */
static bool
in_same_network(const struct ifnet *ifp, uint32_t a, uint32_t b)
{
	const struct in_if *in = in_if_get(ifp);

	for (uint32_t i = 0; in != NULL && i < in->n; i++)
		if (((in->a[i].addr ^ a) & in->a[i].mask) == 0 && ((in->a[i].addr ^ b) & in->a[i].mask) == 0)
			return true;
	return false;
}

void
ip_redirect(struct worker *w, struct rte_mbuf *m, const struct nexthop *nh)
{
	const struct pktmeta *meta = pkt_meta(m);
	const struct ipv4_h *ip = pkt_data(m, const struct ipv4_h *);
	const struct ifnet *ifp;
	uint32_t gateway;

	ASSERT_WORKER();
	if (!SETTING(ip_sendredirects) || !SETTING(ip_forwarding) || ip->ttl <= 1 ||
	    (meta->flags & (PKT_F_BCAST | PKT_F_MCAST | PKT_F_LOCAL)))
		return;
	if (nh->nh_type == NH_GLEAN)
		gateway = ip->dst;
	else if (nh->nh_type == NH_FORWARD || nh->nh_type == NH_UNRESOLVED)
		gateway = nh->nh_addr.in4.s_addr;
	else
		return;
	ifp = ifnet_get(meta->iif);
	if (ifp == NULL || ifp->if_type != IFT_SMP_ETHER || gateway == ip->src || ip_source_routed(ip) ||
	    !in_same_network(ifp, ip->src, gateway) || nexthop_get(fib_lookup4(ip->dst))->nh_type == NH_MULTIPATH)
		return; /* of several paths none is the better one */
	if (ip_redirect_allow(w, ip->src, ip->dst) && icmp_redirect(w, m, gateway))
		COUNT(w, IP_REDIRECTSENT);
}
