/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Samples: what each second of a trial brought, told to whoever looks.
 *
 * Synchronization: control; workers' words are read as they are.
 * Lifetime: the last sample's figures until the next one of the same trial.
 */
#include <errno.h>
#include <string.h>

#include "ipgen/engine/rx.h"
#include "ipgen/engine/trial_var.h"
#include "mp/mp.h"

#define MAXOBSERVERS 8

static struct {
	void (*fn)(void *, const struct trial_sample *);
	void *arg;
} observer[MAXOBSERVERS]; /* [c] */

static double interval = 1;		    /* [c] where the spec does not say */
static struct trial_counts was[TRIAL_DIRS]; /* [c] totals of the last sample */
static struct hist hist[2][TRIAL_DIRS];	    /* [c] latency up to the last sample, and now */
static struct hist since;		    /* [c] */
static unsigned turn;			    /* [c] which of hist is now's */
static uint64_t last_at;		    /* [c] TSC of the last sample */

int
trial_observe(void (*fn)(void *, const struct trial_sample *), void *arg)
{
	ASSERT_CONTROL();
	for (unsigned i = 0; i < MAXOBSERVERS; i++)
		if (observer[i].fn == NULL) {
			observer[i].fn = fn;
			observer[i].arg = arg;
			return 0;
		}
	return -ENOSPC;
}

void
trial_unobserve(void (*fn)(void *, const struct trial_sample *), void *arg)
{
	ASSERT_CONTROL();
	for (unsigned i = 0; i < MAXOBSERVERS; i++)
		if (observer[i].fn == fn && observer[i].arg == arg)
			observer[i].fn = NULL;
}

void
trial_set_interval(double seconds)
{
	interval = seconds;
}

void
trial_sample_begin(void)
{
	memset(was, 0, sizeof(was));
	for (unsigned d = 0; d < TRIAL_DIRS; d++)
		hist_clear(&hist[0][d]), hist_clear(&hist[1][d]);
	last_at = trial.start;
}

/* Each word of b less that of a; the largest extent of reordering is what it is. */
static void
counts_since(struct trial_counts *into, const struct trial_counts *b, const struct trial_counts *a)
{
	const uint64_t *nb = (const uint64_t *)b, *na = (const uint64_t *)a;
	uint64_t *n = (uint64_t *)into;

	_Static_assert(sizeof(*b) % sizeof(*n) == 0, "words");
	for (unsigned i = 0; i < sizeof(*b) / sizeof(*n); i++)
		n[i] = nb[i] > na[i] ? nb[i] - na[i] : 0;
	into->reorder_max = b->reorder_max;
}

static void
sample(uint64_t now)
{
	struct trial_sample s = {
	    .at = (double)(int64_t)(now - trial.start) / (double)mp_tsc_hz,
	    .seconds = (double)(now - last_at) / (double)mp_tsc_hz,
	    .counting = !trial.all_sent,
	};

	trial_counts_now(s.total, &s.other, &s.tester_lost);
	turn = !turn;
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		if (trial.traffic[d] == NULL)
			continue;
		s.counting = s.counting && trial.tx[d].counting;
		s.asked_pps[d] = trial.asked[d];
		counts_since(&s.second[d], &s.total[d], &was[d]);
		hist_clear(&hist[turn][d]);
		rx_latency(d, &hist[turn][d]);
		hist_since(&since, &hist[turn][d], &hist[!turn][d]);
		rx_latency_of(&since, &s.latency[d]);
		rx_jitter(d, &s.latency[d]);
		trial_bursts(&trial.tx[d], &s.burst_median[d], &s.burst_max[d]);
	}
	s.device_missed = trial_device_lost(&trial.ports) - trial.device_lost;
	memcpy(was, s.total, sizeof(was));
	last_at = now;
	for (unsigned i = 0; i < MAXOBSERVERS; i++)
		if (observer[i].fn != NULL)
			observer[i].fn(observer[i].arg, &s);
}

void
trial_sample_tick(uint64_t now)
{
	double seconds = trial.spec->interval > 0 ? trial.spec->interval : interval;
	uint64_t step;

	if (!trial.spec->sample || (int64_t)(now - last_at) < 0)
		return;
	if (seconds < 0.01)
		seconds = 0.01;
	step = (uint64_t)(seconds * (double)mp_tsc_hz);
	/* a tick early rather than a whole one late */
	if (now - last_at + mp_tsc_hz / 500 >= step)
		sample(now);
}

void
trial_sample_end(void)
{
	if (trial.spec->sample)
		sample(rte_rdtsc());
}
