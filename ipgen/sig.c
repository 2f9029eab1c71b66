/* SPDX-License-Identifier: BSD-2-Clause */
/* What fills test packets: octets without a pattern, the same in every packet and every ipgen. */
#include "ipgen/sig.h"

uint8_t sig_filler[SIG_FILLER]; /* [I] after sig_init */

void
sig_init(void)
{
	uint64_t x = 0x736d706e65746970; /* "smpnetip" */

	for (unsigned i = 0; i < SIG_FILLER; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		sig_filler[i] = (uint8_t)(x >> 32);
	}
}
