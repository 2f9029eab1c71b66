/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv6 fragments addressed to us: checked, reassembled, given back to a worker (RFC 8200 section 4.5). */
#include <string.h>

#include "ip/reass_ctl.h"
#include "ip6/ip6_var.h"

static void
ip6_reass_expired(struct rte_mbuf *m)
{
	icmp6_error(mp_control(), m, ICMP6_T_TIMXCEED, ICMP6_TIMXCEED_REASS, 0, DROP_IP6_FRAG_TIMEOUT);
}

static struct reass_table table = {
    .max = {[REASS_PACKETS] = &ip6_maxfragpackets, [REASS_FRAGS] = &ip6_maxfrags, [REASS_OCTETS] = &ip6_maxfragbytes},
    .ttl = &ip6_fragttl,
    .net = 8,
    .addr = 16,
    .c_dropped = C_IP6_FRAGDROPPED,
    .c_overflow = C_IP6_FRAGOVERFLOW,
    .c_timeout = C_IP6_FRAGTIMEOUT,
    .c_reassembled = C_IP6_REASSEMBLED,
    .d_limit = DROP_IP6_FRAG_LIMIT,
    .d_overlap = DROP_IP6_FRAG_OVERLAP,
    .d_timeout = DROP_IP6_FRAG_TIMEOUT,
    .d_bad = DROP_IP6_FRAG_BAD,
    .expired = ip6_reass_expired,
}; /* [c] */

/* => are all headers here, from the one at off on (of type nxt) through the upper layer's (RFC 7112)? */
static bool
ip6_chain_whole(const struct rte_mbuf *m, uint32_t off, uint8_t nxt)
{
	for (unsigned n = 0; n < 64; n++) {
		uint8_t buf[13];
		const uint8_t *p;

		switch (nxt) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_DSTOPTS:
		case IPPROTO_ROUTING:
			p = rte_pktmbuf_read(m, off, 2, buf);
			if (p == NULL)
				return false;
			nxt = p[0];
			off += (p[1] + 1u) * 8;
			if (off > m->pkt_len)
				return false;
			break;
		case IPPROTO_TCP:
			p = rte_pktmbuf_read(m, off, 13, buf);
			return p != NULL && off + RTE_MAX((p[12] >> 4) * 4u, 20u) <= m->pkt_len;
		case IPPROTO_UDP:
		case IPPROTO_ICMPV6:
		case IPPROTO_FRAGMENT:
			return off + 8 <= m->pkt_len;
		case IPPROTO_IPV6:
			return off + sizeof(struct ipv6_h) <= m->pkt_len;
		default:
			return true;
		}
	}
	return true; /* too many, which is for whoever gets the whole to say */
}

void
ip6_reass_input(struct rte_mbuf *m)
{
	struct worker *w = mp_control();
	struct pktmeta *meta = pkt_meta(m);
	const struct ipv6_h *ip6 = pkt_data(m, const struct ipv6_h *);
	uint32_t fragoff = meta->l4off, hlen = fragoff + (uint32_t)sizeof(struct ip6_frag_h);
	const struct ip6_frag_h *frag = rte_pktmbuf_mtod_offset(m, const struct ip6_frag_h *, fragoff);
	struct reass_piece p = {.hlen = hlen,
	    .off = ntohs(frag->off) & IP6_FRAG_OFFMASK,
	    .len = m->pkt_len - hlen,
	    .more = (frag->off & htons(IP6_FRAG_MORE)) != 0,
	    .ecn = ntohl(ip6->flow) >> 20 & IP_ECN_MASK};
	struct reass_key key = {{0}};

	ASSERT_CONTROL();
	MP_ASSERT(m->data_len >= hlen);
	if (p.more && (p.len & 7) != 0) {
		icmp6_error(
		    w, m, ICMP6_T_PARAMPROB, ICMP6_PARAM_HEADER, offsetof(struct ipv6_h, plen), DROP_IP6_FRAG_BAD);
		return;
	}
	if (fragoff - sizeof(*ip6) + p.off + p.len > UINT16_MAX) {
		icmp6_error(w, m, ICMP6_T_PARAMPROB, ICMP6_PARAM_HEADER, fragoff + 2, DROP_IP6_FRAG_BAD);
		return;
	}
	if (p.len == 0) {
		COUNT(w, IP6_FRAGDROPPED);
		pkt_drop(w, m, DROP_IP6_FRAG_BAD);
		return;
	}
	if (p.off == 0 && !ip6_chain_whole(m, hlen, frag->nxt)) {
		icmp6_error(w, m, ICMP6_T_PARAMPROB, ICMP6_PARAM_CHAIN, 0, DROP_IP6_FRAG_BAD);
		return;
	}
	memcpy(key.octets, &ip6->src, 32);
	memcpy(key.octets + 32, &frag->id, 4);
	if (IN6_LINKLOCAL(&ip6->src) || IN6_LINKLOCAL(&ip6->dst)) /* such addresses are one host's on each link */
		memcpy(key.octets + 36, &meta->iif, 2);
	m = reass_input(&table, &key, m, &p);
	if (m == NULL)
		return;
	meta = pkt_meta(m);
	if (++meta->depth > PKT_MAXDEPTH) {
		pkt_drop(w, m, DROP_LOOP);
		return;
	}
	if (m->pkt_len - sizeof(struct ip6_frag_h) - sizeof(*ip6) > UINT16_MAX) {
		COUNT(w, IP6_FRAGDROPPED); /* the first had more headers than the last */
		pkt_drop(w, m, DROP_IP6_FRAG_BAD);
		return;
	}
	/* The first fragment's headers are the datagram's. */
	fragoff = p.hlen - (uint32_t)sizeof(struct ip6_frag_h);
	frag = rte_pktmbuf_mtod_offset(m, const struct ip6_frag_h *, fragoff);
	if (p.ce)
		pkt_data(m, struct ipv6_h *)->flow |= htonl(IP_ECN_CE << 20);
	ip6_frag_strip(m, fragoff, meta->aux, frag->nxt);
	pkt_ctl_send(m, PKT_IP6_LOCAL);
}

int
ip6_reass_init(void)
{
	reass_init(&table);
	return 0;
}

void
ip6_reass_fini(void)
{
	reass_fini(&table);
}
