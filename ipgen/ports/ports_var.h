/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the ports share. */
#ifndef IPGEN_PORTS_VAR_H
#define IPGEN_PORTS_VAR_H

#include "ipgen/ports.h"
#include "ipgen/ports/answer.h"

/* How a message names a port: "-T eth1" */
#define TPORT_OPTION(i) ((i) == 0 ? "-T" : "-R")

/* => control; the port answers from now on, for itself and for what tports_own adds */
int neigh_start(unsigned nports);
void neigh_stop(void);
/* => control; asks whether another host has the port's addresses: who answers is warned about */
void neigh_probe(unsigned port);
/* => control; tells the neighbours and bridges of a port that it is there */
void neigh_announce(unsigned port);
/* => control, from main's level; asks for the gateways of all ports; 0, -EHOSTUNREACH with err, -EINTR */
int neigh_resolve(double wait, char *err, size_t errlen);
/*
 * => control, from main's level; runs the event loop until done(arg) or the time is over, looking every 10 ms; 0,
 *    -ETIMEDOUT, -EINTR (trial_quit)
 */
int tports_wait(bool (*done)(void *), void *arg, double seconds);

#endif
