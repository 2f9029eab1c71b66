/* SPDX-License-Identifier: BSD-2-Clause */
/* stats.gaps: histograms of the gaps between a worker's receive polls, kept from start to stop. */
#include <errno.h>
#include <string.h>

#include "ctl/ctl_internal.h"
#include "mp/gaps.h"

static json_t *
gaps_json(struct worker *w, const struct mp_gaps *g)
{
	json_t *buckets = json_array();

	for (unsigned b = 0; b < MP_GAP_BUCKETS; b++) {
		uint64_t n = mp_read(&g->count[b]);

		if (n != 0)
			json_array_append_new(buckets, json_pack("[I,I]", (json_int_t)mp_gap_low(b), (json_int_t)n));
	}
	return json_pack("{s:i,s:I,s:I,s:I,s:I,s:o}", "worker", (int)w->id, "tsc_hz", (json_int_t)mp_tsc_hz, "polls",
	    (json_int_t)mp_read(&g->total), "sleeps", (json_int_t)mp_read(&w->sleeps), "max",
	    (json_int_t)mp_read(&g->max), "gaps", buckets);
}

static int
m_gaps(struct ctl_req *req, json_t *params, json_t **result)
{
	const char *action = json_string_value(json_object_get(params, "action"));
	int error = 0;

	ASSERT_CONTROL();
	if (strcmp(action, "start") != 0 && strcmp(action, "stop") != 0 && strcmp(action, "read") != 0)
		return ctl_error(req, EINVAL, "action: '%.64s' is not start, read or stop", action);
	*result = json_array();
	for (unsigned i = 0; i < mp_nworkers; i++) {
		const struct mp_gaps *g = mp_gaps_of(mp_workers[i]);

		if (strcmp(action, "start") == 0)
			error = mp_gaps_start(mp_workers[i]);
		else if (g != NULL)
			json_array_append_new(*result, gaps_json(mp_workers[i], g));
		if (strcmp(action, "stop") == 0)
			mp_gaps_stop(mp_workers[i]);
		if (error != 0)
			return error;
	}
	return 0;
}

const struct ctl_method gaps_methods[] = {
    {"stats.gaps", m_gaps, (const struct ctl_param[]){{"action", "string"}, {NULL, NULL}},
	"gaps between the workers' receive polls: start, read, stop"},
    {NULL, NULL, NULL, NULL},
};
