/* SPDX-License-Identifier: BSD-2-Clause */
/* Methods of devices that have a file of their own (dev_methods_ctl.c lists them). */
#ifndef SMPNET_DEV_METHODS_H
#define SMPNET_DEV_METHODS_H

#include "ctl/ctl.h"

/* => control; a method */
int dev_capture(struct ctl_req *, json_t *params, json_t **result);

#endif
