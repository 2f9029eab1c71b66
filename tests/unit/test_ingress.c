/* SPDX-License-Identifier: BSD-2-Clause */
/* Reverse path checks and the addresses that are refused as sources, in a whole router (ip_world.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ip_world.h"

#include "ip/ingress.h"
#include "route/route.h"

static uint8_t buf[WORLD_FRAME];

/* Sources of either family, and whether they pass on tst0 */
static const struct source {
	const char *v4, *v6;
	bool strict, loose;
} sources[] = {
    {"10.0.1.2", "2001:db8:1::2", true, true},	    /* connected */
    {"198.18.1.9", "2001:db8:a1::9", true, true},   /* by A */
    {"198.18.2.9", "2001:db8:a2::9", false, true},  /* by B */
    {"10.0.2.2", "2001:db8:2::2", false, true},	    /* B */
    {"198.18.3.9", "2001:db8:a3::9", true, true},   /* by both */
    {"198.18.4.9", "2001:db8:a4::9", false, false}, /* blackhole */
    {"198.18.9.9", "2001:db8:a9::9", false, false}, /* no route */
};
#define NSOURCES (sizeof(sources) / sizeof(sources[0]))

static void
mode(unsigned ifn, const char *word)
{
	json_decref(world_call("if.set", "{s:s,s:s}", "name", world_if[ifn]->if_xname, "urpf", word));
}

static void
route(bool v6, const char *dst, const char *a, const char *b)
{
	const char *family = v6 ? "inet6" : "inet";

	if (b != NULL)
		json_decref(world_call("route.add", "{s:s,s:s,s:[{s:s},{s:s}]}", "family", family, "dst", dst,
		    "gateway", "gateway", a, "gateway", b));
	else
		json_decref(world_call("route.add", "{s:s,s:s,s:s}", "family", family, "dst", dst, "gateway", a));
}

static int
start(void **state)
{
	int error = world_start(state);

	if (error != 0)
		return error;
	route(false, "198.18.1.0/24", "10.0.1.2", NULL);
	route(false, "198.18.2.0/24", "10.0.2.2", NULL);
	route(false, "198.18.3.0/24", "10.0.1.2", "10.0.2.2");
	route(true, "2001:db8:a1::/48", "2001:db8:1::2", NULL);
	route(true, "2001:db8:a2::/48", "2001:db8:2::2", NULL);
	route(true, "2001:db8:a3::/48", "2001:db8:1::2", "2001:db8:2::2");
	json_decref(world_call("route.add", "{s:s,s:s,s:s,s:b}", "family", "inet", "dst", "198.18.4.0/24", "gateway",
	    "127.0.0.1", "blackhole", 1));
	json_decref(world_call("route.add", "{s:s,s:s,s:s,s:b}", "family", "inet6", "dst", "2001:db8:a4::/48",
	    "gateway", "::1", "blackhole", 1));
	world_settle();
	return 0;
}

static struct rte_mbuf *
packet(bool v6, unsigned source, uint8_t tag, unsigned seg)
{
	uint32_t len = v6 ? make_udp6(buf, sources[source].v6, "2001:db8:2::2", 30)
			  : make_udp4(buf, sources[source].v4, "10.0.2.2", 30);

	world_family = v6 ? AF_INET6 : AF_INET;
	buf[len - 1] = tag;
	return world_packet(0, buf, len, seg);
}

/* Vectors of each size, plain and in segments, of both families: those that pass do so in order, the others have their drop */
static void
test_vectors(void **state)
{
	static const char *const words[] = {"off", "strict", "loose"};
	static const unsigned sizes[] = {1, 7, 63, 64};

	(void)state;
	srand(4);
	for (unsigned i = 0; i < 3 * 4 * 8; i++) {
		unsigned how = i % 3, n = sizes[i / 3 % 4], want = 0, dropped = 0;
		bool v6 = i / 12 % 2;
		uint8_t tags[PKT_VEC];
		struct rte_mbuf *m[PKT_VEC];

		mode(0, words[how]);
		world_clear();
		for (unsigned k = 0; k < n; k++) {
			unsigned s = (unsigned)rand() % NSOURCES;
			bool pass = how == 0 || (how == 1 ? sources[s].strict : sources[s].loose);

			m[k] = packet(v6, s, (uint8_t)k, i % 5 == 4 ? 13 : 0);
			if (pass)
				tags[want++] = (uint8_t)k;
			else
				dropped++;
		}
		world_input(0, m, n);
		assert_int_equal(world_nframes, want);
		for (unsigned k = 0; k < want; k++)
			assert_int_equal(world_frame[k].data[world_frame[k].len - 1], tags[k]);
		assert_int_equal(world_counted(v6 ? C_IP6_URPF : C_IP_URPF), dropped);
		assert_int_equal(
		    world_dropped(v6 ? DROP_IP6_URPF_STRICT : DROP_IP_URPF_STRICT), how == 1 ? dropped : 0);
		assert_int_equal(world_dropped(v6 ? DROP_IP6_URPF_LOOSE : DROP_IP_URPF_LOOSE), how == 2 ? dropped : 0);
		world_sum();
	}
	mode(0, "off");
}

/* Only interfaces that have it on are looked at, and the word is 0 when none has. */
static void
test_word(void **state)
{
	(void)state;
	assert_int_equal(ip_ingress, 0);
	mode(0, "strict");
	mode(1, "loose");
	assert_int_equal(ip_ingress, INGRESS_URPF);
	mode(0, "off");
	assert_int_equal(ip_ingress, INGRESS_URPF);
	world_clear();
	struct rte_mbuf *m = packet(false, 2, 0, 0);
	world_input(0, &m, 1);
	assert_int_equal(world_nframes, 1);
	mode(1, "off");
	assert_int_equal(ip_ingress, 0);
	world_sysctl("net.inet.ip.dropdocaddrs", 1);
	assert_int_equal(ip_ingress_on(INGRESS_DOC4), INGRESS_DOC4);
	assert_int_equal(ip_ingress_on(INGRESS_DOC6), 0);
	world_sysctl("net.inet6.ip6.dropdocaddrs", 1);
	world_sysctl("net.inet.ip.dropdocaddrs", 0);
	assert_int_equal(ip_ingress_on(INGRESS_DOC4), 0);
	world_sysctl("net.inet6.ip6.dropdocaddrs", 0);
	assert_int_equal(ip_ingress, 0);
}

/* A path whose gateway has stopped to answer is a path still: what comes from there has come the right way. */
static void
test_silent(void **state)
{
	union in_any a4 = {0}, a6 = {0};

	(void)state;
	assert_int_equal(inet_pton(AF_INET, "10.0.1.2", &a4), 1);
	assert_int_equal(inet_pton(AF_INET6, "2001:db8:1::2", &a6), 1);
	mode(0, "strict");
	for (unsigned round = 0; round < 4; round++) {
		bool v6 = round % 2, silent = round / 2 == 0;
		struct rte_mbuf *m;
		uint32_t nh;

		world_as_control();
		nh = v6 ? fib_lookup6(&a6.in6) : fib_lookup4(a4.in4.s_addr);
		rt_gateway_set_silent(world_if[0], v6 ? AF_INET6 : AF_INET, v6 ? &a6 : &a4, nh, silent);
		world_settle();
		const struct nexthop *group =
		    nexthop_get(v6 ? fib_lookup6(&(struct in6_addr){{{0x20, 1, 0xd, 0xb8, 0, 0xa3}}})
				   : fib_lookup4(htonl(0xc6120309)));
		assert_int_equal(group->nh_type, NH_MULTIPATH);
		assert_int_equal(group->nh_mp.mp_quiet, silent);
		world_clear();
		m = packet(v6, 4, 0, 0);
		world_input(0, &m, 1);
		assert_int_equal(world_nframes, 1);
		world_sum();
	}
	mode(0, "off");
}

/* Directed broadcasts of our networks are no sources, as long as there is the network, unless they are addresses of ours. */
static void
test_broadcast_source(void **state)
{
	char addr[32], brd[32];
	uint32_t len;

	(void)state;
	world_family = AF_INET;
	world_sysctl("net.inet.ip.dad_count", 0);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(addr, sizeof(addr), "10.1.%u.1", i);
		json_decref(world_call("if.addr.add", "{s:s,s:s,s:s,s:i}", "name", world_if[i % 2]->if_xname, "family",
		    "inet", "address", addr, "plen", i % 4 ? 24 : 32));
	}
	world_settle();
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 60; i++) {
			bool martian = round == 0 && i < 50 && i % 4 != 0;

			snprintf(brd, sizeof(brd), "10.1.%u.255", i);
			len = make_udp4(buf, brd, "10.0.2.2", 30);
			world_clear();
			world_receive(0, buf, len, 0, 0);
			assert_int_equal(world_dropped(DROP_IP_MARTIAN_SRC), martian);
			assert_int_equal(world_nframes, !martian);
		}
		for (unsigned i = 0; round == 0 && i < 50; i++) {
			snprintf(addr, sizeof(addr), "10.1.%u.1", i);
			json_decref(world_call("if.addr.delete", "{s:s,s:s,s:s}", "name", world_if[i % 2]->if_xname,
			    "family", "inet", "address", addr));
		}
		world_settle();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_word),
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_silent),
	    cmocka_unit_test(test_broadcast_source),
	};

	world_family = AF_INET;
	return cmocka_run_group_tests(tests, start, world_end);
}
