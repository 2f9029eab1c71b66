/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory for what workers read of next hops: cells in blocks of 2 MB, which lie in one huge page where the kernel gives
 * one.  Among 100,000 neighbours nearly every packet reads another object; in pages of 4 KB the translation misses too.
 *
 * Synchronization: control only.
 * Lifetime: cells are used again; a block goes back to the kernel when its last cell is free, but one stays.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/queue.h>

#include "route/route.h"
#include "route/route_var.h"

#define BLOCK ((size_t)2 << 20)
#define CELL  ((size_t)128)

/* Where a sanitizer looks, each object is an allocation of its own: one that is used after it was freed is found. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CELLS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CELLS false
#endif
#endif
#ifndef CELLS
#define CELLS true
#endif

struct cell {
	LIST_ENTRY(cell) list; /* [c] while it is free */
};

/* The first cell of a block */
struct block {
	LIST_ENTRY(block) list; /* [c] of those with a free cell */
	LIST_HEAD(, cell) free; /* [c] */
	unsigned fresh;		/* [c] from here on no cell was ever used: their pages are not touched yet */
	unsigned used;		/* [c] */
};
_Static_assert(sizeof(struct block) <= CELL, "in front of the cells");

static LIST_HEAD(, block) blocks = LIST_HEAD_INITIALIZER(blocks);

static bool
block_full(const struct block *b)
{
	return b->used == BLOCK / CELL - 1;
}

static struct block *
block_make(void)
{
	char *p = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t front;
	struct block *b;

	if (p == MAP_FAILED)
		return NULL;
	front = -(uintptr_t)p & (BLOCK - 1);
	if (front > 0)
		(void)munmap(p, front);
	(void)munmap(p + front + BLOCK, BLOCK - front);
	b = (struct block *)(p + front);
	/* the first block stays in small pages: most routers have few next hops */
	if (!LIST_EMPTY(&blocks) || atomic_load_explicit(&nexthop_many, memory_order_relaxed))
		(void)madvise(b, BLOCK, MADV_HUGEPAGE);
	LIST_INIT(&b->free);
	b->fresh = 1;
	b->used = 0;
	LIST_INSERT_HEAD(&blocks, b, list);
	return b;
}

/* => control; size octets, aligned to a cache line; NULL: no memory */
void *
nexthop_mem_alloc(size_t size)
{
	struct block *b;
	struct cell *c;

	ASSERT_CONTROL();
	if (!CELLS || size > CELL)
		return aligned_alloc(MP_CACHELINE, (size + MP_CACHELINE - 1) & ~(size_t)(MP_CACHELINE - 1));
	b = LIST_FIRST(&blocks);
	if (b == NULL && (b = block_make()) == NULL)
		return NULL;
	c = LIST_FIRST(&b->free);
	if (c != NULL)
		LIST_REMOVE(c, list);
	else
		c = (struct cell *)((char *)b + CELL * b->fresh++);
	b->used++;
	if (block_full(b))
		LIST_REMOVE(b, list);
	return c;
}

/* => control; size is what it was allocated with */
void
nexthop_mem_free(void *p, size_t size)
{
	struct block *b = (struct block *)((uintptr_t)p & ~(BLOCK - 1));
	struct cell *c = p;

	if (!CELLS || size > CELL) {
		free(p);
		return;
	}
	if (block_full(b))
		LIST_INSERT_HEAD(&blocks, b, list);
	LIST_INSERT_HEAD(&b->free, c, list);
	/* the last one stays: a router's next hops may come and go one at a time */
	if (--b->used == 0 && (LIST_FIRST(&blocks) != b || LIST_NEXT(b, list) != NULL)) {
		LIST_REMOVE(b, list);
		(void)munmap(b, BLOCK);
	}
}
