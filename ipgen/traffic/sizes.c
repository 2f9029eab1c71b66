/* SPDX-License-Identifier: BSD-2-Clause */
/* Frame sizes: fixed, sweeps, mixes by weight, genomes of RFC 6985. */
#include <stdlib.h>

#include "ipgen/traffic/private.h"

/* The sizes in the order of their use, n of them at most; 0: none that can be. */
static uint32_t
sizes_expand(const struct traffic_sizes *s, unsigned mtu_frame, uint16_t *out, uint32_t n)
{
	uint32_t k = 0;

	switch (s->kind) {
	case SIZES_FIXED:
		out[k++] = (uint16_t)(s->size <= TRAFFIC_MAXSIZE ? s->size : 0);
		break;
	case SIZES_SWEEP:
		if (s->min > s->max || s->max > TRAFFIC_MAXSIZE || s->step == 0)
			return 0;
		for (unsigned v = s->min; v < s->max && k < n; v += s->step)
			out[k++] = (uint16_t)v;
		if (k == n)
			return 0;
		out[k++] = (uint16_t)s->max;
		break;
	case SIZES_MIX:
		if (s->nmix > n)
			return 0;
		for (; k < s->nmix; k++)
			out[k] = (uint16_t)(s->mix[k] != 0 ? s->mix[k] : RTE_MIN(mtu_frame, TRAFFIC_MAXSIZE + 1u));
		break;
	}
	for (uint32_t i = 0; i < k; i++)
		if (out[i] == 0 || out[i] > TRAFFIC_MAXSIZE)
			return 0;
	return k;
}

bool
traffic_sizes_raise(struct traffic_sizes *s, unsigned least)
{
	unsigned small = 0;

	for (unsigned i = 0; s->named && s->kind == SIZES_MIX && i < s->nmix; i++)
		if (s->mix[i] != 0 && s->mix[i] < least) {
			small = s->mix[i];
			s->mix[i] = (uint16_t)least;
		}
	if (small == 0)
		return false;
	snprintf(s->text, sizeof(s->text), "imix (%u for %u)", least, small);
	return true;
}

int
sizes_list(
    const struct traffic_sizes *s, unsigned mtu_frame, uint16_t **order, uint32_t *n, uint16_t **distinct, uint32_t *nd)
{
	uint16_t *list = calloc(TRAFFIC_MAXMIX, sizeof(*list)), *sizes = calloc(TRAFFIC_MAXMIX, sizeof(*sizes));
	uint16_t *index = calloc(TRAFFIC_MAXSIZE + 1, sizeof(*index)); /* of a size in the distinct ones, plus 1 */
	int rc = -ENOMEM;

	if (list == NULL || sizes == NULL || index == NULL)
		goto out;
	rc = -EINVAL;
	*n = sizes_expand(s, mtu_frame, list, TRAFFIC_MAXMIX);
	if (*n == 0)
		goto out;
	*nd = 0;
	for (uint32_t i = 0; i < *n; i++) {
		uint16_t *x = &index[list[i]];

		if (*x == 0) {
			sizes[(*nd)++] = list[i];
			*x = (uint16_t)*nd;
		}
		list[i] = (uint16_t)(*x - 1);
	}
	*order = list;
	*distinct = sizes;
	free(index);
	return 0;
out:
	free(list);
	free(sizes);
	free(index);
	return rc;
}
