/* SPDX-License-Identifier: BSD-2-Clause */
/* Ethernet: frames in, frames out, addresses. */
#ifndef SMPNET_ETHER_H
#define SMPNET_ETHER_H

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "pkt/pkt.h"

struct ifnet;

#define ETHER_HDRLEN   14
#define ETHER_TAGLEN   4
#define ETHER_ADDRLEN  6
#define ETHER_MAXLLC   1500 /* up to here the type field is a length (IEEE 802.3) */
#define ETHER_MINTYPE  1536
#define ETHER_T_IP     0x0800
#define ETHER_T_ARP    0x0806
#define ETHER_T_VLAN   0x8100
#define ETHER_T_QINQ   0x88a8
#define ETHER_T_IP6    0x86dd
#define ETHER_ADDRBITS ((UINT64_C(1) << 48) - 1)

struct ether_hdr {
	uint8_t eh_dst[ETHER_ADDRLEN]; /* 0 */
	uint8_t eh_src[ETHER_ADDRLEN]; /* 6 */
	uint16_t eh_type;	       /* 12, network order */
} __attribute__((packed));
_Static_assert(sizeof(struct ether_hdr) == ETHER_HDRLEN, "Ethernet header");

struct ether_tag {	  /* what follows the type 0x8100 */
	uint16_t et_tci;  /* 0: priority 3, DEI 1, VID 12 */
	uint16_t et_type; /* 2 */
} __attribute__((packed));

static inline bool
ether_is_group(const uint8_t *addr)
{
	return (addr[0] & 1) != 0;
}

/* Six octets as ifnet's if_lladdr holds them: in memory order, in the low end. */
static inline uint64_t
ether_addr_word(const uint8_t *addr)
{
	uint64_t a = 0;

	memcpy(&a, addr, ETHER_ADDRLEN);
	return a;
}

static inline void
ether_addr_bytes(uint64_t word, uint8_t *addr)
{
	memcpy(addr, &word, ETHER_ADDRLEN);
}

/* The group address for an IPv4 multicast address (RFC 1112 section 6.4) */
static inline void
ether_map_ip4_multicast(struct in_addr in, uint8_t *addr)
{
	uint32_t a = ntohl(in.s_addr);

	addr[0] = 0x01;
	addr[1] = 0x00;
	addr[2] = 0x5e;
	addr[3] = (a >> 16) & 0x7f;
	addr[4] = (a >> 8) & 0xff;
	addr[5] = a & 0xff;
}

/* The group address for an IPv6 multicast address (RFC 2464 section 7) */
static inline void
ether_map_ip6_multicast(const struct in6_addr *in6, uint8_t *addr)
{
	addr[0] = addr[1] = 0x33;
	memcpy(addr + 2, &in6->s6_addr[12], 4);
}

/*
 * => worker; frames just received, of one interface or several, whose metadata if_input has set (iif, iifgen, flags).
 *    Takes all.
 *    IP packets go on with the Ethernet header cut off (l2_len octets before the data), ARP to control.
 */
void ether_input(struct worker *, struct pktvec *);
/*
 * => worker; IP packets that fit their next hop's MTU, meta.nh a FORWARD next hop.  Takes all: prepends the next hop's
 *    link header and hands over to if_transmit.
 */
void ether_output(struct worker *, struct pktvec *);

#endif
