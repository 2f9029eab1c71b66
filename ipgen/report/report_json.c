/* SPDX-License-Identifier: BSD-2-Clause */
/* Results as JSON objects: the schema is in doc/ipgen-report.md, and stays.  What is not known is null. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "ipgen/report/report_var.h"

#define SCHEMA 1

json_t *
json_number(double v)
{
	if (!isfinite(v))
		return json_null();
	if (v == floor(v) && fabs(v) < 9e15)
		return json_integer((json_int_t)v);
	return json_real(v);
}

/* 0 stands for "not known" in some figures. */
static json_t *
json_known(double v)
{
	return json_number(v > 0 ? v : NAN);
}

json_t *
json_text(const char *text)
{
	char clean[1100];

	return json_string(report_clean(clean, sizeof(clean), text));
}

/* Takes both references.  An object that lacks a member for want of memory is none. */
static json_t *
set(json_t *o, const char *name, json_t *v)
{
	if (o != NULL && json_object_set_new(o, name, v) != 0) {
		json_decref(o);
		return NULL;
	}
	if (o == NULL)
		json_decref(v);
	return o;
}

static json_t *
append(json_t *a, json_t *v)
{
	if (a != NULL && json_array_append_new(a, v) != 0) {
		json_decref(a);
		return NULL;
	}
	if (a == NULL)
		json_decref(v);
	return a;
}

static json_t *
count(uint64_t v)
{
	return json_integer((json_int_t)v);
}

json_t *
latency_json(const struct trial_latency *l)
{
	json_t *o;

	if (l->n == 0)
		return json_null();
	o = set(json_object(), "n", count(l->n));
	o = set(o, "min_ns", json_number(l->min));
	o = set(o, "mean_ns", json_number(l->mean));
	o = set(o, "p50_ns", json_number(l->p50));
	o = set(o, "p90_ns", json_number(l->p90));
	o = set(o, "p99_ns", json_number(l->p99));
	o = set(o, "p999_ns", json_number(l->p999));
	o = set(o, "max_ns", json_number(l->max));
	o = set(o, "jitter_ns", json_number(l->jitter));
	return set(o, "jitter_max_ns", json_number(l->jitter_max));
}

static json_t *
counts_set(json_t *o, const struct trial_counts *c)
{
	o = set(o, "sent", count(c->sent));
	o = set(o, "sent_octets", count(c->sent_octets));
	o = set(o, "received", count(c->received));
	o = set(o, "received_octets", count(c->received_octets));
	o = set(o, "unique", count(c->unique));
	o = set(o, "lost", count(c->lost));
	o = set(o, "loss", json_number(report_loss(c)));
	o = set(o, "reordered", count(c->reordered));
	o = set(o, "reorder_max", count(c->reorder_max));
	o = set(o, "duplicate", count(c->duplicate));
	o = set(o, "corrupt", count(c->corrupt));
	o = set(o, "misdelivered", count(c->misdelivered));
	o = set(o, "unattributed", count(c->unattributed));
	o = set(o, "stale", count(c->stale));
	o = set(o, "fragments", count(c->fragments));
	o = set(o, "late", count(c->late));
	o = set(o, "tx_full", count(c->tx_full));
	return set(o, "slipped", count(c->slipped));
}

static json_t *
rates_set(json_t *o, double tx_pps, double rx_pps, double tx_octets, double rx_octets)
{
	o = set(o, "tx_pps", json_number(tx_pps));
	o = set(o, "rx_pps", json_number(rx_pps));
	o = set(o, "tx_bps_l1", json_number((tx_octets + tx_pps * REPORT_GAP) * 8));
	o = set(o, "tx_bps_l2", json_number(tx_octets * 8));
	o = set(o, "rx_bps_l1", json_number((rx_octets + rx_pps * REPORT_GAP) * 8));
	return set(o, "rx_bps_l2", json_number(rx_octets * 8));
}

static json_t *
quantiles_json(const double *ns)
{
	json_t *a;

	if (ns == NULL)
		return json_null();
	a = json_array();
	for (unsigned i = 0; i < REPORT_QS; i++)
		a = append(a, append(append(json_array(), json_number(report_q[i])), json_number(ns[i])));
	return a;
}

static json_t *
direction_json(const struct trial_result *result, unsigned d, const double *ns, bool brief)
{
	const struct trial_direction *dir = &result->dir[d];
	double size = dir->mean_size;
	json_t *o = set(json_object(), "direction", count(d));

	o = set(o, "asked_pps", json_number(dir->asked_pps));
	o = set(o, "mean_size", json_known(size));
	o = rates_set(o, dir->tx_pps, dir->rx_pps, dir->tx_pps * size, dir->rx_pps * size);
	o = counts_set(o, &dir->count);
	o = set(o, "latency", latency_json(&dir->latency));
	if (!brief)
		o = set(o, "percentiles", quantiles_json(ns));
	o = set(o, "burst_median", count(dir->burst_median));
	o = set(o, "burst_max", count(dir->burst_max));
	o = set(o, "peak_10ms", json_known((double)dir->peak10ms));
	o = set(o, "flows", count(dir->flows));
	return set(o, "flows_lossy", count(dir->flows_lossy));
}

/* row: where the histograms are no more, what it kept of them; or NULL */
static json_t *
result_object(const struct trial_result *result, const struct report_row *row, bool brief)
{
	json_t *o = set(json_object(), "seconds", json_number(result->seconds)), *a = json_array();

	o = set(o, "interrupted", json_boolean(result->interrupted));
	o = set(o, "link_lost", json_boolean(result->link_lost));
	o = set(o, "other", count(result->other));
	o = set(o, "tester_lost", count(result->tester_lost));
	o = set(o, "device_missed", count(result->device_missed));
	for (unsigned d = 0; d < TRIAL_DIRS; d++)
		if (report_dir_used(&result->dir[d])) {
			double now[REPORT_QS];
			const double *ns = NULL;

			if (row != NULL)
				ns = row->has_quantiles[d] ? row->quantile_ns[d] : NULL;
			else if (report_quantiles(result, (int)d, now))
				ns = now;
			a = append(a, direction_json(result, d, ns, brief));
		}
	return set(o, "directions", a);
}

json_t *
result_json(const struct trial_result *result)
{
	return result_object(result, NULL, false);
}

json_t *
sample_json(const struct trial_sample *s)
{
	json_t *o = set(json_object(), "at", json_number(s->at)), *a = json_array();

	o = set(o, "seconds", json_number(s->seconds));
	o = set(o, "counting", json_boolean(s->counting));
	o = set(o, "other", count(s->other));
	o = set(o, "tester_lost", count(s->tester_lost));
	o = set(o, "device_missed", count(s->device_missed));
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		const struct trial_counts *c = &s->second[d];
		double by = s->seconds > 0 ? s->seconds : NAN;
		json_t *dir;

		if (s->asked_pps[d] == 0 && s->total[d].sent == 0 && s->total[d].received == 0)
			continue;
		dir = set(json_object(), "direction", count(d));
		dir = set(dir, "asked_pps", json_number(s->asked_pps[d]));
		dir = rates_set(dir, (double)c->sent / by, (double)c->received / by, (double)c->sent_octets / by,
		    (double)c->received_octets / by);
		dir = set(dir, "second", counts_set(json_object(), c));
		dir = set(dir, "total", counts_set(json_object(), &s->total[d]));
		dir = set(dir, "burst_median", count(s->burst_median[d]));
		dir = set(dir, "burst_max", count(s->burst_max[d]));
		a = append(a, set(dir, "latency", latency_json(&s->latency[d])));
	}
	return set(o, "directions", a);
}

json_t *
report_row_json(const struct report_row *row, bool brief)
{
	const char *unit = report_value_unit(row->test);
	json_t *o = set(json_object(), "test", json_text(report_test_name(row->test)));

	o = set(o, "size", json_text(row->size));
	o = set(o, "mean_size", json_known(row->mean_size));
	o = set(o, "final", json_boolean(row->final));
	o = set(o, "pass", json_boolean(row->pass));
	o = set(o, "note", json_text(row->note));
	o = set(o, "value", json_number(unit != NULL ? row->value : NAN));
	o = set(o, "value_unit", unit != NULL ? json_text(unit) : json_null());
	for (unsigned i = 0; i < REPORT_UNITS; i++) {
		double low, high;

		report_interval(row, i, &low, &high);
		o = set(o, report_interval_name[i][0], json_number(low));
		o = set(o, report_interval_name[i][1], json_number(high));
	}
	o = set(o, "started", json_known(row->started));
	o = set(o, "offered_pps", json_known(row->offered_pps));
	o = set(o, "offered_bps_l1", json_known(row->offered_pps * (row->mean_size + REPORT_GAP) * 8));
	o = set(o, "offered_bps_l2", json_known(row->offered_pps * row->mean_size * 8));
	o = set(o, "line_pps", json_known(row->line_pps));
	o = set(o, "line_percent", json_known(row->line_percent));
	return set(o, "result", result_object(&row->result, row, brief));
}

json_t *
report_json(const struct report *r)
{
	locale_t before = report_locale_enter();
	json_t *o = set(json_object(), "format", json_text("ipgen-report")), *a;

	o = set(o, "schema", count(SCHEMA));
	o = set(o, "ipgen_version", json_text(r->version));
	o = set(o, "title", json_text(r->title));
	o = set(o, "dut", json_text(r->dut));
	o = set(o, "command", json_text(r->command));
	o = set(o, "host", json_text(r->host));
	o = set(o, "cpu", json_text(r->cpu));
	a = append(json_array(), r->port[0][0] != '\0' ? json_text(r->port[0]) : json_null());
	o = set(o, "ports", append(a, r->port[1][0] != '\0' ? json_text(r->port[1]) : json_null()));
	o = set(o, "started", json_known(r->started));
	o = set(o, "ended", json_known(r->ended));
	o = set(o, "floor", r->has_floor ? latency_json(&r->floor) : json_null());
	a = json_array();
	for (unsigned i = 0; i < r->nrows; i++)
		a = append(a, report_row_json(&r->row[i], false));
	o = set(o, "rows", a);
	a = json_array();
	for (unsigned i = 0; i < r->nsamples; i++)
		a = append(a, sample_json(&r->sample[i]));
	o = set(o, "samples", a);
	report_locale_leave(before);
	return o;
}

int
report_json_write(const struct report *r, FILE *f)
{
	json_t *o = report_json(r);
	locale_t before;
	int error = 0;

	if (o == NULL)
		return -ENOMEM;
	before = report_locale_enter();
	errno = 0;
	if (json_dumpf(o, f, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) != 0 || putc('\n', f) == EOF)
		error = errno != 0 ? -errno : -EIO;
	report_locale_leave(before);
	json_decref(o);
	return error;
}
