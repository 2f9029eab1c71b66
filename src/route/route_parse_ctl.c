/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: what the methods' parameters say.
 *
 * Synchronization: control only.
 * Lifetime: nothing is kept.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "route/route_methods.h"

/* => control; 0 or -EINVAL after ctl_error */
int
rt_parse_family(struct ctl_req *req, json_t *params, int *family)
{
	const char *s = json_string_value(json_object_get(params, "family"));

	*family = AF_UNSPEC;
	if (s == NULL)
		return 0;
	if (strcmp(s, "inet") == 0)
		*family = AF_INET;
	else if (strcmp(s, "inet6") == 0)
		*family = AF_INET6;
	else
		return ctl_error(req, EINVAL, "family: \"%.20s\" is neither inet nor inet6", s);
	return 0;
}

/* "A" or "A%IF" of len characters; 0 or -errno after ctl_error */
static int
parse_addr(struct ctl_req *req, int family, const char *s, size_t len, union in_any *a, uint16_t *zone)
{
	char text[RT_ADDRLEN], *percent;
	struct ifnet *ifp;

	*zone = 0;
	memset(a, 0, sizeof(*a));
	if (len >= sizeof(text))
		return ctl_error(req, EINVAL, "\"%.40s...\" is not an address", s);
	memcpy(text, s, len);
	text[len] = '\0';
	percent = strchr(text, '%');
	if (percent != NULL)
		*percent++ = '\0';
	if (inet_pton(family, text, a) != 1 || (percent != NULL && family != AF_INET6))
		return ctl_error(req, EINVAL, "\"%.*s\" is not an address of family %s", (int)len, s,
		    family == AF_INET ? "inet" : "inet6");
	if (percent != NULL) {
		ifp = ifnet_by_name(percent);
		if (ifp == NULL)
			return ctl_error(req, ENXIO, "%s: no such interface", percent);
		*zone = ifp->if_index;
	}
	return 0;
}

/* => control; "A/len", "A" (a host) or "default"; 0 or -errno after ctl_error */
int
rt_parse_prefix(struct ctl_req *req, int family, const char *s, union in_any *a, uint8_t *plen, uint16_t *zone)
{
	const char *slash = strchr(s, '/');
	unsigned long n = family == AF_INET ? 32 : 128, max = n;
	char *end;

	if (strcmp(s, "default") == 0) {
		memset(a, 0, sizeof(*a));
		*plen = 0;
		*zone = 0;
		return 0;
	}
	if (slash != NULL) {
		n = strtoul(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || n > max)
			return ctl_error(req, EINVAL, "\"%.80s\": a prefix length is 0 to %lu", s, max);
	}
	*plen = n;
	return parse_addr(req, family, s, slash != NULL ? (size_t)(slash - s) : strlen(s), a, zone);
}

static int
parse_interface(struct ctl_req *req, const json_t *v, uint16_t *index)
{
	struct ifnet *ifp;
	const char *text;
	unsigned number;
	char end;

	if (v == NULL)
		return 0;
	text = json_is_string(v) ? json_string_value(v) : "";
	ifp = ifnet_by_name(text);
	if (ifp == NULL && sscanf(text, "link#%u%c", &number, &end) == 1 && number < MP_MAXIF)
		ifp = ifnet_get((uint16_t)number);
	if (ifp == NULL)
		return ctl_error(req, ENXIO, "%.40s: no such interface",
		    json_is_string(v) ? json_string_value(v) : "interface (not a string)");
	*index = ifp->if_index;
	return 0;
}

static int
parse_gateway(struct ctl_req *req, int family, const json_t *v, struct rt_path *path)
{
	const char *s = json_string_value(v);
	uint16_t zone;
	int error;

	if (v == NULL)
		return 0;
	if (s == NULL)
		return ctl_error(req, EINVAL, "gateway: an address is a string");
	error = parse_addr(req, family, s, strlen(s), &path->gw, &zone);
	if (error)
		return error;
	path->has_gw = true;
	if (zone == 0 && path->gw_ifindex == 0 && family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&path->gw.in6))
		return ctl_error(req, EINVAL, "%.80s: a link-local gateway needs its zone (%%interface)", s);
	if (zone == 0)
		return 0;
	if (path->gw_ifindex != 0 && path->gw_ifindex != zone)
		return ctl_error(req, EINVAL, "%.80s: the zone is not the interface", s);
	path->gw_ifindex = zone;
	return 0;
}

/* What every link of the family carries (RFC 791, RFC 8200) at least; 0: the interface's */
static int
parse_mtu(struct ctl_req *req, int family, const json_t *mtu, uint32_t *out)
{
	json_int_t n = json_integer_value(mtu), least = family == AF_INET ? 68 : 1280;

	*out = (uint32_t)n;
	if (mtu != NULL && (!json_is_integer(mtu) || (n != 0 && n < least) || n > 65535))
		return ctl_error(req, EINVAL, "mtu: 0 or %d to 65535", (int)least);
	return 0;
}

static int
parse_paths(struct ctl_req *req, json_t *gw, json_t *params, struct rt_spec *s)
{
	json_t *ifname = json_object_get(params, "interface"), *v;
	size_t i;
	int error;

	if (json_is_array(gw)) {
		if (json_array_size(gw) == 0 || json_array_size(gw) > NH_MAXPATHS)
			return ctl_error(req, EINVAL, "gateway: 1 to %d of them", NH_MAXPATHS);
		json_array_foreach (gw, i, v) {
			struct rt_path *p = &s->paths[i];
			const json_t *w = json_object_get(v, "weight"), *mtu = json_object_get(v, "mtu");

			if (!json_is_object(v))
				return ctl_error(req, EINVAL, "gateway: an array of objects");
			error = parse_interface(req, json_object_get(v, "interface"), &p->gw_ifindex);
			if (error == 0)
				error = parse_gateway(req, s->family, json_object_get(v, "gateway"), p);
			if (error)
				return error;
			if (w != NULL &&
			    (!json_is_integer(w) || json_integer_value(w) < 1 || json_integer_value(w) > 65535))
				return ctl_error(req, EINVAL, "weight: 1 to 65535");
			p->weight = w != NULL ? json_integer_value(w) : 1;
			error = parse_mtu(req, s->family, mtu, &p->mtu);
			if (error)
				return error;
			if (!p->has_gw && p->gw_ifindex == 0)
				return ctl_error(req, EINVAL, "gateway: neither a gateway nor an interface");
		}
		s->npaths = json_array_size(gw);
		return 0;
	}
	error = parse_interface(req, ifname, &s->paths[0].gw_ifindex);
	if (error == 0)
		error = parse_gateway(req, s->family, gw, &s->paths[0]);
	if (error)
		return error;
	s->paths[0].weight = 1;
	s->npaths = gw != NULL || ifname != NULL;
	return 0;
}

static int
parse_ifa(struct ctl_req *req, const json_t *gw, json_t *params, struct rt_spec *s)
{
	const char *text = json_string_value(json_object_get(params, "ifa"));
	struct ifaddr *ifa;
	uint16_t zone;
	int error;

	if (text == NULL)
		return 0;
	error = parse_addr(req, s->family, text, strlen(text), &s->ifa, &zone);
	if (error)
		return error;
	ifa = if_addr_find(zone != 0 ? ifnet_get(zone) : NULL, s->family, &s->ifa, false);
	if (ifa == NULL && s->npaths > 0 && !s->paths[0].has_gw)
		return 0; /* the interface says it, as in NetBSD */
	if (ifa == NULL)
		return ctl_error(req, ENETUNREACH, "%.80s: not an address of this router", text);
	s->has_ifa = true;
	if (s->npaths == 0 && gw == NULL) { /* an interface named by its address */
		s->paths[0].gw_ifindex = ifa->ifa_ifp->if_index;
		s->npaths = 1;
	}
	return 0;
}

/*
 * => control; one route: its destination, its gateway (NULL, a string, or an array), and params (may be NULL): interface,
 * ifa, mtu and flags, as route.add has them.  s->family is set, s->paths has room for NH_MAXPATHS.  0 or -errno after
 * ctl_error
 */
int
rt_parse_item(struct ctl_req *req, const char *dst, json_t *gw, json_t *params, struct rt_spec *s)
{
	static const struct {
		const char *name;
		uint32_t flag;
	} flags[] = {{"static", RTF_STATIC}, {"blackhole", RTF_BLACKHOLE}, {"reject", RTF_REJECT},
	    {"connected", RTF_CONNECTED}, {"proto1", RTF_PROTO1}, {"proto2", RTF_PROTO2}, {"announce", RTF_ANNOUNCE}};
	const json_t *mtu = json_object_get(params, "mtu"), *expire = json_object_get(params, "expire");
	int error;

	error = rt_parse_prefix(req, s->family, dst, &s->dst, &s->plen, &s->dst_zone);
	if (error == 0)
		error = parse_paths(req, gw, params, s);
	if (error == 0 && params != NULL)
		error = parse_ifa(req, gw, params, s);
	if (error != 0 || params == NULL)
		return error;
	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		const json_t *v = json_object_get(params, flags[i].name);

		if (v != NULL)
			s->flags_mask |= flags[i].flag;
		if (json_is_true(v))
			s->flags |= flags[i].flag;
	}
	error = parse_mtu(req, s->family, mtu, &s->mtu);
	if (error != 0)
		return error;
	s->mtu_lock = json_is_true(json_object_get(params, "lockmtu"));
	if (expire != NULL) {
		json_int_t n = json_integer_value(expire);

		if (n < 1 || n > 315360000)
			return ctl_error(req, EINVAL, "expire: 1 to 315360000 s");
		s->expire = mp_now_ms() + 1000ull * (uint64_t)n;
	}
	return 0;
}

/* => control; everything that add, change and delete have in common.  s->paths has room for NH_MAXPATHS. */
int
rt_parse_spec(struct ctl_req *req, json_t *params, struct rt_spec *s)
{
	int family, error = rt_parse_family(req, params, &family);

	if (error)
		return error;
	s->family = family;
	return rt_parse_item(
	    req, json_string_value(json_object_get(params, "dst")), json_object_get(params, "gateway"), params, s);
}

/* => control; the error of rt_add and its like, as the request's */
int
rt_ctl_error(struct ctl_req *req, const char *dst, int error)
{
	switch (error) {
	case 0:
		return 0;
	case -EEXIST:
		return ctl_error(req, EEXIST, "%.80s: the route exists", dst);
	case -ESRCH:
		return ctl_error(req, ESRCH, "%.80s: not in table", dst);
	case -ENETUNREACH:
		return ctl_error(req, ENETUNREACH, "%.80s: no connected network leads to the gateway", dst);
	case -EPERM:
		return ctl_error(req, EPERM, "%.80s: the route of an address of ours: delete the address", dst);
	case -EINVAL:
		return ctl_error(
		    req, EINVAL, "%.80s: a gateway or a zone is missing, or is none, or is named twice", dst);
	default:
		return ctl_error(req, -error, "%.80s: %s", dst, strerror(-error));
	}
}
