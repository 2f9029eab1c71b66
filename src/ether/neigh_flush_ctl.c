/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Neighbours that go with their interface or their network, and those whose next hops are built again, in slices.
 *
 * What is to go is gone at once for everybody who asks (neigh_find, lists, timers): an entry that is older than a flush
 * and covered by it is taken away by whoever comes across it.  The slices take away the rest.  What workers still use of
 * it until then led to the same place a moment ago.
 */
/*
 * Synchronization: control only.
 * Lifetime: a flush lives until its last entry has gone; an interface's own flush keeps the interface alive (done).
 */
#include <stdlib.h>
#include <string.h>

#include "ether/neigh.h"
#include "ether/neigh_var.h"
#include "mp/slice.h"
#include "route/route.h"

#define FLUSH_AT_ONCE 64 /* entries in the turn that asks for it */

enum flush_kind { FLUSH_DOWN, FLUSH_NETWORK, FLUSH_MOVED, FLUSH_DETACH, FLUSH_CHANGED };

struct flush {
	struct mp_slice slice;	      /* [c] */
	TAILQ_ENTRY(flush) link;      /* [c] */
	enum flush_kind kind;	      /* [c] */
	struct ifnet *ifp;	      /* [c] its neighbours; MOVED: those of others; never looked into but by DETACH */
	uint16_t ifindex;	      /* [c] */
	uint8_t family;		      /* [c] NETWORK, MOVED; else AF_UNSPEC */
	uint8_t plen;		      /* [c] NETWORK, MOVED */
	union in_any dst;	      /* [c] */
	uint64_t serial;	      /* [c] entries not born after it */
	bool started, swept;	      /* [c] */
	struct neigh_key at;	      /* [c] the last one seen, if started */
	uint32_t nh;		      /* [c] DETACH: next hops are looked at from here on */
	void (*done)(struct ifnet *); /* [c] DETACH */
};

static TAILQ_HEAD(, flush) flushes = TAILQ_HEAD_INITIALIZER(flushes); /* [c] */
uint64_t neigh_serial;						      /* [c] */

static bool
flush_covers(const struct flush *f, const struct neigh *n)
{
	if (f->kind == FLUSH_MOVED ? n->n_ifp == f->ifp : n->n_ifp != f->ifp)
		return false;
	if (f->family == AF_UNSPEC)
		return true;
	return n->n_family == f->family && neigh_in_prefix(&n->n_addr, &f->dst, f->plen);
}

static void
flush_detach_one(struct neigh *n)
{
	static const struct nexthop gone = {.nh_type = NH_BLACKHOLE};

	/* A route that still holds the next hop finds no interface in it. */
	if (neigh_pinned(n))
		nexthop_replace(n->n_nh, &gone);
	if (neigh_usable(n) && !(n->n_flags & NEIGH_F_PROXY))
		neigh_notify(n, RTMSG_DELETE, NULL);
	neigh_free(n, DROP_IF_GONE);
}

/* => true: the entry is gone */
static bool
flush_one(const struct flush *f, struct neigh *n)
{
	bool pinned = neigh_pinned(n);

	switch (f->kind) {
	case FLUSH_CHANGED:
		neigh_publish(n);
		return false;
	case FLUSH_DETACH:
		flush_detach_one(n);
		return true;
	case FLUSH_DOWN:
		neigh_delete(n, DROP_IF_DOWN);
		return !pinned;
	case FLUSH_NETWORK:
	case FLUSH_MOVED:
		break;
	}
	neigh_delete(n, DROP_NEIGH_FLUSHED);
	return !pinned;
}

static const struct flush *
flush_of(const struct neigh *n)
{
	const struct flush *f;

	TAILQ_FOREACH (f, &flushes, link)
		if (f->kind != FLUSH_CHANGED && n->n_born <= f->serial && flush_covers(f, n))
			return f;
	return NULL;
}

bool
neigh_flushed(const struct neigh *n)
{
	return !TAILQ_EMPTY(&flushes) && flush_of(n) != NULL;
}

bool
neigh_flush_now(struct neigh *n)
{
	const struct flush *f = TAILQ_EMPTY(&flushes) ? NULL : flush_of(n);

	ASSERT_CONTROL();
	return f != NULL && flush_one(f, n);
}

/* Where the flush's neighbours of the family begin in the order; NULL: at the end */
static struct neigh *
flush_begin(const struct flush *f, int family)
{
	struct neigh_key k = {.ifindex = f->ifindex, .family = (uint8_t)family, .kind = NEIGH_KEY_REAL};
	uint8_t *a = (uint8_t *)&k.addr;

	if (f->kind == FLUSH_MOVED)
		k.ifindex = MP_MAXIF;
	if (family == AF_INET)
		memset(a, 0xff, sizeof(struct in_addr));
	if (f->family != AF_UNSPEC && f->kind != FLUSH_MOVED)
		for (unsigned i = 0; i < f->plen; i++) {
			const uint8_t *dst = (const uint8_t *)&f->dst, bit = (uint8_t)(0x80 >> i % 8);

			a[i / 8] = (uint8_t)((a[i / 8] & ~bit) | (dst[i / 8] & bit));
		}
	return neigh_order_from(&k, false);
}

static bool
flush_past(const struct flush *f, const struct neigh *n, int family)
{
	if (n == NULL || n->n_family != family)
		return true;
	if (f->kind == FLUSH_MOVED)
		return false;
	return n->n_ifp != f->ifp || (f->family != AF_UNSPEC && !neigh_in_prefix(&n->n_addr, &f->dst, f->plen));
}

/* => looks at up to max entries (0: until the slice is over); true: all are through */
static bool
flush_some(struct flush *f, unsigned max)
{
	static const int families[] = {AF_INET, AF_INET6};
	unsigned seen = 0;

	for (unsigned i = 0; !f->swept && i < 2; i++) {
		int family = families[i];
		struct neigh *n;

		if ((f->family != AF_UNSPEC && f->family != family) ||
		    (f->started && f->at.family == AF_INET6 && family == AF_INET))
			continue;
		if (f->started && f->at.family == family)
			n = neigh_order_from(&f->at, true);
		else
			n = flush_begin(f, family);
		while (!flush_past(f, n, family)) {
			seen++;
			if (max != 0 ? seen > max : seen % 16 == 0 && mp_slice_over())
				return false;
			f->at = neigh_key(n);
			f->started = true;
			/* by key, not by list: what goes may take others along */
			if (flush_covers(f, n) && n->n_born <= f->serial) {
				(void)flush_one(f, n);
				n = neigh_order_from(&f->at, true);
			} else
				n = neigh_order_next(n);
		}
	}
	f->swept = true;
	return f->kind != FLUSH_DETACH || nexthop_ifnet_detach(f->ifp, &f->nh, max == 0);
}

static void
flush_end(struct flush *f)
{
	if (f->done != NULL)
		f->done(f->ifp);
}

static bool
flush_step(struct mp_slice *slice)
{
	struct flush *f = (struct flush *)slice;

	ASSERT_CONTROL();
	if (!flush_some(f, 0))
		return true;
	TAILQ_REMOVE(&flushes, f, link);
	flush_end(f);
	free(f);
	return false;
}

static void
flush_start(const struct flush *want)
{
	struct flush *f = calloc(1, sizeof(*f)), here;

	ASSERT_CONTROL();
	if (f == NULL)
		f = &here; /* at once, however long that takes */
	*f = *want;
	f->slice.step = flush_step;
	f->serial = neigh_serial++;
	if (f->kind != FLUSH_CHANGED) /* whoever asks from here on does not find them */
		TAILQ_INSERT_TAIL(&flushes, f, link);
	else
		TAILQ_INSERT_HEAD(&flushes, f, link);
	if (!flush_some(f, FLUSH_AT_ONCE)) {
		if (f != &here) {
			mp_slice_add(&f->slice);
			return;
		}
		while (!flush_some(f, UINT32_MAX))
			continue;
	}
	TAILQ_REMOVE(&flushes, f, link);
	flush_end(f);
	if (f != &here)
		free(f);
}

/* What is under way for an interface that is going has no meaning any more: the flush that follows covers it. */
static void
flush_cancel(const struct ifnet *ifp, enum flush_kind kind)
{
	struct flush *f, *next;

	for (f = TAILQ_FIRST(&flushes); f != NULL; f = next) {
		next = TAILQ_NEXT(f, link);
		if (f->ifp != ifp || f->kind != kind)
			continue;
		TAILQ_REMOVE(&flushes, f, link);
		mp_slice_remove(&f->slice);
		free(f);
	}
}

bool
neigh_flush_help(void)
{
	struct flush *f, *next;

	ASSERT_CONTROL();
	for (f = TAILQ_FIRST(&flushes); f != NULL; f = next) {
		unsigned was = neigh_inet.nf_total + neigh_inet6.nf_total;

		next = TAILQ_NEXT(f, link);
		if (f->kind == FLUSH_CHANGED || f->swept)
			continue;
		(void)flush_some(f, FLUSH_AT_ONCE);
		if (neigh_inet.nf_total + neigh_inet6.nf_total < was)
			return true;
	}
	return false;
}

bool
neigh_flush_pending(void)
{
	ASSERT_CONTROL();
	return !TAILQ_EMPTY(&flushes);
}

void
neigh_flush_finish(void)
{
	struct flush *f;

	ASSERT_CONTROL();
	while ((f = TAILQ_FIRST(&flushes)) != NULL) {
		mp_slice_remove(&f->slice);
		while (!flush_some(f, UINT32_MAX))
			continue;
		TAILQ_REMOVE(&flushes, f, link);
		flush_end(f);
		free(f);
	}
}

void
neigh_ifnet_down(struct ifnet *ifp)
{
	flush_start(&(struct flush){.kind = FLUSH_DOWN, .ifp = ifp, .ifindex = ifp->if_index});
}

void
neigh_ifnet_detach(struct ifnet *ifp, void (*done)(struct ifnet *))
{
	dad_ifnet_gone(ifp);
	flush_cancel(ifp, FLUSH_CHANGED);
	flush_cancel(ifp, FLUSH_DOWN);
	flush_cancel(ifp, FLUSH_NETWORK);
	flush_start(&(struct flush){.kind = FLUSH_DETACH, .ifp = ifp, .ifindex = ifp->if_index, .done = done});
}

void
neigh_ifnet_changed(struct ifnet *ifp)
{
	flush_cancel(ifp, FLUSH_CHANGED);
	flush_start(&(struct flush){.kind = FLUSH_CHANGED, .ifp = ifp, .ifindex = ifp->if_index});
}

/* Connected routes: their neighbours go with them, and those on other interfaces when a route moves. */
void
neigh_route_message(const struct rt_msg *msg)
{
	if ((msg->type != RTMSG_DELETE && msg->type != RTMSG_CHANGE) || msg->ifp == NULL ||
	    (msg->family != AF_INET && msg->family != AF_INET6) ||
	    (msg->flags & (RTF_GATEWAY | RTF_CLONED | RTF_LOCAL | RTF_BROADCAST | RTF_HOST)) != 0)
		return;
	flush_start(&(struct flush){.kind = msg->type == RTMSG_CHANGE ? FLUSH_MOVED : FLUSH_NETWORK,
	    .ifp = msg->ifp,
	    .ifindex = msg->ifp->if_index,
	    .family = (uint8_t)msg->family,
	    .plen = (uint8_t)msg->plen,
	    .dst = msg->dst});
}
