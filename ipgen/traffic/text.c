/* SPDX-License-Identifier: BSD-2-Clause */
/* Flows as text: ranges of addresses and ports read, flows written. */
#include <arpa/inet.h>
#include <ctype.h>

#include "ipgen/traffic/private.h"

const char *
text_quote(const char *s, size_t len, char buf[QUOTE_LEN])
{
	size_t n = len < QUOTE_LEN - 8 ? len : QUOTE_LEN - 8, k = 0;

	buf[k++] = '\'';
	for (size_t i = 0; i < n; i++)
		buf[k++] = isprint((unsigned char)s[i]) ? s[i] : '?';
	if (n < len) {
		memcpy(buf + k, "...", 3);
		k += 3;
	}
	buf[k++] = '\'';
	buf[k] = '\0';
	return buf;
}

long
text_number(const char *s, size_t len, long max)
{
	long v = 0;

	if (len == 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)s[i]))
			return -1;
		v = 10 * v + (s[i] - '0');
		if (v > max)
			return -1;
	}
	return v;
}

/* One address; its family, or 0. */
static unsigned
addr_parse(const char *s, size_t len, uint8_t out[16])
{
	char buf[INET6_ADDRSTRLEN];

	if (len >= sizeof(buf) || memchr(s, '\0', len) != NULL)
		return 0;
	memcpy(buf, s, len);
	buf[len] = '\0';
	memset(out, 0, 16);
	if (inet_pton(AF_INET, buf, out) == 1)
		return 4;
	return inet_pton(AF_INET6, buf, out) == 1 ? 6 : 0;
}

int
flow_addr_parse(const char *s, size_t len, struct traffic_range *r, char *err, size_t errlen)
{
	const char *dash = memchr(s, '-', len);
	size_t first = dash != NULL ? (size_t)(dash - s) : len;
	unsigned family;
	char q[QUOTE_LEN];

	family = addr_parse(s, first, r->begin);
	if (family == 0)
		return FAIL(err, errlen, "%s: no address", text_quote(s, first, q));
	r->family = (uint8_t)family;
	memcpy(r->end, r->begin, 16);
	if (dash == NULL)
		return 0;
	family = addr_parse(dash + 1, len - first - 1, r->end);
	if (family == 0)
		return FAIL(err, errlen, "%s: no address", text_quote(dash + 1, len - first - 1, q));
	if (family != r->family)
		return FAIL(err, errlen, "%s: a range from IPv%u to IPv%u", text_quote(s, len, q), r->family, family);
	if (addr_get(r->end, family) < addr_get(r->begin, family))
		return FAIL(err, errlen, "%s: the range ends below its begin", text_quote(s, len, q));
	return 0;
}

int
flow_ports_parse(const char *s, size_t len, uint16_t ports[2], char *err, size_t errlen)
{
	const char *dash = memchr(s, '-', len);
	size_t n = dash != NULL ? (size_t)(dash - s) : len;
	long v = text_number(s, n, UINT16_MAX);
	char q[QUOTE_LEN];

	if (v < 0)
		return FAIL(err, errlen, "%s: no port (0 to 65535)", text_quote(s, n, q));
	ports[0] = ports[1] = (uint16_t)v;
	if (dash == NULL)
		return 0;
	v = text_number(dash + 1, len - n - 1, UINT16_MAX);
	if (v < 0)
		return FAIL(err, errlen, "%s: no port (0 to 65535)", text_quote(dash + 1, len - n - 1, q));
	ports[1] = (uint16_t)v;
	if (ports[1] < ports[0])
		return FAIL(err, errlen, "%s: the range ends below its begin", text_quote(s, len, q));
	return 0;
}

int
traffic_range_parse(const char *s, struct traffic_range *r, char *err, size_t errlen)
{
	size_t len = strlen(s);

	if (len >= 2 && s[0] == '[' && s[len - 1] == ']')
		return flow_addr_parse(s + 1, len - 2, r, err, errlen);
	return flow_addr_parse(s, len, r, err, errlen);
}

int
traffic_ports_parse(const char *s, uint16_t ports[2], char *err, size_t errlen)
{
	return flow_ports_parse(s, strlen(s), ports, err, errlen);
}

void
traffic_flow_text(const struct flow *f, char *buf, size_t len)
{
	char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	int af = f->family == 6 ? AF_INET6 : AF_INET;

	inet_ntop(af, f->src, src, sizeof(src));
	inet_ntop(af, f->dst, dst, sizeof(dst));
	snprintf(
	    buf, len, f->family == 6 ? "[%s]:%u,[%s]:%u" : "%s:%u,%s:%u", src, ntohs(f->sport), dst, ntohs(f->dport));
}

int
traffic_dump(const struct traffic *t, FILE *out)
{
	char buf[TRAFFIC_FLOW_TEXT];

	for (uint32_t i = 0; i < t->nflows; i++) {
		traffic_flow_text(&t->flow[i], buf, sizeof(buf));
		if (fprintf(out, "%s\n", buf) < 0)
			return -EIO;
	}
	return fflush(out) != 0 ? -EIO : 0;
}
