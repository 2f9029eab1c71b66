/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending: what is due is filled, stamped and given to the device.
 *
 * What the device refuses stays pending and goes first the next time, with a new stamp; what is pending at the end was
 * never sent and its numbers are free again, because a queue's flows and numbers follow from how many it sent.
 *
 * Synchronization: struct tx_queue belongs to its worker; control's orders come as calls.
 * Lifetime: see tx_ctl.c.
 */
#include <string.h>

#include "ipgen/engine/tx_var.h"
#include "pkt/pkt.h"

bool
tx_alloc(struct tx_queue *q, struct rte_mbuf **m, unsigned n)
{
	return rte_mempool_get_bulk(q->pool, (void **)m, n) == 0;
}

void
tx_set_phase(struct tx_queue *q, enum tx_phase phase)
{
	q->phase = phase;
	__atomic_store_n(&q->stats.phase, phase, __ATOMIC_RELEASE);
}

void
tx_discard(struct tx_queue *q)
{
	if (q->pending.n > 0)
		rte_pktmbuf_free_bulk(q->pending.m, q->pending.n);
	q->pending.n = 0;
}

static uint64_t
gcd(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t r = a % b;

		a = b;
		b = r;
	}
	return a;
}

void
tx_walk(struct tx_queue *q)
{
	uint64_t n = q->traffic->nsizes, g;

	q->size = n > 0 ? q->index % n : 0;
	g = n > 0 && q->flows > 0 ? gcd(q->flows, n) : 1;
	q->unlike = g == 1 ? UINT64_MAX : q->flows / g * n;
}

/* The flows from the beginning: pending packets are gone before. */
static void
walk_restart(struct tx_queue *q)
{
	q->flow = q->index;
	q->seq = 0;
	tx_walk(q);
}

/* What was sent in the stretch that ended. */
static void
stretch_next(struct tx_queue *q, uint64_t now)
{
	if (q->in_stretch > 0)
		__atomic_store_n(&q->row[q->stretch % TX_ROW], q->stretch << 24 | q->in_stretch, __ATOMIC_RELAXED);
	q->stretch = now / q->stretch_ticks;
	q->stretch_end = (q->stretch + 1) * q->stretch_ticks;
	q->in_stretch = 0;
}

static inline void
stretch_add(struct tx_queue *q, uint64_t now, unsigned n)
{
	if (__builtin_expect(now >= q->stretch_end, 0))
		stretch_next(q, now);
	q->in_stretch += n;
	MP_ASSERT(q->in_stretch <= TX_COUNT);
}

static inline void
tx_count(struct tx_queue *q, uint64_t now, unsigned n)
{
	struct tx_stats *st = &q->stats;
	uint64_t octets = 0;

	if (q->phase != TX_COUNTS) {
		mp_add(&st->warm, n);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		octets += q->pending.size[i];
	if (__builtin_expect(st->first == 0, 0))
		__atomic_store_n(&st->first, now, __ATOMIC_RELAXED);
	__atomic_store_n(&st->last, now, __ATOMIC_RELAXED);
	mp_add(&st->octets, octets);
	mp_add(&st->burst[n], 1);
	stretch_add(q, now, n);
	mp_add(&st->sent, n);
}

/* Moves what was not taken to the front. */
static __attribute__((noinline)) void
pending_keep(struct tx_pending *p, unsigned sent)
{
	p->n -= sent;
	memmove(p->m, p->m + sent, p->n * sizeof(p->m[0]));
	memmove(p->sig, p->sig + sent, p->n * sizeof(p->sig[0]));
	memmove(p->id, p->id + sent, p->n * sizeof(p->id[0]));
	memmove(p->size, p->size + sent, p->n * sizeof(p->size[0]));
}

unsigned
tx_send(struct tx_queue *q, unsigned n, uint64_t now)
{
	struct tx_pending *p = &q->pending;
	unsigned sent;

	sent = q->tx_burst(q->port, q->q, p->m, n);
	if (q->tx_flush != NULL)
		q->tx_flush(q->port, q->q);
	if (sent < n)
		mp_add(&q->stats.full, 1);
	if (sent > 0)
		tx_count(q, now, sent);
	if (sent < p->n)
		pending_keep(p, sent);
	else
		p->n = 0;
	return sent;
}

/* The same with signatures, stamped as late as can be. */
static inline unsigned
tx_send_signed(struct tx_queue *q, unsigned n)
{
	struct tx_pending *p = &q->pending;
	uint16_t magic = q->phase == TX_COUNTS ? q->magic : (uint16_t)(q->magic - 1);
	uint64_t now = rte_rdtsc();

	/* the thread may have stood still while it filled: then it is later than it knew, and the pace must know */
	if (q->pace.per_tick != 0)
		n = RTE_MIN(n, pace_due(&q->pace, now, now));
	for (unsigned i = 0; i < n; i++)
		sig_write(p->sig[i], now, magic, (uint32_t)p->id[i], (uint32_t)(p->id[i] >> 32));
	return tx_send(q, n, now);
}

/* The warm-up is over: numbers begin again, the schedule goes on. */
static void
count_begin(struct tx_queue *q)
{
	tx_discard(q);
	pace_distance(&q->pace, q->pps, q->burst);
	(void)pace_give_up(&q->pace, q->warm_end - 1, 0);
	walk_restart(q);
	tx_set_phase(q, TX_COUNTS);
}

void
tx_finish(struct tx_queue *q)
{
	uint64_t until = q->end - 1;

	if (q->limit == UINT64_MAX && until < UINT64_MAX >> 2)
		mp_add(&q->stats.slipped, pace_give_up(&q->pace, until, 0));
	tx_discard(q);
	stretch_next(q, rte_rdtsc());
	tx_set_phase(q, TX_DONE);
}

/* => what is not the ordinary case of a poll: true: nothing to be sent now */
static __attribute__((noinline)) bool
tx_change(struct tx_queue *q, uint64_t now)
{
	if (q->paused && q->phase != TX_DONE && now >= q->end) {
		q->limit = 0; /* it was not asked for any more */
		tx_finish(q);
	}
	if (q->phase == TX_DONE || q->paused || (int64_t)(now - q->start) < 0)
		return true;
	if (q->phase == TX_WAIT) {
		tx_set_phase(q, q->warm_end > q->start ? TX_WARM : TX_COUNTS);
		pace_rate(&q->pace, q->pace.due, q->pps, q->burst);
		walk_restart(q);
	}
	if (q->phase == TX_WARM && now >= q->warm_end)
		count_begin(q);
	else if (q->phase == TX_WARM && now < q->ramp_end) {
		double part = (double)(now - q->start) / (double)(q->ramp_end - q->start);

		pace_distance(&q->pace, q->pps * (part < 0.01 ? 0.01 : part), q->burst);
	} else if (q->phase == TX_WARM && q->ramp_end > q->start) {
		pace_distance(&q->pace, q->pps, q->burst);
		q->ramp_end = q->start;
	}
	return q->flows == 0 || q->pps == 0;
}

unsigned
tx_poll(struct worker *w, struct mp_source *source)
{
	struct tx_queue *q = (struct tx_queue *)source;
	uint64_t now = w->now, left; /* of this turn; read again when packets are stamped */
	unsigned n, sent = 0;

	ASSERT_WORKER();
	if (__builtin_expect(q->phase != TX_COUNTS || q->paused, 0) && tx_change(q, now))
		return q->phase != TX_DONE;
	n = pace_due(&q->pace, now, q->phase == TX_COUNTS ? q->end - 1 : q->warm_end - 1);
	if (q->phase == TX_COUNTS && (left = q->limit - q->stats.sent) < n)
		n = (unsigned)left;
	if (n > 0) {
		if (n > q->pending.n && __builtin_expect(!tx_fill(q, n), 0)) {
			mp_add(&q->stats.full, 1);
			n = q->pending.n;
		}
		sent = n > 0 ? tx_send_signed(q, n) : 0;
		pace_sent(&q->pace, sent);
	}
	if (__builtin_expect(q->phase == TX_COUNTS && (now >= q->end || q->stats.sent >= q->limit), 0))
		tx_finish(q);
	else if (__builtin_expect(q->pace.late, 0)) {
		uint64_t slipped = pace_give_up(&q->pace, now, q->pace.give_up);

		if (q->phase == TX_COUNTS)
			mp_add(&q->stats.slipped, slipped);
	}
	return sent + 1;
}

/* A worker that does not send receives, and does not sleep while a trial runs. */
unsigned
tx_poll_awake(struct worker *w, struct mp_source *source)
{
	return 1;
}

bool
tx_arm(struct worker *w, struct mp_source *source)
{
	return true;
}
