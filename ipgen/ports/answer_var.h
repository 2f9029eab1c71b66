/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files that read and make a port's own frames share. */
#ifndef IPGEN_PORTS_ANSWER_VAR_H
#define IPGEN_PORTS_ANSWER_VAR_H

#include "ipgen/ports/answer.h"

#define ARP_LEN 28

static inline unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static inline void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* => Internet checksum, complemented, with sum added; 0 over what holds a right one */
unsigned sum16(const uint8_t *, size_t len, uint32_t sum);
/* => the pseudo-header's sum of an ICMPv6 message of len octets */
uint32_t pseudo6(const uint8_t *ip6, size_t len);
size_t put_arp(const struct answer_self *, unsigned op, const uint8_t *dst, const uint8_t *spa, const uint8_t *tha,
    const uint8_t *tpa, uint8_t *out);
size_t put_na(const struct answer_self *, const uint8_t *dstmac, const uint8_t *target, const uint8_t *dst,
    unsigned flags, uint8_t *out);

#endif
