/* SPDX-License-Identifier: BSD-2-Clause */
/* trace: the way of packets through the router, stage by stage. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool.h"

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int sig)
{
	interrupted = sig;
}

/* "worker 1", "control" */
static const char *
thread_name(const json_t *step, char *buf, size_t size)
{
	const json_t *w = json_object_get(step, "worker");

	if (json_is_string(w))
		return json_string_value(w);
	snprintf(buf, size, "worker %lld", (long long)json_integer_value(w));
	return buf;
}

static void
print_head(const json_t *p)
{
	double ts = json_number_value(json_object_get(p, "ts"));
	time_t seconds = (time_t)ts;
	const json_t *ether = json_object_get(p, "ether");
	char clock[16], thread[24];
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("%lld  %s.%06d  ", jint(p, "number"), clock, (int)((ts - (double)seconds) * 1e6));
	if (*jstr(p, "interface") != '\0')
		printf("%s queue %lld, %s", jstr(p, "interface"), jint(p, "queue"),
		    thread_name(p, thread, sizeof(thread)));
	else
		printf("the router's own, %s", thread_name(p, thread, sizeof(thread)));
	printf(", %lld octets", jint(p, "length"));
	if (ether != NULL)
		printf(", %s > %s", jstr(ether, "src"), jstr(ether, "dst"));
	printf("\n");
	if (*jstr(p, "summary") != '\0')
		printf("   %s\n", jstr(p, "summary"));
	else if (ether != NULL)
		printf("   type 0x%04llx\n", jint(ether, "type"));
}

static void
print_packet(const json_t *p)
{
	const json_t *steps = json_object_get(p, "steps"), *s;
	char last[24] = "", name[24];
	size_t i;

	if (jint(p, "missed") > 0)
		printf("(%lld packets or events before this one were not recorded: too many at a time)\n",
		    jint(p, "missed"));
	print_head(p);
	json_array_foreach (steps, i, s) {
		const char *thread = thread_name(s, name, sizeof(name)), *copy = "";
		char buf[24];

		if (jint(s, "copy") > 0) {
			snprintf(buf, sizeof(buf), "copy %lld: ", jint(s, "copy"));
			copy = buf;
		}
		/* the thread is told where it changes */
		printf("   %9.1f us  %-13s %s%s%s%s%s\n", json_number_value(json_object_get(s, "us")), jstr(s, "stage"),
		    copy, jstr(s, "text"), i > 0 && strcmp(last, thread) != 0 ? "  [" : "",
		    i > 0 && strcmp(last, thread) != 0 ? thread : "", i > 0 && strcmp(last, thread) != 0 ? "]" : "");
		snprintf(last, sizeof(last), "%s", thread);
	}
	if (jint(p, "more") > 0)
		printf("   %lld more steps\n", jint(p, "more"));
	if (strcmp(jstr(p, "verdict"), "waiting") == 0)
		printf("                  still under way, or waiting\n");
	printf("\n");
	fflush(stdout);
}

/* The words of the filter, as one. */
static char *
join(char **words, int n)
{
	size_t len = 1;
	char *text;

	for (int i = 0; i < n; i++)
		len += strlen(words[i]) + 1;
	text = calloc(1, len);
	if (text == NULL)
		tool_fail(1, "%s", strerror(ENOMEM));
	for (int i = 0, at = 0; i < n; i++)
		at += snprintf(text + at, len - (size_t)at, "%s%s", i > 0 ? " " : "", words[i]);
	return text;
}

int
trace_main(int argc, char **argv)
{
	bool json = tool_option_json(&argc, argv);
	struct sigaction sa = {.sa_handler = on_interrupt};
	json_t *p = json_object(), *e = NULL;
	struct smpnet_stream *st;
	int i, r = 0;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-i") == 0 && i + 1 < argc)
			json_object_set_new(p, "interface", json_string(argv[++i]));
		else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			json_object_set_new(p, "count", json_integer(tool_number("count", argv[++i], 1, 1000000)));
		else if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		} else
			tool_usage();
	}
	if (i < argc) {
		char *filter = join(argv + i, argc - i);

		json_object_set_new(p, "filter", json_string(filter));
		free(filter);
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	st = smpnet_stream_open(tool_server(), "packet.trace", p);
	if (st == NULL)
		tool_fail(1, "%s", smpnet_error(tool_server()));
	while (!interrupted && (r = smpnet_stream_next(st, &e, -1)) == 1) {
		if (json) {
			json_dumpf(e, stdout, JSON_COMPACT);
			putchar('\n');
			fflush(stdout);
		} else {
			print_packet(e);
		}
		json_decref(e);
	}
	if (r == 0)
		json_decref(e);
	if (r < 0 && r != -EINTR)
		tool_fail(1, "%s", smpnet_error(tool_server()));
	if (smpnet_stream_lost(st) > 0)
		tool_warn("%lu packets were not shown: this end reads too slowly", smpnet_stream_lost(st));
	smpnet_stream_close(st);
	return 0;
}
