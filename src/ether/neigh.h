/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Neighbours of both families (ARP, neighbour discovery) and duplicate address detection, as other folders see them.
 * neigh_get_nexthop() is declared in route/route.h.
 */
#ifndef SMPNET_NEIGH_H
#define SMPNET_NEIGH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "if/ifnet.h"
#include "mp/mp.h"

struct rte_mbuf;

/* => control, at start, after route_init; 0 or -errno */
int neigh_init(void);
/* => control, after the workers have stopped */
void neigh_fini(void);

/*
 * => worker; a packet (data at the IP header) whose next hop is UNRESOLVED (meta.nh), GLEAN (meta.nh; the neighbour is
 *    the destination), or, for an IPv6 link-local destination, meta.nh 0 and meta.oif.  Takes it: to control, under the
 *    class's rate limit, and without repeating itself while the neighbour is being resolved.
 */
void neigh_resolve(struct worker *, struct rte_mbuf *);

/*
 * => control; a packet of our own (data at the IP header) to a destination on the interface's link: a neighbour, a
 *    multicast group, a broadcast address.  Takes it: sent, kept until the neighbour is resolved, or dropped.
 */
void neigh_ctl_output(struct ifnet *, int family, const union in_any *dst, struct rte_mbuf *);

/*
 * Duplicate address detection.
 * => control; a tentative address on an interface that is up: if_addr_dad_done() follows, at once where there is
 * nothing to detect (dad_count 0, not Ethernet), else after the probes.
 */
void neigh_ifaddr_start_dad(struct ifaddr *);
/* => control; the address goes away, or its interface went down: no call back */
void neigh_ifaddr_stop_dad(struct ifaddr *);
/* => control; gratuitous ARP or unsolicited neighbour advertisement, if the interface is up */
void neigh_ifaddr_announce(struct ifaddr *);

/* => control; the interface went down: its entries go, static ones too */
void neigh_ifnet_down(struct ifnet *);
/*
 * => control; the interface is being destroyed, and dead: done follows, at once or later, when no next hop names it any
 *    more; it must not be freed before
 */
void neigh_ifnet_detach(struct ifnet *, void (*done)(struct ifnet *));
/* => control; some neighbours of interfaces that went are still there */
bool neigh_flush_pending(void);
/* => control; its link address is known and believed, if not proven (RFC 4861: not incomplete) */
bool neigh_known(const struct ifnet *, int family, const union in_any *);
/* => control; link address or MTU changed: next hops are built again */
void neigh_ifnet_changed(struct ifnet *);

/* => control; the IPv6 addresses that are answered for on the interface, up to max of them into out; how many there are */
unsigned neigh_published6(const struct ifnet *, struct in6_addr *out, unsigned max);

/*
 * => control; emits "arp -s" and "ndp -s" lines of static entries, in the order of neigh.list, from the place on (all
 * zero: the beginning) until the slice is over (mp/slice.h): true if that was the last; else place is where to go on.
 * neigh_save_free: at the end, or when the rest is not wanted
 */
struct neigh_pick;
struct neigh_save {
	struct neigh_pick *pick; /* what was found and not emitted */
	char after[64];		 /* the last one emitted, as neigh.list's next */
};
bool neigh_config_save(struct neigh_save *place, void (*line)(void *, const char *), void *arg);
void neigh_save_free(struct neigh_save *);

/* => control; how many neighbours of the family are in the state, from 0; *name is the state's, NULL: no more states */
unsigned neigh_count(int family, unsigned state, const char **name);

#endif
