/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When membership is reported: changes as often as the querier's robustness asks for, answers to queries after a random
 * delay, older versions where an older querier was heard (RFC 3376 sections 5 and 7, RFC 3810 sections 6 and 8).
 *
 * However many queries there are, an interface answers once in GROUP_QUIET_MS, and what is remembered of them is one
 * time for the interface and one for each group, with at most GROUP_MAXSRC sources.
 */
/*
 * Synchronization: control only.
 * Lifetime: in group_var.h.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include <rte_random.h>

#include "ip/group_var.h"
#include "ip/ip_var.h"
#include "ip6/ip6_var.h"

/* => below or equal to ms */
static uint64_t
random_ms(uint32_t ms)
{
	return rte_rand_max((uint64_t)ms + 1);
}

bool
group_told(const struct group_if *gi, const union in_any *addr)
{
	static const struct in6_addr allnodes = {{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};

	if (gi->gi_family == AF_INET)
		return addr->in4.s_addr != htonl(INADDR_ALLHOSTS_GROUP);
	return IN6_MC_SCOPE(&addr->in6) > IN6_SCOPE_INTERFACE && memcmp(&addr->in6, &allnodes, sizeof(allnodes)) != 0;
}

static void
forget_question(struct in_group *g)
{
	g->g_answer = 0;
	g->g_nsrc = 0;
	free(g->g_src);
	g->g_src = NULL;
}

void
group_quieten(struct group_if *gi)
{
	gi->gi_general = gi->gi_change = 0;
	for (uint32_t i = gi->gi_n; i > 0; i--) {
		struct in_group *g = gi->gi_group[i - 1];

		forget_question(g);
		g->g_change = 0;
		(void)group_reap(gi, g);
	}
}

void
group_announce(struct group_if *gi)
{
	for (uint32_t i = 0; i < gi->gi_n; i++)
		if (GROUP_IS_MEMBER(gi->gi_group[i]) && group_told(gi, &gi->gi_group[i]->g_addr))
			gi->gi_group[i]->g_change = gi->gi_robust;
	gi->gi_change = 1;
	gi->gi_filter = true;
	group_arm(gi);
}

void
group_changed(struct group_if *gi, struct in_group *g)
{
	bool leave = !GROUP_IS_MEMBER(g);

	gi->gi_filter = true;
	if (leave)
		forget_question(g);
	if (gi->gi_active && group_told(gi, &g->g_addr)) {
		if (leave && gi->gi_version != GROUP_NEW) {
			/* RFC 2236 section 3, RFC 2710 section 4: once, and only if nobody else reported since */
			if (gi->gi_version == GROUP_OLD && g->g_last) {
				if (gi->gi_family == AF_INET)
					igmp_send_old(gi, g, true);
				else
					mld_send_old(gi, g, true);
			}
			g->g_change = 0;
		} else {
			g->g_change = gi->gi_robust;
			gi->gi_change = 1;
		}
	} else
		g->g_change = 0;
	(void)group_reap(gi, g);
	group_arm(gi);
}

/* A report of the new version goes as soon as it is full, and at the end. */
static void
report_begin(struct group_report *r, struct group_if *gi)
{
	uint32_t mtu = atomic_load_explicit(&gi->gi_ifp->if_mtu, memory_order_relaxed);

	r->gi = gi;
	r->max = mtu < sizeof(r->buf) ? mtu : sizeof(r->buf);
	r->records = 0;
	if (gi->gi_family == AF_INET)
		igmp_report_begin(r);
	else
		mld_report_begin(r);
	r->len = r->head;
}

static void
report_end(struct group_report *r)
{
	if (r->records > 0) {
		if (r->gi->gi_family == AF_INET)
			igmp_report_send(r);
		else
			mld_report_send(r);
	}
}

static void
report_add(struct group_report *r, enum group_record type, const struct in_group *g, bool sources)
{
	unsigned alen = group_addrlen(r->gi), nsrc = sources ? g->g_nsrc : 0, size = 4 + alen * (1 + nsrc);
	uint8_t *p;

	if (r->len + size > r->max && r->records > 0) {
		report_end(r);
		report_begin(r, r->gi);
	}
	if (r->len + size > r->max)
		return; /* the link carries nothing of use */
	p = r->buf + r->len;
	p[0] = (uint8_t)type;
	p[1] = 0;
	p[2] = (uint8_t)(nsrc >> 8);
	p[3] = (uint8_t)nsrc;
	memcpy(p + 4, &g->g_addr, alen);
	for (unsigned i = 0; i < nsrc; i++)
		memcpy(p + 4 + alen * (i + 1), &g->g_src[i], alen);
	r->len += size;
	r->records++;
}

static void
send_old(struct group_if *gi, struct in_group *g)
{
	g->g_last = true;
	if (gi->gi_family == AF_INET)
		igmp_send_old(gi, g, false);
	else
		mld_send_old(gi, g, false);
}

/* Reports of what was joined and left since */
static void
run_changes(struct group_if *gi, uint64_t now)
{
	struct group_report r;
	bool more = false;

	if (gi->gi_change == 0 || now < gi->gi_change)
		return;
	report_begin(&r, gi);
	for (uint32_t i = gi->gi_n; i > 0; i--) {
		struct in_group *g = gi->gi_group[i - 1];

		if (g->g_change == 0)
			continue;
		g->g_change--;
		more = more || g->g_change > 0;
		if (gi->gi_version == GROUP_NEW)
			report_add(&r, GROUP_IS_MEMBER(g) ? GROUP_TO_EXCLUDE : GROUP_TO_INCLUDE, g, false);
		else if (GROUP_IS_MEMBER(g))
			send_old(gi, g);
		(void)group_reap(gi, g);
	}
	report_end(&r);
	gi->gi_change = more ? now + 1 + random_ms(gi->gi_version == GROUP_NEW ? GROUP_URI_MS : GROUP_OLD_URI_MS) : 0;
}

/* Answers to queries */
static void
run_answers(struct group_if *gi, uint64_t now)
{
	bool general = gi->gi_general != 0 && now >= gi->gi_general, any = false;
	struct group_report r;

	if (now < gi->gi_quiet)
		return;
	report_begin(&r, gi);
	for (uint32_t i = 0; i < gi->gi_n; i++) {
		struct in_group *g = gi->gi_group[i];
		bool asked = g->g_answer != 0 && now >= g->g_answer;

		if (!(general || asked) || !GROUP_IS_MEMBER(g) || !group_told(gi, &g->g_addr))
			continue;
		any = true;
		if (gi->gi_version != GROUP_NEW)
			send_old(gi, g);
		else if (general || g->g_nsrc == 0)
			report_add(&r, GROUP_IS_EXCLUDE, g, false);
		else /* RFC 3810 section 6.3: everything from them is wanted */
			report_add(&r, GROUP_IS_INCLUDE, g, true);
		forget_question(g);
	}
	report_end(&r);
	if (general)
		gi->gi_general = 0;
	if (any)
		gi->gi_quiet = now + GROUP_QUIET_MS;
}

/* The version by the queriers heard lately; with another one nothing that was to be sent is right any more. */
static void
set_version(struct group_if *gi, uint64_t now)
{
	uint8_t version = now < gi->gi_oldest_until ? GROUP_OLDEST : now < gi->gi_old_until ? GROUP_OLD : GROUP_NEW;

	if (version == gi->gi_version)
		return;
	gi->gi_version = version;
	group_quieten(gi);
}

void
group_run(struct group_if *gi, uint64_t now)
{
	ASSERT_CONTROL();
	if (gi->gi_filter) {
		gi->gi_filter = false;
		group_filter(gi->gi_ifp);
	}
	if (gi->gi_active) {
		set_version(gi, now);
		run_changes(gi, now);
		run_answers(gi, now);
	}
	group_arm(gi);
}

static void
earlier(uint64_t *first, uint64_t when, uint64_t notbefore)
{
	if (when == 0)
		return;
	if (when < notbefore)
		when = notbefore;
	if (*first == 0 || when < *first)
		*first = when;
}

void
group_arm(struct group_if *gi)
{
	uint64_t first = gi->gi_filter ? 1 : 0, now = mp_now_ms(), ms;
	struct timeval tv;

	if (gi->gi_active) {
		earlier(&first, gi->gi_change, 0);
		earlier(&first, gi->gi_general, gi->gi_quiet);
		for (uint32_t i = 0; i < gi->gi_n; i++)
			earlier(&first, gi->gi_group[i]->g_answer, gi->gi_quiet);
		if (gi->gi_version == GROUP_OLDEST)
			earlier(&first, gi->gi_oldest_until, 0);
		else if (gi->gi_version == GROUP_OLD)
			earlier(&first, gi->gi_old_until, 0);
	}
	if (first == 0) {
		evtimer_del(gi->gi_timer);
		return;
	}
	ms = first > now ? first - now : 0;
	tv = (struct timeval){.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
	evtimer_add(gi->gi_timer, &tv);
}

/* The sources of a question are kept with those of the one before (RFC 3810 section 6.2, rule 5). */
static void
ask_sources(struct group_if *gi, struct in_group *g, const struct group_query *q)
{
	unsigned alen = group_addrlen(gi);
	union in_any *more;

	if (q->nsrc == 0 || g->g_nsrc + q->nsrc > GROUP_MAXSRC ||
	    (more = realloc(g->g_src, (g->g_nsrc + q->nsrc) * sizeof(*more))) == NULL) {
		free(g->g_src);
		g->g_src = NULL;
		g->g_nsrc = 0;
		return;
	}
	g->g_src = more;
	for (unsigned i = 0; i < q->nsrc; i++) {
		unsigned k = 0;

		while (k < g->g_nsrc && memcmp(&g->g_src[k], q->src + i * alen, alen) != 0)
			k++;
		if (k == g->g_nsrc)
			memcpy(&g->g_src[g->g_nsrc++], q->src + i * alen, alen);
	}
}

static void
ask_group(struct group_if *gi, struct in_group *g, const struct group_query *q, uint64_t when)
{
	bool pending = g->g_answer != 0;

	/* A question about the whole group is answered in any case, with or without the sources of this one. */
	if (!pending || g->g_nsrc > 0 || q->nsrc == 0)
		ask_sources(gi, g, q);
	if (!pending || when < g->g_answer)
		g->g_answer = when;
}

void
group_queried(struct group_if *gi, const struct group_query *q)
{
	uint64_t now = mp_now_ms(), when;
	struct in_group *g;

	ASSERT_CONTROL();
	if (!gi->gi_active)
		return;
	if (q->version == GROUP_NEW) {
		gi->gi_robust = q->robust == 0 ? GROUP_ROBUST : RTE_MIN(q->robust, (uint8_t)GROUP_ROBUST_MAX);
		gi->gi_interval_ms = q->interval_ms != 0 ? q->interval_ms : GROUP_QUERY_MS;
	} else {
		/* RFC 3376 section 8.12, RFC 3810 section 9.12 */
		uint64_t until = now + (uint64_t)gi->gi_robust * gi->gi_interval_ms + GROUP_RESPONSE_MS;

		*(q->version == GROUP_OLDEST ? &gi->gi_oldest_until : &gi->gi_old_until) = until;
		set_version(gi, now);
	}
	if (q->group == NULL && gi->gi_version == GROUP_NEW) {
		when = now + random_ms(q->delay_ms);
		if (gi->gi_general == 0 || when < gi->gi_general)
			gi->gi_general = when;
	} else if (q->group == NULL) {
		for (uint32_t i = 0; i < gi->gi_n; i++) {
			g = gi->gi_group[i];
			if (GROUP_IS_MEMBER(g) && group_told(gi, &g->g_addr) &&
			    (g->g_answer == 0 || g->g_answer > now + q->delay_ms))
				g->g_answer = now + random_ms(q->delay_ms);
		}
	} else {
		g = group_find(gi, q->group);
		if (g != NULL && GROUP_IS_MEMBER(g) && group_told(gi, &g->g_addr)) {
			when = now + random_ms(q->delay_ms);
			/* RFC 3810 section 6.2, rule 1: an answer to all comes sooner */
			if (gi->gi_general == 0 || when < gi->gi_general)
				ask_group(gi, g, q, when);
		}
	}
	group_arm(gi);
}

void
group_heard(struct group_if *gi, const union in_any *group)
{
	struct in_group *g = group_find(gi, group);

	ASSERT_CONTROL();
	if (g == NULL || !GROUP_IS_MEMBER(g) || gi->gi_version == GROUP_NEW)
		return;
	forget_question(g);
	g->g_change = 0;
	g->g_last = false;
	group_arm(gi);
}
