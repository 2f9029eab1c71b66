/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: the trie of prefixes, with compressed paths.
 *
 * A node without entries is only there to branch: it has two children.  An operation costs at most as many steps as an
 * address has bits, and as many as there are branches on the way in practice.
 *
 * Synchronization: control only.
 * Lifetime: a node lives while it has entries or branches (rib_put).
 */
#include <stdlib.h>
#include <string.h>

#include "route/route_var.h"

struct rt_table rt_table4 = {.family = AF_INET, .bits = 32, .neighs = TAILQ_HEAD_INITIALIZER(rt_table4.neighs)};
struct rt_table rt_table6 = {.family = AF_INET6, .bits = 128, .neighs = TAILQ_HEAD_INITIALIZER(rt_table6.neighs)};

static uint64_t
load64(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

/* => any thread; zone: interface index of a link-local address, kept in the second 16 bits (where it is zero on wires) */
struct rt_key
rt_key_make(int family, const union in_any *a, uint16_t zone)
{
	if (family == AF_INET)
		return (struct rt_key){(uint64_t)ntohl(a->in4.s_addr) << 32, 0};
	return (struct rt_key){load64(a->in6.s6_addr) | (uint64_t)zone << 32, load64(a->in6.s6_addr + 8)};
}

/* => any thread; the inverse; a zone stays where it is */
void
rt_key_addr(int family, const struct rt_key *k, union in_any *a)
{
	memset(a, 0, sizeof(*a));
	if (family == AF_INET)
		a->in4.s_addr = htonl(k->hi >> 32);
	else
		for (unsigned i = 0; i < 16; i++)
			a->in6.s6_addr[i] = rt_key_octet(k, i);
}

/* => any thread */
struct rt_key
rt_key_mask(struct rt_key k, unsigned plen)
{
	k.hi &= plen == 0 ? 0 : plen >= 64 ? ~0ull : ~0ull << (64 - plen);
	k.lo &= plen <= 64 ? 0 : plen >= 128 ? ~0ull : ~0ull << (128 - plen);
	return k;
}

/* => any thread; is k under prefix/plen? */
bool
rt_key_covers(const struct rt_key *prefix, unsigned plen, const struct rt_key *k)
{
	struct rt_key m = rt_key_mask(*k, plen);

	return m.hi == prefix->hi && m.lo == prefix->lo;
}

static inline unsigned
rt_key_bit(const struct rt_key *k, unsigned i)
{
	return (i < 64 ? k->hi >> (63 - i) : k->lo >> (127 - i)) & 1;
}

/* Leading bits that both have in common */
static unsigned
rt_key_common(const struct rt_key *a, const struct rt_key *b)
{
	if (a->hi != b->hi)
		return __builtin_clzll(a->hi ^ b->hi);
	if (a->lo != b->lo)
		return 64 + __builtin_clzll(a->lo ^ b->lo);
	return 128;
}

/* => control; the node of exactly this prefix (key masked), or NULL */
struct rt_node *
rib_find(struct rt_table *t, const struct rt_key *key, unsigned plen)
{
	struct rt_node *n = t->root;

	ASSERT_CONTROL();
	while (n != NULL && n->rn_plen <= plen && rt_key_covers(&n->rn_key, n->rn_plen, key)) {
		if (n->rn_plen == plen)
			return n;
		n = n->rn_child[rt_key_bit(key, n->rn_plen)];
	}
	return NULL;
}

/*
 * Nodes lie together, a cache line each: a walk from the root touches as few pages as can be.  What was freed is used
 * first; the memory stays until rib_fini.
 */
#define RIB_CHUNK 1024 /* nodes */
struct rib_chunk {
	_Alignas(64) struct rt_node nodes[RIB_CHUNK];
	struct rib_chunk *next;
};
static struct rib_chunk *rib_chunks; /* [c] */
static struct rt_node *rib_free;     /* [c] by rn_parent */
static size_t rib_fresh;	     /* [c] nodes of the first chunk that were never used */

static struct rt_node *
rib_node_alloc(void)
{
	struct rt_node *n = rib_free;

	if (n != NULL) {
		rib_free = n->rn_parent;
	} else {
		if (rib_fresh == 0) {
			struct rib_chunk *c = aligned_alloc(64, sizeof(*c));

			if (c == NULL)
				return NULL;
			c->next = rib_chunks;
			rib_chunks = c;
			rib_fresh = RIB_CHUNK;
		}
		n = &rib_chunks->nodes[RIB_CHUNK - rib_fresh--];
	}
	memset(n, 0, sizeof(*n));
	return n;
}

static void
rib_node_free(struct rt_node *n)
{
	n->rn_parent = rib_free;
	rib_free = n;
}

static struct rt_node *
rib_node_new(const struct rt_key *key, unsigned plen)
{
	struct rt_node *n = rib_node_alloc();

	if (n != NULL) {
		n->rn_key = *key;
		n->rn_plen = plen;
	}
	return n;
}

static void
rib_hang(struct rt_node *parent, struct rt_node *child)
{
	parent->rn_child[rt_key_bit(&child->rn_key, parent->rn_plen)] = child;
	child->rn_parent = parent;
}

/* => control; the node of this prefix (key masked), made if there is none; NULL: no memory.  Give back with rib_put. */
struct rt_node *
rib_get(struct rt_table *t, const struct rt_key *key, unsigned plen)
{
	struct rt_node *parent = NULL, *n = t->root, *fresh, *branch = NULL;
	unsigned common;

	ASSERT_CONTROL();
	while (n != NULL && n->rn_plen <= plen && rt_key_covers(&n->rn_key, n->rn_plen, key)) {
		if (n->rn_plen == plen)
			return n;
		parent = n;
		n = n->rn_child[rt_key_bit(key, n->rn_plen)];
	}
	fresh = rib_node_new(key, plen);
	if (fresh == NULL)
		return NULL;
	if (n != NULL) {
		common = rt_key_common(&n->rn_key, key);
		if (common >= plen) { /* n is under the new one */
			rib_hang(fresh, n);
		} else {
			struct rt_key k = rt_key_mask(*key, common);

			branch = rib_node_new(&k, common);
			if (branch == NULL) {
				rib_node_free(fresh);
				return NULL;
			}
			rib_hang(branch, n);
			rib_hang(branch, fresh);
		}
	}
	if (branch == NULL)
		branch = fresh;
	if (parent != NULL)
		rib_hang(parent, branch);
	else {
		t->root = branch;
		branch->rn_parent = NULL;
	}
	return fresh;
}

/* => control; frees the node, and the branch above it, if nothing needs them and nobody holds them */
void
rib_put(struct rt_table *t, struct rt_node *n)
{
	ASSERT_CONTROL();
	while (n != NULL && n->rn_routes == NULL && !n->rn_held && (n->rn_child[0] == NULL || n->rn_child[1] == NULL)) {
		struct rt_node *parent = n->rn_parent;
		struct rt_node *child = n->rn_child[0] != NULL ? n->rn_child[0] : n->rn_child[1];

		if (child != NULL)
			child->rn_parent = parent;
		if (parent == NULL)
			t->root = child;
		else
			parent->rn_child[parent->rn_child[1] == n] = child;
		rib_node_free(n);
		n = child == NULL ? parent : NULL;
	}
}

/* => control; the longest prefix of key that want() takes, or NULL */
struct rt_node *
rib_match(struct rt_table *t, const struct rt_key *key, bool (*want)(const struct rt_node *, void *), void *arg)
{
	struct rt_node *n = t->root, *best = NULL;

	ASSERT_CONTROL();
	while (n != NULL && rt_key_covers(&n->rn_key, n->rn_plen, key)) {
		if (n->rn_routes != NULL && want(n, arg))
			best = n;
		if (n->rn_plen == t->bits)
			break;
		n = n->rn_child[rt_key_bit(key, n->rn_plen)];
	}
	return best;
}

/*
 * => control; fn for each node with entries at and under n, in NetBSD's order: by address, of the same address the
 * longer prefix first.  fn must not add or remove nodes.
 */
void
rib_walk(struct rt_node *n, void (*fn)(struct rt_node *, void *), void *arg)
{
	struct rt_node *same[129];
	unsigned k = 0;

	while (n != NULL) {
		struct rt_node *left = n->rn_child[0];

		same[k++] = n;
		if (left == NULL || left->rn_key.hi != n->rn_key.hi || left->rn_key.lo != n->rn_key.lo)
			break;
		n = left;
	}
	for (unsigned i = k; i-- > 0;)
		if (same[i]->rn_routes != NULL)
			fn(same[i], arg);
	for (unsigned i = k; i-- > 0;) {
		if (i == k - 1)
			rib_walk(same[i]->rn_child[0], fn, arg);
		rib_walk(same[i]->rn_child[1], fn, arg);
	}
}

static bool
rib_after(const struct rt_node *n, const struct rt_cursor *c)
{
	if (!c->started)
		return true;
	if (n->rn_key.hi != c->key.hi)
		return n->rn_key.hi > c->key.hi;
	if (n->rn_key.lo != c->key.lo)
		return n->rn_key.lo > c->key.lo;
	return n->rn_plen < c->plen;
}

/* Nothing at or under n comes after the cursor. */
static bool
rib_before(const struct rt_node *n, const struct rt_cursor *c)
{
	struct rt_key last = {~0ull, ~0ull}, mask = rt_key_mask(last, n->rn_plen);

	last.hi = n->rn_key.hi | ~mask.hi;
	last.lo = n->rn_key.lo | ~mask.lo;
	return c->started && (last.hi < c->key.hi || (last.hi == c->key.hi && last.lo < c->key.lo));
}

static bool
rib_walk_after(struct rt_node *n, struct rt_cursor *c, bool (*fn)(struct rt_node *, void *), void *arg)
{
	struct rt_node *same[129];
	unsigned k = 0;

	if (n == NULL || rib_before(n, c))
		return true;
	while (n != NULL) {
		struct rt_node *left = n->rn_child[0];

		same[k++] = n;
		if (left == NULL || left->rn_key.hi != n->rn_key.hi || left->rn_key.lo != n->rn_key.lo)
			break;
		n = left;
	}
	for (unsigned i = k; i-- > 0;)
		if (same[i]->rn_routes != NULL && rib_after(same[i], c)) {
			c->key = same[i]->rn_key;
			c->plen = same[i]->rn_plen;
			c->started = true;
			if (!fn(same[i], arg))
				return false;
		}
	for (unsigned i = k; i-- > 0;) {
		if (i == k - 1 && !rib_walk_after(same[i]->rn_child[0], c, fn, arg))
			return false;
		if (!rib_walk_after(same[i]->rn_child[1], c, fn, arg))
			return false;
	}
	return true;
}

/*
 * => control; rib_walk from behind the cursor, which follows; fn ends the walk by false.  Between two calls the table may
 * change: what is there all the time is seen once.  => true: there is nothing more
 */
bool
rib_walk_from(struct rt_table *t, struct rt_cursor *c, bool (*fn)(struct rt_node *, void *), void *arg)
{
	ASSERT_CONTROL();
	return rib_walk_after(t->root, c, fn, arg);
}

/* => control; at the end: frees nodes; the entries are gone */
void
rib_fini(struct rt_table *t)
{
	struct rt_node *n = t->root;

	while (n != NULL) {
		struct rt_node *next = n->rn_child[0] != NULL ? n->rn_child[0] : n->rn_child[1];

		if (next == NULL) {
			next = n->rn_parent;
			if (next != NULL)
				next->rn_child[next->rn_child[1] == n] = NULL;
			rib_node_free(n);
		}
		n = next;
	}
	t->root = NULL;
	if (rt_table4.root != NULL || rt_table6.root != NULL)
		return;
	while (rib_chunks != NULL) {
		struct rib_chunk *c = rib_chunks;

		rib_chunks = c->next;
		free(c);
	}
	rib_free = NULL;
	rib_fresh = 0;
}
