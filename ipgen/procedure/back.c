/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Back-to-back frames, RFC 2544 section 26.4 as RFC 9004 updates it: the longest burst at the highest rate that comes
 * through without loss, to the frame; the mean of many searches; and the time that the device's buffer holds.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ipgen/procedure/run.h"

#define LONGEST_SECONDS 2.0 /* RFC 2544: a trial is at least 2 seconds */

struct back {
	struct run *run;
	double rate;	  /* of one direction */
	uint64_t longest; /* frames of one direction */
	double slowest;	  /* the slowest burst's share of the rate */
	bool tester, stopped, link;
	bool own;		  /* the last burst was no verdict: the tester's side lost of it */
	bool limited;		  /* a search ended at such a burst */
	struct trial_result last; /* the last that passed */
	unsigned row;		  /* of it */
};

/* A burst of n frames a direction.  0 with passed, -EINTR or -errno. */
static int
burst(struct back *b, uint64_t n, bool *passed)
{
	struct run *run = b->run;
	struct ask ask = {.pps = b->rate, .packets = n, .seconds = (double)n / b->rate, .cold = true, .sample = true};
	struct trial_result r;
	enum verdict v;
	char note[48];
	int rc;

	snprintf(note, sizeof(note), "%llu frames", (unsigned long long)(n * run->p->dirs));
	rc = run_trial(run, &ask, note, &r, &v);
	if (rc < 0)
		return rc;
	*passed = v == VERDICT_PASS;
	b->own = v == VERDICT_TESTER;
	b->tester |= b->own;
	b->stopped |= v == VERDICT_STOP;
	b->link |= v == VERDICT_LINK;
	if (*passed) {
		b->last = r;
		b->row = run->p->report->nrows - 1;
	}
	/* a burst of a few frames is over before its rate means anything */
	for (unsigned d = 0; d < run->p->dirs; d++)
		if (n >= 1000 && r.dir[d].tx_pps > 0 && r.dir[d].tx_pps / b->rate < b->slowest)
			b->slowest = r.dir[d].tx_pps / b->rate;
	return b->stopped || b->link ? -ECANCELED : 0;
}

/*
 * The longest burst between low (passes, or 0) and high (does not): from a guess outwards, then by halves.
 */
static int
longest(struct back *b, uint64_t guess, uint64_t *result)
{
	uint64_t low = 0, high = b->longest + 1, step, n;
	bool passed, own = false;
	int rc;

	n = guess && guess < b->longest ? guess : b->longest;
	step = 1;
	while (high - low > 1) {
		rc = burst(b, n, &passed);
		if (rc < 0)
			return rc;
		if (passed) {
			low = n;
		} else {
			high = n;
			own = b->own;
		}
		if (high - low <= 1)
			break;
		if (guess && (low == 0 || high == b->longest + 1)) { /* outwards */
			if (passed)
				n = high - low > step ? low + step : high - 1;
			else
				n = high > step + 1 ? high - step : 1;
			step *= 2;
		} else {
			n = low + (high - low) / 2;
		}
	}
	*result = low;
	b->limited |= own;
	return 0;
}

static int
finish(struct back *b, double sum, unsigned n, uint64_t least, uint64_t most, double throughput)
{
	struct run *run = b->run;
	struct report_row row;
	double mean = n ? sum / n : 0, dirs = run->p->dirs, seconds = mean / b->rate;
	double corrected = seconds * (1 - fmin(throughput / b->rate, 1));

	run_row(run, &row, b->rate, n ? &b->last : NULL);
	row.final = true;
	row.pass = n > 0 && least > 0;
	row.value = mean * dirs;
	row.low = (double)least * dirs;
	row.high = (double)most * dirs;
	if (b->tester && !n)
		snprintf(row.note, sizeof(row.note), "the tester's limit: its own side loses packets of bursts");
	else if (!n)
		snprintf(row.note, sizeof(row.note), b->link ? "a link was lost" : "stopped");
	else if (b->limited)
		snprintf(row.note, sizeof(row.note), "the tester's limit: its own side loses packets of longer bursts");
	else if (run->max_is_tester)
		snprintf(row.note, sizeof(row.note), "the line rate is not known: bursts as fast as the tester sends");
	else if (b->slowest < 0.99)
		snprintf(row.note, sizeof(row.note), "the tester's limit: bursts went at %.1f %% of the rate",
		    b->slowest * 100);
	else if (least >= b->longest)
		snprintf(row.note, sizeof(row.note), "no loss in the longest burst: no buffer is needed");
	else
		snprintf(row.note, sizeof(row.note), "%u searches; corrected buffer time %.6g ms, %.0f frames", n,
		    corrected * 1e3, corrected * b->rate);
	run_say(run, "back-to-back %.0f frames (%.0f to %.0f): %s", row.value, row.low, row.high, row.note);
	return run_add_from(run, &row, n ? b->row : run->p->report->nrows);
}

int
back_run(struct run *run)
{
	const struct procedure *p = run->p;
	struct back b = {.run = run, .rate = run->max_pps, .slowest = INFINITY};
	unsigned repeat = p->bursts ? p->bursts : 1, n = 0;
	uint64_t least = UINT64_MAX, most = 0, guess = 0;
	double throughput, sum = 0;
	char left[32];
	int rc = run_throughput(run, &throughput); /* RFC 9004: it is known before */

	if (rc < 0)
		return rc;
	b.longest = (uint64_t)(b.rate * LONGEST_SECONDS);
	if (b.longest < 1)
		b.longest = 1;
	for (unsigned i = 0; i < repeat; i++) {
		uint64_t frames;

		rc = longest(&b, guess, &frames);
		if (rc < 0)
			break;
		/* nothing is lost in the longest: another fifty would not lose more */
		if (i == 0 && frames == b.longest && throughput >= b.rate * (1 - p->resolution))
			repeat = 1;
		guess = frames;
		sum += (double)frames;
		least = frames < least ? frames : least;
		most = frames > most ? frames : most;
		n++;
		run_say(run, "burst search %u of %u: %llu frames, about %s left for this size", i + 1, repeat,
		    (unsigned long long)frames,
		    run_time((repeat - i - 1) * 4 * run_cost(run, (double)frames / b.rate), left, sizeof(left)));
	}
	if (rc < 0 && rc != -EINTR && rc != -ECANCELED)
		return rc;
	if (finish(&b, sum, n, n ? least : 0, most, throughput) < 0)
		return -ENOMEM;
	return rc == -EINTR ? rc : 0;
}
