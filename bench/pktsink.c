/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other end: counts and drops what a Linux interface receives, as early as a host without an XDP program can (tcx, Linux 6.6).
 *
 * For each line read it prints the monotonic clock in seconds, the packets that came with their hop count at 63, and others.
 */
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf_insns.h"

#define TCX_INGRESS 46 /* BPF_TCX_INGRESS, newer than Debian 12's headers */
#define TCX_DROP    2

static int
attach(unsigned ifindex, int map, unsigned hops)
{
	/* n = data + hops < data_end && data[hops] == 63 ? 0 : 1; counts[n]++; drop */
	const struct bpf_insn p[] = {
	    LOAD(BPF_W, BPF_REG_2, BPF_REG_1, offsetof(struct __sk_buff, data)),
	    LOAD(BPF_W, BPF_REG_3, BPF_REG_1, offsetof(struct __sk_buff, data_end)),
	    STORE_IMM(BPF_W, BPF_REG_10, -4, 1),
	    MOVE(BPF_REG_4, BPF_REG_2),
	    ADD(BPF_REG_4, hops + 1),
	    IF_X(BPF_JGT, BPF_REG_4, BPF_REG_3, 3),
	    LOAD(BPF_B, BPF_REG_4, BPF_REG_2, hops),
	    IF_K(BPF_JNE, BPF_REG_4, 63, 1),
	    STORE_IMM(BPF_W, BPF_REG_10, -4, 0),
	    MOVE(BPF_REG_2, BPF_REG_10),
	    ADD(BPF_REG_2, -4),
	    MAP_FD(BPF_REG_1, map),
	    CALL(BPF_FUNC_map_lookup_elem),
	    IF_K(BPF_JEQ, BPF_REG_0, 0, 3),
	    LOAD(BPF_DW, BPF_REG_1, BPF_REG_0, 0),
	    ADD(BPF_REG_1, 1),
	    STORE(BPF_DW, BPF_REG_0, 0, BPF_REG_1),
	    SET(BPF_REG_0, TCX_DROP),
	    EXIT,
	};
	union bpf_attr attr;
	int prog = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "pktsink", "Dual BSD/GPL", p, sizeof(p) / sizeof(p[0]), NULL);

	if (prog < 0)
		return prog;
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = prog;
	attr.link_create.target_ifindex = ifindex;
	attr.link_create.attach_type = TCX_INGRESS;
	return syscall(__NR_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
}

static unsigned long long
count(int map, unsigned which)
{
	int ncpus = libbpf_num_possible_cpus();
	unsigned long long values[1024], sum = 0;

	if (ncpus > 1024 || bpf_map_lookup_elem(map, &which, values) != 0)
		return 0;
	for (int i = 0; i < ncpus; i++)
		sum += values[i];
	return sum;
}

int
main(int argc, char **argv)
{
	unsigned ifindex = argc == 3 ? if_nametoindex(argv[1]) : 0;
	char line[64];
	int map;

	if (ifindex == 0) {
		fprintf(stderr, "usage: pktsink IF 4|6\n");
		return 2;
	}
	map = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "pktsink", 4, 8, 2, NULL);
	if (map < 0 || attach(ifindex, map, argv[2][0] == '4' ? 14 + 8 : 14 + 7) < 0) {
		fprintf(stderr, "pktsink: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		struct timespec ts;

		clock_gettime(CLOCK_MONOTONIC, &ts);
		printf("%lld.%09ld %llu %llu\n", (long long)ts.tv_sec, ts.tv_nsec, count(map, 0), count(map, 1));
	}
	return 0;
}
