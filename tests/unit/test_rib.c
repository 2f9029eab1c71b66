/* SPDX-License-Identifier: BSD-2-Clause */
/* Routing table: addresses, gateways, several paths, interfaces that come and go, neighbours; what the FIB then says. */
#include "route_double.h"

#include <arpa/inet.h>
#include <errno.h>

#include "route/route_methods.h"

struct ifnet_head ifnet_list = TAILQ_HEAD_INITIALIZER(ifnet_list);
struct ifnet *_Atomic ifnet_table[MP_MAXIF];

static struct ifnet lo0, eth1, eth2, tun3;
static char messages[65536];

/* A double of neighbours: one next hop each, the test's reference on top of those that routes have. */
static struct neighbour {
	struct ifnet *ifp;
	int family;
	union in_any addr;
	uint32_t nh;
} neighbours[128];
static unsigned nneighbours;
static void (*neighbour_made)(void); /* once */

uint32_t
neigh_get_nexthop(struct ifnet *ifp, int family, const union in_any *addr)
{
	struct nexthop nh = {.nh_type = NH_UNRESOLVED, .nh_family = family, .nh_ifindex = ifp->if_index, .nh_ifp = ifp};
	size_t len = family == AF_INET ? 4 : 16;

	for (unsigned i = 0; i < nneighbours; i++)
		if (neighbours[i].ifp == ifp && neighbours[i].family == family &&
		    memcmp(&neighbours[i].addr, addr, len) == 0) {
			nh.nh_addr = *addr;
			if (nexthop_restore(neighbours[i].nh))
				assert_int_equal(nexthop_replace(neighbours[i].nh, &nh), 0);
			nexthop_ref(neighbours[i].nh);
			return neighbours[i].nh;
		}
	nh.nh_addr = *addr;
	neighbours[nneighbours] = (struct neighbour){ifp, family, *addr, nexthop_alloc(&nh)};
	nexthop_ref(neighbours[nneighbours].nh);
	if (neighbour_made != NULL) {
		neighbour_made();
		neighbour_made = NULL;
	}
	return neighbours[nneighbours++].nh;
}

void
rt_notify(const struct rt_msg *m)
{
	char dst[RT_ADDRLEN];
	size_t n = strlen(messages);

	rt_format_dst(m->family, &m->dst, m->plen, dst, sizeof(dst));
	snprintf(messages + n, sizeof(messages) - n, "%s %s\n",
	    m->type == RTMSG_ADD      ? "add"
	    : m->type == RTMSG_DELETE ? "delete"
				      : "change",
	    dst);
}

void
rt_notify_ifaddr(struct ifaddr *ifa, bool added)
{
}

void
rt_notify_ifinfo(struct ifnet *ifp)
{
}

void
rt_monitor_fini(void)
{
}

void
rt_expire_arm(uint64_t when)
{
}

void
rt_expire_fini(void)
{
}

static uint64_t clock_ms = 1000;

uint64_t
mp_now_ms(void)
{
	return clock_ms;
}

static int
family_of(const char *s)
{
	return strchr(s, ':') != NULL ? AF_INET6 : AF_INET;
}

static union in_any
addr(const char *s)
{
	union in_any a = {0};

	assert_int_equal(inet_pton(family_of(s), s, &a), 1);
	return a;
}

static struct rt_spec
spec(const char *prefix, struct rt_path *path, const char *gw, struct ifnet *ifp)
{
	char text[64];
	struct rt_spec s = {.flags = RTF_STATIC, .paths = path};
	const char *slash = strchr(prefix, '/');

	snprintf(text, sizeof(text), "%s", prefix);
	text[strcspn(text, "/")] = '\0';
	s.family = family_of(text);
	s.dst = addr(text);
	s.plen = slash != NULL ? atoi(slash + 1) : s.family == AF_INET ? 32 : 128;
	memset(path, 0, sizeof(*path));
	if (gw != NULL) {
		path->has_gw = true;
		path->gw = addr(gw);
	}
	if (ifp != NULL)
		path->gw_ifindex = ifp->if_index;
	path->weight = 1;
	s.npaths = gw != NULL || ifp != NULL;
	return s;
}

static int
add(const char *prefix, const char *gw, struct ifnet *ifp)
{
	struct rt_path p;
	struct rt_spec s = spec(prefix, &p, gw, ifp);

	return rt_add(&s);
}

static int delete (const char *prefix)
{
	struct rt_path p;
	struct rt_spec s = spec(prefix, &p, NULL, NULL);

	return rt_delete(&s);
}

/* What the FIB says, in words: "none", "local", "glean eth1", "via 10.0.0.2 eth1" ... */
static const char *
says_nh(uint32_t index)
{
	static char text[128];
	static const char *const names[] = {
	    "none", "blackhole", "reject", "local", "broadcast", "glean", "via", "forward", "p2p", "multi"};
	const struct nexthop *nh = nexthop_get(index);
	char a[64] = "";

	assert_non_null(nh);
	if (nh->nh_type == NH_UNRESOLVED || nh->nh_type == NH_FORWARD)
		inet_ntop(nh->nh_family, &nh->nh_addr, a, sizeof(a));
	snprintf(text, sizeof(text), "%s%s%s%s%s", names[nh->nh_type], a[0] ? " " : "", a, nh->nh_ifindex ? " " : "",
	    nh->nh_ifindex ? ifnet_table[nh->nh_ifindex]->if_xname : "");
	return text;
}

static const char *
says(const char *dst)
{
	union in_any a = addr(dst);

	return says_nh(family_of(dst) == AF_INET ? fib_lookup4(a.in4.s_addr) : fib_lookup6(&a.in6));
}

static void
make_ifnet(struct ifnet *ifp, const char *name, unsigned index, enum if_type type, uint32_t flags, uint32_t mtu)
{
	memset(ifp, 0, sizeof(*ifp));
	snprintf(ifp->if_xname, sizeof(ifp->if_xname), "%s", name);
	ifp->if_index = index;
	ifp->if_gen = 1;
	ifp->if_type = type;
	ifp->if_flags = flags;
	ifp->if_mtu = mtu;
	TAILQ_INIT(&ifp->if_addrs);
	TAILQ_INSERT_TAIL(&ifnet_list, ifp, if_list);
	ifnet_table[index] = ifp;
}

static struct ifaddr *
ifaddr_add(struct ifnet *ifp, const char *text, const char *peer)
{
	struct ifaddr *ifa = calloc(1, sizeof(*ifa));
	char a[64];

	snprintf(a, sizeof(a), "%s", text);
	a[strcspn(a, "/")] = '\0';
	ifa->ifa_ifp = ifp;
	ifa->ifa_family = family_of(a);
	ifa->ifa_addr = addr(a);
	ifa->ifa_plen = atoi(strchr(text, '/') + 1);
	if (peer != NULL) {
		ifa->ifa_has_dst = true;
		ifa->ifa_dst = addr(peer);
	}
	TAILQ_INSERT_TAIL(&ifp->if_addrs, ifa, ifa_list);
	assert_int_equal(rt_ifaddr_add(ifa), 0);
	return ifa;
}

static void
ifaddr_delete(struct ifaddr *ifa)
{
	TAILQ_REMOVE(&ifa->ifa_ifp->if_addrs, ifa, ifa_list);
	rt_ifaddr_delete(ifa);
	free(ifa);
}

static void
set_up(struct ifnet *ifp, bool up)
{
	if (up) {
		ifp->if_flags |= IFF_SMP_UP;
		rt_ifnet_up(ifp);
	} else {
		ifp->if_flags &= ~(uint32_t)IFF_SMP_UP;
		rt_ifnet_down(ifp);
	}
}

#define ETHER_FLAGS (IFF_SMP_UP | IFF_SMP_BROADCAST | IFF_SMP_MULTICAST)

static int
setup(void **state)
{
	double_init();
	messages[0] = '\0';
	nneighbours = 0;
	TAILQ_INIT(&ifnet_list);
	if (route_init() != 0)
		return -1;
	make_ifnet(&lo0, "lo0", 1, IFT_SMP_LOOP, IFF_SMP_UP | IFF_SMP_LOOPBACK, 33624);
	make_ifnet(&eth1, "eth1", 2, IFT_SMP_ETHER, ETHER_FLAGS, 1500);
	make_ifnet(&eth2, "eth2", 3, IFT_SMP_ETHER, ETHER_FLAGS, 1500);
	make_ifnet(&tun3, "tun3", 4, IFT_SMP_TUNNEL, IFF_SMP_UP | IFF_SMP_P2P, 1280);
	ifaddr_add(&lo0, "::1/128", NULL);
	ifaddr_add(&lo0, "fe80::1/64", NULL);
	ifaddr_add(&lo0, "127.0.0.1/8", NULL);
	return 0;
}

/* Everything goes; nothing may be left in the FIB, no next hop may leak. */
static int
teardown(void **state)
{
	struct ifnet *ifp;

	for (unsigned i = 0; i < nneighbours; i++)
		if (neighbours[i].nh != 0)
			nexthop_release(neighbours[i].nh);
	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		while (!TAILQ_EMPTY(&ifp->if_addrs))
			ifaddr_delete(TAILQ_FIRST(&ifp->if_addrs));
	route_fini();
	double_drain();
	assert_int_equal(rt_table4.nroutes + rt_table4.nneigh + rt_table6.nroutes + rt_table6.nneigh, 0);
	assert_int_equal(fib_blocks(AF_INET), 0);
	assert_int_equal(fib_blocks(AF_INET6), 0);
	assert_int_equal(nexthop_count(), 0);
	assert_int_equal(rt_table4.nparked + rt_table6.nparked, 0);
	nexthop_fini();
	fib_fini();
	return 0;
}

struct walk {
	int family;
	char text[8192];
};

static void
show_node(struct rt_node *n, void *arg)
{
	struct walk *w = arg;
	const struct rtentry *e = rt_node_visible(n);
	char dst[RT_ADDRLEN], gw[RT_ADDRLEN], flags[32], mtu[16] = "-";
	union in_any a;

	if (e == NULL)
		return;
	rt_key_addr(w->family, &n->rn_key, &a);
	rt_format_dst(w->family, &a, n->rn_plen, dst, sizeof(dst));
	rt_format_gateway(e, gw, sizeof(gw));
	rt_flag_letters(rt_shown_flags(e), flags, sizeof(flags));
	if (rt_shown_mtu(e) != 0)
		snprintf(mtu, sizeof(mtu), "%u", rt_shown_mtu(e));
	snprintf(w->text + strlen(w->text), sizeof(w->text) - strlen(w->text), "%s %s %s %s %s\n", dst, gw, flags, mtu,
	    rt_shown_ifp(e)->if_xname);
}

static const char *
table(int family)
{
	static struct walk w;

	w = (struct walk){.family = family};
	rib_walk(rt_table_of(family)->root, show_node, &w);
	return w.text;
}

/* The tables of NetBSD's host R (netstat -nr), in its order, with its gateways, flags, MTUs and interfaces. */
static void
test_netbsd(void **state)
{
	ifaddr_add(&eth1, "fe80::b0a0:fdff:fe17:1c60/64", NULL);
	ifaddr_add(&eth1, "2001:db8::2/64", NULL);
	ifaddr_add(&eth1, "10.0.0.2/24", NULL);
	ifaddr_add(&eth2, "10.0.1.2/24", NULL);
	ifaddr_add(&eth2, "2001:db8:1::2/64", NULL);
	ifaddr_add(&eth2, "fe80::b0a0:95ff:fe83:cea5/64", NULL);
	ifaddr_add(&tun3, "fe80::1cee:921f:ce2f:1f37/64", NULL);
	ifaddr_add(&tun3, "10.9.0.2/8", "10.9.0.1");
	assert_int_equal(add("172.16.0.0/12", "10.0.1.1", NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct rt_path p;
		struct rt_spec s = spec(i == 0 ? "203.0.113.0/24" : "198.51.100.0/24", &p, "127.0.0.1", NULL);

		s.flags |= i == 0 ? RTF_REJECT : RTF_BLACKHOLE;
		assert_int_equal(rt_add(&s), 0);
	}
	assert_string_equal(table(AF_INET), "10.0.0.0/24 link#2 UC - eth1\n"
					    "10.0.0.2 link#2 UHl - lo0\n"
					    "10.0.1.0/24 link#3 UC - eth2\n"
					    "10.0.1.2 link#3 UHl - lo0\n"
					    "10.9.0.1 10.9.0.2 UH - tun3\n"
					    "10.9.0.2 tun3 UHl - lo0\n"
					    "127.0.0.1 lo0 UHl 33624 lo0\n"
					    "172.16.0.0/12 10.0.1.1 UGS - eth2\n"
					    "198.51.100.0/24 127.0.0.1 UGBS 33624 lo0\n"
					    "203.0.113.0/24 127.0.0.1 UGRS 33624 lo0\n");
	assert_string_equal(table(AF_INET6), "::1 ::1 UH 33624 lo0\n"
					     "2001:db8::/64 link#2 UC - eth1\n"
					     "2001:db8::2 link#2 UHl - lo0\n"
					     "2001:db8:1::/64 link#3 UC - eth2\n"
					     "2001:db8:1::2 link#3 UHl - lo0\n"
					     "fe80::%lo0/64 fe80::1 U - lo0\n"
					     "fe80::1 lo0 UHl - lo0\n"
					     "fe80::%eth1/64 link#2 UC - eth1\n"
					     "fe80::b0a0:fdff:fe17:1c60 link#2 UHl - lo0\n"
					     "fe80::%eth2/64 link#3 UC - eth2\n"
					     "fe80::b0a0:95ff:fe83:cea5 link#3 UHl - lo0\n"
					     "fe80::%tun3/64 link#4 UC - tun3\n"
					     "fe80::1cee:921f:ce2f:1f37 tun3 UHl - lo0\n"
					     "ff01:1::/32 ::1 UC 33624 lo0\n"
					     "ff01:2::/32 link#2 UC - eth1\n"
					     "ff01:3::/32 link#3 UC - eth2\n"
					     "ff01:4::/32 fe80::1cee:921f:ce2f:1f37 UC - tun3\n"
					     "ff02::%lo0/32 ::1 UC 33624 lo0\n"
					     "ff02::%eth1/32 link#2 UC - eth1\n"
					     "ff02::%eth2/32 link#3 UC - eth2\n"
					     "ff02::%tun3/32 fe80::1cee:921f:ce2f:1f37 UC - tun3\n");
	assert_string_equal(says("198.51.100.9"), "blackhole");
	assert_string_equal(says("203.0.113.9"), "reject");
	assert_string_equal(says("172.31.0.1"), "via 10.0.1.1 eth2");
	assert_string_equal(says("10.9.0.1"), "p2p tun3");
	assert_string_equal(says("127.0.0.1"), "local lo0");
	assert_string_equal(says("::1"), "local lo0");
	assert_string_equal(says("fe80::1"), "none");
	assert_string_equal(says("ff02::1"), "none");
}

static void
test_addresses(void **state)
{
	struct ifaddr *a = ifaddr_add(&eth1, "10.0.0.2/24", NULL), *b;

	assert_string_equal(says("10.0.0.2"), "local eth1");
	assert_string_equal(says("10.0.0.7"), "glean eth1");
	assert_string_equal(says("10.0.0.255"), "broadcast eth1");
	assert_string_equal(says("10.0.0.0"), "broadcast eth1");
	assert_string_equal(says("10.0.1.0"), "none");

	/* Duplicate address detection takes the address, not the network. */
	a->ifa_flags |= IFA_TENTATIVE;
	assert_int_equal(rt_ifaddr_add(a), 0);
	assert_string_equal(says("10.0.0.2"), "glean eth1");
	assert_string_equal(says("10.0.0.255"), "glean eth1");
	a->ifa_flags = 0;
	assert_int_equal(rt_ifaddr_add(a), 0);
	assert_string_equal(says("10.0.0.2"), "local eth1");

	/* A second address of the network keeps it when the first goes. */
	b = ifaddr_add(&eth2, "10.0.0.3/24", NULL);
	assert_string_equal(says("10.0.0.7"), "glean eth1");
	ifaddr_delete(a);
	assert_string_equal(says("10.0.0.2"), "glean eth2");
	assert_string_equal(says("10.0.0.255"), "broadcast eth2");
	ifaddr_delete(b);
	assert_string_equal(says("10.0.0.255"), "none");

	ifaddr_add(&eth1, "192.0.2.0/31", NULL); /* RFC 3021: no broadcast */
	assert_string_equal(says("192.0.2.0"), "local eth1");
	assert_string_equal(says("192.0.2.1"), "glean eth1");
	ifaddr_add(&eth1, "2001:db8::1/64", NULL);
	assert_string_equal(says("2001:db8::1"), "local eth1");
	assert_string_equal(says("2001:db8::ffff:0"), "glean eth1");
	assert_string_equal(says("2001:db8:0:1::"), "none");
}

static void
test_gateways(void **state)
{
	struct ifaddr *a;
	struct rt_path p;
	struct rt_spec s;

	assert_int_equal(add("0.0.0.0/0", "10.0.0.1", NULL), -ENETUNREACH);
	a = ifaddr_add(&eth1, "10.0.0.2/24", NULL);
	assert_int_equal(add("0.0.0.0/0", "10.0.0.1", NULL), 0);
	assert_int_equal(add("0.0.0.0/0", "10.0.0.9", NULL), -EEXIST);
	assert_int_equal(add("10.0.0.0/24", "10.0.0.9", NULL), -EEXIST);
	assert_int_equal(add("192.168.0.0/16", "172.16.0.1", NULL), -ENETUNREACH); /* by a gateway route only */
	assert_int_equal(add("192.168.0.0/33", "10.0.0.1", NULL), -EINVAL);
	assert_int_equal(add("192.168.0.0/16", "224.0.0.9", &eth1), -EINVAL);
	assert_int_equal(add("192.168.0.0/16", "0.0.0.0", &eth1), -EINVAL);
	assert_int_equal(add("2001:db8:1::/48", "ff02::1", &eth1), -EINVAL);
	assert_int_equal(delete ("192.168.0.0/16"), -ESRCH);
	assert_int_equal(delete ("10.0.0.2"), -EPERM);
	assert_string_equal(says("8.8.8.8"), "via 10.0.0.1 eth1");

	/* Host bits do not count; a longer route of the gateway's own network does not cut the gateway off. */
	assert_int_equal(add("172.16.5.6/12", "10.0.0.3", NULL), 0);
	assert_string_equal(says("172.17.0.1"), "via 10.0.0.3 eth1");
	assert_int_equal(add("10.0.0.0/28", "10.0.0.130", NULL), 0);
	assert_string_equal(says("10.0.0.5"), "via 10.0.0.130 eth1");
	assert_string_equal(says("8.8.8.8"), "via 10.0.0.1 eth1");

	/* Down: all leave the FIB and stay in the table; up: all return. */
	set_up(&eth1, false);
	assert_string_equal(says("8.8.8.8"), "none");
	assert_string_equal(says("10.0.0.2"), "none");
	assert_string_equal(says("172.17.0.1"), "none");
	assert_non_null(strstr(table(AF_INET), "172.16.0.0/12 10.0.0.3 GS"));
	set_up(&eth1, true);
	assert_string_equal(says("8.8.8.8"), "via 10.0.0.1 eth1");
	assert_string_equal(says("10.0.0.2"), "local eth1");
	assert_string_equal(says("10.0.0.5"), "via 10.0.0.130 eth1");

	/* The network moves to another interface. */
	ifaddr_delete(a);
	assert_string_equal(says("172.17.0.1"), "none");
	a = ifaddr_add(&eth2, "10.0.0.2/24", NULL);
	assert_string_equal(says("172.17.0.1"), "via 10.0.0.3 eth2");

	/* change: gateway, then flags alone, then the interface alone */
	s = spec("172.16.0.0/12", &p, "10.0.0.4", NULL);
	assert_int_equal(rt_change(&s), 0);
	assert_string_equal(says("172.17.0.1"), "via 10.0.0.4 eth2");
	s = spec("172.16.0.0/12", &p, NULL, NULL);
	s.flags = s.flags_mask = RTF_REJECT;
	assert_int_equal(rt_change(&s), 0);
	assert_string_equal(says("172.17.0.1"), "reject");
	s.flags = 0;
	assert_int_equal(rt_change(&s), 0);
	assert_string_equal(says("172.17.0.1"), "via 10.0.0.4 eth2");
	s = spec("172.16.0.0/12", &p, NULL, &eth1);
	assert_int_equal(rt_change(&s), 0);
	assert_string_equal(says("172.17.0.1"), "via 10.0.0.4 eth1");
	s = spec("1.0.0.0/8", &p, "10.0.0.4", NULL);
	assert_int_equal(rt_change(&s), -ESRCH);
	s = spec("172.16.0.0/12", &p, "11.0.0.4", NULL);
	assert_int_equal(rt_change(&s), -ENETUNREACH);
	assert_string_equal(says("172.17.0.1"), "via 10.0.0.4 eth1");

	/* -ifp reaches what the table does not; interface routes; a gateway on a tunnel; a gateway of ours. */
	assert_int_equal(add("192.168.0.0/16", "172.30.0.1", &eth1), 0);
	assert_string_equal(says("192.168.1.1"), "via 172.30.0.1 eth1");
	assert_int_equal(add("198.18.0.0/15", NULL, &eth2), 0);
	assert_string_equal(says("198.19.0.1"), "glean eth2");
	assert_int_equal(add("100.64.0.0/10", NULL, &tun3), 0);
	assert_string_equal(says("100.64.0.1"), "p2p tun3");
	assert_int_equal(add("100.65.0.0/16", "100.64.0.9", NULL), 0);
	assert_string_equal(says("100.65.0.1"), "p2p tun3");
	assert_int_equal(add("100.66.0.0/16", "127.0.0.1", NULL), 0);
	assert_string_equal(says("100.66.0.1"), "p2p lo0");

	/* IPv6, and link-local gateways */
	ifaddr_add(&eth1, "2001:db8::1/64", NULL);
	assert_int_equal(add("::/0", "fe80::9", NULL), -EINVAL);
	assert_int_equal(add("::/0", "fe80::9", &eth1), 0);
	assert_string_equal(says("2001:db8:ffff::1"), "via fe80::9 eth1");
	assert_int_equal(add("2001:db8:f::/48", "2001:db8::9", NULL), 0);
	assert_string_equal(says("2001:db8:f::1"), "via 2001:db8::9 eth1");
	set_up(&eth1, false);
	assert_string_equal(says("2001:db8:f::1"), "none");
	set_up(&eth1, true);
	assert_string_equal(says("2001:db8:f::1"), "via 2001:db8::9 eth1");

	assert_int_equal(delete ("172.16.0.0/12"), 0);
	assert_string_equal(says("172.17.0.1"), "via 10.0.0.1 eth2");
	assert_int_equal(delete ("0.0.0.0/0"), 0);
	assert_string_equal(says("172.17.0.1"), "none");
	assert_non_null(strstr(messages, "add 172.16.0.0/12\n"));
	assert_non_null(strstr(messages, "change 172.16.0.0/12\n"));
	assert_non_null(strstr(messages, "delete 172.16.0.0/12\n"));

	/* The connected route may be deleted, and does not come back with a change of the address's flags. */
	assert_int_equal(add("9.9.9.0/24", "10.0.0.4", NULL), 0);
	assert_int_equal(delete ("10.0.0.0/24"), 0);
	assert_int_equal(rt_ifaddr_add(a), 0);
	assert_string_equal(says("10.0.0.77"), "none");
	assert_string_equal(says("9.9.9.9"), "via 10.0.0.4 eth2"); /* by the address of ours in that network */
	assert_string_equal(says("10.0.0.2"), "local eth2");
	rt_ifaddr_delete(a);
	assert_string_equal(says("9.9.9.9"), "none");
}

/* Shares of the hash values that each member has */
static void
shares(const char *dst, unsigned n, const char *const *want, const unsigned *least, const unsigned *most)
{
	union in_any a = addr(dst);
	const struct nexthop *nh = nexthop_get(fib_lookup4(a.in4.s_addr));
	unsigned count[NH_MAXPATHS] = {0};

	assert_int_equal(nh->nh_type, NH_MULTIPATH);
	for (uint32_t hash = 0; hash < 1024; hash++) {
		const char *s = says_nh(nexthop_select(nh, hash));
		unsigned i = 0;

		while (i < n && strcmp(s, want[i]) != 0)
			i++;
		assert_true(i < n);
		count[i]++;
	}
	for (unsigned i = 0; i < n; i++)
		assert_in_range(count[i], least[i], most[i]);
}

static void
silent(struct ifnet *ifp, const char *gateway, bool is)
{
	union in_any a = addr(gateway);
	int family = strchr(gateway, ':') != NULL ? AF_INET6 : AF_INET;
	uint32_t nh = neigh_get_nexthop(ifp, family, &a);

	rt_gateway_set_silent(ifp, family, &a, nh, is);
	assert_int_equal(rt_gateway_silent(ifp, family, &a, nh), is);
	nexthop_release(nh);
}

static void
test_multipath(void **state)
{
	static const char *const three[] = {"via 10.0.0.1 eth1", "via 10.0.0.2 eth1", "via 10.1.0.1 eth2"};
	struct rt_path p[NH_MAXPATHS + 1] = {0};
	struct rt_spec s;

	ifaddr_add(&eth1, "10.0.0.9/24", NULL);
	ifaddr_add(&eth2, "10.1.0.9/24", NULL);
	s = spec("172.16.0.0/12", p, "10.0.0.1", NULL);
	p[1] = (struct rt_path){true, addr("10.0.0.2"), 0, 1};
	p[2] = (struct rt_path){true, addr("10.1.0.1"), 0, 2};
	s.npaths = 3;
	assert_int_equal(rt_add(&s), 0);
	shares("172.16.1.1", 3, three, (const unsigned[]){200, 200, 450}, (const unsigned[]){320, 320, 580});

	/* The same paths in another route are the same next hop. */
	s.dst = addr("172.32.0.0");
	assert_int_equal(rt_add(&s), 0);
	assert_int_equal(fib_lookup4(addr("172.16.1.1").in4.s_addr), fib_lookup4(addr("172.32.1.1").in4.s_addr));

	set_up(&eth2, false);
	shares("172.16.1.1", 2, three, (const unsigned[]){480, 480}, (const unsigned[]){544, 544});
	shares("172.32.1.1", 2, three, (const unsigned[]){480, 480}, (const unsigned[]){544, 544});
	set_up(&eth1, false);
	assert_string_equal(says("172.16.1.1"), "none");
	set_up(&eth2, true);
	shares("172.16.1.1", 1, three + 2, (const unsigned[]){1024}, (const unsigned[]){1024});
	set_up(&eth1, true);

	/* One whose neighbour has stopped to answer is done without; if none answers, all are tried. */
	silent(&eth2, "10.1.0.1", true);
	shares("172.16.1.1", 2, three, (const unsigned[]){480, 480}, (const unsigned[]){544, 544});
	shares("172.32.1.1", 2, three, (const unsigned[]){480, 480}, (const unsigned[]){544, 544});
	silent(&eth1, "10.0.0.1", true);
	shares("172.16.1.1", 1, three + 1, (const unsigned[]){1024}, (const unsigned[]){1024});
	silent(&eth1, "10.0.0.2", true);
	shares("172.16.1.1", 3, three, (const unsigned[]){200, 200, 450}, (const unsigned[]){320, 320, 580});
	silent(&eth2, "10.1.0.1", false);
	shares("172.16.1.1", 1, three + 2, (const unsigned[]){1024}, (const unsigned[]){1024});
	set_up(&eth2, false); /* those left answer not, but are all there is */
	shares("172.16.1.1", 2, three, (const unsigned[]){480, 480}, (const unsigned[]){544, 544});
	set_up(&eth2, true);
	silent(&eth1, "10.0.0.1", false);
	silent(&eth1, "10.0.0.2", false);
	shares("172.16.1.1", 3, three, (const unsigned[]){200, 200, 450}, (const unsigned[]){320, 320, 580});

	/* One path is deleted, then another, then the route. */
	s = spec("172.16.0.0/12", p, "10.0.0.1", NULL);
	assert_int_equal(rt_delete(&s), 0);
	shares("172.16.1.1", 2, three + 1, (const unsigned[]){300, 600}, (const unsigned[]){400, 724});
	assert_int_equal(rt_delete(&s), -ESRCH);
	s = spec("172.16.0.0/12", p, "10.1.0.1", NULL);
	assert_int_equal(rt_delete(&s), 0);
	assert_string_equal(says("172.16.1.1"), "via 10.0.0.2 eth1");
	s = spec("172.16.0.0/12", p, "10.0.0.2", NULL);
	assert_int_equal(rt_delete(&s), 0);
	assert_string_equal(says("172.16.1.1"), "none");

	/* Limits */
	s = spec("192.0.2.0/24", p, "10.0.0.1", NULL);
	p[1] = p[0];
	s.npaths = 2;
	assert_int_equal(rt_add(&s), -EINVAL);
	for (unsigned i = 0; i <= NH_MAXPATHS; i++) {
		p[i] = (struct rt_path){true, addr("10.0.0.0"), 0, i == 0 ? 65535 : 1};
		p[i].gw.in4.s_addr |= htonl(100 + i);
	}
	s.npaths = NH_MAXPATHS + 1;
	assert_int_equal(rt_add(&s), -EINVAL);
	s.npaths = NH_MAXPATHS - 8;
	assert_int_equal(rt_add(&s), 0);
	for (unsigned i = 0; i < NH_MAXPATHS - 8; i++) {
		const struct nexthop *nh = nexthop_get(fib_lookup4(addr("192.0.2.1").in4.s_addr));
		bool found = false;

		for (uint32_t hash = 0; hash < 1024 && !found; hash++)
			found = nexthop_get(nexthop_select(nh, hash))->nh_addr.in4.s_addr == p[i].gw.in4.s_addr;
		assert_true(found); /* however small its weight */
	}
}

static void
test_detach(void **state)
{
	struct rt_path p[2] = {0};
	struct rt_spec s;
	struct ifaddr *a = ifaddr_add(&eth1, "10.0.0.9/24", NULL);

	ifaddr_add(&eth2, "10.1.0.9/24", NULL);
	assert_int_equal(add("172.16.0.0/12", "10.0.0.1", NULL), 0);   /* found through eth1 */
	assert_int_equal(add("192.168.0.0/16", "10.0.0.1", &eth1), 0); /* names eth1 */
	assert_int_equal(add("198.18.0.0/15", NULL, &eth1), 0);
	s = spec("100.64.0.0/10", p, "10.0.0.1", &eth1);
	p[1] = (struct rt_path){true, addr("10.1.0.1"), 0, 1};
	s.npaths = 2;
	assert_int_equal(rt_add(&s), 0);
	set_up(&eth1, false);
	ifaddr_delete(a);
	rt_ifnet_detach(&eth1);
	eth1.if_dead = true;
	ifnet_table[eth1.if_index] = NULL;
	TAILQ_REMOVE(&ifnet_list, &eth1, if_list);
	for (uint32_t at = 0; !nexthop_ifnet_detach(&eth1, &at, false);)
		continue;
	for (unsigned i = NH_FIRST_DYNAMIC; i < 100;
	     i++) /* nothing leads to the interface's memory, not even stale indexes */
		if (nexthop_get(i) != NULL)
			assert_ptr_not_equal(nexthop_get(i)->nh_ifp, &eth1);
	for (unsigned i = 0; i < nneighbours; i++)
		if (neighbours[i].ifp == &eth1) {
			nexthop_release(neighbours[i].nh);
			neighbours[i].nh = 0;
			neighbours[i].ifp = NULL;
		}
	double_poll();
	double_poll();
	double_poll();
	assert_string_equal(says("100.64.0.1"), "via 10.1.0.1 eth2");
	assert_string_equal(says("172.16.0.1"), "none");
	assert_int_equal(delete ("198.18.0.0/15"), -ESRCH);
	assert_int_equal(delete ("192.168.0.0/16"), -ESRCH);

	/* Another interface with the same index is another interface. */
	make_ifnet(&eth1, "eth9", 2, IFT_SMP_ETHER, ETHER_FLAGS, 1500);
	rt_ifnet_up(&eth1);
	assert_string_equal(says("100.64.0.1"), "via 10.1.0.1 eth2");
	ifaddr_add(&eth1, "10.0.0.9/24", NULL);
	assert_string_equal(says("172.16.0.1"), "via 10.0.0.1 eth9");
}

static void
test_neighbours(void **state)
{
	union in_any a = addr("10.0.0.5"), b = addr("2001:db8::5");
	uint32_t n1, n2, m;
	struct ifaddr *ifa = ifaddr_add(&eth1, "10.0.0.9/24", NULL);

	ifaddr_add(&eth1, "2001:db8::9/64", NULL);
	n1 = neigh_get_nexthop(&eth1, AF_INET, &a);
	n2 = neigh_get_nexthop(&eth2, AF_INET, &a);
	m = neigh_get_nexthop(&eth1, AF_INET6, &b);
	assert_int_equal(fib_insert(AF_INET, &a, 32, n2), 0);
	assert_string_equal(says("10.0.0.5"), "glean eth1"); /* its interface is not where the network is */
	assert_int_equal(fib_insert(AF_INET, &a, 32, n1), 0);
	assert_int_equal(fib_insert(AF_INET, &a, 32, n1), -EEXIST);
	assert_int_equal(fib_insert(AF_INET6, &b, 128, m), 0);
	assert_string_equal(says("10.0.0.5"), "via 10.0.0.5 eth1");
	assert_string_equal(says("2001:db8::5"), "via 2001:db8::5 eth1");
	assert_null(strstr(table(AF_INET), "10.0.0.5"));

	/* A route of the same prefix, or a longer one than the network's, is preferred; then the neighbour returns. */
	assert_int_equal(add("10.0.0.5", "10.0.0.1", NULL), 0);
	assert_string_equal(says("10.0.0.5"), "via 10.0.0.1 eth1");
	assert_int_equal(delete ("10.0.0.5"), 0);
	assert_string_equal(says("10.0.0.5"), "via 10.0.0.5 eth1");
	assert_int_equal(add("10.0.0.0/28", "10.0.0.130", NULL), 0);
	assert_string_equal(says("10.0.0.5"), "via 10.0.0.130 eth1");
	assert_int_equal(delete ("10.0.0.0/28"), 0);
	assert_string_equal(says("10.0.0.5"), "via 10.0.0.5 eth1");

	/* The network goes to the other interface, and with it the neighbour that is used. */
	ifaddr_delete(ifa);
	assert_string_equal(says("10.0.0.5"), "none");
	ifa = ifaddr_add(&eth2, "10.0.0.9/24", NULL);
	assert_string_equal(says("10.0.0.5"), "via 10.0.0.5 eth2");
	set_up(&eth2, false);
	assert_string_equal(says("10.0.0.5"), "none");
	set_up(&eth2, true);
	assert_string_equal(says("10.0.0.5"), "via 10.0.0.5 eth2");
	assert_int_equal(fib_remove(AF_INET, &a, 32, n2), 0);
	assert_string_equal(says("10.0.0.5"), "glean eth2");
	assert_int_equal(fib_remove(AF_INET, &a, 32, n2), -ENOENT);
	assert_int_equal(fib_remove(AF_INET, &a, 32, n1), 0);
	assert_int_equal(fib_remove(AF_INET6, &b, 128, m), 0);
	assert_string_equal(says("2001:db8::5"), "glean eth1");
	nexthop_release(n1);
	nexthop_release(n2);
	nexthop_release(m);
}

static uint32_t recycled;

static void
recycle(void)
{
	union in_any a = addr("10.1.0.5");

	assert_int_equal(fib_remove(AF_INET, &a, 32, recycled), 0);
}

/*
 * A network goes; its gateway is found elsewhere as a new neighbour, for which a full cache gives up an old one: the last
 * that there was below the network.
 */
static void
test_recycled(void **state)
{
	union in_any a = addr("10.1.0.5");
	struct ifaddr *ifa = ifaddr_add(&eth1, "10.1.0.9/24", NULL);

	ifaddr_add(&eth2, "10.9.9.9/8", NULL);
	assert_int_equal(add("172.16.0.0/12", "10.1.0.200", NULL), 0);
	assert_string_equal(says("172.16.0.1"), "via 10.1.0.200 eth1");
	recycled = neigh_get_nexthop(&eth1, AF_INET, &a);
	assert_int_equal(fib_insert(AF_INET, &a, 32, recycled), 0);
	neighbour_made = recycle;
	ifaddr_delete(ifa);
	assert_null(neighbour_made);
	assert_string_equal(says("172.16.0.1"), "via 10.1.0.200 eth2");
	assert_string_equal(says("10.1.0.5"), "glean eth2");
	nexthop_release(recycled);
}

static void
test_lookup(void **state)
{
	struct rt_result r;
	union in_any a;

	ifaddr_add(&eth1, "10.0.0.9/24", NULL);
	ifaddr_add(&eth1, "fe80::9/64", NULL);
	assert_int_equal(add("0.0.0.0/0", "10.0.0.1", NULL), 0);
	a = addr("8.8.8.8");
	assert_int_equal(rt_lookup(AF_INET, &a, 0, &r), 0);
	assert_ptr_equal(r.ifp, &eth1);
	assert_true(r.has_gw && r.gateway.in4.s_addr == addr("10.0.0.1").in4.s_addr);
	assert_int_equal(r.flags, RTF_UP | RTF_GATEWAY | RTF_STATIC);
	assert_int_equal(r.mtu, 1500);
	assert_int_equal(r.plen, 0);
	a = addr("10.0.0.9");
	assert_int_equal(rt_lookup(AF_INET, &a, 0, &r), 0);
	assert_int_equal(r.flags, RTF_UP | RTF_HOST | RTF_LOCAL);
	a = addr("fe80::77");
	assert_int_equal(rt_lookup(AF_INET6, &a, 0, &r), -ENETUNREACH);
	assert_int_equal(rt_lookup(AF_INET6, &a, 2, &r), 0);
	assert_ptr_equal(r.ifp, &eth1);
	assert_int_equal(rt_lookup(AF_INET6, &a, 3, &r), -EHOSTUNREACH);
	a = addr("ff02::1");
	assert_int_equal(rt_lookup(AF_INET6, &a, 2, &r), 0);
	assert_ptr_equal(r.ifp, &eth1);
	a = addr("2001:db8::1");
	assert_int_equal(rt_lookup(AF_INET6, &a, 0, &r), -EHOSTUNREACH);
}

/* Random routes against longest match over a list. */
static void
test_random(void **state)
{
	enum { N = 400 };
	static struct {
		char prefix[32];
		uint32_t dst, mask;
		unsigned gw;
		bool there;
	} routes[N];

	ifaddr_add(&eth1, "10.0.0.9/24", NULL);
	for (unsigned i = 0; i < N; i++) {
		unsigned plen = double_random() % 25 + 8;

		routes[i].mask = ~0u << (32 - plen);
		routes[i].dst = (0x14000000u | (double_random() & 0x03030303)) & routes[i].mask;
		for (unsigned k = 0; k < i; k++)
			if (routes[k].dst == routes[i].dst && routes[k].mask == routes[i].mask) {
				i--;
				goto next;
			}
		routes[i].gw = 11 + double_random() % 20;
		snprintf(routes[i].prefix, sizeof(routes[i].prefix), "%u.%u.%u.%u/%u", routes[i].dst >> 24,
		    routes[i].dst >> 16 & 255, routes[i].dst >> 8 & 255, routes[i].dst & 255, plen);
	next:;
	}
	for (unsigned op = 0; op < 20000; op++) {
		unsigned i = double_random() % N, best = N;
		uint32_t dst = 0x14000000u | (double_random() & 0x03030303);
		char gw[32], text[64];
		struct in_addr in = {htonl(dst)};

		if (routes[i].there) {
			assert_int_equal(delete (routes[i].prefix), 0);
		} else {
			snprintf(gw, sizeof(gw), "10.0.0.%u", routes[i].gw);
			assert_int_equal(add(routes[i].prefix, gw, NULL), 0);
		}
		routes[i].there = !routes[i].there;
		if (op % 500 == 499) {
			set_up(&eth1, false);
			assert_string_equal(says("20.0.0.1"), "none");
			set_up(&eth1, true);
		}
		for (unsigned k = 0; k < N; k++)
			if (routes[k].there && (dst & routes[k].mask) == routes[k].dst &&
			    (best == N || routes[k].mask > routes[best].mask))
				best = k;
		snprintf(gw, sizeof(gw), best == N ? "none" : "via 10.0.0.%u eth1", best == N ? 0 : routes[best].gw);
		assert_string_equal(says(inet_ntop(AF_INET, &in, text, sizeof(text))), gw);
		if (op % 16 == 0) {
			double_poll();
			messages[0] = '\0';
		}
	}
}

/*
 * Many routes with one next hop: what packets find follows at once, before any slice; then the FIB does.
 *
 *	eth1 10.0.1.1, 2001:db8:1::1     gateway A  x.0.n.0/24 (under x.0.0.0/16 by B) and x.1.n.0/24
 *	eth2 10.0.2.1, 2001:db8:2::1     gateway B, gateway C
 */
#define MANY 250

static const struct many {
	int family;
	const char *net1, *net2, *a, *b, *c, *prefix, *cover0, *cover1, *zero, *host0, *host1;
} many4 = {AF_INET, "10.0.1.1/24", "10.0.2.1/24", "10.0.1.2", "10.0.2.2", "10.0.2.3", "20.%u.%u.0/24", "20.0.0.0/16",
    "20.1.0.0/16", "0.0.0.0/0", "20.0.7.1", "20.1.7.1"},
  many6 = {AF_INET6, "2001:db8:1::1/64", "2001:db8:2::1/64", "2001:db8:1::2", "2001:db8:2::2", "2001:db8:2::3",
      "2001:%x:%x::/48", "2001::/32", "2001:1::/32", "::/0", "2001:0:7::1", "2001:1:7::1"};

/* What a packet finds behind a diversion. */
static const char *
finds(const char *dst)
{
	union in_any a = addr(dst);
	uint32_t index = family_of(dst) == AF_INET ? fib_lookup4(a.in4.s_addr) : fib_lookup6(&a.in6);

	if (nexthop_get(index)->nh_type == NH_MULTIPATH && nexthop_get(index)->nh_mp.mp_n == 1)
		index = nexthop_select(nexthop_get(index), 0);
	return says_nh(index);
}

static const char *
via(const char *gw, const struct ifnet *ifp)
{
	static char text[4][128];
	static unsigned k;

	k = (k + 1) % 4;
	snprintf(text[k], sizeof(text[k]), "via %s %s", gw, ifp->if_xname);
	return text[k];
}

static void
many_add(const struct many *m, unsigned net, const char *gw, struct ifnet *ifp)
{
	char prefix[64];

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(prefix, sizeof(prefix), m->prefix, net, i);
		assert_int_equal(add(prefix, gw, ifp), 0);
	}
}

static void
many_flap(const struct many *m)
{
	char prefix[64];

	many_add(m, 0, m->a, NULL);
	many_add(m, 1, m->a, NULL);
	assert_int_equal(add(m->cover0, m->b, NULL), 0);
	assert_string_equal(finds(m->host1), via(m->a, &eth1));

	/* down: nowhere, or the shorter prefix when the FIB has followed */
	set_up(&eth1, false);
	assert_true(mp_slices_run());
	assert_string_equal(finds(m->host1), "none");
	mp_slices_finish();
	assert_string_equal(finds(m->host1), "none");
	assert_string_equal(finds(m->host0), via(m->b, &eth2));
	assert_true(rt_table_of(m->family)->nparked > 0);

	/* the default route comes, moves and goes */
	assert_int_equal(add(m->zero, m->c, NULL), 0);
	assert_string_equal(finds(m->host1), via(m->c, &eth2));
	assert_int_equal(delete (m->zero), 0);
	assert_string_equal(finds(m->host1), "none");
	assert_int_equal(add(m->zero, m->b, NULL), 0);
	assert_string_equal(finds(m->host1), via(m->b, &eth2));

	/* up: all at once, without a slice */
	set_up(&eth1, true);
	assert_string_equal(finds(m->host1), via(m->a, &eth1));
	mp_slices_finish();
	assert_string_equal(finds(m->host0), via(m->a, &eth1));
	assert_int_equal(rt_table_of(m->family)->nparked, 0);

	/* to the default route at once; up again before the FIB has followed; several times */
	for (unsigned k = 0; k < 10; k++) {
		set_up(&eth1, false);
		assert_string_equal(finds(m->host1), via(m->b, &eth2));
		assert_string_equal(finds(m->host0), via(m->b, &eth2));
		for (unsigned i = 0; i < k; i++)
			(void)mp_slices_run();
		set_up(&eth1, true);
		assert_string_equal(finds(m->host1), via(m->a, &eth1));
	}
	mp_slices_finish();
	assert_string_equal(finds(m->host0), via(m->a, &eth1));

	/* a prefix between the parked ones and the default route */
	set_up(&eth1, false);
	mp_slices_finish();
	assert_int_equal(add(m->cover1, m->c, NULL), 0);
	mp_slices_finish();
	assert_string_equal(finds(m->host1), via(m->c, &eth2));
	set_up(&eth1, true);
	mp_slices_finish();
	assert_string_equal(finds(m->host1), via(m->a, &eth1));

	/* routes that go while they wait */
	set_up(&eth1, false);
	(void)mp_slices_run();
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(prefix, sizeof(prefix), m->prefix, 1, i);
		assert_int_equal(delete (prefix), 0);
	}
	mp_slices_finish();
	assert_string_equal(finds(m->host1), via(m->c, &eth2));
	assert_int_equal(delete (m->cover1), 0);
	assert_string_equal(finds(m->host1), via(m->b, &eth2));
	set_up(&eth1, true);
	mp_slices_finish();
}

/* The way to the gateway changes: all follow at once, and the neighbour that was left has its next hop back in the end. */
static void
many_elsewhere(const struct many *m)
{
	union in_any a = addr(m->a);
	uint32_t nh = neigh_get_nexthop(&eth1, m->family, &a);
	char prefix[64];

	many_add(m, 1, m->a, NULL);
	assert_string_equal(finds(m->host1), via(m->a, &eth1));
	for (unsigned round = 0; round < 6; round++) {
		assert_int_equal(add(m->a, NULL, &eth2), 0);
		assert_string_equal(finds(m->host1), via(m->a, &eth2));
		if (round % 3 == 0)
			mp_slices_finish();
		else if (round % 3 == 1)
			(void)mp_slices_run();
		if (round % 3 == 0)
			assert_string_equal(says_nh(nh), via(m->a, &eth1));
		assert_int_equal(delete (m->a), 0);
		assert_string_equal(finds(m->host1), via(m->a, &eth1));
		if (round == 4)
			mp_slices_finish();
	}
	assert_int_equal(add(m->a, NULL, &eth2), 0);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(prefix, sizeof(prefix), m->prefix, 1, i);
		assert_int_equal(delete (prefix), 0);
	}
	mp_slices_finish();
	assert_string_equal(says_nh(nh), via(m->a, &eth1));
	assert_int_equal(delete (m->a), 0);
	nexthop_release(nh);
}

static void
test_many(void **state)
{
	ifaddr_add(&eth1, many4.net1, NULL);
	ifaddr_add(&eth2, many4.net2, NULL);
	ifaddr_add(&eth1, many6.net1, NULL);
	ifaddr_add(&eth2, many6.net2, NULL);
	many_flap(&many4);
	many_flap(&many6);
	double_poll();
}

static void
test_elsewhere(void **state)
{
	ifaddr_add(&eth1, many4.net1, NULL);
	ifaddr_add(&eth2, many4.net2, NULL);
	ifaddr_add(&eth1, many6.net1, NULL);
	ifaddr_add(&eth2, many6.net2, NULL);
	many_elsewhere(&many4);
	many_elsewhere(&many6);
	double_poll();
}

/* Several paths: the others take all when one goes; nowhere without any; back at once. */
static void
many_paths(const struct many *m)
{
	struct rt_path p[2];
	struct rt_spec s;
	char prefix[64];
	union in_any a = addr(m->host1);
	const struct nexthop *nh;

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(prefix, sizeof(prefix), m->prefix, 1, i);
		s = spec(prefix, p, m->a, NULL);
		p[1] = (struct rt_path){.has_gw = true, .gw = addr(m->b), .weight = 1};
		s.npaths = 2;
		assert_int_equal(rt_add(&s), 0);
	}
	set_up(&eth1, false);
	nh = nexthop_get(m->family == AF_INET ? fib_lookup4(a.in4.s_addr) : fib_lookup6(&a.in6));
	assert_int_equal(nh->nh_type, NH_MULTIPATH);
	for (unsigned i = 0; i < nh->nh_mp.mp_n; i++)
		assert_string_equal(says_nh(nexthop_select(nh, i)), via(m->b, &eth2));
	set_up(&eth2, false);
	assert_string_equal(finds(m->host1), "none");
	mp_slices_finish();
	assert_string_equal(finds(m->host1), "none");
	set_up(&eth2, true);
	nh = nexthop_get(m->family == AF_INET ? fib_lookup4(a.in4.s_addr) : fib_lookup6(&a.in6));
	assert_int_equal(nh->nh_type, NH_MULTIPATH);
	for (unsigned i = 0; i < nh->nh_mp.mp_n; i++)
		assert_string_equal(says_nh(nexthop_select(nh, i)), via(m->b, &eth2));
	set_up(&eth1, true);
	mp_slices_finish();
}

static void
test_many_paths(void **state)
{
	ifaddr_add(&eth1, many4.net1, NULL);
	ifaddr_add(&eth2, many4.net2, NULL);
	ifaddr_add(&eth1, many6.net1, NULL);
	ifaddr_add(&eth2, many6.net2, NULL);
	many_paths(&many4);
	many_paths(&many6);
	double_poll();
}

/* An interface with many routes is destroyed: they are gone for everybody at once, and may be added anew. */
static void
test_many_gone(void **state)
{
	struct rt_path p[2];
	struct rt_spec s;
	struct ifaddr *a = ifaddr_add(&eth1, many4.net1, NULL);
	char prefix[64];

	ifaddr_add(&eth2, many4.net2, NULL);
	many_add(&many4, 0, many4.a, &eth1);
	for (unsigned i = 0; i < MANY; i++) { /* these lose a path and stay */
		snprintf(prefix, sizeof(prefix), many4.prefix, 1, i);
		s = spec(prefix, p, many4.a, &eth1);
		p[1] = (struct rt_path){.has_gw = true, .gw = addr(many4.b), .weight = 1};
		s.npaths = 2;
		assert_int_equal(rt_add(&s), 0);
	}
	set_up(&eth1, false);
	ifaddr_delete(a);
	rt_ifnet_detach(&eth1);
	eth1.if_dead = true;
	ifnet_table[eth1.if_index] = NULL;
	TAILQ_REMOVE(&ifnet_list, &eth1, if_list);
	for (unsigned i = 0; i < nneighbours; i++)
		if (neighbours[i].ifp == &eth1) {
			nexthop_release(neighbours[i].nh);
			neighbours[i].nh = 0;
			neighbours[i].ifp = NULL;
		}
	assert_string_equal(finds(many4.host0), "none");
	assert_int_equal(delete ("20.0.200.0/24"), -ESRCH);
	assert_int_equal(add("20.0.201.0/24", many4.b, NULL), 0);
	assert_string_equal(finds("20.0.201.1"), via(many4.b, &eth2));
	make_ifnet(&eth1, "eth9", 2, IFT_SMP_ETHER, ETHER_FLAGS, 1500); /* the index is used again meanwhile */
	rt_ifnet_up(&eth1);
	mp_slices_finish();
	assert_string_equal(finds(many4.host0), "none");
	assert_string_equal(finds("20.0.201.1"), via(many4.b, &eth2));
	assert_string_equal(finds(many4.host1), via(many4.b, &eth2));
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(prefix, sizeof(prefix), many4.prefix, 0, i);
		assert_int_equal(delete (prefix), i == 201 ? 0 : -ESRCH);
	}
	double_poll();
}

/*
 * Routes are leaving a group of several paths, in slices, and its last path goes when few are left: they are not taken
 * through at once from within that change, at whose end the group would be gone.
 */
static void
test_many_leaving(void **state)
{
	struct rt_path p[2];
	struct rt_spec s;
	struct ifaddr *a = ifaddr_add(&eth1, many4.net1, NULL);
	const struct rt_group *g;
	struct rt_key key;
	char prefix[64];

	ifaddr_add(&eth2, many4.net2, NULL);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(prefix, sizeof(prefix), many4.prefix, 1, i);
		s = spec(prefix, p, many4.a, &eth1);
		p[1] = (struct rt_path){.has_gw = true, .gw = addr(many4.b), .weight = 1};
		s.npaths = 2;
		assert_int_equal(rt_add(&s), 0);
	}
	key = rt_key_make(AF_INET, &s.dst, 0);
	g = rib_find(&rt_table4, &key, s.plen)->rn_routes->re_group; /* of the last one, which leaves last */
	set_up(&eth1, false);
	ifaddr_delete(a);
	rt_ifnet_detach(&eth1);
	eth1.if_dead = true;
	ifnet_table[eth1.if_index] = NULL;
	TAILQ_REMOVE(&ifnet_list, &eth1, if_list);
	for (unsigned i = 0; i < nneighbours; i++)
		if (neighbours[i].ifp == &eth1) {
			nexthop_release(neighbours[i].nh);
			neighbours[i].nh = 0;
			neighbours[i].ifp = NULL;
		}
	assert_true(g->refs > 64);
	while (g->refs > 40)
		assert_true(mp_slices_run());
	set_up(&eth2, false);
	assert_string_equal(finds(many4.host1), "none");
	set_up(&eth2, true);
	assert_string_equal(finds(many4.host1), via(many4.b, &eth2));
	mp_slices_finish();
	assert_string_equal(finds(many4.host1), via(many4.b, &eth2));
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(prefix, sizeof(prefix), many4.prefix, 1, i);
		assert_int_equal(delete (prefix), 0);
	}
	double_poll();
}

static void
cursor_add(struct rt_node *n, char *text)
{
	char dst[RT_ADDRLEN];
	union in_any a;

	rt_key_addr(AF_INET, &n->rn_key, &a);
	rt_format_dst(AF_INET, &a, n->rn_plen, dst, sizeof(dst));
	snprintf(text + strlen(text), 4096 - strlen(text), "%s ", dst);
}

static bool
cursor_one(struct rt_node *n, void *arg)
{
	cursor_add(n, arg);
	return false;
}

static void
cursor_all(struct rt_node *n, void *arg)
{
	cursor_add(n, arg);
}

/* Pages of one node each are the whole walk; what is deleted or added meanwhile does not disturb the rest. */
static void
test_cursor(void **state)
{
	char all[4096] = "", pages[4096] = "";
	struct rt_cursor c = {0};

	ifaddr_add(&eth1, "10.0.1.1/24", NULL);
	assert_int_equal(add("0.0.0.0/0", "10.0.1.2", NULL), 0);
	assert_int_equal(add("20.0.0.0/8", "10.0.1.2", NULL), 0);
	assert_int_equal(add("20.0.0.0/16", "10.0.1.2", NULL), 0);
	assert_int_equal(add("20.0.0.0/32", "10.0.1.2", NULL), 0);
	assert_int_equal(add("20.128.0.0/9", "10.0.1.2", NULL), 0);
	assert_int_equal(add("255.255.255.255/32", "10.0.1.2", NULL), 0);
	rib_walk(rt_table4.root, cursor_all, all);
	while (!rib_walk_from(&rt_table4, &c, cursor_one, pages))
		continue;
	assert_string_equal(pages, all);
	c = (struct rt_cursor){0};
	pages[0] = '\0';
	for (unsigned i = 0; !rib_walk_from(&rt_table4, &c, cursor_one, pages); i++)
		if (strstr(pages, "20.0.0.0/16 ") != NULL && i < 100) {
			(void)delete ("20.0.0.0/16"); /* the cursor's own place goes */
			(void)add("20.64.0.0/10", "10.0.1.2", NULL);
			(void)add("11.0.0.0/8", "10.0.1.2", NULL); /* behind us */
		}
	assert_non_null(strstr(pages, "20.0.0.0 20.0.0.0/16 20.0.0.0/8 20.64.0.0/10 20.128.0.0/9 "));
	assert_null(strstr(pages, "11.0.0.0/8"));
}

static uint32_t
mtu_to(const char *dst)
{
	union in_any a = addr(dst);
	const struct nexthop *nh =
	    nexthop_get(family_of(dst) == AF_INET ? fib_lookup4(a.in4.s_addr) : fib_lookup6(&a.in6));

	if (nh->nh_type == NH_MULTIPATH)
		nh = nexthop_get(nh->nh_mp.mp_nh[0]);
	return nh->nh_mtu;
}

static void
neighbour_is(const char *a, struct ifnet *ifp, enum nh_type type)
{
	union in_any address = addr(a);
	uint32_t nh = neigh_get_nexthop(ifp, family_of(a), &address);
	struct nexthop o = *nexthop_get(nh);

	o.nh_type = type;
	o.nh_mtu = 1500;
	assert_int_equal(nexthop_replace(nh, &o), 0);
	nexthop_release(nh);
}

/* A route's own MTU: in a next hop that is the neighbour's otherwise, whatever happens to that. */
static void
test_mtu(void **state)
{
	struct rt_path p[2] = {0};
	struct rt_spec s;
	union in_any gw = addr("10.0.0.1");
	uint32_t base;

	ifaddr_add(&eth1, "10.0.0.9/24", NULL);
	ifaddr_add(&eth2, "10.1.0.9/24", NULL);
	assert_int_equal(add("172.16.0.0/12", "10.0.0.1", NULL), 0);
	s = spec("10.4.0.0/16", p, "10.0.0.1", NULL);
	s.mtu = 1400;
	assert_int_equal(rt_add(&s), 0);
	s.dst = addr("10.5.0.0");
	assert_int_equal(rt_add(&s), 0);
	base = neigh_get_nexthop(&eth1, AF_INET, &gw);
	assert_int_equal(fib_lookup4(addr("172.16.1.1").in4.s_addr), base);
	assert_int_equal(fib_lookup4(addr("10.4.1.1").in4.s_addr), fib_lookup4(addr("10.5.1.1").in4.s_addr));
	assert_int_not_equal(fib_lookup4(addr("10.4.1.1").in4.s_addr), base);
	neighbour_is("10.0.0.1", &eth1, NH_FORWARD);
	assert_string_equal(says("10.4.1.1"), "forward 10.0.0.1 eth1");
	assert_int_equal(mtu_to("10.4.1.1"), 1400);
	assert_int_equal(mtu_to("172.16.1.1"), 1500);
	/* use of it is use of the neighbour */
	(void)nexthop_used(base);
	nexthop_mark(mp_workers[0], fib_lookup4(addr("10.4.1.1").in4.s_addr),
	    nexthop_get(fib_lookup4(addr("10.4.1.1").in4.s_addr)));
	assert_true(nexthop_used(base));
	assert_false(nexthop_used(base));
	neighbour_is("10.0.0.1", &eth1, NH_UNRESOLVED);
	assert_string_equal(says("10.4.1.1"), "via 10.0.0.1 eth1");

	/* changed, larger than the interface's, and by another interface and back */
	s = spec("10.4.0.0/16", p, NULL, NULL);
	s.mtu = 9000;
	assert_int_equal(rt_change(&s), 0);
	assert_int_equal(mtu_to("10.4.1.1"), 1500);
	s.mtu = 1300;
	assert_int_equal(rt_change(&s), 0);
	assert_int_equal(mtu_to("10.4.1.1"), 1300);
	assert_int_equal(mtu_to("10.5.1.1"), 1400);
	set_up(&eth1, false);
	assert_string_equal(says("10.4.1.1"), "none");
	set_up(&eth1, true);
	assert_string_equal(says("10.4.1.1"), "via 10.0.0.1 eth1");
	assert_int_equal(mtu_to("10.4.1.1"), 1300);

	/* members of several paths, one with an MTU of its own; the tunnel has no neighbour to follow */
	s = spec("10.6.0.0/16", p, "10.0.0.1", NULL);
	p[0].mtu = 1350;
	p[1] = (struct rt_path){.gw_ifindex = tun3.if_index, .weight = 1};
	s.npaths = 2;
	s.mtu = 1000;
	assert_int_equal(rt_add(&s), 0);
	assert_int_equal(mtu_to("10.6.1.1"), 1350);
	set_up(&eth1, false);
	assert_int_equal(mtu_to("10.6.1.1"), 1000);
	tun3.if_mtu = 900;
	rt_ifnet_mtu(&tun3);
	assert_int_equal(mtu_to("10.6.1.1"), 0); /* the interface's */
	set_up(&eth1, true);

	/* a network's, for its neighbours */
	neighbour_is("10.0.0.7", &eth1, NH_FORWARD);
	gw = addr("10.0.0.7");
	assert_int_equal(fib_insert(AF_INET, &gw, 32, neighbours[nneighbours - 1].nh), 0);
	assert_int_equal(mtu_to("10.0.0.7"), 1500);
	s = spec("10.0.0.0/24", p, NULL, NULL);
	s.mtu = 1200;
	assert_int_equal(rt_change(&s), 0);
	assert_string_equal(says("10.0.0.7"), "forward 10.0.0.7 eth1");
	assert_int_equal(mtu_to("10.0.0.7"), 1200);
	assert_int_equal(fib_remove(AF_INET, &gw, 32, neighbours[nneighbours - 1].nh), 0);
	nexthop_release(base);
}

/* Path MTUs: lowered only, few where nobody knows the packet, forgotten with time, and with the route above. */
static void
test_pmtu(void **state)
{
	union in_any far = addr("20.0.0.1"), near = addr("10.0.0.5"), six = addr("2001:db8:9::1");
	struct rt_path p[1];
	struct rt_result r;
	struct rt_spec s;
	uint64_t next;

	ip_mtudisc = 1;
	ip_mtudisc_timeout = ip6_pmtu_expire = 10;
	pmtu_hiwat = 4;
	pmtu_lowat = 2;
	ifaddr_add(&eth1, "10.0.0.9/24", NULL);
	ifaddr_add(&eth1, "2001:db8::9/64", NULL);
	assert_false(rt_pmtu(AF_INET, &far, 1400, true));
	assert_int_equal(add("0.0.0.0/0", "10.0.0.1", NULL), 0);
	assert_int_equal(add("::/0", "2001:db8::1", NULL), 0);
	assert_false(rt_pmtu(AF_INET, &far, 1500, true));
	assert_true(rt_pmtu(AF_INET, &far, 1400, true));
	assert_string_equal(says("20.0.0.1"), "via 10.0.0.1 eth1");
	assert_int_equal(rt_lookup(AF_INET, &far, 0, &r), 0);
	assert_int_equal(r.mtu, 1400);
	assert_int_equal(r.flags, RTF_UP | RTF_GATEWAY | RTF_HOST | RTF_DYNAMIC);
	assert_false(rt_pmtu(AF_INET, &far, 1450, true));
	assert_true(rt_pmtu(AF_INET, &far, 68, true));
	assert_int_equal(rt_lookup(AF_INET, &far, 0, &r), 0);
	assert_int_equal(r.mtu, 552);
	assert_true(rt_pmtu(AF_INET, &near, 1000, false)); /* on our link */
	assert_string_equal(says("10.0.0.5"), "via 10.0.0.5 eth1");
	assert_false(rt_pmtu(AF_INET6, &six, 1279, true));
	assert_false(rt_pmtu(AF_INET6, &six, 1280, false)); /* enough of those */
	assert_true(rt_pmtu(AF_INET6, &six, 1280, true));
	six.in6.s6_addr[15] = 2;
	assert_true(rt_pmtu(AF_INET6, &six, 1280, true));
	six.in6.s6_addr[15] = 3;
	assert_false(rt_pmtu(AF_INET6, &six, 1280, true)); /* enough of all */

	/* the path changes */
	mp_slices_finish();
	assert_string_equal(says("20.0.0.1"), "via 10.0.0.1 eth1");
	assert_int_equal(add("20.0.0.0/8", "10.0.0.2", NULL), 0);
	mp_slices_finish();
	assert_string_equal(says("20.0.0.1"), "via 10.0.0.2 eth1");
	assert_int_equal(rt_lookup(AF_INET, &near, 0, &r), 0);
	assert_int_equal(r.mtu, 1000);

	/* a host route of the administrator's has its own MTU back */
	assert_int_equal(add("20.0.0.7", "10.0.0.1", NULL), 0);
	far = addr("20.0.0.7");
	assert_true(rt_pmtu(AF_INET, &far, 1100, true));
	assert_int_equal(rt_lookup(AF_INET, &far, 0, &r), 0);
	assert_int_equal(r.mtu, 1100);
	assert_true(r.expire != 0);
	while (rt_expire_run(clock_ms + 9999, &next))
		continue;
	assert_int_equal(next, clock_ms + 10000);
	while (rt_expire_run(clock_ms + 10000, &next))
		continue;
	assert_int_equal(next, 0);
	assert_int_equal(rt_lookup(AF_INET, &far, 0, &r), 0);
	assert_int_equal(r.mtu, 1500);
	assert_string_equal(says("10.0.0.5"), "glean eth1");
	six.in6.s6_addr[15] = 1;
	assert_int_equal(rt_lookup(AF_INET6, &six, 0, &r), 0);
	assert_int_equal(r.mtu, 1500);

	/* one that goes by itself goes when it should */
	s = spec("20.0.0.8/32", p, "10.0.0.1", NULL);
	s.expire = clock_ms + 20000;
	assert_int_equal(rt_add(&s), 0);
	far = addr("20.0.0.8");
	assert_true(rt_pmtu(AF_INET, &far, 1100, true));
	assert_int_equal(rt_lookup(AF_INET, &far, 0, &r), 0);
	assert_int_equal(r.mtu, 1100);
	while (rt_expire_run(clock_ms + 20000, &next))
		continue;
	assert_int_equal(rt_lookup(AF_INET, &far, 0, &r), 0);
	assert_int_equal(r.plen, 8);

	assert_true(rt_pmtu(AF_INET, &near, 1000, false));
	assert_int_equal(rt_pmtu_setting(1, 0), 0);
	while (rt_expire_run(clock_ms, &next))
		continue;
	assert_string_equal(says("10.0.0.5"), "glean eth1");
}

/* Where a redirect has been, what the administrator says stays: his route does not go with the redirect's time. */
static void
test_redirect(void **state)
{
	struct rt_redirect rd = {.family = AF_INET,
	    .ifp = &eth1,
	    .from = addr("10.0.0.1"),
	    .dst = addr("20.0.0.1"),
	    .gateway = addr("10.0.0.3"),
	    .max = 4,
	    .expire = clock_ms + 1000};
	struct rt_path p[1];
	struct rt_spec s;
	uint64_t next;

	ifaddr_add(&eth1, "10.0.0.9/24", NULL);
	assert_int_equal(add("0.0.0.0/0", "10.0.0.1", NULL), 0);

	/* he leads a host route elsewhere that a redirect had modified */
	assert_int_equal(add("20.0.0.1/32", "10.0.0.1", NULL), 0);
	assert_int_equal(rt_redirect(&rd), DROP_COUNT);
	assert_string_equal(says("20.0.0.1"), "via 10.0.0.3 eth1");
	s = spec("20.0.0.1/32", p, "10.0.0.4", NULL);
	s.flags = s.flags_mask = RTF_STATIC;
	assert_int_equal(rt_change(&s), 0);
	while (rt_expire_run(clock_ms + 1000, &next))
		continue;
	assert_string_equal(says("20.0.0.1"), "via 10.0.0.4 eth1");

	/* he changes what a redirect made */
	rd.dst = addr("20.0.0.2");
	assert_int_equal(rt_redirect(&rd), DROP_COUNT);
	s = spec("20.0.0.2/32", p, NULL, NULL);
	s.mtu = 1400;
	s.flags = s.flags_mask = RTF_STATIC;
	assert_int_equal(rt_change(&s), 0);
	rd.from = addr("10.0.0.3");
	rd.gateway = addr("10.0.0.1");
	assert_int_equal(rt_redirect(&rd), DROP_COUNT);
	assert_string_equal(says("20.0.0.2"), "via 10.0.0.1 eth1");
	while (rt_expire_run(clock_ms + 1000, &next))
		continue;
	assert_string_equal(says("20.0.0.2"), "via 10.0.0.3 eth1");

	/* one that goes by itself is not led elsewhere for longer */
	s = spec("20.0.0.3/32", p, "10.0.0.1", NULL);
	s.expire = clock_ms + 500;
	assert_int_equal(rt_add(&s), 0);
	rd.from = addr("10.0.0.1");
	rd.dst = addr("20.0.0.3");
	rd.gateway = addr("10.0.0.3");
	assert_int_equal(rt_redirect(&rd), DROP_REDIRECT_ROUTE);
}

static uint32_t
gw_bucket(const union in_any *a, uint16_t ifindex) /* as gateway_ctl.c does it */
{
	uint64_t v[2] = {rt_key_make(AF_INET, a, 0).hi, rt_key_make(AF_INET, a, 0).lo};
	uint32_t h = AF_INET + 256u + ((uint32_t)ifindex << 9);

	for (unsigned i = 0; i < 2; i++) {
		v[i] = (v[i] ^ h) * 0x9E3779B97F4A7C15ull;
		h = (uint32_t)(v[i] ^ v[i] >> 32);
	}
	return h % 4096;
}

/* An interface goes: with a route that a redirect modified goes the administrator's gateway, which is next in the hash. */
static void
test_redirect_detach(void **state)
{
	struct rt_redirect rd = {
	    .family = AF_INET, .ifp = &eth1, .from = addr("10.0.0.1"), .dst = addr("20.0.0.1"), .max = 4};
	union in_any better = addr("10.0.0.2");
	struct ifaddr *a = ifaddr_add(&eth1, "10.0.0.9/16", NULL);
	struct rt_path p[1];
	struct rt_spec s;

	s = spec("20.0.0.1/32", p, "10.0.0.1", &eth1);
	s.flags = RTF_STATIC;
	assert_int_equal(rt_add(&s), 0);
	while (gw_bucket(&better, eth1.if_index) != gw_bucket(&rd.from, eth1.if_index))
		better.in4.s_addr = htonl(ntohl(better.in4.s_addr) + 1);
	assert_true(ntohl(better.in4.s_addr) >> 16 == 0x0a00);
	rd.gateway = better;
	assert_int_equal(rt_redirect(&rd), DROP_COUNT);
	set_up(&eth1, false);
	ifaddr_delete(a);
	rt_ifnet_detach(&eth1);
	assert_string_equal(says("20.0.0.1"), "none");
}

/* Moves faster than the FIB follows: what a next hop that is held led to is never what others have by then. */
static void
test_overflow(void **state)
{
	const unsigned n = 200;
	struct rt_path p;
	struct rt_spec s;
	char text[32];

	ifaddr_add(&eth1, "10.0.0.9/24", NULL);
	ifaddr_add(&eth2, "10.1.0.9/24", NULL);
	for (unsigned i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "50.%u.0.0/16", i);
		assert_int_equal(add(text, "9.0.0.1", NULL), -ENETUNREACH);
	}
	assert_int_equal(add("9.0.0.0/8", NULL, &eth1), 0);
	for (unsigned i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "50.%u.0.0/16", i);
		assert_int_equal(add(text, "9.0.0.1", NULL), 0);
	}
	/* no slice runs in between */
	for (unsigned i = 0; i < 40; i++) {
		s = spec("9.0.0.0/8", &p, NULL, i % 2 == 0 ? &eth2 : &eth1);
		assert_int_equal(rt_change(&s), 0);
		if (i % 5 == 4) {
			set_up(&eth1, i % 10 == 9);
			set_up(&eth2, i % 10 != 9);
		}
		double_poll();
		assert_string_equal(says("50.7.1.1"), says("50.150.1.1"));
	}
	set_up(&eth1, true);
	set_up(&eth2, true);
	assert_string_equal(says("50.150.1.1"), "via 9.0.0.1 eth1");
	mp_slices_finish();
	for (unsigned i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "50.%u.9.9", i);
		assert_string_equal(says(text), "via 9.0.0.1 eth1");
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_netbsd),
	    TEST(test_addresses),
	    TEST(test_gateways),
	    TEST(test_multipath),
	    TEST(test_detach),
	    TEST(test_neighbours),
	    TEST(test_recycled),
	    TEST(test_lookup),
	    TEST(test_random),
	    TEST(test_many),
	    TEST(test_elsewhere),
	    TEST(test_many_paths),
	    TEST(test_many_gone),
	    TEST(test_many_leaving),
	    TEST(test_cursor),
	    TEST(test_mtu),
	    TEST(test_pmtu),
	    TEST(test_redirect),
	    TEST(test_redirect_detach),
	    TEST(test_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
