/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of the metrics: one table of families, each a function that gives its samples one by one.
 *
 * Synchronization: control only.  What workers count is read as single words, by the readers that the stats methods use:
 * a scrape touches a worker's lines as netstat -s does.
 * Lifetime: a scrape is its caller's.  It holds copies of the interfaces' counters, never an interface: between two slices
 * interfaces come and go.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "ctl/ctl_internal.h"
#include "ctl/metrics.h"
#include "ether/neigh.h"
#include "if/ifnet.h"
#include "mp/mp.h"
#include "mp/pool.h"
#include "route/route.h"

#define IF_SLICE 64 /* interfaces copied in one go */

struct if_copy {
	char name[IFNAMSIZ_SMP];
	const char *type;
	uint32_t flags, mtu, linkstate;
	struct if_stats stats;
};

struct metrics_scrape {
	bool openmetrics;      /* [I] */
	unsigned family, item; /* [c] the next sample */
	uint64_t serial;       /* [I] interfaces attached later are left out: one may bear a name that was copied */
	unsigned ifindex;      /* [c] the next interface to be copied; MP_MAXIF: all are */
	struct if_copy *ifs;   /* [c] */
	unsigned nifs, room;   /* [c] */
};

/* One sample: its labels as they are printed, and its value. */
struct sample {
	char labels[256];
	size_t len;
	uint64_t value;
	double real;
	bool is_real;
};

enum type { COUNTER, GAUGE, INFO };

struct family {
	const char *name; /* without _total and _info; ends with _UNIT if there is one */
	enum type type;
	const char *unit;
	const char *help;
	/* => false: there is no sample i, nor a later one */
	bool (*sample)(const struct metrics_scrape *, const struct family *, unsigned i, struct sample *);
	size_t arg;
};

/* Label values may hold anything: \, " and newline are escaped; what does not fit is left out. */
static void
label(struct sample *s, const char *name, const char *value)
{
	size_t n = s->len;

	if (n + strlen(name) + sizeof(",=\"\"") > sizeof(s->labels))
		return;
	n += (size_t)snprintf(s->labels + n, sizeof(s->labels) - n, "%s%s=\"", n > 0 ? "," : "", name);
	for (; *value != '\0' && n + 3 < sizeof(s->labels); value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			s->labels[n++] = '\\';
		s->labels[n++] = *value == '\n' ? 'n' : *value;
	}
	s->labels[n++] = '"';
	s->labels[n] = '\0';
	s->len = n;
}

static void
label_number(struct sample *s, const char *name, int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", value);
	label(s, name, text);
}

static void
set_real(struct sample *s, double value)
{
	s->real = value;
	s->is_real = true;
}

/* The daemon */

static bool
build_info(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	if (i > 0)
		return false;
	label(s, "version", SMPNET_VERSION);
#ifdef SMPNET_DEBUG
	label(s, "debug", "yes");
#else
	label(s, "debug", "no");
#endif
	s->value = 1;
	return true;
}

static double
seconds_now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool
uptime(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	set_real(s, (double)ctl_server_uptime_ms() / 1e3);
	return i == 0;
}

static bool
start_time(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	static double started; /* [c] once: the clock may be set later */

	if (started == 0)
		started = seconds_now(CLOCK_REALTIME) - (double)ctl_server_uptime_ms() / 1e3;
	set_real(s, started);
	return i == 0;
}

static bool
tsc_rate(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	s->value = mp_tsc_hz;
	return i == 0;
}

static bool
cpu_time(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	set_real(s, seconds_now(CLOCK_PROCESS_CPUTIME_ID));
	return i == 0;
}

/* arg: the field of statm, in pages */
static bool
memory(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	unsigned long field[2] = {0, 0};
	FILE *fp = i == 0 ? fopen("/proc/self/statm", "re") : NULL;

	if (fp == NULL)
		return false;
	if (fscanf(fp, "%lu %lu", &field[0], &field[1]) != 2)
		field[0] = field[1] = 0;
	fclose(fp);
	s->value = (uint64_t)field[f->arg] * (uint64_t)sysconf(_SC_PAGESIZE);
	return true;
}

/* Interfaces */

static const struct if_copy *
if_sample(const struct metrics_scrape *m, unsigned i, struct sample *s)
{
	if (i >= m->nifs)
		return NULL;
	label(s, "interface", m->ifs[i].name);
	return &m->ifs[i];
}

static bool
if_info(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	const struct if_copy *c = if_sample(m, i, s);

	if (c == NULL)
		return false;
	label(s, "type", c->type);
	s->value = 1;
	return true;
}

static bool
if_up(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	const struct if_copy *c = if_sample(m, i, s);

	s->value = c != NULL && (c->flags & IFF_SMP_UP) != 0;
	return c != NULL;
}

static bool
if_link(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	const struct if_copy *c = if_sample(m, i, s);

	s->value = c != NULL && c->linkstate == LINK_UP;
	return c != NULL;
}

static bool
if_mtu(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	const struct if_copy *c = if_sample(m, i, s);

	s->value = c != NULL ? c->mtu : 0;
	return c != NULL;
}

/* arg: the offset in struct if_stats */
static bool
if_counter(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	const struct if_copy *c = if_sample(m, i, s);

	if (c != NULL)
		memcpy(&s->value, (const char *)&c->stats + f->arg, sizeof(s->value));
	return c != NULL;
}

/* Workers and pools */

static const struct worker *
worker_sample(unsigned i, struct sample *s)
{
	if (i >= mp_nworkers)
		return NULL;
	label_number(s, "worker", (int)i);
	return mp_workers[i];
}

static bool
worker_info(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	const struct worker *w = worker_sample(i, s);

	if (w == NULL)
		return false;
	if (w->cpu >= 0)
		label_number(s, "cpu", w->cpu);
	else
		label(s, "cpu", "any");
	s->value = 1;
	return true;
}

static bool
worker_asleep(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	const struct worker *w = worker_sample(i, s);

	s->value = w != NULL && atomic_load_explicit(&w->asleep, memory_order_relaxed) != 0;
	return w != NULL;
}

/* arg: the offset of the counter in struct worker */
static bool
worker_counter(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	const struct worker *w = worker_sample(i, s);

	if (w != NULL)
		s->value = mp_read((const uint64_t *)(const void *)((const char *)w + f->arg));
	return w != NULL;
}

static bool
worker_busy(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	const struct worker *w = worker_sample(i, s);

	if (w != NULL)
		set_real(s, (double)mp_read(&w->cycles_busy) / (double)mp_tsc_hz);
	return w != NULL;
}

static const struct worker *
pool_sample(unsigned i, struct sample *s)
{
	char owner[24];

	if (i > mp_nworkers)
		return NULL;
	snprintf(owner, sizeof(owner), "worker%u", i);
	label(s, "owner", i == mp_nworkers ? "control" : owner);
	return mp_workers[i];
}

static bool
pool_size(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	const struct worker *w = pool_sample(i, s);

	s->value = w != NULL ? mp_pool_size(w) : 0;
	return w != NULL;
}

static bool
pool_free(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	const struct worker *w = pool_sample(i, s);

	s->value = w != NULL ? mp_pool_free_count(w) : 0;
	return w != NULL;
}

static bool
pool_empty(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	const struct worker *w = pool_sample(i, s);

	s->value = w != NULL ? mp_read(&w->drops_nobuf) : 0;
	return w != NULL;
}

static bool
pool_hugepages(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	const struct worker *w = pool_sample(i, s);

	s->value = w != NULL && mp_pool_huge(w);
	return w != NULL;
}

/* What is counted by name */

static bool
drops(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	if (i >= DROP_COUNT)
		return false;
	label(s, "reason", mp_drop_name(i));
	s->value = mp_drop_sum(i);
	return true;
}

static bool
protocol_events(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	if (i >= C_COUNT)
		return false;
	label(s, "protocol", mp_counter_group(i));
	label(s, "counter", mp_counter_name(i));
	s->value = mp_counter_sum(i);
	return true;
}

/* arg: the offset of the class's counters in struct worker */
static bool
punts(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	if (i >= PUNT_COUNT)
		return false;
	label(s, "class", mp_punt_name(i));
	for (unsigned k = 0; k <= mp_nworkers; k++) {
		const void *at = (const char *)mp_workers[k] + f->arg;

		s->value += mp_read((const uint64_t *)at + i);
	}
	return true;
}

/* Tables and control */

static int
family_sample(unsigned i, struct sample *s)
{
	label(s, "family", i == 0 ? "inet" : "inet6");
	return i == 0 ? AF_INET : AF_INET6;
}

static bool
routes(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	s->value = i < 2 ? route_count(family_sample(i, s)) : 0;
	return i < 2;
}

static bool
fib_bytes(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	s->value = i < 2 ? fib_memory(family_sample(i, s)) : 0;
	return i < 2;
}

static bool
nexthops(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	s->value = nexthop_count();
	return i == 0;
}

static bool
nexthops_max(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	s->value = NH_MAX - NH_FIRST_DYNAMIC;
	return i == 0;
}

static bool
neighbours(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	const char *state;
	unsigned states = 0;

	while (neigh_count(AF_INET, states, &state), state != NULL)
		states++;
	if (i >= 2 * states)
		return false;
	s->value = neigh_count(family_sample(i / states, s), i % states, &state);
	label(s, "state", state);
	return true;
}

static bool
clients(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	s->value = ctl_server_clients();
	return i == 0;
}

static bool
longest_turn(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	set_real(s, (double)ctl_longest_turn_us(false) / 1e6);
	return i == 0;
}

static bool
deferred(const struct metrics_scrape *m, const struct family *f, unsigned i, struct sample *s)
{
	s->value = mp_deferred_pending();
	return i == 0;
}

#define IF_STAT(member)	    if_counter, offsetof(struct if_stats, member)
#define WORKER_STAT(member) worker_counter, offsetof(struct worker, member)
#define WORKER_COUNT(c)	    worker_counter, offsetof(struct worker, counters) + sizeof(uint64_t) * C_##c
#define PUNT_STAT(member)   punts, offsetof(struct worker, member)

static const struct family families[] = {
#define METRIC(name, type, unit, help, ...) {name, type, unit, help, __VA_ARGS__},
#include "ctl/metrics.def"
#undef METRIC
};
#define NFAMILIES (sizeof(families) / sizeof(families[0]))

struct metrics_scrape *
metrics_scrape_new(bool openmetrics)
{
	struct metrics_scrape *m = calloc(1, sizeof(*m));

	ASSERT_CONTROL();
	if (m != NULL)
		*m = (struct metrics_scrape){.openmetrics = openmetrics, .serial = ifnet_serial()};
	return m;
}

void
metrics_scrape_free(struct metrics_scrape *m)
{
	if (m == NULL)
		return;
	free(m->ifs);
	free(m);
}

/* Copies the next interfaces; 0 or -ENOMEM */
static int
copy_interfaces(struct metrics_scrape *m)
{
	unsigned n = 0;

	for (; m->ifindex < MP_MAXIF && n < IF_SLICE; m->ifindex++) {
		const struct ifnet *ifp = ifnet_get((uint16_t)m->ifindex);
		struct if_copy *c;

		if (ifp == NULL || ifp->if_serial > m->serial)
			continue;
		if (m->nifs == m->room) {
			unsigned room = m->room > 0 ? 2 * m->room : 16;

			c = realloc(m->ifs, room * sizeof(*c));
			if (c == NULL)
				return -ENOMEM;
			m->ifs = c;
			m->room = room;
		}
		c = &m->ifs[m->nifs++];
		memcpy(c->name, ifp->if_xname, sizeof(c->name));
		c->type = ifp->if_ops->type;
		c->flags = atomic_load_explicit(&ifp->if_flags, memory_order_relaxed);
		c->mtu = atomic_load_explicit(&ifp->if_mtu, memory_order_relaxed);
		c->linkstate = atomic_load_explicit(&ifp->if_linkstate, memory_order_relaxed);
		if_stats_sum(ifp, &c->stats);
		n++;
	}
	return 0;
}

/* In the older format a counter's _total and an info's _info belong to the family's name, and there are no units. */
static void
put_head(const struct metrics_scrape *m, const struct family *f, struct evbuffer *out)
{
	static const char *const suffix[] = {"_total", "", "_info"};
	static const char *const types[] = {"counter", "gauge", "info"};
	const char *name = f->name;

	if (m->openmetrics) {
		evbuffer_add_printf(out, "# TYPE %s %s\n", name, types[f->type]);
		if (f->unit != NULL)
			evbuffer_add_printf(out, "# UNIT %s %s\n", name, f->unit);
		evbuffer_add_printf(out, "# HELP %s %s\n", name, f->help);
		return;
	}
	evbuffer_add_printf(out, "# HELP %s%s %s\n", name, suffix[f->type], f->help);
	evbuffer_add_printf(out, "# TYPE %s%s %s\n", name, suffix[f->type], f->type == INFO ? "gauge" : types[f->type]);
}

static void
put_sample(const struct family *f, const struct sample *s, struct evbuffer *out)
{
	static const char *const suffix[] = {"_total", "", "_info"};

	evbuffer_add_printf(out, s->len > 0 ? "%s%s{%s} " : "%s%s%s ", f->name, suffix[f->type], s->labels);
	if (s->is_real)
		evbuffer_add_printf(out, "%.9f\n", s->real);
	else
		evbuffer_add_printf(out, "%" PRIu64 "\n", s->value);
}

int
metrics_scrape_slice(struct metrics_scrape *m, struct evbuffer *out, size_t max)
{
	ASSERT_CONTROL();
	if (m->ifindex < MP_MAXIF) {
		if (copy_interfaces(m) != 0)
			return -ENOMEM;
		if (m->ifindex < MP_MAXIF)
			return 1;
	}
	for (; m->family < NFAMILIES; m->family++, m->item = 0) {
		const struct family *f = &families[m->family];

		for (;; m->item++) {
			struct sample s = {.len = 0};

			if (evbuffer_get_length(out) >= max)
				return 1;
			if (!f->sample(m, f, m->item, &s))
				break;
			if (m->item == 0)
				put_head(m, f, out);
			put_sample(f, &s, out);
		}
	}
	if (m->openmetrics)
		evbuffer_add_printf(out, "# EOF\n");
	return 0;
}
