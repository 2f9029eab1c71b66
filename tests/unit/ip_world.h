/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole router in one thread: the real stack from if_input to the devices, which are arrays.
 *
 *	        10.0.1.1/24, 2001:db8:1::1/64 tst0 +--------+ tst1 10.0.2.1/24, 2001:db8:2::1/64
 *	A 10.0.1.2, 2001:db8:1::2 ---------------- |   R    | ---------------- 10.0.2.2, 2001:db8:2::2 B
 *	                                           +--------+
 */
#ifndef IP_WORLD_H
#define IP_WORLD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "if/ifnet.h"
#include "ip/ip_hdr.h"
#include "mp/mp.h"
#include "pkt/pkt.h"

#define WORLD_FRAMES 512
#define WORLD_FRAME  9100

struct world_frame {
	uint16_t ifindex;
	uint32_t len;
	uint8_t data[WORLD_FRAME];
};

extern struct world_frame world_frame[WORLD_FRAMES];
extern unsigned world_nframes; /* transmitted since world_clear */
extern struct ifnet *world_if[2];
extern bool world_real_time; /* else a millisecond passes with each packet */
extern int world_family;     /* AF_INET, AF_INET6: of the packets to come */

int world_start(void **state);
int world_end(void **state);
void world_clear(void); /* forgets frames; counters are compared with what they were now */
/* => a packet with an Ethernet header to the router's address of the interface, in segments of seg octets (0: one) */
struct rte_mbuf *world_packet(unsigned ifn, const void *ip, uint32_t len, unsigned seg);
/* => received on interface ifn (0, 1) as one vector; then everything runs until it is quiet */
void world_input(unsigned ifn, struct rte_mbuf **, unsigned n);
/* => the same for one IP packet with padding octets behind it */
void world_receive(unsigned ifn, const void *ip, uint32_t len, uint32_t padding, unsigned seg);
/*
 * => of class, n times the packet flood and once the packet other in one instant, received on interface ifn: does the
 *    other one reach control?
 */
bool world_flood(enum mp_class, unsigned ifn, const void *flood, unsigned n, const void *other, uint32_t len);
void world_settle(void);
/* => A and B are known; others are forgotten, with the packets that wait for them */
void world_neighbours(void);
void world_as_worker(void);
void world_as_control(void);
/* => control; a method called; fails the test if it fails */
json_t *world_call(const char *method, const char *fmt, ...);
void world_sysctl(const char *name, int value);
/* => how much more since world_clear */
uint64_t world_counted(enum mp_counter);
uint64_t world_dropped(enum mp_drop);
/* => every packet has ended in one way (design section 4); asserts it */
void world_sum(void);
uint16_t world_cksum(const void *, uint32_t len, uint32_t start); /* naive, over a flat buffer */

/* Packets by parts; each returns the length of the IP packet made in buf */
uint32_t make_ip4(
    uint8_t *buf, const char *src, const char *dst, uint8_t proto, uint8_t ttl, const void *payload, uint32_t len);
uint32_t make_echo4(uint8_t *buf, const char *src, const char *dst, uint16_t id, uint16_t seq, uint32_t size);
uint32_t make_udp4(uint8_t *buf, const char *src, const char *dst, uint32_t size);
uint32_t make_ip6(
    uint8_t *buf, const char *src, const char *dst, uint8_t nxt, uint8_t hlim, const void *payload, uint32_t len);
uint32_t make_echo6(uint8_t *buf, const char *src, const char *dst, uint16_t id, uint16_t seq, uint32_t size);
uint32_t make_udp6(uint8_t *buf, const char *src, const char *dst, uint32_t size);
void fix_ip4(uint8_t *buf);					    /* header checksum again */
uint16_t sum_icmp6(const uint8_t *ip6, uint32_t off, uint32_t len); /* 0: right */

#endif
