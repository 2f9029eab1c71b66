/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices: what other folders may use of src/dev. */
#ifndef SMPNET_DEV_H
#define SMPNET_DEV_H

#include <stddef.h>

/* => control, at start and at the end; 0 or -errno */
int dev_init(void);
void dev_fini(void);

/* "ifconfig NAME create" of the kinds that are ports => control; 0 or -errno with err filled */
int shmif_create(const char *xname, char *err, size_t errlen);
int tap_create(const char *xname, char *err, size_t errlen);

#endif
