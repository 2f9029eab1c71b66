/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIB: changes.
 *
 * Synchronization: control is the only writer.  Every word holds the complete answer for its addresses (a shorter
 * prefix is copied into all words that it decides), so that one store of a word is one change, and a worker that looks
 * up during a change finds the old or the new answer.  A new block is filled before the release store that publishes
 * it; a block that no longer holds a longer prefix is replaced by the answer of all its words. For each word control
 * remembers the length of the prefix that decides it (plens), so that a prefix that is removed gives back exactly its
 * own words. Lifetime: the arrays are reserved once and never move; a block that was taken out is used again after a
 * grace period.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "route/fib_var.h"
#include "route/route.h"

#define FIB_ROOT       65536u
#define FIB_BLOCK      256u
#define FIB_ROOT_BITS  16u
#define FIB_MAXLEVELS  15u
#define FIB4_MAXBLOCKS (1u << 20)
#define FIB6_MAXBLOCKS (1u << 21)
#define FIB_NONE       UINT32_MAX

struct fib_block {
	uint32_t next;	 /* [c] in a list of free or waiting blocks */
	uint16_t longer; /* [c] words that are children or decided by a prefix longer than the block's own position */
};

struct fib {
	_Atomic uint32_t *words;  /* [I] the words are [a] */
	uint8_t *plens;		  /* [c] of each word */
	struct fib_block *blocks; /* [c] */
	uint32_t nblocks;	  /* [I] */
	unsigned octets;	  /* [I] of an address */
	uint32_t fresh;		  /* [c] blocks from here on were never used */
	uint32_t free;		  /* [c] list */
	uint32_t nfree;		  /* [c] */
	uint32_t removed;	  /* [c] list: taken out, no grace period begun */
	uint32_t waiting;	  /* [c] list: in the grace period */
	struct mp_deferred grace; /* [c] */
};

static struct fib fib4, fib6;

static void fib_grace_begin(struct fib *);

static void *
fib_reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, size, MADV_DONTDUMP);
	return p;
}

static size_t
fib_nwords(const struct fib *f)
{
	return FIB_ROOT + (size_t)f->nblocks * FIB_BLOCK;
}

static void
fib_release(struct fib *f)
{
	if (f->words != NULL)
		munmap(f->words, fib_nwords(f) * sizeof(*f->words));
	if (f->plens != NULL)
		munmap(f->plens, fib_nwords(f));
	if (f->blocks != NULL)
		munmap(f->blocks, f->nblocks * sizeof(*f->blocks));
	f->words = NULL;
	f->plens = NULL;
	f->blocks = NULL;
}

static int
fib_create(struct fib *f, unsigned octets, uint32_t nblocks)
{
	*f = (struct fib){.octets = octets, .free = FIB_NONE, .removed = FIB_NONE, .waiting = FIB_NONE};

	/* Where the machine refuses to promise memory that is not touched, a smaller table has to do. */
	for (f->nblocks = nblocks; f->nblocks >= 1024; f->nblocks /= 2) {
		f->words = fib_reserve(fib_nwords(f) * sizeof(*f->words));
		f->plens = fib_reserve(fib_nwords(f));
		f->blocks = fib_reserve(f->nblocks * sizeof(*f->blocks));
		if (f->words != NULL && f->plens != NULL && f->blocks != NULL) {
			lines_table(f->words, fib_nwords(f) * sizeof(*f->words), "FIB");
			return 0;
		}
		fib_release(f);
	}
	return -ENOMEM;
}

int
fib_init(void)
{
	int error;

	ASSERT_CONTROL();
	error = fib_create(&fib4, 4, FIB4_MAXBLOCKS);
	if (error)
		return error;
	error = fib_create(&fib6, 16, FIB6_MAXBLOCKS);
	if (error) {
		fib_release(&fib4);
		return error;
	}
	fib4_words = fib4.words;
	fib6_words = fib6.words;
	return 0;
}

/* => control; no worker runs any more and what was deferred has run */
void
fib_fini(void)
{
	fib4_words = NULL;
	fib6_words = NULL;
	fib_release(&fib4);
	fib_release(&fib6);
}

static struct fib *
fib_of(int family)
{
	return family == AF_INET ? &fib4 : &fib6;
}

static inline uint32_t
fib_load(struct fib *f, uint32_t place)
{
	return atomic_load_explicit(&f->words[place], memory_order_relaxed);
}

static inline void
fib_store(struct fib *f, uint32_t place, uint32_t word)
{
	atomic_store_explicit(&f->words[place], word, memory_order_release);
}

static inline uint32_t
fib_block_place(uint32_t block)
{
	return FIB_ROOT + block * FIB_BLOCK;
}

static uint32_t
fib_available(const struct fib *f)
{
	return f->nfree + (f->nblocks - f->fresh);
}

/* There is one: the caller asked fib_available. */
static uint32_t
fib_block_get(struct fib *f)
{
	uint32_t b = f->free;

	if (b == FIB_NONE)
		return f->fresh++;
	f->free = f->blocks[b].next;
	f->nfree--;
	return b;
}

static void
fib_grace_over(struct mp_deferred *d)
{
	struct fib *f = (struct fib *)((char *)d - offsetof(struct fib, grace));

	while (f->waiting != FIB_NONE) {
		uint32_t b = f->waiting;

		f->waiting = f->blocks[b].next;
		f->blocks[b].next = f->free;
		f->free = b;
		f->nfree++;
	}
	if (f->removed != FIB_NONE)
		fib_grace_begin(f);
}

static void
fib_grace_begin(struct fib *f)
{
	f->waiting = f->removed;
	f->removed = FIB_NONE;
	mp_defer(&f->grace, fib_grace_over);
}

static void
fib_block_put(struct fib *f, uint32_t b)
{
	f->blocks[b].next = f->removed;
	f->removed = b;
	if (f->waiting == FIB_NONE)
		fib_grace_begin(f);
}

/* => control */
uint32_t
fib_blocks(int family)
{
	struct fib *f = fib_of(family);

	return f->fresh - f->nfree;
}

/* => control; octets that workers read; what waits for a grace period is in it */
size_t
fib_memory(int family)
{
	return (FIB_ROOT + (size_t)fib_blocks(family) * FIB_BLOCK) * sizeof(uint32_t);
}

/* The way to a prefix: the words passed, from the root down; level 0 is the root, whose index takes 16 bits. */
struct fib_way {
	uint32_t base[FIB_MAXLEVELS];  /* first word of the root or block */
	uint32_t index[FIB_MAXLEVELS]; /* of the word in it */
	unsigned last;		       /* the level that holds the prefix or where the blocks end */
	unsigned bits;		       /* of the address decided after level last */
};

/* True if the blocks down to plen are there; otherwise way->last is where the first one is missing. */
static bool
fib_walk(struct fib *f, const struct rt_key *key, unsigned plen, struct fib_way *way)
{
	uint32_t base = 0, index = key->hi >> 48;
	unsigned level = 0, bits = FIB_ROOT_BITS;

	for (;;) {
		uint32_t w;

		way->base[level] = base;
		way->index[level] = index;
		way->last = level;
		way->bits = bits;
		if (plen <= bits)
			return true;
		w = fib_load(f, base + index);
		if (!(w & FIB_CHILD))
			return false;
		base = w & ~FIB_CHILD;
		index = rt_key_octet(key, bits / 8);
		bits += 8;
		level++;
	}
}

static inline unsigned
fib_level_start(unsigned bits)
{
	return bits == FIB_ROOT_BITS ? 0 : bits - 8;
}

static inline uint32_t
fib_block_of(uint32_t base)
{
	return (base - FIB_ROOT) / FIB_BLOCK;
}

/* Gives the words of n, from place on and in all blocks below them, that want(plen) chooses to (plen, nh). */
static void
fib_replace(struct fib *f, uint32_t place, uint32_t n, unsigned low, unsigned high, unsigned plen, uint32_t nh)
{
	for (uint32_t i = place; i < place + n; i++) {
		uint32_t w = fib_load(f, i);

		if (w & FIB_CHILD) {
			fib_replace(f, w & ~FIB_CHILD, FIB_BLOCK, low, high, plen, nh);
		} else if (f->plens[i] >= low && f->plens[i] <= high) {
			f->plens[i] = plen;
			if (w != nh)
				fib_store(f, i, nh);
		}
	}
}

/* Words of a block's range that count in fib_block.longer */
static unsigned
fib_count_longer(struct fib *f, uint32_t place, uint32_t n, unsigned start)
{
	unsigned count = 0;

	for (uint32_t i = place; i < place + n; i++)
		count += (fib_load(f, i) & FIB_CHILD) != 0 || f->plens[i] > start;
	return count;
}

/* Changes the range of words that key/plen covers at the level that holds it. */
static void
fib_range(
    struct fib *f, const struct fib_way *way, unsigned plen, unsigned low, unsigned high, unsigned newplen, uint32_t nh)
{
	uint32_t n = 1u << (way->bits - plen), base = way->base[way->last];
	uint32_t place = base + (way->index[way->last] & ~(n - 1));
	unsigned start = fib_level_start(way->bits);

	if (base == 0) {
		fib_replace(f, place, n, low, high, newplen, nh);
	} else {
		struct fib_block *b = &f->blocks[fib_block_of(base)];

		b->longer -= fib_count_longer(f, place, n, start);
		fib_replace(f, place, n, low, high, newplen, nh);
		b->longer += fib_count_longer(f, place, n, start);
	}
}

/* Makes the blocks from way->last down to plen, with the word of key in them decided; one store publishes them. */
static int
fib_grow(struct fib *f, const struct rt_key *key, unsigned plen, uint32_t nh, struct fib_way *way)
{
	uint32_t place = way->base[way->last] + way->index[way->last];
	uint32_t answer = fib_load(f, place), publish = 0;
	uint32_t answer_plen = f->plens[place], parent = place;
	unsigned bits = way->bits, need = (plen - bits + 7) / 8;

	if (fib_available(f) < need)
		return -ENOMEM;
	for (bits += 8;; bits += 8) {
		uint32_t block = fib_block_get(f), base = fib_block_place(block);
		uint32_t index = rt_key_octet(key, bits / 8 - 1);

		for (uint32_t i = base; i < base + FIB_BLOCK; i++) {
			atomic_store_explicit(&f->words[i], answer, memory_order_relaxed);
			f->plens[i] = answer_plen;
		}
		if (parent == place)
			publish = base | FIB_CHILD;
		else
			atomic_store_explicit(&f->words[parent], base | FIB_CHILD, memory_order_relaxed);
		if (plen <= bits) {
			uint32_t n = 1u << (bits - plen);

			index &= ~(n - 1);
			for (uint32_t i = base + index; i < base + index + n; i++) {
				atomic_store_explicit(&f->words[i], nh, memory_order_relaxed);
				f->plens[i] = plen;
			}
			f->blocks[block].longer = n;
			break;
		}
		f->blocks[block].longer = 1;
		parent = base + index;
	}
	if (way->last > 0 && answer_plen <= fib_level_start(way->bits))
		f->blocks[fib_block_of(way->base[way->last])].longer++;
	fib_store(f, place, publish);
	return 0;
}

int
fib_set(int family, const struct rt_key *key, unsigned plen, uint32_t nh)
{
	struct fib *f = fib_of(family);
	struct fib_way way;

	ASSERT_CONTROL();
	if (!fib_walk(f, key, plen, &way))
		return fib_grow(f, key, plen, nh, &way);
	fib_range(f, &way, plen, 0, plen, plen, nh);
	return 0;
}

void
fib_clear(int family, const struct rt_key *key, unsigned plen, unsigned cover_plen, uint32_t cover_nh)
{
	struct fib *f = fib_of(family);
	struct fib_way way;

	ASSERT_CONTROL();
	if (!fib_walk(f, key, plen, &way))
		return;
	fib_range(f, &way, plen, plen, plen, cover_plen, cover_nh);

	/* Blocks in which every word has the same answer now become that answer, from the bottom up. */
	for (unsigned level = way.last, bits = way.bits; level > 0; level--, bits -= 8) {
		uint32_t base = way.base[level], up = way.base[level - 1] + way.index[level - 1];
		uint32_t block = fib_block_of(base);

		if (f->blocks[block].longer != 0)
			break;
		f->plens[up] = f->plens[base];
		fib_store(f, up, fib_load(f, base));
		if (level > 1 && f->plens[up] <= fib_level_start(bits - 8))
			f->blocks[fib_block_of(way.base[level - 1])].longer--;
		fib_block_put(f, block);
	}
}
