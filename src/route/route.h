/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing: the table that control keeps (struct rtentry), the FIB and the next hops that workers read.
 *
 * Synchronization: control is the only writer.  A worker looks up an address in the FIB (fib_lookup4, fib_lookup6: one
 * acquire load per step), gets a next hop index, and reads nexthop_get(index): an immutable object behind one RCU
 * pointer.  A change of a next hop replaces the object: every route that names the index moves at once.
 * Lifetime: FIB chunks and replaced next hops are freed after a grace period.
 */
#ifndef SMPNET_ROUTE_H
#define SMPNET_ROUTE_H

#include <netinet/in.h>

#include "if/ifnet.h"
#include "mp/mp.h"

enum nh_type {
	NH_NOROUTE,    /* index 0: no route: ICMP net unreachable */
	NH_BLACKHOLE,  /* silent */
	NH_REJECT,     /* ICMP host unreachable */
	NH_LOCAL,      /* an address of ours */
	NH_BROADCAST,  /* a directed broadcast address of a connected network */
	NH_GLEAN,      /* connected network: the neighbour is the destination, not known yet */
	NH_UNRESOLVED, /* a neighbour that is being resolved: PUNT_RESOLVE with meta.nh */
	NH_FORWARD,    /* link header ready */
	NH_P2P,	       /* an interface without link headers (tunnel, loopback): hand over the packet */
	NH_MULTIPATH,  /* one of several, by flow hash */
};

#define NH_MAX	    (1u << 20)
#define NH_MAXPATHS 64

#define NH_NOROUTE_INDEX   0
#define NH_BLACKHOLE_INDEX 1
#define NH_REJECT_INDEX	   2
#define NH_LOCAL4_INDEX	   3 /* generic local */
#define NH_LOCAL6_INDEX	   4
#define NH_FIRST_DYNAMIC   16

/* What workers read.  Immutable after publish but for nh_mark; one cache line. */
struct nexthop {
	uint8_t nh_type;	 /* [I] enum nh_type */
	uint8_t nh_family;	 /* [I] AF_INET or AF_INET6: selects the ethertype in the header */
	uint8_t nh_l2len;	 /* [I] 14 for Ethernet */
	uint8_t nh_gen;		 /* [I] of the interface */
	uint16_t nh_ifindex;	 /* [I] */
	uint16_t nh_mtu;	 /* [I] of the interface (or route), 0: ask the interface */
	uint8_t nh_l2[23];	 /* [I] link header, left-aligned */
	_Atomic uint8_t nh_mark; /* [a] what a thread that uses it stores in its marks; never 0 */
	struct ifnet *nh_ifp;	 /* [I] valid while published: interface destruction replaces the next hop first */
	union {
		union in_any nh_addr;	   /* [I] the neighbour's, or the local address */
		struct {		   /* NH_MULTIPATH */
			uint16_t mp_n;	   /* [I] slots, a power of two */
			uint16_t mp_quiet; /* [I] next hops behind the slots: paths done without for now */
			uint32_t *mp_nh;   /* [I] next hop indexes, weighted */
		} nh_mp;
	};
	struct mp_deferred nh_deferred; /* [c] */
};

extern struct nexthop *_Atomic nexthop_table[NH_MAX]; /* [r]; in memory of its own mapping, touched as used */

/* => worker or control in a read section; never NULL for an index that the FIB gave */
static inline struct nexthop *
nexthop_get(uint32_t index)
{
	return atomic_load_explicit(&nexthop_table[index], memory_order_acquire);
}

extern _Atomic uint8_t *nexthop_marks[MP_MAXTHREADS]; /* [a] one octet per next hop, written by the thread alone */
#define NH_MANY 1024				      /* from here on they are not all in a core's nearest cache */
extern _Atomic bool nexthop_many;		      /* [a] so many indexes have been in use at a time */

void nexthop_prefetch_many(struct worker *, const uint32_t *index, unsigned n);

/*
 * => worker; fetches what n packets are about to need: in two rounds, so that the misses of a whole vector overlap.
 * Nothing while there are few next hops, which stay in the cache.
 */
static inline void
nexthop_prefetch(struct worker *w, const uint32_t *index, unsigned n)
{
	if (__builtin_expect(atomic_load_explicit(&nexthop_many, memory_order_relaxed), 0))
		nexthop_prefetch_many(w, index, n);
}

/* => worker; resolves a multipath next hop by flow hash; returns the index of the member */
static inline uint32_t
nexthop_select(const struct nexthop *nh, uint32_t hash)
{
	return nh->nh_mp.mp_nh[hash & (nh->nh_mp.mp_n - 1u)];
}

/* => control; an index with a reference; the object is copied and published; NH_NOROUTE_INDEX when the table is full */
uint32_t nexthop_alloc(const struct nexthop *);
/* => control; replaces the object behind the index; the old one is freed after a grace period; 0 or -ENOMEM */
int nexthop_replace(uint32_t index, const struct nexthop *);
/* => control; the index is its owner's again; true if it was diverted: the owner calls nexthop_replace next */
bool nexthop_restore(uint32_t index);
void nexthop_ref(uint32_t index);
/* => control; references there are (a neighbour whose next hop has more than its own serves routes) */
uint32_t nexthop_refs(uint32_t index);
/*
 * => control; the last reference unpublishes after a grace period (the FIB must not name it any more); until the index
 * is used again, late packets that name it find a blackhole
 */
void nexthop_release(uint32_t index);
bool nexthop_ifnet_detach(const struct ifnet *, uint32_t *at, bool sliced);
/* => control; true if any worker used the next hop since the last call */
bool nexthop_used(uint32_t index);

/*
 * => worker (or control for its own); the next hop carried a packet.  The mark is the object's nh_mark; control begins
 * anew by another value there, so that it never writes a thread's marks.
 */
static inline void
nexthop_mark(struct worker *w, uint32_t index, const struct nexthop *nh)
{
	_Atomic uint8_t *mark = &nexthop_marks[w->id][index];
	uint8_t now = atomic_load_explicit(&nh->nh_mark, memory_order_relaxed);

	if (__builtin_expect(atomic_load_explicit(mark, memory_order_relaxed) != now, 0))
		atomic_store_explicit(mark, now, memory_order_relaxed);
}

/*
 * The FIB, workers' side: longest match, one per family.
 * => worker or control; next hop index, NH_NOROUTE_INDEX where there is no route; IPv4 in network order
 */
uint32_t fib_lookup4(uint32_t dst_network_order);
uint32_t fib_lookup6(const struct in6_addr *);
/* => the same for n destinations: several look-ups are in flight at a time */
void fib_lookup4_vec(const uint32_t *dst_network_order, uint32_t *nh, unsigned n);
void fib_lookup6_vec(const struct in6_addr *const *, uint32_t *nh, unsigned n);

/*
 * Neighbours' entries in the FIB, which are not routes of the table: control-only host entries.  They yield to a route
 * of the same prefix, and serve only while the longest match of the table is a route of the next hop's own interface
 * without gateway.  Several interfaces may each have one for the same address: nh tells them apart.
 * => control; the entry does not hold a reference: remove it before nexthop_release.  0, -EEXIST, -ENOMEM, -EINVAL
 */
int fib_insert(int family, const union in_any *, unsigned plen, uint32_t nh);
/* => control; 0 or -ENOENT */
int fib_remove(int family, const union in_any *, unsigned plen, uint32_t nh);

/* Sizes, for display.  => control: routes that users see; octets of the FIB that workers read; next hops in use */
uint32_t route_count(int family);
size_t fib_memory(int family);
uint32_t nexthop_count(void);

/* Routing table. */
#define RTF_UP	      0x1
#define RTF_GATEWAY   0x2
#define RTF_HOST      0x4
#define RTF_REJECT    0x8
#define RTF_DYNAMIC   0x10
#define RTF_MODIFIED  0x20
#define RTF_DONE      0x40
#define RTF_CONNECTED 0x100
#define RTF_LLDATA    0x400 /* L */
#define RTF_STATIC    0x800
#define RTF_BLACKHOLE 0x1000
#define RTF_CLONED    0x2000 /* in messages about neighbours */
#define RTF_PROTO2    0x4000
#define RTF_PROTO1    0x8000
#define RTF_ANNOUNCE  0x20000
#define RTF_LOCAL     0x40000
#define RTF_BROADCAST 0x80000
#define RTF_LEARNED   0x1000000 /* from packets, not from the administrator: not saved; never shown */

struct rt_path { /* one next hop of a route */
	bool has_gw;
	union in_any gw;
	uint16_t gw_ifindex; /* the gateway's or the route's interface; 0: found by the gateway */
	uint16_t weight;     /* 1.. */
	uint32_t mtu;	     /* this way's own, 0: the route's */
};

struct rt_spec {
	uint8_t family;
	uint8_t plen;
	uint32_t flags;	     /* RTF_* asked for: STATIC, REJECT, BLACKHOLE, CONNECTED, PROTO1, PROTO2, ANNOUNCE, ... */
	uint32_t flags_mask; /* rt_change: which of them to change */
	union in_any dst;
	uint16_t dst_zone; /* interface index for link-local destinations (fe80::%IF/64), else 0 */
	struct rt_path *paths;
	unsigned npaths;  /* rt_change: 0 keeps the paths; rt_delete: 0 is any */
	union in_any ifa; /* -ifa */
	bool has_ifa;
	uint32_t mtu;	 /* 0: the interface's */
	bool mtu_lock;	 /* path MTU discovery does not lower it */
	uint64_t expire; /* mp_now_ms() at which the route goes by itself; 0: never; rt_change: as it was */
};

/*
 * => control; 0, -EEXIST, -ESRCH (not in table), -ENETUNREACH (gateway not reachable), -ENOMEM, -EINVAL.
 * rt_add and friends update the FIB and tell the monitors.
 */
int rt_add(const struct rt_spec *);
int rt_change(const struct rt_spec *);
int rt_delete(const struct rt_spec *);

/*
 * => control; called by if_addr_ctl.c when an address is added, again whenever its IFA_TENTATIVE or IFA_DUPLICATED
 * changes, and when it goes.  rt_ifaddr_add makes the table agree with the address (idempotent): the connected route is
 * there from the start (static routes may need it while DAD runs), the local (and broadcast) route only while the
 * address is neither IFA_TENTATIVE nor IFA_DUPLICATED.  ifa_rt is free for its use.
 */
int rt_ifaddr_add(struct ifaddr *);
void rt_ifaddr_delete(struct ifaddr *);
/* => control; the interface went down, up, or is being destroyed: its routes leave or enter the FIB */
void rt_ifnet_down(struct ifnet *);
void rt_ifnet_up(struct ifnet *);
void rt_ifnet_detach(struct ifnet *);
/* => control; its MTU has changed: routes with a larger one of their own have this one */
void rt_ifnet_mtu(struct ifnet *);

/*
 * => control; what a packet to dst would use: interface, next hop address.  0, -EHOSTUNREACH (no route, or RTF_REJECT),
 * -ENETUNREACH (RTF_REJECT of a network by the loopback interface; a link-local address without zone).  With RTF_REJECT the result
 * is filled nevertheless.  RTF_LOCAL: an address of ours, ifp is the interface that has it.
 */
struct rt_result {
	struct ifnet *ifp;
	union in_any gateway;
	bool has_gw;
	uint32_t flags;
	uint32_t nh;
	uint32_t mtu;	 /* what packets to dst may have: the route's or the interface's */
	uint32_t rt_mtu; /* the route's own, 0: none */
	uint64_t expire; /* when the route, or that MTU, goes by itself; 0: never */
	bool has_ifa;	 /* -ifa was given: the source address */
	union in_any ifa;
	union in_any dst;
	uint8_t plen;
};
int rt_lookup(int family, const union in_any *dst, uint16_t zone, struct rt_result *);

/*
 * => control; somebody on the path to dst said that packets may have mtu octets there: what we send does not exceed that
 * for a while.  valid: the report quotes a packet that we are known to have sent; others are believed while there are
 * few.  Never raises, never below what the family asks for.  True if something changed.
 */
bool rt_pmtu(int family, const union in_any *dst, uint32_t mtu, bool valid);

/*
 * => control; the gateway from said that dst is reached by gateway, on ifp's link: so it is until expire (ms, 0: for ever),
 * if from is a gateway to dst now and there are no more than max such routes.  DROP_COUNT: done; else why not
 */
struct rt_redirect {
	int family;
	struct ifnet *ifp;
	union in_any from, dst, gateway; /* the rest of each is 0 */
	unsigned max;
	uint64_t expire;
};
enum mp_drop rt_redirect(const struct rt_redirect *);

/*
 * Messages, as NetBSD's routing socket has them: to monitors (route.monitor) and to listeners in the process.
 */
enum rtmsg_type {
	RTMSG_ADD = 1,
	RTMSG_DELETE = 2,
	RTMSG_CHANGE = 3,
	RTMSG_REDIRECT = 6,
	RTMSG_MISS = 7,
	RTMSG_IFANNOUNCE = 0x10,
	RTMSG_IFINFO = 0x14,
	RTMSG_NEWADDR = 0x16,
	RTMSG_DELADDR = 0x17,
};

struct rt_msg {
	enum rtmsg_type type;
	uint8_t family;
	uint8_t plen;
	uint32_t flags; /* RTF_*; RTF_DONE is added */
	union in_any dst;
	struct ifnet *ifp; /* or NULL */
	bool has_gw;
	union in_any gw;	  /* gateway address, if has_gw */
	const uint8_t *lladdr;	  /* or the neighbour's link address, else link#N */
	const struct ifaddr *ifa; /* or NULL: the address messages' address, a route's -ifa */
	bool has_author;
	union in_any author; /* who asked: RTM_MISS of a neighbour that does not answer */
};

/* => control; tells monitors and listeners */
void rt_notify(const struct rt_msg *);
/* => control; RTM_NEWADDR, RTM_DELADDR (sent by rt_ifaddr_add and rt_ifaddr_delete already), RTM_IFINFO */
void rt_notify_ifaddr(struct ifaddr *, bool added);
void rt_notify_ifinfo(struct ifnet *);
/* => control; RTM_MISS: a packet of our own has no route */
void rt_notify_miss(int family, const union in_any *dst);
/* => control; RTM_IFANNOUNCE: the interface has come, or goes */
void rt_notify_ifannounce(struct ifnet *, bool arrival);
/* => control; fn hears every message (neighbours leave when their connected route does).  0 or -ENOSPC */
int rt_listen(void (*fn)(const struct rt_msg *));

/*
 * => control; emits "route add ..." lines of the static routes from the place on (all zero: the beginning) until the
 * slice is over (mp/slice.h): true if that was the last; else place is where to go on
 */
struct route_save {
	int family;
	bool started;
	uint8_t plen;
	uint64_t hi, lo;
};
bool route_config_save(struct route_save *place, void (*line)(void *, const char *), void *arg);

/*
 * Neighbours, from ether/neigh_ctl.c, as routing sees them: a neighbour owns one next hop index (UNRESOLVED until its
 * link address is known, then FORWARD).  neigh_get makes the neighbour if there is none.
 * => control; nexthop index with a reference, or NH_NOROUTE_INDEX
 */
uint32_t neigh_get_nexthop(struct ifnet *, int family, const union in_any *);
/* => control; is it a neighbour that the administrator set for good? */
bool neigh_is_static(const struct ifnet *, int family, const union in_any *);
/*
 * => control; the neighbour with this next hop has stopped to answer, or is known again: routes of several paths do
 * without it, unless none of them answers.  rt_gateway_silent: such routes wait for it (its owner goes on asking)
 */
void rt_gateway_set_silent(const struct ifnet *, int family, const union in_any *, uint32_t nh, bool silent);
bool rt_gateway_silent(const struct ifnet *, int family, const union in_any *, uint32_t nh);

/* => control; 0 or -errno.  After mp_start. */
int route_init(void);
void route_fini(void);

#include "route/fib.h"

#endif
