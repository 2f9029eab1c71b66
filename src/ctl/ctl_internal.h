/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control server's own structures: clients, requests, streams.
 *
 * Synchronization: everything here belongs to the control thread.
 * Lifetime: a client is freed by the server alone, from its run queue, never below a method; an asynchronous request
 * outlives its client (client becomes NULL); a stream ends with its client, with ctl_stream_end or with stream.stop.
 */
#ifndef SMPNET_CTL_INTERNAL_H
#define SMPNET_CTL_INTERNAL_H

#include <sys/queue.h>

#include "ctl/ctl.h"

struct evbuffer;
struct event;

#define CTL_MAXLINE    (1024 * 1024)	      /* octets in one line from a client, newline included */
#define CTL_OUT_HIGH   (1024 * 1024)	      /* more waits to be read: no further request of the client runs */
#define CTL_OUT_STREAM (256 * 1024)	      /* more waits to be read: events of streams are dropped */
#define CTL_OUT_TOTAL  (1024ul * 1024 * 1024) /* of all clients: more, and a client that adds to it is closed */
#define CTL_IN_TOTAL   (256ul * 1024 * 1024)  /* of all clients: more, and a client that adds to it is closed */
#define CTL_BATCH_MAX  CTL_ANSWER_MAX	      /* octets in a batch's answer; the rest of it fails with ENOBUFS */
#define CTL_MAXSTREAMS 1024		      /* of one client */
#define CTL_STALL_SEC  20		      /* a blocked client that reads nothing for so long is closed */

#define RPC_PARSE    -32700
#define RPC_REQUEST  -32600
#define RPC_METHOD   -32601
#define RPC_PARAMS   -32602
#define RPC_INTERNAL -32603
#define RPC_FAILED   -32000

struct ctl_req {
	struct ctl_client *client; /* [c] NULL: has gone, or an in-process call */
	json_t *id;		   /* [c] NULL: a notification */
	bool in_method;		   /* [c] the method has not returned yet */
	bool answered;		   /* [c] by ctl_reply or ctl_fail before the method returned */
	int error;		   /* [c] that answer's: 0 or -errno */
	void (*done)(void *arg, int error, const char *message); /* [c] in-process, asynchronous */
	void *arg;						 /* [c] */
	char message[512];					 /* [c] set by ctl_error */
};

struct ctl_stream {
	TAILQ_ENTRY(ctl_stream) list; /* [c] */
	struct ctl_client *client;    /* [c] */
	uint64_t id;		      /* [c] */
	uint64_t lost;		      /* [c] events dropped since the last one sent */
	struct evbuffer *held;	      /* [c] events before the answer that names the stream has been given; then NULL */
	bool ended;		      /* [c] nothing may be sent any more; freed when held is flushed */
	void (*closed)(void *);	      /* [c] */
	void *arg;		      /* [c] */
};
TAILQ_HEAD(ctl_streams, ctl_stream);

struct ctl_client {
	/* the dispatcher's (ctl_rpc.c) */
	struct evbuffer *out;	    /* [c] answers and events, on their way to the client */
	struct ctl_req *req;	    /* [c] an asynchronous request that has not been answered: the next one waits */
	json_t *batch;		    /* [c] the batch under way */
	size_t batch_next;	    /* [c] its next request */
	struct evbuffer *batch_out; /* [c] its answers */
	struct ctl_streams streams; /* [c] */
	unsigned nstreams;	    /* [c] */

	/* the server's (ctl_server.c) */
	TAILQ_ENTRY(ctl_client) list;	 /* [c] */
	TAILQ_ENTRY(ctl_client) runq;	 /* [c] */
	bool queued;			 /* [c] on the run queue */
	int fd;				 /* [c] -1: no socket (tests) */
	struct event *rev, *wev;	 /* [c] */
	char *in;			 /* [c] what was read and not parsed: in[in_start .. in_end) */
	size_t in_start, in_end, in_cap; /* [c] */
	size_t in_scan;			 /* [c] no newline before it */
	size_t out_counted;		 /* [c] octets of out that are in the total */
	uint64_t out_moved_ms;		 /* [c] when the client last read something, or out was empty */
	bool discarding;		 /* [c] the rest of an oversized line */
	bool eof;			 /* [c] nothing more will come */
	bool broken;			 /* [c] nothing can be sent any more */
	bool doomed;			 /* [c] to be freed by the run queue */
};

/* ctl_methods.c */
#define CTL_MAXPARAMS 32
struct ctl_entry {
	const struct ctl_method *method;
	unsigned nparams;
	uint32_t required;	      /* a bit for each parameter */
	uint8_t types[CTL_MAXPARAMS]; /* T_* */
};
enum { T_STRING = 1, T_INT = 2, T_REAL = 4, T_BOOL = 8, T_ARRAY = 16, T_OBJECT = 32, T_NULL = 64 };
/* => control; builds the look-up table of the modules' methods, unless there is one; 0 or -errno (reason logged) */
int ctl_methods_init(void);
/* => the same of other tables, in place of what there is (tests) */
int ctl_methods_load(const struct ctl_method *const *tables);
const struct ctl_entry *ctl_method_find(const char *name);
/* => 0, or -EINVAL with the parameter and the reason in err */
int ctl_params_check(const struct ctl_entry *, json_t *params, char *err, size_t errlen);
/* the lists of ctl_methods.c, ended by NULL */
extern const struct ctl_method *const ctl_method_tables[];

/* ctl_rpc.c: requests of one client, without its socket */
void ctl_client_init(struct ctl_client *); /* the dispatcher's part */
void ctl_client_fini(struct ctl_client *);
/* => one line without its newline; only while neither req nor batch is set */
void ctl_rpc_line(struct ctl_client *, const char *line, size_t len);
void ctl_rpc_oversized(struct ctl_client *);
/* => runs the next request of the batch under way; only while req is not set */
void ctl_rpc_batch_step(struct ctl_client *);
/* A JSON string of text that may not be UTF-8 (what is not becomes '?') */
json_t *ctl_json_string(const char *);

/* ctl_stream.c */
/* => the answers naming the client's streams are in out: so may be their events */
void ctl_streams_announce(struct ctl_client *);
void ctl_streams_close(struct ctl_client *);
int ctl_stream_stop(struct ctl_client *, uint64_t id);

/* ctl_server.c */
/* => something is to be done for the client: requests, output, freeing */
void ctl_client_schedule(struct ctl_client *);
unsigned ctl_server_clients(void);
uint64_t ctl_server_uptime_ms(void);
/* => one turn of the event loop: waits for the first event, then does what there is; false: the loop was told to end */
bool ctl_loop_turn(void);
/* => processor time of the longest turn so far, in microseconds, and how many turns there were; reset: forget it */
uint64_t ctl_longest_turn_us(bool reset);
uint64_t ctl_turns(void);
/* => while held, clients wait to be accepted (the configuration file is being applied) */
void ctl_server_hold(bool);

/* ctl_socket.c */
/* => a listening socket at path in *fdp, 0600 (0660 and the group's, if group is not NULL); 0 or -errno, reason logged
 */
int ctl_socket_listen(const char *path, const char *group, int *fdp);
/* => removes the socket's file if it is still the one that was made */
void ctl_socket_unlink(const char *path);

#endif
