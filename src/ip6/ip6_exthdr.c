/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv6 extension headers: options and the chain (RFC 8200 section 4). */
#include "ip6/ip6_var.h"

#define OPT_PAD1	 0x00
#define OPT_PADN	 0x01
#define OPT_ROUTER_ALERT 0x05

#define OPT_ACTION(type) ((type) >> 6)
enum { ACTION_SKIP, ACTION_DISCARD, ACTION_ANSWER, ACTION_ANSWER_UNICAST };

/* The last octet of the header at off must lie in the packet, and its front be contiguous. */
static bool
ip6_pull(struct rte_mbuf *m, uint32_t off, uint32_t len, struct ip6_error *err)
{
	if (off + len > m->pkt_len) {
		*err = (struct ip6_error){.reason = DROP_IP6_BADEXT};
		return false;
	}
	if (!pkt_pullup(m, off + len)) {
		*err = (struct ip6_error){.reason = DROP_IP6_TOOMANYHDR};
		return false;
	}
	return true;
}

bool
ip6_options(struct rte_mbuf *m, uint32_t off, uint32_t *lenp, struct ip6_error *err)
{
	if (!ip6_pull(m, off, 8, err))
		return false;
	uint32_t len = ((uint32_t)rte_pktmbuf_mtod_offset(m, const struct ip6_ext_h *, off)->len + 1) * 8;
	if (!ip6_pull(m, off, len, err))
		return false;
	const struct ipv6_h *ip6 = pkt_data(m, const struct ipv6_h *);
	const uint8_t *p = pkt_data(m, const uint8_t *);
	uint32_t o = off + 2, end = off + len;

	while (o < end) {
		uint8_t type = p[o];

		if (type == OPT_PAD1) {
			o++;
			continue;
		}
		if (end - o < 2 || p[o + 1] > end - o - 2) {
			*err = (struct ip6_error){.reason = DROP_IP6_BADOPTION,
			    .type = ICMP6_T_PARAMPROB,
			    .code = ICMP6_PARAM_HEADER,
			    .pointer = o + (end - o < 2 ? 0 : 1)};
			return false;
		}
		uint32_t optlen = 2u + p[o + 1];
		if (type == OPT_ROUTER_ALERT && optlen != 4) {
			*err = (struct ip6_error){.reason = DROP_IP6_BADOPTION,
			    .type = ICMP6_T_PARAMPROB,
			    .code = ICMP6_PARAM_HEADER,
			    .pointer = o + 1};
			return false;
		}
		/* Jumbograms are refused as what is not known; their type asks for an answer. */
		if (type != OPT_PADN && type != OPT_ROUTER_ALERT && OPT_ACTION(type) != ACTION_SKIP) {
			bool answer = OPT_ACTION(type) == ACTION_ANSWER ||
				      (OPT_ACTION(type) == ACTION_ANSWER_UNICAST && !IN6_MULTICAST(&ip6->dst));

			*err = (struct ip6_error){.reason = DROP_IP6_BADOPTION,
			    .type = answer ? ICMP6_T_PARAMPROB : 0,
			    .code = ICMP6_PARAM_OPTION,
			    .pointer = o};
			return false;
		}
		o += optlen;
	}
	*lenp = len;
	return true;
}

bool
ip6_headers(struct rte_mbuf *m, uint8_t *proto, uint32_t *offp, uint32_t *nxt_atp, struct ip6_error *err)
{
	uint32_t off = sizeof(struct ipv6_h), nxt_at = offsetof(struct ipv6_h, nxt), len;
	uint8_t nxt = pkt_data(m, const struct ipv6_h *)->nxt;
	int limit = SETTING(ip6_hdrnestlimit);
	const struct ip6_ext_h *ext;

	for (int n = 0;; n++) {
		if (limit > 0 && n > limit) {
			*err = (struct ip6_error){.reason = DROP_IP6_TOOMANYHDR};
			return false;
		}
		switch (nxt) {
		case IPPROTO_HOPOPTS:
			if (off != sizeof(struct ipv6_h)) { /* only the first may be it */
				*err = (struct ip6_error){.reason = DROP_IP6_BADEXT,
				    .type = ICMP6_T_PARAMPROB,
				    .code = ICMP6_PARAM_NEXTHDR,
				    .pointer = nxt_at};
				return false;
			}
			/* FALLTHROUGH */
		case IPPROTO_DSTOPTS:
			if (!ip6_options(m, off, &len, err))
				return false;
			break;
		case IPPROTO_ROUTING:
			if (!ip6_pull(m, off, 8, err))
				return false;
			ext = rte_pktmbuf_mtod_offset(m, const struct ip6_ext_h *, off);
			len = ((uint32_t)ext->len + 1) * 8;
			if (!ip6_pull(m, off, len, err))
				return false;
			ext = rte_pktmbuf_mtod_offset(m, const struct ip6_ext_h *, off);
			if (ext->left != 0) { /* RFC 5095, RFC 8200 section 4.4 */
				*err = (struct ip6_error){.reason = DROP_IP6_ROUTHDR,
				    .type = ICMP6_T_PARAMPROB,
				    .code = ICMP6_PARAM_HEADER,
				    .pointer = off + 2};
				return false;
			}
			break;
		case IPPROTO_FRAGMENT:
			if (!ip6_pull(m, off, sizeof(struct ip6_frag_h), err))
				return false;
			/* FALLTHROUGH */
		default:
			*proto = nxt;
			*offp = off;
			*nxt_atp = nxt_at;
			return true;
		}
		nxt_at = off;
		nxt = rte_pktmbuf_mtod_offset(m, const struct ip6_ext_h *, off)->nxt;
		off += len;
	}
}

void
ip6_frag_strip(struct rte_mbuf *m, uint32_t off, uint32_t nxt_at, uint8_t nxt)
{
	uint8_t *p = pkt_data(m, uint8_t *);

	p[nxt_at] = nxt;
	memmove(p + sizeof(struct ip6_frag_h), p, off);
	rte_pktmbuf_adj(m, sizeof(struct ip6_frag_h));
	pkt_data(m, struct ipv6_h *)->plen = htons((uint16_t)(m->pkt_len - sizeof(struct ipv6_h)));
	/* Neighbour discovery looks at this (RFC 6980). */
	pkt_meta(m)->stage = PKT_IP6_LOCAL;
}
