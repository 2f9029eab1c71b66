/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Throughput, RFC 2544 section 26.1 (RFC 1242 section 3.17): the highest rate at which nothing is lost, or no more than is
 * tolerated.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ipgen/procedure/run.h"

struct search {
	struct run *run;
	double low, high;		 /* the highest rate that passed, the lowest that did not; of one direction */
	double sent;			 /* what was offered when low passed */
	bool passed;			 /* low is the rate of a trial, not a bound by assumption */
	bool failed;			 /* high too */
	bool tester;			 /* high was beyond the tester, not the device */
	bool link, stopped;		 /* the search ended for this */
	struct trial_result clean;	 /* of low */
	unsigned row;			 /* of clean */
	struct trial_result short_clean; /* the most that was sent without loss in a trial short of its rate */
	double short_sent;		 /* of it; 0: none */
	unsigned short_row;
	bool asked_short; /* the rate under trial is a confirm */
	double confirm;	  /* the tester was short of a rate and sent this: asked for next; 0: no */
	bool spent;	  /* the tester cannot more than it did */
	unsigned trials;
};

static double
resolution(const struct run *run)
{
	double r = run->p->resolution * run->max_pps;

	return r > 1 ? r : 1;
}

static void
tell(const struct search *s, double pps, enum verdict v, const struct trial_result *r)
{
	const struct run *run = s->run;
	double res = resolution(run), left = 0;
	char a[32], b[32];

	if (s->failed && s->high - s->low > res)
		left = ceil(log2((s->high - s->low) / res));
	left *= run_cost(run, run->p->trial_seconds);
	run_say(run, "%s %s (loss %.4g %%), trial %u%s%s%s", run_rate(pps, a, sizeof(a)),
	    v == VERDICT_PASS	? "passed"
	    : v == VERDICT_FAIL ? "failed"
				: "no verdict",
	    run_loss(r) * 100, s->trials, left > 0 ? ", about " : "", left > 0 ? run_time(left, b, sizeof(b)) : "",
	    left > 0 ? " left for this size" : "");
}

/*
 * The tester sent less than asked, and all of it came back: the device forwards that much.  The rate that was sent is asked
 * for next; where the tester has reached that before, or falls short of it too, it cannot more.
 */
static void
fell_short(struct search *s, double pps, const struct trial_result *r)
{
	double sent = fmin(pps, run_offered(s->run, r));

	if (sent > s->short_sent) {
		s->short_sent = sent;
		s->short_clean = *r;
		s->short_row = s->run->row;
	}
	if (s->asked_short || (s->passed && sent <= s->low * (1 + RUN_SLACK)))
		s->spent = true;
	else if (sent > s->low)
		s->confirm = sent;
}

/* One rate; the bounds move.  0, -EINTR or -errno. */
static int
try(struct search *s, double pps)
{
	struct run *run = s->run;
	struct ask ask = {.pps = pps,
	    .seconds = run->p->trial_seconds,
	    .tolerance = run->p->tolerance,
	    .sample = true,
	    .early = true};
	struct trial_result r;
	enum verdict v;
	int rc = run_trial(run, &ask, NULL, &r, &v);

	if (rc < 0)
		return rc;
	s->trials++;
	s->asked_short = s->confirm > 0 && pps >= s->confirm;
	s->confirm = 0;
	switch (v) {
	case VERDICT_PASS:
		s->low = pps;
		if (!s->passed || fmin(pps, run_offered(run, &r)) > s->sent) {
			s->sent = fmin(pps, run_offered(run, &r));
			s->clean = r;
			s->row = run->row;
		}
		s->passed = true;
		break;
	case VERDICT_FAIL:
		if (s->short_sent >= pps)
			s->short_sent = 0; /* what came back in pieces does not count against this */
		s->high = pps;
		s->failed = true;
		s->tester = false;
		break;
	case VERDICT_TESTER:
		s->high = pps;
		s->failed = s->tester = true;
		if (run->clean)
			fell_short(s, pps, &r);
		break;
	case VERDICT_LINK:
		s->link = true;
		break;
	case VERDICT_STOP:
		s->stopped = true;
		break;
	}
	tell(s, pps, v, &r);
	return 0;
}

static bool
over(const struct search *s)
{
	return s->link || s->stopped || s->spent || (s->passed && s->failed && s->high - s->low <= resolution(s->run));
}

/* From the lowest rate up, twice as fast each time, so that the device is overloaded once only. */
static int
slow_start(struct search *s)
{
	const struct run *run = s->run;
	double pps = fmax(run->p->min_pps, run->max_pps / 64);
	int rc;

	for (;;) {
		rc = try(s, fmin(pps, run->max_pps));
		if (rc < 0 || over(s) || s->failed || pps >= run->max_pps)
			return rc;
		pps *= 2;
	}
}

static int
finish(struct search *s)
{
	struct run *run = s->run;
	struct report_row row;
	char rate[32];
	bool beyond = false; /* the most that came back whole was sent in a trial that was short of its rate */

	if (s->short_sent > (s->passed ? s->sent : 0)) {
		beyond = s->passed = true;
		s->sent = s->low = s->short_sent;
		s->clean = s->short_clean;
		s->row = s->short_row;
	}
	run_row(run, &row, s->passed ? s->sent : 0, s->passed ? &s->clean : NULL);
	row.final = true;
	row.pass = s->passed;
	row.value = (s->passed ? s->sent : 0) * run->p->dirs;
	row.low = s->passed ? s->low * run->p->dirs : 0;
	row.high = s->failed && !beyond ? s->high * run->p->dirs : 0;
	if (s->stopped)
		snprintf(row.note, sizeof(row.note), "stopped before the end");
	else if (s->link)
		snprintf(row.note, sizeof(row.note), "a link was lost");
	else if (!s->passed)
		snprintf(row.note, sizeof(row.note),
		    s->tester ? "the tester's limit: no trial was clean" : "loss at the lowest rate too");
	else if (beyond || s->tester || (run->max_is_tester && !s->failed))
		snprintf(row.note, sizeof(row.note), "the tester's limit, not the device's");
	else if (!s->failed && run->line_pps > 0 && s->low >= run->line_pps * (1 - 1e-9))
		snprintf(row.note, sizeof(row.note), "line rate");
	else if (!s->failed)
		snprintf(row.note, sizeof(row.note), "the highest rate allowed");
	run_say(run, "throughput %s%s%s", run_rate(s->passed ? s->sent : 0, rate, sizeof(rate)),
	    row.note[0] ? ": " : "", row.note);
	return run_add_from(run, &row, s->passed ? s->row : run->p->report->nrows);
}

int
throughput_run(struct run *run)
{
	struct search s = {.run = run, .low = 0, .high = run->max_pps};
	double res = resolution(run);
	int rc;

	rc = run->p->slow_start ? slow_start(&s) : try(&s, run->max_pps);
	while (rc == 0 && !over(&s) && s.failed) {
		double pps = (s.low + s.high) / 2;

		if (s.confirm > s.low && s.confirm < s.high && s.confirm >= fmax(run->p->min_pps, 1)) {
			rc = try(&s, s.confirm);
			continue;
		}
		/* nothing passed yet, and there is nothing below: the lowest rate itself decides */
		if (!s.passed && s.high - fmax(run->p->min_pps, 0) <= res)
			pps = run->p->min_pps > 0 && run->p->min_pps < s.high ? run->p->min_pps : s.high;
		if (pps >= s.high || pps < 1)
			break;
		if (pps < run->p->min_pps) {
			if (s.high <= run->p->min_pps)
				break;
			pps = run->p->min_pps;
		}
		rc = try(&s, pps);
	}
	if (rc < 0 && rc != -EINTR)
		return rc;
	if (rc == -EINTR) {
		s.stopped = true;
		if (finish(&s) < 0)
			return -ENOMEM;
		return -EINTR;
	}
	return finish(&s);
}
