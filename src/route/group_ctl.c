/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: the FIB follows the groups of paths.
 *
 * When a group's next hop changes, the FIB's words of its routes are changed: of few routes at once, of many in slices.
 * Packets do not wait for that.  The old next hop is held, and where it is of no use any more (its interface is down, or
 * nothing leads to its neighbour now, which gets it back in the end) it is diverted: one object is replaced, and all packets that still find the old index go to the group's new next hop, or
 * to the default route's, or nowhere.  A route that has no other behind it but the default one stays in the FIB so
 * (rt_node_parkable), and is usable at once, with all others, when the group has its next hop back.
 *
 * Synchronization: control only.
 * Lifetime: a held next hop is released when the FIB names none of the group's old ones any more, or with the group.
 */
#include <errno.h>
#include <stdlib.h>

#include "route/route_var.h"

#define RT_SYNC 64 /* routes that are changed at once */

static LIST_HEAD(, rt_group) groups_behind; /* [c] those that hold */

static bool
rt_group_holding(const struct rt_group *g)
{
	for (unsigned i = 0; i < RT_HELD; i++)
		if (g->held[i].nh != 0)
			return true;
	return false;
}

/* May the FIB name the next hop for the group's routes, though it is not the group's? */
static bool
rt_group_holds(const struct rt_group *g, uint32_t nh)
{
	for (unsigned i = 0; i < RT_HELD; i++)
		if (g->held[i].nh == nh)
			return nh != 0;
	return false;
}

/* => control; may a route of the group stay in the FIB by a next hop that it holds? */
bool
rt_group_parks(const struct rt_group *g, uint32_t nh)
{
	return g->nh == 0 && !g->unpark && !rt_group_dying(g) && rt_group_holds(g, nh);
}

/* => control; all its paths are gone: its routes are about to go */
bool
rt_group_dying(const struct rt_group *g)
{
	return g->leaving == g->npaths;
}

/* => control; is one of its paths gone for good? */
bool
rt_group_gone(const struct rt_group *g)
{
	for (unsigned i = 0; i < g->npaths; i++)
		if (g->paths[i].gw->gone)
			return true;
	return false;
}

/* A neighbour that is there has its next hop to itself again; one with an own MTU goes, if nobody wants it. */
static void
rt_group_give_back(struct rt_group *g, unsigned i)
{
	struct ifnet *ifp = g->held[i].living ? ifnet_get(g->held[i].ifindex) : NULL;
	uint32_t nh = g->held[i].nh;

	g->held[i].living = false;
	if (ifp != NULL && nexthop_base(nh) == nh && nexthop_diverted(nh))
		nexthop_release(neigh_get_nexthop(ifp, g->family, &g->held[i].addr));
}

/* => control; the FIB names none of the held next hops for the group */
void
rt_group_release(struct rt_group *g)
{
	ASSERT_CONTROL();
	if (!rt_group_holding(g))
		return;
	LIST_REMOVE(g, behind);
	for (unsigned i = 0; i < RT_HELD; i++) {
		uint32_t nh = g->held[i].nh, to = g->held[i].to;

		rt_group_give_back(g, i);
		g->held[i].nh = g->held[i].to = 0;
		if (to != 0 && nexthop_leads_away(nh)) {
			bool restored = !nexthop_diverted(nh);

			(void)nexthop_divert(nh, NH_NOROUTE_INDEX);
			if (restored)
				(void)nexthop_restore(nh);
		}
		nexthop_release(nh);
		nexthop_release(to);
	}
}

/* One route after the other; all: to the end.  => true: there are more */
static bool
rt_group_pass(struct rt_group *g, bool all)
{
	struct rt_table *t = rt_table_of(g->family);
	struct rtentry *e;

	for (unsigned n = 1; (e = g->cursor) != NULL; n++) {
		g->cursor = TAILQ_NEXT(e, re_grouplink);
		if (g->leaving != 0)
			rt_entry_leave(e);
		else
			(void)rt_node_update(t, e->re_node);
		if (!all && n % 8 == 0 && mp_slice_over())
			break;
	}
	if (g->cursor != NULL)
		return true;
	if (g->nh != 0 && g->leaving == 0)
		rt_group_release(g);
	return false;
}

/*
 * The FIB follows the group's next hop, at once.  Routes that are leaving do that in slices, as ever: here somebody is in the
 * middle of a change of the group, which goes with its last route.
 */
static void
rt_group_follow(struct rt_group *g)
{
	struct rt_table *t = rt_table_of(g->family);
	struct rtentry *e;

	g->cursor = TAILQ_FIRST(&g->routes);
	while ((e = g->cursor) != NULL) {
		g->cursor = TAILQ_NEXT(e, re_grouplink);
		(void)rt_node_update(t, e->re_node);
	}
	if (g->leaving != 0) {
		g->cursor = TAILQ_FIRST(&g->routes);
		mp_slice_add(&g->slice);
	}
}

/* => control; the group's slice */
bool
rt_group_step(struct mp_slice *slice)
{
	struct rt_group *g = (struct rt_group *)((char *)slice - offsetof(struct rt_group, slice));
	bool more;

	ASSERT_CONTROL();
	g->refs++; /* its last route may leave */
	more = rt_group_pass(g, false) && g->refs > 1;
	rt_group_put(g);
	return more;
}

static void
rt_group_hold(struct rt_group *g, uint32_t nh)
{
	unsigned i = 0;

	if (rt_group_holds(g, nh))
		return;
	while (i < RT_HELD && g->held[i].nh != 0)
		i++;
	if (i == RT_HELD) { /* changes came faster than the FIB could follow: now it does */
		g->unpark = true;
		rt_group_follow(g);
		g->unpark = false;
		rt_group_release(g);
		i = 0;
	}
	if (!rt_group_holding(g))
		LIST_INSERT_HEAD(&groups_behind, g, behind);
	nexthop_ref(nh);
	g->held[i].nh = nh;
	g->held[i].ifindex = nexthop_get(nh)->nh_ifindex;
}

/* Where packets go for which the group has no next hop. */
static uint32_t
rt_default_nh(const struct rt_group *g)
{
	const struct rt_node *root = rt_table_of(g->family)->root;

	if (root == NULL || root->rn_plen != 0 || nexthop_diverted(root->rn_nh) || rt_group_holds(g, root->rn_nh))
		return NH_NOROUTE_INDEX;
	return root->rn_nh;
}

/* The neighbour behind a held next hop is there, but only the FIB's old words lead to it: it may be diverted as a whole. */
static bool
rt_group_left(const struct rt_group *g, uint32_t nh)
{
	const struct nexthop *was = nexthop_get(nh);
	const union in_any *a = &was->nh_addr;
	uint32_t fib;

	if (g->nh == 0 || (was->nh_type != NH_FORWARD && was->nh_type != NH_UNRESOLVED) ||
	    (g->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->in6)))
		return false;
	fib = g->family == AF_INET ? fib_lookup4(a->in4.s_addr) : fib_lookup6(&a->in6);
	return !rt_gw_leads(was->nh_ifp, g->family, a, nh) && fib != nh && nexthop_base(fib) != nh;
}

/* Packets that name a held next hop of no use go where they should. */
static void
rt_group_divert(struct rt_group *g)
{
	for (unsigned i = 0; i < RT_HELD; i++) {
		uint32_t nh = g->held[i].nh, to = g->nh != 0 ? g->nh : rt_default_nh(g), old = g->held[i].to;
		const struct nexthop *was = nexthop_get(nh);

		if (nh == 0 || nh == g->nh)
			continue;
		if (!nexthop_diverted(nh) && g->leaving == 0 && was->nh_type != NH_MULTIPATH &&
		    rt_ifnet_active(ifnet_get(g->held[i].ifindex))) {
			if (!rt_group_left(g, nh))
				continue;
			g->held[i].living = true;
			g->held[i].addr = was->nh_addr;
		}
		nexthop_ref(to);
		if (nexthop_divert(nh, to) == 0) {
			g->held[i].to = to;
			nexthop_release(old);
		} else {
			nexthop_release(to);
		}
	}
}

/* => control; what held next hops are diverted to may have changed */
void
rt_groups_follow(int family)
{
	struct rt_group *g;

	ASSERT_CONTROL();
	LIST_FOREACH (g, &groups_behind, behind)
		if (g->family == family)
			rt_group_divert(g);
}

/* => control; parked routes are looked at again, in slices */
void
rt_groups_pass(int family)
{
	struct rt_group *g;

	ASSERT_CONTROL();
	LIST_FOREACH (g, &groups_behind, behind)
		if (g->family == family && g->nh == 0) {
			g->cursor = TAILQ_FIRST(&g->routes);
			mp_slice_add(&g->slice);
		}
}

/* => control; the group's next hop has changed: packets follow at once, the FIB in slices */
void
rt_group_moved(struct rt_group *g, uint32_t old)
{
	struct rt_table *t = rt_table_of(g->family);

	ASSERT_CONTROL();
	if (g->refs <= RT_SYNC && !rt_group_holding(g)) {
		if (old != 0)
			nexthop_ref(old); /* the FIB names it until the pass is through */
		rt_group_follow(g);
		nexthop_release(old);
		return;
	}
	if (old != 0)
		rt_group_hold(g, old);
	g->cursor = TAILQ_FIRST(&g->routes);
	if (t->root != NULL && t->root->rn_plen == 0)
		(void)rt_node_update(t, t->root); /* may be ours: others are diverted to it */
	rt_group_divert(g);
	mp_slice_add(&g->slice);
}

/* => control; routes lose the gateway, which is gone */
void
rt_groups_leave(struct rt_gw *gw)
{
	struct rt_gpath *p, *next;

	ASSERT_CONTROL();
	LIST_FOREACH (p, &gw->paths, link) {
		p->group->leaving++;
		p->group->refs++; /* until its turn is over: another's routes may hold the last */
	}
	for (p = LIST_FIRST(&gw->paths); p != NULL; p = next) {
		struct rt_group *g = p->group;

		next = LIST_NEXT(p, link);
		g->cursor = TAILQ_FIRST(&g->routes);
		rt_group_divert(g);
		if (g->refs <= RT_SYNC)
			(void)rt_group_pass(g, true);
		else
			mp_slice_add(&g->slice);
		rt_group_put(g);
	}
}

/*
 * => control; the interface is up again: groups that have not got their next hop back through it do not stay in the FIB by
 * what is its owner's again
 */
void
rt_groups_up(const struct ifnet *ifp)
{
	struct rt_group *g;

	ASSERT_CONTROL();
	LIST_FOREACH (g, &groups_behind, behind)
		for (unsigned i = 0; i < RT_HELD && g->nh == 0; i++)
			if (g->held[i].nh != 0 && g->held[i].ifindex == ifp->if_index) {
				(void)nexthop_restore(g->held[i].nh);
				g->cursor = TAILQ_FIRST(&g->routes);
				mp_slice_add(&g->slice);
			}
}
