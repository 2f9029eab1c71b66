/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The neighbour cache, as its own files share it.
 *
 * Synchronization: control is the only reader and writer of everything here except struct neigh_worker.  Workers see a
 * neighbour through its next hop only.
 * Lifetime: a neighbour lives while it is in the hash; see neigh_free() in neigh_ctl.c.
 */
#ifndef SMPNET_NEIGH_VAR_H
#define SMPNET_NEIGH_VAR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "ether/ether.h"
#include "if/ifnet.h"
#include "mp/mp.h"
#include "pkt/pkt.h"

/* What a worker told control lately, so that it does not repeat itself. */
#define NEIGH_TOLD    256
#define NEIGH_TOLD_MS 100

struct neigh_told {
	uint64_t since; /* [w] ms */
	uint32_t key;	/* [w] */
	uint32_t count; /* [w] packets told since then */
};
struct neigh_worker {			    /* w->proto[MP_SLOT_NEIGH] */
	struct neigh_told told[NEIGH_TOLD]; /* [w] */
};

/* Timers of the control thread: a heap by time, one event of the event loop for the earliest. */
struct neigh_timer {
	uint64_t nt_when;				   /* [c] ms */
	uint32_t nt_pos;				   /* [c] place in the heap, from 1; 0: not set */
	void (*nt_fn)(struct neigh_timer *, uint64_t now); /* [c] */
};
int neigh_timer_init(void);
void neigh_timer_fini(void);
int neigh_timer_adopt(void);
void neigh_timer_disown(struct neigh_timer *);
void neigh_timer_set(struct neigh_timer *, uint64_t when);
void neigh_timer_stop(struct neigh_timer *);
/* => control; runs what is due; returns ms until the next, or -1 */
int64_t neigh_timer_run(uint64_t now);
extern uint64_t (*neigh_clock)(void); /* [c] mp_now_ms; tests have their own */
uint32_t neigh_random(uint32_t below);

/* Neighbour states: RFC 4861 section 7.3.2, for both families, and some of our own. */
enum neigh_state {
	NEIGH_NONE,	  /* nothing known; routes name its next hop */
	NEIGH_INCOMPLETE, /* being asked for */
	NEIGH_REACHABLE,
	NEIGH_STALE,
	NEIGH_DELAY,
	NEIGH_PROBE,
	NEIGH_PERMANENT, /* set by hand */
	NEIGH_FAILED,	 /* did not answer; asked again after a while */
	NEIGH_NSTATES
};

#define NEIGH_F_PROXY  0x01 /* answered for, not used: lives beside a real entry of the same address */
#define NEIGH_F_PUB    0x02 /* answered for */
#define NEIGH_F_TEMP   0x04 /* set by hand, until n_expire */
#define NEIGH_F_ROUTER 0x08 /* says that it is a router (IPv6) */

#define NEIGH_NONE_MS	 10000	 /* how often an emptied entry is looked at: routes may have let go of it */
#define NEIGH_RETRY_MS	 2000	 /* after which one that routes of several paths wait for is asked again */
#define NEIGH_MAXENTRIES 1000000 /* of a family, whatever is set */
#define NEIGH_MAXQUEUE	 16	 /* packets that may wait for one neighbour, at most */

struct neigh {
	LIST_ENTRY(neigh) n_hash;		  /* [c] */
	TAILQ_ENTRY(neigh) n_order;		  /* [c] all, in the order of neigh_key_order() */
	struct neigh *n_left, *n_right;		  /* [c] the same as a treap */
	uint32_t n_prio;			  /* [c] */
	TAILQ_ENTRY(neigh) n_list;		  /* [c] its interface's list of the state, in order of entry */
	LIST_ENTRY(neigh) n_pub;		  /* [c] with NEIGH_F_PUB */
	struct neigh_home *n_home;		  /* [c] */
	uint64_t n_born;			  /* [c] neigh_serial when it was made or emptied */
	TAILQ_ENTRY(neigh) n_waits;		  /* [c] neighbours with packets, if n_qlen > 0 */
	struct neigh_timer n_timer;		  /* [c] */
	struct ifnet *n_ifp;			  /* [c] */
	union in_any n_addr;			  /* [c] */
	uint8_t n_family;			  /* [c] */
	uint8_t n_state;			  /* [c] enum neigh_state */
	uint8_t n_flags;			  /* [c] NEIGH_F_* */
	uint8_t n_tries;			  /* [c] requests sent in this state */
	uint8_t n_lladdr[ETHER_ADDRLEN];	  /* [c] valid in the states that neigh_usable() names */
	bool n_published;			  /* [c] the next hop is FORWARD */
	bool n_infib;				  /* [c] */
	uint32_t n_nh;				  /* [c] next hop index, one reference is ours; 0: proxy */
	uint64_t n_asked;			  /* [c] ms of the last request */
	uint64_t n_confirmed;			  /* [c] ms of the last sign of life */
	uint64_t n_expire;			  /* [c] ms, with NEIGH_F_TEMP */
	unsigned n_qlen;			  /* [c] */
	struct rte_mbuf *n_queue[NEIGH_MAXQUEUE]; /* [c] oldest first */
};
TAILQ_HEAD(neigh_list, neigh);

/* The neighbours of one interface and family. */
struct neigh_home {
	LIST_ENTRY(neigh_home) nm_link;		    /* [c] */
	struct neigh_list nm_list[NEIGH_NSTATES];   /* [c] in order of entry */
	unsigned nm_count[NEIGH_NSTATES], nm_total; /* [c] */
};

/* What names a neighbour, or an address of ours among them (neigh.list). */
enum neigh_key_kind { NEIGH_KEY_REAL, NEIGH_KEY_PROXY, NEIGH_KEY_OURS };
struct neigh_key {
	union in_any addr;
	uint16_t ifindex;
	uint8_t family;
	uint8_t kind; /* enum neigh_key_kind */
};

/* What differs between ARP and neighbour discovery. */
struct neigh_family {
	uint8_t nf_family;	       /* [I] */
	uint8_t nf_plen;	       /* [I] of a host route */
	_Atomic int *nf_reachable;     /* [a] ms, the base of RFC 4861's random value */
	_Atomic int *nf_retrans;       /* [a] ms */
	_Atomic int *nf_delay;	       /* [a] s */
	_Atomic int *nf_keep;	       /* [a] s */
	_Atomic int *nf_mmaxtries;     /* [a] */
	_Atomic int *nf_umaxtries;     /* [a] */
	_Atomic int *nf_maxqueue;      /* [a] */
	_Atomic int *nf_maxentries;    /* [a] */
	_Atomic int *nf_maxincomplete; /* [a] */
	enum mp_counter nf_dfrtotal, nf_dfrsent, nf_dfrdropped, nf_allocfail; /* [I] */
	/* => asks for n; prompt is a packet that waits for it, or NULL; unicast: to the link address that is known */
	void (*nf_solicit)(struct neigh *, struct rte_mbuf *prompt, bool unicast); /* [I] */
	LIST_HEAD(, neigh_home) nf_homes;					   /* [c] */
	unsigned nf_nhomes;							   /* [c] */
	unsigned nf_count[NEIGH_NSTATES];					   /* [c] */
	LIST_HEAD(, neigh) nf_published;					   /* [c] */
	unsigned nf_total;							   /* [c] */
};
extern struct neigh_family neigh_inet, neigh_inet6;

static inline struct neigh_family *
neigh_family(int family)
{
	return family == AF_INET ? &neigh_inet : &neigh_inet6;
}

/* The link address is known and used. */
static inline bool
neigh_usable(const struct neigh *n)
{
	return n->n_state >= NEIGH_REACHABLE && n->n_state <= NEIGH_PERMANENT;
}

static inline bool
neigh_is_linklocal(int family, const union in_any *a)
{
	return family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->in6);
}

static inline size_t
neigh_addrlen(int family)
{
	return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

static inline bool
neigh_if_running(const struct ifnet *ifp)
{
	return (atomic_load_explicit(&ifp->if_flags, memory_order_relaxed) & IFF_SMP_UP) != 0 &&
	       atomic_load_explicit(&ifp->if_linkstate, memory_order_relaxed) != LINK_DOWN;
}

/*
 * Published entries and addresses that are being checked: while there are any, workers let control see all of ARP.
 */
extern _Atomic uint32_t neigh_watch; /* [a] written by control */

static inline void
neigh_watch_add(int n)
{
	atomic_store_explicit(
	    &neigh_watch, atomic_load_explicit(&neigh_watch, memory_order_relaxed) + (uint32_t)n, memory_order_relaxed);
}

/* neigh_ctl.c: the cache.  All on control. */
struct neigh *neigh_find(const struct ifnet *, int family, const union in_any *, bool proxy);
/* => after neigh_find() found none; in state NONE; NULL: the cache is full or memory is short (counted) */
struct neigh *neigh_create(struct ifnet *, int family, const union in_any *, bool proxy);
/* => n is gone afterwards, unless routes use its next hop: then it is in state NONE; what waits is dropped */
void neigh_delete(struct neigh *, enum mp_drop);
struct ifaddr *neigh_own(struct ifnet *, int family, const union in_any *);
bool neigh_onlink(struct ifnet *, int family, const union in_any *);
void neigh_set_published(struct neigh *, bool);
bool neigh_pinned(const struct neigh *);
void neigh_publish(struct neigh *);
void neigh_notify(const struct neigh *, int type, const union in_any *author);
bool neigh_in_prefix(const union in_any *, const union in_any *prefix, unsigned plen);
/* => takes it apart; see there */
void neigh_free(struct neigh *, enum mp_drop);

/* neigh_order_ctl.c: all neighbours by interface and address. */
struct neigh_key neigh_key(const struct neigh *);
/* => -1, 0, 1: NetBSD's order of arp -an and ndp -an */
int neigh_key_order(const struct neigh_key *, const struct neigh_key *);
void neigh_order_insert(struct neigh *);
void neigh_order_remove(struct neigh *);
/* => the first at the key or behind it (NULL: of all), NULL: none */
struct neigh *neigh_order_from(const struct neigh_key *, bool behind);
struct neigh *neigh_order_next(struct neigh *);

/* neigh_room_ctl.c: how many there may be. */
void neigh_to_state(struct neigh *, enum neigh_state);
/* => makes room for one more of the interface; false: the cache is full */
bool neigh_room(struct ifnet *, int family);
/* => makes room for n to become incomplete, at the cost of the oldest of an interface that has many */
void neigh_make_room(struct neigh *);
bool neigh_room_enter(struct neigh *);
void neigh_room_leave(struct neigh *);

/* neigh_flush_ctl.c: those that go with their interface or network. */
extern uint64_t neigh_serial; /* [c] */
/* => n is to go; nobody is to see it any more */
bool neigh_flushed(const struct neigh *);
/* => takes n away if it is to go: true: it is freed; false: it was not, or is empty now (state NONE) */
bool neigh_flush_now(struct neigh *);
/* => takes some away, for their memory; false: there are none */
bool neigh_flush_help(void);
void neigh_flush_finish(void);
struct rt_msg;
void neigh_route_message(const struct rt_msg *);

/* neigh_output_ctl.c */
void neigh_resolve_input(struct rte_mbuf *);

/* nud_ctl.c: the states. */
void nud_timer(struct neigh_timer *, uint64_t now);
/* => takes the packet (data at the IP header): sent through n, or kept until n is known */
void nud_output(struct neigh *, struct rte_mbuf *);
/* => n's link address is known now; confirmed: it answered us */
void nud_learn(struct neigh *, const uint8_t *lladdr, bool confirmed);
void nud_confirm(struct neigh *);
void nud_stale(struct neigh *);
void nud_permanent(struct neigh *, const uint8_t *lladdr, uint64_t expire);
void nud_drop_queue(struct neigh *, enum mp_drop);
/* => looks whether a stale neighbour is in use again */
void nud_poll(struct neigh *, uint64_t now);
extern unsigned nud_waiting; /* packets that wait, in all */

/* arp_input.c */
void arp_punt(struct worker *, struct rte_mbuf *);

/* arp_ctl.c */
void arp_input(struct rte_mbuf *);
void arp_solicit(struct neigh *, struct rte_mbuf *prompt, bool unicast);
/* => a probe (RFC 5227: sender 0.0.0.0) or an announcement (sender and target the same) */
void arp_probe(struct ifnet *, struct in_addr);
void arp_announce(struct ifnet *, struct in_addr);

/* nd_ctl.c, nd_output_ctl.c */
void nd_input(struct rte_mbuf *);
void nd_solicit(struct neigh *, struct rte_mbuf *prompt, bool unicast);
/* => dst NULL: the target's solicited-node group; src NULL: unspecified (DAD) */
void nd_send_ns(struct ifnet *, const struct in6_addr *src, const struct in6_addr *dst, const uint8_t *dstmac,
    const struct in6_addr *target);
#define ND_NA_ROUTER	0x80
#define ND_NA_SOLICITED 0x40
#define ND_NA_OVERRIDE	0x20
/* => dstmac NULL: dst is resolved, or mapped if it is a group; lladdr: the target's, NULL: ours */
void nd_send_na(struct ifnet *, const struct in6_addr *src, const struct in6_addr *dst, const uint8_t *dstmac,
    const struct in6_addr *target, const uint8_t *lladdr, uint8_t flags);
void nd_announce(struct ifnet *, const struct in6_addr *, bool anycast);
/* nd_anycast_ctl.c: => the same advertisement, of an anycast address, within a second; false: it is not remembered */
bool nd_answer_later(
    struct ifnet *, const struct in6_addr *dst, const uint8_t *dstmac, const struct in6_addr *target, uint8_t flags);
void nd_answer_fini(void);
/* => src NULL: unspecified */
void nd_send_rs(struct ifnet *, const struct in6_addr *src);
/* => an advertisement came from the router; lladdr: what it says its link address is, or NULL */
void nd_learn_router(struct ifnet *, const union in_any *addr, const uint8_t *lladdr);

extern _Atomic int ip6_forwarding; /* [a] ip6's setting: a router says so in its advertisements */
static inline bool
nd_forwarding(void)
{
	return atomic_load_explicit(&ip6_forwarding, memory_order_relaxed) != 0;
}

/* dad_ctl.c */
void dad_fini(void);
/* => somebody else (lladdr) uses or probes for the address: true if it was tentative and has failed */
bool dad_conflict(struct ifaddr *, const uint8_t *lladdr);
/* => somebody uses an address that we use: logged and defended, seldom */
void dad_defend(struct ifaddr *, const uint8_t *lladdr);
void dad_ifnet_gone(struct ifnet *);

/* neigh_settings_ctl.c, neigh_methods_ctl.c */
extern _Atomic int arp_debug, arp_log_wrong_iface, arp_log_movements, arp_log_permanent_modify, nd6_debug;
extern _Atomic int neigh_maxwaiting;
extern _Atomic int ip_dad_count, ip6_dad_count;
void neigh_addr_string(int family, const union in_any *, const struct ifnet *, char *buf, size_t len);
/* neigh_methods_ctl.c, neigh_list_ctl.c, neigh_batch_ctl.c */
struct ctl_req;
struct json_t;
struct neigh_name {
	int family; /* AF_UNSPEC: not said */
	union in_any addr;
	bool has_addr;
	struct ifnet *ifp; /* or NULL */
};
int neigh_parse(
    struct ctl_req *, const char *family, const char *address, const char *interface, struct neigh_name *out);
int neigh_add_static(
    struct ctl_req *, const struct neigh_name *, const char *address, const char *lladdr, unsigned flags);
int neigh_delete_named(struct ctl_req *, const struct neigh_name *, const char *address);
int neigh_params(struct ctl_req *, struct json_t *params, struct neigh_name *out);
int neigh_list_method(struct ctl_req *, struct json_t *params, struct json_t **result);
int neigh_flush_method(struct ctl_req *, struct json_t *params, struct json_t **result);
int neigh_batch(struct ctl_req *, struct json_t *params, struct json_t **result);

#define NEIGH_ADDRSTR (INET6_ADDRSTRLEN + IFNAMSIZ_SMP + 1)
#define NEIGH_MACSTR  18
void neigh_lladdr_string(const uint8_t *, char *buf);

#endif
