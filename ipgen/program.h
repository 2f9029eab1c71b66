/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program between its command line and its parts.  All of it is control's.
 *
 * main.c starts and stops; program.c makes traffic and what views and reports know of the run; run.c runs what was asked
 * for; headless.c writes lines and the summary; criteria.c judges.
 */
#ifndef IPGEN_PROGRAM_H
#define IPGEN_PROGRAM_H

#include <stdio.h>

#include "ipgen/live.h"
#include "ipgen/options.h"
#include "ipgen/report.h"

struct event_base;

struct program {
	struct options opts;
	struct event_base *base;
	struct live live;
	struct report report;
	struct scenario *scenario;
	struct traffic_spec spec[TRIAL_DIRS]; /* of each direction */
	struct traffic *traffic[TRIAL_DIRS];  /* flows; what is sent is made of it by traffic_resize */
	struct traffic_sizes sizes[TRIAL_DIRS];
	unsigned family, dirs;
	bool interactive;
	FILE *out, *log; /* where lines go; log may be NULL */
};

/* => family, directions, sizes, specs; -EINVAL with err: the command line cannot be done */
int program_plan(struct program *, char *err, size_t errlen);
/* => builds the traffic without the devices, so that its errors come before they are touched; 0 or -EINVAL with err */
int program_check(struct program *, char *err, size_t errlen);
/* => the frames of all that was planned: the largest, octets with FCS */
unsigned program_largest(const struct program *);
/* => a series of tests was asked for, not a plain run */
bool program_series(const struct program *);
/* => prints the flows; 0 or -EINVAL with err */
int program_flowdump(struct program *, char *err, size_t errlen);
/* => after tports_open: the traffic of each direction; 0, -EINVAL or -ENOMEM with err */
int program_traffic(struct program *, char *err, size_t errlen);
/* => fills live and report */
void program_describe(struct program *, int argc, char **argv);
/* => packets a second of a direction as asked for, with these sizes; 0 or -EINVAL with err */
int program_rate(
    const struct program *, const struct rate *, unsigned dir, double mean_size, double *pps, char *err, size_t errlen);
void program_free(struct program *);

/* => what was asked for; 0, -EINTR or -errno with err.  *failed: expectations of a scenario that were not met */
int program_run(struct program *, unsigned *failed, char *err, size_t errlen);
/* => 0 or -errno with err: every report file that was asked for */
int program_write(const struct program *, char *err, size_t errlen);

/* headless.c: lines, one a second, to out and log */
void headless_start(struct program *);
void headless_stop(struct program *);
void headless_say(struct program *, const char *line);
void headless_summary(struct program *, const struct report_row *);
void headless_flows(struct program *);
/* => of a series or a scenario: the report as text or as a line of JSON */
void headless_report(struct program *);

/* => how many criteria are not met; a line on standard error for each */
unsigned criteria_judge(const struct program *);

#endif
