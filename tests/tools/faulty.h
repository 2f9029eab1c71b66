/* SPDX-License-Identifier: BSD-2-Clause */
/* What faulty.c (options, segments, time) and faulty_faults.c (what is done to a frame) share. */
#ifndef TESTS_FAULTY_H
#define TESTS_FAULTY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/queue.h>

#include "dev/shmif_bus.h"

enum fault { DROP, DUPLICATE, REORDER, CORRUPT, TRUNCATE, MISDELIVER, FRAGMENT, NFAULTS };
extern const char *const fault_name[NFAULTS];

struct options {
	uint64_t every[NFAULTS]; /* 0: never */
	unsigned reorder_by;
	long corrupt_at; /* >= 0: from the frame's begin; < 0: from the IP packet's end */
	unsigned corrupt_xor, truncate_by;
	uint64_t delay, jitter;		   /* ns */
	double limit;			   /* frames a second; 0: none */
	unsigned buffer;		   /* frames that wait for it */
	uint64_t outage_after, outage_for; /* ns after the first test frame */
	bool way[2];			   /* directions with faults */
	uint64_t flush;			   /* ns without a test frame after which held ones are let go */
	FILE *log;
};

/* A frame under way, or held. */
struct frame {
	TAILQ_ENTRY(frame) next;
	uint64_t release; /* CLOCK_MONOTONIC, ns */
	uint32_t flow, seq;
	unsigned left; /* held: frames that have yet to pass */
	bool overtaken, back;
	uint32_t len;
	uint8_t octet[];
};
TAILQ_HEAD(frames, frame);

struct way {
	unsigned n; /* 0: from the first segment to the second */
	struct frames queue, held;
	uint64_t received, test, sent; /* frames: all that came, those that are test packets, all that were sent on */
	uint64_t done[NFAULTS], due[NFAULTS], turn[NFAULTS];
	uint64_t overtaken;	    /* held frames that a later one of their flow passed */
	uint64_t overflow, outage;  /* dropped: buffer full, in the outage */
	uint64_t first, last;	    /* time of the first and the last test frame */
	uint64_t departed, release; /* when the limit let the last one go; when the last one was to be sent */
	uint64_t *waiting;	    /* ring of departures: of the limit */
	unsigned wbegin, wn;
};

/* Where a frame's parts are. */
struct layout {
	unsigned l3, end, family, proto, l4; /* end: of the IP packet */
};

uint64_t now_ns(void);
/* => false: no test packet (ARP, neighbour discovery, group membership, no IP) */
bool frame_layout(const uint8_t *, uint32_t len, struct layout *);
/* => a frame came at ts by w's way; puts what becomes of it into w's queue */
void way_frame(const struct options *, struct way *, const uint8_t *, uint32_t len, uint64_t ts);
/* => lets go of what is held where no test frame came for a while; now: at once */
void way_flush(const struct options *, struct way *, uint64_t now, bool all);

#endif
