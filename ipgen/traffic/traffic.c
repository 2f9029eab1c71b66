/* SPDX-License-Identifier: BSD-2-Clause */
/* A direction's traffic: built from what was asked, with other sizes, freed. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "ipgen/traffic/private.h"

static uint64_t generation; /* [c] */

static const uint8_t bench4[2][4] = {{198, 18, 0, 1}, {198, 19, 0, 1}}; /* RFC 2544 */
static const uint8_t bench6[2][16] = {
    {0x20, 0x01, 0, 2, [15] = 1}, {0x20, 0x01, 0, 2, 0, 0, 0x80, [15] = 1}}; /* RFC 5180 */

static void
sets_free(struct traffic_sets *s)
{
	if (s == NULL || --s->users > 0)
		return;
	free(s->flow);
	free(s->flow4);
	free(s->replay_data);
	free(s->replay);
	free(s);
}

void
traffic_free(struct traffic *t)
{
	union {
		const void *c;
		void *p;
	} u;

	if (t == NULL)
		return;
	u.c = t->template;
	free(u.p);
	u.c = t->order;
	free(u.p);
	sets_free(t->sets);
	free(t);
}

/* One end's addresses: as given, or the port's own, or those meant for tests. */
static int
end_addr(bool has, const struct traffic_range *r, const char *name, unsigned family, const uint8_t *own, unsigned end,
    u128 out[2], char *err, size_t errlen)
{
	const uint8_t *def = own != NULL ? own : (family == 6 ? bench6[end] : bench4[end]);

	if (!has) {
		out[0] = out[1] = addr_get(def, family);
		return 0;
	}
	if (r->family != 0 && r->family != family)
		return FAIL(err, errlen, "%s: an IPv%u address among IPv%u flows", name, r->family, family);
	out[0] = addr_get(r->begin, family);
	out[1] = addr_get(r->end, family);
	if (out[1] < out[0])
		return FAIL(err, errlen, "%s: the range ends below its begin", name);
	return 0;
}

static unsigned
spec_family(const struct traffic_spec *spec, const struct traffic_link *link)
{
	if (spec->family != 0)
		return spec->family;
	if (spec->has_src && spec->src.family != 0)
		return spec->src.family;
	if (spec->has_dst && spec->dst.family != 0)
		return spec->dst.family;
	return link->has6 && !link->has4 ? 6 : 4;
}

static int
spec_blocks(const struct traffic_spec *spec, const struct traffic_link *link, struct flow_blocks *blocks, char *err,
    size_t errlen)
{
	unsigned family = spec_family(spec, link);
	bool own = family == 6 ? link->has6 : link->has4;
	struct flow_block b = {.family = (uint8_t)family};
	int rc;

	if (spec->flowfile != NULL)
		return flow_file_read(spec->flowfile, spec->family, spec->proto, blocks, err, errlen);
	rc = end_addr(spec->has_src, &spec->src, "--saddr", family,
	    own ? (family == 6 ? link->src6 : link->src4) : NULL, 0, b.src, err, errlen);
	if (rc == 0)
		rc = end_addr(spec->has_dst, &spec->dst, "--daddr", family,
		    own ? (family == 6 ? link->dst6 : link->dst4) : NULL, 1, b.dst, err, errlen);
	if (rc != 0)
		return rc;
	memcpy(b.sport, spec->sport, sizeof(b.sport));
	memcpy(b.dport, spec->dport, sizeof(b.dport));
	if (b.sport[1] < b.sport[0] || b.dport[1] < b.dport[0])
		return FAIL(
		    err, errlen, "%s: the range ends below its begin", b.sport[1] < b.sport[0] ? "--sport" : "--dport");
	if (spec->proto == 1 || spec->proto == 58)
		b.dport[0] = b.dport[1] = 0;
	if (flow_blocks_add(blocks, &b) != 0)
		return snprintf(err, errlen, "flows: no memory"), -ENOMEM;
	return 0;
}

static int
build_flows(struct traffic *t, const struct traffic_spec *spec, const struct traffic_link *link, bool reverse,
    char *err, size_t errlen)
{
	struct traffic_sets *s = t->sets;
	struct flow_blocks blocks = {0};
	int rc = spec_blocks(spec, link, &blocks, err, errlen);

	if (rc == 0) {
		s->flow = flow_list(
		    &blocks, s->proto, spec->order, spec->seed, spec->nflows, reverse, &s->nflows, err, errlen);
		if (s->flow == NULL)
			rc = -EINVAL;
		else
			s->flow4 = flow_list4(s->flow, s->nflows);
	}
	free(blocks.block);
	t->flow = s->flow;
	t->flow4 = s->flow4;
	t->nflows = s->nflows;
	return rc;
}

const uint8_t *
traffic_gate(const struct traffic_link *link, unsigned family)
{
	static const uint8_t none[6];

	return family == 6 && memcmp(link->gate6, none, 6) != 0 ? link->gate6 : link->dst;
}

static int
spec_check(const struct traffic_spec *spec, char *err, size_t errlen)
{
	if (spec->proto != 17 && spec->proto != 6 && spec->proto != 1 && spec->proto != 58)
		return FAIL(err, errlen, "protocol %u: UDP, TCP and ICMP can be sent", spec->proto);
	if (spec->family != 0 && spec->family != 4 && spec->family != 6)
		return FAIL(err, errlen, "address family %u: 4 or 6", spec->family);
	if (spec->ntags > TRAFFIC_MAXTAGS)
		return FAIL(err, errlen, "%u VLAN tags: %u at most", spec->ntags, TRAFFIC_MAXTAGS);
	if (spec->nflows > TRAFFIC_MAXFLOWS)
		return FAIL(err, errlen, "-F %u: %u flows at most", spec->nflows, TRAFFIC_MAXFLOWS);
	return 0;
}

struct traffic *
traffic_build(const struct traffic_spec *spec, const struct traffic_link *link, bool reverse, char *err, size_t errlen)
{
	struct traffic *t = calloc(1, sizeof(*t));
	struct traffic_sets *s = calloc(1, sizeof(*s));
	int rc;

	if (t == NULL || s == NULL) {
		free(t);
		free(s);
		snprintf(err, errlen, "traffic: no memory");
		return NULL;
	}
	t->sets = s;
	t->generation = ++generation << 32;
	s->users = 1;
	s->proto = spec->proto == 58 ? 1 : spec->proto;
	s->tos = spec->tos;
	s->ttl = spec->ttl != 0 ? spec->ttl : 64;
	s->ntags = spec->ntags;
	memcpy(s->tag, spec->tag, sizeof(s->tag));
	memcpy(s->src, link->src, 6);
	memcpy(s->dst[0], link->dst, 6);
	memcpy(s->dst[1], traffic_gate(link, 6), 6);
	s->mtu = link->mtu != 0 ? link->mtu : MTU_DEFAULT;
	rc = spec_check(spec, err, errlen);
	if (rc == 0 && spec->replay != NULL) {
		rc = replay_read(t, spec, link, err, errlen);
	} else if (rc == 0) {
		rc = build_flows(t, spec, link, reverse, err, errlen);
		if (rc == 0)
			rc = traffic_templates(t, &spec->sizes, err, errlen);
	}
	if (rc != 0) {
		traffic_free(t);
		return NULL;
	}
	return t;
}

struct traffic *
traffic_resize(const struct traffic *old, const struct traffic_sizes *sizes, char *err, size_t errlen)
{
	struct traffic *t;

	if (old->nreplay != 0) {
		snprintf(err, errlen, "size %s: packets of a capture file keep their sizes", sizes->text);
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL) {
		snprintf(err, errlen, "size %s: no memory", sizes->text);
		return NULL;
	}
	t->sets = old->sets;
	t->sets->users++;
	t->generation = ++generation << 32;
	t->flow = t->sets->flow;
	t->flow4 = t->sets->flow4;
	t->nflows = t->sets->nflows;
	if (traffic_templates(t, sizes, err, errlen) != 0) {
		traffic_free(t);
		return NULL;
	}
	return t;
}

uint32_t
traffic_nflows(const struct traffic *t)
{
	return t->nflows;
}

const struct flow *
traffic_flow(const struct traffic *t, uint32_t flow)
{
	return &t->flow[flow];
}

double
traffic_mean_size(const struct traffic *t)
{
	return t->mean_size;
}

unsigned
traffic_min_size(const struct traffic *t)
{
	return t->min_size;
}

unsigned
traffic_max_size(const struct traffic *t)
{
	return t->max_size;
}
