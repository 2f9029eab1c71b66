/* SPDX-License-Identifier: BSD-2-Clause */
/* The terminal view: the figures and where they stand. */
#include <curses.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <stdlib.h>

#include "ipgen/live/view.h"

void
view_put(const struct view *v, int y, int x, int width, enum view_pair pair, bool bold, const char *fmt, ...)
{
	attr_t attrs = (bold ? A_BOLD : 0) | (v->colour && pair != PAIR_NONE ? (attr_t)COLOR_PAIR(pair) : 0);
	char text[512];
	wchar_t wide[512];
	va_list ap;
	size_t n;

	if (y < 0 || y >= LINES || x < 0 || x >= COLS || width <= 0)
		return;
	/* without colours what is bad stands out all the same */
	if (!v->colour && pair == PAIR_BAD)
		attrs |= A_REVERSE;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (x + width > COLS)
		width = COLS - x;
	attrset(attrs);
	n = mbstowcs(wide, text, sizeof(wide) / sizeof(wide[0]) - 1);
	if (n == (size_t)-1) {
		mvaddnstr(y, x, text, width);
	} else {
		wide[n] = L'\0';
		mvaddnwstr(y, x, wide, width);
	}
	attrset(A_NORMAL);
}

void
view_count(char *buf, size_t n, uint64_t value)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
	size_t at = 0;

	for (int i = 0; i < len && at + 2 < n; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
}

void
view_time(const struct view *v, char *buf, size_t n, double ns)
{
	if (ns < 1e3)
		snprintf(buf, n, "%.0f ns", ns);
	else if (ns < 1e6)
		snprintf(buf, n, "%.2f %s", ns / 1e3, v->utf8 ? "µs" : "us");
	else if (ns < 1e9)
		snprintf(buf, n, "%.2f ms", ns / 1e6);
	else
		snprintf(buf, n, "%.2f s", ns / 1e9);
}

static const char *
draw_phase(const struct view *v)
{
	if (v->quits > 0)
		return "stopping";
	if (!trial_running())
		return v->live->fixed ? "between" : "idle";
	if (v->paused)
		return "paused";
	if (!v->has_sample)
		return "starting";
	return v->last.counting ? "counting" : v->was_counting ? "drain" : "warm-up";
}

static void
draw_title(const struct view *v)
{
	double at = v->has_sample ? v->last.at : 0;
	char left[256], right[96];
	unsigned long s;
	int n;

	/* the clock goes on between samples */
	if (trial_running() && v->has_sample && view_now() - v->last_at < 2)
		at += view_now() - v->last_at;
	s = (unsigned long)at;
	n = snprintf(right, sizeof(right), "%-10s%s%lu:%02lu:%02lu ", draw_phase(v),
	    v->is_reset ? "(totals reset) " : "", s / 3600, s / 60 % 60, s % 60);
	if (v->live->ends > view_now()) {
		s = (unsigned long)(v->live->ends - view_now());
		n += snprintf(
		    right + n, sizeof(right) - (size_t)n, "left %lu:%02lu:%02lu ", s / 3600, s / 60 % 60, s % 60);
	}
	snprintf(left, sizeof(left), " ipgen  %.60s%s%.80s", v->live->test, v->live->title[0] != '\0' ? "  " : "",
	    v->live->title);
	attrset(A_REVERSE | A_BOLD);
	mvhline(0, 0, ' ', COLS);
	attrset(A_NORMAL);
	attrset(A_REVERSE | A_BOLD);
	mvaddnstr(0, 0, left, COLS - n - 1);
	mvaddstr(0, COLS - n, right);
	attrset(A_NORMAL);
}

static void
draw_size(const struct view *v, const struct traffic *t, int x)
{
	const char *text = v->live->sizes.text;
	char flows[32];

	view_count(flows, sizeof(flows), traffic_nflows(t));
	if (traffic_min_size(t) == traffic_max_size(t))
		view_put(v, 2, x, VIEW_FIELD - 2, PAIR_NONE, false, "size %u, flows %s", traffic_min_size(t), flows);
	else
		view_put(v, 2, x, VIEW_FIELD - 2, PAIR_NONE, false, "%.12s (%.4g), flows %s",
		    v->live->sizes.kind != SIZES_FIXED && text[0] != '\0' ? text : "mixed", traffic_mean_size(t),
		    flows);
}

/* The device's name, of a path its end, cut to what a direction's head has room for. */
static void
draw_port(char buf[48], const char *port)
{
	int len = (int)strcspn(port, " ,"), from = len;

	while (from > 0 && port[from - 1] != '/')
		from--;
	snprintf(buf, 48, "%.*s", len - from > 13 ? 13 : len - from, port + from);
}

static void
draw_direction(const struct view *v, unsigned d, int x)
{
	const struct traffic *t = trial_traffic(d);
	const char *arrow = v->utf8 ? "→" : ">";
	char from[48], to[48];
	bool keys = v->live->dirs > 1 && (v->selected & 1u << d) != 0;

	draw_port(from, v->live->port[d]);
	draw_port(to, v->live->port[v->live->two_ports ? !d : d]);
	view_put(v, 1, x, VIEW_FIELD, PAIR_HEAD, true, "%c%u %s %s %s", keys ? '*' : ' ', d, from, arrow, to);
	if (t != NULL)
		draw_size(v, t, x + 2);
}

/* packets/s, bits/s on layers 2 and 1 */
static void
draw_rate(const struct view *v, int y, int x, double pps, double octets, enum view_pair pair)
{
	char a[16], l2[16], l1[16];

	rate_format(a, sizeof(a), pps);
	if (isinf(pps)) {
		view_put(v, y, x, VIEW_FIELD, pair, false, "%9s %11s %10s", "max", "-", "-");
		return;
	}
	rate_format(l2, sizeof(l2), octets * 8);
	rate_format(l1, sizeof(l1), (octets + pps * TRAFFIC_GAP) * 8);
	view_put(v, y, x, VIEW_FIELD, pair, false, "%9s %11s %10s", a, l2, l1);
}

static void
draw_rates(const struct view *v, unsigned d, int x)
{
	const struct trial_sample *s = &v->last;
	const struct traffic *t = trial_traffic(d);
	double seconds = s->seconds > 0 ? s->seconds : 1, asked = v->live->asked_pps[d];
	double mean = t != NULL		      ? traffic_mean_size(t)
		      : s->second[d].sent > 0 ? (double)s->second[d].sent_octets / (double)s->second[d].sent
					      : 0;
	/* much less than asked was sent: the tester, not the device under test */
	bool slow = v->has_sample && s->counting && s->seconds > 0.9 && !v->paused && !isinf(asked) &&
		    (double)s->second[d].sent / seconds < asked * 0.98 - 2;

	view_put(v, 3, x, VIEW_FIELD, PAIR_DIM, false, "%9s %11s %10s", "packets/s", "bit/s L2", "bit/s L1");
	draw_rate(v, 4, x, asked, isinf(asked) ? 0 : asked * mean, PAIR_NONE);
	draw_rate(v, 5, x, (double)s->second[d].sent / seconds, (double)s->second[d].sent_octets / seconds,
	    slow ? PAIR_WARN : PAIR_NONE);
	draw_rate(v, 6, x, (double)s->second[d].received / seconds, (double)s->second[d].received_octets / seconds,
	    PAIR_NONE);
}

static uint64_t
draw_since(uint64_t now, uint64_t base)
{
	return now > base ? now - base : 0;
}

static void
draw_loss(const struct view *v, int y, int x, uint64_t lost, uint64_t sent)
{
	char n[32];

	view_count(n, sizeof(n), lost);
	view_put(v, y, x, VIEW_FIELD, lost > 0 ? PAIR_BAD : PAIR_NONE, lost > 0, "%20s %10.4f%%", n,
	    sent > 0 ? fmin((double)lost * 100 / (double)sent, 100) : 0);
}

static void
draw_bad(const struct view *v, int y, int x, uint64_t count, uint64_t extent)
{
	char n[32], e[48] = "";

	view_count(n, sizeof(n), count);
	if (extent > 0)
		snprintf(e, sizeof(e), " max %llu", (unsigned long long)extent);
	view_put(v, y, x, VIEW_FIELD, count > 0 ? PAIR_WARN : PAIR_NONE, count > 0, "%20s%s", n, e);
}

static void
draw_counts(const struct view *v, unsigned d, int x)
{
	const struct trial_counts *c = &v->last.total[d], *b = &v->base_count[d];
	uint64_t sent = draw_since(c->sent, b->sent);
	char n[32];

	view_count(n, sizeof(n), sent);
	view_put(v, 7, x, VIEW_FIELD, PAIR_NONE, false, "%20s", n);
	view_count(n, sizeof(n), draw_since(c->received, b->received));
	view_put(v, 8, x, VIEW_FIELD, PAIR_NONE, false, "%20s", n);
	draw_loss(v, 9, x, view_lost_now(&v->last, d), v->last.second[d].sent);
	draw_loss(v, 10, x, draw_since(view_lost(&v->last, d), b->lost), sent);
	draw_bad(v, 11, x, draw_since(c->reordered, b->reordered), c->reordered > 0 ? c->reorder_max : 0);
	draw_bad(v, 12, x, draw_since(c->duplicate, b->duplicate), 0);
	draw_bad(v, 13, x, draw_since(c->corrupt, b->corrupt), 0);
	draw_bad(v, 14, x, draw_since(c->misdelivered, b->misdelivered), 0);
}

static void
draw_pair(const struct view *v, int y, int x, double a, double b, bool has)
{
	char ta[24], tb[24];

	if (!has) {
		view_put(v, y, x, VIEW_FIELD, PAIR_DIM, false, "%14s %14s", "-", "-");
		return;
	}
	view_time(v, ta, sizeof(ta), a);
	view_time(v, tb, sizeof(tb), b);
	/* octets are not columns: µ has two */
	view_put(v, y, x, VIEW_FIELD, PAIR_NONE, false, "%*s %*s", 14 + (strstr(ta, "µ") != NULL), ta,
	    14 + (strstr(tb, "µ") != NULL), tb);
}

static void
draw_latency(const struct view *v, unsigned d, int x)
{
	const struct trial_latency *l = &v->last.latency[d];

	draw_pair(v, 15, x, l->min, l->p50, l->n > 0);
	draw_pair(v, 16, x, l->p99, l->p999, l->n > 0);
	draw_pair(v, 17, x, l->max, l->jitter, l->n > 0);
	draw_pair(v, 18, x, v->live->floor.p50, v->live->floor.p99, v->live->has_floor && v->live->floor.n > 0);
	draw_pair(v, 19, x, v->latency_min[d], v->latency_max[d], v->latency_max[d] > 0);
}

static void
draw_tester(const struct view *v, unsigned d, int x)
{
	const struct trial_counts *c = &v->last.total[d];
	enum view_pair pair = c->slipped > 0 ? PAIR_WARN : PAIR_NONE;
	char late[32], full[32], text[96];

	view_count(late, sizeof(late), c->slipped);
	view_count(full, sizeof(full), c->tx_full);
	snprintf(
	    text, sizeof(text), "%u/%u, late %s, full %s", v->last.burst_median[d], v->last.burst_max[d], late, full);
	view_put(v, 20, x, VIEW_FIELD, pair, false, "%*s", VIEW_FIELD, text);
}

static void
draw_figures(const struct view *v)
{
	static const char *const names[] = {"asked", "sent", "received", "sent total", "recv total", "lost now",
	    "lost total", "reordered", "duplicate", "corrupt", "misdelivered", "lat min / p50", "p99 / p99.9",
	    "max / jitter", "floor p50/p99", "lat so far", "burst"};
	const struct trial_sample *s = &v->last;
	char other[32], lost[32], missed[32];

	for (int i = 0; i < (int)(sizeof(names) / sizeof(names[0])); i++)
		view_put(v, 4 + i, 0, VIEW_LABEL + 1, PAIR_NONE, false, "%s", names[i]);
	for (unsigned d = 0; d < v->live->dirs && d < TRIAL_DIRS; d++) {
		int x = VIEW_LABEL + 1 + (int)d * VIEW_COLUMN;

		draw_direction(v, d, x);
		draw_rates(v, d, x);
		draw_counts(v, d, x);
		draw_latency(v, d, x);
		draw_tester(v, d, x);
	}
	view_count(other, sizeof(other), s->other);
	view_count(lost, sizeof(lost), s->tester_lost);
	view_count(missed, sizeof(missed), s->device_missed);
	view_put(v, 21, 0, COLS, s->tester_lost + s->device_missed > 0 ? PAIR_WARN : PAIR_NONE, false,
	    "tester        lost %s, missed at the device %s, other frames %s", lost, missed, other);
}

static void
draw_foot(const struct view *v)
{
	int y = LINES - 2;

	if (v->prompt != PROMPT_NONE) {
		view_put(v, y, 0, COLS, PAIR_NONE, true, "%s (%s): %s_",
		    v->prompt == PROMPT_RATE ? "rate, as 1Mpps, 10%, 1Gbps/l1, max" : "size, as 64, 64-1518, imix",
		    v->live->dirs < 2 || v->selected == 3 ? "all"
		    : v->selected == 1			  ? "direction 0"
							  : "direction 1",
		    v->edit);
	} else if (v->live->want_key) {
		view_put(v, y, 0, COLS, PAIR_WARN, true, "the scenario waits: press a key to go on");
	} else if (view_now() < v->message_until) {
		view_put(v, y, 0, COLS, v->message_bad ? PAIR_BAD : PAIR_NONE, false, "%s", v->message);
	} else {
		view_put(v, y, 0, COLS, PAIR_DIM, false, "%s", v->live->progress);
	}
	view_put(v, LINES - 1, 0, COLS, PAIR_DIM, false, "%s",
	    v->live->fixed ? "rate and size are the test's   l results  m messages  b units  ? help  q quit"
			   : "+ - p rate  s size  tab direction  space pause  z reset  b units  ? help  q quit");
}

/* What has no room for all: the most important, and why. */
static void
draw_small(const struct view *v)
{
	const struct trial_sample *s = &v->last;
	double seconds = s->seconds > 0 ? s->seconds : 1;
	int y = 0;

	view_put(v, y++, 0, COLS, PAIR_WARN, true, "%dx%d: 80x24 shows all", COLS, LINES);
	for (unsigned d = 0; d < v->live->dirs && d < TRIAL_DIRS; d++) {
		uint64_t lost = view_lost(s, d);
		char tx[16], rx[16], n[32];

		rate_format(tx, sizeof(tx), (double)s->second[d].sent / seconds);
		rate_format(rx, sizeof(rx), (double)s->second[d].received / seconds);
		view_count(n, sizeof(n), lost);
		view_put(v, y++, 0, COLS, PAIR_NONE, false, "%u sent %spps recv %spps", d, tx, rx);
		view_put(v, y++, 0, COLS, lost > 0 ? PAIR_BAD : PAIR_NONE, false, "  lost %s", n);
	}
	if (view_now() < v->message_until)
		view_put(v, LINES - 1, 0, COLS, v->message_bad ? PAIR_BAD : PAIR_NONE, false, "%s", v->message);
	else
		view_put(v, LINES - 1, 0, COLS, PAIR_DIM, false, "%s  q quits", draw_phase(v));
}

static void
draw_log(const struct view *v)
{
	unsigned room = LINES > 3 ? (unsigned)LINES - 3 : 1, n = v->nlog < VIEW_LOGLINES ? v->nlog : VIEW_LOGLINES;

	if (n > room)
		n = room;
	view_put(v, 1, 1, COLS - 2, PAIR_HEAD, true, "messages: %u; any key goes back", v->nlog);
	for (unsigned i = 0; i < n; i++)
		view_put(
		    v, 2 + (int)i, 1, COLS - 2, PAIR_NONE, false, "%s", v->log_line[(v->nlog - n + i) % VIEW_LOGLINES]);
}

/* Where there is more room than the figures need: plots at their right, or below; rows of a series below. */
static void
draw_more(const struct view *v)
{
	int used = VIEW_LABEL + 1 + (int)v->live->dirs * VIEW_COLUMN, below = LINES - VIEW_ROWS;
	bool right = COLS - used >= 32, rows = v->live->report != NULL && v->live->report->nrows > 0;

	if (right && rows && below < 4) {
		view_plots(v, 1, used + 2, 11, COLS - used - 3, false);
		view_rows_narrow(v, 13, used + 1, 8, COLS - used - 1);
	} else if (right)
		view_plots(v, 1, used + 2, rows ? VIEW_ROWS - 4 : LINES - 4, COLS - used - 3, false);
	if (below < 4)
		return;
	if (!rows) {
		if (!right)
			view_plots(v, 23, 0, below - 1, COLS, true);
		return;
	}
	if (!right && below >= 14) {
		view_plots(v, 23, 0, 7, COLS, true);
		view_rows(v, 31, 0, below - 9, COLS);
	} else {
		view_rows(v, 23, 0, below - 1, COLS);
	}
}

void
view_draw(struct view *v)
{
	erase();
	if (LINES < VIEW_ROWS || COLS < VIEW_COLUMNS) {
		draw_small(v);
	} else {
		draw_title(v);
		if (v->page == PAGE_HELP) {
			view_help(v, LINES, COLS);
		} else if (v->page == PAGE_LOG) {
			draw_log(v);
		} else if (v->page == PAGE_ROWS) {
			view_rows(v, 1, 0, LINES - 3, COLS);
			draw_foot(v);
		} else {
			draw_figures(v);
			draw_more(v);
			draw_foot(v);
		}
	}
	move(LINES - 1, COLS - 1);
	refresh();
}
