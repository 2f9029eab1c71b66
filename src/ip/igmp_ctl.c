/* SPDX-License-Identifier: BSD-2-Clause */
/* IGMP, the members' side: messages in and out (RFC 3376; RFC 2236 and RFC 1112 where such a querier is heard). */
/*
 * Synchronization: control only; packets come through the PUNT_MCAST ring.
 * Lifetime: igmp_input takes its packet; a message is looked at in place, contiguous.
 */
#include <string.h>

#include "ether/neigh.h"
#include "ip/group_var.h"
#include "ip/ip_var.h"

#define IGMP_QUERY   0x11
#define IGMP_REPORT1 0x12
#define IGMP_REPORT2 0x16
#define IGMP_LEAVE   0x17
#define IGMP_REPORT3 0x22

#define IGMP_ALLROUTERS	 0xe0000002u /* 224.0.0.2 */
#define IGMP_ALLROUTERS3 0xe0000016u /* 224.0.0.22 */
#define IGMP_TOS	 0xc0	     /* RFC 3376 section 4 */
#define IGMP_HEAD	 24	     /* IPv4 with the router alert option */

struct igmp_h {
	uint8_t type;	/*  0 */
	uint8_t code;	/*  1: the longest delay of an answer */
	uint16_t sum;	/*  2 */
	uint32_t group; /*  4 */
	uint8_t robust; /*  8: from version 3 on: flags, the querier's robustness */
	uint8_t qqic;	/*  9: its interval */
	uint16_t nsrc;	/* 10 */
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct igmp_h) == 12, "IGMPv3 query");
#define IGMP_MINLEN 8

static const uint8_t router_alert[4] = {0x94, 4, 0, 0}; /* RFC 2113 */

/* => a code of RFC 3376 section 4.1.1 as a number */
static uint32_t
code_value(uint8_t code)
{
	return code < 128 ? code : ((code & 0x0fu) | 0x10u) << (((code >> 4) & 7) + 3);
}

static uint32_t
igmp_source(const struct ifnet *ifp)
{
	const struct ifaddr *ifa;

	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
		if (ifa->ifa_family == AF_INET && (ifa->ifa_flags & IFA_NOTREADY) == 0)
			return ifa->ifa_addr.in4.s_addr;
	return 0; /* RFC 3376 section 4.2.13 */
}

/* Fills the header of a message of len octets with it, and sends it to a group. */
static void
igmp_send(struct group_if *gi, uint8_t *buf, unsigned len, uint32_t to)
{
	struct worker *self = mp_control();
	struct ipv4_h *ip = (struct ipv4_h *)(void *)buf;
	struct igmp_h *igmp = (struct igmp_h *)(void *)(buf + IGMP_HEAD);
	union in_any dst = {.in4.s_addr = to};
	struct rte_mbuf *m;

	*ip = (struct ipv4_h){.vihl = 0x46,
	    .tos = IGMP_TOS,
	    .len = htons((uint16_t)len),
	    .id = ip_newid(self),
	    .ttl = 1,
	    .proto = IPPROTO_IGMP,
	    .src = igmp_source(gi->gi_ifp),
	    .dst = to};
	memcpy(buf + sizeof(*ip), router_alert, sizeof(router_alert));
	ip_set_sum(ip);
	igmp->sum = 0;
	igmp->sum = cksum_fold(cksum_add(0, igmp, len - IGMP_HEAD));
	m = pkt_originate(self);
	if (m == NULL)
		return;
	if (!pkt_append(self, m, buf, len)) {
		pkt_drop(self, m, DROP_NOBUF);
		return;
	}
	COUNT(self, IGMP_SND_REPORTS);
	neigh_ctl_output(gi->gi_ifp, AF_INET, &dst, m);
}

void
igmp_report_begin(struct group_report *r)
{
	r->head = IGMP_HEAD + 8;
}

void
igmp_report_send(struct group_report *r)
{
	uint8_t *p = r->buf + IGMP_HEAD;

	memset(p, 0, 8);
	p[0] = IGMP_REPORT3;
	p[6] = (uint8_t)(r->records >> 8);
	p[7] = (uint8_t)r->records;
	igmp_send(r->gi, r->buf, r->len, htonl(IGMP_ALLROUTERS3));
}

void
igmp_send_old(struct group_if *gi, const struct in_group *g, bool leave)
{
	uint8_t buf[IGMP_HEAD + IGMP_MINLEN] __attribute__((aligned(4)));
	uint32_t group = g->g_addr.in4.s_addr;

	memset(buf, 0, sizeof(buf));
	buf[IGMP_HEAD] = leave ? IGMP_LEAVE : gi->gi_version == GROUP_OLDEST ? IGMP_REPORT1 : IGMP_REPORT2;
	memcpy(buf + IGMP_HEAD + 4, &group, sizeof(group));
	igmp_send(gi, buf, sizeof(buf), leave ? htonl(IGMP_ALLROUTERS) : group);
}

static bool
has_router_alert(const struct ipv4_h *ip)
{
	const uint8_t *opt = (const uint8_t *)(ip + 1), *end = (const uint8_t *)ip + IPV4_HLEN(ip);

	while (opt < end && *opt != IPV4_OPT_EOL) {
		if (*opt == IPV4_OPT_NOP) {
			opt++;
			continue;
		}
		if (end - opt < 2 || opt[1] < 2 || opt[1] > end - opt)
			return false;
		if (opt[0] == router_alert[0] && opt[1] == router_alert[1])
			return true;
		opt += opt[1];
	}
	return false;
}

/* => false: not a query that is to be honoured */
static bool
igmp_query(struct group_if *gi, const struct ipv4_h *ip, const uint8_t *p, unsigned len)
{
	struct igmp_h h = {0};
	struct group_query q = {0};
	union in_any group;

	memcpy(&h, p, RTE_MIN(len, sizeof(h)));
	if (len == IGMP_MINLEN && h.code == 0) {
		q.version = GROUP_OLDEST;
		q.delay_ms = GROUP_RESPONSE_MS;
	} else if (len == IGMP_MINLEN) {
		q.version = GROUP_OLD;
		q.delay_ms = h.code * 100u;
	} else {
		q.version = GROUP_NEW;
		q.nsrc = ntohs(h.nsrc);
		if (len < sizeof(h) || len - sizeof(h) < q.nsrc * sizeof(uint32_t))
			return false;
		q.delay_ms = code_value(h.code) * 100;
		q.robust = h.robust & 7;
		q.interval_ms = code_value(h.qqic) * 1000;
		q.src = p + sizeof(h);
	}
	/* RFC 3376 section 9.1 */
	if (ip->ttl != 1 || (q.version != GROUP_OLDEST && !has_router_alert(ip)))
		return false;
	if (h.group == 0) {
		if (ip->dst != htonl(INADDR_ALLHOSTS_GROUP) || q.nsrc != 0)
			return false;
	} else {
		if (!IN4_MULTICAST(h.group) || q.version == GROUP_OLDEST)
			return false;
		memset(&group, 0, sizeof(group));
		group.in4.s_addr = h.group;
		q.group = &group;
	}
	if (gi != NULL)
		group_queried(gi, &q);
	return true;
}

/* => control; see group_var.h */
void
igmp_input(struct rte_mbuf *m)
{
	struct worker *self = mp_control();
	const struct pktmeta *meta = pkt_meta(m);
	struct ifnet *ifp = ifnet_get(meta->iif);
	unsigned off = meta->l4off, len;
	const struct ipv4_h *ip;
	struct group_if *gi;
	union in_any group;
	const uint8_t *p;
	bool ok = true;

	ASSERT_CONTROL();
	COUNT(self, IGMP_RCV_TOTAL);
	if (ifp == NULL || ifp->if_gen != meta->iifgen) {
		pkt_drop(self, m, DROP_IF_GONE);
		return;
	}
	if (off < sizeof(*ip) || m->pkt_len < off + IGMP_MINLEN || !pkt_pullup(m, m->pkt_len)) {
		COUNT(self, IGMP_RCV_TOOSHORT);
		pkt_drop(self, m, DROP_IGMP_BAD);
		return;
	}
	ip = pkt_data(m, const struct ipv4_h *);
	p = (const uint8_t *)ip + off;
	len = m->pkt_len - off;
	if (cksum_fold(cksum_add(0, p, len)) != 0) {
		COUNT(self, IGMP_RCV_BADSUM);
		pkt_drop(self, m, DROP_IGMP_BAD);
		return;
	}
	gi = group_if_get(ifp, AF_INET);
	switch (p[0]) {
	case IGMP_QUERY:
		COUNT(self, IGMP_RCV_QUERIES);
		ok = igmp_query(gi, ip, p, len);
		if (!ok)
			COUNT(self, IGMP_RCV_BADQUERIES);
		break;
	case IGMP_REPORT1:
	case IGMP_REPORT2:
		COUNT(self, IGMP_RCV_REPORTS);
		memset(&group, 0, sizeof(group));
		memcpy(&group.in4, p + 4, sizeof(group.in4));
		ok = IN4_MULTICAST(group.in4.s_addr) && group.in4.s_addr == ip->dst && ip->ttl == 1;
		if (!ok) {
			COUNT(self, IGMP_RCV_BADREPORTS);
		} else if (gi != NULL && group_find(gi, &group) != NULL) {
			COUNT(self, IGMP_RCV_OURREPORTS);
			group_heard(gi, &group);
		}
		break;
	case IGMP_LEAVE: /* for routers */
	case IGMP_REPORT3:
		break;
	default:
		pkt_drop(self, m, DROP_IGMP_TYPE);
		return;
	}
	if (ok)
		pkt_consume(self, m);
	else
		pkt_drop(self, m, DROP_IGMP_BAD);
}
