/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces shown: the object of if.list, and the command lines of config.save. */
#include "if/ifnet.h"
#include "if/if_var.h"
#include "ip/ingress_ctl.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* NetBSD's IFFBITS, by bit */
static const char *const if_flag_names[16] = {"UP", "BROADCAST", "DEBUG", "LOOPBACK", "POINTOPOINT", "UNNUMBERED",
    "RUNNING", "NOARP", "PROMISC", "ALLMULTI", "OACTIVE", "SIMPLEX", "LINK0", "LINK1", "LINK2", "MULTICAST"};

/* Flags of addresses: NetBSD's bits (IN_IFF_*, IN6_IFF_*; 0: the family has none), in the order of IN6_IFFBITS. */
static const struct {
	uint32_t flag, in4, in6;
	const char *name;
} ifa_flags[] = {
    {IFA_ANYCAST, 0, 0x01, "ANYCAST"},
    {IFA_TENTATIVE, 0x01, 0x02, "TENTATIVE"},
    {IFA_DUPLICATED, 0x02, 0x04, "DUPLICATED"},
    {IFA_DETACHED, 0x04, 0x08, "DETACHED"},
    {IFA_DEPRECATED, 0, 0x10, "DEPRECATED"},
    {IFA_AUTOCONF, 0, 0x40, "AUTOCONF"},
    {IFA_TEMPORARY, 0, 0x80, "TEMPORARY"},
};

static void
set_address(json_t *o, const char *name, const struct ifaddr *ifa, const union in_any *addr)
{
	char text[INET6_ADDRSTRLEN + IFNAMSIZ_SMP + 1];

	inet_ntop(ifa->ifa_family, addr, text, INET6_ADDRSTRLEN);
	if (ifa->ifa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&addr->in6)) {
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, "%%%s", ifa->ifa_ifp->if_xname);
	}
	json_object_set_new(o, name, json_string(text));
}

/* Whole seconds left, 0xffffffff for ever. */
static json_t *
seconds_left(uint64_t end)
{
	uint64_t now = mp_now_ms();

	if (end == UINT64_MAX)
		return json_integer(0xffffffffLL);
	return json_integer(end <= now ? 0 : (json_int_t)((end - now + 999) / 1000));
}

static json_t *
ifa_json(const struct ifaddr *ifa)
{
	json_t *o = json_object(), *flags = json_array();
	bool v6 = ifa->ifa_family == AF_INET6;
	uint32_t bits = 0;

	json_object_set_new(o, "family", json_string(v6 ? "inet6" : "inet"));
	set_address(o, "address", ifa, &ifa->ifa_addr);
	json_object_set_new(o, "plen", json_integer(ifa->ifa_plen));
	if (ifa->ifa_has_dst)
		set_address(o, "peer", ifa, &ifa->ifa_dst);
	if (ifa->ifa_has_brd)
		set_address(o, "broadcast", ifa, &ifa->ifa_brd);
	for (unsigned i = 0; i < sizeof(ifa_flags) / sizeof(ifa_flags[0]); i++) {
		uint32_t bit = v6 ? ifa_flags[i].in6 : ifa_flags[i].in4;

		if (!(ifa->ifa_flags & ifa_flags[i].flag) || bit == 0)
			continue;
		bits |= bit;
		json_array_append_new(flags, json_string(ifa_flags[i].name));
	}
	json_object_set_new(o, "flags", flags);
	json_object_set_new(o, "flagbits", json_integer(bits));
	if (v6) {
		if (IN6_IS_ADDR_LINKLOCAL(&ifa->ifa_addr.in6))
			json_object_set_new(o, "scopeid", json_integer(ifa->ifa_ifp->if_index));
		json_object_set_new(o, "pltime", seconds_left(ifa->ifa_preferred));
		json_object_set_new(o, "vltime", seconds_left(ifa->ifa_valid));
	}
	return o;
}

static json_t *
lladdr_json(uint64_t word)
{
	const uint8_t *a = (const uint8_t *)&word;
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5]);
	return json_string(text);
}

/* The link addresses that are not in use, the device's own first; NULL: none */
static json_t *
idle_lladdrs(const struct ifnet *ifp)
{
	json_t *list = NULL;
	struct if_lladdr *l;

	if (ifp->if_hwaddr != 0 && ifp->if_hwaddr != ifp->if_lladdr)
		list = json_pack("[o]", lladdr_json(ifp->if_hwaddr));
	TAILQ_FOREACH (l, &ifp->if_lladdrs, list) {
		if (l->word == ifp->if_lladdr)
			continue;
		if (list == NULL)
			list = json_array();
		json_array_append_new(list, lladdr_json(l->word));
	}
	return list;
}

static json_t *
stats_json(const struct ifnet *ifp)
{
	const struct if_stats *z = &ifp->if_zero;
	struct if_stats s;
	json_t *o = json_object();

	if_stats_sum(ifp, &s);
#define STAT(name) json_object_set_new(o, #name, json_integer((json_int_t)(s.name - z->name)))
	STAT(ipackets);
	STAT(ibytes);
	STAT(imcasts);
	STAT(ierrors);
	STAT(idrops);
	STAT(noproto);
	STAT(opackets);
	STAT(obytes);
	STAT(omcasts);
	STAT(oerrors);
	STAT(odrops);
	STAT(collisions);
#undef STAT
	return o;
}

/*
 * => control; the object of doc/protocol.md, a new reference
 */
json_t *
if_json(struct ifnet *ifp)
{
	static const char *const types[] = {"ether", "loop", "tunnel"}, *const links[] = {"unknown", "down", "up"};
	json_t *o = json_object(), *names = json_array(), *addresses = json_array(), *idle;
	uint32_t flags = ifp->if_flags;
	uint64_t lladdr = ifp->if_lladdr;
	struct ifaddr *ifa;
	char text[32];

	ASSERT_CONTROL();
	json_object_set_new(o, "name", json_string(ifp->if_xname));
	json_object_set_new(o, "index", json_integer(ifp->if_index));
	json_object_set_new(o, "flags", json_integer(flags));
	for (unsigned i = 0; i < 16; i++)
		if (flags & (1u << i))
			json_array_append_new(names, json_string(if_flag_names[i]));
	json_object_set_new(o, "flagnames", names);
	json_object_set_new(o, "mtu", json_integer(ifp->if_mtu));
	json_object_set_new(o, "metric", json_integer(ifp->if_metric));
	json_object_set_new(o, "urpf", json_string(ip_urpf_word(ifp)));
	json_object_set_new(o, "type", json_string(types[ifp->if_type]));
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(ifp->if_xname, "0123456789"), ifp->if_xname);
	json_object_set_new(o, "kind", json_string(text));
	if (lladdr != 0)
		json_object_set_new(o, "lladdr", lladdr_json(lladdr));
	if ((idle = idle_lladdrs(ifp)) != NULL)
		json_object_set_new(o, "lladdrs", idle);
	json_object_set_new(o, "linkstate", json_string(links[ifp->if_linkstate]));
	json_object_set_new(o, "capabilities", json_array());
	if (ifp->if_ops->status != NULL)
		ifp->if_ops->status(ifp, o);
	json_object_set_new(o, "stats", stats_json(ifp));
	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
		json_array_append_new(addresses, ifa_json(ifa));
	json_object_set_new(o, "addresses", addresses);
	return o;
}

struct saver {
	void (*line)(void *, const char *);
	void *arg;
	struct ifnet *ifp;
};

static void __attribute__((format(printf, 2, 3))) save(const struct saver *s, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n = snprintf(text, sizeof(text), "ifconfig %s ", s->ifp->if_xname);

	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
	s->line(s->arg, text);
}

static void
save_address(const struct saver *s, const struct ifaddr *ifa, bool alias)
{
	char addr[INET6_ADDRSTRLEN], peer[INET6_ADDRSTRLEN + 1] = "", more[128] = "";
	struct ifaddr implied = *ifa;

	inet_ntop(ifa->ifa_family, &ifa->ifa_addr, addr, sizeof(addr));
	if (ifa->ifa_has_dst) {
		peer[0] = ' ';
		inet_ntop(ifa->ifa_family, &ifa->ifa_dst, peer + 1, sizeof(peer) - 1);
	}
	if (ifa->ifa_family == AF_INET) {
		implied.ifa_has_brd = false;
		if_addr_default_broadcast(s->ifp, &implied);
		if (ifa->ifa_has_brd &&
		    (!implied.ifa_has_brd || implied.ifa_brd.in4.s_addr != ifa->ifa_brd.in4.s_addr)) {
			char brd[INET_ADDRSTRLEN];

			inet_ntop(AF_INET, &ifa->ifa_brd, brd, sizeof(brd));
			snprintf(more, sizeof(more), " broadcast %s", brd);
		}
		save(s, "inet %s/%u%s%s%s", addr, ifa->ifa_plen, peer, more, alias ? " alias" : "");
		return;
	}
	if (ifa->ifa_valid != UINT64_MAX || ifa->ifa_preferred != UINT64_MAX) {
		json_t *p = seconds_left(ifa->ifa_preferred), *v = seconds_left(ifa->ifa_valid);

		snprintf(more, sizeof(more), " pltime %lld vltime %lld", (long long)json_integer_value(p),
		    (long long)json_integer_value(v));
		json_decref(p);
		json_decref(v);
	}
	save(s, "inet6 %s/%u%s%s%s%s%s", addr, ifa->ifa_plen, peer, ifa->ifa_flags & IFA_ANYCAST ? " anycast" : "",
	    ifa->ifa_user_deprecated ? " deprecated" : "", more, alias ? " alias" : "");
}

static void
save_lladdr(const struct saver *s, uint64_t word, const char *active)
{
	json_t *text = lladdr_json(word);

	save(s, "link %s%s", json_string_value(text), active);
	json_decref(text);
}

static void
save_interface(const struct saver *s)
{
	static const struct {
		uint32_t flag;
		const char *word;
	} words[] = {{IFF_SMP_NOARP, "-arp"}, {IFF_SMP_DEBUG, "debug"}, {IFF_SMP_LINK0, "link0"},
	    {IFF_SMP_LINK1, "link1"}, {IFF_SMP_LINK2, "link2"}};
	struct ifnet *ifp = s->ifp;
	bool up = ifp->if_flags & IFF_SMP_UP, addressed = false, had[2] = {false, false};
	struct if_lladdr *l;
	struct ifaddr *ifa;

	if (ifp->if_ops->save != NULL)
		ifp->if_ops->save(ifp, s->line, s->arg);
	if (ifp->if_user_mtu)
		save(s, "mtu %u", ifp->if_mtu);
	if (ifp->if_metric != 0)
		save(s, "metric %u", ifp->if_metric);
	TAILQ_FOREACH (l, &ifp->if_lladdrs, list)
		if (l->word != ifp->if_lladdr)
			save_lladdr(s, l->word, "");
	if (ifp->if_user_lladdr)
		save_lladdr(s, ifp->if_lladdr, " active");
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (ifp->if_flags & words[i].flag)
			save(s, "%s", words[i].word);
	if (ifp->if_user_promisc)
		save(s, "promisc");
	if (ifp->if_urpf != IF_URPF_OFF)
		save(s, "urpf %s", ip_urpf_word(ifp));
	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list) {
		bool *alias = &had[ifa->ifa_family == AF_INET6];

		if (ifa->ifa_flags & (IFA_LINKLOCAL | IFA_INTERNAL | IFA_AUTOCONF))
			continue;
		save_address(s, ifa, *alias);
		*alias = addressed = true;
	}
	if (ifp->if_type == IFT_SMP_LOOP && strcmp(ifp->if_xname, "lo0") == 0) {
		if (!up)
			save(s, "down"); /* it starts up */
	} else if (up || addressed)
		save(s, up ? "up" : "down");
}

void
if_config_save(void (*line)(void *, const char *), void *arg)
{
	struct saver s = {.line = line, .arg = arg};

	ASSERT_CONTROL();
	TAILQ_FOREACH (s.ifp, &ifnet_list, if_list)
		save_interface(&s);
}
