/* SPDX-License-Identifier: BSD-2-Clause */
/* Membership of multicast groups: who is a member of what, by how many references. */
/*
 * Synchronization: control only.
 * Lifetime: in group_var.h.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "ether/ether.h"
#include "ip/group_var.h"
#include "ip/ip_var.h"
#include "ip6/ip6_var.h"

static unsigned
family_slot(int family)
{
	return family == AF_INET6;
}

struct group_if *
group_if_get(const struct ifnet *ifp, int family)
{
	return ifp->if_groups[family_slot(family)];
}

static void
group_due(evutil_socket_t fd, short what, void *arg)
{
	group_run(arg, mp_now_ms());
}

static struct group_if *
group_if_make(struct ifnet *ifp, int family)
{
	struct group_if *gi = group_if_get(ifp, family);

	if (gi != NULL)
		return gi;
	gi = calloc(1, sizeof(*gi));
	if (gi == NULL)
		return NULL;
	gi->gi_timer = evtimer_new(mp_base, group_due, gi);
	if (gi->gi_timer == NULL) {
		free(gi);
		return NULL;
	}
	gi->gi_ifp = ifp;
	gi->gi_family = family;
	gi->gi_robust = GROUP_ROBUST;
	gi->gi_version = GROUP_NEW;
	gi->gi_interval_ms = GROUP_QUERY_MS;
	ifp->if_groups[family_slot(family)] = gi;
	in_group_link(ifp);
	return gi;
}

/* => where the address is, or would be */
static uint32_t
group_place(const struct group_if *gi, const union in_any *addr)
{
	uint32_t low = 0, high = gi->gi_n;

	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (memcmp(&gi->gi_group[mid]->g_addr, addr, group_addrlen(gi)) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct in_group *
group_find(const struct group_if *gi, const union in_any *addr)
{
	uint32_t at = group_place(gi, addr);

	return at < gi->gi_n && memcmp(&gi->gi_group[at]->g_addr, addr, group_addrlen(gi)) == 0 ? gi->gi_group[at]
												: NULL;
}

/* => the group, made where there is none; NULL with *error */
static struct in_group *
group_make(struct group_if *gi, const union in_any *addr, int *error)
{
	struct in_group *g = group_find(gi, addr);
	uint32_t at;

	if (g != NULL)
		return g;
	if (gi->gi_n == GROUP_MAX) {
		*error = -ENOBUFS;
		return NULL;
	}
	if (gi->gi_n == gi->gi_room) {
		uint32_t room = gi->gi_room * 2 + 8;
		struct in_group **larger = realloc(gi->gi_group, room * sizeof(struct in_group *));

		if (larger == NULL)
			goto nomem;
		gi->gi_group = larger;
		gi->gi_room = room;
	}
	g = calloc(1, sizeof(*g));
	if (g == NULL)
		goto nomem;
	memcpy(&g->g_addr, addr, group_addrlen(gi));
	at = group_place(gi, addr);
	memmove(&gi->gi_group[at + 1], &gi->gi_group[at], (gi->gi_n - at) * sizeof(struct in_group *));
	gi->gi_group[at] = g;
	gi->gi_n++;
	return g;
nomem:
	*error = -ENOMEM;
	return NULL;
}

bool
group_reap(struct group_if *gi, struct in_group *g)
{
	uint32_t at;

	if (GROUP_IS_MEMBER(g) || g->g_change > 0)
		return false;
	at = group_place(gi, &g->g_addr);
	memmove(&gi->gi_group[at], &gi->gi_group[at + 1], (gi->gi_n - at - 1) * sizeof(struct in_group *));
	gi->gi_n--;
	free(g->g_src);
	free(g);
	return true;
}

static bool
group_valid(int family, const union in_any *group)
{
	return family == AF_INET ? IN4_MULTICAST(group->in4.s_addr) : IN6_MULTICAST(&group->in6);
}

/* Workers are to know the groups as they are now. */
static void
group_publish(struct ifnet *ifp, int family)
{
	if (family == AF_INET)
		in_if_update(ifp);
	else
		in6_if_update(ifp);
}

int
in_group_join(struct ifnet *ifp, int family, const union in_any *group)
{
	struct group_if *gi;
	struct in_group *g;
	int error = -ENOMEM;

	ASSERT_CONTROL();
	if (!group_valid(family, group))
		return -EINVAL;
	gi = group_if_make(ifp, family);
	if (gi == NULL || (g = group_make(gi, group, &error)) == NULL)
		return error;
	g->g_joined++;
	if (g->g_joined + g->g_implied == 1) {
		group_changed(gi, g);
		group_publish(ifp, family);
	}
	return 0;
}

void
in_group_leave(struct ifnet *ifp, int family, const union in_any *group)
{
	struct group_if *gi = group_if_get(ifp, family);
	struct in_group *g = gi != NULL ? group_find(gi, group) : NULL;

	ASSERT_CONTROL();
	if (g == NULL || g->g_joined == 0)
		return;
	g->g_joined--;
	if (!GROUP_IS_MEMBER(g)) {
		group_changed(gi, g);
		group_publish(ifp, family);
	}
}

void
in_group_imply(struct ifnet *ifp, int family, const union in_any *groups, uint32_t n)
{
	struct group_if *gi;
	int error = 0;

	ASSERT_CONTROL();
	gi = n > 0 ? group_if_make(ifp, family) : group_if_get(ifp, family);
	if (gi == NULL) {
		if (n > 0)
			mp_log(MP_LOG_ERR, "%s: no memory for its groups", ifp->if_xname);
		return;
	}
	for (uint32_t i = 0; i < gi->gi_n; i++)
		gi->gi_group[i]->g_count = 0;
	for (uint32_t i = 0; i < n; i++) {
		struct in_group *g = group_make(gi, &groups[i], &error);

		if (g != NULL)
			g->g_count++;
	}
	if (error != 0)
		mp_log(MP_LOG_ERR, "%s: no room for its groups: %s", ifp->if_xname, strerror(-error));
	for (uint32_t i = gi->gi_n; i > 0; i--) {
		struct in_group *g = gi->gi_group[i - 1];
		bool member = GROUP_IS_MEMBER(g);

		g->g_implied = g->g_count;
		if (member != GROUP_IS_MEMBER(g))
			group_changed(gi, g); /* it may go */
	}
	in_group_link(ifp);
}

uint32_t
in_group_members(const struct ifnet *ifp, int family, void *out)
{
	const struct group_if *gi = group_if_get(ifp, family);
	uint32_t n = 0;

	for (uint32_t i = 0; gi != NULL && i < gi->gi_n; i++) {
		if (!GROUP_IS_MEMBER(gi->gi_group[i]))
			continue;
		if (out != NULL)
			memcpy((char *)out + n * group_addrlen(gi), &gi->gi_group[i]->g_addr, group_addrlen(gi));
		n++;
	}
	return n;
}

/* Is there a link-local address that reports can come from? */
static bool
has_source(const struct group_if *gi)
{
	const struct ifaddr *ifa;

	if (gi->gi_family == AF_INET)
		return true;
	TAILQ_FOREACH (ifa, &gi->gi_ifp->if_addrs, ifa_list)
		if (ifa->ifa_family == AF_INET6 && IN6_LINKLOCAL(&ifa->ifa_addr.in6) &&
		    (ifa->ifa_flags & IFA_NOTREADY) == 0)
			return true;
	return false;
}

void
in_group_link(struct ifnet *ifp)
{
	const uint32_t want = IFF_SMP_UP | IFF_SMP_RUNNING | IFF_SMP_MULTICAST;
	bool active =
	    (ifp->if_flags & (want | IFF_SMP_LOOPBACK)) == want && ifp->if_linkstate != LINK_DOWN && !ifp->if_dead;

	ASSERT_CONTROL();
	for (unsigned i = 0; i < 2; i++) {
		struct group_if *gi = ifp->if_groups[i];
		bool source, again;

		if (gi == NULL)
			continue;
		source = has_source(gi);
		/* RFC 3590 section 4: what was reported from :: is reported once more, so that it counts */
		again = active && (!gi->gi_active || (source && !gi->gi_source));
		if (!active && gi->gi_active) {
			gi->gi_active = false;
			group_quieten(gi);
			gi->gi_oldest_until = gi->gi_old_until = 0;
			gi->gi_version = GROUP_NEW;
			gi->gi_robust = GROUP_ROBUST;
			group_arm(gi);
		}
		gi->gi_active = active;
		gi->gi_source = source;
		if (again)
			group_announce(gi);
	}
}

void
in_group_detach(struct ifnet *ifp)
{
	ASSERT_CONTROL();
	for (unsigned i = 0; i < 2; i++) {
		struct group_if *gi = ifp->if_groups[i];

		if (gi == NULL)
			continue;
		for (uint32_t k = 0; k < gi->gi_n; k++) {
			free(gi->gi_group[k]->g_src);
			free(gi->gi_group[k]);
		}
		event_free(gi->gi_timer);
		free(gi->gi_group);
		free(gi);
		ifp->if_groups[i] = NULL;
	}
}

void
group_mac(int family, const union in_any *group, uint8_t mac[6])
{
	if (family == AF_INET)
		ether_map_ip4_multicast(group->in4, mac);
	else
		ether_map_ip6_multicast(&group->in6, mac);
}

void
group_filter(struct ifnet *ifp)
{
	uint32_t n = in_group_members(ifp, AF_INET, NULL) + in_group_members(ifp, AF_INET6, NULL), k = 0;
	uint8_t(*mac)[ETHER_ADDRLEN];

	if (ifp->if_ops->set_groups == NULL)
		return;
	mac = calloc(n > 0 ? n : 1, sizeof(mac[0]));
	for (unsigned i = 0; i < 2 && mac != NULL; i++) {
		const struct group_if *gi = ifp->if_groups[i];

		for (uint32_t g = 0; gi != NULL && g < gi->gi_n; g++)
			if (GROUP_IS_MEMBER(gi->gi_group[g]))
				group_mac(gi->gi_family, &gi->gi_group[g]->g_addr, mac[k++]);
	}
	if (mac == NULL || ifp->if_ops->set_groups(ifp, (const uint8_t(*)[6])mac, k) != 0)
		mp_log(MP_LOG_WARNING, "%s: the device does not take the groups' addresses", ifp->if_xname);
	free(mac);
}
