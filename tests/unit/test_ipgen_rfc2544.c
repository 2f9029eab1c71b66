/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 2544 and soak on simulated devices, with a virtual clock: what is found is what the device was given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka needs those before */
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "ipgen/procedure.h"
#include "mp/mp.h"
#include "ipgen_double.h"

uint64_t mp_tsc_hz = 1000000000; /* the reports are linked without the engine */

static struct procedure p;
static struct report report;
static struct traffic_sizes sizes[8];
static char err[256], said[64][256];
static unsigned nsaid;

static void
progress(void *arg, const char *line)
{
	snprintf(said[nsaid++ % 64], sizeof(said[0]), "%s", line);
}

static void
begin(unsigned size)
{
	sim_reset();
	report_free(&report);
	memset(&report, 0, sizeof(report));
	procedure_defaults(&p);
	p.traffic = sim_traffic_make;
	p.report = &report;
	p.progress = progress;
	p.sizes = sizes;
	p.nsizes = 1;
	sim_size(&sizes[0], size);
	nsaid = 0;
}

static const struct report_row *
final(enum report_test test, const char *size)
{
	for (unsigned i = 0; i < report.nrows; i++)
		if (report.row[i].final && report.row[i].test == test && !strcmp(report.row[i].size, size))
			return &report.row[i];
	return NULL;
}

static unsigned
rows(enum report_test test, bool is_final)
{
	unsigned n = 0;

	for (unsigned i = 0; i < report.nrows; i++)
		n += report.row[i].test == test && report.row[i].final == is_final;
	return n;
}

static const struct report_row *
run(enum report_test test)
{
	const struct report_row *row;
	int rc = procedure_run(&p, test, err, sizeof(err));

	if (rc)
		fail_msg("procedure_run: %d %s", rc, err);
	assert_int_equal(sim.traffics, 0);
	row = final(test, sizes[0].text);
	assert_non_null(row);
	return row;
}

static bool
was_said(const char *what)
{
	for (unsigned i = 0; i < nsaid && i < 64; i++)
		if (strstr(said[i], what))
			return true;
	return false;
}

/* Many devices: within a resolution of the truth and never above it, in a bounded number of trials. */
static void
test_throughput(void **state)
{
	static const unsigned size[] = {64, 128, 512, 1518, 9000};
	static const double resolution[] = {0.001, 0.01, 0.0002};

	srand(1);
	for (unsigned i = 0; i < 600; i++) {
		double line, truth, res, most;
		const struct report_row *row;

		begin(size[i % 5]);
		p.resolution = resolution[i / 5 % 3];
		p.dirs = 1 + i / 15 % 2;
		p.early = i / 30 % 2;
		p.trial_seconds = i % 7 ? 60 : 2;
		sim.seed = i + 1;
		line = trial_line_pps(0, size[i % 5]);
		if (i % 3)
			sim.pps = line * (0.002 + 0.997 * rand() / RAND_MAX);
		else
			sim.bps = sim.line_bps * rand() / RAND_MAX;
		sim.buffer = rand() % 1000;
		if (i / 60 % 2)
			sim.reorder = 40;
		truth = fmin(sim_capacity(size[i % 5]), line);
		if (truth < line * 0.002)
			continue;
		row = run(REPORT_THROUGHPUT);
		/* what the buffer swallows in a trial counts for the device, by the RFC's definition */
		most = truth + sim.buffer / p.trial_seconds + 1;
		res = p.resolution * line + 1;
		assert_true(row->pass);
		if (row->value / p.dirs > most || row->value / p.dirs < truth - res)
			fail_msg("%u: %.1f instead of %.1f (resolution %.1f)", i, row->value / p.dirs, truth, res);
		assert_true(
		    row->low <= row->value + 1 && (row->high == 0 || row->high - row->low <= (res + 1) * p.dirs));
		assert_true(rows(REPORT_THROUGHPUT, false) <= ceil(log2(1 / p.resolution)) + 2);
		assert_int_equal(rows(REPORT_THROUGHPUT, true), 1);
		assert_int_equal(sim.trials, rows(REPORT_THROUGHPUT, false));
	}
}

static void
test_throughput_line(void **state)
{
	const struct report_row *row;

	begin(64);
	row = run(REPORT_THROUGHPUT);
	assert_true(fabs(row->value - 10e9 / 84 / 8) < 2);
	assert_true(row->pass && fabs(row->line_percent - 100) < 1e-3);
	assert_string_equal(row->note, "line rate");
	assert_int_equal(sim.trials, 1);

	begin(64);
	p.max_pps = 1e6;
	row = run(REPORT_THROUGHPUT);
	assert_true(fabs(row->value - 1e6) < 2);
	assert_string_equal(row->note, "the highest rate allowed");
}

/* Loss that is tolerated, loss that is always there, corrupt packets. */
static void
test_throughput_tolerance(void **state)
{
	const struct report_row *row;

	begin(64);
	sim.pps = 1e6;
	p.tolerance = 0.01;
	row = run(REPORT_THROUGHPUT);
	assert_true(row->value <= 1e6 / 0.99 + 1 && row->value > 1e6 / 0.99 - 0.001 * trial_line_pps(0, 64) - 1);

	begin(64);
	sim.loss = 0.001;
	row = run(REPORT_THROUGHPUT);
	assert_true(row->value < 17); /* below it not one whole packet is lost in a minute */

	begin(64);
	sim.corrupt = 0.01;
	p.min_pps = 1000;
	row = run(REPORT_THROUGHPUT);
	assert_false(row->pass);
	assert_true(row->value == 0);
	assert_string_equal(row->note, "loss at the lowest rate too");
}

static void
test_slow_start(void **state)
{
	const struct report_row *row;

	for (unsigned i = 0; i < 50; i++) {
		double res;

		begin(64);
		p.slow_start = true;
		sim.pps = 1e5 + 2.9e5 * i;
		row = run(REPORT_THROUGHPUT);
		res = p.resolution * trial_line_pps(0, 64) + 1;
		assert_true(row->value <= fmin(sim.pps, trial_line_pps(0, 64)) + 1);
		assert_true(row->value >= fmin(sim.pps, trial_line_pps(0, 64)) - res);
		/* the device is never offered more than twice what it can, or the first step */
		for (unsigned k = 0; k < report.nrows; k++)
			assert_true(
			    report.row[k].offered_pps <= fmax(sim.pps * 2, trial_line_pps(0, 64) / 64) * 1.001 + 2);
	}
}

/* Hopeless trials end early, and only those. */
static void
test_early(void **state)
{
	double with, without;
	unsigned stopped;

	begin(64);
	sim.pps = 3e6;
	run(REPORT_THROUGHPUT);
	with = sim.sent_seconds;
	stopped = sim.stopped;
	for (unsigned i = 0; i < report.nrows; i++)
		if (report.row[i].pass) {
			assert_false(report.row[i].result.interrupted);
			assert_true(fabs(report.row[i].result.seconds - 60) < 1e-6);
		}
	assert_true(stopped > 3);

	begin(64);
	sim.pps = 3e6;
	p.early = false;
	run(REPORT_THROUGHPUT);
	without = sim.sent_seconds;
	assert_int_equal(sim.stopped, 0);
	assert_true(with < without * 0.75);

	/* where packets come out of order nothing that seems lost is so for certain */
	begin(64);
	sim.pps = 3e6;
	sim.reorder = 100;
	run(REPORT_THROUGHPUT);
	assert_int_equal(sim.stopped, 0);
}

/* What the tester cannot is never said of the device, and nothing above what was sent. */
static void
test_tester_limit(void **state)
{
	const struct report_row *row;

	begin(64);
	sim.tester_pps = 2e6;
	row = run(REPORT_THROUGHPUT);
	assert_true(row->pass);
	assert_true(row->value <= 2e6 / 0.998);
	assert_true(row->value > 2e6 - 0.002 * trial_line_pps(0, 64));
	assert_string_equal(row->note, "the tester's limit, not the device's");
	for (unsigned i = 0; i < report.nrows; i++)
		if (report.row[i].pass)
			assert_true(report.row[i].value <= report.row[i].offered_pps + 2);
	assert_true(sim.trials <= 3 * 12);

	/* the device's limit is below the tester's */
	begin(64);
	sim.tester_pps = 2e6;
	sim.pps = 1e6;
	row = run(REPORT_THROUGHPUT);
	assert_true(row->value <= 1e6 + 1 && row->value > 1e6 - 0.001 * trial_line_pps(0, 64) - 1);
	assert_string_equal(row->note, "");

	/* it loses packets itself */
	begin(64);
	sim.own_pps = 2e6;
	row = run(REPORT_THROUGHPUT);
	assert_true(row->value <= 2e6 + 1 && row->value > 2e6 - 0.001 * trial_line_pps(0, 64) - 1);
	assert_string_equal(row->note, "the tester's limit, not the device's");
	for (unsigned i = 0; i < report.nrows; i++)
		if (!report.row[i].pass)
			assert_non_null(strstr(report.row[i].note, "tester lost"));

	/* it slips now and then: those trials run again */
	begin(64);
	sim.slip_every = 3;
	sim.pps = 1e6;
	row = run(REPORT_THROUGHPUT);
	assert_true(row->value <= 1e6 + 1 && row->value > 1e6 - 0.001 * trial_line_pps(0, 64) - 1);
	assert_string_equal(row->note, "");

	/* the line rate is not known: the tester's own is the highest */
	begin(64);
	sim.line_bps = 0;
	sim.tester_pps = 5e6;
	row = run(REPORT_THROUGHPUT);
	assert_true(row->value <= 5e6 + 1 && row->value > 5e6 * 0.99);
	assert_string_equal(row->note, "the tester's limit, not the device's");
}

/* On a machine that is shared: what was sent and came back is the result, and it is not searched for far below. */
static void
test_tester_shared(void **state)
{
	const struct report_row *row;

	/* it slips a little: verdicts at what was sent */
	begin(64);
	sim.duty = 0.993;
	sim.pps = 1e6;
	row = run(REPORT_THROUGHPUT);
	assert_true(row->value <= 1e6 + 1 && row->value > 1e6 - 0.001 * trial_line_pps(0, 64) - 1);
	assert_string_equal(row->note, "");
	begin(64);
	sim.duty = 0.993;
	row = run(REPORT_THROUGHPUT);
	assert_true(row->value > 0.992 * trial_line_pps(0, 64) && row->value < 0.994 * trial_line_pps(0, 64));
	assert_string_equal(row->note, "line rate");

	/* it has a tenth of its time, whatever the rate: all of that came back */
	begin(64);
	sim.duty = 0.1;
	row = run(REPORT_THROUGHPUT);
	assert_true(row->pass);
	assert_true(row->value > 0.099 * trial_line_pps(0, 64) && row->value < 0.101 * trial_line_pps(0, 64));
	assert_string_equal(row->note, "the tester's limit, not the device's");
	assert_true(row->result.dir[0].count.sent > 0 && row->result.dir[0].count.lost == 0);
	assert_true(sim.trials <= 2 * 3);

	/* the same, and the device is slower than that */
	begin(64);
	sim.duty = 0.5;
	sim.pps = 1e6;
	row = run(REPORT_THROUGHPUT);
	assert_true(row->value <= 1e6 + 1 && row->value > 0.5e6);
}

static void
test_link(void **state)
{
	const struct report_row *row;

	begin(64);
	sim.pps = 1e6;
	sim.link_lost_at = 1;
	row = run(REPORT_THROUGHPUT); /* once: it is tried again */
	assert_true(row->pass);
	assert_true(row->value <= 1e6 + 1 && row->value > 1e6 - 0.001 * trial_line_pps(0, 64) - 1);
	assert_string_equal(report.row[0].note, "a link was lost");

	begin(64);
	sim.pps = 1e6;
	sim.error_at = 3;
	sim.errno_ = ENETDOWN; /* it is waited for */
	assert_true(run(REPORT_THROUGHPUT)->pass);
}

static void
test_quit_and_errors(void **state)
{
	begin(64);
	sim.pps = 1e6;
	sim.quit_at = 5;
	assert_int_equal(procedure_run(&p, REPORT_THROUGHPUT, err, sizeof(err)), -EINTR);
	assert_int_equal(rows(REPORT_THROUGHPUT, false), 5);
	assert_non_null(final(REPORT_THROUGHPUT, "64"));
	assert_string_equal(final(REPORT_THROUGHPUT, "64")->note, "stopped before the end");
	assert_int_equal(sim.traffics, 0);

	for (enum report_test t = REPORT_THROUGHPUT; t <= REPORT_SOAK; t++)
		for (unsigned at = 1; at < 30; at += 3) {
			int rc;

			begin(64);
			p.trial_seconds = 2;
			p.soak_seconds = 100;
			p.bursts = 3;
			sim.pps = 1e6;
			sim.outage_at = 3;
			sim.outage = 4;
			sim.quit_at = at;
			if (t == REPORT_MLR)
				sim.outage_at = -1;
			rc = procedure_run(&p, t, err, sizeof(err));
			assert_true(rc == -EINTR || (rc == 0 && sim.trials < at));
			assert_int_equal(sim.traffics, 0);
			assert_true(rc == 0 || at < 2 || report.nrows > 0);

			begin(64);
			p.trial_seconds = 2;
			p.bursts = 3;
			sim.error_at = at;
			sim.errno_ = ENOMEM;
			rc = procedure_run(&p, t, err, sizeof(err));
			assert_true(rc == -ENOMEM || (rc == 0 && sim.trials < at));
			if (rc)
				assert_string_equal(err, "the double was told to fail");
			assert_int_equal(sim.traffics, 0);
		}
}

/* Somebody stops one trial: the search ends, and what it knows is told. */
static void
stopper(void *arg, const struct trial_sample *s)
{
	if (sim.trials == 4)
		trial_stop(false);
}

static void
test_stop(void **state)
{
	begin(64);
	sim.pps = 1e6;
	assert_int_equal(trial_observe(stopper, NULL), 0);
	assert_int_equal(procedure_run(&p, REPORT_THROUGHPUT, err, sizeof(err)), 0);
	assert_int_equal(sim.trials, 4);
	assert_string_equal(final(REPORT_THROUGHPUT, "64")->note, "stopped before the end");
}

static void
test_sizes(void **state)
{
	begin(40);
	p.nsizes = 3;
	sim_size(&sizes[1], 64);
	sim_size(&sizes[2], 1518);
	assert_int_equal(procedure_run(&p, REPORT_THROUGHPUT, err, sizeof(err)), 0);
	assert_non_null(final(REPORT_THROUGHPUT, "40"));
	assert_false(final(REPORT_THROUGHPUT, "40")->pass);
	assert_non_null(strstr(final(REPORT_THROUGHPUT, "40")->note, "too small for the signature"));
	assert_true(was_said("passed over"));
	assert_true(final(REPORT_THROUGHPUT, "64")->pass && final(REPORT_THROUGHPUT, "1518")->pass);
	assert_int_equal(sim.traffics, 0);
}

static void
test_settings(void **state)
{
	begin(64);
	p.nsizes = 0;
	assert_int_equal(procedure_run(&p, REPORT_THROUGHPUT, err, sizeof(err)), -EINVAL);
	begin(64);
	p.max_pps = 10;
	p.min_pps = 20;
	assert_int_equal(procedure_run(&p, REPORT_THROUGHPUT, err, sizeof(err)), -EINVAL);
	begin(64);
	p.tolerance = 1;
	assert_int_equal(procedure_run(&p, REPORT_THROUGHPUT, err, sizeof(err)), -EINVAL);
	begin(64);
	p.trial_seconds = 0;
	assert_int_equal(procedure_run(&p, REPORT_THROUGHPUT, err, sizeof(err)), -EINVAL);
	assert_int_equal(procedure_run(&p, REPORT_RUN, err, sizeof(err)), -EINVAL);
	begin(64);
	p.goal[1].width = 0;
	assert_int_equal(procedure_run(&p, REPORT_MLR, err, sizeof(err)), -EINVAL);
	assert_int_equal(sim.trials, 0);
}

static void
test_latency(void **state)
{
	const struct report_row *row;

	begin(64);
	sim.pps = 2e6;
	sim.latency = 50e-6;
	p.repeat = 7;
	row = run(REPORT_LATENCY);
	assert_true(row->pass);
	assert_true(fabs(row->value - 50e-6) < 1e-9);
	assert_true(fabs(row->result.dir[0].latency.mean - 50e3) < 1);
	assert_int_equal(rows(REPORT_LATENCY, false), 7);
	/* the throughput was looked for first, and is in the report */
	assert_non_null(final(REPORT_THROUGHPUT, "64"));
	assert_true(fabs(row->offered_pps - final(REPORT_THROUGHPUT, "64")->value) < 1);
	/* a second test does not look for it again */
	p.repeat = 1;
	sim.trials = 0;
	assert_int_equal(procedure_run(&p, REPORT_LATENCY, err, sizeof(err)), 0);
	assert_int_equal(sim.trials, 1);
}

static void
test_loss(void **state)
{
	for (unsigned i = 1; i <= 20; i++) {
		double line = 10e9 / 84 / 8, clean = 0;
		unsigned n = 0;

		begin(64);
		sim.pps = line * i / 20 + 1;
		p.dirs = 1 + i % 2;
		p.trial_seconds = 10;
		run(REPORT_LOSS);
		for (unsigned k = 0; k < report.nrows; k++) {
			const struct report_row *row = &report.row[k];
			double offered = row->offered_pps / p.dirs;

			if (!row->final)
				continue;
			assert_true(fabs(offered - line * (1 - 0.1 * n)) < 2);
			assert_true(fabs(row->value - fmax(0, 1 - sim.pps / offered)) < 1e-5);
			clean = row->pass ? clean + 1 : 0;
			n++;
		}
		/* until two in succession are clean, or there is no step left */
		assert_true(clean == 2 || n == 10);
	}
	/* the tester cannot send more: the curve tells what was sent */
	begin(64);
	sim.tester_pps = 5e6;
	sim.pps = 4e6;
	run(REPORT_LOSS);
	assert_true(fabs(final(REPORT_LOSS, "64")->offered_pps - 5e6) < 2);
	assert_non_null(strstr(final(REPORT_LOSS, "64")->note, "the tester's limit"));
	assert_true(fabs(final(REPORT_LOSS, "64")->value - 0.2) < 1e-5);
}

static void
test_back(void **state)
{
	srand(3);
	for (unsigned i = 0; i < 60; i++) {
		double line, truth, left;
		const struct report_row *row;

		begin(i % 2 ? 64 : 512);
		line = trial_line_pps(0, i % 2 ? 64 : 512);
		sim.pps = line * (0.1 + 0.8 * rand() / RAND_MAX);
		sim.buffer = 10 + rand() % 20000;
		p.dirs = 1 + i / 2 % 2;
		p.bursts = 5;
		p.trial_seconds = 60;
		truth = sim.buffer / (1 - sim.pps / line);
		row = run(REPORT_BACK);
		left = row->value / p.dirs - truth;
		assert_true(row->pass);
		/* less than a whole frame is not lost yet */
		if (left > 1 / (1 - sim.pps / line) + 1 || left < -2)
			fail_msg("%u: %.1f frames instead of %.1f", i, row->value / p.dirs, truth);
		assert_true(row->low == row->high);
		assert_non_null(strstr(row->note, "5 searches; corrected buffer time"));
		/* RFC 9004 section 5.4: what the buffer itself holds */
		left = strtod(strstr(row->note, "ms, ") + 4, NULL) / sim.buffer;
		assert_true(left > 0.9 && left < 1.1);
		assert_true(rows(REPORT_BACK, false) <= 26 + 4 * 4);
	}
	begin(64);
	assert_true(run(REPORT_BACK)->pass);
	assert_non_null(strstr(final(REPORT_BACK, "64")->note, "no loss in the longest burst"));

	begin(64);
	sim.tester_pps = 3e6;
	sim.pps = 1e6;
	sim.buffer = 5000;
	p.bursts = 2;
	assert_non_null(strstr(run(REPORT_BACK)->note, "the tester's limit: bursts went at"));

	/* what its own side loses of longer bursts is not the device's buffer */
	begin(64);
	sim.own_pps = 2e6;
	p.bursts = 2;
	assert_non_null(strstr(run(REPORT_BACK)->note, "the tester's limit: its own side"));
}

static void
test_recovery(void **state)
{
	static const double seconds[] = {0.05, 0.5, 2.34, 4.9, 17};

	for (unsigned i = 0; i < 5; i++) {
		const struct report_row *row;

		begin(64);
		sim.pps = 1e6;
		sim.buffer = 100;
		sim.recovery = seconds[i];
		sim.recovery_loss = 0.1;
		p.repeat = 2;
		/* the throughput is known: a device that recovers slowly from each overload is another test */
		row = run(REPORT_THROUGHPUT);
		row = run(REPORT_RECOVERY);
		assert_true(row->pass);
		if (seconds[i] < 5 && fabs(row->value - seconds[i]) > 0.02)
			fail_msg("%.3f s instead of %.3f", row->value, seconds[i]);
		if (seconds[i] > 5)
			assert_true(fabs(row->value - seconds[i]) < 0.02);
		assert_int_equal(rows(REPORT_RECOVERY, false), 2);
		assert_true(fabs(row->offered_pps - 1.1 * final(REPORT_THROUGHPUT, "64")->value) < 2);
	}
	/* no overload, no recovery */
	begin(64);
	sim.tester_pps = 2e6;
	assert_false(run(REPORT_RECOVERY)->pass);
	assert_non_null(strstr(final(REPORT_RECOVERY, "64")->note, "the tester's limit"));
	begin(64);
	assert_false(run(REPORT_RECOVERY)->pass);
	assert_string_equal(final(REPORT_RECOVERY, "64")->note, "the overload lost nothing: there was none");
}

static void
test_reset(void **state)
{
	const struct report_row *row;
	struct report_row known = {.test = REPORT_THROUGHPUT, .final = true, .pass = true, .value = 1e6, .size = "64"};

	for (unsigned i = 0; i < 6; i++) {
		begin(64);
		snprintf(p.reset, sizeof(p.reset), i % 2 ? "true" : "");
		p.nsizes = 2;
		sim_size(&sizes[1], 128);
		assert_int_equal(report_add(&report, &known), 0);
		sim.pps = 1e6;
		sim.outage_at = 4.33 + i;
		sim.outage = 0.7 + 7.123 * i;
		row = run(REPORT_RESET);
		assert_true(row->pass);
		assert_true(fabs(row->value - sim.outage) < 1e-3);
		assert_true(row->low <= sim.outage + 1e-9 && row->high >= sim.outage - 1e-9);
		assert_int_equal(sim.trials, 1);
		assert_null(final(REPORT_RESET, "128")); /* the smallest frames only */
	}
	begin(64);
	snprintf(p.reset, sizeof(p.reset), "true");
	assert_int_equal(report_add(&report, &known), 0);
	row = run(REPORT_RESET);
	assert_false(row->pass);
	assert_string_equal(row->note, "no outage was seen after the reset");
	assert_true(sim.clock < 300);

	/* a command that fails is told as what it is, and what it left behind is ended */
	begin(64);
	snprintf(p.reset, sizeof(p.reset), "exit 7");
	assert_int_equal(report_add(&report, &known), 0);
	row = run(REPORT_RESET);
	assert_false(row->pass);
	assert_string_equal(row->note, "the reset command: exit status 7");
	begin(64);
	snprintf(p.reset, sizeof(p.reset), "trap '' TERM; while :; do sleep 1; done");
	assert_int_equal(report_add(&report, &known), 0);
	sim.outage_at = 4;
	sim.outage = 1;
	assert_true(run(REPORT_RESET)->pass);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */

	begin(64);
	assert_int_equal(report_add(&report, &known), 0);
	sim.outage_at = 4;
	sim.outage = 1e9;
	assert_string_equal(run(REPORT_RESET)->note, "the device did not come back");
}

static void
test_soak(void **state)
{
	const struct report_row *row;
	uint64_t lost = 0, sent = 0;

	begin(64);
	p.soak_seconds = 3600;
	p.soak_pps = 1e5;
	p.warmup = 1;
	row = run(REPORT_SOAK);
	for (unsigned i = 0; i + 1 < report.nrows; i++) { /* the first and the last second are in them as they are */
		assert_true(fabs(report.row[i].result.dir[0].tx_pps - 1e5) < 100);
		sent += report.row[i].result.dir[0].count.sent;
	}
	assert_int_equal(sent, row->result.dir[0].count.sent);
	assert_string_equal(report.row[0].note, "to 60 s");
	assert_true(row->pass && row->value == 0);
	assert_int_equal(rows(REPORT_SOAK, false), 60);
	assert_true(row->result.dir[0].count.sent >= 359999999);
	assert_int_equal(report.nsamples, 3600);

	/* two weeks: no more rows and samples than a day has */
	begin(64);
	p.soak_seconds = 14 * 86400;
	p.soak_pps = 1e5;
	sim.outage_at = 1e5;
	sim.outage = 10;
	row = run(REPORT_SOAK);
	assert_false(row->pass);
	assert_true(fabs(row->value - 10 / (14 * 86400.0)) < 1e-9);
	assert_true(rows(REPORT_SOAK, false) <= 1440 && rows(REPORT_SOAK, false) > 1000);
	assert_true(report.nsamples <= 3600);
	p.max_loss = 0.001;
	assert_int_equal(procedure_run(&p, REPORT_SOAK, err, sizeof(err)), 0);
	assert_true(report.row[report.nrows - 1].pass);

	/* what comes late seems lost for a moment, in each second: no row may sum that up */
	begin(64);
	p.soak_seconds = 600;
	p.soak_pps = 1e5;
	sim.reorder = 100;
	assert_true(run(REPORT_SOAK)->pass);
	for (unsigned i = 0; i < report.nrows; i++)
		lost += report.row[i].result.dir[0].count.lost;
	assert_true(lost <= 100);

	/* the tester's side is told here too */
	begin(64);
	p.soak_seconds = 600;
	p.soak_pps = 1e6;
	sim.tester_pps = 9e5;
	row = run(REPORT_SOAK);
	assert_false(row->pass);
	assert_string_equal(row->note, "the tester did not reach the rate");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_throughput),
	    cmocka_unit_test(test_throughput_line),
	    cmocka_unit_test(test_throughput_tolerance),
	    cmocka_unit_test(test_slow_start),
	    cmocka_unit_test(test_early),
	    cmocka_unit_test(test_tester_limit),
	    cmocka_unit_test(test_tester_shared),
	    cmocka_unit_test(test_link),
	    cmocka_unit_test(test_quit_and_errors),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_settings),
	    cmocka_unit_test(test_latency),
	    cmocka_unit_test(test_loss),
	    cmocka_unit_test(test_back),
	    cmocka_unit_test(test_recovery),
	    cmocka_unit_test(test_reset),
	    cmocka_unit_test(test_soak),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	report_free(&report);
	return rc;
}
