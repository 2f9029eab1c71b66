/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses that we make of advertised prefixes (RFC 4862 section 5.5) and temporary ones (RFC 8981). */
/*
 * Synchronization: control only.
 * Lifetime: addresses belong to src/if, which ends them by their lifetimes and tells us by nd6_ifaddr_gone(); a struct
 * nd_temp lives as long as its address.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "ether/neigh_var.h"
#include "if/if_var.h"
#include "ip6/ip6_var.h"
#include "ip6/nd6_var.h"

#define TEMP_IDGEN_RETRIES 3 /* RFC 8981 section 3.8 */

static bool
auto_in(const struct ifaddr *ifa, const struct nd_ra_prefix *said)
{
	return ifa->ifa_family == AF_INET6 && (ifa->ifa_flags & IFA_AUTOCONF) != 0 && ifa->ifa_plen == said->plen &&
	       neigh_in_prefix(&ifa->ifa_addr, (const union in_any *)&said->prefix, said->plen);
}

static unsigned
auto_count(const struct nd_if *n, const struct nd_ra_prefix *said)
{
	const struct ifaddr *ifa;
	unsigned count = 0;

	TAILQ_FOREACH (ifa, &n->ifp->if_addrs, ifa_list)
		count += said != NULL ? auto_in(ifa, said)
				      : (ifa->ifa_flags & (IFA_AUTOCONF | IFA_TEMPORARY)) == IFA_AUTOCONF;
	return count;
}

static struct nd_temp *
temp_find(const struct nd_if *n, const struct in6_addr *addr)
{
	struct nd_temp *t;

	TAILQ_FOREACH (t, &n->temps, list)
		if (IN6_ARE_ADDR_EQUAL(&t->addr, addr))
			return t;
	return NULL;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When a temporary address ends, whatever its prefix does (RFC 8981 section 3.4) */
static uint64_t
temp_valid_end(const struct nd_temp *t)
{
	return t->created + (uint64_t)SETTING(nd6_tempvltime) * 1000;
}

static uint64_t
temp_preferred_end(const struct nd_temp *t)
{
	uint64_t life = (uint64_t)SETTING(nd6_temppltime) * 1000;

	return t->created + (life > t->desync ? life - t->desync : 0);
}

/* ms before the end of the preferred lifetime at which the next address is made */
static uint64_t
temp_regen_advance(const struct nd_if *n)
{
	return 2000 + (uint64_t)TEMP_IDGEN_RETRIES * (unsigned)SETTING(ip6_dad_count) * nd_ifinfo(n->ifp)->retrans;
}

/* The address is added, or has other lifetimes. */
static int
auto_set(struct nd_if *n, const struct nd_ra_prefix *said, const struct in6_addr *addr, uint32_t flags,
    uint64_t preferred, uint64_t valid)
{
	struct ifaddr spec = {.ifa_family = AF_INET6,
	    .ifa_plen = said->plen,
	    .ifa_flags = IFA_AUTOCONF | IFA_OFFLINK | flags,
	    .ifa_addr.in6 = *addr,
	    .ifa_preferred = preferred,
	    .ifa_valid = valid};

	return if_addr_add(n->ifp, &spec);
}

/* RFC 4862 section 5.5.3 (e); a temporary address has its own ends as well. */
static void
auto_lifetimes(struct nd_if *n, struct ifaddr *ifa, const struct nd_ra_prefix *said)
{
	uint64_t now = mp_now_ms();
	uint32_t left = nd_left(now, ifa->ifa_valid), life = nd6_valid_lifetime(left, said->valid);
	/* What is left stays what it is: rounded up again by each message it would never end. */
	uint64_t valid = life == left ? ifa->ifa_valid : nd_ends(now, life);
	uint64_t preferred = nd_ends(now, said->preferred);
	const struct nd_temp *t = temp_find(n, &ifa->ifa_addr.in6);

	if ((ifa->ifa_flags & IFA_TEMPORARY) != 0 && t != NULL) {
		valid = least(valid, temp_valid_end(t));
		preferred = least(preferred, temp_preferred_end(t));
	}
	ifa->ifa_valid = valid;
	ifa->ifa_preferred = least(preferred, valid);
	(void)if_addr_lifetime(ifa);
}

/* Random, but not one of those that are reserved (RFC 8981 section 3.3.1, RFC 5453) */
static bool
temp_identifier(uint8_t id[8])
{
	static const uint8_t anycast[7] = {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
			     iana[5] = {2, 0, 0x5e, 0xff, 0xfe};
	uint64_t word;

	if (getrandom(id, 8, GRND_NONBLOCK) != 8)
		return false;
	memcpy(&word, id, sizeof(word));
	return word != 0 && memcmp(id, iana, sizeof(iana)) != 0 &&
	       (memcmp(id, anycast, sizeof(anycast)) != 0 || id[7] < 0x80);
}

/* => a temporary address in the prefix; tries: addresses that another host had, before it */
static void
temp_new(struct nd_if *n, struct nd_prefix *p, unsigned tries)
{
	uint64_t now = mp_now_ms(), preferred;
	union in_any addr = {.in6 = p->said.prefix};
	struct nd_temp *t;
	unsigned k = 0;

	p->temp_wanted = false;
	if (p->said.plen != 64 || auto_count(n, &p->said) > ND_TEMPS_PREFIX ||
	    n->ntemps >= ND_TEMPS_PREFIX * (unsigned)SETTING(nd6_maxifprefixes))
		return;
	do {
		if (k++ == 8 || !temp_identifier(&addr.in6.s6_addr[8]))
			return;
	} while (if_addr_find(n->ifp, AF_INET6, &addr, false) != NULL);
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return;
	t->addr = addr.in6;
	t->created = now;
	t->desync = (uint64_t)neigh_random((uint32_t)SETTING(nd6_temppltime)) * 400; /* up to 0.4 of it */
	t->tries = (uint8_t)tries;
	preferred = least(p->preferred, temp_preferred_end(t));
	if (preferred <= now + temp_regen_advance(n)) { /* not worth it */
		free(t);
		return;
	}
	TAILQ_INSERT_TAIL(&n->temps, t, list);
	n->ntemps++;
	if (auto_set(n, &p->said, &t->addr, IFA_TEMPORARY, preferred, least(p->valid, temp_valid_end(t))) != 0) {
		TAILQ_REMOVE(&n->temps, t, list);
		n->ntemps--;
		free(t);
	}
}

void
nd6_auto_update(struct nd_if *n, struct nd_prefix *p)
{
	const struct nd_ra_prefix *said = &p->said;
	struct ifaddr *ifa, *next;
	union in_any addr = {.in6 = said->prefix};
	uint64_t lladdr = n->ifp->if_lladdr;
	bool had = false;

	ASSERT_CONTROL();
	for (ifa = TAILQ_FIRST(&n->ifp->if_addrs); ifa != NULL; ifa = next) {
		next = TAILQ_NEXT(ifa, ifa_list);
		if (!auto_in(ifa, said))
			continue;
		had |= (ifa->ifa_flags & IFA_TEMPORARY) == 0;
		auto_lifetimes(n, ifa, said);
	}
	if (had || said->valid == 0 || said->plen != 64 || lladdr == 0)
		return;
	if (auto_count(n, NULL) >= (unsigned)SETTING(nd6_maxifprefixes)) {
		COUNT(mp_control(), ND_RA_FULL);
		return;
	}
	if_addr_eui64(lladdr, &addr.in6);
	if (if_addr_find(n->ifp, AF_INET6, &addr, false) != NULL) /* set by hand */
		return;
	/* A preferred lifetime of 0 is one that has just ended; 0 would mean that it never does. */
	if (auto_set(n, said, &addr.in6, 0, p->preferred, p->valid) != 0)
		return;
	p->orphan = false;
	p->temp_wanted = true;
	n->check = true;
}

uint64_t
nd6_temp_run(struct nd_if *n, uint64_t now)
{
	uint64_t next = UINT64_MAX, due;
	struct nd_temp *t, *later;
	struct nd_prefix *p;

	ASSERT_CONTROL();
	for (t = TAILQ_FIRST(&n->temps); t != NULL; t = later) {
		union in_any addr = {.in6 = t->addr};
		const struct ifaddr *ifa = if_addr_find(n->ifp, AF_INET6, &addr, false);
		unsigned tries = t->tries + 1u;
		bool failed = t->failed;

		later = TAILQ_NEXT(t, list);
		if (ifa == NULL || t->succeeded || (ifa->ifa_flags & IFA_TEMPORARY) == 0) /* set by hand since */
			continue;
		due = ifa->ifa_preferred - least(ifa->ifa_preferred, temp_regen_advance(n));
		if (!failed && due > now) {
			next = least(next, due);
			continue;
		}
		t->succeeded = true;
		p = nd6_prefix_of(n, ifa);
		if (failed)
			(void)if_addr_delete(n->ifp, AF_INET6, &addr); /* t is gone */
		if (p == NULL || !SETTING(nd6_use_tempaddr))
			continue;
		if (failed && tries >= TEMP_IDGEN_RETRIES) {
			mp_log(MP_LOG_ERR, "%s: no temporary address: %u were another host's", n->ifp->if_xname, tries);
			continue;
		}
		temp_new(n, p, failed ? tries : 0);
		nd6_timer_set(n, true);
	}
	TAILQ_FOREACH (p, &n->prefixes, list)
		if (p->temp_wanted && p->said.autoconf && !p->detached && SETTING(nd6_use_tempaddr)) {
			temp_new(n, p, 0);
			nd6_timer_set(n, true);
		}
	return next;
}

void
nd6_ifaddr_duplicated(struct ifaddr *ifa)
{
	struct nd_if *n = nd_if_find(ifa->ifa_ifp);
	struct nd_temp *t = n != NULL && ifa->ifa_family == AF_INET6 ? temp_find(n, &ifa->ifa_addr.in6) : NULL;

	ASSERT_CONTROL();
	if (t == NULL)
		return;
	t->failed = true; /* looked at later: DAD is at work with the address */
	nd6_timer_set(n, true);
}

void
nd6_ifaddr_gone(struct ifaddr *ifa)
{
	struct nd_if *n = nd_if_find(ifa->ifa_ifp);
	struct nd_temp *t;
	struct nd_prefix *p;

	ASSERT_CONTROL();
	if (n == NULL || ifa->ifa_family != AF_INET6)
		return;
	t = temp_find(n, &ifa->ifa_addr.in6);
	if (t != NULL) {
		TAILQ_REMOVE(&n->temps, t, list);
		n->ntemps--;
		free(t);
	}
	if ((ifa->ifa_flags & IFA_AUTOCONF) == 0)
		return;
	/* As in NetBSD the prefix goes with its last address; both come again with the next advertisement. */
	p = nd6_prefix_of(n, ifa);
	if (p != NULL && auto_count(n, &p->said) == 0) {
		p->orphan = true;
		nd6_timer_set(n, true);
	}
}

bool
nd6_ifaddr_by_router(const struct ifaddr *ifa, const struct in6_addr *router)
{
	struct nd_if *n = nd_if_find(ifa->ifa_ifp);
	const struct nd_prefix *p;
	const struct nd_router *r;

	ASSERT_CONTROL();
	if (n == NULL || (p = nd6_prefix_of(n, ifa)) == NULL)
		return false;
	TAILQ_FOREACH (r, &nd_routers, list)
		if (r->ifp == ifa->ifa_ifp && IN6_ARE_ADDR_EQUAL(&r->addr, router))
			return (p->routers >> r->slot & 1) != 0;
	return false;
}
