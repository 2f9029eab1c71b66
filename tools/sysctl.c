/* SPDX-License-Identifier: BSD-2-Clause */
/* sysctl: shows and changes settings. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static void
print_value(const json_t *v)
{
	if (json_is_string(v))
		printf("%s", json_string_value(v));
	else if (json_is_boolean(v))
		printf("%d", json_is_true(v));
	else
		printf("%lld", (long long)json_integer_value(v));
}

/* Which level of the name does not exist, in NetBSD's words. */
static void
complain(const char *name)
{
	static const char *const levels[] = {"top", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"};
	size_t len = strlen(name), end = 0;
	unsigned level = 0;

	for (;;) {
		size_t start = end > 0 ? end + 1 : 0;
		json_t *list = NULL;
		char prefix[256];

		end = start + strcspn(name + start, ".");
		snprintf(prefix, sizeof(prefix), "%.*s", (int)end, name);
		if (end >= len || level == 7 ||
		    tool_try("sysctl.get", json_pack("{s:s}", "name", prefix), &list) != 0) {
			tool_warn("%s level name '%.*s' in '%s' is invalid", levels[level], (int)(end - start),
			    name + start, name);
			return;
		}
		json_decref(list);
		level++;
	}
}

static int
get(const char *name, bool values, bool quiet, json_t *all)
{
	json_t *list, *s;
	size_t i;

	if (tool_try("sysctl.get", json_pack("{s:s}", "name", name), &list) != 0) {
		if (smpnet_errno(tool_server()) != ENOENT)
			tool_warn("%s", smpnet_error(tool_server()));
		else if (!quiet)
			complain(name);
		return 1;
	}
	if (all != NULL) {
		json_array_extend(all, list);
	} else {
		json_array_foreach (list, i, s) {
			if (!values)
				printf("%s = ", jstr(s, "name"));
			print_value(json_object_get(s, "value"));
			printf("\n");
		}
	}
	json_decref(list);
	return 0;
}

static int
set(struct cmd *cmd, bool values)
{
	int status = 0;

	for (unsigned i = 0; i < cmd->ncalls; i++) {
		const char *name = jstr(cmd->calls[i].params, "name");
		json_t *r = NULL;

		if (tool_try("sysctl.set", json_incref(cmd->calls[i].params), &r) != 0) {
			int err = smpnet_errno(tool_server());

			status = 1;
			if (err == ENOENT)
				complain(name);
			else if (err == EPROTO || strncmp(smpnet_error(tool_server()), name, strlen(name)) == 0)
				tool_warn("%s", smpnet_error(tool_server())); /* NetBSD's words, and why */
			else
				tool_complain(name, err, smpnet_error(tool_server()));
			continue;
		}
		if (!cmd->quiet) {
			if (!values)
				printf("%s: ", name);
			print_value(json_object_get(r, "old"));
			printf(" -> ");
			print_value(json_object_get(r, "new"));
			printf("\n");
		}
		json_decref(r);
	}
	return status;
}

int
sysctl_main(int argc, char **argv)
{
	bool json = tool_option_json(&argc, argv), values = false, all = false;
	json_t *list = json ? json_array() : NULL;
	struct cmd cmd;
	int i, status = 0;

	tool_parse(argc, argv, &cmd);
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		values |= strchr(argv[i], 'n') != NULL;
		all |= strpbrk(argv[i], "aA") != NULL;
	}
	if (!cmd.display)
		status = set(&cmd, values);
	else if (all && i == argc)
		status = get("", values, cmd.quiet, list);
	else if (i == argc || all)
		tool_usage();
	else
		for (; i < argc; i++)
			status |= get(argv[i], values, cmd.quiet, list);
	cmd_free(&cmd);
	if (json && list != NULL)
		tool_print_json(list);
	return status;
}
