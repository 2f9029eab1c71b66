/* SPDX-License-Identifier: BSD-2-Clause */
/* The small tools about the daemon itself: info, halt, config, attach, detach, drops, workers. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

static void
duration_text(long long ms, char *text, size_t len)
{
	long long s = ms / 1000, d = s / 86400;

	snprintf(
	    text, len, "%lld day%s, %02lld:%02lld:%02lld", d, d == 1 ? "" : "s", s / 3600 % 24, s / 60 % 60, s % 60);
}

int
info_main(int argc, char **argv)
{
	bool json = tool_option_json(&argc, argv);
	char up[64];
	json_t *r;

	if (argc != 1)
		tool_usage();
	r = tool_call("daemon.info", NULL);
	if (json)
		return tool_print_json(r);
	duration_text(jint(r, "uptime_ms"), up, sizeof(up));
	printf("version:    %s\n", jstr(r, "version"));
	printf("pid:        %lld\n", jint(r, "pid"));
	printf("socket:     %s\n", jstr(r, "url"));
	printf("workers:    %lld\n", jint(r, "workers"));
	printf("up:         %s\n", up);
	printf("huge pages: %s\n", jbool(r, "hugepages") ? "yes" : "no");
	printf("debug:      %s\n", jbool(r, "debug") ? "yes" : "no");
	json_decref(r);
	return 0;
}

int
halt_main(int argc, char **argv)
{
	if (argc > 1 && (argc != 2 || strspn(argv[1], "-dlnpq") != strlen(argv[1])))
		tool_usage();
	/* The daemon may be gone before its answer has left. */
	if (smpnet_call(tool_server(), "daemon.halt", NULL, NULL) != 0 && smpnet_errno(tool_server()) != ECONNRESET)
		tool_fail(1, "%s", smpnet_error(tool_server()));
	return 0;
}

int
attach_main(int argc, char **argv)
{
	bool json = tool_option_json(&argc, argv);
	struct cmd cmd;
	json_t *r = NULL;

	tool_parse(argc, argv, &cmd);
	if (tool_try(cmd.calls[0].method, json_incref(cmd.calls[0].params), &r) != 0)
		tool_fail(1, "%s", smpnet_error(tool_server()));
	if (json)
		tool_print_json(json_incref(r));
	else if (*jstr(r, "interface") != '\0')
		printf("%s\n", jstr(r, "interface"));
	json_decref(r);
	cmd_free(&cmd);
	return 0;
}

/* The whole file; the protocol bounds it. */
static char *
read_file(const char *name, size_t *len)
{
	FILE *f = strcmp(name, "-") == 0 ? stdin : fopen(name, "r");
	char *text = malloc(SMPNET_MAXLINE);

	if (f == NULL)
		tool_fail(1, "%s: %s", name, strerror(errno));
	if (text == NULL)
		tool_fail(1, "out of memory");
	*len = fread(text, 1, SMPNET_MAXLINE, f);
	if (ferror(f))
		tool_fail(1, "%s: %s", name, strerror(errno));
	if (*len == SMPNET_MAXLINE)
		tool_fail(
		    1, "%s: too long for one request (%d octets); smpnetd -f reads longer files", name, SMPNET_MAXLINE);
	if (f != stdin)
		fclose(f);
	if (memchr(text, '\0', *len) != NULL)
		tool_fail(1, "%s: not a text file", name);
	return text;
}

/* => prints "FILE:LINE: message" for each; how many there were */
static size_t
print_errors(const char *name, const json_t *errors)
{
	const json_t *e;
	size_t i;

	json_array_foreach (errors, i, e)
		fprintf(stderr, "%s:%lld: %s\n", name, jint(e, "line"), jstr(e, "message"));
	return json_array_size(errors);
}

static int
config_file(const char *method, const char *name)
{
	char dir[PATH_MAX], copy[PATH_MAX], *text;
	json_t *p, *r = NULL, *string;
	size_t len;
	int status;

	text = read_file(name, &len);
	if ((string = json_stringn(text, len)) == NULL)
		tool_fail(1, "%s: not UTF-8", name);
	free(text);
	/* Relative names in the file are below its directory. */
	snprintf(copy, sizeof(copy), "%s", name);
	if (realpath(strcmp(name, "-") == 0 ? "." : dirname(copy), dir) == NULL)
		tool_fail(1, "%s: %s", name, strerror(errno));
	p = json_pack("{s:o,s:s}", "text", string, "dir", dir);
	if (tool_try(method, p, &r) != 0) {
		const char *message = smpnet_error(tool_server());

		/* "line N: ..." becomes "FILE:N: ...". */
		fprintf(stderr, "%s%s\n", strncmp(message, "line ", 5) == 0 ? "" : "config: ", message);
		return 1;
	}
	status = print_errors(name, json_object_get(r, "errors")) > 0;
	print_errors(name, json_object_get(r, "pending")); /* devices that have not come yet: no failure */
	json_decref(r);
	return status;
}

int
config_main(int argc, char **argv)
{
	bool json = tool_option_json(&argc, argv);
	json_t *r;

	if (argc == 2 && strcmp(argv[1], "save") == 0) {
		json_t *next = NULL;

		if (json)
			return tool_print_json(tool_call("config.save", NULL));
		do { /* in pages; a table may be long */
			json_t *p = json_pack("{s:i}", "limit", 65536);

			if (next != NULL)
				json_object_set_new(p, "after", next);
			r = tool_call("config.save", p);
			next = json_incref(json_object_get(r, "next"));
			fputs(jstr(r, "text"), stdout);
			json_decref(r);
		} while (next != NULL);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	if (argc == 3 && strcmp(argv[1], "check") == 0)
		return config_file("config.check", argv[2]);
	if (argc == 3 && strcmp(argv[1], "apply") == 0)
		return config_file("config.apply", argv[2]);
	tool_usage();
}

int
drops_main(int argc, char **argv)
{
	bool json = tool_option_json(&argc, argv), zeros = false;
	json_t *list, *was = NULL, *d;
	double interval = 0;
	size_t i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-a") == 0)
			zeros = true;
		else if (strcmp(argv[i], "-w") == 0 && i + 1 < argc)
			interval = tool_seconds("interval", argv[++i]);
		else
			tool_usage();
	}
	list = tool_call("stats.drops", NULL);
	if (interval > 0) {
		struct timespec ts = {
		    .tv_sec = (time_t)interval, .tv_nsec = (long)((interval - (double)(time_t)interval) * 1e9)};

		was = list;
		nanosleep(&ts, NULL);
		list = tool_call("stats.drops", NULL);
		json_array_foreach (list, i, d)
			json_object_set_new(
			    d, "value", json_integer(jint(d, "value") - jint(json_array_get(was, i), "value")));
		json_decref(was);
	}
	if (json)
		return tool_print_json(list);
	json_array_foreach (list, i, d)
		if (zeros || jint(d, "value") != 0)
			printf("%12lld %s\n", jint(d, "value"), jstr(d, "text"));
	json_decref(list);
	return 0;
}

int
workers_main(int argc, char **argv)
{
	bool json = tool_option_json(&argc, argv);
	json_t *list, *w;
	size_t i;

	if (argc != 1)
		tool_usage();
	list = tool_call("stats.workers", NULL);
	if (json)
		return tool_print_json(list);
	printf("%6s %4s %14s %14s %12s %12s %15s %s\n", "worker", "cpu", "received", "transmitted", "loops", "sleeps",
	    "buffers free", "state");
	json_array_foreach (list, i, w) {
		char cpu[16] = "-", pool[40];

		if (json_is_integer(json_object_get(w, "cpu")) && jint(w, "cpu") >= 0)
			snprintf(cpu, sizeof(cpu), "%lld", jint(w, "cpu"));
		snprintf(pool, sizeof(pool), "%lld/%lld", jint(w, "pool_free"), jint(w, "pool_size"));
		printf("%6lld %4s %14lld %14lld %12lld %12lld %15s %s\n", jint(w, "id"), cpu, jint(w, "received"),
		    jint(w, "transmitted"), jint(w, "loops"), jint(w, "sleeps"), pool,
		    jbool(w, "asleep") ? "asleep" : "awake");
	}
	json_decref(list);
	return 0;
}
