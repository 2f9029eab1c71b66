/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libsmpnet: a client of smpnetd's control socket (doc/protocol.md).  Depends on jansson alone.
 *
 * Synchronization: a connection belongs to one thread at a time; several connections are independent.
 * Lifetime: what smpnet_connect made, smpnet_close frees; streams of the connection end with it.
 *
 * Conventions: functions return 0 (or a count) on success and -errno on failure; smpnet_error() then says what
 * happened in one line fit for standard error.  A json_t parameter called params is taken (its reference is used up,
 * also on failure; NULL stands for {}); a json_t result is the caller's (json_decref).
 *
 *	struct smpnet *s = smpnet_connect(NULL);
 *	if (s == NULL)
 *		errx(1, "%s", smpnet_connect_error());
 *	json_t *list;
 *	if (smpnet_call(s, "if.list", json_pack("{s:s}", "name", "wm0"), &list) != 0)
 *		errx(1, "%s", smpnet_error(s));
 */
#ifndef SMPNET_LIB_H
#define SMPNET_LIB_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SMPNET_MAXLINE (1024 * 1024) /* octets in one line to the daemon, newline included */

struct smpnet;	      /* a connection */
struct smpnet_stream; /* an open stream on it */

/*
 * The socket that is used without a URL: /run/smpnet.sock for root, $XDG_RUNTIME_DIR/smpnet.sock for others (without
 * that variable /run/user/UID/smpnet.sock, or /tmp/smpnet-UID.sock where there is no such directory).
 * => a static string "unix://PATH"; daemon and tools alike; does not look at SMPNET_SERVER
 */
const char *smpnet_default_url(void);

/*
 * The path in a URL: "unix://PATH", or a plain path with a slash in it.
 * => 0, -EINVAL (not a URL of ours), -ENAMETOOLONG (PATH does not fit a socket address); *path points into url.
 */
int smpnet_url_path(const char *url, const char **path);

/*
 * Connects: url, or (NULL) $SMPNET_SERVER, or the default.  NULL on failure with errno set and the reason in
 * smpnet_connect_error() (one line, of the calling thread).
 */
struct smpnet *smpnet_connect(const char *url);
const char *smpnet_connect_error(void);
void smpnet_close(struct smpnet *);

const char *smpnet_url(const struct smpnet *); /* the URL it is connected to */
int smpnet_fd(const struct smpnet *);	       /* for poll(); see smpnet_pending() */

/* The last failure of this connection: message, errno, and the errno's name ("EEXIST"; "" for protocol errors). */
const char *smpnet_error(const struct smpnet *);
int smpnet_errno(const struct smpnet *);
const char *smpnet_errname(const struct smpnet *);
/* The last failure's JSON-RPC code (-32000: the operation failed), 0 if the daemon was not reached or has gone. */
int smpnet_error_code(const struct smpnet *);

/*
 * One request, and its answer.  result may be NULL (not wanted).
 * => 0 or -errno: the errno that the daemon named; -EPROTO for protocol errors (no such method, wrong parameters);
 * -ECONNRESET when the daemon has gone; -EMSGSIZE when the request is longer than SMPNET_MAXLINE
 */
int smpnet_call(struct smpnet *, const char *method, json_t *params, json_t **result);

/*
 * A long list, in pages, whatever its length: route.list ("routes"), neigh.list ("neighbours").  fn gets each element
 * (borrowed), in order; the list may change meanwhile: what is there all the time comes once.
 * => 0 or -errno, as smpnet_call; fn may have been called before a failure
 */
int smpnet_list(struct smpnet *, const char *method, const char *member, json_t *params,
    void (*fn)(json_t *element, void *arg), void *arg);

/*
 * Routes, by route.batch: put() keeps a change and sends it with others; end() sends the rest and waits for all answers.
 * Several requests are under way, so that a full table takes seconds.  One that fails does not stop those after it.
 * what: "add", "change", "delete".  gateway: NULL for none; options: as route.batch has them, taken, or NULL.
 * failed (may be NULL) is called for each that fails: its prefix and why.
 * => 0 or -errno of the connection; end: how many were done, or -errno
 */
struct smpnet_routes;
struct smpnet_routes *smpnet_routes_begin(
    struct smpnet *, void (*failed)(void *arg, const char *prefix, const char *why), void *arg); /* NULL: no memory */
int smpnet_routes_put(
    struct smpnet_routes *, const char *what, const char *prefix, const char *gateway, json_t *options);
long smpnet_routes_end(struct smpnet_routes *);

/* A request without an answer. */
int smpnet_notify(struct smpnet *, const char *method, json_t *params);

/*
 * Many requests, applied in order, answers in order.  The library cuts them into lines that the daemon accepts and
 * keeps several under way, so that n may be large.  A request that fails does not stop those after it.
 * => 0 if all succeeded; the first failure's -errno otherwise (also in smpnet_error); then look at each error.
 * params of all requests are taken; results and messages are the caller's: smpnet_batch_free.
 */
struct smpnet_request {
	const char *method;
	json_t *params; /* taken */
	json_t *result; /* out: NULL on failure */
	int error;	/* out: 0 or -errno */
	char *message;	/* out: NULL, or what failed (malloc) */
};
int smpnet_batch(struct smpnet *, struct smpnet_request *, size_t n);
void smpnet_batch_free(struct smpnet_request *, size_t n); /* results and messages, not the array */

/*
 * Streams.  smpnet_stream_open calls a method that opens a stream.  Events are read in one of two ways:
 *
 *  - blocking: smpnet_stream_next() waits up to timeout_ms (-1: for ever) for the stream's next event.
 *    => 1: *event is an event; 0: the stream has ended, *event is its last word or NULL; -EAGAIN: nothing came in
 *    time; -EINTR: a signal came; -errno: the connection failed.
 *
 *  - callback: smpnet_stream_callback() sets a function; smpnet_dispatch() reads what has arrived and calls it for
 *    each event, and once with ended set (event: the last word or NULL).  The event is valid during the call.
 *
 * Calls and batches may be made while streams are open: events that arrive meanwhile are kept for their reader.
 * smpnet_stream_lost: how many events the daemon dropped in all, because this reader was too slow.
 * smpnet_stream_close ends a stream early (or forgets an ended one) and frees it; not from within its callback.
 */
typedef void smpnet_event_fn(struct smpnet_stream *, json_t *event, bool ended, void *arg);
struct smpnet_stream *smpnet_stream_open(struct smpnet *, const char *method, json_t *params); /* NULL: smpnet_error */
int smpnet_stream_next(struct smpnet_stream *, json_t **event, int timeout_ms);
void smpnet_stream_callback(struct smpnet_stream *, smpnet_event_fn *, void *arg);
unsigned long smpnet_stream_lost(const struct smpnet_stream *);
void smpnet_stream_close(struct smpnet_stream *);

/*
 * Reads what has arrived, waiting up to timeout_ms (0: not at all, -1: for ever) for the first, and calls the
 * callbacks of streams that have one.
 * => number of events handed out, -EINTR, or -errno when the connection has failed
 */
int smpnet_dispatch(struct smpnet *, int timeout_ms);
/* True if events are waiting in memory: do not sleep in poll() on smpnet_fd() before smpnet_dispatch(). */
bool smpnet_pending(const struct smpnet *);

/* "EEXIST" to EEXIST; 0 if unknown.  And back: "EEXIST", or "E123" for a number without a name. */
int smpnet_errno_value(const char *name);
const char *smpnet_errno_name(int err);

#ifdef __cplusplus
}
#endif

#endif
