/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of a report: one of each test for the tests of RFC 2544 and MLRsearch, three for runs. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "ipgen/report/report_var.h"

#define FLOOR_TEXT "The floor is the tester's own, through a loop in its memory, and is part of all values."

static struct tab *
tabs_new(struct tabs *tabs, enum report_test test, const char *title, const char *about)
{
	struct tab *t;

	if (tabs->n == sizeof(tabs->tab) / sizeof(tabs->tab[0]))
		return NULL;
	t = &tabs->tab[tabs->n];
	tabs->test[tabs->n++] = test;
	tab_init(t, title, about);
	return t;
}

/* Of a test only what came of it is shown; where none did (it was stopped), all trials. */
static bool
shown(const struct report *r, const struct report_row *row, enum report_test test)
{
	if (row->test != test)
		return false;
	if (row->final || test == REPORT_RUN || test == REPORT_SOAK)
		return true;
	for (unsigned i = 0; i < r->nrows; i++)
		if (r->row[i].test == test && r->row[i].final && strcmp(r->row[i].size, row->size) == 0)
			return false;
	return true;
}

static unsigned
trials_of(const struct report *r, const struct report_row *row)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->nrows; i++)
		n += r->row[i].test == row->test && strcmp(r->row[i].size, row->size) == 0 && !r->row[i].final;
	return n;
}

/* => what a row's rates and bits are about: the result, or what was offered */
static double
row_pps(const struct report_row *row)
{
	bool is_rate = row->test == REPORT_THROUGHPUT || row->test == REPORT_MLR;

	return is_rate && row->final ? row->value : row->offered_pps;
}

static struct bits_unit
unit_of(const struct report *r, enum report_test test)
{
	double most = 0;

	for (unsigned i = 0; i < r->nrows; i++)
		if (r->row[i].test == test) {
			double bps = row_pps(&r->row[i]) * (r->row[i].mean_size + REPORT_GAP) * 8;

			if (isfinite(bps))
				most = fmax(most, bps);
		}
	return bits_unit_for(most);
}

static const char *
line_text(const struct report_row *row, double pps)
{
	if (row->line_pps > 0)
		return fmt_fixed(pps / row->line_pps * 100, 2);
	return row->line_percent > 0 ? fmt_fixed(row->line_percent, 2) : "-";
}

static void
rate_columns(struct tab *t, const struct bits_unit *unit)
{
	tab_col(t, "rate", "frames/s", false);
	tab_col(t, "of line", "%", false);
	tab_col(t, "", unit->l2, false);
	tab_col(t, "", unit->l1, false);
}

static void
rate_cells(struct tab *t, const struct report_row *row, double pps, const struct bits_unit *unit)
{
	tab_cell(t, "%s", fmt_count(pps));
	tab_cell(t, "%s", line_text(row, pps));
	tab_cell(t, "%s", fmt_fixed(pps * row->mean_size * 8 / unit->div, 3));
	tab_cell(t, "%s", fmt_fixed(pps * (row->mean_size + REPORT_GAP) * 8 / unit->div, 3));
}

static void
latency_columns(struct tab *t)
{
	tab_col(t, "min", "us", false);
	tab_col(t, "mean", "us", false);
	tab_col(t, "median", "us", false);
	tab_col(t, "p90", "us", false);
	tab_col(t, "p99", "us", false);
	tab_col(t, "p99.9", "us", false);
	tab_col(t, "max", "us", false);
	tab_col(t, "jitter", "us", false);
}

static void
latency_cells(struct tab *t, const struct trial_latency *l)
{
	const double v[] = {l->min, l->mean, l->p50, l->p90, l->p99, l->p999, l->max, l->jitter};

	for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		tab_cell(t, "%s", l->n > 0 ? fmt_us(v[i]) : "-");
}

/* What became of it: the word where it was as it should be, or why not. */
static void
result_cell(struct tab *t, const struct report_row *row, const char *word)
{
	if (row->note[0] != '\0')
		tab_cell(t, "%s%s", row->pass ? "" : "none: ", row->note);
	else
		tab_cell(t, "%s", row->pass ? word : "none");
}

/* Without an upper bound a goal's result is irregular (RFC 9971): what was found is forwarded, more may be. */
static void
goal_result_cell(struct tab *t, const struct report_row *row)
{
	const char *why = strstr(row->note, ": irregular");

	why = why != NULL ? why + strlen(": irregular") : "";
	why += strspn(why, ": ");
	if (row->pass)
		tab_cell(t, "found");
	else if (row->value > 0 && row->high <= 0)
		tab_cell(t, "at least this: no load failed%s%s", why[0] != '\0' ? ", " : "", why);
	else if (row->value > 0)
		tab_cell(t, "irregular: not narrowed down%s%s", why[0] != '\0' ? ", " : "", why);
	else
		tab_cell(t, "none%s%s", why[0] != '\0' ? ": " : "", why);
}

static void
searched_table(const struct report *r, struct tabs *tabs, enum report_test test)
{
	struct bits_unit unit = unit_of(r, test);
	struct tab *t = tabs_new(tabs, test, report_test_title(test),
	    test == REPORT_MLR
		? "The highest load that met each goal (conditional throughput), with the search's last interval."
		: "The highest rate that passed, with the search's last interval.");

	if (t == NULL)
		return;
	tab_col(t, "size", "octets", true);
	if (test == REPORT_MLR)
		tab_col(t, "goal", "", true);
	rate_columns(t, &unit);
	tab_col(t, "passed", "frames/s", false);
	tab_col(t, "failed", "frames/s", false);
	tab_col(t, "line rate", "frames/s", false);
	tab_col(t, "loss", "%", false);
	tab_col(t, "trials", "", false);
	tab_col(t, "result", "", true);
	for (unsigned i = 0; i < r->nrows; i++) {
		const struct report_row *row = &r->row[i];
		struct report_sum sum;

		if (!shown(r, row, test))
			continue;
		report_row_sum(row, &sum);
		tab_cell(t, "%s", row->size);
		if (test == REPORT_MLR)
			tab_cell(t, "%.*s", (int)strcspn(row->note, ":"), row->note);
		rate_cells(t, row, row_pps(row), &unit);
		tab_cell(t, "%s", row->low > 0 ? fmt_count(row->low) : "-");
		tab_cell(t, "%s", row->high > 0 ? fmt_count(row->high) : "-");
		tab_cell(t, "%s", row->line_pps > 0 ? fmt_count(row->line_pps) : "-");
		tab_cell(t, "%s", fmt_percent(sum.loss));
		tab_cell(t, "%u", trials_of(r, row));
		if (test == REPORT_MLR)
			goal_result_cell(t, row);
		else
			result_cell(t, row, "found");
	}
}

static void
floor_row(struct tab *t, const struct report *r, unsigned before)
{
	if (!r->has_floor || r->floor.n == 0)
		return;
	tab_cell(t, "floor");
	for (unsigned i = 1; i < before; i++)
		tab_cell(t, "%s", "");
	latency_cells(t, &r->floor);
}

static void
latency_table(const struct report *r, struct tabs *tabs)
{
	struct tab *t = tabs_new(tabs, REPORT_LATENCY, report_test_title(REPORT_LATENCY),
	    r->has_floor && r->floor.n > 0 ? "At the throughput.  " FLOOR_TEXT
					   : "At the throughput."
					     "values.");

	if (t == NULL)
		return;
	tab_col(t, "size", "octets", true);
	tab_col(t, "rate", "frames/s", false);
	tab_col(t, "of line", "%", false);
	latency_columns(t);
	tab_col(t, "loss", "%", false);
	tab_col(t, "result", "", true);
	for (unsigned i = 0; i < r->nrows; i++) {
		const struct report_row *row = &r->row[i];
		struct report_sum sum;

		if (!shown(r, row, REPORT_LATENCY))
			continue;
		report_row_sum(row, &sum);
		tab_cell(t, "%s", row->size);
		tab_cell(t, "%s", fmt_count(row_pps(row)));
		tab_cell(t, "%s", line_text(row, row_pps(row)));
		latency_cells(t, &sum.latency);
		tab_cell(t, "%s", fmt_percent(sum.loss));
		result_cell(t, row, "measured");
	}
	floor_row(t, r, 3);
	for (unsigned i = 0; i < 2 && r->has_floor && r->floor.n > 0; i++)
		tab_cell(t, "%s", "");
}

static void
loss_table(const struct report *r, struct tabs *tabs)
{
	struct bits_unit unit = unit_of(r, REPORT_LOSS);
	struct tab *t = tabs_new(
	    tabs, REPORT_LOSS, report_test_title(REPORT_LOSS), "Frames lost of those sent, by the rate offered.");

	if (t == NULL)
		return;
	tab_col(t, "size", "octets", true);
	rate_columns(t, &unit);
	tab_col(t, "received", "frames/s", false);
	tab_col(t, "sent", "frames", false);
	tab_col(t, "lost", "frames", false);
	tab_col(t, "loss", "%", false);
	tab_col(t, "result", "", true);
	for (unsigned i = 0; i < r->nrows; i++) {
		const struct report_row *row = &r->row[i];
		struct report_sum sum;

		if (!shown(r, row, REPORT_LOSS))
			continue;
		report_row_sum(row, &sum);
		tab_cell(t, "%s", row->size);
		rate_cells(t, row, row->offered_pps, &unit);
		tab_cell(t, "%s", fmt_count(sum.rx_pps));
		tab_cell(t, "%s", fmt_count((double)sum.count.sent));
		tab_cell(t, "%s", fmt_count((double)sum.count.lost));
		tab_cell(t, "%s", fmt_percent(sum.loss));
		tab_cell(t, "%s", row->note[0] != '\0' ? row->note : "measured");
	}
}

static void
back_table(const struct report *r, struct tabs *tabs)
{
	struct tab *t = tabs_new(tabs, REPORT_BACK, report_test_title(REPORT_BACK),
	    "The longest burst at the highest rate that came through without loss (RFC 9004: the mean of the trials).");

	if (t == NULL)
		return;
	tab_col(t, "size", "octets", true);
	tab_col(t, "burst", "frames", false);
	tab_col(t, "at", "frames/s", false);
	tab_col(t, "lasting", "ms", false);
	tab_col(t, "trials", "", false);
	tab_col(t, "result", "", true);
	for (unsigned i = 0; i < r->nrows; i++) {
		const struct report_row *row = &r->row[i];

		if (!shown(r, row, REPORT_BACK))
			continue;
		tab_cell(t, "%s", row->size);
		tab_cell(t, "%s", fmt_count(row->value));
		tab_cell(t, "%s", fmt_count(row->offered_pps));
		tab_cell(t, "%s", row->offered_pps > 0 ? fmt_fixed(row->value / row->offered_pps * 1000, 3) : "-");
		tab_cell(t, "%u", trials_of(r, row));
		result_cell(t, row, "found");
	}
}

static void
time_table(const struct report *r, struct tabs *tabs, enum report_test test)
{
	struct tab *t = tabs_new(tabs, test, report_test_title(test),
	    test == REPORT_RECOVERY ? "The time from the end of an overload to the last frame lost."
				    : "The time from the reset to the first frame forwarded again.");

	if (t == NULL)
		return;
	tab_col(t, "size", "octets", true);
	tab_col(t, "time", "s", false);
	tab_col(t, "rate", "frames/s", false);
	tab_col(t, "of line", "%", false);
	tab_col(t, "result", "", true);
	for (unsigned i = 0; i < r->nrows; i++) {
		const struct report_row *row = &r->row[i];

		if (!shown(r, row, test))
			continue;
		tab_cell(t, "%s", row->size);
		tab_cell(t, "%s", fmt_fixed(row->value, 6));
		tab_cell(t, "%s", fmt_count(row->offered_pps));
		tab_cell(t, "%s", line_text(row, row->offered_pps));
		result_cell(t, row, "measured");
	}
}

/* What one direction of a run is called: with several rows, which. */
static const char *
run_name(const struct report *r, unsigned row, unsigned d, char *into, size_t len)
{
	const struct report_row *w = &r->row[row];

	snprintf(into, len, "%s%s%s", w->note[0] != '\0' ? w->note : w->size, w->note[0] != '\0' ? " / " : "",
	    w->note[0] != '\0' ? w->size : "");
	if (report_dir_used(&w->result.dir[1]))
		snprintf(into + strlen(into), len - strlen(into), " %s", d == 0 ? "0>1" : "1>0");
	return into;
}

#define EACH_DIRECTION(r, wanted, i, d, dir)                                                                           \
	for (unsigned i = 0; i < (r)->nrows; i++)                                                                      \
		for (unsigned d = 0; d < TRIAL_DIRS && (r)->row[i].test == (wanted); d++)                              \
			for (const struct trial_direction *dir = &(r)->row[i].result.dir[d];                           \
			     dir != NULL && report_dir_used(dir); dir = NULL)

static void
run_rates(const struct report *r, struct tabs *tabs, enum report_test test, char *name, size_t len)
{
	struct tab *t = tabs_new(tabs, test, report_test_title(test),
	    "Rates from the first to the last frame; bits/s of what was received.");
	struct bits_unit unit;
	double most = 0;

	if (t == NULL)
		return;
	EACH_DIRECTION(r, test, i, d, dir)
	most = fmax(most, dir->rx_pps * (dir->mean_size + REPORT_GAP) * 8);
	unit = bits_unit_for(most);
	tab_col(t, "what", "", true);
	tab_col(t, "asked", "frames/s", false);
	tab_col(t, "sent", "frames/s", false);
	tab_col(t, "received", "frames/s", false);
	tab_col(t, "", unit.l2, false);
	tab_col(t, "", unit.l1, false);
	tab_col(t, "size", "octets", false);
	tab_col(t, "lasting", "s", false);
	tab_col(t, "burst", "median", false);
	tab_col(t, "burst", "max", false);
	tab_col(t, "flows", "", false);
	tab_col(t, "lossy", "flows", false);
	EACH_DIRECTION(r, test, i, d, dir)
	{
		tab_cell(t, "%s", run_name(r, i, d, name, len));
		tab_cell(t, "%s", isfinite(dir->asked_pps) ? fmt_count(dir->asked_pps) : "max");
		tab_cell(t, "%s", fmt_count(dir->tx_pps));
		tab_cell(t, "%s", fmt_count(dir->rx_pps));
		tab_cell(t, "%s", fmt_fixed(dir->rx_pps * dir->mean_size * 8 / unit.div, 3));
		tab_cell(t, "%s", fmt_fixed(dir->rx_pps * (dir->mean_size + REPORT_GAP) * 8 / unit.div, 3));
		tab_cell(t, "%s", fmt_fixed(dir->mean_size, dir->mean_size == floor(dir->mean_size) ? 0 : 1));
		tab_cell(t, "%s", fmt_fixed(r->row[i].result.seconds, 1));
		tab_cell(t, "%u", dir->burst_median);
		tab_cell(t, "%u", dir->burst_max);
		tab_cell(t, "%s", fmt_count(dir->flows));
		tab_cell(t, "%s", fmt_count(dir->flows_lossy));
	}
}

static void
run_faults(const struct report *r, struct tabs *tabs, enum report_test test, char *name, size_t len)
{
	struct tab *t =
	    tabs_new(tabs, test, "Frames and faults", "Counted after what was under way had time to arrive.");

	if (t == NULL)
		return;
	tab_col(t, "what", "", true);
	tab_col(t, "sent", "", false);
	tab_col(t, "received", "", false);
	tab_col(t, "lost", "", false);
	tab_col(t, "loss", "%", false);
	tab_col(t, "reorder", "", false);
	tab_col(t, "extent", "max", false);
	tab_col(t, "dup.", "", false);
	tab_col(t, "corrupt", "", false);
	tab_col(t, "misdel.", "", false);
	tab_col(t, "unattr.", "", false);
	tab_col(t, "late", "slipped", false);
	tab_col(t, "result", "", true);
	EACH_DIRECTION(r, test, i, d, dir)
	{
		const struct trial_counts *c = &dir->count;

		tab_cell(t, "%s", run_name(r, i, d, name, len));
		tab_cell(t, "%s", fmt_count((double)c->sent));
		tab_cell(t, "%s", fmt_count((double)c->received));
		tab_cell(t, "%s", fmt_count((double)c->lost));
		tab_cell(t, "%s", fmt_percent(report_loss(c)));
		tab_cell(t, "%s", fmt_count((double)c->reordered));
		tab_cell(t, "%s", fmt_count((double)c->reorder_max));
		tab_cell(t, "%s", fmt_count((double)c->duplicate));
		tab_cell(t, "%s", fmt_count((double)c->corrupt));
		tab_cell(t, "%s", fmt_count((double)c->misdelivered));
		tab_cell(t, "%s", fmt_count((double)c->unattributed));
		tab_cell(t, "%s", fmt_count((double)c->slipped));
		tab_cell(t, "%s%s%s", r->row[i].pass ? "pass" : "FAIL",
		    r->row[i].result.interrupted ? ", interrupted" : "",
		    r->row[i].result.link_lost ? ", link lost" : "");
	}
}

static void
run_latency(const struct report *r, struct tabs *tabs, enum report_test test, char *name, size_t len)
{
	struct tab *t = tabs_new(tabs, test, "Latency", r->has_floor && r->floor.n > 0 ? FLOOR_TEXT : "");

	if (t == NULL)
		return;
	tab_col(t, "what", "", true);
	latency_columns(t);
	EACH_DIRECTION(r, test, i, d, dir)
	{
		tab_cell(t, "%s", run_name(r, i, d, name, len));
		latency_cells(t, &dir->latency);
	}
	floor_row(t, r, 1);
}

static bool
has_test(const struct report *r, enum report_test test)
{
	for (unsigned i = 0; i < r->nrows; i++)
		if (r->row[i].test == test)
			return true;
	return false;
}

/* Frames that the tester itself or its devices lost: they are no fault of the DUT's, and must not pass unseen. */
static void
own_table(const struct report *r, struct tabs *tabs)
{
	uint64_t lost = 0, missed = 0, other = 0;
	struct tab *t;

	for (unsigned i = 0; i < r->nrows; i++) {
		lost += r->row[i].result.tester_lost;
		missed += r->row[i].result.device_missed;
		other += r->row[i].result.other;
	}
	if (lost + missed + other == 0 ||
	    (t = tabs_new(tabs, (enum report_test)(REPORT_SOAK + 1), "The tester's own",
		 "Over all trials.  What is lost here is not the fault of the device under test.")) == NULL)
		return;
	tab_col(t, "what", "", true);
	tab_col(t, "frames", "", false);
	tab_cell(t, "lost by the tester (rings, buffers)");
	tab_cell(t, "%s", fmt_count((double)lost));
	tab_cell(t, "lost by its devices (missed, no buffer, errors)");
	tab_cell(t, "%s", fmt_count((double)missed));
	tab_cell(t, "other traffic seen (ARP, ND, hosts)");
	tab_cell(t, "%s", fmt_count((double)other));
}

int
report_tables(const struct report *r, struct tabs *tabs)
{
	char name[200];

	tabs->n = 0;
	for (enum report_test test = REPORT_RUN; test <= REPORT_SOAK; test++) {
		if (!has_test(r, test))
			continue;
		switch (test) {
		case REPORT_RUN:
		case REPORT_SOAK:
			run_rates(r, tabs, test, name, sizeof(name));
			run_faults(r, tabs, test, name, sizeof(name));
			run_latency(r, tabs, test, name, sizeof(name));
			break;
		case REPORT_THROUGHPUT:
		case REPORT_MLR:
			searched_table(r, tabs, test);
			break;
		case REPORT_LATENCY:
			latency_table(r, tabs);
			break;
		case REPORT_LOSS:
			loss_table(r, tabs);
			break;
		case REPORT_BACK:
			back_table(r, tabs);
			break;
		case REPORT_RECOVERY:
		case REPORT_RESET:
			time_table(r, tabs, test);
			break;
		}
	}
	own_table(r, tabs);
	for (unsigned i = 0; i < tabs->n; i++)
		if (tabs->tab[i].failed) {
			report_tables_free(tabs);
			return -ENOMEM;
		}
	return 0;
}
