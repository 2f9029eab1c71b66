/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 on the control thread: start, stop, settings, and what workers hand up. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include <event2/event.h>
#include <rte_random.h>

#include "ctl/ctl.h"
#include "ip/group_var.h"
#include "ip/ip_var.h"
#include "ip6/ip6_var.h"

_Atomic int ip_forwarding, ip_ttl, ip_directed_broadcast, ip_sendredirects, ip_allowsrcrt, ip_forwsrcrt,
    ip_maxfragpackets, ip_maxfrags, ip_maxfragbytes, ip_fragttl, icmp_bmcastecho, icmp_errppslimit,
    icmp_returndatabytes, tcp_rstppslimit;

const struct sysctl_setting ip_settings[] = {
    {.name = "net.inet.ip.forwarding", .value = &ip_forwarding, .min = 0, .max = 1, .initial = 0},
    {.name = "net.inet.ip.redirect", .value = &ip_sendredirects, .min = 0, .max = 1, .initial = 1},
    {.name = "net.inet.ip.ttl", .value = &ip_ttl, .min = 1, .max = 255, .initial = 64},
    {.name = "net.inet.ip.forwsrcrt", .value = &ip_forwsrcrt, .min = 0, .max = 1, .initial = 0},
    {.name = "net.inet.ip.directed-broadcast", .value = &ip_directed_broadcast, .min = 0, .max = 1, .initial = 0},
    {.name = "net.inet.ip.allowsrcrt", .value = &ip_allowsrcrt, .min = 0, .max = 1, .initial = 0},
    {.name = "net.inet.ip.maxfragpackets", .value = &ip_maxfragpackets, .min = -1, .max = 100000, .initial = 200},
    {.name = "net.inet.ip.maxfrags", .value = &ip_maxfrags, .min = -1, .max = 100000, .initial = 1000},
    {.name = "net.inet.ip.maxfragbytes", .value = &ip_maxfragbytes, .min = -1, .max = INT_MAX, .initial = 4194304},
    {.name = "net.inet.ip.fragttl", .value = &ip_fragttl, .min = 1, .max = 255, .initial = 30},
    /* NetBSD returns 8 octets; RFC 1812 asks for as much as fits 576. */
    {.name = "net.inet.icmp.returndatabytes", .value = &icmp_returndatabytes, .min = 8, .max = 528, .initial = 528},
    {.name = "net.inet.icmp.errppslimit", .value = &icmp_errppslimit, .min = -1, .max = 1000000, .initial = 100},
    {.name = "net.inet.icmp.bmcastecho", .value = &icmp_bmcastecho, .min = 0, .max = 1, .initial = 0},
    {.name = "net.inet.tcp.rstppslimit", .value = &tcp_rstppslimit, .min = -1, .max = 1000000, .initial = 100},
    /* 192.0.2/24, 198.51.100/24, 203.0.113/24 are never forwarded */
    {.name = "net.inet.ip.dropdocaddrs",
	.value = &ip_dropdocaddrs,
	.min = 0,
	.max = 1,
	.initial = 0,
	.changed = ip_dropdocaddrs_changed},
    {.name = NULL},
};

_Atomic uint32_t ip_day_offset;
static struct event *day_event; /* [c] */

/* The clock may be set while we run. */
static void
day_tick(evutil_socket_t fd, short what, void *arg)
{
	struct timespec ts;

	(void)fd;
	(void)what;
	(void)arg;
	clock_gettime(CLOCK_REALTIME, &ts);
	uint64_t day = (uint64_t)(ts.tv_sec % 86400) * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	atomic_store_explicit(
	    &ip_day_offset, (uint32_t)((day + 86400000 - mp_now_ms() % 86400000) % 86400000), memory_order_relaxed);
}

/* => control; a protocol that nobody here speaks.  Takes it. */
static void
local_ctl_input(struct rte_mbuf *m)
{
	ASSERT_CONTROL();
	pkt_drop(mp_control(), m, DROP_IP_NOPROTO);
}

static void
mcast_ctl_input(struct rte_mbuf *m)
{
	ASSERT_CONTROL();
	if (pkt_data(m, const struct ipv4_h *)->vihl >> 4 == 6)
		mld_input(m);
	else
		igmp_input(m);
}

static void
frag_ctl_input(struct rte_mbuf *m)
{
	ASSERT_CONTROL();
	if (pkt_data(m, const struct ipv4_h *)->vihl >> 4 == 6)
		ip6_reass_input(m);
	else
		ip_reass_input(m);
}

void
icmp_ctl_unreachable(struct rte_mbuf *m)
{
	struct worker *w = mp_control();
	bool ours = (pkt_meta(m)->flags & PKT_F_LOCAL) != 0;

	ASSERT_CONTROL();
	if (pkt_data(m, const struct ipv4_h *)->vihl >> 4 == 6) {
		if (ours)
			pkt_drop(w, m, DROP_IP6_UNRESOLVED);
		else
			icmp6_error(w, m, ICMP6_T_UNREACH, ICMP6_UNREACH_ADDR, 0, DROP_IP6_UNRESOLVED);
	} else {
		if (ours)
			pkt_drop(w, m, DROP_IP_UNRESOLVED);
		else
			icmp_error(w, m, ICMP4_UNREACH, ICMP4_UNREACH_HOST, 0, DROP_IP_UNRESOLVED);
	}
}

int
ip_init(void)
{
	uint32_t step = 1;
	int error;

	ASSERT_CONTROL();
	for (const struct sysctl_setting *s = ip_settings; s->name != NULL; s++)
		atomic_store_explicit(s->value, s->initial, memory_order_relaxed);
	while (step < mp_nworkers + 1)
		step <<= 1;
	for (unsigned i = 0; i <= mp_nworkers; i++) {
		struct ip_thread *t = aligned_alloc(MP_CACHELINE, RTE_ALIGN_CEIL(sizeof(*t), MP_CACHELINE));
		if (t == NULL) {
			error = -ENOMEM;
			goto fail;
		}
		*t = (struct ip_thread){.id_step = step, .id = ((uint32_t)rte_rand() & ~(step - 1)) + i};
		mp_workers[i]->proto[MP_SLOT_IP] = t;
	}
	frag_share_init();
	error = in_if_init();
	if (error != 0)
		goto fail;
	error = ip_reass_init();
	if (error != 0)
		goto fail_reass;
	day_tick(-1, 0, NULL);
	if (mp_base != NULL) { /* else nothing runs but what a test or a benchmark calls */
		day_event = event_new(mp_base, -1, EV_PERSIST, day_tick, NULL);
		if (day_event == NULL) {
			error = -ENOMEM;
			goto fail_event;
		}
		event_add(day_event, &(struct timeval){.tv_sec = 60});
	}
	pkt_stage_register(PKT_IP_INPUT, ip_input);
	pkt_stage_register(PKT_IP_OUTPUT, ip_output);
	pkt_stage_register(PKT_NH_OUTPUT, nh_output);
	pkt_stage_register(PKT_IP_LOCAL, ip_local_input_vec);
	mp_punt_register(PUNT_ICMP, echo_ctl_input, 50000, 2000);
	mp_punt_register(PUNT_FRAG, frag_ctl_input, FRAG_RATE, FRAG_BURST);
	mp_punt_register(PUNT_MCAST, mcast_ctl_input, 2000, 500);
	mp_punt_register(PUNT_LOCAL, local_ctl_input, 1000, 100);
	return 0;
fail_event:
	ip_reass_fini();
fail_reass:
	in_if_fini();
fail:
	for (unsigned i = 0; i <= mp_nworkers; i++) {
		free(mp_workers[i]->proto[MP_SLOT_IP]);
		mp_workers[i]->proto[MP_SLOT_IP] = NULL;
	}
	return error;
}

void
ip_fini(void)
{
	ASSERT_CONTROL();
	if (day_event != NULL)
		event_free(day_event);
	day_event = NULL;
	echo_ctl_fini();
	ip_reass_fini();
	in_if_fini();
	for (unsigned i = 0; i <= mp_nworkers; i++) {
		free(mp_workers[i]->proto[MP_SLOT_IP]);
		mp_workers[i]->proto[MP_SLOT_IP] = NULL;
	}
}
