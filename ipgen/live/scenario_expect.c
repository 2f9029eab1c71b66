/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios: expectations, how they are written and whether a result keeps them. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipgen/live/scenario.h"

static const struct {
	const char *name;
	enum scenario_metric metric;
} expect_metrics[] = {
    {"loss", METRIC_LOSS},
    {"rate", METRIC_RATE},
    {"jitter", METRIC_JITTER},
    {"sent", METRIC_SENT},
    {"received", METRIC_RECEIVED},
    {"lost", METRIC_LOST},
    {"reordered", METRIC_REORDERED},
    {"duplicate", METRIC_DUPLICATE},
    {"corrupt", METRIC_CORRUPT},
    {"misdelivered", METRIC_MISDELIVERED},
    {"min", METRIC_LATENCY_MIN},
    {"mean", METRIC_LATENCY_MEAN},
    {"p50", METRIC_LATENCY_P50},
    {"p90", METRIC_LATENCY_P90},
    {"p99", METRIC_LATENCY_P99},
    {"p99.9", METRIC_LATENCY_P999},
    {"max", METRIC_LATENCY_MAX},
};

static const char *const expect_ops[] = {"<=", ">=", "<", ">", "="};

static bool
is_time(enum scenario_metric m)
{
	return m >= METRIC_LATENCY_MIN && m <= METRIC_JITTER;
}

static int
expect_value(struct scenario_parser *p, const char *text, struct scenario_expect *e)
{
	char err[160], *end;
	double seconds;

	if (is_time(e->metric)) {
		if (strlen(text) > 2 && strcmp(text + strlen(text) - 2, "ns") == 0) {
			e->value = strtod(text, &end);
			return isdigit((unsigned char)text[0]) && strcmp(end, "ns") == 0
				   ? 0
				   : scenario_error(p, "expect: '%.40s' is no time", text);
		}
		if (scenario_time(p, "expect", text, &seconds) != 0)
			return -EINVAL;
		e->value = seconds * 1e9;
		return 0;
	}
	if (e->metric == METRIC_RATE) {
		if (rate_parse(text, RATE_PPS, &e->rate, err, sizeof(err)) != 0 || e->rate.kind == RATE_MAX)
			return scenario_error(p, "expect: rate: '%.40s': percent of what was asked, or a rate", text);
		return 0;
	}
	if (!isdigit((unsigned char)text[0]) || text[1] == 'x' || text[1] == 'X')
		return scenario_error(p, "expect: '%.40s' is no number", text);
	e->value = strtod(text, &end);
	if (e->metric == METRIC_LOSS ? strcmp(end, "%") != 0 || e->value > 100 : *end != '\0')
		return scenario_error(p,
		    e->metric == METRIC_LOSS ? "expect: loss: '%.40s': percent, as 0.01%% (packets: lost)"
					     : "expect: '%.40s' is no number of packets",
		    text);
	return 0;
}

/* [latency] METRIC OP VALUE: => words used */
static int
expect_one(struct scenario_parser *p, const struct scenario_words *w, unsigned i, struct scenario_expect *e)
{
	const unsigned n = sizeof(expect_metrics) / sizeof(expect_metrics[0]);
	bool latency = strcmp(w->word[i], "latency") == 0;
	unsigned at = i + latency, m, o;

	if (at + 2 >= w->n)
		return scenario_error(
		    p, "expect: as 'expect loss <= 0.01%% latency p99 <= 100us rate >= 99%%', blanks between");
	for (m = 0; m < n && strcmp(expect_metrics[m].name, w->word[at]) != 0; m++)
		;
	if (m == n || latency != (expect_metrics[m].metric >= METRIC_LATENCY_MIN &&
				     expect_metrics[m].metric <= METRIC_LATENCY_MAX))
		return scenario_error(p,
		    "expect: '%.40s' is not understood: loss, rate, latency (min, mean, p50, p90, p99, p99.9, max), "
		    "jitter, "
		    "lost, ...",
		    w->word[at]);
	for (o = 0; o < 5 && strcmp(expect_ops[o], w->word[at + 1]) != 0; o++)
		;
	if (o == 5)
		return scenario_error(p, "expect: '%.40s' is no comparison: <=, >=, <, > or =", w->word[at + 1]);
	*e = (struct scenario_expect){.line = p->line, .metric = expect_metrics[m].metric, .op = o, .next = -1};
	snprintf(e->text, sizeof(e->text), "%s%.10s %s %.40s", latency ? "latency " : "", w->word[at], w->word[at + 1],
	    w->word[at + 2]);
	return expect_value(p, w->word[at + 2], e) != 0 ? -EINVAL : (int)latency + 3;
}

int
scenario_parse_expect(struct scenario_parser *p, const struct scenario_words *w)
{
	struct scenario *sc = p->sc;
	bool total = w->n > 1 && strcmp(w->word[1], "total") == 0;
	int *last, n;

	if (!total && p->first_step < 0)
		return scenario_error(p, "expect: there is no step before it (in the same block)");
	if (w->n < (total ? 3 : 2))
		return scenario_error(p, "expect: what? as 'expect loss <= 0.01%%'");
	if (total && scenario_op_add(p, SCENARIO_EXPECT) == NULL)
		return -EINVAL;
	for (unsigned i = total ? 2 : 1; i < w->n; i += (unsigned)n) {
		struct scenario_expect e;

		n = expect_one(p, w, i, &e);
		if (n < 0)
			return -EINVAL;
		if (total && (is_time(e.metric) || e.metric == METRIC_RATE))
			return scenario_error(p, "expect total: counts and loss only, not '%.40s'", e.text);
		if (scenario_grow(&sc->expect, sc->nexpects, &sc->aexpects, sizeof(*sc->expect)) != 0)
			return scenario_error(p, "out of memory");
		sc->expect[sc->nexpects] = e;
		last = total ? &sc->op[sc->nops - 1].expect : &sc->op[p->first_step].expect;
		while (*last >= 0)
			last = &sc->expect[*last].next;
		*last = (int)sc->nexpects++;
		for (int k = p->first_step; !total && k <= p->last_step; k++)
			sc->op[k].expect = sc->op[p->first_step].expect;
	}
	return 0;
}

static double
expect_latency(enum scenario_metric m, const struct trial_latency *l)
{
	switch (m) {
	case METRIC_LATENCY_MIN:
		return l->min;
	case METRIC_LATENCY_MEAN:
		return l->mean;
	case METRIC_LATENCY_P50:
		return l->p50;
	case METRIC_LATENCY_P90:
		return l->p90;
	case METRIC_LATENCY_P99:
		return l->p99;
	case METRIC_LATENCY_P999:
		return l->p999;
	case METRIC_LATENCY_MAX:
		return l->max;
	default:
		return l->jitter;
	}
}

static double
expect_count(enum scenario_metric m, const struct trial_counts *c)
{
	switch (m) {
	case METRIC_LOSS:
		return c->sent > 0 ? (double)c->lost * 100 / (double)c->sent : 0;
	case METRIC_SENT:
		return (double)c->sent;
	case METRIC_RECEIVED:
		return (double)c->received;
	case METRIC_LOST:
		return (double)c->lost;
	case METRIC_REORDERED:
		return (double)c->reordered;
	case METRIC_DUPLICATE:
		return (double)c->duplicate;
	case METRIC_CORRUPT:
		return (double)c->corrupt;
	default:
		return (double)c->misdelivered;
	}
}

/* Of the whole time of sending: from first to last packet only, a device that stopped in the midst would look as if it had not. */
static double
expect_rate(const struct trial_direction *d)
{
	double sent = (double)d->count.sent;

	return sent > 0 ? fmin(d->rx_pps, d->tx_pps * (double)d->count.received / sent) : d->rx_pps;
}

bool
scenario_expect_met(const struct scenario_expect *e, const struct trial_direction *d, char *got, size_t gotlen)
{
	double value, want = e->value;

	if (is_time(e->metric)) {
		/* no packet, no latency: nothing was kept */
		if (d->latency.n == 0) {
			snprintf(got, gotlen, "no packet came");
			return false;
		}
		value = expect_latency(e->metric, &d->latency);
		snprintf(got, gotlen, "%.3f us", value / 1000);
	} else if (e->metric == METRIC_RATE) {
		bool percent = e->rate.kind == RATE_PERCENT;
		/* of max: what was sent */
		double asked = d->asked_pps <= 1e15 ? d->asked_pps : d->tx_pps;

		value = percent ? (asked > 0 ? expect_rate(d) * 100 / asked : 100) : expect_rate(d);
		want = percent ? e->rate.value : rate_pps(&e->rate, 0, d->mean_size);
		snprintf(got, gotlen, percent ? "%.2f %%" : "%.0f pps", value);
	} else {
		value = expect_count(e->metric, &d->count);
		if (e->metric == METRIC_LOSS && d->count.sent == 0) {
			snprintf(got, gotlen, "nothing was sent");
			return false;
		}
		snprintf(got, gotlen, e->metric == METRIC_LOSS ? "%.4g %%" : "%.0f", value);
	}
	switch (e->op) {
	case EXPECT_LE:
		return value <= want;
	case EXPECT_GE:
		return value >= want;
	case EXPECT_LT:
		return value < want;
	case EXPECT_GT:
		return value > want;
	case EXPECT_EQ:
		break;
	}
	return value == want;
}
