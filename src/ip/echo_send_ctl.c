/* SPDX-License-Identifier: BSD-2-Clause */
/* Probes of ping and traceroute: made, with the way that they name, and handed to a worker.  Control thread only. */
#include <errno.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ether/neigh.h"
#include "ip/echo_ctl.h"
#include "ip/ip_var.h"
#include "ip6/ip6_var.h"

/* => the IPv4 header with its options, at most 60 octets; its length */
static unsigned
header4(const struct echo_session *s, const struct echo_target *t, uint8_t *buf, uint32_t payload, bool df, bool rr)
{
	struct ipv4_h *ip = (struct ipv4_h *)buf;
	uint8_t *opt = buf + sizeof(*ip);

	if (t->nhops > 0) { /* loose source route: the hops after the first, and the destination */
		*opt++ = IPV4_OPT_NOP;
		opt[0] = IPV4_OPT_LSRR;
		opt[1] = (uint8_t)(3 + 4 * t->nhops);
		opt[2] = 4;
		for (unsigned i = 1; i <= t->nhops; i++)
			memcpy(opt + 4 * i - 1, i < t->nhops ? &t->hops[i].in4 : &t->dst.in4, 4);
		opt += opt[1];
	}
	if (rr) {
		unsigned room = 60 - (unsigned)(opt - buf);

		opt[0] = IPV4_OPT_RR;
		opt[1] = (uint8_t)(3 + (room - 3) / 4 * 4);
		opt[2] = 4;
		opt += opt[1];
	}
	unsigned hlen = ((unsigned)(opt - buf) + 3) & ~3u;
	ip->vihl = (uint8_t)(0x40 | hlen >> 2);
	ip->tos = t->tos;
	ip->len = htons((uint16_t)(hlen + payload));
	ip->id = ip_newid(mp_control());
	ip->off = df ? htons(IPV4_DF) : 0;
	ip->proto = s->proto;
	ip->src = t->src.in4.s_addr;
	ip->dst = echo_first_hop(t)->in4.s_addr;
	return hlen;
}

/* => the IPv6 header, and a routing header of type 0 where hops are named; their length */
static unsigned
header6(const struct echo_session *s, const struct echo_target *t, uint8_t *buf, uint32_t payload)
{
	struct ipv6_h *ip6 = (struct ipv6_h *)buf;
	uint8_t proto = s->proto == IPPROTO_ICMP ? IPPROTO_ICMPV6 : s->proto, *rt = buf + sizeof(*ip6);
	unsigned rtlen = t->nhops > 0 ? 8 + 16u * t->nhops : 0;

	ip6->flow = htonl(0x60000000);
	ip6->plen = htons((uint16_t)(rtlen + payload));
	ip6->nxt = t->nhops > 0 ? IPPROTO_ROUTING : proto;
	ip6->src = t->src.in6;
	ip6->dst = echo_first_hop(t)->in6;
	if (t->nhops > 0) {
		rt[0] = proto;
		rt[1] = (uint8_t)(2 * t->nhops);
		rt[2] = 0;
		rt[3] = t->nhops;
		for (unsigned i = 1; i <= t->nhops; i++)
			memcpy(rt + 16 * i - 8, i < t->nhops ? &t->hops[i].in6 : &t->dst.in6, 16);
	}
	return (unsigned)sizeof(*ip6) + rtlen;
}

/* => the finished packet to where it goes */
static void
echo_output(const struct echo_session *s, const struct echo_target *t, struct rte_mbuf *m)
{
	struct pktmeta *meta = pkt_meta(m);

	meta->hash = s->id; /* spreads sessions over the workers */
	if (t->has_via) {
		COUNT(mp_control(), IP6_LOCALOUT);
		meta->flags |= PKT_F_LOCAL;
		neigh_ctl_output(ifnet_get(t->via_if), t->family, &t->via, m);
		return;
	}
	if (t->oif != 0 && echo_is_scoped(t)) {
		meta->oif = t->oif;
		meta->oifgen = ifnet_get(t->oif)->if_gen;
	}
	if (t->minmtu)
		meta->flags |= PKT_F_MINMTU;
	pkt_ctl_send(m, t->family == AF_INET ? PKT_IP_OUTPUT : PKT_IP6_OUTPUT);
}

int
echo_send(const struct echo_session *s, const struct echo_target *t, uint16_t seq, int ttl, bool df, bool rr,
    const void *data, uint32_t len)
{
	struct worker *w = mp_control();
	uint8_t buf[sizeof(struct ipv6_h) + 8 + 16 * ECHO_MAXHOPS + 8] = {0};
	bool v6 = t->family == AF_INET6;
	unsigned hlen = v6 ? header6(s, t, buf, 8 + len) : header4(s, t, buf, 8 + len, df, rr);
	uint32_t total = hlen + 8 + len;
	struct rte_mbuf *m;

	ASSERT_CONTROL();
	/* What names its way in an extension header, or is not looked up, nobody cuts. */
	if (total > (v6 ? UINT16_MAX + sizeof(struct ipv6_h) : IPV4_MAXPACKET) ||
	    ((df || t->has_via || (v6 && t->nhops > 0)) && !t->local && total > t->mtu))
		return -EMSGSIZE;
	if (t->blackhole)
		return 0;
	m = pkt_originate(w);
	if (m == NULL)
		return -ENOBUFS;
	if (v6) {
		((struct ipv6_h *)buf)->hlim = (uint8_t)ttl;
	} else {
		((struct ipv4_h *)buf)->ttl = (uint8_t)ttl;
		ip_set_sum((struct ipv4_h *)buf);
	}
	if (s->proto == IPPROTO_ICMP) {
		struct icmp_h icmp = {.type = v6 ? ICMP6_T_ECHO : ICMP4_ECHO, .id = htons(s->id), .seq = htons(seq)};
		memcpy(buf + hlen, &icmp, sizeof(icmp));
		if (v6)
			COUNT(w, ICMP6_OUT_ECHO);
		else
			COUNT(w, ICMP_OUT_ECHO);
	} else {
		struct udp_h udp = {.sport = htons(s->id), .dport = htons(seq), .len = htons((uint16_t)(8 + len))};
		memcpy(buf + hlen, &udp, sizeof(udp));
	}
	if (!pkt_append(w, m, buf, hlen + 8) || !pkt_append(w, m, data, len)) {
		pkt_drop(w, m, DROP_NOBUF);
		return -ENOBUFS;
	}
	uint32_t sum = 0;
	if (v6) /* of the last destination (RFC 8200 section 8.1) */
		sum = ip6_pseudo_sum(
		    &t->src.in6, &t->dst.in6, 8 + len, s->proto == IPPROTO_ICMP ? IPPROTO_ICMPV6 : s->proto);
	else if (s->proto == IPPROTO_UDP) {
		uint16_t ph[2] = {htons(s->proto), htons((uint16_t)(8 + len))};
		sum = cksum_add(cksum_add(cksum_add(0, &t->src.in4, 4), &t->dst.in4, 4), ph, sizeof(ph));
	}
	uint16_t check = cksum_fold(cksum_mbuf(sum, m, hlen, 8 + len));
	if (s->proto == IPPROTO_ICMP)
		rte_pktmbuf_mtod_offset(m, struct icmp_h *, hlen)->sum = check;
	else
		rte_pktmbuf_mtod_offset(m, struct udp_h *, hlen)->sum = check != 0 ? check : 0xffff;
	echo_output(s, t, m);
	return 0;
}
