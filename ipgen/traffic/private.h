/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of ipgen/traffic share.  All functions are control's. */
#ifndef IPGEN_TRAFFIC_PRIVATE_H
#define IPGEN_TRAFFIC_PRIVATE_H

#include <errno.h>
#include <stdio.h>

#include "ipgen/traffic/frame.h"

typedef unsigned __int128 u128;

#define PORT_DEFAULT 9
#define MTU_DEFAULT  1500
#define COUNT_MAX    (UINT64_C(1) << 62) /* "this many or more" */

/* Writes err (with the position where it is known) and is -EINVAL. */
#define FAIL(err, errlen, ...) (snprintf(err, errlen, __VA_ARGS__), -EINVAL)

/* All combinations of four ranges: a line of a flow file, or the command line's. */
struct flow_block {
	u128 src[2], dst[2]; /* first, last; host order */
	uint16_t sport[2], dport[2];
	uint8_t family;
	uint64_t count; /* of flows; COUNT_MAX at most */
};

struct flow_blocks {
	struct flow_block *block;
	unsigned n, alloc;
	uint64_t count;
};

/* What a traffic shares with those made from it by traffic_resize.  [c] */
struct traffic_sets {
	unsigned users;
	struct flow *flow;
	struct frame_flow4 *flow4; /* or NULL */
	uint32_t nflows;
	uint8_t *replay_data;
	struct replay_packet *replay;
	/* what templates are made of */
	uint8_t proto, tos, ttl;
	unsigned ntags;
	struct traffic_tag tag[TRAFFIC_MAXTAGS];
	uint8_t src[6], dst[2][6]; /* dst of IPv4, of IPv6 */
	unsigned mtu;
};

/* => family 4 or 6 */
u128 addr_get(const uint8_t *, unsigned family);
void addr_put(uint8_t *, u128, unsigned family);

#define QUOTE_LEN 96
/* => len octets of text, not terminated, in quotation marks for messages; what is long is cut */
const char *text_quote(const char *, size_t len, char buf[QUOTE_LEN]);
/* => a decimal number of exactly these octets, at most max; -1: it is none */
long text_number(const char *, size_t len, long max);

/* => one end's "A" or "A-B", len octets; 0 or -EINVAL with the reason in err */
int flow_addr_parse(const char *, size_t len, struct traffic_range *, char *err, size_t errlen);
int flow_ports_parse(const char *, size_t len, uint16_t ports[2], char *err, size_t errlen);
/* => 0 or -EINVAL with err naming file, line and column, or -ENOMEM; family 0: both are welcome */
int flow_file_read(const char *path, unsigned family, unsigned proto, struct flow_blocks *, char *err, size_t errlen);
int flow_stream_read(
    FILE *, const char *name, unsigned family, unsigned proto, struct flow_blocks *, char *err, size_t errlen);
/* => appends; counts the block; 0 or -ENOMEM */
int flow_blocks_add(struct flow_blocks *, const struct flow_block *);
/* => the flows asked for, in their order; NULL with err.  max 0: all there are */
struct flow *flow_list(const struct flow_blocks *, unsigned proto, enum traffic_order, uint64_t seed, unsigned max,
    bool reverse, uint32_t *n, char *err, size_t errlen);

/* => what senders of IPv4 read; NULL without memory, or where a flow is IPv6 */
struct frame_flow4 *flow_list4(const struct flow *, uint32_t n);

/* => one flow of these; and of a block that of number i, below its count */
void flow_make(struct flow *, unsigned family, unsigned proto, u128 src, u128 dst, unsigned sport, unsigned dport);
void block_flow(const struct flow_block *, unsigned proto, uint64_t i, struct flow *);
/* => n of the combinations, n at most as many as they are; 0 or -ENOMEM */
int flow_list_random(const struct flow_blocks *, unsigned proto, uint64_t seed, struct flow *, uint32_t n);

/* => the link address that frames of a family go to */
const uint8_t *traffic_gate(const struct traffic_link *, unsigned family);
/* => templates, order and sizes of t from its sets; 0 or -errno with err */
int traffic_templates(struct traffic *, const struct traffic_sizes *, char *err, size_t errlen);
/* => the frames of a size list: order and distinct sizes, both allocated */
int sizes_list(
    const struct traffic_sizes *, unsigned mtu_frame, uint16_t **order, uint32_t *n, uint16_t **distinct, uint32_t *nd);

/* => the packets of a capture file; 0 or -errno with err */
int replay_read(struct traffic *, const struct traffic_spec *, const struct traffic_link *, char *err, size_t errlen);

#endif
