/* SPDX-License-Identifier: BSD-2-Clause */
/* The web view's connections, and their bounds: see web.c. */
#include <stdlib.h>
#include <time.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "ipgen/live/web_var.h"

#define MAX_ENDING (2 * WEB_CLIENTS) /* with those that are about to go */

struct web web = {.clients = TAILQ_HEAD_INITIALIZER(web.clients)};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void
web_after_ms(struct event *ev, unsigned ms)
{
	evtimer_add(ev, (&(struct timeval){ms / 1000, (suseconds_t)(ms % 1000) * 1000}));
}

void
web_pause(bool pause)
{
	if (web.paused == pause || web.listener == NULL)
		return;
	web.paused = pause;
	if (pause)
		evconnlistener_disable(web.listener);
	else
		evconnlistener_enable(web.listener);
}

static void
client_free(struct web_client *c)
{
	TAILQ_REMOVE(&web.clients, c, list);
	web.nclients--;
	web.nstreams -= c->stream;
	web.nreports -= c->report;
	bufferevent_decref(c->bev);
	free(c);
	if (web.nclients < MAX_ENDING)
		web_pause(false);
}

/* libevent has freed its side: nobody is called any more. */
static bool
client_left(const struct web_client *c)
{
	bufferevent_data_cb rd, wr;
	bufferevent_event_cb ev;
	void *arg;

	bufferevent_getcb(c->bev, &rd, &wr, &ev, &arg);
	return rd == NULL && wr == NULL && ev == NULL;
}

/* The end of the stream, seen by libevent on its next turn, which then frees the connection. */
void
web_client_end(struct web_client *c)
{
	int fd = bufferevent_getfd(c->bev);

	c->ending = true;
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
}

void
web_tick(int fd, short what, void *arg)
{
	uint64_t now = now_ms();
	struct web_client *c, *next;

	for (c = TAILQ_FIRST(&web.clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, list);
		if (client_left(c))
			client_free(c);
		else if (!c->ending && !c->stream && now - c->since >= WEB_DEADLINE_MS)
			web_client_end(c);
	}
	if (web.nclients < MAX_ENDING)
		web_pause(false);
	if (web.nclients > 0)
		web_after_ms(web.tick, WEB_TICK_MS);
}

/* => from libevent: the buffer of a connection that was just accepted; NULL: libevent makes one that we do not know */
struct bufferevent *
web_client_new(struct event_base *base, void *arg)
{
	struct web_client *c = calloc(1, sizeof(*c)), *old;

	if (c == NULL || (c->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE)) == NULL) {
		free(c);
		return NULL;
	}
	if (web.nclients >= WEB_CLIENTS) {
		TAILQ_FOREACH (old, &web.clients, list)
			if (old->req == NULL && !old->ending)
				break;
		if (old != NULL)
			web_client_end(old);
		if (old == NULL || web.nclients + 1 >= MAX_ENDING)
			web_pause(true);
	}
	web_after_ms(web.tick, web.nclients >= WEB_CLIENTS ? 1 : WEB_TICK_MS);
	bufferevent_incref(c->bev);
	c->since = now_ms();
	TAILQ_INSERT_TAIL(&web.clients, c, list);
	web.nclients++;
	return c->bev;
}

struct web_client *
web_client_of(struct evhttp_request *req)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(req));
	struct web_client *c;

	TAILQ_FOREACH (c, &web.clients, list)
		if (c->bev == bev)
			break;
	return c;
}

/* The connection goes, answered or not.  A request that libevent has taken it from is ours to give back. */
void
web_client_closed(struct evhttp_connection *evcon, void *arg)
{
	struct web_client *c = arg;

	if (c->req != NULL && evhttp_request_get_connection(c->req) == NULL)
		evhttp_send_reply_end(c->req);
	client_free(c);
}

void
web_clients_free(void)
{
	while (!TAILQ_EMPTY(&web.clients))
		client_free(TAILQ_FIRST(&web.clients));
}
