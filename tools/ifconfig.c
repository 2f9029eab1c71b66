/* SPDX-License-Identifier: BSD-2-Clause */
/* ifconfig: shows interfaces in NetBSD's form (addresses as in NetBSD 9 and 10), and configures them. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool.h"

struct show {
	bool all, list, brief_up, brief_down, ether, check, kinds, lifetimes, media, names, human, zero, json;
	int verbose;
	const char *family; /* inet, inet6, link, or NULL */
};

#define IFF_UP		0x0001
#define IFF_RUNNING	0x0040
#define IFF_POINTOPOINT 0x0010
#define FOREVER		0xffffffffLL

static void
print_flags(FILE *f, long long bits, const json_t *names)
{
	const json_t *n;
	size_t i;

	fprintf(f, "0x%llx<", (unsigned long long)bits);
	json_array_foreach (names, i, n)
		fprintf(f, "%s%s", i > 0 ? "," : "", json_string_value(n));
	fputc('>', f);
}

/* NetBSD's "flags 0x2<TENTATIVE>", "flags 0". */
static void
print_address_flags(FILE *f, const json_t *a)
{
	const json_t *names = json_object_get(a, "flags");

	if (json_array_size(names) == 0)
		fprintf(f, " flags 0");
	else {
		fprintf(f, " flags ");
		print_flags(f, jint(a, "flagbits"), names);
	}
}

/* Both lifetimes, unless neither ends. */
static void
print_lifetimes(FILE *f, const json_t *a)
{
	static const char *const names[] = {"pltime", "vltime"};

	if (jint(a, names[0]) == FOREVER && jint(a, names[1]) == FOREVER)
		return;
	for (int i = 0; i < 2; i++) {
		if (jint(a, names[i]) == FOREVER)
			fprintf(f, " %s infty", names[i]);
		else
			fprintf(f, " %s %lld", names[i], jint(a, names[i]));
	}
}

static void
print_address(FILE *f, const json_t *ifp, const json_t *a, const struct show *o)
{
	bool v6 = strcmp(jstr(a, "family"), "inet6") == 0, zoned;
	const char *address = jstr(a, "address"), *peer = jstr(a, "peer");
	long long scope = jint(a, "scopeid");

	address = addr_name(address, !o->names);
	zoned = v6 && strncasecmp(address, "fe80:", 5) == 0 && strchr(address, '%') == NULL;
	fprintf(f, "\t%s %s%s%s/%lld", v6 ? "inet6" : "inet", address, zoned ? "%" : "", zoned ? jstr(ifp, "name") : "",
	    jint(a, "plen"));
	if (*peer != '\0')
		fprintf(f, " -> %s", peer);
	if (*jstr(a, "broadcast") != '\0')
		fprintf(f, " broadcast %s", jstr(a, "broadcast"));
	print_address_flags(f, a);
	if (v6 && (scope != 0 || strchr(address, '%') != NULL || zoned))
		fprintf(f, " scopeid 0x%llx", (unsigned long long)(scope != 0 ? scope : jint(ifp, "index")));
	if (v6 && o->lifetimes)
		print_lifetimes(f, a);
	fputc('\n', f);
}

/* 1234567 bytes, or with -h 1.2M bytes. */
static void
print_count(FILE *f, long long n, const char *unit, bool human)
{
	static const char suffixes[] = " KMGTPE";
	double v = n;
	int s = 0;

	if (!human || n < 10000) {
		fprintf(f, "%lld %s%s", n, unit, n == 1 ? "" : "s");
		return;
	}
	while (v >= 1000 && s < 6) {
		v /= 1000;
		s++;
	}
	fprintf(f, "%.*f%c %ss", v < 10 ? 1 : 0, v, suffixes[s], unit);
}

static void
print_traffic(FILE *f, const json_t *stats, char dir, bool human)
{
	static const struct {
		const char *name, *unit;
		bool always;
	} counters[] = {{"packets", "packet", true}, {"bytes", "byte", true}, {"mcasts", "multicast", false},
	    {"errors", "error", false}, {"drops", "drop", false}};
	char name[16];

	fprintf(f, "\t%s: ", dir == 'i' ? "input" : "output");
	for (unsigned i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		long long n;

		snprintf(name, sizeof(name), "%c%s", dir, counters[i].name);
		n = jint(stats, name);
		if (n == 0 && !counters[i].always)
			continue;
		if (i > 0)
			fprintf(f, ", ");
		print_count(f, n, counters[i].unit, human);
	}
	if (dir == 'i' && jint(stats, "noproto") != 0)
		fprintf(f, ", %lld unknown protocol", jint(stats, "noproto"));
	if (dir == 'o' && jint(stats, "collisions") != 0) {
		fprintf(f, ", ");
		print_count(f, jint(stats, "collisions"), "collision", human);
	}
	fputc('\n', f);
}

static void
print_queues(FILE *f, const json_t *ifp)
{
	const json_t *q = json_object_get(ifp, "queues"), *w;
	static const char *const dirs[] = {"rx", "tx"}, *const owners[] = {"rxworkers", "txworkers"};
	size_t i;

	if (q == NULL)
		return;
	fprintf(f, "\tqueues:");
	for (int d = 0; d < 2; d++) {
		fprintf(f, "%s %s %lld", d > 0 ? "," : "", dirs[d], jint(q, dirs[d]));
		if (json_array_size(json_object_get(q, owners[d])) == 0)
			continue;
		fprintf(f, " (workers");
		json_array_foreach (json_object_get(q, owners[d]), i, w)
			fprintf(f, " %lld", (long long)json_integer_value(w));
		fputc(')', f);
	}
	fputc('\n', f);
}

static void
ifconfig_print(FILE *f, const json_t *ifp, const struct show *o)
{
	static const char *const families[] = {"inet6", "inet"};
	const json_t *a, *list = json_object_get(ifp, "addresses");
	bool ether = strcmp(jstr(ifp, "type"), "ether") == 0;
	size_t i;

	fprintf(f, "%s: flags=", jstr(ifp, "name"));
	print_flags(f, jint(ifp, "flags"), json_object_get(ifp, "flagnames"));
	if (jint(ifp, "metric") != 0)
		fprintf(f, " metric %lld", jint(ifp, "metric"));
	if (jint(ifp, "mtu") != 0)
		fprintf(f, " mtu %lld", jint(ifp, "mtu"));
	fputc('\n', f);
	if (json_array_size(json_object_get(ifp, "capabilities")) != 0) {
		fprintf(f, "\tcapabilities=<");
		json_array_foreach (json_object_get(ifp, "capabilities"), i, a)
			fprintf(f, "%s%s", i > 0 ? "," : "", json_string_value(a));
		fprintf(f, ">\n");
	}
	if (*jstr(ifp, "lladdr") != '\0')
		fprintf(f, "\taddress: %s\n", jstr(ifp, "lladdr"));
	if (*jstr(ifp, "linkstr") != '\0')
		fprintf(f, "\tlinkstr: %s\n", jstr(ifp, "linkstr"));
	if (*jstr(ifp, "device") != '\0') {
		fprintf(f, "\tdevice: %s", jstr(ifp, "device"));
		if (*jstr(ifp, "driver") != '\0')
			fprintf(f, " (%s)", jstr(ifp, "driver"));
		fputc('\n', f);
	}
	if (ether && *jstr(ifp, "linkstate") != '\0')
		fprintf(f, "\tlinkstate: %s\n", jstr(ifp, "linkstate"));
	if (*jstr(ifp, "urpf") != '\0' && strcmp(jstr(ifp, "urpf"), "off") != 0)
		fprintf(f, "\turpf: %s\n", jstr(ifp, "urpf"));
	if (*jstr(ifp, "media") != '\0')
		fprintf(f, "\tmedia: %s\n", jstr(ifp, "media"));
	if (o->media && ether)
		fprintf(f, "\tsupported Ethernet media:\n\t\tmedia none\n\t\tmedia auto\n");
	if (*jstr(ifp, "status") != '\0')
		fprintf(f, "\tstatus: %s\n", jstr(ifp, "status"));
	if (o->verbose > 0 || o->zero) {
		print_traffic(f, json_object_get(ifp, "stats"), 'i', o->human);
		print_traffic(f, json_object_get(ifp, "stats"), 'o', o->human);
	}
	if (o->verbose > 1)
		print_queues(f, ifp);
	/* The order in which NetBSD shows them: link addresses that are not in use, inet6, inet. */
	if (o->family == NULL || strcmp(o->family, "link") == 0)
		json_array_foreach (json_object_get(ifp, "lladdrs"), i, a)
			fprintf(f, "\tlink %s\n", json_string_value(a));
	for (int af = 0; af < 2; af++) {
		if (o->family != NULL && strcmp(o->family, families[af]) != 0)
			continue;
		json_array_foreach (list, i, a)
			if (strcmp(jstr(a, "family"), families[af]) == 0)
				print_address(f, ifp, a, o);
	}
}

static bool
selected(const json_t *ifp, const struct show *o)
{
	bool up = (jint(ifp, "flags") & IFF_UP) != 0;

	if ((o->brief_up && !up) || (o->brief_down && up))
		return false;
	if (o->ether && strcmp(jstr(ifp, "type"), "ether") != 0)
		return false;
	return !o->check || strcmp(jstr(ifp, "linkstate"), "down") != 0;
}

/* => the interface object(s), also by index; exits as NetBSD's does if there is none of the name */
static json_t *
interfaces(const char *name, bool zero)
{
	json_t *p = json_object(), *list, *ifp;
	size_t i;

	if (name != NULL && isdigit((unsigned char)name[0])) {
		list = tool_call("if.list", p);
		json_array_foreach (list, i, ifp)
			if (jint(ifp, "index") == atoll(name)) {
				p = json_pack("[O]", ifp);
				json_decref(list);
				return p;
			}
		tool_fail(1, "SIOCGIFFLAGS %s: %s", name, tool_strerror(ENXIO));
	}
	if (name != NULL)
		json_object_set_new(p, "name", json_string(name));
	if (zero)
		json_object_set_new(p, "zero", json_true());
	if (tool_try("if.list", p, &list) != 0) {
		int err = smpnet_errno(tool_server());

		if (err == EPROTO)
			tool_fail(1, "%s", smpnet_error(tool_server()));
		tool_fail(
		    1, "SIOCGIFFLAGS %s: %s", name != NULL ? name : "", tool_strerror(err == ENOENT ? ENXIO : err));
	}
	if (name != NULL && json_array_size(list) == 0)
		tool_fail(1, "SIOCGIFFLAGS %s: %s", name, tool_strerror(ENXIO));
	return list;
}

static double
seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Does an address of an interface that is up have the flag? */
static bool
any_address(const char *flag)
{
	json_t *list = tool_call("if.list", NULL), *ifp, *a, *n;
	bool found = false;
	size_t i, j, k;

	json_array_foreach (list, i, ifp) {
		if (!(jint(ifp, "flags") & IFF_UP))
			continue;
		json_array_foreach (json_object_get(ifp, "addresses"), j, a)
			json_array_foreach (json_object_get(a, "flags"), k, n)
				found |= strcmp(json_string_value(n), flag) == 0;
	}
	json_decref(list);
	return found;
}

/*
 * -w, -W: until no address is tentative, or detached, of interfaces that are up; 0 seconds: as long as it takes.  Time
 * spent on carriers is part of -w's.
 */
static int
wait_addresses(double tentative, double detached)
{
	struct timespec tick = {.tv_nsec = 100000000};
	double start = seconds_now();

	for (;;) {
		double waited = seconds_now() - start;

		if (!(detached > waited && any_address("DETACHED")) && !any_address("TENTATIVE"))
			return 0;
		if (tentative > 0 && waited >= tentative)
			return 1;
		nanosleep(&tick, NULL);
	}
}

static int
show(const char *name, const struct show *o)
{
	json_t *list, *ifp;
	const char *separator = "";
	int status = 0;
	size_t i;

	if (o->kinds) {
		list = tool_call("if.kinds", NULL);
		if (o->json)
			return tool_print_json(list);
		json_array_foreach (list, i, ifp) {
			printf("%s%s", separator, json_string_value(ifp));
			separator = " ";
		}
		printf("\n");
		json_decref(list);
		return 0;
	}
	list = interfaces(name, o->zero);
	if (o->check && name != NULL) {
		ifp = json_array_get(list, 0);
		status = strcmp(jstr(ifp, "linkstate"), "down") == 0;
		json_decref(list);
		return status;
	}
	for (i = json_array_size(list); i-- > 0;)
		if (!selected(json_array_get(list, i), o))
			json_array_remove(list, i);
	if (o->json)
		return tool_print_json(list);
	json_array_foreach (list, i, ifp) {
		if (!o->list) {
			ifconfig_print(stdout, ifp, o);
			continue;
		}
		printf("%s%s", separator, jstr(ifp, "name"));
		separator = " ";
	}
	if (o->list)
		printf("\n");
	json_decref(list);
	return status;
}

int
ifconfig_main(int argc, char **argv)
{
	struct show o = {.json = tool_option_json(&argc, argv)};
	const char *name = NULL;
	double wait[2] = {0, 0};
	bool waiting = false;
	struct cmd cmd;
	int i;

	tool_parse(argc, argv, &cmd);
	if (!cmd.display) {
		cmd_free(&cmd);
		return tool_configure(argc, argv);
	}
	for (i = 1; i < argc && argv[i][0] == '-'; i++)
		for (const char *c = argv[i] + 1; *c != '\0'; c++)
			switch (*c) {
			case 'a':
			case 'A':
				o.all = true;
				break;
			case 'l':
				o.list = true;
				break;
			case 'b':
				o.ether = true;
				break;
			case 'd':
				o.brief_down = true;
				break;
			case 'u':
				o.brief_up = true;
				break;
			case 's':
				o.check = true;
				break;
			case 'C':
				o.kinds = true;
				break;
			case 'h':
				o.human = true;
				break;
			case 'L':
				o.lifetimes = true;
				break;
			case 'm':
				o.media = true;
				break;
			case 'N':
				o.names = true;
				break;
			case 'v':
				o.verbose++;
				break;
			case 'z':
				o.zero = true;
				break;
			case 'w':
			case 'W':
				if (c[1] != '\0' || i + 1 >= argc)
					tool_usage();
				wait[*c == 'W'] = tool_seconds("number of seconds", argv[++i]);
				waiting = true;
				break;
			default:
				tool_warn("unknown option -%c", *c);
				tool_usage();
			}
	if (waiting && i == argc)
		return wait_addresses(wait[0], wait[1]);
	if (waiting)
		tool_usage();
	if (i < argc && !o.all && !o.list)
		name = argv[i++];
	if (i < argc && !o.list)
		o.family = argv[i++];
	if (i < argc)
		tool_usage();
	return show(name, &o);
}
