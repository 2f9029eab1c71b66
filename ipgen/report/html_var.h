/* SPDX-License-Identifier: BSD-2-Clause */
/* Plots for the HTML report: drawn here as SVG, so that the page needs no script. */
#ifndef IPGEN_HTML_VAR_H
#define IPGEN_HTML_VAR_H

#include "ipgen/report/report_var.h"

#define PLOT_SERIES 10
#define PLOT_POINTS 400 /* more are put together */

enum plot_style { PLOT_LINE, PLOT_DASHED, PLOT_BAR };
enum plot_x { PLOT_CATEGORIES, PLOT_LINEAR, PLOT_PERCENTILE };

struct plot_series {
	char name[128];
	enum plot_style style;
	unsigned n, alloc;
	double (*at)[2]; /* x: a category's number, a value, or a share (PLOT_PERCENTILE) */
};

struct plot {
	const char *title, *xlabel, *ylabel;
	char about[400]; /* what is seen, for those who do not */
	enum plot_x x;
	bool ylog;
	unsigned ncats;
	char (*cat)[64];
	unsigned nseries;
	struct plot_series series[PLOT_SERIES];
	bool failed; /* no memory */
};

void plot_init(struct plot *, const char *title, enum plot_x, const char *xlabel, const char *ylabel);
/* => the number of a category, added where it is new */
unsigned plot_category(struct plot *, const char *);
/* => NULL: there are enough of them already */
struct plot_series *plot_add(struct plot *, const char *name, enum plot_style);
void plot_point(struct plot *, struct plot_series *, double x, double y);
/* Draws nothing where there is no point. */
void plot_draw(const struct plot *, FILE *);
void plot_free(struct plot *);

void html_text(FILE *, const char *);
/* => 0 or -ENOMEM: the plots of a test */
int html_charts(const struct report *, enum report_test, FILE *);

#endif
