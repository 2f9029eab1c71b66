/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbour states: resolution, reachability, ageing, and the packets that wait (RFC 4861 section 7.3, both families). */
/*
 * Synchronization: control only.  Whether workers use a neighbour is read from their marks (nexthop_used).
 * Lifetime: a waiting packet belongs to its neighbour until it is sent, dropped, or given to icmp_ctl_unreachable().
 */
#include <string.h>

#include "ether/neigh.h"
#include "ether/neigh_var.h"
#include "ip/ip.h"
#include "ip6/nd_if.h"
#include "mp/pool.h"
#include "pkt/pkt.h"
#include "route/route.h"

#define NUD_POLL_MS    1000 /* how often a stale neighbour is looked at */
#define NUD_POOL_SHARE 8    /* packets that wait take at most this part of a pool */

unsigned nud_waiting;
static unsigned nud_buffers;						  /* [c] that the packets which wait take */
static struct neigh_list nud_queues = TAILQ_HEAD_INITIALIZER(nud_queues); /* [c] neighbours with packets that wait */

static inline uint64_t
setting(const _Atomic int *value)
{
	int v = atomic_load_explicit(value, memory_order_relaxed);

	return v > 0 ? (uint64_t)v : 0;
}

/* ms between requests: what is advertised on the interface goes before the setting */
static uint64_t
nud_retrans(const struct neigh *n)
{
	return n->n_family == AF_INET6 ? nd_ifinfo(n->n_ifp)->retrans : setting(neigh_inet.nf_retrans);
}

/* The first k packets leave n's queue; they are still what they were. */
static void
nud_took(struct neigh *n, unsigned k)
{
	if (k == 0)
		return;
	for (unsigned i = 0; i < k; i++)
		nud_buffers -= n->n_queue[i]->nb_segs;
	n->n_qlen -= k;
	nud_waiting -= k;
	if (n->n_qlen == 0)
		TAILQ_REMOVE(&nud_queues, n, n_waits);
}

void
nud_drop_queue(struct neigh *n, enum mp_drop reason)
{
	struct worker *self = mp_control();
	unsigned qlen = n->n_qlen;

	ASSERT_CONTROL();
	mp_add(&self->counters[neigh_family(n->n_family)->nf_dfrdropped], qlen);
	nud_took(n, qlen);
	for (unsigned i = 0; i < qlen; i++)
		pkt_drop(self, n->n_queue[i], reason);
}

static void
nud_drop_oldest(struct neigh *n, enum mp_drop reason)
{
	struct worker *self = mp_control();

	mp_add(&self->counters[neigh_family(n->n_family)->nf_dfrdropped], 1);
	nud_took(n, 1);
	pkt_drop(self, n->n_queue[0], reason);
	memmove(n->n_queue, n->n_queue + 1, n->n_qlen * sizeof(n->n_queue[0]));
}

/* The oldest makes room: what comes later is more likely to be wanted still (RFC 4861 section 7.2.2). */
static void
nud_enqueue(struct neigh *n, struct rte_mbuf *m)
{
	struct neigh_family *nf = neigh_family(n->n_family);
	struct worker *self = mp_control();
	unsigned max = (unsigned)setting(nf->nf_maxqueue), buffers = mp_pool_size(self) / NUD_POOL_SHARE;

	if (n->n_qlen >= max) {
		if (n->n_qlen == 0) { /* nothing may wait */
			pkt_drop(self, m, DROP_NEIGH_WAIT);
			return;
		}
		nud_drop_oldest(n, DROP_NEIGH_WAIT);
	}
	/*
	 * Too many in all, or too much of a pool, as all may be of one worker's: the neighbours whose packets wait
	 * longest give some up.
	 */
	while (nud_waiting >= setting(&neigh_maxwaiting) || (nud_waiting > 0 && nud_buffers + m->nb_segs > buffers))
		nud_drop_oldest(TAILQ_FIRST(&nud_queues), DROP_NEIGH_WAITALL);
	mp_add(&self->counters[nf->nf_dfrtotal], 1);
	if (n->n_qlen == 0)
		TAILQ_INSERT_TAIL(&nud_queues, n, n_waits);
	n->n_queue[n->n_qlen++] = m;
	nud_waiting++;
	nud_buffers += m->nb_segs;
}

static void
nud_send(struct neigh *n, struct rte_mbuf *m)
{
	struct pktmeta *meta = pkt_meta(m);

	if (!n->n_published)
		neigh_publish(n); /* memory was short */
	if (!n->n_published) {
		pkt_drop(mp_control(), m, DROP_NEIGH_GONE);
		return;
	}
	meta->nh = n->n_nh;
	pkt_ctl_send(m, PKT_NH_OUTPUT);
}

static void
nud_ask(struct neigh *n, bool unicast, uint64_t now)
{
	n->n_asked = now;
	n->n_tries++;
	neigh_family(n->n_family)->nf_solicit(n, n->n_qlen > 0 ? n->n_queue[0] : NULL, unicast);
}

static void
nud_incomplete(struct neigh *n)
{
	uint64_t now = neigh_clock(), retrans = nud_retrans(n);

	neigh_make_room(n);
	neigh_to_state(n, NEIGH_INCOMPLETE);
	n->n_tries = 0;
	if (n->n_asked != 0 && now - n->n_asked < retrans) {
		/* asked a moment ago, before it was deleted or emptied: not again so soon */
		neigh_timer_set(&n->n_timer, n->n_asked + retrans);
		return;
	}
	neigh_timer_set(&n->n_timer, now + retrans);
	nud_ask(n, false, now);
}

static void
nud_delay(struct neigh *n)
{
	neigh_to_state(n, NEIGH_DELAY);
	neigh_timer_set(&n->n_timer, neigh_clock() + setting(neigh_family(n->n_family)->nf_delay) * 1000);
}

static void
nud_probe(struct neigh *n)
{
	uint64_t now = neigh_clock();

	neigh_to_state(n, NEIGH_PROBE);
	n->n_tries = 0;
	neigh_timer_set(&n->n_timer, now + nud_retrans(n));
	nud_ask(n, true, now);
}

/* Stale neighbours are looked at together, four times a second: an idle router wakes up seldom. */
static uint64_t
nud_poll_time(uint64_t now)
{
	return (now + NUD_POLL_MS) | 255;
}

void
nud_stale(struct neigh *n)
{
	ASSERT_CONTROL();
	if (n->n_flags & NEIGH_F_TEMP) /* it ends when the administrator said */
		return;
	neigh_to_state(n, NEIGH_STALE);
	(void)nexthop_used(n->n_nh); /* what was sent before does not count */
	neigh_timer_set(&n->n_timer, nud_poll_time(neigh_clock()));
}

void
nud_confirm(struct neigh *n)
{
	struct neigh_family *nf = neigh_family(n->n_family);
	uint64_t now = neigh_clock();
	uint64_t base = setting(nf->nf_reachable), keep = setting(nf->nf_keep) * 1000;
	/* RFC 4861 section 6.3.2: between half and one and a half of the base */
	uint64_t time =
	    n->n_family == AF_INET6 ? nd_ifinfo(n->n_ifp)->reachable : base / 2 + neigh_random((uint32_t)base + 1);

	ASSERT_CONTROL();
	n->n_confirmed = now;
	if (n->n_flags & NEIGH_F_TEMP)
		return;
	neigh_to_state(n, NEIGH_REACHABLE);
	neigh_timer_set(&n->n_timer, now + (time < keep ? time : keep));
}

static void
nud_flush(struct neigh *n)
{
	struct neigh_family *nf = neigh_family(n->n_family);
	struct rte_mbuf *queue[NEIGH_MAXQUEUE];
	unsigned qlen = n->n_qlen;

	memcpy(queue, n->n_queue, qlen * sizeof(queue[0]));
	nud_took(n, qlen);
	mp_add(&mp_control()->counters[nf->nf_dfrsent], qlen);
	for (unsigned i = 0; i < qlen; i++)
		nud_output(n, queue[i]);
}

/* Routes of several paths do without a neighbour that does not answer, and use it again when it does. */
static void
nud_tell_routes(const struct neigh *n, bool silent)
{
	if (n->n_nh != NH_NOROUTE_INDEX && neigh_pinned(n))
		rt_gateway_set_silent(n->n_ifp, n->n_family, &n->n_addr, n->n_nh, silent);
}

static bool
nud_awaited(const struct neigh *n)
{
	return neigh_pinned(n) && rt_gateway_silent(n->n_ifp, n->n_family, &n->n_addr, n->n_nh);
}

/* The link address is set; workers and monitors hear of it if it is new; what waited is sent. */
static void
nud_known(struct neigh *n, bool was_usable, bool changed)
{
	if (!was_usable || changed)
		neigh_publish(n);
	if (!was_usable) {
		neigh_notify(n, RTMSG_ADD, NULL);
		nud_tell_routes(n, false);
	}
	nud_flush(n);
}

void
nud_learn(struct neigh *n, const uint8_t *lladdr, bool confirmed)
{
	bool was_usable = neigh_usable(n);
	bool changed = memcmp(n->n_lladdr, lladdr, ETHER_ADDRLEN) != 0;

	ASSERT_CONTROL();
	memcpy(n->n_lladdr, lladdr, ETHER_ADDRLEN);
	n->n_flags &= ~NEIGH_F_TEMP;
	n->n_confirmed = neigh_clock();
	if (confirmed)
		nud_confirm(n);
	else
		nud_stale(n);
	nud_known(n, was_usable, changed);
}

void
nud_permanent(struct neigh *n, const uint8_t *lladdr, uint64_t expire)
{
	bool was_usable = neigh_usable(n);
	bool changed = memcmp(n->n_lladdr, lladdr, ETHER_ADDRLEN) != 0;

	ASSERT_CONTROL();
	memcpy(n->n_lladdr, lladdr, ETHER_ADDRLEN);
	n->n_expire = expire;
	if (expire != 0) {
		n->n_flags |= NEIGH_F_TEMP;
		neigh_to_state(n, NEIGH_REACHABLE);
		neigh_timer_set(&n->n_timer, expire);
	} else {
		n->n_flags &= ~NEIGH_F_TEMP;
		neigh_to_state(n, NEIGH_PERMANENT);
		neigh_timer_stop(&n->n_timer);
	}
	if (!(n->n_flags & NEIGH_F_PROXY))
		nud_known(n, was_usable, changed);
}

/* Nobody answered: the packets that waited become ICMP errors, the monitors hear who had asked. */
static void
nud_failed(struct neigh *n)
{
	struct neigh_family *nf = neigh_family(n->n_family);
	struct rte_mbuf *queue[NEIGH_MAXQUEUE];
	unsigned qlen = n->n_qlen;
	union in_any author;
	bool has_author = false;

	if (qlen > 0) {
		const uint8_t *p = pkt_data(n->n_queue[0], const uint8_t *);

		memset(&author, 0, sizeof(author));
		memcpy(&author, n->n_family == AF_INET ? p + 12 : p + 8, neigh_addrlen(n->n_family));
		has_author = p[0] >> 4 == (n->n_family == AF_INET ? 4 : 6);
	}
	memcpy(queue, n->n_queue, qlen * sizeof(queue[0]));
	nud_took(n, qlen);
	mp_add(&mp_control()->counters[nf->nf_dfrdropped], qlen);
	neigh_to_state(n, NEIGH_FAILED);
	neigh_timer_set(&n->n_timer, neigh_clock() + nud_retrans(n) + 1);
	if (has_author || !nud_awaited(n)) /* asked again only to see whether it is back: that is no news */
		neigh_notify(n, RTMSG_MISS, has_author ? &author : NULL);
	nud_tell_routes(n, true);
	for (unsigned i = 0; i < qlen; i++)
		icmp_ctl_unreachable(queue[i]);
}

void
nud_poll(struct neigh *n, uint64_t now)
{
	ASSERT_CONTROL();
	if (n->n_state == NEIGH_STALE && nexthop_used(n->n_nh))
		nud_delay(n);
}

void
nud_output(struct neigh *n, struct rte_mbuf *m)
{
	ASSERT_CONTROL();
	switch ((enum neigh_state)n->n_state) {
	case NEIGH_NONE:
		if (n->n_ifp->if_type != IFT_SMP_ETHER) {
			if_ctl_transmit(n->n_ifp, m);
			return;
		}
		nud_enqueue(n, m);
		nud_incomplete(n);
		return;
	case NEIGH_INCOMPLETE:
		nud_enqueue(n, m);
		return;
	case NEIGH_FAILED:
		icmp_ctl_unreachable(m);
		return;
	case NEIGH_STALE:
		nud_delay(n);
		break;
	default:
		break;
	}
	nud_send(n, m);
}

void
nud_timer(struct neigh_timer *t, uint64_t now)
{
	struct neigh *n = (struct neigh *)(void *)((char *)t - offsetof(struct neigh, n_timer));
	struct neigh_family *nf = neigh_family(n->n_family);

	ASSERT_CONTROL();
	if (neigh_flushed(n)) {
		(void)neigh_flush_now(n);
		return;
	}
	switch ((enum neigh_state)n->n_state) {
	case NEIGH_NONE:
		if (nud_awaited(n) && neigh_if_running(n->n_ifp))
			nud_incomplete(n); /* no packet would ask */
		else if (neigh_pinned(n))
			neigh_timer_set(t, now + NEIGH_NONE_MS);
		else
			neigh_delete(n, DROP_NEIGH_FLUSHED);
		break;
	case NEIGH_FAILED:
		neigh_delete(n, DROP_NEIGH_FAILED);
		break;
	case NEIGH_INCOMPLETE:
		if (n->n_tries >= setting(nf->nf_mmaxtries)) {
			nud_failed(n);
			break;
		}
		neigh_timer_set(t, now + nud_retrans(n));
		nud_ask(n, false, now);
		break;
	case NEIGH_REACHABLE:
		if (n->n_flags & NEIGH_F_TEMP)
			neigh_delete(n, DROP_NEIGH_FLUSHED);
		else
			nud_stale(n);
		break;
	case NEIGH_STALE:
		if (nexthop_used(n->n_nh))
			nud_delay(n);
		else if (now - n->n_confirmed >= setting(nf->nf_keep) * 1000)
			neigh_delete(n, DROP_NEIGH_FLUSHED);
		else
			neigh_timer_set(t, nud_poll_time(now));
		break;
	case NEIGH_DELAY:
		if (n->n_family == AF_INET6 && (nd_ifinfo(n->n_ifp)->flags & ND_IF_PERFORMNUD) == 0)
			nud_stale(n);
		else
			nud_probe(n);
		break;
	case NEIGH_PROBE:
		if (n->n_tries >= setting(nf->nf_umaxtries)) {
			nud_tell_routes(n, true);
			neigh_delete(n, DROP_NEIGH_FAILED);
			break;
		}
		neigh_timer_set(t, now + nud_retrans(n));
		nud_ask(n, true, now);
		break;
	case NEIGH_PERMANENT:
	case NEIGH_NSTATES:
		break;
	}
}
