/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbour discovery's variables of each interface: what is set by hand, advertised, or goes without saying. */
/*
 * Synchronization: control only.
 * Lifetime: see nd6_var.h; nd_if_table has what belongs to an index, whose generation tells whether it is still it.
 */
#include <stdlib.h>

#include <event2/event.h>

#include "ether/neigh_var.h"
#include "if/if_var.h"
#include "ip6/ip6_var.h"
#include "ip6/nd6_var.h"

#define ND_REDRAW_MS (2 * 3600 * 1000) /* RFC 4861 section 6.3.4: at least every few hours */
#define ND_IF_FLAGS  (ND_IF_PERFORMNUD | ND_IF_ACCEPT_RTADV)

struct nd_if_head nd_ifs = LIST_HEAD_INITIALIZER(nd_ifs); /* [c] */
static struct nd_if *nd_if_table[MP_MAXIF];		  /* [c] by index */

struct nd_if *
nd_if_find(const struct ifnet *ifp)
{
	struct nd_if *n = nd_if_table[ifp->if_index];

	ASSERT_CONTROL();
	return n != NULL && n->gen == ifp->if_gen ? n : NULL;
}

/* 1. what waits; routers and prefixes, with routes; 2. the timer; 3. the memory: nothing else points at it */
static void
nd_if_free(struct nd_if *n)
{
	struct nd_temp *t;

	nd6_ra_drop(n);
	nd6_router_flush(n->ifp);
	nd6_prefix_flush(n);
	while ((t = TAILQ_FIRST(&n->temps)) != NULL) {
		TAILQ_REMOVE(&n->temps, t, list);
		free(t);
	}
	if (n->timer != NULL)
		event_free(n->timer);
	LIST_REMOVE(n, list);
	nd_if_table[n->ifp->if_index] = NULL;
	free(n);
}

struct nd_if *
nd_if_get(struct ifnet *ifp)
{
	struct nd_if *n = nd_if_find(ifp);

	ASSERT_CONTROL();
	if (n != NULL || ifp->if_dead)
		return n;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return NULL;
	n->ifp = ifp;
	n->gen = ifp->if_gen;
	TAILQ_INIT(&n->prefixes);
	TAILQ_INIT(&n->temps);
	LIST_INSERT_HEAD(&nd_ifs, n, list);
	nd_if_table[ifp->if_index] = n;
	return n;
}

bool
nd_if_accepts(const struct ifnet *ifp)
{
	uint32_t flags = nd_ifinfo(ifp)->flags;

	ASSERT_CONTROL();
	return ifp->if_type == IFT_SMP_ETHER && !SETTING(ip6_forwarding) && (flags & ND_IF_ACCEPT_RTADV) != 0 &&
	       ((flags & ND_IF_OVERRIDE_RTADV) != 0 || SETTING(nd6_accept_rtadv));
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

uint32_t
nd_if_hlim(const struct ifnet *ifp)
{
	const struct nd_if *n = nd_if_find(ifp);

	ASSERT_CONTROL();
	if (n == NULL)
		return 0;
	return n->learned.curhlim != 0 ? n->learned.curhlim : n->user.curhlim;
}

void
nd6_ifnet_detach(struct ifnet *ifp)
{
	struct nd_if *n = nd_if_find(ifp);

	ASSERT_CONTROL();
	if (n != NULL)
		nd_if_free(n);
}

/* => control, at the end */
void
nd6_fini(void)
{
	ASSERT_CONTROL();
	while (!LIST_EMPTY(&nd_ifs))
		nd_if_free(LIST_FIRST(&nd_ifs));
	nd6_timer_fini();
}
