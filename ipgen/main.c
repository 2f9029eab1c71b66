/* SPDX-License-Identifier: BSD-2-Clause */
/* ipgen: the command line. */
#include <stdio.h>

#include "ipgen/options.h"
#include "ipgen/sig.h"

int
main(int argc, char **argv)
{
	static struct options opts;
	char err[512];
	int r;

	r = options_parse(argc, argv, &opts, err, sizeof(err));
	if (r < 0) {
		fprintf(stderr, "ipgen: %s\n", err);
		return 2;
	}
	if (r == OPTIONS_HELP) {
		options_help(stdout);
		return 0;
	}
	if (r == OPTIONS_VERSION) {
		printf("ipgen %s\n", SMPNET_VERSION);
		return 0;
	}
	sig_init();
	options_free(&opts);
	fprintf(stderr, "ipgen: trials are not there yet\n");
	return 1;
}
