/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When router advertisements are sent (RFC 4861 section 6.2): at random intervals, the first ones faster, in answer to
 * solicitations, once more with a lifetime of 0 at the end.
 *
 * An interface sends while it is up with a link and this router forwards; with a router lifetime of 0 in the
 * configuration a host sends as well.
 */
/*
 * Synchronization: control only.
 * Lifetime: in rtadv_var.h.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_random.h>

#include "cmd.h"
#include "ip/group.h"
#include "ip6/ip6_var.h"
#include "ip6/rtadv_var.h"

#define LAST_WAIT_US 2000 /* for a worker to take the last advertisement before the interface goes down */

struct rtadv_head rtadv_list = TAILQ_HEAD_INITIALIZER(rtadv_list);

static const union in_any allrouters = {.in6 = {{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}}}};

struct rtadv *
rtadv_find(const struct ifnet *ifp)
{
	struct rtadv *ra;

	TAILQ_FOREACH (ra, &rtadv_list, list)
		if (ra->ifp == ifp)
			return ra;
	return NULL;
}

const char *
rtadv_state(const struct rtadv *ra)
{
	if (ra->final > 0)
		return "stopping";
	return ra->active ? "sending" : "waiting";
}

static bool
may_send(const struct rtadv *ra)
{
	const uint32_t want = IFF_SMP_UP | IFF_SMP_RUNNING;

	return (ra->ifp->if_flags & want) == want && ra->ifp->if_linkstate != LINK_DOWN &&
	       (SETTING(ip6_forwarding) || ra->conf->rltime == 0);
}

static void
arm(struct rtadv *ra)
{
	uint64_t now = mp_now_ms(), ms;
	struct timeval tv;

	if (ra->next == 0) {
		evtimer_del(ra->timer);
		return;
	}
	ms = ra->next > now ? ra->next - now : 0;
	tv = (struct timeval){.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
	evtimer_add(ra->timer, &tv);
}

/* The next one comes by itself. */
static void
schedule(struct rtadv *ra)
{
	uint64_t ms = ra->conf->mininterval * UINT64_C(1000) +
		      rte_rand_max((ra->conf->maxinterval - ra->conf->mininterval) * UINT64_C(1000) + 1);

	if (ra->initial > 0) {
		ra->initial--;
		ms = RTE_MIN(ms, (uint64_t)RTADV_INITIAL_MS);
	}
	ra->next = mp_now_ms() + ms;
	arm(ra);
}

/* One is wanted within ms, but not too soon after the last. */
static void
hurry(struct rtadv *ra, uint32_t ms)
{
	uint64_t when = mp_now_ms() + rte_rand_max(ms + 1);

	if (ra->last != 0 && when < ra->last + RTADV_MINDELAY_MS)
		when = ra->last + RTADV_MINDELAY_MS + rte_rand_max(RTADV_ANSWER_MS);
	if (ra->next == 0 || when < ra->next) {
		ra->next = when;
		arm(ra);
	}
}

static void
rtadv_free(struct rtadv *ra)
{
	TAILQ_REMOVE(&rtadv_list, ra, list);
	in_group_leave(ra->ifp, AF_INET6, &allrouters);
	event_free(ra->timer);
	rtadv_conf_free(ra->conf);
	free(ra->prefix);
	free(ra->file);
	free(ra);
}

static bool
among(const struct rtadv_prefix *list, unsigned n, const struct in6_addr *prefix, uint8_t plen)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i].plen == plen && memcmp(&list[i].prefix, prefix, sizeof(*prefix)) == 0)
			return true;
	return false;
}

/* A prefix that was advertised and is not any more is for some time told to be over. */
static void
withdraw(struct rtadv *ra, const struct rtadv_prefix *p)
{
	for (unsigned i = 0; i < ra->ngone; i++) {
		if (ra->gone[i].plen == p->plen && memcmp(&ra->gone[i].prefix, &p->prefix, sizeof(p->prefix)) == 0) {
			ra->gone[i].left = RTADV_FINAL;
			return;
		}
	}
	if (ra->ngone == RTADV_MAXPREFIX)
		return;
	ra->gone[ra->ngone].prefix = p->prefix;
	ra->gone[ra->ngone].plen = p->plen;
	ra->gone[ra->ngone].flags = p->flags;
	ra->gone[ra->ngone++].left = RTADV_FINAL;
}

/* What the interface's addresses say now, and what of it has gone: true if that is news */
static bool
follow(struct rtadv *ra)
{
	struct rtadv_prefix *now, *old = ra->prefix;
	unsigned n, nold = ra->nprefix;
	bool changed;

	now = rtadv_if_prefixes(ra, &n);
	changed = n != nold;
	for (unsigned i = 0; i < nold; i++) {
		if (!among(now, n, &old[i].prefix, old[i].plen)) {
			changed = true;
			withdraw(ra, &old[i]);
		}
	}
	for (unsigned i = ra->ngone; i > 0; i--)
		if (among(now, n, &ra->gone[i - 1].prefix, ra->gone[i - 1].plen) ||
		    among(ra->conf->prefix, ra->conf->nprefix, &ra->gone[i - 1].prefix, ra->gone[i - 1].plen))
			ra->gone[i - 1] = ra->gone[--ra->ngone];
	free(old);
	ra->prefix = now;
	ra->nprefix = n;
	return changed;
}

static void
due(evutil_socket_t fd, short what, void *arg)
{
	struct rtadv *ra = arg;

	ASSERT_CONTROL();
	ra->next = 0;
	(void)follow(ra);
	if (ra->final > 0) {
		if (ra->active)
			rtadv_send(ra, true);
		if (--ra->final == 0 || !ra->active) {
			rtadv_free(ra);
			return;
		}
		ra->next = mp_now_ms() + RTADV_MINDELAY_MS;
		arm(ra);
		return;
	}
	if (!ra->active)
		return;
	rtadv_send(ra, false);
	schedule(ra);
}

/* Begins when everything is there for it, ends when not. */
static void
activate(struct rtadv *ra)
{
	bool active = may_send(ra);

	if (active && !ra->active && ra->final == 0) {
		ra->initial = RTADV_INITIAL;
		ra->next = 0;
		ra->active = true;
		hurry(ra, RTADV_ANSWER_MS);
	} else if (!active && ra->active) {
		ra->next = 0;
		ra->active = false;
		if (ra->final > 0)
			ra->next = mp_now_ms(); /* nobody is to be told */
		arm(ra);
	}
}

int
rtadv_start(struct ifnet *ifp, struct rtadv_conf *conf, char *file, bool fixed)
{
	struct rtadv *ra = rtadv_find(ifp);
	int error;

	ASSERT_CONTROL();
	if (ra == NULL) {
		ra = calloc(1, sizeof(*ra));
		if (ra == NULL || (ra->timer = evtimer_new(mp_base, due, ra)) == NULL) {
			free(ra);
			return -ENOMEM;
		}
		error = in_group_join(ifp, AF_INET6, &allrouters);
		if (error != 0) {
			event_free(ra->timer);
			free(ra);
			return error;
		}
		ra->ifp = ifp;
		TAILQ_INSERT_TAIL(&rtadv_list, ra, list);
	} else {
		for (unsigned i = 0; ra->sent > 0 && i < ra->conf->nprefix; i++)
			withdraw(ra, &ra->conf->prefix[i]);
		rtadv_conf_free(ra->conf);
		free(ra->file);
	}
	ra->conf = conf;
	ra->file = file;
	ra->fixed = fixed;
	ra->final = 0;
	ra->active = false;
	ra->started = mp_now_ms();
	(void)follow(ra);
	activate(ra);
	if (!SETTING(ip6_forwarding) && conf->rltime != 0)
		mp_log(MP_LOG_WARNING, "%s: router advertisements wait until net.inet6.ip6.forwarding is 1",
		    ifp->if_xname);
	return 0;
}

void
rtadv_stop(struct rtadv *ra)
{
	ASSERT_CONTROL();
	if (!ra->active || ra->sent == 0) {
		rtadv_free(ra); /* nobody has been told anything */
		return;
	}
	if (ra->final > 0)
		return;
	ra->final = RTADV_FINAL;
	ra->next = mp_now_ms();
	arm(ra);
}

void
rtadv_solicited(struct ifnet *ifp)
{
	struct rtadv *ra = rtadv_find(ifp);

	ASSERT_CONTROL();
	if (ra == NULL || !ra->active || ra->final > 0)
		return;
	ra->solicited++;
	hurry(ra, RTADV_ANSWER_MS);
}

void
rtadv_ifaddr_changed(struct ifnet *ifp)
{
	struct rtadv *ra = rtadv_find(ifp);

	ASSERT_CONTROL();
	if (ra == NULL)
		return;
	activate(ra);
	if (follow(ra) && ra->active && ra->final == 0) {
		ra->initial = RTADV_INITIAL;
		hurry(ra, RTADV_ANSWER_MS);
	}
}

/*
 * RFC 4861 section 6.2.5.  The packet goes by a worker, who must see the interface up: so control gives it a moment,
 * a bounded one.
 */
void
rtadv_ifnet_down(struct ifnet *ifp)
{
	struct rtadv *ra = rtadv_find(ifp);
	const struct timespec nap = {.tv_nsec = 50000};
	struct if_stats before, now;

	ASSERT_CONTROL();
	if (ra == NULL || !ra->active)
		return;
	if (ra->sent > 0) {
		if_stats_sum(ifp, &before);
		rtadv_send(ra, true);
		for (unsigned us = 0; us < LAST_WAIT_US; us += 100) {
			nanosleep(&nap, NULL);
			if_stats_sum(ifp, &now);
			if (now.opackets > before.opackets)
				break;
		}
	}
	ra->active = false;
	ra->next = ra->final > 0 ? mp_now_ms() : 0;
	arm(ra);
}

void
rtadv_ifnet_detach(struct ifnet *ifp)
{
	struct rtadv *ra = rtadv_find(ifp);

	ASSERT_CONTROL();
	if (ra != NULL)
		rtadv_free(ra);
}

void
rtadv_forwarding_changed(void)
{
	struct rtadv *ra;

	ASSERT_CONTROL();
	TAILQ_FOREACH (ra, &rtadv_list, list) {
		/* RFC 4861 section 6.2.8: a router that becomes a host says so */
		if (ra->active && !may_send(ra) && ra->sent > 0)
			rtadv_send(ra, true);
		activate(ra);
	}
}

void
rtadv_config_save(void (*line)(void *, const char *), void *arg)
{
	struct rtadv *ra;

	ASSERT_CONTROL();
	TAILQ_FOREACH (ra, &rtadv_list, list) {
		char *quoted = ra->file != NULL ? cmd_quote(ra->file) : NULL, *text;

		if (ra->final == 0 &&
		    asprintf(&text, "rtadvd%s%s%s %s", ra->fixed ? " -s" : "", quoted != NULL ? " -c " : "",
			quoted != NULL ? quoted : "", ra->ifp->if_xname) >= 0) {
			line(arg, text);
			free(text);
		}
		free(quoted);
	}
}
