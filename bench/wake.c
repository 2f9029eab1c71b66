/* SPDX-License-Identifier: BSD-2-Clause */
/* How long the first packet after idling waits: an idle router's answer to an echo request, beside a control run of two
 * plain threads and an eventfd.  The asking thread spins in both, so that only the other side's waking is measured. */
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "dev/shmif_bus.h"

#define ROUNDS	 400
#define IDLE_US	 5000
#define LIMIT_NS 1000000000ull

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
report(const char *name, uint64_t *ns)
{
	qsort(ns, ROUNDS, sizeof(ns[0]), compare);
	printf("%s_p50 %.1f\n%s_p99 %.1f\n", name, ns[ROUNDS / 2] / 1e3, name, ns[ROUNDS * 99 / 100] / 1e3);
}

/* Each side on a CPU of its own: a pipe's writer otherwise gets its reader on its own CPU, and waits for it. */
static void
pin(const char *cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(atoi(cpu), &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/* The control run: a thread sleeps in epoll, is rung, and answers through memory. */

static int bell;
static _Atomic uint32_t answered; /* [a] */

static void *
sleeper(void *arg)
{
	int ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN};

	pin(arg);
	epoll_ctl(ep, EPOLL_CTL_ADD, bell, &ev);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		uint64_t v;

		while (epoll_wait(ep, &ev, 1, -1) != 1 || read(bell, &v, sizeof(v)) < 0)
			continue;
		atomic_store_explicit(&answered, i, memory_order_release);
	}
	close(ep);
	return NULL;
}

static void
control_run(uint64_t *ns, char *cpu)
{
	pthread_t t;

	bell = eventfd(0, EFD_NONBLOCK);
	if (pthread_create(&t, NULL, sleeper, cpu) != 0)
		exit(1);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		uint64_t one = 1, begin;

		usleep(IDLE_US);
		begin = now_ns();
		if (write(bell, &one, sizeof(one)) < 0)
			exit(1);
		while (atomic_load_explicit(&answered, memory_order_acquire) != i)
			continue;
		ns[i - 1] = now_ns() - begin;
	}
	pthread_join(t, NULL);
	close(bell);
}

/* The router: an echo request on a segment, and its reply. */

static uint16_t
cksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += p[i] << 8 | p[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t) ~((sum & 0xffff) + (sum >> 16)));
}

static size_t
echo_request(uint8_t *f, const uint8_t *dmac, uint32_t src, uint32_t dst, uint16_t seq)
{
	static const uint8_t smac[6] = {2, 0, 0, 0, 0, 2};
	uint16_t sum;

	memset(f, 0, 64);
	memcpy(f, dmac, 6);
	memcpy(f + 6, smac, 6);
	f[12] = 8;
	f[14] = 0x45;
	f[17] = 46; /* total length */
	f[22] = 64;
	f[23] = 1;
	memcpy(f + 26, &src, 4);
	memcpy(f + 30, &dst, 4);
	sum = cksum(f + 14, 20);
	memcpy(f + 24, &sum, 2);
	f[34] = 8;
	f[40] = seq >> 8;
	f[41] = seq & 255;
	sum = cksum(f + 34, 26);
	memcpy(f + 36, &sum, 2);
	return 60;
}

static void
router_run(const char *bus, const uint8_t *mac, uint32_t src, uint32_t dst, uint64_t *ns)
{
	static uint8_t buf[SHMIF_BUS_MAXFRAME];
	struct shmif_writer *w;
	struct shmif_reader *r;
	struct shmif_frame info;
	struct shmif_bus *b;
	char err[200];

	if (shmif_bus_open(bus, 0, &b, err, sizeof(err)) != 0 || shmif_writer_open(b, &w, err, sizeof(err)) != 0 ||
	    shmif_reader_open(b, false, false, w, &r, err, sizeof(err)) != 0) {
		fprintf(stderr, "wake: %s\n", err);
		exit(1);
	}
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint8_t f[64];
		size_t len = echo_request(f, mac, src, dst, i);
		uint64_t begin;
		bool got = false;

		usleep(IDLE_US);
		while (shmif_reader_next(r, buf, &info))
			continue;
		begin = now_ns();
		shmif_writer_put(w, f, len);
		shmif_writer_publish(w);
		while (!got && now_ns() - begin < LIMIT_NS)
			if (shmif_reader_next(r, buf, &info) && info.len >= 42 && buf[12] == 8 && buf[13] == 0 &&
			    buf[23] == 1 && buf[34] == 0 && buf[40] == (i >> 8) && buf[41] == (i & 255))
				got = true;
		if (!got) {
			fprintf(stderr, "wake: no reply to echo request %u\n", i);
			exit(1);
		}
		ns[i] = now_ns() - begin;
	}
	shmif_bus_close(b);
}

int
main(int argc, char **argv)
{
	static uint64_t ns[ROUNDS];
	struct in_addr src, dst;
	uint8_t mac[6];

	if (argc != 7 ||
	    sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) !=
		6 ||
	    inet_pton(AF_INET, argv[3], &src) != 1 || inet_pton(AF_INET, argv[4], &dst) != 1) {
		fprintf(stderr, "usage: wake BUS ROUTER-MAC OUR-ADDRESS ROUTER-ADDRESS OUR-CPU ROUTER-CPU\n");
		return 2;
	}
	pin(argv[5]);
	control_run(ns, argv[6]);
	report("control", ns);
	router_run(argv[1], mac, src.s_addr, dst.s_addr, ns);
	report("router", ns);
	return 0;
}
