/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long packets take through a router: they are sent at one end, spaced by the clock, and awaited at the other by one thread
 * that spins, pinned to a CPU.  Each carries its number; the time counts from before the call that sends it.
 *
 * A line "COUNT SPACING-NS" on standard input asks for a run, so that those who are compared can take turns often; the answer
 * is one line: how many were lost, then each one's nanoseconds.  In between the probe sleeps.
 *
 * Ends: Linux interfaces in network namespaces (packet sockets), two memif interfaces (DPDK), or, as the control run, a plain
 * thread on a CPU of its own that hands back what it is given and sleeps as a worker does: after 50 us without work, until rung.
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
static int bell = -1;			       /* [I] */
static uint64_t awake_ns;		       /* [I] */
static _Alignas(64) _Atomic uint32_t asked;    /* [a] how many */
static _Alignas(64) _Atomic uint32_t answered; /* [a] */
static _Alignas(64) _Atomic bool asleep;       /* [a] */

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
	uint64_t worked = now_ns();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(atoi(cpu), &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	for (uint32_t last = 0, n;;) {
		uint64_t now = now_ns(), v;

		n = atomic_load_explicit(&asked, memory_order_acquire);
		if (n != last) {
			atomic_store_explicit(&answered, n, memory_order_release);
			last = n;
			worked = now;
		}
		if (now - worked < awake_ns)
			continue;
		atomic_store(&asleep, true);
		if (atomic_load(&asked) == last && read(bell, &v, sizeof(v)) < 0)
			die("eventfd");
		atomic_store(&asleep, false);
	}
	return NULL;
}

static void
control_open(const char *awake_us, char *cpu)
{
	pthread_t t;

	control = true;
	awake_ns = strtoull(awake_us, NULL, 10) * 1000;
	bell = eventfd(0, 0);
	if (bell < 0 || pthread_create(&t, NULL, answer, cpu) != 0)
		die("thread");
}

static void
send_one(const uint8_t *frame)
{
	struct rte_mbuf *m;
	uint64_t one = 1;

	if (control) {
		atomic_store(&asked, atomic_load_explicit(&asked, memory_order_relaxed) + 1);
		if (atomic_load(&asleep) && write(bell, &one, sizeof(one)) < 0)
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
receive_one(uint8_t *buf, uint32_t next)
{
	static uint32_t given;
	struct rte_mbuf *m[8];
	static struct rte_mbuf *have[8];
	static unsigned n, taken;
	bool good;

	if (control) {
		uint32_t number[2] = {MAGIC, next};

		/* one that was late hands back all that were asked meanwhile */
		if (atomic_load_explicit(&answered, memory_order_acquire) == given)
			return false;
		given++;
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

static void
run(uint8_t *frame, unsigned count, uint64_t spacing)
{
	static uint32_t first; /* numbers go on, so that one that is late is not another run's */
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
			number[1] = first + n;
			memcpy(frame + LEN - 8, number, 8);
			/* one that is late is one that comes later: the load is even */
			next = now + spacing;
			sent[n++] = now_ns();
			send_one(frame);
		}
		if (!receive_one(buf, first + got))
			continue;
		memcpy(number, buf + LEN - 8, 8);
		number[1] -= first;
		if (number[0] == MAGIC && number[1] < n && sent[number[1]] != 0) {
			took[got++] = now_ns() - sent[number[1]];
			sent[number[1]] = 0;
		}
	}
	first += count;
	printf("%u", count - got);
	for (unsigned i = 0; i < got; i++)
		printf(" %llu", (unsigned long long)took[i]);
	putchar('\n');
	fflush(stdout);
	free(sent);
	free(took);
}

int
main(int argc, char **argv)
{
	static uint8_t frame[LEN];
	uint8_t dmac[6], smac[6];
	char line[64];
	cpu_set_t set;
	bool memif;
	int family;

	if (argc != 11) {
		fprintf(stderr, "usage: latency veth NETNS IF NETNS IF CPU SOURCE DESTINATION TO-MAC FROM-MAC\n"
				"       latency memif SOCKET - SOCKET - (the same)\n"
				"       latency control AWAKE-US CPU - - (the same)\n");
		return 2;
	}
	memif = strcmp(argv[1], "memif") == 0;
	family = strchr(argv[7], ':') != NULL ? 6 : 4;
	if (frame_mac(argv[9], dmac) != 0 || frame_mac(argv[10], smac) != 0 ||
	    frame_make(frame, LEN, family, argv[7], argv[8], dmac, smac) == 0) {
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
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) != NULL) {
		unsigned long long spacing;
		unsigned count;

		if (sscanf(line, "%u %llu", &count, &spacing) != 2 || count == 0) {
			fprintf(stderr, "latency: not COUNT SPACING: %s", line);
			return 2;
		}
		run(frame, count, spacing);
	}
	return 0;
}
