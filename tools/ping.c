/* SPDX-License-Identifier: BSD-2-Clause */
/* ping and ping6: the daemon sends and receives; this prints what it reports, as NetBSD's programs do. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool.h"

#define MAXWAIT 10.0 /* seconds to wait for answers after the last echo */

static struct ping {
	bool v6, numeric, quiet, errorless, verbose, once, json, flood;
	int mtu;	       /* ping6 -m, -mm */
	const char *host;      /* as typed */
	char dst[64];	       /* its address */
	long long count, size; /* count 0: for ever */
	int precision;	       /* of times, digits after ms; -1: no room for a time stamp */
	long long transmitted, received, repeats;
	double tmin, tmax, tsum, tsumsq; /* ms */
	uint8_t seen[8192];		 /* a bit for each sequence number */
	char last_route[256];
} pg;

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int sig)
{
	interrupted = sig;
}

/* NetBSD's ping prints "name (address)", its ping6 the name alone. */
static const char *
ping_address(const char *address)
{
	static char text[400];
	char name[256];

	if (pg.numeric || !addr_lookup(address, name, sizeof(name)))
		return address;
	if (pg.v6)
		snprintf(text, sizeof(text), "%s", name);
	else
		snprintf(text, sizeof(text), "%s (%s)", name, address);
	return text;
}

static const char *
icmp_text(int type, int code)
{
	static const char *const unreach[] = {"Destination Net Unreachable", "Destination Host Unreachable",
	    "Destination Protocol Unreachable", "Destination Port Unreachable", "frag needed and DF set",
	    "Source Route Failed", "Unreachable unknown net", "Unreachable unknown host", "Unreachable host isolated",
	    "Net prohibited access", "Host prohibited access", "Bad TOS for net", "Bad TOS for host",
	    "Communication prohibited", "Host precedence violation", "Precedence cutoff"};

	switch (type) {
	case 3:
		return code < 16 ? unreach[code] : "Bad Destination Unreachable Code";
	case 4:
		return "Source Quench";
	case 5:
		return code == 0 ? "Redirect Network" : "Redirect Host";
	case 11:
		return code == 0 ? "Time To Live exceeded" : "Frag reassembly time exceeded";
	case 12:
		return "Parameter problem";
	default:
		return "Bad ICMP type";
	}
}

static const char *
icmp6_text(int type, int code)
{
	static const char *const unreach[] = {"No Route to Destination", "Destination Administratively Unreachable",
	    "Destination Unreachable Beyond Scope", "Destination Host Unreachable", "Destination Port Unreachable",
	    "Destination Unreachable, source address failed policy", "Destination Unreachable, reject route"};

	switch (type) {
	case 1:
		return code < 7 ? unreach[code] : "Destination Unreachable, Bad Code";
	case 2:
		return "Packet too big";
	case 3:
		return code == 0 ? "Time to live exceeded" : "Frag reassembly time exceeded";
	case 4:
		return code == 0   ? "Parameter problem: Erroneous Header"
		       : code == 1 ? "Parameter problem: Unknown Nextheader"
				   : "Parameter problem: Unrecognized Option";
	case 137:
		return "Redirect";
	default:
		return "Bad ICMP6 type";
	}
}

/* The recorded route: "RR:" and one address a line, or "(same route)". */
static void
print_route(const json_t *route)
{
	char text[sizeof(pg.last_route)] = "";
	const json_t *hop;
	size_t i;

	json_array_foreach (route, i, hop) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, "%s ", json_string_value(hop));
	}
	if (strcmp(text, pg.last_route) == 0) {
		printf("\t(same route)");
		return;
	}
	memcpy(pg.last_route, text, sizeof(text));
	json_array_foreach (route, i, hop)
		printf("%s\t%s", i == 0 ? "\nRR: " : "\n", ping_address(json_string_value(hop)));
}

static void
on_reply(const json_t *e)
{
	unsigned seq = jint(e, "seq") & 0xffff;
	double ms = json_number_value(json_object_get(e, "rtt_us")) / 1000.0;
	bool dup = pg.seen[seq / 8] & 1 << seq % 8 || jbool(e, "dup");

	pg.seen[seq / 8] |= 1 << seq % 8;
	if (dup)
		pg.repeats++;
	else
		pg.received++;
	pg.tsum += ms;
	pg.tsumsq += ms * ms;
	if (pg.received + pg.repeats == 1 || ms < pg.tmin)
		pg.tmin = ms;
	if (ms > pg.tmax)
		pg.tmax = ms;
	if (pg.flood && !pg.quiet) {
		putchar('\b');
		fflush(stdout);
	}
	if (pg.quiet || pg.flood)
		return;
	if (pg.v6) {
		printf("%lld bytes from %s, icmp_seq=%u hlim=%lld", jint(e, "bytes"), ping_address(jstr(e, "from")),
		    seq, jint(e, "ttl"));
		if (pg.precision >= 0)
			printf(" time=%.*f ms", pg.precision, ms);
		printf("%s\n", dup ? "(DUP!)" : "");
	} else {
		printf("%lld bytes from %s: icmp_seq=%u%s ttl=%lld", jint(e, "bytes"), ping_address(jstr(e, "from")),
		    seq, dup ? " DUP!" : "", jint(e, "ttl"));
		if (pg.precision >= 0)
			printf(" time=%.*f ms", pg.precision, ms);
		if (json_array_size(json_object_get(e, "route")) > 0)
			print_route(json_object_get(e, "route"));
		printf("\n");
	}
	fflush(stdout);
}

/* An ICMP error about one of our echoes.  ping6 shows them with -v only. */
static void
on_error(const json_t *e)
{
	int type = jint(e, "icmptype"), code = jint(e, "icmpcode");
	long long bytes = jint(e, "bytes"), mtu = jint(e, "mtu");

	if (pg.quiet || pg.flood || pg.errorless || (pg.v6 && !pg.verbose))
		return;
	printf("%lld bytes from %s: %s",
	    bytes != 0 ? bytes
	    : pg.v6    ? 8 + 40 + 8 + pg.size
		       : 36,
	    ping_address(jstr(e, "from")), pg.v6 ? icmp6_text(type, code) : icmp_text(type, code));
	if (pg.v6 && type == 2)
		printf(" mtu = %lld", mtu);
	else if (!pg.v6 && type == 3 && code == 4)
		printf(".  Next MTU=%lld", mtu);
	if (!pg.v6)
		printf(" for icmp_seq=%lld", jint(e, "seq"));
	printf("\n");
	fflush(stdout);
}

static void
on_send_error(const json_t *e)
{
	int err = smpnet_errno_value(jstr(e, "errno"));
	const char *text = err != 0 ? tool_strerror(err) : jstr(e, "message");

	pg.transmitted++;
	if (pg.v6) {
		tool_warn("sendmsg: %s", text);
		if (!pg.quiet)
			printf("ping6: wrote %s %lld chars, ret=-1\n", pg.host, pg.size + 8);
	} else {
		tool_warn("sendto: %s", text);
	}
}

/* => true when nothing more is to come */
static bool
on_event(const json_t *e)
{
	const char *type = jstr(e, "type");

	if (pg.json) {
		json_dumpf(e, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
		pg.quiet = true;
	}
	if (strcmp(type, "start") == 0) {
		if (pg.v6 && !pg.json) {
			printf(
			    "PING6(%lld=40+8+%lld bytes) %s", 48 + pg.size, pg.size, ping_address(jstr(e, "source")));
			printf(" --> %s\n", ping_address(pg.dst));
			fflush(stdout);
		}
	} else if (strcmp(type, "sent") == 0) {
		unsigned seq = jint(e, "seq") & 0xffff;

		/* A number that comes round again stands for a new echo. */
		if (pg.flood && !pg.quiet) {
			putchar('.');
			fflush(stdout);
		}
		if (pg.transmitted++ > 0xffff)
			pg.seen[seq / 8] &= ~(1 << seq % 8);
	} else if (strcmp(type, "reply") == 0) {
		on_reply(e);
		return pg.once && pg.received > 0;
	} else if (strcmp(type, "error") == 0) {
		on_error(e);
	} else if (strcmp(type, "senderror") == 0 && !pg.json) {
		on_send_error(e);
	} else if (strcmp(type, "senderror") == 0) {
		pg.transmitted++;
	}
	return false;
}

static void
summary(void)
{
	double n = pg.received + pg.repeats, avg = pg.tsum / n, variance = 0;

	if (pg.json) {
		printf("{\"type\":\"summary\",\"transmitted\":%lld,\"received\":%lld,\"duplicates\":%lld",
		    pg.transmitted, pg.received, pg.repeats);
		if (n > 0)
			printf(",\"min_ms\":%.6f,\"avg_ms\":%.6f,\"max_ms\":%.6f", pg.tmin, avg, pg.tmax);
		printf("}\n");
		return;
	}
	printf(pg.v6 ? "\n--- %s ping6 statistics ---\n" : "\n----%s PING Statistics----\n", pg.host);
	printf("%lld packets transmitted, %lld packets received, ", pg.transmitted, pg.received);
	if (pg.repeats > 0)
		printf("+%lld duplicates, ", pg.repeats);
	if (pg.transmitted > 0) {
		if (pg.received > pg.transmitted)
			printf("-- somebody's duplicating packets!");
		else
			printf("%.1f%% packet loss", (pg.transmitted - pg.received) * 100.0 / pg.transmitted);
	}
	printf("\n");
	if (pg.received == 0 || pg.precision < 0)
		return;
	if (n > 1)
		variance = (pg.tsumsq - n * avg * avg) / (n - 1);
	printf("round-trip min/avg/max/%s = %.*f/%.*f/%.*f/%.*f ms\n", pg.v6 ? "std-dev" : "stddev", pg.precision,
	    pg.tmin, pg.precision, avg, pg.precision, pg.tmax, pg.precision, sqrt(variance > 0 ? variance : 0));
}

static double
seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Until every echo is answered, the time is over, or somebody interrupts. */
static void
run(struct smpnet_stream *st, double maxwait)
{
	double start = seconds_now(), deadline = INFINITY;
	int r = 1;

	while (!interrupted) {
		double now = seconds_now(), left;
		json_t *e = NULL;
		bool done;

		if (pg.count > 0 && pg.transmitted >= pg.count) {
			if (pg.received >= pg.count)
				break;
			/* All are sent: twice the longest time seen, or as long as it may take for the first. */
			if (isinf(deadline))
				deadline = now + (pg.received > 0 ? fmax(1, 2 * pg.tmax / 1000) : MAXWAIT);
		}
		if (maxwait > 0 && start + maxwait < deadline)
			deadline = start + maxwait;
		left = deadline - now;
		if (left <= 0)
			break;
		r = smpnet_stream_next(st, &e, left < 3600 ? (int)(left * 1000) + 1 : 3600000);
		if (r == 0) {
			if (e != NULL && jint(e, "sent") > pg.transmitted)
				pg.transmitted = jint(e, "sent");
			json_decref(e);
			break;
		}
		if (r == -EAGAIN || r == -EINTR)
			continue;
		if (r < 0)
			tool_fail(pg.v6 ? 1 : 2, "%s", smpnet_error(tool_server()));
		done = on_event(e);
		json_decref(e);
		if (done)
			break;
	}
}

static void
set_pattern(json_t *p, const char *pattern)
{
	size_t n = strspn(pattern, "0123456789abcdefABCDEF");

	if (n == 0 || pattern[n] != '\0' || n > 32)
		tool_fail(1, "\"-p %s\": patterns must be specified with 1-32 hex digits", pattern);
	json_object_set_new(p, "pattern", json_string(pattern));
	if (pg.quiet || pg.json)
		return;
	printf("PATTERN: 0x");
	for (size_t i = 0; i < n; i += 2) {
		unsigned v = 0;

		sscanf(pattern + i, "%2x", &v);
		printf("%02x", v);
	}
	printf("\n");
}

/* The way that packets name: the host before the last one, for ping6 all of them. */
static void
add_hop(json_t *p, const char *host)
{
	char address[64];

	addr_resolve(pg.v6 ? AF_INET6 : AF_INET, host, address, sizeof(address));
	if (json_object_get(p, "hops") == NULL)
		json_object_set_new(p, "hops", json_array());
	json_array_append_new(json_object_get(p, "hops"), json_string(address));
}

/* Refuses to start, in the words of the call that NetBSD's program would fail in. */
static void __attribute__((noreturn)) start_failed(bool source)
{
	int err = smpnet_errno(tool_server());
	const char *text = tool_strerror(err), *why = smpnet_error(tool_server());

	if (source && err == EADDRNOTAVAIL)
		tool_fail(1, "bind: %s", text);
	if (pg.v6 && (err == EHOSTUNREACH || err == ENETUNREACH || err == ENETDOWN || err == EADDRNOTAVAIL)) {
		if (strstr(why, " needs ") == NULL)
			tool_fail(1, "UDP connect: %s", text);
		tool_fail(1, "UDP connect: %s (%s)", text, why);
	}
	tool_fail(1, "%s", why);
}

static int
ping(json_t *p, const char *host, const char *pattern, double maxwait)
{
	struct sigaction sa = {.sa_handler = on_interrupt};
	bool source = json_object_get(p, "source") != NULL;
	struct smpnet_stream *st;

	pg.host = host;
	addr_resolve(pg.v6 ? AF_INET6 : AF_INET, host, pg.dst, sizeof(pg.dst));
	json_object_set_new(p, "family", json_string(pg.v6 ? "inet6" : "inet"));
	json_object_set_new(p, "dst", json_string(pg.dst));
	json_object_set_new(p, "size", json_integer(pg.size));
	if (pg.count > 0)
		json_object_set_new(p, "count", json_integer(pg.count));
	if (maxwait > 0)
		json_object_set_new(p, "deadline_ms", json_integer((json_int_t)(maxwait * 1000)));
	if (pattern != NULL)
		set_pattern(p, pattern);
	if (pg.flood && json_object_get(p, "interval_ms") == NULL)
		json_object_set_new(p, "interval_ms", json_integer(10));
	if (pg.flood)
		json_object_set_new(p, "flood", json_true());
	/* Groups are spared large packets until -mm. */
	if (pg.v6 && (pg.mtu == 0 || (pg.mtu == 1 && strncasecmp(pg.dst, "ff", 2) == 0)))
		json_object_set_new(p, "minmtu", json_true());
	pg.precision = pg.size < 8 ? -1 : pg.v6 || pg.size < 16 ? 3 : 6;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	tool_server();
	if (!pg.v6 && !pg.json) {
		printf("PING %s (%s): %lld data bytes\n", host, pg.dst, pg.size);
		fflush(stdout);
	}
	if ((st = smpnet_stream_open(tool_server(), "ping.start", p)) == NULL)
		start_failed(source);
	run(st, maxwait);
	summary();
	smpnet_stream_close(st);
	return pg.received > 0 ? 0 : pg.v6 ? 1 : 2;
}

int
ping_main(int argc, char **argv)
{
	const char *pattern = NULL, *arg;
	json_t *p = json_object();
	double maxwait = 0;
	int i;

	pg = (struct ping){.size = 56, .json = tool_option_json(&argc, argv)};
	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++)
		for (const char *o = argv[i] + 1; *o != '\0'; o++) {
			if (strchr("cIipsTwtglhEP", *o) == NULL) {
				switch (*o) {
				case 'D':
					json_object_set_new(p, "df", json_true());
					continue;
				case 'f':
					pg.flood = true;
					continue;
				case 'n':
					pg.numeric = true;
					continue;
				case 'o':
					pg.once = true;
					continue;
				case 'q':
					pg.quiet = true;
					continue;
				case 'Q':
					pg.errorless = true;
					continue;
				case 'R':
					json_object_set_new(p, "route", json_true());
					continue;
				case 'v':
					pg.verbose = true;
					continue;
				case 'C':
				case 'd':
				case 'L':
					continue;
				case 'r':
					tool_fail(1, "-r: not supported: packets go as the routes say");
				default:
					tool_warn("unknown option -- %c", *o);
					tool_usage();
				}
			}
			arg = o[1] != '\0' ? o + 1 : argv[++i];
			if (arg == NULL)
				tool_usage();
			switch (*o) {
			case 'c':
				pg.count = tool_number("count", arg, 1, INT32_MAX);
				break;
			case 'i':
				if (tool_seconds("interval", arg) < 0.001)
					tool_fail(1, "bad interval: %s", arg);
				json_object_set_new(
				    p, "interval_ms", json_integer((json_int_t)(tool_seconds("interval", arg) * 1000)));
				break;
			case 'I':
				json_object_set_new(
				    p, isalpha((unsigned char)arg[0]) ? "interface" : "source", json_string(arg));
				break;
			case 'E':
				tool_fail(1, "-E: not supported: there is no IPsec");
			case 'g':
				add_hop(p, arg);
				break;
			case 'l':
				json_object_set_new(
				    p, "preload", json_integer(tool_number("preload value", arg, 1, 1024)));
				break;
			case 'p':
				pattern = arg;
				break;
			case 't':
				json_object_set_new(p, "tos", json_integer(tool_number("tos value", arg, 0, 255)));
				break;
			case 's':
				pg.size = tool_number("packet size", arg, 0, 65507);
				break;
			case 'T':
				json_object_set_new(p, "ttl", json_integer(tool_number("ttl", arg, 1, 255)));
				break;
			case 'w':
				maxwait = tool_seconds("maxwait time", arg);
				break;
			default:
				tool_fail(1, "-%c: not supported", *o);
			}
			break;
		}
	if (i + 1 != argc)
		tool_usage();
	return ping(p, argv[i], pattern, maxwait);
}

int
ping6_main(int argc, char **argv)
{
	const char *pattern = NULL, *arg;
	json_t *p = json_object();
	double maxwait = 0;
	int i;

	pg = (struct ping){.v6 = true, .size = 8, .json = tool_option_json(&argc, argv)};
	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1] != '\0'; i++)
		for (const char *o = argv[i] + 1; *o != '\0'; o++) {
			if (strchr("chIipSsXglabePE", *o) == NULL) {
				switch (*o) {
				case 'm':
					pg.mtu++;
					continue;
				case 'f':
					pg.flood = true;
					continue;
				case 'n':
					pg.numeric = true;
					continue;
				case 'o':
					pg.once = true;
					continue;
				case 'q':
					pg.quiet = true;
					continue;
				case 'v':
					pg.verbose = true;
					continue;
				case 'd':
				case 'H':
					continue;
				case 'r':
					tool_fail(1, "-r: not supported: packets go as the routes say");
				default:
					tool_warn("unknown option -- %c", *o);
					tool_usage();
				}
			}
			arg = o[1] != '\0' ? o + 1 : argv[++i];
			if (arg == NULL)
				tool_usage();
			switch (*o) {
			case 'c':
				pg.count = tool_number("number of packets", arg, 1, INT32_MAX);
				break;
			case 'h':
				json_object_set_new(p, "ttl", json_integer(tool_number("hoplimit", arg, 0, 255)));
				break;
			case 'i':
				if (tool_seconds("timing interval", arg) < 0.001)
					tool_fail(1, "illegal timing interval %s", arg);
				json_object_set_new(p, "interval_ms",
				    json_integer((json_int_t)(tool_seconds("timing interval", arg) * 1000)));
				break;
			case 'I':
				json_object_set_new(p, "interface", json_string(arg));
				break;
			case 'g':
				json_object_set_new(p, "gateway", json_string(arg));
				break;
			case 'l':
				json_object_set_new(
				    p, "preload", json_integer(tool_number("preload value", arg, 1, 1024)));
				break;
			case 'P':
				tool_fail(1, "-P: not supported: there is no IPsec");
			case 'p':
				pattern = arg;
				break;
			case 'S':
				json_object_set_new(p, "source", json_string(arg));
				break;
			case 's':
				pg.size = tool_number("datalen value", arg, 0, 65527);
				break;
			case 'X':
				maxwait = tool_seconds("timeout", arg);
				break;
			default:
				tool_fail(1, "-%c: not supported", *o);
			}
			break;
		}
	if (i >= argc)
		tool_usage();
	for (; i + 1 < argc; i++)
		add_hop(p, argv[i]);
	return ping(p, argv[i], pattern, maxwait);
}
