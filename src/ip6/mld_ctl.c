/* SPDX-License-Identifier: BSD-2-Clause */
/* MLD, the listeners' side: messages in and out (RFC 3810; RFC 2710 where such a querier is heard). */
/*
 * Synchronization: control only; packets come through the PUNT_MCAST ring, after icmp6_input's checks (checksum, hop
 * limit 1, link-local source).
 * Lifetime: mld_input takes its packet; a message is looked at in place, contiguous.
 */
#include <string.h>

#include "ether/neigh.h"
#include "ip/group_var.h"
#include "ip6/ip6_var.h"

#define MLD_MINLEN 24
#define MLD_HEAD   48 /* IPv6 with a hop-by-hop header */

struct mld_h {
	uint8_t type;	       /*  0 */
	uint8_t code;	       /*  1 */
	uint16_t sum;	       /*  2 */
	uint16_t delay;	       /*  4: the longest that an answer may take */
	uint16_t reserved;     /*  6 */
	struct in6_addr group; /*  8 */
	uint8_t robust;	       /* 24: from version 2 on: flags, the querier's robustness */
	uint8_t qqic;	       /* 25: its interval */
	uint16_t nsrc;	       /* 26 */
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct mld_h) == 28, "MLDv2 query");

static const struct in6_addr allrouters = {{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}}};
static const struct in6_addr allrouters2 = {{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16}}};

/* => the interface's link-local address, :: where it has none that may be used */
static struct in6_addr
mld_source(const struct ifnet *ifp)
{
	static const struct in6_addr unspecified;
	const struct ifaddr *ifa;

	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
		if (ifa->ifa_family == AF_INET6 && IN6_LINKLOCAL(&ifa->ifa_addr.in6) &&
		    (ifa->ifa_flags & IFA_NOTREADY) == 0)
			return ifa->ifa_addr.in6;
	return unspecified;
}

/* Fills the headers of a packet of len octets, and sends it to a group. */
static void
mld_send(struct group_if *gi, uint8_t *buf, unsigned len, const struct in6_addr *to)
{
	/* a router alert for MLD (RFC 2711), filled up to eight octets */
	static const uint8_t hop[8] = {IPPROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0};
	struct worker *self = mp_control();
	struct mld_h *mld = (struct mld_h *)(void *)(buf + MLD_HEAD);
	struct ipv6_h *ip6 = (struct ipv6_h *)(void *)buf;
	union in_any dst;
	struct rte_mbuf *m;

	*ip6 = (struct ipv6_h){.flow = htonl(0x60000000),
	    .plen = htons((uint16_t)(len - sizeof(*ip6))),
	    .nxt = IPPROTO_HOPOPTS,
	    .hlim = 1,
	    .src = mld_source(gi->gi_ifp),
	    .dst = *to};
	memcpy(ip6 + 1, hop, sizeof(hop));
	mld->sum = 0;
	mld->sum = cksum_fold(
	    cksum_add(ip6_pseudo_sum(&ip6->src, &ip6->dst, len - MLD_HEAD, IPPROTO_ICMPV6), mld, len - MLD_HEAD));
	m = pkt_originate(self);
	if (m == NULL)
		return;
	if (!pkt_append(self, m, buf, len)) {
		pkt_drop(self, m, DROP_NOBUF);
		return;
	}
	dst.in6 = *to;
	neigh_ctl_output(gi->gi_ifp, AF_INET6, &dst, m);
}

void
mld_report_begin(struct group_report *r)
{
	r->head = MLD_HEAD + 8;
}

void
mld_report_send(struct group_report *r)
{
	uint8_t *p = r->buf + MLD_HEAD;

	memset(p, 0, 8);
	p[0] = ICMP6_T_MLD2REPORT;
	p[6] = (uint8_t)(r->records >> 8);
	p[7] = (uint8_t)r->records;
	COUNT(mp_control(), ICMP6_OUT_MLD2REPORT);
	mld_send(r->gi, r->buf, r->len, &allrouters2);
}

void
mld_send_old(struct group_if *gi, const struct in_group *g, bool leave)
{
	uint8_t buf[MLD_HEAD + MLD_MINLEN] __attribute__((aligned(4)));

	memset(buf, 0, sizeof(buf));
	buf[MLD_HEAD] = leave ? ICMP6_T_MLDDONE : ICMP6_T_MLDREPORT;
	memcpy(buf + MLD_HEAD + 8, &g->g_addr.in6, sizeof(struct in6_addr));
	if (leave)
		COUNT(mp_control(), ICMP6_OUT_MLDDONE);
	else
		COUNT(mp_control(), ICMP6_OUT_MLDREPORT);
	mld_send(gi, buf, sizeof(buf), leave ? &allrouters : &g->g_addr.in6);
}

/* => there is a hop-by-hop header, and a router alert for MLD in it; icmp6's way here has checked its lengths */
static bool
has_router_alert(const uint8_t *ip6, unsigned off)
{
	unsigned o = sizeof(struct ipv6_h) + 2, end;

	if (ip6[6] != IPPROTO_HOPOPTS || off < sizeof(struct ipv6_h) + 8)
		return false;
	end = sizeof(struct ipv6_h) + (ip6[sizeof(struct ipv6_h) + 1] + 1u) * 8;
	if (end > off)
		return false;
	while (o + 1 < end) {
		if (ip6[o] == 0) {
			o++;
			continue;
		}
		if (ip6[o] == 5 && ip6[o + 1] == 2 && o + 4 <= end)
			return ip6[o + 2] == 0 && ip6[o + 3] == 0;
		o += 2u + ip6[o + 1];
	}
	return false;
}

/* => a code of RFC 3810 section 5.1.3 as milliseconds; section 5.1.9 as seconds */
static uint32_t
delay_value(uint16_t code)
{
	return code < 32768 ? code : ((code & 0x0fffu) | 0x1000u) << (((code >> 12) & 7) + 3);
}

static uint32_t
interval_value(uint8_t code)
{
	return code < 128 ? code : ((code & 0x0fu) | 0x10u) << (((code >> 4) & 7) + 3);
}

/* => false: not a query that is to be honoured */
static bool
mld_query(struct group_if *gi, const uint8_t *p, unsigned len)
{
	static const struct in6_addr all;
	struct group_query q = {0};
	struct mld_h h = {0};
	union in_any group;

	memcpy(&h, p, RTE_MIN(len, sizeof(h)));
	if (len == MLD_MINLEN) {
		q.version = GROUP_OLD;
		q.delay_ms = ntohs(h.delay);
	} else {
		q.version = GROUP_NEW;
		q.nsrc = ntohs(h.nsrc);
		if (len < sizeof(h) || len - sizeof(h) < q.nsrc * sizeof(struct in6_addr))
			return false;
		q.delay_ms = delay_value(ntohs(h.delay));
		q.robust = h.robust & 7;
		q.interval_ms = interval_value(h.qqic) * 1000;
		q.src = p + sizeof(h);
	}
	if (memcmp(&h.group, &all, sizeof(all)) == 0) {
		if (q.nsrc != 0)
			return false;
	} else {
		if (!IN6_MULTICAST(&h.group))
			return false;
		group.in6 = h.group;
		q.group = &group;
	}
	if (gi != NULL)
		group_queried(gi, &q);
	return true;
}

/* => control; see group_var.h */
void
mld_input(struct rte_mbuf *m)
{
	struct worker *self = mp_control();
	const struct pktmeta *meta = pkt_meta(m);
	struct ifnet *ifp = ifnet_get(meta->iif);
	unsigned off = meta->l4off, len;
	struct group_if *gi;
	union in_any group;
	const uint8_t *p;
	bool ok;

	ASSERT_CONTROL();
	if (ifp == NULL || ifp->if_gen != meta->iifgen) {
		pkt_drop(self, m, DROP_IF_GONE);
		return;
	}
	COUNT(self, ND_RCVD_MLD);
	ok = off >= sizeof(struct ipv6_h) && m->pkt_len >= off + MLD_MINLEN && pkt_pullup(m, m->pkt_len);
	if (ok) {
		p = pkt_data(m, const uint8_t *);
		ok = has_router_alert(p, off);
		p += off;
		len = m->pkt_len - off;
		gi = group_if_get(ifp, AF_INET6);
		if (ok && p[0] == ICMP6_T_MLDQUERY) {
			ok = mld_query(gi, p, len);
		} else if (ok && p[0] == ICMP6_T_MLDREPORT && gi != NULL) {
			memcpy(&group.in6, p + 8, sizeof(group.in6));
			group_heard(gi, &group);
		}
	}
	if (ok)
		pkt_consume(self, m);
	else
		pkt_drop(self, m, DROP_MLD_BAD);
}
