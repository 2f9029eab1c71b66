/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets from wires that settings refuse: see ingress.h. */
#include "ip/ingress.h"
#include "ip/ip_var.h"
#include "ip6/ip6_var.h"

/* What the sources of a vector's packets are looked up for: those that came by an interface with uRPF */
struct sources {
	unsigned n;
	uint8_t mode[PKT_VEC]; /* enum if_urpf, by packet */
	uint8_t at[PKT_VEC];   /* the place among the sources, by packet */
	uint32_t nh[PKT_VEC];
};

static enum if_urpf
urpf_mode(struct rte_mbuf *m)
{
	const struct ifnet *ifp = ifnet_get(pkt_meta(m)->iif);

	return ifp != NULL ? atomic_load_explicit(&ifp->if_urpf, memory_order_relaxed) : IF_URPF_OFF;
}

/*
 * => does the route to the source lead there (RFC 3704 sections 2.2, 2.4)?  Strict: out of the interface that the packet came
 * by, on any of its paths.  Loose: anywhere; the default route counts as any other.
 */
static bool
urpf_path_ok(const struct nexthop *nh, uint16_t iif, enum if_urpf mode)
{
	switch (nh->nh_type) {
	case NH_LOCAL: /* ours: refused before, but for what neighbour discovery must see */
		return true;
	case NH_GLEAN:
	case NH_UNRESOLVED:
	case NH_FORWARD:
	case NH_P2P:
		return mode == IF_URPF_LOOSE || nh->nh_ifindex == iif;
	case NH_MULTIPATH:
		for (unsigned i = 0; i < (unsigned)nh->nh_mp.mp_n + nh->nh_mp.mp_quiet; i++)
			if (mode == IF_URPF_LOOSE || nexthop_get(nh->nh_mp.mp_nh[i])->nh_ifindex == iif)
				return true;
		return false;
	default:
		return false;
	}
}

static bool
urpf_ok(const struct sources *s, struct rte_mbuf *m, unsigned i)
{
	return s->mode[i] == IF_URPF_OFF ||
	       urpf_path_ok(nexthop_get(s->nh[s->at[i]]), pkt_meta(m)->iif, (enum if_urpf)s->mode[i]);
}

/* 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 (RFC 5737) */
static bool
in4_documentation(uint32_t addr)
{
	uint32_t net = addr & htonl(0xffffff00);

	return net == htonl(0xc0000200) || net == htonl(0xc6336400) || net == htonl(0xcb007100);
}

/* 2001:db8::/32 (RFC 3849), 3fff::/20 (RFC 9637) */
static bool
in6_documentation(const void *a)
{
	return (IN6_OCTET(a, 0) == 0x20 && IN6_OCTET(a, 1) == 0x01 && IN6_OCTET(a, 2) == 0x0d &&
		   IN6_OCTET(a, 3) == 0xb8) ||
	       (IN6_OCTET(a, 0) == 0x3f && IN6_OCTET(a, 1) == 0xff && (IN6_OCTET(a, 2) & 0xf0) == 0);
}

/* Hosts without an address ask for one (0.0.0.0), and what is of the link has no route that could tell. */
static bool
urpf_exempt4(uint32_t src)
{
	return src == 0 || IN4_LINKLOCAL(src);
}

static bool
urpf_exempt6(const void *src)
{
	return IN6_OCTET(src, 0) == 0xfe ? IN6_LINKLOCAL(src) : in6_key(src).hi == 0 && in6_key(src).lo == 0;
}

unsigned
ip_ingress4(struct worker *w, struct rte_mbuf **m, uint32_t *dst, unsigned n, uint32_t on)
{
	const struct in_own *own = in_own_get();
	struct sources s = {.n = 0};
	uint32_t src[PKT_VEC];
	unsigned i, k = 0;

	ASSERT_WORKER();
	for (i = 0; i < n; i++) {
		uint32_t from = pkt_data(m[i], const struct ipv4_h *)->src;

		s.mode[i] = on & INGRESS_URPF && !urpf_exempt4(from) ? urpf_mode(m[i]) : IF_URPF_OFF;
		s.at[i] = (uint8_t)s.n;
		if (s.mode[i] != IF_URPF_OFF)
			src[s.n++] = from;
	}
	if (s.n > 0)
		fib_lookup4_vec(src, s.nh, s.n);
	for (i = 0; i < n; i++) {
		const struct ipv4_h *ip = pkt_data(m[i], const struct ipv4_h *);

		if (!urpf_ok(&s, m[i], i)) {
			COUNT(w, IP_URPF);
			pkt_drop(w, m[i], s.mode[i] == IF_URPF_STRICT ? DROP_IP_URPF_STRICT : DROP_IP_URPF_LOOSE);
		} else if (on & INGRESS_DOC4 && (in4_documentation(ip->src) || in4_documentation(dst[i])) &&
			   !IN4_MULTICAST(dst[i]) && dst[i] != IN4_BROADCAST && !in_own_has(own, dst[i])) {
			COUNT(w, IP_BADADDR);
			pkt_drop(w, m[i], DROP_IP_DOCADDR);
		} else {
			dst[k] = dst[i];
			m[k++] = m[i];
		}
	}
	return k;
}

unsigned
ip_ingress6(struct worker *w, struct rte_mbuf **m, struct in6_addr *dst, unsigned n, uint32_t on)
{
	const struct in6_own *own = in6_own_get();
	struct sources s = {.n = 0};
	const struct in6_addr *srcp[PKT_VEC];
	struct in6_addr src[PKT_VEC];
	unsigned i, k = 0;

	ASSERT_WORKER();
	for (i = 0; i < n; i++) {
		const void *from = &pkt_data(m[i], const struct ipv6_h *)->src;

		s.mode[i] = on & INGRESS_URPF && !urpf_exempt6(from) ? urpf_mode(m[i]) : IF_URPF_OFF;
		s.at[i] = (uint8_t)s.n;
		if (s.mode[i] != IF_URPF_OFF) {
			srcp[s.n] = &src[s.n];
			src[s.n++] = in6_get(from);
		}
	}
	if (s.n > 0)
		fib_lookup6_vec(srcp, s.nh, s.n);
	for (i = 0; i < n; i++) {
		const struct ipv6_h *ip6 = pkt_data(m[i], const struct ipv6_h *);

		if (!urpf_ok(&s, m[i], i)) {
			COUNT(w, IP6_URPF);
			pkt_drop(w, m[i], s.mode[i] == IF_URPF_STRICT ? DROP_IP6_URPF_STRICT : DROP_IP6_URPF_LOOSE);
		} else if (on & INGRESS_DOC6 && (in6_documentation(&ip6->src) || in6_documentation(&dst[i])) &&
			   !IN6_MULTICAST(&dst[i]) && !IN6_LINKLOCAL(&dst[i]) && !in6_own_has(own, &dst[i])) {
			COUNT(w, IP6_BADSCOPE);
			pkt_drop(w, m[i], DROP_IP6_DOCADDR);
		} else {
			dst[k] = dst[i];
			m[k++] = m[i];
		}
	}
	return k;
}
