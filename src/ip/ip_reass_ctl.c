/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 fragments addressed to us: checked, reassembled, given back to a worker. */
#include <string.h>

#include "ip/ip_var.h"
#include "ip/reass_ctl.h"

static void
ip_reass_expired(struct rte_mbuf *m)
{
	icmp_error(mp_control(), m, ICMP4_TIMXCEED, ICMP4_TIMXCEED_REASS, 0, DROP_IP_FRAG_TIMEOUT);
}

static struct reass_table table = {
    .max = {[REASS_PACKETS] = &ip_maxfragpackets, [REASS_FRAGS] = &ip_maxfrags, [REASS_OCTETS] = &ip_maxfragbytes},
    .ttl = &ip_fragttl,
    .net = 3,
    .addr = 4,
    .c_dropped = C_IP_FRAGDROPPED,
    .c_overflow = C_IP_RCVMEMDROP,
    .c_timeout = C_IP_FRAGTIMEOUT,
    .c_reassembled = C_IP_REASSEMBLED,
    .d_limit = DROP_IP_FRAG_LIMIT,
    .d_overlap = DROP_IP_FRAG_OVERLAP,
    .d_timeout = DROP_IP_FRAG_TIMEOUT,
    .d_bad = DROP_IP_FRAG_BAD,
    .expired = ip_reass_expired,
}; /* [c] */

void
ip_reass_input(struct rte_mbuf *m)
{
	struct worker *w = mp_control();
	struct ipv4_h *ip = pkt_data(m, struct ipv4_h *);
	struct reass_piece p = {.hlen = IPV4_HLEN(ip),
	    .off = (ntohs(ip->off) & IPV4_OFFMASK) * 8u,
	    .len = m->pkt_len - IPV4_HLEN(ip),
	    .more = (ip->off & htons(IPV4_MF)) != 0,
	    .ecn = ip->tos & IP_ECN_MASK};
	struct reass_key key = {{0}};

	ASSERT_CONTROL();
	if (p.len == 0 || (p.more && (p.len & 7) != 0)) {
		COUNT(w, IP_BADFRAGS);
		pkt_drop(w, m, DROP_IP_FRAG_BAD);
		return;
	}
	if (p.hlen + p.off + p.len > IPV4_MAXPACKET) {
		COUNT(w, IP_TOOLONG);
		pkt_drop(w, m, DROP_IP_FRAG_BAD);
		return;
	}
	memcpy(key.octets, &ip->src, 8);
	memcpy(key.octets + 8, &ip->id, 2);
	key.octets[10] = ip->proto;
	m = reass_input(&table, &key, m, &p);
	if (m == NULL)
		return;
	if (m->pkt_len > IPV4_MAXPACKET) { /* the first had more options than the last */
		COUNT(w, IP_TOOLONG);
		pkt_drop(w, m, DROP_IP_FRAG_BAD);
		return;
	}
	ip = pkt_data(m, struct ipv4_h *);
	ip->len = htons((uint16_t)m->pkt_len);
	ip->off = 0;
	if (p.ce)
		ip->tos |= IP_ECN_CE;
	ip_set_sum(ip);
	pkt_ctl_send(m, PKT_IP_LOCAL);
}

int
ip_reass_init(void)
{
	reass_init(&table);
	return 0;
}

void
ip_reass_fini(void)
{
	reass_fini(&table);
}
