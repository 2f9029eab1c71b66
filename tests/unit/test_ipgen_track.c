/* SPDX-License-Identifier: BSD-2-Clause */
/* ipgen's tracking of a flow's numbers against a model that remembers everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ipgen/engine/track.h"

#define MOST 400000

static uint64_t seed = 88172645463325252ull;

static uint64_t
draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* The model: which numbers came, in which order. */
static struct {
	uint64_t first;	      /* the flow's numbers begin here, all before it came */
	uint8_t seen[MOST];   /* by number - first */
	uint32_t order[MOST]; /* unique arrivals */
	uint64_t next, unique, duplicate, reordered, late, late_old, norder;
	uint32_t extent;
} model;

struct flow_state {
	struct track t;
	struct track_shape shape;
	struct track_tail *tail;
};

static void
begin(struct flow_state *f, uint32_t nflows, size_t octets, uint64_t first)
{
	memset(&model, 0, sizeof(model));
	model.first = model.next = first;
	memset(f, 0, sizeof(*f));
	f->shape = track_shape(nflows, octets);
	f->tail = aligned_alloc(64, f->shape.tail);
	/* what is in the window before it is used must not matter */
	memset(f->tail, 0xa5, f->shape.tail);
	memset(f->tail, 0, sizeof(*f->tail));
	f->t.next = f->t.unique = first;
}

static uint64_t
model_base(const struct track_shape *shape)
{
	uint64_t word = model.next / 64;

	return word >= shape->nwords ? (word + 1 - shape->nwords) * 64 : 0;
}

static enum track_is
model_arrive(const struct track_shape *shape, uint64_t number)
{
	uint64_t base = model_base(shape), missing = 0;
	enum track_is is;

	if (number < base) {
		for (uint64_t i = model.first; i < base; i++)
			missing += !model.seen[i - model.first];
		if (missing == model.late) {
			model.duplicate++;
			return TRACK_DUPLICATE;
		}
		model.late++;
		return TRACK_LATE;
	}
	if (number < model.first || model.seen[number - model.first]) {
		model.duplicate++;
		return TRACK_DUPLICATE;
	}
	is = number > model.next ? TRACK_GAP : number == model.next ? TRACK_NEXT : TRACK_REORDERED;
	if (is == TRACK_REORDERED) {
		uint64_t j = 0;

		model.reordered++;
		while (model.order[j] < number - model.first)
			j++;
		if (model.norder - j > model.extent)
			model.extent = (uint32_t)(model.norder - j);
	} else {
		model.next = number + 1;
	}
	model.seen[number - model.first] = 1;
	model.order[model.norder++] = (uint32_t)(number - model.first);
	model.unique++;
	return is;
}

/* Both, and the same answer.  What is far ahead waits in the model, too, until it has been released. */
static void
arrive(struct flow_state *f, uint64_t number)
{
	uint64_t held = f->tail->held;
	enum track_is is = track_arrive(&f->t, f->tail, &f->shape, (uint32_t)number);

	if (held != 0 && f->tail->held != held)
		model_arrive(&f->shape, held - 1);
	if (is == TRACK_HELD)
		assert_int_equal(f->tail->held, number + 1);
	else
		assert_int_equal(is, model_arrive(&f->shape, number));
	assert_int_equal(f->t.next, model.next);
	assert_int_equal(f->t.unique, model.first + model.unique);
	assert_int_equal(f->t.duplicate, model.duplicate);
	assert_int_equal(f->t.reordered, model.reordered);
	assert_int_equal(f->t.late, model.late);
	assert_int_equal(track_missing(&f->t) + f->t.unique + f->t.late, f->t.next);
	if (model.norder % 61 == 0) {
		uint64_t holes = 0, base = model_base(&f->shape);

		for (uint64_t i = base > model.first ? base : model.first; i < model.next; i++)
			holes += !model.seen[i - model.first];
		assert_int_equal(f->t.holes, holes);
	}
	/* while no gap is forgotten every extent is known */
	if (f->t.ngaps <= f->shape.ngaps)
		assert_int_equal(f->tail->extent, model.extent);
	else
		assert_true(f->tail->extent <= model.extent);
}

/* A path that drops, doubles and holds back: n numbers go in, each comes out at a random time. */
static void
path(struct flow_state *f, uint64_t first, unsigned n, unsigned drop, unsigned twice, unsigned held, unsigned far)
{
	static struct {
		uint64_t number, at;
	} queue[4096];
	unsigned nqueue = 0;

	for (uint64_t now = 0; now < n || nqueue > 0; now++) {
		if (now < n && draw() % 1000 >= drop) {
			unsigned copies = 1 + (draw() % 1000 < twice);

			while (copies-- > 0 && nqueue < 4096) {
				queue[nqueue].number = first + now;
				queue[nqueue++].at = now + (draw() % 1000 < held ? draw() % far : 0);
			}
		}
		if (now < n && drop > 0 && draw() % 5000 == 0)
			now += draw() % 3000; /* an outage */
		for (unsigned i = 0; i < nqueue;) {
			if (queue[i].at > now) {
				i++;
				continue;
			}
			arrive(f, queue[i].number);
			memmove(&queue[i], &queue[i + 1], (--nqueue - i) * sizeof(queue[0]));
		}
	}
}

static void
random_paths(uint32_t nflows, uint64_t first)
{
	static const struct {
		unsigned n, drop, twice, held, far;
	} kind[] = {
	    {3000, 0, 0, 0, 1}, {20000, 10, 0, 0, 1}, {20000, 0, 10, 0, 1}, {20000, 0, 0, 50, 8},
	    {20000, 0, 300, 500, 300}, {20000, 100, 100, 100, 100}, {5000, 900, 300, 500, 60},
	    {6000, 20, 30, 10, 2500}, /* behind a small window */
	};
	struct flow_state f;

	for (unsigned i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
		begin(&f, nflows, 128u << 20, first);
		path(&f, first, kind[i].n, kind[i].drop, kind[i].twice, kind[i].held, kind[i].far);
		if (f.tail->held != 0) {
			model_arrive(&f.shape, f.tail->held - 1);
			track_rest(&f.t, f.tail, &f.shape, first + kind[i].n + 3000);
			assert_int_equal(f.t.unique, model.first + model.unique);
		}
		assert_int_equal(f.tail->numberless, 0);
		if (kind[i].held > 0)
			assert_true(model.reordered > 0 && f.tail->extent > 0);
		if (kind[i].far == 2500 && nflows > 1)
			assert_true(model.late > 0);
		free(f.tail);
	}
}

static void
test_random(void **state)
{
	random_paths(1, 0);
	random_paths(1u << 20, 0);
}

/* Over the end of 32 bits, and at places where words end */
static void
test_wrap(void **state)
{
	random_paths(1, (1ull << 32) - 1500);
	random_paths(1u << 20, (1ull << 33) - 2047);
}

/* Reordering by k: one packet is k places late, over and over. */
static void
test_extent(void **state)
{
	for (unsigned k = 1; k < 200; k = k * 2 + 1) {
		struct flow_state f;

		begin(&f, 1u << 20, 128u << 20, 0);
		for (unsigned i = 0; i < 20; i++) {
			uint64_t at = (uint64_t)i * (k + 5);

			for (unsigned j = 1; j <= k; j++)
				arrive(&f, at + j);
			arrive(&f, at);
			for (unsigned j = k + 1; j < k + 5; j++)
				arrive(&f, at + j);
		}
		assert_int_equal(f.t.reordered, 20);
		assert_int_equal(f.tail->extent, k);
		assert_int_equal(track_missing(&f.t), 0);
		free(f.tail);
	}
}

/* Numbers that cannot be, a sender that begins anew, outages. */
static void
test_impossible(void **state)
{
	struct flow_state f;
	struct track before;
	uint64_t number;

	begin(&f, 1000, 128u << 20, 0);
	/* the very first one: before the first, and so far ahead that nobody sent it */
	assert_int_equal(track_arrive(&f.t, f.tail, &f.shape, 0xffffffff), TRACK_IMPOSSIBLE);
	assert_int_equal(f.tail->numberless, 1);
	assert_int_equal(track_arrive(&f.t, f.tail, &f.shape, 1u << 30), TRACK_HELD);
	for (unsigned i = 0; i < 100000; i++)
		arrive(&f, i);
	track_rest(&f.t, f.tail, &f.shape, 100000);
	assert_int_equal(f.tail->numberless, 2);
	assert_int_equal(f.t.unique, 100000);
	assert_int_equal(track_missing(&f.t), 0);
	/* wrong numbers, far from one another */
	before = f.t;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(
		    track_arrive(&f.t, f.tail, &f.shape, 100000 + TRACK_FAR + 1 + (i + 1) * (TRACK_NEAR + 5)),
		    TRACK_HELD);
	assert_memory_equal(&f.t, &before, sizeof(before));
	assert_int_equal(f.tail->numberless, 101);
	/* begins anew: all of these came already */
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(track_arrive(&f.t, f.tail, &f.shape, i), TRACK_DUPLICATE);
	assert_int_equal(track_arrive(&f.t, f.tail, &f.shape, 100000), TRACK_NEXT);
	assert_int_equal(f.t.unique, 100001);
	assert_int_equal(track_missing(&f.t), 0);
	/* three thousand million packets went missing */
	number = 3000100001;
	assert_int_equal(track_arrive(&f.t, f.tail, &f.shape, (uint32_t)number), TRACK_HELD);
	assert_int_equal(track_arrive(&f.t, f.tail, &f.shape, (uint32_t)number + 2), TRACK_GAP);
	assert_int_equal(track_missing(&f.t), 3000000001);
	assert_int_equal(f.t.next, 3000100004);
	assert_int_equal(f.tail->numberless, 102);
	assert_int_equal(track_arrive(&f.t, f.tail, &f.shape, (uint32_t)number + 3), TRACK_NEXT);
	/* the second after an outage overtakes the first */
	number = f.t.next + 5000;
	assert_int_equal(track_arrive(&f.t, f.tail, &f.shape, (uint32_t)number + 1), TRACK_HELD);
	assert_int_equal(track_arrive(&f.t, f.tail, &f.shape, (uint32_t)number), TRACK_REORDERED);
	assert_int_equal(f.t.next, number + 2);
	/* the only one after another outage: the sender tells */
	number = f.t.next + 12345;
	before = f.t;
	assert_int_equal(track_arrive(&f.t, f.tail, &f.shape, (uint32_t)number), TRACK_HELD);
	track_rest(&f.t, f.tail, &f.shape, number + 1);
	assert_int_equal(f.t.unique, before.unique + 1);
	assert_int_equal(f.t.next, number + 1);
	assert_int_equal(f.t.unique + track_missing(&f.t), f.t.next);
	assert_int_equal(f.tail->numberless, 102);
	free(f.tail);
}

static void
test_shape(void **state)
{
	static const uint32_t n[] = {0, 1, 2, 1000, 4096, 65536, 1u << 20};

	assert_int_equal(track_shape(1, 128u << 20).nwords * 64, TRACK_BITS);
	assert_int_equal(track_shape(1u << 20, 128u << 20).nwords, 8);
	for (unsigned i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
		struct track_shape shape = track_shape(n[i], 128u << 20);

		assert_int_equal(shape.tail % 64, 0);
		assert_true(shape.tail * n[i] <= 128u << 20);
		assert_true(sizeof(struct track_tail) + shape.nwords * 8 + shape.ngaps * sizeof(struct track_gap) <=
			    shape.tail);
		assert_int_equal(shape.nwords & (shape.nwords - 1), 0);
	}
	assert_int_equal(track_shape(1u << 20, 1).nwords, 8);
}

/* RFC 3550 section 6.4.1, by hand */
static void
test_jitter(void **state)
{
	static const double transit[] = {1000, 1016, 1000, 5000, 5000, 1, 1e9};
	struct track t = {0};
	double jitter = 0;

	for (unsigned i = 0; i < sizeof(transit) / sizeof(transit[0]); i++) {
		if (i > 0)
			jitter += (fabs(transit[i] - transit[i - 1]) - jitter) / 16;
		t.unique++;
		track_jitter(&t, (float)transit[i]);
		assert_true(fabs((double)t.jitter - jitter) <= jitter * 1e-5);
	}
	assert_true(jitter > 1e7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random),
	    cmocka_unit_test(test_wrap),
	    cmocka_unit_test(test_extent),
	    cmocka_unit_test(test_impossible),
	    cmocka_unit_test(test_shape),
	    cmocka_unit_test(test_jitter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
