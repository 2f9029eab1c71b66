/* SPDX-License-Identifier: BSD-2-Clause */
/* Doubles of the engine for the tests of src/route. */
#include "mp/slice.h"
#include "route_double.h"
#include "ip6/nd_if.h"

struct worker *mp_workers[MP_MAXTHREADS];
unsigned mp_nworkers;
_Thread_local struct worker *mp_self;
_Atomic int mp_log_level;
_Atomic uint64_t double_quiet[MP_MAXTHREADS];
unsigned double_nreaders;

static struct mp_deferred *waiting, **waiting_tail = &waiting;
static struct mp_deferred *batch;
static uint64_t batch_quiet[MP_MAXTHREADS];
static uint64_t seed = 88172645463325252ull;

void
double_init(void)
{
	for (unsigned i = 0; i < 2; i++) {
		if (mp_workers[i] == NULL)
			mp_workers[i] = aligned_alloc(MP_CACHELINE, (sizeof(struct worker) + 63) & ~63ul);
		memset(mp_workers[i], 0, sizeof(struct worker));
		mp_workers[i]->id = i;
	}
	mp_nworkers = 1;
	mp_workers[1]->is_control = true;
	mp_self = mp_workers[1];
	double_nreaders = 0;
}

void
mp_defer(struct mp_deferred *d, void (*fn)(struct mp_deferred *))
{
	d->next = NULL;
	d->fn = fn;
	*waiting_tail = d;
	waiting_tail = &d->next;
}

/* Slices: the tests say when they run. */
static TAILQ_HEAD(, mp_slice) slices = TAILQ_HEAD_INITIALIZER(slices);
static unsigned slice_looks;

void
mp_slice_add(struct mp_slice *s)
{
	if (!s->queued)
		TAILQ_INSERT_TAIL(&slices, s, list);
	s->queued = true;
}

void
mp_slice_remove(struct mp_slice *s)
{
	if (s->queued)
		TAILQ_REMOVE(&slices, s, list);
	s->queued = false;
}

void
mp_slice_begin(void)
{
	slice_looks = 0;
}

bool
mp_slice_over(void)
{
	return ++slice_looks >= 4;
}

bool
mp_slices_run(void)
{
	struct mp_slice *s = TAILQ_FIRST(&slices);

	if (s == NULL)
		return false;
	mp_slice_remove(s);
	mp_slice_begin();
	if (s->step(s))
		mp_slice_add(s);
	return !TAILQ_EMPTY(&slices);
}

void
mp_slices_finish(void)
{
	while (mp_slices_run())
		continue;
}

void
double_poll(void)
{
	for (unsigned i = 0; batch != NULL && i < double_nreaders; i++)
		if (atomic_load_explicit(&double_quiet[i], memory_order_acquire) <= batch_quiet[i])
			return;
	while (batch != NULL) {
		struct mp_deferred *d = batch;

		batch = d->next;
		d->fn(d);
	}
	batch = waiting;
	waiting = NULL;
	waiting_tail = &waiting;
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < double_nreaders; i++)
		batch_quiet[i] = atomic_load_explicit(&double_quiet[i], memory_order_acquire);
}

void
double_drain(void)
{
	double_nreaders = 0;
	while (batch != NULL || waiting != NULL)
		double_poll();
}

#ifdef SMPNET_DEBUG
void
mp_assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: assertion %s failed\n", file, line, what);
	abort();
}
#endif

void
mp_log(int level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

uint64_t
double_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545F4914F6CDD1Dull >> 16;
}

void
double_seed(uint64_t s)
{
	seed = s | 1;
}

uint32_t
nd_if_mtu(const struct ifnet *ifp)
{
	return ifp->if_mtu;
}
