/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FIB of smpnet 0.1.0, kept to be measured against: a root of 2^16 words, then blocks of 256 words, one for each
 * value of the next octet.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "fib_bench.h"
#include "route/fib_var.h"

#define OCT_CHILD 0x80000000u

static _Atomic uint32_t *octets4_words;
static _Atomic uint32_t *octets6_words;

static inline uint32_t
octets_lookup4(uint32_t dst_network_order)
{
	uint32_t dst = ntohl(dst_network_order);
	uint32_t w = atomic_load_explicit(&octets4_words[dst >> 16], memory_order_acquire);

	if (w & OCT_CHILD) {
		w = atomic_load_explicit(&octets4_words[(w & ~OCT_CHILD) + ((dst >> 8) & 255)], memory_order_acquire);
		if (w & OCT_CHILD)
			w = atomic_load_explicit(&octets4_words[(w & ~OCT_CHILD) + (dst & 255)], memory_order_acquire);
	}
	return w;
}

static inline uint32_t
octets_lookup6(const struct in6_addr *dst)
{
	const uint8_t *a = dst->s6_addr;
	uint32_t w = atomic_load_explicit(&octets6_words[a[0] << 8 | a[1]], memory_order_acquire);

	/* A block that decides by the last octet has no children, which ends the loop. */
	for (unsigned i = 2; w & OCT_CHILD; i++)
		w = atomic_load_explicit(&octets6_words[(w & ~OCT_CHILD) + a[i]], memory_order_acquire);
	return w;
}

static inline uint32_t
octets_word(_Atomic uint32_t *words, uint32_t place)
{
	return atomic_load_explicit(&words[place], memory_order_acquire);
}

/*
 * Steps are taken for all of a group at a time, so that the loads of different destinations overlap.  A destination
 * that is done reads the first word of the root (always in the cache) and keeps its result: no branch to guess.
 */
#define OCT_GROUP 8

static void
octets_lookup4_vec(const uint32_t *dst_network_order, uint32_t *nh, unsigned n)
{
	_Atomic uint32_t *words = octets4_words;
	uint32_t dst[OCT_GROUP], w[OCT_GROUP];
	unsigned i = 0;

	for (; i + OCT_GROUP <= n; i += OCT_GROUP) {
		uint32_t any = 0;

		for (unsigned k = 0; k < OCT_GROUP; k++) {
			dst[k] = ntohl(dst_network_order[i + k]);
			w[k] = octets_word(words, dst[k] >> 16);
			any |= w[k];
		}
		for (int shift = 8; shift >= 0 && (any & OCT_CHILD); shift -= 8) {
			any = 0;
			for (unsigned k = 0; k < OCT_GROUP; k++) {
				uint32_t child = w[k] & OCT_CHILD;
				uint32_t place = child ? (w[k] & ~OCT_CHILD) + ((dst[k] >> shift) & 255) : 0;
				uint32_t next = octets_word(words, place);

				w[k] = child ? next : w[k];
				any |= w[k];
			}
		}
		for (unsigned k = 0; k < OCT_GROUP; k++)
			nh[i + k] = w[k];
	}
	for (; i < n; i++)
		nh[i] = octets_lookup4(dst_network_order[i]);
}

static void
octets_lookup6_vec(const struct in6_addr *const *dst, uint32_t *nh, unsigned n)
{
	_Atomic uint32_t *words = octets6_words;
	uint32_t w[OCT_GROUP];
	unsigned i = 0;

	for (; i + OCT_GROUP <= n; i += OCT_GROUP) {
		uint32_t any = 0;

		for (unsigned k = 0; k < OCT_GROUP; k++) {
			const uint8_t *a = dst[i + k]->s6_addr;

			w[k] = octets_word(words, a[0] << 8 | a[1]);
			any |= w[k];
		}
		for (unsigned octet = 2; any & OCT_CHILD; octet++) {
			any = 0;
			for (unsigned k = 0; k < OCT_GROUP; k++) {
				uint32_t child = w[k] & OCT_CHILD;
				uint32_t place = child ? (w[k] & ~OCT_CHILD) + dst[i + k]->s6_addr[octet] : 0;
				uint32_t next = octets_word(words, place);

				w[k] = child ? next : w[k];
				any |= w[k];
			}
		}
		for (unsigned k = 0; k < OCT_GROUP; k++)
			nh[i + k] = w[k];
	}
	for (; i < n; i++)
		nh[i] = octets_lookup6(dst[i]);
}

#define OCT_ROOT       65536u
#define OCT_BLOCK      256u
#define OCT_ROOT_BITS  16u
#define OCT_MAXLEVELS  15u
#define OCT4_MAXBLOCKS (1u << 20)
#define OCT6_MAXBLOCKS (1u << 21)
#define OCT_NONE       UINT32_MAX

struct octets_block {
	uint32_t next;	 /* [c] in a list of free or waiting blocks */
	uint16_t longer; /* [c] words that are children or decided by a prefix longer than the block's own position */
};

struct octets {
	_Atomic uint32_t *words;     /* [I] the words are [a] */
	uint8_t *plens;		     /* [c] of each word */
	struct octets_block *blocks; /* [c] */
	uint32_t nblocks;	     /* [I] */
	unsigned octets;	     /* [I] of an address */
	uint32_t fresh;		     /* [c] blocks from here on were never used */
	uint32_t free;		     /* [c] list */
	uint32_t nfree;		     /* [c] */
	uint32_t removed;	     /* [c] list: taken out, no grace period begun */
	uint32_t waiting;	     /* [c] list: in the grace period */
	struct mp_deferred grace;    /* [c] */
};

static struct octets octets4, octets6;

static void octets_grace_begin(struct octets *);

static void *
octets_reserve(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, size, MADV_DONTDUMP);
	return p;
}

static size_t
octets_nwords(const struct octets *f)
{
	return OCT_ROOT + (size_t)f->nblocks * OCT_BLOCK;
}

static void
octets_release(struct octets *f)
{
	if (f->words != NULL)
		munmap(f->words, octets_nwords(f) * sizeof(*f->words));
	if (f->plens != NULL)
		munmap(f->plens, octets_nwords(f));
	if (f->blocks != NULL)
		munmap(f->blocks, f->nblocks * sizeof(*f->blocks));
	f->words = NULL;
	f->plens = NULL;
	f->blocks = NULL;
}

static int
octets_create(struct octets *f, unsigned octets, uint32_t nblocks)
{
	*f = (struct octets){.octets = octets, .free = OCT_NONE, .removed = OCT_NONE, .waiting = OCT_NONE};

	/* Where the machine refuses to promise memory that is not touched, a smaller table has to do. */
	for (f->nblocks = nblocks; f->nblocks >= 1024; f->nblocks /= 2) {
		f->words = octets_reserve(octets_nwords(f) * sizeof(*f->words));
		f->plens = octets_reserve(octets_nwords(f));
		f->blocks = octets_reserve(f->nblocks * sizeof(*f->blocks));
		if (f->words != NULL && f->plens != NULL && f->blocks != NULL)
			return 0;
		octets_release(f);
	}
	return -ENOMEM;
}

static int
octets_init(void)
{
	int error;

	error = octets_create(&octets4, 4, OCT4_MAXBLOCKS);
	if (error)
		return error;
	error = octets_create(&octets6, 16, OCT6_MAXBLOCKS);
	if (error) {
		octets_release(&octets4);
		return error;
	}
	octets4_words = octets4.words;
	octets6_words = octets6.words;
	return 0;
}

static struct octets *
octets_of(int family)
{
	return family == AF_INET ? &octets4 : &octets6;
}

static inline uint32_t
octets_load(struct octets *f, uint32_t place)
{
	return atomic_load_explicit(&f->words[place], memory_order_relaxed);
}

static inline void
octets_store(struct octets *f, uint32_t place, uint32_t word)
{
	atomic_store_explicit(&f->words[place], word, memory_order_release);
}

static inline uint32_t
octets_block_place(uint32_t block)
{
	return OCT_ROOT + block * OCT_BLOCK;
}

static uint32_t
octets_available(const struct octets *f)
{
	return f->nfree + (f->nblocks - f->fresh);
}

/* There is one: the caller asked octets_available. */
static uint32_t
octets_block_get(struct octets *f)
{
	uint32_t b = f->free;

	if (b == OCT_NONE)
		return f->fresh++;
	f->free = f->blocks[b].next;
	f->nfree--;
	return b;
}

static void
octets_grace_over(struct mp_deferred *d)
{
	struct octets *f = (struct octets *)((char *)d - offsetof(struct octets, grace));

	while (f->waiting != OCT_NONE) {
		uint32_t b = f->waiting;

		f->waiting = f->blocks[b].next;
		f->blocks[b].next = f->free;
		f->free = b;
		f->nfree++;
	}
	if (f->removed != OCT_NONE)
		octets_grace_begin(f);
}

static void
octets_grace_begin(struct octets *f)
{
	f->waiting = f->removed;
	f->removed = OCT_NONE;
	mp_defer(&f->grace, octets_grace_over);
}

static void
octets_block_put(struct octets *f, uint32_t b)
{
	f->blocks[b].next = f->removed;
	f->removed = b;
	if (f->waiting == OCT_NONE)
		octets_grace_begin(f);
}

static uint32_t
octets_blocks(int family)
{
	struct octets *f = octets_of(family);

	return f->fresh - f->nfree;
}

/* The way to a prefix: the words passed, from the root down; level 0 is the root, whose index takes 16 bits. */
struct octets_way {
	uint32_t base[OCT_MAXLEVELS];  /* first word of the root or block */
	uint32_t index[OCT_MAXLEVELS]; /* of the word in it */
	unsigned last;		       /* the level that holds the prefix or where the blocks end */
	unsigned bits;		       /* of the address decided after level last */
};

/* True if the blocks down to plen are there; otherwise way->last is where the first one is missing. */
static bool
octets_walk(struct octets *f, const struct rt_key *key, unsigned plen, struct octets_way *way)
{
	uint32_t base = 0, index = key->hi >> 48;
	unsigned level = 0, bits = OCT_ROOT_BITS;

	for (;;) {
		uint32_t w;

		way->base[level] = base;
		way->index[level] = index;
		way->last = level;
		way->bits = bits;
		if (plen <= bits)
			return true;
		w = octets_load(f, base + index);
		if (!(w & OCT_CHILD))
			return false;
		base = w & ~OCT_CHILD;
		index = rt_key_octet(key, bits / 8);
		bits += 8;
		level++;
	}
}

static inline unsigned
octets_level_start(unsigned bits)
{
	return bits == OCT_ROOT_BITS ? 0 : bits - 8;
}

static inline uint32_t
octets_block_of(uint32_t base)
{
	return (base - OCT_ROOT) / OCT_BLOCK;
}

/* Gives the words of n, from place on and in all blocks below them, that want(plen) chooses to (plen, nh). */
static void
octets_replace(struct octets *f, uint32_t place, uint32_t n, unsigned low, unsigned high, unsigned plen, uint32_t nh)
{
	for (uint32_t i = place; i < place + n; i++) {
		uint32_t w = octets_load(f, i);

		if (w & OCT_CHILD) {
			octets_replace(f, w & ~OCT_CHILD, OCT_BLOCK, low, high, plen, nh);
		} else if (f->plens[i] >= low && f->plens[i] <= high) {
			f->plens[i] = plen;
			if (w != nh)
				octets_store(f, i, nh);
		}
	}
}

/* Words of a block's range that count in octets_block.longer */
static unsigned
octets_count_longer(struct octets *f, uint32_t place, uint32_t n, unsigned start)
{
	unsigned count = 0;

	for (uint32_t i = place; i < place + n; i++)
		count += (octets_load(f, i) & OCT_CHILD) != 0 || f->plens[i] > start;
	return count;
}

/* Changes the range of words that key/plen covers at the level that holds it. */
static void
octets_range(struct octets *f, const struct octets_way *way, unsigned plen, unsigned low, unsigned high,
    unsigned newplen, uint32_t nh)
{
	uint32_t n = 1u << (way->bits - plen), base = way->base[way->last];
	uint32_t place = base + (way->index[way->last] & ~(n - 1));
	unsigned start = octets_level_start(way->bits);

	if (base == 0) {
		octets_replace(f, place, n, low, high, newplen, nh);
	} else {
		struct octets_block *b = &f->blocks[octets_block_of(base)];

		b->longer -= octets_count_longer(f, place, n, start);
		octets_replace(f, place, n, low, high, newplen, nh);
		b->longer += octets_count_longer(f, place, n, start);
	}
}

/* Makes the blocks from way->last down to plen, with the word of key in them decided; one store publishes them. */
static int
octets_grow(struct octets *f, const struct rt_key *key, unsigned plen, uint32_t nh, struct octets_way *way)
{
	uint32_t place = way->base[way->last] + way->index[way->last];
	uint32_t answer = octets_load(f, place), publish = 0;
	uint32_t answer_plen = f->plens[place], parent = place;
	unsigned bits = way->bits, need = (plen - bits + 7) / 8;

	if (octets_available(f) < need)
		return -ENOMEM;
	for (bits += 8;; bits += 8) {
		uint32_t block = octets_block_get(f), base = octets_block_place(block);
		uint32_t index = rt_key_octet(key, bits / 8 - 1);

		for (uint32_t i = base; i < base + OCT_BLOCK; i++) {
			atomic_store_explicit(&f->words[i], answer, memory_order_relaxed);
			f->plens[i] = answer_plen;
		}
		if (parent == place)
			publish = base | OCT_CHILD;
		else
			atomic_store_explicit(&f->words[parent], base | OCT_CHILD, memory_order_relaxed);
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
	if (way->last > 0 && answer_plen <= octets_level_start(way->bits))
		f->blocks[octets_block_of(way->base[way->last])].longer++;
	octets_store(f, place, publish);
	return 0;
}

static int
octets_set(int family, const struct rt_key *key, unsigned plen, uint32_t nh)
{
	struct octets *f = octets_of(family);
	struct octets_way way;

	if (!octets_walk(f, key, plen, &way))
		return octets_grow(f, key, plen, nh, &way);
	octets_range(f, &way, plen, 0, plen, plen, nh);
	return 0;
}

static void
octets_clear(int family, const struct rt_key *key, unsigned plen, unsigned cover_plen, uint32_t cover_nh)
{
	struct octets *f = octets_of(family);
	struct octets_way way;

	if (!octets_walk(f, key, plen, &way))
		return;
	octets_range(f, &way, plen, plen, plen, cover_plen, cover_nh);

	/* Blocks in which every word has the same answer now become that answer, from the bottom up. */
	for (unsigned level = way.last, bits = way.bits; level > 0; level--, bits -= 8) {
		uint32_t base = way.base[level], up = way.base[level - 1] + way.index[level - 1];
		uint32_t block = octets_block_of(base);

		if (f->blocks[block].longer != 0)
			break;
		f->plens[up] = f->plens[base];
		octets_store(f, up, octets_load(f, base));
		if (level > 1 && f->plens[up] <= octets_level_start(bits - 8))
			f->blocks[octets_block_of(way.base[level - 1])].longer--;
		octets_block_put(f, block);
	}
}

static int
create4(unsigned count)
{
	return octets_init();
}

static int
set4(const struct rt_key *key, unsigned plen, uint32_t nh)
{
	return octets_set(AF_INET, key, plen, nh);
}

static void
clear4(const struct rt_key *key, unsigned plen, unsigned cover_plen, uint32_t cover_nh)
{
	octets_clear(AF_INET, key, plen, cover_plen, cover_nh);
}

static void
lookup4(const uint8_t *dsts, uint32_t *nh, unsigned n)
{
	octets_lookup4_vec((const uint32_t *)(const void *)dsts, nh, n);
}

static size_t
memory4(void)
{
	return (OCT_ROOT + (size_t)octets_blocks(AF_INET) * OCT_BLOCK) * 4;
}

static int
set6(const struct rt_key *key, unsigned plen, uint32_t nh)
{
	return octets_set(AF_INET6, key, plen, nh);
}

static void
clear6(const struct rt_key *key, unsigned plen, unsigned cover_plen, uint32_t cover_nh)
{
	octets_clear(AF_INET6, key, plen, cover_plen, cover_nh);
}

static void
lookup6(const uint8_t *dsts, uint32_t *nh, unsigned n)
{
	const struct in6_addr *p[64];

	for (unsigned i = 0; i < n; i++)
		p[i] = (const struct in6_addr *)(const void *)(dsts + 16 * i);
	octets_lookup6_vec(p, nh, n);
}

static size_t
memory6(void)
{
	return (OCT_ROOT + (size_t)octets_blocks(AF_INET6) * OCT_BLOCK) * 4;
}

const struct candidate candidate_octets4 = {"octets", 4, create4, set4, clear4, lookup4, memory4};
const struct candidate candidate_octets6 = {"octets", 6, create4, set6, clear6, lookup6, memory6};
