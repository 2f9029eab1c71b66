/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MP engine: threads, quiescence and grace periods, rings between threads, timers, counters.
 *
 * Tags on members of shared structs, one legend for the whole tree:
 *	[I] immutable after publish	[a] atomic word		[w] owner thread only
 *	[c] control thread only		[r] RCU pointer, written by control
 */
#ifndef SMPNET_MP_H
#define SMPNET_MP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_cycles.h>

#include "mp/ring.h"
#include "mp/stage.h"

#define MP_MAXWORKERS 32
#define MP_MAXTHREADS (MP_MAXWORKERS + 1) /* the workers and control */
#define MP_CACHELINE  64
#define MP_MAXIF      16384 /* interface indexes: 1 .. MP_MAXIF-1 */

struct rte_mbuf;
struct rte_mempool;
struct event_base;
struct pktvec;
struct mp_txbuf;
struct pkt_tracer;
struct mp_rxvec;

enum mp_counter {
#define COUNTER(sym, group, text) C_##sym,
#include "mp/counters.def"
#undef COUNTER
	C_COUNT
};

enum mp_drop {
#define DROP(sym, text) DROP_##sym,
#include "pkt/drops.def"
#undef DROP
	DROP_COUNT
};

/* Classes of packets and messages from workers to control; each has its ring and its rate limit (mp_punt). */
enum mp_class {
	/* shared out among those who send (mp_punt_from) */
	PUNT_ARP,     /* ARP */
	PUNT_ND,      /* neighbour discovery */
	PUNT_RESOLVE, /* a packet that waits for its neighbour (meta.nh, or glean) */
	PUNT_FRAG,    /* fragments addressed to us */
	PUNT_MCAST,   /* IGMP, MLD */
	PUNT_ICMP,    /* ICMP and ICMPv6 to us that the workers do not answer */
	PUNT_SHARED,
	/* not */
	PUNT_LOCAL = PUNT_SHARED, /* everything else addressed to us */
	PUNT_CAPTURE,		  /* copies for capture streams */
	PUNT_COUNT
};

/* A worker's source of packets: one receive queue.  Owned by the device that registered it. */
struct mp_source {
	/* => worker; takes up to one vector and carries it through the stack, at the latest in mp_hooks.receive; returns
	 * packets taken */
	unsigned (*poll)(struct worker *, struct mp_source *);
	/* => worker, before it sleeps: ask to be woken through fd; true if work is already there. May be NULL. */
	bool (*arm)(struct worker *, struct mp_source *);
	/* => worker, after it woke. May be NULL. */
	void (*disarm)(struct worker *, struct mp_source *);
	int fd;	   /* [I] pollable (level-triggered), or -1: looked at by the slow tick */
	void *arg; /* [I] */
};

/* A worker-local timer on the wheel of the worker that owns it; 1 ms granularity. */
struct mp_timer {
	struct mp_timer *next, **pprev; /* [w] */
	uint64_t tick;			/* [w] when */
	void (*fn)(struct worker *, struct mp_timer *);
};

/* Memory to be reclaimed after a grace period; embed it in what is to be freed. */
struct mp_deferred {
	struct mp_deferred *next; /* [c] */
	void (*fn)(struct mp_deferred *);
	uint64_t token; /* [c] */
};

/* One call on a worker on behalf of control; embed it. */
struct mp_call {
	/* fn may be NULL when done alone is wanted */
	void (*fn)(struct worker *, struct mp_call *); /* runs on the worker */
	void (*done)(struct mp_call *);		       /* runs on control afterwards; may free; may be NULL */
	struct mp_call *next;			       /* [c] */
	uint16_t worker;			       /* [c] */
};

#define MP_WHEEL 4096

/*
 * One per thread that owns packets: the workers (id 0 .. mp_nworkers-1) and control (id mp_nworkers).
 * Allocated once at start, never freed while the process runs.
 */
struct worker {
	/* first lines: written by the owner only */
	uint64_t counters[C_COUNT];	   /* [w] read by control without synchronization (single words) */
	uint64_t drops[DROP_COUNT];	   /* [w] likewise */
	uint64_t punt_passed[PUNT_COUNT];  /* [w] packets given to control */
	uint64_t punt_refused[PUNT_COUNT]; /* [w] those over the class's rate */
	uint64_t punt_full[PUNT_COUNT];	   /* [w] those that found its ring full, or nobody to receive them */
	uint64_t drops_nobuf;		   /* [w] allocations that found the pool empty: no packet came to be */
	uint32_t watch;			   /* [w] MP_WATCH_*: who looks at the stages; set by calls from control */
	bool busy;			   /* [w] the last turn found work */
	uint64_t now;			   /* [w] TSC, once per loop */
	uint64_t now_ms;		   /* [w] ms of TSC time, when it last changed */
	uint64_t next_ms;		   /* [w] TSC at which now_ms changes */
	uint64_t tsc_ms;		   /* [I] TSC cycles a millisecond */
	uint64_t cycles_busy;		   /* [w] TSC cycles spent in loops that found work, but the present one */
	uint64_t vectors; /* [w] polls of a source that brought something: received / vectors is the mean vector */
	uint64_t loops;	  /* [w] */
	uint64_t sleeps;  /* [w] */
	struct rte_mempool *pool;  /* [I] the thread's own buffers */
	struct mp_pool *mp_pool;   /* [I] its private side */
	uint16_t id;		   /* [I] */
	bool is_control;	   /* [I] */
	int cpu;		   /* [I] or -1 where not pinned */
	struct mp_stages *stages;  /* [I] cycles by stage */
	struct pkt_tracer *tracer; /* [w] NULL: no packet is traced; set by calls from control */

	struct mp_txbuf **txbuf; /* [w] by interface index, made on first use */
	uint16_t txdirty[256];	 /* [w] interfaces whose buffer is not empty */
	uint16_t ntxdirty;	 /* [w] */
	struct pktvec *reinput;	 /* [w] decapsulated packets, run when the caller has returned */
	struct mp_rxvec *rx;	 /* [w] frames of this turn's polls; made by the interfaces' code before mp_run */
	uint16_t nrx;		 /* [w] how many; 0 at the end of a turn */
	void *proto[16];	 /* [w] per-worker state of protocols, by enum mp_proto_slot; set before start */

	uint64_t wheel_tick;		  /* [w] */
	uint32_t wheel_count;		  /* [w] timers set */
	struct mp_timer *wheel[MP_WHEEL]; /* [w] */
	uint64_t punt_tokens[PUNT_COUNT]; /* [w] token bucket: TSC of the emptied bucket */
	struct punt_parts *punt_parts;	  /* [w] those of interfaces and hosts */

	/* what control writes while the worker runs */
	_Alignas(MP_CACHELINE) struct mp_sourceset *_Atomic sources; /* [r] receive queues */
	struct mp_gaps *_Atomic gaps;				     /* [r] gaps between polls; NULL: nobody asks */
	int epfd;						     /* [I] */
	int evfd;						     /* [I] wakes the thread */

	_Alignas(MP_CACHELINE) _Atomic uint32_t asleep; /* [a] set by the owner, cleared by the owner */
	_Alignas(
	    MP_CACHELINE) struct mp_ring inbox; /* packets handed to this thread: meta.stage says where they go on */
	struct mp_ring calls;			/* struct mp_call from control */
};

enum mp_proto_slot { MP_SLOT_IP, MP_SLOT_IP6, MP_SLOT_NEIGH, MP_SLOT_DEV };

extern struct worker *mp_workers[MP_MAXTHREADS]; /* [I] after start; [mp_nworkers] is control's */
extern unsigned mp_nworkers;			 /* [I] */
extern uint64_t mp_tsc_hz;			 /* [I] */
extern struct event_base *mp_base;		 /* [I] control's event loop, from mp_start on */
extern _Thread_local struct worker *mp_self;	 /* the calling thread's, NULL on helper threads */

/* => any thread; the clock that counts mp_tsc_hz ticks a second, for what w->now is too coarse for */
static inline uint64_t
mp_tsc(void)
{
	return rte_rdtsc();
}

static inline struct worker *
mp_control(void)
{
	return mp_workers[mp_nworkers];
}

#ifdef SMPNET_DEBUG
void mp_assert_failed(const char *what, const char *file, int line) __attribute__((noreturn));
#define MP_ASSERT(e) ((e) ? (void)0 : mp_assert_failed(#e, __FILE__, __LINE__))
#else
#define MP_ASSERT(e) ((void)sizeof(e))
#endif
#define ASSERT_CONTROL() MP_ASSERT(mp_self != NULL && mp_self->is_control)
#define ASSERT_WORKER()	 MP_ASSERT(mp_self != NULL && !mp_self->is_control)

struct mp_config {
	unsigned nworkers;		       /* 0: the CPUs the process may use less one, at least one */
	const char *cpulist;		       /* -l, or NULL */
	const char *opt_workers, *opt_cpulist; /* what the program calls them, for messages; NULL: -w, -l */
	unsigned pool_buffers;		       /* per thread; 0: MP_POOL_DEFAULT */
	unsigned buffer_size;		       /* data room less headroom; 0: 2048 */
};
#define MP_POOL_DEFAULT 16384 /* of a worker, one of four at most; mp_ctl.c */

/* => control, at start; EAL is up, base is control's event loop.  0 or -errno, with the reason logged. */
int mp_start(const struct mp_config *, struct event_base *base);
/* => control; workers begin to poll.  After every protocol has set its per-worker state. */
int mp_run(void);
/* => control; joins the workers, runs what was deferred, frees the pools */
void mp_stop(void);

/*
 * What the engine calls above itself: set by main before mp_run (the engine knows no protocol).
 * receive: w->nrx is not 0; resume: packets from the inbox; reinput: w->reinput is not empty; flush: w->ntxdirty is
 * not 0.
 */
struct mp_hooks {
	void (*receive)(struct worker *);
	void (*resume)(struct worker *, struct rte_mbuf **, unsigned n);
	void (*reinput)(struct worker *);
	void (*flush)(struct worker *);
};
extern struct mp_hooks mp_hooks; /* [I] after mp_run */

/*
 * => control; runs fn after a grace period, from the event loop, in the order of the calls, some in each turn.  Never
 *    blocks; a batch shares a grace period.
 */
void mp_defer(struct mp_deferred *, void (*fn)(struct mp_deferred *));
/* => control; number of deferred frees that have not run */
unsigned mp_deferred_pending(void);
/* => control; helper jobs that have not come back; sources of a worker */
unsigned mp_helper_pending(void);
unsigned mp_source_count(const struct worker *);
/* => control; runs call->fn on the worker, then call->done on control.  Never fails: waits in a list when the ring is
 * full. */
void mp_call(struct worker *, struct mp_call *);
/* => control; a source of the worker's from now on; 0 or -errno */
int mp_source_add(struct worker *, struct mp_source *);
/* => control; never fails; the source may be polled until a grace period has passed */
void mp_source_remove(struct worker *, struct mp_source *);

/*
 * => any packet-owning thread; hands packets to another thread's inbox.  Takes all: what does not fit is dropped
 * (DROP_RING_FULL).  meta.stage names the stage that goes on there.  One wake-up per call, if the peer sleeps.
 */
void mp_handoff(struct worker *self, struct worker *to, struct rte_mbuf **, unsigned n);
/* => worker; gives a packet to control under its class's rate limit.  Takes it. */
void mp_punt(struct worker *, enum mp_class, struct rte_mbuf *);
/*
 * => worker; the same for a class up to PUNT_SHARED: of what an interface (meta.iif) or a host on it (any 32 bits that
 *    name it) sends, some always passes, whatever others send
 */
void mp_punt_from(struct worker *, enum mp_class, struct rte_mbuf *, uint32_t host);
/* => worker; the same, but of what its host or its interface has of its own alone; false: not taken */
bool mp_punt_part(struct worker *, enum mp_class, struct rte_mbuf *, uint32_t host);
/* => control, at start; who receives the class.  The function takes the packet. */
void mp_punt_register(enum mp_class, void (*fn)(struct rte_mbuf *), uint32_t per_second, uint32_t burst);
const char *mp_punt_name(enum mp_class);
/* => any thread; wakes the thread if it declared itself asleep */
void mp_wake(struct worker *);

/* => worker (the timer's owner) */
void mp_timer_set(struct worker *, struct mp_timer *, uint32_t ms);
void mp_timer_stop(struct worker *, struct mp_timer *);

/* => any thread; milliseconds since start by the monotonic clock */
uint64_t mp_now_ms(void);

/* => control; the sum over all threads */
uint64_t mp_counter_sum(enum mp_counter);
uint64_t mp_drop_sum(enum mp_drop);
const char *mp_counter_group(enum mp_counter);
const char *mp_counter_text(enum mp_counter);
const char *mp_counter_name(enum mp_counter);
const char *mp_drop_text(enum mp_drop);
const char *mp_drop_name(enum mp_drop);

/*
 * Work that blocks (probing a device, resolving a name): fn runs on a helper thread, done on control afterwards.
 * => control; 0 or -errno
 */
int mp_helper_run(void (*fn)(void *), void (*done)(void *), void *arg);

/*
 * Buffers for a thread that is none of ours (a helper thread filling a device's receive ring from a worker's pool):
 * the owner hands n buffers over; fn then runs on a helper thread, where allocation from that pool takes from the
 * grant; what is left goes home.  => control.
 */
struct mp_grant_request {
	struct worker *of;
	unsigned n;
};
int mp_helper_run_granted(
    const struct mp_grant_request *, unsigned nreq, void (*fn)(void *), void (*done)(void *), void *arg);

/* Logging: levels, rate-limited, to standard error.  => any thread but a worker on its packet path */
enum { MP_LOG_ERR, MP_LOG_WARNING, MP_LOG_INFO, MP_LOG_DEBUG };
extern _Atomic int mp_log_level;
void mp_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * => the word's one writer; adds to a counter that others read as it is.  A relaxed store, so that compilers and
 * sanitizers know of the reader; it costs what an ordinary one does.
 */
static inline void
mp_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* => any thread; a counter of another thread's */
static inline uint64_t
mp_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#define COUNT(w, c)	   mp_add(&(w)->counters[C_##c], 1)
#define COUNT_ADD(w, c, n) mp_add(&(w)->counters[C_##c], (n))

#endif
