/* SPDX-License-Identifier: BSD-2-Clause */
/* The worker's loop: poll, run, flush, report quiescence; back off, sleep, wake. */
/*
 * Synchronization: a worker reads what control publishes and writes its own lines.  It is online for quiescence while
 * it runs and offline while it waits, so that control never waits for a sleeper.  Sleep: it sets asleep, a full fence,
 * looks at every ring and source again, and only then waits; whoever gives it work stores the work, a full fence,
 * and wakes it if asleep is set.
 * Lifetime: from mp_run to mp_stop.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_pause.h>
#include <rte_rcu_qsbr.h>

#include "mp/gaps.h"
#include "mp/mp_internal.h"
#include "pkt/pkt.h"
#include "pkt/trace.h"

#define IDLE_SPINS   64	 /* loops without work before the worker sleeps, and mp_awake_us */
#define SLOW_TICK_US 800 /* how long a source without a descriptor may wait */
#define SPURIOUS_MAX 100 /* wake-ups in a row that brought no work, before the worker naps */

_Thread_local struct worker *mp_self;
_Atomic int mp_awake_us = 50; /* [c] sysctl net.smp.worker.awake_us */
struct mp_hooks mp_hooks;

static unsigned
worker_calls(struct worker *w)
{
	void *calls[16];
	unsigned n = mp_ring_get(&w->calls, calls, 16);

	for (unsigned i = 0; i < n; i++) {
		struct mp_call *call = calls[i];

		if (call->fn != NULL)
			call->fn(w, call);
		mp_call_completed(call);
	}
	return n;
}

static unsigned
worker_inbox(struct worker *w)
{
	void *m[PKT_VEC];
	unsigned n = mp_ring_get(&w->inbox, m, PKT_VEC);

	if (n > 0)
		STAGE_CALL(w, INBOX, n, mp_hooks.resume(w, (struct rte_mbuf **)m, n));
	return n;
}

/* => the worker; one turn, at whose end it holds nothing; returns how much work was found */
unsigned
mp_worker_turn(struct worker *w)
{
	struct mp_sourceset *set = atomic_load_explicit(&w->sources, memory_order_acquire);
	unsigned work = 0, vectors = 0;
	struct mp_gaps *gaps = atomic_load_explicit(&w->gaps, memory_order_acquire);
	uint64_t ms, now = rte_rdtsc();

	if (unlikely(gaps != NULL))
		mp_gap(gaps, now);
	/* one reading a turn: where the last turn ended this one begins, unless the worker waited in between */
	if (w->busy)
		mp_add(&w->cycles_busy, now - w->now);
	w->now = now;
	/* before anything that reads now_ms or sets a timer: the worker may have slept long */
	if (w->now >= w->next_ms) {
		ms = w->now / w->tsc_ms;
		w->now_ms = ms;
		w->next_ms = (ms + 1) * w->tsc_ms;
		STAGE_CALL(w, TIMERS, 0, work += mp_timer_run(w, ms));
	}
	for (unsigned i = 0; i < set->n; i++) {
		struct mp_source *s = mp_sourceset_get(set, i);

		unsigned n = s->poll(w, s);

		work += n;
		vectors += n > 0;
	}
	if (vectors > 0)
		mp_add(&w->vectors, vectors);
	if (w->nrx > 0)
		mp_hooks.receive(w);
	if (!mp_ring_empty(&w->inbox))
		work += worker_inbox(w);
	while (w->reinput->n > 0)
		STAGE_CALL(w, REINPUT, w->reinput->n, mp_hooks.reinput(w));
	if (!mp_ring_empty(&w->calls))
		STAGE_CALL(w, CALLS, 0, work += worker_calls(w));
	if (w->ntxdirty > 0)
		STAGE_CALL(w, IF_FLUSH, 0, mp_hooks.flush(w));
	mp_add(&w->loops, 1);
	rte_rcu_qsbr_quiescent(mp_qsbr, w->id);
	if (STAGE_WATCHED(w))
		mp_stage_turn(w, work);
	w->busy = work > 0;
	return work;
}

/* Arms every source; true if one of them has work already, or if a ring has.  *timeout: microseconds, or -1 */
static bool
worker_arm(struct worker *w, struct mp_sourceset *set, int64_t *timeout)
{
	int ms = mp_timer_next(w);
	bool work = false;

	*timeout = ms < 0 ? -1 : ms * INT64_C(1000);
	for (unsigned i = 0; i < set->n; i++) {
		struct mp_source *s = mp_sourceset_get(set, i);

		if (s->fd < 0 && (*timeout < 0 || *timeout > SLOW_TICK_US))
			*timeout = SLOW_TICK_US;
		if (s->arm != NULL && s->arm(w, s))
			work = true;
	}
	return work || !mp_ring_empty(&w->inbox) || !mp_ring_empty(&w->calls);
}

/* => microseconds, or -1: until something is there */
static int
worker_wait(struct worker *w, struct epoll_event *ev, int n, int64_t timeout)
{
	struct timespec ts = {.tv_sec = timeout / 1000000, .tv_nsec = timeout % 1000000 * 1000};
	int r = epoll_pwait2(w->epfd, ev, n, timeout < 0 ? NULL : &ts, NULL);

	/* before Linux 5.11 */
	if (r < 0 && errno == ENOSYS)
		r = epoll_wait(w->epfd, ev, n, timeout < 0 ? -1 : (int)((timeout + 999) / 1000));
	return r;
}

static void
worker_sleep(struct worker *w, unsigned *spurious)
{
	struct mp_sourceset *set;
	struct epoll_event ev[8];
	bool stay, bell;
	int64_t timeout;
	int n;

	atomic_store_explicit(&w->asleep, 1, memory_order_seq_cst);
	rte_smp_mb();
	/* after the fence: control publishes a set, then looks at asleep (mp_source_add) */
	set = atomic_load_explicit(&w->sources, memory_order_acquire);
	stay = worker_arm(w, set, &timeout) || atomic_load_explicit(&mp_stopping, memory_order_acquire);
	bell = false;
	if (!stay) {
		struct mp_gaps *gaps = atomic_load_explicit(&w->gaps, memory_order_acquire);

		if (gaps != NULL)
			gaps->last = 0; /* what is slept is no gap */
		mp_add(&w->sleeps, 1);
		if (*spurious > SPURIOUS_MAX) {
			/* a descriptor says ready and brings nothing: a device that went away */
			struct timespec nap = {.tv_nsec = SLOW_TICK_US * 1000};

			rte_rcu_qsbr_thread_offline(mp_qsbr, w->id);
			nanosleep(&nap, NULL);
			rte_rcu_qsbr_thread_online(mp_qsbr, w->id);
		}
		rte_rcu_qsbr_thread_offline(mp_qsbr, w->id);
		n = worker_wait(w, ev, 8, timeout);
		rte_rcu_qsbr_thread_online(mp_qsbr, w->id);
		for (int i = 0; i < n; i++)
			if (ev[i].data.ptr == w)
				bell = true;
		*spurious = n > 0 && !bell ? *spurious + 1 : 0;
		set = atomic_load_explicit(&w->sources, memory_order_acquire);
	}
	/* 2: somebody rang, or is about to */
	if (atomic_exchange_explicit(&w->asleep, 0, memory_order_acq_rel) == 2 || bell) {
		uint64_t v;

		if (read(w->evfd, &v, sizeof(v)) < 0)
			v = 0; /* rung a moment from now: one wake-up too many */
	}
	for (unsigned i = 0; i < set->n; i++) {
		struct mp_source *s = mp_sourceset_get(set, i);

		if (s->disarm != NULL)
			s->disarm(w, s);
	}
}

/* => has it had no work for so long that it may sleep? */
static bool
worker_idle(const struct worker *w, unsigned turns, uint64_t worked, uint64_t tsc_us)
{
	return turns >= IDLE_SPINS &&
	       w->now - worked >= (uint64_t)atomic_load_explicit(&mp_awake_us, memory_order_relaxed) * tsc_us;
}

static void
worker_pin(struct worker *w)
{
	if (w->cpu >= 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(w->cpu, &set);
		pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	}
}

void *
mp_worker_main(void *arg)
{
	struct worker *w = arg;
	unsigned idle = 0, spurious = 0;
	uint64_t tsc_us = mp_tsc_hz / 1000000, worked = 0;

	mp_self = w;
	lines_thread(w->id);
	worker_pin(w);
	rte_rcu_qsbr_thread_online(mp_qsbr, w->id);
	while (!atomic_load_explicit(&mp_stopping, memory_order_acquire)) {
		if (likely(mp_worker_turn(w) > 0)) {
			worked = w->now;
			idle = 0;
			spurious = 0;
			continue;
		}
		if (!worker_idle(w, ++idle, worked, tsc_us)) {
			rte_pause();
			if (STAGE_WATCHED(w))
				mp_stage_paused(w);
			continue;
		}
		STAGE_CALL(w, SLEEP, 0, worker_sleep(w, &spurious));
		idle = IDLE_SPINS / 2;
	}
	rte_rcu_qsbr_thread_offline(mp_qsbr, w->id);
	return NULL;
}

void
mp_wake(struct worker *w)
{
	uint32_t one = 1;
	uint64_t v = 1;

	rte_smp_mb();
	if (atomic_load_explicit(&w->asleep, memory_order_relaxed) != 1)
		return;
	if (!atomic_compare_exchange_strong_explicit(&w->asleep, &one, 2, memory_order_acq_rel, memory_order_relaxed))
		return;
	if (write(w->evfd, &v, sizeof(v)) < 0)
		return; /* the counter is full: it is awake */
}

void
mp_handoff(struct worker *self, struct worker *to, struct rte_mbuf **m, unsigned n)
{
	unsigned k;

	MP_ASSERT(self == mp_self);
	for (unsigned i = 0; STAGE_WATCHED(self) && i < n; i++)
		TRACE(self, m[i], HANDOFF, pkt_meta(m[i])->stage, to->id, 0);
	k = mp_ring_put(&to->inbox, (void *const *)m, n);
	if (k > 0)
		mp_wake(to);
	for (; k < n; k++)
		pkt_drop(self, m[k], DROP_RING_FULL);
}
