/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv6 fragments addressed to us: checked, reassembled, given back to a worker (RFC 8200 section 4.5). */
#include <string.h>

#include "ip/reass_ctl.h"
#include "ip6/ip6_var.h"

#define IP6_FRAG_TIMEOUT_MS 60000

static void
ip6_reass_expired(struct rte_mbuf *m)
{
	icmp6_error(mp_control(), m, ICMP6_T_TIMXCEED, ICMP6_TIMXCEED_REASS, 0, DROP_IP6_FRAG_TIMEOUT);
}

static struct reass_table table = {
    .maxpackets = &ip6_maxfragpackets,
    .maxfrags = &ip6_maxfrags,
    .timeout_ms = IP6_FRAG_TIMEOUT_MS,
    .c_dropped = C_IP6_FRAGDROPPED,
    .c_overflow = C_IP6_FRAGOVERFLOW,
    .c_timeout = C_IP6_FRAGTIMEOUT,
    .c_reassembled = C_IP6_REASSEMBLED,
    .d_limit = DROP_IP6_FRAG_LIMIT,
    .d_overlap = DROP_IP6_FRAG_OVERLAP,
    .d_timeout = DROP_IP6_FRAG_TIMEOUT,
    .expired = ip6_reass_expired,
}; /* [c] */

void
ip6_reass_input(struct rte_mbuf *m)
{
	struct worker *w = mp_control();
	struct pktmeta *meta = pkt_meta(m);
	struct ipv6_h *ip6 = pkt_data(m, struct ipv6_h *);
	uint32_t fragoff = meta->l4off, nxt_at = meta->aux, hlen = fragoff + (uint32_t)sizeof(struct ip6_frag_h);
	const struct ip6_frag_h *frag = rte_pktmbuf_mtod_offset(m, const struct ip6_frag_h *, fragoff);
	uint32_t off = ntohs(frag->off) & IP6_FRAG_OFFMASK, len = m->pkt_len - hlen;
	bool more = (frag->off & htons(IP6_FRAG_MORE)) != 0;
	uint8_t nxt = frag->nxt;
	struct reass_key key = {{0}};

	ASSERT_CONTROL();
	MP_ASSERT(m->data_len >= hlen);
	if (more && (len & 7) != 0) {
		icmp6_error(
		    w, m, ICMP6_T_PARAMPROB, ICMP6_PARAM_HEADER, offsetof(struct ipv6_h, plen), DROP_IP6_FRAG_BAD);
		return;
	}
	if (fragoff - sizeof(*ip6) + off + len > UINT16_MAX) {
		icmp6_error(w, m, ICMP6_T_PARAMPROB, ICMP6_PARAM_HEADER, fragoff + 2, DROP_IP6_FRAG_BAD);
		return;
	}
	if (len == 0) {
		COUNT(w, IP6_FRAGDROPPED);
		pkt_drop(w, m, DROP_IP6_FRAG_BAD);
		return;
	}
	if (off != 0 || more) { /* else it is whole as it is (RFC 6946) */
		memcpy(key.octets, &ip6->src, 32);
		memcpy(key.octets + 32, &frag->id, 4);
		m = reass_input(&table, &key, m, &hlen, off, len, more);
		if (m == NULL)
			return;
		/* The first fragment's headers are the datagram's. */
		fragoff = pkt_meta(m)->l4off;
		nxt_at = pkt_meta(m)->aux;
		nxt = rte_pktmbuf_mtod_offset(m, const struct ip6_frag_h *, fragoff)->nxt;
	}
	/* Fragments inside fragments come round again, but not for ever. */
	if (++pkt_meta(m)->depth > PKT_MAXDEPTH) {
		pkt_drop(w, m, DROP_LOOP);
		return;
	}
	uint8_t *p = pkt_data(m, uint8_t *);
	p[nxt_at] = nxt;
	memmove(p + sizeof(struct ip6_frag_h), p, fragoff);
	rte_pktmbuf_adj(m, sizeof(struct ip6_frag_h));
	if (m->pkt_len - sizeof(*ip6) > UINT16_MAX) {
		pkt_drop(w, m, DROP_IP6_FRAG_BAD);
		return;
	}
	pkt_data(m, struct ipv6_h *)->plen = htons((uint16_t)(m->pkt_len - sizeof(*ip6)));
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
