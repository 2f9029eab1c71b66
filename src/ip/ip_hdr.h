/* SPDX-License-Identifier: BSD-2-Clause */
/* Wire formats of IPv4, IPv6, ICMP, ICMPv6, UDP and the extension headers.  All fields in network byte order. */
#ifndef SMPNET_IP_HDR_H
#define SMPNET_IP_HDR_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>

struct ipv4_h {
	uint8_t vihl;  /*  0: version, header length in words */
	uint8_t tos;   /*  1 */
	uint16_t len;  /*  2: whole datagram */
	uint16_t id;   /*  4 */
	uint16_t off;  /*  6: flags, offset in units of 8 */
	uint8_t ttl;   /*  8 */
	uint8_t proto; /*  9 */
	uint16_t sum;  /* 10 */
	uint32_t src;  /* 12 */
	uint32_t dst;  /* 16 */
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct ipv4_h) == 20, "IPv4 header");

#define IPV4_VIHL	0x45
#define IPV4_DF		0x4000
#define IPV4_MF		0x2000
#define IPV4_OFFMASK	0x1fff
#define IPV4_MAXPACKET	65535
#define IPV4_MAXTTL	255
#define IPV4_HLEN(ip)	(((ip)->vihl & 0x0fu) << 2)
#define IPV4_OPT_EOL	0
#define IPV4_OPT_NOP	1
#define IPV4_OPT_RR	7
#define IPV4_OPT_TS	68
#define IPV4_OPT_LSRR	131
#define IPV4_OPT_SSRR	137
#define IPV4_OPT_COPIED 0x80

struct ipv6_h {
	uint32_t flow;	     /*  0: version, class, label */
	uint16_t plen;	     /*  4: what follows this header */
	uint8_t nxt;	     /*  6 */
	uint8_t hlim;	     /*  7 */
	struct in6_addr src; /*  8 */
	struct in6_addr dst; /* 24 */
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct ipv6_h) == 40, "IPv6 header");

#define IPV6_MINMTU 1280

struct icmp_h {	      /* both families */
	uint8_t type; /* 0 */
	uint8_t code; /* 1 */
	uint16_t sum; /* 2 */
	union {
		uint32_t info; /* 4: pointer, gateway, MTU */
		struct {
			uint16_t id;  /* 4 */
			uint16_t seq; /* 6 */
		};
	};
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct icmp_h) == 8, "ICMP header");

enum {
	ICMP4_ECHOREPLY = 0,
	ICMP4_UNREACH = 3,
	ICMP4_REDIRECT = 5,
	ICMP4_ECHO = 8,
	ICMP4_TIMXCEED = 11,
	ICMP4_PARAMPROB = 12,
	ICMP4_TSTAMP = 13,
	ICMP4_TSTAMPREPLY = 14,
	ICMP4_MAXTYPE = 18,
	/* codes */
	ICMP4_UNREACH_NET = 0,
	ICMP4_UNREACH_HOST = 1,
	ICMP4_UNREACH_PROTOCOL = 2,
	ICMP4_UNREACH_PORT = 3,
	ICMP4_UNREACH_NEEDFRAG = 4,
	ICMP4_UNREACH_SRCFAIL = 5,
	ICMP4_UNREACH_NET_PROHIB = 9,
	ICMP4_REDIRECT_HOST = 1,
	ICMP4_TIMXCEED_INTRANS = 0,
	ICMP4_TIMXCEED_REASS = 1,
};

enum {
	ICMP6_T_UNREACH = 1,
	ICMP6_T_TOOBIG = 2,
	ICMP6_T_TIMXCEED = 3,
	ICMP6_T_PARAMPROB = 4,
	ICMP6_T_INFO = 128, /* from here on: informational */
	ICMP6_T_ECHO = 128,
	ICMP6_T_ECHOREPLY = 129,
	ICMP6_T_MLDQUERY = 130,
	ICMP6_T_MLDREPORT = 131,
	ICMP6_T_MLDDONE = 132,
	ICMP6_T_RS = 133,
	ICMP6_T_RA = 134,
	ICMP6_T_NS = 135,
	ICMP6_T_NA = 136,
	ICMP6_T_REDIRECT = 137,
	ICMP6_T_MLD2REPORT = 143,
	/* codes */
	ICMP6_UNREACH_NOROUTE = 0,
	ICMP6_UNREACH_ADMIN = 1,
	ICMP6_UNREACH_SCOPE = 2,
	ICMP6_UNREACH_ADDR = 3,
	ICMP6_UNREACH_PORT = 4,
	ICMP6_TIMXCEED_HOPS = 0,
	ICMP6_TIMXCEED_REASS = 1,
	ICMP6_PARAM_HEADER = 0,
	ICMP6_PARAM_NEXTHDR = 1,
	ICMP6_PARAM_OPTION = 2,
	ICMP6_PARAM_CHAIN = 3, /* RFC 7112 */
};

struct udp_h {
	uint16_t sport; /* 0 */
	uint16_t dport; /* 2 */
	uint16_t len;	/* 4 */
	uint16_t sum;	/* 6 */
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct udp_h) == 8, "UDP header");

struct ip6_ext_h {    /* hop-by-hop, destination options, routing */
	uint8_t nxt;  /* 0 */
	uint8_t len;  /* 1: in units of 8, less the first 8 */
	uint8_t type; /* 2: routing type, or the first option's type */
	uint8_t left; /* 3: segments left, or the first option's length */
} __attribute__((packed, aligned(2)));

struct ip6_frag_h {
	uint8_t nxt;	  /* 0 */
	uint8_t reserved; /* 1 */
	uint16_t off;	  /* 2: offset in octets (low three bits clear), bit 0: more */
	uint32_t id;	  /* 4 */
} __attribute__((packed, aligned(2)));
_Static_assert(sizeof(struct ip6_frag_h) == 8, "IPv6 fragment header");

/* The two low bits of type of service and traffic class (RFC 3168) */
#define IP_ECN_MASK 3
#define IP_ECN_NONE 0 /* the transport does not take marks */
#define IP_ECN_CE   3 /* congestion experienced */

#define IP6_FRAG_OFFMASK 0xfff8
#define IP6_FRAG_MORE	 0x0001

#endif
