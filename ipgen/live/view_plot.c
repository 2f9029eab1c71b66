/* SPDX-License-Identifier: BSD-2-Clause */
/* The terminal view: plots over time, rows of a series of tests, help. */
#include <curses.h>
#include <stdio.h>
#include <string.h>

#include "ipgen/live/view.h"
#include "ipgen/report/report_var.h"

enum plot { PLOT_RATE, PLOT_LOSS, PLOT_P99, PLOT_N };

static double
plot_value(const struct view *v, enum plot plot, unsigned i)
{
	const struct view_point *p = &v->point[i % VIEW_HISTORY];
	double sum = 0;

	for (unsigned d = 0; d < v->live->dirs; d++) {
		double octets = p->rx_octets[d] + (v->unit == RATE_L1 ? TRAFFIC_GAP * p->rx_pps[d] : 0);

		if ((v->selected & 1u << d) == 0)
			continue;
		if (plot == PLOT_RATE)
			sum += v->unit == RATE_PPS ? p->rx_pps[d] : octets * 8;
		else if (plot == PLOT_LOSS)
			sum += p->loss[d];
		else if (p->p99[d] > sum)
			sum = p->p99[d];
	}
	return sum;
}

static void
plot_title(const struct view *v, enum plot plot, int y, int x, int width, double now, double top)
{
	static const char *const names[] = {"received", "lost", "p99"};
	char a[24], b[24], text[128];

	if (plot == PLOT_P99) {
		view_time(v, a, sizeof(a), now);
		view_time(v, b, sizeof(b), top);
	} else {
		const char *unit = plot == PLOT_LOSS || v->unit == RATE_PPS ? "pps" : "bit/s";

		rate_format(a, sizeof(a) - 8, now);
		rate_format(b, sizeof(b) - 8, top);
		strncat(a, unit, sizeof(a) - strlen(a) - 1);
	}
	snprintf(text, sizeof(text), "%s %s, top %s", names[plot], a, b);
	view_put(v, y, x, width, plot == PLOT_LOSS && now > 0 ? PAIR_BAD : PAIR_HEAD, false, "%s", text);
}

static void
plot_one(const struct view *v, enum plot plot, int y, int x, int height, int width)
{
	static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const ascii[] = {" ", ".", ":", "#"};
	const unsigned levels = v->utf8 ? 8 : 3;
	unsigned n = v->npoints < VIEW_HISTORY ? v->npoints : VIEW_HISTORY, first;
	double top = 0;
	int bars = height - 1;

	if (n > (unsigned)width)
		n = (unsigned)width;
	first = v->npoints - n;
	for (unsigned i = 0; i < n; i++) {
		double value = plot_value(v, plot, first + i);

		top = value > top ? value : top;
	}
	plot_title(v, plot, y, x, width, n > 0 ? plot_value(v, plot, v->npoints - 1) : 0, top);
	for (unsigned i = 0; i < n && top > 0; i++) {
		double value = plot_value(v, plot, first + i);
		unsigned filled = (unsigned)(value / top * bars * levels + 0.5);

		if (filled == 0 && value > 0)
			filled = 1;
		for (int row = 0; row < bars; row++) {
			unsigned cell = filled > (unsigned)row * levels ? filled - (unsigned)row * levels : 0;

			if (cell > levels)
				cell = levels;
			if (cell > 0)
				view_put(v, y + height - 1 - row, x + width - (int)n + (int)i, 1,
				    plot == PLOT_LOSS	? PAIR_BAD
				    : plot == PLOT_RATE ? PAIR_GOOD
							: PAIR_PLOT,
				    false, "%s", v->utf8 ? blocks[cell] : ascii[cell]);
		}
	}
	/* the base line, so that an empty plot is seen to be one */
	for (int i = 0; i < width && bars > 0 && (n == 0 || top == 0); i++)
		view_put(v, y + height - 1, x + i, 1, PAIR_DIM, false, "%s", v->utf8 ? "·" : ".");
}

void
view_plots(const struct view *v, int y, int x, int height, int width, bool side)
{
	int w = side ? (width - 2 * (PLOT_N - 1)) / PLOT_N : width,
	    h = side ? height : (height - (PLOT_N - 1)) / PLOT_N;

	if (w < 10 || h < 2)
		return;
	for (int i = 0; i < PLOT_N; i++)
		plot_one(v, (enum plot)i, side ? y : y + i * (h + 1), side ? x + i * (w + 2) : x, h, w);
}

/* What a row's columns have in common. */
struct rows_text {
	char rate[24], time[24], loss[24], share[16];
	enum view_pair pair;
};

static void
rows_text(const struct view *v, const struct report_row *row, struct rows_text *t)
{
	uint64_t sent = 0, lost = 0;
	double p99 = 0;

	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		sent += row->result.dir[d].count.sent;
		lost += row->result.dir[d].count.lost;
		if (row->result.dir[d].latency.n > 0 && row->result.dir[d].latency.p99 > p99)
			p99 = row->result.dir[d].latency.p99;
	}
	rate_format(t->rate, sizeof(t->rate), row->offered_pps);
	snprintf(t->time, sizeof(t->time), "-");
	if (p99 > 0)
		view_time(v, t->time, sizeof(t->time), p99);
	snprintf(
	    t->loss, sizeof(t->loss), sent > 0 ? "%.4f%%" : "-", (double)lost * 100 / (double)(sent > 0 ? sent : 1));
	snprintf(t->share, sizeof(t->share), row->line_percent > 0 ? "%.2f%%" : "-", row->line_percent);
	t->pair = row->final && !row->pass ? PAIR_BAD : row->final ? PAIR_GOOD : PAIR_NONE;
}

/* => how many fit below a head, the last of them; the number of the first */
static unsigned
rows_first(const struct view *v, int height, unsigned *first)
{
	const struct report *report = v->live->report;
	unsigned n;

	if (height < 2 || report == NULL || report->nrows == 0)
		return 0;
	n = report->nrows < (unsigned)height - 1 ? report->nrows : (unsigned)height - 1;
	*first = report->nrows - n;
	return n;
}

/* The test's name where there is room for it. */
#define ROWS_TEST 110

void
view_rows(const struct view *v, int y, int x, int height, int width)
{
	unsigned first = 0, n = rows_first(v, height, &first);
	bool wide = width >= ROWS_TEST;

	if (n == 0) {
		if (v->page == PAGE_ROWS)
			view_put(v, y, x, width, PAIR_HEAD, false, "no results yet; any key goes back");
		return;
	}
	view_put(v, y, x, width, PAIR_HEAD, false, "  %-12s %9s %8s %10s %12s  %-5s %-*s%s", "size", "offered",
	    "of line", "loss", "p99", "", wide ? 13 : 0, wide ? "test" : "", "note");
	for (unsigned i = 0; i < n; i++) {
		const struct report_row *row = &v->live->report->row[first + i];
		struct rows_text t;

		rows_text(v, row, &t);
		view_put(v, y + 1 + (int)i, x, width, t.pair, row->final, "%c %-12.12s %9s %8s %10s %*s  %-5s %-*s%s",
		    row->final ? '*' : ' ', row->size, t.rate, t.share, t.loss, 12 + (int)(strstr(t.time, "µ") != NULL),
		    t.time, row->pass ? "pass" : "fail", wide ? 13 : 0, wide ? report_test_name(row->test) : "",
		    row->note);
	}
}

void
view_rows_narrow(const struct view *v, int y, int x, int height, int width)
{
	unsigned first = 0, n = rows_first(v, height, &first);

	if (n > 0)
		view_put(v, y, x, width, PAIR_HEAD, false, "  %-6s %7s %9s", "size", "offered", "loss");
	for (unsigned i = 0; i < n; i++) {
		const struct report_row *row = &v->live->report->row[first + i];
		struct rows_text t;

		rows_text(v, row, &t);
		view_put(v, y + 1 + (int)i, x, width, t.pair, row->final, "%c %-6.6s %7s %9s %s",
		    row->final ? '*' : ' ', row->size, t.rate, t.loss, row->pass ? "pass" : "fail");
	}
}

void
view_help(const struct view *v, int height, int width)
{
	static const char *const lines[] = {
	    "keys",
	    "",
	    "  + -  up down       rate 10 % more, less",
	    "  > <  right left    rate 1 % more, less",
	    "  * /  page up down  rate twice, half",
	    "  p                  enter a rate: 100000, 1Mpps, 10%, 1Gbps/l1, max",
	    "  s                  enter frame sizes: 64, 64-1518:64, imix, genome:aabc",
	    "  tab                which direction the keys change: both, 0, 1",
	    "  space              pause, and go on",
	    "  x                  switch off what is selected, and on",
	    "  z  r               totals on the screen begin anew",
	    "  b                  plots in packets, bits of layer 2, of layer 1",
	    "  m                  messages so far       l  results of a series so far",
	    "  ^L                 draw anew        ^Z  suspend",
	    "  q  ^C              stop, wait for what is under way, summary; twice: at once",
	    "",
	    "lost: missing below the highest number that came; all, while nothing comes at all",
	    "floor: the latency of the tester alone; late: given up because the sender came late",
	    "full: times the device took less than was due; missed: lost at our own device",
	    "",
	    "any key goes back",
	};

	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]) && (int)i < height - 1; i++)
		view_put(v, 1 + (int)i, 1, width - 2, i == 0 ? PAIR_HEAD : PAIR_NONE, i == 0, "%s", lines[i]);
}
