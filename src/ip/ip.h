/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4: what other folders may use. */
#ifndef SMPNET_IP_H
#define SMPNET_IP_H

#include <stdbool.h>
#include <stdint.h>

#include "mp/mp.h"
#include "pkt/pkt.h"

struct ifnet;

/* => control, at start, before the workers run; 0 or -errno */
int ip_init(void);
/* => control, after the workers have stopped */
void ip_fini(void);

/* => worker; packets with data at the IPv4 header, meta.iif and the link-level flags set.  Takes all. */
void ip_input(struct worker *, struct pktvec *);
/* => worker; packets of our own, complete with header: looked up, fragmented if allowed, sent.  Takes all. */
void ip_output(struct worker *, struct pktvec *);
/* => worker; packets of either family whose meta.nh is chosen: dispatched by the next hop's type.  Takes all. */
void nh_output(struct worker *, struct pktvec *);

/* => control; the addresses of the interface changed, or it is being destroyed (if_dead) */
void ip_ifaddr_changed(struct ifnet *);
/* => worker or control in a read section; the interface is a member of the group */
bool ip_group_joined(const struct ifnet *, uint32_t group);
/* => control; a packet of either family (data at the IP header) whose neighbour did not answer.  Takes it. */
void icmp_ctl_unreachable(struct rte_mbuf *);

#endif
