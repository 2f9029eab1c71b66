/* SPDX-License-Identifier: BSD-2-Clause */
/* The web view's parts: what it shows (web_data.c), who asks (web_client.c), what is answered (web_reply.c). */
#ifndef IPGEN_WEB_VAR_H
#define IPGEN_WEB_VAR_H

#include <sys/queue.h>
#include <sys/socket.h>

#include "ipgen/live.h"

#define WEB_SAMPLES 600 /* ten minutes of seconds */
#define WEB_ROWS    200 /* rows shown while a series runs: the last */

#define WEB_CLIENTS	48
#define WEB_STREAMS	16
#define WEB_REPORTS	2
#define WEB_DEADLINE_MS 15000
#define WEB_TICK_MS	500

struct bufferevent;
struct event;
struct event_base;
struct evconnlistener;
struct evhttp_connection;
struct evhttp_request;

struct web_client {
	TAILQ_ENTRY(web_client) list; /* oldest first */
	struct bufferevent *bev;      /* a reference of ours */
	uint64_t since;		      /* ms */
	bool ending;		      /* shut down: libevent is about to see it */
	bool stream;		      /* /live */
	bool report;		      /* counted in nreports */
	struct evhttp_request *req;   /* answered in pieces, or NULL */
	uint64_t next;		      /* /samples.json: the number of the last sample that was written */
	bool first;		      /* of the array */
};
TAILQ_HEAD(web_clients, web_client);

/* What the parts share; control's, as all of it. */
struct web {
	struct web_clients clients; /* oldest first */
	unsigned nclients, nstreams, nreports;
	struct evconnlistener *listener;
	struct event *tick;
	bool paused;   /* the listener */
	bool loopback; /* the address is this machine's own */
	char bound[64];
};
extern struct web web;

/* => from libevent: the buffer of a connection that was just accepted; NULL: libevent makes one that we do not know */
struct bufferevent *web_client_new(struct event_base *, void *);
/* => NULL: one that libevent made without us */
struct web_client *web_client_of(struct evhttp_request *);
/* The end of the connection, seen by libevent on its next turn, which then frees it. */
void web_client_end(struct web_client *);
/* => from libevent: the connection goes, answered or not */
void web_client_closed(struct evhttp_connection *, void *);
void web_clients_free(void);
void web_tick(int fd, short what, void *);
void web_pause(bool);
void web_after_ms(struct event *, unsigned ms);

/* => from libevent: whatever was asked for */
void web_request(struct evhttp_request *, void *);
/* An event to all streams; one that does not read is ended. */
void web_streams_send(const char *event, const char *data, size_t len);

/* A sample as it was told: its text, and its number since the start (from 1 on). */
struct web_sample {
	uint64_t number;
	char *json;
	size_t len;
};

int web_data_start(struct live *);
void web_data_stop(void);
/* => the next one after this number that is still there; NULL: there is none */
const struct web_sample *web_data_after(uint64_t number);
/* => a new string that the caller frees, or NULL: no memory */
char *web_data_state(bool with_rows);
char *web_data_rows(unsigned from); /* an event's data: the rows from this one on */
unsigned web_data_nrows(void);
struct report *web_data_report(void); /* as it is now; may be NULL */

/* => from web_data.c: a sample came */
void web_tell(const struct web_sample *);

/* => the length of the address in *ss, or 0 with err; loopback says whether the address is one */
socklen_t web_address(const char *text, struct sockaddr_storage *ss, bool *loopback, char *err, size_t errlen);
/* => may a page of ours be asked for under this Host?  NULL: none was given */
bool web_host_allowed(const char *host, const char *bound);

#endif
