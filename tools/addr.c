/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses and prefixes as NetBSD's tables show them, and names for them. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

/* "A" or "A%IF" as a socket address without its zone (zones are the daemon's interfaces, not this machine's). */
static int
sockaddr_of(const char *address, struct sockaddr_storage *ss)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(address, "%"), address);
	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, text, &sin->sin_addr) == 1) {
		sin->sin_family = AF_INET;
		return sizeof(*sin);
	}
	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET6, text, &sin6->sin6_addr) == 1) {
		sin6->sin6_family = AF_INET6;
		return sizeof(*sin6);
	}
	return 0;
}

bool
addr_lookup(const char *address, char *name, size_t len)
{
	static char last[64], last_name[NI_MAXHOST];
	static bool last_found;
	struct sockaddr_storage ss;
	int salen;

	if (getenv("SMPNET_NUMERIC") != NULL || strchr(address, '%') != NULL ||
	    (salen = sockaddr_of(address, &ss)) == 0)
		return false;
	if (strcmp(address, last) != 0) {
		last_found =
		    getnameinfo((struct sockaddr *)&ss, salen, last_name, sizeof(last_name), NULL, 0, NI_NAMEREQD) == 0;
		snprintf(last, sizeof(last), "%s", address);
	}
	if (last_found)
		snprintf(name, len, "%s", last_name);
	return last_found;
}

const char *
addr_name(const char *address, bool numeric)
{
	static char name[NI_MAXHOST];

	return !numeric && addr_lookup(address, name, sizeof(name)) ? name : address;
}

void
addr_resolve(int family, const char *host, char *text, size_t len)
{
	struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_DGRAM}, *res;
	struct sockaddr_storage ss;
	int error;

	if (sockaddr_of(host, &ss) != 0 && ss.ss_family == family) {
		snprintf(text, len, "%s", host);
		return;
	}
	if ((error = getaddrinfo(host, NULL, &hints, &res)) != 0) {
		if (family == AF_INET6)
			tool_fail(1, "%s", gai_strerror(error));
		tool_fail(1, "Cannot resolve \"%s\" (%s)", host, gai_strerror(error));
	}
	if (family == AF_INET6)
		inet_ntop(family, &((struct sockaddr_in6 *)res->ai_addr)->sin6_addr, text, len);
	else
		inet_ntop(family, &((struct sockaddr_in *)res->ai_addr)->sin_addr, text, len);
	freeaddrinfo(res);
}

int
prefix_split(const char *prefix, char *address, size_t len)
{
	const char *slash = strchr(prefix, '/');

	snprintf(address, len, "%.*s", (int)strcspn(prefix, "/"), prefix);
	return slash != NULL ? atoi(slash + 1) : -1;
}

void
prefix_text(const char *prefix, char *text, size_t len)
{
	char address[64];
	struct in_addr in;
	int plen = prefix_split(prefix, address, sizeof(address));

	if (strcmp(prefix, "default") == 0 ||
	    (plen == 0 && (strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0))) {
		snprintf(text, len, "default");
	} else if (inet_pton(AF_INET, address, &in) == 1) {
		/* Octets beyond the length are left out. */
		int n = plen < 0 || plen > 24 ? 4 : plen > 16 ? 3 : plen > 8 ? 2 : 1;
		char *p = address;

		for (; n > 0 && (p = strchr(p, '.')) != NULL; n--, p++)
			if (n == 1)
				*p-- = '\0';
		if (plen < 0 || plen == 32)
			snprintf(text, len, "%s", address);
		else
			snprintf(text, len, "%s/%d", address, plen);
	} else if (plen == 128) {
		snprintf(text, len, "%s", address);
	} else {
		snprintf(text, len, "%s", prefix);
	}
}
