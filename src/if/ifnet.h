/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interfaces.
 *
 * Synchronization: control makes, changes and destroys; workers read through ifnet_get() within a loop (RCU).
 * Lifetime: if_detach unlinks and marks dead; the memory is freed after a grace period; what waits in rings names an
 * interface by index and generation.
 */
#ifndef SMPNET_IFNET_H
#define SMPNET_IFNET_H

#include <netinet/in.h>
#include <sys/queue.h>

#include "mp/mp.h"
#include "pkt/pkt.h"

#define IFNAMSIZ_SMP 16

/* NetBSD's flag values, as ifconfig prints them */
#define IFF_SMP_UP	  0x0001
#define IFF_SMP_BROADCAST 0x0002
#define IFF_SMP_DEBUG	  0x0004
#define IFF_SMP_LOOPBACK  0x0008
#define IFF_SMP_P2P	  0x0010
#define IFF_SMP_RUNNING	  0x0040
#define IFF_SMP_NOARP	  0x0080
#define IFF_SMP_PROMISC	  0x0100
#define IFF_SMP_ALLMULTI  0x0200
#define IFF_SMP_OACTIVE	  0x0400
#define IFF_SMP_SIMPLEX	  0x0800
#define IFF_SMP_LINK0	  0x1000
#define IFF_SMP_LINK1	  0x2000
#define IFF_SMP_LINK2	  0x4000
#define IFF_SMP_MULTICAST 0x8000

enum if_type { IFT_SMP_ETHER, IFT_SMP_LOOP, IFT_SMP_TUNNEL };
enum if_linkstate { LINK_UNKNOWN, LINK_DOWN, LINK_UP };

/* What each packet counts shares a line; two lines a thread, since processors fetch them in pairs. */
struct if_stats { /* [w] one per thread */
	uint64_t ipackets, ibytes, imcasts, opackets, obytes, omcasts;
	uint64_t ierrors, idrops, noproto, oerrors, odrops, collisions;
	uint64_t pad[4];
} __attribute__((aligned(128)));

struct group_if;
struct ifaddr;
struct ifnet;

struct if_lladdr { /* [c] all: a link address that the interface may use */
	TAILQ_ENTRY(if_lladdr) list;
	uint64_t word; /* as if_lladdr */
};

/* The type's operations.  Any may be NULL. */
struct if_ops {
	const char *type;
	/*
	 * => worker; n frames (Ethernet) or packets (others) for this interface, from its transmit buffer.  Takes all:
	 * sent, or dropped with a reason.  Counts if_stats' o*.
	 */
	void (*transmit)(struct worker *, struct ifnet *, struct rte_mbuf **, unsigned n);
	/* => worker; at the end of a loop in which transmit was called; may be NULL */
	void (*flush)(struct worker *, struct ifnet *);
	/* => control; the interface goes up or down, 0 or -errno */
	int (*up)(struct ifnet *);
	void (*down)(struct ifnet *);
	/* => control; ifconfig IF destroy; after if_detach() the softc is freed from done.  0 or -errno */
	int (*destroy)(struct ifnet *);
	int (*set_mtu)(struct ifnet *, uint32_t);
	int (*set_lladdr)(struct ifnet *, const uint8_t *);
	int (*set_promisc)(struct ifnet *, bool);
	int (*set_allmulti)(struct ifnet *, bool);
	/* => control; the group addresses whose frames are wanted, in place of those told before; 0 or -errno */
	int (*set_groups)(struct ifnet *, const uint8_t (*mac)[6], unsigned n);
	int (*set_media)(struct ifnet *, const char *media); /* "none", "auto" */
	/* => control; the segment's file of a shmif, NULL: leave it; 0 or -errno with err filled */
	int (*set_linkstr)(struct ifnet *, const char *, char *err, size_t errlen);
	/* => control; receive and transmit queues from now on; 0 or -errno */
	int (*set_queues)(struct ifnet *, unsigned);
	/* => control; adds type-specific members to if.list's object and type-specific lines' data */
	void (*status)(struct ifnet *, void *json_object);
	/* => control; adds what the device itself counts */
	void (*add_stats)(const struct ifnet *, struct if_stats *);
	/* => control; appends the command lines that recreate the interface (config.save), without addresses */
	void (*save)(struct ifnet *, void (*line)(void *, const char *), void *);
};

enum if_urpf { IF_URPF_OFF, IF_URPF_STRICT, IF_URPF_LOOSE };

struct ifnet {
	/* read by workers */
	uint16_t if_index;	       /* [I] */
	uint8_t if_gen;		       /* [I] of the index */
	uint8_t if_type;	       /* [I] enum if_type */
	_Atomic uint32_t if_flags;     /* [a] IFF_SMP_* */
	_Atomic uint32_t if_mtu;       /* [a] */
	_Atomic uint32_t if_linkstate; /* [a] enum if_linkstate */
	_Atomic uint64_t if_lladdr;    /* [a] six octets in memory order in the low end; 0: none */
	_Atomic bool if_dead;	       /* [a] being destroyed, and not up any more */
	_Atomic uint8_t if_urpf;       /* [a] enum if_urpf: is the way back to sources looked at? */
	bool if_noflush;	       /* [I] nothing to be done at the end of a loop: ops->flush need not be called */
	_Atomic uint32_t if_capture;   /* [a] capture streams that want copies */
	const struct if_ops *if_ops;   /* [I] */
	void *if_softc;		       /* [I] the type's own */
	struct if_stats *if_stats;     /* [w] MP_MAXTHREADS of them */
	void *_Atomic if_proto[8];     /* [r] per-interface state of protocols for workers, by enum if_proto_slot */
	_Atomic uint16_t if_txworker;  /* [a] the worker that control hands its own frames to */
	/* control's */
	char if_xname[IFNAMSIZ_SMP];		  /* [I] */
	uint64_t if_serial;			  /* [I] its place in the order of attachment */
	uint32_t if_metric;			  /* [c] */
	uint32_t if_promisc_refs;		  /* [c] */
	bool if_user_promisc;			  /* [c] one of them is the administrator's */
	bool if_user_mtu, if_user_lladdr;	  /* [c] set by the administrator: configuration */
	uint64_t if_hwaddr;			  /* [c] the device's own link address */
	TAILQ_HEAD(, if_lladdr) if_lladdrs;	  /* [c] others that were added, in order, active or not */
	uint32_t if_allmulti_refs;		  /* [c] */
	struct group_if *if_groups[2];		  /* [c] multicast groups: IPv4's, IPv6's; ip/group_ctl.c's */
	struct if_stats if_zero;		  /* [c] subtracted when displayed (ifconfig -z) */
	TAILQ_HEAD(ifaddr_head, ifaddr) if_addrs; /* [c] in order of addition */
	TAILQ_ENTRY(ifnet) if_list;		  /* [c] */
	struct mp_deferred if_deferred;		  /* [c] */
	void (*if_detached)(struct ifnet *); /* [c] runs on control when no thread can hold the interface any more */
};

/*
 * A worker's transmit buffer of one interface.  Control makes it before the interface is published and never frees it:
 * the next interface with the index uses it again.  It is empty whenever its worker reports quiescence.
 */
struct mp_txbuf {
	struct ifnet *ifp;	     /* [w] valid while dirty */
	uint16_t n;		     /* [w] */
	bool dirty;		     /* [w] in the worker's txdirty list */
	struct rte_mbuf *m[PKT_VEC]; /* [w] */
};

/*
 * Frames that a worker's turn has received and not carried on yet, by runs of one interface each.  Empty at the turn's
 * end: several interfaces with few packets each make one vector, and none waits for another turn.
 */
struct mp_rxvec {
	struct pktvec v; /* [w] n is worker.nrx until they are carried on */
	unsigned nruns;	 /* [w] */
	struct if_run {
		struct ifnet *ifp;
		uint16_t queue, n; /* of the device, frames */
	} run[PKT_VEC];		   /* [w] */
};

/*
 * What an owner of if_proto[IF_SLOT_x] publishes there it frees itself: after the last ip_ifaddr_changed() and
 * ip6_ifaddr_changed() of an interface, called with if_dead set and no addresses left, the slot must be NULL.
 */
enum if_proto_slot { IF_SLOT_IP, IF_SLOT_IP6, IF_SLOT_BRIDGE };

TAILQ_HEAD(ifnet_head, ifnet);
extern struct ifnet_head ifnet_list;		    /* [c] in order of index */
extern struct ifnet *_Atomic ifnet_table[MP_MAXIF]; /* [r] by index */

/* => any thread in a read section (worker loop, control); NULL if there is none */
static inline struct ifnet *
ifnet_get(uint16_t index)
{
	return atomic_load_explicit(&ifnet_table[index], memory_order_acquire);
}

static inline struct if_stats *
if_stats_of(struct ifnet *ifp, struct worker *w)
{
	return &ifp->if_stats[w->id];
}

/* => control.  if_alloc makes an unpublished interface (0 flags, mtu 1500); the caller sets ops, softc, lladdr, flags,
 * mtu; if_attach publishes it and tells the protocols; 0, -EEXIST, -ENOSPC, -ESHUTDOWN (the daemon ends). */
struct ifnet *if_alloc(const char *xname, enum if_type type);
int if_attach(struct ifnet *);
void if_free(struct ifnet *); /* => control; undoes if_alloc of an interface that was not attached */
/* => control; destruction in the numbered order above its definition; detached runs at the end */
void if_detach(struct ifnet *, void (*detached)(struct ifnet *));
/* => control; the serial of the interface attached last */
uint64_t ifnet_serial(void);
struct ifnet *ifnet_by_name(const char *xname);
/* => control, at start and at the end (when no interface is left); 0 or -errno */
int ifnet_init(void);
void ifnet_fini(void);
/* => control, when routing and the protocols are initialised; makes lo0 with its addresses; 0 or -errno */
int if_lo_create(void);
/* => control; "ifconfig NAME create" and "ifconfig NAME destroy"; 0 or -errno with err filled */
int if_create(const char *xname, char *err, size_t errlen);
int if_destroy(struct ifnet *, char *err, size_t errlen);
/*
 * => control, at the end, while the workers run: destroys every interface.  Devices are given back when
 * mp_deferred_pending() and mp_helper_pending() are both 0; the event loop must go on until then.
 */
void ifnet_destroy_all(void);
int if_set_flags(
    struct ifnet *, uint32_t set, uint32_t clear);	      /* => control; UP runs ops->up and tells the protocols */
void if_link_state_change(struct ifnet *, enum if_linkstate); /* => control */
int if_set_lladdr(struct ifnet *, const uint8_t lladdr[6]);
int if_set_mtu(struct ifnet *, uint32_t);
int if_promisc(struct ifnet *, bool on);  /* => control; counted */
int if_allmulti(struct ifnet *, bool on); /* => control; counted */
void if_stats_sum(const struct ifnet *, struct if_stats *);

/* => worker; a mixed vector of finished frames, meta.oif set; takes all; the vector is empty afterwards */
void if_transmit(struct worker *, struct pktvec *);
/* => worker; the same for one packet */
void if_transmit_one(struct worker *, struct ifnet *, struct rte_mbuf *);
/* => worker; once per loop: everything in the transmit buffers goes to the devices */
void if_flush(struct worker *);
/* => worker; frames just received on ifp (by a device): counts, sets metadata, carries them to ether_input */
void if_input(struct worker *, struct ifnet *, struct pktvec *);
/* => worker; the same for all that if_received added in this turn (the engine's hook) */
void if_receive(struct worker *);

/* => worker; where a device's poll puts its frames: *room, at least half a vector, a multiple of eight (some drivers
 * take no others) */
static inline struct rte_mbuf **
if_receive_room(struct worker *w, uint16_t *room)
{
	*room = (PKT_VEC - w->nrx) & ~7u;
	return w->rx->v.m + w->nrx;
}

/* => worker; the poll of a queue brought n frames, n > 0: they go on when there is half a vector, or at the end of the polls */
static inline void
if_received(struct worker *w, struct ifnet *ifp, uint16_t queue, uint16_t n)
{
	struct mp_rxvec *rx = w->rx;

	rx->run[rx->nruns++] = (struct if_run){.ifp = ifp, .queue = queue, .n = n};
	w->nrx += n;
	if (w->nrx > PKT_VEC / 2)
		mp_hooks.receive(w);
}
/* => control; a finished frame of our own for ifp: handed to a worker's inbox */
void if_ctl_transmit(struct ifnet *, struct rte_mbuf *);

/* Creators: "ifconfig NAME create" for each kind, in one list in if_create_ctl.c */
struct if_kind {
	const char *prefix;					    /* "shmif" */
	int (*create)(const char *xname, char *err, size_t errlen); /* 0 or -errno */
};
extern const struct if_kind if_kinds[]; /* ends with prefix NULL */

/*
 * Addresses.  if_addr_ctl.c owns them; protocols are told by plain calls (in_ifaddr_*, in6_ifaddr_*; see
 * if_addr_ctl.c).
 */
#define IFA_TENTATIVE  0x01
#define IFA_DUPLICATED 0x02
#define IFA_DETACHED   0x04
#define IFA_DEPRECATED 0x08
#define IFA_ANYCAST    0x10
#define IFA_AUTOCONF   0x20
#define IFA_TEMPORARY  0x40
#define IFA_LINKLOCAL  0x80  /* made by ourselves (auto_linklocal): not configuration */
#define IFA_INTERNAL   0x100 /* not configuration: lo0's own */
#define IFA_OFFLINK    0x200 /* says nothing about what is on the link: no connected route (RFC 5942) */
#define IFA_UNLISTED   0x400 /* its prefix is not shown (ndp -P) */
#define IFA_NOTREADY   (IFA_TENTATIVE | IFA_DUPLICATED | IFA_DETACHED)

union in_any {
	struct in_addr in4;
	struct in6_addr in6;
};

struct ifaddr { /* [c] all */
	TAILQ_ENTRY(ifaddr) ifa_list;
	struct ifnet *ifa_ifp;
	uint8_t ifa_family; /* AF_INET, AF_INET6 */
	uint8_t ifa_plen;
	bool ifa_has_dst; /* point-to-point: ifa_dst is the peer */
	bool ifa_has_brd;
	uint32_t ifa_flags;    /* IFA_* */
	union in_any ifa_addr; /* link-local IPv6 without an embedded zone: the zone is the interface */
	union in_any ifa_dst;
	union in_any ifa_brd;
	uint64_t ifa_preferred, ifa_valid; /* mp_now_ms() when the lifetime ends; UINT64_MAX or 0 in a spec: infinite */
	void *ifa_dad;			   /* DAD's state, neigh's */
	void *ifa_rt;			   /* the routes of the address, route's */
	struct event *ifa_timer;	   /* the next end of a lifetime, NULL: none */
	bool ifa_announce;		   /* the link is back: neighbours are told when the address is usable */
	bool ifa_user_deprecated;	   /* deprecated by the administrator, not by time */
};

/*
 * => control; an address that is there already (same family and address) is replaced, keeping its place.
 * 0 or -errno: EINVAL, EADDRNOTAVAIL (multicast, unspecified, ...), EEXIST (another interface has it), ENOMEM
 */
int if_addr_add(struct ifnet *, const struct ifaddr *spec);
int if_addr_delete(struct ifnet *, int family, const union in_any *);
void if_addr_delete_all(struct ifnet *, int family); /* AF_UNSPEC: all */
/* => control; the address of ours, usable (not tentative, duplicated, detached) if usable is set; ifp NULL: any (IPv6
 * link-local needs one) */
struct ifaddr *if_addr_find(struct ifnet *, int family, const union in_any *, bool usable);
/* => control; source address for a destination through ifp (RFC 6724's main rules) or NULL */
struct ifaddr *if_addr_select(struct ifnet *, int family, const union in_any *dst);
/* => the same where the next hop is known, or NULL: IPv4's source is of its network, IPv6's of a prefix it advertises */
struct ifaddr *if_addr_select_via(struct ifnet *, int family, const union in_any *dst, const union in_any *via);

/* => control; the link that the address belongs to is another one now, or is back: then it is checked again */
void if_addr_set_detached(struct ifaddr *, bool);
/* => control, from DAD: the address is free (or DAD was off), or another host has it */
void if_addr_dad_done(struct ifaddr *, bool duplicated);
/* => control; the interface went up or down, its link did, its link address changed: the addresses follow */
void if_addr_ifnet_up(struct ifnet *);
void if_addr_ifnet_down(struct ifnet *);
void if_addr_link(struct ifnet *, enum if_linkstate);
void if_addr_lladdr(struct ifnet *);

/* => control; the command lines that recreate all interfaces and their addresses (config.save) */
void if_config_save(void (*line)(void *, const char *), void *arg);

#endif
