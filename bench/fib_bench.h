/* SPDX-License-Identifier: BSD-2-Clause */
/* A look-up structure to be measured by bench/fib. */
#ifndef SMPNET_FIB_BENCH_H
#define SMPNET_FIB_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "route/fib_var.h"

struct candidate {
	const char *name;
	int family; /* 4 or 6 */
	/* 0 or negative */
	int (*create)(unsigned count);
	/* announces or changes; 0 or negative */
	int (*set)(const struct rt_key *, unsigned plen, uint32_t nh);
	/* withdraws; what decides instead is for those that keep no routes of their own */
	void (*clear)(const struct rt_key *, unsigned plen, unsigned cover_plen, uint32_t cover_nh);
	/* packed destinations in network order, at most 64 */
	void (*lookup)(const uint8_t *dsts, uint32_t *nh, unsigned n);
	/* octets that look-ups read, or what is reserved for them where the library does not tell */
	size_t (*memory)(void);
};

extern const struct candidate candidate_octets4, candidate_octets6;
extern const struct candidate candidate_lpm, candidate_lpm_sse, candidate_dir24, candidate_dir24_avx512;
extern const struct candidate candidate_trie6, candidate_trie6_avx512;

#endif
