/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that are not simply the next: gaps, what fills them, duplicates. */
/*
 * The window ends with the word in which the next number will be, and has nwords words: [track_base, next).  While
 * holes is 0 its words are not kept, and all of it has arrived.  The sum is always next = unique + late + old + holes.
 *
 * Synchronization, Lifetime: track.h.
 */
#include "ipgen/engine/track.h"

#include <string.h>

/* The lowest number of the window */
static inline uint64_t
track_base(uint64_t next, const struct track_shape *shape)
{
	uint64_t top = next >> 6;

	return top >= shape->nwords ? (top + 1 - shape->nwords) << 6 : 0;
}

static inline struct track_gap *
track_gaps(struct track_tail *tail, const struct track_shape *shape)
{
	return (struct track_gap *)(void *)(tail->words + shape->nwords);
}

static inline uint64_t *
track_word(struct track_tail *tail, const struct track_shape *shape, uint64_t number)
{
	return &tail->words[(number >> 6) & (shape->nwords - 1)];
}

struct track_shape
track_shape(uint32_t n, size_t octets)
{
	struct track_shape shape = {.nwords = TRACK_BITS / 64};

	for (;; shape.nwords /= 2) {
		/* as many gaps as there is room for in a window's memory again; five with the smallest in two lines */
		size_t gaps = shape.nwords > 8 ? shape.nwords : 5;

		shape.ngaps = (uint32_t)gaps;
		shape.tail = sizeof(struct track_tail) + shape.nwords * 8 + gaps * sizeof(struct track_gap);
		shape.tail = (shape.tail + 63) & ~(size_t)63;
		if (shape.nwords <= 8 || shape.tail <= octets / (n > 0 ? n : 1))
			return shape;
	}
}

/* The first hole comes: everything in the window has arrived, as the words say from now on. */
static void
track_awake(struct track *t, struct track_tail *tail, const struct track_shape *shape)
{
	memset(tail->words, 0xff, shape->nwords * sizeof(tail->words[0]));
	*track_word(tail, shape, t->next) = ((uint64_t)1 << (t->next & 63)) - 1;
}

/* The window moves on until number to lies in it; holes that leave it are old.  *holes: those below next and to. */
static void
track_move(struct track *t, struct track_tail *tail, const struct track_shape *shape, uint64_t to, uint64_t *holes)
{
	uint64_t top = t->next >> 6, newtop = to >> 6;

	if (newtop - top >= shape->nwords) {
		uint64_t kept = to - track_base(to, shape);

		memset(tail->words, 0, shape->nwords * sizeof(tail->words[0]));
		t->old += *holes - kept;
		*holes = kept;
		return;
	}
	for (uint64_t i = top + 1; i <= newtop; i++) {
		uint64_t *word = &tail->words[i & (shape->nwords - 1)];

		if (i >= shape->nwords) {
			unsigned missing = 64 - (unsigned)__builtin_popcountll(*word);

			t->old += missing;
			*holes -= missing;
		}
		*word = 0;
	}
}

static void
track_gap_note(struct track *t, struct track_tail *tail, const struct track_shape *shape)
{
	track_gaps(tail, shape)[t->ngaps % shape->ngaps] =
	    (struct track_gap){.first = (uint32_t)t->next, .unique = (uint32_t)t->unique};
	t->ngaps++;
}

/* In order: number >= next */
static enum track_is
track_ahead(struct track *t, struct track_tail *tail, const struct track_shape *shape, uint64_t number)
{
	uint64_t holes = t->holes + (number - t->next);
	bool gap = number > t->next;

	if (holes == 0) {
		t->next++;
		t->unique++;
		return TRACK_NEXT;
	}
	if (t->holes == 0)
		track_awake(t, tail, shape);
	if (gap)
		track_gap_note(t, tail, shape);
	track_move(t, tail, shape, number, &holes);
	*track_word(tail, shape, number) |= (uint64_t)1 << (number & 63);
	t->next = number;
	if ((number & 63) == 63)
		track_move(t, tail, shape, number + 1, &holes);
	t->next = number + 1;
	t->holes = (uint32_t)holes;
	t->unique++;
	return gap ? TRACK_GAP : TRACK_NEXT;
}

/*
 * RFC 4737 section 4.2.1: the distance in arrivals to the earliest one with a higher number, which is the one that began
 * the gap in which the number lies.  Of gaps that are forgotten the extent is at least that of the oldest known.
 */
static void
track_extent(struct track *t, struct track_tail *tail, const struct track_shape *shape, uint64_t number)
{
	const struct track_gap *gap = track_gaps(tail, shape);
	uint32_t low = t->ngaps > shape->ngaps ? t->ngaps - shape->ngaps : 0, high = t->ngaps;
	uint32_t back = (uint32_t)(t->next - number), extent;

	/* the last one that begins at or below number */
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if ((uint32_t)t->next - gap[mid % shape->ngaps].first >= back)
			low = mid;
		else
			high = mid;
	}
	extent = (uint32_t)t->unique - gap[low % shape->ngaps].unique;
	if (extent > tail->extent)
		tail->extent = extent;
}

/* Below next, in the window */
static enum track_is
track_within(struct track *t, struct track_tail *tail, const struct track_shape *shape, uint64_t number)
{
	uint64_t *word = track_word(tail, shape, number), bit = (uint64_t)1 << (number & 63);

	if (t->holes == 0 || (*word & bit) != 0) {
		t->duplicate++;
		return TRACK_DUPLICATE;
	}
	*word |= bit;
	t->holes--;
	track_extent(t, tail, shape, number);
	t->unique++;
	t->reordered++;
	return TRACK_REORDERED;
}

/* Below next */
static enum track_is
track_below(struct track *t, struct track_tail *tail, const struct track_shape *shape, uint64_t number)
{
	if (number >= track_base(t->next, shape))
		return track_within(t, tail, shape, number);
	if (t->old == 0) {
		t->duplicate++;
		return TRACK_DUPLICATE;
	}
	t->old--;
	t->late++;
	return TRACK_LATE;
}

/* What is held back is counted. */
static void
track_release(struct track *t, struct track_tail *tail, const struct track_shape *shape)
{
	uint64_t number = tail->held - 1;

	tail->held = 0;
	if (number >= t->next)
		track_ahead(t, tail, shape, number);
	else
		track_below(t, tail, shape, number);
}

/* Far ahead */
static enum track_is
track_hold(struct track *t, struct track_tail *tail, const struct track_shape *shape, uint64_t number)
{
	uint64_t held = tail->held;

	if (held != 0) {
		uint64_t off = number + 1 > held ? number + 1 - held : held - number - 1;

		if (held <= t->next || off < TRACK_NEAR) {
			track_release(t, tail, shape);
			return track_other(t, tail, shape, (uint32_t)number);
		}
		tail->numberless++;
	}
	tail->held = number + 1;
	return TRACK_HELD;
}

enum track_is
track_other(struct track *t, struct track_tail *tail, const struct track_shape *shape, uint32_t seq)
{
	uint32_t ahead = seq - (uint32_t)t->next, back = -ahead;

	if (ahead <= TRACK_FAR)
		return track_ahead(t, tail, shape, t->next + ahead);
	if (back > TRACK_BACK)
		return track_hold(t, tail, shape, t->next + ahead);
	if (back <= t->next)
		return track_below(t, tail, shape, t->next - back);
	tail->numberless++;
	return TRACK_IMPOSSIBLE;
}

void
track_rest(struct track *t, struct track_tail *tail, const struct track_shape *shape, uint64_t sent)
{
	if (tail->held == 0)
		return;
	if (tail->held <= sent) {
		track_release(t, tail, shape);
	} else {
		tail->held = 0;
		tail->numberless++;
	}
}
