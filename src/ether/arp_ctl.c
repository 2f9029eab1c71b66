/* SPDX-License-Identifier: BSD-2-Clause */
/* ARP (RFC 826, RFC 5227): requests and replies in and out. */
/*
 * Synchronization: control only; packets come through the PUNT_ARP ring.
 * Lifetime: arp_input takes its packet.
 */
#include <arpa/inet.h>
#include <string.h>

#include "ether/arp_hdr.h"
#include "ether/neigh.h"
#include "ether/neigh_var.h"
#include "route/route.h"

#define ARP_LOG_MS    1000
#define ARP_LOG_LINES 4

static const uint8_t arp_broadcast[ETHER_ADDRLEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t arp_nobody[ETHER_ADDRLEN];

static void
arp_send(struct ifnet *ifp, uint16_t op, const uint8_t *dst, const uint8_t *sha, struct in_addr spa, const uint8_t *tha,
    struct in_addr tpa)
{
	struct worker *self = mp_control();
	struct rte_mbuf *m;
	struct ether_hdr *eh;
	struct arp_ether *ar;
	uint8_t own[ETHER_ADDRLEN];

	ASSERT_CONTROL();
	if (!neigh_if_running(ifp) || ifp->if_type != IFT_SMP_ETHER ||
	    (atomic_load_explicit(&ifp->if_flags, memory_order_relaxed) & IFF_SMP_NOARP) != 0)
		return;
	m = pkt_originate(self);
	if (m == NULL)
		return;
	eh = (struct ether_hdr *)(void *)rte_pktmbuf_append(m, sizeof(*eh) + sizeof(*ar));
	if (eh == NULL) {
		pkt_drop(self, m, DROP_NOBUF);
		return;
	}
	ar = (struct arp_ether *)(eh + 1);
	ether_addr_bytes(atomic_load_explicit(&ifp->if_lladdr, memory_order_relaxed), own);
	memcpy(eh->eh_dst, dst, ETHER_ADDRLEN);
	memcpy(eh->eh_src, own, ETHER_ADDRLEN);
	eh->eh_type = htons(ETHER_T_ARP);
	ar->ar_hrd = htons(ARP_HRD_IEEE802_3);
	ar->ar_pro = htons(ETHER_T_IP);
	ar->ar_hln = ETHER_ADDRLEN;
	ar->ar_pln = sizeof(struct in_addr);
	ar->ar_op = htons(op);
	memcpy(ar->ar_sha, sha != NULL ? sha : own, ETHER_ADDRLEN);
	ar->ar_spa = spa;
	memcpy(ar->ar_tha, tha, ETHER_ADDRLEN);
	ar->ar_tpa = tpa;
	COUNT(self, ARP_SENT);
	if (op == ARP_OP_REQUEST)
		COUNT(self, ARP_SENT_REQUEST);
	else
		COUNT(self, ARP_SENT_REPLY);
	if_ctl_transmit(ifp, m);
}

void
arp_probe(struct ifnet *ifp, struct in_addr addr)
{
	arp_send(ifp, ARP_OP_REQUEST, arp_broadcast, NULL, (struct in_addr){INADDR_ANY}, arp_nobody, addr);
}

void
arp_announce(struct ifnet *ifp, struct in_addr addr)
{
	arp_send(ifp, ARP_OP_REQUEST, arp_broadcast, NULL, addr, arp_nobody, addr);
}

void
arp_solicit(struct neigh *n, struct rte_mbuf *prompt, bool unicast)
{
	struct ifnet *ifp = n->n_ifp;
	struct ifaddr *ifa = NULL;

	ASSERT_CONTROL();
	/* The sender of the packet that waits, if that is an address of ours here, says best who we are. */
	if (prompt != NULL) {
		union in_any src;

		memset(&src, 0, sizeof(src));
		memcpy(&src.in4, pkt_data(prompt, const uint8_t *) + 12, sizeof(src.in4));
		ifa = if_addr_find(ifp, AF_INET, &src, true);
	}
	if (ifa == NULL)
		ifa = if_addr_select(ifp, AF_INET, &n->n_addr);
	if (ifa == NULL)
		return;
	arp_send(ifp, ARP_OP_REQUEST, unicast ? n->n_lladdr : arp_broadcast, NULL, ifa->ifa_addr.in4, arp_nobody,
	    n->n_addr.in4);
}

/* Who sends many may not fill the log: a few lines a second of each kind, the rest is counted. */
enum arp_event { ARP_EV_STRANGER, ARP_EV_PERMANENT, ARP_EV_MOVED, ARP_EV_SPOOF, ARP_EV_DEBUG, ARP_EVENTS };
static struct {
	uint64_t since;
	unsigned lines, more;
} arp_logged[ARP_EVENTS]; /* [c] */

static bool
arp_may_log(enum arp_event event)
{
	uint64_t now = neigh_clock();

	if (now - arp_logged[event].since >= ARP_LOG_MS || arp_logged[event].since == 0) {
		if (arp_logged[event].more != 0)
			mp_log(MP_LOG_INFO, "arp: %u more like the last", arp_logged[event].more);
		arp_logged[event].since = now;
		arp_logged[event].lines = arp_logged[event].more = 0;
	}
	if (arp_logged[event].lines < ARP_LOG_LINES) {
		arp_logged[event].lines++;
		return true;
	}
	arp_logged[event].more++;
	return false;
}

/* A sender that is not on this link: perhaps on another of ours, by cable or by mistake. */
static enum mp_drop
arp_stranger(struct ifnet *ifp, const struct arp_ether *ar, const union in_any *spa)
{
	char addr[NEIGH_ADDRSTR], mac[NEIGH_MACSTR];
	struct rt_result rt;

	if (rt_lookup(AF_INET, spa, 0, &rt) != 0 || rt.ifp == NULL || rt.has_gw) {
		COUNT(mp_control(), ARP_RCVD_NOINT);
		return DROP_ARP_STRANGER;
	}
	COUNT(mp_control(), ARP_RCVD_OVERINT);
	if (!arp_log_wrong_iface || !arp_may_log(ARP_EV_STRANGER))
		return DROP_ARP_STRANGER;
	neigh_addr_string(AF_INET, spa, NULL, addr, sizeof(addr));
	neigh_lladdr_string(ar->ar_sha, mac);
	mp_log(MP_LOG_INFO, "arp: %s is on %s but %s speaks for it on %s", addr, rt.ifp->if_xname, mac, ifp->if_xname);
	return DROP_ARP_STRANGER;
}

/*
 * An address of ours on another interface, which a host claims here; or it is that interface, on the same segment.
 * => true: not a neighbour; *reason DROP_COUNT: nothing wrong
 */
static bool
arp_own_elsewhere(struct ifnet *ifp, const struct arp_ether *ar, enum mp_drop *reason)
{
	const struct nexthop *nh = nexthop_get(fib_lookup4(ar->ar_spa.s_addr));
	char addr[INET_ADDRSTRLEN], mac[NEIGH_MACSTR];
	const struct ifnet *other;

	if (nh == NULL || nh->nh_type != NH_LOCAL)
		return false;
	*reason = DROP_COUNT;
	TAILQ_FOREACH (other, &ifnet_list, if_list)
		if (atomic_load_explicit(&other->if_lladdr, memory_order_relaxed) == ether_addr_word(ar->ar_sha)) {
			COUNT(mp_control(), ARP_RCVD_LOCALSHA);
			return true;
		}
	COUNT(mp_control(), ARP_RCVD_LOCALSPA);
	*reason = DROP_ARP_SPOOF;
	if (arp_may_log(ARP_EV_SPOOF)) {
		inet_ntop(AF_INET, &ar->ar_spa, addr, sizeof(addr));
		neigh_lladdr_string(ar->ar_sha, mac);
		mp_log(MP_LOG_ERR, "%s: duplicate IP address %s sent from link address %s", ifp->if_xname, addr, mac);
	}
	return true;
}

/*
 * What the sender says of itself goes into an entry that exists, or into a new one if it asked us (RFC 826): an answer
 * makes an entry only where there was a question.
 * => DROP_COUNT, or why the packet was refused
 */
static enum mp_drop
arp_learn(struct ifnet *ifp, const struct arp_ether *ar, bool to_us, bool is_reply)
{
	struct worker *self = mp_control();
	enum mp_drop reason;
	union in_any spa;
	struct neigh *n;
	bool asked;

	memset(&spa, 0, sizeof(spa));
	spa.in4 = ar->ar_spa;
	n = neigh_find(ifp, AF_INET, &spa, false);
	if (n == NULL || n->n_state == NEIGH_NONE || n->n_state == NEIGH_FAILED) {
		if (!to_us)
			return DROP_COUNT;
		if (arp_own_elsewhere(ifp, ar, &reason))
			return reason;
		if (!neigh_onlink(ifp, AF_INET, &spa))
			return arp_stranger(ifp, ar, &spa);
		if (is_reply && (n == NULL || n->n_state == NEIGH_NONE))
			return DROP_ARP_UNASKED;
		if (n == NULL)
			n = neigh_create(ifp, AF_INET, &spa, false);
		if (n == NULL)
			return DROP_NEIGH_FULL;
		nud_learn(n, ar->ar_sha, false);
		return DROP_COUNT;
	}
	if (neigh_usable(n) && memcmp(n->n_lladdr, ar->ar_sha, ETHER_ADDRLEN) != 0) {
		char mac[NEIGH_MACSTR], old[NEIGH_MACSTR], addr[NEIGH_ADDRSTR];

		neigh_addr_string(AF_INET, &spa, NULL, addr, sizeof(addr));
		neigh_lladdr_string(ar->ar_sha, mac);
		neigh_lladdr_string(n->n_lladdr, old);
		if (n->n_state == NEIGH_PERMANENT) {
			COUNT(self, ARP_RCVD_OVERPERM);
			if (arp_log_permanent_modify && arp_may_log(ARP_EV_PERMANENT))
				mp_log(MP_LOG_INFO, "arp: %s tried to overwrite permanent arp info for %s", mac, addr);
			return DROP_ARP_STATIC;
		}
		COUNT(self, ARP_RCVD_OVER);
		if (arp_log_movements && arp_may_log(ARP_EV_MOVED))
			mp_log(MP_LOG_INFO, "arp info overwritten for %s by %s (was %s)", addr, mac, old);
		nud_learn(n, ar->ar_sha, false);
		return DROP_COUNT;
	}
	if (n->n_state == NEIGH_PERMANENT || (n->n_flags & NEIGH_F_TEMP))
		return DROP_COUNT;
	/* Only the answer to a request of ours shows that it hears us. */
	asked = n->n_state == NEIGH_INCOMPLETE || n->n_state == NEIGH_PROBE;
	if (!neigh_usable(n) || (asked && is_reply && to_us))
		nud_learn(n, ar->ar_sha, asked && is_reply && to_us);
	else if (n->n_state == NEIGH_STALE)
		n->n_confirmed = neigh_clock();
	return DROP_COUNT;
}

/* Answers for an address: ours, or one that is published here. */
static void
arp_answer(struct ifnet *ifp, const struct arp_ether *ar, const struct ifaddr *ifa)
{
	const uint8_t *sha = NULL;
	union in_any tpa;
	struct neigh *n;

	memset(&tpa, 0, sizeof(tpa));
	tpa.in4 = ar->ar_tpa;
	if (ifa == NULL) {
		n = neigh_find(ifp, AF_INET, &tpa, true);
		if (n == NULL) {
			n = neigh_find(ifp, AF_INET, &tpa, false);
			if (n == NULL || !(n->n_flags & NEIGH_F_PUB))
				return;
		}
		/* The host itself, which asks whether its address is free, is not told that it is taken. */
		if (memcmp(ar->ar_sha, n->n_lladdr, ETHER_ADDRLEN) == 0)
			return;
		sha = n->n_lladdr;
	}
	arp_send(ifp, ARP_OP_REPLY, ar->ar_sha, sha, ar->ar_tpa, ar->ar_sha, ar->ar_spa);
}

static bool
arp_valid(const struct ifnet *ifp, const struct arp_ether *ar)
{
	struct worker *self = mp_control();
	uint32_t spa = ntohl(ar->ar_spa.s_addr), tpa = ntohl(ar->ar_tpa.s_addr);
	uint16_t op = ntohs(ar->ar_op);

	if (ar->ar_hrd != htons(ARP_HRD_IEEE802_3) || ar->ar_pro != htons(ETHER_T_IP)) {
		COUNT(self, ARP_RCVD_BADPROTO);
		return false;
	}
	if (ar->ar_hln != ETHER_ADDRLEN || ar->ar_pln != sizeof(struct in_addr)) {
		COUNT(self, ARP_RCVD_BADLEN);
		return false;
	}
	if (op != ARP_OP_REQUEST && op != ARP_OP_REPLY)
		return false;
	if (ether_is_group(ar->ar_sha) || memcmp(ar->ar_sha, arp_nobody, ETHER_ADDRLEN) == 0) {
		COUNT(self, ARP_RCVD_BCASTSHA);
		return false;
	}
	if (tpa == INADDR_ANY && op == ARP_OP_REQUEST) { /* a reply to a probe has it */
		COUNT(self, ARP_RCVD_ZEROTPA);
		return false;
	}
	if (spa == INADDR_ANY && op == ARP_OP_REPLY) {
		COUNT(self, ARP_RCVD_ZEROSPA);
		return false;
	}
	if (IN_MULTICAST(spa) || IN_BADCLASS(spa) || spa >> 24 == 127)
		return false;
	return true;
}

/* Our address of this link that the packet's sender claims: the conflict of RFC 5227. */
static void
arp_conflict(struct ifaddr *ifa, const struct arp_ether *ar)
{
	COUNT(mp_control(), ARP_RCVD_LOCALSPA);
	if (!dad_conflict(ifa, ar->ar_sha))
		dad_defend(ifa, ar->ar_sha);
}

static void
arp_refuse(const struct ifnet *ifp, const struct arp_ether *ar, struct rte_mbuf *m, enum mp_drop reason)
{
	char spa[INET_ADDRSTRLEN], tpa[INET_ADDRSTRLEN], mac[NEIGH_MACSTR];

	if (arp_debug && arp_may_log(ARP_EV_DEBUG)) {
		inet_ntop(AF_INET, &ar->ar_spa, spa, sizeof(spa));
		inet_ntop(AF_INET, &ar->ar_tpa, tpa, sizeof(tpa));
		neigh_lladdr_string(ar->ar_sha, mac);
		mp_log(MP_LOG_INFO, "arp: %s: operation %u, %s (%s) to %s: %s", ifp->if_xname, ntohs(ar->ar_op), spa,
		    mac, tpa, mp_drop_text(reason));
	}
	pkt_drop(mp_control(), m, reason);
}

/* => control; data at the ARP header, the Ethernet header before it; takes the packet */
void
arp_input(struct rte_mbuf *m)
{
	struct worker *self = mp_control();
	struct pktmeta *meta = pkt_meta(m);
	struct ifnet *ifp = ifnet_get(meta->iif);
	struct ifaddr *target, *claimed = NULL;
	enum mp_drop reason = DROP_COUNT;
	struct arp_ether ar;
	union in_any addr;

	ASSERT_CONTROL();
	if (ifp == NULL || ifp->if_gen != meta->iifgen || atomic_load_explicit(&ifp->if_dead, memory_order_relaxed)) {
		pkt_drop(self, m, DROP_IF_GONE);
		return;
	}
	if (!neigh_if_running(ifp)) {
		pkt_drop(self, m, DROP_IF_DOWN);
		return;
	}
	COUNT(self, ARP_RCVD);
	if (meta->flags & (PKT_F_BCAST | PKT_F_MCAST))
		COUNT(self, ARP_RCVD_MCAST);
	if (m->pkt_len < sizeof(ar) || !pkt_pullup(m, sizeof(ar))) {
		COUNT(self, ARP_RCVD_BADLEN);
		pkt_drop(self, m, DROP_ARP_SHORT);
		return;
	}
	memcpy(&ar, pkt_data(m, const void *), sizeof(ar));
	if (!arp_valid(ifp, &ar)) {
		arp_refuse(ifp, &ar, m, DROP_ARP_BAD);
		return;
	}
	if (ar.ar_op == htons(ARP_OP_REPLY))
		COUNT(self, ARP_RCVD_REPLY);
	else
		COUNT(self, ARP_RCVD_REQUEST);
	if (ether_addr_word(ar.ar_sha) == atomic_load_explicit(&ifp->if_lladdr, memory_order_relaxed)) {
		COUNT(self, ARP_RCVD_LOCALSHA); /* our own, come back */
		pkt_consume(self, m);
		return;
	}

	memset(&addr, 0, sizeof(addr));
	if (ar.ar_spa.s_addr != INADDR_ANY) {
		addr.in4 = ar.ar_spa;
		claimed = neigh_own(ifp, AF_INET, &addr);
	} else
		COUNT(self, ARP_RCVD_ZEROSPA);
	addr.in4 = ar.ar_tpa;
	target = neigh_own(ifp, AF_INET, &addr);

	if (claimed != NULL) {
		arp_conflict(claimed, &ar);
		reason = DROP_ARP_SPOOF;
	} else if (ar.ar_spa.s_addr == INADDR_ANY && target != NULL && (target->ifa_flags & IFA_TENTATIVE) != 0) {
		/* somebody probes for the address that we probe for */
		dad_conflict(target, ar.ar_sha);
	} else {
		bool ours = target != NULL && (target->ifa_flags & IFA_TENTATIVE) == 0;

		if (ar.ar_spa.s_addr != INADDR_ANY)
			reason = arp_learn(ifp, &ar, ours, ar.ar_op == htons(ARP_OP_REPLY));
		if (ar.ar_op == htons(ARP_OP_REQUEST) && (ours || target == NULL))
			arp_answer(ifp, &ar, ours ? target : NULL);
	}
	if (reason != DROP_COUNT)
		arp_refuse(ifp, &ar, m, reason);
	else
		pkt_consume(self, m);
}
