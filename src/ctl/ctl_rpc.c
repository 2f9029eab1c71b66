/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * JSON-RPC 2.0: a client's lines become calls of methods, and their results become answers.  No sockets here.
 *
 * Synchronization: control thread only.
 * Lifetime: a request lives until it is answered; its client may go before (req->client is NULL then).
 *
 * Requests of one client run one after the other: an asynchronous one (CTL_ASYNC) holds back those behind it, in a
 * batch as on separate lines, so that what depends on it may be sent without waiting.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_internal.h"
#include "mp/mp.h"

json_t *
ctl_json_string(const char *s)
{
	json_t *v = json_string(s);
	char *copy;

	if (v != NULL)
		return v;
	copy = strdup(s);
	if (copy == NULL)
		return json_null();
	for (char *p = copy; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	v = json_string(copy);
	free(copy);
	return v != NULL ? v : json_null();
}

void
ctl_client_init(struct ctl_client *cl)
{
	cl->out = evbuffer_new();
	TAILQ_INIT(&cl->streams);
}

void
ctl_client_fini(struct ctl_client *cl)
{
	ASSERT_CONTROL();
	if (cl->req != NULL) {
		cl->req->client = NULL;
		cl->req = NULL;
	}
	ctl_streams_close(cl);
	json_decref(cl->batch);
	if (cl->batch_out != NULL)
		evbuffer_free(cl->batch_out);
	if (cl->out != NULL)
		evbuffer_free(cl->out);
	cl->batch = NULL;
	cl->batch_out = cl->out = NULL;
}

static int
text_append(const char *text, size_t len, void *out)
{
	return evbuffer_add(out, text, len);
}

/* Appends the text of v; what cannot be written as JSON becomes null. */
static void
out_json(struct evbuffer *out, const json_t *v)
{
	static char *scratch; /* [c] grows to the longest answer up to a megabyte, never freed */
	static size_t room;
	size_t need;

	if (v == NULL || json_is_null(v)) {
		evbuffer_add(out, "null", 4);
		return;
	}
	need = json_dumpb(v, scratch, room, JSON_COMPACT | JSON_ENCODE_ANY);
	if (need > room && need <= 1024 * 1024) {
		char *p = realloc(scratch, need * 2);

		if (p != NULL) {
			scratch = p;
			room = need * 2;
			need = json_dumpb(v, scratch, room, JSON_COMPACT | JSON_ENCODE_ANY);
		}
	}
	if (need > 0 && need <= room)
		evbuffer_add(out, scratch, need);
	else if (need == 0)
		evbuffer_add(out, "null", 4);
	else
		(void)json_dump_callback(v, text_append, out, JSON_COMPACT | JSON_ENCODE_ANY);
}

void
ctl_text_json(struct evbuffer *out, const json_t *v)
{
	out_json(out, v);
}

/* The beginning of an answer: in a batch its separator, then {"jsonrpc":"2.0","id":ID, */
static struct evbuffer *
answer_begin(struct ctl_client *cl, const json_t *id)
{
	struct evbuffer *out = cl->out;

	if (cl->batch != NULL) {
		out = cl->batch_out;
		evbuffer_add(out, evbuffer_get_length(out) == 0 ? "[" : ",", 1);
	}
	evbuffer_add(out, "{\"jsonrpc\":\"2.0\",\"id\":", 22);
	if (json_is_integer(id))
		evbuffer_add_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
	else
		out_json(out, id);
	return out;
}

static void
answer_end(struct ctl_client *cl, struct evbuffer *out)
{
	if (cl->batch != NULL) {
		evbuffer_add(out, "}", 1);
	} else {
		evbuffer_add(out, "}\n", 2);
		ctl_streams_announce(cl);
	}
}

static void
answer_result(struct ctl_client *cl, const json_t *id, const json_t *result, struct evbuffer *text)
{
	struct evbuffer *out = answer_begin(cl, id);

	evbuffer_add(out, ",\"result\":", 10);
	if (text != NULL)
		evbuffer_add_buffer(out, text);
	else
		out_json(out, result);
	answer_end(cl, out);
}

/* => err: 0 for protocol errors (no data.errno) */
static void
answer_error(struct ctl_client *cl, const json_t *id, int code, int err, const char *message)
{
	struct evbuffer *out = answer_begin(cl, id);
	json_t *text = ctl_json_string(message);

	evbuffer_add_printf(out, ",\"error\":{\"code\":%d,\"message\":", code);
	out_json(out, text);
	json_decref(text);
	if (err != 0) {
		const char *name = strerrorname_np(err);

		if (name != NULL)
			evbuffer_add_printf(out, ",\"data\":{\"errno\":\"%s\"}", name);
		else
			evbuffer_add_printf(out, ",\"data\":{\"errno\":\"E%d\"}", err);
	}
	evbuffer_add(out, "}", 1);
	answer_end(cl, out);
}

static void
req_free(struct ctl_req *req)
{
	if (req->client != NULL && req->client->req == req)
		req->client->req = NULL;
	json_decref(req->id);
	free(req);
}

/* Gives the answer: to the client if it is still there and wants one, or to an in-process caller. */
static void
req_answer(struct ctl_req *req, int error, json_t *result, struct evbuffer *text)
{
	struct ctl_client *cl = req->client;

	if (error != 0 && req->message[0] == '\0')
		snprintf(req->message, sizeof(req->message), "%s", strerror(-error));
	if (cl != NULL) {
		if (req->id != NULL) {
			if (error == 0)
				answer_result(cl, req->id, result, text);
			else
				answer_error(cl, req->id, RPC_FAILED, -error, req->message);
		} else if (cl->batch == NULL) {
			ctl_streams_announce(cl);
		}
	}
	if (!req->in_method && req->done != NULL)
		req->done(req->arg, error, error != 0 ? req->message : NULL);
	json_decref(result);
}

static void
req_later(struct ctl_req *req, int error, json_t *result, struct evbuffer *text)
{
	struct ctl_client *cl = req->client;

	req_answer(req, error, result, text);
	if (req->in_method) {
		req->answered = true;
		req->error = error;
		return;
	}
	req_free(req);
	if (cl != NULL)
		ctl_client_schedule(cl);
}

void
ctl_reply(struct ctl_req *req, json_t *result)
{
	ASSERT_CONTROL();
	req_later(req, 0, result, NULL);
}

void
ctl_reply_text(struct ctl_req *req, struct evbuffer *text)
{
	ASSERT_CONTROL();
	req_later(req, 0, NULL, text);
	evbuffer_free(text);
}

bool
ctl_req_wanted(const struct ctl_req *req)
{
	return req->client != NULL && !req->client->broken;
}

void
ctl_fail(struct ctl_req *req, int err, const char *fmt, ...)
{
	va_list ap;

	ASSERT_CONTROL();
	va_start(ap, fmt);
	vsnprintf(req->message, sizeof(req->message), fmt, ap);
	va_end(ap);
	req_later(req, err > 0 ? -err : err < 0 ? err : -EIO, NULL, NULL);
}

int
ctl_error(struct ctl_req *req, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(req->message, sizeof(req->message), fmt, ap);
	va_end(ap);
	return err > 0 ? -err : err;
}

const char *
ctl_error_take(struct ctl_req *req)
{
	static char message[sizeof(req->message)]; /* [c] */

	memcpy(message, req->message, sizeof(message));
	req->message[0] = '\0';
	return message;
}

/* One request object, at the top of a line or in a batch. */
static void
rpc_request(struct ctl_client *cl, json_t *obj)
{
	json_t *id, *version, *name, *params, *result = NULL, *empty = NULL;
	const struct ctl_entry *e;
	struct ctl_req *req;
	char err[256];
	int rc;

	if (!json_is_object(obj)) {
		answer_error(cl, NULL, RPC_REQUEST, 0, "a request must be an object");
		return;
	}
	id = json_object_get(obj, "id");
	if (id != NULL && !json_is_string(id) && !json_is_number(id) && !json_is_null(id)) {
		answer_error(cl, NULL, RPC_REQUEST, 0, "id must be a string or a number");
		return;
	}
	version = json_object_get(obj, "jsonrpc");
	if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0) {
		answer_error(cl, id, RPC_REQUEST, 0, "jsonrpc must be \"2.0\"");
		return;
	}
	name = json_object_get(obj, "method");
	if (!json_is_string(name)) {
		answer_error(cl, id, RPC_REQUEST, 0, "method must be a string");
		return;
	}
	e = ctl_method_find(json_string_value(name));
	if (e == NULL) {
		if (id != NULL) {
			snprintf(err, sizeof(err), "no such method: %.128s", json_string_value(name));
			answer_error(cl, id, RPC_METHOD, 0, err);
		}
		return;
	}
	params = json_object_get(obj, "params");
	if (params == NULL)
		params = empty = json_object();
	if (!json_is_object(params))
		snprintf(err, sizeof(err), "%s: parameters are passed by name, in an object", e->method->name);
	if (!json_is_object(params) || ctl_params_check(e, params, err, sizeof(err)) != 0) {
		if (id != NULL)
			answer_error(cl, id, RPC_PARAMS, 0, err);
		json_decref(empty);
		return;
	}
	req = malloc(sizeof(*req));
	if (req == NULL) {
		answer_error(cl, id, RPC_FAILED, ENOMEM, strerror(ENOMEM));
		json_decref(empty);
		return;
	}
	memset(req, 0, offsetof(struct ctl_req, message));
	req->message[0] = '\0';
	req->client = cl;
	req->id = json_incref(id);
	req->in_method = true;
	cl->req = req;

	rc = e->method->fn(req, params, &result);
	req->in_method = false;
	json_decref(empty);
	if (rc == CTL_ASYNC && !req->answered)
		return;
	if (!req->answered) {
		if (rc > 0)
			rc = -EIO;
		if (rc != 0) {
			json_decref(result);
			result = NULL;
		}
		req_answer(req, rc, result, NULL);
	}
	req_free(req);
}

/* The batch is through: its answers go out as one line. */
static void
batch_end(struct ctl_client *cl)
{
	json_decref(cl->batch);
	cl->batch = NULL;
	if (evbuffer_get_length(cl->batch_out) != 0) {
		evbuffer_add(cl->batch_out, "]\n", 2);
		evbuffer_add_buffer(cl->out, cl->batch_out);
	}
	evbuffer_free(cl->batch_out);
	cl->batch_out = NULL;
	ctl_streams_announce(cl);
}

void
ctl_rpc_batch_step(struct ctl_client *cl)
{
	json_t *obj;

	ASSERT_CONTROL();
	MP_ASSERT(cl->batch != NULL && cl->req == NULL);
	if (cl->batch_next == json_array_size(cl->batch)) {
		batch_end(cl);
		return;
	}
	obj = json_array_get(cl->batch, cl->batch_next++);
	if (evbuffer_get_length(cl->batch_out) > CTL_BATCH_MAX) {
		json_t *id = json_object_get(obj, "id");

		if (id != NULL && evbuffer_get_length(cl->batch_out) < 2 * CTL_BATCH_MAX)
			answer_error(cl, id, RPC_FAILED, ENOBUFS, "the batch's answer is too long");
	} else {
		rpc_request(cl, obj);
	}
	if (cl->req == NULL && cl->batch_next == json_array_size(cl->batch))
		batch_end(cl);
}

void
ctl_rpc_line(struct ctl_client *cl, const char *line, size_t len)
{
	json_error_t error;
	json_t *root;

	ASSERT_CONTROL();
	MP_ASSERT(cl->batch == NULL && cl->req == NULL);
	while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL && line[len - 1] != '\0')
		len--;
	if (len == 0)
		return;
	root = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (root == NULL) {
		char message[JSON_ERROR_TEXT_LENGTH + 64];

		snprintf(message, sizeof(message), "not JSON: column %d: %s", error.column, error.text);
		answer_error(cl, NULL, RPC_PARSE, 0, message);
		return;
	}
	if (!json_is_array(root)) {
		rpc_request(cl, root);
		json_decref(root);
		return;
	}
	if (json_array_size(root) == 0) {
		answer_error(cl, NULL, RPC_REQUEST, 0, "an empty batch");
		json_decref(root);
		return;
	}
	cl->batch_out = evbuffer_new();
	if (cl->batch_out == NULL) {
		answer_error(cl, NULL, RPC_FAILED, ENOMEM, strerror(ENOMEM));
		json_decref(root);
		return;
	}
	cl->batch = root;
	cl->batch_next = 0;
}

void
ctl_rpc_oversized(struct ctl_client *cl)
{
	char message[64];

	snprintf(message, sizeof(message), "a line longer than %d octets", CTL_MAXLINE);
	answer_error(cl, NULL, RPC_REQUEST, 0, message);
}

int
ctl_call(const char *method, json_t *params, json_t **result, char *err, size_t errlen,
    void (*done)(void *, int, const char *), void *arg)
{
	const struct ctl_entry *e;
	struct ctl_req *req = NULL;
	json_t *res = NULL;
	int rc;

	ASSERT_CONTROL();
	ctl_methods_init();
	if (result != NULL)
		*result = NULL;
	if (params == NULL)
		params = json_object();
	e = ctl_method_find(method);
	if (e == NULL) {
		snprintf(err, errlen, "no such method: %s", method);
		rc = -ENOSYS;
		goto out;
	}
	rc = json_is_object(params) ? ctl_params_check(e, params, err, errlen) : -EINVAL;
	if (rc != 0)
		goto out;
	req = calloc(1, sizeof(*req));
	if (req == NULL) {
		snprintf(err, errlen, "%s", strerror(ENOMEM));
		rc = -ENOMEM;
		goto out;
	}
	req->in_method = true;
	req->done = done;
	req->arg = arg;
	rc = e->method->fn(req, params, &res);
	req->in_method = false;
	if (rc == CTL_ASYNC && !req->answered) {
		json_decref(params);
		return CTL_ASYNC;
	}
	if (req->answered)
		rc = req->error;
	if (rc != 0) {
		snprintf(err, errlen, "%s", req->message[0] != '\0' ? req->message : strerror(-rc));
		json_decref(res);
	} else if (result != NULL) {
		*result = res;
	} else {
		json_decref(res);
	}
out:
	json_decref(params);
	free(req);
	return rc;
}
