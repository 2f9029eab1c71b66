/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine: rings, pools, hand-off, grace periods, calls, helper threads, timers, with two real workers. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <rte_mbuf.h>
#include <rte_pause.h>

#include "mp/eal.h"
#include "mp/gaps.h"
#include "mp/mp.h"
#include "mp/mp_internal.h"
#include "mp/pool.h"
#include "pkt/pkt.h"

#define POOL 1023u

static struct event_base *base;

/* Runs the event loop until cond holds; fails after a generous while. */
#define UNTIL(cond)                                                                                                    \
	do {                                                                                                           \
		for (int tries_ = 0; !(cond); tries_++) {                                                              \
			assert_true(tries_ < 20000);                                                                   \
			event_base_loop(base, EVLOOP_NONBLOCK);                                                        \
			usleep(500);                                                                                   \
		}                                                                                                      \
	} while (0)

/* Rings */

#define RING_OBJS 200000u

struct ring_job {
	struct mp_ring *ring;
	uintptr_t id;
};

static void *
ring_producer(void *arg)
{
	struct ring_job *job = arg;
	uintptr_t next = 1;

	while (next <= RING_OBJS) {
		void *objs[7];
		unsigned n = 0;

		while (n < 7 && next + n <= RING_OBJS) {
			objs[n] = (void *)(job->id << 32 | (next + n));
			n++;
		}
		n = mp_ring_put(job->ring, objs, n);
		next += n;
		if (n == 0)
			sched_yield();
	}
	return NULL;
}

static void
test_ring(void **state)
{
	struct ring_job jobs[3];
	uintptr_t last[3] = {0};
	unsigned total = 0;
	pthread_t t[3];
	struct mp_ring ring;
	void *objs[16];

	assert_int_equal(mp_ring_init(&ring, 100), 0);
	assert_int_equal(ring.mask, 127);
	for (unsigned i = 0; i < 3; i++) {
		jobs[i] = (struct ring_job){&ring, i};
		assert_int_equal(pthread_create(&t[i], NULL, ring_producer, &jobs[i]), 0);
	}
	while (total < 3 * RING_OBJS) {
		unsigned n = mp_ring_get(&ring, objs, 16);

		for (unsigned i = 0; i < n; i++) {
			uintptr_t v = (uintptr_t)objs[i];

			/* each producer's objects come in its order, none lost, none twice */
			assert_int_equal(v & 0xffffffff, last[v >> 32] + 1);
			last[v >> 32]++;
		}
		total += n;
		if (n == 0)
			sched_yield();
	}
	for (unsigned i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	assert_true(mp_ring_empty(&ring));
	mp_ring_fini(&ring);
}

static void
test_ring_full(void **state)
{
	void *objs[9] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"}, *got[16];
	struct mp_ring ring;

	assert_int_equal(mp_ring_init(&ring, 8), 0);
	for (unsigned round = 0; round < 5; round++) {
		assert_int_equal(mp_ring_put(&ring, objs, 5), 5);
		assert_int_equal(mp_ring_put(&ring, objs + 5, 4), 3);
		assert_int_equal(mp_ring_put(&ring, objs, 1), 0);
		assert_int_equal(mp_ring_get(&ring, got, 16), 8);
		for (unsigned i = 0; i < 8; i++)
			assert_ptr_equal(got[i], objs[i]);
		assert_int_equal(mp_ring_get(&ring, got, 16), 0);
	}
	mp_ring_fini(&ring);
}

/* Pools and hand-off: packets of control's travel over both workers and are freed there */

static _Atomic unsigned seen[2];

static void
stage_forward(struct worker *w, struct pktvec *v)
{
	atomic_fetch_add(&seen[w->id], v->n);
	if (w->id == 0) {
		for (unsigned i = 0; i < v->n; i++)
			pkt_meta(v->m[i])->stage = PKT_IP_INPUT;
		mp_handoff(w, mp_workers[1], v->m, v->n);
		v->n = 0;
	} else {
		for (unsigned i = 0; i < v->n; i++)
			pkt_consume(w, v->m[i]);
		v->n = 0;
	}
}

static void
test_pool_home(void **state)
{
	unsigned sent = 0;

	assert_int_equal(mp_pool_free_count(mp_control()), POOL);
	while (sent < 20 * POOL) {
		struct rte_mbuf *m[65];
		unsigned n = 0;
		static const unsigned bursts[] = {1, 7, 63, 64, 65};

		while (n < bursts[sent % 5] && (m[n] = pkt_originate(mp_control())) != NULL)
			pkt_meta(m[n++])->stage = PKT_IP_INPUT;
		if (n == 0)
			sched_yield();
		mp_handoff(mp_control(), mp_workers[0], m, n);
		sent += n;
	}
	UNTIL(mp_pool_free_count(mp_control()) == POOL);
	assert_int_equal(
	    mp_counter_sum(C_PKT_ORIGINATED), mp_counter_sum(C_PKT_CONSUMED) + mp_drop_sum(DROP_RING_FULL));
	assert_true(atomic_load(&seen[1]) > 0);
	assert_int_equal(atomic_load(&seen[1]), mp_counter_sum(C_PKT_CONSUMED));
}

static void
test_pool_empty(void **state)
{
	static struct rte_mbuf *m[POOL + 1];
	uint64_t before = mp_control()->drops_nobuf;
	unsigned n = 0;

	while ((m[n] = pkt_originate(mp_control())) != NULL)
		n++;
	assert_int_equal(n, POOL);
	assert_int_equal(mp_control()->drops_nobuf, before + 1);
	for (unsigned i = 0; i < n; i++)
		pkt_drop(mp_control(), m[i], DROP_NOBUF);
	m[0] = pkt_originate(mp_control());
	assert_non_null(m[0]);
	pkt_drop(mp_control(), m[0], DROP_NOBUF);
}

/* Grace periods: workers follow an RCU pointer as fast as they can while control replaces and frees what it points to
 */

struct object {
	struct mp_deferred deferred;
	uint64_t canary;
};
#define CANARY 0x5ca1ab1e5ca1ab1eULL

static struct object *_Atomic published;
static _Atomic unsigned bad_reads;
static unsigned objects_freed;

static unsigned
reader_poll(struct worker *w, struct mp_source *s)
{
	struct object *o = atomic_load_explicit(&published, memory_order_acquire);

	for (unsigned i = 0; i < 100; i++)
		if (o->canary != CANARY)
			atomic_fetch_add(&bad_reads, 1);
	return 1;
}

static void
object_free(struct mp_deferred *d)
{
	struct object *o = (struct object *)d;

	o->canary = 0xdead;
	free(o);
	objects_freed++;
}

static void
test_grace(void **state)
{
	struct mp_source s[2] = {{.poll = reader_poll, .fd = -1}, {.poll = reader_poll, .fd = -1}};
	unsigned replaced = 0;

	published = calloc(1, sizeof(*published));
	published->canary = CANARY;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(mp_source_add(mp_workers[i], &s[i]), 0);
	for (unsigned i = 0; i < 5000; i++) {
		struct object *new = calloc(1, sizeof(*new)), *old;

		new->canary = CANARY;
		old = atomic_exchange(&published, new);
		mp_defer(&old->deferred, object_free);
		replaced++;
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (i % 64 == 0)
			usleep(200);
	}
	UNTIL(objects_freed == replaced);
	for (unsigned i = 0; i < 2; i++)
		mp_source_remove(mp_workers[i], &s[i]);
	UNTIL(mp_deferred_pending() == 0);
	assert_int_equal(atomic_load(&bad_reads), 0);
	free(published);
}

/* What one grace period sets free is freed in pieces, in order, and nothing is lost. */
static unsigned many_freed;
static bool many_misordered;

static void
many_free(struct mp_deferred *d)
{
	many_misordered |= d->token != many_freed;
	many_freed++;
}

static void
test_grace_pieces(void **state)
{
	enum { N = 10 * MP_GRACE_BATCH };
	struct mp_deferred *d = calloc(N, sizeof(*d));
	unsigned turns = 0;

	UNTIL(mp_deferred_pending() == 0);
	for (unsigned i = 0; i < N; i++) {
		d[i].token = i;
		mp_defer(&d[i], many_free);
	}
	while (many_freed < N) {
		unsigned before = many_freed;

		event_base_loop(base, EVLOOP_ONCE);
		assert_true(many_freed - before <= MP_GRACE_BATCH);
		turns += many_freed != before;
	}
	assert_true(turns >= 10);
	assert_false(many_misordered);
	assert_int_equal(mp_deferred_pending(), 0);
	free(d);
}

/* Sources: taken away where there is no memory, and added to a worker that is falling asleep */

void *__real_calloc(size_t, size_t);
void *__wrap_calloc(size_t, size_t);
static bool calloc_fails; /* control's */

void *
__wrap_calloc(size_t n, size_t size)
{
	return mp_self == mp_control() && calloc_fails ? NULL : __real_calloc(n, size);
}

static _Atomic unsigned polls[3];

static unsigned
source_poll(struct worker *w, struct mp_source *s)
{
	atomic_fetch_add((_Atomic unsigned *)s->arg, 1);
	return 0;
}

static void
grace_over(struct mp_deferred *d)
{
	*(bool *)(d + 1) = true;
}

static void
test_source_no_memory(void **state)
{
	struct mp_source s[3];
	struct {
		struct mp_deferred d;
		bool over;
	} grace = {.over = false};
	struct worker *w = mp_workers[0];
	unsigned gone, kept;

	for (unsigned i = 0; i < 3; i++) {
		s[i] = (struct mp_source){.poll = source_poll, .fd = -1, .arg = &polls[i]};
		assert_int_equal(mp_source_add(w, &s[i]), 0);
	}
	assert_int_equal(mp_source_count(w), 3);
	calloc_fails = true;
	mp_source_remove(w, &s[1]);
	assert_int_equal(mp_source_add(w, &s[1]), -ENOMEM);
	calloc_fails = false;
	assert_int_equal(mp_source_count(w), 2);
	mp_defer(&grace.d, grace_over);
	UNTIL(grace.over);
	gone = polls[1];
	kept = polls[0];
	UNTIL(polls[0] > kept + 10);
	assert_int_equal(polls[1], gone);
	mp_source_remove(w, &s[0]);
	mp_source_remove(w, &s[2]);
	assert_int_equal(mp_source_count(w), 0);
	UNTIL(mp_deferred_pending() == 0);
}

static void
test_source_no_sleeper(void **state)
{
	struct worker *w = mp_workers[0];
	struct mp_source s = {.poll = source_poll, .fd = -1, .arg = &polls[2]};

	for (unsigned i = 0; i < 300; i++) {
		unsigned before = polls[2];

		mp_wake(w);
		for (unsigned spin = 0; spin < i * 70; spin++)
			rte_pause();
		assert_int_equal(mp_source_add(w, &s), 0);
		UNTIL(polls[2] != before);
		mp_source_remove(w, &s);
		UNTIL(mp_deferred_pending() == 0);
	}
}

/* Calls, and helper threads with grants */

struct counted_call {
	struct mp_call call;
	unsigned ran;
};
static unsigned calls_done;

static void
call_fn(struct worker *w, struct mp_call *c)
{
	((struct counted_call *)c)->ran++;
}

static void
call_done(struct mp_call *c)
{
	assert_int_equal(((struct counted_call *)c)->ran, 1);
	calls_done++;
}

static void
test_calls(void **state)
{
	static struct counted_call calls[3000];

	for (unsigned i = 0; i < 3000; i++) {
		calls[i].call.fn = call_fn;
		calls[i].call.done = call_done;
		mp_call(mp_workers[i % 2], &calls[i].call);
	}
	UNTIL(calls_done == 3000);
}

static _Atomic unsigned granted;
static bool helper_back;

static void
helper_fn(void *arg)
{
	struct rte_mbuf *m[200];
	unsigned n = 0;

	while (n < 200 && (m[n] = rte_pktmbuf_alloc(mp_workers[1]->pool)) != NULL)
		n++;
	atomic_store(&granted, n);
	/* half goes back before the end, half by it */
	for (unsigned i = 0; i < n; i++)
		rte_pktmbuf_free(m[i]);
}

static void
helper_done(void *arg)
{
	helper_back = true;
}

static void
test_helper_granted(void **state)
{
	struct mp_grant_request req = {mp_workers[1], 100};

	assert_int_equal(mp_helper_run_granted(&req, 1, helper_fn, helper_done, NULL), 0);
	UNTIL(helper_back);
	assert_int_equal(granted, 100);
	UNTIL(mp_pool_free_count(mp_workers[1]) == POOL);
}

/* Timers: set on the worker, far, near, restarted, stopped */

static struct {
	struct mp_call call;
	struct mp_timer t[4];
	_Atomic unsigned fired[4];
	_Atomic bool far;
} timers;

static void
timer_fn(struct worker *w, struct mp_timer *t)
{
	unsigned i = t - timers.t;

	assert_int_equal(w->id, 0);
	if (atomic_fetch_add(&timers.fired[i], 1) == 0 && i == 0)
		mp_timer_set(w, t, 3);
	if (i == 1)
		mp_timer_stop(w, &timers.t[2]);
}

static void
timer_start(struct worker *w, struct mp_call *c)
{
	for (unsigned i = 0; i < 4; i++)
		timers.t[i].fn = timer_fn;
	mp_timer_set(w, &timers.t[0], 5);
	mp_timer_set(w, &timers.t[1], 20);
	mp_timer_set(w, &timers.t[2], 25);
	mp_timer_set(w, &timers.t[3], 4096 + 60);
}

static void
test_timers(void **state)
{
	timers.call.fn = timer_start;
	mp_call(mp_workers[0], &timers.call);
	UNTIL(timers.fired[1] == 1);
	assert_int_equal(timers.fired[0], 2);
	UNTIL(timers.fired[3] == 1);
	assert_int_equal(timers.fired[2], 0);
	assert_int_equal(timers.fired[0], 2);
}

/* A worker that slept long without a timer counts from when one is set, not from when it fell asleep. */

static struct {
	struct mp_call call;
	struct mp_timer t;
	uint64_t set;
	_Atomic uint64_t fired;
} late;

static void
late_fn(struct worker *w, struct mp_timer *t)
{
	atomic_store(&late.fired, mp_now_ms());
}

static void
late_start(struct worker *w, struct mp_call *c)
{
	late.set = mp_now_ms();
	late.t.fn = late_fn;
	mp_timer_set(w, &late.t, 300);
}

static void
test_timer_after_sleep(void **state)
{
	struct worker *w = mp_workers[0];
	uint64_t sleeps;

	late.call.fn = late_start;
	usleep(20000);
	sleeps = mp_read(&w->sleeps);
	usleep(500000);
	assert_in_range(mp_read(&w->sleeps) - sleeps, 0, 5); /* it does sleep */
	mp_call(w, &late.call);
	UNTIL(late.fired != 0);
	assert_true(late.fired - late.set >= 299);
}

/* Punts: a flood is cut to the class's burst, the rest is counted */

static unsigned punted;

static void
punt_fn(struct rte_mbuf *m)
{
	punted++;
	pkt_consume(mp_control(), m);
}

static struct {
	struct mp_call call;
	_Atomic bool done;
} flood;

static void
flood_fn(struct worker *w, struct mp_call *c)
{
	for (unsigned i = 0; i < 500; i++) {
		struct rte_mbuf *m = pkt_originate(w);

		assert_non_null(m);
		mp_punt(w, PUNT_ARP, m);
	}
	atomic_store(&flood.done, true);
}

static void
test_punt_rate(void **state)
{
	flood.call.fn = flood_fn;
	mp_call(mp_workers[0], &flood.call);
	UNTIL(flood.done);
	UNTIL(punted + mp_drop_sum(DROP_PUNT_RATE) == 500);
	/* 10 in a burst; a slow machine may let a few more of 100 a second in */
	assert_in_range(punted, 10, 60);
	UNTIL(mp_pool_free_count(mp_workers[0]) == POOL);
}

/* A class that is shared out: a host's flood leaves others on its interface their part, and other interfaces theirs. */
static struct {
	struct mp_call call;
	_Atomic bool done;
	uint64_t passed[5];
} shared;

static void
shared_fn(struct worker *w, struct mp_call *c)
{
	static const struct {
		unsigned iif, host, n; /* host 0: each packet another one */
	} floods[5] = {{1, 1, 500}, {1, 2, 1}, {1, 0, 5000}, {2, 3, 1}, {2, 1, 500}};

	for (unsigned i = 0; i < 5; i++) {
		uint64_t was = w->punt_passed[PUNT_ND] + w->punt_full[PUNT_ND];

		for (unsigned k = 0; k < floods[i].n; k++) {
			struct rte_mbuf *m = pkt_originate(w);

			assert_non_null(m);
			pkt_meta(m)->iif = (uint16_t)floods[i].iif;
			mp_punt_from(w, PUNT_ND, m, floods[i].host != 0 ? floods[i].host : 100 + k);
		}
		shared.passed[i] = w->punt_passed[PUNT_ND] + w->punt_full[PUNT_ND] - was;
	}
	atomic_store(&shared.done, true);
}

static void
test_punt_shared(void **state)
{
	shared.call.fn = shared_fn;
	mp_call(mp_workers[0], &shared.call);
	UNTIL(shared.done);
	/* of 256 in a burst: 2 as the host's, 16 as the interface's */
	assert_in_range(shared.passed[0], 256, 290);
	assert_int_equal(shared.passed[1], 1);
	/* all hosts there are, and nothing but their parts */
	assert_in_range(shared.passed[2], 200, 520);
	assert_int_equal(shared.passed[3], 1); /* by its interface's: a host's there was taken */
	assert_in_range(shared.passed[4], 15, 40);
	UNTIL(mp_pool_free_count(mp_workers[0]) == POOL);
}

static void
test_pullup(void **state)
{
	struct rte_mbuf *m = NULL, *tail = NULL;
	uint8_t want[300];

	for (unsigned i = 0; i < 300; i++)
		want[i] = i * 7;
	for (unsigned i = 0; i < 100; i++) {
		struct rte_mbuf *s = rte_pktmbuf_alloc(mp_control()->pool);

		memcpy(rte_pktmbuf_append(s, 3), want + 3 * i, 3);
		if (m == NULL)
			m = s;
		else
			assert_int_equal(rte_pktmbuf_chain(m, s), 0);
		tail = s;
	}
	assert_non_null(tail);
	assert_int_equal(cksum_fold(cksum_mbuf(0, m, 0, 300)), cksum_fold(cksum_add(0, want, 300)));
	assert_int_equal(cksum_fold(cksum_mbuf(0, m, 14, 281)), cksum_fold(cksum_add(0, want + 14, 281)));
	assert_false(pkt_pullup(m, 301));
	assert_true(pkt_pullup(m, 40));
	assert_memory_equal(rte_pktmbuf_mtod(m, char *), want, 40);
	assert_int_equal(m->pkt_len, 300);
	assert_true(pkt_pullup(m, 300));
	assert_memory_equal(rte_pktmbuf_mtod(m, char *), want, 300);
	assert_int_equal(m->nb_segs, 1);
	rte_pktmbuf_free(m);
	assert_int_equal(mp_pool_free_count(mp_control()), POOL);
}

/* Every bucket of the gaps' histogram holds its own lowest value and ends where the next begins. */
static void
test_gap_buckets(void **state)
{
	assert_int_equal(mp_gap_bucket(UINT64_MAX), MP_GAP_BUCKETS - 1);
	for (unsigned b = 0; b < MP_GAP_BUCKETS; b++) {
		assert_int_equal(mp_gap_bucket(mp_gap_low(b)), b);
		if (b > 0)
			assert_int_equal(mp_gap_bucket(mp_gap_low(b) - 1), b - 1);
	}
}

/* Stages: an account in which every cycle is some stage's, whatever the nesting, and whoever looks from when on */

static uint64_t
stages_sum(const struct mp_stage_count *count)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < STAGE_COUNT; i++)
		sum += count[i].cycles;
	return sum;
}

/* also where the test fails: the others are control */
static int
stages_end(void **state)
{
	mp_self = mp_control();
	return 0;
}

static void
test_stages(void **state)
{
	static struct mp_stages stages;
	static struct worker w = {.stages = &stages};
	struct mp_stage_count count[STAGE_COUNT];
	const uint64_t wait = mp_tsc_hz / 1000;
	uint64_t began, now, idle;

	mp_self = &w;
	/* nobody looks: nothing is written */
	mp_stage_leave(&w);
	mp_stage_turn(&w, 1);
	mp_stage_paused(&w);
	assert_true(stages.mark == 0 && stages.depth == 0 && stages_sum(stages.count) == 0);
	/* the look begins in a stage that was not entered */
	mp_stage_watch(&w, MP_WATCH_STAGES, 0);
	mp_stage_read(&w, count, &began);
	began -= stages_sum(count);
	mp_stage_leave(&w);
	assert_int_equal(stages.depth, 0);
	/* deeper than the stack is: what is too deep is counted for the last that it holds */
	for (unsigned i = 0; i < MP_STAGE_DEPTH + 9; i++) {
		mp_stage_enter(&w, i < MP_STAGE_DEPTH ? STAGE_IP_INPUT : STAGE_ICMP, NULL, 2);
		mp_stage_was(&w, i < MP_STAGE_DEPTH ? STAGE_IP6_INPUT : STAGE_ICMP6, 1);
	}
	for (unsigned i = 0; i < MP_STAGE_DEPTH + 9; i++)
		mp_stage_leave(&w);
	assert_int_equal(stages.depth, 0);
	assert_int_equal(stages.count[STAGE_IP_INPUT].calls, 0);
	assert_int_equal(stages.count[STAGE_IP6_INPUT].calls, MP_STAGE_DEPTH);
	assert_int_equal(stages.count[STAGE_IP6_INPUT].packets, MP_STAGE_DEPTH);
	assert_int_equal(stages.count[STAGE_ICMP].calls, 9);
	assert_int_equal(stages.count[STAGE_ICMP].cycles, 0);
	/* what is waited between two turns is idleness, though the next turn works */
	mp_stage_turn(&w, 1);
	idle = stages.count[STAGE_IDLE].cycles;
	for (now = mp_tsc(); mp_tsc() - now < wait;)
		;
	mp_stage_paused(&w);
	assert_true(stages.count[STAGE_IDLE].cycles - idle >= wait);
	mp_stage_turn(&w, 1);
	/* what a turn that finds nothing takes is idleness as well, and what the one before took is not */
	idle = stages.count[STAGE_IDLE].cycles;
	for (now = mp_tsc(); mp_tsc() - now < wait;)
		;
	mp_stage_turn(&w, 1);
	assert_int_equal(stages.count[STAGE_IDLE].cycles, idle);
	mp_stage_turn(&w, 0);
	assert_int_equal(stages.count[STAGE_IDLE].calls, 1);
	/* off in the middle of a stage, and on again: nothing that is open is left */
	mp_stage_enter(&w, STAGE_CALLS, NULL, 0);
	mp_stage_read(&w, count, &now);
	assert_int_equal(stages_sum(count), now - began);
	mp_stage_watch(&w, 0, MP_WATCH_STAGES);
	mp_stage_leave(&w);
	mp_stage_watch(&w, MP_WATCH_STAGES, 0);
	assert_int_equal(stages.depth, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_stages, stages_end),
	    cmocka_unit_test(test_gap_buckets),
	    cmocka_unit_test(test_ring),
	    cmocka_unit_test(test_ring_full),
	    cmocka_unit_test(test_pool_home),
	    cmocka_unit_test(test_pool_empty),
	    cmocka_unit_test(test_grace),
	    cmocka_unit_test(test_grace_pieces),
	    cmocka_unit_test(test_source_no_memory),
	    cmocka_unit_test(test_source_no_sleeper),
	    cmocka_unit_test(test_calls),
	    cmocka_unit_test(test_helper_granted),
	    cmocka_unit_test(test_timers),
	    cmocka_unit_test(test_timer_after_sleep),
	    cmocka_unit_test(test_punt_rate),
	    cmocka_unit_test(test_punt_shared),
	    cmocka_unit_test(test_pullup),
	};
	struct mp_config conf = {.nworkers = 2, .pool_buffers = POOL};
	int r;

	base = event_base_new();
	if (mp_eal_init() != 0 || pkt_init() != 0 || mp_start(&conf, base) != 0)
		return 1;
	mp_hooks = (struct mp_hooks){.resume = pkt_resume, .reinput = pkt_run_reinput};
	pkt_stage_register(PKT_IP_INPUT, stage_forward);
	mp_punt_register(PUNT_ARP, punt_fn, 100, 10);
	mp_punt_register(PUNT_ND, punt_fn, 1, 256);
	if (mp_run() != 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	mp_stop();
	event_base_free(base);
	return r;
}
