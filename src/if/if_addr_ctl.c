/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of interfaces: adding, deleting, lifetimes, duplicate address detection's part of their state.
 *
 * Synchronization: control only.  Workers know addresses by what routing (rt_ifaddr_add) and the protocols
 * (ip_ifaddr_changed, ip6_ifaddr_changed) publish; both are told here after every change.
 * Lifetime: a struct ifaddr lives from if_addr_add to if_addr_delete, the end of its lifetime, or its interface's end.
 * Before it is freed DAD and routing have let go of it.
 */
#include "if/ifnet.h"
#include "ctl/ctl.h"
#include "ether/neigh.h"
#include "if/if_var.h"
#include "ip/ip.h"
#include "ip6/ip6.h"
#include "ip6/nd_if.h"
#include "route/route.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

_Atomic int if_auto_linklocal = 1; /* [a] */

const struct sysctl_setting if_settings[] = {
    {"net.inet6.ip6.auto_linklocal", &if_auto_linklocal, 0, 1, 1, false, NULL},
    {NULL},
};

static void
ifa_changed(struct ifaddr *ifa)
{
	if (ifa->ifa_family == AF_INET)
		ip_ifaddr_changed(ifa->ifa_ifp);
	else
		ip6_ifaddr_changed(ifa->ifa_ifp);
}

/* Routing and the protocol follow a change of the address's flags. */
static void
ifa_sync(struct ifaddr *ifa)
{
	int error = rt_ifaddr_add(ifa);

	if (error != 0 && error != -EEXIST)
		mp_log(MP_LOG_ERR, "%s: route of an address: %s", ifa->ifa_ifp->if_xname, strerror(-error));
	ifa_changed(ifa);
}

static bool
ifa_wants_dad(const struct ifaddr *ifa)
{
	const struct ifnet *ifp = ifa->ifa_ifp;

	if (ifp->if_type != IFT_SMP_ETHER || (ifa->ifa_flags & IFA_ANYCAST))
		return false;
	return ifa->ifa_family == AF_INET6 || !(ifp->if_flags & IFF_SMP_NOARP);
}

/* IPv4 addresses are announced whenever they come into use, those of IPv6 only where others may have known them. */
static void
ifa_announce(struct ifaddr *ifa)
{
	if (ifa->ifa_family == AF_INET ? ifa_wants_dad(ifa) : ifa->ifa_announce)
		neigh_ifaddr_announce(ifa);
	ifa->ifa_announce = false;
}

/* Starts DAD of a tentative address, or announces one that needs none. */
static void
ifa_begin(struct ifaddr *ifa)
{
	if (ifa->ifa_flags & IFA_TENTATIVE) {
		ifa->ifa_flags &= ~(uint32_t)IFA_DUPLICATED;
		ifa_sync(ifa);
		neigh_ifaddr_start_dad(ifa);
		return;
	}
	ifa_sync(ifa);
	ifa_announce(ifa);
}

static void
ifa_detach(struct ifaddr *ifa)
{
	if (ifa->ifa_ifp->if_type != IFT_SMP_ETHER)
		return;
	neigh_ifaddr_stop_dad(ifa);
	ifa->ifa_flags &= ~(uint32_t)(IFA_TENTATIVE | IFA_DUPLICATED);
	ifa->ifa_flags |= IFA_DETACHED;
	ifa->ifa_announce = false;
	ifa_sync(ifa);
}

/*
 * => control; takes the address away and frees it.
 *
 * 1. Unlink: nobody finds it any more.
 * 2. DAD and routing let go of it; another address of the same prefix has a connected route of its own.
 * 3. The protocols publish what workers need to know without it.
 */
void
if_addr_remove(struct ifaddr *ifa)
{
	ASSERT_CONTROL();
	TAILQ_REMOVE(&ifa->ifa_ifp->if_addrs, ifa, ifa_list);
	neigh_ifaddr_stop_dad(ifa);
	rt_ifaddr_delete(ifa);
	ifa_changed(ifa);
	nd6_ifaddr_gone(ifa);
	if (ifa->ifa_timer != NULL)
		event_free(ifa->ifa_timer);
	free(ifa);
}

static void
ifa_lifetime_expired(evutil_socket_t fd, short what, void *arg)
{
	if_addr_lifetime(arg);
}

/*
 * => control; brings the address in line with its lifetimes and sets the timer for the next end.  The address may be
 * freed: false then.
 */
bool
if_addr_lifetime(struct ifaddr *ifa)
{
	uint64_t now = mp_now_ms(), next = UINT64_MAX;
	uint32_t flags = ifa->ifa_flags & ~(uint32_t)IFA_DEPRECATED;

	ASSERT_CONTROL();
	if (ifa->ifa_valid <= now) {
		if_addr_remove(ifa);
		return false;
	}
	if (ifa->ifa_preferred <= now || ifa->ifa_user_deprecated)
		flags |= IFA_DEPRECATED;
	else
		next = ifa->ifa_preferred;
	if (ifa->ifa_valid < next)
		next = ifa->ifa_valid;
	if (flags != ifa->ifa_flags) {
		ifa->ifa_flags = flags;
		ifa_changed(ifa);
	}
	if (next == UINT64_MAX) {
		if (ifa->ifa_timer != NULL)
			evtimer_del(ifa->ifa_timer);
		return true;
	}
	if (ifa->ifa_timer == NULL)
		ifa->ifa_timer = evtimer_new(mp_base, ifa_lifetime_expired, ifa);
	if (ifa->ifa_timer != NULL) {
		uint64_t ms = next - now;
		struct timeval tv;

		if (ms > 86400000) /* looked at again after a day */
			ms = 86400000;
		tv = (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
		evtimer_add(ifa->ifa_timer, &tv);
	}
	return true;
}

static int
ifa_check4(const struct ifnet *ifp, const struct ifaddr *spec)
{
	uint32_t a = ntohl(spec->ifa_addr.in4.s_addr);

	if (spec->ifa_plen > 32)
		return -EINVAL;
	if (IN_MULTICAST(a) || a == INADDR_BROADCAST || IN_BADCLASS(a))
		return -EADDRNOTAVAIL;
	if ((a >> 24) == 127 && !(ifp->if_flags & IFF_SMP_LOOPBACK))
		return -EADDRNOTAVAIL;
	if (a == INADDR_ANY && !spec->ifa_has_dst)
		return -EADDRNOTAVAIL;
	return 0;
}

static int
ifa_check6(const struct ifnet *ifp, const struct ifaddr *spec)
{
	const struct in6_addr *a = &spec->ifa_addr.in6;

	if (spec->ifa_plen > 128)
		return -EINVAL;
	if (IN6_IS_ADDR_MULTICAST(a) || IN6_IS_ADDR_UNSPECIFIED(a) || IN6_IS_ADDR_V4MAPPED(a))
		return -EADDRNOTAVAIL;
	if (IN6_IS_ADDR_LOOPBACK(a) && !(ifp->if_flags & IFF_SMP_LOOPBACK))
		return -EADDRNOTAVAIL;
	if (IN6_IS_ADDR_LINKLOCAL(a) && (a->s6_addr[2] != 0 || a->s6_addr[3] != 0))
		return -EADDRNOTAVAIL; /* an embedded zone */
	return 0;
}

static bool
in_any_equal(int family, const union in_any *a, const union in_any *b)
{
	if (family == AF_INET)
		return a->in4.s_addr == b->in4.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a->in6, &b->in6);
}

static struct ifaddr *
ifa_lookup(const struct ifnet *ifp, int family, const union in_any *addr)
{
	struct ifaddr *ifa;

	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
		if (ifa->ifa_family == family && in_any_equal(family, &ifa->ifa_addr, addr))
			return ifa;
	return NULL;
}

/* Does another interface that a host could be confused about have the address? */
static bool
ifa_elsewhere(const struct ifnet *ifp, int family, const union in_any *addr)
{
	struct ifnet *other;

	if ((ifp->if_flags & IFF_SMP_P2P) || (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&addr->in6)))
		return false;
	TAILQ_FOREACH (other, &ifnet_list, if_list)
		if (other != ifp && !(other->if_flags & IFF_SMP_P2P) && ifa_lookup(other, family, addr) != NULL)
			return true;
	return false;
}

/* The broadcast address that goes without saying. */
void
if_addr_default_broadcast(const struct ifnet *ifp, struct ifaddr *ifa)
{
	if (ifa->ifa_family != AF_INET || !(ifp->if_flags & IFF_SMP_BROADCAST)) {
		ifa->ifa_has_brd = false;
		return;
	}
	if (ifa->ifa_has_brd || ifa->ifa_has_dst || ifa->ifa_plen > 30)
		return;
	ifa->ifa_has_brd = true;
	ifa->ifa_brd.in4.s_addr = ifa->ifa_addr.in4.s_addr | htonl((uint32_t)(UINT64_C(0xffffffff) >> ifa->ifa_plen));
}

/* Sets the same address again: what may change without the address going away does. */
static int
ifa_replace(struct ifaddr *ifa, const struct ifaddr *want)
{
	const uint32_t settable = IFA_ANYCAST | IFA_AUTOCONF | IFA_TEMPORARY | IFA_OFFLINK | IFA_UNLISTED;
	bool moved = ifa->ifa_plen != want->ifa_plen || ((ifa->ifa_flags ^ want->ifa_flags) & IFA_OFFLINK) != 0 ||
		     ifa->ifa_has_dst != want->ifa_has_dst || ifa->ifa_has_brd != want->ifa_has_brd ||
		     (want->ifa_has_dst && !in_any_equal(ifa->ifa_family, &ifa->ifa_dst, &want->ifa_dst)) ||
		     (want->ifa_has_brd && ifa->ifa_brd.in4.s_addr != want->ifa_brd.in4.s_addr);

	if (moved)
		rt_ifaddr_delete(ifa);
	ifa->ifa_plen = want->ifa_plen;
	ifa->ifa_has_dst = want->ifa_has_dst;
	ifa->ifa_dst = want->ifa_dst;
	ifa->ifa_has_brd = want->ifa_has_brd;
	ifa->ifa_brd = want->ifa_brd;
	ifa->ifa_flags = (ifa->ifa_flags & ~settable) | (want->ifa_flags & settable);
	if (!(want->ifa_flags & (IFA_LINKLOCAL | IFA_INTERNAL)))
		ifa->ifa_flags &= ~(uint32_t)(IFA_LINKLOCAL | IFA_INTERNAL); /* now it is configuration */
	ifa->ifa_preferred = want->ifa_preferred;
	ifa->ifa_valid = want->ifa_valid;
	ifa->ifa_user_deprecated = want->ifa_user_deprecated;
	if (moved)
		ifa_sync(ifa);
	if (!if_addr_lifetime(ifa))
		return -EINVAL;
	if ((ifa->ifa_flags & IFA_DUPLICATED) && !(want->ifa_flags & IFA_AUTOCONF)) {
		/* perhaps the other host has gone; a router that goes on advertising is no reason to ask again */
		if (ifa_wants_dad(ifa))
			ifa->ifa_flags |= IFA_TENTATIVE;
		else
			ifa->ifa_flags &= ~(uint32_t)IFA_DUPLICATED;
		ifa_begin(ifa);
	}
	return 0;
}

int
if_addr_check(const struct ifnet *ifp, const struct ifaddr *spec)
{
	int error;

	if (spec->ifa_family != AF_INET && spec->ifa_family != AF_INET6)
		return -EAFNOSUPPORT;
	error = spec->ifa_family == AF_INET ? ifa_check4(ifp, spec) : ifa_check6(ifp, spec);
	if (error != 0)
		return error;
	if (spec->ifa_has_dst && !(ifp->if_flags & (IFF_SMP_P2P | IFF_SMP_LOOPBACK)))
		return -EINVAL;
	if (ifa_lookup(ifp, spec->ifa_family, &spec->ifa_addr) == NULL &&
	    ifa_elsewhere(ifp, spec->ifa_family, &spec->ifa_addr))
		return -EEXIST;
	return 0;
}

int
if_addr_add(struct ifnet *ifp, const struct ifaddr *spec)
{
	struct ifaddr want = *spec, *ifa;
	uint64_t now = mp_now_ms();
	int error;

	ASSERT_CONTROL();
	error = if_addr_check(ifp, &want);
	if (error != 0)
		return error;
	if (want.ifa_preferred == 0)
		want.ifa_preferred = UINT64_MAX;
	if (want.ifa_valid == 0)
		want.ifa_valid = UINT64_MAX;
	if (want.ifa_valid <= now || want.ifa_preferred > want.ifa_valid) {
		if (spec->ifa_preferred != 0 || want.ifa_valid <= now)
			return -EINVAL;
		want.ifa_preferred = want.ifa_valid;
	}
	if_addr_default_broadcast(ifp, &want);
	ifa = ifa_lookup(ifp, want.ifa_family, &want.ifa_addr);
	if (ifa != NULL)
		return ifa_replace(ifa, &want);
	ifa = calloc(1, sizeof(*ifa));
	if (ifa == NULL)
		return -ENOMEM;
	*ifa = want;
	ifa->ifa_ifp = ifp;
	ifa->ifa_dad = ifa->ifa_rt = NULL;
	ifa->ifa_timer = NULL;
	ifa->ifa_flags &= ~(uint32_t)(IFA_NOTREADY | IFA_DEPRECATED);
	TAILQ_INSERT_TAIL(&ifp->if_addrs, ifa, ifa_list);
	if (ifa_wants_dad(ifa) && (ifp->if_flags & IFF_SMP_UP)) {
		if (ifp->if_linkstate == LINK_DOWN)
			ifa->ifa_flags |= IFA_DETACHED;
		else
			ifa->ifa_flags |= IFA_TENTATIVE;
	} else if (ifa_wants_dad(ifa) && ifa->ifa_family == AF_INET6)
		ifa->ifa_flags |= IFA_TENTATIVE; /* DAD waits for the interface to go up */
	if (!if_addr_lifetime(ifa))
		return -EINVAL;
	if ((ifp->if_flags & IFF_SMP_UP) && !(ifa->ifa_flags & IFA_DETACHED))
		ifa_begin(ifa);
	else
		ifa_sync(ifa);
	return 0;
}

int
if_addr_delete(struct ifnet *ifp, int family, const union in_any *addr)
{
	struct ifaddr *ifa;

	ASSERT_CONTROL();
	ifa = ifa_lookup(ifp, family, addr);
	if (ifa == NULL)
		return -EADDRNOTAVAIL;
	if_addr_remove(ifa);
	return 0;
}

void
if_addr_delete_all(struct ifnet *ifp, int family)
{
	struct ifaddr *ifa, *next;

	ASSERT_CONTROL();
	for (ifa = TAILQ_FIRST(&ifp->if_addrs); ifa != NULL; ifa = next) {
		next = TAILQ_NEXT(ifa, ifa_list);
		if (family == AF_UNSPEC || ifa->ifa_family == family)
			if_addr_remove(ifa);
	}
}

struct ifaddr *
if_addr_find(struct ifnet *ifp, int family, const union in_any *addr, bool usable)
{
	struct ifnet *each;
	struct ifaddr *ifa;

	ASSERT_CONTROL();
	if (ifp != NULL) {
		ifa = ifa_lookup(ifp, family, addr);
		return ifa != NULL && usable && (ifa->ifa_flags & IFA_NOTREADY) ? NULL : ifa;
	}
	if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&addr->in6))
		return NULL;
	TAILQ_FOREACH (each, &ifnet_list, if_list) {
		ifa = ifa_lookup(each, family, addr);
		if (ifa != NULL && !(usable && (ifa->ifa_flags & IFA_NOTREADY)))
			return ifa;
	}
	return NULL;
}

/* RFC 4291, appendix A: an interface identifier of a 48-bit link address. */
void
if_addr_eui64(uint64_t lladdr, struct in6_addr *addr)
{
	const uint8_t *mac = (const uint8_t *)&lladdr;

	addr->s6_addr[8] = mac[0] ^ 0x02;
	addr->s6_addr[9] = mac[1];
	addr->s6_addr[10] = mac[2];
	addr->s6_addr[11] = 0xff;
	addr->s6_addr[12] = 0xfe;
	addr->s6_addr[13] = mac[3];
	addr->s6_addr[14] = mac[4];
	addr->s6_addr[15] = mac[5];
}

/* A link-local address made of the link address: another host that has it may have both (RFC 4862 section 5.4.5). */
static bool
ifa_is_eui64(const struct ifaddr *ifa)
{
	struct in6_addr own = ifa->ifa_addr.in6;

	if (ifa->ifa_family != AF_INET6 || !IN6_IS_ADDR_LINKLOCAL(&own))
		return false;
	if_addr_eui64(ifa->ifa_ifp->if_lladdr, &own);
	return IN6_ARE_ADDR_EQUAL(&own, &ifa->ifa_addr.in6);
}

void
if_addr_dad_done(struct ifaddr *ifa, bool duplicated)
{
	char text[INET6_ADDRSTRLEN];

	ASSERT_CONTROL();
	ifa->ifa_flags &= ~(uint32_t)(IFA_TENTATIVE | IFA_DUPLICATED);
	if (duplicated) {
		ifa->ifa_flags |= IFA_DUPLICATED;
		mp_log(MP_LOG_ERR, "%s: duplicate address %s: another host has it", ifa->ifa_ifp->if_xname,
		    inet_ntop(ifa->ifa_family, &ifa->ifa_addr, text, sizeof(text)));
		if (ifa_is_eui64(ifa))
			mp_log(MP_LOG_ERR, "%s: possible hardware address duplication detected: no link-local address",
			    ifa->ifa_ifp->if_xname);
		nd6_ifaddr_duplicated(ifa);
	}
	ifa_sync(ifa);
	if (!duplicated)
		ifa_announce(ifa);
}

/* RFC 4862, section 5.3: a link-local address of our own making, where there is none. */
static void
ifa_make_linklocal(struct ifnet *ifp)
{
	struct ifaddr spec = {.ifa_family = AF_INET6, .ifa_plen = 64, .ifa_flags = IFA_LINKLOCAL}, *ifa;

	if ((nd_ifinfo(ifp)->flags & ND_IF_AUTO_LINKLOCAL) == 0 || ifp->if_type != IFT_SMP_ETHER ||
	    ifp->if_lladdr == 0 || ifp->if_mtu < 1280)
		return;
	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
		if (ifa->ifa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&ifa->ifa_addr.in6))
			return;
	spec.ifa_addr.in6.s6_addr[0] = 0xfe;
	spec.ifa_addr.in6.s6_addr[1] = 0x80;
	if_addr_eui64(ifp->if_lladdr, &spec.ifa_addr.in6);
	(void)if_addr_add(ifp, &spec);
}

void
if_addr_set_detached(struct ifaddr *ifa, bool detached)
{
	ASSERT_CONTROL();
	if (((ifa->ifa_flags & IFA_DETACHED) != 0) == detached)
		return;
	if (detached) {
		ifa_detach(ifa);
		return;
	}
	ifa->ifa_flags &= ~(uint32_t)IFA_DETACHED;
	if (ifa_wants_dad(ifa))
		ifa->ifa_flags |= IFA_TENTATIVE;
	ifa_begin(ifa);
}

void
if_addr_link(struct ifnet *ifp, enum if_linkstate state)
{
	struct ifaddr *ifa;

	ASSERT_CONTROL();
	if (!(ifp->if_flags & IFF_SMP_UP))
		return;
	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list) {
		if (state == LINK_DOWN) {
			ifa_detach(ifa);
			continue;
		}
		if (ifa->ifa_flags & IFA_DETACHED) {
			ifa->ifa_flags &= ~(uint32_t)IFA_DETACHED;
			ifa->ifa_announce = true;
			if (ifa_wants_dad(ifa))
				ifa->ifa_flags |= IFA_TENTATIVE;
		}
		ifa_begin(ifa);
	}
}

void
if_addr_ifnet_up(struct ifnet *ifp)
{
	ASSERT_CONTROL();
	if_addr_link(ifp, ifp->if_linkstate);
	ifa_make_linklocal(ifp);
}

void
if_addr_ifnet_down(struct ifnet *ifp)
{
	struct ifaddr *ifa;

	ASSERT_CONTROL();
	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
		ifa_detach(ifa);
}

void
if_addr_lladdr(struct ifnet *ifp)
{
	struct ifaddr *ifa;

	ASSERT_CONTROL();
	if (!(ifp->if_flags & IFF_SMP_UP) || ifp->if_linkstate == LINK_DOWN)
		return;
	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
		if (!(ifa->ifa_flags & IFA_NOTREADY))
			neigh_ifaddr_announce(ifa);
}
