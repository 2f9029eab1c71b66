/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one core pays when it touches a cache line that another core writes: the costs behind "What 16 workers would do"
 * in doc/architecture.md.
 *
 *	touch [-a CPU] [-b CPU] [-r ROUNDS]
 *
 * Prints "NAME MEDIAN MIN MAX" over the rounds, in TSC cycles:
 *	add.none			a hundred cycles of work, to which what follows adds:
 *	add.own add.atomic.own		one more in a counter of one's own: as mp_add does it, and by a locked operation
 *	add.shared add.atomic.shared	the same while the other core does it to a word in the same line
 *	line.bounce			a line written here, then there: one way
 *	line.read			a line written there, read here, again and again: what the reader pays
 *	ring.V				a pointer's way through mp_ring in vectors of V, per pointer
 *	handoff.V			a packet's: its three lines written here, read and written there, the buffer home by a ring
 *	handoff.V.alone			the same by one thread for both sides: what of it is work
 *	wake.call wake.way		waking a sleeper: what the caller pays, and when the sleeper runs
 *
 * Synchronization: two threads, one on each CPU; rounds begin and end at a barrier.
 * Lifetime: everything until the process ends.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mp/mp.h"
#include "mp/ring.h"

#define MAXROUNDS 101
#define VEC	  64
#define PACKETS	  4096 /* as many as an inbox holds */
#define STRIDE	  2432 /* of packet buffers */

static int cpu_a, cpu_b = 1, rounds = 15;
static pthread_barrier_t gate;

static struct {
	_Alignas(128) uint64_t own;
	_Alignas(128) uint64_t here; /* in one line: */
	uint64_t there;
	_Alignas(128) _Atomic uint64_t ball;
	_Alignas(128) _Atomic uint32_t stop;
	_Alignas(128) _Atomic uint32_t asleep;
	_Alignas(128) _Atomic uint64_t woke_at;
} line;
static struct mp_ring to, home;
static unsigned char *buffers;
static unsigned vector;
static int evfd, epfd;

static double sample[2][MAXROUNDS]; /* a test may measure two things */

static bool
stopped(void)
{
	return atomic_load_explicit(&line.stop, memory_order_relaxed) != 0;
}

static double
per(uint64_t begin, uint64_t n)
{
	return (double)(mp_tsc() - begin) / (double)n;
}

#define REPEAT 200000

/* About a hundred cycles, as a packet takes: what is written between them can overlap. */
static uint64_t chain = 3;
static inline void
work(uint64_t *x)
{
	for (unsigned i = 0; i < 32; i++)
		__asm__ volatile("imul %0, %0" : "+r"(*x));
}

#define ADD(name, operation)                                                                                           \
	static void name(int r)                                                                                        \
	{                                                                                                              \
		uint64_t t = mp_tsc(), x = chain;                                                                      \
                                                                                                                       \
		for (unsigned i = 0; i < REPEAT; i++) {                                                                \
			work(&x);                                                                                      \
			operation;                                                                                     \
		}                                                                                                      \
		sample[0][r] = per(t, REPEAT);                                                                         \
	}
ADD(add_none, (void)0)
ADD(add_own, mp_add(&line.own, 1))
ADD(add_atomic_own, __atomic_fetch_add(&line.own, 1, __ATOMIC_RELAXED))
ADD(add_shared, mp_add(&line.here, 1))
ADD(add_atomic_shared, __atomic_fetch_add(&line.here, 1, __ATOMIC_RELAXED))

static void
add_shared_other(void)
{
	uint64_t x = chain;

	while (!stopped()) {
		work(&x);
		mp_add(&line.there, 1);
	}
}

static void
add_atomic_shared_other(void)
{
	uint64_t x = chain;

	while (!stopped()) {
		work(&x);
		__atomic_fetch_add(&line.there, 1, __ATOMIC_RELAXED);
	}
}

static void
bounce(int r)
{
	uint64_t t = mp_tsc();

	for (uint64_t i = 0; i < REPEAT / 10; i++) {
		atomic_store_explicit(&line.ball, 2 * i + 1, memory_order_release);
		while (atomic_load_explicit(&line.ball, memory_order_acquire) != 2 * i + 2)
			;
	}
	sample[0][r] = per(t, REPEAT / 10) / 2;
	atomic_store_explicit(&line.ball, 0, memory_order_relaxed);
}

static void
bounce_other(void)
{
	while (!stopped()) {
		uint64_t v = atomic_load_explicit(&line.ball, memory_order_acquire);

		if (v & 1)
			atomic_store_explicit(&line.ball, v + 1, memory_order_release);
	}
}

/* The writer stores every now and then, as a worker reports quiescence each turn; the reader looks as fast as it can. */
static void
read_other(int r)
{
	uint64_t sum = 0, n = 0, seen = 0, t, cycles = 0;

	while (n < REPEAT / 50) {
		uint64_t v;

		for (unsigned i = 0; i < 50; i++)
			__builtin_ia32_pause();
		t = mp_tsc();
		v = atomic_load_explicit(&line.ball, memory_order_acquire);
		__builtin_ia32_lfence();
		cycles += mp_tsc() - t;
		n += v != seen;
		seen = v;
		sum++;
	}
	sample[0][r] = (double)cycles / (double)sum;
}

static void
read_writer(void)
{
	uint64_t v = 1;

	while (!stopped()) {
		atomic_store_explicit(&line.ball, v++, memory_order_release);
		for (unsigned i = 0; i < 10; i++)
			__builtin_ia32_pause();
	}
	atomic_store_explicit(&line.ball, 0, memory_order_relaxed);
}

static void
ring_producer(int r)
{
	void *objs[VEC];
	uint64_t t, n = 0;

	for (unsigned i = 0; i < VEC; i++)
		objs[i] = buffers + (size_t)i * STRIDE;
	t = mp_tsc();
	while (n < REPEAT)
		n += mp_ring_put(&to, objs, vector);
	sample[0][r] = per(t, n);
}

static void
ring_consumer(void)
{
	void *objs[VEC];

	while (!stopped() || !mp_ring_empty(&to))
		mp_ring_get(&to, objs, VEC);
}

/* What a packet's sender writes: its two lines of metadata and the headers. */
static inline void
packet_touch(void *obj, uint64_t v)
{
	volatile uint64_t *m = obj;

	m[0] = v;
	m[8] = v;
	m[32] = v;
}

static inline uint64_t
packet_use(void *obj)
{
	volatile uint64_t *m = obj;
	uint64_t v = m[0] + m[8] + m[32];

	m[0] = v;
	m[32] = v;
	return v;
}

static uint64_t
handoff_take(void)
{
	void *objs[VEC];
	unsigned n = mp_ring_get(&to, objs, VEC), k = 0;

	for (unsigned i = 0; i < n; i++)
		(void)packet_use(objs[i]);
	while (k < n)
		k += mp_ring_put(&home, objs + k, n - k);
	return n;
}

static void
handoff(int r, bool alone)
{
	static void *stack[PACKETS];
	static unsigned have;
	uint64_t t, n = 0;

	if (have == 0 && mp_ring_empty(&home))
		for (; have < PACKETS; have++)
			stack[have] = buffers + (size_t)have * STRIDE;
	t = mp_tsc();
	while (n < REPEAT) {
		if (have < vector) {
			have += mp_ring_get(&home, stack + have, PACKETS - have);
			continue;
		}
		for (unsigned i = 0; i < vector; i++)
			packet_touch(stack[have - 1 - i], n);
		have -= vector;
		for (unsigned k = 0; k < vector;)
			k += mp_ring_put(&to, stack + have + k, vector - k);
		n += vector;
		if (alone)
			(void)handoff_take();
	}
	sample[0][r] = per(t, n);
	while (have < PACKETS)
		have += mp_ring_get(&home, stack + have, PACKETS - have);
}

static void
handoff_two(int r)
{
	handoff(r, false);
}

static void
handoff_alone(int r)
{
	handoff(r, true);
}

static void
handoff_other(void)
{
	while (!stopped() || !mp_ring_empty(&to))
		(void)handoff_take();
}

static void
wake(int r)
{
	double call = 0, way = 0;
	const int n = 50;

	for (int i = 0; i < n; i++) {
		uint64_t t, v = 1;

		while (atomic_load_explicit(&line.asleep, memory_order_acquire) == 0)
			sched_yield();
		usleep(300); /* it is in the kernel by now */
		atomic_store_explicit(&line.asleep, 0, memory_order_relaxed);
		atomic_store_explicit(&line.woke_at, 0, memory_order_relaxed);
		t = mp_tsc();
		if (write(evfd, &v, sizeof(v)) < 0)
			abort();
		call += (double)(mp_tsc() - t);
		while ((v = atomic_load_explicit(&line.woke_at, memory_order_acquire)) == 0)
			sched_yield();
		way += (double)(v - t);
	}
	sample[0][r] = call / n;
	sample[1][r] = way / n;
}

static void
wake_other(void)
{
	while (!stopped()) {
		struct epoll_event ev;
		uint64_t v;

		atomic_store_explicit(&line.asleep, 1, memory_order_release);
		if (epoll_wait(epfd, &ev, 1, 50) != 1)
			continue;
		atomic_store_explicit(&line.woke_at, mp_tsc(), memory_order_release);
		if (read(evfd, &v, sizeof(v)) < 0)
			abort();
	}
}

static const struct test {
	const char *name, *second;
	void (*here)(int round);
	void (*there)(void);
	unsigned vector;
} tests[] = {
    {"add.none", NULL, add_none, NULL, 0},
    {"add.own", NULL, add_own, NULL, 0},
    {"add.atomic.own", NULL, add_atomic_own, NULL, 0},
    {"add.shared", NULL, add_shared, add_shared_other, 0},
    {"add.atomic.shared", NULL, add_atomic_shared, add_atomic_shared_other, 0},
    {"line.bounce", NULL, bounce, bounce_other, 0},
    {"line.read", NULL, read_other, read_writer, 0},
    {"ring.1", NULL, ring_producer, ring_consumer, 1},
    {"ring.8", NULL, ring_producer, ring_consumer, 8},
    {"ring.64", NULL, ring_producer, ring_consumer, 64},
    {"handoff.1", NULL, handoff_two, handoff_other, 1},
    {"handoff.8", NULL, handoff_two, handoff_other, 8},
    {"handoff.64", NULL, handoff_two, handoff_other, 64},
    {"handoff.1.alone", NULL, handoff_alone, NULL, 1},
    {"handoff.64.alone", NULL, handoff_alone, NULL, 64},
    {"wake.call", "wake.way", wake, wake_other, 0},
};
#define NTESTS (sizeof(tests) / sizeof(tests[0]))

static void
pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) != 0) {
		fprintf(stderr, "touch: CPU %d is not one this process may use\n", cpu);
		exit(1);
	}
}

static void *
other_main(void *arg)
{
	pin(cpu_b);
	for (unsigned i = 0; i < NTESTS; i++)
		for (int r = 0; r < rounds; r++) {
			pthread_barrier_wait(&gate);
			if (tests[i].there != NULL)
				tests[i].there();
			pthread_barrier_wait(&gate);
		}
	return NULL;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
print(const char *name, double *s)
{
	qsort(s, rounds, sizeof(*s), by_value);
	printf("%-18s %9.1f %9.1f %9.1f\n", name, s[rounds / 2], s[0], s[rounds - 1]);
}

static void
usage(void)
{
	fprintf(stderr, "usage: touch [-a CPU] [-b CPU] [-r ROUNDS]\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	struct epoll_event ev = {.events = EPOLLIN};
	pthread_t other;
	int c;

	while ((c = getopt(argc, argv, "a:b:r:")) != -1) {
		int v = c == '?' ? -1 : atoi(optarg);

		if (c == 'a')
			cpu_a = v;
		else if (c == 'b')
			cpu_b = v;
		else if (c == 'r')
			rounds = v;
		else
			usage();
	}
	if (optind != argc || rounds < 1 || rounds > MAXROUNDS || cpu_a < 0 || cpu_b < 0 || cpu_a == cpu_b)
		usage();
	buffers = lines_zalloc((size_t)PACKETS * STRIDE);
	evfd = eventfd(0, EFD_NONBLOCK);
	epfd = epoll_create1(0);
	if (buffers == NULL || mp_ring_init(&to, 4096) != 0 || mp_ring_init(&home, 16384) != 0 || evfd < 0 ||
	    epfd < 0 || epoll_ctl(epfd, EPOLL_CTL_ADD, evfd, &ev) != 0 || pthread_barrier_init(&gate, NULL, 2) != 0) {
		perror("touch");
		return 1;
	}
	pin(cpu_a);
	if (pthread_create(&other, NULL, other_main, NULL) != 0) {
		perror("touch: thread");
		return 1;
	}
	for (unsigned i = 0; i < NTESTS; i++) {
		vector = tests[i].vector;
		for (int r = 0; r < rounds; r++) {
			atomic_store_explicit(&line.stop, 0, memory_order_relaxed);
			pthread_barrier_wait(&gate);
			tests[i].here(r);
			atomic_store_explicit(&line.stop, 1, memory_order_relaxed);
			pthread_barrier_wait(&gate);
		}
		print(tests[i].name, sample[0]);
		if (tests[i].second != NULL)
			print(tests[i].second, sample[1]);
	}
	pthread_join(other, NULL);
	return 0;
}
