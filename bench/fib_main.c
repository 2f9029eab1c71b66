/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fib: measures look-up structures on the same table.
 *
 * fib [-f 4|6] [-n ROUTES] [-s SEED] [-h NEXTHOPS] [-a] [-q] NAME...: each in a process of its own.  Look-ups by the thread's CPU
 * time, times the TSC's rate; destinations uniformly random over the routes, 2^20 different ones.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "dfz.h"
#include "fib_bench.h"
#include "route/route.h"

#define DSTS  (1u << 20)
#define OPS   1000000u
#define TRIES 5

/* The engine, as far as the FIB needs it: nobody reads while it is changed. */
_Thread_local struct worker *mp_self;
_Atomic int mp_log_level;
static struct mp_deferred *deferred;

void
mp_defer(struct mp_deferred *d, void (*fn)(struct mp_deferred *))
{
	d->fn = fn;
	d->next = deferred;
	deferred = d;
}

static void
poll_deferred(void)
{
	while (deferred != NULL) {
		struct mp_deferred *d = deferred;

		deferred = d->next;
		d->fn(d);
	}
}

void
mp_log(int level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

#ifdef SMPNET_DEBUG
void
mp_assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}
#endif

/* Ours */

static int
ours_create(unsigned count)
{
	return fib_init();
}

static int
ours_set4(const struct rt_key *key, unsigned plen, uint32_t nh)
{
	return fib_set(AF_INET, key, plen, nh);
}

static int
ours_set6(const struct rt_key *key, unsigned plen, uint32_t nh)
{
	return fib_set(AF_INET6, key, plen, nh);
}

static void
ours_clear4(const struct rt_key *key, unsigned plen, unsigned cover_plen, uint32_t cover_nh)
{
	fib_clear(AF_INET, key, plen, cover_plen, cover_nh);
}

static void
ours_clear6(const struct rt_key *key, unsigned plen, unsigned cover_plen, uint32_t cover_nh)
{
	fib_clear(AF_INET6, key, plen, cover_plen, cover_nh);
}

static void
ours_lookup4(const uint8_t *dsts, uint32_t *nh, unsigned n)
{
	fib_lookup4_vec((const uint32_t *)(const void *)dsts, nh, n);
}

static void
ours_lookup6(const uint8_t *dsts, uint32_t *nh, unsigned n)
{
	const struct in6_addr *p[64];

	for (unsigned i = 0; i < n; i++)
		p[i] = (const struct in6_addr *)(const void *)(dsts + 16 * i);
	fib_lookup6_vec(p, nh, n);
}

static size_t
ours_memory4(void)
{
	return fib_memory(AF_INET);
}

static size_t
ours_memory6(void)
{
	return fib_memory(AF_INET6);
}

static const struct candidate ours4 = {"smpnet", 4, ours_create, ours_set4, ours_clear4, ours_lookup4, ours_memory4};
static const struct candidate ours6 = {"smpnet", 6, ours_create, ours_set6, ours_clear6, ours_lookup6, ours_memory6};

static const struct candidate *all[] = {&ours4, &candidate_octets4, &candidate_lpm, &candidate_lpm_sse,
    &candidate_dir24, &candidate_dir24_avx512, &ours6, &candidate_octets6, &candidate_trie6, &candidate_trie6_avx512};

/* What is to be done, found out beforehand: the cover of what is withdrawn is the routing table's knowledge. */
struct op {
	uint32_t route;
	uint32_t nh; /* 0: withdraw */
	uint32_t cover_nh;
	uint8_t cover_plen;
};

static struct dfz_route *routes;
static unsigned count = 1000000;
static uint32_t *table; /* hash of routes by prefix: index plus 1 */
static uint32_t table_mask;
static uint32_t *now; /* next hop of each route, 0: withdrawn */

static uint32_t
prefix_find(uint64_t hi, uint64_t lo, unsigned plen, bool make)
{
	uint64_t h = hi * 0x9E3779B97F4A7C15ull ^ lo * 0xC2B2AE3D27D4EB4Full ^ plen * 0x165667B19E3779F9ull;

	for (h ^= h >> 31; table[h & table_mask] != 0; h++) {
		const struct dfz_route *r = &routes[table[h & table_mask] - 1];

		if (r->hi == hi && r->lo == lo && r->plen == plen)
			return table[h & table_mask];
	}
	return make ? h & table_mask : 0;
}

static struct op *
ops_make(uint64_t seed, unsigned nnh)
{
	struct op *ops = calloc(OPS, sizeof(*ops));
	bool lengths[129] = {false};
	uint32_t size = 1024;

	while (size < 2 * count)
		size *= 2;
	table_mask = size - 1;
	table = calloc(size, sizeof(*table));
	now = calloc(count, sizeof(*now));
	for (unsigned i = 0; i < count; i++) {
		table[prefix_find(routes[i].hi, routes[i].lo, routes[i].plen, true)] = i + 1;
		now[i] = routes[i].nh + 16;
		lengths[routes[i].plen] = true;
	}
	for (unsigned i = 0; i < OPS; i++) {
		struct op *o = &ops[i];
		const struct dfz_route *r;

		o->route = dfz_random(&seed) % count;
		r = &routes[o->route];
		o->nh = now[o->route] != 0 && dfz_random(&seed) % 2 ? 0 : 16 + dfz_random(&seed) % nnh;
		now[o->route] = o->nh;
		for (int p = r->plen - 1; o->nh == 0 && p > 0; p--) {
			uint64_t hi = p >= 64 ? r->hi : r->hi & ~(~0ull >> p);
			uint64_t lo = p <= 64 ? 0 : r->lo & ~(~0ull >> (p - 64));
			uint32_t at = lengths[p] ? prefix_find(hi, lo, p, false) : 0;

			if (at != 0 && now[at - 1] != 0) {
				o->cover_plen = p;
				o->cover_nh = now[at - 1];
				break;
			}
		}
	}
	return ops;
}

static double
cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static double
tsc_hz(void)
{
	static double hz;
	struct timespec a, b;
	uint64_t tsc;

	if (hz == 0) {
		clock_gettime(CLOCK_MONOTONIC, &a);
		tsc = rte_rdtsc();
		usleep(50000);
		clock_gettime(CLOCK_MONOTONIC, &b);
		hz = (rte_rdtsc() - tsc) / (b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) * 1e-9);
	}
	return hz;
}

static size_t
resident(void)
{
	unsigned long size, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL || fscanf(f, "%lu %lu", &size, &pages) != 2)
		pages = 0;
	if (f != NULL)
		fclose(f);
	return pages * 4096;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Cycles a look-up, the median of some rounds over all destinations */
static double
lookups(const struct candidate *c, const uint8_t *dsts, unsigned vector, uint64_t *sum)
{
	unsigned octets = c->family == 4 ? 4 : 16;
	double tries[TRIES];
	uint32_t nh[64];

	for (unsigned t = 0; t < TRIES; t++) {
		double start = cpu_seconds();

		*sum = 0;
		for (unsigned i = 0; i < DSTS; i += vector) {
			c->lookup(dsts + (size_t)i * octets, nh, vector);
			for (unsigned k = 0; k < vector; k++)
				*sum += nh[k] * (uint64_t)(k + 1);
		}
		tries[t] = (cpu_seconds() - start) / DSTS * tsc_hz();
	}
	qsort(tries, TRIES, sizeof(tries[0]), by_size);
	return tries[TRIES / 2];
}

static int
measure(const struct candidate *c, uint64_t seed, unsigned nnh, bool only_look)
{
	uint8_t *dsts = dfz_dsts(c->family, routes, count, seed, DSTS);
	struct op *ops = ops_make(seed, nnh);
	struct rt_key zero = {0, 0};
	size_t before;
	double t, load, update = 0, def = 0, look[3];
	uint64_t sum[3];

	if (c->create(count) != 0) {
		printf("%-16s cannot be had on this machine\n", c->name);
		return 1;
	}
	before = resident();
	t = cpu_seconds();
	for (unsigned i = 0; i < count; i++) {
		struct rt_key key = {routes[i].hi, routes[i].lo};

		if (c->set(&key, routes[i].plen, routes[i].nh + 16) != 0) {
			printf("%-16s route %u of %u: no room\n", c->name, i, count);
			return 1;
		}
		if (i % 64 == 0)
			poll_deferred();
	}
	poll_deferred();
	load = cpu_seconds() - t;
	look[0] = lookups(c, dsts, 64, &sum[0]);
	look[1] = lookups(c, dsts, 8, &sum[1]);
	look[2] = lookups(c, dsts, 1, &sum[2]);
	printf("%-16s %6.1f %6.1f %6.1f  %7.1f %8.1f  %7.2f", c->name, look[0], look[1], look[2],
	    c->memory() / 1048576.0, (resident() - before) / 1048576.0, load);
	fflush(stdout);
	if (!only_look) {
		t = cpu_seconds();
		for (unsigned i = 0; i < OPS; i++) {
			const struct dfz_route *r = &routes[ops[i].route];
			struct rt_key key = {r->hi, r->lo};

			if (ops[i].nh != 0)
				(void)c->set(&key, r->plen, ops[i].nh);
			else
				c->clear(&key, r->plen, ops[i].cover_plen, ops[i].cover_nh);
			if (i % 64 == 0)
				poll_deferred();
		}
		update = OPS / (cpu_seconds() - t);
		t = cpu_seconds();
		for (unsigned i = 0; i < 10; i++) {
			(void)c->set(&zero, 0, 16);
			c->clear(&zero, 0, 0, 0);
		}
		def = (cpu_seconds() - t) / 20;
	}
	printf("  %9.0f  %8.4f  %08x\n", update, def * 1e3, (unsigned)(sum[0] * 31 + sum[2]));
	return 0;
}

static int
run(const struct candidate *c, uint64_t seed, unsigned nnh, bool only_look)
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		status = measure(c, seed, nnh, only_look);
		fflush(stdout);
		_exit(status);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return 1;
	return 0;
}

int
main(int argc, char **argv)
{
	int opt, rc = 0, family = 4;
	unsigned nnh = 64, seed = 1;
	bool only_look = false, near = false;

	count = 0;
	while ((opt = getopt(argc, argv, "f:n:s:h:aq")) != -1) {
		switch (opt) {
		case 'f':
			family = atoi(optarg);
			break;
		case 'n':
			count = atoi(optarg);
			break;
		case 's':
			seed = atoi(optarg);
			break;
		case 'h':
			nnh = atoi(optarg);
			break;
		case 'a':
			near = true;
			break;
		case 'q':
			only_look = true;
			break;
		default:
			family = 0;
		}
	}
	if ((family != 4 && family != 6) || nnh == 0) {
		fprintf(stderr, "usage: fib [-f 4|6] [-n ROUTES] [-s SEED] [-h NEXTHOPS] [-a] [-q] [NAME...]\n");
		return 2;
	}
	if (count == 0)
		count = family == 4 ? 1000000 : 200000;
	routes = dfz_routes(family, count, seed, nnh, near);
	if (routes == NULL) {
		fprintf(stderr, "fib: no table of %u routes\n", count);
		return 1;
	}
	printf("IPv%d, %u routes, %u next hops%s\n%-16s %6s %6s %6s  %7s %8s  %7s  %9s  %8s  %8s\n", family, count, nnh,
	    near ? " (near)" : "", "", "64", "8", "1", "MiB", "MiB all", "load s", "changes/s", "default", "answers");
	printf("%-16s %20s  %7s %8s  %7s  %9s  %8s\n", "", "cycles a look-up", "read", "", "", "", "ms");
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		bool wanted = optind == argc && strncmp(all[i]->name, "lpm", 3) != 0;

		for (int k = optind; k < argc; k++)
			wanted |= strcmp(argv[k], all[i]->name) == 0;
		if (wanted && all[i]->family == family)
			rc |= run(all[i], seed, nnh, only_look);
	}
	free(routes);
	return rc;
}
