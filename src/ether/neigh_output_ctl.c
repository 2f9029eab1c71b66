/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets on their way to neighbours through control: what workers could not send, and what control makes itself. */
/*
 * Synchronization: control only.  A packet from a worker names next hops and interfaces by index, looked up here.
 * Lifetime: every function takes its packet.
 */
#include <string.h>

#include "ether/neigh.h"
#include "ether/neigh_var.h"
#include "route/route.h"

/* => control; a packet that waits for its next hop: see neigh_resolve() for what it may be.  Takes it. */
void
neigh_resolve_input(struct rte_mbuf *m)
{
	struct worker *self = mp_control();
	struct pktmeta *meta = pkt_meta(m);
	const struct nexthop *nh = nexthop_get(meta->nh);
	const uint8_t *p = pkt_data(m, const uint8_t *);
	struct ifnet *ifp = NULL;
	union in_any addr;
	struct neigh *n;
	int family;

	ASSERT_CONTROL();
	memset(&addr, 0, sizeof(addr));
	if (m->data_len >= 40 && p[0] >> 4 == 6) {
		family = AF_INET6;
		memcpy(&addr.in6, p + 24, sizeof(addr.in6));
	} else if (m->data_len >= 20 && p[0] >> 4 == 4) {
		family = AF_INET;
		memcpy(&addr.in4, p + 16, sizeof(addr.in4));
	} else
		goto gone;

	if (meta->nh == NH_NOROUTE_INDEX) {
		ifp = meta->oif != 0 ? ifnet_get(meta->oif) : NULL;
		if (ifp != NULL && ifp->if_gen != meta->oifgen)
			ifp = NULL;
	} else if (nh == NULL) {
		goto gone;
	} else if (nh->nh_type == NH_GLEAN) {
		ifp = nh->nh_ifp;
	} else if (nh->nh_type == NH_UNRESOLVED) {
		ifp = nh->nh_ifp;
		addr = nh->nh_addr;
		family = nh->nh_family;
	} else {
		/* resolved, or changed, since the worker looked */
		pkt_ctl_send(m, PKT_NH_OUTPUT);
		return;
	}
	if (ifp == NULL || atomic_load_explicit(&ifp->if_dead, memory_order_relaxed))
		goto gone;
	if (!neigh_if_running(ifp)) {
		pkt_drop(self, m, DROP_IF_DOWN);
		return;
	}
	n = neigh_find(ifp, family, &addr, false);
	if (n == NULL) {
		/* An address of ours that is not usable yet is nobody's neighbour. */
		if (neigh_own(ifp, family, &addr) != NULL)
			goto gone;
		n = neigh_create(ifp, family, &addr, false);
	} else if (neigh_usable(n) && !n->n_infib)
		neigh_publish(n); /* a route that hid it has gone */
	if (n == NULL) {
		pkt_drop(self, m, DROP_NEIGH_FULL);
		return;
	}
	nud_output(n, m);
	return;
gone:
	pkt_drop(self, m, DROP_NEIGH_GONE);
}

/* Sends to a link-level group address. */
static void
neigh_output_group(struct ifnet *ifp, int family, const uint8_t *mac, struct rte_mbuf *m)
{
	struct ether_hdr *eh = (struct ether_hdr *)(void *)rte_pktmbuf_prepend(m, ETHER_HDRLEN);

	if (eh == NULL) {
		pkt_drop(mp_control(), m, DROP_ETHER_HEADROOM);
		return;
	}
	memcpy(eh->eh_dst, mac, ETHER_ADDRLEN);
	ether_addr_bytes(atomic_load_explicit(&ifp->if_lladdr, memory_order_relaxed), eh->eh_src);
	eh->eh_type = htons(family == AF_INET ? ETHER_T_IP : ETHER_T_IP6);
	if_ctl_transmit(ifp, m);
}

static bool
neigh_is_broadcast(const struct ifnet *ifp, struct in_addr dst)
{
	const struct ifaddr *ifa;

	if (dst.s_addr == INADDR_BROADCAST)
		return true;
	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
		if (ifa->ifa_family == AF_INET && ifa->ifa_has_brd && ifa->ifa_brd.in4.s_addr == dst.s_addr)
			return true;
	return false;
}

void
neigh_ctl_output(struct ifnet *ifp, int family, const union in_any *dst, struct rte_mbuf *m)
{
	struct worker *self = mp_control();
	uint8_t mac[ETHER_ADDRLEN];
	struct neigh *n;

	ASSERT_CONTROL();
	if (!neigh_if_running(ifp)) {
		pkt_drop(self, m, DROP_IF_DOWN);
		return;
	}
	if (ifp->if_type != IFT_SMP_ETHER) {
		if_ctl_transmit(ifp, m);
		return;
	}
	if (family == AF_INET6 && IN6_IS_ADDR_MULTICAST(&dst->in6)) {
		ether_map_ip6_multicast(&dst->in6, mac);
		neigh_output_group(ifp, family, mac, m);
		return;
	}
	if (family == AF_INET && IN_MULTICAST(ntohl(dst->in4.s_addr))) {
		ether_map_ip4_multicast(dst->in4, mac);
		neigh_output_group(ifp, family, mac, m);
		return;
	}
	if (family == AF_INET && neigh_is_broadcast(ifp, dst->in4)) {
		memset(mac, 0xff, sizeof(mac));
		neigh_output_group(ifp, family, mac, m);
		return;
	}
	n = neigh_find(ifp, family, dst, false);
	if (n == NULL)
		n = neigh_create(ifp, family, dst, false);
	if (n == NULL)
		pkt_drop(self, m, DROP_NEIGH_FULL);
	else
		nud_output(n, m);
}
