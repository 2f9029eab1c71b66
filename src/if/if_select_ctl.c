/* SPDX-License-Identifier: BSD-2-Clause */
/* The source address for a destination: RFC 6724, section 5, and what IPv4 does. */
#include "if/ifnet.h"
#include "if/if_select.h"
#include "ip6/ip6.h"
#include "ip6/nd_if.h"

#include <arpa/inet.h>

_Atomic int ip6_prefer_tempaddr; /* [a] */

static struct if_src6
candidate(const struct ifaddr *ifa, const struct ifnet *ifp, const struct in6_addr *via)
{
	return (struct if_src6){
	    .addr = &ifa->ifa_addr.in6,
	    .plen = ifa->ifa_plen,
	    .deprecated = ifa->ifa_flags & IFA_DEPRECATED,
	    .outgoing = ifa->ifa_ifp == ifp,
	    .by_router = via != NULL && ifa->ifa_ifp == ifp && nd6_ifaddr_by_router(ifa, via),
	    .temporary = ifa->ifa_flags & IFA_TEMPORARY,
	};
}

/* Rule 2 of section 4: addresses of other zones than the destination's are no candidates. */
static struct ifaddr *
select6(struct ifnet *ifp, const struct in6_addr *dst, const struct in6_addr *via)
{
	struct ifaddr *ifa, *best = NULL;
	struct if_src6 this, sofar;
	struct ifnet *each;
	bool here = if_scope6(dst) <= IF_SCOPE6_LINK && !IN6_IS_ADDR_LOOPBACK(dst);

	TAILQ_FOREACH (each, &ifnet_list, if_list) {
		if (each != ifp && here)
			continue;
		TAILQ_FOREACH (ifa, &each->if_addrs, ifa_list) {
			if (ifa->ifa_family != AF_INET6 || (ifa->ifa_flags & (IFA_NOTREADY | IFA_ANYCAST)))
				continue;
			if (each != ifp && if_scope6(&ifa->ifa_addr.in6) == IF_SCOPE6_LINK)
				continue;
			this = candidate(ifa, ifp, via);
			if (best != NULL && !if_src6_better(&this, &sofar, dst, ip6_prefer_tempaddr))
				continue;
			best = ifa;
			sofar = this;
		}
	}
	return best;
}

static bool
on_link4(const struct ifaddr *ifa, uint32_t dst)
{
	uint32_t mask = ifa->ifa_plen == 0 ? 0 : htonl(0xffffffffu << (32 - ifa->ifa_plen));

	if (ifa->ifa_has_dst)
		return ifa->ifa_dst.in4.s_addr == dst;
	return ((ifa->ifa_addr.in4.s_addr ^ dst) & mask) == 0;
}

/* An address of the interface, best one whose network holds the destination; else of another one, loopback last. */
static struct ifaddr *
select4(struct ifnet *ifp, uint32_t dst)
{
	struct ifaddr *ifa, *best = NULL;
	struct ifnet *each;
	int rank = 0;

	TAILQ_FOREACH (each, &ifnet_list, if_list) {
		TAILQ_FOREACH (ifa, &each->if_addrs, ifa_list) {
			int r = 2;

			if (ifa->ifa_family != AF_INET || (ifa->ifa_flags & IFA_NOTREADY) ||
			    ifa->ifa_addr.in4.s_addr == INADDR_ANY)
				continue;
			if (ifa->ifa_addr.in4.s_addr == dst)
				r = 5;
			else if (each == ifp)
				r = on_link4(ifa, dst) ? 4 : 3;
			else if (each->if_flags & IFF_SMP_LOOPBACK)
				r = (ntohl(ifa->ifa_addr.in4.s_addr) >> 24) == 127 ? 0 : 1;
			if (r > rank) {
				rank = r;
				best = ifa;
			}
		}
	}
	return best;
}

/*
 * => control; a usable address of ours to send from to dst when the packet leaves by ifp (NULL: not known), or NULL
 */
struct ifaddr *
if_addr_select_via(struct ifnet *ifp, int family, const union in_any *dst, const union in_any *via)
{
	ASSERT_CONTROL();
	if (family == AF_INET)
		return select4(ifp, via != NULL ? via->in4.s_addr : dst->in4.s_addr);
	return select6(ifp, &dst->in6, via != NULL ? &via->in6 : NULL);
}

struct ifaddr *
if_addr_select(struct ifnet *ifp, int family, const union in_any *dst)
{
	return if_addr_select_via(ifp, family, dst, NULL);
}
