/* SPDX-License-Identifier: BSD-2-Clause */
/* Traced packets are put together from the events of the threads that they passed. */
/*
 * Synchronization: control only, the consumer of the tracers' rings.
 * Lifetime: a packet is forgotten when it and its copies have ended, and have been told.
 *
 * Order: events of one pass are those of before its start, by the TSC, which is one clock for all CPUs.  What caused an
 * event was published before it, so that it is there in the same pass or was in an earlier one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "trace/trace_var.h"

#define BUCKETS 1024

/* A packet or a copy, by its id */
struct part { /* [c] all */
	LIST_ENTRY(part) hash;
	TAILQ_ENTRY(part) list; /* of the packets themselves, oldest first */
	uint32_t id;
	uint16_t copy; /* 0: the packet itself */
	bool ended;
	struct part *first;	/* the packet itself */
	struct part *next_copy; /* of the packet */
	struct trace_packet packet;
};

static LIST_HEAD(, part) buckets[BUCKETS];				  /* [c] */
static TAILQ_HEAD(parts, part) packets = TAILQ_HEAD_INITIALIZER(packets); /* [c] */
static unsigned nparts;							  /* [c] */

static struct part *
part_find(uint32_t id)
{
	struct part *p;

	LIST_FOREACH (p, &buckets[id % BUCKETS], hash)
		if (p->id == id)
			return p;
	return NULL;
}

static void
part_free(struct part *p)
{
	LIST_REMOVE(p, hash);
	free(p->packet.steps);
	free(p);
	nparts--;
}

static void
packet_free(struct part *p)
{
	while (p->next_copy != NULL) {
		struct part *c = p->next_copy;

		p->next_copy = c->next_copy;
		part_free(c);
	}
	TAILQ_REMOVE(&packets, p, list);
	part_free(p);
}

static struct part *
part_new(uint32_t id, struct part *first)
{
	struct part *p = part_find(id), **end;

	/* the number came round while the packet waited somewhere, or its end was lost */
	if (p != NULL)
		packet_free(p->first);
	if (nparts >= TRACE_PACKET_MAX || (p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	p->id = id;
	p->first = first != NULL ? first : p;
	if (first != NULL) {
		for (end = &first->next_copy; *end != NULL; end = &(*end)->next_copy)
			;
		*end = p;
		p->copy = ++first->packet.ncopies;
	} else {
		TAILQ_INSERT_TAIL(&packets, p, list);
	}
	LIST_INSERT_HEAD(&buckets[id % BUCKETS], p, hash);
	p->first->packet.open++;
	nparts++;
	return p;
}

static void
step_add(struct part *p, const struct pkt_trace_event *e, unsigned thread, uint16_t copy)
{
	struct trace_packet *packet = &p->first->packet;
	struct trace_step *steps = packet->steps;

	packet->last_ms = mp_now_ms();
	if (packet->nsteps == packet->cap) {
		uint32_t cap = packet->cap == 0 ? 16 : packet->cap * 2;

		if (packet->cap < TRACE_STEPS_MAX)
			steps = realloc(steps, cap * sizeof(*steps));
		if (packet->cap >= TRACE_STEPS_MAX || steps == NULL) {
			packet->more++;
			return;
		}
		packet->steps = steps;
		packet->cap = cap;
	}
	packet->steps[packet->nsteps++] = (struct trace_step){.event = *e, .thread = (uint16_t)thread, .copy = copy};
}

static void
event_take(const struct pkt_trace_event *e, unsigned thread, void (*tell)(const struct trace_packet *))
{
	bool begin = e->kind == TRACE_RECEIVED || e->kind == TRACE_OWN;
	struct part *p = begin ? part_new(e->packet, NULL) : part_find(e->packet);

	if (p == NULL)
		return; /* of an earlier trace, or told already */
	if (begin)
		p->packet.sessions = e->sessions;
	if (e->kind == TRACE_COPY) {
		struct part *old = part_find(e->a), *copy;

		/* numbers that came round within one packet: it must not be freed for its own copy */
		copy = old != NULL && old->first == p->first ? NULL : part_new(e->a, p->first);
		step_add(p, e, thread, copy != NULL ? copy->copy : 0);
		return;
	}
	step_add(p, e, thread, p->copy);
	if ((e->kind == TRACE_SENT || e->kind == TRACE_CONSUMED || e->kind == TRACE_DROPPED) && !p->ended) {
		p->ended = true;
		p = p->first;
		if (--p->packet.open == 0) {
			tell(&p->packet);
			packet_free(p);
		}
	}
}

bool
trace_collect(struct pkt_tracer *const *tracer, unsigned n, unsigned max, void (*tell)(const struct trace_packet *))
{
	uint32_t tail[MP_MAXTHREADS], head[MP_MAXTHREADS];
	uint64_t now = mp_tsc();

	ASSERT_CONTROL();
	for (unsigned i = 0; i < n; i++) {
		tail[i] = atomic_load_explicit(&tracer[i]->tail, memory_order_acquire);
		head[i] = atomic_load_explicit(&tracer[i]->head, memory_order_relaxed);
	}
	while (max-- > 0) {
		const struct pkt_trace_event *oldest = NULL;
		unsigned of = 0;

		for (unsigned i = 0; i < n; i++) {
			const struct pkt_trace_event *e = &tracer[i]->event[head[i] & (PKT_TRACE_EVENTS - 1)];

			if (head[i] != tail[i] && e->tsc <= now && (oldest == NULL || e->tsc < oldest->tsc)) {
				oldest = e;
				of = i;
			}
		}
		if (oldest == NULL)
			return false;
		event_take(oldest, of, tell);
		atomic_store_explicit(&tracer[of]->head, ++head[of], memory_order_release);
	}
	return true;
}

void
trace_expire(bool all, void (*tell)(const struct trace_packet *))
{
	uint64_t now = mp_now_ms();
	struct part *p, *next;

	ASSERT_CONTROL();
	for (p = TAILQ_FIRST(&packets); p != NULL; p = next) {
		next = TAILQ_NEXT(p, list);
		if (!all && now - p->packet.last_ms < TRACE_STALE_MS)
			continue;
		tell(&p->packet);
		packet_free(p);
	}
}

void
trace_forget(void)
{
	while (!TAILQ_EMPTY(&packets))
		packet_free(TAILQ_FIRST(&packets));
}
