/* SPDX-License-Identifier: BSD-2-Clause */
/* What the web view shows: the last samples as JSON, and the state of what runs. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ipgen/live/web_var.h"
#include "ipgen/report/report_var.h"

static struct live *live;
static struct web_sample ring[WEB_SAMPLES];
static uint64_t last; /* number of the newest */

static double
unix_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Takes the object. */
static char *
dump(json_t *o)
{
	locale_t before = report_locale_enter();
	char *text = o != NULL ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;

	report_locale_leave(before);
	json_decref(o);
	return text;
}

static void
on_sample(void *arg, const struct trial_sample *s)
{
	struct web_sample *w = &ring[(last + 1) % WEB_SAMPLES];
	json_t *o = sample_json(s);
	char *text;

	if (o == NULL || json_object_set_new(o, "number", json_integer((json_int_t)(last + 1))) != 0 ||
	    json_object_set_new(o, "time", json_number(unix_now())) != 0) {
		json_decref(o);
		return; /* no memory: one second is not shown */
	}
	if ((text = dump(o)) == NULL)
		return;
	free(w->json);
	w->json = text;
	w->len = strlen(text);
	w->number = ++last;
	web_tell(w);
}

const struct web_sample *
web_data_after(uint64_t number)
{
	uint64_t oldest = last >= WEB_SAMPLES ? last - WEB_SAMPLES + 1 : 1;

	if (number >= last)
		return NULL;
	return &ring[(number + 1 > oldest ? number + 1 : oldest) % WEB_SAMPLES];
}

unsigned
web_data_nrows(void)
{
	return live->report != NULL ? live->report->nrows : 0;
}

struct report *
web_data_report(void)
{
	return live->report;
}

static json_t *
rows_json(unsigned from)
{
	json_t *a = json_array(), *o;
	unsigned n = web_data_nrows();

	for (unsigned i = n > WEB_ROWS && from < n - WEB_ROWS ? n - WEB_ROWS : from; i < n; i++) {
		o = report_row_json(&live->report->row[i], true);
		if (o == NULL || json_object_set_new(o, "number", json_integer(i + 1)) != 0 ||
		    json_array_append(a, o) != 0) {
			json_decref(o);
			json_decref(a);
			return NULL;
		}
		json_decref(o);
	}
	return a;
}

char *
web_data_rows(unsigned from)
{
	return dump(rows_json(from));
}

char *
web_data_state(bool with_rows)
{
	const struct report *r = live->report;
	const char *title = live->title[0] != '\0' ? live->title : r != NULL ? r->title : "";
	const struct trial_latency *floor = live->has_floor		? &live->floor
					    : r != NULL && r->has_floor ? &r->floor
									: NULL;
	json_t *ports = json_array(), *asked = json_array(), *o;

	for (unsigned i = 0; i < 2; i++)
		if (live->port[i][0] != '\0')
			json_array_append_new(ports, json_text(live->port[i]));
	for (unsigned d = 0; d < live->dirs && d < TRIAL_DIRS; d++)
		json_array_append_new(asked, json_number(live->asked_pps[d]));
	o = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:i, s:I, s:o}", "title", json_text(title),
	    "test", json_text(live->test), "progress", json_text(live->progress), "size", json_text(live->sizes.text),
	    "dut", json_text(r != NULL ? r->dut : ""), "command", json_text(r != NULL ? r->command : ""), "version",
	    json_text(SMPNET_VERSION), "ports", ports, "asked_pps", asked, "running", trial_running(), "rows",
	    (int)web_data_nrows(), "last", (json_int_t)last, "floor",
	    floor != NULL ? latency_json(floor) : json_null());
	if (o != NULL && with_rows && json_object_set_new(o, "row", rows_json(0)) != 0) {
		json_decref(o);
		return NULL;
	}
	return dump(o);
}

int
web_data_start(struct live *l)
{
	live = l;
	return trial_observe(on_sample, NULL);
}

void
web_data_stop(void)
{
	trial_unobserve(on_sample, NULL);
	for (unsigned i = 0; i < WEB_SAMPLES; i++) {
		free(ring[i].json);
		ring[i] = (struct web_sample){0};
	}
	last = 0;
	live = NULL;
}
