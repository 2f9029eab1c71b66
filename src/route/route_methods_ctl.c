/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: the methods route.* (doc/protocol.md).
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
	if (error)
		return error;
	if (!(s.flags_mask & RTF_STATIC)) {
		s.flags |= RTF_STATIC;
		s.flags_mask |= RTF_STATIC;
	}
	return rt_ctl_error(req, json_string_value(json_object_get(params, "dst")), rt_change(&s));
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
				: if_addr_select_via(r.ifp, family, &a, r.has_gw ? &r.gateway : NULL);
	if (r.flags & RTF_LOCAL)
		rt_format(family, &a, r.ifp, dst, sizeof(dst));
	else if (ifa != NULL)
		rt_format(family, &ifa->ifa_addr, r.ifp, dst, sizeof(dst));
	if (ifa != NULL || (r.flags & RTF_LOCAL))
		json_object_set_new(o, "local", json_string(dst));
	if (r.rt_mtu != 0)
		json_object_set_new(o, "mtu", json_integer(r.rt_mtu));
	if (r.expire != 0) /* seconds from now */
		json_object_set_new(o, "expire",
		    json_integer(r.expire > mp_now_ms() ? (json_int_t)((r.expire - mp_now_ms() + 999) / 1000) : 0));
	*result = o;
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
    {"connected", "bool?"}, {"proto1", "bool?"}, {"proto2", "bool?"}, {"announce", "bool?"}, {"mtu", "int?"},
    {"lockmtu", "bool?"}, {"expire", "int?"}, {NULL, NULL}};
static const struct ctl_param delete_params[] = {
    {"family", "string"}, {"dst", "string"}, {"gateway", "string|array?"}, {"interface", "string?"}, {NULL, NULL}};
static const struct ctl_param batch_params[] = {
    {"delete", "array?"}, {"add", "array?"}, {"change", "array?"}, {NULL, NULL}};
static const struct ctl_param get_params[] = {{"family", "string"}, {"dst", "string"}, {NULL, NULL}};
static const struct ctl_param list_params[] = {
    {"family", "string?"}, {"neighbours", "bool?"}, {"limit", "int?"}, {"after", "string?"}, {NULL, NULL}};
static const struct ctl_param flush_params[] = {{"family", "string?"}, {"limit", "int?"}, {NULL, NULL}};
static const struct ctl_param monitor_params[] = {{"count", "int?"}, {NULL, NULL}};

const struct ctl_method route_methods[] = {
    {"route.add", m_add, change_params, "add a route"},
    {"route.change", m_change, change_params, "change a route's paths or flags"},
    {"route.delete", m_delete, delete_params, "delete a route, or one of its paths"},
    {"route.batch", rt_batch_method, batch_params, "delete, add and change many routes"},
    {"route.get", m_get, get_params, "the route that packets to an address take"},
    {"route.list", rt_list_method, list_params, "the routing table"},
    {"route.flush", rt_flush_method, flush_params, "delete all static routes"},
    {"route.monitor", m_monitor, monitor_params, "stream of changes"},
    {NULL, NULL, NULL, NULL},
};
