/* SPDX-License-Identifier: BSD-2-Clause */
/* Advertisements of anycast addresses, which wait a random while: several hosts may answer (RFC 4861 section 7.2.7). */
/*
 * Synchronization: control only.
 * Lifetime: an answer that waits names interface and address, and is dropped if one of them has gone when its time comes.
 */
#include <string.h>

#include "ether/neigh.h"
#include "ether/neigh_var.h"

#define ANYCAST_DELAY_MS 1000 /* MAX_ANYCAST_DELAY_TIME */
#define ANYCAST_WAITING	 32

static struct nd_late {
	struct neigh_timer timer;
	bool waits;
	uint16_t ifindex;
	uint8_t ifgen;
	uint8_t flags;
	bool has_mac;
	uint8_t mac[ETHER_ADDRLEN];
	struct in6_addr dst;
	union in_any target;
} nd_late[ANYCAST_WAITING]; /* [c] */

static void
late_free(struct nd_late *l)
{
	neigh_timer_disown(&l->timer);
	l->waits = false;
}

static void
late_timer(struct neigh_timer *t, uint64_t now)
{
	struct nd_late *l = (struct nd_late *)(void *)((char *)t - offsetof(struct nd_late, timer));
	struct ifnet *ifp = ifnet_get(l->ifindex);
	const struct ifaddr *ifa;

	ASSERT_CONTROL();
	late_free(l);
	if (ifp == NULL || ifp->if_gen != l->ifgen || atomic_load_explicit(&ifp->if_dead, memory_order_relaxed))
		return;
	ifa = if_addr_find(ifp, AF_INET6, &l->target, true);
	if (ifa != NULL && (ifa->ifa_flags & IFA_ANYCAST) != 0)
		nd_send_na(ifp, &l->target.in6, &l->dst, l->has_mac ? l->mac : NULL, &l->target.in6, NULL, l->flags);
}

bool
nd_answer_later(
    struct ifnet *ifp, const struct in6_addr *dst, const uint8_t *dstmac, const struct in6_addr *target, uint8_t flags)
{
	struct nd_late *l, *free = NULL;

	ASSERT_CONTROL();
	for (l = nd_late; l < nd_late + ANYCAST_WAITING; l++) {
		if (!l->waits)
			free = l;
		else if (l->ifindex == ifp->if_index && l->ifgen == ifp->if_gen && IN6_ARE_ADDR_EQUAL(&l->dst, dst) &&
			 IN6_ARE_ADDR_EQUAL(&l->target.in6, target))
			return true;
	}
	if (free == NULL || neigh_timer_adopt() != 0)
		return false;
	*free = (struct nd_late){.waits = true,
	    .ifindex = ifp->if_index,
	    .ifgen = ifp->if_gen,
	    .flags = flags,
	    .has_mac = dstmac != NULL,
	    .dst = *dst};
	free->target.in6 = *target;
	if (dstmac != NULL)
		memcpy(free->mac, dstmac, ETHER_ADDRLEN);
	free->timer.nt_fn = late_timer;
	neigh_timer_set(&free->timer, neigh_clock() + 1 + neigh_random(ANYCAST_DELAY_MS));
	return true;
}

void
nd_answer_fini(void)
{
	ASSERT_CONTROL();
	for (struct nd_late *l = nd_late; l < nd_late + ANYCAST_WAITING; l++)
		if (l->waits)
			late_free(l);
}
