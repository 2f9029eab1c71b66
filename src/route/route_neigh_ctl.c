/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host entries of neighbours, looked at again when what the table has for their network changes: at once where there
 * are few, else in slices.  Until its turn a neighbour's packets go where they went a moment ago.
 */
/*
 * Synchronization: control only.
 * Lifetime: one job for each table, for ever; it keeps keys, never nodes.
 */
#include "mp/slice.h"
#include "route/route.h"
#include "route/route_var.h"

#define RECHECK_AT_ONCE 256 /* neighbours in the table */

static struct recheck {
	struct mp_slice slice; /* [c] */
	struct rt_table *t;    /* [c] */
	struct rt_key key;     /* [c] what is looked at, with plen */
	unsigned plen;	       /* [c] */
	struct rt_cursor at;   /* [c] */
	unsigned cost;	       /* [c] since the last look at the clock */
	bool over;	       /* [c] the walk has left the prefix */
} recheck4, recheck6;	       /* [c] */

static bool
recheck_node(struct rt_table *t, struct rt_node *n)
{
	for (struct rtentry *e = n->rn_routes; e != NULL; e = e->re_next)
		if (e->re_kind == RT_NEIGH) {
			(void)rt_node_update(t, n);
			return true;
		}
	return false;
}

/* Few neighbours, however many routes there are.  By key: what one leads to may take others along. */
static void
recheck_now(struct rt_table *t, const struct rt_node *n)
{
	struct rt_cursor under[RECHECK_AT_ONCE];
	const struct rtentry *e;
	unsigned k = 0;

	TAILQ_FOREACH (e, &t->neighs, re_grouplink)
		if (e->re_node != n && rt_key_covers(&n->rn_key, n->rn_plen, &e->re_node->rn_key))
			under[k++] = (struct rt_cursor){.key = e->re_node->rn_key, .plen = e->re_node->rn_plen};
	while (k-- > 0) {
		struct rt_node *below = rib_find(t, &under[k].key, under[k].plen);

		if (below != NULL)
			(void)recheck_node(t, below);
	}
}

static bool
recheck_next(struct rt_node *n, void *arg)
{
	struct recheck *r = arg;

	if (!rt_key_covers(&r->key, r->plen, &n->rn_key)) {
		r->over = true;
		return false;
	}
	r->cost += recheck_node(r->t, n) ? 16 : 1;
	if (r->cost < 64)
		return true;
	r->cost = 0;
	return !mp_slice_over();
}

static bool
recheck_step(struct mp_slice *slice)
{
	struct recheck *r = (struct recheck *)slice;

	ASSERT_CONTROL();
	return !rib_walk_from(r->t, &r->at, recheck_next, r) && !r->over;
}

void
rt_neigh_recheck(struct rt_table *t, struct rt_node *n)
{
	struct recheck *r = t->family == AF_INET ? &recheck4 : &recheck6;

	ASSERT_CONTROL();
	if (t->nneigh <= RECHECK_AT_ONCE) {
		recheck_now(t, n);
		return;
	}
	if (!r->slice.queued) {
		r->key = n->rn_key;
		r->plen = n->rn_plen;
	}
	/* both, and what lies between, from the beginning */
	if (r->plen > n->rn_plen)
		r->plen = n->rn_plen;
	while (r->key = rt_key_mask(r->key, r->plen), !rt_key_covers(&r->key, r->plen, &n->rn_key))
		r->plen--;
	r->at = (struct rt_cursor){.key = r->key, .plen = UINT8_MAX, .started = true};
	r->over = false;
	r->t = t;
	r->slice.step = recheck_step;
	mp_slice_add(&r->slice);
}
