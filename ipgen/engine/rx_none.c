/* SPDX-License-Identifier: BSD-2-Clause */
/* In place of rx.c until it is there (whoever adds rx.c deletes this file and its line in meson.build): frees everything. */
#include "ipgen/engine/rx.h"
#include "if/ifnet.h"
#include "pkt/pkt.h"

int
rx_init(void)
{
	return 0;
}

void
rx_fini(void)
{
}

void
rx_receive(struct worker *w)
{
	struct mp_rxvec *rx = w->rx;

	rte_pktmbuf_free_bulk(rx->v.m, w->nrx);
	w->nrx = 0;
	rx->nruns = 0;
}

void
rx_resume(struct worker *w, struct rte_mbuf **m, unsigned n)
{
	pkt_resume(w, m, n);
}

int
rx_prepare(const struct rx_setup *setup, char *err, size_t errlen)
{
	return 0;
}

void
rx_open(void)
{
}

void
rx_close(void)
{
}

void
rx_traffic(unsigned dir, const struct traffic *t)
{
}

void
rx_counts(struct trial_counts counts[TRIAL_DIRS], uint64_t *other, uint64_t *tester_lost)
{
}

uint64_t
rx_warm(unsigned dir)
{
	return 0;
}

uint64_t
rx_lastarrival(void)
{
	return 0;
}

void
rx_latency(unsigned dir, struct hist *into)
{
}

void
rx_collect(struct trial_result *r)
{
}

void
rx_flow(unsigned dir, uint32_t flow, struct trial_flow_result *r)
{
}

void
rx_latency_of(const struct hist *h, struct trial_latency *l)
{
}
