/* SPDX-License-Identifier: BSD-2-Clause */
/* What ethdev.c (workers), ethdev_setup.c (helper threads) and ethdev_ctl.c (control) share. */
#ifndef SMPNET_ETHDEV_VAR_H
#define SMPNET_ETHDEV_VAR_H

#include <sys/queue.h>

#include "dev/port.h"
#include "mp/mp.h"

#define ETHDEV_MAXGROUPS 64 /* in the device's filter; more: it passes all groups */

struct rte_device;

struct ethdev {
	/* read by workers */
	uint16_t port_id; /* [I] DPDK's */
	/* control's and the helper threads', one after the other */
	struct port *port;	   /* [I] */
	struct rte_device *device; /* [I] while probed */
	char *devstr;		   /* [I] as the user gave it */
	char device_name[64];	   /* [I] "net_pcap0" */
	char driver[64];	   /* [I] "net_pcap" */
	char ifname[16];	   /* [c] as asked for, or chosen */
	unsigned queues;	   /* [I] as asked for, 0: as many as workers */
	uint16_t max_rxq, max_txq; /* [I] what the device has */
	uint16_t nrxd, ntxd;	   /* [I] descriptors of a queue */
	unsigned fill;		   /* [I] buffers that one receive queue takes at start */
	bool multi_segs;	   /* [I] chains can be sent as they are */
	bool started;		   /* [c] or the helper thread's, who runs */
	bool passes_groups;	   /* [c] the device passes the frames of all groups */
	bool allmulti;		   /* [c] it is to */
	bool attached;		   /* [c] */
	int error;		   /* [c] of the helper's part */
	char message[256];	   /* [c] likewise */
	void (*done)(void *arg, struct ifnet *, int error, const char *msg); /* [I] */
	void *arg;							     /* [I] */
	LIST_ENTRY(ethdev) list;					     /* [c] */
};

/* => helper thread; finds the device and its driver; fills ed->error and message */
void ethdev_probe(struct ethdev *);
/* => helper thread that was granted buffers; configures queues (port->nrxq, ntxq) and starts */
void ethdev_setup(struct ethdev *);
/* => helper thread; stops, closes and removes what probe and setup made, as far as they came */
void ethdev_release(struct ethdev *);

uint16_t ethdev_rx_burst(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
uint16_t ethdev_tx_burst(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
uint16_t ethdev_tx_burst_linear(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);

int ethdev_init(void);
void ethdev_fini(void);

#endif
