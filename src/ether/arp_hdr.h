/* SPDX-License-Identifier: BSD-2-Clause */
/* Wire format of ARP for IPv4 on Ethernet (RFC 826).  All fields in network byte order. */
#ifndef SMPNET_ARP_HDR_H
#define SMPNET_ARP_HDR_H

#include <netinet/in.h>
#include <stdint.h>

#define ARP_HRD_IEEE802_3 1
#define ARP_OP_REQUEST	  1
#define ARP_OP_REPLY	  2

struct arp_ether {
	uint16_t ar_hrd;       /*  0 */
	uint16_t ar_pro;       /*  2 */
	uint8_t ar_hln;	       /*  4 */
	uint8_t ar_pln;	       /*  5 */
	uint16_t ar_op;	       /*  6 */
	uint8_t ar_sha[6];     /*  8 */
	struct in_addr ar_spa; /* 14 */
	uint8_t ar_tha[6];     /* 18 */
	struct in_addr ar_tpa; /* 24 */
} __attribute__((packed));
_Static_assert(sizeof(struct arp_ether) == 28, "ARP for IPv4 on Ethernet");

#endif
