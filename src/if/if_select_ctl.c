/* SPDX-License-Identifier: BSD-2-Clause */
/* The source address for a destination: RFC 6724, section 5, and what IPv4 does. */
#include "if/ifnet.h"

#include <arpa/inet.h>
#include <string.h>

#define SCOPE_LINKLOCAL 0x2
#define SCOPE_SITE	0x5
#define SCOPE_GLOBAL	0xe

static unsigned
scope_of(const struct in6_addr *a)
{
	if (IN6_IS_ADDR_MULTICAST(a))
		return a->s6_addr[1] & 0xf;
	if (IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_LOOPBACK(a))
		return SCOPE_LINKLOCAL;
	if (IN6_IS_ADDR_SITELOCAL(a))
		return SCOPE_SITE;
	return SCOPE_GLOBAL;
}

static unsigned
common_prefix(const struct in6_addr *a, const struct in6_addr *b, unsigned limit)
{
	unsigned n = 0;

	while (n < 128 && a->s6_addr[n / 8] == b->s6_addr[n / 8])
		n += 8;
	if (n < 128)
		n += (unsigned)__builtin_clz((uint32_t)(a->s6_addr[n / 8] ^ b->s6_addr[n / 8]) << 24);
	return n < limit ? n : limit;
}

/* Is a better than b for dst through ifp? */
static bool
better6(const struct ifaddr *a, const struct ifaddr *b, const struct ifnet *ifp, const struct in6_addr *dst)
{
	const struct in6_addr *sa = &a->ifa_addr.in6, *sb = &b->ifa_addr.in6;
	unsigned scope = scope_of(dst), scope_a = scope_of(sa), scope_b = scope_of(sb);
	bool x, y;

	x = IN6_ARE_ADDR_EQUAL(sa, dst); /* rule 1: same address */
	y = IN6_ARE_ADDR_EQUAL(sb, dst);
	if (x != y)
		return x;
	if (scope_a < scope_b) /* rule 2: appropriate scope */
		return scope_a >= scope;
	if (scope_b < scope_a)
		return scope_b < scope;
	x = a->ifa_flags & IFA_DEPRECATED; /* rule 3: avoid deprecated addresses */
	y = b->ifa_flags & IFA_DEPRECATED;
	if (x != y)
		return y;
	x = a->ifa_ifp == ifp; /* rule 5: outgoing interface */
	y = b->ifa_ifp == ifp;
	if (x != y)
		return x;
	/* rule 8: longest matching prefix; the earlier address otherwise */
	return common_prefix(sa, dst, a->ifa_plen) > common_prefix(sb, dst, b->ifa_plen);
}

static struct ifaddr *
select6(struct ifnet *ifp, const struct in6_addr *dst)
{
	struct ifaddr *ifa, *best = NULL;
	struct ifnet *each;

	TAILQ_FOREACH (each, &ifnet_list, if_list) {
		if (each != ifp && scope_of(dst) == SCOPE_LINKLOCAL && !IN6_IS_ADDR_LOOPBACK(dst))
			continue; /* another zone */
		TAILQ_FOREACH (ifa, &each->if_addrs, ifa_list) {
			if (ifa->ifa_family != AF_INET6 || (ifa->ifa_flags & (IFA_NOTREADY | IFA_ANYCAST)))
				continue;
			if (each != ifp && scope_of(&ifa->ifa_addr.in6) == SCOPE_LINKLOCAL)
				continue;
			if (best == NULL || better6(ifa, best, ifp, dst))
				best = ifa;
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
if_addr_select(struct ifnet *ifp, int family, const union in_any *dst)
{
	ASSERT_CONTROL();
	return family == AF_INET ? select4(ifp, dst->in4.s_addr) : select6(ifp, &dst->in6);
}
