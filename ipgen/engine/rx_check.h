/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is this frame a test packet, whose, and is it as it was sent?  Pure: reads the frame and tables that do not change.
 *
 * rx_good tells the packets of which everything is right, one after the other as fast as it goes; rx_check explains all
 * others.  The order in which it asks:
 *	1  a signature at the end of the IP packet, its own sum right: the packet is what the signature says
 *	2  one at the end of the frame: the same, and corrupt (a length, the ethertype, the version is wrong)
 *	3  addresses, protocol and ports of a flow that ends here, or the filler: corrupt, its number is not known
 *	4  none of ours
 * May differ from what was sent: source link address, tags, IPv4 TTL and TOS (with a right header checksum), IPv6 hop
 * limit, traffic class and flow label.  An echo request may come back as its reply, the addresses exchanged.
 *
 * Synchronization: none needed.  Lifetime: that of struct rx_table.
 */
#ifndef IPGEN_RX_CHECK_H
#define IPGEN_RX_CHECK_H

#include <rte_mbuf.h>

#include "ipgen/sig.h"
#include "ipgen/traffic.h"
#include "ipgen/trial.h"

#define RX_NOFLOW  UINT32_MAX
#define SIG_TRIALS 0x4000u /* magics from SIG_MAGIC on, used one after the other, two a trial */

enum rx_is {
	RX_FOREIGN,	 /* none of ours */
	RX_TEST,	 /* flow and number are known, it may be corrupt */
	RX_NUMBERLESS,	 /* corrupt; the flow is known by its headers, or RX_NOFLOW */
	RX_MISDELIVERED, /* nothing wrong but the place, or the addresses */
	RX_WARM,	 /* of the warm-up */
	RX_STALE,	 /* of another trial */
	RX_FRAGMENT,
};

/* What kind of foreign frame. */
enum rx_foreign { RX_LOCAL, RX_ARP, RX_ND, RX_NOTFORUS };

struct rx_seen {
	uint64_t stamp;
	uint32_t flow, seq;
	uint8_t is; /* enum rx_is */
	bool corrupt;
	uint8_t dir;
	uint8_t foreign;    /* enum rx_foreign */
	uint8_t l3off;	    /* of a foreign one */
	uint16_t ethertype; /* of a foreign one, host order */
};

/* A signature as it lies in memory. */
struct rx_sig {
	uint64_t a, b;
};

/* A port of the trial. */
struct rx_port {
	uint64_t lladdr; /* [I] in the lower 48 bits, as read from memory */
	uint8_t ends;	 /* [I] bit d: direction d ends here */
};

/* Flows by what their headers say: slots hold flow + 1, 0 is empty. */
struct rx_find {
	uint32_t *tuple; /* [I] by addresses, protocol and ports */
	uint32_t *pair;	 /* [I] by addresses and protocol: one flow of each */
	uint32_t mask;	 /* [I] */
};

/* What is looked for. */
struct rx_match {
	const struct flow *flow[TRIAL_DIRS]; /* [I] */
	uint32_t nflows[TRIAL_DIRS];	     /* [I] 0: silent */
	struct rx_find find[TRIAL_DIRS];     /* [I] */
	uint16_t magic;			     /* [I] of what counts; one less: the warm-up's */
};

extern uint16_t rx_fillsum[SIG_FILLER + 1]; /* [I] after rx_check_init: Internet checksum of so much filler */

/* => control, after sig_init */
void rx_check_init(void);
/* => worker; everything that rx_good does not say yes to */
void rx_check(const struct rx_match *, const struct rx_port *, const struct rte_mbuf *, struct rx_seen *);
/* => worker, control; the flow, or RX_NOFLOW.  Addresses of 4 or 16 octets by family */
uint32_t rx_find_tuple(const struct rx_find *, const struct flow *, unsigned family, unsigned proto, const uint8_t *src,
    const uint8_t *dst, uint32_t ports);
uint32_t rx_find_pair(const struct rx_find *, const struct flow *, unsigned family, unsigned proto, const uint8_t *src,
    const uint8_t *dst);

static inline uint16_t
rx_load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}

static inline uint32_t
rx_load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static inline uint64_t
rx_load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

static inline unsigned
rx_be16(const uint8_t *p)
{
	return __builtin_bswap16(rx_load16(p));
}

/* Sum of 8 octets, as part of a 64-bit sum of 32-bit words */
static inline uint64_t
rx_sum8(const uint8_t *p)
{
	uint64_t v = rx_load64(p);

	return (v & 0xffffffff) + (v >> 32);
}

/* => does a sum of words say that nothing changed?  2^16 is 1 modulo 0xffff, so this is their sum in one's complement */
static inline bool
rx_sum_right(uint64_t sum)
{
	return sum % 0xffff == 0 && sum != 0;
}

/* As sig_read, for what is usually right. */
static inline bool
rx_sig(const uint8_t *p, struct rx_sig *s)
{
	s->a = rx_load64(p);
	s->b = rx_load64(p + 8);
	return (rx_sum8(p) + rx_sum8(p + 8) + rx_load16(p + 16)) % 0xffff == 0;
}

#define RX_BE16(v) ((uint16_t)(((v)&0xff) << 8 | (v) >> 8))

static inline bool
rx_is_tag(uint16_t type)
{
	return type == RX_BE16(0x8100) || type == RX_BE16(0x88a8) || type == RX_BE16(0x9100);
}

/* => the addresses are the flow's; of an echo reply: exchanged */
static inline bool
rx_same4(const struct flow *f, const uint8_t *src, const uint8_t *dst)
{
	return ((rx_load32(src) ^ rx_load32(f->src)) | (rx_load32(dst) ^ rx_load32(f->dst))) == 0;
}

static inline bool
rx_same6(const struct flow *f, const uint8_t *src, const uint8_t *dst)
{
	return ((rx_load64(src) ^ rx_load64(f->src)) | (rx_load64(src + 8) ^ rx_load64(f->src + 8)) |
		   (rx_load64(dst) ^ rx_load64(f->dst)) | (rx_load64(dst + 8) ^ rx_load64(f->dst + 8))) == 0;
}

/*
 * => worker; true: a test packet of this trial, at its place, every octet right that has to be.  *s: dir, flow, seq,
 *    stamp and is (RX_TEST or RX_WARM).  False: ask rx_check
 */
static inline bool
rx_good(const struct rx_match *t, const struct rx_port *port, const struct rte_mbuf *m, struct rx_seen *s)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *), *src, *l4;
	unsigned len = m->data_len, l4len, head, proto, ports, fill;
	const struct flow *f;
	uint64_t sum, iplen;
	struct rx_sig sig;
	bool v6, reply = false, same;
	uint16_t type, magic;

	if (unlikely(m->nb_segs != 1 || len < 60))
		return false;
	type = rx_load16(p + 12);
	if (unlikely((rx_load64(p) ^ port->lladdr) << 16 != 0))
		return false;
	for (unsigned i = 0; i < TRAFFIC_MAXTAGS && unlikely(rx_is_tag(type)); i++) {
		p += 4;
		len -= 4;
		type = rx_load16(p + 12);
	}
	p += 14;
	len -= 14; /* 38 at least */
	v6 = type == RX_BE16(0x86dd);
	if (v6) {
		if (unlikely((*p & 0xf0) != 0x60 || len < 40))
			return false;
		iplen = 40 + rx_be16(p + 4);
		proto = p[6];
		src = p + 8;
		l4 = p + 40;
		sum = rx_sum8(src) + rx_sum8(src + 8) + rx_sum8(src + 16) + rx_sum8(src + 24);
		l4len = (unsigned)iplen - 40;
	} else {
		if (unlikely(type != RX_BE16(0x0800) || *p != 0x45))
			return false;
		iplen = rx_be16(p + 2);
		proto = p[9];
		src = p + 12;
		l4 = p + 20;
		sum = rx_sum8(src);
		if (unlikely((rx_load16(p + 6) & RX_BE16(0x3fff)) != 0 ||
			     !rx_sum_right(sum + rx_sum8(p) + rx_load32(p + 8))))
			return false;
		l4len = (unsigned)iplen - 20;
	}
	/* 26: the shortest transport header and the signature; a length below the header's wraps, and is too long */
	if (unlikely(iplen > len || l4len < 8 + SIG_LEN || l4len > 0xffff))
		return false;
	head = 8;
	ports = 0;
	if (proto == 17) {
		if (unlikely(rx_be16(l4 + 4) != l4len || rx_load16(l4 + 6) == 0))
			return false;
		sum += rx_sum8(l4);
	} else if (proto == 6) {
		head = 20;
		if (unlikely(l4len < 20 + SIG_LEN || l4[12] >> 4 != 5))
			return false;
		sum += rx_sum8(l4) + rx_sum8(l4 + 8) + rx_load32(l4 + 16);
	} else {
		if (unlikely(proto != (v6 ? 58 : 1) || l4[1] != 0))
			return false;
		reply = l4[0] == (v6 ? 129 : 0);
		if (unlikely(!reply && l4[0] != (v6 ? 128 : 8)))
			return false;
		ports = 4;
		sum = (v6 ? sum : 0) + rx_sum8(l4);
	}
	fill = l4len - head - SIG_LEN;
	if (unlikely(fill > SIG_FILLER || !rx_sig(l4 + head + fill, &sig)))
		return false;
	magic = (uint16_t)(sig.a >> 48);
	s->dir = (uint8_t)(sig.b >> 63);
	s->flow = (uint32_t)(sig.b >> 32) & ~SIG_DIR;
	if (unlikely(s->flow >= t->nflows[s->dir] || (port->ends >> s->dir & 1) == 0))
		return false;
	s->is = magic == t->magic ? RX_TEST : RX_WARM;
	if (unlikely(magic != t->magic && magic != (uint16_t)(t->magic - 1)))
		return false;
	sum += rx_fillsum[fill];
	if (v6 || proto != 1)
		sum += RX_BE16(l4len) + RX_BE16(proto);
	if (unlikely(!rx_sum_right(sum) || (fill > 0 && memcmp(l4 + head, sig_filler, fill) != 0)))
		return false;
	f = &t->flow[s->dir][s->flow];
	if (v6)
		same = !reply ? rx_same6(f, src, src + 16) : rx_same6(f, src + 16, src);
	else
		same = !reply ? rx_same4(f, src, src + 4) : rx_same4(f, src + 4, src);
	if (unlikely(!same || f->proto != proto || f->family != (v6 ? 6 : 4) ||
		     rx_load32(l4 + ports) != rx_load32((const uint8_t *)&f->sport)))
		return false;
	s->corrupt = false;
	s->seq = (uint32_t)sig.b;
	s->stamp = sig.a & SIG_STAMP;
	return true;
}

#endif
