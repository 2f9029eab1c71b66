/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Router advertisements on the wire: ours put together (RFC 4861 section 4.2, RFC 4191 section 2.3, RFC 8106 section 5),
 * others' compared with what we say (RFC 4861 section 6.2.7).
 */
/*
 * Synchronization: control only.
 * Lifetime: a packet is built in a flat buffer; rtadv_heard looks at a message in place.
 */
#include <stdlib.h>
#include <string.h>

#include "ether/ether.h"
#include "ether/neigh.h"
#include "ip6/ip6_var.h"
#include "ip6/rtadv_var.h"

#define OPT_SOURCE  1
#define OPT_PREFIX  3
#define OPT_MTU	    5
#define OPT_ROUTE   24
#define OPT_RDNSS   25
#define OPT_DNSSL   31
#define RA_LEN	    16
#define COMPLAIN_MS 10000

static const struct in6_addr allnodes = {{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};

struct builder {
	struct rtadv *ra;
	struct in6_addr src;
	unsigned len, max, packets; /* octets from the IPv6 header on */
	bool last;
	uint8_t buf[1500] __attribute__((aligned(4)));
};

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
begin(struct builder *b)
{
	const struct rtadv_conf *conf = b->ra->conf;
	uint8_t *p = b->buf + sizeof(struct ipv6_h);

	memset(p, 0, RA_LEN);
	p[0] = ICMP6_T_RA;
	p[4] = conf->chlim;
	/* RFC 4191 section 2.2: a preference goes with a lifetime only */
	p[5] = b->last || conf->rltime == 0 ? conf->flags & (uint8_t)~RTADV_F_PREF : conf->flags;
	put16(p + 6, b->last ? 0 : conf->rltime);
	put32(p + 8, conf->rtime);
	put32(p + 12, conf->retrans);
	b->len = sizeof(struct ipv6_h) + RA_LEN;
	if (!conf->nolladdr && b->ra->ifp->if_type == IFT_SMP_ETHER) {
		p = b->buf + b->len;
		p[0] = OPT_SOURCE;
		p[1] = 1;
		ether_addr_bytes(atomic_load_explicit(&b->ra->ifp->if_lladdr, memory_order_relaxed), p + 2);
		b->len += 8;
	}
}

static void
finish(struct builder *b)
{
	struct worker *self = mp_control();
	struct ipv6_h *ip6 = (struct ipv6_h *)(void *)b->buf;
	struct icmp_h *icmp = (struct icmp_h *)(void *)(ip6 + 1);
	unsigned len = b->len - (unsigned)sizeof(*ip6);
	union in_any dst = {.in6 = allnodes};
	struct rte_mbuf *m;

	*ip6 = (struct ipv6_h){.flow = htonl(0x60000000),
	    .plen = htons((uint16_t)len),
	    .nxt = IPPROTO_ICMPV6,
	    .hlim = 255,
	    .src = b->src,
	    .dst = allnodes};
	icmp->sum = 0;
	icmp->sum = cksum_fold(cksum_add(ip6_pseudo_sum(&ip6->src, &ip6->dst, len, IPPROTO_ICMPV6), icmp, len));
	m = pkt_originate(self);
	if (m == NULL)
		return;
	if (!pkt_append(self, m, b->buf, b->len)) {
		pkt_drop(self, m, DROP_NOBUF);
		return;
	}
	COUNT(self, ICMP6_OUT_RA);
	b->packets++;
	neigh_ctl_output(b->ra->ifp, AF_INET6, &dst, m);
}

/* => zeroed room for an option of size octets; where it does not fit, in another packet; NULL: nowhere */
static uint8_t *
option(struct builder *b, uint8_t type, unsigned size)
{
	uint8_t *p;

	if (b->len + size > b->max) {
		finish(b);
		begin(b);
		if (b->len + size > b->max)
			return NULL;
	}
	p = b->buf + b->len;
	memset(p, 0, size);
	p[0] = type;
	p[1] = (uint8_t)(size / 8);
	b->len += size;
	return p;
}

static void
prefix_option(struct builder *b, const struct rtadv_prefix *pfx, uint32_t vltime, uint32_t pltime)
{
	uint8_t *p = option(b, OPT_PREFIX, 32);

	if (p == NULL)
		return;
	p[2] = pfx->plen;
	p[3] = pfx->flags;
	put32(p + 4, vltime);
	put32(p + 8, pltime);
	memcpy(p + 16, &pfx->prefix, sizeof(pfx->prefix));
}

static uint32_t
remaining(uint32_t seconds, bool decr, uint64_t since)
{
	uint64_t gone = (mp_now_ms() - since) / 1000;

	if (!decr || seconds == RTADV_INFINITE)
		return seconds;
	return gone >= seconds ? 0 : seconds - (uint32_t)gone;
}

void
rtadv_lifetimes(const struct rtadv *ra, const struct rtadv_prefix *p, uint32_t *vltime, uint32_t *pltime)
{
	*vltime = remaining(p->vltime, p->vdecr, ra->started);
	*pltime = RTE_MIN(remaining(p->pltime, p->pdecr, ra->started), *vltime);
}

static void
options(struct builder *b)
{
	struct rtadv *ra = b->ra;
	const struct rtadv_conf *conf = ra->conf;
	uint32_t mtu = conf->mtu_auto ? atomic_load_explicit(&ra->ifp->if_mtu, memory_order_relaxed) : conf->mtu;
	uint32_t vltime, pltime;
	uint8_t *p;

	if (mtu != 0 && (p = option(b, OPT_MTU, 8)) != NULL)
		put32(p + 4, mtu);
	for (unsigned i = 0; i < conf->nprefix; i++) {
		rtadv_lifetimes(ra, &conf->prefix[i], &vltime, &pltime);
		prefix_option(b, &conf->prefix[i], vltime, pltime);
	}
	for (unsigned i = 0; i < ra->nprefix; i++)
		prefix_option(b, &ra->prefix[i], ra->prefix[i].vltime, ra->prefix[i].pltime);
	for (unsigned i = 0; i < ra->ngone; i++) {
		struct rtadv_prefix gone = {
		    .prefix = ra->gone[i].prefix, .plen = ra->gone[i].plen, .flags = ra->gone[i].flags};

		prefix_option(b, &gone, 0, 0);
	}
	for (unsigned i = 0; i < conf->nroute; i++) {
		const struct rtadv_route *r = &conf->route[i];
		unsigned size = r->plen == 0 ? 8 : r->plen <= 64 ? 16 : 24;

		if ((p = option(b, OPT_ROUTE, size)) == NULL)
			continue;
		p[2] = r->plen;
		p[3] = r->flags;
		put32(p + 4, b->last ? 0 : r->ltime);
		memcpy(p + 8, &r->prefix, size - 8);
	}
	for (unsigned i = 0; i < conf->nrdnss; i++) {
		const struct rtadv_rdnss *r = &conf->rdnss[i];

		if ((p = option(b, OPT_RDNSS, 8 + 16 * r->n)) == NULL)
			continue;
		put32(p + 4, b->last ? 0 : r->ltime);
		memcpy(p + 8, r->addr, 16 * r->n);
	}
	for (unsigned i = 0; i < conf->ndnssl; i++) {
		const struct rtadv_dnssl *d = &conf->dnssl[i];

		if ((p = option(b, OPT_DNSSL, 8 + (d->len + 7) / 8 * 8)) == NULL)
			continue;
		put32(p + 4, b->last ? 0 : d->ltime);
		memcpy(p + 8, d->names, d->len);
	}
}

static const struct ifaddr *
link_local(const struct ifnet *ifp)
{
	const struct ifaddr *ifa;

	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
		if (ifa->ifa_family == AF_INET6 && IN6_LINKLOCAL(&ifa->ifa_addr.in6) &&
		    (ifa->ifa_flags & IFA_NOTREADY) == 0)
			return ifa;
	return NULL;
}

void
rtadv_send(struct rtadv *ra, bool last)
{
	const struct ifaddr *ifa = link_local(ra->ifp);
	uint32_t mtu = atomic_load_explicit(&ra->ifp->if_mtu, memory_order_relaxed);
	struct builder b;

	ASSERT_CONTROL();
	if (ifa == NULL)
		return;
	b.ra = ra;
	b.src = ifa->ifa_addr.in6;
	b.max = mtu < sizeof(b.buf) ? mtu : sizeof(b.buf);
	b.last = last;
	b.packets = 0;
	begin(&b);
	options(&b);
	finish(&b);
	ra->sent++;
	ra->last = mp_now_ms();
	for (unsigned i = ra->ngone; i > 0; i--)
		if (--ra->gone[i - 1].left == 0)
			ra->gone[i - 1] = ra->gone[--ra->ngone];
}

static uint32_t
seconds_until(uint64_t end, uint64_t now)
{
	if (end == UINT64_MAX)
		return RTADV_INFINITE;
	return end <= now ? 0 : (uint32_t)RTE_MIN((end - now) / 1000, (uint64_t)RTADV_INFINITE - 1);
}

struct rtadv_prefix *
rtadv_if_prefixes(const struct rtadv *ra, unsigned *np)
{
	const struct rtadv_prefix *say = &ra->conf->ifprefix;
	struct rtadv_prefix *list = NULL, *larger;
	uint64_t now = mp_now_ms();
	struct ifaddr *ifa;
	unsigned n = 0;

	*np = 0;
	if (ra->fixed || ra->conf->noifprefix || ra->conf->nprefix > 0)
		return NULL;
	TAILQ_FOREACH (ifa, &ra->ifp->if_addrs, ifa_list) {
		struct rtadv_prefix p = *say;
		uint32_t v, pl;
		unsigned i;

		if (ifa->ifa_family != AF_INET6 || IN6_LINKLOCAL(&ifa->ifa_addr.in6) ||
		    IN6_IS_ADDR_LOOPBACK(&ifa->ifa_addr.in6) || ifa->ifa_plen == 128 || ifa->ifa_has_dst ||
		    (ifa->ifa_flags & (IFA_DUPLICATED | IFA_AUTOCONF | IFA_TEMPORARY)) != 0)
			continue;
		p.prefix = ifa->ifa_addr.in6;
		p.plen = ifa->ifa_plen;
		for (unsigned k = 0; k < 16; k++)
			if (p.plen < 8 * k + 8)
				p.prefix.s6_addr[k] &= p.plen <= 8 * k ? 0 : (uint8_t)(0xff00 >> (p.plen - 8 * k));
		/* An address that ends takes its prefix with it. */
		v = seconds_until(ifa->ifa_valid, now);
		pl = (ifa->ifa_flags & IFA_DEPRECATED) != 0 ? 0 : seconds_until(ifa->ifa_preferred, now);
		rtadv_lifetimes(ra, say, &p.vltime, &p.pltime);
		p.vltime = RTE_MIN(p.vltime, v);
		p.pltime = RTE_MIN(p.pltime, pl);
		for (i = 0; i < n; i++)
			if (list[i].plen == p.plen && memcmp(&list[i].prefix, &p.prefix, 16) == 0)
				break;
		if (i < n) {
			list[i].vltime = RTE_MAX(list[i].vltime, p.vltime);
			list[i].pltime = RTE_MAX(list[i].pltime, p.pltime);
			continue;
		}
		if (n == RTADV_MAXPREFIX || (larger = realloc(list, (n + 1) * sizeof(*list))) == NULL)
			break;
		list = larger;
		list[n++] = p;
	}
	*np = n;
	return list;
}

/* => what of the other's advertisement differs from ours; NULL: nothing */
static const char *
inconsistency(const struct rtadv *ra, const uint8_t *msg, unsigned len)
{
	const struct rtadv_conf *conf = ra->conf;
	uint32_t mtu = conf->mtu_auto ? atomic_load_explicit(&ra->ifp->if_mtu, memory_order_relaxed) : conf->mtu;
	uint32_t rtime = get32(msg + 8), retrans = get32(msg + 12);

	if (msg[4] != 0 && conf->chlim != 0 && msg[4] != conf->chlim)
		return "hop limit";
	if ((msg[5] ^ conf->flags) & RTADV_F_MANAGED)
		return "managed flag";
	if ((msg[5] ^ conf->flags) & RTADV_F_OTHER)
		return "other flag";
	if (rtime != 0 && conf->rtime != 0 && rtime != conf->rtime)
		return "reachable time";
	if (retrans != 0 && conf->retrans != 0 && retrans != conf->retrans)
		return "retransmission timer";
	for (unsigned off = RA_LEN, size; off + 8 <= len; off += size) {
		const uint8_t *o = msg + off;

		size = o[1] * 8u;
		if (size == 0 || size > len - off)
			return NULL;
		if (o[0] == OPT_MTU && size == 8 && mtu != 0 && get32(o + 4) != mtu)
			return "MTU";
		if (o[0] != OPT_PREFIX || size != 32)
			continue;
		for (unsigned i = 0; i < conf->nprefix + ra->nprefix; i++) {
			const struct rtadv_prefix *p =
			    i < conf->nprefix ? &conf->prefix[i] : &ra->prefix[i - conf->nprefix];
			uint32_t v, pl, skew;

			if (p->plen != o[2] || memcmp(&p->prefix, o + 16, 16) != 0)
				continue;
			rtadv_lifetimes(ra, p, &v, &pl);
			/* what counts down is compared where clockskew says how exactly */
			skew = p->vdecr || p->pdecr ? conf->clockskew : 0;
			if ((p->vdecr || p->pdecr) && skew == 0)
				continue;
			if (llabs((long long)v - get32(o + 4)) > skew)
				return "valid lifetime of a prefix";
			if (llabs((long long)pl - get32(o + 8)) > skew)
				return "preferred lifetime of a prefix";
		}
	}
	return NULL;
}

void
rtadv_heard(struct ifnet *ifp, const struct in6_addr *from, const uint8_t *msg, unsigned len)
{
	struct rtadv *ra = rtadv_find(ifp);
	char text[INET6_ADDRSTRLEN];
	const char *what;
	uint64_t now;

	ASSERT_CONTROL();
	if (ra == NULL || ra->final > 0 || len < RA_LEN || !IN6_LINKLOCAL(from) || ip6_addr_is_ours(ifp, from))
		return;
	what = inconsistency(ra, msg, len);
	if (what == NULL)
		return;
	ra->inconsistent++;
	now = mp_now_ms();
	if (ra->complained != 0 && now - ra->complained < COMPLAIN_MS)
		return;
	ra->complained = now;
	mp_log(MP_LOG_WARNING, "%s: router advertisement of %s: its %s is not ours", ifp->if_xname,
	    inet_ntop(AF_INET6, from, text, sizeof(text)), what);
}
