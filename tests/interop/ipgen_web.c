/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipgen_web [ADDR:]PORT SECONDS [MS]: the web view with made-up samples (report_world.h), one each MS milliseconds (100), and
 * rows of a series; prints its URL, and what it was told to a page that was never asked for: nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "../unit/report_world.h"
#include "ipgen/live.h"

static void (*observer)(void *, const struct trial_sample *);
static struct event_base *base;
static struct event *timer;
static struct live live;
static struct report report;
static unsigned n, every = 100;

/* doubles of the engine: what the view asks of it */
int
trial_observe(void (*fn)(void *arg, const struct trial_sample *), void *arg)
{
	observer = fn;
	return 0;
}

void
trial_unobserve(void (*fn)(void *arg, const struct trial_sample *), void *arg)
{
	observer = NULL;
}

bool
trial_running(void)
{
	return true;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct trial_sample s;
	struct report_row row;
	char size[16];

	report_world_sample(&s, n++, 2);
	if (observer != NULL)
		observer(NULL, &s);
	if (n % 4 == 0) {
		snprintf(size, sizeof(size), "%u", 64 + n % 24 * 60);
		report_world_row(&row, REPORT_THROUGHPUT, size, 64 + n % 24 * 60, (n * 37 % 100 + 1) / 100.0);
		row.final = n % 12 == 0;
		if (report_add(&report, &row) != 0)
			exit(1);
		snprintf(live.progress, sizeof(live.progress), "%s octets: trial %u at %.0f frames/s: %s", size, n / 4,
		    row.offered_pps, row.pass ? "passed" : "lost frames");
	}
	evtimer_add(timer, (&(struct timeval){every / 1000, (suseconds_t)(every % 1000) * 1000}));
}

int
main(int argc, char **argv)
{
	struct timeval end = {0, 0};
	char err[256];

	if (argc < 3 || !report_world(&report, "hostile")) {
		fprintf(stderr, "usage: ipgen_web [ADDR:]PORT SECONDS [MS]\n");
		return 2;
	}
	end.tv_sec = atoi(argv[2]);
	every = argc > 3 ? (unsigned)atoi(argv[3]) : every;
	live.report = &report;
	live.dirs = 2;
	live.floor = report.floor;
	live.has_floor = true;
	snprintf(live.title, sizeof(live.title), "%s", report.title);
	snprintf(live.test, sizeof(live.test), "RFC 2544 throughput");
	snprintf(live.sizes.text, sizeof(live.sizes.text), "imix");
	snprintf(live.port[0], sizeof(live.port[0]), "%s", report.port[0]);
	live.asked_pps[0] = 1e6;
	base = event_base_new();
	if (web_start(&live, base, argv[1], err, sizeof(err)) != 0) {
		fprintf(stderr, "%s\n", err);
		return 2;
	}
	printf("%s\n", web_url());
	fflush(stdout);
	timer = evtimer_new(base, on_timer, NULL);
	evtimer_add(timer, (&(struct timeval){0, 1000}));
	event_base_loopexit(base, &end);
	event_base_dispatch(base);
	web_stop();
	event_free(timer);
	event_base_free(base);
	report_free(&report);
	libevent_global_shutdown();
	return 0;
}
