/* SPDX-License-Identifier: BSD-2-Clause */
/* Link-local neighbours, which the FIB does not know: next hops by interface and address, for our own packets. */
/*
 * Synchronization: control keeps the list, builds struct in6_llnbr anew after a change and publishes it with a release
 * store; workers load it in ip6_linklocal_nexthop.  Where there are many, it is built once for all changes of a turn; what
 * the published one has of a neighbour is set there at once, a single word.
 * Lifetime: the old table is freed after a grace period.  A next hop leaves the table before its owner releases it.
 */
#include <stdlib.h>

#include "ip6/ip6_var.h"
#include "mp/slice.h"

#define LLNBR_AT_ONCE 64

struct in6_llnbr *_Atomic in6_llnbr;

static struct in6_llnbr_slot *list; /* [c] */
static uint32_t nlist, room;	    /* [c] */

static void
llnbr_free(struct mp_deferred *d)
{
	free(d); /* the first member */
}

static void
llnbr_publish(void)
{
	struct in6_llnbr *new = NULL, *old;
	uint32_t bits = 4;

	while ((1u << bits) < nlist * 4)
		bits++;
	if (nlist > 0) {
		new = calloc(1, sizeof(*new) + (sizeof(new->slots[0]) << bits));
		if (new == NULL)
			mp_log(MP_LOG_ERR, "ip6: no memory for the table of neighbours"); /* none: control resolves */
	}
	if (new != NULL) {
		new->shift = 64 - bits;
		for (uint32_t i = 0; i < nlist; i++) {
			uint32_t slot = in6_llnbr_hash(new, list[i].key, list[i].ifindex);
			while (new->slots[slot].nh != NH_NOROUTE_INDEX)
				slot = (slot + 1) & ((1u << bits) - 1);
			new->slots[slot] = list[i];
		}
	}
	old = atomic_exchange_explicit(&in6_llnbr, new, memory_order_acq_rel);
	if (old != NULL)
		mp_defer(&old->deferred, llnbr_free);
}

static bool
llnbr_step(struct mp_slice *slice)
{
	ASSERT_CONTROL();
	llnbr_publish();
	return false;
}

static struct mp_slice llnbr_slice = {.step = llnbr_step}; /* [c] */

/* The neighbour's next hop is another one, or LLNBR_GONE. */
static void
llnbr_changed(struct in6_key k, uint32_t ifindex, uint32_t nh)
{
	struct in6_llnbr *t = atomic_load_explicit(&in6_llnbr, memory_order_relaxed);
	uint32_t mask, slot;

	if (nlist <= LLNBR_AT_ONCE || t == NULL) {
		llnbr_publish();
		return;
	}
	mask = (uint32_t)((UINT64_C(1) << (64 - t->shift)) - 1);
	for (slot = in6_llnbr_hash(t, k, ifindex); t->slots[slot].nh != NH_NOROUTE_INDEX; slot = (slot + 1) & mask)
		if (t->slots[slot].ifindex == ifindex && t->slots[slot].key.hi == k.hi && t->slots[slot].key.lo == k.lo)
			atomic_store_explicit(&t->slots[slot].nh, nh, memory_order_release);
	mp_slice_add(&llnbr_slice);
}

void
ip6_linklocal_neighbour(const struct ifnet *ifp, const struct in6_addr *addr, uint32_t nh)
{
	struct in6_key key = in6_key(addr);
	uint32_t i = 0;

	ASSERT_CONTROL();
	while (i < nlist && (list[i].ifindex != ifp->if_index || list[i].key.hi != key.hi || list[i].key.lo != key.lo))
		i++;
	if (nh == NH_NOROUTE_INDEX) {
		if (i == nlist)
			return;
		list[i] = list[--nlist];
	} else if (i < nlist) {
		if (list[i].nh == nh)
			return;
		list[i].nh = nh;
	} else {
		if (nlist == room) {
			struct in6_llnbr_slot *more = realloc(list, (room + 64) * sizeof(list[0]));
			if (more == NULL)
				return; /* control resolves */
			list = more;
			room += 64;
		}
		list[nlist++] = (struct in6_llnbr_slot){.key = key, .ifindex = ifp->if_index, .nh = nh};
	}
	llnbr_changed(key, ifp->if_index, nh != NH_NOROUTE_INDEX ? nh : LLNBR_GONE);
}

void
in6_llnbr_fini(void)
{
	ASSERT_CONTROL();
	mp_slice_remove(&llnbr_slice);
	free(list);
	list = NULL;
	nlist = room = 0;
	free(atomic_exchange(&in6_llnbr, NULL)); /* no worker runs any more */
}
