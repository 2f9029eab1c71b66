/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control protocol's contract: JSON-RPC 2.0 answers byte for byte, parameters, batches in order, asynchronous
 * methods, streams before and after their answer; and the check of configurations.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ctl/config.h"
#include "ctl/ctl_internal.h"
#include "mp/mp.h"

static struct worker control;
static struct ctl_req *later;	  /* the asynchronous request under way */
static struct ctl_stream *stream; /* the open one */
static unsigned stream_closed_count;
static char order[256]; /* the tags of the calls, as they ran */

static int
m_echo(struct ctl_req *req, json_t *params, json_t **result)
{
	const char *tag = json_string_value(json_object_get(params, "tag"));

	if (tag != NULL)
		strncat(order, tag, sizeof(order) - strlen(order) - 1);
	*result = json_incref(params);
	return 0;
}

static int
m_fail(struct ctl_req *req, json_t *params, json_t **result)
{
	if (json_is_true(json_object_get(params, "silent")))
		return -EBUSY;
	*result = json_string("must not be seen");
	return ctl_error(req, EEXIST, "%s: exists", "shmif0");
}

static int
m_later(struct ctl_req *req, json_t *params, json_t **result)
{
	later = req;
	return CTL_ASYNC;
}

static int
m_at_once(struct ctl_req *req, json_t *params, json_t **result)
{
	if (json_is_true(json_object_get(params, "fail")))
		ctl_fail(req, EPERM, "not now");
	else
		ctl_reply(req, json_integer(7));
	return CTL_ASYNC;
}

static void
stream_closed(void *arg)
{
	stream_closed_count++;
	stream = NULL;
}

static int
m_stream(struct ctl_req *req, json_t *params, json_t **result)
{
	stream = ctl_stream_open(req, stream_closed, NULL);
	if (stream == NULL)
		return -EOPNOTSUPP;
	*result = ctl_stream_result(stream);
	ctl_stream_send(stream, json_string("early"));
	if (json_is_true(json_object_get(params, "end")))
		ctl_stream_end(stream, json_integer(1));
	return 0;
}

static const struct ctl_param echo_params[] = {{"tag", "string?"}, {"n", "int?"}, {"x", "number?"}, {"b", "bool?"},
    {"a", "array?"}, {"o", "object?"}, {"z", "string|null?"}, {NULL, NULL}};
static const struct ctl_param need_params[] = {{"name", "string"}, {"value", "int"}, {NULL, NULL}};
static const struct ctl_param flag_params[] = {{"silent", "bool?"}, {"fail", "bool?"}, {"end", "bool?"}, {NULL, NULL}};
static const struct ctl_method test_methods[] = {
    {"t.echo", m_echo, echo_params, "gives its parameters back"},
    {"t.need", m_echo, need_params, "needs both"},
    {"t.fail", m_fail, flag_params, "fails"},
    {"t.later", m_later, NULL, "is answered later"},
    {"t.atonce", m_at_once, flag_params, "is asynchronous and answered at once"},
    {"t.stream", m_stream, flag_params, "opens a stream"},
    {NULL, NULL, NULL, NULL},
};
static const struct ctl_method *const test_tables[] = {test_methods, NULL};

static int
setup(void **state)
{
	control.is_control = true;
	mp_self = &control;
	order[0] = '\0';
	later = NULL;
	stream = NULL;
	stream_closed_count = 0;
	return ctl_methods_load(test_tables);
}

static void
client_open(struct ctl_client *cl)
{
	memset(cl, 0, sizeof(*cl));
	cl->fd = -1;
	ctl_client_init(cl);
}

/* What the client has been sent since the last call. */
static char *
client_said(struct ctl_client *cl)
{
	static char text[65536];
	int n = evbuffer_remove(cl->out, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
client_batch(struct ctl_client *cl)
{
	while (cl->batch != NULL && cl->req == NULL)
		ctl_rpc_batch_step(cl);
}

static char *
client_line(struct ctl_client *cl, const char *line)
{
	ctl_rpc_line(cl, line, strlen(line));
	client_batch(cl);
	return client_said(cl);
}

#define RPC   "{\"jsonrpc\":\"2.0\","
#define ERR   "\"error\":{\"code\":"
#define OK(r) RPC "\"id\":1,\"result\":" r "}\n"

static const struct {
	const char *in, *out;
} lines[] = {
    /* results */
    {RPC "\"id\":1,\"method\":\"t.echo\"}", OK("{}")},
    {RPC "\"id\":1,\"method\":\"t.echo\",\"params\":{\"n\":-5,\"tag\":\"x\"}}", OK("{\"n\":-5,\"tag\":\"x\"}")},
    {"  " RPC "\"id\":1,\"method\":\"t.echo\"} \r", OK("{}")},
    {RPC "\"id\":1,\"method\":\"t.atonce\"}", OK("7")},
    {RPC "\"id\":\"a\\\"b\",\"method\":\"t.echo\"}", RPC "\"id\":\"a\\\"b\",\"result\":{}}\n"},
    {RPC "\"id\":1.5,\"method\":\"t.echo\"}", RPC "\"id\":1.5,\"result\":{}}\n"},
    {RPC "\"id\":null,\"method\":\"t.echo\"}", RPC "\"id\":null,\"result\":{}}\n"},
    /* notifications are silent, also when they fail */
    {RPC "\"method\":\"t.echo\"}", ""},
    {RPC "\"method\":\"t.fail\"}", ""},
    {RPC "\"method\":\"nope\"}", ""},
    {RPC "\"method\":\"t.need\"}", ""},
    /* empty lines too */
    {"", ""},
    {" \t\r", ""},
    /* failures */
    {RPC "\"id\":1,\"method\":\"t.fail\"}",
	RPC "\"id\":1," ERR "-32000,\"message\":\"shmif0: exists\",\"data\":{\"errno\":\"EEXIST\"}}}\n"},
    {RPC "\"id\":1,\"method\":\"t.fail\",\"params\":{\"silent\":true}}",
	RPC "\"id\":1," ERR "-32000,\"message\":\"Device or resource busy\",\"data\":{\"errno\":\"EBUSY\"}}}\n"},
    {RPC "\"id\":1,\"method\":\"t.atonce\",\"params\":{\"fail\":true}}",
	RPC "\"id\":1," ERR "-32000,\"message\":\"not now\",\"data\":{\"errno\":\"EPERM\"}}}\n"},
    {RPC "\"id\":1,\"method\":\"nope\"}", RPC "\"id\":1," ERR "-32601,\"message\":\"no such method: nope\"}}\n"},
    /* parameters */
    {RPC "\"id\":1,\"method\":\"t.need\",\"params\":{\"name\":\"x\"}}",
	RPC "\"id\":1," ERR "-32602,\"message\":\"t.need: parameter 'value' is missing\"}}\n"},
    {RPC "\"id\":1,\"method\":\"t.need\",\"params\":{\"name\":1,\"value\":1}}",
	RPC "\"id\":1," ERR "-32602,\"message\":\"t.need: parameter 'name' must be string\"}}\n"},
    {RPC "\"id\":1,\"method\":\"t.need\",\"params\":{\"name\":\"x\",\"value\":1.0}}",
	RPC "\"id\":1," ERR "-32602,\"message\":\"t.need: parameter 'value' must be int\"}}\n"},
    {RPC "\"id\":1,\"method\":\"t.echo\",\"params\":{\"q\":1}}",
	RPC "\"id\":1," ERR "-32602,\"message\":\"t.echo: unknown parameter 'q'\"}}\n"},
    {RPC "\"id\":1,\"method\":\"t.echo\",\"params\":{\"tag\":null}}",
	RPC "\"id\":1," ERR "-32602,\"message\":\"t.echo: parameter 'tag' must be string\"}}\n"},
    {RPC "\"id\":1,\"method\":\"t.echo\",\"params\":{\"z\":null,\"x\":1,\"b\":false,\"a\":[],\"o\":{}}}",
	OK("{\"z\":null,\"x\":1,\"b\":false,\"a\":[],\"o\":{}}")},
    {RPC "\"id\":1,\"method\":\"t.later\",\"params\":{\"x\":1}}",
	RPC "\"id\":1," ERR "-32602,\"message\":\"t.later: unknown parameter 'x'\"}}\n"},
    {RPC "\"id\":1,\"method\":\"t.echo\",\"params\":[1]}",
	RPC "\"id\":1," ERR "-32602,\"message\":\"t.echo: parameters are passed by name, in an object\"}}\n"},
    /* not requests */
    {"{\"id\":1,\"method\":\"t.echo\"}", RPC "\"id\":1," ERR "-32600,\"message\":\"jsonrpc must be \\\"2.0\\\"\"}}\n"},
    {RPC "\"id\":[1],\"method\":\"t.echo\"}",
	RPC "\"id\":null," ERR "-32600,\"message\":\"id must be a string or a number\"}}\n"},
    {RPC "\"id\":1}", RPC "\"id\":1," ERR "-32600,\"message\":\"method must be a string\"}}\n"},
    {"7", RPC "\"id\":null," ERR "-32600,\"message\":\"a request must be an object\"}}\n"},
    {"[]", RPC "\"id\":null," ERR "-32600,\"message\":\"an empty batch\"}}\n"},
    {"[7]", "[" RPC "\"id\":null," ERR "-32600,\"message\":\"a request must be an object\"}}]\n"},
    /* batches */
    {"[" RPC "\"id\":1,\"method\":\"t.echo\"}," RPC "\"method\":\"t.fail\"}," RPC "\"id\":2,\"method\":\"t.atonce\"}]",
	"[" RPC "\"id\":1,\"result\":{}}," RPC "\"id\":2,\"result\":7}]\n"},
    {"[" RPC "\"method\":\"t.echo\"}]", ""},
};

static void
test_lines(void **state)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct ctl_client cl;

		client_open(&cl);
		assert_string_equal(client_line(&cl, lines[i].in), lines[i].out);
		ctl_client_fini(&cl);
	}
}

static const char *const garbage[] = {"{", "}", "[", "{]", "\"", "{\"a\":1,\"a\":2}", "\xff\xfe", "nul", "1 2", "{} {}",
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"t.echo\"} x", "{\"a\":\"\\u0000\"}", "\"\xc3\x28\"", "[1,]"};

static void
test_garbage(void **state)
{
	static char deep[100001];
	struct ctl_client cl;

	client_open(&cl);
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++)
		assert_non_null(strstr(client_line(&cl, garbage[i]), "\"id\":null,\"error\":{\"code\":-32700,"));
	ctl_rpc_line(&cl, "\0\0", 2);
	assert_non_null(strstr(client_said(&cl), "-32700"));
	memset(deep, '[', sizeof(deep) - 1);
	assert_non_null(strstr(client_line(&cl, deep), "-32700"));
	ctl_client_fini(&cl);
}

/* Requests of a batch run in order, and those behind an asynchronous one wait for it. */
static void
test_batch_order(void **state)
{
	struct ctl_client cl;

	client_open(&cl);
	assert_string_equal(client_line(&cl, "[" RPC "\"id\":1,\"method\":\"t.echo\",\"params\":{\"tag\":\"a\"}}," RPC
					     "\"id\":2,\"method\":\"t.later\"}," RPC
					     "\"id\":3,\"method\":\"t.echo\",\"params\":{\"tag\":\"b\"}}]"),
	    "");
	assert_string_equal(order, "a");
	assert_non_null(later);
	ctl_reply(later, json_true());
	client_batch(&cl);
	assert_string_equal(order, "ab");
	assert_string_equal(client_said(&cl),
	    "[" RPC "\"id\":1,\"result\":{\"tag\":\"a\"}}," RPC "\"id\":2,\"result\":true}," RPC
	    "\"id\":3,\"result\":{\"tag\":\"b\"}}]\n");
	ctl_client_fini(&cl);
}

/* A client that goes while its request is under way: the answer goes nowhere. */
static void
test_client_goes(void **state)
{
	struct ctl_client cl;

	client_open(&cl);
	client_line(&cl, RPC "\"id\":1,\"method\":\"t.later\"}");
	assert_ptr_equal(cl.req, later);
	ctl_client_fini(&cl);
	ctl_fail(later, EIO, "too late");

	client_open(&cl);
	client_line(&cl, RPC "\"id\":1,\"method\":\"t.stream\"}");
	assert_non_null(stream);
	ctl_client_fini(&cl);
	assert_null(stream);
	assert_int_equal(stream_closed_count, 1);
}

/* Events that a method sends before its answer follow the answer. */
static void
test_stream(void **state)
{
	struct ctl_client cl;
	unsigned long long id;
	char expect[512], request[128];

	client_open(&cl);
	client_line(&cl, RPC "\"id\":1,\"method\":\"t.stream\"}");
	id = stream->id;
	ctl_stream_send(stream, json_integer(2));
	ctl_client_fini(&cl);

	client_open(&cl);
	ctl_rpc_line(&cl, RPC "\"id\":1,\"method\":\"t.stream\"}", strlen(RPC "\"id\":1,\"method\":\"t.stream\"}"));
	id = stream->id;
	ctl_stream_send(stream, json_integer(2));
	snprintf(expect, sizeof(expect),
	    OK("{\"stream\":%llu}") RPC
	    "\"method\":\"stream.event\",\"params\":{\"stream\":%llu,\"event\":\"early\"}}\n" RPC
	    "\"method\":\"stream.event\",\"params\":{\"stream\":%llu,\"event\":2}}\n",
	    id, id, id);
	assert_string_equal(client_said(&cl), expect);

	/* the method ends it itself, before the answer */
	snprintf(request, sizeof(request), RPC "\"id\":1,\"method\":\"t.stream\",\"params\":{\"end\":true}}");
	ctl_stream_end(stream, NULL);
	snprintf(
	    expect, sizeof(expect), RPC "\"method\":\"stream.end\",\"params\":{\"stream\":%llu,\"event\":null}}\n", id);
	assert_string_equal(client_said(&cl), expect);
	assert_int_equal(stream_closed_count, 2);
	ctl_rpc_line(&cl, request, strlen(request));
	id++;
	snprintf(expect, sizeof(expect),
	    OK("{\"stream\":%llu}") RPC
	    "\"method\":\"stream.event\",\"params\":{\"stream\":%llu,\"event\":\"early\"}}\n" RPC
	    "\"method\":\"stream.end\",\"params\":{\"stream\":%llu,\"event\":1}}\n",
	    id, id, id);
	assert_string_equal(client_said(&cl), expect);
	assert_int_equal(stream_closed_count, 3);
	assert_true(TAILQ_EMPTY(&cl.streams));
	ctl_client_fini(&cl);
}

/* A batch's line stays whole: events of a stream opened in it wait for its end. */
static void
test_stream_in_batch(void **state)
{
	struct ctl_client cl;
	char *said;

	client_open(&cl);
	assert_string_equal(
	    client_line(&cl, "[" RPC "\"id\":1,\"method\":\"t.stream\"}," RPC "\"id\":2,\"method\":\"t.later\"}]"), "");
	ctl_stream_send(stream, json_integer(2));
	assert_string_equal(client_said(&cl), "");
	ctl_reply(later, NULL);
	client_batch(&cl);
	said = client_said(&cl);
	assert_ptr_equal(strstr(said, "[" RPC "\"id\":1,\"result\":{\"stream\":"), said);
	assert_non_null(strstr(said, "\"id\":2,\"result\":null}]\n" RPC "\"method\":\"stream.event\""));
	ctl_client_fini(&cl);
}

/* A slow reader: events are dropped and counted, the count comes with the next event. */
static void
test_stream_slow(void **state)
{
	struct ctl_client cl;
	unsigned sent = 0, lost = 0;
	char *big, expect[64];

	client_open(&cl);
	client_line(&cl, RPC "\"id\":1,\"method\":\"t.stream\"}");
	big = calloc(1, 10001);
	memset(big, 'x', 10000);
	for (int i = 0; i < 100; i++)
		ctl_stream_send(stream, json_string(big)) ? sent++ : lost++;
	free(big);
	assert_in_range(sent, CTL_OUT_STREAM / 11000, CTL_OUT_STREAM / 10000 + 2);
	assert_int_equal(sent + lost, 100);
	assert_in_range(evbuffer_get_length(cl.out), 0, CTL_OUT_STREAM + 11000);
	evbuffer_drain(cl.out, evbuffer_get_length(cl.out));
	assert_true(ctl_stream_send(stream, json_null()));
	snprintf(expect, sizeof(expect), "\"event\":null,\"lost\":%u}}\n", lost);
	assert_non_null(strstr(client_said(&cl), expect));
	ctl_client_fini(&cl);
}

static int call_done_error;
static unsigned call_done_count;

static void
call_done(void *arg, int error, const char *message)
{
	call_done_error = error;
	call_done_count++;
}

/* Methods without a client. */
static void
test_call(void **state)
{
	json_t *result;
	char err[128];

	assert_int_equal(ctl_call("t.echo", json_pack("{s:i}", "n", 3), &result, err, sizeof(err), NULL, NULL), 0);
	assert_int_equal(json_integer_value(json_object_get(result, "n")), 3);
	json_decref(result);
	assert_int_equal(ctl_call("t.fail", NULL, NULL, err, sizeof(err), NULL, NULL), -EEXIST);
	assert_string_equal(err, "shmif0: exists");
	assert_int_equal(ctl_call("t.need", NULL, NULL, err, sizeof(err), NULL, NULL), -EINVAL);
	assert_string_equal(err, "t.need: parameter 'name' is missing");
	assert_int_equal(ctl_call("t.none", NULL, NULL, err, sizeof(err), NULL, NULL), -ENOSYS);
	assert_int_equal(ctl_call("t.stream", NULL, NULL, err, sizeof(err), NULL, NULL), -EOPNOTSUPP);
	assert_int_equal(
	    ctl_call("t.atonce", json_pack("{s:b}", "fail", 1), NULL, err, sizeof(err), call_done, NULL), -EPERM);
	assert_int_equal(call_done_count, 0);
	assert_int_equal(ctl_call("t.later", NULL, NULL, err, sizeof(err), call_done, NULL), CTL_ASYNC);
	ctl_fail(later, ENODEV, "no such device");
	assert_int_equal(call_done_count, 1);
	assert_int_equal(call_done_error, -ENODEV);
}

/* A configuration and the error that its check gives ("LINE: message"), NULL: none. */
static const struct {
	const char *text, *error;
} configs[] = {
    {"", NULL},
    {"# nothing\n\n   \n", NULL},
    {"ifconfig shmif0 create\nifconfig shmif0 linkstr '/tmp/a b' # wire\nifconfig shmif0 10.0.0.1/24 up\n"
     "ifconfig shmif0 inet6 fe80::1\nroute add default 10.0.0.2\nroute add -inet6 2001:db8::/32 fe80::2%shmif0\n"
     "arp -s 10.0.0.9 02:00:00:00:00:01\n",
	NULL},
    {"ifconfig lo0 inet 10.9.9.9/32 alias\r\n", NULL},
    {"attach eth1\nifconfig xdp0 10.0.0.1/24\n", NULL},
    {"attach eth1 as wan0\nifconfig wan0 10.0.0.1/24\n", NULL},
    {"ifconfig shmif0 create\nifconfig shmif0 10.0.0.1/24\nifconfig shmif0 destroy\nifconfig shmif0 create\n"
     "ifconfig shmif0 10.0.0.1/24\n",
	NULL},
    {"ifconfig shmif0 10.0.0.1/24\n", "1: shmif0: no such interface: \"ifconfig shmif0 create\" must come before"},
    {"ifconfig wan0 up\n", "1: wan0: no such interface: \"attach ... as wan0\" must come before"},
    {"\nifconfig shmif0 create\nifconfig shmif0 create\n", "3: shmif0: exists (line 2)"},
    {"ifconfig lo0 create\n", "1: lo0: exists already"},
    {"ifconfig nonesuch0 create\n", "1: nonesuch0: no such kind of interface"},
    {"ifconfig lo0 10.0.0.1/8\nifconfig lo0 10.0.0.1/8 alias\n", "2: 10.0.0.1: lo0 has this address (line 1)"},
    {"ifconfig lo0 inet6 2001:DB8::1\nifconfig lo0 inet6 2001:db8:0::1\n",
	"2: 2001:db8::1: lo0 has this address (line 1)"},
    {"ifconfig lo0 -alias 10.0.0.1\n", "1: 10.0.0.1: lo0 has no such address"},
    {"route add 10.0.0.0/8 10.1.1.1\nroute add 10.9.9.9/8 10.1.1.2\n", "2: 10.0.0.0/8: there is a route (line 1)"},
    {"route add -inet6 default fe80::1%shmif7\n",
	"1: shmif7: no such interface: \"ifconfig shmif7 create\" must come before"},
    {"sysctl -w net.inet.ip.nonesuch=1\n", "1: net.inet.ip.nonesuch: no such setting"},
    {"attach eth1\nattach eth1\n", "2: eth1: attached (line 1)"},
    {"attach eth1 as wan0\nattach eth2 as wan0\n", "2: wan0: exists (line 1)"},
    {"ifconfig lo0 'up\n", "1: quote not closed: '"},
    {"frobnicate\n", "1: frobnicate: no such command"},
    {"ifconfig -a\n", "1: ifconfig: changes nothing, only shows: not configuration"},
    {"arp -f /etc/passwd\n", "1: arp: /etc/passwd:1: not ADDRESS LLADDR [temp] [pub [proxy]]"},
    {"arp -f /nonexistent/f\n", "1: arp: cannot open /nonexistent/f: No such file or directory"},
    {"arp -f /dev/zero\n", "1: arp: /dev/zero: not a regular file of at most 4 MiB"},
};

static void
test_config_check(void **state)
{
	ctl_methods_load(ctl_method_tables);
	for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++) {
		struct config conf;
		char text[1024];
		json_t *e;

		config_parse(&conf, configs[i].text, strlen(configs[i].text), "/tmp");
		config_check(&conf, true);
		e = json_array_get(conf.errors, 0);
		if (e != NULL)
			snprintf(text, sizeof(text), "%lld: %s",
			    (long long)json_integer_value(json_object_get(e, "line")),
			    json_string_value(json_object_get(e, "message")));
		if (configs[i].error == NULL) {
			if (e != NULL)
				fail_msg("%s\ngives: %s", configs[i].text, text);
		} else {
			if (e == NULL)
				fail_msg("%s\ngives no error", configs[i].text);
			assert_string_equal(text, configs[i].error);
			assert_int_equal(json_array_size(conf.errors), 1);
		}
		config_free(&conf);
	}
}

/* Any word comes back through the quotes that a saved configuration puts around it. */
static void
test_quote(void **state)
{
	static const char *const words[] = {
	    "", "a", "/tmp/a b", "'", "\"", "\\", "a\\ b'c\"d\\", "#x", "x#", "\t", "$x;y|z"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char err[128], line[128], *quoted = cmd_quote(words[i]), **argv;

		snprintf(line, sizeof(line), "x %s y", quoted);
		assert_int_equal(cmd_split(line, &argv, err, sizeof(err)), 3);
		assert_string_equal(argv[1], words[i]);
		free(argv);
		free(quoted);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_lines, setup),
	    cmocka_unit_test_setup(test_garbage, setup),
	    cmocka_unit_test_setup(test_batch_order, setup),
	    cmocka_unit_test_setup(test_client_goes, setup),
	    cmocka_unit_test_setup(test_stream, setup),
	    cmocka_unit_test_setup(test_stream_in_batch, setup),
	    cmocka_unit_test_setup(test_stream_slow, setup),
	    cmocka_unit_test_setup(test_call, setup),
	    cmocka_unit_test_setup(test_config_check, setup),
	    cmocka_unit_test(test_quote),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
