/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The numbers of one flow as they arrive: each once, missing, twice, out of order; and how evenly.  Knows no packets.
 *
 * A flow has one line (struct track), which is all that is touched while nothing is missing, and a tail with a window of
 * the latest numbers, one bit each, which comes to life with the first gap and rests again when it has been filled.
 *	in order	next; a gap before it is missing from then on
 *	in the window	its bit tells a first arrival (reordered, RFC 4737 section 3.3) from a duplicate (RFC 5560)
 *	behind it	a duplicate if nothing is missing there; else late: what was missing, or what came before, nobody
 *			knows.  It is counted as late alone, and one number less is missing
 *	far ahead	(more than TRACK_FAR) held back, until a second one near it confirms it, or track_rest knows what was sent:
 *			a number that is wrong though all sums are right must not make everything after it late
 * 32 bits are extended to the nearest number, up to TRACK_BACK below the next, else above it.
 *
 * Synchronization: one writer, the flow's owner.  Control reads when that worker has been asked for a call since.
 * Lifetime: the caller's memory; all zero is a flow of which nothing has arrived.
 */
#ifndef IPGEN_TRACK_H
#define IPGEN_TRACK_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACK_FAR  64	      /* a larger gap needs to be confirmed */
#define TRACK_NEAR (1u << 24) /* by a packet whose number is no further from it */
#define TRACK_BACK (1u << 28)
#define TRACK_BITS 65536 /* of a window, at most */

enum track_is {
	TRACK_NEXT,	 /* in order, with nothing missing before it */
	TRACK_GAP,	 /* in order, numbers before it are missing */
	TRACK_REORDERED, /* fills a gap */
	TRACK_DUPLICATE,
	TRACK_LATE,	  /* see above */
	TRACK_HELD,	  /* far ahead: not counted yet */
	TRACK_IMPOSSIBLE, /* before the first number; counted as numberless */
};

struct track {		    /* a line of its own; [w] all */
	uint64_t next;	    /* the highest number seen, and one */
	uint64_t unique;    /* numbers that came at least once, late ones apart */
	uint64_t old;	    /* missing below the window */
	uint64_t late;	    /* came from below the window */
	uint64_t reordered; /* Type-P-Reordered */
	uint64_t duplicate;
	uint32_t holes; /* missing in the window; 0: the window rests */
	uint32_t ngaps; /* gaps that began, all of them */
	float jitter;	/* RFC 3550 section 6.4.1, ticks */
	float transit;	/* of the latest arrival, ticks */
};
_Static_assert(sizeof(struct track) == 64, "one cache line");

struct track_gap {
	uint32_t first;	 /* number that is missing */
	uint32_t unique; /* arrivals when it began: the place of the packet that came in its stead */
};

/* What a flow needs when something is missing.  words and gaps follow. */
struct track_tail {	       /* [w] all */
	uint64_t held;	       /* number that is held back, and one; 0: none */
	uint32_t extent;       /* largest, RFC 4737 section 4.2.1 */
	uint32_t numberless;   /* packets of the flow whose number is not known */
	uint32_t corrupt;      /* the caller's */
	uint32_t misdelivered; /* the caller's */
	uint64_t words[];      /* nwords, a ring; then struct track_gap[ngaps], a ring */
};

/* How large tails are: the same for all flows of a trial. */
struct track_shape {
	uint32_t nwords; /* [I] power of two, 2 at least */
	uint32_t ngaps;	 /* [I] */
	size_t tail;	 /* [I] octets, whole cache lines */
};

/* => any thread; the largest shape of which n fit into octets, TRACK_BITS at most, 512 numbers at least */
struct track_shape track_shape(uint32_t n, size_t octets);

/* => the owner; number seq, modulo 2^32, of the flow arrived; anything but the next: track_other */
enum track_is track_other(struct track *, struct track_tail *, const struct track_shape *, uint32_t seq);

static inline enum track_is
track_arrive(struct track *t, struct track_tail *tail, const struct track_shape *shape, uint32_t seq)
{
	if (__builtin_expect(seq != (uint32_t)t->next || t->holes != 0, 0))
		return track_other(t, tail, shape, seq);
	t->next++;
	t->unique++;
	return TRACK_NEXT;
}

/* => at rest; what is held back is counted, or numberless if the sender did not send so many numbers */
void track_rest(struct track *, struct track_tail *, const struct track_shape *, uint64_t sent);

/* => the owner, after a first arrival (unique has been counted); transit in ticks */
static inline void
track_jitter(struct track *t, float transit)
{
	float d = fabsf(transit - t->transit), jitter;

	t->transit = transit;
	if (__builtin_expect(t->unique > 1, 1)) {
		jitter = t->jitter + (d - t->jitter) * (1 / 16.0f);
		/* a whole word: samples read it.  An atomic store goes through an integer register, 3 cycles in a chain */
#ifdef __SANITIZE_THREAD__
		__atomic_store(&t->jitter, &jitter, __ATOMIC_RELAXED);
#else
		*(volatile float *)&t->jitter = jitter;
#endif
	}
}

/* => the owner; the next number arrived, and nothing is missing; transit in ticks */
static inline void
track_next(struct track *t, float transit)
{
	/* words: a compiler would make one vector of the two, through which the next packet of the flow would wait */
	__atomic_store_n(&t->next, t->next + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&t->unique, t->unique + 1, __ATOMIC_RELAXED);
	track_jitter(t, transit);
}

/* => the owner, or at rest; below the highest number seen */
static inline uint64_t
track_missing(const struct track *t)
{
	return t->old + t->holes;
}

#endif
