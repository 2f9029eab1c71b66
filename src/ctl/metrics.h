/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Metrics for Prometheus and its kin (smpnetd -M; doc/metrics.md): the text, and the server that answers with it.
 */
#ifndef SMPNET_CTL_METRICS_H
#define SMPNET_CTL_METRICS_H

#include <stdbool.h>
#include <stddef.h>

struct evbuffer;
struct event_base;
struct metrics_scrape;

/*
 * Listens at [ADDR:]PORT, ADDR an IPv4 address or an IPv6 address in brackets, 127.0.0.1 if left out; port 0: one that
 * is free, logged.
 * => control, before router_start: nobody is served before the event loop runs.  0 or -errno with the reason logged
 */
int metrics_start(struct event_base *, const char *address);
/* => control; before router_stop; nothing happens where metrics_start was not called */
void metrics_stop(void);

/*
 * One answer, in slices: counters are read as they are written out, interfaces all before the first of them.
 * => control; openmetrics: OpenMetrics 1.0, else Prometheus' text format 0.0.4; NULL: no memory
 */
struct metrics_scrape *metrics_scrape_new(bool openmetrics);
void metrics_scrape_free(struct metrics_scrape *);
/* => control; appends up to about max octets; 1: there is more, 0: that was all, -ENOMEM */
int metrics_scrape_slice(struct metrics_scrape *, struct evbuffer *, size_t max);

#endif
