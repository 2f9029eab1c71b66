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

/* "-i IF EXPRESSION...": [-]FLAG, or VARIABLE=NUMBER */
static int
ndp_interface(struct cmd_ctx *ctx, char *const *w)
{
	static const char *const flags[] = {"nud", "accept_rtadv", "override_rtadv", "auto_linklocal"};
	static const struct {
		const char *name;
		long long min, max;
	} variables[] = {{"basereachable", 1, 3600000}, {"retrans", 10, 60000}, {"curhlim", 1, 255}};
	json_t *p, *set = json_array(), *clear = json_array();
	const char *name = w[0];

	p = cmd_call(ctx, "nd.interface.set", "SIOCSIFINFO_FLAGS");
	cmd_set(ctx, p, "interface", json_string(name));
	cmd_set(ctx, p, "set", set);
	cmd_set(ctx, p, "clear", clear);
	if (!cmd_is_ifname(name))
		return cmd_fail(ctx, EINVAL, "'%s' is not the name of an interface", name);
	for (w++; *w != NULL; w++) {
		const char *word = **w == '-' ? *w + 1 : *w, *equal = strchr(*w, '=');
		unsigned i = 0;

		if (equal != NULL) {
			size_t len = (size_t)(equal - *w);
			long long value;
			int error;

			while (i < 3 && (strlen(variables[i].name) != len || strncmp(variables[i].name, *w, len) != 0))
				i++;
			if (i == 3)
				return cmd_fail(ctx, EINVAL, "'%s' is not basereachable=, retrans= or curhlim=", *w);
			error =
			    cmd_number(ctx, variables[i].name, equal + 1, variables[i].min, variables[i].max, &value);
			if (error != 0)
				return error;
			cmd_set(ctx, p, variables[i].name, json_integer(value));
			continue;
		}
		if (strcmp(*w, "--") == 0)
			continue;
		while (i < 4 && strcmp(flags[i], word) != 0)
			i++;
		if (i == 4)
			return cmd_fail(ctx, EINVAL,
			    "'%s' is not [-]nud, [-]accept_rtadv, [-]override_rtadv or [-]auto_linklocal", *w);
		json_array_append_new(word == *w ? set : clear, json_string(word));
	}
	return 0;
}

/* => the mode's letter, or 0; options end before argv[*first]; -errno after cmd_fail() */
static int
ndp_options(struct cmd_ctx *ctx, int argc, char *const *argv, int *first)
{
	char action = '\0';
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0)
			continue;
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		for (const char *o = argv[i] + 1; *o != '\0'; o++) {
			if (strchr("sdcPRHIaAprif", *o) != NULL)
				action = *o;
			else if (strchr("nvtl", *o) == NULL)
				return cmd_fail(ctx, EINVAL, "unknown option -%c", *o);
		}
	}
	*first = i;
	return action;
}

int
cmd_ndp(struct cmd_ctx *ctx, int argc, char *const *argv)
{
	struct cmd_addr a;
	json_t *p;
	int i = argc, action, error;

	if ((action = ndp_options(ctx, argc, argv, &i)) < 0)
		return action;
	switch (action) {
	case 's':
		return ndp_set(ctx, argv + i);
	case 'f':
		return i + 1 == argc ? cmd_file(ctx, argv[i], "ADDRESS LLADDR [temp] [proxy]", ndp_set)
				     : cmd_fail_usage(ctx, "-f needs one file name");
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
		cmd_call(ctx, "nd.harmonize", "SIOCSNDFLUSH_IN6");
		return 0;
	case 'I':
		if (i < argc)
			return cmd_fail(ctx, ENOTSUP, "-I: a default interface is not supported: name it (%%IF)");
		break;
	case 'i':
		if (i + 1 < argc && strcmp(argv[i + 1], "--json") != 0)
			return ndp_interface(ctx, argv + i);
		break;
	default:
		break;
	}
	ctx->out->display = true;
	return 0;
}
