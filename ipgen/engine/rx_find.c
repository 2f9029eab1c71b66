/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows by their addresses and ports: for packets whose signature cannot be read. */
/*
 * Open addressing in tables that control builds (rx_find_build) and workers read.
 *
 * Synchronization: [I] once built.  Lifetime: that of struct rx_table.
 */
#include "ipgen/engine/rx_var.h"

/* Twice, for a table's mask leaves low bits, and what differs (the last octet of an address) is in v's highest. */
static inline uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

uint64_t
rx_find_hash(unsigned family, unsigned proto, const uint8_t *src, const uint8_t *dst, uint32_t ports)
{
	uint64_t h = mix(family << 8 | proto, ports);

	if (family != 6)
		return mix(h, (uint64_t)rx_load32(src) << 32 | rx_load32(dst));
	h = mix(mix(h, rx_load64(src)), rx_load64(src + 8));
	return mix(mix(h, rx_load64(dst)), rx_load64(dst + 8));
}

static bool
flow_is(const struct flow *f, unsigned family, unsigned proto, const uint8_t *src, const uint8_t *dst)
{
	return f->family == family && f->proto == proto &&
	       (family == 6 ? rx_same6(f, src, dst) : rx_same4(f, src, dst));
}

uint32_t
rx_find_tuple(const struct rx_find *find, const struct flow *flow, unsigned family, unsigned proto, const uint8_t *src,
    const uint8_t *dst, uint32_t ports)
{
	uint64_t h = rx_find_hash(family, proto, src, dst, ports);

	for (uint32_t i = (uint32_t)h;; i++) {
		uint32_t n = find->tuple[i & find->mask];

		if (n == 0)
			return RX_NOFLOW;
		if (flow_is(&flow[n - 1], family, proto, src, dst) &&
		    rx_load32((const uint8_t *)&flow[n - 1].sport) == ports)
			return n - 1;
	}
}

uint32_t
rx_find_pair(const struct rx_find *find, const struct flow *flow, unsigned family, unsigned proto, const uint8_t *src,
    const uint8_t *dst)
{
	uint64_t h = rx_find_hash(family, proto, src, dst, 0);

	for (uint32_t i = (uint32_t)h;; i++) {
		uint32_t n = find->pair[i & find->mask];

		if (n == 0)
			return RX_NOFLOW;
		if (flow_is(&flow[n - 1], family, proto, src, dst))
			return n - 1;
	}
}
