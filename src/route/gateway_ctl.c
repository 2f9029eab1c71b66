/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: gateways and groups of paths.
 *
 * A gateway is looked up in the table when it is first named and whenever a route without gateway that could lead to it
 * changes; it then names its neighbour's next hop.  A group has the next hop of its only path, or one of its own that
 * chooses among those paths that can be reached and whose neighbour has not stopped to answer; among all that can be
 * reached, if none answers.
 *
 * Synchronization: control only.
 * Lifetime: a group lives while routes use it, a gateway while groups do.  In a change the new next hop is in the FIB
 * before the reference on the old one is released.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "route/route_var.h"

#define RT_BUCKETS 4096
#define RT_SLOTS   1024 /* at most, of a multipath next hop */

static LIST_HEAD(, rt_gw) gw_table[RT_BUCKETS];	      /* [c] */
static LIST_HEAD(, rt_group) group_table[RT_BUCKETS]; /* [c] */

static uint32_t
rt_hash(uint32_t h, uint64_t v)
{
	v = (v ^ h) * 0x9E3779B97F4A7C15ull;
	return v ^ v >> 32;
}

static uint32_t
rt_gw_bucket(int family, bool has_gw, const struct rt_key *key, uint16_t ifindex)
{
	uint32_t h = rt_hash(family + has_gw * 256u + ((uint32_t)ifindex << 9), key->hi);

	return rt_hash(h, key->lo) % RT_BUCKETS;
}

static bool
rt_node_leads(const struct rt_node *n, void *arg)
{
	return rt_cover_leads(n->rn_cover);
}

/* Is there a route without gateway, if only of an interface that is down? */
static bool
rt_node_could_lead(const struct rt_node *n, void *arg)
{
	const struct rtentry *e = rt_node_visible(n);

	for (; e != NULL; e = e->re_next)
		if (rt_entry_visible(e) && !rt_entry_has_gw(e))
			return true;
	return false;
}

/*
 * The interface with an address in whose network this one is, for gateways to which no route leads: the network's own
 * route may have been deleted.
 */
static struct ifnet *
rt_ifnet_of_net(int family, const struct rt_key *key, bool active)
{
	const struct ifaddr *ifa;
	struct ifnet *ifp;

	TAILQ_FOREACH (ifp, &ifnet_list, if_list) {
		if (active && !rt_ifnet_active(ifp))
			continue;
		TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list) {
			struct rt_key net;

			if (ifa->ifa_family != family || ifa->ifa_rt == NULL || ifa->ifa_has_dst ||
			    (ifa->ifa_flags & IFA_OFFLINK) != 0 ||
			    (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&ifa->ifa_addr.in6)))
				continue;
			net = rt_key_mask(rt_key_make(family, &ifa->ifa_addr, 0), ifa->ifa_plen);
			if (rt_key_covers(&net, ifa->ifa_plen, key))
				return ifp;
		}
	}
	return NULL;
}

/* Finds the interface that leads to the gateway now. */
static struct ifnet *
rt_gw_find(const struct rt_gw *gw, bool *local)
{
	struct rt_table *t = rt_table_of(gw->family);
	struct rt_node *n;
	struct ifnet *ifp;

	*local = false;
	if (gw->ifindex != 0) {
		ifp = ifnet_get(gw->ifindex);
	} else {
		n = rib_match(t, &gw->key, rt_node_leads, NULL);
		if (n == NULL)
			return rt_ifnet_of_net(gw->family, &gw->key, true);
		ifp = ifnet_get(n->rn_cover);
		if (n->rn_plen == t->bits && n->rn_routes->re_kind == RT_LOCAL) {
			*local = true;
			ifp = rt_loopback();
		}
	}
	return rt_ifnet_active(ifp) ? ifp : NULL;
}

/* What an own MTU of routes may be, by an interface; 0: none */
static uint16_t
rt_gw_mtu(const struct rt_gw *gw, const struct ifnet *ifp)
{
	uint32_t mtu = atomic_load_explicit(&ifp->if_mtu, memory_order_relaxed);

	return gw->mtu != 0 && gw->mtu < mtu ? (uint16_t)gw->mtu : 0;
}

/* The next hop of routes that have an MTU of their own is the neighbour's with that MTU, or an own one. */
static uint32_t
rt_gw_nexthop(const struct rt_gw *gw, struct ifnet *ifp)
{
	struct nexthop nh = {
	    .nh_family = gw->family, .nh_gen = ifp->if_gen, .nh_ifindex = ifp->if_index, .nh_ifp = ifp};
	uint32_t base, limited;

	if (ifp->if_type != IFT_SMP_ETHER) {
		nh.nh_type = NH_P2P;
	} else if (gw->has_gw) {
		base = neigh_get_nexthop(ifp, gw->family, &gw->addr);
		if (gw->mtu == 0 || base == NH_NOROUTE_INDEX)
			return base;
		limited = nexthop_limited(base, gw->mtu);
		nexthop_release(base);
		return limited;
	} else {
		nh.nh_type = NH_GLEAN;
	}
	nh.nh_mtu = rt_gw_mtu(gw, ifp);
	return nexthop_alloc(&nh);
}

/* Shares the slots out by weight, interleaved; every path that serves gets at least one; the silent ones are behind them. */
static unsigned
rt_group_slots(const struct rt_group *g, uint32_t *slots, uint16_t *quiet)
{
	uint64_t total = 0, given[NH_MAXPATHS] = {0};
	bool serves[NH_MAXPATHS], answers = false;
	unsigned active = 0, n = 16;

	*quiet = 0;

	for (unsigned i = 0; i < g->npaths; i++)
		answers |= g->paths[i].gw->nh != 0 && !g->paths[i].gw->silent;
	for (unsigned i = 0; i < g->npaths; i++)
		serves[i] = g->paths[i].gw->nh != 0 && !(answers && g->paths[i].gw->silent);
	for (unsigned i = 0; i < g->npaths; i++)
		if (serves[i]) {
			total += g->paths[i].weight;
			active++;
		}
	if (active == 0)
		return 0;
	while (n < 16 * active && n < RT_SLOTS)
		n *= 2;
	for (unsigned s = 0; s < n; s++) {
		unsigned best = 0;
		int64_t most = INT64_MIN;

		for (unsigned i = 0; i < g->npaths; i++) {
			const struct rt_gpath *p = &g->paths[i];
			int64_t owed = (int64_t)(p->weight * (uint64_t)(s + 1)) - (int64_t)(given[i] * total);

			if (!serves[i])
				continue;
			if (given[i] == 0 && n - s <= active) /* the last ones are for those that have none */
				owed += INT64_MAX / 2;
			if (owed > most) {
				most = owed;
				best = i;
			}
		}
		given[best]++;
		slots[s] = g->paths[best].gw->nh;
	}
	for (unsigned i = 0; i < g->npaths; i++)
		if (!serves[i] && g->paths[i].gw->nh != 0)
			slots[n + (*quiet)++] = g->paths[i].gw->nh;
	return n;
}

/* The group's next hop follows its gateways; then the FIB follows the group. */
static void
rt_group_update(struct rt_group *g)
{
	uint32_t slots[RT_SLOTS + NH_MAXPATHS], old = g->nh;

	if (g->npaths == 1) {
		g->nh = g->paths[0].gw->nh;
	} else {
		struct nexthop nh = {.nh_type = NH_MULTIPATH, .nh_family = g->family};

		nh.nh_mp.mp_nh = slots;
		nh.nh_mp.mp_n = rt_group_slots(g, slots, &nh.nh_mp.mp_quiet);
		g->nh = 0;
		if (nh.nh_mp.mp_n != 0 && g->multi == 0) {
			g->multi = nexthop_alloc(&nh);
			g->nh = g->multi;
		} else if (nh.nh_mp.mp_n != 0) {
			(void)nexthop_restore(g->multi);
			if (nexthop_replace(g->multi, &nh) == 0)
				g->nh = g->multi;
			else
				mp_log(MP_LOG_ERR, "route: no memory for a multipath next hop");
		}
	}
	if (g->nh != old)
		rt_group_moved(g, old);
	if (g->npaths > 1 && g->multi != 0 && g->nh == 0 && !nexthop_diverted(g->multi))
		(void)nexthop_divert(g->multi, NH_NOROUTE_INDEX); /* its members' next hops may go */
	if (g->nh == old && g->nh != 0 && g->nh == g->multi)
		rt_groups_follow(g->family);
}

static void
rt_gw_update(struct rt_gw *gw)
{
	bool local;
	struct ifnet *ifp = rt_gw_find(gw, &local);
	uint32_t old = gw->nh;
	struct rt_gpath *p;

	if (ifp == gw->ifp && local == gw->local && (ifp == NULL) == (old == 0))
		return;
	gw->ifp = ifp;
	gw->local = local;
	gw->silent = false;
	gw->nh = ifp != NULL ? rt_gw_nexthop(gw, ifp) : 0;
	if (gw->nh == 0)
		gw->ifp = NULL;
	else
		gw->last = ifp->if_index;
	LIST_FOREACH (p, &gw->paths, link)
		rt_group_update(p->group);
	nexthop_release(old);
}

static struct rt_gw *
rt_gw_get(int family, const struct rt_path *path, uint32_t mtu)
{
	uint16_t zone =
	    family == AF_INET6 && path->has_gw && IN6_IS_ADDR_LINKLOCAL(&path->gw.in6) ? path->gw_ifindex : 0;
	struct rt_key key = {0, 0};
	uint32_t bucket;
	struct rt_gw *gw;

	if (path->has_gw)
		key = rt_key_make(family, &path->gw, zone);
	bucket = rt_gw_bucket(family, path->has_gw, &key, path->gw_ifindex);
	LIST_FOREACH (gw, &gw_table[bucket], link)
		if (gw->family == family && gw->has_gw == path->has_gw && gw->ifindex == path->gw_ifindex &&
		    gw->mtu == mtu && gw->key.hi == key.hi && gw->key.lo == key.lo)
			break;
	if (gw == NULL) {
		gw = calloc(1, sizeof(*gw));
		if (gw == NULL)
			return NULL;
		gw->family = family;
		gw->has_gw = path->has_gw;
		gw->ifindex = path->gw_ifindex;
		gw->mtu = mtu;
		gw->addr = path->gw;
		gw->key = key;
		LIST_INIT(&gw->paths);
		LIST_INSERT_HEAD(&gw_table[bucket], gw, link);
		rt_gw_update(gw);
	}
	gw->refs++;
	return gw;
}

static void
rt_gw_put(struct rt_gw *gw)
{
	if (--gw->refs > 0)
		return;
	if (!gw->gone)
		LIST_REMOVE(gw, link);
	nexthop_release(gw->nh);
	free(gw);
}

static uint32_t
rt_group_bucket(int family, const struct rt_gpath *paths, unsigned n)
{
	uint32_t h = family;

	for (unsigned i = 0; i < n; i++)
		h = rt_hash(rt_hash(h, (uintptr_t)paths[i].gw), paths[i].weight);
	return h % RT_BUCKETS;
}

/* The smaller of two MTUs, of which 0 is none. */
static uint32_t
rt_mtu_min(uint32_t a, uint32_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static bool
rt_gpath_equal(const struct rt_gpath *a, const struct rt_gpath *b)
{
	return a->gw == b->gw && a->weight == b->weight && a->mtu == b->mtu;
}

/*
 * => control; the group of exactly these paths, made if there is none; mtu is of those that have none of their own,
 * limit of all, 0: none; rt_group_attach takes the reference, or rt_group_put gives it back.  0, -ENOMEM, -EINVAL (too
 * many paths, the same one twice)
 */
int
rt_group_get(int family, const struct rt_path *paths, unsigned n, uint32_t mtu, uint32_t limit, struct rt_group **gp)
{
	struct rt_group *g, *have;
	uint32_t bucket;

	ASSERT_CONTROL();
	if (n == 0 || n > NH_MAXPATHS)
		return -EINVAL;
	g = calloc(1, sizeof(*g) + n * sizeof(g->paths[0]));
	if (g == NULL)
		return -ENOMEM;
	g->family = family;
	TAILQ_INIT(&g->routes);
	g->slice.step = rt_group_step;
	for (unsigned i = 0; i < n; i++) {
		uint32_t own = rt_mtu_min(paths[i].mtu != 0 ? paths[i].mtu : mtu, limit);
		struct rt_gw *gw = rt_gw_get(family, &paths[i], own);
		bool twice = false;

		for (unsigned k = 0; k < i; k++)
			twice |= gw != NULL && g->paths[k].gw->ifindex == gw->ifindex &&
				 g->paths[k].gw->has_gw == gw->has_gw && g->paths[k].gw->key.hi == gw->key.hi &&
				 g->paths[k].gw->key.lo == gw->key.lo;
		if (gw != NULL && !twice) {
			g->paths[i].gw = gw;
			g->paths[i].mtu = paths[i].mtu;
			g->paths[i].group = g;
			g->paths[i].weight = n > 1 && paths[i].weight > 0 ? paths[i].weight : 1;
			continue;
		}
		if (gw != NULL)
			rt_gw_put(gw);
		while (i-- > 0)
			rt_gw_put(g->paths[i].gw);
		free(g);
		return twice ? -EINVAL : -ENOMEM;
	}
	bucket = rt_group_bucket(family, g->paths, n);
	LIST_FOREACH (have, &group_table[bucket], link) {
		bool same = have->family == family && have->npaths == n;

		for (unsigned i = 0; same && i < n; i++)
			same = rt_gpath_equal(&have->paths[i], &g->paths[i]);
		if (!same)
			continue;
		for (unsigned i = 0; i < n; i++)
			rt_gw_put(g->paths[i].gw);
		free(g);
		have->refs++;
		*gp = have;
		return 0;
	}
	g->npaths = n;
	g->refs = 1;
	for (unsigned i = 0; i < n; i++)
		LIST_INSERT_HEAD(&g->paths[i].gw->paths, &g->paths[i], link);
	LIST_INSERT_HEAD(&group_table[bucket], g, link);
	rt_group_update(g);
	*gp = g;
	return 0;
}

/* => control; gives back a reference that no entry has taken, or that rt_group_detach gave */
void
rt_group_put(struct rt_group *g)
{
	ASSERT_CONTROL();
	if (--g->refs > 0)
		return;
	mp_slice_remove(&g->slice);
	rt_group_release(g);
	LIST_REMOVE(g, link);
	for (unsigned i = 0; i < g->npaths; i++)
		LIST_REMOVE(&g->paths[i], link);
	nexthop_release(g->multi);
	for (unsigned i = 0; i < g->npaths; i++)
		rt_gw_put(g->paths[i].gw);
	free(g);
}

/* => control; the entry takes the caller's reference */
void
rt_group_attach(struct rt_group *g, struct rtentry *e)
{
	e->re_group = g;
	TAILQ_INSERT_TAIL(&g->routes, e, re_grouplink);
}

/* => control; the entry is no longer among the group's, which keeps its reference */
void
rt_group_unlink(struct rtentry *e)
{
	struct rt_group *g = e->re_group;

	if (g->cursor == e)
		g->cursor = TAILQ_NEXT(e, re_grouplink);
	TAILQ_REMOVE(&g->routes, e, re_grouplink);
}

/* => control; the FIB no longer names the group for this entry */
void
rt_group_detach(struct rtentry *e)
{
	struct rt_group *g = e->re_group;

	rt_group_unlink(e);
	e->re_group = NULL;
	rt_group_put(g);
}

/* => control; does each path lead to a gateway on a connected network (of an interface that may be down)? */
bool
rt_group_reachable(const struct rt_group *g)
{
	for (unsigned i = 0; i < g->npaths; i++) {
		const struct rt_gw *gw = g->paths[i].gw;

		if (gw->nh != 0)
			continue;
		if (gw->ifindex != 0 ? ifnet_get(gw->ifindex) == NULL
				     : rib_match(rt_table_of(g->family), &gw->key, rt_node_could_lead, NULL) == NULL &&
					   rt_ifnet_of_net(g->family, &gw->key, false) == NULL)
			return false;
	}
	return true;
}

/* => control; the first gateway that can be reached, or the first */
const struct rt_gw *
rt_group_gw(const struct rt_group *g)
{
	for (unsigned i = 0; i < g->npaths; i++)
		if (g->paths[i].gw->nh != 0)
			return g->paths[i].gw;
	return g->paths[0].gw;
}

/*
 * The gateways that a next hop is the neighbour's of, one after the other (MTUs make several): named with their
 * interface, or found through the table.
 */
static struct rt_gw *
rt_gw_next(struct rt_gw *gw, const struct ifnet *ifp, int family, const union in_any *addr, uint32_t nh, bool named)
{
	bool scoped = family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&addr->in6);
	struct rt_key key = rt_key_make(family, addr, scoped ? ifp->if_index : 0);

	if (gw == NULL)
		gw = LIST_FIRST(&gw_table[rt_gw_bucket(family, true, &key, named ? ifp->if_index : 0)]);
	else
		gw = LIST_NEXT(gw, link);
	for (; gw != NULL; gw = LIST_NEXT(gw, link))
		if (gw->family == family && gw->has_gw && (gw->nh == nh || nexthop_base(gw->nh) == nh) &&
		    gw->ifp == ifp && gw->key.hi == key.hi && gw->key.lo == key.lo)
			return gw;
	return NULL;
}

/* => control; does a gateway lead to the neighbour with this next hop? */
bool
rt_gw_leads(const struct ifnet *ifp, int family, const union in_any *addr, uint32_t nh)
{
	return rt_gw_next(NULL, ifp, family, addr, nh, false) != NULL ||
	       rt_gw_next(NULL, ifp, family, addr, nh, true) != NULL;
}

/* => control; see route.h */
void
rt_gateway_set_silent(const struct ifnet *ifp, int family, const union in_any *addr, uint32_t nh, bool silent)
{
	ASSERT_CONTROL();
	for (unsigned named = 0; named < 2; named++) {
		struct rt_gw *gw = NULL;
		struct rt_gpath *p;

		while ((gw = rt_gw_next(gw, ifp, family, addr, nh, named != 0)) != NULL) {
			if (gw->silent == silent)
				continue;
			gw->silent = silent;
			LIST_FOREACH (p, &gw->paths, link)
				if (p->group->npaths > 1)
					rt_group_update(p->group);
		}
	}
}

/* => control; see route.h */
bool
rt_gateway_silent(const struct ifnet *ifp, int family, const union in_any *addr, uint32_t nh)
{
	ASSERT_CONTROL();
	for (unsigned named = 0; named < 2; named++) {
		struct rt_gw *gw = NULL;
		const struct rt_gpath *p;

		while ((gw = rt_gw_next(gw, ifp, family, addr, nh, named != 0)) != NULL)
			if (gw->silent)
				LIST_FOREACH (p, &gw->paths, link)
					if (p->group->npaths > 1)
						return true;
	}
	return false;
}

/* => control; a route without gateway under this prefix came, went or moved: the gateways under it are found again */
void
rt_gw_recheck(int family, const struct rt_key *key, unsigned plen)
{
	bool host = plen == rt_table_of(family)->bits;
	unsigned first = host ? rt_gw_bucket(family, true, key, 0) : 0, last = host ? first + 1 : RT_BUCKETS;
	struct rt_gw *gw;

	ASSERT_CONTROL();
	for (unsigned b = first; b < last; b++)
		LIST_FOREACH (gw, &gw_table[b], link)
			if (gw->family == family && gw->has_gw && gw->ifindex == 0 &&
			    rt_key_covers(key, plen, &gw->key))
				rt_gw_update(gw);
}

/* => control; the interface went up, down or away: paths that name it are looked at, those with or without gateway */
void
rt_gw_recheck_ifnet(const struct ifnet *ifp, bool has_gw)
{
	struct rt_gw *gw;

	ASSERT_CONTROL();
	for (unsigned b = 0; b < RT_BUCKETS; b++)
		LIST_FOREACH (gw, &gw_table[b], link)
			if (gw->has_gw == has_gw && (gw->ifindex == ifp->if_index || gw->ifp == ifp))
				rt_gw_update(gw);
}

/* => control; see route.h */
void
rt_ifnet_mtu(struct ifnet *ifp)
{
	struct rt_gw *gw;

	ASSERT_CONTROL();
	for (unsigned b = 0; b < RT_BUCKETS; b++)
		LIST_FOREACH (gw, &gw_table[b], link) {
			struct nexthop nh;

			if (gw->ifp != ifp || gw->mtu == 0 || gw->nh == 0 || nexthop_base(gw->nh) != gw->nh)
				continue;
			nh = *nexthop_get(gw->nh);
			if (nh.nh_ifp != ifp)
				continue;
			nh.nh_mtu = rt_gw_mtu(gw, ifp);
			if (nexthop_replace(gw->nh, &nh) != 0)
				mp_log(MP_LOG_ERR, "route: no memory for a next hop's MTU");
		}
}

/*
 * => control; the interface, which is down, is being destroyed: its gateways are not found any more, and routes leave
 * them, few at once, many in slices.  Until then those are not shown and may be added anew.
 */
void
rt_gw_detach_ifnet(struct ifnet *ifp)
{
	struct rt_gw *gw;

	ASSERT_CONTROL();
	for (unsigned b = 0; b < RT_BUCKETS; b++)
		for (gw = LIST_FIRST(&gw_table[b]); gw != NULL;) {
			if (gw->ifindex != ifp->if_index) {
				gw = LIST_NEXT(gw, link);
				continue;
			}
			LIST_REMOVE(gw, link);
			gw->gone = true;
			gw->ifp = ifp; /* as long as it is there, messages name it */
			gw->refs++;
			rt_groups_leave(gw);
			gw->ifp = NULL;
			rt_gw_put(gw);
			gw = LIST_FIRST(&gw_table[b]); /* routes took others along */
		}
}
