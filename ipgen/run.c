/* SPDX-License-Identifier: BSD-2-Clause */
/* What was asked for is run: a plain run, a series of tests, a scenario; then the reports are written. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "if/ifnet.h"
#include "ipgen/ports.h"
#include "ipgen/procedure/run.h"
#include "ipgen/program.h"

#define SAMPLES 7200 /* points of a report's plots; of a longer run each second one goes, again and again */

#define LEARN_LEAST  16	  /* packets of a direction */
#define LEARN_MOST   4096 /* and of so many flows */
#define LEARN_PPS    5000
#define LEARN_DRAIN  0.4
#define LEARN_ROUNDS 3

static unsigned stride, skipped; /* [c] of the samples of a run */
static double later;		 /* [c] seconds of the tests behind the one that runs, about */

static void
sampled(void *arg, const struct trial_sample *s)
{
	struct program *p = arg;
	struct report *r = &p->report;

	if (++skipped < stride)
		return;
	skipped = 0;
	if (r->nsamples == SAMPLES) {
		for (unsigned i = 0; i < SAMPLES / 2; i++)
			r->sample[i] = r->sample[2 * i];
		r->nsamples = SAMPLES / 2;
		stride *= 2;
	}
	(void)report_add_sample(r, s); /* a report without a plot is better than none */
}

/* A trial's result as a row of the report. */
static int
add_row(struct program *p, const struct trial_spec *spec, const struct trial_result *result, double started)
{
	struct report_row row = {
	    .test = REPORT_RUN,
	    .mean_size = result->dir[0].mean_size,
	    .pass = true,
	    .final = true,
	    .result = *result,
	    .started = started,
	};

	snprintf(row.size, sizeof(row.size), "%s", p->opts.traffic.replay != NULL ? "replay" : p->live.sizes.text);
	for (unsigned d = 0; d < p->dirs; d++) {
		const struct trial_direction *t = &result->dir[d];

		row.offered_pps += t->tx_pps;
		row.line_pps += trial_line_pps(d, t->mean_size);
		row.value += t->rx_pps;
		row.pass &= t->count.lost == 0;
	}
	if (row.line_pps > 0)
		row.line_percent = row.offered_pps / row.line_pps * 100;
	if (result->link_lost)
		snprintf(row.note, sizeof(row.note), "link was lost");
	else if (result->interrupted && (spec->seconds > 0 || spec->packets > 0))
		snprintf(row.note, sizeof(row.note), "stopped before its end");
	return report_add(&p->report, &row);
}

static int
set_rates(struct program *p, struct trial_spec *spec, char *err, size_t errlen)
{
	char why[192];

	for (unsigned d = 0; d < p->dirs; d++) {
		if (program_rate(
			p, &p->opts.rate, d, traffic_mean_size(p->traffic[d]), &spec->pps[d], why, sizeof(why)) != 0) {
			snprintf(err, errlen, "--rate %s", why);
			return -EINVAL;
		}
		p->live.asked_pps[d] = spec->pps[d];
	}
	return 0;
}

static int
plain(struct program *p, char *err, size_t errlen)
{
	static struct trial_result result;
	struct trial_spec spec = p->live.trial;
	double started = (double)time(NULL);
	int error = set_rates(p, &spec, err, errlen);

	if (error != 0)
		return error;
	spec.seconds = p->opts.seconds;
	spec.packets = p->opts.packets;
	/* what is sent is a copy: a view may put another in its place */
	for (unsigned d = 0; d < p->dirs; d++) {
		spec.traffic[d] = p->opts.traffic.replay != NULL
				      ? p->traffic[d]
				      : traffic_resize(p->traffic[d], &p->sizes[d], err, errlen);
		if (spec.traffic[d] == NULL)
			return -EINVAL;
	}
	stride = 1;
	error = trial_observe(sampled, p);
	if (error == 0)
		error = trial_run(&spec, &result, err, errlen);
	trial_unobserve(sampled, p);
	if (error == 0) {
		error = add_row(p, &spec, &result, started);
		if (error != 0)
			snprintf(err, errlen, "%s", strerror(-error));
	}
	for (unsigned d = 0; d < p->dirs; d++)
		if (spec.traffic[d] != p->traffic[d])
			traffic_free(trial_traffic_left(d, spec.traffic[d]));
	return error;
}

static struct traffic *
procedure_traffic(void *arg, unsigned dir, const struct traffic_sizes *sizes, char *err, size_t errlen)
{
	struct program *p = arg;
	const struct tport *port = &tport[dir < ntports ? dir : 0];
	struct traffic *t = traffic_resize(p->traffic[dir], sizes, err, errlen);

	for (unsigned i = 0; t != NULL && i < ntports; i++) {
		unsigned most = tport[i].ifp->if_mtu + 18 + 4 * port->spec.ntags;

		if (traffic_max_size(t) <= most)
			continue;
		snprintf(err, errlen, "frames of %u octets: %s carries %u at most", traffic_max_size(t),
		    tport[i].spec.device, most);
		traffic_free(t);
		t = NULL;
	}
	if (t != NULL)
		p->live.sizes = *sizes;
	return t;
}

static double
monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
progress(void *arg, const char *line)
{
	struct program *p = arg;
	double left = p->live.ends - monotonic();
	char text[32];

	if (left >= 1)
		snprintf(p->live.progress, sizeof(p->live.progress), "%s; about %s left in all", line,
		    run_time(left, text, sizeof(text)));
	else
		snprintf(p->live.progress, sizeof(p->live.progress), "%s", line);
	headless_say(p, p->live.progress);
}

/* Of this test; what follows it is added. */
static void
left(void *arg, double seconds)
{
	struct program *p = arg;

	p->live.ends = monotonic() + seconds + later;
}

static double
mean_of(struct program *p, const struct traffic_sizes *sizes)
{
	char err[192];
	struct traffic *t = traffic_resize(p->traffic[0], sizes, err, sizeof(err));
	double mean = t != NULL ? traffic_mean_size(t) : sizes->size;

	if (t != NULL)
		traffic_free(t);
	return mean;
}

/* A highest rate in bits or percent differs from size to size: then each is a series of its own. */
static int
one_test(struct program *p, struct procedure *proc, enum report_test test, char *err, size_t errlen)
{
	const struct rate *most = p->opts.max_rate.kind != RATE_MAX ? &p->opts.max_rate : &p->opts.rate;
	const struct procedure all = *proc;
	bool each = most->kind != RATE_PPS && most->kind != RATE_MAX;
	double after = later;
	int error = 0;

	for (unsigned i = 0; error == 0 && i < (each ? all.nsizes : 1); i++) {
		char why[192];
		double pps;

		if (each) {
			proc->sizes = &all.sizes[i];
			proc->nsizes = 1;
			later = after + (all.nsizes - i - 1) * procedure_seconds(proc, test);
		}
		error = program_rate(p, most, 0, mean_of(p, &proc->sizes[0]), &pps, why, sizeof(why));
		if (error != 0) {
			snprintf(err, errlen, "%s %s", most == &p->opts.rate ? "--rate" : "--rfc2544-max-rate", why);
			break;
		}
		proc->max_pps = most->kind == RATE_MAX ? INFINITY : pps;
		proc->soak_pps = p->opts.rate.kind == RATE_MAX ? INFINITY : pps;
		error = procedure_run(proc, test, err, errlen);
	}
	*proc = all;
	later = after;
	return error;
}

/* How many sizes a test goes through: reset does with the smallest alone (RFC 2544). */
static double
sizes_of(const struct procedure *proc, enum report_test test)
{
	return test == REPORT_RESET ? 1 : proc->nsizes;
}

static int
series(struct program *p, char *err, size_t errlen)
{
	static const enum report_test order[] = {REPORT_THROUGHPUT, REPORT_LATENCY, REPORT_LOSS, REPORT_BACK,
	    REPORT_RECOVERY, REPORT_RESET, REPORT_MLR, REPORT_SOAK};
	static const char *const name[] = {
	    [REPORT_THROUGHPUT] = "RFC 2544 throughput",
	    [REPORT_LATENCY] = "RFC 2544 latency",
	    [REPORT_LOSS] = "RFC 2544 frame loss rate",
	    [REPORT_BACK] = "RFC 2544 back-to-back frames",
	    [REPORT_RECOVERY] = "RFC 2544 system recovery",
	    [REPORT_RESET] = "RFC 2544 reset",
	    [REPORT_MLR] = "MLRsearch",
	    [REPORT_SOAK] = "soak",
	};
	struct procedure *proc = &p->opts.procedure;
	int error = 0;

	proc->traffic = procedure_traffic;
	proc->arg = p;
	proc->dirs = p->dirs;
	proc->report = &p->report;
	proc->progress = progress;
	proc->left = left;
	later = 0;
	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (p->opts.test[order[i]])
			later += sizes_of(proc, order[i]) * procedure_seconds(proc, order[i]);
	p->live.fixed = true;
	for (unsigned i = 0; error == 0 && i < sizeof(order) / sizeof(order[0]); i++) {
		if (!p->opts.test[order[i]])
			continue;
		snprintf(p->live.test, sizeof(p->live.test), "%s", name[order[i]]);
		later = fmax(later - sizes_of(proc, order[i]) * procedure_seconds(proc, order[i]), 0);
		error = one_test(p, proc, order[i], err, errlen);
	}
	return error;
}

/* The tester's own latency, at the rate of the run. */
static void
measure_floor(struct program *p)
{
	char err[256];
	double pps = INFINITY, size = traffic_mean_size(p->traffic[0]);

	if (p->opts.no_floor)
		return;
	if (program_rate(p, &p->opts.rate, 0, size, &pps, err, sizeof(err)) != 0)
		pps = INFINITY;
	if (trial_floor(pps, (unsigned)lround(size), &p->report.floor, err, sizeof(err)) != 0) {
		fprintf(stderr, "ipgen: the tester's own latency is not known: %s\n", err);
		return;
	}
	if (p->report.floor.n == 0)
		return;
	p->report.has_floor = p->live.has_floor = true;
	p->live.floor = p->report.floor;
}

static bool
has_gateway(const struct tport_spec *s)
{
	static const uint8_t none[16];

	return memcmp(s->addr4.gateway, none, 4) != 0 || memcmp(s->addr6.gateway, none, 16) != 0;
}

/*
 * Learning frames (RFC 2544 section 23): some of each flow, before anything counts, so that the device under test has asked for
 * the hosts behind it; again where some were lost.
 */
static int
learn(struct program *p, char *err, size_t errlen)
{
	static struct trial_result result;
	struct trial_spec spec = {.drain = LEARN_DRAIN};
	uint64_t lost = 1;
	bool routed = false;
	int error = set_rates(p, &spec, err, errlen);

	for (unsigned i = 0; i < ntports; i++)
		routed |= has_gateway(&tport[i].spec);
	if (error != 0 || !routed || p->opts.no_learning || p->opts.traffic.replay != NULL)
		return error;
	spec.packets = LEARN_LEAST;
	for (unsigned d = 0; error == 0 && d < p->dirs; d++) {
		uint32_t flows = traffic_nflows(p->traffic[d]);

		if (flows > spec.packets)
			spec.packets = flows < LEARN_MOST ? flows : LEARN_MOST;
		spec.pps[d] = LEARN_PPS;
		spec.traffic[d] = traffic_resize(p->traffic[d], &p->sizes[d], err, errlen);
		if (spec.traffic[d] == NULL)
			error = -EINVAL;
	}
	for (unsigned i = 0; error == 0 && lost > 0 && i < LEARN_ROUNDS && !trial_quit(); i++) {
		error = trial_run(&spec, &result, err, errlen);
		lost = result.dir[0].count.lost + result.dir[1].count.lost;
	}
	for (unsigned d = 0; d < p->dirs; d++)
		if (spec.traffic[d] != NULL)
			traffic_free(trial_traffic_left(d, spec.traffic[d]));
	return error;
}

int
program_run(struct program *p, unsigned *failed, char *err, size_t errlen)
{
	int error;

	*failed = 0;
	measure_floor(p);
	error = trial_quit() ? -EINTR : learn(p, err, errlen);
	if (error != 0)
		return error;
	if (trial_quit())
		return -EINTR;
	headless_start(p);
	if (p->scenario != NULL) {
		error = set_rates(p, &p->live.trial, err, errlen);
		if (error == 0)
			error = scenario_run(p->scenario, &p->live, err, errlen);
		*failed = scenario_failed(p->scenario);
	} else
		error = program_series(p) ? series(p, err, errlen) : plain(p, err, errlen);
	headless_stop(p);
	p->report.ended = (double)time(NULL);
	return error;
}

int
program_write(const struct program *p, char *err, size_t errlen)
{
	const struct {
		const char *path;
		int (*fn)(const struct report *, FILE *);
	} file[] = {
	    {p->opts.text, report_text},
	    {p->opts.json, report_json_write},
	    {p->opts.rfc2544_json, report_json_write},
	    {p->opts.csv, report_csv},
	    {p->opts.html, report_html},
	};
	int error = 0;

	for (unsigned i = 0; i < sizeof(file) / sizeof(file[0]); i++) {
		int r = 0;

		if (file[i].path == NULL)
			continue;
		if (strcmp(file[i].path, "-") == 0) {
			r = file[i].fn(&p->report, stdout);
			if (r == 0 && fflush(stdout) != 0)
				r = -errno;
			if (r != 0)
				snprintf(err, errlen, "standard output: %s", strerror(-r));
		} else
			r = report_write(&p->report, file[i].path, file[i].fn, err, errlen);
		if (r != 0) {
			fprintf(stderr, "ipgen: %s\n", err);
			error = r;
		}
	}
	return error;
}
