/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests share: one checked trial, its verdict, its row; progress and the time that is left.
 *
 * A trial's verdict is about the device under test only if the tester did its part: it sent what was asked but for
 * RUN_SLACK, and lost nothing itself.  Another trial is void; it is run again, and after RUN_TRIES of them (twice as many
 * where the tester has reached the rate before) the rate is beyond the tester.  What was really sent is what is told.
 */
#ifndef IPGEN_PROCEDURE_RUN_H
#define IPGEN_PROCEDURE_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "ipgen/procedure.h"

#define RUN_TRIES 3
#define RUN_SLACK 0.01 /* of the packets due may be missing where a machine is shared */

enum verdict {
	VERDICT_PASS,	/* the device forwarded what was offered, but for the tolerance */
	VERDICT_FAIL,	/* it lost more */
	VERDICT_TESTER, /* the tester did not offer the rate, or lost packets itself */
	VERDICT_LINK,	/* a port's link went down */
	VERDICT_STOP,	/* somebody stopped the trial (trial_stop) */
};

/* A procedure_run under way.  All of it is control's. */
struct run {
	const struct procedure *p;
	enum report_test test;
	const struct traffic_sizes *sizes;   /* under test now */
	unsigned nsize;			     /* its number */
	struct traffic *traffic[TRIAL_DIRS]; /* of these sizes */
	double mean;			     /* octets with FCS */
	double line_pps;		     /* of one direction; 0: not known */
	double max_pps;			     /* of one direction: the most that is tried */
	bool max_is_tester;		     /* it is what the tester sends at most */
	double reached;			     /* of one direction: the most that the tester has sent as asked */
	unsigned row;			     /* number of the row of the trial that run_trial told */
	bool clean; /* that trial was short of its rate, but all that it sent came back: the device forwards that */
	double began, size_began; /* monotonic seconds: the test, this size of it */
	double each;		  /* seconds that a size takes, by what is known */
	char *err;
	size_t errlen;
};

/* What a trial is asked for, beside what struct procedure says. */
struct ask {
	double pps; /* of each direction; INFINITY: as fast as it goes */
	double seconds;
	uint64_t packets; /* of each direction, in place of seconds */
	bool cold;	  /* without warm-up */
	bool sample;	  /* observers see it in any case they are there */
	double tolerance; /* loss that passes, a share */
	bool early;	  /* end it when it cannot pass any more */
};

/* => the directions' names and sums: packets sent, and those that did not come as they were sent */
double run_sent(const struct trial_result *);
double run_bad(const struct trial_result *);
/* => share of what was sent that did not come back whole, both directions together; 1: nothing was sent */
double run_loss(const struct trial_result *);
/* => packets a second that were offered, mean of the directions, over the time of sending */
double run_offered(const struct run *, const struct trial_result *);

/*
 * => control; one trial, repeated while it is void; a row for each.  0 with verdict, -EINTR (quit), else -errno with err.
 *    note, or NULL: for the row; void trials say why.
 *    Of void trials *r is the one that sent most of those that lost nothing (run->clean), else the last.
 */
int run_trial(struct run *, const struct ask *, const char *note, struct trial_result *, enum verdict *);
/* => control; one trial as it is: no verdict, no repetition, no row; 0, -EINTR or -errno with err */
int run_once(struct run *, const struct trial_spec *, struct trial_result *);
/* => the spec of a trial of this run */
void run_spec(const struct run *, const struct ask *, struct trial_spec *);
/* => why a trial is no verdict about the device; NULL: it is one */
const char *run_void(const struct run *, const struct ask *, const struct trial_result *);

/* => control; a row with what a run knows filled in; offered is of one direction */
void run_row(const struct run *, struct report_row *, double offered, const struct trial_result *);
/* => control; adds it; 0, or -ENOMEM with err */
int run_add(struct run *, const struct report_row *);
/* => control; the same, with the points of the histograms of row `from` (the report's count of rows for none) */
int run_add_from(struct run *, const struct report_row *, unsigned from);
/* => control; the row of the throughput of these sizes, or NULL */
const struct report_row *run_throughput_row(const struct run *);
/*
 * => control; throughput of one direction at these sizes: from the report, or searched for now; 0 with *pps (0: there is
 *    none), else as run_trial
 */
int run_throughput(struct run *, double *pps);
/* => control; a trial of a second that finds what the tester sends at most; 0 with *pps, else as run_trial */
int run_tester(struct run *, double *pps);

/* => control; a line to the user, with the size in front */
void run_say(const struct run *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* => "12.3 Mpps", "3 h 20 min", into buf */
const char *run_rate(double pps, char *buf, size_t len);
const char *run_time(double seconds, char *buf, size_t len);
/* => seconds that a trial of this length takes with all that belongs to it */
double run_cost(const struct run *, double seconds);

/* left.c => a size begins; seconds that are left of the test */
void left_size(struct run *);
double left_test(const struct run *);

/* The tests: each at one size.  => control; as run_trial */
int throughput_run(struct run *);
int latency_run(struct run *);
int loss_run(struct run *);
int back_run(struct run *);
int recovery_run(struct run *);
int reset_run(struct run *);
int mlr_run(struct run *);
int soak_run(struct run *);

#endif
