/* SPDX-License-Identifier: BSD-2-Clause */
/* How long tests take: before one has run from what was asked for, then from the sizes that it has done. */
#include <math.h>
#include <time.h>

#include "ipgen/procedure/run.h"

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double
procedure_seconds(const struct procedure *p, enum report_test test)
{
	const struct run run = {.p = p};
	double trial = run_cost(&run, p->trial_seconds), repeat = p->repeat ? p->repeat : 1;

	switch (test) {
	case REPORT_THROUGHPUT:
		return (1 + ceil(log2(1 / p->resolution))) * trial;
	case REPORT_LATENCY:
		return repeat * trial;
	case REPORT_LOSS:
		return floor(1 / (p->loss_step > 0 ? p->loss_step : 0.1) + 1e-9) * trial;
	case REPORT_BACK:
		return (p->bursts ? p->bursts : 1) * 4 * run_cost(&run, 0.1);
	case REPORT_RECOVERY:
		return fmin(repeat, 3) * (trial + 10);
	case REPORT_RESET:
		return 60;
	case REPORT_MLR:
		return p->search_seconds > 0 ? p->search_seconds : 600;
	case REPORT_SOAK:
		return run_cost(&run, p->soak_seconds);
	case REPORT_RUN:
		break;
	}
	return 0;
}

void
left_size(struct run *run)
{
	double at = now();

	if (run->nsize > 0)
		run->each = (at - run->began) / run->nsize;
	else {
		run->began = at;
		run->each = procedure_seconds(run->p, run->test);
	}
	run->size_began = at;
}

double
left_test(const struct run *run)
{
	return fmax(run->each - (now() - run->size_began), 0) + (run->p->nsizes - run->nsize - 1) * run->each;
}
