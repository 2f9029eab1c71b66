/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The web view: a page that shows what runs, and the figures as JSON.  It can only be read: nothing that is asked for
 * changes anything.
 *
 * Synchronization: control only; no worker knows of it.
 * Lifetime: a connection of ours (struct client) holds a reference to libevent's buffer of the connection, which says when
 * libevent has let go of it.  A request that is answered in pieces is ours until evhttp_send_reply_end; where the connection
 * dies first, libevent takes the connection off the request, and on_close gives the request back.
 *
 * Bounds: MAX_CLIENTS connections, of which a new one beyond them ends the oldest that is not being answered;
 * DEADLINE_MS from the connection to the last octet of an answer (but for streams, of which there are MAX_STREAMS);
 * a stream that does not read for MAX_UNREAD octets is ended; one request a connection; MAX_HEADERS octets of
 * headers, MAX_BODY of body; MAX_REPORTS whole reports under way.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

#include "ipgen/live/web_var.h"
#include "ipgen/report/embed.h"

#define MAX_CLIENTS 48
#define MAX_ENDING  96 /* with those that are about to go */
#define MAX_STREAMS 16
#define MAX_REPORTS 2
#define DEADLINE_MS 15000
#define MAX_HEADERS 8192
#define MAX_BODY    1024
#define MAX_UNREAD  (256 * 1024)
#define SLICE	    (64 * 1024)
#define SNDBUF	    (128 * 1024)
#define TICK_MS	    500
#define STATE_MS    1000

static const char csp_page[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";
static const char csp_report[] =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct client {
	TAILQ_ENTRY(client) list;   /* oldest first */
	struct bufferevent *bev;    /* a reference of ours */
	uint64_t since;		    /* ms */
	bool ending;		    /* shut down: libevent is about to see it */
	bool stream;		    /* /live */
	bool report;		    /* counted in nreports */
	struct evhttp_request *req; /* answered in pieces, or NULL */
	uint64_t next;		    /* /samples.json: the number of the last sample that was written */
	bool first;		    /* of the array */
};
TAILQ_HEAD(clients, client);

static struct clients clients = TAILQ_HEAD_INITIALIZER(clients);
static unsigned nclients, nstreams, nreports;
static struct evhttp *server;
static struct evconnlistener *listener;
static struct event *tick, *pulse;
static bool started, paused, loopback;
static unsigned told_rows;	     /* that streams know of */
static struct sigaction pipe_before; /* what a write to a client that has gone would do */
static char bound[INET6_ADDRSTRLEN + 16];
static char url[INET6_ADDRSTRLEN + 32];

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
after_ms(struct event *ev, unsigned ms)
{
	evtimer_add(ev, (&(struct timeval){ms / 1000, (suseconds_t)(ms % 1000) * 1000}));
}

static void
listener_pause(bool pause)
{
	if (paused == pause || listener == NULL)
		return;
	paused = pause;
	if (pause)
		evconnlistener_disable(listener);
	else
		evconnlistener_enable(listener);
}

static void
client_free(struct client *c)
{
	TAILQ_REMOVE(&clients, c, list);
	nclients--;
	nstreams -= c->stream;
	nreports -= c->report;
	bufferevent_decref(c->bev);
	free(c);
	if (nclients < MAX_ENDING)
		listener_pause(false);
}

/* libevent has freed its side: nobody is called any more. */
static bool
client_left(const struct client *c)
{
	bufferevent_data_cb rd, wr;
	bufferevent_event_cb ev;
	void *arg;

	bufferevent_getcb(c->bev, &rd, &wr, &ev, &arg);
	return rd == NULL && wr == NULL && ev == NULL;
}

/* The end of the stream, seen by libevent on its next turn, which then frees the connection. */
static void
client_end(struct client *c)
{
	int fd = bufferevent_getfd(c->bev);

	c->ending = true;
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = now_ms();
	struct client *c, *next;

	for (c = TAILQ_FIRST(&clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, list);
		if (client_left(c))
			client_free(c);
		else if (!c->ending && !c->stream && now - c->since >= DEADLINE_MS)
			client_end(c);
	}
	if (nclients < MAX_ENDING)
		listener_pause(false);
	if (nclients > 0)
		after_ms(tick, TICK_MS);
}

/* => from libevent: the buffer of a connection that was just accepted; NULL: libevent makes one that we do not know */
static struct bufferevent *
client_new(struct event_base *base, void *arg)
{
	struct client *c = calloc(1, sizeof(*c)), *old;

	if (c == NULL || (c->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE)) == NULL) {
		free(c);
		return NULL;
	}
	if (nclients >= MAX_CLIENTS) {
		TAILQ_FOREACH (old, &clients, list)
			if (old->req == NULL && !old->ending)
				break;
		if (old != NULL)
			client_end(old);
		if (old == NULL || nclients + 1 >= MAX_ENDING)
			listener_pause(true);
	}
	after_ms(tick, nclients >= MAX_CLIENTS ? 1 : TICK_MS);
	bufferevent_incref(c->bev);
	c->since = now_ms();
	TAILQ_INSERT_TAIL(&clients, c, list);
	nclients++;
	return c->bev;
}

static struct client *
client_of(struct evhttp_request *req)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
	struct client *c;

	TAILQ_FOREACH (c, &clients, list)
		if (c->bev == bev)
			break;
	return c;
}

/* The connection goes, answered or not.  A request that libevent has taken it from is ours to give back. */
static void
on_close(struct evhttp_connection *evcon, void *arg)
{
	struct client *c = arg;

	if (c->req != NULL && evhttp_request_get_connection(c->req) == NULL)
		evhttp_send_reply_end(c->req);
	client_free(c);
}

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
	struct client *c = arg;
	struct evbuffer *out = evbuffer_new();
	const struct web_sample *s = NULL;
	struct evhttp_request *req = c->req;

	if (out == NULL) {
		client_end(c); /* cut off: a half must not be taken for the whole */
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
reply_samples(struct evhttp_request *req, struct client *c)
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
reply_report(struct evhttp_request *req, struct client *c, int (*fn)(const struct report *, FILE *), const char *type,
    const char *csp)
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
	if (nreports >= MAX_REPORTS) {
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
		nreports++;
		reply(req, HTTP_OK, "OK", type, csp, text, len);
	}
	free(text);
}

/* An event to one stream; one that does not read is ended. */
static void
stream_send(struct client *c, const char *event, const char *data, size_t len)
{
	struct evbuffer *out;

	if (c->ending || c->req == NULL || evhttp_request_get_connection(c->req) == NULL)
		return;
	if (evbuffer_get_length(bufferevent_get_output(c->bev)) > MAX_UNREAD || (out = evbuffer_new()) == NULL) {
		client_end(c);
		return;
	}
	evbuffer_add_printf(out, "event: %s\ndata: ", event);
	evbuffer_add(out, data, len);
	evbuffer_add(out, "\n\n", 2);
	evhttp_send_reply_chunk(c->req, out);
	evbuffer_free(out);
}

static void
streams_send(const char *event, const char *data, size_t len)
{
	struct client *c, *next;

	for (c = TAILQ_FIRST(&clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, list);
		if (c->stream)
			stream_send(c, event, data, len);
	}
}

void
web_tell(const struct web_sample *s)
{
	if (nstreams > 0)
		streams_send("sample", s->json, s->len);
}

/* What runs, and rows that are new; also shows that we live. */
static void
on_pulse(evutil_socket_t fd, short what, void *arg)
{
	char *text;

	after_ms(pulse, STATE_MS);
	if (nstreams > 0 && (text = web_data_state(false)) != NULL) {
		streams_send("state", text, strlen(text));
		free(text);
	}
	if (nstreams > 0 && web_data_nrows() > told_rows && (text = web_data_rows(told_rows)) != NULL) {
		streams_send("rows", text, strlen(text));
		free(text);
	}
	told_rows = web_data_nrows();
}

static void
reply_stream(struct evhttp_request *req, struct client *c)
{
	char *text;

	if (nstreams >= MAX_STREAMS) {
		reply_text(req, HTTP_SERVUNAVAIL, "Service Unavailable", "too many look already\n");
		return;
	}
	if (is_head(req)) {
		reply(req, HTTP_OK, "OK", "text/event-stream", csp_page, "", 0);
		return;
	}
	headers_set(req, "text/event-stream", csp_page);
	c->stream = true;
	nstreams++;
	c->req = req;
	/* nothing more is read of it; where nothing can be written it goes */
	bufferevent_set_timeouts(c->bev, NULL, &(struct timeval){DEADLINE_MS / 1000, 0});
	evhttp_send_reply_start(req, HTTP_OK, "OK");
	if ((text = web_data_state(true)) != NULL)
		stream_send(c, "state", text, strlen(text));
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

static void
on_request(struct evhttp_request *req, void *arg)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	struct client *c = client_of(req);

	if (c == NULL) { /* one that libevent made without us, for want of memory */
		reply_text(req, HTTP_SERVUNAVAIL, "Service Unavailable", "no memory\n");
		return;
	}
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_close, c);
	if (loopback && !web_host_allowed(evhttp_find_header(evhttp_request_get_input_headers(req), "Host"), bound)) {
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

static void
on_accept_error(struct evconnlistener *l, void *arg)
{
	listener_pause(true); /* descriptors are short: it rests, or it would spin */
	after_ms(tick, TICK_MS);
}

/* => a listening socket or -errno with err; bound is what it has become */
static int
socket_listen(const char *text, char *err, size_t errlen)
{
	struct sockaddr_storage ss;
	char host[INET6_ADDRSTRLEN];
	int fd, one = 1, sndbuf = SNDBUF, error;
	socklen_t n = web_address(text, &ss, &loopback, err, errlen);

	if (n == 0)
		return -EINVAL;
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf)) != 0 ||
	    (ss.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
	    bind(fd, (struct sockaddr *)&ss, n) != 0 || listen(fd, MAX_CLIENTS) != 0 ||
	    getsockname(fd, (struct sockaddr *)&ss, &n) != 0) {
		error = errno;
		snprintf(err, errlen, "--http %s: %s", text, strerror(error));
		if (fd >= 0)
			close(fd);
		return -error;
	}
	if (ss.ss_family == AF_INET6) {
		const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)&ss;

		inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host));
		snprintf(bound, sizeof(bound), "[%s]:%u", host, ntohs(sin6->sin6_port));
	} else {
		const struct sockaddr_in *sin = (const struct sockaddr_in *)&ss;

		inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host));
		snprintf(bound, sizeof(bound), "%s:%u", host, ntohs(sin->sin_port));
	}
	snprintf(url, sizeof(url), "http://%s/", bound);
	return fd;
}

int
web_start(struct live *live, struct event_base *base, const char *addr, char *err, size_t errlen)
{
	int fd = socket_listen(addr, err, errlen), error = -ENOMEM;

	if (fd < 0)
		return fd;
	server = evhttp_new(base);
	tick = evtimer_new(base, on_tick, NULL);
	pulse = evtimer_new(base, on_pulse, NULL);
	listener = evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (listener == NULL)
		close(fd);
	if (server == NULL || tick == NULL || pulse == NULL || listener == NULL ||
	    evhttp_bind_listener(server, listener) == NULL) {
		if (listener != NULL)
			evconnlistener_free(listener);
		goto fail;
	}
	evconnlistener_set_error_cb(listener, on_accept_error);
	evhttp_set_max_headers_size(server, MAX_HEADERS);
	evhttp_set_max_body_size(server, MAX_BODY);
	evhttp_set_timeout_tv(server, &(struct timeval){DEADLINE_MS / 1000, 0});
	/* all of them, so that what is not allowed gets an answer that says what is */
	evhttp_set_allowed_methods(server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
					       EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
					       EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
	evhttp_set_bevcb(server, client_new, NULL);
	evhttp_set_gencb(server, on_request, NULL);
	if ((error = web_data_start(live)) != 0)
		goto fail;
	told_rows = 0;
	after_ms(pulse, STATE_MS);
	started = true;
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, &pipe_before);
	return 0;
fail:
	snprintf(err, errlen, "--http %s: %s", addr, strerror(-error));
	web_stop();
	return error;
}

const char *
web_url(void)
{
	return started ? url : "";
}

void
web_stop(void)
{
	if (started) {
		web_data_stop();
		sigaction(SIGPIPE, &pipe_before, NULL);
	}
	started = false;
	listener = NULL; /* goes first: connections that end after it are not to wake it */
	if (server != NULL)
		evhttp_free(server); /* the listener, the connections, the requests on them */
	server = NULL;
	while (!TAILQ_EMPTY(&clients))
		client_free(TAILQ_FIRST(&clients));
	if (tick != NULL)
		event_free(tick);
	if (pulse != NULL)
		event_free(pulse);
	tick = pulse = NULL;
	paused = false;
}
