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
	char prefix[48], lcores[32];
	cpu_set_t saved;
	int cpu = 0, n = 0;
	char *argv[20];

	if (pthread_getaffinity_np(pthread_self(), sizeof(saved), &saved) != 0)
		return -errno;
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &saved))
		cpu++;
	snprintf(prefix, sizeof(prefix), "--file-prefix=smpnet%d", (int)getpid());
	snprintf(lcores, sizeof(lcores), "0@%d", cpu);
	argv[n++] = strdup("smpnetd");
	argv[n++] = strdup("--no-huge");
	argv[n++] = strdup("--no-shconf");
	argv[n++] = strdup("--no-telemetry");
	argv[n++] = strdup("--iova-mode=va");
	argv[n++] = strdup("-m");
	argv[n++] = strdup("512"); /* reserved, not used: pools and tables have mappings of their own */
	argv[n++] = strdup("--lcores");
	argv[n++] = strdup(lcores);
	argv[n++] = strdup(prefix);
	/* an allow-list that matches no device: --no-pci would rule out every later attach */
	argv[n++] = strdup("-a");
	argv[n++] = strdup("ffff:ff:1f.7");
	argv[n++] = strdup("--log-level=lib.*:error");
	argv[n++] = strdup("--log-level=*:error");
	argv[n] = NULL;
	if (getenv("SMPNET_EAL_DEBUG") == NULL)
		rte_log_set_global_level(RTE_LOG_ERR);
	if (rte_eal_init(n, argv) < 0) {
		mp_log(MP_LOG_ERR, "DPDK's environment does not start: %s", rte_strerror(rte_errno));
		return -rte_errno;
	}
	/* the strings stay: DPDK keeps pointers to them */
	pthread_setaffinity_np(pthread_self(), sizeof(saved), &saved);
	return 0;
}

void
mp_eal_fini(void)
{
	rte_eal_cleanup();
}
