/* SPDX-License-Identifier: BSD-2-Clause */
/* "ifconfig tap0 create": the kernel's device of the same name appears, and goes with the interface or with us. */
/*
 * Synchronization: control; close runs on a helper thread when no worker uses the port any more.
 * Lifetime: the softc from tap_create to close.  The kernel's device is not persistent: it lives as long as the descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dev/dev.h"
#include "dev/linux.h"
#include "dev/tap_var.h"
#include "mp/mp.h"

static void
tap_close(struct port *port)
{
	struct tap_softc *sc = port->priv;

	if (sc->epfd >= 0)
		close(sc->epfd);
	if (sc->fd >= 0)
		close(sc->fd);
	free(sc->rest);
	free(sc);
}

static int
tap_rx_fd(struct port *port, uint16_t q)
{
	struct tap_softc *sc = port->priv;

	return sc->epfd;
}

static int
tap_link(struct port *port, struct port_link *link)
{
	struct tap_softc *sc = port->priv;

	ASSERT_CONTROL();
	linux_link(sc->ifindex, link);
	link->mbps = 0; /* what the kernel says of a tap means nothing */
	return 0;
}

/* Both ends of the wire have one MTU. */
static int
tap_set_mtu(struct port *port, uint32_t mtu)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;
	struct ifreq ifr;

	ASSERT_CONTROL();
	if (fd < 0)
		return -errno;
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%.15s", port->name);
	ifr.ifr_mtu = mtu;
	if (ioctl(fd, SIOCSIFMTU, &ifr) < 0)
		error = -errno;
	close(fd);
	return error;
}

/* Whatever the kernel's side sends reaches us. */
static int
tap_set_filter(struct port *port, bool on)
{
	return 0;
}

static int
tap_set_lladdr(struct port *port, const uint8_t *lladdr)
{
	return 0;
}

static const struct port_ops tap_ops = {
    .kind = "tap",
    .detaching = linux_unwatch,
    .close = tap_close,
    .rx_burst = tap_rx_burst,
    .tx_burst = tap_tx_burst,
    .rx_fd = tap_rx_fd,
    .rx_arm = tap_rx_arm,
    .rx_disarm = tap_rx_disarm,
    .link = tap_link,
    .set_promisc = tap_set_filter,
    .set_allmulti = tap_set_filter,
    .set_lladdr = tap_set_lladdr,
    .set_mtu = tap_set_mtu,
};

static int
tap_open(struct tap_softc *sc, const char *xname, char *err, size_t errlen)
{
	struct epoll_event ev = {.events = EPOLLIN};
	struct ifreq ifr;
	int error;

	sc->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (sc->fd < 0) {
		error = -errno;
		snprintf(err, errlen, "%s: /dev/net/tun: %s", xname,
		    error == -ENOENT || error == -ENODEV ? "this kernel has no tun driver" : strerror(-error));
		return error;
	}
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", xname);
	ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL);
	if (ioctl(sc->fd, TUNSETIFF, &ifr) < 0 || ioctl(sc->fd, TUNSETOFFLOAD, 0ul) < 0) {
		error = -errno;
		if (error == -EPERM)
			snprintf(err, errlen, "%s: no permission (needs CAP_NET_ADMIN)", xname);
		else if (error == -EBUSY || error == -EEXIST)
			snprintf(err, errlen, "%s: Linux has an interface of that name", xname);
		else
			snprintf(err, errlen, "%s: /dev/net/tun: %s", xname, strerror(-error));
		return error;
	}
	sc->ifindex = if_nametoindex(xname);
	sc->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (sc->epfd < 0 || epoll_ctl(sc->epfd, EPOLL_CTL_ADD, sc->fd, &ev) < 0) {
		error = -errno;
		snprintf(err, errlen, "%s: %s", xname, strerror(-error));
		return error;
	}
	return 0;
}

int
tap_create(const char *xname, char *err, size_t errlen)
{
	struct tap_softc *sc = lines_zalloc(sizeof(*sc));
	struct port *port = calloc(1, sizeof(*port));
	int error;

	ASSERT_CONTROL();
	if (sc != NULL)
		sc->rest = lines_zalloc(TAP_MTU_MAX);
	if (sc == NULL || port == NULL || sc->rest == NULL) {
		if (sc != NULL)
			free(sc->rest);
		free(sc);
		free(port);
		snprintf(err, errlen, "%s: %s", xname, strerror(ENOMEM));
		return -ENOMEM;
	}
	sc->port = port;
	sc->fd = sc->epfd = -1;
	port->priv = sc;
	port->ops = &tap_ops;
	error = tap_open(sc, xname, err, errlen);
	if (error != 0)
		goto fail;
	snprintf(port->name, sizeof(port->name), "%s", xname);
	/* NetBSD's own prefix for taps, and a number nobody else has */
	memcpy(port->lladdr, "\xf2\x0b\xa4", 3);
	if (getrandom(port->lladdr + 3, 3, 0) != 3) {
		error = -errno;
		goto fail;
	}
	port->mtu_max = TAP_MTU_MAX;
	port->nrxq = 1;
	port->ntxq = mp_nworkers;
	port_place_queues(port);
	error = port_attach(port, xname, NULL);
	if (error != 0) {
		port_unplace_queues(port);
		snprintf(err, errlen, "%s: %s", xname, strerror(-error));
		goto fail;
	}
	if (linux_watch(port, sc->ifindex) != 0)
		mp_log(MP_LOG_WARNING, "%s: changes of the link will not be noticed", xname);
	return 0;
fail:
	tap_close(port);
	free(port);
	return error;
}
