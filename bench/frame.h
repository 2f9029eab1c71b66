/* SPDX-License-Identifier: BSD-2-Clause */
/* A UDP datagram in an Ethernet frame, for sources. */
#ifndef SMPNET_BENCH_FRAME_H
#define SMPNET_BENCH_FRAME_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FRAME_MAX  1514
#define FRAME_PORT 1024 /* source port */

static inline int
frame_mac(const char *text, uint8_t *m)
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", m, m + 1, m + 2, m + 3, m + 4, m + 5) == 6 ? 0 : -1;
}

/* => octets of headers, or 0: an address is wrong; len octets in all, hop count 64, UDP checksum 0 */
static inline unsigned
frame_make(
    uint8_t *f, unsigned len, int family, const char *src, const char *dst, const uint8_t *dmac, const uint8_t *smac)
{
	unsigned l4 = family == 4 ? 34 : 54;
	uint8_t *ip = f + 14;
	uint32_t sum = 0;

	memset(f, 0, len);
	memcpy(f, dmac, 6);
	memcpy(f + 6, smac, 6);
	if (family == 4) {
		f[12] = 8;
		ip[0] = 0x45;
		ip[2] = (len - 14) >> 8;
		ip[3] = (len - 14) & 255;
		ip[8] = 64;
		ip[9] = 17;
		if (inet_pton(AF_INET, src, ip + 12) != 1 || inet_pton(AF_INET, dst, ip + 16) != 1)
			return 0;
		for (unsigned i = 0; i < 20; i += 2)
			sum += ip[i] << 8 | ip[i + 1];
		sum = (sum & 0xffff) + (sum >> 16);
		sum = ~((sum & 0xffff) + (sum >> 16));
		ip[10] = sum >> 8 & 255;
		ip[11] = sum & 255;
	} else {
		f[12] = 0x86;
		f[13] = 0xdd;
		ip[0] = 0x60;
		ip[4] = (len - l4) >> 8;
		ip[5] = (len - l4) & 255;
		ip[6] = 17;
		ip[7] = 64;
		if (inet_pton(AF_INET6, src, ip + 8) != 1 || inet_pton(AF_INET6, dst, ip + 24) != 1)
			return 0;
	}
	f[l4] = FRAME_PORT >> 8;
	f[l4 + 1] = FRAME_PORT & 255;
	f[l4 + 2] = 2048 >> 8;
	f[l4 + 4] = (len - l4) >> 8;
	f[l4 + 5] = (len - l4) & 255;
	return l4 + 8;
}

#endif
