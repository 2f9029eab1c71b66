/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packet traces on control: sessions (trace_ctl.c), packets put together from the threads' events (trace_packet_ctl.c),
 * and what is said of them (trace_text_ctl.c).
 *
 * Synchronization: control only.  Threads are given and relieved of sessions by mp_call; their events come through
 * their tracers' rings.
 * Lifetime: a session's slot, and the tracers, are free again when every worker has answered the call that takes the
 * session away.
 */
#ifndef SMPNET_TRACE_VAR_H
#define SMPNET_TRACE_VAR_H

#include <jansson.h>

#include "mp/mp.h"
#include "pkt/trace.h"

#define TRACE_STALE_MS	 2000 /* a packet of which nothing was heard for so long is told as it is */
#define TRACE_STEPS_MAX	 256  /* of a packet with its copies; what comes after them is counted */
#define TRACE_PACKET_MAX 4096 /* packets and copies under way */

struct trace_step { /* [c] all */
	struct pkt_trace_event event;
	uint16_t thread;
	uint16_t copy; /* 0: the packet itself */
};

/* A traced packet with its copies. */
struct trace_packet { /* [c] all */
	uint8_t sessions;
	uint16_t ncopies;
	uint16_t open; /* of the packet and its copies, those that are under way */
	uint32_t nsteps, more;
	uint64_t last_ms;
	struct trace_step *steps;
	uint32_t cap;
};

/* trace_packet_ctl.c */
/* => control; takes up to max events from the threads' rings; true if there are more */
bool trace_collect(struct pkt_tracer *const *, unsigned n, unsigned max, void (*tell)(const struct trace_packet *));
/* => control; packets of which nothing was heard for long, or (all) every one, are told and forgotten */
void trace_expire(bool all, void (*tell)(const struct trace_packet *));
void trace_forget(void);

/* trace_text_ctl.c */
/* => control; the packet as JSON: number is its place in the trace */
json_t *trace_json(const struct trace_packet *, uint64_t number);

#endif
