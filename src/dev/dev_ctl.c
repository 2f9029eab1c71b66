/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices: what is done once at start and at the end. */
#include "dev/dev.h"
#include "dev/shmif_var.h"
#include "mp/mp.h"

int
dev_init(void)
{
	ASSERT_CONTROL();
	return shmif_init();
}

void
dev_fini(void)
{
	ASSERT_CONTROL();
	shmif_fini();
}
