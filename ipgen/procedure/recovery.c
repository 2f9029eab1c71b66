/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System recovery, RFC 2544 section 26.5: an overload for a minute, then half its rate; the time from then to the last
 * packet lost.
 *
 * Losses show when a later packet arrives, and are looked at each INTERVAL: the time is known to one interval.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ipgen/procedure/run.h"

#define INTERVAL 0.01
#define QUIET	 5.0   /* seconds without loss after which it has recovered */
#define LONGEST	 300.0 /* it is given up after */

struct watch {
	const struct run *run;
	double overload;   /* seconds of it */
	double half;	   /* rate afterwards */
	double at;	   /* the change; < 0: not yet */
	double last, prev; /* the sample in which the last loss showed, and the one before it */
	double lost;	   /* when last seen */
	double overlost;   /* lost until the change */
	double oversent;   /* sent until the change, of what was due */
	double first;	   /* at of the first counting sample, less its length: the warm-up's length */
	bool begun, ended;
};

static void
observe(void *arg, const struct trial_sample *s)
{
	struct watch *w = arg;
	double lost = 0, sent = 0;

	if (!s->counting || w->ended)
		return;
	if (!w->begun) {
		w->begun = true;
		w->first = s->at - s->seconds;
	}
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		lost += (double)s->total[d].lost + (double)s->total[d].corrupt;
		sent += (double)s->total[d].sent;
	}
	if (w->at < 0) {
		if (s->at - w->first >= w->overload) {
			w->overlost = lost;
			w->oversent = sent / (w->half * 2 * (s->at - w->first) * w->run->p->dirs);
			w->at = w->last = w->prev = s->at;
			for (unsigned d = 0; d < w->run->p->dirs; d++)
				trial_set_rate(d, w->half);
		}
	} else if (lost > w->lost) {
		w->last = s->at;
		w->prev = s->at - s->seconds;
	} else if (s->at - w->last >= QUIET) {
		w->ended = true;
		trial_stop(false);
	}
	w->lost = lost;
}

/* One measurement; 0 with seconds and the error, 1: no measurement (note says why), -EINTR or -errno. */
static int
once(struct run *run, double high, double *seconds, double *resolution, struct trial_result *r, char *note, size_t len)
{
	const struct procedure *p = run->p;
	struct ask ask = {.pps = high, .seconds = p->trial_seconds + LONGEST, .sample = true};
	struct watch w = {.run = run, .overload = p->trial_seconds, .half = high * 0.5, .at = -1};
	struct trial_spec spec;
	int rc;

	run_spec(run, &ask, &spec);
	spec.interval = INTERVAL;
	rc = trial_observe(observe, &w);
	if (rc < 0) {
		snprintf(run->err, run->errlen, "too many observers of a trial");
		return rc;
	}
	rc = run_once(run, &spec, r);
	trial_unobserve(observe, &w);
	if (rc < 0)
		return rc;
	*seconds = w.last > w.prev ? (w.last + w.prev) / 2 - w.at : 0;
	if (*seconds < 0)
		*seconds = 0;
	*resolution = w.last > w.prev ? w.last - w.prev : INTERVAL;
	if (r->link_lost)
		snprintf(note, len, "a link was lost");
	else if (r->tester_lost + r->device_missed)
		snprintf(note, len, "the tester lost packets itself");
	else if (w.at < 0)
		snprintf(note, len, "stopped before the rate was reduced");
	else if (w.overlost < 1 && w.oversent < 0.95)
		snprintf(note, len, "the tester's limit: no overload, %.1f %% of it was sent", w.oversent * 100);
	else if (w.overlost < 1)
		snprintf(note, len, "the overload lost nothing: there was none");
	else if (!w.ended)
		snprintf(note, len, r->interrupted ? "stopped" : "not recovered after %.0f s", LONGEST);
	else
		return 0;
	return 1;
}

int
recovery_run(struct run *run)
{
	const struct procedure *p = run->p;
	unsigned repeat = p->repeat > 3 ? 3 : p->repeat ? p->repeat : 1, n = 0;
	double throughput, high, sum = 0, low = INFINITY, most = 0, res = 0;
	struct trial_result last = {0}, r;
	struct report_row row;
	char note[96] = "", rate[32];
	int rc = run_throughput(run, &throughput);

	if (rc < 0)
		return rc;
	high = fmin(throughput * p->recovery_share, run->max_pps);
	for (unsigned i = 0; i < repeat && throughput > 0; i++) {
		double seconds, off;

		run_say(run, "recovery %u of %u: %.0f s at %s, then half of it", i + 1, repeat, p->trial_seconds,
		    run_rate(high, rate, sizeof(rate)));
		rc = once(run, high, &seconds, &off, &r, note, sizeof(note));
		if (rc < 0)
			break;
		run_row(run, &row, high, &r);
		row.pass = rc == 0;
		row.value = rc == 0 ? seconds : 0;
		snprintf(row.note, sizeof(row.note), "%s", rc ? note : "");
		if (run_add(run, &row) < 0)
			return -ENOMEM;
		if (rc > 0) {
			rc = 0;
			break;
		}
		last = r;
		sum += seconds;
		low = fmin(low, seconds);
		most = fmax(most, seconds);
		res = fmax(res, off);
		n++;
		if (p->wait > 0 && !trial_wait(p->wait)) {
			rc = -EINTR;
			break;
		}
	}
	if (rc < 0 && rc != -EINTR)
		return rc;
	run_row(run, &row, high, n ? &last : NULL);
	row.final = true;
	row.pass = n > 0;
	row.value = n ? sum / n : 0;
	row.low = n ? low : 0;
	row.high = most;
	if (n)
		snprintf(row.note, sizeof(row.note), "mean of %u, known to %.3g s", n, res);
	else
		snprintf(row.note, sizeof(row.note), "%s", throughput > 0 ? note : "no throughput");
	run_say(run, "recovery %.3f s: %s", row.value, row.note);
	if (run_add_from(run, &row, p->report->nrows) < 0)
		return -ENOMEM;
	return rc;
}
