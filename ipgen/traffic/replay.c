/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets of a capture file (pcap or pcapng, micro- or nanoseconds), in memory before anything is sent.
 *
 * Memory: the octets of all packets and 24 a packet, at most REPLAY_MAX_OCTETS in all; a larger file is refused.  The source
 * address becomes the port's own and a station's destination address its peer's (groups keep theirs), and the port's tags
 * are put in; with replay_raw frames go as they were.  Frames shorter than 60 octets are filled up with zeros.  A packet of
 * which only a part was captured is refused: what would be sent is not what was there.  So is one longer than any frame
 * (a capture on a host that offloads segmentation).
 */
#include <math.h>
#include <stdlib.h>

#include <pcap/pcap.h>

#include "ipgen/traffic/private.h"
#include "pkt/pkt.h"

#define REPLAY_MAX_OCTETS (UINT64_C(1) << 30)
#define FRAME_MIN	  60
#define DUE_MAX		  (86400e9 * 365) /* a year: no test, but a broken file */
#define LINK_LEN	  12		  /* both addresses */

/* What grows while the file is read. */
struct reading {
	const struct traffic_spec *spec;
	const struct traffic_link *link;
	uint8_t *data;
	uint64_t len, room;
	struct replay_packet *packet;
	uint64_t n, nroom;
	uint64_t first, last; /* ns: of the first packet; the latest so far */
	uint64_t sum;	      /* octets with FCS */
	unsigned min, max;
	char *err;
	size_t errlen;
};

static int
grow(void **p, uint64_t *room, uint64_t need, size_t size)
{
	uint64_t n = *room;
	void *q;

	if (need <= n)
		return 0;
	while (n < need)
		n = n < 4096 ? 4096 : n + n / 2;
	q = realloc(*p, n * size);
	if (q == NULL)
		return -ENOMEM;
	*p = q;
	*room = n;
	return 0;
}

/* => the type behind the tags, and in *off where it stands */
static unsigned
frame_type(const uint8_t *p, uint32_t len, uint32_t *off)
{
	unsigned type = p[*off] << 8 | p[*off + 1];

	while ((type == 0x8100 || type == 0x88a8 || type == 0x9100) && *off + 6 <= len) {
		*off += 4;
		type = p[*off] << 8 | p[*off + 1];
	}
	return type;
}

/* Where a frame's IP packet begins; its family, 0 where it has none. */
static unsigned
frame_ip(const uint8_t *p, uint32_t len, uint32_t *off)
{
	unsigned type;

	*off = LINK_LEN;
	type = frame_type(p, len, off);
	*off += 2;
	if (type == 0x0800 && len >= *off + 20 && p[*off] >> 4 == 4 && (p[*off] & 15) >= 5 &&
	    len >= *off + (p[*off] & 15) * 4u)
		return 4;
	return type == 0x86dd && len >= *off + 40 && p[*off] >> 4 == 6 ? 6 : 0;
}

/* pkt_hash of the IP packet in a frame, or 0. */
static uint32_t
frame_hash(const uint8_t *p, uint32_t len)
{
	uint32_t off;

	switch (frame_ip(p, len, &off)) {
	case 4:
		return pkt_hash_ip4(p + off, p + len);
	case 6:
		return pkt_hash_ip6(p + off, p + len);
	default:
		return 0;
	}
}

uint32_t
traffic_nreplay(const struct traffic *t)
{
	return t->nreplay;
}

unsigned
traffic_replay_ends(const struct traffic *t, uint32_t packet, uint8_t src[16], uint8_t dst[16])
{
	const struct replay_packet *k = &t->replay[packet];
	const uint8_t *p = t->replay_data + k->off;
	uint32_t off;
	unsigned family = frame_ip(p, k->len, &off);
	size_t n = family == 4 ? 4 : 16;

	if (family == 0)
		return 0;
	p += off + (family == 4 ? 12 : 8);
	memset(src, 0, 16);
	memset(dst, 0, 16);
	memcpy(src, p, n);
	memcpy(dst, p + n, n);
	return family;
}

/* Writes the frame to be sent at out; its length. */
static uint32_t
frame_make(const struct reading *r, const uint8_t *p, uint32_t len, uint8_t *out)
{
	unsigned ntags = r->spec->replay_raw ? 0 : r->spec->ntags;
	uint32_t n = len + 4 * ntags, off = LINK_LEN;
	unsigned family = frame_type(p, len, &off) == 0x86dd ? 6 : 4;

	memcpy(out, p, LINK_LEN);
	if (!r->spec->replay_raw) {
		if ((p[0] & 1) == 0)
			memcpy(out, traffic_gate(r->link, family), 6);
		memcpy(out + 6, r->link->src, 6);
	}
	for (unsigned i = 0; i < ntags; i++) {
		const struct traffic_tag *t = &r->spec->tag[i];

		memcpy(out + LINK_LEN + 4 * i,
		    (uint8_t[]){(uint8_t)(t->tpid >> 8), (uint8_t)t->tpid, (uint8_t)(t->tci >> 8), (uint8_t)t->tci}, 4);
	}
	memcpy(out + LINK_LEN + 4 * ntags, p + LINK_LEN, len - LINK_LEN);
	if (n < FRAME_MIN) {
		memset(out + n, 0, FRAME_MIN - n);
		n = FRAME_MIN;
	}
	return n;
}

static int
packet_check(const struct reading *r, const struct pcap_pkthdr *h)
{
	const char *file = r->spec->replay;
	unsigned long long number = r->n + 1;

	if (h->caplen < h->len)
		return FAIL(r->err, r->errlen,
		    "%s: packet %llu: only %u of its %u octets were captured (take it with tcpdump -s 0)", file, number,
		    h->caplen, h->len);
	if (h->caplen < LINK_LEN + 2)
		return FAIL(
		    r->err, r->errlen, "%s: packet %llu: %u octets are no Ethernet frame", file, number, h->caplen);
	if (h->caplen > TRAFFIC_MAXSIZE - TRAFFIC_FCS - 4 * TRAFFIC_MAXTAGS)
		return FAIL(r->err, r->errlen, "%s: packet %llu: %u octets are more than a frame has (%u)", file,
		    number, h->caplen, TRAFFIC_MAXSIZE - TRAFFIC_FCS - 4 * TRAFFIC_MAXTAGS);
	if (r->len + h->caplen + FRAME_MIN + (r->n + 1) * sizeof(*r->packet) > REPLAY_MAX_OCTETS)
		return FAIL(r->err, r->errlen, "%s: packet %llu: more than %llu MB of packets", file, number,
		    (unsigned long long)REPLAY_MAX_OCTETS >> 20);
	return 0;
}

static int
packet_add(struct reading *r, const struct pcap_pkthdr *h, const uint8_t *p)
{
	uint64_t at = (uint64_t)h->ts.tv_sec * 1000000000 + (uint64_t)h->ts.tv_usec; /* these are ns */
	double speed = r->spec->replay_speed, due;
	struct replay_packet *k;
	union {
		void *p;
		uint8_t *data;
		struct replay_packet *packet;
	} u;
	int rc = packet_check(r, h);

	if (rc != 0)
		return rc;
	u.data = r->data;
	rc = grow(&u.p, &r->room, r->len + h->caplen + 4 * TRAFFIC_MAXTAGS + FRAME_MIN, 1);
	r->data = u.data;
	u.packet = r->packet;
	if (rc == 0)
		rc = grow(&u.p, &r->nroom, r->n + 1, sizeof(*r->packet));
	r->packet = u.packet;
	if (rc != 0)
		return snprintf(r->err, r->errlen, "%s: no memory for packet %llu", r->spec->replay,
			   (unsigned long long)r->n + 1),
		       rc;
	if (r->n == 0)
		r->first = r->last = at;
	r->last = RTE_MAX(r->last, at); /* a clock that was set back makes nothing go back */
	due = speed > 0 ? (double)(r->last - r->first) / speed : 0;
	if (due > DUE_MAX)
		return FAIL(r->err, r->errlen, "%s: packet %llu: %.3g days after the first", r->spec->replay,
		    (unsigned long long)r->n + 1, due / 1e9 / 86400);
	k = &r->packet[r->n++];
	k->off = r->len;
	k->len = frame_make(r, p, h->caplen, r->data + r->len);
	k->due = (uint64_t)due;
	k->hash = frame_hash(r->data + r->len, k->len);
	r->len += k->len;
	r->sum += k->len + TRAFFIC_FCS;
	r->min = RTE_MIN(r->min, k->len + TRAFFIC_FCS);
	r->max = RTE_MAX(r->max, k->len + TRAFFIC_FCS);
	return 0;
}

static int
file_read(struct reading *r, pcap_t *pcap)
{
	struct pcap_pkthdr *h;
	const uint8_t *p;
	const char *name;
	int rc;

	if (pcap_datalink(pcap) != DLT_EN10MB) {
		name = pcap_datalink_val_to_name(pcap_datalink(pcap));
		return FAIL(r->err, r->errlen, "%s: link type %s: Ethernet's frames can be sent", r->spec->replay,
		    name != NULL ? name : "unknown");
	}
	while ((rc = pcap_next_ex(pcap, &h, &p)) == 1) {
		rc = packet_add(r, h, p);
		if (rc != 0)
			return rc;
	}
	if (rc == PCAP_ERROR)
		return FAIL(r->err, r->errlen, "%s: after packet %llu: %s", r->spec->replay, (unsigned long long)r->n,
		    pcap_geterr(pcap));
	if (r->n == 0)
		return FAIL(r->err, r->errlen, "%s: no packet in it", r->spec->replay);
	return 0;
}

int
replay_read(
    struct traffic *t, const struct traffic_spec *spec, const struct traffic_link *link, char *err, size_t errlen)
{
	struct reading r = {.spec = spec, .link = link, .err = err, .errlen = errlen, .min = UINT16_MAX};
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *pcap;
	uint64_t span;
	int rc;

	if (!(spec->replay_speed >= 0) || isinf(spec->replay_speed))
		return FAIL(err, errlen, "--replay-speed %g: 0 (as the rate says) or more", spec->replay_speed);
	pcap = pcap_open_offline_with_tstamp_precision(spec->replay, PCAP_TSTAMP_PRECISION_NANO, why);
	if (pcap == NULL) /* some of libpcap's reasons name the file */
		return FAIL(err, errlen, strstr(why, spec->replay) != NULL ? "%.0s%s" : "%s: %s", spec->replay, why);
	rc = file_read(&r, pcap);
	pcap_close(pcap);
	t->sets->replay_data = r.data; /* traffic_free's from here on */
	t->sets->replay = r.packet;
	if (rc != 0)
		return rc;
	t->replay_data = r.data;
	t->replay = r.packet;
	t->nreplay = (uint32_t)r.n;
	t->replay_loop = spec->replay_loop;
	/* the next round begins a mean gap after the last packet; a packet alone comes once a second */
	span = r.packet[r.n - 1].due;
	if (spec->replay_speed > 0)
		t->replay_period =
		    r.n == 1 ? (uint64_t)(1e9 / spec->replay_speed) : RTE_MAX(span + span / (r.n - 1), r.n);
	t->min_size = (uint16_t)r.min;
	t->max_size = (uint16_t)r.max;
	t->total_size = r.sum;
	t->mean_size = (double)r.sum / (double)r.n;
	return 0;
}
