/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers, dates and the user's text, written for people. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "ipgen/report/report_var.h"

#define BUFFERS 32
#define BUFLEN	64

static char *
buffer(void)
{
	static char ring[BUFFERS][BUFLEN];
	static unsigned next;

	return ring[next++ % BUFFERS];
}

locale_t
report_locale_enter(void)
{
	static locale_t plain;

	if (plain == (locale_t)0)
		plain = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
	return plain != (locale_t)0 ? uselocale(plain) : (locale_t)0;
}

void
report_locale_leave(locale_t before)
{
	if (before != (locale_t)0)
		uselocale(before);
}

const char *
fmt_fixed(double v, unsigned digits)
{
	char plain[BUFLEN], *to = buffer(), *out = to;
	const char *from = plain, *dot;
	int n = snprintf(plain, sizeof(plain), "%.*f", (int)digits, v);

	if (!isfinite(v))
		return "-";
	if (n >= 40) { /* no figure of ours: the commas would not fit */
		snprintf(out, BUFLEN, "%.6g", v);
		return out;
	}
	if (*from == '-')
		*to++ = *from++;
	dot = from + strcspn(from, ".");
	for (; *from != '\0'; from++) {
		*to++ = *from;
		if (from < dot - 1 && (dot - 1 - from) % 3 == 0)
			*to++ = ',';
	}
	*to = '\0';
	return out;
}

const char *
fmt_count(double v)
{
	return fmt_fixed(v, 0);
}

const char *
fmt_percent(double share)
{
	double percent = share * 100;

	if (!isfinite(share))
		return "-";
	if (percent == 0)
		return "0";
	if (percent > 0 && percent < 0.0001)
		return "<0.0001";
	return fmt_fixed(percent, percent < 1 ? 4 : 2);
}

const char *
fmt_us(double ns)
{
	return fmt_fixed(ns / 1000, 2);
}

const char *
fmt_date(double unix_time)
{
	time_t t = (time_t)unix_time;
	char *to = buffer();
	struct tm tm;

	if (unix_time <= 0 || gmtime_r(&t, &tm) == NULL)
		return "-";
	strftime(to, BUFLEN, "%Y-%m-%d %H:%M:%S UTC", &tm);
	return to;
}

const char *
fmt_duration(double seconds)
{
	unsigned long s = (unsigned long)(seconds + 0.5);
	char *to = buffer();

	if (!(seconds >= 0) || seconds > 1e9)
		return "-";
	if (seconds < 60)
		snprintf(to, BUFLEN, "%.1f s", seconds);
	else
		snprintf(to, BUFLEN, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
	return to;
}

struct bits_unit
bits_unit_for(double bps)
{
	static const struct bits_unit units[] = {
	    {"Gbit/s L1", "Gbit/s L2", 1e9}, {"Mbit/s L1", "Mbit/s L2", 1e6}, {"kbit/s L1", "kbit/s L2", 1e3}};

	return units[bps >= 1e9 ? 0 : bps >= 1e6 ? 1 : 2];
}

/* => octets of a well-formed UTF-8 character at s, or 0 */
static unsigned
utf8_length(const unsigned char *s)
{
	unsigned n = s[0] < 0x80		   ? 1
		     : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		     : (s[0] & 0xf0) == 0xe0	   ? 3
		     : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						   : 0;

	for (unsigned i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] >= 0x90) || (s[0] == 0xc2 && s[1] < 0xa0))
		return 0;
	return n;
}

char *
report_clean(char *into, size_t len, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t at = 0;

	while (*s != '\0' && at + 5 < len) {
		unsigned n = utf8_length(s);

		if (n == 0 || (n == 1 && (*s < ' ' || *s == 0x7f))) {
			into[at++] = *s == '\t' || *s == '\n' ? ' ' : '?';
			s++;
			continue;
		}
		memcpy(into + at, s, n);
		at += n;
		s += n;
	}
	into[at] = '\0';
	return into;
}
