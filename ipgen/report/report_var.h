/* SPDX-License-Identifier: BSD-2-Clause */
/* What the writers share: numbers as text, sums over the directions, tables that become text or HTML. */
#ifndef IPGEN_REPORT_VAR_H
#define IPGEN_REPORT_VAR_H

#include <locale.h>
#include <stdarg.h>

#include "ipgen/report.h"

#define TAB_COLS   20
#define REPORT_GAP 20 /* what layer 1 adds to a frame */

/* Both directions of a row together. */
struct report_sum {
	struct trial_counts count;
	double tx_pps, rx_pps;
	double loss; /* share of what was sent; NAN: nothing was */
	struct trial_latency latency;
	unsigned dirs; /* those with traffic */
};

/* A table: filled cell by cell, from left to right. */
struct tab {
	char title[160], about[400];
	unsigned ncols;
	struct {
		const char *head, *unit;
		bool left;
	} col[TAB_COLS];
	unsigned ncells, alloc;
	char **cell;
	bool failed; /* no memory */
};

/* A report's tables, in the order in which they are shown. */
struct tabs {
	unsigned n;
	struct tab tab[24];
	enum report_test test[24];
};

/* A unit for bits per second that suits the largest of a table. */
struct bits_unit {
	const char *l1, *l2; /* "Gbit/s L1" */
	double div;
};

/* => "throughput": stable, for machines; "RFC 2544 throughput": for people */
const char *report_test_name(enum report_test);
const char *report_test_title(enum report_test);
/* => the unit of a row's value: "frames/s", "frames", "s"; NULL: the test has no value */
const char *report_value_unit(enum report_test);
/* => a row's low and high in one of the units, by their names; NAN: it has none in this unit, or it is not known */
#define REPORT_UNITS 3
extern const char *const report_interval_name[REPORT_UNITS][2];
void report_interval(const struct report_row *, unsigned unit, double *low, double *high);

/* Numbers have a decimal dot between these two, whatever the locale. */
locale_t report_locale_enter(void);
void report_locale_leave(locale_t);

/* => did the direction have traffic? */
bool report_dir_used(const struct trial_direction *);
void report_row_sum(const struct report_row *, struct report_sum *);
/* => lost of sent; NAN: nothing was sent */
double report_loss(const struct trial_counts *);
/* => values at report_q in nanoseconds, of one direction or (dir < 0) both together; false: no histogram or no value */
bool report_quantiles(const struct trial_result *, int dir, double *ns);
double report_ticks_ns(double ticks);

/* Text of the user's as UTF-8 without control characters: no writer's output is broken by it.  => into */
char *report_clean(char *into, size_t len, const char *text);
/* => static text of a ring of buffers: good until some more calls */
const char *fmt_count(double);			/* 14,880,952 */
const char *fmt_fixed(double, unsigned digits); /* 1,234.50; "-" where it is no finite number */
const char *fmt_percent(double share);		/* 0 / 0.0123 / <0.0001 */
const char *fmt_us(double ns);
const char *fmt_date(double unix_time); /* 2026-11-22 22:51:12 UTC */
const char *fmt_duration(double seconds);
struct bits_unit bits_unit_for(double bps);

void tab_init(struct tab *, const char *title, const char *about);
void tab_col(struct tab *, const char *head, const char *unit, bool left);
void tab_cell(struct tab *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void tab_free(struct tab *);
int report_tables(const struct report *, struct tabs *);
void report_tables_free(struct tabs *);

/* => one row without the way there (histograms): for the live view; NULL: no memory */
json_t *report_row_json(const struct report_row *, bool brief);
json_t *latency_json(const struct trial_latency *);
/* => null where it is not finite or not known */
json_t *json_number(double);
json_t *json_text(const char *);

#endif
