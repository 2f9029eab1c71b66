/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Results as text, JSON, CSV and one HTML page.
 *
 * Every test fills a struct report; the writers know nothing of how it came to be.  All functions are control's.
 */
#ifndef IPGEN_REPORT_H
#define IPGEN_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "ipgen/trial.h"

enum report_test {
	REPORT_RUN,	   /* a plain run */
	REPORT_THROUGHPUT, /* RFC 2544 section 26.1 */
	REPORT_LATENCY,	   /* 26.2 */
	REPORT_LOSS,	   /* 26.3 */
	REPORT_BACK,	   /* 26.4 back-to-back frames, with RFC 9004 */
	REPORT_RECOVERY,   /* 26.5 */
	REPORT_RESET,	   /* 26.6 */
	REPORT_MLR,	   /* RFC 9971 */
	REPORT_SOAK,
};

#define REPORT_QS 25			 /* points that are kept of a histogram */
extern const double report_q[REPORT_QS]; /* the shares (0 to 1) they are at */

/* One trial as a row: what was asked, what came of it. */
struct report_row {
	enum report_test test;
	char size[64];	     /* "64", "imix" */
	double mean_size;    /* octets with FCS */
	double offered_pps;  /* both directions together */
	double line_pps;     /* theoretical, both directions together; 0: not known */
	double line_percent; /* of the line rate; 0: not known */
	bool pass, final;    /* final: this row is the test's result for the size, others are the way to it */
	char note[96];	     /* "NDR", "PDR 0.5 %", "burst 10240 frames", "link was lost" */
	double value; /* the test's own: pps (throughput, NDR, PDR), frames (back-to-back), seconds (recovery, reset) */
	double low, high; /* the search's last interval, pps (0: none) */
	struct trial_result result;
	double started; /* Unix time */
	/* filled by report_add: the histograms at report_q, in nanoseconds; of each direction, then of both together */
	bool has_quantiles[TRIAL_DIRS + 1];
	double quantile_ns[TRIAL_DIRS + 1][REPORT_QS];
};

struct report {
	char title[128], dut[512], command[1024]; /* the command line, so that it can be done again */
	char version[32], host[64], cpu[96];
	char port[2][256];     /* device, addresses */
	double started, ended; /* Unix time */
	struct trial_latency floor;
	bool has_floor;
	unsigned nrows, alloc;
	struct report_row *row;
	unsigned nsamples, salloc;
	struct trial_sample *sample; /* of a plain run or a soak */
};

/* => control; copies the row, its histograms as quantile_ns; -ENOMEM */
int report_add(struct report *, const struct report_row *);
int report_add_sample(struct report *, const struct trial_sample *);
/* => any thread; b's counts added to a's; the largest extent is kept */
void report_counts_add(struct trial_counts *a, const struct trial_counts *b);
void report_free(struct report *);

/* 0 or -errno of the stream */
int report_text(const struct report *, FILE *);
int report_csv(const struct report *, FILE *);
int report_html(const struct report *, FILE *); /* one file, no reference to anything outside */
json_t *report_json(const struct report *);	/* new reference, or NULL: no memory */
/* writes FILE (through a temporary beside it); kind by function; 0 or -errno with err naming the file */
int report_write(
    const struct report *, const char *path, int (*fn)(const struct report *, FILE *), char *err, size_t errlen);
/* => any signal handler, before _exit: takes away the temporary file of a report_write that is not done */
void report_abandon(void);
int report_json_write(const struct report *, FILE *);

/* => the same objects for the live view and for --json lines; new references */
json_t *sample_json(const struct trial_sample *);
json_t *result_json(const struct trial_result *);

#endif
