/* SPDX-License-Identifier: BSD-2-Clause */
/* What tap.c (workers) and tap_ctl.c (control) share. */
#ifndef SMPNET_DEV_TAP_VAR_H
#define SMPNET_DEV_TAP_VAR_H

#include <stdbool.h>
#include <stdint.h>

#include "dev/port.h"

#define TAP_MTU_MAX 9000
#define TAP_IDLE    16 /* polls between two looks at a descriptor that had nothing */

struct tap_softc {
	struct port *port; /* [I] */
	int fd;		   /* [I] of /dev/net/tun; any thread may write to it */
	int epfd;	   /* [I] holds fd, until the kernel's device is gone */
	int ifindex;	   /* [I] of the kernel's device */
	unsigned idle;	   /* [w] polls to skip */
	bool dead;	   /* [w] the kernel's device is gone */
	uint8_t *rest;	   /* [w] of a frame longer than a buffer */
};

uint16_t tap_rx_burst(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
uint16_t tap_tx_burst(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
bool tap_rx_arm(struct port *, uint16_t q);
void tap_rx_disarm(struct port *, uint16_t q);

#endif
