/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtadvd.conf(5): the configuration of router advertisements, in the form of capability files.
 *
 * An entry is "name|name:capability:capability:...", in which \ continues a line; a capability is "name#number",
 * "name=string" (in quotes where there is a colon in it), "name" or "name@" (not that one, whatever follows);
 * "tc=name" goes on with another entry.  Of the same capability twice the first counts.
 */
/*
 * Synchronization: control only; no shared state.
 * Lifetime: everything is in struct parser and struct rtadv_conf.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ip6/ip6_var.h"
#include "ip6/rtadv_var.h"

#define MAXCAPS	 1024
#define MAXTC	 16
#define MAXNAME	 24
#define MAXVALUE 1024

struct cap {
	char name[MAXNAME];
	int index; /* -1: none */
	char kind; /* '#', '=', 'b' (bool), '@' */
	long long number;
	const char *value; /* in the text, without quotes */
	unsigned len;
	unsigned line;
};

struct parser {
	const char *file, *text;
	char *err;
	size_t errlen;
	unsigned ncaps, ntc;
	struct cap caps[MAXCAPS];
};

/* What there is.  index: it may have a number behind it; kinds: of the forms above. */
static const struct {
	const char *name;
	const char *kinds;
	bool index;
} known[] = {
    {"maxinterval", "#", false},
    {"mininterval", "#", false},
    {"chlim", "#", false},
    {"raflags", "#=", false},
    {"rltime", "#", false},
    {"rtime", "#", false},
    {"retrans", "#", false},
    {"clockskew", "#", false},
    {"mtu", "#=", false},
    {"nolladdr", "b", false},
    {"noifprefix", "b", false},
    {"addrs", "#", false},
    {"routes", "#", false},
    {"addr", "=", true},
    {"prefixlen", "#", true},
    {"pinfoflags", "#=", true},
    {"vltime", "#", true},
    {"vltimedecr", "b", true},
    {"pltime", "#", true},
    {"pltimedecr", "b", true},
    {"rtprefix", "=", true},
    {"rtplen", "#", true},
    {"rtflags", "#=", true},
    {"rtltime", "#", true},
    {"rdnss", "=", true},
    {"rdnssltime", "#", true},
    {"dnssl", "=", true},
    {"dnsslltime", "#", true},
};

/* => false, always */
static bool fail(struct parser *ps, unsigned line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static bool
fail(struct parser *ps, unsigned line, const char *fmt, ...)
{
	int n = line > 0 ? snprintf(ps->err, ps->errlen, "%s:%u: ", ps->file, line)
			 : snprintf(ps->err, ps->errlen, "%s: ", ps->file);
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && (size_t)n < ps->errlen)
		vsnprintf(ps->err + n, ps->errlen - n, fmt, ap);
	va_end(ap);
	return false;
}

/* => the end of a logical line; *line counts its lines */
static const char *
line_end(const char *p, unsigned *line)
{
	for (; *p != '\0' && *p != '\n'; p++) {
		if (*p == '\\' && (p[1] == '\n' || (p[1] == '\r' && p[2] == '\n'))) {
			p += p[1] == '\r' ? 2 : 1;
			(*line)++;
		}
	}
	return p;
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\\';
}

/* One capability between p and end into the list, unless it is there already */
static bool
add_cap(struct parser *ps, const char *p, const char *end, unsigned line)
{
	struct cap c = {.index = -1, .line = line, .kind = 'b'};
	unsigned n = 0, i, digits;

	while (p < end && blank(*p))
		p++;
	while (end > p && blank(end[-1]))
		end--;
	if (p == end)
		return true;
	while (p < end && (isalnum((unsigned char)*p) || *p == '_')) {
		if (n + 1 == sizeof(c.name))
			return fail(ps, line, "'%.*s...' is no capability", (int)n, c.name);
		c.name[n++] = *p++;
	}
	if (n == 0)
		return fail(ps, line, "'%.*s' is no capability", (int)(end - p), p);
	if (strcmp(c.name, "tc") != 0) {
		for (digits = n; digits > 0 && isdigit((unsigned char)c.name[digits - 1]);)
			digits--;
		if (digits < n && n - digits <= 3)
			c.index = (int)strtol(c.name + digits, NULL, 10);
		if (c.index >= RTADV_MAXPREFIX)
			return fail(ps, line, "%s: numbers go up to %d", c.name, RTADV_MAXPREFIX - 1);
		if (digits < n)
			c.name[digits] = '\0';
		for (i = 0; i < RTE_DIM(known) && strcmp(known[i].name, c.name) != 0; i++)
			;
		if (i == RTE_DIM(known) || (digits < n && !known[i].index))
			return fail(ps, line, "'%s%.*s' is no capability", c.name, (int)(n - digits),
			    digits < n ? p - (n - digits) : "");
	} else
		i = RTE_DIM(known);
	if (p < end) {
		c.kind = *p++;
		if (c.kind != '#' && c.kind != '=' && c.kind != '@')
			return fail(ps, line, "%s: '%c' is none of # = @", c.name, c.kind);
	}
	if (i < RTE_DIM(known) && c.kind != '@' && strchr(known[i].kinds, c.kind) == NULL)
		return fail(ps, line, "%s: %s is needed", c.name,
		    known[i].kinds[0] == '#'   ? "#number"
		    : known[i].kinds[0] == '=' ? "=\"text\""
					       : "the name alone");
	if (c.kind == '=' && end - p >= 2 && *p == '"' && end[-1] == '"') {
		p++;
		end--;
	}
	c.value = p;
	c.len = (unsigned)(end - p);
	if (c.len >= MAXVALUE)
		return fail(ps, line, "%s: longer than %d octets", c.name, MAXVALUE - 1);
	if (c.kind == '#') {
		char number[32], *stop;

		snprintf(number, sizeof(number), "%.*s", (int)c.len, p);
		errno = 0;
		c.number = strtoll(number, &stop, 0);
		if (!isdigit((unsigned char)number[0]) || *stop != '\0' || c.len >= sizeof(number) || errno != 0)
			return fail(ps, line, "%s: '%.*s' is not a number", c.name, (int)c.len, p);
	}
	for (i = 0; i < ps->ncaps; i++)
		if (ps->caps[i].index == c.index && strcmp(ps->caps[i].name, c.name) == 0 && strcmp(c.name, "tc") != 0)
			return true;
	if (ps->ncaps == MAXCAPS)
		return fail(ps, line, "%s: more than %d capabilities", c.name, MAXCAPS);
	ps->caps[ps->ncaps++] = c;
	return true;
}

/* => is name among those of the entry that begins at p? */
static bool
entry_named(const char *p, const char *end, const char *name)
{
	size_t len = strlen(name);

	while (p < end && *p != ':') {
		size_t n = 0;

		while (p + n < end && p[n] != ':' && p[n] != '|')
			n++;
		if (n == len && strncmp(p, name, n) == 0)
			return true;
		p += n;
		if (p < end && *p == '|')
			p++;
	}
	return false;
}

/* The capabilities of the entry, and of those that it refers to.  *found: there is one of this name */
static bool
read_entry(struct parser *ps, const char *name, bool *found)
{
	const char *p = ps->text, *end, *q;
	unsigned line = 1;

	*found = false;
	for (; *p != '\0'; p = *end != '\0' ? end + 1 : end, line++) {
		unsigned first = line, before = ps->ncaps;
		char next[MAXVALUE];

		if (*p == '#') { /* not continued */
			end = p + strcspn(p, "\n");
			continue;
		}
		end = line_end(p, &line);
		while (p < end && blank(*p)) {
			first += *p == '\n';
			p++;
		}
		if (p == end || *p == '#' || !entry_named(p, end, name))
			continue;
		*found = true;
		q = memchr(p, ':', (size_t)(end - p));
		if (q == NULL)
			return true;
		for (const char *c = p; c < q; c++)
			first += *c == '\n';
		while (q < end) {
			const char *cap = ++q;
			bool quoted = false;
			unsigned at = first;

			for (; q < end && (quoted || *q != ':'); q++) {
				quoted ^= *q == '"';
				first += *q == '\n';
			}
			if (quoted)
				return fail(ps, at, "quote not closed");
			while (cap < q && blank(*cap))
				at += *cap++ == '\n';
			if (!add_cap(ps, cap, q, at))
				return false;
		}
		/* what another entry says comes after what this one does */
		for (unsigned i = before; i < ps->ncaps; i++) {
			struct cap c = ps->caps[i];
			bool there;

			if (strcmp(c.name, "tc") != 0)
				continue;
			memmove(&ps->caps[i], &ps->caps[i + 1], (ps->ncaps - i - 1) * sizeof(c));
			ps->ncaps--;
			i--;
			if (c.kind != '=')
				return fail(ps, c.line, "tc: =name is needed");
			if (ps->ntc++ == MAXTC) /* in all: a reference may be repeated in what it leads to */
				return fail(ps, c.line, "tc: entries that refer to one another");
			snprintf(next, sizeof(next), "%.*s", (int)c.len, c.value);
			if (!read_entry(ps, next, &there))
				return false;
			if (!there)
				return fail(ps, c.line, "tc: there is no entry '%s'", next);
		}
		return true;
	}
	return true;
}

static const struct cap *
cap_find(const struct parser *ps, const char *name, int index)
{
	for (unsigned i = 0; i < ps->ncaps; i++)
		if (ps->caps[i].index == index && strcmp(ps->caps[i].name, name) == 0)
			return ps->caps[i].kind == '@' ? NULL : &ps->caps[i];
	return NULL;
}

/* => true with *out the number, or what it is otherwise; false: out of range */
static bool
number(struct parser *ps, const char *name, int index, long long min, long long max, long long otherwise, uint32_t *out)
{
	const struct cap *c = cap_find(ps, name, index);

	*out = (uint32_t)otherwise;
	if (c == NULL)
		return true;
	if (c->number < min || c->number > max)
		return fail(ps, c->line, "%s: %lld is out of range (%lld to %lld)", name, c->number, min, max);
	*out = (uint32_t)c->number;
	return true;
}

/* Flags as a number, or as letters that stand for them */
static bool
flags(struct parser *ps, const char *name, int index, const char *letters, const uint8_t *bits, uint8_t otherwise,
    uint8_t *out)
{
	const struct cap *c = cap_find(ps, name, index);

	*out = otherwise;
	if (c == NULL)
		return true;
	if (c->kind == '#') {
		if (c->number < 0 || c->number > 255)
			return fail(ps, c->line, "%s: %lld is out of range (0 to 255)", name, c->number);
		*out = (uint8_t)c->number;
	} else {
		*out = 0;
		for (unsigned i = 0; i < c->len; i++) {
			const char *l = memchr(letters, c->value[i], strlen(letters));

			if (l == NULL)
				return fail(ps, c->line, "%s: '%c' is none of %s", name, c->value[i], letters);
			*out |= bits[l - letters];
		}
	}
	return true;
}

static bool
preference(struct parser *ps, const char *name, int index, uint8_t value)
{
	const struct cap *c = cap_find(ps, name, index);

	if (c != NULL && (value & RTADV_F_PREF) == 0x10)
		return fail(ps, c->line, "%s: a preference of 10 is reserved", name);
	return true;
}

static bool
address(struct parser *ps, const struct cap *c, const char *text, unsigned len, struct in6_addr *out)
{
	char buf[INET6_ADDRSTRLEN + 1];

	snprintf(buf, sizeof(buf), "%.*s", (int)len, text);
	if (len >= sizeof(buf) || inet_pton(AF_INET6, buf, out) != 1)
		return fail(ps, c->line, "%s: '%.*s' is not an IPv6 address", c->name, (int)len, text);
	return true;
}

/* => room for one more of the array's elements; false: no memory */
static bool
grow(struct parser *ps, void *arrayp, unsigned n, size_t size)
{
	void **array = arrayp, *larger = realloc(*array, (n + 1) * size);

	if (larger == NULL)
		return fail(ps, 0, "out of memory");
	memset((char *)larger + n * size, 0, size);
	*array = larger;
	return true;
}

static void
mask_prefix(struct in6_addr *a, unsigned plen)
{
	for (unsigned i = 0; i < 16; i++) {
		if (plen < 8 * i + 8)
			a->s6_addr[i] &= plen <= 8 * i ? 0 : (uint8_t)(0xff00 >> (plen - 8 * i));
	}
}

static bool
prefix_values(struct parser *ps, int index, struct rtadv_prefix *p)
{
	static const uint8_t bits[] = {RTADV_P_ONLINK, RTADV_P_AUTO};
	uint32_t plen;
	const struct cap *c;

	if (!number(ps, "prefixlen", index, 0, 128, 64, &plen) ||
	    !flags(ps, "pinfoflags", index, "la", bits, RTADV_P_ONLINK | RTADV_P_AUTO, &p->flags) ||
	    !number(ps, "vltime", index, 0, UINT32_MAX, RTADV_VLTIME, &p->vltime) ||
	    !number(ps, "pltime", index, 0, UINT32_MAX, RTE_MIN(RTADV_PLTIME, p->vltime), &p->pltime))
		return false;
	p->plen = (uint8_t)plen;
	p->vdecr = cap_find(ps, "vltimedecr", index) != NULL;
	p->pdecr = cap_find(ps, "pltimedecr", index) != NULL;
	if (p->pltime > p->vltime) {
		c = cap_find(ps, "pltime", index);
		return fail(ps, c != NULL ? c->line : 0, "pltime: %u is longer than vltime (%u)", p->pltime, p->vltime);
	}
	return true;
}

static bool
prefixes(struct parser *ps, struct rtadv_conf *conf)
{
	if (!prefix_values(ps, -1, &conf->ifprefix))
		return false;
	for (int i = -1; i < RTADV_MAXPREFIX; i++) {
		const struct cap *c = cap_find(ps, "addr", i);
		struct rtadv_prefix *p;

		if (c == NULL)
			continue;
		if (!grow(ps, &conf->prefix, conf->nprefix, sizeof(*p)))
			return false;
		p = &conf->prefix[conf->nprefix++];
		if (!prefix_values(ps, i, p) || !address(ps, c, c->value, c->len, &p->prefix))
			return false;
		if (IN6_MULTICAST(&p->prefix) || IN6_LINKLOCAL(&p->prefix))
			return fail(ps, c->line, "addr: '%.*s' is no prefix for a link", (int)c->len, c->value);
		mask_prefix(&p->prefix, p->plen);
	}
	return true;
}

static bool
routes(struct parser *ps, struct rtadv_conf *conf)
{
	static const uint8_t bits[] = {0x08, 0x18};

	for (int i = -1; i < RTADV_MAXPREFIX; i++) {
		const struct cap *c = cap_find(ps, "rtprefix", i);
		struct rtadv_route *r;
		uint32_t plen;

		if (c == NULL)
			continue;
		if (!grow(ps, &conf->route, conf->nroute, sizeof(*r)))
			return false;
		r = &conf->route[conf->nroute++];
		if (!address(ps, c, c->value, c->len, &r->prefix) || !number(ps, "rtplen", i, 0, 128, 64, &plen) ||
		    !flags(ps, "rtflags", i, "hl", bits, 0, &r->flags) || !preference(ps, "rtflags", i, r->flags) ||
		    !number(ps, "rtltime", i, 0, UINT32_MAX, conf->rltime, &r->ltime))
			return false;
		r->plen = (uint8_t)plen;
		mask_prefix(&r->prefix, plen);
	}
	return true;
}

static bool
servers(struct parser *ps, struct rtadv_conf *conf)
{
	for (int i = -1; i < RTADV_MAXPREFIX; i++) {
		const struct cap *c = cap_find(ps, "rdnss", i);
		struct rtadv_rdnss *r;

		if (c == NULL)
			continue;
		if (!grow(ps, &conf->rdnss, conf->nrdnss, sizeof(*r)))
			return false;
		r = &conf->rdnss[conf->nrdnss++];
		/* RFC 8106 section 5.1 */
		if (!number(ps, "rdnssltime", i, 0, UINT32_MAX, conf->maxinterval * 3, &r->ltime))
			return false;
		for (unsigned at = 0, n; at < c->len; at += n + 1) {
			const char *comma = memchr(c->value + at, ',', c->len - at);

			n = comma != NULL ? (unsigned)(comma - c->value) - at : c->len - at;
			if (r->n == RTADV_MAXRDNSS)
				return fail(ps, c->line, "rdnss: more than %d addresses", RTADV_MAXRDNSS);
			if (!address(ps, c, c->value + at, n, &r->addr[r->n++]))
				return false;
		}
		if (r->n == 0)
			return fail(ps, c->line, "rdnss: an address is missing");
	}
	return true;
}

/* One name in RFC 1035's encoding behind those that are there */
static bool
domain(struct parser *ps, const struct cap *c, const char *name, unsigned len, struct rtadv_dnssl *d)
{
	unsigned start = d->len;

	if (len > 0 && name[len - 1] == '.')
		len--;
	for (unsigned at = 0, n; at < len || at == 0; at += n + 1) {
		const char *dot = at < len ? memchr(name + at, '.', len - at) : NULL;

		n = dot != NULL ? (unsigned)(dot - name) - at : len - at;
		if (n == 0 || n > 63)
			return fail(ps, c->line, "dnssl: '%.*s' is not a name of a domain", (int)len, name);
		if (d->len + n + 2 > sizeof(d->names) || d->len + n + 2 - start > 255)
			return fail(ps, c->line, "dnssl: '%.*s' is too long", (int)len, name);
		d->names[d->len++] = (uint8_t)n;
		memcpy(&d->names[d->len], name + at, n);
		d->len += n;
	}
	d->names[d->len++] = 0;
	return true;
}

static bool
domains(struct parser *ps, struct rtadv_conf *conf)
{
	for (int i = -1; i < RTADV_MAXPREFIX; i++) {
		const struct cap *c = cap_find(ps, "dnssl", i);
		struct rtadv_dnssl *d;

		if (c == NULL)
			continue;
		if (!grow(ps, &conf->dnssl, conf->ndnssl, sizeof(*d)))
			return false;
		d = &conf->dnssl[conf->ndnssl++];
		if (!number(ps, "dnsslltime", i, 0, UINT32_MAX, conf->maxinterval * 3, &d->ltime))
			return false;
		if (c->len == 0)
			return fail(ps, c->line, "dnssl: a name is missing");
		for (unsigned at = 0, n; at < c->len; at += n + 1) {
			const char *comma = memchr(c->value + at, ',', c->len - at);

			n = comma != NULL ? (unsigned)(comma - c->value) - at : c->len - at;
			if (!domain(ps, c, c->value + at, n, d))
				return false;
		}
	}
	return true;
}

static bool
header(struct parser *ps, struct rtadv_conf *conf)
{
	static const uint8_t bits[] = {RTADV_F_MANAGED, RTADV_F_OTHER, 0x08, 0x18};
	const struct cap *c;
	uint32_t chlim;

	if (!number(ps, "maxinterval", -1, 4, 65535, 600, &conf->maxinterval) ||
	    !number(ps, "mininterval", -1, 3, conf->maxinterval * 3 / 4, RTE_MAX(conf->maxinterval / 3, 3u),
		&conf->mininterval) ||
	    !number(ps, "chlim", -1, 0, 255, 64, &chlim) || !flags(ps, "raflags", -1, "mohl", bits, 0, &conf->flags) ||
	    !preference(ps, "raflags", -1, conf->flags) ||
	    !number(
		ps, "rltime", -1, 0, 65535, RTE_MIN(RTE_MAX(conf->maxinterval * 3, 1800u), 65535u), &conf->rltime) ||
	    !number(ps, "rtime", -1, 0, 3600000, 0, &conf->rtime) ||
	    !number(ps, "retrans", -1, 0, UINT32_MAX, 0, &conf->retrans) ||
	    !number(ps, "clockskew", -1, 0, UINT32_MAX, 0, &conf->clockskew))
		return false;
	conf->chlim = (uint8_t)chlim;
	c = cap_find(ps, "rltime", -1);
	if (c != NULL && conf->rltime != 0 && conf->rltime < conf->maxinterval)
		return fail(ps, c->line, "rltime: %u is neither 0 nor at least maxinterval (%u)", conf->rltime,
		    conf->maxinterval);
	c = cap_find(ps, "mtu", -1);
	if (c != NULL && c->kind == '=') {
		if (c->len != 4 || strncmp(c->value, "auto", 4) != 0)
			return fail(ps, c->line, "mtu: '%.*s' is neither a number nor auto", (int)c->len, c->value);
		conf->mtu_auto = true;
	} else if (c != NULL && c->number != 0 && !number(ps, "mtu", -1, IPV6_MINMTU, 65535, 0, &conf->mtu))
		return false;
	conf->nolladdr = cap_find(ps, "nolladdr", -1) != NULL;
	conf->noifprefix = cap_find(ps, "noifprefix", -1) != NULL;
	return true;
}

struct rtadv_conf *
rtadv_conf_parse(const char *file, const char *text, const char *ifname, char *err, size_t errlen)
{
	struct parser *ps = calloc(1, sizeof(*ps));
	struct rtadv_conf *conf = calloc(1, sizeof(*conf));
	bool found = false, ok = ps != NULL && conf != NULL;

	if (!ok)
		snprintf(err, errlen, "out of memory");
	if (ok) {
		ps->file = file != NULL ? file : "rtadvd.conf";
		ps->text = text != NULL ? text : "";
		ps->err = err;
		ps->errlen = errlen;
		ok = read_entry(ps, ifname, &found);
		if (ok && !found)
			ok = read_entry(ps, "default", &found);
	}
	ok = ok && header(ps, conf) && prefixes(ps, conf) && routes(ps, conf) && servers(ps, conf) && domains(ps, conf);
	free(ps);
	if (ok)
		return conf;
	rtadv_conf_free(conf);
	return NULL;
}

int
rtadv_conf_check(const char *file, const char *text, const char *ifname, char *err, size_t errlen)
{
	struct rtadv_conf *conf = rtadv_conf_parse(file, text, ifname, err, errlen);

	if (conf == NULL)
		return -EINVAL;
	rtadv_conf_free(conf);
	return 0;
}

void
rtadv_conf_free(struct rtadv_conf *conf)
{
	if (conf == NULL)
		return;
	free(conf->prefix);
	free(conf->route);
	free(conf->rdnss);
	free(conf->dnssl);
	free(conf);
}
