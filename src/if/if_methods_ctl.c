/* SPDX-License-Identifier: BSD-2-Clause */
/* The control methods of interfaces: if.create, if.destroy, if.set, if.addr.*, if.zero, if.kinds (doc/protocol.md). */
#include "if/ifnet.h"
#include "ctl/ctl.h"
#include "if/if_var.h"
#include "ip/ingress_ctl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define LIFETIME_INFINITE 0xffffffffLL

static const char *
param_string(json_t *params, const char *name)
{
	return json_string_value(json_object_get(params, name));
}

/* The interface that the parameter "name" names, or NULL after ctl_error. */
static struct ifnet *
param_interface(struct ctl_req *req, json_t *params)
{
	const char *name = param_string(params, "name");
	struct ifnet *ifp = ifnet_by_name(name);

	if (ifp == NULL)
		(void)ctl_error(req, ENXIO, "%.40s: no such interface", name);
	return ifp;
}

static int
m_create(struct ctl_req *req, json_t *params, json_t **result)
{
	char err[256];
	int error = if_create(param_string(params, "name"), err, sizeof(err));

	return error == 0 ? 0 : ctl_error(req, -error, "%s", err);
}

static int
m_destroy(struct ctl_req *req, json_t *params, json_t **result)
{
	struct ifnet *ifp = param_interface(req, params);
	char err[256];
	int error;

	if (ifp == NULL)
		return -ENXIO;
	error = if_destroy(ifp, err, sizeof(err));
	return error == 0 ? 0 : ctl_error(req, -error, "%s", err);
}

static int
m_kinds(struct ctl_req *req, json_t *params, json_t **result)
{
	*result = json_array();
	for (const struct if_kind *kind = if_kinds; kind->prefix != NULL; kind++)
		json_array_append_new(*result, json_string(kind->prefix));
	return 0;
}

static int
m_list(struct ctl_req *req, json_t *params, json_t **result)
{
	struct ifnet *ifp, *only = NULL;
	bool zero = json_is_true(json_object_get(params, "zero"));

	if (json_object_get(params, "name") != NULL && (only = param_interface(req, params)) == NULL)
		return -ENXIO;
	*result = json_array();
	TAILQ_FOREACH (ifp, &ifnet_list, if_list) {
		if (only != NULL && ifp != only)
			continue;
		json_array_append_new(*result, if_json(ifp));
		if (zero)
			if_stats_sum(ifp, &ifp->if_zero);
	}
	return 0;
}

static int
m_zero(struct ctl_req *req, json_t *params, json_t **result)
{
	struct ifnet *ifp = param_interface(req, params);

	if (ifp == NULL)
		return -ENXIO;
	if_stats_sum(ifp, &ifp->if_zero);
	return 0;
}

/* Six octets in hex with colons, one or two digits each; 0 or ctl_error's value. */
static int
parse_lladdr(struct ctl_req *req, const char *text, uint64_t *word)
{
	uint8_t *lladdr = (uint8_t *)word;
	unsigned octet[6];
	int end = 0;

	*word = 0;
	if (strspn(text, "0123456789abcdefABCDEF:") != strlen(text) ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &octet[0], &octet[1], &octet[2], &octet[3], &octet[4], &octet[5],
		&end) != 6 ||
	    text[end] != '\0')
		return ctl_error(req, EINVAL, "link: '%.40s' is not a link address (aa:bb:cc:dd:ee:ff)", text);
	for (int i = 0; i < 6; i++)
		lladdr[i] = octet[i];
	return 0;
}

static int
lladdr_error(struct ctl_req *req, struct ifnet *ifp, const char *text, int error)
{
	return ctl_error(req, -error, "link: %s: %s: %s", ifp->if_xname, text,
	    error == -EINVAL	      ? "not an address of one station"
	    : error == -EBUSY	      ? "in use, or the device's own"
	    : error == -EADDRNOTAVAIL ? "no such address"
				      : strerror(-error));
}

static int
set_lladdr(struct ctl_req *req, struct ifnet *ifp, const char *text)
{
	uint64_t word;
	int error = parse_lladdr(req, text, &word);

	if (error != 0)
		return error;
	error = if_lladdr_add(ifp, word);
	if (error == 0)
		error = if_set_lladdr(ifp, (const uint8_t *)&word);
	if (error != 0)
		return lladdr_error(req, ifp, text, error);
	ifp->if_user_lladdr = true;
	return 0;
}

static int
m_link_add(struct ctl_req *req, json_t *params, json_t **result)
{
	struct ifnet *ifp = param_interface(req, params);
	const char *text = param_string(params, "link");
	uint64_t word;
	int error;

	if (ifp == NULL)
		return -ENXIO;
	if ((error = parse_lladdr(req, text, &word)) != 0)
		return error;
	error = if_lladdr_add(ifp, word);
	return error == 0 ? 0 : lladdr_error(req, ifp, text, error);
}

static int
m_link_delete(struct ctl_req *req, json_t *params, json_t **result)
{
	struct ifnet *ifp = param_interface(req, params);
	const char *text = param_string(params, "link");
	uint64_t word;
	int error;

	if (ifp == NULL)
		return -ENXIO;
	if ((error = parse_lladdr(req, text, &word)) != 0)
		return error;
	error = if_lladdr_delete(ifp, word);
	return error == 0 ? 0 : lladdr_error(req, ifp, text, error);
}

static int
set_mtu(struct ctl_req *req, struct ifnet *ifp, json_int_t mtu)
{
	int error = mtu < 0 || mtu > IF_MTU_MAX ? -EINVAL : if_set_mtu(ifp, mtu);

	if (error != 0)
		return ctl_error(req, -error, "mtu: %s: %lld: %s", ifp->if_xname, (long long)mtu,
		    error == -EINVAL ? "outside what the interface carries" : strerror(-error));
	ifp->if_user_mtu = true;
	return 0;
}

static int
set_promisc(struct ctl_req *req, struct ifnet *ifp, bool on)
{
	int error;

	if (on == ifp->if_user_promisc)
		return 0;
	error = if_promisc(ifp, on);
	if (error != 0)
		return ctl_error(req, -error, "promisc: %s: %s", ifp->if_xname, strerror(-error));
	ifp->if_user_promisc = on;
	return 0;
}

static int
set_linkstr(struct ctl_req *req, struct ifnet *ifp, json_t *value)
{
	char err[256] = "";
	int error = -EOPNOTSUPP;

	if (ifp->if_ops->set_linkstr != NULL)
		error = ifp->if_ops->set_linkstr(ifp, json_string_value(value), err, sizeof(err));
	if (error == 0)
		return 0;
	return ctl_error(req, -error, "linkstr: %s: %s", ifp->if_xname, err[0] != '\0' ? err : strerror(-error));
}

static int
set_media(struct ctl_req *req, struct ifnet *ifp, const char *media)
{
	int error = ifp->if_ops->set_media == NULL ? -EOPNOTSUPP : ifp->if_ops->set_media(ifp, media);

	if (error == 0)
		return 0;
	return ctl_error(req, -error, "media: %s: '%.40s': %s", ifp->if_xname, media,
	    error == -EINVAL ? "neither auto nor none" : strerror(-error));
}

static int
set_queues(struct ctl_req *req, struct ifnet *ifp, json_int_t queues)
{
	int error;

	if (queues < 1 || queues > MP_MAXWORKERS)
		return ctl_error(req, EINVAL, "queues: %lld: from 1 to %d", (long long)queues, MP_MAXWORKERS);
	error = ifp->if_ops->set_queues == NULL ? -EOPNOTSUPP : ifp->if_ops->set_queues(ifp, queues);
	return error == 0 ? 0 : ctl_error(req, -error, "queues: %s: %s", ifp->if_xname, strerror(-error));
}

/* Boolean parameters that are a flag of the interface; arp is IFF_SMP_NOARP the other way round. */
static const struct {
	const char *name;
	uint32_t flag;
	bool inverse;
} set_flags[] = {
    {"arp", IFF_SMP_NOARP, true},
    {"debug", IFF_SMP_DEBUG, false},
    {"link0", IFF_SMP_LINK0, false},
    {"link1", IFF_SMP_LINK1, false},
    {"link2", IFF_SMP_LINK2, false},
};

/* What is said first is done first, except that the interface goes down before and up after everything else. */
static int
m_set(struct ctl_req *req, json_t *params, json_t **result)
{
	struct ifnet *ifp = param_interface(req, params);
	json_t *v, *up = json_object_get(params, "up");
	int error = 0;

	if (ifp == NULL)
		return -ENXIO;
	if (json_is_false(up))
		(void)if_set_flags(ifp, 0, IFF_SMP_UP);
	if (error == 0 && (v = json_object_get(params, "linkstr")) != NULL)
		error = set_linkstr(req, ifp, v);
	if (error == 0 && (v = json_object_get(params, "media")) != NULL)
		error = set_media(req, ifp, json_string_value(v));
	if (error == 0 && (v = json_object_get(params, "link")) != NULL)
		error = set_lladdr(req, ifp, json_string_value(v));
	if (error == 0 && (v = json_object_get(params, "mtu")) != NULL)
		error = set_mtu(req, ifp, json_integer_value(v));
	if (error == 0 && (v = json_object_get(params, "metric")) != NULL) {
		if (json_integer_value(v) < 0 || json_integer_value(v) > INT32_MAX)
			return ctl_error(req, EINVAL, "metric: from 0 to %d", INT32_MAX);
		ifp->if_metric = json_integer_value(v);
	}
	if (error == 0 && (v = json_object_get(params, "queues")) != NULL)
		error = set_queues(req, ifp, json_integer_value(v));
	if (error == 0 && (v = json_object_get(params, "urpf")) != NULL && ip_urpf_set(ifp, json_string_value(v)) != 0)
		return ctl_error(req, EINVAL, "urpf: '%.40s' is not strict, loose or off", json_string_value(v));
	for (unsigned i = 0; error == 0 && i < sizeof(set_flags) / sizeof(set_flags[0]); i++) {
		bool on;

		if ((v = json_object_get(params, set_flags[i].name)) == NULL)
			continue;
		on = json_is_true(v) != set_flags[i].inverse;
		error = if_set_flags(ifp, on ? set_flags[i].flag : 0, on ? 0 : set_flags[i].flag);
	}
	if (error == 0 && (v = json_object_get(params, "promisc")) != NULL)
		error = set_promisc(req, ifp, json_is_true(v));
	if (error == 0 && json_is_true(up)) {
		error = if_set_flags(ifp, IFF_SMP_UP, 0);
		if (error != 0)
			return ctl_error(req, -error, "up: %s: %s", ifp->if_xname, strerror(-error));
	}
	return error;
}

/* An address, which may carry the interface's own name as its zone.  Returns 0 or -errno after ctl_error. */
static int
parse_address(struct ctl_req *req, struct ifnet *ifp, int family, const char *what, const char *text, void *addr)
{
	char host[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "%");

	if (text[len] == '%' && (family != AF_INET6 || strcmp(text + len + 1, ifp->if_xname) != 0))
		return ctl_error(req, EINVAL, "%s: '%.64s': the zone is not %s", what, text, ifp->if_xname);
	if (len < sizeof(host)) {
		memcpy(host, text, len);
		host[len] = '\0';
		if (inet_pton(family, host, addr) == 1)
			return 0;
	}
	return ctl_error(
	    req, EINVAL, "%s: '%.64s' is not an %s address", what, text, family == AF_INET ? "IPv4" : "IPv6");
}

static int
parse_family(struct ctl_req *req, json_t *params, int *family)
{
	const char *text = param_string(params, "family");

	if (strcmp(text, "inet") == 0)
		*family = AF_INET;
	else if (strcmp(text, "inet6") == 0)
		*family = AF_INET6;
	else
		return ctl_error(req, EAFNOSUPPORT, "family: '%.40s' is neither inet nor inet6", text);
	return 0;
}

/* Seconds from now, 0xffffffff for ever; end is 0 where the parameter is absent. */
static int
parse_lifetime(struct ctl_req *req, json_t *params, const char *name, uint64_t *end)
{
	json_t *v = json_object_get(params, name);
	json_int_t s;

	*end = 0;
	if (v == NULL)
		return 0;
	s = json_integer_value(v);
	if (s < 0 || s > LIFETIME_INFINITE)
		return ctl_error(req, EINVAL, "%s: from 0 to %lld seconds", name, LIFETIME_INFINITE);
	*end = s == LIFETIME_INFINITE ? UINT64_MAX : mp_now_ms() + (uint64_t)s * 1000;
	return 0;
}

static int
parse_lifetimes(struct ctl_req *req, json_t *params, struct ifaddr *spec)
{
	int error;

	if ((error = parse_lifetime(req, params, "pltime", &spec->ifa_preferred)) != 0 ||
	    (error = parse_lifetime(req, params, "vltime", &spec->ifa_valid)) != 0)
		return error;
	/* As in NetBSD an infinite pltime, which goes without saying, is longer than any vltime. */
	if (spec->ifa_valid != 0 && (spec->ifa_preferred == 0 ? UINT64_MAX : spec->ifa_preferred) > spec->ifa_valid)
		return ctl_error(req, EINVAL, "pltime: longer than vltime");
	if (spec->ifa_valid != 0 && spec->ifa_valid <= mp_now_ms())
		return ctl_error(req, EINVAL, "vltime: 0 would be no address at all");
	return 0;
}

static int
parse_spec(struct ctl_req *req, struct ifnet *ifp, json_t *params, struct ifaddr *spec)
{
	json_int_t plen = json_integer_value(json_object_get(params, "plen"));
	const char *text;
	int family = AF_INET, error;

	if ((error = parse_family(req, params, &family)) != 0)
		return error;
	spec->ifa_family = family;
	if (plen < 0 || plen > (family == AF_INET ? 32 : 128))
		return ctl_error(
		    req, EINVAL, "plen: %lld: from 0 to %d", (long long)plen, family == AF_INET ? 32 : 128);
	spec->ifa_plen = plen;
	error = parse_address(req, ifp, family, "address", param_string(params, "address"), &spec->ifa_addr);
	if (error != 0)
		return error;
	if ((text = param_string(params, "peer")) != NULL) {
		if (!(ifp->if_flags & (IFF_SMP_P2P | IFF_SMP_LOOPBACK)))
			return ctl_error(req, EINVAL, "peer: %s is not a point-to-point interface", ifp->if_xname);
		spec->ifa_has_dst = true;
		if ((error = parse_address(req, ifp, family, "peer", text, &spec->ifa_dst)) != 0)
			return error;
	}
	if ((text = param_string(params, "broadcast")) != NULL) {
		if (family != AF_INET)
			return ctl_error(req, EINVAL, "broadcast: IPv6 has none");
		if (!(ifp->if_flags & IFF_SMP_BROADCAST))
			return ctl_error(req, EINVAL, "broadcast: %s has none", ifp->if_xname);
		spec->ifa_has_brd = true;
		if ((error = parse_address(req, ifp, family, "broadcast", text, &spec->ifa_brd)) != 0)
			return error;
	}
	if (family == AF_INET &&
	    (json_object_get(params, "anycast") != NULL || json_object_get(params, "eui64") != NULL ||
		json_object_get(params, "deprecated") != NULL))
		return ctl_error(req, EINVAL, "anycast, deprecated and eui64 are for inet6");
	if (json_is_true(json_object_get(params, "anycast")))
		spec->ifa_flags |= IFA_ANYCAST;
	spec->ifa_user_deprecated = json_is_true(json_object_get(params, "deprecated"));
	if (json_is_true(json_object_get(params, "eui64"))) {
		if (ifp->if_lladdr == 0)
			return ctl_error(req, EINVAL, "eui64: %s has no link address", ifp->if_xname);
		if_addr_eui64(ifp->if_lladdr, &spec->ifa_addr.in6);
	}
	return parse_lifetimes(req, params, spec);
}

static const char *
addr_error(int error)
{
	switch (error) {
	case -EADDRNOTAVAIL:
		return "not an address that an interface can have";
	case -EEXIST:
		return "another interface has it";
	default:
		return strerror(-error);
	}
}

/* The interface's first address of the family that was set by somebody, if it is another than addr; or NULL. */
static struct ifaddr *
first_address(struct ifnet *ifp, int family, const union in_any *addr)
{
	struct ifaddr *ifa;

	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
		if (ifa->ifa_family == family && !(ifa->ifa_flags & (IFA_INTERNAL | IFA_LINKLOCAL | IFA_AUTOCONF)))
			return memcmp(&ifa->ifa_addr, addr, sizeof(*addr)) == 0 ? NULL : ifa;
	return NULL;
}

/*
 * The first address of an interface that is down takes it up, as in NetBSD; an IPv4 address set before that is not
 * probed for.  The link-local address comes before other IPv6 addresses.
 */
static int
m_addr_add(struct ctl_req *req, json_t *params, json_t **result)
{
	struct ifnet *ifp = param_interface(req, params);
	struct ifaddr spec = {0}, *old = NULL;
	int error;

	if (ifp == NULL)
		return -ENXIO;
	if ((error = parse_spec(req, ifp, params, &spec)) != 0)
		return error;
	error = if_addr_check(ifp, &spec);
	if (error == 0 && json_is_true(json_object_get(params, "replace")))
		old = first_address(ifp, spec.ifa_family, &spec.ifa_addr);
	if (old != NULL)
		if_addr_remove(old);
	if (error == 0 && spec.ifa_family == AF_INET6)
		(void)if_set_flags(ifp, IFF_SMP_UP, 0);
	if (error == 0)
		error = if_addr_add(ifp, &spec);
	if (error != 0)
		return ctl_error(
		    req, -error, "%s: %s: %s", ifp->if_xname, param_string(params, "address"), addr_error(error));
	(void)if_set_flags(ifp, IFF_SMP_UP, 0);
	return 0;
}

static int
m_addr_delete(struct ctl_req *req, json_t *params, json_t **result)
{
	struct ifnet *ifp = param_interface(req, params);
	const char *text = param_string(params, "address");
	union in_any addr = {0};
	int family = AF_INET, error;

	if (ifp == NULL)
		return -ENXIO;
	if ((error = parse_family(req, params, &family)) != 0 ||
	    (error = parse_address(req, ifp, family, "address", text, &addr)) != 0)
		return error;
	error = if_addr_delete(ifp, family, &addr);
	return error == 0 ? 0 : ctl_error(req, -error, "%s: %s: no such address", ifp->if_xname, text);
}

static const struct ctl_param p_name[] = {{"name", "string"}, {NULL, NULL}};
static const struct ctl_param p_link[] = {{"name", "string"}, {"link", "string"}, {NULL, NULL}};
static const struct ctl_param p_list[] = {{"name", "string?"}, {"zero", "bool?"}, {NULL, NULL}};
static const struct ctl_param p_set[] = {{"name", "string"}, {"up", "bool?"}, {"mtu", "int?"}, {"metric", "int?"},
    {"link", "string?"}, {"arp", "bool?"}, {"debug", "bool?"}, {"link0", "bool?"}, {"link1", "bool?"},
    {"link2", "bool?"}, {"promisc", "bool?"}, {"linkstr", "string|null?"}, {"media", "string?"}, {"queues", "int?"},
    {"urpf", "string?"}, {NULL, NULL}};
static const struct ctl_param p_addr_add[] = {{"name", "string"}, {"family", "string"}, {"address", "string"},
    {"plen", "int"}, {"peer", "string?"}, {"broadcast", "string?"}, {"anycast", "bool?"}, {"deprecated", "bool?"},
    {"pltime", "int?"}, {"vltime", "int?"}, {"eui64", "bool?"}, {"replace", "bool?"}, {NULL, NULL}};
static const struct ctl_param p_addr_delete[] = {
    {"name", "string"}, {"family", "string"}, {"address", "string"}, {NULL, NULL}};

const struct ctl_method if_methods[] = {
    {"if.create", m_create, p_name, "make an interface of a kind that can be made"},
    {"if.destroy", m_destroy, p_name, "destroy an interface"},
    {"if.list", m_list, p_list, "interfaces with addresses and counters"},
    {"if.set", m_set, p_set, "change an interface"},
    {"if.kinds", m_kinds, NULL, "what if.create accepts"},
    {"if.addr.add", m_addr_add, p_addr_add, "give an interface an address"},
    {"if.addr.delete", m_addr_delete, p_addr_delete, "take an address away"},
    {"if.link.add", m_link_add, p_link, "a link address that an interface may use"},
    {"if.link.delete", m_link_delete, p_link, "take such a link address away"},
    {"if.zero", m_zero, p_name, "start an interface's counters at 0"},
    {NULL},
};
