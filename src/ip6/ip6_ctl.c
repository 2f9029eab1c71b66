/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv6 on the control thread: start, stop, settings. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <rte_random.h>

#include "ctl/ctl.h"
#include "ip6/ip6_var.h"
#include "ip6/nd_if.h"
#include "ip6/rtadv.h"

_Atomic int tcp6_rstppslimit;
_Atomic int ip6_forwarding, ip6_hlim, ip6_sendredirects, ip6_hdrnestlimit, ip6_maxfragpackets, ip6_maxfrags,
    ip6_maxfragbytes, ip6_fragttl, icmp6_errppslimit;

static int
forwarding_changed(int old, int new)
{
	ASSERT_CONTROL();
	if (old == new || in6_own_get() == NULL)
		return 0;
	/* Routers listen to one group more; the setting itself is stored after this returns. */
	atomic_store_explicit(&ip6_forwarding, new, memory_order_relaxed);
	nd6_forwarding_changed(new != 0);
	in6_if_update_all();
	rtadv_forwarding_changed();
	return 0;
}

const struct sysctl_setting ip6_settings[] = {
    {.name = "net.inet6.ip6.forwarding",
	.value = &ip6_forwarding,
	.min = 0,
	.max = 1,
	.initial = 0,
	.changed = forwarding_changed},
    {.name = "net.inet6.ip6.redirect", .value = &ip6_sendredirects, .min = 0, .max = 1, .initial = 1},
    {.name = "net.inet6.ip6.hlim", .value = &ip6_hlim, .min = 1, .max = 255, .initial = 64},
    {.name = "net.inet6.ip6.maxfragpackets", .value = &ip6_maxfragpackets, .min = -1, .max = 100000, .initial = 200},
    {.name = "net.inet6.ip6.hdrnestlimit", .value = &ip6_hdrnestlimit, .min = 0, .max = 255, .initial = 50},
    {.name = "net.inet6.ip6.maxfrags", .value = &ip6_maxfrags, .min = -1, .max = 100000, .initial = 1000},
    {.name = "net.inet6.ip6.maxfragbytes", .value = &ip6_maxfragbytes, .min = -1, .max = INT_MAX, .initial = 4194304},
    {.name = "net.inet6.ip6.fragttl", .value = &ip6_fragttl, .min = 1, .max = 255, .initial = 60},
    {.name = "net.inet6.icmp6.errppslimit", .value = &icmp6_errppslimit, .min = -1, .max = 1000000, .initial = 100},
    {.name = "net.inet6.tcp6.rstppslimit", .value = &tcp6_rstppslimit, .min = -1, .max = 1000000, .initial = 100},
    /* 2001:db8::/32, 3fff::/20 are never forwarded */
    {.name = "net.inet6.ip6.dropdocaddrs",
	.value = &ip6_dropdocaddrs,
	.min = 0,
	.max = 1,
	.initial = 0,
	.changed = ip6_dropdocaddrs_changed},
    {.name = NULL},
};

int
ip6_init(void)
{
	uint32_t step = 1;
	int error;

	ASSERT_CONTROL();
	for (const struct sysctl_setting *s = ip6_settings; s->name != NULL; s++)
		atomic_store_explicit(s->value, s->initial, memory_order_relaxed);
	while (step < mp_nworkers + 1)
		step <<= 1;
	for (unsigned i = 0; i <= mp_nworkers; i++) {
		struct ip6_thread *t = aligned_alloc(MP_CACHELINE, RTE_ALIGN_CEIL(sizeof(*t), MP_CACHELINE));
		if (t == NULL) {
			error = -ENOMEM;
			goto fail;
		}
		*t = (struct ip6_thread){.id_step = step, .id = ((uint32_t)rte_rand() & ~(step - 1)) + i};
		mp_workers[i]->proto[MP_SLOT_IP6] = t;
	}
	error = in6_if_init();
	if (error != 0)
		goto fail;
	error = ip6_reass_init();
	if (error != 0)
		goto fail_reass;
	error = nd6_init();
	if (error != 0)
		goto fail_nd6;
	pkt_stage_register(PKT_IP6_INPUT, ip6_input);
	pkt_stage_register(PKT_IP6_OUTPUT, ip6_output);
	pkt_stage_register(PKT_IP6_LOCAL, ip6_local_input_vec);
	return 0;
fail_nd6:
	ip6_reass_fini();
fail_reass:
	in6_if_fini();
fail:
	for (unsigned i = 0; i <= mp_nworkers; i++) {
		free(mp_workers[i]->proto[MP_SLOT_IP6]);
		mp_workers[i]->proto[MP_SLOT_IP6] = NULL;
	}
	return error;
}

void
ip6_fini(void)
{
	ASSERT_CONTROL();
	nd6_fini();
	ip6_reass_fini();
	in6_llnbr_fini();
	in6_if_fini();
	for (unsigned i = 0; i <= mp_nworkers; i++) {
		free(mp_workers[i]->proto[MP_SLOT_IP6]);
		mp_workers[i]->proto[MP_SLOT_IP6] = NULL;
	}
}
