/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios: the lines that send: own ones with ranges and ramps, and IIJ's "PERIOD COMMAND SIZE PPS". */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ipgen/live/scenario.h"

/* What stands on a line that sends. */
struct step_line {
	struct scenario_op op;
	bool has_range, has_step;
	struct rate from, to, step;
	char label[96];
};

static int
step_rate(struct scenario_parser *p, const char *text, struct rate *rate)
{
	char err[160];

	if (rate_parse(text, RATE_PPS, rate, err, sizeof(err)) != 0)
		return scenario_error(p, "%s", err);
	return 0;
}

/* A..B, or one rate. */
static int
step_rate_range(struct scenario_parser *p, const char *text, struct step_line *l)
{
	const char *dots = strstr(text, "..");
	char first[64];

	if (dots == NULL)
		return step_rate(p, text, &l->from);
	snprintf(first, sizeof(first), "%.*s", (int)(dots - text), text);
	l->has_range = true;
	if (step_rate(p, first, &l->from) != 0 || step_rate(p, dots + 2, &l->to) != 0)
		return -EINVAL;
	return 0;
}

/* 10s | 1000 packets: => words used */
static int
step_duration(
    struct scenario_parser *p, const struct scenario_words *w, enum scenario_kind kind, struct scenario_op *op)
{
	const char *text = w->word[1];
	unsigned long long n;
	char *end;

	n = strtoull(text, &end, 10);
	if (kind == SCENARIO_STEP && w->n > 2 && strcmp(w->word[2], "packets") == 0) {
		if (!isdigit((unsigned char)text[0]) || *end != '\0' || n == 0 || n > 1ull << 60)
			return scenario_error(p, "for: '%.40s' is no number of packets", text);
		op->packets = n;
		return 3;
	}
	if (scenario_time(p, kind == SCENARIO_STEP ? "for" : "ramp", text, &op->seconds) != 0)
		return -EINVAL;
	if (op->seconds <= 0)
		return scenario_error(p, "'%.40s': a step lasts longer than nothing", text);
	return 2;
}

static int
step_direction(const char *word)
{
	return strcmp(word, "both") == 0 ? 3 : strcmp(word, "0") == 0 ? 1 : strcmp(word, "1") == 0 ? 2 : 0;
}

/* ramp: rate A to B; for: rate A, or A..B: => words used */
static int
step_word_rate(struct scenario_parser *p, const struct scenario_words *w, unsigned i, struct step_line *l)
{
	if (l->op.has_rate[0])
		return scenario_error(p, "rate stands twice");
	l->op.has_rate[0] = true;
	if (l->op.kind == SCENARIO_STEP)
		return step_rate_range(p, w->word[i + 1], l) != 0 ? -EINVAL : 2;
	if (i + 3 >= w->n || strcmp(w->word[i + 2], "to") != 0)
		return scenario_error(p, "ramp: as 'ramp 30s rate 1kpps to 1Mpps'");
	return step_rate(p, w->word[i + 1], &l->from) != 0 || step_rate(p, w->word[i + 3], &l->to) != 0 ? -EINVAL : 4;
}

/* => words used, or -EINVAL */
static int
step_word(struct scenario_parser *p, const struct scenario_words *w, unsigned i, struct step_line *l)
{
	const char *word = w->word[i];
	int n;

	if (step_direction(word) != 0) {
		if (l->op.dirs != 0)
			return scenario_error(p, "'%.10s': a direction stands twice: both, 0 or 1", word);
		l->op.dirs = (unsigned)step_direction(word);
		return 1;
	}
	if (strcmp(word, "rate") != 0 && strcmp(word, "size") != 0 && strcmp(word, "step") != 0 &&
	    strcmp(word, "label") != 0)
		return scenario_error(p, "'%.40s' is not understood: rate, size, step, label, both, 0 or 1", word);
	if (i + 1 >= w->n)
		return scenario_error(p, "%s: its value is missing", word);
	if (strcmp(word, "rate") == 0)
		return step_word_rate(p, w, i, l);
	if (strcmp(word, "label") == 0) {
		if (!w->quoted[i + 1])
			return scenario_error(p, "label: a text in quotation marks is missing");
		snprintf(l->label, sizeof(l->label), "%s", w->word[i + 1]);
		return 2;
	}
	if (strcmp(word, "step") == 0) {
		l->has_step = true;
		return step_rate(p, w->word[i + 1], &l->step) != 0 ? -EINVAL : 2;
	}
	if (l->op.size[0] >= 0)
		return scenario_error(p, "size stands twice");
	n = scenario_size_add(p, w->word[i + 1]);
	l->op.size[0] = l->op.size[1] = n;
	return n < 0 ? -EINVAL : 2;
}

/* The line's steps: one, or one for each rate of the range. */
static int
step_expand(struct scenario_parser *p, struct step_line *l)
{
	double from = l->from.value, to = l->to.value, by = l->step.value;
	int first = (int)p->sc->nops, n = 0;

	if (l->has_range) {
		if (l->from.kind != l->to.kind || l->from.kind != l->step.kind || !l->has_step ||
		    l->from.kind == RATE_MAX)
			return scenario_error(
			    p, "a range of rates has a step, all in the same unit: rate 10%%..100%% step 10%%");
		if (by <= 0)
			return scenario_error(p, "a range's step is more than nothing");
		if (fabs(to - from) / by >= SCENARIO_MAXOPS)
			return scenario_error(p, "the range has more than %u steps", SCENARIO_MAXOPS);
		n = (int)(fabs(to - from) / by + 1e-9);
	} else if (l->has_step)
		return scenario_error(p, "step: only with a range of rates, as rate 10%%..100%% step 10%%");
	if (l->op.kind == SCENARIO_RAMP && !l->op.has_rate[0])
		return scenario_error(p, "ramp: as 'ramp 30s rate 1kpps to 1Mpps'");
	if (l->op.kind == SCENARIO_RAMP && (l->from.kind == RATE_MAX || l->to.kind == RATE_MAX))
		return scenario_error(p, "ramp: to or from max is no rate: 100%%?");
	if (l->label[0] != '\0' && (l->op.text = scenario_text_add(p, l->label)) < 0)
		return -EINVAL;
	for (int i = 0; i <= n; i++) {
		struct scenario_op *op = scenario_op_add(p, l->op.kind);

		if (op == NULL)
			return -EINVAL;
		l->op.line = op->line;
		*op = l->op;
		op->has_rate[1] = op->has_rate[0];
		op->rate[0] = l->from;
		op->rate[0].value = l->has_range ? from + (to < from ? -by : by) * i : from;
		op->rate[1] = op->rate[0];
		op->to[0] = op->to[1] = l->to;
	}
	p->first_step = first;
	p->last_step = first + n;
	return 0;
}

int
scenario_parse_step(struct scenario_parser *p, const struct scenario_words *w, enum scenario_kind kind)
{
	struct step_line l = {.op = {.kind = kind, .size = {-1, -1}, .expect = -1, .at = -1, .text = -1}};
	int n;

	p->first_step = p->last_step = -1;
	if (w->n < 2)
		return scenario_error(p, "%s: how long? as '%s 10s rate 100kpps size 64'", w->word[0], w->word[0]);
	n = step_duration(p, w, kind, &l.op);
	if (n < 0)
		return -EINVAL;
	for (unsigned i = (unsigned)n; i < w->n; i += (unsigned)n) {
		n = step_word(p, w, i, &l);
		if (n < 0)
			return -EINVAL;
	}
	return step_expand(p, &l);
}

/*
 * IIJ's: what follows a command is in force for PERIOD seconds, 0: the next one is taken at the same time.  tx1 is what the
 * port of -T sends (direction 0), tx0 what that of -R sends; sizes are of the IP packet; bits are those of layer 1.
 */
static int
iij_tx(struct scenario_parser *p, const struct scenario_words *w, struct scenario_op *op, unsigned dir)
{
	static const char *const factors[] = {"gbps", "mbps", "kbps", "bps"};
	static const double factor[] = {1e9, 1e6, 1e3, 1};
	unsigned long size;
	char *end, text[32];
	double rate;

	if (w->n != 4)
		return scenario_error(
		    p, "%s: as 'PERIOD %s SIZE PPS', a size of the IP packet", w->word[1], w->word[1]);
	size = strtoul(w->word[2], &end, 10);
	if (!isdigit((unsigned char)w->word[2][0]) || *end != '\0' || size > 65535)
		return scenario_error(p, "%s: '%.40s' is no packet size", w->word[1], w->word[2]);
	rate = strtoul(w->word[3], &end, 10);
	if (!isdigit((unsigned char)w->word[3][0]) || rate > 1e12)
		return scenario_error(p, "%s: '%.40s' is no rate", w->word[1], w->word[3]);
	op->rate[dir].kind = RATE_PPS;
	op->rate[dir].value = rate;
	if (*end != '\0') {
		unsigned i;

		for (i = 0; i < 4 && strcasecmp(end, factors[i]) != 0; i++)
			;
		if (i == 4)
			return scenario_error(
			    p, "%s: '%.40s': packets a second, or kbps, mbps, gbps", w->word[1], w->word[3]);
		op->rate[dir] = (struct rate){.kind = RATE_L1, .value = rate * factor[i]};
	}
	op->has_rate[dir] = true;
	op->dirs = 1u << dir;
	if (size == 0 && rate == 0)
		return 0;
	/* its least size is a frame's least; 18: the link's header and the frame check sequence */
	snprintf(text, sizeof(text), "%lu", size < 46 ? 64 : size + 18);
	op->size[dir] = scenario_size_add(p, text);
	return op->size[dir] < 0 ? -EINVAL : 0;
}

int
scenario_parse_iij(struct scenario_parser *p, const struct scenario_words *w)
{
	struct scenario *sc = p->sc;
	struct scenario_op *op;
	const char *cmd = w->word[1];
	unsigned long period;
	char *end;

	period = strtoul(w->word[0], &end, 10);
	if (!isdigit((unsigned char)w->word[0][0]) || *end != '\0' || period > SCENARIO_MAXSECONDS)
		return scenario_error(p, "'%.40s' is no period of seconds", w->word[0]);
	if (w->n < 2)
		return scenario_error(p, "a command is missing: reset, nop, sleep, tx0 or tx1");
	if (strcmp(cmd, "reset") != 0 && strcmp(cmd, "nop") != 0 && strcmp(cmd, "sleep") != 0 &&
	    strcmp(cmd, "tx0") != 0 && strcmp(cmd, "tx1") != 0)
		return scenario_error(p, "'%.40s' is no command: reset, nop, sleep, tx0 or tx1", cmd);
	if (cmd[0] != 't' && w->n != 2)
		return scenario_error(p, "%s: '%.40s' is too much", cmd, w->word[2]);
	if (strcmp(cmd, "reset") == 0 && scenario_op_add(p, SCENARIO_RESET) == NULL)
		return -EINVAL;
	op = scenario_op_add(p, SCENARIO_STEP);
	if (op == NULL)
		return -EINVAL;
	op->dirs = 1;
	op->has_rate[0] = op->has_rate[1] = true;
	for (unsigned i = sc->nops - 1; i > 0; i--) {
		const struct scenario_op *before = &sc->op[i - 1];

		if (before->kind != SCENARIO_STEP)
			continue;
		memcpy(op->rate, before->rate, sizeof(op->rate));
		memcpy(op->size, before->size, sizeof(op->size));
		op->dirs = before->dirs;
		break;
	}
	op->seconds = (double)period;
	if (cmd[0] == 't') {
		unsigned dirs = op->dirs;

		if (iij_tx(p, w, op, cmd[2] == '1' ? 0 : 1) != 0)
			return -EINVAL;
		op->dirs |= dirs;
	}
	return 0;
}
