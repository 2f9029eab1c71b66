/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of two IPv6 source addresses is the better one: the rules of RFC 6724, section 5.  Any thread. */
#ifndef SMPNET_IF_SELECT_H
#define SMPNET_IF_SELECT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define IF_SCOPE6_LINK 0x2

/* A candidate: usable, unicast, of a zone that the destination's packets may carry */
struct if_src6 {
	const struct in6_addr *addr;
	uint8_t plen;
	bool deprecated;
	bool outgoing;	/* of the interface that the packet leaves by */
	bool by_router; /* of a prefix that the next hop advertises (rule 5.5) */
	bool temporary;
};

/* => RFC 4007's scope of an address, as in the four bits of a multicast address */
unsigned if_scope6(const struct in6_addr *);
/*
 * => is a better than b for packets to dst?  False where the rules see no difference: the earlier one stays.
 * prefer_temporary: rule 7 (net.inet6.ip6.prefer_tempaddr).  There are no home addresses (rule 4).
 */
bool if_src6_better(
    const struct if_src6 *a, const struct if_src6 *b, const struct in6_addr *dst, bool prefer_temporary);

#endif
