/* SPDX-License-Identifier: BSD-2-Clause */
/* The command language: sysctl. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "cmd_impl.h"

int
cmd_sysctl(struct cmd_ctx *ctx, int argc, char *const *argv)
{
	bool write = false;
	int i, error;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0)
			continue;
		for (const char *o = argv[i] + 1; *o != '\0'; o++) {
			if (*o == 'w')
				write = true;
			else if (*o == 'q')
				ctx->out->quiet = true;
			else if (strchr("naAdex", *o) == NULL)
				return cmd_fail(ctx, EINVAL, "unknown option -%c", *o);
		}
	}
	if (!write) {
		for (; i < argc; i++)
			if (strchr(argv[i], '=') != NULL)
				return cmd_fail(ctx, EINVAL, "Must specify -w to set variables");
		ctx->out->display = true;
		return 0;
	}
	if (i == argc)
		return cmd_fail_usage(ctx, "name=value is missing");
	for (; i < argc; i++) {
		const char *eq = strchr(argv[i], '=');
		long long value;
		json_t *p;

		if (eq == NULL || eq == argv[i])
			return cmd_fail(ctx, EINVAL, "No '=' in %s", argv[i]);
		if ((error = cmd_number(ctx, argv[i], eq + 1, INT32_MIN, INT32_MAX, &value)) != 0)
			return error;
		p = cmd_call(ctx, "sysctl.set", NULL);
		cmd_set(ctx, p, "name", json_stringn(argv[i], eq - argv[i]));
		cmd_set(ctx, p, "value", json_integer(value));
	}
	return 0;
}
