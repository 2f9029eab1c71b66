/* SPDX-License-Identifier: BSD-2-Clause */
/* The flow hash: symmetric over addresses and ports, never 0. */
#include <netinet/in.h>
#include <string.h>

#include "pkt/pkt.h"

/* A finalizer with full avalanche (multiply and shift). */
static uint32_t
hash_mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	return (uint32_t)x != 0 ? (uint32_t)x : 1;
}

/* Sum and exclusive or of the two sides: the same for both directions, without the collapse of either alone. */
static uint64_t
hash_pair(uint64_t a, uint64_t b)
{
	return (a + b) * 0x9e3779b97f4a7c15ULL ^ (a ^ b);
}

static uint64_t
hash_ports(uint8_t proto, const uint8_t *l4, const uint8_t *end)
{
	uint16_t sport, dport;

	if ((proto != IPPROTO_TCP && proto != IPPROTO_UDP && proto != IPPROTO_SCTP) || end - l4 < 4)
		return 0;
	memcpy(&sport, l4, 2);
	memcpy(&dport, l4 + 2, 2);
	return hash_pair(sport, dport);
}

uint32_t
pkt_hash_ip4(const void *ip, const void *end)
{
	const uint8_t *p = ip;
	uint32_t src, dst;
	uint64_t h;
	uint16_t frag;

	memcpy(&src, p + 12, 4);
	memcpy(&dst, p + 16, 4);
	memcpy(&frag, p + 6, 2);
	h = hash_pair(src, dst) + p[9];
	/* fragments have no ports to agree on: all of them go by addresses */
	if ((frag & htons(0x3fff)) == 0)
		h = h * 31 + hash_ports(p[9], p + (p[0] & 15) * 4, end);
	return hash_mix(h);
}

uint32_t
pkt_hash_ip6(const void *ip6, const void *end)
{
	const uint8_t *p = ip6;
	uint64_t s[2], d[2], h;

	memcpy(s, p + 8, 16);
	memcpy(d, p + 24, 16);
	h = hash_pair(s[0], d[0]) * 31 + hash_pair(s[1], d[1]) + p[6];
	/* the fragment header (and others) hide the ports: then addresses alone, for all of a flow's fragments alike */
	h = h * 31 + hash_ports(p[6], p + 40, end);
	return hash_mix(h);
}
