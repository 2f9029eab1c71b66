/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbour discovery messages that we receive (RFC 4861 sections 6 to 8). */
/*
 * Synchronization: control only; packets come through the PUNT_ND ring.
 * Lifetime: nd_input takes its packet; a message is looked at in place, contiguous.
 */
#include <string.h>

#include "ether/nd_hdr.h"
#include "ether/neigh.h"
#include "ether/neigh_var.h"
#include "ip/redirect.h"
#include "ip6/nd_if.h"
#include "ip6/rtadv.h"
#include "pkt/pkt.h"

struct nd_msg {
	struct ifnet *ifp;
	union in_any src, dst, target; /* copies: the packet is not aligned */
	uint8_t hlim;
	const uint8_t *data; /* the ICMPv6 message */
	unsigned len;
	const uint8_t *source_lladdr, *target_lladdr; /* options, or NULL */
	uint8_t sender[ETHER_ADDRLEN];		      /* the frame's source */
	bool looped;				      /* the frame is our own, come back */
};

/* Every option has a length, none is 0, all fit; the two that we use are of Ethernet's size. */
static bool
nd_options(struct nd_msg *msg, unsigned off)
{
	while (off < msg->len) {
		const uint8_t *opt = msg->data + off;
		unsigned len;

		if (msg->len - off < 2)
			return false;
		len = opt[1] * 8u;
		if (len == 0 || len > msg->len - off)
			return false;
		if (opt[0] == ND_OPT_SOURCE || opt[0] == ND_OPT_TARGET) {
			if (len != 8 || ether_is_group(opt + 2) || ether_addr_word(opt + 2) == 0)
				return false;
			if (opt[0] == ND_OPT_SOURCE)
				msg->source_lladdr = opt + 2;
			else
				msg->target_lladdr = opt + 2;
		}
		off += len;
	}
	return true;
}

static void
nd_log(const struct nd_msg *msg, const char *what)
{
	char addr[NEIGH_ADDRSTR];

	if (!nd6_debug)
		return;
	neigh_addr_string(AF_INET6, &msg->src, msg->ifp, addr, sizeof(addr));
	mp_log(MP_LOG_INFO, "nd6: %s from %s on %s", what, addr, msg->ifp->if_xname);
}

/* An entry set by hand is not overwritten: true if n is one and lladdr differs. */
static bool
nd_static(const struct neigh *n, const uint8_t *lladdr)
{
	if (n->n_state != NEIGH_PERMANENT)
		return false;
	if (memcmp(n->n_lladdr, lladdr, ETHER_ADDRLEN) != 0) {
		char addr[NEIGH_ADDRSTR], mac[NEIGH_MACSTR];

		COUNT(mp_control(), ND_RCVD_OVERPERM);
		neigh_addr_string(AF_INET6, &n->n_addr, n->n_ifp, addr, sizeof(addr));
		neigh_lladdr_string(lladdr, mac);
		mp_log(MP_LOG_INFO, "nd6: %s tried to overwrite permanent entry of %s", mac, addr);
	}
	return true;
}

/* Somebody's link address, told by himself or by a router (RFC 4861 sections 7.2.3, 8.3): he is not proven to hear us. */
static void
nd_learn(struct ifnet *ifp, const union in_any *addr, const uint8_t *lladdr, bool router)
{
	struct neigh *n;

	if (!neigh_onlink(ifp, AF_INET6, addr) || neigh_own(ifp, AF_INET6, addr) != NULL)
		return;
	n = neigh_find(ifp, AF_INET6, addr, false);
	if (n == NULL)
		n = neigh_create(ifp, AF_INET6, addr, false);
	if (n == NULL || nd_static(n, lladdr))
		return;
	if (router)
		n->n_flags |= NEIGH_F_ROUTER;
	if (!neigh_usable(n) || memcmp(n->n_lladdr, lladdr, ETHER_ADDRLEN) != 0)
		nud_learn(n, lladdr, false);
	else if (n->n_state == NEIGH_STALE)
		n->n_confirmed = neigh_clock();
}

static void
nd_learn_source(const struct nd_msg *msg)
{
	if (msg->source_lladdr != NULL && !IN6_IS_ADDR_UNSPECIFIED(&msg->src.in6))
		nd_learn(msg->ifp, &msg->src, msg->source_lladdr, false);
}

void
nd_learn_router(struct ifnet *ifp, const union in_any *addr, const uint8_t *lladdr)
{
	struct neigh *n = neigh_find(ifp, AF_INET6, addr, false);

	ASSERT_CONTROL();
	if (n == NULL && lladdr != NULL)
		n = neigh_create(ifp, AF_INET6, addr, false);
	if (n == NULL)
		return;
	n->n_flags |= NEIGH_F_ROUTER; /* RFC 4861 section 6.3.4 */
	if (lladdr == NULL || nd_static(n, lladdr))
		return;
	if (!neigh_usable(n) || memcmp(n->n_lladdr, lladdr, ETHER_ADDRLEN) != 0)
		nud_learn(n, lladdr, false);
}

/* The sender says whether it is a router: one that is none any more is not chosen (RFC 4861 section 7.2.5). */
static void
nd_set_router(struct neigh *n, bool router)
{
	bool was = (n->n_flags & NEIGH_F_ROUTER) != 0;

	if (router == was)
		return;
	n->n_flags ^= NEIGH_F_ROUTER;
	if (was)
		nd6_not_router(n->n_ifp, &n->n_addr.in6);
}

/* The target of a neighbour message: an address that a host can have. */
static bool
nd_target(struct nd_msg *msg)
{
	if (msg->len < sizeof(struct nd_neighbor))
		return false;
	memcpy(&msg->target.in6, msg->data + offsetof(struct nd_neighbor, target), sizeof(struct in6_addr));
	return !IN6_IS_ADDR_MULTICAST(&msg->target.in6) && !IN6_IS_ADDR_UNSPECIFIED(&msg->target.in6);
}

static const struct in6_addr nd_allnodes = {{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};

/* Answers for an address that is published here (RFC 4861 section 7.2.8: without override). */
static void
nd_proxy(struct nd_msg *msg)
{
	const struct neigh *n = neigh_find(msg->ifp, AF_INET6, &msg->target, true);
	bool unspecified = IN6_IS_ADDR_UNSPECIFIED(&msg->src.in6);
	uint8_t flags = (uint8_t)((nd_forwarding() ? ND_NA_ROUTER : 0) | (unspecified ? 0 : ND_NA_SOLICITED));
	struct ifaddr *ifa;

	/* The host itself, which asks whether its address is free, is not told that it is taken. */
	if (n == NULL || memcmp(n->n_lladdr, msg->sender, ETHER_ADDRLEN) == 0 ||
	    (!unspecified && !neigh_onlink(msg->ifp, AF_INET6, &msg->src)))
		return;
	ifa = if_addr_select(msg->ifp, AF_INET6, unspecified ? &msg->target : &msg->src);
	if (ifa != NULL)
		nd_send_na(msg->ifp, &ifa->ifa_addr.in6, unspecified ? &nd_allnodes : &msg->src.in6,
		    unspecified ? NULL : msg->source_lladdr, &msg->target.in6, n->n_lladdr, flags);
}

/* Answers for an address of ours. */
static void
nd_answer(const struct ifaddr *ifa, const struct in6_addr *dst, const uint8_t *dstmac, const struct in6_addr *target,
    bool asked)
{
	bool anycast = (ifa->ifa_flags & IFA_ANYCAST) != 0;
	uint8_t flags = (uint8_t)((nd_forwarding() ? ND_NA_ROUTER : 0) | (anycast ? 0 : ND_NA_OVERRIDE) |
				  (asked ? ND_NA_SOLICITED : 0));

	if (!anycast || !nd_answer_later(ifa->ifa_ifp, dst, dstmac, target, flags))
		nd_send_na(ifa->ifa_ifp, target, dst, dstmac, target, NULL, flags);
}

/* => NULL: consumed; else why the message is bad */
static const char *
nd_solicitation(struct nd_msg *msg)
{
	const struct in6_addr *src = &msg->src.in6, *dst = &msg->dst.in6;
	const union in_any *target = &msg->target;
	bool unspecified = IN6_IS_ADDR_UNSPECIFIED(src);
	struct ifaddr *ifa;

	if (!nd_target(msg))
		return "solicitation without a target";
	if (!nd_options(msg, sizeof(struct nd_neighbor)))
		return "solicitation with bad options";
	if (unspecified) {
		static const uint8_t solicited[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};

		if (memcmp(dst, solicited, sizeof(solicited)) != 0)
			return "solicitation from :: to a wrong group";
		if (msg->source_lladdr != NULL)
			return "solicitation from :: with a source";
	}
	COUNT(mp_control(), ND_RCVD_NS);
	ifa = neigh_own(msg->ifp, AF_INET6, target);
	if (ifa == NULL) {
		nd_proxy(msg);
		return NULL;
	}
	if (ifa->ifa_flags & IFA_TENTATIVE) {
		/* RFC 4862 section 5.4.3: somebody else checks the same address */
		if (unspecified && !msg->looped) {
			COUNT(mp_control(), ND_RCVD_LOCALSPA);
			dad_conflict(ifa, msg->sender);
		}
		return NULL;
	}
	if (unspecified) {
		nd_answer(ifa, &nd_allnodes, NULL, &target->in6, false);
		return NULL;
	}
	if (neigh_own(msg->ifp, AF_INET6, &msg->src) != NULL || !neigh_onlink(msg->ifp, AF_INET6, &msg->src))
		return "solicitation from a stranger";
	nd_learn_source(msg);
	/* The answer goes back to who asked, without counting as use of the entry. */
	nd_answer(ifa, src, msg->source_lladdr, &target->in6, true);
	return NULL;
}

static const char *
nd_advertisement(struct nd_msg *msg)
{
	const union in_any *target = &msg->target;
	const uint8_t *lladdr;
	bool solicited, override, changed;
	struct ifaddr *ifa;
	struct neigh *n;
	uint8_t flags;

	if (!nd_target(msg))
		return "advertisement without a target";
	flags = msg->data[offsetof(struct nd_neighbor, flags)];
	solicited = (flags & ND_NA_SOLICITED) != 0;
	override = (flags & ND_NA_OVERRIDE) != 0;
	if (IN6_IS_ADDR_MULTICAST(&msg->dst.in6) && solicited)
		return "solicited advertisement to a group";
	if (!nd_options(msg, sizeof(struct nd_neighbor)))
		return "advertisement with bad options";
	COUNT(mp_control(), ND_RCVD_NA);
	lladdr = msg->target_lladdr;

	ifa = neigh_own(msg->ifp, AF_INET6, target);
	if (ifa != NULL) {
		const uint8_t *who = lladdr != NULL ? lladdr : msg->sender;

		/* for a tentative one we have sent none: another host may even have our link address */
		if (msg->looped && (ifa->ifa_flags & IFA_TENTATIVE) == 0)
			return NULL;
		COUNT(mp_control(), ND_RCVD_LOCALSPA);
		if (!dad_conflict(ifa, who) && (ifa->ifa_flags & IFA_ANYCAST) == 0)
			dad_defend(ifa, who);
		return NULL;
	}
	n = neigh_find(msg->ifp, AF_INET6, target, false);
	if (n == NULL || n->n_state == NEIGH_NONE || n->n_state == NEIGH_FAILED)
		return NULL; /* section 7.2.5: no entry is made of it */
	if (n->n_state == NEIGH_INCOMPLETE) {
		if (lladdr == NULL)
			return NULL;
		nd_set_router(n, (flags & ND_NA_ROUTER) != 0);
		nud_learn(n, lladdr, solicited);
		return NULL;
	}
	if (lladdr != NULL && nd_static(n, lladdr))
		return NULL;
	if (n->n_state == NEIGH_PERMANENT)
		return NULL;
	changed = lladdr != NULL && memcmp(n->n_lladdr, lladdr, ETHER_ADDRLEN) != 0;
	if (changed && !override) {
		if (n->n_state == NEIGH_REACHABLE)
			nud_stale(n);
		return NULL;
	}
	nd_set_router(n, (flags & ND_NA_ROUTER) != 0);
	if (changed)
		nud_learn(n, lladdr, solicited);
	else if (solicited)
		nud_confirm(n);
	return NULL;
}

/* A host that looks for routers tells its address on the way (section 6.2.6); it is no router. */
static const char *
nd_router_solicitation(struct nd_msg *msg)
{
	struct neigh *n = NULL;

	if (msg->len < ND_RS_LEN)
		return "short router solicitation";
	if (!nd_options(msg, ND_RS_LEN))
		return "router solicitation with bad options";
	if (IN6_IS_ADDR_UNSPECIFIED(&msg->src.in6) && msg->source_lladdr != NULL)
		return "router solicitation from :: with a source";
	COUNT(mp_control(), ND_RCVD_RS);
	if (nd_forwarding()) { /* a host does nothing with it (section 6.1.1) */
		nd_learn_source(msg);
		n = neigh_find(msg->ifp, AF_INET6, &msg->src, false);
	}
	if (n != NULL)
		nd_set_router(n, false);
	rtadv_solicited(msg->ifp);
	return NULL;
}

/* => DROP_COUNT: honoured; else why not (RFC 4861 section 8.1) */
static enum mp_drop
nd_redirect(struct nd_msg *msg)
{
	union in_any dst = {0};
	enum mp_drop reason;
	bool onlink;

	COUNT(mp_control(), ND_RCVD_REDIRECT);
	if (msg->len < sizeof(struct nd_redirect) || !nd_options(msg, sizeof(struct nd_redirect)) ||
	    !IN6_IS_ADDR_LINKLOCAL(&msg->src.in6))
		return DROP_REDIRECT_BAD;
	memcpy(&msg->target.in6, msg->data + offsetof(struct nd_redirect, target), sizeof(struct in6_addr));
	memcpy(&dst.in6, msg->data + offsetof(struct nd_redirect, dst), sizeof(struct in6_addr));
	if (IN6_IS_ADDR_MULTICAST(&msg->dst.in6) || IN6_IS_ADDR_MULTICAST(&dst.in6) ||
	    IN6_IS_ADDR_UNSPECIFIED(&dst.in6) || IN6_IS_ADDR_LOOPBACK(&dst.in6) || IN6_IS_ADDR_LINKLOCAL(&dst.in6) ||
	    if_addr_find(NULL, AF_INET6, &dst, false) != NULL)
		return DROP_REDIRECT_BAD;
	onlink = IN6_ARE_ADDR_EQUAL(&dst.in6, &msg->target.in6);
	if ((!onlink && !IN6_IS_ADDR_LINKLOCAL(&msg->target.in6)) ||
	    if_addr_find(msg->ifp, AF_INET6, &msg->target, false) != NULL)
		return DROP_REDIRECT_TARGET;
	if (!redirect_accepted(AF_INET6))
		return DROP_REDIRECT_OFF;
	reason = redirect_honour(AF_INET6, msg->ifp, &msg->src, &dst, &msg->target);
	if (reason == DROP_COUNT && msg->target_lladdr != NULL)
		nd_learn(msg->ifp, &msg->target, msg->target_lladdr, !onlink);
	return reason;
}

/* => control; data at the IPv6 header, meta.l4off at the ICMPv6 header; takes the packet */
void
nd_input(struct rte_mbuf *m)
{
	struct worker *self = mp_control();
	const struct pktmeta *meta = pkt_meta(m);
	struct nd_msg msg = {.ifp = ifnet_get(meta->iif)};
	const struct ipv6_h *ip6;
	const char *bad = NULL;
	enum mp_drop drop = DROP_COUNT;
	uint32_t len;

	ASSERT_CONTROL();
	if (msg.ifp == NULL || msg.ifp->if_gen != meta->iifgen ||
	    atomic_load_explicit(&msg.ifp->if_dead, memory_order_relaxed)) {
		pkt_drop(self, m, DROP_IF_GONE);
		return;
	}
	if (!neigh_if_running(msg.ifp) || msg.ifp->if_type != IFT_SMP_ETHER) {
		pkt_drop(self, m, DROP_ND_IGNORED);
		return;
	}
	if (m->l2_len >= ETHER_HDRLEN && rte_pktmbuf_headroom(m) >= m->l2_len) {
		/* before the data is moved */
		memcpy(msg.sender, pkt_data(m, const uint8_t *) - m->l2_len + ETHER_ADDRLEN, ETHER_ADDRLEN);
		msg.looped =
		    ether_addr_word(msg.sender) == atomic_load_explicit(&msg.ifp->if_lladdr, memory_order_relaxed);
	}
	if (m->data_len < sizeof(*ip6) || meta->l4off < sizeof(*ip6))
		goto short_packet;
	len = ntohs(pkt_data(m, const struct ipv6_h *)->plen) + (uint32_t)sizeof(*ip6);
	if (len > m->pkt_len || len < meta->l4off + sizeof(struct icmp_h) || !pkt_pullup(m, len))
		goto short_packet;
	ip6 = pkt_data(m, const struct ipv6_h *);
	memcpy(&msg.src.in6, (const uint8_t *)ip6 + offsetof(struct ipv6_h, src), sizeof(struct in6_addr));
	memcpy(&msg.dst.in6, (const uint8_t *)ip6 + offsetof(struct ipv6_h, dst), sizeof(struct in6_addr));
	msg.hlim = ip6->hlim;
	msg.data = pkt_data(m, const uint8_t *) + meta->l4off;
	msg.len = len - meta->l4off;

	if (msg.hlim != 255)
		bad = "message with hop limit below 255";
	else if (msg.data[1] != 0)
		bad = "message with a code";
	else if (IN6_IS_ADDR_MULTICAST(&msg.src.in6))
		bad = "message from a group";
	else {
		switch (msg.data[0]) {
		case ICMP6_T_NS:
			bad = nd_solicitation(&msg);
			break;
		case ICMP6_T_NA:
			bad = nd_advertisement(&msg);
			break;
		case ICMP6_T_RS:
			bad = nd_router_solicitation(&msg);
			break;
		case ICMP6_T_RA:
			if (msg.looped)
				break;
			rtadv_heard(msg.ifp, &msg.src.in6, msg.data, msg.len);
			nd6_ra_input(m);
			return;
		case ICMP6_T_REDIRECT:
			drop = nd_redirect(&msg);
			break;
		default:
			bad = "message of unknown type";
			break;
		}
	}
	if (drop != DROP_COUNT) {
		if (drop == DROP_REDIRECT_BAD)
			COUNT(self, ICMP6_BADREDIRECT);
		nd_log(&msg, "refused redirect");
		pkt_drop(self, m, drop);
		return;
	}
	if (bad == NULL) {
		pkt_consume(self, m);
		return;
	}
	COUNT(self, ND_RCVD_BAD);
	nd_log(&msg, bad);
	pkt_drop(self, m, DROP_ND_BAD);
	return;
short_packet:
	COUNT(self, ND_RCVD_BAD);
	pkt_drop(self, m, DROP_ND_BAD);
}
