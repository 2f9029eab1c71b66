/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets: allocation, drops, and where they go on after a ring or a re-input vector. */
/*
 * Synchronization: a packet has one owner, the thread that runs with it; rings hand it over.
 * Lifetime: a packet ends in pkt_drop, pkt_consume or a device's transmit queue, each counted.
 */
#include <errno.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_mbuf_dyn.h>

#include "pkt/pkt.h"
#include "pkt/trace.h"

static void (*stage_fn[PKT_STAGE_COUNT])(struct worker *, struct pktvec *); /* [I] after start */
static bool (*stage_check)(const struct pktmeta *);			    /* [I] after start */

int
pkt_init(void)
{
	static const struct rte_mbuf_dynfield field = {
	    .name = "smpnet_meta",
	    .size = sizeof(struct pktmeta),
	    .align = __alignof__(uint32_t),
	};
	int off = rte_mbuf_dynfield_register_offset(&field, PKT_META_OFFSET);

	if (off != (int)PKT_META_OFFSET) {
		mp_log(MP_LOG_ERR, "no room for metadata in DPDK's mbuf: %s", rte_strerror(rte_errno));
		return -rte_errno;
	}
	return 0;
}

static struct rte_mbuf *
pkt_alloc(struct worker *w)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

	MP_ASSERT(w == mp_self);
	if (unlikely(m == NULL)) {
		mp_add(&w->drops_nobuf, 1);
		return NULL;
	}
	memset(pkt_meta(m), 0, sizeof(struct pktmeta));
	return m;
}

struct rte_mbuf *
pkt_originate(struct worker *w)
{
	struct rte_mbuf *m = pkt_alloc(w);

	if (m != NULL) {
		COUNT(w, PKT_ORIGINATED);
		pkt_meta(m)->flags = PKT_F_LOCAL;
	}
	return m;
}

struct rte_mbuf *
pkt_alloc_copy(struct worker *w)
{
	struct rte_mbuf *m = pkt_alloc(w);

	if (m != NULL)
		COUNT(w, PKT_COPIES);
	return m;
}

struct rte_mbuf *
pkt_copy(struct worker *w, const struct rte_mbuf *m)
{
	struct rte_mbuf *c = rte_pktmbuf_copy(m, w->pool, 0, UINT32_MAX);

	MP_ASSERT(w == mp_self);
	if (unlikely(c == NULL)) {
		mp_add(&w->drops_nobuf, 1);
		return NULL;
	}
	memcpy((char *)c + PKT_META_OFFSET, (const char *)m + PKT_META_OFFSET, sizeof(struct pktmeta));
	pkt_meta(c)->flags &= (uint8_t)~PKT_F_TRACED; /* who makes the copy says whether it is to be followed */
	c->tx_offload = m->tx_offload;
	COUNT(w, PKT_COPIES);
	return c;
}

void
pkt_drop(struct worker *w, struct rte_mbuf *m, enum mp_drop reason)
{
	MP_ASSERT(w == mp_self);
	TRACE(w, m, DROPPED, 0, reason, 0);
	mp_add(&w->drops[reason], 1);
	rte_pktmbuf_free(m);
}

void
pktvec_drop(struct worker *w, struct pktvec *v, enum mp_drop reason)
{
	MP_ASSERT(w == mp_self);
	for (unsigned i = 0; STAGE_WATCHED(w) && i < v->n; i++)
		TRACE(w, v->m[i], DROPPED, 0, reason, 0);
	mp_add(&w->drops[reason], v->n);
	rte_pktmbuf_free_bulk(v->m, v->n);
	v->n = 0;
}

void
pkt_drop_unreceived(struct worker *w)
{
	MP_ASSERT(w == mp_self);
	COUNT(w, PKT_RECEIVED);
	mp_add(&w->drops[DROP_NOBUF], 1);
}

void
pkt_consume(struct worker *w, struct rte_mbuf *m)
{
	MP_ASSERT(w == mp_self);
	TRACE(w, m, CONSUMED, 0, 0, 0);
	COUNT(w, PKT_CONSUMED);
	rte_pktmbuf_free(m);
}

void
pkt_stage_register(enum pkt_stage stage, void (*fn)(struct worker *, struct pktvec *))
{
	stage_fn[stage] = fn;
}

void
pkt_stage_check(bool (*check)(const struct pktmeta *))
{
	stage_check = check;
}

void
pkt_resume(struct worker *w, struct rte_mbuf **m, unsigned n)
{
	struct pktvec v;
	unsigned i = 0;

	ASSERT_WORKER();
	/* runs of packets for one stage: senders hand over vectors of one kind */
	while (i < n) {
		uint8_t stage = pkt_meta(m[i])->stage;

		v.n = 0;
		for (; i < n && pkt_meta(m[i])->stage == stage && v.n < PKT_VEC; i++) {
			if (unlikely(stage_check != NULL && !stage_check(pkt_meta(m[i]))))
				pkt_drop(w, m[i], DROP_IF_GONE);
			else
				pktvec_add(&v, m[i]);
		}
		if (v.n > 0)
			stage_fn[stage](w, &v);
	}
}

void
pkt_reinput(struct worker *w, struct rte_mbuf *m, enum pkt_stage stage)
{
	struct pktmeta *meta = pkt_meta(m);

	ASSERT_WORKER();
	if (unlikely(++meta->depth > PKT_MAXDEPTH)) {
		pkt_drop(w, m, DROP_LOOP);
		return;
	}
	meta->stage = stage;
	if (unlikely(w->reinput->n == PKT_VEC)) {
		/* full: through our own inbox, which is served next turn */
		mp_handoff(w, w, &m, 1);
		return;
	}
	pktvec_add(w->reinput, m);
}

void
pkt_run_reinput(struct worker *w)
{
	struct rte_mbuf *m[PKT_VEC];
	unsigned n = w->reinput->n;

	memcpy(m, w->reinput->m, n * sizeof(m[0]));
	w->reinput->n = 0;
	pkt_resume(w, m, n);
}

void
pkt_ctl_send(struct rte_mbuf *m, enum pkt_stage stage)
{
	struct pktmeta *meta = pkt_meta(m);
	struct worker *to = mp_workers[meta->hash % mp_nworkers];

	ASSERT_CONTROL();
	meta->stage = stage;
	mp_handoff(mp_control(), to, &m, 1);
}

bool
pkt_pullup(struct rte_mbuf *m, uint32_t len)
{
	uint32_t want;

	if (likely(m->data_len >= len))
		return true;
	if (m->pkt_len < len)
		return false;
	want = len - m->data_len;
	if (want > rte_pktmbuf_tailroom(m)) {
		/* move the data to the front of the buffer, keeping room for a link header */
		uint16_t front = RTE_MIN(m->data_off, (uint16_t)64);

		if (len + front > m->buf_len)
			return false;
		memmove((char *)m->buf_addr + front, rte_pktmbuf_mtod(m, char *), m->data_len);
		m->data_off = front;
	}
	while (want > 0) {
		struct rte_mbuf *next = m->next;
		uint16_t k = RTE_MIN(want, (uint32_t)next->data_len);

		memcpy(rte_pktmbuf_mtod_offset(m, char *, m->data_len), rte_pktmbuf_mtod(next, char *), k);
		m->data_len += k;
		next->data_off += k;
		next->data_len -= k;
		want -= k;
		if (next->data_len == 0) {
			m->next = next->next;
			m->nb_segs--;
			next->next = NULL;
			next->nb_segs = 1;
			rte_pktmbuf_free_seg(next);
		}
	}
	return true;
}
