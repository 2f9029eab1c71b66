/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ARP, neighbour discovery and echo of a port, from frame to frame: no device, no state.
 *
 * What a frame says of its own length is believed only where the frame is as long; what is not for the port, or broken,
 * is passed over in silence.
 */
#ifndef IPGEN_PORTS_ANSWER_H
#define IPGEN_PORTS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipgen/traffic.h"

#define ANSWER_MIN 256 /* octets that any frame made here, but an echo reply, fits in */

/* Who the port is. */
struct answer_self {
	uint8_t lladdr[6];
	unsigned ntags;
	struct traffic_tag tag[TRAFFIC_MAXTAGS];
	bool has4, has6; /* addr4, addr6 */
	uint8_t addr4[4], addr6[16];
	uint8_t local6[16]; /* link-local; always */
	/* => does the port answer for this address too? (4 or 16 octets) */
	bool (*stands_for)(const void *arg, unsigned family, const uint8_t *addr);
	const void *arg;
};

/* What a frame told. */
struct answer_news {
	enum {
		NEWS_NONE,
		NEWS_NEIGHBOR, /* the sender's address and link address */
		NEWS_DUPLICATE /* the sender says that it has an address of ours */
	} kind;
	uint8_t family, addr[16], lladdr[6];
};

/* => any thread; the octets of the answer in out, or 0: none; *news is always filled */
size_t answer_frame(
    const struct answer_self *, const uint8_t *frame, size_t len, uint8_t *out, size_t room, struct answer_news *news);

/* => any thread; frames of ours, at most ANSWER_MIN octets: their length */
size_t ask4(const struct answer_self *, const uint8_t target[4], uint8_t *out);
size_t ask6(const struct answer_self *, const uint8_t target[16], uint8_t *out);
/* gratuitous ARP, unsolicited advertisement (of addr6 or local6), and a frame to ourselves that bridges learn from */
size_t announce4(const struct answer_self *, uint8_t *out);
size_t announce6(const struct answer_self *, const uint8_t addr[16], uint8_t *out);
size_t announce_link(const struct answer_self *, uint8_t *out);

/* => the link-local address that goes with a link address (RFC 4291, appendix A) */
void local6_of(const uint8_t lladdr[6], uint8_t addr[16]);

#endif
