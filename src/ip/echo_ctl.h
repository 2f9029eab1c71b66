/* SPDX-License-Identifier: BSD-2-Clause */
/* What ping and traceroute have in common: where probes go, and whose an answer is.  Control thread only. */
#ifndef SMPNET_ECHO_CTL_H
#define SMPNET_ECHO_CTL_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "if/ifnet.h"

struct ctl_req;
struct rte_mbuf;

#define ECHO_MAXHOPS  8 /* routers on the way that packets name */
#define ECHO_ADDRTEXT (INET6_ADDRSTRLEN + IFNAMSIZ_SMP + 1)

/* Where probes go */
struct echo_target {
	uint8_t family; /* AF_INET, AF_INET6 */
	bool has_src;	/* src was asked for */
	bool local;	/* to ourselves: no MTU */
	bool blackhole; /* sent, to nowhere */
	union in_any dst, src;
	uint16_t dst_zone; /* interface index of a link-local or multicast dst, 0: none */
	uint16_t oif;	   /* for meta.oif: the zone, or the interface asked for (multicast) */
	uint32_t mtu;
	bool minmtu;  /* IPv6: fragments of 1280 octets, whatever the path carries */
	uint8_t tos;  /* IPv4 */
	bool has_via; /* IPv6: via is the next hop, a neighbour on via_if's link, whatever the routes say */
	union in_any via;
	uint16_t via_if;
	uint8_t nhops; /* source route: loose for IPv4, a routing header of type 0 for IPv6 */
	union in_any hops[ECHO_MAXHOPS];
};

/* An answer, as a session sees it */
struct echo_answer {
	bool reply;	    /* an echo reply; else an error */
	uint8_t type, code; /* ICMP's of the family */
	uint16_t seq;	    /* echo sequence, or UDP destination port */
	uint8_t ttl;
	uint32_t bytes; /* of the ICMP message */
	uint32_t stamp; /* ip_stamp() of receipt */
	uint32_t mtu;	/* need-frag, packet too big */
	char from[ECHO_ADDRTEXT];
	const uint8_t *options; /* IPv4 options of the answer */
	unsigned noptions;
};

/* One ping or traceroute: embedded in its state */
struct echo_session {
	TAILQ_ENTRY(echo_session) list;
	uint8_t family;
	uint8_t proto; /* IPPROTO_ICMP (either family's echo), IPPROTO_UDP */
	uint16_t id;   /* echo identifier, or UDP source port; host order */
	void (*answer)(struct echo_session *, const struct echo_answer *);
	void (*stop)(struct echo_session *); /* ends the stream, which frees the session */
};

/* => fills what dst, source, interface (NULL: not given) say; 0 or ctl_error()'s value */
int echo_target_parse(struct ctl_req *, struct echo_target *, const char *family, const char *dst, const char *source,
    const char *interface);
/* => the other parameters that ping.start and trace.start share: hops, gateway, tos, minmtu; 0 or ctl_error()'s value */
int echo_target_options(struct ctl_req *, struct echo_target *, json_t *params);
/* => the words for echo_target_route()'s error */
int echo_target_error(struct ctl_req *, const struct echo_target *, int error);
/* => looks the route up again, and the source unless asked for; 0, -EHOSTUNREACH, -ENETUNREACH, -EADDRNOTAVAIL */
int echo_target_route(struct echo_target *);
/* => where packets go first */
static inline const union in_any *
echo_first_hop(const struct echo_target *t)
{
	return t->nhops > 0 ? &t->hops[0] : &t->dst;
}
/* => a group, or an IPv6 link-local address: only with an interface a destination */
bool echo_is_scoped(const struct echo_target *);
/* => gives the session an id of its own; 0 or -ENOSPC */
int echo_session_add(struct echo_session *);
void echo_session_remove(struct echo_session *);
/*
 * => sends one ICMP echo request or UDP datagram (port: destination) with len octets of data.
 * rr: with a record route option (IPv4).  0 or -ENOBUFS, -EMSGSIZE (too long, or df and longer than the MTU)
 */
int echo_send(const struct echo_session *, const struct echo_target *, uint16_t seq_or_port, int ttl, bool df, bool rr,
    const void *data, uint32_t len);
/* => the address as text, with its zone where it needs one; buf has ECHO_ADDRTEXT octets */
char *echo_address_text(int family, const void *addr, uint16_t zone, char *buf);
/* => microseconds from tsc to stamp */
double echo_elapsed_us(uint64_t sent_tsc, uint32_t stamp);
/* => what happened, as ping says it */
const char *echo_icmp_text(int family, uint8_t type, uint8_t code);

extern const struct ctl_param ping_start_params[], trace_start_params[];
int ping_start(struct ctl_req *, json_t *params, json_t **result);
int trace_start(struct ctl_req *, json_t *params, json_t **result);

#endif
