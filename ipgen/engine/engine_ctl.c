/* SPDX-License-Identifier: BSD-2-Clause */
/* The engine of the tester: start and stop, two mirrored lists. */
/*
 * Synchronization: control.
 * Lifetime: from engine_start to engine_stop, once in a process.
 *
 * Interfaces of src/if tell routing, neighbours and the protocols what happens to them, so these are initialised, and stay
 * empty: workers hand what they receive to rx_receive, and no interface is raised by if_set_flags (engine_port_up).
 */
#include <unistd.h>

#include <event2/event.h>

#include "ctl/sysctl.h"
#include "dev/dev.h"
#include "ether/ether.h"
#include "ether/neigh.h"
#include "if/ifnet.h"
#include "ip/ip.h"
#include "ip6/ip6.h"
#include "ipgen/engine/engine.h"
#include "ipgen/engine/rx.h"
#include "ipgen/engine/tx_var.h"
#include "mp/eal.h"
#include "mp/mp.h"
#include "pkt/pkt.h"
#include "route/route.h"

int
engine_start(const struct engine_conf *conf, struct event_base *base)
{
	const struct mp_config mp = {.nworkers = conf->workers,
	    .cpulist = conf->cpus,
	    .opt_workers = "--workers",
	    .opt_cpulist = "--cpus",
	    .pool_buffers = conf->buffers,
	    .buffer_size = conf->buffer_size};
	int r;

	if ((r = mp_eal_init()) != 0 || (r = pkt_init()) != 0 || (r = mp_start(&mp, base)) != 0)
		return r;
	if ((r = sysctl_init()) != 0 || (r = ifnet_init()) != 0 || (r = route_init()) != 0 || (r = neigh_init()) != 0 ||
	    (r = ip_init()) != 0 || (r = ip6_init()) != 0 || (r = dev_init()) != 0)
		return r;
	if ((r = tx_pool_init(conf->buffers / 2, conf->buffer_size, conf->queues)) != 0 || (r = rx_init()) != 0)
		return r;
	mp_hooks = (struct mp_hooks){
	    .receive = rx_receive, .resume = rx_resume, .reinput = pkt_run_reinput, .flush = if_flush};
	return mp_run();
}

/* Waits until nothing is on its way back (devices being closed, grace periods), in the event loop, for a bounded while. */
static void
settle(struct event_base *base)
{
	for (int i = 0; i < 2000 && (mp_deferred_pending() > 0 || mp_helper_pending() > 0 || !TAILQ_EMPTY(&ifnet_list));
	     i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		usleep(2000);
	}
}

void
engine_stop(struct event_base *base)
{
	ifnet_destroy_all();
	settle(base);
	if (mp_deferred_pending() > 0 || mp_helper_pending() > 0) {
		/* Its thread and the workers still use what would be freed; the kernel takes everything back. */
		mp_log(MP_LOG_WARNING, "a device does not let go: left to the kernel");
		_exit(1);
	}
	engine_barrier();
	tx_fini();
	rx_fini();
	lines_end();
	dev_fini();
	ip6_fini();
	ip_fini();
	neigh_fini();
	route_fini();
	ifnet_fini();
	sysctl_fini();
	settle(base);
	mp_stop();
	tx_pool_fini();
	mp_eal_fini();
}

int
engine_port_up(struct ifnet *ifp)
{
	int error = 0;

	ASSERT_CONTROL();
	if (atomic_load_explicit(&ifp->if_flags, memory_order_relaxed) & IFF_SMP_UP)
		return 0;
	if (ifp->if_ops->up != NULL)
		error = ifp->if_ops->up(ifp);
	if (error == 0)
		atomic_fetch_or(&ifp->if_flags, IFF_SMP_UP | IFF_SMP_RUNNING);
	return error;
}

static unsigned barrier_waits; /* [c] calls that have not come back */

static void
barrier_done(struct mp_call *call)
{
	barrier_waits--;
}

void
engine_barrier(void)
{
	struct mp_call call[MP_MAXWORKERS];

	ASSERT_CONTROL();
	for (unsigned i = 0; i < mp_nworkers; i++) {
		call[i] = (struct mp_call){.done = barrier_done};
		barrier_waits++;
		mp_call(mp_workers[i], &call[i]);
	}
	while (barrier_waits > 0)
		event_base_loop(mp_base, EVLOOP_ONCE);
}
