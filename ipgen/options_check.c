/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line: what does not go together, and what follows from what was given. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "ipgen/options_var.h"

/* Pairs of which one alone can be given. */
static const char *const exclusive[][2] = {
    {"p", "rate"},
    {"s", "size"},
    {"rfc2544-pktsize", "rfc2544-sizes"},
    {"V", "vlan"},
    {"tcp", "udp"},
    {"tcp", "icmp"},
    {"udp", "icmp"},
    {"4", "6"},
    {"l1-bps", "l2-bps"},
    {"allnet", "saddr"},
    {"allnet", "daddr"},
    {"flowlist", "saddr"},
    {"flowlist", "daddr"},
    {"flowlist", "sport"},
    {"flowlist", "dport"},
    {"flowlist", "allnet"},
    {"replay", "flowlist"},
    {"replay", "saddr"},
    {"replay", "daddr"},
    {"replay", "allnet"},
    {"replay", "s"},
    {"replay", "size"},
    {"replay", "rfc2544"},
    {"replay", "mlrsearch"},
    {"replay-speed", "p"},
    {"replay-speed", "rate"},
    {"t", "rfc2544"},
    {"t", "mlrsearch"},
    {"t", "soak"},
    {"t", "script"},
    {"n", "rfc2544"},
    {"n", "mlrsearch"},
    {"n", "soak"},
    {"n", "script"},
    {"script", "rfc2544"},
    {"script", "mlrsearch"},
    {"script", "soak"},
    {"rate", "rfc2544-max-rate"},
    {"max-loss", "fail-if-dropped"},
    {"json", "rfc2544-output-json"},
};

static const char *
dashes(const char *name)
{
	return name[1] == '\0' ? "-" : "--";
}

static int
check_pairs(const struct options *o, char *err, size_t errlen)
{
	static const char *const mlr[] = {"mlr-goal", "mlr-max-time"};
	static const char *const rfc[] = {"rfc2544-trial-duration", "rfc2544-warming-duration", "rfc2544-interval",
	    "rfc2544-tolerable-error-rate", "rfc2544-pps-resolution", "rfc2544-slowstart", "rfc2544-no-early-finish",
	    "rfc2544-pktsize", "rfc2544-sizes", "rfc2544-output-json", "rfc2544-max-rate", "rfc2544-repeat",
	    "rfc2544-bursts", "rfc2544-reset-command"};

	for (unsigned i = 0; i < sizeof(exclusive) / sizeof(exclusive[0]); i++) {
		const char *a = exclusive[i][0], *b = exclusive[i][1];

		if (option_seen(o, a) && option_seen(o, b)) {
			snprintf(err, errlen, "%s%s and %s%s: one of them", dashes(a), a, dashes(b), b);
			return -EINVAL;
		}
	}
	for (unsigned i = 0; i < sizeof(mlr) / sizeof(mlr[0]); i++)
		if (option_seen(o, mlr[i]) && !o->test[REPORT_MLR]) {
			snprintf(err, errlen, "--%s: goes with --mlrsearch", mlr[i]);
			return -EINVAL;
		}
	for (unsigned i = 0; i < sizeof(rfc) / sizeof(rfc[0]); i++)
		if (option_seen(o, rfc[i]) && !option_seen(o, "rfc2544") && !o->test[REPORT_MLR] &&
		    !o->test[REPORT_SOAK]) {
			snprintf(err, errlen, "--%s: goes with --rfc2544, --mlrsearch or --soak", rfc[i]);
			return -EINVAL;
		}
	for (unsigned i = 0; i < 3; i++) {
		static const char *const replay[] = {"replay-speed", "replay-loop", "replay-raw"};

		if (option_seen(o, replay[i]) && o->traffic.replay == NULL) {
			snprintf(err, errlen, "--%s: goes with --replay", replay[i]);
			return -EINVAL;
		}
	}
	return 0;
}

static int
set_rate(const struct options *o, const char *name, const char *value, struct rate *r, char *err, size_t errlen)
{
	char why[192];

	if (value == NULL)
		return 0;
	if (rate_parse(value, o->l1_bps ? RATE_L1 : o->l2_bps ? RATE_L2 : RATE_PPS, r, why, sizeof(why)) != 0) {
		snprintf(err, errlen, "%s %.64s: %s", name, value, why);
		return -EINVAL;
	}
	if (value == o->pps_value && r->kind != RATE_PPS) {
		snprintf(err, errlen, "%s %.64s: packets/s (other rates by --rate)", name, value);
		return -EINVAL;
	}
	if (value == o->min_rate_value && r->kind == RATE_MAX) {
		snprintf(err, errlen, "%s %.64s: a figure is needed", name, value);
		return -EINVAL;
	}
	if (r->value <= 0) {
		snprintf(err, errlen, "%s %.64s: more than nothing", name, value);
		return -EINVAL;
	}
	return 0;
}

static int
set_rates(struct options *o, char *err, size_t errlen)
{
	int error;

	if ((error = set_rate(o, "-p", o->pps_value, &o->rate, err, errlen)) != 0 ||
	    (error = set_rate(o, "--rate", o->rate_value, &o->rate, err, errlen)) != 0 ||
	    (error = set_rate(o, "--min-rate", o->min_rate_value, &o->min_rate, err, errlen)) != 0)
		return error;
	return set_rate(o, "--rfc2544-max-rate", o->max_rate_value, &o->max_rate, err, errlen);
}

/* The ports have the tags that were given, and what else is told of both. */
static int
set_ports(struct options *o, char *err, size_t errlen)
{
	if (o->port[0].device[0] == '\0') {
		snprintf(err, errlen, "-T PORT is missing (--help)");
		return -EINVAL;
	}
	if (o->nvlan > 0) {
		snprintf(err, errlen, "-V %u: no -T or -R follows it", o->vlan.tci & 0xfff);
		return -EINVAL;
	}
	o->nports = o->port[1].device[0] != '\0' ? 2 : 1;
	for (unsigned i = 0; i < o->nports; i++) {
		struct tport_spec *spec = &o->port[i];

		if (o->ntags > 0) {
			spec->ntags = o->ntags;
			memcpy(spec->tag, o->tag, sizeof(spec->tag));
		}
		if (spec->ntags > 0)
			spec->tag[0].tpid = o->tpid != 0 ? (uint16_t)o->tpid : spec->ntags == 2 ? 0x88a8 : 0x8100;
		memcpy(spec->via, o->via, sizeof(spec->via));
		spec->take = o->take;
		spec->queues = o->queues;
		spec->mtu = o->mtu;
		spec->linerate = o->linerate;
	}
	if (o->tpid != 0 && o->port[0].ntags == 0 && o->port[1].ntags == 0) {
		snprintf(err, errlen, "--tpid: goes with --vlan or -V");
		return -EINVAL;
	}
	if (o->nports == 1 && o->bidirectional) {
		snprintf(err, errlen, "-f: full-duplex needs a second port (-R)");
		return -EINVAL;
	}
	return 0;
}

static int
set_traffic(struct options *o, char *err, size_t errlen)
{
	uint8_t family = o->only4 ? 4 : o->only6 ? 6 : 0;

	if (family != 0 && o->traffic.family != 0 && family != o->traffic.family) {
		snprintf(err, errlen, "-%u: --saddr or --daddr is IPv%u", family, o->traffic.family);
		return -EINVAL;
	}
	if (family != 0)
		o->traffic.family = family;
	o->traffic.proto = o->tcp ? 6 : o->icmp ? 1 : 17;
	o->traffic.tos = (uint8_t)o->tos;
	o->traffic.ttl = (uint8_t)o->ttl;
	o->has_size = o->ip_size != 0 || option_seen(o, "size");
	if (o->ramp > o->warmup) {
		snprintf(err, errlen, "--ramp %g: longer than --warmup %g, which it is a part of", o->ramp, o->warmup);
		return -EINVAL;
	}
	return 0;
}

static void
set_criteria(struct options *o)
{
	o->has_max_loss = o->fail_if_dropped || option_seen(o, "max-loss");
	o->max_loss = o->percent_loss / 100;
	o->has_min_rate = option_seen(o, "min-rate");
	o->has_max_latency = option_seen(o, "max-latency");
}

/* A criterion for which none of the tests of a series has a result would never be met. */
static int
check_criteria(const struct options *o, char *err, size_t errlen)
{
	const struct {
		bool has;
		bool (*judges)(enum report_test);
		const char *name, *tests;
	} c[] = {
	    {o->has_max_loss, criteria_loss, o->fail_if_dropped ? "--fail-if-dropped" : "--max-loss",
		"--soak, --rfc2544=throughput or latency"},
	    {o->has_min_rate, criteria_rate, "--min-rate", "--soak, --mlrsearch or --rfc2544=throughput"},
	    {o->has_max_latency, criteria_latency, "--max-latency", "--soak or --rfc2544=latency"},
	};

	for (unsigned i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		bool series = false, judged = false;

		for (enum report_test t = REPORT_THROUGHPUT; t <= REPORT_SOAK; t++) {
			series |= o->test[t];
			judged |= o->test[t] && c[i].judges(t);
		}
		if (c[i].has && series && !judged) {
			snprintf(err, errlen, "%s: judges a run, or a result of %s, and none of them runs", c[i].name,
			    c[i].tests);
			return -EINVAL;
		}
	}
	return 0;
}

static void
set_procedure(struct options *o)
{
	struct procedure *p = &o->procedure;

	if (option_seen(o, "rfc2544-tolerable-error-rate"))
		p->tolerance = o->percent_tolerance / 100;
	if (option_seen(o, "rfc2544-pps-resolution"))
		p->resolution = o->percent_resolution / 100;
	if (o->no_early)
		p->early = false;
	if (option_seen(o, "warmup") && !option_seen(o, "rfc2544-warming-duration"))
		p->warmup = o->warmup;
	if (option_seen(o, "ramp"))
		p->ramp = o->ramp;
	if (o->drain >= 0)
		p->drain = o->drain;
	o->ip_sizes = option_seen(o, "rfc2544-pktsize");
	p->dirs = o->bidirectional ? 2 : 1;
	p->max_loss = o->has_max_loss ? o->max_loss : 0;
}

int
options_check(struct options *o, char *err, size_t errlen)
{
	int error;

	if ((error = check_pairs(o, err, errlen)) != 0 || (error = set_rates(o, err, errlen)) != 0 ||
	    (error = set_ports(o, err, errlen)) != 0 || (error = set_traffic(o, err, errlen)) != 0)
		return error;
	set_criteria(o);
	set_procedure(o);
	return check_criteria(o, err, errlen);
}

void
options_sizes(const struct options *o, unsigned dir, unsigned family, struct traffic_sizes *sizes)
{
	unsigned ntags = o->port[dir].ntags, least = traffic_smallest(family, o->traffic.proto, ntags);

	if (option_seen(o, "size")) {
		*sizes = o->traffic.sizes;
		return;
	}
	memset(sizes, 0, sizeof(*sizes));
	sizes->kind = SIZES_FIXED;
	sizes->size = o->ip_size != 0 ? o->ip_size + 18 + 4 * ntags : least > 64 ? least : 64;
	snprintf(sizes->text, sizeof(sizes->text), "%u", sizes->size);
}
