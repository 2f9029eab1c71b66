/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces as workers use them: frames in, and the transmit buffers through which everything leaves.
 *
 * Synchronization: a transmit buffer belongs to one worker.  An interface that a worker has looked up stays valid until
 * the worker reports quiescence; if_flush() empties every buffer before that, so no buffer holds a packet for, or a
 * pointer to, an interface longer than a loop.
 * Lifetime: buffers are made by if_txbuf_make() before their interface is published, and freed by ifnet_fini().
 */
#include "if/ifnet.h"
#include "ether/ether.h"
#include "pkt/trace.h"

#include <string.h>

/* From this many packets a run goes to an idle interface as it is, without being copied into the buffer. */
#define IF_TX_DIRECT 16
/* How far ahead of its use the start of a received frame is fetched */
#define IF_PREFETCH 6

struct ifnet *_Atomic ifnet_table[MP_MAXIF];

static void
if_capture(struct worker *w, struct rte_mbuf **m, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *copy = pkt_copy(w, m[i]);

		if (copy != NULL)
			mp_punt(w, PUNT_CAPTURE, copy);
	}
}

static void
if_drop(struct worker *w, struct ifnet *ifp, struct rte_mbuf **m, unsigned n, enum mp_drop why)
{
	if (ifp != NULL)
		mp_add(&if_stats_of(ifp, w)->odrops, n);
	for (unsigned i = 0; i < n; i++)
		pkt_drop(w, m[i], why);
}

/* Gives a run to the interface's device. */
static inline void
if_send(struct worker *w, struct ifnet *ifp, struct rte_mbuf **m, unsigned n)
{
	if (unlikely(atomic_load_explicit(&ifp->if_capture, memory_order_relaxed) != 0)) {
		for (unsigned i = 0; i < n; i++)
			pkt_meta(m[i])->oifgen = ifp->if_gen;
		if_capture(w, m, n);
	}
	ifp->if_ops->transmit(w, ifp, m, n);
}

static inline void
if_txbuf_dirty(struct worker *w, struct mp_txbuf *b, struct ifnet *ifp)
{
	if (unlikely(w->ntxdirty == sizeof(w->txdirty) / sizeof(w->txdirty[0])))
		if_flush(w);
	/* no branch on dirty: with many interfaces it cannot be guessed */
	b->ifp = ifp;
	w->txdirty[w->ntxdirty] = ifp->if_index;
	w->ntxdirty += !b->dirty;
	b->dirty = true;
}

/* A run of packets for one interface. */
static inline void
if_transmit_run(struct worker *w, struct ifnet *ifp, struct rte_mbuf **m, unsigned n)
{
	struct mp_txbuf *b;

	/* what is dead is not up (if_detach) */
	if (unlikely(ifp == NULL || !(atomic_load_explicit(&ifp->if_flags, memory_order_relaxed) & IFF_SMP_UP))) {
		bool dead = ifp == NULL || atomic_load_explicit(&ifp->if_dead, memory_order_relaxed);

		if_drop(w, ifp, m, n, dead ? DROP_IF_GONE : DROP_IF_DOWN);
		return;
	}
	b = w->txbuf[ifp->if_index];
	if (b->n == 0 && n >= IF_TX_DIRECT) {
		if (!ifp->if_noflush)
			if_txbuf_dirty(w, b, ifp);
		if_send(w, ifp, m, n);
		return;
	}
	if_txbuf_dirty(w, b, ifp);
	if (likely(n == 1)) {
		b->m[b->n++] = m[0];
		if (unlikely(b->n == PKT_VEC)) {
			b->n = 0;
			if_send(w, ifp, b->m, PKT_VEC);
		}
		return;
	}
	while (n > 0) {
		unsigned k = PKT_VEC - b->n;

		if (k > n)
			k = n;
		memcpy(&b->m[b->n], m, k * sizeof(m[0]));
		b->n += k;
		m += k;
		n -= k;
		if (b->n == PKT_VEC) {
			b->n = 0;
			if_send(w, ifp, b->m, PKT_VEC);
		}
	}
}

static void
transmit_run(struct worker *w, struct pktvec *v)
{
	unsigned n = v->n;

	for (unsigned i = 0, next; i < n; i = next) {
		uint16_t oif = pkt_meta(v->m[i])->oif;

		for (next = i + 1; next < n && pkt_meta(v->m[next])->oif == oif; next++)
			;
		if_transmit_run(w, ifnet_get(oif), &v->m[i], next - i);
	}
	v->n = 0;
}

void
if_transmit(struct worker *w, struct pktvec *v)
{
	ASSERT_WORKER();
	STAGE_VEC(w, IF_TRANSMIT, v, transmit_run(w, v));
}

void
if_transmit_one(struct worker *w, struct ifnet *ifp, struct rte_mbuf *m)
{
	ASSERT_WORKER();
	pkt_meta(m)->oif = ifp->if_index;
	STAGE_MBUFS(w, IF_TRANSMIT, &m, 1, if_transmit_run(w, ifp, &m, 1));
}

void
if_flush(struct worker *w)
{
	ASSERT_WORKER();
	/* Taken from the end: a device that transmits through another interface may append while we are at it. */
	while (w->ntxdirty > 0) {
		struct mp_txbuf *b = w->txbuf[w->txdirty[--w->ntxdirty]];
		struct ifnet *ifp = b->ifp;
		unsigned n = b->n;

		b->n = 0;
		if (n > 0)
			if_send(w, ifp, b->m, n);
		if (!ifp->if_noflush && ifp->if_ops->flush != NULL)
			ifp->if_ops->flush(w, ifp);
		if (b->n == 0)
			b->dirty = false;
		else
			w->txdirty[w->ntxdirty++] = ifp->if_index;
	}
}

/* iif and iifgen set, the rest zero, in two wide stores */
static inline void
if_meta_set(struct rte_mbuf *m, uint16_t index, uint8_t gen)
{
	typedef uint64_t pair __attribute__((vector_size(16), aligned(1), may_alias));
	char *meta = (char *)pkt_meta(m);

	_Static_assert(offsetof(struct pktmeta, iif) == 0, "the lowest octets of the first");
	_Static_assert(offsetof(struct pktmeta, iifgen) == sizeof(struct pktmeta) - 8, "the ninth octet of the second");
	*(pair *)meta = (pair){index, 0};
	*(pair *)(meta + sizeof(struct pktmeta) - 16) = (pair){0, gen};
}

/* Carries on the frames of several interfaces; the vector is empty afterwards. */
static void
input_runs(struct worker *w, struct pktvec *v, const struct if_run *run, unsigned nruns)
{
	unsigned n = v->n, i = 0, out = 0;

	for (; i < n && i < IF_PREFETCH; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(v->m[i], void *));
		rte_prefetch0(pkt_meta(v->m[i]));
	}
	i = 0;
	for (unsigned r = 0; r < nruns; r++) {
		struct ifnet *ifp = run[r].ifp;
		struct if_stats *st = if_stats_of(ifp, w);
		const unsigned first = i, end = i + run[r].n;
		const uint16_t index = ifp->if_index;
		const uint8_t gen = ifp->if_gen;
		uint64_t bytes = 0, mcasts = 0;

		for (; i < end; i++) {
			struct rte_mbuf *m = v->m[i];

			if (i + IF_PREFETCH < n) {
				rte_prefetch0(rte_pktmbuf_mtod(v->m[i + IF_PREFETCH], void *));
				rte_prefetch0(pkt_meta(v->m[i + IF_PREFETCH]));
			}
			if_meta_set(m, index, gen);
			bytes += m->pkt_len;
			mcasts += *rte_pktmbuf_mtod(m, const uint8_t *) & 1;
		}
		mp_add(&st->ipackets, end - first);
		mp_add(&st->ibytes, bytes);
		mp_add(&st->imcasts, mcasts);
		if (STAGE_WATCHED(w))
			pkt_trace_received(w, run[r].queue, &v->m[first], end - first);
		if (unlikely(atomic_load_explicit(&ifp->if_capture, memory_order_relaxed) != 0))
			if_capture(w, &v->m[first], end - first);
		if (unlikely(!(atomic_load_explicit(&ifp->if_flags, memory_order_relaxed) & IFF_SMP_UP))) {
			bool dead = atomic_load_explicit(&ifp->if_dead, memory_order_relaxed);

			mp_add(&st->idrops, end - first);
			for (unsigned k = first; k < end; k++)
				pkt_drop(w, v->m[k], dead ? DROP_IF_GONE : DROP_IF_DOWN);
			continue;
		}
		if (unlikely(out != first))
			memmove(&v->m[out], &v->m[first], (end - first) * sizeof(v->m[0]));
		out += end - first;
	}
	COUNT_ADD(w, PKT_RECEIVED, n);
	v->n = out;
	if (out > 0)
		ether_input(w, v);
	v->n = 0;
}

void
if_input(struct worker *w, struct ifnet *ifp, struct pktvec *v)
{
	const struct if_run run = {.ifp = ifp, .n = v->n};

	ASSERT_WORKER();
	if (v->n > 0)
		STAGE_CALL(w, IF_INPUT, v->n, input_runs(w, v, &run, 1));
}

void
if_receive(struct worker *w)
{
	struct mp_rxvec *rx = w->rx;
	unsigned nruns = rx->nruns;

	ASSERT_WORKER();
	rx->v.n = w->nrx;
	w->nrx = 0;
	rx->nruns = 0;
	STAGE_CALL(w, IF_INPUT, rx->v.n, input_runs(w, &rx->v, rx->run, nruns));
}
