/* SPDX-License-Identifier: BSD-2-Clause */
/* A Linux interface is opened, started, stopped and given back. */
/*
 * Synchronization: open, start, stop and close run on a helper thread, one after the other; what they set is immutable for
 * workers and control.
 * Lifetime: linux_open allocates, close frees.  Whatever they do to the interface is undone by closing descriptors, in the
 * reverse order, by us or by the kernel when the process ends.
 */
#include <net/if.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dev/linux.h"
#include "mp/mp.h"

extern char **environ;

static const struct port_ops xdp_ops, packet_ops;

int
linux_fail(char *err, size_t errlen, const char *ifname, int error, const char *what)
{
	switch (error) {
	case EPERM:
	case EACCES:
		snprintf(err, errlen, "%s: no permission (needs CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF)", ifname);
		break;
	case ENODEV:
	case ENXIO:
		snprintf(err, errlen, "%s: no such device", ifname);
		break;
	case EBUSY:
		snprintf(err, errlen, "%s: busy (%s)", ifname, what);
		break;
	default:
		snprintf(err, errlen, "%s: %s: %s", ifname, what, strerror(error));
	}
	return -error;
}

bool
linux_exists(const char *ifname)
{
	/* Linux takes "eth0:1" for eth0 */
	return strlen(ifname) < IFNAMSIZ && strchr(ifname, ':') == NULL && if_nametoindex(ifname) != 0;
}

/* One attachment per interface: abstract socket names belong to the network namespace, as interfaces do. */
static int
lock_interface(struct linux_port *lp)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int n = snprintf(sun.sun_path + 1, sizeof(sun.sun_path) - 1, "smpnet/interface/%d", lp->ifindex);

	lp->lockfd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (lp->lockfd < 0)
		return -errno;
	if (bind(lp->lockfd, (struct sockaddr *)&sun, offsetof(struct sockaddr_un, sun_path) + 1 + n) < 0)
		return errno == EADDRINUSE ? -EBUSY : -errno;
	return 0;
}

int
linux_membership(const struct linux_port *lp, int what, int type, const uint8_t *lladdr)
{
	struct packet_mreq mr = {.mr_ifindex = lp->ifindex, .mr_type = type};

	if (lladdr != NULL) {
		mr.mr_alen = 6;
		memcpy(mr.mr_address, lladdr, 6);
	}
	return setsockopt(lp->memberfd, SOL_PACKET, what, &mr, sizeof(mr)) < 0 ? -errno : 0;
}

static void
port_close(struct port *port)
{
	struct linux_port *lp = port->priv;

	if (lp == NULL)
		return;
	linux_xdp_close(lp);
	linux_quiet_stop(&lp->quiet);
	if (lp->memberfd >= 0)
		close(lp->memberfd);
	if (lp->lockfd >= 0)
		close(lp->lockfd);
	free(lp);
	port->priv = NULL;
}

static int
check_interface(struct linux_port *lp, struct linux_ifinfo *info, char *err, size_t errlen)
{
	char use[96];
	int error = linux_ifinfo(lp->ifindex, info);

	if (error != 0)
		return linux_fail(err, errlen, lp->ifname, -error, "netlink");
	if (!info->ether || (info->flags & IFF_LOOPBACK)) {
		snprintf(err, errlen, "%s: not an Ethernet interface", lp->ifname);
		return -EINVAL;
	}
	error = lock_interface(lp);
	if (error != 0)
		return linux_fail(err, errlen, lp->ifname, -error, "already attached");
	if (info->xdp_prog != 0)
		return linux_fail(err, errlen, lp->ifname, EBUSY, "an XDP program is already there");
	if (!lp->opts.take && linux_in_use(lp->ifindex, use, sizeof(use))) {
		snprintf(err, errlen, "%s: in use by Linux (%s); --take takes it all the same", lp->ifname, use);
		return -EADDRINUSE;
	}
	return 0;
}

/* Which path the interface allows.  An XDP program that was accepted is attached from here on and drops what arrives. */
static int
choose_path(struct port *port, struct linux_port *lp, char *err, size_t errlen)
{
	int error;

	port->ops = &packet_ops;
	if (lp->opts.via == LINUX_VIA_PACKET)
		return 0;
	error = linux_xdp_open(lp, err, errlen);
	if (error == 0) {
		port->ops = &xdp_ops;
		return 0;
	}
	if (lp->opts.via == LINUX_VIA_XDP || error == -EBUSY || error == -EPERM)
		return error;
	mp_log(MP_LOG_INFO, "%s: AF_PACKET, because %s", lp->ifname, err);
	return 0;
}

int
linux_open(const char *ifname, const struct linux_options *opts, struct port **portp, char *err, size_t errlen)
{
	struct linux_port *lp = calloc(1, sizeof(*lp));
	struct port *port = calloc(1, sizeof(*port));
	struct linux_ifinfo info;
	unsigned want;
	int error, n;

	if (lp == NULL || port == NULL) {
		free(lp);
		free(port);
		return linux_fail(err, errlen, ifname, ENOMEM, "attach");
	}
	port->priv = lp;
	lp->lockfd = lp->memberfd = lp->keeperfd = -1;
	lp->quiet = (struct linux_quiet){-1, -1, -1};
	lp->opts = *opts;
	for (unsigned i = 0; i < PORT_MAXQ; i++)
		lp->tx[i].fd = -1;
	snprintf(lp->ifname, sizeof(lp->ifname), "%s", ifname);
	snprintf(port->name, sizeof(port->name), "%s", ifname);
	lp->ifindex = if_nametoindex(ifname);
	error =
	    lp->ifindex == 0 ? linux_fail(err, errlen, ifname, ENODEV, "") : check_interface(lp, &info, err, errlen);
	if (error != 0)
		goto fail;
	lp->memberfd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (lp->memberfd < 0) {
		error = linux_fail(err, errlen, ifname, errno, "packet socket");
		goto fail;
	}
	n = linux_ethtool_rxqueues(ifname);
	lp->devrxq = n > 0 ? n : info.nrxq > 0 ? info.nrxq : 1;
	lp->mtu = info.mtu;
	error = choose_path(port, lp, err, errlen);
	if (error != 0)
		goto fail;

	memcpy(port->lladdr, info.lladdr, 6);
	port->mtu_max = info.mtu;
	want = opts->queues != 0 ? opts->queues : opts->nworkers;
	if (want > PORT_MAXQ)
		want = PORT_MAXQ;
	/* AF_PACKET spreads by flow over any number of sockets, AF_XDP has what the device has. */
	port->nrxq = lp->xdp != NULL && want > lp->devrxq ? lp->devrxq : want;
	port->ntxq = opts->nworkers > PORT_MAXQ ? PORT_MAXQ : opts->nworkers;
	*portp = port;
	return 0;
fail:
	port_close(port);
	free(port);
	return error;
}

static int
set_up(const char *ifname, bool up)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;
	struct ifreq ifr;

	if (fd < 0)
		return -errno;
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr) < 0)
		error = -errno;
	if (up)
		ifr.ifr_flags |= IFF_UP;
	else
		ifr.ifr_flags &= ~IFF_UP;
	if (error == 0 && ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		error = -errno;
	close(fd);
	return error;
}

/*
 * An interface that is down in Linux is raised; a keeper lowers it again when our end of its socket closes without a word, which
 * is what happens when we are killed.
 */
static int
raise_interface(struct linux_port *lp)
{
	static const char script[] = "trap '' INT TERM HUP QUIT; PATH=$PATH:/sbin:/usr/sbin; "
				     "read -r word || ip link set dev \"$1\" down";
	char *argv[] = {"sh", "-c", (char *)(uintptr_t)script, "smpnet-keeper", lp->ifname, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int fds[2], error;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[0], 0);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
	error = -posix_spawn(&pid, "/bin/sh", &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[0]);
	if (error != 0) {
		close(fds[1]);
		return error;
	}
	lp->keeperfd = fds[1];
	lp->keeperpid = pid;
	lp->raised = true;
	return set_up(lp->ifname, true);
}

static void
lower_interface(struct linux_port *lp)
{
	int error;

	if (!lp->raised)
		return;
	error = set_up(lp->ifname, false);
	if (error == 0 || error == -ENODEV)
		send(lp->keeperfd, "done\n", 5, MSG_NOSIGNAL);
	close(lp->keeperfd);
	lp->keeperfd = -1;
	waitpid(lp->keeperpid, NULL, 0);
	lp->raised = false;
}

static void
port_stop(struct port *port)
{
	struct linux_port *lp = port->priv;

	linux_packet_stop(port);
	linux_xdp_stop(port);
	for (unsigned i = 0; i < PORT_MAXQ; i++)
		linux_tx_close(&lp->tx[i]);
	lower_interface(lp);
	linux_quiet_stop(&lp->quiet);
}

/* Transmit queues that AF_XDP has no device queue for, or all of them, are packet sockets. */
static int
start_tx(struct port *port, unsigned first)
{
	struct linux_port *lp = port->priv;
	int error = 0;

	for (unsigned i = first; i < port->ntxq && error == 0; i++)
		error = linux_tx_open(&lp->tx[i], lp->ifindex);
	return error;
}

static int
port_start(struct port *port, char *err, size_t errlen)
{
	struct linux_port *lp = port->priv;
	bool xdp = lp->xdp != NULL;
	struct linux_ifinfo info;
	int error;

	/* Linux falls silent before the interface comes up. */
	error = linux_quiet_start(&lp->quiet, lp->ifname, lp->ifindex, !xdp);
	if (error != 0) {
		linux_fail(err, errlen, lp->ifname, -error, "Linux cannot be kept off it (tcx, nftables)");
		goto fail;
	}
	error = linux_ifinfo(lp->ifindex, &info);
	if (error == 0 && !(info.flags & IFF_UP))
		error = raise_interface(lp);
	if (error == 0)
		error = linux_membership(lp, PACKET_ADD_MEMBERSHIP, PACKET_MR_ALLMULTI, NULL);
	if (error == 0)
		error = start_tx(port, xdp ? lp->devrxq : 0);
	if (error != 0) {
		linux_fail(err, errlen, lp->ifname, -error, "cannot be started");
		goto fail;
	}
	error = xdp ? linux_xdp_start(port, err, errlen) : linux_packet_start(port, err, errlen);
	if (error == 0)
		return 0;
fail:
	port_stop(port);
	return error;
}

static uint16_t
packet_tx_burst(struct port *port, uint16_t q, struct rte_mbuf **pkts, uint16_t n)
{
	struct linux_port *lp = port->priv;

	return linux_tx_burst(&lp->tx[q], pkts, n, &port->qstats[q].tx_errors);
}

static uint16_t
xdp_tx_burst(struct port *port, uint16_t q, struct rte_mbuf **pkts, uint16_t n)
{
	struct linux_port *lp = port->priv;

	return q < lp->devrxq ? linux_xdp_tx_burst(port, q, pkts, n) : packet_tx_burst(port, q, pkts, n);
}

static void
xdp_tx_flush(struct port *port, uint16_t q)
{
	struct linux_port *lp = port->priv;

	if (q < lp->devrxq)
		linux_xdp_tx_flush(port, q);
}

static const struct port_ops packet_ops = {
    .kind = "xdp",
    .start = port_start,
    .detaching = linux_unwatch,
    .stop = port_stop,
    .close = port_close,
    .rx_burst = linux_packet_rx_burst,
    .tx_burst = packet_tx_burst,
    .rx_fd = linux_packet_rx_fd,
    .rx_arm = linux_packet_rx_arm,
    .link = linux_link_get,
    .set_promisc = linux_set_promisc,
    .set_allmulti = linux_set_allmulti,
    .set_lladdr = linux_set_lladdr,
    .status = linux_status,
    .save = linux_save,
};

static const struct port_ops xdp_ops = {
    .kind = "xdp",
    .start = port_start,
    .detaching = linux_unwatch,
    .stop = port_stop,
    .close = port_close,
    .rx_burst = linux_xdp_rx_burst,
    .tx_burst = xdp_tx_burst,
    .tx_flush = xdp_tx_flush,
    .rx_fd = linux_xdp_rx_fd,
    .rx_arm = linux_xdp_rx_arm,
    .link = linux_link_get,
    .set_promisc = linux_set_promisc,
    .set_allmulti = linux_set_allmulti,
    .set_lladdr = linux_set_lladdr,
    .status = linux_status,
    .save = linux_save,
};
