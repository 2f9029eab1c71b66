/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Soak: one trial of hours at a rate.  Each minute is a row (longer where there would be more than ROWS of them), so that
 * the report stays small however long it lasts; the last row is the whole, with how the latency drifted.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ipgen/procedure/run.h"

#define ROWS	1440
#define SAMPLES 3600

/* What samples are summed into: a row's, or a sample's of the report. */
struct sums {
	double period, warmup;
	struct trial_sample sample;
};

struct soak {
	struct run *run;
	double pps;
	struct sums row, plot;
	unsigned rows;
	uint64_t lost[TRIAL_DIRS];    /* told in rows so far: what seems lost and comes late is told once at most */
	double first_mean, last_mean; /* latency of the first and the last row, ns */
	int error;
};

/* Percentiles of a longer time cannot be had from those of its parts: the greatest part's stands for it. */
static void
add_latency(struct trial_latency *a, const struct trial_latency *b)
{
	uint64_t n = a->n + b->n;

	if (!b->n)
		return;
	a->min = a->n && a->min < b->min ? a->min : b->min;
	a->mean = (a->mean * (double)a->n + b->mean * (double)b->n) / (double)n;
	a->jitter = (a->jitter * (double)a->n + b->jitter * (double)b->n) / (double)n;
	a->p50 = (a->p50 * (double)a->n + b->p50 * (double)b->n) / (double)n;
	a->p90 = fmax(a->p90, b->p90);
	a->p99 = fmax(a->p99, b->p99);
	a->p999 = fmax(a->p999, b->p999);
	a->max = fmax(a->max, b->max);
	a->jitter_max = fmax(a->jitter_max, b->jitter_max);
	a->n = n;
}

static bool
sum(struct sums *into, const struct trial_sample *s)
{
	struct trial_sample *a = &into->sample;

	a->at = s->at;
	/* warm-up at its beginning is no part of it */
	a->seconds += fmax(0, fmin(s->seconds, s->at - into->warmup));
	a->counting = s->counting;
	a->other = s->other;
	a->tester_lost = s->tester_lost;
	a->device_missed = s->device_missed;
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		a->asked_pps[d] = s->asked_pps[d];
		report_counts_add(&a->second[d], &s->second[d]);
		a->total[d] = s->total[d];
		add_latency(&a->latency[d], &s->latency[d]);
		a->burst_median[d] = s->burst_median[d];
		a->burst_max[d] = s->burst_max[d];
	}
	return a->seconds >= into->period - 0.5;
}

static void
row_of(struct soak *k)
{
	struct run *run = k->run;
	const struct trial_sample *s = &k->row.sample;
	struct trial_result r = {.seconds = s->seconds};
	struct report_row row;
	double mean = 0, n = 0;

	if (s->seconds <= 0)
		return;
	for (unsigned d = 0; d < run->p->dirs; d++) {
		struct trial_direction *o = &r.dir[d];

		o->count = s->second[d];
		o->count.lost = s->total[d].lost > k->lost[d] ? s->total[d].lost - k->lost[d] : 0;
		k->lost[d] += o->count.lost;
		o->latency = s->latency[d];
		o->tx_pps = (double)s->second[d].sent / s->seconds;
		o->rx_pps = (double)s->second[d].received / s->seconds;
		o->asked_pps = s->asked_pps[d];
		o->mean_size = run->mean;
		o->burst_median = s->burst_median[d];
		o->burst_max = s->burst_max[d];
		mean += s->latency[d].mean * (double)s->latency[d].n;
		n += (double)s->latency[d].n;
	}
	run_row(run, &row, run_offered(run, &r), &r);
	row.value = run_loss(&r);
	row.pass = row.value <= run->p->max_loss;
	snprintf(row.note, sizeof(row.note), "to %.0f s", s->at - k->row.warmup);
	if (run_add(run, &row) < 0)
		k->error = -ENOMEM;
	if (n > 0) {
		if (!k->rows)
			k->first_mean = mean / n;
		k->last_mean = mean / n;
		k->rows++;
	}
	memset(&k->row.sample, 0, sizeof(k->row.sample));
}

static void
observe(void *arg, const struct trial_sample *s)
{
	struct soak *k = arg;
	const struct procedure *p = k->run->p;
	char left[32];

	/* the last second that sends is one of the drain already */
	if ((!s->counting && s->second[0].sent + s->second[1].sent == 0) || k->error)
		return;
	if (sum(&k->plot, s)) {
		if (p->report && report_add_sample(p->report, &k->plot.sample) < 0)
			k->error = -ENOMEM;
		memset(&k->plot.sample, 0, sizeof(k->plot.sample));
	}
	if (sum(&k->row, s)) {
		double lost = 0, sent = 0;

		for (unsigned d = 0; d < TRIAL_DIRS; d++) {
			lost += (double)s->total[d].lost + (double)s->total[d].corrupt;
			sent += (double)s->total[d].sent;
		}
		run_say(k->run, "soak: %.0f packets missing of %.0f, latency %.3f us, %s left", lost, sent,
		    k->row.sample.latency[0].mean / 1e3,
		    run_time(fmax(p->soak_seconds - s->at + p->warmup, 0), left, sizeof(left)));
		row_of(k);
	}
	if (k->error)
		trial_stop(false);
}

int
soak_run(struct run *run)
{
	const struct procedure *p = run->p;
	struct soak k = {.run = run, .pps = isinf(p->soak_pps) ? run->max_pps : p->soak_pps};
	struct ask ask = {.pps = k.pps, .seconds = p->soak_seconds, .tolerance = p->max_loss, .sample = true};
	struct trial_spec spec;
	struct trial_result r;
	struct report_row row;
	const char *why;
	int rc;

	k.row.period = fmax(60, ceil(p->soak_seconds / ROWS / 60) * 60);
	k.plot.period = fmax(1, ceil(p->soak_seconds / SAMPLES));
	k.row.warmup = k.plot.warmup = p->warmup;
	run_spec(run, &ask, &spec);
	rc = trial_observe(observe, &k);
	if (rc < 0) {
		snprintf(run->err, run->errlen, "too many observers of a trial");
		return rc;
	}
	rc = run_once(run, &spec, &r);
	trial_unobserve(observe, &k);
	if (rc < 0 && (rc != -EINTR || run_sent(&r) < 1))
		return rc;
	row_of(&k);
	why = run_void(run, &ask, &r);
	run_row(run, &row, run_offered(run, &r), &r);
	row.final = true;
	row.value = run_loss(&r);
	row.pass = row.value <= p->max_loss && !why && !r.link_lost;
	if (why)
		snprintf(row.note, sizeof(row.note), "%s", why);
	else if (r.link_lost)
		snprintf(row.note, sizeof(row.note), "a link was lost");
	else
		snprintf(row.note, sizeof(row.note), "%smean latency went from %.3f to %.3f us",
		    r.interrupted ? "stopped; " : "", k.first_mean / 1e3, k.last_mean / 1e3);
	run_say(run, "soak: loss %.4g %%, %s", row.value * 100, row.note);
	if (k.error == -ENOMEM || run_add(run, &row) < 0) {
		snprintf(run->err, run->errlen, "the report has no room for another row");
		return -ENOMEM;
	}
	return rc;
}
