/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets from workers to control: a ring and a rate limit for each class. */
/*
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

static void
punt_run(struct worker *w, enum mp_class class, struct rte_mbuf *m)
{
	struct punt_class *p = &punt[class];
	uint64_t full = w->punt_tokens[class];
	void *obj = m;

	if (p->fn == NULL) {
		mp_add(&w->punt_full[class], 1);
		pkt_drop(w, m, DROP_PUNT_FULL);
		return;
	}
	/* full: the time at which the bucket will be full again; it may lie at most depth ahead */
	if (full < w->now)
		full = w->now;
	if (full + p->cost > w->now + p->depth) {
		mp_add(&w->punt_refused[class], 1);
		pkt_drop(w, m, DROP_PUNT_RATE);
		return;
	}
	w->punt_tokens[class] = full + p->cost;
	pkt_meta(m)->class = class;
	TRACE(w, m, PUNT, class, 0, 0);
	if (mp_ring_put(&p->ring, &obj, 1) == 1) {
		mp_add(&w->punt_passed[class], 1);
		mp_wake(mp_control());
	} else {
		mp_add(&w->punt_full[class], 1);
		pkt_drop(w, m, DROP_PUNT_FULL);
	}
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
