/* SPDX-License-Identifier: BSD-2-Clause */
/* The log: levels, at most a burst of lines a second, to standard error. */
/*
 * Synchronization: the budget is one atomic word of the current second; lines are written with one write(2) each.
 * Lifetime: none.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "mp/mp.h"

#define LOG_PER_SECOND 100

_Atomic int mp_log_level = MP_LOG_INFO;

static _Atomic uint64_t log_budget;	/* [a] second << 32 | lines in it */
static _Atomic uint32_t log_suppressed; /* [a] */

/* Takes one line from this second's budget.  Errors always pass. */
static bool
log_admit(int level)
{
	struct timespec ts;
	uint64_t now, old, new;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)(uint32_t)ts.tv_sec << 32;
	old = atomic_load_explicit(&log_budget, memory_order_relaxed);
	do {
		new = (old >> 32) == (now >> 32) ? old + 1 : now + 1;
		if ((uint32_t) new > LOG_PER_SECOND && level > MP_LOG_ERR) {
			atomic_fetch_add_explicit(&log_suppressed, 1, memory_order_relaxed);
			return false;
		}
	} while (
	    !atomic_compare_exchange_weak_explicit(&log_budget, &old, new, memory_order_relaxed, memory_order_relaxed));
	return true;
}

void
mp_log(int level, const char *fmt, ...)
{
	static const char *const names[] = {"error: ", "warning: ", "", "debug: "};
	struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
	char line[1024];
	uint32_t lost;
	va_list ap;
	int n;

	if (level > atomic_load_explicit(&mp_log_level, memory_order_relaxed) || !log_admit(level))
		return;
	lost = atomic_exchange_explicit(&log_suppressed, 0, memory_order_relaxed);
	n = 0;
	if (lost > 0)
		n = snprintf(line, sizeof(line), "%s: %u lines suppressed\n", program_invocation_short_name, lost);
	n += snprintf(line + n, sizeof(line) - n, "%s: %s", program_invocation_short_name, names[level]);
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	if (line[n - 1] != '\n')
		line[n++] = '\n';
	/* whoever reads the log must not be able to stop the router: a full pipe loses lines */
	if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0 || write(STDERR_FILENO, line, n) < 0)
		atomic_fetch_add_explicit(&log_suppressed, 1, memory_order_relaxed);
}

#ifdef SMPNET_DEBUG
void
mp_assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "smpnetd: assertion failed: %s (%s:%d)\n", what, file, line);
	abort();
}
#endif
