/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sending: buffers from the pool become the next packets of a queue's flows.
 *
 * Most buffers hold a frame of ours already, and their key says which; then only what differs is written.  What is common
 * to a burst (one size or many, one family) is decided once: a loop for each.
 *
 * Synchronization: struct tx_queue belongs to its worker, and so do the buffers that it took.
 * Lifetime: see tx_ctl.c.
 */
#include <string.h>

#include "ipgen/engine/tx_var.h"
#include "pkt/pkt.h"

#define TX_AHEAD 4 /* buffers fetched ahead of their use */

/* Where a buffer of ours says what it holds: no driver writes the received hash of what it sends. */
static inline uint64_t
key_get(const struct rte_mbuf *m)
{
	uint64_t key;

	_Static_assert(sizeof(m->hash) == sizeof(key), "the key's place");
	memcpy(&key, &m->hash, sizeof(key));
	return key;
}

static inline void
key_set(struct rte_mbuf *m, uint64_t key)
{
	memcpy(&m->hash, &key, sizeof(key));
}

/* A buffer from the pool has one segment and one reference; what a driver may have changed is set. */
static inline void
buffer_reset(struct rte_mbuf *m)
{
	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->ol_flags = 0;
}

static inline void
buffer_ahead(const struct tx_pending *p, unsigned i, unsigned n)
{
	const struct rte_mbuf *m = p->m[i + TX_AHEAD < n ? i + TX_AHEAD : i];

	rte_prefetch0(m);
	rte_prefetch0((const char *)m + sizeof(*m) + RTE_PKTMBUF_HEADROOM);
}

/* The sizes and the flows of a queue have met as they did at the beginning. */
static __attribute__((noinline)) void
walk_shift(struct tx_queue *q)
{
	uint32_t size = q->size;

	tx_walk(q);
	q->size = size + 1 < q->traffic->nsizes ? size + 1 : 0;
}

/* The next packet's flow, number and size. */
static inline void
walk_next(struct tx_queue *q, const struct traffic *t)
{
	if (++q->size >= t->nsizes)
		q->size = 0;
	if (__builtin_expect(--q->unlike == 0, 0))
		walk_shift(q);
	q->flow += q->stride;
	if (q->flow >= t->nflows) {
		q->flow = q->index;
		q->seq++;
	}
}

/*
 * A queue with one flow of one size: most buffers hold the frame already, flow and all.  The key says so by bit 31, which
 * frame_key does not use.
 */
static void
fill_same(struct tx_queue *q, const struct traffic *t, unsigned first, unsigned n)
{
	struct tx_pending *p = &q->pending;
	const struct frame_template *h = &t->template[frame_index(t, q->index, 0)];
	const uint64_t key = t->generation | 1u << 31 | q->index;
	const uint64_t flow = (uint64_t)(q->index | q->dirbit) << 32;
	const uint16_t len = h->len, sig = h->sig;
	uint32_t seq = q->seq;

	for (unsigned i = first; i < n; i++) {
		struct rte_mbuf *m = p->m[i];

		rte_prefetch0(p->m[i + TX_AHEAD < n ? i + TX_AHEAD : i]);
		buffer_reset(m);
		if (__builtin_expect(key_get(m) == key, 1)) {
			m->data_len = len;
			m->pkt_len = len;
		} else {
			(void)frame_fill(t, m, q->index, 0);
			key_set(m, key);
		}
		p->sig[i] = rte_pktmbuf_mtod(m, uint8_t *) + sig;
		p->id[i] = flow | seq++;
		p->size[i] = len + TRAFFIC_FCS;
	}
	q->seq = seq;
}

/* Flows of one family in buffers that come back as they were; v6 and many (sizes) are constants. */
static inline __attribute__((always_inline)) void
fill_family(struct tx_queue *q, const struct traffic *t, unsigned first, unsigned n, const bool v6, const bool many)
{
	struct tx_pending *p = &q->pending;
	const struct frame_template *const templates = t->template;
	const struct frame_flow4 *const flow4 = t->flow4;
	const struct flow *const flow6 = t->flow;
	const uint16_t *const order = t->order;
	const uint64_t generation = t->generation;
	const uint32_t nflows = t->nflows, nsizes = t->nsizes, stride = q->stride, dirbit = q->dirbit;
	uint32_t flow = q->flow, seq = q->seq, size = q->size;
	uint64_t unlike = q->unlike;

	for (unsigned i = first; i < n; i++) {
		struct rte_mbuf *m = p->m[i];
		const uint32_t which = many ? order[size] : 0;
		const struct frame_template *h = &templates[which];
		const uint64_t key = key_get(m);
		uint8_t *d;

		buffer_ahead(p, i, n);
		buffer_reset(m);
		d = rte_pktmbuf_mtod(m, uint8_t *);
		if (__builtin_expect(many ? key >> 32 != generation >> 32 : key != generation, 0)) {
			(void)frame_fill(t, m, flow, size);
			key_set(m, generation | (many ? (uint64_t)h->fill << FRAME_KEY_HELD : 0) | which);
		} else {
			if (many) {
				uint32_t held = (uint32_t)key >> FRAME_KEY_HELD;

				held = frame_change(t, d, key & FRAME_KEY_WHICH, held, which);
				key_set(m, generation | (uint64_t)held << FRAME_KEY_HELD | which);
			}
			if (v6)
				frame_put_flow(h, &flow6[flow], d);
			else
				frame_put_flow4(h, &flow4[flow], d);
			m->data_len = h->len;
			m->pkt_len = h->len;
		}
		p->sig[i] = d + h->sig;
		p->id[i] = (uint64_t)(flow | dirbit) << 32 | seq;
		p->size[i] = h->len + TRAFFIC_FCS;
		if (many) {
			if (++size >= nsizes)
				size = 0;
			if (__builtin_expect(--unlike == 0, 0)) {
				q->size = size;
				walk_shift(q);
				size = q->size;
				unlike = q->unlike;
			}
		}
		flow += stride;
		if (flow >= nflows) {
			flow = q->index;
			seq++;
		}
	}
	q->flow = flow;
	q->seq = seq;
	q->size = size;
	q->unlike = unlike;
}

/* Whatever it is. */
static void
fill_any(struct tx_queue *q, const struct traffic *t, unsigned first, unsigned n)
{
	struct tx_pending *p = &q->pending;
	const bool keeps = q->keeps;

	for (unsigned i = first; i < n; i++) {
		struct rte_mbuf *m = p->m[i];
		uint64_t key = frame_key(t, q->flow, q->size);

		buffer_ahead(p, i, n);
		buffer_reset(m);
		if (keeps && key_get(m) == key) {
			p->sig[i] = frame_touch(t, m, q->flow, q->size);
		} else {
			p->sig[i] = frame_fill(t, m, q->flow, q->size);
			key_set(m, keeps ? key : 0);
		}
		p->id[i] = (uint64_t)(q->flow | q->dirbit) << 32 | q->seq;
		p->size[i] = m->pkt_len + TRAFFIC_FCS;
		walk_next(q, t);
	}
}

bool
tx_fill(struct tx_queue *q, unsigned n)
{
	const struct traffic *t = q->traffic;
	struct tx_pending *p = &q->pending;
	const unsigned first = p->n;
	const bool many = t->nsizes > 1;

	if (__builtin_expect(!tx_alloc(q, p->m + first, n - first), 0))
		return false;
	if (!q->keeps || t->nclass > 1 || (t->flow4 == NULL && t->flow->family == 4))
		fill_any(q, t, first, n);
	else if (q->flows == 1 && !many)
		fill_same(q, t, first, n);
	else if (t->flow4 != NULL && !many)
		fill_family(q, t, first, n, false, false);
	else if (t->flow4 != NULL)
		fill_family(q, t, first, n, false, true);
	else if (!many)
		fill_family(q, t, first, n, true, false);
	else
		fill_family(q, t, first, n, true, true);
	p->n = n;
	return true;
}
