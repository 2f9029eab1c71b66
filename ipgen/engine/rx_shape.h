/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a right frame of one length looks like, learnt from one that rx_good found right, so that of the next only what may
 * differ is looked at: addresses, ports, both checksums, filler and signature.  All other octets that rx_good reads have to
 * be as they were; a frame that differs is no worse for it, it goes to rx_good.
 *
 *	octets equal (masked)		what rx_good said of versions, lengths, protocol, fragments and tags holds here too
 *	addresses and ports		equal to those of the flow that the signature names: no replies to an echo
 *	sums				of the equal octets once, when it is learnt; the others are added
 *
 * Nothing here depends on the trial: flows, numbers and magic are asked of rx_match.
 *
 * Synchronization: a worker's own.  Lifetime: that of struct rx_worker.
 */
#ifndef IPGEN_RX_SHAPE_H
#define IPGEN_RX_SHAPE_H

#include "ipgen/engine/rx_check.h"

#define RX_SHAPES	16 /* of a port: by length and family */
#define RX_SHAPE_BLOCKS 6  /* two tags, IPv6 and TCP are 82 octets */
#define RX_SHAPE_LEARN	16 /* of so many that no shape fits one is learnt: sizes may be many */

typedef uint64_t rx_v2 __attribute__((vector_size(16), aligned(1), may_alias));

struct rx_shape {	    /* [w] all */
	uint64_t ipsum;	    /* of the equal octets of the IPv4 header */
	uint64_t l4sum;	    /* of those of the transport header and pseudo header, and the filler */
	uint64_t famproto;  /* family and protocol, where struct flow has them behind sport */
	uint32_t key;	    /* length, and the one segment above bit 16; 0: nothing learnt */
	uint32_t never;	    /* transport checksum that says that there is none; above 0xffff: all are some */
	uint16_t payload;   /* where filler begins */
	uint16_t fill, sig; /* octets of it; where the signature begins */
	uint8_t blocks, v6; /* blocks in use: 3 at least */
	uint8_t l4, cksum;  /* where the transport header is, and its checksum; addresses are before it */
	struct {
		uint8_t is[16], mask[16];
	} block[RX_SHAPE_BLOCKS] __attribute__((aligned(16)));
} __attribute__((aligned(64)));

/* A direction's packets that count. */
struct rx_expect {
	const struct flow *flow;
	uint32_t nflows;
	uint32_t dirbit; /* SIG_DIR or 0 */
	uint16_t magic;
};

/* The upper half of a signature, stamp and magic: the same in all packets that were sent together. */
struct rx_stamped {
	uint64_t a, sum; /* as in memory, and its sum */
};

/* => worker; from a frame of which rx_good said yes */
void rx_shape_learn(struct rx_shape *, const struct rte_mbuf *);

/* => worker; one to begin with */
static inline struct rx_stamped
rx_stamped_none(uint16_t magic)
{
	return (struct rx_stamped){(uint64_t)magic << 48, (uint64_t)magic << 16};
}

/* => worker; m has 60 octets at least in its first segment */
static inline unsigned
rx_shape_slot(const struct rte_mbuf *m)
{
	unsigned len = m->data_len;

	return (len ^ len >> 4 ^ *rte_pktmbuf_mtod_offset(m, const uint8_t *, 13)) % RX_SHAPES;
}

/* => is the sum a multiple of 0xffff?  It is not 0.  A compiler that divides takes three times as long */
static inline bool
rx_shape_fits(uint64_t sum)
{
	return sum * 0xfffefffefffeffffu <= UINT64_MAX / 0xffff;
}

static inline rx_v2
rx_shape_diff(const struct rx_shape *h, const uint8_t *p, unsigned i)
{
	return (*(const rx_v2 *)(p + 16 * i) ^ *(const rx_v2 *)h->block[i].is) & *(const rx_v2 *)h->block[i].mask;
}

/*
 * => worker; true: rx_good says yes too, and RX_TEST.  False says nothing.  *st: that of the packet before, becomes this
 *    one's where true
 */
static inline bool
rx_shape_good(const struct rx_shape *h, const struct rx_expect *e, const struct rte_mbuf *m, struct rx_stamped *st,
    uint32_t *flow, uint32_t *seq)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *), *l4, *sig;
	uint64_t a, b, asum = st->sum, addr, ports, cksum;
	const struct flow *f;
	rx_v2 diff;

	if (unlikely((m->data_len | (uint32_t)m->nb_segs << 16) != h->key))
		return false;
	diff = rx_shape_diff(h, p, 0) | rx_shape_diff(h, p, 1) | rx_shape_diff(h, p, 2);
	for (unsigned i = 3; unlikely(i < h->blocks); i++)
		diff |= rx_shape_diff(h, p, i);
	if (unlikely((diff[0] | diff[1]) != 0))
		return false;
	sig = p + h->sig;
	a = rx_load64(sig);
	b = rx_load64(sig + 8);
	if (unlikely(a != st->a)) {
		if (a >> 48 != e->magic)
			return false;
		asum = (a & 0xffffffff) + (a >> 32);
	}
	*seq = (uint32_t)b;
	*flow = (uint32_t)(b >> 32) ^ e->dirbit;
	if (unlikely(*flow >= e->nflows))
		return false;
	if (unlikely(!rx_shape_fits(asum + (b & 0xffffffff) + (b >> 32) + rx_load16(sig + 16))))
		return false;
	f = &e->flow[*flow];
	l4 = p + h->l4;
	ports = rx_load32(l4);
	if (unlikely(((rx_load64((const uint8_t *)&f->sport) ^ (ports | h->famproto)) & 0xffff0000ffffffff) != 0))
		return false;
	if (unlikely(h->v6)) {
		addr = rx_sum8(l4 - 32) + rx_sum8(l4 - 24) + rx_sum8(l4 - 16) + rx_sum8(l4 - 8);
		if (unlikely(!rx_same6(f, l4 - 32, l4 - 16)))
			return false;
	} else {
		addr = (uint64_t)rx_load32(l4 - 8) + rx_load32(l4 - 4);
		if (unlikely(!rx_same4(f, l4 - 8, l4 - 4)))
			return false;
		if (unlikely(!rx_shape_fits(h->ipsum + addr + rx_load16(l4 - 10))))
			return false;
	}
	cksum = rx_load16(p + h->cksum);
	if (unlikely(cksum == h->never))
		return false;
	if (unlikely(!rx_shape_fits(h->l4sum + addr + ports + cksum)))
		return false;
	if (h->fill > 0 && memcmp(p + h->payload, sig_filler, h->fill) != 0)
		return false;
	st->a = a;
	st->sum = asum;
	return true;
}

#endif
