/* SPDX-License-Identifier: BSD-2-Clause */
/* Ethernet input sorts what it should and drops the rest by name; output prepends the right header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ether_world.h"

static const uint8_t me[6] = {0x02, 0, 0, 0, 0, 1}, peer[6] = {0x02, 0, 0, 0, 0, 0x99};
static const uint8_t bcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, mcast[6] = {0x33, 0x33, 0, 0, 0, 1};

/* A frame of len octets: addresses, type (tag before it if tci >= 0), then a running number. */
static unsigned
frame(uint8_t *p, const uint8_t *dst, const uint8_t *src, int tci, uint16_t type, unsigned len)
{
	unsigned n = 12;

	memcpy(p, dst, 6);
	memcpy(p + 6, src, 6);
	if (tci >= 0) {
		p[n++] = 0x81;
		p[n++] = 0;
		p[n++] = (uint8_t)(tci >> 8);
		p[n++] = (uint8_t)tci;
	}
	p[n++] = (uint8_t)(type >> 8);
	p[n++] = (uint8_t)type;
	for (; n < len; n++)
		p[n] = (uint8_t)n;
	return len;
}

static struct rte_mbuf *
received(struct rte_mbuf *m)
{
	pkt_meta(m)->iif = 1;
	return m;
}

static int
setup(void **state)
{
	world_start();
	world_as_worker();
	return 0;
}

static int
teardown(void **state)
{
	assert_int_equal(world_alive, 0);
	world_end();
	return 0;
}

enum { IP = -1, IP6 = -2, ARP = -3 };

static void
test_sort(void **state)
{
	static const struct {
		const char *name;
		const uint8_t *dst, *src;
		int tci;
		uint16_t type;
		unsigned len;
		int want; /* IP, IP6, ARP or a drop reason */
		uint8_t flags;
		unsigned l2_len;
	} cases[] = {
	    {"IPv4", me, peer, -1, 0x0800, 60, IP, 0, 14},
	    {"IPv6", me, peer, -1, 0x86dd, 60, IP6, 0, 14},
	    {"IPv4 of 34 octets", me, peer, -1, 0x0800, 34, IP, 0, 14},
	    {"IPv4, nothing in it", me, peer, -1, 0x0800, 14, IP, 0, 14},
	    {"IPv4 large", me, peer, -1, 0x0800, 1900, IP, 0, 14},
	    {"IPv4 broadcast", bcast, peer, -1, 0x0800, 60, IP, PKT_F_BCAST, 14},
	    {"IPv6 multicast", mcast, peer, -1, 0x86dd, 86, IP6, PKT_F_MCAST, 14},
	    {"ARP", bcast, peer, -1, 0x0806, 60, ARP, PKT_F_BCAST, 14},
	    {"ARP of 42 octets", me, peer, -1, 0x0806, 42, ARP, 0, 14},
	    {"ARP cut", me, peer, -1, 0x0806, 41, DROP_ARP_SHORT, 0, 0},
	    {"priority tag", me, peer, 0xe000, 0x0800, 64, IP, 0, 18},
	    {"priority tag, DEI", me, peer, 0x1000, 0x86dd, 64, IP6, 0, 18},
	    {"priority tag, ARP", bcast, peer, 0, 0x0806, 60, ARP, PKT_F_BCAST, 18},
	    {"priority tag, ARP cut", bcast, peer, 0, 0x0806, 45, DROP_ARP_SHORT, PKT_F_BCAST, 0},
	    {"vlan 5", me, peer, 5, 0x0800, 64, DROP_ETHER_NOVLAN, 0, 0},
	    {"vlan 4095", me, peer, 4095, 0x0800, 64, DROP_ETHER_NOVLAN, 0, 0},
	    {"two tags", me, peer, 0, 0x8100, 64, DROP_ETHER_NOVLAN, 0, 0},
	    {"service tag", me, peer, -1, 0x88a8, 64, DROP_ETHER_NOVLAN, 0, 0},
	    {"tag cut", me, peer, -1, 0x8100, 16, DROP_ETHER_SHORT, 0, 0},
	    {"tagged length field", me, peer, 0, 100, 64, DROP_ETHER_LLC, 0, 0},
	    {"802.3", me, peer, -1, 46, 60, DROP_ETHER_LLC, 0, 0},
	    {"802.3, largest", me, peer, -1, 1500, 60, DROP_ETHER_LLC, 0, 0},
	    {"between length and type", me, peer, -1, 1501, 60, DROP_ETHER_NOPROTO, 0, 0},
	    {"unknown", me, peer, -1, 0x88cc, 60, DROP_ETHER_NOPROTO, 0, 0},
	    {"for another", peer, peer, -1, 0x0800, 60, DROP_ETHER_NOTUS, 0, 0},
	    {"multicast source", me, mcast, -1, 0x0800, 60, DROP_ETHER_BADSRC, 0, 0},
	    {"broadcast source", bcast, bcast, -1, 0x0806, 60, DROP_ETHER_BADSRC, 0, 0},
	    {"13 octets", me, peer, -1, 0x0800, 13, DROP_ETHER_SHORT, 0, 0},
	    {"1 octet", me, peer, -1, 0x0800, 1, DROP_ETHER_SHORT, 0, 0},
	    {"nothing", me, peer, -1, 0x0800, 0, DROP_ETHER_SHORT, 0, 0},
	};
	uint8_t buf[2048];

	/* whole, and in segments that cut every header */
	for (unsigned seg = 1; seg <= 2048; seg = seg == 1 ? 5 : seg * 3)
		for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct pktvec v = {.n = 0};
			struct world_event *e;

			frame(buf, cases[i].dst, cases[i].src, cases[i].tci, cases[i].type, 1900);
			world_clear();
			pktvec_add(&v, received(world_chain(buf, cases[i].len, seg)));
			ether_input(world_worker, &v);
			assert_int_equal(v.n, 0);
			assert_int_equal(world_n, 1);
			e = &world_log[0];
			if (cases[i].want >= 0) {
				if (e->what != W_DROP || e->code != (unsigned)cases[i].want)
					fail_msg("%s: %u, %u", cases[i].name, e->what, e->code);
				continue;
			}
			if (e->what != (cases[i].want == IP ? W_IP : cases[i].want == IP6 ? W_IP6 : W_PUNT))
				fail_msg("%s: %u, %u", cases[i].name, e->what, e->code);
			if (e->meta.flags != cases[i].flags || e->l2_len != cases[i].l2_len ||
			    e->len != cases[i].len - cases[i].l2_len)
				fail_msg(
				    "%s: flags %u l2_len %u len %u", cases[i].name, e->meta.flags, e->l2_len, e->len);
			assert_memory_equal(e->data, buf + cases[i].l2_len, e->len < 256 ? e->len : 256);
		}
}

/* Mixed bursts of every size keep their order and lose nothing. */
static void
test_bursts(void **state)
{
	static const unsigned sizes[] = {1, 2, 7, 8, 63, 64};
	uint8_t buf[128];

	srandom(1);
	for (unsigned round = 0; round < 300; round++) {
		unsigned n = sizes[round % 6], want4[64], want6[64], n4 = 0, n6 = 0, others = 0, seen4 = 0, seen6 = 0;
		unsigned mix = (unsigned)random() % 4; /* only IPv4, only IPv6, both, and worse */
		struct pktvec v = {.n = 0};

		world_clear();
		for (unsigned i = 0; i < n; i++) {
			unsigned kind = mix == 0   ? 0
					: mix == 1 ? 1
					: mix == 2 ? (unsigned)random() % 2
						   : (unsigned)random() % 4;

			frame(buf, kind == 3 ? peer : me, peer, -1,
			    kind == 1	? 0x86dd
			    : kind == 2 ? 0x0806
					: 0x0800,
			    64);
			buf[60] = (uint8_t)i;
			pktvec_add(&v, received(world_chain(buf, 64, random() % 8 == 0 ? 20 : 64)));
			if (kind == 0)
				want4[n4++] = i;
			else if (kind == 1)
				want6[n6++] = i;
			else
				others++;
		}
		ether_input(world_worker, &v);
		assert_int_equal(world_n, n);
		for (unsigned i = 0; i < world_n; i++) {
			if (world_log[i].what == W_IP)
				assert_int_equal(world_log[i].data[46], want4[seen4++]);
			else if (world_log[i].what == W_IP6)
				assert_int_equal(world_log[i].data[46], want6[seen6++]);
		}
		assert_int_equal(seen4, n4);
		assert_int_equal(seen6, n6);
		assert_int_equal(world_count(W_DROP) + world_count(W_PUNT), others);
		assert_int_equal(world_alive, 0);
	}
}

/* Random octets of every length, whole and in pieces: each frame ends once. */
static void
test_hostile(void **state)
{
	uint8_t buf[256];

	srandom(7);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned len = (unsigned)random() % 80;
		struct pktvec v = {.n = 0};

		for (unsigned i = 0; i < sizeof(buf); i++)
			buf[i] = (uint8_t)random();
		if (random() % 2)
			memcpy(buf, me, 6);
		if (random() % 2) {
			static const uint16_t types[] = {0x0800, 0x86dd, 0x0806, 0x8100};
			uint16_t t = types[random() % 4];

			buf[6] &= 0xfe;
			buf[12] = (uint8_t)(t >> 8);
			buf[13] = (uint8_t)t;
		}
		world_clear();
		pktvec_add(&v, received(world_chain(buf, len, 1 + (unsigned)random() % 30)));
		ether_input(world_worker, &v);
		assert_int_equal(world_n, 1);
		assert_int_equal(world_alive, 0);
	}
}

static void
test_stripped_tag(void **state)
{
	uint8_t buf[64];
	struct pktvec v;

	frame(buf, me, peer, -1, 0x0800, 64);
	for (unsigned vid = 0; vid < 2; vid++) {
		struct rte_mbuf *m = received(world_packet(buf, 64));

		m->ol_flags |= RTE_MBUF_F_RX_VLAN_STRIPPED;
		m->vlan_tci = (uint16_t)(0x6000 | vid);
		world_clear();
		v.n = 0;
		pktvec_add(&v, m);
		ether_input(world_worker, &v);
		assert_int_equal(world_count(W_IP), vid == 0);
		assert_int_equal(world_drops(DROP_ETHER_NOVLAN), vid == 1);
	}
}

static void
test_output(void **state)
{
	struct nexthop fwd = {.nh_type = NH_FORWARD, .nh_ifindex = 2, .nh_gen = 3, .nh_l2len = 14};
	struct nexthop unres = {.nh_type = NH_UNRESOLVED}, gone = {.nh_type = NH_BLACKHOLE};
	uint32_t a, b, c;
	uint8_t ip[40];

	for (unsigned i = 0; i < 14; i++)
		fwd.nh_l2[i] = (uint8_t)(0xa0 + i);
	memset(fwd.nh_l2 + 14, 0xee, sizeof(fwd.nh_l2) - 14);
	memset(ip, 0x45, sizeof(ip));
	a = nexthop_alloc(&fwd);
	b = nexthop_alloc(&unres);
	c = nexthop_alloc(&gone);
	for (unsigned n = 1; n <= 64; n++) {
		struct pktvec v = {.n = 0};
		unsigned forward = 0, waits = 0;

		world_clear();
		world_worker->now_ms += 1000;
		for (unsigned i = 0; i < n; i++) {
			struct rte_mbuf *m = world_chain(ip, 40, 40);

			pkt_meta(m)->nh = i % 5 == 3 ? b : i % 7 == 5 ? c : a;
			waits += pkt_meta(m)->nh == b;
			forward += pkt_meta(m)->nh == a;
			if (i == 1) { /* no room in front */
				m->data_off = 13;
				forward--;
			}
			pktvec_add(&v, m);
		}
		ether_output(world_worker, &v);
		assert_int_equal(v.n, 0);
		assert_int_equal(world_n, n);
		assert_int_equal(world_count(W_TRANSMIT), forward);
		assert_int_equal(world_count(W_PUNT) + world_drops(DROP_NEIGH_WAIT), waits);
		assert_int_equal(world_drops(DROP_ETHER_HEADROOM), n > 1);
		for (unsigned i = 0; i < world_n; i++) {
			if (world_log[i].what != W_TRANSMIT)
				continue;
			assert_int_equal(world_log[i].len, 54);
			assert_memory_equal(world_log[i].data, fwd.nh_l2, 14);
			assert_memory_equal(world_log[i].data + 14, ip, 40);
			assert_int_equal(world_log[i].meta.oif, 2);
			assert_int_equal(world_log[i].meta.oifgen, 3);
		}
		assert_true(nexthop_used(a));
	}
	nexthop_release(a);
	nexthop_release(b);
	nexthop_release(c);
}

/* A worker tells control of one silent neighbour a few times only, of others all the same. */
static void
test_repeats(void **state)
{
	struct nexthop glean = {.nh_type = NH_GLEAN, .nh_ifp = &world_if[1]};
	uint8_t ip[20] = {0x45};
	uint32_t nh = nexthop_alloc(&glean);

	world_worker->now_ms = 5000;
	for (unsigned i = 0; i < 100; i++) {
		struct rte_mbuf *m;

		memcpy(ip + 16, (uint8_t[4]){10, 0, 1, 9}, 4);
		m = world_packet(ip, 20);
		pkt_meta(m)->nh = nh;
		neigh_resolve(world_worker, m);
	}
	assert_int_equal(world_count(W_PUNT), NEIGH_MAXQUEUE);
	assert_int_equal(world_drops(DROP_NEIGH_WAIT), 100 - NEIGH_MAXQUEUE);
	world_clear();
	for (unsigned i = 0; i < 2; i++) {
		struct rte_mbuf *m;

		ip[19] = (uint8_t)(i == 0 ? 10 : 9);
		world_worker->now_ms += i * 200;
		m = world_packet(ip, 20);
		pkt_meta(m)->nh = nh;
		neigh_resolve(world_worker, m);
	}
	assert_int_equal(world_count(W_PUNT), 2);
	nexthop_release(nh);
}

/* Control sees ARP that concerns us, not what others say to each other. */
static void
test_chatter(void **state)
{
	static const struct {
		const char *name;
		const uint8_t *dst;
		unsigned op;
		const char *spa, *tpa;
		const uint8_t *sha;
		bool passes, watched;
	} cases[] = {
	    {"a request for us", bcast, 1, "10.0.1.50", "10.0.1.1", peer, true, false},
	    {"a probe for us", bcast, 1, "0.0.0.0", "10.0.1.1", peer, true, false},
	    {"a claim to our address", bcast, 1, "10.0.1.1", "10.0.1.50", peer, true, false},
	    {"strangers", bcast, 1, "10.0.1.50", "10.0.1.51", peer, false, false},
	    {"a stranger's announcement", bcast, 1, "10.0.1.50", "10.0.1.50", peer, false, false},
	    {"a stranger's probe", bcast, 1, "0.0.0.0", "10.0.1.51", peer, false, false},
	    {"from beyond a gateway", bcast, 1, "192.0.2.9", "10.0.1.51", peer, false, false},
	    {"a neighbour as we know it", bcast, 1, "10.0.1.9", "10.0.1.51", peer, false, false},
	    {"a neighbour that moved", bcast, 1, "10.0.1.9", "10.0.1.51", me, true, false},
	    {"a gateway being resolved", bcast, 1, "10.0.1.8", "10.0.1.51", peer, true, false},
	    {"broadcast replies", bcast, 2, "10.0.1.50", "10.0.1.51", peer, true, false},
	    {"unicast", me, 1, "10.0.1.50", "10.0.1.51", peer, true, false},
	    {"strangers, while an address is checked", bcast, 1, "10.0.1.50", "10.0.1.51", peer, true, true},
	};
	struct nexthop local = {.nh_type = NH_LOCAL}, glean = {.nh_type = NH_GLEAN}, known = {.nh_type = NH_FORWARD},
		       asked = {.nh_type = NH_UNRESOLVED}, gw = {.nh_type = NH_FORWARD};
	uint32_t nh[5];

	known.nh_addr = world_any("10.0.1.9");
	memcpy(known.nh_l2, peer, 6);
	asked.nh_addr = world_any("10.0.1.8");
	gw.nh_addr = world_any("10.0.1.9");
	nh[0] = nexthop_alloc(&local);
	nh[1] = nexthop_alloc(&glean);
	nh[2] = nexthop_alloc(&known);
	nh[3] = nexthop_alloc(&asked);
	nh[4] = nexthop_alloc(&gw);
	for (unsigned i = 0; i < 256; i++) {
		char addr[20];

		snprintf(addr, sizeof(addr), "10.0.1.%u", i);
		world_fib4(addr, nh[i == 1 ? 0 : i == 9 ? 2 : i == 8 ? 3 : 1]);
	}
	world_fib4("192.0.2.9", nh[4]);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pktvec v = {.n = 0};
		uint8_t buf[60];
		union in_any a;

		frame(buf, cases[i].dst, cases[i].sha, -1, 0x0806, 60);
		memcpy(buf + 14, (uint8_t[8]){0, 1, 8, 0, 6, 4, 0, (uint8_t)cases[i].op}, 8);
		memcpy(buf + 22, cases[i].sha, 6);
		a = world_any(cases[i].spa);
		memcpy(buf + 28, &a, 4);
		a = world_any(cases[i].tpa);
		memcpy(buf + 38, &a, 4);
		world_clear();
		neigh_watch_add(cases[i].watched);
		pktvec_add(&v, received(world_packet(buf, sizeof(buf))));
		ether_input(world_worker, &v);
		neigh_watch_add(-(int)cases[i].watched);
		if (world_count(W_PUNT) != cases[i].passes || world_drops(DROP_ARP_CHATTER) == cases[i].passes)
			fail_msg("%s", cases[i].name);
	}
	for (unsigned i = 0; i < 5; i++)
		nexthop_release(nh[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_sort, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bursts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stripped_tag, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_output, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_chatter, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_repeats, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
