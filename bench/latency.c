/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long packets take through a router: they are sent at one end, spaced by the clock, and awaited at the other by one thread
 * that spins, pinned to a CPU.  Each carries its number; the time counts from before the call that sends it.
 *
 * Ends: Linux interfaces in network namespaces (packet sockets), two memif interfaces (DPDK), or, as the control run, a plain
 * thread on a CPU of its own that hands back what it is given: it spins, or sleeps and is rung for each.
 *
 * Synchronization: what the control run's threads share is atomic.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "frame.h"

#define LEN	 82
#define MAGIC	 0x736d706eu
#define DRAIN_NS 200000000ull

/* One way to the router and back from it */
static int txfd = -1, rxfd = -1;
static struct rte_mempool *pool; /* NULL: sockets */

/* The control run: numbers go to the other thread and come back by single words, of which the last stands for all before. */
static bool control;
static int bell = -1;			 /* [I] -1: the other spins */
static _Atomic uint32_t asked, answered; /* [a] number + 1 */

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void
die(const char *what)
{
	fprintf(stderr, "latency: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* => a packet socket on the interface in the namespace of that name; the thread stays there */
static int
socket_open(const char *netns, const char *ifname, unsigned protocol)
{
	struct sockaddr_ll sll = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol)};
	char path[128];
	int fd, ns, one = 1;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		die(path);
	close(ns);
	sll.sll_ifindex = if_nametoindex(ifname);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (sll.sll_ifindex == 0 || fd < 0 || bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) < 0)
		die(ifname);
	return fd;
}

static void
memif_open(const char *socket0, const char *socket1)
{
	char vdev0[160], vdev1[160], prefix[32];
	char *argv[] = {"latency", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m", "256", "--log-level",
	    "*:error", "--file-prefix", prefix, "--vdev", vdev0, "--vdev", vdev1, NULL};
	struct rte_eth_conf conf;

	memset(&conf, 0, sizeof(conf));
	snprintf(prefix, sizeof(prefix), "latency%d", getpid());
	snprintf(vdev0, sizeof(vdev0), "net_memif0,role=client,socket-abstract=no,socket=%s", socket0);
	snprintf(vdev1, sizeof(vdev1), "net_memif1,role=client,socket-abstract=no,socket=%s", socket1);
	if (rte_eal_init(sizeof(argv) / sizeof(argv[0]) - 1, argv) < 0)
		die("EAL");
	pool = rte_pktmbuf_pool_create("latency", 16383, 0, 0, 2176, SOCKET_ID_ANY);
	if (pool == NULL)
		die("pool");
	for (uint16_t p = 0; p < 2; p++) {
		struct rte_eth_link link = {0};

		if (rte_eth_dev_configure(p, 1, 1, &conf) != 0 ||
		    rte_eth_rx_queue_setup(p, 0, 1024, SOCKET_ID_ANY, NULL, pool) != 0 ||
		    rte_eth_tx_queue_setup(p, 0, 1024, SOCKET_ID_ANY, NULL) != 0 || rte_eth_dev_start(p) != 0)
			die("memif");
		for (unsigned i = 0; i < 5000 && !link.link_status; i++) {
			usleep(1000);
			if (rte_eth_link_get_nowait(p, &link) != 0)
				die("memif");
		}
		if (!link.link_status) {
			fprintf(stderr, "latency: nobody answers on memif %u\n", p);
			exit(1);
		}
	}
	usleep(500000); /* the other side sees the link by a timer */
}

static void *
answer(void *cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(atoi(cpu), &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	for (uint32_t last = 0, n;;) {
		uint64_t v;

		if (bell >= 0 && read(bell, &v, sizeof(v)) < 0)
			continue;
		n = atomic_load_explicit(&asked, memory_order_acquire);
		if (n != last)
			atomic_store_explicit(&answered, n, memory_order_release);
		last = n;
	}
	return NULL;
}

static void
control_open(const char *how, char *cpu)
{
	pthread_t t;

	control = true;
	if (strcmp(how, "sleep") == 0)
		bell = eventfd(0, 0);
	if (pthread_create(&t, NULL, answer, cpu) != 0)
		die("thread");
}

static void
send_one(const uint8_t *frame)
{
	struct rte_mbuf *m;
	uint64_t one = 1;

	if (control) {
		uint32_t n;

		memcpy(&n, frame + LEN - 4, 4);
		atomic_store_explicit(&asked, n + 1, memory_order_release);
		if (bell >= 0 && write(bell, &one, sizeof(one)) < 0)
			die("eventfd");
		return;
	}
	if (pool == NULL) {
		if (send(txfd, frame, LEN, 0) < 0 && errno != ENOBUFS)
			die("send");
		return;
	}
	m = rte_pktmbuf_alloc(pool);
	if (m == NULL)
		return;
	memcpy(rte_pktmbuf_append(m, LEN), frame, LEN);
	if (rte_eth_tx_burst(0, 0, &m, 1) == 0)
		rte_pktmbuf_free(m);
}

/* => true: a frame, whose octets are at buf */
static bool
receive_one(uint8_t *buf)
{
	struct rte_mbuf *m[8];
	static struct rte_mbuf *have[8];
	static unsigned n, taken;
	bool good;

	if (control) {
		static uint32_t last;
		uint32_t number[2] = {MAGIC, last};

		/* one that was late hands back all that were asked meanwhile */
		if (atomic_load_explicit(&answered, memory_order_acquire) == last)
			return false;
		last++;
		memcpy(buf + LEN - 8, number, 8);
		return true;
	}
	if (pool == NULL)
		return recv(rxfd, buf, LEN, MSG_DONTWAIT) == LEN;
	if (taken == n) {
		/* what the router says on the other interface is nobody's */
		for (unsigned i = rte_eth_rx_burst(0, 0, m, 8); i > 0; i--)
			rte_pktmbuf_free(m[i - 1]);
		n = rte_eth_rx_burst(1, 0, have, 8);
		taken = 0;
		if (n == 0)
			return false;
	}
	good = rte_pktmbuf_data_len(have[taken]) >= LEN;
	if (good)
		memcpy(buf, rte_pktmbuf_mtod(have[taken], void *), LEN);
	rte_pktmbuf_free(have[taken++]);
	return good;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double
quantile(const uint64_t *sorted, unsigned n, double q)
{
	unsigned i = (unsigned)(q * n);

	return sorted[i < n ? i : n - 1] / 1e3;
}

static void
run(uint8_t *frame, unsigned count, uint64_t spacing)
{
	uint64_t *sent = calloc(count, sizeof(*sent)), *took = calloc(count, sizeof(*took));
	uint64_t next = now_ns() + 1000000, now = 0;
	unsigned n = 0, got = 0;
	uint8_t buf[LEN];

	if (sent == NULL || took == NULL)
		die("memory");
	while (n < count || (got < count && now < next + DRAIN_NS)) {
		uint32_t number[2];

		now = now_ns();
		if (n < count && now >= next) {
			number[0] = MAGIC;
			number[1] = n;
			memcpy(frame + LEN - 8, number, 8);
			/* one that is late is one that comes later: the load is even */
			next = now + spacing;
			sent[n++] = now_ns();
			send_one(frame);
		}
		if (!receive_one(buf))
			continue;
		memcpy(number, buf + LEN - 8, 8);
		if (number[0] == MAGIC && number[1] < n && sent[number[1]] != 0) {
			took[got++] = now_ns() - sent[number[1]];
			sent[number[1]] = 0;
		}
	}
	if (got == 0) {
		fprintf(stderr, "latency: no packet came through\n");
		exit(1);
	}
	qsort(took, got, sizeof(*took), compare);
	printf("p50 %.1f\np99 %.1f\np999 %.1f\nmax %.1f\nlost %u\n", quantile(took, got, .5), quantile(took, got, .99),
	    quantile(took, got, .999), took[got - 1] / 1e3, count - got);
}

int
main(int argc, char **argv)
{
	static uint8_t frame[LEN];
	uint8_t dmac[6], smac[6];
	cpu_set_t set;
	bool memif;
	int family;

	if (argc != 13) {
		fprintf(stderr,
		    "usage: latency veth NETNS IF NETNS IF CPU COUNT SPACING-NS SOURCE DESTINATION TO-MAC FROM-MAC\n"
		    "       latency memif SOCKET - SOCKET - (the same)\n"
		    "       latency control spin|sleep CPU - - (the same)\n");
		return 2;
	}
	memif = strcmp(argv[1], "memif") == 0;
	family = strchr(argv[9], ':') != NULL ? 6 : 4;
	if (frame_mac(argv[11], dmac) != 0 || frame_mac(argv[12], smac) != 0 ||
	    frame_make(frame, LEN, family, argv[9], argv[10], dmac, smac) == 0) {
		fprintf(stderr, "latency: bad address\n");
		return 2;
	}
	if (strcmp(argv[1], "control") == 0)
		control_open(argv[2], argv[3]);
	else if (memif)
		memif_open(argv[2], argv[4]);
	else {
		txfd = socket_open(argv[2], argv[3], 0);
		rxfd = socket_open(argv[4], argv[5], family == 4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);
	}
	CPU_ZERO(&set);
	CPU_SET(atoi(argv[6]), &set);
	sched_setaffinity(0, sizeof(set), &set);
	run(frame, atoi(argv[7]), strtoull(argv[8], NULL, 10));
	return 0;
}
