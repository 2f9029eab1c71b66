/* SPDX-License-Identifier: BSD-2-Clause */
/* arp: shows and changes the IPv4 neighbours. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "neigh.h"

void
neigh_expire_text(long long seconds, char *text, size_t len)
{
	long long d = seconds / 86400, h = seconds / 3600 % 24, m = seconds / 60 % 60;
	size_t n = 0;

	text[0] = '\0';
	if (d > 0)
		n += snprintf(text + n, len - n, "%lldd", d);
	if (n > 0 || h > 0)
		n += snprintf(text + n, len - n, "%lldh", h);
	if (n > 0 || m > 0)
		n += snprintf(text + n, len - n, "%lldm", m);
	snprintf(text + n, len - n, "%llds", seconds % 60);
}

char
neigh_state_letter(const json_t *n)
{
	const char *s = jstr(n, "state");

	if (jbool(n, "permanent") || jbool(n, "ours") || strcmp(s, "permanent") == 0)
		return 'R';
	return strcmp(s, "incomplete") == 0 ? 'I' : *s != '\0' ? *s - 'a' + 'A' : 'N';
}

bool
neigh_permanent(const json_t *n)
{
	return jbool(n, "permanent") || jbool(n, "ours") || strcmp(jstr(n, "state"), "permanent") == 0;
}

/* detailed: the newer form, with the time to live and the state */
static void
print_entry(const json_t *n, bool numeric, bool detailed)
{
	const char *address = jstr(n, "address"), *mac = jstr(n, "lladdr");
	char name[256] = "?", expire[64];

	if (!numeric)
		addr_lookup(address, name, sizeof(name));
	printf("%s (%s) at %s on %s", name, address, *mac != '\0' ? mac : "(incomplete)", jstr(n, "interface"));
	if (neigh_permanent(n))
		printf(" permanent");
	if (jbool(n, "proxy"))
		printf(" published (proxy only)");
	else if (jbool(n, "published"))
		printf(" published");
	if (detailed && !neigh_permanent(n)) {
		const json_t *e = json_object_get(n, "expire");

		if (json_is_number(e)) {
			if (jint(n, "expire") > 0)
				neigh_expire_text(jint(n, "expire"), expire, sizeof(expire));
			else
				snprintf(expire, sizeof(expire), "expired");
			printf(" %s", expire);
		}
		printf(" %c", neigh_state_letter(n));
	}
	printf("\n");
}

/* Highest address first, as NetBSD's table is walked. */
static int
by_address(const void *a, const void *b)
{
	struct in_addr x = {0}, y = {0};

	inet_pton(AF_INET, jstr(*(json_t *const *)a, "address"), &x);
	inet_pton(AF_INET, jstr(*(json_t *const *)b, "address"), &y);
	return (ntohl(x.s_addr) < ntohl(y.s_addr)) - (ntohl(x.s_addr) > ntohl(y.s_addr));
}

static void
collect(json_t *element, void *list)
{
	json_array_append(list, element);
}

static int
show_all(bool numeric, bool detailed, bool json)
{
	json_t *params = json_pack("{s:s}", "family", "inet"), *list;
	json_t **sorted;
	size_t n;

	if (json)
		return tool_list_json("neigh.list", "neighbours", params);
	list = json_array();
	tool_list("neigh.list", "neighbours", params, collect, list);
	n = json_array_size(list);
	if ((sorted = calloc(n + 1, sizeof(json_t *))) == NULL)
		tool_fail(1, "out of memory");
	for (size_t i = 0; i < n; i++)
		sorted[i] = json_array_get(list, i);
	qsort(sorted, n, sizeof(json_t *), by_address);
	for (size_t i = 0; i < n; i++)
		print_entry(sorted[i], numeric, detailed);
	free(sorted);
	json_decref(list);
	return 0;
}

static int
show_one(const char *host, bool numeric, bool json)
{
	json_t *list, *n;
	char address[64];
	int status = 0;
	size_t i;

	addr_resolve(AF_INET, host, address, sizeof(address));
	list = tool_call("neigh.list", json_pack("{s:s, s:s}", "family", "inet", "address", address));
	if (json_array_size(list) == 0) {
		printf("%s (%s) -- no entry\n", host, address);
		status = 1;
	}
	if (json) {
		tool_print_json(json_incref(list));
	} else {
		json_array_foreach (list, i, n)
			print_entry(n, numeric, true);
	}
	json_decref(list);
	return status;
}

/* -s, -d, -f */
static int
change(int argc, char **argv)
{
	struct cmd cmd;
	int status = 0;

	tool_parse(argc, argv, &cmd);
	for (unsigned i = 0; i < cmd.ncalls; i++) {
		const struct cmd_call *c = &cmd.calls[i];
		const char *address = jstr(c->params, "address");
		int error = tool_try(c->method, json_incref(c->params), NULL);

		if (error == 0)
			continue;
		status = 1;
		if (error == -ENOENT || error == -ESRCH)
			tool_warn("%s: no entry", address);
		else if (error == -EPROTO)
			tool_warn("%s", smpnet_error(tool_server()));
		else
			tool_warn("%s: %s", *address != '\0' ? address : c->what, tool_strerror(-error));
	}
	cmd_free(&cmd);
	return status;
}

int
arp_main(int argc, char **argv)
{
	bool json = tool_option_json(&argc, argv), numeric = false, all = false, verbose = false;
	struct cmd cmd;
	int i;

	tool_parse(argc, argv, &cmd);
	if (!cmd.display) {
		cmd_free(&cmd);
		return change(argc, argv);
	}
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		numeric |= strchr(argv[i], 'n') != NULL;
		all |= strchr(argv[i], 'a') != NULL;
		verbose |= strchr(argv[i], 'v') != NULL;
	}
	if (all && i == argc)
		return show_all(numeric, verbose, json);
	if (all || i + 1 != argc)
		tool_usage();
	return show_one(argv[i], numeric, json);
}
