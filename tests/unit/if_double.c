/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "if_double.h"
#include "ctl/ctl.h"
#include "ether/ether.h"
#include "ether/neigh.h"
#include "ip/group.h"
#include "if/if_var.h"
#include "ip/ip.h"
#include "ip6/ip6.h"
#include "ip6/rtadv.h"
#include "ip6/nd_if.h"
#include "route/route.h"

struct if_double dbl;

#define CONNECTED 1
#define LOCAL	  2

bool
double_connected(const struct ifaddr *ifa)
{
	return (uintptr_t)ifa->ifa_rt & CONNECTED;
}

bool
double_local(const struct ifaddr *ifa)
{
	return (uintptr_t)ifa->ifa_rt & LOCAL;
}

static void
set_routes(struct ifaddr *ifa, uintptr_t want)
{
	uintptr_t have = (uintptr_t)ifa->ifa_rt;

	dbl.connected += !!(want & CONNECTED) - !!(have & CONNECTED);
	dbl.local += !!(want & LOCAL) - !!(have & LOCAL);
	ifa->ifa_rt = (void *)want;
}

int
rt_ifaddr_add(struct ifaddr *ifa)
{
	set_routes(ifa, CONNECTED | (ifa->ifa_flags & (IFA_TENTATIVE | IFA_DUPLICATED) ? 0 : LOCAL));
	return 0;
}

void
rt_ifaddr_delete(struct ifaddr *ifa)
{
	set_routes(ifa, 0);
}

void
rt_ifnet_up(struct ifnet *ifp)
{
}

void
rt_ifnet_down(struct ifnet *ifp)
{
}

void
rt_ifnet_mtu(struct ifnet *ifp)
{
}

void
rt_ifnet_detach(struct ifnet *ifp)
{
}

void
rt_notify_ifannounce(struct ifnet *ifp, bool arrival)
{
}

void
rt_notify_ifinfo(struct ifnet *ifp)
{
}

void
neigh_ifaddr_start_dad(struct ifaddr *ifa)
{
	dbl.dad_started++;
	if (dbl.dad_at_once)
		if_addr_dad_done(ifa, false);
	else
		ifa->ifa_dad = &dbl;
}

void
neigh_ifaddr_stop_dad(struct ifaddr *ifa)
{
	if (ifa->ifa_dad != NULL)
		dbl.dad_stopped++;
	ifa->ifa_dad = NULL;
}

void
neigh_ifaddr_announce(struct ifaddr *ifa)
{
	dbl.announced++;
}

void
neigh_ifnet_down(struct ifnet *ifp)
{
}

void
nd6_ifnet_detach(struct ifnet *ifp)
{
}

const struct nd_ifinfo *
nd_ifinfo(const struct ifnet *ifp)
{
	static struct nd_ifinfo info;

	info.flags = if_auto_linklocal ? ND_IF_AUTO_LINKLOCAL : 0;
	return &info;
}

void
nd6_ifnet_up(struct ifnet *ifp)
{
}

void
nd6_ifnet_down(struct ifnet *ifp)
{
}

void
nd6_ifaddr_gone(struct ifaddr *ifa)
{
}

void
nd6_ifaddr_duplicated(struct ifaddr *ifa)
{
}

void
neigh_ifnet_detach(struct ifnet *ifp, void (*done)(struct ifnet *))
{
	done(ifp);
}

void
neigh_ifnet_changed(struct ifnet *ifp)
{
}

void
ip_ifaddr_changed(struct ifnet *ifp)
{
	dbl.changed4++;
}

void
ip6_ifaddr_changed(struct ifnet *ifp)
{
	dbl.changed6++;
}

/* Frames come back out of the interface that they came in by. */
void
ether_input(struct worker *w, struct pktvec *v)
{
	for (unsigned i = 0; i < v->n; i++)
		pkt_meta(v->m[i])->oif = pkt_meta(v->m[i])->iif;
	if_transmit(w, v);
}

int
ctl_error(struct ctl_req *req, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(dbl.error, sizeof(dbl.error), fmt, ap);
	va_end(ap);
	dbl.error_errno = err;
	return -err;
}

int shmif_create(const char *, char *, size_t);
int
shmif_create(const char *xname, char *err, size_t errlen)
{
	return -ENOTSUP;
}

int tap_create(const char *, char *, size_t);
int
tap_create(const char *xname, char *err, size_t errlen)
{
	return -ENOTSUP;
}

void
in_group_link(struct ifnet *ifp)
{
}

void
in_group_detach(struct ifnet *ifp)
{
}

bool
nd6_ifaddr_by_router(const struct ifaddr *ifa, const struct in6_addr *router)
{
	return ifa == dbl.by_router;
}

void
rtadv_ifaddr_changed(struct ifnet *ifp)
{
}

void
rtadv_ifnet_down(struct ifnet *ifp)
{
}

void
rtadv_ifnet_detach(struct ifnet *ifp)
{
}
