/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of src/ip6 that receive router advertisements share.
 *
 * Synchronization: control only.
 * Lifetime: a struct nd_if is made when an interface's variables are first changed and goes with the interface.
 */
#ifndef SMPNET_ND6_VAR_H
#define SMPNET_ND6_VAR_H

#include <sys/queue.h>

#include "ip6/nd_if.h"

/* What an advertisement or the administrator says; 0: nothing */
struct nd_values {
	uint32_t curhlim, basereachable, retrans;
};

struct nd_if {			  /* [c] all */
	struct nd_ifinfo info;	  /* as nd_ifinfo() gives it; linkmtu is kept here */
	uint8_t gen;		  /* of the interface */
	uint32_t flags, mask;	  /* set or cleared by hand, as mask says: configuration */
	struct nd_values user;	  /* set by hand: configuration */
	struct nd_values learned; /* goes before it; setting by hand ends it */
	uint32_t drawn_base;	  /* of which info.reachable was drawn */
	uint64_t drawn_at;	  /* ms */
};

/* nd_if_ctl.c */
/* => NULL: no memory */
struct nd_if *nd_if_get(struct ifnet *);
/* => NULL: it has none */
struct nd_if *nd_if_find(const struct ifnet *);

#endif
