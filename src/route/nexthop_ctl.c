/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Next hops: allocation, replacement, release.  Synchronization and Lifetime: see nexthop.c.
 *
 * Release of the last reference, in order:
 *	1. the FIB and the multipath groups name the index no more (the caller's part);
 *	2. a grace period: no worker is between look-up and nexthop_get with this index;
 *	3. the index names a blackhole: packets that waited in a ring are dropped;
 *	4. a grace period: no worker holds the object;
 *	5. the object is freed, the index joins the end of the free list.  It rests there until NH_REST others came
 *	   after it, because packets in rings may still name it.
 * When an interface goes, step 3 comes at once for its next hops (nexthop_ifnet_detach): after the grace period that
 * if_detach waits for, no worker can come from a packet in a ring to the interface's memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mp/slice.h"
#include "route/route.h"
#include "route/route_var.h"

#define NH_DETACH_PIECE 1024 /* next hops between two looks at the clock */

struct nh_object {
	struct nexthop nh; /* [I] */
	uint32_t index;	   /* [I] */
	uint32_t slots[];  /* [I] of NH_MULTIPATH */
};

/* Whose the index is: its owner's; diverted; its owner's again, which has not replaced the diversion yet. */
enum nh_lead { NH_OWNED, NH_DIVERTED, NH_RESTORED };

static uint32_t nh_refs[NH_MAX]; /* [c] */
static uint8_t nh_lead[NH_MAX];	 /* [c] enum nh_lead */
static uint32_t nh_next[NH_MAX]; /* [c] free list, 0 ends it */

/* Next hops with an MTU of their own: each follows another one, its base, and holds a reference on it. */
static uint32_t nh_limit_base[NH_MAX];	/* [c] 0: not such a one */
static uint32_t nh_limit_next[NH_MAX];	/* [c] of the same base */
static uint32_t nh_limit_first[NH_MAX]; /* [c] of the base */
static uint16_t nh_limit_mtu[NH_MAX];	/* [c] */

static uint32_t nh_free_first, nh_free_last;
static uint32_t nh_fresh = NH_FIRST_DYNAMIC;
static uint32_t nh_nfree;
static uint32_t nh_inuse;

#define NH_REST 1024

static size_t
nh_object_size(const struct nexthop *nh)
{
	return sizeof(struct nh_object) +
	       (nh->nh_type == NH_MULTIPATH ? (nh->nh_mp.mp_n + nh->nh_mp.mp_quiet) * sizeof(uint32_t) : 0);
}

static void
nh_object_destroy(struct nh_object *o)
{
	nexthop_mem_free(o, nh_object_size(&o->nh));
}

static struct nexthop nh_fixed[NH_FIRST_DYNAMIC] = {
    [NH_NOROUTE_INDEX] = {.nh_type = NH_NOROUTE},
    [NH_BLACKHOLE_INDEX] = {.nh_type = NH_BLACKHOLE},
    [NH_REJECT_INDEX] = {.nh_type = NH_REJECT},
    [NH_LOCAL4_INDEX] = {.nh_type = NH_LOCAL, .nh_family = AF_INET},
    [NH_LOCAL6_INDEX] = {.nh_type = NH_LOCAL, .nh_family = AF_INET6},
};

/* => control; 0 or -ENOMEM */
int
nexthop_init(void)
{
	ASSERT_CONTROL();
	lines_table(nexthop_table, sizeof(nexthop_table), "nexthop_table");
	for (uint32_t i = 0; i < NH_FIRST_DYNAMIC; i++)
		atomic_store_explicit(&nexthop_table[i], &nh_fixed[i], memory_order_release);
	for (unsigned i = 0; i <= mp_nworkers; i++) {
		void *p =
		    mmap(NULL, NH_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (p == MAP_FAILED) {
			nexthop_fini();
			return -ENOMEM;
		}
		nexthop_marks[i] = p;
	}
	return 0;
}

/* => control; no worker runs any more and what was deferred has run */
void
nexthop_fini(void)
{
	for (uint32_t i = NH_FIRST_DYNAMIC; i < nh_fresh; i++) {
		struct nexthop *nh = atomic_load_explicit(&nexthop_table[i], memory_order_relaxed);

		if (nh != NULL && nh != &nh_fixed[NH_BLACKHOLE_INDEX])
			nh_object_destroy((struct nh_object *)nh);
		atomic_store_explicit(&nexthop_table[i], NULL, memory_order_relaxed);
		nh_refs[i] = nh_next[i] = nh_limit_base[i] = nh_limit_next[i] = nh_limit_first[i] = 0;
	}
	nh_fresh = NH_FIRST_DYNAMIC;
	atomic_store_explicit(&nexthop_many, false, memory_order_relaxed);
	nh_free_first = nh_free_last = nh_nfree = nh_inuse = 0;
	for (unsigned i = 0; i <= mp_nworkers; i++) {
		if (nexthop_marks[i] != NULL)
			munmap(nexthop_marks[i], NH_MAX);
		nexthop_marks[i] = NULL;
	}
}

static struct nh_object *
nh_object_make(const struct nexthop *nh, uint32_t index)
{
	size_t nslots = nh->nh_type == NH_MULTIPATH ? nh->nh_mp.mp_n + nh->nh_mp.mp_quiet : 0;
	struct nh_object *o = nexthop_mem_alloc(nh_object_size(nh));

	if (o == NULL)
		return NULL;
	o->nh = *nh;
	o->index = index;
	if (nslots != 0) {
		memcpy(o->slots, nh->nh_mp.mp_nh, nslots * sizeof(uint32_t));
		o->nh.nh_mp.mp_nh = o->slots;
	}
	return o;
}

static struct nh_object *
nh_object_of(struct mp_deferred *d)
{
	return (struct nh_object *)((char *)d - offsetof(struct nh_object, nh.nh_deferred));
}

static void
nh_object_free(struct mp_deferred *d)
{
	nh_object_destroy(nh_object_of(d));
}

/* A mark that no thread's marks hold for the index: whoever has it from here on used the next hop from here on. */
static uint8_t
nh_mark_next(uint32_t index, uint8_t mark)
{
	bool held;

	do {
		mark = mark == UINT8_MAX ? 1 : mark + 1;
		held = false;
		for (unsigned i = 0; i <= mp_nworkers; i++)
			held |= atomic_load_explicit(&nexthop_marks[i][index], memory_order_relaxed) == mark;
	} while (held); /* there are fewer threads than values */
	return mark;
}

uint32_t
nexthop_alloc(const struct nexthop *nh)
{
	struct nh_object *o;
	uint32_t index = nh_nfree > NH_REST || nh_fresh >= NH_MAX ? nh_free_first : nh_fresh;

	ASSERT_CONTROL();
	if (index == 0)
		return NH_NOROUTE_INDEX;
	o = nh_object_make(nh, index);
	if (o == NULL)
		return NH_NOROUTE_INDEX;
	if (index == nh_free_first) {
		nh_free_first = nh_next[index];
		if (nh_free_first == 0)
			nh_free_last = 0;
		nh_nfree--;
	} else {
		nh_fresh++;
		if (nh_fresh == NH_MANY)
			atomic_store_explicit(&nexthop_many, true, memory_order_relaxed);
	}
	atomic_init(&o->nh.nh_mark, nh_mark_next(index, 0));
	nh_refs[index] = 1;
	nh_lead[index] = NH_OWNED;
	nh_inuse++;
	atomic_store_explicit(&nexthop_table[index], &o->nh, memory_order_release);
	return index;
}

/* What workers find under the index from now on. */
static int
nh_object_swap(uint32_t index, const struct nexthop *nh)
{
	struct nexthop *old = nexthop_get(index);
	uint8_t mark = atomic_load_explicit(&old->nh_mark, memory_order_relaxed);
	struct nh_object *o;

	ASSERT_CONTROL();
	MP_ASSERT(index >= NH_FIRST_DYNAMIC && index < NH_MAX && nh_refs[index] > 0);
	o = nh_object_make(nh, index);
	if (o == NULL)
		return -ENOMEM;
	/* it is the same next hop still: what used the old object counts */
	atomic_init(&o->nh.nh_mark, mark != 0 ? mark : nh_mark_next(index, 0));
	atomic_store_explicit(&nexthop_table[index], &o->nh, memory_order_release);
	if (old != &nh_fixed[NH_BLACKHOLE_INDEX])
		mp_defer(&old->nh_deferred, nh_object_free);
	return 0;
}

/* What the base is, with the MTU of one that follows it. */
static struct nexthop
nh_limited_copy(uint32_t base, uint32_t mtu)
{
	struct nexthop nh = *nexthop_get(base);
	uint32_t most = nh.nh_mtu;

	if (nh.nh_ifp == NULL || nh.nh_type == NH_MULTIPATH)
		return nh; /* leads away, or nowhere */
	if (most == 0)
		most = atomic_load_explicit(&nh.nh_ifp->if_mtu, memory_order_relaxed);
	if (mtu < most)
		nh.nh_mtu = (uint16_t)mtu;
	return nh;
}

/* Those that follow the base do so now; one that is diverted itself only when the base leads somewhere. */
static int
nh_limited_follow(uint32_t base, bool leads)
{
	int error = 0;

	for (uint32_t i = nh_limit_first[base]; i != 0; i = nh_limit_next[i]) {
		struct nexthop nh = nh_limited_copy(base, nh_limit_mtu[i]);

		if (nh_lead[i] == NH_DIVERTED && !leads)
			continue;
		nh_lead[i] = NH_OWNED;
		if (nh_object_swap(i, &nh) != 0)
			error = -ENOMEM;
	}
	return error;
}

/*
 * => control; the next hop that is what base is, and follows its changes, but has no larger MTU than this one; with a
 * reference.  NH_NOROUTE_INDEX: no memory
 */
uint32_t
nexthop_limited(uint32_t base, uint32_t mtu)
{
	struct nexthop nh = nh_limited_copy(base, mtu);
	uint32_t i = nh_limit_first[base];

	ASSERT_CONTROL();
	MP_ASSERT(nh_limit_base[base] == 0 && mtu <= UINT16_MAX);
	while (i != 0 && nh_limit_mtu[i] != mtu)
		i = nh_limit_next[i];
	if (i == 0) {
		i = nexthop_alloc(&nh);
		if (i == NH_NOROUTE_INDEX)
			return i;
		nexthop_ref(base);
		nh_limit_mtu[i] = (uint16_t)mtu;
		nh_limit_base[i] = base;
		nh_limit_next[i] = nh_limit_first[base];
		nh_limit_first[base] = i;
		return i;
	}
	if (nh_lead[i] != NH_OWNED) {
		if (nh_object_swap(i, &nh) != 0)
			return NH_NOROUTE_INDEX;
		nh_lead[i] = NH_OWNED;
	}
	nexthop_ref(i);
	return i;
}

/* => control; what it follows, or itself */
uint32_t
nexthop_base(uint32_t index)
{
	return nh_limit_base[index] != 0 ? nh_limit_base[index] : index;
}

static void
nh_limited_gone(uint32_t index)
{
	uint32_t base = nh_limit_base[index], *p = &nh_limit_first[base];

	if (base == 0)
		return;
	while (*p != index)
		p = &nh_limit_next[*p];
	*p = nh_limit_next[index];
	nh_limit_next[index] = nh_limit_base[index] = 0;
	nexthop_release(base);
}

int
nexthop_replace(uint32_t index, const struct nexthop *nh)
{
	bool leads = nh->nh_type != NH_UNRESOLVED && nh->nh_type != NH_GLEAN && nh->nh_type != NH_BLACKHOLE;
	int error;

	ASSERT_CONTROL();
	if (nh_lead[index] == NH_DIVERTED && !leads)
		return 0; /* nobody is there: packets go where they were diverted to */
	nh_lead[index] = NH_OWNED;
	error = nh_object_swap(index, nh);
	if (error == 0 && nh_limit_first[index] != 0)
		error = nh_limited_follow(index, leads);
	return error;
}

/*
 * => control; packets that name the index go where another one leads (0: nowhere: no route), until its owner makes it
 * usable (nexthop_replace) or wants it back (nexthop_restore).  The caller has references on both.  0 or -ENOMEM
 */
int
nexthop_divert(uint32_t index, uint32_t to)
{
	struct nexthop nh = {.nh_type = NH_NOROUTE};
	const struct nexthop *other = nexthop_get(to);
	int error;

	if (to != NH_NOROUTE_INDEX) {
		nh = (struct nexthop){.nh_type = NH_MULTIPATH, .nh_family = other->nh_family};
		if (other->nh_type == NH_MULTIPATH) {
			nh.nh_mp = other->nh_mp;
		} else {
			nh.nh_mp.mp_n = 1;
			nh.nh_mp.mp_nh = &to;
		}
	}
	error = nh_object_swap(index, &nh);
	if (error != 0)
		return error;
	nh_lead[index] = NH_DIVERTED;
	return nh_limited_follow(index, false);
}

/* => control; do packets that name the index go elsewhere? */
bool
nexthop_diverted(uint32_t index)
{
	return index < NH_MAX && nh_lead[index] == NH_DIVERTED;
}

/* => control; do they, or did they when its owner got it back and did not use it yet? */
bool
nexthop_leads_away(uint32_t index)
{
	return index < NH_MAX && nh_lead[index] != NH_OWNED;
}

bool
nexthop_restore(uint32_t index)
{
	bool was = nexthop_diverted(index);

	ASSERT_CONTROL();
	if (was)
		nh_lead[index] = NH_RESTORED;
	return was;
}

/* => control; the fixed ones are not counted */
void
nexthop_ref(uint32_t index)
{
	ASSERT_CONTROL();
	if (index < NH_FIRST_DYNAMIC)
		return;
	MP_ASSERT(index < NH_MAX && nh_refs[index] > 0);
	nh_refs[index]++;
}

/* Step 5 of the order above */
static void
nh_index_free(struct mp_deferred *d)
{
	struct nh_object *o = nh_object_of(d);
	uint32_t index = o->index;

	nh_object_destroy(o);
	nh_next[index] = 0;
	if (nh_free_last != 0)
		nh_next[nh_free_last] = index;
	else
		nh_free_first = index;
	nh_free_last = index;
	nh_nfree++;
	nh_inuse--;
}

/* Step 3 */
static void
nh_index_retire(struct mp_deferred *d)
{
	struct nh_object *o = nh_object_of(d);

	atomic_store_explicit(&nexthop_table[o->index], &nh_fixed[NH_BLACKHOLE_INDEX], memory_order_release);
	mp_defer(&o->nh.nh_deferred, nh_index_free);
}

void
nexthop_release(uint32_t index)
{
	ASSERT_CONTROL();
	if (index < NH_FIRST_DYNAMIC)
		return;
	MP_ASSERT(index < NH_MAX && nh_refs[index] > 0);
	if (--nh_refs[index] > 0)
		return;
	if (nexthop_get(index) != &nh_fixed[NH_BLACKHOLE_INDEX])
		mp_defer(&nexthop_get(index)->nh_deferred, nh_index_retire);
	nh_limited_gone(index);
}

uint32_t
nexthop_refs(uint32_t index)
{
	ASSERT_CONTROL();
	return index < NH_MAX ? nh_refs[index] : 0;
}

bool
nexthop_used(uint32_t index)
{
	struct nexthop *nh = nexthop_get(index);
	uint8_t mark = atomic_load_explicit(&nh->nh_mark, memory_order_relaxed);
	bool used = false;

	ASSERT_CONTROL();
	if (mark == 0)
		return false; /* the blackhole of indexes without an object */
	for (unsigned i = 0; i <= mp_nworkers; i++)
		used |= atomic_load_explicit(&nexthop_marks[i][index], memory_order_relaxed) == mark;
	if (used)
		atomic_store_explicit(&nh->nh_mark, nh_mark_next(index, mark), memory_order_relaxed);
	for (uint32_t i = nh_limit_first[index]; i != 0; i = nh_limit_next[i])
		used |= nexthop_used(i);
	return used;
}

/*
 * => control; the interface is going: nothing that is published leads to it from here on.  Next hops that somebody still
 * holds become blackholes.  *at is where to go on, from 0; false: a piece of the work is done (sliced: until the slice is
 * over), there is more
 */
bool
nexthop_ifnet_detach(const struct ifnet *ifp, uint32_t *at, bool sliced)
{
	const struct nexthop blackhole = {.nh_type = NH_BLACKHOLE};
	uint32_t i = *at < NH_FIRST_DYNAMIC ? NH_FIRST_DYNAMIC : *at;

	ASSERT_CONTROL();
	for (; i < nh_fresh; i++) {
		const struct nexthop *nh = nexthop_get(i);

		if (i % NH_DETACH_PIECE == 0 && i != *at && (!sliced || mp_slice_over())) {
			*at = i;
			return false;
		}
		if (nh->nh_ifp != ifp)
			continue;
		/* Without memory the index and the object are lost, which beats a dangling interface. */
		if (nh_refs[i] == 0 || nexthop_replace(i, &blackhole) != 0)
			atomic_store_explicit(&nexthop_table[i], &nh_fixed[NH_BLACKHOLE_INDEX], memory_order_release);
	}
	return true;
}

/* => control; next hops in use or waiting to be free, for statistics and tests */
uint32_t
nexthop_count(void)
{
	return nh_inuse;
}
