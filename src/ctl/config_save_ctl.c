/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration: config.save, in slices and in pages.
 *
 * Synchronization: control thread only.
 * Lifetime: a job lives from its request to its answer.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/config.h"
#include "ctl/ctl_internal.h"
#include "ctl/sysctl.h"
#include "ether/neigh.h"
#include "if/ifnet.h"
#include "ip6/nd_if.h"
#include "ip6/rtadv.h"
#include "mp/mp.h"
#include "mp/slice.h"
#include "route/route.h"

/* The order in which a file loads again; then what waits for its device. */
enum section { SAVE_INTERFACES, SAVE_ROUTES, SAVE_NEIGHBOURS, SAVE_PENDING, SAVE_END };

struct save_job {
	struct mp_slice slice;	  /* [c] */
	struct ctl_req *req;	  /* [c] */
	struct evbuffer *lines;	  /* [c] this slice's */
	struct evbuffer *out;	  /* [c] the answer */
	size_t octets, limit;	  /* [c] of lines; limit 0: all */
	unsigned section;	  /* [c] enum section: the one at hand */
	struct route_save routes; /* [c] */
	struct neigh_save neighs; /* [c] */
};

static void
save_line(void *arg, const char *line)
{
	struct evbuffer *out = arg;

	evbuffer_add(out, line, strlen(line));
	evbuffer_add(out, "\n", 1);
}

/* The slice's lines become a part of the answer's string. */
static void
save_flush(struct save_job *j)
{
	size_t len = evbuffer_get_length(j->lines), had = evbuffer_get_length(j->out);
	struct evbuffer *text;
	json_t *v;

	if (len == 0)
		return;
	text = evbuffer_new();
	v = json_stringn((const char *)evbuffer_pullup(j->lines, -1), len);
	if (text != NULL && v != NULL) {
		ctl_text_json(text, v);
		evbuffer_drain(text, 1); /* the quotes: "..." */
		evbuffer_remove_buffer(text, j->out, evbuffer_get_length(text) - 1);
	}
	MP_ASSERT(evbuffer_get_length(j->out) >= had);
	json_decref(v);
	if (text != NULL)
		evbuffer_free(text);
	evbuffer_drain(j->lines, len);
	j->octets += len;
}

static void
save_free(struct save_job *j)
{
	if (j->lines != NULL)
		evbuffer_free(j->lines);
	if (j->out != NULL)
		evbuffer_free(j->out);
	neigh_save_free(&j->neighs);
	free(j);
}

static void
save_end(struct save_job *j)
{
	struct evbuffer *out = j->out;

	evbuffer_add(out, "\"", 1);
	if (j->section != SAVE_END)
		evbuffer_add_printf(out, ",\"next\":\"%u %d %d %u %" PRIx64 " %" PRIx64 " %s\"", j->section,
		    j->routes.family, j->routes.started, j->routes.plen, j->routes.hi, j->routes.lo,
		    j->neighs.after[0] != '\0' ? j->neighs.after : "-");
	evbuffer_add(out, "}", 1);
	j->out = NULL;
	ctl_reply_text(j->req, out);
	save_free(j);
}

static bool
save_step(struct mp_slice *slice)
{
	struct save_job *j = (struct save_job *)slice;
	bool over = false;

	ASSERT_CONTROL();
	while (!over && j->section != SAVE_END) {
		over = true;
		switch ((enum section)j->section) {
		case SAVE_INTERFACES:
			sysctl_config_save(save_line, j->lines);
			if_config_save(save_line, j->lines);
			nd6_config_save(save_line, j->lines);
			rtadv_config_save(save_line, j->lines);
			over = false;
			break;
		case SAVE_ROUTES:
			over = !route_config_save(&j->routes, save_line, j->lines);
			break;
		case SAVE_NEIGHBOURS:
			over = !neigh_config_save(&j->neighs, save_line, j->lines);
			break;
		case SAVE_PENDING:
			config_pending_save(save_line, j->lines);
			over = false;
			break;
		case SAVE_END:
			break;
		}
		if (!over)
			j->section++;
	}
	save_flush(j);
	if (j->section == SAVE_END || (j->limit != 0 && j->octets >= j->limit)) {
		save_end(j);
		return false;
	}
	if (!ctl_req_wanted(j->req) || evbuffer_get_length(j->out) > CTL_ANSWER_MAX) {
		ctl_fail(j->req, EMSGSIZE, "the configuration is too long for one answer: ask for pages (limit)");
		save_free(j);
		return false;
	}
	return true;
}

/* "SECTION FAMILY STARTED PLEN HI LO NEIGHBOUR", as an answer's next */
static int
save_place(struct ctl_req *req, const char *text, struct save_job *j)
{
	unsigned section, plen;
	int family, started, used = 0;

	if (text == NULL)
		return 0;
	if (sscanf(text, "%1u %3d %1d %3u %16" SCNx64 " %16" SCNx64 " %63s%n", &section, &family, &started, &plen,
		&j->routes.hi, &j->routes.lo, j->neighs.after, &used) != 7 ||
	    text[used] != '\0' || section >= SAVE_END || plen > 128 ||
	    (family != 0 && family != AF_INET && family != AF_INET6))
		return ctl_error(req, EINVAL, "after: \"%.60s\" is not the next of an answer", text);
	if (strcmp(j->neighs.after, "-") == 0)
		j->neighs.after[0] = '\0';
	j->section = section;
	j->routes.family = family;
	j->routes.started = started != 0;
	j->routes.plen = (uint8_t)plen;
	return 0;
}

/* => control; the method config.save */
int
config_save_method(struct ctl_req *req, json_t *params, json_t **result)
{
	const json_t *limit = json_object_get(params, "limit");
	struct save_job *j;
	int error;

	ASSERT_CONTROL();
	if (limit != NULL && json_integer_value(limit) < 1)
		return ctl_error(req, EINVAL, "limit: 1 or more octets");
	j = calloc(1, sizeof(*j));
	if (j == NULL)
		return -ENOMEM;
	j->lines = evbuffer_new();
	j->out = evbuffer_new();
	error = j->lines == NULL || j->out == NULL
		    ? -ENOMEM
		    : save_place(req, json_string_value(json_object_get(params, "after")), j);
	if (error != 0) {
		save_free(j);
		return error;
	}
	j->req = req;
	j->limit = limit != NULL ? (size_t)json_integer_value(limit) : 0;
	evbuffer_add_printf(j->out, "{\"text\":\"");
	j->slice.step = save_step;
	mp_slice_begin();
	if (save_step(&j->slice))
		mp_slice_add(&j->slice);
	return CTL_ASYNC;
}
