/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Neighbour discovery's variables of each interface (RFC 4861 sections 6.3.2, 10), and what a host does with router
 * advertisements, as other folders see it.
 *
 * Synchronization: control only.
 * Lifetime: the variables live as long as their interface, and are valid until the next change of it.
 */
#ifndef SMPNET_ND_IF_H
#define SMPNET_ND_IF_H

#include <stdbool.h>
#include <stdint.h>

#include "if/ifnet.h"

struct rte_mbuf;

/* nd_ifinfo.flags, NetBSD's ND6_IFF_* */
#define ND_IF_PERFORMNUD     0x01 /* nud: neighbours in use are probed */
#define ND_IF_ACCEPT_RTADV   0x02 /* router advertisements, where net.inet6.ip6.accept_rtadv allows them */
#define ND_IF_PREFER_SOURCE  0x04
#define ND_IF_OVERRIDE_RTADV 0x10 /* ... and where it does not */
#define ND_IF_AUTO_LINKLOCAL 0x20

struct nd_ifinfo {		/* [c] all */
	uint32_t linkmtu;	/* advertised, 0: none was */
	uint32_t curhlim;	/* of our own packets */
	uint32_t basereachable; /* ms */
	uint32_t reachable;	/* ms, between half and one and a half of it, chosen anew every few hours */
	uint32_t retrans;	/* ms */
	uint32_t flags;		/* ND_IF_* */
};

/* => control; of any interface, never NULL */
const struct nd_ifinfo *nd_ifinfo(const struct ifnet *);
/* => control; the MTU that our own IPv6 packets have on the link: the interface's, or the advertised one if that is less */
uint32_t nd_if_mtu(const struct ifnet *);

/* => control; the hop limit that was advertised or set for the interface, 0: none */
uint32_t nd_if_hlim(const struct ifnet *);
/* => control, at start and at the end; 0 or -errno */
int nd6_init(void);
void nd6_fini(void);
/* => control; a router advertisement: data at the IPv6 header, contiguous, meta.l4off set, hop limit and checksum checked.
 * Takes it. */
void nd6_ra_input(struct rte_mbuf *);
/* => control; the interface, or its link, went up or down; it is being destroyed */
void nd6_ifnet_up(struct ifnet *);
void nd6_ifnet_down(struct ifnet *);
void nd6_ifnet_detach(struct ifnet *);
/* => control; an address of the interface goes: it is out of the list, and freed after the return */
void nd6_ifaddr_gone(struct ifaddr *);
/* => control; does the router advertise the prefix that the address was made of? */
bool nd6_ifaddr_by_router(const struct ifaddr *, const struct in6_addr *router);
/* => control; another host has the address */
void nd6_ifaddr_duplicated(struct ifaddr *);
/* => control; the neighbour says that it is no router any more */
void nd6_not_router(struct ifnet *, const struct in6_addr *);
/* => control; the setting is stored already */
void nd6_forwarding_changed(bool on);
/* => control; emits "ndp -i" lines of what was set by hand (config.save) */
void nd6_config_save(void (*line)(void *, const char *), void *arg);

#endif
