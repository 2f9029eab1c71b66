/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine's settings.
 *
 * Synchronization: written by control, read by every worker at each idle turn (relaxed: any moment of change will do).
 * Lifetime: the process's.
 */
#include "ctl/ctl.h"
#include "mp/mp_internal.h"

/* Ten seconds at most: an idle router does not poll. */
const struct sysctl_setting mp_settings[] = {
    {"net.smp.worker.awake_us", &mp_awake_us, 0, 10000000, 50, false, NULL},
    {NULL},
};
