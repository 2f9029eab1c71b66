/* SPDX-License-Identifier: BSD-2-Clause */
/* DPDK's environment: started without root, huge pages, or files left behind. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "mp/eal.h"
#include "mp/mp.h"

int
mp_eal_init(void)
{
	/* DPDK keeps pointers to its arguments */
	static char prefix[48], lcores[32];
	static char *argv[] = {"smpnetd", "--no-huge", "--no-shconf", "--no-telemetry", "--iova-mode=va",
	    /* reserved, not used: pools and tables have mappings of their own */
	    "-m", "512",
	    /* an allow-list that matches no device: --no-pci would rule out every later attach */
	    "-a", "ffff:ff:1f.7", "--log-level=*:error", "--lcores", lcores, prefix, NULL};
	cpu_set_t saved;
	int cpu = 0;

	if (pthread_getaffinity_np(pthread_self(), sizeof(saved), &saved) != 0)
		return -errno;
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &saved))
		cpu++;
	snprintf(prefix, sizeof(prefix), "--file-prefix=smpnet%d", (int)getpid());
	snprintf(lcores, sizeof(lcores), "0@%d", cpu);
	if (getenv("SMPNET_EAL_DEBUG") == NULL)
		rte_log_set_global_level(RTE_LOG_ERR);
	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) < 0) {
		mp_log(MP_LOG_ERR, "DPDK's environment does not start: %s", rte_strerror(rte_errno));
		return -rte_errno;
	}
	pthread_setaffinity_np(pthread_self(), sizeof(saved), &saved);
	/* made in spite of --no-shconf, never used, and not removed by rte_eal_cleanup */
	(void)rmdir(rte_eal_get_runtime_dir());
	return 0;
}

void
mp_eal_fini(void)
{
	rte_eal_cleanup();
}
