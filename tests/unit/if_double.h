/* SPDX-License-Identifier: BSD-2-Clause */
/* Stand-ins for what interfaces call: routing, neighbours, IP.  They record. */
#ifndef SMPNET_IF_DOUBLE_H
#define SMPNET_IF_DOUBLE_H

#include <event2/event.h>
#include <jansson.h>

#include "if/ifnet.h"

struct if_double {
	unsigned dad_started, dad_stopped, announced, changed4, changed6;
	const struct ifaddr *by_router; /* the address whose prefix the next hop advertises */
	unsigned connected, local;	/* routes there are */
	bool dad_at_once;		/* as with dad_count 0 */
	char error[256];		/* of the last ctl_error */
	int error_errno;
};
extern struct if_double dbl;

/* Routes of an address, kept in ifa_rt. */
bool double_connected(const struct ifaddr *);
bool double_local(const struct ifaddr *);

#endif
