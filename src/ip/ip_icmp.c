/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMP: echo replies, and errors about packets (RFC 792, RFC 1122 section 3.2.2, RFC 1812 section 4.3). */
#include "ip/ip_var.h"
#include "ip/redirect.h"
#include "pkt/trace.h"

#define ICMP_QUOTE_MIN 8   /* octets behind the quoted header, RFC 792 */
#define ICMP_ERROR_MAX 576 /* RFC 1812 section 4.3.2.3 */

uint32_t
ip_source_for(uint16_t iif, uint32_t dst)
{
	const struct ifnet *ifp = iif != 0 ? ifnet_get(iif) : NULL;
	const struct in_if *in = ifp != NULL ? in_if_get(ifp) : NULL;

	if (in == NULL || in->n == 0)
		return in_own_get()->first;
	for (unsigned i = 0; i < in->n; i++) {
		if (((in->a[i].addr ^ dst) & in->a[i].mask) == 0 || in->a[i].peer == dst)
			return in->a[i].addr;
	}
	return in->a[0].addr;
}

bool
icmp_may_answer(uint32_t src)
{
	return src != 0 && !IN4_MULTICAST(src) && !IN4_CLASSE(src) && !IN4_ZERONET(src) &&
	       nexthop_get(fib_lookup4(src))->nh_type != NH_BROADCAST;
}

static void
icmp_count_out(struct worker *w, uint8_t type)
{
	switch (type) {
	case ICMP4_ECHOREPLY:
		COUNT(w, ICMP_OUT_ECHOREPLY);
		break;
	case ICMP4_UNREACH:
		COUNT(w, ICMP_OUT_UNREACH);
		break;
	case ICMP4_REDIRECT:
		COUNT(w, ICMP_OUT_REDIRECT);
		break;
	case ICMP4_TIMXCEED:
		COUNT(w, ICMP_OUT_TIMXCEED);
		break;
	case ICMP4_PARAMPROB:
		COUNT(w, ICMP_OUT_PARAMPROB);
		break;
	case ICMP4_TSTAMPREPLY:
		COUNT(w, ICMP_OUT_TSTAMPREPLY);
		break;
	}
}

static void
icmp_count_in(struct worker *w, uint8_t type)
{
	switch (type) {
	case ICMP4_ECHOREPLY:
		COUNT(w, ICMP_IN_ECHOREPLY);
		break;
	case ICMP4_UNREACH:
		COUNT(w, ICMP_IN_UNREACH);
		break;
	case ICMP4_REDIRECT:
		COUNT(w, ICMP_IN_REDIRECT);
		break;
	case ICMP4_ECHO:
		COUNT(w, ICMP_IN_ECHO);
		break;
	case ICMP4_TIMXCEED:
		COUNT(w, ICMP_IN_TIMXCEED);
		break;
	case ICMP4_PARAMPROB:
		COUNT(w, ICMP_IN_PARAMPROB);
		break;
	case ICMP4_TSTAMP:
		COUNT(w, ICMP_IN_TSTAMP);
		break;
	default:
		COUNT(w, ICMP_IN_OTHER);
		break;
	}
}

/* => may an error be sent about this packet?  ip is contiguous with its options */
static bool
icmp_error_allowed(struct worker *w, struct rte_mbuf *m, const struct ipv4_h *ip)
{
	const struct pktmeta *meta = pkt_meta(m);

	if (meta->flags & (PKT_F_BCAST | PKT_F_MCAST))
		return false;
	if (ip->off & htons(IPV4_OFFMASK))
		return false;
	if (IN4_MULTICAST(ip->dst) || ip->dst == IN4_BROADCAST || IN4_LOOPBACK(ip->src) != IN4_LOOPBACK(ip->dst))
		return false;
	if (!icmp_may_answer(ip->src) || nexthop_get(fib_lookup4(ip->dst))->nh_type == NH_BROADCAST)
		return false;
	if (ip->proto == IPPROTO_ICMP) {
		const uint8_t *type = rte_pktmbuf_read(m, IPV4_HLEN(ip), 1, &(uint8_t){0});
		if (type == NULL)
			return false;
		/* Queries and their answers only; what is unknown may be an error. */
		if (*type != ICMP4_ECHO && *type != ICMP4_ECHOREPLY && *type != ICMP4_TSTAMP &&
		    *type != ICMP4_TSTAMPREPLY) {
			COUNT(w, ICMP_OLDICMP);
			return false;
		}
	}
	return true;
}

/* => an error about m, which stays the caller's, ready to be sent; NULL: there is none */
static struct rte_mbuf *
icmp_error_make(struct worker *w, struct rte_mbuf *m, uint8_t type, uint8_t code, uint32_t info)
{
	const struct ipv4_h *oip = pkt_data(m, const struct ipv4_h *);
	struct pktmeta *meta = pkt_meta(m);
	uint32_t hlen = IPV4_HLEN(oip), quote, src;
	struct ip_thread *t = ip_thread(w);
	bool mtu = type == ICMP4_UNREACH && code == ICMP4_UNREACH_NEEDFRAG;
	struct rte_mbuf *e;

	if (!icmp_error_allowed(w, m, oip))
		return NULL;
	if (!ip_rate_allow(
		mtu ? &t->mtu_full : &t->icmp_full, w->is_control ? mp_tsc() : w->now, SETTING(icmp_errppslimit))) {
		COUNT(w, ICMP_RATELIMIT);
		return NULL;
	}
	if (in_own_has(in_own_get(), oip->dst))
		src = oip->dst;
	else
		src = ip_source_for(meta->iif, oip->src);
	if (src == 0)
		return NULL;
	e = pkt_alloc_copy(w);
	if (e == NULL)
		return NULL;
	quote = hlen + (uint32_t)SETTING(icmp_returndatabytes);
	if (quote > m->pkt_len)
		quote = m->pkt_len;
	if (quote > ICMP_ERROR_MAX - sizeof(struct ipv4_h) - sizeof(struct icmp_h))
		quote = ICMP_ERROR_MAX - sizeof(struct ipv4_h) - sizeof(struct icmp_h);
	struct {
		struct ipv4_h ip;
		struct icmp_h icmp;
	} h = {
	    .ip = {.vihl = IPV4_VIHL,
		.tos = 0xc0, /* RFC 1812 section 4.3.2.5: internetwork control */
		.len = htons((uint16_t)(sizeof(h) + quote)),
		.id = ip_newid(w),
		.ttl = IPV4_MAXTTL,
		.proto = IPPROTO_ICMP,
		.src = src,
		.dst = oip->src},
	    .icmp = {.type = type, .code = code, .info = info},
	};
	ip_set_sum(&h.ip);
	struct pktmeta *emeta = pkt_meta(e);
	*emeta = (struct pktmeta){.flags = PKT_F_LOCAL};
	if (!pkt_append(w, e, &h, sizeof(h)) || !pkt_append_from(w, e, m, 0, quote)) {
		pkt_drop(w, e, DROP_NOBUF);
		return NULL;
	}
	struct icmp_h *icmp = rte_pktmbuf_mtod_offset(e, struct icmp_h *, sizeof(struct ipv4_h));
	icmp->sum = cksum_fold(cksum_mbuf(0, e, sizeof(struct ipv4_h), e->pkt_len - sizeof(struct ipv4_h)));
	COUNT(w, ICMP_ERROR);
	icmp_count_out(w, type);
	TRACE(w, m, ERROR, 0, (uint32_t)type << 8 | code, ntohl(info));
	TRACE_COPIED(w, m, e);
	return e;
}

static void
icmp_error_run(struct worker *w, struct rte_mbuf *m, uint8_t type, uint8_t code, uint32_t info, enum mp_drop reason)
{
	struct rte_mbuf *e = icmp_error_make(w, m, type, code, info);

	pkt_drop(w, m, reason);
	if (e != NULL)
		ip_send(w, e);
}

void
icmp_error(struct worker *w, struct rte_mbuf *m, uint8_t type, uint8_t code, uint32_t info, enum mp_drop reason)
{
	STAGE_MBUFS(w, ICMP, &m, 1, icmp_error_run(w, m, type, code, info, reason));
}

bool
icmp_redirect(struct worker *w, struct rte_mbuf *m, uint32_t gateway)
{
	struct rte_mbuf *e = icmp_error_make(w, m, ICMP4_REDIRECT, ICMP4_REDIRECT_HOST, gateway);

	if (e == NULL)
		return false;
	ip_send(w, e);
	return true;
}

/* => the packet is turned round and answers itself, its message being an answer of that type now.  Takes it. */
static void
icmp_reflect(struct worker *w, struct rte_mbuf *m, struct ipv4_h *ip, uint8_t type, bool group)
{
	struct pktmeta *meta = pkt_meta(m);
	uint32_t src = group ? ip_source_for(meta->iif, ip->src) : ip->dst;

	if (src == 0 || !icmp_may_answer(ip->src)) {
		pkt_drop(w, m, DROP_IP_MARTIAN_SRC);
		return;
	}
	ip->dst = IPV4_HLEN(ip) > sizeof(*ip) ? ip_options_reverse(ip, ip->src) : ip->src;
	ip->src = src;
	ip->ttl = IPV4_MAXTTL;
	ip->off = 0;
	ip->id = ip_newid(w);
	ip_set_sum(ip);
	*meta = (struct pktmeta){
	    .flags = PKT_F_LOCAL | (meta->flags & PKT_F_TRACED), .depth = meta->depth, .trace = meta->trace};
	COUNT(w, ICMP_REFLECT);
	icmp_count_out(w, type);
	ip_send(w, m);
}

static void
icmp_echo_reply(struct worker *w, struct rte_mbuf *m, struct ipv4_h *ip, struct icmp_h *icmp, bool group)
{
	icmp->type = ICMP4_ECHOREPLY;
	uint32_t sum = (uint32_t)icmp->sum + htons(ICMP4_ECHO << 8); /* RFC 1624 */
	icmp->sum = (uint16_t)(sum + (sum >= 0xffff));
	icmp_reflect(w, m, ip, ICMP4_ECHOREPLY, group);
}

/* => a timestamp request (RFC 792), its header contiguous.  Takes it. */
static void
icmp_timestamp_reply(struct worker *w, struct rte_mbuf *m, uint32_t hlen, bool group)
{
	struct {
		struct icmp_h icmp;
		uint32_t originate, receive, transmit;
	} __attribute__((packed, aligned(2))) * ts;

	if (m->pkt_len < hlen + sizeof(*ts) || !pkt_pullup(m, hlen + (uint32_t)sizeof(*ts))) {
		COUNT(w, ICMP_BADLEN);
		pkt_drop(w, m, DROP_ICMP_SHORT);
		return;
	}
	ts = (void *)(pkt_data(m, uint8_t *) + hlen);
	ts->icmp.type = ICMP4_TSTAMPREPLY;
	ts->receive = ts->transmit = htonl(ip_day_ms(w));
	ts->icmp.sum = 0;
	ts->icmp.sum = cksum_fold(cksum_mbuf(0, m, hlen, m->pkt_len - hlen));
	icmp_reflect(w, m, pkt_data(m, struct ipv4_h *), ICMP4_TSTAMPREPLY, group);
}

/* Messages that quote the packet they are about (RFC 792) */
static bool
icmp_is_error(uint8_t type)
{
	return type == ICMP4_UNREACH || type == ICMP4_REDIRECT || type == ICMP4_TIMXCEED || type == ICMP4_PARAMPROB;
}

void
icmp_input(struct worker *w, struct rte_mbuf *m)
{
	struct pktmeta *meta = pkt_meta(m);
	unsigned hlen = meta->l4off;

	if (m->pkt_len < hlen + sizeof(struct icmp_h) || !pkt_pullup(m, hlen + sizeof(struct icmp_h))) {
		COUNT(w, ICMP_TOOSHORT);
		pkt_drop(w, m, DROP_ICMP_SHORT);
		return;
	}
	struct ipv4_h *ip = pkt_data(m, struct ipv4_h *);
	struct icmp_h *icmp = rte_pktmbuf_mtod_offset(m, struct icmp_h *, hlen);
	if (cksum_fold(cksum_mbuf(0, m, hlen, m->pkt_len - hlen)) != 0) {
		COUNT(w, ICMP_CHECKSUM);
		pkt_drop(w, m, DROP_ICMP_BADSUM);
		return;
	}
	icmp_count_in(w, icmp->type);
	if (icmp_is_error(icmp->type) && m->pkt_len < hlen + sizeof(*icmp) + sizeof(struct ipv4_h) + ICMP_QUOTE_MIN) {
		COUNT(w, ICMP_BADLEN);
		pkt_drop(w, m, DROP_ICMP_SHORT);
		return;
	}
	bool group = IN4_MULTICAST(ip->dst) || !in_own_has(in_own_get(), ip->dst);
	switch (icmp->type) {
	case ICMP4_ECHO:
		if (group && !SETTING(icmp_bmcastecho)) {
			COUNT(w, ICMP_BMCASTECHO);
			pkt_drop(w, m, DROP_ICMP_BMCAST);
			break;
		}
		icmp_echo_reply(w, m, ip, icmp, group);
		break;
	case ICMP4_TSTAMP:
		if (group && !SETTING(icmp_bmcastecho)) {
			COUNT(w, ICMP_BMCASTTSTAMP);
			pkt_drop(w, m, DROP_ICMP_BMCAST);
			break;
		}
		icmp_timestamp_reply(w, m, hlen, group);
		break;
	case ICMP4_REDIRECT:
		if (redirect_accepted(AF_INET))
			mp_punt_from(w, PUNT_ICMP, m, ip->src);
		else
			pkt_drop(w, m, DROP_REDIRECT_OFF);
		break;
	case ICMP4_ECHOREPLY:
	case ICMP4_UNREACH:
	case ICMP4_TIMXCEED:
	case ICMP4_PARAMPROB:
		meta->aux = ip_stamp(mp_tsc());
		mp_punt_from(w, PUNT_ICMP, m, ip->src);
		break;
	default:
		pkt_drop(w, m, DROP_ICMP_TYPE);
		break;
	}
}
