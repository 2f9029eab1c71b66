/* SPDX-License-Identifier: BSD-2-Clause */
/* libsmpnet: streams of events. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "smpnet_impl.h"

#define DISPATCH_MAX 1024 /* events handed out before the caller gets its turn */

struct smpnet_stream *
smpnet_stream_open(struct smpnet *s, const char *method, json_t *params)
{
	struct smpnet_stream *st = calloc(1, sizeof(*st));
	json_t *result = NULL, *id;

	if (st == NULL) {
		json_decref(params);
		smpnet_fail(s, ENOMEM, "%s", strerror(ENOMEM));
		return NULL;
	}
	if (smpnet_call(s, method, params, &result) != 0) {
		free(st);
		return NULL;
	}
	id = json_object_get(result, "stream");
	if (!json_is_integer(id)) {
		smpnet_fail(s, EPROTO, "%s: opens no stream", method);
		json_decref(result);
		free(st);
		return NULL;
	}
	st->conn = s;
	st->id = json_integer_value(id);
	STAILQ_INIT(&st->events);
	TAILQ_INSERT_TAIL(&s->streams, st, list);
	json_decref(result);
	return st;
}

void
smpnet_stream_deliver(struct smpnet *s, json_t *params, bool last)
{
	json_int_t id = json_integer_value(json_object_get(params, "stream"));
	json_t *event = json_object_get(params, "event");
	struct stream_event *ev;
	struct smpnet_stream *st;

	TAILQ_FOREACH (st, &s->streams, list)
		if (st->id == id)
			break;
	if (st == NULL)
		return;
	st->lost += (unsigned long)json_integer_value(json_object_get(params, "lost"));
	ev = calloc(1, sizeof(*ev));
	if (ev == NULL) {
		st->lost++;
		return;
	}
	ev->event = event == NULL || json_is_null(event) ? NULL : json_incref(event);
	ev->last = last;
	STAILQ_INSERT_TAIL(&st->events, ev, list);
}

/* The oldest event that has not been read: 1, 0 at the end, -EAGAIN. */
static int
stream_take(struct smpnet_stream *st, json_t **event)
{
	struct stream_event *ev = STAILQ_FIRST(&st->events);
	int rc;

	*event = NULL;
	if (st->ended)
		return 0;
	if (ev == NULL)
		return -EAGAIN;
	STAILQ_REMOVE_HEAD(&st->events, list);
	*event = ev->event;
	st->ended = ev->last;
	rc = ev->last ? 0 : 1;
	free(ev);
	return rc;
}

int
smpnet_stream_next(struct smpnet_stream *st, json_t **event, int timeout_ms)
{
	int rc;

	while ((rc = stream_take(st, event)) == -EAGAIN) {
		json_t *msg = NULL;

		rc = smpnet_receive(st->conn, &msg, true, timeout_ms);
		json_decref(msg); /* an answer nobody waits for */
		if (rc == -ETIMEDOUT)
			return -EAGAIN;
		if (rc != 0 && rc != -EAGAIN)
			return rc;
	}
	return rc;
}

void
smpnet_stream_callback(struct smpnet_stream *st, smpnet_event_fn *fn, void *arg)
{
	st->fn = fn;
	st->arg = arg;
}

unsigned long
smpnet_stream_lost(const struct smpnet_stream *st)
{
	return st->lost;
}

void
smpnet_stream_close(struct smpnet_stream *st)
{
	struct smpnet *s = st->conn;
	struct stream_event *ev;
	bool live = !st->ended && s->failed == 0;

	STAILQ_FOREACH (ev, &st->events, list)
		if (ev->last)
			live = false;
	if (live)
		smpnet_call(s, "stream.stop", json_pack("{s:I}", "stream", st->id), NULL);
	TAILQ_REMOVE(&s->streams, st, list);
	while ((ev = STAILQ_FIRST(&st->events)) != NULL) {
		STAILQ_REMOVE_HEAD(&st->events, list);
		json_decref(ev->event);
		free(ev);
	}
	free(st);
}

static struct smpnet_stream *
stream_ready(const struct smpnet *s)
{
	struct smpnet_stream *st;

	TAILQ_FOREACH (st, &s->streams, list)
		if (st->fn != NULL && !st->ended && !STAILQ_EMPTY(&st->events))
			return st;
	return NULL;
}

bool
smpnet_pending(const struct smpnet *s)
{
	return stream_ready(s) != NULL ||
	       (s->in_start < s->in_end && memchr(s->in + s->in_start, '\n', s->in_end - s->in_start) != NULL);
}

int
smpnet_dispatch(struct smpnet *s, int timeout_ms)
{
	struct smpnet_stream *st;
	int handed = 0, rc;

	for (;;) {
		json_t *msg = NULL, *event;

		while (handed < DISPATCH_MAX && (st = stream_ready(s)) != NULL) {
			rc = stream_take(st, &event);
			handed++;
			st->fn(st, event, rc == 0, st->arg);
			json_decref(event);
		}
		if (handed >= DISPATCH_MAX)
			return handed;
		rc = smpnet_receive(s, &msg, true, handed != 0 ? 0 : timeout_ms);
		json_decref(msg);
		if (rc == -ETIMEDOUT)
			return handed;
		if (rc != 0 && rc != -EAGAIN)
			return handed != 0 ? handed : rc;
	}
}
