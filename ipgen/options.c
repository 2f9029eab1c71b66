/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line: one table of options, from which they are parsed and the help is printed. */
#include "ipgen/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ipgen/options_var.h"

struct option_def {
	const char *name; /* long */
	char letter;	  /* or 0 */
	enum {
		FLAG,
		REAL,
		COUNT,
		SUFFIXED,
		UINT,
		TEXT,
		CALL,
		OPTIONAL
	} kind;	    /* OPTIONAL: CALL, the value may be missing */
	size_t off; /* in struct options */
	double min, max;
	int (*fn)(struct options *, const char *name, const char *value, char *err, size_t errlen);
	const char *value; /* what the help calls it */
	const char *help;
};

static int
set_port(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	struct tport_spec *spec = &o->port[strcmp(name, "-R") == 0 ? 1 : 0];

	if (spec->device[0] != '\0') {
		snprintf(err, errlen, "%s %.128s: given twice", name, value);
		return -EINVAL;
	}
	spec->ntags = o->nvlan;
	spec->tag[0] = o->vlan;
	o->nvlan = 0;
	return port_parse(name, value, spec, err, errlen);
}

static int
set_vlan(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	return value_tags(name, value, &o->vlan, 1, &o->nvlan, err, errlen);
}

static int
set_vlans(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	return value_tags(name, value, o->tag, TRAFFIC_MAXTAGS, &o->ntags, err, errlen);
}

static int
set_tpid(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	char *end;
	unsigned long v = strtoul(value, &end, 16);

	if (value[0] == '-' || *end != '\0' || v < 0x600 || v > 0xffff) {
		snprintf(err, errlen, "%s %.64s: not an Ethernet type (0x8100, 0x88a8, 0x9100)", name, value);
		return -EINVAL;
	}
	o->tpid = (unsigned)v;
	return 0;
}

static int
set_linerate(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	return value_bits(name, value, &o->linerate, err, errlen);
}

static int
set_size(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	char why[192];

	if (traffic_sizes_parse(value, &o->traffic.sizes, why, sizeof(why)) == 0)
		return 0;
	snprintf(err, errlen, "--%s", why); /* "size '0': octet 1: ..." */
	return -EINVAL;
}

static int
set_range(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	bool src = strcmp(name, "--saddr") == 0;
	uint8_t family;
	int error = value_addrs(name, value, src ? &o->traffic.src : &o->traffic.dst, &family, err, errlen);

	if (error != 0)
		return error;
	if (o->traffic.family != 0 && o->traffic.family != family) {
		snprintf(err, errlen, "%s %.128s: --saddr and --daddr are one IPv4 and one IPv6", name, value);
		return -EINVAL;
	}
	o->traffic.family = family;
	*(src ? &o->traffic.has_src : &o->traffic.has_dst) = true;
	return 0;
}

static int
set_ports(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	return value_ports(
	    name, value, strcmp(name, "--sport") == 0 ? o->traffic.sport : o->traffic.dport, err, errlen);
}

static int
set_random(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	o->traffic.order = TRAFFIC_RANDOM;
	return value == NULL ? 0 : value_count(name, value, 0, UINT32_MAX, false, &o->traffic.seed, err, errlen);
}

static int
set_flows_report(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	uint64_t v = 20;
	int error = value == NULL ? 0 : value_count(name, value, 1, TRAFFIC_MAXFLOWS, true, &v, err, errlen);

	o->flows_report = true;
	o->flows_report_n = (unsigned)v;
	return error;
}

static int
set_rfc2544(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	static const char *const names[] = {"throughput", "latency", "loss", "back-to-back", "recovery", "reset"};
	const unsigned n = sizeof(names) / sizeof(names[0]);
	unsigned i;

	if (value == NULL)
		value = "throughput,latency,loss,back-to-back";
	for (const char *p = value;; p++) {
		size_t len = strcspn(p, ",");

		for (i = 0; i < n; i++)
			if (strlen(names[i]) == len && memcmp(names[i], p, len) == 0)
				break;
		if (i == n) {
			snprintf(err, errlen,
			    "%s=%.128s: tests are throughput, latency, loss, back-to-back, recovery, reset", name,
			    value);
			return -EINVAL;
		}
		o->test[REPORT_THROUGHPUT + i] = true;
		p += len;
		if (*p == '\0')
			return 0;
	}
}

static int
set_mlr(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	struct procedure *p = &o->procedure;

	if (strcmp(name, "--mlrsearch") == 0) {
		o->test[REPORT_MLR] = true;
		return 0;
	}
	if (!option_seen(o, "mlr-goal"))
		p->ngoals = 0; /* in place of the usual ones */
	if (p->ngoals == sizeof(p->goal) / sizeof(p->goal[0])) {
		snprintf(err, errlen, "%s %.64s: %u goals at most", name, value, p->ngoals);
		return -EINVAL;
	}
	return value_goal(name, value, &p->goal[p->ngoals++], err, errlen);
}

static int
set_soak(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	o->test[REPORT_SOAK] = true;
	return value_real(name, value, 0.1, 31e6, &o->procedure.soak_seconds, err, errlen);
}

static int
set_sizes(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	return value_sizes(name, value, strcmp(name, "--rfc2544-pktsize") == 0, &o->procedure.sizes,
	    &o->procedure.nsizes, err, errlen);
}

static int
set_text(struct options *o, const char *name, const char *value, char *err, size_t errlen)
{
	bool via = strcmp(name, "--via") == 0;

	if (via && strcmp(value, "xdp") != 0 && strcmp(value, "packet") != 0) {
		snprintf(err, errlen, "%s %.64s: xdp or packet", name, value);
		return -EINVAL;
	}
	if (!via && strlen(value) >= sizeof(o->procedure.reset)) {
		snprintf(err, errlen, "%s %.64s...: longer than %zu characters", name, value,
		    sizeof(o->procedure.reset) - 1);
		return -EINVAL;
	}
	if (via)
		snprintf(o->via, sizeof(o->via), "%s", value);
	else
		snprintf(o->procedure.reset, sizeof(o->procedure.reset), "%s", value);
	return 0;
}

#define O(m) offsetof(struct options, m)
#define P(m) offsetof(struct options, procedure.m)
#define DAY  86400.0

static const struct option_def defs[] = {
    {"", 'T', CALL, 0, 0, 0, set_port, "PORT",
	"the port that sends: DEVICE[,GATEWAY[,ADDR[/LEN]]][,GATEWAY6,ADDR6/LEN]"},
    {"", 'R', CALL, 0, 0, 0, set_port, "PORT", "the port that receives (without: what -T sends comes back to it)"},
    {"", 'V', CALL, 0, 0, 0, set_vlan, "VID[:PRI]", "VLAN of the port that follows (-T, -R)"},
    {"vlan", 0, CALL, 0, 0, 0, set_vlans, "VID[:PRI][,VID[:PRI]]", "VLAN of both ports; two: outer and inner (QinQ)"},
    {"tpid", 0, CALL, 0, 0, 0, set_tpid, "TYPE", "Ethernet type of the outer tag (0x8100; of two: 0x88a8)"},
    {"via", 0, CALL, 0, 0, 0, set_text, "xdp|packet", "how Linux interfaces are taken"},
    {"take", 0, FLAG, O(take), 0, 0, NULL, NULL, "take Linux interfaces although Linux has addresses on them"},
    {"mtu", 0, UINT, O(mtu), 68, 16000, NULL, "N", "MTU of the ports (z of a genome)"},
    {"linerate", 0, CALL, 0, 0, 0, set_linerate, "BPS", "the ports' line rate, where the device does not say it"},
    {"wait", 0, REAL, O(wait), 0, 600, NULL, "S", "wait so long for links and gateways (10)"},
    {"", 'p', TEXT, O(pps_value), 0, 0, NULL, "PPS", "packets a second, in each direction"},
    {"rate", 0, TEXT, O(rate_value), 0, 0, NULL, "RATE", "100000, 1Mpps, 10%, 1Gbps/l1, 500Mbps/l2, max (the default)"},
    {"l1-bps", 0, FLAG, O(l1_bps), 0, 0, NULL, NULL, "bits/s without a layer are of layer 1 (with preamble and gap)"},
    {"l2-bps", 0, FLAG, O(l2_bps), 0, 0, NULL, NULL, "bits/s without a layer are of layer 2 (frames with FCS)"},
    {"", 's', UINT, O(ip_size), 46, 9000, NULL, "SIZE", "size of the IP packets"},
    {"size", 0, CALL, 0, 0, 0, set_size, "SIZES",
	"frames with FCS: 64, 64-1518, 64-1518:64, imix, imix:64x7,594x4, genome:..."},
    {"", 't', REAL, O(seconds), 0, 31e6, NULL, "S", "send so long (0: until stopped)"},
    {"", 'n', SUFFIXED, O(packets), 1, 1e18, NULL, "PACKETS", "send so many, in each direction"},
    {"", 'f', FLAG, O(bidirectional), 0, 0, NULL, NULL, "full-duplex: both ports send"},
    {"", 'F', UINT, O(traffic.nflows), 1, TRAFFIC_MAXFLOWS, NULL, "NFLOW", "so many flows at most"},
    {"tcp", 0, FLAG, O(tcp), 0, 0, NULL, NULL, "TCP segments"},
    {"udp", 0, FLAG, O(udp), 0, 0, NULL, NULL, "UDP datagrams (the default)"},
    {"icmp", 0, FLAG, O(icmp), 0, 0, NULL, NULL, "ICMP or ICMPv6 echo requests"},
    {"", '4', FLAG, O(only4), 0, 0, NULL, NULL, "IPv4"},
    {"", '6', FLAG, O(only6), 0, 0, NULL, NULL, "IPv6"},
    {"saddr", 0, CALL, 0, 0, 0, set_range, "A[-B]", "source addresses"},
    {"daddr", 0, CALL, 0, 0, 0, set_range, "A[-B]", "destination addresses"},
    {"sport", 0, CALL, 0, 0, 0, set_ports, "A[-B]", "source ports"},
    {"dport", 0, CALL, 0, 0, 0, set_ports, "A[-B]", "destination ports"},
    {"random", 0, OPTIONAL, 0, 0, 0, set_random, "SEED", "flows in random order"},
    {"allnet", 0, FLAG, O(allnet), 0, 0, NULL, NULL, "destinations count up over the far port's network"},
    {"flowlist", 0, TEXT, O(traffic.flowfile), 0, 0, NULL, "FILE", "flows from a file"},
    {"flowdump", 0, FLAG, O(flowdump), 0, 0, NULL, NULL, "print the flows and end"},
    {"tos", 0, UINT, O(tos), 0, 255, NULL, "N", "type of service or traffic class"},
    {"ttl", 0, UINT, O(ttl), 1, 255, NULL, "N", "time to live or hop limit (64)"},
    {"replay", 0, TEXT, O(traffic.replay), 0, 0, NULL, "FILE", "send what a pcap or pcapng file holds"},
    {"replay-speed", 0, REAL, O(traffic.replay_speed), 0.0001, 10000, NULL, "X",
	"with its own timing, X times as fast"},
    {"replay-loop", 0, FLAG, O(traffic.replay_loop), 0, 0, NULL, NULL, "again and again"},
    {"replay-raw", 0, FLAG, O(traffic.replay_raw), 0, 0, NULL, NULL, "with the file's link addresses, without tags"},
    {"workers", 0, UINT, O(workers), 1, 32, NULL, "N", "threads that send and receive"},
    {"cpus", 0, TEXT, O(cpus), 0, 0, NULL, "LIST", "pin them, one to each CPU (2-4,7)"},
    {"queues", 0, UINT, O(queues), 1, 32, NULL, "N", "queues of each port (as many as workers)"},
    {"buffers", 0, UINT, O(buffers), 512, 16u << 20, NULL, "N", "packet buffers of each worker"},
    {"burst", 0, UINT, O(burst), 1, 64, NULL, "N", "most packets at once (32)"},
    {"warmup", 0, REAL, O(warmup), 0, 3600, NULL, "S", "send so long before it counts"},
    {"ramp", 0, REAL, O(ramp), 0, 3600, NULL, "S", "within that the rate grows from nothing"},
    {"drain", 0, REAL, O(drain), 0, 60, NULL, "S", "what has not come so long after the last arrival is lost (2)"},
    {"interval", 0, REAL, O(interval), 0.1, 3600, NULL, "S", "figures each S seconds (1)"},
    {"nocurses", 0, FLAG, O(headless), 0, 0, NULL, NULL, "lines on standard output, no full-screen view"},
    {"json-lines", 0, FLAG, O(json_lines), 0, 0, NULL, NULL, "each second and the result as a line of JSON"},
    {"", 'q', FLAG, O(quiet), 0, 0, NULL, NULL, "the summary alone"},
    {"text", 0, TEXT, O(text), 0, 0, NULL, "FILE", "report as text ('-': standard output)"},
    {"json", 0, TEXT, O(json), 0, 0, NULL, "FILE", "report as JSON"},
    {"csv", 0, TEXT, O(csv), 0, 0, NULL, "FILE", "report as comma-separated values"},
    {"html", 0, TEXT, O(html), 0, 0, NULL, "FILE", "report as one page with plots"},
    {"", 'L', TEXT, O(log), 0, 0, NULL, "LOGFILE", "what standard output shows goes to a file too"},
    {"title", 0, TEXT, O(title), 0, 0, NULL, "TEXT", "the report's title"},
    {"dut", 0, TEXT, O(dut), 0, 0, NULL, "TEXT", "the device under test, for the report"},
    {"max-loss", 0, REAL, O(percent_loss), 0, 100, NULL, "PERCENT", "exit status 3 if a direction loses more"},
    {"min-rate", 0, TEXT, O(min_rate_value), 0, 0, NULL, "RATE", "exit status 3 if a direction receives less"},
    {"max-latency", 0, REAL, O(max_latency), 0, 1e9, NULL, "US", "exit status 3 if the 99th percentile is higher"},
    {"fail-if-dropped", 0, FLAG, O(fail_if_dropped), 0, 0, NULL, NULL, "the same as --max-loss 0"},
    {"flows-report", 0, OPTIONAL, 0, 0, 0, set_flows_report, "N",
	"figures of each flow, those with most loss first (20)"},
    {"script", 'S', TEXT, O(script), 0, 0, NULL, "FILE", "run a scenario"},
    {"http", 0, TEXT, O(http), 0, 0, NULL, "[ADDR:]PORT", "the live view as a page (ADDR: 127.0.0.1)"},
    {"no-learning", 0, FLAG, O(no_learning), 0, 0, NULL, NULL, "do not send some packets before the first trial"},
    {"no-floor", 0, FLAG, O(no_floor), 0, 0, NULL, NULL, "do not measure the tester's own latency first"},
    {"rfc2544", 0, OPTIONAL, 0, 0, 0, set_rfc2544, "TEST,...",
	"throughput, latency, loss, back-to-back, recovery, reset"},
    {"rfc2544-trial-duration", 0, REAL, P(trial_seconds), 0.1, DAY, NULL, "S", "(60)"},
    {"rfc2544-warming-duration", 0, REAL, P(warmup), 0, 3600, NULL, "S", "before each trial (1)"},
    {"rfc2544-interval", 0, REAL, P(wait), 0, 3600, NULL, "S", "between trials (0)"},
    {"rfc2544-tolerable-error-rate", 0, REAL, O(percent_tolerance), 0, 100, NULL, "PERCENT", "loss that passes (0)"},
    {"rfc2544-pps-resolution", 0, REAL, O(percent_resolution), 0.0001, 50, NULL, "PERCENT", "of the rate (0.1)"},
    {"rfc2544-slowstart", 0, FLAG, P(slow_start), 0, 0, NULL, NULL, "grow step by step, no binary search"},
    {"rfc2544-no-early-finish", 0, FLAG, O(no_early), 0, 0, NULL, NULL, "a trial that has failed goes on to its end"},
    {"rfc2544-pktsize", 0, CALL, 0, 0, 0, set_sizes, "SIZE,...", "sizes of IP packets"},
    {"rfc2544-sizes", 0, CALL, 0, 0, 0, set_sizes, "SIZE,...", "sizes of frames (64,128,256,512,1024,1280,1518)"},
    {"rfc2544-output-json", 0, TEXT, O(rfc2544_json), 0, 0, NULL, "FILE", "report as JSON"},
    {"rfc2544-max-rate", 0, TEXT, O(max_rate_value), 0, 0, NULL, "RATE", "the highest rate tried"},
    {"rfc2544-repeat", 0, UINT, P(repeat), 1, 1000, NULL, "N", "latency: trials (20)"},
    {"rfc2544-bursts", 0, UINT, P(bursts), 1, 1000, NULL, "N", "back-to-back: trials (50)"},
    {"rfc2544-reset-command", 0, CALL, 0, 0, 0, set_text, "CMD", "resets the device under test"},
    {"mlrsearch", 0, CALL, 0, 0, 0, set_mlr, NULL, "RFC 9971: NDR and PDR in one search"},
    {"mlr-goal", 0, CALL, 0, 0, 0, set_mlr, "GOAL", "NAME:LOSS%[,exceed=50%,initial=1,final=1,sum=21,width=0.5%]"},
    {"mlr-max-time", 0, REAL, P(search_seconds), 1, DAY, NULL, "S", "most time of one search"},
    {"soak", 0, CALL, 0, 0, 0, set_soak, "S", "run at one rate for long"},
};
#define NDEFS (sizeof(defs) / sizeof(defs[0]))
_Static_assert(NDEFS + 2 <= OPTIONS_MAX, "a flag of struct options for each");
enum { VAL_LONG = 1000, VAL_HELP = 2000, VAL_VERSION };

bool
option_seen(const struct options *o, const char *name)
{
	for (unsigned i = 0; i < NDEFS; i++)
		if (name[1] == '\0' ? defs[i].letter == name[0] : strcmp(defs[i].name, name) == 0)
			return o->seen[i];
	return false;
}

static bool
takes_value(const struct option_def *d)
{
	return d->value != NULL;
}

/* One option with its value. */
static int
apply(struct options *o, unsigned i, const char *value, char *err, size_t errlen)
{
	const struct option_def *d = &defs[i];
	void *p = (char *)o + d->off;
	char name[48];
	uint64_t v;
	int error = 0;

	if (d->letter != 0)
		snprintf(name, sizeof(name), "-%c", d->letter);
	else
		snprintf(name, sizeof(name), "--%s", d->name);
	switch (d->kind) {
	case FLAG:
		*(bool *)p = true;
		break;
	case REAL:
		error = value_real(name, value, d->min, d->max, p, err, errlen);
		break;
	case COUNT:
	case SUFFIXED:
		error =
		    value_count(name, value, (uint64_t)d->min, (uint64_t)d->max, d->kind == SUFFIXED, p, err, errlen);
		break;
	case UINT:
		error = value_count(name, value, (uint64_t)d->min, (uint64_t)d->max, d->max >= 10000, &v, err, errlen);
		if (error == 0)
			*(unsigned *)p = (unsigned)v;
		break;
	case TEXT:
		if (value[0] == '\0') {
			snprintf(err, errlen, "%s '': an empty value", name);
			return -EINVAL;
		}
		*(const char **)p = value;
		break;
	case CALL:
	case OPTIONAL:
		error = d->fn(o, name, value, err, errlen);
		break;
	}
	o->seen[i] = true;
	return error;
}

static void
set_defaults(struct options *o)
{
	memset(o, 0, sizeof(*o));
	o->wait = 10;
	o->interval = 1;
	o->drain = -1;
	o->rate = o->max_rate = (struct rate){.kind = RATE_MAX, .value = INFINITY};
	o->traffic.proto = 17;
	o->traffic.sport[0] = o->traffic.sport[1] = o->traffic.dport[0] = o->traffic.dport[1] = 9;
	procedure_defaults(&o->procedure);
	o->procedure.nsizes = 0;
	o->procedure.sizes = NULL;
}

/* getopt_long's tables, made of ours. */
static void
make_tables(struct option *longs, char *shorts)
{
	*shorts++ = ':';
	for (unsigned i = 0; i < NDEFS; i++) {
		if (defs[i].letter != 0) {
			*shorts++ = defs[i].letter;
			if (takes_value(&defs[i]))
				*shorts++ = ':';
		}
		if (defs[i].name[0] != '\0')
			*longs++ = (struct option){defs[i].name,
			    defs[i].kind == OPTIONAL ? optional_argument
			    : takes_value(&defs[i])  ? required_argument
						     : no_argument,
			    NULL, VAL_LONG + (int)i};
	}
	*shorts = '\0';
	*longs++ = (struct option){"help", no_argument, NULL, VAL_HELP};
	*longs++ = (struct option){"version", no_argument, NULL, VAL_VERSION};
	*longs = (struct option){NULL, 0, NULL, 0};
}

int
options_parse(int argc, char **argv, struct options *o, char *err, size_t errlen)
{
	struct option longs[NDEFS + 3];
	char shorts[2 * NDEFS + 2];
	int c, error = 0;

	set_defaults(o);
	make_tables(longs, shorts);
	opterr = 0;
	optind = 0; /* glibc: begin anew */
	while (error == 0 && (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		unsigned i;

		if (c == VAL_HELP || c == VAL_VERSION)
			return c == VAL_HELP ? OPTIONS_HELP : OPTIONS_VERSION;
		if (c == '?' || c == ':') {
			const char *arg = argv[optind - 1];

			if (c == ':')
				snprintf(err, errlen, "%.64s: its value is missing", arg);
			else if (optopt != 0 && optopt < VAL_LONG)
				snprintf(err, errlen, "-%c: no such option (--help lists them)", optopt);
			else
				snprintf(err, errlen, "%.64s: %s", arg,
				    optopt != 0 ? "takes no value" : "no such option (--help lists them)");
			return -EINVAL;
		}
		for (i = 0; i < NDEFS; i++)
			if (c >= VAL_LONG ? i == (unsigned)c - VAL_LONG : defs[i].letter == c)
				break;
		error = apply(o, i, optarg, err, errlen);
	}
	if (error == 0 && optind < argc) {
		snprintf(err, errlen, "%.64s: not an option", argv[optind]);
		error = -EINVAL;
	}
	if (error == 0)
		error = options_check(o, err, errlen);
	if (error == -ENOMEM)
		snprintf(err, errlen, "out of memory");
	return error;
}

void
options_free(struct options *o)
{
	free(o->procedure.sizes);
	o->procedure.sizes = NULL;
}

void
options_help(FILE *f)
{
	fputs("usage: ipgen -T PORT [-R PORT] [options]\n\n"
	      "PORT is DEVICE[,GATEWAY[,ADDR[/LEN]]][,GATEWAY6,ADDR6/LEN]; GATEWAY an address or a link address.\n"
	      "DEVICE is a Linux interface, a DPDK string, shmif:FILE, tapN, or loop (two ports back to back in "
	      "memory).\n\n",
	    f);
	for (unsigned i = 0; i < NDEFS; i++) {
		const struct option_def *d = &defs[i];
		char left[64];
		int n = 0;

		if (d->letter != 0)
			n += snprintf(left, sizeof(left), "-%c", d->letter);
		if (d->name[0] != '\0')
			n += snprintf(left + n, sizeof(left) - (size_t)n, "%s--%s", n > 0 ? ", " : "", d->name);
		if (d->kind == OPTIONAL)
			snprintf(left + n, sizeof(left) - (size_t)n, "[=%s]", d->value);
		else if (d->value != NULL)
			snprintf(left + n, sizeof(left) - (size_t)n, " %s", d->value);
		fprintf(f, "  %-32s %s%s\n", left, strlen(left) > 32 ? "\n                                   " : "",
		    d->help);
	}
	fputs("  --help, --version\n\nexit status: 0; 1 it failed; 2 the command line; 3 a criterion is not met\n", f);
}
