/* SPDX-License-Identifier: BSD-2-Clause */
/* The methods of all modules: one explicit list, a look-up table, and the check of parameters. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ctl_internal.h"
#include "mp/mp.h"

const struct ctl_method *const ctl_method_tables[] = {
    daemon_methods,
    if_methods,
    route_methods,
    neigh_methods,
    nd_methods,
    ip_methods,
    group_methods,
    rtadv_methods,
    dev_methods,
    sysctl_methods,
    stats_methods,
    stages_methods,
    pkttrace_methods,
    gaps_methods,
    config_methods,
    NULL,
};

#define TABLE 1024			  /* a power of two, several times the number of methods */
static struct ctl_entry ctl_table[TABLE]; /* [c] open addressing; made by ctl_methods_init, then only read */
static bool ctl_table_ready;		  /* [c] */

static unsigned
method_hash(const char *name)
{
	unsigned h = 2166136261u;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 16777619u;
	return h;
}

static const struct {
	const char *name;
	uint8_t mask;
} type_names[] = {
    {"string", T_STRING},
    {"int", T_INT},
    {"number", T_INT | T_REAL},
    {"bool", T_BOOL},
    {"array", T_ARRAY},
    {"object", T_OBJECT},
    {"null", T_NULL},
};

static int
type_parse(const char *type, uint8_t *mask, bool *optional)
{
	*mask = 0;
	*optional = false;
	while (*type != '\0') {
		size_t len = strcspn(type, "|?");
		uint8_t bit = 0;

		for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++)
			if (strlen(type_names[i].name) == len && memcmp(type_names[i].name, type, len) == 0)
				bit = type_names[i].mask;
		if (bit == 0)
			return -EINVAL;
		*mask |= bit;
		type += len;
		if (*type == '?') {
			*optional = true;
			return type[1] == '\0' ? 0 : -EINVAL;
		}
		if (*type == '|')
			type++;
	}
	return *mask != 0 ? 0 : -EINVAL;
}

static int
method_insert(const struct ctl_method *m)
{
	static const struct ctl_param none[] = {{NULL, NULL}};
	unsigned h = method_hash(m->name) % TABLE;
	struct ctl_entry *e;

	while ((e = &ctl_table[h])->method != NULL) {
		if (strcmp(e->method->name, m->name) == 0)
			return -EEXIST;
		h = (h + 1) % TABLE;
	}
	e->nparams = 0;
	e->required = 0;
	for (const struct ctl_param *p = m->params != NULL ? m->params : none; p->name != NULL; p++) {
		bool optional;

		if (e->nparams == CTL_MAXPARAMS || type_parse(p->type, &e->types[e->nparams], &optional) != 0)
			return -EINVAL;
		if (!optional)
			e->required |= 1u << e->nparams;
		e->nparams++;
	}
	e->method = m;
	return 0;
}

int
ctl_methods_load(const struct ctl_method *const *tables)
{
	int rc = 0;

	memset(ctl_table, 0, sizeof(ctl_table));
	for (const struct ctl_method *const *t = tables; *t != NULL; t++) {
		for (const struct ctl_method *m = *t; m->name != NULL; m++) {
			int error = method_insert(m);

			if (error != 0) {
				mp_log(MP_LOG_ERR, "method %s: %s", m->name,
				    error == -EEXIST ? "listed twice" : "bad parameter list");
				rc = error;
			}
		}
	}
	ctl_table_ready = true;
	return rc;
}

int
ctl_methods_init(void)
{
	return ctl_table_ready ? 0 : ctl_methods_load(ctl_method_tables);
}

const struct ctl_entry *
ctl_method_find(const char *name)
{
	unsigned h = method_hash(name) % TABLE;

	for (; ctl_table[h].method != NULL; h = (h + 1) % TABLE)
		if (strcmp(ctl_table[h].method->name, name) == 0)
			return &ctl_table[h];
	return NULL;
}

static uint8_t
type_of(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_STRING:
		return T_STRING;
	case JSON_INTEGER:
		return T_INT;
	case JSON_REAL:
		return T_REAL;
	case JSON_TRUE:
	case JSON_FALSE:
		return T_BOOL;
	case JSON_ARRAY:
		return T_ARRAY;
	case JSON_OBJECT:
		return T_OBJECT;
	case JSON_NULL:
		return T_NULL;
	}
	return 0;
}

int
ctl_params_check(const struct ctl_entry *e, json_t *params, char *err, size_t errlen)
{
	const struct ctl_param *list = e->method->params;
	uint32_t seen = 0;
	const char *key;
	json_t *v;

	json_object_foreach (params, key, v) {
		unsigned i = 0;

		while (i < e->nparams && strcmp(list[i].name, key) != 0)
			i++;
		if (i == e->nparams) {
			snprintf(err, errlen, "%s: unknown parameter '%.64s'", e->method->name, key);
			return -EINVAL;
		}
		if ((e->types[i] & type_of(v)) == 0) {
			snprintf(err, errlen, "%s: parameter '%s' must be %.*s", e->method->name, key,
			    (int)strcspn(list[i].type, "?"), list[i].type);
			return -EINVAL;
		}
		seen |= 1u << i;
	}
	for (unsigned i = 0; i < e->nparams; i++) {
		if ((e->required & ~seen & (1u << i)) != 0) {
			snprintf(err, errlen, "%s: parameter '%s' is missing", e->method->name, list[i].name);
			return -EINVAL;
		}
	}
	return 0;
}
