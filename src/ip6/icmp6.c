/* SPDX-License-Identifier: BSD-2-Clause */
/* ICMPv6: echo replies, errors about packets (RFC 4443), neighbour discovery's checks before control sees it. */
#include "if/if_select.h"
#include "ip6/ip6_var.h"
#include "pkt/trace.h"

/* RFC 6724 among the addresses of the interface; one of another interface only if it has none of the scope. */
bool
ip6_source_for(uint16_t iif, const struct in6_addr *dst, struct in6_addr *src)
{
	const struct ifnet *ifp = iif != 0 ? ifnet_get(iif) : NULL;
	const struct in6_if *in6 = ifp != NULL ? in6_if_get(ifp) : NULL;
	const struct in6_own *own = in6_own_get();
	struct if_src6 best = {0};

	for (uint32_t i = 0; in6 != NULL && i < in6->n; i++) {
		const struct in6_ifa *a = &in6->a[i];
		struct if_src6 this = {.addr = &a->addr,
		    .plen = a->plen,
		    .deprecated = a->deprecated,
		    .temporary = a->temporary,
		    .outgoing = true};

		if (!a->anycast &&
		    (best.addr == NULL || if_src6_better(&this, &best, dst, SETTING(ip6_prefer_tempaddr))))
			best = this;
	}
	if ((best.addr == NULL || if_scope6(best.addr) < if_scope6(dst)) && if_scope6(dst) > IF_SCOPE6_LINK &&
	    !IN6_IS_ADDR_UNSPECIFIED(&own->first))
		best.addr = &own->first;
	if (best.addr == NULL)
		return false;
	*src = *best.addr;
	return true;
}

bool
ip6_is_anycast(const struct in6_addr *addr)
{
	const struct in6_own *own = in6_own_get();

	for (uint32_t i = 0; i < own->nanycast; i++)
		if (memcmp(&own->anycast[i], addr, sizeof(*addr)) == 0)
			return true;
	return false;
}

static void
icmp6_count_out(struct worker *w, uint8_t type, uint8_t code)
{
	switch (type) {
	case ICMP6_T_UNREACH:
		COUNT(w, ICMP6_OUT_UNREACH);
		switch (code) {
		case ICMP6_UNREACH_NOROUTE:
			COUNT(w, ICMP6_E_NOROUTE);
			break;
		case ICMP6_UNREACH_ADMIN:
			COUNT(w, ICMP6_E_ADMIN);
			break;
		case ICMP6_UNREACH_SCOPE:
			COUNT(w, ICMP6_E_SCOPE);
			break;
		case ICMP6_UNREACH_ADDR:
			COUNT(w, ICMP6_E_ADDR);
			break;
		case ICMP6_UNREACH_PORT:
			COUNT(w, ICMP6_E_PORT);
			break;
		default:
			COUNT(w, ICMP6_E_UNKNOWN);
			break;
		}
		break;
	case ICMP6_T_TOOBIG:
		COUNT(w, ICMP6_OUT_TOOBIG);
		COUNT(w, ICMP6_E_TOOBIG);
		break;
	case ICMP6_T_TIMXCEED:
		COUNT(w, ICMP6_OUT_TIMXCEED);
		if (code == ICMP6_TIMXCEED_HOPS)
			COUNT(w, ICMP6_E_TRANSIT);
		else
			COUNT(w, ICMP6_E_REASS);
		break;
	case ICMP6_T_PARAMPROB:
		COUNT(w, ICMP6_OUT_PARAMPROB);
		if (code == ICMP6_PARAM_HEADER)
			COUNT(w, ICMP6_E_HEADER);
		else if (code == ICMP6_PARAM_NEXTHDR)
			COUNT(w, ICMP6_E_NXTHDR);
		else if (code == ICMP6_PARAM_OPTION)
			COUNT(w, ICMP6_E_OPTION);
		else
			COUNT(w, ICMP6_E_UNKNOWN);
		break;
	case ICMP6_T_ECHOREPLY:
		COUNT(w, ICMP6_OUT_ECHOREPLY);
		break;
	}
}

static void
icmp6_count_in(struct worker *w, uint8_t type)
{
	static const struct {
		uint8_t type;
		uint16_t counter;
	} in[] = {
	    {ICMP6_T_ECHO, C_ICMP6_IN_ECHO},
	    {ICMP6_T_ECHOREPLY, C_ICMP6_IN_ECHOREPLY},
	    {ICMP6_T_NS, C_ICMP6_IN_NS},
	    {ICMP6_T_NA, C_ICMP6_IN_NA},
	    {ICMP6_T_RS, C_ICMP6_IN_RS},
	    {ICMP6_T_RA, C_ICMP6_IN_RA},
	    {ICMP6_T_REDIRECT, C_ICMP6_IN_REDIRECT},
	    {ICMP6_T_UNREACH, C_ICMP6_IN_UNREACH},
	    {ICMP6_T_TOOBIG, C_ICMP6_IN_TOOBIG},
	    {ICMP6_T_TIMXCEED, C_ICMP6_IN_TIMXCEED},
	    {ICMP6_T_PARAMPROB, C_ICMP6_IN_PARAMPROB},
	    {ICMP6_T_MLDQUERY, C_ICMP6_IN_MLDQUERY},
	    {ICMP6_T_MLDREPORT, C_ICMP6_IN_MLDREPORT},
	    {ICMP6_T_MLDDONE, C_ICMP6_IN_MLDDONE},
	};

	for (unsigned i = 0; i < RTE_DIM(in); i++) {
		if (in[i].type == type) {
			mp_add(&w->counters[in[i].counter], 1);
			return;
		}
	}
	COUNT(w, ICMP6_IN_OTHER);
}

/*
 * => is m, or what it is a fragment of, something that errors are not about: an error itself, a redirect, or a later
 * fragment of what may be one (none is longer than IPV6_MINMTU)?  Follows the headers by reading only.
 */
static bool
icmp6_is_error(const struct rte_mbuf *m)
{
	uint32_t off = sizeof(struct ipv6_h);
	uint8_t nxt = pkt_data(m, const struct ipv6_h *)->nxt;

	for (int n = 0; n < 64; n++) {
		uint8_t buf[8];
		const uint8_t *p = rte_pktmbuf_read(m, off, 1, buf);

		if (p == NULL)
			return false;
		switch (nxt) {
		case IPPROTO_ICMPV6:
			return *p < ICMP6_T_INFO || *p == ICMP6_T_REDIRECT;
		case IPPROTO_HOPOPTS:
		case IPPROTO_DSTOPTS:
		case IPPROTO_ROUTING:
			p = rte_pktmbuf_read(m, off, 8, buf);
			if (p == NULL)
				return false;
			nxt = p[0];
			off += (p[1] + 1u) * 8;
			break;
		case IPPROTO_FRAGMENT:
			p = rte_pktmbuf_read(m, off, 8, buf);
			if (p == NULL)
				return false;
			uint32_t at = (uint32_t)p[2] << 8 | (p[3] & 0xf8);
			if (at != 0) /* what begins it, the first fragment has */
				return p[0] == IPPROTO_ICMPV6 && at < IPV6_MINMTU;
			nxt = p[0];
			off += 8;
			break;
		default:
			return false;
		}
	}
	return true;
}

bool
icmp6_error_allowed(struct worker *w, const struct rte_mbuf *m, uint8_t type)
{
	struct ip6_thread *t = ip6_thread(w);

	if (icmp6_is_error(m)) {
		COUNT(w, ICMP6_CANTERROR);
		return false;
	}
	if (!ip_rate_allow(type == ICMP6_T_TOOBIG ? &t->mtu_full : &t->icmp_full, w->is_control ? mp_tsc() : w->now,
		SETTING(icmp6_errppslimit))) {
		COUNT(w, ICMP6_TOOFREQ);
		return false;
	}
	return true;
}

static void
icmp6_error_run(struct worker *w, struct rte_mbuf *m, uint8_t type, uint8_t code, uint32_t info, enum mp_drop reason)
{
	const struct ipv6_h *oip = pkt_data(m, const struct ipv6_h *);
	struct pktmeta *meta = pkt_meta(m);
	struct in6_addr osrc = in6_get(&oip->src), odst = in6_get(&oip->dst), src;
	/* RFC 4443 section 2.4 (e.3): these two are told about multicast, too. */
	bool any = type == ICMP6_T_TOOBIG || (type == ICMP6_T_PARAMPROB && code == ICMP6_PARAM_OPTION);
	struct rte_mbuf *e;

	if (IN6_IS_ADDR_UNSPECIFIED(&osrc) || IN6_MULTICAST(&osrc) ||
	    (!any && (IN6_MULTICAST(&odst) || (meta->flags & (PKT_F_BCAST | PKT_F_MCAST))))) {
		COUNT(w, ICMP6_CANTERROR);
		goto drop;
	}
	if (!icmp6_error_allowed(w, m, type))
		goto drop;
	bool anycast = ip6_is_anycast(&odst);
	if (!anycast && in6_own_has(in6_own_get(), &odst))
		src = odst;
	else if (!anycast && IN6_LINKLOCAL(&odst) && meta->iif != 0 && ip6_addr_is_ours(ifnet_get(meta->iif), &odst))
		src = odst;
	else if (!ip6_source_for(meta->iif, &osrc, &src)) {
		COUNT(w, IP6_NOSOURCE);
		goto drop;
	}
	e = pkt_alloc_copy(w);
	if (e == NULL)
		goto drop;
	uint32_t quote = m->pkt_len;
	if (quote > IPV6_MINMTU - sizeof(struct ipv6_h) - sizeof(struct icmp_h))
		quote = IPV6_MINMTU - sizeof(struct ipv6_h) - sizeof(struct icmp_h);
	struct {
		struct ipv6_h ip6;
		struct icmp_h icmp;
	} h = {
	    .ip6 = {.flow = htonl(0x60000000),
		.plen = htons((uint16_t)(sizeof(struct icmp_h) + quote)),
		.nxt = IPPROTO_ICMPV6,
		.hlim = ip6_hlim_of(meta->iif),
		.src = src,
		.dst = osrc},
	    .icmp = {.type = type, .code = code, .info = htonl(info)},
	};
	struct pktmeta *emeta = pkt_meta(e);
	*emeta = (struct pktmeta){.flags = PKT_F_LOCAL};
	if (IN6_LINKLOCAL(&osrc)) {
		emeta->oif = meta->iif;
		emeta->oifgen = meta->iifgen;
	}
	if (!pkt_append(w, e, &h, sizeof(h)) || !pkt_append_from(w, e, m, 0, quote)) {
		pkt_drop(w, e, DROP_NOBUF);
		goto drop;
	}
	struct icmp_h *icmp = rte_pktmbuf_mtod_offset(e, struct icmp_h *, sizeof(struct ipv6_h));
	uint32_t len = e->pkt_len - (uint32_t)sizeof(struct ipv6_h);
	icmp->sum =
	    cksum_fold(cksum_mbuf(ip6_pseudo_sum(&src, &osrc, len, IPPROTO_ICMPV6), e, sizeof(struct ipv6_h), len));
	COUNT(w, ICMP6_ERROR);
	icmp6_count_out(w, type, code);
	TRACE(w, m, ERROR, 0, (uint32_t)type << 8 | code, info);
	TRACE_COPIED(w, m, e);
	pkt_drop(w, m, reason);
	ip6_send(w, e);
	return;
drop:
	pkt_drop(w, m, reason);
}

void
icmp6_error(struct worker *w, struct rte_mbuf *m, uint8_t type, uint8_t code, uint32_t info, enum mp_drop reason)
{
	STAGE_MBUFS(w, ICMP6, &m, 1, icmp6_error_run(w, m, type, code, info, reason));
}

/* => the packet is turned round and answers itself, without the headers in between.  Takes it. */
static void
icmp6_echo_reply(struct worker *w, struct rte_mbuf *m, uint32_t off)
{
	struct pktmeta *meta = pkt_meta(m);
	const struct ipv6_h *ip6 = pkt_data(m, const struct ipv6_h *);
	struct in6_addr to = in6_get(&ip6->src), from = in6_get(&ip6->dst);
	struct icmp_h *icmp = rte_pktmbuf_mtod_offset(m, struct icmp_h *, off);
	uint32_t len = m->pkt_len - off;

	if (IN6_IS_ADDR_UNSPECIFIED(&to) || IN6_MULTICAST(&to) ||
	    ((IN6_MULTICAST(&from) || ip6_is_anycast(&from)) && !ip6_source_for(meta->iif, &to, &from))) {
		pkt_drop(w, m, DROP_IP6_MARTIAN_SRC);
		return;
	}
	rte_pktmbuf_adj(m, (uint16_t)(off - sizeof(*ip6)));
	struct ipv6_h h = {.flow = htonl(0x60000000),
	    .plen = htons((uint16_t)len),
	    .nxt = IPPROTO_ICMPV6,
	    .hlim = ip6_hlim_of(meta->iif),
	    .src = from,
	    .dst = to};
	memcpy(pkt_data(m, void *), &h, sizeof(h));
	icmp->type = ICMP6_T_ECHOREPLY;
	icmp->sum = 0;
	icmp->sum = cksum_fold(cksum_mbuf(ip6_pseudo_sum(&from, &to, len, IPPROTO_ICMPV6), m, sizeof(h), len));
	struct pktmeta reply = {
	    .flags = PKT_F_LOCAL | (meta->flags & PKT_F_TRACED), .depth = meta->depth, .trace = meta->trace};
	if (IN6_LINKLOCAL(&to)) {
		reply.oif = meta->iif;
		reply.oifgen = meta->iifgen;
	}
	*meta = reply;
	COUNT(w, ICMP6_REFLECT);
	icmp6_count_out(w, ICMP6_T_ECHOREPLY, 0);
	ip6_send(w, m);
}

/* What names the sender of a message among others */
static uint32_t
icmp6_sender(const struct ipv6_h *ip6)
{
	uint32_t a[4];

	memcpy(a, &ip6->src, sizeof(a));
	return a[0] ^ a[1] ^ a[2] ^ a[3];
}

void
icmp6_input(struct worker *w, struct rte_mbuf *m, uint32_t off)
{
	struct pktmeta *meta = pkt_meta(m);

	if (m->pkt_len < off + 4 || !pkt_pullup(m, RTE_MIN(off + (uint32_t)sizeof(struct icmp_h), m->pkt_len))) {
		COUNT(w, ICMP6_TOOSHORT);
		pkt_drop(w, m, DROP_ICMP6_SHORT);
		return;
	}
	const struct ipv6_h *ip6 = pkt_data(m, const struct ipv6_h *);
	const struct icmp_h *icmp = rte_pktmbuf_mtod_offset(m, const struct icmp_h *, off);
	uint32_t len = m->pkt_len - off;
	if (cksum_fold(cksum_mbuf(ip6_pseudo_sum(&ip6->src, &ip6->dst, len, IPPROTO_ICMPV6), m, off, len)) != 0) {
		COUNT(w, ICMP6_CHECKSUM);
		pkt_drop(w, m, DROP_ICMP6_BADSUM);
		return;
	}
	if (len < sizeof(struct icmp_h)) {
		COUNT(w, ICMP6_TOOSHORT);
		pkt_drop(w, m, DROP_ICMP6_SHORT);
		return;
	}
	icmp6_count_in(w, icmp->type);
	switch (icmp->type) {
	case ICMP6_T_ECHO:
		if (icmp->code != 0) {
			COUNT(w, ICMP6_BADCODE);
			pkt_drop(w, m, DROP_ICMP6_TYPE);
			return;
		}
		icmp6_echo_reply(w, m, off);
		return;
	case ICMP6_T_UNREACH:
	case ICMP6_T_TOOBIG:
	case ICMP6_T_TIMXCEED:
	case ICMP6_T_PARAMPROB:
		if (len < sizeof(*icmp) + sizeof(struct ipv6_h)) { /* nothing that it could be about */
			COUNT(w, ICMP6_BADLEN);
			pkt_drop(w, m, DROP_ICMP6_SHORT);
			return;
		}
		/* FALLTHROUGH */
	case ICMP6_T_ECHOREPLY:
		if (off > UINT8_MAX) {
			pkt_drop(w, m, DROP_IP6_BADEXT);
			return;
		}
		meta->aux = ip_stamp(mp_tsc());
		mp_punt_from(w, PUNT_ICMP, m, icmp6_sender(ip6));
		return;
	case ICMP6_T_RS:
	case ICMP6_T_RA:
	case ICMP6_T_NS:
	case ICMP6_T_NA:
	case ICMP6_T_REDIRECT:
		if (meta->stage == PKT_IP6_LOCAL) { /* came in fragments: RFC 6980 section 5 */
			pkt_drop(w, m, DROP_ICMP6_FRAGMENT);
			return;
		}
		if (ip6->hlim != 255) { /* RFC 4861 section 6.1, 7.1 */
			pkt_drop(w, m, DROP_ICMP6_HLIM);
			return;
		}
		if (icmp->code != 0) {
			COUNT(w, ICMP6_BADCODE);
			pkt_drop(w, m, DROP_ICMP6_TYPE);
			return;
		}
		break;
	case ICMP6_T_MLDQUERY:
	case ICMP6_T_MLDREPORT:
	case ICMP6_T_MLDDONE:
	case ICMP6_T_MLD2REPORT:
		if (ip6->hlim != 1 || !IN6_LINKLOCAL(&ip6->src)) {
			pkt_drop(w, m, DROP_ICMP6_HLIM);
			return;
		}
		if (off > UINT8_MAX)
			pkt_drop(w, m, DROP_IP6_BADEXT);
		else
			mp_punt_from(w, PUNT_MCAST, m, icmp6_sender(ip6));
		return;
	default:
		pkt_drop(w, m, DROP_ICMP6_TYPE);
		return;
	}
	if (off > UINT8_MAX)
		pkt_drop(w, m, DROP_IP6_BADEXT);
	else
		mp_punt_from(w, PUNT_ND, m, icmp6_sender(ip6));
}
