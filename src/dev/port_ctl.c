/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports as control sees them: an interface is made of a started port, configured, and taken apart again.
 *
 * Synchronization: control only; stop and close run on a helper thread when no other thread uses the port any more.
 * Lifetime: from port_attach to the end of port_detach, in the order written above it.
 */
#include "dev/port.h"
#include "dev/port_var.h"
#include "if/ifnet.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned rxload[MP_MAXWORKERS], txload[MP_MAXWORKERS]; /* [c] queues of each worker */

/* The worker with the least load; among those alike, one that the port does not use yet for this, or at all. */
static uint16_t
least_loaded(const unsigned *load, const unsigned *used, const unsigned *avoid)
{
	unsigned best = 0;

	for (unsigned i = 1; i < mp_nworkers; i++) {
		if (used[i] != used[best]) {
			if (used[i] < used[best])
				best = i;
		} else if (load[i] != load[best]) {
			if (load[i] < load[best])
				best = i;
		} else if (avoid[i] < avoid[best])
			best = i;
	}
	return best;
}

void
port_place_queues(struct port *port)
{
	unsigned rxused[MP_MAXWORKERS] = {0}, txused[MP_MAXWORKERS] = {0};
	const unsigned none[MP_MAXWORKERS] = {0};

	ASSERT_CONTROL();
	for (uint16_t q = 0; q < port->nrxq; q++) {
		uint16_t id = least_loaded(rxload, rxused, none);

		port->rxworker[q] = id;
		rxused[id]++;
		rxload[id]++;
	}
	/*
	 * With fewer transmit queues than workers: rather to a worker that does not receive from the port, because what
	 * it sends was received elsewhere.
	 */
	for (uint16_t q = 0; q < port->ntxq; q++) {
		uint16_t id = least_loaded(txload, txused, rxused);

		port->txworker[q] = id;
		txused[id]++;
		txload[id]++;
	}
}

void
port_unplace_queues(struct port *port)
{
	ASSERT_CONTROL();
	for (uint16_t q = 0; q < port->nrxq; q++)
		rxload[port->rxworker[q]]--;
	for (uint16_t q = 0; q < port->ntxq; q++)
		txload[port->txworker[q]]--;
}

static struct port *
port_of(struct ifnet *ifp)
{
	return ((struct port_if *)ifp->if_softc)->port;
}

static int
port_destroy(struct ifnet *ifp)
{
	port_detach(port_of(ifp), NULL, NULL);
	return 0;
}

static int
port_up(struct ifnet *ifp)
{
	struct port *port = port_of(ifp);

	return port->ops->up == NULL ? 0 : port->ops->up(port);
}

static void
port_down(struct ifnet *ifp)
{
	struct port *port = port_of(ifp);

	if (port->ops->down != NULL)
		port->ops->down(port);
}

static int
port_set_mtu(struct ifnet *ifp, uint32_t mtu)
{
	struct port *port = port_of(ifp);

	if (mtu > port->mtu_max || mtu < 46)
		return -EINVAL;
	return port->ops->set_mtu == NULL ? 0 : port->ops->set_mtu(port, mtu);
}

static int
port_set_lladdr(struct ifnet *ifp, const uint8_t *lladdr)
{
	struct port *port = port_of(ifp);

	return port->ops->set_lladdr == NULL ? -EOPNOTSUPP : port->ops->set_lladdr(port, lladdr);
}

static int
port_set_promisc(struct ifnet *ifp, bool on)
{
	struct port *port = port_of(ifp);

	return port->ops->set_promisc == NULL ? 0 : port->ops->set_promisc(port, on);
}

static int
port_set_allmulti(struct ifnet *ifp, bool on)
{
	struct port *port = port_of(ifp);

	return port->ops->set_allmulti == NULL ? 0 : port->ops->set_allmulti(port, on);
}

static int
port_set_groups(struct ifnet *ifp, const uint8_t (*mac)[6], unsigned n)
{
	struct port *port = port_of(ifp);

	return port->ops->set_groups == NULL ? 0 : port->ops->set_groups(port, mac, n);
}

static int
port_set_media(struct ifnet *ifp, const char *media)
{
	struct port *port = port_of(ifp);
	enum port_media m;
	int error;

	if (strcmp(media, "none") == 0)
		m = PORT_MEDIA_NONE;
	else if (strcmp(media, "auto") == 0 || strcmp(media, "autoselect") == 0)
		m = PORT_MEDIA_AUTO;
	else
		return -EINVAL;
	if (m == port->pif->media)
		return 0;
	if (port->ops->set_media == NULL)
		return -EOPNOTSUPP;
	error = port->ops->set_media(port, m);
	if (error == 0) {
		port->pif->media = m;
		port_link_changed(port);
	}
	return error;
}

static int
port_set_linkstr(struct ifnet *ifp, const char *linkstr, char *err, size_t errlen)
{
	struct port *port = port_of(ifp);
	int error;

	if (port->ops->set_linkstr == NULL)
		return -EOPNOTSUPP;
	error = port->ops->set_linkstr(port, linkstr, err, errlen);
	if (error == 0)
		port_link_changed(port);
	return error;
}

static void
port_add_stats(const struct ifnet *ifp, struct if_stats *sum)
{
	const struct port *port = ((const struct port_if *)ifp->if_softc)->port;

	for (unsigned q = 0; q < PORT_MAXQ; q++) {
		const struct port_qstats *st = &port->qstats[q];

		sum->ierrors += mp_read(&st->rx_errors);
		sum->idrops += mp_read(&st->rx_nobuf);
		sum->idrops += mp_read(&st->rx_missed);
		sum->oerrors += mp_read(&st->tx_errors);
	}
}

static json_t *
port_workers(const uint16_t *worker, unsigned n)
{
	json_t *list = json_array();

	for (unsigned q = 0; q < n; q++)
		json_array_append_new(list, json_integer(worker[q]));
	return list;
}

static void
port_status(struct ifnet *ifp, void *json_object)
{
	struct port *port = port_of(ifp);
	struct port_if *pif = port->pif;
	json_t *o = json_object;
	char media[48];

	json_object_set_new(o, "kind", json_string(port->ops->kind));
	media[0] = '\0';
	if (ifp->if_linkstate == LINK_UP && pif->link.mbps != 0)
		snprintf(media, sizeof(media),
		    pif->link.mbps % 1000 == 0 ? " (%uGbit %s-duplex)" : " (%uMbit %s-duplex)",
		    pif->link.mbps % 1000 == 0 ? pif->link.mbps / 1000 : pif->link.mbps,
		    pif->link.full_duplex ? "full" : "half");
	json_object_set_new(
	    o, "media", json_sprintf("Ethernet %s%s", pif->media == PORT_MEDIA_NONE ? "none" : "autoselect", media));
	if (port->ops->link != NULL)
		json_object_set_new(o, "status", json_string(ifp->if_linkstate == LINK_UP ? "active" : "no carrier"));
	json_object_set_new(o, "queues",
	    json_pack("{s:i,s:i,s:o,s:o}", "rx", port->nrxq, "tx", port->ntxq, "rxworkers",
		port_workers(port->rxworker, port->nrxq), "txworkers", port_workers(port->txworker, port->ntxq)));
	if (port->ops->status != NULL)
		port->ops->status(port, o);
}

static void
port_save(struct ifnet *ifp, void (*line)(void *, const char *), void *arg)
{
	struct port *port = port_of(ifp);
	char text[64];

	if (port->ops->save != NULL)
		port->ops->save(port, line, arg);
	else {
		snprintf(text, sizeof(text), "ifconfig %s create", ifp->if_xname);
		line(arg, text);
	}
	if (port->pif->media == PORT_MEDIA_NONE) {
		snprintf(text, sizeof(text), "ifconfig %s media none", ifp->if_xname);
		line(arg, text);
	}
}

static const struct if_ops port_if_ops = {
    .type = "ether",
    .transmit = port_transmit,
    .flush = port_flush,
    .up = port_up,
    .down = port_down,
    .destroy = port_destroy,
    .set_mtu = port_set_mtu,
    .set_lladdr = port_set_lladdr,
    .set_promisc = port_set_promisc,
    .set_allmulti = port_set_allmulti,
    .set_groups = port_set_groups,
    .set_media = port_set_media,
    .set_linkstr = port_set_linkstr,
    .status = port_status,
    .add_stats = port_add_stats,
    .save = port_save,
};

/* Which transmit queue each worker uses, or whom it hands its frames to. */
static void
port_assign_tx(struct port_if *pif)
{
	struct port *port = pif->port;

	for (unsigned id = 0; id < mp_nworkers; id++)
		pif->txq[id] = -1;
	for (int q = port->ntxq - 1; q >= 0; q--)
		pif->txq[port->txworker[q]] = q;
	for (unsigned id = 0; id < mp_nworkers; id++)
		pif->txto[id] = pif->txq[id] >= 0 ? id : port->txworker[id % port->ntxq];
}

static void
port_add_sources(struct port_if *pif)
{
	struct port *port = pif->port;

	for (uint16_t q = 0; q < port->nrxq; q++) {
		struct port_rxq *rxq = &pif->rxq[q];
		int error;

		*rxq = (struct port_rxq){
		    .source =
			{
			    .poll = port_poll,
			    .arm = port->ops->rx_arm == NULL ? NULL : port_arm,
			    .disarm = port->ops->rx_disarm == NULL ? NULL : port_disarm,
			    .fd = port->ops->rx_fd == NULL ? -1 : port->ops->rx_fd(port, q),
			    .arg = rxq,
			},
		    .port = port,
		    .ifp = port->ifp,
		    .q = q,
		    .rx_burst = port->ops->rx_burst,
		};
		error = mp_source_add(mp_workers[port->rxworker[q]], &rxq->source);
		pif->rxadded[q] = error == 0;
		if (error != 0) /* the interface is there, without this queue */
			mp_log(MP_LOG_ERR, "%s: receive queue %u cannot be polled: %s", port->ifp->if_xname, q,
			    strerror(-error));
	}
}

struct port *
port_of_ifnet(struct ifnet *ifp)
{
	ASSERT_CONTROL();
	return ifp->if_ops == &port_if_ops ? port_of(ifp) : NULL;
}

int
port_attach(struct port *port, const char *ifname, struct ifnet **ifpp)
{
	struct port_if *pif;
	struct ifnet *ifp;
	uint64_t lladdr = 0;
	int error;

	ASSERT_CONTROL();
	MP_ASSERT(port->nrxq <= PORT_MAXQ && port->ntxq >= 1 && port->ntxq <= PORT_MAXQ);
	if (ifnet_by_name(ifname) != NULL)
		return -EEXIST;
	pif = calloc(1, sizeof(*pif));
	if (pif == NULL)
		return -ENOMEM;
	ifp = if_alloc(ifname, IFT_SMP_ETHER);
	if (ifp == NULL) {
		free(pif);
		return -ENOSPC;
	}
	pif->port = port;
	pif->media = PORT_MEDIA_AUTO;
	pif->tx_burst = port->ops->tx_burst;
	port_assign_tx(pif);
	memcpy(&lladdr, port->lladdr, 6);
	ifp->if_ops = &port_if_ops;
	ifp->if_noflush = port->ops->tx_flush == NULL;
	ifp->if_softc = pif;
	ifp->if_flags = IFF_SMP_BROADCAST | IFF_SMP_SIMPLEX | IFF_SMP_MULTICAST;
	ifp->if_lladdr = lladdr;
	if (port->mtu_max < ifp->if_mtu)
		ifp->if_mtu = port->mtu_max;
	ifp->if_txworker = port->txworker[0];
	error = if_attach(ifp);
	if (error != 0) {
		if_free(ifp);
		free(pif);
		return error;
	}
	port->pif = pif;
	port->ifp = ifp;
	port_add_sources(pif);
	port_link_changed(port);
	if (ifpp != NULL)
		*ifpp = ifp;
	return 0;
}

void
port_link_changed(struct port *port)
{
	struct port_if *pif = port->pif;
	enum if_linkstate state = LINK_UNKNOWN;

	ASSERT_CONTROL();
	if (pif == NULL || pif->detaching)
		return;
	if (port->ops->link != NULL) {
		struct port_link link = {0};

		if (port->ops->link(port, &link) != 0)
			return;
		pif->link = link;
		state = link.up ? LINK_UP : LINK_DOWN;
	}
	if (pif->media == PORT_MEDIA_NONE)
		state = LINK_DOWN;
	if_link_state_change(port->ifp, state);
}

static void
port_stop_helper(void *arg)
{
	struct port *port = arg;

	if (port->ops->stop != NULL)
		port->ops->stop(port);
	if (port->ops->close != NULL)
		port->ops->close(port);
}

static void
port_stopped(void *arg)
{
	struct port *port = arg;
	struct port_if *pif = port->pif;

	ASSERT_CONTROL();
	port_unplace_queues(port);
	if (port->ops->closed != NULL)
		port->ops->closed(port);
	for (unsigned i = 0; i < pif->ndone; i++)
		pif->done[i].fn(pif->done[i].arg);
	free(pif);
	free(port);
}

static void
port_unheld(struct ifnet *ifp)
{
	struct port *port = port_of(ifp);

	lines_adopt(port, sizeof(*port)); /* no worker counts there any more */
	port->ifp = NULL;
	if (mp_helper_run(port_stop_helper, port_stopped, port) != 0) {
		port_stop_helper(port); /* no thread to be had: control waits for the device */
		port_stopped(port);
	}
}

/*
 * 1. The receive queues leave their workers' sets; a worker in the middle of its loop may still poll them.
 * 2. if_detach: nobody finds the interface any more, its addresses and next hops are gone (the order above it).
 * 3. Its grace period: no worker polls (1) or transmits (2) any more, and every transmit buffer has been flushed.
 *    Frames in inboxes name the interface by index and generation and are dropped there; their buffers belong to the
 *    workers' pools, not to the device.
 * 4. A helper thread stops and closes the device.
 * 5. Control frees the port and tells whoever asked.
 */
void
port_detach(struct port *port, void (*done)(void *), void *arg)
{
	struct port_if *pif = port->pif;

	ASSERT_CONTROL();
	if (done != NULL) {
		MP_ASSERT(pif->ndone < PORT_MAXDONE);
		pif->done[pif->ndone].fn = done;
		pif->done[pif->ndone++].arg = arg;
	}
	if (pif->detaching)
		return;
	pif->detaching = true;
	if (port->ops->detaching != NULL)
		port->ops->detaching(port);
	for (uint16_t q = 0; q < port->nrxq; q++)
		if (pif->rxadded[q])
			mp_source_remove(mp_workers[port->rxworker[q]], &pif->rxq[q].source); /* 1 */
	if_detach(port->ifp, port_unheld);						      /* 2, 3 */
}
