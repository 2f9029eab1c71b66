/* SPDX-License-Identifier: BSD-2-Clause */
/* The command language: arp. */
#include <errno.h>
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
		return i + 1 == argc ? cmd_file(ctx, argv[i], "ADDRESS LLADDR [temp] [pub [proxy]]", arp_set)
				     : cmd_fail_usage(ctx, "-f needs one file name");
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
