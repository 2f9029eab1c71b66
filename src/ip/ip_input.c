/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPv4 input and forwarding on workers.
 *
 * The common packet (no options, right checksum, ordinary addresses) stays in the vector that it came in and takes two
 * loops: check, then look up and rewrite.  Everything else leaves the vector for ip_input_slow or ip_forward_one, which
 * take one packet at a time.
 *
 * Synchronization: only the worker's own packets and counters are written; addresses, FIB and next hops are read.
 */
#include "ether/ether.h"
#include "ip/ingress.h"
#include "ip/ip_var.h"
#include "pkt/trace.h"

/* By the first octet: 0 ordinary, 1 never, 2 perhaps (169.254/16 stays on its link, RFC 3927) */
static const uint8_t in4_class[256] = {[0] = 1, [127] = 1, [169] = 2, [224 ... 255] = 1};

static inline bool
in4_ordinary(uint32_t addr)
{
	uint8_t class = in4_class[*(const uint8_t *)&addr];

	return class == 0 || (class == 2 && !IN4_LINKLOCAL(addr));
}

enum in_own_kind
in_own_search(const struct in_own *own, uint32_t addr, uint32_t slot)
{
	uint32_t mask = (1u << (32 - own->shift)) - 1;

	for (; own->slots[slot] != 0; slot = (slot + 1) & mask)
		if (own->slots[slot] == addr)
			return own->broadcast[slot] ? IN_OWN_BROADCAST : IN_OWN_ADDRESS;
	return IN_OWN_NONE;
}

/*
 * => a packet that needs nothing special: contiguous header without options, lengths and checksum right, both addresses
 * ordinary, source not ours nor a broadcast, not link-level broadcast.  Trims link-level padding.
 */
static inline bool
ip_is_plain(struct rte_mbuf *m, const struct in_own *own, uint32_t *dst)
{
	const struct ipv4_h *ip = pkt_data(m, const struct ipv4_h *);

	if (unlikely(m->data_len < sizeof(*ip)))
		return false;
	uint32_t len = ntohs(ip->len), s = ip->src, d = ip->dst;
	*dst = d;
	bool ok = (ip->vihl == IPV4_VIHL) & ip_sum20_ok(ip) & (len >= sizeof(*ip)) & (len <= m->pkt_len) &
		  ((pkt_meta(m)->flags & (PKT_F_BCAST | PKT_F_MCAST | PKT_F_PROMISC | PKT_F_LOCAL)) == 0);
	if (unlikely(!ok))
		return false;
	if (unlikely((in4_class[*(const uint8_t *)&s] | in4_class[*(const uint8_t *)&d]) != 0) &&
	    !(in4_ordinary(s) && in4_ordinary(d)))
		return false;
	if (unlikely(in_own_kind(own, s) != IN_OWN_NONE))
		return false;
	if (unlikely(len != m->pkt_len)) {
		if (likely(m->nb_segs == 1))
			m->data_len = m->pkt_len = len;
		else
			pkt_trim(m, len);
	}
	return true;
}

/* => the header of a packet checked as RFC 1812 section 5.2.2 asks, contiguous with its options, trimmed; or drops it */
static struct ipv4_h *
ip_check_header(struct worker *w, struct rte_mbuf *m)
{
	enum mp_drop reason;

	if (m->pkt_len < sizeof(struct ipv4_h) || !pkt_pullup(m, sizeof(struct ipv4_h))) {
		COUNT(w, IP_TOOSMALL);
		reason = DROP_IP_SHORT;
		goto bad;
	}
	struct ipv4_h *ip = pkt_data(m, struct ipv4_h *);
	if (ip->vihl >> 4 != 4) {
		COUNT(w, IP_BADVERS);
		reason = DROP_IP_BADVERS;
		goto bad;
	}
	uint32_t hlen = IPV4_HLEN(ip), len = ntohs(ip->len);
	if (hlen < sizeof(*ip) || hlen > m->pkt_len || !pkt_pullup(m, hlen)) {
		COUNT(w, IP_BADHLEN);
		reason = DROP_IP_BADHLEN;
		goto bad;
	}
	ip = pkt_data(m, struct ipv4_h *);
	if (cksum_fold(cksum_add(0, ip, hlen)) != 0) {
		COUNT(w, IP_BADSUM);
		reason = DROP_IP_BADSUM;
		goto bad;
	}
	if (len < hlen) {
		COUNT(w, IP_BADLEN);
		reason = DROP_IP_BADLEN;
		goto bad;
	}
	if (len > m->pkt_len) {
		COUNT(w, IP_TOOSHORT);
		reason = DROP_IP_SHORT;
		goto bad;
	}
	if (len < m->pkt_len)
		pkt_trim(m, len);
	return ip;
bad:
	pkt_drop(w, m, reason);
	return NULL;
}

/* => addresses that no packet from a wire may have (RFC 1812 section 5.3.7); DROP_COUNT: fine */
static enum mp_drop
ip_check_martian(const struct ipv4_h *ip)
{
	if (IN4_ZERONET(ip->src) && !(ip->src == 0 && (ip->dst == IN4_BROADCAST || IN4_MULTICAST(ip->dst))))
		return DROP_IP_MARTIAN_SRC;
	if (IN4_LOOPBACK(ip->src) || IN4_MULTICAST(ip->src) || IN4_CLASSE(ip->src) ||
	    in_own_kind(in_own_get(), ip->src) != IN_OWN_NONE)
		return DROP_IP_MARTIAN_SRC;
	if (IN4_ZERONET(ip->dst) || IN4_LOOPBACK(ip->dst) || (IN4_CLASSE(ip->dst) && ip->dst != IN4_BROADCAST))
		return DROP_IP_MARTIAN_DST;
	return DROP_COUNT;
}

static uint32_t
ip_route(struct worker *w, struct rte_mbuf *m, uint32_t dst)
{
	uint32_t index = fib_lookup4(dst);
	const struct nexthop *nh = nexthop_get(index);

	TRACE(w, m, ROUTE, 0, index, 0);
	if (nh->nh_type == NH_MULTIPATH) {
		struct pktmeta *meta = pkt_meta(m);
		if (meta->hash == 0)
			meta->hash = ip_flow_hash(m);
		index = nexthop_select(nh, meta->hash);
	}
	return index;
}

/* => handles one packet of any kind, from the start.  Takes it. */
static void
ip_input_slow(struct worker *w, struct rte_mbuf *m)
{
	struct pktmeta *meta = pkt_meta(m);
	struct ipv4_h *ip = ip_check_header(w, m);
	unsigned where;

	if (ip == NULL)
		return;
	if (meta->flags & PKT_F_PROMISC) {
		pkt_drop(w, m, DROP_IP_PROMISC);
		return;
	}
	if (!(meta->flags & PKT_F_LOCAL)) {
		enum mp_drop reason = ip_check_martian(ip);
		if (reason != DROP_COUNT) {
			COUNT(w, IP_BADADDR);
			pkt_drop(w, m, reason);
			return;
		}
		uint32_t on = ip_ingress_on(INGRESS_DOC4), dst = ip->dst;
		if (on != 0 && ip_ingress4(w, &m, &dst, 1, on) == 0)
			return;
	}
	bool group = IN4_MULTICAST(ip->dst) || ip->dst == IN4_BROADCAST;
	uint32_t index = group ? NH_LOCAL4_INDEX : ip_route(w, m, ip->dst);
	ip = pkt_data(m, struct ipv4_h *); /* it may have moved */
	const struct nexthop *nh = nexthop_get(index);
	if (!group && (meta->flags & (PKT_F_BCAST | PKT_F_MCAST)) &&
	    (nh->nh_type != NH_BROADCAST || nh->nh_ifindex != meta->iif)) {
		/* RFC 1122 section 3.3.6, RFC 1812 section 5.3.4 */
		pkt_drop(w, m, DROP_IP_LLBCAST);
		return;
	}
	if (unlikely(IPV4_HLEN(ip) > sizeof(*ip)))
		goto options;
	goto deliver;

options:
	switch (ip_options(ip, group || nh->nh_type == NH_LOCAL, ip_day_ms(w), &where)) {
	case IP_OPT_OK:
		break;
	case IP_OPT_BAD:
		COUNT(w, IP_BADOPTIONS);
		icmp_error(w, m, ICMP4_PARAMPROB, 0, htonl(where << 24), DROP_IP_BADOPTION);
		return;
	case IP_OPT_REFUSED:
		COUNT(w, IP_CANTFORWARD);
		icmp_error(w, m, ICMP4_UNREACH, ICMP4_UNREACH_NET_PROHIB, 0, DROP_IP_SRCROUTE);
		return;
	case IP_OPT_SRCFAIL:
		COUNT(w, IP_CANTFORWARD);
		icmp_error(w, m, ICMP4_UNREACH, ICMP4_UNREACH_SRCFAIL, 0, DROP_IP_SRCROUTE);
		return;
	case IP_OPT_REROUTE: /* a source route of which we are a hop: to its next address */
		if (group || !in4_ordinary(ip->dst)) {
			COUNT(w, IP_BADADDR);
			pkt_drop(w, m, DROP_IP_MARTIAN_DST);
			return;
		}
		index = ip_route(w, m, ip->dst);
		break;
	}
deliver:
	if (group)
		ip_local_input(w, m);
	else
		ip_forward_one(w, m, index);
}

void
ip_forward_one(struct worker *w, struct rte_mbuf *m, uint32_t index)
{
	struct pktmeta *meta = pkt_meta(m);
	struct ipv4_h *ip = pkt_data(m, struct ipv4_h *);
	const struct nexthop *nh = nexthop_get(index);
	struct pktvec v;

	if (nh->nh_type == NH_MULTIPATH) {
		if (meta->hash == 0)
			meta->hash = ip_flow_hash(m);
		ip = pkt_data(m, struct ipv4_h *);
		index = nexthop_select(nh, meta->hash);
		nh = nexthop_get(index);
	}
	if (nh->nh_type == NH_LOCAL || (nh->nh_type == NH_BROADCAST && nh->nh_ifindex == meta->iif)) {
		ip_local_input(w, m);
		return;
	}
	if (!SETTING(ip_forwarding) || (meta->flags & PKT_F_LOCAL)) {
		COUNT(w, IP_CANTFORWARD);
		pkt_drop(w, m, DROP_IP_NOTROUTER);
		return;
	}
	if (IN4_LOOPBACK(ip->dst) || IN4_LINKLOCAL(ip->dst) || IN4_LINKLOCAL(ip->src) || ip->src == 0) {
		COUNT(w, IP_CANTFORWARD);
		pkt_drop(w, m, DROP_IP_LINKLOCAL);
		return;
	}
	if (ip->ttl <= 1) {
		icmp_error(w, m, ICMP4_TIMXCEED, ICMP4_TIMXCEED_INTRANS, 0, DROP_IP_TTL);
		return;
	}
	switch (nh->nh_type) {
	case NH_NOROUTE:
		COUNT(w, IP_CANTFORWARD);
		icmp_error(w, m, ICMP4_UNREACH, ICMP4_UNREACH_NET, 0, DROP_IP_NOROUTE);
		return;
	case NH_REJECT:
		COUNT(w, IP_CANTFORWARD);
		icmp_error(w, m, ICMP4_UNREACH, ICMP4_UNREACH_HOST, 0, DROP_IP_REJECT);
		return;
	case NH_BLACKHOLE:
		COUNT(w, IP_CANTFORWARD);
		pkt_drop(w, m, DROP_IP_BLACKHOLE);
		return;
	case NH_BROADCAST:
		if (!SETTING(ip_directed_broadcast)) {
			COUNT(w, IP_CANTFORWARD);
			pkt_drop(w, m, DROP_IP_DIRBCAST);
			return;
		}
		break;
	}
	if (unlikely(nh->nh_ifindex == meta->iif))
		ip_redirect(w, m, nh);
	uint32_t mtu = nh_mtu_of(nh);
	if (m->pkt_len > mtu && (ip->off & htons(IPV4_DF))) {
		COUNT(w, IP_CANTFRAG);
		icmp_error(w, m, ICMP4_UNREACH, ICMP4_UNREACH_NEEDFRAG, htonl(mtu & 0xffff), DROP_IP_CANTFRAG);
		return;
	}
	ip_ttl_decrement(ip);
	meta->flags |= PKT_F_FORWARDED;
	meta->nh = index;
	COUNT(w, IP_FORWARD);
	if (m->pkt_len > mtu) {
		STAGE_MBUFS(w, FRAGMENT, &m, 1, ip_fragment(w, m, mtu, nh_output));
		return;
	}
	v.n = 0;
	pktvec_add(&v, m);
	nh_output(w, &v);
}

/*
 * Forwards what ip_is_plain passed; nh[i] is the FIB's answer for v->m[i].
 * => worker.  Takes all.
 */
static void
ip_forward(struct worker *w, struct pktvec *v, const uint32_t *nhs)
{
	unsigned k = 0, n = v->n, pick = ip_redirect_pick(w, n);
	bool forwarding = SETTING(ip_forwarding) != 0;

	nexthop_prefetch(w, nhs, n);
	/* Redirects are few in any case: looking at one packet of a vector finds who needs them soon enough. */
	if (unlikely(nexthop_get(nhs[pick])->nh_ifindex == pkt_meta(v->m[pick])->iif))
		ip_redirect(w, v->m[pick], nexthop_get(nhs[pick]));
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = v->m[i];
		struct pktmeta *meta = pkt_meta(m);
		struct ipv4_h *ip = pkt_data(m, struct ipv4_h *);
		uint32_t index = nhs[i];
		const struct nexthop *nh = nexthop_get(index);

		if (unlikely(nh->nh_type == NH_MULTIPATH)) {
			meta->hash = ip_flow_hash(m);
			ip = pkt_data(m, struct ipv4_h *);
			index = nexthop_select(nh, meta->hash);
			nh = nexthop_get(index);
		}
		if (unlikely(
			!((nh->nh_type == NH_FORWARD) & (ip->ttl > 1) & (m->pkt_len <= nh->nh_mtu) & forwarding))) {
			ip_forward_one(w, m, index);
			continue;
		}
		ip_ttl_decrement(ip);
		meta->nh = index;
		meta->flags |= PKT_F_FORWARDED;
		v->m[k++] = m;
	}
	v->n = k;
	if (k > 0) {
		COUNT_ADD(w, IP_FORWARD, k);
		ether_output(w, v);
	}
}

static __attribute__((noinline, cold)) void
ip_forward_watched(struct worker *w, struct pktvec *v, const uint32_t *nhs)
{
	pkt_trace_routes(w, v->m, nhs, v->n);
	STAGE_VEC(w, IP_FORWARD, v, ip_forward(w, v, nhs));
}

static void
ip_input_run(struct worker *w, struct pktvec *v)
{
	const struct in_own *own = in_own_get();
	uint32_t dst[PKT_VEC], nh[PKT_VEC];
	unsigned i, k, n = v->n;

	COUNT_ADD(w, IP_TOTAL, n);
	/* While the vector is as it came, nothing is moved.  The link layer has just read the headers. */
	for (i = 0; i < n && likely(ip_is_plain(v->m[i], own, &dst[i])); i++)
		;
	for (k = i; i < n; i++) {
		struct rte_mbuf *m = v->m[i];

		if (ip_is_plain(m, own, &dst[k]))
			v->m[k++] = m;
		else
			ip_input_slow(w, m);
	}
	uint32_t on = ip_ingress_on(INGRESS_DOC4);
	if (unlikely(on != 0))
		k = ip_ingress4(w, v->m, dst, k, on);
	v->n = k;
	if (k == 0)
		return;
	STAGE_CALL(w, IP_LOOKUP, k, fib_lookup4_vec(dst, nh, k));
	if (STAGE_WATCHED(w))
		ip_forward_watched(w, v, nh);
	else
		ip_forward(w, v, nh);
}

void
ip_input(struct worker *w, struct pktvec *v)
{
	ASSERT_WORKER();
	STAGE_VEC(w, IP_INPUT, v, ip_input_run(w, v));
}

static void
udp_input(struct worker *w, struct rte_mbuf *m, bool group)
{
	const struct ipv4_h *ip = pkt_data(m, const struct ipv4_h *);
	unsigned hlen = IPV4_HLEN(ip);

	COUNT(w, UDP_RECEIVED);
	if (m->pkt_len < hlen + sizeof(struct udp_h) || !pkt_pullup(m, hlen + sizeof(struct udp_h))) {
		COUNT(w, UDP_HDROPS);
		pkt_drop(w, m, DROP_UDP_BAD);
		return;
	}
	ip = pkt_data(m, const struct ipv4_h *);
	const struct udp_h *udp = rte_pktmbuf_mtod_offset(m, const struct udp_h *, hlen);
	uint32_t len = ntohs(udp->len);
	if (len < sizeof(*udp) || len > m->pkt_len - hlen) {
		COUNT(w, UDP_BADLEN);
		pkt_drop(w, m, DROP_UDP_BAD);
		return;
	}
	uint16_t ph[2] = {htons(IPPROTO_UDP), udp->len};
	if (udp->sum != 0 && !(pkt_meta(m)->flags & PKT_F_L4OK) &&
	    cksum_fold(cksum_mbuf(cksum_add(cksum_add(0, &ip->src, 8), ph, sizeof(ph)), m, hlen, len)) != 0) {
		COUNT(w, UDP_BADSUM);
		pkt_drop(w, m, DROP_UDP_BAD);
		return;
	}
	if (group) {
		COUNT(w, UDP_NOPORTBCAST);
		pkt_drop(w, m, DROP_IP_NOPORT);
		return;
	}
	COUNT(w, UDP_NOPORT);
	icmp_error(w, m, ICMP4_UNREACH, ICMP4_UNREACH_PORT, 0, DROP_IP_NOPORT);
}

static void
ip_local_run(struct worker *w, struct rte_mbuf *m)
{
	const struct ipv4_h *ip = pkt_data(m, const struct ipv4_h *);
	struct pktmeta *meta = pkt_meta(m);
	bool group = IN4_MULTICAST(ip->dst) || ip->dst == IN4_BROADCAST ||
		     nexthop_get(fib_lookup4(ip->dst))->nh_type == NH_BROADCAST;

	meta->l3off = 0;
	meta->l4off = IPV4_HLEN(ip);
	meta->proto = ip->proto;
	if (ip->off & htons(IPV4_MF | IPV4_OFFMASK)) {
		COUNT(w, IP_FRAGMENTS);
		frag_punt(w, m, &ip->src, 3, 4, DROP_IP_FRAG_RATE);
		return;
	}
	if (IN4_MULTICAST(ip->dst) && ip->dst != htonl(INADDR_ALLHOSTS_GROUP)) {
		const struct ifnet *ifp = meta->iif != 0 ? ifnet_get(meta->iif) : NULL;

		if (ifp == NULL || !ip_group_joined(ifp, ip->dst)) {
			pkt_drop(w, m, DROP_IP_MCAST);
			return;
		}
	}
	switch (ip->proto) {
	case IPPROTO_ICMP:
		COUNT(w, IP_DELIVERED);
		STAGE_MBUFS(w, ICMP, &m, 1, icmp_input(w, m));
		break;
	case IPPROTO_UDP:
		COUNT(w, IP_DELIVERED);
		udp_input(w, m, group);
		break;
	case IPPROTO_TCP:
		COUNT(w, IP_DELIVERED);
		tcp_input(w, m, meta->l4off,
		    !group && !(meta->flags & (PKT_F_BCAST | PKT_F_MCAST)) && icmp_may_answer(ip->src));
		break;
	case IPPROTO_IGMP:
		COUNT(w, IP_DELIVERED);
		mp_punt_from(w, PUNT_MCAST, m, ip->src);
		break;
	default:
		COUNT(w, IP_NOPROTO);
		if (group)
			pkt_drop(w, m, DROP_IP_NOPROTO);
		else
			icmp_error(w, m, ICMP4_UNREACH, ICMP4_UNREACH_PROTOCOL, 0, DROP_IP_NOPROTO);
		break;
	}
}

void
ip_local_input(struct worker *w, struct rte_mbuf *m)
{
	ASSERT_WORKER();
	STAGE_MBUFS(w, IP_LOCAL, &m, 1, ip_local_run(w, m));
}

void
ip_local_input_vec(struct worker *w, struct pktvec *v)
{
	for (unsigned i = 0; i < v->n; i++)
		ip_local_input(w, v->m[i]);
	v->n = 0;
}
