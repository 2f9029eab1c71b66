/* SPDX-License-Identifier: BSD-2-Clause */
/* ping.start: echo requests at an interval, and a stream of what becomes of them (doc/protocol.md). */
/*
 * Synchronization: control thread only.
 * Lifetime: struct ping lives from ping_start to ping_closed, which the stream calls once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "ctl/ctl.h"
#include "ip/echo_ctl.h"
#include "ip/ip_var.h"
#include "ip6/ip6_var.h"
#include "ip6/nd_if.h"

#define PING_TIMES	1024 /* requests under way whose time is known */
#define PING_LINGER_MS	10000
#define PING_MAXDATA	65535
#define PING_MAXPRELOAD 1024

struct ping {
	struct echo_session session; /* first */
	struct echo_target target;
	struct ctl_stream *stream;
	struct event *timer;	/* the next request, or the end */
	struct event *deadline; /* or NULL */
	uint64_t count;		/* 0: no end */
	uint64_t sent, received, answered;
	unsigned interval_ms;
	uint32_t size;
	int ttl;
	bool df, route, flood;
	uint8_t seen[65536 / 8];    /* a reply came */
	uint8_t settled[65536 / 8]; /* a reply or an error came, or it could not be sent */
	struct {
		uint16_t seq;
		uint64_t tsc; /* 0: none */
	} time[PING_TIMES];
	uint8_t data[]; /* size octets */
};

const struct ctl_param ping_start_params[] = {
    {"family", "string"},
    {"dst", "string"},
    {"count", "int?"},
    {"interval_ms", "int?"},
    {"size", "int?"},
    {"ttl", "int?"},
    {"source", "string?"},
    {"interface", "string?"},
    {"df", "bool?"},
    {"pattern", "string?"},
    {"deadline_ms", "int?"},
    {"route", "bool?"},
    {"flood", "bool?"},
    {"preload", "int?"},
    {"hops", "array?"},
    {"gateway", "string?"},
    {"tos", "int?"},
    {"minmtu", "bool?"},
    {NULL},
};

static bool
bit_get(const uint8_t *bits, uint16_t i)
{
	return (bits[i / 8] >> (i % 8) & 1) != 0;
}

static void
bit_set(uint8_t *bits, uint16_t i, bool on)
{
	if (on)
		bits[i / 8] |= (uint8_t)(1u << (i % 8));
	else
		bits[i / 8] &= (uint8_t) ~(1u << (i % 8));
}

static void
ping_closed(void *arg)
{
	struct ping *p = arg;

	ASSERT_CONTROL();
	echo_session_remove(&p->session);
	if (p->timer != NULL)
		event_free(p->timer);
	if (p->deadline != NULL)
		event_free(p->deadline);
	free(p);
}

/* => ends the stream; p is gone afterwards */
static void
ping_end(struct ping *p)
{
	ctl_stream_end(
	    p->stream, json_pack("{s:I,s:I}", "sent", (json_int_t)p->sent, "received", (json_int_t)p->received));
}

static void
ping_stop(struct echo_session *s)
{
	ping_end((struct ping *)s);
}

static void
ping_timer_in(struct ping *p, unsigned ms)
{
	struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};

	event_add(p->timer, &tv);
}

static void
ping_settle(struct ping *p, uint16_t seq)
{
	if (!bit_get(p->settled, seq)) {
		bit_set(p->settled, seq, true);
		p->answered++;
	}
}

static bool
ping_finished(const struct ping *p)
{
	return p->count != 0 && p->sent >= p->count && p->answered >= p->count;
}

static const char *
errno_name(int error)
{
	switch (error) {
	case EHOSTUNREACH:
		return "EHOSTUNREACH";
	case ENETUNREACH:
		return "ENETUNREACH";
	case ENETDOWN:
		return "ENETDOWN";
	case EMSGSIZE:
		return "EMSGSIZE";
	case ENOBUFS:
		return "ENOBUFS";
	case EADDRNOTAVAIL:
		return "EADDRNOTAVAIL";
	default:
		return "EIO";
	}
}

/* => the next request; false if p ended */
static bool
ping_send(struct ping *p)
{
	uint16_t seq = (uint16_t)p->sent;
	uint64_t now = mp_tsc();
	int error;

	bit_set(p->seen, seq, false);
	bit_set(p->settled, seq, false);
	error = echo_target_route(&p->target);
	if (error == 0) {
		p->time[seq % PING_TIMES].seq = seq;
		p->time[seq % PING_TIMES].tsc = now;
		error = echo_send(&p->session, &p->target, seq, p->ttl, p->df, p->route, p->data, p->size);
	}
	p->sent++;
	if (error != 0) {
		ping_settle(p, seq);
		ctl_stream_send(p->stream, json_pack("{s:s,s:i,s:s,s:s}", "type", "senderror", "seq", (int)seq, "errno",
					       errno_name(-error), "message", strerror(-error)));
	} else {
		ctl_stream_send(p->stream, json_pack("{s:s,s:i}", "type", "sent", "seq", (int)seq));
	}
	if (ping_finished(p)) {
		ping_end(p);
		return false;
	}
	ping_timer_in(p, p->count != 0 && p->sent >= p->count ? PING_LINGER_MS : p->interval_ms);
	return true;
}

static void
ping_tick(evutil_socket_t fd, short events, void *arg)
{
	struct ping *p = arg;

	if (p->count != 0 && p->sent >= p->count)
		ping_end(p); /* waited long enough */
	else
		ping_send(p);
}

static void
ping_over(evutil_socket_t fd, short events, void *arg)
{
	ping_end(arg);
}

/* => the addresses of a record route option, or NULL */
static json_t *
route_json(const uint8_t *opt, unsigned n)
{
	json_t *list = NULL;
	char text[INET_ADDRSTRLEN];

	for (unsigned i = 0; i < n && opt[i] != IPV4_OPT_EOL;) {
		if (opt[i] == IPV4_OPT_NOP) {
			i++;
			continue;
		}
		if (n - i < 3 || opt[i + 1] < 3 || opt[i + 1] > n - i)
			break;
		if (opt[i] == IPV4_OPT_RR) {
			unsigned end = opt[i + 2] < 4 ? 3u : opt[i + 2] - 1u;

			list = json_array();
			for (unsigned at = 3; at + 4 <= end && at + 4 <= opt[i + 1]; at += 4)
				json_array_append_new(
				    list, json_string(inet_ntop(AF_INET, opt + i + at, text, sizeof(text))));
			break;
		}
		i += opt[i + 1];
	}
	return list;
}

static void
ping_answer(struct echo_session *s, const struct echo_answer *a)
{
	struct ping *p = (struct ping *)s;
	json_t *e;

	/* Only what was sent lately can be answered. */
	if (p->time[a->seq % PING_TIMES].tsc == 0 || p->time[a->seq % PING_TIMES].seq != a->seq)
		return;
	if (a->reply) {
		e = json_pack("{s:s,s:i,s:s,s:i,s:i,s:f}", "type", "reply", "seq", (int)a->seq, "from", a->from, "ttl",
		    (int)a->ttl, "bytes", (int)a->bytes, "rtt_us",
		    echo_elapsed_us(p->time[a->seq % PING_TIMES].tsc, a->stamp));
		if (bit_get(p->seen, a->seq))
			json_object_set_new(e, "dup", json_true());
		else
			p->received++;
		bit_set(p->seen, a->seq, true);
		json_t *route = p->route ? route_json(a->options, a->noptions) : NULL;
		if (route != NULL)
			json_object_set_new(e, "route", route);
	} else {
		e = json_pack("{s:s,s:s,s:i,s:i,s:i,s:s,s:i}", "type", "error", "from", a->from, "icmptype",
		    (int)a->type, "icmpcode", (int)a->code, "bytes", (int)a->bytes, "text",
		    echo_icmp_text(s->family, a->type, a->code), "seq", (int)a->seq);
		if (a->mtu != 0)
			json_object_set_new(e, "mtu", json_integer(a->mtu));
	}
	ctl_stream_send(p->stream, e);
	ping_settle(p, a->seq);
	if (ping_finished(p))
		ping_end(p);
	else if (p->flood && a->reply && (p->count == 0 || p->sent < p->count))
		ping_timer_in(p, 0);
}

/* => size octets of data: the pattern (hex digits) again and again, or counting; 0 or -EINVAL */
static int
ping_fill(uint8_t *data, uint32_t size, const char *pattern)
{
	uint8_t pat[16];
	unsigned n = 0;

	if (pattern == NULL) {
		for (uint32_t i = 0; i < size; i++)
			data[i] = (uint8_t)i;
		return 0;
	}
	size_t len = strlen(pattern);
	if (len == 0 || len > 2 * sizeof(pat) || strspn(pattern, "0123456789abcdefABCDEF") != len)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 2) {
		char digits[3] = {pattern[i], i + 1 < len ? pattern[i + 1] : '\0', '\0'};
		pat[n++] = (uint8_t)strtoul(digits, NULL, 16);
	}
	for (uint32_t i = 0; i < size; i++)
		data[i] = pat[i % n];
	return 0;
}

static json_int_t
param_int(json_t *params, const char *name, json_int_t otherwise)
{
	json_t *v = json_object_get(params, name);

	return v != NULL ? json_integer_value(v) : otherwise;
}

/* => the hop limit where none is asked for: of the interface that leads there */
static json_int_t
ping_hlim(const struct echo_target *t)
{
	struct rt_result rt;

	if (t->family == AF_INET)
		return IPV4_MAXTTL;
	(void)rt_lookup(AF_INET6, &t->dst, t->dst_zone, &rt);
	return rt.ifp != NULL ? (json_int_t)nd_ifinfo(rt.ifp)->curhlim : SETTING(ip6_hlim);
}

int
ping_start(struct ctl_req *req, json_t *params, json_t **result)
{
	const char *family = json_string_value(json_object_get(params, "family"));
	json_int_t size = param_int(params, "size", 56), count = param_int(params, "count", 0);
	json_int_t interval = param_int(params, "interval_ms", 1000), deadline = param_int(params, "deadline_ms", 0);
	json_int_t preload = param_int(params, "preload", 1);
	char text[ECHO_ADDRTEXT];
	struct echo_target target;
	struct ping *p;
	int error;

	ASSERT_CONTROL();
	error = echo_target_parse(req, &target, family, json_string_value(json_object_get(params, "dst")),
	    json_string_value(json_object_get(params, "source")),
	    json_string_value(json_object_get(params, "interface")));
	if (error == 0)
		error = echo_target_options(req, &target, params);
	if (error != 0)
		return error;
	bool v6 = target.family == AF_INET6;
	json_int_t ttl = param_int(params, "ttl", ping_hlim(&target));
	if (size < 0 || size > (v6 ? 65527 : 65507))
		return ctl_error(req, EINVAL, "size: 0 to %d", v6 ? 65527 : 65507);
	if (count < 0 || interval < 1 || interval > 86400000 || deadline < 0 || deadline > 86400000000 || ttl < 0 ||
	    ttl > 255)
		return ctl_error(req, EINVAL, "count, interval_ms, deadline_ms or ttl out of range");
	if (preload < 1 || preload > PING_MAXPRELOAD)
		return ctl_error(req, EINVAL, "preload: 1 to %d", PING_MAXPRELOAD);
	error = echo_target_route(&target);
	if (error != 0 && v6) /* the source is part of the first line that ping6 prints */
		return echo_target_error(req, &target, error);
	p = calloc(1, sizeof(*p) + (size_t)size);
	if (p == NULL)
		return ctl_error(req, ENOMEM, "%s", strerror(ENOMEM));
	p->session = (struct echo_session){
	    .family = target.family, .proto = IPPROTO_ICMP, .answer = ping_answer, .stop = ping_stop};
	p->target = target;
	p->count = (uint64_t)count;
	p->interval_ms = (unsigned)interval;
	p->size = (uint32_t)size;
	p->ttl = (int)ttl;
	p->flood = json_is_true(json_object_get(params, "flood"));
	p->df = json_is_true(json_object_get(params, "df"));
	p->route = !v6 && json_is_true(json_object_get(params, "route"));
	error = ping_fill(p->data, p->size, json_string_value(json_object_get(params, "pattern")));
	if (error != 0) {
		free(p);
		return ctl_error(req, EINVAL, "pattern: 1 to 32 hexadecimal digits");
	}
	p->timer = evtimer_new(ctl_base, ping_tick, p);
	if (deadline > 0)
		p->deadline = evtimer_new(ctl_base, ping_over, p);
	error = p->timer == NULL || (deadline > 0 && p->deadline == NULL) ? -ENOMEM : echo_session_add(&p->session);
	if (error != 0) {
		ctl_error(req, -error, "%s", strerror(-error));
		goto fail;
	}
	p->stream = ctl_stream_open(req, ping_closed, p);
	if (p->stream == NULL) { /* it said why */
		echo_session_remove(&p->session);
		error = -EOPNOTSUPP;
		goto fail;
	}
	*result = ctl_stream_result(p->stream);
	if (deadline > 0) {
		struct timeval tv = {.tv_sec = deadline / 1000, .tv_usec = (deadline % 1000) * 1000};
		event_add(p->deadline, &tv);
	}
	ctl_stream_send(p->stream, json_pack("{s:s,s:s}", "type", "start", "source",
				       echo_address_text(p->target.family, &p->target.src,
					   p->target.dst_zone != 0 ? p->target.dst_zone : p->target.oif, text)));
	while (preload-- > 0 && ping_send(p))
		;
	return 0;
fail:
	if (p->timer != NULL)
		event_free(p->timer);
	if (p->deadline != NULL)
		event_free(p->deadline);
	free(p);
	return error;
}
