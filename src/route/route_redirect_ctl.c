/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Redirects that are honoured (RFC 1122 section 3.2.2.2, RFC 4861 section 8.3): a host route by the better gateway, for a
 * while; a host route that is there already leads by it for that time.
 *
 * Synchronization: control only.
 * Lifetime: what the administrator asked for (re_asked) belongs to its entry until the redirect's time is over, he changes
 * the route, or it goes.
 */
#include <stdlib.h>
#include <string.h>

#include "route/route_var.h"

#define REDIRECT_RETRY_MS 10000 /* after which a gateway that could not be had back is tried again */

static unsigned redirect_count[2]; /* [c] routes made here, IPv4, IPv6 */

static void
redirect_notify(struct rtentry *e, const struct rt_redirect *r)
{
	struct rt_table *t = rt_table_of(r->family);
	struct rt_msg m = {.type = RTMSG_REDIRECT,
	    .family = r->family,
	    .plen = (uint8_t)t->bits,
	    .flags = rt_entry_flags(e),
	    .dst = r->dst,
	    .ifp = r->ifp,
	    .has_gw = true,
	    .gw = r->gateway,
	    .has_author = true,
	    .author = r->from};

	rt_notify(&m);
}

/* The path of the entry that the redirect's sender is the gateway of, or NULL */
static const struct rt_gpath *
redirect_path(const struct rtentry *e, const struct rt_redirect *r)
{
	size_t len = r->family == AF_INET ? sizeof(r->from.in4) : sizeof(r->from.in6);

	if (e == NULL || e->re_group == NULL || (e->re_flags & (RTF_REJECT | RTF_BLACKHOLE)))
		return NULL;
	for (unsigned i = 0; i < e->re_group->npaths; i++) {
		const struct rt_gw *gw = e->re_group->paths[i].gw;

		if (gw->has_gw && gw->ifp == r->ifp && memcmp(&gw->addr, &r->from, len) == 0)
			return &e->re_group->paths[i];
	}
	return NULL;
}

/* The administrator's host route leads by another gateway: what he asked for is kept. */
static enum mp_drop
redirect_modify(struct rtentry *e, struct rt_spec *s)
{
	const struct rt_gpath *p = &e->re_group->paths[0];
	struct rt_path *asked = e->re_asked;

	if (asked == NULL) {
		asked = malloc(sizeof(*asked));
		if (asked == NULL)
			return DROP_NOBUF;
		*asked = (struct rt_path){.has_gw = p->gw->has_gw,
		    .gw = p->gw->addr,
		    .gw_ifindex = p->gw->ifindex,
		    .weight = p->weight,
		    .mtu = p->mtu};
	}
	s->flags_mask = RTF_MODIFIED;
	e->re_asked = asked;
	if (rt_change(s) == 0)
		return DROP_COUNT;
	if (!(e->re_flags & RTF_MODIFIED))
		rt_redirect_forget(e);
	return DROP_REDIRECT_ROUTE;
}

enum mp_drop
rt_redirect(const struct rt_redirect *r)
{
	struct rt_table *t = rt_table_of(r->family);
	struct rtentry *e = rt_entry_match(r->family, &r->dst);
	struct rt_path path = {.has_gw = true, .gw = r->gateway, .gw_ifindex = r->ifp->if_index, .weight = 1};
	struct rt_spec s = {.family = (uint8_t)r->family,
	    .plen = (uint8_t)t->bits,
	    .dst = r->dst,
	    .paths = &path,
	    .npaths = 1,
	    .expire = r->expire};
	struct rt_key key = rt_key_make(r->family, &r->dst, 0);
	enum mp_drop reason = DROP_COUNT;

	ASSERT_CONTROL();
	if (redirect_path(e, r) == NULL)
		return DROP_REDIRECT_SENDER;
	if (memcmp(&r->gateway, &r->from, sizeof(r->from)) == 0)
		return DROP_REDIRECT_TARGET;
	if (e->re_node->rn_plen == t->bits && e->re_timed != NULL && e->re_timed->made)
		rt_delete_entry(t, e); /* a path MTU, of a path that is not taken any more */
	else if (e->re_node->rn_plen == t->bits) {
		if (e->re_group->npaths > 1 || (rt_entry_ends(e) && e->re_asked == NULL && !e->re_redirected))
			return DROP_REDIRECT_ROUTE; /* one that goes by itself has no other time */
		s.flags = RTF_MODIFIED;		    /* it is not the administrator who changes it */
		if (e->re_redirected)
			reason = rt_change(&s) == 0 ? DROP_COUNT : DROP_REDIRECT_ROUTE;
		else
			reason = redirect_modify(e, &s);
		if (reason == DROP_COUNT)
			redirect_notify(e, r);
		return reason;
	}
	if (redirect_count[r->family != AF_INET] >= r->max)
		return DROP_REDIRECT_FULL;
	s.flags = RTF_DYNAMIC | RTF_LEARNED;
	if (rt_add(&s) != 0)
		return DROP_REDIRECT_ROUTE;
	e = rt_node_visible(rib_find(t, &key, t->bits));
	e->re_redirected = true;
	redirect_count[r->family != AF_INET]++;
	redirect_notify(e, r);
	return DROP_COUNT;
}

/* => control; the entry is leaving the table, or leads where the administrator wants from now on */
void
rt_redirect_forget(struct rtentry *e)
{
	ASSERT_CONTROL();
	if (e->re_redirected)
		redirect_count[e->re_group->family != AF_INET]--;
	e->re_redirected = false;
	e->re_flags &= ~(uint32_t)RTF_MODIFIED;
	free(e->re_asked);
	e->re_asked = NULL;
}

/* => control; the entry's time is over: true if it was a redirect's, and the route leads where it was asked to again */
bool
rt_redirect_expired(struct rtentry *e)
{
	struct rt_table *t = rt_table_of(e->re_group->family);
	struct rt_path asked;
	struct rt_spec s = {.family = (uint8_t)t->family,
	    .plen = (uint8_t)t->bits,
	    .paths = &asked,
	    .npaths = 1,
	    .flags_mask = RTF_MODIFIED};

	ASSERT_CONTROL();
	if (e->re_asked == NULL)
		return false;
	asked = *e->re_asked;
	rt_key_addr(t->family, &e->re_node->rn_key, &s.dst);
	rt_expire_clear(e);
	if (rt_change(&s) != 0 && e->re_asked != NULL)
		(void)rt_expire_set(e, mp_now_ms() + REDIRECT_RETRY_MS, 0);
	return true;
}
