/* SPDX-License-Identifier: BSD-2-Clause */
/* Tracing packets: marks and events, on the threads that own packets. */
/*
 * Synchronization: a tracer is its thread's; events are published by a release store of tail, and their room is had
 * again by an acquire load of head.
 * Lifetime: a tracer is attached and detached by mp_call (w->tracer).  A packet that was marked in an earlier trace may
 * still be under way: its id is unknown to control, which ignores its events.
 */
#include "pkt/trace.h"

#include <string.h>

#include <pcap/bpf.h>

/* Events that one packet may cause before its end: room for them is kept when it is marked. */
#define EVENTS_A_PACKET 24
#define NO_PACKET	UINT32_MAX

/* 24 bits: the thread that marked it and a number of its own */
#define ID_NUMBER_BITS 18

static uint32_t
packet_id(struct rte_mbuf *m)
{
	return (uint32_t)pkt_meta(m)->trace << 16 | m->timesync;
}

static void
packet_mark(struct worker *w, struct rte_mbuf *m)
{
	uint32_t id = (uint32_t)w->id << ID_NUMBER_BITS | (w->tracer->next++ & ((1u << ID_NUMBER_BITS) - 1));

	pkt_meta(m)->flags |= PKT_F_TRACED;
	pkt_meta(m)->trace = (uint8_t)(id >> 16);
	m->timesync = (uint16_t)id;
}

static bool
packet_traced(const struct worker *w, struct rte_mbuf *m)
{
	return (w->watch & MP_WATCH_TRACE) != 0 && (pkt_meta(m)->flags & PKT_F_TRACED) != 0;
}

static uint32_t
tracer_room(struct pkt_tracer *t)
{
	return PKT_TRACE_EVENTS - (atomic_load_explicit(&t->tail, memory_order_relaxed) -
				      atomic_load_explicit(&t->head, memory_order_acquire));
}

/* => the slot of the next event, filled but for the packet's data; NULL: no room (counted) */
static struct pkt_trace_event *
event_new(struct worker *w, uint32_t packet, enum pkt_trace_kind kind, uint8_t arg, uint32_t a, uint32_t b)
{
	struct pkt_tracer *t = w->tracer;
	uint32_t tail = atomic_load_explicit(&t->tail, memory_order_relaxed);
	struct pkt_trace_event *e = &t->event[tail & (PKT_TRACE_EVENTS - 1)];

	if (tracer_room(t) == 0) {
		mp_add(&t->lost, 1);
		return NULL;
	}
	e->tsc = mp_tsc();
	e->packet = packet;
	e->kind = (uint8_t)kind;
	e->arg = arg;
	e->sessions = 0;
	e->len = 0;
	e->pktlen = 0;
	e->a = a;
	e->b = b;
	return e;
}

static void
event_put(struct worker *w)
{
	struct pkt_tracer *t = w->tracer;

	atomic_store_explicit(&t->tail, atomic_load_explicit(&t->tail, memory_order_relaxed) + 1, memory_order_release);
}

static void
event_data(struct pkt_trace_event *e, const struct rte_mbuf *m)
{
	uint32_t len = RTE_MIN(m->pkt_len, (uint32_t)PKT_TRACE_SNAP);
	const void *p = rte_pktmbuf_read(m, 0, len, e->data);

	e->pktlen = m->pkt_len;
	e->len = p != NULL ? (uint8_t)len : 0;
	if (p != NULL && p != e->data)
		memcpy(e->data, p, len);
}

/* => does the program want the packet?  Never reads beyond it. */
static bool
filter_matches(const struct bpf_insn *program, const struct rte_mbuf *m)
{
	uint8_t window[PKT_TRACE_WINDOW];
	uint32_t len = m->data_len;
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

	if (program == NULL)
		return true;
	if (m->nb_segs > 1 && len < sizeof(window)) {
		len = RTE_MIN(m->pkt_len, (uint32_t)sizeof(window));
		p = rte_pktmbuf_read(m, 0, len, window);
	}
	return p != NULL && bpf_filter(program, p, m->pkt_len, len) != 0;
}

/* => a bit for each session that wants the packet and has some left */
static uint8_t
sessions_for(const struct pkt_tracer *t, struct rte_mbuf *m, bool own, bool framed)
{
	const struct pktmeta *meta = pkt_meta(m);
	uint8_t wanted = 0;

	for (unsigned i = 0; i < PKT_TRACE_SESSIONS; i++) {
		const struct pkt_trace_session *s = t->session[i];

		if (s == NULL || t->left[i] == 0 || (own ? s->iif != 0 : s->iif != 0 && s->iif != meta->iif))
			continue;
		if (!own && s->iif != 0 && s->iifgen != meta->iifgen)
			continue;
		if (!framed && s->no_raw)
			continue;
		if (filter_matches(framed ? s->frame : s->raw, m))
			wanted |= (uint8_t)(1u << i);
	}
	return wanted;
}

/* => may one more packet be marked?  Within the rate, and with room for all of its events. */
static bool
tracer_allows(struct worker *w, unsigned marked)
{
	struct pkt_tracer *t = w->tracer;
	uint64_t cost = mp_tsc_hz / PKT_TRACE_RATE, now = mp_tsc();
	uint64_t full = t->full > now ? t->full : now;

	if (tracer_room(t) < (marked + 1) * EVENTS_A_PACKET + PKT_VEC ||
	    full + cost > now + cost * (PKT_TRACE_EVENTS / EVENTS_A_PACKET)) {
		mp_add(&t->missed, 1);
		return false;
	}
	t->full = full + cost;
	return true;
}

/* Marks the packet if a session wants it; returns true if it did. */
static bool
tracer_consider(struct worker *w, struct rte_mbuf *m, bool own, bool framed, unsigned marked)
{
	struct pkt_tracer *t = w->tracer;
	uint8_t wanted = sessions_for(t, m, own, framed);
	struct pkt_trace_event *e;

	if (wanted == 0 || !tracer_allows(w, marked))
		return false;
	packet_mark(w, m);
	for (unsigned i = 0; i < PKT_TRACE_SESSIONS; i++)
		if ((wanted & 1u << i) != 0)
			t->left[i]--;
	e = own ? event_new(w, packet_id(m), TRACE_OWN, 0, framed, 0)
		: event_new(w, packet_id(m), TRACE_RECEIVED, 0, pkt_meta(m)->iif, t->queue);
	if (e == NULL)
		return true;
	e->sessions = wanted;
	event_data(e, m);
	event_put(w);
	return true;
}

void
pkt_trace_received(struct worker *w, uint16_t queue, struct rte_mbuf *const *m, unsigned n)
{
	unsigned marked = 0;

	if ((w->watch & MP_WATCH_TRACE) == 0)
		return;
	w->tracer->queue = queue;
	for (unsigned i = 0; i < n; i++)
		marked += tracer_consider(w, m[i], false, true, marked);
}

/* Packets of ours are found where they first come to a worker: at the output stages, or as finished frames. */
static void
stage_own(struct worker *w, enum mp_stage stage, struct rte_mbuf *const *m, unsigned n)
{
	bool framed = stage == STAGE_IF_TRANSMIT;
	unsigned marked = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct pktmeta *meta = pkt_meta(m[i]);

		if ((meta->flags & PKT_F_TRACED) != 0 || meta->iif != 0)
			continue;
		if (framed && !w->tracer->framed(meta->oif))
			continue;
		marked += tracer_consider(w, m[i], true, framed, marked);
	}
}

void
pkt_trace_stage(struct worker *w, enum mp_stage stage, struct rte_mbuf *const *m, unsigned n)
{
	if (stage == STAGE_IP_OUTPUT || stage == STAGE_IP6_OUTPUT || stage == STAGE_IF_TRANSMIT)
		stage_own(w, stage, m, n);
	for (unsigned i = 0; i < n; i++) {
		const struct pktmeta *meta = pkt_meta(m[i]);
		struct pkt_trace_event *e;

		if ((meta->flags & PKT_F_TRACED) == 0)
			continue;
		e = event_new(w, packet_id(m[i]), TRACE_STAGE, (uint8_t)stage, meta->nh, meta->oif);
		if (e == NULL)
			continue;
		if (stage == STAGE_IF_TRANSMIT)
			event_data(e, m[i]);
		event_put(w);
	}
}

void
pkt_trace_routes(struct worker *w, struct rte_mbuf *const *m, const uint32_t *nh, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct pkt_trace_event *e;

		if (!packet_traced(w, m[i]) || (e = event_new(w, packet_id(m[i]), TRACE_ROUTE, 0, nh[i], 0)) == NULL)
			continue;
		event_data(e, m[i]);
		event_put(w);
	}
}

void
pkt_trace_event(struct worker *w, struct rte_mbuf *m, enum pkt_trace_kind kind, uint8_t arg, uint32_t a, uint32_t b)
{
	struct pkt_trace_event *e;

	if (!packet_traced(w, m) || (e = event_new(w, packet_id(m), kind, arg, a, b)) == NULL)
		return;
	if (kind == TRACE_ROUTE)
		event_data(e, m);
	event_put(w);
}

void
pkt_trace_copy(struct worker *w, struct rte_mbuf *m, struct rte_mbuf *copy)
{
	pkt_meta(copy)->flags &= (uint8_t)~PKT_F_TRACED;
	if (!packet_traced(w, m))
		return;
	packet_mark(w, copy);
	pkt_trace_event(w, m, TRACE_COPY, 0, packet_id(copy), 0);
}

void
pkt_trace_sending(struct worker *w, struct rte_mbuf *const *m, unsigned n, uint32_t *ids)
{
	for (unsigned i = 0; i < n; i++)
		ids[i] = packet_traced(w, m[i]) ? packet_id(m[i]) : NO_PACKET;
}

void
pkt_trace_sent(struct worker *w, const uint32_t *ids, unsigned sent, uint16_t ifindex, uint16_t queue)
{
	for (unsigned i = 0; i < sent; i++)
		if (ids[i] != NO_PACKET && event_new(w, ids[i], TRACE_SENT, 0, ifindex, queue) != NULL)
			event_put(w);
}
