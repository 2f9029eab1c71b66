/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A port: a device that moves Ethernet frames, with queues.  Drivers (ethdev, linux, shmif, tap, gen) fill a struct
 * port_ops; port.c makes a struct ifnet of it, gives each queue to a worker and carries packets between the two.
 *
 * Synchronization: each receive queue is polled by one worker, each transmit queue is filled by one worker; a queue's
 * state is that worker's ([w]).  Workers without a transmit queue of their own hand packets to the owner's inbox.
 * Lifetime: port_attach publishes, port_detach: see the numbered order above it.
 */
#ifndef SMPNET_PORT_H
#define SMPNET_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct port;
struct worker;
struct ifnet;
struct rte_mbuf;

enum port_media { PORT_MEDIA_NONE, PORT_MEDIA_AUTO };

struct port_link {
	bool up;
	uint32_t mbps; /* 0: unknown */
	bool full_duplex;
};

struct port_ops {
	const char *kind; /* "shmif", "xdp", "eth", "tap", "gen" */

	/*
	 * => helper thread or control; queue counts are in port->nrxq, ntxq (already cut to what the device has).
	 * rxworker[q] is the worker whose pool receive queue q allocates from.  0 or -errno with err filled.
	 */
	int (*start)(struct port *, char *err, size_t errlen);
	/* => control; the interface goes up (0 or -errno), before its flag says so; went down.  Each may be NULL */
	int (*up)(struct port *);
	void (*down)(struct port *);
	/* => control; a detach begins: the driver's own timers and events must let go of the port.  May be NULL */
	void (*detaching)(struct port *);
	/* => helper thread or control; no worker polls or transmits any more; gives back every buffer */
	void (*stop)(struct port *);
	/* => helper thread or control; frees the device's state (priv); port.c frees the struct port itself, from
	 * malloc */
	void (*close)(struct port *);

	/* => control; the last call, after close and before port.c frees the port.  May be NULL */
	void (*closed)(struct port *);

	/* => the queue's worker; up to n frames from the worker's own pool (mp_self->pool); returns how many */
	uint16_t (*rx_burst)(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
	/* => the queue's worker; takes the first k <= n frames (frees them when sent); returns k */
	uint16_t (*tx_burst)(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
	/* => control; the queue's pollable descriptor, or -1 */
	int (*rx_fd)(struct port *, uint16_t q);
	/* => the queue's worker, before sleeping: ask for a wake-up through rx_fd; true if a frame is there already.
	 * May be NULL. */
	bool (*rx_arm)(struct port *, uint16_t q);
	void (*rx_disarm)(struct port *, uint16_t q); /* may be NULL */
	/* => the queue's worker; once per loop when frames were sent: kick, reclaim. May be NULL. */
	void (*tx_flush)(struct port *, uint16_t q);

	/* => control; each may be NULL; 0 or -errno */
	int (*link)(struct port *, struct port_link *);
	int (*set_promisc)(struct port *, bool);
	int (*set_allmulti)(struct port *, bool);
	/* the group addresses whose frames are wanted, in place of those told before */
	int (*set_groups)(struct port *, const uint8_t (*mac)[6], unsigned n);
	int (*set_lladdr)(struct port *, const uint8_t *);
	int (*set_mtu)(struct port *, uint32_t);
	int (*set_media)(struct port *, enum port_media);
	/* => control; a shmif's file, NULL: leave it; 0 or -errno with err filled */
	int (*set_linkstr)(struct port *, const char *, char *err, size_t errlen);
	/* => control; adds members to if.list's object (json_t *): device, driver, linkstr, mediaactive ("1000baseT")
	 * ... */
	void (*status)(struct port *, void *json_object);
	/* => control; the command lines that recreate the interface; NULL: "ifconfig NAME create" */
	void (*save)(struct port *, void (*line)(void *, const char *), void *);
};

#define PORT_MAXQ 32

struct port {
	const struct port_ops *ops;   /* [I] */
	void *priv;		      /* [I] the driver's */
	char name[64];		      /* [I] the device's name, as the user gave it */
	uint8_t lladdr[6];	      /* [I] the device's own address */
	uint32_t mtu_max;	      /* [I] largest MTU (Ethernet payload) the device carries */
	uint16_t nrxq, ntxq;	      /* [I] after start */
	uint16_t rxworker[PORT_MAXQ]; /* [I] worker id of each receive queue */
	uint16_t txworker[PORT_MAXQ]; /* [I] worker id of each transmit queue */
	struct ifnet *ifp;	      /* [c] set by port_attach */
	struct port_if *pif;	      /* [c] port.c's own state */
	/* counted by the driver; [w] per queue: a queue's receiving and sending workers may be two, hence the gaps */
	struct port_qstats {
		uint64_t rx_errors, rx_nobuf, rx_missed;
		uint64_t gap[8];
		uint64_t tx_errors;
		uint64_t pad[8];
	} qstats[PORT_MAXQ];
};

/*
 * => control; makes an interface of a started port: ifname is the name ("shmif0"), type an IFT_ETHER.  Takes the port;
 * on an error (-EEXIST, -ENOSPC, -ENOMEM) the port stays the caller's.
 */
int port_attach(struct port *, const char *ifname, struct ifnet **);
/*
 * => control; unlinks the interface, waits a grace period, drains, then stops and closes the port on a helper thread.
 * done (may be NULL) runs on control when all is given back.
 */
void port_detach(struct port *, void (*done)(void *), void *arg);
/* => control; the port behind an interface; NULL: it is none of a port */
struct port *port_of_ifnet(struct ifnet *);
/* => control, from any device event: re-reads the link and tells the interface */
void port_link_changed(struct port *);
/* => control, before start: fills rxworker and txworker for nrxq and ntxq queues, from the least loaded workers */
void port_place_queues(struct port *);
/* => control; takes the placement back: when the port could not be started or attached (port_detach does it itself) */
void port_unplace_queues(struct port *);

#endif
