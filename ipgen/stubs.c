/* SPDX-License-Identifier: BSD-2-Clause */
/* What is not there yet, each in a weak function that says so. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipgen/live.h"
#include "ipgen/procedure.h"
#include "ipgen/traffic.h"

#define WEAK __attribute__((weak))

WEAK int
web_start(struct live *live, struct event_base *base, const char *addr, char *err, size_t errlen)
{
	snprintf(err, errlen, "--http %s: not there yet", addr);
	return -ENOSYS;
}

WEAK void
web_stop(void)
{
}
