/* SPDX-License-Identifier: BSD-2-Clause */
/* Receiving: a worker's vector is looked at, counted, followed by flow, and freed. */
/*
 * The time of arrival is one reading of the clock a vector.  Frames that are none of ours go to control (mp_punt).
 *
 * Synchronization: rx_var.h.  A worker writes its counters and the flows it owns; it reads the table once a vector.
 * Lifetime: frames end here, in control's hands, or in the inbox of the worker that owns the flow.
 */
#include "ipgen/engine/rx.h"

#include <rte_cycles.h>

#include "if/ifnet.h"
#include "ipgen/engine/rx_var.h"

struct rx_table *_Atomic rx_now;
struct rx_table *_Atomic rx_closing;
struct rx_hand *rx_hand[MP_MAXWORKERS];

/* What a vector adds to the counters that every packet counts in. */
struct batch {
	uint64_t received[TRIAL_DIRS]; /* packets above bit 32, octets without FCS below */
	uint64_t unique[TRIAL_DIRS];
};
#define RECEIVED(len) (((uint64_t)1 << 32) + (len))

/* => the word's one writer */
static inline void
set(uint64_t *word, uint64_t v)
{
	__atomic_store_n(word, v, __ATOMIC_RELAXED);
}

/* What a packet that is handed over keeps of what was seen: in its metadata, whose other words nobody reads there. */
static void
hand_pack(struct rte_mbuf *m, const struct rx_seen *s, uint64_t age, uint16_t magic)
{
	struct pktmeta *meta = pkt_meta(m);

	meta->stage = RX_STAGE;
	meta->ethertype = magic;
	meta->class = (uint8_t)s->is;
	meta->flags = s->corrupt;
	meta->nh = s->flow | (s->dir != 0 ? SIG_DIR : 0);
	meta->hash = s->seq;
	meta->aux = (uint32_t)age;
	meta->oif = (uint16_t)(age >> 32);
}

static void
hand_unpack(struct rte_mbuf *m, struct rx_seen *s, uint64_t *age)
{
	const struct pktmeta *meta = pkt_meta(m);

	s->is = meta->class;
	s->corrupt = meta->flags != 0;
	s->dir = meta->nh >> 31;
	s->flow = meta->nh & ~SIG_DIR;
	s->seq = meta->hash;
	*age = meta->aux | (uint64_t)meta->oif << 32;
}

/* Anything but the next number of a flow in which nothing is missing: what changed is added to the counters. */
static enum track_is __attribute__((noinline))
own_odd(struct rx_dir *d, struct track *tr, struct track_tail *tail, const struct track_shape *shape, uint32_t seq)
{
	const struct track was = *tr;
	uint32_t numberless = tail->numberless;
	enum track_is is = track_other(tr, tail, shape, seq);

	mp_add(&d->unique, tr->unique - was.unique);
	mp_add(&d->missing, track_missing(tr) - track_missing(&was));
	mp_add(&d->reordered, tr->reordered - was.reordered);
	mp_add(&d->duplicate, tr->duplicate - was.duplicate);
	mp_add(&d->late, tr->late - was.late);
	numberless = tail->numberless - numberless;
	if (numberless > 0) {
		tail->corrupt += numberless;
		mp_add(&d->corrupt, numberless);
		mp_add(&d->unattributed, numberless);
	}
	if (tail->extent > d->extent)
		set(&d->extent, tail->extent);
	return is;
}

/* A packet of a flow of ours. */
static inline void
own(struct rx_table *t, struct rx_worker *rw, const struct rx_seen *s, uint64_t age, struct batch *b)
{
	struct rx_flows *f = &t->flows[s->dir];
	struct track *tr = &f->track[s->flow];
	enum track_is is = TRACK_NEXT;

	if (likely(s->is == RX_TEST)) {
		if (likely(s->seq == (uint32_t)tr->next && tr->holes == 0)) {
			tr->next++;
			tr->unique++;
			b->unique[s->dir]++;
		} else {
			is = own_odd(&rw->dir[s->dir], tr, rx_tail(f, s->flow), &f->shape, s->seq);
		}
		if (likely(is <= TRACK_REORDERED || is == TRACK_HELD)) {
			track_jitter(tr, (float)age);
			hist_add(&rw->hist[s->dir], age);
		}
		if (unlikely(s->corrupt))
			rx_tail(f, s->flow)->corrupt++;
	} else if (s->is == RX_NUMBERLESS) {
		rx_tail(f, s->flow)->corrupt++;
		rx_tail(f, s->flow)->numberless++;
	} else {
		rx_tail(f, s->flow)->misdelivered++;
	}
}

/* => is the flow this worker's?  The first to ask has it. */
static inline bool
own_take(struct worker *w, _Atomic uint8_t *owner, uint8_t *whose)
{
	*whose = atomic_load_explicit(owner, memory_order_relaxed);
	if (likely(*whose == w->id + 1))
		return true;
	if (*whose == 0 && atomic_compare_exchange_strong_explicit(
			       owner, whose, (uint8_t)(w->id + 1), memory_order_relaxed, memory_order_relaxed))
		return true;
	return false;
}

/* => true: the packet is with the flow's owner now, or lost on the way there (counted) */
static inline bool
own_or_hand(struct worker *w, struct rx_table *t, struct rx_worker *rw, struct rte_mbuf *m, const struct rx_seen *s,
    uint64_t now, struct batch *b)
{
	uint64_t age = sig_age(s->stamp, now);
	struct pktvec *v;
	uint8_t whose;

	if (mp_nworkers == 1 || likely(own_take(w, &t->flows[s->dir].owner[s->flow], &whose))) {
		own(t, rw, s, age, b);
		return false;
	}
	hand_pack(m, s, age, t->match.magic);
	v = &rx_hand[w->id]->to[whose - 1];
	if (v->n == PKT_VEC) {
		mp_handoff(w, mp_workers[whose - 1], v->m, v->n);
		v->n = 0;
	}
	pktvec_add(v, m);
	return true;
}

static void
hand_flush(struct worker *w)
{
	struct rx_hand *h = rx_hand[w->id];

	for (unsigned i = 0; i < mp_nworkers; i++) {
		if (h->to[i].n == 0)
			continue;
		mp_handoff(w, mp_workers[i], h->to[i].m, h->to[i].n);
		h->to[i].n = 0;
	}
}

/* Where a file is replayed to this port every frame but ARP and ND is taken for one of it. */
static bool
replayed(const struct rx_table *t, const struct rx_port *port, const struct rte_mbuf *m, struct batch *b)
{
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		if (!t->replay[d] || (port->ends >> d & 1) == 0)
			continue;
		b->received[d] += RECEIVED(m->pkt_len);
		b->unique[d]++;
		return true;
	}
	return false;
}

/* A frame that is none of ours.  True: control has it */
static bool
foreign(struct worker *w, struct rx_table *t, struct rx_worker *rw, struct ifnet *ifp, const struct rx_port *port,
    struct rte_mbuf *m, const struct rx_seen *s, struct batch *b)
{
	static const enum mp_class class[] = {[RX_LOCAL] = PUNT_LOCAL, [RX_ARP] = PUNT_ARP, [RX_ND] = PUNT_ND};
	struct pktmeta *meta = pkt_meta(m);

	if (s->foreign != RX_ARP && s->foreign != RX_ND && replayed(t, port, m, b))
		return false;
	mp_add(&rw->other, 1);
	if (s->foreign == RX_NOTFORUS)
		return false;
	*meta = (struct pktmeta){.iif = ifp->if_index,
	    .iifgen = ifp->if_gen,
	    .ethertype = s->ethertype,
	    .l3off = s->l3off,
	    .flags = *rte_pktmbuf_mtod(m, uint8_t *) & 1 ? PKT_F_MCAST : 0};
	mp_punt(w, class[s->foreign], m);
	return true;
}

/* A packet that is not simply right.  True: it has gone elsewhere */
static bool __attribute__((noinline)) odd(struct worker *w, struct rx_table *t, struct rx_worker *rw, struct ifnet *ifp,
    const struct rx_port *port, struct rte_mbuf *m, uint64_t now, struct batch *b)
{
	struct rx_seen s;
	struct rx_dir *d;
	bool gone = false;

	rx_check(&t->match, port, m, &s);
	d = &rw->dir[s.dir];
	switch (s.is) {
	case RX_FOREIGN:
		return foreign(w, t, rw, ifp, port, m, &s, b);
	case RX_STALE: /* or from a capture of an earlier run */
		if (replayed(t, port, m, b))
			break;
		mp_add(&d->stale, 1);
		return false;
	case RX_FRAGMENT:
		mp_add(&d->fragments, 1);
		break;
	case RX_WARM:
		mp_add(&d->warm, 1);
		break;
	case RX_MISDELIVERED:
		mp_add(&d->misdelivered, 1);
		gone = own_or_hand(w, t, rw, m, &s, now, b);
		break;
	case RX_NUMBERLESS:
		mp_add(&d->unattributed, 1);
		/* FALLTHROUGH */
	case RX_TEST:
		b->received[s.dir] += RECEIVED(m->pkt_len);
		if (s.corrupt)
			mp_add(&d->corrupt, 1);
		if (s.flow != RX_NOFLOW)
			gone = own_or_hand(w, t, rw, m, &s, now, b);
		break;
	}
	set(&rw->last, now);
	return gone;
}

static void
batch_add(struct rx_worker *rw, const struct batch *b, uint64_t now)
{
	for (unsigned i = 0; i < TRIAL_DIRS; i++) {
		struct rx_dir *d = &rw->dir[i];

		if (b->received[i] > 0) {
			uint64_t n = b->received[i] >> 32;

			mp_add(&d->received, n);
			mp_add(&d->octets, (b->received[i] & 0xffffffff) + n * TRAFFIC_FCS);
			if (d->first == 0)
				set(&d->first, now);
			set(&d->last, now);
			set(&rw->last, now);
		}
		if (b->unique[i] > 0)
			mp_add(&d->unique, b->unique[i]);
	}
}

/* Where the packets' flows lie in memory is asked for before the first of them is looked at. */
static inline void
prefetch_flows(const struct rx_table *t, struct rte_mbuf *const *m, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *p = rte_pktmbuf_mtod_offset(m[i], const uint8_t *, m[i]->data_len);
		uint32_t word, flow;

		if (unlikely(m[i]->data_len < SIG_LEN))
			continue;
		word = rx_load32(p - SIG_LEN + 12);
		flow = word & ~SIG_DIR;
		if (unlikely(flow >= t->match.nflows[word >> 31]))
			continue;
		rte_prefetch0(&t->flows[word >> 31].track[flow]);
		rte_prefetch0(&t->match.flow[word >> 31][flow]);
		rte_prefetch0((const uint8_t *)(&t->match.flow[word >> 31][flow] + 1) - 1);
		rte_prefetch0(&t->flows[word >> 31].owner[flow]);
	}
}

/* One that no shape fits, or that is not what the usual one is.  True: it has gone elsewhere */
static bool __attribute__((noinline))
unlike(struct worker *w, struct rx_table *t, struct rx_worker *rw, struct ifnet *ifp, const struct rx_port *port,
    struct rx_shape *shape, struct rte_mbuf *m, uint64_t now, struct batch *b)
{
	struct rx_seen s;

	if (!rx_good(&t->match, port, m, &s))
		return odd(w, t, rw, ifp, port, m, now, b);
	if (rw->unlike++ % RX_SHAPE_LEARN == 0)
		rx_shape_learn(&shape[rx_shape_slot(m)], m);
	if (s.is == RX_WARM) {
		mp_add(&rw->dir[s.dir].warm, 1);
		set(&rw->last, now);
		return false;
	}
	b->received[s.dir] += RECEIVED(m->pkt_len);
	return own_or_hand(w, t, rw, m, &s, now, b);
}

/*
 * One interface's frames; those that are done with are gathered at done.  Here all is done for the usual packet: its frame
 * is right, its flow is this worker's, its number the next.
 */
static unsigned
receive_run(struct worker *w, struct rx_table *t, struct rx_worker *rw, struct ifnet *ifp, struct rte_mbuf **m,
    unsigned n, uint64_t now, struct batch *b, struct rte_mbuf **done)
{
	struct if_stats *st = if_stats_of(ifp, w);
	struct rx_port other = {0};
	const struct rx_port *port = &other;
	struct rx_shape *shape = rw->shape[ifp == t->ifp[1]];
	uint64_t octets = 0, unlike_octets = 0;
	uint64_t unique = 0, since = 0, age; /* packets that were sent together have one age: all of unique since */
	unsigned ndone = 0, dir;

	if (likely(ifp == t->ifp[0]))
		port = &t->port[0];
	else if (likely(ifp == t->ifp[1]))
		port = &t->port[1];
	else
		other.lladdr = atomic_load_explicit(&ifp->if_lladdr, memory_order_relaxed);
	dir = port->ends == 2;

	const struct rx_expect expect = {.flow = t->match.flow[dir],
	    .nflows = port->ends != 0 ? t->match.nflows[dir] : 0,
	    .dirbit = dir != 0 ? SIG_DIR : 0,
	    .magic = t->match.magic};
	struct rx_stamped stamped = rx_stamped_none(expect.magic);
	struct track *const tracks = t->flows[dir].track;
	const _Atomic uint8_t *owner = mp_nworkers > 1 ? t->flows[dir].owner : NULL;
	const uint8_t me = (uint8_t)(w->id + 1);
	struct hist *const hist = &rw->hist[dir];
	float transit;

	age = sig_age(stamped.a & SIG_STAMP, now);
	transit = (float)age;
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *p = m[i];
		uint64_t was = stamped.a;
		uint32_t len = p->pkt_len, flow, seq;
		struct track *tr;

		octets += len;
		if (unlikely(p->data_len < 60 ||
			     !rx_shape_good(&shape[rx_shape_slot(p)], &expect, p, &stamped, &flow, &seq)))
			goto unusual;
		if (unlikely(stamped.a != was)) {
			if (unique > since)
				hist_add_n(hist, age, unique - since);
			since = unique;
			age = sig_age(stamped.a & SIG_STAMP, now);
			transit = (float)age;
		}
		/* first of all whose the flow is: another worker writes its line */
		if (unlikely(owner != NULL && atomic_load_explicit(&owner[flow], memory_order_relaxed) != me))
			goto unusual;
		tr = &tracks[flow];
		if (unlikely(seq != (uint32_t)tr->next || tr->holes != 0))
			goto unusual;
		track_next(tr, transit);
		unique++;
		done[ndone++] = p;
		continue;
	unusual:
		unlike_octets += len;
		if (!unlike(w, t, rw, ifp, port, shape, p, now, b))
			done[ndone++] = p;
	}
	if (unique > since)
		hist_add_n(hist, age, unique - since);
	b->received[dir] += (unique << 32) + octets - unlike_octets;
	b->unique[dir] += unique;
	mp_add(&st->ipackets, n);
	mp_add(&st->ibytes, octets);
	return ndone;
}

_Static_assert(offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, refcnt) + 2, "one word");

/* Back to their pool together, if each is whole, one segment, nobody else's, and of the same pool; as most are. */
static void
free_bulk(struct rte_mbuf **m, unsigned n)
{
	struct rte_mempool *pool;
	uint64_t unlike = 0;

	if (n == 0)
		return;
	pool = m[0]->pool;
	for (unsigned i = 0; i < n; i++) {
		uint32_t whole; /* references, and segments behind them */

		memcpy(&whole, &m[i]->refcnt, sizeof(whole));
		unlike |= (uint64_t)(uintptr_t)m[i]->pool ^ (uintptr_t)pool;
		unlike |= (m[i]->ol_flags & (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL)) | (whole ^ 0x10001);
	}
	if (likely(unlike == 0))
		rte_mempool_put_bulk(pool, (void **)m, n);
	else
		rte_pktmbuf_free_bulk(m, n);
}

static void
receive(struct worker *w, struct mp_rxvec *rx, unsigned n, unsigned nruns)
{
	uint64_t now = rte_rdtsc();
	struct rx_table *t = atomic_load_explicit(&rx_now, memory_order_acquire);
	struct rx_worker *rw = t->worker[w->id];
	struct rte_mbuf *done[PKT_VEC];
	struct batch b = {0};
	unsigned ndone = 0, i = 0;

	for (unsigned k = 0; k < n; k++) {
		const uint8_t *p = rte_pktmbuf_mtod(rx->v.m[k], const uint8_t *);

		rte_prefetch0(p);
		if (rx->v.m[k]->data_len > RTE_CACHE_LINE_SIZE)
			rte_prefetch0(p + rx->v.m[k]->data_len - 1);
	}
	if (t->many)
		prefetch_flows(t, rx->v.m, n);
	for (unsigned r = 0; r < nruns; r++) {
		ndone += receive_run(w, t, rw, rx->run[r].ifp, &rx->v.m[i], rx->run[r].n, now, &b, done + ndone);
		i += rx->run[r].n;
	}
	batch_add(rw, &b, now);
	if (mp_nworkers > 1)
		hand_flush(w);
	COUNT_ADD(w, PKT_RECEIVED, n);
	COUNT_ADD(w, PKT_CONSUMED, ndone);
	free_bulk(done, ndone);
}

void
rx_receive(struct worker *w)
{
	struct mp_rxvec *rx = w->rx;
	unsigned n = w->nrx, nruns = rx->nruns;

	ASSERT_WORKER();
	w->nrx = 0;
	rx->nruns = 0;
	STAGE_CALL(w, IF_INPUT, n, receive(w, rx, n, nruns));
}

void
rx_resume(struct worker *w, struct rte_mbuf **m, unsigned n)
{
	struct rx_table *t = atomic_load_explicit(&rx_closing, memory_order_acquire);
	struct rte_mbuf *done[PKT_VEC], *rest[PKT_VEC];
	unsigned ndone = 0, nrest = 0;
	struct batch b = {0};

	ASSERT_WORKER();
	MP_ASSERT(n <= PKT_VEC);
	if (t == NULL)
		t = atomic_load_explicit(&rx_now, memory_order_acquire);
	for (unsigned i = 0; i < n; i++) {
		struct rx_seen s;
		uint64_t age;

		if (pkt_meta(m[i])->stage != RX_STAGE) {
			rest[nrest++] = m[i];
			continue;
		}
		done[ndone++] = m[i];
		/* handed over in an earlier trial, or after the last */
		if (t == NULL || pkt_meta(m[i])->ethertype != t->match.magic)
			continue;
		hand_unpack(m[i], &s, &age);
		if (s.flow < t->match.nflows[s.dir])
			own(t, t->worker[w->id], &s, age, &b);
	}
	if (t != NULL)
		batch_add(t->worker[w->id], &b, w->now);
	COUNT_ADD(w, PKT_CONSUMED, ndone);
	rte_pktmbuf_free_bulk(done, ndone);
	if (nrest > 0)
		pkt_resume(w, rest, nrest);
}
