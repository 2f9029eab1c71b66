/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A packet source and sink without a device, as workers use it.
 *
 * The source makes frames in the worker's own buffers when they are asked for, as a device's DMA would have before.
 * Paced, a clock fills a virtual ring: what it does not hold is missed, so that a worker that comes late loses packets as
 * it would with a device of as many slots.  The sink frees what it is given.
 *
 * Synchronization: a queue belongs to one worker (port.h); the rest of the softc does not change once published.
 * Lifetime: see gen_ctl.c.
 */
#include <string.h>

#include "dev/gen_var.h"
#include "if/ifnet.h"
#include "pkt/pkt.h"

#define GEN_DIRECT 64 /* vectors a poll that go straight to the sink: the worker's own loop costs nothing then */

enum {
	ETHLEN = 14,
	IP4_SUM = ETHLEN + 10,
	IP4_DST = ETHLEN + 16,
	IP6_DST = ETHLEN + 24,
	UDP4 = ETHLEN + 20,
	UDP6 = ETHLEN + 40
};

static inline uint16_t
gen_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	return (uint16_t)~sum;
}

static inline void
gen_put16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

/* A UDP checksum of 0 would say that there is none. */
static inline void
gen_udpsum(uint8_t *udp, uint32_t sum)
{
	uint16_t v = gen_fold(sum);

	gen_put16(udp + 6, v == 0 ? 0xffff : v);
}

static inline void
gen_frame4(const struct gen_template *t, uint8_t *p, const uint8_t *dst, uint16_t sport)
{
	uint32_t d, sum;

	memcpy(&d, dst, sizeof(d));
	memcpy(p + IP4_DST, &d, sizeof(d));
	sum = (d & 0xffff) + (d >> 16);
	gen_put16(p + IP4_SUM, gen_fold(t->ipsum + sum));
	gen_put16(p + UDP4, sport);
	gen_udpsum(p + UDP4, t->udpsum + sum + sport);
}

static inline void
gen_frame6(const struct gen_template *t, uint8_t *p, const uint8_t *dst, uint16_t sport)
{
	uint64_t d[2], lo;

	memcpy(d, dst, sizeof(d));
	memcpy(p + IP6_DST, d, sizeof(d));
	lo = (d[0] & 0xffffffff) + (d[0] >> 32) + (d[1] & 0xffffffff) + (d[1] >> 32);
	lo = (lo & 0xffff) + (lo >> 16 & 0xffff) + (lo >> 32);
	gen_put16(p + UDP6, sport);
	gen_udpsum(p + UDP6, t->udpsum + (uint32_t)lo + sport);
}

/* Makes frames of n fresh buffers. */
static inline __attribute__((always_inline)) void
gen_fill(const struct gen_softc *sc, struct gen_queue *gq, uint64_t lladdr, struct rte_mbuf **m, unsigned n, bool v6)
{
	const unsigned alen = v6 ? 16 : 4;
	const uint8_t *dst = sc->dsts + gq->ndst * alen, *end = sc->dsts + sc->ndsts * alen;

	for (unsigned i = 0; i < n; i++) {
		const struct gen_template *t = &sc->tmpl[sc->mix[gq->mix]];
		uint8_t *p = rte_pktmbuf_mtod(m[i], uint8_t *);
		uint16_t sport = rte_cpu_to_be_16(GEN_FLOW0 + gq->flow);

		if (++gq->mix == sc->nmix)
			gq->mix = 0;
		if (++gq->flow == sc->flows)
			gq->flow = 0;
		m[i]->data_len = t->len;
		m[i]->pkt_len = t->len;
		memcpy(p, t->frame, 64);
		if (t->len > 64)
			memcpy(p + 64, t->frame + 64, t->len - 64);
		memcpy(p, &lladdr, 6);
		if (v6)
			gen_frame6(t, p, dst, sport);
		else
			gen_frame4(t, p, dst, sport);
		dst += alen;
		if (dst == end)
			dst = sc->dsts;
	}
	gq->ndst = (dst - sc->dsts) / alen;
}

/* What the clock has put into the ring by now; what it does not hold is lost. */
static inline void
gen_arrive(const struct gen_softc *sc, struct gen_queue *gq, struct port_qstats *st, uint64_t now)
{
	unsigned __int128 t = (unsigned __int128)(now - gq->last) * sc->per_tick + gq->frac;
	uint64_t arrivals = (uint64_t)(t >> 64), room = sc->ring - gq->ring;

	gq->frac = (uint64_t)t;
	gq->last = now;
	mp_add(&gq->arrived, arrivals);
	if (__builtin_expect(arrivals > room, 0)) {
		mp_add(&st->rx_missed, arrivals - room);
		arrivals = room;
	}
	gq->ring += (uint32_t)arrivals;
}

/* The interface is down: the clock stands, and what waited is lost. */
static void
gen_halt(struct gen_queue *gq, struct port_qstats *st)
{
	if (!gq->running)
		return;
	gq->running = false;
	mp_add(&st->rx_missed, gq->ring);
	gq->ring = 0;
}

/* => fresh buffers, as many as there are; nothing is lost where there are none: the frames stay in the ring */
static inline unsigned
gen_alloc(struct rte_mbuf **m, unsigned n)
{
	while (n > 0 && rte_pktmbuf_alloc_bulk(mp_self->pool, m, n) != 0)
		n /= 2;
	return n;
}

static uint16_t gen_direct(struct port *, uint16_t q, uint64_t lladdr, bool v6);

static inline __attribute__((always_inline)) uint16_t
gen_rx(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n, bool v6)
{
	struct gen_softc *sc = port->priv;
	struct gen_queue *gq = &sc->queue[q];
	struct ifnet *ifp = port->ifp;
	uint64_t lladdr;

	ASSERT_WORKER();
	if (!(atomic_load_explicit(&ifp->if_flags, memory_order_relaxed) & IFF_SMP_UP)) {
		gen_halt(gq, &port->qstats[q]);
		return 0;
	}
	lladdr = atomic_load_explicit(&ifp->if_lladdr, memory_order_relaxed);
	if (n > sc->vec)
		n = sc->vec;
	if (sc->per_tick != 0) {
		if (__builtin_expect(!gq->running, 0)) {
			gq->running = true;
			gq->last = mp_self->now;
		}
		gen_arrive(sc, gq, &port->qstats[q], mp_self->now);
		if (n > gq->ring)
			n = gq->ring;
		n = gen_alloc(m, n);
		gq->ring -= n;
	} else if (__builtin_expect(sc->direct, 0)) {
		return gen_direct(port, q, lladdr, v6);
	} else {
		n = gen_alloc(m, n);
		mp_add(&gq->arrived, n);
	}
	gen_fill(sc, gq, lladdr, m, n, v6);
	return n;
}

uint16_t
gen_rx_burst4(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	return gen_rx(port, q, m, n, false);
}

uint16_t
gen_rx_burst6(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	return gen_rx(port, q, m, n, true);
}

uint16_t
gen_tx_burst(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	ASSERT_WORKER();
	rte_pktmbuf_free_bulk(m, n);
	return n;
}

/* What source and sink cost by themselves: the router sees none of these packets. */
static uint16_t
gen_direct(struct port *port, uint16_t q, uint64_t lladdr, bool v6)
{
	struct gen_softc *sc = port->priv;
	struct gen_queue *gq = &sc->queue[q];
	struct rte_mbuf *m[PKT_VEC];

	for (unsigned i = 0; i < GEN_DIRECT; i++) {
		unsigned n = gen_alloc(m, sc->vec);

		if (v6)
			gen_fill(sc, gq, lladdr, m, n, true);
		else
			gen_fill(sc, gq, lladdr, m, n, false);
		port->ops->tx_burst(port, q, m, n);
		mp_add(&gq->arrived, n);
		mp_add(&gq->direct, n);
	}
	return 0;
}

/*
 * An interface that is up has a frame at any moment, or one that comes too soon to be slept for; one that is down is not
 * looked at until its descriptor says that it is up.
 */
bool
gen_rx_arm(struct port *port, uint16_t q)
{
	ASSERT_WORKER();
	return atomic_load_explicit(&port->ifp->if_flags, memory_order_relaxed) & IFF_SMP_UP;
}
