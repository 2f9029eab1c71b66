/* SPDX-License-Identifier: BSD-2-Clause */
/* The router: start and stop, two mirrored lists. */
#include <unistd.h>

#include <event2/event.h>

#include "ctl/sysctl.h"
#include "dev/dev.h"
#include "ether/ether.h"
#include "ether/neigh.h"
#include "if/ifnet.h"
#include "ip/ip.h"
#include "ip6/ip6.h"
#include "mp/eal.h"
#include "pkt/pkt.h"
#include "route/route.h"
#include "router.h"

static void
stages_register(void)
{
	mp_hooks = (struct mp_hooks){
	    .receive = if_receive, .resume = pkt_resume, .reinput = pkt_run_reinput, .flush = if_flush};
	pkt_stage_register(PKT_ETHER_INPUT, ether_input);
	pkt_stage_register(PKT_IP_INPUT, ip_input);
	pkt_stage_register(PKT_IP6_INPUT, ip6_input);
	pkt_stage_register(PKT_IP_OUTPUT, ip_output);
	pkt_stage_register(PKT_IP6_OUTPUT, ip6_output);
	pkt_stage_register(PKT_NH_OUTPUT, nh_output);
}

/* The start list.  router_stop mirrors it. */
int
router_start(const struct mp_config *conf, struct event_base *base, bool workers)
{
	int r;

	if ((r = mp_eal_init()) != 0 || (r = pkt_init()) != 0 || (r = mp_start(conf, base)) != 0)
		return r;
	if ((r = sysctl_init()) != 0 || (r = ifnet_init()) != 0 || (r = route_init()) != 0 || (r = neigh_init()) != 0 ||
	    (r = ip_init()) != 0 || (r = ip6_init()) != 0 || (r = dev_init()) != 0)
		return r;
	stages_register();
	if (workers && (r = mp_run()) != 0)
		return r;
	return if_lo_create();
}

/* Waits until nothing is on its way back (devices being closed, grace periods), in the event loop, for a bounded while.
 */
static void
settle(struct event_base *base)
{
	for (int i = 0; i < 2000 && (mp_deferred_pending() > 0 || mp_helper_pending() > 0 || neigh_flush_pending() ||
					!TAILQ_EMPTY(&ifnet_list));
	     i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(2000);
	}
}

void
router_stop(struct event_base *base)
{
	ifnet_destroy_all();
	settle(base);
	if (mp_deferred_pending() > 0 || mp_helper_pending() > 0) {
		/* Its thread and the workers still use what would be freed; the kernel takes everything back. */
		mp_log(MP_LOG_WARNING, "a device does not let go: left to the kernel");
		_exit(1);
	}
	lines_end(); /* no packet moves any more: control takes apart what was the workers' */
	dev_fini();
	ip6_fini();
	ip_fini();
	neigh_fini();
	route_fini();
	ifnet_fini();
	sysctl_fini();
	settle(base);
	mp_stop();
	mp_eal_fini();
}
