/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MLRsearch: Manager and Measurer of RFC 9971 around mlr.c.  The Trial Effective Duration is the Trial Duration; the Trial
 * Loss Ratio is that of both directions together, corrupt packets among the lost.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipgen/procedure/mlr.h"
#include "ipgen/procedure/run.h"

#define TRIALS 5000 /* of a search; no sane set of goals comes near */
#define VOIDS  10

struct driver {
	struct run *run;
	struct mlr m;
	double spent; /* seconds of trials with what belongs to them */
	unsigned trials;
	unsigned voids;	 /* loads that the tester missed though it has reached more */
	bool tester;	 /* Max Load is what the tester can */
	double whole;	 /* the most that the tester sent short of a load and that came back whole; 0: none */
	unsigned row;	 /* of that trial */
	unsigned shorts; /* such trials before any that was a verdict */
	bool late, stopped, link;
};

/* The tester does not reach this load: Max Load is below it, and what was found above is forgotten. */
static int
limit(struct driver *d, double load, const struct trial_result *r)
{
	double sent = run_offered(d->run, r), max = fmin(load * 0.95, sent > 0 ? sent * 0.99 : 0);
	char rate[32];

	/* what it lost itself does not say how much it can */
	if (r->tester_lost + r->device_missed > 0)
		max = fmin(max, load * 0.8);
	d->tester = true;
	if (max <= d->m.min * 1.01)
		return -ECANCELED;
	d->m.max = max;
	while (d->m.n && d->m.trial[d->m.n - 1].load > max)
		d->m.n--;
	run_say(d->run, "the tester's limit: loads up to %s from here on", run_rate(max, rate, sizeof(rate)));
	return 0;
}

static void
tell(const struct driver *d, double load, double seconds, unsigned goal, unsigned phase, double loss)
{
	struct mlr_goal g;
	struct mlr_bounds b;
	char at[32], low[32], high[32], left[32] = "", when[32];

	mlr_phase_goal(&d->m.goal[goal], phase, &g);
	mlr_bounds(&d->m, &g, &b);
	if (d->run->p->search_seconds > 0)
		snprintf(left, sizeof(left), ", at most %s left",
		    run_time(fmax(d->run->p->search_seconds - d->spent, 0), when, sizeof(when)));
	run_say(d->run, "%s, phase %u of %u: %s for %.3g s, loss %.4g %%; between %s and %s%s", g.name, phase + 1,
	    MLR_PHASES, run_rate(load, at, sizeof(at)), seconds, loss * 100, run_rate(b.lower, low, sizeof(low)),
	    b.upper > 0 ? run_rate(b.upper, high, sizeof(high)) : "no bound yet", left);
}

/* 0; 1: the search ends; -EINTR or -errno */
static int
step(struct driver *d)
{
	struct run *run = d->run;
	struct trial_result r;
	struct mlr_trial t;
	struct ask ask = {.tolerance = 0, .sample = true};
	enum verdict v;
	unsigned goal, phase, before = run->p->report->nrows;
	char note[32];
	int rc;

	if (!mlr_next(&d->m, &ask.pps, &ask.seconds, &goal, &phase))
		return 1;
	if (d->trials >= TRIALS ||
	    (run->p->search_seconds > 0 && d->spent + run_cost(d->run, ask.seconds) > run->p->search_seconds)) {
		d->late = true;
		return 1;
	}
	snprintf(note, sizeof(note), "%.31s", d->m.goal[goal].name);
	rc = run_trial(run, &ask, note, &r, &v);
	d->spent += run_cost(run, ask.seconds) * (run->p->report->nrows - before);
	d->trials++;
	if (rc < 0)
		return rc;
	if (v == VERDICT_STOP || v == VERDICT_LINK) {
		d->stopped = v == VERDICT_STOP;
		d->link = v == VERDICT_LINK;
		return 1;
	}
	if (v == VERDICT_TESTER) {
		if (run->clean && run_offered(run, &r) > d->whole) {
			d->whole = run_offered(run, &r);
			d->row = run->row;
		}
		/* it falls short of what it sent before, too: there is no load that it reaches */
		if (run->clean && d->m.n == 0 && d->shorts++ > 0)
			return 1;
		if (ask.pps <= run->reached && ++d->voids < VOIDS)
			return 0;
		return limit(d, ask.pps, &r) < 0 ? 1 : 0;
	}
	t = (struct mlr_trial){.load = ask.pps,
	    .seconds = ask.seconds,
	    .loss = run_loss(&r),
	    .sent = run_offered(run, &r) / ask.pps,
	    .tag = run->row};
	if (mlr_add(&d->m, &t) < 0) {
		snprintf(run->err, run->errlen, "no memory for another trial");
		return -ENOMEM;
	}
	tell(d, ask.pps, ask.seconds, goal, phase, t.loss);
	return 0;
}

static int
finish(struct driver *d, const struct mlr_goal *g)
{
	struct run *run = d->run;
	struct mlr_result res;
	struct report_row row;
	const char *why = "";
	bool whole = false;
	char rate[32];

	mlr_result(&d->m, g, &res);
	/* no load was reached, or lower ones only: what came back whole is forwarded at the least */
	if (!res.regular && d->whole > res.conditional && (!res.upper || d->whole < res.upper)) {
		res.lower = res.conditional = d->whole;
		res.tag = d->row;
		whole = true;
	}
	run_row(run, &row, res.lower, res.lower > 0 ? &run->p->report->row[res.tag].result : NULL);
	row.final = true;
	row.pass = res.regular;
	row.value = res.conditional * run->p->dirs;
	row.low = res.lower * run->p->dirs;
	row.high = res.upper * run->p->dirs;
	if (d->stopped)
		why = ": irregular: stopped";
	else if (d->link)
		why = ": irregular: a link was lost";
	else if (whole || (res.lower >= d->m.max && d->tester))
		why = ": irregular: the tester's limit";
	else if (res.lower >= d->m.max)
		why = run->line_pps > 0 && d->m.max >= run->line_pps * (1 - 1e-9)
			  ? ": irregular: line rate"
			  : ": irregular: the highest rate allowed";
	else if (!res.regular && d->late)
		why = ": irregular: out of time";
	else if (!res.lower)
		why = ": irregular: no load was low enough";
	else if (!res.regular)
		why = ": irregular";
	snprintf(row.note, sizeof(row.note), "%.31s%s", g->name, why);
	run_say(run, "%s: conditional throughput %s%s", g->name, run_rate(res.conditional, rate, sizeof(rate)), why);
	return run_add_from(run, &row, res.lower > 0 ? res.tag : run->p->report->nrows);
}

int
mlr_run(struct run *run)
{
	const struct procedure *p = run->p;
	struct driver d = {.run = run};
	double shortest = INFINITY, most = 0, narrow = INFINITY;
	int rc;

	for (unsigned i = 0; i < p->ngoals; i++) {
		d.m.goal[d.m.ngoals++] = p->goal[i];
		shortest = fmin(shortest, p->goal[i].initial_seconds);
		most = fmax(most, p->goal[i].loss_ratio);
		narrow = fmin(narrow, p->goal[i].width);
	}
	if (narrow < most)
		run_say(
		    run, "a goal's width is below a goal's loss ratio: results may be in another order than the goals");
	d.m.max = run->max_pps;
	/* so much that a share of loss means something in the shortest trial */
	d.m.min = fmin(fmax(p->min_pps, 10 / shortest), run->max_pps);
	d.tester = run->max_is_tester;
	do
		rc = step(&d);
	while (rc == 0);
	if (rc < 0 && rc != -EINTR) {
		mlr_free(&d.m);
		return rc;
	}
	d.stopped |= rc == -EINTR;
	rc = rc > 0 ? 0 : rc;
	for (unsigned i = 0; i < p->ngoals; i++) {
		int error = finish(&d, &p->goal[i]);

		if (error < 0) {
			rc = error;
			break;
		}
	}
	if (rc == 0)
		run_say(run, "%u trials", d.trials);
	mlr_free(&d.m);
	return rc;
}
