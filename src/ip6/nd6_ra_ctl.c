/* SPDX-License-Identifier: BSD-2-Clause */
/* Router advertisements that we receive (RFC 4861 sections 6.1.2, 6.3.4). */
/*
 * Synchronization: control only.
 * Lifetime: nd6_ra_input takes its packet.
 *
 * What somebody on the link can make us do is bounded: messages looked at, per interface and second; routers, prefixes and
 * addresses, by settings; the values that he may set, to what leaves the interface usable.
 */
#include <string.h>

#include "ether/neigh.h"
#include "ether/neigh_var.h"
#include "ip6/ip6_var.h"
#include "ip6/nd6_var.h"

#define RA_EVERY_MS    100 /* a message in this time, and ND_RA_BURST at once */
#define RA_RETRANS_MIN 10  /* ms; less and more would make neighbours and addresses unusable */
#define RA_RETRANS_MAX 10000
#define RA_MTU_MS      1000 /* the MTU changes at most once in this time */

static void
ra_log(const struct ifnet *ifp, const union in_any *src, const char *what)
{
	char addr[NEIGH_ADDRSTR];

	if (!nd6_debug)
		return;
	neigh_addr_string(AF_INET6, src, ifp, addr, sizeof(addr));
	mp_log(MP_LOG_INFO, "nd6: %s from %s on %s", what, addr, ifp->if_xname);
}

static bool
ra_within_rate(struct nd_if *n, uint64_t now)
{
	if (n->ra_full < now)
		n->ra_full = now;
	if (n->ra_full - now > (uint64_t)(ND_RA_BURST - 1) * RA_EVERY_MS)
		return false;
	n->ra_full += RA_EVERY_MS;
	return true;
}

void
nd_if_set_linkmtu(struct nd_if *n, uint32_t mtu)
{
	ASSERT_CONTROL();
	if (n->info.linkmtu == mtu)
		return;
	n->info.linkmtu = mtu;
	n->mtu_set = mp_now_ms();
	neigh_ifnet_changed(n->ifp); /* next hops have it */
}

static void
ra_values(struct nd_if *n, const struct nd_ra *ra, const union in_any *src)
{
	/* Lower than what everybody uses would cut us off from what is farther away (CVE-2015-2923). */
	if (ra->hlim != 0 && ra->hlim >= SETTING(ip6_hlim)) {
		bool changed = ra->hlim != nd_if_hlim(n->ifp);

		n->learned.curhlim = ra->hlim;
		if (changed)
			ip6_ifaddr_changed(n->ifp); /* workers have it */
	}
	if (ra->hlim != 0 && ra->hlim < SETTING(ip6_hlim))
		ra_log(n->ifp, src, "hop limit below net.inet6.ip6.hlim");
	if (ra->reachable != 0 && ra->reachable <= ND_RA_MAXREACHABLE)
		n->learned.basereachable = ra->reachable;
	if (ra->retrans >= RA_RETRANS_MIN && ra->retrans <= RA_RETRANS_MAX)
		n->learned.retrans = ra->retrans;
	if (ra->mtu == 0)
		return;
	if (ra->mtu < IPV6_MINMTU || ra->mtu > n->ifp->if_mtu)
		ra_log(n->ifp, src, "unusable MTU");
	else if (n->mtu_set == 0 || mp_now_ms() - n->mtu_set >= RA_MTU_MS)
		nd_if_set_linkmtu(n, ra->mtu);
}

static void
ra_act(struct nd_if *n, const union in_any *src, const struct nd_ra *ra)
{
	const struct nd_router *r;

	nd_learn_router(n->ifp, src, ra->lladdr);
	ra_values(n, ra, src);
	r = nd6_router_update(n, &src->in6, ra);
	for (unsigned i = 0; i < ra->nprefixes; i++)
		nd6_prefix_update(n, &ra->prefix[i], r);
	if (ra->lifetime != 0)
		n->rs_left = 0; /* RFC 4861 section 6.3.7 */
	nd6_timer_set(n, false);
	nd6_router_select(false);
}

static const char *
ra_parse(struct rte_mbuf *m, struct nd_ra *ra)
{
	const struct ipv6_h *ip6 = pkt_data(m, const struct ipv6_h *);
	uint32_t len = ntohs(ip6->plen) + (uint32_t)sizeof(*ip6), off = pkt_meta(m)->l4off;

	return nd6_ra_parse(pkt_data(m, const uint8_t *) + off, len - off, ra);
}

/* One at a time: each may change tens of routes and addresses. */
static bool
ra_step(struct mp_slice *slice)
{
	struct nd_if *n = (struct nd_if *)(void *)((char *)slice - offsetof(struct nd_if, ra_slice));
	struct rte_mbuf *m;
	struct nd_ra ra;

	ASSERT_CONTROL();
	if (n->nra == 0)
		return false;
	m = n->ra[0];
	memmove(n->ra, n->ra + 1, --n->nra * sizeof(n->ra[0]));
	if (nd_if_accepts(n->ifp) && ra_parse(m, &ra) == NULL) {
		union in_any src = {.in6 = in6_get(&pkt_data(m, const struct ipv6_h *)->src)};

		ra_act(n, &src, &ra);
	}
	COUNT(mp_control(), ND_RCVD_RA);
	pkt_consume(mp_control(), m);
	return n->nra > 0;
}

/* => control; the interface goes */
void
nd6_ra_drop(struct nd_if *n)
{
	ASSERT_CONTROL();
	mp_slice_remove(&n->ra_slice);
	while (n->nra > 0)
		pkt_drop(mp_control(), n->ra[--n->nra], DROP_IF_GONE);
}

void
nd6_ra_input(struct rte_mbuf *m)
{
	struct worker *self = mp_control();
	const struct pktmeta *meta = pkt_meta(m);
	struct ifnet *ifp = ifnet_get(meta->iif);
	union in_any src = {.in6 = in6_get(&pkt_data(m, const struct ipv6_h *)->src)};
	const char *bad = NULL;
	struct nd_if *n;
	struct nd_ra ra;

	ASSERT_CONTROL();
	if (ifp == NULL) {
		pkt_drop(self, m, DROP_IF_GONE);
		return;
	}
	if (!IN6_IS_ADDR_LINKLOCAL(&src.in6))
		bad = "router advertisement from other than a link-local address";
	else if (pkt_data(m, const uint8_t *)[meta->l4off + 1] != 0)
		bad = "router advertisement with a code";
	else
		bad = ra_parse(m, &ra);
	if (bad != NULL) {
		COUNT(self, ND_RCVD_BAD);
		ra_log(ifp, &src, bad);
		pkt_drop(self, m, DROP_ND_BAD);
		return;
	}
	if (nd_if_accepts(ifp) && neigh_own(ifp, AF_INET6, &src) == NULL && (n = nd_if_get(ifp)) != NULL) {
		if (n->nra == ND_RA_BURST || !ra_within_rate(n, mp_now_ms())) {
			COUNT(self, ND_RCVD_RA);
			pkt_drop(self, m, DROP_ND_RA_RATE);
			return;
		}
		n->ra[n->nra++] = m;
		n->ra_slice.step = ra_step;
		mp_slice_add(&n->ra_slice);
		return;
	}
	COUNT(self, ND_RCVD_RA);
	pkt_consume(self, m);
}
