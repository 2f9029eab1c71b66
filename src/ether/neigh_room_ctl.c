/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bounds of the neighbour cache: who makes room for whom.
 *
 * Where the cache is full, an interface that has more than its share (the whole by the number of interfaces that have
 * any) makes room for its own; else the interface that has most does.  There the oldest goes, those that are least
 * worth first.  What hosts on one link make us remember does not cost those on another.
 */
/*
 * Synchronization: control only.
 * Lifetime: the home of an interface's neighbours is made with the first and freed with the last.
 */
#include <stdlib.h>

#include "ether/neigh.h"
#include "ether/neigh_var.h"

#define ROOM_SEARCH  32 /* entries looked at to find one that may go */
#define ROOM_AT_ONCE 64 /* entries that go for one: where the limit was lowered far, the rest goes for the next */

static struct neigh_home *homes[2][MP_MAXIF]; /* [c] */

static unsigned
home_weight(const unsigned *count, unsigned total, bool incomplete)
{
	return incomplete ? count[NEIGH_INCOMPLETE] : total - count[NEIGH_PERMANENT];
}

/* => false: no memory */
bool
neigh_room_enter(struct neigh *n)
{
	struct neigh_family *nf = neigh_family(n->n_family);
	struct neigh_home **at = &homes[n->n_family == AF_INET6][n->n_ifp->if_index], *h = *at;

	ASSERT_CONTROL();
	if (h == NULL) {
		h = *at = calloc(1, sizeof(*h));
		if (h == NULL)
			return false;
		for (unsigned i = 0; i < NEIGH_NSTATES; i++)
			TAILQ_INIT(&h->nm_list[i]);
		LIST_INSERT_HEAD(&nf->nf_homes, h, nm_link);
		nf->nf_nhomes++;
	}
	n->n_home = h;
	TAILQ_INSERT_TAIL(&h->nm_list[n->n_state], n, n_list);
	h->nm_count[n->n_state]++;
	h->nm_total++;
	nf->nf_count[n->n_state]++;
	nf->nf_total++;
	return true;
}

void
neigh_room_leave(struct neigh *n)
{
	struct neigh_family *nf = neigh_family(n->n_family);
	struct neigh_home *h = n->n_home;

	ASSERT_CONTROL();
	TAILQ_REMOVE(&h->nm_list[n->n_state], n, n_list);
	h->nm_count[n->n_state]--;
	nf->nf_count[n->n_state]--;
	nf->nf_total--;
	if (--h->nm_total > 0)
		return;
	LIST_REMOVE(h, nm_link);
	nf->nf_nhomes--;
	homes[n->n_family == AF_INET6][n->n_ifp->if_index] = NULL;
	free(h);
}

/* => control; moves the entry to the list of its new state */
void
neigh_to_state(struct neigh *n, enum neigh_state state)
{
	struct neigh_family *nf = neigh_family(n->n_family);
	struct neigh_home *h = n->n_home;

	ASSERT_CONTROL();
	TAILQ_REMOVE(&h->nm_list[n->n_state], n, n_list);
	h->nm_count[n->n_state]--;
	nf->nf_count[n->n_state]--;
	n->n_state = (uint8_t)state;
	TAILQ_INSERT_TAIL(&h->nm_list[state], n, n_list);
	h->nm_count[state]++;
	nf->nf_count[state]++;
}

/* Frees the oldest entry of a state that no route holds and nobody set; false if there is none near the front. */
static bool
room_recycle(struct neigh_home *h, enum neigh_state state)
{
	unsigned looked = 0;
	struct neigh *n;

	TAILQ_FOREACH (n, &h->nm_list[state], n_list) {
		if (++looked > ROOM_SEARCH)
			break;
		if (!neigh_pinned(n) && !(n->n_flags & NEIGH_F_TEMP)) {
			neigh_delete(n, DROP_NEIGH_RECYCLED);
			return true;
		}
	}
	return false;
}

/* => whose entries go for one more of the interface (index); NULL: there are none */
static struct neigh_home *
room_victim(struct neigh_family *nf, struct neigh_home *own, bool incomplete)
{
	unsigned all = home_weight(nf->nf_count, nf->nf_total, incomplete), most = 0;
	struct neigh_home *h, *victim = NULL;

	if (own != NULL && home_weight(own->nm_count, own->nm_total, incomplete) * (uint64_t)nf->nf_nhomes >= all)
		return own;
	LIST_FOREACH (h, &nf->nf_homes, nm_link) {
		unsigned weight = home_weight(h->nm_count, h->nm_total, incomplete);

		if (weight > most) {
			most = weight;
			victim = h;
		}
	}
	return victim;
}

void
neigh_make_room(struct neigh *n)
{
	struct neigh_family *nf = neigh_family(n->n_family);
	unsigned max = (unsigned)atomic_load_explicit(nf->nf_maxincomplete, memory_order_relaxed);

	ASSERT_CONTROL();
	for (unsigned gone = 0; nf->nf_count[NEIGH_INCOMPLETE] >= max && gone < ROOM_AT_ONCE; gone++) {
		struct neigh_home *h = room_victim(nf, n->n_home, true);

		if (h == NULL || !room_recycle(h, NEIGH_INCOMPLETE))
			break;
	}
}

bool
neigh_room(struct ifnet *ifp, int family)
{
	/* The last are in use, but one who answers for every address must not shut out all others. */
	static const uint8_t expendable[] = {
	    NEIGH_FAILED, NEIGH_NONE, NEIGH_INCOMPLETE, NEIGH_STALE, NEIGH_PROBE, NEIGH_DELAY, NEIGH_REACHABLE};
	struct neigh_family *nf = neigh_family(family);
	int set = atomic_load_explicit(nf->nf_maxentries, memory_order_relaxed);
	unsigned max = set > 0 ? (unsigned)set : set == 0 ? 1 : NEIGH_MAXENTRIES;

	ASSERT_CONTROL();
	for (unsigned gone = 0; nf->nf_total >= max && gone < ROOM_AT_ONCE; gone++) {
		struct neigh_home *own = homes[family == AF_INET6][ifp->if_index], *h = room_victim(nf, own, false);
		unsigned i = 0;

		if (neigh_flush_help())
			continue;
		if (h == NULL)
			return false;
		while (i < sizeof(expendable) && !room_recycle(h, expendable[i]))
			i++;
		if (i == sizeof(expendable))
			return false;
	}
	return true;
}
