/* SPDX-License-Identifier: BSD-2-Clause */
/* What workers know of our IPv6 addresses and groups: per interface and all together. */
/*
 * Synchronization: control builds struct in6_if and struct in6_own anew after each change and publishes them with a
 * release store; workers load them with in6_if_get and in6_own_get.
 * Lifetime: the old object is freed after a grace period; in6_own is never NULL between in6_if_init and in6_if_fini.
 */
#include <errno.h>
#include <stdlib.h>

#include "ether/neigh.h"
#include "ip/group.h"
#include "ip6/ip6_var.h"
#include "ip6/nd_if.h"
#include "ip6/rtadv.h"

struct in6_own *_Atomic in6_own;

static void
in6_if_free(struct mp_deferred *d)
{
	free(d); /* the first member of both */
}

static bool
ifaddr_usable(const struct ifaddr *ifa)
{
	return ifa->ifa_family == AF_INET6 && (ifa->ifa_flags & (IFA_TENTATIVE | IFA_DUPLICATED | IFA_DETACHED)) == 0;
}

/* => a table of all usable addresses but link-local ones; NULL: no memory */
static struct in6_own *
in6_own_build(void)
{
	static const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;
	struct ifnet *ifp;
	struct ifaddr *ifa;
	uint32_t n = 0, nanycast = 0, bits = 6;
	bool late = false; /* own->first is deprecated */

	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
			if (ifaddr_usable(ifa)) {
				n++;
				nanycast += (ifa->ifa_flags & IFA_ANYCAST) != 0;
			}
	while ((1u << bits) < n * 4)
		bits++;
	struct in6_own *own =
	    calloc(1, sizeof(*own) + (sizeof(own->slots[0]) << bits) + nanycast * sizeof(own->anycast[0]));
	if (own == NULL)
		return NULL;
	own->shift = 64 - bits;
	own->anycast = (struct in6_addr *)&own->slots[1u << bits];
	TAILQ_FOREACH (ifp, &ifnet_list, if_list) {
		TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list) {
			const struct in6_addr *a = &ifa->ifa_addr.in6;
			if (ifaddr_usable(ifa) && (ifa->ifa_flags & IFA_ANYCAST))
				own->anycast[own->nanycast++] = *a;
			if (!ifaddr_usable(ifa) || IN6_LINKLOCAL(a) || in6_own_has(own, a))
				continue;
			uint32_t slot = in6_key_slot(in6_key(a), own->shift);
			while ((own->slots[slot].hi | own->slots[slot].lo) != 0)
				slot = (slot + 1) & ((1u << bits) - 1);
			own->slots[slot] = in6_key(a);
			if (memcmp(a, &loopback, 16) == 0 || (ifa->ifa_flags & IFA_ANYCAST))
				continue;
			if (IN6_IS_ADDR_UNSPECIFIED(&own->first) || (late && !(ifa->ifa_flags & IFA_DEPRECATED))) {
				own->first = *a;
				late = ifa->ifa_flags & IFA_DEPRECATED;
			}
		}
	}
	return own;
}

static int
group_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct in6_addr));
}

/* The solicited-node group (RFC 4291 section 2.7.1) */
static union in_any
solicited_node(const struct in6_addr *addr)
{
	union in_any group = {.in6 = {{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0}}}};

	memcpy(&group.in6.s6_addr[13], &addr->s6_addr[13], 3);
	return group;
}

/* => the groups that the interface's addresses, its proxies and its role ask for; false: no memory */
static bool
in6_imply(struct ifnet *ifp, uint32_t naddrs)
{
	static const char *const all[] = {"ff01::1", "ff02::1", "ff01::2", "ff02::2"};
	uint32_t npub = naddrs > 0 ? neigh_published6(ifp, NULL, 0) : 0, n = 0;
	struct in6_addr *published = NULL;
	union in_any *group = NULL;
	struct ifaddr *ifa;

	if (naddrs == 0) {
		in_group_imply(ifp, AF_INET6, NULL, 0);
		return true;
	}
	group = calloc(naddrs + npub + 4, sizeof(*group));
	published = calloc(npub + 1, sizeof(*published));
	if (group == NULL || published == NULL) {
		free(group);
		free(published);
		return false;
	}
	while (n < (SETTING(ip6_forwarding) ? 4 : 2)) {
		inet_pton(AF_INET6, all[n], &group[n].in6);
		n++;
	}
	/* Duplicate address detection listens already for addresses that are not usable yet. */
	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
		if (ifa->ifa_family == AF_INET6)
			group[n++] = solicited_node(&ifa->ifa_addr.in6);
	neigh_published6(ifp, published, npub);
	for (uint32_t i = 0; i < npub; i++)
		group[n++] = solicited_node(&published[i]);
	in_group_imply(ifp, AF_INET6, group, n);
	free(group);
	free(published);
	return true;
}

/* => the addresses and groups of an interface; *error is set where there is no memory; NULL: nothing */
static struct in6_if *
in6_if_build(struct ifnet *ifp, int *error)
{
	struct ifaddr *ifa;
	uint32_t n = 0, ngroups, all = 0;

	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list) {
		n += ifaddr_usable(ifa);
		all += ifa->ifa_family == AF_INET6;
	}
	*error = -ENOMEM;
	if (!in6_imply(ifp, all))
		return NULL;
	ngroups = in_group_members(ifp, AF_INET6, NULL);
	if (all == 0 && ngroups == 0) {
		*error = 0;
		return NULL;
	}
	struct in6_if *in6 = calloc(1, sizeof(*in6) + n * sizeof(in6->a[0]) + ngroups * sizeof(struct in6_addr));
	if (in6 == NULL)
		return NULL;
	*error = 0;
	in6->hlim = (uint8_t)nd_if_hlim(ifp);
	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list) {
		if (!ifaddr_usable(ifa))
			continue;
		in6->a[in6->n++] = (struct in6_ifa){.addr = ifa->ifa_addr.in6,
		    .plen = ifa->ifa_plen,
		    .deprecated = (ifa->ifa_flags & IFA_DEPRECATED) != 0,
		    .anycast = (ifa->ifa_flags & IFA_ANYCAST) != 0,
		    .temporary = (ifa->ifa_flags & IFA_TEMPORARY) != 0};
	}
	in6->group = (struct in6_addr *)&in6->a[n];
	in6->ngroups = in_group_members(ifp, AF_INET6, &in6->a[n]);
	return in6;
}

void
in6_if_update(struct ifnet *ifp)
{
	struct in6_if *new = NULL, *old;
	int error = 0;

	if (!ifp->if_dead)
		new = in6_if_build(ifp, &error);
	if (error != 0) {
		mp_log(MP_LOG_ERR, "%s: no memory for its addresses", ifp->if_xname);
		return;
	}
	old = atomic_exchange_explicit(&ifp->if_proto[IF_SLOT_IP6], new, memory_order_acq_rel);
	if (old != NULL)
		mp_defer(&old->deferred, in6_if_free);
}

void
ip6_ifaddr_changed(struct ifnet *ifp)
{
	struct in6_own *new, *old;

	ASSERT_CONTROL();
	in6_if_update(ifp);
	new = in6_own_build();
	if (new == NULL) {
		mp_log(MP_LOG_ERR, "ip6: no memory for the table of our addresses");
		return;
	}
	old = atomic_exchange_explicit(&in6_own, new, memory_order_acq_rel);
	if (old != NULL)
		mp_defer(&old->deferred, in6_if_free);
	rtadv_ifaddr_changed(ifp);
}

void
in6_if_update_all(void)
{
	struct ifnet *ifp;

	ASSERT_CONTROL();
	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		in6_if_update(ifp);
}

bool
ip6_group_joined(const struct ifnet *ifp, const struct in6_addr *group)
{
	const struct in6_if *in6 = in6_if_get(ifp);

	return in6 != NULL && bsearch(group, in6->group, in6->ngroups, sizeof(*group), group_compare) != NULL;
}

bool
ip6_addr_is_ours(const struct ifnet *ifp, const struct in6_addr *addr)
{
	const struct in6_if *in6 = ifp != NULL ? in6_if_get(ifp) : NULL;

	for (uint32_t i = 0; in6 != NULL && i < in6->n; i++)
		if (memcmp(&in6->a[i].addr, addr, sizeof(*addr)) == 0)
			return true;
	return false;
}

int
in6_if_init(void)
{
	struct in6_own *own;

	ASSERT_CONTROL();
	own = in6_own_build();
	if (own == NULL)
		return -ENOMEM;
	/* lo0 may have told of its addresses already. */
	free(atomic_exchange_explicit(&in6_own, own, memory_order_acq_rel));
	return 0;
}

void
in6_if_fini(void)
{
	struct ifnet *ifp;

	/* No worker runs any more: nothing to wait for. */
	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		free(atomic_exchange(&ifp->if_proto[IF_SLOT_IP6], NULL));
	free(atomic_exchange(&in6_own, NULL));
}
