/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netstat -s: the protocols' counters.
 *
 * The texts come from the daemon (src/mp/counters.def) in the plural; a counter of one is put into the singular here.
 * "TITLE/line" is a line of a histogram: NetBSD shows those as "line: N" below the title, and only when not zero.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "netstat.h"

/* The order in which NetBSD prints the protocols; others follow. */
static const char *const order[] = {
    "ip", "icmp", "igmp", "tcp", "udp", "carp", "ip6", "icmp6", "tcp6", "udp6", "pim6", "rip6", "arp"};

/* What is counted: the first of these words in a text loses its s. */
static const char *const nouns[] = {"packets", "fragments", "datagrams", "messages", "calls", "errors", "redirects",
    "requests", "responses", "reports", "checksums", "attempts", "duplicates", "changes", "failures", "solicitations",
    "advertisements", "flows", "calculations", "registers", "headers", "entrys", "replies", "entries", "mbufs",
    "probes", "addresses", "segments", "acks", "connections", "timeouts"};

/* => the text for a count of one */
static void
singular(const char *text, char *buf, size_t len)
{
	for (const char *w = text; *w != '\0';) {
		size_t n = strcspn(w, " ,.()");

		for (unsigned i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++) {
			if (strlen(nouns[i]) != n || strncmp(w, nouns[i], n) != 0)
				continue;
			if (n > 3 && strncmp(w + n - 3, "ies", 3) == 0)
				snprintf(buf, len, "%.*s%.*sy%s", (int)(w - text), text, (int)n - 3, w, w + n);
			else
				snprintf(buf, len, "%.*s%s",
				    (int)(w + n - (strcmp(nouns[i], "addresses") == 0 ? 2 : 1) - text), text, w + n);
			return;
		}
		w += n;
		w += strspn(w, " ,.()");
	}
	snprintf(buf, len, "%s", text);
}

/* => where the line begins in "TITLE/line", or NULL (other texts may hold a slash too) */
static const char *
histogram_line(const char *text)
{
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : 0;

	if (slash == NULL || (strstr(text, "istogram") == NULL && strstr(text, "statistics") == NULL))
		return NULL;
	return strstr(text, "istogram") < slash || memmem(text, n, "statistics", 10) != NULL ? slash + 1 : NULL;
}

/* "Histogram of error messages to be generated" and "Mbuf statistics" count their lines like ordinary ones. */
static bool
counted_lines(const char *text)
{
	return strncmp(text, "Histogram of", 12) == 0 || strncmp(text, "Mbuf", 4) == 0;
}

static void
print_group(const json_t *list, const char *group, bool nonzero)
{
	const char *title = NULL; /* of the histogram that is being printed */
	size_t title_len = 0, i;
	const json_t *c;
	char buf[256];

	printf("%s:\n", group);
	json_array_foreach (list, i, c) {
		const char *text = jstr(c, "text"), *line;
		long long value = jint(c, "value");

		if (strcmp(jstr(c, "group"), group) != 0)
			continue;
		if ((line = histogram_line(text)) != NULL) {
			bool counted = counted_lines(text);

			/* The title of counted lines stands even when all of them are left out. */
			if (value == 0 && !counted)
				continue;
			if (title == NULL || title_len != (size_t)(line - text) || strncmp(title, text, title_len) != 0)
				printf("\t%.*s:\n", (int)(line - text - 1), text);
			title = text;
			title_len = line - text;
			if (counted && (value != 0 || !nonzero))
				printf("\t\t%lld %s\n", value, line);
			else if (!counted)
				printf("\t\t%s: %lld\n", line, value);
			continue;
		}
		title = NULL;
		if (value == 0 && nonzero)
			continue;
		printf("\t");
		for (; *text == '\t'; text++)
			printf("\t");
		if (value == 1) {
			singular(text, buf, sizeof(buf));
			text = buf;
		}
		/* What is said in brackets to be zero is left out too. */
		printf("%lld %.*s\n", value,
		    (int)(nonzero && strstr(text, " (0 ") ? strcspn(text, "(") - 1 : strlen(text)), text);
	}
}

static bool
has_group(const json_t *list, const char *group)
{
	const json_t *c;
	size_t i;

	json_array_foreach (list, i, c)
		if (strcmp(jstr(c, "group"), group) == 0)
			return true;
	return false;
}

static bool
of_family(const char *group, const char *family)
{
	bool v6 = strchr(group, '6') != NULL;

	return family == NULL || (strcmp(family, "inet6") == 0) == v6;
}

int
netstat_stats(const struct netstat_options *o)
{
	json_t *list, *c;
	size_t i, k;

	if (tool_try("stats.protocols", o->protocol != NULL ? json_pack("{s:s}", "protocol", o->protocol) : NULL,
		&list) != 0) {
		if (o->protocol == NULL || smpnet_error_code(tool_server()) != -32000)
			tool_fail(1, "%s", smpnet_error(tool_server()));
		list = json_array();
	}
	if (o->protocol != NULL && !has_group(list, o->protocol))
		tool_fail(1, "%s: unknown or uninstrumented protocol", o->protocol);
	if (o->json)
		return tool_print_json(list);
	if (o->protocol != NULL) {
		print_group(list, o->protocol, o->stats > 1);
		json_decref(list);
		return 0;
	}
	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (of_family(order[i], o->family) && has_group(list, order[i]))
			print_group(list, order[i], o->stats > 1);
	json_array_foreach (list, i, c) {
		const char *group = jstr(c, "group");
		bool printed = !of_family(group, o->family) || strcmp(group, "pkt") == 0;

		for (k = 0; k < sizeof(order) / sizeof(order[0]); k++)
			printed |= strcmp(order[k], group) == 0;
		for (k = 0; k < i; k++)
			printed |= strcmp(jstr(json_array_get(list, k), "group"), group) == 0;
		if (!printed)
			print_group(list, group, o->stats > 1);
	}
	/* The packet sum, which NetBSD does not have. */
	if (o->family == NULL && has_group(list, "pkt"))
		print_group(list, "pkt", o->stats > 1);
	json_decref(list);
	return 0;
}
