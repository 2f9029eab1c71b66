/* SPDX-License-Identifier: BSD-2-Clause */
/* Frame templates: headers and their part of the checksums, for each size and family. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "ipgen/traffic/private.h"

#define ETHER_LEN    14
#define TAG_LEN	     4
#define IP4_LEN	     20
#define IP6_LEN	     40
#define PROTO_ICMP   1
#define PROTO_TCP    6
#define PROTO_UDP    17
#define PROTO_ICMP6  58
#define ECHO_REQUEST 8
#define ECHO6	     128

static unsigned
transport_len(unsigned proto)
{
	return proto == PROTO_TCP ? 20 : 8;
}

unsigned
traffic_smallest(unsigned family, unsigned proto, unsigned ntags)
{
	return ETHER_LEN + TAG_LEN * ntags + (family == 6 ? IP6_LEN : IP4_LEN) + transport_len(proto) + SIG_LEN +
	       TRAFFIC_FCS;
}

/* Sum of 16-bit words in the order of memory, folded; an odd last octet counts as if 0 followed. */
static uint32_t
sum_add(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i += 2) {
		uint8_t w[2] = {p[i], i + 1 < len ? p[i + 1] : 0};
		uint16_t v;

		memcpy(&v, w, 2);
		sum += v;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned
put_link(const struct traffic_sets *s, unsigned family, uint8_t *p)
{
	unsigned off = 12;

	memcpy(p, s->dst[family == 6], 6);
	memcpy(p + 6, s->src, 6);
	for (unsigned i = 0; i < s->ntags; i++, off += TAG_LEN) {
		put16(p + off, s->tag[i].tpid);
		put16(p + off + 2, s->tag[i].tci);
	}
	put16(p + off, family == 6 ? 0x86dd : 0x0800);
	return off + 2;
}

/* The transport header at p, with len octets of it and its payload. */
static void
put_transport(struct frame_template *h, unsigned proto, uint8_t *p, unsigned len)
{
	unsigned at = (unsigned)(p - h->head);

	switch (proto) {
	case PROTO_TCP:
		p[12] = 5 << 4;
		p[13] = 0x10; /* ACK: a segment in the midst of a connection */
		put16(p + 14, 0xffff);
		h->port = (uint8_t)at;
		h->l4cksum = (uint8_t)(at + 16);
		break;
	case PROTO_UDP:
		put16(p + 4, len);
		h->port = (uint8_t)at;
		h->l4cksum = (uint8_t)(at + 6);
		h->zero = 0xffff;
		break;
	default:
		p[0] = proto == PROTO_ICMP6 ? ECHO6 : ECHO_REQUEST;
		h->port = (uint8_t)(at + 4);
		h->l4cksum = (uint8_t)(at + 2);
	}
}

static void
template_make(struct frame_template *h, const struct traffic_sets *s, unsigned family, unsigned size)
{
	unsigned proto = s->proto == PROTO_ICMP && family == 6 ? PROTO_ICMP6 : s->proto;
	unsigned ip = put_link(s, family, h->head), l4 = ip + (family == 6 ? IP6_LEN : IP4_LEN);
	unsigned len = size - TRAFFIC_FCS - l4, payload = l4 + transport_len(proto);
	uint8_t *p = h->head + ip, pseudo[4] = {0, (uint8_t)proto, (uint8_t)(len >> 8), (uint8_t)len};

	h->v6 = family == 6;
	h->flowmask = 0xffff;
	if (family == 6) {
		p[0] = (uint8_t)(0x60 | s->tos >> 4);
		p[1] = (uint8_t)(s->tos << 4);
		put16(p + 4, len);
		p[6] = (uint8_t)proto;
		p[7] = s->ttl;
		h->addr = (uint8_t)(ip + 8);
	} else {
		p[0] = 0x45;
		p[1] = s->tos;
		put16(p + 2, IP4_LEN + len);
		p[8] = s->ttl;
		p[9] = (uint8_t)proto;
		h->addr = (uint8_t)(ip + 12);
		h->ipsum = sum_add(0, p, IP4_LEN);
		if (proto == PROTO_ICMP)
			h->flowmask = 0;
	}
	put_transport(h, proto, h->head + l4, len);
	h->len = (uint16_t)(size - TRAFFIC_FCS);
	h->payload = (uint16_t)payload;
	h->sig = (uint16_t)(h->len - SIG_LEN);
	h->fill = (uint16_t)(h->sig - payload);
	h->l4sum = sum_add(0, h->head + l4, payload - l4);
	memcpy(h->head + payload, sig_filler, FRAME_HEAD - payload);
	h->l4sum = sum_add(h->l4sum, sig_filler, h->fill);
	if (proto != PROTO_ICMP)
		h->l4sum = sum_add(h->l4sum, pseudo, sizeof(pseudo));
}

/* The smallest size is enough for the signature, or err says what is. */
static int
sizes_fit(const struct traffic_sets *s, const struct traffic_sizes *sizes, const uint16_t *distinct, uint32_t nd,
    bool has6, char *err, size_t errlen)
{
	unsigned least = traffic_smallest(has6 ? 6 : 4, s->proto, s->ntags);

	for (uint32_t i = 0; i < nd; i++)
		if (distinct[i] < least)
			return FAIL(err, errlen,
			    "size %s: frames of %u octets are too small: %s/%s with %u tag(s) and the signature needs "
			    "%u",
			    sizes->text, distinct[i], has6 ? "IPv6" : "IPv4",
			    s->proto == PROTO_TCP ? "TCP" : (s->proto == PROTO_UDP ? "UDP" : "ICMP"), s->ntags, least);
	return 0;
}

int
traffic_templates(struct traffic *t, const struct traffic_sizes *sizes, char *err, size_t errlen)
{
	const struct traffic_sets *s = t->sets;
	struct frame_template *h;
	uint16_t *order, *distinct;
	struct traffic_sizes *raised = NULL;
	bool has4 = false, has6 = false;
	int rc;

	for (uint32_t i = 0; i < t->nflows; i++) {
		has4 |= t->flow[i].family == 4;
		has6 |= t->flow[i].family == 6;
	}
	if (sizes->named && (raised = malloc(sizeof(*raised))) != NULL) {
		*raised = *sizes;
		traffic_sizes_raise(raised, traffic_smallest(has6 ? 6 : 4, s->proto, s->ntags));
	}
	rc = sizes_list(raised != NULL ? raised : sizes, s->mtu + ETHER_LEN + TAG_LEN * s->ntags + TRAFFIC_FCS, &order,
	    &t->nsizes, &distinct, &t->ndistinct);
	free(raised);
	if (rc == -EINVAL)
		return FAIL(err, errlen, "size %s: no frames of 1 to %u octets", sizes->text, TRAFFIC_MAXSIZE);
	if (rc != 0)
		return snprintf(err, errlen, "sizes: no memory"), rc;
	t->order = order;
	t->nclass = has4 && has6 ? 2 : 1;
	rc = sizes_fit(s, sizes, distinct, t->ndistinct, has6, err, errlen);
	if (rc != 0)
		goto out;
	h = aligned_alloc(64, sizeof(*h) * t->ndistinct * t->nclass);
	if (h == NULL) {
		rc = -ENOMEM;
		snprintf(err, errlen, "size %s: no memory", sizes->text);
		goto out;
	}
	memset(h, 0, sizeof(*h) * t->ndistinct * t->nclass);
	t->template = h;
	t->min_size = UINT16_MAX;
	for (uint32_t i = 0; i < t->ndistinct; i++) {
		if (t->nclass == 2) {
			template_make(&h[2 * i], s, 4, distinct[i]);
			template_make(&h[2 * i + 1], s, 6, distinct[i]);
		} else {
			template_make(&h[i], s, has6 ? 6 : 4, distinct[i]);
		}
		t->min_size = RTE_MIN(t->min_size, distinct[i]);
		t->max_size = RTE_MAX(t->max_size, distinct[i]);
	}
	for (uint32_t i = 0; i < t->nsizes; i++)
		t->total_size += distinct[order[i]];
	t->mean_size = (double)t->total_size / t->nsizes;
out:
	free(distinct);
	return rc;
}
