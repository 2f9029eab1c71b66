/* SPDX-License-Identifier: BSD-2-Clause */
/* stages.start: the cycles of each stage of the packet path, measured while a stream is open. */
/*
 * Synchronization: control only.  Workers are switched, and read, by calls (mp_call): what is sent was copied by the
 * worker itself between two stages.  Calls to one worker run in order, so that the last one to leave switches off and a
 * newcomer on again.
 * Lifetime: a measurement belongs to its stream, and after that to the calls that are under way.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "ctl/ctl.h"
#include "mp/mp.h"

#define SECONDS_MIN 0.01
#define SECONDS_MAX 3600.0

struct reading {
	uint64_t tsc;
	struct mp_stage_count count[STAGE_COUNT];
};

struct measurement; /* [c] all, but for what its calls read */

/* The worker fills in what it measured; with the call it goes back to control. */
struct measured_worker {
	_Alignas(MP_CACHELINE) struct mp_call call;
	struct measurement *of;
	struct reading was, now;
	unsigned cost; /* cycles that the measuring of one call of a stage takes */
};

struct measurement {
	struct ctl_req *req;	   /* until every worker counts */
	json_t *answer;		   /* to it */
	struct ctl_stream *stream; /* NULL: closed */
	struct event *timer;
	struct timeval interval;
	json_int_t left;  /* events; 0: without end */
	int only;	  /* the worker to show, -1: all */
	unsigned pending; /* calls under way */
	bool last;	  /* nobody else measures: switch off */
	struct measured_worker worker[];
};

static unsigned measuring; /* [c] measurements that want their workers switched on */

static void measurement_off(struct measurement *);

/* Calls every worker; done runs on control for each. */
static void
call_all(struct measurement *ms, void (*fn)(struct worker *, struct mp_call *), void (*done)(struct mp_call *))
{
	for (unsigned i = 0; i < mp_nworkers; i++) {
		struct mp_call *call = &ms->worker[i].call;

		call->fn = fn;
		call->done = done;
		ms->pending++;
		mp_call(mp_workers[i], call);
	}
}

/* => worker */
static void
worker_begin(struct worker *w, struct mp_call *call)
{
	struct measured_worker *mw = (struct measured_worker *)call;

	mp_stage_watch(w, MP_WATCH_STAGES, 0);
	mw->cost = mp_stage_cost(w);
	mp_stage_read(w, mw->was.count, &mw->was.tsc);
}

/* => worker */
static void
worker_read(struct worker *w, struct mp_call *call)
{
	struct measured_worker *mw = (struct measured_worker *)call;

	mp_stage_read(w, mw->now.count, &mw->now.tsc);
}

/* => worker */
static void
worker_end(struct worker *w, struct mp_call *call)
{
	struct measured_worker *mw = (struct measured_worker *)call;

	if (mw->of->last)
		mp_stage_watch(w, 0, MP_WATCH_STAGES);
}

static struct measurement *
measured_by(struct mp_call *call)
{
	struct measured_worker *mw = (struct measured_worker *)call;

	lines_adopt(mw, sizeof(*mw));
	return mw->of;
}

static void
off_done(struct mp_call *call)
{
	struct measurement *ms = measured_by(call);

	if (--ms->pending > 0)
		return;
	event_free(ms->timer);
	free(ms);
}

static void
measurement_off(struct measurement *ms)
{
	measuring--;
	ms->last = measuring == 0;
	call_all(ms, worker_end, off_done);
}

static json_t *
worker_json(const struct measured_worker *mw, unsigned id)
{
	json_t *stages = json_array();

	for (unsigned s = 0; s < STAGE_COUNT; s++) {
		const struct mp_stage_count *a = &mw->was.count[s], *b = &mw->now.count[s];

		json_array_append_new(
		    stages, json_pack("{s:s,s:s,s:I,s:I,s:I}", "name", mp_stage_name(s), "text", mp_stage_text(s),
				"calls", (json_int_t)(b->calls - a->calls), "packets",
				(json_int_t)(b->packets - a->packets), "cycles", (json_int_t)(b->cycles - a->cycles)));
	}
	return json_pack("{s:i,s:i,s:I,s:I,s:i,s:o}", "id", (int)id, "cpu", mp_workers[id]->cpu, "cycles",
	    (json_int_t)(mw->now.tsc - mw->was.tsc), "tsc_hz", (json_int_t)mp_tsc_hz, "cost", (int)mw->cost, "stages",
	    stages);
}

static void
measurement_tell(struct measurement *ms)
{
	json_t *workers = json_array();

	for (unsigned i = 0; i < mp_nworkers; i++) {
		struct measured_worker *mw = &ms->worker[i];

		if (ms->only < 0 || ms->only == (int)i)
			json_array_append_new(workers, worker_json(mw, i));
		mw->was = mw->now;
	}
	ctl_stream_send(ms->stream, json_pack("{s:o}", "workers", workers));
	if (ms->left > 0 && --ms->left == 0)
		ctl_stream_end(ms->stream, NULL);
	else
		event_add(ms->timer, &ms->interval);
}

static void
begin_done(struct mp_call *call)
{
	struct measurement *ms = measured_by(call);

	if (--ms->pending > 0)
		return;
	ctl_reply(ms->req, ms->answer);
	ms->req = NULL;
	if (ms->stream == NULL)
		measurement_off(ms);
	else
		event_add(ms->timer, &ms->interval);
}

static void
read_done(struct mp_call *call)
{
	struct measurement *ms = measured_by(call);

	if (--ms->pending > 0)
		return;
	if (ms->stream == NULL)
		measurement_off(ms);
	else
		measurement_tell(ms);
}

static void
measurement_tick(evutil_socket_t fd, short what, void *arg)
{
	call_all(arg, worker_read, read_done);
}

/* The stream has ended: calls that are under way see it when they come back. */
static void
measurement_closed(void *arg)
{
	struct measurement *ms = arg;

	ASSERT_CONTROL();
	ms->stream = NULL;
	event_del(ms->timer);
	if (ms->pending == 0)
		measurement_off(ms);
}

static int
m_start(struct ctl_req *req, json_t *params, json_t **result)
{
	json_t *seconds = json_object_get(params, "seconds"), *count = json_object_get(params, "count"),
	       *worker = json_object_get(params, "worker");
	double s = seconds != NULL ? json_number_value(seconds) : 1;
	struct measurement *ms;

	ASSERT_CONTROL();
	if (!(s >= SECONDS_MIN && s <= SECONDS_MAX))
		return ctl_error(req, EINVAL, "seconds must be %g to %g", SECONDS_MIN, SECONDS_MAX);
	if (count != NULL && json_integer_value(count) < 0)
		return ctl_error(req, EINVAL, "count must not be negative");
	if (worker != NULL && (json_integer_value(worker) < 0 || json_integer_value(worker) >= mp_nworkers))
		return ctl_error(req, ENOENT, "no worker %lld: there are %u, from 0",
		    (long long)json_integer_value(worker), mp_nworkers);
#ifdef SMPNET_NO_STAGES
	return ctl_error(req, EOPNOTSUPP, "built without the hooks (-Dstages=false)");
#endif
	ms = lines_zalloc(sizeof(*ms) + mp_nworkers * sizeof(ms->worker[0]));
	if (ms == NULL)
		return -ENOMEM;
	ms->timer = evtimer_new(mp_base, measurement_tick, ms);
	ms->stream = ms->timer != NULL ? ctl_stream_open(req, measurement_closed, ms) : NULL;
	if (ms->stream == NULL) {
		bool memory = ms->timer == NULL;

		if (!memory)
			event_free(ms->timer);
		free(ms);
		return memory ? -ENOMEM : ctl_error(req, EOPNOTSUPP, "stages are measured for a client only");
	}
	ms->interval = (struct timeval){.tv_sec = (time_t)s, .tv_usec = (suseconds_t)((s - (double)(time_t)s) * 1e6)};
	ms->left = count != NULL ? json_integer_value(count) : 1;
	ms->only = worker != NULL ? (int)json_integer_value(worker) : -1;
	for (unsigned i = 0; i < mp_nworkers; i++)
		ms->worker[i].of = ms;
	measuring++;
	ms->req = req;
	ms->answer = ctl_stream_result(ms->stream);
	call_all(ms, worker_begin, begin_done);
	return CTL_ASYNC;
}

const struct ctl_method stages_methods[] = {
    {"stages.start", m_start,
	(const struct ctl_param[]){{"seconds", "number?"}, {"count", "int?"}, {"worker", "int?"}, {NULL, NULL}},
	"the cycles that each stage of the packet path takes, every so many seconds"},
    {NULL, NULL, NULL, NULL},
};
