/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz entry: a router advertisement taken apart, in memory of exactly its size. */
#include <stdlib.h>
#include <string.h>

#include "ip6/nd6_ra.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nd_ra ra;

	if (nd6_ra_parse(data, (unsigned)size, &ra) == NULL &&
	    (ra.nprefixes > ND_RA_MAXPREFIX || ra.nrdnss > ND_RA_MAXRDNSS || size < 16))
		abort();
	for (unsigned i = 0; i < ra.nprefixes; i++)
		if (ra.prefix[i].plen > 128 || ra.prefix[i].preferred > ra.prefix[i].valid)
			abort();
	return 0;
}
