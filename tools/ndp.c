/* SPDX-License-Identifier: BSD-2-Clause */
/* ndp: shows and changes the IPv6 neighbours, prefixes and routers. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "neigh.h"

static void
print_header(void)
{
	printf("%-36.36s %-17.17s %6.6s %-9.9s %1s %s\n", "Neighbor", "Linklayer Address", "Netif", "Expire", "S",
	    "Flags");
}

static void
print_entry(const json_t *n, bool numeric)
{
	const char *address = jstr(n, "address"), *mac = jstr(n, "lladdr");
	char text[96], expire[64] = "permanent";

	if (strncasecmp(address, "fe80:", 5) == 0 && strchr(address, '%') == NULL)
		snprintf(text, sizeof(text), "%s%%%s", address, jstr(n, "interface"));
	else
		snprintf(text, sizeof(text), "%s", addr_name(address, numeric));
	if (!neigh_permanent(n)) {
		if (jint(n, "expire") > 0)
			neigh_expire_text(jint(n, "expire"), expire, sizeof(expire));
		else
			snprintf(expire, sizeof(expire), "expired");
	}
	printf("%-36.36s %-17.17s %6.6s %-9.9s %c %s%s\n", text, *mac != '\0' ? mac : "(incomplete)",
	    jstr(n, "interface"), expire, neigh_state_letter(n), jbool(n, "router") ? "R" : "",
	    jbool(n, "proxy") ? "p" : "");
}

static void
show_entry(json_t *n, void *arg)
{
	print_entry(n, *(const bool *)arg);
}

static int
show_all(bool numeric, bool stamp, bool json)
{
	json_t *params = json_pack("{s:s}", "family", "inet6");

	if (json)
		return tool_list_json("neigh.list", "neighbours", params);
	tool_server();
	if (stamp) {
		time_t now = time(NULL);
		char when[16];

		strftime(when, sizeof(when), "%H:%M:%S", localtime(&now));
		printf("%s ", when);
	}
	print_header();
	tool_list("neigh.list", "neighbours", params, show_entry, &numeric);
	return 0;
}

static int
show_one(const char *host, bool numeric, bool json)
{
	char address[96];
	json_t *list, *n;
	int status = 0;
	size_t i;

	addr_resolve(AF_INET6, host, address, sizeof(address));
	list = tool_call("neigh.list", json_pack("{s:s, s:s}", "family", "inet6", "address", address));
	if (json_array_size(list) == 0) {
		printf("%s (%s) -- no entry\n", host, address);
		status = 1;
	}
	if (json) {
		tool_print_json(json_incref(list));
	} else if (status == 0) {
		print_header();
		json_array_foreach (list, i, n)
			print_entry(n, numeric);
	}
	json_decref(list);
	return status;
}

static int
show_interface(const char *name, bool json)
{
	json_t *r = tool_call("nd.interface", json_pack("{s:s}", "interface", name)), *list, *ifp, *flag;
	long long mtu = jint(r, "maxmtu"), base = jint(r, "basereachable"), retrans = jint(r, "retrans");
	size_t i;

	if (json)
		return tool_print_json(r);
	if (mtu == 0) {
		list = tool_call("if.list", json_pack("{s:s}", "name", name));
		ifp = json_array_get(list, 0);
		mtu = jint(ifp, "mtu");
		json_decref(list);
	}
	printf("linkmtu=%lld, maxmtu=%lld, curhlim=%lld, basereachable=%llds%lldms, reachable=%llds, "
	       "retrans=%llds%lldms\n",
	    jint(r, "linkmtu"), mtu, jint(r, "hoplimit"), base / 1000, base % 1000, jint(r, "reachable") / 1000,
	    retrans / 1000, retrans % 1000);
	printf("Flags: ");
	json_array_foreach (json_object_get(r, "flags"), i, flag)
		printf("%s ", json_string_value(flag));
	printf("\n");
	json_decref(r);
	return 0;
}

static void
print_time(const char *name, const json_t *v)
{
	if (json_is_integer(v) && json_integer_value(v) != 0xffffffffLL)
		printf("%s=%lld", name, (long long)json_integer_value(v));
	else
		printf("%s=infinity", name);
}

static int
show_prefixes(bool numeric, bool json)
{
	json_t *list = tool_call("nd.prefixes", NULL), *p, *r;
	char expire[64];
	size_t i, k;

	if (json)
		return tool_print_json(list);
	json_array_foreach (list, i, p) {
		printf("%s if=%s\nflags=%s ", jstr(p, "prefix"), jstr(p, "interface"), jstr(p, "flags"));
		print_time("vltime", json_object_get(p, "vltime"));
		printf(", ");
		print_time("pltime", json_object_get(p, "pltime"));
		snprintf(expire, sizeof(expire), "Never");
		if (json_is_number(json_object_get(p, "expire")))
			neigh_expire_text(jint(p, "expire"), expire, sizeof(expire));
		printf(", expire=%s, ref=%lld\n", expire, jint(p, "ref"));
		if (json_array_size(json_object_get(p, "routers")) == 0) {
			printf("  No advertising router\n");
			continue;
		}
		printf("  advertised by\n");
		json_array_foreach (json_object_get(p, "routers"), k, r)
			printf("    %s (%s)\n", addr_name(jstr(r, "address"), numeric), jstr(r, "state"));
	}
	json_decref(list);
	return 0;
}

static int
show_routers(bool numeric, bool json)
{
	json_t *list = tool_call("nd.routers", NULL), *r;
	char expire[64];
	size_t i;

	if (json)
		return tool_print_json(list);
	json_array_foreach (list, i, r) {
		snprintf(expire, sizeof(expire), "Never");
		if (json_is_number(json_object_get(r, "expire")))
			neigh_expire_text(jint(r, "expire"), expire, sizeof(expire));
		printf("%s if=%s, flags=%s, pref=%s, expire=%s\n", addr_name(jstr(r, "address"), numeric),
		    jstr(r, "interface"), jstr(r, "flags"),
		    *jstr(r, "preference") != '\0' ? jstr(r, "preference") : "medium", expire);
	}
	json_decref(list);
	return 0;
}

/* -s, -d, -c, -P, -R */
static int
change(int argc, char **argv)
{
	struct cmd cmd;
	int status = 0;

	tool_parse(argc, argv, &cmd);
	for (unsigned i = 0; i < cmd.ncalls; i++) {
		const struct cmd_call *c = &cmd.calls[i];
		const char *address = jstr(c->params, "address");
		json_t *r = NULL, *n;
		int error = tool_try(c->method, json_incref(c->params), &r);
		size_t k;

		if (error == 0 && c->say != NULL)
			printf("%s\n", c->say);
		json_array_foreach (json_object_get(r, "deleted"), k, n)
			printf("%s (%s) deleted\n", jstr(n, "address"), jstr(n, "address"));
		json_decref(r);
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
ndp_main(int argc, char **argv)
{
	bool json = tool_option_json(&argc, argv), numeric = false, stamp = false;
	char action = '\0';
	struct cmd cmd;
	int i;

	tool_parse(argc, argv, &cmd);
	if (!cmd.display) {
		cmd_free(&cmd);
		return change(argc, argv);
	}
	for (i = 1; i < argc && argv[i][0] == '-' && strcmp(argv[i], "--") != 0; i++)
		for (const char *o = argv[i] + 1; *o != '\0'; o++) {
			numeric |= *o == 'n';
			stamp |= *o == 't';
			if (strchr("aAipIr", *o) != NULL)
				action = *o;
		}
	i += i < argc && strcmp(argv[i], "--") == 0;
	switch (action) {
	case 'A':
		if (i + 1 != argc)
			tool_usage();
		for (double wait = tool_seconds("wait", argv[i]);; usleep((useconds_t)(wait * 1000000))) {
			show_all(numeric, stamp, json);
			if (wait <= 0)
				return 0;
			printf("\n");
			fflush(stdout);
		}
	case 'I':
		printf("No default interface.\n");
		return 0;
	case 'a':
		if (i != argc)
			tool_usage();
		return show_all(numeric, stamp, json);
	case 'p':
		return show_prefixes(numeric, json);
	case 'r':
		return show_routers(numeric, json);
	case 'i':
		if (i + 1 != argc)
			tool_usage();
		return show_interface(argv[i], json);
	default:
		if (i + 1 != argc)
			tool_usage();
		return show_one(argv[i], numeric, json);
	}
}
