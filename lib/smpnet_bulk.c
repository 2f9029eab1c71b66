/* SPDX-License-Identifier: BSD-2-Clause */
/* libsmpnet: long lists in pages, and many routes in batches. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smpnet_impl.h"

#define PAGE	  1000 /* elements */
#define BATCH	  1000 /* routes in a request */
#define UNDER_WAY 4    /* requests */

int
smpnet_list(
    struct smpnet *s, const char *method, const char *member, json_t *params, void (*fn)(json_t *, void *), void *arg)
{
	json_t *query = params != NULL ? params : json_object(), *page, *element, *next;
	int rc = 0;

	if (query == NULL)
		return smpnet_fail(s, ENOMEM, "%s", strerror(ENOMEM));
	json_object_set_new(query, "limit", json_integer(PAGE));
	do {
		size_t i;

		rc = smpnet_call(s, method, json_copy(query), &page);
		if (rc != 0)
			break;
		json_array_foreach (json_is_array(page) ? page : json_object_get(page, member), i, element)
			fn(element, arg);
		next = json_incref(json_object_get(page, "next"));
		json_decref(page);
		if (next != NULL)
			json_object_set_new(query, "after", next);
	} while (next != NULL);
	json_decref(query);
	return rc;
}

static const char *const routes_lists[] = {"delete", "add", "change"};

struct smpnet_routes {
	struct smpnet *s;
	void (*failed)(void *, const char *, const char *);
	void *arg;
	int list;      /* of what is being collected: requests keep the order */
	json_t *items; /* collected */
	unsigned under_way;
	json_t *sent[UNDER_WAY]; /* the items of the requests under way, oldest first */
	long done;
	int error;
};

struct smpnet_routes *
smpnet_routes_begin(struct smpnet *s, void (*failed)(void *, const char *, const char *), void *arg)
{
	struct smpnet_routes *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->s = s;
	r->failed = failed;
	r->arg = arg;
	return r;
}

/* Reads the answer of the oldest request. */
static int
routes_answer(struct smpnet_routes *r)
{
	json_t *items = r->sent[0], *answer, *result = NULL, *f, *item;
	int rc;
	size_t i;

	do
		rc = smpnet_receive(r->s, &answer, false, -1);
	while (rc == -EINTR);
	if (rc == 0) {
		rc = smpnet_answer(r->s, answer, &result);
		json_decref(answer);
	}
	r->done += (long)(json_integer_value(json_object_get(result, "added")) +
			  json_integer_value(json_object_get(result, "deleted")) +
			  json_integer_value(json_object_get(result, "changed")));
	json_array_foreach (json_object_get(result, "failed"), i, f) {
		item = json_array_get(items, (size_t)json_integer_value(json_object_get(f, "index")));
		if (json_is_array(item))
			item = json_array_get(item, 0);
		if (r->failed != NULL && json_is_string(item))
			r->failed(r->arg, json_string_value(item), json_string_value(json_object_get(f, "error")));
	}
	json_decref(result);
	json_decref(items);
	r->under_way--;
	memmove(&r->sent[0], &r->sent[1], r->under_way * sizeof(r->sent[0]));
	return rc;
}

/* Sends what is collected. */
static int
routes_send(struct smpnet_routes *r)
{
	json_t *params;
	char *text;
	int rc = 0;

	if (r->items == NULL || r->error != 0)
		return r->error;
	while (rc == 0 && r->under_way >= UNDER_WAY)
		rc = routes_answer(r);
	if (rc == 0) {
		params = json_pack("{s:O}", routes_lists[r->list], r->items);
		text = smpnet_request_text("route.batch", params, ++r->s->last_id);
		rc = text == NULL ? smpnet_fail(r->s, ENOMEM, "%s", strerror(ENOMEM))
				  : smpnet_queue(r->s, text, strlen(text));
		if (rc == 0)
			rc = smpnet_queue(r->s, "\n", 1);
		free(text);
	}
	if (rc != 0) {
		json_decref(r->items);
	} else {
		r->sent[r->under_way++] = r->items;
	}
	r->items = NULL;
	return r->error = rc;
}

int
smpnet_routes_put(struct smpnet_routes *r, const char *what, const char *prefix, const char *gateway, json_t *options)
{
	int list = 0, rc = 0;
	json_t *item;

	while (list < 3 && strcmp(routes_lists[list], what) != 0)
		list++;
	if (list == 3) {
		json_decref(options);
		return smpnet_fail(r->s, EINVAL, "%s: neither add, change nor delete", what);
	}
	if (r->items != NULL && (list != r->list || json_array_size(r->items) >= BATCH))
		rc = routes_send(r);
	if (r->items == NULL)
		r->items = json_array();
	r->list = list;
	if (gateway == NULL && options == NULL)
		item = json_pack("[s]", prefix);
	else
		item = json_pack("[s,s?]", prefix, gateway);
	if (options != NULL)
		json_array_append_new(item, options);
	if (json_array_append_new(r->items, item) != 0 && rc == 0)
		rc = smpnet_fail(r->s, ENOMEM, "%s", strerror(ENOMEM));
	return rc;
}

long
smpnet_routes_end(struct smpnet_routes *r)
{
	int rc = routes_send(r);
	long done;

	while (r->under_way > 0) {
		int error = routes_answer(r);

		if (rc == 0)
			rc = error;
	}
	json_decref(r->items);
	done = r->done;
	free(r);
	return rc != 0 ? rc : done;
}
