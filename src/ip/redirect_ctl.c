/* SPDX-License-Identifier: BSD-2-Clause */
/* Redirects that we receive (RFC 1122 section 3.2.2.2): which of them a host honours; the settings of both families. */
/*
 * Synchronization: control only; settings are single words.
 * Lifetime: in_redirect_input takes its packet.
 */
#include <string.h>

#include "ctl/ctl.h"
#include "ip/ip_var.h"
#include "ip/redirect.h"
#include "ip6/ip6_var.h"

_Atomic int icmp_rediraccept, icmp6_rediraccept;
static _Atomic int icmp_redirtimeout, icmp6_redirtimeout, ip_maxdynroutes, ip6_maxdynroutes; /* [a] settings */

const struct sysctl_setting redirect_settings[] = {
    {.name = "net.inet.icmp.rediraccept", .value = &icmp_rediraccept, .min = 0, .max = 1, .initial = 1},
    {.name = "net.inet.icmp.redirtimeout", .value = &icmp_redirtimeout, .min = 0, .max = 86400, .initial = 600},
    {.name = "net.inet.ip.maxdynroutes", .value = &ip_maxdynroutes, .min = 0, .max = 100000, .initial = 4096},
    {.name = "net.inet6.icmp6.rediraccept", .value = &icmp6_rediraccept, .min = 0, .max = 1, .initial = 1},
    {.name = "net.inet6.icmp6.redirtimeout", .value = &icmp6_redirtimeout, .min = 0, .max = 86400, .initial = 600},
    {.name = "net.inet6.ip6.maxdynroutes", .value = &ip6_maxdynroutes, .min = 0, .max = 100000, .initial = 4096},
    {.name = NULL},
};

bool
redirect_accepted(int family)
{
	return family == AF_INET ? SETTING(icmp_rediraccept) && !SETTING(ip_forwarding)
				 : SETTING(icmp6_rediraccept) && !SETTING(ip6_forwarding);
}

enum mp_drop
redirect_honour(
    int family, struct ifnet *ifp, const union in_any *from, const union in_any *dst, const union in_any *gateway)
{
	int seconds = family == AF_INET ? SETTING(icmp_redirtimeout) : SETTING(icmp6_redirtimeout);
	struct rt_redirect r = {.family = family,
	    .ifp = ifp,
	    .from = *from,
	    .dst = *dst,
	    .gateway = *gateway,
	    .max = (unsigned)(family == AF_INET ? SETTING(ip_maxdynroutes) : SETTING(ip6_maxdynroutes)),
	    .expire = seconds != 0 ? mp_now_ms() + 1000u * (uint64_t)seconds : 0};

	ASSERT_CONTROL();
	return rt_redirect(&r);
}

/* One host's address, not ours */
static bool
in_redirectable(uint32_t addr)
{
	return icmp_may_answer(addr) && !IN4_LOOPBACK(addr) && !IN4_LINKLOCAL(addr) && !in_own_has(in_own_get(), addr);
}

/* => the interface's networks hold the address */
static bool
in_onlink(const struct ifnet *ifp, uint32_t addr)
{
	const struct in_if *in = in_if_get(ifp);

	for (uint32_t i = 0; in != NULL && i < in->n; i++)
		if (((in->a[i].addr ^ addr) & in->a[i].mask) == 0)
			return true;
	return false;
}

static enum mp_drop
in_redirect(struct worker *w, struct rte_mbuf *m)
{
	const struct pktmeta *meta = pkt_meta(m);
	struct ifnet *ifp = meta->iif != 0 ? ifnet_get(meta->iif) : NULL;
	uint32_t off = meta->l4off + (uint32_t)sizeof(struct icmp_h);
	union in_any from = {0}, dst = {0}, gateway = {0};
	const struct ipv4_h *ip, *quoted;
	const struct icmp_h *icmp;

	if (ifp == NULL || ifp->if_gen != meta->iifgen || ifp->if_dead)
		return DROP_IF_GONE;
	if (!redirect_accepted(AF_INET))
		return DROP_REDIRECT_OFF;
	if (m->pkt_len < off + sizeof(*quoted) || !pkt_pullup(m, off + (uint32_t)sizeof(*quoted))) {
		COUNT(w, ICMP_BADLEN);
		return DROP_REDIRECT_BAD;
	}
	ip = pkt_data(m, const struct ipv4_h *);
	icmp = rte_pktmbuf_mtod_offset(m, const struct icmp_h *, meta->l4off);
	quoted = (const struct ipv4_h *)(icmp + 1);
	if (icmp->code > 3) {
		COUNT(w, ICMP_BADCODE);
		return DROP_REDIRECT_BAD;
	}
	if (quoted->vihl >> 4 != 4 || IPV4_HLEN(quoted) < sizeof(*quoted)) {
		COUNT(w, ICMP_BADLEN);
		return DROP_REDIRECT_BAD;
	}
	/* It is about a packet of ours, and was sent to us alone. */
	if ((meta->flags & (PKT_F_BCAST | PKT_F_MCAST | PKT_F_LOCAL)) || !in_own_has(in_own_get(), ip->dst) ||
	    !in_own_has(in_own_get(), quoted->src) || !in_redirectable(quoted->dst))
		return DROP_REDIRECT_BAD;
	if (!in_redirectable(icmp->info) || !in_onlink(ifp, icmp->info))
		return DROP_REDIRECT_TARGET;
	from.in4.s_addr = ip->src;
	dst.in4.s_addr = quoted->dst;
	gateway.in4.s_addr = icmp->info;
	return redirect_honour(AF_INET, ifp, &from, &dst, &gateway);
}

void
in_redirect_input(struct rte_mbuf *m)
{
	struct worker *w = mp_control();
	enum mp_drop reason;

	ASSERT_CONTROL();
	reason = in_redirect(w, m);
	if (reason == DROP_COUNT)
		pkt_consume(w, m);
	else
		pkt_drop(w, m, reason);
}
