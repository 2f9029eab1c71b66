/* SPDX-License-Identifier: BSD-2-Clause */
/* Reassembly of fragments addressed to us. */
/*
 * Fragments that overlap are an attack or a mistake: the whole datagram goes, and what of it is still to come is refused
 * until its time is over (RFC 5722, RFC 8200 section 4.5; RFC 1858 for IPv4).  An exact duplicate alone is thrown away.
 *
 * Memory is bounded by datagrams, fragments and octets (settings), by buffers and by fragments of one datagram.  Where a
 * bound is reached, room is made by the network with the most datagrams, in it by the address with the most, of that by its
 * oldest: a flood displaces itself.  Networks and addresses are counted by hash, so nothing is kept for each.
 *
 * Synchronization: control thread only.
 * Lifetime: a queue lives from its first fragment until it is complete, expired or displaced; refused, it stays without
 * fragments until it expires.
 */
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <rte_random.h>

#include "ctl/ctl.h"
#include "ip/frag_share.h"
#include "ip/ip_hdr.h"
#include "ip/reass_ctl.h"
#include "mp/pool.h"
#include "pkt/pkt.h"

#define REASS_LOOK 256 /* queues looked at for the one to displace */

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
	uint32_t use[REASS_USES];
	uint32_t index; /* in all */
	uint16_t *net, *addr;
	uint8_t ecn; /* a bit for each codepoint seen */
	bool refused;
	enum mp_drop reason; /* if refused */
	uint64_t since_ms, serial;
	struct reass_list *list;
};

static void
reass_charge(struct reass_table *t, struct reass_queue *q, const uint32_t *need)
{
	for (unsigned k = 0; k < REASS_USES; k++) {
		q->use[k] += need[k];
		t->use[k] += need[k];
	}
}

static void
reass_unlink(struct reass_table *t, struct reass_queue *q)
{
	struct reass_queue *last = t->all[t->use[REASS_PACKETS] - 1];

	TAILQ_REMOVE(q->list, q, bucket);
	TAILQ_REMOVE(&t->age, q, age);
	t->all[q->index] = last;
	last->index = q->index;
	--*q->net;
	--*q->addr;
	for (unsigned k = 0; k < REASS_USES; k++)
		t->use[k] -= q->use[k];
}

/* => the fragments go; one that is to be answered for may be kept by the caller (keep) */
static void
reass_free_frags(struct reass_queue *q, enum mp_drop reason, const struct rte_mbuf *keep)
{
	struct worker *w = mp_control();
	struct reass_frag *f;

	while ((f = q->frags) != NULL) {
		q->frags = f->next;
		if (f->m != keep)
			pkt_drop(w, f->m, reason);
		free(f);
	}
}

static void
reass_free(struct reass_table *t, struct reass_queue *q, enum mp_drop reason, const struct rte_mbuf *keep)
{
	reass_unlink(t, q);
	reass_free_frags(q, reason, keep);
	free(q);
}

static struct rte_mbuf *
reass_drop(struct rte_mbuf *m, enum mp_counter counter, enum mp_drop reason)
{
	mp_add(&mp_control()->counters[counter], 1);
	pkt_drop(mp_control(), m, reason);
	return NULL;
}

/* => refuses the datagram with all its fragments, the one just come, and those to come */
static struct rte_mbuf *
reass_refuse(
    struct reass_table *t, struct reass_queue *q, struct rte_mbuf *m, enum mp_counter counter, enum mp_drop reason)
{
	static const uint32_t stone[REASS_USES] = {1, 0, sizeof(*q), 1};

	mp_add(&mp_control()->counters[counter], q->use[REASS_FRAGS]);
	reass_free_frags(q, reason, NULL);
	for (unsigned k = 0; k < REASS_USES; k++) {
		t->use[k] -= q->use[k];
		q->use[k] = 0;
	}
	reass_charge(t, q, stone);
	q->refused = true;
	q->reason = reason;
	return reass_drop(m, counter, reason);
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
	uint64_t ttl = (uint64_t)atomic_load_explicit(t->ttl, memory_order_relaxed) * 1000;
	struct worker *w = mp_control();
	struct reass_queue *q;

	ASSERT_CONTROL();
	while ((q = TAILQ_FIRST(&t->age)) != NULL && now_ms >= q->since_ms + ttl) {
		struct rte_mbuf *first = q->frags != NULL && q->frags->off == 0 ? q->frags->m : NULL;

		mp_add(&w->counters[t->c_timeout], q->use[REASS_FRAGS]);
		reass_free(t, q, t->d_timeout, first);
		if (first != NULL)
			t->expired(first);
	}
	if (q != NULL)
		reass_timer(t);
}

/* => the fragments become one packet; the queue goes */
static struct rte_mbuf *
reass_join(struct reass_table *t, struct reass_queue *q, struct reass_piece *piece)
{
	struct worker *w = mp_control();
	struct rte_mbuf *m = q->frags->m, *tail = rte_pktmbuf_lastseg(m);
	struct reass_frag *f, *next;

	piece->ce = (q->ecn & 1 << IP_ECN_CE) != 0;
	if (piece->ce && (q->ecn & 1 << IP_ECN_NONE) != 0) {
		mp_add(&w->counters[t->c_dropped], q->use[REASS_FRAGS]);
		reass_free(t, q, t->d_bad, NULL);
		return NULL;
	}
	piece->hlen = q->frags->hlen;
	COUNT_ADD(w, PKT_CONSUMED, q->use[REASS_FRAGS] - 1);
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

static uint32_t
reass_max(const struct reass_table *t, unsigned k)
{
	int max = k == REASS_BUFFERS ? (int)t->maxbuffers : atomic_load_explicit(t->max[k], memory_order_relaxed);

	if (k == REASS_PACKETS && (max < 0 || max > REASS_MAXBUFFERS))
		max = REASS_MAXBUFFERS;
	return max < 0 ? UINT32_MAX : (uint32_t)max;
}

/* => the queue that makes room for q; NULL: there is no other */
static struct reass_queue *
reass_heaviest(const struct reass_table *t, const struct reass_queue *q)
{
	uint32_t n = t->use[REASS_PACKETS], look = RTE_MIN(n, REASS_LOOK),
		 at = look < n ? (uint32_t)rte_rand_max(n) : 0;
	struct reass_queue *best = NULL;

	for (; look > 0; look--, at = at + 1 < n ? at + 1 : 0) {
		struct reass_queue *a = t->all[at];

		if (a == q)
			continue;
		if (best != NULL) {
			if (*a->net < *best->net)
				continue;
			if (*a->net == *best->net && *a->addr < *best->addr)
				continue;
			if (*a->net == *best->net && *a->addr == *best->addr && a->serial > best->serial)
				continue;
		}
		best = a;
	}
	return best;
}

/* => makes room for what q (NULL: a new one) needs, at others' cost; false: there is none */
static bool
reass_room(struct reass_table *t, const struct reass_queue *q, const uint32_t *need)
{
	for (unsigned k = 0; k < REASS_USES; k++) {
		uint32_t max = reass_max(t, k), add = need[k] <= max ? need[k] : 0;

		while ((uint64_t)t->use[k] + add > max) {
			struct reass_queue *victim = reass_heaviest(t, q);

			if (victim == NULL)
				return false;
			mp_add(&mp_control()->counters[t->c_overflow], victim->use[REASS_FRAGS]);
			reass_free(t, victim, t->d_limit, NULL);
		}
		if (need[k] > max)
			return false;
	}
	return true;
}

static struct reass_queue *
reass_find(struct reass_table *t, const struct reass_key *key)
{
	struct reass_list *list = &t->bucket[frag_hash(key->octets, sizeof(key->octets)) % REASS_BUCKETS];
	static const uint32_t need[REASS_USES] = {1, 0, sizeof(struct reass_queue), 0}, none[REASS_USES];
	struct reass_queue *q;

	reass_room(t, NULL, none); /* a limit may be lower than it was */
	TAILQ_FOREACH (q, list, bucket)
		if (memcmp(&q->key, key, sizeof(*key)) == 0)
			return q;
	if (!reass_room(t, NULL, need))
		return NULL;
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return NULL;
	q->key = *key;
	q->since_ms = mp_now_ms();
	q->serial = t->serial++;
	q->list = list;
	q->net = &t->net_packets[frag_hash(key->octets, t->net) % REASS_SOURCES];
	q->addr = &t->addr_packets[frag_hash(key->octets, t->addr) % REASS_SOURCES];
	++*q->net;
	++*q->addr;
	TAILQ_INSERT_TAIL(list, q, bucket);
	TAILQ_INSERT_TAIL(&t->age, q, age);
	q->index = t->use[REASS_PACKETS];
	t->all[q->index] = q;
	reass_charge(t, q, need);
	return q;
}

/* => where the fragment goes; NULL: it overlaps others, or the end (*again: it is one that is here already) */
static struct reass_frag **
reass_place(struct reass_queue *q, const struct reass_piece *p, bool *again)
{
	struct reass_frag *f, *prev = NULL, **at;
	const struct reass_frag *last;
	uint32_t end = p->off + p->len;

	for (at = &q->frags; (f = *at) != NULL && f->off < p->off; at = &f->next)
		prev = f;
	*again = f != NULL && f->off == p->off && f->len == p->len && (p->more ? end != q->total : end == q->total);
	for (last = f; last != NULL && last->next != NULL; last = last->next)
		;
	if ((prev != NULL && prev->off + prev->len > p->off) || (f != NULL && end > f->off) ||
	    (q->total != 0 && (!p->more || end >= q->total)) || (!p->more && last != NULL))
		return NULL;
	return at;
}

struct rte_mbuf *
reass_input(struct reass_table *t, const struct reass_key *key, struct rte_mbuf *m, struct reass_piece *p)
{
	uint32_t need[REASS_USES] = {0, 1, sizeof(struct reass_frag), m->nb_segs};
	struct reass_frag *new, **at;
	struct reass_queue *q;
	bool again;

	ASSERT_CONTROL();
	MP_ASSERT(p->len > 0);
	for (const struct rte_mbuf *s = m; s != NULL; s = s->next)
		need[REASS_OCTETS] += (uint32_t)sizeof(*s) + rte_pktmbuf_priv_size(s->pool) + s->buf_len;
	q = reass_find(t, key);
	if (q == NULL)
		return reass_drop(m, t->c_overflow, t->d_limit);
	reass_timer(t);
	if (q->refused)
		return reass_drop(m, t->c_dropped, q->reason);
	if (q->use[REASS_FRAGS] >= REASS_MAXFRAGS)
		return reass_refuse(t, q, m, t->c_overflow, t->d_limit);
	at = reass_place(q, p, &again);
	if (again)
		return reass_drop(m, t->c_dropped, t->d_overlap);
	if (at == NULL)
		return reass_refuse(t, q, m, t->c_dropped, t->d_overlap);
	new = reass_room(t, q, need) ? malloc(sizeof(*new)) : NULL;
	if (new == NULL) {
		mp_add(&mp_control()->counters[t->c_overflow], q->use[REASS_FRAGS]);
		reass_free(t, q, t->d_limit, NULL);
		return reass_drop(m, t->c_overflow, t->d_limit);
	}
	*new = (struct reass_frag){.next = *at, .m = m, .hlen = p->hlen, .off = p->off, .len = p->len};
	*at = new;
	reass_charge(t, q, need);
	q->have += p->len;
	q->ecn |= (uint8_t)(1 << p->ecn);
	if (!p->more)
		q->total = p->off + p->len;
	if (q->total != 0 && q->have == q->total)
		return reass_join(t, q, p);
	return NULL;
}

void
reass_init(struct reass_table *t)
{
	ASSERT_CONTROL();
	TAILQ_INIT(&t->age);
	for (unsigned i = 0; i < REASS_BUCKETS; i++)
		TAILQ_INIT(&t->bucket[i]);
	memset(t->use, 0, sizeof(t->use));
	memset(t->net_packets, 0, sizeof(t->net_packets));
	memset(t->addr_packets, 0, sizeof(t->addr_packets));
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
