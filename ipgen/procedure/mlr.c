/* SPDX-License-Identifier: BSD-2-Clause */
/* MLRsearch (RFC 9971): classification of loads and choice of the next; see mlr.h. */
#include "ipgen/procedure/mlr.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sums of durations at a load. */
struct sums {
	double full_low, full_high, short_low, short_high;
	unsigned n;
};

/* => the first trial at a load not below this one */
static unsigned
find(const struct mlr *m, double load)
{
	unsigned low = 0, high = m->n;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (m->trial[mid].load < load)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int
mlr_add(struct mlr *m, const struct mlr_trial *t)
{
	unsigned at = find(m, t->load);

	if (m->n == m->alloc) {
		unsigned alloc = m->alloc ? 2 * m->alloc : 64;
		struct mlr_trial *more = realloc(m->trial, alloc * sizeof(*more));

		if (!more)
			return -ENOMEM;
		m->trial = more;
		m->alloc = alloc;
	}
	while (at < m->n && m->trial[at].load <= t->load)
		at++;
	memmove(&m->trial[at + 1], &m->trial[at], (m->n - at) * sizeof(*t));
	m->trial[at] = *t;
	m->n++;
	return 0;
}

void
mlr_free(struct mlr *m)
{
	free(m->trial);
	m->trial = NULL;
	m->n = m->alloc = 0;
}

static void
sum(const struct mlr *m, const struct mlr_goal *g, double load, struct sums *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned i = find(m, load); i < m->n && m->trial[i].load <= load; i++) {
		const struct mlr_trial *t = &m->trial[i];
		bool full = t->seconds >= g->final_seconds, high = t->loss > g->loss_ratio;

		*(full ? high ? &s->full_high : &s->full_low : high ? &s->short_high : &s->short_low) += t->seconds;
		s->n++;
	}
}

enum mlr_class
mlr_classify(const struct mlr *m, const struct mlr_goal *g, double load)
{
	struct sums s;
	double excess, high, whole, most, slack;

	sum(m, g, load, &s);
	/* short trials count against the load only as far as good ones do not balance them */
	excess = s.short_high - s.short_low * g->exceed_ratio / (1 - g->exceed_ratio);
	high = s.full_high + (excess > 0 ? excess : 0);
	whole = fmax(s.full_low + high, g->sum_seconds);
	most = whole * g->exceed_ratio;
	slack = whole * 1e-9; /* sums of durations like 0.1 */
	if (high > most + slack)
		return MLR_UPPER;
	return whole - s.full_low <= most + slack ? MLR_LOWER : MLR_UNDECIDED;
}

static int
by_loss(const void *a, const void *b)
{
	const struct mlr_trial *x = a, *y = b;

	return x->loss < y->loss ? -1 : x->loss > y->loss;
}

double
mlr_conditional(const struct mlr *m, const struct mlr_goal *g, double load)
{
	unsigned first = find(m, load), end = first, n = 0;
	struct mlr_trial *full;
	double left, loss = 1, sum_full = 0;

	while (end < m->n && m->trial[end].load <= load)
		end++;
	if (end == first)
		return 0;
	full = malloc((end - first) * sizeof(*full));
	if (!full)
		return load * (1 - g->loss_ratio); /* a lower bound's value is no less */
	for (unsigned i = first; i < end; i++)
		if (m->trial[i].seconds >= g->final_seconds) {
			full[n++] = m->trial[i];
			sum_full += m->trial[i].seconds;
		}
	qsort(full, n, sizeof(*full), by_loss);
	left = fmax(g->sum_seconds, sum_full) * (1 - g->exceed_ratio);
	for (unsigned i = 0; i < n && (i == 0 || left > 1e-9); i++) {
		loss = full[i].loss;
		left -= full[i].seconds;
	}
	if (!n || left > 1e-9)
		loss = 1;
	free(full);
	return load * (1 - loss);
}

void
mlr_bounds(const struct mlr *m, const struct mlr_goal *g, struct mlr_bounds *b)
{
	b->lower = b->upper = 0;
	for (unsigned i = 0; i < m->n; i++) {
		enum mlr_class c;

		if (i && m->trial[i].load <= m->trial[i - 1].load)
			continue;
		c = mlr_classify(m, g, m->trial[i].load);
		if (c == MLR_UPPER) {
			b->upper = m->trial[i].load;
			return;
		}
		if (c == MLR_LOWER)
			b->lower = m->trial[i].load;
	}
}

void
mlr_phase_goal(const struct mlr_goal *g, unsigned phase, struct mlr_goal *out)
{
	double part = (double)phase / (MLR_PHASES - 1), first;

	*out = *g;
	if (phase >= MLR_PHASES - 1)
		return;
	out->final_seconds = g->initial_seconds * pow(g->final_seconds / g->initial_seconds, part);
	/* the first phase asks for one trial at a load */
	first = fmin(g->initial_seconds, g->sum_seconds);
	out->sum_seconds = first * pow(g->sum_seconds / first, part);
	out->width = fmin(g->width * (double)(1u << (MLR_PHASES - 1 - phase)), 0.5);
}

/* => what is wanted of a goal has come, or cannot come */
static bool
reached(const struct mlr *m, const struct mlr_goal *g, const struct mlr_bounds *b)
{
	if (b->lower > 0 && b->upper > 0)
		return b->upper - b->lower <= b->upper * g->width * (1 + 1e-9);
	if (b->upper > 0)
		return b->upper <= m->min * (1 + 1e-9);
	return b->lower >= m->max * (1 - 1e-9);
}

static double
clamp(const struct mlr *m, double load)
{
	return load < m->min ? m->min : load > m->max ? m->max : load;
}

/* Whole packets a second where they are fine enough for every width. */
static double
rounded(const struct mlr *m, double load)
{
	return load > 1e5 ? clamp(m, round(load)) : load;
}

/* Share of what the device forwarded at the load of the fewest losses at or above this one: where the limit might be. */
static double
forwarded(const struct mlr *m, double load)
{
	double least = 1;

	for (unsigned i = find(m, load); i < m->n && m->trial[i].load <= load; i++)
		least = fmin(least, m->trial[i].loss);
	return load * (1 - least);
}

/* => below all upper bounds, where there is no lower one */
static double
down(const struct mlr *m, const struct mlr_goal *g, double upper)
{
	double ratio = 1 - g->width, got = forwarded(m, upper) / (1 - g->loss_ratio) * (1 - g->width / 2);
	unsigned i = find(m, upper);

	while (i < m->n && m->trial[i].load <= upper)
		i++;
	/* the first time: what came through; then twice as far each time */
	if (i == m->n && got > upper / 100 && got < upper * ratio)
		return clamp(m, got);
	if (i < m->n) {
		double step = upper / m->trial[i].load;

		ratio = fmin(ratio, fmax(step * step, 0.5));
	} else if (got < upper / 2) {
		ratio = 0.5;
	}
	return clamp(m, upper * ratio);
}

/* => above the lower bound, where there is no upper one */
static double
up(const struct mlr *m, const struct mlr_goal *g, double lower)
{
	double ratio = 1 / (1 - g->width);
	unsigned i = find(m, lower);

	if (i > 0) {
		double step = lower / m->trial[i - 1].load;

		ratio = fmax(ratio, fmin(step * step, 2));
	}
	return clamp(m, lower * ratio);
}

/*
 * => between the two.  A load that another goal has tried is taken where it is about as good: trials are shared.
 */
static double
between(const struct mlr *m, const struct mlr_goal *g, const struct mlr_bounds *b)
{
	double mid = sqrt(b->lower * b->upper), best = 0, quarter = pow(b->upper / b->lower, 0.25);

	for (unsigned i = find(m, b->lower); i < m->n && m->trial[i].load < b->upper; i++) {
		double load = m->trial[i].load;

		if (load <= b->lower || load < mid / quarter || load > mid * quarter)
			continue;
		if (!best || fabs(log(load / mid)) < fabs(log(best / mid)))
			best = load;
	}
	if (best)
		return best;
	/* a last step that reaches the width needs no more than the width */
	if (b->upper * (1 - g->width) * (1 - g->width) <= b->lower && b->upper * (1 - g->width) > b->lower)
		return fmax(mid, b->upper * (1 - g->width));
	return mid;
}

/* The next load for a goal in a phase; what the phase before found is looked at first, the smaller load first. */
static double
choose(const struct mlr *m, const struct mlr_goal *g, const struct mlr_bounds *b, const struct mlr_goal *before)
{
	struct mlr_bounds hint = {0, 0};

	if (!m->n)
		return m->max;
	if (before)
		mlr_bounds(m, before, &hint);
	if (hint.lower > 0 && (!b->upper || hint.lower < b->upper) && hint.lower > b->lower)
		return hint.lower;
	if (hint.upper > 0 && (!b->upper || hint.upper < b->upper) && hint.upper > b->lower)
		return hint.upper;
	if (!b->lower && !b->upper)
		return mlr_classify(m, g, m->max) == MLR_UNDECIDED ? m->max : m->min;
	if (!b->upper)
		return rounded(m, up(m, g, b->lower));
	if (!b->lower)
		return rounded(m, down(m, g, b->upper));
	return between(m, g, b);
}

bool
mlr_next(const struct mlr *m, double *load, double *seconds, unsigned *goal, unsigned *phase)
{
	for (unsigned p = 0; p < MLR_PHASES; p++)
		for (unsigned i = 0; i < m->ngoals; i++) {
			struct mlr_goal g, before;
			struct mlr_bounds b;
			bool done = false;

			/* what a later phase has found needs no coarser look any more */
			for (unsigned later = MLR_PHASES; later-- > p && !done;) {
				mlr_phase_goal(&m->goal[i], later, &g);
				mlr_bounds(m, &g, &b);
				done = reached(m, &g, &b);
			}
			if (done)
				continue;
			mlr_phase_goal(&m->goal[i], p, &g);
			mlr_bounds(m, &g, &b);
			if (p)
				mlr_phase_goal(&m->goal[i], p - 1, &before);
			*load = choose(m, &g, &b, p ? &before : NULL);
			*seconds = g.final_seconds;
			*goal = i;
			*phase = p;
			return true;
		}
	return false;
}

void
mlr_result(const struct mlr *m, const struct mlr_goal *g, struct mlr_result *r)
{
	struct mlr_bounds b;

	memset(r, 0, sizeof(*r));
	mlr_bounds(m, g, &b);
	r->lower = b.lower;
	r->upper = b.upper;
	r->regular = b.lower > 0 && b.upper > 0 && reached(m, g, &b);
	if (b.lower > 0) {
		double sent = 0, seconds = 0;

		for (unsigned i = find(m, b.lower); i < m->n && m->trial[i].load <= b.lower; i++) {
			const struct mlr_trial *t = &m->trial[i];

			if (t->seconds < g->final_seconds)
				continue;
			r->tag = t->tag;
			sent += (t->sent > 0 && t->sent < 1 ? t->sent : 1) * t->seconds;
			seconds += t->seconds;
		}
		r->conditional = mlr_conditional(m, g, b.lower) * (seconds > 0 ? sent / seconds : 1);
	}
}
