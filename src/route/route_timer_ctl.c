/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: one event of control's loop for the earliest of the heap of times (route_expire_ctl.c), and settings.
 *
 * Synchronization: control only; the settings are single words.
 * Lifetime: the event lives from the first route with a time to route_fini.
 */
#include <event2/event.h>

#include "ctl/ctl.h"
#include "mp/slice.h"
#include "route/route_var.h"

const struct sysctl_setting route_settings[] = {
    {.name = "net.inet.ip.mtudisc", .value = &ip_mtudisc, .min = 0, .max = 1, .initial = 1, .changed = rt_pmtu_setting},
    {.name = "net.inet.ip.mtudisctimeout", .value = &ip_mtudisc_timeout, .min = 1, .max = 86400, .initial = 600},
    /* NetBSD has 600 s built in. */
    {.name = "net.inet6.ip6.pmtu_expire", .value = &ip6_pmtu_expire, .min = 1, .max = 86400, .initial = 600},
    /* Path MTUs remembered: in all, and up to which reports are believed that quote a packet nobody here knows of */
    {.name = "net.inet6.icmp6.mtudisc_hiwat", .value = &pmtu_hiwat, .min = 0, .max = 100000, .initial = 1280},
    {.name = "net.inet6.icmp6.mtudisc_lowat", .value = &pmtu_lowat, .min = 0, .max = 100000, .initial = 256},
    {.name = NULL},
};

static struct event *expire_event; /* [c] */

static void
expire_arm(uint64_t when)
{
	uint64_t now = mp_now_ms(), ms = when > now ? when - now : 0;
	struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	evtimer_add(expire_event, &tv);
}

static void
expire_due(evutil_socket_t fd, short what, void *arg)
{
	uint64_t next;

	mp_slice_begin();
	rt_expire_run(mp_now_ms(), &next);
	if (next != 0)
		expire_arm(next);
}

/* => control; the next to go does so at when */
void
rt_expire_arm(uint64_t when)
{
	ASSERT_CONTROL();
	if (expire_event == NULL && mp_base != NULL)
		expire_event = evtimer_new(mp_base, expire_due, NULL);
	if (expire_event != NULL)
		expire_arm(when);
	else if (mp_base != NULL)
		mp_log(MP_LOG_ERR, "route: no memory for a timer");
}

/* => control, at the end */
void
rt_expire_fini(void)
{
	if (expire_event != NULL)
		event_free(expire_event);
	expire_event = NULL;
}
