/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of JSON values: small blocks of fixed sizes, because a request of a thousand routes is several thousand of them.
 *
 * Synchronization: each thread has its own lists of free blocks; fresh memory is handed out by one atomic addition.  A
 * block may be freed by another thread than the one that asked for it: it joins that thread's list.
 * Lifetime: the region is reserved at start and used as needed; what was used once is used again, never given back.
 */
#include <jansson.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "ctl/ctl_internal.h"

#define REGION	((size_t)1 << 30)
#define CHUNK	((size_t)64 * 1024) /* of blocks of one size */
#define STEP	16
#define CLASSES 16 /* up to 256 octets; larger ones are malloc's */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define POOLED 0 /* the sanitizers are to see every block */
#else
#define POOLED 1
#endif

struct block {
	struct block *next; /* [w] */
};

static char *region;				    /* [I] */
static _Atomic size_t region_used;		    /* [a] */
static uint8_t chunk_class[REGION / CHUNK];	    /* [I] once a block of the chunk is handed out */
static _Thread_local struct block *blocks[CLASSES]; /* [w] */

/* A chunk becomes blocks of the class; false: there is no more. */
static bool
refill(unsigned class)
{
	size_t at = atomic_fetch_add_explicit(&region_used, CHUNK, memory_order_relaxed);
	size_t size = (class + 1) * STEP;

	if (at + CHUNK > REGION) {
		atomic_store_explicit(&region_used, REGION, memory_order_relaxed);
		return false;
	}
	chunk_class[at / CHUNK] = (uint8_t) class;
	for (size_t i = CHUNK / size; i-- > 0;) {
		struct block *b = (struct block *)(void *)(region + at + i * size);

		b->next = blocks[class];
		blocks[class] = b;
	}
	return true;
}

static void *
json_block_alloc(size_t size)
{
	unsigned class = size == 0 ? 0 : (unsigned)((size - 1) / STEP);
	struct block *b;

	if (size > CLASSES * STEP || (blocks[class] == NULL && !refill(class)))
		return malloc(size);
	b = blocks[class];
	blocks[class] = b->next;
	return b;
}

static void
json_block_free(void *p)
{
	uintptr_t at = (uintptr_t)p - (uintptr_t)region;
	struct block *b = p;

	if (p == NULL)
		return;
	if (at >= REGION) {
		free(p);
		return;
	}
	b->next = blocks[chunk_class[at / CHUNK]];
	blocks[chunk_class[at / CHUNK]] = b;
}

/* => before the first JSON value of the process; without memory malloc goes on serving */
void
ctl_json_init(void)
{
	void *p;

	if (!POOLED)
		return;
	p = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return;
	region = p;
	json_set_alloc_funcs(json_block_alloc, json_block_free);
}
