/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings: start-up, and what config.save writes of them.  The tables themselves: struct sysctl_setting in ctl/ctl.h.
 */
#ifndef SMPNET_SYSCTL_H
#define SMPNET_SYSCTL_H

#include <stdbool.h>

struct sysctl_setting;

/* => control, at start, before the modules' own _init: every setting gets its initial value; 0 or -errno */
int sysctl_init(void);
void sysctl_fini(void);

/* => control; the setting of that full name, or NULL */
const struct sysctl_setting *sysctl_find(const char *name);
/* => control; a "sysctl -w NAME=VALUE" line for each writable setting that differs from its initial value */
void sysctl_config_save(void (*line)(void *, const char *), void *);

#endif
