/* SPDX-License-Identifier: BSD-2-Clause */
/* Router advertisements taken apart (RFC 4861 sections 4.2, 4.6, 6.1.2; RFC 4191 section 2.2; RFC 8106 section 5.1). */
#include "ip6/nd6_ra.h"

#include <string.h>

#include "ether/nd_hdr.h"
#include "ip6/ip6_var.h"

#define ND_RA_LEN	 16 /* without options */
#define ND_OPT_PREFIX	 3
#define ND_OPT_MTU	 5
#define ND_OPT_RDNSS	 25
#define ND_PREFIX_ONLINK 0x80
#define ND_PREFIX_AUTO	 0x40

static uint32_t
get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t
get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/* A prefix that makes no sense is passed over, alone (RFC 4861 section 6.3.4, RFC 4862 section 5.5.3). */
static void
ra_prefix(const uint8_t *opt, struct nd_ra *ra)
{
	struct nd_ra_prefix *p = &ra->prefix[ra->nprefixes];

	if (ra->nprefixes == ND_RA_MAXPREFIX)
		return;
	*p = (struct nd_ra_prefix){.plen = opt[2],
	    .onlink = (opt[3] & ND_PREFIX_ONLINK) != 0,
	    .autoconf = (opt[3] & ND_PREFIX_AUTO) != 0,
	    .valid = get32(opt + 4),
	    .preferred = get32(opt + 8),
	    .prefix = in6_get(opt + 16)};
	if (p->plen > 128 || p->plen == 0 || IN6_MULTICAST(&p->prefix) || IN6_LINKLOCAL(&p->prefix) ||
	    p->preferred > p->valid)
		return;
	for (unsigned i = p->plen; i < 128; i++)
		p->prefix.s6_addr[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	if (IN6_IS_ADDR_UNSPECIFIED(&p->prefix) || IN6_IS_ADDR_LOOPBACK(&p->prefix) || IN6_IS_ADDR_V4MAPPED(&p->prefix))
		return;
	ra->nprefixes++;
}

static void
ra_rdnss(const uint8_t *opt, unsigned len, struct nd_ra *ra)
{
	ra->rdnss_lifetime = get32(opt + 4);
	for (unsigned off = 8; off + 16 <= len && ra->nrdnss < ND_RA_MAXRDNSS; off += 16) {
		struct in6_addr a = in6_get(opt + off);

		if (!IN6_MULTICAST(&a) && !IN6_IS_ADDR_UNSPECIFIED(&a))
			ra->rdnss[ra->nrdnss++] = a;
	}
}

static const char *
ra_option(const uint8_t *opt, unsigned len, struct nd_ra *ra)
{
	switch (opt[0]) {
	case ND_OPT_SOURCE:
		if (len != 8)
			return "router advertisement with a link address of odd length";
		if (ether_is_group(opt + 2) || ether_addr_word(opt + 2) == 0)
			return "router advertisement with a group's link address";
		ra->lladdr = opt + 2;
		break;
	case ND_OPT_PREFIX:
		if (len != 32)
			return "router advertisement with a prefix of odd length";
		ra_prefix(opt, ra);
		break;
	case ND_OPT_MTU:
		if (len != 8)
			return "router advertisement with an MTU of odd length";
		ra->mtu = get32(opt + 4);
		break;
	case ND_OPT_RDNSS:
		if (len < 24 || (len - 8) % 16 != 0)
			return "router advertisement with resolvers of odd length";
		ra_rdnss(opt, len, ra);
		break;
	default: /* what is not known is passed over */
		break;
	}
	return NULL;
}

const char *
nd6_ra_parse(const uint8_t *msg, unsigned len, struct nd_ra *ra)
{
	memset(ra, 0, sizeof(*ra));
	if (len < ND_RA_LEN)
		return "short router advertisement";
	ra->hlim = msg[4];
	ra->flags = msg[5] & (ND_RA_F_MANAGED | ND_RA_F_OTHER);
	ra->lifetime = (uint16_t)get16(msg + 6);
	ra->reachable = get32(msg + 8);
	ra->retrans = get32(msg + 12);
	switch (msg[5] >> 3 & 3) {
	case 1:
		ra->preference = 1;
		break;
	case 3:
		ra->preference = -1;
		break;
	default: /* medium, and the reserved value, which is to be taken for it */
		break;
	}
	for (unsigned off = ND_RA_LEN; off < len;) {
		unsigned optlen = len - off >= 2 ? msg[off + 1] * 8u : 0;
		const char *bad;

		if (optlen == 0)
			return "router advertisement with an option of length 0";
		if (optlen > len - off)
			return "router advertisement with an option cut short";
		bad = ra_option(msg + off, optlen, ra);
		if (bad != NULL)
			return bad;
		off += optlen;
	}
	return NULL;
}

uint32_t
nd6_valid_lifetime(uint32_t left, uint32_t advertised)
{
	if (advertised > ND_RA_TWO_HOURS || advertised > left)
		return advertised;
	return left <= ND_RA_TWO_HOURS ? left : ND_RA_TWO_HOURS;
}
