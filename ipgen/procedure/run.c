/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One checked trial.
 *
 * Synchronization: control's, from main's own level; the observer runs within trial_run.
 * Lifetime: a struct run lives while procedure_run does.
 */
#include "ipgen/procedure/run.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINK_TRIES 15  /* a trial is begun after a link was down */
#define LINK_WAIT  2.0 /* seconds between */

/* What the observer of a trial that may end early knows. */
struct early {
	double limit;	/* packets that may be missing at the end */
	double missing; /* in the sample before */
	bool ended;
};

double
run_sent(const struct trial_result *r)
{
	return (double)r->dir[0].count.sent + (double)r->dir[1].count.sent;
}

/* What is corrupt was not forwarded (RFC 2544 section 10), even where it can be told whose it was. */
static double
bad_of(const struct trial_counts *c)
{
	double bad = (double)c->lost + (double)c->corrupt;

	return bad < (double)c->sent ? bad : (double)c->sent;
}

double
run_bad(const struct trial_result *r)
{
	return bad_of(&r->dir[0].count) + bad_of(&r->dir[1].count);
}

double
run_loss(const struct trial_result *r)
{
	double sent = run_sent(r);

	return sent > 0 ? run_bad(r) / sent : 1;
}

double
run_offered(const struct run *run, const struct trial_result *r)
{
	return r->seconds > 0 ? run_sent(r) / r->seconds / run->p->dirs : 0;
}

double
run_cost(const struct run *run, double seconds)
{
	const struct procedure *p = run->p;

	return seconds + p->warmup + p->wait + (p->drain < 0 ? 2 : p->drain);
}

void
run_spec(const struct run *run, const struct ask *ask, struct trial_spec *spec)
{
	const struct procedure *p = run->p;

	memset(spec, 0, sizeof(*spec));
	for (unsigned d = 0; d < p->dirs; d++) {
		spec->traffic[d] = run->traffic[d];
		spec->pps[d] = ask->pps;
	}
	spec->seconds = ask->packets ? 0 : ask->seconds;
	spec->packets = ask->packets;
	spec->warmup = ask->cold ? 0 : p->warmup;
	spec->ramp = ask->cold ? 0 : p->ramp;
	spec->drain = p->drain;
	spec->sample = true;
}

/*
 * A packet that is missing below the highest number seen may still come.  So a trial ends early only where nothing came out
 * of order at all, and what is missing was too much a sample ago already; the settled counts must then say the same.
 */
static void
early_observe(void *arg, const struct trial_sample *s)
{
	struct early *e = arg;
	double missing = 0;

	if (!s->counting || e->ended)
		return;
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		if (s->total[d].reordered || s->total[d].duplicate)
			return;
		missing += (double)s->total[d].lost + (double)s->total[d].corrupt;
	}
	if (missing > e->limit && e->missing > e->limit) {
		e->ended = true;
		trial_stop(false);
	}
	e->missing = missing;
}

const char *
run_void(const struct run *run, const struct ask *ask, const struct trial_result *r)
{
	const struct procedure *p = run->p;
	double own = (double)r->tester_lost + (double)r->device_missed;

	if (run_sent(r) < 1)
		return "the tester sent nothing";
	/* what it lost itself matters where packets are missing */
	if (own > 0 && run_bad(r) > 0)
		return "the tester lost packets itself";
	if (isinf(ask->pps) || ask->packets)
		return NULL;
	for (unsigned d = 0; d < p->dirs; d++) {
		const struct trial_counts *c = &r->dir[d].count;
		/* a sender that stopped on its own has not sent for the time it was asked to */
		double due = ask->pps * (r->interrupted ? r->seconds : fmax(r->seconds, ask->seconds));

		/* a packet and a burst at the trial's edges are nothing */
		if ((double)c->sent + 64 < due * (1 - RUN_SLACK) ||
		    ((double)c->sent < due * (1 - RUN_SLACK) && due < 64 && c->sent < 1))
			return "the tester did not reach the rate";
		if ((double)c->slipped > 64 && (double)c->slipped > due * RUN_SLACK)
			return "the tester came late";
	}
	return NULL;
}

int
run_once(struct run *run, const struct trial_spec *spec, struct trial_result *r)
{
	int rc;

	for (unsigned try = 0;; try++) {
		memset(r, 0, sizeof(*r));
		if (trial_quit())
			return -EINTR;
		if (run->err && run->errlen)
			*run->err = 0;
		rc = trial_run(spec, r, run->err, run->errlen);
		if (rc != -ENETDOWN || try == LINK_TRIES)
			break;
		run_say(run, "%s; waiting for it", run->err);
		if (!trial_wait(LINK_WAIT))
			return -EINTR;
	}
	if (rc < 0)
		return rc;
	return trial_quit() ? -EINTR : 0;
}

void
run_row(const struct run *run, struct report_row *row, double offered, const struct trial_result *r)
{
	struct timespec now;

	memset(row, 0, sizeof(*row));
	row->test = run->test;
	snprintf(row->size, sizeof(row->size), "%s", run->sizes->text);
	row->mean_size = run->mean;
	row->offered_pps = offered * run->p->dirs;
	row->line_pps = run->line_pps * run->p->dirs;
	row->line_percent = run->line_pps > 0 ? 100 * offered / run->line_pps : 0;
	if (r)
		row->result = *r;
	clock_gettime(CLOCK_REALTIME, &now);
	row->started = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (r ? r->seconds : 0);
}

int
run_add(struct run *run, const struct report_row *row)
{
	int rc = report_add(run->p->report, row);

	if (rc < 0)
		snprintf(run->err, run->errlen, "the report has no room for another row: %s", strerror(-rc));
	return rc;
}

int
run_add_from(struct run *run, const struct report_row *row, unsigned from)
{
	struct report *rep = run->p->report;
	struct report_row copy = *row;
	int rc;

	/* the engine's histograms are those of its last trial, which need not be this row's */
	for (unsigned d = 0; d < TRIAL_DIRS; d++)
		copy.result.dir[d].hist = NULL;
	rc = run_add(run, &copy);
	if (rc == 0 && from < rep->nrows - 1) {
		struct report_row *last = &rep->row[rep->nrows - 1];

		memcpy(last->has_quantiles, rep->row[from].has_quantiles, sizeof(last->has_quantiles));
		memcpy(last->quantile_ns, rep->row[from].quantile_ns, sizeof(last->quantile_ns));
	}
	return rc;
}

/* What came of one trial. */
static enum verdict
judge(const struct run *run, const struct ask *ask, const struct trial_result *r, bool ended, char *why, size_t len)
{
	const char *reason = NULL;
	double due = ask->packets ? (double)ask->packets : ask->pps * ask->seconds;

	why[0] = 0;
	if (r->link_lost) {
		snprintf(why, len, "a link was lost");
		return VERDICT_LINK;
	}
	if (r->interrupted && !ended) {
		snprintf(why, len, "stopped");
		return VERDICT_STOP;
	}
	reason = run_void(run, ask, r);
	/* what seemed lost came after all: it is no verdict, and the trial runs again to its end */
	if (!reason && ended && run_bad(r) <= ask->tolerance * due * run->p->dirs)
		reason = "late packets";
	if (reason) {
		snprintf(why, len, "%s", reason);
		return VERDICT_TESTER;
	}
	return run_loss(r) <= ask->tolerance ? VERDICT_PASS : VERDICT_FAIL;
}

/* A void trial that went to its end, and all that it sent came back. */
static bool
is_clean(const struct ask *ask, const struct trial_result *r)
{
	return !r->interrupted && !r->link_lost && run_sent(r) >= 1 && r->tester_lost + r->device_missed == 0 &&
	       r->seconds > ask->seconds * 0.9 && run_loss(r) <= ask->tolerance;
}

int
run_trial(struct run *run, const struct ask *given, const char *note, struct trial_result *r, enum verdict *verdict)
{
	struct ask ask = *given;
	struct trial_spec spec;
	struct trial_result best;
	struct report_row row;
	unsigned best_row = 0;
	char why[64], rate[32];
	int rc = 0;

	run->clean = false;
	for (unsigned try = 0; try < (ask.pps <= run->reached ? 2 * RUN_TRIES : RUN_TRIES); try++) {
		struct early early = {.limit = ask.tolerance * ask.pps * ask.seconds * run->p->dirs};
		bool watch = ask.early && run->p->early && !isinf(ask.pps) && !ask.packets;

		run_spec(run, &ask, &spec);
		if (watch && trial_observe(early_observe, &early) < 0)
			watch = false;
		rc = run_once(run, &spec, r);
		if (watch)
			trial_unobserve(early_observe, &early);
		if (rc < 0 && rc != -EINTR)
			return rc;
		if (rc == -EINTR && run_sent(r) < 1)
			return rc;
		*verdict = judge(run, &ask, r, early.ended, why, sizeof(why));
		if (rc == -EINTR)
			*verdict = VERDICT_STOP;
		run_row(run, &row, run_offered(run, r), r);
		row.pass = *verdict == VERDICT_PASS;
		snprintf(row.note, sizeof(row.note), "%s%s%s", note ? note : "", note && why[0] ? ": " : "",
		    *verdict == VERDICT_STOP ? "stopped" : why);
		if (run_add(run, &row) < 0)
			return -ENOMEM;
		run->row = run->p->report->nrows - 1;
		if (rc < 0)
			return rc;
		if (*verdict == VERDICT_TESTER && is_clean(&ask, r) &&
		    (!run->clean || run_offered(run, r) > run_offered(run, &best))) {
			run->clean = true;
			best = *r;
			best_row = run->row;
		}
		if (why[0])
			run_say(run, "%s: %s", run_rate(ask.pps, rate, sizeof(rate)), why);
		if (run->p->wait > 0 && !trial_wait(run->p->wait))
			return -EINTR;
		if (*verdict == VERDICT_PASS || *verdict == VERDICT_FAIL) {
			if (!isinf(ask.pps) && !ask.packets)
				run->reached = fmax(run->reached, ask.pps);
			break;
		}
		if (*verdict == VERDICT_STOP)
			break;
		ask.early = false; /* whatever it was, the next goes to its end */
	}
	if (*verdict != VERDICT_TESTER)
		run->clean = false;
	if (run->clean) {
		*r = best;
		run->row = best_row;
	}
	return 0;
}

const struct report_row *
run_throughput_row(const struct run *run)
{
	const struct report *rep = run->p->report;

	for (unsigned i = rep->nrows; i-- > 0;)
		if (rep->row[i].final && rep->row[i].test == REPORT_THROUGHPUT &&
		    !strcmp(rep->row[i].size, run->sizes->text))
			return &rep->row[i];
	return NULL;
}

int
run_throughput(struct run *run, double *pps)
{
	const struct report_row *row = run_throughput_row(run);
	enum report_test test = run->test;
	int rc;

	if (!row) {
		run->test = REPORT_THROUGHPUT;
		run_say(run, "the throughput is not known yet and is looked for first");
		rc = throughput_run(run);
		run->test = test;
		if (rc < 0)
			return rc;
		row = run_throughput_row(run);
	}
	*pps = row ? row->value / run->p->dirs : 0;
	return 0;
}

int
run_tester(struct run *run, double *pps)
{
	struct ask ask = {.pps = INFINITY, .seconds = 1, .tolerance = 1, .cold = true};
	struct trial_spec spec;
	struct trial_result r;
	int rc;

	run_spec(run, &ask, &spec);
	rc = run_once(run, &spec, &r);
	if (rc < 0)
		return rc;
	*pps = run_offered(run, &r);
	return 0;
}

const char *
run_rate(double pps, char *buf, size_t len)
{
	if (isinf(pps))
		snprintf(buf, len, "as fast as it goes");
	else if (pps >= 1e6)
		snprintf(buf, len, "%.4f Mpps", pps / 1e6);
	else if (pps >= 1e3)
		snprintf(buf, len, "%.3f kpps", pps / 1e3);
	else
		snprintf(buf, len, "%.0f pps", pps);
	return buf;
}

const char *
run_time(double seconds, char *buf, size_t len)
{
	if (seconds >= 5400)
		snprintf(buf, len, "%.1f h", seconds / 3600);
	else if (seconds >= 90)
		snprintf(buf, len, "%.0f min", seconds / 60);
	else
		snprintf(buf, len, "%.0f s", seconds);
	return buf;
}

void
run_say(const struct run *run, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	if (!run->p->progress)
		return;
	n = snprintf(line, sizeof(line), "%s octets: ", run->sizes->text);
	if (n < 0 || (size_t)n >= sizeof(line))
		return;
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	if (run->p->left)
		run->p->left(run->p->arg, left_test(run));
	run->p->progress(run->p->arg, line);
}
