/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables for a terminal. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipgen/report/report_var.h"

/* Columns that a terminal shows for UTF-8 text: one a character. */
static unsigned
width(const char *s)
{
	unsigned n = 0;

	for (; *s != '\0'; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static void
put(FILE *f, const char *s, unsigned w, bool left, bool last)
{
	unsigned pad = w > width(s) ? w - width(s) : 0;

	if (!left && (s[0] != '\0' || !last))
		fprintf(f, "%*s", (int)pad, "");
	fputs(s, f);
	if (left && !last)
		fprintf(f, "%*s", (int)pad, "");
	if (!last)
		fputs("  ", f);
}

static void
tab_text(const struct tab *t, FILE *f)
{
	unsigned w[TAB_COLS], last = t->ncols - 1;
	bool units = false;

	for (unsigned c = 0; c < t->ncols; c++) {
		w[c] = width(t->col[c].head);
		if (width(t->col[c].unit) > w[c])
			w[c] = width(t->col[c].unit);
		for (unsigned i = c; i < t->ncells; i += t->ncols)
			if (width(t->cell[i]) > w[c])
				w[c] = width(t->cell[i]);
		units |= t->col[c].unit[0] != '\0';
	}
	fprintf(f, "\n%s\n", t->title);
	if (t->about[0] != '\0')
		fprintf(f, "%s\n", t->about);
	putc('\n', f);
	for (unsigned c = 0; c < t->ncols; c++)
		put(f, t->col[c].head, w[c], t->col[c].left, c == last);
	putc('\n', f);
	for (unsigned c = 0; c < t->ncols && units; c++)
		put(f, t->col[c].unit, w[c], t->col[c].left, c == last);
	if (units)
		putc('\n', f);
	for (unsigned i = 0; i < t->ncells; i++) {
		unsigned c = i % t->ncols;

		put(f, t->cell[i], w[c], t->col[c].left, c == last);
		if (c == last)
			putc('\n', f);
	}
}

static void
line(FILE *f, const char *name, const char *text)
{
	char clean[1100];

	if (text[0] != '\0')
		fprintf(f, "%-9s %s\n", name, report_clean(clean, sizeof(clean), text));
}

int
report_text(const struct report *r, FILE *f)
{
	locale_t before = report_locale_enter();
	struct tabs *tabs = malloc(sizeof(*tabs));
	int error = tabs == NULL ? -ENOMEM : report_tables(r, tabs);
	char when[200];

	if (error != 0)
		goto out;
	line(f, "ipgen", r->version);
	line(f, "title", r->title);
	line(f, "DUT", r->dut);
	line(f, "command", r->command);
	line(f, "port 0", r->port[0]);
	line(f, "port 1", r->port[1]);
	snprintf(when, sizeof(when), "%s%s%s", r->host, r->host[0] != '\0' && r->cpu[0] != '\0' ? ", " : "", r->cpu);
	line(f, "host", when);
	if (r->started > 0) {
		snprintf(when, sizeof(when), "%s, %s", fmt_date(r->started),
		    r->ended >= r->started ? fmt_duration(r->ended - r->started) : "not ended");
		line(f, "started", when);
	}
	if (r->has_floor && r->floor.n > 0)
		fprintf(f, "%-9s min %s, median %s, p99 %s, max %s us: the tester's own latency\n", "floor",
		    fmt_us(r->floor.min), fmt_us(r->floor.p50), fmt_us(r->floor.p99), fmt_us(r->floor.max));
	for (unsigned i = 0; i < tabs->n; i++)
		tab_text(&tabs->tab[i], f);
	if (r->nrows == 0)
		fputs("\nNo result: nothing was measured.\n", f);
	else
		fputs("\nSizes are of frames with their check sequence.  L2: their bits; L1: with preamble and gap, 20 "
		      "octets a frame.\n",
		    f);
	report_tables_free(tabs);
	error = ferror(f) ? -EIO : 0;
out:
	free(tabs);
	report_locale_leave(before);
	return error;
}
