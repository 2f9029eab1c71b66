/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbour discovery's variables of each interface: what is set by hand, advertised, or goes without saying. */
/*
 * Synchronization: control only.
 * Lifetime: see nd6_var.h; nd_if_table has what belongs to an index, whose generation tells whether it is still it.
 */
#include <stdlib.h>

#include "ether/neigh_var.h"
#include "if/if_var.h"
#include "ip6/ip6_var.h"
#include "ip6/nd6_var.h"

#define ND_REDRAW_MS (2 * 3600 * 1000) /* RFC 4861 section 6.3.4: at least every few hours */
#define ND_IF_FLAGS  (ND_IF_PERFORMNUD | ND_IF_ACCEPT_RTADV)

static struct nd_if *nd_if_table[MP_MAXIF]; /* [c] by index */

struct nd_if *
nd_if_find(const struct ifnet *ifp)
{
	struct nd_if *n = nd_if_table[ifp->if_index];

	ASSERT_CONTROL();
	return n != NULL && n->gen == ifp->if_gen ? n : NULL;
}

struct nd_if *
nd_if_get(struct ifnet *ifp)
{
	struct nd_if *n = nd_if_find(ifp);

	if (n != NULL || ifp->if_dead)
		return n;
	free(nd_if_table[ifp->if_index]);
	n = nd_if_table[ifp->if_index] = calloc(1, sizeof(*n));
	if (n != NULL)
		n->gen = ifp->if_gen;
	return n;
}

/* RFC 4861 section 6.3.2: ReachableTime */
static void
nd_if_draw(struct nd_if *n, uint32_t base)
{
	uint64_t now = mp_now_ms();

	if (n->drawn_base == base && now - n->drawn_at < ND_REDRAW_MS)
		return;
	n->drawn_base = base;
	n->drawn_at = now;
	n->info.reachable = base / 2 + neigh_random(base + 1);
}

static uint32_t
nd_value(uint32_t learned, uint32_t user, const _Atomic int *setting)
{
	if (learned != 0)
		return learned;
	return user != 0 ? user : (uint32_t)atomic_load_explicit(setting, memory_order_relaxed);
}

const struct nd_ifinfo *
nd_ifinfo(const struct ifnet *ifp)
{
	static struct nd_if none; /* [c] what all others share */
	struct nd_if *n = nd_if_find(ifp);
	struct nd_ifinfo *info;

	ASSERT_CONTROL();
	if (n == NULL)
		n = &none;
	info = &n->info;
	info->curhlim = nd_value(n->learned.curhlim, n->user.curhlim, &ip6_hlim);
	info->basereachable = nd_value(n->learned.basereachable, n->user.basereachable, neigh_inet6.nf_reachable);
	info->retrans = nd_value(n->learned.retrans, n->user.retrans, neigh_inet6.nf_retrans);
	info->flags =
	    ((ND_IF_FLAGS | (SETTING(if_auto_linklocal) ? ND_IF_AUTO_LINKLOCAL : 0)) & ~n->mask) | (n->flags & n->mask);
	nd_if_draw(n, info->basereachable);
	return info;
}

uint32_t
nd_if_mtu(const struct ifnet *ifp)
{
	uint32_t mtu = atomic_load_explicit(&ifp->if_mtu, memory_order_relaxed);
	const struct nd_if *n = nd_if_find(ifp);

	return n != NULL && n->info.linkmtu != 0 && n->info.linkmtu < mtu ? n->info.linkmtu : mtu;
}

void
nd6_ifnet_detach(struct ifnet *ifp)
{
	ASSERT_CONTROL();
	free(nd_if_table[ifp->if_index]);
	nd_if_table[ifp->if_index] = NULL;
}
