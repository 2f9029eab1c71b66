/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings of ARP and neighbour discovery (sysctl), and the two families that they belong to. */
/*
 * Synchronization: control writes; single words.
 * Lifetime: static.
 */
#include "ctl/ctl.h"
#include "ether/neigh.h"
#include "ether/neigh_var.h"

static _Atomic int arp_keep = 86400, arp_reachable = 30000, arp_retrans = 1000, arp_delay = 5, arp_bmaxtries = 3,
		   arp_umaxtries = 3, arp_maxqueue = 8, arp_maxentries = 8192, arp_maxincomplete = 1024;
static _Atomic int nd6_keep = 86400, nd6_reachable = 30000, nd6_retrans = 1000, nd6_delay = 5, nd6_mmaxtries = 3,
		   nd6_umaxtries = 3, nd6_maxqueue = 8, nd6_maxentries = 2048, nd6_maxincomplete = 1024;
_Atomic int arp_debug, arp_log_wrong_iface = 1, arp_log_movements = 1, arp_log_permanent_modify = 1, nd6_debug;
_Atomic int neigh_maxwaiting = 1024;

struct neigh_family neigh_inet = {
    .nf_family = AF_INET,
    .nf_plen = 32,
    .nf_reachable = &arp_reachable,
    .nf_retrans = &arp_retrans,
    .nf_delay = &arp_delay,
    .nf_keep = &arp_keep,
    .nf_mmaxtries = &arp_bmaxtries,
    .nf_umaxtries = &arp_umaxtries,
    .nf_maxqueue = &arp_maxqueue,
    .nf_maxentries = &arp_maxentries,
    .nf_maxincomplete = &arp_maxincomplete,
    .nf_dfrtotal = C_ARP_DFRTOTAL,
    .nf_dfrsent = C_ARP_DFRSENT,
    .nf_dfrdropped = C_ARP_DFRDROPPED,
    .nf_allocfail = C_ARP_ALLOCFAIL,
    .nf_solicit = arp_solicit,
};

struct neigh_family neigh_inet6 = {
    .nf_family = AF_INET6,
    .nf_plen = 128,
    .nf_reachable = &nd6_reachable,
    .nf_retrans = &nd6_retrans,
    .nf_delay = &nd6_delay,
    .nf_keep = &nd6_keep,
    .nf_mmaxtries = &nd6_mmaxtries,
    .nf_umaxtries = &nd6_umaxtries,
    .nf_maxqueue = &nd6_maxqueue,
    .nf_maxentries = &nd6_maxentries,
    .nf_maxincomplete = &nd6_maxincomplete,
    .nf_dfrtotal = C_ND_DFRTOTAL,
    .nf_dfrsent = C_ND_DFRSENT,
    .nf_dfrdropped = C_ND_DFRDROPPED,
    .nf_allocfail = C_ND_ALLOCFAIL,
    .nf_solicit = nd_solicit,
};

/* name, value, least, most, initial; times in seconds where NetBSD has seconds, else milliseconds */
unsigned
neigh_count(int family, unsigned state, const char **name)
{
	static const char *const names[NEIGH_NSTATES] = {[NEIGH_NONE] = "none",
	    [NEIGH_INCOMPLETE] = "incomplete",
	    [NEIGH_REACHABLE] = "reachable",
	    [NEIGH_STALE] = "stale",
	    [NEIGH_DELAY] = "delay",
	    [NEIGH_PROBE] = "probe",
	    [NEIGH_PERMANENT] = "permanent",
	    [NEIGH_FAILED] = "failed"};

	ASSERT_CONTROL();
	*name = state < NEIGH_NSTATES ? names[state] : NULL;
	return state < NEIGH_NSTATES ? neigh_family(family)->nf_count[state] : 0;
}

const struct sysctl_setting neigh_settings[] = {
    {"net.inet.ip.dad_count", &ip_dad_count, 0, 100, 3, false, NULL},
    {"net.inet.arp.debug", &arp_debug, 0, 1, 0, false, NULL},
    {"net.inet.arp.keep", &arp_keep, 1, 31536000, 86400, false, NULL},
    {"net.inet.arp.log_movements", &arp_log_movements, 0, 1, 1, false, NULL},
    {"net.inet.arp.log_permanent_modify", &arp_log_permanent_modify, 0, 1, 1, false, NULL},
    {"net.inet.arp.log_wrong_iface", &arp_log_wrong_iface, 0, 1, 1, false, NULL},
    {"net.inet.arp.nd_delay", &arp_delay, 1, 3600, 5, false, NULL},
    {"net.inet.arp.nd_bmaxtries", &arp_bmaxtries, 1, 100, 3, false, NULL},
    {"net.inet.arp.nd_umaxtries", &arp_umaxtries, 1, 100, 3, false, NULL},
    {"net.inet.arp.nd_reachable", &arp_reachable, 1, 86400000, 30000, false, NULL},
    {"net.inet.arp.nd_retrans", &arp_retrans, 10, 60000, 1000, false, NULL},
    {"net.inet.arp.nd_maxqueuelen", &arp_maxqueue, 1, NEIGH_MAXQUEUE, 8, false, NULL},
    {"net.inet.arp.maxentries", &arp_maxentries, 16, 1000000, 8192, false, NULL},
    {"net.inet.arp.maxincomplete", &arp_maxincomplete, 8, 1000000, 1024, false, NULL},
    {"net.inet.arp.maxwaiting", &neigh_maxwaiting, 1, 1000000, 1024, false, NULL},
    {"net.inet6.ip6.dad_count", &ip6_dad_count, 0, 100, 1, false, NULL},
    {"net.inet6.ip6.neighborgcthresh", &nd6_maxentries, -1, NEIGH_MAXENTRIES, 2048, false, NULL},
    {"net.inet6.icmp6.nd6_delay", &nd6_delay, 1, 3600, 5, false, NULL},
    {"net.inet6.icmp6.nd6_umaxtries", &nd6_umaxtries, 1, 100, 3, false, NULL},
    {"net.inet6.icmp6.nd6_mmaxtries", &nd6_mmaxtries, 1, 100, 3, false, NULL},
    {"net.inet6.icmp6.nd6_debug", &nd6_debug, 0, 1, 0, false, NULL},
    {"net.inet6.icmp6.nd6_keep", &nd6_keep, 1, 31536000, 86400, false, NULL},
    {"net.inet6.icmp6.nd6_reachable", &nd6_reachable, 1, 86400000, 30000, false, NULL},
    {"net.inet6.icmp6.nd6_retrans", &nd6_retrans, 10, 60000, 1000, false, NULL},
    {"net.inet6.icmp6.nd6_maxincomplete", &nd6_maxincomplete, 8, 1000000, 1024, false, NULL},
    {"net.inet6.icmp6.maxqueuelen", &nd6_maxqueue, 1, NEIGH_MAXQUEUE, 8, false, NULL},
    {NULL},
};
