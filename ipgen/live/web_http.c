/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the web view listens, and under which name it may be asked. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ipgen/live/web_var.h"

socklen_t
web_address(const char *text, struct sockaddr_storage *ss, bool *loopback, char *err, size_t errlen)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;
	const char *colon = strrchr(text, ':'), *port = colon != NULL ? colon + 1 : text;
	char host[INET6_ADDRSTRLEN] = "127.0.0.1", *end;
	bool v6 = text[0] == '[';
	unsigned long number;

	memset(ss, 0, sizeof(*ss));
	if (colon != NULL) {
		size_t len = (size_t)(colon - text);

		if (v6 && (len < 2 || text[len - 1] != ']'))
			goto bad;
		len -= v6 ? 2 : 0;
		if (len == 0 || len >= sizeof(host))
			goto bad;
		memcpy(host, text + v6, len);
		host[len] = '\0';
	}
	number = strtoul(port, &end, 10);
	if (*port < '0' || *port > '9' || *end != '\0' || number > UINT16_MAX) {
		snprintf(err, errlen, "--http %s: '%s' is not a port from 0 to 65535", text, port);
		return 0;
	}
	if (v6) {
		*sin6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number)};
		if (inet_pton(AF_INET6, host, &sin6->sin6_addr) != 1)
			goto bad;
		*loopback = IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
		return sizeof(*sin6);
	}
	if (strcmp(host, "localhost") == 0)
		snprintf(host, sizeof(host), "127.0.0.1");
	*sin = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
	if (inet_pton(AF_INET, host, &sin->sin_addr) != 1)
		goto bad;
	*loopback = ntohl(sin->sin_addr.s_addr) >> 24 == 127;
	return sizeof(*sin);
bad:
	snprintf(err, errlen, "--http %s: not [ADDR:]PORT (8080, 192.0.2.1:8080, [2001:db8::1]:8080)", text);
	return 0;
}

/*
 * A page of elsewhere can give its own name our address (DNS rebinding), and would then be let read what we answer.  Its
 * browser still says that name: only names that are this machine's loopback by themselves are answered.
 */
bool
web_host_allowed(const char *host, const char *bound)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
	size_t len;

	if (host == NULL)
		return false;
	if (strcasecmp(host, bound) == 0)
		return true;
	len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	if (len > strlen(host) ||
	    (host[len] != '\0' && (host[len] != ':' || host[len + 1 + strspn(host + len + 1, "0123456789")] != '\0')))
		return false;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == len && strncasecmp(names[i], host, len) == 0)
			return true;
	return false;
}
