/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Oversized segments and partial checksums, as Linux hands them to its neighbours: cut and completed.
 *
 * Every length here is checked against the frame although the kernel wrote it: a frame that was forwarded to us keeps
 * the lengths of its sender.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dev/linux_gso.h"
#include "pkt/pkt.h"

#define ETHERTYPE_4    0x0800
#define ETHERTYPE_6    0x86dd
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

static inline uint32_t
be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static inline void
put16(uint8_t *p, uint32_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static inline uint32_t
be32(const uint8_t *p)
{
	return be16(p) << 16 | be16(p + 2);
}

static inline void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* A checksum as it is stored: zero would say "none" to UDP, and means the same as all ones to everybody else. */
static inline void
put_sum(uint8_t *p, uint32_t sum)
{
	uint16_t c = cksum_fold(sum);

	if (c == 0)
		c = 0xffff;
	memcpy(p, &c, 2);
}

static inline uint16_t
fold(uint32_t sum)
{
	return (uint16_t)~cksum_fold(sum);
}

static uint32_t
pseudo_sum(const uint8_t *ip, uint8_t family, uint8_t proto)
{
	uint8_t p[2] = {0, proto};
	uint32_t sum = cksum_add(0, p, 2);

	return family == 4 ? cksum_add(sum, ip + 12, 8) : cksum_add(sum, ip + 8, 32);
}

static uint32_t
length_sum(uint32_t len)
{
	uint8_t p[4];

	put32(p, len);
	return cksum_add(0, p, 4);
}

static bool
find_l4_ip4(const uint8_t *frame, uint32_t avail, uint32_t len, struct gso_l4 *l4)
{
	const uint8_t *ip = frame + l4->l3off;

	if (avail < l4->l3off + 20u || ip[0] >> 4 != 4)
		return false;
	uint32_t hl = (ip[0] & 15) * 4, total = be16(ip + 2);
	if (hl < 20 || total < hl || avail < l4->l3off + hl)
		return false;
	l4->family = 4;
	l4->l4off = l4->l3off + hl;
	l4->proto = ip[9];
	l4->fragment = (be16(ip + 6) & 0x3fff) != 0;
	l4->l4len = RTE_MIN(total - hl, len - l4->l4off);
	return true;
}

static bool
find_l4_ip6(const uint8_t *frame, uint32_t avail, uint32_t len, struct gso_l4 *l4)
{
	const uint8_t *ip = frame + l4->l3off;
	uint32_t off = l4->l3off + 40, end;

	if (avail < off || ip[0] >> 4 != 6)
		return false;
	end = RTE_MIN(len, off + be16(ip + 4));
	l4->family = 6;
	l4->proto = ip[6];
	l4->fragment = false;
	for (unsigned i = 0; i < 8; i++) {
		uint32_t hl;

		switch (l4->proto) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_ROUTING:
		case IPPROTO_DSTOPTS:
			if (off + 8 > avail || off + 8 > end)
				return false;
			hl = (frame[off + 1] + 1u) * 8;
			break;
		case IPPROTO_AH:
			if (off + 8 > avail || off + 8 > end)
				return false;
			hl = (frame[off + 1] + 2u) * 4;
			break;
		case IPPROTO_FRAGMENT:
			if (off + 8 > avail || off + 8 > end)
				return false;
			hl = 8;
			l4->fragment |= (be16(frame + off + 2) & 0xfff9) != 0;
			break;
		default:
			l4->l4off = off;
			l4->l4len = end - off;
			return true;
		}
		l4->proto = frame[off];
		off += hl;
		if (off > end)
			return false;
	}
	return false;
}

/* The transport header behind the IP header at off, by the Ethernet type; l4len is cut to what the frame holds */
static bool
find_l4_at(const uint8_t *frame, uint32_t avail, uint32_t len, uint32_t off, uint32_t ethertype, struct gso_l4 *l4)
{
	l4->l3off = off;
	return ethertype == ETHERTYPE_4	  ? find_l4_ip4(frame, avail, len, l4)
	       : ethertype == ETHERTYPE_6 ? find_l4_ip6(frame, avail, len, l4)
					  : false;
}

/* The same behind the Ethernet header at off */
static bool
find_l4_ether(const uint8_t *frame, uint32_t avail, uint32_t len, uint32_t off, struct gso_l4 *l4)
{
	if (avail > len)
		avail = len;
	off += 12;
	for (unsigned tags = 0; tags < 3; tags++, off += 4) {
		if (avail < off + 2)
			return false;
		uint32_t type = be16(frame + off);

		if (type != ETHERTYPE_VLAN && type != ETHERTYPE_QINQ)
			return find_l4_at(frame, avail, len, off + 2, type, l4);
	}
	return false;
}

bool
gso_find_l4(const uint8_t *frame, uint32_t avail, uint32_t len, struct gso_l4 *l4)
{
	return find_l4_ether(frame, avail, len, 0, l4);
}

/*
 * The inner packet of a tunnel: the transport header is at start, its IP header right before it, with a length that
 * reaches the frame's end.
 */
static bool
find_inner(
    struct gso_plan *plan, const struct gso_l4 *outer, const uint8_t *frame, uint32_t len, uint32_t start, uint8_t type)
{
	uint8_t proto = type == GSO_T_UDP_L4 ? IPPROTO_UDP : IPPROTO_TCP;

	if (outer->proto != IPPROTO_UDP && outer->proto != IPPROTO_GRE && outer->proto != IPPROTO_IPIP &&
	    outer->proto != IPPROTO_IPV6)
		return false;
	plan->outer_l3off = outer->l3off;
	if (outer->proto == IPPROTO_UDP)
		plan->outer_udpoff = outer->l4off;
	else if (outer->proto == IPPROTO_GRE && (frame[outer->l4off] & 0x90) != 0)
		return false; /* GRE with a checksum or a sequence number */
	if (type != GSO_T_TCPV6) {
		for (uint32_t hl = 20; hl <= 60 && outer->l4off + hl <= start; hl += 4) {
			const uint8_t *ip = frame + start - hl;

			if (ip[0] == (0x40 | hl / 4) && ip[9] == proto && be16(ip + 2) == len - (start - hl)) {
				plan->l3off = start - hl;
				return true;
			}
		}
	}
	if (type != GSO_T_TCPV4 && outer->l4off + 40u <= start) {
		const uint8_t *ip = frame + start - 40;

		if (ip[0] >> 4 == 6 && ip[6] == proto && be16(ip + 4) == len - start) {
			plan->l3off = start - 40;
			return true;
		}
	}
	return false;
}

int
gso_plan(struct gso_plan *plan, const uint8_t *frame, uint32_t avail, uint32_t len, const struct gso_vnet *vh)
{
	uint8_t type = vh->type & ~GSO_T_ECN;
	struct gso_l4 l4;
	uint32_t thl;

	memset(plan, 0, sizeof(*plan));
	if (len > GSO_MAXLEN || vh->size == 0 || !gso_find_l4(frame, avail, len, &l4) || l4.fragment)
		return -EINVAL;
	if (avail > len)
		avail = len;
	plan->tcp = type == GSO_T_TCPV4 || type == GSO_T_TCPV6;
	if (!plan->tcp && type != GSO_T_UDP_L4)
		return -EINVAL;
	plan->l3off = l4.l3off;
	plan->l4off = l4.l4off;
	if ((vh->flags & GSO_F_NEEDS_CSUM) && vh->csum_start != l4.l4off) {
		/* within a tunnel */
		if (vh->csum_start < l4.l4off + 4u || vh->csum_start + 8u > avail ||
		    !find_inner(plan, &l4, frame, len, vh->csum_start, type))
			return -EINVAL;
		plan->l4off = vh->csum_start;
	} else if (l4.proto != (plan->tcp ? IPPROTO_TCP : IPPROTO_UDP))
		return -EINVAL;
	if ((type == GSO_T_TCPV4 && frame[plan->l3off] >> 4 != 4) ||
	    (type == GSO_T_TCPV6 && frame[plan->l3off] >> 4 != 6))
		return -EINVAL;

	thl = 8;
	if (plan->tcp) {
		if (plan->l4off + 20u > avail)
			return -EINVAL;
		thl = (frame[plan->l4off + 12] >> 4) * 4;
		if (thl < 20)
			return -EINVAL;
	}
	plan->hlen = plan->l4off + thl;
	if (plan->hlen > avail)
		return -EINVAL;
	plan->mss = vh->size;
	plan->paylen = len - plan->hlen;
	plan->nsegs = plan->paylen == 0 ? 1 : (plan->paylen + plan->mss - 1) / plan->mss;
	plan->cwr_first = (vh->type & GSO_T_ECN) != 0;

	if (vh->flags & GSO_F_NEEDS_CSUM) {
		/* The field holds the pseudo-header's sum, also right where a routing header changes the address. */
		uint16_t field;

		memcpy(&field, frame + plan->l4off + (plan->tcp ? 16 : 6), 2);
		plan->pseudo = (uint32_t)field + (uint16_t)~fold(length_sum(len - plan->l4off));
	} else
		plan->pseudo =
		    pseudo_sum(frame + plan->l3off, frame[plan->l3off] >> 4, plan->tcp ? IPPROTO_TCP : IPPROTO_UDP);
	return 0;
}

/* The IP header at off of segment i, whose frame has len octets */
static void
finish_ip(uint8_t *h, uint32_t off, uint32_t i, uint32_t len)
{
	uint8_t *ip = h + off;

	if (ip[0] >> 4 == 6) {
		put16(ip + 4, len - off - 40);
		return;
	}
	uint32_t hl = (ip[0] & 15) * 4;
	put16(ip + 2, len - off);
	put16(ip + 4, be16(ip + 4) + i);
	ip[10] = ip[11] = 0;
	uint16_t c = cksum_fold(cksum_add(0, ip, hl));
	memcpy(ip + 10, &c, 2);
}

void
gso_finish(const struct gso_plan *plan, const uint8_t *headers, uint32_t i, struct rte_mbuf *m)
{
	uint8_t *h = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t len = rte_pktmbuf_pkt_len(m), l4len = len - plan->l4off;
	uint8_t *l4 = h + plan->l4off, *field;

	memcpy(h, headers, plan->hlen);
	finish_ip(h, plan->l3off, i, len);
	if (plan->tcp) {
		put32(l4 + 4, be32(l4 + 4) + i * plan->mss);
		if (i + 1 < plan->nsegs)
			l4[13] &= ~(TCP_FIN | TCP_PSH);
		/* Without the mark CWR is part of a counter (accurate ECN) and belongs on every segment. */
		if (i > 0 && plan->cwr_first)
			l4[13] &= ~TCP_CWR;
		field = l4 + 16;
	} else {
		put16(l4 + 4, l4len);
		field = l4 + 6;
	}
	field[0] = field[1] = 0;
	put_sum(field, cksum_mbuf(fold(plan->pseudo) + length_sum(l4len), m, plan->l4off, l4len));

	if (plan->outer_l3off == 0)
		return;
	finish_ip(h, plan->outer_l3off, i, len);
	if (plan->outer_udpoff == 0)
		return;
	uint8_t *udp = h + plan->outer_udpoff;
	uint32_t udplen = len - plan->outer_udpoff;
	put16(udp + 4, udplen);
	if (udp[6] == 0 && udp[7] == 0)
		return; /* none wanted */
	udp[6] = udp[7] = 0;
	uint32_t sum = pseudo_sum(h + plan->outer_l3off, h[plan->outer_l3off] >> 4, IPPROTO_UDP) + length_sum(udplen);
	put_sum(udp + 6, cksum_mbuf(sum, m, plan->outer_udpoff, udplen));
}

/* CRC32c (RFC 9260, appendix A), for SCTP: bit by bit over a table of 256 */
static uint32_t
crc32c(const struct rte_mbuf *m, uint32_t off)
{
	static uint32_t table[16];
	uint32_t crc = ~0u;

	/* Half-octet table, computed here each time it is empty; every thread writes the same values. */
	if (__atomic_load_n(&table[15], __ATOMIC_ACQUIRE) == 0) {
		for (uint32_t i = 0; i < 16; i++) {
			uint32_t c = i;

			for (unsigned b = 0; b < 4; b++)
				c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
			__atomic_store_n(&table[i], c, __ATOMIC_RELEASE);
		}
	}
	for (; m != NULL; m = m->next) {
		const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);

		if (off >= m->data_len) {
			off -= m->data_len;
			continue;
		}
		for (uint32_t i = off; i < m->data_len; i++) {
			crc ^= p[i];
			crc = crc >> 4 ^ table[crc & 15];
			crc = crc >> 4 ^ table[crc & 15];
		}
		off = 0;
	}
	return ~crc;
}

static bool
checksum_sctp(struct rte_mbuf *m, uint32_t start)
{
	uint8_t *field = rte_pktmbuf_mtod_offset(m, uint8_t *, start + 8);

	memset(field, 0, 4);
	uint32_t crc = crc32c(m, start);
	field[0] = crc;
	field[1] = crc >> 8;
	field[2] = crc >> 16;
	field[3] = crc >> 24;
	return true;
}

bool
gso_checksum(struct rte_mbuf *m, uint32_t start, uint32_t offset)
{
	uint32_t len = rte_pktmbuf_pkt_len(m);
	struct gso_l4 l4;

	if (start + offset + 2 > len || start + offset + 2 > rte_pktmbuf_data_len(m))
		return false;
	if (offset == 8 && start + 12 <= rte_pktmbuf_data_len(m) &&
	    gso_find_l4(rte_pktmbuf_mtod(m, const uint8_t *), rte_pktmbuf_data_len(m), len, &l4) &&
	    l4.proto == IPPROTO_SCTP && l4.l4off == start)
		return checksum_sctp(m, start);
	/* The field holds the pseudo-header's sum and is summed with the rest. */
	put_sum(rte_pktmbuf_mtod_offset(m, uint8_t *, start + offset), cksum_mbuf(0, m, start, len - start));
	return true;
}

/*
 * A sender on the same machine leaves in a TCP or UDP checksum field the folded sum P of the pseudo-header, uncomplemented.
 * AF_XDP does not say for which frames.  We take a frame with that value in its field for such a one and compute its
 * checksum afresh over pseudo-header and segment.
 *
 * A frame that was right is not harmed, whatever its field holds: let D be the ones' complement sum of the segment
 * without the field.  Right means that the field is ~(P + D), and ~(P + D) is what we write (P + D = 0 mod 0xffff has the
 * two forms 0 and 0xffff: for UDP the former says "no checksum" and is left alone, so that the field was 0xffff, which is
 * what we write; for TCP both are right, RFC 1071).  So the guess needs no certainty: only a frame that was already damaged
 * on its way here and has P in its field by chance (1 in 65536 of the damaged ones) would pass for an undamaged one.
 *
 * SCTP's field is left zero by the sender.  Zero is also what a peer may send that negotiated to do without (RFC 9653),
 * which accepts the right value as well.
 */
static bool
unmarked_at(struct rte_mbuf *m, const struct gso_l4 *l4)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t avail = rte_pktmbuf_data_len(m), off;
	uint16_t field, pseudo;

	switch (l4->proto) {
	case IPPROTO_TCP:
		off = 16;
		break;
	case IPPROTO_UDP:
		off = 6;
		break;
	case IPPROTO_SCTP:
		off = 8;
		if (l4->l4len < 12 || l4->l4off + 12u > avail || be32(frame + l4->l4off + off) != 0 ||
		    l4->l4off + l4->l4len != rte_pktmbuf_pkt_len(m))
			return false;
		return checksum_sctp(m, l4->l4off);
	default:
		return false;
	}
	if (l4->l4len < off + 2 || l4->l4off + off + 2u > avail)
		return false;
	memcpy(&field, frame + l4->l4off + off, 2);
	if (field == 0 && l4->proto == IPPROTO_UDP)
		return false; /* none */
	pseudo = fold(pseudo_sum(frame + l4->l3off, l4->family, l4->proto) + length_sum(l4->l4len));
	if (field != pseudo)
		return false;
	uint8_t *p = rte_pktmbuf_mtod_offset(m, uint8_t *, l4->l4off + off);
	p[0] = p[1] = 0;
	put_sum(p, cksum_mbuf(pseudo, m, l4->l4off, l4->l4len));
	return true;
}

#define PORT_VXLAN  4789
#define PORT_GENEVE 6081
#define TYPE_ETHER  0x6558

/* What a tunnel that starts at outer's transport header carries; false: it is none that we know */
static bool
find_tunnelled(const uint8_t *frame, uint32_t avail, const struct gso_l4 *outer, struct gso_l4 *inner)
{
	const uint8_t *h = frame + outer->l4off;
	uint32_t off = outer->l4off, end = off + outer->l4len, type, port;

	switch (outer->proto) {
	case IPPROTO_IPIP:
		type = ETHERTYPE_4;
		break;
	case IPPROTO_IPV6:
		type = ETHERTYPE_6;
		break;
	case IPPROTO_GRE:
		if (outer->l4len < 4 || off + 4 > avail || (h[0] & 0x4f) != 0 || h[1] != 0)
			return false;
		type = be16(h + 2);
		off += 4 + (h[0] & 0x80 ? 4 : 0) + (h[0] & 0x20 ? 4 : 0) + (h[0] & 0x10 ? 4 : 0);
		break;
	case IPPROTO_UDP:
		if (outer->l4len < 16 || off + 16 > avail)
			return false;
		port = be16(h + 2);
		if (port != PORT_VXLAN && port != PORT_GENEVE)
			return false;
		type = port == PORT_VXLAN ? TYPE_ETHER : be16(h + 10);
		off += port == PORT_VXLAN ? 16 : 16 + (h[8] & 0x3f) * 4;
		break;
	default:
		return false;
	}
	/* Nothing of the inner packet may be looked for behind the outer one's end. */
	if (off > end)
		return false;
	return type == TYPE_ETHER ? find_l4_ether(frame, avail, end, off, inner)
				  : find_l4_at(frame, RTE_MIN(avail, end), end, off, type, inner);
}

/*
 * Within a tunnel it is the inner checksum that is left partial; the outer one was made for the completed packet.  A right
 * inner packet stays as it is by the same argument.
 */
bool
gso_checksum_unmarked(struct rte_mbuf *m)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t avail = rte_pktmbuf_data_len(m);
	struct gso_l4 l4, inner;

	if (!gso_find_l4(frame, avail, rte_pktmbuf_pkt_len(m), &l4))
		return false;
	for (unsigned depth = 0; !l4.fragment; depth++) {
		if (unmarked_at(m, &l4))
			return true;
		if (depth == 2 || !find_tunnelled(frame, avail, &l4, &inner))
			break;
		l4 = inner;
	}
	return false;
}
