/* SPDX-License-Identifier: BSD-2-Clause */
/* Packet pools, for display and for start-up. */
#ifndef SMPNET_MP_POOL_H
#define SMPNET_MP_POOL_H

#include <stdbool.h>

struct worker;

#define PORT_GRANTS 40 /* grants a helper thread can hold: one per pool */

int mp_pool_init(void);
/* => control; approximate while the owner runs, exact at rest */
unsigned mp_pool_free_count(const struct worker *);
unsigned mp_pool_size(const struct worker *);
bool mp_pool_huge(const struct worker *);

#endif
