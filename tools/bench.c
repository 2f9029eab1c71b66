/* SPDX-License-Identifier: BSD-2-Clause */
/* bench: cycles a packet of each path on this machine, in a daemon of its own with the built-in packet source and sink. */
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "tool.h"

#define MAXROUNDS 25

struct path {
	const char *name;
	const char *label;
	const char *keys; /* of each source */
	const char *dsts; /* file in the working folder, or NULL */
	unsigned sources; /* 1, or BENCH_IFS */
	unsigned vector;  /* packets a poll */
	bool table;	  /* needs the routing table */
	double cycles[MAXROUNDS], source[MAXROUNDS];
};

/* Each for both families; the smallest packets where nothing else is said. */
static struct path paths[] = {
    {"vec1", "one route, 1 a vector", "vec=1", NULL, 1, 1},
    {"vec8", "one route, 8 a vector", "vec=8", NULL, 1, 8},
    {"vec32", "one route, 32 a vector", "vec=32", NULL, 1, 32},
    {"vec64", "one route, 64 a vector", "vec=64", NULL, 1, 64},
    {"64out", "to 64 interfaces in turn", "vec=64", "spread", 1, 64},
    {"64in", "64 interfaces to 64, 8 each a poll", "vec=8", NULL, BENCH_IFS, 8},
    {"imix", "one route, IMIX", "size=imix", NULL, 1, 64},
    {"1500", "one route, 1518 octets on the wire", "size=1518", NULL, 1, 64},
    {"default", "one route, random destinations", "vec=64", "random", 1, 64},
    {"table", "routing table, the same destinations", "vec=64", "random", 1, 64, true},
};
#define NPATHS (sizeof(paths) / sizeof(paths[0]))

static struct path result[2][NPATHS]; /* IPv4, IPv6 */

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* => the median; the values are sorted afterwards */
static double
median(double *v, unsigned n)
{
	qsort(v, n, sizeof(v[0]), compare);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void
measure_path(struct path *p, unsigned family, unsigned round, unsigned ms)
{
	char keys[512], dsts[300] = "";

	if (p->dsts != NULL)
		snprintf(dsts, sizeof(dsts), ",dsts=%s/%s%u", bench_dir(), p->dsts, family);
	snprintf(keys, sizeof(keys), "family=%u,%s%s", family, p->keys, dsts);
	p->source[round] = bench_measure_source(keys, ms);
	p->cycles[round] = p->sources == 1 ? bench_measure(keys, ms) : bench_measure_many(keys, family, ms);
}

static void
run(unsigned rounds, unsigned ms, bool table)
{
	for (unsigned f = 0; f < 2; f++)
		if (table)
			bench_load_table(f == 0 ? 4 : 6);
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned f = 0; f < 2; f++)
			for (unsigned i = 0; i < NPATHS; i++)
				if (result[f][i].table == table)
					measure_path(&result[f][i], f == 0 ? 4 : 6, r, ms);
}

static json_t *
path_json(struct path *p, unsigned family, unsigned rounds, unsigned long routes)
{
	double cycles = median(p->cycles, rounds), source = median(p->source, rounds);
	char name[32];

	snprintf(name, sizeof(name), "ipv%u.%s", family, p->name);
	return json_pack("{s:s,s:i,s:s,s:i,s:I,s:f,s:f,s:f,s:f}", "name", name, "family", (int)family, "label",
	    p->label, "vector", (int)p->vector, "routes", (json_int_t)(p->table ? routes : 1), "cycles", cycles,
	    "source_sink", source, "net", cycles - source, "spread", (p->cycles[rounds - 1] - p->cycles[0]) / cycles);
}

static void
print(json_t *list, unsigned rounds, int cpu, double hz)
{
	const json_t *p;
	size_t i;

	printf("cycles a packet, worker on CPU %d, %.0f million cycles a second; median of %u rounds\n\n", cpu,
	    hz / 1e6, rounds);
	printf("%-5s %-38s %7s %7s %7s %7s %14s\n", "", "path", "router", "source", "sum", "spread", "packets/s");
	json_array_foreach (list, i, p) {
		double sum = json_number_value(json_object_get(p, "cycles"));

		printf("IPv%lld  %-38s %7.1f %7.1f %7.1f %6.0f%% %14.0f\n", jint(p, "family"), jstr(p, "label"),
		    json_number_value(json_object_get(p, "net")), json_number_value(json_object_get(p, "source_sink")),
		    sum, 100 * json_number_value(json_object_get(p, "spread")), hz / sum);
	}
	printf("\nThe sum is measured; source: what the packet source and sink alone take; router: the difference.\n"
	       "The routing tables have %lu IPv4 and %lu IPv6 routes.\n",
	    bench_routes(4), bench_routes(6));
}

int
bench_main(int argc, char **argv)
{
	bool json = tool_option_json(&argc, argv);
	unsigned rounds = 3, ms = 45;
	json_t *list = json_array();
	cpu_set_t set;
	int cpu = -1;

	sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			cpu = i;
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc || strlen(argv[i]) != 2 || argv[i][0] != '-')
			tool_usage();
		if (argv[i][1] == 'l')
			cpu = tool_number("CPU", argv[i + 1], 0, CPU_SETSIZE - 1);
		else if (argv[i][1] == 'n')
			rounds = tool_number("rounds", argv[i + 1], 1, MAXROUNDS);
		else if (argv[i][1] == 'r')
			bench_set_routes(tool_number("routes", argv[i + 1], 1000, 2000000));
		else if (argv[i][1] == 't')
			ms = tool_number("milliseconds", argv[i + 1], 10, 10000);
		else
			tool_usage();
	}
	if (!CPU_ISSET(cpu, &set))
		tool_fail(1, "CPU %d: this process may not use it", cpu);
	bench_start(cpu);
	for (unsigned f = 0; f < 2; f++)
		memcpy(result[f], paths, sizeof(paths));
	run(rounds, ms, false);
	run(rounds, ms, true);
	for (unsigned f = 0; f < 2; f++)
		for (unsigned i = 0; i < NPATHS; i++)
			json_array_append_new(
			    list, path_json(&result[f][i], f == 0 ? 4 : 6, rounds, bench_routes(f == 0 ? 4 : 6)));
	if (json)
		return tool_print_json(json_pack(
		    "{s:i,s:f,s:i,s:o}", "cpu", cpu, "tsc_hz", bench_tsc_hz(), "rounds", (int)rounds, "paths", list));
	print(list, rounds, cpu, bench_tsc_hz());
	json_decref(list);
	return 0;
}
