/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 fragmentation on workers (RFC 791 section 3.2): into copies, so that a fragment is never longer than its chain. */
#include <string.h>

#include "ip/ip_var.h"
#include "pkt/trace.h"

void
ip_fragment(struct worker *w, struct rte_mbuf *m, uint32_t mtu, void (*out)(struct worker *, struct pktvec *))
{
	const struct ipv4_h *ip = pkt_data(m, const struct ipv4_h *);
	uint32_t hlen = IPV4_HLEN(ip), total = m->pkt_len, off = hlen;
	uint16_t first = ntohs(ip->off);
	uint8_t header[60];
	struct pktvec v = {.n = 0};

	if ((first & IPV4_OFFMASK) * 8u + total > IPV4_MAXPACKET) { /* it is a fragment, and of no datagram */
		COUNT(w, IP_TOOLONG);
		pkt_drop(w, m, DROP_IP_FRAG_BAD);
		return;
	}
	if (mtu < hlen + 8) {
		COUNT(w, IP_CANTFRAG);
		pkt_drop(w, m, DROP_IP_NOFRAG);
		return;
	}
	memcpy(header, ip, hlen);
	TRACE(w, m, FRAGMENT, 0, mtu, 0);
	struct ipv4_h *fip = (struct ipv4_h *)header;
	while (off < total) {
		uint32_t len = (mtu - hlen) & ~7u;
		bool more = true;

		if (total - off <= mtu - hlen) {
			len = total - off;
			more = (first & IPV4_MF) != 0;
		}
		uint32_t at = (first & IPV4_OFFMASK) + ((off - IPV4_HLEN(ip)) >> 3);
		struct rte_mbuf *f = pkt_alloc_copy(w);
		if (f == NULL)
			goto nobuf;
		*pkt_meta(f) = *pkt_meta(m);
		TRACE_COPIED(w, m, f);
		fip->off = htons((uint16_t)((first & IPV4_DF) | at | (more ? IPV4_MF : 0)));
		fip->len = htons((uint16_t)(hlen + len));
		ip_set_sum(fip);
		if (!pkt_append(w, f, header, hlen) || !pkt_append_from(w, f, m, off, len)) {
			pkt_drop(w, f, DROP_NOBUF);
			goto nobuf;
		}
		COUNT(w, IP_OFRAGMENTS);
		pktvec_add(&v, f);
		if (v.n == PKT_VEC) {
			out(w, &v);
			v.n = 0;
		}
		if (off == IPV4_HLEN(ip) && hlen > sizeof(*ip)) {
			/* The others carry only the options that are to be copied. */
			hlen = sizeof(*ip) + ip_options_copied(ip, header + sizeof(*ip));
			fip->vihl = (uint8_t)(0x40 | hlen >> 2);
		}
		off += len;
	}
	COUNT(w, IP_FRAGMENTED);
	if (v.n > 0)
		out(w, &v);
	pkt_consume(w, m);
	return;
nobuf:
	/* What was made goes nowhere useful without the rest. */
	COUNT(w, IP_ODROPPED);
	pktvec_drop(w, &v, DROP_NOBUF);
	pkt_drop(w, m, DROP_NOBUF);
}
