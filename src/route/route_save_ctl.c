/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: its part of the configuration.
 *
 * Synchronization: control only.
 * Lifetime: nothing is kept.
 */
#include <stdio.h>
#include <string.h>

#include "mp/slice.h"
#include "route/route_methods.h"

struct save_arg {
	int family;
	void (*line)(void *, const char *);
	void *arg;
	unsigned seen;
};

static void
save_path(char *text, size_t len, int family, const struct rt_gw *gw)
{
	const struct ifnet *ifp = gw->ifindex != 0 ? ifnet_get(gw->ifindex) : NULL;
	bool scoped = gw->has_gw && family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&gw->addr.in6);
	size_t n;

	if (!gw->has_gw) {
		snprintf(text, len, " -iface %s", ifp != NULL ? ifp->if_xname : "?");
		return;
	}
	text[0] = ' ';
	rt_format(family, &gw->addr, ifp, text + 1, len - 1);
	n = strlen(text);
	if (ifp != NULL && !scoped)
		snprintf(text + n, len - n, " -ifp %s", ifp->if_xname);
}

/* The flags that say more than the paths */
static size_t
save_flags(char *line, size_t len, const struct rtentry *e)
{
	return (size_t)snprintf(line, len, "%s%s%s%s%s%s", e->re_flags & RTF_BLACKHOLE ? " -blackhole" : "",
	    e->re_flags & RTF_REJECT ? " -reject" : "",
	    e->re_kind == RT_STATIC && (e->re_flags & RTF_CONNECTED) ? " -connected" : "",
	    e->re_flags & RTF_ANNOUNCE ? " -proxy" : "", e->re_flags & RTF_PROTO1 ? " -proto1" : "",
	    e->re_flags & RTF_PROTO2 ? " -proto2" : "");
}

/* Of the administrator, and to stay?  A network of an address of ours, if he changed what can be said of it again. */
static bool
save_wants(const struct rtentry *e)
{
	if (e == NULL || !(e->re_flags & RTF_STATIC) || (e->re_flags & RTF_LEARNED) ||
	    (e->re_timed != NULL && e->re_timed->pmtu == 0 && !(e->re_flags & RTF_MODIFIED)))
		return false;
	if (e->re_kind != RT_CONNECTED)
		return e->re_kind == RT_STATIC;
	return !rt_entry_has_gw(e) && e->re_infib &&
	       (e->re_mtu != 0 || (e->re_flags & (RTF_REJECT | RTF_BLACKHOLE)) != 0);
}

static bool
save_node(struct rt_node *node, void *arg)
{
	struct save_arg *s = arg;
	const struct rtentry *e = rt_node_visible(node);
	const struct rt_group *g;
	bool host = node->rn_plen == rt_table_of(s->family)->bits;
	char line[8192], dst[RT_ADDRLEN], text[2 * RT_ADDRLEN], mtu[32];
	union in_any a;
	size_t n;

	if (!save_wants(e))
		return ++s->seen % 16 != 0 || !mp_slice_over();
	g = e->re_admin != NULL && !rt_group_gone(e->re_admin) ? e->re_admin : e->re_group;
	rt_key_addr(s->family, &node->rn_key, &a);
	rt_format_dst(s->family, &a, node->rn_plen, dst, sizeof(dst));
	n = snprintf(line, sizeof(line), "route %s%s%s %s %s", e->re_kind == RT_STATIC ? "add" : "change",
	    s->family == AF_INET6 ? " -inet6" : "", g->npaths > 1 ? " -mpath" : "", host ? "-host" : "-net",
	    node->rn_plen == 0 ? "default" : dst);
	snprintf(mtu, sizeof(mtu), "%s -mtu %u", e->re_mtu_lock ? " -lock" : "", e->re_mtu);
	if (e->re_mtu != 0 && g->npaths > 1) /* after one of several gateways it is that one's */
		n += snprintf(line + n, sizeof(line) - n, "%s", mtu);
	for (unsigned i = 0; e->re_kind == RT_STATIC && i < g->npaths; i++) {
		const struct rt_gpath *p = &g->paths[i];

		save_path(text, sizeof(text), s->family, p->gw);
		n += snprintf(line + n, sizeof(line) - n, "%s", text);
		if (p->weight != 1)
			n += snprintf(line + n, sizeof(line) - n, " -weight %u", p->weight);
		if (p->mtu != 0)
			n += snprintf(line + n, sizeof(line) - n, " -mtu %u", p->mtu);
	}
	if (e->re_has_ifa) {
		rt_format(s->family, &e->re_ifa, NULL, text, sizeof(text));
		n += snprintf(line + n, sizeof(line) - n, " -ifa %s", text);
	}
	if (e->re_mtu != 0 && g->npaths == 1)
		n += snprintf(line + n, sizeof(line) - n, "%s", mtu);
	save_flags(line + n, sizeof(line) - n, e);
	s->line(s->arg, line);
	return ++s->seen % 16 != 0 || !mp_slice_over();
}

bool
route_config_save(struct route_save *place, void (*line)(void *, const char *), void *arg)
{
	struct save_arg s = {.line = line, .arg = arg};
	struct rt_cursor c = {.started = place->started, .plen = place->plen, .key = {place->hi, place->lo}};

	ASSERT_CONTROL();
	s.family = place->family;
	if (s.family == 0)
		s.family = AF_INET;
	while (rib_walk_from(rt_table_of(s.family), &c, save_node, &s)) {
		if (s.family == AF_INET6)
			return true;
		s.family = AF_INET6;
		c.started = false;
	}
	*place = (struct route_save){
	    .family = s.family, .started = c.started, .plen = c.plen, .hi = c.key.hi, .lo = c.key.lo};
	return false;
}
