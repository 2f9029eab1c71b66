/* SPDX-License-Identifier: BSD-2-Clause */
/* The prefixes that routers advertise: their routes, and whether they are of this link still. */
/*
 * Synchronization: control only.
 * Lifetime: a prefix is in its interface's list until its valid lifetime ends, it is flushed, or the interface goes.
 * Its addresses have lifetimes of their own (nd6_auto_ctl.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ether/neigh_var.h"
#include "ip6/ip6_var.h"
#include "ip6/nd6_var.h"

static int
prefix_route(int (*change)(const struct rt_spec *), const struct nd_if *n, const struct nd_prefix *p)
{
	struct rt_path path = {.gw_ifindex = n->ifp->if_index, .weight = 1};
	struct rt_spec spec = {.family = AF_INET6,
	    .plen = p->said.plen,
	    .flags = RTF_CONNECTED | RTF_LEARNED,
	    .dst.in6 = p->said.prefix,
	    .paths = &path,
	    .npaths = 1};

	return change(&spec);
}

/* A prefix on the link has a route to it, unless there is one: of an address of ours, or set by hand. */
static void
prefix_attach(const struct nd_if *n, struct nd_prefix *p)
{
	bool want = p->said.onlink && !p->detached;
	int error;

	if (!want && !p->routed)
		return;
	error = prefix_route(want ? rt_add : rt_delete, n, p);
	p->routed = want && (error == 0 || (error == -EEXIST && p->routed));
	if (want && error != 0 && error != -EEXIST)
		mp_log(MP_LOG_ERR, "%s: route of an advertised prefix: %s", n->ifp->if_xname, strerror(-error));
}

static struct nd_prefix *
prefix_find(const struct nd_if *n, const struct nd_ra_prefix *said)
{
	struct nd_prefix *p;

	TAILQ_FOREACH (p, &n->prefixes, list)
		if (p->said.plen == said->plen && IN6_ARE_ADDR_EQUAL(&p->said.prefix, &said->prefix))
			return p;
	return NULL;
}

static bool
prefix_is_of(const struct nd_prefix *p, const struct ifaddr *ifa)
{
	return ifa->ifa_family == AF_INET6 && ifa->ifa_plen == p->said.plen &&
	       neigh_in_prefix(&ifa->ifa_addr, (const union in_any *)&p->said.prefix, p->said.plen);
}

struct nd_prefix *
nd6_prefix_of(struct nd_if *n, const struct ifaddr *ifa)
{
	struct nd_prefix *p;

	ASSERT_CONTROL();
	TAILQ_FOREACH (p, &n->prefixes, list)
		if (prefix_is_of(p, ifa))
			return p;
	return NULL;
}

void
nd6_prefix_remove(struct nd_if *n, struct nd_prefix *p)
{
	ASSERT_CONTROL();
	TAILQ_REMOVE(&n->prefixes, p, list);
	n->nprefixes--;
	n->check = true;
	if (p->routed)
		(void)prefix_route(rt_delete, n, p);
	free(p);
}

void
nd6_prefix_flush(struct nd_if *n)
{
	ASSERT_CONTROL();
	while (!TAILQ_EMPTY(&n->prefixes))
		nd6_prefix_remove(n, TAILQ_FIRST(&n->prefixes));
}

/* Detached ones make room first; else who comes first stays. */
static struct nd_prefix *
prefix_new(struct nd_if *n, const struct nd_ra_prefix *said)
{
	struct nd_prefix *p, *next;

	for (p = TAILQ_FIRST(&n->prefixes); p != NULL; p = next) {
		next = TAILQ_NEXT(p, list);
		if (n->nprefixes < (unsigned)SETTING(nd6_maxifprefixes))
			break;
		if (p->detached)
			nd6_prefix_remove(n, p);
	}
	if (n->nprefixes >= (unsigned)SETTING(nd6_maxifprefixes))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->said = *said;
	TAILQ_INSERT_TAIL(&n->prefixes, p, list);
	n->nprefixes++;
	n->check = true;
	return p;
}

void
nd6_prefix_update(struct nd_if *n, const struct nd_ra_prefix *said, const struct nd_router *r)
{
	struct nd_prefix *p = prefix_find(n, said), gone;
	uint64_t now = mp_now_ms();
	bool onlink;

	ASSERT_CONTROL();
	if (!said->onlink && !said->autoconf)
		return;
	if (said->valid == 0) { /* not on the link any more; its address has two hours yet, perhaps */
		gone = (struct nd_prefix){.said = *said};
		nd6_auto_update(n, &gone);
		if (p != NULL)
			nd6_prefix_remove(n, p);
		return;
	}
	if (p == NULL) {
		p = prefix_new(n, said);
		if (p == NULL) {
			COUNT(mp_control(), ND_RA_FULL);
			return;
		}
	}
	/* L clear says nothing about what was said before (RFC 4861 section 6.3.4). */
	onlink = p->said.onlink;
	p->said = *said;
	p->said.onlink |= onlink;
	p->valid = nd_ends(now, said->valid);
	p->preferred = nd_ends(now, said->preferred);
	if (r != NULL && (p->routers >> r->slot & 1) == 0) {
		p->routers |= UINT64_C(1) << r->slot;
		n->check = true;
	}
	prefix_attach(n, p);
	if (said->autoconf)
		nd6_auto_update(n, p);
}

uint64_t
nd6_prefix_expire(struct nd_if *n, uint64_t now)
{
	struct nd_prefix *p, *later;
	uint64_t next = UINT64_MAX;

	ASSERT_CONTROL();
	for (p = TAILQ_FIRST(&n->prefixes); p != NULL; p = later) {
		later = TAILQ_NEXT(p, list);
		if (p->valid <= now || p->orphan)
			nd6_prefix_remove(n, p);
		else if (p->valid < next)
			next = p->valid;
	}
	return next;
}

static bool
prefix_reachable(const struct nd_if *n, const struct nd_prefix *p)
{
	const struct nd_router *r;

	TAILQ_FOREACH (r, &nd_routers, list)
		if (r->ifp == n->ifp && (p->routers >> r->slot & 1) != 0 && nd6_router_reachable(r))
			return true;
	return false;
}

static void
prefix_addresses(struct nd_if *n, const struct nd_prefix *p)
{
	struct ifaddr *ifa, *next;

	for (ifa = TAILQ_FIRST(&n->ifp->if_addrs); ifa != NULL; ifa = next) {
		next = TAILQ_NEXT(ifa, ifa_list);
		if (prefix_is_of(p, ifa) && (ifa->ifa_flags & IFA_AUTOCONF) != 0 &&
		    ((ifa->ifa_flags & IFA_DETACHED) != 0) != p->detached)
			if_addr_set_detached(ifa, p->detached);
	}
}

/*
 * Where some prefix, or a router without prefixes, has a router that is there, those prefixes are detached whose routers
 * are all gone: this is another link now.  Where no router is left at all, they stay: nothing better is known.
 */
void
nd6_prefix_check(struct nd_if *n)
{
	const struct nd_router *r;
	struct nd_prefix *p;
	uint64_t named = 0;
	bool other = false;

	ASSERT_CONTROL();
	n->check = false;
	if ((n->ifp->if_flags & IFF_SMP_UP) == 0 || n->ifp->if_linkstate == LINK_DOWN)
		return; /* all addresses are detached now */
	TAILQ_FOREACH (p, &n->prefixes, list) {
		named |= p->routers;
		other |= p->said.onlink && prefix_reachable(n, p);
	}
	TAILQ_FOREACH (r, &nd_routers, list)
		other |= r->ifp == n->ifp && (named >> r->slot & 1) == 0;
	TAILQ_FOREACH (p, &n->prefixes, list) {
		if (!p->said.onlink)
			continue;
		p->detached = other && !prefix_reachable(n, p);
		prefix_attach(n, p);
		prefix_addresses(n, p);
	}
}
