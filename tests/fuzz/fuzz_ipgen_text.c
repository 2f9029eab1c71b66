/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz entry: what ipgen reads as text.  The first octet says what the rest is: 's' frame sizes, 'r' a range of addresses,
 * 'p' of ports, else a flow file, from which frames are built and whose dump is read again.
 */
#include <stdlib.h>
#include <string.h>

#include "ipgen/traffic/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char err[512];

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
sizes(const char *text)
{
	static struct traffic_sizes s;
	uint16_t *order, *distinct;
	uint32_t n, nd;

	if (traffic_sizes_parse(text, &s, err, sizeof(err)) != 0) {
		check(strstr(err, "octet ") != NULL);
		return;
	}
	if (sizes_list(&s, 1518, &order, &n, &distinct, &nd) != 0)
		return;
	check(n >= 1 && n <= TRAFFIC_MAXMIX && nd >= 1 && nd <= n);
	for (uint32_t i = 0; i < n; i++)
		check(order[i] < nd && distinct[order[i]] >= 1 && distinct[order[i]] <= TRAFFIC_MAXSIZE);
	free(order);
	free(distinct);
}

static int
file_read(const char *text, size_t len, struct flow_blocks *b)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, len, "r");
	int rc;

	check(f != NULL);
	memset(b, 0, sizeof(*b));
	rc = flow_stream_read(f, "fuzz", 0, 17, b, err, sizeof(err));
	fclose(f);
	check(rc == 0 || strncmp(err, "fuzz:", 5) == 0);
	return rc;
}

static void
flow_file(const char *text, size_t len)
{
	struct flow_blocks b, again;
	uint32_t n, m;

	if (len == 0 || file_read(text, len, &b) != 0) {
		if (len != 0)
			free(b.block);
		return;
	}
	for (int order = TRAFFIC_INCREASE; order <= TRAFFIC_RANDOM; order++) {
		struct flow *f = flow_list(&b, 17, (enum traffic_order)order, len, 20, false, &n, err, sizeof(err)), *g;
		char line[TRAFFIC_FLOW_TEXT];

		check(f != NULL && n >= 1 && n <= 20);
		for (uint32_t i = 0; i < n; i++) {
			traffic_flow_text(&f[i], line, sizeof(line));
			check(file_read(line, strlen(line), &again) == 0);
			g = flow_list(&again, 17, TRAFFIC_INCREASE, 0, 0, false, &m, err, sizeof(err));
			check(g != NULL && m == 1 && memcmp(g, &f[i], sizeof(*g)) == 0);
			free(g);
			free(again.block);
		}
		free(f);
	}
	free(b.block);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct traffic_range r;
	uint16_t p[2];
	char *text;

	if (size == 0)
		return 0;
	text = malloc(size); /* exactly: the rest and an end */
	check(text != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] == 's')
		sizes(text);
	else if (data[0] == 'r' && traffic_range_parse(text, &r, err, sizeof(err)) == 0)
		check(addr_get(r.begin, r.family) <= addr_get(r.end, r.family));
	else if (data[0] == 'p' && traffic_ports_parse(text, p, err, sizeof(err)) == 0)
		check(p[0] <= p[1]);
	else
		flow_file(text, size - 1);
	free(text);
	return 0;
}
