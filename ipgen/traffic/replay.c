/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets of a capture file, in memory. */
#include "ipgen/traffic/private.h"

int
replay_read(
    struct traffic *t, const struct traffic_spec *spec, const struct traffic_link *link, char *err, size_t errlen)
{
	return FAIL(err, errlen, "%s: replay: not yet", spec->replay);
}
