/* SPDX-License-Identifier: BSD-2-Clause */
/* ipgen_page KIND text|csv|json|html: a made-up report (report_world.h) on standard output, for tests that look at it. */
#include <stdio.h>
#include <string.h>

#include "../unit/report_world.h"

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*fn)(const struct report *, FILE *);
	} kinds[] = {{"text", report_text}, {"csv", report_csv}, {"json", report_json_write}, {"html", report_html}};
	struct report r;
	char err[256];

	for (unsigned i = 0; argc == 3 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(argv[2], kinds[i].name) == 0 && report_world(&r, argv[1])) {
			if (report_write(&r, "-", kinds[i].fn, err, sizeof(err)) != 0) {
				fprintf(stderr, "%s\n", err);
				return 1;
			}
			report_free(&r);
			return 0;
		}
	fprintf(stderr, "usage: ipgen_page full|one|run|many|hostile|empty text|csv|json|html\n");
	return 2;
}
