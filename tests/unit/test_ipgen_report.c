/* SPDX-License-Identifier: BSD-2-Clause */
/* The writers of ipgen's reports: what they write is read back, whatever its words. */
#include <dirent.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "ipgen/report/html_var.h"
#include "report_world.h"

static char *
written(const struct report *r, int (*fn)(const struct report *, FILE *))
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	assert_int_equal(fn(r, f), 0);
	assert_int_equal(fclose(f), 0);
	return text;
}

/* A small reader of RFC 4180.  => the fields of a line, and where the next begins; NULL: a quote is wrong */
static const char *
csv_line(const char *s, char field[][256], unsigned *n)
{
	*n = 0;
	for (;;) {
		unsigned at = 0;

		if (*s == '"') {
			for (s++; *s != '"' || s[1] == '"'; s++) {
				if (*s == '\0')
					return NULL;
				if (*s == '"')
					s++;
				field[*n][at++] = *s;
			}
			s++;
		} else
			while (*s != ',' && *s != '\r' && *s != '\0') {
				if (*s == '"' || *s == '\n')
					return NULL;
				field[*n][at++] = *s++;
			}
		field[(*n)++][at] = '\0';
		if (*s == ',') {
			s++;
			continue;
		}
		return s[0] == '\r' && s[1] == '\n' ? s + 2 : NULL;
	}
}

static unsigned
column(char names[][256], unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	fail_msg("no column %s", name);
	return 0;
}

static int
abandoned(const struct report *r, FILE *f)
{
	report_abandon();
	return fputs("half", f) < 0 ? -EIO : 0;
}

/* What a signal handler does in the midst of a report: nothing stays beside it, and what was there before is as it was. */
static void
test_abandon(void **state)
{
	struct report r = {0};
	char err[128], dir[] = "abandon.XXXXXX", path[64];
	struct dirent *e;
	DIR *d;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/r.txt", dir);
	assert_int_not_equal(report_write(&r, path, abandoned, err, sizeof(err)), 0);
	report_abandon();
	assert_non_null(d = opendir(dir));
	while ((e = readdir(d)) != NULL)
		assert_int_equal(e->d_name[0], '.');
	closedir(d);
	assert_int_equal(report_write(&r, path, report_text, err, sizeof(err)), 0);
	report_abandon();
	assert_int_equal(access(path, R_OK), 0);
	unlink(path);
	rmdir(dir);
}

static void
test_csv(void **state)
{
	static char names[128][256], field[128][256];
	struct report r;
	unsigned n, k, rows = 0;
	const char *at;
	char *text;

	/* a comma in numbers would be two fields */
	setlocale(LC_ALL, "de_DE.UTF-8");
	assert_true(report_world(&r, "full"));
	text = written(&r, report_csv);
	setlocale(LC_ALL, "C");
	assert_non_null(at = csv_line(text, names, &n));
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	while (*at != '\0') {
		const struct report_row *row = &r.row[rows++];

		assert_non_null(at = csv_line(at, field, &k));
		assert_int_equal(k, n);
		assert_string_equal(field[column(names, n, "test")], report_test_name(row->test));
		assert_string_equal(field[column(names, n, "size")], row->size);
		assert_int_equal(strtoull(field[column(names, n, "sent")], NULL, 10), row->result.dir[0].count.sent);
		assert_int_equal(
		    strtoull(field[column(names, n, "dir0_lost")], NULL, 10), row->result.dir[0].count.lost);
		assert_float_equal(strtod(field[column(names, n, "offered_bps_l2")], NULL),
		    row->offered_pps * row->mean_size * 8, 1e3);
		assert_string_equal(field[column(names, n, "dir1_asked_pps")], "");
		/* a burst's length is no rate */
		if (row->test == REPORT_BACK) {
			assert_float_equal(strtod(field[column(names, n, "low_frames")], NULL), row->value - 5, 1e-6);
			assert_float_equal(strtod(field[column(names, n, "high_frames")], NULL), row->value + 7, 1e-6);
			assert_string_equal(field[column(names, n, "low_pps")], "");
			assert_string_equal(field[column(names, n, "high_s")], "");
		}
		if (row->test == REPORT_THROUGHPUT && row->final) {
			assert_float_equal(strtod(field[column(names, n, "low_pps")], NULL), row->low, 1);
			assert_string_equal(field[column(names, n, "low_frames")], "");
		}
	}
	assert_int_equal(rows, r.nrows);
	free(text);
	report_free(&r);
	assert_true(report_world(&r, "hostile"));
	text = written(&r, report_csv);
	at = csv_line(text, names, &n);
	assert_non_null(at = csv_line(at, field, &k));
	assert_int_equal(k, n);
	assert_string_equal(field[column(names, n, "note")], "</td><script>\"N\",DR 2</script>");
	assert_string_equal(field[column(names, n, "value")], "");
	assert_string_equal(field[column(names, n, "offered_pps")], "");
	free(text);
	report_free(&r);
}

/* No number is an infinity or no number at all: JSON has none. */
static void
all_finite(const json_t *v)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_object(v))
		json_object_foreach ((json_t *)(uintptr_t)v, key, member)
			all_finite(member);
	else if (json_is_array(v))
		json_array_foreach (v, i, member)
			all_finite(member);
	else if (json_is_real(v))
		assert_true(isfinite(json_real_value(v)));
}

static json_t *
member(const json_t *o, const char *name)
{
	json_t *v = json_object_get(o, name);

	if (v == NULL)
		fail_msg("no member %s", name);
	return v;
}

static void
test_json(void **state)
{
	static const char *const kinds[] = {"full", "one", "run", "hostile", "empty"};
	json_error_t error;
	struct report r;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		json_t *o, *row, *dirs;
		char *text;

		assert_true(report_world(&r, kinds[i]));
		text = written(&r, report_json_write);
		assert_non_null(o = json_loads(text, 0, &error));
		all_finite(o);
		assert_int_equal(json_integer_value(member(o, "schema")), 1);
		assert_int_equal(json_array_size(member(o, "rows")), r.nrows);
		assert_int_equal(json_array_size(member(o, "samples")), r.nsamples);
		for (unsigned k = 0; k < r.nrows; k++) {
			row = json_array_get(member(o, "rows"), k);
			dirs = member(member(row, "result"), "directions");
			assert_string_equal(json_string_value(member(row, "size")), r.row[k].size);
			assert_int_equal(json_array_size(dirs), r.row[k].result.dir[1].count.sent > 0 ? 2 : 1);
			assert_int_equal(json_integer_value(member(json_array_get(dirs, 0), "sent")),
			    r.row[k].result.dir[0].count.sent);
			assert_int_equal(json_array_size(member(json_array_get(dirs, 0), "percentiles")), REPORT_QS);
			if (isinf(r.row[k].result.dir[0].asked_pps))
				assert_true(json_is_null(member(json_array_get(dirs, 0), "asked_pps")));
		}
		assert_true(r.has_floor ? json_is_object(member(o, "floor")) : json_is_null(member(o, "floor")));
		json_decref(o);
		free(text);
		report_free(&r);
	}
}

/* The figures of the objects that the live view shows. */
static void
test_sample(void **state)
{
	struct trial_sample s;
	json_t *o, *d;

	report_world_sample(&s, 11, 2);
	assert_non_null(o = sample_json(&s));
	assert_int_equal(json_array_size(member(o, "directions")), 2);
	d = json_array_get(member(o, "directions"), 0);
	assert_int_equal(json_integer_value(member(member(d, "second"), "lost")), 1234);
	assert_int_equal(json_integer_value(member(member(d, "total"), "sent")), s.total[0].sent);
	assert_float_equal(json_number_value(member(d, "tx_pps")), (double)s.second[0].sent, 1);
	assert_float_equal(json_number_value(member(d, "tx_bps_l1")), (double)s.second[0].sent * 84 * 8, 1);
	assert_float_equal(json_number_value(member(d, "rx_bps_l2")), (double)s.second[0].received * 64 * 8, 1);
	json_decref(o);
	report_world_sample(&s, 11, 1);
	s.seconds = 0; /* no rate, and no division by nothing */
	assert_non_null(o = sample_json(&s));
	assert_int_equal(json_array_size(member(o, "directions")), 1);
	assert_true(json_is_null(member(json_array_get(member(o, "directions"), 0), "tx_pps")));
	json_decref(o);
}

/* The histogram goes into the row, as the engine's is gone with the next trial. */
static void
test_quantiles(void **state)
{
	struct report r;
	struct report_row row;

	memset(&r, 0, sizeof(r));
	assert_true(report_world(&r, "empty"));
	report_world_row(&row, REPORT_RUN, "64", 64, 0.5);
	assert_int_equal(report_add(&r, &row), 0);
	assert_null(r.row[0].result.dir[0].hist);
	assert_true(r.row[0].has_quantiles[0]);
	assert_false(r.row[0].has_quantiles[1]);
	assert_true(r.row[0].has_quantiles[TRIAL_DIRS]);
	for (unsigned i = 1; i < REPORT_QS; i++)
		assert_true(r.row[0].quantile_ns[0][i] >= r.row[0].quantile_ns[0][i - 1]);
	/* within a part in 128 and a tick */
	assert_float_equal(
	    r.row[0].quantile_ns[0][0], row.result.dir[0].latency.min, row.result.dir[0].latency.min / 128);
	assert_float_equal(
	    r.row[0].quantile_ns[0][REPORT_QS - 1], row.result.dir[0].latency.max, row.result.dir[0].latency.max / 128);
	report_free(&r);
}

/* Every tag that is opened is closed, attributes are quoted, and text holds no markup. */
static void
well_formed(const char *s)
{
	char stack[64][24];
	unsigned depth = 0, seen = 0;

	assert_int_equal(strncmp(s, "<!DOCTYPE html>", 15), 0);
	for (s += 15; *s != '\0'; s++) {
		unsigned len = 0;
		bool close;

		assert_true(*s != '>' || depth > 0);
		if (*s == '&')
			assert_true(strspn(s + 1, "abcdefghijklmnopqrstuvwxyz0123456789#") > 0);
		if (*s != '<')
			continue;
		close = s[1] == '/';
		s += 1 + close;
		while ((s[len] >= 'a' && s[len] <= 'z') || (s[len] >= '0' && s[len] <= '9'))
			len++;
		assert_true(len > 0 && len < sizeof(stack[0]));
		if (close) {
			assert_true(depth > 0);
			depth--;
			assert_int_equal(strlen(stack[depth]), len);
			assert_int_equal(strncmp(stack[depth], s, len), 0);
		} else {
			assert_true(depth < 64);
			memcpy(stack[depth], s, len);
			stack[depth++][len] = '\0';
			seen++;
		}
		for (s += len; *s != '>'; s++) {
			assert_true(*s != '\0' && *s != '<');
			if (*s == '"')
				for (s++; *s != '"'; s++)
					assert_true(*s != '\0' && *s != '<');
		}
		if (s[-1] == '/')
			depth--;
	}
	assert_int_equal(depth, 0);
	assert_true(seen > 10);
}

static void
test_html(void **state)
{
	static const char *const kinds[] = {"full", "one", "run", "many", "hostile", "empty"};
	static const char *const outside[] = {"http:", "https:", "//", "src=", "href=", "url(", "@import", "<script",
	    "<img", "<iframe", "<link", "<object", "nan", "NaN", "inf\"", "-inf"};
	struct report r;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char *text;

		assert_true(report_world(&r, kinds[i]));
		text = written(&r, report_html);
		well_formed(text);
		for (unsigned k = 0; k < sizeof(outside) / sizeof(outside[0]); k++)
			if (strcmp(kinds[i], "hostile") != 0 || strchr(outside[k], '<') != NULL)
				if (strstr(text, outside[k]) != NULL)
					fail_msg("%s: %s", kinds[i], outside[k]);
		/* plots, but where there is nothing */
		assert_int_equal(strstr(text, "<svg role=\"img\"") != NULL, strcmp(kinds[i], "empty") != 0);
		if (strcmp(kinds[i], "full") == 0) {
			assert_non_null(strstr(text, "Rate by frame size"));
			assert_non_null(strstr(text, "line rate"));
			assert_non_null(strstr(text, "Loss by offered rate"));
			assert_non_null(strstr(text, "Latency by percentile"));
			assert_non_null(strstr(text, "PDR 0.5 %"));
			assert_non_null(strstr(text, "4,166,667"));
		}
		free(text);
		report_free(&r);
	}
}

static void
test_text(void **state)
{
	static const char *const kinds[] = {"full", "one", "run", "many", "hostile", "empty"};
	struct report r;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char *text;

		assert_true(report_world(&r, kinds[i]));
		text = written(&r, report_text);
		for (const char *p = text; *p != '\0'; p++)
			assert_true(
			    *p == '\n' || (unsigned char)*p >= ' '); /* no escape of the title's gets to the terminal */
		assert_null(strstr(text, "nan"));
		if (strcmp(kinds[i], "full") == 0) {
			assert_non_null(strstr(text, "14,880,952")); /* 10 Gbit/s of 64 octets */
			assert_non_null(strstr(text, "Gbit/s L1"));
			assert_non_null(strstr(text, "Gbit/s L2"));
			assert_non_null(strstr(text, "\nfloor "));
		}
		free(text);
		report_free(&r);
	}
}

static int
broken(const struct report *r, FILE *f)
{
	fputs("half", f);
	return -EIO;
}

static void
test_write(void **state)
{
	char dir[] = "/tmp/smpnet-report.XXXXXX", path[64], err[256] = "", was[64];
	struct report r;
	struct stat st;
	FILE *f;

	assert_non_null(mkdtemp(dir));
	assert_true(report_world(&r, "one"));
	snprintf(path, sizeof(path), "%s/r.csv", dir);
	assert_int_equal(report_write(&r, path, report_csv, err, sizeof(err)), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 1000);
	/* one that fails leaves what was there, and nothing beside it */
	assert_int_equal(report_write(&r, path, broken, err, sizeof(err)), -EIO);
	assert_non_null(strstr(err, path));
	assert_non_null(f = fopen(path, "r"));
	assert_non_null(fgets(was, 5, f));
	assert_string_equal(was, "test");
	fclose(f);
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(report_write(&r, "/nonexistent/x.json", report_json_write, err, sizeof(err)), -ENOENT);
	assert_non_null(strstr(err, "/nonexistent/x.json"));
	if (access("/dev/full", W_OK) == 0) {
		assert_int_equal(report_write(&r, "/dev/full", report_text, err, sizeof(err)), -ENOSPC);
		assert_int_equal(access("/dev/full", F_OK), 0);
	}
	report_free(&r);
}

static void
test_fmt(void **state)
{
	char into[16];

	assert_string_equal(fmt_count(0), "0");
	assert_string_equal(fmt_count(999), "999");
	assert_string_equal(fmt_count(1000), "1,000");
	assert_string_equal(fmt_count(-1234567), "-1,234,567");
	assert_string_equal(fmt_fixed(1234.5, 2), "1,234.50");
	assert_string_equal(fmt_count(INFINITY), "-");
	assert_string_equal(fmt_count(NAN), "-");
	assert_string_equal(fmt_percent(0), "0");
	assert_string_equal(fmt_percent(1e-9), "<0.0001");
	assert_string_equal(report_clean(into, sizeof(into), "a\x1b\xff\xc3\xbc\xe2\x82"), "a??\xc3\xbc??");
	assert_true(strlen(report_clean(into, sizeof(into), "0123456789012345678901234567890")) < sizeof(into));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_abandon),
	    cmocka_unit_test(test_csv),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_sample),
	    cmocka_unit_test(test_quantiles),
	    cmocka_unit_test(test_html),
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_write),
	    cmocka_unit_test(test_fmt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
