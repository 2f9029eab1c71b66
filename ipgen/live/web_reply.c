/* SPDX-License-Identifier: BSD-2-Clause */
/* What the web view answers: see web.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "ipgen/live/web_var.h"
#include "ipgen/report/embed.h"

#define MAX_UNREAD (256 * 1024)
#define SLICE	   (64 * 1024)

static const char csp_page[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";
static const char csp_report[] =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static void
headers_set(struct evhttp_request *req, const char *type, const char *csp)
{
	struct evkeyvalq *h = evhttp_request_get_output_headers(req);

	evhttp_add_header(h, "Connection", "close"); /* one request a connection: none is kept that asks for nothing */
	evhttp_add_header(h, "Content-Type", type);
	evhttp_add_header(h, "Content-Security-Policy", csp);
	evhttp_add_header(h, "X-Content-Type-Options", "nosniff");
	evhttp_add_header(h, "X-Frame-Options", "DENY");
	evhttp_add_header(h, "Referrer-Policy", "no-referrer");
	evhttp_add_header(h, "Cross-Origin-Resource-Policy", "same-origin");
	evhttp_add_header(h, "Cache-Control", "no-store");
}

static bool
is_head(struct evhttp_request *req)
{
	return evhttp_request_get_command(req) == EVHTTP_REQ_HEAD;
}

static void
reply(struct evhttp_request *req, int code, const char *reason, const char *type, const char *csp, const void *body,
    size_t len)
{
	struct evbuffer *out = evbuffer_new();

	headers_set(req, type, csp);
	if (out != NULL && !is_head(req))
		evbuffer_add(out, body, len);
	evhttp_send_reply(req, code, reason, out);
	if (out != NULL)
		evbuffer_free(out);
}

static void
reply_text(struct evhttp_request *req, int code, const char *reason, const char *text)
{
	if (code == HTTP_SERVUNAVAIL)
		evhttp_add_header(evhttp_request_get_output_headers(req), "Retry-After", "2");
	reply(req, code, reason, "text/plain; charset=utf-8", csp_page, text, strlen(text));
}

/* The samples after the one that the client names, a slice at a time: no client costs more memory than a slice. */
static void
samples_more(struct evhttp_connection *evcon, void *arg)
{
	struct web_client *c = arg;
	struct evbuffer *out = evbuffer_new();
	const struct web_sample *s = NULL;
	struct evhttp_request *req = c->req;

	if (out == NULL) {
		web_client_end(c); /* cut off: a half must not be taken for the whole */
		return;
	}
	while (evbuffer_get_length(out) < SLICE && (s = web_data_after(c->next)) != NULL) {
		evbuffer_add(out, c->first ? "\n" : ",\n", c->first ? 1 : 2);
		evbuffer_add(out, s->json, s->len);
		c->next = s->number;
		c->first = false;
	}
	if (s == NULL)
		evbuffer_add(out, "]}\n", 3);
	evhttp_send_reply_chunk_with_cb(req, out, s != NULL ? samples_more : NULL, c);
	evbuffer_free(out);
	if (s == NULL) {
		c->req = NULL; /* libevent's again, and freed with the last octet */
		evhttp_send_reply_end(req);
	}
}

static void
reply_samples(struct evhttp_request *req, struct web_client *c)
{
	const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));
	struct evbuffer *out = evbuffer_new();
	struct evkeyvalq params;
	const char *since;

	c->next = 0;
	if (query != NULL && evhttp_parse_query_str(query, &params) == 0) {
		if ((since = evhttp_find_header(&params, "since")) != NULL)
			c->next = strtoull(since, NULL, 10);
		evhttp_clear_headers(&params);
	}
	if (out == NULL || is_head(req)) {
		reply(req, HTTP_OK, "OK", "application/json", csp_page, "", 0);
		goto out;
	}
	headers_set(req, "application/json", csp_page);
	c->req = req;
	c->first = true;
	evhttp_send_reply_start(req, HTTP_OK, "OK");
	evbuffer_add_printf(out, "{\"samples\":[");
	evhttp_send_reply_chunk_with_cb(req, out, samples_more, c);
out:
	if (out != NULL)
		evbuffer_free(out);
}

static void
reply_state(struct evhttp_request *req)
{
	char *text = web_data_state(true);

	if (text == NULL)
		reply_text(req, HTTP_SERVUNAVAIL, "Service Unavailable", "no memory\n");
	else
		reply(req, HTTP_OK, "OK", "application/json", csp_page, text, strlen(text));
	free(text);
}

static void
reply_report(struct evhttp_request *req, struct web_client *c, int (*fn)(const struct report *, FILE *),
    const char *type, const char *csp)
{
	struct report *r = web_data_report();
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	int error = -ENOMEM;

	if (r == NULL) {
		reply_text(req, HTTP_NOTFOUND, "Not Found", "there is no report\n");
		return;
	}
	if (web.nreports >= WEB_REPORTS) {
		reply_text(req, HTTP_SERVUNAVAIL, "Service Unavailable", "too many reports at once\n");
		return;
	}
	if ((f = open_memstream(&text, &len)) != NULL) {
		error = fn(r, f);
		if (fclose(f) != 0)
			error = -ENOMEM;
	}
	if (error != 0)
		reply_text(req, HTTP_SERVUNAVAIL, "Service Unavailable", "the report could not be made\n");
	else {
		c->report = true;
		web.nreports++;
		reply(req, HTTP_OK, "OK", type, csp, text, len);
	}
	free(text);
}

/* An event to one stream; one that does not read is ended. */
static void
web_stream_send(struct web_client *c, const char *event, const char *data, size_t len)
{
	struct evbuffer *out;

	if (c->ending || c->req == NULL || evhttp_request_get_connection(c->req) == NULL)
		return;
	if (evbuffer_get_length(bufferevent_get_output(c->bev)) > MAX_UNREAD || (out = evbuffer_new()) == NULL) {
		web_client_end(c);
		return;
	}
	evbuffer_add_printf(out, "event: %s\ndata: ", event);
	evbuffer_add(out, data, len);
	evbuffer_add(out, "\n\n", 2);
	evhttp_send_reply_chunk(c->req, out);
	evbuffer_free(out);
}

void
web_streams_send(const char *event, const char *data, size_t len)
{
	struct web_client *c, *next;

	for (c = TAILQ_FIRST(&web.clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, list);
		if (c->stream)
			web_stream_send(c, event, data, len);
	}
}

static void
reply_stream(struct evhttp_request *req, struct web_client *c)
{
	char *text;

	if (web.nstreams >= WEB_STREAMS) {
		reply_text(req, HTTP_SERVUNAVAIL, "Service Unavailable", "too many look already\n");
		return;
	}
	if (is_head(req)) {
		reply(req, HTTP_OK, "OK", "text/event-stream", csp_page, "", 0);
		return;
	}
	headers_set(req, "text/event-stream", csp_page);
	c->stream = true;
	web.nstreams++;
	c->req = req;
	/* nothing more is read of it; where nothing can be written it goes */
	bufferevent_set_timeouts(c->bev, NULL, &(struct timeval){WEB_DEADLINE_MS / 1000, 0});
	evhttp_send_reply_start(req, HTTP_OK, "OK");
	if ((text = web_data_state(true)) != NULL)
		web_stream_send(c, "state", text, strlen(text));
	free(text);
}

static const struct {
	const char *path, *type;
	const char *body;
	const size_t *len;
} files[] = {
    {"/", "text/html; charset=utf-8", embed_live_html, &embed_live_html_len},
    {"/live.css", "text/css; charset=utf-8", embed_live_css, &embed_live_css_len},
    {"/live.js", "text/javascript; charset=utf-8", embed_live_js, &embed_live_js_len},
};

void
web_request(struct evhttp_request *req, void *arg)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	struct web_client *c = web_client_of(req);

	if (c == NULL) { /* one that libevent made without us, for want of memory */
		reply_text(req, HTTP_SERVUNAVAIL, "Service Unavailable", "no memory\n");
		return;
	}
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), web_client_closed, c);
	if (web.loopback &&
	    !web_host_allowed(evhttp_find_header(evhttp_request_get_input_headers(req), "Host"), web.bound)) {
		reply_text(req, 421, "Misdirected Request", "ask for localhost: this view is for this machine\n");
		return;
	}
	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		evhttp_add_header(evhttp_request_get_output_headers(req), "Allow", "GET, HEAD");
		reply_text(req, HTTP_BADMETHOD, "Method Not Allowed", "GET and HEAD only: the view can only be read\n");
		return;
	}
	for (unsigned i = 0; path != NULL && i < sizeof(files) / sizeof(files[0]); i++)
		if (strcmp(path, files[i].path) == 0) {
			reply(req, HTTP_OK, "OK", files[i].type, csp_page, files[i].body, *files[i].len);
			return;
		}
	if (path != NULL && strcmp(path, "/live") == 0)
		reply_stream(req, c);
	else if (path != NULL && strcmp(path, "/samples.json") == 0)
		reply_samples(req, c);
	else if (path != NULL && strcmp(path, "/state.json") == 0)
		reply_state(req);
	else if (path != NULL && strcmp(path, "/report.json") == 0)
		reply_report(req, c, report_json_write, "application/json", csp_page);
	else if (path != NULL && strcmp(path, "/report.html") == 0)
		reply_report(req, c, report_html, "text/html; charset=utf-8", csp_report);
	else
		reply_text(req, HTTP_NOTFOUND, "Not Found", "not found: / is the view\n");
}
