/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the worker of a Linux interface's queue sleeps on.
 *
 * Synchronization: the queue's worker, between start and stop.  Lifetime: from the port's start to its stop.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dev/linux.h"
#include "mp/mp.h"

int
linux_wait_open(struct linux_wait *lw)
{
	*lw = (struct linux_wait){.us = mp_tsc_hz / 1000000};
	lw->epfd = epoll_create1(EPOLL_CLOEXEC);
	return lw->epfd < 0 ? -errno : 0;
}

void
linux_wait_close(struct linux_wait *lw)
{
	if (lw->epfd >= 0)
		close(lw->epfd);
	lw->epfd = -1;
	lw->nfd = 0;
}

void
linux_wait_add(struct linux_wait *lw, int fd)
{
	lw->fd[lw->nfd++] = fd;
}

/* A socket that has something when it joins makes the set ready at once: no packet is slept through. */
void
linux_wait_arm(struct linux_wait *lw)
{
	struct epoll_event ev = {.events = EPOLLIN};

	ASSERT_WORKER();
	lw->polls = 0;
	for (unsigned i = 0; i < lw->nfd && !lw->in; i++)
		epoll_ctl(lw->epfd, EPOLL_CTL_ADD, lw->fd[i], &ev);
	lw->in = true;
}

void
linux_wait_leave(struct linux_wait *lw)
{
	ASSERT_WORKER();
	for (unsigned i = 0; i < lw->nfd; i++)
		epoll_ctl(lw->epfd, EPOLL_CTL_DEL, lw->fd[i], NULL);
	lw->in = false;
}
