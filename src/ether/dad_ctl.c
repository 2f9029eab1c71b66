/* SPDX-License-Identifier: BSD-2-Clause */
/* Duplicate address detection: RFC 5227 for IPv4, RFC 4862 section 5.4 for IPv6; announcements and defence. */
/*
 * Synchronization: control only.
 * Lifetime: a detection belongs to its address (ifa_dad) from neigh_ifaddr_start_dad() until the verdict or
 * neigh_ifaddr_stop_dad(), which comes before the address is freed.
 */
#include <stdlib.h>
#include <string.h>

#include "ether/neigh.h"
#include "ether/neigh_var.h"
#include "ip6/nd_if.h"

#define DAD_JITTER_MS	 250  /* before the first probe (RFC 5227 PROBE_WAIT allows 1000) */
#define DAD_PROBE_MIN_MS 1000 /* RFC 5227 section 1.1 */
#define DAD_PROBE_MAX_MS 2000
#define DAD_ANNOUNCE_MS	 2000 /* ANNOUNCE_WAIT and ANNOUNCE_INTERVAL */
#define DAD_DEFEND_MS	 10000
#define DAD_DEFENDED	 16

enum dad_phase { DAD_PROBING, DAD_ANNOUNCING };

struct dad {
	struct neigh_timer d_timer; /* [c] */
	struct ifaddr *d_ifa;	    /* [c] */
	enum dad_phase d_phase;	    /* [c] */
	unsigned d_left;	    /* [c] probes to send */
};

/* Addresses whose conflict was told of, and which were defended, lately: once in DAD_DEFEND_MS each. */
static struct dad_defended {
	uint16_t ifindex; /* 0: free */
	uint8_t family;
	union in_any addr;
	uint64_t when;
} dad_defended[DAD_DEFENDED]; /* [c] */

_Atomic int ip_dad_count = 3, ip6_dad_count = 1;

static void
dad_free(struct dad *dad)
{
	neigh_timer_disown(&dad->d_timer);
	neigh_watch_add(-1);
	dad->d_ifa->ifa_dad = NULL;
	free(dad);
}

static void
dad_timer(struct neigh_timer *t, uint64_t now)
{
	struct dad *dad = (struct dad *)(void *)((char *)t - offsetof(struct dad, d_timer));
	struct ifaddr *ifa = dad->d_ifa;
	bool inet = ifa->ifa_family == AF_INET;
	uint64_t wait;

	ASSERT_CONTROL();
	if (!neigh_if_running(ifa->ifa_ifp)) {
		dad_free(dad); /* it begins anew when the interface is back */
		return;
	}
	if (dad->d_phase == DAD_ANNOUNCING) {
		dad_free(dad);
		neigh_ifaddr_announce(ifa);
		return;
	}
	if (dad->d_left > 0) {
		dad->d_left--;
		if (inet) {
			arp_probe(ifa->ifa_ifp, ifa->ifa_addr.in4);
			wait = dad->d_left > 0 ? DAD_PROBE_MIN_MS + neigh_random(DAD_PROBE_MAX_MS - DAD_PROBE_MIN_MS)
					       : DAD_ANNOUNCE_MS;
		} else {
			nd_send_ns(ifa->ifa_ifp, NULL, NULL, NULL, &ifa->ifa_addr.in6);
			wait = nd_ifinfo(ifa->ifa_ifp)->retrans;
		}
		neigh_timer_set(t, now + wait);
		return;
	}
	/* Nobody objected.  An IPv4 address is announced now (by the address module) and once more (ANNOUNCE_NUM 2). */
	if (inet) {
		dad->d_phase = DAD_ANNOUNCING;
		neigh_timer_set(t, now + DAD_ANNOUNCE_MS);
	} else
		dad_free(dad);
	if_addr_dad_done(ifa, false);
}

void
neigh_ifaddr_start_dad(struct ifaddr *ifa)
{
	struct ifnet *ifp = ifa->ifa_ifp, *each;
	bool inet = ifa->ifa_family == AF_INET;
	int count = inet ? ip_dad_count : ip6_dad_count;
	struct neigh *n;
	struct dad *dad;

	ASSERT_CONTROL();
	neigh_ifaddr_stop_dad(ifa);
	/* Our own address is nobody's neighbour, on no interface. */
	TAILQ_FOREACH (each, &ifnet_list, if_list)
		if ((each == ifp || !neigh_is_linklocal(ifa->ifa_family, &ifa->ifa_addr)) &&
		    (n = neigh_find(each, ifa->ifa_family, &ifa->ifa_addr, false)) != NULL)
			neigh_delete(n, DROP_NEIGH_FLUSHED);
	if (ifp->if_type != IFT_SMP_ETHER || count <= 0 || (ifa->ifa_flags & IFA_ANYCAST) != 0 ||
	    (inet && (atomic_load_explicit(&ifp->if_flags, memory_order_relaxed) & IFF_SMP_NOARP) != 0)) {
		if_addr_dad_done(ifa, false);
		return;
	}
	dad = calloc(1, sizeof(*dad));
	if (dad == NULL || neigh_timer_adopt() != 0) {
		free(dad);
		mp_log(MP_LOG_ERR, "%s: no memory for duplicate address detection", ifp->if_xname);
		if_addr_dad_done(ifa, false);
		return;
	}
	dad->d_timer.nt_fn = dad_timer;
	dad->d_ifa = ifa;
	dad->d_left = (unsigned)count;
	ifa->ifa_dad = dad;
	neigh_watch_add(1);
	neigh_timer_set(&dad->d_timer, neigh_clock() + 1 + neigh_random(DAD_JITTER_MS));
}

void
neigh_ifaddr_stop_dad(struct ifaddr *ifa)
{
	ASSERT_CONTROL();
	if (ifa->ifa_dad != NULL)
		dad_free(ifa->ifa_dad);
}

bool
dad_conflict(struct ifaddr *ifa, const uint8_t *lladdr)
{
	char addr[NEIGH_ADDRSTR], mac[NEIGH_MACSTR];
	struct dad *dad = ifa->ifa_dad;

	ASSERT_CONTROL();
	if (dad == NULL || dad->d_phase != DAD_PROBING || (ifa->ifa_flags & IFA_TENTATIVE) == 0)
		return false;
	neigh_addr_string(ifa->ifa_family, &ifa->ifa_addr, ifa->ifa_ifp, addr, sizeof(addr));
	neigh_lladdr_string(lladdr, mac);
	mp_log(
	    MP_LOG_INFO, "%s: %s is in use by %s", ifa->ifa_ifp->if_xname, addr, mac); /* the verdict is logged below */
	if (ifa->ifa_family == AF_INET6)
		COUNT(mp_control(), ND_DAD_DUP);
	dad_free(dad);
	if_addr_dad_done(ifa, true);
	return true;
}

/*
 * RFC 5227 section 2.4 (b): say once that the address is ours, then let it be for a while.  The log is not for others to
 * fill either: where more addresses are attacked than there is room to remember, the others wait.
 */
void
dad_defend(struct ifaddr *ifa, const uint8_t *lladdr)
{
	char addr[NEIGH_ADDRSTR], mac[NEIGH_MACSTR];
	struct dad_defended *d, *oldest = dad_defended;
	uint64_t now = neigh_clock();

	ASSERT_CONTROL();
	for (d = dad_defended; d < dad_defended + DAD_DEFENDED; d++) {
		if (d->ifindex == ifa->ifa_ifp->if_index && d->family == ifa->ifa_family &&
		    memcmp(&d->addr, &ifa->ifa_addr, neigh_addrlen(ifa->ifa_family)) == 0)
			break;
		if (d->ifindex == 0 || (oldest->ifindex != 0 && d->when < oldest->when))
			oldest = d;
	}
	if (d == dad_defended + DAD_DEFENDED)
		d = oldest;
	if (d->ifindex != 0 && now - d->when < DAD_DEFEND_MS)
		return;
	*d = (struct dad_defended){ifa->ifa_ifp->if_index, ifa->ifa_family, ifa->ifa_addr, now};
	neigh_addr_string(ifa->ifa_family, &ifa->ifa_addr, ifa->ifa_ifp, addr, sizeof(addr));
	neigh_lladdr_string(lladdr, mac);
	mp_log(MP_LOG_ERR, "%s: duplicate IP address %s sent from link address %s", ifa->ifa_ifp->if_xname, addr, mac);
	if (ifa->ifa_family == AF_INET && (ifa->ifa_flags & (IFA_TENTATIVE | IFA_DUPLICATED | IFA_DETACHED)) == 0)
		arp_announce(ifa->ifa_ifp, ifa->ifa_addr.in4);
}

void
neigh_ifaddr_announce(struct ifaddr *ifa)
{
	struct ifnet *ifp = ifa->ifa_ifp;

	ASSERT_CONTROL();
	if (!neigh_if_running(ifp) || (ifa->ifa_flags & (IFA_TENTATIVE | IFA_DUPLICATED | IFA_DETACHED)) != 0)
		return;
	if (ifa->ifa_family == AF_INET)
		arp_announce(ifp, ifa->ifa_addr.in4);
	else
		nd_announce(ifp, &ifa->ifa_addr.in6, (ifa->ifa_flags & IFA_ANYCAST) != 0);
}

/* => control; the interface is being destroyed */
void
dad_ifnet_gone(struct ifnet *ifp)
{
	struct ifaddr *ifa;

	ASSERT_CONTROL();
	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
		neigh_ifaddr_stop_dad(ifa);
	for (unsigned i = 0; i < DAD_DEFENDED; i++)
		if (dad_defended[i].ifindex == ifp->if_index)
			dad_defended[i].ifindex = 0;
}

/* => control, at the end: whatever the address module left */
void
dad_fini(void)
{
	struct ifnet *ifp;

	ASSERT_CONTROL();
	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		dad_ifnet_gone(ifp);
}
