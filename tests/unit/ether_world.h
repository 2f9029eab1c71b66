/* SPDX-License-Identifier: BSD-2-Clause */
/* A world for src/ether alone: packets without pools, interfaces, next hops, routes and a clock of the test's own. */
#ifndef ETHER_WORLD_H
#define ETHER_WORLD_H

#include <jansson.h>

#include "ether/ether.h"
#include "ether/neigh.h"
#include "ether/neigh_var.h"
#include "if/ifnet.h"
#include "pkt/pkt.h"
#include "route/route.h"

#define WORLD_LOG 4096

enum world_what { W_FRAME, W_SENT, W_PUNT, W_DROP, W_CONSUMED, W_UNREACH, W_IP, W_IP6, W_TRANSMIT };

/* What became of a packet: its octets as they were then. */
struct world_event {
	enum world_what what;
	unsigned code; /* drop reason, punt class, stage */
	struct ifnet *ifp;
	struct pktmeta meta;
	unsigned len;
	unsigned l2_len;
	uint8_t data[256];
	struct rte_mbuf *m; /* only a name: freed */
};

extern struct world_event world_log[WORLD_LOG];
extern unsigned world_n;
extern uint64_t world_now;
extern unsigned world_pool;  /* buffers that each thread has */
extern unsigned world_alive; /* packets that have not ended */
extern struct ifnet world_if[3];
extern struct rt_msg world_msg[WORLD_LOG];
extern unsigned world_nmsg;
extern unsigned world_nlog; /* lines logged */
extern unsigned world_nfib;
extern void (*world_receive[PUNT_COUNT])(struct rte_mbuf *);

extern struct worker *world_worker;

void world_start(void); /* two Ethernet interfaces: 10.0.1.1/24, fe80::1, 2001:db8:1::1/64; 10.0.2.1/24, ... */
void world_end(void);
void world_clear(void);
void world_as_control(void);
void world_as_worker(void);
/* => runs the timers for so many ms, in steps of 50 ms */
void world_wait(unsigned ms);
struct rte_mbuf *world_packet(const void *data, unsigned len);
/* => the same in segments of the given size */
struct rte_mbuf *world_chain(const void *data, unsigned len, unsigned seg);
unsigned world_count(enum world_what);
unsigned world_drops(enum mp_drop);
/* => the last event of the kind, or NULL */
struct world_event *world_last(enum world_what);
struct ifaddr *world_addr(struct ifnet *, const char *addr, unsigned plen, uint32_t flags);
/* => the worker's FIB: an address of 10.0.1.0/24, or a /16 elsewhere */
void world_fib4(const char *addr, uint32_t nh);
union in_any world_any(const char *);
int world_call(const char *method, const char *params, json_t **result);

/* Redirects that reached routing, the last one's fields, and what routing says of them */
struct world_redirect {
	unsigned n;
	union in_any from, dst, gateway;
	enum mp_drop verdict;
};
extern struct world_redirect world_redirected;
extern bool world_redirects;	  /* they are accepted */
extern unsigned world_not_router; /* neighbours that said that they are none any more */
extern unsigned world_silent;	  /* what routes of several paths were told: a gateway does not answer */

#endif
