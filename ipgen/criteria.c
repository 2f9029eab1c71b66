/* SPDX-License-Identifier: BSD-2-Clause */
/* Pass or fail: --max-loss, --min-rate, --max-latency. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "ipgen/program.h"

struct judgement {
	const struct program *p;
	unsigned failed;
	bool loss, rate, latency; /* was there something to judge? */
};

static void __attribute__((format(printf, 2, 3))) fail(struct judgement *j, const char *fmt, ...)
{
	va_list ap;

	j->failed++;
	fputs("ipgen: failed: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static const char *
where(const struct report_row *row, unsigned dir, char *s, size_t len)
{
	snprintf(s, len, "%s octets, direction %u", row->size, dir);
	return s;
}

static void
judge_loss(struct judgement *j, const struct report_row *row, unsigned dir)
{
	const struct trial_counts *c = &row->result.dir[dir].count;
	/* what came with another content was not forwarded (RFC 2544 section 10); the tests judge so too */
	double bad = fmin((double)c->lost + (double)c->corrupt, (double)c->sent);
	double share = bad / (double)c->sent, most = j->p->opts.max_loss;
	char at[96], corrupt[48] = "";

	if (c->corrupt > 0)
		snprintf(corrupt, sizeof(corrupt), ", %llu of them corrupt", (unsigned long long)c->corrupt);

	j->loss = true;
	if (c->sent == 0)
		fail(j, "--max-loss %g %%: %s: nothing was sent that could be judged", most * 100,
		    where(row, dir, at, sizeof(at)));
	else if (share > most)
		fail(j, "--max-loss %g %%: %s: %.0f of %llu lost%s, %.6g %%", most * 100,
		    where(row, dir, at, sizeof(at)), bad, (unsigned long long)c->sent, corrupt, share * 100);
}

static void
judge_rate(struct judgement *j, const struct report_row *row, unsigned dir, double pps)
{
	double size = row->mean_size, least = rate_pps(&j->p->opts.min_rate, trial_line_pps(dir, size), size);
	char at[96];

	j->rate = true;
	if (isnan(least))
		fail(j, "--min-rate %s: %s: the line rate is not known (--linerate)", j->p->opts.min_rate_value,
		    where(row, dir, at, sizeof(at)));
	else if (!(pps >= least))
		fail(j, "--min-rate %s: %s: %.1f of %.1f packets/s, %.4g %% less", j->p->opts.min_rate_value,
		    where(row, dir, at, sizeof(at)), pps, least, (1 - pps / least) * 100);
}

/* Of the whole time of sending: a device that stopped forwarding in the midst has not received at the rate until then. */
static double
received_rate(const struct trial_result *r, unsigned dir)
{
	const struct trial_direction *t = &r->dir[dir];

	return r->seconds > 0 ? fmin(t->rx_pps, (double)t->count.received / r->seconds) : t->rx_pps;
}

static void
judge_latency(struct judgement *j, const struct report_row *row, unsigned dir)
{
	const struct trial_latency *l = &row->result.dir[dir].latency;
	double most = j->p->opts.max_latency;
	char at[96];

	j->latency = true;
	if (l->n == 0)
		fail(j, "--max-latency %g us: %s: nothing was received that could be judged", most,
		    where(row, dir, at, sizeof(at)));
	else if (l->p99 / 1000 > most)
		fail(j, "--max-latency %g us: %s: 99th percentile %.3f us, %.3f us more", most,
		    where(row, dir, at, sizeof(at)), l->p99 / 1000, l->p99 / 1000 - most);
}

/* Which tests' rows a criterion judges: of a series the results alone, not the trials on the way to them. */
bool
criteria_loss(enum report_test t)
{
	return t == REPORT_RUN || t == REPORT_SOAK || t == REPORT_THROUGHPUT || t == REPORT_LATENCY;
}

bool
criteria_rate(enum report_test t)
{
	return t == REPORT_RUN || t == REPORT_SOAK || t == REPORT_THROUGHPUT || t == REPORT_MLR;
}

bool
criteria_latency(enum report_test t)
{
	return t == REPORT_RUN || t == REPORT_SOAK || t == REPORT_LATENCY;
}

unsigned
criteria_judge(const struct program *p)
{
	const struct options *o = &p->opts;
	struct judgement j = {.p = p};
	bool judged = o->has_max_loss || o->has_min_rate || o->has_max_latency;

	for (unsigned i = 0; i < p->report.nrows; i++) {
		const struct report_row *row = &p->report.row[i];
		bool run = row->test == REPORT_RUN || row->test == REPORT_SOAK;

		if (!row->final && row->test != REPORT_RUN)
			continue;
		if (run && judged && row->result.link_lost)
			fail(&j, "%s octets: a link went down while it ran", row->size);
		else if (run && judged && row->result.interrupted && (o->seconds > 0 || o->packets > 0))
			fail(&j, "%s octets: stopped after %.3g s, before its end", row->size, row->result.seconds);
		for (unsigned d = 0; d < p->dirs; d++) {
			if (row->test == REPORT_RUN && row->result.dir[d].asked_pps == 0 &&
			    row->result.dir[d].count.sent == 0)
				continue; /* silent, as a scenario can have it */
			if (o->has_max_loss && criteria_loss(row->test))
				judge_loss(&j, row, d);
			if (o->has_min_rate && criteria_rate(row->test))
				judge_rate(&j, row, d, run ? received_rate(&row->result, d) : row->value / p->dirs);
			if (o->has_max_latency && criteria_latency(row->test))
				judge_latency(&j, row, d);
		}
	}
	if (o->has_max_loss && !j.loss)
		fail(&j, "--max-loss %g %%: no trial that could be judged", o->max_loss * 100);
	if (o->has_min_rate && !j.rate)
		fail(&j, "--min-rate %s: no trial that could be judged", o->min_rate_value);
	if (o->has_max_latency && !j.latency)
		fail(&j, "--max-latency %g us: no trial that could be judged", o->max_latency);
	return j.failed;
}
