/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices: what is done once at start and at the end. */
#include "dev/dev.h"
#include "dev/ethdev_var.h"
#include "dev/linux.h"
#include "dev/shmif_var.h"
#include "mp/mp.h"

int
dev_init(void)
{
	int error;

	ASSERT_CONTROL();
	error = shmif_init();
	if (error == 0)
		error = ethdev_init();
	if (error == 0)
		error = dev_capture_init();
	return error;
}

void
dev_fini(void)
{
	ASSERT_CONTROL();
	ethdev_fini();
	dev_capture_fini();
	linux_fini();
	shmif_fini();
}
