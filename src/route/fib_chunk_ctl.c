/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIB: memory of chunks.
 *
 * One range of addresses, reserved once and committed as it is used, in slabs of 16 KiB.  A slab holds chunks of one size; one that
 * has become empty may serve another size, and of many empty ones the memory goes back to the system.
 *
 * Synchronization: control only; workers read what the chunks hold.  Nothing is written into a chunk that workers may
 * still read: the lists are in memory of their own.
 * Lifetime: a chunk that was taken out is used again after a grace period.
 */
#include <errno.h>
#include <sys/mman.h>

#include "route/fib_var.h"

#define FIB_KEEP       64   /* empty slabs whose memory is kept */
#define FIB_FREE_BATCH 4096 /* chunks that are freed at once */

size_t fib_chunks_most = FIB_MAXCHUNKS;

/* => control */
void *
fib_reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, size, MADV_DONTDUMP);
	return p;
}

/* => control */
int
fib_chunks_init(struct fib_chunks *c)
{
	*c = (struct fib_chunks){.empty = FIB_NONE, .removed = FIB_NONE, .waiting = FIB_NONE};
	for (unsigned i = 0; i < FIB_NCLASSES; i++)
		c->partial[i] = FIB_NONE;
	/* Where the machine refuses to promise memory that is not touched, a smaller table has to do. */
	for (size_t size = fib_chunks_most; size >= FIB_MAXCHUNKS >> 8; size /= 2) {
		c->nslabs = size / FIB_SLAB;
		c->base = fib_reserve(size);
		c->next = fib_reserve(size / 8 * sizeof(*c->next));
		c->slabs = fib_reserve(c->nslabs * sizeof(*c->slabs));
		if (c->base != NULL && c->next != NULL && c->slabs != NULL) {
			(void)madvise(c->base, size, MADV_HUGEPAGE);
			return 0;
		}
		fib_chunks_fini(c);
	}
	return -ENOMEM;
}

/* => control; workers read no more and what was deferred has run */
void
fib_chunks_fini(struct fib_chunks *c)
{
	if (c->base != NULL)
		munmap(c->base, (size_t)c->nslabs * FIB_SLAB);
	if (c->next != NULL)
		munmap(c->next, (size_t)c->nslabs * FIB_SLAB / 8 * sizeof(*c->next));
	if (c->slabs != NULL)
		munmap(c->slabs, c->nslabs * sizeof(*c->slabs));
	c->base = NULL;
	c->next = NULL;
	c->slabs = NULL;
}

/* => control */
size_t
fib_chunks_room(const struct fib_chunks *c)
{
	return (size_t)(c->nslabs - c->fresh + c->nempty) * FIB_SLAB;
}

/* => control */
size_t
fib_chunks_octets(const struct fib_chunks *c)
{
	return (size_t)(c->fresh - c->nempty) * FIB_SLAB;
}

static void
fib_slab_list(struct fib_chunks *c, uint32_t *head, uint32_t slab)
{
	struct fib_slab *s = &c->slabs[slab];

	s->prev = FIB_NONE;
	s->next = *head;
	if (*head != FIB_NONE)
		c->slabs[*head].prev = slab;
	*head = slab;
	s->listed = true;
}

static void
fib_slab_unlist(struct fib_chunks *c, uint32_t *head, uint32_t slab)
{
	struct fib_slab *s = &c->slabs[slab];

	if (s->prev == FIB_NONE)
		*head = s->next;
	else
		c->slabs[s->prev].next = s->next;
	if (s->next != FIB_NONE)
		c->slabs[s->next].prev = s->prev;
	s->listed = false;
}

static uint32_t
fib_slab_get(struct fib_chunks *c, unsigned size)
{
	uint32_t slab = c->empty;

	if (slab != FIB_NONE) {
		fib_slab_unlist(c, &c->empty, slab);
		c->nempty--;
	} else {
		slab = c->fresh++;
	}
	c->slabs[slab] = (struct fib_slab){.size = size, .free = FIB_NONE};
	fib_slab_list(c, &c->partial[size], slab);
	return slab;
}

/* => control */
uint32_t
fib_chunk_get(struct fib_chunks *c, unsigned octets)
{
	unsigned size = (octets + 7) / 8;
	uint32_t slab = c->partial[size] != FIB_NONE ? c->partial[size] : fib_slab_get(c, size), place;
	struct fib_slab *s = &c->slabs[slab];

	if (s->free != FIB_NONE) {
		place = s->free;
		s->free = c->next[place];
	} else {
		place = slab * (FIB_SLAB / 8) + s->fresh++ * size;
	}
	s->used++;
	if (s->free == FIB_NONE && (s->fresh + 1u) * size > FIB_SLAB / 8)
		fib_slab_unlist(c, &c->partial[size], slab);
	c->used++;
	return place;
}

static void
fib_chunk_free(struct fib_chunks *c, uint32_t place)
{
	uint32_t slab = place / (FIB_SLAB / 8);
	struct fib_slab *s = &c->slabs[slab];
	unsigned size = s->size;

	c->next[place] = s->free;
	s->free = place;
	s->used--;
	c->used--;
	if (!s->listed)
		fib_slab_list(c, &c->partial[size], slab);
	if (s->used == 0) {
		fib_slab_unlist(c, &c->partial[size], slab);
		s->size = 0;
		if (c->nempty >= FIB_KEEP)
			(void)madvise(c->base + (size_t)slab * FIB_SLAB, FIB_SLAB, MADV_DONTNEED);
		fib_slab_list(c, &c->empty, slab);
		c->nempty++;
	}
}

static void fib_grace_over(struct mp_deferred *);

static void
fib_grace_begin(struct fib_chunks *c)
{
	c->waiting = c->removed;
	c->removed = FIB_NONE;
	mp_defer(&c->grace, fib_grace_over);
}

static void
fib_grace_over(struct mp_deferred *d)
{
	struct fib_chunks *c = (struct fib_chunks *)((char *)d - offsetof(struct fib_chunks, grace));

	unsigned cost = 0;

	while (c->waiting != FIB_NONE && cost < FIB_FREE_BATCH) {
		uint32_t place = c->waiting, empty = c->nempty;

		c->waiting = c->next[place];
		fib_chunk_free(c, place);
		cost += c->nempty != empty ? 32 : 1; /* its memory may go back to the system */
	}
	if (c->waiting != FIB_NONE)
		mp_defer(&c->grace, fib_grace_over); /* the rest a little later */
	else
		fib_chunks_settle(c);
}

/* => control */
void
fib_chunk_put(struct fib_chunks *c, uint32_t place)
{
	c->next[place] = c->removed;
	c->removed = place;
}

/* => control */
void
fib_chunks_settle(struct fib_chunks *c)
{
	if (c->removed != FIB_NONE && c->waiting == FIB_NONE)
		fib_grace_begin(c);
}
