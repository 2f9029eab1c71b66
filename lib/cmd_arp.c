/* SPDX-License-Identifier: BSD-2-Clause */
/* The command language: arp. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_impl.h"

/* "A MAC [temp] [pub [proxy]]", from the command line or from a line of a file. */
static int
arp_set(struct cmd_ctx *ctx, char *const *w)
{
	struct cmd_addr a;
	char mac[18];
	json_t *p;
	int error;

	if (w[0] == NULL || w[1] == NULL)
		return cmd_fail_usage(ctx, "an address and a link address are needed");
	if ((error = cmd_address(ctx, AF_INET, NULL, w[0], false, &a)) != 0 ||
	    (error = cmd_lladdr(ctx, w[0], w[1], mac)) != 0)
		return error;
	p = cmd_call(ctx, "neigh.add", WRITING);
	cmd_set(ctx, p, "family", json_string("inet"));
	cmd_set(ctx, p, "address", json_string(a.text));
	cmd_set(ctx, p, "lladdr", json_string(mac));
	for (w += 2; *w != NULL; w++) {
		if (strcmp(*w, "temp") == 0)
			cmd_set(ctx, p, "temp", json_true());
		else if (strcmp(*w, "pub") == 0)
			cmd_set(ctx, p, "pub", json_true());
		else if (strcmp(*w, "proxy") == 0)
			cmd_set(ctx, p, "proxy", json_true());
		else
			return cmd_fail(ctx, EINVAL, "'%s' is not temp, pub or proxy", *w);
	}
	if (json_object_get(p, "proxy") != NULL && json_object_get(p, "pub") == NULL)
		return cmd_fail(ctx, EINVAL, "proxy needs pub");
	return 0;
}

static int
arp_file(struct cmd_ctx *ctx, const char *name)
{
	char line[1024], why[256], *path = cmd_path(ctx, name), **w;
	unsigned number = 0;
	int error = 0;
	FILE *f;

	if (path == NULL)
		return cmd_fail(ctx, ENOMEM, "out of memory");
	if ((f = fopen(path, "r")) == NULL) {
		error = cmd_fail(ctx, errno, "cannot open %s: %s", path, strerror(errno));
		free(path);
		return error;
	}
	while (error == 0 && fgets(line, sizeof(line), f) != NULL) {
		int n = cmd_split(line, &w, why, sizeof(why));

		number++;
		if (n < 0)
			error = cmd_fail(ctx, EINVAL, "%s", why);
		else if (n > 0)
			error = arp_set(ctx, w);
		free(w);
	}
	fclose(f);
	if (error != 0) {
		snprintf(why, sizeof(why), "%s", ctx->err + strlen("arp: "));
		error = cmd_fail(ctx, -error, "%s:%u: %s", name, number, why);
	}
	free(path);
	return error;
}

int
cmd_arp(struct cmd_ctx *ctx, int argc, char *const *argv)
{
	bool remove = false, all = false;
	char action = '\0';
	struct cmd_addr a;
	json_t *p;
	int i, error;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0)
			continue;
		for (const char *o = argv[i] + 1; *o != '\0'; o++) {
			if (*o == 's' || *o == 'f')
				action = *o;
			else if (*o == 'd')
				remove = true;
			else if (*o == 'a')
				all = true;
			else if (*o != 'n' && *o != 'v')
				return cmd_fail(ctx, EINVAL, "unknown option -%c", *o);
		}
	}
	if (action == 's')
		return arp_set(ctx, argv + i);
	if (action == 'f')
		return i + 1 == argc ? arp_file(ctx, argv[i]) : cmd_fail_usage(ctx, "-f needs one file name");
	if (!remove) {
		ctx->out->display = true;
		return 0;
	}
	if (all) {
		if (i < argc)
			return cmd_fail_usage(ctx, "-d -a takes no address");
		cmd_set(ctx, cmd_call(ctx, "neigh.flush", WRITING), "family", json_string("inet"));
		return 0;
	}
	if (i == argc)
		return cmd_fail_usage(ctx, "an address is missing");
	for (; i < argc; i++) {
		if (strcmp(argv[i], "pub") == 0 || strcmp(argv[i], "proxy") == 0)
			continue;
		if ((error = cmd_address(ctx, AF_INET, NULL, argv[i], false, &a)) != 0)
			return error;
		p = cmd_call(ctx, "neigh.delete", WRITING);
		cmd_set(ctx, p, "family", json_string("inet"));
		cmd_set(ctx, p, "address", json_string(a.text));
	}
	return 0;
}
