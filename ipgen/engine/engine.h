/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine's start and stop, two mirrored lists, and a pair of ports in memory. */
#ifndef IPGEN_ENGINE_H
#define IPGEN_ENGINE_H

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct ifnet;
struct port;

struct engine_conf {
	unsigned workers;     /* 0: the CPUs the process may use less one, at least one */
	const char *cpus;     /* "1,3-5", or NULL: not pinned */
	unsigned buffers;     /* of a worker; 0: the engine's default */
	unsigned queues;      /* of a port, at most; 0: as many as workers */
	unsigned buffer_size; /* octets of a frame; 0: 2048 */
};

/* => control (the calling thread becomes it), once; 0 or -errno, with the reason logged */
int engine_start(const struct engine_conf *, struct event_base *);
/* => control; detaches what is attached, waits for devices, stops the workers */
void engine_stop(struct event_base *);

/*
 * => control; raises an attached port's interface (what a router does then, addresses, routes, groups, is left out).
 *    0 or the device's -errno
 */
int engine_port_up(struct ifnet *);

/* => control, from main's level: runs the event loop until each worker has answered a call */
void engine_barrier(void);

/*
 * => control; two started ports, back to back by rings in memory, or one (b NULL) that comes back to itself; queues 0:
 *    as many as workers.  Placed (port_place_queues) but not attached: the caller calls port_attach; port_detach ends each.
 *    0, -ENOMEM with err
 */
int loop_open(unsigned queues, struct port **a, struct port **b, char *err, size_t errlen);

#endif
