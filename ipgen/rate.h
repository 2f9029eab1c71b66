/* SPDX-License-Identifier: BSD-2-Clause */
/* A rate as people write it: 100000, 1Mpps, 10%, 1Gbps/l1, 500Mbps/l2, max. */
#ifndef IPGEN_RATE_H
#define IPGEN_RATE_H

#include <stddef.h>

struct rate {
	enum rate_kind { RATE_PPS, RATE_PERCENT, RATE_L1, RATE_L2, RATE_MAX } kind;
	double value; /* packets/s, percent of the line rate, bits/s */
};

/*
 * => any thread; bits say what "1Gbps" without /l1 or /l2 means: RATE_L1, RATE_L2, or RATE_PPS: it is refused.
 *    0, or -EINVAL with err (what is wrong with the text)
 */
int rate_parse(const char *, enum rate_kind bits, struct rate *, char *err, size_t errlen);
/* => packets a second of a direction with frames of this mean size; INFINITY: max; NAN: the line rate is not known */
double rate_pps(const struct rate *, double line_pps, double mean_size);
/* => text of n octets or less: "1.488 Mpps" without its unit: "1.488M" */
void rate_format(char *, size_t n, double);

#endif
