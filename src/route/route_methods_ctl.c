/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: the methods route.* (doc/protocol.md), and its part of the configuration.
 *
 * Synchronization: control only.
 * Lifetime: nothing is kept.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "route/route_methods.h"

static int
m_add(struct ctl_req *req, json_t *params, json_t **result)
{
	struct rt_path paths[NH_MAXPATHS] = {0};
	struct rt_spec s = {.paths = paths};
	int error = rt_parse_spec(req, params, &s);

	ASSERT_CONTROL();
	if (error)
		return error;
	if (!(s.flags_mask & RTF_STATIC))
		s.flags |= RTF_STATIC;
	return rt_ctl_error(req, json_string_value(json_object_get(params, "dst")), rt_add(&s));
}

static int
m_change(struct ctl_req *req, json_t *params, json_t **result)
{
	struct rt_path paths[NH_MAXPATHS] = {0};
	struct rt_spec s = {.paths = paths};
	int error = rt_parse_spec(req, params, &s);

	ASSERT_CONTROL();
	return error ? error : rt_ctl_error(req, json_string_value(json_object_get(params, "dst")), rt_change(&s));
}

static int
m_delete(struct ctl_req *req, json_t *params, json_t **result)
{
	struct rt_path paths[NH_MAXPATHS] = {0};
	struct rt_spec s = {.paths = paths};
	int error = rt_parse_spec(req, params, &s);

	ASSERT_CONTROL();
	return error ? error : rt_ctl_error(req, json_string_value(json_object_get(params, "dst")), rt_delete(&s));
}

static json_t *
rt_object(int family, const struct rtentry *e)
{
	struct ifnet *ifp = rt_shown_ifp(e);
	char dst[RT_ADDRLEN], gateway[RT_ADDRLEN], letters[24];
	uint32_t flags = rt_shown_flags(e), mtu = rt_shown_mtu(e);
	union in_any a;
	json_t *o, *list;

	rt_key_addr(family, &e->re_node->rn_key, &a);
	rt_format_dst(family, &a, e->re_node->rn_plen, dst, sizeof(dst));
	rt_format_gateway(e, gateway, sizeof(gateway));
	rt_flag_letters(flags, letters, sizeof(letters));
	o = json_pack("{s:s,s:s,s:s,s:s,s:I,s:s,s:i,s:i}", "family", family == AF_INET ? "inet" : "inet6", "dst", dst,
	    "gateway", gateway, "flags", letters, "flagbits", (json_int_t)flags, "interface",
	    ifp != NULL ? ifp->if_xname : "", "refs", 0, "use", 0);
	json_object_set_new(o, "mtu", mtu != 0 ? json_integer(mtu) : json_null());
	if (!e->re_infib && e->re_owner != NULL)
		json_object_set_new(o, "zone", json_string(e->re_owner->ifa_ifp->if_xname));
	if (e->re_group == NULL || e->re_group->npaths < 2)
		return o;
	list = json_array();
	for (unsigned i = 0; i < e->re_group->npaths; i++) {
		const struct rt_gpath *p = &e->re_group->paths[i];

		ifp = p->gw->ifp != NULL ? p->gw->ifp : p->gw->ifindex != 0 ? ifnet_get(p->gw->ifindex) : NULL;
		if (p->gw->has_gw)
			rt_format(family, &p->gw->addr, ifp, gateway, sizeof(gateway));
		else
			snprintf(gateway, sizeof(gateway), "link#%u", p->gw->ifindex);
		json_array_append_new(
		    list, json_pack("{s:s,s:i,s:s,s:b}", "gateway", gateway, "weight", p->weight, "interface",
			      ifp != NULL ? ifp->if_xname : "", "active", p->gw->nh != 0));
	}
	json_object_set_new(o, "paths", list);
	return o;
}

struct list_arg {
	int family;
	bool neighbours;
	json_t *array;
};

static void
list_node(struct rt_node *n, void *arg)
{
	struct list_arg *l = arg;
	const struct rtentry *e = rt_node_visible(n);

	if (e != NULL)
		json_array_append_new(l->array, rt_object(l->family, e));
	if (e != NULL || !l->neighbours)
		return;
	for (e = n->rn_routes; e != NULL; e = e->re_next)
		if (e->re_kind == RT_NEIGH)
			json_array_append_new(l->array, rt_object(l->family, e));
}

static int
m_list(struct ctl_req *req, json_t *params, json_t **result)
{
	struct list_arg l = {.neighbours = json_is_true(json_object_get(params, "neighbours"))};
	int family, error = rt_parse_family(req, params, &family);

	ASSERT_CONTROL();
	if (error)
		return error;
	*result = l.array = json_array();
	for (l.family = AF_INET; l.family != AF_UNSPEC; l.family = l.family == AF_INET ? AF_INET6 : AF_UNSPEC)
		if (family == AF_UNSPEC || family == l.family)
			rib_walk(rt_table_of(l.family)->root, list_node, &l);
	return 0;
}

static int
m_get(struct ctl_req *req, json_t *params, json_t **result)
{
	const char *text = json_string_value(json_object_get(params, "dst"));
	char dst[RT_ADDRLEN], letters[24];
	struct rt_result r;
	struct ifaddr *ifa = NULL;
	struct ifnet *ifp;
	union in_any a;
	uint16_t zone;
	uint8_t plen;
	int family, error = rt_parse_family(req, params, &family);
	json_t *o;

	ASSERT_CONTROL();
	if (error == 0)
		error = rt_parse_prefix(req, family, text, &a, &plen, &zone);
	if (error)
		return error;
	error = rt_lookup(family, &a, zone, &r);
	if (error != 0 && !(r.flags & RTF_REJECT))
		return ctl_error(req, ESRCH, "%.80s: not in table", text);
	ifp = r.flags & RTF_LOCAL ? rt_loopback() : r.ifp;
	rt_flag_letters(r.flags, letters, sizeof(letters));
	rt_format(family, &r.dst, r.ifp, dst, sizeof(dst));
	o = json_pack("{s:s,s:o,s:s,s:s,s:o,s:I,s:i,s:I}", "dst", text, "prefix", json_sprintf("%s/%u", dst, r.plen),
	    "interface", ifp != NULL ? ifp->if_xname : "", "flags", letters, "flagnames",
	    rt_flag_names(r.flags | RTF_DONE), "flagbits", (json_int_t)r.flags, "mtu", 0, "nexthop", (json_int_t)r.nh);
	if (r.has_gw) {
		rt_format(family, &r.gateway, r.ifp, dst, sizeof(dst));
		json_object_set_new(o, "gateway", json_string(dst));
	}
	if (r.ifp != NULL && (r.flags & RTF_LOCAL) == 0)
		ifa = r.has_ifa ? if_addr_find(r.ifp, family, &r.ifa, false)
				: if_addr_select(r.ifp, family, r.has_gw ? &r.gateway : &a);
	if (r.flags & RTF_LOCAL)
		rt_format(family, &a, r.ifp, dst, sizeof(dst));
	else if (ifa != NULL)
		rt_format(family, &ifa->ifa_addr, r.ifp, dst, sizeof(dst));
	if (ifa != NULL || (r.flags & RTF_LOCAL))
		json_object_set_new(o, "local", json_string(dst));
	if (r.rt_mtu != 0)
		json_object_set_new(o, "mtu", json_integer(r.rt_mtu));
	*result = o;
	return 0;
}

static bool
flush_wants(const struct rtentry *e, void *arg)
{
	return e->re_kind == RT_STATIC;
}

static void
flush_note(const struct rtentry *e, void *arg)
{
	struct list_arg *l = arg;

	json_array_append_new(l->array, rt_object(l->family, e));
}

static int
m_flush(struct ctl_req *req, json_t *params, json_t **result)
{
	struct list_arg l = {0};
	unsigned n = 0;
	int family, error = rt_parse_family(req, params, &family);

	ASSERT_CONTROL();
	if (error)
		return error;
	l.array = json_array();
	for (l.family = AF_INET; l.family != AF_UNSPEC; l.family = l.family == AF_INET ? AF_INET6 : AF_UNSPEC)
		if (family == AF_UNSPEC || family == l.family)
			n += rt_delete_matching(l.family, flush_wants, flush_note, &l);
	*result = json_pack("{s:i,s:o}", "deleted", (int)n, "routes", l.array);
	return 0;
}

static int
m_monitor(struct ctl_req *req, json_t *params, json_t **result)
{
	const json_t *count = json_object_get(params, "count");
	struct ctl_stream *st;

	ASSERT_CONTROL();
	if (count != NULL && json_integer_value(count) < 1)
		return ctl_error(req, EINVAL, "count: 1 or more");
	st = rt_monitor_open(req, count != NULL ? json_integer_value(count) : -1);
	if (st == NULL)
		return -EOPNOTSUPP;
	*result = ctl_stream_result(st);
	return 0;
}

static const struct ctl_param change_params[] = {{"family", "string"}, {"dst", "string"}, {"gateway", "string|array?"},
    {"interface", "string?"}, {"ifa", "string?"}, {"blackhole", "bool?"}, {"reject", "bool?"}, {"static", "bool?"},
    {"connected", "bool?"}, {"proto1", "bool?"}, {"proto2", "bool?"}, {"mtu", "int?"}, {NULL, NULL}};
static const struct ctl_param delete_params[] = {
    {"family", "string"}, {"dst", "string"}, {"gateway", "string|array?"}, {"interface", "string?"}, {NULL, NULL}};
static const struct ctl_param batch_params[] = {
    {"delete", "array?"}, {"add", "array?"}, {"change", "array?"}, {NULL, NULL}};
static const struct ctl_param get_params[] = {{"family", "string"}, {"dst", "string"}, {NULL, NULL}};
static const struct ctl_param list_params[] = {{"family", "string?"}, {"neighbours", "bool?"}, {NULL, NULL}};
static const struct ctl_param flush_params[] = {{"family", "string?"}, {NULL, NULL}};
static const struct ctl_param monitor_params[] = {{"count", "int?"}, {NULL, NULL}};

const struct ctl_method route_methods[] = {
    {"route.add", m_add, change_params, "add a route"},
    {"route.change", m_change, change_params, "change a route's paths or flags"},
    {"route.delete", m_delete, delete_params, "delete a route, or one of its paths"},
    {"route.batch", rt_batch_method, batch_params, "delete, add and change many routes"},
    {"route.get", m_get, get_params, "the route that packets to an address take"},
    {"route.list", m_list, list_params, "the routing table"},
    {"route.flush", m_flush, flush_params, "delete all static routes"},
    {"route.monitor", m_monitor, monitor_params, "stream of changes"},
    {NULL, NULL, NULL, NULL},
};

struct save_arg {
	int family;
	void (*line)(void *, const char *);
	void *arg;
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

static void
save_node(struct rt_node *node, void *arg)
{
	const struct save_arg *s = arg;
	const struct rtentry *e = rt_node_visible(node);
	bool host = node->rn_plen == rt_table_of(s->family)->bits;
	char line[8192], dst[RT_ADDRLEN], text[2 * RT_ADDRLEN];
	union in_any a;
	size_t n;

	if (e == NULL || e->re_kind != RT_STATIC || !(e->re_flags & RTF_STATIC))
		return;
	rt_key_addr(s->family, &node->rn_key, &a);
	rt_format_dst(s->family, &a, node->rn_plen, dst, sizeof(dst));
	n = snprintf(line, sizeof(line), "route add%s%s %s %s", s->family == AF_INET6 ? " -inet6" : "",
	    e->re_group->npaths > 1 ? " -mpath" : "", host ? "-host" : "-net", node->rn_plen == 0 ? "default" : dst);
	for (unsigned i = 0; i < e->re_group->npaths; i++) {
		const struct rt_gpath *p = &e->re_group->paths[i];

		save_path(text, sizeof(text), s->family, p->gw);
		n += snprintf(line + n, sizeof(line) - n, "%s", text);
		if (p->weight != 1)
			n += snprintf(line + n, sizeof(line) - n, " -weight %u", p->weight);
	}
	if (e->re_has_ifa) {
		rt_format(s->family, &e->re_ifa, NULL, text, sizeof(text));
		n += snprintf(line + n, sizeof(line) - n, " -ifa %s", text);
	}
	if (e->re_mtu != 0)
		n += snprintf(line + n, sizeof(line) - n, " -mtu %u", e->re_mtu);
	n += snprintf(line + n, sizeof(line) - n, "%s%s%s%s%s", e->re_flags & RTF_BLACKHOLE ? " -blackhole" : "",
	    e->re_flags & RTF_REJECT ? " -reject" : "", e->re_flags & RTF_CONNECTED ? " -connected" : "",
	    e->re_flags & RTF_PROTO1 ? " -proto1" : "", e->re_flags & RTF_PROTO2 ? " -proto2" : "");
	s->line(s->arg, line);
}

void
route_config_save(void (*line)(void *, const char *), void *arg)
{
	struct save_arg s = {.line = line, .arg = arg};

	ASSERT_CONTROL();
	s.family = AF_INET;
	rib_walk(rt_table4.root, save_node, &s);
	s.family = AF_INET6;
	rib_walk(rt_table6.root, save_node, &s);
}
