/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIB: how look-ups of both families read words and inner chunks.  Private to fib.c and fib6.c.
 *
 * Synchronization: workers only read; fib.h says what and how.
 */
#ifndef SMPNET_FIB_READ_H
#define SMPNET_FIB_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "route/fib.h"

#define FIB_TRIES 16 /* after that many the answer may mix two changes of one turn */

static inline uint32_t
fib_word(const _Atomic uint32_t *words, size_t place)
{
	return atomic_load_explicit(&words[place], memory_order_acquire);
}

static inline const char *
fib_chunk(const struct fib_view *v, uint32_t word)
{
	return v->chunks + (size_t)(word & FIB_PLACE) * 8;
}

/* A value of an array of words or of 16-bit indexes (of which two are read at once) */
static inline uint32_t
fib_value(const char *values, uint32_t i, uint32_t word)
{
	bool wide = (word & FIB_WIDE) != 0;
	uint32_t v = fib_word((const _Atomic uint32_t *)(const void *)values, wide ? i : i >> 1);

	return wide ? v : v >> (16 * (i & 1)) & 0xffff;
}

/* bits: of the address, those that are not decided yet left-aligned in the half that the chunk decides by */
static inline uint32_t
fib_inner(const char *chunk, uint64_t bits, uint32_t word)
{
	uint64_t map = atomic_load_explicit((const _Atomic uint64_t *)(const void *)chunk, memory_order_relaxed);

	/* The bits up to the address's own, shifted to the left end: at least bit 0 is set. */
	return fib_value(chunk + 8, __builtin_popcountll(map << (63 - (bits >> 58))) - 1, word);
}

#endif
