/* SPDX-License-Identifier: BSD-2-Clause */
/* dev.attach and dev.detach: devices taken in and given back while the daemon runs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "dev/dev.h"
#include "dev/dev_methods.h"
#include "dev/port.h"
#include "if/ifnet.h"

static void
attached(void *arg, struct ifnet *ifp, int error, const char *msg)
{
	struct ctl_req *req = arg;

	if (error == 0)
		ctl_reply(req, json_pack("{s:s}", "interface", ifp->if_xname));
	else
		ctl_fail(req, -error, "%s", msg);
}

static int
dev_attach(struct ctl_req *req, json_t *params, json_t **result)
{
	json_t *queues = json_object_get(params, "queues");
	json_int_t n = json_integer_value(queues);
	const struct dev_attach_spec spec = {
	    .device = json_string_value(json_object_get(params, "name")),
	    .ifname = json_string_value(json_object_get(params, "ifname")),
	    .via = json_string_value(json_object_get(params, "via")),
	    .queues = (unsigned)n,
	    .take = json_is_true(json_object_get(params, "take")),
	};
	char err[256];
	int error;

	ASSERT_CONTROL();
	if (queues != NULL && (n < 1 || n > PORT_MAXQ))
		return ctl_error(req, EINVAL, "queues must be 1 to %d", PORT_MAXQ);
	error = dev_attach_device(&spec, attached, req, err, sizeof(err));
	return error == 0 ? CTL_ASYNC : ctl_error(req, -error, "%s", err);
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
