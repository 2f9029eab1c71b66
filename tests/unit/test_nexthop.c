/* SPDX-License-Identifier: BSD-2-Clause */
/* Next hops: references, replacement and release, also while workers read. */
#include "route_double.h"

#include <errno.h>
#include <pthread.h>

#include "route/route_var.h"

static struct nexthop
pattern(unsigned i)
{
	struct nexthop nh = {.nh_type = NH_FORWARD, .nh_family = AF_INET, .nh_l2len = 14, .nh_ifindex = i % 251 + 1};

	memset(nh.nh_l2, i % 251 + 1, sizeof(nh.nh_l2));
	return nh;
}

static void
test_references(void **state)
{
	struct nexthop nh = pattern(1), multi = {.nh_type = NH_MULTIPATH, .nh_family = AF_INET};
	uint32_t a, b, m, slots[16];

	double_init();
	assert_int_equal(fib_init(), 0);
	assert_int_equal(nexthop_init(), 0);
	assert_int_equal(nexthop_get(NH_NOROUTE_INDEX)->nh_type, NH_NOROUTE);
	assert_int_equal(nexthop_get(NH_BLACKHOLE_INDEX)->nh_type, NH_BLACKHOLE);
	assert_int_equal(nexthop_get(NH_REJECT_INDEX)->nh_type, NH_REJECT);
	assert_int_equal(nexthop_get(NH_LOCAL6_INDEX)->nh_family, AF_INET6);
	nexthop_release(NH_REJECT_INDEX); /* those are not counted */
	assert_int_equal(nexthop_get(NH_REJECT_INDEX)->nh_type, NH_REJECT);

	a = nexthop_alloc(&nh);
	assert_true(a >= NH_FIRST_DYNAMIC);
	assert_int_equal((uintptr_t)nexthop_get(a) % MP_CACHELINE, 0);
	nexthop_ref(a);
	assert_int_equal(nexthop_refs(a), 2);
	nexthop_release(a);
	nh = pattern(2);
	assert_int_equal(nexthop_replace(a, &nh), 0);
	assert_int_equal(nexthop_get(a)->nh_l2[3], 3);
	for (unsigned i = 0; i < 16; i++)
		slots[i] = i;
	multi.nh_mp.mp_n = 16;
	multi.nh_mp.mp_nh = slots;
	m = nexthop_alloc(&multi);
	slots[5] = 99; /* ours was copied */
	assert_int_equal(nexthop_select(nexthop_get(m), 0x12345), 5);

	/* Released: as it was until the grace period is over, then a blackhole, and free only after another. */
	nexthop_release(a);
	assert_int_equal(nexthop_get(a)->nh_type, NH_FORWARD);
	double_poll();
	double_poll();
	assert_int_equal(nexthop_get(a)->nh_type, NH_BLACKHOLE);
	b = nexthop_alloc(&nh);
	assert_int_not_equal(a, b);
	double_drain();
	assert_int_equal(nexthop_count(), 2);
	a = nexthop_alloc(&nh);
	assert_int_equal(a, b + 1); /* the index rests */

	assert_false(nexthop_used(b));
	/* more often than a mark has values */
	for (unsigned i = 0; i < 600; i++) {
		nexthop_mark(mp_workers[i % 2 ? mp_nworkers : 0], b, nexthop_get(b));
		nexthop_mark(mp_workers[0], b, nexthop_get(b));
		if (i % 3 == 0)
			assert_int_equal(nexthop_replace(b, nexthop_get(b)), 0);
		assert_true(nexthop_used(b));
		assert_false(nexthop_used(b));
		assert_false(nexthop_used(b));
	}
	nexthop_release(a);
	nexthop_release(b);
	nexthop_release(m);
	double_drain();
	assert_int_equal(nexthop_count(), 0);
	nexthop_fini();
	fib_fini();
}

static void
test_full(void **state)
{
	struct nexthop nh = pattern(1);

	double_init();
	assert_int_equal(nexthop_init(), 0);
	for (uint32_t i = NH_FIRST_DYNAMIC; i < NH_MAX; i++)
		assert_int_not_equal(nexthop_alloc(&nh), NH_NOROUTE_INDEX);
	assert_int_equal(nexthop_alloc(&nh), NH_NOROUTE_INDEX);
	nexthop_release(NH_MAX / 2);
	double_drain();
	assert_int_equal(nexthop_alloc(&nh), NH_MAX / 2);
	nexthop_fini();
}

/* Workers follow the FIB to a next hop: it is whole, a forwarding one, and never the blackhole of a released index. */
static _Atomic bool stop;
static _Atomic unsigned wrong;

static void *
reader(void *arg)
{
	unsigned id = (uintptr_t)arg;

	while (!atomic_load(&stop)) {
		for (unsigned i = 0; i < 64; i++) {
			const struct nexthop *nh = nexthop_get(fib_lookup4(htonl(0x0a000001 + i)));
			bool bad = nh->nh_type != NH_FORWARD;

			for (unsigned k = 0; k < sizeof(nh->nh_l2); k++)
				bad |= nh->nh_l2[k] != nh->nh_ifindex;
			if (bad)
				atomic_fetch_add(&wrong, 1);
		}
		atomic_fetch_add_explicit(&double_quiet[id], 1, memory_order_release);
	}
	return NULL;
}

static void
test_threads(void **state)
{
	struct rt_key net = {0x0a00000000000000, 0};
	struct nexthop nh = pattern(0);
	uint32_t cur, old;
	pthread_t t[2];

	double_init();
	assert_int_equal(fib_init(), 0);
	assert_int_equal(nexthop_init(), 0);
	cur = nexthop_alloc(&nh);
	assert_int_equal(fib_set(AF_INET, &net, 8, cur), 0);
	atomic_store(&stop, false);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, reader, (void *)(uintptr_t)i), 0);
	double_nreaders = 2;
	for (unsigned op = 0; op < DOUBLE_OPS(200000); op++) {
		nh = pattern(op);
		if (op % 3 != 0) {
			assert_int_equal(nexthop_replace(cur, &nh), 0);
		} else {
			old = cur;
			cur = nexthop_alloc(&nh);
			assert_int_equal(fib_set(AF_INET, &net, 8, cur), 0);
			nexthop_release(old);
		}
		if (op % 4 == 0)
			double_poll();
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	double_drain();
	assert_int_equal(atomic_load(&wrong), 0);
	nexthop_release(cur);
	double_drain();
	nexthop_fini();
	fib_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_references),
	    cmocka_unit_test(test_full),
	    cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
