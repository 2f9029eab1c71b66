/* SPDX-License-Identifier: BSD-2-Clause */
/* Scenarios: the text becomes a flat list of operations, or a list of errors with their lines. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipgen/live/scenario.h"

int
scenario_error(struct scenario_parser *p, const char *fmt, ...)
{
	char reason[200];
	va_list ap;
	int n;

	if (p->nerrors++ >= SCENARIO_MAXERRORS)
		return -EINVAL;
	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	for (char *c = reason; *c != '\0'; c++) {
		if (iscntrl((unsigned char)*c))
			*c = '?';
	}
	n = snprintf(p->err + p->errused, p->errlen - p->errused, "%s%s:%u: %s", p->errused > 0 ? "\n" : "",
	    p->sc->path, p->line, reason);
	p->errused += (size_t)n < p->errlen - p->errused ? (size_t)n : p->errlen - p->errused - 1;
	return -EINVAL;
}

int
scenario_grow(void *array, unsigned n, unsigned *alloc, size_t size)
{
	void **a = array, *bigger;
	unsigned want = *alloc == 0 ? 16 : *alloc * 2;

	if (n < *alloc)
		return 0;
	bigger = realloc(*a, want * size);
	if (bigger == NULL)
		return -ENOMEM;
	*a = bigger;
	*alloc = want;
	return 0;
}

struct scenario_op *
scenario_op_add(struct scenario_parser *p, enum scenario_kind kind)
{
	struct scenario *sc = p->sc;
	struct scenario_op *op;

	if (sc->nops >= SCENARIO_MAXOPS) {
		scenario_error(p, "more than %u steps", SCENARIO_MAXOPS);
		return NULL;
	}
	if (scenario_grow(&sc->op, sc->nops, &sc->aops, sizeof(*sc->op)) != 0) {
		scenario_error(p, "out of memory");
		return NULL;
	}
	op = &sc->op[sc->nops++];
	*op = (struct scenario_op){.kind = kind, .line = p->line, .size = {-1, -1}, .expect = -1, .at = -1, .text = -1};
	return op;
}

int
scenario_text_add(struct scenario_parser *p, const char *text)
{
	struct scenario *sc = p->sc;

	if (scenario_grow(&sc->text, sc->ntexts, &sc->atexts, sizeof(*sc->text)) != 0 ||
	    (sc->text[sc->ntexts] = strdup(text)) == NULL)
		return scenario_error(p, "out of memory");
	return (int)sc->ntexts++;
}

int
scenario_size_add(struct scenario_parser *p, const char *text)
{
	struct scenario *sc = p->sc;
	struct traffic_sizes *sizes;
	char err[160] = "";
	unsigned i;

	for (i = 0; i < sc->nsizes; i++) {
		if (strcmp(sc->sizes[i]->text, text) == 0)
			return (int)i;
	}
	if (sc->nsizes == SCENARIO_MAXSIZES)
		return scenario_error(p, "more than %u different frame sizes", SCENARIO_MAXSIZES);
	sizes = calloc(1, sizeof(*sizes));
	if (sizes == NULL)
		return scenario_error(p, "out of memory");
	if (traffic_sizes_parse(text, sizes, err, sizeof(err)) != 0) {
		free(sizes);
		return scenario_error(p, "size: %s", err);
	}
	sc->sizes[sc->nsizes] = sizes;
	return (int)sc->nsizes++;
}

int
scenario_time(struct scenario_parser *p, const char *what, const char *text, double *seconds)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = {{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"m", 60}, {"min", 60}, {"h", 3600}};
	char *end;
	double v;

	if (!isdigit((unsigned char)text[0]) || text[1] == 'x' || text[1] == 'X')
		return scenario_error(p, "%s: '%.40s' is no time: as 10s, 500ms, 2m, 1h", what, text);
	v = strtod(text, &end);
	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		v *= units[i].seconds;
		if (!(v <= SCENARIO_MAXSECONDS))
			return scenario_error(p, "%s: '%.40s' is too long", what, text);
		*seconds = v;
		return 0;
	}
	return scenario_error(p, "%s: '%.40s' has no unit that is known: s, ms, us, m or h", what, text);
}

/* A line becomes words; a word in quotes may hold blanks. */
static int
scenario_split(struct scenario_parser *p, char *line, struct scenario_words *w)
{
	char *c = line, *out;

	w->n = 0;
	for (;;) {
		while (*c == ' ' || *c == '\t' || *c == '\r')
			c++;
		if (*c == '\0' || *c == '#')
			return 0;
		if (w->n == SCENARIO_MAXWORDS)
			return scenario_error(p, "more than %u words", SCENARIO_MAXWORDS);
		w->quoted[w->n] = *c == '"';
		if (*c == '"') {
			w->word[w->n++] = out = ++c;
			while (*c != '\0' && *c != '"') {
				if (*c == '\\' && (c[1] == '"' || c[1] == '\\'))
					c++;
				*out++ = *c++;
			}
			if (*c == '\0')
				return scenario_error(p, "a quotation mark is missing");
			c++;
			if (*c != '\0' && strchr(" \t\r#", *c) == NULL)
				return scenario_error(p, "'%.10s' stands right after the quotation mark", c);
			*out = '\0';
			continue;
		}
		w->word[w->n++] = c;
		c += strcspn(c, " \t\r#");
		if (*c == '\0')
			return 0;
		if (*c == '#') {
			*c = '\0';
			return 0;
		}
		*c++ = '\0';
	}
}

static int
scenario_repeat(struct scenario_parser *p, const struct scenario_words *w)
{
	unsigned long n;
	char *end;

	if (w->n != 3 || strcmp(w->word[2], "{") != 0)
		return scenario_error(
		    p, "repeat: as 'repeat 3 {', what is repeated below, and '}' on a line of its own");
	n = strtoul(w->word[1], &end, 10);
	if (p->depth == SCENARIO_MAXDEPTH)
		return scenario_error(p, "repeat: more than %u within one another", SCENARIO_MAXDEPTH);
	if (!isdigit((unsigned char)w->word[1][0]) || *end != '\0' || n < 1 || n > SCENARIO_MAXOPS) {
		scenario_error(p, "repeat: '%.40s' is not a number from 1 to %u", w->word[1], SCENARIO_MAXOPS);
		n = 1;
	}
	p->block_op[p->depth] = p->sc->nops;
	p->block_line[p->depth] = p->line;
	p->block_count[p->depth++] = (unsigned)n;
	p->first_step = p->last_step = -1;
	return 0;
}

static int
scenario_repeat_end(struct scenario_parser *p, const struct scenario_words *w)
{
	struct scenario *sc = p->sc;
	unsigned from, n, count, line = p->line;

	if (w->n != 1)
		return scenario_error(p, "'}' stands on a line of its own");
	if (p->depth == 0)
		return scenario_error(p, "'}' without a repeat");
	from = p->block_op[--p->depth];
	count = p->block_count[p->depth];
	n = sc->nops - from;
	p->first_step = p->last_step = -1;
	p->line = p->block_line[p->depth];
	if (n == 0)
		scenario_error(p, "repeat: nothing is repeated");
	else if ((uint64_t)n * count + from > SCENARIO_MAXOPS)
		scenario_error(p, "repeat: %u times %u steps: more than %u in all", count, n, SCENARIO_MAXOPS);
	p->line = line;
	if (p->nerrors > 0)
		return -EINVAL;
	for (unsigned i = n; i < n * count; i++) {
		if (scenario_op_add(p, SCENARIO_STEP) == NULL)
			return -EINVAL;
		sc->op[from + i] = sc->op[from + i % n];
	}
	return 0;
}

/* event exec "command" [timeout TIME] | event announce */
static int
scenario_parse_event(struct scenario_parser *p, const struct scenario_words *w, unsigned at, double after)
{
	struct scenario *sc = p->sc;
	struct scenario_op *op;
	double timeout = 60;
	int t, *next;

	if (w->n > at + 1 && strcmp(w->word[at + 1], "announce") == 0) {
		if (w->n != at + 2)
			return scenario_error(p, "event announce: '%.40s' is too much", w->word[at + 2]);
		if (after >= 0)
			return scenario_error(p, "event announce: between steps only");
		return scenario_op_add(p, SCENARIO_ANNOUNCE) == NULL ? -EINVAL : 0;
	}
	if (w->n <= at + 1 || strcmp(w->word[at + 1], "exec") != 0)
		return scenario_error(p, "event: as 'event exec \"command\" timeout 10s' or 'event announce'");
	if (w->n <= at + 2 || !w->quoted[at + 2] || w->word[at + 2][0] == '\0')
		return scenario_error(p, "event exec: a command in quotation marks is missing");
	if (w->n == at + 5 && strcmp(w->word[at + 3], "timeout") == 0) {
		if (scenario_time(p, "timeout", w->word[at + 4], &timeout) != 0)
			return -EINVAL;
	} else if (w->n != at + 3)
		return scenario_error(
		    p, "event exec: '%.40s' is not understood: timeout TIME may follow", w->word[at + 3]);
	t = scenario_text_add(p, w->word[at + 2]);
	if (t < 0)
		return -EINVAL;
	if (after < 0) {
		op = scenario_op_add(p, SCENARIO_EXEC);
		if (op == NULL)
			return -EINVAL;
		op->text = t;
		op->seconds = timeout;
		return 0;
	}
	if (scenario_grow(&sc->at, sc->nat, &sc->aat, sizeof(*sc->at)) != 0)
		return scenario_error(p, "out of memory");
	/* in the order of time; all steps of the line have the list */
	for (next = &sc->op[p->first_step].at; *next >= 0 && sc->at[*next].after <= after; next = &sc->at[*next].next)
		;
	sc->at[sc->nat] = (struct scenario_at){
	    .line = p->line, .after = after, .timeout = timeout, .command = sc->text[t], .next = *next};
	*next = (int)sc->nat;
	for (int i = p->first_step; i <= p->last_step; i++)
		sc->op[i].at = sc->op[p->first_step].at;
	sc->nat++;
	return 0;
}

static int
scenario_parse_at(struct scenario_parser *p, const struct scenario_words *w)
{
	double after;

	if (p->first_step < 0)
		return scenario_error(p, "at: there is no step before it (in the same block)");
	if (w->n < 3 || strcmp(w->word[2], "event") != 0)
		return scenario_error(p, "at: as 'at 3s event exec \"command\"', below the step in which it happens");
	if (scenario_time(p, "at", w->word[1], &after) != 0)
		return -EINVAL;
	return scenario_parse_event(p, w, 2, after);
}

static int
scenario_parse_simple(struct scenario_parser *p, const struct scenario_words *w)
{
	struct scenario_op *op;

	if (strcmp(w->word[0], "pause") == 0) {
		double seconds;

		if (w->n != 2)
			return scenario_error(p, "pause: as 'pause 2s'");
		if (scenario_time(p, "pause", w->word[1], &seconds) != 0 ||
		    (op = scenario_op_add(p, SCENARIO_PAUSE)) == NULL)
			return -EINVAL;
		op->seconds = seconds;
		return 0;
	}
	if (strcmp(w->word[0], "label") == 0) {
		int t;

		if (w->n != 2 || !w->quoted[1])
			return scenario_error(p, "label: a text in quotation marks is missing");
		if ((t = scenario_text_add(p, w->word[1])) < 0 || (op = scenario_op_add(p, SCENARIO_LABEL)) == NULL)
			return -EINVAL;
		op->text = t;
		return 0;
	}
	if (w->n != 1)
		return scenario_error(p, "%s: '%.40s' is too much", w->word[0], w->word[1]);
	return scenario_op_add(p, w->word[0][0] == 'r' ? SCENARIO_RESET : SCENARIO_KEY) == NULL ? -EINVAL : 0;
}

static int
scenario_parse_line(struct scenario_parser *p, const struct scenario_words *w)
{
	const char *first = w->word[0];

	if (strcmp(first, "for") == 0)
		return scenario_parse_step(p, w, SCENARIO_STEP);
	if (strcmp(first, "ramp") == 0)
		return scenario_parse_step(p, w, SCENARIO_RAMP);
	if (strcmp(first, "expect") == 0)
		return scenario_parse_expect(p, w);
	if (strcmp(first, "event") == 0)
		return scenario_parse_event(p, w, 0, -1);
	if (strcmp(first, "at") == 0)
		return scenario_parse_at(p, w);
	if (strcmp(first, "repeat") == 0)
		return scenario_repeat(p, w);
	if (strcmp(first, "}") == 0)
		return scenario_repeat_end(p, w);
	if (strcmp(first, "pause") == 0 || strcmp(first, "label") == 0 || strcmp(first, "reset") == 0 ||
	    strcmp(first, "wait-key") == 0)
		return scenario_parse_simple(p, w);
	return scenario_error(p,
	    "'%.40s' is not understood: for, ramp, pause, repeat, expect, event, at, reset, label or wait-key", first);
}

static void
scenario_parse_lines(struct scenario_parser *p, char *text)
{
	struct scenario_words w;
	bool known = false, iij = false;
	char *line = text, *next;

	for (; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		p->line++;
		if (scenario_split(p, line, &w) != 0 || w.n == 0)
			continue;
		if (!known)
			iij = isdigit((unsigned char)w.word[0][0]) && !w.quoted[0];
		known = true;
		if (iij)
			scenario_parse_iij(p, &w);
		else
			scenario_parse_line(p, &w);
	}
}

struct scenario *
scenario_parse(const char *name, const char *text, size_t len, char *err, size_t errlen)
{
	struct scenario_parser p = {.err = err, .errlen = errlen, .first_step = -1, .last_step = -1};
	struct scenario *sc = calloc(1, sizeof(*sc));
	char *copy = malloc(len + 1);
	unsigned i;

	err[0] = '\0';
	if (sc == NULL || copy == NULL) {
		snprintf(err, errlen, "%s: out of memory", name);
		free(copy);
		free(sc);
		return NULL;
	}
	p.sc = sc;
	snprintf(sc->path, sizeof(sc->path), "%s", name);
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (memchr(text, '\0', len) != NULL) {
		p.line = 1;
		scenario_error(&p, "holds an octet 0: this is no text");
	} else
		scenario_parse_lines(&p, copy);
	free(copy);
	while (p.depth > 0) {
		p.line = p.block_line[--p.depth];
		scenario_error(&p, "repeat: its '}' is missing");
	}
	for (i = 0; i < sc->nops && sc->op[i].kind != SCENARIO_STEP && sc->op[i].kind != SCENARIO_RAMP; i++)
		;
	if (p.nerrors == 0 && i == sc->nops) {
		p.line = 1;
		scenario_error(&p, "no step that sends");
	}
	if (p.nerrors > SCENARIO_MAXERRORS)
		snprintf(
		    err + p.errused, errlen - p.errused, "\n%s: %u errors more", name, p.nerrors - SCENARIO_MAXERRORS);
	if (p.nerrors > 0) {
		scenario_free(sc);
		return NULL;
	}
	return sc;
}

struct scenario *
scenario_read(const char *path, char *err, size_t errlen)
{
	struct scenario *sc = NULL;
	struct stat st;
	char *text = NULL;
	ssize_t n;
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0) {
		snprintf(err, errlen, "%s: %s", path, strerror(errno));
		goto out;
	}
	if (S_ISDIR(st.st_mode)) {
		snprintf(err, errlen, "%s: %s", path, strerror(EISDIR));
		goto out;
	}
	text = malloc(SCENARIO_MAXFILE + 1);
	if (text == NULL) {
		snprintf(err, errlen, "%s: out of memory", path);
		goto out;
	}
	while (len <= SCENARIO_MAXFILE && (n = read(fd, text + len, SCENARIO_MAXFILE + 1 - len)) > 0)
		len += (size_t)n;
	if (len > SCENARIO_MAXFILE)
		snprintf(err, errlen, "%s: longer than %u octets", path, SCENARIO_MAXFILE);
	else
		sc = scenario_parse(path, text, len, err, errlen);
out:
	if (fd >= 0)
		close(fd);
	free(text);
	return sc;
}

void
scenario_free(struct scenario *sc)
{
	if (sc == NULL)
		return;
	for (unsigned i = 0; i < sc->nsizes; i++)
		free(sc->sizes[i]);
	for (unsigned i = 0; i < sc->ntexts; i++)
		free(sc->text[i]);
	free(sc->text);
	free(sc->at);
	free(sc->expect);
	free(sc->op);
	free(sc);
}

bool
scenario_bidirectional(const struct scenario *sc)
{
	for (unsigned i = 0; i < sc->nops; i++) {
		if ((sc->op[i].dirs & 2) != 0)
			return true;
	}
	return false;
}

double
scenario_seconds(const struct scenario *sc)
{
	double sum = 0;

	for (unsigned i = 0; i < sc->nops; i++) {
		const struct scenario_op *op = &sc->op[i];

		if (op->kind == SCENARIO_STEP || op->kind == SCENARIO_RAMP || op->kind == SCENARIO_PAUSE)
			sum += op->seconds;
		if (op->packets > 0 && op->has_rate[0] && op->rate[0].kind == RATE_PPS && op->rate[0].value > 0)
			sum += (double)op->packets / op->rate[0].value;
	}
	return sum;
}

unsigned
scenario_failed(const struct scenario *sc)
{
	return sc->failed;
}
