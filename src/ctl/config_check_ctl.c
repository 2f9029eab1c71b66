/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration: a text becomes commands, and all of them are checked against each other before one is applied.
 *
 * The check carries a model of the router along the lines: which interfaces, addresses, routes, neighbours and settings
 * there are, and on which line each came to be.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/config.h"
#include "ctl/ctl_internal.h"
#include "ctl/sysctl.h"
#include "if/ifnet.h"
#include "ip6/rtadv.h"
#include "mp/mp.h"

/* Each maps a name to the line that made it (0: was there before). */
struct model {
	json_t *interfaces; /* "shmif0" */
	json_t *addresses;  /* "10.0.0.1", "fe80::1%shmif0" to [line, interface] */
	json_t *routes;	    /* "10.0.0.0/24" */
	json_t *neighbours; /* "10.0.0.9" */
	json_t *settings;   /* name to [line, value] */
	json_t *devices;    /* "eth1" */
	unsigned unnamed;   /* attached devices whose interface is named by smpnet */
};

struct check {
	struct model m;
	unsigned line;
	json_t *errors;
};

void
config_error(json_t *errors, unsigned line, const char *fmt, ...)
{
	char message[640];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	json_array_append_new(
	    errors, json_pack("{s:I,s:o}", "line", (json_int_t)line, "message", ctl_json_string(message)));
}

static void
config_add(struct config *conf, unsigned number, const char *text, size_t len, struct cmd *cmd)
{
	if (conf->n == conf->room) {
		size_t room = conf->room * 2 + 64;
		struct config_line *p = realloc(conf->lines, room * sizeof(*p));

		if (p == NULL) {
			config_error(conf->errors, number, "%s", strerror(ENOMEM));
			cmd_free(cmd);
			return;
		}
		conf->lines = p;
		conf->room = room;
	}
	conf->lines[conf->n++] = (struct config_line){.number = number, .text = strndup(text, len), .cmd = *cmd};
}

static void
config_parse_line(struct config *conf, unsigned number, const char *line, size_t len, const struct cmd_env *env)
{
	char err[512] = "", **argv = NULL, *copy;
	struct cmd cmd;
	int argc;

	if (memchr(line, '\0', len) != NULL) {
		config_error(conf->errors, number, "not text: an octet of value 0");
		return;
	}
	copy = strndup(line, len);
	argc = copy != NULL ? cmd_split(copy, &argv, err, sizeof(err)) : -ENOMEM;
	if (argc < 0) {
		config_error(conf->errors, number, "%s", err[0] != '\0' ? err : strerror(-argc));
	} else if (argc > 0) {
		int rc = cmd_parse(argc, argv, env, &cmd, err, sizeof(err));

		if (rc != 0) {
			config_error(conf->errors, number, "%s", err[0] != '\0' ? err : strerror(-rc));
		} else if (cmd.display) {
			config_error(
			    conf->errors, number, "%s: changes nothing, only shows: not configuration", cmd.tool);
			cmd_free(&cmd);
		} else {
			config_add(conf, number, line, len, &cmd);
		}
	}
	free(argv);
	free(copy);
}

void
config_parse(struct config *conf, const char *text, size_t len, const char *dir)
{
	const struct cmd_env env = {.dir = dir, .names = false};
	const char *end = text + len, *p = text;

	memset(conf, 0, sizeof(*conf));
	conf->errors = json_array();
	for (unsigned number = 1; p < end; number++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = nl != NULL ? (size_t)(nl - p) : (size_t)(end - p);

		if (json_array_size(conf->errors) >= CONFIG_MAXERRORS) {
			config_error(conf->errors, number, "too many errors: the rest was not looked at");
			return;
		}
		if (n > 0 && p[n - 1] == '\r')
			config_parse_line(conf, number, p, n - 1, &env);
		else
			config_parse_line(conf, number, p, n, &env);
		p += n + 1;
	}
}

void
config_free(struct config *conf)
{
	for (size_t i = 0; i < conf->n; i++) {
		free(conf->lines[i].text);
		cmd_free(&conf->lines[i].cmd);
	}
	free(conf->lines);
	json_decref(conf->errors);
	memset(conf, 0, sizeof(*conf));
}

static const char *
str(json_t *params, const char *name)
{
	return json_string_value(json_object_get(params, name));
}

/* " (line 3)", or " already" for what was there before. */
static const char *
where(json_int_t line)
{
	static char text[32];

	if (line == 0)
		return " already";
	snprintf(text, sizeof(text), " (line %lld)", (long long)line);
	return text;
}

static bool
kind_can_be_made(const char *name)
{
	size_t len = strcspn(name, "0123456789");

	for (const struct if_kind *k = if_kinds; k->prefix != NULL; k++)
		if (strlen(k->prefix) == len && strncmp(k->prefix, name, len) == 0)
			return true;
	return false;
}

/* The interface is there by now, or may be: the name of an attached device is known when it is. */
static void
check_interface(struct check *c, const char *name)
{
	if (name == NULL || json_object_get(c->m.interfaces, name) != NULL)
		return;
	if (!kind_can_be_made(name) && c->m.unnamed > 0)
		return;
	if (kind_can_be_made(name))
		config_error(
		    c->errors, c->line, "%s: no such interface: \"ifconfig %s create\" must come before", name, name);
	else
		config_error(
		    c->errors, c->line, "%s: no such interface: \"attach ... as %s\" must come before", name, name);
}

/* The zone of an address: fe80::1%shmif0 */
static void
check_zone(struct check *c, const char *address)
{
	const char *zone = address != NULL ? strchr(address, '%') : NULL;
	char name[32];

	if (zone == NULL)
		return;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(zone + 1, "/"), zone + 1);
	check_interface(c, name);
}

static void
check_create(struct check *c, json_t *params)
{
	const char *name = str(params, "name");
	json_t *had = json_object_get(c->m.interfaces, name);

	if (!kind_can_be_made(name))
		config_error(c->errors, c->line, "%s: no such kind of interface", name);
	else if (had != NULL)
		config_error(c->errors, c->line, "%s: exists%s", name, where(json_integer_value(had)));
	else
		json_object_set_new(c->m.interfaces, name, json_integer(c->line));
}

static void
check_destroy(struct check *c, json_t *params)
{
	const char *name = str(params, "name"), *address;
	json_t *v;
	void *next;

	check_interface(c, name);
	json_object_del(c->m.interfaces, name);
	json_object_foreach_safe(c->m.addresses, next, address, v)
	{
		if (strcmp(json_string_value(json_array_get(v, 1)), name) == 0)
			json_object_del(c->m.addresses, address);
	}
}

/* The address as the model names it: link-local ones belong to their interface. */
static void
address_key(json_t *params, char *key, size_t len)
{
	const char *name = str(params, "name"), *address = str(params, "address");
	struct in6_addr in6;

	if (inet_pton(AF_INET6, address, &in6) == 1 && IN6_IS_ADDR_LINKLOCAL(&in6))
		snprintf(key, len, "%s%%%s", address, name);
	else
		snprintf(key, len, "%s", address);
}

static void
check_address_add(struct check *c, json_t *params)
{
	char key[128];
	json_t *had;

	check_interface(c, str(params, "name"));
	if (json_is_true(json_object_get(params, "eui64")) || json_is_true(json_object_get(params, "anycast")))
		return;
	address_key(params, key, sizeof(key));
	had = json_object_get(c->m.addresses, key);
	if (had != NULL)
		config_error(c->errors, c->line, "%s: %s has this address%s", key,
		    json_string_value(json_array_get(had, 1)), where(json_integer_value(json_array_get(had, 0))));
	else
		json_object_set_new(c->m.addresses, key, json_pack("[I,s]", (json_int_t)c->line, str(params, "name")));
}

static void
check_address_delete(struct check *c, json_t *params, bool fresh)
{
	char key[128];

	check_interface(c, str(params, "name"));
	address_key(params, key, sizeof(key));
	if (json_object_del(c->m.addresses, key) != 0 && fresh)
		config_error(c->errors, c->line, "%s: %s has no such address", key, str(params, "name"));
}

/* The prefix with the bits behind its length cleared, as the routing table names it. */
static bool
prefix_key(const char *dst, char *key, size_t len)
{
	char copy[128], text[INET6_ADDRSTRLEN], *slash, *zone;
	unsigned char a[16] = {0};
	int family, plen;

	snprintf(copy, sizeof(copy), "%s", dst);
	slash = strchr(copy, '/');
	if (slash != NULL)
		*slash++ = '\0';
	zone = strchr(copy, '%');
	if (zone != NULL)
		*zone++ = '\0';
	family = strchr(copy, ':') != NULL ? AF_INET6 : AF_INET;
	plen = slash != NULL ? atoi(slash) : family == AF_INET6 ? 128 : 32;
	if (inet_pton(family, copy, a) != 1 || plen < 0 || plen > (family == AF_INET6 ? 128 : 32))
		return false;
	for (int bit = plen; bit < (family == AF_INET6 ? 128 : 32); bit++)
		a[bit / 8] &= (unsigned char)~(0x80 >> bit % 8);
	inet_ntop(family, a, text, sizeof(text));
	snprintf(key, len, "%s%s%s/%d", text, zone != NULL ? "%" : "", zone != NULL ? zone : "", plen);
	return true;
}

static void
check_route(struct check *c, const char *method, json_t *params)
{
	const char *dst = str(params, "dst");
	json_t *gateway = json_object_get(params, "gateway"), *path, *had;
	char key[160];
	size_t i;

	check_interface(c, str(params, "interface"));
	check_zone(c, dst);
	check_zone(c, json_string_value(gateway));
	json_array_foreach (gateway, i, path) {
		check_interface(c, str(path, "interface"));
		check_zone(c, str(path, "gateway"));
	}
	if (!prefix_key(dst, key, sizeof(key))) {
		config_error(c->errors, c->line, "%s: not a prefix", dst);
		return;
	}
	had = json_object_get(c->m.routes, key);
	if (strcmp(method, "route.delete") == 0)
		json_object_del(c->m.routes, key);
	else if (strcmp(method, "route.add") == 0 && had != NULL)
		config_error(c->errors, c->line, "%s: there is a route%s", key, where(json_integer_value(had)));
	else if (had == NULL)
		json_object_set_new(c->m.routes, key, json_integer(c->line));
}

static void
check_neighbour(struct check *c, const char *method, json_t *params)
{
	const char *address = str(params, "address");
	json_t *had = json_object_get(c->m.neighbours, address);

	check_interface(c, str(params, "interface"));
	check_zone(c, address);
	if (strcmp(method, "neigh.delete") == 0)
		json_object_del(c->m.neighbours, address);
	else if (had != NULL)
		config_error(c->errors, c->line, "%s: there is an entry%s", address, where(json_integer_value(had)));
	else
		json_object_set_new(c->m.neighbours, address, json_integer(c->line));
}

static void
check_sysctl(struct check *c, json_t *params)
{
	const char *name = str(params, "name");
	json_int_t value = json_integer_value(json_object_get(params, "value"));
	const struct sysctl_setting *s = sysctl_find(name);
	json_t *had = json_object_get(c->m.settings, name);

	if (s == NULL)
		config_error(c->errors, c->line, "%s: no such setting", name);
	else if (s->readonly)
		config_error(c->errors, c->line, "%s: cannot be set (read-only)", name);
	else if (value < s->min || value > s->max)
		config_error(c->errors, c->line, "%s: %lld is not in %d to %d", name, (long long)value, s->min, s->max);
	else if (had != NULL && json_integer_value(json_array_get(had, 1)) != value)
		config_error(c->errors, c->line, "%s: set to %lld%s", name,
		    (long long)json_integer_value(json_array_get(had, 1)),
		    where(json_integer_value(json_array_get(had, 0))));
	else
		json_object_set_new(c->m.settings, name, json_pack("[I,I]", (json_int_t)c->line, value));
}

static void
check_attach(struct check *c, json_t *params)
{
	const char *name = str(params, "name"), *ifname = str(params, "ifname");
	json_t *had = json_object_get(c->m.devices, name);

	if (had != NULL)
		config_error(c->errors, c->line, "%s: attached%s", name, where(json_integer_value(had)));
	json_object_set_new(c->m.devices, name, json_integer(c->line));
	if (ifname == NULL) {
		c->m.unnamed++;
		return;
	}
	had = json_object_get(c->m.interfaces, ifname);
	if (had != NULL)
		config_error(c->errors, c->line, "%s: exists%s", ifname, where(json_integer_value(had)));
	json_object_set_new(c->m.interfaces, ifname, json_integer(c->line));
}

/* The daemon has read the file: whoever sent the configuration is not shown what is in it. */
static void
check_rtadv(struct check *c, json_t *params, bool start)
{
	const char *file = str(params, "file"), *text = str(params, "conf");
	char err[512], *quote;
	json_t *v;
	size_t i;

	json_array_foreach (json_object_get(params, "interfaces"), i, v) {
		check_interface(c, json_string_value(v));
		if (!start || rtadv_conf_check(file, text, json_string_value(v), err, sizeof(err)) == 0)
			continue;
		quote = file != NULL && strlen(file) < strlen(err) ? strchr(err + strlen(file), '\'') : NULL;
		if (quote != NULL)
			snprintf(quote, sizeof(err) - (size_t)(quote - err), "malformed");
		config_error(c->errors, c->line, "%s", err);
	}
}

static void
check_call(struct check *c, const struct cmd_call *call, bool fresh)
{
	const struct ctl_entry *e = ctl_method_find(call->method);
	char err[256];

	if (e == NULL) {
		config_error(c->errors, c->line, "%s: not supported by this daemon", call->method);
		return;
	}
	if (ctl_params_check(e, call->params, err, sizeof(err)) != 0) {
		config_error(c->errors, c->line, "%s", err);
		return;
	}
	if (strcmp(call->method, "if.create") == 0)
		check_create(c, call->params);
	else if (strcmp(call->method, "if.destroy") == 0)
		check_destroy(c, call->params);
	else if (strcmp(call->method, "if.addr.add") == 0)
		check_address_add(c, call->params);
	else if (strcmp(call->method, "if.addr.delete") == 0)
		check_address_delete(c, call->params, fresh);
	else if (strncmp(call->method, "if.", 3) == 0 || strcmp(call->method, "dev.detach") == 0)
		check_interface(c, str(call->params, "name"));
	else if (strcmp(call->method, "dev.attach") == 0)
		check_attach(c, call->params);
	else if (strncmp(call->method, "rtadv.", 6) == 0)
		check_rtadv(c, call->params, strcmp(call->method, "rtadv.start") == 0);
	else if (strcmp(call->method, "sysctl.set") == 0)
		check_sysctl(c, call->params);
	else if (strcmp(call->method, "neigh.add") == 0 || strcmp(call->method, "neigh.delete") == 0)
		check_neighbour(c, call->method, call->params);
	else if (strncmp(call->method, "route.", 6) == 0 && str(call->params, "dst") != NULL)
		check_route(c, call->method, call->params);
	else if (strcmp(call->method, "route.flush") == 0)
		json_object_clear(c->m.routes);
}

/* Errors of the parser and of the check, in the order of their lines. */
static int
error_order(const void *a, const void *b)
{
	json_t *const *ea = a, *const *eb = b;
	json_int_t la = json_integer_value(json_object_get(*ea, "line")),
		   lb = json_integer_value(json_object_get(*eb, "line"));

	return la < lb ? -1 : la > lb;
}

static void
errors_sort(json_t *errors)
{
	size_t n = json_array_size(errors);
	json_t **e = n > 1 ? calloc(n, sizeof(*e)) : NULL;

	if (e == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		e[i] = json_incref(json_array_get(errors, i));
	qsort(e, n, sizeof(*e), error_order);
	json_array_clear(errors);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(errors, e[i]);
	free(e);
}

void
config_check(struct config *conf, bool fresh)
{
	struct check c = {.errors = conf->errors};
	struct ifnet *ifp;

	ASSERT_CONTROL();
	ctl_methods_init();
	c.m.interfaces = json_object();
	c.m.addresses = json_object();
	c.m.routes = json_object();
	c.m.neighbours = json_object();
	c.m.settings = json_object();
	c.m.devices = json_object();
	json_object_set_new(c.m.interfaces, "lo0", json_integer(0));
	if (!fresh)
		TAILQ_FOREACH (ifp, &ifnet_list, if_list)
			json_object_set_new(c.m.interfaces, ifp->if_xname, json_integer(0));
	for (size_t i = 0; i < conf->n && json_array_size(conf->errors) < CONFIG_MAXERRORS; i++) {
		c.line = conf->lines[i].number;
		for (unsigned k = 0; k < conf->lines[i].cmd.ncalls; k++)
			check_call(&c, &conf->lines[i].cmd.calls[k], fresh);
	}
	errors_sort(conf->errors);
	json_decref(c.m.interfaces);
	json_decref(c.m.addresses);
	json_decref(c.m.routes);
	json_decref(c.m.neighbours);
	json_decref(c.m.settings);
	json_decref(c.m.devices);
}
