/* SPDX-License-Identifier: BSD-2-Clause */
/* The control protocol's neighbour methods (neigh.*, nd.*). */
/*
 * Synchronization: control only.
 * Lifetime: results belong to the caller.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ether/neigh.h"
#include "ether/neigh_var.h"
#include "route/route.h"

#define NEIGH_TEMP_MS (20 * 60 * 1000) /* arp -s ... temp */

void
neigh_lladdr_string(const uint8_t *a, char *buf)
{
	snprintf(buf, NEIGH_MACSTR, "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* => the zone is written where the address is link-local and ifp is given */
void
neigh_addr_string(int family, const union in_any *addr, const struct ifnet *ifp, char *buf, size_t len)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(family, addr, text, sizeof(text));
	if (ifp != NULL && neigh_is_linklocal(family, addr))
		snprintf(buf, len, "%s%%%s", text, ifp->if_xname);
	else
		snprintf(buf, len, "%s", text);
}

static bool
neigh_lladdr_parse(const char *s, uint8_t *a)
{
	unsigned v[ETHER_ADDRLEN];
	char end;

	/* digits and colons only: sscanf takes signs and blanks too */
	if (s[strspn(s, "0123456789abcdefABCDEF:")] != '\0' ||
	    sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%c", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &end) != ETHER_ADDRLEN)
		return false;
	for (unsigned i = 0; i < ETHER_ADDRLEN; i++)
		a[i] = (uint8_t)v[i];
	return true;
}

/* => control; the words that name a neighbour: family, address (with a zone), interface, each may be NULL.  0 or -errno
 * with the error set. */
int
neigh_parse(struct ctl_req *req, const char *fam, const char *text, const char *name, struct neigh_name *out)
{
	char host[INET6_ADDRSTRLEN + IFNAMSIZ_SMP + 1];
	char *zone;

	ASSERT_CONTROL();
	memset(out, 0, sizeof(*out));
	if (fam != NULL) {
		if (strcmp(fam, "inet") == 0)
			out->family = AF_INET;
		else if (strcmp(fam, "inet6") == 0)
			out->family = AF_INET6;
		else
			return ctl_error(req, EINVAL, "family: %s: neither inet nor inet6", fam);
	}
	if (name != NULL) {
		out->ifp = ifnet_by_name(name);
		if (out->ifp == NULL)
			return ctl_error(req, ENXIO, "%s: no such interface", name);
	}
	if (text == NULL)
		return 0;
	if (out->family == AF_UNSPEC)
		out->family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	snprintf(host, sizeof(host), "%s", text);
	zone = out->family == AF_INET6 ? strchr(host, '%') : NULL;
	if (zone != NULL) {
		*zone++ = '\0';
		if (out->ifp == NULL)
			out->ifp = ifnet_by_name(zone);
		if (out->ifp == NULL)
			return ctl_error(req, ENXIO, "%s: no such interface", zone);
	}
	if (strlen(text) >= sizeof(host) || inet_pton(out->family, host, &out->addr) != 1)
		return ctl_error(req, EINVAL, "address: %s: not an address", text);
	out->has_addr = true;
	return 0;
}

/* => control; the same as a method's parameters */
int
neigh_params(struct ctl_req *req, json_t *params, struct neigh_name *out)
{
	return neigh_parse(req, json_string_value(json_object_get(params, "family")),
	    json_string_value(json_object_get(params, "address")),
	    json_string_value(json_object_get(params, "interface")), out);
}

/* The Ethernet interface with the longest prefix that covers the address: where it would be a neighbour. */
static struct ifnet *
neigh_covering(int family, const union in_any *addr)
{
	struct ifnet *ifp, *best = NULL;
	struct ifaddr *ifa;
	int best_plen = -1;

	TAILQ_FOREACH (ifp, &ifnet_list, if_list) {
		if (ifp->if_type != IFT_SMP_ETHER)
			continue;
		TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
			if (ifa->ifa_family == family && !ifa->ifa_has_dst && ifa->ifa_plen > best_plen &&
			    neigh_in_prefix(addr, &ifa->ifa_addr, ifa->ifa_plen)) {
				best = ifp;
				best_plen = ifa->ifa_plen;
			}
	}
	return best;
}

/* => control; a static entry, flags NEIGH_F_TEMP, PUB, PROXY; 0 or -errno with the error set */
int
neigh_add_static(struct ctl_req *req, const struct neigh_name *name, const char *text, const char *mac, unsigned flags)
{
	bool pub = flags & NEIGH_F_PUB, proxy = flags & NEIGH_F_PROXY;
	int family = name->family;
	const union in_any *addr = &name->addr;
	struct ifnet *ifp = name->ifp;
	uint8_t lladdr[ETHER_ADDRLEN];
	struct rt_result rt;
	struct neigh *n;

	ASSERT_CONTROL();
	if (!neigh_lladdr_parse(mac, lladdr))
		return ctl_error(req, EINVAL, "lladdr: %s: not a link address", mac);
	if (ether_is_group(lladdr))
		return ctl_error(req, EINVAL, "lladdr: %s: a group address", mac);
	if ((family == AF_INET && (IN_MULTICAST(ntohl(addr->in4.s_addr)) || addr->in4.s_addr == INADDR_ANY)) ||
	    (family == AF_INET6 && (IN6_IS_ADDR_MULTICAST(&addr->in6) || IN6_IS_ADDR_UNSPECIFIED(&addr->in6))))
		return ctl_error(req, EINVAL, "%s: not the address of a host", text);
	if (pub && !proxy && family != AF_INET)
		return ctl_error(req, EOPNOTSUPP, "IPv6 addresses are published by proxy alone");
	if (ifp == NULL) {
		if (neigh_is_linklocal(family, addr))
			return ctl_error(req, EINVAL, "%s: which interface? (%s%%IF)", text, text);
		if (!pub && !proxy && rt_lookup(family, addr, 0, &rt) == 0 && !rt.has_gw)
			ifp = rt.ifp;
		if (ifp == NULL || ifp->if_type != IFT_SMP_ETHER)
			ifp = neigh_covering(family, addr);
		if (ifp == NULL)
			return ctl_error(req, ENETUNREACH, "cannot intuit interface index and type for %s", text);
	}
	if (ifp->if_type != IFT_SMP_ETHER)
		return ctl_error(req, EINVAL, "%s: not Ethernet", ifp->if_xname);
	if (neigh_own(ifp, family, addr) != NULL)
		return ctl_error(req, EEXIST, "%s: an address of this router", text);
	if (atomic_load_explicit(&ifp->if_dead, memory_order_relaxed))
		return ctl_error(req, ENXIO, "%s: being destroyed", ifp->if_xname);

	n = neigh_find(ifp, family, addr, proxy);
	if (n != NULL && n->n_state == NEIGH_PERMANENT)
		return ctl_error(req, EEXIST, "%s: File exists", text);
	if (n == NULL)
		n = neigh_create(ifp, family, addr, proxy);
	if (n == NULL)
		return ctl_error(req, ENOBUFS, "%s: the neighbour cache is full (sysctl %s)", text,
		    name->family == AF_INET ? "net.inet.arp.maxentries" : "net.inet6.ip6.neighborgcthresh");
	neigh_set_published(n, pub || proxy);
	nud_permanent(n, lladdr, flags & NEIGH_F_TEMP ? neigh_clock() + NEIGH_TEMP_MS : 0);
	return 0;
}

static int
neigh_add(struct ctl_req *req, json_t *params, json_t **result)
{
	struct neigh_name name;
	int error;

	ASSERT_CONTROL();
	error = neigh_params(req, params, &name);
	if (error != 0)
		return error;
	return neigh_add_static(req, &name, json_string_value(json_object_get(params, "address")),
	    json_string_value(json_object_get(params, "lladdr")),
	    (json_is_true(json_object_get(params, "temp")) ? NEIGH_F_TEMP : 0) |
		(json_is_true(json_object_get(params, "pub")) ? NEIGH_F_PUB : 0) |
		(json_is_true(json_object_get(params, "proxy")) ? NEIGH_F_PROXY : 0));
}

/* => control; forgets the address, on one interface or on all; 0 or -ENOENT with the error set */
int
neigh_delete_named(struct ctl_req *req, const struct neigh_name *name, const char *text)
{
	unsigned found = 0;
	struct ifnet *ifp;

	ASSERT_CONTROL();
	TAILQ_FOREACH (ifp, &ifnet_list, if_list) {
		if (name->ifp != NULL && name->ifp != ifp)
			continue;
		for (unsigned proxy = 0; proxy < 2; proxy++) {
			struct neigh *n = neigh_find(ifp, name->family, &name->addr, proxy != 0);

			if (n == NULL || n->n_state == NEIGH_NONE)
				continue;
			neigh_delete(n, DROP_NEIGH_FLUSHED);
			found++;
		}
	}
	return found != 0 ? 0 : ctl_error(req, ENOENT, "%s: no entry", text);
}

static int
neigh_delete_method(struct ctl_req *req, json_t *params, json_t **result)
{
	struct neigh_name name;
	int error;

	ASSERT_CONTROL();
	error = neigh_params(req, params, &name);
	return error != 0 ? error
			  : neigh_delete_named(req, &name, json_string_value(json_object_get(params, "address")));
}

static const struct ctl_param list_params[] = {{"family", "string?"}, {"interface", "string?"}, {"address", "string?"},
    {"limit", "int?"}, {"after", "string?"}, {NULL, NULL}};
static const struct ctl_param add_params[] = {{"family", "string"}, {"address", "string"}, {"lladdr", "string"},
    {"interface", "string?"}, {"temp", "bool?"}, {"pub", "bool?"}, {"proxy", "bool?"}, {NULL, NULL}};
static const struct ctl_param delete_params[] = {
    {"family", "string"}, {"address", "string"}, {"interface", "string?"}, {NULL, NULL}};
static const struct ctl_param flush_params[] = {{"family", "string"}, {"interface", "string?"}, {NULL, NULL}};
static const struct ctl_param batch_params[] = {
    {"delete", "array?"}, {"add", "array?"}, {"interface", "string?"}, {NULL, NULL}};

const struct ctl_method neigh_methods[] = {
    {"neigh.list", neigh_list_method, list_params, "neighbours of both families, and our own addresses"},
    {"neigh.add", neigh_add, add_params, "a static neighbour, a temporary one, or a published address"},
    {"neigh.batch", neigh_batch, batch_params, "forgets and adds many static neighbours"},
    {"neigh.delete", neigh_delete_method, delete_params, "forgets a neighbour"},
    {"neigh.flush", neigh_flush_method, flush_params, "forgets all neighbours of a family"},
    {NULL, NULL, NULL, NULL},
};
