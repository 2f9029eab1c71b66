/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux interfaces as ports, by AF_XDP or AF_PACKET.
 *
 * Nothing that is done to the interface outlives the process, however it ends: the XDP program and what keeps Linux
 * silent hang at descriptors (BPF links, or an nftables table with an owner), promiscuity at a socket's membership; an
 * interface that we raised is lowered by a keeper process that sees our end of a pipe close.  Offloads, addresses and
 * routes are never touched.
 */
#ifndef SMPNET_DEV_LINUX_H
#define SMPNET_DEV_LINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/port.h"

struct rte_mempool;

enum linux_via { LINUX_VIA_AUTO, LINUX_VIA_XDP, LINUX_VIA_PACKET };

struct linux_options {
	unsigned queues; /* 0: as many as workers */
	unsigned nworkers;
	bool take; /* although Linux uses it */
	enum linux_via via;
};

/* What keeps Linux off the interface: descriptors, that is all there is to it. */
struct linux_quiet {
	int ingress, egress; /* tcx links, or -1 */
	int nft;	     /* netlink socket that owns the table, or -1 */
};

struct linux_packet;
struct linux_xdp;

/*
 * When a receive queue's worker looks, and what it sleeps on.
 *
 * Sleeping: an epoll set holds the queue's sockets.  While a socket is in an epoll set, each packet that the kernel moves
 * through it, in either direction, runs the set's callback, which is a fifth of the kernel's time.  So a worker that stays
 * awake takes its sockets out.
 *
 * Looking: each look at a ring that the kernel is filling takes the ring's cache lines from the kernel's CPU, and a handful of
 * packets at a time costs a system call per handful at the other end.  So while packets come densely, the worker lets some
 * gather before it looks again.  Single packets and moderate traffic are taken at once.
 */
#define LINUX_WAIT_POLLS 512 /* polls without a sleep until the sockets leave the set: more than a worker spins idle */
#define LINUX_PACE_BATCH 32u /* packets to gather */
#define LINUX_PACE_US	 16u /* but no longer than this */
#define LINUX_PACE_DENSE 4u  /* us between packets: more is not dense */

struct linux_wait {
	int epfd;	/* [I] after start, or -1 */
	unsigned nfd;	/* [I] after start */
	uint64_t us;	/* [I] TSC ticks */
	uint32_t polls; /* [w] since the worker last wanted to sleep */
	bool in;	/* [w] sockets are in the set */
	uint64_t took;	/* [w] when packets were last taken, TSC */
	uint64_t hold;	/* [w] no look before this, TSC */
	int fd[64];	/* [I] after start */
};

/* A transmit queue by AF_PACKET */
struct linux_tx {
	int fd; /* [I] or -1 */
};

struct linux_port {
	char ifname[16];	       /* [I] in Linux (IFNAMSIZ; net/if.h and if/ifnet.h exclude each other) */
	int ifindex;		       /* [I] */
	uint32_t mtu;		       /* [I] when attached */
	unsigned devrxq;	       /* [I] receive queues of the device */
	struct linux_options opts;     /* [I] */
	struct linux_quiet quiet;      /* [I] after start */
	int lockfd;		       /* [I] abstract socket: one attachment per interface and network namespace */
	int memberfd;		       /* [I] memberships: promiscuous, all multicast, our link address */
	int keeperfd;		       /* [I] our end of the keeper's socket, or -1 */
	bool promisc;		       /* [c] */
	bool raised;		       /* [I] after start: it was down in Linux, and goes down again */
	int keeperpid;		       /* [I] */
	struct linux_packet *packet;   /* [I] after start */
	struct linux_xdp *xdp;	       /* [I] after open */
	struct linux_tx tx[PORT_MAXQ]; /* [I] after start */
	uint8_t lladdr_member[6];      /* [c] the address whose membership we hold */
	bool has_lladdr_member;	       /* [c] */
};

/*
 * => helper thread; opens the interface without receiving: checks that it is free, chooses the path, fills queue counts.
 * *portp is closed by ops->close.  0 or -errno with err filled.
 */
int linux_open(const char *ifname, const struct linux_options *, struct port **portp, char *err, size_t errlen);
/* => any thread; is there a Linux interface of that name in our network namespace? */
bool linux_exists(const char *ifname);

/* linux_ctl.c */
/*
 * => control; port has its interface (tap or ours); changes of Linux's link ifindex are told from here on as long as there is
 * an interface; 0 or -errno
 */
int linux_watch(struct port *, int ifindex);
/* => control; as port_ops' detaching */
void linux_unwatch(struct port *);
/* => control, at the end */
void linux_fini(void);

/* port_ops of both paths; => control */
int linux_link_get(struct port *, struct port_link *);
int linux_set_promisc(struct port *, bool);
int linux_set_allmulti(struct port *, bool);
int linux_set_lladdr(struct port *, const uint8_t *);
void linux_status(struct port *, void *json_object);
void linux_save(struct port *, void (*line)(void *, const char *), void *);

/* linux_port.c: adds or drops (PACKET_*_MEMBERSHIP) what the device is to accept; gone with the socket; 0 or -errno */
int linux_membership(const struct linux_port *, int what, int type, const uint8_t *lladdr);

/* linux_nl.c: questions to the kernel.  => helper thread or control */
struct linux_ifinfo {
	unsigned flags; /* IFF_* */
	uint32_t mtu;
	uint8_t lladdr[6];
	bool ether;
	unsigned nrxq;
	unsigned xdp_prog; /* id of an attached program, or 0 */
};
int linux_ifinfo(int ifindex, struct linux_ifinfo *);
/* => text names the address or route by which Linux uses the interface; true if it does */
bool linux_in_use(int ifindex, char *text, size_t len);
int linux_link(int ifindex, struct port_link *); /* -ENODEV: gone */
int linux_ethtool_rxqueues(const char *ifname);
bool linux_ethtool_rxvlan(const char *ifname);

/* linux_quiet.c.  => helper thread or control; 0 or -errno.  ingress: also what arrives (AF_PACKET only sees copies) */
int linux_quiet_start(struct linux_quiet *, const char *ifname, int ifindex, bool ingress);
void linux_quiet_stop(struct linux_quiet *);

/* linux_tx.c: transmission by AF_PACKET, past queueing disciplines and taps; frames carry the mark (linux_quiet.c) */
#define LINUX_TX_MARK 0x736d706e
int linux_tx_open(struct linux_tx *, int ifindex); /* 0 or -errno */
void linux_tx_close(struct linux_tx *);
/* => the queue's worker; as port_ops' tx_burst */
uint16_t linux_tx_burst(struct linux_tx *, struct rte_mbuf **, uint16_t n, uint64_t *errors);

/* linux_wait.c */
/* => helper thread; 0 or -errno; close is for whatever open left, and for a zeroed one whose epfd is -1 */
int linux_wait_open(struct linux_wait *);
void linux_wait_close(struct linux_wait *);
/* => helper thread, before the queue is polled */
void linux_wait_add(struct linux_wait *, int fd);
/* => the queue's worker, which is about to sleep, before it looks for packets a last time */
void linux_wait_arm(struct linux_wait *);
void linux_wait_leave(struct linux_wait *);

/* => the queue's worker, at each poll; now is its turn's TSC; true: not yet */
static inline bool
linux_wait_hold(struct linux_wait *lw, uint64_t now)
{
	if (__builtin_expect(lw->in && ++lw->polls >= LINUX_WAIT_POLLS, 0))
		linux_wait_leave(lw);
	return now < lw->hold;
}

/* => the queue's worker: n > 0 packets were taken */
static inline void
linux_wait_took(struct linux_wait *lw, uint64_t now, unsigned n)
{
	uint64_t since = now - lw->took;

	lw->took = now;
	if (n >= LINUX_PACE_BATCH || since > n * LINUX_PACE_DENSE * lw->us)
		return;
	since = since * LINUX_PACE_BATCH / n;
	lw->hold = now + (since < LINUX_PACE_US * lw->us ? since : LINUX_PACE_US * lw->us);
}

/* linux_packet.c */
int linux_packet_start(struct port *, char *err, size_t errlen);
void linux_packet_stop(struct port *);
uint16_t linux_packet_rx_burst(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
bool linux_packet_rx_arm(struct port *, uint16_t q);
int linux_packet_rx_fd(struct port *, uint16_t q);

/* linux_xdp_prog.c: the program for a map of sockets; a descriptor or -errno; *tags: it keeps vlan tags beside the frame */
int linux_xdp_prog_load(int map, int ifindex, bool *tags);

/* linux_xdp.c: open loads and attaches the program (helper); -EOPNOTSUPP and others: refused */
int linux_xdp_open(struct linux_port *, char *err, size_t errlen);
void linux_xdp_close(struct linux_port *);
int linux_xdp_start(struct port *, char *err, size_t errlen);
void linux_xdp_stop(struct port *);
uint16_t linux_xdp_rx_burst(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
bool linux_xdp_rx_arm(struct port *, uint16_t q);
int linux_xdp_rx_fd(struct port *, uint16_t q);
uint16_t linux_xdp_tx_burst(struct port *, uint16_t q, struct rte_mbuf **, uint16_t n);
void linux_xdp_tx_flush(struct port *, uint16_t q);

/* Says what an errno means here, with what: "eth1: no permission (needs CAP_NET_RAW and CAP_NET_ADMIN)"; returns -errno. */
int linux_fail(char *err, size_t errlen, const char *ifname, int error, const char *what);

#endif
