/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP to us: there is no listener, and a reset says so (RFC 9293 section 3.10.7.1), within a rate. */
#include "ip/ip_var.h"
#include "ip6/ip6_var.h"

struct tcp_h {
	uint16_t sport; /*  0 */
	uint16_t dport; /*  2 */
	uint32_t seq;	/*  4 */
	uint32_t ack;	/*  8 */
	uint8_t off;	/* 12: header length in words, high nibble */
	uint8_t flags;	/* 13 */
	uint16_t win;	/* 14 */
	uint16_t sum;	/* 16 */
	uint16_t urp;	/* 18 */
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct tcp_h) == 20, "TCP header");

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

static uint32_t
tcp_pseudo_sum(const uint8_t *p, bool v6, uint32_t len)
{
	if (v6)
		return ip6_pseudo_sum(p + 8, p + 24, len, IPPROTO_TCP);
	uint16_t ph[2] = {htons(IPPROTO_TCP), htons((uint16_t)len)};
	return cksum_add(cksum_add(0, p + 12, 8), ph, sizeof(ph));
}

/* => the reset for a segment of len octets; false: pool empty */
static bool
tcp_reset_send(struct worker *w, const struct rte_mbuf *m, const struct tcp_h *tcp, uint32_t len, bool v6)
{
	const struct pktmeta *meta = pkt_meta((struct rte_mbuf *)(uintptr_t)m);
	uint32_t hlen = v6 ? sizeof(struct ipv6_h) : sizeof(struct ipv4_h);
	uint8_t buf[sizeof(struct ipv6_h) + sizeof(struct tcp_h)] = {0};
	struct tcp_h *r = (struct tcp_h *)(buf + hlen);
	struct rte_mbuf *n = pkt_originate(w);

	if (n == NULL)
		return false;
	r->sport = tcp->dport;
	r->dport = tcp->sport;
	r->off = 5 << 4;
	if (tcp->flags & TCP_ACK) {
		r->seq = tcp->ack;
		r->flags = TCP_RST;
	} else {
		uint32_t data = len - (tcp->off >> 4) * 4u;
		data += ((tcp->flags & TCP_SYN) != 0) + ((tcp->flags & TCP_FIN) != 0);
		r->ack = htonl(ntohl(tcp->seq) + data);
		r->flags = TCP_RST | TCP_ACK;
	}
	if (v6) {
		const struct ipv6_h *old = rte_pktmbuf_mtod(m, const struct ipv6_h *);
		struct ipv6_h *ip6 = (struct ipv6_h *)buf;

		ip6->flow = htonl(0x60000000);
		ip6->plen = htons(sizeof(*r));
		ip6->nxt = IPPROTO_TCP;
		ip6->hlim = ip6_hlim_of(meta->iif);
		ip6->src = old->dst;
		ip6->dst = old->src;
		if (IN6_LINKLOCAL(&ip6->dst)) {
			pkt_meta(n)->oif = meta->iif;
			pkt_meta(n)->oifgen = meta->iifgen;
		}
	} else {
		const struct ipv4_h *old = rte_pktmbuf_mtod(m, const struct ipv4_h *);
		struct ipv4_h *ip = (struct ipv4_h *)buf;

		ip->vihl = IPV4_VIHL;
		ip->len = htons(sizeof(*ip) + sizeof(*r));
		ip->id = ip_newid(w);
		ip->ttl = (uint8_t)SETTING(ip_ttl);
		ip->proto = IPPROTO_TCP;
		ip->src = old->dst;
		ip->dst = old->src;
		ip_set_sum(ip);
	}
	r->sum = cksum_fold(cksum_add(tcp_pseudo_sum(buf, v6, sizeof(*r)), r, sizeof(*r)));
	if (!pkt_append(w, n, buf, hlen + (uint32_t)sizeof(*r))) {
		pkt_drop(w, n, DROP_NOBUF);
		return false;
	}
	if (v6)
		ip6_send(w, n);
	else
		ip_send(w, n);
	return true;
}

void
tcp_input(struct worker *w, struct rte_mbuf *m, uint32_t off, bool answer)
{
	bool v6 = pkt_data(m, const struct ipv4_h *)->vihl >> 4 == 6;
	uint32_t len = m->pkt_len - off;

	ASSERT_WORKER();
	COUNT(w, TCP_RECEIVED);
	if (m->pkt_len < off + sizeof(struct tcp_h) || !pkt_pullup(m, off + (uint32_t)sizeof(struct tcp_h))) {
		COUNT(w, TCP_SHORT);
		pkt_drop(w, m, DROP_TCP_BAD);
		return;
	}
	const struct tcp_h *tcp = rte_pktmbuf_mtod_offset(m, const struct tcp_h *, off);
	if (tcp->off >> 4 < 5 || (tcp->off >> 4) * 4u > len) {
		COUNT(w, TCP_BADOFF);
		pkt_drop(w, m, DROP_TCP_BAD);
		return;
	}
	if (!(pkt_meta(m)->flags & PKT_F_L4OK) &&
	    cksum_fold(cksum_mbuf(tcp_pseudo_sum(pkt_data(m, const uint8_t *), v6, len), m, off, len)) != 0) {
		COUNT(w, TCP_BADSUM);
		pkt_drop(w, m, DROP_TCP_BAD);
		return;
	}
	COUNT(w, TCP_NOPORT);
	if (answer && !(tcp->flags & TCP_RST) &&
	    ip_rate_allow(v6 ? &ip6_thread(w)->tcp_full : &ip_thread(w)->tcp_full, w->now,
		v6 ? SETTING(tcp6_rstppslimit) : SETTING(tcp_rstppslimit)))
		tcp_reset_send(w, m, tcp, len, v6);
	pkt_drop(w, m, DROP_TCP_NOPORT);
}
