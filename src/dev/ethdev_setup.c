/* SPDX-License-Identifier: BSD-2-Clause */
/* DPDK devices: probing, configuring, starting, and giving back.  On helper threads, because all of it may block. */
/*
 * Synchronization: DPDK's probing is not made for several threads at once, so one lock serializes this file; only
 * helper threads take it.
 * Lifetime: what ethdev_probe and ethdev_setup made, ethdev_release takes apart in the reverse order.
 */
#include <errno.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_kvargs.h>

#include "dev/ethdev_var.h"

#define DESCRIPTORS 1024
#define FILL_SPARE  64 /* drivers take a few more than they have descriptors */

static pthread_mutex_t ethdev_lock = PTHREAD_MUTEX_INITIALIZER;

/* Toeplitz with a repeated pair of octets: both directions of a flow come to the same queue. */
static uint8_t symmetric_key[64];

static void __attribute__((format(printf, 3, 4))) fail(struct ethdev *ed, int error, const char *fmt, ...)
{
	va_list ap;

	ed->error = error < 0 ? error : -error;
	va_start(ap, fmt);
	vsnprintf(ed->message, sizeof(ed->message), fmt, ap);
	va_end(ap);
}

/* What is behind an rte_dev_probe that failed. */
static void
fail_probe(struct ethdev *ed, int error)
{
	switch (error) {
	case -ENODEV:
	case -ENOENT:
	case -EFAULT:
	case -ENOTSUP:
	case -ENXIO:
		fail(ed, ENODEV, "%s: no such device, or no driver for it", ed->device_name);
		break;
	case -EEXIST:
	case -EBUSY:
		fail(ed, EBUSY, "%s: in use", ed->device_name);
		break;
	case -EACCES: /* -EPERM is what drivers return for anything: -1 */
		fail(ed, -error, "%s: %s", ed->device_name, strerror(-error));
		break;
	case -ENOMEM:
		fail(ed, ENOMEM, "%s: no memory left for devices", ed->device_name);
		break;
	default:
		fail(ed, EINVAL, "%s: the driver refuses the device or its arguments", ed->device_name);
	}
}

/* => a key=value handler; packets in a capture file that the driver will keep in buffers */
static int
count_packets(const char *key, const char *value, void *arg)
{
	char perr[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline(value, perr);
	unsigned *most = arg, n = 0;
	struct pcap_pkthdr *h;
	const u_char *data;

	if (p == NULL)
		return 0; /* the driver will say so */
	while (n < (1u << 20) && pcap_next_ex(p, &h, &data) == 1)
		n++;
	pcap_close(p);
	if (n > *most)
		*most = n;
	return 0;
}

/* A file argument that cannot be read makes drivers fail in ways that name no reason: look first. */
static int
check_file(const char *key, const char *value, void *arg)
{
	struct ethdev *ed = arg;

	if (access(value, R_OK) != 0) {
		fail(ed, errno, "%s: %s: %s", ed->device_name, value, strerror(errno));
		return -1;
	}
	return 0;
}

/* What the arguments of net_pcap mean for us: files that must be there, packets that are kept. */
static void
look_at_arguments(struct ethdev *ed)
{
	const char *args = strchr(ed->devstr, ',');
	struct rte_kvargs *kv;
	unsigned packets = 0;

	if (args == NULL || strncmp(ed->device_name, "net_pcap", 8) != 0)
		return;
	kv = rte_kvargs_parse(args + 1, NULL);
	if (kv == NULL) {
		fail(ed, EINVAL, "%s: malformed arguments", ed->device_name);
		return;
	}
	if (rte_kvargs_process(kv, "rx_pcap", check_file, ed) == 0 && rte_kvargs_count(kv, "infinite_rx") > 0)
		rte_kvargs_process(kv, "rx_pcap", count_packets, &packets);
	rte_kvargs_free(kv);
	ed->fill = packets;
}

static bool
find_port(struct ethdev *ed)
{
	struct rte_dev_iterator it;
	bool found = false;
	uint16_t id;

	RTE_ETH_FOREACH_MATCHING_DEV(id, ed->device_name, &it)
	{
		struct rte_eth_dev_info info;

		if (!found && rte_eth_dev_info_get(id, &info) == 0) {
			ed->port_id = id;
			ed->device = info.device;
			found = true;
		}
	}
	return found;
}

static void
probe_locked(struct ethdev *ed)
{
	struct rte_eth_dev_info info;
	uint16_t id;
	int error;

	look_at_arguments(ed);
	if (ed->error != 0)
		return;
	if (rte_eth_dev_get_port_by_name(ed->device_name, &id) == 0) {
		fail(ed, EBUSY, "%s: in use", ed->device_name);
		return;
	}
	error = rte_dev_probe(ed->devstr);
	if (error != 0) {
		fail_probe(ed, error);
		return;
	}
	if (!find_port(ed) || rte_eth_dev_info_get(ed->port_id, &info) != 0) {
		fail(ed, ENODEV, "%s: not an Ethernet device", ed->device_name);
		return;
	}
	snprintf(ed->driver, sizeof(ed->driver), "%s", info.driver_name);
	ed->max_rxq = info.max_rx_queues;
	ed->max_txq = info.max_tx_queues;
	if (ed->max_rxq == 0 || ed->max_txq == 0) {
		fail(ed, ENODEV, "%s: the device has no %s queue", ed->device_name,
		    ed->max_rxq == 0 ? "receive" : "transmit");
		return;
	}
	ed->nrxd = ed->ntxd = DESCRIPTORS;
	if (rte_eth_dev_adjust_nb_rx_tx_desc(ed->port_id, &ed->nrxd, &ed->ntxd) != 0)
		ed->nrxd = ed->ntxd = 512;
	/* Only hardware's rings are filled at start; software devices allocate as they receive. */
	if (strncmp(ed->device_name, "net_", 4) != 0)
		ed->fill = ed->nrxd;
	ed->fill += FILL_SPARE;
	ed->multi_segs =
	    strncmp(ed->device_name, "net_", 4) == 0 || info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
}

void
ethdev_probe(struct ethdev *ed)
{
	pthread_mutex_lock(&ethdev_lock);
	probe_locked(ed);
	pthread_mutex_unlock(&ethdev_lock);
}

static void
configuration(const struct ethdev *ed, const struct rte_eth_dev_info *info, struct rte_eth_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	conf->txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (ed->port->nrxq > 1 && info->flow_type_rss_offloads != 0) {
		for (unsigned i = 0; i < sizeof(symmetric_key); i++)
			symmetric_key[i] = i % 2 == 0 ? 0x6d : 0x5a;
		conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf->rx_adv_conf.rss_conf.rss_hf =
		    info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
		if (info->hash_key_size > 0 && info->hash_key_size <= sizeof(symmetric_key)) {
			conf->rx_adv_conf.rss_conf.rss_key = symmetric_key;
			conf->rx_adv_conf.rss_conf.rss_key_len = info->hash_key_size;
		}
	}
}

/* One step of the set-up failed. */
static void
fail_step(struct ethdev *ed, int error, const char *step)
{
	if (error == -ENOMEM || error == -ENOBUFS)
		fail(ed, ENOMEM, "%s: %s: not enough packet buffers (the pool's size is a setting)", ed->device_name,
		    step);
	else
		fail(ed, error, "%s: %s: %s", ed->device_name, step, strerror(-error));
}

static void
setup_locked(struct ethdev *ed)
{
	struct port *port = ed->port;
	struct rte_ether_addr addr;
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	int error;

	error = rte_eth_dev_info_get(ed->port_id, &info);
	if (error == 0) {
		configuration(ed, &info, &conf);
		error = rte_eth_dev_configure(ed->port_id, port->nrxq, port->ntxq, &conf);
	}
	if (error != 0) {
		fail_step(ed, error, "configuring");
		return;
	}
	for (uint16_t q = 0; q < port->nrxq; q++) {
		struct rte_eth_rxconf rxconf = info.default_rxconf;

		rxconf.offloads = conf.rxmode.offloads;
		error = rte_eth_rx_queue_setup(
		    ed->port_id, q, ed->nrxd, SOCKET_ID_ANY, &rxconf, mp_workers[port->rxworker[q]]->pool);
		if (error != 0) {
			fail_step(ed, error, "receive queue");
			return;
		}
	}
	for (uint16_t q = 0; q < port->ntxq; q++) {
		struct rte_eth_txconf txconf = info.default_txconf;

		txconf.offloads = conf.txmode.offloads;
		error = rte_eth_tx_queue_setup(ed->port_id, q, ed->ntxd, SOCKET_ID_ANY, &txconf);
		if (error != 0) {
			fail_step(ed, error, "transmit queue");
			return;
		}
	}
	error = rte_eth_dev_start(ed->port_id);
	if (error != 0) {
		fail_step(ed, error, "starting");
		return;
	}
	ed->started = true;
	if (rte_eth_macaddr_get(ed->port_id, &addr) == 0)
		memcpy(port->lladdr, addr.addr_bytes, 6);
	port->mtu_max = info.max_mtu < 9000 ? info.max_mtu : 9000;
	if (port->mtu_max < 1280)
		port->mtu_max = 1500; /* drivers that say nothing */
}

void
ethdev_setup(struct ethdev *ed)
{
	pthread_mutex_lock(&ethdev_lock);
	setup_locked(ed);
	pthread_mutex_unlock(&ethdev_lock);
}

void
ethdev_release(struct ethdev *ed)
{
	if (ed->device == NULL)
		return;
	pthread_mutex_lock(&ethdev_lock);
	if (ed->started)
		(void)rte_eth_dev_stop(ed->port_id);
	ed->started = false;
	(void)rte_eth_dev_close(ed->port_id);
	(void)rte_dev_remove(ed->device);
	ed->device = NULL;
	pthread_mutex_unlock(&ethdev_lock);
}
