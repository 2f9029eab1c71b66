/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv6: what a router does with good, bad and special packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ip_world.h"
#include "ip6/ip6_var.h"
#include "mp/slice.h"

#define A    "2001:db8:1::2"
#define B    "2001:db8:2::2"
#define R    "2001:db8:1::1"
#define LL_A "fe80::a"

static uint8_t buf[70000];
static char ll_r[INET6_ADDRSTRLEN]; /* R's on tst0 */

static const struct ipv6_h *
sent_ip6(unsigned i, unsigned ifn)
{
	assert_true(i < world_nframes);
	assert_int_equal(world_frame[i].ifindex, world_if[ifn]->if_index);
	const struct ipv6_h *ip6 = (const struct ipv6_h *)(world_frame[i].data + 14);
	assert_int_equal(ntohs(ip6->plen), world_frame[i].len - 54);
	assert_int_equal(world_frame[i].data[14] >> 4, 6);
	return ip6;
}

static bool
same_addr(const void *a, const char *text)
{
	struct in6_addr b;

	inet_pton(AF_INET6, text, &b);
	return memcmp(a, &b, 16) == 0;
}

struct bad {
	const char *what;
	unsigned at; /* 0xffff: not changed */
	uint8_t value;
	uint32_t len; /* 0: as it is */
	const char *src, *dst;
	enum mp_drop reason;
	bool answered;
};
#define SAME 0xffff

static const struct bad bads[] = {
    {"version 4", 0, 0x46, 0, NULL, NULL, DROP_IP6_BADVERS, false},
    {"version 15", 0, 0xf0, 0, NULL, NULL, DROP_IP6_BADVERS, false},
    {"length beyond the frame", 4, 2, 0, NULL, NULL, DROP_IP6_SHORT, false},
    {"truncated header", SAME, 0, 39, NULL, NULL, DROP_IP6_SHORT, false},
    {"truncated payload", SAME, 0, 50, NULL, NULL, DROP_IP6_SHORT, false},
    {"source ::", SAME, 0, 0, "::", NULL, DROP_IP6_MARTIAN_SRC, false},
    {"source ::1", SAME, 0, 0, "::1", NULL, DROP_IP6_MARTIAN_SRC, false},
    {"source multicast", SAME, 0, 0, "ff02::1", NULL, DROP_IP6_MARTIAN_SRC, false},
    {"source mapped", SAME, 0, 0, "::ffff:10.0.0.1", NULL, DROP_IP6_MARTIAN_SRC, false},
    {"source ours", SAME, 0, 0, "2001:db8:2::1", NULL, DROP_IP6_MARTIAN_SRC, false},
    {"destination ::", SAME, 0, 0, NULL, "::", DROP_IP6_MARTIAN_DST, false},
    {"destination ::1", SAME, 0, 0, NULL, "::1", DROP_IP6_MARTIAN_DST, false},
    {"destination mapped", SAME, 0, 0, NULL, "::ffff:10.0.0.1", DROP_IP6_MARTIAN_DST, false},
    {"destination of interface scope", SAME, 0, 0, NULL, "ff01::1", DROP_IP6_MARTIAN_DST, false},
    {"link-local destination", SAME, 0, 0, NULL, "fe80::77", DROP_IP6_SCOPE, false},
    {"link-local source", SAME, 0, 0, LL_A, NULL, DROP_IP6_SCOPE, true},
    {"group that nobody joined", SAME, 0, 0, NULL, "ff05::1:3", DROP_IP6_MCAST, false},
    {"hop limit 1", 7, 1, 0, NULL, NULL, DROP_IP6_HLIM, true},
    {"hop limit 0", 7, 0, 0, NULL, NULL, DROP_IP6_HLIM, true},
    {"no route", SAME, 0, 0, NULL, "2001:db8:ffff::1", DROP_IP6_NOROUTE, true},
};

static uint32_t
make_bad(const struct bad *b)
{
	uint32_t len = make_udp6(buf, b->src != NULL ? b->src : A, b->dst != NULL ? b->dst : B, 60);

	if (b->at != SAME)
		buf[b->at] = b->value;
	return b->len != 0 ? b->len : len;
}

static void
test_bursts(void **state)
{
	static const unsigned bursts[] = {1, 7, 63, 64, 65};
	struct rte_mbuf *m[65];

	for (unsigned k = 0; k < sizeof(bads) / sizeof(bads[0]); k++) {
		for (unsigned i = 0; i < 5; i++) {
			unsigned n = bursts[i], bad = (k * 13 + i * 5) % n, good = 0;

			world_clear();
			for (unsigned j = 0; j < n; j++) {
				uint32_t len;

				if (j == bad) {
					len = make_bad(&bads[k]);
				} else {
					len = make_udp6(buf, A, B, 20 + j);
					buf[3] = (uint8_t)j; /* flow label: its place */
				}
				m[j] = world_packet(0, buf, len, j % 3 == 2 ? 17 + j : 0);
			}
			world_input(0, m, n);
			for (unsigned f = 0; f < world_nframes; f++) {
				if (world_frame[f].ifindex != world_if[1]->if_index)
					continue;
				assert_int_equal(sent_ip6(f, 1)->hlim, 63);
				good++;
			}
			/* an answer to a link-local source waits for its neighbour */
			if (world_dropped(bads[k].reason) != 1 || good != n - 1)
				fail_msg("%s, %u of %u: %u forwarded, %u dropped", bads[k].what, bad, n, good,
				    (unsigned)world_dropped(bads[k].reason));
			assert_int_equal(world_counted(C_ICMP6_ERROR), bads[k].answered);
			world_neighbours();
		}
	}
	world_neighbours();
}

static void
test_forward(void **state)
{
	static const uint8_t l2[14] = {2, 0, 0, 0, 1, 2, 2, 0, 0, 0, 0, 2, 0x86, 0xdd};
	uint32_t len = make_udp6(buf, A, B, 100);

	world_clear();
	world_receive(0, buf, len, 18, 0);
	assert_int_equal(world_nframes, 1);
	assert_memory_equal(world_frame[0].data, l2, 14);
	sent_ip6(0, 1);
	buf[7]--;
	assert_memory_equal(world_frame[0].data + 14, buf, len);
	world_sysctl("net.inet6.ip6.forwarding", 0);
	world_clear();
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_nframes, 0);
	assert_int_equal(world_dropped(DROP_IP6_NOTROUTER), 1);
	world_sysctl("net.inet6.ip6.forwarding", 1);
	world_sum();
}

/* An error to A about the packet in buf */
static const struct icmp_h *
expect_error(const char *what, unsigned type, unsigned code, const char *from, uint32_t original)
{
	if (world_nframes != 1)
		fail_msg("%s: %u frames", what, world_nframes);
	const struct ipv6_h *ip6 = sent_ip6(0, 0);
	uint32_t len = ntohs(ip6->plen);
	const struct icmp_h *icmp = (const struct icmp_h *)(ip6 + 1);

	assert_true(same_addr(&ip6->src, from));
	assert_true(same_addr(&ip6->dst, A));
	assert_int_equal(ip6->nxt, IPPROTO_ICMPV6);
	assert_int_equal(sum_icmp6((const uint8_t *)ip6, 40, len), 0);
	if (icmp->type != type || icmp->code != code)
		fail_msg("%s: type %u code %u", what, icmp->type, icmp->code);
	assert_int_equal(len, original + 8 > 1240 ? 1240 : original + 8);
	assert_memory_equal(icmp + 1, buf, len - 8);
	return icmp;
}

static void
test_errors(void **state)
{
	uint32_t len;

	for (uint32_t size = 0; size < 1400; size += 131) {
		world_clear();
		len = make_udp6(buf, A, "2001:db8:ffff::1", size);
		world_receive(0, buf, len, 0, size > 200 ? 100 : 0);
		expect_error("no route", ICMP6_T_UNREACH, ICMP6_UNREACH_NOROUTE, R, len);
	}
	world_clear();
	len = make_udp6(buf, A, "2001:db8:2::1", 10);
	world_receive(0, buf, len, 0, 0);
	expect_error("port", ICMP6_T_UNREACH, ICMP6_UNREACH_PORT, "2001:db8:2::1", len);
	assert_int_equal(if_set_mtu(world_if[1], 1280), 0);
	world_settle();
	world_clear();
	len = make_udp6(buf, A, B, 1300);
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(ntohl(expect_error("too big", ICMP6_T_TOOBIG, 0, R, len)->info), 1280);
	len = make_udp6(buf, A, B, 1280 - 48);
	world_clear();
	world_receive(0, buf, len, 0, 0);
	sent_ip6(0, 1);
	assert_int_equal(if_set_mtu(world_if[1], 1500), 0);
	world_sum();
}

static void
test_rate_limit(void **state)
{
	world_sysctl("net.inet6.icmp6.errppslimit", 10);
	world_real_time = true;
	world_clear();
	for (unsigned i = 0; i < 200; i++)
		world_receive(0, buf, make_udp6(buf, A, "2001:db8:ffff::1", 10), 0, 0);
	/* a second's worth at once, and what the time it took allows */
	assert_in_range(world_nframes, 10, 100);
	assert_int_equal(world_nframes + world_counted(C_ICMP6_TOOFREQ), 200);
	/* path MTU discovery has its own */
	assert_int_equal(if_set_mtu(world_if[1], 1280), 0);
	world_settle();
	world_clear();
	for (unsigned i = 0; i < 10; i++)
		world_receive(0, buf, make_udp6(buf, A, B, 1300), 0, 0);
	assert_int_equal(world_nframes, 10);
	assert_int_equal(if_set_mtu(world_if[1], 1500), 0);
	world_real_time = false;
	world_sysctl("net.inet6.icmp6.errppslimit", -1);
}

static void
test_echo(void **state)
{
	static const uint32_t sizes[] = {0, 1, 56, 57, 1452, 8000};
	static const char *const to[] = {"2001:db8:1::1", "2001:db8:2::1", "ff02::1"};

	assert_int_equal(if_set_mtu(world_if[0], 9000), 0);
	world_settle();
	for (unsigned i = 0; i < 18; i++) {
		for (unsigned seg = 0; seg < 300; seg += 97) {
			uint32_t size = sizes[i % 6], len = make_echo6(buf, A, to[i / 6], 77, (uint16_t)i, size);

			if (seg == 0 && size > 1472)
				continue;
			struct rte_mbuf *m = world_packet(0, buf, len, seg);
			if (i / 6 == 2)
				memcpy(rte_pktmbuf_mtod(m, void *), "\x33\x33\0\0\0\1", 6);
			world_clear();
			world_input(0, &m, 1);
			assert_int_equal(world_nframes, 1);
			const struct ipv6_h *ip6 = sent_ip6(0, 0);
			assert_int_equal(ntohs(ip6->plen), 8 + size);
			assert_true(same_addr(&ip6->src, i / 6 == 2 ? R : to[i / 6]));
			assert_true(same_addr(&ip6->dst, A));
			const uint8_t *p = (const uint8_t *)ip6;
			assert_int_equal(p[40], ICMP6_T_ECHOREPLY);
			assert_int_equal(sum_icmp6(p, 40, 8 + size), 0);
			assert_memory_equal(p + 44, buf + 44, size + 4);
		}
	}
	assert_int_equal(if_set_mtu(world_if[0], 1500), 0);
	uint32_t len = make_echo6(buf, A, R, 1, 1, 20);
	buf[50] ^= 4;
	world_clear();
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_dropped(DROP_ICMP6_BADSUM), 1);
	world_sum();
}

/* Chains of extension headers, each 8 or more octets, in front of an echo request to us */
struct chain {
	const char *what;
	uint8_t first; /* of the headers */
	uint8_t h[128];
	unsigned len;
	int type, code;	  /* of the error expected; -1: an echo reply; -2: nothing */
	unsigned pointer; /* counted from the IPv6 header */
	bool multicast;
};
#define ICMP 58
#define HBH  0
#define DST  60
#define RTH  43
#define FRAG 44

static const struct chain chains[] = {
    {"hop-by-hop", HBH, {ICMP, 0, 1, 4, 0, 0, 0, 0}, 8, -1, 0, 0, false},
    {"destination options", DST, {ICMP, 0, 1, 4, 0, 0, 0, 0}, 8, -1, 0, 0, false},
    {"pad1 only", DST, {ICMP, 0, 0, 0, 0, 0, 0, 0}, 8, -1, 0, 0, false},
    {"both, and routing that is done", HBH, {DST, 0, 1, 4, 0, 0, 0, 0, RTH, 0, 1, 4, 0, 0, 0, 0, ICMP, 2, 0, 0}, 40, -1,
	0, 0, false},
    {"router alert", HBH, {ICMP, 0, 5, 2, 0, 0, 1, 0}, 8, -1, 0, 0, false},
    {"router alert of wrong length", HBH, {ICMP, 0, 5, 3, 0, 0, 0, 0}, 8, ICMP6_T_PARAMPROB, 0, 43, false},
    {"hop-by-hop not first", DST, {HBH, 0, 1, 4, 0, 0, 0, 0, ICMP, 0, 1, 4, 0, 0, 0, 0}, 16, ICMP6_T_PARAMPROB, 1, 40,
	false},
    {"unknown option, skip", DST, {ICMP, 0, 0x1e, 4, 9, 9, 9, 9}, 8, -1, 0, 0, false},
    {"unknown option, discard", DST, {ICMP, 0, 0x5e, 4, 9, 9, 9, 9}, 8, -2, 0, 0, false},
    {"unknown option, answer", DST, {ICMP, 0, 0x9e, 4, 9, 9, 9, 9}, 8, ICMP6_T_PARAMPROB, 2, 42, false},
    {"unknown option, answer unicast", DST, {ICMP, 0, 0xde, 4, 9, 9, 9, 9}, 8, ICMP6_T_PARAMPROB, 2, 42, false},
    {"unknown option, multicast, answer", DST, {ICMP, 0, 0x9e, 4, 9, 9, 9, 9}, 8, ICMP6_T_PARAMPROB, 2, 42, true},
    {"unknown option, multicast, no answer", DST, {ICMP, 0, 0xde, 4, 9, 9, 9, 9}, 8, -2, 0, 0, true},
    {"jumbo payload", HBH, {ICMP, 0, 0xc2, 4, 0, 1, 0, 0}, 8, ICMP6_T_PARAMPROB, 2, 42, false},
    {"option beyond its header", DST, {ICMP, 0, 1, 5, 0, 0, 0, 0}, 8, ICMP6_T_PARAMPROB, 0, 43, false},
    {"header beyond the packet", DST, {ICMP, 200, 1, 4, 0, 0, 0, 0}, 8, -2, 0, 0, false},
    {"routing type 0 with segments left", RTH, {ICMP, 2, 0, 1, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8}, 24, ICMP6_T_PARAMPROB,
	0, 42, false},
    {"routing of unknown type with segments left", RTH, {ICMP, 0, 99, 1, 0, 0, 0, 0}, 8, ICMP6_T_PARAMPROB, 0, 42,
	false},
    {"unknown next header", DST, {253, 0, 1, 4, 0, 0, 0, 0}, 8, ICMP6_T_PARAMPROB, 1, 40, false},
    {"no next header", DST, {59, 0, 1, 4, 0, 0, 0, 0}, 8, -2, 0, 0, false},
    {"atomic fragment", FRAG, {ICMP, 0, 0, 0, 1, 2, 3, 4}, 8, -1, 0, 0, false},
    {"fragment of odd length", FRAG, {ICMP, 0, 0, 1, 1, 2, 3, 4}, 8, ICMP6_T_PARAMPROB, 0, 4, false},
};

static void
test_chains(void **state)
{
	for (unsigned i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		const struct chain *c = &chains[i];

		for (unsigned seg = 0; seg < 60; seg += 19) {
			uint32_t len = make_echo6(buf, A, c->multicast ? "ff02::1" : R, 7, 9, 13);

			memmove(buf + 40 + c->len, buf + 40, len - 40);
			memcpy(buf + 40, c->h, c->len);
			buf[6] = c->first;
			buf[5] = (uint8_t)(buf[5] + c->len);
			len += c->len;
			world_clear();
			world_receive(0, buf, len, 0, seg);
			if (c->type == -2) {
				if (world_nframes != 0)
					fail_msg("%s: answered", c->what);
			} else if (c->type == -1) {
				if (world_nframes != 1)
					fail_msg("%s: %u frames", c->what, world_nframes);
				const uint8_t *p = (const uint8_t *)sent_ip6(0, 0);
				assert_int_equal(p[6], ICMP);
				if (p[40] != ICMP6_T_ECHOREPLY)
					fail_msg("%s: type %u", c->what, p[40]);
				assert_int_equal(sum_icmp6(p, 40, 21), 0);
				assert_memory_equal(p + 44, buf + 44 + c->len, 17);
			} else {
				const struct icmp_h *icmp =
				    expect_error(c->what, (unsigned)c->type, (unsigned)c->code, R, len);
				if (ntohl(icmp->info) != c->pointer)
					fail_msg("%s: pointer %u", c->what, ntohl(icmp->info));
			}
			world_sum();
		}
	}
	/* more headers than may be */
	world_sysctl("net.inet6.ip6.hdrnestlimit", 4);
	uint32_t len = make_echo6(buf, A, R, 7, 9, 13);
	memmove(buf + 40 + 48, buf + 40, len - 40);
	for (unsigned i = 0; i < 6; i++)
		memcpy(buf + 40 + 8 * i, i == 5 ? "\x3a\0\1\4\0\0\0\0" : "\x3c\0\1\4\0\0\0\0", 8);
	buf[6] = DST;
	buf[5] = (uint8_t)(buf[5] + 48);
	world_clear();
	world_receive(0, buf, len + 48, 0, 0);
	assert_int_equal(world_dropped(DROP_IP6_TOOMANYHDR), 1);
	world_sysctl("net.inet6.ip6.hdrnestlimit", 50);
	world_clear();
	world_receive(0, buf, len + 48, 0, 0);
	assert_int_equal(world_nframes, 1);
}

/* A router looks at hop-by-hop options and at nothing behind them. */
static void
test_forward_options(void **state)
{
	uint32_t len = make_udp6(buf, A, B, 20);

	memmove(buf + 48, buf + 40, len - 40);
	memcpy(buf + 40, "\x11\0\x9e\4\0\0\0\0", 8);
	buf[5] = (uint8_t)(buf[5] + 8);
	len += 8;
	buf[6] = HBH;
	world_clear();
	world_receive(0, buf, len, 0, 0);
	expect_error("hop-by-hop", ICMP6_T_PARAMPROB, 2, R, len);
	buf[6] = DST;
	world_clear();
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(sent_ip6(0, 1)->nxt, DST);
	buf[6] = HBH;
	buf[42] = 0x1e;
	world_clear();
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(sent_ip6(0, 1)->nxt, HBH);
}

static void
test_silence(void **state)
{
	static const struct {
		const char *what, *src, *dst;
		uint8_t nxt, p[16];
		bool answered;
	} t[] = {
	    {"udp", A, "2001:db8:ffff::1", IPPROTO_UDP, {0}, true},
	    {"echo", A, "2001:db8:ffff::1", ICMP, {128}, true},
	    {"unreachable", A, "2001:db8:ffff::1", ICMP, {1}, false},
	    {"unknown error", A, "2001:db8:ffff::1", ICMP, {100}, false},
	    {"redirect", A, "2001:db8:ffff::1", ICMP, {137}, false},
	    {"error behind options", A, "2001:db8:ffff::1", DST, {ICMP, 0, 1, 4, 0, 0, 0, 0, 1}, false},
	    {"echo behind options", A, "2001:db8:ffff::1", DST, {ICMP, 0, 1, 4, 0, 0, 0, 0, 128}, true},
	    {"first fragment", A, "2001:db8:ffff::1", FRAG, {17, 0, 0, 1, 0, 0, 0, 1}, true},
	    {"later fragment", A, "2001:db8:ffff::1", FRAG, {17, 0, 0, 8, 0, 0, 0, 1}, true},
	    {"later fragment of ICMPv6", A, "2001:db8:ffff::1", FRAG, {ICMP, 0, 0, 8, 0, 0, 0, 1}, false},
	    {"multicast", A, "ff02::1", IPPROTO_UDP, {0}, false},
	};

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint32_t len = make_ip6(buf, t[i].src, t[i].dst, t[i].nxt, 64, t[i].p, 16);

		world_clear();
		world_receive(0, buf, len, 0, 0);
		if (world_nframes != t[i].answered)
			fail_msg("%s: %u answers", t[i].what, world_nframes);
		world_sum();
	}
}

static void
test_reassembly(void **state)
{
	static uint8_t frag[2000], reply[70000];

	srand(815);
	for (unsigned round = 0; round < 60; round++) {
		uint32_t size = round == 0 ? 65527 : 1 + (uint32_t)rand() % 20000;
		uint32_t len = make_echo6(buf, A, R, 5, (uint16_t)round, size), data = len - 40, total = 0;
		uint32_t piece = (8 + (uint32_t)rand() % 1400) & ~7u, nfrag;
		uint32_t order[300];

		while ((nfrag = (data + piece - 1) / piece) > 200)
			piece = piece < 700 ? piece * 2 : 1400;
		for (uint32_t i = 0; i < nfrag; i++)
			order[i] = i;
		for (uint32_t i = nfrag; i > 1; i--) {
			uint32_t j = (uint32_t)rand() % i, k = order[i - 1];
			order[i - 1] = order[j];
			order[j] = k;
		}
		world_clear();
		for (uint32_t i = 0; i < nfrag; i++) {
			uint32_t off = order[i] * piece, n = data - off < piece ? data - off : piece;
			struct ip6_frag_h fh = {
			    .nxt = ICMP, .off = htons((uint16_t)(off | (off + n < data))), .id = htonl(round)};

			/* some with destination options in front of it */
			unsigned opt = round % 3 == 1 ? 8 : 0;
			make_ip6(frag, A, R, opt ? DST : FRAG, 64, frag, opt + 8 + n);
			memcpy(frag + 40, "\x2c\0\1\4\0\0\0\0", opt);
			memcpy(frag + 40 + opt, &fh, 8);
			memcpy(frag + 48 + opt, buf + 40 + off, n);
			world_receive(0, frag, 48 + opt + n, 0, i % 2 ? 50 + (uint32_t)rand() % 500 : 0);
		}
		for (unsigned f = 0; f < world_nframes; f++) {
			const uint8_t *p = (const uint8_t *)sent_ip6(f, 0);
			uint32_t n = world_frame[f].len - 54;

			if (p[6] == FRAG) {
				uint32_t off = (uint32_t)(p[42] << 8 | p[43]) & ~7u;
				assert_int_equal(p[40], ICMP);
				memcpy(reply + off, p + 48, n - 8);
				total += n - 8;
			} else {
				memcpy(reply, p + 40, n);
				total += n;
			}
		}
		assert_int_equal(total, data);
		assert_int_equal(reply[0], ICMP6_T_ECHOREPLY);
		assert_memory_equal(reply + 4, buf + 44, data - 4);
		world_sum();
	}
	/* overlap: the datagram goes */
	world_clear();
	for (unsigned i = 0; i < 2; i++) {
		uint8_t p[24] = {ICMP, 0, 0, i == 0 ? 9 : 17, 7, 7, 7, 7};
		uint32_t n = make_ip6(buf, A, R, FRAG, 64, p, i == 0 ? 24 : 16);
		world_receive(0, buf, n, 0, 0);
	}
	assert_int_equal(world_counted(C_IP6_FRAGDROPPED), 2);
	world_sum();
	/* more fragments than are kept, of many datagrams: the oldest goes */
	world_sysctl("net.inet6.ip6.maxfrags", 10);
	world_clear();
	for (unsigned i = 0; i < 15; i++) {
		uint8_t p[16] = {ICMP, 0, 0, 1, 1, 1, 1, (uint8_t)i};
		world_receive(0, buf, make_ip6(buf, A, R, FRAG, 64, p, 16), 0, 0);
	}
	assert_int_equal(world_counted(C_IP6_FRAGOVERFLOW), 5);
	/* none at all */
	world_sysctl("net.inet6.ip6.maxfrags", 0);
	world_receive(0, buf, make_ip6(buf, A, R, FRAG, 64, (uint8_t[16]){ICMP, 0, 0, 1, 9}, 16), 0, 0);
	assert_int_equal(world_counted(C_IP6_FRAGOVERFLOW), 16);
	world_sysctl("net.inet6.ip6.maxfrags", 200);
	world_sum();
}

/* A packet that is a fragment in a fragment, and so on: each costs a round through control, so not for ever */
static void
test_nested(void **state)
{
	for (unsigned depth = 1; depth < 100; depth += 33) {
		uint8_t p[8 * 100 + 8] = {0};

		for (unsigned i = 0; i < depth; i++)
			p[8 * i] = i + 1 < depth ? FRAG : IPPROTO_NONE;
		world_clear();
		world_receive(0, buf, make_ip6(buf, A, R, FRAG, 64, p, 8 * depth), 0, 0);
		assert_int_equal(world_dropped(DROP_LOOP), depth > PKT_MAXDEPTH);
		assert_true(world_counted(C_IP6_FRAGMENTS) <= PKT_MAXDEPTH + 1);
		world_sum();
	}
}

static void
test_tcp_reset(void **state)
{
	uint8_t p[20] = {0x10, 0x00, 0, 80, 0, 0, 3, 232, 0, 0, 0, 0, 0x50, 2};
	uint32_t len = make_ip6(buf, A, R, IPPROTO_TCP, 64, p, 20), start = IPPROTO_TCP + 20;

	for (unsigned k = 8; k < 40; k += 2)
		start += (uint32_t)(buf[k] << 8 | buf[k + 1]);
	uint16_t sum = world_cksum(buf + 40, 20, start);
	buf[56] = (uint8_t)(sum >> 8);
	buf[57] = (uint8_t)sum;
	world_clear();
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_nframes, 1);
	const uint8_t *r = (const uint8_t *)sent_ip6(0, 0);
	assert_true(same_addr(r + 8, R) && same_addr(r + 24, A));
	assert_int_equal(r[53], 0x14);
	assert_int_equal(world_cksum(r + 40, 20, start), 0);
	assert_int_equal(r[48] << 24 | r[49] << 16 | r[50] << 8 | r[51], 1001);
	world_sum();
}

/* A host that floods control does not shut out others. */
static void
test_control_flood(void **state)
{
	static const struct {
		const char *src[2], *dst;
		uint8_t type;
		enum mp_class class;
	} t[] = {
	    {{A, "2001:db8:1::7"}, R, ICMP6_T_ECHOREPLY, PUNT_ICMP},
	    {{A, "2001:db8:1::7"}, R, ICMP6_T_TOOBIG, PUNT_ICMP},
	    {{LL_A, "fe80::7"}, "ff02::1", ICMP6_T_MLDQUERY, PUNT_MCAST},
	};
	uint8_t other[100];

	for (unsigned i = 0; i < RTE_DIM(t); i++) {
		uint8_t p[48] = {t[i].type}, *to[2] = {buf, other};
		uint32_t len = 0;

		for (unsigned k = 0; k < 2; k++) {
			len = make_ip6(to[k], t[i].src[k], t[i].dst, ICMP, 1, p, sizeof(p));
			uint16_t sum = htons(sum_icmp6(to[k], 40, sizeof(p)));
			memcpy(to[k] + 42, &sum, 2);
		}
		world_clear();
		assert_true(world_flood(t[i].class, 0, buf, 3000, other, len));
		assert_true(world_dropped(DROP_PUNT_RATE) + world_dropped(DROP_PUNT_FULL) > 1000);
		world_sum();
	}
}

/* What neighbour discovery hands to control, and what it does not */
static void
test_nd_checks(void **state)
{
	uint8_t ns[32] = {ICMP6_T_NS};
	uint16_t sum;

	inet_pton(AF_INET6, R, ns + 8);
	ns[24] = 1; /* source link-layer address */
	ns[25] = 1;
	memcpy(ns + 26, "\2\0\0\0\1\1", 6);
	for (unsigned i = 0; i < 4; i++) {
		uint32_t len = make_ip6(buf, A, R, ICMP, i == 1 ? 254 : 255, ns, sizeof(ns));

		buf[41] = i == 2;
		sum = htons(sum_icmp6(buf, 40, 32));
		memcpy(buf + 42, &sum, 2);
		buf[50] ^= i == 3;
		world_clear();
		world_receive(0, buf, len, 0, 0);
		assert_int_equal(world_nframes, i == 0); /* an advertisement */
		if (i == 0)
			assert_int_equal(world_frame[0].data[54], ICMP6_T_NA);
		assert_int_equal(world_dropped(DROP_ICMP6_HLIM), i == 1);
		assert_int_equal(world_dropped(DROP_ICMP6_TYPE), i == 2);
		assert_int_equal(world_dropped(DROP_ICMP6_BADSUM), i == 3);
	}
	/* RFC 6980: not in fragments, not even in one */
	for (unsigned whole = 0; whole < 2; whole++) {
		uint8_t p[40] = {ICMP, 0, 0, !whole, 8, 8, 8, 8};
		uint32_t len = make_ip6(buf, A, R, ICMP, 255, ns, sizeof(ns));

		sum = htons(sum_icmp6(buf, 40, 32));
		memcpy(ns + 2, &sum, 2);
		memcpy(p + 8, ns, 32);
		world_clear();
		len = make_ip6(buf, A, R, FRAG, 255, p, whole ? 40 : 24);
		world_receive(0, buf, len, 0, 0);
		if (!whole) {
			p[3] = 16;
			memcpy(p + 8, ns + 16, 16);
			len = make_ip6(buf, A, R, FRAG, 255, p, 24);
			world_receive(0, buf, len, 0, 0);
		}
		assert_int_equal(world_nframes, 0);
		assert_int_equal(world_dropped(DROP_ICMP6_FRAGMENT), 1);
		world_sum();
		memset(ns + 2, 0, 2);
	}
}

static void
test_linklocal(void **state)
{
	uint32_t len = make_echo6(buf, LL_A, ll_r, 1, 1, 10);

	json_decref(world_call("neigh.add", "{s:s,s:s,s:s,s:s}", "family", "inet6", "address", LL_A "%tst0", "lladdr",
	    "02:00:00:00:01:01", "interface", "tst0"));
	world_clear();
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_nframes, 1);
	const struct ipv6_h *ip6 = sent_ip6(0, 0);
	assert_true(same_addr(&ip6->src, ll_r) && same_addr(&ip6->dst, LL_A));
	/* in any size, and as often as it is asked: R knows the neighbour, control has no part in it */
	world_real_time = true;
	for (unsigned i = 0; i < 100; i++) {
		len = make_echo6(buf, LL_A, ll_r, 1, (uint16_t)i, 1400);
		world_clear();
		world_receive(0, buf, len, 0, 0);
		assert_int_equal(world_nframes, 1);
	}
	world_real_time = false;
	/* gone: the answer waits for a solicitation to be answered */
	world_neighbours();
	world_clear();
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_nframes, 1);
	assert_int_equal(world_frame[0].data[54], ICMP6_T_NS);
	world_neighbours();
	/* R's address on the other interface is not on this one, unless they are the same */
	world_clear();
	len = make_echo6(buf, LL_A, "fe80::ff:fe00:99", 1, 1, 10);
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_nframes, 0);
	assert_int_equal(world_dropped(DROP_IP6_SCOPE), 1);
}

/* A packet of ours that waited while its interface was destroyed does not leave by the next one of the same index. */
static void
test_interface_gone(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		bool v6 = i & 1, old = i & 2;
		uint32_t len = v6 ? make_echo6(buf, ll_r, "ff02::5", 1, 1, 10)
				  : make_echo4(buf, "10.0.1.1", "224.0.0.5", 1, 1, 10);
		struct rte_mbuf *m;

		world_clear();
		world_as_control();
		m = pkt_originate(mp_control());
		assert_true(pkt_append(mp_control(), m, buf, len));
		pkt_meta(m)->oif = world_if[0]->if_index;
		pkt_meta(m)->oifgen = (uint8_t)(world_if[0]->if_gen - old);
		pkt_ctl_send(m, v6 ? PKT_IP6_OUTPUT : PKT_IP_OUTPUT);
		world_settle();
		assert_int_equal(world_nframes, !old);
		assert_int_equal(world_dropped(DROP_IF_GONE), old);
		world_sum();
	}
}

static void
test_random(void **state)
{
	srand(99);
	for (unsigned round = 0; round <= 20480; round++) {
		const struct chain *c = &chains[(unsigned)rand() % (sizeof(chains) / sizeof(chains[0]))];
		uint32_t len = make_echo6(buf, A, rand() % 2 ? R : B, 7, 9, (uint32_t)rand() % 100);

		if (rand() % 2) {
			memmove(buf + 40 + c->len, buf + 40, len - 40);
			memcpy(buf + 40, c->h, c->len);
			buf[6] = c->first;
			buf[5] = (uint8_t)(buf[5] + c->len);
			len += c->len;
		}
		for (int i = rand() % 4; i > 0; i--)
			buf[(uint32_t)rand() % 80 % len] = (uint8_t)rand();
		if (rand() % 8 == 0)
			len = 1 + (uint32_t)rand() % len;
		world_receive(0, buf, len, 0, rand() % 2 ? 0 : 1 + (uint32_t)rand() % 40);
		if (round % 256 == 0) {
			uint8_t p[16] = {ICMP, 0, 0, 1};

			world_sysctl("net.inet6.ip6.maxfragpackets", 0);
			len = make_ip6(buf, A, R, FRAG, 64, p, 16);
			world_receive(0, buf, len, 0, 0);
			world_neighbours();
			world_sum();
			world_clear();
			world_sysctl("net.inet6.ip6.maxfragpackets", 200);
		}
	}
}

/* Many link-local neighbours that come and go: their table is not built for each of them. */
static void
test_linklocal_many(void **state)
{
	const uint32_t n = 1000;
	struct in6_addr a = {{{0xfe, 0x80, [8] = 0x77}}};
	const void *was = atomic_load(&in6_llnbr);
	unsigned built = 0;

	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t i = 0; i < n; i++) {
			memcpy(&a.s6_addr[12], &i, sizeof(i));
			ip6_linklocal_neighbour(world_if[1], &a, round == 0 ? 1000 + i : NH_NOROUTE_INDEX);
			built += atomic_load(&in6_llnbr) != was;
			was = atomic_load(&in6_llnbr);
			if (round != 0)
				assert_int_equal(ip6_linklocal_nexthop(world_if[1]->if_index, &a), NH_NOROUTE_INDEX);
			if (i != n - 1)
				continue;
			mp_slices_finish();
			for (uint32_t k = 0; k < n; k++) {
				memcpy(&a.s6_addr[12], &k, sizeof(k));
				assert_int_equal(ip6_linklocal_nexthop(world_if[1]->if_index, &a),
				    round == 0 ? 1000 + k : NH_NOROUTE_INDEX);
			}
			was = atomic_load(&in6_llnbr);
		}
	assert_true(built <= 2 * 64 + 2);

	/* one that is another's, or back, is so at once */
	for (uint32_t i = 0; i < n; i++) {
		memcpy(&a.s6_addr[12], &i, sizeof(i));
		ip6_linklocal_neighbour(world_if[1], &a, 1000 + i);
	}
	mp_slices_finish();
	ip6_linklocal_neighbour(world_if[1], &a, NH_NOROUTE_INDEX);
	assert_int_equal(ip6_linklocal_nexthop(world_if[1]->if_index, &a), NH_NOROUTE_INDEX);
	ip6_linklocal_neighbour(world_if[1], &a, 7);
	assert_int_equal(ip6_linklocal_nexthop(world_if[1]->if_index, &a), 7);
	ip6_linklocal_neighbour(world_if[1], &a, 8);
	assert_int_equal(ip6_linklocal_nexthop(world_if[1]->if_index, &a), 8);
	for (uint32_t i = 0; i < n; i++) {
		memcpy(&a.s6_addr[12], &i, sizeof(i));
		ip6_linklocal_neighbour(world_if[1], &a, NH_NOROUTE_INDEX);
	}
	mp_slices_finish();
}

static int
start(void **state)
{
	struct ifaddr *ifa;

	world_family = AF_INET6;
	if (world_start(state) != 0)
		return -1;
	TAILQ_FOREACH (ifa, &world_if[0]->if_addrs, ifa_list)
		if (ifa->ifa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&ifa->ifa_addr.in6))
			inet_ntop(AF_INET6, &ifa->ifa_addr.in6, ll_r, sizeof(ll_r));
	return ll_r[0] == '\0';
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forward),
	    cmocka_unit_test(test_bursts),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_rate_limit),
	    cmocka_unit_test(test_echo),
	    cmocka_unit_test(test_chains),
	    cmocka_unit_test(test_forward_options),
	    cmocka_unit_test(test_silence),
	    cmocka_unit_test(test_reassembly),
	    cmocka_unit_test(test_nested),
	    cmocka_unit_test(test_tcp_reset),
	    cmocka_unit_test(test_control_flood),
	    cmocka_unit_test(test_nd_checks),
	    cmocka_unit_test(test_linklocal),
	    cmocka_unit_test(test_linklocal_many),
	    cmocka_unit_test(test_interface_gone),
	    cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, start, world_end);
}
