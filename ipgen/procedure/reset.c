/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reset, RFC 2544 section 26.6 and RFC 6201: how long the device forwards nothing when it is reset, by its command or by
 * the user's hand.  By the frame-loss method of RFC 6201, packets lost / packets a second, where that agrees with the gap
 * that the samples saw; else by the gap: a device that keeps packets for later loses fewer.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ipgen/procedure/run.h"

#define INTERVAL 0.1
#define BEFORE	 2.0   /* seconds of traffic before the reset */
#define STEADY	 5.0   /* seconds of traffic after it */
#define COMMAND	 120.0 /* an outage must begin so soon after the command */
#define BY_HAND	 900.0
#define LONGEST	 1800.0 /* of an outage */

extern char **environ;

struct watch {
	const struct run *run;
	double first; /* at of the trial's first counted packet */
	double asked; /* when the reset was asked for; < 0: not yet */
	double last;  /* at of the last sample in which packets came, before the outage */
	double down,
	    up; /* of the outage: at of the first sample with nothing, of the first with packets again; < 0: not yet */
	pid_t child;
	int error; /* of posix_spawn */
	int status;
	char failed[64]; /* why the command did */
	bool begun, ended, timeout;
};

static void
reset_ask(struct watch *w)
{
	const char *command = w->run->p->reset;
	char *argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c", (char *)(uintptr_t)command, NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t dfl;

	if (!command[0]) {
		run_say(w->run, "reset the device now");
		return;
	}
	run_say(w->run, "reset: %s", command);
	/* a group of its own: all of it can be ended */
	w->error = posix_spawnattr_init(&attr);
	if (!w->error) {
		(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
		(void)posix_spawnattr_setpgroup(&attr, 0);
		sigemptyset(&dfl);
		sigaddset(&dfl, SIGPIPE);
		(void)posix_spawnattr_setsigdefault(&attr, &dfl);
		w->error = posix_spawn_file_actions_init(&files);
	}
	if (w->error)
		return;
	(void)posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	w->error = posix_spawn(&w->child, "/bin/sh", &files, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	if (w->error)
		w->child = 0;
}

/* A command that failed has reset nothing. */
static void
reset_poll(struct watch *w)
{
	if (w->child == 0 || waitpid(w->child, &w->status, WNOHANG) != w->child)
		return;
	w->child = 0;
	if (WIFSIGNALED(w->status))
		snprintf(w->failed, sizeof(w->failed), "the reset command: signal %d", WTERMSIG(w->status));
	else if (WEXITSTATUS(w->status) != 0)
		snprintf(w->failed, sizeof(w->failed), "the reset command: exit status %d", WEXITSTATUS(w->status));
}

/* It has done its work, or never will: it gets a moment to end by itself, one to end when told to, and is ended. */
static void
reset_end(struct watch *w)
{
	const struct timespec moment = {.tv_nsec = 20000000};

	for (unsigned i = 0; i < 20 && w->child != 0; i++) {
		if (i < 10)
			reset_poll(w);
		else if (waitpid(w->child, &w->status, WNOHANG) == w->child)
			w->child = 0;
		if (w->child != 0 && i == 9)
			kill(-w->child, SIGTERM);
		if (w->child != 0)
			nanosleep(&moment, NULL);
	}
	if (w->child == 0)
		return;
	kill(-w->child, SIGKILL);
	waitpid(w->child, &w->status, 0);
	w->child = 0;
}

static void
observe(void *arg, const struct trial_sample *s)
{
	struct watch *w = arg;
	double got = 0, sent = 0;

	if (!s->counting || w->ended)
		return;
	if (!w->begun) {
		w->begun = true;
		w->first = w->last = s->at - s->seconds;
	}
	reset_poll(w);
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		got += (double)s->second[d].received;
		sent += (double)s->second[d].sent;
	}
	if (w->asked < 0 && s->at - w->first >= BEFORE) {
		w->asked = s->at;
		reset_ask(w);
	}
	if (w->asked >= 0 && w->down < 0 && got < 1 && sent >= 1)
		w->down = s->at - s->seconds;
	else if (w->down >= 0 && w->up < 0 && got >= 1)
		w->up = s->at;
	else if (w->up >= 0 && got < 1 && sent >= 1)
		w->up = -1; /* it was not back for good */
	if (w->down < 0 && got >= 1)
		w->last = s->at;
	if (w->asked >= 0 && w->down < 0)
		w->timeout = s->at - w->asked > (w->run->p->reset[0] ? COMMAND : BY_HAND);
	else if (w->down >= 0 && w->up < 0)
		w->timeout = s->at - w->down > LONGEST;
	w->ended = w->timeout || w->error || (w->failed[0] && w->down < 0) || (w->up >= 0 && s->at - w->up >= STEADY);
	if (w->ended)
		trial_stop(false);
}

static bool
smallest(const struct run *run)
{
	for (unsigned i = 0; i < run->p->nsizes; i++)
		if (run->p->sizes[i].kind == SIZES_FIXED && run->p->sizes[i].size >= 64 &&
		    run->sizes->kind == SIZES_FIXED && run->p->sizes[i].size < run->sizes->size)
			return false;
	/* where each size is a series of its own */
	for (unsigned i = 0; i < run->p->report->nrows; i++) {
		const struct report_row *row = &run->p->report->row[i];

		if (row->test == REPORT_RESET && row->final && row->offered_pps > 0)
			return false;
	}
	return true;
}

/* 0, and *seconds of the outage; else why not */
static const char *
why_not(const struct watch *w, const struct trial_result *r)
{
	if (w->error)
		return "the reset command could not be run";
	if (w->failed[0] && w->down < 0)
		return w->failed;
	if (w->timeout && w->down < 0)
		return "no outage was seen after the reset";
	if (w->timeout)
		return "the device did not come back";
	if (w->up < 0)
		return "stopped before the device was back";
	if (r->tester_lost + r->device_missed)
		return "the tester lost packets itself";
	return NULL;
}

int
reset_run(struct run *run)
{
	struct watch w = {.run = run, .asked = -1, .down = -1, .up = -1};
	struct trial_result r;
	struct trial_spec spec;
	struct report_row row;
	double pps, rate, by_loss;
	const char *why;
	int rc;

	if (!smallest(run)) /* RFC 2544: with the smallest frames */
		return 0;
	rc = run_throughput(run, &pps);
	if (rc < 0)
		return rc;
	if (pps < 1) {
		run_row(run, &row, 0, NULL);
		row.final = true;
		snprintf(row.note, sizeof(row.note), "no throughput");
		return run_add(run, &row);
	}
	run_spec(run, &(struct ask){.pps = pps, .seconds = BEFORE + BY_HAND + LONGEST + STEADY, .sample = true}, &spec);
	spec.interval = INTERVAL;
	rc = trial_observe(observe, &w);
	if (rc < 0) {
		snprintf(run->err, run->errlen, "too many observers of a trial");
		return rc;
	}
	rc = run_once(run, &spec, &r);
	trial_unobserve(observe, &w);
	reset_end(&w);
	if (rc < 0 && rc != -EINTR)
		return rc;
	why = why_not(&w, &r);
	rate = r.seconds > 0 ? run_sent(&r) / r.seconds : 0;
	run_row(run, &row, pps, &r);
	row.final = true;
	row.pass = why == NULL;
	row.low = why ? 0 : w.up - w.down - INTERVAL;
	row.high = why ? 0 : w.up - w.last + INTERVAL;
	if (row.low < 0)
		row.low = 0;
	row.value = by_loss = why || rate <= 0 ? 0 : run_bad(&r) / rate;
	if (why) {
		snprintf(row.note, sizeof(row.note), "%s", why);
	} else if (by_loss >= row.low && by_loss <= row.high) {
		snprintf(
		    row.note, sizeof(row.note), "frame-loss method; samples saw %.1f to %.1f s", row.low, row.high);
	} else { /* it kept packets for later, or lost others beside the reset */
		row.value = (row.low + row.high) / 2;
		snprintf(row.note, sizeof(row.note), "time-stamp method, %.1f to %.1f s; packets lost say %.3f s",
		    row.low, row.high, by_loss);
	}
	run_say(run, "reset %.3f s: %s", row.value, row.note);
	if (run_add(run, &row) < 0)
		return -ENOMEM;
	return rc;
}
