/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4: what a router does with good, bad and special packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ip_world.h"

static uint8_t buf[70000];

/* => the IP packet of frame i, sent by interface ifn */
static const uint8_t *
sent(unsigned i, unsigned ifn, uint32_t *len)
{
	assert_true(i < world_nframes);
	assert_int_equal(world_frame[i].ifindex, world_if[ifn]->if_index);
	*len = world_frame[i].len - 14;
	return world_frame[i].data + 14;
}

static const struct ipv4_h *
sent_ip(unsigned i, unsigned ifn)
{
	uint32_t len;
	const struct ipv4_h *ip = (const struct ipv4_h *)sent(i, ifn, &len);

	assert_int_equal(ntohs(ip->len), len);
	assert_int_equal(world_cksum(ip, IPV4_HLEN(ip), 0), 0);
	return ip;
}

/* Changes to a good packet and what must become of it */
struct bad {
	const char *what;
	unsigned at; /* 0xffff: not changed */
	uint8_t value;
	bool fix;     /* the checksum again */
	uint32_t len; /* 0: as it is */
	const char *src, *dst;
	enum mp_drop reason;
};
#define SAME 0xffff

static const struct bad bads[] = {
    {"version 5", 0, 0x55, true, 0, NULL, NULL, DROP_IP_BADVERS},
    {"version 0", 0, 0x05, true, 0, NULL, NULL, DROP_IP_BADVERS},
    {"IHL 4", 0, 0x44, true, 0, NULL, NULL, DROP_IP_BADHLEN},
    {"IHL 0", 0, 0x40, false, 0, NULL, NULL, DROP_IP_BADHLEN},
    {"IHL beyond the packet", 0, 0x4f, false, 48, NULL, NULL, DROP_IP_BADHLEN},
    {"checksum", 10, 0x00, false, 0, NULL, NULL, DROP_IP_BADSUM},
    {"length below the header", 3, 19, true, 0, NULL, NULL, DROP_IP_BADLEN},
    {"length beyond the frame", 2, 2, true, 0, NULL, NULL, DROP_IP_SHORT},
    {"truncated header", SAME, 0, false, 19, NULL, NULL, DROP_IP_SHORT},
    {"one octet", SAME, 0, false, 1, NULL, NULL, DROP_IP_SHORT},
    {"truncated payload", SAME, 0, false, 40, NULL, NULL, DROP_IP_SHORT},
    {"source 0.0.0.0", SAME, 0, true, 0, "0.0.0.0", NULL, DROP_IP_MARTIAN_SRC},
    {"source 0.1.2.3", SAME, 0, true, 0, "0.1.2.3", NULL, DROP_IP_MARTIAN_SRC},
    {"source 127.0.0.1", SAME, 0, true, 0, "127.0.0.1", NULL, DROP_IP_MARTIAN_SRC},
    {"source 224.0.0.1", SAME, 0, true, 0, "224.0.0.1", NULL, DROP_IP_MARTIAN_SRC},
    {"source 240.0.0.1", SAME, 0, true, 0, "240.0.0.1", NULL, DROP_IP_MARTIAN_SRC},
    {"source 255.255.255.255", SAME, 0, true, 0, "255.255.255.255", NULL, DROP_IP_MARTIAN_SRC},
    {"source ours", SAME, 0, true, 0, "10.0.1.1", NULL, DROP_IP_MARTIAN_SRC},
    {"source ours, of another interface", SAME, 0, true, 0, "10.0.2.1", NULL, DROP_IP_MARTIAN_SRC},
    {"destination 127.0.0.1", SAME, 0, true, 0, NULL, "127.0.0.1", DROP_IP_MARTIAN_DST},
    {"destination 0.0.0.0", SAME, 0, true, 0, NULL, "0.0.0.0", DROP_IP_MARTIAN_DST},
    {"destination 240.0.0.1", SAME, 0, true, 0, NULL, "240.0.0.1", DROP_IP_MARTIAN_DST},
    {"link-local source", SAME, 0, true, 0, "169.254.1.1", NULL, DROP_IP_LINKLOCAL},
    {"link-local destination", SAME, 0, true, 0, NULL, "169.254.1.1", DROP_IP_LINKLOCAL},
    {"group that nobody joined", SAME, 0, true, 0, NULL, "239.1.2.3", DROP_IP_MCAST},
    {"directed broadcast", SAME, 0, true, 0, NULL, "10.0.2.255", DROP_IP_DIRBCAST},
};

static uint32_t
make_bad(const struct bad *b)
{
	uint32_t len = make_udp4(buf, b->src != NULL ? b->src : "10.0.1.2", b->dst != NULL ? b->dst : "10.0.2.2", 60);

	if (b->at != SAME)
		buf[b->at] = b->value;
	if (b->fix)
		fix_ip4(buf);
	return b->len != 0 ? b->len : len;
}

/* Bursts of good packets with one bad one in each place: the good ones go on in order, the bad one has its reason. */
static void
test_bursts(void **state)
{
	static const unsigned bursts[] = {1, 7, 63, 64, 65};
	struct rte_mbuf *m[65];

	for (unsigned k = 0; k < sizeof(bads) / sizeof(bads[0]); k++) {
		for (unsigned i = 0; i < 5; i++) {
			unsigned n = bursts[i], bad = (k * 13 + i * 5) % n;

			world_clear();
			for (unsigned j = 0; j < n; j++) {
				uint32_t len;

				if (j == bad) {
					len = make_bad(&bads[k]);
				} else {
					len = make_udp4(buf, "10.0.1.2", "10.0.2.2", 20 + j);
					buf[1] = (uint8_t)j; /* tos: its place */
					fix_ip4(buf);
				}
				m[j] = world_packet(0, buf, len, j % 3 == 2 ? 17 + j : 0);
			}
			world_input(0, m, n);
			if (world_dropped(bads[k].reason) != 1 || world_nframes != n - 1)
				fail_msg("%s, %u of %u: %u sent, %u dropped", bads[k].what, bad, n, world_nframes,
				    (unsigned)world_dropped(bads[k].reason));
			for (unsigned j = 0, f = 0; j < n; j++) {
				if (j == bad)
					continue;
				/* those in segments leave the vector's order only among themselves */
				bool found = false;
				for (f = 0; f < world_nframes && !found; f++)
					found = world_frame[f].data[15] == j;
				assert_true(found);
			}
			for (unsigned f = 0; f < world_nframes; f++) {
				const struct ipv4_h *ip = sent_ip(f, 1);
				assert_int_equal(ip->ttl, 63);
			}
			world_sum();
		}
	}
}

static void
test_forward(void **state)
{
	static const uint8_t l2[14] = {2, 0, 0, 0, 1, 2, 2, 0, 0, 0, 0, 2, 8, 0};
	uint8_t copy[200];
	uint32_t len = make_udp4(buf, "10.0.1.2", "10.0.2.2", 100), n;

	memcpy(copy, buf, len);
	world_clear();
	world_receive(0, buf, len, 18, 0); /* padding goes */
	assert_int_equal(world_nframes, 1);
	assert_memory_equal(world_frame[0].data, l2, 14);
	const uint8_t *p = sent(0, 1, &n);
	assert_int_equal(n, len);
	sent_ip(0, 1);
	copy[8]--;
	fix_ip4(copy);
	assert_memory_equal(p, copy, len);
	/* nothing when it is off */
	world_sysctl("net.inet.ip.forwarding", 0);
	world_clear();
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_nframes, 0);
	assert_int_equal(world_dropped(DROP_IP_NOTROUTER), 1);
	world_sysctl("net.inet.ip.forwarding", 1);
}

/* Two gateways: every flow keeps to one of them, whether its packets come one by one or in vectors; both are used. */
static void
test_multipath(void **state)
{
	struct rte_mbuf *m[64];
	uint8_t gw[64];
	unsigned second = 0;

	json_decref(world_call(
	    "neigh.add", "{s:s,s:s,s:s}", "family", "inet", "address", "10.0.2.3", "lladdr", "02:00:00:00:01:03"));
	json_decref(world_call("route.add", "{s:s,s:s,s:[{s:s},{s:s}]}", "family", "inet", "dst", "203.0.0.0/16",
	    "gateway", "gateway", "10.0.2.2", "gateway", "10.0.2.3"));
	world_settle();
	for (unsigned round = 0; round < 3; round++) {
		world_clear();
		for (unsigned i = 0; i < 64; i++) {
			char dst[16];
			uint32_t len;

			snprintf(dst, sizeof(dst), "203.0.7.%u", i);
			len = make_udp4(buf, "10.0.1.2", dst, 30);
			if (round == 1)
				world_receive(0, buf, len, 0, i % 2 ? 9 : 0);
			else
				m[i] = world_packet(0, buf, len, 0);
		}
		if (round != 1)
			world_input(0, m, 64);
		assert_int_equal(world_nframes, 64);
		for (unsigned f = 0; f < 64; f++) {
			unsigned flow = ntohl(sent_ip(f, 1)->dst) & 63;
			uint8_t to = world_frame[f].data[5];

			assert_true(to == 2 || to == 3);
			if (round == 0) {
				gw[flow] = to;
				second += to == 3;
			} else {
				assert_int_equal(gw[flow], to);
			}
		}
	}
	assert_in_range(second, 8, 56);
	world_sum();
}

/* The incremental checksum against a full one, for every value that the field can have */
static void
test_ttl_checksum(void **state)
{
	for (unsigned i = 0; i < 65536; i++) {
		uint32_t len = make_udp4(buf, "10.0.1.2", "10.0.2.2", 0);

		buf[4] = (uint8_t)(i >> 8);
		buf[5] = (uint8_t)i;
		buf[8] = (uint8_t)(2 + i % 254);
		fix_ip4(buf);
		world_clear();
		world_receive(0, buf, len, 0, 0);
		assert_int_equal(world_nframes, 1);
		buf[8]--;
		fix_ip4(buf);
		assert_memory_equal(world_frame[0].data + 14, buf, 20);
	}
}

/* An ICMP error to A about the packet in buf */
static const struct icmp_h *
expect_error(unsigned type, unsigned code, const char *from, uint32_t original)
{
	uint32_t len;

	assert_int_equal(world_nframes, 1);
	const struct ipv4_h *ip = sent_ip(0, 0);
	const uint8_t *p = sent(0, 0, &len);
	char text[16];
	assert_string_equal(inet_ntop(AF_INET, p + 12, text, sizeof(text)), from);
	assert_string_equal(inet_ntop(AF_INET, p + 16, text, sizeof(text)), "10.0.1.2");
	assert_int_equal(ip->proto, IPPROTO_ICMP);
	assert_int_equal(world_cksum(p + 20, len - 20, 0), 0);
	const struct icmp_h *icmp = (const struct icmp_h *)(p + 20);
	assert_int_equal(icmp->type, type);
	assert_int_equal(icmp->code, code);
	assert_int_equal(len, original + 28 > 576 ? 576 : original + 28);
	assert_memory_equal(p + 28, buf, len - 28); /* as it was when it came */
	return icmp;
}

static void
test_errors(void **state)
{
	uint32_t len;

	world_clear();
	len = make_udp4(buf, "10.0.1.2", "10.0.2.2", 30);
	buf[8] = 1;
	fix_ip4(buf);
	world_receive(0, buf, len, 0, 0);
	expect_error(ICMP4_TIMXCEED, 0, "10.0.1.1", len);
	assert_int_equal(world_dropped(DROP_IP_TTL), 1);

	for (uint32_t size = 0; size < 1400; size += 131) {
		world_clear();
		len = make_udp4(buf, "10.0.1.2", "192.0.2.1", size);
		world_receive(0, buf, len, 0, size > 200 ? 100 : 0);
		expect_error(ICMP4_UNREACH, ICMP4_UNREACH_NET, "10.0.1.1", len);
	}
	/* with all the options that there can be: not more than 576 in all */
	world_clear();
	len = make_udp4(buf, "10.0.1.2", "192.0.2.1", 1000);
	memmove(buf + 60, buf + 20, len - 20);
	memset(buf + 20, 1, 40);
	buf[0] = 0x4f;
	len += 40;
	buf[2] = (uint8_t)(len >> 8);
	buf[3] = (uint8_t)len;
	fix_ip4(buf);
	world_receive(0, buf, len, 0, 0);
	expect_error(ICMP4_UNREACH, ICMP4_UNREACH_NET, "10.0.1.1", len);
	/* UDP to us, and a protocol that nobody speaks; the answer comes from the address asked */
	world_clear();
	len = make_udp4(buf, "10.0.1.2", "10.0.2.1", 30);
	world_receive(0, buf, len, 0, 0);
	expect_error(ICMP4_UNREACH, ICMP4_UNREACH_PORT, "10.0.2.1", len);
	world_clear();
	len = make_ip4(buf, "10.0.1.2", "10.0.1.1", 222, 64, "abcdefghij", 10);
	world_receive(0, buf, len, 0, 0);
	expect_error(ICMP4_UNREACH, ICMP4_UNREACH_PROTOCOL, "10.0.1.1", len);
	/* too big with DF */
	assert_int_equal(if_set_mtu(world_if[1], 1000), 0);
	world_settle();
	world_clear();
	len = make_udp4(buf, "10.0.1.2", "10.0.2.2", 1000);
	buf[6] = 0x40;
	fix_ip4(buf);
	world_receive(0, buf, len, 0, 0);
	const struct icmp_h *icmp = expect_error(ICMP4_UNREACH, ICMP4_UNREACH_NEEDFRAG, "10.0.1.1", len);
	assert_int_equal(ntohl(icmp->info), 1000);
	assert_int_equal(if_set_mtu(world_if[1], 1500), 0);
	/* reject and blackhole */
	json_decref(world_call("route.add", "{s:s,s:s,s:s,s:b}", "family", "inet", "dst", "198.51.100.0/24", "gateway",
	    "127.0.0.1", "reject", 1));
	json_decref(world_call("route.add", "{s:s,s:s,s:s,s:b}", "family", "inet", "dst", "203.0.113.0/24", "gateway",
	    "127.0.0.1", "blackhole", 1));
	world_clear();
	len = make_udp4(buf, "10.0.1.2", "198.51.100.7", 10);
	world_receive(0, buf, len, 0, 0);
	expect_error(ICMP4_UNREACH, ICMP4_UNREACH_HOST, "10.0.1.1", len);
	world_clear();
	len = make_udp4(buf, "10.0.1.2", "203.0.113.7", 10);
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_nframes, 0);
	assert_int_equal(world_dropped(DROP_IP_BLACKHOLE), 1);
	world_sum();
}

/* What no error may be sent about (RFC 1122 section 3.2.2) */
static void
test_silence(void **state)
{
	static const struct {
		const char *src, *dst;
		uint8_t proto, first; /* of the payload */
		uint16_t off;
		bool answered;
	} t[] = {
	    {"10.0.1.2", "192.0.2.1", IPPROTO_ICMP, ICMP4_ECHO, 0, true},
	    {"10.0.1.2", "192.0.2.1", IPPROTO_ICMP, ICMP4_ECHOREPLY, 0, true},
	    {"10.0.1.2", "192.0.2.1", IPPROTO_ICMP, ICMP4_UNREACH, 0, false},
	    {"10.0.1.2", "192.0.2.1", IPPROTO_ICMP, ICMP4_TIMXCEED, 0, false},
	    {"10.0.1.2", "192.0.2.1", IPPROTO_ICMP, ICMP4_REDIRECT, 0, false},
	    {"10.0.1.2", "192.0.2.1", IPPROTO_ICMP, 99, 0, false},
	    {"10.0.1.2", "192.0.2.1", IPPROTO_UDP, 0, IPV4_MF, true},
	    {"10.0.1.2", "192.0.2.1", IPPROTO_UDP, 0, IPV4_MF | 100, false},
	    {"10.0.1.2", "192.0.2.1", IPPROTO_UDP, 0, 100, false},
	    {"10.0.1.255", "192.0.2.1", IPPROTO_UDP, 0, 0, false},
	    {"10.0.1.2", "10.0.1.255", IPPROTO_UDP, 0, 0, false},
	    {"10.0.1.2", "255.255.255.255", IPPROTO_UDP, 0, 0, false},
	    {"10.0.1.2", "224.0.0.1", IPPROTO_UDP, 0, 0, false},
	};

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint8_t payload[16] = {t[i].first};
		uint32_t len = make_ip4(buf, t[i].src, t[i].dst, t[i].proto, 64, payload, sizeof(payload));

		buf[6] = (uint8_t)(t[i].off >> 8);
		buf[7] = (uint8_t)t[i].off;
		fix_ip4(buf);
		world_clear();
		world_receive(0, buf, len, 0, 0);
		if (world_nframes != t[i].answered)
			fail_msg("%s > %s proto %u type %u off %x: %u answers", t[i].src, t[i].dst, t[i].proto,
			    t[i].first, t[i].off, world_nframes);
		world_sum();
	}
}

static void
test_rate_limit(void **state)
{
	world_sysctl("net.inet.icmp.errppslimit", 10);
	world_real_time = true;
	world_clear();
	for (unsigned i = 0; i < 200; i++) {
		uint32_t len = make_udp4(buf, "10.0.1.2", "192.0.2.1", 10);
		world_receive(0, buf, len, 0, 0);
	}
	/* a second's worth at once, and what the time it took allows */
	assert_in_range(world_nframes, 10, 100);
	assert_int_equal(world_nframes + world_counted(C_ICMP_RATELIMIT), 200);
	/* path MTU discovery has its own */
	assert_int_equal(if_set_mtu(world_if[1], 1000), 0);
	world_settle();
	world_clear();
	for (unsigned i = 0; i < 10; i++) {
		uint32_t len = make_udp4(buf, "10.0.1.2", "10.0.2.2", 1000);

		buf[6] = 0x40;
		fix_ip4(buf);
		world_receive(0, buf, len, 0, 0);
	}
	assert_int_equal(world_nframes, 10);
	assert_int_equal(if_set_mtu(world_if[1], 1500), 0);
	world_real_time = false;
	world_sysctl("net.inet.icmp.errppslimit", 0);
	world_clear();
	uint32_t len = make_udp4(buf, "10.0.1.2", "192.0.2.1", 10);
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_nframes, 0);
	world_sysctl("net.inet.icmp.errppslimit", -1);
}

/* A host that floods control does not shut out others. */
static void
test_control_flood(void **state)
{
	static const struct {
		const char *dst;
		uint8_t proto, type;
		enum mp_class class;
	} t[] = {
	    {"10.0.1.1", IPPROTO_ICMP, ICMP4_ECHOREPLY, PUNT_ICMP},
	    {"10.0.1.1", IPPROTO_ICMP, ICMP4_UNREACH, PUNT_ICMP},
	    {"224.0.0.1", IPPROTO_IGMP, 0x11, PUNT_MCAST},
	};
	uint8_t other[100];

	for (unsigned i = 0; i < RTE_DIM(t); i++) {
		uint8_t p[40] = {t[i].type};
		uint16_t sum = htons((uint16_t) ~(t[i].type << 8));

		memcpy(p + 2, &sum, 2);
		world_clear();
		make_ip4(other, "10.0.1.7", t[i].dst, t[i].proto, 1, p, sizeof(p));
		uint32_t len = make_ip4(buf, "10.0.1.2", t[i].dst, t[i].proto, 1, p, sizeof(p));
		assert_true(world_flood(t[i].class, 0, buf, 3000, other, len));
		assert_true(world_dropped(DROP_PUNT_RATE) + world_dropped(DROP_PUNT_FULL) > 1000);
		world_sum();
	}
}

static void
test_echo(void **state)
{
	static const uint32_t sizes[] = {0, 1, 56, 57, 1472, 8000};

	assert_int_equal(if_set_mtu(world_if[0], 9000), 0);
	world_settle();
	for (unsigned i = 0; i < 6; i++) {
		for (unsigned seg = 0; seg < 300; seg += 97) {
			uint32_t len = make_echo4(buf, "10.0.1.2", "10.0.2.1", 77, (uint16_t)i, sizes[i]), n;

			if (seg == 0 && sizes[i] > 1472)
				continue;
			world_clear();
			world_receive(0, buf, len, sizes[i] < 18 ? 18 : 0, seg);
			assert_int_equal(world_nframes, 1);
			const uint8_t *p = sent(0, 0, &n);
			const struct ipv4_h *ip = sent_ip(0, 0);
			assert_int_equal(n, len);
			assert_int_equal(ip->ttl, 255);
			assert_memory_equal(p + 12, buf + 16, 4);
			assert_memory_equal(p + 16, buf + 12, 4);
			assert_int_equal(p[20], ICMP4_ECHOREPLY);
			assert_int_equal(world_cksum(p + 20, n - 20, 0), 0);
			assert_memory_equal(p + 24, buf + 24, n - 24);
		}
	}
	assert_int_equal(if_set_mtu(world_if[0], 1500), 0);
	/* a bad checksum, a short one, broadcasts */
	uint32_t len = make_echo4(buf, "10.0.1.2", "10.0.1.1", 77, 1, 20);
	buf[30] ^= 1;
	world_clear();
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_dropped(DROP_ICMP_BADSUM), 1);
	len = make_ip4(buf, "10.0.1.2", "10.0.1.1", IPPROTO_ICMP, 64, "\10\0\0\0\0\0\0", 7);
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_dropped(DROP_ICMP_SHORT), 1);
	len = make_echo4(buf, "10.0.1.2", "10.0.1.255", 77, 1, 20);
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_dropped(DROP_ICMP_BMCAST), 1);
	assert_int_equal(world_nframes, 0);
	world_sysctl("net.inet.icmp.bmcastecho", 1);
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_nframes, 1);
	assert_int_equal(sent_ip(0, 0)->src, htonl(0x0a000101));
	world_sysctl("net.inet.icmp.bmcastecho", 0);
	world_sum();
}

/* A segment to a port where nobody listens */
static void
test_tcp_reset(void **state)
{
	static const struct {
		uint8_t flags;
		const char *dst;
		uint32_t data;
		uint8_t answer; /* flags of the reset, 0: none */
		uint32_t seq, ack;
		enum mp_drop reason;
		uint8_t off;   /* 0: 5 */
		uint8_t spoil; /* of the checksum */
	} t[] = {
	    {0x02, "10.0.1.1", 0, 0x14, 0, 1001, DROP_TCP_NOPORT, 0, 0},
	    {0x02, "10.0.2.1", 0, 0x14, 0, 1001, DROP_TCP_NOPORT, 0, 0},
	    {0x03, "10.0.1.1", 7, 0x14, 0, 1009, DROP_TCP_NOPORT, 0, 0},
	    {0x10, "10.0.1.1", 5, 0x04, 2000, 0, DROP_TCP_NOPORT, 0, 0},
	    {0x12, "10.0.1.1", 0, 0x04, 2000, 0, DROP_TCP_NOPORT, 0, 0},
	    {0x04, "10.0.1.1", 0, 0, 0, 0, DROP_TCP_NOPORT, 0, 0},
	    {0x02, "10.0.1.255", 0, 0, 0, 0, DROP_TCP_NOPORT, 0, 0},
	    {0x02, "10.0.1.1", 0, 0, 0, 0, DROP_TCP_BAD, 0, 1},
	    {0x02, "10.0.1.1", 0, 0, 0, 0, DROP_TCP_BAD, 4, 0},
	    {0x02, "10.0.1.1", 0, 0, 0, 0, DROP_TCP_BAD, 6, 0},
	};

	world_sysctl("net.inet.tcp.rstppslimit", -1);
	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint8_t p[64] = {0x10, 0x00, 0, 80, 0, 0, 3, 232, 0, 0, 7, 208, 0x50, t[i].flags};
		uint32_t n = 20 + t[i].data, len;

		if (t[i].off != 0)
			p[12] = (uint8_t)(t[i].off << 4);
		len = make_ip4(buf, "10.0.1.2", t[i].dst, IPPROTO_TCP, 64, p, n);
		uint32_t start = IPPROTO_TCP + n;
		for (unsigned k = 12; k < 20; k += 2)
			start += (uint32_t)(buf[k] << 8 | buf[k + 1]);
		uint16_t sum = world_cksum(buf + 20, n, start);
		buf[36] = (uint8_t)(sum >> 8);
		buf[37] = (uint8_t)(sum ^ t[i].spoil);
		world_clear();
		world_receive(0, buf, len, 0, i % 2 ? 13 : 0);
		assert_int_equal(world_dropped(t[i].reason), 1);
		assert_int_equal(world_nframes, t[i].answer != 0);
		if (t[i].answer == 0)
			continue;
		const uint8_t *r = (const uint8_t *)sent_ip(0, 0);
		start = IPPROTO_TCP + 20;
		for (unsigned k = 12; k < 20; k += 2)
			start += (uint32_t)(r[k] << 8 | r[k + 1]);
		assert_int_equal(world_cksum(r + 20, 20, start), 0);
		assert_memory_equal(r + 12, buf + 16, 4);
		assert_memory_equal(r + 16, buf + 12, 4);
		assert_memory_equal(r + 20, "\0\120\20\0", 4);
		assert_int_equal(r[33], t[i].answer);
		assert_int_equal(r[24] << 24 | r[25] << 16 | r[26] << 8 | r[27], t[i].seq);
		assert_int_equal(r[28] << 24 | r[29] << 16 | r[30] << 8 | r[31], t[i].ack);
		world_sum();
	}
	world_sysctl("net.inet.tcp.rstppslimit", 100);
}

static void
test_directed_broadcast(void **state)
{
	uint32_t len = make_udp4(buf, "10.0.1.2", "10.0.2.255", 20);
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	world_sysctl("net.inet.ip.directed-broadcast", 1);
	world_clear();
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_nframes, 1);
	assert_memory_equal(world_frame[0].data, all, 6);
	assert_int_equal(sent_ip(0, 1)->ttl, 63);
	world_sysctl("net.inet.ip.directed-broadcast", 0);
	/* a unicast packet in a broadcast frame is never forwarded */
	len = make_udp4(buf, "10.0.1.2", "10.0.2.2", 20);
	struct rte_mbuf *m = world_packet(0, buf, len, 0);
	memset(rte_pktmbuf_mtod(m, void *), 0xff, 6);
	world_clear();
	world_input(0, &m, 1);
	assert_int_equal(world_nframes, 0);
	assert_int_equal(world_dropped(DROP_IP_LLBCAST), 1);
}

/* Fragments of random packets over random MTUs, put together again by a naive model */
static void
test_fragments(void **state)
{
	srand(4711);
	for (unsigned round = 0; round < 200; round++) {
		uint32_t mtu = 72 + (uint32_t)rand() % 1400, size = (uint32_t)rand() % 8900, total = 0;
		unsigned options = rand() % 3 == 0 ? 12 : 0;
		uint16_t first = rand() % 4 == 0 ? (uint16_t)(IPV4_MF | rand() % 100) : 0;
		uint8_t whole[10000], got[10000];
		bool have[10000] = {false};

		for (uint32_t i = 0; i < size; i++)
			whole[i] = (uint8_t)rand();
		if (first & IPV4_MF)
			size &= ~7u;
		make_ip4(buf, "10.0.1.2", "10.0.2.2", IPPROTO_UDP, 64, whole, size);
		if (options) {
			/* one that is copied (0x82: security, length 4) and one that is not (timestamp, full) */
			static const uint8_t opt[12] = {0x82, 4, 1, 2, 0x44, 4, 5, 0, 0x82, 3, 7, 0};
			memmove(buf + 32, buf + 20, size);
			memcpy(buf + 20, opt, 12);
			buf[0] = 0x48;
			buf[2] = (uint8_t)((32 + size) >> 8);
			buf[3] = (uint8_t)(32 + size);
		}
		uint32_t len = 20 + options + size;
		buf[6] = (uint8_t)(first >> 8);
		buf[7] = (uint8_t)first;
		fix_ip4(buf);
		assert_int_equal(if_set_mtu(world_if[1], mtu), 0);
		world_settle();
		world_clear();
		world_receive(0, buf, len, 0, 20 + (uint32_t)rand() % 1500);
		assert_true(world_nframes >= 1);
		if (len > mtu)
			assert_int_equal(world_counted(C_IP_OFRAGMENTS), world_nframes);
		for (unsigned f = 0; f < world_nframes; f++) {
			const struct ipv4_h *ip = sent_ip(f, 1);
			unsigned hlen = IPV4_HLEN(ip);
			uint32_t n = ntohs(ip->len) - hlen;
			uint32_t off = ((ntohs(ip->off) & IPV4_OFFMASK) - (first & IPV4_OFFMASK)) * 8u;
			bool more = (ntohs(ip->off) & IPV4_MF) != 0;

			assert_true(ntohs(ip->len) <= mtu);
			assert_int_equal(ip->id, htons(0x1234));
			assert_int_equal(ip->ttl, 63);
			assert_true(off + n <= size);
			assert_int_equal(more, off + n < size || (first & IPV4_MF) != 0);
			if (more)
				assert_int_equal(n & 7, 0);
			if (options && len > mtu) {
				static const uint8_t copied[8] = {0x82, 4, 1, 2, 0x82, 3, 7, 0};
				assert_int_equal(hlen, off == 0 ? 32 : 28);
				if (off != 0)
					assert_memory_equal((const uint8_t *)ip + 20, copied, 8);
			}
			memcpy(got + off, (const uint8_t *)ip + hlen, n);
			for (uint32_t i = off; i < off + n; i++) {
				assert_false(have[i]);
				have[i] = true;
			}
			total += n;
		}
		assert_int_equal(total, size);
		assert_memory_equal(got, whole, size);
		world_sum();
	}
	assert_int_equal(if_set_mtu(world_if[1], 1500), 0);
}

/* Fragments for us in random order and doubled, reassembled and answered */
static void
test_reassembly(void **state)
{
	static uint8_t frag[2000], reply[70000];

	srand(815);
	for (unsigned round = 0; round < 60; round++) {
		uint32_t size = round == 0 ? 65507 : 1 + (uint32_t)rand() % 20000;
		uint32_t piece = (8 + (uint32_t)rand() % 1400) & ~7u, nfrag;
		uint32_t len = make_echo4(buf, "10.0.1.2", "10.0.1.1", 5, (uint16_t)round, size), data = len - 20;
		uint32_t order[9000], total = 0;

		while ((nfrag = (data + piece - 1) / piece) > 200)
			piece = piece < 700 ? piece * 2 : 1400;
		for (uint32_t i = 0; i < nfrag; i++)
			order[i] = i;
		for (uint32_t i = nfrag; i > 1; i--) {
			uint32_t j = (uint32_t)rand() % i, t = order[i - 1];
			order[i - 1] = order[j];
			order[j] = t;
		}
		world_clear();
		for (uint32_t i = 0; i < nfrag; i++) {
			uint32_t off = order[i] * piece, n = data - off < piece ? data - off : piece;

			memcpy(frag, buf, 20);
			memcpy(frag + 20, buf + 20 + off, n);
			struct ipv4_h *ip = (struct ipv4_h *)frag;
			ip->id = htons((uint16_t)(round + 1));
			ip->len = htons((uint16_t)(20 + n));
			ip->off = htons((uint16_t)(off / 8 | (off + n < data ? IPV4_MF : 0)));
			fix_ip4(frag);
			world_receive(0, frag, 20 + n, 0, 0);
			if (i + 1 < nfrag && rand() % 8 == 0)
				world_receive(0, frag, 20 + n, 0, 0); /* once more: does no harm */
		}
		assert_int_equal(world_counted(C_IP_REASSEMBLED), nfrag > 1);
		/* the reply, in fragments of its own */
		for (unsigned f = 0; f < world_nframes; f++) {
			const struct ipv4_h *ip = sent_ip(f, 0);
			uint32_t off = (ntohs(ip->off) & IPV4_OFFMASK) * 8u;
			memcpy(reply + off, (const uint8_t *)ip + 20, ntohs(ip->len) - 20u);
			total += ntohs(ip->len) - 20u;
		}
		assert_int_equal(total, data);
		assert_int_equal(reply[0], ICMP4_ECHOREPLY);
		assert_memory_equal(reply + 4, buf + 24, data - 4);
		world_sum();
	}
}

struct piece {
	uint16_t off; /* in units of 8, with flags */
	uint16_t len;
};

static void
test_reassembly_refused(void **state)
{
	static const struct {
		const char *what;
		struct piece p[4];
		enum mp_counter counter;
		unsigned n; /* counted */
	} t[] = {
	    {"overlap in front", {{IPV4_MF | 2, 16}, {IPV4_MF | 1, 16}}, C_IP_FRAGDROPPED, 2},
	    {"overlap behind", {{IPV4_MF | 0, 16}, {IPV4_MF | 1, 16}}, C_IP_FRAGDROPPED, 2},
	    {"inside another", {{IPV4_MF | 0, 32}, {IPV4_MF | 1, 8}}, C_IP_FRAGDROPPED, 2},
	    {"two ends", {{4, 10}, {6, 10}}, C_IP_FRAGDROPPED, 2},
	    {"behind the end", {{4, 10}, {IPV4_MF | 8, 16}}, C_IP_FRAGDROPPED, 2},
	    {"an end before others", {{IPV4_MF | 8, 16}, {4, 10}}, C_IP_FRAGDROPPED, 2},
	    {"more after the end", {{2, 16}, {IPV4_MF | 2, 16}}, C_IP_FRAGDROPPED, 2},
	    {"empty", {{IPV4_MF | 2, 0}}, C_IP_BADFRAGS, 1},
	    {"odd length with more", {{IPV4_MF | 2, 13}}, C_IP_BADFRAGS, 1},
	    {"beyond 65535", {{IPV4_MF | 8190, 24}}, C_IP_TOOLONG, 1},
	};

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint8_t payload[64] = {8};

		world_clear();
		for (unsigned k = 0; k < 4 && (t[i].p[k].off != 0 || t[i].p[k].len != 0); k++) {
			uint32_t len = make_ip4(buf, "10.0.1.2", "10.0.1.1", IPPROTO_ICMP, 64, payload, t[i].p[k].len);
			struct ipv4_h *ip = (struct ipv4_h *)buf;
			ip->id = htons((uint16_t)(1000 + i));
			ip->off = htons(t[i].p[k].off);
			fix_ip4(buf);
			world_receive(0, buf, len, 0, 0);
		}
		if (world_counted(t[i].counter) != t[i].n || world_counted(C_IP_REASSEMBLED) != 0)
			fail_msg("%s: %u", t[i].what, (unsigned)world_counted(t[i].counter));
		world_sum();
	}
	/* limits: the oldest goes; none at all */
	world_sysctl("net.inet.ip.maxfragpackets", 5);
	world_clear();
	for (unsigned i = 0; i < 20; i++) {
		uint32_t len = make_ip4(buf, "10.0.1.2", "10.0.1.1", IPPROTO_ICMP, 64, buf + 100, 16);
		buf[4] = 1;
		buf[5] = (uint8_t)i;
		buf[6] = 0x20;
		fix_ip4(buf);
		world_receive(0, buf, len, 0, 0);
	}
	assert_int_equal(world_dropped(DROP_IP_FRAG_LIMIT), 15);
	world_sysctl("net.inet.ip.maxfragpackets", 0);
	world_receive(0, buf, 36, 0, 0);
	assert_int_equal(world_dropped(DROP_IP_FRAG_LIMIT), 21); /* those that waited, too */
	world_sysctl("net.inet.ip.maxfragpackets", 200);
}

struct opt_case {
	const char *what;
	const char *dst;
	uint8_t opt[40];
	unsigned len;	   /* a multiple of 4 */
	int error;	   /* ICMP type expected, -1: none, the packet goes on */
	int pointer;	   /* of a parameter problem */
	uint8_t after[40]; /* the options when it goes on */
};

static const struct opt_case opts[] = {
    {"no operation", "10.0.2.2", {1, 1, 1, 0}, 4, -1, 0, {1, 1, 1, 0}},
    {"record route", "10.0.2.2", {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12, -1, 0,
	{7, 11, 8, 10, 0, 2, 1, 0, 0, 0, 0, 0}},
    {"record route, full", "10.0.2.2", {7, 7, 8, 9, 9, 9, 9, 0}, 8, -1, 0, {7, 7, 8, 9, 9, 9, 9, 0}},
    {"record route, bad pointer", "10.0.2.2", {7, 7, 3, 0, 0, 0, 0, 0}, 8, ICMP4_PARAMPROB, 22, {0}},
    {"record route, no room for one", "10.0.2.2", {7, 7, 5, 0, 0, 0, 0, 0}, 8, ICMP4_PARAMPROB, 22, {0}},
    {"option longer than the header", "10.0.2.2", {7, 40, 4, 0}, 4, ICMP4_PARAMPROB, 21, {0}},
    {"option of length 1", "10.0.2.2", {7, 1, 4, 0}, 4, ICMP4_PARAMPROB, 21, {0}},
    {"option of length 0", "10.0.2.2", {9, 0, 4, 0}, 4, ICMP4_PARAMPROB, 21, {0}},
    {"option without length", "10.0.2.2", {1, 1, 1, 7}, 4, ICMP4_PARAMPROB, 23, {0}},
    {"unknown option", "10.0.2.2", {99, 4, 1, 2}, 4, -1, 0, {99, 4, 1, 2}},
    {"timestamp, full", "10.0.2.2", {68, 4, 5, 0x10}, 4, -1, 0, {68, 4, 5, 0x20}},
    {"timestamp, overflow", "10.0.2.2", {68, 4, 5, 0xf0}, 4, ICMP4_PARAMPROB, 23, {0}},
    {"timestamp, bad pointer", "10.0.2.2", {68, 8, 4, 0, 0, 0, 0, 0}, 8, ICMP4_PARAMPROB, 22, {0}},
    {"loose source route", "10.0.2.2", {131, 7, 4, 10, 0, 2, 2, 0}, 8, ICMP4_UNREACH, 0, {0}},
    {"strict source route", "10.0.1.1", {137, 7, 4, 10, 0, 2, 2, 0}, 8, ICMP4_UNREACH, 0, {0}},
};

static uint32_t
make_options(const struct opt_case *t)
{
	uint32_t len = make_udp4(buf, "10.0.1.2", t->dst, 20);

	memmove(buf + 20 + t->len, buf + 20, len - 20);
	memcpy(buf + 20, t->opt, t->len);
	buf[0] = (uint8_t)(0x40 | (20 + t->len) / 4);
	buf[3] = (uint8_t)(len + t->len);
	fix_ip4(buf);
	return len + t->len;
}

static void
test_options(void **state)
{
	for (unsigned i = 0; i < sizeof(opts) / sizeof(opts[0]); i++) {
		const struct opt_case *t = &opts[i];
		uint32_t len = make_options(t);

		world_clear();
		world_receive(0, buf, len, 0, 11);
		if (world_nframes != 1)
			fail_msg("%s: %u frames", t->what, world_nframes);
		if (t->error < 0) {
			const uint8_t *p = (const uint8_t *)sent_ip(0, 1);
			if (memcmp(p + 20, t->after, t->len) != 0)
				fail_msg("%s: options differ", t->what);
		} else {
			const uint8_t *p = (const uint8_t *)sent_ip(0, 0);
			if (p[20] != t->error)
				fail_msg("%s: ICMP type %u", t->what, p[20]);
			if (t->error == ICMP4_PARAMPROB)
				assert_int_equal(p[24], t->pointer);
			else
				assert_int_equal(p[21], ICMP4_UNREACH_NET_PROHIB);
		}
		world_sum();
	}
	/* where it is allowed, we are a hop: on to the next address, ours recorded */
	world_sysctl("net.inet.ip.allowsrcrt", 1);
	world_sysctl("net.inet.ip.forwsrcrt", 1);
	static const struct opt_case hop = {"", "10.0.1.1", {131, 7, 4, 10, 0, 2, 2, 0}, 8, -1, 0, {0}};
	uint32_t len = make_options(&hop);
	world_clear();
	world_receive(0, buf, len, 0, 0);
	assert_int_equal(world_nframes, 1);
	const struct ipv4_h *ip = sent_ip(0, 1);
	assert_int_equal(ip->dst, htonl(0x0a000202));
	static const uint8_t done[8] = {131, 7, 8, 10, 0, 2, 1, 0};
	assert_memory_equal((const uint8_t *)ip + 20, done, 8);
	world_sysctl("net.inet.ip.allowsrcrt", 0);
	world_sysctl("net.inet.ip.forwsrcrt", 0);
}

/* Octets at random in a good packet: nothing but the sum of packets is asked of it. */
static void
test_random(void **state)
{
	srand(99);
	for (unsigned round = 0; round <= 20480; round++) {
		uint32_t len;

		switch (rand() % 3) {
		case 0:
			len = make_echo4(
			    buf, "10.0.1.2", rand() % 2 ? "10.0.1.1" : "10.0.2.2", 1, 2, (uint32_t)rand() % 100);
			break;
		case 1:
			len = make_options(&opts[(unsigned)rand() % (sizeof(opts) / sizeof(opts[0]))]);
			break;
		default:
			len = make_udp4(buf, "10.0.1.2", "10.0.1.1", (uint32_t)rand() % 100);
			break;
		}
		for (int i = rand() % 4; i > 0; i--)
			buf[(uint32_t)rand() % 48 % len] = (uint8_t)rand();
		if (rand() % 4 != 0 && len >= 60)
			fix_ip4(buf);
		if (rand() % 8 == 0)
			len = 1 + (uint32_t)rand() % len;
		world_receive(0, buf, len, 0, rand() % 2 ? 0 : 1 + (uint32_t)rand() % 40);
		if (round % 256 == 0) {
			/* no limit, no fragments that wait: the sum is exact */
			world_sysctl("net.inet.ip.maxfragpackets", 0);
			len = make_ip4(buf, "10.0.1.2", "10.0.1.1", IPPROTO_UDP, 64, "12345678", 8);
			buf[6] = 0x20;
			fix_ip4(buf);
			world_receive(0, buf, len, 0, 0);
			world_neighbours();
			world_sum();
			world_clear();
			world_sysctl("net.inet.ip.maxfragpackets", 200);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forward),
	    cmocka_unit_test(test_bursts),
	    cmocka_unit_test(test_multipath),
	    cmocka_unit_test(test_ttl_checksum),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_silence),
	    cmocka_unit_test(test_rate_limit),
	    cmocka_unit_test(test_control_flood),
	    cmocka_unit_test(test_echo),
	    cmocka_unit_test(test_tcp_reset),
	    cmocka_unit_test(test_directed_broadcast),
	    cmocka_unit_test(test_fragments),
	    cmocka_unit_test(test_reassembly),
	    cmocka_unit_test(test_reassembly_refused),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_random),
	};

	world_family = AF_INET;
	return cmocka_run_group_tests(tests, world_start, world_end);
}
