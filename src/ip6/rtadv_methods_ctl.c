/* SPDX-License-Identifier: BSD-2-Clause */
/* The sender of router advertisements for the tools: the methods rtadv.start, rtadv.stop, rtadv.list. */
/*
 * Synchronization: control only.
 * Lifetime: no state of its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ip6/ip6_var.h"
#include "ip6/rtadv_var.h"

#define MAXTEXT (256 * 1024)

/* => the interface that the list names at i; NULL after ctl_error */
static struct ifnet *
named(struct ctl_req *req, json_t *list, size_t i)
{
	const char *name = json_string_value(json_array_get(list, i));
	struct ifnet *ifp = name != NULL ? ifnet_by_name(name) : NULL;

	if (ifp == NULL)
		(void)ctl_error(req, ENXIO, "%s: no such interface", name != NULL ? name : "interfaces");
	return ifp;
}

static int
m_start(struct ctl_req *req, json_t *params, json_t **result)
{
	json_t *list = json_object_get(params, "interfaces");
	const char *text = json_string_value(json_object_get(params, "conf"));
	const char *file = json_string_value(json_object_get(params, "file"));
	bool fixed = json_is_true(json_object_get(params, "static"));
	char err[512];
	int error;

	ASSERT_CONTROL();
	if (json_array_size(list) == 0)
		return ctl_error(req, EINVAL, "interfaces: one is needed");
	if (text != NULL && strlen(text) > MAXTEXT)
		return ctl_error(req, EFBIG, "conf: more than %d octets", MAXTEXT);
	/* All are looked at before anything is done. */
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct ifnet *ifp = named(req, list, i);
		struct rtadv_conf *conf;
		uint32_t mtu;

		if (ifp == NULL)
			return -ENXIO;
		if ((ifp->if_flags & (IFF_SMP_LOOPBACK | IFF_SMP_MULTICAST)) != IFF_SMP_MULTICAST)
			return ctl_error(req, EINVAL, "%s: no interface for router advertisements", ifp->if_xname);
		conf = rtadv_conf_parse(file, text, ifp->if_xname, err, sizeof(err));
		if (conf == NULL)
			return ctl_error(req, EINVAL, "%s", err);
		mtu = conf->mtu;
		rtadv_conf_free(conf);
		if (mtu > ifp->if_mtu)
			return ctl_error(req, EINVAL, "%s: mtu: %u is more than the interface's %u",
			    file != NULL ? file : ifp->if_xname, mtu, ifp->if_mtu);
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct ifnet *ifp = named(req, list, i);
		struct rtadv_conf *conf = rtadv_conf_parse(file, text, ifp->if_xname, err, sizeof(err));
		char *name = file != NULL ? strdup(file) : NULL;

		error = conf == NULL || (file != NULL && name == NULL) ? -ENOMEM : rtadv_start(ifp, conf, name, fixed);
		if (error != 0) {
			rtadv_conf_free(conf);
			free(name);
			return error;
		}
	}
	return 0;
}

static int
m_stop(struct ctl_req *req, json_t *params, json_t **result)
{
	json_t *list = json_object_get(params, "interfaces");

	ASSERT_CONTROL();
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct ifnet *ifp = named(req, list, i);

		if (ifp == NULL)
			return -ENXIO;
		if (rtadv_find(ifp) == NULL)
			return ctl_error(req, ENOENT, "%s: no router advertisements are sent", ifp->if_xname);
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct rtadv *ra = rtadv_find(named(req, list, i));

		if (ra != NULL) /* named twice: gone by now */
			rtadv_stop(ra);
	}
	return 0;
}

static json_t *
prefix_json(const struct rtadv *ra, const struct rtadv_prefix *p, bool configured)
{
	char text[INET6_ADDRSTRLEN + 5];
	uint32_t vltime = p->vltime, pltime = p->pltime;

	inet_ntop(AF_INET6, &p->prefix, text, INET6_ADDRSTRLEN);
	snprintf(text + strlen(text), 5, "/%u", p->plen);
	if (configured)
		rtadv_lifetimes(ra, p, &vltime, &pltime);
	return json_pack("{s:s,s:I,s:I,s:b,s:b,s:b}", "prefix", text, "vltime", (json_int_t)vltime, "pltime",
	    (json_int_t)pltime, "onlink", (p->flags & RTADV_P_ONLINK) != 0, "autonomous",
	    (p->flags & RTADV_P_AUTO) != 0, "configured", configured);
}

static json_t *
sender_json(const struct rtadv *ra)
{
	const struct rtadv_conf *conf = ra->conf;
	json_t *prefixes = json_array(), *o;
	uint64_t now = mp_now_ms();

	for (unsigned i = 0; i < conf->nprefix; i++)
		json_array_append_new(prefixes, prefix_json(ra, &conf->prefix[i], true));
	for (unsigned i = 0; i < ra->nprefix; i++)
		json_array_append_new(prefixes, prefix_json(ra, &ra->prefix[i], false));
	o = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:b,s:I,s:I,s:I,s:I,s:i,s:i,s:i,s:o}", "interface",
	    ra->ifp->if_xname, "state", rtadv_state(ra), "maxinterval", (json_int_t)conf->maxinterval, "mininterval",
	    (json_int_t)conf->mininterval, "hoplimit", (json_int_t)conf->chlim, "lifetime", (json_int_t)conf->rltime,
	    "reachable", (json_int_t)conf->rtime, "retrans", (json_int_t)conf->retrans, "managed",
	    (conf->flags & RTADV_F_MANAGED) != 0, "other", (conf->flags & RTADV_F_OTHER) != 0, "mtu",
	    (json_int_t)(conf->mtu_auto ? ra->ifp->if_mtu : conf->mtu), "sent", (json_int_t)ra->sent, "solicited",
	    (json_int_t)ra->solicited, "inconsistent", (json_int_t)ra->inconsistent, "routes", (int)conf->nroute,
	    "rdnss", (int)conf->nrdnss, "dnssl", (int)conf->ndnssl, "prefixes", prefixes);
	if (ra->file != NULL)
		json_object_set_new(o, "file", json_string(ra->file));
	if (ra->next != 0)
		json_object_set_new(o, "next_ms", json_integer(ra->next > now ? (json_int_t)(ra->next - now) : 0));
	return o;
}

static int
m_list(struct ctl_req *req, json_t *params, json_t **result)
{
	struct rtadv *ra;

	ASSERT_CONTROL();
	*result = json_array();
	TAILQ_FOREACH (ra, &rtadv_list, list)
		json_array_append_new(*result, sender_json(ra));
	return 0;
}

const struct ctl_method rtadv_methods[] = {
    {"rtadv.start", m_start,
	(const struct ctl_param[]){
	    {"interfaces", "array"}, {"conf", "string?"}, {"file", "string?"}, {"static", "bool?"}, {NULL, NULL}},
	"sends router advertisements on interfaces"},
    {"rtadv.stop", m_stop, (const struct ctl_param[]){{"interfaces", "array"}, {NULL, NULL}},
	"stops sending them, after saying so"},
    {"rtadv.list", m_list, NULL, "the interfaces that send router advertisements"},
    {NULL},
};
