/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: the routes that come with addresses and go with interfaces.
 *
 * Synchronization: control only.
 * Lifetime: struct rt_ifa hangs at ifa_rt from the first rt_ifaddr_add to rt_ifaddr_delete; it lists the address's
 * entries, of which the administrator may delete some.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "route/route_var.h"

struct rt_ifa {
	struct rtentry *routes; /* [c] by re_sibling */
	bool connected;		/* [c] the connected routes were made */
	bool local;		/* [c] the local and broadcast ones are there */
};

/* => control; the head of the list of the address's entries */
struct rtentry **
rt_ifaddr_routes(struct ifaddr *ifa)
{
	return &((struct rt_ifa *)ifa->ifa_rt)->routes;
}

static int
rt_ifaddr_entry(
    struct ifaddr *ifa, enum rt_kind kind, const struct rt_key *key, unsigned plen, uint32_t flags, bool infib)
{
	struct rt_table *t = rt_table_of(ifa->ifa_family);
	struct ifnet *ifp = ifa->ifa_ifp;
	struct rtentry *e = rt_entry_new(kind), **list = rt_ifaddr_routes(ifa);
	struct rt_key k = rt_key_mask(*key, plen);
	struct rt_group *g;
	int error = -ENOMEM;

	if (e == NULL)
		return -ENOMEM;
	e->re_ifp = ifp;
	e->re_owner = ifa;
	e->re_infib = infib;
	e->re_flags = flags | (plen == t->bits ? RTF_HOST : 0);
	if (kind == RT_CONNECTED) {
		struct rt_path path = {.gw_ifindex = ifp->if_index};

		error = rt_group_get(t->family, &path, 1, 0, 0, &g);
		if (error == 0)
			rt_group_attach(g, e);
	} else {
		struct nexthop nh = {
		    .nh_type = kind == RT_LOCAL ? NH_LOCAL : NH_BROADCAST,
		    .nh_family = t->family,
		    .nh_gen = ifp->if_gen,
		    .nh_ifindex = ifp->if_index,
		    .nh_ifp = ifp,
		    .nh_addr = ifa->ifa_addr,
		};

		e->re_nh = nexthop_alloc(&nh);
		if (e->re_nh != NH_NOROUTE_INDEX)
			error = 0;
	}
	if (error == 0) {
		error = rt_entry_insert(t, &k, plen, e);
		if (error != 0 && e->re_group != NULL)
			rt_group_detach(e);
		else if (error != 0)
			nexthop_release(e->re_nh);
	}
	if (error != 0) {
		free(e);
		return error;
	}
	e->re_sibling = *list;
	*list = e;
	if (kind != RT_BROADCAST)
		rt_entry_notify(e, RTMSG_ADD);
	return 0;
}

static void
rt_ifaddr_forget(struct ifaddr *ifa, bool connected)
{
	struct rtentry **list = rt_ifaddr_routes(ifa), *e;

	for (struct rtentry **pe = list; (e = *pe) != NULL;) {
		struct rt_table *t = rt_table_of(ifa->ifa_family);
		struct rt_msg m = {.type = RTMSG_DELETE,
		    .family = ifa->ifa_family,
		    .plen = e->re_node->rn_plen,
		    .flags = rt_entry_flags(e),
		    .ifp = ifa->ifa_ifp,
		    .ifa = ifa};
		bool tell = rt_entry_visible(e);

		if (!connected && e->re_kind == RT_CONNECTED) {
			pe = &e->re_sibling;
			continue;
		}
		rt_key_addr(ifa->ifa_family, &e->re_node->rn_key, &m.dst);
		*pe = e->re_sibling;
		rt_entry_remove(t, e);
		if (tell)
			rt_notify(&m);
	}
}

/* RFC 4291: each interface has its own interface-local and link-local groups; shown, not looked up by workers. */
static int
rt_ifaddr_multicast6(struct ifaddr *ifa)
{
	static const uint8_t scopes[] = {1, 2};
	int error = 0;

	for (unsigned i = 0; i < 2 && error == 0; i++) {
		union in_any a = {.in6 = {{{0xff, scopes[i]}}}};
		struct rt_key k = rt_key_make(AF_INET6, &a, ifa->ifa_ifp->if_index);

		error = rt_ifaddr_entry(ifa, RT_CONNECTED, &k, 32, RTF_CONNECTED, false);
	}
	return error;
}

static int
rt_ifaddr_connected(struct ifaddr *ifa)
{
	struct ifnet *ifp = ifa->ifa_ifp;
	int family = ifa->ifa_family, error = 0;
	unsigned bits = rt_table_of(family)->bits;
	bool loopback = ifp->if_flags & IFF_SMP_LOOPBACK;
	bool linklocal = family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&ifa->ifa_addr.in6);
	struct rt_key k;

	if (ifa->ifa_has_dst) {
		k = rt_key_make(family, &ifa->ifa_dst, 0);
		error = rt_ifaddr_entry(ifa, RT_CONNECTED, &k, bits, 0, true);
	} else if (ifa->ifa_plen < bits && !(loopback && family == AF_INET) && !(ifa->ifa_flags & IFA_OFFLINK)) {
		k = rt_key_make(family, &ifa->ifa_addr, linklocal ? ifp->if_index : 0);
		error = rt_ifaddr_entry(
		    ifa, RT_CONNECTED, &k, ifa->ifa_plen, loopback && linklocal ? 0 : RTF_CONNECTED, !linklocal);
	}
	if (error == 0 && family == AF_INET6)
		error = rt_ifaddr_multicast6(ifa);
	return error;
}

static int
rt_ifaddr_local(struct ifaddr *ifa)
{
	int family = ifa->ifa_family, error;
	bool linklocal = family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&ifa->ifa_addr.in6);
	struct rt_key k = rt_key_make(family, &ifa->ifa_addr, linklocal ? ifa->ifa_ifp->if_index : 0);
	struct rt_key brd[3];
	unsigned n = 0;

	if (k.hi == 0 && k.lo == 0)
		return 0;
	error = rt_ifaddr_entry(ifa, RT_LOCAL, &k, rt_table_of(family)->bits, RTF_LOCAL, !linklocal);
	if (error != 0 || family != AF_INET || ifa->ifa_has_dst || !(ifa->ifa_ifp->if_flags & IFF_SMP_BROADCAST))
		return error;

	/* The network's own broadcast address, the old one (all zeros), and one that was set; none by RFC 3021. */
	if (ifa->ifa_plen < 31) {
		brd[n] = rt_key_mask(k, ifa->ifa_plen);
		n++;
		brd[n] = brd[0];
		brd[n++].hi |= (0xffffffffull >> ifa->ifa_plen) << 32;
	}
	if (ifa->ifa_has_brd) {
		brd[n] = rt_key_make(AF_INET, &ifa->ifa_brd, 0);
		if (n == 0 || (brd[n].hi != brd[0].hi && brd[n].hi != brd[1].hi))
			n++;
	}
	for (unsigned i = 0; i < n && error == 0; i++)
		if (brd[i].hi != k.hi)
			error = rt_ifaddr_entry(ifa, RT_BROADCAST, &brd[i], 32, RTF_BROADCAST, true);
	return error;
}

int
rt_ifaddr_add(struct ifaddr *ifa)
{
	struct rt_ifa *ri = ifa->ifa_rt;
	bool local = !(ifa->ifa_flags & (IFA_TENTATIVE | IFA_DUPLICATED));
	int error = 0;

	ASSERT_CONTROL();
	if (ri == NULL) {
		ri = calloc(1, sizeof(*ri));
		if (ri == NULL)
			return -ENOMEM;
		ifa->ifa_rt = ri;
		rt_notify_ifaddr(ifa, true);
	}
	if (!ri->connected) {
		ri->connected = true;
		error = rt_ifaddr_connected(ifa);
	}
	if (error == 0 && local && !ri->local) {
		ri->local = true;
		error = rt_ifaddr_local(ifa);
	} else if (!local && ri->local) {
		ri->local = false;
		rt_ifaddr_forget(ifa, false);
	}
	return error;
}

void
rt_ifaddr_delete(struct ifaddr *ifa)
{
	struct rt_key k;

	ASSERT_CONTROL();
	if (ifa->ifa_rt == NULL)
		return;
	rt_ifaddr_forget(ifa, true);
	rt_notify_ifaddr(ifa, false);
	free(ifa->ifa_rt);
	ifa->ifa_rt = NULL;
	k = rt_key_mask(rt_key_make(ifa->ifa_family, &ifa->ifa_addr, 0), ifa->ifa_plen);
	rt_gw_recheck(ifa->ifa_family, &k, ifa->ifa_plen); /* found by the address, where its route was deleted */
}

/* Local and broadcast routes of the interface's addresses follow its state. */
static void
rt_ifnet_locals(struct ifnet *ifp)
{
	struct ifaddr *ifa;

	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list) {
		if (ifa->ifa_rt == NULL)
			continue;
		for (struct rtentry *e = *rt_ifaddr_routes(ifa); e != NULL; e = e->re_sibling)
			if (e->re_kind != RT_CONNECTED)
				(void)rt_node_update(rt_table_of(ifa->ifa_family), e->re_node);
	}
}

static void
rt_ifnet_changed(struct ifnet *ifp)
{
	rt_ifnet_locals(ifp);
	rt_gw_recheck_ifnet(ifp, false); /* connected and interface routes, and the gateways behind them */
	rt_gw_recheck_ifnet(ifp, true);
	if (rt_ifnet_active(ifp)) {
		rt_groups_up(ifp);
	} else { /* what routes still lead there though their group does not any more goes with the group, too */
		rt_groups_follow(AF_INET);
		rt_groups_follow(AF_INET6);
	}
	rt_notify_ifinfo(ifp);
}

void
rt_ifnet_down(struct ifnet *ifp)
{
	ASSERT_CONTROL();
	rt_ifnet_changed(ifp);
}

void
rt_ifnet_up(struct ifnet *ifp)
{
	ASSERT_CONTROL();
	rt_ifnet_changed(ifp);
}

/*
 * The interface is down and has no addresses.  Routes that name it, and no other, go; others lose the paths that name
 * it; gateways that were found through it do not reach it any more.
 */
void
rt_ifnet_detach(struct ifnet *ifp)
{
	ASSERT_CONTROL();
	rt_ifnet_changed(ifp);
	rt_gw_detach_ifnet(ifp);
}
