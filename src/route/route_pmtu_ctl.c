/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Path MTU of our own traffic (RFC 1191, RFC 8201): a report makes a host route with that MTU, which goes after a while,
 * or lowers the MTU of the host route that is there.  The routes are few: by pmtu_hiwat.
 *
 * Synchronization: control only.  Workers see the MTU in the route's next hop (nexthop_limited).
 * Lifetime: a host route made here leads where the route above it leads; when that changes, it goes, as the new path is
 * another one.  That is found out in a slice after each change of the table, while there are any such routes.
 */
#include <string.h>

#include "mp/slice.h"
#include "route/route_var.h"

#define PMTU_MIN4 552  /* RFC 791 has 68; who reports that little wants us to send many small packets */
#define PMTU_MIN6 1280 /* RFC 8201 section 4: a report of less is discarded */

_Atomic int ip_mtudisc, ip_mtudisc_timeout, ip6_pmtu_expire, pmtu_hiwat, pmtu_lowat;

static TAILQ_HEAD(, rt_timed) pmtu_list = TAILQ_HEAD_INITIALIZER(pmtu_list); /* [c] host routes made here */
static unsigned pmtu_count;						     /* [c] */
static struct rt_timed *pmtu_cursor;					     /* [c] of the pass */
static bool pmtu_again;							     /* [c] the table changed during the pass */

static int
pmtu_setting(_Atomic int *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

/*
 * The paths of a host route under the entry, at most mtu wide each; a neighbour of ours is its own gateway.
 * => how many; 0: there is no path that could have an MTU
 */
static unsigned
pmtu_paths(const struct rtentry *e, const union in_any *dst, uint32_t mtu, struct rt_path *paths)
{
	const struct rt_group *g = e->re_group;

	if (g == NULL || (e->re_flags & (RTF_REJECT | RTF_BLACKHOLE)))
		return 0;
	for (unsigned i = 0; i < g->npaths; i++) {
		const struct rt_gw *gw = g->paths[i].gw;

		paths[i] = (struct rt_path){.has_gw = gw->has_gw,
		    .gw = gw->addr,
		    .gw_ifindex = gw->ifindex,
		    .weight = g->paths[i].weight,
		    .mtu = g->paths[i].mtu < mtu ? g->paths[i].mtu : 0};
		if (gw->has_gw || gw->ifp == NULL || gw->ifp->if_type != IFT_SMP_ETHER)
			continue;
		paths[i].has_gw = true;
		paths[i].gw = *dst;
	}
	return g->npaths;
}

static bool
pmtu_make(struct rt_table *t, const struct rtentry *over, const union in_any *dst, uint32_t mtu, uint64_t when)
{
	struct rt_path paths[NH_MAXPATHS];
	struct rt_spec s = {
	    .family = (uint8_t)t->family,
	    .plen = (uint8_t)t->bits,
	    .flags = RTF_DYNAMIC | RTF_LEARNED,
	    .dst = *dst,
	    .paths = paths,
	    .npaths = pmtu_paths(over, dst, mtu, paths),
	    .ifa = over->re_ifa,
	    .has_ifa = over->re_has_ifa,
	    .mtu = mtu,
	    .expire = when,
	};
	struct rt_key key = rt_key_make(t->family, dst, 0);
	struct rt_timed *made;

	if (s.npaths == 0 || rt_add(&s) != 0)
		return false;
	made = rt_node_visible(rib_find(t, &key, t->bits))->re_timed;
	made->made = true;
	TAILQ_INSERT_TAIL(&pmtu_list, made, link);
	pmtu_count++;
	return true;
}

/* => control; see route.h */
bool
rt_pmtu(int family, const union in_any *dst, uint32_t mtu, bool valid)
{
	struct rt_table *t = rt_table_of(family);
	bool v4 = family == AF_INET;
	uint64_t when = mp_now_ms() + 1000ull * (unsigned)pmtu_setting(v4 ? &ip_mtudisc_timeout : &ip6_pmtu_expire);
	struct rt_result r;
	struct rtentry *e;
	int error;

	ASSERT_CONTROL();
	if (v4 ? !pmtu_setting(&ip_mtudisc) : mtu < PMTU_MIN6 || IN6_IS_ADDR_LINKLOCAL(&dst->in6))
		return false;
	if (v4 && mtu < PMTU_MIN4)
		mtu = PMTU_MIN4;
	if (rt_lookup(family, dst, 0, &r) != 0 || mtu >= r.mtu)
		return false;
	e = rt_entry_match(family, dst);
	if (e->re_kind != RT_STATIC && e->re_kind != RT_CONNECTED)
		return false;
	if (e->re_node->rn_plen < t->bits)
		return pmtu_count < (unsigned)pmtu_setting(valid ? &pmtu_hiwat : &pmtu_lowat) &&
		       pmtu_make(t, e, dst, mtu, when);
	if (e->re_mtu_lock || (e->re_flags & (RTF_REJECT | RTF_BLACKHOLE)))
		return false;
	if (e->re_flags & RTF_DYNAMIC) {
		error = rt_entry_set_mtu(t, e, mtu, 0);
		if (error == 0 && e->re_timed != NULL && e->re_timed->made)
			error = rt_expire_set(e, when, 0);
	} else {
		error = rt_entry_ends(e) ? 0 : rt_expire_set(e, when, mtu);
		if (error == 0)
			error = rt_entry_set_mtu(t, e, e->re_mtu, mtu);
	}
	if (error == 0)
		rt_entry_notify(e, RTMSG_CHANGE);
	return error == 0;
}

/* Does the host route still lead where the one above it does? */
static bool
pmtu_follows(const struct rtentry *e)
{
	struct rt_path paths[NH_MAXPATHS];
	const struct rt_group *g = e->re_group;
	const struct rtentry *over = NULL;
	union in_any dst;
	unsigned n;

	for (const struct rt_node *up = e->re_node->rn_parent; up != NULL && over == NULL; up = up->rn_parent)
		for (over = up->rn_routes; over != NULL; over = over->re_next)
			if (over->re_kind != RT_NEIGH && rt_entry_active(over))
				break;
	if (over == NULL)
		return false;
	rt_key_addr(g->family, &e->re_node->rn_key, &dst);
	n = pmtu_paths(over, &dst, e->re_mtu, paths);
	if (n != g->npaths)
		return false;
	for (unsigned i = 0; i < n; i++) {
		const struct rt_gpath *p = &g->paths[i];

		if (p->gw->has_gw != paths[i].has_gw || p->gw->ifindex != paths[i].gw_ifindex ||
		    p->weight != paths[i].weight || memcmp(&p->gw->addr, &paths[i].gw, sizeof(p->gw->addr)) != 0)
			return false;
	}
	return true;
}

static bool
pmtu_step(struct mp_slice *slice)
{
	struct rt_timed *m;

	ASSERT_CONTROL();
	for (unsigned n = 1; (m = pmtu_cursor) != NULL; n++) {
		pmtu_cursor = TAILQ_NEXT(m, link);
		if (!pmtu_follows(m->entry))
			rt_delete_entry(rt_table_of(m->entry->re_group->family), m->entry);
		if (n % 8 == 0 && mp_slice_over())
			return true;
	}
	if (!pmtu_again)
		return false;
	pmtu_again = false;
	pmtu_cursor = TAILQ_FIRST(&pmtu_list);
	return pmtu_cursor != NULL;
}

static struct mp_slice pmtu_slice = {.step = pmtu_step};

/* => control; the table has changed */
void
rt_pmtu_recheck(void)
{
	ASSERT_CONTROL();
	if (pmtu_count == 0)
		return;
	if (pmtu_cursor != NULL) {
		pmtu_again = true;
		return;
	}
	pmtu_cursor = TAILQ_FIRST(&pmtu_list);
	mp_slice_add(&pmtu_slice);
}

/* => control; the entry is leaving the table */
void
rt_pmtu_gone(const struct rtentry *e)
{
	struct rt_timed *m = e->re_timed;

	ASSERT_CONTROL();
	if (!m->made)
		return;
	if (pmtu_cursor == m)
		pmtu_cursor = TAILQ_NEXT(m, link);
	TAILQ_REMOVE(&pmtu_list, m, link);
	pmtu_count--;
}

/* => control; path MTU discovery of IPv4 is turned off: what it found goes, as if its time were over */
int
rt_pmtu_setting(int old, int now)
{
	struct rt_timed *m;

	ASSERT_CONTROL();
	if (old != 0 && now == 0)
		TAILQ_FOREACH (m, &pmtu_list, link)
			if (m->entry->re_group->family == AF_INET)
				(void)rt_expire_set(m->entry, mp_now_ms(), 0);
	return 0;
}
