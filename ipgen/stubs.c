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
trial_run(const struct trial_spec *spec, struct trial_result *result, char *err, size_t errlen)
{
	snprintf(err, errlen, "no engine yet");
	return -ENOTSUP;
}

WEAK void
trial_stop(bool quit)
{
}

WEAK bool
trial_quit(void)
{
	return true;
}

WEAK bool
trial_wait(double seconds)
{
	return false;
}

WEAK int
trial_set_rate(unsigned dir, double pps)
{
	return -ESRCH;
}

WEAK int
trial_set_traffic(unsigned dir, struct traffic *t)
{
	return -ESRCH;
}

WEAK const struct traffic *
trial_traffic(unsigned dir)
{
	return NULL;
}

WEAK int
trial_pause(bool on)
{
	return -ESRCH;
}

WEAK bool
trial_running(void)
{
	return false;
}

WEAK int
trial_observe(void (*fn)(void *arg, const struct trial_sample *), void *arg)
{
	return 0;
}

WEAK void
trial_unobserve(void (*fn)(void *arg, const struct trial_sample *), void *arg)
{
}

WEAK uint64_t
trial_line_rate(unsigned dir)
{
	return 0;
}

WEAK double
trial_line_pps(unsigned dir, double mean_size)
{
	return 0;
}

WEAK int
trial_flow_result(unsigned dir, uint32_t flow, struct trial_flow_result *r)
{
	return -ENOENT;
}

WEAK int
trial_floor(double pps, unsigned size, struct trial_latency *l, char *err, size_t errlen)
{
	snprintf(err, errlen, "not there yet");
	return -ENOSYS;
}

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
