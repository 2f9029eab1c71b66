/* SPDX-License-Identifier: BSD-2-Clause */
/* ARP input on workers: what others say to each other does not reach control. */
/*
 * Synchronization: workers read the FIB, next hops and neigh_watch; nothing is written.
 * Lifetime: the packet is the caller's until it is dropped or given to control.
 */
#include <string.h>

#include "ether/arp_hdr.h"
#include "ether/neigh_var.h"
#include "pkt/pkt.h"
#include "route/route.h"

_Atomic uint32_t neigh_watch;

/*
 * A broadcast request of somebody for somebody else matters in three cases only (RFC 826, RFC 5227): the sender uses an
 * address of ours, the sender is a neighbour whose link address we do not know or have otherwise, or we look out for
 * more than our usable addresses (neigh_watch).
 */
static bool
arp_is_chatter(const struct arp_ether *ar)
{
	const struct nexthop *nh;
	uint32_t spa = ar->ar_spa.s_addr, tpa = ar->ar_tpa.s_addr;

	if (atomic_load_explicit(&neigh_watch, memory_order_relaxed) != 0 || ar->ar_op != htons(ARP_OP_REQUEST))
		return false;
	if (ar->ar_hrd != htons(ARP_HRD_IEEE802_3) || ar->ar_pro != htons(ETHER_T_IP) || ar->ar_hln != ETHER_ADDRLEN ||
	    ar->ar_pln != sizeof(struct in_addr))
		return false; /* for control to count */
	nh = nexthop_get(fib_lookup4(tpa));
	if (nh == NULL || nh->nh_type == NH_LOCAL)
		return false;
	if (spa == INADDR_ANY)
		return true;
	nh = nexthop_get(fib_lookup4(spa));
	if (nh == NULL || nh->nh_type == NH_LOCAL)
		return false;
	if (nh->nh_addr.in4.s_addr != spa)
		return true;
	if (nh->nh_type == NH_FORWARD)
		return memcmp(nh->nh_l2, ar->ar_sha, ETHER_ADDRLEN) == 0;
	return nh->nh_type != NH_UNRESOLVED;
}

static uint32_t
arp_sender(const struct arp_ether *ar)
{
	uint32_t low;

	memcpy(&low, ar->ar_sha + 2, sizeof(low));
	return low ^ (uint32_t)ar->ar_sha[1] << 8;
}

/* => worker; data at the ARP header, contiguous.  Takes the packet. */
void
arp_punt(struct worker *w, struct rte_mbuf *m)
{
	ASSERT_WORKER();
	if ((pkt_meta(m)->flags & PKT_F_BCAST) != 0 && arp_is_chatter(pkt_data(m, const struct arp_ether *)))
		pkt_drop(w, m, DROP_ARP_CHATTER);
	else
		mp_punt_from(w, PUNT_ARP, m, arp_sender(pkt_data(m, const struct arp_ether *)));
}
