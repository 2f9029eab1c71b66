/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIB: nodes, the tree of prefixes under a word of the root.
 *
 * A change is made in three steps.  The tree is changed first; that needs memory and may fail, with nothing changed.  Then the chunks
 * are built, from the topmost node that has changed down, as far as something changed; the caller has made sure that there is
 * room. Last, one store of the word that names the topmost chunk publishes it.  A leaf that is full becomes an inner
 * node with leaves below; an inner node whose prefixes would fill half a leaf becomes one.
 *
 * Synchronization: control only, but for the store that publishes.
 * Lifetime: a chunk that was replaced goes to fib_chunk_put, and its grace period begins when the change is complete.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "route/fib_var.h"

#define FIB_MAXPATH 32

/* => control */
int
fib_nodes_init(struct fib_nodes *ns, struct fib_chunks *chunks, uint32_t max, uint16_t limit)
{
	*ns = (struct fib_nodes){.max = max, .free = FIB_NONE, .limit = limit, .chunks = chunks};
	for (; ns->max >= 4096; ns->max /= 2) {
		ns->nodes = fib_reserve(ns->max * sizeof(*ns->nodes));
		if (ns->nodes != NULL)
			return 0;
	}
	return -ENOMEM;
}

/* => control; frees the nodes that are still there */
void
fib_nodes_fini(struct fib_nodes *ns)
{
	if (ns->nodes == NULL)
		return;
	for (uint32_t i = 0; i < ns->fresh; i++)
		free(ns->nodes[i].e);
	munmap(ns->nodes, ns->max * sizeof(*ns->nodes));
	ns->nodes = NULL;
}

/* => control */
uint32_t
fib_node_new(struct fib_nodes *ns, unsigned s, bool lo)
{
	uint32_t at = ns->free;

	if (at != FIB_NONE)
		ns->free = ns->nodes[at].cover;
	else if (ns->fresh < ns->max)
		at = ns->fresh++;
	else
		return FIB_NONE;
	ns->nodes[at] = (struct fib_node){.s = s, .lo = lo, .inner = ns->limit == 0};
	ns->used++;
	return at;
}

/* => control */
void
fib_node_free(struct fib_nodes *ns, uint32_t at)
{
	struct fib_node *n = &ns->nodes[at];

	if (n->word & FIB_CHILD)
		fib_chunk_put(ns->chunks, n->word & FIB_PLACE);
	ns->octets -= n->cap * sizeof(*n->e);
	free(n->e);
	n->e = NULL;
	n->cover = ns->free;
	ns->free = at;
	ns->used--;
}

/* Frees a node, with the nodes of its half below it. */
static void
fib_node_destroy(struct fib_nodes *ns, uint32_t at)
{
	struct fib_node *n = &ns->nodes[at];

	for (unsigned i = 0; i < n->n; i++)
		if (n->e[i].child && ns->nodes[n->e[i].nh].lo == n->lo)
			fib_node_destroy(ns, n->e[i].nh);
	fib_node_free(ns, at);
}

/* => control; frees the node and all below it, which workers cannot find at the end of this change */
void
fib_node_drop(struct fib_nodes *ns, uint32_t at)
{
	struct fib_node *n = &ns->nodes[at];

	for (unsigned i = 0; i < n->n; i++)
		if (n->e[i].child)
			fib_node_drop(ns, n->e[i].nh);
	fib_node_free(ns, at);
}

static inline uint64_t
fib_top_bits(unsigned n)
{
	return n >= 64 ? ~0ull : ~(~0ull >> n);
}

/* The bits that are decided at the end of the node */
static inline unsigned
fib_node_end(const struct fib_node *n)
{
	unsigned end = n->s + (n->inner ? FIB_STRIDE : FIB_REACH);

	return end > 64 ? 64 : end;
}

/* Lists of entries */

static inline int
fib_entry_compare(const struct fib_entry *a, const struct fib_entry *b)
{
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return (a->plen * 2 + a->child) - (b->plen * 2 + b->child);
}

/* The place of e in the list, or where it would be */
static bool
fib_entry_find(const struct fib_node *n, const struct fib_entry *e, unsigned *place)
{
	unsigned lo = 0, hi = n->n;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		int c = fib_entry_compare(&n->e[mid], e);

		if (c == 0) {
			*place = mid;
			return true;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*place = lo;
	return false;
}

static int
fib_entry_add(struct fib_nodes *ns, struct fib_node *n, unsigned place, const struct fib_entry *e)
{
	if (n->n == n->cap) {
		unsigned cap = n->cap < 4 ? n->cap + 2 : n->cap + n->cap / 2;
		struct fib_entry *p = realloc(n->e, cap * sizeof(*p));

		if (p == NULL)
			return -ENOMEM;
		ns->octets += (cap - n->cap) * sizeof(*p);
		n->e = p;
		n->cap = cap;
	}
	memmove(&n->e[place + 1], &n->e[place], (n->n - place) * sizeof(*e));
	n->e[place] = *e;
	n->n++;
	return 0;
}

static void
fib_entry_remove(struct fib_nodes *ns, struct fib_node *n, unsigned place)
{
	n->n--;
	memmove(&n->e[place], &n->e[place + 1], (n->n - place) * sizeof(*n->e));
	if (n->cap > 8 && n->n < n->cap / 3) {
		struct fib_entry *p = realloc(n->e, n->cap / 2 * sizeof(*p));

		if (p != NULL) {
			ns->octets -= (n->cap - n->cap / 2) * sizeof(*p);
			n->e = p;
			n->cap /= 2;
		}
	}
}

/* The entry of the node of the same half below an inner node that key belongs to */
static struct fib_entry
fib_entry_below(const struct fib_node *n, uint64_t key)
{
	unsigned end = fib_node_end(n);

	return (struct fib_entry){.key = key & fib_top_bits(end), .plen = end, .child = 1};
}

/* Changes of the tree */

static int fib_node_remake(struct fib_nodes *, uint32_t at, bool inner);

/*
 * Puts e in, at or below the node, in its half; dirty: the topmost node that is to be built again, if any (also when it
 * fails); added: 0 if the prefix was there already.
 */
static int
fib_node_insert(struct fib_nodes *ns, uint32_t at, const struct fib_entry *e, uint32_t *dirty, unsigned *added)
{
	struct fib_node *n = &ns->nodes[at];
	struct fib_entry below;
	unsigned place;
	uint32_t child, none = FIB_NONE;
	int error;

	*dirty = FIB_NONE;
	*added = 0;
	if (!n->inner && !fib_entry_find(n, e, &place) && n->n == ns->limit) {
		error = fib_node_remake(ns, at, true);
		if (error)
			return error;
		*dirty = at;
	}
	if (e->plen <= fib_node_end(n)) {
		if (fib_entry_find(n, e, &place)) {
			n->e[place].nh = e->nh;
		} else {
			error = fib_entry_add(ns, n, place, e);
			if (error)
				return error;
			*added = 1;
		}
		n->count += *added;
		*dirty = at;
		return 0;
	}
	below = fib_entry_below(n, e->key);
	if (fib_entry_find(n, &below, &place)) {
		error = fib_node_insert(ns, n->e[place].nh, e, &child, added);
		if (*dirty == FIB_NONE)
			*dirty = child;
		n->count += *added;
		return error;
	}
	child = fib_node_new(ns, below.plen, n->lo);
	if (child == FIB_NONE)
		return -ENOMEM;
	below.nh = child;
	error = fib_node_insert(ns, child, e, &none, added);
	if (error == 0)
		error = fib_entry_add(ns, n, place, &below);
	if (error) {
		*added = 0;
		fib_node_destroy(ns, child);
		return error;
	}
	n->count += *added;
	*dirty = at;
	return 0;
}

/* Puts the prefixes of the half at and below a node into another. */
static int
fib_node_copy(struct fib_nodes *ns, uint32_t from, uint32_t to)
{
	const struct fib_node *n = &ns->nodes[from];
	uint32_t dirty;
	unsigned added;
	int error = 0;

	for (unsigned i = 0; i < n->n && error == 0; i++)
		if (n->e[i].child && ns->nodes[n->e[i].nh].lo == n->lo)
			error = fib_node_copy(ns, n->e[i].nh, to);
		else
			error = fib_node_insert(ns, to, &n->e[i], &dirty, &added);
	return error;
}

/* A leaf that is full becomes an inner node, an inner node with few prefixes a leaf.  0, or -ENOMEM: nothing changed */
static int
fib_node_remake(struct fib_nodes *ns, uint32_t at, bool inner)
{
	struct fib_node *n = &ns->nodes[at], *fresh, old = *n;
	uint32_t other = fib_node_new(ns, n->s, n->lo);
	int error;

	if (other == FIB_NONE)
		return -ENOMEM;
	fresh = &ns->nodes[other];
	fresh->inner = inner;
	error = fib_node_copy(ns, at, other);
	if (error) {
		fib_node_destroy(ns, other);
		return error;
	}
	n->inner = inner;
	n->e = fresh->e;
	n->n = fresh->n;
	n->cap = fresh->cap;
	fresh->e = old.e;
	fresh->n = old.n;
	fresh->cap = old.cap;
	fib_node_destroy(ns, other);
	return 0;
}

/* The way from the node at root down to where a prefix is, over both halves */
struct fib_path {
	uint32_t node[FIB_MAXPATH];
	unsigned place[FIB_MAXPATH]; /* of the entry in the node's list */
	unsigned n;
};

static bool
fib_path_find(const struct fib_nodes *ns, uint32_t root, const struct fib_entry *e, struct fib_path *p)
{
	for (uint32_t at = root;;) {
		const struct fib_node *n = &ns->nodes[at];
		struct fib_entry below = fib_entry_below(n, e->key);
		bool here = e->plen <= fib_node_end(n);

		p->node[p->n++] = at;
		if (!fib_entry_find(n, here ? e : &below, &p->place[p->n - 1]))
			return false;
		if (here)
			return true;
		at = n->e[p->place[p->n - 1]].nh;
	}
}

/* Building */

struct fib_runs {
	uint32_t n;
	uint64_t key[FIB_MAXRUNS]; /* of a leaf: left-aligned, the lower half is 0 */
	uint32_t value[FIB_MAXRUNS];
	struct fib_node *child[FIB_MAXRUNS]; /* or NULL */
	uint64_t map;			     /* of an inner node */
	bool wide;			     /* likewise */
};

static inline void
fib_store(struct fib_chunks *c, uint32_t place, unsigned i, uint32_t v)
{
	_Atomic uint32_t *words = (_Atomic uint32_t *)(void *)(c->base + (size_t)place * 8);

	atomic_store_explicit(&words[i], v, memory_order_relaxed);
}

static inline void
fib_store64(struct fib_chunks *c, uint32_t place, unsigned i, uint64_t v)
{
	_Atomic uint64_t *words = (_Atomic uint64_t *)(void *)(c->base + (size_t)place * 8);

	atomic_store_explicit(&words[i], v, memory_order_relaxed);
}

/* Write a chunk; the children learn the words that name them.  Return the word that names the chunk. */

static void
fib_runs_child(struct fib_chunks *c, const struct fib_runs *r, unsigned i, uint32_t place, unsigned word)
{
	if (r->child[i] != NULL)
		r->child[i]->where = (_Atomic uint32_t *)(void *)(c->base + (size_t)place * 8 + word * 4);
}

static uint32_t
fib_runs_write_inner(struct fib_chunks *c, const struct fib_runs *r)
{
	uint32_t place = fib_chunk_get(c, 8 + (r->wide ? 4 * r->n : (r->n + 1) / 2 * 4));

	fib_store64(c, place, 0, r->map);
	for (unsigned i = 0; r->wide && i < r->n; i++) {
		fib_store(c, place, 2 + i, r->value[i]);
		fib_runs_child(c, r, i, place, 2 + i);
	}
	for (unsigned i = 0; !r->wide && i < r->n; i += 2)
		fib_store(c, place, 2 + i / 2, r->value[i] | (i + 1 < r->n ? r->value[i + 1] << 16 : 0));
	return place | FIB_CHILD | (r->wide ? FIB_WIDE : 0);
}

static uint32_t
fib_runs_write_leaf(struct fib_chunks *c, const struct fib_runs *r)
{
	static struct fib_image image;
	uint32_t key[FIB_MAXRUNS], place;
	bool own[FIB_MAXRUNS];

	for (unsigned i = 0; i < r->n; i++) {
		key[i] = r->key[i] >> 32;
		own[i] = r->child[i] != NULL;
	}
	fib_leaf_image(key, r->value, own, r->n, &image);
	place = fib_chunk_get(c, image.octets);
	for (unsigned i = 0; i < image.octets / 4; i++)
		fib_store(c, place, i, image.words[i]);
	for (unsigned i = 0; i < r->n; i++)
		fib_runs_child(c, r, i, place, image.ref[i]);
	return place | FIB_CHILD | FIB_LEAF | image.kind;
}

static void fib_node_build(struct fib_nodes *, uint32_t at, uint32_t cover, bool force);

static inline uint32_t
fib_entry_value(struct fib_nodes *ns, const struct fib_entry *e, uint32_t cover, struct fib_node **child)
{
	*child = NULL;
	if (!e->child)
		return e->nh;
	*child = &ns->nodes[e->nh];
	fib_node_build(ns, e->nh, cover, false);
	return (*child)->word;
}

static void
fib_runs_inner(struct fib_nodes *ns, const struct fib_node *n, uint32_t cover, struct fib_runs *r)
{
	uint32_t value[64];
	struct fib_node *child[64] = {NULL};

	for (unsigned i = 0; i < 64; i++)
		value[i] = cover;
	for (unsigned i = 0; i < n->n; i++) {
		const struct fib_entry *e = &n->e[i];
		unsigned at = e->key << n->s >> 58, len = 1u << (n->s + FIB_STRIDE - e->plen);
		uint32_t v = fib_entry_value(ns, e, value[at], &child[at]);

		for (unsigned k = at; k < at + len; k++)
			value[k] = v;
	}
	for (unsigned i = 0; i < 64; i++) {
		if (i > 0 && value[i] == value[i - 1])
			continue;
		r->map |= 1ull << i;
		r->child[r->n] = child[i];
		r->wide |= value[i] > 0xffff;
		r->value[r->n++] = value[i];
	}
}

static inline void
fib_runs_emit(struct fib_runs *r, uint64_t key, uint32_t value, struct fib_node *child)
{
	if (r->n > 0 && r->key[r->n - 1] == key)
		r->n--;
	if (r->n > 0 && r->value[r->n - 1] == value)
		return;
	r->key[r->n] = key;
	r->value[r->n] = value;
	r->child[r->n++] = child;
}

/* The ranges of a leaf: prefixes open and close like brackets. */
static void
fib_runs_leaf(struct fib_nodes *ns, const struct fib_node *n, uint32_t cover, struct fib_runs *r)
{
	struct {
		uint64_t last;
		uint32_t value;
	} open[68] = {{~0ull, cover}};
	unsigned depth = 0;

	fib_runs_emit(r, 0, cover, NULL);
	for (unsigned i = 0; i < n->n; i++) {
		const struct fib_entry *e = &n->e[i];
		uint64_t first = e->key << n->s;
		struct fib_node *child;
		uint32_t v;

		for (; open[depth].last < first; depth--)
			fib_runs_emit(r, open[depth].last + 1, open[depth - 1].value, NULL);
		v = fib_entry_value(ns, e, open[depth].value, &child);
		fib_runs_emit(r, first, v, child);
		open[++depth].last = first | (e->plen - n->s >= 64 ? 0 : ~0ull >> (e->plen - n->s));
		open[depth].value = v;
	}
	for (; depth > 0; depth--)
		if (open[depth].last != ~0ull)
			fib_runs_emit(r, open[depth].last + 1, open[depth - 1].value, NULL);
}

/* Makes node->word right, for the caller to publish.  force: prefixes have changed. */
static void
fib_node_build(struct fib_nodes *ns, uint32_t at, uint32_t cover, bool force)
{
	struct fib_node *n = &ns->nodes[at];
	struct fib_runs r;
	uint32_t old = n->word;

	if (!force && (old & FIB_CHILD) && n->cover == cover)
		return;
	n->cover = cover;
	r.n = 0;
	r.map = 0;
	r.wide = false;
	if (n->inner)
		fib_runs_inner(ns, n, cover, &r);
	else
		fib_runs_leaf(ns, n, cover, &r);
	n->word = n->inner ? fib_runs_write_inner(ns->chunks, &r) : fib_runs_write_leaf(ns->chunks, &r);
	n->word |= n->lo ? FIB_LO : 0;
	if (old & FIB_CHILD)
		fib_chunk_put(ns->chunks, old & FIB_PLACE);
}

static void
fib_node_publish(struct fib_nodes *ns, uint32_t at)
{
	struct fib_node *n = &ns->nodes[at];

	fib_node_build(ns, at, n->cover, true);
	atomic_store_explicit(n->where, n->word, memory_order_release);
}

/* => control */
void
fib_node_cover(struct fib_nodes *ns, uint32_t root, uint32_t cover)
{
	fib_node_build(ns, root, cover, false);
}

static struct fib_entry
fib_entry_make(const struct rt_key *key, unsigned plen, bool lo, uint32_t nh)
{
	return (struct fib_entry){.key = lo ? key->lo : key->hi, .plen = lo ? plen - 64 : plen, .nh = nh};
}

/* => control */
int
fib_node_set(struct fib_nodes *ns, uint32_t root, const struct rt_key *key, unsigned plen, uint32_t nh)
{
	struct fib_entry e = fib_entry_make(key, plen, plen > 64, nh), half = {.key = key->hi, .plen = 64, .child = 1};
	struct fib_path path = {.n = 0};
	uint32_t dirty = FIB_NONE, lower;
	unsigned added;
	int error;

	if (plen <= 64) {
		error = fib_node_insert(ns, root, &e, &dirty, &added);
	} else if (fib_path_find(ns, root, &half, &path)) {
		const struct fib_node *n = &ns->nodes[path.node[path.n - 1]];

		error = fib_node_insert(ns, n->e[path.place[path.n - 1]].nh, &e, &dirty, &added);
	} else {
		lower = fib_node_new(ns, 0, true);
		if (lower == FIB_NONE)
			return -ENOMEM;
		error = fib_node_insert(ns, lower, &e, &dirty, &added);
		dirty = FIB_NONE;
		half.nh = lower;
		if (error == 0)
			error = fib_node_insert(ns, root, &half, &dirty, &added);
		if (error)
			fib_node_destroy(ns, lower);
	}
	if (dirty != FIB_NONE)
		fib_node_publish(ns, dirty);
	return error;
}

/* => control; is the prefix at or below the node at root? */
bool
fib_node_has(const struct fib_nodes *ns, uint32_t root, const struct rt_key *key, unsigned plen)
{
	struct fib_entry e = fib_entry_make(key, plen, plen > 64, 0), half = {.key = key->hi, .plen = 64, .child = 1};
	struct fib_path p = {.n = 0};

	if (plen > 64) {
		if (!fib_path_find(ns, root, &half, &p))
			return false;
		root = ns->nodes[p.node[p.n - 1]].e[p.place[p.n - 1]].nh;
	}
	return fib_path_find(ns, root, &e, &p);
}

/* => control */
void
fib_node_clear(struct fib_nodes *ns, uint32_t root, const struct rt_key *key, unsigned plen)
{
	struct fib_entry e = fib_entry_make(key, plen, plen > 64, 0), half = {.key = key->hi, .plen = 64, .child = 1};
	struct fib_path p = {.n = 0};
	unsigned i, dirty;
	bool lo = plen > 64;

	if (lo) {
		if (!fib_path_find(ns, root, &half, &p))
			return;
		root = ns->nodes[p.node[p.n - 1]].e[p.place[p.n - 1]].nh;
	}
	if (!fib_path_find(ns, root, &e, &p))
		return;
	for (i = p.n; i-- > 0;) {
		struct fib_node *n = &ns->nodes[p.node[i]];

		if (i + 1 == p.n)
			fib_entry_remove(ns, n, p.place[i]);
		if (n->lo == lo)
			n->count--;
	}
	for (i = p.n - 1; i > 0 && ns->nodes[p.node[i]].n == 0; i--) {
		struct fib_node *up = &ns->nodes[p.node[i - 1]];
		bool halves = ns->nodes[p.node[i]].lo && !up->lo;

		fib_entry_remove(ns, up, p.place[i - 1]);
		fib_node_free(ns, p.node[i]);
		for (unsigned k = 0; halves && k < i; k++)
			ns->nodes[p.node[k]].count--;
	}
	dirty = i;
	for (unsigned k = 0; k <= i; k++) {
		const struct fib_node *n = &ns->nodes[p.node[k]];

		if (n->inner && n->count <= ns->limit / 2u && ns->limit != 0 &&
		    fib_node_remake(ns, p.node[k], false) == 0) {
			dirty = k;
			break;
		}
	}
	if (ns->nodes[p.node[0]].n != 0)
		fib_node_publish(ns, p.node[dirty]);
}
