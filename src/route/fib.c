/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIB: look-ups of vectors.
 *
 * Synchronization: workers only read; fib_ctl.c says how control writes.
 * Lifetime: the arrays live from fib_init to fib_fini; blocks are used again after a grace period.
 */
#include "route/fib.h"

#include "route/route.h"

_Atomic uint32_t *fib4_words;
_Atomic uint32_t *fib6_words;

static inline uint32_t
fib_word(_Atomic uint32_t *words, uint32_t place)
{
	return atomic_load_explicit(&words[place], memory_order_acquire);
}

/*
 * Steps are taken for all of a group at a time, so that the loads of different destinations overlap.  A destination
 * that is done reads the first word of the root (always in the cache) and keeps its result: no branch to guess.
 */
#define FIB_GROUP 8

/* => worker or control; n destinations in network order */
void
fib_lookup4_vec(const uint32_t *dst_network_order, uint32_t *nh, unsigned n)
{
	_Atomic uint32_t *words = fib4_words;
	uint32_t dst[FIB_GROUP], w[FIB_GROUP];
	unsigned i = 0;

	for (; i + FIB_GROUP <= n; i += FIB_GROUP) {
		uint32_t any = 0;

		for (unsigned k = 0; k < FIB_GROUP; k++) {
			dst[k] = ntohl(dst_network_order[i + k]);
			w[k] = fib_word(words, dst[k] >> 16);
			any |= w[k];
		}
		for (int shift = 8; shift >= 0 && (any & FIB_CHILD); shift -= 8) {
			any = 0;
			for (unsigned k = 0; k < FIB_GROUP; k++) {
				uint32_t child = w[k] & FIB_CHILD;
				uint32_t place = child ? (w[k] & ~FIB_CHILD) + ((dst[k] >> shift) & 255) : 0;
				uint32_t next = fib_word(words, place);

				w[k] = child ? next : w[k];
				any |= w[k];
			}
		}
		for (unsigned k = 0; k < FIB_GROUP; k++)
			nh[i + k] = w[k];
	}
	for (; i < n; i++)
		nh[i] = fib_lookup4(dst_network_order[i]);
}

/* => worker or control; n destinations */
void
fib_lookup6_vec(const struct in6_addr *const *dst, uint32_t *nh, unsigned n)
{
	_Atomic uint32_t *words = fib6_words;
	uint32_t w[FIB_GROUP];
	unsigned i = 0;

	for (; i + FIB_GROUP <= n; i += FIB_GROUP) {
		uint32_t any = 0;

		for (unsigned k = 0; k < FIB_GROUP; k++) {
			const uint8_t *a = dst[i + k]->s6_addr;

			w[k] = fib_word(words, a[0] << 8 | a[1]);
			any |= w[k];
		}
		for (unsigned octet = 2; any & FIB_CHILD; octet++) {
			any = 0;
			for (unsigned k = 0; k < FIB_GROUP; k++) {
				uint32_t child = w[k] & FIB_CHILD;
				uint32_t place = child ? (w[k] & ~FIB_CHILD) + dst[i + k]->s6_addr[octet] : 0;
				uint32_t next = fib_word(words, place);

				w[k] = child ? next : w[k];
				any |= w[k];
			}
		}
		for (unsigned k = 0; k < FIB_GROUP; k++)
			nh[i + k] = w[k];
	}
	for (; i < n; i++)
		nh[i] = fib_lookup6(dst[i]);
}
