/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices taken in: a Linux interface, the built-in source and sink, a DPDK device. */
/*
 * Synchronization: control only, but for the probing and starting of a device, which a helper thread does with the request
 * to itself.
 * Lifetime: a request lives from dev_attach_device to its answer.  Its port is the request's until port_attach takes it.
 *
 * A Linux interface, a built-in source: open (helper) - place the queues (control) - start (helper) - interface (control).  What fails is
 * undone where it fails, and answered.  A DPDK device: ethdev_attach does the same in its own way.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/dev.h"
#include "dev/gen_ctl.h"
#include "dev/linux.h"
#include "if/ifnet.h"

struct attach {
	TAILQ_ENTRY(attach) list;  /* [c] */
	dev_attached_fn *done;	   /* [c] */
	void *arg;		   /* [c] */
	char name[512];		   /* [I] the device */
	char ifname[IFNAMSIZ_SMP]; /* [I] */
	bool is_linux;		   /* [I] */
	bool is_gen;		   /* [I] the built-in source and sink */
	struct linux_options opts; /* [I] */
	struct port *port;	   /* [c] or the helper thread's, who runs */
	int error;		   /* [c] likewise */
	char err[256];		   /* [c] likewise */
};

static TAILQ_HEAD(, attach) attaching = TAILQ_HEAD_INITIALIZER(attaching); /* [c] */

/* 0000:03:00.0, 03:00.0 */
static bool
is_pci(const char *name)
{
	size_t n = strlen(name);

	return (n == 7 || n == 12) && name[n - 2] == '.' && name[n - 5] == ':' &&
	       strspn(name, "0123456789abcdefABCDEF:.") == n;
}

static bool
name_is_free(const char *ifname)
{
	struct attach *at;

	if (ifnet_by_name(ifname) != NULL)
		return false;
	TAILQ_FOREACH (at, &attaching, list)
		if (strcmp(at->ifname, ifname) == 0)
			return false;
	return true;
}

static bool
name_is_valid(const char *ifname)
{
	size_t n = strlen(ifname), letters = strspn(ifname, "abcdefghijklmnopqrstuvwxyz");

	return n < IFNAMSIZ_SMP && letters > 0 && letters < n &&
	       strspn(ifname + letters, "0123456789") == n - letters && (ifname[letters] != '0' || n == letters + 1);
}

/* What was asked for, or xdpN */
static int
choose_name(struct attach *at, const char *wanted)
{
	if (wanted != NULL) {
		if (!name_is_valid(wanted)) {
			snprintf(
			    at->err, sizeof(at->err), "%.64s: not an interface name (letters, then a number)", wanted);
			return -EINVAL;
		}
		snprintf(at->ifname, sizeof(at->ifname), "%s", wanted);
	} else if (at->is_gen) {
		(void)gen_is_device(at->name, at->ifname, sizeof(at->ifname));
	} else if (at->is_linux) {
		for (unsigned unit = 0; unit < MP_MAXIF; unit++) {
			snprintf(at->ifname, sizeof(at->ifname), "xdp%u", unit);
			if (name_is_free(at->ifname))
				return 0;
		}
		snprintf(at->err, sizeof(at->err), "no interface name is free");
		return -ENOSPC;
	} else
		return 0; /* by the device */
	if (!name_is_free(at->ifname)) {
		snprintf(at->err, sizeof(at->err), "%s: exists already", at->ifname);
		return -EEXIST;
	}
	return 0;
}

static void
attach_end(struct attach *at)
{
	ASSERT_CONTROL();
	TAILQ_REMOVE(&attaching, at, list);
	at->done(at->arg, at->error == 0 ? ifnet_by_name(at->ifname) : NULL, at->error, at->err);
	free(at);
}

static void
discard(void *arg)
{
	struct attach *at = arg;

	at->port->ops->stop(at->port);
	at->port->ops->close(at->port);
}

static void
discarded(void *arg)
{
	struct attach *at = arg;

	port_unplace_queues(at->port);
	free(at->port);
	attach_end(at);
}

static void
start(void *arg)
{
	struct attach *at = arg;

	at->error = at->port->ops->start(at->port, at->err, sizeof(at->err));
	if (at->error != 0)
		at->port->ops->close(at->port);
}

static void
started(void *arg)
{
	struct attach *at = arg;
	int error;

	ASSERT_CONTROL();
	if (at->error != 0) {
		port_unplace_queues(at->port);
		free(at->port);
		attach_end(at);
		return;
	}
	error = port_attach(at->port, at->ifname, NULL);
	if (error != 0) {
		at->error = error;
		snprintf(at->err, sizeof(at->err), "%s: %s", at->ifname, strerror(-error));
		if (mp_helper_run(discard, discarded, at) != 0) {
			discard(at);
			discarded(at);
		}
		return;
	}
	if (at->is_linux && linux_watch(at->port, ((struct linux_port *)at->port->priv)->ifindex) != 0)
		mp_log(MP_LOG_WARNING, "%s: changes of the link will not be noticed", at->ifname);
	attach_end(at);
}

static void
open_device(void *arg)
{
	struct attach *at = arg;

	char why[192];

	if (!at->is_gen) {
		at->error = linux_open(at->name, &at->opts, &at->port, at->err, sizeof(at->err));
		return;
	}
	at->error = gen_open(at->name, at->opts.queues, &at->port, why, sizeof(why));
	if (at->error != 0)
		snprintf(at->err, sizeof(at->err), "%s: %s", at->ifname, why);
}

static void
opened(void *arg)
{
	struct attach *at = arg;
	int error;

	ASSERT_CONTROL();
	if (at->error != 0) {
		attach_end(at);
		return;
	}
	port_place_queues(at->port);
	error = mp_helper_run(start, started, at); /* at is the helper's from here on */
	if (error != 0) {
		at->error = error;
		snprintf(at->err, sizeof(at->err), "%.64s: %s", at->name, strerror(-at->error));
		at->port->ops->close(at->port);
		started(at);
	}
}

static void
ethdev_done(void *arg, struct ifnet *ifp, int error, const char *msg)
{
	struct attach *at = arg;

	ASSERT_CONTROL();
	at->error = error;
	if (error != 0)
		snprintf(at->err, sizeof(at->err), "%s", msg);
	else
		snprintf(at->ifname, sizeof(at->ifname), "%s", ifp->if_xname);
	attach_end(at);
}

static int
attach_spec(struct attach *at, const struct dev_attach_spec *spec)
{
	const char *via = spec->via;

	if (spec->queues > PORT_MAXQ) {
		snprintf(at->err, sizeof(at->err), "queues must be 1 to %d", PORT_MAXQ);
		return -EINVAL;
	}
	at->opts.queues = spec->queues;
	at->opts.nworkers = mp_nworkers;
	at->opts.take = spec->take;
	if (via != NULL && strcmp(via, "xdp") != 0 && strcmp(via, "packet") != 0) {
		snprintf(at->err, sizeof(at->err), "via must be xdp or packet");
		return -EINVAL;
	}
	at->opts.via = via == NULL ? LINUX_VIA_AUTO : via[0] == 'x' ? LINUX_VIA_XDP : LINUX_VIA_PACKET;
	at->is_linux = linux_exists(at->name);
	if (at->is_linux)
		return 0;
	at->is_gen = gen_is_device(at->name, at->ifname, sizeof(at->ifname));
	if (!at->is_gen && is_pci(at->name)) {
		snprintf(at->err, sizeof(at->err), "%.64s: PCI devices are not supported yet", at->name);
		return -EOPNOTSUPP;
	}
	if (!at->is_gen && strncmp(at->name, "net_", 4) != 0 && strchr(at->name, ',') == NULL) {
		snprintf(at->err, sizeof(at->err), "%.64s: no such device", at->name);
		return -ENODEV;
	}
	if (via != NULL || at->opts.take) {
		snprintf(at->err, sizeof(at->err), "%.64s: not a Linux interface: no 'via', no '--take'", at->name);
		return -EINVAL;
	}
	return 0;
}

int
dev_attach_device(const struct dev_attach_spec *spec, dev_attached_fn *done, void *arg, char *err, size_t errlen)
{
	struct attach *at;
	int error;

	ASSERT_CONTROL();
	if (spec->device[0] == '\0' || strlen(spec->device) >= sizeof(at->name)) {
		snprintf(err, errlen, "'%.64s': no such device", spec->device);
		return -ENODEV;
	}
	at = calloc(1, sizeof(*at));
	if (at == NULL) {
		snprintf(err, errlen, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	at->done = done;
	at->arg = arg;
	snprintf(at->name, sizeof(at->name), "%s", spec->device);
	error = attach_spec(at, spec);
	if (error == 0)
		error = choose_name(at, spec->ifname);
	if (error != 0) {
		snprintf(err, errlen, "%s", at->err);
		free(at);
		return error;
	}
	TAILQ_INSERT_TAIL(&attaching, at, list);
	if (at->is_linux || at->is_gen)
		error = mp_helper_run(open_device, opened, at);
	else
		error = ethdev_attach(
		    at->name, at->opts.queues, at->ifname[0] != '\0' ? at->ifname : NULL, ethdev_done, at);
	if (error != 0) {
		TAILQ_REMOVE(&attaching, at, list);
		free(at);
		snprintf(err, errlen, "%.64s: %s", spec->device, strerror(-error));
	}
	return error;
}
