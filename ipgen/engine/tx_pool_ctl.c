/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buffers that only sending uses: who takes one from the pool finds what it put there the last time, if the port's driver
 * does not write to what it sends (tx_keeps in tx_ctl.c).
 *
 * Synchronization: control makes the pools before the workers run; then each is its worker's, and buffers that others free
 * come home as those of any pool (src/mp/pool.c).
 * Lifetime: from tx_pool_init to tx_pool_fini, when no device holds a buffer any more.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "ipgen/engine/tx_var.h"
#include "pkt/pkt.h"

#define TX_BUFFERS 8192 /* of a worker, where nobody said */
#define TX_RING	   1024 /* descriptors of a transmit queue (dev/ethdev_setup.c) */

static struct tx_pool {
	struct rte_mempool *pool; /* [I] */
	void *map;		  /* [I] */
	size_t len;		  /* [I] */
} pools[MP_MAXWORKERS];

static int
pool_make(struct tx_pool *p, struct worker *w, unsigned n, unsigned room)
{
	struct rte_pktmbuf_pool_private priv = {.mbuf_data_room_size = room + RTE_PKTMBUF_HEADROOM};
	size_t min_chunk, align;
	char name[32];
	ssize_t need;
	int r;

	snprintf(name, sizeof(name), "ipgen.tx%u", w->id);
	p->pool = rte_mempool_create_empty(name, n, sizeof(struct rte_mbuf) + priv.mbuf_data_room_size, 0, sizeof(priv),
	    SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	if (p->pool == NULL)
		return -rte_errno;
	r = rte_mempool_set_ops_byname(p->pool, "smpnet", w);
	if (r != 0)
		return r;
	rte_pktmbuf_pool_init(p->pool, &priv);
	need = rte_mempool_op_calc_mem_size_default(p->pool, n, 0, &min_chunk, &align);
	if (need < 0)
		return (int)need;
	p->len = ((size_t)need + align + (2u << 20) - 1) & ~(size_t)((2u << 20) - 1);
	p->map =
	    mmap(NULL, p->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
	if (p->map == MAP_FAILED) {
		p->map = mmap(NULL, p->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p->map == MAP_FAILED) {
			p->map = NULL;
			return -ENOMEM;
		}
		(void)madvise(p->map, p->len, MADV_HUGEPAGE);
	}
	r = rte_mempool_populate_virt(p->pool, p->map, p->len, 4096, NULL, NULL);
	if (r < 0 || (unsigned)r < n)
		return r < 0 ? r : -ENOMEM;
	rte_mempool_obj_iter(p->pool, rte_pktmbuf_init, NULL);
	lines_pool(p->map, p->len, (size_t)p->pool->elt_size, w->id, "packet buffers to send");
	return 0;
}

/*
 * Drivers give back what was sent when their ring is nearly full, and only when they are given more: were there fewer
 * buffers than the rings of a worker's queues keep, it would never send again.
 */
static unsigned
pool_size(unsigned buffers, unsigned queues)
{
	unsigned of_worker = queues <= mp_nworkers ? 1 : (queues + mp_nworkers - 1) / mp_nworkers;

	return RTE_MAX(buffers != 0 ? buffers : TX_BUFFERS, TRIAL_DIRS * of_worker * TX_RING + TX_MAXBURST);
}

int
tx_pool_init(unsigned buffers, unsigned buffer_size, unsigned queues)
{
	ASSERT_CONTROL();
	for (unsigned i = 0; i < mp_nworkers; i++) {
		int r = pool_make(
		    &pools[i], mp_workers[i], pool_size(buffers, queues), buffer_size != 0 ? buffer_size : 2048);

		if (r != 0) {
			mp_log(MP_LOG_ERR, "packet pool for sending: %s", strerror(-r));
			return r;
		}
	}
	return 0;
}

void
tx_pool_fini(void)
{
	for (unsigned i = 0; i < MP_MAXWORKERS; i++) {
		rte_mempool_free(pools[i].pool);
		if (pools[i].map != NULL)
			munmap(pools[i].map, pools[i].len);
		pools[i] = (struct tx_pool){0};
	}
}

struct rte_mempool *
tx_pool(unsigned worker)
{
	return pools[worker].pool;
}
