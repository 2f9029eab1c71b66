/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Flow files, in the syntax of IIJ's ipgen:
 *
 *	SRC[-SRC]:PORT[-PORT],DST[-DST]:PORT[-PORT]		IPv4
 *	[SRC[-SRC]]:PORT[-PORT],[DST[-DST]]:PORT[-PORT]		IPv6, the outer brackets are meant
 *
 * A comma, blanks or tabs stand between the ends.  '#' begins a comment; empty lines are none.
 */
#include <stdlib.h>

#include "ipgen/traffic/private.h"

#define LINE_MAX_OCTETS 1024

/* Where in which file. */
struct place {
	const char *file;
	unsigned line;
	const char *text;
};

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static int
fail_at(const struct place *at, const char *where, const char *what, char *err, size_t errlen)
{
	return FAIL(err, errlen, "%s:%u:%u: %s", at->file, at->line, (unsigned)(where - at->text) + 1, what);
}

/* One end, from *p on, which goes behind it. */
static int
end_parse(const struct place *at, const char **p, const char *end, struct traffic_range *r, uint16_t ports[2],
    char *err, size_t errlen)
{
	const char *s = *p, *stop = s, *colon;
	char why[2 * QUOTE_LEN];
	bool v6 = s < end && *s == '[';

	if (v6) {
		s++;
		colon = memchr(s, ']', (size_t)(end - s));
		if (colon == NULL)
			return fail_at(at, *p, "'[' without ']'", err, errlen);
		stop = colon;
		colon++;
		if (colon == end || *colon != ':')
			return fail_at(at, colon, "':' and a port are missing behind ']'", err, errlen);
	} else {
		while (stop < end && *stop != ':' && *stop != ',' && !blank(*stop))
			stop++;
		if (stop == end || *stop != ':')
			return fail_at(at, stop, "':' and a port are missing behind the address", err, errlen);
		colon = stop;
	}
	if (flow_addr_parse(s, (size_t)(stop - s), r, why, sizeof(why)) != 0)
		return fail_at(at, s, why, err, errlen);
	if (v6 != (r->family == 6))
		return fail_at(
		    at, s, v6 ? "an IPv4 address in brackets" : "an IPv6 address without brackets", err, errlen);
	s = stop = colon + 1;
	while (stop < end && *stop != ',' && !blank(*stop))
		stop++;
	if (flow_ports_parse(s, (size_t)(stop - s), ports, why, sizeof(why)) != 0)
		return fail_at(at, s, why, err, errlen);
	*p = stop;
	return 0;
}

static int
line_parse(
    struct place *at, size_t len, unsigned family, unsigned proto, struct flow_blocks *blocks, char *err, size_t errlen)
{
	const char *p = at->text, *hash = memchr(p, '#', len), *end = hash != NULL ? hash : p + len, *second;
	struct traffic_range src, dst;
	struct flow_block b = {0};
	int rc;

	while (p < end && blank(*p))
		p++;
	while (end > p && blank(end[-1]))
		end--;
	if (p == end)
		return 0;
	rc = end_parse(at, &p, end, &src, b.sport, err, errlen);
	if (rc != 0)
		return rc;
	second = p;
	while (p < end && blank(*p))
		p++;
	if (p < end && *p == ',')
		p++;
	while (p < end && blank(*p))
		p++;
	if (p == end)
		return fail_at(at, second, "the second end is missing", err, errlen);
	second = p;
	rc = end_parse(at, &p, end, &dst, b.dport, err, errlen);
	if (rc != 0)
		return rc;
	if (p != end)
		return fail_at(at, p, "more than two ends", err, errlen);
	if (src.family != dst.family)
		return fail_at(at, second, src.family == 4 ? "from IPv4 to IPv6" : "from IPv6 to IPv4", err, errlen);
	if (family != 0 && family != src.family)
		return fail_at(
		    at, at->text, family == 4 ? "IPv6, but -4 was given" : "IPv4, but -6 was given", err, errlen);
	if (proto == 1 || proto == 58)
		b.dport[0] = b.dport[1] = 0;
	b.family = src.family;
	b.src[0] = addr_get(src.begin, src.family);
	b.src[1] = addr_get(src.end, src.family);
	b.dst[0] = addr_get(dst.begin, dst.family);
	b.dst[1] = addr_get(dst.end, dst.family);
	if (blocks->n == TRAFFIC_MAXFLOWS)
		return fail_at(at, at->text, "more lines with flows than there can be flows", err, errlen);
	if (flow_blocks_add(blocks, &b) != 0)
		return snprintf(err, errlen, "%s: no memory", at->file), -ENOMEM;
	return 0;
}

int
flow_stream_read(
    FILE *in, const char *name, unsigned family, unsigned proto, struct flow_blocks *blocks, char *err, size_t errlen)
{
	char line[LINE_MAX_OCTETS];
	struct place at = {.file = name, .text = line};
	size_t len = 0;
	int c, rc = 0;

	do {
		c = getc(in);
		if (c != '\n' && c != EOF) {
			if (len == sizeof(line)) {
				at.line++;
				return fail_at(&at, line + len, "the line is too long", err, errlen);
			}
			line[len++] = (char)c;
			continue;
		}
		at.line++;
		rc = line_parse(&at, len, family, proto, blocks, err, errlen);
		len = 0;
	} while (rc == 0 && c != EOF);
	if (rc == 0 && ferror(in))
		return FAIL(err, errlen, "%s: %s", name, strerror(errno));
	if (rc == 0 && blocks->n == 0)
		return FAIL(err, errlen, "%s: no flow in it", name);
	return rc;
}

int
flow_file_read(const char *path, unsigned family, unsigned proto, struct flow_blocks *blocks, char *err, size_t errlen)
{
	FILE *in = fopen(path, "r");
	int rc;

	if (in == NULL)
		return FAIL(err, errlen, "%s: %s", path, strerror(errno));
	rc = flow_stream_read(in, path, family, proto, blocks, err, errlen);
	fclose(in);
	return rc;
}
