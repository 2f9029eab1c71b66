/* SPDX-License-Identifier: BSD-2-Clause */
/* Reverse path checks and documentation addresses, as configured: what workers look at (ip/ingress.h). */
#include <string.h>

#include "ip/ingress_ctl.h"
#include "ip/ingress.h"
#include "ip/ip_var.h"
#include "ip6/ip6_var.h"

_Atomic uint32_t ip_ingress;
_Atomic int ip_dropdocaddrs, ip6_dropdocaddrs;

static const char *const urpf_words[] = {[IF_URPF_OFF] = "off", [IF_URPF_STRICT] = "strict", [IF_URPF_LOOSE] = "loose"};

static void
ingress_bit(uint32_t bit, bool on)
{
	uint32_t bits = atomic_load_explicit(&ip_ingress, memory_order_relaxed);

	ASSERT_CONTROL();
	atomic_store_explicit(&ip_ingress, on ? bits | bit : bits & ~bit, memory_order_relaxed);
}

int
ip_dropdocaddrs_changed(int old, int new)
{
	(void)old;
	ingress_bit(INGRESS_DOC4, new != 0);
	return 0;
}

int
ip6_dropdocaddrs_changed(int old, int new)
{
	(void)old;
	ingress_bit(INGRESS_DOC6, new != 0);
	return 0;
}

void
ip_urpf_update(void)
{
	const struct ifnet *ifp;
	bool on = false;

	ASSERT_CONTROL();
	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		on |= atomic_load_explicit(&ifp->if_urpf, memory_order_relaxed) != IF_URPF_OFF;
	ingress_bit(INGRESS_URPF, on);
}

int
ip_urpf_set(struct ifnet *ifp, const char *word)
{
	ASSERT_CONTROL();
	for (unsigned i = 0; i < RTE_DIM(urpf_words); i++) {
		if (strcmp(urpf_words[i], word) != 0)
			continue;
		atomic_store_explicit(&ifp->if_urpf, (uint8_t)i, memory_order_relaxed);
		ip_urpf_update();
		return 0;
	}
	return -EINVAL;
}

const char *
ip_urpf_word(const struct ifnet *ifp)
{
	return urpf_words[atomic_load_explicit(&ifp->if_urpf, memory_order_relaxed)];
}
