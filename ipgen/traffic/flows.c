/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists of flows: the combinations of ranges, in increasing order or drawn without repetition.
 *
 * In increasing order the source address runs fastest, then the destination address, the source port, the destination
 * port: every network card's receive-side scaling looks at addresses, not every one at ports.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "ipgen/traffic/private.h"

u128
addr_get(const uint8_t *a, unsigned family)
{
	u128 v = 0;

	for (unsigned i = 0; i < (family == 6 ? 16 : 4); i++)
		v = v << 8 | a[i];
	return v;
}

void
addr_put(uint8_t *a, u128 v, unsigned family)
{
	memset(a, 0, 16);
	for (int i = family == 6 ? 15 : 3; i >= 0; i--, v >>= 8)
		a[i] = (uint8_t)v;
}

/* How many values first to last are; COUNT_MAX at most. */
static uint64_t
span(u128 first, u128 last)
{
	u128 n = last - first; /* one less: 2^128 would not fit */

	return n >= COUNT_MAX ? COUNT_MAX : (uint64_t)n + 1;
}

static uint64_t
times(uint64_t a, uint64_t b)
{
	u128 n = (u128)a * b;

	return n > COUNT_MAX ? COUNT_MAX : (uint64_t)n;
}

int
flow_blocks_add(struct flow_blocks *l, const struct flow_block *b)
{
	struct flow_block *p;

	if (l->n == l->alloc) {
		unsigned alloc = l->alloc != 0 ? 2 * l->alloc : 1;

		p = realloc(l->block, alloc * sizeof(*p));
		if (p == NULL)
			return -ENOMEM;
		l->block = p;
		l->alloc = alloc;
	}
	p = &l->block[l->n++];
	*p = *b;
	p->count = times(times(span(b->src[0], b->src[1]), span(b->dst[0], b->dst[1])),
	    times(span(b->sport[0], b->sport[1]), span(b->dport[0], b->dport[1])));
	l->count = l->count + p->count > COUNT_MAX ? COUNT_MAX : l->count + p->count;
	return 0;
}

void
flow_make(struct flow *f, unsigned family, unsigned proto, u128 src, u128 dst, unsigned sport, unsigned dport)
{
	const uint16_t *w = (const uint16_t *)(const void *)f;
	uint32_t sum = 0;

	addr_put(f->src, src, family);
	addr_put(f->dst, dst, family);
	f->sport = htons((uint16_t)sport);
	f->dport = htons((uint16_t)dport);
	for (unsigned i = 0; i < 18; i++) /* both addresses, both ports */
		sum += w[i];
	sum = (sum & 0xffff) + (sum >> 16);
	f->sum = (uint16_t)(sum + (sum >> 16));
	f->family = (uint8_t)family;
	f->proto = (uint8_t)(proto == 1 && family == 6 ? 58 : proto);
}

/* The flow of this number among the block's combinations. */
void
block_flow(const struct flow_block *b, unsigned proto, uint64_t i, struct flow *f)
{
	uint64_t n;
	u128 src, dst;
	unsigned sport;

	n = span(b->src[0], b->src[1]);
	src = b->src[0] + i % n;
	i /= n;
	n = span(b->dst[0], b->dst[1]);
	dst = b->dst[0] + i % n;
	i /= n;
	n = span(b->sport[0], b->sport[1]);
	sport = b->sport[0] + (unsigned)(i % n);
	i /= n;
	flow_make(f, b->family, proto, src, dst, sport, b->dport[0] + (unsigned)i);
}

static void
list_increase(const struct flow_blocks *l, unsigned proto, struct flow *f, uint32_t n)
{
	uint32_t k = 0;

	for (unsigned b = 0; b < l->n && k < n; b++)
		for (uint64_t i = 0; i < l->block[b].count && k < n; i++)
			block_flow(&l->block[b], proto, i, &f[k++]);
}

static void
flow_reverse(struct flow *f)
{
	struct flow o = *f;

	memcpy(f->src, o.dst, 16);
	memcpy(f->dst, o.src, 16);
	if (f->proto == 1 || f->proto == 58)
		return; /* the identifier has no other end */
	f->sport = o.dport;
	f->dport = o.sport;
}

struct flow *
flow_list(const struct flow_blocks *l, unsigned proto, enum traffic_order order, uint64_t seed, unsigned max,
    bool reverse, uint32_t *n, char *err, size_t errlen)
{
	struct flow *f;

	if (max == 0 && l->count > TRAFFIC_MAXFLOWS) {
		snprintf(err, errlen, "%s%llu flows: %u at most; take fewer with -F, as -F %u",
		    l->count == COUNT_MAX ? "more than " : "", (unsigned long long)l->count, TRAFFIC_MAXFLOWS,
		    TRAFFIC_MAXFLOWS);
		return NULL;
	}
	*n = (uint32_t)(max == 0 || max > l->count ? l->count : max);
	f = calloc(*n, sizeof(*f));
	if (f == NULL) {
		snprintf(err, errlen, "%u flows: no memory", *n);
		return NULL;
	}
	if (order == TRAFFIC_INCREASE) {
		list_increase(l, proto, f, *n);
	} else if (flow_list_random(l, proto, seed, f, *n) != 0) {
		snprintf(err, errlen, "%u flows: no memory", *n);
		free(f);
		return NULL;
	}
	for (uint32_t i = 0; reverse && i < *n; i++)
		flow_reverse(&f[i]);
	return f;
}

struct frame_flow4 *
flow_list4(const struct flow *flow, uint32_t n)
{
	struct frame_flow4 *list;

	for (uint32_t i = 0; i < n; i++)
		if (flow[i].family != 4)
			return NULL;
	list = aligned_alloc(64, (n * sizeof(*list) + 63) & ~(size_t)63);
	for (uint32_t i = 0; list != NULL && i < n; i++) {
		const struct flow *f = &flow[i];
		struct frame_flow4 *g = &list[i];
		uint16_t w[4];
		uint32_t sum;

		memcpy(g->addr, f->src, 4);
		memcpy(g->addr + 4, f->dst, 4);
		memcpy(g->port, &f->sport, 2);
		memcpy(g->port + 2, &f->dport, 2);
		memcpy(w, g->addr, sizeof(w));
		sum = (uint32_t)w[0] + w[1] + w[2] + w[3];
		sum = (sum & 0xffff) + (sum >> 16);
		g->addrsum = (uint16_t)(sum + (sum >> 16));
		g->l4sum = f->proto == 1 ? f->sport : f->sum;
	}
	return list;
}
