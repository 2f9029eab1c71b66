/* SPDX-License-Identifier: BSD-2-Clause */
/* trace.start: probes with rising time to live, one after the other, and a stream of who answered (doc/protocol.md). */
/*
 * Synchronization: control thread only.
 * Lifetime: struct trace lives from trace_start to trace_closed, which the stream calls once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "ctl/ctl.h"
#include "ip/echo_ctl.h"
#include "ip/ip_var.h"
#include "ip6/ip6_var.h"

#define TRACE_PORT 33434

struct trace {
	struct echo_session session; /* first */
	struct echo_target target;
	struct ctl_stream *stream;
	struct event *timer;
	int ttl, max_ttl, query, queries;
	unsigned wait_ms, pause_ms;
	bool df;
	uint16_t port, seq; /* of the probe under way */
	bool waiting;	    /* a probe is under way */
	bool reached;	    /* the destination answered */
	int unreachable;    /* answers of the hop that say that it goes no further */
	uint64_t sent_tsc;
	uint32_t size; /* octets of data */
	uint8_t data[];
};

const struct ctl_param trace_start_params[] = {
    {"family", "string"},
    {"dst", "string"},
    {"first_ttl", "int?"},
    {"max_ttl", "int?"},
    {"queries", "int?"},
    {"wait_ms", "int?"},
    {"port", "int?"},
    {"size", "int?"},
    {"source", "string?"},
    {"icmp", "bool?"},
    {"interface", "string?"},
    {"df", "bool?"},
    {"pause_ms", "int?"},
    {"hops", "array?"},
    {"gateway", "string?"},
    {"tos", "int?"},
    {"minmtu", "bool?"},
    {NULL},
};

static void
trace_closed(void *arg)
{
	struct trace *t = arg;

	ASSERT_CONTROL();
	echo_session_remove(&t->session);
	event_free(t->timer);
	free(t);
}

static void
trace_stop(struct echo_session *s)
{
	ctl_stream_end(((struct trace *)s)->stream, json_object());
}

static void
trace_timer_in(struct trace *t, unsigned ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	event_add(t->timer, &tv);
}

/* => sends the probe that is due */
static void
trace_send(struct trace *t)
{
	t->seq++;
	t->waiting = true;
	t->sent_tsc = mp_tsc();
	/* What cannot be sent is not answered. */
	if (echo_target_route(&t->target) == 0)
		echo_send(&t->session, &t->target,
		    t->session.proto == IPPROTO_UDP ? (uint16_t)(t->port + t->seq) : t->seq, t->ttl, t->df, false,
		    t->data, t->size);
	trace_timer_in(t, t->wait_ms);
}

/* => goes on to the next probe, or ends the stream (t is gone then) */
static void
trace_next(struct trace *t)
{
	t->waiting = false;
	if (++t->query >= t->queries) {
		t->query = 0;
		if (t->reached || (t->unreachable > 0 && t->unreachable >= t->queries - 1) || ++t->ttl > t->max_ttl) {
			trace_stop(&t->session);
			return;
		}
		t->unreachable = 0;
	}
	if (t->pause_ms > 0)
		trace_timer_in(t, t->pause_ms);
	else
		trace_send(t);
}

static void
trace_tick(evutil_socket_t fd, short events, void *arg)
{
	struct trace *t = arg;

	if (!t->waiting) {
		trace_send(t);
		return;
	}
	ctl_stream_send(t->stream, json_pack("{s:i,s:i,s:n}", "ttl", t->ttl, "query", t->query, "from"));
	trace_next(t);
}

static void
trace_answer(struct echo_session *s, const struct echo_answer *a)
{
	struct trace *t = (struct trace *)s;
	bool v6 = s->family == AF_INET6, final = a->reply;

	if (!t->waiting || a->seq != (s->proto == IPPROTO_UDP ? (uint16_t)(t->port + t->seq) : t->seq))
		return;
	if (!a->reply && a->type == (v6 ? ICMP6_T_UNREACH : ICMP4_UNREACH)) {
		final = a->code == (v6 ? ICMP6_UNREACH_PORT : ICMP4_UNREACH_PORT) ||
			(!v6 && a->code == ICMP4_UNREACH_PROTOCOL);
		t->unreachable += !final;
	} else if (!a->reply && a->type == (v6 ? ICMP6_T_PARAMPROB : ICMP4_PARAMPROB)) {
		t->unreachable++; /* a routing header or option that it does not take: the same at every distance */
	}
	t->reached |= final;
	ctl_stream_send(t->stream, json_pack("{s:i,s:i,s:s,s:f,s:i,s:i,s:b}", "ttl", t->ttl, "query", t->query, "from",
				       a->from, "rtt_us", echo_elapsed_us(t->sent_tsc, a->stamp), "icmptype",
				       (int)a->type, "icmpcode", (int)a->code, "final", final));
	event_del(t->timer);
	trace_next(t);
}

static json_int_t
param_int(json_t *params, const char *name, json_int_t otherwise)
{
	json_t *v = json_object_get(params, name);

	return v != NULL ? json_integer_value(v) : otherwise;
}

int
trace_start(struct ctl_req *req, json_t *params, json_t **result)
{
	const char *family = json_string_value(json_object_get(params, "family"));
	json_int_t first = param_int(params, "first_ttl", 1), max = param_int(params, "max_ttl", 64);
	json_int_t queries = param_int(params, "queries", 3), wait = param_int(params, "wait_ms", 5000);
	json_int_t pause = param_int(params, "pause_ms", 0);
	json_int_t port = param_int(params, "port", TRACE_PORT);
	bool icmp = json_is_true(json_object_get(params, "icmp"));
	struct echo_target target;
	struct trace *t;
	int error;

	ASSERT_CONTROL();
	error = echo_target_parse(req, &target, family, json_string_value(json_object_get(params, "dst")),
	    json_string_value(json_object_get(params, "source")),
	    json_string_value(json_object_get(params, "interface")));
	if (error == 0)
		error = echo_target_options(req, &target, params);
	if (error != 0)
		return error;
	unsigned hlen = (target.family == AF_INET6 ? sizeof(struct ipv6_h) : sizeof(struct ipv4_h)) + 8;
	json_int_t size = param_int(params, "size", target.family == AF_INET6 ? 60 : 40);
	if (first < 1 || first > 255 || max < first || max > 255 || queries < 1 || queries > 255 || wait < 1 ||
	    wait > 3600000 || pause < 0 || pause > 3600000 || port < 1 || port > 65535)
		return ctl_error(req, EINVAL, "first_ttl, max_ttl, queries, wait_ms, pause_ms or port out of range");
	if (size < hlen || size > 65535)
		return ctl_error(req, EINVAL, "size: %u to 65535", hlen);
	error = echo_target_route(&target);
	if (error != 0)
		return echo_target_error(req, &target, error);
	t = calloc(1, sizeof(*t) + (size_t)size - hlen);
	if (t == NULL)
		return ctl_error(req, ENOMEM, "%s", strerror(ENOMEM));
	t->session = (struct echo_session){.family = target.family,
	    .proto = icmp ? IPPROTO_ICMP : IPPROTO_UDP,
	    .answer = trace_answer,
	    .stop = trace_stop};
	t->target = target;
	t->ttl = (int)first;
	t->max_ttl = (int)max;
	t->queries = (int)queries;
	t->wait_ms = (unsigned)wait;
	t->pause_ms = (unsigned)pause;
	t->df = json_is_true(json_object_get(params, "df"));
	t->port = (uint16_t)port;
	t->size = (uint32_t)(size - hlen);
	t->timer = evtimer_new(ctl_base, trace_tick, t);
	error = t->timer == NULL ? -ENOMEM : echo_session_add(&t->session);
	if (error != 0) {
		ctl_error(req, -error, "%s", strerror(-error));
		goto fail;
	}
	t->stream = ctl_stream_open(req, trace_closed, t);
	if (t->stream == NULL) { /* it said why */
		echo_session_remove(&t->session);
		error = -EOPNOTSUPP;
		goto fail;
	}
	*result = ctl_stream_result(t->stream);
	trace_timer_in(t, 0);
	return 0;
fail:
	if (t->timer != NULL)
		event_free(t->timer);
	free(t);
	return error;
}
