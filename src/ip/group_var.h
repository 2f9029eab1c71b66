/* SPDX-License-Identifier: BSD-2-Clause */
/* What group membership, IGMP (RFC 3376) and MLD (RFC 3810) share. */
/*
 * Synchronization: control only; workers see the members' addresses in struct in_if and struct in6_if.
 * Lifetime: a struct group_if lives from an interface's first group to in_group_detach(); a group until its last member
 * and its last report have gone.
 */
#ifndef SMPNET_GROUP_VAR_H
#define SMPNET_GROUP_VAR_H

#include "ip/group.h"

struct event;
struct rte_mbuf;

#define GROUP_MAX	  16384 /* of one family on one interface */
#define GROUP_MAXSRC	  64	/* sources of a query that are remembered; more: the answer is about all */
#define GROUP_ROBUST	  2	/* RFC 3810 section 9.1 */
#define GROUP_ROBUST_MAX  7
#define GROUP_QUERY_MS	  125000
#define GROUP_RESPONSE_MS 10000
#define GROUP_URI_MS	  1000 /* between repeated reports of a change (RFC 3810 section 9.11) */
#define GROUP_OLD_URI_MS                                                                                               \
	10000		   /* the same where an older querier is about (RFC 2236 section 8.10, RFC 2710 section 7.10) */
#define GROUP_QUIET_MS 200 /* between answers, however many queries there are */

/* Which version the interface speaks, by the oldest querier heard lately */
enum group_version {
	GROUP_OLDEST, /* IGMPv1 */
	GROUP_OLD,    /* IGMPv2, MLDv1 */
	GROUP_NEW,    /* IGMPv3, MLDv2 */
};

struct in_group { /* [c] all */
	union in_any g_addr;
	uint32_t g_joined;  /* in_group_join() */
	uint32_t g_implied; /* in_group_imply() */
	uint32_t g_count;   /* the same, being counted */
	uint8_t g_change;   /* reports of joining or leaving that are still to be sent */
	bool g_last;	    /* old versions: nobody reported after us */
	uint64_t g_answer;  /* when to answer a query about it, 0: none */
	uint32_t g_nsrc;
	union in_any *g_src; /* the sources that were asked about, NULL: the group */
};

struct group_if { /* [c] all */
	struct ifnet *gi_ifp;
	int gi_family;
	struct in_group **gi_group; /* sorted by address */
	uint32_t gi_n, gi_room;
	bool gi_active; /* up, with a link, and somebody there to be told */
	bool gi_source; /* MLD: there is a link-local address */
	bool gi_filter; /* the device is to be told */
	uint8_t gi_robust;
	uint8_t gi_version;	 /* enum group_version */
	uint32_t gi_interval_ms; /* the querier's */
	uint64_t gi_oldest_until, gi_old_until;
	uint64_t gi_general; /* when to answer a general query, 0: none */
	uint64_t gi_change;  /* when to send reports of changes, 0: none */
	uint64_t gi_quiet;   /* no answer before */
	struct event *gi_timer;
};

#define GROUP_IS_MEMBER(g) ((g)->g_joined + (g)->g_implied > 0)

/* Types of records in a report (RFC 3376 section 4.2.12, RFC 3810 section 5.2.12) */
enum group_record { GROUP_IS_INCLUDE = 1, GROUP_IS_EXCLUDE, GROUP_TO_INCLUDE, GROUP_TO_EXCLUDE };

/* A report being put together */
struct group_report {
	struct group_if *gi;
	unsigned max, head, len, records; /* octets: at most, of the headers, so far */
	uint8_t buf[1500];
};

/* A query, whatever its family */
struct group_query {
	enum group_version version;
	const union in_any *group; /* NULL: all */
	uint32_t delay_ms;	   /* the longest that the answer may take */
	uint8_t robust;		   /* 0: the querier's is larger than fits */
	uint32_t interval_ms;
	const uint8_t *src; /* nsrc addresses, not aligned */
	unsigned nsrc;
};

static inline unsigned
group_addrlen(const struct group_if *gi)
{
	return gi->gi_family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}

/* group_ctl.c */
struct group_if *group_if_get(const struct ifnet *, int family); /* NULL: no groups */
struct in_group *group_find(const struct group_if *, const union in_any *);
/* => drops the group if it is over with; true if it went */
bool group_reap(struct group_if *, struct in_group *);
/* => tells the device the link addresses of all groups */
void group_filter(struct ifnet *);
/* => the link-level address of a group */
void group_mac(int family, const union in_any *group, uint8_t mac[6]);

/* group_report_ctl.c */
/* => the group is one that others are told about: not all-nodes, not of the interface only */
bool group_told(const struct group_if *, const union in_any *);
/* => a member became one, or is none any more */
void group_changed(struct group_if *, struct in_group *);
/* => forgets what was to be sent; groups that were left go */
void group_quieten(struct group_if *);
/* => everything is to be reported as if just joined */
void group_announce(struct group_if *);
/* => a valid query; a report of another host about a group */
void group_queried(struct group_if *, const struct group_query *);
void group_heard(struct group_if *, const union in_any *group);
/* => does what is due, and sets the timer for the rest */
void group_run(struct group_if *, uint64_t now);
/* => the timer is for the earliest of what is to be done */
void group_arm(struct group_if *);

/* igmp_ctl.c, mld_ctl.c */
/* => room for the headers is made at the start of the report */
void igmp_report_begin(struct group_report *);
void mld_report_begin(struct group_report *);
void igmp_report_send(struct group_report *);
void mld_report_send(struct group_report *);
/* => one message of an older version: a report, or that the group was left */
void igmp_send_old(struct group_if *, const struct in_group *, bool leave);
void mld_send_old(struct group_if *, const struct in_group *, bool leave);
/* => a message from the PUNT_MCAST ring, data at the IP header, meta.l4off set.  Takes it. */
void igmp_input(struct rte_mbuf *);
void mld_input(struct rte_mbuf *);

#endif
