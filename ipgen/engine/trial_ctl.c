/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trial from its beginning to its settled result.
 *
 * The order: tables are made while nobody looks (rx_prepare, tx_prepare); receiving opens, then sending begins; when all is
 * sent, what is under way is waited for; the senders' sources go, receiving closes, each worker answers once more, and what
 * is read then is final.
 *
 * Synchronization: control.  trial_stop, trial_set_rate and the like come from events of the loop that trial_run_on runs.
 * Lifetime: struct trial_run is one for the process; a trial's traffic is its caller's.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "if/ifnet.h"
#include "ipgen/engine/engine.h"
#include "ipgen/engine/rx.h"
#include "ipgen/engine/trial_var.h"
#include "ipgen/engine/tx_var.h"
#include "ipgen/ports.h"

#define TICK_MS	  10
#define LEAD_MS	  5  /* from the order to send to the first packet: every worker is there then */
#define LINGER_MS 20 /* without an arrival, after all has come back: what was sent twice may follow */
#define DRAIN_S	  2.0
#define DRAINS	  4 /* so many times the drain without a first arrival, whatever else comes: a network may go round */

struct trial_run trial;
static bool quit;		   /* [c] */
static unsigned trials;		   /* [c] magics used */
static uint32_t flows[TRIAL_DIRS]; /* [c] of the last trial that began, if none was refused since */

static uint64_t
ticks(double seconds)
{
	return (uint64_t)(seconds * (double)mp_tsc_hz);
}

/* => what is wrong with it, or NULL */
static const char *
spec_wrong(const struct trial_ports *ports, const struct trial_spec *s)
{
	if (ports->n == 0)
		return "no port";
	if (s->traffic[0] == NULL && s->traffic[1] == NULL)
		return "no traffic";
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		if (s->traffic[d] == NULL)
			continue;
		if (d >= ports->n)
			return "two directions need two ports";
		if (isnan(s->pps[d]) || s->pps[d] <= 0)
			return "a rate must be above 0";
	}
	if (isnan(s->seconds) || s->seconds < 0 || s->seconds > 1e8)
		return "not a time to send for";
	if (isnan(s->warmup) || s->warmup < 0 || s->warmup > 1e6)
		return "not a time to warm up";
	if (isnan(s->ramp) || s->ramp < 0 || s->ramp > s->warmup)
		return "the ramp is a part of the warm-up";
	if (isnan(s->drain) || s->drain > 1e6)
		return "not a time to wait for the last packets";
	if (s->burst > TX_MAXBURST)
		return "a burst is 64 packets at most";
	return NULL;
}

uint64_t
trial_device_lost(const struct trial_ports *ports)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < ports->n; i++)
		for (unsigned q = 0; q < PORT_MAXQ; q++) {
			const struct port_qstats *st = &ports->port[i]->qstats[q];

			n += mp_read(&st->rx_errors) + mp_read(&st->rx_nobuf) + mp_read(&st->rx_missed) +
			     mp_read(&st->tx_errors);
		}
	return n;
}

void
trial_counts_now(struct trial_counts c[TRIAL_DIRS], uint64_t *other, uint64_t *tester_lost)
{
	memset(c, 0, TRIAL_DIRS * sizeof(c[0]));
	*other = *tester_lost = 0;
	/* what came first: no more than was sent is seen to have come */
	rx_counts(c, other, tester_lost);
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		struct tx_counts *tx = &trial.tx[d];

		tx_counts(d, tx);
		c[d].sent = tx->sent;
		c[d].sent_octets = tx->sent_octets;
		c[d].tx_full = tx->tx_full;
		c[d].slipped = tx->slipped;
	}
}

void
trial_bursts(const struct tx_counts *tx, unsigned *median, unsigned *max)
{
	uint64_t all = 0, n = 0;

	*median = *max = 0;
	for (unsigned i = 1; i <= TX_MAXBURST; i++) {
		all += tx->burst[i];
		if (tx->burst[i] > 0)
			*max = i;
	}
	for (unsigned i = 1; i <= TX_MAXBURST && *median == 0 && all > 0; i++)
		if ((n += tx->burst[i]) * 2 >= all)
			*median = i;
}

static bool
link_down(void)
{
	for (unsigned i = 0; i < trial.ports.n; i++)
		if (atomic_load_explicit(&trial.ports.ifp[i]->if_linkstate, memory_order_relaxed) == LINK_DOWN)
			return true;
	return false;
}

/* Has all that was sent come back? */
static bool
all_back(const struct trial_counts *c)
{
	for (unsigned d = 0; d < TRIAL_DIRS; d++)
		if (c[d].unique + c[d].unattributed < c[d].sent || rx_warm(d) < trial.tx[d].warm)
			return false;
	return true;
}

/* When the last packet came that had not come before, as far as it was looked for. */
static uint64_t
first_arrival(const struct trial_counts *c, uint64_t now)
{
	uint64_t n = 0;

	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		uint64_t warm = rx_warm(d);

		n += c[d].unique + c[d].late < c[d].sent ? c[d].unique + c[d].late : c[d].sent;
		n += warm < trial.tx[d].warm ? warm : trial.tx[d].warm;
	}
	if (n != trial.arrived || trial.arrived_at == 0) {
		trial.arrived = n;
		trial.arrived_at = now;
	}
	return trial.arrived_at;
}

/* => is the waiting over? */
static bool
drained(uint64_t now)
{
	const double drain = trial.spec->drain < 0 ? DRAIN_S : trial.spec->drain;
	struct trial_counts c[TRIAL_DIRS];
	uint64_t last = rx_lastarrival(), other, lost, quiet;

	if (last == 0 || (int64_t)(last - trial.sent_at) < 0)
		last = trial.sent_at;
	quiet = (int64_t)(now - last) < 0 ? 0 : now - last;
	if (quiet >= ticks(drain))
		return true;
	trial_counts_now(c, &other, &lost);
	if (now - first_arrival(c, now) >= ticks(drain * DRAINS))
		return true;
	return quiet >= mp_tsc_hz / 1000 * LINGER_MS && all_back(c);
}

static void
trial_tick(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = rte_rdtsc();
	bool done = true;

	if (trial.over)
		return;
	trial.link_lost |= link_down();
	tx_peaks();
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		tx_counts(d, &trial.tx[d]);
		done = done && trial.tx[d].done;
	}
	if (done && !trial.all_sent) {
		trial.all_sent = true;
		trial.sent_at = now;
	}
	trial_sample_tick(now);
	if (trial.all_sent && drained(now)) {
		trial.over = true;
		event_base_loopbreak(mp_base);
	}
}

/* What devices of DPDK's say of their losses is read each second: of a trial that lost something it must be there. */
static void
device_settle(void)
{
	struct trial_counts c[TRIAL_DIRS];
	uint64_t other, lost;
	bool eth = false;

	trial_counts_now(c, &other, &lost);
	for (unsigned i = 0; i < trial.ports.n; i++)
		eth |= strcmp(trial.ports.port[i]->ops->kind, "eth") == 0;
	if (eth && !all_back(c))
		(void)trial_wait(1.1);
}

static void
result_fill(struct trial_result *r)
{
	uint64_t other, lost;
	struct trial_counts c[TRIAL_DIRS];

	memset(r, 0, sizeof(*r));
	trial_counts_now(c, &other, &lost);
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		struct trial_direction *dir = &r->dir[d];
		const struct tx_counts *tx = &trial.tx[d];
		double seconds = (double)(tx->last - tx->first) / (double)mp_tsc_hz;

		if (trial.traffic[d] == NULL)
			continue;
		dir->count = c[d];
		dir->asked_pps = trial.asked[d];
		dir->mean_size =
		    tx->sent > 0 ? (double)tx->sent_octets / (double)tx->sent : traffic_mean_size(trial.traffic[d]);
		dir->flows = traffic_nflows(trial.traffic[d]);
		dir->peak10ms = tx->peak10ms;
		trial_bursts(tx, &dir->burst_median, &dir->burst_max);
		if (tx->sent > 1 && tx->last != tx->first)
			dir->tx_pps = (double)(tx->sent - 1) / seconds;
		else if (trial.spec->seconds > 0)
			dir->tx_pps = (double)tx->sent / trial.spec->seconds;
		if (seconds > r->seconds)
			r->seconds = seconds;
	}
	if (trial.spec->seconds > 0 && !trial.stopped && r->seconds > trial.spec->seconds * 0.9)
		r->seconds = trial.spec->seconds;
	rx_collect(r);
	r->device_missed = trial_device_lost(&trial.ports) - trial.device_lost;
	r->interrupted = trial.stopped;
	r->link_lost = trial.link_lost;
}

/* => 0, or -errno with err: nothing is under way then */
static int
trial_begin(const struct trial_ports *ports, const struct trial_spec *spec, char *err, size_t errlen)
{
	uint16_t magic;
	struct tx_setup tx = {.nports = ports->n,
	    .packets = spec->packets,
	    .seconds = spec->seconds,
	    .warmup = spec->warmup,
	    .ramp = spec->ramp,
	    .burst = spec->burst};
	struct rx_setup rx = {.nports = ports->n, .sent = tx_flow_sent};
	int r;

	/* from anywhere on: what another ipgen left in a device under test is not taken for this one's */
	if (trials == 0)
		trials = (unsigned)(rte_rdtsc() >> 10) & ~1u;
	magic = (uint16_t)(SIG_MAGIC + trials % SIG_TRIALS + 1);
	tx.magic = rx.magic = magic;
	trials += 2;
	trial = (struct trial_run){.spec = spec, .ports = *ports};
	for (unsigned i = 0; i < ports->n; i++) {
		tx.port[i] = ports->port[i];
		rx.port[i] = ports->ifp[i];
	}
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		trial.traffic[d] = tx.traffic[d] = spec->traffic[d];
		rx.traffic[d] = spec->traffic[d];
		trial.asked[d] = tx.pps[d] = spec->pps[d];
		flows[d] = 0;
	}
	if (link_down()) {
		snprintf(err, errlen, "a port's link is down");
		return -ENETDOWN;
	}
	if ((r = rx_prepare(&rx, err, errlen)) != 0 || (r = tx_prepare(&tx, err, errlen)) != 0)
		return r;
	for (unsigned d = 0; d < TRIAL_DIRS; d++)
		flows[d] = spec->traffic[d] != NULL ? traffic_nflows(spec->traffic[d]) : 0;
	trial.device_lost = trial_device_lost(ports);
	trial.running = true;
	rx_open();
	trial.start = rte_rdtsc() + mp_tsc_hz / 1000 * LEAD_MS;
	tx_start(trial.start);
	return 0;
}

int
trial_run_on(const struct trial_ports *ports, const struct trial_spec *spec, struct trial_result *result, char *err,
    size_t errlen)
{
	const struct timeval tick = {.tv_usec = TICK_MS * 1000};
	const char *wrong;
	struct event *timer;
	int r;

	ASSERT_CONTROL();
	memset(result, 0, sizeof(*result));
	if (trial.running)
		wrong = "a trial runs already";
	else
		wrong = spec_wrong(ports, spec);
	if (wrong != NULL) {
		snprintf(err, errlen, "%s", wrong);
		return -EINVAL;
	}
	if (quit) {
		snprintf(err, errlen, "stopped");
		return -EINTR;
	}
	timer = event_new(mp_base, -1, EV_PERSIST, trial_tick, NULL);
	if (timer == NULL || event_add(timer, &tick) != 0) {
		snprintf(err, errlen, "%s", strerror(ENOMEM));
		r = -ENOMEM;
		goto out;
	}
	if ((r = trial_begin(ports, spec, err, errlen)) != 0)
		goto out;
	trial_sample_begin();
	while (!trial.over)
		event_base_loop(mp_base, EVLOOP_ONCE);
	event_del(timer);
	tx_release();
	device_settle();
	rx_settle();
	trial_sample_end();
	result_fill(result);
	trial.running = false;
	if (trial.stopped && result->dir[0].count.sent + result->dir[1].count.sent == 0) {
		snprintf(err, errlen, "stopped before anything was sent that counts");
		r = -EINTR;
	}
out:
	if (timer != NULL)
		event_free(timer);
	return r;
}

int
trial_run(const struct trial_spec *spec, struct trial_result *result, char *err, size_t errlen)
{
	struct trial_ports ports = {.n = ntports};

	for (unsigned i = 0; i < ntports; i++) {
		ports.port[i] = tport[i].port;
		ports.ifp[i] = tport[i].ifp;
	}
	return trial_run_on(&ports, spec, result, err, errlen);
}

void
trial_stop(bool again)
{
	ASSERT_CONTROL();
	quit |= again;
	if (again)
		event_base_loopbreak(mp_base); /* of trial_wait */
	if (!trial.running || trial.all_sent || trial.stopped)
		return;
	trial.stopped = true;
	tx_stop();
}

bool
trial_quit(void)
{
	return quit;
}

static void
wait_over(evutil_socket_t fd, short what, void *arg)
{
	*(bool *)arg = true;
}

bool
trial_wait(double seconds)
{
	const struct timeval tv = {.tv_sec = (time_t)seconds, .tv_usec = (suseconds_t)(fmod(seconds, 1) * 1e6)};
	bool over = false;
	struct event *timer;

	ASSERT_CONTROL();
	timer = seconds > 0 ? evtimer_new(mp_base, wait_over, &over) : NULL;
	if (timer != NULL && evtimer_add(timer, &tv) == 0)
		while (!over && !quit)
			event_base_loop(mp_base, EVLOOP_ONCE);
	if (timer != NULL)
		event_free(timer);
	return !quit;
}

/* => the line rate of the port that the direction begins at */
uint64_t
trial_line_rate(unsigned dir)
{
	struct port_link link = {0};
	const struct port *port;

	ASSERT_CONTROL();
	if (dir >= ntports)
		return 0;
	if (tport[dir].spec.linerate != 0)
		return tport[dir].spec.linerate;
	port = tport[dir].port;
	if (port == NULL || port->ops->link == NULL || port->ops->link(tport[dir].port, &link) != 0)
		return 0;
	return link.mbps * UINT64_C(1000000);
}

double
trial_line_pps(unsigned dir, double mean_size)
{
	return (double)trial_line_rate(dir) / 8 / (mean_size + TRAFFIC_GAP);
}

bool
trial_running(void)
{
	return trial.running;
}

int
trial_flow_result(unsigned dir, uint32_t flow, struct trial_flow_result *r)
{
	ASSERT_CONTROL();
	memset(r, 0, sizeof(*r));
	if (dir >= TRIAL_DIRS || trial.running || flow >= flows[dir])
		return -ENOENT;
	rx_flow(dir, flow, r);
	return 0;
}
