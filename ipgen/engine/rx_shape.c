/* SPDX-License-Identifier: BSD-2-Clause */
/* Learning what a right frame looks like. */
/*
 * Synchronization, Lifetime: rx_shape.h.
 */
#include "ipgen/engine/rx_shape.h"

/* Octets that may differ: the mask is 0 there, and sums do not know them. */
static void
vary(uint8_t *is, uint8_t *mask, unsigned off, unsigned len)
{
	memset(is + off, 0, len);
	memset(mask + off, 0, len);
}

static uint64_t
sum_of(const uint8_t *p, unsigned len)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < len; i += 4)
		sum += rx_load32(p + i);
	return sum;
}

void
rx_shape_learn(struct rx_shape *h, const struct rte_mbuf *m)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint8_t is[16 * RX_SHAPE_BLOCKS] = {0}, mask[16 * RX_SHAPE_BLOCKS] = {0};
	unsigned l3 = 14, l4, l4len, proto;

	while (rx_is_tag(rx_load16(p + l3 - 2)))
		l3 += 4;
	h->v6 = p[l3] >> 4 == 6;
	proto = p[l3 + (h->v6 ? 6 : 9)];
	if (proto != 17 && proto != 6)
		return;
	l4 = l3 + (h->v6 ? 40 : 20);
	l4len = h->v6 ? rx_be16(p + l3 + 4) : rx_be16(p + l3 + 2) - 20;
	h->l4 = (uint8_t)l4;
	h->cksum = (uint8_t)(l4 + (proto == 17 ? 6 : 16));
	h->payload = (uint16_t)(l4 + (proto == 17 ? 8 : 20));
	h->sig = (uint16_t)(l4 + l4len - SIG_LEN);
	h->fill = h->sig - h->payload;
	memcpy(is, p, h->payload);
	memset(mask, 0xff, h->payload);
	vary(is, mask, 6, 6);
	if (!h->v6)
		vary(is, mask, l4 - 10, 2);
	vary(is, mask, l4 - (h->v6 ? 32 : 8), h->v6 ? 32 : 8);
	vary(is, mask, l4, 4);
	vary(is, mask, h->cksum, 2);
	/* neither can be 0: there is a version, and a protocol */
	h->ipsum = sum_of(is + l3, 20);
	h->l4sum = sum_of(is + l4, h->payload - l4) + rx_fillsum[h->fill] + RX_BE16(l4len) + RX_BE16(proto);
	h->never = proto == 17 ? 0 : UINT32_MAX;
	h->famproto = (h->v6 ? (uint64_t)6 : 4) << 48 | (uint64_t)proto << 56;
	h->blocks = (uint8_t)RTE_MAX(3u, (h->payload + 15u) / 16);
	for (unsigned i = 0; i < RX_SHAPE_BLOCKS; i++) {
		memcpy(h->block[i].is, is + 16 * i, 16);
		memcpy(h->block[i].mask, mask + 16 * i, 16);
	}
	h->key = m->data_len | 1u << 16;
}
