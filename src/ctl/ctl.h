/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket: newline-delimited JSON-RPC 2.0 (doc/protocol.md).  Everything here runs on the control thread.
 */
#ifndef SMPNET_CTL_H
#define SMPNET_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct ctl_req;
struct ctl_stream;

/* One parameter of a method: checked before the method runs, so that a method may trust names and types. */
struct ctl_param {
	const char *name;
	/* "string", "int", "number", "bool", "array", "object", "null", several joined by |; a trailing ?: optional */
	const char *type;
};

#define CTL_ASYNC 1 /* a method's return value: the answer comes later by ctl_reply or ctl_fail */

struct ctl_method {
	const char *name; /* "if.create" */
	/*
	 * => control; params is an object checked against the list.  Returns 0 with *result (a new reference, NULL:
	 * null), CTL_ASYNC, or -errno after ctl_error() said why (without ctl_error, strerror is the message).
	 */
	int (*fn)(struct ctl_req *, json_t *params, json_t **result);
	const struct ctl_param *params; /* ends with name NULL; unknown parameters are refused */
	const char *summary;		/* for rpc.list and doc/protocol.md */
};

/* The modules' tables, each ending with name NULL; listed once, in ctl_methods.c */
extern const struct ctl_method if_methods[], route_methods[], neigh_methods[], nd_methods[], ip_methods[],
    sysctl_methods[], group_methods[], rtadv_methods[], stats_methods[], stages_methods[], gaps_methods[],
    pkttrace_methods[], dev_methods[], config_methods[], daemon_methods[];

/* => the message of the error to come; returns -err, so that methods can return ctl_error(req, ENOENT, "...") */
int ctl_error(struct ctl_req *, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* => what ctl_error said last, which is forgotten: for methods that report errors of parts; valid until the next call */
const char *ctl_error_take(struct ctl_req *);
/* Later answers.  A request whose client has gone may still be answered: nothing happens. */
void ctl_reply(struct ctl_req *, json_t *result);
/* The same, the result as JSON text that was put together piece by piece; the buffer is taken. */
struct evbuffer;
void ctl_reply_text(struct ctl_req *, struct evbuffer *result);
/* => a client waits for the answer: what only shows something may be given up otherwise */
bool ctl_req_wanted(const struct ctl_req *);
/* => appends a value as JSON text */
void ctl_text_json(struct evbuffer *, const json_t *);
#define CTL_ANSWER_MAX (64 * 1024 * 1024) /* octets in an answer; longer ones are asked for in pages */
void ctl_fail(struct ctl_req *, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Streams: the method opens one and returns ctl_stream_result(st) as its result ({"stream": N}).
 * closed runs once, when the client stops the stream, goes away, or ctl_stream_end was called.
 * Must not be opened by a request that has no client (configuration file): NULL then.
 */
struct ctl_stream *ctl_stream_open(struct ctl_req *, void (*closed)(void *), void *arg);
json_t *ctl_stream_result(struct ctl_stream *);
/* One event (reference is taken).  False if the client is too slow: the event is dropped and counted in the next one.
 */
bool ctl_stream_send(struct ctl_stream *, json_t *event);
void ctl_stream_end(struct ctl_stream *, json_t *last /* may be NULL */);

/*
 * Runs a method without a client (configuration file, tests): 0 or -errno with the message in err, or CTL_ASYNC: done
 * (may be NULL) runs later.  params is taken.
 */
int ctl_call(const char *method, json_t *params, json_t **result, char *err, size_t errlen,
    void (*done)(void *arg, int error, const char *message), void *arg);

/*
 * => the thread that is or will be control: nobody is served before its event loop runs.  url: unix://PATH, or NULL: the
 * default of smpnet.h; group: NULL, or the group whose members may connect too.  0 or -errno with the reason logged.
 */
int ctl_start(struct event_base *, const char *url, const char *group);
void ctl_stop(void);
/* => the process's first thread, before the first JSON value: their memory is pooled */
void ctl_json_init(void);
/* => control; serves until the event loop is told to end, measuring its turns */
void ctl_loop(void);
extern struct event_base *ctl_base;
extern const char *ctl_server_url; /* where it listens, or NULL */

/*
 * Settings: one table per module, ending with name NULL, listed in sysctl_ctl.c.
 */
struct sysctl_setting {
	const char *name;   /* "net.inet.ip.forwarding" */
	_Atomic int *value; /* read by workers */
	int min, max, initial;
	bool readonly;
	/* may be NULL; called before the value changes; 0 or -errno (then it does not) */
	int (*changed)(int old, int new);
};
extern const struct sysctl_setting ip_settings[], redirect_settings[], ip6_settings[], nd6_settings[], neigh_settings[],
    if_settings[], mp_settings[], route_settings[];

#endif
