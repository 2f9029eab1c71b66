/* SPDX-License-Identifier: BSD-2-Clause */
/* The routing table as netstat -r and route show print it. */
#include <string.h>

#include "tool.h"

/* => the destination's column: a prefix in NetBSD's short form, or a host's name */
static void
destination(const json_t *rt, bool numeric, char *text, size_t len)
{
	char address[64], name[256];
	int plen = prefix_split(jstr(rt, "dst"), address, sizeof(address));
	bool v6 = strcmp(jstr(rt, "family"), "inet6") == 0;

	prefix_text(jstr(rt, "dst"), text, len);
	if (!numeric && (plen < 0 || plen == (v6 ? 128 : 32)) && addr_lookup(address, name, sizeof(name)))
		snprintf(text, len, "%s", name);
}

static void
print_line(FILE *f, const char *dst, const char *gateway, const json_t *rt, const char *ifname, int options)
{
	bool v6 = strcmp(jstr(rt, "family"), "inet6") == 0;
	int wdst = v6 && (options & ROUTES_NUMERIC) ? 39 : 18, wgw = v6 && (options & ROUTES_NUMERIC) ? 30 : 18;
	int cut = options & ROUTES_WIDE ? 256 : 0;
	char flags[32], *w = flags;

	for (const char *p = jstr(rt, "flags"); *p != '\0' && w < flags + sizeof(flags) - 1; p++)
		if (!(options & ROUTES_SHORT) || strchr("CSB", *p) == NULL)
			*w++ = *p;
	*w = '\0';
	fprintf(f, "%-*.*s %-*.*s %-6.6s ", wdst, cut ? cut : wdst, dst, wgw, cut ? cut : wgw, gateway, flags);
	fprintf(f, "%6s %8s ", "-", "-");
	if (jint(rt, "mtu") != 0)
		fprintf(f, "%6lld", jint(rt, "mtu"));
	else
		fprintf(f, "%6s", "-");
	fprintf(f, "%s  %.16s\n", options & ROUTES_TAGS ? "       -" : "", ifname);
}

struct print {
	int options;
	char family[8]; /* whose header was printed last */
};

static void
print_route(json_t *rt, void *arg)
{
	struct print *p = arg;
	const char *family = jstr(rt, "family");
	bool v6 = strcmp(family, "inet6") == 0, numeric = p->options & ROUTES_NUMERIC;
	int wdst = v6 && numeric ? 39 : 18, wgw = v6 && numeric ? 30 : 18;
	const json_t *paths = json_object_get(rt, "paths"), *path;
	char dst[320];
	size_t k;

	if (strcmp(p->family, family) != 0) {
		snprintf(p->family, sizeof(p->family), "%s", family);
		printf("\n%s:\n", v6 ? "Internet6" : "Internet");
		printf("%-*.*s %-*.*s %-6.6s %6.6s%9.8s %6.6s%s %s\n", wdst, wdst, "Destination", wgw, wgw, "Gateway",
		    "Flags", "Refs", "Use", "Mtu", p->options & ROUTES_TAGS ? "     Tag" : "", "Interface");
	}
	destination(rt, numeric, dst, sizeof(dst));
	if (json_array_size(paths) > 1) {
		json_array_foreach (paths, k, path)
			print_line(stdout, dst,
			    addr_name(*jstr(path, "gateway") ? jstr(path, "gateway") : jstr(rt, "gateway"), numeric),
			    rt, *jstr(path, "interface") ? jstr(path, "interface") : jstr(rt, "interface"), p->options);
		return;
	}
	print_line(stdout, dst, addr_name(jstr(rt, "gateway"), numeric), rt, jstr(rt, "interface"), p->options);
}

int
routes_print(const char *family, int options, bool json)
{
	struct print p = {.options = options};
	json_t *params = json_object();

	if (family != NULL)
		json_object_set_new(params, "family", json_string(family));
	if (options & ROUTES_LINK)
		json_object_set_new(params, "neighbours", json_true());
	if (json)
		return tool_list_json("route.list", "routes", params);
	tool_server();
	printf("Routing tables\n");
	tool_list("route.list", "routes", params, print_route, &p);
	return 0;
}
