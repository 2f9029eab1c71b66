/* SPDX-License-Identifier: BSD-2-Clause */
/* Helper threads: what blocks runs there, and its result comes back to the control thread. */
/*
 * Synchronization: a helper thread owns its job while it runs; finished jobs wait in a list under a mutex (no worker
 * takes it) until control fetches them.
 * Lifetime: a job is freed by control after its done function; a thread that does not come back keeps the process from
 * taking apart what it uses (router_stop).
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mp/mp_internal.h"
#include "mp/pool.h"

struct helper_grant {				    /* two workers fill those of one job at a time */
	_Alignas(MP_CACHELINE) struct mp_call call; /* [c] */
	struct helper_job *job;			    /* [I] */
	struct mp_pool *pool;			    /* [I] */
	unsigned n;				    /* [w] set by the owner of the pool */
	void **objs;				    /* [I] */
};

struct helper_job {
	struct helper_job *next;
	void (*fn)(void *);
	void (*done)(void *);
	void *arg;
	pthread_t thread;
	unsigned ngrants, waiting;
	struct helper_grant grants[PORT_GRANTS];
};

static pthread_mutex_t helper_lock = PTHREAD_MUTEX_INITIALIZER;
static struct helper_job *helper_finished; /* under helper_lock */
static unsigned helper_running;		   /* [c] jobs begun and not yet done */

static void
job_free(struct helper_job *job)
{
	for (unsigned i = 0; i < job->ngrants; i++)
		free(job->grants[i].objs);
	free(job);
}

static void *
helper_main(void *arg)
{
	struct helper_job *job = arg;

	for (unsigned i = 0; i < job->ngrants; i++)
		mp_grant_begin(job->grants[i].pool, job->grants[i].objs, job->grants[i].n);
	job->fn(job->arg);
	mp_grant_end();
	pthread_mutex_lock(&helper_lock);
	job->next = helper_finished;
	helper_finished = job;
	pthread_mutex_unlock(&helper_lock);
	mp_wake(mp_control());
	return NULL;
}

static int
job_start(struct helper_job *job)
{
	int r = pthread_create(&job->thread, NULL, helper_main, job);

	if (r != 0)
		return -r;
	pthread_setname_np(job->thread, "helper");
	return 0;
}

int
mp_helper_run(void (*fn)(void *), void (*done)(void *), void *arg)
{
	struct helper_job *job = lines_zalloc(sizeof(*job));
	int r;

	ASSERT_CONTROL();
	if (job == NULL)
		return -ENOMEM;
	job->fn = fn;
	job->done = done;
	job->arg = arg;
	r = job_start(job);
	if (r != 0) {
		free(job);
		return r;
	}
	helper_running++;
	return 0;
}

static void
grant_take(struct worker *w, struct mp_call *call)
{
	struct helper_grant *g = (struct helper_grant *)call;

	g->n = mp_pool_take(w->mp_pool, g->objs, g->n);
}

static void
grant_taken(struct mp_call *call)
{
	struct helper_grant *g = (struct helper_grant *)call;
	struct helper_job *job = g->job;

	lines_adopt(g, sizeof(*g));
	if (--job->waiting > 0)
		return;
	if (job_start(job) != 0) {
		/* no thread to be had: do it here rather than lose the buffers and the caller */
		mp_log(MP_LOG_WARNING, "no helper thread: the control thread does its work");
		helper_main(job);
		job->thread = pthread_self();
	}
}

int
mp_helper_run_granted(
    const struct mp_grant_request *req, unsigned nreq, void (*fn)(void *), void (*done)(void *), void *arg)
{
	struct helper_job *job;

	ASSERT_CONTROL();
	if (nreq == 0)
		return mp_helper_run(fn, done, arg);
	if (nreq > PORT_GRANTS)
		return -EINVAL;
	job = lines_zalloc(sizeof(*job));
	if (job == NULL)
		return -ENOMEM;
	job->fn = fn;
	job->done = done;
	job->arg = arg;
	for (unsigned i = 0; i < nreq; i++) {
		struct helper_grant *g = &job->grants[i];

		g->job = job;
		g->pool = req[i].of->mp_pool;
		g->n = req[i].n;
		g->objs = lines_zalloc((req[i].n + 1) * sizeof(void *));
		g->call.fn = grant_take;
		g->call.done = grant_taken;
		job->ngrants++;
		if (g->objs == NULL) {
			job_free(job);
			return -ENOMEM;
		}
	}
	job->waiting = nreq;
	helper_running++;
	for (unsigned i = 0; i < nreq; i++)
		mp_call(req[i].of, &job->grants[i].call);
	return 0;
}

/* => control; runs the done functions of finished jobs */
void
mp_helper_drain(void)
{
	struct helper_job *job, *next;

	if (helper_running == 0)
		return;
	pthread_mutex_lock(&helper_lock);
	job = helper_finished;
	helper_finished = NULL;
	pthread_mutex_unlock(&helper_lock);
	for (; job != NULL; job = next) {
		next = job->next;
		if (!pthread_equal(job->thread, pthread_self()))
			pthread_join(job->thread, NULL);
		helper_running--;
		if (job->done != NULL)
			job->done(job->arg);
		job_free(job);
	}
}

/* => control; a job has finished that mp_helper_drain() has not seen */
bool
mp_helper_ready(void)
{
	bool ready;

	if (helper_running == 0)
		return false;
	pthread_mutex_lock(&helper_lock);
	ready = helper_finished != NULL;
	pthread_mutex_unlock(&helper_lock);
	return ready;
}

/* => control, at the end, when no job runs any more */
void
mp_helper_fini(void)
{
	mp_helper_drain();
}

/* => control; jobs that have not come back */
unsigned
mp_helper_pending(void)
{
	return helper_running;
}
