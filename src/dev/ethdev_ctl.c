/* SPDX-License-Identifier: BSD-2-Clause */
/* DPDK devices as control sees them: attached in steps, configured, watched. */
/*
 * Synchronization: control only; blocking steps run on helper threads, one step of a device at a time.  DPDK's interrupt
 * thread only writes to link_eventfd.
 * Lifetime: a struct ethdev goes through probe (helper), placed (control), setup (helper with granted buffers), ready
 * (control, an interface from here on); a step that fails is followed by release (helper) and the end.  An attached
 * one ends in port_detach: when no worker has it, a helper thread stops and closes it.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>
#include <rte_ethdev.h>

#include "cmd.h"
#include "dev/dev.h"
#include "dev/ethdev_var.h"
#include "if/ifnet.h"
#include "mp/pool.h"

static LIST_HEAD(, ethdev) ethdevs; /* [c] attached, being attached, being given back */
static struct event *ethdev_timer;  /* [c] link and counters, each second */
static struct event *link_event;    /* [c] */
static int link_eventfd = -1;	    /* [I] */

/* Drivers under the names that NetBSD gives them. */
static const struct {
	const char *driver, *name;
} driver_names[] = {
    {"net_e1000_em", "wm"},
    {"net_e1000_igb", "wm"},
    {"net_e1000_igb_vf", "wm"},
    {"net_ixgbe", "ixg"},
    {"net_ixgbe_vf", "ixv"},
    {"net_virtio", "vioif"},
    {"net_vmxnet3", "vmx"},
    {"net_i40e", "ixl"},
    {"net_i40e_vf", "iavf"},
    {"net_iavf", "iavf"},
    {"net_ice", "ice"},
    {"mlx5_pci", "mcx"},
};

static bool
name_taken(const char *name, const struct ethdev *self)
{
	const struct ethdev *ed;

	if (ifnet_by_name(name) != NULL)
		return true;
	LIST_FOREACH (ed, &ethdevs, list)
		if (ed != self && strcmp(ed->ifname, name) == 0)
			return true;
	return false;
}

/* The interface's name where the user gave none: pcap0 for net_pcap0, else the driver's name and the next unit. */
static int
choose_name(struct ethdev *ed)
{
	char name[16] = "eth";
	size_t len;

	if (ed->ifname[0] != '\0')
		return name_taken(ed->ifname, ed) ? -EEXIST : 0;
	for (unsigned i = 0; i < sizeof(driver_names) / sizeof(*driver_names); i++)
		if (strcmp(driver_names[i].driver, ed->driver) == 0)
			snprintf(name, sizeof(name), "%s", driver_names[i].name);
	if (strncmp(ed->device_name, "net_", 4) == 0 || strncmp(ed->device_name, "eth_", 4) == 0) {
		snprintf(name, sizeof(name), "%.15s", ed->device_name + 4);
		len = strlen(name);
		if (len > 0 && isdigit((unsigned char)name[len - 1]) && !name_taken(name, ed)) {
			memcpy(ed->ifname, name, sizeof(name));
			return 0;
		}
		while (len > 0 && isdigit((unsigned char)name[len - 1]))
			name[--len] = '\0';
	}
	for (unsigned unit = 0; unit < 10000; unit++) {
		char full[32];

		if (snprintf(full, sizeof(full), "%.14s%u", name, unit) >= (int)sizeof(ed->ifname))
			break;
		if (!name_taken(full, ed)) {
			memcpy(ed->ifname, full, sizeof(ed->ifname));
			return 0;
		}
	}
	return -ENAMETOOLONG;
}

static void
ethdev_free(struct ethdev *ed)
{
	LIST_REMOVE(ed, list);
	free(ed->devstr);
	free(ed);
}

/* => control; the device is given back after a step failed */
static void
ethdev_failed(void *arg)
{
	struct ethdev *ed = arg;

	ASSERT_CONTROL();
	ed->done(ed->arg, NULL, ed->error, ed->message);
	free(ed->port);
	ethdev_free(ed);
}

static void
release_helper(void *arg)
{
	ethdev_release(arg);
}

static void
ethdev_give_up(struct ethdev *ed)
{
	if (mp_helper_run(release_helper, ethdev_failed, ed) != 0) {
		ethdev_release(ed);
		ethdev_failed(ed);
	}
}

static int
ethdev_link(struct port *port, struct port_link *link)
{
	struct ethdev *ed = port->priv;
	struct rte_eth_link l;
	int error = rte_eth_link_get_nowait(ed->port_id, &l);

	ASSERT_CONTROL();
	if (error != 0)
		return error;
	link->up = l.link_status == RTE_ETH_LINK_UP;
	link->mbps = l.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : l.link_speed;
	link->full_duplex = l.link_duplex == RTE_ETH_LINK_FULL_DUPLEX;
	return 0;
}

/* A software device has no filter to set: it gives us everything. */
static int
optional(int error)
{
	return error == -ENOTSUP || error == -ENOSYS ? 0 : error;
}

static int
ethdev_set_promisc(struct port *port, bool on)
{
	struct ethdev *ed = port->priv;

	ASSERT_CONTROL();
	return optional(on ? rte_eth_promiscuous_enable(ed->port_id) : rte_eth_promiscuous_disable(ed->port_id));
}

static int
ethdev_set_lladdr(struct port *port, const uint8_t *lladdr)
{
	struct ethdev *ed = port->priv;
	struct rte_ether_addr addr;

	ASSERT_CONTROL();
	memcpy(addr.addr_bytes, lladdr, 6);
	return optional(rte_eth_dev_default_mac_addr_set(ed->port_id, &addr));
}

/* A device that takes no list, or not one as long, passes all groups. */
static int
ethdev_set_groups(struct port *port, const uint8_t (*mac)[6], unsigned n)
{
	struct ethdev *ed = port->priv;
	struct rte_ether_addr list[ETHDEV_MAXGROUPS];
	bool fits = n <= ETHDEV_MAXGROUPS && !ed->allmulti;

	ASSERT_CONTROL();
	for (unsigned i = 0; fits && i < n; i++)
		memcpy(list[i].addr_bytes, mac[i], RTE_ETHER_ADDR_LEN);
	if (fits && rte_eth_dev_set_mc_addr_list(ed->port_id, list, n) == 0) {
		if (!ed->passes_groups)
			return 0;
		ed->passes_groups = false;
		return optional(rte_eth_allmulticast_disable(ed->port_id));
	}
	ed->passes_groups = true;
	return optional(rte_eth_allmulticast_enable(ed->port_id));
}

static int
ethdev_set_allmulti(struct port *port, bool on)
{
	struct ethdev *ed = port->priv;

	ASSERT_CONTROL();
	ed->allmulti = on;
	ed->passes_groups = on || ed->passes_groups; /* the list, when it is told the next time, ends it */
	return on ? optional(rte_eth_allmulticast_enable(ed->port_id)) : 0;
}

static int
ethdev_set_mtu(struct port *port, uint32_t mtu)
{
	struct ethdev *ed = port->priv;

	ASSERT_CONTROL();
	return optional(rte_eth_dev_set_mtu(ed->port_id, mtu));
}

static void
ethdev_status(struct port *port, void *json_object)
{
	struct ethdev *ed = port->priv;

	json_object_set_new(json_object, "device", json_string(ed->devstr));
	json_object_set_new(json_object, "driver", json_string(ed->driver));
}

static void
ethdev_save(struct port *port, void (*line)(void *, const char *), void *arg)
{
	struct ethdev *ed = port->priv;
	char *text, *device = cmd_quote(ed->devstr);
	int n;

	if (device == NULL)
		return;
	if (ed->queues != 0)
		n = asprintf(&text, "attach %s queues %u as %s", device, ed->queues, ed->ifname);
	else
		n = asprintf(&text, "attach %s as %s", device, ed->ifname);
	if (n >= 0) {
		line(arg, text);
		free(text);
	}
	free(device);
}

/* What the device counts.  Control is the only writer of these members of queue 0's statistics. */
static void
ethdev_stats(struct ethdev *ed)
{
	struct port_qstats *st = &ed->port->qstats[0];
	struct rte_eth_stats s;

	if (rte_eth_stats_get(ed->port_id, &s) != 0)
		return;
	mp_add(&st->rx_errors, s.ierrors - mp_read(&st->rx_errors));
	mp_add(&st->rx_missed, s.imissed - mp_read(&st->rx_missed));
	mp_add(&st->rx_nobuf, s.rx_nombuf - mp_read(&st->rx_nobuf));
}

static void
ethdev_tick(evutil_socket_t fd, short what, void *arg)
{
	struct ethdev *ed;
	uint64_t v;

	ASSERT_CONTROL();
	if (fd >= 0 && read(fd, &v, sizeof(v)) < 0)
		return;
	LIST_FOREACH (ed, &ethdevs, list) {
		if (!ed->attached)
			continue;
		ethdev_stats(ed);
		port_link_changed(ed->port);
	}
}

/* => DPDK's interrupt thread */
static int
ethdev_lsc(uint16_t port_id, enum rte_eth_event_type type, void *arg, void *ret)
{
	const uint64_t one = 1;

	if (write(link_eventfd, &one, sizeof(one)) < 0)
		return -1; /* the counter is full: control is going to look */
	return 0;
}

/* => control; the interface goes: the timer must not look at it any more */
static void
ethdev_detaching(struct port *port)
{
	struct ethdev *ed = port->priv;

	ASSERT_CONTROL();
	ed->attached = false;
	rte_eth_dev_callback_unregister(ed->port_id, RTE_ETH_EVENT_INTR_LSC, ethdev_lsc, NULL);
}

/* => helper thread or control; every buffer of the rings goes home */
static void
ethdev_stop(struct port *port)
{
	ethdev_release(port->priv);
}

/* => control, after close: forgets it.  The list is control's, so this cannot be done by close. */
static void
ethdev_closed(struct port *port)
{
	ASSERT_CONTROL();
	ethdev_free(port->priv);
}

#define ETHDEV_OPS(tx)                                                                                                 \
	{                                                                                                              \
		.kind = "eth", .detaching = ethdev_detaching, .stop = ethdev_stop, .closed = ethdev_closed,            \
		.rx_burst = ethdev_rx_burst, .tx_burst = (tx), .link = ethdev_link, .set_promisc = ethdev_set_promisc, \
		.set_allmulti = ethdev_set_allmulti, .set_groups = ethdev_set_groups, .set_lladdr = ethdev_set_lladdr, \
		.set_mtu = ethdev_set_mtu, .status = ethdev_status, .save = ethdev_save,                               \
	}
static const struct port_ops ethdev_ops = ETHDEV_OPS(ethdev_tx_burst);
static const struct port_ops ethdev_linear_ops = ETHDEV_OPS(ethdev_tx_burst_linear);

static void
setup_helper(void *arg)
{
	ethdev_setup(arg);
}

/* => control; the device is started, or not */
static void
ethdev_ready(void *arg)
{
	struct ethdev *ed = arg;
	struct ifnet *ifp;
	int error;

	ASSERT_CONTROL();
	if (ed->error == 0) {
		error = port_attach(ed->port, ed->ifname, &ifp);
		if (error != 0) {
			ed->error = error;
			snprintf(ed->message, sizeof(ed->message), "%s: %s", ed->ifname, strerror(-error));
		}
	}
	if (ed->error != 0) {
		port_unplace_queues(ed->port);
		ethdev_give_up(ed);
		return;
	}
	ed->attached = true;
	rte_eth_dev_callback_register(ed->port_id, RTE_ETH_EVENT_INTR_LSC, ethdev_lsc, NULL);
	ed->done(ed->arg, ifp, 0, NULL);
}

/* => control; the device is there, or not */
static void
ethdev_probed(void *arg)
{
	struct ethdev *ed = arg;
	struct port *port = ed->port;
	struct mp_grant_request grant[MP_MAXWORKERS];
	unsigned n = 0, wanted = ed->queues != 0 ? ed->queues : mp_nworkers;
	int error;

	ASSERT_CONTROL();
	if (ed->error == 0 && (error = choose_name(ed)) != 0) {
		ed->error = error;
		snprintf(ed->message, sizeof(ed->message), "%s: %s",
		    ed->ifname[0] != '\0' ? ed->ifname : ed->device_name,
		    error == -EEXIST ? "exists already" : strerror(-error));
	}
	if (ed->error != 0) {
		ethdev_give_up(ed);
		return;
	}
	if (wanted > PORT_MAXQ)
		wanted = PORT_MAXQ;
	port->ops = ed->multi_segs ? &ethdev_ops : &ethdev_linear_ops;
	port->priv = ed;
	port->nrxq = wanted < ed->max_rxq ? wanted : ed->max_rxq;
	port->ntxq = mp_nworkers < ed->max_txq ? mp_nworkers : ed->max_txq;
	port_place_queues(port);
	for (unsigned id = 0; id < mp_nworkers; id++) {
		unsigned queues = 0;

		for (unsigned q = 0; q < port->nrxq; q++)
			queues += port->rxworker[q] == id;
		if (queues * ed->fill > mp_pool_free_count(mp_workers[id]) && ed->error == 0) {
			ed->error = -ENOBUFS;
			snprintf(ed->message, sizeof(ed->message),
			    "%s: needs %u packet buffers, of which %u are free (smpnetd -p makes more)",
			    ed->device_name, queues * ed->fill, mp_pool_free_count(mp_workers[id]));
		}
		if (queues > 0)
			grant[n++] = (struct mp_grant_request){.of = mp_workers[id], .n = queues * ed->fill};
	}
	if (ed->error == 0 && (error = mp_helper_run_granted(grant, n, setup_helper, ethdev_ready, ed)) != 0) {
		ed->error = error;
		snprintf(ed->message, sizeof(ed->message), "%s: %s", ed->device_name, strerror(-error));
	}
	if (ed->error != 0) {
		port_unplace_queues(port);
		ethdev_give_up(ed);
	}
}

static void
probe_helper(void *arg)
{
	ethdev_probe(arg);
}

int
ethdev_attach(const char *devstr, unsigned queues, const char *ifname,
    void (*done)(void *arg, struct ifnet *, int error, const char *msg), void *arg)
{
	size_t len = strcspn(devstr, ",");
	struct ethdev *ed, *other;
	int error = -ENOMEM;

	ASSERT_CONTROL();
	if (len == 0 || len >= sizeof(ed->device_name) || (ifname != NULL && strlen(ifname) >= sizeof(ed->ifname)))
		return -EINVAL;
	LIST_FOREACH (other, &ethdevs, list)
		if (strlen(other->device_name) == len && strncmp(other->device_name, devstr, len) == 0)
			return -EBUSY;
	if (ifname != NULL && name_taken(ifname, NULL))
		return -EEXIST;
	ed = calloc(1, sizeof(*ed));
	if (ed == NULL)
		return -ENOMEM;
	ed->devstr = strdup(devstr);
	ed->port = calloc(1, sizeof(*ed->port));
	if (ed->devstr == NULL || ed->port == NULL)
		goto fail;
	memcpy(ed->device_name, devstr, len);
	snprintf(ed->ifname, sizeof(ed->ifname), "%s", ifname != NULL ? ifname : "");
	snprintf(ed->port->name, sizeof(ed->port->name), "%s", ed->device_name);
	ed->queues = queues;
	ed->done = done;
	ed->arg = arg;
	error = mp_helper_run(probe_helper, ethdev_probed, ed);
	if (error != 0)
		goto fail;
	LIST_INSERT_HEAD(&ethdevs, ed, list);
	return 0;
fail:
	free(ed->port);
	free(ed->devstr);
	free(ed);
	return error;
}

int
ethdev_init(void)
{
	const struct timeval second = {.tv_sec = 1};

	ASSERT_CONTROL();
	LIST_INIT(&ethdevs);
	link_eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (link_eventfd < 0)
		return -errno;
	ethdev_timer = event_new(mp_base, -1, EV_PERSIST, ethdev_tick, NULL);
	link_event = event_new(mp_base, link_eventfd, EV_READ | EV_PERSIST, ethdev_tick, NULL);
	if (ethdev_timer == NULL || link_event == NULL || event_add(ethdev_timer, &second) != 0 ||
	    event_add(link_event, NULL) != 0) {
		ethdev_fini();
		return -ENOMEM;
	}
	return 0;
}

void
ethdev_fini(void)
{
	ASSERT_CONTROL();
	if (ethdev_timer != NULL)
		event_free(ethdev_timer);
	if (link_event != NULL)
		event_free(link_event);
	if (link_eventfd >= 0)
		close(link_eventfd);
	ethdev_timer = link_event = NULL;
	link_eventfd = -1;
}
