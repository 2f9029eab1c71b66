/* SPDX-License-Identifier: BSD-2-Clause */
/* dev.attach and dev.detach: devices taken in and given back while the daemon runs. */
/*
 * Synchronization: control only, but for the probing and starting of a device, which a helper thread does with the request
 * to itself.
 * Lifetime: a request lives from dev.attach to its answer.  Its port is the request's until port_attach takes it.
 *
 * A Linux interface, a built-in source: open (helper) - place the queues (control) - start (helper) - interface (control).  What fails is
 * undone where it fails, and answered.  A DPDK device: ethdev_attach does the same in its own way.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "dev/dev.h"
#include "dev/dev_methods.h"
#include "dev/gen_ctl.h"
#include "dev/linux.h"
#include "if/ifnet.h"

struct attach {
	TAILQ_ENTRY(attach) list;  /* [c] */
	struct ctl_req *req;	   /* [c] */
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
	if (at->error == 0)
		ctl_reply(at->req, json_pack("{s:s}", "interface", at->ifname));
	else
		ctl_fail(at->req, -at->error, "%s", at->err);
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
attach_parse(struct attach *at, json_t *params)
{
	const char *via = json_string_value(json_object_get(params, "via"));
	json_t *queues = json_object_get(params, "queues");
	json_int_t n = json_integer_value(queues);

	if (queues != NULL && (n < 1 || n > PORT_MAXQ)) {
		snprintf(at->err, sizeof(at->err), "queues must be 1 to %d", PORT_MAXQ);
		return -EINVAL;
	}
	at->opts.queues = n;
	at->opts.nworkers = mp_nworkers;
	at->opts.take = json_is_true(json_object_get(params, "take"));
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

static int
dev_attach(struct ctl_req *req, json_t *params, json_t **result)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	struct attach *at;
	int error;

	ASSERT_CONTROL();
	if (name[0] == '\0' || strlen(name) >= sizeof(at->name))
		return ctl_error(req, ENODEV, "'%.64s': no such device", name);
	at = calloc(1, sizeof(*at));
	if (at == NULL)
		return -ENOMEM;
	at->req = req;
	snprintf(at->name, sizeof(at->name), "%s", name);
	error = attach_parse(at, params);
	if (error == 0)
		error = choose_name(at, json_string_value(json_object_get(params, "ifname")));
	if (error != 0) {
		ctl_error(req, -error, "%s", at->err);
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
		return ctl_error(req, -error, "%.64s: %s", name, strerror(-error));
	}
	return CTL_ASYNC;
}

static void
detached(void *arg)
{
	ctl_reply(arg, json_null());
}

/* => the interface that a device is attached as, or NULL */
static const char *
attached_as(const char *device)
{
	struct ifnet *ifp;

	TAILQ_FOREACH (ifp, &ifnet_list, if_list) {
		struct port *port = port_of_ifnet(ifp);
		const char *name;
		json_t *o;
		bool same;

		if (port == NULL || port->ops->status == NULL || (o = json_object()) == NULL)
			continue;
		port->ops->status(port, o);
		name = json_string_value(json_object_get(o, "device"));
		same = name != NULL && strcmp(name, device) == 0;
		json_decref(o);
		if (same)
			return ifp->if_xname;
	}
	return NULL;
}

static int
dev_detach(struct ctl_req *req, json_t *params, json_t **result)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	struct ifnet *ifp = ifnet_by_name(name);
	struct port *port = ifp != NULL ? port_of_ifnet(ifp) : NULL;

	ASSERT_CONTROL();
	if (ifp == NULL && attached_as(name) != NULL)
		return ctl_error(
		    req, ENXIO, "%.64s: no such interface (it is attached as %s)", name, attached_as(name));
	if (ifp == NULL)
		return ctl_error(req, ENXIO, "%.64s: no such interface", name);
	if (port == NULL)
		return ctl_error(req, EINVAL, "%s: was not attached", name);
	if (strcmp(port->ops->kind, "xdp") != 0 && strcmp(port->ops->kind, "eth") != 0 &&
	    strcmp(port->ops->kind, "gen") != 0)
		return ctl_error(req, EINVAL, "%s: was not attached (ifconfig %s destroy)", name, name);
	port_detach(port, detached, req);
	return CTL_ASYNC;
}

static const struct ctl_param attach_params[] = {
    {"name", "string"}, {"ifname", "string?"}, {"queues", "int?"}, {"take", "bool?"}, {"via", "string?"}, {NULL, NULL}};
static const struct ctl_param detach_params[] = {{"name", "string"}, {NULL, NULL}};
static const struct ctl_param capture_params[] = {{"interface", "string"}, {"snaplen", "int?"}, {NULL, NULL}};

const struct ctl_method dev_methods[] = {
    {"dev.attach", dev_attach, attach_params,
	"takes a device in: a Linux interface, a DPDK device string, or the built-in source and sink"},
    {"dev.detach", dev_detach, detach_params, "gives a device back as it was"},
    {"dev.capture", dev_capture, capture_params, "a stream of copies of an interface's frames"},
    {NULL, NULL, NULL, NULL},
};
