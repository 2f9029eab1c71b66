/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scenarios: the run.  Each step is a trial of its own: what it sent has arrived or is lost before the next begins, so that
 * its row's counters are its own and exact; the price is a gap of the drain's length between two steps.
 *
 * Synchronization: control's; timers fire in the event loop while trial_run is in it.
 * Lifetime: a step's traffic lives until its trial_run has returned.
 */
#include <errno.h>
#include <event2/event.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "ipgen/live/scenario.h"
#include "mp/mp.h"

#define RUN_MAXJOBS 32
#define RUN_TICK_MS 50

struct scenario_runner {
	struct scenario *sc;
	struct live *live;
	const struct scenario_op *op; /* that runs */
	struct rate rate[TRIAL_DIRS];
	bool has_rate[TRIAL_DIRS];
	double pps[TRIAL_DIRS], plain_pps[TRIAL_DIRS]; /* plain: the command line's */
	int size[TRIAL_DIRS];			       /* -1: the command line's */
	const char *label;
	struct trial_direction sum[TRIAL_DIRS]; /* since the reset: counts only */
	struct event *timer;
	double began, ramp_from[TRIAL_DIRS], ramp_to[TRIAL_DIRS];
	int next_at; /* of the step, not started yet */
	unsigned njobs;
	struct {
		struct scenario_job *job;
		unsigned line;
	} job[RUN_MAXJOBS];
	bool job_failed;
	char *err;
	size_t errlen;
};

static void
run_say(struct live *live, const char *line)
{
	snprintf(live->progress, sizeof(live->progress), "%.255s", line);
	if (live->say != NULL)
		live->say(live, line);
}

void
scenario_tell(struct live *live, const char *line)
{
	/* the view keeps standard error, shows its lines and tells them at the end */
	if (live->view)
		fprintf(stderr, "%s\n", line);
	else if (live->say != NULL)
		live->say(live, line);
}

static double
run_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int
run_error(struct scenario_runner *r, unsigned line, int error, const char *reason)
{
	snprintf(r->err, r->errlen, "%s:%u: %s", r->sc->path, line, reason);
	return error;
}

static void
run_job(struct scenario_runner *r, unsigned line, const char *command, double timeout)
{
	char reason[200];

	if (r->njobs == RUN_MAXJOBS) {
		r->job_failed = true;
		run_error(r, line, 0, "too many commands at once");
		return;
	}
	r->job[r->njobs].line = line;
	r->job[r->njobs].job = job_start(command, timeout, reason, sizeof(reason));
	if (r->job[r->njobs].job == NULL) {
		r->job_failed = true;
		run_error(r, line, 0, reason);
		return;
	}
	r->njobs++;
}

/* Looks after the commands; the first that fails is told. */
static void
run_jobs(struct scenario_runner *r)
{
	for (unsigned i = 0; i < r->njobs; i++) {
		char reason[200];
		int rc = job_poll(r->job[i].job, r->live, reason, sizeof(reason));

		if (rc == 1)
			continue;
		if (rc < 0 && !r->job_failed) {
			r->job_failed = true;
			run_error(r, r->job[i].line, 0, reason);
		}
		job_free(r->job[i].job);
		r->job[i--] = r->job[--r->njobs];
	}
}

/* => 0; -EINTR, or -EIO: a command failed */
static int
run_jobs_wait(struct scenario_runner *r)
{
	while (r->njobs > 0 && !r->job_failed) {
		run_jobs(r);
		if (r->njobs > 0 && !r->job_failed && !trial_wait(RUN_TICK_MS / 1000.0))
			return -EINTR;
	}
	return r->job_failed ? -EIO : 0;
}

static void
run_ramp(struct scenario_runner *r, double now)
{
	double share = now >= r->op->seconds ? 1 : now / r->op->seconds;

	if (r->op->kind != SCENARIO_RAMP || now < 0)
		return;
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		if (r->ramp_to[d] < 0)
			continue;
		r->live->asked_pps[d] = r->ramp_from[d] + (r->ramp_to[d] - r->ramp_from[d]) * share;
		trial_set_rate(d, r->live->asked_pps[d]);
	}
}

static void
run_tick(evutil_socket_t fd, short what, void *arg)
{
	struct scenario_runner *r = arg;
	double now;

	(void)fd;
	(void)what;
	run_jobs(r);
	if (r->job_failed) {
		trial_stop(false);
		return;
	}
	/* warm-up has its known length */
	now = run_now() - r->began - r->live->trial.warmup;
	for (int *at = &r->next_at; *at >= 0 && r->sc->at[*at].after <= now; *at = r->sc->at[*at].next)
		run_job(r, r->sc->at[*at].line, r->sc->at[*at].command, r->sc->at[*at].timeout);
	run_ramp(r, now);
}

static void
run_sample(void *arg, const struct trial_sample *s)
{
	struct scenario_runner *r = arg;

	if (s->counting)
		run_ramp(r, s->at - r->live->trial.warmup);
}

static struct traffic_sizes *
run_sizes(const struct scenario_runner *r, unsigned d)
{
	return r->size[d] < 0 ? &r->live->sizes : r->sc->sizes[r->size[d]];
}

static unsigned
run_dirs(const struct scenario_runner *r, const struct scenario_op *op)
{
	return op->dirs != 0 ? op->dirs : (1u << r->live->dirs) - 1;
}

/* A step's rates and sizes come into force; they stay for those after it that say nothing. */
static void
run_take(struct scenario_runner *r, const struct scenario_op *op)
{
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		if (op->size[d] >= 0)
			r->size[d] = op->size[d];
		if (op->has_rate[d]) {
			r->has_rate[d] = true;
			r->rate[d] = op->kind == SCENARIO_RAMP ? op->to[d] : op->rate[d];
		}
	}
}

/* => packets a second of a rate; NAN: the line rate is not known */
static double
run_pps(const struct rate *rate, unsigned d, double mean_size)
{
	return rate_pps(rate, trial_line_pps(d, mean_size), mean_size);
}

/* => 0 with *t, or an error that names the line */
static int
run_traffic(struct scenario_runner *r, const struct scenario_op *op, unsigned d, struct traffic **t)
{
	char reason[200] = "";

	if (d >= r->live->dirs)
		return run_error(r, op->line, -EINVAL, "direction 1 needs a second port and full-duplex");
	*t = r->live->resize(r->live, d, run_sizes(r, d), reason, sizeof(reason));
	return *t == NULL ? run_error(r, op->line, -EINVAL, reason) : 0;
}

/* Before anything is sent: every step's size can be made, and its rate is known. */
static int
run_check(struct scenario_runner *r)
{
	bool made[TRIAL_DIRS][SCENARIO_MAXSIZES + 1] = {{false}};
	double mean[TRIAL_DIRS][SCENARIO_MAXSIZES + 1];
	struct traffic *t;

	for (unsigned i = 0; i < r->sc->nops; i++) {
		const struct scenario_op *op = &r->sc->op[i];

		if (op->kind != SCENARIO_STEP && op->kind != SCENARIO_RAMP)
			continue;
		run_take(r, op);
		for (unsigned d = 0; d < TRIAL_DIRS; d++) {
			if ((run_dirs(r, op) & 1u << d) == 0)
				continue;
			if (!made[d][r->size[d] + 1]) {
				if (run_traffic(r, op, d, &t) != 0)
					return -EINVAL;
				made[d][r->size[d] + 1] = true;
				mean[d][r->size[d] + 1] = traffic_mean_size(t);
				traffic_free(t);
			}
			if ((op->has_rate[d] && isnan(run_pps(&op->rate[d], d, mean[d][r->size[d] + 1]))) ||
			    (op->kind == SCENARIO_RAMP && isnan(run_pps(&op->to[d], d, mean[d][r->size[d] + 1]))))
				return run_error(r, op->line, -EINVAL,
				    "percent of a line rate that is not known: --linerate says it");
			if (op->packets > 0 && r->has_rate[d] && r->rate[d].value == 0)
				return run_error(r, op->line, -EINVAL, "a number of packets at the rate 0 has no end");
		}
	}
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		r->size[d] = -1;
		r->has_rate[d] = false;
	}
	return 0;
}

/* => expectations that were not met; the first in note */
static unsigned
run_expect(
    struct scenario_runner *r, int first, const struct trial_direction *dir, unsigned dirs, char *note, size_t notelen)
{
	unsigned failed = 0;

	for (int i = first; i >= 0; i = r->sc->expect[i].next) {
		const struct scenario_expect *e = &r->sc->expect[i];

		for (unsigned d = 0; d < TRIAL_DIRS; d++) {
			char got[64], line[280];

			if ((dirs & 1u << d) == 0 || scenario_expect_met(e, &dir[d], got, sizeof(got)))
				continue;
			if (failed++ == 0)
				snprintf(note, notelen, "%.63s: %.60s expected", got, e->text);
			snprintf(line, sizeof(line), "%.100s:%u: direction %u: %s: %s expected", r->sc->path, e->line,
			    d, got, e->text);
			scenario_tell(r->live, line);
		}
	}
	r->sc->failed += failed;
	return failed;
}

static void
run_sum(struct scenario_runner *r, const struct trial_result *result)
{
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		const struct trial_counts *c = &result->dir[d].count;
		struct trial_counts *s = &r->sum[d].count;

		s->sent += c->sent;
		s->received += c->received;
		s->lost += c->lost;
		s->reordered += c->reordered;
		s->duplicate += c->duplicate;
		s->corrupt += c->corrupt;
		s->misdelivered += c->misdelivered;
	}
}

static int
run_row(struct scenario_runner *r, const struct scenario_op *op, unsigned dirs, const struct trial_result *result,
    double started)
{
	struct report_row row = {.test = REPORT_RUN, .final = true, .result = *result, .started = started};
	const char *label = op->text >= 0 ? r->sc->text[op->text] : r->label;
	char note[96] = "";
	unsigned failed, n = 0;

	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		if ((dirs & 1u << d) == 0)
			continue;
		if (n++ == 0)
			snprintf(row.size, sizeof(row.size), "%s", run_sizes(r, d)->text);
		row.mean_size = result->dir[d].mean_size;
		if (op->kind == SCENARIO_RAMP) /* of all of it, not what was asked at its end */
			row.result.dir[d].asked_pps = r->pps[d];
		row.offered_pps += isinf(r->pps[d]) ? result->dir[d].tx_pps : r->pps[d];
		row.line_pps += trial_line_pps(d, row.mean_size);
		row.value += result->dir[d].rx_pps;
	}
	if (row.line_pps > 0)
		row.line_percent = row.offered_pps * 100 / row.line_pps;
	failed = run_expect(r, op->expect, row.result.dir, dirs, note, sizeof(note));
	row.pass = failed == 0;
	if (label != NULL && note[0] != '\0')
		snprintf(row.note, sizeof(row.note), "%.40s: %.50s", label, note);
	else if (label != NULL || note[0] != '\0')
		snprintf(row.note, sizeof(row.note), "%s", label != NULL ? label : note);
	else
		snprintf(row.note, sizeof(row.note), "line %u", op->line);
	return report_add(r->live->report, &row);
}

/* What the trial is: from main's options, and from the step. */
static int
run_prepare(struct scenario_runner *r, const struct scenario_op *op, unsigned dirs, struct trial_spec *spec)
{
	*spec = r->live->trial;
	spec->seconds = op->seconds;
	spec->packets = op->packets;
	spec->sample = true;
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		struct traffic *t;
		double mean;

		spec->traffic[d] = NULL;
		r->ramp_to[d] = -1;
		r->pps[d] = 0;
		if ((dirs & 1u << d) == 0)
			continue;
		if (run_traffic(r, op, d, &t) != 0)
			return -EINVAL;
		spec->traffic[d] = t;
		mean = traffic_mean_size(t);
		r->pps[d] = r->has_rate[d] ? run_pps(&r->rate[d], d, mean) : r->plain_pps[d];
		if (op->kind == SCENARIO_RAMP) {
			r->ramp_from[d] = run_pps(&op->rate[d], d, mean);
			r->ramp_to[d] = r->pps[d];
			r->pps[d] = (r->ramp_from[d] + r->ramp_to[d]) / 2;
		}
		spec->pps[d] = op->kind == SCENARIO_RAMP ? r->ramp_from[d] : r->pps[d];
		r->live->asked_pps[d] = spec->pps[d];
		if (spec->pps[d] == 0 && op->kind == SCENARIO_STEP) {
			traffic_free(t);
			spec->traffic[d] = NULL;
		}
	}
	return 0;
}

static void
run_announce_step(struct scenario_runner *r, const struct scenario_op *op, unsigned dirs)
{
	char line[160], rate[2][16] = {"", ""};
	unsigned d = (dirs & 1) != 0 ? 0 : 1;

	rate_format(rate[0], sizeof(rate[0]), op->kind == SCENARIO_RAMP ? r->ramp_from[d] : r->pps[d]);
	rate_format(rate[1], sizeof(rate[1]), r->ramp_to[d]);
	snprintf(line, sizeof(line), "line %u: %s%spps%s%s%s, size %s%s%s", op->line,
	    op->kind == SCENARIO_RAMP ? "ramp " : "", rate[0], op->kind == SCENARIO_RAMP ? " to " : "",
	    op->kind == SCENARIO_RAMP ? rate[1] : "", op->kind == SCENARIO_RAMP ? "pps" : "", run_sizes(r, d)->text,
	    r->label != NULL ? ": " : "", r->label != NULL ? r->label : "");
	run_say(r->live, line);
}

/* What was started in a step has ended, and all that should have been was. */
static int
run_step_end(struct scenario_runner *r)
{
	int rc = run_jobs_wait(r);

	if (rc == 0 && r->next_at >= 0)
		rc = run_error(r, r->sc->at[r->next_at].line, -EINVAL, "at: the step was over before");
	return rc;
}

/* A step at the rate 0: its time, its commands, and what is expected of nothing. */
static int
run_silent(struct scenario_runner *r, const struct scenario_op *op, unsigned dirs)
{
	static const struct trial_direction nothing[TRIAL_DIRS];
	struct timeval tick = {.tv_usec = RUN_TICK_MS * 1000};
	char note[96];
	bool went_on;

	r->op = op;
	r->next_at = op->at;
	r->began = run_now() - r->live->trial.warmup;
	if (r->timer != NULL)
		event_add(r->timer, &tick);
	went_on = trial_wait(op->seconds);
	if (r->timer != NULL)
		event_del(r->timer);
	if (!went_on)
		return -EINTR;
	run_expect(r, op->expect, nothing, dirs, note, sizeof(note));
	return run_step_end(r);
}

/* => 0, -EINTR, or an error */
static int
run_step(struct scenario_runner *r, const struct scenario_op *op)
{
	static struct trial_result result; /* large */
	struct timeval tick = {.tv_usec = RUN_TICK_MS * 1000}, now;
	unsigned dirs = run_dirs(r, op);
	char reason[200] = "";
	struct trial_spec spec;
	int rc;

	run_take(r, op);
	if (op->seconds == 0 && op->packets == 0)
		return 0;
	rc = run_prepare(r, op, dirs, &spec);
	if (rc == 0 && spec.traffic[0] == NULL && spec.traffic[1] == NULL) {
		run_say(r->live, "silent");
		return run_silent(r, op, dirs);
	}
	if (rc == 0) {
		run_announce_step(r, op, dirs);
		r->op = op;
		r->next_at = op->at;
		r->began = run_now();
		gettimeofday(&now, NULL);
		if (r->timer != NULL)
			event_add(r->timer, &tick);
		trial_observe(run_sample, r);
		memset(&result, 0, sizeof(result));
		rc = trial_run(&spec, &result, reason, sizeof(reason));
		if (r->timer != NULL)
			event_del(r->timer);
		trial_unobserve(run_sample, r);
		/* of a ramp the mean was asked, not where it ended */
		for (unsigned d = 0; op->kind == SCENARIO_RAMP && d < TRIAL_DIRS; d++)
			result.dir[d].asked_pps = r->pps[d];
		if (rc == 0) {
			run_sum(r, &result);
			rc = run_row(r, op, dirs, &result, (double)now.tv_sec + (double)now.tv_usec / 1e6);
		} else if (rc == -EINTR && r->job_failed) {
			rc = -EIO; /* it was stopped for that, and run_job or run_jobs has said what */
		} else if (rc != -EINTR) {
			run_error(r, op->line, rc, reason);
		}
	}
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		if (spec.traffic[d] != NULL)
			traffic_free(spec.traffic[d]);
	}
	if (rc == 0)
		rc = run_step_end(r);
	return rc != 0 ? rc : trial_quit() ? -EINTR : 0;
}

static int
run_key(struct scenario_runner *r)
{
	if (!r->live->view) {
		run_say(r->live, "wait-key: without a terminal view nobody can press one: going on");
		return 0;
	}
	run_say(r->live, "press a key to go on");
	r->live->want_key = true;
	while (r->live->want_key && r->live->view) {
		if (!trial_wait(0.1)) {
			r->live->want_key = false;
			return -EINTR;
		}
	}
	r->live->want_key = false;
	return 0;
}

static int
run_op(struct scenario_runner *r, const struct scenario_op *op)
{
	char reason[200] = "";
	unsigned dirs = 0;
	int rc;

	switch (op->kind) {
	case SCENARIO_STEP:
	case SCENARIO_RAMP:
		return run_step(r, op);
	case SCENARIO_PAUSE:
		run_say(r->live, "pause");
		return trial_wait(op->seconds) ? 0 : -EINTR;
	case SCENARIO_EXEC:
		snprintf(reason, sizeof(reason), "line %u: exec %.150s", op->line, r->sc->text[op->text]);
		run_say(r->live, reason);
		run_job(r, op->line, r->sc->text[op->text], op->seconds);
		return run_jobs_wait(r);
	case SCENARIO_ANNOUNCE:
		if (r->live->announce == NULL)
			return run_error(r, op->line, -ENOTSUP, "event announce: nobody to ask");
		rc = r->live->announce(r->live, reason, sizeof(reason));
		return rc == 0 ? 0 : run_error(r, op->line, rc, reason);
	case SCENARIO_RESET:
		memset(r->sum, 0, sizeof(r->sum));
		return 0;
	case SCENARIO_LABEL:
		r->label = r->sc->text[op->text];
		return 0;
	case SCENARIO_KEY:
		return run_key(r);
	case SCENARIO_EXPECT:
		/* of the directions that sent */
		for (unsigned d = 0; d < TRIAL_DIRS; d++)
			dirs |= (unsigned)(r->sum[d].count.sent > 0) << d;
		run_expect(r, op->expect, r->sum, dirs != 0 ? dirs : 1, reason, sizeof(reason));
		return 0;
	}
	return 0;
}

int
scenario_run(struct scenario *sc, struct live *live, char *err, size_t errlen)
{
	struct scenario_runner *r = calloc(1, sizeof(*r));
	int rc;

	err[0] = '\0';
	if (r == NULL) {
		snprintf(err, errlen, "%s: out of memory", sc->path);
		return -ENOMEM;
	}
	r->sc = sc;
	r->live = live;
	r->err = err;
	r->errlen = errlen;
	r->size[0] = r->size[1] = -1;
	memcpy(r->plain_pps, live->asked_pps, sizeof(r->plain_pps));
	sc->failed = 0;
	live->fixed = true;
	snprintf(live->test, sizeof(live->test), "scenario");
	rc = run_check(r);
	if (rc == 0 && mp_base != NULL && (r->timer = event_new(mp_base, -1, EV_PERSIST, run_tick, r)) == NULL) {
		snprintf(err, errlen, "%s: out of memory", sc->path);
		rc = -ENOMEM;
	}
	for (unsigned i = 0; rc == 0 && i < sc->nops; i++)
		rc = run_op(r, &sc->op[i]);
	for (unsigned i = 0; i < r->njobs; i++)
		job_free(r->job[i].job);
	if (r->timer != NULL)
		event_free(r->timer);
	live->fixed = false;
	free(r);
	return rc;
}
