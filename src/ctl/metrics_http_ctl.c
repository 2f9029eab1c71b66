/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server of the metrics: libevent's HTTP, kept within bounds.
 *
 * Synchronization: control only.
 * Lifetime: a connection of ours (struct conn) holds a reference to libevent's buffer of the connection, which says when
 * libevent has let go of it.  A request that is being answered belongs to us until evhttp_send_reply_end; where the
 * connection dies first, libevent takes the connection off the request, and on_close gives the request back.
 *
 * Bounds: MAX_CONNS connections, of which a new one beyond them ends the oldest that is not being answered; DEADLINE_MS from
 * the connection to the last octet of the answer, however often a client moves; one request a connection;
 * MAX_HEADERS octets of headers, MAX_BODY of body; SLICE octets of an answer in memory, made in a turn of their own when
 * the ones before have gone.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
#include <event2/listener.h>

#include "ctl/metrics.h"
#include "mp/mp.h"

#define MAX_CONNS   32
#define MAX_ENDING  64 /* with those that are about to go */
#define MAX_SCRAPES 8  /* answers under way: each copies the interfaces' counters */
#define DEADLINE_MS 10000
#define MAX_HEADERS 8192
#define MAX_BODY    1024
#define SLICE	    (16 * 1024)
#define SNDBUF	    (64 * 1024) /* of each connection, in the kernel: it would take megabytes */
#define TICK_MS	    500

struct conn {
	TAILQ_ENTRY(conn) list;	       /* [c] oldest first */
	struct bufferevent *bev;       /* [c] a reference of ours */
	uint64_t since;		       /* [c] ms */
	bool ending;		       /* [c] shut down: libevent is about to see it */
	struct evhttp_request *req;    /* [c] being answered in slices, or NULL */
	struct metrics_scrape *scrape; /* [c] its text, or NULL */
	struct event *again;	       /* [c] the next slice, where the last one had nothing to write */
};
TAILQ_HEAD(conns, conn);

static struct conns conns = TAILQ_HEAD_INITIALIZER(conns); /* [c] */
static unsigned nconns, nscrapes;			   /* [c] */
static struct evhttp *server;				   /* [c] */
static struct evconnlistener *listener;			   /* [c] */
static struct event *tick;				   /* [c] runs while there are connections */
static bool paused;					   /* [c] the listener */

static void
tick_in(unsigned ms)
{
	evtimer_add(tick, (&(struct timeval){0, (suseconds_t)ms * 1000}));
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
conn_free(struct conn *c)
{
	TAILQ_REMOVE(&conns, c, list);
	nconns--;
	if (c->scrape != NULL) {
		nscrapes--;
		metrics_scrape_free(c->scrape);
		event_free(c->again);
	}
	bufferevent_decref(c->bev);
	free(c);
	if (nconns < MAX_ENDING)
		listener_pause(false);
}

static void slice_written(struct evhttp_connection *, void *);

/* libevent has freed its side: nobody is called any more. */
static bool
conn_left(const struct conn *c)
{
	bufferevent_data_cb rd, wr;
	bufferevent_event_cb ev;
	void *arg;

	bufferevent_getcb(c->bev, &rd, &wr, &ev, &arg);
	return rd == NULL && wr == NULL && ev == NULL;
}

/* The end of the stream, seen by libevent on its next turn, which then frees the connection. */
static void
conn_end(struct conn *c)
{
	int fd = bufferevent_getfd(c->bev);

	c->ending = true;
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = mp_now_ms();
	struct conn *c, *next;

	ASSERT_CONTROL();
	for (c = TAILQ_FIRST(&conns); c != NULL; c = next) {
		next = TAILQ_NEXT(c, list);
		if (conn_left(c))
			conn_free(c);
		else if (!c->ending && now - c->since >= DEADLINE_MS)
			conn_end(c);
	}
	if (nconns < MAX_ENDING)
		listener_pause(false);
	if (nconns > 0)
		tick_in(TICK_MS);
}

/* => from libevent: the buffer of a connection that was just accepted; NULL: libevent makes one that we do not know */
static struct bufferevent *
conn_new(struct event_base *base, void *arg)
{
	struct conn *c = calloc(1, sizeof(*c)), *old, *next;

	ASSERT_CONTROL();
	if (c == NULL || (c->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE)) == NULL) {
		free(c);
		return NULL;
	}
	for (old = TAILQ_FIRST(&conns); old != NULL && nconns >= MAX_CONNS; old = next) {
		next = TAILQ_NEXT(old, list);
		if (conn_left(old))
			conn_free(old);
	}
	if (nconns >= MAX_CONNS) {
		TAILQ_FOREACH (old, &conns, list)
			if (old->req == NULL && !old->ending)
				break;
		if (old != NULL)
			conn_end(old);
		/* it is gone when libevent has seen it; where there was none to be ended, new ones come by the tick */
		if (old == NULL || nconns + 1 >= MAX_ENDING)
			listener_pause(true);
		tick_in(old != NULL ? 1 : TICK_MS);
	} else if (nconns == 0)
		tick_in(TICK_MS);
	bufferevent_incref(c->bev);
	c->since = mp_now_ms();
	TAILQ_INSERT_TAIL(&conns, c, list);
	nconns++;
	return c->bev;
}

static struct conn *
conn_of(struct evhttp_request *req)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
	struct conn *c;

	TAILQ_FOREACH (c, &conns, list)
		if (c->bev == bev)
			break;
	return c;
}

/* The connection goes, answered or not.  A request that libevent has taken it from is ours to give back. */
static void
on_close(struct evhttp_connection *evcon, void *arg)
{
	struct conn *c = arg;

	if (c->req != NULL && evhttp_request_get_connection(c->req) == NULL)
		evhttp_send_reply_end(c->req);
	conn_free(c);
}

static void
slice_send(struct conn *c)
{
	struct evbuffer *out = evbuffer_new();
	int r = out != NULL ? metrics_scrape_slice(c->scrape, out, SLICE) : -ENOMEM;

	if (r < 0)
		conn_end(c); /* cut off: a half must not be taken for the whole */
	else if (evbuffer_get_length(out) == 0)
		evtimer_add(c->again, (&(struct timeval){0, 0}));
	else
		evhttp_send_reply_chunk_with_cb(c->req, out, r == 1 ? slice_written : NULL, c);
	if (r == 0) {
		struct evhttp_request *req = c->req;

		c->req = NULL; /* libevent's again, and freed with the last octet */
		evhttp_send_reply_end(req);
	}
	if (out != NULL)
		evbuffer_free(out);
}

static void
slice_written(struct evhttp_connection *evcon, void *arg)
{
	ASSERT_CONTROL();
	slice_send(arg);
}

static void
slice_again(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	ASSERT_CONTROL();
	if (!c->ending)
		slice_send(c);
}

/* The q of one range of an Accept header, 0 .. 1000. */
static unsigned
accept_quality(const char *range, size_t len)
{
	for (const char *p = range; p < range + len; p++)
		if (*p == ';') {
			do
				p++;
			while (p < range + len && (*p == ' ' || *p == '\t'));
			if (p + 2 < range + len && (*p == 'q' || *p == 'Q') && p[1] == '=') {
				unsigned q = p[2] == '1' ? 1000 : 0;

				if (q == 0 && p + 3 < range + len && p[3] == '.')
					for (unsigned i = 4, by = 100;
					     p + i < range + len && p[i] >= '0' && p[i] <= '9' && by > 0; i++, by /= 10)
						q += (unsigned)(p[i] - '0') * by;
				return q;
			}
			p--;
		}
	return 1000;
}

/* Does the client want OpenMetrics rather than plain text?  By name: a wildcard is content with what everybody reads. */
static bool
wants_openmetrics(const char *accept)
{
	static const char om[] = "application/openmetrics-text", text[] = "text/plain";
	unsigned q_om = 0, q_text = 0;

	while (accept != NULL && *accept != '\0') {
		size_t len = strcspn(accept, ","), skip = strspn(accept, " \t"), n;
		const char *range = accept + (skip < len ? skip : len);

		len -= (size_t)(range - accept);
		n = strcspn(range, ";, \t");
		if (n == sizeof(om) - 1 && strncasecmp(range, om, n) == 0) {
			/* a version that is not known is not what we have */
			const char *v = memmem(range, len, "version=", 8);

			if ((v == NULL || strncmp(v + 8, "1.0.0", 5) == 0) && accept_quality(range, len) > q_om)
				q_om = accept_quality(range, len);
		} else if (n == sizeof(text) - 1 && strncasecmp(range, text, n) == 0)
			q_text = accept_quality(range, len);
		accept = range + len;
		accept += *accept == ',';
	}
	return q_om > 0 && q_om >= q_text;
}

static void
reply_page(struct evhttp_request *req, int code, const char *reason, const char *type, const char *body)
{
	struct evbuffer *out = evbuffer_new();

	evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", type);
	if (out != NULL)
		evbuffer_add(out, body, strlen(body));
	evhttp_send_reply(req, code, reason, out);
	if (out != NULL)
		evbuffer_free(out);
}

static void
reply_metrics(struct evhttp_request *req, struct conn *c)
{
	bool openmetrics = wants_openmetrics(evhttp_find_header(evhttp_request_get_input_headers(req), "Accept"));
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	const char *type = openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
				       : "text/plain; version=0.0.4; charset=utf-8";

	if (evhttp_request_get_command(req) == EVHTTP_REQ_HEAD) {
		evhttp_add_header(headers, "Content-Type", type);
		evhttp_send_reply(req, HTTP_OK, "OK", NULL);
		return;
	}
	if (nscrapes < MAX_SCRAPES && (c->again = evtimer_new(mp_base, slice_again, c)) != NULL) {
		c->scrape = metrics_scrape_new(openmetrics);
		if (c->scrape == NULL)
			event_free(c->again);
	}
	if (c->scrape == NULL) {
		evhttp_add_header(headers, "Retry-After", "1");
		reply_page(req, HTTP_SERVUNAVAIL, "Service Unavailable", "text/plain", "too many scrapes at once\n");
		return;
	}
	nscrapes++;
	c->req = req;
	evhttp_add_header(headers, "Content-Type", type);
	evhttp_send_reply_start(req, HTTP_OK, "OK");
	slice_send(c);
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(req));
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	struct conn *c = conn_of(req);

	ASSERT_CONTROL();
	/* one request a connection: none is kept that asks for nothing */
	evhttp_add_header(headers, "Connection", "close");
	if (c != NULL)
		evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_close, c);
	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		evhttp_add_header(headers, "Allow", "GET, HEAD");
		reply_page(req, HTTP_BADMETHOD, "Method Not Allowed", "text/plain", "GET and HEAD only\n");
	} else if (path != NULL && strcmp(path, "/metrics") == 0 && c != NULL)
		reply_metrics(req, c);
	else if (path != NULL && strcmp(path, "/") == 0)
		reply_page(req, HTTP_OK, "OK", "text/html; charset=utf-8",
		    "<!DOCTYPE html><title>smpnetd</title><p><a href=\"/metrics\">metrics</a></p>\n");
	else
		reply_page(req, HTTP_NOTFOUND, "Not Found", "text/plain", "not found: /metrics is what there is\n");
}

static void
on_log(int severity, const char *message)
{
	mp_log(severity >= EVENT_LOG_WARN ? MP_LOG_WARNING : MP_LOG_DEBUG, "libevent: %s", message);
}

/* accept() failed: descriptors are short.  The listener rests, or it would spin. */
static void
on_accept_error(struct evconnlistener *l, void *arg)
{
	mp_log(MP_LOG_WARNING, "metrics: accept: %s", strerror(errno));
	listener_pause(true);
	tick_in(TICK_MS);
}

/* => the length of the address, or 0 with the reason logged */
static socklen_t
address_parse(const char *text, struct sockaddr_storage *ss)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;
	const char *port = strrchr(text, ':');
	bool v6 = text[0] == '[', ok;
	char host[INET6_ADDRSTRLEN] = "127.0.0.1", *end;
	unsigned long number;

	memset(ss, 0, sizeof(*ss));
	if (port == NULL)
		port = text;
	else {
		size_t len = (size_t)(port - text);

		if (v6 && (len < 2 || text[len - 1] != ']'))
			goto bad_address;
		if (v6)
			len -= 2;
		if (len == 0 || len >= sizeof(host))
			goto bad_address;
		memcpy(host, text + (v6 ? 1 : 0), len);
		host[len] = '\0';
		port++;
	}
	number = strtoul(port, &end, 10);
	if (*port < '0' || *port > '9' || *end != '\0' || number > UINT16_MAX) {
		mp_log(MP_LOG_ERR, "-M %s: %s: not a port from 0 to 65535", text, port);
		return 0;
	}
	if (v6) {
		*sin6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number)};
		ok = inet_pton(AF_INET6, host, &sin6->sin6_addr) == 1;
	} else {
		*sin = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
		ok = inet_pton(AF_INET, host, &sin->sin_addr) == 1;
	}
	if (ok)
		return v6 ? sizeof(*sin6) : sizeof(*sin);
bad_address:
	mp_log(MP_LOG_ERR, "-M %s: not [ADDRESS:]PORT (9100, 192.0.2.1:9100, [2001:db8::1]:9100)", text);
	return 0;
}

/* => a listening socket and its address as it is, or -errno with the reason logged */
static int
socket_listen(const char *text, char *bound, size_t len)
{
	struct sockaddr_storage ss;
	socklen_t n = address_parse(text, &ss);
	char host[INET6_ADDRSTRLEN];
	int fd, one = 1, sndbuf = SNDBUF, error;

	if (n == 0)
		return -EINVAL;
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf)) != 0 ||
	    (ss.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
	    bind(fd, (struct sockaddr *)&ss, n) != 0 || listen(fd, MAX_CONNS) != 0 ||
	    getsockname(fd, (struct sockaddr *)&ss, &n) != 0) {
		error = errno;
		mp_log(MP_LOG_ERR, "-M %s: %s", text, strerror(error));
		if (fd >= 0)
			close(fd);
		return -error;
	}
	if (ss.ss_family == AF_INET6) {
		const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)&ss;

		inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host));
		snprintf(bound, len, "[%s]:%u", host, ntohs(sin6->sin6_port));
	} else {
		const struct sockaddr_in *sin = (const struct sockaddr_in *)&ss;

		inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host));
		snprintf(bound, len, "%s:%u", host, ntohs(sin->sin_port));
	}
	return fd;
}

int
metrics_start(struct event_base *base, const char *address)
{
	char bound[INET6_ADDRSTRLEN + 16];
	int fd = socket_listen(address, bound, sizeof(bound));

	if (fd < 0)
		return fd;
	event_set_log_callback(on_log);
	server = evhttp_new(base);
	tick = evtimer_new(base, on_tick, NULL);
	listener = evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (listener == NULL)
		close(fd);
	if (server == NULL || tick == NULL || listener == NULL || evhttp_bind_listener(server, listener) == NULL) {
		if (listener != NULL)
			evconnlistener_free(listener);
		listener = NULL;
		metrics_stop();
		mp_log(MP_LOG_ERR, "-M %s: out of memory", address);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(listener, on_accept_error);
	evhttp_set_max_headers_size(server, MAX_HEADERS);
	evhttp_set_max_body_size(server, MAX_BODY);
	evhttp_set_timeout_tv(server, &(struct timeval){DEADLINE_MS / 1000, 0});
	/* all of them, so that what is not allowed gets an answer that says what is */
	evhttp_set_allowed_methods(server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
					       EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
					       EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
	evhttp_set_bevcb(server, conn_new, NULL);
	evhttp_set_gencb(server, on_request, NULL);
	mp_log(MP_LOG_INFO, "metrics: http://%s/metrics", bound);
	return 0;
}

void
metrics_stop(void)
{
	listener = NULL; /* goes first: connections that end after it are not to wake it */
	if (server != NULL)
		evhttp_free(server); /* the listener, the connections, the requests on them */
	server = NULL;
	while (!TAILQ_EMPTY(&conns))
		conn_free(TAILQ_FIRST(&conns));
	if (tick != NULL)
		event_free(tick);
	tick = NULL;
}
