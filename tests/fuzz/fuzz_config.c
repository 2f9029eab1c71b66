/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz entry: a configuration's text through the command language and the check of the whole. */
#include "ctl/config.h"
#include "mp/mp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int config_fuzz_one(const uint8_t *data, size_t size);

int
config_fuzz_one(const uint8_t *data, size_t size)
{
	static struct worker control;
	struct config conf;

	control.is_control = true;
	mp_self = &control;
	config_parse(&conf, (const char *)data, size, "/nonexistent");
	config_check(&conf, true);
	config_free(&conf);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return config_fuzz_one(data, size);
}
