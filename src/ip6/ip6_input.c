/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPv6 input and forwarding on workers.
 *
 * As in IPv4, the common packet (no hop-by-hop header, addresses of global scope) stays in its vector; everything else
 * leaves for ip6_input_slow or ip6_forward_one, which take one packet at a time.
 *
 * Synchronization: only the worker's own packets and counters are written; addresses, FIB and next hops are read.
 */
#include "ether/ether.h"
#include "ip/ingress.h"
#include "ip6/ip6_var.h"
#include "pkt/trace.h"

/* First octet 01-fd: neither unspecified, loopback, mapped nor link-local, multicast */
static inline bool
in6_ordinary(const void *a)
{
	return (uint8_t)(IN6_OCTET(a, 0) - 1) < 0xfd;
}

bool
in6_own_search(const struct in6_own *own, struct in6_key k, uint32_t slot)
{
	uint32_t mask = (uint32_t)((UINT64_C(1) << (64 - own->shift)) - 1);

	for (; (own->slots[slot].hi | own->slots[slot].lo) != 0; slot = (slot + 1) & mask)
		if (own->slots[slot].hi == k.hi && own->slots[slot].lo == k.lo)
			return true;
	return false;
}

static inline bool
ip6_is_plain(struct rte_mbuf *m, const struct in6_own *own, struct in6_addr *dst)
{
	const struct ipv6_h *ip6 = pkt_data(m, const struct ipv6_h *);

	if (unlikely(m->data_len < sizeof(*ip6)))
		return false;
	uint32_t len = ntohs(ip6->plen);
	*dst = ip6->dst;
	bool ok = ((ntohl(ip6->flow) >> 28) == 6) & (len != 0) & (len + sizeof(*ip6) <= m->pkt_len) &
		  (ip6->nxt != IPPROTO_HOPOPTS) & in6_ordinary(&ip6->src) & in6_ordinary(&ip6->dst) &
		  ((pkt_meta(m)->flags & (PKT_F_BCAST | PKT_F_MCAST | PKT_F_PROMISC | PKT_F_LOCAL)) == 0);
	if (unlikely(!ok) || unlikely(in6_own_has(own, &ip6->src)))
		return false;
	if (unlikely(len + sizeof(*ip6) != m->pkt_len)) {
		if (likely(m->nb_segs == 1))
			m->data_len = m->pkt_len = len + sizeof(*ip6);
		else
			pkt_trim(m, len + sizeof(*ip6));
	}
	return true;
}

/* => the header of a packet with lengths checked, contiguous, trimmed; or drops it */
static struct ipv6_h *
ip6_check_header(struct worker *w, struct rte_mbuf *m)
{
	if (m->pkt_len < sizeof(struct ipv6_h) || !pkt_pullup(m, sizeof(struct ipv6_h))) {
		COUNT(w, IP6_TOOSMALL);
		pkt_drop(w, m, DROP_IP6_SHORT);
		return NULL;
	}
	struct ipv6_h *ip6 = pkt_data(m, struct ipv6_h *);
	if (ntohl(ip6->flow) >> 28 != 6) {
		COUNT(w, IP6_BADVERS);
		pkt_drop(w, m, DROP_IP6_BADVERS);
		return NULL;
	}
	uint32_t len = ntohs(ip6->plen) + (uint32_t)sizeof(*ip6);
	if (len > m->pkt_len) {
		COUNT(w, IP6_TOOSHORT);
		pkt_drop(w, m, DROP_IP6_SHORT);
		return NULL;
	}
	if (len < m->pkt_len)
		pkt_trim(m, len);
	return ip6;
}

static bool
in6_is_mapped(const struct in6_addr *a)
{
	static const uint8_t prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return memcmp(a->s6_addr, prefix, sizeof(prefix)) == 0;
}

/* => addresses that no packet from a wire may have; DROP_COUNT: fine */
static enum mp_drop
ip6_check_martian(const struct in6_addr *src, const struct in6_addr *dst)
{
	static const struct in6_addr any = IN6ADDR_ANY_INIT, loopback = IN6ADDR_LOOPBACK_INIT;

	if (IN6_MULTICAST(src) || memcmp(src, &loopback, 16) == 0 || in6_is_mapped(src))
		return DROP_IP6_MARTIAN_SRC;
	if (memcmp(dst, &any, 16) == 0 || memcmp(dst, &loopback, 16) == 0 || in6_is_mapped(dst))
		return DROP_IP6_MARTIAN_DST;
	if (IN6_MULTICAST(dst) && IN6_MC_SCOPE(dst) <= IN6_SCOPE_INTERFACE)
		return DROP_IP6_MARTIAN_DST;
	return DROP_COUNT;
}

/* => handles one packet of any kind, from the start.  Takes it. */
static void
ip6_input_slow(struct worker *w, struct rte_mbuf *m)
{
	struct pktmeta *meta = pkt_meta(m);
	const struct ipv6_h *ip6 = ip6_check_header(w, m);
	struct ip6_error err;
	uint32_t len;

	if (ip6 == NULL)
		return;
	if (meta->flags & PKT_F_PROMISC) {
		pkt_drop(w, m, DROP_IP6_PROMISC);
		return;
	}
	struct in6_addr src = in6_get(&ip6->src), dst = in6_get(&ip6->dst);
	const struct ifnet *ifp = meta->iif != 0 ? ifnet_get(meta->iif) : NULL;
	if (!(meta->flags & PKT_F_LOCAL)) {
		enum mp_drop reason = ip6_check_martian(&src, &dst);
		if (reason != DROP_COUNT) {
			COUNT(w, IP6_BADSCOPE);
			pkt_drop(w, m, reason);
			return;
		}
	}
	if (!(meta->flags & PKT_F_LOCAL) && ip6->nxt != IPPROTO_ICMPV6 && in6_own_has(in6_own_get(), &src)) {
		/* A neighbour that claims our address is for neighbour discovery to see; nothing else from it. */
		COUNT(w, IP6_BADSCOPE);
		pkt_drop(w, m, DROP_IP6_MARTIAN_SRC);
		return;
	}
	uint32_t on = meta->flags & PKT_F_LOCAL ? 0 : ip_ingress_on(INGRESS_DOC6);
	if (on != 0) {
		struct in6_addr to = dst;
		if (ip_ingress6(w, &m, &to, 1, on) == 0)
			return;
	}
	if (ip6->nxt == IPPROTO_HOPOPTS) {
		/* Every node on the way looks at it. */
		if (!ip6_options(m, sizeof(*ip6), &len, &err)) {
			COUNT(w, IP6_BADOPTIONS);
			if (err.type != 0)
				icmp6_error(w, m, err.type, err.code, err.pointer, err.reason);
			else
				pkt_drop(w, m, err.reason);
			return;
		}
	}
	if (IN6_MULTICAST(&dst)) {
		if (ifp == NULL || !ip6_group_joined(ifp, &dst)) {
			COUNT(w, IP6_NOTMEMBER);
			pkt_drop(w, m, DROP_IP6_MCAST);
			return;
		}
		ip6_local_input(w, m);
		return;
	}
	if (meta->flags & (PKT_F_BCAST | PKT_F_MCAST)) {
		pkt_drop(w, m, DROP_IP6_LLMCAST);
		return;
	}
	if (IN6_LINKLOCAL(&dst)) {
		if (ifp == NULL || !ip6_addr_is_ours(ifp, &dst)) {
			COUNT(w, IP6_BADSCOPE);
			COUNT(w, IP6_CANTFORWARD);
			pkt_drop(w, m, DROP_IP6_SCOPE);
			return;
		}
		ip6_local_input(w, m);
		return;
	}
	uint32_t index = fib_lookup6(&dst);
	TRACE(w, m, ROUTE, 0, index, 0);
	ip6_forward_one(w, m, index);
}

void
ip6_forward_one(struct worker *w, struct rte_mbuf *m, uint32_t index)
{
	struct pktmeta *meta = pkt_meta(m);
	struct ipv6_h *ip6 = pkt_data(m, struct ipv6_h *);
	const struct nexthop *nh = nexthop_get(index);
	struct in6_addr src = in6_get(&ip6->src);
	struct pktvec v;

	if (nh->nh_type == NH_MULTIPATH) {
		if (meta->hash == 0)
			meta->hash = ip_flow_hash(m);
		ip6 = pkt_data(m, struct ipv6_h *);
		index = nexthop_select(nh, meta->hash);
		nh = nexthop_get(index);
	}
	if (nh->nh_type == NH_LOCAL) {
		ip6_local_input(w, m);
		return;
	}
	if (!SETTING(ip6_forwarding) || (meta->flags & PKT_F_LOCAL)) {
		COUNT(w, IP6_CANTFORWARD);
		pkt_drop(w, m, DROP_IP6_NOTROUTER);
		return;
	}
	if (IN6_IS_ADDR_UNSPECIFIED(&src) || in6_own_has(in6_own_get(), &src)) {
		COUNT(w, IP6_CANTFORWARD);
		pkt_drop(w, m, DROP_IP6_MARTIAN_SRC);
		return;
	}
	if (IN6_LINKLOCAL(&src)) {
		COUNT(w, IP6_CANTFORWARD);
		COUNT(w, IP6_BADSCOPE);
		icmp6_error(w, m, ICMP6_T_UNREACH, ICMP6_UNREACH_SCOPE, 0, DROP_IP6_SCOPE);
		return;
	}
	if (ip6->hlim <= 1) {
		icmp6_error(w, m, ICMP6_T_TIMXCEED, ICMP6_TIMXCEED_HOPS, 0, DROP_IP6_HLIM);
		return;
	}
	switch (nh->nh_type) {
	case NH_NOROUTE:
		COUNT(w, IP6_CANTFORWARD);
		icmp6_error(w, m, ICMP6_T_UNREACH, ICMP6_UNREACH_NOROUTE, 0, DROP_IP6_NOROUTE);
		return;
	case NH_REJECT:
		COUNT(w, IP6_CANTFORWARD);
		icmp6_error(w, m, ICMP6_T_UNREACH, ICMP6_UNREACH_ADDR, 0, DROP_IP6_REJECT);
		return;
	case NH_BLACKHOLE:
		COUNT(w, IP6_CANTFORWARD);
		pkt_drop(w, m, DROP_IP6_BLACKHOLE);
		return;
	}
	if (unlikely(nh->nh_ifindex == meta->iif))
		ip6_redirect(w, m, nh);
	uint32_t mtu = nh_mtu_of(nh);
	if (m->pkt_len > mtu) {
		icmp6_error(w, m, ICMP6_T_TOOBIG, 0, mtu, DROP_IP6_TOOBIG);
		return;
	}
	ip6->hlim--;
	meta->flags |= PKT_F_FORWARDED;
	meta->nh = index;
	COUNT(w, IP6_FORWARD);
	v.n = 0;
	pktvec_add(&v, m);
	nh_output(w, &v);
}

/* => worker; forwards what ip6_is_plain passed; nhs[i] is the FIB's answer for v->m[i].  Takes all. */
static void
ip6_forward(struct worker *w, struct pktvec *v, const uint32_t *nhs)
{
	unsigned k = 0, n = v->n, pick = ip_redirect_pick(w, n);
	bool forwarding = SETTING(ip6_forwarding) != 0;

	nexthop_prefetch(w, nhs, n);
	if (unlikely(nexthop_get(nhs[pick])->nh_ifindex == pkt_meta(v->m[pick])->iif))
		ip6_redirect(w, v->m[pick], nexthop_get(nhs[pick])); /* as in IPv4 */
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = v->m[i];
		struct pktmeta *meta = pkt_meta(m);
		struct ipv6_h *ip6 = pkt_data(m, struct ipv6_h *);
		uint32_t index = nhs[i];
		const struct nexthop *nh = nexthop_get(index);

		if (unlikely(nh->nh_type == NH_MULTIPATH)) {
			meta->hash = ip_flow_hash(m);
			ip6 = pkt_data(m, struct ipv6_h *);
			index = nexthop_select(nh, meta->hash);
			nh = nexthop_get(index);
		}
		if (unlikely(!(
			(nh->nh_type == NH_FORWARD) & (ip6->hlim > 1) & (m->pkt_len <= nh_mtu_of(nh)) & forwarding))) {
			ip6_forward_one(w, m, index);
			continue;
		}
		ip6->hlim--;
		meta->nh = index;
		meta->flags |= PKT_F_FORWARDED;
		v->m[k++] = m;
	}
	v->n = k;
	if (k > 0) {
		COUNT_ADD(w, IP6_FORWARD, k);
		ether_output(w, v);
	}
}

static __attribute__((noinline, cold)) void
ip6_forward_watched(struct worker *w, struct pktvec *v, const uint32_t *nhs)
{
	pkt_trace_routes(w, v->m, nhs, v->n);
	STAGE_VEC(w, IP6_FORWARD, v, ip6_forward(w, v, nhs));
}

static void
ip6_input_run(struct worker *w, struct pktvec *v)
{
	const struct in6_own *own = in6_own_get();
	struct in6_addr dst[PKT_VEC];
	const struct in6_addr *dstp[PKT_VEC];
	uint32_t nh[PKT_VEC];
	unsigned i, k, n = v->n;

	COUNT_ADD(w, IP6_TOTAL, n);
	for (i = 0; i < n && likely(ip6_is_plain(v->m[i], own, &dst[i])); i++)
		;
	for (k = i; i < n; i++) {
		struct rte_mbuf *m = v->m[i];

		if (ip6_is_plain(m, own, &dst[k]))
			v->m[k++] = m;
		else
			ip6_input_slow(w, m);
	}
	uint32_t on = ip_ingress_on(INGRESS_DOC6);
	if (unlikely(on != 0))
		k = ip_ingress6(w, v->m, dst, k, on);
	v->n = k;
	if (k == 0)
		return;
	for (i = 0; i < k; i++)
		dstp[i] = &dst[i];
	STAGE_CALL(w, IP6_LOOKUP, k, fib_lookup6_vec(dstp, nh, k));
	if (STAGE_WATCHED(w))
		ip6_forward_watched(w, v, nh);
	else
		ip6_forward(w, v, nh);
}

void
ip6_input(struct worker *w, struct pktvec *v)
{
	ASSERT_WORKER();
	STAGE_VEC(w, IP6_INPUT, v, ip6_input_run(w, v));
}

/* One host's address, not unspecified, a group's or mapped */
static bool
in6_answerable(const void *src)
{
	struct in6_addr a = in6_get(src);

	return !IN6_MULTICAST(&a) && !IN6_IS_ADDR_UNSPECIFIED(&a) && !in6_is_mapped(&a);
}

static void
udp6_input(struct worker *w, struct rte_mbuf *m, uint32_t off, bool group)
{
	COUNT(w, UDP6_RECEIVED);
	if (m->pkt_len < off + sizeof(struct udp_h) || !pkt_pullup(m, off + sizeof(struct udp_h))) {
		COUNT(w, UDP6_HDROPS);
		pkt_drop(w, m, DROP_UDP_BAD);
		return;
	}
	const struct udp_h *udp = rte_pktmbuf_mtod_offset(m, const struct udp_h *, off);
	const struct ipv6_h *ip6 = pkt_data(m, const struct ipv6_h *);
	uint32_t len = ntohs(udp->len);
	if (len < sizeof(struct udp_h) || len > m->pkt_len - off) {
		COUNT(w, UDP6_BADLEN);
		pkt_drop(w, m, DROP_UDP_BAD);
		return;
	}
	if (udp->sum == 0) { /* RFC 8200 section 8.1 */
		COUNT(w, UDP6_NOSUM);
		pkt_drop(w, m, DROP_UDP_BAD);
		return;
	}
	if (!(pkt_meta(m)->flags & PKT_F_L4OK) &&
	    cksum_fold(cksum_mbuf(ip6_pseudo_sum(&ip6->src, &ip6->dst, len, IPPROTO_UDP), m, off, len)) != 0) {
		COUNT(w, UDP6_BADSUM);
		pkt_drop(w, m, DROP_UDP_BAD);
		return;
	}
	if (group) {
		COUNT(w, UDP6_NOPORTMCAST);
		pkt_drop(w, m, DROP_IP6_NOPORT);
		return;
	}
	COUNT(w, UDP6_NOPORT);
	icmp6_error(w, m, ICMP6_T_UNREACH, ICMP6_UNREACH_PORT, 0, DROP_IP6_NOPORT);
}

/* => true if the fragment header at off says that this is all: it is gone then */
static bool
ip6_frag_atomic(struct rte_mbuf *m, uint32_t off, uint32_t nxt_at)
{
	const struct ip6_frag_h *frag = rte_pktmbuf_mtod_offset(m, const struct ip6_frag_h *, off);

	if ((frag->off & htons(IP6_FRAG_OFFMASK | IP6_FRAG_MORE)) != 0)
		return false;
	ip6_frag_strip(m, off, nxt_at, frag->nxt);
	return true;
}

static void
ip6_local_run(struct worker *w, struct rte_mbuf *m)
{
	struct pktmeta *meta = pkt_meta(m);
	struct ip6_error err;
	uint32_t off, nxt_at;
	uint8_t proto;
	bool group;

	if (!ip6_headers(m, &proto, &off, &nxt_at, &err)) {
		if (err.reason == DROP_IP6_TOOMANYHDR)
			COUNT(w, IP6_TOOMANYHDR);
		else
			COUNT(w, IP6_BADOPTIONS);
		if (err.type != 0)
			icmp6_error(w, m, err.type, err.code, err.pointer, err.reason);
		else
			pkt_drop(w, m, err.reason);
		return;
	}
	const struct ipv6_h *ip6 = pkt_data(m, const struct ipv6_h *);
	group = IN6_MULTICAST(&ip6->dst);
	meta->l3off = 0;
	meta->proto = proto;
	meta->l4off = (uint8_t)off;
	switch (proto) {
	case IPPROTO_FRAGMENT:
		COUNT(w, IP6_FRAGMENTS);
		if (off > UINT8_MAX) {
			pkt_drop(w, m, DROP_IP6_BADEXT);
			return;
		}
		if (ip6_frag_atomic(m, off, nxt_at)) {
			/* Whole as it is (RFC 6946).  It may be a fragment again, but not for ever. */
			if (++meta->depth > PKT_MAXDEPTH)
				pkt_drop(w, m, DROP_LOOP);
			else
				ip6_local_run(w, m);
			return;
		}
		meta->aux = nxt_at;
		frag_punt(w, m, &ip6->src, 8, 16, DROP_IP6_FRAG_RATE);
		break;
	case IPPROTO_ICMPV6:
		COUNT(w, IP6_DELIVERED);
		STAGE_MBUFS(w, ICMP6, &m, 1, icmp6_input(w, m, off));
		break;
	case IPPROTO_UDP:
		COUNT(w, IP6_DELIVERED);
		udp6_input(w, m, off, group);
		break;
	case IPPROTO_TCP:
		COUNT(w, IP6_DELIVERED);
		tcp_input(w, m, off, !group && in6_answerable(&ip6->src));
		break;
	case IPPROTO_NONE:
		COUNT(w, IP6_DELIVERED);
		pkt_consume(w, m);
		break;
	default:
		icmp6_error(w, m, ICMP6_T_PARAMPROB, ICMP6_PARAM_NEXTHDR, nxt_at, DROP_IP6_NOPROTO);
		break;
	}
}

void
ip6_local_input(struct worker *w, struct rte_mbuf *m)
{
	ASSERT_WORKER();
	STAGE_MBUFS(w, IP6_LOCAL, &m, 1, ip6_local_run(w, m));
}

void
ip6_local_input_vec(struct worker *w, struct pktvec *v)
{
	for (unsigned i = 0; i < v->n; i++)
		ip6_local_input(w, v->m[i]);
	v->n = 0;
}
