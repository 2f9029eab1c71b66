/* SPDX-License-Identifier: BSD-2-Clause */
/* What a port says to ARP (RFC 826), neighbour solicitations (RFC 4861) and echo requests (RFC 792, 4443). */
#include "ipgen/ports/answer.h"

#include <string.h>

#include "ipgen/ports/answer_var.h"

static bool
is_ours(const struct answer_self *self, unsigned family, const uint8_t *addr)
{
	if (family == 4 && self->has4 && memcmp(addr, self->addr4, 4) == 0)
		return true;
	return family == 6 &&
	       ((self->has6 && memcmp(addr, self->addr6, 16) == 0) || memcmp(addr, self->local6, 16) == 0);
}

static bool
answers_for(const struct answer_self *self, unsigned family, const uint8_t *addr)
{
	return is_ours(self, family, addr) || (self->stands_for != NULL && self->stands_for(self->arg, family, addr));
}

static void
tell(struct answer_news *news, int kind, unsigned family, const uint8_t *addr, const uint8_t *lladdr)
{
	news->kind = kind;
	news->family = (uint8_t)family;
	memset(news->addr, 0, sizeof(news->addr));
	memcpy(news->addr, addr, family == 4 ? 4 : 16);
	memcpy(news->lladdr, lladdr, 6);
}

static size_t
answer_arp(const struct answer_self *self, const uint8_t *p, size_t len, uint8_t *out, struct answer_news *news)
{
	static const uint8_t zero[4], fixed[6] = {0, 1, 8, 0, 6, 4};
	const uint8_t *sha = p + 8, *spa = p + 14, *tpa = p + 24;
	unsigned op;

	if (len < ARP_LEN || memcmp(p, fixed, 6) != 0 || (sha[0] & 1))
		return 0;
	op = get16(p + 6);
	if (memcmp(sha, self->lladdr, 6) == 0)
		return 0; /* our own, come back */
	if (is_ours(self, 4, spa))
		tell(news, NEWS_DUPLICATE, 4, spa, sha);
	else if (memcmp(spa, zero, 4) != 0)
		tell(news, NEWS_NEIGHBOR, 4, spa, sha);
	if (op != 1 || !answers_for(self, 4, tpa) || memcmp(spa, tpa, 4) == 0)
		return 0;
	return put_arp(self, 2, sha, tpa, sha, spa, out);
}

/* The link address that an option of this type tells, or NULL; *ok false: the options are broken. */
static const uint8_t *
nd_option(const uint8_t *p, size_t len, unsigned type, bool *ok)
{
	const uint8_t *found = NULL;

	*ok = false;
	while (len > 0) {
		size_t n;

		if (len < 2 || (n = p[1] * 8u) == 0 || n > len)
			return NULL;
		if (p[0] == type && n == 8 && !(p[2] & 1))
			found = p + 2;
		p += n;
		len -= n;
	}
	*ok = true;
	return found;
}

static size_t
answer_nd(const struct answer_self *self, const uint8_t *eth, const uint8_t *ip6, const uint8_t *nd, size_t len,
    uint8_t *out, struct answer_news *news)
{
	static const uint8_t unspecified[16], allnodes[16] = {0xff, 2, [15] = 1},
					      allnodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	const uint8_t *src = ip6 + 8, *target = nd + 8, *lladdr;
	bool ok, probe = memcmp(src, unspecified, 16) == 0, solicitation = nd[0] == 135;

	if (len < 24 || ip6[7] != 255 || nd[1] != 0 || target[0] == 0xff)
		return 0;
	lladdr = nd_option(nd + 24, len - 24, solicitation ? 1 : 2, &ok);
	if (!ok || (probe && lladdr != NULL))
		return 0;
	if (lladdr == NULL)
		lladdr = eth + 6;
	if (memcmp(lladdr, self->lladdr, 6) == 0 || (lladdr[0] & 1))
		return 0;
	if (!solicitation) {
		tell(news, is_ours(self, 6, target) ? NEWS_DUPLICATE : NEWS_NEIGHBOR, 6, target, lladdr);
		return 0;
	}
	if (src[0] == 0xff)
		return 0;
	if (probe && is_ours(self, 6, target))
		tell(news, NEWS_DUPLICATE, 6, target, eth + 6);
	else if (!probe)
		tell(news, NEWS_NEIGHBOR, 6, src, lladdr);
	if (!answers_for(self, 6, target))
		return 0;
	if (probe)
		return put_na(self, allnodes_mac, target, allnodes, 0x20, out);
	return put_na(self, lladdr, target, src, 0x60, out);
}

/* An echo request comes back as a reply: the same frame, its ends exchanged. */
static size_t
echo(const struct answer_self *self, const uint8_t *frame, size_t l3, size_t len, unsigned family, size_t l4,
    uint8_t *out, size_t room)
{
	uint8_t *ip = out + l3;

	if (l3 + len > room)
		return 0;
	memcpy(out, frame, l3 + len);
	memcpy(out, frame + 6, 6);
	memcpy(out + 6, self->lladdr, 6);
	if (family == 4) {
		memcpy(ip + 12, frame + l3 + 16, 4);
		memcpy(ip + 16, frame + l3 + 12, 4);
		ip[8] = 64;
		put16(ip + 10, 0);
		put16(ip + 10, sum16(ip, l4, 0));
		ip[l4] = 0;
		put16(ip + l4 + 2, 0);
		put16(ip + l4 + 2, sum16(ip + l4, len - l4, 0));
	} else {
		memcpy(ip + 8, frame + l3 + 24, 16);
		memcpy(ip + 24, frame + l3 + 8, 16);
		ip[7] = 64;
		ip[l4] = 129;
		put16(ip + l4 + 2, 0);
		put16(ip + l4 + 2, sum16(ip + l4, len - l4, pseudo6(ip, len - l4)));
	}
	return l3 + len < 60 ? (memset(out + l3 + len, 0, room >= 60 ? 60 - l3 - len : 0), room >= 60 ? 60 : l3 + len)
			     : l3 + len;
}

static size_t
answer_ip4(const struct answer_self *self, const uint8_t *frame, size_t l3, size_t len, uint8_t *out, size_t room)
{
	const uint8_t *ip = frame + l3;
	size_t hlen, total;

	if (len < 20 || ip[0] >> 4 != 4 || (hlen = (ip[0] & 15) * 4u) < 20 || hlen > len)
		return 0;
	total = get16(ip + 2);
	if (total > len || total < hlen + 8 || sum16(ip, hlen, 0) != 0 || (get16(ip + 6) & 0x3fff) != 0)
		return 0;
	if (ip[9] != 1 || ip[hlen] != 8 || ip[hlen + 1] != 0 || !answers_for(self, 4, ip + 16) || ip[12] >= 224 ||
	    ip[12] == 0 || sum16(ip + hlen, total - hlen, 0) != 0)
		return 0;
	return echo(self, frame, l3, total, 4, hlen, out, room);
}

static size_t
answer_ip6(const struct answer_self *self, const uint8_t *frame, size_t l3, size_t len, uint8_t *out, size_t room,
    struct answer_news *news)
{
	const uint8_t *ip = frame + l3, *icmp = ip + 40;
	size_t total;

	if (len < 48 || ip[0] >> 4 != 6 || ip[6] != 58)
		return 0;
	total = get16(ip + 4);
	if (total < 8 || total > len - 40 || sum16(icmp, total, pseudo6(ip, total)) != 0)
		return 0;
	if (icmp[0] == 135 || icmp[0] == 136)
		return answer_nd(self, frame, ip, icmp, total, out, news);
	if (icmp[0] != 128 || icmp[1] != 0 || !answers_for(self, 6, ip + 24) || ip[8] == 0xff)
		return 0;
	return echo(self, frame, l3, 40 + total, 6, 40, out, room);
}

size_t
answer_frame(const struct answer_self *self, const uint8_t *frame, size_t len, uint8_t *out, size_t room,
    struct answer_news *news)
{
	size_t l3 = 12;

	news->kind = NEWS_NONE;
	if (len < 14 || room < ANSWER_MIN || (frame[6] & 1))
		return 0;
	if (!(frame[0] & 1) && memcmp(frame, self->lladdr, 6) != 0)
		return 0;
	for (unsigned i = 0; i < self->ntags; i++, l3 += 4)
		if (len < l3 + 6 || get16(frame + l3) != self->tag[i].tpid ||
		    ((get16(frame + l3 + 2) ^ self->tag[i].tci) & 0xfff) != 0)
			return 0;
	switch (get16(frame + l3)) {
	case 0x0806:
		return answer_arp(self, frame + l3 + 2, len - l3 - 2, out, news);
	case 0x0800:
		return answer_ip4(self, frame, l3 + 2, len - l3 - 2, out, room);
	case 0x86dd:
		return answer_ip6(self, frame, l3 + 2, len - l3 - 2, out, room, news);
	default:
		return 0;
	}
}
