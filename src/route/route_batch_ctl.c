/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: route.batch, many routes in one request.
 *
 * The lists are worked off in slices, in order: delete, add, change.  Each route is on its own: one that fails is
 * reported and does not stop those after it.
 *
 * Synchronization: control only.
 * Lifetime: a batch holds its request and parameters until it is answered; the client may go before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "mp/slice.h"
#include "route/route_methods.h"

#define BATCH_FAILURES 1000 /* that are reported one by one */
#define BATCH_STRIDE   16   /* routes between two looks at the clock */

enum batch_list { BATCH_DELETE, BATCH_ADD, BATCH_CHANGE, BATCH_LISTS };
static const char *const batch_names[BATCH_LISTS] = {"delete", "add", "change"};

struct batch {
	struct mp_slice slice;	    /* [c] */
	struct ctl_req *req;	    /* [c] */
	json_t *params;		    /* [c] a reference */
	json_t *lists[BATCH_LISTS]; /* [c] of params, or NULL */
	json_t *failed;		    /* [c] */
	unsigned list;		    /* [c] */
	size_t next;		    /* [c] in the list */
	size_t done[BATCH_LISTS];   /* [c] */
	size_t nfailed;		    /* [c] */
};

/* The third word of an item: names and types are checked here, as the server does for a method's parameters. */
static int
batch_options(struct ctl_req *req, const char *dst, json_t *options)
{
	static const struct {
		const char *name;
		json_type type, other;
	} known[] = {{"interface", JSON_STRING, JSON_STRING}, {"ifa", JSON_STRING, JSON_STRING},
	    {"mtu", JSON_INTEGER, JSON_INTEGER}, {"blackhole", JSON_TRUE, JSON_FALSE},
	    {"reject", JSON_TRUE, JSON_FALSE}, {"static", JSON_TRUE, JSON_FALSE}, {"connected", JSON_TRUE, JSON_FALSE},
	    {"proto1", JSON_TRUE, JSON_FALSE}, {"proto2", JSON_TRUE, JSON_FALSE}, {"announce", JSON_TRUE, JSON_FALSE},
	    {"lockmtu", JSON_TRUE, JSON_FALSE}, {"expire", JSON_INTEGER, JSON_INTEGER}};
	const char *key;
	json_t *v;

	if (!json_is_object(options))
		return ctl_error(req, EINVAL, "%.80s: options are an object", dst);
	json_object_foreach (options, key, v) {
		unsigned i = 0;

		while (i < sizeof(known) / sizeof(known[0]) && strcmp(known[i].name, key) != 0)
			i++;
		if (i == sizeof(known) / sizeof(known[0]))
			return ctl_error(req, EINVAL, "%.80s: unknown option '%.64s'", dst, key);
		if (json_typeof(v) != known[i].type && json_typeof(v) != known[i].other)
			return ctl_error(req, EINVAL, "%.80s: option '%s' has the wrong type", dst, key);
	}
	return 0;
}

/* PREFIX, [PREFIX], [PREFIX, GATEWAY] or [PREFIX, GATEWAY, {options}]; 0 or -errno after ctl_error */
static int
batch_item(struct ctl_req *req, enum batch_list list, json_t *item)
{
	struct rt_path paths[NH_MAXPATHS];
	struct rt_spec s = {.paths = paths};
	size_t words = json_array_size(item);
	json_t *gw = json_array_get(item, 1), *options = json_array_get(item, 2);
	const char *dst = json_string_value(json_is_string(item) ? item : json_array_get(item, 0));
	int error;

	if (dst == NULL || words > 3 || (json_is_string(item) && list != BATCH_DELETE))
		return ctl_error(req, EINVAL, "a route is %s",
		    list == BATCH_DELETE ? "a prefix, or [prefix, gateway]"
					 : "[prefix, gateway] or [prefix, gateway, options]");
	if (json_is_null(gw))
		gw = NULL;
	if (gw != NULL && !json_is_string(gw) && !json_is_array(gw))
		return ctl_error(req, EINVAL, "%.80s: a gateway is a string, an array, or null", dst);
	if (options != NULL && (error = batch_options(req, dst, options)) != 0)
		return error;
	memset(paths, 0, json_is_array(gw) ? sizeof(paths) : sizeof(paths[0]));
	if (strcmp(dst, "default") == 0) {
		const char *via = json_string_value(gw);

		if (via == NULL)
			via = json_string_value(json_object_get(json_array_get(gw, 0), "gateway"));
		if (via == NULL)
			return ctl_error(req, EINVAL, "default: of which family? (0.0.0.0/0 or ::/0)");
		s.family = strchr(via, ':') != NULL ? AF_INET6 : AF_INET;
	} else {
		s.family = strchr(dst, ':') != NULL ? AF_INET6 : AF_INET;
	}
	error = rt_parse_item(req, dst, gw, options, &s);
	if (error)
		return error;
	switch (list) {
	case BATCH_DELETE:
		error = rt_delete(&s);
		break;
	case BATCH_ADD:
		if (!(s.flags_mask & RTF_STATIC))
			s.flags |= RTF_STATIC;
		error = rt_add(&s);
		break;
	default:
		if (!(s.flags_mask & RTF_STATIC)) {
			s.flags |= RTF_STATIC;
			s.flags_mask |= RTF_STATIC;
		}
		error = rt_change(&s);
		break;
	}
	return error == 0 ? 0 : rt_ctl_error(req, dst, error);
}

static void
batch_failed(struct batch *b, int error)
{
	const char *name = strerrorname_np(-error), *text = ctl_error_take(b->req);

	if (b->nfailed++ >= BATCH_FAILURES)
		return;
	json_array_append_new(
	    b->failed, json_pack("{s:I,s:s,s:s,s:s}", "index", (json_int_t)b->next, "list", batch_names[b->list],
			   "error", text, "errno", name != NULL ? name : "EIO"));
}

static bool
batch_step(struct mp_slice *slice)
{
	struct batch *b = (struct batch *)slice;
	size_t n = 0;

	ASSERT_CONTROL();
	for (; b->list < BATCH_LISTS; b->list++, b->next = 0)
		for (; b->next < json_array_size(b->lists[b->list]); b->next++) {
			int error;

			if (++n % BATCH_STRIDE == 0 && mp_slice_over())
				return true;
			error = batch_item(b->req, b->list, json_array_get(b->lists[b->list], b->next));
			if (error == 0)
				b->done[b->list]++;
			else
				batch_failed(b, error);
		}
	ctl_reply(b->req, json_pack("{s:I,s:I,s:I,s:o,s:I}", "added", (json_int_t)b->done[BATCH_ADD], "deleted",
			      (json_int_t)b->done[BATCH_DELETE], "changed", (json_int_t)b->done[BATCH_CHANGE], "failed",
			      b->failed, "nfailed", (json_int_t)b->nfailed));
	json_decref(b->params);
	free(b);
	return false;
}

/* => control; the method route.batch */
int
rt_batch_method(struct ctl_req *req, json_t *params, json_t **result)
{
	struct batch *b = calloc(1, sizeof(*b));

	ASSERT_CONTROL();
	if (b == NULL)
		return -ENOMEM;
	b->slice.step = batch_step;
	b->req = req;
	b->params = json_incref(params);
	b->failed = json_array();
	for (unsigned i = 0; i < BATCH_LISTS; i++)
		b->lists[i] = json_object_get(params, batch_names[i]);
	mp_slice_begin();
	if (batch_step(&b->slice))
		mp_slice_add(&b->slice);
	return CTL_ASYNC;
}
