/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packet path alone, in one thread: ports that make packets when they are polled and free what they are given, driven
 * by a worker's own turn.  Prints cycles a packet above the same packets made and freed without a router.
 *
 *	path [-6] [-i IN] [-o OUT] [-v VECTOR] [-n NEIGHBOURS] [-s SIZE] [-t MS] [-r ROUNDS] [-p]
 *
 * IN interfaces have VECTOR packets each in every turn, for NEIGHBOURS neighbours behind OUT interfaces, by chance.
 * With -p what each stage takes; reading the clock at each stage's begin and end is in it (small vectors: much of it).
 *
 * Synchronization: one thread plays control while it sets up, then worker 0.
 * Lifetime: everything until the process ends.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <rte_rcu_qsbr.h>

#include "dev/port.h"
#include "ether/ether.h"
#include "ip/ip.h"
#include "ip/ip_var.h"
#include "ip6/ip6_var.h"
#include "mp/mp_internal.h"
#include "mp/stage.h"
#include "pkt/pkt.h"
#include "route/route.h"
#include "route/route_var.h"
#include "router.h"

#define DSTS (1u << 20)

static struct {
	bool six, stages;
	unsigned in, out, vec, neighbours, size, ms, rounds;
} opt = {.in = 1, .out = 1, .vec = 64, .neighbours = 1, .size = 60, .ms = 20, .rounds = 15};

struct dst4 {
	uint32_t addr;
	uint16_t sum; /* of the header with this destination */
};

static struct port port[65];
static struct ifnet *ifps[65];
static struct dst4 *dst4;
static struct in6_addr *dst6;
static uint32_t next_dst;
static union {
	uint8_t octets[64];
	struct {
		struct ether_hdr eh;
		union {
			struct ipv4_h ip;
			struct ipv6_h ip6;
		};
	} __attribute__((packed));
} frame __attribute__((aligned(64)));

static void
die(const char *what)
{
	fprintf(stderr, "path: %s\n", what);
	exit(1);
}

/* A device: packets from a template in the worker's own buffers */
static uint16_t
bench_rx(struct port *p, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	if (n > opt.vec)
		n = opt.vec;
	if (rte_pktmbuf_alloc_bulk(mp_self->pool, m, n) != 0)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		char *data = rte_pktmbuf_mtod(m[i], char *);
		uint32_t d = next_dst++ & (DSTS - 1);

		memcpy(data, &frame, 64);
		m[i]->data_len = m[i]->pkt_len = opt.size;
		if (opt.six) {
			memcpy(data + 38, &dst6[d], 16);
		} else {
			memcpy(data + 30, &dst4[d].addr, 4);
			memcpy(data + 24, &dst4[d].sum, 2);
		}
	}
	return n;
}

static uint16_t
bench_tx(struct port *p, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	rte_pktmbuf_free_bulk(m, n);
	return n;
}

static int
bench_fd(struct port *p, uint16_t q)
{
	return -1;
}

static const struct port_ops bench_ops = {
    .kind = "bench", .rx_burst = bench_rx, .tx_burst = bench_tx, .rx_fd = bench_fd};

static void
port_make(unsigned i, bool receives)
{
	struct ifaddr spec = {.ifa_family = opt.six ? AF_INET6 : AF_INET,
	    .ifa_plen = opt.six ? 32 : 8,
	    .ifa_preferred = UINT64_MAX,
	    .ifa_valid = UINT64_MAX};
	char name[16];

	snprintf(name, sizeof(name), "bench%u", i);
	port[i] = (struct port){
	    .ops = &bench_ops, .lladdr = {2, 0, 0, 0, 0, 1}, .mtu_max = 9000, .nrxq = receives, .ntxq = 1};
	port_place_queues(&port[i]);
	if (port_attach(&port[i], name, &ifps[i]) != 0)
		die("no interface");
	if (opt.six) {
		inet_pton(AF_INET6, "2001::1", &spec.ifa_addr);
		spec.ifa_addr.in6.s6_addr[3] = 1 + i;
	} else {
		spec.ifa_addr.in4.s_addr = htonl((10 + i) << 24 | 1);
	}
	if (if_addr_add(ifps[i], &spec) != 0 || if_set_flags(ifps[i], IFF_SMP_UP, 0) != 0)
		die("no address");
}

static uint64_t
random_next(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* The address of neighbour k */
static unsigned
neighbour_address(unsigned k, union in_any *a)
{
	unsigned o = k % opt.out;

	if (opt.six) {
		inet_pton(AF_INET6, "2001::", a);
		a->in6.s6_addr[3] = 1 + o;
		a->in6.s6_addr[13] = (k + 2) >> 16;
		a->in6.s6_addr[14] = (k + 2) >> 8;
		a->in6.s6_addr[15] = k + 2;
	} else {
		a->in4.s_addr = htonl((10 + o) << 24 | (k + 2));
	}
	return o;
}

static void
neighbours_make(void)
{
	for (unsigned k = 0; k < opt.neighbours; k++) {
		union in_any a;
		unsigned o = neighbour_address(k, &a);
		struct nexthop nh = {.nh_type = NH_FORWARD,
		    .nh_family = opt.six ? AF_INET6 : AF_INET,
		    .nh_l2len = 14,
		    .nh_gen = ifps[o]->if_gen,
		    .nh_ifindex = ifps[o]->if_index,
		    .nh_mtu = 1500,
		    .nh_ifp = ifps[o],
		    .nh_addr = a};
		struct ether_hdr *eh = (struct ether_hdr *)nh.nh_l2;

		eh->eh_dst[0] = 2;
		eh->eh_dst[5] = k;
		eh->eh_src[0] = 2;
		eh->eh_type = htons(opt.six ? ETHER_T_IP6 : ETHER_T_IP);
		uint32_t index = nexthop_alloc(&nh);
		if (index == NH_NOROUTE_INDEX || fib_insert(nh.nh_family, &a, opt.six ? 128 : 32, index) != 0)
			die("no neighbour");
	}
}

static void
frames_make(void)
{
	memset(&frame, 0, sizeof(frame));
	frame.eh.eh_dst[0] = 2;
	frame.eh.eh_dst[5] = 1;
	frame.eh.eh_src[0] = 2;
	frame.eh.eh_src[5] = 9;
	if (opt.six) {
		dst6 = calloc(DSTS, sizeof(*dst6));
		frame.eh.eh_type = htons(ETHER_T_IP6);
		frame.ip6.flow = htonl(6u << 28);
		frame.ip6.plen = htons(opt.size - 54);
		frame.ip6.nxt = IPPROTO_UDP;
		frame.ip6.hlim = 64;
		inet_pton(AF_INET6, "2001:db8:9::1", &frame.ip6.src);
	} else {
		dst4 = calloc(DSTS, sizeof(*dst4));
		frame.eh.eh_type = htons(ETHER_T_IP);
		frame.ip =
		    (struct ipv4_h){.vihl = IPV4_VIHL, .len = htons(opt.size - 14), .ttl = 64, .proto = IPPROTO_UDP};
		frame.ip.src = htonl(198u << 24 | 18 << 16 | 5);
	}
	for (uint32_t i = 0; i < DSTS; i++) {
		union in_any a;

		neighbour_address(random_next() % opt.neighbours, &a);
		if (opt.six) {
			dst6[i] = a.in6;
		} else {
			frame.ip.dst = dst4[i].addr = a.in4.s_addr;
			ip_set_sum(&frame.ip);
			dst4[i].sum = frame.ip.sum;
		}
	}
}

static double
thread_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* The same packets without a router */
static void
floor_turn(struct worker *w)
{
	struct rte_mbuf *m[PKT_VEC];

	for (unsigned i = 0; i < opt.in; i++)
		bench_tx(&port[i], 0, m, bench_rx(&port[i], 0, m, PKT_VEC));
}

static void
router_turn(struct worker *w)
{
	mp_worker_turn(w);
}

/* => cycles a packet over opt.ms */
static double
measure(void (*turn)(struct worker *))
{
	uint64_t packets = 0;
	double t0 = thread_ns(), t;

	do {
		for (unsigned i = 0; i < 64; i++)
			turn(mp_self);
		packets += 64ull * opt.in * opt.vec;
		t = thread_ns();
	} while (t - t0 < opt.ms * 1e6);
	return (t - t0) * (mp_tsc_hz / 1e9) / packets;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

#define SHORT 401

/* Cycles a packet of each stage: medians of runs so short that most are not interrupted */
static void
stages_print(void)
{
	static double cycles[STAGE_COUNT][SHORT];
	const struct mp_stage_count *count = mp_self->stages->count;

	opt.ms = 0;
	mp_stage_watch(mp_self, MP_WATCH_STAGES, 0);
	for (int r = 0; r < SHORT; r++) {
		uint64_t before[STAGE_COUNT], packets = mp_self->counters[C_PKT_RECEIVED];

		for (int i = 0; i < STAGE_COUNT; i++)
			before[i] = count[i].cycles;
		measure(router_turn);
		packets = mp_self->counters[C_PKT_RECEIVED] - packets;
		for (int i = 0; i < STAGE_COUNT; i++)
			cycles[i][r] = (double)(count[i].cycles - before[i]) / packets;
	}
	mp_stage_watch(mp_self, 0, MP_WATCH_STAGES);
	for (int i = 0; i < STAGE_COUNT; i++) {
		qsort(cycles[i], SHORT, sizeof(cycles[i][0]), compare);
		if (cycles[i][SHORT / 2] >= 0.05)
			printf("%-14s %8.1f\n", mp_stage_name(i), cycles[i][SHORT / 2]);
	}
}

int
main(int argc, char **argv)
{
	struct mp_config conf = {.nworkers = 1, .pool_buffers = 16384};
	struct event_base *base = event_base_new();
	int c;

	while ((c = getopt(argc, argv, "6pi:o:v:n:s:t:r:")) != -1) {
		unsigned v = optarg != NULL ? strtoul(optarg, NULL, 0) : 0;

		switch (c) {
		case '6':
			opt.six = true;
			break;
		case 'p':
			opt.stages = true;
			break;
		case 'i':
			opt.in = v;
			break;
		case 'o':
			opt.out = v;
			break;
		case 'v':
			opt.vec = v;
			break;
		case 'n':
			opt.neighbours = v;
			break;
		case 's':
			opt.size = v;
			break;
		case 't':
			opt.ms = v;
			break;
		case 'r':
			opt.rounds = v;
			break;
		default:
			die("path [-6] [-i IN] [-o OUT] [-v VECTOR] [-n NEIGHBOURS] [-s SIZE] [-t MS] [-r ROUNDS] "
			    "[-p]");
		}
	}
	if (opt.in < 1 || opt.in > 64 || opt.out < 1 || opt.out > 64 || opt.vec < 1 || opt.vec > PKT_VEC ||
	    opt.neighbours < opt.out || opt.neighbours > 1000000 || opt.size < 60 || opt.size > 1514 ||
	    opt.rounds < 1 || opt.rounds > 1000)
		die("1 to 64 interfaces and packets, OUT to 1000000 neighbours, 60 to 1514 octets, 1 to 1000 rounds");
	if (opt.six && opt.size < 62)
		opt.size = 62;
	if (router_start(&conf, base, false) != 0)
		die("no router");
	atomic_store(&ip_forwarding, 1);
	atomic_store(&ip6_forwarding, 1);
	for (unsigned i = 0; i < opt.in || i < opt.out; i++)
		port_make(i, i < opt.in);
	neighbours_make();
	frames_make();
	event_base_loop(base, EVLOOP_NONBLOCK);
	mp_self = mp_workers[0];
	rte_rcu_qsbr_thread_online(mp_qsbr, 0);

	double floor[1000], router[1000];
	measure(router_turn); /* what the interfaces announced leaves too */
	uint64_t sent = mp_read(&mp_self->counters[C_PKT_TRANSMITTED]),
		 received = mp_read(&mp_self->counters[C_PKT_RECEIVED]);
	for (unsigned r = 0; r < opt.rounds; r++) {
		floor[r] = measure(floor_turn);
		router[r] = measure(router_turn);
	}
	sent = mp_read(&mp_self->counters[C_PKT_TRANSMITTED]) - sent;
	received = mp_read(&mp_self->counters[C_PKT_RECEIVED]) - received;
	if (sent != received || sent == 0) {
		for (int i = 0; i < DROP_COUNT; i++)
			if (mp_drop_sum(i) != 0)
				fprintf(stderr, "path: %lu of %lu: %s\n", mp_drop_sum(i), received, mp_drop_text(i));
		fprintf(stderr, "path: %lu received, %lu sent\n", received, sent);
		die("not everything is forwarded");
	}
	qsort(floor, opt.rounds, sizeof(floor[0]), compare);
	qsort(router, opt.rounds, sizeof(router[0]), compare);
	printf("ipv%u %2u x %2u -> %2u, %6u neighbours: %6.1f cycles a packet (least %.1f), %.1f of them the devices': "
	       "path %.1f\n",
	    opt.six ? 6 : 4, opt.in, opt.vec, opt.out, opt.neighbours, router[opt.rounds / 2], router[0],
	    floor[opt.rounds / 2], router[opt.rounds / 2] - floor[opt.rounds / 2]);
	if (opt.stages)
		stages_print();
	fflush(stdout);
	_exit(0);
}
