/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The neighbours in order: a treap with its nodes in a list, so that whoever works through the cache in pieces (pages,
 * configuration, interfaces that go) goes on behind a key, however much came and went meanwhile.
 */
/*
 * Synchronization: control only.
 * Lifetime: a neighbour is in the order from neigh_order_insert to neigh_order_remove; nobody keeps one between slices.
 */
#include <string.h>

#include "ether/neigh_var.h"

static struct neigh *order_root;					  /* [c] */
static struct neigh_list order_list = TAILQ_HEAD_INITIALIZER(order_list); /* [c] */
static uint64_t order_seed;						  /* [c] so that nobody can make it deep */

/* NetBSD's order in the samples: the last interface first; IPv4 downwards, IPv6 upwards. */
int
neigh_key_order(const struct neigh_key *x, const struct neigh_key *y)
{
	int cmp;

	if (x->family != y->family)
		return x->family == AF_INET ? -1 : 1;
	if (x->ifindex != y->ifindex)
		return x->ifindex > y->ifindex ? -1 : 1;
	cmp = memcmp(&x->addr, &y->addr, neigh_addrlen(x->family));
	if (cmp == 0)
		return (int)x->kind - (int)y->kind;
	return x->family == AF_INET ? -cmp : cmp;
}

struct neigh_key
neigh_key(const struct neigh *n)
{
	struct neigh_key k = {.ifindex = n->n_ifp->if_index,
	    .family = n->n_family,
	    .kind = n->n_flags & NEIGH_F_PROXY ? NEIGH_KEY_PROXY : NEIGH_KEY_REAL};

	memcpy(&k.addr, &n->n_addr, neigh_addrlen(n->n_family));
	return k;
}

static bool
order_before(const struct neigh *n, const struct neigh_key *k)
{
	struct neigh_key own = neigh_key(n);

	return neigh_key_order(&own, k) < 0;
}

void
neigh_order_insert(struct neigh *n)
{
	struct neigh **p = &order_root, **l = &n->n_left, **r = &n->n_right, *t, *before = NULL;
	struct neigh_key k = neigh_key(n);

	ASSERT_CONTROL();
	if (order_seed == 0)
		order_seed = (uint64_t)neigh_random(UINT32_MAX) << 32 | 1;
	order_seed ^= order_seed << 13;
	order_seed ^= order_seed >> 7;
	order_seed ^= order_seed << 17;
	n->n_prio = (uint32_t)(order_seed >> 32);
	while (*p != NULL && (*p)->n_prio >= n->n_prio) {
		if (order_before(*p, &k)) {
			before = *p;
			p = &(*p)->n_right;
		} else
			p = &(*p)->n_left;
	}
	/* what is below is split in two: what comes before n, and what comes after it */
	t = *p;
	*p = n;
	while (t != NULL) {
		if (order_before(t, &k)) {
			before = *l = t;
			l = &t->n_right;
			t = t->n_right;
		} else {
			*r = t;
			r = &t->n_left;
			t = t->n_left;
		}
	}
	*l = *r = NULL;
	if (before != NULL)
		TAILQ_INSERT_AFTER(&order_list, before, n, n_order);
	else
		TAILQ_INSERT_HEAD(&order_list, n, n_order);
}

void
neigh_order_remove(struct neigh *n)
{
	struct neigh **p = &order_root, *l = n->n_left, *r = n->n_right;
	struct neigh_key k = neigh_key(n);

	ASSERT_CONTROL();
	while (*p != n)
		p = order_before(*p, &k) ? &(*p)->n_right : &(*p)->n_left;
	while (l != NULL && r != NULL) {
		if (l->n_prio >= r->n_prio) {
			*p = l;
			p = &l->n_right;
			l = l->n_right;
		} else {
			*p = r;
			p = &r->n_left;
			r = r->n_left;
		}
	}
	*p = l != NULL ? l : r;
	TAILQ_REMOVE(&order_list, n, n_order);
}

struct neigh *
neigh_order_from(const struct neigh_key *k, bool behind)
{
	struct neigh *n = order_root, *found = NULL;

	ASSERT_CONTROL();
	if (k == NULL)
		return TAILQ_FIRST(&order_list);
	while (n != NULL) {
		struct neigh_key own = neigh_key(n);
		int cmp = neigh_key_order(&own, k);

		if (cmp > 0 || (cmp == 0 && !behind)) {
			found = n;
			n = n->n_left;
		} else
			n = n->n_right;
	}
	return found;
}

struct neigh *
neigh_order_next(struct neigh *n)
{
	return TAILQ_NEXT(n, n_order);
}
