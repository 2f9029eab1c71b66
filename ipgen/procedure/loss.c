/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame loss rate, RFC 2544 section 26.3: at the highest rate, then in steps down, until two trials in succession
 * lost nothing.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ipgen/procedure/run.h"

int
loss_run(struct run *run)
{
	const struct procedure *p = run->p;
	double step = p->loss_step > 0.001 && p->loss_step < 1 ? p->loss_step : 0.1;
	unsigned clean = 0, steps = (unsigned)floor(1 / step + 1e-9);
	char rate[32], left[32];

	for (unsigned i = 0; i < steps && clean < 2; i++) {
		double share = 1 - i * step;
		struct ask ask = {
		    .pps = run->max_pps * share, .seconds = p->trial_seconds, .tolerance = 0, .sample = true};
		struct trial_result r;
		struct report_row *row;
		enum verdict v;
		int rc;

		if (ask.pps < fmax(p->min_pps, 1))
			break;
		rc = run_trial(run, &ask, NULL, &r, &v);
		if (rc < 0)
			return rc;
		if (v == VERDICT_STOP)
			break;
		/*
		 * The trial's own row is the curve's point: at the rate that was sent, which is known even where it is
		 * not the one asked.  What the tester itself lost says nothing about the device.
		 */
		row = &p->report->row[run->row];
		row->value = run_loss(&r);
		row->final = v != VERDICT_LINK && r.tester_lost + r.device_missed == 0;
		if (v == VERDICT_FAIL || v == VERDICT_PASS)
			row->final = true;
		if (v == VERDICT_TESTER && row->final)
			snprintf(row->note, sizeof(row->note), "the tester's limit: %s asked",
			    run_rate(ask.pps, rate, sizeof(rate)));
		clean = v == VERDICT_PASS ? clean + 1 : 0;
		run_say(run, "%.0f %% of the highest rate: loss %.4g %%, at most %s left for this size", share * 100,
		    row->value * 100, run_time((steps - i - 1) * run_cost(run, p->trial_seconds), left, sizeof(left)));
		if (v == VERDICT_LINK)
			break;
	}
	return 0;
}
