/* SPDX-License-Identifier: BSD-2-Clause */
/* What is to be sent, and what views and reports know of the run. */
#include "ipgen/program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipgen/trial.h"

static const unsigned rfc2544_sizes[] = {64, 128, 256, 512, 1024, 1280, 1518};
#define NSIZES (sizeof(rfc2544_sizes) / sizeof(rfc2544_sizes[0]))

bool
program_series(const struct program *p)
{
	for (unsigned i = REPORT_THROUGHPUT; i <= REPORT_SOAK; i++)
		if (p->opts.test[i])
			return true;
	return false;
}

static unsigned
family_of(const struct options *o)
{
	const struct tport_spec *to = &o->port[o->nports - 1];

	if (o->traffic.family != 0)
		return o->traffic.family;
	if (o->port[0].addr6.plen != 0 && to->addr6.plen != 0 && (o->port[0].addr4.plen == 0 || to->addr4.plen == 0))
		return 6;
	return 4;
}

static unsigned
largest(const struct traffic_sizes *s)
{
	unsigned most = s->kind == SIZES_SWEEP ? s->max : s->size;

	for (unsigned i = 0; s->kind == SIZES_MIX && i < s->nmix; i++)
		most = i == 0 || s->mix[i] > most ? s->mix[i] : most;
	return most;
}

unsigned
program_largest(const struct program *p)
{
	const struct procedure *proc = &p->opts.procedure;
	unsigned most = 0;

	for (unsigned d = 0; d < p->dirs; d++)
		if (largest(&p->sizes[d]) > most)
			most = largest(&p->sizes[d]);
	for (unsigned i = 0; program_series(p) && i < proc->nsizes; i++)
		if (largest(&proc->sizes[i]) > most)
			most = largest(&proc->sizes[i]);
	if (p->traffic[0] != NULL && traffic_max_size(p->traffic[0]) > most)
		most = traffic_max_size(p->traffic[0]);
	return most;
}

/* Frames that were not given one by one are no smaller than a signature lets them be. */
static unsigned
smallest(const struct program *p, unsigned dir)
{
	return traffic_smallest(p->family, p->opts.traffic.proto, p->opts.port[dir].ntags);
}

static void
raise_sizes(const struct program *p, unsigned dir, struct traffic_sizes *s, bool say)
{
	if (traffic_sizes_raise(s, smallest(p, dir)) && say && !p->opts.quiet)
		fprintf(stderr, "ipgen: size %s: the headers and the signature need %u octets\n", s->text,
		    smallest(p, dir));
}

/* The sizes of a series: those asked for, the one of a run, or RFC 2544's, the smallest as small as a signature lets it be. */
static int
plan_sizes(struct program *p)
{
	struct procedure *proc = &p->opts.procedure;
	unsigned ntags = p->opts.port[0].ntags, least = smallest(p, 0);
	bool one = p->opts.has_size;

	if (!program_series(p))
		return 0;
	for (unsigned i = 0; i < proc->nsizes; i++)
		raise_sizes(p, 0, &proc->sizes[i], true);
	for (unsigned i = 0; i < proc->nsizes; i++)
		if (p->opts.ip_sizes && ntags > 0) {
			proc->sizes[i].size += 4 * ntags;
			snprintf(proc->sizes[i].text, sizeof(proc->sizes[i].text), "%u", proc->sizes[i].size);
		}
	if (proc->nsizes > 0)
		return 0;
	proc->sizes = calloc(one ? 1 : NSIZES, sizeof(*proc->sizes));
	if (proc->sizes == NULL)
		return -ENOMEM;
	proc->nsizes = one || p->opts.test[REPORT_SOAK] ? 1 : NSIZES;
	if (one || (p->opts.test[REPORT_SOAK] && !p->opts.test[REPORT_THROUGHPUT] && !p->opts.test[REPORT_MLR])) {
		proc->sizes[0] = p->sizes[0];
		proc->nsizes = 1;
		return 0;
	}
	proc->nsizes = NSIZES;
	for (unsigned i = 0; i < NSIZES; i++) {
		struct traffic_sizes *s = &proc->sizes[i];

		s->kind = SIZES_FIXED;
		s->size = rfc2544_sizes[i] < least ? least : rfc2544_sizes[i];
		snprintf(s->text, sizeof(s->text), "%u", s->size);
		if (s->size != rfc2544_sizes[i] && !p->opts.quiet)
			fprintf(stderr, "ipgen: size %u in place of %u: the headers and the signature need so much\n",
			    s->size, rfc2544_sizes[i]);
	}
	return 0;
}

/* Destinations: all of the far port's network but its ends and the gateway. */
static int
plan_allnet(struct program *p, char *err, size_t errlen)
{
	const struct tport_spec *to = &p->opts.port[p->opts.nports - 1];
	const struct tport_addr *a = p->family == 6 ? &to->addr6 : &to->addr4;
	unsigned bits = p->family == 6 ? 128 : 32, host = bits - a->plen, at = p->family == 6 ? 12 : 0;
	uint32_t own, gw, mask, first, last;
	bool same;

	if (!a->set || host < 2) {
		snprintf(err, errlen, "--allnet: the far port (%s) has no IPv%u network", to->device, p->family);
		return -EINVAL;
	}
	if (host > 20)
		host = 20; /* flows are not more than that */
	memcpy(&own, a->addr + at, 4);
	memcpy(&gw, a->gateway + at, 4);
	own = ntohl(own);
	gw = ntohl(gw);
	mask = (1u << host) - 1;
	same = at == 0 || memcmp(a->addr, a->gateway, 12) == 0;
	first = (own & ~mask) + 1;
	last = (own | mask) - (p->family == 4 ? 1 : 0);
	if (same && gw >= first && gw <= last) { /* the larger part beside the gateway */
		if (gw - first > last - gw)
			last = gw - 1;
		else
			first = gw + 1;
	}
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		uint32_t v;

		p->spec[d].has_dst = true;
		memcpy(p->spec[d].dst.begin, a->addr, 16);
		memcpy(p->spec[d].dst.end, a->addr, 16);
		v = htonl(first);
		memcpy(p->spec[d].dst.begin + at, &v, 4);
		v = htonl(last);
		memcpy(p->spec[d].dst.end + at, &v, 4);
	}
	return 0;
}

int
program_plan(struct program *p, char *err, size_t errlen)
{
	struct options *o = &p->opts;
	bool comes_back = o->nports == 1;
	const struct tport_addr *a;

	if (p->scenario != NULL && scenario_bidirectional(p->scenario)) {
		o->bidirectional = true;
		if (comes_back) {
			snprintf(err, errlen, "-S %s: it sends from both ports: -R is missing", o->script);
			return -EINVAL;
		}
	}
	p->dirs = o->bidirectional ? 2 : 1;
	p->family = family_of(o);
	a = p->family == 6 ? &o->port[0].addr6 : &o->port[0].addr4;
	if (comes_back && a->plen != 0 && a->gateway[0] != 0 && !o->traffic.has_dst && o->traffic.flowfile == NULL &&
	    o->traffic.replay == NULL && !o->allnet) {
		snprintf(err, errlen, "-T %s: one port behind a gateway: --daddr must say what the gateway sends back",
		    o->port[0].device);
		return -EINVAL;
	}
	for (unsigned d = 0; d < p->dirs; d++) {
		options_sizes(o, d, p->family, &p->sizes[d]);
		raise_sizes(p, d, &p->sizes[d], d == 0);
		p->spec[d] = o->traffic;
		p->spec[d].family = o->traffic.flowfile != NULL ? o->traffic.family : (uint8_t)p->family;
		p->spec[d].sizes = p->sizes[d];
		p->spec[d].ntags = o->port[d].ntags;
		memcpy(p->spec[d].tag, o->port[d].tag, sizeof(p->spec[d].tag));
	}
	if (o->allnet && plan_allnet(p, err, errlen) != 0)
		return -EINVAL;
	for (unsigned i = 0; i < o->nports; i++)
		o->port[i].promisc = o->traffic.replay_raw;
	return plan_sizes(p);
}

/* Addresses without the devices, for what is done before they are there. */
static void
plain_link(const struct options *o, unsigned dir, struct traffic_link *link)
{
	const struct tport_spec *from = &o->port[dir], *to = &o->port[o->nports - 1 - dir];

	*link = (struct traffic_link){
	    .src = {2, 0, 0, 0, 0, 1},
	    .dst = {2, 0, 0, 0, 0, 2},
	    .has4 = from->addr4.set && to->addr4.set,
	    .has6 = from->addr6.set && to->addr6.set,
	};
	memcpy(link->src4, from->addr4.addr, 4);
	memcpy(link->dst4, to->addr4.addr, 4);
	memcpy(link->src6, from->addr6.addr, 16);
	memcpy(link->dst6, to->addr6.addr, 16);
}

/* traffic_build exchanges the ends of direction 1's flows: it wants those of direction 0. */
static void
exchange_ends(struct traffic_link *link)
{
	struct traffic_link l = *link;

	memcpy(link->src4, l.dst4, sizeof(l.dst4));
	memcpy(link->dst4, l.src4, sizeof(l.src4));
	memcpy(link->src6, l.dst6, sizeof(l.dst6));
	memcpy(link->dst6, l.src6, sizeof(l.src6));
}

static int
build(struct program *p, bool plain, char *err, size_t errlen)
{
	for (unsigned d = 0; d < p->dirs; d++) {
		struct traffic_link link;

		if (plain)
			plain_link(&p->opts, d, &link);
		else
			tports_link(d, &link);
		if (d == 1)
			exchange_ends(&link);
		link.mtu = p->opts.mtu;
		if (p->traffic[d] != NULL)
			traffic_free(p->traffic[d]);
		p->traffic[d] = traffic_build(&p->spec[d], &link, d == 1, err, errlen);
		if (p->traffic[d] == NULL)
			return -EINVAL;
	}
	return 0;
}

int
program_check(struct program *p, char *err, size_t errlen)
{
	for (unsigned i = REPORT_THROUGHPUT; i <= REPORT_SOAK; i++)
		if (p->opts.test[i] && procedure_check(&p->opts.procedure, (enum report_test)i, err, errlen) != 0)
			return -EINVAL;
	return build(p, true, err, errlen);
}

int
program_traffic(struct program *p, char *err, size_t errlen)
{
	int error = build(p, false, err, errlen);

	for (unsigned d = 0; error == 0 && d < p->dirs; d++) {
		error = tports_own(d, p->traffic[d]);
		if (error != 0)
			snprintf(err, errlen, "%s", strerror(-error));
	}
	return error;
}

int
program_flowdump(struct program *p, char *err, size_t errlen)
{
	int error = 0;

	for (unsigned d = 0; d < p->dirs && error == 0; d++) {
		printf("# %u flows from %s\n", traffic_nflows(p->traffic[d]), d == 0 ? "-T" : "-R");
		error = traffic_dump(p->traffic[d], stdout);
	}
	if (error == 0 && fflush(stdout) != 0)
		error = -errno;
	if (error != 0)
		snprintf(err, errlen, "--flowdump: %s", strerror(-error));
	return error;
}

int
program_rate(const struct program *p, const struct rate *rate, unsigned dir, double mean_size, double *pps, char *err,
    size_t errlen)
{
	double line = trial_line_pps(dir, mean_size);

	*pps = rate_pps(rate, line, mean_size);
	if (isnan(*pps)) {
		snprintf(err, errlen, "%g %%: the line rate of %s %s is not known (--linerate)", rate->value,
		    dir == 0 ? "-T" : "-R", p->opts.port[dir].device);
		return -EINVAL;
	}
	if (isinf(*pps) && line > 0)
		*pps = line;
	return 0;
}

static size_t
put_addr(char *s, size_t len, const struct tport_addr *a, int af)
{
	static const uint8_t zero[16];
	char own[INET6_ADDRSTRLEN], gw[INET6_ADDRSTRLEN];
	size_t n = 0;

	if (a->set)
		n += (size_t)snprintf(s, len, " %s/%u", inet_ntop(af, a->addr, own, sizeof(own)), a->plen);
	if (memcmp(a->gateway, zero, 16) != 0)
		n += (size_t)snprintf(s + n, len - n, " via %s", inet_ntop(af, a->gateway, gw, sizeof(gw)));
	return n;
}

static void
describe_port(const struct tport *t, char *s, size_t len)
{
	const uint8_t *m = t->lladdr;
	size_t n;

	n = (size_t)snprintf(
	    s, len, "%.128s %02x:%02x:%02x:%02x:%02x:%02x", t->spec.device, m[0], m[1], m[2], m[3], m[4], m[5]);
	n += put_addr(s + n, len - n, &t->spec.addr4, AF_INET);
	(void)put_addr(s + n, len - n, &t->spec.addr6, AF_INET6);
}

static void
cpu_name(char *s, size_t len)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
			snprintf(s, len, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
			break;
		}
	}
	if (f != NULL)
		fclose(f);
}

static struct traffic *
resize(struct live *live, unsigned dir, struct traffic_sizes *sizes, char *err, size_t errlen)
{
	struct program *p = (struct program *)((char *)live - offsetof(struct program, live));

	raise_sizes(p, dir, sizes, true);
	return traffic_resize(p->traffic[dir], sizes, err, errlen);
}

/* The gateways once more; their link addresses may be others now. */
static int
announce(struct live *live, char *err, size_t errlen)
{
	struct program *p = (struct program *)((char *)live - offsetof(struct program, live));
	int error = tports_resolve(p->opts.wait, err, errlen);

	return error == 0 ? program_traffic(p, err, errlen) : error;
}

static void
say(struct live *live, const char *line)
{
	headless_say((struct program *)((char *)live - offsetof(struct program, live)), line);
}

void
program_describe(struct program *p, int argc, char **argv)
{
	const struct options *o = &p->opts;
	struct report *r = &p->report;
	size_t n = 0;

	snprintf(r->title, sizeof(r->title), "%s", o->title != NULL ? o->title : "");
	snprintf(r->dut, sizeof(r->dut), "%s", o->dut != NULL ? o->dut : "");
	snprintf(r->version, sizeof(r->version), "%s", SMPNET_VERSION);
	for (int i = 0; i < argc && n < sizeof(r->command); i++) {
		bool quote = argv[i][0] == '\0' || strpbrk(argv[i], " \t\n\"'\\$&|;<>()*?`#~") != NULL;

		n += (size_t)snprintf(r->command + n, sizeof(r->command) - n, quote ? "%s'%s'" : "%s%s",
		    i > 0 ? " " : "", i > 0 ? argv[i] : "ipgen");
	}
	if (gethostname(r->host, sizeof(r->host) - 1) != 0)
		r->host[0] = '\0';
	cpu_name(r->cpu, sizeof(r->cpu));
	r->started = (double)time(NULL);
	p->live = (struct live){
	    .dirs = p->dirs,
	    .two_ports = ntports == 2,
	    .sizes = p->sizes[0],
	    .resize = resize,
	    .report = r,
	    .announce = announce,
	    .say = say,
	    .trial = {.warmup = o->warmup,
		.ramp = o->ramp,
		.drain = o->drain,
		.interval = o->interval,
		.burst = o->burst,
		.sample = true},
	};
	for (unsigned i = 0; i < ntports; i++) {
		describe_port(&tport[i], r->port[i], sizeof(r->port[i]));
		memcpy(p->live.port[i], r->port[i], sizeof(r->port[i]));
	}
	snprintf(p->live.title, sizeof(p->live.title), "%s", r->title);
	snprintf(p->live.test, sizeof(p->live.test), "run");
}

void
program_free(struct program *p)
{
	for (unsigned d = 0; d < TRIAL_DIRS; d++)
		if (p->traffic[d] != NULL)
			traffic_free(p->traffic[d]);
	if (p->scenario != NULL)
		scenario_free(p->scenario);
	report_free(&p->report);
	options_free(&p->opts);
	if (p->log != NULL)
		fclose(p->log);
}
