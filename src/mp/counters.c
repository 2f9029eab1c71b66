/* SPDX-License-Identifier: BSD-2-Clause */
/* Names and sums of counters and drop reasons. */
#include "mp/mp.h"

static const struct {
	const char *name, *group, *text;
} counter_info[C_COUNT] = {
#define COUNTER(sym, group, text) [C_##sym] = {#sym, group, text},
#include "mp/counters.def"
#undef COUNTER
};

static const struct {
	const char *name, *text;
} drop_info[DROP_COUNT] = {
#define DROP(sym, text) [DROP_##sym] = {#sym, text},
#include "pkt/drops.def"
#undef DROP
};

uint64_t
mp_counter_sum(enum mp_counter c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i <= mp_nworkers; i++)
		if (mp_workers[i] != NULL)
			sum += mp_read(&mp_workers[i]->counters[c]);
	return sum;
}

uint64_t
mp_drop_sum(enum mp_drop r)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i <= mp_nworkers; i++)
		if (mp_workers[i] != NULL)
			sum += mp_read(&mp_workers[i]->drops[r]);
	return sum;
}

const char *
mp_counter_group(enum mp_counter c)
{
	return counter_info[c].group;
}

const char *
mp_counter_text(enum mp_counter c)
{
	return counter_info[c].text;
}

const char *
mp_counter_name(enum mp_counter c)
{
	return counter_info[c].name;
}

const char *
mp_drop_text(enum mp_drop r)
{
	return drop_info[r].text;
}

const char *
mp_drop_name(enum mp_drop r)
{
	return drop_info[r].name;
}
