/* SPDX-License-Identifier: BSD-2-Clause */
/* The router: start and stop, two mirrored lists. */
#ifndef SMPNET_ROUTER_H
#define SMPNET_ROUTER_H

#include <stdbool.h>

#include "mp/mp.h"

struct event_base;

/*
 * => the main thread, which becomes the control thread; workers false: the engine without its threads (fuzzing).
 * 0 or -errno with the reason logged; after a failure the process ends.
 */
int router_start(const struct mp_config *, struct event_base *, bool workers);
/* => control; destroys the interfaces, waits for devices to be given back, ends the workers, frees everything */
void router_stop(struct event_base *);

#endif
