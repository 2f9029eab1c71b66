/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of flows by their addresses and ports, built. */
/*
 * Synchronization: control's, before workers see them.  Lifetime: until rx_find_free.
 */
#include <errno.h>
#include <stdlib.h>

#include "ipgen/engine/rx_var.h"

/* In the first empty slot from the hash on; not if one that is the same is there already. */
static void
insert(uint32_t *slot, uint32_t mask, const struct flow *flow, uint32_t n, bool ports)
{
	const struct flow *f = &flow[n];
	uint32_t port = ports ? rx_load32((const uint8_t *)&f->sport) : 0;
	uint32_t i = (uint32_t)rx_find_hash(f->family, f->proto, f->src, f->dst, port);

	for (;; i++) {
		const struct flow *g;

		if (slot[i & mask] == 0)
			break;
		g = &flow[slot[i & mask] - 1];
		if (f->family == g->family && f->proto == g->proto && memcmp(f->src, g->src, 32) == 0 &&
		    (!ports || memcmp(&f->sport, &g->sport, 4) == 0))
			return;
	}
	slot[i & mask] = n + 1;
}

int
rx_find_build(struct rx_find *find, const struct flow *flow, uint32_t n)
{
	uint32_t size = 16;

	ASSERT_CONTROL();
	while (size < 2 * n)
		size *= 2;
	*find = (struct rx_find){
	    .tuple = calloc(size, sizeof(uint32_t)), .pair = calloc(size, sizeof(uint32_t)), .mask = size - 1};
	if (find->tuple == NULL || find->pair == NULL) {
		rx_find_free(find);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++) {
		insert(find->tuple, find->mask, flow, i, true);
		insert(find->pair, find->mask, flow, i, false);
	}
	return 0;
}

void
rx_find_free(struct rx_find *find)
{
	free(find->tuple);
	free(find->pair);
	*find = (struct rx_find){0};
}
