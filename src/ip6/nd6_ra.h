/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Router advertisements as they come (RFC 4861 section 4.2): the message taken apart, and the rules about lifetimes.
 *
 * Synchronization: none; pure functions on the caller's memory.
 * Lifetime: what nd6_ra_parse fills are copies, but for the link address.
 */
#ifndef SMPNET_ND6_RA_H
#define SMPNET_ND6_RA_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define ND_RA_MAXPREFIX	   32 /* options of a message that are looked at */
#define ND_RA_MAXRDNSS	   4  /* resolvers that are kept */
#define ND_RA_F_MANAGED	   0x80
#define ND_RA_F_OTHER	   0x40
#define ND_RA_INFINITE	   UINT32_MAX
#define ND_RA_TWO_HOURS	   7200
#define ND_RA_MAXREACHABLE 3600000 /* ms, RFC 4861 section 6.2.1 */

struct nd_ra_prefix {
	struct in6_addr prefix; /* the bits behind plen are 0 */
	uint8_t plen;
	bool onlink, autoconf;
	uint32_t valid, preferred; /* s */
};

struct nd_ra {
	uint8_t hlim;
	uint8_t flags;	       /* ND_RA_F_* */
	int8_t preference;     /* -1 low, 0 medium, 1 high (RFC 4191) */
	uint16_t lifetime;     /* s; 0: no default router */
	uint32_t reachable;    /* ms, 0: not said */
	uint32_t retrans;      /* ms, 0: not said */
	uint32_t mtu;	       /* 0: not said */
	const uint8_t *lladdr; /* the source link address, or NULL */
	unsigned nprefixes, nrdnss;
	uint32_t rdnss_lifetime; /* s */
	struct nd_ra_prefix prefix[ND_RA_MAXPREFIX];
	struct in6_addr rdnss[ND_RA_MAXRDNSS];
};

/* => the ICMPv6 message of len octets; NULL, or why it is bad (RFC 4861 section 6.1.2: then all of it is) */
const char *nd6_ra_parse(const uint8_t *msg, unsigned len, struct nd_ra *);
/*
 * => what is left of the valid lifetime of an address when a router advertises another (RFC 4862 section 5.5.3 e);
 * seconds, ND_RA_INFINITE: for ever
 */
uint32_t nd6_valid_lifetime(uint32_t left, uint32_t advertised);

#endif
