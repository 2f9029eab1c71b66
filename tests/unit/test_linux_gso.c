/* SPDX-License-Identifier: BSD-2-Clause */
/* Segments cut and checksums completed, against a model that reads every segment as a receiver would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_mbuf.h>

#include "dev/linux_gso.h"

static uint32_t seed = 1;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)(seed >> 4) * n) >> 28);
}

/* Packets without a pool: a chain of plain memory, cut at random places behind the first `whole` octets */
#define PARTS 4
struct chain {
	struct rte_mbuf m[PARTS];
	uint8_t data[70000];
};

static struct rte_mbuf *
chain_make(struct chain *c, uint32_t len, uint32_t whole, unsigned parts)
{
	uint32_t off = 0;

	memset(c->m, 0, sizeof(c->m));
	for (unsigned i = 0; i < parts; i++) {
		uint32_t left = len - off, k = left;

		if (i + 1 < parts)
			k = i == 0 ? whole + rnd(left - whole + 1) : rnd(left + 1);
		c->m[i].buf_addr = c->data + off;
		c->m[i].data_len = k;
		c->m[i].next = i + 1 < parts ? &c->m[i + 1] : NULL;
		off += k;
	}
	c->m[0].pkt_len = len;
	c->m[0].nb_segs = parts;
	assert_int_equal(off, len);
	return &c->m[0];
}

/* The model: octet by octet */
static uint32_t
model_sum(uint32_t sum, const uint8_t *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static uint32_t
get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static void
set16(uint8_t *p, uint32_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static uint32_t
get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static uint32_t
model_pseudo(const uint8_t *ip, uint8_t proto, uint32_t len)
{
	uint8_t tail[8] = {len >> 24, len >> 16, len >> 8, len, 0, 0, 0, proto};
	uint32_t sum = ip[0] >> 4 == 4 ? model_sum(0, ip + 12, 8) : model_sum(0, ip + 8, 32);

	return model_sum(sum, tail, 8);
}

/* A frame under construction */
struct shape {
	bool v6, tcp, vlan, ext;
	unsigned opts; /* octets of IPv4 options and of TCP options */
	enum { PLAIN, VXLAN, VXLAN_CSUM, GRE, IPIP } tunnel;
	uint32_t l3off, l4off, hlen, outer_l3off, outer_udpoff;
};

static uint32_t
put_ip(uint8_t *f, uint32_t off, bool v6, unsigned opts, bool ext, uint8_t proto)
{
	for (unsigned i = 0; i < 60; i++)
		f[off + i] = rnd(256);
	if (!v6) {
		f[off] = 0x45 + opts / 4;
		f[off + 6] = 0x40;
		f[off + 7] = 0;
		f[off + 9] = proto;
		memset(f + off + 20, 1, opts);
		return off + 20 + opts;
	}
	f[off] = 0x60;
	f[off + 6] = ext ? 60 : proto;
	if (!ext)
		return off + 40;
	memset(f + off + 40, 0, 16);
	f[off + 40] = proto;
	f[off + 41] = 1;
	f[off + 42] = 1;
	f[off + 43] = 12;
	return off + 56;
}

static void
fix_ip(uint8_t *f, uint32_t off, uint32_t len)
{
	if (f[off] >> 4 == 6) {
		set16(f + off + 4, len - off - 40);
		return;
	}
	set16(f + off + 2, len - off);
	set16(f + off + 10, 0);
	set16(f + off + 10, ~model_sum(0, f + off, (f[off] & 15) * 4));
}

static uint32_t
build(uint8_t *f, struct shape *s, uint32_t paylen)
{
	uint32_t off = 12, len;

	for (unsigned i = 0; i < 12; i++)
		f[i] = rnd(256);
	if (s->vlan) {
		set16(f + off, 0x8100);
		set16(f + off + 2, 5);
		off += 4;
	}
	s->outer_l3off = s->outer_udpoff = 0;
	if (s->tunnel != PLAIN) {
		set16(f + off, 0x0800);
		s->outer_l3off = off + 2;
		off = put_ip(f, off + 2, false, 0, false,
		    s->tunnel == GRE	? 47
		    : s->tunnel == IPIP ? (s->v6 ? 41 : 4)
					: 17);
		if (s->tunnel == GRE) {
			set16(f + off, 0);
			set16(f + off + 2, s->v6 ? 0x86dd : 0x0800);
			off += 4;
		} else if (s->tunnel != IPIP) {
			s->outer_udpoff = off;
			set16(f + off, 40000);
			set16(f + off + 2, 4789);
			set16(f + off + 6, s->tunnel == VXLAN_CSUM ? 1 : 0);
			memset(f + off + 8, 0, 8);
			f[off + 8] = 8;
			off += 16;
			for (unsigned i = 0; i < 12; i++)
				f[off + i] = rnd(256);
			off += 12;
		}
		s->ext = false;
	}
	if (s->tunnel == PLAIN || s->outer_udpoff != 0) {
		set16(f + off, s->v6 ? 0x86dd : 0x0800);
		off += 2;
	}
	s->l3off = off;
	s->l4off = put_ip(f, off, s->v6, s->v6 ? 0 : s->opts, s->ext, s->tcp ? 6 : 17);
	for (unsigned i = 0; i < 60; i++)
		f[s->l4off + i] = rnd(256);
	s->hlen = s->l4off + (s->tcp ? 20 + s->opts : 8);
	if (s->tcp)
		f[s->l4off + 12] = (5 + s->opts / 4) << 4;
	len = s->hlen + paylen;
	for (uint32_t i = s->hlen; i < len; i++)
		f[i] = rnd(256);
	fix_ip(f, s->l3off, len);
	if (s->outer_l3off != 0)
		fix_ip(f, s->outer_l3off, len);
	if (s->outer_udpoff != 0)
		set16(f + s->outer_udpoff + 4, len - s->outer_udpoff);
	if (!s->tcp)
		set16(f + s->l4off + 4, len - s->l4off);
	set16(f + s->l4off + (s->tcp ? 16 : 6), model_pseudo(f + s->l3off, s->tcp ? 6 : 17, len - s->l4off));
	return len;
}

/* Is the frame right in every length and checksum? */
static void
check_frame(const uint8_t *f, const struct shape *s, uint32_t len)
{
	const uint32_t at[2] = {s->l3off, s->outer_l3off};

	for (unsigned i = 0; i < 2; i++) {
		const uint8_t *ip = f + at[i];

		if (at[i] == 0)
			continue;
		if (ip[0] >> 4 == 4) {
			assert_int_equal(get16(ip + 2), len - at[i]);
			assert_int_equal(model_sum(0, ip, (ip[0] & 15) * 4), 0xffff);
		} else
			assert_int_equal(get16(ip + 4), len - at[i] - 40);
	}
	if (!s->tcp) {
		assert_int_equal(get16(f + s->l4off + 4), len - s->l4off);
		assert_int_not_equal(get16(f + s->l4off + 6), 0);
	}
	assert_int_equal(
	    model_sum(model_pseudo(f + s->l3off, s->tcp ? 6 : 17, len - s->l4off), f + s->l4off, len - s->l4off),
	    0xffff);
	if (s->outer_udpoff != 0) {
		const uint8_t *udp = f + s->outer_udpoff;

		assert_int_equal(get16(udp + 4), len - s->outer_udpoff);
		if (s->tunnel == VXLAN)
			assert_int_equal(get16(udp + 6), 0);
		else
			assert_int_equal(model_sum(model_pseudo(f + s->outer_l3off, 17, len - s->outer_udpoff), udp,
					     len - s->outer_udpoff),
			    0xffff);
	}
}

static uint8_t frame[70000];
static struct chain chain;

static struct shape
random_shape(void)
{
	struct shape s = {.v6 = rnd(2), .tcp = rnd(2), .vlan = rnd(2), .ext = rnd(2), .opts = rnd(3) * 12};

	if (rnd(3) == 0)
		s.tunnel = 1 + rnd(4);
	return s;
}

static void
test_cut(void **state)
{
	for (unsigned round = 0; round < 3000; round++) {
		struct shape s = random_shape();
		uint32_t paylen = 1 + rnd(round % 50 == 0 ? 64000 : 6000);
		uint32_t mss = round % 7 == 0 ? paylen : 1 + rnd(1500);
		uint32_t len = build(frame, &s, paylen), done = 0;
		bool ecn = rnd(2), partial = s.tunnel != PLAIN || rnd(4) != 0;
		struct gso_vnet vh = {
		    .flags = partial ? GSO_F_NEEDS_CSUM : 0,
		    .type = (!s.tcp    ? GSO_T_UDP_L4
				: s.v6 ? GSO_T_TCPV6
				       : GSO_T_TCPV4) |
			    (ecn ? GSO_T_ECN : 0),
		    .size = mss,
		    .csum_start = s.l4off,
		    .csum_offset = s.tcp ? 16 : 6,
		};
		const uint8_t *l4 = frame + s.l4off;
		struct gso_plan plan;

		assert_int_equal(gso_plan(&plan, frame, s.hlen, len, &vh), 0);
		assert_int_equal(plan.hlen, s.hlen);
		assert_int_equal(plan.paylen, paylen);
		assert_int_equal(plan.nsegs, (paylen + mss - 1) / mss);
		for (uint32_t i = 0; i < plan.nsegs; i++) {
			uint32_t k = gso_seglen(&plan, i), n = s.hlen + k;
			bool last = i + 1 == plan.nsegs;
			uint8_t *g = chain.data, flags = l4[13];

			memset(g, 0xee, s.hlen);
			memcpy(g + s.hlen, frame + s.hlen + done, k);
			gso_finish(&plan, frame, i, chain_make(&chain, n, s.hlen, 1 + rnd(PARTS)));
			check_frame(g, &s, n);
			assert_memory_equal(g, frame, s.outer_l3off != 0 ? s.outer_l3off : s.l3off);
			assert_memory_equal(g + s.hlen, frame + s.hlen + done, k);
			if (g[s.l3off] >> 4 == 4)
				assert_int_equal(get16(g + s.l3off + 4), (get16(frame + s.l3off + 4) + i) & 0xffff);
			if (s.tcp) {
				if (!last)
					flags &= ~0x09;
				if (i > 0 && ecn)
					flags &= ~0x80;
				assert_int_equal(g[s.l4off + 13], flags);
				assert_int_equal(get32(g + s.l4off + 4), get32(l4 + 4) + done);
				assert_memory_equal(g + s.l4off + 8, l4 + 8, 5);
				assert_memory_equal(g + s.l4off + 18, l4 + 18, 2 + s.opts);
			} else
				assert_memory_equal(g + s.l4off, l4, 4);
			done += k;
		}
		assert_int_equal(done, paylen);
	}
}

/* Nothing that a sender writes into headers makes us read or write beyond them (run under the sanitizers). */
static void
test_hostile(void **state)
{
	for (unsigned round = 0; round < 200000; round++) {
		struct shape s = random_shape();
		uint32_t len = build(frame, &s, 1 + rnd(300)), avail = rnd(4) == 0 ? rnd(len + 1) : len;
		struct gso_vnet vh = {
		    .flags = rnd(2), .type = rnd(8), .size = rnd(100), .csum_start = rnd(3) ? s.l4off : rnd(200)};
		uint8_t *exact = malloc(avail > 0 ? avail : 1);
		struct gso_plan plan;
		struct gso_l4 l4;

		for (unsigned i = rnd(4); i > 0; i--)
			frame[12 + rnd(s.hlen - 12)] = rnd(256);
		memcpy(exact, frame, avail);
		if (gso_plan(&plan, exact, avail, len, &vh) == 0) {
			assert_true(plan.hlen <= avail && plan.nsegs >= 1);
			for (uint32_t i = 0; i < plan.nsegs; i++) {
				struct rte_mbuf *m = chain_make(&chain, plan.hlen + gso_seglen(&plan, i), plan.hlen, 1);

				gso_finish(&plan, exact, i, m);
			}
		}
		if (gso_find_l4(exact, avail, len, &l4))
			assert_true(l4.l4off + l4.l4len <= len);
		free(exact);
		memcpy(chain.data, frame, len);
		gso_checksum_unmarked(chain_make(&chain, avail, RTE_MIN(avail, 14u), 1 + rnd(2)));
		gso_checksum(chain_make(&chain, avail, RTE_MIN(avail, 14u), 1 + rnd(2)), rnd(400), rnd(40));
	}
}

static void
test_partial(void **state)
{
	for (unsigned round = 0; round < 20000; round++) {
		struct shape s = random_shape();
		uint32_t len = build(frame, &s, rnd(1400));
		bool marked = rnd(2);
		struct rte_mbuf *m;

		if (len - s.hlen >= 3 && round % 4 == 0) {
			/* a sum of zero, which UDP must not show */
			uint8_t *free2 = frame + s.hlen + ((s.hlen - s.l4off) & 1);

			set16(free2, 0);
			set16(free2, 0xffff - model_sum(0, frame + s.l4off, len - s.l4off));
		}

		if (s.tunnel == VXLAN_CSUM)
			s.tunnel = VXLAN, set16(frame + s.outer_udpoff + 6, 0);
		if (s.outer_udpoff != 0)
			set16(frame + s.outer_udpoff + 4, len - s.outer_udpoff);
		memcpy(chain.data, frame, len);
		m = chain_make(&chain, len, s.hlen, 1 + rnd(PARTS));
		if (marked)
			assert_true(gso_checksum(m, s.l4off, s.tcp ? 16 : 6));
		else
			assert_true(gso_checksum_unmarked(m));
		check_frame(chain.data, &s, len);
	}
}

/* A right frame is not harmed by the guess, not even one whose checksum is the pseudo-header's sum. */
static void
test_unmarked_valid(void **state)
{
	unsigned collisions = 0;

	for (unsigned round = 0; round < 60000; round++) {
		struct shape s = random_shape();
		uint32_t paylen = 2 + rnd(60), len, off, want, have;
		uint8_t *l4;

		if (s.tunnel == VXLAN_CSUM)
			s.tunnel = VXLAN;
		len = build(frame, &s, paylen);
		l4 = frame + s.l4off;
		off = s.tcp ? 16 : 6;
		want = get16(l4 + off); /* the pseudo-header's sum */
		set16(l4 + off, 0);
		if (round & 1) {
			/* Choose two octets of payload so that the right checksum is just that: D = ~(2P). */
			uint8_t *free2 = frame + s.hlen + ((s.hlen - s.l4off) & 1);

			set16(free2, 0);
			have = model_sum(0, l4, len - s.l4off);
			uint32_t sum = model_sum(have, (uint8_t[]){want >> 8, want, want >> 8, want}, 4);
			set16(free2, 0xffff - sum);
		}
		have = 0xffff &
		       ~model_sum(model_pseudo(frame + s.l3off, s.tcp ? 6 : 17, len - s.l4off), l4, len - s.l4off);
		if (have == 0 && !s.tcp)
			have = 0xffff;
		set16(l4 + off, have);
		collisions += have == want;
		memcpy(chain.data, frame, len);
		gso_checksum_unmarked(chain_make(&chain, len, s.hlen, 1 + rnd(2)));
		if (memcmp(chain.data, frame, len) != 0) {
			/* TCP's two forms of zero, and nothing else */
			assert_true(s.tcp && have == 0);
			set16(chain.data + s.l4off + off, 0);
		}
		assert_memory_equal(chain.data, frame, len);
	}
	assert_true(collisions > 20000);
}

/* Frames made by Scapy 2.5, with its checksums */
static const struct {
	const char *hex;
	unsigned field, width; /* the checksum */
} scapy[] = {
    {"02000000000202000000000108004500003400070000400666bb0a0000010a00000203e800500000000500000000501820003735000068656"
     "c6c6f2c20776f726c64",
	50, 2},
    {"02000000000202000000000108004500001f00010000401166cb0a0000010a00000200010002000b2770616263", 40, 2},
    {"02000000000202000000000186dd6000000000140640fd000000000000000000000000000001fd00000000000000000000000000000203e80"
     "05000000000000000005002200091a60000",
	70, 2},
    {"0200000000020200000000018100000586dd6000000000383c40fd000000000000000000000000000001fd000000000000000000000000000"
     "002110001040000000003e80050003083c0797a797a797a797a797a797a797a797a797a797a797a797a797a797a797a797a797a797a797a79"
     "7a",
	72, 2},
    {"02000000000202000000000108004500003c000100004084663b0a0000010a0000020009000a000012349740ab83000000190000000100000"
     "00000000000313233343536373839000000",
	42, 4},
};

static void
test_scapy(void **state)
{
	for (unsigned i = 0; i < sizeof(scapy) / sizeof(scapy[0]); i++) {
		uint32_t len = strlen(scapy[i].hex) / 2;
		struct gso_l4 l4;

		for (uint32_t k = 0; k < len; k++) {
			char octet[3] = {scapy[i].hex[2 * k], scapy[i].hex[2 * k + 1], 0};

			frame[k] = strtoul(octet, NULL, 16);
		}
		/* right: left alone */
		memcpy(chain.data, frame, len);
		assert_false(gso_checksum_unmarked(chain_make(&chain, len, len, 1)));
		assert_memory_equal(chain.data, frame, len);
		/* partial: Scapy's again, by the guess and by the mark */
		assert_true(gso_find_l4(frame, len, len, &l4));
		for (unsigned marked = 0; marked < 2; marked++) {
			memset(chain.data + scapy[i].field, 0, scapy[i].width);
			if (scapy[i].width == 2)
				set16(chain.data + scapy[i].field, model_pseudo(frame + l4.l3off, l4.proto, l4.l4len));
			struct rte_mbuf *m = chain_make(&chain, len, len, 1);

			assert_true(
			    marked ? gso_checksum(m, l4.l4off, scapy[i].field - l4.l4off) : gso_checksum_unmarked(m));
			assert_memory_equal(chain.data, frame, len);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scapy),
	    cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_partial),
	    cmocka_unit_test(test_unmarked_valid),
	    cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
