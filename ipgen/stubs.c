/* SPDX-License-Identifier: BSD-2-Clause */
/* What is not there yet, each in a weak function that says so. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipgen/procedure.h"
#include "ipgen/traffic.h"

#define WEAK __attribute__((weak))

WEAK int
traffic_sizes_parse(const char *s, struct traffic_sizes *sizes, char *err, size_t errlen)
{
	char *end;

	memset(sizes, 0, sizeof(*sizes));
	sizes->kind = SIZES_FIXED;
	sizes->size = (unsigned)strtoul(s, &end, 10);
	snprintf(sizes->text, sizeof(sizes->text), "%s", s);
	if (*end == '\0' && sizes->size >= 64)
		return 0;
	snprintf(err, errlen, "%s: sizes of this kind are not there yet", s);
	return -EINVAL;
}

WEAK unsigned
traffic_smallest(unsigned family, unsigned proto, unsigned ntags)
{
	return 14 + 4 * ntags + (family == 4 ? 20 : 40) + (proto == 6 ? 20 : 8) + 18 + 4;
}

WEAK void
procedure_defaults(struct procedure *p)
{
	memset(p, 0, sizeof(*p));
}

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
