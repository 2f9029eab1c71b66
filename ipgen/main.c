/* SPDX-License-Identifier: BSD-2-Clause */
/* ipgen: the command line. */
#include <stdio.h>

#include "ipgen/sig.h"

int
main(void)
{
	sig_init();
	fprintf(stderr, "ipgen: nothing to do yet\n");
	return 2;
}
