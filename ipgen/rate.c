/* SPDX-License-Identifier: BSD-2-Clause */
/* Rates: packets, bits on layer 1 or 2, percent of the line. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ipgen/rate.h"
#include "ipgen/traffic.h"

#define RATE_MOST 1e15

static const struct {
	const char *text;
	enum rate_kind kind;
	double factor;
} rate_units[] = {
    {"", RATE_PPS, 1},
    {"k", RATE_PPS, 1e3},
    {"m", RATE_PPS, 1e6},
    {"g", RATE_PPS, 1e9},
    {"pps", RATE_PPS, 1},
    {"kpps", RATE_PPS, 1e3},
    {"mpps", RATE_PPS, 1e6},
    {"gpps", RATE_PPS, 1e9},
    {"%", RATE_PERCENT, 1},
    {"bps", RATE_L2, 1},
    {"kbps", RATE_L2, 1e3},
    {"mbps", RATE_L2, 1e6},
    {"gbps", RATE_L2, 1e9},
    {"tbps", RATE_L2, 1e12},
};

static int
rate_unit(const char *text, const char *unit, enum rate_kind bits, struct rate *rate, char *err, size_t errlen)
{
	size_t len = strcspn(unit, "/"), i;
	enum rate_kind kind;

	for (i = 0; i < sizeof(rate_units) / sizeof(rate_units[0]); i++) {
		if (strlen(rate_units[i].text) == len && strncasecmp(rate_units[i].text, unit, len) == 0)
			break;
	}
	if (i == sizeof(rate_units) / sizeof(rate_units[0])) {
		snprintf(err, errlen, "rate '%.40s': unknown unit '%.20s'", text, unit);
		return -EINVAL;
	}
	kind = rate_units[i].kind;
	if (unit[len] == '/') {
		if (kind != RATE_L2 || (strcasecmp(unit + len, "/l1") != 0 && strcasecmp(unit + len, "/l2") != 0)) {
			snprintf(err, errlen, "rate '%.40s': '%.20s' is not understood: bits have /l1 or /l2", text,
			    unit + len);
			return -EINVAL;
		}
		kind = unit[len + 2] == '1' ? RATE_L1 : RATE_L2;
	} else if (kind == RATE_L2) {
		if (bits == RATE_PPS) {
			snprintf(
			    err, errlen, "rate '%.40s': bits of which layer? %.40s/l1 or %.40s/l2", text, text, text);
			return -EINVAL;
		}
		kind = bits;
	}
	rate->kind = kind;
	rate->value *= rate_units[i].factor;
	return 0;
}

int
rate_parse(const char *text, enum rate_kind bits, struct rate *rate, char *err, size_t errlen)
{
	char *end;

	if (strcasecmp(text, "max") == 0) {
		*rate = (struct rate){.kind = RATE_MAX, .value = INFINITY};
		return 0;
	}
	/* strtod would take "inf", "nan" and hexadecimal too */
	if (!(isdigit((unsigned char)text[0]) || (text[0] == '.' && isdigit((unsigned char)text[1]))) ||
	    text[1] == 'x' || text[1] == 'X') {
		snprintf(err, errlen, "rate '%.40s' is no number: as 100000, 1Mpps, 10%%, 1Gbps/l1 or max", text);
		return -EINVAL;
	}
	rate->value = strtod(text, &end);
	if (rate_unit(text, end, bits, rate, err, errlen) != 0)
		return -EINVAL;
	if (!(rate->value <= RATE_MOST) || (rate->kind == RATE_PERCENT && rate->value > 100)) {
		snprintf(err, errlen, "rate '%.40s' is too large%s", text,
		    rate->kind == RATE_PERCENT ? ": 100 % at most" : "");
		return -EINVAL;
	}
	return 0;
}

double
rate_pps(const struct rate *rate, double line_pps, double mean_size)
{
	switch (rate->kind) {
	case RATE_PPS:
		return rate->value;
	case RATE_PERCENT:
		return line_pps > 0 ? line_pps * rate->value / 100 : NAN;
	case RATE_L1:
		return rate->value / 8 / (mean_size + TRAFFIC_GAP);
	case RATE_L2:
		return rate->value / 8 / mean_size;
	case RATE_MAX:
		break;
	}
	return INFINITY;
}

void
rate_format(char *buf, size_t n, double v)
{
	static const char unit[] = " kMGT";
	unsigned i = 0;

	if (isinf(v)) {
		snprintf(buf, n, "max");
		return;
	}
	while (v >= 999.95 && i < 4) {
		v /= 1000;
		i++;
	}
	if (i == 0)
		snprintf(buf, n, v == floor(v) ? "%.0f" : "%.2f", v);
	else
		snprintf(buf, n, v < 10 ? "%.3f%c" : v < 100 ? "%.2f%c" : "%.1f%c", v, unit[i]);
}
