/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIB: changes.
 *
 * Prefixes of up to 8 (IPv4) or 16 bits (IPv6) are words of the top, those of up to as many bits as the root decides are words of the root,
 * and the others belong to a node below a word of the root (fib_node_ctl.c).  For each word of top and root control remembers
 * the length of the prefix that decides it, so that a prefix that is removed gives back exactly its own words.
 *
 * Synchronization: control is the only writer; fib.h says what workers see.
 * Lifetime: root and top never move; chunks are used again after a grace period.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "route/fib_var.h"
#include "route/route.h"

#define FIB_MAXNODES (1u << 23)
#ifndef FIB6_LIMIT
#define FIB6_LIMIT 128 /* prefixes of a leaf */
#endif
/* Room that one change needs besides what is there already: a leaf that bursts, and a node for every step. */
#define FIB_ROOM ((size_t)128 * FIB_MAXCHUNK + FIB_NCLASSES * FIB_SLAB)
/* And to build a chunk again, of less than 32 octets for each of its prefixes and this */
#define FIB_NODE_ROOM 256
/* What is left for removals, which must not fail, is this part of all. */
#define FIB_LEFT 4

struct fib_root {
	uint32_t node;	/* [c] plus 1; 0: none */
	uint32_t cover; /* [c] next hop by the prefix that decides the word, 0: by the top */
	uint8_t plen;	/* [c] of that prefix, 0: none */
};

struct fib {
	struct fib_view view;	  /* [I] */
	uint32_t nroot, ntop;	  /* [I] words */
	unsigned top_bits;	  /* [I] */
	struct fib_root *root;	  /* [c] */
	uint8_t *top_plen;	  /* [c] plus 1; 0: none */
	size_t view_octets;	  /* [I] of the mapping of root and top */
	struct fib_chunks chunks; /* [c] */
	struct fib_nodes nodes;	  /* [c] */
};

static struct fib fib4, fib6;
static struct {
	_Atomic uint32_t version; /* [a] raised before the top changes */
	char pad[MP_CACHELINE - sizeof(uint32_t)];
} fib_versions[2] __attribute__((aligned(MP_CACHELINE)));

static void
fib_release(struct fib *f)
{
	fib_nodes_fini(&f->nodes);
	fib_chunks_fini(&f->chunks);
	if (f->view.root != NULL)
		munmap(f->view.root, f->view_octets);
	if (f->root != NULL)
		munmap(f->root, f->nroot * sizeof(*f->root));
	if (f->top_plen != NULL)
		munmap(f->top_plen, f->ntop);
	f->view.root = NULL;
	f->root = NULL;
	f->top_plen = NULL;
}

static int
fib_create(struct fib *f, uint32_t nroot, unsigned top_bits, uint16_t limit, _Atomic uint32_t *version)
{
	*f = (struct fib){.nroot = nroot, .ntop = 1u << top_bits, .top_bits = top_bits};
	f->view_octets = ((size_t)f->nroot + f->ntop) * sizeof(*f->view.root);
	f->view.root = fib_reserve(f->view_octets);
	f->root = fib_reserve(f->nroot * sizeof(*f->root));
	f->top_plen = fib_reserve(f->ntop);
	if (f->view.root == NULL || f->root == NULL || f->top_plen == NULL || fib_chunks_init(&f->chunks) != 0 ||
	    fib_nodes_init(&f->nodes, &f->chunks, FIB_MAXNODES, limit) != 0) {
		fib_release(f);
		return -ENOMEM;
	}
	f->view.top = f->view.root + f->nroot;
	f->view.chunks = f->chunks.base;
	f->view.version = version;
	lines_table(f->view.root, f->view_octets, "FIB");
	lines_table(f->chunks.base, (size_t)f->chunks.nslabs * FIB_SLAB, "FIB");
	/* Place 0 is where a look-up that is done reads on: one run of value 0, as an inner node and as a leaf. */
	*(uint64_t *)(void *)(f->chunks.base + (size_t)fib_chunk_get(&f->chunks, 24) * 8) = 1;
	return 0;
}

int
fib_init(void)
{
	int error;

	ASSERT_CONTROL();
	error = fib_create(&fib4, 1u << FIB4_ROOT, FIB4_TOP_BITS, 0, &fib_versions[0].version);
	if (error)
		return error;
	error = fib_create(&fib6, FIB6_NROOT, FIB6_TOP_BITS, FIB6_LIMIT, &fib_versions[1].version);
	if (error) {
		fib_release(&fib4);
		return error;
	}
	fib4_view = fib4.view;
	fib6_view = fib6.view;
	return 0;
}

/* => control; no worker runs any more and what was deferred has run */
void
fib_fini(void)
{
	fib_release(&fib4);
	fib_release(&fib6);
}

static struct fib *
fib_of(int family)
{
	return family == AF_INET ? &fib4 : &fib6;
}

/* => control */
uint32_t
fib_blocks(int family)
{
	return fib_of(family)->chunks.used - 1;
}

/* => control; octets that workers read; what waits for a grace period is in it */
size_t
fib_memory(int family)
{
	const struct fib *f = fib_of(family);
	static unsigned char pages[(FIB6_NROOT + FIB6_OUTSIDE) / 1024];
	size_t octets = fib_chunks_octets(&f->chunks);

	/* Of root and top what was ever touched */
	if (mincore((void *)(uintptr_t)f->view.root, f->view_octets, pages) != 0)
		return octets + f->view_octets;
	for (size_t i = 0; i < f->view_octets / 4096; i++)
		octets += pages[i] & 1 ? 4096 : 0;
	return octets;
}

/* => control; octets that only control reads */
size_t
fib_memory_control(int family)
{
	const struct fib *f = fib_of(family);

	return f->nodes.octets + f->nodes.used * sizeof(struct fib_node) + fib_chunks_octets(&f->chunks) / 2;
}

/*
 * Octets of chunks that would be left after a change; whatever a short prefix covers may have to be built again, and under
 * one word of IPv6's root there may be anything.
 */
static size_t
fib_room(const struct fib *f, bool is_short)
{
	bool all = is_short || f == &fib6;
	size_t need = FIB_ROOM + (all ? f->nodes.octets * 2 + f->nodes.used * (size_t)FIB_NODE_ROOM : 0);
	size_t room = fib_chunks_room(&f->chunks);

	return room > need ? room - need : 0;
}

static inline void
fib_word_set(_Atomic uint32_t *word, uint32_t v)
{
	if (atomic_load_explicit(word, memory_order_relaxed) != v)
		atomic_store_explicit(word, v, memory_order_release);
}

/* Words of the top that key/plen covers and that a prefix of low to high bits decides go to plen and nh. */
static void
fib_top_change(struct fib *f, uint64_t hi, unsigned plen, unsigned low, unsigned high, unsigned newplen, uint32_t nh)
{
	uint32_t n = 1u << (f->top_bits - plen), at = (uint32_t)(hi >> (64 - f->top_bits)) & ~(n - 1);

	atomic_fetch_add_explicit(f->view.version, 1, memory_order_release);
	for (uint32_t i = at; i < at + n; i++)
		if (f->top_plen[i] >= low && f->top_plen[i] <= high) {
			f->top_plen[i] = newplen;
			fib_word_set(&f->view.top[i], nh);
		}
}

/* The word of the root and the bits it decides */
static uint32_t
fib_root_at(const struct fib *f, uint64_t hi, unsigned *bits)
{
	if (f == &fib4) {
		*bits = FIB4_ROOT;
		return hi >> (64 - FIB4_ROOT);
	}
	*bits = hi >> 61 == 1 ? FIB6_ROOT : FIB6_TOP_BITS;
	return hi >> 61 == 1 ? FIB6_OUTSIDE + (uint32_t)(hi >> (64 - FIB6_ROOT) & (FIB6_NROOT - FIB6_OUTSIDE - 1))
			     : (uint32_t)(hi >> 48);
}

/* The same for words of the root */
static void
fib_root_change(struct fib *f, uint32_t at, uint32_t n, unsigned low, unsigned high, unsigned newplen, uint32_t nh)
{
	for (uint32_t i = at; i < at + n; i++) {
		struct fib_root *r = &f->root[i];

		if (r->plen < low || r->plen > high)
			continue;
		r->plen = newplen;
		r->cover = nh;
		if (r->node != 0) {
			fib_node_cover(&f->nodes, r->node - 1, nh);
			nh = f->nodes.nodes[r->node - 1].word;
		}
		fib_word_set(&f->view.root[i], nh);
		nh = r->cover;
	}
}

/*
 * So much was removed without a grace period in between that nothing can be built any more.  Rather than lead to next
 * hops that are gone, the longer prefixes under these words go.
 */
static void
fib_drop(struct fib *f, uint32_t at, uint32_t n)
{
	mp_log(MP_LOG_ERR, "route: no memory for the forwarding table: longer prefixes are lost");
	for (uint32_t i = at; i < at + n; i++) {
		struct fib_root *r = &f->root[i];

		if (r->node == 0)
			continue;
		fib_word_set(&f->view.root[i], r->cover);
		fib_node_drop(&f->nodes, r->node - 1);
		r->node = 0;
	}
}

/* Is the prefix, which is longer than those of the top, set? */
static bool
fib_has(const struct fib *f, uint32_t at, unsigned bits, const struct rt_key *key, unsigned plen)
{
	if (plen > bits)
		return f->root[at].node != 0 && fib_node_has(&f->nodes, f->root[at].node - 1, key, plen);
	for (uint32_t i = at; i < at + (1u << (bits - plen)); i++)
		if (f->root[i].plen == plen)
			return true;
	return false;
}

int
fib_set(int family, const struct rt_key *key, unsigned plen, uint32_t nh)
{
	struct fib *f = fib_of(family);
	unsigned bits;
	uint32_t at = fib_root_at(f, key->hi, &bits);
	struct fib_root *r = &f->root[at];
	size_t room;
	int error;

	ASSERT_CONTROL();
	if (plen <= f->top_bits) {
		fib_top_change(f, key->hi, plen, 0, plen + 1, plen + 1, nh);
		return 0;
	}
	room = fib_room(f, plen <= bits);
	if (room < f->chunks.nslabs / FIB_LEFT * (size_t)FIB_SLAB && !fib_has(f, at, bits, key, plen))
		return -ENOMEM;
	if (room == 0) { /* the next hop that it had may be about to go */
		fib_drop(f, at, plen <= bits ? 1u << (bits - plen) : 1);
		if (plen > bits) {
			fib_chunks_settle(&f->chunks);
			return 0;
		}
	}
	if (plen <= bits) {
		fib_root_change(f, at, 1u << (bits - plen), 0, plen, plen, nh);
		fib_chunks_settle(&f->chunks);
		return 0;
	}
	if (r->node == 0) {
		uint32_t node = fib_node_new(&f->nodes, bits, false);

		if (node == FIB_NONE)
			return -ENOMEM;
		r->node = node + 1;
		f->nodes.nodes[node].cover = r->cover;
		f->nodes.nodes[node].where = &f->view.root[at];
	}
	error = fib_node_set(&f->nodes, r->node - 1, key, plen, nh);
	if (f->nodes.nodes[r->node - 1].n == 0) {
		fib_node_free(&f->nodes, r->node - 1);
		r->node = 0;
	}
	fib_chunks_settle(&f->chunks);
	return error;
}

void
fib_clear(int family, const struct rt_key *key, unsigned plen, unsigned cover_plen, uint32_t cover_nh)
{
	struct fib *f = fib_of(family);
	unsigned bits;
	uint32_t at = fib_root_at(f, key->hi, &bits);
	struct fib_root *r = &f->root[at];

	ASSERT_CONTROL();
	if (plen <= f->top_bits) {
		fib_top_change(f, key->hi, plen, plen + 1, plen + 1, cover_nh != 0 ? cover_plen + 1 : 0, cover_nh);
		return;
	}
	if (cover_plen <= f->top_bits)
		cover_plen = cover_nh = 0; /* by the top */
	if (fib_room(f, plen <= bits) == 0)
		fib_drop(f, at, plen <= bits ? 1u << (bits - plen) : 1);
	if (plen <= bits) {
		fib_root_change(f, at, 1u << (bits - plen), plen, plen, cover_plen, cover_nh);
	} else if (r->node != 0) {
		fib_node_clear(&f->nodes, r->node - 1, key, plen);
		if (f->nodes.nodes[r->node - 1].n == 0) {
			fib_word_set(&f->view.root[at], r->cover);
			fib_node_free(&f->nodes, r->node - 1);
			r->node = 0;
		}
	}
	fib_chunks_settle(&f->chunks);
}
