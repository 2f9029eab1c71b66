/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is sent: flows, frame sizes, headers.  A spec is what was asked for; a struct traffic is built from it on control
 * and does not change any more ([I]); workers read it.  Everywhere in ipgen a frame's size is that on the wire, with the
 * frame check sequence (RFC 2544), from the destination address on; a buffer holds 4 octets less.
 */
#ifndef IPGEN_TRAFFIC_H
#define IPGEN_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TRAFFIC_MAXFLOWS (1u << 20)
#define TRAFFIC_MAXMIX	 16384 /* frame sizes in the order of their use */
#define TRAFFIC_MAXSIZE	 16000 /* octets of a frame, with FCS */
#define TRAFFIC_MAXTAGS	 2
#define TRAFFIC_FCS	 4
#define TRAFFIC_GAP	 20 /* preamble, start of frame and gap: what layer 1 adds to a frame */

/* A flow: IPv4 addresses are in the first 4 octets.  Network byte order. */
struct flow {
	uint8_t src[16], dst[16];
	uint16_t sport, dport; /* ICMP: identifier, 0 */
	uint16_t sum;	       /* Internet checksum accumulator of the four above, folded, in the order of memory */
	uint8_t family;	       /* 4 or 6 */
	uint8_t proto;	       /* 17, 6, 1 or 58 */
};

struct traffic_range {
	uint8_t begin[16], end[16]; /* as in struct flow */
	uint8_t family;		    /* 4 or 6 */
};

enum traffic_order { TRAFFIC_INCREASE, TRAFFIC_RANDOM };

/* Frame sizes: one of the kinds. */
struct traffic_sizes {
	enum { SIZES_FIXED, SIZES_SWEEP, SIZES_MIX } kind;
	unsigned size;		      /* FIXED */
	unsigned min, max, step;      /* SWEEP: min, min + step ... max (which is always the last) and again */
	unsigned nmix;		      /* MIX: sizes in the order of their use, evenly spread by weight (RFC 6985) */
	uint16_t mix[TRAFFIC_MAXMIX]; /* 0: the port's MTU (z of RFC 6985) */
	bool named;		      /* imix: what is too small for the headers becomes as small as it can be */
	char text[64];		      /* as the user gave it: "64", "64-1518:64", "imix", "genome:aaaaaaabbbbc" */
};

struct traffic_tag {
	uint16_t tpid, tci; /* host order: 0x8100 or 0x88a8; priority, vid */
};

struct traffic_spec {
	uint8_t family; /* 4 or 6; 0: by the addresses */
	uint8_t proto;	/* 17, 6, 1 (ICMP or ICMPv6 echo by family) */
	bool has_src, has_dst;
	struct traffic_range src,
	    dst;		     /* default: the port's own addresses, or 198.18/15, 2001:2::/48 (RFC 2544, 5180) */
	uint16_t sport[2], dport[2]; /* first, last; host order; default 9 */
	enum traffic_order order;    /* of the combinations of the ranges */
	uint64_t seed;		     /* of RANDOM */
	const char *flowfile;	     /* or NULL: ipgen's syntax; replaces the ranges */
	unsigned nflows;	     /* most flows; 0: as many as there are, TRAFFIC_MAXFLOWS at most */
	struct traffic_sizes sizes;
	unsigned ntags;
	struct traffic_tag tag[TRAFFIC_MAXTAGS]; /* outer first */
	uint8_t tos, ttl;			 /* traffic class, hop limit; ttl 0: 64 */
	const char *replay;			 /* or NULL: a pcap or pcapng file instead of all above */
	double replay_speed;			 /* 1: original timing; 0: as the rate says */
	bool replay_loop;
	bool replay_raw; /* link addresses as in the file */
};

struct traffic_link {
	uint8_t src[6], dst[6]; /* link addresses */
	uint8_t gate6[6];	/* where frames of IPv6 go; all 0: to dst as well */
	bool has4, has6;	/* own and the far port's addresses, for defaults */
	uint8_t src4[4], dst4[4], src6[16], dst6[16];
	unsigned mtu; /* what z of RFC 6985 stands for; 0: 1500 */
};

struct traffic;

/*
 * => control; the traffic of one direction (reverse: the flows' ends exchanged); NULL with err naming the option, the
 *    file and line, or the size that is too small for the signature
 */
struct traffic *traffic_build(
    const struct traffic_spec *, const struct traffic_link *, bool reverse, char *err, size_t errlen);
/* => control; the same flows with other sizes; flow numbers stay; NULL with err */
struct traffic *traffic_resize(const struct traffic *, const struct traffic_sizes *, char *err, size_t errlen);
/* => control, after a grace period since workers could see it; flows are freed with the last that shares them */
void traffic_free(struct traffic *);

/* => control; parses "64", "64-1518", "64-1518:64", "imix", "imix:64x7,594x4,1518x1", "genome:aaaabbc", RFC 6985 */
int traffic_sizes_parse(const char *, struct traffic_sizes *, char *err, size_t errlen);

/*
 * => control; of sizes that were named (imix), and not given one by one, those below least become it, and the text says so;
 *    false: nothing was to be done
 */
bool traffic_sizes_raise(struct traffic_sizes *, unsigned least);

/* => control; "A", "A-B" of one family, IPv6 with or without brackets; "P", "P-Q": 0 or -EINVAL with err */
int traffic_range_parse(const char *, struct traffic_range *, char *err, size_t errlen);
int traffic_ports_parse(const char *, uint16_t ports[2], char *err, size_t errlen);

/* => control; the flows as a flow file, a line each; 0 or -errno of the stream */
int traffic_dump(const struct traffic *, FILE *);
/* => any thread; one flow as in a flow file: "10.0.0.1:9,10.0.0.2:9", "[2001:2::1]:9,[2001:2::2]:9" */
#define TRAFFIC_FLOW_TEXT 112
void traffic_flow_text(const struct flow *, char *, size_t);

/* => any thread; what is in it */
uint32_t traffic_nflows(const struct traffic *);
const struct flow *traffic_flow(const struct traffic *, uint32_t flow);
/* => any thread; packets of the file of --replay, and the ends of one: its family, 0 where it is no IP packet */
uint32_t traffic_nreplay(const struct traffic *);
unsigned traffic_replay_ends(const struct traffic *, uint32_t packet, uint8_t src[16], uint8_t dst[16]);
double traffic_mean_size(const struct traffic *); /* octets with FCS */
unsigned traffic_min_size(const struct traffic *), traffic_max_size(const struct traffic *);
/* => the smallest frame that holds a signature: family 4 or 6, proto, number of tags */
unsigned traffic_smallest(unsigned family, unsigned proto, unsigned ntags);

#endif
