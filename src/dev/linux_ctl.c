/* SPDX-License-Identifier: BSD-2-Clause */
/* Attached Linux interfaces as control sees them; what the kernel announces of their links. */
/*
 * Synchronization: control only.
 * Lifetime: a watch goes when its port begins to be detached.
 */
#include <errno.h>
#include <event2/event.h>
#include <jansson.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmnl/libmnl.h>

#include "dev/linux.h"
#include "if/ifnet.h"

struct watch { /* [c] all */
	LIST_ENTRY(watch) list;
	int ifindex; /* Linux's */
	struct port *port;
};

static LIST_HEAD(, watch) watches = LIST_HEAD_INITIALIZER(watches); /* [c] */
static struct mnl_socket *monitor;				    /* [c] */
static struct event *monitor_event;				    /* [c] */

/* ifindex 0: every one */
static void
link_event(int ifindex, bool gone)
{
	struct watch *w, *next;

	for (w = LIST_FIRST(&watches); w != NULL; w = next) {
		next = LIST_NEXT(w, list);
		if (ifindex != 0 && w->ifindex != ifindex)
			continue;
		if (gone)
			mp_log(MP_LOG_WARNING, "%s: %s vanished in Linux", w->port->ifp->if_xname, w->port->name);
		port_link_changed(w->port);
	}
}

static int
monitor_cb(const struct nlmsghdr *nlh, void *arg)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);

	/* A bridge announces the loss of a port as RTM_DELLINK of its own family. */
	if (nlh->nlmsg_type == RTM_NEWLINK || (nlh->nlmsg_type == RTM_DELLINK && ifi->ifi_family == AF_UNSPEC))
		link_event(ifi->ifi_index, nlh->nlmsg_type == RTM_DELLINK);
	return MNL_CB_OK;
}

static void
monitor_read(evutil_socket_t fd, short what, void *arg)
{
	char buf[32768];

	ASSERT_CONTROL();
	for (unsigned i = 0; i < 64; i++) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n > 0)
			mnl_cb_run(buf, n, 0, 0, monitor_cb, NULL);
		else if (n < 0 && errno == ENOBUFS)
			link_event(0, false); /* announcements were lost: look at all */
		else if (!(n < 0 && errno == EINTR))
			return;
	}
}

static int
monitor_open(void)
{
	int error;

	monitor = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (monitor == NULL)
		return -errno;
	if (mnl_socket_bind(monitor, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		goto fail;
	}
	monitor_event = event_new(mp_base, mnl_socket_get_fd(monitor), EV_READ | EV_PERSIST, monitor_read, NULL);
	if (monitor_event == NULL || event_add(monitor_event, NULL) != 0) {
		error = -ENOMEM;
		goto fail;
	}
	return 0;
fail:
	linux_fini();
	return error;
}

int
linux_watch(struct port *port, int ifindex)
{
	struct watch *w;
	int error;

	ASSERT_CONTROL();
	if (monitor == NULL) {
		error = monitor_open();
		if (error != 0)
			return error;
	}
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	w->ifindex = ifindex;
	w->port = port;
	LIST_INSERT_HEAD(&watches, w, list);
	port_link_changed(port); /* it may have changed since the port was started */
	return 0;
}

void
linux_unwatch(struct port *port)
{
	struct watch *w, *next;

	ASSERT_CONTROL();
	for (w = LIST_FIRST(&watches); w != NULL; w = next) {
		next = LIST_NEXT(w, list);
		if (w->port != port)
			continue;
		LIST_REMOVE(w, list);
		free(w);
	}
}

void
linux_fini(void)
{
	struct watch *w;

	ASSERT_CONTROL();
	while ((w = LIST_FIRST(&watches)) != NULL) {
		LIST_REMOVE(w, list);
		free(w);
	}
	if (monitor_event != NULL)
		event_free(monitor_event);
	monitor_event = NULL;
	if (monitor != NULL)
		mnl_socket_close(monitor);
	monitor = NULL;
}

int
linux_link_get(struct port *port, struct port_link *link)
{
	struct linux_port *lp = port->priv;

	ASSERT_CONTROL();
	linux_link(lp->ifindex, link); /* one that is gone is down */
	return 0;
}

int
linux_set_promisc(struct port *port, bool on)
{
	struct linux_port *lp = port->priv;
	int error = 0;

	ASSERT_CONTROL();
	if (on != lp->promisc)
		error =
		    linux_membership(lp, on ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP, PACKET_MR_PROMISC, NULL);
	if (error == 0)
		lp->promisc = on;
	return error;
}

/* Every group's frames arrive in any case. */
int
linux_set_allmulti(struct port *port, bool on)
{
	return 0;
}

/* The device keeps its address in Linux; it is told to accept ours besides. */
int
linux_set_lladdr(struct port *port, const uint8_t *lladdr)
{
	struct linux_port *lp = port->priv;
	int error = 0;

	ASSERT_CONTROL();
	if (lp->has_lladdr_member)
		linux_membership(lp, PACKET_DROP_MEMBERSHIP, PACKET_MR_UNICAST, lp->lladdr_member);
	lp->has_lladdr_member = false;
	if (memcmp(lladdr, port->lladdr, 6) == 0)
		return 0;
	error = linux_membership(lp, PACKET_ADD_MEMBERSHIP, PACKET_MR_UNICAST, lladdr);
	if (error == 0) {
		memcpy(lp->lladdr_member, lladdr, 6);
		lp->has_lladdr_member = true;
	}
	return error;
}

void
linux_status(struct port *port, void *json_object)
{
	const struct linux_port *lp = port->priv;

	ASSERT_CONTROL();
	json_object_set_new(json_object, "device", json_string(lp->ifname));
	json_object_set_new(json_object, "driver", json_string(lp->xdp != NULL ? "AF_XDP" : "AF_PACKET"));
}

void
linux_save(struct port *port, void (*line)(void *, const char *), void *arg)
{
	static const char *const via[] = {"", " via xdp", " via packet"};
	const struct linux_port *lp = port->priv;
	char text[160], queues[24] = "";

	ASSERT_CONTROL();
	if (lp->opts.queues != 0)
		snprintf(queues, sizeof(queues), " queues %u", lp->opts.queues);
	snprintf(text, sizeof(text), "attach %s%s as %s%s%s", lp->ifname, queues, port->ifp->if_xname,
	    via[lp->opts.via], lp->opts.take ? " --take" : "");
	line(arg, text);
}
