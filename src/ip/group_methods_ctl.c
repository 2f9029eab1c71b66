/* SPDX-License-Identifier: BSD-2-Clause */
/* Multicast groups for the tools: the methods group.list and group.join. */
/*
 * Synchronization: control only.
 * Lifetime: a membership that a client asked for lives as long as its stream; it names its interface by index and
 * generation, because that may go first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ip/group_var.h"
#include "ip/ip_var.h"
#include "ip6/ip6_var.h"

#define JOIN_MAX 4096

struct join {
	uint16_t ifindex;     /* [c] */
	uint8_t ifgen;	      /* [c] */
	int family;	      /* [c] */
	union in_any address; /* [c] */
};
static unsigned njoins; /* [c] */

static json_t *
address_json(const struct ifnet *ifp, int family, const void *addr)
{
	char text[INET6_ADDRSTRLEN + IFNAMSIZ_SMP + 1];

	inet_ntop(family, addr, text, INET6_ADDRSTRLEN);
	if (family == AF_INET6 &&
	    (IN6_LINKLOCAL(addr) || (IN6_MULTICAST(addr) && IN6_MC_SCOPE(addr) <= IN6_SCOPE_LINK)))
		snprintf(text + strlen(text), IFNAMSIZ_SMP + 1, "%%%s", ifp->if_xname);
	return json_string(text);
}

/* The link addresses in order, each with the number of groups that it carries */
static json_t *
links_json(const struct ifnet *ifp)
{
	json_t *links = json_array(), *known = json_object(), *link;

	for (unsigned i = 0; i < 2; i++) {
		const struct group_if *gi = ifp->if_groups[i];

		for (uint32_t g = 0; gi != NULL && g < gi->gi_n; g++) {
			uint8_t mac[6];
			char text[18];

			if (!GROUP_IS_MEMBER(gi->gi_group[g]))
				continue;
			group_mac(gi->gi_family, &gi->gi_group[g]->g_addr, mac);
			snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
			    mac[4], mac[5]);
			link = json_object_get(known, text);
			if (link == NULL) {
				link = json_pack("{s:s,s:i}", "lladdr", text, "refcount", 0);
				json_array_append(links, link);
				json_object_set_new(known, text, link);
			}
			json_object_set_new(
			    link, "refcount", json_integer(json_integer_value(json_object_get(link, "refcount")) + 1));
		}
	}
	json_decref(known);
	return links;
}

static json_t *
groups_json(const struct ifnet *ifp)
{
	static const char *const version[2][3] = {{"igmpv1", "igmpv2", "igmpv3"}, {"mldv1", "mldv1", "mldv2"}};
	json_t *families = json_array();

	for (unsigned i = 0; i < 2; i++) {
		const struct group_if *gi = ifp->if_groups[i];
		json_t *groups, *addresses;
		struct ifaddr *ifa;

		if (gi == NULL || gi->gi_n == 0)
			continue;
		groups = json_array();
		addresses = json_array();
		for (uint32_t g = 0; g < gi->gi_n; g++)
			if (GROUP_IS_MEMBER(gi->gi_group[g]))
				json_array_append_new(
				    groups, json_pack("{s:o,s:I}", "address",
						address_json(ifp, gi->gi_family, &gi->gi_group[g]->g_addr), "refcount",
						(json_int_t)gi->gi_group[g]->g_joined + gi->gi_group[g]->g_implied));
		TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
			if (ifa->ifa_family == gi->gi_family)
				json_array_append_new(addresses, address_json(ifp, gi->gi_family, &ifa->ifa_addr));
		json_array_append_new(families, json_pack("{s:s,s:s,s:i,s:o,s:o}", "family", i == 0 ? "inet" : "inet6",
						    "version", version[i][gi->gi_version], "robustness", gi->gi_robust,
						    "addresses", addresses, "groups", groups));
	}
	return families;
}

static int
m_list(struct ctl_req *req, json_t *params, json_t **result)
{
	const char *name = json_string_value(json_object_get(params, "interface"));
	struct ifnet *ifp;

	ASSERT_CONTROL();
	if (name != NULL && ifnet_by_name(name) == NULL)
		return ctl_error(req, ENXIO, "%s: no such interface", name);
	*result = json_array();
	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		if (name == NULL || strcmp(ifp->if_xname, name) == 0)
			json_array_append_new(*result, json_pack("{s:s,s:o,s:o}", "interface", ifp->if_xname,
							   "families", groups_json(ifp), "links", links_json(ifp)));
	return 0;
}

static void
join_closed(void *arg)
{
	struct join *j = arg;
	struct ifnet *ifp = ifnet_get(j->ifindex);

	if (ifp != NULL && ifp->if_gen == j->ifgen)
		in_group_leave(ifp, j->family, &j->address);
	njoins--;
	free(j);
}

static int
m_join(struct ctl_req *req, json_t *params, json_t **result)
{
	const char *name = json_string_value(json_object_get(params, "interface"));
	const char *text = json_string_value(json_object_get(params, "address"));
	struct ifnet *ifp = ifnet_by_name(name);
	struct ctl_stream *st;
	struct join *j;
	int error;

	ASSERT_CONTROL();
	if (ifp == NULL)
		return ctl_error(req, ENXIO, "%s: no such interface", name);
	if (njoins >= JOIN_MAX)
		return ctl_error(req, ENOBUFS, "%u groups are joined by clients already", njoins);
	j = calloc(1, sizeof(*j));
	if (j == NULL)
		return -ENOMEM;
	j->ifindex = ifp->if_index;
	j->ifgen = ifp->if_gen;
	j->family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(j->family, text, &j->address) != 1)
		error = -EINVAL;
	else
		error = in_group_join(ifp, j->family, &j->address);
	if (error != 0) {
		free(j);
		return error == -EINVAL ? ctl_error(req, EINVAL, "'%.64s' is not a multicast group", text) : error;
	}
	st = ctl_stream_open(req, join_closed, j);
	if (st == NULL) {
		in_group_leave(ifp, j->family, &j->address);
		free(j);
		return ctl_error(req, EINVAL, "a membership lasts as long as its client: there is none");
	}
	njoins++;
	*result = ctl_stream_result(st);
	return 0;
}

const struct ctl_method group_methods[] = {
    {"group.list", m_list, (const struct ctl_param[]){{"interface", "string?"}, {NULL, NULL}},
	"multicast groups of the interfaces"},
    {"group.join", m_join, (const struct ctl_param[]){{"interface", "string"}, {"address", "string"}, {NULL, NULL}},
	"makes the interface a member of a group, until the stream ends"},
    {NULL},
};
