/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames that are not simply right: what is wrong with them, and whose they are. */
/*
 * Synchronization, Lifetime: rx_check.h.  Every length here comes from the wire.  Headers lie in the view's head, which is
 * the frame itself, or a copy of the beginning of one in several segments; positions are from the frame's beginning.
 */
#include "ipgen/engine/rx_check.h"

#include "pkt/pkt.h"

#define HEAD	 512 /* octets of a frame in segments that headers are looked for in */
#define EXTHDRS	 8   /* IPv6 extension headers that are followed */
#define KNOWN_BY 8   /* octets of filler by which a test packet is known without anything else */

uint16_t rx_fillsum[SIG_FILLER + 1];

struct view {
	const struct rte_mbuf *m;
	const uint8_t *head;
	uint32_t headlen, len;
	uint8_t copy[HEAD];
};

struct parsed {
	bool ip;	 /* addresses and protocol are there */
	bool ip_right;	 /* IPv4: header checksum; lengths fit the frame */
	bool fragment;	 /* one of several */
	bool first;	 /* the first of them, or no fragment: transport header follows */
	bool ports;	 /* ports are there (echo: the identifier) */
	bool transport;	 /* one of ours, whole: there is room for a signature */
	bool lengths;	 /* UDP's own length is right */
	bool reply;	 /* echo reply */
	bool echo_other; /* ICMP, but no echo */
	uint8_t proto, icmp_type;
	uint8_t family;
	uint32_t type; /* ethertype, host order */
	uint32_t l3, l4, payload, end;
	const uint8_t *src, *dst;
	uint32_t port; /* both, as in memory */
};

void
rx_check_init(void)
{
	uint32_t sum = 0;

	rx_fillsum[0] = 0;
	for (uint32_t i = 0; i < SIG_FILLER; i++) {
		uint16_t v = 0;

		memcpy((uint8_t *)&v + (i & 1), &sig_filler[i], 1);
		sum += v;
		sum = (sum & 0xffff) + (sum >> 16);
		rx_fillsum[i + 1] = (uint16_t)sum;
	}
}

static bool
view_has(const struct view *v, uint32_t off, uint32_t len)
{
	return off <= v->headlen && len <= v->headlen - off;
}

static uint32_t
proto_header(unsigned proto, const uint8_t *l4)
{
	return proto == 6 ? (uint32_t)(l4[12] >> 4) * 4 : 8;
}

/* The transport header at q->l4; q->end is where the IP packet ends. */
static void
parse_transport(const struct view *v, struct parsed *q)
{
	const uint8_t *l4 = v->head + q->l4;
	bool icmp = q->proto == (q->family == 6 ? 58 : 1);

	if (!view_has(v, q->l4, 8))
		return;
	if (icmp) {
		q->icmp_type = l4[0];
		q->reply = l4[0] == (q->family == 6 ? 129 : 0);
		q->echo_other = !q->reply && l4[0] != (q->family == 6 ? 128 : 8);
		if (q->echo_other)
			return;
		q->port = rx_load32(l4 + 4);
	} else if (q->proto == 17 || q->proto == 6) {
		q->port = rx_load32(l4);
	} else {
		return;
	}
	q->ports = true;
	if (q->proto == 6 && (!view_has(v, q->l4, 20) || proto_header(6, l4) < 20))
		return;
	q->payload = q->l4 + proto_header(q->proto, l4);
	q->lengths = q->proto != 17 || (rx_be16(l4 + 4) == q->end - q->l4 && rx_load16(l4 + 6) != 0);
	q->transport = q->end <= v->len && q->payload + SIG_LEN <= q->end && q->payload <= v->headlen;
}

static void
parse_ip4(const struct view *v, struct parsed *q)
{
	const uint8_t *p = v->head + q->l3;
	uint32_t hlen, total;
	uint64_t sum = 0;
	uint16_t frag;

	if (!view_has(v, q->l3, 20) || p[0] >> 4 != 4)
		return;
	hlen = (p[0] & 15u) * 4;
	total = rx_be16(p + 2);
	q->family = 4;
	q->proto = p[9];
	q->src = p + 12;
	q->dst = p + 16;
	if (hlen < 20 || !view_has(v, q->l3, hlen))
		return;
	q->ip = true;
	for (uint32_t i = 0; i < hlen; i += 4)
		sum += rx_load32(p + i);
	q->ip_right = rx_sum_right(sum) && total >= hlen && q->l3 + total <= v->len;
	q->l4 = q->l3 + hlen;
	q->end = q->l3 + (total >= hlen ? total : hlen);
	frag = (uint16_t)rx_be16(p + 6);
	q->fragment = q->ip_right && (frag & 0x3fff) != 0;
	q->first = (frag & 0x1fff) == 0;
	if (q->first)
		parse_transport(v, q);
}

static void
parse_ip6(const struct view *v, struct parsed *q)
{
	const uint8_t *p = v->head + q->l3;
	uint32_t off = q->l3 + 40;

	if (!view_has(v, q->l3, 40) || p[0] >> 4 != 6)
		return;
	q->family = 6;
	q->ip = true;
	q->proto = p[6];
	q->src = p + 8;
	q->dst = p + 24;
	q->end = off + rx_be16(p + 4);
	q->ip_right = q->end <= v->len;
	q->first = true;
	for (unsigned i = 0; i < EXTHDRS; i++) {
		p = v->head + off;
		if (q->proto == 44) { /* fragment */
			if (!view_has(v, off, 8) || off + 8 > q->end)
				return;
			q->fragment |= q->ip_right && p[1] == 0 && (rx_be16(p + 2) & ~6u) != 0;
			q->first = rx_be16(p + 2) >> 3 == 0;
			q->proto = p[0];
			off += 8;
			if (!q->first)
				break;
		} else if (q->proto == 0 || q->proto == 43 || q->proto == 60) {
			uint32_t len;

			if (!view_has(v, off, 8))
				return;
			len = (p[1] + 1u) * 8;
			if (!view_has(v, off, len) || off + len > q->end)
				return;
			q->proto = p[0];
			off += len;
		} else {
			break;
		}
	}
	q->l4 = off;
	if (q->first && off <= q->end)
		parse_transport(v, q);
}

static void
parse(const struct view *v, struct parsed *q)
{
	*q = (struct parsed){.l3 = 14};
	if (v->headlen < 14)
		return;
	q->type = rx_be16(v->head + 12);
	for (unsigned i = 0; i < TRAFFIC_MAXTAGS; i++) {
		if (!rx_is_tag(RX_BE16(q->type)) || !view_has(v, q->l3, 4))
			break;
		q->type = rx_be16(v->head + q->l3 + 2);
		q->l3 += 4;
	}
	if (q->type == 0x0800)
		parse_ip4(v, q);
	else if (q->type == 0x86dd)
		parse_ip6(v, q);
}

/* => does the filler fill [off, off + len)? */
static bool
filler_right(const struct view *v, uint32_t off, uint32_t len)
{
	const struct rte_mbuf *m = v->m;
	uint32_t at = 0;

	if (len > SIG_FILLER)
		return false;
	while (m != NULL && off >= m->data_len) {
		off -= m->data_len;
		m = m->next;
	}
	while (at < len && m != NULL) {
		uint32_t k = RTE_MIN(len - at, (uint32_t)m->data_len - off);

		if (memcmp(rte_pktmbuf_mtod_offset(m, const uint8_t *, off), sig_filler + at, k) != 0)
			return false;
		at += k;
		off = 0;
		m = m->next;
	}
	return at == len;
}

/* => the transport checksum is right, if the filler and the signature are */
static bool
transport_right(const struct view *v, const struct parsed *q)
{
	uint32_t fill = q->end - SIG_LEN - q->payload, n = q->family == 6 ? 32 : 8;
	uint64_t sum = 0;

	if (!q->lengths || fill > SIG_FILLER)
		return false;
	for (uint32_t i = q->l4; i < q->payload; i += 4)
		sum += rx_load32(v->head + i);
	if (q->proto != 1) {
		for (uint32_t i = 0; i < n; i += 8)
			sum += rx_sum8(q->src + i);
		sum += __builtin_bswap16((uint16_t)(q->end - q->l4)) + ((uint32_t)q->proto << 8);
	}
	return rx_sum_right(sum + rx_fillsum[fill]) && filler_right(v, q->payload, fill);
}

static bool
signature_at(const struct view *v, uint32_t off, struct sig *sig)
{
	uint8_t buf[SIG_LEN];
	const uint8_t *p = rte_pktmbuf_read(v->m, off, SIG_LEN, buf);

	return p != NULL && sig_read(p, sig);
}

static bool
of_trial(const struct rx_match *t, const struct sig *sig)
{
	return (sig->magic == t->magic || sig->magic == (uint16_t)(t->magic - 1)) &&
	       (sig->flow & ~SIG_DIR) < t->nflows[sig->flow >> 31];
}

static void
seen_sig(const struct rx_match *t, const struct sig *sig, enum rx_is is, struct rx_seen *s)
{
	s->is = is == RX_TEST && sig->magic != t->magic ? RX_WARM : is;
	s->dir = sig->flow >> 31;
	s->flow = sig->flow & ~SIG_DIR;
	s->seq = sig->seq;
	s->stamp = sig->stamp;
}

/* A signature where it belongs. */
static bool
check_located(const struct rx_match *t, const struct rx_port *port, const struct view *v, const struct parsed *q,
    struct rx_seen *s)
{
	const struct flow *f;
	struct sig sig;
	bool same;

	if (!q->transport || q->fragment || !signature_at(v, q->end - SIG_LEN, &sig))
		return false;
	if (!of_trial(t, &sig)) {
		if (sig.magic == t->magic || sig.magic == (uint16_t)(t->magic - 1) ||
		    (uint16_t)(sig.magic - SIG_MAGIC) >= SIG_TRIALS)
			return false;
		seen_sig(t, &sig, RX_STALE, s);
		return true;
	}
	seen_sig(t, &sig, RX_TEST, s);
	s->corrupt = !q->ip_right || !transport_right(v, q);
	f = &t->flow[s->dir][s->flow];
	if (q->family == 6)
		same = rx_same6(f, q->reply ? q->dst : q->src, q->reply ? q->src : q->dst);
	else
		same = rx_same4(f, q->reply ? q->dst : q->src, q->reply ? q->src : q->dst);
	same &= f->family == q->family && f->proto == q->proto && q->port == rx_load32((const uint8_t *)&f->sport);
	/* wrong addresses say nothing where something is wrong in any case */
	if ((port->ends >> s->dir & 1) == 0 || (rx_load64(v->head) ^ port->lladdr) << 16 != 0 || (!same && !s->corrupt))
		s->is = s->is == RX_WARM ? RX_WARM : RX_MISDELIVERED;
	return true;
}

/* A fragment with the signature at its end, the beginning of one, or one between addresses of a flow. */
static bool
check_fragment(const struct rx_match *t, const struct rx_port *port, const struct view *v, const struct parsed *q,
    struct rx_seen *s)
{
	struct sig sig;

	if (!q->fragment)
		return false;
	if (signature_at(v, q->end - SIG_LEN, &sig) && of_trial(t, &sig)) {
		/* with an IPv6 next header made wrong anything looks like a fragment */
		if (t->flow[sig.flow >> 31][sig.flow & ~SIG_DIR].proto != q->proto)
			return false;
		seen_sig(t, &sig, RX_FRAGMENT, s);
		return true;
	}
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		if ((port->ends >> d & 1) == 0 || t->nflows[d] == 0)
			continue;
		s->flow = rx_find_pair(&t->find[d], t->flow[d], q->family, q->proto, q->src, q->dst);
		if (s->flow == RX_NOFLOW)
			continue;
		s->is = RX_FRAGMENT;
		s->dir = (uint8_t)d;
		return true;
	}
	return false;
}

/* A message of ICMP that is no echo, and whole: reports of errors quote what they are about. */
static bool
icmp_message(const struct view *v, const struct parsed *q)
{
	uint32_t sum = 0, len = q->end - q->l4;

	if (!q->echo_other || !q->ip_right || q->fragment || q->end < q->l4)
		return false;
	if (q->family == 6) {
		for (unsigned i = 0; i < 32; i += 2)
			sum += rx_load16(q->src + i);
		sum += RX_BE16(len) + RX_BE16(58);
	}
	return cksum_fold(cksum_mbuf(sum, v->m, q->l4, len)) == 0;
}

/* A signature at the end of the frame, which is not where the headers say. */
static bool
check_tail(const struct rx_match *t, const struct rx_port *port, const struct view *v, const struct parsed *q,
    struct rx_seen *s)
{
	struct sig sig;

	if (v->len < 14 + SIG_LEN || !signature_at(v, v->len - SIG_LEN, &sig) || !of_trial(t, &sig) ||
	    icmp_message(v, q))
		return false;
	seen_sig(t, &sig, RX_TEST, s);
	s->corrupt = true;
	if ((port->ends >> s->dir & 1) == 0 && s->is != RX_WARM)
		s->is = RX_MISDELIVERED;
	return true;
}

/* No signature: by headers or by the filler. */
static bool
check_headers(const struct rx_match *t, const struct rx_port *port, const struct view *v, const struct parsed *q,
    struct rx_seen *s)
{
	bool filled;

	if (q->fragment || (rx_load64(v->head) ^ port->lladdr) << 16 != 0)
		return false;
	filled = q->transport && q->end - SIG_LEN - q->payload >= KNOWN_BY &&
		 filler_right(v, q->payload, q->end - SIG_LEN - q->payload);
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		if ((port->ends >> d & 1) == 0 || t->nflows[d] == 0)
			continue;
		s->flow = RX_NOFLOW;
		if (q->ports)
			s->flow = rx_find_tuple(&t->find[d], t->flow[d], q->family, q->proto,
			    q->reply ? q->dst : q->src, q->reply ? q->src : q->dst, q->port);
		if (s->flow == RX_NOFLOW && !filled)
			continue;
		s->is = RX_NUMBERLESS;
		s->corrupt = true;
		s->dir = (uint8_t)d;
		return true;
	}
	return false;
}

static void
foreign(const struct rx_port *port, const struct view *v, const struct parsed *q, struct rx_seen *s)
{
	bool ours = v->headlen >= 14 && ((v->head[0] & 1) != 0 || (rx_load64(v->head) ^ port->lladdr) << 16 == 0);

	s->is = RX_FOREIGN;
	s->ethertype = (uint16_t)q->type;
	s->l3off = (uint8_t)q->l3;
	s->foreign = RX_LOCAL;
	if (!ours)
		s->foreign = RX_NOTFORUS;
	else if (q->type == 0x0806)
		s->foreign = RX_ARP;
	else if (q->family == 6 && q->echo_other && q->icmp_type >= 133 && q->icmp_type <= 137)
		s->foreign = RX_ND;
}

void
rx_check(const struct rx_match *t, const struct rx_port *port, const struct rte_mbuf *m, struct rx_seen *s)
{
	struct parsed q;
	struct view v;

	*s = (struct rx_seen){.is = RX_FOREIGN};
	v.m = m;
	v.len = m->pkt_len;
	v.headlen = m->nb_segs == 1 ? m->data_len : RTE_MIN(m->pkt_len, (uint32_t)HEAD);
	v.head = m->nb_segs == 1 ? rte_pktmbuf_mtod(m, const uint8_t *) : rte_pktmbuf_read(m, 0, v.headlen, v.copy);
	if (unlikely(v.head == NULL))
		v.headlen = 0;
	parse(&v, &q);
	if (check_located(t, port, &v, &q, s) || check_fragment(t, port, &v, &q, s) || check_tail(t, port, &v, &q, s) ||
	    (v.headlen >= 14 && check_headers(t, port, &v, &q, s)))
		return;
	foreign(port, &v, &q, s);
}
