/* SPDX-License-Identifier: BSD-2-Clause */
/* Latency at the throughput, RFC 2544 section 26.2, of every packet, averaged over the trials. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ipgen/procedure/run.h"

/* Sums over trials; every trial counts the same, as the RFC's average does. */
static void
add(struct trial_direction *into, const struct trial_direction *d, bool first)
{
	struct trial_latency *a = &into->latency;
	const struct trial_latency *l = &d->latency;

	a->n += l->n;
	a->mean += l->mean;
	a->p50 += l->p50;
	a->p90 += l->p90;
	a->p99 += l->p99;
	a->p999 += l->p999;
	a->jitter += l->jitter;
	if (first || l->min < a->min)
		a->min = l->min;
	if (l->max > a->max)
		a->max = l->max;
	if (l->jitter_max > a->jitter_max)
		a->jitter_max = l->jitter_max;
	into->count.sent += d->count.sent;
	into->count.sent_octets += d->count.sent_octets;
	into->count.received += d->count.received;
	into->count.received_octets += d->count.received_octets;
	into->count.unique += d->count.unique;
	into->count.lost += d->count.lost;
	into->count.corrupt += d->count.corrupt;
	into->count.reordered += d->count.reordered;
	into->count.duplicate += d->count.duplicate;
	into->tx_pps += d->tx_pps;
	into->rx_pps += d->rx_pps;
	into->asked_pps = d->asked_pps;
	into->mean_size = d->mean_size;
	into->flows = d->flows;
	into->burst_median = d->burst_median;
	if (d->burst_max > into->burst_max)
		into->burst_max = d->burst_max;
}

static void
divide(struct trial_direction *d, unsigned n)
{
	struct trial_latency *a = &d->latency;

	a->mean /= n;
	a->p50 /= n;
	a->p90 /= n;
	a->p99 /= n;
	a->p999 /= n;
	a->jitter /= n;
	d->tx_pps /= n;
	d->rx_pps /= n;
}

/* Points of the histograms, each the mean of the trials'. */
struct points {
	double ns[TRIAL_DIRS + 1][REPORT_QS];
	unsigned n[TRIAL_DIRS + 1];
};

static void
points_add(struct points *q, const struct report_row *row)
{
	for (unsigned d = 0; d <= TRIAL_DIRS; d++) {
		if (!row->has_quantiles[d])
			continue;
		q->n[d]++;
		for (unsigned i = 0; i < REPORT_QS; i++)
			q->ns[d][i] += row->quantile_ns[d][i];
	}
}

static int
finish(struct run *run, struct trial_result *sum, const struct points *q, unsigned n, unsigned lossy, double pps)
{
	struct report *rep = run->p->report;
	struct report_row row;
	double mean = 0;
	int rc;

	for (unsigned d = 0; d < run->p->dirs && n; d++) {
		divide(&sum->dir[d], n);
		mean += sum->dir[d].latency.mean / run->p->dirs;
	}
	run_row(run, &row, pps, sum);
	row.final = true;
	row.pass = n > 0 && lossy == 0;
	row.value = mean / 1e9;
	if (!n)
		snprintf(row.note, sizeof(row.note), "no trial was clean");
	else
		snprintf(row.note, sizeof(row.note), "mean of %u trials%s", n, lossy ? ", some with loss" : "");
	run_say(run, "latency %.3f us, %s", mean / 1e3, row.note);
	rc = run_add_from(run, &row, rep->nrows);
	for (unsigned d = 0; rc == 0 && d <= TRIAL_DIRS; d++) {
		struct report_row *last = &rep->row[rep->nrows - 1];

		last->has_quantiles[d] = q->n[d] > 0;
		for (unsigned i = 0; q->n[d] && i < REPORT_QS; i++)
			last->quantile_ns[d][i] = q->ns[d][i] / q->n[d];
	}
	return rc;
}

int
latency_run(struct run *run)
{
	const struct procedure *p = run->p;
	struct trial_result sum = {0}, r;
	struct points points = {0};
	unsigned n = 0, lossy = 0, voids = 0, repeat = p->repeat ? p->repeat : 1;
	double pps;
	char left[32];
	int rc = run_throughput(run, &pps);

	if (rc < 0)
		return rc;
	if (pps <= 0) {
		run_say(run, "no throughput, so no latency at it");
		return finish(run, &sum, &points, 0, 0, 0);
	}
	for (unsigned i = 0; i < repeat && rc == 0; i++) {
		struct ask ask = {.pps = pps, .seconds = p->trial_seconds, .tolerance = p->tolerance, .sample = true};
		enum verdict v;

		rc = run_trial(run, &ask, NULL, &r, &v);
		if (rc < 0 || v == VERDICT_LINK || v == VERDICT_STOP)
			break;
		if (v == VERDICT_TESTER) {
			if (n == 0 && ++voids == RUN_TRIES)
				break; /* the tester will not reach the rate in an hour of trials either */
			continue;
		}
		for (unsigned d = 0; d < p->dirs; d++)
			add(&sum.dir[d], &r.dir[d], n == 0);
		points_add(&points, &p->report->row[p->report->nrows - 1]);
		sum.seconds += r.seconds;
		n++;
		lossy += v == VERDICT_FAIL;
		run_say(run, "latency trial %u of %u: mean %.3f us, p99 %.3f us, about %s left for this size", i + 1,
		    repeat, r.dir[0].latency.mean / 1e3, r.dir[0].latency.p99 / 1e3,
		    run_time((repeat - i - 1) * run_cost(run, p->trial_seconds), left, sizeof(left)));
	}
	if (rc < 0 && rc != -EINTR)
		return rc;
	if (finish(run, &sum, &points, n, lossy, pps) < 0)
		return -ENOMEM;
	return rc;
}
