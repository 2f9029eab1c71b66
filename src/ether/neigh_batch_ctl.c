/* SPDX-License-Identifier: BSD-2-Clause */
/* neigh.batch: many static neighbours in one request. */
/*
 * The lists are worked off in slices, in order: delete, add.  Each neighbour is on its own: one that fails is reported
 * and does not stop those after it.
 *
 * Synchronization: control only.
 * Lifetime: a batch holds its request and parameters until it is answered; the client may go before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ether/neigh_var.h"
#include "mp/slice.h"

#define BATCH_FAILURES 1000 /* that are reported one by one */
#define BATCH_STRIDE   16   /* neighbours between two looks at the clock */

enum batch_list { BATCH_DELETE, BATCH_ADD, BATCH_LISTS };
static const char *const batch_names[BATCH_LISTS] = {"delete", "add"};

struct batch {
	struct mp_slice slice;	    /* [c] */
	struct ctl_req *req;	    /* [c] */
	json_t *params;		    /* [c] a reference */
	json_t *lists[BATCH_LISTS]; /* [c] of params, or NULL */
	const char *ifname;	    /* [c] of params, or NULL */
	json_t *failed;		    /* [c] */
	unsigned list;		    /* [c] */
	size_t next;		    /* [c] in the list */
	size_t done[BATCH_LISTS];   /* [c] */
	size_t nfailed;		    /* [c] */
};

/* The third word of an item: {"temp": true, "pub": true, "proxy": true, "interface": IF} */
static int
batch_options(struct ctl_req *req, const char *text, json_t *options, unsigned *flags, const char **ifname)
{
	static const struct {
		const char *name;
		unsigned flag;
	} known[] = {{"temp", NEIGH_F_TEMP}, {"pub", NEIGH_F_PUB}, {"proxy", NEIGH_F_PROXY}};
	const char *key;
	json_t *v;

	if (!json_is_object(options))
		return ctl_error(req, EINVAL, "%.80s: options are an object", text);
	json_object_foreach (options, key, v) {
		unsigned i = 0;

		if (strcmp(key, "interface") == 0 && json_is_string(v)) {
			*ifname = json_string_value(v);
			continue;
		}
		while (i < sizeof(known) / sizeof(known[0]) && strcmp(known[i].name, key) != 0)
			i++;
		if (i == sizeof(known) / sizeof(known[0]) && strcmp(key, "interface") != 0)
			return ctl_error(req, EINVAL, "%.80s: unknown option '%.64s'", text, key);
		if (!json_is_boolean(v) || i == sizeof(known) / sizeof(known[0]))
			return ctl_error(req, EINVAL, "%.80s: option '%s' has the wrong type", text, key);
		if (json_is_true(v))
			*flags |= known[i].flag;
	}
	return 0;
}

/* ADDRESS or [ADDRESS], [ADDRESS, LLADDR], [ADDRESS, LLADDR, {options}]; 0 or -errno after ctl_error */
static int
batch_item(struct batch *b, json_t *item)
{
	struct ctl_req *req = b->req;
	size_t words = json_array_size(item), want = b->list == BATCH_ADD ? 2 : 1;
	const char *text = json_string_value(json_is_string(item) ? item : json_array_get(item, 0));
	const char *mac = json_string_value(json_array_get(item, 1)), *ifname = b->ifname;
	struct neigh_name name;
	unsigned flags = 0;
	int error;

	if (text == NULL || words > want + 1 || (b->list == BATCH_ADD && mac == NULL))
		return ctl_error(req, EINVAL, "a neighbour is %s",
		    b->list == BATCH_ADD ? "[address, lladdr] or [address, lladdr, options]" : "an address");
	if (words > want && (error = batch_options(req, text, json_array_get(item, want), &flags, &ifname)) != 0)
		return error;
	error = neigh_parse(req, NULL, text, ifname, &name);
	if (error != 0)
		return error;
	return b->list == BATCH_ADD ? neigh_add_static(req, &name, text, mac, flags)
				    : neigh_delete_named(req, &name, text);
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
			error = batch_item(b, json_array_get(b->lists[b->list], b->next));
			if (error == 0)
				b->done[b->list]++;
			else
				batch_failed(b, error);
		}
	ctl_reply(
	    b->req, json_pack("{s:I,s:I,s:o,s:I}", "added", (json_int_t)b->done[BATCH_ADD], "deleted",
			(json_int_t)b->done[BATCH_DELETE], "failed", b->failed, "nfailed", (json_int_t)b->nfailed));
	json_decref(b->params);
	free(b);
	return false;
}

/* => control; the method neigh.batch */
int
neigh_batch(struct ctl_req *req, json_t *params, json_t **result)
{
	struct batch *b = calloc(1, sizeof(*b));

	ASSERT_CONTROL();
	if (b == NULL)
		return -ENOMEM;
	b->slice.step = batch_step;
	b->req = req;
	b->params = json_incref(params);
	b->ifname = json_string_value(json_object_get(params, "interface"));
	b->failed = json_array();
	for (unsigned i = 0; i < BATCH_LISTS; i++)
		b->lists[i] = json_object_get(params, batch_names[i]);
	mp_slice_begin();
	if (batch_step(&b->slice))
		mp_slice_add(&b->slice);
	return CTL_ASYNC;
}
