/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipgen_frame: TSC cycles that a test frame costs its writer, without a device: filled, touched, with its signature.
 *
 * A worker's buffers go round: 512 of them, in memory that the caches of level 2 hold in part, as with a device.
 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "ipgen/traffic/frame.h"

#define BUFFERS 512
#define ROOM	2304
#define FRAMES	(1u << 22)
#define ROUNDS	5

enum how { FILL, TOUCH, SIGNATURE };

static const struct traffic_link addrs = {.src = {2, 0, 0, 0, 0, 1}, .dst = {2, 0, 0, 0, 0, 2}};
static struct rte_mbuf *mbufs;
static uint8_t *memory;
static uint8_t *sig[BUFFERS];

static double
run(const struct traffic *t, enum how how)
{
	uint32_t flow = 0, size = 0, nflows = traffic_nflows(t);
	uint64_t begin;

	for (unsigned i = 0; i < BUFFERS; i++)
		sig[i] = frame_fill(t, &mbufs[i], 0, 0);
	begin = rte_rdtsc();
	for (uint32_t i = 0; i < FRAMES; i++) {
		struct rte_mbuf *m = &mbufs[i % BUFFERS];
		uint8_t *p = how == FILL    ? frame_fill(t, m, flow, size)
			     : how == TOUCH ? frame_touch(t, m, flow, size)
					    : sig[i % BUFFERS];

		sig_write(p, begin, SIG_MAGIC, i, flow);
		flow = flow + 1 == nflows ? 0 : flow + 1;
		size = size + 1 == t->nsizes ? 0 : size + 1;
	}
	return (double)(rte_rdtsc() - begin) / FRAMES;
}

static void
measure(const char *name, unsigned family, const char *src, const char *sizes, enum how how)
{
	static struct traffic_spec s;
	struct traffic *t;
	double best = 1e9;
	char err[256];

	s = (struct traffic_spec){.family = (uint8_t)family, .proto = 17, .sport = {9, 9}, .dport = {9, 9}};
	s.has_src = src != NULL;
	if ((src != NULL && traffic_range_parse(src, &s.src, err, sizeof(err)) != 0) ||
	    traffic_sizes_parse(sizes, &s.sizes, err, sizeof(err)) != 0 ||
	    (t = traffic_build(&s, &addrs, false, err, sizeof(err))) == NULL) {
		fprintf(stderr, "ipgen_frame: %s\n", err);
		exit(1);
	}
	for (unsigned i = 0; i < ROUNDS; i++)
		best = RTE_MIN(best, run(t, how));
	printf("%-10s %-28s %8.1f cycles a frame\n", how == FILL ? "fill" : (how == TOUCH ? "touch" : "signature"),
	    name, best);
	traffic_free(t);
}

int
main(void)
{
	sig_init();
	mbufs = aligned_alloc(64, BUFFERS * sizeof(*mbufs));
	memory = aligned_alloc(64, (size_t)BUFFERS * ROOM);
	if (mbufs == NULL || memory == NULL)
		return 1;
	for (unsigned i = 0; i < BUFFERS; i++)
		mbufs[i] = (struct rte_mbuf){.buf_addr = memory + (size_t)i * ROOM, .data_off = 128};
	measure("64, one flow", 4, NULL, "64", SIGNATURE);
	measure("64, one flow", 4, NULL, "64", TOUCH);
	measure("64, 1024 flows", 4, "10.0.0.0-10.0.3.255", "64", TOUCH);
	measure("64, 1048576 flows", 4, "10.0.0.0-10.15.255.255", "64", TOUCH);
	measure("84 IPv6, 1024 flows", 6, "2001:db8::-2001:db8::3ff", "84", TOUCH);
	measure("64, one flow", 4, NULL, "64", FILL);
	measure("64, 1024 flows", 4, "10.0.0.0-10.0.3.255", "64", FILL);
	measure("64, 1048576 flows", 4, "10.0.0.0-10.15.255.255", "64", FILL);
	measure("84 IPv6, 1024 flows", 6, "2001:db8::-2001:db8::3ff", "84", FILL);
	measure("imix, 1024 flows", 4, "10.0.0.0-10.0.3.255", "imix", FILL);
	measure("1518, 1024 flows", 4, "10.0.0.0-10.0.3.255", "1518", FILL);
	return 0;
}
