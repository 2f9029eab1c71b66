/* SPDX-License-Identifier: BSD-2-Clause */
/* "attach gen0,key=value...": the packet source and sink as control sees it. */
/*
 * Synchronization: control; gen_open and close run on a helper thread while no worker uses the port.
 * Lifetime: the softc from gen_open to close.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>

#include "cmd.h"
#include "dev/gen_ctl.h"
#include "dev/gen_var.h"
#include "if/ifnet.h"
#include "pkt/pkt.h"

#define GEN_MTU_MAX 9000

bool
gen_is_device(const char *devstr, char *ifname, size_t len)
{
	size_t digits, name = strcspn(devstr, ",");

	if (strncmp(devstr, "gen", 3) != 0)
		return false;
	digits = strspn(devstr + 3, "0123456789");
	if (digits == 0 || 3 + digits != name || (devstr[3] == '0' && digits > 1) || name >= len)
		return false;
	snprintf(ifname, len, "%.*s", (int)name, devstr);
	return true;
}

/* => helper thread or control; placed: the queues' number is known now */
static int
gen_start(struct port *port, char *err, size_t errlen)
{
	struct gen_softc *sc = port->priv;
	unsigned room = rte_pktmbuf_data_room_size(mp_workers[0]->pool) - RTE_PKTMBUF_HEADROOM;

	if (room < sizeof(sc->tmpl[0].frame)) {
		snprintf(err, errlen, "packet buffers of %u octets are too small", room);
		return -ENOBUFS;
	}
	if (sc->rate != 0) {
		unsigned __int128 per_tick = ((unsigned __int128)sc->rate << 64) / mp_tsc_hz / port->nrxq;

		/* a slow TSC has fewer ticks than there are packets: one a tick, then */
		sc->per_tick = per_tick > UINT64_MAX ? UINT64_MAX : per_tick == 0 ? 1 : (uint64_t)per_tick;
	}
	for (unsigned q = 0; q < port->nrxq; q++) {
		sc->queue[q].ndst = sc->ndsts * q / port->nrxq;
		sc->queue[q].flow = sc->flows * q / port->nrxq;
	}
	return 0;
}

static void
gen_stop(struct port *port)
{
	/* nothing runs: every buffer is the workers' own */
}

static void
gen_close(struct port *port)
{
	struct gen_softc *sc = port->priv;

	if (sc->dsts != NULL)
		munmap((void *)(uintptr_t)sc->dsts, sc->dstslen);
	if (sc->upfd >= 0)
		close(sc->upfd);
	free(sc->dstsfile);
	free(sc->devstr);
	free(sc);
}

static int
gen_rx_fd(struct port *port, uint16_t q)
{
	return ((struct gen_softc *)port->priv)->upfd;
}

/* The workers sleep until then; the flag itself follows at once. */
static int
gen_up(struct port *port)
{
	struct gen_softc *sc = port->priv;
	uint64_t one = 1;

	ASSERT_CONTROL();
	return write(sc->upfd, &one, sizeof(one)) < 0 && errno != EAGAIN ? -errno : 0;
}

static void
gen_down(struct port *port)
{
	struct gen_softc *sc = port->priv;
	uint64_t v;

	ASSERT_CONTROL();
	if (read(sc->upfd, &v, sizeof(v)) < 0)
		return; /* it was not up */
}

static int
gen_link(struct port *port, struct port_link *link)
{
	link->up = true;
	return 0;
}

static int
gen_set_lladdr(struct port *port, const uint8_t *lladdr)
{
	return 0;
}

static void
gen_status(struct port *port, void *json_object)
{
	struct gen_softc *sc = port->priv;
	uint64_t arrived = 0, missed = 0, direct = 0;

	ASSERT_CONTROL();
	for (unsigned q = 0; q < port->nrxq; q++) {
		arrived += mp_read(&sc->queue[q].arrived);
		direct += mp_read(&sc->queue[q].direct);
		missed += mp_read(&port->qstats[q].rx_missed);
	}
	json_object_set_new(json_object, "device", json_string(sc->devstr));
	json_object_set_new(json_object, "source",
	    json_pack("{s:I,s:I,s:I}", "arrived", (json_int_t)arrived, "missed", (json_int_t)missed, "direct",
		(json_int_t)direct));
}

static void
gen_save(struct port *port, void (*line)(void *, const char *), void *arg)
{
	struct gen_softc *sc = port->priv;
	char *text, *device = cmd_quote(sc->devstr), queues[24] = "";

	if (device == NULL)
		return;
	if (sc->queues != 0)
		snprintf(queues, sizeof(queues), " queues %u", sc->queues);
	if (asprintf(&text, "attach %s%s as %s", device, queues, port->ifp->if_xname) >= 0) {
		line(arg, text);
		free(text);
	}
	free(device);
}

#define GEN_OPS(rx)                                                                                                    \
	{                                                                                                              \
		.kind = "gen", .start = gen_start, .stop = gen_stop, .close = gen_close, .up = gen_up,                 \
		.down = gen_down, .rx_burst = (rx), .tx_burst = gen_tx_burst, .rx_fd = gen_rx_fd,                      \
		.rx_arm = gen_rx_arm, .link = gen_link, .set_lladdr = gen_set_lladdr, .status = gen_status,            \
		.save = gen_save,                                                                                      \
	}
static const struct port_ops gen_ops4 = GEN_OPS(gen_rx_burst4);
static const struct port_ops gen_ops6 = GEN_OPS(gen_rx_burst6);

int
gen_open(const char *devstr, unsigned queues, struct port **portp, char *err, size_t errlen)
{
	struct port *port = calloc(1, sizeof(*port));
	struct gen_softc *sc = NULL;
	unsigned unit;
	int error = -ENOMEM;

	snprintf(err, errlen, "%s", strerror(ENOMEM));
	if (port == NULL || posix_memalign((void **)&sc, 128, sizeof(*sc)) != 0) {
		free(port);
		return error;
	}
	memset(sc, 0, sizeof(*sc));
	sc->upfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	sc->devstr = strdup(devstr);
	sc->ring = GEN_RING;
	sc->vec = PKT_VEC;
	sc->flows = GEN_FLOWS;
	sc->queues = queues;
	port->priv = sc;
	unit = strtoul(devstr + 3, NULL, 10);
	memcpy(port->lladdr, "\x02gen", 4);
	port->lladdr[4] = unit >> 8;
	port->lladdr[5] = unit;
	memcpy(sc->peer, "\x02gep", 4);
	sc->peer[4] = unit >> 8;
	sc->peer[5] = unit;
	if (sc->upfd < 0 || sc->devstr == NULL)
		goto fail;
	error = gen_parse(sc, devstr, err, errlen);
	if (error == 0)
		error = gen_read_dsts(sc, err, errlen);
	if (error != 0)
		goto fail;
	gen_templates(sc);
	port->ops = sc->family == 4 ? &gen_ops4 : &gen_ops6;
	snprintf(port->name, sizeof(port->name), "%.*s", (int)strcspn(devstr, ","), devstr);
	port->mtu_max = GEN_MTU_MAX;
	/* a mere sink is not polled */
	port->nrxq = sc->sink ? 0 : sc->queues != 0 ? sc->queues : RTE_MIN(mp_nworkers, (unsigned)PORT_MAXQ);
	port->ntxq = RTE_MIN(mp_nworkers, (unsigned)PORT_MAXQ);
	*portp = port;
	return 0;
fail:
	gen_close(port);
	free(port);
	return error;
}
