/* SPDX-License-Identifier: BSD-2-Clause */
/* dfz: prints routing tables, and writes destinations, with the mix of the default-free zone (dfz.h). */
#include "dfz.h"

#include <stdlib.h>
#include <string.h>

static int
usage(void)
{
	fprintf(stderr, "usage: dfz 4|6 COUNT SEED routes [NEXTHOPS [near]]\n"
			"       dfz 4|6 COUNT SEED dsts N FILE\n"
			"       dfz 4|6 COUNT SEED lengths\n");
	return 2;
}

static int
print_routes(int family, const struct dfz_route *routes, unsigned count)
{
	char buf[50];

	for (unsigned i = 0; i < count; i++)
		printf("%s %u\n", dfz_text(family, &routes[i], buf), routes[i].nh);
	return fflush(stdout) == 0 ? 0 : 1;
}

static int
print_lengths(const struct dfz_route *routes, unsigned count)
{
	unsigned n[129] = {0};

	for (unsigned i = 0; i < count; i++)
		n[routes[i].plen]++;
	for (unsigned i = 0; i <= 128; i++)
		if (n[i] != 0)
			printf("/%u %u %.2f%%\n", i, n[i], 100.0 * n[i] / count);
	return 0;
}

static int
write_dsts(int family, const struct dfz_route *routes, unsigned count, uint64_t seed, unsigned n, const char *path)
{
	uint8_t *dsts = dfz_dsts(family, routes, count, seed, n);
	size_t size = (size_t)n * (family == 4 ? 4 : 16);
	FILE *f = fopen(path, "w");
	bool ok;

	if (dsts == NULL || f == NULL) {
		fprintf(stderr, "dfz: %s: %s\n", path,
		    dsts == NULL ? "no memory for the destinations" : "cannot be written");
		free(dsts);
		if (f != NULL)
			fclose(f);
		return 1;
	}
	ok = fwrite(dsts, 1, size, f) == size;
	ok &= fclose(f) == 0;
	if (!ok)
		fprintf(stderr, "dfz: %s: cannot be written\n", path);
	free(dsts);
	return ok ? 0 : 1;
}

static bool
number(const char *s, unsigned long max, unsigned long *v)
{
	char *end;

	*v = strtoul(s, &end, 10);
	return *s >= '0' && *s <= '9' && *end == '\0' && *v <= max;
}

int
main(int argc, char **argv)
{
	unsigned long family, count, seed, n = 64;
	struct dfz_route *routes;
	bool near = argc == 7 && strcmp(argv[4], "routes") == 0 && strcmp(argv[6], "near") == 0;
	int rc;

	if (argc < 5 || !number(argv[1], 6, &family) || (family != 4 && family != 6) ||
	    !number(argv[2], dfz_max(family), &count) || !number(argv[3], ~0ul, &seed))
		return usage();
	if (argc > 5 && (!number(argv[5], 1u << 30, &n) || n == 0))
		return usage();
	routes = dfz_routes(family, count, seed, strcmp(argv[4], "routes") == 0 ? n : 64, near);
	if (routes == NULL) {
		fprintf(stderr, "dfz: no table of %lu routes: no memory, or more than there is room for\n", count);
		return 1;
	}
	if (strcmp(argv[4], "routes") == 0 && (argc <= 6 || near))
		rc = print_routes(family, routes, count);
	else if (strcmp(argv[4], "lengths") == 0 && argc == 5)
		rc = print_lengths(routes, count);
	else if (strcmp(argv[4], "dsts") == 0 && argc == 7)
		rc = write_dsts(family, routes, count, seed, n, argv[6]);
	else
		rc = usage();
	free(routes);
	return rc;
}
