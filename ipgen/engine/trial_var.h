/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the trial share.  All functions are control's. */
#ifndef IPGEN_TRIAL_VAR_H
#define IPGEN_TRIAL_VAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipgen/engine/tx.h"
#include "ipgen/trial.h"

struct port;
struct ifnet;

/* The ports that a trial is run on: the tester's, or a loop's. */
struct trial_ports {
	unsigned n;
	struct port *port[2];
	struct ifnet *ifp[2];
};

/* The trial that runs.  [c] all */
struct trial_run {
	bool running;
	const struct trial_spec *spec;
	struct trial_ports ports;
	struct traffic *traffic[TRIAL_DIRS];
	double asked[TRIAL_DIRS];
	struct tx_counts tx[TRIAL_DIRS];
	bool all_sent; /* nothing more is sent */
	bool stopped;  /* before that */
	bool link_lost;
	bool over;
	uint64_t start;	      /* TSC */
	uint64_t sent_at;     /* TSC when all_sent was seen */
	uint64_t arrived;     /* then: first arrivals so far */
	uint64_t arrived_at;  /* TSC when it last changed */
	uint64_t device_lost; /* what the devices had lost before */
};
extern struct trial_run trial;

/* => as trial_run, on other ports */
int trial_run_on(
    const struct trial_ports *, const struct trial_spec *, struct trial_result *, char *err, size_t errlen);
/* => what has been counted up to now; dir's is added up from both sides */
void trial_counts_now(struct trial_counts c[TRIAL_DIRS], uint64_t *other, uint64_t *tester_lost);
/* => frames that the ports' devices lost or refused up to now */
uint64_t trial_device_lost(const struct trial_ports *);
/* => of a row of bursts by size */
void trial_bursts(const struct tx_counts *, unsigned *median, unsigned *max);

/* trial_sample_ctl.c: begins, is asked each few milliseconds, and ends (what is left is told) */
void trial_sample_begin(void);
void trial_sample_tick(uint64_t now);
void trial_sample_end(void);

#endif
