/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbour discovery messages that we send (RFC 4861 sections 4.3, 4.4). */
/*
 * Synchronization: control only.
 * Lifetime: messages are ours until if_ctl_transmit() or neigh_ctl_output() takes them.
 */
#include <string.h>

#include "ether/nd_hdr.h"
#include "ether/neigh.h"
#include "ether/neigh_var.h"
#include "pkt/pkt.h"

#define ND_MSGLEN (sizeof(struct nd_neighbor) + sizeof(struct nd_lladdr_opt))

static const struct in6_addr nd_allnodes = {{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};

static bool
nd_may_send(const struct ifnet *ifp)
{
	return neigh_if_running(ifp) && ifp->if_type == IFT_SMP_ETHER &&
	       (atomic_load_explicit(&ifp->if_flags, memory_order_relaxed) & IFF_SMP_NOARP) == 0;
}

/* A message of len octets from the ICMPv6 header on, the IPv6 header before it filled; checksum still to be set. */
static struct rte_mbuf *
nd_message(const struct in6_addr *src, const struct in6_addr *dst, unsigned len)
{
	struct worker *self = mp_control();
	struct rte_mbuf *m = pkt_originate(self);
	struct ipv6_h *ip6;

	if (m == NULL)
		return NULL;
	ip6 = (struct ipv6_h *)(void *)rte_pktmbuf_append(m, (uint16_t)(sizeof(*ip6) + len));
	if (ip6 == NULL) {
		pkt_drop(self, m, DROP_NOBUF);
		return NULL;
	}
	memset(ip6, 0, sizeof(*ip6) + len);
	ip6->flow = htonl(0x60000000);
	ip6->plen = htons((uint16_t)len);
	ip6->nxt = IPPROTO_ICMPV6;
	ip6->hlim = 255;
	memcpy(&ip6->src, src, sizeof(*src));
	memcpy(&ip6->dst, dst, sizeof(*dst));
	return m;
}

static void
nd_checksum(struct rte_mbuf *m)
{
	struct ipv6_h *ip6 = pkt_data(m, struct ipv6_h *);
	struct icmp_h *icmp6 = (struct icmp_h *)(ip6 + 1);
	struct {
		uint32_t len;
		uint8_t zero[3];
		uint8_t proto;
	} pseudo = {htonl(ntohs(ip6->plen)), {0, 0, 0}, IPPROTO_ICMPV6};
	uint32_t sum;

	icmp6->sum = 0;
	sum = cksum_add(0, &ip6->src, 2 * sizeof(struct in6_addr));
	sum = cksum_add(sum, &pseudo, sizeof(pseudo));
	sum = cksum_add(sum, icmp6, ntohs(ip6->plen));
	icmp6->sum = cksum_fold(sum);
}

static void
nd_option(struct ifnet *ifp, struct nd_lladdr_opt *opt, uint8_t type)
{
	opt->type = type;
	opt->len = 1;
	ether_addr_bytes(atomic_load_explicit(&ifp->if_lladdr, memory_order_relaxed), opt->addr);
}

/* Sends a finished message: to the link address given, to a group's, or to the neighbour's. */
static void
nd_transmit(struct ifnet *ifp, const struct in6_addr *dst, const uint8_t *dstmac, struct rte_mbuf *m)
{
	struct ether_hdr *eh;
	union in_any to;

	if (dstmac == NULL) {
		memset(&to, 0, sizeof(to));
		to.in6 = *dst;
		neigh_ctl_output(ifp, AF_INET6, &to, m);
		return;
	}
	eh = (struct ether_hdr *)(void *)rte_pktmbuf_prepend(m, sizeof(*eh));
	if (eh == NULL) {
		pkt_drop(mp_control(), m, DROP_ETHER_HEADROOM);
		return;
	}
	memcpy(eh->eh_dst, dstmac, ETHER_ADDRLEN);
	ether_addr_bytes(atomic_load_explicit(&ifp->if_lladdr, memory_order_relaxed), eh->eh_src);
	eh->eh_type = htons(ETHER_T_IP6);
	if_ctl_transmit(ifp, m);
}

void
nd_send_ns(struct ifnet *ifp, const struct in6_addr *src, const struct in6_addr *dst, const uint8_t *dstmac,
    const struct in6_addr *target)
{
	static const struct in6_addr unspecified;
	struct in6_addr group = {{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0}}};
	unsigned len = src != NULL ? ND_MSGLEN : sizeof(struct nd_neighbor);
	struct nd_neighbor *ns;
	struct rte_mbuf *m;

	ASSERT_CONTROL();
	if (!nd_may_send(ifp))
		return;
	if (dst == NULL) {
		memcpy(&group.s6_addr[13], &target->s6_addr[13], 3);
		dst = &group;
	}
	m = nd_message(src != NULL ? src : &unspecified, dst, len);
	if (m == NULL)
		return;
	ns = rte_pktmbuf_mtod_offset(m, struct nd_neighbor *, sizeof(struct ipv6_h));
	ns->type = ICMP6_T_NS;
	memcpy(&ns->target, target, sizeof(*target));
	if (src != NULL)
		nd_option(ifp, (struct nd_lladdr_opt *)(ns + 1), ND_OPT_SOURCE);
	nd_checksum(m);
	COUNT(mp_control(), ND_SENT_NS);
	nd_transmit(ifp, dst, dstmac, m);
}

void
nd_send_na(struct ifnet *ifp, const struct in6_addr *src, const struct in6_addr *dst, const uint8_t *dstmac,
    const struct in6_addr *target, const uint8_t *lladdr, uint8_t flags)
{
	struct nd_neighbor *na;
	struct rte_mbuf *m;

	ASSERT_CONTROL();
	if (!nd_may_send(ifp))
		return;
	m = nd_message(src, dst, ND_MSGLEN);
	if (m == NULL)
		return;
	na = rte_pktmbuf_mtod_offset(m, struct nd_neighbor *, sizeof(struct ipv6_h));
	na->type = ICMP6_T_NA;
	na->flags = flags;
	memcpy(&na->target, target, sizeof(*target));
	nd_option(ifp, (struct nd_lladdr_opt *)(na + 1), ND_OPT_TARGET);
	if (lladdr != NULL)
		memcpy(((struct nd_lladdr_opt *)(na + 1))->addr, lladdr, ETHER_ADDRLEN);
	nd_checksum(m);
	COUNT(mp_control(), ND_SENT_NA);
	nd_transmit(ifp, dst, dstmac, m);
}

void
nd_send_rs(struct ifnet *ifp, const struct in6_addr *src)
{
	static const struct in6_addr unspecified, allrouters = {{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}}};
	struct rte_mbuf *m;

	ASSERT_CONTROL();
	if (!nd_may_send(ifp))
		return;
	m = nd_message(src != NULL ? src : &unspecified, &allrouters,
	    src != NULL ? ND_RS_LEN + (unsigned)sizeof(struct nd_lladdr_opt) : ND_RS_LEN);
	if (m == NULL)
		return;
	rte_pktmbuf_mtod_offset(m, struct icmp_h *, sizeof(struct ipv6_h))->type = ICMP6_T_RS;
	if (src != NULL)
		nd_option(ifp, rte_pktmbuf_mtod_offset(m, struct nd_lladdr_opt *, sizeof(struct ipv6_h) + ND_RS_LEN),
		    ND_OPT_SOURCE);
	nd_checksum(m);
	COUNT(mp_control(), ND_SENT_RS);
	nd_transmit(ifp, &allrouters, NULL, m);
}

void
nd_announce(struct ifnet *ifp, const struct in6_addr *addr, bool anycast)
{
	nd_send_na(ifp, addr, &nd_allnodes, NULL, addr, NULL,
	    (uint8_t)((anycast ? 0 : ND_NA_OVERRIDE) | (nd_forwarding() ? ND_NA_ROUTER : 0)));
}

void
nd_solicit(struct neigh *n, struct rte_mbuf *prompt, bool unicast)
{
	struct ifnet *ifp = n->n_ifp;
	struct ifaddr *ifa = NULL;

	ASSERT_CONTROL();
	/* RFC 4861 section 7.2.2: preferably the address that the waiting packet was sent from. */
	if (prompt != NULL) {
		union in_any src;

		memcpy(&src.in6, pkt_data(prompt, const uint8_t *) + 8, sizeof(src.in6));
		ifa = if_addr_find(ifp, AF_INET6, &src, true);
	}
	if (ifa == NULL)
		ifa = if_addr_select(ifp, AF_INET6, &n->n_addr);
	if (ifa == NULL || ifa->ifa_ifp != ifp)
		return;
	nd_send_ns(
	    ifp, &ifa->ifa_addr.in6, unicast ? &n->n_addr.in6 : NULL, unicast ? n->n_lladdr : NULL, &n->n_addr.in6);
}
