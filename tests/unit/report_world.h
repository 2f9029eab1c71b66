/* SPDX-License-Identifier: BSD-2-Clause */
/* Reports made up for tests of the writers and of the web view: figures that follow from a formula, none measured. */
#ifndef REPORT_WORLD_H
#define REPORT_WORLD_H

#include "ipgen/report.h"

/*
 * kind: "full" (every test, 7 sizes), "one" (one size, no line rate), "empty", "run" (two directions, samples), "many"
 * (3,000 trials), "hostile" (texts that would break a page).  => false: no such kind
 */
bool report_world(struct report *, const char *kind);
/* => the n-th second of a run of one or two directions */
void report_world_sample(struct trial_sample *, unsigned n, unsigned dirs);
/* => a row of a test for a frame size */
void report_world_row(struct report_row *, enum report_test, const char *size, double frame, double share);

#endif
