/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIB look-ups, inline.  Included by route/route.h.
 *
 * A FIB is one array of words: a root of 2^16 words, one for each value of the first 16 bits of an address, then blocks
 * of 256 words, one for each value of the next octet.  A word is a next hop index, or, with FIB_CHILD, the place in
 * the array of the block that decides by the next octet.
 *
 * Synchronization: see fib_ctl.c.
 */
#ifndef SMPNET_FIB_H
#define SMPNET_FIB_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>

#define FIB_CHILD 0x80000000u

extern _Atomic uint32_t *fib4_words; /* [I] after route_init; the words are [a] */
extern _Atomic uint32_t *fib6_words; /* [I] after route_init; the words are [a] */

static inline uint32_t
fib_lookup4(uint32_t dst_network_order)
{
	uint32_t dst = ntohl(dst_network_order);
	uint32_t w = atomic_load_explicit(&fib4_words[dst >> 16], memory_order_acquire);

	if (w & FIB_CHILD) {
		w = atomic_load_explicit(&fib4_words[(w & ~FIB_CHILD) + ((dst >> 8) & 255)], memory_order_acquire);
		if (w & FIB_CHILD)
			w = atomic_load_explicit(&fib4_words[(w & ~FIB_CHILD) + (dst & 255)], memory_order_acquire);
	}
	return w;
}

static inline uint32_t
fib_lookup6(const struct in6_addr *dst)
{
	const uint8_t *a = dst->s6_addr;
	uint32_t w = atomic_load_explicit(&fib6_words[a[0] << 8 | a[1]], memory_order_acquire);

	/* A block that decides by the last octet has no children, which ends the loop. */
	for (unsigned i = 2; w & FIB_CHILD; i++)
		w = atomic_load_explicit(&fib6_words[(w & ~FIB_CHILD) + a[i]], memory_order_acquire);
	return w;
}

#endif
