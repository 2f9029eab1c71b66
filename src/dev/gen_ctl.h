/* SPDX-License-Identifier: BSD-2-Clause */
/* The built-in packet source and sink, for those who attach devices. */
#ifndef SMPNET_DEV_GEN_CTL_H
#define SMPNET_DEV_GEN_CTL_H

#include <stdbool.h>
#include <stddef.h>

struct port;

/* => any thread; is it "gen0" or "gen0,key=value..."; fills the interface's name */
bool gen_is_device(const char *devstr, char *ifname, size_t len);
/*
 * => helper thread or control; a port that is not placed and not started.  queues 0: as the string says, else as many as
 * workers.  0 or -errno with err naming the key and its value.
 */
int gen_open(const char *devstr, unsigned queues, struct port **, char *err, size_t errlen);

#endif
