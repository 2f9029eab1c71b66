/* SPDX-License-Identifier: BSD-2-Clause */
/* A host among routers: what is due when, router solicitations (RFC 4861 section 6.3.7), settings. */
/*
 * Synchronization: control only; settings are single words.
 * Lifetime: an interface's timer goes with its struct nd_if; the one for the default route at the end.
 */
#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "ctl/ctl.h"
#include "ether/neigh_var.h"
#include "ip6/ip6_var.h"
#include "ip6/nd6_var.h"

#define RS_COUNT    3	 /* MAX_RTR_SOLICITATIONS */
#define RS_DELAY_MS 1000 /* MAX_RTR_SOLICITATION_DELAY */
#define RS_MS	    4000 /* RTR_SOLICITATION_INTERVAL */
#define RS_WAIT_MS  250	 /* until the link-local address is ours, */
#define RS_WAITS    16	 /* as often; then without it */
#define ND_DAY_MS   86400000

_Atomic int nd6_accept_rtadv, nd6_maxifprefixes = 16, nd6_maxifdefrouters = 16, nd6_use_tempaddr,
			      nd6_temppltime = 86400, nd6_tempvltime = 604800;
static _Atomic int nd6_prune = 1;
static struct event *look_event; /* [c] the default route is to be looked at */
static bool look_failed;	 /* [c] and the router that it leads to does not answer */

/* Sends a solicitation; 0, or ms after which to come again since the link-local address is not checked yet. */
static uint64_t
rs_send(struct nd_if *n)
{
	const struct in6_addr *src = NULL;
	const struct ifaddr *ifa;
	bool tentative = false;

	TAILQ_FOREACH (ifa, &n->ifp->if_addrs, ifa_list) {
		if (ifa->ifa_family != AF_INET6 || !IN6_IS_ADDR_LINKLOCAL(&ifa->ifa_addr.in6))
			continue;
		tentative |= (ifa->ifa_flags & IFA_TENTATIVE) != 0;
		if (src == NULL && (ifa->ifa_flags & IFA_NOTREADY) == 0)
			src = &ifa->ifa_addr.in6;
	}
	if (src == NULL && tentative && n->rs_waits++ < RS_WAITS)
		return RS_WAIT_MS;
	nd_send_rs(n->ifp, src);
	return 0;
}

/* => ms of the next solicitation, UINT64_MAX: none */
static uint64_t
rs_run(struct nd_if *n, uint64_t now)
{
	uint64_t wait;

	if (n->rs_left > 0 && !nd_if_accepts(n->ifp))
		n->rs_left = 0;
	if (n->rs_left > 0 && n->rs_at <= now) {
		wait = rs_send(n);
		if (wait == 0)
			n->rs_left--;
		n->rs_at = now + (wait != 0 ? wait : RS_MS);
	}
	return n->rs_left > 0 ? n->rs_at : UINT64_MAX;
}

static void
timer_in(struct nd_if *n, uint64_t ms)
{
	struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	if (n->timer != NULL)
		evtimer_add(n->timer, &tv);
}

static void
timer_run(evutil_socket_t fd, short what, void *arg)
{
	struct nd_if *n = arg;

	ASSERT_CONTROL();
	nd6_timer_set(n, false);
	nd6_router_select(false);
}

void
nd6_timer_set(struct nd_if *n, bool soon)
{
	uint64_t now = mp_now_ms(), prune = (uint64_t)SETTING(nd6_prune) * 1000, next, due, rs;

	ASSERT_CONTROL();
	if (n->timer == NULL)
		n->timer = evtimer_new(mp_base, timer_run, n);
	if (soon) {
		timer_in(n, 0);
		return;
	}
	due = nd6_router_expire(n, now);
	next = nd6_prefix_expire(n, now);
	due = next < due ? next : due;
	if (n->check)
		nd6_prefix_check(n);
	if (n->timer != NULL)
		evtimer_del(n->timer);
	next = nd6_temp_run(n, now); /* may ask for another round */
	due = next < due ? next : due;
	if (due != UINT64_MAX)
		due = (due + prune - 1) / prune * prune;
	rs = rs_run(n, now);
	due = rs < due ? rs : due;
	if (due == UINT64_MAX || (n->timer != NULL && evtimer_pending(n->timer, NULL)))
		return;
	due = due > now ? due - now : 0;
	timer_in(n, due < ND_DAY_MS ? due : ND_DAY_MS);
}

static void
look_run(evutil_socket_t fd, short what, void *arg)
{
	struct nd_if *n;

	ASSERT_CONTROL();
	LIST_FOREACH (n, &nd_ifs, list)
		if (n->check)
			nd6_prefix_check(n);
	nd6_router_select(look_failed);
	look_failed = false;
}

void
nd6_look_soon(bool failed)
{
	struct timeval now = {0, 0};

	ASSERT_CONTROL();
	look_failed |= failed;
	if (look_event == NULL)
		look_event = evtimer_new(mp_base, look_run, NULL);
	if (look_event != NULL)
		evtimer_add(look_event, &now);
}

/* Neighbours that are routers become known and are lost; a default route of somebody else's goes. */
static void
nd6_route_message(const struct rt_msg *msg)
{
	const struct nd_router *r;

	if (msg->family != AF_INET6 || TAILQ_EMPTY(&nd_routers))
		return;
	if (msg->plen == 0 && msg->type == RTMSG_DELETE) {
		nd6_router_default_gone();
		return;
	}
	if (msg->plen != 128 || !IN6_IS_ADDR_LINKLOCAL(&msg->dst.in6) ||
	    ((msg->flags & RTF_LLDATA) == 0 && msg->type != RTMSG_MISS))
		return;
	TAILQ_FOREACH (r, &nd_routers, list)
		if (r->ifp == msg->ifp && IN6_ARE_ADDR_EQUAL(&r->addr, &msg->dst.in6)) {
			nd_if_find(r->ifp)->check = true;
			nd6_look_soon(msg->type != RTMSG_ADD && r == nd6_router_installed());
		}
}

void
nd6_solicit_start(struct ifnet *ifp)
{
	struct nd_if *n;

	ASSERT_CONTROL();
	if (!neigh_if_running(ifp) || !nd_if_accepts(ifp) || (n = nd_if_get(ifp)) == NULL)
		return;
	n->rs_left = RS_COUNT;
	n->rs_waits = 0;
	n->rs_at = mp_now_ms() + neigh_random(RS_DELAY_MS);
	nd6_timer_set(n, false);
}

void
nd6_ifnet_up(struct ifnet *ifp)
{
	struct nd_if *n = nd_if_find(ifp);

	ASSERT_CONTROL();
	if (n != NULL)
		n->check = true;
	nd6_solicit_start(ifp);
	nd6_look_soon(false);
}

void
nd6_ifnet_down(struct ifnet *ifp)
{
	struct nd_if *n = nd_if_find(ifp);

	ASSERT_CONTROL();
	if (n == NULL)
		return;
	n->rs_left = 0;
	nd6_look_soon(false);
}

static void
nd6_solicit_all(void)
{
	struct ifnet *ifp;

	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		nd6_solicit_start(ifp);
}

/* A router learns nothing of other routers; what it knew of them goes, its addresses by their lifetimes. */
void
nd6_forwarding_changed(bool on)
{
	struct nd_if *n;

	ASSERT_CONTROL();
	if (!on) {
		nd6_solicit_all();
		return;
	}
	nd6_router_flush(NULL);
	LIST_FOREACH (n, &nd_ifs, list) {
		n->learned = (struct nd_values){0};
		nd_if_set_linkmtu(n, 0);
	}
	nd6_router_select(false);
}

static int
accept_changed(int old, int new)
{
	ASSERT_CONTROL();
	atomic_store_explicit(&nd6_accept_rtadv, new, memory_order_relaxed);
	if (new != 0)
		nd6_solicit_all();
	return 0;
}

static int
tempaddr_changed(int old, int new)
{
	struct nd_prefix *p;
	struct nd_if *n;

	ASSERT_CONTROL();
	atomic_store_explicit(&nd6_use_tempaddr, new, memory_order_relaxed);
	LIST_FOREACH (n, &nd_ifs, list) {
		TAILQ_FOREACH (p, &n->prefixes, list)
			p->temp_wanted |= new != 0;
		nd6_timer_set(n, true);
	}
	return 0;
}

static int
temppltime_changed(int old, int new)
{
	return new <= SETTING(nd6_tempvltime) ? 0 : -EINVAL;
}

static int
tempvltime_changed(int old, int new)
{
	return new >= SETTING(nd6_temppltime) ? 0 : -EINVAL;
}

const struct sysctl_setting nd6_settings[] = {
    {.name = "net.inet6.ip6.accept_rtadv",
	.value = &nd6_accept_rtadv,
	.min = 0,
	.max = 1,
	.initial = 0,
	.changed = accept_changed},
    {.name = "net.inet6.ip6.maxifprefixes", .value = &nd6_maxifprefixes, .max = ND_MAXPREFIXES, .initial = 16},
    {.name = "net.inet6.ip6.maxifdefrouters", .value = &nd6_maxifdefrouters, .max = ND_MAXROUTERS, .initial = 16},
    {.name = "net.inet6.ip6.use_tempaddr",
	.value = &nd6_use_tempaddr,
	.min = 0,
	.max = 1,
	.initial = 0,
	.changed = tempaddr_changed},
    {.name = "net.inet6.ip6.temppltime",
	.value = &nd6_temppltime,
	.min = 1,
	.max = 31536000,
	.initial = 86400,
	.changed = temppltime_changed},
    {.name = "net.inet6.ip6.tempvltime",
	.value = &nd6_tempvltime,
	.min = 1,
	.max = 31536000,
	.initial = 604800,
	.changed = tempvltime_changed},
    {.name = "net.inet6.ip6.prefer_tempaddr", .value = &ip6_prefer_tempaddr, .min = 0, .max = 1, .initial = 0},
    {.name = "net.inet6.icmp6.nd6_prune", .value = &nd6_prune, .min = 1, .max = 3600, .initial = 1},
    {.name = NULL},
};

int
nd6_init(void)
{
	ASSERT_CONTROL();
	return rt_listen(nd6_route_message);
}

/* => control, at the end */
void
nd6_timer_fini(void)
{
	ASSERT_CONTROL();
	if (look_event != NULL)
		event_free(look_event);
	look_event = NULL;
}
