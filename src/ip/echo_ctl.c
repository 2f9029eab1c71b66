/* SPDX-License-Identifier: BSD-2-Clause */
/* What comes back to us by ICMP: for the ping and trace streams. */
#include "ip/ip_var.h"

void
echo_ctl_input(struct rte_mbuf *m)
{
	ASSERT_CONTROL();
	pkt_consume(mp_control(), m);
}

void
echo_ctl_fini(void)
{
}
