/* SPDX-License-Identifier: BSD-2-Clause */
/* The FIB's control side, private to src/route. */
#ifndef SMPNET_FIB_VAR_H
#define SMPNET_FIB_VAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mp/mp.h"
#include "route/fib.h"

/* An address as two words in host order, left-aligned: an IPv4 address is the upper half of the first. */
struct rt_key {
	uint64_t hi, lo;
};

static inline unsigned
rt_key_octet(const struct rt_key *k, unsigned i)
{
	return (i < 8 ? k->hi >> (56 - 8 * i) : k->lo >> (120 - 8 * i)) & 255;
}

/* => control; before use; 0 or -ENOMEM */
int fib_init(void);
void fib_fini(void);
/*
 * => control; addresses under key/plen that no longer prefix decides go to nh.  0, or -ENOMEM with nothing changed
 * (never for a prefix that is set already, unless it was lost for want of memory).
 */
int fib_set(int family, const struct rt_key *key, unsigned plen, uint32_t nh);
/* => control; addresses that key/plen decided go to the next shorter prefix: cover_plen and cover_nh (0, 0: none) */
void fib_clear(int family, const struct rt_key *key, unsigned plen, unsigned cover_plen, uint32_t cover_nh);
/* => control; chunks in use or waiting for a grace period */
uint32_t fib_blocks(int family);
/* => control; octets that only control reads */
size_t fib_memory_control(int family);

/* Chunks (fib_chunk_ctl.c): memory that workers read, given out in sizes of 8 octets. */
#define FIB_SLAB      16384u /* octets; each holds chunks of one size */
#define FIB_MAXCHUNK  2560u  /* octets */
#define FIB_NCLASSES  (FIB_MAXCHUNK / 8 + 1)
#define FIB_MAXCHUNKS ((size_t)1 << 30) /* octets: what FIB_PLACE can name */
#define FIB_NONE      UINT32_MAX

struct fib_slab {
	uint32_t next, prev; /* [c] slabs of the class with free chunks, or empty ones; FIB_NONE: none */
	uint32_t free;	     /* [c] list of places */
	uint16_t used;	     /* [c] */
	uint16_t fresh;	     /* [c] chunks from here on were never used */
	uint16_t size;	     /* [c] of its chunks, in 8 octets; 0: empty */
	bool listed;	     /* [c] in the class's list */
};

struct fib_chunks {
	char *base;			/* [I] */
	uint32_t *next;			/* [c] of each 8 octets: list of free, removed or waiting chunks */
	struct fib_slab *slabs;		/* [c] */
	uint32_t nslabs;		/* [I] */
	uint32_t fresh;			/* [c] slabs from here on were never used */
	uint32_t empty;			/* [c] list of slabs */
	uint32_t nempty;		/* [c] */
	uint32_t partial[FIB_NCLASSES]; /* [c] lists of slabs */
	uint32_t used;			/* [c] chunks */
	uint32_t removed;		/* [c] list: taken out, no grace period begun */
	uint32_t waiting;		/* [c] list: in the grace period */
	struct mp_deferred grace;	/* [c] */
};

extern size_t fib_chunks_most; /* [c] octets that are asked for first; tests ask for few */
int fib_chunks_init(struct fib_chunks *);
void fib_chunks_fini(struct fib_chunks *);
/* => control; octets of slabs in use */
size_t fib_chunks_octets(const struct fib_chunks *);
/* => control; octets that are free for chunks of any size, at least */
size_t fib_chunks_room(const struct fib_chunks *);
/* => control; place of a chunk; there is room */
uint32_t fib_chunk_get(struct fib_chunks *, unsigned octets);
/* => control; when workers cannot find the chunk any more at the end of this change */
void fib_chunk_put(struct fib_chunks *, uint32_t place);
/* => control; a change is complete: what it took out may begin its grace period */
void fib_chunks_settle(struct fib_chunks *);
/* => control; memory of size octets, zero, committed as it is touched; NULL */
void *fib_reserve(size_t size);

/* Leaves (fib_leaf_ctl.c): what is to be written into a chunk. */
#define FIB_MAXRUNS 264

struct fib_image {
	uint32_t words[FIB_MAXCHUNK / 4];
	unsigned octets;
	uint32_t kind;		   /* FIB_DEEP, FIB_WIDE or 0 */
	uint16_t ref[FIB_MAXRUNS]; /* of each range, the place of its word among words; 0: none */
};

/*
 * => control; of n ranges the first addresses (the first one 0) and values; own[i]: the word is the range's alone and
 * changes
 */
void fib_leaf_image(const uint32_t *key, const uint32_t *value, const bool *own, unsigned n, struct fib_image *);

/*
 * Nodes (fib_node_ctl.c): what control knows of a chunk: the prefixes that it decides by and the nodes below.  A node
 * belongs to one half of the address and begins at bit s of it; all its prefixes are longer.  It has those of up to the bits
 * that its chunk decides by (s + FIB_STRIDE or s + FIB_REACH, never over 64), and for longer ones a node for each value of the bits
 * before their end; at the end of the upper half that is one of the lower half.
 */
struct fib_entry {
	uint64_t key;  /* the half of the address */
	uint32_t nh;   /* or the node */
	uint8_t plen;  /* 1..64, in the half; of a node: the bits that are decided */
	uint8_t child; /* nh is a node */
};

struct fib_node {
	_Atomic uint32_t *where; /* [c] the word that names it to workers */
	struct fib_entry *e;	 /* [c] by key, then length, then node */
	uint32_t word;		 /* [c] what is in *where: a chunk, or a next hop if all addresses have the same */
	uint32_t cover;		 /* [c] next hop of addresses that no prefix of it decides */
	uint32_t count;		 /* [c] prefixes and lower halves at and below it in its half */
	uint16_t n, cap;	 /* [c] of e */
	uint8_t s;		 /* [c] */
	bool lo;		 /* [c] the lower half */
	bool inner;		 /* [c] */
};

struct fib_nodes {
	struct fib_node *nodes;	   /* [c] reserved, does not move */
	uint32_t max;		   /* [I] */
	uint32_t fresh;		   /* [c] */
	uint32_t free;		   /* [c] list by nh of cover */
	uint32_t used;		   /* [c] */
	size_t octets;		   /* [c] of their entries */
	uint16_t limit;		   /* [I] prefixes of a leaf; 0: no leaves */
	struct fib_chunks *chunks; /* [I] */
};

int fib_nodes_init(struct fib_nodes *, struct fib_chunks *, uint32_t max, uint16_t limit);
void fib_nodes_fini(struct fib_nodes *);
/* => control; a node without prefixes, which the caller hangs up; FIB_NONE: no memory */
uint32_t fib_node_new(struct fib_nodes *, unsigned s, bool lo);
void fib_node_free(struct fib_nodes *, uint32_t node);
void fib_node_drop(struct fib_nodes *, uint32_t node);
/* => control; key/plen to nh, at or below the node at root; published.  0, or -ENOMEM with nothing changed */
int fib_node_set(struct fib_nodes *, uint32_t root, const struct rt_key *key, unsigned plen, uint32_t nh);
/* => control; is the prefix at or below the node at root? */
bool fib_node_has(const struct fib_nodes *, uint32_t root, const struct rt_key *key, unsigned plen);
/* => control; removes the prefix; published, unless the node at root is without prefixes then: the caller takes it out */
void fib_node_clear(struct fib_nodes *, uint32_t root, const struct rt_key *key, unsigned plen);
/* => control; the next hop of addresses that no prefix at or below the node decides; node->word is to be published */
void fib_node_cover(struct fib_nodes *, uint32_t root, uint32_t cover);

#endif
