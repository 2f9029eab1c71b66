/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of two IPv6 source addresses is the better one (RFC 6724): no state, any thread. */
#include "if/if_select.h"

#include <string.h>

#define SCOPE_SITE   0x5
#define SCOPE_GLOBAL 0xe

/* RFC 6724, section 2.1: the labels of the default policy table, longest prefix first */
static const struct {
	struct in6_addr prefix;
	uint8_t plen, label;
} policies[] = {
    {{{{[15] = 1}}}, 128, 0},
    {{{{[10] = 0xff, [11] = 0xff}}}, 96, 4},
    {{{{0}}}, 96, 3},
    {{{{0x20, 0x01}}}, 32, 5},
    {{{{0x20, 0x02}}}, 16, 2},
    {{{{0x3f, 0xfe}}}, 16, 12},
    {{{{0xfe, 0xc0}}}, 10, 11},
    {{{{0xfc}}}, 7, 13},
};
#define LABEL_ANY 1 /* ::/0 */

unsigned
if_scope6(const struct in6_addr *a)
{
	if (IN6_IS_ADDR_MULTICAST(a))
		return a->s6_addr[1] & 0xf;
	if (IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_LOOPBACK(a))
		return IF_SCOPE6_LINK;
	if (IN6_IS_ADDR_SITELOCAL(a))
		return SCOPE_SITE;
	return SCOPE_GLOBAL;
}

/* How many leading bits two addresses have in common, at most limit */
static unsigned
common_prefix(const struct in6_addr *a, const struct in6_addr *b, unsigned limit)
{
	unsigned n = 0;

	while (n < 128 && a->s6_addr[n / 8] == b->s6_addr[n / 8])
		n += 8;
	if (n < 128)
		n += (unsigned)__builtin_clz((uint32_t)(a->s6_addr[n / 8] ^ b->s6_addr[n / 8]) << 24);
	return n < limit ? n : limit;
}

static unsigned
label_of(const struct in6_addr *a)
{
	for (unsigned i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		if (common_prefix(a, &policies[i].prefix, 128) >= policies[i].plen)
			return policies[i].label;
	return LABEL_ANY;
}

bool
if_src6_better(const struct if_src6 *a, const struct if_src6 *b, const struct in6_addr *dst, bool prefer_temporary)
{
	unsigned scope = if_scope6(dst), scope_a = if_scope6(a->addr), scope_b = if_scope6(b->addr), label;
	bool x, y;

	x = IN6_ARE_ADDR_EQUAL(a->addr, dst); /* rule 1: same address */
	y = IN6_ARE_ADDR_EQUAL(b->addr, dst);
	if (x != y)
		return x;
	if (scope_a < scope_b) /* rule 2: appropriate scope */
		return scope_a >= scope;
	if (scope_b < scope_a)
		return scope_b < scope;
	if (a->deprecated != b->deprecated) /* rule 3: avoid deprecated addresses */
		return b->deprecated;
	if (a->outgoing != b->outgoing) /* rule 5: outgoing interface */
		return a->outgoing;
	if (a->by_router != b->by_router) /* rule 5.5: a prefix of the next hop */
		return a->by_router;
	label = label_of(dst); /* rule 6: matching label */
	x = label_of(a->addr) == label;
	y = label_of(b->addr) == label;
	if (x != y)
		return x;
	if (a->temporary != b->temporary) /* rule 7: temporary addresses, or the others */
		return a->temporary == prefer_temporary;
	/* rule 8: longest matching prefix, interface identifiers left out */
	return common_prefix(a->addr, dst, a->plen) > common_prefix(b->addr, dst, b->plen);
}
