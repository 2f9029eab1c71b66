/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: what the files of src/route share.  Everything here is control's.
 *
 * A node (struct rt_node) is a prefix of a family's trie; it holds the entries of that prefix in order of preference.
 * The FIB has the first active one.  An entry leads through a group: the set of its paths, shared by all routes with
 * the same paths.  A path is a gateway (struct rt_gw) with a weight: a neighbour's next hop, found through the table
 * itself, or an interface.  What changes below moves up: gateway, groups, routes, FIB.
 */
#ifndef SMPNET_ROUTE_VAR_H
#define SMPNET_ROUTE_VAR_H

#include <sys/queue.h>

#include "mp/slice.h"
#include "route/fib_var.h"
#include "route/route.h"

struct rt_group;

/* In order of preference within a node */
enum rt_kind {
	RT_LOCAL,     /* an address of ours */
	RT_BROADCAST, /* a broadcast address of a connected network; not shown */
	RT_CONNECTED, /* a network of an address of ours */
	RT_STATIC,    /* of the administrator or a routing daemon */
	RT_NEIGH,     /* a neighbour's FIB entry; not a route */
};

struct rtentry {
	struct rtentry *re_next;	   /* [c] in the node */
	struct rt_node *re_node;	   /* [c] */
	uint8_t re_kind;		   /* [c] enum rt_kind */
	bool re_infib;			   /* [c] false: workers do not look these up (IPv6 link-local, multicast) */
	bool re_has_ifa;		   /* [c] */
	bool re_redirected;		   /* [c] made by a redirect */
	bool re_mtu_lock;		   /* [c] the MTU is the administrator's alone */
	uint32_t re_flags;		   /* [c] RTF_*, without UP */
	uint32_t re_mtu;		   /* [c] 0: the interface's */
	uint32_t re_nh;			   /* [c] next hop of those without a group */
	uint32_t re_limited;		   /* [c] a neighbour's with the MTU of its network's route, or 0 */
	struct ifnet *re_ifp;		   /* [c] of those without a group, and of connected ones */
	struct ifaddr *re_owner;	   /* [c] whose address it comes from */
	struct rtentry *re_sibling;	   /* [c] the owner's next */
	struct rt_group *re_group;	   /* [c] or NULL */
	TAILQ_ENTRY(rtentry) re_grouplink; /* [c] of the group; of RT_NEIGH: the table's */
	struct rt_group *re_admin;	   /* [c] what the administrator said, where a redirect modified it; or NULL */
	union in_any re_ifa;		   /* [c] -ifa */
	struct rt_path *re_asked;	   /* [c] the administrator's path, while a redirect has changed it; or NULL */
	struct rt_timed *re_timed;	   /* [c] of those that go by themselves, or whose path MTU does; or NULL */
};

struct rt_timed {
	struct rtentry *entry;	    /* [c] */
	uint64_t when;		    /* [c] mp_now_ms() */
	uint32_t pos;		    /* [c] in the heap */
	uint32_t pmtu;		    /* [c] it is this MTU that goes, which the path is said to have; 0: the route */
	bool made;		    /* [c] a host route for a path MTU: in the list of those (route_pmtu_ctl.c) */
	TAILQ_ENTRY(rt_timed) link; /* [c] of that list */
};

/* => control; there is a time at which the route goes, or leads where it was asked to again: no path MTU has one besides */
static inline bool
rt_entry_ends(const struct rtentry *e)
{
	return e->re_timed != NULL && e->re_timed->pmtu == 0;
}

struct rt_node {
	struct rt_key rn_key;	     /* [c] */
	struct rt_node *rn_child[2]; /* [c] by the bit after the prefix */
	struct rt_node *rn_parent;   /* [c] */
	struct rtentry *rn_routes;   /* [c] */
	uint32_t rn_nh;		     /* [c] what the FIB has for this prefix, 0: nothing */
	uint32_t rn_cover; /* [c] what the active route means for longer prefixes: RT_COVER_*, or an interface */
	uint8_t rn_plen;   /* [c] */
	bool rn_parked;	   /* [c] no route is active, and rn_nh leads where packets would go without it */
	bool rn_held;	   /* [c] stays though empty: somebody is about to look at it again */
	uint16_t rn_mtu;   /* [c] of a route that leads to neighbours: its own MTU, or 0 */
};
#define RT_COVER_NONE  0	  /* no active route here */
#define RT_COVER_OTHER 0x80000000 /* a route that has no neighbours behind it; else interface index */

/* => control; neighbours are found by this route */
static inline bool
rt_cover_leads(uint32_t cover)
{
	return cover != RT_COVER_NONE && cover != RT_COVER_OTHER;
}

struct rt_table {
	int family;		      /* [c] */
	unsigned bits;		      /* [c] */
	struct rt_node *root;	      /* [c] */
	uint32_t nneigh;	      /* [c] entries of RT_NEIGH */
	TAILQ_HEAD(, rtentry) neighs; /* [c] those, by re_grouplink */
	uint32_t nparked;	      /* [c] nodes that are parked */
	uint32_t nroutes;	      /* [c] all others */
	uint32_t nhidden;	      /* [c] of those, what users do not see (rt_entry_visible) */
};
extern struct rt_table rt_table4, rt_table6;

struct rt_gpath {
	struct rt_gw *gw;	   /* [c] */
	struct rt_group *group;	   /* [c] */
	uint16_t weight;	   /* [c] */
	uint32_t mtu;		   /* [c] its own, 0: the route's */
	LIST_ENTRY(rt_gpath) link; /* [c] of the gateway */
};

struct rt_gw {
	LIST_ENTRY(rt_gw) link; /* [c] */
	uint8_t family;		/* [c] */
	bool has_gw;		/* [c] else the interface itself */
	bool local;		/* [c] the gateway is an address of ours: the packet goes to the loopback interface */
	bool gone;		/* [c] its interface was destroyed: out of the table, routes are leaving it */
	bool silent;		/* [c] the neighbour has stopped to answer: of several paths, not this one */
	uint16_t ifindex;	/* [c] 0: found through the table */
	uint32_t mtu;		/* [c] of the routes that lead here, 0: the interface's */
	uint16_t last;		/* [c] interface index it was found through last, to be shown */
	union in_any addr;	/* [c] */
	struct rt_key key;	/* [c] */
	struct ifnet *ifp;	/* [c] while it can be reached */
	uint32_t nh;		/* [c] with a reference; 0: cannot be reached */
	unsigned refs;		/* [c] */
	LIST_HEAD(, rt_gpath) paths; /* [c] */
};

#define RT_HELD 4
struct rt_group {
	LIST_ENTRY(rt_group) link;    /* [c] */
	uint8_t family;		      /* [c] */
	unsigned refs;		      /* [c] routes */
	uint32_t nh;		      /* [c] 0: no path can be reached */
	uint32_t multi;		      /* [c] own next hop of several paths, or 0 */
	TAILQ_HEAD(, rtentry) routes; /* [c] */
	struct rtentry *cursor;	      /* [c] the FIB does not follow g->nh yet from this route on; NULL: it does */
	struct mp_slice slice;	      /* [c] the pass that makes it follow */
	LIST_ENTRY(rt_group) behind;  /* [c] groups with held */
	struct {
		uint32_t nh;	   /* [c] with a reference: the FIB may name it for our routes; 0: free */
		uint32_t to;	   /* [c] where it is diverted to, with a reference; 0: nowhere */
		uint16_t ifindex;  /* [c] of its interface, 0: of none */
		bool living;	   /* [c] diverted though its neighbour is there: given back to it */
		union in_any addr; /* [c] of that neighbour */
	} held[RT_HELD];	   /* [c] */
	bool unpark;		   /* [c] no route may stay by what is held */
	unsigned leaving;	   /* [c] paths that are gone: routes lose them, or go */
	unsigned npaths;	   /* [c] */
	struct rt_gpath paths[];   /* [c] */
};

/* nexthop_ctl.c */
void *nexthop_mem_alloc(size_t size);
void nexthop_mem_free(void *, size_t size);
int nexthop_init(void);
void nexthop_fini(void);
int nexthop_divert(uint32_t index, uint32_t to);
bool nexthop_diverted(uint32_t index);
bool nexthop_leads_away(uint32_t index);
uint32_t nexthop_limited(uint32_t base, uint32_t mtu);
uint32_t nexthop_base(uint32_t index);

/* rib_ctl.c: the trie */
static inline struct rt_table *
rt_table_of(int family)
{
	return family == AF_INET ? &rt_table4 : &rt_table6;
}
struct rt_key rt_key_make(int family, const union in_any *, uint16_t zone);
void rt_key_addr(int family, const struct rt_key *, union in_any *);
struct rt_key rt_key_mask(struct rt_key, unsigned plen);
bool rt_key_covers(const struct rt_key *prefix, unsigned plen, const struct rt_key *);
struct rt_node *rib_find(struct rt_table *, const struct rt_key *, unsigned plen);
struct rt_node *rib_get(struct rt_table *, const struct rt_key *, unsigned plen);
void rib_put(struct rt_table *, struct rt_node *);
struct rt_node *rib_match(
    struct rt_table *, const struct rt_key *, bool (*want)(const struct rt_node *, void *), void *);
void rib_walk(struct rt_node *, void (*fn)(struct rt_node *, void *), void *);
struct rt_cursor { /* a place in rib_walk's order: behind key/plen */
	struct rt_key key;
	uint8_t plen;
	bool started; /* else before everything */
};
bool rib_walk_from(struct rt_table *, struct rt_cursor *, bool (*fn)(struct rt_node *, void *), void *);
void rib_fini(struct rt_table *);

/* route_neigh_ctl.c: => the node covers otherwise than before: neighbours under it are looked at again */
void rt_neigh_recheck(struct rt_table *, struct rt_node *);

/* route_entry_ctl.c: entries and the FIB */
struct rtentry *rt_entry_new(enum rt_kind);
int rt_entry_insert(struct rt_table *, const struct rt_key *, unsigned plen, struct rtentry *);
void rt_entry_remove(struct rt_table *, struct rtentry *);
int rt_node_update(struct rt_table *, struct rt_node *);
bool rt_entry_active(const struct rtentry *);
bool rt_entry_visible(const struct rtentry *);
struct rtentry *rt_node_visible(const struct rt_node *);
uint32_t rt_entry_nh(const struct rtentry *);
struct ifnet *rt_entry_ifp(const struct rtentry *);
uint32_t rt_entry_flags(const struct rtentry *);
bool rt_entry_has_gw(const struct rtentry *);
bool rt_ifnet_active(const struct ifnet *);
struct ifnet *rt_loopback(void);

/* group_ctl.c */
void rt_group_moved(struct rt_group *, uint32_t old);
void rt_group_release(struct rt_group *);
bool rt_group_step(struct mp_slice *);
void rt_groups_leave(struct rt_gw *);
void rt_groups_up(const struct ifnet *);

/* gateway_ctl.c */
int rt_group_get(int family, const struct rt_path *, unsigned n, uint32_t mtu, uint32_t limit, struct rt_group **);
void rt_group_attach(struct rt_group *, struct rtentry *);
void rt_group_detach(struct rtentry *);
void rt_group_unlink(struct rtentry *);
bool rt_group_parks(const struct rt_group *, uint32_t nh);
bool rt_group_dying(const struct rt_group *);
bool rt_group_gone(const struct rt_group *);
void rt_groups_follow(int family);
void rt_groups_pass(int family);
void rt_gw_detach_ifnet(struct ifnet *);
void rt_group_put(struct rt_group *);
bool rt_gw_leads(const struct ifnet *, int family, const union in_any *, uint32_t nh);
bool rt_group_reachable(const struct rt_group *);
const struct rt_gw *rt_group_gw(const struct rt_group *);
void rt_gw_recheck(int family, const struct rt_key *, unsigned plen);
void rt_gw_recheck_ifnet(const struct ifnet *, bool has_gw);

/* route_ctl.c */
void rt_entry_notify(const struct rtentry *, enum rtmsg_type);
void rt_delete_entry(struct rt_table *, struct rtentry *);
void rt_entry_leave(struct rtentry *);
void rt_entry_expired(struct rtentry *);
struct rtentry *rt_entry_match(int family, const union in_any *);
int rt_entry_set_mtu(struct rt_table *, struct rtentry *, uint32_t mtu, uint32_t pmtu);

/* route_pmtu_ctl.c */
extern _Atomic int ip_mtudisc, ip_mtudisc_timeout, ip6_pmtu_expire, pmtu_hiwat, pmtu_lowat; /* [a] settings */
void rt_pmtu_gone(const struct rtentry *);
void rt_pmtu_recheck(void);
int rt_pmtu_setting(int old, int now);

/* route_redirect_ctl.c */
void rt_redirect_forget(struct rtentry *);
bool rt_redirect_expired(struct rtentry *);

/* route_expire_ctl.c, route_timer_ctl.c */
int rt_expire_set(struct rtentry *, uint64_t when, uint32_t pmtu);
void rt_expire_clear(struct rtentry *);
bool rt_expire_run(uint64_t now, uint64_t *next);
void rt_expire_arm(uint64_t when);
void rt_expire_fini(void);

/* route_addr_ctl.c */
struct rtentry **rt_ifaddr_routes(struct ifaddr *);

/* route_monitor_ctl.c */
void rt_monitor_fini(void);

#endif
