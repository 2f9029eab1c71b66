/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipgen_view DIRECTIONS [ROWS [drain]]: the terminal view on an engine that is made up, for tests/net/ipgen_view.py: a sample
 * each quarter of a second whose figures are known, large ones and bad ones too.
 */
#include <errno.h>
#include <event2/event.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <unistd.h>

#include "ipgen/live.h"
#include "ipgen/report/report_var.h"

struct traffic {
	struct traffic_sizes sizes;
};

static struct event_base *base;
static struct traffic *current[TRIAL_DIRS];
static double rate[TRIAL_DIRS] = {1e6, 12345};
static bool running = true, paused;
static unsigned signals;
static void (*observer)(void *, const struct trial_sample *);
static void *observer_arg;
static struct trial_sample sample;

double
traffic_mean_size(const struct traffic *t)
{
	return t->sizes.kind == SIZES_FIXED ? t->sizes.size : 362.3;
}

unsigned
traffic_min_size(const struct traffic *t)
{
	return t->sizes.kind == SIZES_FIXED ? t->sizes.size : 64;
}

unsigned
traffic_max_size(const struct traffic *t)
{
	return t->sizes.kind == SIZES_FIXED ? t->sizes.size : 1518;
}

uint32_t
traffic_nflows(const struct traffic *t)
{
	return t == current[1] ? TRAFFIC_MAXFLOWS : 1;
}

void
traffic_free(struct traffic *t)
{
	free(t);
}

int
traffic_sizes_parse(const char *s, struct traffic_sizes *sizes, char *err, size_t errlen)
{
	memset(sizes, 0, sizeof(*sizes));
	snprintf(sizes->text, sizeof(sizes->text), "%s", s);
	sizes->kind = strcmp(s, "imix") == 0 ? SIZES_MIX : SIZES_FIXED;
	sizes->size = (unsigned)atoi(s);
	if (sizes->kind == SIZES_MIX || sizes->size >= 64)
		return 0;
	snprintf(err, errlen, "size '%s': too small", s);
	return -EINVAL;
}

int
trial_set_rate(unsigned dir, double pps)
{
	if (!running)
		return -ESRCH;
	rate[dir] = pps;
	return 0;
}

int
trial_set_traffic(unsigned dir, struct traffic *t)
{
	free(current[dir]);
	current[dir] = t;
	return 0;
}

const struct traffic *
trial_traffic(unsigned dir)
{
	return current[dir];
}

int
trial_pause(bool on)
{
	paused = on;
	return 0;
}

bool
trial_running(void)
{
	return running;
}

void
trial_stop(bool quit)
{
	(void)quit;
	running = false;
	event_base_loopbreak(base);
}

int
trial_observe(void (*fn)(void *arg, const struct trial_sample *), void *arg)
{
	observer = fn;
	observer_arg = arg;
	return 0;
}

void
trial_unobserve(void (*fn)(void *arg, const struct trial_sample *), void *arg)
{
	(void)fn;
	(void)arg;
	observer = NULL;
}

double
trial_line_pps(unsigned dir, double mean_size)
{
	(void)dir;
	return 10e9 / 8 / (mean_size + TRAFFIC_GAP);
}

static struct traffic *
resize(struct live *live, unsigned dir, struct traffic_sizes *sizes, char *err, size_t errlen)
{
	struct traffic *t = calloc(1, sizeof(*t));

	(void)live;
	(void)dir;
	if (t == NULL)
		snprintf(err, errlen, "out of memory");
	else
		t->sizes = *sizes;
	return t;
}

/* Direction 1 is where all is bad, and large. */
static void
second(unsigned d, unsigned n)
{
	struct trial_counts *c = &sample.second[d], *t = &sample.total[d];

	c->sent = (uint64_t)(paused ? 0 : isinf(rate[d]) ? 1e6 : rate[d] / 4);
	c->sent_octets = c->sent * (uint64_t)traffic_mean_size(current[d]);
	c->lost = d == 1 ? c->sent / 100 : 0;
	/* one that was late */
	if (n % 5 == 4 && d == 1)
		c->lost = (uint64_t)-3;
	c->received = c->sent - (d == 1 ? c->sent / 100 : 0);
	c->received_octets = c->received * (uint64_t)traffic_mean_size(current[d]);
	t->sent += c->sent;
	t->received += c->received;
	t->lost = d == 1 ? 123456789012345 : 0;
	if (d == 1) {
		t->reordered = 987654321098;
		t->reorder_max = 65535;
		t->duplicate = t->corrupt = t->misdelivered = 123456789012;
		t->slipped = 12345678;
		t->tx_full = 87654321;
	}
	sample.asked_pps[d] = rate[d];
	sample.latency[d] = (struct trial_latency){.n = c->received,
	    .min = 800,
	    .p50 = 12345,
	    .p99 = 45678 + 100 * (n % 50),
	    .p999 = 2.5e6,
	    .max = d == 1 ? 7.1e9 : 7.1e6,
	    .jitter = 345};
	sample.burst_median[d] = 4;
	sample.burst_max[d] = 32;
}

static void
tick(evutil_socket_t fd, short what, void *arg)
{
	const struct live *live = arg;
	static unsigned n;

	(void)fd;
	(void)what;
	sample.at += 0.25;
	sample.seconds = 0.25;
	sample.counting = ++n > 2;
	sample.other = 1234567;
	sample.device_missed = 7;
	for (unsigned d = 0; d < live->dirs; d++)
		second(d, n);
	if (observer != NULL)
		observer(observer_arg, &sample);
	if (n == 4)
		fprintf(stderr, "smpnetd: warning: a line\tof the \033[31mlog\n");
}

const char *
report_test_name(enum report_test test)
{
	return test == REPORT_RUN ? "run" : "throughput";
}

static void
on_signal(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (signals++ > 0) {
		view_stop();
		_exit(130);
	}
}

static void
rows(struct report *report, unsigned n)
{
	report->row = calloc(n, sizeof(*report->row));
	report->nrows = report->row != NULL ? n : 0;
	for (unsigned i = 0; i < report->nrows; i++) {
		struct report_row *row = &report->row[i];

		snprintf(row->size, sizeof(row->size), "%u", 64 << i / 4);
		snprintf(row->note, sizeof(row->note), "trial %u", i);
		row->test = REPORT_THROUGHPUT;
		row->offered_pps = 1e6 * (i + 1);
		row->line_percent = i;
		row->pass = i % 2 == 1;
		row->final = i % 4 == 3;
		row->result.dir[0].count.sent = 10000;
		row->result.dir[0].count.lost = i % 2 == 1 ? 0 : i;
		row->result.dir[0].latency = (struct trial_latency){.n = 1, .p99 = 12345};
	}
}

int
main(int argc, char **argv)
{
	static struct live live;
	static struct report report;
	const struct timeval quarter = {.tv_usec = 250000};
	struct event *timer, *sigint;
	char err[256];

	base = event_base_new();
	live.dirs = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
	live.two_ports = live.dirs == 2;
	live.resize = resize;
	live.report = &report;
	live.has_floor = true;
	live.floor.n = 1;
	live.floor.p50 = 620;
	live.floor.p99 = 2200;
	snprintf(live.port[0], sizeof(live.port[0]), "eth1 10.0.0.1/24");
	snprintf(
	    live.port[1], sizeof(live.port[1]), "shmif:/tmp/a-path-that-is-much-too-long-for-a-column 10.0.1.1/24");
	snprintf(live.test, sizeof(live.test), "run");
	traffic_sizes_parse("64", &live.sizes, err, sizeof(err));
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		live.asked_pps[d] = rate[d];
		current[d] = resize(&live, d, &live.sizes, err, sizeof(err));
	}
	if (argc > 2) {
		rows(&report, (unsigned)atoi(argv[2]));
		snprintf(live.test, sizeof(live.test), "RFC 2544 throughput, 64 octets");
		snprintf(live.progress, sizeof(live.progress), "trial 7: between 800k and 825k");
		live.fixed = true;
	}
	timer = event_new(base, -1, EV_PERSIST, tick, &live);
	sigint = evsignal_new(base, SIGINT, on_signal, NULL);
	if (timer == NULL || sigint == NULL || event_add(timer, &quarter) != 0 || event_add(sigint, NULL) != 0)
		return 1;
	if (view_start(&live, base, err, sizeof(err)) != 0) {
		fprintf(stderr, "ipgen: %s\n", err);
		return 2;
	}
	/* the drain: the second signal is waited for a while */
	while (signals == 0 && event_base_loop(base, EVLOOP_ONCE) == 0 && running)
		;
	if (argc > 3)
		event_base_dispatch(base);
	view_stop();
	printf("summary: sent %llu\n", (unsigned long long)sample.total[0].sent);
	event_free(timer);
	event_free(sigint);
	for (unsigned d = 0; d < TRIAL_DIRS; d++)
		free(current[d]);
	free(report.row);
	event_base_free(base);
	return 0;
}
