/* SPDX-License-Identifier: BSD-2-Clause */
/* What Linux knows of an interface: flags, queues, link, and whether Linux itself uses it (netlink, ethtool). */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

#include "dev/linux.h"

/* => sends one request and runs cb over the answers; 0 or -errno */
static int
nl_query(struct nlmsghdr *nlh, mnl_cb_t cb, void *arg)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	char buf[32768];
	int error = 0, run = MNL_CB_OK;

	if (nl == NULL)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		error = -errno;
		goto out;
	}
	nlh->nlmsg_seq = 1;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0) {
		error = -errno;
		goto out;
	}
	while (run > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof(buf));

		if (n < 0) {
			error = -errno;
			break;
		}
		run = mnl_cb_run(buf, n, 1, mnl_socket_get_portid(nl), cb, arg);
		if (run < 0)
			error = -errno;
		if (!(nlh->nlmsg_flags & NLM_F_DUMP))
			break;
	}
out:
	mnl_socket_close(nl);
	return error;
}

static int
ifinfo_cb(const struct nlmsghdr *nlh, void *arg)
{
	struct linux_ifinfo *info = arg;
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr, *nested;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	info->flags = ifi->ifi_flags;
	info->ether = ifi->ifi_type == ARPHRD_ETHER;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi))
	{
		switch (mnl_attr_get_type(attr)) {
		case IFLA_MTU:
			info->mtu = mnl_attr_get_u32(attr);
			break;
		case IFLA_ADDRESS:
			if (mnl_attr_get_payload_len(attr) == 6)
				memcpy(info->lladdr, mnl_attr_get_payload(attr), 6);
			break;
		case IFLA_NUM_RX_QUEUES:
			info->nrxq = mnl_attr_get_u32(attr);
			break;
		case IFLA_XDP:
			mnl_attr_for_each_nested(nested, attr)
			{
				if (mnl_attr_get_type(nested) == IFLA_XDP_PROG_ID)
					info->xdp_prog = mnl_attr_get_u32(nested);
			}
			break;
		}
	}
	return MNL_CB_OK;
}

int
linux_ifinfo(int ifindex, struct linux_ifinfo *info)
{
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	memset(info, 0, sizeof(*info));
	nlh->nlmsg_type = RTM_GETLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = ifindex;
	return nl_query(nlh, ifinfo_cb, info);
}

struct use {
	int ifindex;
	bool used;
	char *text;
	size_t len;
};

static void
use_found(struct use *use, const char *what, int family, const void *addr, unsigned plen)
{
	char a[INET6_ADDRSTRLEN] = "";

	if (use->used)
		return;
	use->used = true;
	if (addr == NULL || plen == 0)
		snprintf(use->text, use->len, "default %s", what);
	else {
		inet_ntop(family, addr, a, sizeof(a));
		snprintf(use->text, use->len, "%s %s/%u", what, a, plen);
	}
}

/* Link-local and multicast IPv6 is there on every interface that is up: not a use. */
static bool
is_global(int family, const void *addr)
{
	const uint8_t *a = addr;

	if (family != AF_INET6 || a == NULL)
		return true;
	return !(a[0] == 0xff || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80));
}

static int
addr_cb(const struct nlmsghdr *nlh, void *arg)
{
	struct use *use = arg;
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	const void *addr = NULL;

	if (nlh->nlmsg_type != RTM_NEWADDR || (int)ifa->ifa_index != use->ifindex ||
	    (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*ifa))
	{
		int type = mnl_attr_get_type(attr);

		if (type == IFA_LOCAL || (type == IFA_ADDRESS && addr == NULL))
			addr = mnl_attr_get_payload(attr);
	}
	if (addr != NULL && is_global(ifa->ifa_family, addr))
		use_found(use, "address", ifa->ifa_family, addr, ifa->ifa_prefixlen);
	return MNL_CB_OK;
}

static int
route_cb(const struct nlmsghdr *nlh, void *arg)
{
	struct use *use = arg;
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	const void *dst = NULL;
	bool ours = false;

	if (nlh->nlmsg_type != RTM_NEWROUTE || (rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*rtm))
	{
		switch (mnl_attr_get_type(attr)) {
		case RTA_DST:
			dst = mnl_attr_get_payload(attr);
			break;
		case RTA_OIF:
			ours |= mnl_attr_get_u32(attr) == (uint32_t)use->ifindex;
			break;
		case RTA_MULTIPATH: {
			const struct rtnexthop *nh = mnl_attr_get_payload(attr);
			int left = mnl_attr_get_payload_len(attr);

			for (; RTNH_OK(nh, left); left -= RTNH_ALIGN(nh->rtnh_len), nh = RTNH_NEXT(nh))
				ours |= nh->rtnh_ifindex == use->ifindex;
			break;
		}
		}
	}
	if (ours && rtm->rtm_type != RTN_MULTICAST && is_global(rtm->rtm_family, dst))
		use_found(use, "route", rtm->rtm_family, dst, rtm->rtm_dst_len);
	return MNL_CB_OK;
}

bool
linux_in_use(int ifindex, char *text, size_t len)
{
	struct use use = {.ifindex = ifindex, .text = text, .len = len};
	char buf[256];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = RTM_GETADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
	nl_query(nlh, addr_cb, &use);

	/* Routes of both families: an interface without an address can have them. */
	for (unsigned i = 0; i < 2 && !use.used; i++) {
		nlh = mnl_nlmsg_put_header(buf);
		nlh->nlmsg_type = RTM_GETROUTE;
		nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
		rtm->rtm_family = i == 0 ? AF_INET : AF_INET6;
		nl_query(nlh, route_cb, &use);
	}
	return use.used;
}

static int
ethtool(const char *ifname, void *data)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;
	struct ifreq ifr;

	if (fd < 0)
		return -errno;
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	ifr.ifr_data = data;
	if (ioctl(fd, SIOCETHTOOL, &ifr) < 0)
		error = -errno;
	close(fd);
	return error;
}

/* => any thread; receive queues in use, or -errno where the driver does not say */
int
linux_ethtool_rxqueues(const char *ifname)
{
	struct ethtool_channels ch = {.cmd = ETHTOOL_GCHANNELS};
	int error = ethtool(ifname, &ch);

	return error != 0 ? error : (int)(ch.rx_count + ch.combined_count);
}

/* => any thread; does the device take vlan tags out of received frames? */
bool
linux_ethtool_rxvlan(const char *ifname)
{
	struct ethtool_value v = {.cmd = ETHTOOL_GFLAGS};

	return ethtool(ifname, &v) == 0 && (v.data & ETH_FLAG_RXVLAN) != 0;
}

/* => control or helper; 0 or -errno (-ENODEV: gone) */
int
linux_link(int ifindex, struct port_link *link)
{
	struct ethtool_cmd cmd = {.cmd = ETHTOOL_GSET};
	struct linux_ifinfo info;
	char ifname[IFNAMSIZ];
	int error = linux_ifinfo(ifindex, &info);

	*link = (struct port_link){.full_duplex = true};
	if (error != 0)
		return error;
	link->up = (info.flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
	/* The name may have changed since. */
	if (if_indextoname(ifindex, ifname) == NULL || ethtool(ifname, &cmd) != 0)
		return 0;
	uint32_t speed = ethtool_cmd_speed(&cmd);
	link->mbps = speed == (uint32_t)SPEED_UNKNOWN ? 0 : speed;
	link->full_duplex = cmd.duplex != DUPLEX_HALF;
	return 0;
}
