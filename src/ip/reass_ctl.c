/* SPDX-License-Identifier: BSD-2-Clause */
/* Reassembly of fragments addressed to us. */
/*
 * Fragments that overlap are an attack or a mistake: the whole datagram goes (RFC 5722, RFC 8200 section 4.5; RFC 1858
 * for IPv4).  An exact duplicate alone is thrown away.  Memory is bounded by datagrams and fragments (settings), by buffers and
 * by fragments of one datagram; a new datagram displaces the oldest.
 *
 * Synchronization: control thread only.
 * Lifetime: a queue lives from its first fragment until it is complete, expired, displaced or refused.
 */
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "ctl/ctl.h"
#include "ip/reass_ctl.h"
#include "mp/pool.h"
#include "pkt/pkt.h"

struct reass_frag {
	struct reass_frag *next;
	struct rte_mbuf *m;
	uint32_t hlen, off, len;
};

struct reass_queue {
	TAILQ_ENTRY(reass_queue) bucket, age;
	struct reass_key key;
	struct reass_frag *frags; /* in order of off, without overlap */
	uint32_t total;		  /* 0: the last fragment is not here */
	uint32_t have;
	unsigned nfrags, nbuffers;
	uint64_t since_ms;
	struct reass_list *list;
};

static struct reass_list *
reass_bucket(struct reass_table *t, const struct reass_key *key)
{
	uint32_t h = 2166136261u;

	for (unsigned i = 0; i < sizeof(key->octets); i++)
		h = (h ^ key->octets[i]) * 16777619u;
	return &t->bucket[(h ^ h >> 16) % REASS_BUCKETS];
}

static void
reass_unlink(struct reass_table *t, struct reass_queue *q)
{
	TAILQ_REMOVE(q->list, q, bucket);
	TAILQ_REMOVE(&t->age, q, age);
	t->npackets--;
	t->nfrags -= q->nfrags;
	t->nbuffers -= q->nbuffers;
}

/* => the queue and its fragments go; one that is to be answered for may be kept by the caller (keep) */
static void
reass_free(struct reass_table *t, struct reass_queue *q, enum mp_drop reason, const struct rte_mbuf *keep)
{
	struct worker *w = mp_control();
	struct reass_frag *f;

	reass_unlink(t, q);
	while ((f = q->frags) != NULL) {
		q->frags = f->next;
		if (f->m != keep)
			pkt_drop(w, f->m, reason);
		free(f);
	}
	free(q);
}

/* => refuses the datagram with all its fragments and the one just come */
static void
reass_refuse(
    struct reass_table *t, struct reass_queue *q, struct rte_mbuf *m, enum mp_counter counter, enum mp_drop reason)
{
	struct worker *w = mp_control();

	mp_add(&w->counters[counter], (q != NULL ? q->nfrags : 0) + 1);
	if (q != NULL)
		reass_free(t, q, reason, NULL);
	pkt_drop(w, m, reason);
}

static void
reass_tick(evutil_socket_t fd, short events, void *arg)
{
	reass_expire(arg, mp_now_ms());
}

static void
reass_timer(struct reass_table *t)
{
	static const struct timeval half = {.tv_usec = 500000};

	if (t->timer == NULL && ctl_base != NULL)
		t->timer = event_new(ctl_base, -1, 0, reass_tick, t);
	if (t->timer != NULL && !event_pending(t->timer, EV_TIMEOUT, NULL))
		event_add(t->timer, &half);
}

void
reass_expire(struct reass_table *t, uint64_t now_ms)
{
	struct worker *w = mp_control();
	struct reass_queue *q;

	ASSERT_CONTROL();
	while ((q = TAILQ_FIRST(&t->age)) != NULL && now_ms >= q->since_ms + t->timeout_ms) {
		struct rte_mbuf *first = q->frags->off == 0 ? q->frags->m : NULL;

		mp_add(&w->counters[t->c_timeout], q->nfrags);
		reass_free(t, q, t->d_timeout, first);
		if (first != NULL)
			t->expired(first);
	}
	if (q != NULL)
		reass_timer(t);
}

/* => the fragments become one packet; the queue goes */
static struct rte_mbuf *
reass_join(struct reass_table *t, struct reass_queue *q, uint32_t *hlen)
{
	struct worker *w = mp_control();
	struct rte_mbuf *m = q->frags->m, *tail = rte_pktmbuf_lastseg(m);
	struct reass_frag *f, *next;

	*hlen = q->frags->hlen;
	COUNT_ADD(w, PKT_CONSUMED, q->nfrags - 1);
	mp_add(&w->counters[t->c_reassembled], 1);
	for (f = q->frags; f != NULL; f = next) {
		next = f->next;
		if (f->m != m) {
			struct rte_mbuf *last = rte_pktmbuf_lastseg(f->m);

			rte_pktmbuf_adj(f->m, (uint16_t)f->hlen);
			tail->next = f->m;
			tail = last;
			m->nb_segs += f->m->nb_segs;
			m->pkt_len += f->m->pkt_len;
		}
		free(f);
	}
	reass_unlink(t, q);
	free(q);
	return m;
}

/* => the oldest datagrams go until there are at most max */
static void
reass_displace(struct reass_table *t, unsigned max)
{
	while (t->npackets > max) {
		struct reass_queue *q = TAILQ_FIRST(&t->age);

		mp_add(&mp_control()->counters[t->c_overflow], q->nfrags);
		reass_free(t, q, t->d_limit, NULL);
	}
}

static struct reass_queue *
reass_find(struct reass_table *t, const struct reass_key *key)
{
	unsigned max = (unsigned)atomic_load_explicit(t->maxpackets, memory_order_relaxed);
	struct reass_list *list = reass_bucket(t, key);
	struct reass_queue *q;

	reass_displace(t, max); /* the limit may be lower than it was */
	TAILQ_FOREACH (q, list, bucket)
		if (memcmp(&q->key, key, sizeof(*key)) == 0)
			return q;
	if (max == 0)
		return NULL;
	reass_displace(t, max - 1);
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return NULL;
	q->key = *key;
	q->since_ms = mp_now_ms();
	q->list = list;
	TAILQ_INSERT_TAIL(list, q, bucket);
	TAILQ_INSERT_TAIL(&t->age, q, age);
	t->npackets++;
	return q;
}

/* => true if a fragment in nb_segs buffers is more than the table may hold */
static bool
reass_no_room(const struct reass_table *t, unsigned nb_segs)
{
	return t->nbuffers + nb_segs > t->maxbuffers ||
	       (t->maxfrags != NULL && t->nfrags >= (unsigned)atomic_load_explicit(t->maxfrags, memory_order_relaxed));
}

struct rte_mbuf *
reass_input(struct reass_table *t, const struct reass_key *key, struct rte_mbuf *m, uint32_t *hlen, uint32_t off,
    uint32_t len, bool more)
{
	struct reass_queue *q = reass_find(t, key);
	struct reass_frag *f, *prev = NULL, **at, *new;

	ASSERT_CONTROL();
	MP_ASSERT(len > 0);
	if (q == NULL) {
		reass_refuse(t, NULL, m, t->c_overflow, t->d_limit);
		return NULL;
	}
	/* Older datagrams make room; this one must fit by itself. */
	while (reass_no_room(t, m->nb_segs) && TAILQ_FIRST(&t->age) != q)
		reass_displace(t, t->npackets - 1);
	if (q->nfrags >= REASS_MAXFRAGS || reass_no_room(t, m->nb_segs)) {
		reass_refuse(t, q, m, t->c_overflow, t->d_limit);
		return NULL;
	}
	for (at = &q->frags; (f = *at) != NULL && f->off < off; at = &f->next)
		prev = f;
	if (f != NULL && f->off == off && f->len == len && (more ? off + len != q->total : off + len == q->total)) {
		reass_refuse(t, NULL, m, t->c_dropped, t->d_overlap); /* again the same */
		return NULL;
	}
	const struct reass_frag *last = f;
	while (last != NULL && last->next != NULL)
		last = last->next;
	if ((prev != NULL && prev->off + prev->len > off) || (f != NULL && off + len > f->off) ||
	    (q->total != 0 && (!more || off + len >= q->total)) || (!more && last != NULL)) {
		reass_refuse(t, q, m, t->c_dropped, t->d_overlap);
		return NULL;
	}
	new = malloc(sizeof(*new));
	if (new == NULL) {
		reass_refuse(t, q, m, t->c_overflow, t->d_limit);
		return NULL;
	}
	*new = (struct reass_frag){.next = f, .m = m, .hlen = *hlen, .off = off, .len = len};
	*at = new;
	q->nfrags++;
	t->nfrags++;
	q->nbuffers += m->nb_segs;
	t->nbuffers += m->nb_segs;
	q->have += len;
	if (!more)
		q->total = off + len;
	if (q->total != 0 && q->have == q->total)
		return reass_join(t, q, hlen);
	reass_timer(t);
	return NULL;
}

void
reass_init(struct reass_table *t)
{
	ASSERT_CONTROL();
	TAILQ_INIT(&t->age);
	for (unsigned i = 0; i < REASS_BUCKETS; i++)
		TAILQ_INIT(&t->bucket[i]);
	t->npackets = t->nfrags = t->nbuffers = 0;
	t->maxbuffers = RTE_MIN(REASS_MAXBUFFERS, mp_pool_size(mp_control()) / 8);
	t->timer = NULL;
}

void
reass_fini(struct reass_table *t)
{
	struct reass_queue *q;

	ASSERT_CONTROL();
	while ((q = TAILQ_FIRST(&t->age)) != NULL)
		reass_free(t, q, t->d_timeout, NULL);
	if (t->timer != NULL)
		event_free(t->timer);
	t->timer = NULL;
}
