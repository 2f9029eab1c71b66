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

#include "ip6/nd6_ra.h"
#include "mp/slice.h"
#include "ip6/nd_if.h"

/* What an advertisement or the administrator says; 0: nothing */
struct nd_values {
	uint32_t curhlim, basereachable, retrans;
};

#define ND_MAXROUTERS	64  /* of an interface, whatever the setting says */
#define ND_MAXPREFIXES	256 /* likewise */
#define ND_RA_BURST	32  /* advertisements that may come at once */
#define ND_TEMPS_PREFIX 8   /* temporary addresses at most, for each prefix that is allowed */

/* A router that advertises itself with a lifetime */
struct nd_router {		     /* [c] all */
	TAILQ_ENTRY(nd_router) list; /* of all interfaces, in order of arrival */
	struct ifnet *ifp;	     /* goes after it */
	struct in6_addr addr;	     /* link-local */
	uint8_t slot;		     /* its bit in nd_prefix.routers, of the interface */
	uint8_t flags;		     /* ND_RA_F_* */
	int8_t preference;	     /* -1, 0, 1 */
	uint64_t expire;	     /* ms */
	unsigned nrdnss;	     /* resolvers that it names, to be shown */
	uint64_t rdnss_expire;	     /* ms, UINT64_MAX: never */
	struct in6_addr rdnss[ND_RA_MAXRDNSS];
};

/* A prefix that was advertised */
struct nd_prefix {		     /* [c] all */
	TAILQ_ENTRY(nd_prefix) list; /* of the interface */
	struct nd_ra_prefix said;    /* last */
	uint64_t valid, preferred;   /* ms when it ends, UINT64_MAX: never */
	uint64_t routers;	     /* slots of those that advertise it */
	bool routed;		     /* its route is ours */
	bool detached;		     /* no router of it is left, while another prefix has one */
	bool temp_wanted;	     /* a temporary address is to be made */
	bool orphan;		     /* its address was deleted: to go, unless it comes again */
};

/* A temporary address, as long as the interface has it */
struct nd_temp {		   /* [c] all */
	TAILQ_ENTRY(nd_temp) list; /* of the interface */
	struct in6_addr addr;
	uint64_t created; /* ms */
	uint64_t desync;  /* ms */
	uint8_t tries;	  /* addresses that another host had, before this one */
	bool failed;	  /* another host has it */
	bool succeeded;	  /* the next one was made, or is not to be */
};

TAILQ_HEAD(nd_router_head, nd_router);
extern struct nd_router_head nd_routers; /* [c] */

struct nd_if {			/* [c] all */
	LIST_ENTRY(nd_if) list; /* nd_ifs */
	struct ifnet *ifp;
	struct nd_ifinfo info;	  /* as nd_ifinfo() gives it; linkmtu is kept here */
	uint8_t gen;		  /* of the interface */
	uint32_t flags, mask;	  /* set or cleared by hand, as mask says: configuration */
	struct nd_values user;	  /* set by hand: configuration */
	struct nd_values learned; /* goes before it; setting by hand ends it */
	uint32_t drawn_base;	  /* of which info.reachable was drawn */
	uint64_t drawn_at;	  /* ms */
	uint64_t mtu_set;	  /* ms when linkmtu was changed */
	struct mp_slice ra_slice; /* messages that wait are looked at one by one */
	unsigned nra;
	struct rte_mbuf *ra[ND_RA_BURST];
	uint64_t ra_full; /* ms at which the bucket of messages is full again */
	unsigned nrouters, nprefixes, ntemps;
	uint64_t slots; /* that routers have */
	TAILQ_HEAD(, nd_prefix) prefixes;
	TAILQ_HEAD(, nd_temp) temps;
	bool check;		    /* prefixes may be detached, or not any more */
	unsigned rs_left, rs_waits; /* solicitations to send; how often the address was waited for */
	uint64_t rs_at;		    /* ms of the next */
	struct event *timer;	    /* the next end of anything */
};

LIST_HEAD(nd_if_head, nd_if);
extern struct nd_if_head nd_ifs; /* [c] those that have anything */

extern _Atomic int nd6_accept_rtadv, nd6_maxifprefixes, nd6_maxifdefrouters, nd6_use_tempaddr, nd6_temppltime,
    nd6_tempvltime; /* [a] settings */

/* nd_if_ctl.c */
/* => NULL: no memory */
struct nd_if *nd_if_get(struct ifnet *);
/* => NULL: it has none */
struct nd_if *nd_if_find(const struct ifnet *);
/* => may advertisements be received there? */
bool nd_if_accepts(const struct ifnet *);
/* nd6_ra_ctl.c */
void nd_if_set_linkmtu(struct nd_if *, uint32_t);
void nd6_ra_drop(struct nd_if *);

/* => ms now and seconds to go, as ms; ND_RA_INFINITE: UINT64_MAX */
static inline uint64_t
nd_ends(uint64_t now, uint32_t seconds)
{
	return seconds == ND_RA_INFINITE ? UINT64_MAX : now + (uint64_t)seconds * 1000;
}
/* => whole seconds until then, rounded up; UINT64_MAX: ND_RA_INFINITE */
static inline uint32_t
nd_left(uint64_t now, uint64_t ends)
{
	if (ends == UINT64_MAX)
		return ND_RA_INFINITE;
	return ends <= now ? 0 : (uint32_t)((ends - now + 999) / 1000);
}

/* nd6_timer_ctl.c */
/* => the timer is set anew, for what is due next; soon: at once */
void nd6_timer_set(struct nd_if *, bool soon);
/* => the default route is to be looked at; failed: the router that it leads to does not answer */
void nd6_look_soon(bool failed);
void nd6_timer_fini(void);
void nd6_solicit_start(struct ifnet *);

/* nd6_router_ctl.c */
/* => the router's entry, NULL: it has none (lifetime 0, or no room) */
struct nd_router *nd6_router_update(struct nd_if *, const struct in6_addr *, const struct nd_ra *);
void nd6_router_remove(struct nd_if *, struct nd_router *);
/* => all of one interface, or (NULL) of all */
void nd6_router_flush(const struct ifnet *);
/* => those whose time is over go; the next end, UINT64_MAX: none */
uint64_t nd6_router_expire(struct nd_if *, uint64_t now);
bool nd6_router_reachable(const struct nd_router *);
/* => the default route follows the list (RFC 4861 section 6.3.6); failed: the present one does not answer */
void nd6_router_select(bool failed);
const struct nd_router *nd6_router_installed(void);
void nd6_router_default_gone(void);

/* nd6_prefix_ctl.c */
void nd6_prefix_update(struct nd_if *, const struct nd_ra_prefix *, const struct nd_router *);
void nd6_prefix_remove(struct nd_if *, struct nd_prefix *);
void nd6_prefix_flush(struct nd_if *);
uint64_t nd6_prefix_expire(struct nd_if *, uint64_t now);
/* => the interface's prefixes and their addresses are detached, or attached (RFC 4861 has no word for it) */
void nd6_prefix_check(struct nd_if *);
/* => the prefix that the address is made of, as long as it: others may lie within or around it */
struct nd_prefix *nd6_prefix_of(struct nd_if *, const struct ifaddr *);

/* nd6_auto_ctl.c */
void nd6_auto_update(struct nd_if *, struct nd_prefix *);
/* => temporary addresses that are due are made; the next time, UINT64_MAX: none */
uint64_t nd6_temp_run(struct nd_if *, uint64_t now);

#endif
