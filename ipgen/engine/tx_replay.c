/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending the packets of a capture file as they are, at their own times or by the rate.
 *
 * A packet belongs to the queue that its flow's hash names, so that the packets of a flow keep their order.
 *
 * Synchronization: struct tx_queue belongs to its worker.
 * Lifetime: see tx_ctl.c.
 */
#include "ipgen/engine/tx_var.h"
#include "pkt/pkt.h"

/* The next packet of this queue from here on; false: the file is at its end */
static bool
replay_seek(struct tx_queue *q)
{
	const struct traffic *t = q->traffic;

	for (uint32_t looked = 0; looked <= t->nreplay; looked++) {
		if (q->replay == t->nreplay) {
			if (!t->replay_loop)
				return false;
			q->replay = 0;
			q->round++;
		}
		if (replay_packet(t, q->replay)->hash % q->stride == q->index)
			return q->round * t->nreplay + q->replay < q->limit;
		q->replay++;
	}
	return false;
}

static uint64_t
replay_due(const struct tx_queue *q)
{
	uint64_t due = replay_packet(q->traffic, q->replay)->due;

	return q->start + q->round * q->period + (uint64_t)((double)due * q->ticks_ns);
}

/* Fills what is due by its own time, or as many as the pace says; *over: nothing comes any more */
static unsigned
replay_fill_due(struct tx_queue *q, uint64_t now, bool *over)
{
	struct tx_pending *p = &q->pending;
	unsigned n = q->period == 0 ? pace_due(&q->pace, now, q->end - 1) : q->burst;

	while (p->n < n) {
		if (!replay_seek(q)) {
			*over = true;
			break;
		}
		if (q->period != 0 && (int64_t)(now - replay_due(q)) < 0)
			break;
		if (!tx_alloc(q, &p->m[p->n], 1)) {
			mp_add(&q->stats.full, 1);
			break;
		}
		rte_pktmbuf_reset(p->m[p->n]);
		memset(&p->m[p->n]->hash, 0, sizeof(p->m[p->n]->hash));
		(void)replay_fill(q->traffic, p->m[p->n], q->replay);
		p->size[p->n] = p->m[p->n]->pkt_len + TRAFFIC_FCS;
		p->n++;
		q->replay++;
	}
	return RTE_MIN(n, p->n);
}

unsigned
tx_poll_replay(struct worker *w, struct mp_source *source)
{
	struct tx_queue *q = (struct tx_queue *)source;
	uint64_t now = rte_rdtsc();
	unsigned n, sent = 0;
	bool over = false;

	ASSERT_WORKER();
	if (q->paused && q->phase != TX_DONE && now >= q->end) {
		q->limit = 0;
		tx_finish(q);
	}
	if (q->phase == TX_DONE || q->paused || (int64_t)(now - q->start) < 0)
		return q->phase != TX_DONE;
	if (q->phase == TX_WAIT)
		tx_set_phase(q, TX_COUNTS);
	n = replay_fill_due(q, now, &over);
	if (n > 0)
		sent = tx_send(q, n, now);
	if (q->period == 0) {
		pace_sent(&q->pace, sent);
		if (q->pace.late)
			mp_add(&q->stats.slipped, pace_give_up(&q->pace, now, q->pace.give_up));
	}
	if ((over && q->pending.n == 0) || now >= q->end) {
		if (over)
			q->limit = 0; /* nothing slipped: there was no more */
		tx_finish(q);
	}
	return sent + 1;
}
