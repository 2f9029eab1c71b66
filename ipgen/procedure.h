/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tests: each runs trials (trial.h) from main's own level and adds rows to a report.  They know neither ports nor
 * devices; traffic is made by a function of the caller's, so that a test can go through frame sizes.
 */
#ifndef IPGEN_PROCEDURE_H
#define IPGEN_PROCEDURE_H

#include <stdbool.h>
#include <stddef.h>

#include "ipgen/report.h"
#include "ipgen/traffic.h"
#include "ipgen/trial.h"

struct procedure {
	/* => the traffic of a direction with these sizes; NULL with err */
	struct traffic *(*traffic)(void *arg, unsigned dir, const struct traffic_sizes *, char *err, size_t errlen);
	void *arg;
	unsigned dirs;	/* 1, or 2: bidirectional, both at the same rate */
	double max_pps; /* of one direction; INFINITY: the line rate, or what the tester can where that is not known */
	double min_pps; /* below it a search gives up */
	struct report *report;			       /* rows are added */
	void (*progress)(void *arg, const char *line); /* a line for people; may be NULL */
	void (*left)(void *arg, double seconds); /* of this test, all sizes of it; before each line; may be NULL */
	unsigned nsizes;
	struct traffic_sizes *sizes; /* tested one after the other */

	/* RFC 2544 */
	double trial_seconds;  /* 60 */
	double warmup, ramp;   /* seconds before each trial; 1, 0 */
	double drain;	       /* 2 */
	double wait;	       /* seconds between trials (RFC 2544: 5); 0 */
	double tolerance;      /* loss that passes, a share: 0 */
	double resolution;     /* of the rate, a share of max_pps: 0.001 */
	double recovery_share; /* 1.1 of the throughput, then 0.5 (26.5) */
	bool slow_start;       /* grows step by step in place of a binary search */
	bool early;	       /* a trial ends as soon as it cannot pass any more */
	unsigned repeat;       /* latency: trials averaged, 20 in the RFC */
	unsigned bursts;       /* back-to-back: 50 trials */
	double loss_step;      /* loss curve: 0.1 of the maximum */
	char reset[256];       /* command that resets the DUT; empty: wait for the user's reset */

	/* RFC 9971 */
	unsigned ngoals;
	struct mlr_goal {
		char name[32];		/* "NDR", "PDR" */
		double loss_ratio;	/* Goal Loss Ratio */
		double exceed_ratio;	/* Goal Exceed Ratio */
		double initial_seconds; /* Goal Initial Trial Duration */
		double final_seconds;	/* Goal Final Trial Duration */
		double sum_seconds;	/* Goal Duration Sum */
		double width;		/* Goal Width, relative */
	} goal[4];
	double search_seconds; /* most time of one search */

	/* soak */
	double soak_seconds, soak_pps, max_loss;
};

/* => the defaults above */
void procedure_defaults(struct procedure *);
/* => 0, or -EINVAL with err: what cannot be done with these settings */
int procedure_check(const struct procedure *, enum report_test, char *err, size_t errlen);
/* => about how long a test takes at one size, before anything of it is known */
double procedure_seconds(const struct procedure *, enum report_test);
/* => control, from main's level; 0; -EINTR: trial_quit (rows so far are in the report); else -errno with err */
int procedure_run(const struct procedure *, enum report_test, char *err, size_t errlen);

#endif
