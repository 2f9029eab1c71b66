/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces: transmit buffers, generations, addresses against a model, source selection, the control methods. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <jansson.h>

#include "if_double.h"
#include "ctl/ctl.h"
#include "dev/port.h"
#include "if/if_var.h"
#include "if/ifnet.h"
#include "mp/eal.h"
#include "mp/pool.h"
#include "pkt/pkt.h"

#define POOL 2047u
#define NIF  3

static struct event_base *base;

#define UNTIL(cond)                                                                                                    \
	do {                                                                                                           \
		for (int tries_ = 0; !(cond); tries_++) {                                                              \
			assert_true(tries_ < 20000);                                                                   \
			event_base_loop(base, EVLOOP_NONBLOCK);                                                        \
			usleep(500);                                                                                   \
		}                                                                                                      \
	} while (0)

static bool
pools_full(void)
{
	for (unsigned i = 0; i <= mp_nworkers; i++)
		if (mp_pool_free_count(mp_workers[i]) != POOL)
			return false;
	return true;
}

/* received + originated + copies = transmitted + dropped + consumed */
static bool
sum_holds(void)
{
	uint64_t in, out;

	in = mp_counter_sum(C_PKT_RECEIVED) + mp_counter_sum(C_PKT_ORIGINATED) + mp_counter_sum(C_PKT_COPIES);
	out = mp_counter_sum(C_PKT_TRANSMITTED) + mp_counter_sum(C_PKT_CONSUMED);
	for (unsigned i = 0; i < DROP_COUNT; i++)
		out += mp_drop_sum(i);
	return in == out;
}

/* An interface type that records what it is given. */

struct record {
	_Atomic unsigned n;
	unsigned calls, flushes;
	uint32_t seq[4096];
};

static void
rec_transmit(struct worker *w, struct ifnet *ifp, struct rte_mbuf **m, unsigned n)
{
	struct record *r = ifp->if_softc;

	r->calls++;
	for (unsigned i = 0; i < n; i++) {
		if (r->n < 4096)
			r->seq[r->n++] = pkt_meta(m[i])->aux;
		pkt_consume(w, m[i]);
	}
}

static void
rec_flush(struct worker *w, struct ifnet *ifp)
{
	((struct record *)ifp->if_softc)->flushes++;
}

static int
rec_destroy(struct ifnet *ifp)
{
	if_detach(ifp, NULL);
	return 0;
}

static const struct if_ops rec_ops = {
    .type = "ether", .transmit = rec_transmit, .flush = rec_flush, .destroy = rec_destroy};

static struct ifnet *
rec_create(const char *name, struct record *r, enum if_type type)
{
	struct ifnet *ifp = if_alloc(name, type);

	assert_non_null(ifp);
	ifp->if_ops = &rec_ops;
	ifp->if_softc = r;
	ifp->if_flags = type == IFT_SMP_ETHER ? IFF_SMP_BROADCAST | IFF_SMP_MULTICAST : IFF_SMP_P2P;
	if (type == IFT_SMP_ETHER) {
		const uint8_t mac[6] = {0x02, 0, 0, 0, 0, (uint8_t)ifp->if_index};

		memcpy(&ifp->if_lladdr, mac, 6);
	}
	assert_int_equal(if_attach(ifp), 0);
	return ifp;
}

static void
destroy(struct ifnet *ifp)
{
	char err[256];

	assert_int_equal(if_destroy(ifp, err, sizeof(err)), 0);
	UNTIL(mp_deferred_pending() == 0 && mp_helper_pending() == 0);
}

/* Runs fn on worker 0 and waits. */
struct on_worker {
	struct mp_call call;
	void (*fn)(struct worker *, void *);
	void *arg;
	_Atomic bool done;
};

static void
on_worker_fn(struct worker *w, struct mp_call *call)
{
	struct on_worker *o = (struct on_worker *)call;

	o->fn(w, o->arg);
}

static void
on_worker_done(struct mp_call *call)
{
	((struct on_worker *)call)->done = true;
}

static void
run_on_worker(void (*fn)(struct worker *, void *), void *arg)
{
	struct on_worker o = {.call = {.fn = on_worker_fn, .done = on_worker_done}, .fn = fn, .arg = arg};

	mp_call(mp_workers[0], &o.call);
	UNTIL(o.done);
}

/* Transmit buffers */

struct burst {
	unsigned n;	     /* packets */
	unsigned nif;	     /* over so many interfaces in turn */
	unsigned piece;	     /* so many at a time */
	uint16_t index[NIF]; /* their indexes */
	struct record *rec[NIF];
	unsigned before[NIF]; /* packets seen before the flush */
};

static void
burst_send(struct worker *w, void *arg)
{
	struct burst *b = arg;
	struct pktvec v = {0};
	unsigned piece = b->piece;

	for (unsigned i = 0; i < b->n; i++) {
		struct rte_mbuf *m = pkt_originate(w);

		rte_pktmbuf_append(m, 60);
		pkt_meta(m)->aux = i;
		pkt_meta(m)->oif = b->index[i % b->nif];
		pktvec_add(&v, m);
		if (v.n == piece || i + 1 == b->n) {
			if (b->piece == 5) /* small and large ones in turn */
				piece = 45 - piece;
			if_transmit(w, &v);
			if (v.n != 0)
				abort();
		}
	}
	for (unsigned k = 0; k < b->nif; k++)
		b->before[k] = b->rec[k]->n;
	if_flush(w);
	if (w->ntxdirty != 0)
		abort();
}

static void
test_bursts(void **state)
{
	static const unsigned sizes[] = {1, 2, 7, 15, 16, 17, 63, 64, 65, 127, 128, 129, 200};
	static const unsigned pieces[] = {1, 5, 7, 33, 63, 64};
	struct record rec[NIF];
	struct ifnet *ifp[NIF];

	for (unsigned k = 0; k < NIF; k++) {
		char name[16];

		snprintf(name, sizeof(name), "rec%u", k);
		ifp[k] = rec_create(name, &rec[k], IFT_SMP_ETHER);
		assert_int_equal(if_set_flags(ifp[k], IFF_SMP_UP, 0), 0);
	}
	for (unsigned run = 0; run < NIF * sizeof(pieces) / sizeof(pieces[0]); run++)
		for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			unsigned nif = run % NIF + 1;
			struct burst b = {.n = sizes[s], .nif = nif, .piece = pieces[run / NIF]};

			for (unsigned k = 0; k < NIF; k++) {
				memset(&rec[k], 0, sizeof(rec[k]));
				b.index[k] = ifp[k]->if_index;
				b.rec[k] = &rec[k];
			}
			run_on_worker(burst_send, &b);
			for (unsigned k = 0; k < nif; k++) {
				unsigned want = (b.n + nif - 1 - k) / nif;

				assert_int_equal(rec[k].n, want);
				assert_int_equal(rec[k].flushes, want > 0 ? 1 : 0);
				assert_true(rec[k].calls <= want / 7 + 2);
				for (unsigned i = 0; i < want; i++)
					assert_int_equal(rec[k].seq[i], i * nif + k);
				/* small bursts wait for the flush, full buffers do not */
				if (want < 16)
					assert_int_equal(b.before[k], 0);
				if (want >= 64)
					assert_true(b.before[k] >= want - 63);
			}
		}
	for (unsigned k = 0; k < NIF; k++)
		destroy(ifp[k]);
	UNTIL(pools_full());
	assert_true(sum_holds());
}

/* Frames as devices' polls bring them: ether_input's double sends each back out of the interface it came in by. */
struct polls {
	struct ifnet *ifp[NIF];
	unsigned n[NIF];  /* so many each */
	unsigned waiting; /* frames that no stage has seen when the polls are over */
};

static void
polls_run(struct worker *w, void *arg)
{
	struct polls *p = arg;

	for (unsigned k = 0; k < NIF; k++) {
		uint16_t room;
		struct rte_mbuf **m = if_receive_room(w, &room);

		if (room < PKT_VEC / 2 || room % 8 != 0)
			abort();
		for (unsigned i = 0; i < p->n[k] && i < room; i++) {
			m[i] = rte_pktmbuf_alloc(w->pool);
			memset(rte_pktmbuf_append(m[i], 60 + k), 1, 1);
			memset(pkt_meta(m[i]), 0xff, sizeof(struct pktmeta));
		}
		if (p->n[k] > room)
			p->n[k] = room;
		if (p->n[k] > 0)
			if_received(w, p->ifp[k], 0, p->n[k]);
	}
	p->waiting = w->nrx;
	if (w->nrx > 0)
		if_receive(w);
	if (w->nrx != 0 || w->rx->nruns != 0)
		abort();
	if_flush(w);
}

static void
test_receive(void **state)
{
	static const unsigned sizes[] = {0, 1, 2, 7, 31, 32, 33, 64};
	const unsigned nsizes = sizeof(sizes) / sizeof(sizes[0]);
	struct record rec[NIF];
	struct polls p = {0};

	for (unsigned k = 0; k < NIF; k++) {
		char name[16];

		snprintf(name, sizeof(name), "rec%u", k);
		p.ifp[k] = rec_create(name, &rec[k], IFT_SMP_ETHER);
	}
	/* each combination of sizes, with none or one of the interfaces down */
	for (unsigned run = 0; run < nsizes * nsizes * nsizes * (NIF + 1); run++) {
		unsigned r = run, down = run % (NIF + 1);
		struct if_stats before[NIF], after;

		for (unsigned k = 0; k < NIF; k++) {
			r /= k == 0 ? NIF + 1 : nsizes;
			p.n[k] = sizes[r % nsizes];
			memset(&rec[k], 0, sizeof(rec[k]));
			if_set_flags(p.ifp[k], k == down ? 0 : IFF_SMP_UP, k == down ? IFF_SMP_UP : 0);
			if_stats_sum(p.ifp[k], &before[k]);
		}
		run_on_worker(polls_run, &p);
		assert_true(p.waiting <= PKT_VEC / 2);
		for (unsigned k = 0; k < NIF; k++) {
			if_stats_sum(p.ifp[k], &after);
			assert_int_equal(after.ipackets - before[k].ipackets, p.n[k]);
			assert_int_equal(after.ibytes - before[k].ibytes, p.n[k] * (60 + k));
			assert_int_equal(after.imcasts - before[k].imcasts, p.n[k]);
			assert_int_equal(after.idrops - before[k].idrops, k == down ? p.n[k] : 0);
			assert_int_equal(rec[k].n, k == down ? 0 : p.n[k]);
			for (unsigned i = 0; i < rec[k].n; i++)
				assert_int_equal(rec[k].seq[i], 0); /* metadata was cleared */
		}
	}
	for (unsigned k = 0; k < NIF; k++)
		destroy(p.ifp[k]);
	UNTIL(pools_full());
	assert_true(sum_holds());
}

static void
test_down_and_gone(void **state)
{
	struct record rec = {0};
	struct ifnet *ifp = rec_create("rec0", &rec, IFT_SMP_ETHER);
	struct burst b = {.n = 10, .nif = 1, .piece = PKT_VEC, .index = {ifp->if_index}, .rec = {&rec}};
	uint64_t down = mp_drop_sum(DROP_IF_DOWN), gone = mp_drop_sum(DROP_IF_GONE);
	uint8_t gen = ifp->if_gen;
	uint16_t index = ifp->if_index;
	struct rte_mbuf *m;

	run_on_worker(burst_send, &b);
	assert_int_equal(mp_drop_sum(DROP_IF_DOWN) - down, 10);
	destroy(ifp);
	run_on_worker(burst_send, &b);
	assert_int_equal(mp_drop_sum(DROP_IF_GONE) - gone, 10);
	assert_int_equal(rec.n, 0);

	/* the index goes round, the generation does not */
	ifp = rec_create("rec1", &rec, IFT_SMP_ETHER);
	assert_int_equal(ifp->if_index, index);
	assert_int_equal(ifp->if_gen, (uint8_t)(gen + 1));
	assert_int_equal(if_set_flags(ifp, IFF_SMP_UP, 0), 0);
	m = pkt_originate(mp_control());
	rte_pktmbuf_append(m, 60);
	if_ctl_transmit(ifp, m);
	UNTIL(rec.n == 1);
	m = pkt_originate(mp_control());
	rte_pktmbuf_append(m, 60);
	pkt_meta(m)->oif = index;
	pkt_meta(m)->oifgen = gen;
	pkt_meta(m)->stage = PKT_IF_TRANSMIT;
	mp_handoff(mp_control(), mp_workers[1], &m, 1);
	UNTIL(mp_drop_sum(DROP_IF_GONE) - gone == 11);
	assert_int_equal(rec.n, 1);

	/* names are one each */
	assert_int_equal(if_attach(ifp), -EEXIST);
	destroy(ifp);
	assert_null(ifnet_by_name("rec1"));
	UNTIL(pools_full());
}

static void
test_promisc(void **state)
{
	struct record rec = {0};
	struct ifnet *ifp = rec_create("rec0", &rec, IFT_SMP_ETHER);

	assert_int_equal(if_promisc(ifp, true), 0);
	assert_int_equal(if_promisc(ifp, true), 0);
	assert_true(ifp->if_flags & IFF_SMP_PROMISC);
	assert_int_equal(if_promisc(ifp, false), 0);
	assert_true(ifp->if_flags & IFF_SMP_PROMISC);
	assert_int_equal(if_promisc(ifp, false), 0);
	assert_false(ifp->if_flags & IFF_SMP_PROMISC);
	destroy(ifp);
}

/* Addresses */

static struct ifaddr
spec_of(const char *text)
{
	struct ifaddr spec = {0};
	char addr[64];
	int plen;

	assert_int_equal(sscanf(text, "%63[^/]/%d", addr, &plen), 2);
	spec.ifa_plen = plen;
	spec.ifa_family = strchr(addr, ':') != NULL ? AF_INET6 : AF_INET;
	assert_int_equal(inet_pton(spec.ifa_family, addr, &spec.ifa_addr), 1);
	return spec;
}

static struct ifaddr *
find(struct ifnet *ifp, const char *text)
{
	struct ifaddr spec = spec_of(text);

	return if_addr_find(ifp, spec.ifa_family, &spec.ifa_addr, false);
}

static int
add(struct ifnet *ifp, const char *text)
{
	struct ifaddr spec = spec_of(text);

	return if_addr_add(ifp, &spec);
}

static void
test_addr_refused(void **state)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
	    {"224.0.0.1/24", -EADDRNOTAVAIL},
	    {"255.255.255.255/32", -EADDRNOTAVAIL},
	    {"240.0.0.1/8", -EADDRNOTAVAIL},
	    {"127.0.0.1/8", -EADDRNOTAVAIL},
	    {"0.0.0.0/0", -EADDRNOTAVAIL},
	    {"10.0.0.1/33", -EINVAL},
	    {"ff02::1/64", -EADDRNOTAVAIL},
	    {"::/64", -EADDRNOTAVAIL},
	    {"::1/128", -EADDRNOTAVAIL},
	    {"::ffff:10.0.0.1/96", -EADDRNOTAVAIL},
	    {"fe80:2::1/64", -EADDRNOTAVAIL},
	    {"2001:db8::1/129", -EINVAL},
	    {"10.0.0.1/24", 0},
	    {"10.0.0.1/24", 0}, /* again: replaced */
	    {"2001:db8::1/64", 0},
	};
	struct record rec = {0};
	struct ifnet *ifp = rec_create("rec0", &rec, IFT_SMP_ETHER), *other = rec_create("rec1", &rec, IFT_SMP_ETHER),
		     *p2p = rec_create("rec2", &rec, IFT_SMP_TUNNEL);
	struct ifaddr spec;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(add(ifp, cases[i].text), cases[i].error);
	assert_int_equal(add(other, "10.0.0.1/24"), -EEXIST);
	assert_int_equal(add(other, "2001:db8::1/64"), -EEXIST);
	assert_int_equal(add(other, "fe80::7/64"), 0);
	assert_int_equal(add(ifp, "fe80::7/64"), 0);  /* another zone */
	assert_int_equal(add(p2p, "10.0.0.1/32"), 0); /* unnumbered */
	spec = spec_of("10.0.0.9/32");
	spec.ifa_has_dst = true;
	inet_pton(AF_INET, "10.9.9.9", &spec.ifa_dst);
	assert_int_equal(if_addr_add(ifp, &spec), -EINVAL);
	assert_int_equal(if_addr_add(p2p, &spec), 0);
	spec = spec_of("10.0.0.77/24");
	assert_int_equal(if_addr_delete(ifp, AF_INET, &spec.ifa_addr), -EADDRNOTAVAIL);
	destroy(ifp);
	destroy(other);
	destroy(p2p);
	assert_int_equal(dbl.connected, 0);
	assert_int_equal(dbl.local, 0);
}

static void
test_addr_states(void **state)
{
	struct record rec = {0};
	struct ifnet *ifp = rec_create("rec0", &rec, IFT_SMP_ETHER);
	struct ifaddr *a4, *a6, *ll;
	struct in_addr brd;

	memset(&dbl, 0, sizeof(dbl));
	/* set while down: IPv4 is good at once, IPv6 waits for DAD */
	assert_int_equal(add(ifp, "10.0.0.1/24"), 0);
	assert_int_equal(add(ifp, "2001:db8::1/64"), 0);
	a4 = find(ifp, "10.0.0.1/24");
	a6 = find(ifp, "2001:db8::1/64");
	assert_int_equal(a4->ifa_flags, 0);
	inet_pton(AF_INET, "10.0.0.255", &brd);
	assert_true(a4->ifa_has_brd && a4->ifa_brd.in4.s_addr == brd.s_addr);
	assert_int_equal(a6->ifa_flags, IFA_TENTATIVE);
	assert_true(double_connected(a6) && !double_local(a6) && double_local(a4));
	assert_int_equal(dbl.dad_started, 0);

	/* up: DAD for IPv6 and the link-local address made now, an announcement for IPv4 */
	assert_int_equal(if_set_flags(ifp, IFF_SMP_UP, 0), 0);
	assert_int_equal(dbl.dad_started, 2);
	assert_int_equal(dbl.announced, 1);
	ll = TAILQ_LAST(&ifp->if_addrs, ifaddr_head);
	assert_int_equal(ll->ifa_flags, IFA_LINKLOCAL | IFA_TENTATIVE);
	assert_ptr_equal(ll, find(ifp, "fe80::ff:fe00:1/64"));
	assert_null(if_addr_find(ifp, AF_INET6, &a6->ifa_addr, true));
	if_addr_dad_done(a6, false);
	if_addr_dad_done(ll, true);
	assert_int_equal(a6->ifa_flags, 0);
	assert_true(double_local(a6));
	assert_int_equal(ll->ifa_flags, IFA_LINKLOCAL | IFA_DUPLICATED);
	assert_true(double_connected(ll) && !double_local(ll));
	assert_ptr_equal(if_addr_find(NULL, AF_INET6, &a6->ifa_addr, true), a6);

	/* IPv4 on an interface that is up is probed for */
	assert_int_equal(add(ifp, "10.0.0.2/24"), 0);
	assert_int_equal(find(ifp, "10.0.0.2/24")->ifa_flags, IFA_TENTATIVE);
	if_addr_dad_done(find(ifp, "10.0.0.2/24"), false);

	/* the link goes and comes back: detached, then DAD again, whatever it said before */
	dbl.dad_started = 0;
	if_link_state_change(ifp, LINK_UP);
	assert_int_equal(dbl.dad_started, 0); /* from unknown to up is no change */
	if_link_state_change(ifp, LINK_DOWN);
	assert_int_equal(a4->ifa_flags, IFA_DETACHED);
	assert_int_equal(ll->ifa_flags, IFA_LINKLOCAL | IFA_DETACHED);
	assert_true(double_local(a4));
	assert_int_equal(add(ifp, "10.0.0.3/24"), 0);
	assert_int_equal(find(ifp, "10.0.0.3/24")->ifa_flags, IFA_DETACHED);
	if_link_state_change(ifp, LINK_UP);
	assert_int_equal(dbl.dad_started, 5);
	assert_int_equal(a4->ifa_flags, IFA_TENTATIVE);
	assert_int_equal(ll->ifa_flags, IFA_LINKLOCAL | IFA_TENTATIVE);

	/* destroyed while DAD runs */
	dbl.dad_stopped = 0;
	destroy(ifp);
	assert_int_equal(dbl.dad_stopped, 5);
	assert_int_equal(dbl.connected, 0);
	assert_int_equal(dbl.local, 0);
}

static void
test_addr_lifetimes(void **state)
{
	struct record rec = {0};
	struct ifnet *ifp = rec_create("rec0", &rec, IFT_SMP_ETHER);
	struct ifaddr spec = spec_of("2001:db8::1/64"), *ifa;

	dbl.dad_at_once = true;
	assert_int_equal(if_set_flags(ifp, IFF_SMP_UP, 0), 0);
	spec.ifa_preferred = mp_now_ms() + 100000;
	spec.ifa_valid = mp_now_ms() + 50000;
	assert_int_equal(if_addr_add(ifp, &spec), -EINVAL);
	spec.ifa_preferred = mp_now_ms() + 50;
	spec.ifa_valid = mp_now_ms() + 400;
	assert_int_equal(if_addr_add(ifp, &spec), 0);
	ifa = find(ifp, "2001:db8::1/64");
	assert_int_equal(ifa->ifa_flags, 0);
	UNTIL(ifa->ifa_flags == IFA_DEPRECATED);
	UNTIL(find(ifp, "2001:db8::1/64") == NULL);
	/* a new lifetime before the end of the old one */
	spec.ifa_preferred = mp_now_ms() + 30;
	spec.ifa_valid = mp_now_ms() + 60000;
	assert_int_equal(if_addr_add(ifp, &spec), 0);
	ifa = find(ifp, "2001:db8::1/64");
	UNTIL(ifa->ifa_flags == IFA_DEPRECATED);
	spec.ifa_preferred = spec.ifa_valid = 0;
	assert_int_equal(if_addr_add(ifp, &spec), 0);
	assert_ptr_equal(find(ifp, "2001:db8::1/64"), ifa);
	assert_int_equal(ifa->ifa_flags, 0);
	destroy(ifp);
	dbl.dad_at_once = false;
	assert_int_equal(dbl.connected, 0);
}

/* Random operations against the plainest model: which of a few addresses are there. */
static void
test_addr_random(void **state)
{
	static const char *const pool[] = {"10.0.0.1/24", "10.0.0.2/24", "10.0.1.1/24", "10.0.0.1/16", "2001:db8::1/64",
	    "2001:db8::2/64", "fe80::1/64", "fd00::1/128"};
	enum { N = sizeof(pool) / sizeof(pool[0]) };
	struct record rec = {0};
	struct ifnet *ifp[2];
	bool there[2][N] = {{false}};

	dbl.dad_at_once = false;
	if_auto_linklocal = 0;
	ifp[0] = rec_create("rec0", &rec, IFT_SMP_ETHER);
	ifp[1] = rec_create("rec1", &rec, IFT_SMP_ETHER);
	srandom(20261122);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i = random() % 2, k = random() % N, total = 0, count[2] = {0, 0};
		struct ifaddr spec = spec_of(pool[k]), *ifa;
		bool dup = false, mine = false;

		for (unsigned j = 0; j < N; j++) { /* addresses are the same whatever their prefix length */
			struct ifaddr s = spec_of(pool[j]);
			bool same = s.ifa_family == spec.ifa_family && memcmp(&s.ifa_addr, &spec.ifa_addr, 16) == 0;

			mine |= same && there[i][j];
			dup |= same && there[!i][j] && k != 6;
		}
		switch (random() % 8) {
		case 0:
		case 1:
		case 2:
			assert_int_equal(add(ifp[i], pool[k]), dup && !mine ? -EEXIST : 0);
			if (dup && !mine)
				break;
			for (unsigned j = 0; j < N; j++) {
				struct ifaddr s = spec_of(pool[j]);

				if (s.ifa_family == spec.ifa_family && memcmp(&s.ifa_addr, &spec.ifa_addr, 16) == 0)
					there[i][j] = j == k;
			}
			break;
		case 3:
		case 4:
			assert_int_equal(
			    if_addr_delete(ifp[i], spec.ifa_family, &spec.ifa_addr), mine ? 0 : -EADDRNOTAVAIL);
			for (unsigned j = 0; j < N; j++) {
				struct ifaddr s = spec_of(pool[j]);

				if (s.ifa_family == spec.ifa_family && memcmp(&s.ifa_addr, &spec.ifa_addr, 16) == 0)
					there[i][j] = false;
			}
			break;
		case 5:
			(void)if_set_flags(ifp[i], random() % 2 ? IFF_SMP_UP : 0, random() % 2 ? IFF_SMP_UP : 0);
			break;
		case 6:
			if_link_state_change(ifp[i], random() % 3);
			break;
		default:
			TAILQ_FOREACH (ifa, &ifp[i]->if_addrs, ifa_list)
				if (ifa->ifa_dad != NULL) {
					ifa->ifa_dad = NULL;
					if_addr_dad_done(ifa, random() % 3 == 0);
					break;
				}
		}
		for (unsigned j = 0; j < 2; j++) {
			for (unsigned a = 0; a < N; a++)
				count[j] += there[j][a];
			TAILQ_FOREACH (ifa, &ifp[j]->if_addrs, ifa_list) {
				total++;
				count[j]--;
				assert_true(double_connected(ifa));
				assert_int_equal(
				    double_local(ifa), !(ifa->ifa_flags & (IFA_TENTATIVE | IFA_DUPLICATED)));
				/* DAD runs for what is tentative on an interface that is up, and for nothing else */
				assert_int_equal(ifa->ifa_dad != NULL,
				    (ifa->ifa_flags & IFA_TENTATIVE) && (ifp[j]->if_flags & IFF_SMP_UP));
			}
			assert_int_equal(count[j], 0);
		}
		assert_int_equal(dbl.connected, total);
	}
	destroy(ifp[0]);
	destroy(ifp[1]);
	if_auto_linklocal = 1;
	assert_int_equal(dbl.connected, 0);
	assert_int_equal(dbl.local, 0);
}

/* Source addresses */
static void
test_select(void **state)
{
	static const struct {
		const char *dst;
		int out; /* interface */
		const char *want;
	} cases[] = {
	    {"10.0.0.5/32", 0, "10.0.0.1/24"}, {"10.0.1.5/32", 0, "10.0.1.1/24"}, /* the alias whose network it is */
	    {"8.8.8.8/32", 0, "10.0.0.1/24"},					  /* else the first */
	    {"8.8.8.8/32", 1, "192.0.2.1/24"}, {"8.8.8.8/32", -1, "10.0.0.1/24"},
	    {"10.0.1.1/32", 1, "10.0.1.1/24"}, /* our own */
	    {"fe80::9/128", 0, "fe80::1/64"}, {"ff02::1/128", 1, "fe80::2/64"},
	    {"2001:db8:0:1::9/128", 0, "2001:db8:0:1::1/64"},
	    {"2001:db8:0:2::9/128", 0, "2001:db8:0:2::1/64"}, /* longest match */
	    {"2001:db8:0:3::9/128", 0, "2001:db8:0:2::1/64"}, /* not the deprecated one */
	    {"2001:db8:0:1::9/128", 1, "2001:db8:0:4::1/64"}, /* outgoing interface before longest match */
	    {"2001:db8:0:4::1/128", 0, "2001:db8:0:4::1/64"}, /* rule 1 */
	    {"ff0e::1/128", 0, "2001:db8:0:1::1/64"},	      /* global scope */
	};
	struct record rec = {0};
	struct ifnet *ifp[2];
	struct ifaddr spec;

	dbl.dad_at_once = true;
	if_auto_linklocal = 0;
	ifp[0] = rec_create("rec0", &rec, IFT_SMP_ETHER);
	ifp[1] = rec_create("rec1", &rec, IFT_SMP_ETHER);
	(void)if_set_flags(ifp[0], IFF_SMP_UP, 0);
	(void)if_set_flags(ifp[1], IFF_SMP_UP, 0);
	assert_int_equal(add(ifp[0], "fe80::1/64"), 0);
	assert_int_equal(add(ifp[0], "10.0.0.1/24"), 0);
	assert_int_equal(add(ifp[0], "10.0.1.1/24"), 0);
	assert_int_equal(add(ifp[1], "192.0.2.1/24"), 0);
	assert_int_equal(add(ifp[0], "2001:db8:0:1::1/64"), 0);
	assert_int_equal(add(ifp[0], "2001:db8:0:2::1/64"), 0);
	spec = spec_of("2001:db8:0:3::1/64");
	spec.ifa_user_deprecated = true;
	assert_int_equal(if_addr_add(ifp[0], &spec), 0);
	assert_int_equal(add(ifp[1], "2001:db8:0:4::1/64"), 0);
	assert_int_equal(add(ifp[1], "fe80::2/64"), 0); /* after one of wider scope */
	/* never: a tentative address */
	dbl.dad_at_once = false;
	assert_int_equal(add(ifp[0], "2001:db8:0:3::2/64"), 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ifaddr dst = spec_of(cases[i].dst), want = spec_of(cases[i].want), *got;

		got = if_addr_select(cases[i].out < 0 ? NULL : ifp[cases[i].out], dst.ifa_family, &dst.ifa_addr);
		assert_non_null(got);
		if (memcmp(&got->ifa_addr, &want.ifa_addr, 16) != 0)
			fail_msg("to %s: not %s", cases[i].dst, cases[i].want);
	}
	/* The next hop is known: IPv4 by its network, IPv6 by what it advertises */
	struct ifaddr dst = spec_of("8.8.8.8/32"), via = spec_of("10.0.1.9/32"), want = spec_of("10.0.1.1/24");

	assert_int_equal(if_addr_select_via(ifp[0], AF_INET, &dst.ifa_addr, &via.ifa_addr)->ifa_addr.in4.s_addr,
	    want.ifa_addr.in4.s_addr);
	dst = spec_of("2001:db8:0:1::9/128");
	want = spec_of("2001:db8:0:2::1/64");
	via = spec_of("fe80::99/128");
	dbl.by_router = if_addr_find(ifp[0], AF_INET6, &want.ifa_addr, true);
	assert_non_null(dbl.by_router);
	assert_ptr_equal(if_addr_select_via(ifp[0], AF_INET6, &dst.ifa_addr, &via.ifa_addr), dbl.by_router);
	assert_ptr_not_equal(if_addr_select_via(ifp[0], AF_INET6, &dst.ifa_addr, NULL), dbl.by_router);
	dbl.by_router = NULL;
	destroy(ifp[0]);
	destroy(ifp[1]);
	if_auto_linklocal = 1;
}

/* The link addresses that an interface may use */
static void
test_lladdrs(void **state)
{
	struct record rec = {0};
	struct ifnet *ifp = rec_create("rec0", &rec, IFT_SMP_ETHER);
	uint64_t own = ifp->if_lladdr, a = 0x770000000002, b = 0x880000000002, group = 0x01;

	assert_int_equal(ifp->if_hwaddr, own);
	assert_int_equal(if_lladdr_add(ifp, a), 0);
	assert_int_equal(if_lladdr_add(ifp, a), 0); /* once */
	assert_int_equal(if_lladdr_add(ifp, group), -EINVAL);
	assert_int_equal(if_lladdr_add(ifp, 0), -EINVAL);
	assert_int_equal(if_lladdr_delete(ifp, b), -EADDRNOTAVAIL);
	assert_int_equal(if_lladdr_delete(ifp, own), own != 0 ? -EBUSY : -EADDRNOTAVAIL);
	assert_int_equal(if_set_lladdr(ifp, (const uint8_t *)&a), 0);
	assert_int_equal(if_lladdr_delete(ifp, a), -EBUSY); /* in use */
	assert_int_equal(if_lladdr_add(ifp, b), 0);
	assert_int_equal(if_set_lladdr(ifp, (const uint8_t *)&b), 0);
	assert_int_equal(if_lladdr_delete(ifp, a), 0);
	assert_int_equal(if_lladdr_delete(ifp, a), -EADDRNOTAVAIL);
	destroy(ifp); /* with b: the sanitizer sees that it goes */
}

/* The control methods */

static int
call(const char *method, json_t *params, json_t **result)
{
	json_t *ignored = NULL;

	for (const struct ctl_method *m = if_methods; m->name != NULL; m++)
		if (strcmp(m->name, method) == 0) {
			int error = m->fn(NULL, params, result != NULL ? result : &ignored);

			json_decref(params);
			json_decref(ignored);
			return error;
		}
	fail_msg("no method %s", method);
	return -1;
}

static void
collect(void *arg, const char *line)
{
	strcat(arg, line);
	strcat(arg, "\n");
}

static void
test_methods(void **state)
{
	static const struct {
		const char *method, *params;
		int error;
		const char *text; /* in the message */
	} bad[] = {
	    {"if.create", "{\"name\":\"nosuch0\"}", -EINVAL, "no such kind"},
	    {"if.create", "{\"name\":\"lo\"}", -EINVAL, "unit number"},
	    {"if.create", "{\"name\":\"lo01\"}", -EINVAL, "unit number"},
	    {"if.create", "{\"name\":\"lo1x\"}", -EINVAL, "unit number"},
	    {"if.create", "{\"name\":\"lo1\"}", -EEXIST, "exists"},
	    {"if.create", "{\"name\":\"lo1234567890123456\"}", -EINVAL, "longer"},
	    {"if.destroy", "{\"name\":\"lo9\"}", -ENXIO, "lo9"},
	    {"if.set", "{\"name\":\"lo9\"}", -ENXIO, "lo9"},
	    {"if.set", "{\"name\":\"lo1\",\"mtu\":-1}", -EINVAL, "mtu"},
	    {"if.set", "{\"name\":\"lo1\",\"mtu\":70000}", -EINVAL, "mtu"},
	    {"if.set", "{\"name\":\"lo1\",\"link\":\"02:00:00:00:00:01\"}", -EOPNOTSUPP, "link"},
	    {"if.set", "{\"name\":\"rec0\",\"link\":\"02:00:00:00:00\"}", -EINVAL, "link"},
	    {"if.set", "{\"name\":\"rec0\",\"link\":\"01:00:00:00:00:00\"}", -EINVAL, "one station"},
	    {"if.set", "{\"name\":\"rec0\",\"linkstr\":\"x\"}", -EOPNOTSUPP, "linkstr"},
	    {"if.set", "{\"name\":\"rec0\",\"metric\":-2}", -EINVAL, "metric"},
	    {"if.addr.add", "{\"name\":\"rec0\",\"family\":\"inet7\",\"address\":\"10.0.0.1\",\"plen\":24}",
		-EAFNOSUPPORT, "inet7"},
	    {"if.addr.add", "{\"name\":\"rec0\",\"family\":\"inet\",\"address\":\"10.0.0\",\"plen\":24}", -EINVAL,
		"10.0.0"},
	    {"if.addr.add", "{\"name\":\"rec0\",\"family\":\"inet\",\"address\":\"10.0.0.1\",\"plen\":33}", -EINVAL,
		"plen"},
	    {"if.addr.add", "{\"name\":\"rec0\",\"family\":\"inet6\",\"address\":\"fe80::1%lo1\",\"plen\":64}", -EINVAL,
		"zone"},
	    {"if.addr.add",
		"{\"name\":\"rec0\",\"family\":\"inet\",\"address\":\"10.0.0.1\",\"plen\":24,\"peer\":\"10.0.0.2\"}",
		-EINVAL, "point-to-point"},
	    {"if.addr.add",
		"{\"name\":\"rec0\",\"family\":\"inet6\",\"address\":\"2001:db8::1\",\"plen\":64,\"pltime\":9,"
		"\"vltime\":5}",
		-EINVAL, "pltime"},
	    {"if.addr.add",
		"{\"name\":\"rec0\",\"family\":\"inet6\",\"address\":\"2001:db8::1\",\"plen\":64,\"vltime\":0}",
		-EINVAL, "vltime"},
	    {"if.addr.delete", "{\"name\":\"rec0\",\"family\":\"inet\",\"address\":\"10.0.0.1\"}", -EADDRNOTAVAIL,
		"10.0.0.1"},
	};
	static const struct {
		const char *method, *params;
	} good[] = {
	    {"if.set", "{\"name\":\"lo1\",\"mtu\":1500}"},
	    {"if.addr.add", "{\"name\":\"lo1\",\"family\":\"inet\",\"address\":\"10.9.9.9\",\"plen\":32}"},
	    {"if.set", "{\"name\":\"rec0\",\"link\":\"2:0:0:0:0:a\",\"mtu\":1400,\"metric\":3,\"link1\":true}"},
	    {"if.set", "{\"name\":\"rec0\",\"arp\":false,\"promisc\":true}"},
	    {"if.addr.add", "{\"name\":\"rec0\",\"family\":\"inet\",\"address\":\"10.0.0.1\",\"plen\":24}"},
	    {"if.addr.add", "{\"name\":\"rec0\",\"family\":\"inet\",\"address\":\"10.0.1.1\",\"plen\":24,\"broadcast\":"
			    "\"10.0.1.0\"}"},
	    {"if.addr.add",
		"{\"name\":\"rec0\",\"family\":\"inet6\",\"address\":\"2001:db8::\",\"plen\":64,\"eui64\":true}"},
	};
	static const char *const saved = "ifconfig lo1 create\n"
					 "ifconfig lo1 mtu 1500\n"
					 "ifconfig lo1 inet 10.9.9.9/32\n"
					 "ifconfig lo1 up\n"
					 "ifconfig rec0 mtu 1400\n"
					 "ifconfig rec0 metric 3\n"
					 "ifconfig rec0 link 02:00:00:00:00:0a active\n"
					 "ifconfig rec0 -arp\n"
					 "ifconfig rec0 link1\n"
					 "ifconfig rec0 promisc\n"
					 "ifconfig rec0 inet 10.0.0.1/24\n"
					 "ifconfig rec0 inet 10.0.1.1/24 broadcast 10.0.1.0 alias\n"
					 "ifconfig rec0 inet6 2001:db8::ff:fe00:a/64\n"
					 "ifconfig rec0 up\n";
	struct record rec = {0};
	char text[2048] = "";
	json_t *list = NULL, *o, *a;
	struct ifnet *ifp;

	dbl.dad_at_once = true;
	assert_int_equal(if_lo_create(), 0);
	assert_int_equal(ifnet_by_name("lo0")->if_index, 1);
	assert_int_equal(ifnet_by_name("lo0")->if_flags,
	    IFF_SMP_UP | IFF_SMP_RUNNING | IFF_SMP_LOOPBACK | IFF_SMP_MULTICAST); /* 0x8049 */
	if_config_save(collect, text);
	assert_string_equal(text, ""); /* what is always there is not configuration */
	assert_int_equal(call("if.create", json_pack("{s:s}", "name", "lo1"), NULL), 0);
	ifp = rec_create("rec0", &rec, IFT_SMP_ETHER);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		dbl.error[0] = '\0';
		assert_int_equal(call(bad[i].method, json_loads(bad[i].params, 0, NULL), NULL), bad[i].error);
		if (strstr(dbl.error, bad[i].text) == NULL)
			fail_msg("%s: message \"%s\" lacks \"%s\"", bad[i].params, dbl.error, bad[i].text);
	}
	assert_true(TAILQ_EMPTY(&ifp->if_addrs));
	assert_false(ifp->if_flags & IFF_SMP_UP);
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (call(good[i].method, json_loads(good[i].params, 0, NULL), NULL) != 0)
			fail_msg("%s: %s", good[i].params, dbl.error);
	if_config_save(collect, text);
	assert_string_equal(text, saved);

	/* another one in place of the first, which is not lo0's own */
	assert_int_equal(call("if.addr.add",
			     json_pack("{s:s,s:s,s:s,s:i,s:b}", "name", "rec0", "family", "inet", "address", "10.0.2.1",
				 "plen", 24, "replace", 1),
			     NULL),
	    0);
	assert_null(find(ifp, "10.0.0.1/24"));
	assert_non_null(find(ifp, "10.0.1.1/24"));
	assert_non_null(find(ifp, "10.0.2.1/24"));
	assert_int_equal(call("if.addr.add",
			     json_pack("{s:s,s:s,s:s,s:i,s:b}", "name", "lo0", "family", "inet", "address", "10.8.8.8",
				 "plen", 32, "replace", 1),
			     NULL),
	    0);
	assert_non_null(find(ifnet_by_name("lo0"), "127.0.0.1/8"));
	assert_int_equal(call("if.list", json_pack("{s:s}", "name", "lo0"), &list), 0);
	assert_int_equal(json_array_size(list), 1);
	o = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_object_get(o, "type")), "loop");
	assert_int_equal(json_integer_value(json_object_get(o, "mtu")), 33624);
	assert_int_equal(json_array_size(json_object_get(o, "flagnames")), 4);
	a = json_array_get(json_object_get(o, "addresses"), 1);
	assert_string_equal(json_string_value(json_object_get(a, "address")), "fe80::1%lo0");
	assert_int_equal(json_integer_value(json_object_get(a, "scopeid")), 1);
	json_decref(list);

	/* counters start at 0 again */
	mp_workers[0]->now = 0;
	if_stats_of(ifp, mp_control())->ierrors = 5;
	list = NULL;
	assert_int_equal(call("if.list", json_pack("{s:s,s:b}", "name", "rec0", "zero", 1), &list), 0);
	o = json_object_get(json_array_get(list, 0), "stats");
	assert_int_equal(json_integer_value(json_object_get(o, "ierrors")), 5);
	json_decref(list);
	list = NULL;
	assert_int_equal(call("if.list", json_pack("{s:s}", "name", "rec0"), &list), 0);
	o = json_object_get(json_array_get(list, 0), "stats");
	assert_int_equal(json_integer_value(json_object_get(o, "ierrors")), 0);
	json_decref(list);

	assert_int_equal(call("if.destroy", json_pack("{s:s}", "name", "lo0"), NULL), -EPERM);
	ifnet_destroy_all();
	UNTIL(mp_deferred_pending() == 0);
	assert_true(TAILQ_EMPTY(&ifnet_list));
	assert_int_equal(dbl.connected, 0);
	assert_int_equal(if_lo_create(), -ESHUTDOWN);
	ifnet_closing = false; /* what follows begins anew */
}

/* A device that always has frames and takes a few at a time. */

struct gen {
	_Atomic uint64_t made, sent, stops;
	uint16_t room; /* what one burst takes */
};

static uint16_t
gen_rx(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	struct gen *g = port->priv;
	uint16_t i;

	for (i = 0; i < n && i < 40; i++) {
		m[i] = rte_pktmbuf_alloc(mp_self->pool);
		if (m[i] == NULL)
			break;
		memset(rte_pktmbuf_append(m[i], 60), 0, 60);
	}
	g->made += i;
	return i;
}

static uint16_t
gen_tx(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	struct gen *g = port->priv;

	if (mp_self->id != port->txworker[q])
		abort();
	if (n > g->room)
		n = g->room;
	for (uint16_t i = 0; i < n; i++)
		rte_pktmbuf_free(m[i]);
	g->sent += n;
	return n;
}

static int
gen_link(struct port *port, struct port_link *link)
{
	*link = (struct port_link){.up = true, .mbps = 10000, .full_duplex = true};
	return 0;
}

static void
gen_stop(struct port *port)
{
	((struct gen *)port->priv)->stops++;
}

static const struct port_ops gen_ops = {
    .kind = "gen", .rx_burst = gen_rx, .tx_burst = gen_tx, .link = gen_link, .stop = gen_stop};

static struct port *
gen_attach(const char *name, struct gen *g, unsigned nrxq, unsigned ntxq)
{
	struct port *port = calloc(1, sizeof(*port));
	const uint8_t mac[6] = {2, 0, 0, 0, 1, 1};

	port->ops = &gen_ops;
	port->priv = g;
	port->mtu_max = 9000;
	port->nrxq = nrxq;
	port->ntxq = ntxq;
	memcpy(port->lladdr, mac, 6);
	port_place_queues(port);
	assert_int_equal(port_attach(port, name, NULL), 0);
	return port;
}

static void
gone(void *arg)
{
	*(bool *)arg = true;
}

static void
test_port(void **state)
{
	struct if_stats st;
	json_t *o, *q;

	dbl.dad_at_once = true;
	for (unsigned round = 0; round < 60; round++) {
		struct gen g = {.room = round % 3 == 0 ? 10 : 64};
		struct port *port = gen_attach("gen0", &g, 1 + round % 2, 1 + round / 2 % 2);
		struct port *twin = gen_attach("gen1", &(struct gen){.room = 64}, 1, 1);
		struct ifnet *ifp = port->ifp;
		bool done = false, twin_done = false;

		/* queues of one port are on different workers, and two ports' not all on the first */
		if (port->nrxq == 2)
			assert_int_not_equal(port->rxworker[0], port->rxworker[1]);
		if (port->nrxq == 1)
			assert_int_not_equal(port->rxworker[0], twin->rxworker[0]);
		UNTIL(g.made > 200); /* down: dropped */
		if_stats_sum(ifp, &st);
		assert_true(st.idrops > 0);
		assert_int_equal(st.opackets, 0);
		assert_int_equal(if_set_flags(ifp, IFF_SMP_UP, 0), 0);
		assert_int_equal(add(ifp, "10.0.0.1/24"), 0);
		UNTIL(g.sent > 200);
		if (g.room == 10)
			UNTIL(mp_drop_sum(DROP_TX_FULL) > 0);
		o = if_json(ifp);
		q = json_object_get(o, "queues");
		assert_int_equal(json_integer_value(json_object_get(q, "rx")), port->nrxq);
		assert_string_equal(
		    json_string_value(json_object_get(o, "media")), "Ethernet autoselect (10Gbit full-duplex)");
		assert_string_equal(json_string_value(json_object_get(o, "status")), "active");
		json_decref(o);
		if (round == 0) {
			assert_int_equal(if_set_mtu(ifp, 9001), -EINVAL);
			assert_int_equal(if_set_mtu(ifp, 9000), 0);
			assert_int_equal(if_attach(ifp), -EEXIST);
		}
		port_detach(port, gone, &done);
		port_detach(twin, gone, &twin_done);
		assert_null(ifnet_by_name("gen0"));
		UNTIL(done && twin_done);
		assert_int_equal(g.stops, 1);
	}
	UNTIL(pools_full());
	assert_true(sum_holds());
	assert_int_equal(dbl.connected, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bursts),
	    cmocka_unit_test(test_receive),
	    cmocka_unit_test(test_down_and_gone),
	    cmocka_unit_test(test_promisc),
	    cmocka_unit_test(test_addr_refused),
	    cmocka_unit_test(test_addr_states),
	    cmocka_unit_test(test_addr_lifetimes),
	    cmocka_unit_test(test_addr_random),
	    cmocka_unit_test(test_select),
	    cmocka_unit_test(test_lladdrs),
	    cmocka_unit_test(test_methods),
	    cmocka_unit_test(test_port),
	};
	struct mp_config conf = {.nworkers = 2, .pool_buffers = POOL};
	int r;

	base = event_base_new();
	mp_log_level = MP_LOG_ERR - 1;
	if (mp_eal_init() != 0 || pkt_init() != 0 || mp_start(&conf, base) != 0 || ifnet_init() != 0)
		return 1;
	mp_hooks = (struct mp_hooks){
	    .receive = if_receive, .resume = pkt_resume, .reinput = pkt_run_reinput, .flush = if_flush};
	if (mp_run() != 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	mp_stop();
	event_base_free(base);
	return r;
}
