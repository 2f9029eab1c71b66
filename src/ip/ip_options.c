/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 options: what a router and a destination do with them (RFC 791 section 3.1, RFC 1812 section 5.2.4). */
#include <string.h>

#include "ip/ip_var.h"

#define OPT_MINPTR  4
#define TS_MINPTR   5
#define TS_ONLY	    0
#define TS_AND_ADDR 1
#define TS_PRESPEC  3

/* The address of ours that a packet to dst leaves by; of several, of the interface that it would use */
static uint32_t
record_address(uint32_t dst, bool local)
{
	if (local)
		return IN4_MULTICAST(dst) || dst == IN4_BROADCAST ? in_own_get()->first : dst;
	const struct nexthop *nh = nexthop_get(fib_lookup4(dst));
	return ip_source_for(nh->nh_ifindex, dst);
}

/* Is the address a neighbour's, with no router between?  A strict source route goes from one to the next. */
static bool
on_link(uint32_t addr)
{
	const struct nexthop *nh = nexthop_get(fib_lookup4(addr));

	switch (nh->nh_type) {
	case NH_LOCAL:
	case NH_GLEAN:
		return true;
	case NH_UNRESOLVED:
	case NH_FORWARD:
	case NH_P2P:
		return nh->nh_addr.in4.s_addr == addr && nh->nh_family == AF_INET;
	default:
		return false;
	}
}

/* => a timestamp option of len octets (len >= 4): 0, or the offset of what is wrong in it */
static unsigned
timestamp(uint8_t *opt, unsigned len, uint32_t dst, bool local, uint32_t now_ms)
{
	unsigned ptr = opt[2], flag = opt[3] & 0x0f;
	uint32_t now = htonl(now_ms);
	uint32_t addr;

	if (ptr < TS_MINPTR)
		return 2;
	ptr--;
	if (ptr + 4 > len) { /* full: count it */
		if (opt[3] >> 4 == 15)
			return 3;
		opt[3] += 0x10;
		return 0;
	}
	switch (flag) {
	case TS_ONLY:
		memcpy(opt + ptr, &now, 4);
		opt[2] += 4;
		return 0;
	case TS_AND_ADDR:
		if (ptr + 8 > len)
			return 2;
		addr = record_address(dst, local);
		memcpy(opt + ptr, &addr, 4);
		memcpy(opt + ptr + 4, &now, 4);
		opt[2] += 8;
		return 0;
	case TS_PRESPEC:
		if (ptr + 8 > len)
			return 2;
		memcpy(&addr, opt + ptr, 4);
		if (in_own_has(in_own_get(), addr)) {
			memcpy(opt + ptr + 4, &now, 4);
			opt[2] += 8;
		}
		return 0;
	default:
		return 3;
	}
}

/* The packet goes to the source route's next address, in the place of which ours is written; false: it cannot */
static bool
source_route_hop(struct ipv4_h *ip, uint8_t *opt)
{
	uint32_t addr;

	memcpy(&addr, opt + opt[2] - 1, 4);
	if (addr == 0 || (*opt == IPV4_OPT_SSRR && !on_link(addr)))
		return false;
	ip->dst = addr;
	addr = record_address(addr, false);
	memcpy(opt + opt[2] - 1, &addr, 4);
	opt[2] += 4;
	return true;
}

enum ip_opt_verdict
ip_options(struct ipv4_h *ip, bool local, uint32_t now_ms, unsigned *where)
{
	uint8_t *start = (uint8_t *)ip, *end = start + IPV4_HLEN(ip);
	uint8_t *opt = start + sizeof(*ip);
	enum ip_opt_verdict verdict = IP_OPT_OK;
	uint32_t addr;
	unsigned bad;

	while (opt < end && *opt != IPV4_OPT_EOL) {
		if (*opt == IPV4_OPT_NOP) {
			opt++;
			continue;
		}
		unsigned room = (unsigned)(end - opt);
		if (room < 2) {
			bad = 0;
			goto refuse;
		}
		unsigned len = opt[1];
		if (len < 2 || len > room) {
			bad = 1;
			goto refuse;
		}
		switch (*opt) {
		case IPV4_OPT_RR:
			bad = len < 3 ? 1 : 2;
			if (len < 3 || opt[2] < OPT_MINPTR)
				goto refuse;
			if (opt[2] > len)
				break; /* full */
			if (opt[2] - 1u + 4 > len)
				goto refuse;
			addr = record_address(ip->dst, local);
			memcpy(opt + opt[2] - 1, &addr, 4);
			opt[2] += 4;
			break;
		case IPV4_OPT_TS:
			bad = len < 4 ? 1 : timestamp(opt, len, ip->dst, local, now_ms);
			if (bad != 0)
				goto refuse;
			break;
		case IPV4_OPT_LSRR:
		case IPV4_OPT_SSRR:
			if (!SETTING(ip_allowsrcrt)) {
				verdict = IP_OPT_REFUSED;
				goto done;
			}
			bad = len < 3 ? 1 : 2;
			if (len < 3 || opt[2] < OPT_MINPTR)
				goto refuse;
			if (!SETTING(ip_forwsrcrt) && (!local || opt[2] - 1u + 4 <= len)) {
				verdict = IP_OPT_SRCFAIL;
				goto done;
			}
			if (verdict == IP_OPT_REROUTE || (!local && *opt == IPV4_OPT_SSRR)) { /* a second; not a hop */
				verdict = IP_OPT_SRCFAIL;
				goto done;
			}
			if (!local)
				break; /* we are between two of its hops */
			for (; local && opt[2] - 1u + 4 <= len; verdict = IP_OPT_REROUTE) {
				if (!source_route_hop(ip, opt)) {
					verdict = IP_OPT_SRCFAIL;
					goto done;
				}
				local = in_own_has(in_own_get(), ip->dst);
			}
			break;
		}
		opt += len;
	}
done:
	ip_set_sum(ip);
	return verdict;
refuse:
	*where = (unsigned)(opt + bad - start);
	verdict = IP_OPT_BAD;
	goto done;
}

uint32_t
ip_options_reverse(struct ipv4_h *ip, uint32_t to)
{
	uint8_t *opt = (uint8_t *)ip + sizeof(*ip), *end = (uint8_t *)ip + IPV4_HLEN(ip);
	uint32_t first;

	while (opt < end && *opt != IPV4_OPT_EOL && (*opt == IPV4_OPT_NOP || end - opt >= 2)) {
		unsigned len = *opt == IPV4_OPT_NOP ? 1 : opt[1];

		if (len == 0 || len > (unsigned)(end - opt))
			break;
		if ((*opt != IPV4_OPT_LSRR && *opt != IPV4_OPT_SSRR) || len < 7 || opt[2] < OPT_MINPTR + 4 ||
		    opt[2] > len + 1u) {
			opt += len;
			continue;
		}
		unsigned n = (opt[2] - OPT_MINPTR) / 4u;
		uint8_t *list = opt + OPT_MINPTR - 1;

		memcpy(&first, list + (n - 1) * 4, 4);
		for (unsigned i = 0; i < (n - 1) / 2; i++) {
			uint8_t hop[4];

			memcpy(hop, list + i * 4, 4);
			memcpy(list + i * 4, list + (n - 2 - i) * 4, 4);
			memcpy(list + (n - 2 - i) * 4, hop, 4);
		}
		memcpy(list + (n - 1) * 4, &to, 4);
		opt[2] = OPT_MINPTR;
		return first;
	}
	return to;
}

unsigned
ip_options_copied(const struct ipv4_h *ip, uint8_t *to)
{
	const uint8_t *opt = (const uint8_t *)ip + sizeof(*ip), *end = (const uint8_t *)ip + IPV4_HLEN(ip);
	unsigned n = 0;

	while (opt < end && *opt != IPV4_OPT_EOL) {
		if (*opt == IPV4_OPT_NOP) {
			opt++;
			continue;
		}
		if (end - opt < 2 || opt[1] < 2 || opt[1] > end - opt)
			break;
		if (*opt & IPV4_OPT_COPIED) {
			memcpy(to + n, opt, opt[1]);
			n += opt[1];
		}
		opt += opt[1];
	}
	while (n & 3)
		to[n++] = IPV4_OPT_EOL;
	return n;
}
