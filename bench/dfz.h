/* SPDX-License-Identifier: BSD-2-Clause */
/* Routing tables and destinations with the mix of prefix lengths of the default-free zone; deterministic. */
#ifndef SMPNET_DFZ_H
#define SMPNET_DFZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct dfz_route {
	uint64_t hi, lo; /* address in host order, left-aligned: an IPv4 address is the upper half of hi */
	uint8_t plen;
	uint32_t nh; /* 0 .. nnh - 1 */
};

/*
 * count different prefixes of a family (4 or 6) in random order, to be freed by the caller; NULL: no memory, or more
 * than the family's model holds (dfz_max).  Next hops are uniformly random, or with near mostly those of the prefix's
 * neighbourhood (a /20, a /36).  The prefixes do not depend on nnh and near.
 */
struct dfz_route *dfz_routes(int family, unsigned count, uint64_t seed, unsigned nnh, bool near);
unsigned dfz_max(int family);
/*
 * n destinations in network order, 4 or 16 octets each: for each a route is drawn, then a random address in it.  All
 * are different as long as the routes have room.  NULL: no memory
 */
uint8_t *dfz_dsts(int family, const struct dfz_route *, unsigned count, uint64_t seed, unsigned n);
/* The prefix as text, at most 49 octets */
char *dfz_text(int family, const struct dfz_route *, char *buf);

static inline uint64_t
dfz_random(uint64_t *s)
{
	uint64_t z = *s += 0x9E3779B97F4A7C15ull;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 27) * 0x94D049BB133111EBull;
	return z ^ z >> 31;
}

#endif
