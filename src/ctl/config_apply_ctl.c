/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration: checked lines are applied in order, each when the one before is done.
 *
 * Synchronization: control thread only; asynchronous methods (attach) return to the event loop between lines.
 * Lifetime: a job frees itself when its lines are through.  A line whose device is absent moves to the waiting list, with
 * the later lines that need that interface; a timer tries them again, in order, until they succeed or fail for another
 * reason.  config_stop ends both; a method that answers afterwards finds its job gone by its number.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "ctl/config.h"
#include "ctl/ctl_internal.h"
#include "if/ifnet.h"
#include "mp/mp.h"
#include "mp/slice.h"

#define RETRY_MS 2000

struct waiting {
	TAILQ_ENTRY(waiting) list; /* [c] */
	struct config_line line;   /* [c] owned */
	unsigned next;		   /* [c] the first call of the line that has not been made */
	bool device;		   /* [c] an attach; others wait for its interface */
	char *file;		   /* [c] for messages, may be NULL */
};
TAILQ_HEAD(waitings, waiting);

/* The lines being applied: a configuration's, or those that wait. */
struct job {
	uint64_t id;
	struct config conf;
	char *file;
	size_t line;
	unsigned call;
	unsigned applied;
	json_t *errors, *pending;
	void (*done)(void *, unsigned, json_t *, json_t *);
	void *arg;
	bool stepping; /* job_step is on the stack */
};

static struct waitings waitings = TAILQ_HEAD_INITIALIZER(waitings); /* [c] */
static struct job *job;						    /* [c] one at a time */
static struct waiting *retrying; /* [c] the waiting line whose asynchronous call is under way */
static uint64_t last_id;	 /* [c] */
static struct event *retry_ev;	 /* [c] */

static bool job_go_on(struct mp_slice *);
static struct mp_slice job_slice = {
    .step = job_go_on}; /* [c] waits while the job has more lines than a turn may take */

static void job_step(void);
static void retry_step(struct waiting *);

static bool
error_is_absent(const char *method, int error)
{
	return strcmp(method, "dev.attach") == 0 && (error == -ENODEV || error == -ENXIO || error == -ENOENT);
}

/* A device is waited for, and the failure may be that its interface, or a network on it, is not there. */
static bool
waits_for_device(int error)
{
	struct waiting *w;

	if (error != -ENXIO && error != -ENODEV && error != -ENETUNREACH && error != -EHOSTUNREACH)
		return false;
	TAILQ_FOREACH (w, &waitings, list)
		if (w->device)
			return true;
	return false;
}

static void
retry_arm(void)
{
	if (!TAILQ_EMPTY(&waitings) && !evtimer_pending(retry_ev, NULL))
		event_add(retry_ev, &(struct timeval){RETRY_MS / 1000, RETRY_MS % 1000 * 1000});
}

static void
report(const char *file, unsigned line, int level, const char *message)
{
	if (file != NULL)
		mp_log(level, "%s:%u: %s", file, line, message);
}

/* Moves a line of the job, from its call on, to the waiting list. */
static void
job_defer(struct config_line *line, unsigned call, bool device)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return;
	w->line = *line;
	w->next = call;
	w->device = device;
	w->file = job->file != NULL ? strdup(job->file) : NULL;
	memset(line, 0, sizeof(*line));
	TAILQ_INSERT_TAIL(&waitings, w, list);
}

/* One call of the job has come back: 0, or -errno. */
static void
job_result(int error, const char *message)
{
	struct config_line *line = &job->conf.lines[job->line];
	const struct cmd_call *call = &line->cmd.calls[job->call];
	char text[640];
	bool absent;

	if (error == 0) {
		if (++job->call == line->cmd.ncalls) {
			job->applied++;
			job->line++;
			job->call = 0;
		}
		return;
	}
	absent = error_is_absent(call->method, error);
	snprintf(text, sizeof(text), "%s: %s", line->cmd.tool, message != NULL ? message : strerror(-error));
	if (absent || waits_for_device(error)) {
		config_error(job->pending, line->number, "%s (tried again later)", text);
		report(job->file, line->number, absent ? MP_LOG_WARNING : MP_LOG_INFO,
		    json_string_value(
			json_object_get(json_array_get(job->pending, json_array_size(job->pending) - 1), "message")));
		job_defer(line, job->call, absent);
	} else {
		config_error(job->errors, line->number, "%s", text);
		report(job->file, line->number, MP_LOG_ERR, text);
	}
	job->line++;
	job->call = 0;
}

/* => from an asynchronous method; arg is the job's number */
static void
job_async(void *arg, int error, const char *message)
{
	if (job == NULL || job->id != (uint64_t)(uintptr_t)arg)
		return;
	job_result(error, message);
	if (!job->stepping)
		job_step();
}

static void
job_finish(void)
{
	struct job *j = job;

	job = NULL;
	retry_arm();
	j->done(j->arg, j->applied, j->errors, j->pending);
	config_free(&j->conf);
	json_decref(j->errors);
	json_decref(j->pending);
	free(j->file);
	free(j);
}

static void
job_step(void)
{
	ASSERT_CONTROL();
	job->stepping = true;
	mp_slice_begin();
	while (job->line < job->conf.n) {
		struct config_line *line = &job->conf.lines[job->line];
		char err[512] = "";
		int rc = 0;

		if (job->line % 16 == 15 && mp_slice_over()) {
			job->stepping = false;
			mp_slice_add(&job_slice);
			return;
		}
		if (line->cmd.ncalls == 0) {
			job->line++;
			continue;
		}
		rc = ctl_call(line->cmd.calls[job->call].method, json_incref(line->cmd.calls[job->call].params), NULL,
		    err, sizeof(err), job_async, (void *)(uintptr_t)job->id);
		if (rc == CTL_ASYNC) {
			job->stepping = false;
			return;
		}
		job_result(rc, err);
	}
	job_finish();
}

static bool
job_go_on(struct mp_slice *slice)
{
	job_step();
	return false;
}

static void
waiting_free(struct waiting *w)
{
	TAILQ_REMOVE(&waitings, w, list);
	free(w->line.text);
	cmd_free(&w->line.cmd);
	free(w->file);
	free(w);
}

/* One call of a waiting line has come back.  => the line to go on with: the same, the next, or NULL */
static struct waiting *
retry_result(struct waiting *w, int error, const char *message)
{
	const char *method = w->line.cmd.calls[w->next].method;
	struct waiting *next = TAILQ_NEXT(w, list);
	char text[640];

	if (error == 0) {
		if (++w->next < w->line.cmd.ncalls)
			return w;
		if (w->device)
			report(w->file, w->line.number, MP_LOG_INFO, "the device has come");
		waiting_free(w);
		return next;
	}
	if (error_is_absent(method, error) || (!w->device && waits_for_device(error)))
		return next;
	snprintf(text, sizeof(text), "%s: %s", w->line.cmd.tool, message != NULL ? message : strerror(-error));
	report(w->file, w->line.number, MP_LOG_ERR, text);
	waiting_free(w);
	return next;
}

static void
retry_async(void *arg, int error, const char *message)
{
	struct waiting *w = retrying;

	if (w == NULL || w != arg)
		return;
	retrying = NULL;
	retry_step(retry_result(w, error, message));
}

static void
retry_step(struct waiting *w)
{
	while (w != NULL) {
		struct cmd_call *call = &w->line.cmd.calls[w->next];
		char err[512] = "";
		int rc;

		retrying = w;
		rc = ctl_call(call->method, json_incref(call->params), NULL, err, sizeof(err), retry_async, w);
		if (rc == CTL_ASYNC)
			return;
		retrying = NULL;
		w = retry_result(w, rc, err);
	}
	retry_arm();
}

static void
retry_cb(evutil_socket_t fd, short what, void *arg)
{
	ASSERT_CONTROL();
	if (job != NULL || retrying != NULL)
		event_add(retry_ev, &(struct timeval){RETRY_MS / 1000, RETRY_MS % 1000 * 1000});
	else
		retry_step(TAILQ_FIRST(&waitings));
}

int
config_apply(struct config *conf, const char *file, void (*done)(void *, unsigned, json_t *, json_t *), void *arg)
{
	ASSERT_CONTROL();
	if (job != NULL) {
		config_free(conf);
		return -EBUSY;
	}
	if (retry_ev == NULL)
		retry_ev = evtimer_new(ctl_base, retry_cb, NULL);
	job = calloc(1, sizeof(*job));
	if (job == NULL || retry_ev == NULL) {
		free(job);
		job = NULL;
		config_free(conf);
		return -ENOMEM;
	}
	job->id = ++last_id;
	job->conf = *conf;
	job->file = file != NULL ? strdup(file) : NULL;
	job->errors = json_array();
	job->pending = json_array();
	job->done = done;
	job->arg = arg;
	memset(conf, 0, sizeof(*conf));
	job_step();
	return 0;
}

void
config_pending_save(void (*line)(void *, const char *), void *arg)
{
	struct waiting *w;

	TAILQ_FOREACH (w, &waitings, list)
		if (w->line.text != NULL)
			line(arg, w->line.text);
}

void
config_stop(void)
{
	struct waiting *w;
	struct job *j = job;

	if (retry_ev != NULL)
		event_free(retry_ev);
	retry_ev = NULL;
	retrying = NULL;
	while ((w = TAILQ_FIRST(&waitings)) != NULL)
		waiting_free(w);
	mp_slice_remove(&job_slice);
	if (j != NULL) {
		job = NULL;
		if (j->line < j->conf.n)
			config_error(j->errors, j->conf.lines[j->line].number, "the daemon stops");
		j->done(j->arg, j->applied, j->errors, j->pending);
		config_free(&j->conf);
		json_decref(j->errors);
		json_decref(j->pending);
		free(j->file);
		free(j);
	}
}
