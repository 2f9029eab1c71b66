/* SPDX-License-Identifier: BSD-2-Clause */
/* Wire formats of neighbour discovery (RFC 4861 section 4).  All fields in network byte order. */
#ifndef SMPNET_ND_HDR_H
#define SMPNET_ND_HDR_H

#include <netinet/in.h>
#include <stdint.h>

#include "ether/ether.h"
#include "ip/ip_hdr.h"

struct nd_neighbor {		/* solicitation and advertisement */
	uint8_t type;		/* 0 */
	uint8_t code;		/* 1 */
	uint16_t sum;		/* 2 */
	uint8_t flags;		/* 4: of an advertisement */
	uint8_t reserved[3];	/* 5 */
	struct in6_addr target; /* 8 */
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct nd_neighbor) == 24, "neighbour message");

#define ND_RS_LEN 8 /* a router solicitation without options */

struct nd_lladdr_opt {
	uint8_t type;		     /* 0 */
	uint8_t len;		     /* 1: in units of eight octets */
	uint8_t addr[ETHER_ADDRLEN]; /* 2 */
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct nd_lladdr_opt) == 8, "link-layer address option");

struct nd_redirect {
	uint8_t type;		/* 0 */
	uint8_t code;		/* 1 */
	uint16_t sum;		/* 2 */
	uint8_t reserved[4];	/* 4 */
	struct in6_addr target; /* 8: the better first hop */
	struct in6_addr dst;	/* 24: what it is better for */
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct nd_redirect) == 40, "redirect");

struct nd_redirected_opt {   /* the packet follows */
	uint8_t type;	     /* 0 */
	uint8_t len;	     /* 1: in units of eight octets */
	uint8_t reserved[6]; /* 2 */
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct nd_redirected_opt) == 8, "redirected header option");

#define ND_OPT_SOURCE	  1
#define ND_OPT_TARGET	  2
#define ND_OPT_REDIRECTED 4

#endif
