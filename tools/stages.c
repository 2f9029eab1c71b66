/* SPDX-License-Identifier: BSD-2-Clause */
/* stages: where the workers' cycles go, by stage of the packet path. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int sig)
{
	interrupted = sig;
}

static const json_t *
stage_named(const json_t *stages, const char *name)
{
	const json_t *s;
	size_t i;

	json_array_foreach (stages, i, s)
		if (strcmp(jstr(s, "name"), name) == 0)
			return s;
	return NULL;
}

/* Stages in which a worker does not work */
static bool
is_idle(const char *name)
{
	return strcmp(name, "idle") == 0 || strcmp(name, "sleep") == 0 || strcmp(name, "rx-empty") == 0;
}

static void
print_ratio(double a, double b, int digits)
{
	if (b > 0)
		printf(" %10.*f", digits, a / b);
	else
		printf(" %10s", "-");
}

/* One table; of several workers' sums if n is more than one. */
static void
print_table(const char *title, const json_t *stages, double cycles, double hz, unsigned n, bool all)
{
	double packets = jint(stage_named(stages, "if-input"), "packets"), busy = 0;
	const json_t *s;
	size_t i;

	json_array_foreach (stages, i, s)
		if (!is_idle(jstr(s, "name")))
			busy += jint(s, "cycles");
	printf("%s: %.3f s, %.0f packets received", title, cycles / n / hz, packets);
	if (packets > 0)
		printf(" (%.3f M/s), %.1f a vector, %.1f cycles a packet", packets / (cycles / n / hz) / 1e6,
		    packets / jint(stage_named(stages, "if-input"), "calls"), busy / packets);
	printf("\n%-13s %10s %12s %10s %10s %10s %6s\n", "stage", "calls", "packets", "pkts/call", "cyc/pkt",
	    "cyc/call", "%");
	json_array_foreach (stages, i, s) {
		double calls = jint(s, "calls"), pkts = jint(s, "packets"), cyc = jint(s, "cycles");

		if (calls == 0 && cyc == 0 && !all)
			continue;
		printf("%-13s %10.0f %12.0f", jstr(s, "name"), calls, pkts);
		print_ratio(pkts, pkts > 0 ? calls : 0, 1);
		print_ratio(cyc, pkts, 1);
		print_ratio(cyc, calls, 0);
		printf(" %6.2f\n", cycles > 0 ? cyc / cycles * 100 : 0);
	}
}

/* The sum of all workers' stages; the caller frees it. */
static json_t *
sum_stages(const json_t *workers)
{
	json_t *sum = json_deep_copy(json_object_get(json_array_get(workers, 0), "stages"));

	for (size_t k = 1; k < json_array_size(workers); k++) {
		const json_t *stages = json_object_get(json_array_get(workers, k), "stages");
		json_t *s;
		size_t i;

		json_array_foreach (sum, i, s) {
			static const char *const members[] = {"calls", "packets", "cycles"};

			for (unsigned m = 0; m < 3; m++)
				json_object_set_new(s, members[m],
				    json_integer(jint(s, members[m]) + jint(json_array_get(stages, i), members[m])));
		}
	}
	return sum;
}

static void
print_event(const json_t *event, bool all)
{
	const json_t *workers = json_object_get(event, "workers"), *w;
	double cycles = 0, hz = 1;
	char title[64];
	size_t i;

	json_array_foreach (workers, i, w) {
		int n = snprintf(title, sizeof(title), "worker %lld", jint(w, "id"));

		if (jint(w, "cpu") >= 0)
			snprintf(title + n, sizeof(title) - (size_t)n, " (cpu %lld)", jint(w, "cpu"));
		cycles += jint(w, "cycles");
		hz = jint(w, "tsc_hz");
		print_table(title, json_object_get(w, "stages"), jint(w, "cycles"), hz, 1, all);
		printf("\n");
	}
	if (json_array_size(workers) > 1) {
		json_t *sum = sum_stages(workers);

		print_table("all workers", sum, cycles, hz, (unsigned)json_array_size(workers), all);
		json_decref(sum);
		printf("\n");
	}
	printf("Measuring takes about %lld cycles a call, which the figures include.\n",
	    jint(json_array_get(workers, 0), "cost"));
	fflush(stdout);
}

int
stages_main(int argc, char **argv)
{
	bool json = tool_option_json(&argc, argv), all = false;
	struct sigaction sa = {.sa_handler = on_interrupt};
	json_t *p = json_object(), *e = NULL;
	struct smpnet_stream *st;
	int r = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-a") == 0)
			all = true;
		else if (strcmp(argv[i], "-w") == 0 && i + 1 < argc)
			json_object_set_new(p, "seconds", json_real(tool_seconds("wait", argv[++i])));
		else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			json_object_set_new(p, "count", json_integer(tool_number("count", argv[++i], 0, 1LL << 40)));
		else if (strcmp(argv[i], "-W") == 0 && i + 1 < argc)
			json_object_set_new(p, "worker", json_integer(tool_number("worker", argv[++i], 0, 1023)));
		else
			tool_usage();
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	st = smpnet_stream_open(tool_server(), "stages.start", p);
	if (st == NULL)
		tool_fail(1, "%s", smpnet_error(tool_server()));
	while (!interrupted && (r = smpnet_stream_next(st, &e, -1)) == 1) {
		if (json)
			tool_print_json(e);
		else {
			print_event(e, all);
			json_decref(e);
		}
	}
	if (r == 0)
		json_decref(e);
	if (r < 0 && r != -EINTR)
		tool_fail(1, "%s", smpnet_error(tool_server()));
	smpnet_stream_close(st);
	return 0;
}
