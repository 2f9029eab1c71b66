/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line: numbers, rates, addresses, tags, sizes. */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ipgen/options_var.h"

static int
refuse(const char *name, const char *s, const char *why, char *err, size_t errlen)
{
	snprintf(err, errlen, "%s %.128s: %s", name, s, why);
	return -EINVAL;
}

/* Digits with a point: no sign, no exponent, no hexadecimal, no "inf"; *end after it */
static bool
decimal(const char *s, double *v, const char **end)
{
	size_t whole = strspn(s, "0123456789"), n = whole, part = 0;
	char text[48];

	if (s[n] == '.') {
		part = strspn(s + n + 1, "0123456789");
		n += 1 + part;
	}
	if (whole + part == 0 || n >= sizeof(text))
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	*v = strtod(text, NULL);
	*end = s + n;
	return true;
}

int
value_real(const char *name, const char *s, double min, double max, double *v, char *err, size_t errlen)
{
	const char *end;
	double d;

	if (decimal(s, &d, &end) && *end == '\0' && d >= min && d <= max) {
		*v = d;
		return 0;
	}
	snprintf(err, errlen, "%s %.128s: not a number from %.10g to %.10g", name, s, min, max);
	return -EINVAL;
}

/* k, M, G: 1 without; *end after it */
static double
prefix(const char *s, const char **end)
{
	*end = s + 1;
	switch (*s) {
	case 'k':
	case 'K':
		return 1e3;
	case 'M':
		return 1e6;
	case 'G':
		return 1e9;
	case 'T':
		return 1e12;
	default:
		*end = s;
		return 1;
	}
}

int
value_count(
    const char *name, const char *s, uint64_t min, uint64_t max, bool suffix, uint64_t *v, char *err, size_t errlen)
{
	const char *end;
	double d;

	if (decimal(s, &d, &end)) {
		bool whole = memchr(s, '.', (size_t)(end - s)) == NULL;

		if (suffix && *end != '\0') {
			d *= prefix(end, &end);
			whole = true;
		}
		if (whole && *end == '\0' && d == floor(d) && d >= (double)min && d <= (double)max) {
			*v = (uint64_t)d;
			return 0;
		}
	}
	snprintf(err, errlen, "%s %.128s: not a whole number from %llu to %llu", name, s, (unsigned long long)min,
	    (unsigned long long)max);
	return -EINVAL;
}

/* 10000000000, 10G, 10Gbps */
int
value_bits(const char *name, const char *s, uint64_t *bits, char *err, size_t errlen)
{
	const char *end;
	double d;

	if (decimal(s, &d, &end)) {
		d *= prefix(end, &end);
		if ((*end == '\0' || strcmp(end, "bps") == 0 || strcmp(end, "bit/s") == 0) && d >= 1e3 && d <= 1e13) {
			*bits = (uint64_t)d;
			return 0;
		}
	}
	return refuse(name, s, "not a line rate in bits/s from 1k to 10T (10G)", err, errlen);
}

static bool
address(const char *s, size_t len, uint8_t *addr, uint8_t *family)
{
	char text[64];

	if (len == 0 || len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	memset(addr, 0, 16);
	*family = inet_pton(AF_INET, text, addr) == 1 ? 4 : inet_pton(AF_INET6, text, addr) == 1 ? 6 : 0;
	return *family != 0;
}

int
value_addrs(const char *name, const char *s, struct traffic_range *range, uint8_t *family, char *err, size_t errlen)
{
	const char *dash = strchr(s, '-');
	uint8_t last;

	if (!address(s, dash != NULL ? (size_t)(dash - s) : strlen(s), range->begin, family))
		return refuse(name, s, "not an address or ADDR-ADDR", err, errlen);
	if (dash == NULL) {
		memcpy(range->end, range->begin, 16);
		return 0;
	}
	if (!address(dash + 1, strlen(dash + 1), range->end, &last))
		return refuse(name, s, "not an address or ADDR-ADDR", err, errlen);
	if (last != *family)
		return refuse(name, s, "from IPv4 to IPv6", err, errlen);
	if (memcmp(range->begin, range->end, 16) > 0)
		return refuse(name, s, "the last address is before the first", err, errlen);
	return 0;
}

int
value_ports(const char *name, const char *s, uint16_t port[2], char *err, size_t errlen)
{
	char why[192];

	return traffic_ports_parse(s, port, why, sizeof(why)) == 0 ? 0 : refuse(name, s, why, err, errlen);
}

int
value_tags(
    const char *name, const char *s, struct traffic_tag *tag, unsigned max, unsigned *n, char *err, size_t errlen)
{
	const char *p = s, *end;

	for (*n = 0; *n < max; p = end + 1) {
		double vid, pcp = 0;

		if (!decimal(p, &vid, &end) || vid != floor(vid) || vid > 4094)
			return refuse(name, s, "a VLAN is 0 to 4094 (VID or VID:PRIORITY)", err, errlen);
		if (*end == ':' && (!decimal(end + 1, &pcp, &end) || pcp != floor(pcp) || pcp > 7))
			return refuse(name, s, "a VLAN's priority is 0 to 7", err, errlen);
		tag[(*n)++] =
		    (struct traffic_tag){.tpid = 0x8100, .tci = (uint16_t)((unsigned)pcp << 13 | (unsigned)vid)};
		if (*end == '\0')
			return 0;
		if (*end != ',')
			return refuse(name, s, "VID or VID:PRIORITY", err, errlen);
	}
	return refuse(name, s, max == 1 ? "one VLAN" : "two VLANs at most", err, errlen);
}

/* A part of a list: "imix:64x7,594x4" holds commas of its own. */
static size_t
size_part(const char *s)
{
	size_t n = strcspn(s, ",");

	while (strncmp(s, "imix:", 5) == 0 && s[n] == ',' && memchr(s + n + 1, 'x', strcspn(s + n + 1, ",")) != NULL)
		n += 1 + strcspn(s + n + 1, ",");
	return n;
}

int
value_sizes(
    const char *name, const char *s, bool ip, struct traffic_sizes **sizes, unsigned *n, char *err, size_t errlen)
{
	char part[512], why[192];
	int error;

	free(*sizes);
	*sizes = NULL;
	*n = 0;
	for (const char *p = s;; p++) {
		size_t len = size_part(p);
		struct traffic_sizes *more;
		uint64_t v;

		if (len == 0 || len >= sizeof(part))
			return refuse(name, s, "SIZE,SIZE,...", err, errlen);
		memcpy(part, p, len);
		part[len] = '\0';
		more = realloc(*sizes, (*n + 1) * sizeof(**sizes));
		if (more == NULL)
			return -ENOMEM;
		*sizes = more;
		if (ip) {
			error = value_count(name, part, 46, 9000, false, &v, err, errlen);
			if (error != 0)
				return error;
			memset(&more[*n], 0, sizeof(*more));
			more[*n].kind = SIZES_FIXED;
			more[*n].size = (unsigned)v + 18;
			snprintf(more[*n].text, sizeof(more[*n].text), "%u", (unsigned)v + 18);
		} else if (traffic_sizes_parse(part, &more[*n], why, sizeof(why)) != 0) {
			snprintf(err, errlen, "%s %s", name, why);
			return -EINVAL;
		}
		(*n)++;
		p += len;
		if (*p == '\0')
			return 0;
	}
}

/* NAME:LOSS%[,exceed=50%,initial=1,final=1,sum=21,width=0.5%] */
int
value_goal(const char *name, const char *s, struct mlr_goal *goal, char *err, size_t errlen)
{
	const struct {
		const char *key;
		double *v;
		double scale, min, max;
	} key[] = {
	    {"exceed=", &goal->exceed_ratio, 0.01, 0, 99.9},
	    {"initial=", &goal->initial_seconds, 1, 0.001, 86400},
	    {"final=", &goal->final_seconds, 1, 0.001, 86400},
	    {"sum=", &goal->sum_seconds, 1, 0.001, 864000},
	    {"width=", &goal->width, 0.01, 0.001, 50},
	};
	const char *colon = strchr(s, ':'), *end;
	unsigned i;
	double v;

	*goal = (struct mlr_goal){
	    .exceed_ratio = 0.5, .initial_seconds = 1, .final_seconds = 1, .sum_seconds = 21, .width = 0.005};
	if (colon == NULL || colon == s || (size_t)(colon - s) >= sizeof(goal->name) || !decimal(colon + 1, &v, &end) ||
	    *end != '%' || v >= 100)
		return refuse(name, s, "NAME:LOSS%, such as PDR:0.5%", err, errlen);
	memcpy(goal->name, s, (size_t)(colon - s));
	goal->loss_ratio = v / 100;
	for (end++; *end == ',';) {
		for (i = 0; i < sizeof(key) / sizeof(key[0]); i++)
			if (strncmp(end + 1, key[i].key, strlen(key[i].key)) == 0)
				break;
		if (i == sizeof(key) / sizeof(key[0]))
			return refuse(name, s, "after a comma: exceed=, initial=, final=, sum= or width=", err, errlen);
		if (!decimal(end + 1 + strlen(key[i].key), &v, &end) || v < key[i].min || v > key[i].max) {
			snprintf(err, errlen, "%s %.128s: %s is a number from %g to %g", name, s, key[i].key,
			    key[i].min, key[i].max);
			return -EINVAL;
		}
		*key[i].v = v * key[i].scale;
		if (*end == '%')
			end++;
	}
	return *end == '\0' ? 0 : refuse(name, s, "NAME:LOSS%[,KEY=VALUE...]", err, errlen);
}
