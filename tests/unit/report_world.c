/* SPDX-License-Identifier: BSD-2-Clause */
/* Reports made up for tests: see report_world.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mp/mp.h"
#include "report_world.h"

#define LINE 10e9

static struct hist hists[TRIAL_DIRS];

static void
record(struct hist *h, uint64_t v, uint64_t n)
{
	h->bucket[hist_index(v)] += n;
	h->count += n;
	h->sum += v * n;
	if (h->min == 0 || v < h->min)
		h->min = v;
	if (v > h->max)
		h->max = v;
}

/* Most frames take about ns, one in a thousand ten times as long. */
static void
latency(struct trial_direction *d, struct hist *h, double ns, uint64_t n)
{
	double tick = (double)mp_tsc_hz / 1e9;

	hist_clear(h);
	for (unsigned i = 0; i < 100; i++)
		record(h, (uint64_t)((ns + i * ns / 80) * tick), n / 100);
	record(h, (uint64_t)(ns * 10 * tick), n / 1000);
	record(h, (uint64_t)(ns * 60 * tick), 1);
	d->hist = h;
	d->latency = (struct trial_latency){.n = h->count,
	    .min = ns,
	    .mean = ns * 1.65,
	    .p50 = ns * 1.6,
	    .p90 = ns * 2.1,
	    .p99 = ns * 2.25,
	    .p999 = ns * 2.3,
	    .max = ns * 60,
	    .jitter = ns / 7,
	    .jitter_max = ns / 5};
}

void
report_world_row(struct report_row *row, enum report_test test, const char *size, double frame, double share)
{
	struct trial_direction *d = &row->result.dir[0];
	double lost = share > 0.8 ? share - 0.8 : 0;

	memset(row, 0, sizeof(*row));
	row->test = test;
	snprintf(row->size, sizeof(row->size), "%s", size);
	row->mean_size = frame;
	row->line_pps = LINE / 8 / (frame + 20);
	row->line_percent = share * 100;
	row->offered_pps = row->line_pps * share;
	row->value = row->offered_pps;
	row->pass = lost == 0;
	row->final = true;
	row->started = 1780000000.25;
	row->result.seconds = 2;
	d->count.sent = (uint64_t)(row->offered_pps * 2);
	d->count.sent_octets = d->count.sent * (uint64_t)frame;
	d->count.lost = (uint64_t)((double)d->count.sent * lost);
	d->count.received = d->count.unique = d->count.sent - d->count.lost;
	d->count.received_octets = d->count.received * (uint64_t)frame;
	d->asked_pps = d->tx_pps = row->offered_pps;
	d->rx_pps = row->offered_pps * (1 - lost);
	d->mean_size = frame;
	d->burst_median = 4;
	d->burst_max = 32;
	d->flows = 256;
	latency(d, &hists[0], 4000 + frame * 8, 2000000);
}

void
report_world_sample(struct trial_sample *s, unsigned n, unsigned dirs)
{
	memset(s, 0, sizeof(*s));
	s->at = n + 1;
	s->seconds = 1;
	s->counting = true;
	for (unsigned d = 0; d < dirs; d++) {
		double ns = 9000 + 2500 * sin((n + d * 5) / 7.0);

		s->asked_pps[d] = 1000000 + d * 200000;
		s->second[d].sent = 1000000 + d * 200000 + n % 17 * 100;
		s->second[d].lost = n % 23 == 11 ? 1234 : 0;
		s->second[d].reordered = n % 31 == 3 ? 77 : 0;
		s->second[d].received = s->second[d].unique = s->second[d].sent - s->second[d].lost;
		s->second[d].sent_octets = s->second[d].sent * 64;
		s->second[d].received_octets = s->second[d].received * 64;
		s->total[d] = s->second[d];
		s->total[d].sent *= n + 1;
		s->total[d].received = s->total[d].sent - (n / 23 + (n % 23 >= 11)) * 1234;
		s->total[d].lost = s->total[d].sent - s->total[d].received;
		s->latency[d] = (struct trial_latency){.n = s->second[d].received,
		    .min = ns * 0.5,
		    .mean = ns,
		    .p50 = ns * 0.95,
		    .p90 = ns * 1.5,
		    .p99 = ns * 3,
		    .p999 = ns * 9,
		    .max = ns * (20 + n % 9 * 8),
		    .jitter = ns / 9,
		    .jitter_max = ns / 3};
		s->burst_median[d] = 4;
		s->burst_max[d] = 32;
	}
}

static void
add(struct report *r, struct report_row *row)
{
	if (report_add(r, row) != 0)
		abort();
}

static void
world_full(struct report *r)
{
	static const double sizes[] = {64, 128, 256, 512, 1024, 1280, 1518};
	struct report_row row;
	char size[16];

	for (unsigned i = 0; i < 7; i++) {
		double share = fmin(1, 0.28 + i * 0.16);

		snprintf(size, sizeof(size), "%.0f", sizes[i]);
		for (unsigned k = 0; k < 4; k++) {
			report_world_row(&row, REPORT_THROUGHPUT, size, sizes[i], 1 - k * 0.1);
			row.final = false;
			add(r, &row);
		}
		report_world_row(&row, REPORT_THROUGHPUT, size, sizes[i], share);
		row.pass = true;
		row.low = row.value;
		row.high = row.value * 1.01;
		add(r, &row);
		report_world_row(&row, REPORT_LATENCY, size, sizes[i], share);
		add(r, &row);
		for (unsigned k = 0; k < 10; k++) {
			report_world_row(&row, REPORT_LOSS, size, sizes[i], 1 - k * 0.1);
			row.result.dir[0].count.lost =
			    row.line_percent / 100 > share
				? (uint64_t)((1 - share / (1 - k * 0.1)) * (double)row.result.dir[0].count.sent)
				: 0;
			add(r, &row);
		}
		report_world_row(&row, REPORT_BACK, size, sizes[i], 1);
		row.value = 10240 - i * 800;
		row.low = row.value - 5;
		row.high = row.value + 7;
		add(r, &row);
		report_world_row(&row, REPORT_RECOVERY, size, sizes[i], share / 2);
		row.value = 0.0123 * (i + 1);
		add(r, &row);
		report_world_row(&row, REPORT_RESET, size, sizes[i], share);
		row.value = 3.2;
		add(r, &row);
		report_world_row(&row, REPORT_MLR, size, sizes[i], share * 0.97);
		snprintf(row.note, sizeof(row.note), "NDR");
		add(r, &row);
		report_world_row(&row, REPORT_MLR, size, sizes[i], share);
		snprintf(row.note, sizeof(row.note), "PDR 0.5 %%");
		add(r, &row);
	}
}

static void
world_run(struct report *r)
{
	struct trial_sample s;
	struct report_row row;

	for (unsigned i = 0; i < 90; i++) {
		report_world_sample(&s, i, 2);
		if (report_add_sample(r, &s) != 0)
			abort();
	}
	report_world_row(&row, REPORT_RUN, "imix", 361.8, 0.9);
	row.result.dir[1] = row.result.dir[0];
	latency(&row.result.dir[1], &hists[1], 7000, 1000000);
	row.result.dir[1].asked_pps = INFINITY;
	row.result.dir[0].count.reordered = 120;
	row.result.dir[0].count.reorder_max = 17;
	row.result.dir[0].count.duplicate = 3;
	row.result.dir[0].count.corrupt = 1;
	row.result.other = 12;
	row.pass = false;
	add(r, &row);
}

static void
world_many(struct report *r)
{
	struct report_row row;
	char size[16];

	for (unsigned i = 0; i < 3000; i++) {
		double frame = 64 + i % 60 * 24;

		snprintf(size, sizeof(size), "%.0f", frame);
		report_world_row(&row, REPORT_THROUGHPUT, size, frame, (i * 37 % 100 + 1) / 100.0);
		row.final = i >= 2940;
		add(r, &row);
	}
}

bool
report_world(struct report *r, const char *kind)
{
	struct report_row row;

	if (mp_tsc_hz == 0)
		mp_tsc_hz = 2000000000;
	memset(r, 0, sizeof(*r));
	snprintf(r->title, sizeof(r->title), "Made-up figures for a test");
	snprintf(r->dut, sizeof(r->dut), "a formula, two ports of 10 Gbit/s");
	snprintf(r->command, sizeof(r->command),
	    "ipgen -T loop -R loop --rfc2544 --rfc2544-sizes 64,128,256,512,1024,1280,1518");
	snprintf(r->version, sizeof(r->version), "0.1.0");
	snprintf(r->host, sizeof(r->host), "nowhere");
	snprintf(r->cpu, sizeof(r->cpu), "no processor");
	snprintf(r->port[0], sizeof(r->port[0]), "loop0, 198.18.0.1/16");
	snprintf(r->port[1], sizeof(r->port[1]), "loop1, 198.19.0.1/16");
	r->started = 1780000000;
	r->ended = 1780003725;
	r->has_floor = true;
	r->floor = (struct trial_latency){.n = 10000,
	    .min = 420,
	    .mean = 600,
	    .p50 = 580,
	    .p90 = 720,
	    .p99 = 1400,
	    .p999 = 3900,
	    .max = 18000,
	    .jitter = 60};
	if (strcmp(kind, "full") == 0)
		world_full(r);
	else if (strcmp(kind, "run") == 0)
		world_run(r);
	else if (strcmp(kind, "many") == 0)
		world_many(r);
	else if (strcmp(kind, "one") == 0) {
		report_world_row(&row, REPORT_THROUGHPUT, "genome:aaaaaaabbbbc", 353.8, 0.5);
		row.line_pps = row.line_percent = 0;
		add(r, &row);
		row.test = REPORT_LATENCY;
		add(r, &row);
		r->has_floor = false;
	} else if (strcmp(kind, "hostile") == 0) {
		snprintf(r->title, sizeof(r->title), "<script>alert('t')</script> \"q\" &amp; \x1b[31m \xff\xfe");
		snprintf(r->dut, sizeof(r->dut), "\"><img src=x onerror=alert(1)> D\xc3\xbcT, a,b");
		snprintf(r->command, sizeof(r->command), "ipgen --title '</style></title><script>' --dut \"x\"");
		snprintf(r->port[0], sizeof(r->port[0]), "<b>&p");
		report_world_row(&row, REPORT_MLR, "64", 64, 0.5);
		snprintf(row.note, sizeof(row.note), "</td><script>\"N\",DR\n2</script>");
		row.value = NAN;
		row.offered_pps = INFINITY;
		row.result.dir[0].asked_pps = INFINITY;
		row.result.dir[0].tx_pps = NAN;
		add(r, &row);
		row.final = false;
		add(r, &row);
	} else if (strcmp(kind, "empty") != 0)
		return false;
	return true;
}
