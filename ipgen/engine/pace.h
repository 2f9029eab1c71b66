/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a sender's packets are due: one after the other at a fixed distance, in TSC ticks and fractions, so without drift.
 *
 * A sender that comes late finds several due.  How late the next packet is, less one distance for each that left, is the
 * lateness; what leaves in a window is what the rate gives plus the lateness at its beginning less that at its end.  So
 * where the lateness does not fall by more than burst distances within PACE_WINDOW_MS, no such window sees more than the
 * rate and one burst.  That is what is kept: the highest lateness of the window less (burst - 1) distances is a floor,
 * under which no packet leaves.  Late senders so catch up by one burst in a window.  What is PACE_GIVE_UP_MS late is given up.
 *
 * Senders that share a rate share the burst too; then the sum keeps the bound.
 *
 * Synchronization: the state is its worker's; control prepares it at rest.  No clock is read here.
 * Lifetime: part of the sender's.
 */
#ifndef IPGEN_PACE_H
#define IPGEN_PACE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PACE_WINDOW_MS	10
#define PACE_GIVE_UP_MS 1000
#define PACE_PARTS	16 /* of the window, and one that is under way */

struct pace {
	uint64_t due;	  /* [w] of the next packet, ticks */
	uint64_t frac;	  /* [w] and 2^-32 of one */
	uint64_t step;	  /* [w] between two packets, 2^-32 ticks, the low 32 bits the fraction; see step_hi */
	uint64_t step_hi; /* [w] whole ticks */
	double per_tick;  /* [w] packets a tick; 0: as fast as it goes */
	uint64_t slack;	  /* [w] ticks: (burst - 1) distances */
	uint64_t floor;	  /* [w] ticks that a packet must be late to leave */
	uint64_t highest; /* [w] ticks: of part */
	uint64_t part[PACE_PARTS + 1]; /* [w] highest lateness in each part of the window; 0: below slack */
	uint64_t now_part;	       /* [w] number of the present part */
	uint64_t part_ticks;	       /* [I] */
	uint64_t give_up;	       /* [I] ticks */
	uint64_t hz;		       /* [I] */
	unsigned burst;		       /* [w] most at once */
	bool late;		       /* [w] part holds anything */
};

/* => at rest; nothing is due before pace_rate */
static inline void
pace_init(struct pace *p, uint64_t hz)
{
	memset(p, 0, sizeof(*p));
	p->hz = hz;
	p->part_ticks = hz / (1000 / PACE_WINDOW_MS) / PACE_PARTS + 1;
	p->give_up = hz / 1000 * PACE_GIVE_UP_MS;
}

static inline void
pace_forget(struct pace *p)
{
	memset(p->part, 0, sizeof(p->part));
	p->highest = p->floor = 0;
	p->late = false;
}

/* => the distance alone, what is due stays due; pps INFINITY: as fast as it goes.  0: no packet for a long time */
static inline void
pace_distance(struct pace *p, double pps, unsigned burst)
{
	double ticks = pps > 0 ? (double)p->hz / pps : 1e15;

	p->burst = burst;
	if (ticks > 1e15)
		ticks = 1e15;
	p->step_hi = (uint64_t)ticks;
	p->step = (uint64_t)((ticks - (double)p->step_hi) * 4294967296.0);
	p->per_tick = ticks > 0 ? 1 / ticks : 0;
	p->slack = (uint64_t)(ticks * (burst - 1)) + 1; /* so that a burst may leave at once: a tick more */
}

/* => from now on at this rate; the first packet is due at first; what was late is forgotten */
static inline void
pace_rate(struct pace *p, uint64_t first, double pps, unsigned burst)
{
	pace_distance(p, pps, burst);
	p->due = first;
	p->frac = 0;
	pace_forget(p);
}

/*
 * => from now on at another rate, or at the same after a pause.  As much of the present distance as was left is left of the
 *    new one: however often the rate is changed, it adds no packet.  What was late is forgotten
 */
static inline void
pace_change(struct pace *p, uint64_t now, double pps, unsigned burst)
{
	double left = pps > 0 ? 0 : 1; /* 0: what was due is not any more */

	if (p->per_tick > 0 && (int64_t)(p->due - now) > 0)
		left = (double)(p->due - now) * p->per_tick;
	pace_rate(p, now, pps, burst);
	if (left > 0 && p->per_tick > 0)
		p->due += (uint64_t)((left < 1 ? left : 1) / p->per_tick);
}

/* The window moved: what is older is forgotten. */
static inline void
pace_move(struct pace *p, uint64_t part)
{
	uint64_t gone = part - p->now_part;

	if (gone > PACE_PARTS + 1)
		gone = PACE_PARTS + 1;
	for (uint64_t i = 0; i < gone; i++)
		p->part[(part - i) % (PACE_PARTS + 1)] = 0;
	p->now_part = part;
	p->highest = 0;
	for (unsigned i = 0; i <= PACE_PARTS; i++)
		if (p->part[i] > p->highest)
			p->highest = p->part[i];
	p->late = p->highest > 0;
	p->floor = p->highest > p->slack ? p->highest - p->slack : 0;
}

/* Comes late by more than a burst: how late it was decides how soon it may be in time again. */
static inline void
pace_late(struct pace *p, uint64_t now, uint64_t lateness)
{
	uint64_t part = now / p->part_ticks;

	if (part != p->now_part)
		pace_move(p, part);
	if (lateness <= p->slack)
		return;
	p->late = true;
	if (lateness > p->part[part % (PACE_PARTS + 1)])
		p->part[part % (PACE_PARTS + 1)] = lateness;
	if (lateness > p->highest) {
		p->highest = lateness;
		p->floor = lateness - p->slack;
	}
}

/* => the n-th next packet's time (n 0: the next), whole ticks */
static inline uint64_t
pace_at(const struct pace *p, uint64_t n)
{
	return p->due + n * p->step_hi + ((p->frac + n * p->step) >> 32);
}

/* => how many packets may leave now; until is the last tick that is sent for, now where there is no end */
static inline unsigned
pace_due(struct pace *p, uint64_t now, uint64_t until)
{
	uint64_t t = now < until ? now : until, lateness;
	double n;
	unsigned k;

	if (p->per_tick == 0)
		return p->burst;
	if ((int64_t)(t - p->due) < 0)
		return 0;
	lateness = t - p->due;
	if (__builtin_expect(lateness > p->slack || p->late, 0))
		pace_late(p, now, lateness);
	if (lateness < p->floor)
		return 0;
	n = (double)(lateness - p->floor) * p->per_tick + 1.5;
	k = n < p->burst ? (unsigned)n : p->burst;
	while (k > 0 && (int64_t)(t - p->floor - pace_at(p, k - 1)) < 0)
		k--;
	return k;
}

/* => so many packets have left */
static inline void
pace_sent(struct pace *p, uint64_t n)
{
	uint64_t frac = p->frac + n * p->step;

	p->due += n * p->step_hi + (frac >> 32);
	p->frac = frac & 0xffffffff;
}

/* Late by more than is ever caught up, or at the end (keep 0): => how many packets are given up. */
static inline uint64_t
pace_give_up(struct pace *p, uint64_t until, uint64_t keep)
{
	uint64_t lateness, n, was = p->due;

	if (p->per_tick == 0 || (int64_t)(until - p->due) < 0 || (lateness = until - p->due) < keep)
		return 0;
	n = (uint64_t)((double)(lateness - keep) * p->per_tick) + 1;
	while (n > 0 && (int64_t)(until - keep - pace_at(p, n - 1)) < 0)
		n--;
	pace_sent(p, n);
	/* what was late is so much less late now, and no packet left */
	for (unsigned i = 0; i <= PACE_PARTS; i++)
		p->part[i] -= p->part[i] < p->due - was ? p->part[i] : p->due - was;
	pace_move(p, p->now_part);
	return n;
}

#endif
