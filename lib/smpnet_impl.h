/* SPDX-License-Identifier: BSD-2-Clause */
/* libsmpnet's own structures. */
#ifndef SMPNET_IMPL_H
#define SMPNET_IMPL_H

#include <stdarg.h>
#include <stdint.h>
#include <sys/queue.h>

#include "smpnet.h"

struct stream_event {
	STAILQ_ENTRY(stream_event) list;
	json_t *event; /* NULL: null */
	bool last;     /* stream.end */
};

struct smpnet_stream {
	TAILQ_ENTRY(smpnet_stream) list;
	struct smpnet *conn;
	json_int_t id;
	STAILQ_HEAD(, stream_event) events; /* arrived and not read */
	bool ended;			    /* its end has been read by the user */
	unsigned long lost;
	smpnet_event_fn *fn;
	void *arg;
};

struct smpnet {
	int fd;
	int failed; /* -errno when the connection cannot be used any more */
	char *url;
	json_int_t last_id;
	TAILQ_HEAD(, smpnet_stream) streams;

	char *in; /* in[in_start .. in_end) was received */
	size_t in_start, in_end, in_cap, in_scan;
	char *out; /* out[out_start .. out_end) waits to be sent */
	size_t out_start, out_end, out_cap;

	int err;
	int code;
	char errname[32];
	char message[640];
};

/* => returns -err, having set the connection's error */
int smpnet_fail(struct smpnet *, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* => appends to what waits to be sent; 0 or -ENOMEM */
int smpnet_queue(struct smpnet *, const char *text, size_t len);
/*
 * => reads (and sends what waits) until an answer has come: 0 with *msg an object or array.  Events of streams go to
 * their queues; with until_event set, -EAGAIN is returned after one.  timeout_ms -1: for ever; -ETIMEDOUT.
 */
int smpnet_receive(struct smpnet *, json_t **msg, bool until_event, int timeout_ms);
/* => looks at what an answer says: 0 with *result (a new reference), or -errno with the error set */
int smpnet_answer(struct smpnet *, json_t *answer, json_t **result);
/* => takes a stream.event or stream.end message's params to its stream */
void smpnet_stream_deliver(struct smpnet *, json_t *params, bool last);
/* => the request's text, malloc'ed; takes params; id 0: a notification; NULL: no memory */
char *smpnet_request_text(const char *method, json_t *params, json_int_t id);

#endif
