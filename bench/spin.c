/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spin CPU CYCLES TOTAL: the control run for gaps between polls: a pinned thread that does nothing but read the clock, every
 * CYCLES of it, TOTAL cycles long, and keeps the histogram that a worker keeps (stats.gaps).  What it shows is the machine's own doing.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "mp/gaps.h"

static uint64_t count[MP_GAP_BUCKETS];

int
main(int argc, char **argv)
{
	uint64_t work, last, end, max = 0;
	cpu_set_t set;

	if (argc != 4)
		return 2;
	CPU_ZERO(&set);
	CPU_SET(atoi(argv[1]), &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0) {
		perror("sched_setaffinity");
		return 1;
	}
	work = strtoull(argv[2], NULL, 10);
	last = rte_rdtsc();
	end = last + strtoull(argv[3], NULL, 10);
	while (last < end) {
		uint64_t now;

		do
			now = rte_rdtsc();
		while (now - last < work);
		count[mp_gap_bucket(now - last)]++;
		if (now - last > max)
			max = now - last;
		last = now;
	}
	printf("max %llu\n", (unsigned long long)max);
	for (unsigned b = 0; b < MP_GAP_BUCKETS; b++)
		if (count[b] != 0)
			printf("%llu %llu\n", (unsigned long long)mp_gap_low(b), (unsigned long long)count[b]);
	return 0;
}
