/* SPDX-License-Identifier: BSD-2-Clause */
/* Which plots a test has. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "ipgen/report/html_var.h"

static int
finish(struct plot *p, FILE *f)
{
	int error = p->failed ? -ENOMEM : 0;

	if (error == 0)
		plot_draw(p, f);
	plot_free(p);
	return error;
}

static bool
chosen(const struct report_row *row, enum report_test test)
{
	return row->test == test && row->final;
}

/* "64" is a number of octets, "imix" is not. */
static const char *
octets(const char *size)
{
	return size[0] != '\0' && size[strspn(size, "0123456789")] == '\0' ? " octets" : "";
}

static struct plot_series *
series_named(struct plot *p, const char *name, enum plot_style style)
{
	for (unsigned i = 0; i < p->nseries; i++)
		if (strcmp(p->series[i].name, name) == 0)
			return &p->series[i];
	return plot_add(p, name, style);
}

/* Beside a line that could carry much more the bars would vanish: then the axis is logarithmic. */
static bool
line_is_far(const struct report *r, enum report_test test)
{
	double line = 0, least = INFINITY;

	for (unsigned i = 0; i < r->nrows; i++)
		if (chosen(&r->row[i], test) && r->row[i].line_pps > 0 && r->row[i].value > 0) {
			line = fmax(line, r->row[i].line_pps);
			least = fmin(least, r->row[i].value);
		}
	return line > 25 * least;
}

/* Throughput or NDR and PDR against frame size, and what the line could carry. */
static int
rates_by_size(const struct report *r, enum report_test test, FILE *f)
{
	struct plot p;

	plot_init(&p, "Rate by frame size", PLOT_CATEGORIES, "frame size, octets", "frames/s");
	p.ylog = line_is_far(r, test);
	snprintf(p.about, sizeof(p.about),
	    "Bars: the rate that was found for each frame size, both directions together; dashed line: the theoretical "
	    "rate of the line.");
	for (unsigned i = 0; i < r->nrows; i++) {
		const struct report_row *row = &r->row[i];
		const char *name = test == REPORT_MLR && row->note[0] != '\0' ? row->note : report_test_name(test);

		if (chosen(row, test))
			plot_point(&p, series_named(&p, name, PLOT_BAR), plot_category(&p, row->size), row->value);
	}
	for (unsigned i = 0, last = UINT32_MAX; i < r->nrows; i++) {
		const struct report_row *row = &r->row[i];
		unsigned cat;

		if (!chosen(row, test) || row->line_pps <= 0 || (cat = plot_category(&p, row->size)) == last)
			continue;
		last = cat;
		plot_point(&p, series_named(&p, "line rate", PLOT_DASHED), cat, row->line_pps);
	}
	return finish(&p, f);
}

static int
bits_by_size(const struct report *r, enum report_test test, FILE *f)
{
	static char ylabel[32];
	struct bits_unit unit;
	struct plot p;
	double most = 0;

	for (unsigned i = 0; i < r->nrows; i++)
		if (chosen(&r->row[i], test))
			most = fmax(
			    most, fmax(r->row[i].value, r->row[i].line_pps) * (r->row[i].mean_size + REPORT_GAP) * 8);
	unit = bits_unit_for(most);
	snprintf(ylabel, sizeof(ylabel), "%.6s", unit.l1);
	plot_init(&p, "Bits per second by frame size", PLOT_CATEGORIES, "frame size, octets", ylabel);
	p.ylog = line_is_far(r, test);
	snprintf(p.about, sizeof(p.about),
	    "Bars: bits of layer 2 (frames) and of layer 1 (with preamble and gap) at the rate found; dashed: what the "
	    "line could carry on layer 2.");
	for (unsigned i = 0; i < r->nrows; i++) {
		const struct report_row *row = &r->row[i];
		char name[128];
		unsigned cat;

		if (!chosen(row, test))
			continue;
		cat = plot_category(&p, row->size);
		snprintf(name, sizeof(name), "layer 2%s%s", test == REPORT_MLR ? ", " : "",
		    test == REPORT_MLR ? row->note : "");
		plot_point(&p, series_named(&p, name, PLOT_BAR), cat, row->value * row->mean_size * 8 / unit.div);
		snprintf(name, sizeof(name), "layer 1%s%s", test == REPORT_MLR ? ", " : "",
		    test == REPORT_MLR ? row->note : "");
		plot_point(&p, series_named(&p, name, PLOT_BAR), cat,
		    row->value * (row->mean_size + REPORT_GAP) * 8 / unit.div);
	}
	for (unsigned i = 0, last = UINT32_MAX; i < r->nrows; i++) {
		const struct report_row *row = &r->row[i];
		unsigned cat;

		if (!chosen(row, test) || row->line_pps <= 0 || (cat = plot_category(&p, row->size)) == last)
			continue;
		last = cat;
		plot_point(&p, series_named(&p, "line, layer 2", PLOT_DASHED), cat,
		    row->line_pps * row->mean_size * 8 / unit.div);
		plot_point(&p, series_named(&p, "line, layer 1", PLOT_DASHED), cat,
		    row->line_pps * (row->mean_size + REPORT_GAP) * 8 / unit.div);
	}
	return finish(&p, f);
}

static int
loss_curve(const struct report *r, FILE *f)
{
	bool line = true, final = false; /* points that count are marked: others were no verdicts */
	struct plot p;

	for (unsigned i = 0; i < r->nrows; i++)
		if (r->row[i].test == REPORT_LOSS && r->row[i].final)
			final = true;
	for (unsigned i = 0; i < r->nrows; i++)
		if (r->row[i].test == REPORT_LOSS && r->row[i].final == final && r->row[i].offered_pps > 0)
			line &= r->row[i].line_percent > 0;
	plot_init(&p, "Loss by offered rate", PLOT_LINEAR, line ? "offered, % of the line rate" : "offered, frames/s",
	    "loss, %");
	snprintf(p.about, sizeof(p.about),
	    "One line for each frame size: frames lost of those sent, in percent, against the rate offered.");
	for (unsigned i = 0; i < r->nrows; i++) {
		const struct report_row *row = &r->row[i];
		struct report_sum sum;
		char name[96];

		if (row->test != REPORT_LOSS || row->final != final || row->offered_pps <= 0)
			continue;
		report_row_sum(row, &sum);
		snprintf(name, sizeof(name), "%s%s", row->size, octets(row->size));
		plot_point(
		    &p, series_named(&p, name, PLOT_LINE), line ? row->line_percent : row->offered_pps, sum.loss * 100);
	}
	return finish(&p, f);
}

static void
floor_points(const struct report *r, struct plot *p)
{
	const struct trial_latency *l = &r->floor;
	struct plot_series *s;

	if (!r->has_floor || l->n == 0 || (s = plot_add(p, "floor (the tester alone)", PLOT_DASHED)) == NULL)
		return;
	plot_point(p, s, 0, l->min / 1000);
	plot_point(p, s, 0.5, l->p50 / 1000);
	plot_point(p, s, 0.9, l->p90 / 1000);
	plot_point(p, s, 0.99, l->p99 / 1000);
	plot_point(p, s, 0.999, l->p999 / 1000);
	plot_point(p, s, 1, l->max / 1000);
}

/* A share beyond what the number of values can tell is not drawn, but for the maximum. */
static void
quantile_points(struct plot *p, struct plot_series *s, const double *ns, uint64_t n)
{
	for (unsigned i = 0; i < REPORT_QS; i++)
		if (report_q[i] == 1 || (1 - report_q[i]) * (double)n >= 1)
			plot_point(p, s, report_q[i], ns[i] / 1000);
}

static int
percentiles(const struct report *r, enum report_test test, FILE *f)
{
	unsigned shown = 0, more = 0;
	struct plot p;

	plot_init(
	    &p, "Latency by percentile", PLOT_PERCENTILE, "percent of the frames that took no longer", "latency, us");
	p.ylog = true;
	for (unsigned i = 0; i < r->nrows; i++) {
		const struct report_row *row = &r->row[i];
		unsigned dirs = test == REPORT_RUN || test == REPORT_SOAK ? TRIAL_DIRS : 1;

		if (row->test != test || (dirs == 1 && !row->final))
			continue;
		for (unsigned d = 0; d < dirs; d++) {
			unsigned from = dirs == 1 ? TRIAL_DIRS : d;
			struct report_sum sum;
			char name[192];

			if (!row->has_quantiles[from])
				continue;
			if (shown == PLOT_SERIES - 2) {
				more++;
				continue;
			}
			report_row_sum(row, &sum);
			snprintf(name, sizeof(name), "%s%s%s%s",
			    row->note[0] != '\0' && dirs > 1 ? row->note : row->size,
			    row->note[0] != '\0' && dirs > 1 ? "" : octets(row->size),
			    dirs > 1 && report_dir_used(&row->result.dir[1]) ? ", direction " : "",
			    dirs > 1 && report_dir_used(&row->result.dir[1]) ? (d == 0 ? "0>1" : "1>0") : "");
			quantile_points(&p, plot_add(&p, name, PLOT_LINE), row->quantile_ns[from],
			    dirs == 1 ? sum.latency.n : row->result.dir[d].latency.n);
			shown++;
		}
	}
	if (shown > 0)
		floor_points(r, &p);
	snprintf(p.about, sizeof(p.about),
	    "One line for each result, both axes logarithmic: the latency that the given share of the frames did not "
	    "exceed.");
	if (more > 0)
		fprintf(f, "<p class=\"about\">The percentile plot shows the first %u results of %u.</p>\n", shown,
		    shown + more);
	return finish(&p, f);
}

static int
latency_by_size(const struct report *r, FILE *f)
{
	static const char *const name[] = {"min", "median", "p99", "p99.9", "max"};
	struct plot p;

	plot_init(&p, "Latency by frame size", PLOT_CATEGORIES, "frame size, octets", "latency, us");
	p.ylog = true;
	snprintf(p.about, sizeof(p.about),
	    "Minimum, median, 99th and 99.9th percentile and maximum of each frame size; logarithmic.");
	for (unsigned i = 0; i < r->nrows; i++) {
		struct report_sum sum;
		double v[5];

		if (!chosen(&r->row[i], REPORT_LATENCY))
			continue;
		report_row_sum(&r->row[i], &sum);
		v[0] = sum.latency.min;
		v[1] = sum.latency.p50;
		v[2] = sum.latency.p99;
		v[3] = sum.latency.p999;
		v[4] = sum.latency.max;
		for (unsigned k = 0; k < 5 && sum.latency.n > 0; k++)
			plot_point(
			    &p, series_named(&p, name[k], PLOT_LINE), plot_category(&p, r->row[i].size), v[k] / 1000);
	}
	if (p.ncats < 2) { /* one size: the percentile plot says more */
		plot_free(&p);
		return 0;
	}
	return finish(&p, f);
}

static int
value_bars(const struct report *r, enum report_test test, const char *title, const char *ylabel, FILE *f)
{
	struct plot p;

	plot_init(&p, title, PLOT_CATEGORIES, "frame size, octets", ylabel);
	snprintf(p.about, sizeof(p.about), "A bar for each frame size.");
	for (unsigned i = 0; i < r->nrows; i++)
		if (chosen(&r->row[i], test))
			plot_point(&p, series_named(&p, report_test_name(test), PLOT_BAR),
			    plot_category(&p, r->row[i].size), r->row[i].value);
	return finish(&p, f);
}

/* What is drawn of a sample's direction; NAN: nothing. */
static double
sample_value(const struct trial_sample *s, unsigned d, unsigned which)
{
	const struct trial_latency *l = &s->latency[d];

	if (s->seconds <= 0 || (s->total[d].sent == 0 && s->total[d].received == 0 && s->asked_pps[d] == 0))
		return NAN;
	switch (which) {
	case 0:
		return (double)s->second[d].sent / s->seconds;
	case 1:
		return (double)s->second[d].received / s->seconds;
	case 2:
		return (double)s->second[d].lost / s->seconds;
	case 3:
		return (double)(s->second[d].reordered + s->second[d].duplicate + s->second[d].corrupt) / s->seconds;
	default:
		return l->n == 0 ? NAN
				 : (which == 4	    ? l->min
				       : which == 5 ? l->p50
				       : which == 6 ? l->p99
						    : l->max) /
				       1000;
	}
}

static int
over_time(
    const struct report *r, unsigned first, unsigned last, const char *title, const char *ylabel, bool ylog, FILE *f)
{
	static const char *const name[] = {
	    "sent", "received", "lost", "reordered, duplicate or corrupt", "min", "median", "p99", "max"};
	struct plot p;
	bool both = false;

	plot_init(&p, title, PLOT_LINEAR, "seconds", ylabel);
	p.ylog = ylog;
	snprintf(p.about, sizeof(p.about), "Over the time of the run, a point for each interval.");
	for (unsigned i = 0; i < r->nsamples; i++)
		both |= isfinite(sample_value(&r->sample[i], 1, 0));
	for (unsigned d = 0; d < TRIAL_DIRS; d++)
		for (unsigned which = first; which <= last; which++) {
			double offset = 0, before = 0;
			char label[96];

			if (both && first == 4 && which != 5 && which != 7)
				continue;
			snprintf(label, sizeof(label), "%s%s", name[which], !both ? "" : d == 0 ? ", 0>1" : ", 1>0");
			for (unsigned i = 0; i < r->nsamples; i++) {
				const struct trial_sample *s = &r->sample[i];

				if (s->at < before) /* the next trial of a scenario: time goes on */
					offset += before;
				before = s->at;
				if (isfinite(sample_value(s, d, which)))
					plot_point(&p, series_named(&p, label, PLOT_LINE), s->at + offset,
					    sample_value(s, d, which));
			}
		}
	return finish(&p, f);
}

static int
time_charts(const struct report *r, FILE *f)
{
	int error;

	if (r->nsamples < 2)
		return 0;
	error = over_time(r, 0, 1, "Rates over time", "frames/s", false, f);
	if (error == 0)
		error = over_time(r, 4, 7, "Latency over time", "latency, us", true, f);
	if (error == 0)
		error = over_time(r, 2, 3, "Faults over time", "frames/s", false, f);
	return error;
}

int
html_charts(const struct report *r, enum report_test test, FILE *f)
{
	int error;

	switch (test) {
	case REPORT_RUN:
	case REPORT_SOAK:
		error = time_charts(r, f);
		return error != 0 ? error : percentiles(r, test, f);
	case REPORT_THROUGHPUT:
	case REPORT_MLR:
		error = rates_by_size(r, test, f);
		return error != 0 ? error : bits_by_size(r, test, f);
	case REPORT_LATENCY:
		error = percentiles(r, test, f);
		return error != 0 ? error : latency_by_size(r, f);
	case REPORT_LOSS:
		return loss_curve(r, f);
	case REPORT_BACK:
		return value_bars(r, test, "Longest burst without loss", "frames", f);
	case REPORT_RECOVERY:
		return value_bars(r, test, "Time to recover", "seconds", f);
	case REPORT_RESET:
		return value_bars(r, test, "Time to forward again", "seconds", f);
	}
	return 0;
}
