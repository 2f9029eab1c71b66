/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures of a row: names of tests, both directions together, points of the histograms. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipgen/report/report_var.h"
#include "mp/mp.h"

const double report_q[REPORT_QS] = {0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975,
    0.99, 0.995, 0.9975, 0.999, 0.9995, 0.9999, 0.99995, 0.99999, 0.999999, 1};

static const struct {
	const char *name, *title, *unit;
} tests[] = {
    [REPORT_RUN] = {"run", "Run", NULL},
    [REPORT_THROUGHPUT] = {"throughput", "RFC 2544 throughput", "frames/s"},
    [REPORT_LATENCY] = {"latency", "RFC 2544 latency", NULL},
    [REPORT_LOSS] = {"loss", "RFC 2544 frame loss rate", NULL},
    [REPORT_BACK] = {"back-to-back", "RFC 2544 back-to-back frames", "frames"},
    [REPORT_RECOVERY] = {"recovery", "RFC 2544 system recovery", "s"},
    [REPORT_RESET] = {"reset", "RFC 2544 reset", "s"},
    [REPORT_MLR] = {"mlrsearch", "MLRsearch (RFC 9971)", "frames/s"},
    [REPORT_SOAK] = {"soak", "Soak", NULL},
};

const char *
report_test_name(enum report_test test)
{
	return test < sizeof(tests) / sizeof(tests[0]) ? tests[test].name : "other";
}

const char *
report_test_title(enum report_test test)
{
	return test < sizeof(tests) / sizeof(tests[0]) ? tests[test].title : "Other";
}

const char *
report_value_unit(enum report_test test)
{
	return test < sizeof(tests) / sizeof(tests[0]) ? tests[test].unit : NULL;
}

const char *const report_interval_name[REPORT_UNITS][2] = {
    {"low_pps", "high_pps"}, {"low_frames", "high_frames"}, {"low_s", "high_s"}};

void
report_interval(const struct report_row *row, unsigned unit, double *low, double *high)
{
	static const char *const units[REPORT_UNITS] = {"frames/s", "frames", "s"};
	const char *own = report_value_unit(row->test);

	*low = *high = NAN;
	if (own == NULL || strcmp(own, units[unit]) != 0)
		return;
	/* a time may be none at all; a rate of 0 is one that was not found */
	if (row->low > 0 || (unit == 2 && row->high > 0))
		*low = row->low;
	if (row->high > 0)
		*high = row->high;
}

bool
report_dir_used(const struct trial_direction *d)
{
	return d->count.sent > 0 || d->count.received > 0 || d->asked_pps > 0 || d->flows > 0;
}

double
report_loss(const struct trial_counts *c)
{
	return c->sent > 0 ? (double)c->lost / (double)c->sent : NAN;
}

double
report_ticks_ns(double ticks)
{
	return mp_tsc_hz > 0 ? ticks * 1e9 / (double)mp_tsc_hz : ticks;
}

void
report_counts_add(struct trial_counts *a, const struct trial_counts *b)
{
	a->sent += b->sent;
	a->sent_octets += b->sent_octets;
	a->tx_full += b->tx_full;
	a->slipped += b->slipped;
	a->received += b->received;
	a->received_octets += b->received_octets;
	a->unique += b->unique;
	a->lost += b->lost;
	a->reordered += b->reordered;
	a->reorder_max = a->reorder_max > b->reorder_max ? a->reorder_max : b->reorder_max;
	a->duplicate += b->duplicate;
	a->corrupt += b->corrupt;
	a->unattributed += b->unattributed;
	a->misdelivered += b->misdelivered;
	a->stale += b->stale;
	a->fragments += b->fragments;
	a->late += b->late;
}

static bool
hist_any(const struct hist *h)
{
	return h != NULL && h->count > 0;
}

bool
report_quantiles(const struct trial_result *result, int dir, double *ns)
{
	const struct hist *h = result->dir[dir > 0].hist, *other = result->dir[1].hist;
	struct hist *both = NULL;

	if (dir < 0 && hist_any(h) && hist_any(other)) {
		if ((both = malloc(sizeof(*both))) == NULL)
			return false;
		hist_clear(both);
		hist_merge(both, h);
		hist_merge(both, other);
		h = both;
	} else if (dir < 0 && !hist_any(h))
		h = other;
	if (!hist_any(h))
		return false;
	for (unsigned i = 0; i < REPORT_QS; i++)
		ns[i] = report_ticks_ns((double)hist_quantile(h, report_q[i]));
	free(both);
	return true;
}

/* Two directions' latency as one: percentiles from the histograms together, or else the larger. */
static void
latency_add(struct trial_latency *a, const struct trial_latency *b, const struct report_row *row)
{
	const double *ns = row->quantile_ns[TRIAL_DIRS];
	double n = (double)a->n + (double)b->n;

	if (b->n == 0)
		return;
	if (a->n == 0) {
		*a = *b;
		return;
	}
	a->mean = (a->mean * (double)a->n + b->mean * (double)b->n) / n;
	a->jitter = (a->jitter + b->jitter) / 2;
	a->jitter_max = fmax(a->jitter_max, b->jitter_max);
	a->n += b->n;
	a->min = fmin(a->min, b->min);
	a->max = fmax(a->max, b->max);
	if (row->has_quantiles[TRIAL_DIRS]) {
		a->p50 = ns[5];
		a->p90 = ns[11];
		a->p99 = ns[15];
		a->p999 = ns[18];
	} else {
		a->p50 = fmax(a->p50, b->p50);
		a->p90 = fmax(a->p90, b->p90);
		a->p99 = fmax(a->p99, b->p99);
		a->p999 = fmax(a->p999, b->p999);
	}
}

void
report_row_sum(const struct report_row *row, struct report_sum *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		const struct trial_direction *dir = &row->result.dir[d];

		if (!report_dir_used(dir))
			continue;
		s->dirs++;
		report_counts_add(&s->count, &dir->count);
		s->tx_pps += dir->tx_pps;
		s->rx_pps += dir->rx_pps;
		latency_add(&s->latency, &dir->latency, row);
	}
	s->loss = report_loss(&s->count);
}
