/* SPDX-License-Identifier: BSD-2-Clause */
/* What arp and ndp share. */
#ifndef SMPNET_TOOLS_NEIGH_H
#define SMPNET_TOOLS_NEIGH_H

#include "tool.h"

/* => "9s", "1d0h0m0s", "23h59m52s" */
void neigh_expire_text(long long seconds, char *text, size_t len);
/* => the state as NetBSD's letter: R reachable, S stale, D delay, P probe, I incomplete */
char neigh_state_letter(const json_t *entry);
bool neigh_permanent(const json_t *entry);

#endif
