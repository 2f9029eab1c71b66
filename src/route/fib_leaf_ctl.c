/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIB: what leaves look like in memory (fib.h).
 *
 * A block's keys are 16 bits, so its ranges begin at multiples of 2^shift within 2^16 of them; ranges go into blocks as
 * they fit, from the left.  Prefixes of one network are alike in length and so fit well; where they do not, the leaf is wide.
 *
 * Synchronization: control only; nothing is shared.
 */
#include <string.h>

#include "route/fib_var.h"

struct fib_cut {
	unsigned nblocks;
	unsigned first[FIB_BLOCKS + 1]; /* range of each block */
	unsigned shift[FIB_BLOCKS];
};

/* The end of the block that begins at range at */
static unsigned
fib_cut_one(const uint32_t *key, unsigned n, unsigned at, unsigned *shift)
{
	unsigned end = at + 2;

	for (*shift = 31; end < n && end < at + FIB_RUNS; end++) {
		uint32_t in = key[end] - key[at + 1];
		unsigned zeros = __builtin_ctz(in), least = zeros < *shift ? zeros : *shift;

		if (in >> least > 0xffff)
			break;
		*shift = least;
	}
	return end < n ? end : n;
}

/* False if that takes too many blocks */
static bool
fib_cut(const uint32_t *key, unsigned n, struct fib_cut *c)
{
	c->nblocks = 0;
	c->first[0] = 0;
	for (unsigned at = 0; at < n; c->first[++c->nblocks] = at) {
		if (c->nblocks == FIB_BLOCKS)
			return false;
		at = fib_cut_one(key, n, at, &c->shift[c->nblocks]);
	}
	return true;
}

static void
fib_wide_image(const uint32_t *key, const uint32_t *value, unsigned n, struct fib_image *o)
{
	o->words[0] = n;
	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			o->words[i] = key[i];
		o->words[n + i] = value[i];
		o->ref[i] = n + i;
	}
	o->octets = 8 * n;
	o->kind = FIB_WIDE;
}

/* Half words to the place of a value; words that are not unique to a range are shared by neighbours. */
static uint16_t
fib_ref(struct fib_image *o, unsigned first, unsigned *nrefs, uint32_t value, bool own, uint16_t *ref)
{
	unsigned at = *nrefs;

	if (value < FIB_REF && !own)
		return value;
	for (unsigned i = at > 4 ? at - 4 : 0; !own && i < at; i++)
		if (o->words[first + i] == value)
			return i | FIB_REF;
	o->words[first + at] = value;
	*ref = first + at;
	++*nrefs;
	return at | FIB_REF;
}

static void
fib_block_image(const uint32_t *key, const uint16_t *value, unsigned n, unsigned shift, uint32_t *words)
{
	/* A block has a second range, if only one like the first. */
	unsigned m = n < 2 ? 2 : n;
	uint16_t half[FIB_LINE / 2] = {0};

	words[0] = n < 2 ? 0xffffffff : key[1];
	memcpy(half, words, 4);
	half[2] = m | shift << 8;
	for (unsigned i = 2; i < n; i++)
		half[1 + i] = (key[i] - key[1]) >> shift;
	for (unsigned i = 0; i < m; i++)
		half[1 + m + i] = value[i < n ? i : 0];
	memcpy(words, half, m <= FIB_SMALL_RUNS ? FIB_LINE / 2 : FIB_LINE);
}

/* => control */
void
fib_leaf_image(const uint32_t *key, const uint32_t *value, const bool *own, unsigned n, struct fib_image *o)
{
	struct fib_cut c;
	uint16_t half[FIB_MAXRUNS];
	unsigned octets, nrefs = 0;

	memset(o->ref, 0, n * sizeof(o->ref[0]));
	if (!fib_cut(key, n, &c) || (c.nblocks + 1) * FIB_LINE > 2 * FIB_LINE + 8 * n) {
		fib_wide_image(key, value, n, o);
		return;
	}
	octets = c.nblocks > 1 ? (c.nblocks + 1) * FIB_LINE : n <= FIB_SMALL_RUNS ? FIB_LINE / 2 : FIB_LINE;
	memset(o->words, 0, octets);
	for (unsigned i = 0; i < n; i++)
		half[i] = fib_ref(o, octets / 4, &nrefs, value[i], own[i], &o->ref[i]);
	o->kind = c.nblocks > 1 ? FIB_DEEP : 0;
	if (c.nblocks > 1) {
		uint16_t count[2] = {c.nblocks, 0};

		memset(o->words, 0xff, FIB_LINE);
		memcpy(o->words, count, sizeof(count));
	}
	for (unsigned b = 0; b < c.nblocks; b++) {
		unsigned at = c.first[b];

		if (b > 0)
			o->words[b] = key[at];
		fib_block_image(key + at, half + at, c.first[b + 1] - at, c.shift[b],
		    o->words + (c.nblocks > 1 ? (b + 1) * (FIB_LINE / 4) : 0));
	}
	/* No block may lie across lines. */
	memset((char *)o->words + octets + nrefs * 4, 0, FIB_LINE - 4);
	octets += nrefs * 4;
	o->octets = octets > FIB_LINE / 2 ? (octets + FIB_LINE - 1) / FIB_LINE * FIB_LINE : FIB_LINE / 2;
}
