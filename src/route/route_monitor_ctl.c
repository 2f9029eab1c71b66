/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routing table: messages to monitors (streams of route.monitor) and to listeners in the process.
 *
 * Synchronization: control only.
 * Lifetime: a monitor lives from rt_monitor_open until its stream has closed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "route/route_methods.h"
#include "route/route_var.h"

#define RT_LISTENERS 8

struct rt_monitor {
	LIST_ENTRY(rt_monitor) link; /* [c] */
	struct ctl_stream *stream;   /* [c] */
	int64_t left;		     /* [c] events to go, < 0: no end */
	bool ending;		     /* [c] */
};

static LIST_HEAD(, rt_monitor) monitors = LIST_HEAD_INITIALIZER(monitors); /* [c] */
static void (*listeners[RT_LISTENERS])(const struct rt_msg *);		   /* [c] */
static unsigned nlisteners;						   /* [c] */

int
rt_listen(void (*fn)(const struct rt_msg *))
{
	ASSERT_CONTROL();
	if (nlisteners == RT_LISTENERS)
		return -ENOSPC;
	listeners[nlisteners++] = fn;
	return 0;
}

static void
rt_monitor_closed(void *arg)
{
	struct rt_monitor *mon = arg;

	LIST_REMOVE(mon, link);
	free(mon);
}

/* => control; a new monitor's stream; count events, < 0: no end.  NULL: no client, or no memory */
struct ctl_stream *
rt_monitor_open(struct ctl_req *req, int64_t count)
{
	struct rt_monitor *mon = calloc(1, sizeof(*mon));

	ASSERT_CONTROL();
	if (mon == NULL)
		return NULL;
	mon->left = count;
	mon->stream = ctl_stream_open(req, rt_monitor_closed, mon);
	if (mon->stream == NULL) {
		free(mon);
		return NULL;
	}
	LIST_INSERT_HEAD(&monitors, mon, link);
	return mon->stream;
}

static void
rt_monitor_send(json_t *event)
{
	struct rt_monitor *mon, *next;

	for (mon = LIST_FIRST(&monitors); mon != NULL; mon = next) {
		next = LIST_NEXT(mon, link);
		if (mon->ending)
			continue;
		(void)ctl_stream_send(mon->stream, json_incref(event));
		if (mon->left > 0 && --mon->left == 0) {
			mon->ending = true;
			ctl_stream_end(mon->stream, NULL);
		}
	}
	json_decref(event);
}

/* => control, at the end */
void
rt_monitor_fini(void)
{
	struct rt_monitor *mon, *next;

	for (mon = LIST_FIRST(&monitors); mon != NULL; mon = next) {
		next = LIST_NEXT(mon, link);
		if (!mon->ending)
			ctl_stream_end(mon->stream, NULL);
	}
	nlisteners = 0;
}

static const char *
rt_msg_name(enum rtmsg_type type)
{
	switch (type) {
	case RTMSG_ADD:
		return "RTM_ADD";
	case RTMSG_DELETE:
		return "RTM_DELETE";
	case RTMSG_CHANGE:
		return "RTM_CHANGE";
	case RTMSG_REDIRECT:
		return "RTM_REDIRECT";
	case RTMSG_MISS:
		return "RTM_MISS";
	case RTMSG_IFANNOUNCE:
		return "RTM_IFANNOUNCE";
	case RTMSG_IFINFO:
		return "RTM_IFINFO";
	case RTMSG_NEWADDR:
		return "RTM_NEWADDR";
	case RTMSG_DELADDR:
		return "RTM_DELADDR";
	}
	return "RTM_OTHER";
}

static void
rt_msg_mask(int family, unsigned plen, char *text, size_t len)
{
	struct rt_key all = {~0ull, ~0ull}, k = rt_key_mask(all, plen);
	union in_any a;

	rt_key_addr(family, &k, &a);
	if (plen == 0)
		snprintf(text, len, "default");
	else
		inet_ntop(family, &a, text, len);
}

static json_t *
rt_msg_event(const struct rt_msg *m)
{
	uint32_t flags = m->flags | RTF_DONE;
	char text[RT_ADDRLEN];
	json_t *o = json_pack("{s:s,s:i,s:I}", "type", rt_msg_name(m->type), "errno", 0, "flagbits", (json_int_t)flags);
	const struct ifnet *ifp = m->ifp;

	json_object_set_new(o, "flags", rt_flag_names(flags));
	rt_format_dst(m->family, &m->dst, m->plen, text, sizeof(text));
	json_object_set_new(o, "dst", json_string(m->plen == 0 ? "default" : text));
	if (m->has_gw)
		rt_format(m->family, &m->gw, ifp, text, sizeof(text));
	else if (m->lladdr != NULL)
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m->lladdr[0], m->lladdr[1], m->lladdr[2],
		    m->lladdr[3], m->lladdr[4], m->lladdr[5]);
	else if (ifp != NULL)
		snprintf(text, sizeof(text), "link#%u", ifp->if_index);
	else
		text[0] = '\0';
	if (text[0] != '\0')
		json_object_set_new(o, "gateway", json_string(text));
	if (!(flags & RTF_HOST) && m->type != RTMSG_MISS) {
		rt_msg_mask(m->family, m->plen, text, sizeof(text));
		json_object_set_new(o, "netmask", json_string(text));
	}
	if (ifp != NULL) { /* not "interface": NetBSD's message has no IFP here */
		json_object_set_new(o, "ifname", json_string(ifp->if_xname));
		json_object_set_new(o, "index", json_integer(ifp->if_index));
	}
	if (m->has_author) {
		rt_format(m->family, &m->author, ifp, text, sizeof(text));
		json_object_set_new(o, "author", json_string(text));
	}
	return o;
}

void
rt_notify(const struct rt_msg *m)
{
	ASSERT_CONTROL();
	for (unsigned i = 0; i < nlisteners; i++)
		listeners[i](m);
	if (!LIST_EMPTY(&monitors))
		rt_monitor_send(rt_msg_event(m));
}

void
rt_notify_miss(int family, const union in_any *dst)
{
	struct rt_msg m = {.type = RTMSG_MISS, .family = family, .plen = rt_table_of(family)->bits, .dst = *dst};

	rt_notify(&m);
}

void
rt_notify_ifaddr(struct ifaddr *ifa, bool added)
{
	struct rt_msg m = {
	    .type = added ? RTMSG_NEWADDR : RTMSG_DELADDR,
	    .family = ifa->ifa_family,
	    .plen = ifa->ifa_plen,
	    .dst = ifa->ifa_addr,
	    .ifp = ifa->ifa_ifp,
	    .ifa = ifa,
	};
	char text[RT_ADDRLEN];
	json_t *o;

	ASSERT_CONTROL();
	for (unsigned i = 0; i < nlisteners; i++)
		listeners[i](&m);
	if (LIST_EMPTY(&monitors))
		return;
	o = json_pack("{s:s,s:i,s:[],s:i,s:s,s:i}", "type", rt_msg_name(m.type), "errno", 0, "flags", "flagbits", 0,
	    "interface", ifa->ifa_ifp->if_xname, "index", ifa->ifa_ifp->if_index);
	rt_msg_mask(ifa->ifa_family, ifa->ifa_plen, text, sizeof(text));
	json_object_set_new(o, "netmask", json_string(text));
	rt_format(ifa->ifa_family, &ifa->ifa_addr, ifa->ifa_ifp, text, sizeof(text));
	json_object_set_new(o, "ifa", json_string(text));
	if (ifa->ifa_has_dst || ifa->ifa_has_brd) {
		rt_format(ifa->ifa_family, ifa->ifa_has_dst ? &ifa->ifa_dst : &ifa->ifa_brd, ifa->ifa_ifp, text,
		    sizeof(text));
		json_object_set_new(o, "broadcast", json_string(text));
	}
	rt_monitor_send(o);
}

void
rt_notify_ifinfo(struct ifnet *ifp)
{
	static const char *const states[] = {"unknown", "down", "up"};
	struct rt_msg m = {.type = RTMSG_IFINFO, .ifp = ifp};
	uint32_t state = ifp->if_linkstate;

	ASSERT_CONTROL();
	for (unsigned i = 0; i < nlisteners; i++)
		listeners[i](&m);
	if (!LIST_EMPTY(&monitors))
		rt_monitor_send(json_pack("{s:s,s:s,s:i,s:s,s:I,s:o}", "type", rt_msg_name(m.type), "ifname",
		    ifp->if_xname, "index", ifp->if_index, "linkstate", states[state <= LINK_UP ? state : 0],
		    "flagbits", (json_int_t)ifp->if_flags, "flags", rt_if_flag_names(ifp->if_flags)));
}

void
rt_notify_ifannounce(struct ifnet *ifp, bool arrival)
{
	struct rt_msg m = {.type = RTMSG_IFANNOUNCE, .ifp = ifp};

	ASSERT_CONTROL();
	for (unsigned i = 0; i < nlisteners; i++)
		listeners[i](&m);
	if (!LIST_EMPTY(&monitors))
		rt_monitor_send(json_pack("{s:s,s:s,s:i,s:s}", "type", rt_msg_name(m.type), "ifname", ifp->if_xname,
		    "index", ifp->if_index, "what", arrival ? "arrival" : "departure"));
}
