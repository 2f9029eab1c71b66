/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz entry: a scenario's text. */
#include "ipgen/live/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char err[2048];
	struct scenario *sc = scenario_parse("f", (const char *)data, size, err, sizeof(err));

	if (sc != NULL) {
		scenario_bidirectional(sc);
		scenario_seconds(sc);
	}
	scenario_free(sc);
	return 0;
}
