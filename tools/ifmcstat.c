/* SPDX-License-Identifier: BSD-2-Clause */
/* ifmcstat: the multicast groups that the interfaces are members of. */
#include <getopt.h>
#include <string.h>

#include "tool.h"

static bool
wanted(const char *family, const char *only)
{
	return only == NULL || strcmp(family, only) == 0;
}

static void
print_family(const json_t *f)
{
	const char *family = jstr(f, "family");
	json_t *v;
	size_t i;

	json_array_foreach (json_object_get(f, "addresses"), i, v)
		printf("\t%s %s\n", family, json_string_value(v));
	json_array_foreach (json_object_get(f, "groups"), i, v)
		printf("\t\tgroup %s refcount %lld\n", jstr(v, "address"), jint(v, "refcount"));
}

int
ifmcstat_main(int argc, char **argv)
{
	bool json = tool_option_json(&argc, argv);
	const char *interface = NULL, *only = NULL;
	json_t *params = json_object(), *list, *ifp, *v;
	size_t i, k;
	int c;

	while ((c = getopt(argc, argv, "f:i:n")) != -1) {
		switch (c) {
		case 'f':
			only = optarg;
			if (strcmp(only, "inet") != 0 && strcmp(only, "inet6") != 0 && strcmp(only, "link") != 0)
				tool_fail(1, "-f: '%s' is not inet, inet6 or link", only);
			break;
		case 'i':
			interface = optarg;
			break;
		case 'n': /* there are no names of groups */
			break;
		default:
			tool_usage();
		}
	}
	if (argc != optind)
		tool_usage();
	if (interface != NULL)
		json_object_set_new(params, "interface", json_string(interface));
	list = tool_call("group.list", params);
	if (json)
		return tool_print_json(list);
	json_array_foreach (list, i, ifp) {
		printf("%s:\n", jstr(ifp, "interface"));
		json_array_foreach (json_object_get(ifp, "families"), k, v)
			if (wanted(jstr(v, "family"), only))
				print_family(v);
		json_array_foreach (json_object_get(ifp, "links"), k, v)
			if (wanted("link", only))
				printf("\tenaddr %s refcount %lld\n", jstr(v, "lladdr"), jint(v, "refcount"));
	}
	json_decref(list);
	return 0;
}
