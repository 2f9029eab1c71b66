/* SPDX-License-Identifier: BSD-2-Clause */
/* Redirects of both families: what is accepted of others, and how. */
#ifndef SMPNET_REDIRECT_H
#define SMPNET_REDIRECT_H

#include "if/ifnet.h"
#include "mp/mp.h"

struct rte_mbuf;

extern _Atomic int icmp_rediraccept, icmp6_rediraccept; /* [a] settings */

/* => worker or control; hosts only: a router's ways are not for others to change */
bool redirect_accepted(int family);
/* => control; an ICMP redirect to us: data at the IPv4 header, l4off set, checksum right.  Takes it. */
void in_redirect_input(struct rte_mbuf *);
/*
 * => control; a redirect of the family whose fields have been checked, from a gateway on ifp's link: dst is reached by
 * gateway from now on (dst itself: it is on the link).  DROP_COUNT: it is honoured; else why not
 */
enum mp_drop redirect_honour(
    int family, struct ifnet *, const union in_any *from, const union in_any *dst, const union in_any *gateway);

#endif
