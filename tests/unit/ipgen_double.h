/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A double of ipgen's engine: ipgen/trial.h with a simulated device under test and a clock of its own, so that hours of
 * tests take milliseconds.  Packets are a fluid: a queue of `buffer` frames before a server of `pps` and `bps`.
 *
 * A test calls sim_reset, sets what it wants in `sim`, and runs what it tests.  One thread.
 */
#ifndef IPGEN_DOUBLE_H
#define IPGEN_DOUBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "ipgen/traffic.h"
#include "ipgen/trial.h"

struct sim {
	/* the device under test; each direction has its own queue and server */
	double pps;	       /* frames a second that it forwards; 0: no limit */
	double bps;	       /* bits a second of frames with FCS that it forwards; 0: no limit */
	double buffer;	       /* frames that wait */
	double noise;	       /* its rate differs from trial to trial by up to this share, both ways */
	double spike;	       /* probability that a trial loses packets by chance */
	double spike_loss;     /* the share it loses then */
	double loss;	       /* share lost always */
	double corrupt;	       /* share of what arrives that comes corrupt */
	double latency;	       /* seconds through it when its queue is empty */
	double recovery;       /* seconds after an overload in which it loses recovery_loss */
	double recovery_loss;  /* share; 0: 0.1 */
	double outage_at;      /* seconds from the trial's beginning; < 0: none */
	double outage;	       /* seconds in which nothing comes through */
	unsigned link_lost_at; /* the trial (1: the first) that finds the link lost; 0: none */

	/* the tester */
	double line_bps;	   /* line rate, bits a second; 0: not known */
	double tester_pps;	   /* packets a second that it sends at most; 0: no limit */
	double own_pps;		   /* packets a second that it receives at most, the rest is tester_lost; 0: no limit */
	double duty;		   /* share of what is asked that it sends; 0: all */
	unsigned slip_every;	   /* each such trial sends 5 % less than asked; 0: none */
	unsigned reorder;	   /* packets that are always missing below the highest seen, and come later */
	unsigned quit_at;	   /* the trial in the middle of which the user quits; 0: none */
	unsigned error_at, errno_; /* the trial that fails with this error; 0: none */
	uint64_t seed;

	/* what happened */
	double clock;	     /* virtual seconds since sim_reset */
	unsigned trials;     /* trial_run was called */
	unsigned stopped;    /* trials that trial_stop ended */
	unsigned traffics;   /* struct traffic that live: 0 at the end, or they leak */
	double sent_seconds; /* of all trials together */
	double last_loss;    /* clock of the last packet lost */
};
extern struct sim sim;

/* => everything as it was; a clean device without limits, 10 Gbit/s line, seed 1 */
void sim_reset(void);
/* => frames a second of this size that the device forwards for ever, in one direction */
double sim_capacity(double size);
/* => a traffic of these sizes, to be freed by traffic_free */
struct traffic *sim_traffic(const struct traffic_sizes *);
/* => the same with the arguments that struct procedure's traffic has */
struct traffic *sim_traffic_make(void *arg, unsigned dir, const struct traffic_sizes *, char *err, size_t errlen);
/* => sizes of one size, text set */
struct traffic_sizes *sim_size(struct traffic_sizes *, unsigned size);

#endif
