/* SPDX-License-Identifier: BSD-2-Clause */
/* packet.trace: the way of packets through the router, as a stream. */
/*
 * Synchronization: control only.  A session is given to, and taken from, every thread by a call (mp_call), between two
 * stages; the calls of one worker run in order.  Control is a thread too, and serves itself.
 * Lifetime: a session lives until its stream has ended and every worker has answered the call that takes it away.  The
 * tracers live while there is a session.
 */
#include <errno.h>
#include <event2/event.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "if/ifnet.h"
#include "trace/trace_var.h"

#define COUNT_DEFAULT 50
#define COUNT_MAX     1000000
#define FILTER_MAX    4096 /* octets of a filter's text */
#define TICK_MS	      20
#define TICK_EVENTS   1024 /* events in one turn of the control thread */

struct session;

struct session_call {
	struct mp_call call;
	struct session *of;
};

struct session {		       /* [c] but for what its comments say */
	struct pkt_trace_session look; /* [I] read by every thread while it has the session */
	struct bpf_program frame, raw; /* [I] behind look */
	struct ctl_req *req;	       /* until every thread has the session */
	json_t *answer;		       /* to it */
	struct ctl_stream *stream;     /* NULL: closed */
	char filter[FILTER_MAX];
	char error[PCAP_ERRBUF_SIZE + 64]; /* of the filter; empty: none */
	unsigned slot;
	unsigned pending; /* calls under way */
	bool last;	  /* no other is on: the threads let go of their tracers */
	uint64_t told;	  /* packets */
	struct session_call calls[MP_MAXWORKERS];
};

static struct session *sessions[PKT_TRACE_SESSIONS]; /* [c] by slot */
static unsigned active;				     /* [c] sessions that are not being taken away */
static struct pkt_tracer *tracers[MP_MAXTHREADS];    /* [c] NULL: nobody traces */
static uint32_t next_ids[MP_MAXTHREADS];	     /* [c] where the next tracer's ids begin */
static uint64_t counted_missed, counted_lost;	     /* [c] as last told */
static struct event *tick_event;		     /* [c] */

static bool
framed(uint16_t ifindex)
{
	const struct ifnet *ifp = ifnet_get(ifindex);

	return ifp != NULL && ifp->if_type == IFT_SMP_ETHER;
}

static int
tracers_alloc(void)
{
	if (tracers[0] != NULL)
		return 0;
	for (unsigned i = 0; i <= mp_nworkers; i++) {
		size_t size = (sizeof(struct pkt_tracer) + MP_CACHELINE - 1) & ~(size_t)(MP_CACHELINE - 1);

		tracers[i] = aligned_alloc(MP_CACHELINE, size);
		if (tracers[i] == NULL) {
			while (i-- > 0)
				free(tracers[i]);
			memset(tracers, 0, sizeof(tracers));
			return -ENOMEM;
		}
		memset(tracers[i], 0, sizeof(*tracers[i]));
		tracers[i]->framed = framed;
		tracers[i]->next = next_ids[i];
	}
	counted_missed = counted_lost = 0;
	return 0;
}

/* Without sessions nothing of all this stays. */
static void
tracers_free(void)
{
	for (unsigned i = 0; i < PKT_TRACE_SESSIONS; i++)
		if (sessions[i] != NULL)
			return;
	event_free(tick_event);
	tick_event = NULL;
	trace_forget();
	for (unsigned i = 0; i <= mp_nworkers; i++) {
		next_ids[i] = tracers[i]->next;
		free(tracers[i]);
		tracers[i] = NULL;
	}
}

/* => packets and events that went untraced since the last call */
static json_int_t
tracers_overflow(void)
{
	uint64_t missed = 0, lost = 0;
	json_int_t n;

	for (unsigned i = 0; tracers[0] != NULL && i <= mp_nworkers; i++) {
		missed += mp_read(&tracers[i]->missed);
		lost += mp_read(&tracers[i]->lost);
	}
	n = (json_int_t)(missed - counted_missed + lost - counted_lost);
	counted_missed = missed;
	counted_lost = lost;
	return n;
}

/* => the thread */
static void
thread_begin(struct worker *w, struct session *s)
{
	w->tracer = tracers[w->id];
	w->tracer->left[s->slot] = s->look.count;
	w->tracer->session[s->slot] = &s->look;
	mp_stage_watch(w, MP_WATCH_TRACE, 0);
}

/* => the thread */
static void
thread_end(struct worker *w, struct session *s)
{
	w->tracer->session[s->slot] = NULL;
	if (!s->last)
		return;
	mp_stage_watch(w, 0, MP_WATCH_TRACE);
	w->tracer = NULL;
}

static void
worker_begin(struct worker *w, struct mp_call *call)
{
	thread_begin(w, ((struct session_call *)call)->of);
}

static void
worker_end(struct worker *w, struct mp_call *call)
{
	thread_end(w, ((struct session_call *)call)->of);
}

static void
session_free(struct session *s)
{
	pcap_freecode(&s->frame);
	pcap_freecode(&s->raw);
	free(s);
}

/* Every worker has let go of the session. */
static void
session_gone(struct session *s)
{
	sessions[s->slot] = NULL;
	session_free(s);
	tracers_free();
}

static void
end_done(struct mp_call *call)
{
	struct session *s = ((struct session_call *)call)->of;

	if (--s->pending == 0)
		session_gone(s);
}

static void
call_all(struct session *s, void (*fn)(struct worker *, struct mp_call *), void (*done)(struct mp_call *))
{
	s->pending = mp_nworkers;
	for (unsigned i = 0; i < mp_nworkers; i++) {
		struct mp_call *call = &s->calls[i].call;

		call->fn = fn;
		call->done = done;
		mp_call(mp_workers[i], call);
	}
}

static void
session_end(struct session *s)
{
	active--;
	s->last = active == 0;
	thread_end(mp_control(), s);
	call_all(s, worker_end, end_done);
}

static void
begin_done(struct mp_call *call)
{
	struct session *s = ((struct session_call *)call)->of;

	if (--s->pending > 0)
		return;
	ctl_reply(s->req, s->answer);
	s->req = NULL;
	if (s->stream == NULL)
		session_end(s);
}

/* The client stopped it, went away, or has had its packets. */
static void
session_closed(void *arg)
{
	struct session *s = arg;

	ASSERT_CONTROL();
	s->stream = NULL;
	if (s->pending == 0)
		session_end(s);
}

/* A packet has come to its end: to all that asked for it. */
static void
session_tell(const struct trace_packet *packet)
{
	json_int_t missed = tracers_overflow();

	for (unsigned i = 0; i < PKT_TRACE_SESSIONS; i++) {
		struct session *s = sessions[i];
		json_t *o;

		if (s == NULL || s->stream == NULL || (packet->sessions & 1u << i) == 0 || s->told >= s->look.count)
			continue;
		o = trace_json(packet, ++s->told);
		if (missed > 0)
			json_object_set_new(o, "missed", json_integer(missed));
		ctl_stream_send(s->stream, o);
		if (s->told == s->look.count)
			ctl_stream_end(s->stream, json_pack("{s:I}", "packets", (json_int_t)s->told));
	}
}

static void
tick(evutil_socket_t fd, short what, void *arg)
{
	struct timeval next = {.tv_usec = TICK_MS * 1000};

	ASSERT_CONTROL();
	/* the last packets of a flood do not keep others of the control thread waiting */
	if (trace_collect(tracers, mp_nworkers + 1, TICK_EVENTS, session_tell))
		next.tv_usec = 0;
	else
		trace_expire(false, session_tell);
	event_add(tick_event, &next);
}

/* => helper thread: names in a filter may be looked up for seconds */
static void
filter_compile(void *arg)
{
	struct session *s = arg;
	pcap_t *frame = pcap_open_dead(DLT_EN10MB, 65535), *raw = pcap_open_dead(DLT_RAW, 65535);

	if (frame == NULL || raw == NULL) {
		snprintf(s->error, sizeof(s->error), "%s", strerror(ENOMEM));
	} else if (pcap_compile(frame, &s->frame, s->filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		snprintf(s->error, sizeof(s->error), "filter: %s", pcap_geterr(frame));
	} else if (pcap_compile(raw, &s->raw, s->filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		s->look.no_raw = true;
	}
	if (frame != NULL)
		pcap_close(frame);
	if (raw != NULL)
		pcap_close(raw);
}

/* => 0 with a slot, or -errno with the reason in s->error */
static int
session_place(struct session *s)
{
	for (s->slot = 0; s->slot < PKT_TRACE_SESSIONS && sessions[s->slot] != NULL; s->slot++)
		;
	if (s->slot == PKT_TRACE_SESSIONS) {
		snprintf(s->error, sizeof(s->error), "%d traces are on already", PKT_TRACE_SESSIONS);
		return -EBUSY;
	}
	if (tick_event == NULL)
		tick_event = evtimer_new(mp_base, tick, NULL);
	if (tick_event == NULL || tracers_alloc() != 0) {
		snprintf(s->error, sizeof(s->error), "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	return 0;
}

/* The filter is compiled: the trace begins. */
static void
filter_compiled(void *arg)
{
	struct session *s = arg;
	struct timeval soon = {.tv_usec = TICK_MS * 1000};
	struct ctl_req *req = s->req;
	int error = s->error[0] != '\0' ? -EINVAL : session_place(s);

	ASSERT_CONTROL();
	if (error == 0) {
		s->stream = ctl_stream_open(req, session_closed, s);
		if (s->stream == NULL) {
			snprintf(s->error, sizeof(s->error), "a trace needs a client to read it");
			error = -EOPNOTSUPP;
			tracers_free();
		}
	}
	if (error != 0) {
		ctl_fail(req, -error, "%s", s->error);
		session_free(s);
		return;
	}
	s->look.frame = s->frame.bf_insns;
	s->look.raw = s->raw.bf_insns;
	sessions[s->slot] = s;
	active++;
	if (!evtimer_pending(tick_event, NULL))
		event_add(tick_event, &soon);
	s->answer = ctl_stream_result(s->stream);
	thread_begin(mp_control(), s);
	call_all(s, worker_begin, begin_done);
}

static int
m_trace(struct ctl_req *req, json_t *params, json_t **result)
{
	const char *name = json_string_value(json_object_get(params, "interface"));
	const char *filter = json_string_value(json_object_get(params, "filter"));
	json_t *count = json_object_get(params, "count");
	json_int_t n = count != NULL ? json_integer_value(count) : COUNT_DEFAULT;
	struct ifnet *ifp = NULL;
	struct session *s;
	int error;

	ASSERT_CONTROL();
	if (name != NULL && (ifp = ifnet_by_name(name)) == NULL)
		return ctl_error(req, ENXIO, "%.64s: no such interface", name);
	if (n < 1 || n > COUNT_MAX)
		return ctl_error(req, EINVAL, "count must be 1 to %d", COUNT_MAX);
	if (filter != NULL && strlen(filter) >= FILTER_MAX)
		return ctl_error(req, EINVAL, "filter: longer than %d octets", FILTER_MAX - 1);
#ifdef SMPNET_NO_STAGES
	return ctl_error(req, EOPNOTSUPP, "built without the hooks (-Dstages=false)");
#endif
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	if (ifp != NULL) {
		s->look.iif = ifp->if_index;
		s->look.iifgen = ifp->if_gen;
	}
	s->look.count = (uint32_t)n;
	s->req = req;
	for (unsigned i = 0; i < mp_nworkers; i++)
		s->calls[i].of = s;
	snprintf(s->filter, sizeof(s->filter), "%s", filter != NULL ? filter : "");
	if (s->filter[0] == '\0') {
		filter_compiled(s);
		return CTL_ASYNC;
	}
	error = mp_helper_run(filter_compile, filter_compiled, s);
	if (error != 0)
		session_free(s);
	return error != 0 ? error : CTL_ASYNC;
}

const struct ctl_method pkttrace_methods[] = {
    {"packet.trace", m_trace,
	(const struct ctl_param[]){{"interface", "string?"}, {"count", "int?"}, {"filter", "string?"}, {NULL, NULL}},
	"the way of packets through the router, with what was decided"},
    {NULL, NULL, NULL, NULL},
};
