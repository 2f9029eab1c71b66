/* SPDX-License-Identifier: BSD-2-Clause */
/* A test at each frame size, one after the other: traffic, highest rate, and what is passed over with the reason. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ipgen/procedure/run.h"

void
procedure_defaults(struct procedure *p)
{
	const struct mlr_goal ndr = {
	    .name = "NDR",
	    .loss_ratio = 0,
	    .exceed_ratio = 0.5,
	    .initial_seconds = 1,
	    .final_seconds = 1,
	    .sum_seconds = 21,
	    .width = 0.005,
	};

	memset(p, 0, sizeof(*p));
	p->dirs = 1;
	p->max_pps = INFINITY;
	p->min_pps = 1;
	p->trial_seconds = 60;
	p->warmup = 1;
	p->drain = 2;
	p->resolution = 0.001;
	p->recovery_share = 1.1;
	p->early = true;
	p->repeat = 20;
	p->bursts = 50;
	p->loss_step = 0.1;
	p->ngoals = 2;
	p->goal[0] = p->goal[1] = ndr;
	snprintf(p->goal[1].name, sizeof(p->goal[1].name), "PDR");
	p->goal[1].loss_ratio = 0.005;
	p->search_seconds = 1200;
	p->soak_seconds = 3600;
	p->soak_pps = INFINITY;
}

static const char *const names[] = {
    [REPORT_THROUGHPUT] = "throughput",
    [REPORT_LATENCY] = "latency",
    [REPORT_LOSS] = "loss rate",
    [REPORT_BACK] = "back-to-back",
    [REPORT_RECOVERY] = "recovery",
    [REPORT_RESET] = "reset",
    [REPORT_MLR] = "MLRsearch",
    [REPORT_SOAK] = "soak",
};

static int (*const tests[])(struct run *) = {
    [REPORT_THROUGHPUT] = throughput_run,
    [REPORT_LATENCY] = latency_run,
    [REPORT_LOSS] = loss_run,
    [REPORT_BACK] = back_run,
    [REPORT_RECOVERY] = recovery_run,
    [REPORT_RESET] = reset_run,
    [REPORT_MLR] = mlr_run,
    [REPORT_SOAK] = soak_run,
};

static bool
share(double v)
{
	return v >= 0 && v < 1;
}

int
procedure_check(const struct procedure *p, enum report_test test, char *err, size_t errlen)
{
	const char *what = NULL;

	if (test >= sizeof(tests) / sizeof(tests[0]) || !tests[test])
		what = "not a test that can be run";
	else if (!p->nsizes || !p->sizes)
		what = "no frame sizes";
	else if (p->dirs < 1 || p->dirs > TRIAL_DIRS)
		what = "the number of directions is not 1 or 2";
	else if (!(p->trial_seconds > 0))
		what = "the duration of a trial is not above 0";
	else if (!(p->max_pps > 0) || !(p->min_pps >= 0) || p->min_pps > p->max_pps)
		what = "the highest rate is not above the lowest";
	else if (!share(p->tolerance))
		what = "the tolerated loss is not between 0 and 100 %";
	else if (!(p->resolution > 0 && p->resolution < 1))
		what = "the resolution is not between 0 and 100 %";
	else if (test == REPORT_RECOVERY && !(p->recovery_share > 1))
		what = "the overload is not above the throughput";
	else if (test == REPORT_SOAK && !(p->soak_seconds > 0))
		what = "the duration of the soak is not above 0";
	else if (test == REPORT_MLR && (p->ngoals < 1 || p->ngoals > sizeof(p->goal) / sizeof(p->goal[0])))
		what = "MLRsearch has 1 to 4 goals";
	for (unsigned i = 0; !what && test == REPORT_MLR && i < p->ngoals; i++) {
		const struct mlr_goal *g = &p->goal[i];

		if (!share(g->loss_ratio) || !share(g->exceed_ratio))
			what = "a goal's loss and exceed ratios are not between 0 and 100 %";
		else if (!(g->initial_seconds > 0) || !(g->final_seconds >= g->initial_seconds) ||
			 !(g->sum_seconds > 0))
			what = "a goal's durations are not 0 < initial <= final, 0 < sum";
		else if (!(g->width > 0 && g->width < 1))
			what = "a goal's width is not between 0 and 100 %";
	}
	if (!what)
		return 0;
	snprintf(err, errlen, "%s", what);
	return -EINVAL;
}

static void
traffic_drop(struct run *run)
{
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		if (run->traffic[d])
			traffic_free(run->traffic[d]);
		run->traffic[d] = NULL;
	}
}

/* 0; 1: these sizes cannot be sent (told and in the report); -errno */
static int
prepare(struct run *run)
{
	const struct procedure *p = run->p;
	struct report_row row;
	double line = INFINITY;
	int rc = 0;

	run->line_pps = run->mean = run->reached = 0;
	run->max_is_tester = false;
	for (unsigned d = 0; d < p->dirs; d++) {
		run->err[0] = 0;
		run->traffic[d] = p->traffic(p->arg, d, run->sizes, run->err, run->errlen);
		if (!run->traffic[d]) {
			traffic_drop(run);
			run_say(run, "passed over: %s", run->err);
			run_row(run, &row, 0, NULL);
			row.mean_size = run->sizes->kind == SIZES_FIXED ? run->sizes->size : 0;
			row.final = true;
			snprintf(row.note, sizeof(row.note), "%s", run->err);
			run->err[0] = 0;
			rc = run_add(run, &row);
			return rc < 0 ? rc : 1;
		}
		if (d == 0)
			run->mean = traffic_mean_size(run->traffic[d]);
		line = fmin(line, trial_line_pps(d, run->mean));
	}
	run->line_pps = isfinite(line) ? line : 0;
	run->max_pps = p->max_pps;
	if (run->line_pps > 0 && run->max_pps > run->line_pps)
		run->max_pps = run->line_pps;
	if (isinf(run->max_pps)) {
		char rate[32];

		rc = run_tester(run, &run->max_pps);
		if (rc < 0) {
			traffic_drop(run);
			return rc;
		}
		run->max_is_tester = true;
		run_say(run, "the line rate is not known; the tester sends %s at most",
		    run_rate(run->max_pps, rate, sizeof(rate)));
	}
	if (run->max_pps < 1)
		run->max_pps = 1;
	return 0;
}

int
procedure_run(const struct procedure *p, enum report_test test, char *err, size_t errlen)
{
	struct run run = {.p = p, .test = test, .err = err, .errlen = errlen};
	int rc = procedure_check(p, test, err, errlen);

	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < p->nsizes; i++) {
		run.nsize = i;
		run.sizes = &p->sizes[i];
		left_size(&run);
		rc = prepare(&run);
		if (rc > 0)
			continue;
		if (rc < 0)
			return rc;
		run_say(&run, "%s, size %u of %u", names[test], i + 1, p->nsizes);
		rc = tests[test](&run);
		traffic_drop(&run);
		if (rc < 0)
			return rc;
		if (trial_quit())
			return -EINTR;
	}
	return 0;
}
