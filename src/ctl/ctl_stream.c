/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Streams: events that a method sends its client until one of the two has enough.
 *
 * Synchronization: control thread only.
 * Lifetime: from ctl_stream_open to the call of closed, after which the opener must not name the stream again.  Events
 * before the answer that tells the client the stream's number wait in held; so may the end.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_internal.h"
#include "mp/mp.h"

static uint64_t stream_last_id; /* [c] */

struct ctl_stream *
ctl_stream_open(struct ctl_req *req, void (*closed)(void *), void *arg)
{
	struct ctl_client *cl = req->client;
	struct ctl_stream *st;

	ASSERT_CONTROL();
	if (cl == NULL) {
		ctl_error(req, EOPNOTSUPP, "a stream needs a client to read it");
		return NULL;
	}
	if (cl->nstreams >= CTL_MAXSTREAMS) {
		ctl_error(req, ENOBUFS, "%u streams are open", cl->nstreams);
		return NULL;
	}
	st = calloc(1, sizeof(*st));
	if (st == NULL || (st->held = evbuffer_new()) == NULL) {
		free(st);
		ctl_error(req, ENOMEM, "%s", strerror(ENOMEM));
		return NULL;
	}
	st->client = cl;
	st->id = ++stream_last_id;
	st->closed = closed;
	st->arg = arg;
	TAILQ_INSERT_TAIL(&cl->streams, st, list);
	cl->nstreams++;
	return st;
}

json_t *
ctl_stream_result(struct ctl_stream *st)
{
	return json_pack("{s:I}", "stream", (json_int_t)st->id);
}

/* Writes one message of the stream; consumes nothing. */
static void
stream_write(struct ctl_stream *st, const char *method, const json_t *event)
{
	struct evbuffer *out = st->held != NULL ? st->held : st->client->out;

	evbuffer_add_printf(out,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"%s\",\"params\":{\"stream\":%llu,\"event\":", method,
	    (unsigned long long)st->id);
	ctl_text_json(out, event);
	if (st->lost != 0)
		evbuffer_add_printf(out, ",\"lost\":%llu", (unsigned long long)st->lost);
	evbuffer_add(out, "}}\n", 3);
	st->lost = 0;
	ctl_client_schedule(st->client);
}

bool
ctl_stream_send(struct ctl_stream *st, json_t *event)
{
	size_t waiting;

	ASSERT_CONTROL();
	MP_ASSERT(!st->ended);
	waiting = evbuffer_get_length(st->client->out) + (st->held != NULL ? evbuffer_get_length(st->held) : 0);
	if (waiting > CTL_OUT_STREAM || st->client->broken) {
		st->lost++;
		json_decref(event);
		return false;
	}
	stream_write(st, "stream.event", event);
	json_decref(event);
	return true;
}

static void
stream_free(struct ctl_stream *st)
{
	TAILQ_REMOVE(&st->client->streams, st, list);
	st->client->nstreams--;
	if (st->held != NULL)
		evbuffer_free(st->held);
	free(st);
}

/* Tells the opener, once.  It may not touch the stream any more, not even from within closed. */
static void
stream_closed(struct ctl_stream *st)
{
	void (*closed)(void *) = st->closed;

	st->ended = true;
	st->closed = NULL;
	if (closed != NULL)
		closed(st->arg);
}

void
ctl_stream_end(struct ctl_stream *st, json_t *last)
{
	ASSERT_CONTROL();
	if (st->ended) {
		/* called from closed: the stream ends already */
		json_decref(last);
		return;
	}
	stream_write(st, "stream.end", last);
	json_decref(last);
	stream_closed(st);
	if (st->held == NULL)
		stream_free(st);
}

int
ctl_stream_stop(struct ctl_client *cl, uint64_t id)
{
	struct ctl_stream *st;

	ASSERT_CONTROL();
	TAILQ_FOREACH (st, &cl->streams, list) {
		if (st->id == id && !st->ended) {
			ctl_stream_end(st, NULL);
			return 0;
		}
	}
	return -ENOENT;
}

void
ctl_streams_announce(struct ctl_client *cl)
{
	struct ctl_stream *st, *next;

	/* Streams whose opening is not answered yet are at the end of the list. */
	st = TAILQ_LAST(&cl->streams, ctl_streams);
	if (st == NULL || st->held == NULL)
		return;
	for (st = TAILQ_FIRST(&cl->streams); st != NULL; st = next) {
		next = TAILQ_NEXT(st, list);
		if (st->held == NULL)
			continue;
		evbuffer_add_buffer(cl->out, st->held);
		evbuffer_free(st->held);
		st->held = NULL;
		if (st->ended)
			stream_free(st);
	}
}

void
ctl_streams_close(struct ctl_client *cl)
{
	struct ctl_stream *st;

	ASSERT_CONTROL();
	while ((st = TAILQ_FIRST(&cl->streams)) != NULL) {
		if (!st->ended)
			stream_closed(st);
		stream_free(st);
	}
}
