/* SPDX-License-Identifier: BSD-2-Clause */
/* The control protocol's methods about routers, prefixes and interfaces of neighbour discovery (nd.*). */
/*
 * Synchronization: control only.
 * Lifetime: results belong to the caller.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ether/neigh_var.h"
#include "ip6/ip6_var.h"
#include "ip6/nd6_var.h"

/* In the order in which ndp shows them */
static const struct {
	uint32_t flag;
	const char *name;
} nd_flags[] = {
    {ND_IF_PERFORMNUD, "nud"},
    {ND_IF_ACCEPT_RTADV, "accept_rtadv"},
    {ND_IF_OVERRIDE_RTADV, "override_rtadv"},
    {ND_IF_AUTO_LINKLOCAL, "auto_linklocal"},
    {ND_IF_PREFER_SOURCE, "prefer_source"},
};
#define ND_SETTABLE (ND_IF_PERFORMNUD | ND_IF_ACCEPT_RTADV | ND_IF_OVERRIDE_RTADV | ND_IF_AUTO_LINKLOCAL)

static struct ifnet *
nd_interface_of(struct ctl_req *req, json_t *params)
{
	const char *name = json_string_value(json_object_get(params, "interface"));
	struct ifnet *ifp = ifnet_by_name(name);

	if (ifp == NULL)
		(void)ctl_error(req, ENXIO, "%s: no such interface", name);
	return ifp;
}

static int
nd_interface(struct ctl_req *req, json_t *params, json_t **result)
{
	const struct ifnet *ifp = nd_interface_of(req, params);
	json_t *flags = json_array();
	const struct nd_ifinfo *info;

	ASSERT_CONTROL();
	if (ifp == NULL) {
		json_decref(flags);
		return -ENXIO;
	}
	info = nd_ifinfo(ifp);
	for (unsigned i = 0; i < RTE_DIM(nd_flags); i++)
		if (info->flags & nd_flags[i].flag)
			json_array_append_new(flags, json_string(nd_flags[i].name));
	*result = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:o}", "linkmtu", (int)info->linkmtu, "maxmtu",
	    (int)ifp->if_mtu, "hoplimit", (int)info->curhlim, "basereachable", (int)info->basereachable, "reachable",
	    (int)info->reachable, "retrans", (int)info->retrans, "flags", flags);
	return *result != NULL ? 0 : -ENOMEM;
}

/* The names in the array as flags; 0 or -EINVAL */
static int
nd_flag_words(struct ctl_req *req, const json_t *words, uint32_t *flags)
{
	const json_t *word;
	size_t i;

	*flags = 0;
	json_array_foreach (words, i, word) {
		const char *name = json_is_string(word) ? json_string_value(word) : "";
		unsigned k = 0;

		while (k < RTE_DIM(nd_flags) && strcmp(nd_flags[k].name, name) != 0)
			k++;
		if (k == RTE_DIM(nd_flags) || !(nd_flags[k].flag & ND_SETTABLE))
			return ctl_error(req, EINVAL, "%s: not a flag that can be set", name);
		*flags |= nd_flags[k].flag;
	}
	return 0;
}

static int
nd_number(struct ctl_req *req, json_t *params, const char *name, int64_t min, int64_t max, uint32_t *value)
{
	const json_t *v = json_object_get(params, name);

	if (v == NULL)
		return 0;
	if (json_integer_value(v) < min || json_integer_value(v) > max)
		return ctl_error(req, EINVAL, "%s: %lld is not in %lld to %lld", name, (long long)json_integer_value(v),
		    (long long)min, (long long)max);
	*value = (uint32_t)json_integer_value(v);
	return 0;
}

static int
nd_interface_set(struct ctl_req *req, json_t *params, json_t **result)
{
	struct ifnet *ifp = nd_interface_of(req, params);
	struct nd_values v = {0};
	uint32_t set, clear;
	struct nd_if *n;
	int error;

	ASSERT_CONTROL();
	if (ifp == NULL)
		return -ENXIO;
	if ((error = nd_flag_words(req, json_object_get(params, "set"), &set)) != 0 ||
	    (error = nd_flag_words(req, json_object_get(params, "clear"), &clear)) != 0 ||
	    (error = nd_number(req, params, "basereachable", 1, ND_RA_MAXREACHABLE, &v.basereachable)) != 0 ||
	    (error = nd_number(req, params, "retrans", 10, 60000, &v.retrans)) != 0 ||
	    (error = nd_number(req, params, "curhlim", 1, 255, &v.curhlim)) != 0)
		return error;
	if ((n = nd_if_get(ifp)) == NULL)
		return -ENOMEM;
	n->mask |= set | clear;
	n->flags = (n->flags | set) & ~clear;
	if (v.basereachable != 0) {
		n->user.basereachable = v.basereachable;
		n->learned.basereachable = 0;
	}
	if (v.retrans != 0) {
		n->user.retrans = v.retrans;
		n->learned.retrans = 0;
	}
	if (v.curhlim != 0) {
		n->user.curhlim = v.curhlim;
		n->learned.curhlim = 0;
		ip6_ifaddr_changed(ifp);
	}
	if (set & (ND_IF_ACCEPT_RTADV | ND_IF_OVERRIDE_RTADV))
		nd6_solicit_start(ifp);
	return 0;
}

void
nd6_config_save(void (*line)(void *, const char *), void *arg)
{
	struct ifnet *ifp;

	ASSERT_CONTROL();
	TAILQ_FOREACH (ifp, &ifnet_list, if_list) {
		const struct nd_if *n = nd_if_find(ifp);
		char text[256];
		size_t k, start;

		if (n == NULL)
			continue;
		start = k = (size_t)snprintf(text, sizeof(text), "ndp -i %s", ifp->if_xname);
		for (unsigned i = 0; i < RTE_DIM(nd_flags); i++)
			if (n->mask & nd_flags[i].flag)
				k += (size_t)snprintf(text + k, sizeof(text) - k, " %s%s",
				    n->flags & nd_flags[i].flag ? "" : "-", nd_flags[i].name);
		if (n->user.basereachable != 0)
			k += (size_t)snprintf(text + k, sizeof(text) - k, " basereachable=%u", n->user.basereachable);
		if (n->user.retrans != 0)
			k += (size_t)snprintf(text + k, sizeof(text) - k, " retrans=%u", n->user.retrans);
		if (n->user.curhlim != 0)
			k += (size_t)snprintf(text + k, sizeof(text) - k, " curhlim=%u", n->user.curhlim);
		if (k > start)
			line(arg, text);
	}
}

static json_t *
nd_seconds(uint32_t seconds)
{
	return seconds == ND_RA_INFINITE ? json_null() : json_integer(seconds);
}

static void
nd_prefix_text(const struct ifnet *ifp, const struct in6_addr *addr, unsigned plen, char *text, size_t len)
{
	union in_any net = {.in6 = *addr};
	char host[NEIGH_ADDRSTR];

	for (unsigned i = plen; i < 128; i++)
		net.in6.s6_addr[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
	neigh_addr_string(AF_INET6, &net, ifp, host, sizeof(host));
	snprintf(text, len, "%s/%u", host, plen);
}

static json_t *
nd_prefix_routers(const struct nd_if *n, const struct nd_prefix *p)
{
	json_t *list = json_array();
	const struct nd_router *r;

	TAILQ_FOREACH (r, &nd_routers, list) {
		union in_any addr = {.in6 = r->addr};
		const struct neigh *near = neigh_find(r->ifp, AF_INET6, &addr, false);
		char text[NEIGH_ADDRSTR];

		if (r->ifp != n->ifp || (p->routers >> r->slot & 1) == 0)
			continue;
		neigh_addr_string(AF_INET6, &addr, r->ifp, text, sizeof(text));
		json_array_append_new(list, json_pack("{s:s, s:s}", "address", text, "state",
						near == NULL		  ? "no neighbor state"
						: nd6_router_reachable(r) ? "reachable"
									  : "unreachable"));
	}
	return list;
}

static json_t *
nd_learned_json(const struct nd_if *n, const struct nd_prefix *p)
{
	char prefix[NEIGH_ADDRSTR + 8], flags[8];
	const struct ifaddr *ifa;
	int ref = 0;

	TAILQ_FOREACH (ifa, &n->ifp->if_addrs, ifa_list)
		ref += ifa->ifa_family == AF_INET6 && (ifa->ifa_flags & IFA_AUTOCONF) != 0 &&
		       neigh_in_prefix(&ifa->ifa_addr, (const union in_any *)&p->said.prefix, p->said.plen);
	nd_prefix_text(n->ifp, &p->said.prefix, p->said.plen, prefix, sizeof(prefix));
	snprintf(flags, sizeof(flags), "%s%s%s%s", p->said.onlink ? "L" : "", p->said.autoconf ? "A" : "",
	    p->said.onlink && !p->detached ? "O" : "", p->detached ? "D" : "");
	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:i, s:o}", "prefix", prefix, "interface", n->ifp->if_xname,
	    "flags", flags, "vltime", nd_seconds(p->said.valid), "pltime", nd_seconds(p->said.preferred), "expire",
	    nd_seconds(nd_left(mp_now_ms(), p->valid)), "ref", ref, "routers", nd_prefix_routers(n, p));
}

/* The prefix of an address of ours, unless it is among those advertised */
static json_t *
nd_own_json(struct ifnet *ifp, const struct ifaddr *ifa)
{
	bool local = IN6_IS_ADDR_LINKLOCAL(&ifa->ifa_addr.in6);
	struct nd_if *n = nd_if_find(ifp);
	const struct nd_prefix *p = n != NULL ? nd6_prefix_of(n, ifa) : NULL;
	char prefix[NEIGH_ADDRSTR + 8];

	if ((ifa->ifa_flags & (IFA_UNLISTED | IFA_AUTOCONF)) != 0 || p != NULL)
		return NULL;
	nd_prefix_text(ifp, &ifa->ifa_addr.in6, ifa->ifa_plen, prefix, sizeof(prefix));
	return json_pack("{s:s, s:s, s:s, s:n, s:n, s:n, s:i, s:[]}", "prefix", prefix, "interface", ifp->if_xname,
	    "flags", local ? "LAO" : "LO", "vltime", "pltime", "expire", "ref", local ? 0 : 1, "routers");
}

/* Advertised ones, then those of our own addresses, in NetBSD's order. */
static int
nd_prefixes(struct ctl_req *req, json_t *params, json_t **result)
{
	const struct nd_prefix *p;
	struct ifaddr *ifa;
	struct ifnet *ifp;

	ASSERT_CONTROL();
	*result = json_array();
	TAILQ_FOREACH_REVERSE(ifp, &ifnet_list, ifnet_head, if_list)
	{
		const struct nd_if *n = nd_if_find(ifp);

		if (n != NULL)
			TAILQ_FOREACH (p, &n->prefixes, list)
				json_array_append_new(*result, nd_learned_json(n, p));
		for (unsigned local = 0; local < 2; local++)
			TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
				if (ifa->ifa_family == AF_INET6 && ifa->ifa_plen < 128 &&
				    (unsigned)IN6_IS_ADDR_LINKLOCAL(&ifa->ifa_addr.in6) == local)
					json_array_append_new(*result, nd_own_json(ifp, ifa));
	}
	return 0;
}

static int
nd_routers_method(struct ctl_req *req, json_t *params, json_t **result)
{
	static const char *const preferences[] = {"low", "medium", "high"};
	const struct nd_router *r;
	uint64_t now = mp_now_ms();

	ASSERT_CONTROL();
	*result = json_array();
	TAILQ_FOREACH (r, &nd_routers, list) {
		union in_any addr = {.in6 = r->addr};
		char text[NEIGH_ADDRSTR], flags[4];
		json_t *resolvers = json_array();

		for (unsigned i = 0; i < r->nrdnss; i++) {
			char host[NEIGH_ADDRSTR];

			neigh_addr_string(AF_INET6, (const union in_any *)&r->rdnss[i], r->ifp, host, sizeof(host));
			json_array_append_new(resolvers, json_string(host));
		}
		neigh_addr_string(AF_INET6, &addr, r->ifp, text, sizeof(text));
		snprintf(flags, sizeof(flags), "%s%s", r->flags & ND_RA_F_MANAGED ? "M" : "",
		    r->flags & ND_RA_F_OTHER ? "O" : "");
		json_array_append_new(
		    *result, json_pack("{s:s, s:s, s:s, s:s, s:o, s:b, s:b, s:o}", "address", text, "interface",
				 r->ifp->if_xname, "flags", flags, "preference", preferences[r->preference + 1],
				 "expire", nd_seconds(nd_left(now, r->expire)), "reachable", nd6_router_reachable(r),
				 "default", r == nd6_router_installed(), "resolvers", resolvers));
	}
	return 0;
}

/* As in NetBSD all prefixes leave the list, and the addresses that were made of advertised ones go; routers stay. */
static int
nd_flush_prefixes(struct ctl_req *req, json_t *params, json_t **result)
{
	struct ifaddr *ifa, *next;
	struct ifnet *ifp;
	struct nd_if *n;

	ASSERT_CONTROL();
	TAILQ_FOREACH (ifp, &ifnet_list, if_list) {
		for (ifa = TAILQ_FIRST(&ifp->if_addrs); ifa != NULL; ifa = next) {
			next = TAILQ_NEXT(ifa, ifa_list);
			if (ifa->ifa_family != AF_INET6)
				continue;
			ifa->ifa_flags |= IFA_UNLISTED;
			if (ifa->ifa_flags & IFA_AUTOCONF)
				(void)if_addr_delete(ifp, AF_INET6, &ifa->ifa_addr);
		}
		if ((n = nd_if_find(ifp)) != NULL)
			nd6_prefix_flush(n);
	}
	return 0;
}

static int
nd_flush_routers(struct ctl_req *req, json_t *params, json_t **result)
{
	ASSERT_CONTROL();
	nd6_router_flush(NULL);
	return 0;
}

static int
nd_harmonize(struct ctl_req *req, json_t *params, json_t **result)
{
	ASSERT_CONTROL();
	nd6_router_select(false);
	return 0;
}

static const struct ctl_param no_params[] = {{NULL, NULL}};
static const struct ctl_param interface_params[] = {{"interface", "string"}, {NULL, NULL}};
static const struct ctl_param set_params[] = {{"interface", "string"}, {"set", "array?"}, {"clear", "array?"},
    {"basereachable", "int?"}, {"retrans", "int?"}, {"curhlim", "int?"}, {NULL, NULL}};

const struct ctl_method nd_methods[] = {
    {"nd.interface", nd_interface, interface_params, "neighbour discovery's variables of an interface"},
    {"nd.interface.set", nd_interface_set, set_params, "sets them"},
    {"nd.prefixes", nd_prefixes, no_params, "IPv6 prefixes on links"},
    {"nd.routers", nd_routers_method, no_params, "routers heard of"},
    {"nd.flush_prefixes", nd_flush_prefixes, no_params, "forgets advertised prefixes, and the addresses made of them"},
    {"nd.flush_routers", nd_flush_routers, no_params, "forgets advertised routers"},
    {"nd.harmonize", nd_harmonize, no_params, "the default route follows the advertised routers"},
    {NULL, NULL, NULL, NULL},
};
