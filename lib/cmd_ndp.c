/* SPDX-License-Identifier: BSD-2-Clause */
/* The command language: ndp. */
#include <errno.h>
#include <string.h>

#include "cmd_impl.h"

/* => the address and, for link-local ones, the interface (which they need) */
static int
ndp_address(struct cmd_ctx *ctx, const char *word, struct cmd_addr *a)
{
	int error;

	if ((error = cmd_address(ctx, AF_INET6, NULL, word, false, a)) != 0)
		return error;
	if (IN6_IS_ADDR_LINKLOCAL(&a->in6) && a->zone[0] == '\0')
		return cmd_fail(
		    ctx, EINVAL, "%s: a link-local address needs its interface (%s%%interface)", word, word);
	return 0;
}

static int
ndp_set(struct cmd_ctx *ctx, char *const *w)
{
	struct cmd_addr a;
	char mac[18];
	json_t *p;
	int error;

	if (w[0] == NULL || w[1] == NULL)
		return cmd_fail_usage(ctx, "an address and a link address are needed");
	if ((error = ndp_address(ctx, w[0], &a)) != 0 || (error = cmd_lladdr(ctx, w[0], w[1], mac)) != 0)
		return error;
	p = cmd_call(ctx, "neigh.add", WRITING);
	cmd_set(ctx, p, "family", json_string("inet6"));
	cmd_set(ctx, p, "address", json_string(a.text));
	cmd_set(ctx, p, "lladdr", json_string(mac));
	for (w += 2; *w != NULL; w++) {
		if (strcmp(*w, "temp") == 0)
			cmd_set(ctx, p, "temp", json_true());
		else if (strcmp(*w, "proxy") == 0)
			cmd_set(ctx, p, "proxy", json_true());
		else
			return cmd_fail(ctx, EINVAL, "'%s' is not temp or proxy", *w);
	}
	return 0;
}

int
cmd_ndp(struct cmd_ctx *ctx, int argc, char *const *argv)
{
	char action = '\0';
	struct cmd_addr a;
	json_t *p;
	int i, error;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0)
			continue;
		for (const char *o = argv[i] + 1; *o != '\0'; o++) {
			if (strchr("sdcPRHaprif", *o) != NULL)
				action = *o;
			else if (strchr("nvt", *o) == NULL)
				return cmd_fail(ctx, EINVAL, "unknown option -%c", *o);
		}
	}
	switch (action) {
	case 's':
		return ndp_set(ctx, argv + i);
	case 'd':
		if (i == argc)
			return cmd_fail_usage(ctx, "an address is missing");
		for (; i < argc; i++) {
			if ((error = ndp_address(ctx, argv[i], &a)) != 0)
				return error;
			p = cmd_call(ctx, "neigh.delete", WRITING);
			cmd_set(ctx, p, "family", json_string("inet6"));
			cmd_set(ctx, p, "address", json_string(a.text));
			cmd_say(ctx, "%s (%s) deleted", argv[i], a.text);
		}
		return 0;
	case 'c':
		cmd_set(ctx, cmd_call(ctx, "neigh.flush", WRITING), "family", json_string("inet6"));
		return 0;
	case 'P':
		cmd_call(ctx, "nd.flush_prefixes", "SIOCSPFXFLUSH_IN6");
		return 0;
	case 'R':
		cmd_call(ctx, "nd.flush_routers", "SIOCSRTRFLUSH_IN6");
		return 0;
	case 'H':
	case 'f':
		return cmd_fail(ctx, ENOTSUP, "-%c: not supported", action);
	default:
		ctx->out->display = true;
		return 0;
	}
}
