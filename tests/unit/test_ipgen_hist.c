/* SPDX-License-Identifier: BSD-2-Clause */
/* ipgen's histogram against a sorted array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ipgen/hist.h"

#define N 20000

static uint64_t seed = 88172645463325252ull;
static uint64_t value[N];

static uint64_t
draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static int
order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* q of the sorted values, and the histogram's answer within one part in 256 of it */
static void
check_quantiles(const struct hist *h, const uint64_t *sorted, unsigned n)
{
	static const double q[] = {0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1};

	for (unsigned i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
		double rank = q[i] * n;
		unsigned k = (unsigned)rank < rank ? (unsigned)rank : (unsigned)rank > 0 ? (unsigned)rank - 1 : 0;
		uint64_t want = sorted[k], got = hist_quantile(h, q[i]);
		uint64_t off = want > got ? want - got : got - want;

		assert_true(off <= want / 256);
	}
	assert_int_equal(hist_quantile(h, 0), sorted[0]);
	assert_int_equal(hist_quantile(h, 1), sorted[n - 1]);
}

static void
test_quantiles(void **state)
{
	static struct hist h;
	static const unsigned bits[] = {1, 8, 9, 10, 16, 32, 46};

	for (unsigned b = 0; b < sizeof(bits) / sizeof(bits[0]); b++) {
		double sum = 0;

		hist_clear(&h);
		for (unsigned i = 0; i < N; i++) {
			value[i] = draw() >> (64 - bits[b] + draw() % bits[b]);
			sum += (double)value[i];
			hist_add(&h, value[i]);
		}
		qsort(value, N, sizeof(value[0]), order);
		check_quantiles(&h, value, N);
		assert_int_equal(h.count, N);
		assert_true(hist_mean(&h) > sum / N * 0.999999 && hist_mean(&h) < sum / N * 1.000001 + 1e-9);
	}
}

/* Every value has a bucket, neighbours have the same or the next, the last takes what is too large. */
static void
test_index(void **state)
{
	unsigned last = 0;

	for (uint64_t v = 0; v < 1u << 20; v++) {
		unsigned i = hist_index(v);

		assert_true(i == last || i == last + 1);
		last = i;
	}
	for (unsigned b = 9; b < 64; b++) {
		unsigned below = hist_index((1ull << b) - 1), at = hist_index(1ull << b);

		assert_true(at < HIST_N);
		assert_int_equal(at - below, b < HIST_BITS ? 1 : 0);
	}
	assert_int_equal(hist_index(UINT64_MAX), HIST_N - 1);
}

static void
test_merge(void **state)
{
	static struct hist a, b, sum, then;

	hist_clear(&a);
	hist_clear(&b);
	hist_clear(&sum);
	for (unsigned i = 0; i < N; i++) {
		value[i] = 1000 + draw() % 1000000;
		hist_add(i % 3 == 0 ? &a : &b, value[i]);
	}
	hist_merge(&sum, &a);
	hist_merge(&sum, &b);
	then = a;
	hist_clear(&a);
	hist_merge(&sum, &a); /* nothing */
	qsort(value, N, sizeof(value[0]), order);
	check_quantiles(&sum, value, N);

	/* what came since: extremes to a bucket, which is all that buckets know */
	a = then;
	hist_add(&a, 5);
	hist_add(&a, 70000);
	hist_add(&a, 3000000);
	hist_since(&b, &a, &then);
	assert_int_equal(b.count, 3);
	assert_int_equal(b.sum, 5 + 70000 + 3000000);
	assert_int_equal(b.min, 5);
	assert_int_equal(b.max, 3000000);
	assert_in_range(hist_quantile(&b, 0.5), 70000 - 70000 / 256, 70000 + 70000 / 256);
	hist_since(&b, &a, &a);
	assert_int_equal(b.count, 0);
	assert_int_equal(hist_quantile(&b, 0.5), 0);
}

static void
test_extremes(void **state)
{
	static struct hist h;

	hist_clear(&h);
	assert_int_equal(hist_quantile(&h, 0), 0);
	assert_int_equal(hist_quantile(&h, 0.5), 0);
	assert_int_equal(hist_quantile(&h, 1), 0);
	assert_true(hist_mean(&h) == 0);
	hist_add(&h, 0);
	assert_int_equal(hist_quantile(&h, 0.99), 0);
	hist_add(&h, UINT64_MAX >> 16);
	assert_int_equal(h.max, UINT64_MAX >> 16);
	assert_int_equal(hist_quantile(&h, 1), UINT64_MAX >> 16);
	assert_int_equal(hist_quantile(&h, 0.25), 0);
	hist_clear(&h);
	for (unsigned i = 0; i < 1000; i++)
		hist_add(&h, 123456789);
	for (double q = 0; q <= 1; q += 0.125)
		assert_int_equal(hist_quantile(&h, q), 123456789); /* never outside of what was seen */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_quantiles),
	    cmocka_unit_test(test_index),
	    cmocka_unit_test(test_merge),
	    cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
