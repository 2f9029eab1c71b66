/* SPDX-License-Identifier: BSD-2-Clause */
/* The FIB's control side, private to src/route. */
#ifndef SMPNET_FIB_VAR_H
#define SMPNET_FIB_VAR_H

#include <stdint.h>

/* An address as two words in host order, left-aligned: an IPv4 address is the upper half of the first. */
struct rt_key {
	uint64_t hi, lo;
};

static inline unsigned
rt_key_octet(const struct rt_key *k, unsigned i)
{
	return (i < 8 ? k->hi >> (56 - 8 * i) : k->lo >> (120 - 8 * i)) & 255;
}

/* => control; before use; 0 or -ENOMEM */
int fib_init(void);
void fib_fini(void);
/*
 * => control; addresses under key/plen that no longer prefix decides go to nh.  0, or -ENOMEM with nothing changed
 * (never for a prefix that is set already).
 */
int fib_set(int family, const struct rt_key *key, unsigned plen, uint32_t nh);
/* => control; addresses that key/plen decided go to the next shorter prefix: cover_plen and cover_nh (0, 0: none) */
void fib_clear(int family, const struct rt_key *key, unsigned plen, unsigned cover_plen, uint32_t cover_nh);
/* => control; blocks in use or waiting for a grace period */
uint32_t fib_blocks(int family);

#endif
