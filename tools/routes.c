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
	fprintf(f, "  %.16s\n", ifname);
}

static void
print_family(FILE *f, const json_t *routes, const char *family, int options)
{
	bool v6 = strcmp(family, "inet6") == 0, numeric = options & ROUTES_NUMERIC;
	int wdst = v6 && numeric ? 39 : 18, wgw = v6 && numeric ? 30 : 18;
	const json_t *rt, *path;
	bool any = false;
	size_t i, k;

	json_array_foreach (routes, i, rt) {
		const json_t *paths = json_object_get(rt, "paths");
		char dst[320];

		if (strcmp(jstr(rt, "family"), family) != 0)
			continue;
		if (!any) {
			fprintf(f, "\n%s:\n", v6 ? "Internet6" : "Internet");
			fprintf(f, "%-*.*s %-*.*s %-6.6s %6.6s%9.8s %6.6s %s\n", wdst, wdst, "Destination", wgw, wgw,
			    "Gateway", "Flags", "Refs", "Use", "Mtu", "Interface");
			any = true;
		}
		destination(rt, numeric, dst, sizeof(dst));
		if (json_array_size(paths) > 1) {
			json_array_foreach (paths, k, path)
				print_line(f, dst,
				    addr_name(
					*jstr(path, "gateway") ? jstr(path, "gateway") : jstr(rt, "gateway"), numeric),
				    rt, *jstr(path, "interface") ? jstr(path, "interface") : jstr(rt, "interface"),
				    options);
			continue;
		}
		print_line(f, dst, addr_name(jstr(rt, "gateway"), numeric), rt, jstr(rt, "interface"), options);
	}
}

void
routes_print(FILE *f, const json_t *routes, const char *family, int options)
{
	fprintf(f, "Routing tables\n");
	if (family == NULL || strcmp(family, "inet") == 0)
		print_family(f, routes, "inet", options);
	if (family == NULL || strcmp(family, "inet6") == 0)
		print_family(f, routes, "inet6", options);
}
