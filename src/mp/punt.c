/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets from workers to control: a ring and a rate limit for each class. */
/*
 * A class whose packets hosts can send as they please is shared out (mp_punt_from): two fifths of its rate are for
 * everybody, two fifths in equal parts for interfaces, one fifth for hosts, each by a table of token buckets.  A packet
 * is charged to its host's part, else to its interface's, else to what is everybody's; and what is everybody's leaves a
 * quarter of the ring free.  So a flood has what others leave, and whoever sends little always gets through.
 *
 * Synchronization: rings of many producers (workers) and one consumer (control).  Token buckets are the workers' own:
 * each worker may use its share of the class's rate.
 * Lifetime: from mp_start to mp_stop; receivers are registered before mp_run.
 */
#include <errno.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "mp/mp_internal.h"
#include "pkt/pkt.h"
#include "pkt/trace.h"

#define PUNT_RING   1024
#define PUNT_BUDGET 64 /* packets of one class before the next class has its turn */

/* Parts of a class's rate.  Two that fall into one bucket share it. */
#define PART_IFS   128
#define PART_HOSTS 256
#define IF_COST	   (PART_IFS * 5 / 2) /* of a packet, as a multiple of the class's */
#define HOST_COST  (PART_HOSTS * 5)
_Static_assert(PART_HOSTS == 1 << 8, "an octet of the hash");

struct punt_parts {				 /* w->punt_parts: when each bucket will be full again */
	uint64_t ifs[PUNT_SHARED][PART_IFS];	 /* [w] */
	uint64_t hosts[PUNT_SHARED][PART_HOSTS]; /* [w] */
};

static struct punt_class {
	struct mp_ring ring;
	void (*fn)(struct rte_mbuf *); /* [I] */
	uint64_t cost;		       /* [I] TSC cycles a packet costs, on one worker */
	uint64_t depth;		       /* [I] cycles of burst */
} punt[PUNT_COUNT];

int
mp_punt_init(void)
{
	for (unsigned i = 0; i < PUNT_COUNT; i++)
		if (mp_ring_init(&punt[i].ring, PUNT_RING) != 0)
			return -ENOMEM;
	return 0;
}

void
mp_punt_fini(void)
{
	void *m;

	for (unsigned i = 0; i < PUNT_COUNT; i++) {
		/* the receivers are gone already */
		while (punt[i].ring.slots != NULL && mp_ring_get(&punt[i].ring, &m, 1) == 1)
			rte_pktmbuf_free(m);
		mp_ring_fini(&punt[i].ring);
	}
}

void
mp_punt_register(enum mp_class class, void (*fn)(struct rte_mbuf *), uint32_t per_second, uint32_t burst)
{
	struct punt_class *p = &punt[class];

	p->fn = fn;
	p->cost = per_second > 0 ? mp_tsc_hz * mp_nworkers / per_second : 0;
	p->depth = p->cost * (burst > 0 ? burst : 1);
}

int
mp_punt_worker(struct worker *w)
{
	w->punt_parts = lines_zalloc(sizeof(struct punt_parts));
	return w->punt_parts != NULL ? 0 : -ENOMEM;
}

/* => *full, the time at which the bucket will be full again, may lie at most depth ahead; false: it is empty */
static inline bool
punt_pay(uint64_t now, uint64_t *full, uint64_t cost, uint64_t depth)
{
	uint64_t at = *full > now ? *full : now;

	if (at + cost > now + (depth > cost ? depth : cost))
		return false;
	*full = at + cost;
	return true;
}

/* The packet has been paid for; reserve: slots of the ring that are not for it */
static void
punt_put(struct worker *w, enum mp_class class, struct rte_mbuf *m, uint32_t reserve)
{
	struct punt_class *p = &punt[class];
	void *obj = m;

	pkt_meta(m)->class = class;
	TRACE(w, m, PUNT, class, 0, 0);
	if ((reserve == 0 || mp_ring_used(&p->ring) + reserve < PUNT_RING) && mp_ring_put(&p->ring, &obj, 1) == 1) {
		mp_add(&w->punt_passed[class], 1);
		mp_wake(mp_control());
	} else {
		mp_add(&w->punt_full[class], 1);
		pkt_drop(w, m, DROP_PUNT_FULL);
	}
}

static void
punt_refuse(struct worker *w, enum mp_class class, struct rte_mbuf *m)
{
	mp_add(&w->punt_refused[class], 1);
	pkt_drop(w, m, DROP_PUNT_RATE);
}

static bool
punt_received(struct worker *w, enum mp_class class, struct rte_mbuf *m)
{
	if (punt[class].fn != NULL)
		return true;
	mp_add(&w->punt_full[class], 1);
	pkt_drop(w, m, DROP_PUNT_FULL);
	return false;
}

static void
punt_run(struct worker *w, enum mp_class class, struct rte_mbuf *m)
{
	struct punt_class *p = &punt[class];

	if (!punt_received(w, class, m))
		return;
	if (punt_pay(w->now, &w->punt_tokens[class], p->cost, p->depth))
		punt_put(w, class, m, 0);
	else
		punt_refuse(w, class, m);
}

/* => the part of the packet's host or interface pays for it, if it can */
static bool
punt_part_pays(struct worker *w, enum mp_class class, struct rte_mbuf *m, uint32_t host)
{
	struct punt_class *p = &punt[class];
	struct punt_parts *parts = w->punt_parts;
	unsigned iif = pkt_meta(m)->iif;

	host = (host ^ iif) * UINT32_C(0x9e3779b1); /* all of it tells in the highest octet */
	/* a 128th of the class's burst for a host, a 16th for an interface, at least a packet */
	return punt_pay(w->now, &parts->hosts[class][host >> 24], p->cost * HOST_COST, p->depth * HOST_COST / 128) ||
	       punt_pay(w->now, &parts->ifs[class][iif % PART_IFS], p->cost * IF_COST, p->depth * IF_COST / 16);
}

bool
mp_punt_part(struct worker *w, enum mp_class class, struct rte_mbuf *m, uint32_t host)
{
	if (punt[class].fn == NULL || !punt_part_pays(w, class, m, host))
		return false;
	STAGE_CALL(w, PUNT, 1, punt_put(w, class, m, 0));
	return true;
}

static void
punt_run_from(struct worker *w, enum mp_class class, struct rte_mbuf *m, uint32_t host)
{
	struct punt_class *p = &punt[class];

	if (!punt_received(w, class, m))
		return;
	if (punt_part_pays(w, class, m, host))
		punt_put(w, class, m, 0);
	else if (punt_pay(w->now, &w->punt_tokens[class], p->cost * 5 / 2, p->depth * 5 / 2))
		punt_put(w, class, m, PUNT_RING / 4);
	else
		punt_refuse(w, class, m);
}

const char *mp_punt_name(enum mp_class class)
{
	static const char *const names[PUNT_COUNT] = {[PUNT_ARP] = "arp",
	    [PUNT_ND] = "nd",
	    [PUNT_RESOLVE] = "resolve",
	    [PUNT_ICMP] = "icmp",
	    [PUNT_LOCAL] = "local",
	    [PUNT_FRAG] = "frag",
	    [PUNT_MCAST] = "mcast",
	    [PUNT_CAPTURE] = "capture"};

	return names[class];
}

void
mp_punt(struct worker *w, enum mp_class class, struct rte_mbuf *m)
{
	STAGE_CALL(w, PUNT, 1, punt_run(w, class, m));
}

void
mp_punt_from(struct worker *w, enum mp_class class, struct rte_mbuf *m, uint32_t host)
{
	STAGE_CALL(w, PUNT, 1, punt_run_from(w, class, m, host));
}

/* => control; true if there is more */
bool
mp_punt_drain(void)
{
	void *m[PUNT_BUDGET];
	bool more = false;

	for (unsigned c = 0; c < PUNT_COUNT; c++) {
		unsigned n = mp_ring_get(&punt[c].ring, m, PUNT_BUDGET);

		for (unsigned i = 0; i < n; i++)
			punt[c].fn(m[i]);
		if (n == PUNT_BUDGET)
			more = true;
	}
	return more;
}

bool
mp_punt_pending(void)
{
	for (unsigned c = 0; c < PUNT_COUNT; c++)
		if (!mp_ring_empty(&punt[c].ring))
			return true;
	return false;
}
