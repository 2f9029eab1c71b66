/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who writes which cache line: what the code tells the build that checks it (meson -Dlines=true; lines.c).  In any
 * other build all of this is nothing.
 *
 * The rule: a line that a worker writes is written by nobody else, from then until its memory is freed.  What the MP
 * contract exempts is named here, by those who own it: rings, the words of sleepers, and the hand-over of packets.
 */
#ifndef SMPNET_LINES_H
#define SMPNET_LINES_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LINES_OCTETS 64

/*
 * => any thread; zeroed memory for what one thread writes: whole cache lines, so that no other object shares one.
 * Freed by free().
 */
static inline void *
lines_zalloc(size_t size)
{
	size_t len = (size + LINES_OCTETS - 1) & ~(size_t)(LINES_OCTETS - 1);
	void *p = aligned_alloc(LINES_OCTETS, len);

	if (p != NULL)
		memset(p, 0, len);
	return p;
}

#ifdef SMPNET_LINES

/* => a worker (its id), or control (-1), when it starts; other threads count as control's helpers */
void lines_thread(int id);
/*
 * => control; from now on writers are told apart; and: no packet moves any more, everything is forgotten (with
 * SMPNET_LINES_COUNT in the environment, each worker's writes to exempt lines are told)
 */
void lines_begin(void);
void lines_end(void);
/* => any thread; whole lines that several threads write by the contract: a ring, a sleeper's word; what may be NULL */
void lines_exempt(const void *, size_t, const char *what);
/* => any thread; the lines are the worker's (or control's, -1) before it writes the first time */
void lines_own(const void *, size_t, int id, const char *what);
/* => any thread; a table of control's: a worker never writes it, not even first */
void lines_table(const void *, size_t, const char *what);
/* => control; packet buffers of objsize octets; they change hands by lines_give and lines_take */
void lines_pool(const void *, size_t, size_t objsize, int id, const char *what);
/* => the owner of a packet (chain) or of anything else, before it puts it into a ring: nobody writes a packet there */
void lines_give(void *obj);
/* => who took it from the ring.  Objects that are no packets are left alone. */
void lines_take(void *obj);
/* => who got the memory by a ring, or by a grace period after which nobody else holds it */
void lines_adopt(const void *, size_t);

#else

#define lines_thread(id)		      ((void)0)
#define lines_begin()			      ((void)0)
#define lines_end()			      ((void)0)
#define lines_exempt(p, len, what)	      ((void)(p))
#define lines_own(p, len, id, what)	      ((void)(p))
#define lines_table(p, len, what)	      ((void)(p))
#define lines_pool(p, len, objsize, id, what) ((void)(p))
#define lines_give(obj)			      ((void)(obj))
#define lines_take(obj)			      ((void)(obj))
#define lines_adopt(p, len)		      ((void)(p))

#endif
#endif
