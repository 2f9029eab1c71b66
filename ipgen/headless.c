/* SPDX-License-Identifier: BSD-2-Clause */
/* Without a full-screen view: a line a second, the summary, the flows, or the same as lines of JSON. */
/*
 * Synchronization: control only.
 * Lifetime: the observer from headless_start to headless_stop.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ipgen/program.h"
#include "ipgen/report/report_var.h"

#define HEAD_EVERY 40 /* lines between two heads */

static unsigned lines; /* [c] since the head */

static struct {
	double at;				     /* of the sample before; less: another trial */
	uint64_t sent[TRIAL_DIRS], lost[TRIAL_DIRS]; /* in lines so far */
} told;						     /* [c] */

static void __attribute__((format(printf, 2, 3))) put(struct program *p, const char *fmt, ...)
{
	FILE *to[2] = {p->interactive ? NULL : p->out, p->log};

	for (unsigned i = 0; i < 2; i++) {
		va_list ap;

		if (to[i] == NULL)
			continue;
		va_start(ap, fmt);
		vfprintf(to[i], fmt, ap);
		va_end(ap);
		fputc('\n', to[i]);
		fflush(to[i]);
	}
}

/* Takes the reference. */
static void
put_json(struct program *p, const char *name, json_t *o)
{
	json_t *line = o != NULL ? json_pack("{s:o}", name, o) : NULL;
	char *text = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;

	if (text != NULL)
		put(p, "%s", text);
	free(text);
	json_decref(line);
}

void
headless_say(struct program *p, const char *line)
{
	if (p->opts.json_lines)
		put_json(p, "progress", json_text(line));
	else if (!p->opts.quiet)
		put(p, "%s", line);
}

/* 1.235M: seven columns */
static const char *
metric(double v, char *s, size_t len)
{
	rate_format(s, len, v);
	return s;
}

static const char *
arrow(const struct program *p, unsigned dir)
{
	return p->dirs == 1 ? "" : dir == 0 ? " 0->1" : " 1->0";
}

/*
 * What has been lost since the line before, and of how many: what is missing below the highest number that came; while
 * nothing comes at all, all that was sent.  Nothing is told twice.
 */
static uint64_t
lost_since(const struct trial_sample *s, unsigned d, uint64_t *of)
{
	const struct trial_counts *t = &s->total[d];
	uint64_t lost = t->lost, n;

	if (s->second[d].received == 0 && s->seconds >= 0.5 && t->sent > t->received)
		lost = t->sent - t->received > lost ? t->sent - t->received : lost;
	*of = t->sent > told.sent[d] ? t->sent - told.sent[d] : 0;
	n = lost > told.lost[d] ? lost - told.lost[d] : 0;
	told.sent[d] = t->sent;
	told.lost[d] += n;
	return n;
}

static void
sampled(void *arg, const struct trial_sample *s)
{
	struct program *p = arg;
	bool warming = !s->counting && s->total[0].sent + s->total[1].sent == 0;

	if (p->opts.json_lines) {
		put_json(p, "sample", sample_json(s));
		return;
	}
	if (s->at < told.at)
		memset(&told, 0, sizeof(told));
	told.at = s->at;
	if (p->opts.quiet ||
	    (!s->counting &&
		s->second[0].sent + s->second[1].sent + s->second[0].received + s->second[1].received == 0 && !warming))
		return; /* the drain */
	/* a test that looks closer than a second does not fill the screen */
	if (s->seconds < 0.5 && !(p->opts.interval > 0 && p->opts.interval < 0.5) &&
	    floor(s->at + 1e-6) <= floor(s->at - s->seconds + 1e-6))
		return;
	if (lines++ % HEAD_EVERY == 0)
		put(p, "%8s%s %10s %10s %9s %9s %9s %8s %9s %9s %9s", "time s", p->dirs == 1 ? "" : "  dir", "sent/s",
		    "received/s", "bit/s L1", "bit/s L2", "lost", "loss %", "p50 us", "p99 us", "max us");
	for (unsigned d = 0; d < p->dirs; d++) {
		const struct trial_counts *c = &s->second[d];
		double sec = s->seconds > 0 ? s->seconds : 1, sent = (double)c->sent, got = (double)c->received;
		double l2 = (double)c->received_octets * 8 / sec, l1 = l2 + got * TRAFFIC_GAP * 8 / sec;
		const struct trial_latency *l = &s->latency[d];
		uint64_t of, lost = lost_since(s, d, &of);
		char a[4][24], us[3][24];

		for (unsigned k = 0; k < 3; k++)
			snprintf(us[k], sizeof(us[k]), l->n > 0 ? "%.1f" : "-",
			    (k == 0	 ? l->p50
				: k == 1 ? l->p99
					 : l->max) /
				1000);
		put(p, "%8.1f%s %10s %10s %9s %9s %9llu %8.4f %9s %9s %9s%s", s->at, arrow(p, d),
		    metric(sent / sec, a[0], sizeof(a[0])), metric(got / sec, a[1], sizeof(a[1])),
		    metric(l1, a[2], sizeof(a[2])), metric(l2, a[3], sizeof(a[3])), (unsigned long long)lost,
		    of > 0 ? fmin((double)lost / (double)of, 1) * 100 : 0, us[0], us[1], us[2],
		    warming ? "  (warm-up)" : "");
	}
}

void
headless_start(struct program *p)
{
	lines = 0;
	memset(&told, 0, sizeof(told));
	if (trial_observe(sampled, p) != 0)
		fputs("ipgen: too many observers: no lines\n", stderr);
}

void
headless_stop(struct program *p)
{
	trial_unobserve(sampled, p);
}

static void
latency_line(struct program *p, const char *what, const struct trial_latency *l)
{
	if (l->n == 0)
		put(p, "  %-14s none was measured", what);
	else
		put(p,
		    "  %-14s min %.3f, median %.3f, 99 %% %.3f, 99.9 %% %.3f, max %.3f us; jitter %.3f us (RFC 3550)",
		    what, l->min / 1000, l->p50 / 1000, l->p99 / 1000, l->p999 / 1000, l->max / 1000, l->jitter / 1000);
}

static const char *
bits(double pps, double size, char *s, size_t len)
{
	const double v[2] = {pps * (size + TRAFFIC_GAP) * 8, pps * size * 8};
	char text[2][32];

	for (unsigned i = 0; i < 2; i++) {
		size_t digits;

		metric(v[i], text[i], 24);
		digits = strspn(text[i], "0123456789."); /* "1.235 M" */
		memmove(text[i] + digits + 1, text[i] + digits, strlen(text[i] + digits) + 1);
		text[i][digits] = ' ';
	}
	snprintf(s, len, "%sbit/s L1, %sbit/s L2", text[0], text[1]);
	return s;
}

static void
summary_direction(struct program *p, const struct report_row *row, unsigned d)
{
	const struct trial_direction *t = &row->result.dir[d];
	const struct trial_counts *c = &t->count;
	double line = trial_line_pps(d, t->mean_size);
	char a[48], text[128], asked[64];

	if (p->dirs > 1)
		put(p, "direction %u, %s to %s", d, p->opts.port[d].device, p->opts.port[ntports - 1 - d].device);
	else
		put(p, "%s to %s", p->opts.port[0].device, ntports == 2 ? p->opts.port[1].device : "itself");
	if (p->opts.traffic.replay != NULL && p->opts.traffic.replay_speed > 0)
		snprintf(asked, sizeof(asked), "as captured");
	else if (isinf(t->asked_pps))
		snprintf(asked, sizeof(asked), "as fast as it goes");
	else
		snprintf(asked, sizeof(asked),
		    t->asked_pps == floor(t->asked_pps) ? "%.0f packets/s asked" : "%.6g packets/s asked",
		    t->asked_pps);
	snprintf(a, sizeof(a), "; of the line %.2f %%", line > 0 ? t->tx_pps / line * 100 : 0);
	put(p, "  %-14s %s, %.1f packets/s sent%s, %.1f received%s", "rate", asked, t->tx_pps,
	    isfinite(t->asked_pps) && t->tx_pps < t->asked_pps * 0.99 && c->slipped + c->tx_full > 0 ? " (not reached)"
												     : "",
	    t->rx_pps, line > 0 ? a : "");
	put(p, "  %-14s %s", "sent at", bits(t->tx_pps, t->mean_size, text, sizeof(text)));
	put(p, "  %-14s %s", "received at", bits(t->rx_pps, t->mean_size, text, sizeof(text)));
	snprintf(text, sizeof(text), t->flows == 0 ? "frames" : t->flows == 1 ? "1 flow" : "%u flows", t->flows);
	put(p, "  %-14s %llu packets, %llu octets, %s of %.6g octets", "sent", (unsigned long long)c->sent,
	    (unsigned long long)c->sent_octets, text, t->mean_size);
	put(p, "  %-14s %llu packets, %llu octets", "received", (unsigned long long)c->received,
	    (unsigned long long)c->received_octets);
	put(p, "  %-14s %llu packets, %.6g %%%s", "lost", (unsigned long long)c->lost,
	    c->sent > 0 ? (double)c->lost / (double)c->sent * 100 : 0, c->sent == 0 ? " (nothing was sent)" : "");
	put(p, "  %-14s %llu (by %llu at most), %llu duplicate, %llu corrupt, %llu misdelivered", "reordered",
	    (unsigned long long)c->reordered, (unsigned long long)c->reorder_max, (unsigned long long)c->duplicate,
	    (unsigned long long)c->corrupt, (unsigned long long)c->misdelivered);
	if (c->unattributed + c->stale + c->fragments + c->late > 0)
		put(p, "  %-14s %llu unattributed, %llu too late to tell, %llu of another trial, %llu fragments",
		    "besides", (unsigned long long)c->unattributed, (unsigned long long)c->late,
		    (unsigned long long)c->stale, (unsigned long long)c->fragments);
	latency_line(p, "latency", &t->latency);
	put(p, "  %-14s median %u, max %u packets; %llu in 10 ms at most", "burst", t->burst_median, t->burst_max,
	    (unsigned long long)t->peak10ms);
	if (c->tx_full + c->slipped > 0)
		put(p, "  %-14s the device took less than was due %llu times; %llu packets were given up as too late",
		    "the tester", (unsigned long long)c->tx_full, (unsigned long long)c->slipped);
}

/* Why nothing came, as far as it can be guessed. */
static void
hint(struct program *p, const struct trial_result *r, unsigned d)
{
	static const uint8_t none[16];
	const struct tport_spec *from = &p->opts.port[d];
	const struct trial_counts *c = &r->dir[d].count;
	bool gateway = from->has_peer[0] || from->has_peer[1] || memcmp(from->addr4.gateway, none, 16) != 0 ||
		       memcmp(from->addr6.gateway, none, 16) != 0;

	if (c->sent == 0 || c->received > 0 || ntports < 2)
		return;
	if (c->misdelivered > 0)
		put(p, "  %-14s all that came was addressed to another station, came at the wrong port, or was changed",
		    "hint");
	else if (!gateway)
		put(p,
		    "  %-14s %s has no gateway: its frames went to the other port's link address, which no router "
		    "forwards",
		    "hint", from->device);
	else
		put(p,
		    "  %-14s nothing sent by %s came through: does the device under test forward, and has it a route "
		    "to the destination?",
		    "hint", from->device);
}

void
headless_summary(struct program *p, const struct report_row *row)
{
	const struct trial_result *r = &row->result;

	if (p->opts.json_lines) {
		put_json(p, "result", result_json(r));
		return;
	}
	put(p, "%s%.3f s, frames of %s%s%s", p->opts.quiet ? "" : "\n", r->seconds,
	    p->opts.traffic.replay != NULL ? p->opts.traffic.replay : row->size,
	    p->opts.traffic.replay != NULL ? "" : " octets", r->interrupted ? "; stopped before its end" : "");
	for (unsigned d = 0; d < p->dirs; d++)
		summary_direction(p, row, d);
	if (p->report.has_floor)
		latency_line(p, "tester alone", &p->report.floor);
	if (r->tester_lost + r->device_missed > 0)
		put(p,
		    "  %-14s %llu in the tester's rings, %llu at its devices: not the device under test's loss alone",
		    "own losses", (unsigned long long)r->tester_lost, (unsigned long long)r->device_missed);
	else
		put(p, "  %-14s none", "own losses");
	if (r->other > 0)
		put(p, "  %-14s %llu frames that are no test packets", "other", (unsigned long long)r->other);
	if (r->link_lost)
		put(p, "  %-14s went down while it ran", "link");
	for (unsigned d = 0; d < p->dirs; d++)
		hint(p, r, d);
}

struct flow_line {
	unsigned dir;
	uint32_t flow;
	struct trial_flow_result r;
};

/* Most loss first, then what else went wrong, then by number. */
static int
flow_compare(const void *a, const void *b)
{
	const struct flow_line *x = a, *y = b;
	const uint64_t key[][2] = {
	    {x->r.lost, y->r.lost},
	    {x->r.corrupt + x->r.misdelivered, y->r.corrupt + y->r.misdelivered},
	    {x->r.duplicate + x->r.reordered, y->r.duplicate + y->r.reordered},
	};

	for (unsigned i = 0; i < sizeof(key) / sizeof(key[0]); i++)
		if (key[i][0] != key[i][1])
			return key[i][0] > key[i][1] ? -1 : 1;
	if (x->dir != y->dir)
		return x->dir < y->dir ? -1 : 1;
	return x->flow < y->flow ? -1 : x->flow > y->flow;
}

static void
flow_json(struct program *p, const struct flow_line *f, const char *text)
{
	put_json(p, "flow",
	    json_pack("{s:i,s:I,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f}", "direction", f->dir, "flow", (json_int_t)f->flow,
		"text", text, "sent", (json_int_t)f->r.sent, "received", (json_int_t)f->r.received, "lost",
		(json_int_t)f->r.lost, "reordered", (json_int_t)f->r.reordered, "duplicate", (json_int_t)f->r.duplicate,
		"corrupt", (json_int_t)f->r.corrupt, "misdelivered", (json_int_t)f->r.misdelivered, "jitter_ns",
		f->r.jitter));
}

void
headless_flows(struct program *p)
{
	size_t n = 0, total = 0;
	struct flow_line *f;

	for (unsigned d = 0; d < p->dirs; d++)
		total += traffic_nflows(p->traffic[d]);
	f = total > 0 ? calloc(total, sizeof(*f)) : NULL;
	if (f == NULL)
		return;
	for (unsigned d = 0; d < p->dirs; d++)
		for (uint32_t k = 0; k < traffic_nflows(p->traffic[d]); k++)
			if (trial_flow_result(d, k, &f[n].r) == 0) {
				f[n].dir = d;
				f[n++].flow = k;
			}
	qsort(f, n, sizeof(*f), flow_compare);
	if (!p->opts.json_lines)
		put(p, "\n%-5s %8s %12s %12s %10s %9s %9s %7s %7s %9s  %s", "dir", "flow", "sent", "received", "lost",
		    "reordered", "duplicate", "corrupt", "misdel.", "jitter us", "source, destination");
	for (size_t i = 0; i < n && i < p->opts.flows_report_n; i++) {
		const struct trial_flow_result *r = &f[i].r;
		char text[TRAFFIC_FLOW_TEXT];

		traffic_flow_text(traffic_flow(p->traffic[f[i].dir], f[i].flow), text, sizeof(text));
		if (p->opts.json_lines)
			flow_json(p, &f[i], text);
		else
			put(p, "%-5u %8u %12llu %12llu %10llu %9llu %9llu %7llu %7llu %9.3f  %s", f[i].dir, f[i].flow,
			    (unsigned long long)r->sent, (unsigned long long)r->received, (unsigned long long)r->lost,
			    (unsigned long long)r->reordered, (unsigned long long)r->duplicate,
			    (unsigned long long)r->corrupt, (unsigned long long)r->misdelivered, r->jitter / 1000,
			    text);
	}
	if (n > p->opts.flows_report_n && !p->opts.json_lines)
		put(p, "and %zu more flows", n - p->opts.flows_report_n);
	free(f);
}

void
headless_report(struct program *p)
{
	if (p->opts.json_lines) {
		put_json(p, "report", report_json(&p->report));
		return;
	}
	(void)report_text(&p->report, p->out);
	if (p->log != NULL)
		(void)report_text(&p->report, p->log);
}
