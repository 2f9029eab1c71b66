/* SPDX-License-Identifier: BSD-2-Clause */
/* FIB against a naive model: random inserts, changes, removals and look-ups of both families. */
#include "route_double.h"

#include "route/fib_var.h"
#include "route/route.h"

#include <errno.h>
#include <pthread.h>

/* Memory that is refused: one allocation of control's in so many fails. */
static unsigned refuse;
static unsigned refused;
void *__real_realloc(void *, size_t);
void *__wrap_realloc(void *, size_t);

void *
__wrap_realloc(void *p, size_t size)
{
	if (refuse != 0 && double_random() % refuse == 0) {
		refused++;
		return NULL;
	}
	return __real_realloc(p, size);
}

/* The model: a hash table of prefixes, asked for every length from the longest down. */
#define MODEL_SIZE (1u << 23)

struct model_entry {
	struct rt_key key;
	uint8_t plen;
	uint8_t state; /* 0 never used, 1 used, 2 removed */
	uint32_t nh;
};

static struct model_entry *model;
static unsigned model_count[129];

static struct rt_key
key_mask(struct rt_key k, unsigned plen)
{
	k.hi &= plen == 0 ? 0 : plen >= 64 ? ~0ull : ~0ull << (64 - plen);
	k.lo &= plen <= 64 ? 0 : ~0ull << (128 - plen);
	return k;
}

static struct model_entry *
model_find(struct rt_key k, unsigned plen, bool make)
{
	uint64_t h = (k.hi * 0x9E3779B97F4A7C15ull ^ k.lo * 0xC2B2AE3D27D4EB4Full ^ plen * 0x165667B19E3779F9ull);
	struct model_entry *hole = NULL;

	h ^= h >> 29;
	for (;; h++) {
		struct model_entry *e = &model[h & (MODEL_SIZE - 1)];

		if (e->state == 1 && e->plen == plen && e->key.hi == k.hi && e->key.lo == k.lo)
			return e;
		if (e->state == 2 && hole == NULL)
			hole = e;
		if (e->state == 0) {
			if (!make)
				return NULL;
			if (hole != NULL)
				e = hole;
			e->key = k;
			e->plen = plen;
			e->state = 1;
			model_count[plen]++;
			return e;
		}
	}
}

static struct model_entry *
model_match(struct rt_key k, int maxplen)
{
	for (int plen = maxplen; plen >= 0; plen--) {
		struct model_entry *e;

		if (model_count[plen] == 0)
			continue;
		e = model_find(key_mask(k, plen), plen, false);
		if (e != NULL)
			return e;
	}
	return NULL;
}

static uint32_t
lookup(int family, struct rt_key k)
{
	struct in6_addr a;

	if (family == AF_INET)
		return fib_lookup4(htonl(k.hi >> 32));
	for (unsigned i = 0; i < 16; i++)
		a.s6_addr[i] = rt_key_octet(&k, i);
	return fib_lookup6(&a);
}

/* A crowded universe: few values per octet, so that prefixes nest and collide. */
static struct rt_key
random_key(int family)
{
	struct rt_key k = {0, 0};
	static const uint8_t few[] = {0, 1, 2, 127, 128, 255, 254, 32};

	for (unsigned i = 0; i < (family == AF_INET ? 4 : 16); i++) {
		uint64_t o =
		    double_random() % 8 < 6 ? few[double_random() % 8 & (i < 3 ? 3 : 7)] : double_random() & 255;

		if (i < 8)
			k.hi |= o << (56 - 8 * i);
		else
			k.lo |= o << (120 - 8 * i);
	}
	return k;
}

static unsigned
random_plen(int family)
{
	unsigned bits = family == AF_INET ? 32 : 128;

	if (double_random() % 4 == 0)
		return bits;
	/* Short ones are rare: each of them walks most of the table. */
	if (double_random() % 512 == 0)
		return double_random() % 17;
	return 17 + double_random() % (bits - 16);
}

static void
check_around(int family, struct rt_key k, unsigned plen)
{
	struct rt_key probe[5] = {k, k, k, k, random_key(family)};

	if (plen > 0 && plen <= 64) /* the last and the next of the prefix */
		probe[1].hi |= plen == 64 ? 0 : ~0ull >> plen, probe[2].hi += 1ull << (64 - plen);
	probe[3].hi ^= double_random() & 0xffffffff00000000ull;
	if (family == AF_INET) {
		for (unsigned i = 0; i < 5; i++)
			probe[i].hi &= 0xffffffff00000000ull;
	} else {
		probe[3].hi = k.hi;
		probe[3].lo ^= 1ull << (double_random() % 64);
	}
	for (unsigned i = 0; i < 5; i++) {
		struct model_entry *e = model_match(probe[i], family == AF_INET ? 32 : 128);

		assert_int_equal(lookup(family, probe[i]), e != NULL ? e->nh : 0);
	}
}

static void
run_model(int family, unsigned nops)
{
	unsigned bits = family == AF_INET ? 32 : 128, nkept = 0;
	struct model_entry **kept = calloc(nops, sizeof(*kept));

	double_init();
	assert_int_equal(fib_init(), 0);
	model = calloc(MODEL_SIZE, sizeof(*model));
	memset(model_count, 0, sizeof(model_count));
	for (unsigned op = 0; op < nops; op++) {
		/* Grow for a while, then shrink, so that removal of full blocks is seen. */
		bool grow = op / (nops / 6) % 2 == 0;

		if (double_random() % 8 < (grow ? 6u : 2u)) {
			unsigned plen = random_plen(family);
			struct rt_key k = key_mask(random_key(family), plen);
			/* now and then one that does not fit 16 bits */
			uint32_t nh = 16 + double_random() % (double_random() % 8 ? 1000 : NH_MAX - 16);
			struct model_entry *e = model_find(k, plen, false);
			int error = fib_set(family, &k, plen, nh);

			/* A prefix that is set already needs no memory; without memory nothing changes. */
			assert_true(error == 0 || (error == -ENOMEM && refuse != 0 && e == NULL));
			if (error == 0) {
				if (e == NULL)
					kept[nkept++] = e = model_find(k, plen, true);
				e->nh = nh;
			}
			check_around(family, k, plen);
		} else if (nkept > 0) {
			unsigned i = double_random() % nkept;
			struct model_entry *e = kept[i], *cover;
			struct rt_key k = e->key;
			unsigned plen = e->plen;

			kept[i] = kept[--nkept];
			e->state = 2;
			model_count[plen]--;
			cover = plen > 0 ? model_match(k, plen - 1) : NULL;
			fib_clear(family, &k, plen, cover != NULL ? cover->plen : 0, cover != NULL ? cover->nh : 0);
			check_around(family, k, plen);
		}
		if (op % 64 == 0)
			double_poll();
	}
	/* Vectors of every size, and then everything goes: no block may stay behind. */
	for (unsigned n = 0; n <= 65; n++) {
		struct rt_key k[65];
		uint32_t dst[65], nh[66];
		struct in6_addr a[65];
		const struct in6_addr *pa[65];

		for (unsigned i = 0; i < n; i++) {
			k[i] = random_key(family);
			dst[i] = htonl(k[i].hi >> 32);
			pa[i] = &a[i];
			for (unsigned o = 0; o < 16; o++)
				a[i].s6_addr[o] = rt_key_octet(&k[i], o);
		}
		nh[n] = 0xdeadbeef;
		if (family == AF_INET)
			fib_lookup4_vec(dst, nh, n);
		else
			fib_lookup6_vec(pa, nh, n);
		for (unsigned i = 0; i < n; i++) {
			struct model_entry *e = model_match(k[i], bits);

			assert_int_equal(nh[i], e != NULL ? e->nh : 0);
		}
		assert_int_equal(nh[n], 0xdeadbeef);
	}
	assert_true(fib_blocks(family) > 0);
	while (nkept > 0) {
		struct model_entry *e = kept[--nkept], *cover;

		e->state = 2;
		model_count[e->plen]--;
		cover = e->plen > 0 ? model_match(e->key, e->plen - 1) : NULL;
		fib_clear(family, &e->key, e->plen, cover != NULL ? cover->plen : 0, cover != NULL ? cover->nh : 0);
	}
	double_drain();
	assert_int_equal(fib_blocks(family), 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(lookup(family, random_key(family)), 0);
	free(kept);
	free(model);
	fib_fini();
}

/* LONG=1: millions of operations */
static unsigned
many(unsigned n)
{
	return getenv("LONG") != NULL ? n * 8 : n;
}

static void
test_model4(void **state)
{
	run_model(AF_INET, many(DOUBLE_OPS(300000)));
}

static void
test_model6(void **state)
{
	run_model(AF_INET6, many(DOUBLE_OPS(300000)));
}

/* The same while memory is short: a change that fails changes nothing. */
static void
test_nomem(void **state)
{
	refuse = 6;
	refused = 0;
	run_model(AF_INET, DOUBLE_OPS(60000));
	run_model(AF_INET6, DOUBLE_OPS(60000));
	refuse = 0;
	assert_true(refused > 1000);
}

/*
 * Many neighbours in one network, of addresses that are near and far: full leaves become inner nodes and leaves again.
 */
static void
test_dense(void **state)
{
	const unsigned n = DOUBLE_OPS(100000);
	struct rt_key net = {0x20010db800010002, 0}, net4 = {0x0a00000000000000, 0};

	double_init();
	assert_int_equal(fib_init(), 0);
	assert_int_equal(fib_set(AF_INET, &net4, 8, 17), 0);
	assert_int_equal(fib_set(AF_INET6, &net, 64, 17), 0);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < n; i++) {
			struct rt_key k4 = {net4.hi | (uint64_t)(i + 1) << 32, 0};
			struct rt_key k6 = {net.hi, i % 2 ? i : i * 0x9E3779B97F4A7C15ull};

			assert_int_equal(fib_set(AF_INET, &k4, 32, 100 + i), 0);
			assert_int_equal(fib_set(AF_INET6, &k6, 128, 100 + i), 0);
			if (i % 64 == 0)
				double_poll();
		}
		/* as many octets a neighbour as are explained */
		assert_true(fib_memory(AF_INET) + fib_memory(AF_INET6) < (size_t)n * 200 + (4u << 20));
		for (unsigned i = 0; i < n; i++) {
			struct rt_key k4 = {net4.hi | (uint64_t)(i + 1) << 32, 0};
			struct rt_key k6 = {net.hi, i % 2 ? i : i * 0x9E3779B97F4A7C15ull};

			assert_int_equal(lookup(AF_INET, k4), 100 + i);
			assert_int_equal(lookup(AF_INET6, k6), 100 + i);
			fib_clear(AF_INET, &k4, 32, 8, 17);
			fib_clear(AF_INET6, &k6, 128, 64, 17);
			assert_int_equal(lookup(AF_INET, k4), 17);
			assert_int_equal(lookup(AF_INET6, k6), 17);
			if (i % 64 == 0)
				double_poll();
		}
	}
	fib_clear(AF_INET, &net4, 8, 0, 0);
	fib_clear(AF_INET6, &net, 64, 0, 0);
	double_drain();
	assert_int_equal(fib_blocks(AF_INET), 0);
	assert_int_equal(fib_blocks(AF_INET6), 0);
	fib_fini();
}

/*
 * Workers look up while control adds and removes longer prefixes and makes blocks come and go.  Under 10.0.0.0/8 with
 * next hop 100 there are only /16 .. /32 with next hop 200: a worker must find one of the two, for 10.1.2.3 and for
 * 2001:db8::1 alike, and 300 for the address that never changes in the middle of them.
 */
static _Atomic bool stop;
static _Atomic unsigned wrong;

static void *
reader(void *arg)
{
	unsigned id = (uintptr_t)arg;
	struct in6_addr a6 = {{{0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}}, b6 = a6;
	const struct in6_addr *both6[8] = {&a6, &b6, &a6, &a6, &a6, &b6, &a6, &a6};
	uint32_t a4 = htonl(0x0a010203), b4 = htonl(0x0a010204);
	uint32_t both4[8] = {a4, b4, a4, a4, a4, b4, a4, a4}, nh[8];

	b6.s6_addr[15] = 13;
	while (!atomic_load(&stop)) {
		for (unsigned i = 0; i < 32; i++) {
			uint32_t r4 = fib_lookup4(a4), r6 = fib_lookup6(&a6);

			if ((r4 != 100 && r4 != 200) || (r6 != 100 && r6 != 200) || fib_lookup4(b4) != 300 ||
			    fib_lookup6(&b6) != 300)
				atomic_fetch_add(&wrong, 1);
			fib_lookup4_vec(both4, nh, 8);
			for (unsigned k = 0; k < 8; k++)
				if (k % 4 == 1 ? nh[k] != 300 : nh[k] != 100 && nh[k] != 200)
					atomic_fetch_add(&wrong, 1);
			fib_lookup6_vec(both6, nh, 8);
			for (unsigned k = 0; k < 8; k++)
				if (k % 4 == 1 ? nh[k] != 300 : nh[k] != 100 && nh[k] != 200)
					atomic_fetch_add(&wrong, 1);
		}
		atomic_fetch_add_explicit(&double_quiet[id], 1, memory_order_release);
	}
	return NULL;
}

static void
test_threads(void **state)
{
	struct rt_key a4 = {0x0a01020300000000, 0}, b4 = {0x0a01020400000000, 0};
	struct rt_key a6 = {0x20010db801020304, 0x05060708090a0b0c}, b6 = {0x20010db801020304, 0x05060708090a0b0d};
	struct rt_key k;
	bool set4[33] = {false}, set6[129] = {false};
	pthread_t t[2];

	double_init();
	assert_int_equal(fib_init(), 0);
	k = key_mask(a4, 8);
	assert_int_equal(fib_set(AF_INET, &k, 8, 100), 0);
	k = key_mask(a6, 16);
	assert_int_equal(fib_set(AF_INET6, &k, 16, 100), 0);
	assert_int_equal(fib_set(AF_INET, &b4, 32, 300), 0);
	assert_int_equal(fib_set(AF_INET6, &b6, 128, 300), 0);
	atomic_store(&stop, false);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, reader, (void *)(uintptr_t)i), 0);
	double_nreaders = 2;
	for (unsigned op = 0; op < DOUBLE_OPS(60000); op++) {
		bool v6 = op & 1;
		unsigned plen = v6 ? 17 + double_random() % 112 : 9 + double_random() % 24;
		bool *set = v6 ? set6 : set4;
		int family = v6 ? AF_INET6 : AF_INET;
		int cover = plen - 1, shortest = v6 ? 16 : 8;

		k = key_mask(v6 ? a6 : a4, plen);
		if (!set[plen]) {
			assert_int_equal(fib_set(family, &k, plen, 200), 0);
		} else {
			while (cover > shortest && !set[cover])
				cover--;
			fib_clear(family, &k, plen, cover, cover == shortest ? 100 : 200);
		}
		set[plen] = !set[plen];
		/* Now and then neither the neighbour nor anything else keeps the blocks. */
		if (op % 8 == 0)
			double_poll();
		if (op % 5000 == 0) {
			k = key_mask(v6 ? a6 : a4, shortest);
			assert_int_equal(fib_set(family, &k, shortest, 100), 0);
		}
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	double_drain();
	assert_int_equal(atomic_load(&wrong), 0);
	fib_fini();
}

/*
 * A default route and a longer one take turns, one always before the other goes: a worker never finds neither, although
 * they are words of different tables.
 */
static void *
reader_top(void *arg)
{
	unsigned id = (uintptr_t)arg;
	struct in6_addr a6 = {{{0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}};

	while (!atomic_load(&stop)) {
		for (unsigned i = 0; i < 32; i++) {
			uint32_t r4 = fib_lookup4(htonl(0x0a010203)), r6 = fib_lookup6(&a6);

			if ((r4 != 100 && r4 != 200) || (r6 != 100 && r6 != 200))
				atomic_fetch_add(&wrong, 1);
		}
		atomic_fetch_add_explicit(&double_quiet[id], 1, memory_order_release);
	}
	return NULL;
}

static void
test_top(void **state)
{
	struct rt_key zero = {0, 0}, net4 = {0x0a01020000000000, 0}, net6 = {0x20010db801020000, 0};
	pthread_t t[2];

	double_init();
	assert_int_equal(fib_init(), 0);
	assert_int_equal(fib_set(AF_INET, &zero, 0, 100), 0);
	assert_int_equal(fib_set(AF_INET6, &zero, 0, 100), 0);
	atomic_store(&stop, false);
	atomic_store(&wrong, 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, reader_top, (void *)(uintptr_t)i), 0);
	double_nreaders = 2;
	for (unsigned op = 0; op < DOUBLE_OPS(200000); op++) {
		bool v6 = op % 128 == 0; /* 65,536 words each */
		int family = v6 ? AF_INET6 : AF_INET;
		const struct rt_key *net = v6 ? &net6 : &net4;
		unsigned plen = v6 ? 48 : 24;

		assert_int_equal(fib_set(family, net, plen, 200), 0);
		fib_clear(family, &zero, 0, 0, 0);
		assert_int_equal(fib_set(family, &zero, 0, 100), 0);
		fib_clear(family, net, plen, 0, 100);
		if (op % 8 == 0)
			double_poll();
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	double_drain();
	assert_int_equal(atomic_load(&wrong), 0);
	fib_fini();
}

/*
 * The table as large as a small machine allows, and no grace period ends: new prefixes are refused, ones that are set take
 * another next hop whatever happens, and in the end longer ones are lost, but none leads to a next hop that it had before.
 */
static void
test_exhausted(void **state)
{
	const unsigned n = 1000000;

	for (unsigned v6 = 0; v6 < 2; v6++) {
		int family = v6 ? AF_INET6 : AF_INET;
		unsigned set = 0, lost = 0, plen = v6 ? 64 : 26;
		struct rt_key k, cover = {v6 ? 0x20010d0000000000 : 0x0a00000000000000, 0};

		double_init();
		fib_chunks_most = 32u << 20;
		assert_int_equal(fib_init(), 0);
		fib_chunks_most = FIB_MAXCHUNKS;
		for (; set < n; set++) {
			k = (struct rt_key){cover.hi | (v6 ? (uint64_t)set << 10 : (uint64_t)set << 38), 0};
			k = key_mask(k, plen);
			if (fib_set(family, &k, plen, 100 + set % 100) != 0)
				break;
		}
		assert_true(set > 100); /* no grace period has ended: what is refused is soon accepted */
		assert_true(set < n);
		double_drain();
		/* all of them go elsewhere, a number of times, and then those that cover them */
		for (unsigned round = 1; round <= 20; round++)
			for (unsigned i = 0; i < set; i++) {
				uint32_t nh;
				int error;

				k = (struct rt_key){cover.hi | (v6 ? (uint64_t)i << 10 : (uint64_t)i << 38), 0};
				k = key_mask(k, plen);
				error = fib_set(family, &k, plen, 1000 * round + i % 100);
				nh = lookup(family, k);
				assert_true(nh == 0 || (error == 0 && nh == 1000 * round + i % 100));
				lost += nh == 0;
			}
		assert_true(lost > 0);
		for (unsigned i = 0; i < set; i++) {
			k = (struct rt_key){cover.hi | (v6 ? (uint64_t)i << 10 : (uint64_t)i << 38), 0};
			k = key_mask(k, plen);
			fib_clear(family, &k, plen, 0, 0);
			assert_int_equal(lookup(family, k), 0);
		}
		double_drain();
		assert_int_equal(fib_blocks(family), 0);
		fib_fini();
	}
}

/*
 * Chunks of the same sizes are built over and over for many networks, each with next hops of its own: a worker that follows a
 * chunk that was used again too early finds another network's.
 */
#define REUSE 64

static void *
reader_reuse(void *arg)
{
	unsigned id = (uintptr_t)arg;
	uint32_t dst[16], nh[16];
	struct in6_addr a[16];
	const struct in6_addr *pa[16];

	for (unsigned k = 0; k < 16; k++)
		pa[k] = &a[k];
	for (unsigned round = id; !atomic_load(&stop); round++) {
		for (unsigned net = 0; net < REUSE; net++) {
			for (unsigned k = 0; k < 16; k++) {
				dst[k] = htonl(0x0a000000 | ((net + k) % REUSE) << 16 | 0x0101);
				a[k] = (struct in6_addr){{{0x20, 1, 0xd, (net + k) % REUSE, 0, 0, 0, 1}}};
				a[k].s6_addr[15] = 1;
			}
			fib_lookup4_vec(dst, nh, 16);
			for (unsigned k = 0; k < 16; k++)
				if (nh[k] / 1000 != 1 + (net + k) % REUSE)
					atomic_fetch_add(&wrong, 1);
			fib_lookup6_vec(pa, nh, 16);
			for (unsigned k = 0; k < 16; k++)
				if (nh[k] / 1000 != 1 + (net + k) % REUSE)
					atomic_fetch_add(&wrong, 1);
		}
		atomic_fetch_add_explicit(&double_quiet[id], 1, memory_order_release);
	}
	return NULL;
}

static void
test_reuse(void **state)
{
	pthread_t t[2];

	double_init();
	assert_int_equal(fib_init(), 0);
	for (unsigned round = 0; round <= DOUBLE_OPS(4000); round++) {
		for (unsigned net = 0; net < REUSE; net++) {
			static const unsigned plens[2][4] = {{16, 24, 30, 32}, {32, 64, 100, 128}};
			uint32_t nh = 1000 * (net + 1) + double_random() % 999;

			for (unsigned v6 = 0; v6 < 2; v6++)
				for (unsigned i = 0; i < 4; i++) {
					struct rt_key k = {0x0a00010100000000 | (uint64_t)net << 48, 0};

					if (round != 0 && double_random() % 2)
						continue;
					if (v6)
						k = (struct rt_key){0x20010d0000000001 | (uint64_t)net << 32, 1};
					k = key_mask(k, plens[v6][i]);
					assert_int_equal(
					    fib_set(v6 ? AF_INET6 : AF_INET, &k, plens[v6][i], nh + i % 2), 0);
				}
		}
		if (round == 0) {
			atomic_store(&stop, false);
			atomic_store(&wrong, 0);
			for (unsigned i = 0; i < 2; i++)
				assert_int_equal(pthread_create(&t[i], NULL, reader_reuse, (void *)(uintptr_t)i), 0);
			double_nreaders = 2;
		}
		double_poll();
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	double_drain();
	assert_int_equal(atomic_load(&wrong), 0);
	fib_fini();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_model4),
	    cmocka_unit_test(test_model6),
	    cmocka_unit_test(test_nomem),
	    cmocka_unit_test(test_dense),
	    cmocka_unit_test(test_threads),
	    cmocka_unit_test(test_top),
	    cmocka_unit_test(test_reuse),
	    cmocka_unit_test(test_exhausted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
