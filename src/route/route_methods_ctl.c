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

/* 0 or -EINVAL after ctl_error */
static int
parse_family(struct ctl_req *req, json_t *params, int *family)
{
	const char *s = json_string_value(json_object_get(params, "family"));

	*family = AF_UNSPEC;
	if (s == NULL)
		return 0;
	if (strcmp(s, "inet") == 0)
		*family = AF_INET;
	else if (strcmp(s, "inet6") == 0)
		*family = AF_INET6;
	else
		return ctl_error(req, EINVAL, "family: \"%.20s\" is neither inet nor inet6", s);
	return 0;
}

/* "A" or "A%IF" of len characters; 0 or -errno after ctl_error */
static int
parse_addr(struct ctl_req *req, int family, const char *s, size_t len, union in_any *a, uint16_t *zone)
{
	char text[RT_ADDRLEN], *percent;
	struct ifnet *ifp;

	*zone = 0;
	memset(a, 0, sizeof(*a));
	if (len >= sizeof(text))
		return ctl_error(req, EINVAL, "\"%.40s...\" is not an address", s);
	memcpy(text, s, len);
	text[len] = '\0';
	percent = strchr(text, '%');
	if (percent != NULL)
		*percent++ = '\0';
	if (inet_pton(family, text, a) != 1 || (percent != NULL && family != AF_INET6))
		return ctl_error(req, EINVAL, "\"%.*s\" is not an address of family %s", (int)len, s,
		    family == AF_INET ? "inet" : "inet6");
	if (percent != NULL) {
		ifp = ifnet_by_name(percent);
		if (ifp == NULL)
			return ctl_error(req, ENXIO, "%s: no such interface", percent);
		*zone = ifp->if_index;
	}
	return 0;
}

/* "A/len", "A" (a host) or "default"; 0 or -errno after ctl_error */
static int
parse_prefix(struct ctl_req *req, int family, const char *s, union in_any *a, uint8_t *plen, uint16_t *zone)
{
	const char *slash = strchr(s, '/');
	unsigned long n = family == AF_INET ? 32 : 128, max = n;
	char *end;

	if (strcmp(s, "default") == 0) {
		memset(a, 0, sizeof(*a));
		*plen = 0;
		*zone = 0;
		return 0;
	}
	if (slash != NULL) {
		n = strtoul(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || n > max)
			return ctl_error(req, EINVAL, "\"%.80s\": a prefix length is 0 to %lu", s, max);
	}
	*plen = n;
	return parse_addr(req, family, s, slash != NULL ? (size_t)(slash - s) : strlen(s), a, zone);
}

static int
parse_interface(struct ctl_req *req, const json_t *v, uint16_t *index)
{
	struct ifnet *ifp;

	if (v == NULL)
		return 0;
	ifp = json_is_string(v) ? ifnet_by_name(json_string_value(v)) : NULL;
	if (ifp == NULL)
		return ctl_error(req, ENXIO, "%.40s: no such interface",
		    json_is_string(v) ? json_string_value(v) : "interface (not a string)");
	*index = ifp->if_index;
	return 0;
}

static int
parse_gateway(struct ctl_req *req, int family, const json_t *v, struct rt_path *path)
{
	const char *s = json_string_value(v);
	uint16_t zone;
	int error;

	if (v == NULL)
		return 0;
	if (s == NULL)
		return ctl_error(req, EINVAL, "gateway: an address is a string");
	error = parse_addr(req, family, s, strlen(s), &path->gw, &zone);
	if (error)
		return error;
	path->has_gw = true;
	if (zone == 0)
		return 0;
	if (path->gw_ifindex != 0 && path->gw_ifindex != zone)
		return ctl_error(req, EINVAL, "%.80s: the zone is not the interface", s);
	path->gw_ifindex = zone;
	return 0;
}

static int
parse_paths(struct ctl_req *req, json_t *params, struct rt_spec *s)
{
	json_t *gw = json_object_get(params, "gateway"), *ifname = json_object_get(params, "interface"), *v;
	size_t i;
	int error;

	if (json_is_array(gw)) {
		if (json_array_size(gw) == 0 || json_array_size(gw) > NH_MAXPATHS)
			return ctl_error(req, EINVAL, "gateway: 1 to %d of them", NH_MAXPATHS);
		json_array_foreach (gw, i, v) {
			struct rt_path *p = &s->paths[i];
			const json_t *w = json_object_get(v, "weight");

			if (!json_is_object(v))
				return ctl_error(req, EINVAL, "gateway: an array of objects");
			error = parse_interface(req, json_object_get(v, "interface"), &p->gw_ifindex);
			if (error == 0)
				error = parse_gateway(req, s->family, json_object_get(v, "gateway"), p);
			if (error)
				return error;
			if (w != NULL &&
			    (!json_is_integer(w) || json_integer_value(w) < 1 || json_integer_value(w) > 65535))
				return ctl_error(req, EINVAL, "weight: 1 to 65535");
			p->weight = w != NULL ? json_integer_value(w) : 1;
			if (!p->has_gw && p->gw_ifindex == 0)
				return ctl_error(req, EINVAL, "gateway: neither a gateway nor an interface");
		}
		s->npaths = json_array_size(gw);
		return 0;
	}
	error = parse_interface(req, ifname, &s->paths[0].gw_ifindex);
	if (error == 0)
		error = parse_gateway(req, s->family, gw, &s->paths[0]);
	if (error)
		return error;
	s->paths[0].weight = 1;
	s->npaths = gw != NULL || ifname != NULL;
	return 0;
}

static int
parse_ifa(struct ctl_req *req, json_t *params, struct rt_spec *s)
{
	const char *text = json_string_value(json_object_get(params, "ifa"));
	struct ifaddr *ifa;
	uint16_t zone;
	int error;

	if (text == NULL)
		return 0;
	error = parse_addr(req, s->family, text, strlen(text), &s->ifa, &zone);
	if (error)
		return error;
	ifa = if_addr_find(zone != 0 ? ifnet_get(zone) : NULL, s->family, &s->ifa, false);
	if (ifa == NULL)
		return ctl_error(req, ENETUNREACH, "%.80s: not an address of this router", text);
	s->has_ifa = true;
	if (s->npaths == 0 && json_object_get(params, "gateway") == NULL) { /* an interface named by its address */
		s->paths[0].gw_ifindex = ifa->ifa_ifp->if_index;
		s->npaths = 1;
	}
	return 0;
}

/* Everything that add, change and delete have in common.  s->paths has room for NH_MAXPATHS. */
static int
parse_spec(struct ctl_req *req, json_t *params, struct rt_spec *s)
{
	static const struct {
		const char *name;
		uint32_t flag;
	} flags[] = {{"static", RTF_STATIC}, {"blackhole", RTF_BLACKHOLE}, {"reject", RTF_REJECT},
	    {"connected", RTF_CONNECTED}, {"proto1", RTF_PROTO1}, {"proto2", RTF_PROTO2}};
	const json_t *mtu = json_object_get(params, "mtu");
	int family, error;

	error = parse_family(req, params, &family);
	if (error)
		return error;
	s->family = family;
	error = parse_prefix(
	    req, family, json_string_value(json_object_get(params, "dst")), &s->dst, &s->plen, &s->dst_zone);
	if (error == 0)
		error = parse_paths(req, params, s);
	if (error == 0)
		error = parse_ifa(req, params, s);
	if (error)
		return error;
	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		const json_t *v = json_object_get(params, flags[i].name);

		if (v != NULL)
			s->flags_mask |= flags[i].flag;
		if (json_is_true(v))
			s->flags |= flags[i].flag;
	}
	if (mtu != NULL) {
		json_int_t n = json_integer_value(mtu);

		if (n < 0 || n > 65535)
			return ctl_error(req, EINVAL, "mtu: 0 to 65535");
		s->mtu = n;
	}
	return 0;
}

static int
rt_error(struct ctl_req *req, json_t *params, int error)
{
	const char *dst = json_string_value(json_object_get(params, "dst"));

	switch (error) {
	case 0:
		return 0;
	case -EEXIST:
		return ctl_error(req, EEXIST, "%.80s: the route exists", dst);
	case -ESRCH:
		return ctl_error(req, ESRCH, "%.80s: not in table", dst);
	case -ENETUNREACH:
		return ctl_error(req, ENETUNREACH, "%.80s: no connected network leads to the gateway", dst);
	case -EPERM:
		return ctl_error(req, EPERM, "%.80s: the route of an address of ours: delete the address", dst);
	case -EINVAL:
		return ctl_error(
		    req, EINVAL, "%.80s: a gateway or a zone is missing, or is none, or is named twice", dst);
	default:
		return ctl_error(req, -error, "%.80s: %s", dst, strerror(-error));
	}
}

static int
m_add(struct ctl_req *req, json_t *params, json_t **result)
{
	struct rt_path paths[NH_MAXPATHS] = {0};
	struct rt_spec s = {.paths = paths};
	int error = parse_spec(req, params, &s);

	ASSERT_CONTROL();
	if (error)
		return error;
	if (!(s.flags_mask & RTF_STATIC))
		s.flags |= RTF_STATIC;
	return rt_error(req, params, rt_add(&s));
}

static int
m_change(struct ctl_req *req, json_t *params, json_t **result)
{
	struct rt_path paths[NH_MAXPATHS] = {0};
	struct rt_spec s = {.paths = paths};
	int error = parse_spec(req, params, &s);

	ASSERT_CONTROL();
	return error ? error : rt_error(req, params, rt_change(&s));
}

static int
m_delete(struct ctl_req *req, json_t *params, json_t **result)
{
	struct rt_path paths[NH_MAXPATHS] = {0};
	struct rt_spec s = {.paths = paths};
	int error = parse_spec(req, params, &s);

	ASSERT_CONTROL();
	return error ? error : rt_error(req, params, rt_delete(&s));
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
	int family, error = parse_family(req, params, &family);

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
	int family, error = parse_family(req, params, &family);
	json_t *o;

	ASSERT_CONTROL();
	if (error == 0)
		error = parse_prefix(req, family, text, &a, &plen, &zone);
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
	int family, error = parse_family(req, params, &family);

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
static const struct ctl_param get_params[] = {{"family", "string"}, {"dst", "string"}, {NULL, NULL}};
static const struct ctl_param list_params[] = {{"family", "string?"}, {"neighbours", "bool?"}, {NULL, NULL}};
static const struct ctl_param flush_params[] = {{"family", "string?"}, {NULL, NULL}};
static const struct ctl_param monitor_params[] = {{"count", "int?"}, {NULL, NULL}};

const struct ctl_method route_methods[] = {
    {"route.add", m_add, change_params, "add a route"},
    {"route.change", m_change, change_params, "change a route's paths or flags"},
    {"route.delete", m_delete, delete_params, "delete a route, or one of its paths"},
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
