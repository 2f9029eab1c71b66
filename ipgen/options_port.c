/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line: -T and -R, a device with its gateways and addresses. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipgen/options_var.h"

static int
refuse(const char *name, const char *s, const char *part, const char *why, char *err, size_t errlen)
{
	if (part != NULL)
		snprintf(err, errlen, "%s %.256s: '%.64s': %s", name, s, part, why);
	else
		snprintf(err, errlen, "%s %.256s: %s", name, s, why);
	return -EINVAL;
}

static bool
lladdr(const char *s, uint8_t mac[6])
{
	unsigned v[6];
	int n = 0;

	if (strspn(s, "0123456789abcdefABCDEF:") != strlen(s) || strlen(s) > 17 ||
	    sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%n", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &n) != 6 || s[n] != '\0')
		return false;
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)v[i];
	return true;
}

static int
family_of(const char *s, uint8_t *addr)
{
	memset(addr, 0, 16);
	return inet_pton(AF_INET, s, addr) == 1 ? 4 : inet_pton(AF_INET6, s, addr) == 1 ? 6 : 0;
}

/* May a host have it? */
static bool
is_host(const uint8_t *a, int family)
{
	static const uint8_t zero[16], one[16] = {[15] = 1};

	if (family == 4)
		return a[0] != 0 && a[0] != 127 && a[0] < 224;
	return a[0] != 0xff && memcmp(a, zero, 16) != 0 && memcmp(a, one, 16) != 0;
}

static bool
in_prefix(const uint8_t *a, const uint8_t *b, unsigned plen)
{
	unsigned whole = plen / 8, rest = plen % 8;

	return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* The network's own address, or all ones (IPv4). */
static bool
is_edge(const uint8_t *a, unsigned plen)
{
	uint32_t v = (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3], host;

	if (plen > 30)
		return false;
	host = UINT32_MAX >> plen;
	return (v & host) == 0 || (v & host) == host;
}

/* ADDR[/LEN] */
static int
parse_addr(const char *part, uint8_t *addr, int *family, uint8_t *plen)
{
	char text[64];
	const char *slash = strchr(part, '/');
	size_t n = slash != NULL ? (size_t)(slash - part) : strlen(part);
	unsigned long v;
	char *end;

	if (n >= sizeof(text))
		return -EINVAL;
	memcpy(text, part, n);
	text[n] = '\0';
	*family = family_of(text, addr);
	if (*family == 0)
		return -EINVAL;
	*plen = *family == 4 ? 24 : 64;
	if (slash == NULL)
		return 0;
	v = strtoul(slash + 1, &end, 10);
	if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || v < 1 || v > (*family == 4 ? 32 : 128))
		return -EINVAL;
	*plen = (uint8_t)v;
	return 0;
}

/* One pair: the gateway (may be empty) and our address (may be missing). */
static int
parse_pair(
    const char *name, const char *s, const char *gw, const char *own, struct tport_spec *spec, char *err, size_t errlen)
{
	uint8_t gateway[16] = {0}, addr[16] = {0}, plen = 0, peer[6];
	struct tport_addr *a;
	int gfamily = 0, family = 0;
	bool is_link = false;

	if (gw[0] != '\0' && (gfamily = family_of(gw, gateway)) == 0) {
		if (!lladdr(gw, peer))
			return refuse(name, s, gw, "a gateway is an IPv4, IPv6 or link address", err, errlen);
		if (peer[0] & 1)
			return refuse(name, s, gw, "a group address cannot be the gateway's", err, errlen);
		is_link = true;
	}
	if (own != NULL && own[0] != '\0') {
		if (parse_addr(own, addr, &family, &plen) != 0)
			return refuse(name, s, own, "not an address, or not ADDRESS/LENGTH", err, errlen);
		if (!is_host(addr, family))
			return refuse(name, s, own, "not an address that a host can have", err, errlen);
		if (family == 4 && is_edge(addr, plen))
			return refuse(name, s, own, "the network's own or its broadcast address", err, errlen);
	}
	if (gfamily != 0 && !is_host(gateway, gfamily))
		return refuse(name, s, gw, "not an address that a host can have", err, errlen);
	if (gfamily != 0 && family != 0 && gfamily != family)
		return refuse(name, s, own, "gateway and address are one IPv4 and one IPv6", err, errlen);
	if (is_link) {
		memcpy(spec->peer[family == 6], peer, 6);
		spec->has_peer[family == 6] = true;
	}
	if (gfamily == 0 && family == 0)
		return 0;
	a = (gfamily != 0 ? gfamily : family) == 4 ? &spec->addr4 : &spec->addr6;
	if (a->plen != 0)
		return refuse(name, s, family != 0 ? own : gw, "a second address of the same family", err, errlen);
	if (family != 0 && gfamily != 0) {
		if (memcmp(addr, gateway, 16) == 0)
			return refuse(name, s, gw, "the gateway is the port itself", err, errlen);
		if (!in_prefix(addr, gateway, plen) &&
		    !(family == 6 && gateway[0] == 0xfe && (gateway[1] & 0xc0) == 0x80))
			return refuse(name, s, gw, "the gateway is not in the port's network", err, errlen);
	}
	a->set = family != 0;
	memcpy(a->addr, addr, 16);
	memcpy(a->gateway, gateway, 16);
	a->plen = family != 0 ? plen : gfamily == 4 ? 32 : 128;
	return 0;
}

int
port_parse(const char *name, const char *s, struct tport_spec *spec, char *err, size_t errlen)
{
	char text[1024], *part[6], *p = text, *next;
	size_t used;
	unsigned n = 0;
	int error;

	if (strlen(s) >= sizeof(text))
		return refuse(name, s, NULL, "too long", err, errlen);
	snprintf(text, sizeof(text), "%s", s);
	next = strsep(&p, ",");
	if (next[0] == '\0')
		return refuse(name, s, NULL, "a device is missing", err, errlen);
	used = (size_t)snprintf(spec->device, sizeof(spec->device), "%s", next);
	while ((next = strsep(&p, ",")) != NULL) {
		if (strchr(next, '=') != NULL) {
			if (n > 0)
				return refuse(name, s, next, "belongs to the device, before the gateway", err, errlen);
			if (used < sizeof(spec->device))
				used += (size_t)snprintf(spec->device + used, sizeof(spec->device) - used, ",%s", next);
		} else if (n == 4)
			return refuse(name, s, next,
			    "DEVICE,GATEWAY,ADDRESS/LENGTH,GATEWAY6,ADDRESS6/LENGTH is all there is", err, errlen);
		else
			part[n++] = next;
	}
	if (used >= sizeof(spec->device))
		return refuse(name, s, NULL, "the device's part is too long", err, errlen);
	for (unsigned i = 0; i < n; i += 2) {
		error = parse_pair(name, s, part[i], i + 1 < n ? part[i + 1] : NULL, spec, err, errlen);
		if (error != 0)
			return error;
	}
	return 0;
}
