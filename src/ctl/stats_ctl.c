/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of the engine and the protocols: stats.protocols, stats.drops, stats.workers, stats.pools, stats.punts, stats.memory. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl_internal.h"
#include "ether/neigh.h"
#include "mp/mp.h"
#include "mp/pool.h"
#include "route/route.h"

static int
m_protocols(struct ctl_req *req, json_t *params, json_t **result)
{
	const char *protocol = json_string_value(json_object_get(params, "protocol"));
	json_t *list = json_array();
	bool found = protocol == NULL;

	ASSERT_CONTROL();
	for (int c = 0; c < C_COUNT; c++) {
		if (protocol != NULL && strcmp(mp_counter_group(c), protocol) != 0)
			continue;
		found = true;
		json_array_append_new(
		    list, json_pack("{s:s,s:s,s:s,s:I}", "group", mp_counter_group(c), "name", mp_counter_name(c),
			      "text", mp_counter_text(c), "value", (json_int_t)mp_counter_sum(c)));
	}
	if (!found) {
		json_decref(list);
		return ctl_error(req, ENOENT, "%.64s: unknown protocol", protocol);
	}
	*result = list;
	return 0;
}

static int
m_drops(struct ctl_req *req, json_t *params, json_t **result)
{
	ASSERT_CONTROL();
	*result = json_array();
	for (int d = 0; d < DROP_COUNT; d++)
		json_array_append_new(*result, json_pack("{s:s,s:s,s:I}", "name", mp_drop_name(d), "text",
						   mp_drop_text(d), "value", (json_int_t)mp_drop_sum(d)));
	return 0;
}

static int
m_workers(struct ctl_req *req, json_t *params, json_t **result)
{
	ASSERT_CONTROL();
	*result = json_array();
	for (unsigned i = 0; i < mp_nworkers; i++) {
		const struct worker *w = mp_workers[i];

		json_array_append_new(*result,
		    json_pack("{s:i,s:i,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:b}", "id", (int)w->id, "cpu", w->cpu,
			"loops", (json_int_t)mp_read(&w->loops), "sleeps", (json_int_t)mp_read(&w->sleeps), "vectors",
			(json_int_t)mp_read(&w->vectors), "busy_cycles", (json_int_t)mp_read(&w->cycles_busy), "tsc_hz",
			(json_int_t)mp_tsc_hz, "received", (json_int_t)mp_read(&w->counters[C_PKT_RECEIVED]),
			"transmitted", (json_int_t)mp_read(&w->counters[C_PKT_TRANSMITTED]), "pool_size",
			(json_int_t)mp_pool_size(w), "pool_free", (json_int_t)mp_pool_free_count(w), "asleep",
			atomic_load_explicit(&w->asleep, memory_order_relaxed) != 0, "watched",
			__atomic_load_n(&w->watch, __ATOMIC_RELAXED) != 0));
	}
	return 0;
}

static int
m_pools(struct ctl_req *req, json_t *params, json_t **result)
{
	ASSERT_CONTROL();
	*result = json_array();
	for (unsigned i = 0; i <= mp_nworkers; i++) {
		const struct worker *w = mp_workers[i];
		char owner[24];

		if (w->is_control)
			snprintf(owner, sizeof(owner), "control");
		else
			snprintf(owner, sizeof(owner), "worker%u", i);
		json_array_append_new(
		    *result, json_pack("{s:s,s:I,s:I,s:I,s:b}", "owner", owner, "size", (json_int_t)mp_pool_size(w),
				 "free", (json_int_t)mp_pool_free_count(w), "empty",
				 (json_int_t)mp_read(&w->drops_nobuf), "hugepages", mp_pool_huge(w)));
	}
	return 0;
}

static int
m_punts(struct ctl_req *req, json_t *params, json_t **result)
{
	ASSERT_CONTROL();
	*result = json_array();
	for (unsigned c = 0; c < PUNT_COUNT; c++) {
		uint64_t passed = 0, refused = 0, full = 0;

		for (unsigned i = 0; i <= mp_nworkers; i++) {
			passed += mp_read(&mp_workers[i]->punt_passed[c]);
			refused += mp_read(&mp_workers[i]->punt_refused[c]);
			full += mp_read(&mp_workers[i]->punt_full[c]);
		}
		json_array_append_new(
		    *result, json_pack("{s:s,s:I,s:I,s:I}", "class", mp_punt_name(c), "passed", (json_int_t)passed,
				 "refused", (json_int_t)refused, "full", (json_int_t)full));
	}
	return 0;
}

/* Resident memory of the process in octets, or 0. */
static json_int_t
resident(void)
{
	unsigned long size, pages = 0;
	FILE *fp = fopen("/proc/self/statm", "re");

	if (fp == NULL)
		return 0;
	if (fscanf(fp, "%lu %lu", &size, &pages) != 2)
		pages = 0;
	fclose(fp);
	return (json_int_t)pages * sysconf(_SC_PAGESIZE);
}

static int
m_memory(struct ctl_req *req, json_t *params, json_t **result)
{
	json_t *tables = json_array(), *pools = NULL;

	ASSERT_CONTROL();
	for (unsigned i = 0; i < 2; i++) {
		int family = i == 0 ? AF_INET : AF_INET6;
		unsigned neighbours = 0;
		const char *state;

		for (unsigned k = 0;; k++) {
			unsigned n = neigh_count(family, k, &state);

			if (state == NULL)
				break;
			neighbours += n;
		}
		json_array_append_new(tables, json_pack("{s:s,s:I,s:I,s:I}", "family", i == 0 ? "inet" : "inet6",
						  "routes", (json_int_t)route_count(family), "neighbours",
						  (json_int_t)neighbours, "fib_bytes", (json_int_t)fib_memory(family)));
	}
	m_pools(req, NULL, &pools);
	*result = json_pack("{s:I,s:I,s:o,s:o}", "resident", resident(), "nexthops", (json_int_t)nexthop_count(),
	    "tables", tables, "pools", pools);
	return 0;
}

const struct ctl_method stats_methods[] = {
    {"stats.protocols", m_protocols, (const struct ctl_param[]){{"protocol", "string?"}, {NULL, NULL}},
	"the protocols' counters, summed over all threads"},
    {"stats.drops", m_drops, NULL, "dropped packets by reason, summed over all threads"},
    {"stats.workers", m_workers, NULL, "what each worker does"},
    {"stats.pools", m_pools, NULL, "the packet pools"},
    {"stats.punts", m_punts, NULL, "packets from workers to the control thread, by class, summed over all threads"},
    {"stats.memory", m_memory, NULL, "resident memory, and what it is in use for: tables, next hops, packet pools"},
    {NULL, NULL, NULL, NULL},
};
