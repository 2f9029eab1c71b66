/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reports that a packet of ours was too big (RFC 1191, RFC 8201): which of them are believed.
 *
 * A report quotes the packet.  It has to be from an address of ours, longer than what is said to fit, and of IPv4 one that
 * was not to be cut; whoever sees nothing of our traffic knows no address that we talk to, and what he can guess is
 * bounded by rt_pmtu, and forgotten.  A router carries others' packets by the same routes: it believes only reports about
 * packets that it knows.
 *
 * Synchronization: control only.
 * Lifetime: nothing is kept here.
 */
#include "ip/ip_var.h"
#include "ip6/ip6_var.h"

/* RFC 1191 section 7.1: what to try when a router does not say what fits */
static uint32_t
path_mtu_guess(uint32_t len)
{
	static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 552};

	for (unsigned i = 0; i < RTE_DIM(plateaus); i++)
		if (plateaus[i] < len)
			return plateaus[i];
	return 552;
}

void
path_mtu_input(int family, const void *quote, unsigned n, uint32_t mtu, bool valid)
{
	struct worker *w = mp_control();
	const struct ipv4_h *ip = quote;
	const struct ipv6_h *ip6 = quote;
	union in_any dst = {0};
	uint32_t len;

	ASSERT_CONTROL();
	if (n < (family == AF_INET ? sizeof(*ip) : sizeof(*ip6)))
		return;
	if (family == AF_INET) {
		len = ntohs(ip->len);
		if (mtu == 0)
			mtu = path_mtu_guess(len);
		if (!in_own_has(in_own_get(), ip->src) || !(ip->off & htons(IPV4_DF)) || mtu >= len ||
		    IN4_MULTICAST(ip->dst) || IN4_CLASSE(ip->dst) || (!valid && SETTING(ip_forwarding)))
			return;
		dst.in4.s_addr = ip->dst;
		if (rt_pmtu(AF_INET, &dst, mtu, valid))
			COUNT(w, ICMP_PMTUCHG);
	} else {
		struct in6_addr src = in6_get(&ip6->src);

		len = (uint32_t)sizeof(*ip6) + ntohs(ip6->plen);
		dst.in6 = in6_get(&ip6->dst);
		if (!in6_own_has(in6_own_get(), &src) || IN6_MULTICAST(&dst.in6) || mtu >= len ||
		    (!valid && SETTING(ip6_forwarding)))
			return;
		if (rt_pmtu(AF_INET6, &dst, mtu, valid))
			COUNT(w, ICMP6_PMTUCHG);
	}
}
