/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lines_selftest NAME: one way for two threads to write one cache line, or a way that is allowed.  Ends by abort with a
 * report, or with "fine" and exit status 0; tests/lines/run knows which must do what.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "mp/mp.h"
#include "mp/ring.h"

static struct {
	_Alignas(64) uint64_t by0; /* a line of two workers' */
	uint64_t by1;
	_Alignas(64) uint64_t alone[8][8]; /* a line each */
	_Alignas(64) _Atomic uint32_t atomic;
	_Alignas(64) uint8_t octets[64];
	_Alignas(64) uint64_t table[64];
	_Alignas(64) struct rte_mbuf packet[2]; /* a chain */
} shared;
static struct mp_ring ring;
static unsigned char *block;
static pthread_barrier_t turn;

struct step {
	int thread; /* a worker, or -1: control */
	void (*fn)(void);
};

static void
write_by0(void)
{
	shared.by0++;
}

static void
write_by1(void)
{
	mp_add(&shared.by1, 1);
}

static void
write_alone0(void)
{
	shared.alone[0][0]++;
}

static void
write_alone1(void)
{
	shared.alone[1][0]++;
}

static void
write_atomic(void)
{
	atomic_fetch_add_explicit(&shared.atomic, 1, memory_order_relaxed);
}

static void
write_failing(void)
{
	uint32_t no = 12345;

	atomic_compare_exchange_strong(&shared.atomic, &no, 1);
}

static void
write_copy(void)
{
	static const uint8_t from[64];
	volatile size_t n = 40;

	memcpy(shared.octets, from, n);
}

static void
write_set(void)
{
	volatile size_t n = 1;

	memset(shared.octets + 63, 1, n);
}

static void
write_table(void)
{
	shared.table[3] = 1;
}

static void
read_all(void)
{
	volatile uint64_t sum = shared.by0 + shared.by1 + atomic_load(&shared.atomic);

	(void)sum;
}

static void
block_write(void)
{
	block[8] = 1;
}

static void
block_again(void)
{
	free(block);
	block = lines_zalloc(100);
}

static void
ring_put(void)
{
	void *p = &shared;

	mp_ring_put(&ring, &p, 1);
}

static void
ring_get(void)
{
	void *p;

	mp_ring_get(&ring, &p, 1);
}

static void
packet_write(void)
{
	shared.packet[1].data_len = 1;
}

static void
packet_put(void)
{
	void *p = &shared.packet[0];

	mp_ring_put(&ring, &p, 1);
}

static const struct {
	const char *name;
	struct step step[4]; /* one after the other */
} tests[] = {
    {"line-of-two", {{0, write_by0}, {1, write_by1}}},
    {"own-lines", {{0, write_alone0}, {1, write_alone1}, {0, write_alone0}, {1, write_alone1}}},
    {"atomic", {{0, write_atomic}, {1, write_atomic}}},
    {"failed-swap", {{0, write_atomic}, {1, write_failing}}},
    {"copies", {{0, write_copy}, {1, write_set}}},
    {"control-after", {{0, write_by0}, {-1, write_by1}}},
    {"control-before", {{-1, write_by1}, {0, write_by0}, {0, write_by0}, {-1, read_all}}},
    {"table", {{-1, write_table}, {1, write_table}}},
    {"readers", {{0, write_by0}, {1, read_all}, {-1, read_all}, {0, write_by0}}},
    {"block", {{0, block_write}, {1, block_write}}},
    {"block-again", {{0, block_write}, {-1, block_again}, {1, block_write}}},
    {"ring", {{0, ring_put}, {1, ring_put}, {-1, ring_get}, {-1, ring_get}}},
    {"packet-passed", {{0, packet_write}, {0, packet_put}, {1, ring_get}, {1, packet_write}}},
    {"packet-not-passed", {{0, packet_write}, {1, packet_write}}},
    {"packet-in-ring", {{0, packet_write}, {0, packet_put}, {0, packet_write}}},
    {"packet-after", {{0, packet_put}, {1, ring_get}, {0, packet_write}}},
};
static const struct step *steps;

static void
run(int id)
{
	lines_thread(id);
	for (unsigned i = 0; i < 4; i++) {
		pthread_barrier_wait(&turn);
		if (steps[i].fn != NULL && steps[i].thread == id)
			steps[i].fn();
	}
	pthread_barrier_wait(&turn);
}

static void *
thread_main(void *arg)
{
	run((int)(intptr_t)arg);
	return NULL;
}

int
main(int argc, char **argv)
{
	pthread_t t[2];

	for (unsigned i = 0; argc == 1 && i < sizeof(tests) / sizeof(tests[0]); i++)
		puts(tests[i].name);
	if (argc == 1)
		return 0;
	for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (strcmp(tests[i].name, argv[1]) == 0)
			steps = tests[i].step;
	if (steps == NULL) {
		fprintf(stderr, "lines_selftest: no test %s\n", argv[1]);
		return 2;
	}
	pthread_barrier_init(&turn, NULL, 3);
	block = lines_zalloc(100);
	if (mp_ring_init(&ring, 16) != 0)
		return 2;
	shared.packet[0].next = &shared.packet[1];
	lines_pool(shared.packet, sizeof(shared.packet), sizeof(shared.packet[0]), 0, "the test's packets");
	lines_table(shared.table, sizeof(shared.table), "the test's table");
	lines_begin();
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, thread_main, (void *)(intptr_t)i);
	run(-1);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	puts("fine");
	return 0;
}
