/* SPDX-License-Identifier: BSD-2-Clause */
/* A double of ipgen's engine with a simulated device under test and a virtual clock; see ipgen_double.h. */
#include "ipgen_double.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBSERVERS 8

struct sim sim;

/* What the library has of traffic is not needed here: one of these is as good. */
struct traffic {
	double mean;
	unsigned min, max;
};

/* One direction while a trial runs. */
struct stream {
	double mean, asked, queue, cap;
	double sent, arrived, lost; /* of what counts */
	double slipped, own_lost, corrupt;
	double warm_lost;
	double base_sent, base_arrived, base_lost, base_corrupt; /* at the last sample */
	double wait, wait_max;					 /* queueing of what arrived: weighted sum */
};

static struct {
	void (*fn)(void *, const struct trial_sample *);
	void *arg;
} observer[OBSERVERS];
static const struct trial_spec *running;
static struct stream stream[TRIAL_DIRS];
static double trial_begin, bad_until;
static bool stop, quit, spiked;
static uint64_t rng;

static double
uniform(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (double)(rng >> 11) / (double)(1ull << 53);
}

void
sim_reset(void)
{
	memset(&sim, 0, sizeof(sim));
	memset(observer, 0, sizeof(observer));
	sim.line_bps = 10e9;
	sim.outage_at = -1;
	sim.latency = 10e-6;
	sim.seed = 1;
	stop = quit = false;
	running = NULL;
	rng = 0;
}

double
sim_capacity(double size)
{
	double pps = sim.pps > 0 ? sim.pps : INFINITY;

	if (sim.bps > 0 && sim.bps / (size * 8) < pps)
		pps = sim.bps / (size * 8);
	return pps;
}

struct traffic *
sim_traffic(const struct traffic_sizes *s)
{
	struct traffic *t = calloc(1, sizeof(*t));

	if (s->kind == SIZES_FIXED) {
		t->mean = t->min = t->max = s->size;
	} else if (s->kind == SIZES_SWEEP) {
		t->min = s->min;
		t->max = s->max;
		t->mean = (s->min + s->max) / 2.0;
	} else {
		t->min = UINT32_MAX;
		for (unsigned i = 0; i < s->nmix; i++) {
			t->mean += (double)s->mix[i] / s->nmix;
			t->min = s->mix[i] < t->min ? s->mix[i] : t->min;
			t->max = s->mix[i] > t->max ? s->mix[i] : t->max;
		}
	}
	sim.traffics++;
	return t;
}

struct traffic *
sim_traffic_make(void *arg, unsigned dir, const struct traffic_sizes *s, char *err, size_t errlen)
{
	(void)arg;
	(void)dir;
	if (s->kind == SIZES_FIXED && s->size < 64) {
		snprintf(err, errlen, "a frame of %u octets is too small for the signature (64 at least)", s->size);
		return NULL;
	}
	return sim_traffic(s);
}

struct traffic_sizes *
sim_size(struct traffic_sizes *s, unsigned size)
{
	memset(s, 0, sizeof(*s));
	s->kind = SIZES_FIXED;
	s->size = size;
	snprintf(s->text, sizeof(s->text), "%u", size);
	return s;
}

void
traffic_free(struct traffic *t)
{
	if (t)
		sim.traffics--;
	free(t);
}

double
traffic_mean_size(const struct traffic *t)
{
	return t->mean;
}

unsigned
traffic_min_size(const struct traffic *t)
{
	return t->min;
}

unsigned
traffic_max_size(const struct traffic *t)
{
	return t->max;
}

/* The time from `now` (of the trial) to the next change of what the device does, at most dt. */
static double
bounded(double now, double dt)
{
	const double edge[] = {sim.outage_at, sim.outage_at < 0 ? -1 : sim.outage_at + sim.outage, bad_until};

	for (unsigned i = 0; i < 3; i++)
		if (edge[i] > now && edge[i] < now + dt)
			dt = edge[i] - now;
	return dt;
}

/* dt seconds of one direction, in which neither rate nor device change. */
static void
flow(struct stream *s, double now, double dt, bool counting, double share)
{
	double asked = s->asked * share, pps = asked, in, out, lost = 0, own = 0;
	bool overflow = false, outage = sim.outage_at >= 0 && now >= sim.outage_at && now < sim.outage_at + sim.outage;

	if (sim.tester_pps > 0 && pps > sim.tester_pps)
		pps = sim.tester_pps;
	if (sim.slip_every && sim.trials % sim.slip_every == 0)
		pps *= 0.95;
	if (sim.duty > 0)
		pps *= sim.duty;
	if (isinf(pps)) /* nothing limits the tester: the line does */
		pps = sim.line_bps > 0 ? sim.line_bps / ((s->mean + 20) * 8) : 1e9;
	in = pps * dt;
	if (outage) {
		lost = in;
	} else {
		double through = in * (1 - sim.loss) * (spiked ? 1 - sim.spike_loss : 1);

		if (now < bad_until)
			through *= 1 - (sim.recovery_loss > 0 ? sim.recovery_loss : 0.1);
		lost = in - through;
		out = s->cap * dt;
		if (s->queue + through > out) {
			s->queue += through - out;
			if (s->queue > sim.buffer + 1e-6) {
				lost += s->queue - sim.buffer;
				s->queue = sim.buffer;
				overflow = true;
			}
		} else {
			s->queue = 0;
		}
		/* what it loses while it recovers does not end the overload */
		if (sim.recovery > 0 && (overflow || (in > out && now < bad_until)))
			bad_until = now + dt + sim.recovery;
	}
	if (lost > 1e-9)
		sim.last_loss = sim.clock + dt;
	if (sim.own_pps > 0 && (in - lost) > sim.own_pps * dt)
		own = in - lost - sim.own_pps * dt;
	if (!counting)
		return;
	s->sent += in;
	s->slipped += isinf(asked) ? 0 : asked * dt - in;
	s->lost += lost + own;
	s->own_lost += own;
	s->arrived += in - lost - own;
	s->corrupt += (in - lost - own) * sim.corrupt;
	s->wait += (isinf(s->cap) ? 0 : s->queue / s->cap) * in;
	if (!isinf(s->cap) && s->queue / s->cap > s->wait_max)
		s->wait_max = s->queue / s->cap;
}

static void
counts(
    struct trial_counts *c, const struct stream *s, double sent, double arrived, double lost, double corrupt, bool live)
{
	memset(c, 0, sizeof(*c));
	c->sent = (uint64_t)(sent + 1e-6);
	c->lost = (uint64_t)(lost + 1e-6);
	if (c->lost > c->sent)
		c->lost = c->sent;
	(void)arrived;
	c->unique = c->received = c->sent - c->lost;
	c->corrupt = (uint64_t)(corrupt + 1e-6);
	c->sent_octets = (uint64_t)((double)c->sent * s->mean);
	c->received_octets = (uint64_t)((double)c->received * s->mean);
	c->slipped = (uint64_t)(s->slipped > 0 ? s->slipped + 1e-3 : 0);
	if (sim.reorder) {
		c->reordered = sim.reorder;
		c->reorder_max = 3;
		if (live)
			c->lost += sim.reorder;
	}
}

static void
latency(struct trial_latency *l, const struct stream *s)
{
	double wait = s->sent > 0 ? s->wait / s->sent : 0;

	l->n = (uint64_t)s->arrived;
	l->min = sim.latency * 1e9;
	l->mean = (sim.latency + wait) * 1e9;
	l->p50 = l->mean;
	l->p90 = l->p99 = l->p999 = l->max = (sim.latency + s->wait_max) * 1e9;
	l->jitter = l->jitter_max = 100;
}

static void
sample(double at, double seconds, bool counting)
{
	struct trial_sample t = {.at = at, .seconds = seconds, .counting = counting};

	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		struct stream *s = &stream[d];

		if (!running->traffic[d])
			continue;
		t.asked_pps[d] = s->asked;
		counts(&t.total[d], s, s->sent, s->arrived, s->lost, s->corrupt, true);
		counts(&t.second[d], s, s->sent - s->base_sent, s->arrived - s->base_arrived, s->lost - s->base_lost,
		    s->corrupt - s->base_corrupt, true);
		/* nothing arrived in it: what is missing shows with the next arrival */
		if (s->arrived - s->base_arrived < 1 && s->sent > s->base_sent)
			t.total[d].lost = (uint64_t)(s->base_lost + 1e-6), t.second[d].lost = 0;
		else
			s->base_lost = s->lost;
		t.second[d].received = (uint64_t)(s->arrived - s->base_arrived + 1e-6);
		latency(&t.latency[d], s);
		s->base_sent = s->sent;
		s->base_arrived = s->arrived;
		s->base_corrupt = s->corrupt;
	}
	for (unsigned i = 0; i < OBSERVERS; i++)
		if (observer[i].fn && running->sample)
			observer[i].fn(observer[i].arg, &t);
}

/* Sends for `seconds`, or until each direction has sent its packets. */
static double
phase(double seconds, bool counting, double ramp)
{
	double now = counting ? running->warmup : 0, end = seconds > 0 ? now + seconds : INFINITY, t0 = now;
	double interval = running->interval > 0 ? running->interval : 1, next = now + interval, last = now;

	while (now < end - 1e-12 && !stop) {
		double dt = fmin(end, next) - now, share = 1;
		bool more = false;

		if (!counting && now < ramp) { /* ten steps are smooth enough */
			share = (floor(now / ramp * 10 + 1e-9) + 0.5) / 10;
			dt = fmin(dt, ramp / 10);
		}
		for (unsigned d = 0; d < TRIAL_DIRS; d++) {
			double left = (double)running->packets - stream[d].sent, pps = stream[d].asked;

			if (!running->traffic[d])
				continue;
			if (sim.tester_pps > 0 && pps > sim.tester_pps)
				pps = sim.tester_pps;
			if (isinf(pps))
				pps = sim.line_bps > 0 ? sim.line_bps / ((stream[d].mean + 20) * 8) : 1e9;
			if (sim.slip_every && sim.trials % sim.slip_every == 0)
				pps *= 0.95;
			if (sim.duty > 0)
				pps *= sim.duty;
			if (!counting || !running->packets) {
				more = true;
			} else if (left > 1e-6) {
				more = true;
				dt = fmin(dt, left / pps);
			}
		}
		if (!more)
			break;
		if (sim.quit_at == sim.trials && counting)
			dt = fmin(dt, fmin(seconds > 0 ? seconds : 1, 1) / 2);
		dt = bounded(now, dt);
		for (unsigned d = 0; d < TRIAL_DIRS; d++)
			if (running->traffic[d] &&
			    !(counting && running->packets && stream[d].sent > (double)running->packets - 1e-6))
				flow(&stream[d], now, dt, counting, share);
		now += dt;
		sim.clock += dt;
		sim.sent_seconds += dt;
		if (now >= next - 1e-12) {
			sample(now, now - last, counting);
			last = now;
			next = now + interval;
		}
		if (sim.quit_at == sim.trials && counting)
			stop = quit = true;
	}
	if (counting && now > last)
		sample(now, now - last, true);
	return now - t0;
}

int
trial_run(const struct trial_spec *spec, struct trial_result *r, char *err, size_t errlen)
{
	double drain = spec->drain < 0 ? 2 : spec->drain, u;

	sim.trials++;
	if (!rng)
		rng = sim.seed * 0x9e3779b97f4a7c15ull | 1;
	memset(r, 0, sizeof(*r));
	if (sim.error_at == sim.trials) {
		snprintf(err, errlen, "the double was told to fail");
		return -(int)sim.errno_;
	}
	if (!spec->traffic[0] && !spec->traffic[1]) {
		snprintf(err, errlen, "no traffic");
		return -EINVAL;
	}
	running = spec;
	stop = false;
	bad_until = 0;
	trial_begin = sim.clock;
	memset(stream, 0, sizeof(stream));
	u = 1 + sim.noise * (2 * uniform() - 1);
	spiked = uniform() < sim.spike;
	for (unsigned d = 0; d < TRIAL_DIRS; d++)
		if (spec->traffic[d]) {
			stream[d].mean = traffic_mean_size(spec->traffic[d]);
			stream[d].asked = spec->pps[d];
			stream[d].cap = sim_capacity(stream[d].mean) * u;
		}
	if (spec->warmup > 0)
		phase(spec->warmup, false, spec->ramp);
	r->seconds = phase(spec->seconds, true, 0);
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		struct trial_direction *o = &r->dir[d];
		struct stream *s = &stream[d];

		if (!spec->traffic[d])
			continue;
		counts(&o->count, s, s->sent, s->arrived, s->lost, s->corrupt, false);
		o->tx_pps = r->seconds > 0 ? s->sent / r->seconds : 0;
		o->rx_pps = r->seconds > 0 ? s->arrived / r->seconds : 0;
		o->asked_pps = spec->pps[d];
		o->mean_size = s->mean;
		o->flows = 1;
		o->flows_lossy = o->count.lost > 0;
		latency(&o->latency, s);
		r->tester_lost += (uint64_t)s->own_lost;
	}
	r->interrupted = stop;
	r->link_lost = sim.link_lost_at == sim.trials;
	sim.stopped += stop;
	running = NULL;
	sim.clock += drain;
	return 0;
}

void
trial_stop(bool all)
{
	stop = true;
	quit |= all;
}

bool
trial_quit(void)
{
	return quit;
}

bool
trial_wait(double seconds)
{
	sim.clock += seconds;
	return !quit;
}

int
trial_set_rate(unsigned dir, double pps)
{
	if (!running)
		return -ESRCH;
	stream[dir].asked = pps;
	return 0;
}

int
trial_set_traffic(unsigned dir, struct traffic *t)
{
	if (!running)
		return -ESRCH;
	stream[dir].mean = traffic_mean_size(t);
	stream[dir].cap = sim_capacity(stream[dir].mean);
	traffic_free(t);
	return 0;
}

const struct traffic *
trial_traffic(unsigned dir)
{
	return running ? running->traffic[dir] : NULL;
}

int
trial_pause(bool on)
{
	(void)on;
	return running ? 0 : -ESRCH;
}

bool
trial_running(void)
{
	return running != NULL;
}

int
trial_observe(void (*fn)(void *, const struct trial_sample *), void *arg)
{
	for (unsigned i = 0; i < OBSERVERS; i++)
		if (!observer[i].fn) {
			observer[i].fn = fn;
			observer[i].arg = arg;
			return 0;
		}
	return -ENOSPC;
}

void
trial_unobserve(void (*fn)(void *, const struct trial_sample *), void *arg)
{
	for (unsigned i = 0; i < OBSERVERS; i++)
		if (observer[i].fn == fn && observer[i].arg == arg)
			observer[i].fn = NULL;
}

int
trial_flow_result(unsigned dir, uint32_t flow_number, struct trial_flow_result *r)
{
	(void)dir;
	memset(r, 0, sizeof(*r));
	return flow_number ? -ENOENT : 0;
}

int
trial_floor(double pps, unsigned size, struct trial_latency *l, char *err, size_t errlen)
{
	(void)pps;
	(void)size;
	(void)err;
	(void)errlen;
	memset(l, 0, sizeof(*l));
	l->n = 1;
	l->mean = 1000;
	return 0;
}

uint64_t
trial_line_rate(unsigned dir)
{
	(void)dir;
	return (uint64_t)sim.line_bps;
}

double
trial_line_pps(unsigned dir, double mean_size)
{
	(void)dir;
	return sim.line_bps / ((mean_size + TRAFFIC_GAP) * 8);
}
