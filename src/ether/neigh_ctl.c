/* SPDX-License-Identifier: BSD-2-Clause */
/* The neighbour cache of both families: entries, their next hops, their bounds. */
/*
 * Synchronization: control owns every entry.  Workers know a neighbour by its next hop (route/route.h), which is
 * replaced as a whole, and by the FIB's host entry that leads to it.
 * Lifetime: an entry is made by neigh_create() and freed by neigh_free() below.  While routes hold references to its
 * next hop it is never freed, only emptied (state NONE): the routes find the neighbour again under the same index.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ether/neigh.h"
#include "ether/neigh_var.h"
#include "ip6/ip6.h"
#include "ip6/nd_if.h"
#include "route/route.h"

#define NEIGH_BUCKETS 32768

LIST_HEAD(neigh_bucket, neigh);
static struct neigh_bucket neigh_table[NEIGH_BUCKETS]; /* [c] */
static bool neigh_stopping;			       /* [c] */
static uint32_t neigh_seed;			       /* [c] so that senders cannot aim at one bucket */

static struct neigh_bucket *
neigh_bucket(const struct ifnet *ifp, int family, const union in_any *addr)
{
	const uint8_t *p = (const uint8_t *)addr;
	uint32_t h = neigh_seed ^ ifp->if_index;

	for (size_t i = 0; i < neigh_addrlen(family); i += 4) {
		uint32_t v;

		memcpy(&v, p + i, sizeof(v));
		h = (h ^ v) * UINT32_C(0x9e3779b1);
		h ^= h >> 15;
	}
	return &neigh_table[h % NEIGH_BUCKETS];
}

/* => control */
struct neigh *
neigh_find(const struct ifnet *ifp, int family, const union in_any *addr, bool proxy)
{
	struct neigh *n;

	ASSERT_CONTROL();
	LIST_FOREACH (n, neigh_bucket(ifp, family, addr), n_hash)
		if (n->n_ifp == ifp && n->n_family == family && ((n->n_flags & NEIGH_F_PROXY) != 0) == proxy &&
		    memcmp(&n->n_addr, addr, neigh_addrlen(family)) == 0)
			return neigh_flushed(n) && neigh_flush_now(n) ? NULL : n;
	return NULL;
}

/*
 * => control; the address of ours on the interface, tentative ones included, but not one that we gave up: whoever has
 *    it is a neighbour like any other
 */
struct ifaddr *
neigh_own(struct ifnet *ifp, int family, const union in_any *addr)
{
	struct ifaddr *ifa = if_addr_find(ifp, family, addr, false);

	ASSERT_CONTROL();
	return ifa != NULL && (ifa->ifa_flags & (IFA_DUPLICATED | IFA_DETACHED)) == 0 ? ifa : NULL;
}

/* => control; may the address be a neighbour's on this interface? */
bool
neigh_onlink(struct ifnet *ifp, int family, const union in_any *addr)
{
	const struct ifaddr *ifa;
	struct rt_result rt;
	bool in = false;

	ASSERT_CONTROL();
	if (neigh_is_linklocal(family, addr))
		return true;
	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list) {
		if (ifa->ifa_family != family || ifa->ifa_has_dst || (ifa->ifa_flags & IFA_OFFLINK) != 0 ||
		    !neigh_in_prefix(addr, &ifa->ifa_addr, ifa->ifa_plen))
			continue;
		if (family == AF_INET && ifa->ifa_plen < 31) {
			uint32_t host = ntohl(addr->in4.s_addr) & (UINT32_MAX >> ifa->ifa_plen);

			if (host == 0 || host == UINT32_MAX >> ifa->ifa_plen)
				return false; /* the network itself, or everybody in it */
		}
		in = true;
	}
	if (in)
		return true;
	/* a redirect may have made it its own gateway */
	return rt_lookup(family, addr, 0, &rt) == 0 && rt.ifp == ifp &&
	       (!rt.has_gw || memcmp(&rt.gateway, addr, neigh_addrlen(family)) == 0);
}

bool
neigh_known(const struct ifnet *ifp, int family, const union in_any *addr)
{
	const struct neigh *n = neigh_find(ifp, family, addr, false);

	ASSERT_CONTROL();
	return n != NULL && neigh_usable(n);
}

/* => control; the entry is answered for, or no longer */
void
neigh_set_published(struct neigh *n, bool on)
{
	struct neigh_family *nf = neigh_family(n->n_family);

	ASSERT_CONTROL();
	if (((n->n_flags & NEIGH_F_PUB) != 0) == on)
		return;
	n->n_flags ^= NEIGH_F_PUB;
	if (on)
		LIST_INSERT_HEAD(&nf->nf_published, n, n_pub);
	else
		LIST_REMOVE(n, n_pub);
	if (n->n_family == AF_INET)
		neigh_watch_add(on ? 1 : -1);
	else if (!neigh_stopping)
		ip6_ifaddr_changed(n->n_ifp); /* the groups that solicitations for it are sent to */
}

unsigned
neigh_published6(const struct ifnet *ifp, struct in6_addr *out, unsigned max)
{
	unsigned found = 0;
	struct neigh *n;

	ASSERT_CONTROL();
	LIST_FOREACH (n, &neigh_inet6.nf_published, n_pub)
		if (n->n_ifp == ifp && !neigh_flushed(n)) {
			if (found < max)
				out[found] = n->n_addr.in6;
			found++;
		}
	return found;
}

/* => control; routes use the neighbour's next hop */
bool
neigh_pinned(const struct neigh *n)
{
	return n->n_nh != NH_NOROUTE_INDEX && nexthop_refs(n->n_nh) > 1;
}

/* => control; makes what workers see agree with the entry: its next hop, its host entry in the FIB */
void
neigh_publish(struct neigh *n)
{
	struct ifnet *ifp = n->n_ifp;
	struct neigh_family *nf = neigh_family(n->n_family);
	struct nexthop nh = {
	    .nh_type = NH_UNRESOLVED,
	    .nh_family = n->n_family,
	    .nh_gen = ifp->if_gen,
	    .nh_ifindex = ifp->if_index,
	    .nh_ifp = ifp,
	    .nh_addr = n->n_addr,
	};
	bool usable = neigh_usable(n);
	uint32_t mtu =
	    n->n_family == AF_INET6 ? nd_if_mtu(ifp) : atomic_load_explicit(&ifp->if_mtu, memory_order_relaxed);

	ASSERT_CONTROL();
	nh.nh_mtu = (uint16_t)(mtu < UINT16_MAX ? mtu : UINT16_MAX);
	if (n->n_flags & NEIGH_F_PROXY)
		return;
	if (ifp->if_type != IFT_SMP_ETHER) {
		nh.nh_type = NH_P2P;
	} else if (usable) {
		struct ether_hdr *eh = (struct ether_hdr *)nh.nh_l2;
		uint64_t src = atomic_load_explicit(&ifp->if_lladdr, memory_order_relaxed);

		nh.nh_type = NH_FORWARD;
		nh.nh_l2len = ETHER_HDRLEN;
		memcpy(eh->eh_dst, n->n_lladdr, ETHER_ADDRLEN);
		ether_addr_bytes(src, eh->eh_src);
		eh->eh_type = htons(n->n_family == AF_INET ? ETHER_T_IP : ETHER_T_IP6);
	}
	if (!usable && n->n_infib) {
		fib_remove(n->n_family, &n->n_addr, nf->nf_plen, n->n_nh);
		n->n_infib = false;
	}
	if (n->n_nh == NH_NOROUTE_INDEX) {
		n->n_nh = nexthop_alloc(&nh);
		if (n->n_nh == NH_NOROUTE_INDEX)
			return;
	} else if (nexthop_replace(n->n_nh, &nh) != 0)
		return; /* workers go on with what they have; the next change tries again */
	n->n_published = usable;
	if (usable && !n->n_infib && !neigh_is_linklocal(n->n_family, &n->n_addr))
		n->n_infib = fib_insert(n->n_family, &n->n_addr, nf->nf_plen, n->n_nh) == 0;
	if (n->n_family == AF_INET6 && neigh_is_linklocal(n->n_family, &n->n_addr))
		ip6_linklocal_neighbour(ifp, &n->n_addr.in6, usable ? n->n_nh : NH_NOROUTE_INDEX);
}

/* => control; tells the route monitors (bsd-tools: RTM_ADD, RTM_DELETE, RTM_MISS) */
void
neigh_notify(const struct neigh *n, int type, const union in_any *author)
{
	struct rt_msg msg = {
	    .type = (enum rtmsg_type)type,
	    .family = n->n_family,
	    .plen = neigh_family(n->n_family)->nf_plen,
	    .dst = n->n_addr,
	    .ifp = n->n_ifp,
	};

	if (type != RTMSG_MISS) {
		msg.flags = RTF_HOST | RTF_LLDATA | RTF_CLONED;
		msg.lladdr = n->n_lladdr;
	}
	if (type == RTMSG_ADD)
		msg.flags |= RTF_UP;
	if (author != NULL) {
		msg.has_author = true;
		msg.author = *author;
	}
	rt_notify(&msg);
}

/*
 * Frees an entry.
 *  1. Out of the hash, the order, its list and the timer heap: control does not find it again.
 *  2. Its waiting packets, which nobody else knows, are dropped.
 *  3. The FIB's host entry goes: workers that look up from now on do not find the next hop.
 *  4. Our reference to the next hop goes.  Workers that hold the index still find the old object, then a blackhole,
 *     until a grace period has passed (nexthop_release); packets in rings name the index, never the entry.
 *  5. The memory: nothing outside control ever pointed at it.
 */
void
neigh_free(struct neigh *n, enum mp_drop reason)
{
	struct neigh_family *nf = neigh_family(n->n_family);

	LIST_REMOVE(n, n_hash);
	neigh_order_remove(n);
	neigh_room_leave(n);
	neigh_timer_disown(&n->n_timer);
	nud_drop_queue(n, reason);
	neigh_set_published(n, false);
	if (n->n_infib)
		fib_remove(n->n_family, &n->n_addr, nf->nf_plen, n->n_nh);
	if (n->n_family == AF_INET6 && neigh_is_linklocal(n->n_family, &n->n_addr))
		ip6_linklocal_neighbour(n->n_ifp, &n->n_addr.in6, NH_NOROUTE_INDEX);
	if (n->n_nh != NH_NOROUTE_INDEX)
		nexthop_release(n->n_nh);
	free(n);
}

void
neigh_delete(struct neigh *n, enum mp_drop reason)
{
	ASSERT_CONTROL();
	if (neigh_usable(n) && !(n->n_flags & NEIGH_F_PROXY))
		neigh_notify(n, RTMSG_DELETE, NULL);
	if (!neigh_pinned(n)) {
		neigh_free(n, reason);
		return;
	}
	n->n_born = neigh_serial; /* what flushes it again comes later */
	nud_drop_queue(n, reason);
	neigh_set_published(n, false);
	n->n_flags = 0;
	neigh_to_state(n, NEIGH_NONE);
	if (reason == DROP_NEIGH_FAILED) {
		neigh_timer_set(&n->n_timer, neigh_clock() + NEIGH_RETRY_MS);
	} else {
		neigh_timer_set(&n->n_timer, neigh_clock() + NEIGH_NONE_MS);
		rt_gateway_set_silent(n->n_ifp, n->n_family, &n->n_addr, n->n_nh, false); /* it was not asked */
	}
	neigh_publish(n);
}

struct neigh *
neigh_create(struct ifnet *ifp, int family, const union in_any *addr, bool proxy)
{
	struct neigh_family *nf = neigh_family(family);
	struct neigh *n;

	ASSERT_CONTROL();
	MP_ASSERT(neigh_find(ifp, family, addr, proxy) == NULL);
	if (atomic_load_explicit(&ifp->if_dead, memory_order_relaxed) || neigh_stopping)
		return NULL;
	if (!neigh_room(ifp, family))
		goto full;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		goto full;
	if (neigh_timer_adopt() != 0) {
		free(n);
		goto full;
	}
	n->n_ifp = ifp;
	n->n_family = (uint8_t)family;
	memcpy(&n->n_addr, addr, neigh_addrlen(family));
	n->n_flags = proxy ? NEIGH_F_PROXY : 0;
	n->n_state = NEIGH_NONE;
	n->n_born = neigh_serial;
	n->n_timer.nt_fn = nud_timer;
	neigh_publish(n);
	if ((!proxy && n->n_nh == NH_NOROUTE_INDEX) || !neigh_room_enter(n)) {
		if (n->n_nh != NH_NOROUTE_INDEX)
			nexthop_release(n->n_nh);
		neigh_timer_disown(&n->n_timer);
		free(n);
		goto full;
	}
	LIST_INSERT_HEAD(neigh_bucket(ifp, family, addr), n, n_hash);
	neigh_order_insert(n);
	neigh_timer_set(&n->n_timer, neigh_clock() + NEIGH_NONE_MS);
	return n;
full:
	mp_add(&mp_control()->counters[nf->nf_allocfail], 1);
	return NULL;
}

/* => control; see route/route.h */
uint32_t
neigh_get_nexthop(struct ifnet *ifp, int family, const union in_any *addr)
{
	struct neigh *n;

	ASSERT_CONTROL();
	n = neigh_find(ifp, family, addr, false);
	if (n == NULL)
		n = neigh_create(ifp, family, addr, false);
	if (n == NULL)
		return NH_NOROUTE_INDEX;
	if (nexthop_restore(n->n_nh)) {
		if (n->n_infib) /* it did not serve while its next hop led elsewhere */
			fib_remove(family, addr, neigh_family(family)->nf_plen, n->n_nh);
		n->n_infib = false;
		neigh_publish(n);
	}
	nexthop_ref(n->n_nh);
	return n->n_nh;
}

/* => control; see route/route.h */
bool
neigh_is_static(const struct ifnet *ifp, int family, const union in_any *addr)
{
	const struct neigh *n = neigh_find(ifp, family, addr, false);

	ASSERT_CONTROL();
	return n != NULL && n->n_state == NEIGH_PERMANENT && !(n->n_flags & NEIGH_F_TEMP);
}

bool
neigh_in_prefix(const union in_any *a, const union in_any *prefix, unsigned plen)
{
	const uint8_t *p = (const uint8_t *)a, *q = (const uint8_t *)prefix;
	unsigned octets = plen / 8, bits = plen % 8;

	return memcmp(p, q, octets) == 0 && (bits == 0 || ((p[octets] ^ q[octets]) >> (8 - bits)) == 0);
}

int
neigh_init(void)
{
	int error;

	ASSERT_CONTROL();
	neigh_stopping = false;
	neigh_seed = neigh_random(UINT32_MAX);
	for (unsigned i = 0; i < NEIGH_BUCKETS; i++)
		LIST_INIT(&neigh_table[i]);
	for (unsigned i = 0; i < mp_nworkers; i++) {
		mp_workers[i]->proto[MP_SLOT_NEIGH] = lines_zalloc(sizeof(struct neigh_worker));
		if (mp_workers[i]->proto[MP_SLOT_NEIGH] == NULL)
			return -ENOMEM;
	}
	error = neigh_timer_init();
	if (error != 0)
		return error;
	error = rt_listen(neigh_route_message);
	if (error != 0)
		return error;
	mp_punt_register(PUNT_ARP, arp_input, 20000, 1000);
	mp_punt_register(PUNT_ND, nd_input, 20000, 1000);
	mp_punt_register(PUNT_RESOLVE, neigh_resolve_input, 20000, 1000);
	return 0;
}

void
neigh_fini(void)
{
	struct neigh *n;

	ASSERT_CONTROL();
	neigh_flush_finish();
	neigh_stopping = true; /* the protocols above have gone */
	while ((n = neigh_order_from(NULL, false)) != NULL)
		neigh_free(n, DROP_IF_GONE);
	dad_fini();
	nd_answer_fini();
	neigh_timer_fini();
	for (unsigned i = 0; i < mp_nworkers; i++) {
		free(mp_workers[i]->proto[MP_SLOT_NEIGH]);
		mp_workers[i]->proto[MP_SLOT_NEIGH] = NULL;
	}
}
