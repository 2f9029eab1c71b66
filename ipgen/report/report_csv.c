/* SPDX-License-Identifier: BSD-2-Clause */
/* One line for each trial (RFC 4180).  The names of the columns are in doc/ipgen-report.md, and stay. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ipgen/report/report_var.h"

/* Names and values come from the same calls: names says which of them is written. */
struct csv {
	FILE *f;
	bool names, first;
	const char *prefix;
};

/* => true: the caller writes the value */
static bool
field(struct csv *c, const char *name)
{
	if (!c->first)
		putc(',', c->f);
	c->first = false;
	if (c->names)
		fprintf(c->f, "%s%s", c->prefix, name);
	return !c->names;
}

static void
text(struct csv *c, const char *name, const char *s)
{
	char clean[1100];

	if (!field(c, name))
		return;
	report_clean(clean, sizeof(clean), s);
	if (strpbrk(clean, ",\"\r\n") == NULL && clean[0] != ' ') {
		fputs(clean, c->f);
		return;
	}
	putc('"', c->f);
	for (const char *p = clean; *p != '\0'; p++) {
		if (*p == '"')
			putc('"', c->f);
		putc(*p, c->f);
	}
	putc('"', c->f);
}

/* What is not known is empty. */
static void
number(struct csv *c, const char *name, double v)
{
	if (field(c, name) && isfinite(v))
		fprintf(c->f, "%.12g", v);
}

static void
known(struct csv *c, const char *name, double v)
{
	number(c, name, v > 0 ? v : NAN);
}

static void
count(struct csv *c, const char *name, uint64_t v)
{
	if (field(c, name))
		fprintf(c->f, "%" PRIu64, v);
}

static void
yes(struct csv *c, const char *name, bool v)
{
	if (field(c, name))
		fputs(v ? "1" : "0", c->f);
}

static void
counts(struct csv *c, const struct trial_counts *n)
{
	count(c, "sent", n->sent);
	count(c, "received", n->received);
	count(c, "lost", n->lost);
	number(c, "loss_percent", report_loss(n) * 100);
	count(c, "reordered", n->reordered);
	count(c, "reorder_max", n->reorder_max);
	count(c, "duplicate", n->duplicate);
	count(c, "corrupt", n->corrupt);
	count(c, "misdelivered", n->misdelivered);
	count(c, "unattributed", n->unattributed);
	count(c, "stale", n->stale);
	count(c, "fragments", n->fragments);
	count(c, "tx_full", n->tx_full);
	count(c, "slipped", n->slipped);
}

static void
latency(struct csv *c, const struct trial_latency *l)
{
	bool any = l->n > 0;

	number(c, "latency_min_ns", any ? l->min : NAN);
	number(c, "latency_mean_ns", any ? l->mean : NAN);
	number(c, "latency_p50_ns", any ? l->p50 : NAN);
	number(c, "latency_p90_ns", any ? l->p90 : NAN);
	number(c, "latency_p99_ns", any ? l->p99 : NAN);
	number(c, "latency_p999_ns", any ? l->p999 : NAN);
	number(c, "latency_max_ns", any ? l->max : NAN);
	number(c, "jitter_ns", any ? l->jitter : NAN);
}

static void
line(struct csv *c, const struct report_row *row)
{
	static const char *const prefix[TRIAL_DIRS] = {"dir0_", "dir1_"};
	const char *unit = report_value_unit(row->test);
	struct report_sum sum;

	report_row_sum(row, &sum);
	c->first = true;
	c->prefix = "";
	text(c, "test", report_test_name(row->test));
	text(c, "size", row->size);
	known(c, "mean_size", row->mean_size);
	yes(c, "final", row->final);
	yes(c, "pass", row->pass);
	text(c, "note", row->note);
	number(c, "value", unit != NULL ? row->value : NAN);
	text(c, "value_unit", unit != NULL ? unit : "");
	for (unsigned i = 0; i < REPORT_UNITS; i++) {
		double low, high;

		report_interval(row, i, &low, &high);
		number(c, report_interval_name[i][0], low);
		number(c, report_interval_name[i][1], high);
	}
	known(c, "started", row->started);
	number(c, "seconds", row->result.seconds);
	known(c, "offered_pps", row->offered_pps);
	known(c, "offered_bps_l1", row->offered_pps * (row->mean_size + REPORT_GAP) * 8);
	known(c, "offered_bps_l2", row->offered_pps * row->mean_size * 8);
	known(c, "line_pps", row->line_pps);
	known(c, "line_percent", row->line_percent);
	number(c, "tx_pps", sum.tx_pps);
	number(c, "rx_pps", sum.rx_pps);
	counts(c, &sum.count);
	latency(c, &sum.latency);
	count(c, "other", row->result.other);
	count(c, "tester_lost", row->result.tester_lost);
	count(c, "device_missed", row->result.device_missed);
	yes(c, "interrupted", row->result.interrupted);
	yes(c, "link_lost", row->result.link_lost);
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		const struct trial_direction *dir = &row->result.dir[d];

		c->prefix = prefix[d];
		known(c, "asked_pps", dir->asked_pps);
		number(c, "tx_pps", dir->tx_pps);
		number(c, "rx_pps", dir->rx_pps);
		counts(c, &dir->count);
		latency(c, &dir->latency);
		count(c, "burst_median", dir->burst_median);
		count(c, "burst_max", dir->burst_max);
		known(c, "peak_10ms", (double)dir->peak10ms);
		count(c, "flows", dir->flows);
		count(c, "flows_lossy", dir->flows_lossy);
	}
	fputs("\r\n", c->f);
}

int
report_csv(const struct report *r, FILE *f)
{
	static const struct report_row none; /* only names are taken from it */
	locale_t before = report_locale_enter();
	struct csv c = {.f = f, .names = true};

	line(&c, &none);
	c.names = false;
	for (unsigned i = 0; i < r->nrows; i++)
		line(&c, &r->row[i]);
	report_locale_leave(before);
	return ferror(f) ? -EIO : 0;
}
