/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIB: look-ups of IPv4.
 *
 * Synchronization: workers only read; fib.h says what and how.
 * Lifetime: chunks are used again after a grace period.
 */
#include <arpa/inet.h>
#include <rte_prefetch.h>

#include "route/fib_read.h"
#include "route/route.h"

/*
 * Steps are taken for all of a group at a time, so that the loads of different destinations overlap.  A destination
 * that is done goes on with the chunk at place 0, whose only value is 0, and keeps its result: no branch to guess.
 */
#define FIB_GROUP 16

struct fib_view fib4_view;

static inline uint32_t
fib4_one(const struct fib_view *v, uint32_t dst)
{
	uint64_t bits = (uint64_t)dst << 32 << FIB4_ROOT;
	uint32_t w = fib_word(v->root, dst >> (32 - FIB4_ROOT));

	for (; w & FIB_CHILD; bits <<= FIB_STRIDE)
		w = fib_inner(fib_chunk(v, w), bits, w);
	return w != 0 ? w : fib_word(v->top, dst >> (32 - FIB4_TOP_BITS));
}

/* => worker or control */
uint32_t
fib_lookup4(uint32_t dst_network_order)
{
	const struct fib_view *v = &fib4_view;
	uint32_t dst = ntohl(dst_network_order), version, w;

	for (unsigned tries = 0; tries < FIB_TRIES; tries++) {
		version = fib_word(v->version, 0);
		w = fib4_one(v, dst);
		if (fib_word(v->version, 0) == version)
			break;
	}
	return w;
}

/* n <= FIB_GROUP; a constant where it is inlined */
static inline void
fib4_group(const struct fib_view *v, const uint32_t *dst_network_order, uint32_t *nh, unsigned n)
{
	uint32_t dst[FIB_GROUP], w[FIB_GROUP], any = 0;

	for (unsigned k = 0; k < n; k++) {
		dst[k] = ntohl(dst_network_order[k]);
		w[k] = fib_word(v->root, dst[k] >> (32 - FIB4_ROOT));
		rte_prefetch0(fib_chunk(v, w[k]));
		any |= w[k];
	}
	for (unsigned shift = 32 + FIB4_ROOT; any & FIB_CHILD; shift += FIB_STRIDE) {
		any = 0;
		for (unsigned k = 0; k < n; k++) {
			uint32_t child = w[k] & FIB_CHILD;
			uint32_t place = child ? w[k] : 0;
			uint32_t next = fib_inner(fib_chunk(v, place), (uint64_t)dst[k] << shift, place);

			w[k] = child ? next : w[k];
			any |= w[k];
		}
	}
	for (unsigned k = 0; k < n; k++) {
		uint32_t top = fib_word(v->top, dst[k] >> (32 - FIB4_TOP_BITS));

		nh[k] = w[k] != 0 ? w[k] : top;
	}
}

/* => worker or control; n destinations in network order */
void
fib_lookup4_vec(const uint32_t *dst, uint32_t *nh, unsigned n)
{
	const struct fib_view *v = &fib4_view;
	uint32_t version;

	for (; n >= FIB_GROUP; n -= FIB_GROUP, dst += FIB_GROUP, nh += FIB_GROUP)
		for (unsigned tries = 0; tries < FIB_TRIES; tries++) {
			version = fib_word(v->version, 0);
			fib4_group(v, dst, nh, FIB_GROUP);
			if (fib_word(v->version, 0) == version)
				break;
		}
	for (; n >= 4; n -= 4, dst += 4, nh += 4)
		for (unsigned tries = 0; tries < FIB_TRIES; tries++) {
			version = fib_word(v->version, 0);
			fib4_group(v, dst, nh, 4);
			if (fib_word(v->version, 0) == version)
				break;
		}
	for (unsigned k = 0; k < n; k++)
		nh[k] = fib_lookup4(dst[k]);
}
