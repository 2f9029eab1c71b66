/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of a traced packet: headers, and each step's decision. */
/*
 * Synchronization: control only.  Events name interfaces and next hops by index; what has gone since is said by number.
 * Lifetime: nothing is kept.
 */
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "if/ifnet.h"
#include "route/route.h"
#include "route/route_methods.h"
#include "trace/trace_var.h"

#define TEXT_MAX 256

/* A frame's or a packet's headers, as far as they were kept */
struct headers {
	bool l2, l3;
	uint8_t eth_dst[6], eth_src[6];
	uint16_t type;
	int family;
	union in_any src, dst;
	uint8_t proto, ttl;
	uint16_t len; /* of the IP packet */
	bool ports;
	uint16_t sport, dport; /* ICMP: type and code */
	bool fragment, more;
	uint16_t offset;
	bool arp;
	uint16_t arp_op;
};

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void
parse_l4(struct headers *h, const uint8_t *p, unsigned len)
{
	if (h->offset != 0 || len < 2)
		return;
	if (h->proto == IPPROTO_ICMP || h->proto == IPPROTO_ICMPV6) {
		h->ports = true;
		h->sport = p[0];
		h->dport = p[1];
	} else if ((h->proto == IPPROTO_TCP || h->proto == IPPROTO_UDP) && len >= 4) {
		h->ports = true;
		h->sport = get16(p);
		h->dport = get16(p + 2);
	}
}

static void
parse_ip4(struct headers *h, const uint8_t *p, unsigned len)
{
	unsigned hlen = (p[0] & 15u) * 4;

	h->l3 = true;
	h->family = AF_INET;
	h->len = get16(p + 2);
	h->more = (p[6] & 0x20) != 0;
	h->offset = (uint16_t)((get16(p + 6) & 0x1fff) * 8);
	h->fragment = h->more || h->offset != 0;
	h->ttl = p[8];
	h->proto = p[9];
	memcpy(&h->src.in4, p + 12, 4);
	memcpy(&h->dst.in4, p + 16, 4);
	if (hlen >= 20 && hlen <= len)
		parse_l4(h, p + hlen, len - hlen);
}

static void
parse_ip6(struct headers *h, const uint8_t *p, unsigned len)
{
	unsigned at = 40;

	h->l3 = true;
	h->family = AF_INET6;
	h->len = (uint16_t)(get16(p + 4) + 40);
	h->proto = p[6];
	h->ttl = p[7];
	memcpy(&h->src.in6, p + 8, 16);
	memcpy(&h->dst.in6, p + 24, 16);
	/* as far as the headers were kept */
	for (int n = 0; n < 8 && len >= at + 8; n++) {
		if (h->proto == IPPROTO_FRAGMENT) {
			h->fragment = true;
			h->offset = get16(p + at + 2) & 0xfff8;
			h->more = (p[at + 3] & 1) != 0;
			h->proto = p[at];
			at += 8;
		} else if (h->proto == IPPROTO_HOPOPTS || h->proto == IPPROTO_DSTOPTS || h->proto == IPPROTO_ROUTING) {
			h->proto = p[at];
			at += (p[at + 1] + 1u) * 8;
		} else {
			break;
		}
	}
	if (len > at)
		parse_l4(h, p + at, len - at);
}

static void
parse(struct headers *h, const uint8_t *p, unsigned len, bool frame)
{
	memset(h, 0, sizeof(*h));
	if (frame) {
		if (len < 14)
			return;
		h->l2 = true;
		memcpy(h->eth_dst, p, 6);
		memcpy(h->eth_src, p + 6, 6);
		h->type = get16(p + 12);
		p += 14;
		len -= 14;
		if (h->type == ETHERTYPE_VLAN && len >= 4) {
			h->type = get16(p + 2);
			p += 4;
			len -= 4;
		}
		if (h->type == ETHERTYPE_ARP && len >= 28) {
			h->arp = true;
			h->arp_op = get16(p + 6);
			memcpy(&h->src.in4, p + 14, 4);
			memcpy(&h->dst.in4, p + 24, 4);
		}
		if (h->type != ETHERTYPE_IP && h->type != ETHERTYPE_IPV6)
			return;
	}
	if (len >= 20 && p[0] >> 4 == 4 && (!frame || h->type == ETHERTYPE_IP))
		parse_ip4(h, p, len);
	else if (len >= 40 && p[0] >> 4 == 6 && (!frame || h->type == ETHERTYPE_IPV6))
		parse_ip6(h, p, len);
}

static void
mac_text(const uint8_t *a, char *text)
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5]);
}

static const char *
if_text(uint32_t index)
{
	static char text[4][IFNAMSIZ_SMP + 16];
	static unsigned turn;
	const struct ifnet *ifp = index > 0 && index < MP_MAXIF ? ifnet_get((uint16_t)index) : NULL;
	char *t = text[turn++ % 4];

	if (ifp != NULL)
		return ifp->if_xname;
	snprintf(t, sizeof(text[0]), "interface %u (gone)", index);
	return t;
}

static const char *
proto_text(int family, uint8_t proto)
{
	static char text[16];

	switch (proto) {
	case IPPROTO_ICMP:
		return "ICMP";
	case IPPROTO_IGMP:
		return "IGMP";
	case IPPROTO_TCP:
		return "TCP";
	case IPPROTO_UDP:
		return "UDP";
	case IPPROTO_ICMPV6:
		return "ICMPv6";
	case IPPROTO_ESP:
		return "ESP";
	case IPPROTO_GRE:
		return "GRE";
	}
	snprintf(text, sizeof(text), family == AF_INET6 ? "next header %u" : "protocol %u", proto);
	return text;
}

static const char *
icmp_text(int family, uint32_t type, uint32_t code)
{
	static const struct {
		int family;
		uint8_t type, code;
		const char *text;
	} texts[] = {
	    {AF_INET, ICMP_DEST_UNREACH, ICMP_NET_UNREACH, "network unreachable"},
	    {AF_INET, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, "host unreachable"},
	    {AF_INET, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, "protocol unreachable"},
	    {AF_INET, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, "port unreachable"},
	    {AF_INET, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, "needs fragmentation"},
	    {AF_INET, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, "time exceeded in transit"},
	    {AF_INET, ICMP_PARAMETERPROB, 0, "parameter problem"},
	    {AF_INET6, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE, "no route to destination"},
	    {AF_INET6, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_BEYONDSCOPE, "beyond scope"},
	    {AF_INET6, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADDR, "address unreachable"},
	    {AF_INET6, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOPORT, "port unreachable"},
	    {AF_INET6, ICMP6_PACKET_TOO_BIG, 0, "packet too big"},
	    {AF_INET6, ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_TRANSIT, "time exceeded in transit"},
	    {AF_INET6, ICMP6_PARAM_PROB, ICMP6_PARAMPROB_HEADER, "erroneous header field"},
	    {AF_INET6, ICMP6_PARAM_PROB, ICMP6_PARAMPROB_NEXTHEADER, "unknown next header"},
	    {AF_INET6, ICMP6_PARAM_PROB, ICMP6_PARAMPROB_OPTION, "unknown option"},
	};

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].family == family && texts[i].type == type && texts[i].code == code)
			return texts[i].text;
	return "error";
}

/* " echo request", or " type 13 code 0" */
static int
icmp_kind_text(const struct headers *h, char *text, size_t size)
{
	static const struct {
		uint8_t proto, type;
		const char *text;
	} kinds[] = {
	    {IPPROTO_ICMP, ICMP_ECHO, "echo request"},
	    {IPPROTO_ICMP, ICMP_ECHOREPLY, "echo reply"},
	    {IPPROTO_ICMPV6, ICMP6_ECHO_REQUEST, "echo request"},
	    {IPPROTO_ICMPV6, ICMP6_ECHO_REPLY, "echo reply"},
	    {IPPROTO_ICMPV6, ND_ROUTER_SOLICIT, "router solicitation"},
	    {IPPROTO_ICMPV6, ND_ROUTER_ADVERT, "router advertisement"},
	    {IPPROTO_ICMPV6, ND_NEIGHBOR_SOLICIT, "neighbour solicitation"},
	    {IPPROTO_ICMPV6, ND_NEIGHBOR_ADVERT, "neighbour advertisement"},
	};
	const char *error = icmp_text(h->family, h->sport, h->dport);

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].proto == h->proto && kinds[i].type == h->sport)
			return snprintf(text, size, " %s", kinds[i].text);
	if (strcmp(error, "error") != 0)
		return snprintf(text, size, " %s", error);
	return snprintf(text, size, " type %u code %u", h->sport, h->dport);
}

/* "10.0.0.1.1024 > 10.0.1.1.9: UDP, ttl 64, length 84", as tcpdump writes addresses with ports */
static void
l3_text(const struct headers *h, char *text, size_t size)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	bool ports = h->ports && (h->proto == IPPROTO_TCP || h->proto == IPPROTO_UDP);
	int n;

	inet_ntop(h->arp ? AF_INET : h->family, &h->src, src, sizeof(src));
	inet_ntop(h->arp ? AF_INET : h->family, &h->dst, dst, sizeof(dst));
	if (h->arp) {
		snprintf(text, size, "ARP %s: %s asks for %s", h->arp_op == 1 ? "request" : "reply", src, dst);
		if (h->arp_op != 1)
			snprintf(text, size, "ARP reply from %s to %s", src, dst);
		return;
	}
	if (ports)
		n = snprintf(
		    text, size, "%s.%u > %s.%u: %s", src, h->sport, dst, h->dport, proto_text(h->family, h->proto));
	else
		n = snprintf(text, size, "%s > %s: %s", src, dst, proto_text(h->family, h->proto));
	if (h->ports && !ports)
		n += icmp_kind_text(h, text + n, size - (size_t)n);
	n += snprintf(text + n, size - (size_t)n, ", %s %u, length %u", h->family == AF_INET6 ? "hop limit" : "ttl",
	    h->ttl, h->len);
	if (h->fragment)
		snprintf(text + n, size - (size_t)n, ", fragment at %u%s", h->offset, h->more ? ", more follow" : "");
}

static const char *
nh_type_text(unsigned type)
{
	static const char *const texts[] = {
	    [NH_NOROUTE] = "no route",
	    [NH_BLACKHOLE] = "blackhole",
	    [NH_REJECT] = "reject",
	    [NH_LOCAL] = "an address of the router",
	    [NH_BROADCAST] = "broadcast address",
	    [NH_GLEAN] = "connected network, neighbour not known yet",
	    [NH_UNRESOLVED] = "neighbour being resolved",
	    [NH_P2P] = "interface without link headers",
	    [NH_MULTIPATH] = "several paths, by flow hash",
	};

	return type < sizeof(texts) / sizeof(texts[0]) && texts[type] != NULL ? texts[type] : "next hop";
}

/* "next hop 17: 10.0.1.1 (02:00:00:00:00:11) on shmif1" */
static void
nexthop_text(uint32_t index, char *text, size_t size)
{
	const struct nexthop *nh = index < NH_MAX ? nexthop_get(index) : NULL;
	char addr[INET6_ADDRSTRLEN], mac[18];

	if (nh == NULL) {
		snprintf(text, size, "next hop %u, which has gone", index);
		return;
	}
	switch (nh->nh_type) {
	case NH_FORWARD:
		inet_ntop(nh->nh_family, &nh->nh_addr, addr, sizeof(addr));
		mac_text(nh->nh_l2, mac);
		snprintf(text, size, "next hop %u: %s (%s) on %s", index, addr, mac, if_text(nh->nh_ifindex));
		break;
	case NH_UNRESOLVED:
		inet_ntop(nh->nh_family, &nh->nh_addr, addr, sizeof(addr));
		snprintf(text, size, "next hop %u: %s on %s, being resolved", index, addr, if_text(nh->nh_ifindex));
		break;
	case NH_NOROUTE:
		snprintf(text, size, "no route");
		break;
	case NH_MULTIPATH:
		snprintf(text, size, "next hop %u: one of several, by flow hash", index);
		break;
	default:
		snprintf(text, size, "next hop %u: %s%s%s", index, nh_type_text(nh->nh_type),
		    nh->nh_ifindex != 0 ? ", " : "", nh->nh_ifindex != 0 ? if_text(nh->nh_ifindex) : "");
		break;
	}
}

/* The prefix is the table's of now, the next hop the worker's of then. */
static void
route_text(const struct pkt_trace_event *e, char *text, size_t size)
{
	char prefix[RT_ADDRLEN] = "", nh[TEXT_MAX];
	struct rt_result r;
	struct headers h;

	parse(&h, e->data, e->len, false);
	nexthop_text(e->a, nh, sizeof(nh));
	memset(&r, 0, sizeof(r));
	if (h.l3 && e->a != NH_NOROUTE_INDEX &&
	    (rt_lookup(h.family, &h.dst, 0, &r) == 0 || (r.flags & RTF_REJECT) != 0)) {
		rt_format(h.family, &r.dst, r.ifp, prefix, sizeof(prefix));
		snprintf(text, size, "%s/%u: %s", prefix, r.plen, nh);
	} else {
		snprintf(text, size, "%s", nh);
	}
}

static const char *
thread_text(unsigned id)
{
	static char text[24];

	if (id == mp_nworkers)
		return "the control thread";
	snprintf(text, sizeof(text), "worker %u", id);
	return text;
}

/* What a receiving interface says of a frame's destination */
static const char *
destination_text(const struct headers *h, uint32_t iif)
{
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	const struct ifnet *ifp = iif > 0 && iif < MP_MAXIF ? ifnet_get((uint16_t)iif) : NULL;
	uint64_t lladdr = ifp != NULL ? atomic_load_explicit(&ifp->if_lladdr, memory_order_relaxed) : 0;

	if (memcmp(h->eth_dst, all, 6) == 0)
		return "to all (broadcast)";
	if ((h->eth_dst[0] & 1) != 0)
		return "to a group (multicast)";
	if (ifp != NULL && memcmp(h->eth_dst, &lladdr, 6) == 0)
		return "to us";
	return "to another station";
}

/* The next step of the same packet or copy: what it says, the stage before has decided. */
static const struct pkt_trace_event *
step_after(const struct trace_packet *p, uint32_t at)
{
	for (uint32_t i = at + 1; i < p->nsteps; i++)
		if (p->steps[i].copy == p->steps[at].copy)
			return &p->steps[i].event;
	return NULL;
}

static void
stage_text(const struct trace_packet *p, uint32_t at, const struct headers *first, int family, char *text, size_t size)
{
	const struct pkt_trace_event *e = &p->steps[at].event, *next = step_after(p, at);
	bool on = next != NULL && next->kind != TRACE_DROPPED && next->kind != TRACE_ERROR;
	char a[18], b[18], l3[TEXT_MAX];
	struct headers h;

	switch (e->arg) {
	case STAGE_ETHER_INPUT:
		if (first->l2)
			snprintf(
			    text, size, "%s, type 0x%04x", destination_text(first, p->steps[0].event.a), first->type);
		break;
	case STAGE_IP_INPUT:
		snprintf(text, size, "%s", on ? "version, lengths, checksum and addresses are right" : "checked");
		break;
	case STAGE_IP6_INPUT:
		snprintf(text, size, "%s", on ? "version, lengths and addresses are right" : "checked");
		break;
	case STAGE_IP_FORWARD:
	case STAGE_IP6_FORWARD:
		if (next != NULL && next->kind == TRACE_STAGE &&
		    (next->arg == STAGE_ETHER_OUTPUT || next->arg == STAGE_NH_OUTPUT))
			snprintf(text, size, "one hop less, fits the MTU");
		else if (next != NULL && next->kind == TRACE_STAGE && next->arg == STAGE_FRAGMENT)
			snprintf(text, size, "one hop less, does not fit the MTU");
		else if (next != NULL && next->kind == TRACE_STAGE &&
			 (next->arg == STAGE_IP_LOCAL || next->arg == STAGE_IP6_LOCAL))
			snprintf(text, size, "not to be forwarded");
		else
			snprintf(text, size, "cannot be forwarded");
		break;
	case STAGE_ICMP:
	case STAGE_ICMP6:
		if (next != NULL && next->kind == TRACE_STAGE)
			snprintf(text, size, "answered");
		else if (next != NULL && next->kind == TRACE_ERROR)
			snprintf(text, size, "an error is due");
		else
			snprintf(text, size, "checked");
		break;
	case STAGE_IP_OUTPUT:
	case STAGE_IP6_OUTPUT:
		snprintf(text, size, "sent by the router");
		break;
	case STAGE_IP_LOCAL:
	case STAGE_IP6_LOCAL:
		snprintf(text, size, "for the router");
		break;
	case STAGE_NH_OUTPUT:
	case STAGE_ETHER_OUTPUT:
		nexthop_text(e->a, text, size);
		break;
	case STAGE_IF_TRANSMIT:
		parse(&h, e->data, e->len, true);
		if (h.l2 && (h.l3 || h.arp)) {
			mac_text(h.eth_src, a);
			mac_text(h.eth_dst, b);
			/* what has not changed is not repeated */
			l3_text(&h, l3, sizeof(l3));
			if (h.l3 && first->l3 && memcmp(&h.src, &first->src, sizeof(h.src)) == 0 &&
			    memcmp(&h.dst, &first->dst, sizeof(h.dst)) == 0 && h.len == first->len)
				snprintf(l3, sizeof(l3), "%s %u", h.family == AF_INET6 ? "hop limit" : "ttl", h.ttl);
			snprintf(text, size, "%s: %s > %s, %s", if_text(e->b), a, b, l3);
		} else {
			snprintf(text, size, "%s, %u octets", if_text(e->b), e->pktlen);
		}
		break;
	default:
		snprintf(text, size, "%s", mp_stage_text(e->arg));
		break;
	}
}

/* The step's name and text */
static const char *
step_text(const struct trace_packet *p, uint32_t at, const struct headers *first, int family, char *text, size_t size)
{
	static const char *const classes[PKT_STAGE_COUNT] = {"ether-input", "ip-input", "ip6-input", "ip-output",
	    "ip6-output", "nh-output", "if-transmit", "ip-local", "ip6-local"};
	const struct pkt_trace_event *e = &p->steps[at].event;

	text[0] = '\0';
	switch (e->kind) {
	case TRACE_RECEIVED:
		snprintf(text, size, "%s, queue %u, %u octets", if_text(e->a), e->b, e->pktlen);
		return "received";
	case TRACE_OWN:
		snprintf(text, size, "a packet of the router, %u octets", e->pktlen);
		return "originated";
	case TRACE_STAGE:
		stage_text(p, at, first, family, text, size);
		return mp_stage_name(e->arg);
	case TRACE_ROUTE:
		route_text(e, text, size);
		return family == AF_INET6 ? "ip6-lookup" : "ip-lookup";
	case TRACE_FRAGMENT:
		snprintf(text, size, "larger than the MTU of %u: cut into copies", e->a);
		return "fragment";
	case TRACE_ERROR:
		snprintf(text, size, "%s (type %u code %u) is sent to the source",
		    icmp_text(family, e->a >> 8, e->a & 255), e->a >> 8, e->a & 255);
		return "icmp-error";
	case TRACE_COPY:
		return "copy";
	case TRACE_HANDOFF:
		snprintf(text, size, "to %s, which goes on at %s", thread_text(e->a),
		    e->arg < PKT_STAGE_COUNT ? classes[e->arg] : "?");
		return "handoff";
	case TRACE_PUNT:
		snprintf(text, size, "to the control thread, class %s", mp_punt_name(e->arg));
		return "punt";
	case TRACE_LOOPED:
		snprintf(text, size, "%s: comes in again", if_text(e->a));
		return "loopback";
	case TRACE_SENT:
		snprintf(text, size, "%s, queue %u", if_text(e->a), e->b);
		return "sent";
	case TRACE_CONSUMED:
		snprintf(text, size, "has served its purpose");
		return "consumed";
	case TRACE_DROPPED:
		snprintf(text, size, "%s: %s", mp_drop_name(e->a), mp_drop_text(e->a));
		return "dropped";
	}
	return "?";
}

static json_t *
step_json(const struct trace_packet *p, uint32_t at, const struct headers *first, int family)
{
	const struct trace_step *s = &p->steps[at];
	double us = (double)(s->event.tsc - p->steps[0].event.tsc) / ((double)mp_tsc_hz / 1e6);
	uint16_t copy = s->copy;
	char text[2 * TEXT_MAX];
	const char *stage = step_text(p, at, first, family, text, sizeof(text));
	json_t *o = json_pack("{s:f,s:o,s:s,s:s}", "us", us, "worker",
	    s->thread == mp_nworkers ? json_string("control") : json_integer(s->thread), "stage", stage, "text", text);

	if (copy != 0)
		json_object_set_new(o, "copy", json_integer(copy));
	return o;
}

/* How the packet, or its copy, ended. */
static json_t *
verdict_json(const struct trace_packet *p, uint16_t copy)
{
	const struct pkt_trace_event *end = NULL;
	json_t *o = json_object();

	for (uint32_t i = 0; i < p->nsteps; i++) {
		const struct trace_step *s = &p->steps[i];

		if (s->copy == copy &&
		    (s->event.kind == TRACE_SENT || s->event.kind == TRACE_CONSUMED || s->event.kind == TRACE_DROPPED))
			end = &s->event;
	}
	if (copy != 0)
		json_object_set_new(o, "copy", json_integer(copy));
	if (end == NULL) {
		json_object_set_new(o, "verdict", json_string("waiting"));
	} else if (end->kind == TRACE_SENT) {
		json_object_set_new(o, "verdict", json_string("sent"));
		json_object_set_new(o, "out", json_string(if_text(end->a)));
	} else if (end->kind == TRACE_CONSUMED) {
		json_object_set_new(o, "verdict", json_string("consumed"));
	} else {
		json_object_set_new(o, "verdict", json_string("dropped"));
		json_object_set_new(o, "drop", json_string(mp_drop_name(end->a)));
		json_object_set_new(o, "reason", json_string(mp_drop_text(end->a)));
	}
	return o;
}

static void
headers_json(json_t *o, const struct headers *h)
{
	char a[INET6_ADDRSTRLEN], b[INET6_ADDRSTRLEN], text[TEXT_MAX];

	if (h->l2) {
		mac_text(h->eth_src, a);
		mac_text(h->eth_dst, b);
		json_object_set_new(o, "ether", json_pack("{s:s,s:s,s:i}", "src", a, "dst", b, "type", (int)h->type));
	}
	if (!h->l3 && !h->arp)
		return;
	l3_text(h, text, sizeof(text));
	json_object_set_new(o, "summary", json_string(text));
	if (h->arp)
		return;
	inet_ntop(h->family, &h->src, a, sizeof(a));
	inet_ntop(h->family, &h->dst, b, sizeof(b));
	json_object_set_new(o, "ip",
	    json_pack("{s:s,s:s,s:s,s:i,s:i,s:i}", "family", h->family == AF_INET6 ? "inet6" : "inet", "src", a, "dst",
		b, "proto", (int)h->proto, "ttl", (int)h->ttl, "length", (int)h->len));
	if (h->ports && (h->proto == IPPROTO_TCP || h->proto == IPPROTO_UDP)) {
		json_object_set_new(json_object_get(o, "ip"), "sport", json_integer(h->sport));
		json_object_set_new(json_object_get(o, "ip"), "dport", json_integer(h->dport));
	}
}

json_t *
trace_json(const struct trace_packet *p, uint64_t number)
{
	const struct pkt_trace_event *e = &p->steps[0].event;
	bool own = e->kind == TRACE_OWN;
	json_t *o = json_object(), *steps = json_array(), *copies = json_array();
	struct timespec now;
	struct headers h;

	ASSERT_CONTROL();
	clock_gettime(CLOCK_REALTIME, &now);
	parse(&h, e->data, e->len, !own || e->a != 0);
	json_object_set_new(o, "number", json_integer((json_int_t)number));
	json_object_set_new(o, "ts",
	    json_real(
		(double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)(mp_tsc() - e->tsc) / (double)mp_tsc_hz));
	json_object_set_new(o, "interface", own ? json_null() : json_string(if_text(e->a)));
	if (!own)
		json_object_set_new(o, "queue", json_integer(e->b));
	json_object_set_new(o, "worker", json_integer(p->steps[0].thread));
	json_object_set_new(o, "length", json_integer(e->pktlen));
	headers_json(o, &h);
	for (uint32_t i = 0; i < p->nsteps; i++)
		json_array_append_new(steps, step_json(p, i, &h, h.family));
	json_object_set_new(o, "steps", steps);
	if (p->more > 0)
		json_object_set_new(o, "more", json_integer(p->more));
	json_object_update_new(o, verdict_json(p, 0));
	for (uint16_t c = 1; c <= p->ncopies; c++)
		json_array_append_new(copies, verdict_json(p, c));
	if (p->ncopies > 0)
		json_object_set_new(o, "copies", copies);
	else
		json_decref(copies);
	return o;
}
