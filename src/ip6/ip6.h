/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv6: what other folders may use. */
#ifndef SMPNET_IP6_H
#define SMPNET_IP6_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "mp/mp.h"
#include "pkt/pkt.h"

struct ifnet;

extern _Atomic int ip6_prefer_tempaddr; /* [a] net.inet6.ip6.prefer_tempaddr: temporary addresses as sources */

/* => control, at start, before the workers run; 0 or -errno */
int ip6_init(void);
/* => control, after the workers have stopped */
void ip6_fini(void);

/* => worker; packets with data at the IPv6 header, meta.iif and the link-level flags set.  Takes all. */
void ip6_input(struct worker *, struct pktvec *);
/*
 * => worker; packets of our own, complete with header: looked up, fragmented, sent.  Takes all.  A link-local or
 * multicast destination needs meta.oif.
 */
void ip6_output(struct worker *, struct pktvec *);

/* => control; the addresses of the interface changed, or it is being destroyed (if_dead) */
void ip6_ifaddr_changed(struct ifnet *);
/*
 * => control, from neighbour discovery; the next hop of a link-local neighbour whose link address is known;
 * NH_NOROUTE_INDEX: it is no more, which must be said before the next hop is released
 */
void ip6_linklocal_neighbour(const struct ifnet *, const struct in6_addr *, uint32_t nh);
/* => worker or control in a read section; the interface is a member of the group */
bool ip6_group_joined(const struct ifnet *, const struct in6_addr *);
/* => worker or control in a read section; a usable address of ours on the interface (link-local ones included) */
bool ip6_addr_is_ours(const struct ifnet *, const struct in6_addr *);

#endif
