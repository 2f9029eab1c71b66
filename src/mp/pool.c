/* SPDX-License-Identifier: BSD-2-Clause */
/* Packet buffers: one private pool per thread; a buffer freed elsewhere goes home through a ring. */
/*
 * Synchronization: the stack belongs to the pool's owner alone.  Any other thread that frees a buffer puts it into the
 * home ring, which is as large as the pool and so never full; the owner empties it when its stack runs low.  A thread
 * that is none of ours allocates only from what the owner granted it (mp_helper_run_granted).
 * Lifetime: pools live from mp_start to mp_stop.  The memory is our own mapping: huge pages where there are some.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "mp/mp_internal.h"
#include "mp/pool.h"

#define HUGE_2M (2u << 20)

struct mp_pool {
	_Atomic uint32_t n;   /* [w] buffers on the stack; control reads it for display */
	struct worker *owner; /* [I] */
	uint32_t size;	      /* [I] */
	struct mp_ring home;
	void *map;     /* [I] */
	size_t maplen; /* [I] */
	bool huge;     /* [I] */
	void *stack[]; /* [w] */
};

/* What a helper thread may allocate: set up around its function. */
static _Thread_local struct {
	struct mp_pool *pool[PORT_GRANTS];
	void **objs[PORT_GRANTS];
	unsigned n[PORT_GRANTS], room[PORT_GRANTS];
	unsigned count;
} grants;

static int
pool_alloc(struct rte_mempool *mp)
{
	struct mp_pool *p = lines_zalloc(sizeof(*p) + (size_t)mp->size * sizeof(void *));

	if (p == NULL)
		return -ENOMEM;
	if (mp_ring_init(&p->home, mp->size) != 0) {
		free(p);
		return -ENOMEM;
	}
	p->size = mp->size;
	p->owner = mp->pool_config;
	mp->pool_data = p;
	return 0;
}

static void
pool_free(struct rte_mempool *mp)
{
	struct mp_pool *p = mp->pool_data;

	if (p == NULL)
		return; /* there was no memory for it */
	mp_ring_fini(&p->home);
	free(p);
}

static int
pool_grant_of(const struct mp_pool *p)
{
	for (unsigned i = 0; i < grants.count; i++)
		if (grants.pool[i] == p)
			return i;
	return -1;
}

/* A thread that is not the owner frees: into the grant that it took from, else home. */
static __attribute__((noinline)) int
pool_enqueue_home(struct mp_pool *p, void *const *objs, unsigned n)
{
	int g;

	if (grants.count > 0 && (g = pool_grant_of(p)) >= 0)
		while (n > 0 && grants.n[g] < grants.room[g])
			grants.objs[g][grants.n[g]++] = objs[--n];
	if (n > 0 && mp_ring_put(&p->home, objs, n) != n)
		return -ENOBUFS; /* cannot be: the ring holds the whole pool */
	return 0;
}

/* Drivers free and allocate through these, often one buffer at a time: what is not the owner's stack is elsewhere. */
static int
pool_enqueue(struct rte_mempool *mp, void *const *objs, unsigned n)
{
	struct mp_pool *p = mp->pool_data;
	uint32_t k;

	if (unlikely(mp_self != p->owner))
		return pool_enqueue_home(p, objs, n);
	k = atomic_load_explicit(&p->n, memory_order_relaxed);
	for (unsigned i = 0; i < n; i++)
		p->stack[k + i] = objs[i];
	atomic_store_explicit(&p->n, k + n, memory_order_relaxed);
	return 0;
}

/* => the owner; fetches what came home */
static __attribute__((noinline)) uint32_t
pool_refill(struct mp_pool *p, uint32_t k)
{
	k += mp_ring_get(&p->home, p->stack + k, p->size - k);
	atomic_store_explicit(&p->n, k, memory_order_relaxed);
	return k;
}

static __attribute__((noinline)) int
pool_dequeue_granted(struct mp_pool *p, void **objs, unsigned n)
{
	int g;

	if (grants.count == 0 || (g = pool_grant_of(p)) < 0 || grants.n[g] < n)
		return -ENOENT;
	for (unsigned i = 0; i < n; i++)
		objs[i] = grants.objs[g][--grants.n[g]];
	return 0;
}

static int
pool_dequeue(struct rte_mempool *mp, void **objs, unsigned n)
{
	struct mp_pool *p = mp->pool_data;
	uint32_t k;

	if (unlikely(mp_self != p->owner))
		return pool_dequeue_granted(p, objs, n);
	k = atomic_load_explicit(&p->n, memory_order_relaxed);
	if (unlikely(k < n) && (k = pool_refill(p, k)) < n)
		return -ENOENT;
	for (unsigned i = 0; i < n; i++)
		objs[i] = p->stack[--k];
	atomic_store_explicit(&p->n, k, memory_order_relaxed);
	return 0;
}

static unsigned
pool_count(const struct rte_mempool *mp)
{
	struct mp_pool *p = mp->pool_data;
	uint32_t tail = atomic_load_explicit(&p->home.tail, memory_order_relaxed);
	uint32_t head = atomic_load_explicit(&p->home.head, memory_order_relaxed);

	return atomic_load_explicit(&p->n, memory_order_relaxed) + (tail - head);
}

static const struct rte_mempool_ops pool_ops = {
    .name = "smpnet",
    .alloc = pool_alloc,
    .free = pool_free,
    .enqueue = pool_enqueue,
    .dequeue = pool_dequeue,
    .get_count = pool_count,
};

/* => control, once, before the first pool; 0 or -errno */
int
mp_pool_init(void)
{
	int r = rte_mempool_register_ops(&pool_ops);

	return r < 0 && r != -EEXIST ? r : 0;
}

static void *
pool_map(size_t *len, bool *huge)
{
	size_t n = (*len + HUGE_2M - 1) & ~(size_t)(HUGE_2M - 1);
	void *p;

	*len = n;
	*huge = true;
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
	if (p != MAP_FAILED)
		return p;
	*huge = false;
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, n, MADV_HUGEPAGE);
	return p;
}

int
mp_pool_create(struct worker *w, unsigned n, unsigned buffer_size)
{
	struct rte_pktmbuf_pool_private priv = {.mbuf_data_room_size = buffer_size + RTE_PKTMBUF_HEADROOM};
	size_t min_chunk, align, len;
	struct rte_mempool *mp;
	struct mp_pool *p;
	char name[32];
	ssize_t need;
	void *map;
	bool huge;
	int r;

	snprintf(name, sizeof(name), "smpnet.%u", w->id);
	/* Addresses are virtual (mp_eal_init): buffers may lie across small pages, which halves what a pool takes. */
	mp = rte_mempool_create_empty(name, n, sizeof(struct rte_mbuf) + priv.mbuf_data_room_size, 0, sizeof(priv),
	    SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	if (mp == NULL) {
		mp_log(MP_LOG_ERR, "packet pool: %s", rte_strerror(rte_errno));
		return -rte_errno;
	}
	r = rte_mempool_set_ops_byname(mp, "smpnet", w);
	if (r != 0)
		goto fail;
	rte_pktmbuf_pool_init(mp, &priv);
	need = rte_mempool_op_calc_mem_size_default(mp, n, 0, &min_chunk, &align);
	if (need < 0) {
		r = (int)need;
		goto fail;
	}
	len = (size_t)need + align;
	map = pool_map(&len, &huge);
	if (map == NULL) {
		r = -ENOMEM;
		goto fail;
	}
	r = rte_mempool_populate_virt(mp, map, len, 4096, NULL, NULL);
	if (r < 0 || (unsigned)r < n) {
		munmap(map, len);
		r = r < 0 ? r : -ENOMEM;
		goto fail;
	}
	rte_mempool_obj_iter(mp, rte_pktmbuf_init, NULL);
	lines_pool(map, len, (size_t)mp->elt_size, w->is_control ? -1 : w->id, "packet buffers");
	p = mp->pool_data;
	p->map = map;
	p->maplen = len;
	p->huge = huge;
	w->pool = mp;
	w->mp_pool = p;
	return 0;
fail:
	rte_mempool_free(mp);
	mp_log(MP_LOG_ERR, "packet pool of %u buffers of %u octets: %s", n, buffer_size, strerror(-r));
	return r;
}

void
mp_pool_destroy(struct worker *w)
{
	void *map;
	size_t len;

	if (w->pool == NULL)
		return;
	map = w->mp_pool->map;
	len = w->mp_pool->maplen;
	rte_mempool_free(w->pool);
	munmap(map, len);
	w->pool = NULL;
	w->mp_pool = NULL;
}

unsigned
mp_pool_free_count(const struct worker *w)
{
	return pool_count(w->pool);
}

unsigned
mp_pool_size(const struct worker *w)
{
	return w->mp_pool->size;
}

bool
mp_pool_huge(const struct worker *w)
{
	return w->mp_pool->huge;
}

/* => the owner; takes up to n buffers off the pool for a grant */
unsigned
mp_pool_take(struct mp_pool *p, void **objs, unsigned n)
{
	uint32_t k = atomic_load_explicit(&p->n, memory_order_relaxed);

	MP_ASSERT(mp_self == p->owner);
	if (k < n)
		k = pool_refill(p, k);
	if (n > k)
		n = k;
	for (unsigned i = 0; i < n; i++) {
		objs[i] = p->stack[--k];
		lines_give(objs[i]);
	}
	atomic_store_explicit(&p->n, k, memory_order_relaxed);
	return n;
}

/* => helper thread; allocation from the pool takes from objs until mp_grant_end */
void
mp_grant_begin(struct mp_pool *p, void **objs, unsigned n)
{
	unsigned g = grants.count++;

	lines_adopt(objs, n * sizeof(objs[0]));
	for (unsigned i = 0; i < n; i++)
		lines_take(objs[i]);

	grants.pool[g] = p;
	grants.objs[g] = objs;
	grants.n[g] = grants.room[g] = n;
}

/* => helper thread; what is left goes home */
void
mp_grant_end(void)
{
	for (unsigned g = 0; g < grants.count; g++)
		if (grants.n[g] > 0)
			mp_ring_put(&grants.pool[g]->home, grants.objs[g], grants.n[g]);
	grants.count = 0;
}
