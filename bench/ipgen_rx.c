/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What it costs ipgen to check a packet, beside what it costs to make one: cycles, one worker, no device.
 *
 *	ipgen_rx [ROUNDS]
 *
 * A vector of 64 frames is made in buffers of the worker's pool (allocated, filled, signed: "make"), then given to
 * rx_receive, which checks and frees them ("check").  Flows take turns.  The least of the rounds is printed, and the median.
 */
#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

#include "if/ifnet.h"
#include "ipgen/engine/rx.h"
#include "ipgen/traffic/frame.h"
#include "mp/eal.h"
#include "mp/mp_internal.h"
#include "pkt/pkt.h"

#define MAGIC	(SIG_MAGIC + 1)
#define VECTORS 2000 /* a round */

static struct ifnet *port;
static const uint8_t lladdr[6] = {2, 0, 0, 0, 0, 1};

static struct traffic *
build(unsigned family, unsigned size, unsigned nflows)
{
	static struct traffic_spec spec;
	struct traffic_link link = {.mtu = 1500};
	char err[256];
	struct traffic *t;

	memset(&spec, 0, sizeof(spec));
	memcpy(link.src, lladdr, 6);
	memcpy(link.dst, lladdr, 6);
	spec.family = (uint8_t)family;
	spec.proto = 17;
	spec.has_src = spec.has_dst = true;
	spec.src.begin[0] = spec.src.end[0] = 10;
	spec.dst.begin[0] = spec.dst.end[0] = 11;
	if (family == 6) {
		spec.src.end[14] = spec.src.end[15] = 255;
		spec.dst.end[15] = 31;
	} else {
		spec.src.end[2] = spec.src.end[3] = 255;
		spec.dst.end[3] = 31;
	}
	spec.sport[0] = spec.sport[1] = spec.dport[0] = spec.dport[1] = 9;
	spec.nflows = nflows;
	spec.sizes = (struct traffic_sizes){.kind = SIZES_FIXED, .size = size};
	t = traffic_build(&spec, &link, false, err, sizeof(err));
	if (t == NULL) {
		fprintf(stderr, "ipgen_rx: %s\n", err);
		exit(1);
	}
	return t;
}

/* One vector: cycles to make it and to check it */
static void
vector(struct worker *w, const struct traffic *t, uint32_t *flow, uint32_t *seq, uint64_t cycles[2])
{
	uint64_t start = rte_rdtsc();
	uint32_t n = traffic_nflows(t);

	mp_self = w;
	if (rte_pktmbuf_alloc_bulk(w->pool, w->rx->v.m, PKT_VEC) != 0)
		exit(1);
	for (unsigned i = 0; i < PKT_VEC; i++) {
		sig_write(frame_fill(t, w->rx->v.m[i], *flow, 0), start, MAGIC, *seq, *flow);
		if (++*flow == n) {
			*flow = 0;
			++*seq;
		}
	}
	cycles[0] = rte_rdtsc() - start;
	w->nrx = PKT_VEC;
	w->rx->nruns = 1;
	w->rx->run[0] = (struct if_run){.ifp = port, .n = PKT_VEC};
	start = rte_rdtsc();
	rx_receive(w);
	cycles[1] = rte_rdtsc() - start;
}

static int
order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
measure(unsigned family, unsigned size, unsigned nflows, unsigned rounds)
{
	struct traffic *t = build(family, size, nflows);
	struct rx_setup setup = {.port = {port}, .nports = 1, .traffic = {t}, .magic = MAGIC};
	static double cost[2][1000];
	static struct trial_result result;
	uint32_t flow = 0, seq = 0;
	uint64_t cycles[2], all = 0;
	char err[256];

	if (rx_prepare(&setup, err, sizeof(err)) != 0)
		exit(1);
	rx_open();
	for (unsigned r = 0; r < rounds; r++) {
		uint64_t sum[2] = {0, 0};

		for (unsigned v = 0; v < VECTORS; v++) {
			vector(mp_workers[0], t, &flow, &seq, cycles);
			sum[0] += cycles[0];
			sum[1] += cycles[1];
		}
		all += VECTORS * PKT_VEC;
		for (unsigned i = 0; i < 2; i++)
			cost[i][r] = (double)sum[i] / (VECTORS * PKT_VEC);
	}
	mp_self = mp_control();
	rx_close();
	memset(&result, 0, sizeof(result));
	result.dir[0].count.sent = all;
	rx_collect(&result);
	if (result.dir[0].count.unique != all || result.dir[0].count.corrupt != 0) {
		fprintf(stderr, "ipgen_rx: of %lu packets %lu were right\n", (unsigned long)all,
		    (unsigned long)result.dir[0].count.unique);
		exit(1);
	}
	for (unsigned i = 0; i < 2; i++)
		qsort(cost[i], rounds, sizeof(double), order);
	printf("IPv%u %4u octets %7u flows: make %6.1f (%6.1f)  check %6.1f (%6.1f)  check/make %.2f\n", family, size,
	    traffic_nflows(t), cost[0][0], cost[0][rounds / 2], cost[1][0], cost[1][rounds / 2],
	    cost[1][rounds / 2] / cost[0][rounds / 2]);
	fflush(stdout);
	traffic_free(t);
}

int
main(int argc, char **argv)
{
	static const struct if_ops ops = {.type = "bench"};
	static const unsigned sizes[] = {64, 1518}, flows[] = {1, 1000, 1u << 20};
	struct mp_config conf = {.nworkers = 1};
	int rounds = argc > 1 ? atoi(argv[1]) : 15;

	if (rounds < 1 || rounds > 1000) {
		fprintf(stderr, "usage: ipgen_rx [ROUNDS], 1 to 1000\n");
		return 2;
	}
	sig_init();
	mp_log_level = MP_LOG_ERR - 1;
	if (mp_eal_init() != 0 || pkt_init() != 0 || mp_start(&conf, event_base_new()) != 0 || ifnet_init() != 0 ||
	    rx_init() != 0)
		return 1;
	mp_hooks = (struct mp_hooks){.receive = rx_receive, .resume = rx_resume};
	port = if_alloc("bench0", IFT_SMP_ETHER);
	port->if_ops = &ops;
	if (if_attach(port) != 0 || if_set_lladdr(port, lladdr) != 0)
		return 1;
	for (unsigned f = 0; f < 3; f++)
		for (unsigned s = 0; s < 2; s++)
			measure(4, sizes[s], flows[f], (unsigned)rounds);
	measure(6, 84, 1000, (unsigned)rounds);
	return 0;
}
