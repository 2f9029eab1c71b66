/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipgen's receiver, fed by hand: exact figures for one wrong octet at every place of frames of every kind, and for what
 * networks do to packets.  Workers are not started before the last test: the test is each of them in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "if/ifnet.h"
#include "ipgen/engine/rx.h"
#include "ipgen/engine/rx_shape.h"
#include "ipgen/traffic/frame.h"
#include "mp/eal.h"
#include "mp/mp_internal.h"
#include "pkt/pkt.h"

#define MAGIC (SIG_MAGIC + 7)

static struct event_base *base;
static struct ifnet *port[2];
static const uint8_t lladdr[2][6] = {{2, 0, 0, 0, 0, 0x10}, {2, 0, 0, 0, 0, 0x11}};
static uint32_t sent[TRIAL_DIRS][4096];
static struct trial_result result;
static unsigned punted[PUNT_COUNT];

/* What is sent: kind by kind. */
struct kind {
	unsigned family, proto, ntags, size;
};

static uint32_t
flow_sent(unsigned dir, uint32_t flow)
{
	return sent[dir][flow % 4096];
}

static struct traffic *
build(const struct kind *k, unsigned nflows, bool reverse)
{
	struct traffic_spec *spec = calloc(1, sizeof(*spec));
	struct traffic_link link = {.has4 = true,
	    .has6 = true,
	    .src4 = {10, 0, 0, 1},
	    .dst4 = {10, 0, 1, 1},
	    .src6 = {0x20, 1, 0xd, 0xb8, [15] = 1},
	    .dst6 = {0x20, 1, 0xd, 0xb8, 1, [15] = 1},
	    .mtu = 9000};
	char err[256] = "";
	struct traffic *t;

	memcpy(link.src, lladdr[reverse], 6);
	memcpy(link.dst, lladdr[!reverse], 6);
	spec->family = (uint8_t)k->family;
	spec->proto = (uint8_t)k->proto;
	spec->sport[0] = spec->dport[0] = spec->dport[1] = 9;
	spec->sport[1] = (uint16_t)(8 + nflows);
	spec->nflows = nflows;
	spec->sizes = (struct traffic_sizes){
	    .kind = SIZES_FIXED, .size = RTE_MAX(k->size, traffic_smallest(k->family, k->proto, k->ntags))};
	spec->ntags = k->ntags;
	spec->tag[0] = (struct traffic_tag){k->ntags == 2 ? 0x88a8 : 0x8100, 100};
	spec->tag[1] = (struct traffic_tag){0x8100, 200};
	t = traffic_build(spec, &link, reverse, err, sizeof(err));
	free(spec);
	if (t == NULL)
		fail_msg("%s", err);
	return t;
}

static void
trial(struct traffic *t0, struct traffic *t1, unsigned nports)
{
	const struct rx_setup setup = {.port = {port[0], nports == 2 ? port[1] : NULL},
	    .nports = nports,
	    .traffic = {t0, t1},
	    .magic = MAGIC,
	    .sent = flow_sent};
	char err[256];

	assert_int_equal(rx_prepare(&setup, err, sizeof(err)), 0);
	rx_open();
	memset(sent, 0, sizeof(sent));
}

static struct rte_mbuf *
frame(const struct traffic *t, unsigned dir, uint32_t flow, uint32_t seq, uint16_t magic)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(mp_self->pool);

	assert_non_null(m);
	sig_write(frame_fill(t, m, flow, 0), rte_rdtsc() - 1000, magic, seq, flow | (dir != 0 ? SIG_DIR : 0));
	return m;
}

/* The frame in pieces of so many octets */
static struct rte_mbuf *
cut(struct rte_mbuf *m, unsigned piece)
{
	struct rte_mbuf *chain = NULL;

	for (unsigned off = 0; off < m->pkt_len; off += piece) {
		struct rte_mbuf *s = rte_pktmbuf_alloc(mp_self->pool);
		uint16_t k = (uint16_t)RTE_MIN(piece, m->pkt_len - off);

		assert_non_null(s);
		memcpy(rte_pktmbuf_append(s, k), rte_pktmbuf_mtod_offset(m, uint8_t *, off), k);
		if (chain == NULL)
			chain = s;
		else
			assert_int_equal(rte_pktmbuf_chain(chain, s), 0);
	}
	rte_pktmbuf_free(m);
	return chain;
}

/* As if the worker's poll had brought them */
static void
feed(unsigned worker, unsigned p, struct rte_mbuf **m, unsigned n)
{
	struct worker *w = mp_workers[worker];

	mp_self = w;
	w->now = rte_rdtsc();
	memcpy(w->rx->v.m, m, n * sizeof(m[0]));
	w->nrx = (uint16_t)n;
	w->rx->run[0] = (struct if_run){.ifp = port[p], .n = (uint16_t)n};
	w->rx->nruns = 1;
	rx_receive(w);
	assert_int_equal(w->nrx, 0);
	mp_self = mp_control();
}

static void
feed_one(unsigned worker, unsigned p, struct rte_mbuf *m)
{
	feed(worker, p, &m, 1);
}

static unsigned
inbox(unsigned worker)
{
	struct worker *w = mp_workers[worker];
	void *m[PKT_VEC];
	unsigned n, all = 0;

	mp_self = w;
	while ((n = mp_ring_get(&w->inbox, m, PKT_VEC)) > 0) {
		rx_resume(w, (struct rte_mbuf **)m, n);
		all += n;
	}
	mp_self = mp_control();
	return all;
}

/* The trial's end */
static const struct trial_counts *
collect(uint64_t sent0)
{
	rx_close();
	memset(&result, 0, sizeof(result));
	result.dir[0].count.sent = sent0;
	rx_collect(&result);
	return &result.dir[0].count;
}

static void
on_punt(struct rte_mbuf *m)
{
	assert_true(pkt_meta(m)->iif == port[0]->if_index || pkt_meta(m)->iif == port[1]->if_index);
	punted[pkt_meta(m)->class]++;
	rte_pktmbuf_free(m);
}

/* What must come of a frame whose octet at off is wrong, mask its wrong bits. */
enum verdict { FINE, CORRUPT, NUMBERLESS, MISDELIVERED };

static enum verdict
expected(const struct kind *k, unsigned off, unsigned len, unsigned mask)
{
	unsigned l3 = 14 + 4 * k->ntags;

	if (off < 6)
		return MISDELIVERED;
	if (off < 12)
		return FINE;
	if (off < l3 - 2 && (off & 3) >= 2)
		return FINE; /* priority and VLAN: 14, 15, 18, 19 */
	if (k->ntags > 0 && off == l3 - 6 && mask == 0x10)
		return FINE; /* 0x8100 becomes 0x9100, which is a tag, too */
	if (off >= len - SIG_LEN)
		return NUMBERLESS;
	if (k->family == 6 && off >= l3 && off < l3 + 8) {
		if (off == l3)
			return mask & 0xf0 ? CORRUPT : FINE;
		return off < l3 + 4 || off == l3 + 7 ? FINE : CORRUPT;
	}
	return CORRUPT;
}

static void
every_octet(const struct kind *k, unsigned piece, unsigned nmasks, const uint8_t *masks)
{
	struct traffic *t = build(k, 3, false);
	const struct trial_counts *c;
	unsigned n[4] = {0}, len, all = 0;
	struct trial_flow_result flow;

	trial(t, NULL, 2);
	mp_self = mp_workers[0];
	len = traffic_min_size(t) - TRAFFIC_FCS;
	for (unsigned off = 0; off < len; off++) {
		for (unsigned i = 0; i < nmasks; i++) {
			struct rte_mbuf *m = frame(t, 0, 1, sent[0][1]++, MAGIC);

			*rte_pktmbuf_mtod_offset(m, uint8_t *, off) ^= masks[i];
			if (piece != 0)
				m = cut(m, piece);
			n[expected(k, off, len, masks[i])]++;
			all++;
			feed_one(0, 1, m);
			mp_self = mp_workers[0];
		}
	}
	mp_self = mp_control();
	c = collect(all);
	assert_int_equal(c->misdelivered, n[MISDELIVERED]);
	assert_int_equal(c->unattributed, n[NUMBERLESS]);
	assert_int_equal(c->corrupt, n[NUMBERLESS] + n[CORRUPT]);
	assert_int_equal(c->unique, n[FINE] + n[CORRUPT]);
	assert_int_equal(c->received, n[FINE] + n[CORRUPT] + n[NUMBERLESS]);
	assert_int_equal(c->received_octets, c->received * traffic_min_size(t));
	assert_int_equal(c->lost, n[MISDELIVERED]);
	assert_int_equal(c->duplicate + c->reordered + c->stale + c->fragments + c->late, 0);
	assert_int_equal(result.other, 0);
	/* all of it was the flow's: signature or headers told */
	rx_flow(0, 1, &flow);
	assert_int_equal(flow.corrupt, c->corrupt);
	assert_int_equal(flow.received, c->received);
	assert_int_equal(flow.misdelivered, c->misdelivered);
	assert_int_equal(result.dir[0].flows_lossy, n[MISDELIVERED] > 0);
	traffic_free(t);
}

static void
test_every_octet(void **state)
{
	static const unsigned protos[] = {17, 6, 1}, sizes[] = {64, 128, 1518};
	static const uint8_t few[] = {0x01, 0xff};
	uint8_t every[255];

	for (unsigned i = 0; i < 255; i++)
		every[i] = (uint8_t)(i + 1);
	for (unsigned i = 0; i < 2 * 3 * 3 * 3; i++) {
		struct kind k = {i % 2 != 0 ? 6 : 4, protos[i / 2 % 3], i / 6 % 3, sizes[i / 18]};

		every_octet(&k, 0, 2, few);
		every_octet(&k, k.size == 1518 ? 700 : 23, 2, few);
		if (k.size == 64)
			every_octet(&k, 0, 255, every);
	}
}

/* A shape's yes is rx_good's, whatever of the frame is changed; what only addresses and link source differ in it knows */
static void
shape(const struct kind *k, unsigned nmasks, const uint8_t *masks)
{
	struct traffic *t = build(k, 3, false);
	struct rx_match match = {.flow = {traffic_flow(t, 0)}, .nflows = {3}, .magic = MAGIC};
	const struct rx_expect expect = {.flow = match.flow[0], .nflows = 3, .magic = MAGIC};
	struct rx_port to = {.ends = 1};
	struct rx_shape h = {0};
	unsigned len, yes = 0, small = 0;
	struct rte_mbuf *m;
	uint8_t *p, keep[2048];

	memcpy(&to.lladdr, lladdr[1], 6);
	mp_self = mp_workers[0];
	m = frame(t, 0, 1, 77, MAGIC);
	rx_shape_learn(&h, m);
	rte_pktmbuf_free(m);
	m = frame(t, 0, 2, 0x80000005, MAGIC);
	p = rte_pktmbuf_mtod(m, uint8_t *);
	len = m->data_len;
	assert_true(len <= sizeof(keep));
	memcpy(keep, p, len);
	srandom(1);
	for (unsigned i = 0; i < len * nmasks + 20000; i++) {
		struct rx_stamped st = rx_stamped_none(MAGIC), before;
		uint32_t flow, seq;
		struct rx_seen s;
		bool good, is;

		if (i < len * nmasks) {
			p[i / nmasks] ^= masks[i % nmasks];
		} else { /* two words of the headers mostly: one more by what the other is less, so that sums fit */
			uint16_t d = (uint16_t)(1 + (unsigned)random() % 255);

			for (unsigned j = 0; j < 2; j++, d = (uint16_t)-d) {
				uint8_t *at = p + 6 + (unsigned)random() % (len < 100 ? len - 8 : 90) / 2 * 2;
				uint16_t word = (uint16_t)(rx_load16(at) + d);

				memcpy(at, &word, 2);
			}
		}
		good = rx_good(&match, &to, m, &s);
		/* the stamp of the packet before is another, or the same */
		if (i % 3 == 0 && good && s.is == RX_TEST)
			memcpy(&st, &(struct rx_stamped){rx_load64(p + h.sig), rx_sum8(p + h.sig)}, sizeof(st));
		before = st;
		is = rx_shape_good(&h, &expect, m, &st, &flow, &seq);
		if (is) {
			yes++;
			assert_true(good && s.is == RX_TEST && s.dir == 0);
			assert_int_equal(flow, s.flow);
			assert_int_equal(seq, s.seq);
			assert_int_equal(st.a & SIG_STAMP, s.stamp);
			assert_int_equal(st.sum, rx_sum8(p + h.sig));
		} else {
			assert_memory_equal(&st, &before, sizeof(st));
		}
		if (i < len * nmasks && i / nmasks >= 6 && i / nmasks < 12)
			small += is;
		memcpy(p, keep, len);
	}
	assert_int_equal(small, k->proto == 1 ? 0 : 6 * nmasks);
	assert_true(k->proto == 1 || yes >= small);
	rte_pktmbuf_free(m);
	mp_self = mp_control();
	traffic_free(t);
}

static void
test_shape(void **state)
{
	static const unsigned protos[] = {17, 6, 1}, sizes[] = {64, 128, 1518};
	uint8_t every[255];

	for (unsigned i = 0; i < 255; i++)
		every[i] = (uint8_t)(i + 1);
	for (unsigned i = 0; i < 2 * 3 * 3 * 3; i++) {
		struct kind k = {i % 2 != 0 ? 6 : 4, protos[i / 2 % 3], i / 6 % 3, sizes[i / 18]};

		shape(&k, k.size == 1518 ? 3 : 255, every);
	}
}

/* Nothing wrong: v4 and v6, every protocol, tags, chains, padding, sizes up to the longest */
static void
test_clean(void **state)
{
	static const unsigned protos[] = {17, 6, 1};

	for (unsigned i = 0; i < 2 * 3 * 3; i++) {
		struct kind k = {i % 2 != 0 ? 6 : 4, protos[i / 2 % 3], i / 6, 0};

		for (unsigned size = 64; size < 2000; size += size < 140 ? 1 : 333) {
			struct traffic *t;
			const struct trial_counts *c;
			struct rte_mbuf *m[PKT_VEC];

			k.size = size;
			t = build(&k, 5, false);
			trial(t, NULL, 2);
			mp_self = mp_workers[0];
			for (unsigned j = 0; j < PKT_VEC; j++) {
				m[j] = frame(t, 0, j % 5, j / 5, MAGIC);
				sent[0][j % 5]++;
				if (j % 8 == 3)
					m[j] = cut(m[j], 40 + j);
				if (j % 8 == 5)
					memset(rte_pktmbuf_append(m[j], 7), 0xaa, 7);
			}
			feed(0, 1, m, PKT_VEC);
			c = collect(PKT_VEC);
			assert_int_equal(c->received, PKT_VEC);
			assert_int_equal(c->unique, PKT_VEC);
			assert_int_equal(c->lost + c->corrupt + c->duplicate + c->reordered + c->misdelivered +
					     c->unattributed + c->stale + c->fragments,
			    0);
			assert_int_equal(result.other, 0);
			assert_int_equal(result.dir[0].latency.n, PKT_VEC);
			assert_true(result.dir[0].latency.min >= 1000 * 1e9 / (double)mp_tsc_hz);
			assert_int_equal(result.dir[0].flows, 5);
			assert_int_equal(result.dir[0].flows_lossy, 0);
			traffic_free(t);
		}
	}
}

/* Lost, twice, out of order, on two workers: the first that sees a flow has it. */
static void
test_faults(void **state)
{
	struct kind k = {4, 17, 0, 64};
	struct traffic *t = build(&k, 8, false);
	const struct trial_counts *c;
	struct trial_flow_result flow;
	unsigned all = 0, handed = 0;

	trial(t, NULL, 2);
	for (uint32_t seq = 0; seq < 100; seq++) {
		for (uint32_t f = 0; f < 8; f++) {
			unsigned worker = (seq + f) % 2;

			sent[0][f]++;
			all++;
			if (f == 2 && seq % 10 == 5)
				continue;
			mp_self = mp_workers[worker];
			/* of flow 3 every tenth and the one after it change places */
			feed_one(worker, 1, frame(t, 0, f, f == 3 && seq % 10 < 2 ? seq ^ 1 : seq, MAGIC));
			mp_self = mp_workers[worker];
			if (f == 4 && seq % 20 == 7)
				feed_one(worker, 1, frame(t, 0, f, seq, MAGIC));
			mp_self = mp_control();
			handed += inbox(0) + inbox(1);
		}
	}
	/* the worker of a flow's first packet keeps the flow: every odd number came to the other one */
	assert_int_equal(handed, 8 * 50 - 10 + 5);
	c = collect(all);
	assert_int_equal(c->lost, 10);
	assert_int_equal(c->unique, all - 10);
	assert_int_equal(c->duplicate, 5);
	assert_int_equal(c->reordered, 10);
	assert_int_equal(c->reorder_max, 1);
	assert_int_equal(c->received, all - 10 + 5);
	assert_int_equal(result.dir[0].flows_lossy, 1);
	rx_flow(0, 2, &flow);
	assert_int_equal(flow.received, 90);
	assert_int_equal(flow.sent, 100);
	assert_int_equal(flow.lost, 10);
	rx_flow(0, 3, &flow);
	assert_int_equal(flow.reordered, 10);
	rx_flow(0, 4, &flow);
	assert_int_equal(flow.duplicate, 5);
	assert_int_equal(result.tester_lost, 0);
	traffic_free(t);
}

/* A ring between workers that is full: the tester lost it, and says so. */
static void
test_ring_full(void **state)
{
	struct kind k = {4, 17, 0, 64};
	struct traffic *t = build(&k, 1, false);
	const struct trial_counts *c;
	unsigned all = 0, came;

	trial(t, NULL, 2);
	mp_self = mp_workers[1];
	feed_one(1, 1, frame(t, 0, 0, all++, MAGIC));
	while (mp_drop_sum(DROP_RING_FULL) < 10) {
		mp_self = mp_workers[0];
		feed_one(0, 1, frame(t, 0, 0, all++, MAGIC));
	}
	came = inbox(1);
	sent[0][0] = all;
	c = collect(all);
	assert_int_equal(came, all - 11);
	assert_int_equal(result.tester_lost, 10);
	assert_int_equal(c->received, all);
	assert_int_equal(c->lost, 10);
	traffic_free(t);
}

/* At the wrong port, with other addresses, of other trials, of the warm-up. */
static void
test_elsewhere(void **state)
{
	struct kind k = {4, 17, 0, 128};

	for (k.family = 4; k.family <= 6; k.family += 2) {
		struct traffic *t = build(&k, 4, false), *back = build(&k, 4, true), *other;
		const struct trial_counts *c;
		struct kind far = k;
		struct rte_mbuf *m;

		far.proto = 6;
		other = build(&far, 4, false);
		trial(t, back, 2);
		mp_self = mp_workers[0];
		feed_one(0, 0, frame(t, 0, 0, 0, MAGIC)); /* where it came from */
		mp_self = mp_workers[0];
		feed_one(0, 1, frame(back, 1, 0, 0, MAGIC));
		mp_self = mp_workers[0];
		feed_one(0, 1, frame(t, 0, 1, 0, MAGIC)); /* right */
		mp_self = mp_workers[0];
		feed_one(0, 0, frame(back, 1, 1, 0, MAGIC));
		mp_self = mp_workers[0];
		m = frame(t, 0, 2, 0, MAGIC); /* another flow's number in it: every sum is right, the ports differ */
		sig_write(rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len - SIG_LEN), 0, MAGIC, 0, 3);
		feed_one(0, 1, m);
		mp_self = mp_workers[0];
		feed_one(0, 1, frame(other, 0, 0, 0, MAGIC)); /* another protocol */
		mp_self = mp_workers[0];
		feed_one(0, 1, frame(t, 0, 0, 0, MAGIC - 1));
		mp_self = mp_workers[0];
		feed_one(0, 1, frame(t, 0, 0, 0, MAGIC - 2));
		mp_self = mp_workers[0];
		feed_one(0, 1, frame(t, 0, 0, 0, MAGIC + 1));
		assert_int_equal(rx_warm(0), 1);
		assert_int_equal(rx_warm(1), 0);
		assert_true(rx_lastarrival() != 0);
		sent[0][0] = sent[0][1] = sent[0][2] = sent[0][3] = 1;
		c = collect(4);
		assert_int_equal(c->unique, 1);
		assert_int_equal(c->misdelivered, 3);
		assert_int_equal(c->stale, 2);
		assert_int_equal(c->lost, 3);
		assert_int_equal(c->corrupt, 0);
		assert_int_equal(result.dir[1].count.misdelivered, 1);
		assert_int_equal(result.dir[1].count.unique, 1);
		assert_int_equal(result.other, 0);
		traffic_free(t);
		traffic_free(back);
		traffic_free(other);
	}
}

/* A checksum over the IPv4 header made right again */
static void
ip4_sum(uint8_t *ip)
{
	uint16_t sum;

	memset(ip + 10, 0, 2);
	sum = cksum_fold(cksum_add(0, ip, 20));
	memcpy(ip + 10, &sum, 2);
}

/* What routers may do: TTL, TOS, source link address, tags.  What comes in pieces. */
static void
test_changes(void **state)
{
	struct kind k = {4, 17, 1, 128};
	struct traffic *t = build(&k, 1, false);
	const struct trial_counts *c;
	struct rte_mbuf *m;
	uint8_t *p;

	trial(t, NULL, 2);
	mp_self = mp_workers[0];
	m = frame(t, 0, 0, 0, MAGIC);
	p = rte_pktmbuf_mtod(m, uint8_t *);
	p[18 + 8]--; /* TTL */
	p[18 + 1] = 0x2e << 2;
	ip4_sum(p + 18);
	memset(p + 6, 0x22, 6);
	/* the tag goes */
	memmove(p + 4, p, 12);
	rte_pktmbuf_adj(m, 4);
	feed_one(0, 1, m);
	mp_self = mp_workers[0];
	m = frame(t, 0, 0, 1, MAGIC); /* options: two words of no operation */
	m->data_off -= 8;
	m->data_len += 8;
	m->pkt_len += 8;
	p = rte_pktmbuf_mtod(m, uint8_t *);
	memmove(p, p + 8, 18 + 20);
	memset(p + 18 + 20, 1, 8);
	p[18] = 0x47;
	p[18 + 3] += 8;
	memset(p + 18 + 10, 0, 2);
	{
		uint16_t sum = cksum_fold(cksum_add(0, p + 18, 28));

		memcpy(p + 18 + 10, &sum, 2);
	}
	feed_one(0, 1, m);
	for (unsigned i = 0; i < 3; i++) { /* first, middle, last fragment */
		mp_self = mp_workers[0];
		m = frame(t, 0, 0, 2, MAGIC);
		p = rte_pktmbuf_mtod(m, uint8_t *);
		p[18 + 6] = i < 2 ? 0x20 : 0;
		p[18 + 7] = (uint8_t)(i * 8);
		if (i < 2) {
			rte_pktmbuf_trim(m, 30);
			p[18 + 3] -= 30;
		}
		if (i == 1)
			memset(p + 18 + 20, 0x77, 40);
		ip4_sum(p + 18);
		feed_one(0, 1, m);
	}
	mp_self = mp_workers[0];
	m = frame(t, 0, 0, 3, MAGIC); /* cut off */
	rte_pktmbuf_trim(m, 30);
	feed_one(0, 1, m);
	mp_self = mp_workers[0];
	m = frame(t, 0, 0, 4, MAGIC); /* UDP's checksum taken out */
	memset(rte_pktmbuf_mtod_offset(m, uint8_t *, 18 + 20 + 6), 0, 2);
	feed_one(0, 1, m);
	sent[0][0] = 5;
	c = collect(5);
	assert_int_equal(c->unique, 3);
	assert_int_equal(c->fragments, 3);
	assert_int_equal(c->corrupt, 2);
	assert_int_equal(c->unattributed, 1);
	assert_int_equal(c->lost, 1);
	assert_int_equal(c->misdelivered, 0);
	traffic_free(t);
}

/* Echo requests that come back as replies, to the port they went out of */
static void
test_echo_reply(void **state)
{
	for (unsigned family = 4; family <= 6; family += 2) {
		struct kind k = {family, 1, 0, 100};
		struct traffic *t = build(&k, 2, false);
		unsigned l4 = 14 + (family == 6 ? 40 : 20), addr = 14 + (family == 6 ? 8 : 12),
			 n = family == 6 ? 16 : 4;
		const struct trial_counts *c;
		struct rte_mbuf *m;
		uint8_t *p, swap[16];
		uint16_t sum;

		trial(t, NULL, 1);
		mp_self = mp_workers[0];
		m = frame(t, 0, 1, 0, MAGIC);
		p = rte_pktmbuf_mtod(m, uint8_t *);
		memcpy(p, lladdr[0], 6);
		memcpy(swap, p + addr, n);
		memcpy(p + addr, p + addr + n, n);
		memcpy(p + addr + n, swap, n);
		/* the type is less by 8 (by 1 more): the checksum grows by as much */
		p[l4] = family == 6 ? 129 : 0;
		memcpy(&sum, p + l4 + 2, 2);
		sum = cksum_fold((uint16_t)~sum + (family == 6 ? 1u : 0xffffu - 8));
		memcpy(p + l4 + 2, &sum, 2);
		feed_one(0, 0, m);
		sent[0][1] = 1;
		c = collect(1);
		assert_int_equal(c->unique, 1);
		assert_int_equal(c->corrupt + c->misdelivered + c->lost, 0);
		traffic_free(t);
	}
}

/* Frames of others go to control, by kind; those for others' link addresses are counted only. */
static void
test_foreign(void **state)
{
	static const uint8_t all[6] = {255, 255, 255, 255, 255, 255};
	struct kind k = {6, 17, 0, 128};
	struct traffic *t = build(&k, 1, false);
	unsigned was[PUNT_COUNT];

	memcpy(was, punted, sizeof(was));
	trial(t, NULL, 2);
	for (unsigned i = 0; i < 6; i++) {
		struct rte_mbuf *m;
		uint8_t *p;

		mp_self = mp_workers[0];
		m = rte_pktmbuf_alloc(mp_self->pool);
		m->data_len = 100;
		m->pkt_len = 100;
		p = rte_pktmbuf_mtod(m, uint8_t *);
		memset(p, 0, 100);
		memcpy(p, i == 0 ? all : lladdr[i % 2], 6);
		memcpy(p + 12, i < 2 ? "\x08\x06" : i == 2 ? "\x12\x34" : "\x86\xdd", 2);
		if (i >= 3) {
			p[14] = 0x60;
			p[19] = 24;
			p[20] = i == 3 ? 58 : 89;
			p[54] = 135;
		}
		/* 0: ARP for all; 1: for us; 2: for another station; 3: ND; 4: for another; 5: OSPF */
		feed_one(0, 1, m);
		mp_punt_drain();
	}
	collect(0);
	assert_int_equal(result.other, 6);
	assert_int_equal(punted[PUNT_ARP] - was[PUNT_ARP], 2);
	assert_int_equal(punted[PUNT_ND] - was[PUNT_ND], 1);
	assert_int_equal(punted[PUNT_LOCAL] - was[PUNT_LOCAL], 1);
	traffic_free(t);
}

/* A number that was never sent, of a flow from which nothing is missing: it was received, so it is counted somewhere. */
static void
test_held(void **state)
{
	static const uint32_t seq[] = {0, 1, 2, 5000};
	const struct kind k = {4, 17, 0, 64};
	struct traffic *t = build(&k, 1, false);
	const struct trial_counts *c;

	trial(t, NULL, 2);
	for (unsigned i = 0; i < 4; i++) {
		mp_self = mp_workers[0];
		feed_one(0, 1, frame(t, 0, 0, seq[i], MAGIC));
	}
	sent[0][0] = 3;
	c = collect(3);
	assert_int_equal(c->received, 4);
	assert_int_equal(c->unique, 3);
	assert_int_equal(c->unattributed, 1);
	assert_int_equal(c->lost, 0);
	traffic_free(t);
}

/* Garbage of every kind: nothing but whole counts may come of it. */
static void
test_garbage(void **state)
{
	static const unsigned protos[] = {17, 6, 1};
	uint64_t x = 4711;
	unsigned all = 0;
	const struct trial_counts *c;
	struct kind k = {4, 17, 0, 64};
	struct traffic *t = build(&k, 1000, false);

	trial(t, NULL, 2);
	for (unsigned i = 0; i < 60000; i++) {
		struct kind g;
		struct traffic *from;
		struct rte_mbuf *m;
		unsigned changes;
		static struct traffic *kinds[18]; /* built once */

		x = x * 6364136223846793005u + 1442695040888963407u;
		g = (struct kind){x >> 60 & 1 ? 6 : 4, protos[(x >> 50) % 3], (x >> 40) % 3, 64 + (x >> 33) % 70};
		from = kinds[(x >> 20) % 18];
		if (from == NULL)
			from = kinds[(x >> 20) % 18] = build(&g, 4, false);
		mp_self = mp_workers[0];
		m = frame(from, 0, i % 4, i, MAGIC);
		changes = (x >> 10) % 5;
		for (unsigned j = 0; j < changes; j++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			rte_pktmbuf_mtod(m, uint8_t *)[(x >> 33) % (j % 2 ? m->data_len : 60)] ^= (uint8_t)(x >> 20);
		}
		if ((x >> 12) % 4 == 0)
			rte_pktmbuf_trim(m, (uint16_t)((x >> 40) % m->data_len));
		if ((x >> 14) % 4 == 0 && m->pkt_len > 0)
			m = cut(m, 1 + (x >> 44) % 60);
		feed_one(0, 1, m);
		mp_punt_drain();
		all++;
	}
	c = collect(all);
	assert_true(c->unique + c->duplicate + c->late + c->unattributed == c->received);
	assert_true(c->corrupt <= c->received);
	assert_true(c->received + c->misdelivered + c->fragments + c->stale + result.other == all);
	assert_true(c->lost <= all);
	traffic_free(t);
}

/* Both workers run, and each gets every second packet of every flow. */
struct feeding {
	struct mp_call call;
	const struct traffic *t;
	unsigned round;
	bool done;
};

static void
feeding_fn(struct worker *w, struct mp_call *call)
{
	const struct feeding *f = (const struct feeding *)(const void *)call;

	for (unsigned i = 0; i < PKT_VEC; i++) {
		unsigned n = f->round * PKT_VEC + i;

		w->rx->v.m[i] = frame(f->t, 0, n % 16, n / 16 * 2 + w->id, MAGIC);
	}
	w->nrx = PKT_VEC;
	w->rx->run[0] = (struct if_run){.ifp = port[1], .n = PKT_VEC};
	w->rx->nruns = 1;
	rx_receive(w);
}

static void
feeding_done(struct mp_call *call)
{
	((struct feeding *)(void *)call)->done = true;
}

static void
test_workers(void **state)
{
	enum { ROUNDS = 300 };
	const struct kind k = {4, 17, 0, 64};
	struct traffic *t = build(&k, 16, false);
	const struct trial_counts *c;
	struct feeding f[2];
	unsigned all = 2 * ROUNDS * PKT_VEC;

	assert_int_equal(mp_run(), 0);
	trial(t, NULL, 2);
	for (unsigned i = 0; i < 16; i++)
		sent[0][i] = all / 16;
	for (unsigned r = 0; r < ROUNDS; r++) {
		for (unsigned i = 0; i < 2; i++) {
			f[i] = (struct feeding){.call = {.fn = feeding_fn, .done = feeding_done}, .t = t, .round = r};
			mp_call(mp_workers[i], &f[i].call);
		}
		while (!f[0].done || !f[1].done)
			event_base_loop(base, EVLOOP_ONCE);
	}
	/* what is in the inboxes now is counted all the same */
	rx_settle();
	c = collect(all);
	assert_int_equal(c->received, all);
	assert_int_equal(c->unique + result.tester_lost, all);
	assert_int_equal(c->lost, result.tester_lost);
	assert_int_equal(c->duplicate + c->corrupt + c->late + c->unattributed, 0);
	traffic_free(t);
}

static struct ifnet *
attach(unsigned i)
{
	static const struct if_ops ops = {.type = "test"};
	struct ifnet *ifp = if_alloc(i == 0 ? "test0" : "test1", IFT_SMP_ETHER);

	ifp->if_ops = &ops;
	assert_int_equal(if_attach(ifp), 0);
	assert_int_equal(if_set_lladdr(ifp, lladdr[i]), 0);
	return ifp;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clean), cmocka_unit_test(test_every_octet), cmocka_unit_test(test_shape),
	    cmocka_unit_test(test_faults), cmocka_unit_test(test_ring_full), cmocka_unit_test(test_elsewhere),
	    cmocka_unit_test(test_changes), cmocka_unit_test(test_echo_reply), cmocka_unit_test(test_foreign),
	    cmocka_unit_test(test_held), cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_workers), /* the last: workers run from here on */
	};
	struct mp_config conf = {.nworkers = 2, .pool_buffers = 8191, .buffer_size = 4096};
	int r;

	sig_init();
	base = event_base_new();
	mp_log_level = MP_LOG_ERR - 1;
	if (mp_eal_init() != 0 || pkt_init() != 0 || mp_start(&conf, base) != 0 || ifnet_init() != 0 || rx_init() != 0)
		return 1;
	mp_hooks = (struct mp_hooks){.receive = rx_receive, .resume = rx_resume};
	mp_punt_register(PUNT_ARP, on_punt, 0, 0);
	mp_punt_register(PUNT_ND, on_punt, 0, 0);
	mp_punt_register(PUNT_LOCAL, on_punt, 0, 0);
	port[0] = attach(0);
	port[1] = attach(1);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	rx_fini();
	mp_stop();
	event_base_free(base);
	return r;
}
