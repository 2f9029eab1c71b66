/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SMPNET_ROUTE_VAR_H
#define SMPNET_ROUTE_VAR_H
#include "route/route.h"
int nexthop_init(void);
void nexthop_fini(void);
uint32_t nexthop_count(void);
#endif
