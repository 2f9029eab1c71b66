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
	if (atomic_load_explicit(&ifp->if_capture, memory_order_relaxed) != 0) {
		for (unsigned i = 0; i < n; i++)
			pkt_meta(m[i])->oifgen = ifp->if_gen;
		if_capture(w, m, n);
	}
	ifp->if_ops->transmit(w, ifp, m, n);
}

static inline void
if_txbuf_dirty(struct worker *w, struct mp_txbuf *b, struct ifnet *ifp)
{
	if (b->dirty)
		return;
	if (w->ntxdirty == sizeof(w->txdirty) / sizeof(w->txdirty[0]))
		if_flush(w);
	b->ifp = ifp;
	b->dirty = true;
	w->txdirty[w->ntxdirty++] = ifp->if_index;
}

/* A run of packets for one interface. */
static inline void
if_transmit_run(struct worker *w, struct ifnet *ifp, struct rte_mbuf **m, unsigned n)
{
	struct mp_txbuf *b;

	if (__builtin_expect(ifp == NULL || atomic_load_explicit(&ifp->if_dead, memory_order_relaxed), 0)) {
		if_drop(w, ifp, m, n, DROP_IF_GONE);
		return;
	}
	if (__builtin_expect(!(atomic_load_explicit(&ifp->if_flags, memory_order_relaxed) & IFF_SMP_UP), 0)) {
		if_drop(w, ifp, m, n, DROP_IF_DOWN);
		return;
	}
	b = w->txbuf[ifp->if_index];
	if_txbuf_dirty(w, b, ifp);
	if (b->n == 0 && n >= IF_TX_DIRECT) {
		if_send(w, ifp, m, n);
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
		if (ifp->if_ops->flush != NULL)
			ifp->if_ops->flush(w, ifp);
		if (b->n == 0)
			b->dirty = false;
		else
			w->txdirty[w->ntxdirty++] = ifp->if_index;
	}
}

static void
input_run(struct worker *w, struct ifnet *ifp, struct pktvec *v)
{
	struct pktmeta meta = {.iif = ifp->if_index, .iifgen = ifp->if_gen};
	struct if_stats *st = if_stats_of(ifp, w);
	unsigned n = v->n;
	uint64_t bytes = 0, mcasts = 0;

	if (n == 0)
		return;
	/* Hides that most of it is zero: then it is three wide stores a packet instead of a dozen of its members. */
	__asm__("" : "+m"(meta));
	for (unsigned i = 0; i < n && i < IF_PREFETCH; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(v->m[i], void *));
		rte_prefetch0(pkt_meta(v->m[i]));
	}
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = v->m[i];

		if (i + IF_PREFETCH < n) {
			rte_prefetch0(rte_pktmbuf_mtod(v->m[i + IF_PREFETCH], void *));
			rte_prefetch0(pkt_meta(v->m[i + IF_PREFETCH]));
		}
		*pkt_meta(m) = meta;
		bytes += m->pkt_len;
		mcasts += *rte_pktmbuf_mtod(m, const uint8_t *) & 1;
	}
	if (STAGE_WATCHED(w))
		pkt_trace_received(w, v->m, n);
	COUNT_ADD(w, PKT_RECEIVED, n);
	mp_add(&st->ipackets, n);
	mp_add(&st->ibytes, bytes);
	mp_add(&st->imcasts, mcasts);

	if (__builtin_expect(atomic_load_explicit(&ifp->if_capture, memory_order_relaxed) != 0, 0))
		if_capture(w, v->m, n);
	if (__builtin_expect(!(atomic_load_explicit(&ifp->if_flags, memory_order_relaxed) & IFF_SMP_UP), 0)) {
		mp_add(&st->idrops, n);
		pktvec_drop(
		    w, v, atomic_load_explicit(&ifp->if_dead, memory_order_relaxed) ? DROP_IF_GONE : DROP_IF_DOWN);
		return;
	}
	ether_input(w, ifp, v);
}

void
if_input(struct worker *w, struct ifnet *ifp, struct pktvec *v)
{
	ASSERT_WORKER();
	STAGE_CALL(w, IF_INPUT, v->n, input_run(w, ifp, v));
}
