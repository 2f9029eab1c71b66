/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: how routes are shown, which is how NetBSD shows them.
 *
 * Synchronization: control only.
 * Lifetime: nothing is kept.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "route/route_methods.h"

static bool
rt_is_scoped(int family, const union in_any *a)
{
	return family == AF_INET6 && (IN6_IS_ADDR_LINKLOCAL(&a->in6) || IN6_IS_ADDR_MC_LINKLOCAL(&a->in6));
}

void
rt_format(int family, const union in_any *addr, const struct ifnet *zone, char *text, size_t len)
{
	char a[INET6_ADDRSTRLEN];
	union in_any copy = *addr;

	if (rt_is_scoped(family, addr))
		copy.in6.s6_addr[2] = copy.in6.s6_addr[3] = 0;
	inet_ntop(family, &copy, a, sizeof(a));
	if (zone != NULL && rt_is_scoped(family, addr))
		snprintf(text, len, "%s%%%s", a, zone->if_xname);
	else
		snprintf(text, len, "%s", a);
}

void
rt_format_dst(int family, const union in_any *addr, unsigned plen, char *text, size_t len)
{
	char a[RT_ADDRLEN];
	struct ifnet *zone = NULL;

	if (plen == (family == AF_INET ? 32 : 128)) {
		rt_format(family, addr, NULL, text, len);
		return;
	}
	if (rt_is_scoped(family, addr))
		zone = ifnet_get((addr->in6.s6_addr[2] << 8 | addr->in6.s6_addr[3]) % MP_MAXIF);
	rt_format(family, addr, zone, a, sizeof(a));
	snprintf(text, len, "%s/%u", a, plen);
}

static void
rt_format_link(const struct ifnet *ifp, char *text, size_t len)
{
	if (ifp->if_type == IFT_SMP_ETHER)
		snprintf(text, len, "link#%u", ifp->if_index);
	else
		snprintf(text, len, "%s", ifp->if_xname);
}

/* Of a connected route: its interface, or the address that made it where there is no network. */
static void
rt_format_connected(const struct rtentry *e, char *text, size_t len)
{
	const struct ifaddr *ifa = e->re_owner;
	const struct ifnet *ifp = e->re_ifp;
	bool multicast = e->re_node->rn_key.hi >> 56 == 0xff && !e->re_infib;

	if (ifa == NULL)
		snprintf(text, len, "link#%u", ifp->if_index);
	else if (multicast && (ifp->if_flags & IFF_SMP_LOOPBACK))
		snprintf(text, len, "::1");
	else if ((e->re_flags & RTF_HOST) || (multicast && ifp->if_type != IFT_SMP_ETHER) ||
		 (ifp->if_flags & IFF_SMP_LOOPBACK))
		rt_format(ifa->ifa_family, &ifa->ifa_addr, NULL, text, len);
	else
		snprintf(text, len, "link#%u", ifp->if_index);
}

void
rt_format_gateway(const struct rtentry *e, char *text, size_t len)
{
	const struct ifnet *ifp = rt_entry_ifp(e);
	const struct nexthop *nh;
	const struct rt_gw *gw;

	switch (e->re_kind) {
	case RT_LOCAL:
		if (e->re_owner->ifa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&e->re_owner->ifa_addr.in6))
			snprintf(text, len, "::1");
		else
			rt_format_link(ifp, text, len);
		return;
	case RT_NEIGH:
		nh = nexthop_get(e->re_nh);
		if (nh->nh_type == NH_FORWARD)
			snprintf(text, len, "%02x:%02x:%02x:%02x:%02x:%02x", nh->nh_l2[0], nh->nh_l2[1], nh->nh_l2[2],
			    nh->nh_l2[3], nh->nh_l2[4], nh->nh_l2[5]);
		else
			snprintf(text, len, "link#%u", nh->nh_ifindex);
		return;
	case RT_CONNECTED:
		if (!rt_entry_has_gw(e)) {
			rt_format_connected(e, text, len);
			return;
		}
		break;
	default:
		break;
	}
	gw = rt_group_gw(e->re_group);
	if (gw->has_gw)
		rt_format(gw->family, &gw->addr, ifp, text, len);
	else if (ifp != NULL)
		rt_format_link(ifp, text, len);
	else
		snprintf(text, len, "link#%u", gw->ifindex);
}

static const struct {
	uint32_t flag;
	char letter;
	const char *name;
} rt_flags[] = {
    {RTF_UP, 'U', "UP"},
    {RTF_GATEWAY, 'G', "GATEWAY"},
    {RTF_HOST, 'H', "HOST"},
    {RTF_REJECT, 'R', "REJECT"},
    {RTF_BLACKHOLE, 'B', NULL},
    {RTF_DYNAMIC, 'D', "DYNAMIC"},
    {RTF_MODIFIED, 'M', "MODIFIED"},
    {RTF_DONE, 0, "DONE"},
    {RTF_CONNECTED, 'C', "CONNECTED"},
    {RTF_LLDATA, 'L', "LLINFO"},
    {RTF_STATIC, 'S', "STATIC"},
    {RTF_BLACKHOLE, 0, "BLACKHOLE"},
    {RTF_CLONED, 0, "CLONED"},
    {RTF_PROTO1, '1', NULL},
    {RTF_PROTO2, '2', "PROTO2"},
    {RTF_PROTO1, 0, "PROTO1"},
    {RTF_ANNOUNCE, 'p', "ANNOUNCE"},
    {RTF_LOCAL, 'l', "LOCAL"},
    {RTF_BROADCAST, 'b', "BROADCAST"},
};

void
rt_flag_letters(uint32_t flags, char *text, size_t len)
{
	size_t n = 0;

	for (unsigned i = 0; i < sizeof(rt_flags) / sizeof(rt_flags[0]); i++)
		if ((flags & rt_flags[i].flag) && rt_flags[i].letter != 0 && n + 1 < len)
			text[n++] = rt_flags[i].letter;
	text[n] = '\0';
}

json_t *
rt_flag_names(uint32_t flags)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < sizeof(rt_flags) / sizeof(rt_flags[0]); i++)
		if ((flags & rt_flags[i].flag) && rt_flags[i].name != NULL)
			json_array_append_new(a, json_string(rt_flags[i].name));
	return a;
}

json_t *
rt_if_flag_names(uint32_t flags)
{
	static const char *const names[] = {"UP", "BROADCAST", "DEBUG", "LOOPBACK", "PTP", NULL, "RUNNING", "NOARP",
	    "PROMISC", "ALLMULTI", "OACTIVE", "SIMPLEX", "LINK0", "LINK1", "LINK2", "MULTICAST"};
	json_t *a = json_array();

	for (unsigned i = 0; i < 16; i++)
		if ((flags & 1u << i) && names[i] != NULL)
			json_array_append_new(a, json_string(names[i]));
	return a;
}

uint32_t
rt_shown_flags(const struct rtentry *e)
{
	uint32_t flags = rt_entry_flags(e);

	/* NetBSD's own route of ::1 is no local one. */
	if (e->re_kind == RT_LOCAL && e->re_owner->ifa_family == AF_INET6 &&
	    IN6_IS_ADDR_LOOPBACK(&e->re_owner->ifa_addr.in6))
		flags &= ~(uint32_t)RTF_LOCAL;
	return flags;
}

/* Local routes are shown on the loopback interface, by which NetBSD's packets to them go. */
struct ifnet *
rt_shown_ifp(const struct rtentry *e)
{
	if (e->re_kind == RT_NEIGH)
		return ifnet_get(nexthop_get(e->re_nh)->nh_ifindex);
	return e->re_kind == RT_LOCAL ? rt_loopback() : rt_entry_ifp(e);
}

/* NetBSD shows an MTU where one was set for the route: by the user, or for what leaves by the loopback interface. */
uint32_t
rt_shown_mtu(const struct rtentry *e)
{
	const struct ifnet *ifp;

	if (e->re_timed != NULL && e->re_timed->pmtu != 0)
		return e->re_timed->pmtu;
	if (e->re_mtu != 0 || e->re_kind == RT_NEIGH)
		return e->re_mtu;
	ifp = rt_entry_ifp(e);
	if (ifp == NULL || !(ifp->if_flags & IFF_SMP_LOOPBACK) ||
	    (e->re_owner != NULL && rt_is_scoped(e->re_owner->ifa_family, &e->re_owner->ifa_addr) &&
		(e->re_node->rn_key.hi >> 56) == 0xfe))
		return 0;
	return ifp->if_mtu;
}
