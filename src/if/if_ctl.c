/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of interfaces: making, publishing, changing and destroying them.
 *
 * Synchronization: control only.  Workers see an interface from the release store into ifnet_table on; the single words
 * that change afterwards (flags, mtu, link state, link address) are atomic.
 * Lifetime: if_alloc makes, if_attach publishes, if_detach destroys in the order written above it.  An index is used
 * again, with the next generation, when its last holder is gone.
 */
#include "if/ifnet.h"
#include "ether/neigh.h"
#include "if/if_var.h"
#include "ip/group.h"
#include "ip/ip.h"
#include "ip6/ip6.h"
#include "ip6/rtadv.h"
#include "ip6/nd_if.h"
#include "route/route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ifnet_head ifnet_list = TAILQ_HEAD_INITIALIZER(ifnet_list);
bool ifnet_closing;

static uint8_t ifnet_gen[MP_MAXIF]; /* [c] generation of the index's present or last holder */
static bool ifnet_inuse[MP_MAXIF];  /* [c] from if_alloc until the holder is freed */

/*
 * => control, before an interface with the index is published: every worker has a transmit buffer for it
 */
int
if_txbuf_make(uint16_t index)
{
	ASSERT_CONTROL();
	for (unsigned i = 0; i < mp_nworkers; i++) {
		struct worker *w = mp_workers[i];

		if (w->txbuf[index] != NULL)
			continue;
		w->txbuf[index] = aligned_alloc(
		    MP_CACHELINE, (sizeof(struct mp_txbuf) + MP_CACHELINE - 1) / MP_CACHELINE * MP_CACHELINE);
		if (w->txbuf[index] == NULL)
			return -ENOMEM;
		memset(w->txbuf[index], 0, sizeof(struct mp_txbuf));
	}
	return 0;
}

/*
 * => control; an interface nobody else can see, or NULL (no memory, no index free)
 */
struct ifnet *
if_alloc(const char *xname, enum if_type type)
{
	struct ifnet *ifp;
	unsigned index;

	ASSERT_CONTROL();
	for (index = 1; index < MP_MAXIF && ifnet_inuse[index]; index++)
		;
	if (index == MP_MAXIF)
		return NULL;
	ifp = aligned_alloc(MP_CACHELINE, (sizeof(*ifp) + MP_CACHELINE - 1) / MP_CACHELINE * MP_CACHELINE);
	if (ifp == NULL)
		return NULL;
	memset(ifp, 0, sizeof(*ifp));
	ifp->if_stats = aligned_alloc(__alignof__(struct if_stats), (mp_nworkers + 1) * sizeof(struct if_stats));
	if (ifp->if_stats == NULL || if_txbuf_make(index) != 0) {
		free(ifp->if_stats);
		free(ifp);
		return NULL;
	}
	memset(ifp->if_stats, 0, (mp_nworkers + 1) * sizeof(struct if_stats));
	ifnet_inuse[index] = true;
	ifp->if_index = index;
	ifp->if_gen = ++ifnet_gen[index];
	ifp->if_type = type;
	ifp->if_mtu = 1500;
	snprintf(ifp->if_xname, sizeof(ifp->if_xname), "%s", xname);
	TAILQ_INIT(&ifp->if_addrs);
	TAILQ_INIT(&ifp->if_lladdrs);
	return ifp;
}

/*
 * => control; for an interface that was never attached
 */
void
if_free(struct ifnet *ifp)
{
	ASSERT_CONTROL();
	ifnet_inuse[ifp->if_index] = false;
	if_lladdr_delete_all(ifp);
	free(ifp->if_stats);
	free(ifp);
}

static uint64_t if_serial; /* [c] */

/* => control */
uint64_t
ifnet_serial(void)
{
	return if_serial;
}

/*
 * => control; publishes; 0 or -EEXIST (the name is taken)
 */
int
if_attach(struct ifnet *ifp)
{
	struct ifnet *other;

	ASSERT_CONTROL();
	if (ifnet_closing)
		return -ESHUTDOWN;
	if (ifnet_by_name(ifp->if_xname) != NULL)
		return -EEXIST;
	TAILQ_FOREACH (other, &ifnet_list, if_list)
		if (other->if_index > ifp->if_index)
			break;
	if (other != NULL)
		TAILQ_INSERT_BEFORE(other, ifp, if_list);
	else
		TAILQ_INSERT_TAIL(&ifnet_list, ifp, if_list);
	ifp->if_serial = ++if_serial;
	ifp->if_hwaddr = ifp->if_lladdr;
	atomic_store_explicit(&ifnet_table[ifp->if_index], ifp, memory_order_release);
	rt_notify_ifannounce(ifp, true);
	return 0;
}

static void
if_detach_finish(struct mp_deferred *d)
{
	struct ifnet *ifp = (struct ifnet *)((char *)d - offsetof(struct ifnet, if_deferred));

	ASSERT_CONTROL();
	if (ifp->if_detached != NULL)
		ifp->if_detached(ifp);
	if_free(ifp);
}

/* Nothing of neighbours and next hops names it any more. */
static void
if_detach_settled(struct ifnet *ifp)
{
	mp_defer(&ifp->if_deferred, if_detach_finish); /* 6, 7 */
}

/*
 * => control; destroys an attached interface, in any state, under traffic.  detached (may be NULL) runs on control
 * when no thread can hold the interface any more; it frees the softc, and the ifnet is freed after it.
 *
 * 1. Down: the device stops, duplicate address detection and neighbours stop, its routes leave the FIB.
 * 2. Its addresses go: connected and local routes with them.
 * 3. Routing lets go.
 * 4. Unlink and mark dead: no thread finds it by index or name any more.  The protocols' per-interface state goes.
 * 5. Neighbours go, many of them in slices, and next hops that still name the interface are replaced, the old ones freed
 *    after their own grace period.
 * 6. Grace period: workers that had looked it up have finished their loop.  Transmit buffers hold no packet of it,
 *    because if_flush() precedes each report of quiescence.
 * 7. What still waits in inboxes, in control's rings and at neighbours names it by index and generation, and is dropped
 *    when it is looked at (DROP_IF_GONE): nothing to drain here.  The index goes to a new interface only now.
 */
void
if_detach(struct ifnet *ifp, void (*detached)(struct ifnet *))
{
	ASSERT_CONTROL();
	(void)if_set_flags(ifp, 0, IFF_SMP_UP); /* 1 */
	if_addr_delete_all(ifp, AF_UNSPEC);	/* 2 */
	nd6_ifnet_detach(ifp);
	rt_ifnet_detach(ifp); /* 3 */
	rt_notify_ifannounce(ifp, false);
	atomic_store_explicit(&ifp->if_dead, true, memory_order_release); /* 4 */
	atomic_store_explicit(&ifnet_table[ifp->if_index], NULL, memory_order_release);
	TAILQ_REMOVE(&ifnet_list, ifp, if_list);
	ip_ifaddr_changed(ifp);
	ip6_ifaddr_changed(ifp);
	rtadv_ifnet_detach(ifp);
	in_group_detach(ifp);
	ifp->if_detached = detached;
	neigh_ifnet_detach(ifp, if_detach_settled); /* 5 */
}

/*
 * => control; NULL: there is none
 */
struct ifnet *
ifnet_by_name(const char *xname)
{
	struct ifnet *ifp;

	ASSERT_CONTROL();
	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		if (strcmp(ifp->if_xname, xname) == 0)
			return ifp;
	return NULL;
}

static int
if_up(struct ifnet *ifp)
{
	if (ifp->if_ops->up != NULL) {
		int error = ifp->if_ops->up(ifp);

		if (error != 0)
			return error;
	}
	atomic_fetch_or(&ifp->if_flags, IFF_SMP_UP | IFF_SMP_RUNNING);
	in_group_link(ifp); /* before duplicate address detection asks through a switch that snoops */
	rt_ifnet_up(ifp);
	if_addr_ifnet_up(ifp);
	nd6_ifnet_up(ifp);
	return 0;
}

static void
if_down(struct ifnet *ifp)
{
	rtadv_ifnet_down(ifp);
	atomic_fetch_and(&ifp->if_flags, ~(uint32_t)(IFF_SMP_UP | IFF_SMP_RUNNING));
	in_group_link(ifp);
	if_addr_ifnet_down(ifp);
	neigh_ifnet_down(ifp);
	rt_ifnet_down(ifp);
	nd6_ifnet_down(ifp);
	if (ifp->if_ops->down != NULL)
		ifp->if_ops->down(ifp);
}

/*
 * => control; of the flags, UP, DEBUG, NOARP and LINK0-2 are the caller's to change.  0 or the device's -errno, then
 * nothing has changed.
 */
int
if_set_flags(struct ifnet *ifp, uint32_t set, uint32_t clear)
{
	const uint32_t mine = IFF_SMP_DEBUG | IFF_SMP_NOARP | IFF_SMP_LINK0 | IFF_SMP_LINK1 | IFF_SMP_LINK2;
	bool up = ifp->if_flags & IFF_SMP_UP;

	ASSERT_CONTROL();
	if ((set & IFF_SMP_UP) && !up) {
		int error = if_up(ifp);

		if (error != 0)
			return error;
	} else if ((clear & IFF_SMP_UP) && up)
		if_down(ifp);
	atomic_fetch_or(&ifp->if_flags, set & mine);
	atomic_fetch_and(&ifp->if_flags, ~(clear & mine));
	return 0;
}

/*
 * => control; from the device, or for a change of media.  Addresses become detached while the link is down.
 */
void
if_link_state_change(struct ifnet *ifp, enum if_linkstate state)
{
	enum if_linkstate old = ifp->if_linkstate;

	ASSERT_CONTROL();
	if (old == state)
		return;
	atomic_store_explicit(&ifp->if_linkstate, state, memory_order_relaxed);
	if (ifp->if_dead)
		return;
	in_group_link(ifp);
	if (old == LINK_DOWN || state == LINK_DOWN)
		if_addr_link(ifp, state);
	if (old == LINK_DOWN)
		nd6_ifnet_up(ifp);
	else if (state == LINK_DOWN)
		nd6_ifnet_down(ifp);
	rtadv_ifaddr_changed(ifp);
	rt_notify_ifinfo(ifp);
}

static uint64_t
lladdr_word(const uint8_t lladdr[6])
{
	uint64_t word = 0;

	memcpy(&word, lladdr, 6);
	return word;
}

/*
 * => control; 0, -EOPNOTSUPP, -EINVAL (multicast or zero) or the device's -errno
 */
int
if_set_lladdr(struct ifnet *ifp, const uint8_t lladdr[6])
{
	ASSERT_CONTROL();
	if (ifp->if_type != IFT_SMP_ETHER)
		return -EOPNOTSUPP;
	if ((lladdr[0] & 1) || lladdr_word(lladdr) == 0)
		return -EINVAL;
	if (lladdr_word(lladdr) == ifp->if_lladdr)
		return 0;
	if (ifp->if_ops->set_lladdr != NULL) {
		int error = ifp->if_ops->set_lladdr(ifp, lladdr);

		if (error != 0)
			return error;
	}
	atomic_store_explicit(&ifp->if_lladdr, lladdr_word(lladdr), memory_order_relaxed);
	neigh_ifnet_changed(ifp);
	if_addr_lladdr(ifp);
	return 0;
}

/*
 * => control; octets of payload; 0, -EINVAL (out of the type's range) or the device's -errno
 */
int
if_set_mtu(struct ifnet *ifp, uint32_t mtu)
{
	ASSERT_CONTROL();
	if (mtu < IF_MTU_MIN || mtu > IF_MTU_MAX)
		return -EINVAL;
	if (mtu == ifp->if_mtu)
		return 0;
	if (ifp->if_ops->set_mtu != NULL) {
		int error = ifp->if_ops->set_mtu(ifp, mtu);

		if (error != 0)
			return error;
	}
	atomic_store_explicit(&ifp->if_mtu, mtu, memory_order_relaxed);
	neigh_ifnet_changed(ifp);
	rt_ifnet_mtu(ifp);
	ip_ifaddr_changed(ifp);
	ip6_ifaddr_changed(ifp);
	return 0;
}

static int
if_refcounted(struct ifnet *ifp, bool on, uint32_t *refs, uint32_t flag, int (*set)(struct ifnet *, bool))
{
	int error;

	MP_ASSERT(on || *refs > 0);
	if ((on && *refs > 0) || (!on && *refs > 1)) {
		*refs += on ? 1 : -1;
		return 0;
	}
	if (set != NULL && (error = set(ifp, on)) != 0 && on)
		return error;
	*refs += on ? 1 : -1;
	if (on)
		atomic_fetch_or(&ifp->if_flags, flag);
	else
		atomic_fetch_and(&ifp->if_flags, ~flag);
	return 0;
}

/*
 * => control; counted: the first one switches it on, the last one off.  0 or the device's -errno when switching on
 */
int
if_promisc(struct ifnet *ifp, bool on)
{
	ASSERT_CONTROL();
	return if_refcounted(ifp, on, &ifp->if_promisc_refs, IFF_SMP_PROMISC, ifp->if_ops->set_promisc);
}

int
if_allmulti(struct ifnet *ifp, bool on)
{
	ASSERT_CONTROL();
	return if_refcounted(ifp, on, &ifp->if_allmulti_refs, IFF_SMP_ALLMULTI, ifp->if_ops->set_allmulti);
}

/*
 * => control; the sum over all threads since the interface exists
 */
void
if_stats_sum(const struct ifnet *ifp, struct if_stats *sum)
{
	uint64_t *s = (uint64_t *)sum;

	memset(sum, 0, sizeof(*sum));
	for (unsigned i = 0; i <= mp_nworkers; i++) {
		const uint64_t *t = (const uint64_t *)&ifp->if_stats[i];

		for (unsigned k = 0; k < sizeof(*sum) / sizeof(*s); k++)
			s[k] += mp_read(&t[k]);
	}
	if (ifp->if_ops->add_stats != NULL)
		ifp->if_ops->add_stats(ifp, sum);
}

/*
 * => control; takes the frame
 */
void
if_ctl_transmit(struct ifnet *ifp, struct rte_mbuf *m)
{
	struct pktmeta *meta = pkt_meta(m);

	ASSERT_CONTROL();
	meta->oif = ifp->if_index;
	meta->oifgen = ifp->if_gen;
	meta->stage = PKT_IF_TRANSMIT;
	mp_handoff(mp_control(), mp_workers[ifp->if_txworker], &m, 1);
}

/* Do the interfaces that a packet names still exist?  It waited in a ring. */
static bool
if_meta_live(const struct pktmeta *meta)
{
	struct ifnet *ifp;

	if (meta->iif != 0 && ((ifp = ifnet_get(meta->iif)) == NULL || ifp->if_gen != meta->iifgen))
		return false;
	if (meta->stage == PKT_IF_TRANSMIT && ((ifp = ifnet_get(meta->oif)) == NULL || ifp->if_gen != meta->oifgen))
		return false;
	return true;
}

/*
 * => control, at start, before mp_run; 0 or -errno
 */
int
ifnet_init(void)
{
	ASSERT_CONTROL();
	ifnet_closing = false;
	lines_table(ifnet_table, sizeof(ifnet_table), "ifnet_table");
	pkt_stage_register(PKT_IF_TRANSMIT, if_transmit);
	pkt_stage_check(if_meta_live);
	for (unsigned i = 0; i < mp_nworkers; i++) {
		struct worker *w = mp_workers[i];

		if (w->txbuf == NULL && (w->txbuf = calloc(MP_MAXIF, sizeof(w->txbuf[0]))) == NULL)
			return -ENOMEM;
		if (w->rx == NULL && (w->rx = lines_zalloc(sizeof(*w->rx))) == NULL)
			return -ENOMEM;
	}
	return 0;
}

/*
 * => control, when no interface is left (ifnet_destroy_all, and its grace periods): no worker has a transmit buffer in
 * use then, though it may still run
 */
void
ifnet_fini(void)
{
	if (!TAILQ_EMPTY(&ifnet_list) || mp_deferred_pending() > 0)
		return; /* a device that does not come back: the process ends anyway */
	for (unsigned i = 0; i < mp_nworkers; i++) {
		struct worker *w = mp_workers[i];

		if (w == NULL || w->txbuf == NULL)
			continue;
		for (unsigned k = 0; k < MP_MAXIF; k++)
			free(w->txbuf[k]);
		free(w->txbuf);
		w->txbuf = NULL;
		free(w->rx);
		w->rx = NULL;
	}
}
