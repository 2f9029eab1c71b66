/* SPDX-License-Identifier: BSD-2-Clause */
/* What the engine's own files share. */
#ifndef SMPNET_MP_INTERNAL_H
#define SMPNET_MP_INTERNAL_H

#include "mp/mp.h"

struct rte_rcu_qsbr;

/*
 * The set of a worker's sources: replaced as a whole.  Where there is no memory to take a source away, a source that does
 * nothing takes its place in the set.
 */
struct mp_sourceset {
	struct mp_deferred deferred;	   /* [c] */
	unsigned n;			   /* [I] */
	_Atomic(struct mp_source *) src[]; /* [a] */
};

/* => the worker or control */
static inline struct mp_source *
mp_sourceset_get(struct mp_sourceset *set, unsigned i)
{
	return atomic_load_explicit(&set->src[i], memory_order_acquire);
}

extern struct rte_rcu_qsbr *mp_qsbr; /* [I] */
extern _Atomic bool mp_stopping;     /* [a] */
extern _Atomic int mp_awake_us;	     /* [c] how long a worker that has no work stays awake */

/* pool.c */
struct rte_mempool;
/* => control; a pool of n buffers owned by the thread; 0 or -errno with the reason logged */
int mp_pool_create(struct worker *, unsigned n, unsigned buffer_size);
void mp_pool_destroy(struct worker *);
void mp_grant_begin(struct mp_pool *, void **objs, unsigned n);
void mp_grant_end(void);
unsigned mp_pool_take(struct mp_pool *, void **objs, unsigned n);

/* worker.c */
void *mp_worker_main(void *);
unsigned mp_worker_turn(struct worker *);

/* timer.c */
unsigned mp_timer_run(struct worker *, uint64_t now_ms);
int mp_timer_next(struct worker *);

/* control side */
#define MP_GRACE_BATCH 1024 /* deferred functions that run in one turn of control */
int mp_grace_init(void);
void mp_grace_fini(void);
int mp_punt_init(void);
/* => control, at start; what a worker needs to punt; 0 or -ENOMEM */
int mp_punt_worker(struct worker *);
void mp_punt_fini(void);
bool mp_punt_drain(void);
bool mp_punt_pending(void);
void mp_helper_fini(void);
void mp_helper_drain(void);
bool mp_helper_ready(void);
void mp_call_completed(struct mp_call *);

#endif
