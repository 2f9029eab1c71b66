/* SPDX-License-Identifier: BSD-2-Clause */
/* DPDK's environment: started without root, huge pages, or files left behind. */
#ifndef SMPNET_MP_EAL_H
#define SMPNET_MP_EAL_H

/* => main thread, once, before anything else of DPDK; keeps the thread's CPU affinity; 0 or -errno, reason logged */
int mp_eal_init(void);
void mp_eal_fini(void);

#endif
