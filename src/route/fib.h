/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIB: what workers read.  Included by route/route.h; fib_ctl.c and fib_node_ctl.c write it.
 *
 * A look-up starts at a word of the root: IPv4 by the first 18 bits of the address, IPv6 by the first 26 inside of
 * 2000::/3 and by the first 16 outside.  A word is a next hop index, or with FIB_CHILD the place of a chunk:
 *
 *  inner	u64 bitmap, values.  Decides by 6 bits of the address.  A bit is set where a value begins to hold; the
 *		number of bits set up to the address's own is the value's position.
 *  leaf	Decides by 32 bits of the address, which has ranges of one value each.  A block of 32 octets (of up to
 *		7 ranges) or a line (up to 15) holds 16-bit halves: two with the first address of its second range, one
 *		of the number of ranges and (above 255) a shift, the other ranges' first addresses less that of the
 *		second, shifted to the right, and the values.  Up to 16 blocks follow a line of words (FIB_DEEP): their
 *		number, and the first addresses of all but the first of them.  A value with FIB_REF is the place of a word
 *		behind the blocks.
 *  wide leaf	(FIB_WIDE) n, n - 1 first addresses of ranges, n values: words, for ranges that blocks do not suit.
 *
 * An inner chunk's values are words, or 16-bit next hop indexes unless FIB_WIDE.  FIB_LO: the chunk decides by the lower half of an IPv6
 * address; its bits count from 64.  The value 0 says that no prefix longer than FIB4_TOP_BITS or FIB6_TOP_BITS decides:
 * then the answer is the top's word of the address's first 8 or 16 bits.  A change of a default route is so a change of the
 * top alone.
 *
 * Synchronization: control is the only writer.  A chunk is built first, published by one release store of the word that
 * names it, and never changes but for the words in it that name other chunks; the old one is used again after a grace
 * period.  Root, top and such words are [a].  fib_view.version is raised before the top changes: a reader that sees
 * it raised between two of its loads begins again, as its answer may mix two changes.
 * Lifetime: from fib_init to fib_fini; nothing moves.
 */
#ifndef SMPNET_FIB_H
#define SMPNET_FIB_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>

#define FIB_CHILD 0x80000000u
#define FIB_LEAF  0x40000000u
#define FIB_LO	  0x20000000u
#define FIB_WIDE  0x10000000u
#define FIB_DEEP  0x08000000u
#define FIB_PLACE 0x07ffffffu /* of the chunk, in 8 octets */

#define FIB_STRIDE 6  /* bits that an inner chunk decides by */
#define FIB_REACH  32 /* and a leaf */

#define FIB_LINE       64 /* octets of a block or of what leads to blocks */
#define FIB_RUNS       15 /* ranges of a block */
#define FIB_SMALL_RUNS 7  /* of one of half a line */
#define FIB_BLOCKS     16
#define FIB_REF	       0x8000u

#define FIB4_TOP_BITS 8
#define FIB6_TOP_BITS 16
#ifndef FIB4_ROOT /* bench/fib measures others, too */
#define FIB4_ROOT 18
#endif
#ifndef FIB6_ROOT
#define FIB6_ROOT 26 /* inside of 2000::/3 */
#endif
#define FIB6_OUTSIDE (1u << 16) /* words of the root for the rest, in front */
#define FIB6_NROOT   ((1u << (FIB6_ROOT - 3)) + FIB6_OUTSIDE)

struct fib_view {
	_Atomic uint32_t *root;	   /* [I] the words are [a] */
	_Atomic uint32_t *top;	   /* [I] the words are [a] */
	char *chunks;		   /* [I] FIB_PLACE counts from here */
	_Atomic uint32_t *version; /* [I] the word is [a] */
};

extern struct fib_view fib4_view; /* [I] after route_init */
extern struct fib_view fib6_view; /* [I] after route_init */

#endif
