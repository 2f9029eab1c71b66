/* SPDX-License-Identifier: BSD-2-Clause */
/* What workers know of our IPv4 addresses: per interface and all together. */
/*
 * Synchronization: control builds struct in_if and struct in_own anew after each change and publishes them with a
 * release store; workers load them with in_if_get and in_own_get.
 * Lifetime: the old object is freed after a grace period; in_own is never NULL between in_if_init and in_if_fini.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ip/group.h"
#include "ip/ingress_ctl.h"
#include "ip/ip_var.h"

struct in_own *_Atomic in_own;

static void
in_if_free(struct mp_deferred *d)
{
	free(d); /* the first member of both */
}

/* Control's private view of one usable address */
static bool
ifaddr_usable(const struct ifaddr *ifa)
{
	return ifa->ifa_family == AF_INET && (ifa->ifa_flags & (IFA_TENTATIVE | IFA_DUPLICATED | IFA_DETACHED)) == 0 &&
	       ifa->ifa_addr.in4.s_addr != 0;
}

static uint32_t
plen_mask(unsigned plen)
{
	return plen == 0 ? 0 : htonl(~UINT32_C(0) << (32 - plen));
}

static void
in_own_insert(struct in_own *own, uint32_t addr, bool broadcast)
{
	uint32_t slot = (addr * 0x9e3779b1u) >> own->shift;

	if (addr == 0 || in_own_kind(own, addr) != IN_OWN_NONE)
		return;
	while (own->slots[slot] != 0)
		slot = (slot + 1) & ((1u << (32 - own->shift)) - 1);
	own->slots[slot] = addr;
	own->broadcast[slot] = broadcast;
}

/* => a table of all usable addresses; NULL: no memory */
static struct in_own *
in_own_build(void)
{
	struct ifnet *ifp;
	struct ifaddr *ifa;
	uint32_t n = 0, bits = 6;

	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
			n += ifaddr_usable(ifa) ? 1 + ifa->ifa_has_brd : 0;
	while ((1u << bits) < n * 4)
		bits++;
	struct in_own *own = calloc(1, sizeof(*own) + ((sizeof(own->slots[0]) + sizeof(own->broadcast[0])) << bits));
	if (own == NULL)
		return NULL;
	own->shift = 32 - bits;
	own->broadcast = (uint8_t *)&own->slots[1u << bits];
	TAILQ_FOREACH (ifp, &ifnet_list, if_list) {
		TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list) {
			if (!ifaddr_usable(ifa))
				continue;
			uint32_t addr = ifa->ifa_addr.in4.s_addr;
			in_own_insert(own, addr, false);
			if (own->first == 0 && !IN4_LOOPBACK(addr))
				own->first = addr;
		}
	}
	/* An address of one network that is another's broadcast stays ours. */
	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
			if (ifaddr_usable(ifa) && ifa->ifa_has_brd && ifa->ifa_brd.in4.s_addr != IN4_BROADCAST)
				in_own_insert(own, ifa->ifa_brd.in4.s_addr, true);
	return own;
}

static void
in_own_update(void)
{
	struct in_own *new = in_own_build(), *old;

	if (new == NULL) {
		mp_log(MP_LOG_ERR, "ip: no memory for the table of our addresses");
		return;
	}
	old = atomic_exchange_explicit(&in_own, new, memory_order_acq_rel);
	if (old != NULL)
		mp_defer(&old->deferred, in_if_free);
}

void
in_if_update(struct ifnet *ifp)
{
	const union in_any allhosts = {.in4.s_addr = htonl(INADDR_ALLHOSTS_GROUP)};
	struct in_if *new = NULL, *old;
	uint32_t n = 0, all = 0, ngroups = 0;
	struct ifaddr *ifa;

	ASSERT_CONTROL();
	if (!ifp->if_dead) {
		TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list) {
			n += ifaddr_usable(ifa);
			all += ifa->ifa_family == AF_INET;
		}
		in_group_imply(ifp, AF_INET, &allhosts, all > 0);
		ngroups = in_group_members(ifp, AF_INET, NULL);
	}
	if (n > 0 || ngroups > 0) {
		new = calloc(1, sizeof(*new) + n * sizeof(new->a[0]) + ngroups * sizeof(new->group[0]));
		if (new == NULL) {
			mp_log(MP_LOG_ERR, "%s: no memory for its addresses", ifp->if_xname);
			return;
		}
		TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list) {
			if (!ifaddr_usable(ifa))
				continue;
			struct in_ifa *a = &new->a[new->n++];
			a->addr = ifa->ifa_addr.in4.s_addr;
			a->mask = plen_mask(ifa->ifa_plen);
			a->brd = ifa->ifa_has_brd ? ifa->ifa_brd.in4.s_addr : 0;
			a->peer = ifa->ifa_has_dst ? ifa->ifa_dst.in4.s_addr : 0;
		}
		new->group = (uint32_t *)(void *)&new->a[n];
		new->ngroups = in_group_members(ifp, AF_INET, &new->a[n]);
	}
	old = atomic_exchange_explicit(&ifp->if_proto[IF_SLOT_IP], new, memory_order_acq_rel);
	if (old != NULL)
		mp_defer(&old->deferred, in_if_free);
}

bool
ip_group_joined(const struct ifnet *ifp, uint32_t group)
{
	const struct in_if *in = in_if_get(ifp);
	uint32_t low = 0, high = in != NULL ? in->ngroups : 0;

	while (low < high) { /* as memcmp sorts them */
		uint32_t mid = (low + high) / 2;

		if (in->group[mid] == group)
			return true;
		if (ntohl(in->group[mid]) < ntohl(group))
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

void
ip_ifaddr_changed(struct ifnet *ifp)
{
	ASSERT_CONTROL();
	in_if_update(ifp);
	in_own_update();
	if (ifp->if_dead)
		ip_urpf_update();
}

int
in_if_init(void)
{
	struct in_own *own;

	ASSERT_CONTROL();
	own = in_own_build();
	if (own == NULL)
		return -ENOMEM;
	/* lo0 may have told of its addresses already. */
	free(atomic_exchange_explicit(&in_own, own, memory_order_acq_rel));
	return 0;
}

void
in_if_fini(void)
{
	struct ifnet *ifp;

	/* No worker runs any more: nothing to wait for. */
	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		free(atomic_exchange(&ifp->if_proto[IF_SLOT_IP], NULL));
	free(atomic_exchange(&in_own, NULL));
}
