/* SPDX-License-Identifier: BSD-2-Clause */
/* Neighbours in order: neigh.list, neigh.flush and the configuration's lines, in slices and in pages. */
/*
 * A page is the least keys behind a cursor: of the neighbours, which are in order (neigh_order_ctl.c), and of our own
 * addresses, which are not: as many as the page holds are kept in a heap.  What has gone when the page is written is left
 * out.
 *
 * Synchronization: control only.
 * Lifetime: a job lives from its request to its answer; it keeps keys, never entries, between slices.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ether/neigh.h"
#include "ether/neigh_var.h"
#include "mp/slice.h"

#define PICK_MAX   1024
#define FLUSH_SHOW (16 * 1024 * 1024) /* octets of deleted entries in an answer */

struct neigh_pick {
	struct neigh_key after;		/* [c] the cursor */
	bool started;			/* [c] else from the beginning */
	bool permanent;			/* [c] permanent entries only */
	bool ours;			/* [c] our own addresses too */
	bool scanned;			/* [c] keys are in order, next is to be written */
	int family;			/* [c] */
	uint16_t ifindex;		/* [c] 0: all */
	bool has_addr;			/* [c] */
	union in_any addr;		/* [c] */
	struct neigh_key seen;		/* [c] the last neighbour looked at, if seeing */
	bool seeing;			/* [c] */
	unsigned n, max, next;		/* [c] */
	struct neigh_key key[PICK_MAX]; /* [c] a heap, the greatest first, while scanning */
};

static int
key_order(const void *a, const void *b)
{
	return neigh_key_order(a, b);
}

static void
pick_down(struct neigh_pick *p, unsigned i)
{
	for (;;) {
		unsigned child = 2 * i + 1;
		struct neigh_key k = p->key[i];

		if (child >= p->n)
			return;
		if (child + 1 < p->n && key_order(&p->key[child + 1], &p->key[child]) > 0)
			child++;
		if (key_order(&p->key[child], &k) <= 0)
			return;
		p->key[i] = p->key[child];
		p->key[child] = k;
		i = child;
	}
}

static void
pick_offer(struct neigh_pick *p, const struct neigh_key *k)
{
	if (p->started && key_order(k, &p->after) <= 0)
		return;
	if (p->n < p->max) {
		unsigned i = p->n++;

		for (p->key[i] = *k; i > 0 && key_order(&p->key[i], &p->key[(i - 1) / 2]) > 0; i = (i - 1) / 2) {
			struct neigh_key up = p->key[(i - 1) / 2];

			p->key[(i - 1) / 2] = p->key[i];
			p->key[i] = up;
		}
	} else if (key_order(k, &p->key[0]) < 0) {
		p->key[0] = *k;
		pick_down(p, 0);
	}
}

static void
pick_neigh(struct neigh_pick *p, const struct neigh *n)
{
	struct neigh_key k = neigh_key(n);

	if (n->n_state != NEIGH_NONE && !(p->permanent && n->n_state != NEIGH_PERMANENT) && !neigh_flushed(n))
		pick_offer(p, &k);
}

/* One address: on each interface, or on the one. */
static void
pick_address(struct neigh_pick *p)
{
	struct ifnet *ifp;
	struct neigh *n;

	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		if (p->ifindex == 0 || p->ifindex == ifp->if_index)
			for (unsigned proxy = 0; proxy < 2; proxy++)
				if ((n = neigh_find(ifp, p->family, &p->addr, proxy != 0)) != NULL)
					pick_neigh(p, n);
}

/* Those behind the cursor, in order, until the page is full; false: the slice is over before */
static bool
pick_neighs(struct neigh_pick *p)
{
	static const struct neigh_key inet6 = {.family = AF_INET6, .ifindex = MP_MAXIF};
	struct neigh *n;

	if (p->seeing)
		n = neigh_order_from(&p->seen, true);
	else if (p->started)
		n = neigh_order_from(&p->after, true);
	else
		n = neigh_order_from(p->family == AF_INET6 ? &inet6 : NULL, false);
	for (unsigned i = 1; n != NULL && p->n < p->max; n = neigh_order_next(n), i++) {
		if (p->family == AF_INET && n->n_family != AF_INET)
			break;
		p->seen = neigh_key(n);
		p->seeing = true;
		if ((p->family == AF_UNSPEC || p->family == n->n_family) &&
		    (p->ifindex == 0 || p->ifindex == n->n_ifp->if_index))
			pick_neigh(p, n);
		if (i % 64 == 0 && mp_slice_over())
			return false;
	}
	return true;
}

/* Addresses of ours on Ethernet appear like NetBSD's: permanent. */
static void
pick_ours(struct neigh_pick *p)
{
	struct ifnet *ifp;
	struct ifaddr *ifa;

	TAILQ_FOREACH (ifp, &ifnet_list, if_list) {
		if (ifp->if_type != IFT_SMP_ETHER || (p->ifindex != 0 && p->ifindex != ifp->if_index))
			continue;
		TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list) {
			struct neigh_key k = {
			    .ifindex = ifp->if_index, .family = ifa->ifa_family, .kind = NEIGH_KEY_OURS};

			if ((p->family != AF_UNSPEC && p->family != ifa->ifa_family) ||
			    (ifa->ifa_flags & (IFA_TENTATIVE | IFA_DUPLICATED | IFA_DETACHED)) != 0 ||
			    (p->has_addr && memcmp(&p->addr, &ifa->ifa_addr, neigh_addrlen(ifa->ifa_family)) != 0))
				continue;
			memcpy(&k.addr, &ifa->ifa_addr, neigh_addrlen(ifa->ifa_family));
			pick_offer(p, &k);
		}
	}
}

/* => a page's keys behind the cursor, at most max of them, are to be found */
static void
pick_begin(struct neigh_pick *p, unsigned max)
{
	p->scanned = p->seeing = false;
	p->n = p->next = 0;
	p->max = max < PICK_MAX ? max : PICK_MAX;
}

/* => false: the slice is over before all were seen */
static bool
pick_scan(struct neigh_pick *p)
{
	if (p->scanned)
		return true;
	if (p->has_addr)
		pick_address(p);
	else if (!pick_neighs(p))
		return false;
	if (p->ours)
		pick_ours(p);
	qsort(p->key, p->n, sizeof(p->key[0]), key_order);
	p->scanned = true;
	return true;
}

/* => the page is through: the next one begins behind it; false: it was the last */
static bool
pick_more(struct neigh_pick *p)
{
	if (p->n < p->max)
		return false;
	p->after = p->key[p->n - 1];
	p->started = true;
	return true;
}

/* A cursor as text: "4.3.0.0a000001", the family, interface, kind, address */
static void
key_text(const struct neigh_key *k, char *text, size_t len)
{
	const uint8_t *a = (const uint8_t *)&k->addr;
	int n = snprintf(text, len, "%d.%u.%u.", k->family == AF_INET ? 4 : 6, k->ifindex, k->kind);

	for (size_t i = 0; i < neigh_addrlen(k->family) && (size_t)n + 2 < len; i++)
		n += snprintf(text + n, len - (size_t)n, "%02x", a[i]);
}

static bool
key_parse(const char *text, struct neigh_key *k)
{
	unsigned family, ifindex, kind;
	uint8_t *a = (uint8_t *)&k->addr;
	int used = 0;
	size_t len;

	memset(k, 0, sizeof(*k));
	if (sscanf(text, "%1u.%5u.%1u.%n", &family, &ifindex, &kind, &used) != 3 || used == 0 || ifindex >= MP_MAXIF ||
	    (family != 4 && family != 6))
		return false;
	k->family = family == 4 ? AF_INET : AF_INET6;
	k->ifindex = (uint16_t)ifindex;
	k->kind = (uint8_t)kind;
	text += used;
	len = neigh_addrlen(k->family);
	if (strlen(text) != 2 * len || strspn(text, "0123456789abcdef") != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned v = 0;

		sscanf(text + 2 * i, "%2x", &v);
		a[i] = (uint8_t)v;
	}
	return true;
}

static json_t *
neigh_json(int family, const union in_any *addr, const struct ifnet *ifp, const uint8_t *lladdr, const char *state)
{
	char text[NEIGH_ADDRSTR], mac[NEIGH_MACSTR];
	bool permanent = strcmp(state, "permanent") == 0;

	neigh_addr_string(family, addr, ifp, text, sizeof(text));
	if (lladdr != NULL)
		neigh_lladdr_string(lladdr, mac);
	return json_pack("{s:s, s:s, s:o, s:s, s:s, s:b, s:b, s:b, s:b, s:n, s:b}", "family",
	    family == AF_INET ? "inet" : "inet6", "address", text, "lladdr",
	    lladdr != NULL ? json_string(mac) : json_null(), "interface", ifp->if_xname, "state", state, "permanent",
	    permanent, "published", 0, "proxy", 0, "router", 0, "expire", "ours", 0);
}

static json_t *
neigh_object(struct neigh *n, uint64_t now)
{
	static const char *const names[NEIGH_NSTATES] = {
	    [NEIGH_INCOMPLETE] = "incomplete",
	    [NEIGH_REACHABLE] = "reachable",
	    [NEIGH_STALE] = "stale",
	    [NEIGH_DELAY] = "delay",
	    [NEIGH_PROBE] = "probe",
	    [NEIGH_PERMANENT] = "permanent",
	    [NEIGH_FAILED] = "incomplete",
	};
	uint64_t until;
	json_t *json;

	nud_poll(n, now);
	json = neigh_json(n->n_family, &n->n_addr, n->n_ifp, neigh_usable(n) ? n->n_lladdr : NULL, names[n->n_state]);
	if (json == NULL)
		return NULL;
	if (n->n_flags & (NEIGH_F_PUB | NEIGH_F_PROXY))
		json_object_set_new(json, "published", json_true());
	if (n->n_flags & NEIGH_F_PROXY)
		json_object_set_new(json, "proxy", json_true());
	if (n->n_flags & NEIGH_F_ROUTER)
		json_object_set_new(json, "router", json_true());
	if (n->n_state != NEIGH_PERMANENT) {
		until = n->n_timer.nt_when;
		if (n->n_state == NEIGH_STALE)
			until = n->n_confirmed + (uint64_t)*neigh_family(n->n_family)->nf_keep * 1000;
		json_object_set_new(
		    json, "expire", json_integer(until > now ? (json_int_t)((until - now + 500) / 1000) : 0));
	}
	return json;
}

/* NULL: has gone meanwhile */
static json_t *
key_object(const struct neigh_key *k, uint64_t now)
{
	struct ifnet *ifp = ifnet_get(k->ifindex);
	uint8_t lladdr[ETHER_ADDRLEN];
	struct neigh *n;
	json_t *json;

	if (ifp == NULL)
		return NULL;
	if (k->kind != NEIGH_KEY_OURS) {
		n = neigh_find(ifp, k->family, &k->addr, k->kind == NEIGH_KEY_PROXY);
		return n != NULL && n->n_state != NEIGH_NONE ? neigh_object(n, now) : NULL;
	}
	if (neigh_own(ifp, k->family, &k->addr) == NULL)
		return NULL;
	ether_addr_bytes(atomic_load_explicit(&ifp->if_lladdr, memory_order_relaxed), lladdr);
	json = neigh_json(k->family, &k->addr, ifp, lladdr, "permanent");
	if (json != NULL)
		json_object_set_new(json, "ours", json_true());
	return json;
}

struct list_job {
	struct mp_slice slice;	/* [c] */
	struct ctl_req *req;	/* [c] */
	struct evbuffer *out;	/* [c] */
	size_t n, limit;	/* [c] limit 0: all */
	struct neigh_pick pick; /* [c] */
};

static void
job_free(struct list_job *j)
{
	if (j->out != NULL)
		evbuffer_free(j->out);
	free(j);
}

static void
list_end(struct list_job *j, bool more)
{
	struct evbuffer *out = j->out;
	char next[64];

	evbuffer_add(out, "]", 1);
	if (more) {
		key_text(&j->pick.after, next, sizeof(next));
		evbuffer_add_printf(out, ",\"next\":\"%s\"", next);
	}
	if (j->limit != 0)
		evbuffer_add(out, "}", 1);
	j->out = NULL;
	ctl_reply_text(j->req, out);
	job_free(j);
}

static bool
list_step(struct mp_slice *slice)
{
	struct list_job *j = (struct list_job *)slice;
	struct neigh_pick *p = &j->pick;
	uint64_t now = neigh_clock();

	ASSERT_CONTROL();
	if (!pick_scan(p))
		return true;
	while (p->next < p->n) {
		json_t *json = key_object(&p->key[p->next++], now);

		if (json != NULL) {
			if (j->n++ != 0)
				evbuffer_add(j->out, ",", 1);
			ctl_text_json(j->out, json);
			json_decref(json);
		}
		if (p->next % 16 == 0 && mp_slice_over())
			return true;
	}
	if (!pick_more(p)) {
		list_end(j, false);
	} else if (j->limit != 0 && j->n >= j->limit) {
		list_end(j, true);
	} else if (evbuffer_get_length(j->out) > CTL_ANSWER_MAX) {
		ctl_fail(j->req, EMSGSIZE, "the cache is too long for one answer: ask for pages (limit)");
		job_free(j);
	} else {
		pick_begin(p, j->limit != 0 ? (unsigned)(j->limit - j->n) : PICK_MAX);
		return true;
	}
	return false;
}

/* => control; the method neigh.list */
int
neigh_list_method(struct ctl_req *req, json_t *params, json_t **result)
{
	const json_t *limit = json_object_get(params, "limit"), *after = json_object_get(params, "after");
	struct neigh_name name;
	struct list_job *j;
	int error;

	ASSERT_CONTROL();
	error = neigh_params(req, params, &name);
	if (error != 0)
		return error;
	if (limit != NULL && (json_integer_value(limit) < 1 || json_integer_value(limit) > 100000))
		return ctl_error(req, EINVAL, "limit: 1 to 100000");
	j = calloc(1, sizeof(*j));
	if (j == NULL || (j->out = evbuffer_new()) == NULL) {
		free(j);
		return -ENOMEM;
	}
	if (after != NULL && !key_parse(json_string_value(after), &j->pick.after)) {
		job_free(j);
		return ctl_error(
		    req, EINVAL, "after: \"%.60s\" is not the next of an answer", json_string_value(after));
	}
	j->req = req;
	j->limit = limit != NULL ? (size_t)json_integer_value(limit) : 0;
	j->pick.started = after != NULL;
	j->pick.ours = true;
	j->pick.family = name.family;
	j->pick.ifindex = name.ifp != NULL ? name.ifp->if_index : 0;
	j->pick.has_addr = name.has_addr;
	j->pick.addr = name.addr;
	pick_begin(&j->pick, j->limit != 0 && j->limit < PICK_MAX ? (unsigned)j->limit : PICK_MAX);
	evbuffer_add_printf(j->out, "%s[", j->limit != 0 ? "{\"neighbours\":" : "");
	j->slice.step = list_step;
	mp_slice_begin();
	if (list_step(&j->slice))
		mp_slice_add(&j->slice);
	return CTL_ASYNC;
}

static void
flush_one(struct list_job *j, struct neigh *n)
{
	char text[NEIGH_ADDRSTR];

	if (n->n_state == NEIGH_NONE || (j->pick.ifindex != 0 && n->n_ifp->if_index != j->pick.ifindex) ||
	    (j->pick.family != AF_UNSPEC && n->n_family != j->pick.family) || neigh_flushed(n))
		return;
	if (evbuffer_get_length(j->out) < FLUSH_SHOW) {
		neigh_addr_string(n->n_family, &n->n_addr, n->n_ifp, text, sizeof(text));
		evbuffer_add_printf(j->out, "%s{\"address\":\"%s\",\"interface\":\"%s\"}", j->n != 0 ? "," : "", text,
		    n->n_ifp->if_xname);
	}
	j->n++;
	neigh_delete(n, DROP_NEIGH_FLUSHED);
}

static bool
flush_step(struct mp_slice *slice)
{
	struct list_job *j = (struct list_job *)slice;
	struct neigh_pick *p = &j->pick;
	struct evbuffer *out = j->out;
	struct neigh *n;

	ASSERT_CONTROL();
	for (unsigned i = 1; (n = neigh_order_from(p->seeing ? &p->seen : NULL, true)) != NULL; i++) {
		p->seen = neigh_key(n);
		p->seeing = true;
		flush_one(j, n);
		if (i % 16 == 0 && mp_slice_over())
			return true;
	}
	evbuffer_add(out, "]}", 2);
	j->out = NULL;
	ctl_reply_text(j->req, out);
	job_free(j);
	return false;
}

/* => control; the method neigh.flush */
int
neigh_flush_method(struct ctl_req *req, json_t *params, json_t **result)
{
	struct neigh_name name;
	struct list_job *j;
	int error;

	ASSERT_CONTROL();
	error = neigh_params(req, params, &name);
	if (error != 0)
		return error;
	j = calloc(1, sizeof(*j));
	if (j == NULL || (j->out = evbuffer_new()) == NULL) {
		free(j);
		return -ENOMEM;
	}
	j->req = req;
	j->pick.family = name.family;
	j->pick.ifindex = name.ifp != NULL ? name.ifp->if_index : 0;
	evbuffer_add(j->out, "{\"deleted\":[", 12);
	j->slice.step = flush_step;
	mp_slice_begin();
	if (flush_step(&j->slice))
		mp_slice_add(&j->slice);
	return CTL_ASYNC;
}

static void
save_one(const struct neigh_key *k, void (*emit)(void *, const char *), void *arg)
{
	char text[NEIGH_ADDRSTR], mac[NEIGH_MACSTR], line[NEIGH_ADDRSTR + NEIGH_MACSTR + 32];
	struct ifnet *ifp = ifnet_get(k->ifindex);
	const struct neigh *n = ifp != NULL ? neigh_find(ifp, k->family, &k->addr, k->kind == NEIGH_KEY_PROXY) : NULL;

	if (n == NULL || n->n_state != NEIGH_PERMANENT)
		return;
	neigh_addr_string(n->n_family, &n->n_addr, n->n_ifp, text, sizeof(text));
	neigh_lladdr_string(n->n_lladdr, mac);
	snprintf(line, sizeof(line), "%s -s %s %s%s%s", n->n_family == AF_INET ? "arp" : "ndp", text, mac,
	    n->n_flags & NEIGH_F_PUB && n->n_family == AF_INET ? " pub" : "",
	    n->n_flags & NEIGH_F_PROXY ? " proxy" : "");
	emit(arg, line);
}

bool
neigh_config_save(struct neigh_save *place, void (*line)(void *, const char *), void *arg)
{
	struct neigh_pick *p = place->pick;

	ASSERT_CONTROL();
	if (p == NULL) {
		p = place->pick = calloc(1, sizeof(*p));
		if (p == NULL)
			return true;
		p->permanent = true;
		p->started = place->after[0] != '\0' && key_parse(place->after, &p->after);
		pick_begin(p, PICK_MAX);
	}
	for (;;) {
		if (!pick_scan(p))
			return false;
		while (p->next < p->n) {
			const struct neigh_key *k = &p->key[p->next++];

			save_one(k, line, arg);
			key_text(k, place->after, sizeof(place->after));
			if (p->next % 16 == 0 && mp_slice_over())
				return false;
		}
		if (!pick_more(p))
			return true;
		pick_begin(p, PICK_MAX);
	}
}

void
neigh_save_free(struct neigh_save *place)
{
	free(place->pick);
	place->pick = NULL;
}
