/* SPDX-License-Identifier: BSD-2-Clause */
/* The tools' common parts: connection, errors in NetBSD's words, running a configuring command. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool.h"

void
tool_usage(void)
{
	fputs(tool_self->usage != NULL ? tool_self->usage : cmd_usage(tool_self->name), stderr);
	exit(1);
}

static void
vwarn(const char *fmt, va_list ap)
{
	fflush(stdout);
	fprintf(stderr, "%s: ", tool_self->name);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void
tool_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vwarn(fmt, ap);
	va_end(ap);
}

void
tool_fail(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vwarn(fmt, ap);
	va_end(ap);
	exit(status);
}

/* Tries again for tool_wait seconds while there is no daemon. => errno is set */
static struct smpnet *
connect_wait(void)
{
	const struct timespec nap = {.tv_nsec = 10000000};
	struct smpnet *server;

	for (double left = tool_wait; (server = smpnet_connect(tool_url)) == NULL && left > 0; left -= 0.01) {
		if (errno != ECONNREFUSED && errno != ENOENT)
			break;
		nanosleep(&nap, NULL);
	}
	return server;
}

struct smpnet *
tool_server(void)
{
	static struct smpnet *server;
	const char *url = tool_url != NULL ? tool_url : getenv("SMPNET_SERVER");

	if (server == NULL && (server = connect_wait()) == NULL) {
		int err = errno;

		if (url == NULL || *url == '\0')
			url = smpnet_default_url();
		tool_warn("%s", smpnet_connect_error());
		if (err == ECONNREFUSED || err == ENOENT)
			fprintf(stderr,
			    "%s: start the daemon (smpnetd %s), or name another one with -s url or SMPNET_SERVER\n",
			    tool_self->name, url);
		exit(1);
	}
	return server;
}

int
tool_try(const char *method, json_t *params, json_t **result)
{
	int error = smpnet_call(tool_server(), method, params, result);

	if (error != 0 && smpnet_error_code(tool_server()) == 0)
		tool_fail(1, "%s", smpnet_error(tool_server()));
	return error;
}

json_t *
tool_call(const char *method, json_t *params)
{
	json_t *result = NULL;

	if (tool_try(method, params, &result) != 0)
		tool_fail(1, "%s", smpnet_error(tool_server()));
	return result != NULL ? result : json_null();
}

const char *
tool_strerror(int err)
{
	/* Where NetBSD's text is not Linux's. */
	static const struct {
		int err;
		const char *text;
	} texts[] = {
	    {ENXIO, "Device not configured"},
	    {EBUSY, "Device busy"},
	    {ENODEV, "Operation not supported by device"},
	    {EOPNOTSUPP, "Operation not supported"},
	    {EADDRNOTAVAIL, "Can't assign requested address"},
	    {ERANGE, "Result too large or too small"},
	    {ETIMEDOUT, "Operation timed out"},
	    {EAFNOSUPPORT, "Address family not supported by protocol family"},
	    {ENOTCONN, "Socket is not connected"},
	    {EDOM, "Numerical argument out of domain"},
	    {EFBIG, "File too large"},
	    {ENOTTY, "Inappropriate ioctl for device"},
	    {EPROTO, "Protocol error"},
	    {EAGAIN, "Resource temporarily unavailable"},
	};

	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].err == err)
			return texts[i].text;
	return strerror(err);
}

bool
tool_option_json(int *argc, char **argv)
{
	int n = 0;

	for (int i = 0; i < *argc; i++)
		if (strcmp(argv[i], "--json") != 0)
			argv[n++] = argv[i];
	argv[n] = NULL;
	if (n == *argc)
		return false;
	*argc = n;
	return true;
}

void
tool_list(const char *method, const char *member, json_t *params, void (*fn)(json_t *, void *), void *arg)
{
	if (smpnet_list(tool_server(), method, member, params, fn, arg) != 0)
		tool_fail(1, "%s", smpnet_error(tool_server()));
}

/* An element as it stands in an array that is printed as a whole. */
static void
print_element(json_t *element, void *arg)
{
	char *text = json_dumps(element, JSON_INDENT(2) | JSON_ENCODE_ANY);
	bool *any = arg;

	if (text == NULL)
		tool_fail(1, "out of memory");
	fputs(*any ? ",\n  " : "[\n  ", stdout);
	*any = true;
	for (const char *p = text; *p != '\0'; p++) {
		putchar(*p);
		if (*p == '\n')
			fputs("  ", stdout);
	}
	free(text);
}

int
tool_list_json(const char *method, const char *member, json_t *params)
{
	bool any = false;

	tool_list(method, member, params, print_element, &any);
	puts(any ? "\n]" : "[]");
	return 0;
}

int
tool_print_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
	json_decref(value);
	return 0;
}

long long
tool_number(const char *what, const char *word, long long min, long long max)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(word, &end, 0);
	if (end == word || *end != '\0' || errno != 0 || n < min || n > max)
		tool_fail(1, "bad %s: %s (%lld to %lld)", what, word, min, max);
	return n;
}

double
tool_seconds(const char *what, const char *word)
{
	char *end;
	double v = strtod(word, &end);

	if (end == word || *end != '\0' || !isfinite(v) || v < 0 || v > 1e7)
		tool_fail(1, "bad %s: %s", what, word);
	return v;
}

void
tool_parse(int argc, char **argv, struct cmd *cmd)
{
	static const struct cmd_env env = {.dir = NULL, .names = true};
	char err[512];

	if (cmd_parse(argc, argv, &env, cmd, err, sizeof(err)) != 0) {
		fprintf(stderr, "%s\n", err);
		if (strstr(err, "(usage:") != NULL)
			tool_usage();
		exit(1);
	}
}

/* NetBSD's words, and in brackets the daemon's if they say more. */
void
tool_complain(const char *what, int err, const char *message)
{
	const char *text = tool_strerror(err);

	if (err == ENXIO || err == EEXIST || strstr(message, text) != NULL || strstr(message, strerror(err)) != NULL)
		tool_warn("%s: %s", what, text);
	else
		tool_warn("%s: %s (%s)", what, text, message);
}

int
tool_configure(int argc, char **argv)
{
	struct cmd cmd;
	int status = 0;

	tool_parse(argc, argv, &cmd);
	if (cmd.display || cmd.ncalls == 0)
		tool_usage();
	for (unsigned i = 0; i < cmd.ncalls && status == 0; i++) {
		struct cmd_call *c = &cmd.calls[i];
		int error = tool_try(c->method, json_incref(c->params), NULL);

		if (error == 0) {
			if (c->say != NULL && !cmd.quiet)
				printf("%s\n", c->say);
			continue;
		}
		status = 1;
		if (c->what != NULL && error != -EPROTO)
			tool_complain(c->what, -error, smpnet_error(tool_server()));
		else
			tool_warn("%s", smpnet_error(tool_server()));
	}
	cmd_free(&cmd);
	return status;
}

const char *
jstr(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

long long
jint(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);

	return json_is_real(v) ? llround(json_real_value(v)) : json_integer_value(v);
}

bool
jbool(const json_t *o, const char *name)
{
	return json_is_true(json_object_get(o, name));
}
