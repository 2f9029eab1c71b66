/* SPDX-License-Identifier: BSD-2-Clause */
/* The command language: attach and detach. */
#include <errno.h>
#include <string.h>

#include "cmd_impl.h"

int
cmd_attach(struct cmd_ctx *ctx, int argc, char *const *argv)
{
	json_t *p = cmd_call(ctx, "dev.attach", NULL);
	const char *name = NULL;
	long long n;
	int error;

	for (int i = 1; i < argc; i++) {
		const char *k = argv[i], *value = argv[i + 1];

		if (strcmp(k, "--take") == 0) {
			cmd_set(ctx, p, "take", json_true());
		} else if (k[0] == '-') {
			return cmd_fail(ctx, EINVAL, "unknown option %s", k);
		} else if (name == NULL) {
			cmd_set(ctx, p, "name", json_string(name = k));
		} else if (strcmp(k, "queues") == 0) {
			if ((error = cmd_number(ctx, k, value, 1, 1024, &n)) != 0)
				return error;
			cmd_set(ctx, p, "queues", json_integer(n));
			i++;
		} else if (strcmp(k, "as") == 0) {
			if (value == NULL || !cmd_is_ifname(value))
				return cmd_fail(ctx, EINVAL,
				    "as: '%s' is not an interface name (letters, then a number)",
				    value != NULL ? value : "");
			cmd_set(ctx, p, "ifname", json_string(value));
			i++;
		} else if (strcmp(k, "via") == 0) {
			if (value == NULL || (strcmp(value, "xdp") != 0 && strcmp(value, "packet") != 0))
				return cmd_fail(
				    ctx, EINVAL, "via: '%s' is not xdp or packet", value != NULL ? value : "");
			cmd_set(ctx, p, "via", json_string(value));
			i++;
		} else {
			return cmd_fail(ctx, EINVAL, "'%s' is not queues, as, via or --take", k);
		}
	}
	return name != NULL ? 0 : cmd_fail_usage(ctx, "a name is missing");
}

int
cmd_detach(struct cmd_ctx *ctx, int argc, char *const *argv)
{
	if (argc != 2 || argv[1][0] == '-')
		return cmd_fail_usage(ctx, "one interface is needed");
	cmd_set(ctx, cmd_call(ctx, "dev.detach", NULL), "name", json_string(argv[1]));
	return 0;
}
