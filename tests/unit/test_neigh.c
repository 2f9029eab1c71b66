/* SPDX-License-Identifier: BSD-2-Clause */
/* The neighbour cache: states on a clock of the test's own, ARP, neighbour discovery, address checks, bounds. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/ctl.h"
#include "ether_world.h"
#include "mp/slice.h"

static const uint8_t me[6] = {0x02, 0, 0, 0, 0, 1}, peer[6] = {0x02, 0, 0, 0, 0, 0x99},
		     other[6] = {2, 0, 0, 0, 0, 0x77};
static const uint8_t bcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static int
setup(void **state)
{
	world_start();
	return 0;
}

static int
teardown(void **state)
{
	world_end();
	assert_int_equal(world_alive, 0);
	assert_int_equal(world_nfib, 0);
	assert_int_equal(nud_waiting, 0);
	assert_int_equal(neigh_watch, 0);
	return 0;
}

/* An IP packet of ours or of a host's, to be resolved. */
static struct rte_mbuf *
ip_packet(const char *src, const char *dst)
{
	union in_any s = world_any(src), d = world_any(dst);
	uint8_t p[48] = {0};

	if (strchr(dst, ':') != NULL) {
		p[0] = 0x60;
		memcpy(p + 8, &s.in6, 16);
		memcpy(p + 24, &d.in6, 16);
		return world_packet(p, 48);
	}
	p[0] = 0x45;
	memcpy(p + 12, &s.in4, 4);
	memcpy(p + 16, &d.in4, 4);
	return world_packet(p, 28);
}

static void
output(const char *src, const char *dst)
{
	union in_any d = world_any(dst);

	neigh_ctl_output(&world_if[1], strchr(dst, ':') ? AF_INET6 : AF_INET, &d, ip_packet(src, dst));
}

static void
arp_full(unsigned iif, const uint8_t *ethsrc, unsigned op, const uint8_t *sha, const char *spa, const char *tpa)
{
	uint8_t p[14 + 28] = {0};
	struct rte_mbuf *m;
	union in_any a;

	memcpy(p, bcast, 6);
	memcpy(p + 6, ethsrc, 6);
	p[12] = 0x08;
	p[13] = 0x06;
	memcpy(p + 14, (uint8_t[6]){0, 1, 8, 0, 6, 4}, 6);
	p[21] = (uint8_t)op;
	memcpy(p + 22, sha, 6);
	a = world_any(spa);
	memcpy(p + 28, &a.in4, 4);
	a = world_any(tpa);
	memcpy(p + 38, &a.in4, 4);
	m = world_packet(p, sizeof(p));
	rte_pktmbuf_adj(m, 14);
	m->l2_len = 14;
	pkt_meta(m)->iif = (uint16_t)iif;
	world_receive[PUNT_ARP](m);
}

static void
arp(unsigned op, const uint8_t *sha, const char *spa, const char *tpa)
{
	arp_full(1, sha, op, sha, spa, tpa);
}

/* A neighbour discovery message: type, flags octet, target, one link address option (0: none). */
static void
nd_full(const uint8_t *ethsrc, const char *src, const char *dst, unsigned hlim, const uint8_t *body, unsigned len)
{
	union in_any s = world_any(src), d = world_any(dst);
	uint8_t p[14 + 40 + 128] = {0};
	struct rte_mbuf *m;

	memcpy(p + 6, ethsrc, 6);
	p[14] = 0x60;
	p[18] = (uint8_t)(len >> 8);
	p[19] = (uint8_t)len;
	p[20] = 58;
	p[21] = (uint8_t)hlim;
	memcpy(p + 22, &s.in6, 16);
	memcpy(p + 38, &d.in6, 16);
	memcpy(p + 54, body, len);
	m = world_packet(p, 54 + len);
	rte_pktmbuf_adj(m, 14);
	m->l2_len = 14;
	pkt_meta(m)->iif = 1;
	pkt_meta(m)->l4off = 40;
	world_receive[PUNT_ND](m);
}

static void
nd(unsigned type, unsigned flags, const char *src, const char *dst, const char *target, unsigned opt,
    const uint8_t *lladdr)
{
	uint8_t b[32] = {0};
	union in_any t = world_any(target);

	b[0] = (uint8_t)type;
	b[4] = (uint8_t)flags;
	memcpy(b + 8, &t.in6, 16);
	b[24] = (uint8_t)opt;
	b[25] = 1;
	if (opt != 0)
		memcpy(b + 26, lladdr, 6);
	nd_full(lladdr != NULL ? lladdr : peer, src, dst, 255, b, opt != 0 ? 32 : 24);
}

#define NS 135
#define NA 136

static struct neigh *
find(const char *addr)
{
	union in_any a = world_any(addr);

	return neigh_find(&world_if[1], strchr(addr, ':') ? AF_INET6 : AF_INET, &a, false);
}

static int
state_of(const char *addr)
{
	struct neigh *n = find(addr);

	return n != NULL ? n->n_state : -1;
}

static unsigned
messages(int type)
{
	unsigned k = 0;

	for (unsigned i = 0; i < world_nmsg; i++)
		k += world_msg[i].type == type;
	return k;
}

static const struct nexthop *
hop(const char *addr)
{
	return nexthop_get(find(addr)->n_nh);
}

/* The last frame was an ARP packet with these fields. */
static void
expect_arp(unsigned op, const uint8_t *dst, const uint8_t *sha, const char *spa, const char *tpa)
{
	struct world_event *e = world_last(W_FRAME);
	union in_any s = world_any(spa), t = world_any(tpa);

	assert_non_null(e);
	assert_int_equal(e->len, 42);
	assert_memory_equal(e->data, dst, 6);
	assert_memory_equal(e->data + 6, me, 6);
	assert_int_equal(e->data[12] << 8 | e->data[13], 0x0806);
	assert_int_equal(e->data[21], op);
	assert_memory_equal(e->data + 22, sha, 6);
	assert_memory_equal(e->data + 28, &s.in4, 4);
	assert_memory_equal(e->data + 38, &t.in4, 4);
}

/* Checks the ICMPv6 checksum of a frame that we sent. */
static void
expect_checksum(const struct world_event *e)
{
	uint32_t sum = 0;
	unsigned len = e->len - 54;

	for (unsigned i = 22; i < 54; i += 2)
		sum += (uint32_t)(e->data[i] << 8 | e->data[i + 1]);
	sum += len + 58;
	for (unsigned i = 54; i < e->len; i += 2)
		sum += (uint32_t)(e->data[i] << 8 | e->data[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
}

/* Both families through resolution, reachability, ageing, by the same steps. */
struct kind {
	const char *us, *host;
	void (*answer)(void); /* a solicited reply of the host's */
};

static void
answer4(void)
{
	arp(2, peer, "10.0.1.9", "10.0.1.1");
}

static void
answer6(void)
{
	nd(NA, 0x60, "2001:db8:1::9", "2001:db8:1::1", "2001:db8:1::9", 2, peer);
}

static const struct kind kinds[2] = {{"10.0.1.1", "10.0.1.9", answer4}, {"2001:db8:1::1", "2001:db8:1::9", answer6}};

static void
test_resolution(void **state)
{
	for (unsigned k = 0; k < 2; k++) {
		const struct kind *kind = &kinds[k];

		world_clear();
		for (unsigned i = 0; i < 10; i++)
			output(kind->us, kind->host);
		assert_int_equal(state_of(kind->host), NEIGH_INCOMPLETE);
		assert_int_equal(hop(kind->host)->nh_type, NH_UNRESOLVED);
		assert_int_equal(world_count(W_FRAME), 1); /* one question for ten packets */
		assert_int_equal(world_drops(DROP_NEIGH_WAIT), 2);
		assert_int_equal(nud_waiting, 8);
		if (k == 0)
			expect_arp(1, bcast, me, "10.0.1.1", "10.0.1.9");
		else {
			struct world_event *e = world_last(W_FRAME);

			assert_memory_equal(e->data, "\x33\x33\xff\x00\x00\x09", 6);
			assert_int_equal(e->len, 14 + 40 + 32);
			assert_int_equal(e->data[21], 255);
			assert_int_equal(e->data[54], NS);
			assert_memory_equal(e->data + 54 + 26, me, 6);
			expect_checksum(e);
		}
		kind->answer();
		assert_int_equal(state_of(kind->host), NEIGH_REACHABLE);
		assert_int_equal(world_count(W_SENT), 8);
		assert_int_equal(world_last(W_SENT)->meta.nh, find(kind->host)->n_nh);
		assert_int_equal(hop(kind->host)->nh_type, NH_FORWARD);
		assert_memory_equal(hop(kind->host)->nh_l2, peer, 6);
		assert_memory_equal(hop(kind->host)->nh_l2 + 6, me, 6);
		assert_memory_equal(hop(kind->host)->nh_l2 + 12, k == 0 ? "\x08\x00" : "\x86\xdd", 2);
		assert_int_equal(world_nfib, k + 1);
		assert_int_equal(messages(RTMSG_ADD), 1);
		assert_int_equal(world_msg[0].flags, RTF_UP | RTF_HOST | RTF_LLDATA | RTF_CLONED);
		assert_int_equal(nud_waiting, 0);
	}
}

static void
test_failure(void **state)
{
	for (unsigned k = 0; k < 2; k++) {
		const struct kind *kind = &kinds[k];

		world_clear();
		output(kind->us, kind->host);
		output(kind->us, kind->host);
		world_wait(2500);
		assert_int_equal(world_count(W_FRAME), 3);
		assert_int_equal(world_count(W_UNREACH), 0);
		world_wait(600);
		assert_int_equal(world_count(W_FRAME), 3);
		assert_int_equal(world_count(W_UNREACH), 2);
		assert_int_equal(messages(RTMSG_MISS), 1);
		assert_true(world_msg[0].has_author);
		assert_int_equal(state_of(kind->host), NEIGH_FAILED);
		output(kind->us, kind->host); /* not asked again at once */
		assert_int_equal(world_count(W_FRAME), 3);
		assert_int_equal(world_count(W_UNREACH), 3);
		world_wait(1500);
		assert_int_equal(state_of(kind->host), -1);
		assert_int_equal(messages(RTMSG_DELETE), 0);
	}
}

static void
test_ageing(void **state)
{
	for (unsigned k = 0; k < 2; k++) {
		const struct kind *kind = &kinds[k];
		uint32_t nh;

		world_clear();
		output(kind->us, kind->host);
		kind->answer();
		nh = find(kind->host)->n_nh;
		nexthop_marks[0][nh] = 1; /* what was sent while it was reachable */
		world_wait(14900);
		assert_int_equal(state_of(kind->host), NEIGH_REACHABLE);
		world_wait(31000);
		assert_int_equal(state_of(kind->host), NEIGH_STALE);
		assert_int_equal(hop(kind->host)->nh_type, NH_FORWARD); /* goes on being used */
		world_clear();
		nexthop_marks[0][nh] = 1; /* a worker sends */
		world_wait(1350);
		assert_int_equal(state_of(kind->host), NEIGH_DELAY);
		world_wait(3300);
		assert_int_equal(state_of(kind->host), NEIGH_DELAY);
		for (unsigned t = 0; t < 2000 && state_of(kind->host) == NEIGH_DELAY; t += 50)
			world_wait(50);
		assert_int_equal(state_of(kind->host), NEIGH_PROBE);
		assert_int_equal(world_count(W_FRAME), 1);
		assert_memory_equal(world_last(W_FRAME)->data, peer, 6); /* unicast */
		kind->answer();
		assert_int_equal(state_of(kind->host), NEIGH_REACHABLE);
		/* it falls silent */
		world_wait(46000);
		output(kind->us, kind->host);
		assert_int_equal(state_of(kind->host), NEIGH_DELAY);
		world_clear();
		world_wait(9000);
		assert_int_equal(world_count(W_FRAME), 3);
		assert_int_equal(state_of(kind->host), -1);
		assert_int_equal(messages(RTMSG_DELETE), 1);
		assert_int_equal(world_nfib, 0);
	}
}

/* A gateway of several that stops to answer: routes are told, and it is asked until it is back. */
static void
test_silent(void **state)
{
	for (unsigned k = 0; k < 2; k++) {
		const struct kind *kind = &kinds[k];
		unsigned asked;
		uint32_t nh;

		world_clear();
		output(kind->us, kind->host);
		kind->answer();
		nh = find(kind->host)->n_nh;
		nexthop_ref(nh); /* a route's */
		assert_int_equal(world_silent, 0);
		world_wait(46000);
		output(kind->us, kind->host);
		world_clear();
		world_wait(9000);
		assert_int_equal(world_silent, 1);
		asked = world_count(W_FRAME);
		assert_true(asked >= 3);
		assert_int_equal(hop(kind->host)->nh_type, NH_UNRESOLVED);
		world_wait(60000);
		assert_in_range(world_count(W_FRAME), asked + 20, asked + 60); /* nobody sends to it */
		assert_int_equal(messages(RTMSG_MISS), 0);
		assert_int_equal(world_silent, 1);
		for (unsigned t = 0; t < 10000 && state_of(kind->host) != NEIGH_INCOMPLETE; t += 50)
			world_wait(50);
		kind->answer();
		assert_int_equal(world_silent, 0);
		assert_int_equal(hop(kind->host)->nh_type, NH_FORWARD);
		assert_int_equal(find(kind->host)->n_nh, nh);
		nexthop_release(nh);
	}
}

static void
test_keep(void **state)
{
	*neigh_inet.nf_keep = 10;
	output("10.0.1.1", "10.0.1.9");
	answer4();
	world_wait(9000);
	assert_int_not_equal(state_of("10.0.1.9"), -1);
	world_wait(3000);
	assert_int_equal(state_of("10.0.1.9"), -1);
	*neigh_inet.nf_keep = 86400;
	output("10.0.1.1", "10.0.1.9");
	answer4();
	world_wait(80000000);
	assert_int_equal(state_of("10.0.1.9"), NEIGH_STALE);
	world_wait(8000000);
	assert_int_equal(state_of("10.0.1.9"), -1);
}

static void
test_arp_rules(void **state)
{
	/* a request to us: answered, its sender known, and no question of our own */
	arp(1, peer, "10.0.1.9", "10.0.1.1");
	assert_int_equal(world_count(W_FRAME), 1);
	expect_arp(2, peer, me, "10.0.1.1", "10.0.1.9");
	assert_int_equal(state_of("10.0.1.9"), NEIGH_STALE);
	/* others' traffic makes no entry, but moves one that exists */
	world_clear();
	arp(1, other, "10.0.1.8", "10.0.1.7");
	assert_int_equal(state_of("10.0.1.8"), -1);
	arp(1, other, "10.0.1.9", "10.0.1.7");
	assert_memory_equal(find("10.0.1.9")->n_lladdr, other, 6);
	assert_memory_equal(hop("10.0.1.9")->nh_l2, other, 6);
	assert_int_equal(state_of("10.0.1.9"), NEIGH_STALE);
	assert_int_equal(world_count(W_FRAME), 0);
	/* probes and gratuitous ARP make none either */
	arp(1, other, "0.0.0.0", "10.0.1.6");
	arp(1, other, "10.0.1.6", "10.0.1.6");
	arp(2, other, "10.0.1.6", "10.0.1.6");
	assert_int_equal(state_of("10.0.1.6"), -1);
	assert_int_equal(neigh_inet.nf_total, 1);
	/* a probe for our address is answered, and nothing learnt of it */
	arp(1, other, "0.0.0.0", "10.0.1.1");
	expect_arp(2, other, me, "10.0.1.1", "0.0.0.0");
	assert_int_equal(neigh_inet.nf_total, 1);
	/* a stranger to this network is not a neighbour, though it asks */
	arp(1, other, "10.0.2.9", "10.0.1.1");
	arp(1, other, "192.0.2.9", "10.0.1.1");
	assert_int_equal(neigh_inet.nf_total, 1);
	/* not our address on this interface: silence */
	world_clear();
	arp(1, peer, "10.0.1.9", "10.0.2.1");
	assert_int_equal(world_count(W_FRAME), 0);
	/* an answer that nobody asked for makes no entry */
	arp(2, peer, "10.0.1.30", "10.0.1.1");
	assert_int_equal(state_of("10.0.1.30"), -1);
	assert_int_equal(world_drops(DROP_ARP_UNASKED), 1);
	/* nor do the network's own address and its broadcast address */
	arp(1, peer, "10.0.1.0", "10.0.1.1");
	arp(1, peer, "10.0.1.255", "10.0.1.1");
	assert_int_equal(neigh_inet.nf_total, 1);
	assert_int_equal(world_drops(DROP_ARP_STRANGER), 2);
	/* an address of ours on another interface: by that interface, on the same wire, or by somebody else */
	{
		static const uint8_t mine[6] = {2, 0, 0, 0, 0, 2};
		struct nexthop local = {.nh_type = NH_LOCAL};

		world_addr(&world_if[2], "10.0.1.40", 24, 0);
		world_fib4("10.0.1.40", nexthop_alloc(&local));
		world_nlog = 0;
		arp(1, mine, "10.0.1.40", "10.0.1.1");
		assert_int_equal(world_drops(DROP_ARP_SPOOF), 0);
		for (unsigned i = 0; i < 100; i++)
			arp(2, other, "10.0.1.40", "10.0.1.1");
		assert_int_equal(world_drops(DROP_ARP_SPOOF), 100);
		assert_true(world_nlog > 0 && world_nlog < 10);
		assert_int_equal(neigh_inet.nf_total, 1);
	}
	/* our own frame, come back */
	world_clear();
	arp(1, me, "10.0.1.1", "10.0.1.9");
	assert_int_equal(world_count(W_FRAME), 0);
}

static void
test_arp_conflict(void **state)
{
	arp(2, other, "10.0.1.1", "10.0.1.9");
	assert_int_equal(world_count(W_FRAME), 1); /* defended */
	expect_arp(1, bcast, me, "10.0.1.1", "10.0.1.1");
	arp(2, other, "10.0.1.1", "10.0.1.9");
	assert_int_equal(world_count(W_FRAME), 1); /* once */
	assert_int_equal(neigh_inet.nf_total, 0);
	world_wait(11000);
	arp(1, other, "10.0.1.1", "10.0.1.1");
	assert_int_equal(world_count(W_FRAME), 2);
	/* Nor can it fill the log, be it with more addresses of ours than are remembered. */
	world_wait(11000);
	world_clear();
	world_nlog = 0;
	for (unsigned i = 0; i < 40; i++) {
		char addr[32];

		snprintf(addr, sizeof(addr), "10.0.1.%u", 100 + i);
		world_addr(&world_if[1], addr, 24, 0);
	}
	for (unsigned i = 0; i < 400; i++) {
		char addr[32];

		snprintf(addr, sizeof(addr), "10.0.1.%u", 100 + i % 40);
		arp(1, other, addr, "10.0.1.9");
	}
	assert_int_equal(world_count(W_FRAME), 16);
	assert_int_equal(world_nlog, 16);
}

static void
test_arp_hostile(void **state)
{
	static const struct {
		const char *name;
		unsigned off;
		uint8_t octets[6];
		unsigned n;
	} cases[] = {
	    {"hardware type", 0, {0, 6}, 2},
	    {"protocol", 2, {0x86, 0xdd}, 2},
	    {"hardware length", 4, {8}, 1},
	    {"protocol length", 5, {16}, 1},
	    {"no operation", 6, {0, 0}, 2},
	    {"RARP", 6, {0, 3}, 2},
	    {"broadcast sender", 8, {255, 255, 255, 255, 255, 255}, 6},
	    {"group sender", 8, {1, 0, 0x5e, 0, 0, 1}, 6},
	    {"no sender", 8, {0}, 6},
	    {"multicast address", 14, {224, 0, 0, 1}, 4},
	    {"broadcast address", 14, {255, 255, 255, 255}, 4},
	    {"loopback address", 14, {127, 0, 0, 1}, 4},
	    {"no target", 24, {0}, 4},
	};
	uint8_t good[28] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 0x99, 10, 0, 1, 9, 0, 0, 0, 0, 0, 0, 10, 0, 1, 1};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t p[28];
		struct rte_mbuf *m;

		memcpy(p, good, sizeof(p));
		memcpy(p + cases[i].off, cases[i].octets, cases[i].n);
		m = world_packet(p, sizeof(p));
		pkt_meta(m)->iif = 1;
		world_clear();
		world_receive[PUNT_ARP](m);
		if (world_drops(DROP_ARP_BAD) != 1 || world_count(W_FRAME) != 0 || neigh_inet.nf_total != 0)
			fail_msg("%s", cases[i].name);
	}
	for (unsigned len = 0; len < 28; len++) {
		struct rte_mbuf *m = world_chain(good, len, 5);

		pkt_meta(m)->iif = 1;
		world_clear();
		world_receive[PUNT_ARP](m);
		assert_int_equal(world_drops(DROP_ARP_SHORT), 1);
	}
	/* the interface went away, or is another by now, or is down */
	for (unsigned i = 0; i < 3; i++) {
		struct rte_mbuf *m = world_packet(good, sizeof(good));

		pkt_meta(m)->iif = i == 0 ? 77 : 1;
		pkt_meta(m)->iifgen = i == 1 ? 9 : 0;
		world_if[1].if_flags &= i == 2 ? ~(unsigned)IFF_SMP_UP : ~0u;
		world_clear();
		world_receive[PUNT_ARP](m);
		assert_int_equal(world_drops(i == 2 ? DROP_IF_DOWN : DROP_IF_GONE), 1);
	}
	/* random octets: no packet lost, no entry that a request of ours did not cause */
	world_if[1].if_flags |= IFF_SMP_UP;
	srandom(3);
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t p[28];
		struct rte_mbuf *m;

		memcpy(p, good, sizeof(p));
		for (unsigned j = 0; j < 4; j++)
			p[random() % 28] = (uint8_t)random();
		m = world_chain(p, (unsigned)random() % 4 ? 28 : (unsigned)random() % 29, 1 + (unsigned)random() % 28);
		pkt_meta(m)->iif = 1;
		world_receive[PUNT_ARP](m);
	}
	assert_int_equal(world_alive, 0);
	assert_true(neigh_inet.nf_total < 256);
}

static void
test_nd_rules(void **state)
{
	const char *us = "2001:db8:1::1", *host = "2001:db8:1::9";
	struct world_event *e;

	/* a solicitation: answered at the address in its option, the sender stale */
	nd(NS, 0, host, "ff02::1:ff00:1", us, 1, peer);
	assert_int_equal(world_count(W_FRAME), 1);
	e = world_last(W_FRAME);
	assert_memory_equal(e->data, peer, 6);
	assert_int_equal(e->data[54], NA);
	assert_int_equal(e->data[58], 0xe0); /* router, solicited, override */
	assert_memory_equal(e->data + 54 + 26, me, 6);
	expect_checksum(e);
	assert_int_equal(state_of(host), NEIGH_STALE);
	/* duplicate address detection of somebody for an address of ours: told to all nodes */
	world_clear();
	nd(NS, 0, "::", "ff02::1:ff00:1", us, 0, peer);
	e = world_last(W_FRAME);
	assert_memory_equal(e->data, "\x33\x33\x00\x00\x00\x01", 6);
	assert_int_equal(e->data[58], 0xa0);
	/* advertisements make no entries */
	nd(NA, 0x20, "2001:db8:1::8", "ff02::1", "2001:db8:1::8", 2, other);
	assert_int_equal(state_of("2001:db8:1::8"), -1);
	/* section 7.2.5: without override a new address only casts doubt */
	answer6();
	assert_int_equal(state_of(host), NEIGH_REACHABLE);
	nd(NA, 0x00, host, "ff02::1", host, 2, other);
	assert_int_equal(state_of(host), NEIGH_STALE);
	assert_memory_equal(find(host)->n_lladdr, peer, 6);
	nd(NA, 0x40, host, us, host, 2, other); /* solicited, no override, stale already: nothing */
	assert_memory_equal(find(host)->n_lladdr, peer, 6);
	nd(NA, 0x20, host, "ff02::1", host, 2, other);
	assert_memory_equal(find(host)->n_lladdr, other, 6);
	assert_int_equal(state_of(host), NEIGH_STALE);
	assert_memory_equal(hop(host)->nh_l2, other, 6);
	/* solicited, the same address: reachable; the router flag is believed */
	nd(NA, 0xc0, host, us, host, 2, other);
	assert_int_equal(state_of(host), NEIGH_REACHABLE);
	assert_true(find(host)->n_flags & NEIGH_F_ROUTER);
	nd(NA, 0x60, host, us, host, 0, NULL);
	assert_false(find(host)->n_flags & NEIGH_F_ROUTER);
	/* an incomplete entry needs the address */
	output(us, "2001:db8:1::5");
	nd(NA, 0x60, "2001:db8:1::5", us, "2001:db8:1::5", 0, NULL);
	assert_int_equal(state_of("2001:db8:1::5"), NEIGH_INCOMPLETE);
	nd(NA, 0x20, "2001:db8:1::5", "ff02::1", "2001:db8:1::5", 2, peer);
	assert_int_equal(state_of("2001:db8:1::5"), NEIGH_DELAY); /* stale, and the waiting packet was sent */
	/* a stranger's question is not answered */
	world_clear();
	nd(NS, 0, "2001:db8:99::9", "ff02::1:ff00:1", us, 1, peer);
	assert_int_equal(world_count(W_FRAME), 0);
	assert_int_equal(world_drops(DROP_ND_BAD), 1);
	/* link-local neighbours have next hops but nothing in the FIB */
	nd(NS, 0, "fe80::9", "ff02::1:ff00:1", "fe80::1", 1, peer);
	assert_int_equal(state_of("fe80::9"), NEIGH_STALE);
	assert_false(find("fe80::9")->n_infib);
	assert_int_equal(hop("fe80::9")->nh_type, NH_FORWARD);
}

#define RS 133

enum { LL_NONE, LL_SAME, LL_NEW };

/* Brings a fresh entry of the host into the state, its link address the peer's, not a router. */
static struct neigh *
host_in(enum neigh_state want, const char *us, const char *host)
{
	if (find(host) != NULL)
		neigh_delete(find(host), DROP_NEIGH_FLUSHED);
	world_wait(2000); /* that it is asked again at once */
	if (want == NEIGH_INCOMPLETE || want == NEIGH_REACHABLE)
		output(us, host);
	if (want == NEIGH_REACHABLE)
		nd(NA, 0x60, host, us, host, 2, peer);
	if (want == NEIGH_STALE || want == NEIGH_DELAY || want == NEIGH_PROBE)
		nd(NS, 0, host, "ff02::1:ff00:1", us, 1, peer);
	if (want == NEIGH_DELAY || want == NEIGH_PROBE)
		output(us, host);
	for (unsigned t = 0; t < 7000 && state_of(host) != (int)want && want == NEIGH_PROBE; t += 50)
		world_wait(50);
	assert_int_equal(state_of(host), want);
	world_clear();
	return find(host);
}

/* The host tells its address, or a router tells it, without answering us: a solicitation, an advertisement of a router. */
static void
tells(unsigned how, const char *us, const char *host, unsigned ll)
{
	const uint8_t *lladdr = ll == LL_NEW ? other : peer;
	union in_any a = world_any(host);
	uint8_t b[16] = {RS};

	switch (how) {
	case 0:
		nd(NS, 0, host, "ff02::1:ff00:1", us, ll != LL_NONE ? 1 : 0, ll != LL_NONE ? lladdr : NULL);
		break;
	case 1:
		b[8] = 1;
		b[9] = 1;
		memcpy(b + 10, lladdr, 6);
		nd_full(lladdr, host, "ff02::2", 255, b, ll != LL_NONE ? 16 : 8);
		break;
	case 2:
		nd_learn_router(&world_if[1], &a, ll != LL_NONE ? lladdr : NULL);
		break;
	}
}

/* RFC 4861, appendix C: every event in every state; section 7.2.5 where the two differ. */
static void
test_appendix_c(void **state)
{
	static const enum neigh_state states[] = {
	    NEIGH_INCOMPLETE, NEIGH_REACHABLE, NEIGH_STALE, NEIGH_DELAY, NEIGH_PROBE};
	const char *us = "2001:db8:1::1", *host = "2001:db8:1::9";

	for (unsigned k = 0; k < 5 * 24; k++) {
		enum neigh_state s = states[k / 24], want = s;
		bool router = k & 1, solicited = k & 2, override = k & 4, learnt = false;
		unsigned ll = k / 8 % 3,
			 flags = (router ? 0x80u : 0) | (solicited ? 0x40u : 0) | (override ? 0x20u : 0);
		bool told = true, incomplete = s == NEIGH_INCOMPLETE;
		struct neigh *n = host_in(s, us, host);

		n->n_flags ^= router ? 0 : NEIGH_F_ROUTER; /* the flag is to change */
		nd(NA, flags, host, solicited ? us : "ff02::1", host, ll != LL_NONE ? 2 : 0,
		    ll == LL_NONE  ? NULL
		    : ll == LL_NEW ? other
				   : peer);
		if (incomplete && ll == LL_NONE) {
			told = false; /* silently discarded */
		} else if (incomplete) {
			want = solicited ? NEIGH_REACHABLE : NEIGH_DELAY; /* stale, and what waited used it */
			learnt = true;
		} else if (ll == LL_NEW && !override) {
			want = s == NEIGH_REACHABLE ? NEIGH_STALE : s;
			told = false;
		} else if (solicited) {
			want = NEIGH_REACHABLE;
			learnt = ll == LL_NEW;
		} else if (ll == LL_NEW) {
			want = NEIGH_STALE;
			learnt = true;
		}
		if (state_of(host) != (int)want)
			print_error("advertisement %#x, link address %u, in state %u\n", flags, ll, s);
		assert_int_equal(state_of(host), want);
		assert_int_equal((n->n_flags & NEIGH_F_ROUTER) != 0, told ? router : !router);
		if (learnt)
			assert_memory_equal(n->n_lladdr, ll == LL_NEW ? other : peer, 6);
		else if (!incomplete)
			assert_memory_equal(n->n_lladdr, peer, 6);
		assert_int_equal(world_count(W_SENT), incomplete && learnt);
		assert_int_equal(n->n_qlen, incomplete && !learnt);
	}
	for (unsigned k = 0; k < 5 * 9; k++) {
		enum neigh_state s = states[k / 9];
		unsigned how = k / 3 % 3, ll = k % 3;
		struct neigh *n = host_in(s, us, host);
		bool learnt = ll == LL_NEW || (s == NEIGH_INCOMPLETE && ll == LL_SAME);
		bool answered = how == 0 && ll == LL_NONE; /* by what we know, as any packet */

		n->n_flags |= how == 1 ? NEIGH_F_ROUTER : 0;
		tells(how, us, host, ll);
		if (s == NEIGH_INCOMPLETE)
			assert_int_equal(state_of(host), learnt ? NEIGH_DELAY : NEIGH_INCOMPLETE);
		else
			assert_int_equal(state_of(host), learnt				? NEIGH_STALE
							 : answered && s == NEIGH_STALE ? NEIGH_DELAY
											: s);
		if (learnt || s != NEIGH_INCOMPLETE)
			assert_memory_equal(n->n_lladdr, learnt && ll == LL_NEW ? other : peer, 6);
		assert_int_equal((n->n_flags & NEIGH_F_ROUTER) != 0, how == 2);
		if (!answered)
			assert_int_equal(world_count(W_SENT), learnt && s == NEIGH_INCOMPLETE);
	}
	/* no entry: whoever tells his address is stale, and nobody else makes one */
	for (unsigned k = 0; k < 9; k++) {
		if (find(host) != NULL)
			neigh_delete(find(host), DROP_NEIGH_FLUSHED);
		tells(k / 3, us, host, k % 3);
		/* a question without an address is answered, for which we ask */
		assert_int_equal(state_of(host), k % 3 != LL_NONE ? NEIGH_STALE : k == 0 ? NEIGH_INCOMPLETE : -1);
	}
	neigh_delete(find(host), DROP_NEIGH_FLUSHED);
	for (unsigned flags = 0; flags < 8; flags++)
		for (unsigned ll = 0; ll < 2; ll++) {
			nd(NA, flags << 5, host, flags & 2 ? us : "ff02::1", host, ll ? 2 : 0, ll ? peer : NULL);
			assert_int_equal(state_of(host), -1);
		}
	/* who is not a router any more is none to choose from */
	world_not_router = 0;
	host_in(NEIGH_STALE, us, host)->n_flags |= NEIGH_F_ROUTER;
	nd(NA, 0xc0, host, us, host, 2, peer);
	assert_int_equal(world_not_router, 0);
	nd(NA, 0x40, host, us, host, 2, peer);
	assert_int_equal(world_not_router, 1);
}

/* Entries set by hand: those for good do not change, those for a while end when they were to, unless overwritten. */
static void
test_by_hand(void **state)
{
	const char *us = "2001:db8:1::1", *host = "2001:db8:1::9";

	for (unsigned flags = 0; flags < 8; flags++)
		for (unsigned ll = 0; ll < 3; ll++) {
			const uint8_t *lladdr = ll == LL_NEW ? other : peer;
			bool overwritten = ll == LL_NEW && (flags & 1) != 0;
			struct neigh *n = host_in(NEIGH_STALE, us, host);

			nud_permanent(n, peer, 0);
			nd(NA, flags << 5, host, flags & 2 ? us : "ff02::1", host, ll ? 2 : 0, ll ? lladdr : NULL);
			assert_int_equal(state_of(host), NEIGH_PERMANENT);
			assert_memory_equal(n->n_lladdr, peer, 6);
			nud_permanent(n, peer, world_now + 20000);
			nd(NA, flags << 5, host, flags & 2 ? us : "ff02::1", host, ll ? 2 : 0, ll ? lladdr : NULL);
			assert_int_equal((n->n_flags & NEIGH_F_TEMP) != 0, !overwritten);
			assert_memory_equal(n->n_lladdr, overwritten ? other : peer, 6);
			world_wait(19000);
			assert_non_null(find(host));
			world_wait(1100);
			assert_int_equal(find(host) != NULL, overwritten);
		}
}

/* Anycast addresses: answered within a second, without override, once; of a flood some at once; not when they are gone. */
static void
test_anycast(void **state)
{
	const char *us = "2001:db8:1::acac", *group = "ff02::1:ff00:acac";
	struct ifaddr *ifa = world_addr(&world_if[1], us, 64, IFA_ANYCAST);
	char host[32];

	nd(NS, 0, "2001:db8:1::9", group, us, 1, peer);
	nd(NS, 0, "2001:db8:1::9", group, us, 1, peer);
	assert_int_equal(world_count(W_FRAME), 0);
	world_wait(1100);
	assert_int_equal(world_count(W_FRAME), 1);
	assert_memory_equal(world_last(W_FRAME)->data, peer, 6);
	assert_int_equal(world_last(W_FRAME)->data[54], NA);
	assert_int_equal(world_last(W_FRAME)->data[58], 0xc0);
	world_clear();
	for (unsigned i = 0; i < 100; i++) {
		snprintf(host, sizeof(host), "2001:db8:1::1:%x", i);
		nd(NS, 0, host, group, us, 1, peer);
	}
	assert_int_equal(world_count(W_FRAME), 100 - 32);
	world_wait(1100);
	assert_int_equal(world_count(W_FRAME), 100);
	world_clear();
	nd(NS, 0, "2001:db8:1::9", group, us, 1, peer);
	ifa->ifa_flags = IFA_DETACHED;
	world_wait(1100);
	assert_int_equal(world_count(W_FRAME), 0);
	/* told unasked, as when the link is back: without override too */
	ifa->ifa_flags = IFA_ANYCAST;
	neigh_ifaddr_announce(ifa);
	assert_memory_equal(world_last(W_FRAME)->data, "\x33\x33\x00\x00\x00\x01", 6);
	assert_int_equal(world_last(W_FRAME)->data[58], 0x80);
	nd(NS, 0, "2001:db8:1::9", group, us, 1, peer); /* waits at the end */
}

/* neighborgcthresh: small bounds hold, the oldest stale go first; lowered, the rest goes soon; negative: no bound */
static void
test_gcthresh(void **state)
{
	const char *us = "2001:db8:1::1";
	char host[32];

	*neigh_inet6.nf_maxentries = 4;
	output(us, "2001:db8:1::9");
	answer6();
	for (unsigned i = 0x10; i < 0x20; i++) {
		snprintf(host, sizeof(host), "2001:db8:1::%x", i);
		nd(NS, 0, host, "ff02::1:ff00:1", us, 1, other);
		assert_int_equal(state_of(host), NEIGH_STALE);
		assert_true(neigh_inet6.nf_total <= 4);
	}
	assert_int_equal(state_of("2001:db8:1::9"), NEIGH_REACHABLE);
	for (unsigned i = 0x1d; i < 0x20; i++) {
		snprintf(host, sizeof(host), "2001:db8:1::%x", i);
		assert_int_equal(state_of(host), NEIGH_STALE);
	}
	*neigh_inet6.nf_maxentries = 0;
	output(us, "2001:db8:1::a");
	assert_int_equal(neigh_inet6.nf_total, 1);
	*neigh_inet6.nf_maxentries = -1;
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(host, sizeof(host), "2001:db8:1::1:%x", i);
		nd(NS, 0, host, "ff02::1:ff00:1", us, 1, other);
	}
	assert_true(neigh_inet6.nf_total >= 5000);
	*neigh_inet6.nf_maxentries = 10;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(host, sizeof(host), "2001:db8:1::2:%x", i);
		nd(NS, 0, host, "ff02::1:ff00:1", us, 1, other);
	}
	assert_int_equal(neigh_inet6.nf_total, 10);
	*neigh_inet6.nf_maxentries = 2048;
}

static void
test_nd_hostile(void **state)
{
	uint8_t b[40];
	union in_any t = world_any("2001:db8:1::1");

	memset(b, 0, sizeof(b));
	b[0] = NS;
	memcpy(b + 8, &t.in6, 16);
	b[24] = 1;
	b[25] = 1;
	memcpy(b + 26, peer, 6);

#define BAD(...)                                                                                                       \
	do {                                                                                                           \
		world_clear();                                                                                         \
		nd_full(peer, __VA_ARGS__);                                                                            \
		assert_int_equal(world_drops(DROP_ND_BAD), 1);                                                         \
		assert_int_equal(world_count(W_FRAME), 0);                                                             \
		assert_int_equal(neigh_inet6.nf_total, 0);                                                             \
	} while (0)
	const char *host = "2001:db8:1::9", *group = "ff02::1:ff00:1";

	BAD(host, group, 254, b, 32);
	BAD("ff02::9", group, 255, b, 32);
	for (unsigned len = 4; len < 32; len++)
		if (len != 24)
			BAD(host, group, 255, b, len);
	BAD("::", group, 255, b, 32);	  /* a source option without a source */
	BAD("::", "ff02::1", 255, b, 24); /* a wrong group */
	BAD("::", "2001:db8:1::1", 255, b, 24);
	b[1] = 1;
	BAD(host, group, 255, b, 32);
	b[1] = 0;
	b[25] = 0;
	BAD(host, group, 255, b, 32);
	b[25] = 2;
	BAD(host, group, 255, b, 32);
	BAD(host, group, 255, b, 40); /* an address of 14 octets */
	b[25] = 1;
	b[26] = 0xff;
	BAD(host, group, 255, b, 32);
	b[26] = peer[0];
	b[8] = 0xff; /* target is a group */
	BAD(host, group, 255, b, 32);
	b[8] = 0x20;
	b[0] = NA;
	b[4] = 0x40; /* solicited, to a group */
	BAD(host, group, 255, b, 32);
	b[0] = 139;
	BAD(host, group, 255, b, 32);

	/* a length field that promises more than there is */
	struct rte_mbuf *m;
	uint8_t p[72] = {0x60, 0, 0, 0, 0xff, 0xff, 58, 255};

	world_clear();
	m = world_packet(p, sizeof(p));
	pkt_meta(m)->iif = 1;
	pkt_meta(m)->l4off = 40;
	world_receive[PUNT_ND](m);
	assert_int_equal(world_drops(DROP_ND_BAD), 1);

	/* random bodies */
	srandom(5);
	for (unsigned i = 0; i < 20000; i++) {
		for (unsigned j = 0; j < sizeof(b); j++)
			b[j] = (uint8_t)(random() % 4 ? random() % 3 : random());
		b[0] = (uint8_t)(133 + random() % 5);
		b[1] = 0;
		if (random() % 2)
			memcpy(b + 8, &t.in6, 16);
		nd_full(peer, random() % 4 ? host : "::", group, 255, b, 4 + (unsigned)random() % 37);
	}
	assert_int_equal(world_alive, 0);
}

static void
test_dad(void **state)
{
	struct ifaddr *a, *b;

	/* IPv4: three probes from 0.0.0.0, then two announcements */
	a = world_addr(&world_if[1], "10.0.1.50", 24, IFA_TENTATIVE);
	neigh_ifaddr_start_dad(a);
	world_wait(300);
	assert_int_equal(world_count(W_FRAME), 1);
	expect_arp(1, bcast, me, "0.0.0.0", "10.0.1.50");
	/* the spaces between probes are random, 1 to 2 s */
	for (unsigned t = 0; t < 4300 && world_count(W_FRAME) < 3; t += 50)
		world_wait(50);
	assert_int_equal(world_count(W_FRAME), 3);
	assert_true(a->ifa_flags & IFA_TENTATIVE);
	/* not ours yet: not answered for */
	world_clear();
	arp(1, peer, "10.0.1.9", "10.0.1.50");
	assert_int_equal(world_count(W_FRAME), 0);
	for (unsigned t = 0; t < 2200 && world_count(W_FRAME) < 1; t += 50)
		world_wait(50);
	assert_false(a->ifa_flags & (IFA_TENTATIVE | IFA_DUPLICATED));
	assert_int_equal(world_count(W_FRAME), 1);
	expect_arp(1, bcast, me, "10.0.1.50", "10.0.1.50");
	world_wait(2100);
	assert_int_equal(world_count(W_FRAME), 2);
	assert_null(a->ifa_dad);

	/* IPv6: one solicitation from ::, a second of silence, nothing said afterwards */
	world_clear();
	b = world_addr(&world_if[1], "2001:db8:1::50", 64, IFA_TENTATIVE);
	neigh_ifaddr_start_dad(b);
	world_wait(300);
	assert_int_equal(world_count(W_FRAME), 1);
	assert_memory_equal(world_last(W_FRAME)->data, "\x33\x33\xff\x00\x00\x50", 6);
	assert_int_equal(world_last(W_FRAME)->len, 14 + 40 + 24);
	expect_checksum(world_last(W_FRAME));
	world_wait(1100);
	assert_int_equal(b->ifa_flags, 0);
	assert_int_equal(world_count(W_FRAME), 1);

	/* conflicts of every kind */
	for (unsigned i = 0; i < 7; i++) {
		struct ifaddr *ifa = i < 3 ? a : b;

		ifa->ifa_flags = IFA_TENTATIVE;
		neigh_ifaddr_start_dad(ifa);
		world_wait(300);
		switch (i) {
		case 0: /* the owner answers */
			arp(2, other, "10.0.1.50", "0.0.0.0");
			break;
		case 1: /* the owner speaks of something else */
			arp(1, other, "10.0.1.50", "10.0.1.9");
			break;
		case 2: /* another probes for it too */
			arp(1, other, "0.0.0.0", "10.0.1.50");
			break;
		case 3:
			nd(NA, 0x20, "2001:db8:1::50", "ff02::1", "2001:db8:1::50", 2, other);
			break;
		case 4:
			nd(NS, 0, "::", "ff02::1:ff00:50", "2001:db8:1::50", 0, other);
			break;
		case 5: /* its owner has our link address */
			nd(NA, 0x20, "2001:db8:1::50", "ff02::1", "2001:db8:1::50", 2, me);
			break;
		case 6: /* our own solicitation, come back, is none */
			nd(NS, 0, "::", "ff02::1:ff00:50", "2001:db8:1::50", 0, me);
			assert_int_equal(ifa->ifa_flags, IFA_TENTATIVE);
			/* nor is a question of a host that does not check addresses */
			nd(NS, 0, "2001:db8:1::9", "ff02::1:ff00:50", "2001:db8:1::50", 1, other);
			assert_int_equal(ifa->ifa_flags, IFA_TENTATIVE);
			neigh_ifaddr_stop_dad(ifa);
			continue;
		}
		assert_int_equal(ifa->ifa_flags, IFA_DUPLICATED);
		assert_null(ifa->ifa_dad);
	}
	/* the owner of an address that we gave up is a neighbour like others */
	a->ifa_flags = IFA_DUPLICATED;
	world_clear();
	arp(1, other, "10.0.1.50", "10.0.1.1");
	assert_int_equal(state_of("10.0.1.50"), NEIGH_STALE);
	b->ifa_flags = IFA_DUPLICATED;
	nd(NS, 0, "2001:db8:1::50", "ff02::1:ff00:1", "2001:db8:1::1", 1, other);
	assert_int_equal(state_of("2001:db8:1::50"), NEIGH_STALE);
	/* counts of 0: at once */
	ip_dad_count = 0;
	a->ifa_flags = IFA_TENTATIVE;
	neigh_ifaddr_start_dad(a);
	assert_int_equal(a->ifa_flags, 0);
	assert_int_equal(state_of("10.0.1.50"), -1); /* ours now: nobody's */
	ip_dad_count = 3;
	/* the interface goes down in the middle */
	a->ifa_flags = IFA_TENTATIVE;
	neigh_ifaddr_start_dad(a);
	world_if[1].if_flags &= ~(unsigned)IFF_SMP_UP;
	world_wait(20000);
	assert_int_equal(a->ifa_flags, IFA_TENTATIVE);
}

/* A scan of a large connected network: bounded, and a host that answers is found all the same. */
static void
test_scan(void **state)
{
	char dst[32];

	world_if[1].if_addrs.tqh_first->ifa_plen = 8;
	neigh_maxwaiting = 100;
	output("10.0.1.1", "10.0.1.9");
	answer4();
	for (unsigned i = 0; i < 60000; i++) {
		snprintf(dst, sizeof(dst), "10.%u.%u.%u", 1 + i / 65536, i / 256 % 256, i % 256);
		output("192.0.2.1", dst);
		assert_true(neigh_inet.nf_count[NEIGH_INCOMPLETE] <= 1024);
		assert_true(nud_waiting <= 100);
		if (i % 1000 == 0) {
			world_clear();
			snprintf(dst, sizeof(dst), "10.0.1.%u", 20 + i / 1000);
			output("10.0.1.1", dst);
			arp(2, other, dst, "10.0.1.1");
			assert_int_equal(world_count(W_SENT), 1);
			assert_int_equal(state_of(dst), NEIGH_REACHABLE);
		}
	}
	assert_int_equal(state_of("10.0.1.9"), NEIGH_REACHABLE);
	assert_true(neigh_inet.nf_total <= 1024 + 61);
	world_wait(6000);
	assert_int_equal(neigh_inet.nf_total, 61);
	assert_int_equal(nud_waiting, 0);
	neigh_maxwaiting = 1024;
	/* no more than an eighth of a pool */
	world_pool = 160;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(dst, sizeof(dst), "10.2.0.%u", i);
		output("192.0.2.1", dst);
	}
	assert_int_equal(nud_waiting, 20);
	world_pool = 32768;
	world_wait(6000);
	assert_int_equal(nud_waiting, 0);
}

/* A full cache of known neighbours: the stalest makes room; those that routes use never do. */
static void
test_full(void **state)
{
	char addr[32];
	uint32_t gw;
	union in_any a = world_any("10.0.1.2");

	*neigh_inet.nf_maxentries = 100;
	arp(1, peer, "10.0.1.2", "10.0.1.1");
	gw = neigh_get_nexthop(&world_if[1], AF_INET, &a);
	assert_int_equal(gw, find("10.0.1.2")->n_nh);
	for (unsigned i = 3; i < 250; i++) {
		snprintf(addr, sizeof(addr), "10.0.1.%u", i);
		arp(1, peer, addr, "10.0.1.1");
		assert_true(neigh_inet.nf_total <= 100);
		assert_int_equal(state_of(addr), NEIGH_STALE);
	}
	assert_int_equal(state_of("10.0.1.2"), NEIGH_STALE);
	assert_int_equal(state_of("10.0.1.3"), -1);
	/* One who answers for every address fills the cache with neighbours in use: another still finds room. */
	for (unsigned i = 3; i < 250; i++) {
		snprintf(addr, sizeof(addr), "10.0.1.%u", i);
		output("10.0.1.1", addr);
		arp(2, peer, addr, "10.0.1.1");
	}
	assert_int_equal(neigh_inet.nf_count[NEIGH_REACHABLE] + neigh_inet.nf_count[NEIGH_DELAY], 99);
	output("10.0.1.1", "10.0.1.250");
	assert_int_equal(state_of("10.0.1.250"), NEIGH_INCOMPLETE);
	/* A limit that is far lower than it was takes its time, so that control does not. */
	*neigh_inet.nf_maxentries = 8192;
	for (unsigned i = 3; i < 250; i++) {
		snprintf(addr, sizeof(addr), "10.0.1.%u", i);
		arp(1, peer, addr, "10.0.1.1");
	}
	assert_true(neigh_inet.nf_total > 200);
	*neigh_inet.nf_maxentries = 10;
	for (unsigned i = 3; i < 10; i++) {
		unsigned was = neigh_inet.nf_total;

		snprintf(addr, sizeof(addr), "10.0.2.%u", i);
		arp_full(2, peer, 1, peer, addr, "10.0.2.1");
		assert_true(neigh_inet.nf_total + 64 >= was);
		assert_true(neigh_inet.nf_total < was || was <= 10);
	}
	assert_true(neigh_inet.nf_total <= 10);
	*neigh_inet.nf_maxentries = 8192;
	nexthop_release(gw);
}

/* A gateway's entry keeps its index through deletion and interface down; destruction leaves no interface behind. */
static unsigned ndetached;

static void
detached(struct ifnet *ifp)
{
	ndetached++;
}

static void
test_gateway(void **state)
{
	union in_any a = world_any("10.0.1.9");
	uint32_t nh = neigh_get_nexthop(&world_if[1], AF_INET, &a);

	assert_int_equal(nexthop_get(nh)->nh_type, NH_UNRESOLVED);
	assert_int_equal(world_count(W_FRAME), 0); /* nobody has sent yet */
	world_wait(60000);
	assert_int_equal(state_of("10.0.1.9"), NEIGH_NONE);
	/* a worker's packet by that next hop */
	struct rte_mbuf *m = ip_packet("198.51.100.1", "203.0.113.1");
	pkt_meta(m)->nh = nh;
	world_receive[PUNT_RESOLVE](m);
	expect_arp(1, bcast, me, "10.0.1.1", "10.0.1.9");
	answer4();
	assert_int_equal(nexthop_get(nh)->nh_type, NH_FORWARD);
	assert_int_equal(world_last(W_SENT)->meta.nh, nh);
	assert_int_equal(world_call("neigh.delete", "{\"family\":\"inet\",\"address\":\"10.0.1.9\"}", NULL), 0);
	assert_int_equal(nexthop_get(nh)->nh_type, NH_UNRESOLVED);
	assert_int_equal(world_call("neigh.delete", "{\"family\":\"inet\",\"address\":\"10.0.1.9\"}", NULL), -ENOENT);
	/* asked again when needed, but not within a second of the last time */
	world_clear();
	m = ip_packet("198.51.100.1", "203.0.113.1");
	pkt_meta(m)->nh = nh;
	world_receive[PUNT_RESOLVE](m);
	assert_int_equal(world_count(W_FRAME), 0);
	world_wait(1100);
	assert_int_equal(world_count(W_FRAME), 1);
	/* the interface goes down with a packet waiting, then is destroyed */
	neigh_ifnet_down(&world_if[1]);
	assert_int_equal(world_drops(DROP_IF_DOWN), 1);
	assert_int_equal(state_of("10.0.1.9"), NEIGH_NONE);
	neigh_ifnet_detach(&world_if[1], detached);
	assert_int_equal(state_of("10.0.1.9"), -1);
	assert_null(nexthop_get(nh)->nh_ifp);
	assert_int_equal(nexthop_get(nh)->nh_type, NH_BLACKHOLE);
	m = ip_packet("198.51.100.1", "203.0.113.1");
	pkt_meta(m)->nh = nh;
	world_receive[PUNT_RESOLVE](m);
	assert_int_equal(world_last(W_SENT)->code, PKT_NH_OUTPUT);
	nexthop_release(nh);
}

static void
test_glean(void **state)
{
	struct nexthop glean = {.nh_type = NH_GLEAN, .nh_ifp = &world_if[1]};
	uint32_t nh = nexthop_alloc(&glean);
	struct rte_mbuf *m;
	uint8_t junk[50] = {0};

	for (unsigned k = 0; k < 2; k++) {
		m = ip_packet(kinds[k].us, kinds[k].host);
		pkt_meta(m)->nh = nh;
		world_receive[PUNT_RESOLVE](m);
		assert_int_equal(state_of(kinds[k].host), NEIGH_INCOMPLETE);
	}
	/* link-local: by the interface */
	m = ip_packet("fe80::1", "fe80::9");
	pkt_meta(m)->oif = 1;
	world_receive[PUNT_RESOLVE](m);
	assert_int_equal(state_of("fe80::9"), NEIGH_INCOMPLETE);
	/* not for an address of ours that is being checked, nor without a next hop, nor what is no IP packet */
	world_addr(&world_if[1], "10.0.1.60", 24, IFA_TENTATIVE);
	world_clear();
	m = ip_packet("10.0.1.1", "10.0.1.60");
	pkt_meta(m)->nh = nh;
	world_receive[PUNT_RESOLVE](m);
	m = ip_packet("10.0.1.1", "10.0.1.61");
	pkt_meta(m)->nh = 9999;
	world_receive[PUNT_RESOLVE](m);
	m = ip_packet("fe80::1", "fe80::8");
	pkt_meta(m)->oif = 1;
	pkt_meta(m)->oifgen = 5;
	world_receive[PUNT_RESOLVE](m);
	for (unsigned len = 0; len < 50; len += 7) {
		junk[0] = len % 2 ? 0x45 : 0x60;
		m = world_packet(junk, len % 2 ? len % 20 : len % 40);
		pkt_meta(m)->nh = nh;
		world_receive[PUNT_RESOLVE](m);
	}
	assert_int_equal(world_drops(DROP_NEIGH_GONE), 3 + 8);
	nexthop_release(nh);
}

static void
test_methods(void **state)
{
	json_t *r, *e;
	const char *add = "{\"family\":\"inet\",\"address\":\"10.0.1.77\",\"lladdr\":\"02:00:00:00:00:77\"}";

	assert_int_equal(world_call("neigh.add", add, NULL), 0);
	assert_int_equal(state_of("10.0.1.77"), NEIGH_PERMANENT);
	assert_int_equal(hop("10.0.1.77")->nh_type, NH_FORWARD);
	assert_int_equal(world_call("neigh.add", add, NULL), -EEXIST);
	/* not overwritten from the wire, and answered for as before */
	arp(1, peer, "10.0.1.77", "10.0.1.1");
	assert_memory_equal(find("10.0.1.77")->n_lladdr, other, 6);
	expect_arp(2, peer, me, "10.0.1.1", "10.0.1.77");
	world_wait(100000);
	assert_int_equal(state_of("10.0.1.77"), NEIGH_PERMANENT);
	/* temporary ones may be overwritten, and end */
	assert_int_equal(
	    world_call("neigh.add",
		"{\"family\":\"inet\",\"address\":\"10.0.1.78\",\"lladdr\":\"02:00:00:00:00:77\",\"temp\":true}", NULL),
	    0);
	assert_int_equal(
	    world_call("neigh.add",
		"{\"family\":\"inet\",\"address\":\"10.0.1.78\",\"lladdr\":\"02:00:00:00:00:78\",\"temp\":true}", NULL),
	    0);
	/* published: answered for with the address given, only here and only while it is there */
	assert_int_equal(world_call("neigh.add",
			     "{\"family\":\"inet\",\"address\":\"10.0.1.80\",\"lladdr\":\"02:00:00:00:00:80\",\"pub\":"
			     "true,\"proxy\":true}",
			     NULL),
	    0);
	world_clear();
	arp(1, peer, "10.0.1.9", "10.0.1.80");
	expect_arp(2, peer, (const uint8_t[]){2, 0, 0, 0, 0, 0x80}, "10.0.1.80", "10.0.1.9");
	assert_int_equal(state_of("10.0.1.80"), -1); /* not used for sending */
	arp_full(2, peer, 1, peer, "10.0.1.9", "10.0.1.80");
	arp(1, (const uint8_t[]){2, 0, 0, 0, 0, 0x80}, "0.0.0.0", "10.0.1.80"); /* its owner */
	assert_int_equal(world_count(W_FRAME), 1);
	assert_int_equal(neigh_watch, 1);
	/* the same by neighbour discovery */
	assert_int_equal(
	    world_call("neigh.add",
		"{\"family\":\"inet6\",\"address\":\"2001:db8:1::80\",\"lladdr\":\"02:00:00:00:00:80\",\"proxy\":true}",
		NULL),
	    0);
	struct in6_addr published[2];
	assert_int_equal(neigh_published6(&world_if[1], published, 2), 1);
	assert_int_equal(neigh_published6(&world_if[2], published, 2), 0);
	world_clear();
	nd(NS, 0, "2001:db8:1::9", "ff02::1:ff00:80", "2001:db8:1::80", 1, peer);
	assert_int_equal(world_count(W_FRAME), 1);
	assert_int_equal(world_last(W_FRAME)->data[58], 0xc0);
	assert_memory_equal(world_last(W_FRAME)->data + 54 + 26, "\x02\x00\x00\x00\x00\x80", 6);
	expect_checksum(world_last(W_FRAME));
	nd(NS, 0, "::", "ff02::1:ff00:80", "2001:db8:1::80", 0, (const uint8_t[]){2, 0, 0, 0, 0, 0x80}); /* its owner */
	assert_int_equal(world_count(W_FRAME), 1);
	assert_int_equal(world_call("neigh.delete", "{\"family\":\"inet6\",\"address\":\"2001:db8:1::80\"}", NULL), 0);
	assert_int_equal(neigh_published6(&world_if[1], published, 2), 0);
	nd(NS, 0, "2001:db8:1::9", "ff02::1:ff00:80", "2001:db8:1::80", 1, peer);
	assert_int_equal(world_count(W_FRAME), 1);
	/* errors */
	static const struct {
		const char *params;
		int error;
	} bad[] = {
	    {"{\"family\":\"inet\",\"address\":\"10.0.1.1\",\"lladdr\":\"02:00:00:00:00:77\"}", -EEXIST},
	    {"{\"family\":\"inet\",\"address\":\"192.0.2.1\",\"lladdr\":\"02:00:00:00:00:77\"}", -ENETUNREACH},
	    {"{\"family\":\"inet\",\"address\":\"10.0.1.300\",\"lladdr\":\"02:00:00:00:00:77\"}", -EINVAL},
	    {"{\"family\":\"inet\",\"address\":\"224.0.0.1\",\"lladdr\":\"02:00:00:00:00:77\"}", -EINVAL},
	    {"{\"family\":\"inet\",\"address\":\"10.0.1.5\",\"lladdr\":\"02:00:00:00:00\"}", -EINVAL},
	    {"{\"family\":\"inet\",\"address\":\"10.0.1.5\",\"lladdr\":\"02: 0:+0:-1:00:1\"}", -EINVAL},
	    {"{\"family\":\"inet\",\"address\":\"10.0.1.5\",\"lladdr\":\"02:00:00:00:00:77:88\"}", -EINVAL},
	    {"{\"family\":\"inet\",\"address\":\"10.0.1.5\",\"lladdr\":\"ff:ff:ff:ff:ff:ff\"}", -EINVAL},
	    {"{\"family\":\"inet6\",\"address\":\"fe80::5\",\"lladdr\":\"02:00:00:00:00:77\"}", -EINVAL},
	    {"{\"family\":\"inet6\",\"address\":\"fe80::5%nosuch0\",\"lladdr\":\"02:00:00:00:00:77\"}", -ENXIO},
	    {"{\"family\":\"ipx\",\"address\":\"fe80::5\",\"lladdr\":\"02:00:00:00:00:77\"}", -EINVAL},
	};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(world_call("neigh.add", bad[i].params, NULL), bad[i].error);
	assert_int_equal(world_call("neigh.add",
			     "{\"family\":\"inet6\",\"address\":\"fe80::5%shmif0\",\"lladdr\":\"2:0:0:0:0:5\"}", NULL),
	    0);
	/* the list: NetBSD's order, ours among them */
	assert_int_equal(world_call("neigh.list", "{\"family\":\"inet\"}", &r), 0);
	static const char *const want[] = {"10.0.2.1", "10.0.1.80", "10.0.1.78", "10.0.1.77", "10.0.1.1"};
	assert_int_equal(json_array_size(r), 5);
	for (unsigned i = 0; i < 5; i++)
		assert_string_equal(json_string_value(json_object_get(json_array_get(r, i), "address")), want[i]);
	e = json_array_get(r, 1);
	assert_true(json_is_true(json_object_get(e, "published")) && json_is_true(json_object_get(e, "proxy")));
	e = json_array_get(r, 2);
	assert_int_equal(json_integer_value(json_object_get(e, "expire")), 1200);
	e = json_array_get(r, 4);
	assert_true(json_is_true(json_object_get(e, "ours")));
	assert_string_equal(json_string_value(json_object_get(e, "lladdr")), "02:00:00:00:00:01");
	json_decref(r);
	assert_int_equal(world_call("neigh.list", "{\"family\":\"inet6\",\"address\":\"fe80::5%shmif0\"}", &r), 0);
	assert_int_equal(json_array_size(r), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(r, 0), "address")), "fe80::5%shmif0");
	json_decref(r);
	/* delete removes the entries of all interfaces */
	assert_int_equal(world_call("neigh.flush", "{\"family\":\"inet\"}", &r), 0);
	assert_int_equal(json_array_size(json_object_get(r, "deleted")), 3);
	json_decref(r);
	assert_int_equal(neigh_inet.nf_total, 0);
	world_clear();
	arp(1, peer, "10.0.1.9", "10.0.1.80");
	assert_int_equal(world_count(W_FRAME), 0);
}

static char saved[1024];

static void
save_line(void *arg, const char *line)
{
	strcat(saved, line);
	strcat(saved, "\n");
}

static void
test_save(void **state)
{
	static const char *const adds[] = {
	    "{\"family\":\"inet\",\"address\":\"10.0.1.77\",\"lladdr\":\"02:00:00:00:00:77\"}",
	    "{\"family\":\"inet\",\"address\":\"10.0.1.78\",\"lladdr\":\"02:00:00:00:00:78\",\"temp\":true}",
	    "{\"family\":\"inet\",\"address\":\"10.0.2.79\",\"lladdr\":\"02:00:00:00:00:79\",\"pub\":true}",
	    "{\"family\":\"inet\",\"address\":\"10.0.1.80\",\"lladdr\":\"02:00:00:00:00:80\",\"proxy\":true}",
	    "{\"family\":\"inet6\",\"address\":\"2001:db8:1::7\",\"lladdr\":\"02:00:00:00:00:77\"}",
	    "{\"family\":\"inet6\",\"address\":\"fe80::7%shmif1\",\"lladdr\":\"02:00:00:00:00:77\"}",
	};

	struct neigh_save place = {0};

	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(world_call("neigh.add", adds[i], NULL), 0);
	arp(1, peer, "10.0.1.9", "10.0.1.1"); /* learnt: not configuration */
	saved[0] = '\0';
	while (!neigh_config_save(&place, save_line, NULL))
		continue;
	neigh_save_free(&place);
	assert_string_equal(saved, "arp -s 10.0.2.79 02:00:00:00:00:79 pub\n"
				   "arp -s 10.0.1.80 02:00:00:00:00:80 pub proxy\n"
				   "arp -s 10.0.1.77 02:00:00:00:00:77\n"
				   "ndp -s fe80::7%shmif1 02:00:00:00:00:77\n"
				   "ndp -s 2001:db8:1::7 02:00:00:00:00:77\n");
}

/* Entries go with their connected route, or when it moves; the link address changes under them. */
static void
test_routes(void **state)
{
	struct rt_msg msg = {.type = RTMSG_DELETE, .family = AF_INET, .plen = 24, .dst = world_any("10.0.1.0")};
	uint8_t mac[6] = {2, 0, 0, 0, 9, 9};

	output("10.0.1.1", "10.0.1.9");
	answer4();
	output("10.0.1.1", "10.0.1.8");
	msg.ifp = &world_if[2];
	rt_notify(&msg);
	assert_int_equal(neigh_inet.nf_total, 2);
	world_if[1].if_lladdr = ether_addr_word(mac);
	neigh_ifnet_changed(&world_if[1]);
	assert_memory_equal(hop("10.0.1.9")->nh_l2 + 6, mac, 6);
	msg.ifp = &world_if[1];
	world_clear();
	rt_notify(&msg);
	assert_int_equal(neigh_inet.nf_total, 0);
	assert_int_equal(world_drops(DROP_NEIGH_FLUSHED), 1);
	assert_int_equal(messages(RTMSG_DELETE), 2); /* the route's and the neighbour's */
	output("10.0.1.1", "10.0.1.9");
	msg.type = RTMSG_CHANGE;
	msg.ifp = &world_if[2];
	rt_notify(&msg);
	assert_int_equal(neigh_inet.nf_total, 0);
}

static struct neigh *
made(unsigned iif, int family, unsigned i)
{
	union in_any a = world_any(family == AF_INET ? "10.0.0.0" : "2001:db8:1::");
	uint8_t *low = (uint8_t *)&a + (family == AF_INET ? 1 : 13);

	low[0] = (uint8_t)(i >> 16);
	low[1] = (uint8_t)(i >> 8);
	low[2] = (uint8_t)i;
	(void)neigh_find(&world_if[iif], family, &a, false); /* what is to go goes now */
	return neigh_create(&world_if[iif], family, &a, false);
}

/* The order against a naive model: after random comings and goings each neighbour is found from its key and behind it. */
static void
test_order(void **state)
{
	static struct neigh *all[1500];
	unsigned n = sizeof(all) / sizeof(all[0]);
	struct neigh *prev = NULL, *e;
	unsigned count = 0;

	srandom(17);
	for (unsigned k = 0; k < 20000; k++) {
		unsigned i = (unsigned)random() % n;

		if (all[i] == NULL) {
			all[i] = made(1 + i % 2, i % 3 ? AF_INET : AF_INET6, (i ^ 0x2a5) * 11117);
			assert_non_null(all[i]);
		} else {
			neigh_delete(all[i], DROP_NEIGH_FLUSHED);
			all[i] = NULL;
		}
	}
	for (e = neigh_order_from(NULL, false); e != NULL; prev = e, e = neigh_order_next(e)) {
		struct neigh_key k = neigh_key(e), before;

		count++;
		assert_ptr_equal(neigh_order_from(&k, false), e);
		assert_ptr_equal(neigh_order_from(&k, true), neigh_order_next(e));
		if (prev != NULL) {
			before = neigh_key(prev);
			assert_true(neigh_key_order(&before, &k) < 0);
			assert_true(prev->n_family == AF_INET || e->n_family == AF_INET6);
		}
	}
	assert_int_equal(count, neigh_inet.nf_total + neigh_inet6.nf_total);
	for (unsigned i = 0; i < n; i++)
		if (all[i] != NULL)
			neigh_delete(all[i], DROP_NEIGH_FLUSHED);
}

/* Many neighbours go with their interface: in slices, but nobody sees them from the first on; what comes later stays. */
static void
test_flush(void **state)
{
	const unsigned n = 20000;
	union in_any a = world_any("10.0.0.5");
	json_t *list = NULL;
	struct rt_msg msg = {
	    .type = RTMSG_DELETE, .family = AF_INET, .plen = 15, .dst = world_any("10.0.0.0"), .ifp = &world_if[1]};

	*neigh_inet.nf_maxentries = *neigh_inet6.nf_maxentries = 100000;
	for (unsigned round = 0; round < 4; round++) {
		for (unsigned i = 1; i < n; i++) {
			nud_permanent(made(1, AF_INET, i), peer, 0);
			nud_permanent(made(1, AF_INET6, i), peer, 0);
			if (i % 10 == 0)
				nud_permanent(made(2, AF_INET, i), peer, 0);
		}
		world_clear();
		world_nmsg = ndetached = 0;
		switch (round) {
		case 0:
			neigh_ifnet_down(&world_if[1]);
			break;
		case 1: /* and up again, and down: the first is not over */
			neigh_ifnet_down(&world_if[1]);
			nud_permanent(made(1, AF_INET, 6), other, 0);
			neigh_ifnet_down(&world_if[1]);
			break;
		case 2:
			neigh_route_message(&msg);
			break;
		case 3:
			world_if[1].if_dead = true;
			neigh_ifnet_detach(&world_if[1], detached);
			assert_int_equal(ndetached, 0);
			assert_null(made(1, AF_INET, 5));
			world_if[1].if_dead = false; /* the world's again */
		}
		assert_true(neigh_flush_pending());
		assert_true(neigh_inet.nf_total > n / 2);
		/* gone for everybody */
		assert_null(neigh_find(&world_if[1], AF_INET, &a, false));
		assert_null(find("10.0.30.1"));
		/* what comes now stays */
		nud_permanent(made(1, AF_INET, 5), other, 0);
		assert_int_equal(world_call("neigh.list", "{\"family\":\"inet\",\"interface\":\"shmif0\"}", &list), 0);
		assert_int_equal(json_array_size(list), 2); /* it and our own */
		json_decref(list);
		while (mp_slices_run())
			continue;
		assert_false(neigh_flush_pending());
		assert_int_equal(neigh_inet.nf_total, (n - 1) / 10 + 1);
		assert_int_equal(neigh_inet6.nf_total, round == 2 ? n - 1 : 0);
		assert_non_null(neigh_find(&world_if[1], AF_INET, &a, false));
		assert_int_equal(ndetached, round == 3);
		neigh_ifnet_down(&world_if[1]);
		neigh_ifnet_down(&world_if[2]);
		while (mp_slices_run())
			continue;
		assert_int_equal(neigh_inet.nf_total + neigh_inet6.nf_total, 0);
	}
	*neigh_inet.nf_maxentries = 8192;
	*neigh_inet6.nf_maxentries = 2048;
}

/* A full cache: who has most makes room.  A scan or forged senders on one interface cost another one nothing. */
static void
test_share(void **state)
{
	char dst[32];

	*neigh_inet.nf_maxentries = 200;
	*neigh_inet.nf_maxincomplete = 50;
	world_if[1].if_addrs.tqh_first->ifa_plen = 8;
	for (unsigned i = 10; i < 60; i++) {
		snprintf(dst, sizeof(dst), "10.0.2.%u", i);
		arp_full(2, peer, 1, peer, dst, "10.0.2.1");
	}
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(dst, sizeof(dst), "10.1.%u.%u", 1 + i / 250, 1 + i % 250);
		if (i % 2)
			arp(1, other, dst, "10.0.1.1");
		else
			output("10.0.1.1", dst);
		assert_true(neigh_inet.nf_total <= 200);
		assert_true(neigh_inet.nf_count[NEIGH_INCOMPLETE] <= 50);
	}
	for (unsigned i = 10; i < 60; i++) {
		union in_any a;

		snprintf(dst, sizeof(dst), "10.0.2.%u", i);
		a = world_any(dst);
		assert_non_null(neigh_find(&world_if[2], AF_INET, &a, false));
	}
	/* one that is being asked for elsewhere stays as well */
	{
		union in_any a = world_any("10.0.2.99");

		neigh_ctl_output(&world_if[2], AF_INET, &a, ip_packet("10.0.2.1", "10.0.2.99"));
		for (unsigned i = 0; i < 500; i++) {
			snprintf(dst, sizeof(dst), "10.2.%u.%u", 1 + i / 250, 1 + i % 250);
			output("10.0.1.1", dst);
		}
		assert_int_equal(neigh_find(&world_if[2], AF_INET, &a, false)->n_state, NEIGH_INCOMPLETE);
	}
	*neigh_inet.nf_maxentries = 8192;
	*neigh_inet.nf_maxincomplete = 1024;
	world_wait(6000);
}

/* Random operations on both families: every packet ends once, the counts agree, nothing is left. */
static void
test_random(void **state)
{
	uint32_t held[16] = {0};
	char addr[64];

	srandom(11);
	for (unsigned i = 0; i < 40000; i++) {
		bool v6 = random() % 2;
		unsigned h = 2 + (unsigned)random() % 14;
		union in_any a;

		world_clear();
		snprintf(addr, sizeof(addr), v6 ? "2001:db8:1::%x" : "10.0.1.%u", h);
		a = world_any(addr);
		switch (random() % 10) {
		case 0:
		case 1:
		case 2:
			output(v6 ? "2001:db8:1::1" : "10.0.1.1", addr);
			break;
		case 3:
		case 4:
			if (v6)
				nd(NA, (unsigned)random() & 0xe0, addr, "2001:db8:1::1", addr, 2,
				    random() % 2 ? peer : other);
			else
				arp(1 + (unsigned)random() % 2, random() % 2 ? peer : other, addr, "10.0.1.1");
			break;
		case 5:
			if (held[h] == 0)
				held[h] = neigh_get_nexthop(&world_if[1], v6 ? AF_INET6 : AF_INET, &a);
			else {
				nexthop_release(held[h]);
				held[h] = 0;
			}
			break;
		case 6:
			if (find(addr) != NULL && random() % 4 == 0)
				neigh_delete(find(addr), DROP_NEIGH_FLUSHED);
			break;
		case 7:
			if (random() % 50 == 0)
				neigh_ifnet_down(&world_if[1]);
			break;
		case 8:
			world_wait((unsigned)random() % 8000);
			break;
		case 9:
			if (find(addr) != NULL)
				nexthop_marks[0][find(addr)->n_nh] = 1;
			break;
		}
		assert_int_equal(world_alive, nud_waiting);
		for (unsigned f = 0; f < 2; f++) {
			struct neigh_family *nf = f ? &neigh_inet6 : &neigh_inet;
			unsigned total = 0;

			for (unsigned s = 0; s < NEIGH_NSTATES; s++)
				total += nf->nf_count[s];
			assert_int_equal(total, nf->nf_total);
		}
		struct neigh *n = find(addr);
		if (n != NULL)
			assert_int_equal(nexthop_get(n->n_nh)->nh_type, neigh_usable(n) ? NH_FORWARD : NH_UNRESOLVED);
	}
	for (unsigned h = 0; h < 16; h++)
		if (held[h] != 0)
			nexthop_release(held[h]);
}

/* The timers against a naive model: random setting, moving and stopping. */
struct model_timer {
	struct neigh_timer t;
	uint64_t when; /* 0: not set */
	unsigned fired;
};

static void
model_fire(struct neigh_timer *t, uint64_t now)
{
	struct model_timer *m = (struct model_timer *)t;

	assert_int_not_equal(m->when, 0);
	assert_true(m->when <= now);
	m->when = 0;
	m->fired++;
}

static void
test_timers(void **state)
{
	static struct model_timer m[600];
	unsigned n = sizeof(m) / sizeof(m[0]);

	srandom(13);
	for (unsigned i = 0; i < n; i++) {
		m[i] = (struct model_timer){.t.nt_fn = model_fire};
		assert_int_equal(neigh_timer_adopt(), 0);
	}
	for (unsigned step = 0; step < 3000; step++) {
		int64_t next, want = -1;

		for (unsigned k = 0; k < 40; k++) {
			struct model_timer *t = &m[(unsigned)random() % n];

			if (random() % 4 != 0) {
				t->when = world_now + 1 + (unsigned)random() % 1000;
				neigh_timer_set(&t->t, t->when);
			} else {
				t->when = 0;
				neigh_timer_stop(&t->t);
			}
		}
		world_now += (unsigned)random() % 60;
		next = neigh_timer_run(world_now);
		for (unsigned i = 0; i < n; i++) {
			assert_true(m[i].when == 0 || m[i].when > world_now); /* what was due has run */
			if (m[i].when != 0 && (want < 0 || (int64_t)(m[i].when - world_now) < want))
				want = (int64_t)(m[i].when - world_now);
		}
		assert_int_equal(next, want);
	}
	for (unsigned i = 0; i < n; i++)
		neigh_timer_disown(&m[i].t);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_resolution),
	    T(test_failure),
	    T(test_ageing),
	    T(test_silent),
	    T(test_keep),
	    T(test_arp_rules),
	    T(test_arp_conflict),
	    T(test_arp_hostile),
	    T(test_nd_rules),
	    T(test_appendix_c),
	    T(test_by_hand),
	    T(test_anycast),
	    T(test_gcthresh),
	    T(test_nd_hostile),
	    T(test_dad),
	    T(test_scan),
	    T(test_full),
	    T(test_order),
	    T(test_flush),
	    T(test_share),
	    T(test_gateway),
	    T(test_glean),
	    T(test_methods),
	    T(test_save),
	    T(test_routes),
	    T(test_random),
	    T(test_timers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
