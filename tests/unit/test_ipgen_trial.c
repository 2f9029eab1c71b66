/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trials through a loop in memory, with as many workers as the argument says (2): what is counted is exact, on a device that
 * takes all, on one that refuses, and on one that drops.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "dev/port.h"
#include "if/ifnet.h"
#include "ipgen/engine/engine.h"
#include "ipgen/engine/trial_var.h"
#include "ipgen/ports.h"
#include "ipgen/sig.h"
#include "mp/mp.h"
#include "pkt/pkt.h"

static struct event_base *base;
static char err[512];
static struct trial_ports pair, alone;
static struct trial_result result;

/* A device with faults: in front of the loop's. */
static uint16_t (*real_tx)(struct port *, uint16_t, struct rte_mbuf **, uint16_t);
static _Atomic unsigned refuse, drop; /* once in so many bursts, packets; 0: never */
static _Atomic unsigned dropped;
static _Atomic bool keeps;	     /* sends nothing, and frees when its ring is full */
static _Atomic bool tells;	     /* what it drops it counts as an error of its own */
static _Atomic bool round_and_round; /* the last frame that came comes again, each millisecond */
static uint16_t (*real_rx)(struct port *, uint16_t, struct rte_mbuf **, uint16_t);

static struct ring {
	unsigned n;
	struct rte_mbuf *m[1024];
} ring[3][PORT_MAXQ];

static uint16_t
faulty_tx(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	static _Thread_local unsigned calls, packets;
	uint16_t taken = 0;
	struct ring *r = &ring[port == pair.port[0] ? 0 : port == pair.port[1] ? 1 : 2][q];

	if (!keeps || r->n + 64 > RTE_DIM(r->m)) {
		rte_pktmbuf_free_bulk(r->m, r->n);
		r->n = 0;
	}
	for (; keeps && taken < n; taken++)
		r->m[r->n++] = m[taken];
	if (keeps)
		return taken;
	if (refuse != 0 && ++calls % refuse == 0)
		n = calls / refuse % 2 ? 0 : n / 2;
	for (; taken < n; taken++) {
		if (drop != 0 && ++packets % drop == 0) {
			rte_pktmbuf_free(m[taken]);
			dropped++;
			if (tells)
				mp_add(&port->qstats[q].tx_errors, 1);
		} else if (real_tx(port, q, &m[taken], 1) == 0)
			break;
	}
	return taken;
}

static uint16_t
faulty_rx(struct port *port, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	static _Thread_local uint8_t frame[64];
	static _Thread_local uint64_t at;
	uint16_t got = real_rx(port, q, m, n);

	if (!round_and_round)
		return got;
	if (got > 0)
		memcpy(frame, rte_pktmbuf_mtod(m[got - 1], void *), 60);
	else if (frame[12] != 0 && rte_rdtsc() - at > mp_tsc_hz / 1000 &&
		 (m[0] = rte_pktmbuf_alloc(mp_self->pool)) != NULL) {
		memcpy(rte_pktmbuf_append(m[0], 60), frame, 60);
		at = rte_rdtsc();
		got = 1;
	}
	return got;
}

static struct port_ops faulty_ops;

static void
attach(struct port *port, const char *name, struct ifnet **ifp)
{
	assert_int_equal(port_attach(port, name, ifp), 0);
	assert_int_equal(engine_port_up(*ifp), 0);
}

static int
setup(void **state)
{
	if (loop_open(0, &pair.port[0], &pair.port[1], err, sizeof(err)) != 0 ||
	    loop_open(0, &alone.port[0], NULL, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	pair.n = 2;
	alone.n = 1;
	faulty_ops = *pair.port[0]->ops;
	real_tx = faulty_ops.tx_burst;
	faulty_ops.tx_burst = faulty_tx;
	real_rx = faulty_ops.rx_burst;
	faulty_ops.rx_burst = faulty_rx;
	pair.port[0]->ops = pair.port[1]->ops = alone.port[0]->ops = &faulty_ops;
	attach(pair.port[0], "loop0", &pair.ifp[0]);
	attach(pair.port[1], "loop1", &pair.ifp[1]);
	attach(alone.port[0], "loop2", &alone.ifp[0]);
	return 0;
}

static struct traffic *
build(const struct trial_ports *ports, unsigned family, unsigned proto, unsigned flows, const char *sizes, bool reverse)
{
	static struct traffic_spec spec;
	struct traffic_link link = {.has4 = true,
	    .has6 = true,
	    .src4 = {192, 0, 2, 1},
	    .dst4 = {192, 0, 2, 2},
	    .src6 = {0x20, 1, 0xd, 0xb8, [15] = 1},
	    .dst6 = {0x20, 1, 0xd, 0xb8, [15] = 2}};
	struct traffic *t;

	memcpy(link.src, ports->port[reverse]->lladdr, 6);
	memcpy(link.dst, ports->port[ports->n - 1 - reverse]->lladdr, 6);
	memset(&spec, 0, sizeof(spec));
	spec.family = family;
	spec.proto = proto;
	spec.sport[0] = spec.sport[1] = 9;
	spec.dport[0] = 1000;
	spec.dport[1] = 1000 + flows - 1;
	if (traffic_sizes_parse(sizes, &spec.sizes, err, sizeof(err)) != 0 ||
	    (t = traffic_build(&spec, &link, reverse, err, sizeof(err))) == NULL)
		fail_msg("%s", err);
	assert_int_equal(traffic_nflows(t), flows);
	return t;
}

static void
run(const struct trial_ports *ports, const struct trial_spec *spec)
{
	if (trial_run_on(ports, spec, &result, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	assert_false(trial_running());
}

/* Of a direction that lost nothing: every packet is there, once, in order, and each flow has its part. */
static void
assert_clean(unsigned d, uint64_t sent, bool by_number)
{
	const struct trial_direction *dir = &result.dir[d];
	uint64_t sum = 0;

	assert_int_equal(dir->count.sent, sent);
	assert_int_equal(dir->count.received, sent);
	assert_int_equal(dir->count.unique, sent);
	assert_int_equal(dir->count.received_octets, dir->count.sent_octets);
	assert_int_equal(dir->count.lost, 0);
	assert_int_equal(dir->count.reordered, 0);
	assert_int_equal(dir->count.duplicate, 0);
	assert_int_equal(dir->count.corrupt, 0);
	assert_int_equal(dir->count.unattributed, 0);
	assert_int_equal(dir->count.misdelivered, 0);
	assert_int_equal(dir->count.stale, 0);
	assert_int_equal(dir->flows_lossy, 0);
	assert_int_equal(dir->latency.n, sent);
	assert_int_equal(result.tester_lost, 0);
	assert_int_equal(result.device_missed, 0);
	for (uint32_t f = 0; f < dir->flows; f++) {
		struct trial_flow_result r;

		assert_int_equal(trial_flow_result(d, f, &r), 0);
		if (by_number || mp_nworkers == 1) /* by time each sender ends where it is */
			assert_int_equal(r.sent, sent / dir->flows + (f < sent % dir->flows));
		assert_int_equal(r.received, r.sent);
		assert_int_equal(r.lost, 0);
		sum += r.sent;
	}
	assert_int_equal(sum, sent);
}

/* Packets by number, of either family and each transport, alone and both ways. */
static void
test_packets(void **state)
{
	static const unsigned flows[] = {1, 2, 7, 1000};

	for (unsigned i = 0; i < 12; i++) {
		const unsigned family = i % 2 ? 6 : 4, proto = (const unsigned[]){17, 6, 1}[i % 3];
		struct trial_spec spec = {.packets = 10007,
		    .pps = {i % 4 == 0 ? INFINITY : 200000, 150000},
		    .drain = 2,
		    .burst = (const unsigned[]){0, 1, 7, 64}[i % 4]};

		spec.traffic[0] = build(&pair, family, proto, proto == 1 ? 1 : flows[i % 4],
		    i < 6 ? "128" : "imix:96x7,594x4,1518x1", false);
		spec.traffic[1] = i % 2 ? build(&pair, family, proto, 1, "100-1400:100", true) : NULL;
		run(&pair, &spec);
		assert_clean(0, 10007, true);
		if (spec.traffic[1] != NULL)
			assert_clean(1, 10007, true);
		assert_true(result.dir[0].burst_max <= (spec.burst == 0		      ? 32
							   : spec.burst < mp_nworkers ? 2
										      : spec.burst));
		assert_false(result.interrupted);
		traffic_free(spec.traffic[0]);
		if (spec.traffic[1] != NULL)
			traffic_free(spec.traffic[1]);
	}
}

static void
test_time(void **state)
{
	struct trial_spec spec = {.seconds = 0.3, .pps = {20000}, .warmup = 0.1, .ramp = 0.05, .drain = 2};

	spec.traffic[0] = build(&pair, 4, 17, 10, "64", false);
	run(&pair, &spec);
	/* what was due in that time, to the packet */
	assert_true(llabs((long long)(result.dir[0].count.sent + result.dir[0].count.slipped) - 6000) <= 10);
	assert_clean(0, result.dir[0].count.sent, false);
	assert_true(result.dir[0].count.sent > 0 && result.dir[0].peak10ms > 0);
	assert_true(result.dir[0].peak10ms <= 200 + 32);
	traffic_free(spec.traffic[0]);
}

static void
test_one_port(void **state)
{
	struct trial_spec spec = {.packets = 5000, .pps = {100000}, .drain = 2};

	spec.traffic[0] = build(&alone, 6, 17, 100, "90", false);
	run(&alone, &spec);
	assert_clean(0, 5000, true);
	spec.traffic[1] = spec.traffic[0];
	assert_int_equal(trial_run_on(&alone, &spec, &result, err, sizeof(err)), -EINVAL);
	traffic_free(spec.traffic[0]);
}

/* What is refused is sent later: none is lost, none is sent twice, and the exact number goes. */
static void
test_refused(void **state)
{
	struct trial_spec spec = {.packets = 30011, .pps = {INFINITY, 500000}, .drain = 2};

	refuse = 3;
	spec.traffic[0] = build(&pair, 4, 17, 13, "64-1518:101", false);
	spec.traffic[1] = build(&pair, 4, 17, 1, "64", true);
	run(&pair, &spec);
	assert_clean(0, 30011, true);
	assert_clean(1, 30011, true);
	assert_true(result.dir[0].count.tx_full > 0);
	/* by time: what is pending at the end was not sent */
	spec.packets = 0;
	spec.seconds = 0.1;
	run(&pair, &spec);
	assert_clean(0, result.dir[0].count.sent, false);
	assert_clean(1, result.dir[1].count.sent, false);
	refuse = 0;
	traffic_free(spec.traffic[0]);
	traffic_free(spec.traffic[1]);
}

static void
test_dropped(void **state)
{
	struct trial_spec spec = {.packets = 20000, .pps = {200000}, .drain = 0.1};
	uint64_t sum = 0;
	unsigned lossy = 0;

	drop = 7;
	dropped = 0;
	spec.traffic[0] = build(&pair, 4, 17, 50, "64", false);
	run(&pair, &spec);
	drop = 0;
	assert_int_equal(result.dir[0].count.sent, 20000);
	assert_true(dropped > 2800);
	assert_int_equal(result.dir[0].count.lost, dropped);
	assert_int_equal(result.dir[0].count.unique, 20000 - dropped);
	for (unsigned f = 0; f < 50; f++) {
		struct trial_flow_result r;

		assert_int_equal(trial_flow_result(0, f, &r), 0);
		assert_int_equal(r.sent, 400);
		sum += r.lost;
		lossy += r.lost > 0;
	}
	assert_int_equal(sum, dropped);
	assert_int_equal(result.dir[0].flows_lossy, lossy);
	assert_int_equal(trial_flow_result(0, 50, &(struct trial_flow_result){0}), -ENOENT);
	traffic_free(spec.traffic[0]);
}

static struct traffic *unlike;
static struct {
	unsigned n, counting;
	uint64_t sent, received;
	struct traffic *other;
	double pps;
	unsigned do_at;
	enum { LOOK, CHANGE, STOP, PAUSE } what;
} seen;

static void
observer(void *arg, const struct trial_sample *s)
{
	seen.n++;
	seen.counting += s->counting;
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		seen.sent += s->second[d].sent;
		seen.received += s->second[d].received;
		assert_true(s->second[d].sent <= s->total[d].sent);
	}
	if (seen.n != seen.do_at)
		return;
	if (seen.what == CHANGE) {
		assert_int_equal(trial_set_rate(0, seen.pps), 0);
		assert_int_equal(trial_set_traffic(0, unlike), -EINVAL);
		assert_int_equal(trial_set_traffic(0, seen.other), 0);
		assert_ptr_equal(trial_traffic(0), seen.other);
	} else if (seen.what == STOP)
		trial_stop(false);
	else if (seen.what == PAUSE)
		assert_int_equal(trial_pause(true), 0);
}

static void
test_live(void **state)
{
	struct trial_spec spec = {.packets = 6000, .pps = {20000}, .drain = 2, .interval = 0.02, .sample = true};
	static struct traffic_sizes sizes;

	assert_int_equal(trial_set_rate(0, 5), -ESRCH);
	assert_int_equal(trial_pause(true), -ESRCH);
	memset(&seen, 0, sizeof(seen));
	spec.traffic[0] = build(&pair, 4, 17, 3, "64", false);
	seen.what = CHANGE;
	seen.do_at = 3;
	seen.pps = 40000;
	unlike = build(&pair, 4, 17, 3, "1000", false);
	assert_int_equal(traffic_sizes_parse("1000", &sizes, err, sizeof(err)), 0);
	seen.other = traffic_resize(spec.traffic[0], &sizes, err, sizeof(err));
	assert_non_null(seen.other);
	assert_int_equal(trial_observe(observer, NULL), 0);
	run(&pair, &spec);
	assert_clean(0, 6000, true);
	assert_true(seen.n >= 3);
	assert_int_equal(seen.sent, 6000);
	assert_int_equal(seen.received, 6000);
	/* both sizes went, and nothing else */
	assert_true(result.dir[0].count.sent_octets > 6000 * 64 && result.dir[0].count.sent_octets < 6000 * 1000);
	assert_int_equal((result.dir[0].count.sent_octets - 6000 * 64) % (1000 - 64), 0);
	assert_true(result.dir[0].asked_pps == 40000);
	traffic_free(seen.other);
	traffic_free(unlike);

	/* stopped: what was sent is all there */
	memset(&seen, 0, sizeof(seen));
	seen.what = STOP;
	seen.do_at = 4;
	spec.packets = 0;
	spec.traffic[0] = build(&pair, 6, 17, 3, "200", false);
	run(&pair, &spec);
	assert_true(result.interrupted);
	assert_clean(0, result.dir[0].count.sent, false);
	assert_true(result.dir[0].count.sent > 0);
	assert_false(trial_quit());

	/* paused: the time goes on */
	memset(&seen, 0, sizeof(seen));
	seen.what = PAUSE;
	seen.do_at = 2;
	spec.seconds = 0.3;
	run(&pair, &spec);
	assert_clean(0, result.dir[0].count.sent, false);
	assert_true(result.dir[0].count.sent < 6000);
	trial_unobserve(observer, NULL);
	traffic_free(spec.traffic[0]);
}

static void
at_each(void *arg, const struct trial_sample *s)
{
	seen.n++;
	if (seen.what == PAUSE) {
		assert_int_equal(trial_pause(true), 0);
		assert_int_equal(trial_pause(false), 0);
	} else if (seen.what == STOP) {
		if (seen.n == 3)
			assert_int_equal(trial_set_rate(0, 0), 0);
	} else if (seen.what == CHANGE)
		assert_int_equal(trial_set_rate(0, seen.n & 1 ? 10.5 : 10), 0);
	else
		assert_int_equal(trial_set_rate(0, 20000), 0);
}

/* However often the rate is changed, or sending paused, no packet leaves that the rates do not allow. */
static void
test_often(void **state)
{
	struct trial_spec spec = {.seconds = 0.5, .pps = {10}, .drain = 0.1, .interval = 0.01, .sample = true};

	spec.traffic[0] = build(&pair, 4, 17, 1, "64", false);
	assert_int_equal(trial_observe(at_each, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		memset(&seen, 0, sizeof(seen));
		seen.what = i == 0 ? CHANGE : i == 1 ? PAUSE : STOP;
		run(&pair, &spec);
		assert_clean(0, result.dir[0].count.sent, false);
		/* at 0, 100, 200, 300 and 400 ms; a rate of 0 sends nothing more */
		assert_true(result.dir[0].count.sent <= (i < 2 ? 6 : 1 + seen.n));
		if (i == 2)
			assert_true(result.dir[0].count.sent <= 5);
	}
	/* nor is what a late sender owes forgotten untold: a tick may be lost at each order */
	memset(&seen, 0, sizeof(seen));
	spec.pps[0] = 20000;
	run(&pair, &spec);
	assert_clean(0, result.dir[0].count.sent, false);
	assert_in_range(result.dir[0].count.sent + result.dir[0].count.slipped, 10000, 10001);
	trial_unobserve(at_each, NULL);
	traffic_free(spec.traffic[0]);
}

/* A network in which a frame goes round for ever: the trial ends all the same. */
static void
test_round(void **state)
{
	struct trial_spec spec = {.packets = 100, .pps = {100000}, .drain = 0.3};

	round_and_round = true;
	drop = 30;
	dropped = 0;
	spec.traffic[0] = build(&pair, 4, 17, 1, "64", false);
	run(&pair, &spec);
	round_and_round = false;
	drop = 0;
	assert_true(dropped > 0);
	assert_int_equal(result.dir[0].count.sent, 100);
	assert_int_equal(result.dir[0].count.unique, 100 - dropped);
	assert_int_equal(result.dir[0].count.lost, dropped);
	assert_true(result.dir[0].count.duplicate > 0);
	assert_int_equal(result.dir[0].count.received, 100 - dropped + result.dir[0].count.duplicate);
	traffic_free(spec.traffic[0]);
}

/* What the device takes and says it could not send is no loss of what is tested. */
static void
test_own_loss(void **state)
{
	struct trial_spec spec = {.packets = 1000, .pps = {100000}, .drain = 0.05};

	drop = 9;
	tells = true;
	dropped = 0;
	spec.traffic[0] = build(&pair, 4, 17, 1, "64", false);
	run(&pair, &spec);
	drop = 0;
	tells = false;
	assert_true(dropped > 50);
	assert_int_equal(result.dir[0].count.lost, dropped);
	assert_int_equal(result.device_missed, dropped);
	traffic_free(spec.traffic[0]);
}

/* A device that frees what it sent when its ring of 1024 is nearly full, both ports' on the same workers. */
static void
test_keeping(void **state)
{
	struct trial_spec spec = {.packets = 5000, .pps = {INFINITY, INFINITY}, .seconds = 20, .drain = 0.01};

	keeps = true;
	spec.traffic[0] = build(&pair, 4, 17, 8, "64", false);
	spec.traffic[1] = build(&pair, 4, 17, 8, "64", true);
	run(&pair, &spec);
	keeps = false;
	assert_int_equal(result.dir[0].count.sent, 5000);
	assert_int_equal(result.dir[1].count.sent, 5000);
	traffic_free(spec.traffic[0]);
	traffic_free(spec.traffic[1]);
}

static void
test_floor(void **state)
{
	struct trial_latency l;

	for (unsigned i = 0; i < 2; i++) {
		if (trial_floor(i ? INFINITY : 10000, 128, &l, err, sizeof(err)) != 0)
			fail_msg("%s", err);
		assert_true(l.n > 0 && l.min > 0 && l.min <= l.p50 && l.p50 <= l.max);
	}
}

static void
test_wrong(void **state)
{
	struct traffic *t = build(&pair, 4, 17, 1, "64", false);
	const struct trial_spec wrong[] = {
	    {.seconds = 1},
	    {.traffic = {t}, .seconds = 1},
	    {.traffic = {t}, .pps = {NAN}, .seconds = 1},
	    {.traffic = {t}, .pps = {1}, .seconds = -1},
	    {.traffic = {t}, .pps = {1}, .seconds = 1, .ramp = 1},
	    {.traffic = {t}, .pps = {1}, .seconds = 1, .burst = 65},
	};

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		err[0] = '\0';
		assert_int_equal(trial_run_on(&pair, &wrong[i], &result, err, sizeof(err)), -EINVAL);
		assert_true(strlen(err) > 5);
	}
	traffic_free(t);
}

/* The last: the link goes, and a stop that is for good. */
static void
gone(void *arg)
{
	*(bool *)arg = true;
}

static void
test_end(void **state)
{
	struct trial_spec spec = {.packets = 10, .pps = {1000}};
	bool closed = false;

	spec.traffic[0] = build(&pair, 4, 17, 1, "64", false);
	port_detach(pair.port[1], gone, &closed);
	assert_int_equal(pair.ifp[0]->if_linkstate, LINK_DOWN);
	while (!closed)
		event_base_loop(base, EVLOOP_ONCE);
	pair.n = 1;
	assert_int_equal(trial_run_on(&pair, &spec, &result, err, sizeof(err)), -ENETDOWN);
	assert_true(trial_wait(0.01));
	trial_stop(true);
	assert_true(trial_quit());
	assert_false(trial_wait(100));
	assert_int_equal(trial_run_on(&alone, &spec, &result, err, sizeof(err)), -EINTR);
	traffic_free(spec.traffic[0]);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_packets),
	    cmocka_unit_test(test_time),
	    cmocka_unit_test(test_one_port),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_dropped),
	    cmocka_unit_test(test_live),
	    cmocka_unit_test(test_often),
	    cmocka_unit_test(test_round),
	    cmocka_unit_test(test_own_loss),
	    cmocka_unit_test(test_keeping),
	    cmocka_unit_test(test_floor),
	    cmocka_unit_test(test_wrong),
	    cmocka_unit_test(test_end),
	};
	const struct engine_conf conf = {.workers = argc > 1 ? atoi(argv[1]) : 2, .buffers = 2048};
	int failed;

	sig_init();
	base = event_base_new();
	if (base == NULL || engine_start(&conf, base) != 0)
		return 2;
	failed = cmocka_run_group_tests(tests, setup, NULL);
	engine_stop(base);
	event_base_free(base);
	return failed;
}
