/* SPDX-License-Identifier: BSD-2-Clause */
/* A scenario in memory: a flat list of operations, blocks repeated and ranges expanded. */
#ifndef IPGEN_LIVE_SCENARIO_H
#define IPGEN_LIVE_SCENARIO_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "ipgen/live.h"
#include "ipgen/rate.h"

#define SCENARIO_MAXOPS	    10000 /* after expansion */
#define SCENARIO_MAXSIZES   256	  /* different frame sizes: 32 kB each */
#define SCENARIO_MAXERRORS  10
#define SCENARIO_MAXFILE    (1u << 20)
#define SCENARIO_MAXWORDS   64
#define SCENARIO_MAXSECONDS 1e7
#define SCENARIO_MAXDEPTH   16

enum scenario_metric {
	METRIC_LOSS, /* percent */
	METRIC_RATE, /* percent of what was asked, or a rate */
	METRIC_LATENCY_MIN,
	METRIC_LATENCY_MEAN,
	METRIC_LATENCY_P50,
	METRIC_LATENCY_P90,
	METRIC_LATENCY_P99,
	METRIC_LATENCY_P999,
	METRIC_LATENCY_MAX,
	METRIC_JITTER,
	METRIC_SENT,
	METRIC_RECEIVED,
	METRIC_LOST,
	METRIC_REORDERED,
	METRIC_DUPLICATE,
	METRIC_CORRUPT,
	METRIC_MISDELIVERED,
	METRIC_N,
};

struct scenario_expect {
	unsigned line;
	enum scenario_metric metric;
	enum { EXPECT_LE, EXPECT_GE, EXPECT_LT, EXPECT_GT, EXPECT_EQ } op;
	double value;	  /* percent, ns, packets */
	struct rate rate; /* METRIC_RATE */
	char text[64];	  /* "latency p99 <= 100us" */
	int next;	  /* of the same step, or -1 */
};

/* A command while a step runs. */
struct scenario_at {
	unsigned line;
	double after, timeout; /* seconds */
	char *command;
	int next;
};

enum scenario_kind {
	SCENARIO_STEP,
	SCENARIO_RAMP,
	SCENARIO_PAUSE,
	SCENARIO_EXEC,
	SCENARIO_ANNOUNCE,
	SCENARIO_RESET,
	SCENARIO_LABEL,
	SCENARIO_KEY,
	SCENARIO_EXPECT, /* of all steps since the reset */
};

struct scenario_op {
	enum scenario_kind kind;
	unsigned line;
	double seconds;	  /* STEP, RAMP, PAUSE; EXEC: its time limit */
	uint64_t packets; /* STEP: in place of seconds */
	unsigned dirs;	  /* bits; 0: as the command line has it */
	bool has_rate[TRIAL_DIRS];
	struct rate rate[TRIAL_DIRS], to[TRIAL_DIRS]; /* to: RAMP */
	int size[TRIAL_DIRS];			      /* index of sizes, or -1: as before */
	int expect, at;				      /* first, or -1 */
	int text;				      /* index of texts: EXEC, LABEL, or a step's label; or -1 */
};

struct scenario {
	char path[512];
	unsigned nops, aops;
	struct scenario_op *op;
	unsigned nsizes;
	struct traffic_sizes *sizes[SCENARIO_MAXSIZES];
	unsigned nexpects, aexpects;
	struct scenario_expect *expect;
	unsigned nat, aat;
	struct scenario_at *at;
	unsigned ntexts, atexts;
	char **text;
	unsigned failed; /* expectations */
};

/* While a text is read. */
struct scenario_parser {
	struct scenario *sc;
	unsigned line, nerrors;
	char *err;
	size_t errlen, errused;
	int first_step, last_step; /* ops of the line that expect and at refer to; -1: none */
	unsigned depth, block_op[SCENARIO_MAXDEPTH], block_count[SCENARIO_MAXDEPTH], block_line[SCENARIO_MAXDEPTH];
};

struct scenario_words {
	unsigned n;
	char *word[SCENARIO_MAXWORDS];
	bool quoted[SCENARIO_MAXWORDS];
};

/* => a line more of err; always -EINVAL */
int scenario_error(struct scenario_parser *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* => parts of the parser */
struct scenario_op *scenario_op_add(struct scenario_parser *, enum scenario_kind);
int scenario_text_add(struct scenario_parser *, const char *);
int scenario_size_add(struct scenario_parser *, const char *);
int scenario_time(struct scenario_parser *, const char *what, const char *text, double *seconds);
/* array growth: => 0 or -ENOMEM */
int scenario_grow(void *array, unsigned n, unsigned *alloc, size_t size);
int scenario_parse_expect(struct scenario_parser *, const struct scenario_words *);
int scenario_parse_step(struct scenario_parser *, const struct scenario_words *, enum scenario_kind);
int scenario_parse_iij(struct scenario_parser *, const struct scenario_words *);
/* => as scenario_read, of a text in memory (tests, fuzzing) */
struct scenario *scenario_parse(const char *name, const char *text, size_t len, char *err, size_t errlen);

/* => whether the result of a step keeps an expectation; got: what was measured, as text */
bool scenario_expect_met(const struct scenario_expect *, const struct trial_direction *, char *got, size_t gotlen);

/* => a line that is to be kept: to the view's messages, or to say */
void scenario_tell(struct live *, const char *line);

/* Commands that run beside the event loop. */
struct scenario_job;
/* => NULL with err (-errno in errno) */
struct scenario_job *job_start(const char *command, double timeout, char *err, size_t errlen);
/* => 1: runs; 0: it ended well; -errno with err: it failed, or its time was over and it was ended.  Its output goes to say */
int job_poll(struct scenario_job *, struct live *, char *err, size_t errlen);
/* ends it where it still runs */
void job_free(struct scenario_job *);

#endif
