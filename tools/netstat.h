/* SPDX-License-Identifier: BSD-2-Clause */
/* netstat's options, shared by its two files. */
#ifndef SMPNET_NETSTAT_H
#define SMPNET_NETSTAT_H

#include "tool.h"

struct netstat_options {
	bool nolink, tags; /* -L, -T */
	bool numeric, bytes, drops, verbose, json;
	int stats; /* how many -s */
	double interval;
	long long count;
	const char *family, *protocol, *interface;
};

int netstat_stats(const struct netstat_options *);

#endif
