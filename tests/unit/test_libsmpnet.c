/* SPDX-License-Identifier: BSD-2-Clause */
/* libsmpnet against the control server (a child process with methods of the test's own): calls, batches, streams. */
#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "ctl/ctl_internal.h"
#include "mp/mp.h"
#include "smpnet.h"

static char url[128];
static pid_t server;

/* The server's side. */

struct count {
	struct ctl_stream *st;
	struct event *ev;
	json_int_t n, of;
};

static int
m_echo(struct ctl_req *req, json_t *params, json_t **result)
{
	*result = json_incref(params);
	return 0;
}

static int
m_odd(struct ctl_req *req, json_t *params, json_t **result)
{
	json_int_t n = json_integer_value(json_object_get(params, "n"));

	if (n % 2 == 0)
		return ctl_error(req, ENOTUNIQ, "%lld is even", (long long)n);
	*result = json_integer(n);
	return 0;
}

static int
m_exit(struct ctl_req *req, json_t *params, json_t **result)
{
	_exit(0);
}

static void
count_closed(void *arg)
{
	struct count *c = arg;

	event_free(c->ev);
	free(c);
}

static void
count_cb(evutil_socket_t fd, short what, void *arg)
{
	struct count *c = arg;

	if (c->n == c->of) {
		ctl_stream_end(c->st, json_string("end"));
		return;
	}
	ctl_stream_send(c->st, json_integer(c->n++));
	event_add(c->ev, &(struct timeval){0, 0});
}

static int
m_count(struct ctl_req *req, json_t *params, json_t **result)
{
	struct count *c = calloc(1, sizeof(*c));

	c->of = json_integer_value(json_object_get(params, "n"));
	c->ev = evtimer_new(ctl_base, count_cb, c);
	c->st = ctl_stream_open(req, count_closed, c);
	event_add(c->ev, &(struct timeval){0, 0});
	*result = ctl_stream_result(c->st);
	return 0;
}

static const struct ctl_param n_params[] = {{"n", "int?"}, {"s", "string?"}, {NULL, NULL}};
static const struct ctl_method methods[] = {
    {"t.echo", m_echo, n_params, ""},
    {"t.odd", m_odd, n_params, ""},
    {"t.exit", m_exit, NULL, ""},
    {"t.count", m_count, n_params, ""},
    {NULL, NULL, NULL, NULL},
};
static const struct ctl_method *const tables[] = {methods, daemon_methods, NULL};

static void
serve(int ready)
{
	static struct worker control;
	struct event_base *base = event_base_new();

	control.is_control = true;
	mp_self = &control;
	ctl_methods_load(tables);
	if (ctl_start(base, url, NULL) != 0 || write(ready, "", 1) != 1)
		_exit(1);
	event_base_dispatch(base);
	_exit(0);
}

static int
setup(void **state)
{
	char dir[] = "/tmp/smpnet-lib.XXXXXX";
	int p[2];
	char c;

	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(url, sizeof(url), "unix://%s/s", dir);
	if (pipe(p) != 0)
		return -1;
	server = fork();
	if (server == 0) {
		close(p[0]);
		serve(p[1]);
	}
	close(p[1]);
	if (read(p[0], &c, 1) != 1)
		return -1;
	close(p[0]);
	*state = smpnet_connect(url);
	return *state != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	smpnet_close(*state);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	unlink(url + 7);
	*strrchr(url, '/') = '\0';
	rmdir(url + 7);
	return 0;
}

/* The client's side. */

static void
test_call(void **state)
{
	struct smpnet *s = *state;
	json_t *r;
	char *big;

	assert_int_equal(smpnet_call(s, "t.echo", json_pack("{s:i}", "n", 5), &r), 0);
	assert_int_equal(json_integer_value(json_object_get(r, "n")), 5);
	json_decref(r);
	assert_int_equal(smpnet_call(s, "t.odd", json_pack("{s:i}", "n", 4), &r), -ENOTUNIQ);
	assert_null(r);
	assert_string_equal(smpnet_error(s), "4 is even");
	assert_string_equal(smpnet_errname(s), "ENOTUNIQ");
	assert_int_equal(smpnet_errno(s), ENOTUNIQ);
	assert_int_equal(smpnet_error_code(s), -32000);
	assert_int_equal(smpnet_call(s, "t.nosuch", NULL, NULL), -EPROTO);
	assert_int_equal(smpnet_error_code(s), -32601);
	assert_string_equal(smpnet_errname(s), "");
	assert_int_equal(smpnet_call(s, "t.echo", json_pack("{s:i}", "x", 5), NULL), -EPROTO);
	assert_int_equal(smpnet_error_code(s), -32602);

	/* just under the limit, and over it */
	big = malloc(SMPNET_MAXLINE + 1);
	memset(big, 'x', SMPNET_MAXLINE);
	big[SMPNET_MAXLINE - 200] = '\0';
	assert_int_equal(smpnet_call(s, "t.echo", json_pack("{s:s}", "s", big), &r), 0);
	assert_string_equal(json_string_value(json_object_get(r, "s")), big);
	json_decref(r);
	big[SMPNET_MAXLINE - 200] = 'x';
	big[SMPNET_MAXLINE] = '\0';
	assert_int_equal(smpnet_call(s, "t.echo", json_pack("{s:s}", "s", big), &r), -EMSGSIZE);
	free(big);
	assert_int_equal(smpnet_notify(s, "t.odd", NULL), 0);
	assert_int_equal(smpnet_call(s, "t.echo", NULL, NULL), 0);
}

static void
test_batch(void **state)
{
	struct smpnet *s = *state;
	size_t n = 50000;
	struct smpnet_request *req = calloc(n, sizeof(*req));
	char *big = malloc(SMPNET_MAXLINE);

	memset(big, 'x', SMPNET_MAXLINE - 1);
	big[SMPNET_MAXLINE - 1] = '\0';
	for (size_t i = 0; i < n; i++)
		req[i] = (struct smpnet_request){.method = "t.odd", .params = json_pack("{s:I}", "n", (json_int_t)i)};
	/* one that is too long by itself, and long ones that do not fit a line together */
	json_object_set_new(req[1001].params, "s", json_string(big));
	big[SMPNET_MAXLINE - 200] = '\0';
	json_object_set_new(req[2001].params, "s", json_string(big));
	json_object_set_new(req[2003].params, "s", json_string(big));
	assert_int_equal(smpnet_batch(s, req, n), -ENOTUNIQ);
	assert_string_equal(smpnet_error(s), "0 is even");
	for (size_t i = 0; i < n; i++) {
		if (i == 1001) {
			assert_int_equal(req[i].error, -EMSGSIZE);
		} else if (i % 2 == 0) {
			assert_int_equal(req[i].error, -ENOTUNIQ);
			assert_null(req[i].result);
			assert_non_null(strstr(req[i].message, "is even"));
		} else {
			assert_int_equal(req[i].error, 0);
			assert_int_equal(json_integer_value(req[i].result), i);
		}
	}
	smpnet_batch_free(req, n);
	free(req);
	free(big);
	assert_int_equal(smpnet_batch(s, NULL, 0), 0);
}

static void
test_stream_blocking(void **state)
{
	struct smpnet *s = *state;
	struct smpnet_stream *a = smpnet_stream_open(s, "t.count", json_pack("{s:i}", "n", 1000));
	struct smpnet_stream *b = smpnet_stream_open(s, "t.count", json_pack("{s:i}", "n", 1000000000));
	json_t *event;

	assert_non_null(a);
	assert_non_null(b);
	/* calls in between do not lose events */
	for (int i = 0; i < 1000; i++) {
		if (i % 100 == 50)
			assert_int_equal(smpnet_call(s, "t.echo", NULL, NULL), 0);
		assert_int_equal(smpnet_stream_next(a, &event, 60000), 1);
		assert_int_equal(json_integer_value(event), i);
		json_decref(event);
	}
	assert_int_equal(smpnet_stream_next(a, &event, -1), 0);
	assert_string_equal(json_string_value(event), "end");
	json_decref(event);
	assert_int_equal(smpnet_stream_next(a, &event, -1), 0);
	assert_null(event);
	smpnet_stream_close(a);
	assert_int_equal(smpnet_stream_next(b, &event, -1), 1);
	assert_int_equal(json_integer_value(event), 0);
	json_decref(event);
	smpnet_stream_close(b); /* ends it early */
	assert_int_equal(smpnet_call(s, "t.echo", NULL, NULL), 0);
	assert_null(smpnet_stream_open(s, "t.echo", NULL));
	assert_null(smpnet_stream_open(s, "t.nosuch", NULL));
}

struct seen {
	json_int_t next;
	unsigned ends;
};

static void
on_event(struct smpnet_stream *st, json_t *event, bool ended, void *arg)
{
	struct seen *seen = arg;

	if (ended)
		seen->ends++;
	else
		assert_int_equal(json_integer_value(event), seen->next++);
}

static void
test_stream_callback(void **state)
{
	struct smpnet *s = *state;
	struct smpnet_stream *st[3];
	struct seen seen[3] = {{0}};

	for (int i = 0; i < 3; i++) {
		st[i] = smpnet_stream_open(s, "t.count", json_pack("{s:i}", "n", 500 * (i + 1)));
		smpnet_stream_callback(st[i], on_event, &seen[i]);
	}
	while (seen[0].ends + seen[1].ends + seen[2].ends < 3)
		assert_true(smpnet_dispatch(s, -1) >= 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(seen[i].next, 500 * (i + 1));
		assert_int_equal(smpnet_stream_lost(st[i]), 0);
		smpnet_stream_close(st[i]);
	}
	assert_int_equal(smpnet_dispatch(s, 0), 0);
	assert_false(smpnet_pending(s));
}

static void
test_gone(void **state)
{
	struct smpnet *s = *state;
	struct smpnet_stream *st = smpnet_stream_open(s, "t.count", json_pack("{s:i}", "n", 1000000000));
	json_t *event;
	int rc;

	assert_int_equal(smpnet_call(s, "t.exit", NULL, NULL), -ECONNRESET);
	assert_non_null(strstr(smpnet_error(s), "the daemon has gone"));
	assert_int_equal(smpnet_error_code(s), 0);
	assert_int_equal(smpnet_call(s, "t.echo", NULL, NULL), -ECONNRESET);
	while ((rc = smpnet_stream_next(st, &event, -1)) == 1)
		json_decref(event);
	assert_int_equal(rc, -ECONNRESET);
	smpnet_stream_close(st);
	assert_null(smpnet_connect(url)); /* a stale socket */
	assert_int_equal(errno, ECONNREFUSED);
	assert_non_null(strstr(smpnet_connect_error(), "is smpnetd running?"));
}

static void
test_names(void **state)
{
	char long_url[300] = "unix:///tmp/";
	const char *path;

	assert_int_equal(smpnet_errno_value("EEXIST"), EEXIST);
	assert_int_equal(smpnet_errno_value("E4000"), 4000);
	assert_int_equal(smpnet_errno_value("nonsense"), 0);
	assert_string_equal(smpnet_errno_name(ENETUNREACH), "ENETUNREACH");
	assert_string_equal(smpnet_errno_name(4000), "E4000");
	assert_int_equal(smpnet_url_path("unix:///run/x", &path), 0);
	assert_string_equal(path, "/run/x");
	assert_int_equal(smpnet_url_path("./x", &path), 0);
	assert_int_equal(smpnet_url_path("x", &path), -EINVAL);
	assert_int_equal(smpnet_url_path("unix://", &path), -EINVAL);
	assert_int_equal(smpnet_url_path("tcp://x/y", &path), -EINVAL);
	memset(long_url + 12, 'x', 120);
	assert_int_equal(smpnet_url_path(long_url, &path), -ENAMETOOLONG);
	assert_null(smpnet_connect(long_url));
	assert_null(smpnet_connect("unix:///nonexistent/s"));
	assert_int_equal(errno, ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_call, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_batch, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stream_blocking, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stream_callback, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
