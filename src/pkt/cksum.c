/* SPDX-License-Identifier: BSD-2-Clause */
/* The Internet checksum (RFC 1071), over memory and over chains. */
#include <string.h>

#include "pkt/pkt.h"

uint32_t
cksum_add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t acc = sum;

	/* 32-bit words into a 64-bit accumulator: carries gather in the upper half */
	while (len >= 4) {
		uint32_t x;

		memcpy(&x, p, 4);
		acc += x;
		p += 4;
		len -= 4;
	}
	if (len >= 2) {
		uint16_t x;

		memcpy(&x, p, 2);
		acc += x;
		p += 2;
		len -= 2;
	}
	if (len > 0) {
		uint16_t x = 0;

		memcpy(&x, p, 1);
		acc += x;
	}
	acc = (acc & 0xffffffff) + (acc >> 32);
	acc = (acc & 0xffffffff) + (acc >> 32);
	/* leave room for additions by the caller */
	return (uint32_t)((acc & 0xffff) + (acc >> 16));
}

uint16_t
cksum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint32_t
cksum_swap(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum >> 8) | ((sum & 0xff) << 8);
}

uint32_t
cksum_mbuf(uint32_t sum, const struct rte_mbuf *m, uint32_t off, uint32_t len)
{
	bool odd = false;

	while (m != NULL && off >= m->data_len) {
		off -= m->data_len;
		m = m->next;
	}
	while (m != NULL && len > 0) {
		uint32_t k = RTE_MIN(len, (uint32_t)m->data_len - off);
		uint32_t part = cksum_add(0, rte_pktmbuf_mtod_offset(m, const char *, off), k);

		/* a segment that begins at an odd octet of the sum has its octets the other way round */
		sum = (sum & 0xffff) + (sum >> 16);
		sum += odd ? cksum_swap(part) : part;
		if (k & 1)
			odd = !odd;
		len -= k;
		off = 0;
		m = m->next;
	}
	return sum;
}
