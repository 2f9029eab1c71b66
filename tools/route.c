/* SPDX-License-Identifier: BSD-2-Clause */
/* route: shows, looks up, watches and changes the routing table. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tool.h"

#define RTF_UP	    0x1
#define RTF_GATEWAY 0x2
#define RTF_HOST    0x4
#define RTF_DONE    0x40

/* The names of the flags' bits, from the lowest. */
static const char *const flag_names[] = {"UP", "GATEWAY", "HOST", "REJECT", "DYNAMIC", "MODIFIED", "DONE",
    "MASK_PRESENT", "CONNECTED", "XRESOLVE", "LLINFO", "STATIC", "BLACKHOLE", "CLONED", "PROTO2", "PROTO1", "",
    "ANNOUNCE", "LOCAL", "BROADCAST"};

static const char *
route_strerror(int err)
{
	switch (err) {
	case ESRCH:
		return "not in table";
	case EBUSY:
		return "entry in use";
	case ENOBUFS:
	case ENOMEM:
		return "routing table overflow";
	case EEXIST:
		return "File exists";
	default:
		return tool_strerror(err);
	}
}

static void
print_flags(long long bits)
{
	const char *separator = "<";

	if (bits == 0) {
		printf("none");
		return;
	}
	printf("0x%llx", bits);
	for (unsigned i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++)
		if (bits & 1LL << i && *flag_names[i] != '\0') {
			printf("%s%s", separator, flag_names[i]);
			separator = ",";
		}
	printf(">");
}

static void
mask_text(int plen, bool v6, char *text, size_t len)
{
	uint8_t m[16] = {0};

	for (int i = 0; i < plen && i < 128; i++)
		m[i / 8] |= 0x80 >> i % 8;
	if (plen == 0)
		snprintf(text, len, "default");
	else
		inet_ntop(v6 ? AF_INET6 : AF_INET, m, text, len);
}

static int
route_get_print(const json_t *r, bool numeric)
{
	char dst[64], mask[64];
	int plen = prefix_split(jstr(r, "prefix"), dst, sizeof(dst));
	long long bits = jint(r, "flagbits") | RTF_DONE;
	bool v6 = strchr(dst, ':') != NULL;

	printf("   route to: %s\n", addr_name(jstr(r, "dst"), numeric));
	if (plen == 0)
		printf("destination: %s\n", v6 ? "::" : "default");
	else
		printf("destination: %s\n", addr_name(dst, numeric));
	if ((bits & RTF_HOST) == 0 && plen >= 0) {
		mask_text(plen, v6, mask, sizeof(mask));
		printf("       mask: %s\n", mask);
	}
	if (bits & RTF_GATEWAY && *jstr(r, "gateway") != '\0')
		printf("    gateway: %s\n", addr_name(jstr(r, "gateway"), numeric));
	if (*jstr(r, "local") != '\0')
		printf(" local addr: %s\n", addr_name(jstr(r, "local"), numeric));
	if (*jstr(r, "interface") != '\0')
		printf("  interface: %s\n", jstr(r, "interface"));
	printf("      flags: ");
	print_flags(bits);
	printf("\n recvpipe  sendpipe  ssthresh  rtt,msec    rttvar  hopcount      mtu     expire\n");
	for (int i = 0; i < 6; i++)
		printf("%8d  ", 0);
	printf("%8lld  %8lld \n", jint(r, "mtu"), jint(r, "expire"));
	return 0;
}

static int
route_get(int argc, char **argv, bool numeric, bool gateway_only, bool json)
{
	int family = AF_UNSPEC;
	const char *dst = NULL;
	struct cmd cmd;
	json_t *p, *r;
	char text[64], *args[8] = {(char *)(uintptr_t) "route", (char *)(uintptr_t) "delete"}, err[512];
	int n = 2;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "-inet6") == 0)
			family = AF_INET6;
		else if (strcmp(argv[i], "-inet") == 0)
			family = AF_INET;
		else if (strcmp(argv[i], "-host") != 0 && strcmp(argv[i], "-net") != 0) {
			if (argv[i][0] == '-' || dst != NULL)
				tool_usage();
			dst = argv[i];
		}
	}
	if (dst == NULL)
		tool_usage();
	if (family != AF_UNSPEC)
		args[n++] = (char *)(uintptr_t)(family == AF_INET ? "-inet" : "-inet6");
	args[n++] = (char *)(uintptr_t)dst;
	/* The same destinations as those of the commands that change; get itself looks up an address. */
	if (cmd_parse(n, args, &(struct cmd_env){.names = true}, &cmd, err, sizeof(err)) != 0)
		tool_fail(1, "%s", err + strlen("route: "));
	p = cmd.calls[0].params;
	prefix_split(jstr(p, "dst"), text, sizeof(text));
	p = json_pack("{s:s, s:s}", "family", jstr(p, "family"), "dst", text);
	cmd_free(&cmd);
	if (tool_try("route.get", p, &r) != 0) {
		if (smpnet_errno(tool_server()) == EPROTO)
			tool_fail(1, "%s", smpnet_error(tool_server()));
		err[0] = '\0';
		switch (smpnet_errno(tool_server())) {
		case EHOSTUNREACH:
		case ENETUNREACH:
		case ENOENT:
		case ESRCH:
			tool_fail(1, "writing to routing socket: not in table");
		default:
			tool_fail(1, "writing to routing socket: %s", route_strerror(smpnet_errno(tool_server())));
		}
	}
	if (json)
		return tool_print_json(r);
	if (gateway_only) {
		if ((jint(r, "flagbits") & RTF_GATEWAY) == 0)
			return 1;
		printf("%s\n", addr_name(jstr(r, "gateway"), numeric));
		return 0;
	}
	route_get_print(r, numeric);
	json_decref(r);
	return 0;
}

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int sig)
{
	interrupted = sig;
}

/* One message, as route monitor prints those of a routing socket. */
static void
monitor_print(const json_t *e, bool numeric)
{
	static const struct {
		const char *type, *text;
	} types[] = {{"RTM_ADD", "Add Route"}, {"RTM_DELETE", "Delete Route"},
	    {"RTM_CHANGE", "Change Metrics, Flags or Gateway"}, {"RTM_GET", "Report Metrics"},
	    {"RTM_REDIRECT", "Told to use different route"}, {"RTM_MISS", "Lookup failed on this address"},
	    {"RTM_NEWADDR", "address being added to iface"}, {"RTM_DELADDR", "address being removed from iface"},
	    {"RTM_CHGADDR", "address being changed on iface"}, {"RTM_IFINFO", "iface status change"},
	    {"RTM_IFANNOUNCE", "iface arrival/departure"}};
	static const struct {
		const char *name, *member;
	} addresses[] = {{"DST", "dst"}, {"GATEWAY", "gateway"}, {"NETMASK", "netmask"}, {"IFP", "interface"},
	    {"IFA", "ifa"}, {"AUTHOR", "author"}, {"BRD", "broadcast"}};
	const char *text = "", *separator = "<";
	const json_t *flags = json_object_get(e, "flags"), *n;
	char when[32], address[64];
	time_t now = time(NULL);
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].type, jstr(e, "type")) == 0)
			text = types[i].text;
	strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", localtime(&now));
	printf("got message on %s\n%s: %s: ", when, jstr(e, "type"), text);
	if (strcmp(jstr(e, "type"), "RTM_IFANNOUNCE") == 0) {
		printf("if# %lld, what: %s\n", jint(e, "index"), jstr(e, "what"));
		fflush(stdout);
		return;
	}
	if (strncmp(jstr(e, "type"), "RTM_IF", 6) == 0)
		printf("if# %lld, carrier: %s, ", jint(e, "index"), jstr(e, "linkstate"));
	else
		printf("errno %lld, ", jint(e, "errno"));
	printf("flags: ");
	if (json_is_array(flags)) {
		json_array_foreach (flags, i, n)
			printf("%s%s", i > 0 ? "," : "<", json_string_value(n));
		printf("%s", json_array_size(flags) > 0 ? ">" : "none");
	} else if (json_object_get(e, "flagbits") != NULL) {
		print_flags(jint(e, "flagbits"));
	} else if (json_is_integer(flags)) {
		print_flags(json_integer_value(flags));
	} else {
		printf("%s%s%s", *jstr(e, "flags") == '<' ? "" : "<", jstr(e, "flags"),
		    *jstr(e, "flags") == '<' ? "" : ">");
	}
	printf("\nsockaddrs: ");
	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		if (*jstr(e, addresses[i].member) != '\0') {
			printf("%s%s", separator, addresses[i].name);
			separator = ",";
		}
	printf("%s\n", *separator == ',' ? ">" : "none");
	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		if (*jstr(e, addresses[i].member) == '\0')
			continue;
		if (i == 0 && strchr(jstr(e, "dst"), '/') != NULL)
			prefix_split(jstr(e, "dst"), address, sizeof(address));
		else
			snprintf(address, sizeof(address), "%s", jstr(e, addresses[i].member));
		printf(" %s", i < 2 || i > 3 ? addr_name(address, numeric) : address);
	}
	printf("\n");
	fflush(stdout);
}

/* What did not come, because this end reads too slowly, is said before the next that did. */
static void
monitor_lost(const struct smpnet_stream *st, unsigned long *known, bool json)
{
	unsigned long n = smpnet_stream_lost(st) - *known;

	*known += n;
	if (n == 0)
		return;
	if (json)
		printf("{\"type\":\"lost\",\"messages\":%lu}\n", n);
	else
		printf("lost %lu message%s\n", n, n == 1 ? "" : "s");
}

static int
monitor(int argc, char **argv, bool numeric, bool json)
{
	struct sigaction sa = {.sa_handler = on_interrupt};
	struct smpnet_stream *st;
	long long count = 0, seen = 0;
	unsigned long lost = 0;
	json_t *e;
	int r = 0;

	if (argc == 2 && strcmp(argv[0], "-c") == 0)
		count = tool_number("count", argv[1], 1, INT32_MAX);
	else if (argc != 0)
		tool_usage();
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	if ((st = smpnet_stream_open(tool_server(), "route.monitor", NULL)) == NULL)
		tool_fail(1, "%s", smpnet_error(tool_server()));
	while (!interrupted && (r = smpnet_stream_next(st, &e, -1)) == 1) {
		monitor_lost(st, &lost, json);
		if (json)
			json_dumpf(e, stdout, JSON_COMPACT), putchar('\n'), fflush(stdout);
		else
			monitor_print(e, numeric);
		json_decref(e);
		if (count != 0 && ++seen == count)
			break;
	}
	if (!interrupted && r < 0 && r != -EINTR)
		tool_fail(1, "%s", smpnet_error(tool_server()));
	smpnet_stream_close(st);
	return 0;
}

static void
print_flushed(const json_t *result, bool numeric)
{
	const json_t *rt;
	size_t i;

	json_array_foreach (json_object_get(result, "routes"), i, rt) {
		const char *prefix = json_is_string(rt) ? json_string_value(rt) : jstr(rt, "dst");
		char dst[80];

		prefix_text(prefix, dst, sizeof(dst));
		/* NetBSD shows the default route of IPv6 so. */
		if (strcmp(prefix, "::/0") == 0 ||
		    (strcmp(dst, "default") == 0 && strcmp(jstr(rt, "family"), "inet6") == 0))
			snprintf(dst, sizeof(dst), "::/128");
		printf("%-20.20s %-20.20s done\n", dst, addr_name(jstr(rt, "gateway"), numeric));
	}
}

/* add, change, delete, flush */
static int
change(int argc, char **argv, bool numeric, bool json)
{
	struct cmd cmd;
	int status = 0;

	tool_parse(argc, argv, &cmd);
	for (unsigned i = 0; i < cmd.ncalls; i++) {
		struct cmd_call *c = &cmd.calls[i];
		bool flush = strcmp(c->method, "route.flush") == 0;
		json_t *result = NULL;
		int error;

		if (flush && !json) /* in pages; a table may be long */
			json_object_set_new(c->params, "limit", json_integer(1000));
		error = tool_try(c->method, json_incref(c->params), &result);
		while (error == 0 && flush && jbool(result, "more")) {
			if (!cmd.quiet)
				print_flushed(result, numeric);
			json_decref(result);
			result = NULL;
			error = tool_try(c->method, json_incref(c->params), &result);
		}

		if (error == -EPROTO)
			tool_fail(1, "%s", smpnet_error(tool_server()));
		if (error == 0 && flush && !cmd.quiet) {
			if (json)
				tool_print_json(json_incref(result));
			else
				print_flushed(result, numeric);
		}
		if (error != 0) {
			status = 1;
			if (error == -EINVAL)
				tool_complain(c->what, EINVAL, smpnet_error(tool_server()));
			else
				tool_warn("%s: %s", c->what, route_strerror(-error));
		}
		if (c->say != NULL && !cmd.quiet)
			printf("%s%s%s\n", c->say, error != 0 ? ": " : "", error != 0 ? route_strerror(-error) : "");
		json_decref(result);
		if (error != 0)
			break;
	}
	cmd_free(&cmd);
	return status;
}

int
route_main(int argc, char **argv)
{
	bool json = tool_option_json(&argc, argv), numeric = false, wide = false, brief = false;
	const char *family = NULL;
	struct cmd cmd;
	int i;

	tool_parse(argc, argv, &cmd);
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		numeric |= strchr(argv[i], 'n') != NULL;
		wide |= strchr(argv[i], 'v') != NULL;
		brief |= strchr(argv[i], 's') != NULL;
	}
	if (!cmd.display) {
		cmd_free(&cmd);
		return change(argc, argv, numeric, json);
	}
	if (strcmp(argv[i], "get") == 0)
		return route_get(argc - i - 1, argv + i + 1, numeric, brief, json);
	if (strcmp(argv[i], "monitor") == 0)
		return monitor(argc - i - 1, argv + i + 1, numeric, json);
	for (i++; i < argc; i++) {
		if (strcmp(argv[i], "-inet") == 0 || strcmp(argv[i], "-inet6") == 0)
			family = argv[i] + 1;
		else if (strcmp(argv[i], "-n") == 0)
			numeric = true;
		else
			tool_usage();
	}
	return routes_print(family, ROUTES_SHORT | (numeric ? ROUTES_NUMERIC : 0) | (wide ? ROUTES_WIDE : 0), json);
}
