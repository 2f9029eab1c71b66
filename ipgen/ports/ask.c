/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames that a port sends of itself: requests, solicitations, announcements. */
#include <string.h>

#include "ipgen/ports/answer_var.h"

unsigned
sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (; len > 1; p += 2, len -= 2)
		sum += get16(p);
	if (len > 0)
		sum += (uint32_t)p[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

uint32_t
pseudo6(const uint8_t *ip6, size_t len)
{
	uint32_t sum = (uint32_t)len + 58;

	for (unsigned i = 8; i < 40; i += 2)
		sum += get16(ip6 + i);
	return sum;
}

void
local6_of(const uint8_t mac[6], uint8_t a[16])
{
	memset(a, 0, 16);
	a[0] = 0xfe;
	a[1] = 0x80;
	memcpy(a + 8, mac, 3);
	a[8] ^= 2;
	a[11] = 0xff;
	a[12] = 0xfe;
	memcpy(a + 13, mac + 3, 3);
}

/* Destination, our own address, tags, type; returns the length. */
static size_t
put_link(const struct answer_self *self, const uint8_t *dst, unsigned type, uint8_t *out)
{
	size_t n = 12;

	memset(out, 0, ANSWER_MIN);
	memcpy(out, dst, 6);
	memcpy(out + 6, self->lladdr, 6);
	for (unsigned i = 0; i < self->ntags; i++, n += 4) {
		put16(out + n, self->tag[i].tpid);
		put16(out + n + 2, self->tag[i].tci);
	}
	put16(out + n, type);
	return n + 2;
}

static size_t
padded(size_t len)
{
	return len < 60 ? 60 : len; /* without the frame check sequence; put_link cleared it */
}

size_t
put_arp(const struct answer_self *self, unsigned op, const uint8_t *dst, const uint8_t *spa, const uint8_t *tha,
    const uint8_t *tpa, uint8_t *out)
{
	static const uint8_t fixed[6] = {0, 1, 8, 0, 6, 4};
	uint8_t mac[6], sender[4], target[4], *p;
	size_t n;

	memcpy(mac, tha, 6); /* what is told may lie in the frame that is answered */
	memcpy(sender, spa, 4);
	memcpy(target, tpa, 4);
	n = put_link(self, dst, 0x0806, out);
	p = out + n;
	memcpy(p, fixed, 6);
	put16(p + 6, op);
	memcpy(p + 8, self->lladdr, 6);
	memcpy(p + 14, sender, 4);
	memcpy(p + 18, mac, 6);
	memcpy(p + 24, target, 4);
	return padded(n + ARP_LEN);
}

/* A neighbour message with one link address option. */
static size_t
put_nd(const struct answer_self *self, unsigned type, const uint8_t *dstmac, const uint8_t *src, const uint8_t *dst,
    const uint8_t *target, unsigned flags, uint8_t *out)
{
	size_t n = put_link(self, dstmac, 0x86dd, out);
	uint8_t *ip = out + n, *nd = ip + 40;

	ip[0] = 0x60;
	put16(ip + 4, 32);
	ip[6] = 58;
	ip[7] = 255;
	memcpy(ip + 8, src, 16);
	memcpy(ip + 24, dst, 16);
	nd[0] = (uint8_t)type;
	nd[4] = (uint8_t)flags;
	memcpy(nd + 8, target, 16);
	nd[24] = type == 135 ? 1 : 2;
	nd[25] = 1;
	memcpy(nd + 26, self->lladdr, 6);
	put16(nd + 2, sum16(nd, 32, pseudo6(ip, 32)));
	return n + 72;
}

size_t
put_na(const struct answer_self *self, const uint8_t *dstmac, const uint8_t *target, const uint8_t *dst, unsigned flags,
    uint8_t *out)
{
	return put_nd(self, 136, dstmac, target, dst, target, flags, out);
}

size_t
ask4(const struct answer_self *self, const uint8_t target[4], uint8_t *out)
{
	static const uint8_t zero[6], all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	return put_arp(self, 1, all, self->has4 ? self->addr4 : zero, zero, target, out);
}

size_t
ask6(const struct answer_self *self, const uint8_t target[16], uint8_t *out)
{
	uint8_t mac[6] = {0x33, 0x33, 0xff}, group[16] = {0xff, 2, [11] = 1, 0xff};
	bool local = target[0] == 0xfe && (target[1] & 0xc0) == 0x80;

	memcpy(mac + 3, target + 13, 3);
	memcpy(group + 13, target + 13, 3);
	return put_nd(self, 135, mac, self->has6 && !local ? self->addr6 : self->local6, group, target, 0, out);
}

size_t
announce4(const struct answer_self *self, uint8_t *out)
{
	static const uint8_t zero[6], all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	return put_arp(self, 1, all, self->addr4, zero, self->addr4, out);
}

size_t
announce6(const struct answer_self *self, const uint8_t addr[16], uint8_t *out)
{
	static const uint8_t mac[6] = {0x33, 0x33, 0, 0, 0, 1}, group[16] = {0xff, 2, [15] = 1};

	return put_na(self, mac, addr, group, 0x20, out);
}

size_t
announce_link(const struct answer_self *self, uint8_t *out)
{
	return padded(put_link(self, self->lladdr, 0x9000, out));
}
