/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of this folder share with one another. */
#ifndef SMPNET_IF_VAR_H
#define SMPNET_IF_VAR_H

#include "if/ifnet.h"

#include <jansson.h>

#define IF_MTU_MIN 42
#define IF_MTU_MAX 65535
#define LO_MTU	   33624

int if_txbuf_make(uint16_t index);
extern bool ifnet_closing; /* [c] ifnet_destroy_all ran: no interface is attached any more */

/* => control; "name" is PREFIX and a unit, nothing else; the kind, or NULL */
const struct if_kind *if_kind_of(const char *xname);
extern _Atomic int if_auto_linklocal; /* [a] net.inet6.ip6.auto_linklocal */
/* => control; could the interface have the address?  0 or if_addr_add's -errno */
int if_addr_check(const struct ifnet *, const struct ifaddr *);
/* => sets the broadcast address that goes without saying, where there is one */
void if_addr_default_broadcast(const struct ifnet *, struct ifaddr *);
void if_addr_remove(struct ifaddr *);
bool if_addr_lifetime(struct ifaddr *);
/* => the lower 64 bits from the link address (RFC 4291, appendix A) */
void if_addr_eui64(uint64_t lladdr, struct in6_addr *);
/* => control; a link address that the interface may use besides its own; 0, -EINVAL, -EOPNOTSUPP, -ENOMEM */
int if_lladdr_add(struct ifnet *, uint64_t);
/* => control; 0, -EBUSY (in use, or the device's own), -EADDRNOTAVAIL (there is none) */
int if_lladdr_delete(struct ifnet *, uint64_t);
void if_lladdr_delete_all(struct ifnet *);
void lo_transmit(struct worker *, struct ifnet *, struct rte_mbuf **, unsigned n);
int lo_create(const char *xname, char *err, size_t errlen);

json_t *if_json(struct ifnet *);

#endif
