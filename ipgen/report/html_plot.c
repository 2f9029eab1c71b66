/* SPDX-License-Identifier: BSD-2-Clause */
/* Axes, lines and bars as inline SVG. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipgen/report/html_var.h"

#define WIDTH  640.0
#define HEIGHT 320.0
#define LEFT   62.0
#define RIGHT  14.0
#define TOP    12.0
#define BOTTOM 46.0

/* Where values are on the picture. */
struct frame {
	double x0, x1, y0, y1; /* values at the edges; of y their logarithm where it is a logarithmic axis */
	bool ylog;
	enum plot_x x;
};

void
plot_init(struct plot *p, const char *title, enum plot_x x, const char *xlabel, const char *ylabel)
{
	memset(p, 0, sizeof(*p));
	p->title = title;
	p->x = x;
	p->xlabel = xlabel;
	p->ylabel = ylabel;
}

unsigned
plot_category(struct plot *p, const char *name)
{
	char(*more)[64];
	unsigned i;

	for (i = 0; i < p->ncats; i++)
		if (strcmp(p->cat[i], name) == 0)
			return i;
	if ((more = realloc(p->cat, (p->ncats + 1) * sizeof(*more))) == NULL) {
		p->failed = true;
		return 0;
	}
	p->cat = more;
	snprintf(p->cat[p->ncats], sizeof(p->cat[0]), "%s", name);
	return p->ncats++;
}

struct plot_series *
plot_add(struct plot *p, const char *name, enum plot_style style)
{
	struct plot_series *s;

	if (p->nseries == PLOT_SERIES)
		return NULL;
	s = &p->series[p->nseries++];
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->style = style;
	return s;
}

void
plot_point(struct plot *p, struct plot_series *s, double x, double y)
{
	if (s == NULL || !isfinite(x) || !isfinite(y) || y < 0 || (p->ylog && y == 0))
		return;
	if (s->n == s->alloc) {
		unsigned alloc = s->alloc > 0 ? s->alloc * 2 : 32;
		double(*more)[2] = realloc(s->at, alloc * sizeof(*more));

		if (more == NULL) {
			p->failed = true;
			return;
		}
		s->at = more;
		s->alloc = alloc;
	}
	s->at[s->n][0] = x;
	s->at[s->n++][1] = y;
}

void
plot_free(struct plot *p)
{
	for (unsigned i = 0; i < p->nseries; i++)
		free(p->series[i].at);
	free(p->cat);
	p->cat = NULL;
	p->nseries = p->ncats = 0;
}

/* 99.9 % lies as far from 99 % as that from 90 %; the maximum is at the right edge, one step after the last. */
static double
percentile_x(double q)
{
	return q >= 1 ? 6.5 : -log10(1 - q);
}

static double
xat(const struct frame *f, double v)
{
	if (f->x == PLOT_PERCENTILE)
		v = percentile_x(v);
	return LEFT + (v - f->x0) / (f->x1 - f->x0) * (WIDTH - LEFT - RIGHT);
}

static double
yat(const struct frame *f, double v)
{
	double y = ((f->ylog ? log10(v) : v) - f->y0) / (f->y1 - f->y0);

	return HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM);
}

static double
nice_step(double range, unsigned n)
{
	double raw = range / n, base = pow(10, floor(log10(raw))), m = raw / base;

	return base * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10);
}

static const char *
tick_text(double v, char *into, size_t len)
{
	static const char unit[] = " kMGT";
	unsigned i = 0;

	while (fabs(v) >= 1000 && i < 4) {
		v /= 1000;
		i++;
	}
	if (fabs(v) < 1e-9)
		v = 0;
	snprintf(into, len, i > 0 ? "%.4g%c" : "%.4g", v, unit[i]);
	return into;
}

/* => the frame, false: there is nothing to draw */
static bool
frame_fit(const struct plot *p, struct frame *f)
{
	double xmin = INFINITY, xmax = -INFINITY, ymin = INFINITY, ymax = 0;

	for (unsigned i = 0; i < p->nseries; i++)
		for (unsigned k = 0; k < p->series[i].n; k++) {
			xmin = fmin(xmin, p->series[i].at[k][0]);
			xmax = fmax(xmax, p->series[i].at[k][0]);
			ymin = fmin(ymin, p->series[i].at[k][1]);
			ymax = fmax(ymax, p->series[i].at[k][1]);
		}
	if (!isfinite(xmin))
		return false;
	*f = (struct frame){.ylog = p->ylog, .x = p->x};
	switch (p->x) {
	case PLOT_CATEGORIES:
		f->x0 = -0.5;
		f->x1 = p->ncats - 0.5;
		break;
	case PLOT_PERCENTILE:
		f->x1 = percentile_x(1);
		break;
	case PLOT_LINEAR:
		f->x0 = xmin <= (xmax - xmin) * 0.5 ? 0 : xmin;
		f->x1 = xmax > f->x0 ? xmax : f->x0 + 1;
		break;
	}
	if (p->ylog) {
		f->y0 = floor(log10(ymin) * 2) / 2;
		f->y1 = ceil(log10(ymax) * 2 + 0.01) / 2;
	} else {
		double step = nice_step(ymax > 0 ? ymax : 1, 5);

		f->y1 = ymax > 0 ? ceil(ymax / step * 1.02) * step : 1;
	}
	return true;
}

static void
y_tick(const struct frame *fr, double v, FILE *f)
{
	double y = yat(fr, v);
	char text[32];

	fprintf(f, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, WIDTH - RIGHT, y, y);
	fprintf(f, "<text class=\"tick\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", LEFT - 6, y + 4,
	    tick_text(v, text, sizeof(text)));
}

static void
y_axis(const struct plot *p, const struct frame *fr, FILE *f)
{
	if (fr->ylog) {
		double decades = fr->y1 - fr->y0;

		for (double e = floor(fr->y0); e <= fr->y1; e++)
			for (double m = 1; m < 10; m = m < 2 ? 2 : m < 5 ? 5 : 10) {
				double l = e + log10(m);

				if (l >= fr->y0 - 1e-9 && l <= fr->y1 + 1e-9 && (m < 2 || decades <= 2.6))
					y_tick(fr, pow(10, l), f);
			}
	} else {
		double step = nice_step(fr->y1, 5);

		for (double v = 0; v <= fr->y1 * 1.0001; v += step)
			y_tick(fr, v, f);
	}
	fprintf(f, "<text class=\"label\" text-anchor=\"middle\" transform=\"translate(13,%.1f) rotate(-90)\">",
	    TOP + (HEIGHT - TOP - BOTTOM) / 2);
	html_text(f, p->ylabel);
	fputs("</text>\n", f);
}

static void
x_tick(double x, const char *text, FILE *f)
{
	fprintf(f, "<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">", x, HEIGHT - BOTTOM + 16);
	html_text(f, text);
	fputs("</text>\n", f);
}

static void
x_axis(const struct plot *p, const struct frame *fr, FILE *f)
{
	static const struct {
		double q;
		const char *text;
	} shares[] = {{0, "0"}, {0.5, "50"}, {0.9, "90"}, {0.99, "99"}, {0.999, "99.9"}, {0.9999, "99.99"},
	    {0.99999, "99.999"}, {1, "max"}};
	char text[80];

	fprintf(f, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", LEFT, WIDTH - RIGHT,
	    HEIGHT - BOTTOM, HEIGHT - BOTTOM);
	if (p->x == PLOT_PERCENTILE)
		for (unsigned i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
			x_tick(xat(fr, shares[i].q), shares[i].text, f);
	else if (p->x == PLOT_LINEAR) {
		double step = nice_step(fr->x1 - fr->x0, 8);

		for (double v = ceil(fr->x0 / step) * step; v <= fr->x1 + step * 0.001; v += step)
			x_tick(xat(fr, v), tick_text(v, text, sizeof(text)), f);
	} else {
		unsigned every = p->ncats / 12 + 1;

		for (unsigned i = 0; i < p->ncats; i += every) {
			snprintf(text, sizeof(text), strlen(p->cat[i]) > 10 ? "%.9s..." : "%s", p->cat[i]);
			x_tick(xat(fr, i), text, f);
		}
	}
	fprintf(f, "<text class=\"label\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">",
	    LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 8);
	html_text(f, p->xlabel);
	fputs("</text>\n", f);
}

/* What is said of a point when the mouse rests on it. */
static void
point_title(const struct plot *p, const struct plot_series *s, const double *at, FILE *f)
{
	char value[32];

	fputs("<title>", f);
	html_text(f, s->name);
	if (p->x == PLOT_CATEGORIES) {
		fputs(", ", f);
		html_text(f, p->cat[(unsigned)at[0]]);
	} else if (p->x == PLOT_PERCENTILE)
		fprintf(f, ", %.6g %%", at[0] * 100);
	else
		fprintf(f, ", %s %s", tick_text(at[0], value, sizeof(value)), p->xlabel);
	fprintf(f, ": %s", fmt_fixed(at[1], at[1] < 100 ? 3 : 0));
	fputs("</title>", f);
}

static void
draw_bars(const struct plot *p, const struct frame *fr, unsigned index, FILE *f)
{
	const struct plot_series *s = &p->series[index];
	double slot = (WIDTH - LEFT - RIGHT) / (fr->x1 - fr->x0), w;
	unsigned nbars = 0, mine = 0;

	for (unsigned i = 0; i < p->nseries; i++) {
		if (i == index)
			mine = nbars;
		nbars += p->series[i].style == PLOT_BAR;
	}
	w = fmin(slot * 0.7 / nbars, 46);
	for (unsigned k = 0; k < s->n; k++) {
		double x = xat(fr, s->at[k][0]) + ((double)mine - nbars / 2.0) * w, y = yat(fr, s->at[k][1]);

		fprintf(f, "<rect class=\"bar c%u\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">", index % 8,
		    x + 0.5, y, fmax(w - 1, 0.6), fmax(HEIGHT - BOTTOM - y, 0.5));
		point_title(p, s, s->at[k], f);
		fputs("</rect>\n", f);
	}
}

static void
draw_marker(unsigned kind, double x, double y, FILE *f)
{
	switch (kind % 4) {
	case 0:
		fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.4\">", x, y);
		break;
	case 1:
		fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"6.2\" height=\"6.2\">", x - 3.1, y - 3.1);
		break;
	case 2:
		fprintf(f, "<path d=\"M%.1f %.1fl4 7h-8z\">", x, y - 4.4);
		break;
	case 3:
		fprintf(f, "<path d=\"M%.1f %.1fl4.2 4.2l-4.2 4.2l-4.2 -4.2z\">", x, y - 4.2);
		break;
	}
}

static const char *const marker_end[] = {"</circle>", "</rect>", "</path>", "</path>"};

static void
draw_line(const struct plot *p, const struct frame *fr, unsigned index, FILE *f)
{
	const struct plot_series *s = &p->series[index];
	unsigned every = s->n / PLOT_POINTS + 1;

	fprintf(f, "<polyline class=\"line c%u%s\" points=\"", index % 8, s->style == PLOT_DASHED ? " dashed" : "");
	for (unsigned k = 0; k < s->n; k += every) {
		double x = s->at[k][0], y = 0;

		/* the largest of those that share a place: a peak is not lost */
		for (unsigned j = k; j < k + every && j < s->n; j++)
			y = fmax(y, s->at[j][1]);
		fprintf(f, "%.1f,%.1f ", xat(fr, x), yat(fr, y));
	}
	fputs("\"/>\n", f);
	if (s->n > 60)
		return;
	fprintf(f, "<g class=\"mark c%u\">", index % 8);
	for (unsigned k = 0; k < s->n; k++) {
		draw_marker(index, xat(fr, s->at[k][0]), yat(fr, s->at[k][1]), f);
		point_title(p, s, s->at[k], f);
		fputs(marker_end[index % 4], f);
	}
	fputs("</g>\n", f);
}

static void
legend(const struct plot *p, FILE *f)
{
	fputs("<ul class=\"legend\" aria-hidden=\"true\">", f);
	for (unsigned i = 0; i < p->nseries; i++) {
		const struct plot_series *s = &p->series[i];

		if (s->n == 0)
			continue;
		fputs("<li><svg width=\"26\" height=\"14\" viewBox=\"0 0 26 14\">", f);
		if (s->style == PLOT_BAR)
			fprintf(f, "<rect class=\"bar c%u\" x=\"7\" y=\"1\" width=\"12\" height=\"12\"/>", i % 8);
		else {
			fprintf(f, "<polyline class=\"line c%u%s\" points=\"1,7 25,7\"/><g class=\"mark c%u\">", i % 8,
			    s->style == PLOT_DASHED ? " dashed" : "", i % 8);
			draw_marker(i, 13, 7, f);
			fprintf(f, "%s</g>", marker_end[i % 4]);
		}
		fputs("</svg>", f);
		html_text(f, s->name);
		fputs("</li>", f);
	}
	fputs("</ul>\n", f);
}

void
plot_draw(const struct plot *p, FILE *f)
{
	struct frame fr;

	if (!frame_fit(p, &fr))
		return;
	fputs("<figure><figcaption>", f);
	html_text(f, p->title);
	fputs("</figcaption>\n", f);
	legend(p, f);
	fprintf(f, "<div class=\"plot\"><svg role=\"img\" viewBox=\"0 0 %.0f %.0f\" aria-label=\"", WIDTH, HEIGHT);
	html_text(f, p->title);
	fputs(". ", f);
	html_text(f, p->about);
	fputs(" The figures are in the table below.\">\n", f);
	y_axis(p, &fr, f);
	for (unsigned i = 0; i < p->nseries; i++)
		if (p->series[i].n > 0 && p->series[i].style == PLOT_BAR)
			draw_bars(p, &fr, i, f);
	for (unsigned i = 0; i < p->nseries; i++)
		if (p->series[i].n > 0 && p->series[i].style != PLOT_BAR)
			draw_line(p, &fr, i, f);
	x_axis(p, &fr, f);
	fputs("</svg></div></figure>\n", f);
}
