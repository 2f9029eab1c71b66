/* SPDX-License-Identifier: BSD-2-Clause */
/* netstat: the routing table, the interfaces' counters, their rates.  Protocol counters are in netstat_stats.c. */
#include <arpa/inet.h>
#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "netstat.h"

/* => "10.0.0/24", "fe80::/64" of an address object */
static void
network(const json_t *a, char *text, size_t len)
{
	bool v6 = strcmp(jstr(a, "family"), "inet6") == 0;
	int plen = jint(a, "plen"), bytes = v6 ? 16 : 4;
	char address[64], prefix[72];
	uint8_t net[16] = {0};

	snprintf(address, sizeof(address), "%.*s", (int)strcspn(jstr(a, "address"), "%"), jstr(a, "address"));
	inet_pton(v6 ? AF_INET6 : AF_INET, address, net);
	for (int i = 0; i < bytes * 8; i++)
		if (i >= plen)
			net[i / 8] &= ~(0x80 >> i % 8);
	inet_ntop(v6 ? AF_INET6 : AF_INET, net, address, sizeof(address));
	snprintf(prefix, sizeof(prefix), "%s/%d", address, plen);
	if (v6)
		snprintf(text, len, "%s", prefix);
	else
		prefix_text(prefix, text, len);
}

static void
print_counters(const json_t *stats, const struct netstat_options *o)
{
	if (o->bytes)
		printf("%10lld %10lld", jint(stats, "ibytes"), jint(stats, "obytes"));
	else
		printf("%8lld %5lld %8lld %5lld %5lld", jint(stats, "ipackets"), jint(stats, "ierrors"),
		    jint(stats, "opackets"), jint(stats, "oerrors"), jint(stats, "collisions"));
	if (o->drops)
		printf(" %5lld", jint(stats, "idrops") + jint(stats, "odrops"));
	printf("\n");
}

static int
show_interfaces(const struct netstat_options *o)
{
	/* NetBSD's widths, or what long names and IPv6 need */
	const int in = o->verbose ? 16 : 5, nw = o->verbose ? 43 : 13, aw = o->verbose ? 39 : 17;
	json_t *p = json_object(), *list, *ifp, *a;
	size_t i, k;

	if (o->interface != NULL)
		json_object_set_new(p, "name", json_string(o->interface));
	list = tool_call("if.list", p);
	if (o->json)
		return tool_print_json(list);
	printf("%-*.*s %-5.5s %-*.*s %-*.*s ", in, in, "Name", "Mtu", nw, nw, "Network", aw, aw, "Address");
	if (o->bytes)
		printf("%10.10s %10.10s", "Ibytes", "Obytes");
	else
		printf("%8.8s %5.5s %8.8s %5.5s %5.5s", "Ipkts", "Ierrs", "Opkts", "Oerrs", "Colls");
	printf("%s\n", o->drops ? " Drops" : "");
	json_array_foreach (list, i, ifp) {
		const json_t *stats = json_object_get(ifp, "stats");
		char name[32], net[80];

		snprintf(name, sizeof(name), "%s%s", jstr(ifp, "name"), jint(ifp, "flags") & 1 ? "" : "*");
		printf("%-*.*s %-5lld %-*.*s %-*.*s ", in, in, name, jint(ifp, "mtu"), nw, nw, "<Link>", aw, aw,
		    jstr(ifp, "lladdr"));
		print_counters(stats, o);
		json_array_foreach (json_object_get(ifp, "addresses"), k, a) {
			char address[64];

			if (o->family != NULL && strcmp(o->family, jstr(a, "family")) != 0)
				continue;
			network(a, net, sizeof(net));
			snprintf(address, sizeof(address), "%.*s", (int)strcspn(jstr(a, "address"), "%"),
			    jstr(a, "address"));
			printf("%-*.*s %-5lld %-*.*s %-*.*s ", in, in, name, jint(ifp, "mtu"), nw, nw, net, aw, aw,
			    addr_name(address, o->numeric));
			print_counters(stats, o);
		}
	}
	json_decref(list);
	return 0;
}

struct totals {
	long long ip, ib, ie, op, ob, oe, co, dr;
};

static void
totals_add(struct totals *t, const json_t *stats)
{
	t->ip += jint(stats, "ipackets");
	t->ib += jint(stats, "ibytes");
	t->ie += jint(stats, "ierrors");
	t->op += jint(stats, "opackets");
	t->ob += jint(stats, "obytes");
	t->oe += jint(stats, "oerrors");
	t->co += jint(stats, "collisions");
	t->dr += jint(stats, "idrops") + jint(stats, "odrops");
}

static void
totals_print(const struct totals *now, const struct totals *was, const struct netstat_options *o)
{
	if (o->bytes)
		printf("%10lld %8.8s %10lld %5.5s", now->ib - was->ib, " ", now->ob - was->ob, " ");
	else
		printf("%8lld %5lld %8lld %5lld %5lld", now->ip - was->ip, now->ie - was->ie, now->op - was->op,
		    now->oe - was->oe, now->co - was->co);
	if (o->drops)
		printf(" %5lld", now->dr - was->dr);
}

static void
banner(const char *name, const struct netstat_options *o)
{
	printf("%8.8s %-9.9s %7.7s%*s %8.8s %-9.9s %7.7s\n", "input", name, "output", o->drops ? 14 : 8, "", "input",
	    "(Total)", "output");
	for (int i = 0; i < 2; i++) {
		if (o->bytes)
			printf("%s%10.10s %8.8s %10.10s %5.5s", i ? "  " : "", "bytes", " ", "bytes", " ");
		else
			printf("%s%8.8s %5.5s %8.8s %5.5s %5.5s", i ? "  " : "", "packets", "errs", "packets", "errs",
			    "colls");
		printf("%s", o->drops ? " drops" : "");
	}
	printf("\n");
}

static json_t *
totals_json(const struct totals *now, const struct totals *was)
{
	return json_pack("{sI sI sI sI sI sI sI sI}", "ipackets", (json_int_t)(now->ip - was->ip), "ibytes",
	    (json_int_t)(now->ib - was->ib), "ierrors", (json_int_t)(now->ie - was->ie), "opackets",
	    (json_int_t)(now->op - was->op), "obytes", (json_int_t)(now->ob - was->ob), "oerrors",
	    (json_int_t)(now->oe - was->oe), "collisions", (json_int_t)(now->co - was->co), "drops",
	    (json_int_t)(now->dr - was->dr));
}

/* --json: an object a line, so that whoever reads can follow */
static void
rates_print_json(const char *name, json_t *one, json_t *all)
{
	json_t *line = json_pack("{ss so so}", "name", name, "interface", one, "total", all);

	json_dumpf(line, stdout, JSON_COMPACT);
	printf("\n");
	json_decref(line);
}

/* -w: a line each interval; the first one is since the interfaces came up. */
static int
show_rates(const struct netstat_options *o)
{
	struct totals one = {0}, all = {0}, was_one, was_all;
	struct timespec pause = {
	    .tv_sec = (time_t)o->interval, .tv_nsec = (long)((o->interval - (double)(time_t)o->interval) * 1e9)};

	for (long long line = 0; o->count == 0 || line < o->count; line++) {
		json_t *list = tool_call("if.list", NULL), *ifp;
		const char *name = o->interface;
		size_t i;

		was_one = one;
		was_all = all;
		one = all = (struct totals){0};
		json_array_foreach (list, i, ifp) {
			/* Without -I, the first interface that is not the loopback. */
			if (name == NULL && strncmp(jstr(ifp, "name"), "lo", 2) != 0)
				name = jstr(ifp, "name");
			totals_add(&all, json_object_get(ifp, "stats"));
			if (name != NULL && strcmp(name, jstr(ifp, "name")) == 0)
				totals_add(&one, json_object_get(ifp, "stats"));
		}
		if (o->json)
			rates_print_json(
			    name != NULL ? name : "lo0", totals_json(&one, &was_one), totals_json(&all, &was_all));
		else if (line % 21 == 0) {
			char title[20];

			snprintf(title, sizeof(title), "(%.16s)", name != NULL ? name : "lo0");
			banner(title, o);
		}
		json_decref(list);
		if (!o->json) {
			totals_print(&one, &was_one, o);
			printf("  ");
			totals_print(&all, &was_all, o);
			printf("\n");
		}
		fflush(stdout);
		if (o->count == 0 || line + 1 < o->count)
			nanosleep(&pause, NULL);
	}
	return 0;
}

static int
show_routes(const struct netstat_options *o)
{
	return routes_print(o->family,
	    (o->numeric ? ROUTES_NUMERIC : 0) | (o->verbose ? ROUTES_WIDE : 0) | (o->nolink ? 0 : ROUTES_LINK) |
		(o->tags ? ROUTES_TAGS : 0),
	    o->json);
}

/* Packet buffers ("mbufs") as NetBSD has them, and what else takes memory. */
static int
show_memory(const struct netstat_options *o)
{
	json_t *r = tool_call("stats.memory", NULL), *list, *e;
	long long used = 0, size = 0, denied = 0;
	size_t i;

	if (o->json)
		return tool_print_json(r);
	list = json_object_get(r, "pools");
	json_array_foreach (list, i, e) {
		used += jint(e, "size") - jint(e, "free");
		size += jint(e, "size");
		denied += jint(e, "empty");
	}
	printf("%lld mbuf%s in use, of %lld:\n", used, used == 1 ? "" : "s", size);
	json_array_foreach (list, i, e)
		printf("\t%s: %lld of %lld%s\n", jstr(e, "owner"), jint(e, "size") - jint(e, "free"), jint(e, "size"),
		    jbool(e, "hugepages") ? " (huge pages)" : "");
	printf("%lld request%s for mbufs denied\n", denied, denied == 1 ? "" : "s");
	list = json_object_get(r, "tables");
	json_array_foreach (list, i, e)
		printf("%s: %lld routes, %lld neighbours, %lld Kbytes of forwarding table\n", jstr(e, "family"),
		    jint(e, "routes"), jint(e, "neighbours"), jint(e, "fib_bytes") / 1024);
	printf("%lld next hops\n%lld Kbytes resident\n", jint(r, "nexthops"), jint(r, "resident") / 1024);
	json_decref(r);
	return 0;
}

int
netstat_main(int argc, char **argv)
{
	struct netstat_options o = {.json = tool_option_json(&argc, argv)};
	bool routes = false, interfaces = false, memory = false;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++)
		for (const char *c = argv[i] + 1; *c != '\0'; c++) {
			const char *arg = NULL;

			if (strchr("fpIwcMN", *c) != NULL && (arg = c[1] != '\0' ? c + 1 : argv[++i]) == NULL)
				tool_usage();
			switch (*c) {
			case 'n':
				o.numeric = true;
				break;
			case 'r':
				routes = true;
				break;
			case 'i':
				interfaces = true;
				break;
			case 's':
				o.stats++;
				break;
			case 'm':
				memory = true;
				break;
			case 'b':
				o.bytes = true;
				break;
			case 'd':
				o.drops = true;
				break;
			case 'v':
				o.verbose = true;
				break;
			case 'f':
				if (strcmp(arg, "inet") != 0 && strcmp(arg, "inet6") != 0)
					tool_fail(1, "%s: unknown address family", arg);
				o.family = arg;
				break;
			case 'p':
				o.protocol = arg;
				break;
			case 'I':
				interfaces = true;
				o.interface = arg;
				break;
			case 'w':
				o.interval = tool_seconds("interval", arg);
				if (o.interval < 0.01)
					tool_fail(1, "bad interval: %s", arg);
				break;
			case 'c':
				o.count = tool_number("count", arg, 1, INT32_MAX);
				break;
			case 'L':
				o.nolink = true;
				break;
			case 'T':
				o.tags = true;
				break;
			/* Known to NetBSD; nothing to do for them here. */
			case 'a':
			case 'A':
			case 'B':
			case 'g':
			case 'l':
			case 'P':
			case 'q':
			case 'S':
			case 't':
			case 'u':
			case 'V':
			case 'X':
				break;
			default:
				tool_warn("unknown option -- %c", *c);
				tool_usage();
			}
			if (arg != NULL)
				break;
		}
	/* The classic "netstat -i 1". */
	if (i < argc && interfaces && isdigit((unsigned char)argv[i][0]))
		o.interval = tool_seconds("interval", argv[i++]);
	if (i < argc)
		tool_usage();
	if (o.interval > 0)
		return show_rates(&o);
	if (memory)
		return show_memory(&o);
	if (routes && o.stats == 0)
		return show_routes(&o);
	if (o.stats > 0 || o.protocol != NULL)
		return netstat_stats(&o);
	if (interfaces)
		return show_interfaces(&o);
	/* Sockets: a router without any. */
	return o.json ? tool_print_json(json_array()) : 0;
}
