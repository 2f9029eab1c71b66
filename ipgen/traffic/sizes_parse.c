/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frame sizes as text.
 *
 *	64				one size
 *	64-1518:64			64, 128 ... 1472 and, always, 1518; a step of 1 where none is given
 *	imix				7 of 64, 4 of 594, 1 of 1518: IP packets of 40, 576 and 1500, as Linux' pktgen and iperf3 call
 *					it; TRex' has 28:20:4, CSIT's 570 in place of 594
 *	imix:64x7,570x4,1518		sizes with weights, as evenly spread as it goes
 *	genome:aaafg			RFC 6985 section 3: exactly this sequence; z is the port's MTU
 *	genome:AAB,A=70,B=1400,z=9018	section 4: sizes of one's own
 *	genome:20(abcd)5(ggga)3d	section 5.1: run lengths
 */
#include <ctype.h>
#include <stdlib.h>

#include "ipgen/traffic/private.h"

#define MAXWEIGHTS 256
#define MAXDEPTH   8

/* What is read, and where. */
struct reader {
	const char *text, *p, *end; /* end: of the part being read */
	char *err;
	size_t errlen;
};

static int
fail_size(const struct reader *r, const char *where, const char *what)
{
	char q[QUOTE_LEN];

	return FAIL(r->err, r->errlen, "size %s: octet %u: %s", text_quote(r->text, strlen(r->text), q),
	    (unsigned)(where - r->text) + 1, what);
}

/* A number of 1 to max; -EINVAL. */
static int
read_number(struct reader *r, long max, const char *what, unsigned *out)
{
	const char *s = r->p;
	long v;

	while (r->p < r->end && isdigit((unsigned char)*r->p))
		r->p++;
	v = text_number(s, (size_t)(r->p - s), max);
	if (v < 1)
		return fail_size(r, s, what);
	*out = (unsigned)v;
	return 0;
}

static int
read_size(struct reader *r, unsigned *out)
{
	return read_number(r, TRAFFIC_MAXSIZE, "a size of 1 to 16000 octets is expected", out);
}

static int
parse_plain(struct reader *r, struct traffic_sizes *s)
{
	const char *at;
	int rc = read_size(r, &s->size);

	s->kind = SIZES_FIXED;
	if (rc != 0 || r->p == r->end)
		return rc;
	if (*r->p != '-')
		return fail_size(r, r->p, "a size is a number, a range, imix or genome");
	s->kind = SIZES_SWEEP;
	s->min = s->size;
	s->step = 1;
	at = ++r->p;
	rc = read_size(r, &s->max);
	if (rc == 0 && s->max < s->min)
		return fail_size(r, at, "the range ends below its begin");
	if (rc == 0 && r->p < r->end && *r->p == ':') {
		r->p++;
		rc = read_number(r, TRAFFIC_MAXSIZE, "a step of 1 to 16000 octets is expected", &s->step);
	}
	if (rc == 0 && r->p != r->end)
		return fail_size(r, r->p, "nothing is expected here");
	return rc;
}

/*
 * Spreads sizes by weight: each turn every size earns its weight, the richest is taken and pays the sum.  After the sum of
 * weights each was taken as often as it weighs, and never two by turns too early.
 */
static void
mix_spread(struct traffic_sizes *s, const unsigned *size, const unsigned *weight, unsigned n, unsigned sum)
{
	long credit[MAXWEIGHTS] = {0};

	for (s->nmix = 0; s->nmix < sum; s->nmix++) {
		unsigned best = 0;

		for (unsigned i = 0; i < n; i++) {
			credit[i] += weight[i];
			if (credit[i] > credit[best])
				best = i;
		}
		credit[best] -= sum;
		s->mix[s->nmix] = (uint16_t)size[best];
	}
}

static unsigned
gcd(unsigned a, unsigned b)
{
	while (b != 0) {
		unsigned t = a % b;

		a = b;
		b = t;
	}
	return a;
}

static int
parse_imix(struct reader *r, struct traffic_sizes *s)
{
	unsigned size[MAXWEIGHTS], weight[MAXWEIGHTS], n = 0, divisor = 0, sum = 0;
	int rc;

	s->kind = SIZES_MIX;
	for (;;) {
		if (n == MAXWEIGHTS)
			return fail_size(r, r->p, "more than 256 sizes");
		rc = read_size(r, &size[n]);
		weight[n] = 1;
		if (rc == 0 && r->p < r->end && *r->p == 'x') {
			r->p++;
			rc = read_number(r, 1000000, "a weight of 1 to 1000000 is expected", &weight[n]);
		}
		if (rc != 0)
			return rc;
		divisor = gcd(weight[n++], divisor);
		if (r->p == r->end)
			break;
		if (*r->p++ != ',')
			return fail_size(r, r->p - 1, "SIZE or SIZExWEIGHT, with commas between");
	}
	for (unsigned i = 0; i < n; i++)
		sum += weight[i] /= divisor;
	if (sum > TRAFFIC_MAXMIX)
		return fail_size(r, r->end, "the weights add up to more than 16384");
	mix_spread(s, size, weight, n, sum);
	return 0;
}

/* Letters of RFC 6985, and those that the text defines: octets of frames, 0 the MTU's, -1 not defined. */
struct genome {
	int size[128];
};

static int
genome_add(struct reader *r, struct traffic_sizes *s, const char *at, unsigned from, unsigned to, unsigned times)
{
	unsigned n = to - from;

	if ((uint64_t)n * times > TRAFFIC_MAXMIX - from)
		return fail_size(r, at, "the sequence is longer than 16384 packets");
	s->nmix = from + n * times;
	for (unsigned i = to; i < s->nmix; i++)
		s->mix[i] = s->mix[i - n];
	return 0;
}

static int
genome_sequence(struct reader *r, const struct genome *g, struct traffic_sizes *s, unsigned depth)
{
	while (r->p < r->end && *r->p != ')') {
		const char *at = r->p;
		unsigned times = 1, from = s->nmix;
		int rc;

		if (isdigit((unsigned char)*r->p)) {
			rc = read_number(r, TRAFFIC_MAXMIX, "a count of 1 to 16384 is expected", &times);
			if (rc != 0)
				return rc;
		}
		if (r->p < r->end && *r->p == '(') {
			const char *open = r->p++;

			if (depth == MAXDEPTH)
				return fail_size(r, open, "too many '(' in one another");
			rc = genome_sequence(r, g, s, depth + 1);
			if (rc != 0)
				return rc;
			if (r->p == r->end)
				return fail_size(r, open, "'(' without ')'");
			r->p++;
			if (s->nmix == from)
				return fail_size(r, open, "nothing is between '(' and ')'");
		} else if (r->p < r->end && isalpha((unsigned char)*r->p)) {
			int v = g->size[(unsigned char)*r->p];

			if (v < 0)
				return fail_size(r, r->p,
				    isupper((unsigned char)*r->p)
					? "this letter's size is not given: genome:AAB,A=70,B=1400"
					: "no such letter: a 64, b 128, c 256, d 512, e 1024, f 1280, g 1518, h 2112, "
					  "i 9000, "
					  "j 16000, z MTU");
			r->p++;
			if (s->nmix == TRAFFIC_MAXMIX)
				return fail_size(r, at, "the sequence is longer than 16384 packets");
			s->mix[s->nmix++] = (uint16_t)v;
		} else {
			return fail_size(r, r->p, "a letter, or a count and '(', is expected");
		}
		rc = genome_add(r, s, at, from, s->nmix, times);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* "A=70,B=1400" from r->p to the end. */
static int
genome_define(struct reader *r, struct genome *g)
{
	while (r->p < r->end) {
		unsigned char c = (unsigned char)*r->p;
		unsigned size;
		int rc;

		if ((!isupper(c) && c != 'z') || r->p + 1 >= r->end || r->p[1] != '=')
			return fail_size(r, r->p, "A= to Z= or z= with a size is expected");
		r->p += 2;
		rc = read_size(r, &size);
		if (rc != 0)
			return rc;
		g->size[c] = (int)size;
		if (r->p < r->end && *r->p++ != ',')
			return fail_size(r, r->p - 1, "a comma is expected");
	}
	return 0;
}

static int
parse_genome(struct reader *r, struct traffic_sizes *s)
{
	static const uint16_t letter[] = {64, 128, 256, 512, 1024, 1280, 1518, 2112, 9000, 16000};
	const char *begin = r->p, *end = r->end, *comma = strchr(r->p, ',');
	struct genome g;
	int rc = 0;

	s->kind = SIZES_MIX;
	for (unsigned i = 0; i < RTE_DIM(g.size); i++)
		g.size[i] = -1;
	for (unsigned i = 0; i < RTE_DIM(letter); i++)
		g.size['a' + i] = letter[i];
	g.size['z'] = 0;
	if (comma != NULL) {
		r->p = comma + 1;
		if (r->p == end)
			return fail_size(r, r->p, "A= to Z= or z= with a size is expected");
		rc = genome_define(r, &g);
		end = comma;
	}
	if (rc != 0)
		return rc;
	r->p = begin;
	r->end = end;
	rc = genome_sequence(r, &g, s, 0);
	if (rc == 0 && r->p != r->end)
		return fail_size(r, r->p, "')' without '('");
	if (rc == 0 && s->nmix == 0)
		return fail_size(r, r->p, "the genome is empty");
	return rc;
}

int
traffic_sizes_parse(const char *text, struct traffic_sizes *s, char *err, size_t errlen)
{
	const char *simple = "imix:64x7,594x4,1518x1";
	struct reader r = {.text = text, .p = text, .end = text + strlen(text), .err = err, .errlen = errlen};

	s->kind = SIZES_FIXED;
	s->named = strcmp(text, "imix") == 0;
	s->size = s->min = s->max = s->step = s->nmix = 0;
	snprintf(s->text, sizeof(s->text), strlen(text) < sizeof(s->text) ? "%s" : "%.60s...", text);
	if (s->named) {
		r.p = simple + 5;
		r.end = simple + strlen(simple);
		return parse_imix(&r, s);
	}
	if (strncmp(text, "imix:", 5) == 0) {
		r.p += 5;
		return parse_imix(&r, s);
	}
	if (strncmp(text, "genome:", 7) == 0) {
		r.p += 7;
		return parse_genome(&r, s);
	}
	return parse_plain(&r, s);
}
