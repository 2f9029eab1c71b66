/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios: what a text becomes, every error with its line, garbled texts, limits, the run on a simulated device. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ipgen/live/scenario.h"
#include "ipgen_double.h"
#include "mp/mp.h"

struct event_base *mp_base; /* the double has a clock of its own */

uint64_t mp_tsc_hz;

/* The library's own has a test of its own: one size, a name, or a sweep. */
int
traffic_sizes_parse(const char *text, struct traffic_sizes *sizes, char *e, size_t n)
{
	memset(sizes, 0, sizeof(*sizes));
	snprintf(sizes->text, sizeof(sizes->text), "%s", text);
	sizes->size = (unsigned)atoi(text);
	if (strcmp(text, "imix") == 0)
		sizes->size = 362;
	if (sizes->size >= 64 && sizes->size <= 9000)
		return 0;
	snprintf(e, n, "no size");
	return -EINVAL;
}

static char err[4096], said[8192];

static struct scenario *
parse(const char *text)
{
	return scenario_parse("f", text, strlen(text), err, sizeof(err));
}

/* One line an operation. */
static void
dump(const struct scenario *sc, char *out, size_t n)
{
	static const char *const kinds[] = {
	    "step", "ramp", "pause", "exec", "announce", "reset", "label", "key", "expect"};
	size_t at = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < sc->nops; i++) {
		const struct scenario_op *op = &sc->op[i];

		at += (size_t)snprintf(out + at, n - at, "%u %s %g", op->line, kinds[op->kind], op->seconds);
		if (op->packets > 0)
			at += (size_t)snprintf(out + at, n - at, " %llup", (unsigned long long)op->packets);
		for (unsigned d = 0; d < TRIAL_DIRS; d++) {
			if (op->has_rate[d])
				at += (size_t)snprintf(
				    out + at, n - at, " %c%g", "p%12m"[op->rate[d].kind], op -> rate[d].value);
			if (op->kind == SCENARIO_RAMP)
				at += (size_t)snprintf(out + at, n - at, "-%g", op->to[d].value);
			if (op->size[d] >= 0)
				at += (size_t)snprintf(out + at, n - at, "/%s", sc->sizes[op->size[d]]->text);
		}
		at += (size_t)snprintf(out + at, n - at, " d%u", op->dirs);
		for (int e = op->expect; e >= 0; e = sc->expect[e].next)
			at += (size_t)snprintf(out + at, n - at, " [%s]", sc->expect[e].text);
		for (int a = op->at; a >= 0; a = sc->at[a].next)
			at += (size_t)snprintf(out + at, n - at, " @%g:%s", sc->at[a].after, sc->at[a].command);
		if (op->text >= 0)
			at += (size_t)snprintf(out + at, n - at, " \"%s\"", sc->text[op->text]);
		at += (size_t)snprintf(out + at, n - at, "\n");
	}
}

static void
becomes(const char *text, const char *want)
{
	struct scenario *sc = parse(text);
	char got[8192];

	if (sc == NULL)
		fail_msg("%s", err);
	dump(sc, got, sizeof(got));
	assert_string_equal(got, want);
	scenario_free(sc);
}

static void
test_parse(void **state)
{
	(void)state;
	becomes("for 10s rate 100kpps size 64\n", "1 step 10 p100000/64 p100000/64 d0\n");
	becomes("# a comment\n\n  for 500ms\trate 1Gbps/l1 both # and\r\n", "3 step 0.5 11e+09 11e+09 d3\n");
	becomes("for 1000 packets rate max 1 size imix", "1 step 0 1000p minf/imix minf/imix d2\n");
	becomes("for 1m rate 10%..30% step 10% label \"a b\"\nexpect loss <= 0.01% latency p99.9 < 100us",
	    "1 step 60 %10 %10 d0 [loss <= 0.01%] [latency p99.9 < 100us] \"a b\"\n"
	    "1 step 60 %20 %20 d0 [loss <= 0.01%] [latency p99.9 < 100us] \"a b\"\n"
	    "1 step 60 %30 %30 d0 [loss <= 0.01%] [latency p99.9 < 100us] \"a b\"\n");
	becomes("for 1s rate 30..10 step 15", "1 step 1 p30 p30 d0\n1 step 1 p15 p15 d0\n");
	becomes("ramp 30s rate 1kpps to 1Mpps size 512 0", "1 ramp 30 p1000-1e+06/512 p1000-1e+06/512 d1\n");
	becomes("repeat 2 {\nfor 1s\nrepeat 2 {\npause 1s\n}\n}\nreset\nwait-key\nlabel \"x\"\nevent announce\n"
		"event exec \"a \\\"b\\\" c\" timeout 2s\nexpect total lost = 0\n",
	    "2 step 1 d0\n4 pause 1 d0\n4 pause 1 d0\n2 step 1 d0\n4 pause 1 d0\n4 pause 1 d0\n7 reset 0 d0\n8 key 0 "
	    "d0\n"
	    "9 label 0 d0 \"x\"\n10 announce 0 d0\n11 exec 2 d0 \"a \"b\" c\"\n12 expect 0 d0 [lost = 0]\n");
	becomes("for 9s\nat 5s event exec \"b\"\nat 3s event exec \"a\"\nexpect lost = 0\nat 5s event exec "
		"\"c\"\nexpect sent > 1",
	    "1 step 9 d0 [lost = 0] [sent > 1] @3:a @5:b @5:c\n");
}

static void
test_iij(void **state)
{
	struct scenario *sc;

	(void)state;
	becomes("# x\n0 tx1 46 1000\n10 tx0 1500 10mbps\n0 reset\n5 nop\n",
	    "2 step 0 p1000/64 p0 d1\n3 step 10 p1000/64 11e+07/1518 d3\n4 reset 0 d0\n4 step 0 p1000/64 11e+07/1518 "
	    "d3\n"
	    "5 step 5 p1000/64 11e+07/1518 d3\n");
	becomes("1 tx1 0 0\n", "1 step 1 p0 p0 d1\n");
	/* less than the least packet is the least, as there */
	becomes("1 tx1 20 5\n", "1 step 1 p5/64 p0 d1\n");
	sc = parse("10 tx0 64 1\n5 sleep\n");
	assert_true(scenario_bidirectional(sc));
	assert_true(scenario_seconds(sc) == 15);
	scenario_free(sc);
}

static void
test_errors(void **state)
{
	static const char *const cases[][2] = {
	    {"", "f:1: no step that sends"},
	    {"pause 1s\n", "f:1: no step that sends"},
	    {"for 1s\nfrob\n",
		"f:2: 'frob' is not understood: for, ramp, pause, repeat, expect, event, at, reset, label or wait-key"},
	    {"for", "f:1: for: how long? as 'for 10s rate 100kpps size 64'"},
	    {"for 10", "f:1: for: '10' has no unit that is known: s, ms, us, m or h"},
	    {"for ten", "f:1: for: 'ten' is no time: as 10s, 500ms, 2m, 1h"},
	    {"for 0s", "f:1: '0s': a step lasts longer than nothing"},
	    {"for 99999h", "f:1: for: '99999h' is too long"},
	    {"for 1s rate", "f:1: rate: its value is missing"},
	    {"for 1s rate 1Gbps", "f:1: rate '1Gbps': bits of which layer? 1Gbps/l1 or 1Gbps/l2"},
	    {"for 1s rate 101%", "f:1: rate '101%' is too large: 100 % at most"},
	    {"for 1s rate -1", "f:1: rate '-1' is no number: as 100000, 1Mpps, 10%, 1Gbps/l1 or max"},
	    {"for 1s rate 1 rate 2", "f:1: rate stands twice"},
	    {"for 1s both 1", "f:1: '1': a direction stands twice: both, 0 or 1"},
	    {"for 1s rate 1..9", "f:1: a range of rates has a step, all in the same unit: rate 10%..100% step 10%"},
	    {"for 1s rate 1..9% step 1",
		"f:1: a range of rates has a step, all in the same unit: rate 10%..100% step 10%"},
	    {"for 1s rate 1..9 step 0", "f:1: a range's step is more than nothing"},
	    {"for 1s rate 1..1000000 step 1", "f:1: the range has more than 10000 steps"},
	    {"for 1s step 1", "f:1: step: only with a range of rates, as rate 10%..100% step 10%"},
	    {"for 0 packets", "f:1: for: '0' is no number of packets"},
	    {"ramp 1s", "f:1: ramp: as 'ramp 30s rate 1kpps to 1Mpps'"},
	    {"ramp 1s rate 1", "f:1: ramp: as 'ramp 30s rate 1kpps to 1Mpps'"},
	    {"ramp 1s rate 1 to max", "f:1: ramp: to or from max is no rate: 100%?"},
	    {"expect loss <= 1%", "f:1: expect: there is no step before it (in the same block)"},
	    {"for 1s\nexpect", "f:2: expect: what? as 'expect loss <= 0.01%'"},
	    {"for 1s\nexpect loss <= 1", "f:2: expect: loss: '1': percent, as 0.01% (packets: lost)"},
	    {"for 1s\nexpect loss ~ 1%", "f:2: expect: '~' is no comparison: <=, >=, <, > or ="},
	    {"for 1s\nexpect p99 < 1us",
		"f:2: expect: 'p99' is not understood: loss, rate, latency (min, mean, p50, p90, p99, "
		"p99.9, max), jitter, lost, ..."},
	    {"for 1s\nexpect total latency p99 < 1us",
		"f:2: expect total: counts and loss only, not 'latency p99 < 1us'"},
	    {"for 1s\nexpect rate >= max", "f:2: expect: rate: 'max': percent of what was asked, or a rate"},
	    {"repeat 3\n", "f:1: repeat: as 'repeat 3 {', what is repeated below, and '}' on a line of its own"},
	    {"repeat 0 {\nfor 1s\n}", "f:1: repeat: '0' is not a number from 1 to 10000"},
	    {"repeat 2 {\n}", "f:1: repeat: nothing is repeated"},
	    {"repeat 2 {\nfor 1s\n", "f:1: repeat: its '}' is missing"},
	    {"for 1s\n}", "f:2: '}' without a repeat"},
	    {"repeat 10000 {\nrepeat 10000 {\nfor 1s\n}\n}",
		"f:1: repeat: 10000 times 10000 steps: more than 10000 in all"},
	    {"for 1s\nevent", "f:2: event: as 'event exec \"command\" timeout 10s' or 'event announce'"},
	    {"for 1s\nevent exec ls", "f:2: event exec: a command in quotation marks is missing"},
	    {"for 1s\nevent exec \"ls", "f:2: a quotation mark is missing"},
	    {"for 1s\nevent exec \"ls\" now", "f:2: event exec: 'now' is not understood: timeout TIME may follow"},
	    {"at 1s event exec \"a\"", "f:1: at: there is no step before it (in the same block)"},
	    {"for 1s\nat 1s event announce", "f:2: event announce: between steps only"},
	    {"for 1s\nlabel x", "f:2: label: a text in quotation marks is missing"},
	    {"for 1s\nreset all", "f:2: reset: 'all' is too much"},
	    {"for 1s\npause", "f:2: pause: as 'pause 2s'"},
	    {"for 1s size 12", "f:1: size: no size"},
	    {"1", "f:1: a command is missing: reset, nop, sleep, tx0 or tx1"},
	    {"1 tx2 1 1", "f:1: 'tx2' is no command: reset, nop, sleep, tx0 or tx1"},
	    {"1 tx1 64", "f:1: tx1: as 'PERIOD tx1 SIZE PPS', a size of the IP packet"},
	    {"1 tx1 64 1tbps", "f:1: tx1: '1tbps': packets a second, or kbps, mbps, gbps"},
	    {"1 nop 3", "f:1: nop: '3' is too much"},
	    {"1 nop\nfor 1s", "f:2: 'for' is no period of seconds"},
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scenario *sc = parse(cases[i][0]);
		size_t n = strlen(cases[i][1]);

		if (sc != NULL)
			fail_msg("taken: %s", cases[i][0]);
		if (strncmp(err, cases[i][1], n) != 0 || (cases[i][1][n - 1] != ' ' && err[n] != '\0'))
			fail_msg("%s: '%s', not '%s'", cases[i][0], err, cases[i][1]);
	}
	/* as many as there may be, and one more */
	scenario_free(parse("repeat 100 {\nfor 1s rate 1..100 step 1\n}"));
	assert_string_equal(err, "");
	assert_null(parse("for 1s\nrepeat 100 {\nfor 1s rate 1..100 step 1\n}"));
	assert_string_equal(err, "f:2: repeat: 100 times 100 steps: more than 10000 in all");
	/* all of them, ten at most */
	assert_null(parse("a\nb\nc\nd\n"));
	assert_non_null(strstr(err, "f:1: 'a'"));
	assert_non_null(strstr(err, "\nf:4: 'd'"));
	assert_null(parse("a\na\na\na\na\na\na\na\na\na\na\na\na\n"));
	assert_null(strstr(err, "f:11:"));
	assert_non_null(strstr(err, "\nf: 3 errors more"));
	assert_null(scenario_parse("f", "for 1s\0x", 8, err, sizeof(err)));
	assert_null(scenario_read("/nonexistent/x", err, sizeof(err)));
	assert_string_equal(err, "/nonexistent/x: No such file or directory");
	/* a short room for the errors is kept */
	memset(err, 'x', sizeof(err));
	assert_null(scenario_parse("f", "a\nb\nc\n", 6, err, 20));
	assert_true(strlen(err) < 20);
	assert_int_equal(err[20], 'x');
}

/* Every octet of an example becomes others: an error or not, no crash (sanitizers look). */
static void
test_garbled(void **state)
{
	static const char text[] = "label \"a\"\nrepeat 3 {\nfor 10s rate 10%..100% step 10% size imix both\n"
				   "expect loss <= 0.01% latency p99 <= 100us\nat 1s event exec \"x\" timeout 1s\n}\n"
				   "ramp 30s rate 1kpps to 1Mpps size 64-1518:64\nexpect total lost = 0\n";
	static const char iij[] = "0 tx1 46 10mbps\n1 reset\n5 tx0 1500 100\n";
	static const unsigned char with[] = {
	    0, 1, ' ', '\n', '"', '{', '}', '#', '9', '.', '%', '-', 'e', 0x7f, 0x80, 0xff};
	const char *from[] = {text, iij};

	(void)state;
	for (unsigned f = 0; f < 2; f++) {
		size_t n = strlen(from[f]);
		char *copy = malloc(n);

		for (size_t i = 0; i < n; i++) {
			for (unsigned k = 0; k < sizeof(with); k++) {
				memcpy(copy, from[f], n);
				copy[i] = (char)with[k];
				scenario_free(scenario_parse("f", copy, n, err, sizeof(err)));
			}
			/* and cut there */
			memcpy(copy, from[f], n);
			scenario_free(scenario_parse("f", copy, i, err, sizeof(err)));
		}
		free(copy);
	}
}

static void
test_examples(void **state)
{
	static const char *const names[] = {"steps", "ramp", "imix-soak", "recovery", "iij"};

	(void)state;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[512];
		struct scenario *sc;

		snprintf(path, sizeof(path), "%s/%s.ipgen", EXAMPLES, names[i]);
		sc = scenario_read(path, err, sizeof(err));
		if (sc == NULL)
			fail_msg("%s", err);
		assert_true(scenario_seconds(sc) > 10);
		scenario_free(sc);
	}
}

static struct live live;
static struct report report;

static struct traffic *
resize(struct live *l, unsigned dir, struct traffic_sizes *sizes, char *e, size_t n)
{
	(void)l;
	return sim_traffic_make(NULL, dir, sizes, e, n);
}

static void
say(struct live *l, const char *line)
{
	(void)l;
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", line);
}

static int
run(const char *text)
{
	struct scenario *sc = parse(text);
	int rc;

	if (sc == NULL)
		fail_msg("%s", err);
	report_free(&report);
	memset(&report, 0, sizeof(report));
	memset(&live, 0, sizeof(live));
	said[0] = '\0';
	live.dirs = 2;
	live.resize = resize;
	live.report = &report;
	live.say = say;
	live.trial.drain = -1;
	live.asked_pps[0] = live.asked_pps[1] = 1000;
	sim_size(&live.sizes, 64);
	rc = scenario_run(sc, &live, err, sizeof(err));
	if (rc == 0)
		rc = (int)scenario_failed(sc);
	scenario_free(sc);
	assert_int_equal(sim.traffics, 0);
	assert_false(live.fixed);
	return rc;
}

static void
test_run(void **state)
{
	(void)state;
	sim_reset();
	assert_int_equal(run("for 2s 0\nlabel \"two\"\nfor 1000 packets 0 rate 5000 size 128\nfor 1s rate 10%..20% "
			     "step 10% both size 64"),
	    0);
	assert_int_equal(report.nrows, 4);
	assert_int_equal(report.row[0].result.dir[0].count.sent, 2000);
	assert_int_equal(report.row[0].result.dir[1].count.sent, 0);
	assert_string_equal(report.row[0].size, "64");
	assert_string_equal(report.row[0].note, "line 1");
	assert_true(report.row[0].offered_pps == 1000);
	assert_int_equal(report.row[1].result.dir[0].count.sent, 1000);
	assert_string_equal(report.row[1].size, "128");
	assert_string_equal(report.row[1].note, "two");
	assert_int_equal(report.row[2].result.dir[1].count.sent, 1488095);
	assert_true(fabs(report.row[3].line_percent - 20) < 1e-9);
	assert_true(report.row[3].pass && report.row[3].final);

	/* half of the rate on the average, in steps of a second */
	assert_int_equal(run("ramp 10s 0 rate 0 to 10000\nexpect rate >= 90% rate < 91%"), 0);
	assert_int_equal(report.row[0].result.dir[0].count.sent, 45000);
	assert_true(report.row[0].offered_pps == 5000);

	/* IIJ's: the state stays, and a silence is no trial */
	sim_reset();
	assert_int_equal(run("0 tx1 46 100\n5 nop\n0 tx0 46 50\n5 reset\n0 tx0 46 0\n3 tx1 0 0"), 0);
	assert_int_equal(report.nrows, 2);
	assert_int_equal(report.row[0].result.dir[0].count.sent, 500);
	assert_int_equal(report.row[0].result.dir[1].count.sent, 0);
	assert_int_equal(report.row[1].result.dir[0].count.sent, 500);
	assert_int_equal(report.row[1].result.dir[1].count.sent, 250);
	assert_int_equal(sim.trials, 2);
}

static void
test_expect(void **state)
{
	(void)state;
	sim_reset();
	sim.pps = 5000;
	/* 50 % lost in each direction of the second */
	assert_int_equal(run("for 10s rate 4000 0\nexpect loss <= 0% rate >= 99% latency max <= 10us\n"
			     "for 10s rate 10000 both label \"much\"\nexpect loss <= 1% rate >= 99% lost < 60000"),
	    4);
	assert_true(report.row[0].pass);
	assert_false(report.row[1].pass);
	assert_string_equal(report.row[1].note, "much: 50 %: loss <= 1% expected");
	assert_non_null(strstr(said, "f:4: direction 1: 50.00 %: rate >= 99% expected"));
	assert_null(strstr(said, "lost <"));
	/* the sum from the reset on */
	assert_int_equal(run("for 1s rate 10000 0\nreset\nfor 1s rate 100 0\nexpect total lost = 0 sent = 100"), 0);
	assert_int_equal(run("for 1s rate 10000 0\nexpect total lost = 0"), 1);
	/* what was not measured is not kept */
	sim.loss = 1;
	assert_int_equal(run("for 1s rate 100 0\nexpect latency p99 < 1h"), 1);
	assert_int_equal(run("for 100ms rate 0 0\nexpect loss <= 1% received = 0"), 1);
	assert_non_null(strstr(said, "nothing was sent: loss <= 1% expected"));
	/* a device that stopped in the midst of a step has not forwarded at the rate until then */
	{
		const struct scenario_expect e = {
		    .metric = METRIC_RATE, .op = EXPECT_GE, .rate = {.kind = RATE_PERCENT, .value = 99}};
		struct trial_direction d = {
		    .asked_pps = 1000, .tx_pps = 1000, .rx_pps = 1000, .count = {.sent = 10000, .received = 10000}};
		char got[64];

		assert_true(scenario_expect_met(&e, &d, got, sizeof(got)));
		d.count.received = 1000;
		assert_false(scenario_expect_met(&e, &d, got, sizeof(got)));
		assert_string_equal(got, "10.00 %");
	}
}

static void
test_refused(void **state)
{
	(void)state;
	/* found before anything is sent */
	sim_reset();
	sim.line_bps = 0;
	assert_int_equal(run("for 1s 0\nfor 1s rate 10%"), -EINVAL);
	assert_string_equal(err, "f:2: percent of a line rate that is not known: --linerate says it");
	assert_int_equal(sim.trials, 0);
	assert_int_equal(run("for 1s rate 0\nfor 10 packets"), -EINVAL);
	assert_string_equal(err, "f:2: a number of packets at the rate 0 has no end");
	assert_int_equal(sim.trials, 0);
	/* the trial's own error */
	sim.error_at = 2;
	sim.errno_ = ENETDOWN;
	assert_int_equal(run("for 1s\nfor 1s\nfor 1s"), -ENETDOWN);
	assert_string_equal(err, "f:2: the double was told to fail");
	assert_int_equal(report.nrows, 1);
}

static void
test_stop(void **state)
{
	(void)state;
	sim_reset();
	sim.quit_at = 2;
	assert_int_equal(run("for 10s 0\nfor 10s 0\nfor 10s 0"), -EINTR);
	assert_int_equal(report.nrows, 2);
	assert_true(report.row[1].result.interrupted);
	assert_true(report.row[1].result.dir[0].count.sent < 5000);
	assert_int_equal(sim.trials, 2);
}

static void
test_exec(void **state)
{
	(void)state;
	sim_reset();
	assert_int_equal(run("event exec \"echo one; echo two >&2; printf three\"\nfor 1s\nwait-key"), 0);
	assert_non_null(strstr(said, "\none\ntwo\nthree\n"));
	assert_non_null(strstr(said, "wait-key: without a terminal view"));
	assert_int_equal(run("event exec \"exit 3\"\nfor 1s"), -EIO);
	assert_string_equal(err, "f:1: exec \"exit 3\": exit status 3");
	assert_int_equal(run("event exec \"kill -9 $$\"\nfor 1s"), -EIO);
	assert_string_equal(err, "f:1: exec \"kill -9 $$\": ended by signal 9");
	/* ended with all that it started; it would be a minute */
	assert_int_equal(run("event exec \"sleep 60 & wait\" timeout 100ms\nfor 1s"), -EIO);
	assert_string_equal(err, "f:1: exec \"sleep 60 & wait\": ended after its 0.1 s were over");
	assert_int_equal(run("event announce\nfor 1s"), -ENOTSUP);
	assert_int_equal(report.nrows, 0);
	/* the double's clock does not pass for commands within a step: told, not forgotten */
	assert_int_equal(run("for 1s\nat 500ms event exec \"true\""), -EINVAL);
	assert_string_equal(err, "f:2: at: the step was over before");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    cmocka_unit_test(test_iij),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_garbled),
	    cmocka_unit_test(test_examples),
	    cmocka_unit_test(test_run),
	    cmocka_unit_test(test_expect),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_exec),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	report_free(&report);
	return rc;
}
