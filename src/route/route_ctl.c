/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: adding, changing, deleting and looking up routes; neighbours' FIB entries.
 *
 * Synchronization: control only; workers see what fib_ctl.c and nexthop_ctl.c publish.
 * Lifetime: see route_entry_ctl.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ip6/nd_if.h"
#include "mp/slice.h"
#include "route/route_var.h"

#define RTF_SETTABLE                                                                                                   \
	(RTF_STATIC | RTF_REJECT | RTF_BLACKHOLE | RTF_CONNECTED | RTF_PROTO1 | RTF_PROTO2 | RTF_ANNOUNCE |            \
	    RTF_DYNAMIC | RTF_MODIFIED | RTF_LEARNED)

/* Multicast and link-local destinations of IPv6 exist once per zone. */
static bool
rt_is_zoned(int family, const union in_any *a)
{
	return family == AF_INET6 && (IN6_IS_ADDR_LINKLOCAL(&a->in6) || IN6_IS_ADDR_MC_LINKLOCAL(&a->in6) ||
					 IN6_IS_ADDR_MC_NODELOCAL(&a->in6));
}

/* The destination as a key; 0 or -EINVAL */
static int
rt_spec_key(const struct rt_spec *s, struct rt_key *key)
{
	struct rt_table *t = rt_table_of(s->family);
	bool zoned;

	if ((s->family != AF_INET && s->family != AF_INET6) || s->plen > t->bits)
		return -EINVAL;
	zoned = rt_is_zoned(s->family, &s->dst) && s->plen >= 10;
	if (zoned && s->dst_zone == 0)
		return -EINVAL;
	*key = rt_key_mask(rt_key_make(s->family, &s->dst, zoned ? s->dst_zone : 0), s->plen);
	return 0;
}

/* A gateway is one host, a link-local one of a zone. */
static bool
rt_gateway_valid(int family, const struct rt_path *p)
{
	uint32_t a = ntohl(p->gw.in4.s_addr);

	if (family == AF_INET)
		return a != INADDR_ANY && a != INADDR_BROADCAST && !IN_MULTICAST(a);
	if (IN6_IS_ADDR_UNSPECIFIED(&p->gw.in6) || IN6_IS_ADDR_MULTICAST(&p->gw.in6))
		return false;
	return !IN6_IS_ADDR_LINKLOCAL(&p->gw.in6) || p->gw_ifindex != 0;
}

static int
rt_spec_group(const struct rt_spec *s, struct rt_group **gp)
{
	struct rt_path loop = {.has_gw = true};
	int error;

	for (unsigned i = 0; i < s->npaths; i++) {
		const struct rt_path *p = &s->paths[i];

		if (p->gw_ifindex != 0 && (p->gw_ifindex >= MP_MAXIF || ifnet_get(p->gw_ifindex) == NULL))
			return -ENXIO;
		if (!p->has_gw && p->gw_ifindex == 0)
			return -EINVAL;
		if (p->has_gw && !rt_gateway_valid(s->family, p))
			return -EINVAL;
	}
	if (s->npaths == 0) { /* a route to nowhere has the loopback address for its gateway */
		if (!(s->flags & (RTF_BLACKHOLE | RTF_REJECT)))
			return -EINVAL;
		if (s->family == AF_INET)
			loop.gw.in4.s_addr = htonl(INADDR_LOOPBACK);
		else
			loop.gw.in6 = in6addr_loopback;
		error = rt_group_get(s->family, &loop, 1, s->mtu, 0, gp);
	} else {
		error = rt_group_get(s->family, s->paths, s->npaths, s->mtu, 0, gp);
	}
	if (error == 0 && !rt_group_reachable(*gp)) {
		rt_group_put(*gp);
		error = -ENETUNREACH;
	}
	return error;
}

/* => control; tells the monitors about a route, with the flags and paths it has now */
void
rt_entry_notify(const struct rtentry *e, enum rtmsg_type type)
{
	const struct rt_gw *gw = e->re_group != NULL ? rt_group_gw(e->re_group) : NULL;
	int family = gw != NULL ? gw->family : e->re_owner->ifa_family;
	struct rt_msg m = {.type = type,
	    .family = family,
	    .plen = e->re_node->rn_plen,
	    .flags = rt_entry_flags(e),
	    .ifp = rt_entry_ifp(e)};

	rt_key_addr(family, &e->re_node->rn_key, &m.dst);
	if (gw != NULL && gw->has_gw) {
		m.has_gw = true;
		m.gw = gw->addr;
	}
	m.ifa = e->re_owner;
	rt_notify(&m);
}

int
rt_add(const struct rt_spec *s)
{
	struct rt_table *t = rt_table_of(s->family);
	struct rt_group *g;
	struct rtentry *e, *learned;
	struct rt_node *n;
	struct rt_key key;
	int error;

	ASSERT_CONTROL();
	error = rt_spec_key(s, &key);
	if (error)
		return error;
	n = rib_find(t, &key, s->plen);
	learned = n != NULL ? rt_node_visible(n) : NULL;
	if (learned != NULL && (s->flags & RTF_LEARNED || !(learned->re_flags & RTF_LEARNED)))
		return -EEXIST;
	error = rt_spec_group(s, &g);
	if (error)
		return error;
	if (learned != NULL) /* makes way for what the administrator says */
		rt_delete_entry(t, learned);
	e = rt_entry_new(RT_STATIC);
	if (e == NULL) {
		rt_group_put(g);
		return -ENOMEM;
	}
	e->re_flags = (s->flags & RTF_SETTABLE) | (s->plen == t->bits ? RTF_HOST : 0);
	e->re_infib = !(rt_is_zoned(s->family, &s->dst) && s->plen >= 10);
	e->re_has_ifa = s->has_ifa;
	e->re_ifa = s->ifa;
	e->re_mtu = s->mtu;
	e->re_mtu_lock = s->mtu_lock;
	rt_group_attach(g, e);
	error = s->expire != 0 ? rt_expire_set(e, s->expire, 0) : 0;
	if (error == 0)
		error = rt_entry_insert(t, &key, s->plen, e);
	if (error) {
		rt_expire_clear(e);
		rt_group_detach(e);
		free(e);
		return error;
	}
	rt_entry_notify(e, RTMSG_ADD);
	rt_pmtu_recheck();
	return 0;
}

static bool
rt_path_is(const struct rt_gw *gw, const struct rt_path *p, int family)
{
	size_t len = family == AF_INET ? sizeof(p->gw.in4) : sizeof(p->gw.in6);

	if (p->gw_ifindex != 0 && gw->ifindex != p->gw_ifindex &&
	    (gw->ifp == NULL || gw->ifp->if_index != p->gw_ifindex))
		return false;
	return !p->has_gw || (gw->has_gw && memcmp(&gw->addr, &p->gw, len) == 0);
}

/* Gives the entry another group; its reference is taken. */
static int
rt_entry_regroup(struct rt_table *t, struct rtentry *e, struct rt_group *g)
{
	struct rt_group *old = e->re_group;

	rt_group_unlink(e);
	rt_group_attach(g, e);
	if (rt_node_update(t, e->re_node) != 0) {
		rt_group_unlink(e);
		rt_group_attach(old, e);
		(void)rt_node_update(t, e->re_node);
		rt_group_put(g);
		return -ENOMEM;
	}
	rt_group_put(old);
	return 0;
}

/* The entry's paths, but for those that lose() names, as they were asked for; returns how many. */
static unsigned
rt_entry_paths(const struct rtentry *e, struct rt_path *paths, bool (*lose)(const struct rt_gpath *, const void *),
    const void *arg)
{
	unsigned n = 0;

	for (unsigned i = 0; i < e->re_group->npaths; i++) {
		const struct rt_gpath *p = &e->re_group->paths[i];

		if (lose == NULL || (!lose(p, arg) && !p->gw->gone))
			paths[n++] = (struct rt_path){
			    .has_gw = p->gw->has_gw,
			    .gw = p->gw->addr,
			    .gw_ifindex = p->gw->ifindex,
			    .weight = p->weight,
			    .mtu = p->mtu,
			};
	}
	return n;
}

static uint32_t
rt_entry_pmtu(const struct rtentry *e)
{
	return e->re_timed != NULL ? e->re_timed->pmtu : 0;
}

/* => control; the route's own MTU, and what its path is said to have, 0: none; 0 or -errno: then nothing changed */
int
rt_entry_set_mtu(struct rt_table *t, struct rtentry *e, uint32_t mtu, uint32_t pmtu)
{
	struct rt_path paths[NH_MAXPATHS];
	unsigned n = rt_entry_paths(e, paths, NULL, NULL);
	struct rt_group *g;
	int error;

	ASSERT_CONTROL();
	error = rt_group_get(t->family, paths, n, mtu, pmtu, &g);
	if (error == 0)
		error = rt_entry_regroup(t, e, g);
	if (error == 0)
		e->re_mtu = mtu;
	return error;
}

/* What the administrator changes is his, and stays; a route to nowhere is of one kind. */
static void
rt_entry_change_flags(struct rtentry *e, const struct rt_spec *s)
{
	uint32_t mask = s->flags_mask & RTF_SETTABLE;

	if (s->flags & mask & RTF_BLACKHOLE)
		mask |= RTF_REJECT;
	else if (s->flags & mask & RTF_REJECT)
		mask |= RTF_BLACKHOLE;
	if (s->flags & mask & RTF_STATIC)
		mask |= RTF_DYNAMIC | RTF_MODIFIED | RTF_LEARNED;
	if (e->re_asked != NULL)
		mask &= ~(uint32_t)RTF_MODIFIED; /* it leads where he asked for when the redirect's time is over */
	if ((e->re_flags & RTF_LEARNED) && !(s->flags & RTF_LEARNED) && (mask & RTF_LEARNED)) {
		rt_redirect_forget(e);
		if (e->re_timed != NULL) {
			rt_pmtu_gone(e);
			rt_expire_clear(e);
		}
	}
	if ((mask & RTF_MODIFIED) && !(s->flags & RTF_MODIFIED) && e->re_admin != NULL) {
		rt_group_put(e->re_admin);
		e->re_admin = NULL;
	}
	e->re_flags = (e->re_flags & ~mask) | (s->flags & s->flags_mask & RTF_SETTABLE);
}

int
rt_change(const struct rt_spec *s)
{
	struct rt_table *t = rt_table_of(s->family);
	struct rt_group *g;
	struct rt_node *n;
	struct rtentry *e;
	struct rt_key key;
	int error;

	ASSERT_CONTROL();
	error = rt_spec_key(s, &key);
	if (error)
		return error;
	n = rib_find(t, &key, s->plen);
	e = n != NULL ? rt_node_visible(n) : NULL;
	if (e == NULL)
		return -ESRCH;
	if (e->re_kind == RT_LOCAL)
		return -EPERM;
	if (s->npaths > 0) {
		struct rt_path path = s->paths[0];
		struct rt_spec want = *s;

		/* An interface alone is another way to the same gateway. */
		if (s->npaths == 1 && !path.has_gw && e->re_group->npaths == 1 && rt_entry_has_gw(e)) {
			path.has_gw = true;
			path.gw = e->re_group->paths[0].gw->addr;
			want.paths = &path;
		}
		if (want.mtu == 0)
			want.mtu = e->re_mtu;
		error = rt_spec_group(&want, &g);
		if (error == 0 && (s->flags & RTF_MODIFIED) && e->re_admin == NULL && (e->re_flags & RTF_STATIC)) {
			e->re_admin = e->re_group;
			e->re_admin->refs++;
		}
		if (error == 0)
			error = rt_entry_regroup(t, e, g);
		if (error)
			return error;
		if (!(s->flags & RTF_MODIFIED)) {
			if (e->re_asked != NULL)
				rt_expire_clear(e); /* it was the redirect's time */
			rt_redirect_forget(e);
		}
		if (e->re_kind == RT_CONNECTED && rt_entry_has_gw(e))
			e->re_flags |= RTF_GATEWAY;
		else
			e->re_flags &= ~(uint32_t)RTF_GATEWAY;
	}
	rt_entry_change_flags(e, s);
	if (s->has_ifa) {
		e->re_has_ifa = true;
		e->re_ifa = s->ifa;
	}
	e->re_mtu_lock |= s->mtu_lock;
	if (rt_entry_pmtu(e) != 0 && (s->npaths > 0 || s->mtu != 0))
		rt_expire_clear(e); /* it was of another path */
	if (s->npaths > 0 && s->mtu != 0)
		e->re_mtu = s->mtu;
	else if (s->mtu != 0)
		error = rt_entry_set_mtu(t, e, s->mtu, 0);
	if (error == 0 && s->expire != 0)
		error = rt_expire_set(e, s->expire, 0);
	if (error == 0)
		error = rt_node_update(t, n);
	rt_entry_notify(e, RTMSG_CHANGE);
	rt_pmtu_recheck();
	return error;
}

/* Takes those of several paths away that lose() says; one stays. */
static int
rt_delete_paths(
    struct rt_table *t, struct rtentry *e, bool (*lose)(const struct rt_gpath *, const void *), const void *arg)
{
	struct rt_path paths[NH_MAXPATHS];
	struct rt_group *g;
	unsigned n = rt_entry_paths(e, paths, lose, arg);
	int error;

	error = rt_group_get(t->family, paths, n, e->re_mtu, rt_entry_pmtu(e), &g);
	if (error == 0)
		error = rt_entry_regroup(t, e, g);
	if (error == 0)
		rt_entry_notify(e, RTMSG_CHANGE);
	return error;
}

static bool
rt_path_same(const struct rt_gpath *p, const void *arg)
{
	return p == arg;
}

static bool
rt_path_gone(const struct rt_gpath *p, const void *arg)
{
	return p->gw->gone;
}

/* Forgets an entry that its address's list still names. */
static void
rt_entry_disown(struct rtentry *e)
{
	struct rtentry **pe;

	if (e->re_owner == NULL)
		return;
	for (pe = rt_ifaddr_routes(e->re_owner); *pe != e; pe = &(*pe)->re_sibling)
		;
	*pe = e->re_sibling;
}

/* => control; out of table and FIB, its address forgets it, the monitors hear of it */
void
rt_delete_entry(struct rt_table *t, struct rtentry *e)
{
	const struct rt_gw *gw = e->re_group != NULL ? rt_group_gw(e->re_group) : NULL;
	struct rt_msg m = {.type = RTMSG_DELETE,
	    .family = t->family,
	    .plen = e->re_node->rn_plen,
	    .flags = rt_entry_flags(e),
	    .ifp = rt_entry_ifp(e),
	    .ifa = e->re_owner};

	rt_key_addr(t->family, &e->re_node->rn_key, &m.dst);
	if (gw != NULL && gw->has_gw) {
		m.has_gw = true;
		m.gw = gw->addr;
	}
	rt_entry_disown(e);
	rt_entry_remove(t, e);
	rt_notify(&m); /* last: listeners may let neighbours go, whose next hops nobody names any more */
	rt_pmtu_recheck();
}

/* => control; the entry's time is over, or that of its path MTU */
void
rt_entry_expired(struct rtentry *e)
{
	struct rt_table *t = rt_table_of(e->re_group->family);

	ASSERT_CONTROL();
	if (rt_redirect_expired(e))
		return;
	if (rt_entry_pmtu(e) == 0) {
		rt_delete_entry(t, e);
		return;
	}
	rt_expire_clear(e);
	if (rt_entry_set_mtu(t, e, e->re_mtu, 0) == 0)
		rt_entry_notify(e, RTMSG_CHANGE);
}

int
rt_delete(const struct rt_spec *s)
{
	struct rt_table *t = rt_table_of(s->family);
	struct rt_node *n;
	struct rtentry *e;
	struct rt_key key;
	int error;

	ASSERT_CONTROL();
	error = rt_spec_key(s, &key);
	if (error)
		return error;
	n = rib_find(t, &key, s->plen);
	e = n != NULL ? rt_node_visible(n) : NULL;
	if (s->flags & RTF_LEARNED) /* that one, where there is another as well */
		while (e != NULL && !(rt_entry_visible(e) && e->re_flags & RTF_LEARNED))
			e = e->re_next;
	if (e == NULL)
		return -ESRCH;
	if (e->re_kind == RT_LOCAL)
		return -EPERM;
	if (s->npaths > 0 && e->re_kind == RT_STATIC) {
		unsigned i = 0;

		while (i < e->re_group->npaths && !rt_path_is(e->re_group->paths[i].gw, &s->paths[0], t->family))
			i++;
		if (i == e->re_group->npaths)
			return -ESRCH;
		if (e->re_group->npaths > 1)
			return rt_delete_paths(t, e, rt_path_same, &e->re_group->paths[i]);
	}
	rt_delete_entry(t, e);
	return 0;
}

/* => control; the route loses its paths that are gone, or goes */
void
rt_entry_leave(struct rtentry *e)
{
	struct rt_group *g = e->re_group;
	struct rt_table *t = rt_table_of(g->family);

	ASSERT_CONTROL();
	if (rt_group_dying(g) || rt_delete_paths(t, e, rt_path_gone, NULL) != 0)
		rt_delete_entry(t, e);
}

static bool
rt_node_usable(const struct rt_node *n, void *arg)
{
	for (const struct rtentry *e = n->rn_routes; e != NULL; e = e->re_next)
		if (e->re_kind != RT_NEIGH && rt_entry_active(e))
			return true;
	return false;
}

static struct rtentry *
rt_entry_find(struct rt_table *t, const struct rt_key *key)
{
	struct rt_node *n = rib_match(t, key, rt_node_usable, NULL);
	struct rtentry *e;

	for (e = n != NULL ? n->rn_routes : NULL; e != NULL && !rt_entry_active(e); e = e->re_next)
		;
	return e;
}

/* => control; the entry that rt_lookup found for an address without zone */
struct rtentry *
rt_entry_match(int family, const union in_any *dst)
{
	struct rt_key key = rt_key_make(family, dst, 0);

	ASSERT_CONTROL();
	return rt_entry_find(rt_table_of(family), &key);
}

/* What packets by the route may have: by several paths, as much as each of them takes. */
static void
rt_entry_mtu(const struct rtentry *e, struct rt_result *r)
{
	uint32_t most = r->ifp != NULL ? r->ifp->if_mtu : 0;

	for (unsigned i = 0; e->re_group != NULL && i < e->re_group->npaths; i++) {
		const struct rt_gw *gw = e->re_group->paths[i].gw;
		uint32_t mtu =
		    gw->ifp != NULL && (gw->mtu == 0 || gw->mtu > gw->ifp->if_mtu) ? gw->ifp->if_mtu : gw->mtu;

		if (gw->nh == 0)
			continue;
		if (gw->mtu != 0 && (r->rt_mtu == 0 || gw->mtu < r->rt_mtu))
			r->rt_mtu = gw->mtu;
		if (most == 0 || mtu < most)
			most = mtu;
	}
	r->mtu = most;
	r->expire = e->re_timed != NULL ? e->re_timed->when : 0;
}

int
rt_lookup(int family, const union in_any *dst, uint16_t zone, struct rt_result *r)
{
	struct rt_table *t = rt_table_of(family);
	bool zoned = rt_is_zoned(family, dst);
	struct rt_key key = rt_key_make(family, dst, zoned ? zone : 0);
	const struct rtentry *e;
	const struct rt_node *n;

	ASSERT_CONTROL();
	memset(r, 0, sizeof(*r));
	if (zoned && zone == 0)
		return -ENETUNREACH;
	e = rt_entry_find(t, &key);
	if (e == NULL || (zoned && e->re_node->rn_plen < 10))
		return -EHOSTUNREACH;
	n = e->re_node;
	r->ifp = rt_entry_ifp(e);
	r->flags = rt_entry_flags(e);
	r->nh = rt_entry_nh(e);
	rt_entry_mtu(e, r);
	if (family == AF_INET6 && r->ifp != NULL && r->mtu > nd_if_mtu(r->ifp))
		r->mtu = nd_if_mtu(r->ifp); /* of the link, as routers say */
	r->has_ifa = e->re_has_ifa;
	r->ifa = e->re_ifa;
	r->plen = n->rn_plen;
	rt_key_addr(family, &n->rn_key, &r->dst);
	if (zoned)
		r->dst.in6.s6_addr[2] = r->dst.in6.s6_addr[3] = 0;
	if (rt_entry_has_gw(e)) {
		r->has_gw = true;
		r->gateway = rt_group_gw(e->re_group)->addr;
	}
	if (e->re_flags & RTF_REJECT)
		return r->ifp != NULL && (r->ifp->if_flags & IFF_SMP_LOOPBACK) && !(e->re_flags & RTF_HOST)
			   ? -ENETUNREACH
			   : -EHOSTUNREACH;
	return 0;
}

int
fib_insert(int family, const union in_any *addr, unsigned plen, uint32_t nh)
{
	struct rt_table *t = rt_table_of(family);
	struct rt_key key = rt_key_make(family, addr, 0);
	struct rtentry *e;
	struct rt_node *n;
	int error;

	ASSERT_CONTROL();
	if (plen > t->bits || nh < NH_FIRST_DYNAMIC || nexthop_refs(nh) == 0)
		return -EINVAL;
	key = rt_key_mask(key, plen);
	n = rib_find(t, &key, plen);
	for (e = n != NULL ? n->rn_routes : NULL; e != NULL; e = e->re_next)
		if (e->re_kind == RT_NEIGH && e->re_nh == nh)
			return -EEXIST;
	e = rt_entry_new(RT_NEIGH);
	if (e == NULL)
		return -ENOMEM;
	e->re_nh = nh;
	e->re_flags = RTF_HOST | RTF_LLDATA;
	error = rt_entry_insert(t, &key, plen, e);
	if (error) {
		nexthop_release(e->re_limited);
		free(e);
	}
	return error;
}

int
fib_remove(int family, const union in_any *addr, unsigned plen, uint32_t nh)
{
	struct rt_table *t = rt_table_of(family);
	struct rt_key key;
	struct rtentry *e;
	struct rt_node *n;

	ASSERT_CONTROL();
	if (plen > t->bits)
		return -ENOENT;
	key = rt_key_mask(rt_key_make(family, addr, 0), plen);
	n = rib_find(t, &key, plen);
	for (e = n != NULL ? n->rn_routes : NULL; e != NULL; e = e->re_next)
		if (e->re_kind == RT_NEIGH && e->re_nh == nh) {
			rt_entry_remove(t, e);
			return 0;
		}
	return -ENOENT;
}

int
route_init(void)
{
	int error;

	ASSERT_CONTROL();
	error = fib_init();
	if (error)
		return error;
	error = nexthop_init();
	if (error)
		fib_fini();
	return error;
}

static bool
rt_first(struct rt_node *n, void *arg)
{
	*(struct rt_node **)arg = n;
	return false;
}

/* => control, when no worker runs any more.  The arrays that workers read stay: deferred frees come after. */
void
route_fini(void)
{
	ASSERT_CONTROL();
	mp_slices_finish();
	rt_monitor_fini();
	rt_expire_fini();
	for (unsigned i = 0; i < 2; i++) {
		struct rt_table *t = i == 0 ? &rt_table4 : &rt_table6;
		struct rt_node *n = NULL;

		while (rib_walk_from(t, &(struct rt_cursor){0}, rt_first, &n), n != NULL) {
			while (n->rn_routes->re_next != NULL) {
				rt_entry_disown(n->rn_routes);
				rt_entry_remove(t, n->rn_routes);
			}
			rt_entry_disown(n->rn_routes);
			rt_entry_remove(t, n->rn_routes);
			n = NULL;
		}
		mp_slices_finish();
		rib_fini(t);
	}
}
