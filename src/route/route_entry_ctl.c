/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: entries of a prefix, and which of them the FIB has.
 *
 * Synchronization: control only.
 * Lifetime: an entry belongs to its node from rt_entry_insert to rt_entry_remove, which frees it.  The FIB names a next
 * hop only while its entry or group holds the reference: nodes are updated first, next hops released after.
 */
#include <errno.h>
#include <stdlib.h>

#include "route/route_var.h"

/* => control; NULL: no memory */
struct rtentry *
rt_entry_new(enum rt_kind kind)
{
	struct rtentry *e = calloc(1, sizeof(*e));

	ASSERT_CONTROL();
	if (e != NULL) {
		e->re_kind = kind;
		e->re_infib = true;
	}
	return e;
}

/* => control */
bool
rt_ifnet_active(const struct ifnet *ifp)
{
	return ifp != NULL && !ifp->if_dead && (ifp->if_flags & IFF_SMP_UP) != 0;
}

/* => control; the loopback interface, or NULL */
struct ifnet *
rt_loopback(void)
{
	struct ifnet *ifp;

	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		if (ifp->if_flags & IFF_SMP_LOOPBACK)
			return ifp;
	return NULL;
}

/* => control; the route goes by a gateway's address */
bool
rt_entry_has_gw(const struct rtentry *e)
{
	return e->re_group != NULL && e->re_group->paths[0].gw->has_gw;
}

/*
 * A neighbour's entry serves while what the table has for its address is its own interface: not where a longer route by
 * a gateway was added between the connected network and the neighbour.
 */
static bool
rt_neigh_active(const struct rtentry *e)
{
	const struct rt_node *n = e->re_node;

	for (n = n->rn_parent; n != NULL; n = n->rn_parent)
		if (n->rn_cover != RT_COVER_NONE)
			return n->rn_cover == nexthop_get(e->re_nh)->nh_ifindex;
	return false;
}

/* => control; could packets use it? */
bool
rt_entry_active(const struct rtentry *e)
{
	switch (e->re_kind) {
	case RT_LOCAL:
	case RT_BROADCAST:
		return rt_ifnet_active(e->re_ifp);
	case RT_NEIGH:
		return rt_neigh_active(e);
	default:
		return e->re_group->nh != 0;
	}
}

/* => control; is it a route that users see? */
bool
rt_entry_visible(const struct rtentry *e)
{
	return e->re_kind != RT_BROADCAST && e->re_kind != RT_NEIGH &&
	       (e->re_group == NULL || !rt_group_dying(e->re_group));
}

/* => control; the node's route that users see, or NULL */
struct rtentry *
rt_node_visible(const struct rt_node *n)
{
	struct rtentry *e = n->rn_routes;

	while (e != NULL && !rt_entry_visible(e))
		e = e->re_next;
	return e;
}

/* => control; of an active entry */
uint32_t
rt_entry_nh(const struct rtentry *e)
{
	if (e->re_flags & RTF_BLACKHOLE)
		return NH_BLACKHOLE_INDEX;
	if (e->re_flags & RTF_REJECT)
		return NH_REJECT_INDEX;
	if (e->re_kind == RT_NEIGH && e->re_limited != 0)
		return e->re_limited;
	return e->re_group != NULL ? e->re_group->nh : e->re_nh;
}

/*
 * A neighbour has the MTU of the route that leads to it.  => what its next hop was, for the caller to release when the FIB
 * names it no more, or 0
 */
static uint32_t
rt_neigh_limit(struct rtentry *e)
{
	const struct rt_node *up = e->re_node->rn_parent;
	uint32_t old = e->re_limited, mtu;

	while (up != NULL && up->rn_cover == RT_COVER_NONE)
		up = up->rn_parent;
	mtu = up != NULL ? up->rn_mtu : 0;
	if (mtu == e->re_mtu)
		return 0;
	e->re_limited = mtu != 0 ? nexthop_limited(e->re_nh, mtu) : 0;
	e->re_mtu = e->re_limited != 0 ? mtu : 0;
	return old;
}

/* => control; where packets leave; while no path can be reached, where they would or did, or NULL */
struct ifnet *
rt_entry_ifp(const struct rtentry *e)
{
	const struct rt_gw *gw;

	if (e->re_group == NULL)
		return e->re_ifp;
	gw = rt_group_gw(e->re_group);
	if (gw->ifp != NULL || gw->gone)
		return gw->ifp;
	return ifnet_get(gw->ifindex != 0 ? gw->ifindex : gw->last);
}

/* => control; RTF_*, with UP and GATEWAY, HOST as they are */
uint32_t
rt_entry_flags(const struct rtentry *e)
{
	uint32_t flags = e->re_flags & ~(uint32_t)RTF_LEARNED;

	if (rt_entry_active(e))
		flags |= RTF_UP;
	if (e->re_kind == RT_STATIC && rt_entry_has_gw(e))
		flags |= RTF_GATEWAY;
	return flags;
}

/* What the active route of a node means for what is below: see rn_cover. */
static uint32_t
rt_entry_cover(const struct rtentry *e)
{
	const struct rt_gw *gw;

	if (e->re_kind == RT_LOCAL)
		return e->re_ifp->if_index;
	if (e->re_group == NULL || e->re_group->npaths != 1 || (e->re_flags & (RTF_REJECT | RTF_BLACKHOLE)))
		return RT_COVER_OTHER;
	gw = e->re_group->paths[0].gw;
	return gw->has_gw || gw->ifp == NULL ? RT_COVER_OTHER : gw->ifp->if_index;
}

/*
 * A prefix whose routes cannot be used now may stay in the FIB: packets for it go where they would go without it, as its
 * next hop is diverted there (rt_groups_follow), and it is all there when the route is back.  Only the default route may
 * be what is behind it, which the diversion follows.
 */
static bool
rt_node_parkable(const struct rt_node *n)
{
	if (n->rn_plen == 0 || !nexthop_diverted(n->rn_nh))
		return false;
	for (const struct rt_node *up = n->rn_parent; up != NULL && up->rn_plen > 0; up = up->rn_parent)
		if (up->rn_nh != 0 && !nexthop_diverted(up->rn_nh))
			return false;
	for (const struct rtentry *e = n->rn_routes; e != NULL; e = e->re_next)
		if (e->re_infib && e->re_group != NULL && rt_group_parks(e->re_group, n->rn_nh))
			return true;
	return false;
}

static void
rt_unpark_node(struct rt_node *n, void *arg)
{
	if (n->rn_parked)
		(void)rt_node_update(arg, n);
}

/* A route came to lie between parked prefixes and the default route. */
static void
rt_unpark_below(struct rt_table *t, struct rt_node *n)
{
	if (n->rn_plen < 12) {
		rt_groups_pass(t->family);
		return;
	}
	for (unsigned i = 0; i < 2; i++)
		rib_walk(n->rn_child[i], rt_unpark_node, t);
}

/* => control; brings the FIB in line with the node's entries; 0 or -ENOMEM (the FIB then lacks the prefix) */
int
rt_node_update(struct rt_table *t, struct rt_node *n)
{
	struct rtentry *e = n->rn_routes;
	uint32_t nh = 0, cover = RT_COVER_NONE, old_cover = n->rn_cover, old_nh = n->rn_nh, limited = 0;
	uint16_t mtu = 0, old_mtu = n->rn_mtu;
	bool parked = n->rn_parked;
	int error = 0;

	ASSERT_CONTROL();
	while (e != NULL && !rt_entry_active(e))
		e = e->re_next;
	if (e != NULL && e->re_kind == RT_NEIGH)
		limited = rt_neigh_limit(e);
	if (e != NULL && e->re_infib)
		nh = rt_entry_nh(e);
	if (e != NULL && e->re_kind != RT_NEIGH)
		cover = rt_entry_cover(e);
	if (rt_cover_leads(cover) && e->re_group != NULL)
		mtu = (uint16_t)e->re_group->paths[0].gw->mtu;
	n->rn_parked = nh == 0 && n->rn_nh != 0 && rt_node_parkable(n);
	t->nparked += n->rn_parked - parked;
	if (n->rn_parked) {
		nh = n->rn_nh;
	} else if (nh != n->rn_nh && nh != 0) {
		error = fib_set(t->family, &n->rn_key, n->rn_plen, nh);
		n->rn_nh = error == 0 ? nh : 0;
		if (error != 0)
			mp_log(MP_LOG_ERR, "route: no memory for the forwarding table");
	} else if (nh != n->rn_nh) {
		const struct rt_node *up = n->rn_parent;

		while (up != NULL && up->rn_nh == 0)
			up = up->rn_parent;
		fib_clear(t->family, &n->rn_key, n->rn_plen, up != NULL ? up->rn_plen : 0, up != NULL ? up->rn_nh : 0);
		n->rn_nh = 0;
	}
	if (t->nparked != 0 && n->rn_plen > 0 && n->rn_plen < t->bits && nh != 0 && !n->rn_parked &&
	    (old_nh == 0 || parked))
		rt_unpark_below(t, n);
	if (n->rn_plen == 0 && n->rn_nh != old_nh)
		rt_groups_follow(t->family);
	nexthop_release(limited);
	n->rn_mtu = mtu;
	if (cover != old_cover || mtu != old_mtu) {
		n->rn_cover = cover;
		if (t->nneigh != 0 && n->rn_plen < t->bits)
			rt_neigh_recheck(t, n);
		if (cover != old_cover && (rt_cover_leads(cover) || rt_cover_leads(old_cover)))
			rt_gw_recheck(t->family, &n->rn_key, n->rn_plen);
	}
	return error;
}

/*
 * An entry has left the node, which goes if that was its last.  The update may lead to a new neighbour, and that one to
 * the end of another, whose node goes with what is empty above it: hence held.
 */
static void
rt_node_left(struct rt_table *t, struct rt_node *n)
{
	bool held = n->rn_held;

	n->rn_held = true;
	(void)rt_node_update(t, n);
	n->rn_held = held;
	rib_put(t, n);
}

static void
rt_count(struct rt_table *t, struct rtentry *e, int by)
{
	if (e->re_kind == RT_NEIGH) {
		t->nneigh += by;
		if (by > 0)
			TAILQ_INSERT_TAIL(&t->neighs, e, re_grouplink);
		else
			TAILQ_REMOVE(&t->neighs, e, re_grouplink);
		return;
	}
	t->nroutes += by;
	if (!rt_entry_visible(e))
		t->nhidden += by;
}

/* => control; routes that users see */
uint32_t
route_count(int family)
{
	const struct rt_table *t = rt_table_of(family);

	ASSERT_CONTROL();
	return t->nroutes - t->nhidden;
}

/*
 * => control; puts the entry behind those of its prefix that are preferred or older, and into the FIB.  The table takes
 * the entry unless there is an error: -ENOMEM.
 */
int
rt_entry_insert(struct rt_table *t, const struct rt_key *key, unsigned plen, struct rtentry *e)
{
	struct rt_node *n = rib_get(t, key, plen);
	struct rtentry **pe;
	int error;

	ASSERT_CONTROL();
	if (n == NULL)
		return -ENOMEM;
	for (pe = &n->rn_routes; *pe != NULL && (*pe)->re_kind <= e->re_kind; pe = &(*pe)->re_next)
		;
	e->re_next = *pe;
	*pe = e;
	e->re_node = n;
	rt_count(t, e, 1);
	error = rt_node_update(t, n);
	if (error != 0) {
		*pe = e->re_next;
		rt_count(t, e, -1);
		rt_node_left(t, n);
	}
	return error;
}

/* => control; takes the entry out of table and FIB and frees it; next hops that it held are released */
void
rt_entry_remove(struct rt_table *t, struct rtentry *e)
{
	struct rt_node *n = e->re_node;
	struct rtentry **pe = &n->rn_routes;

	ASSERT_CONTROL();
	while (*pe != e)
		pe = &(*pe)->re_next;
	*pe = e->re_next;
	rt_redirect_forget(e);
	rt_node_left(t, n);
	rt_count(t, e, -1);
	if (e->re_group != NULL)
		rt_group_detach(e);
	else if (e->re_kind != RT_NEIGH)
		nexthop_release(e->re_nh);
	nexthop_release(e->re_limited);
	if (e->re_admin != NULL)
		rt_group_put(e->re_admin);
	if (e->re_timed != NULL) {
		rt_pmtu_gone(e);
		rt_expire_clear(e);
	}
	free(e);
}
