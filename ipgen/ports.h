/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tester's ports: a device of src/dev each, with addresses of its own, a gateway, and the gateway's link address.
 *
 * ARP (RFC 826), ND (RFC 4861) and echo (RFC 792, 4443) for the tester's own addresses are answered on control; frames
 * that are none of ours come there by mp_punt.  What a port does not own it does not answer.
 *
 * Synchronization: control's, but for what is tagged [I] after tports_open.
 * Lifetime: from tports_open to tports_close.
 */
#ifndef IPGEN_PORTS_H
#define IPGEN_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipgen/traffic.h"

#define TPORTS 2

struct port;
struct ifnet;
struct rte_mbuf;

struct tport_addr {
	bool set;
	uint8_t addr[16], gateway[16]; /* IPv4 in the first 4 octets; gateway all 0: none */
	uint8_t plen;
};

/* What -T and -R say. */
struct tport_spec {
	char device[512]; /* as smpnet attach takes it, or a shmif's file, "tap0", "loop" (back to back in memory) */
	char via[16];	  /* xdp, packet or nothing */
	bool take;
	unsigned queues; /* 0: as many as workers */
	struct tport_addr addr4, addr6;
	bool has_peer[2]; /* IPv4's, IPv6's gateway was given by its link address */
	uint8_t peer[2][6];
	unsigned ntags;
	struct traffic_tag tag[TRAFFIC_MAXTAGS];
	unsigned mtu;	   /* 0: as it is */
	bool mtu_soft;	   /* less is no error: what the device carries at most then */
	uint64_t linerate; /* bits/s; 0: as the device says */
	bool promisc;	   /* frames for other link addresses are wanted too (replay) */
};

struct tport {
	struct tport_spec spec; /* [I] */
	struct port *port;	/* [I] */
	struct ifnet *ifp;	/* [I] */
	unsigned index;		/* [I] 0 or 1 */
	uint8_t lladdr[6];	/* [I] ours */
	uint8_t peer[2][6];	/* [c] where frames of IPv4, of IPv6 go: the gateway's, or the other port's */
	bool resolved;		/* [c] peers are known */
};

extern struct tport tport[TPORTS]; /* [I] after tports_open */
extern unsigned ntports;	   /* [I] 1 or 2 */

/* => any thread; do the two go together?  0 or -EINVAL with err */
int tports_check(const struct tport_spec *, unsigned n, char *err, size_t errlen);
/*
 * => control, from main's level; attaches the devices, raises them, waits for links (bounded: wait seconds) and for the
 *    gateways' link addresses.  0 or -errno with err naming the option (-T, -R), the device and the reason
 */
int tports_open(const struct tport_spec *, unsigned n, double wait, char *err, size_t errlen);
void tports_close(void);
/* => control; asks again for the gateways (a reset of the DUT); 0, or -EHOSTUNREACH with err */
int tports_resolve(double wait, char *err, size_t errlen);
/*
 * => control; the port stands for the addresses of flows or replayed packets that lie in its network (ARP, ND, echo):
 *    sources at the port that sends, destinations at the other; 0 or -ENOMEM
 */
int tports_own(unsigned dir, const struct traffic *);
/* => control; what a direction's frames begin with and its default addresses */
void tports_link(unsigned dir, struct traffic_link *);

#endif
