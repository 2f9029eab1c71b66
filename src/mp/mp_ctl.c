/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine as control sees it: start and stop, sources, calls, what comes back from workers. */
/*
 * Synchronization: control alone.  A worker's set of sources is replaced by one release store and the old one freed
 * after a grace period.  Calls go to a worker through a ring and come back through control's; no more are under way
 * than a ring holds, the rest waits in a list.
 * Lifetime: struct worker lives from mp_start to mp_stop.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <rte_cycles.h>
#include <rte_rcu_qsbr.h>

#include "mp/mp_internal.h"
#include "mp/pool.h"
#include "mp/slice.h"
#include "pkt/pkt.h"

#define INBOX_SIZE 4096
#define CALLS_SIZE 256

struct worker *mp_workers[MP_MAXTHREADS];
unsigned mp_nworkers;
uint64_t mp_tsc_hz;
struct event_base *mp_base;
_Atomic bool mp_stopping;

static pthread_t worker_thread[MP_MAXWORKERS]; /* [c] */
static bool workers_running;		       /* [c] */
static struct event *bell_event;	       /* [c] control's eventfd */
static struct {
	unsigned under_way;
	struct mp_call *wait, **tail;
} call_queue[MP_MAXWORKERS]; /* [c] */

uint64_t
mp_now_ms(void)
{
	return rte_rdtsc() / (mp_tsc_hz / 1000);
}

static void
call_submit(struct mp_call *call)
{
	struct worker *w = mp_workers[call->worker];
	void *obj = call;

	call_queue[call->worker].under_way++;
	mp_ring_put(&w->calls, &obj, 1); /* has room: no more than it holds are under way */
	mp_wake(w);
}

/* One of the calls that wait for room on the worker may go. */
static void
call_next(unsigned id)
{
	struct mp_call *call = call_queue[id].wait;

	call_queue[id].under_way--;
	if (call == NULL)
		return;
	call_queue[id].wait = call->next;
	if (call_queue[id].wait == NULL)
		call_queue[id].tail = &call_queue[id].wait;
	call_submit(call);
}

/* Control's bell: workers or helper threads have something for us. */
static void
control_bell(evutil_socket_t fd, short what, void *arg)
{
	struct worker *self = mp_control();
	void *calls[64];
	bool more;
	uint64_t v;
	unsigned n;

	if (read(self->evfd, &v, sizeof(v)) < 0)
		v = 0;
	atomic_store_explicit(&self->asleep, 0, memory_order_relaxed);
	self->now = rte_rdtsc();
	self->now_ms = self->now / self->tsc_ms;
	n = mp_ring_get(&self->calls, calls, 64);
	more = n == 64;
	for (unsigned i = 0; i < n; i++) {
		struct mp_call *call = calls[i];

		call_next(call->worker);
		if (call->done != NULL)
			call->done(call);
	}
	mp_helper_drain();
	more |= mp_punt_drain();
	atomic_store_explicit(&self->asleep, 1, memory_order_seq_cst);
	rte_smp_mb();
	/* go round the event loop, so that other events have their turn, and come back */
	if (more || !mp_ring_empty(&self->calls) || mp_punt_pending() || mp_helper_ready())
		mp_wake(self);
}

void
mp_call_completed(struct mp_call *call)
{
	void *obj = call;

	/* never full: control limits what is under way */
	mp_ring_put(&mp_control()->calls, &obj, 1);
	mp_wake(mp_control());
}

void
mp_call(struct worker *w, struct mp_call *call)
{
	unsigned id = w->id;

	ASSERT_CONTROL();
	call->worker = id;
	call->next = NULL;
	if (call_queue[id].under_way >= CALLS_SIZE) {
		*call_queue[id].tail = call;
		call_queue[id].tail = &call->next;
		return;
	}
	call_submit(call);
}

static unsigned
source_none_poll(struct worker *w, struct mp_source *s)
{
	return 0;
}

/* The descriptor is in no epoll set: it only says that the slow tick is not needed. */
static struct mp_source source_none = {.poll = source_none_poll, .fd = 0};

static void
sourceset_free(struct mp_deferred *d)
{
	free(d);
}

/* Publishes a set with one source more or less. */
static int
sources_replace(struct worker *w, struct mp_source *add, const struct mp_source *remove)
{
	struct mp_sourceset *old = atomic_load_explicit(&w->sources, memory_order_relaxed), *new;
	unsigned n = 0;

	new = calloc(1, sizeof(*new) + (old->n + 1) * sizeof(new->src[0]));
	if (new == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < old->n; i++) {
		struct mp_source *s = mp_sourceset_get(old, i);

		if (s != remove && s != &source_none)
			atomic_init(&new->src[n++], s);
	}
	if (add != NULL)
		atomic_init(&new->src[n++], add);
	new->n = n;
	atomic_store_explicit(&w->sources, new, memory_order_release);
	mp_defer(&old->deferred, sourceset_free);
	return 0;
}

int
mp_source_add(struct worker *w, struct mp_source *s)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = s};
	int r;

	ASSERT_CONTROL();
	if (s->fd >= 0 && epoll_ctl(w->epfd, EPOLL_CTL_ADD, s->fd, &ev) != 0)
		return -errno;
	r = sources_replace(w, s, NULL);
	if (r != 0 && s->fd >= 0)
		epoll_ctl(w->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	/* a sleeper must look at its new set */
	mp_wake(w);
	return r;
}

/* Its owner is going to free it: this must not fail. */
void
mp_source_remove(struct worker *w, struct mp_source *s)
{
	struct mp_sourceset *set;

	ASSERT_CONTROL();
	if (s->fd >= 0)
		epoll_ctl(w->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	if (sources_replace(w, NULL, s) == 0)
		return;
	set = atomic_load_explicit(&w->sources, memory_order_relaxed);
	for (unsigned i = 0; i < set->n; i++)
		if (mp_sourceset_get(set, i) == s)
			atomic_store_explicit(&set->src[i], &source_none, memory_order_release);
}

unsigned
mp_source_count(const struct worker *w)
{
	struct mp_sourceset *set = atomic_load_explicit(&w->sources, memory_order_relaxed);
	unsigned n = 0;

	for (unsigned i = 0; i < set->n; i++)
		n += mp_sourceset_get(set, i) != &source_none;
	return n;
}

/* Parses "0,2-3" into cpus; returns how many, or -EINVAL. */
static int
cpulist_parse(const char *s, int *cpus, int max)
{
	int n = 0;

	while (*s != '\0') {
		char *end;
		long a = strtol(s, &end, 10), b;

		if (end == s || a < 0 || a >= CPU_SETSIZE)
			return -EINVAL;
		b = a;
		if (*end == '-') {
			s = end + 1;
			b = strtol(s, &end, 10);
			if (end == s || b < a || b >= CPU_SETSIZE)
				return -EINVAL;
		}
		for (; a <= b; a++) {
			for (int i = 0; i < n; i++)
				if (cpus[i] == a)
					return -EINVAL;
			if (n == max)
				return -EINVAL;
			cpus[n++] = (int)a;
		}
		if (*end == ',' && end[1] != '\0')
			end++;
		else if (*end != '\0')
			return -EINVAL;
		s = end;
	}
	return n > 0 ? n : -EINVAL;
}

/* Decides the number of workers and their CPUs; 0 or -EINVAL with the reason logged. */
static int
workers_decide(const struct mp_config *conf, int *cpus)
{
	const char *opt_w = conf->opt_workers != NULL ? conf->opt_workers : "-w";
	const char *opt_l = conf->opt_cpulist != NULL ? conf->opt_cpulist : "-l";
	cpu_set_t allowed;
	int n;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		CPU_ZERO(&allowed);
	for (int i = 0; i < MP_MAXWORKERS; i++)
		cpus[i] = -1;
	if (conf->cpulist != NULL) {
		n = cpulist_parse(conf->cpulist, cpus, MP_MAXWORKERS);
		if (n < 0) {
			mp_log(MP_LOG_ERR, "%s %s: not a list of CPUs such as 1,3-5, each once, at most %d", opt_l,
			    conf->cpulist, MP_MAXWORKERS);
			return n;
		}
		for (int i = 0; i < n; i++)
			if (!CPU_ISSET(cpus[i], &allowed)) {
				mp_log(MP_LOG_ERR, "%s %s: CPU %d is not one this process may use", opt_l,
				    conf->cpulist, cpus[i]);
				return -EINVAL;
			}
		if (conf->nworkers != 0 && conf->nworkers != (unsigned)n) {
			mp_log(MP_LOG_ERR, "%s %u and %s %s (%d CPUs) disagree", opt_w, conf->nworkers, opt_l,
			    conf->cpulist, n);
			return -EINVAL;
		}
		mp_nworkers = n;
		return 0;
	}
	if (conf->nworkers > MP_MAXWORKERS) {
		mp_log(MP_LOG_ERR, "%s %u: at most %d workers", opt_w, conf->nworkers, MP_MAXWORKERS);
		return -EINVAL;
	}
	n = CPU_COUNT(&allowed) - 1;
	if (n > MP_MAXWORKERS)
		n = MP_MAXWORKERS;
	mp_nworkers = conf->nworkers != 0 ? conf->nworkers : (unsigned)(n > 1 ? n : 1);
	return 0;
}

/*
 * Control, and the threads it makes from here on, leave the workers' CPUs alone where others are left.  Without -l the
 * scheduler places them all.
 */
static void
control_place(const struct mp_config *conf, const int *cpus)
{
	cpu_set_t set;

	if (conf->cpulist == NULL || sched_getaffinity(0, sizeof(set), &set) != 0)
		return;
	for (unsigned i = 0; i < mp_nworkers; i++)
		CPU_CLR(cpus[i], &set);
	if (CPU_COUNT(&set) > 0 && sched_setaffinity(0, sizeof(set), &set) != 0)
		mp_log(MP_LOG_WARNING, "the control thread stays on the workers' CPUs: %s", strerror(errno));
}

/* Buffers of a thread's pool where nobody said: control sends little, and many workers share what four would have. */
static unsigned
pool_default(bool is_control)
{
	if (is_control)
		return MP_POOL_DEFAULT / 4;
	return mp_nworkers <= 4 ? MP_POOL_DEFAULT : MP_POOL_DEFAULT / 2;
}

static int
worker_create(unsigned id, bool is_control, int cpu, const struct mp_config *conf)
{
	struct worker *w = aligned_alloc(MP_CACHELINE, (sizeof(*w) + MP_CACHELINE - 1) & ~(size_t)(MP_CACHELINE - 1));
	struct epoll_event ev;
	int r;

	if (w == NULL)
		return -ENOMEM;
	memset(w, 0, sizeof(*w));
	lines_own(w, offsetof(struct worker, sources), is_control ? -1 : (int)id, "struct worker");
	lines_exempt(&w->asleep, MP_CACHELINE, "asleep");
	mp_workers[id] = w;
	w->id = id;
	w->is_control = is_control;
	w->cpu = cpu;
	w->tsc_ms = mp_tsc_hz / 1000;
	w->now = rte_rdtsc();
	w->now_ms = w->wheel_tick = w->now / w->tsc_ms;
	w->evfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	w->epfd = epoll_create1(EPOLL_CLOEXEC);
	w->txbuf = calloc(MP_MAXIF, sizeof(w->txbuf[0]));
	w->reinput = lines_zalloc(sizeof(struct pktvec));
	w->stages = lines_zalloc(sizeof(*w->stages));
	atomic_init(&w->sources, calloc(1, sizeof(struct mp_sourceset)));
	if (w->evfd < 0 || w->epfd < 0 || w->txbuf == NULL || w->reinput == NULL || w->stages == NULL ||
	    atomic_load_explicit(&w->sources, memory_order_relaxed) == NULL)
		return -ENOMEM;
	ev = (struct epoll_event){.events = EPOLLIN, .data.ptr = w};
	if (epoll_ctl(w->epfd, EPOLL_CTL_ADD, w->evfd, &ev) != 0)
		return -errno;
	r = mp_punt_worker(w);
	if (r == 0)
		r = mp_ring_init(&w->inbox, INBOX_SIZE);
	if (r == 0)
		r = mp_ring_init(&w->calls, is_control ? CALLS_SIZE * MP_MAXWORKERS : CALLS_SIZE);
	if (r == 0)
		r = mp_pool_create(w, conf->pool_buffers != 0 ? conf->pool_buffers : pool_default(is_control),
		    conf->buffer_size != 0 ? conf->buffer_size : 2048);
	return r;
}

static void
worker_destroy(struct worker *w)
{
	void *m;

	while (w->inbox.slots != NULL && mp_ring_get(&w->inbox, &m, 1) == 1)
		rte_pktmbuf_free(m);
	mp_ring_fini(&w->inbox);
	mp_ring_fini(&w->calls);
	free(atomic_load_explicit(&w->sources, memory_order_relaxed));
	for (unsigned i = 0; w->txbuf != NULL && i < MP_MAXIF; i++)
		free(w->txbuf[i]);
	free(w->txbuf);
	free(w->reinput);
	free(w->rx);
	free(w->stages);
	free(w->punt_parts);
	free(atomic_load_explicit(&w->gaps, memory_order_relaxed));
	if (w->epfd >= 0)
		close(w->epfd);
	if (w->evfd >= 0)
		close(w->evfd);
}

int
mp_start(const struct mp_config *conf, struct event_base *base)
{
	int cpus[MP_MAXWORKERS];
	int r;

	mp_base = base;
	mp_tsc_hz = rte_get_tsc_hz();
	r = workers_decide(conf, cpus);
	if (r == 0)
		control_place(conf, cpus);
	if (r == 0)
		r = mp_pool_init();
	if (r == 0)
		r = mp_grace_init();
	if (r == 0)
		r = mp_punt_init();
	for (unsigned i = 0; r == 0 && i <= mp_nworkers; i++)
		r = worker_create(i, i == mp_nworkers, i == mp_nworkers ? -1 : cpus[i], conf);
	if (r != 0)
		return r;
	for (unsigned i = 0; i < mp_nworkers; i++)
		call_queue[i].tail = &call_queue[i].wait;
	mp_self = mp_control();
	lines_thread(-1);
	atomic_store_explicit(&mp_self->asleep, 1, memory_order_relaxed);
	bell_event = event_new(base, mp_self->evfd, EV_READ | EV_PERSIST, control_bell, NULL);
	if (bell_event == NULL || event_add(bell_event, NULL) != 0)
		return -ENOMEM;
	return 0;
}

int
mp_run(void)
{
	ASSERT_CONTROL();
	lines_begin();
	for (unsigned i = 0; i < mp_nworkers; i++) {
		int r = pthread_create(&worker_thread[i], NULL, mp_worker_main, mp_workers[i]);
		char name[16];

		if (r != 0) {
			mp_log(MP_LOG_ERR, "worker %u: %s", i, strerror(r));
			return -r;
		}
		/* here, so that who talks to control finds the thread by its name, however late the thread runs */
		snprintf(name, sizeof(name), "worker%u", i);
		pthread_setname_np(worker_thread[i], name);
	}
	workers_running = true;
	return 0;
}

/* The order: workers stop (nobody reads any more); deferred frees run; packets in rings are freed; pools go last. */
void
mp_stop(void)
{
	uint64_t v = 1;

	mp_slices_fini();
	atomic_store_explicit(&mp_stopping, true, memory_order_release);
	for (unsigned i = 0; workers_running && i < mp_nworkers; i++) {
		if (write(mp_workers[i]->evfd, &v, sizeof(v)) < 0)
			continue;
	}
	for (unsigned i = 0; workers_running && i < mp_nworkers; i++)
		pthread_join(worker_thread[i], NULL);
	workers_running = false;
	mp_helper_fini();
	mp_grace_fini();
	event_free(bell_event);
	mp_punt_fini();
	for (unsigned i = 0; i <= mp_nworkers; i++)
		worker_destroy(mp_workers[i]);
	for (unsigned i = 0; i <= mp_nworkers; i++)
		mp_pool_destroy(mp_workers[i]);
	for (unsigned i = 0; i <= mp_nworkers; i++) {
		free(mp_workers[i]);
		mp_workers[i] = NULL;
	}
	mp_self = NULL;
}
