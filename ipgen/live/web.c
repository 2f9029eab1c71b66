/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The web view: a page that shows what runs, and the figures as JSON.  It can only be read: nothing that is asked for
 * changes anything.
 *
 * Synchronization: control only; no worker knows of it.
 * Lifetime: a connection of ours (struct web_client) holds a reference to libevent's buffer of the connection, which says when
 * libevent has let go of it.  A request that is answered in pieces is ours until evhttp_send_reply_end; where the connection
 * dies first, libevent takes the connection off the request, and web_client_closed gives the request back.
 *
 * Bounds: WEB_CLIENTS connections, of which a new one beyond them ends the oldest that is not being answered;
 * WEB_DEADLINE_MS from the connection to the last octet of an answer (but for streams, of which there are WEB_STREAMS);
 * a stream that does not read for MAX_UNREAD octets is ended; one request a connection; MAX_HEADERS octets of
 * headers, MAX_BODY of body; WEB_REPORTS whole reports under way.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "ipgen/live/web_var.h"

#define MAX_HEADERS 8192
#define MAX_BODY    1024
#define SNDBUF	    (128 * 1024)
#define STATE_MS    1000

static struct evhttp *server;
static struct event *pulse;
static bool started;
static struct sigaction pipe_before; /* what a write to a client that has gone would do */
static unsigned told_rows;	     /* that streams know of */
static char url[INET6_ADDRSTRLEN + 32];

void
web_tell(const struct web_sample *s)
{
	if (web.nstreams > 0)
		web_streams_send("sample", s->json, s->len);
}

/* What runs, and rows that are new; also shows that we live. */
static void
on_pulse(evutil_socket_t fd, short what, void *arg)
{
	char *text;

	web_after_ms(pulse, STATE_MS);
	if (web.nstreams > 0 && (text = web_data_state(false)) != NULL) {
		web_streams_send("state", text, strlen(text));
		free(text);
	}
	if (web.nstreams > 0 && web_data_nrows() > told_rows && (text = web_data_rows(told_rows)) != NULL) {
		web_streams_send("rows", text, strlen(text));
		free(text);
	}
	told_rows = web_data_nrows();
}

static void
on_accept_error(struct evconnlistener *l, void *arg)
{
	web_pause(true); /* descriptors are short: it rests, or it would spin */
	web_after_ms(web.tick, WEB_TICK_MS);
}

/* => a listening socket or -errno with err; bound is what it has become */
static int
socket_listen(const char *text, char *err, size_t errlen)
{
	struct sockaddr_storage ss;
	char host[INET6_ADDRSTRLEN];
	int fd, one = 1, sndbuf = SNDBUF, error;
	socklen_t n = web_address(text, &ss, &web.loopback, err, errlen);

	if (n == 0)
		return -EINVAL;
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf)) != 0 ||
	    (ss.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0) ||
	    bind(fd, (struct sockaddr *)&ss, n) != 0 || listen(fd, WEB_CLIENTS) != 0 ||
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
		snprintf(web.bound, sizeof(web.bound), "[%s]:%u", host, ntohs(sin6->sin6_port));
	} else {
		const struct sockaddr_in *sin = (const struct sockaddr_in *)&ss;

		inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host));
		snprintf(web.bound, sizeof(web.bound), "%s:%u", host, ntohs(sin->sin_port));
	}
	snprintf(url, sizeof(url), "http://%s/", web.bound);
	return fd;
}

int
web_start(struct live *live, struct event_base *base, const char *addr, char *err, size_t errlen)
{
	int fd = socket_listen(addr, err, errlen), error = -ENOMEM;

	if (fd < 0)
		return fd;
	server = evhttp_new(base);
	web.tick = evtimer_new(base, web_tick, NULL);
	pulse = evtimer_new(base, on_pulse, NULL);
	web.listener = evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (web.listener == NULL)
		close(fd);
	if (server == NULL || web.tick == NULL || pulse == NULL || web.listener == NULL ||
	    evhttp_bind_listener(server, web.listener) == NULL) {
		if (web.listener != NULL)
			evconnlistener_free(web.listener);
		goto fail;
	}
	evconnlistener_set_error_cb(web.listener, on_accept_error);
	evhttp_set_max_headers_size(server, MAX_HEADERS);
	evhttp_set_max_body_size(server, MAX_BODY);
	evhttp_set_timeout_tv(server, &(struct timeval){WEB_DEADLINE_MS / 1000, 0});
	/* all of them, so that what is not allowed gets an answer that says what is */
	evhttp_set_allowed_methods(server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
					       EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
					       EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
	evhttp_set_bevcb(server, web_client_new, NULL);
	evhttp_set_gencb(server, web_request, NULL);
	if ((error = web_data_start(live)) != 0)
		goto fail;
	told_rows = 0;
	web_after_ms(pulse, STATE_MS);
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
	web.listener = NULL; /* goes first: connections that end after it are not to wake it */
	if (server != NULL)
		evhttp_free(server); /* the listener, the connections, the requests on them */
	server = NULL;
	web_clients_free();
	if (web.tick != NULL)
		event_free(web.tick);
	if (pulse != NULL)
		event_free(pulse);
	web.tick = pulse = NULL;
	web.paused = false;
}
