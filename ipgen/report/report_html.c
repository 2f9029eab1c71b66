/* SPDX-License-Identifier: BSD-2-Clause */
/* One page that needs nothing else: no script, no reference to anything outside. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipgen/report/embed.h"
#include "ipgen/report/html_var.h"

#define MOST_TRIALS 2000 /* shown; the CSV has all */

void
html_text(FILE *f, const char *text)
{
	char clean[1100];

	for (const char *p = report_clean(clean, sizeof(clean), text); *p != '\0'; p++)
		switch (*p) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		case '\'':
			fputs("&#39;", f);
			break;
		default:
			putc(*p, f);
		}
}

static const char *
cell_class(const struct tab *t, unsigned c, const char *text)
{
	bool last = c == t->ncols - 1 && t->col[c].left;

	if (last && (strncmp(text, "FAIL", 4) == 0 || strncmp(text, "none", 4) == 0 || strcmp(text, "no") == 0))
		return "l bad";
	if (last && (strncmp(text, "pass", 4) == 0 || strcmp(text, "found") == 0 || strcmp(text, "measured") == 0))
		return "l good";
	return t->col[c].left ? "l" : "";
}

static void
tab_html(const struct tab *t, FILE *f)
{
	fputs("<div class=\"table\" tabindex=\"0\"><table><thead><tr>", f);
	for (unsigned c = 0; c < t->ncols; c++) {
		fprintf(f, "<th scope=\"col\" class=\"%s\">", t->col[c].left ? "l" : "");
		html_text(f, t->col[c].head);
		if (t->col[c].unit[0] != '\0') {
			fputs("<small>", f);
			html_text(f, t->col[c].unit);
			fputs("</small>", f);
		}
		fputs("</th>", f);
	}
	fputs("</tr></thead>\n<tbody>\n", f);
	for (unsigned i = 0; i < t->ncells; i++) {
		unsigned c = i % t->ncols;
		const char *tag = c == 0 ? "th" : "td";

		fprintf(f, "%s<%s%s class=\"%s\">", c == 0 ? "<tr>" : "", tag, c == 0 ? " scope=\"row\"" : "",
		    cell_class(t, c, t->cell[i]));
		html_text(f, t->cell[i]);
		fprintf(f, "</%s>%s", tag, c == t->ncols - 1 ? "</tr>\n" : "");
	}
	fputs("</tbody></table></div>\n", f);
}

static void
fact(FILE *f, const char *name, const char *text, bool code)
{
	if (text[0] == '\0')
		return;
	fprintf(f, "<dt>%s</dt><dd>%s", name, code ? "<code>" : "");
	html_text(f, text);
	fprintf(f, "%s</dd>\n", code ? "</code>" : "");
}

static void
page_head(const struct report *r, FILE *f)
{
	const char *title = r->title[0] != '\0' ? r->title : "ipgen report";
	char text[256];

	fputs(
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
	    "<title>",
	    f);
	html_text(f, title);
	fputs("</title>\n<style>\n", f);
	fwrite(embed_report_css, 1, embed_report_css_len, f);
	fputs("</style>\n</head>\n<body>\n<main>\n<header>\n<h1>", f);
	html_text(f, title);
	fputs("</h1>\n", f);
	if (r->dut[0] != '\0') {
		fputs("<p class=\"dut\">Device under test: ", f);
		html_text(f, r->dut);
		fputs("</p>\n", f);
	}
	fputs("<dl>\n", f);
	fact(f, "Command", r->command, true);
	fact(f, "Port 0", r->port[0], true);
	fact(f, "Port 1", r->port[1], true);
	fact(f, "Started", r->started > 0 ? fmt_date(r->started) : "", false);
	if (r->ended > 0 && r->ended >= r->started) {
		snprintf(text, sizeof(text), "%s (after %s)", fmt_date(r->ended), fmt_duration(r->ended - r->started));
		fact(f, "Ended", text, false);
	}
	snprintf(text, sizeof(text), "%s%s%s", r->host, r->host[0] != '\0' && r->cpu[0] != '\0' ? ", " : "", r->cpu);
	fact(f, "Tester", text, false);
	fact(f, "ipgen", r->version, false);
	if (r->has_floor && r->floor.n > 0) {
		snprintf(text, sizeof(text),
		    "min %s, median %s, p99 %s, max %s us: the tester's own latency, part of all that follow",
		    fmt_us(r->floor.min), fmt_us(r->floor.p50), fmt_us(r->floor.p99), fmt_us(r->floor.max));
		fact(f, "Floor", text, false);
	}
	fputs("</dl>\n</header>\n", f);
}

static void
trial_cells(struct tab *t, const struct report_row *row, unsigned number)
{
	struct report_sum sum;

	report_row_sum(row, &sum);
	tab_cell(t, "%u", number);
	tab_cell(t, "%s%s", report_test_name(row->test), row->final ? " (result)" : "");
	tab_cell(t, "%s", row->size);
	tab_cell(t, "%s", fmt_count(row->offered_pps));
	tab_cell(t, "%s", row->line_percent > 0 ? fmt_fixed(row->line_percent, 2) : "-");
	tab_cell(t, "%s", fmt_fixed(row->result.seconds, 2));
	tab_cell(t, "%s", fmt_count((double)sum.count.sent));
	tab_cell(t, "%s", fmt_count((double)sum.count.lost));
	tab_cell(t, "%s", fmt_percent(sum.loss));
	tab_cell(t, "%s", sum.latency.n > 0 ? fmt_us(sum.latency.min) : "-");
	tab_cell(t, "%s", sum.latency.n > 0 ? fmt_us(sum.latency.p50) : "-");
	tab_cell(t, "%s", sum.latency.n > 0 ? fmt_us(sum.latency.p99) : "-");
	tab_cell(t, "%s", sum.latency.n > 0 ? fmt_us(sum.latency.max) : "-");
	tab_cell(t, "%s%s%s", row->pass ? "pass" : "no", row->note[0] != '\0' ? ", " : "", row->note);
}

/* The way to the results: every trial. */
static int
trials_html(const struct report *r, FILE *f)
{
	static const struct {
		const char *head, *unit;
	} cols[] = {{"size", "octets"}, {"offered", "frames/s"}, {"of line", "%"}, {"lasting", "s"}, {"sent", "frames"},
	    {"lost", "frames"}, {"loss", "%"}, {"min", "us"}, {"median", "us"}, {"p99", "us"}, {"max", "us"}};
	unsigned n = r->nrows < MOST_TRIALS ? r->nrows : MOST_TRIALS;
	struct tab t;

	tab_init(&t, "All trials", "");
	tab_col(&t, "#", "", false);
	tab_col(&t, "test", "", true);
	for (unsigned i = 0; i < sizeof(cols) / sizeof(cols[0]); i++)
		tab_col(&t, cols[i].head, cols[i].unit, false);
	tab_col(&t, "result", "", true);
	for (unsigned i = 0; i < n; i++)
		trial_cells(&t, &r->row[i], i + 1);
	if (!t.failed) {
		fprintf(f,
		    "<section>\n<h2>All trials</h2>\n<details><summary>%u of %u trials, in their order</summary>\n", n,
		    r->nrows);
		tab_html(&t, f);
		fputs("</details>\n</section>\n", f);
	}
	tab_free(&t);
	return t.failed ? -ENOMEM : 0;
}

static int
sections(const struct report *r, const struct tabs *tabs, FILE *f)
{
	int error = 0;

	for (unsigned i = 0; i < tabs->n && error == 0; i++) {
		const struct tab *t = &tabs->tab[i];

		if (i == 0 || tabs->test[i] != tabs->test[i - 1]) {
			fprintf(f, "%s<section>\n<h2>", i > 0 ? "</section>\n" : "");
			html_text(f, t->title);
			fputs("</h2>\n", f);
			if (tabs->test[i] <= REPORT_SOAK) {
				fputs("<div class=\"charts\">", f);
				error = html_charts(r, tabs->test[i], f);
				fputs("</div>\n", f);
			}
		} else {
			fputs("<h3>", f);
			html_text(f, t->title);
			fputs("</h3>\n", f);
		}
		fputs("<p class=\"about\">", f);
		html_text(f, t->about);
		fputs("</p>\n", f);
		tab_html(t, f);
	}
	if (tabs->n > 0)
		fputs("</section>\n", f);
	return error;
}

int
report_html(const struct report *r, FILE *f)
{
	locale_t before = report_locale_enter();
	struct tabs *tabs = malloc(sizeof(*tabs));
	int error = tabs == NULL ? -ENOMEM : report_tables(r, tabs);

	if (error == 0) {
		page_head(r, f);
		error = sections(r, tabs, f);
		if (r->nrows == 0)
			fputs("<p class=\"empty\">No result: nothing was measured.</p>\n", f);
		else if (error == 0)
			error = trials_html(r, f);
		fputs("<footer>Sizes are of frames with their check sequence. L2: their bits; L1: with preamble and "
		      "gap, 20 octets a "
		      "frame. Times are of the wire and the device under test with the tester's own part, the "
		      "floor.</footer>\n"
		      "</main>\n</body>\n</html>\n",
		    f);
		report_tables_free(tabs);
		if (error == 0 && ferror(f))
			error = -EIO;
	}
	free(tabs);
	report_locale_leave(before);
	return error;
}
