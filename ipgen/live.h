/* SPDX-License-Identifier: BSD-2-Clause */
/* Who looks while it runs: the terminal view, the web view, scenarios. */
#ifndef IPGEN_LIVE_H
#define IPGEN_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipgen/report.h"
#include "ipgen/traffic.h"
#include "ipgen/trial.h"

struct event_base;

/* What the views may change and tell; filled by main. */
struct live {
	char title[128], port[2][256];
	unsigned dirs;
	bool two_ports;
	char test[64];	    /* "run", "RFC 2544 throughput, 512 octets" */
	char progress[320]; /* the last line of a procedure */
	double ends;	    /* monotonic seconds when a series will be over, about; 0: not known */
	double asked_pps[TRIAL_DIRS];
	struct traffic_sizes sizes;
	/* => the traffic of a direction with other sizes (raised where they are named), for trial_set_traffic; NULL with err */
	struct traffic *(*resize)(struct live *, unsigned dir, struct traffic_sizes *, char *err, size_t errlen);
	struct report *report;
	struct trial_latency floor;
	bool has_floor;
	struct trial_spec
	    trial; /* warmup, ramp, drain and burst as the command line has them: what a scenario's trials begin with */
	bool fixed;    /* a series of tests or a scenario sets rate and size: keys do not */
	bool view;     /* the terminal view is up (set by it) */
	bool want_key; /* a scenario waits for a key: whoever has one clears it */
	/* => asks for the gateways again (tports_resolve), from main's level; 0 or -errno with err; NULL: cannot */
	int (*announce)(struct live *, char *err, size_t errlen);
	/* => a line for people beside progress: the headless main prints it; NULL: nobody wants it */
	void (*say)(struct live *, const char *line);
};

/* Full-screen (ncurses).  => control; 0 or -errno with err (no terminal, TERM unknown) */
int view_start(struct live *, struct event_base *, char *err, size_t errlen);
void view_stop(void); /* gives the terminal back, also before an error is printed */

/* http://ADDR:PORT; "ADDR:PORT", "[::1]:PORT" or "PORT" (loopback).  => control; 0 or -errno with err */
int web_start(struct live *, struct event_base *, const char *addr, char *err, size_t errlen);
void web_stop(void);
const char *web_url(void); /* => "http://127.0.0.1:8080/", with the port that was taken for 0; "": not started */

/* A scenario: parsed wholly before anything runs.  => control; NULL with err "FILE:LINE: reason" */
struct scenario;
struct scenario *scenario_read(const char *path, char *err, size_t errlen);
/* => control, from main's level; runs the steps, each a row of the report; 0, -EINTR or -errno with err */
int scenario_run(struct scenario *, struct live *, char *err, size_t errlen);
void scenario_free(struct scenario *);
/* => after scenario_run: expectations that were not met (exit status 3) */
unsigned scenario_failed(const struct scenario *);
/* => what the scenario needs of the command line: full-duplex, its length in seconds */
bool scenario_bidirectional(const struct scenario *);
double scenario_seconds(const struct scenario *);

#endif
