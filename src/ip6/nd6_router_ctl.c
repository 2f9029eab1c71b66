/* SPDX-License-Identifier: BSD-2-Clause */
/* The default router list and the default route that is made of it (RFC 4861 sections 6.3.4 to 6.3.6, RFC 4191). */
/*
 * Synchronization: control only.
 * Lifetime: a router is in the list until its lifetime ends, it says that it is none, or its interface goes; prefixes
 * know it by its slot, which is taken out of them first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ether/neigh.h"
#include "ip6/ip6_var.h"
#include "ip6/nd6_var.h"

struct nd_router_head nd_routers = TAILQ_HEAD_INITIALIZER(nd_routers); /* [c] */

/* The default route that is in the table by our doing */
static struct {
	bool there;
	bool changing; /* we are at it */
	uint16_t ifindex;
	struct in6_addr addr;
} installed; /* [c] */

static int
default_route(int (*change)(const struct rt_spec *), uint16_t ifindex, const struct in6_addr *addr)
{
	struct rt_path path = {.has_gw = true, .gw.in6 = *addr, .gw_ifindex = ifindex, .weight = 1};
	struct rt_spec spec = {.family = AF_INET6, .flags = RTF_LEARNED, .paths = &path, .npaths = 1};

	return change(&spec);
}

static void
default_remove(void)
{
	if (!installed.there)
		return;
	installed.there = false;
	installed.changing = true;
	(void)default_route(rt_delete, installed.ifindex, &installed.addr);
	installed.changing = false;
}

/*
 * => somebody deleted a default route: ours, which does not come again before the next advertisement, or another, in whose
 * place ours may be
 */
void
nd6_router_default_gone(void)
{
	ASSERT_CONTROL();
	if (installed.changing)
		return;
	if (!installed.there)
		nd6_look_soon(false);
	installed.there = false;
}

const struct nd_router *
nd6_router_installed(void)
{
	const struct nd_router *r;

	ASSERT_CONTROL();
	TAILQ_FOREACH (r, &nd_routers, list)
		if (installed.there && r->ifp->if_index == installed.ifindex &&
		    IN6_ARE_ADDR_EQUAL(&r->addr, &installed.addr))
			return r;
	return NULL;
}

bool
nd6_router_reachable(const struct nd_router *r)
{
	union in_any addr = {.in6 = r->addr};

	return neigh_known(r->ifp, AF_INET6, &addr);
}

static bool
router_usable(const struct nd_router *r)
{
	return (r->ifp->if_flags & IFF_SMP_UP) != 0 && r->ifp->if_linkstate != LINK_DOWN;
}

/*
 * The first one known to be reachable of the highest preference; the present one stays while it is as good.  Where none is
 * known, the next one is tried after a failure (section 6.3.6).
 */
static const struct nd_router *
router_best(const struct nd_router *now, bool failed)
{
	const struct nd_router *r, *best = NULL, *next = NULL, *first = NULL;
	bool passed = false;

	TAILQ_FOREACH (r, &nd_routers, list) {
		if (!router_usable(r))
			continue;
		if (first == NULL || (now == NULL && r->preference > first->preference))
			first = r;
		if (passed && next == NULL)
			next = r;
		passed |= r == now;
		if (nd6_router_reachable(r) && (best == NULL || r->preference > best->preference))
			best = r;
	}
	if (best != NULL)
		return now != NULL && router_usable(now) && nd6_router_reachable(now) &&
			       now->preference >= best->preference
			   ? now
			   : best;
	if (now != NULL && router_usable(now) && !failed)
		return now;
	return next != NULL ? next : first;
}

void
nd6_router_select(bool failed)
{
	const struct nd_router *now = nd6_router_installed(), *best = router_best(now, failed);
	int error;

	ASSERT_CONTROL();
	if (best == NULL || SETTING(ip6_forwarding)) {
		default_remove();
		return;
	}
	if (best == now)
		return;
	default_remove();
	/* A route set by hand is left alone. */
	error = default_route(rt_add, best->ifp->if_index, &best->addr);
	if (error == 0) {
		installed.there = true;
		installed.ifindex = best->ifp->if_index;
		installed.addr = best->addr;
	} else if (error != -EEXIST)
		mp_log(MP_LOG_ERR, "nd6: default route by an advertised router: %s", strerror(-error));
}

static struct nd_router *
router_find(const struct nd_if *n, const struct in6_addr *addr)
{
	struct nd_router *r;

	TAILQ_FOREACH (r, &nd_routers, list)
		if (r->ifp == n->ifp && IN6_ARE_ADDR_EQUAL(&r->addr, addr))
			return r;
	return NULL;
}

void
nd6_router_remove(struct nd_if *n, struct nd_router *r)
{
	struct nd_prefix *p;

	ASSERT_CONTROL();
	TAILQ_FOREACH (p, &n->prefixes, list)
		p->routers &= ~(UINT64_C(1) << r->slot);
	n->slots &= ~(UINT64_C(1) << r->slot);
	n->nrouters--;
	n->check = true;
	TAILQ_REMOVE(&nd_routers, r, list);
	if (installed.there && r->ifp->if_index == installed.ifindex && IN6_ARE_ADDR_EQUAL(&r->addr, &installed.addr))
		default_remove();
	free(r);
}

void
nd6_router_flush(const struct ifnet *ifp)
{
	struct nd_router *r, *next;
	struct nd_if *n;

	ASSERT_CONTROL();
	for (r = TAILQ_FIRST(&nd_routers); r != NULL; r = next) {
		next = TAILQ_NEXT(r, list);
		if (ifp != NULL && r->ifp != ifp)
			continue;
		n = nd_if_find(r->ifp);
		nd6_router_remove(n, r);
		nd6_timer_set(n, true);
	}
}

/* The route goes with the timer: the neighbour is being looked at. */
void
nd6_not_router(struct ifnet *ifp, const struct in6_addr *addr)
{
	struct nd_if *n = nd_if_find(ifp);
	struct nd_router *r = n != NULL ? router_find(n, addr) : NULL;

	ASSERT_CONTROL();
	if (r == NULL)
		return;
	r->expire = 0;
	nd6_timer_set(n, true);
}

/* A new router makes room for itself at nobody's cost: who comes first stays. */
static struct nd_router *
router_new(struct nd_if *n, const struct in6_addr *addr)
{
	struct nd_router *r;

	if (n->nrouters >= (unsigned)SETTING(nd6_maxifdefrouters) || n->slots == UINT64_MAX)
		return NULL;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return NULL;
	r->ifp = n->ifp;
	r->addr = *addr;
	r->slot = (uint8_t)__builtin_ctzll(~n->slots);
	n->slots |= UINT64_C(1) << r->slot;
	n->nrouters++;
	n->check = true;
	TAILQ_INSERT_TAIL(&nd_routers, r, list);
	return r;
}

struct nd_router *
nd6_router_update(struct nd_if *n, const struct in6_addr *addr, const struct nd_ra *ra)
{
	struct nd_router *r = router_find(n, addr);
	uint64_t now = mp_now_ms();

	ASSERT_CONTROL();
	if (ra->lifetime == 0) {
		if (r != NULL)
			nd6_router_remove(n, r);
		return NULL;
	}
	if (r == NULL) {
		r = router_new(n, addr);
		if (r == NULL) {
			COUNT(mp_control(), ND_RA_FULL);
			return NULL;
		}
	}
	r->flags = ra->flags;
	r->preference = ra->preference;
	r->expire = nd_ends(now, ra->lifetime);
	if (ra->nrdnss > 0) {
		r->nrdnss = ra->rdnss_lifetime != 0 ? ra->nrdnss : 0;
		r->rdnss_expire = nd_ends(now, ra->rdnss_lifetime);
		memcpy(r->rdnss, ra->rdnss, sizeof(r->rdnss));
	}
	return r;
}

uint64_t
nd6_router_expire(struct nd_if *n, uint64_t now)
{
	struct nd_router *r, *later;
	uint64_t next = UINT64_MAX;

	ASSERT_CONTROL();
	for (r = TAILQ_FIRST(&nd_routers); r != NULL; r = later) {
		later = TAILQ_NEXT(r, list);
		if (r->ifp != n->ifp)
			continue;
		if (r->rdnss_expire <= now)
			r->nrdnss = 0;
		if (r->expire <= now)
			nd6_router_remove(n, r);
		else if (r->expire < next)
			next = r->expire;
	}
	return next;
}
