/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The signature: the last 18 octets of a test packet's IP payload, by which it is known when it comes back.  Little-endian.
 *
 *	 0  stamp   48 bits  when it was given to the device: TSC ticks, modulo 2^48 (a day and more)
 *	 6  magic   16 bits  SIG_MAGIC + the trial's number: what is left of an earlier trial is told apart
 *	 8  seq     32 bits  of the packet in its flow, from 0 on, modulo 2^32
 *	12  flow    32 bits  the flow's number; bit 31: the direction
 *	16  sum     16 bits  Internet checksum (RFC 1071) over the 16 octets before: finds every change of one octet
 *
 * With its own sum the signature adds up to nothing (0xffff): a packet's UDP, TCP or ICMP checksum does not depend on it.
 * All before it (but the transport header) is filler: octet i of it is sig_filler[i], which the receiver compares.
 */
#ifndef IPGEN_SIG_H
#define IPGEN_SIG_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SIG_LEN	  18
#define SIG_MAGIC 0x5ac3u
#define SIG_DIR	  0x80000000u
#define SIG_STAMP 0xffffffffffffull

struct sig {
	uint64_t stamp; /* 48 bits */
	uint16_t magic;
	uint32_t seq;
	uint32_t flow; /* with SIG_DIR */
};

/* Internet checksum of two words, as stored: complemented. */
static inline uint16_t
sig_sum(uint64_t a, uint64_t b)
{
	uint64_t sum = (a & 0xffffffff) + (a >> 32) + (b & 0xffffffff) + (b >> 32);

	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	return (uint16_t)~sum;
}

/* => any thread; writes SIG_LEN octets at p (any alignment) */
static inline void
sig_write(uint8_t *p, uint64_t stamp, uint16_t magic, uint32_t seq, uint32_t flow)
{
	uint64_t a = (stamp & SIG_STAMP) | (uint64_t)magic << 48, b = seq | (uint64_t)flow << 32;
	uint16_t sum = sig_sum(a, b);

	memcpy(p, &a, 8);
	memcpy(p + 8, &b, 8);
	memcpy(p + 16, &sum, 2);
}

/* => any thread; reads SIG_LEN octets at p; false: the sum does not fit (what was read is in *s all the same) */
static inline bool
sig_read(const uint8_t *p, struct sig *s)
{
	uint64_t a, b;
	uint16_t sum;

	memcpy(&a, p, 8);
	memcpy(&b, p + 8, 8);
	memcpy(&sum, p + 16, 2);
	*s = (struct sig){
	    .stamp = a & SIG_STAMP, .magic = (uint16_t)(a >> 48), .seq = (uint32_t)b, .flow = (uint32_t)(b >> 32)};
	return sum == sig_sum(a, b);
}

/* => ticks from a stamp to now, both modulo 2^48; a stamp of the future (clocks of two cores) is 0 */
static inline uint64_t
sig_age(uint64_t stamp, uint64_t now)
{
	uint64_t age = (now - stamp) & SIG_STAMP;

	return age >> 47 ? 0 : age;
}

#define SIG_FILLER 16384	       /* the longest frame and more */
extern uint8_t sig_filler[SIG_FILLER]; /* [I] after sig_init */

/* => control, at start */
void sig_init(void);

#endif
