/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: route.list and route.flush, in slices and in pages.
 *
 * A page ends with a cursor, a place in the table's order, and not with an entry: the table may change between pages.
 *
 * Synchronization: control only.
 * Lifetime: a job lives from its request to its answer; it keeps no entry or node between slices.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "mp/slice.h"
#include "route/route_methods.h"

#define FLUSH_STEP 32		      /* routes that are collected before they are deleted */
#define FLUSH_SHOW (16 * 1024 * 1024) /* octets of deleted routes in an answer */

struct list_job {
	struct mp_slice slice;		  /* [c] */
	struct ctl_req *req;		  /* [c] */
	struct evbuffer *out;		  /* [c] */
	struct rt_cursor cursor;	  /* [c] */
	int family, last;		  /* [c] the one at hand, and the last one */
	bool neighbours;		  /* [c] */
	size_t n, limit;		  /* [c] limit 0: all */
	size_t seen;			  /* [c] nodes */
	struct rtentry *step[FLUSH_STEP]; /* [c] of flush, within a call */
	unsigned nstep;			  /* [c] */
};

/* Those of an entry as they are listed; neighbours are here, which are no routes. */
static uint32_t
list_flags(int family, const struct rtentry *e)
{
	uint32_t flags = rt_shown_flags(e);
	const struct nexthop *nh;

	if (e->re_kind != RT_NEIGH)
		return flags;
	nh = nexthop_get(e->re_nh);
	if (nh->nh_ifp != NULL && neigh_is_static(nh->nh_ifp, family, &nh->nh_addr))
		flags |= RTF_STATIC;
	return flags;
}

static json_t *
rt_object(int family, const struct rtentry *e)
{
	struct ifnet *ifp = rt_shown_ifp(e);
	char dst[RT_ADDRLEN], gateway[RT_ADDRLEN], letters[24];
	uint32_t flags = list_flags(family, e), mtu = rt_shown_mtu(e);
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

/* One route as text; what most of them need without a detour. */
static void
list_object(struct list_job *j, const struct rtentry *e)
{
	struct ifnet *ifp = rt_shown_ifp(e);
	char dst[RT_ADDRLEN], gateway[RT_ADDRLEN], letters[24], mtu[16];
	uint32_t flags = list_flags(j->family, e), shown = rt_shown_mtu(e);
	union in_any a;

	if (j->n++ != 0)
		evbuffer_add(j->out, ",", 1);
	if ((!e->re_infib && e->re_owner != NULL) || (e->re_group != NULL && e->re_group->npaths > 1)) {
		json_t *o = rt_object(j->family, e);

		ctl_text_json(j->out, o);
		json_decref(o);
		return;
	}
	rt_key_addr(j->family, &e->re_node->rn_key, &a);
	rt_format_dst(j->family, &a, e->re_node->rn_plen, dst, sizeof(dst));
	rt_format_gateway(e, gateway, sizeof(gateway));
	rt_flag_letters(flags, letters, sizeof(letters));
	snprintf(mtu, sizeof(mtu), "%" PRIu32, shown);
	evbuffer_add_printf(j->out,
	    "{\"family\":\"%s\",\"dst\":\"%s\",\"gateway\":\"%s\",\"flags\":\"%s\",\"flagbits\":%" PRIu32
	    ",\"interface\":\"%s\",\"refs\":0,\"use\":0,\"mtu\":%s}",
	    j->family == AF_INET ? "inet" : "inet6", dst, gateway, letters, flags, ifp != NULL ? ifp->if_xname : "",
	    shown != 0 ? mtu : "null");
}

static bool
list_node(struct rt_node *n, void *arg)
{
	struct list_job *j = arg;
	const struct rtentry *e = rt_node_visible(n);

	if (e != NULL)
		list_object(j, e);
	else if (j->neighbours)
		for (e = n->rn_routes; e != NULL; e = e->re_next)
			if (e->re_kind == RT_NEIGH)
				list_object(j, e);
	return !(j->limit != 0 && j->n >= j->limit) && !(++j->seen % 8 == 0 && mp_slice_over());
}

static void
job_free(struct list_job *j)
{
	if (j->out != NULL)
		evbuffer_free(j->out);
	free(j);
}

/* => true: all families are through */
static bool
job_walk(struct list_job *j, bool (*fn)(struct rt_node *, void *))
{
	while (rib_walk_from(rt_table_of(j->family), &j->cursor, fn, j)) {
		if (j->family == j->last)
			return true;
		j->family = j->last;
		j->cursor.started = false;
	}
	return false;
}

static bool
list_step(struct mp_slice *slice)
{
	struct list_job *j = (struct list_job *)slice;
	struct evbuffer *out = j->out;
	bool end;

	ASSERT_CONTROL();
	end = job_walk(j, list_node);
	if (!end && (j->limit == 0 || j->n < j->limit) && ctl_req_wanted(j->req) &&
	    evbuffer_get_length(out) <= CTL_ANSWER_MAX)
		return true;
	if (evbuffer_get_length(out) > CTL_ANSWER_MAX) {
		ctl_fail(j->req, EMSGSIZE, "the table is too long for one answer: ask for pages (limit)");
		job_free(j);
		return false;
	}
	evbuffer_add(out, "]", 1);
	if (j->limit != 0 && !end)
		evbuffer_add_printf(out, ",\"next\":\"%d:%016" PRIx64 "%016" PRIx64 "/%u\"}",
		    j->family == AF_INET ? 4 : 6, j->cursor.key.hi, j->cursor.key.lo, j->cursor.plen);
	else if (j->limit != 0)
		evbuffer_add(out, "}", 1);
	j->out = NULL;
	ctl_reply_text(j->req, out);
	job_free(j);
	return false;
}

/* "4:HEXKEY/PLEN", as an answer's next; 0 or -EINVAL after ctl_error */
static int
job_cursor(struct ctl_req *req, const char *text, struct list_job *j)
{
	unsigned family, plen;
	char end;

	if (text == NULL)
		return 0;
	if (strlen(text) > 40 ||
	    sscanf(text, "%1u:%16" SCNx64 "%16" SCNx64 "/%3u%c", &family, &j->cursor.key.hi, &j->cursor.key.lo, &plen,
		&end) != 4 ||
	    (family != 4 && family != 6) || plen > 128)
		return ctl_error(req, EINVAL, "after: \"%.60s\" is not the next of an answer", text);
	if (family == 4 && j->family == AF_INET6)
		return ctl_error(req, EINVAL, "after: of another family");
	if (family == 6)
		j->family = AF_INET6;
	if (j->last == AF_INET && family == 6)
		return ctl_error(req, EINVAL, "after: of another family");
	j->cursor.plen = plen;
	j->cursor.started = true;
	return 0;
}

static int
job_start(struct ctl_req *req, json_t *params, struct list_job **jp)
{
	const json_t *limit = json_object_get(params, "limit");
	struct list_job *j;
	int family, error = rt_parse_family(req, params, &family);

	if (error)
		return error;
	if (limit != NULL && (json_integer_value(limit) < 1 || json_integer_value(limit) > 100000))
		return ctl_error(req, EINVAL, "limit: 1 to 100000");
	j = calloc(1, sizeof(*j));
	if (j == NULL || (j->out = evbuffer_new()) == NULL) {
		free(j);
		return -ENOMEM;
	}
	j->req = req;
	j->limit = limit != NULL ? (size_t)json_integer_value(limit) : 0;
	j->family = family == AF_INET6 ? AF_INET6 : AF_INET;
	j->last = family == AF_INET ? AF_INET : AF_INET6;
	error = job_cursor(req, json_string_value(json_object_get(params, "after")), j);
	if (error) {
		job_free(j);
		return error;
	}
	*jp = j;
	return 0;
}

static int
job_run(struct list_job *j, bool (*step)(struct mp_slice *))
{
	j->slice.step = step;
	mp_slice_begin();
	if (step(&j->slice))
		mp_slice_add(&j->slice);
	return CTL_ASYNC;
}

/* => control; the method route.list */
int
rt_list_method(struct ctl_req *req, json_t *params, json_t **result)
{
	struct list_job *j;
	int error = job_start(req, params, &j);

	ASSERT_CONTROL();
	if (error)
		return error;
	j->neighbours = json_is_true(json_object_get(params, "neighbours"));
	if (j->limit != 0)
		evbuffer_add_printf(j->out, "{\"routes\":[");
	else
		evbuffer_add(j->out, "[", 1);
	return job_run(j, list_step);
}

static bool
flush_node(struct rt_node *n, void *arg)
{
	struct list_job *j = arg;
	struct rtentry *e = rt_node_visible(n);

	/* A learned network on the link stays: its prefix is known still (ndp -P), and nobody would bring it back. */
	if (e != NULL && e->re_kind == RT_STATIC && (!(e->re_flags & RTF_LEARNED) || rt_entry_has_gw(e)))
		j->step[j->nstep++] = e;
	return j->nstep < FLUSH_STEP && !(++j->seen % 64 == 0 && mp_slice_over());
}

static bool
flush_step(struct mp_slice *slice)
{
	struct list_job *j = (struct list_job *)slice;
	struct evbuffer *out = j->out;
	bool end = false, full = false;

	ASSERT_CONTROL();
	do {
		struct rt_cursor before = j->cursor;
		struct rt_table *t;

		j->nstep = 0;
		end = rib_walk_from(rt_table_of(j->family), &j->cursor, flush_node, j);
		t = rt_table_of(j->family);
		for (unsigned i = 0; i < j->nstep && !full; i++) {
			size_t n = j->n;

			if (evbuffer_get_length(out) < FLUSH_SHOW)
				list_object(j, j->step[i]);
			j->n = n + 1;
			rt_delete_entry(t, j->step[i]);
			full = j->limit != 0 && j->n >= j->limit;
		}
		if (full)
			j->cursor = before;
		if (end && !full && j->family != j->last) {
			j->family = j->last;
			j->cursor.started = end = false;
		}
	} while (!end && !full && !mp_slice_over());
	if (!end && !full)
		return true;
	evbuffer_add_printf(out, "],\"deleted\":%zu,\"more\":%s}", j->n, full ? "true" : "false");
	j->out = NULL;
	ctl_reply_text(j->req, out);
	job_free(j);
	return false;
}

/* => control; the method route.flush */
int
rt_flush_method(struct ctl_req *req, json_t *params, json_t **result)
{
	struct list_job *j;
	int error = job_start(req, params, &j);

	ASSERT_CONTROL();
	if (error)
		return error;
	evbuffer_add_printf(j->out, "{\"routes\":[");
	return job_run(j, flush_step);
}
