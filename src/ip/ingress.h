/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What settings ask to be looked at in packets from wires, of both families: the reverse path of sources (uRPF, RFC 3704)
 * and documentation addresses.
 *
 * Synchronization: control writes ip_ingress and if_urpf, single words; a worker reads the first once per vector, and
 * nothing else while it is 0.
 */
#ifndef SMPNET_IP_INGRESS_H
#define SMPNET_IP_INGRESS_H

#include <netinet/in.h>

#include "mp/mp.h"
#include "pkt/pkt.h"

#define INGRESS_URPF 0x1 /* some interface has if_urpf set */
#define INGRESS_DOC4 0x2 /* net.inet.ip.dropdocaddrs */
#define INGRESS_DOC6 0x4 /* net.inet6.ip6.dropdocaddrs */

extern _Atomic uint32_t ip_ingress; /* [a] INGRESS_* */

/* => worker, once per vector; what there is to look at in a family: mostly nothing */
static inline uint32_t
ip_ingress_on(uint32_t family_bits)
{
	return atomic_load_explicit(&ip_ingress, memory_order_relaxed) & (INGRESS_URPF | family_bits);
}

/*
 * => worker; n packets with headers checked, dst[i] the destination of m[i]: those that are refused are dropped, the others
 * move together; returns how many they are
 */
unsigned ip_ingress4(struct worker *, struct rte_mbuf **m, uint32_t *dst, unsigned n, uint32_t on);
unsigned ip_ingress6(struct worker *, struct rte_mbuf **m, struct in6_addr *dst, unsigned n, uint32_t on);

#endif
