/* SPDX-License-Identifier: BSD-2-Clause */
/* DPDK's environment: started without root, huge pages, or files left behind. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "mp/eal.h"
#include "mp/mp.h"

/*
 * DPDK makes a directory for its run time in spite of --no-shconf, uses nothing of it and leaves it behind; in /tmp, it
 * is the first user's and refused to the next.  It gets one of its own, which goes again.
 */
static bool
scratch_make(char *dir, size_t len)
{
	const char *const tmp[] = {getenv("TMPDIR"), "/tmp", getenv("XDG_RUNTIME_DIR"), "/dev/shm"};

	for (unsigned i = 0; i < sizeof(tmp) / sizeof(tmp[0]); i++)
		if (tmp[i] != NULL && snprintf(dir, len, "%s/smpnet.XXXXXX", tmp[i]) < (int)len &&
		    mkdtemp(dir) != NULL) {
			setenv("RUNTIME_DIRECTORY", dir, 1);
			return true;
		}
	return false;
}

static void
scratch_remove(const char *dir)
{
	char path[sizeof("/dpdk") + 256];

	unsetenv("RUNTIME_DIRECTORY");
	snprintf(path, sizeof(path), "%s/dpdk", dir);
	(void)rmdir(path);
	(void)rmdir(dir);
}

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
	char dir[256];
	int cpu = 0, r;
	bool made;

	r = pthread_getaffinity_np(pthread_self(), sizeof(saved), &saved);
	if (r != 0)
		return -r;
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &saved))
		cpu++;
	snprintf(prefix, sizeof(prefix), "--file-prefix=smpnet%d", (int)getpid());
	snprintf(lcores, sizeof(lcores), "0@%d", cpu);
	if (getenv("SMPNET_EAL_DEBUG") == NULL)
		rte_log_set_global_level(RTE_LOG_ERR);
	made = scratch_make(dir, sizeof(dir));
	r = rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv);
	if (r < 0) {
		r = rte_errno > 0 ? -rte_errno : -EIO;
		mp_log(MP_LOG_ERR, "DPDK's environment does not start: %s", rte_strerror(-r));
	} else
		r = 0;
	(void)rmdir(rte_eal_get_runtime_dir());
	if (made)
		scratch_remove(dir);
	pthread_setaffinity_np(pthread_self(), sizeof(saved), &saved);
	return r;
}

void
mp_eal_fini(void)
{
	rte_eal_cleanup();
}
