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
