/* SPDX-License-Identifier: BSD-2-Clause */
/* Probes of ping and traceroute: sent through a worker, answers told apart by their identifier. */
/*
 * Synchronization: control thread only.
 * Lifetime: a session is in the list from echo_session_add to echo_session_remove; its stream's closed function frees
 * it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ip/echo_ctl.h"
#include "ip/ip_var.h"
#include "ip/redirect.h"
#include "ip6/ip6_var.h"

#define ECHO_MAXSESSIONS 1024

static TAILQ_HEAD(, echo_session) sessions = TAILQ_HEAD_INITIALIZER(sessions); /* [c] */
static unsigned nsessions;						       /* [c] */
static uint16_t last_id;						       /* [c] */

const struct ctl_method ip_methods[] = {
    {"ping.start", ping_start, ping_start_params, "sends ICMP echo requests; a stream of what comes back"},
    {"trace.start", trace_start, trace_start_params, "probes the path to an address, hop by hop"},
    {NULL},
};

char *
echo_address_text(int family, const void *addr, uint16_t zone, char *buf)
{
	inet_ntop(family, addr, buf, INET6_ADDRSTRLEN);
	if (family == AF_INET6 && zone != 0 &&
	    (IN6_LINKLOCAL(addr) || (IN6_MULTICAST(addr) && IN6_MC_SCOPE(addr) <= 2))) {
		const struct ifnet *ifp = ifnet_get(zone);

		/* buf has room for an address, a zone and the octet between (echo_ctl.h) */
		if (ifp != NULL)
			snprintf(buf + strlen(buf), IFNAMSIZ_SMP + 1, "%%%s", ifp->if_xname);
	}
	return buf;
}

double
echo_elapsed_us(uint64_t sent_tsc, uint32_t stamp)
{
	uint32_t ticks = stamp - ip_stamp(sent_tsc);

	if (ticks > UINT32_MAX / 2) /* clocks of two CPUs */
		ticks = 0;
	return (double)ticks * 256e6 / (double)mp_tsc_hz;
}

/* => "address%interface" in parts; 0 or -EINVAL, -ENXIO */
static int
address_parse(int family, const char *text, union in_any *addr, uint16_t *zone)
{
	char buf[ECHO_ADDRTEXT], *percent;

	*zone = 0;
	memset(addr, 0, sizeof(*addr));
	if (strlen(text) >= sizeof(buf))
		return -EINVAL;
	snprintf(buf, sizeof(buf), "%s", text);
	percent = strchr(buf, '%');
	if (percent != NULL) {
		const struct ifnet *ifp;

		*percent++ = '\0';
		ifp = ifnet_by_name(percent);
		if (ifp == NULL && percent[0] != '\0' && percent[strspn(percent, "0123456789")] == '\0' &&
		    strtoul(percent, NULL, 10) < MP_MAXIF)
			ifp = ifnet_get((uint16_t)strtoul(percent, NULL, 10));
		if (family != AF_INET6)
			return -EINVAL;
		if (ifp == NULL)
			return -ENXIO;
		*zone = ifp->if_index;
	}
	return inet_pton(family, buf, addr) == 1 ? 0 : -EINVAL;
}

int
echo_target_parse(struct ctl_req *req, struct echo_target *t, const char *family, const char *dst, const char *source,
    const char *interface)
{
	uint16_t zone;
	int error;

	memset(t, 0, sizeof(*t));
	if (strcmp(family, "inet") == 0)
		t->family = AF_INET;
	else if (strcmp(family, "inet6") == 0)
		t->family = AF_INET6;
	else
		return ctl_error(req, EAFNOSUPPORT, "%.32s: unknown family", family);
	error = address_parse(t->family, dst, &t->dst, &t->dst_zone);
	if (error == -ENXIO)
		return ctl_error(req, ENXIO, "%.64s: no such interface", dst);
	if (error != 0)
		return ctl_error(req, EINVAL, "%.64s: bad address", dst);
	if (interface != NULL) {
		const struct ifnet *ifp = ifnet_by_name(interface);
		if (ifp == NULL)
			return ctl_error(req, ENXIO, "%.32s: no such interface", interface);
		t->oif = ifp->if_index;
		if (t->dst_zone == 0)
			t->dst_zone = ifp->if_index;
	}
	if (source != NULL) {
		error = address_parse(t->family, source, &t->src, &zone);
		if (error != 0)
			return ctl_error(req, -error, "%.64s: bad address", source);
		const struct ifaddr *ifa = if_addr_find(zone != 0 ? ifnet_get(zone) : NULL, t->family, &t->src, true);
		if (ifa == NULL && t->family == AF_INET6 && IN6_LINKLOCAL(&t->src.in6) && t->dst_zone != 0)
			ifa = if_addr_find(ifnet_get(t->dst_zone), t->family, &t->src, true);
		if (ifa == NULL || (ifa->ifa_flags & IFA_ANYCAST))
			return ctl_error(req, EADDRNOTAVAIL, "%s", strerror(EADDRNOTAVAIL));
		t->has_src = true;
		if (t->oif == 0)
			t->oif = ifa->ifa_ifp->if_index;
	}
	return 0;
}

int
echo_target_options(struct ctl_req *req, struct echo_target *t, json_t *params)
{
	json_t *hops = json_object_get(params, "hops"), *v;
	const char *text = json_string_value(json_object_get(params, "gateway"));
	json_int_t tos = json_integer_value(json_object_get(params, "tos"));
	bool v6 = t->family == AF_INET6;
	size_t i;

	t->minmtu = json_is_true(json_object_get(params, "minmtu"));
	if (tos < 0 || tos > 255 || (v6 && tos != 0))
		return ctl_error(req, EINVAL, "tos: 0 to 255, of IPv4");
	t->tos = (uint8_t)tos;
	if (json_array_size(hops) > ECHO_MAXHOPS)
		return ctl_error(req, EINVAL, "hops: %d at most", ECHO_MAXHOPS);
	json_array_foreach (hops, i, v) {
		uint16_t zone;

		if (!json_is_string(v) || address_parse(t->family, json_string_value(v), &t->hops[i], &zone) != 0 ||
		    (v6 ? IN6_MULTICAST(&t->hops[i].in6) || IN6_LINKLOCAL(&t->hops[i].in6)
			: IN4_MULTICAST(t->hops[i].in4.s_addr) || t->hops[i].in4.s_addr == IN4_BROADCAST))
			return ctl_error(req, EINVAL, "hops: %.64s: bad address",
			    json_is_string(v) ? json_string_value(v) : "not a string");
		t->nhops++;
	}
	if (t->nhops > 0 && (v6 ? IN6_MULTICAST(&t->dst.in6) || IN6_LINKLOCAL(&t->dst.in6)
				: IN4_MULTICAST(t->dst.in4.s_addr) || t->dst.in4.s_addr == IN4_BROADCAST))
		return ctl_error(req, EINVAL, "hops: not on the way to a group or a link-local address");
	if (text == NULL)
		return 0;
	if (!v6 || address_parse(t->family, text, &t->via, &t->via_if) != 0)
		return ctl_error(req, EINVAL, "gateway: %.64s: bad address", text);
	if (IN6_LINKLOCAL(&t->via.in6) && t->via_if == 0)
		t->via_if = t->oif;
	if (IN6_LINKLOCAL(&t->via.in6) && t->via_if == 0)
		return ctl_error(req, EINVAL, "gateway: %.64s needs its zone (%%interface)", text);
	t->has_via = true;
	return 0;
}

static bool
is_group(const struct echo_target *t)
{
	if (t->family == AF_INET)
		return IN4_MULTICAST(t->dst.in4.s_addr) || t->dst.in4.s_addr == IN4_BROADCAST;
	return IN6_MULTICAST(&t->dst.in6);
}

bool
echo_is_scoped(const struct echo_target *t)
{
	return is_group(t) || (t->family == AF_INET6 && IN6_LINKLOCAL(&t->dst.in6));
}

int
echo_target_error(struct ctl_req *req, const struct echo_target *t, int error)
{
	char text[ECHO_ADDRTEXT];

	if (error == -EHOSTUNREACH && echo_is_scoped(t) && t->dst_zone == 0 && t->oif == 0)
		return ctl_error(req, EHOSTUNREACH, "%s needs an interface%s",
		    echo_address_text(t->family, &t->dst, 0, text),
		    t->family == AF_INET6 ? ", as its zone (%interface) or by -I" : "");
	return ctl_error(req, -error, "%s", strerror(-error));
}

/*
 * => the source for packets that leave by ifp to the next hop via; 0 or -EADDRNOTAVAIL.  IPv4's is the address whose
 * network the next hop is in.
 */
static int
target_source(struct echo_target *t, struct ifnet *ifp, const union in_any *via)
{
	const struct ifaddr *ifa;

	if (t->has_src)
		return 0;
	ifa = if_addr_select_via(ifp, t->family, &t->dst, via);
	if (ifa != NULL) {
		t->src = ifa->ifa_addr;
		return 0;
	}
	if (t->family == AF_INET && in_own_get()->first != 0) { /* an unnumbered interface */
		t->src.in4.s_addr = in_own_get()->first;
		return 0;
	}
	return -EADDRNOTAVAIL;
}

/* => the interface of the neighbour that all packets go to, and the source; 0 or -EHOSTUNREACH, -ENETDOWN */
static int
target_via(struct echo_target *t)
{
	struct ifnet *ifp = t->via_if != 0 ? ifnet_get(t->via_if) : NULL;
	struct rt_result r;

	if (!IN6_LINKLOCAL(&t->via.in6)) {
		memset(&r, 0, sizeof(r));
		if (rt_lookup(t->family, &t->via, 0, &r) != 0 || r.has_gw || r.ifp == NULL ||
		    r.ifp->if_type == IFT_SMP_LOOP)
			return -EHOSTUNREACH;
		ifp = r.ifp;
	}
	if (ifp == NULL)
		return -EHOSTUNREACH;
	if ((ifp->if_flags & IFF_SMP_UP) == 0)
		return -ENETDOWN;
	t->via_if = ifp->if_index;
	t->mtu = ifp->if_mtu;
	return target_source(t, ifp, &t->via);
}

int
echo_target_route(struct echo_target *t)
{
	const union in_any *first = echo_first_hop(t);
	bool scoped = echo_is_scoped(t);
	struct rt_result r;
	struct ifnet *ifp;
	int error;

	ASSERT_CONTROL();
	t->local = t->blackhole = false;
	if (t->has_via)
		return target_via(t);
	if (scoped) {
		uint16_t index = t->dst_zone != 0 ? t->dst_zone : t->oif;
		ifp = index != 0 ? ifnet_get(index) : NULL;
		if (ifp == NULL)
			return -EHOSTUNREACH;
		if ((ifp->if_flags & IFF_SMP_UP) == 0)
			return -ENETDOWN;
		t->oif = index;
		t->mtu = ifp->if_mtu;
		t->local = t->family == AF_INET6 && ip6_addr_is_ours(ifp, &t->dst.in6);
		return target_source(t, ifp, NULL);
	}
	if (t->family == AF_INET ? in_own_has(in_own_get(), first->in4.s_addr)
				 : in6_own_has(in6_own_get(), &first->in6)) {
		t->local = true;
		if (t->family == AF_INET6 && ip6_is_anycast(&first->in6))
			return target_source(t, NULL, NULL);
		if (!t->has_src)
			t->src = *first;
		return 0;
	}
	memset(&r, 0, sizeof(r));
	error = rt_lookup(t->family, first, 0, &r);
	if (r.flags & RTF_REJECT)
		return error;
	if (error != 0) {
		rt_notify_miss(t->family, first);
		return error == -ENETUNREACH ? -EHOSTUNREACH : error; /* as NetBSD says it: No route to host */
	}
	t->blackhole = (r.flags & RTF_BLACKHOLE) != 0;
	t->mtu = r.mtu != 0 ? r.mtu : r.ifp != NULL ? r.ifp->if_mtu : IPV4_MAXPACKET;
	if (r.has_ifa && !t->has_src && if_addr_find(NULL, t->family, &r.ifa, true) != NULL) {
		t->src = r.ifa;
		return 0;
	}
	return target_source(t, r.ifp, r.has_gw ? &r.gateway : NULL);
}

int
echo_session_add(struct echo_session *s)
{
	struct echo_session *other;

	ASSERT_CONTROL();
	if (nsessions >= ECHO_MAXSESSIONS)
		return -ENOSPC;
	/* Identifiers are also source ports: out of the way of listeners. */
	do {
		last_id = (uint16_t)((last_id + 1) | 0x8000);
		TAILQ_FOREACH (other, &sessions, list)
			if (other->id == last_id)
				break;
	} while (other != NULL);
	s->id = last_id;
	TAILQ_INSERT_TAIL(&sessions, s, list);
	nsessions++;
	return 0;
}

void
echo_session_remove(struct echo_session *s)
{
	ASSERT_CONTROL();
	TAILQ_REMOVE(&sessions, s, list);
	nsessions--;
}

static struct echo_session *
session_find(int family, uint8_t proto, uint16_t id)
{
	struct echo_session *s;

	TAILQ_FOREACH (s, &sessions, list)
		if (s->family == family && s->proto == proto && s->id == id)
			return s;
	return NULL;
}

/*
 * => whose packet an ICMP error quotes: q is what is quoted, n octets of it.  NULL: nobody's here.
 */
static struct echo_session *
session_of_quote(int family, const uint8_t *q, unsigned n, uint16_t *seq)
{
	const uint8_t *l4;
	uint8_t proto;
	uint16_t id;

	if (family == AF_INET) {
		const struct ipv4_h *ip = (const struct ipv4_h *)q;

		if (n < sizeof(*ip) || IPV4_HLEN(ip) < sizeof(*ip) || n < IPV4_HLEN(ip) + 8)
			return NULL;
		if (ip->off & htons(IPV4_OFFMASK))
			return NULL;
		l4 = q + IPV4_HLEN(ip);
		proto = ip->proto;
	} else {
		const struct ipv6_h *ip6 = (const struct ipv6_h *)q;

		if (n < sizeof(*ip6) + 8)
			return NULL;
		l4 = q + sizeof(*ip6);
		proto = ip6->nxt;
		if (proto == IPPROTO_ROUTING) {
			unsigned len = (l4[1] + 1u) * 8;

			proto = l4[0];
			l4 += len;
			if (n < sizeof(*ip6) + len + 8)
				return NULL;
		}
		if (proto == IPPROTO_FRAGMENT) {
			const struct ip6_frag_h *frag = (const struct ip6_frag_h *)l4;

			if (n < (size_t)(l4 - q) + sizeof(*frag) + 8 || (frag->off & htons(IP6_FRAG_OFFMASK)))
				return NULL;
			proto = frag->nxt;
			l4 += sizeof(*frag);
		}
		if (proto == IPPROTO_ICMPV6)
			proto = IPPROTO_ICMP;
	}
	if (proto == IPPROTO_ICMP) {
		if (l4[0] != (family == AF_INET ? ICMP4_ECHO : ICMP6_T_ECHO))
			return NULL;
		id = (uint16_t)(l4[4] << 8 | l4[5]);
		*seq = (uint16_t)(l4[6] << 8 | l4[7]);
	} else if (proto == IPPROTO_UDP) {
		id = (uint16_t)(l4[0] << 8 | l4[1]);
		*seq = (uint16_t)(l4[2] << 8 | l4[3]);
	} else {
		return NULL;
	}
	return session_find(family, proto, id);
}

static bool
echo_is_toobig(int family, const struct icmp_h *icmp)
{
	return family == AF_INET ? icmp->type == ICMP4_UNREACH && icmp->code == ICMP4_UNREACH_NEEDFRAG
				 : icmp->type == ICMP6_T_TOOBIG;
}

void
echo_ctl_input(struct rte_mbuf *m)
{
	struct worker *w = mp_control();
	const struct pktmeta *meta = pkt_meta(m);
	const struct ipv4_h *ip = pkt_data(m, const struct ipv4_h *);
	const struct ipv6_h *ip6 = pkt_data(m, const struct ipv6_h *);
	unsigned off = meta->l4off;
	const struct icmp_h *icmp = rte_pktmbuf_mtod_offset(m, const struct icmp_h *, off);
	struct echo_answer a = {.type = icmp->type, .code = icmp->code, .stamp = meta->aux, .bytes = m->pkt_len - off};
	struct echo_session *s;

	ASSERT_CONTROL();
	MP_ASSERT(m->data_len >= off + sizeof(*icmp));
	int family = ip->vihl >> 4 == 6 ? AF_INET6 : AF_INET;
	if (family == AF_INET && icmp->type == ICMP4_REDIRECT) {
		in_redirect_input(m);
		return;
	}
	if (family == AF_INET) {
		a.ttl = ip->ttl;
		a.reply = icmp->type == ICMP4_ECHOREPLY;
		if (echo_is_toobig(family, icmp))
			a.mtu = ntohl(icmp->info) & 0xffff;
		a.options = pkt_data(m, const uint8_t *) + sizeof(*ip);
		a.noptions = off - (unsigned)sizeof(*ip);
		echo_address_text(AF_INET, &ip->src, 0, a.from);
	} else {
		a.ttl = ip6->hlim;
		a.reply = icmp->type == ICMP6_T_ECHOREPLY;
		if (echo_is_toobig(family, icmp))
			a.mtu = ntohl(icmp->info);
		echo_address_text(AF_INET6, &ip6->src, meta->iif, a.from);
	}
	if (a.reply) {
		a.seq = ntohs(icmp->seq);
		s = session_find(family, IPPROTO_ICMP, ntohs(icmp->id));
	} else {
		uint8_t quote[sizeof(struct ipv6_h) + 8 + 16 * ECHO_MAXHOPS + sizeof(struct ip6_frag_h) + 8];
		uint32_t n = RTE_MIN(m->pkt_len - off - (uint32_t)sizeof(*icmp), (uint32_t)sizeof(quote));
		const void *q = n > 0 ? rte_pktmbuf_read(m, off + (uint32_t)sizeof(*icmp), n, quote) : NULL;

		s = q != NULL ? session_of_quote(family, q, n, &a.seq) : NULL;
		if (q != NULL && echo_is_toobig(family, icmp))
			path_mtu_input(family, q, n, a.mtu, s != NULL);
	}
	if (s != NULL)
		s->answer(s, &a);
	pkt_consume(w, m);
}

const char *
echo_icmp_text(int family, uint8_t type, uint8_t code)
{
	static const char *const unreach[] = {"Destination Net Unreachable", "Destination Host Unreachable",
	    "Destination Protocol Unreachable", "Destination Port Unreachable", "frag needed and DF set",
	    "Source Route Failed", "Unreachable unknown net", "Unreachable unknown host", "Unreachable host isolated",
	    "Net prohibited access", "Host prohibited access", "Bad TOS for net", "Bad TOS for host",
	    "Communication prohibited", "Host precedence violation", "Precedence cutoff"};
	static const char *const unreach6[] = {"No Route to Destination", "Destination Administratively Unreachable",
	    "Destination Unreachable Beyond Scope", "Destination Host Unreachable", "Destination Port Unreachable"};

	if (family == AF_INET) {
		switch (type) {
		case ICMP4_UNREACH:
			return code < RTE_DIM(unreach) ? unreach[code] : "Bad Destination Unreachable Code";
		case ICMP4_TIMXCEED:
			return code == 0 ? "Time To Live exceeded" : "Frag reassembly time exceeded";
		case ICMP4_PARAMPROB:
			return "Parameter problem";
		}
		return "Bad ICMP type";
	}
	switch (type) {
	case ICMP6_T_UNREACH:
		return code < RTE_DIM(unreach6) ? unreach6[code] : "Destination Unreachable, Bad Code";
	case ICMP6_T_TOOBIG:
		return "Packet too big";
	case ICMP6_T_TIMXCEED:
		return code == 0 ? "Time to live exceeded" : "Frag reassembly time exceeded";
	case ICMP6_T_PARAMPROB:
		return "Parameter problem";
	}
	return "Bad ICMP6 type";
}

void
echo_ctl_fini(void)
{
	struct echo_session *s;

	while ((s = TAILQ_FIRST(&sessions)) != NULL)
		s->stop(s);
}
