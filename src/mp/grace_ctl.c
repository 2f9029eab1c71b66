/* SPDX-License-Identifier: BSD-2-Clause */
/* Grace periods and deferred free. */
/*
 * Synchronization: control alone.  Workers report quiescence once a loop (worker.c); a grace period is begun once the
 * current turn of the event loop is over, so that a batch shares it, and is checked from a timer, never waited for.  What
 * its end sets free is freed in pieces, MP_GRACE_BATCH in a turn at most; the next period runs meanwhile.
 * Lifetime: what is deferred belongs to this file until its function is called.
 */
#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>
#include <rte_rcu_qsbr.h>

#include "mp/mp_internal.h"
#include "mp/slice.h"

struct rte_rcu_qsbr *mp_qsbr;

static struct mp_deferred *grace_next, **grace_next_tail = &grace_next; /* [c] wait for a grace period to begin */
static struct mp_deferred *grace_cur, **grace_cur_tail;			/* [c] wait for grace_token */
static struct mp_deferred *grace_done, **grace_done_tail = &grace_done; /* [c] their period is over */
static uint64_t grace_token;						/* [c] */
static struct event *grace_event;					/* [c] */
static unsigned grace_pending;						/* [c] */

static void
grace_run_one(void)
{
	struct mp_deferred *d = grace_done;

	grace_done = d->next;
	if (grace_done == NULL)
		grace_done_tail = &grace_done;
	grace_pending--;
	d->fn(d);
}

/* A piece of what may be freed */
static void
grace_run(void)
{
	mp_slice_begin();
	for (unsigned n = 1; grace_done != NULL; n++) {
		grace_run_one();
		if (n == MP_GRACE_BATCH || (n % 16 == 0 && mp_slice_over()))
			break;
	}
}

static void
grace_over(void)
{
	*grace_done_tail = grace_cur;
	grace_done_tail = grace_cur_tail;
	grace_cur = NULL;
}

static void
grace_begin(void)
{
	grace_cur = grace_next;
	grace_cur_tail = grace_next_tail;
	grace_next = NULL;
	grace_next_tail = &grace_next;
}

static void
grace_arm(long usec)
{
	struct timeval tv = {.tv_usec = usec};

	event_add(grace_event, &tv);
}

static void
grace_step(evutil_socket_t fd, short what, void *arg)
{
	bool wait = false;

	if (grace_cur != NULL) {
		wait = rte_rcu_qsbr_check(mp_qsbr, grace_token, false) == 0;
		if (!wait)
			grace_over();
	}
	grace_run();
	if (grace_cur == NULL && grace_next != NULL) {
		grace_begin();
		grace_token = rte_rcu_qsbr_start(mp_qsbr);
	}
	if (grace_cur != NULL || grace_done != NULL)
		grace_arm(wait && grace_done == NULL ? 500 : 0);
}

void
mp_defer(struct mp_deferred *d, void (*fn)(struct mp_deferred *))
{
	ASSERT_CONTROL();
	d->fn = fn;
	d->next = NULL;
	*grace_next_tail = d;
	grace_next_tail = &d->next;
	grace_pending++;
	if (!event_pending(grace_event, EV_TIMEOUT, NULL))
		grace_arm(0);
}

unsigned
mp_deferred_pending(void)
{
	return grace_pending;
}

int
mp_grace_init(void)
{
	size_t size = rte_rcu_qsbr_get_memsize(MP_MAXTHREADS);

	mp_qsbr =
	    aligned_alloc(RTE_CACHE_LINE_SIZE, (size + RTE_CACHE_LINE_SIZE - 1) & ~(size_t)(RTE_CACHE_LINE_SIZE - 1));
	if (mp_qsbr == NULL || rte_rcu_qsbr_init(mp_qsbr, MP_MAXTHREADS) != 0)
		return -ENOMEM;
	for (unsigned i = 0; i < mp_nworkers; i++)
		rte_rcu_qsbr_thread_register(mp_qsbr, i);
	grace_event = event_new(mp_base, -1, 0, grace_step, NULL);
	return grace_event == NULL ? -ENOMEM : 0;
}

/* => control, workers stopped: runs everything that is left, also what that defers in its turn */
void
mp_grace_fini(void)
{
	while (grace_done != NULL || grace_cur != NULL || grace_next != NULL) {
		while (grace_done != NULL)
			grace_run_one();
		if (grace_cur == NULL && grace_next != NULL)
			grace_begin();
		if (grace_cur != NULL)
			grace_over();
	}
	event_free(grace_event);
	free(mp_qsbr);
}
