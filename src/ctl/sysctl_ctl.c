/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Settings (sysctl): the modules' tables in one list, the methods sysctl.get and sysctl.set.
 *
 * Synchronization: a value is one atomic word, written here (control), read by anybody.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_internal.h"
#include "ctl/sysctl.h"
#include "mp/mp.h"

/* In the order in which they are shown and saved. */
static const struct sysctl_setting *const tables[] = {
    if_settings,
    neigh_settings,
    ip_settings,
    redirect_settings,
    ip6_settings,
    nd6_settings,
    route_settings,
    mp_settings,
    NULL,
};

int
sysctl_init(void)
{
	ASSERT_CONTROL();
	for (const struct sysctl_setting *const *t = tables; *t != NULL; t++)
		for (const struct sysctl_setting *s = *t; s->name != NULL; s++)
			if (!s->readonly)
				atomic_store_explicit(s->value, s->initial, memory_order_relaxed);
	return 0;
}

void
sysctl_fini(void)
{
}

const struct sysctl_setting *
sysctl_find(const char *name)
{
	for (const struct sysctl_setting *const *t = tables; *t != NULL; t++)
		for (const struct sysctl_setting *s = *t; s->name != NULL; s++)
			if (strcmp(s->name, name) == 0)
				return s;
	return NULL;
}

/* How many octets of name, whole components, begin the setting's name. */
static size_t
common_components(const char *setting, const char *name)
{
	size_t n = 0, whole = 0;

	for (;; n++) {
		bool end = name[n] == '\0' || name[n] == '.';

		if (end && (setting[n] == '\0' || setting[n] == '.'))
			whole = n;
		if (name[n] == '\0' || setting[n] != name[n])
			return whole;
	}
}

/* NetBSD's words for a name that is not there: the first component that no setting has. */
static int
name_error(struct ctl_req *req, const char *name)
{
	static const char *const levels[] = {"top", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"};
	size_t longest = 0, level = 0, end;

	for (const struct sysctl_setting *const *t = tables; *t != NULL; t++) {
		for (const struct sysctl_setting *s = *t; s->name != NULL; s++) {
			size_t n = common_components(s->name, name);

			if (n > longest)
				longest = n;
		}
	}
	for (size_t i = 0; i < longest; i++)
		level += name[i] == '.';
	if (longest != 0) {
		longest++;
		level++;
	}
	end = longest + strcspn(name + longest, ".");
	return ctl_error(req, ENOENT, "%s level name '%.*s' in '%.*s' is invalid",
	    level < sizeof(levels) / sizeof(levels[0]) ? levels[level] : "last", (int)(end - longest), name + longest,
	    200, name);
}

static bool
name_matches(const struct sysctl_setting *s, const char *name)
{
	size_t len = strlen(name);

	return len == 0 || (strncmp(s->name, name, len) == 0 && (s->name[len] == '\0' || s->name[len] == '.'));
}

static int
m_sysctl_get(struct ctl_req *req, json_t *params, json_t **result)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	json_t *list = json_array();
	size_t len;

	ASSERT_CONTROL();
	if (name == NULL)
		name = "";
	for (const struct sysctl_setting *const *t = tables; *t != NULL; t++) {
		for (const struct sysctl_setting *s = *t; s->name != NULL; s++) {
			if (name_matches(s, name))
				json_array_append_new(list,
				    json_pack("{s:s,s:i,s:b}", "name", s->name, "value",
					atomic_load_explicit(s->value, memory_order_relaxed), "readonly", s->readonly));
		}
	}
	len = json_array_size(list);
	if (len == 0 && name[0] != '\0') {
		json_decref(list);
		return name_error(req, name);
	}
	*result = list;
	return 0;
}

static int
m_sysctl_set(struct ctl_req *req, json_t *params, json_t **result)
{
	const char *name = json_string_value(json_object_get(params, "name"));
	json_int_t value = json_integer_value(json_object_get(params, "value"));
	const struct sysctl_setting *s = sysctl_find(name);
	int old, rc;

	ASSERT_CONTROL();
	if (s == NULL)
		return name_error(req, name);
	if (s->readonly)
		return ctl_error(req, EPERM, "%s: Operation not permitted (read-only)", name);
	if (value < s->min || value > s->max)
		return ctl_error(req, EINVAL, "%s: Invalid argument (%lld is not in %d to %d)", name, (long long)value,
		    s->min, s->max);
	old = atomic_load_explicit(s->value, memory_order_relaxed);
	if (s->changed != NULL && old != (int)value) {
		rc = s->changed(old, (int)value);
		if (rc != 0)
			return ctl_error(req, -rc, "%s: %s", name, strerror(-rc));
	}
	atomic_store_explicit(s->value, (int)value, memory_order_relaxed);
	*result = json_pack("{s:i,s:i}", "old", old, "new", (int)value);
	return 0;
}

void
sysctl_config_save(void (*line)(void *, const char *), void *arg)
{
	char text[256];

	ASSERT_CONTROL();
	for (const struct sysctl_setting *const *t = tables; *t != NULL; t++) {
		for (const struct sysctl_setting *s = *t; s->name != NULL; s++) {
			int value = atomic_load_explicit(s->value, memory_order_relaxed);

			if (s->readonly || value == s->initial)
				continue;
			snprintf(text, sizeof(text), "sysctl -w %s=%d", s->name, value);
			line(arg, text);
		}
	}
}

const struct ctl_method sysctl_methods[] = {
    {"sysctl.get", m_sysctl_get, (const struct ctl_param[]){{"name", "string?"}, {NULL, NULL}},
	"settings: one by its name, or those below a prefix"},
    {"sysctl.set", m_sysctl_set, (const struct ctl_param[]){{"name", "string"}, {"value", "int"}, {NULL, NULL}},
	"changes a setting"},
    {NULL, NULL, NULL, NULL},
};
