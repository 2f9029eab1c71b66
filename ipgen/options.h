/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of ipgen, as the specs of its parts.  All functions are control's. */
#ifndef IPGEN_OPTIONS_H
#define IPGEN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ipgen/ports.h"
#include "ipgen/procedure.h"
#include "ipgen/rate.h"
#include "ipgen/traffic.h"

#define OPTIONS_MAX 160 /* options that there can be */

struct options {
	unsigned nports;
	struct tport_spec port[TPORTS];
	struct traffic_spec traffic;
	bool allnet, flowdump;
	unsigned ip_size; /* -s: frames are as long as this needs; 0: traffic.sizes */
	bool has_size;	  /* -s or --size */
	bool ip_sizes;	  /* procedure.sizes are those of untagged frames: --rfc2544-pktsize */
	struct rate rate; /* max where none was given */
	double seconds, warmup, ramp, drain, wait, interval;
	uint64_t packets;
	bool bidirectional;

	unsigned workers, queues, buffers, burst, mtu;
	const char *cpus;

	bool headless, json_lines, quiet, no_floor, no_learning;
	const char *text, *json, *csv, *html, *rfc2544_json, *log;
	const char *title, *dut, *script, *http;
	bool flows_report;
	unsigned flows_report_n; /* 0: all lossy ones, 20 at most */

	/* criteria; has_: asked for */
	bool has_max_loss, has_min_rate, has_max_latency;
	double max_loss;      /* a share */
	struct rate min_rate; /* received */
	double max_latency;   /* us, p99 */

	bool test[REPORT_SOAK + 1]; /* what procedure_run is to do, by enum report_test */
	struct rate max_rate;
	struct procedure procedure; /* sizes are ours, from malloc; max_pps, traffic, report and progress are not set */

	/* of the parser */
	const char *pps_value, *rate_value, *min_rate_value, *max_rate_value;
	bool seen[OPTIONS_MAX];
	unsigned nvlan; /* -V that waits for its port */
	struct traffic_tag vlan;
	unsigned ntags; /* --vlan */
	struct traffic_tag tag[TRAFFIC_MAXTAGS];
	unsigned tpid;
	uint64_t linerate;
	char via[16];
	bool take, l1_bps, l2_bps, fail_if_dropped, tcp, udp, icmp, only4, only6, no_early;
	unsigned tos, ttl;
	double percent_loss, percent_tolerance, percent_resolution;
};

enum { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION };

/* => OPTIONS_*; -EINVAL with err: one line naming the option and its value; -ENOMEM.  Strings point into argv */
int options_parse(int argc, char **argv, struct options *, char *err, size_t errlen);
void options_free(struct options *);
void options_help(FILE *);

/* => the frame sizes of a direction: those asked for, or the smallest that RFC 2544 has and the signature fits in */
void options_sizes(const struct options *, unsigned dir, unsigned family, struct traffic_sizes *);

/* criteria.c => whether --max-loss, --min-rate, --max-latency judge a test's results */
bool criteria_loss(enum report_test), criteria_rate(enum report_test), criteria_latency(enum report_test);

#endif
