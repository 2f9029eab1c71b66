/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The engine as the tests see it: trials run, samples come once a second, counters are read.
 *
 * A trial sends the traffic of one or two directions at a rate for a while, waits until what is under way has arrived
 * (drain), and only then compares.  Direction 0 is from port 0 to port 1 (or, with one port, back to it), 1 the other way.
 *
 * Synchronization: all functions here are control's; what workers count they own, and it is read word by word.
 * Lifetime: traffic belongs to the caller, and must live until trial_run has returned or trial_set_traffic's replacement
 * has been taken (trial_set_traffic frees the one before after a grace period).
 */
#ifndef IPGEN_TRIAL_H
#define IPGEN_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "ipgen/hist.h"

#define TRIAL_DIRS 2

struct traffic;

struct trial_spec {
	struct traffic *traffic[TRIAL_DIRS]; /* NULL: that direction is silent */
	double pps[TRIAL_DIRS];		     /* packets a second; INFINITY: as fast as it goes */
	double seconds;			     /* of sending that counts; 0: until packets are sent, or trial_stop */
	uint64_t packets;		     /* of each direction; 0: no limit */
	double warmup;	 /* seconds at the same rate before, not counted (its packets are waited for too) */
	double ramp;	 /* seconds within warmup in which the rate grows from nothing */
	double drain;	 /* seconds without an arrival after which what is missing is lost; < 0: 2.  Four times so
			    many without a packet that had not come before */
	double interval; /* seconds from one sample to the next; 0: 1, or what the command line says; 0.01 at least */
	unsigned burst;	 /* most packets at once; 0: 32 */
	bool sample;	 /* tell observers each second */
};

/* What is counted of a direction.  All but sent at the receiving side. */
struct trial_counts {
	uint64_t sent, sent_octets; /* accepted by the device; octets with FCS */
	uint64_t tx_full;	    /* times the device took less than was due */
	uint64_t slipped;	    /* packets that the schedule gave up because the sender came late */
	uint64_t received,
	    received_octets; /* test packets of the direction at the right port, duplicates and corrupt too */
	uint64_t unique;     /* of those: each sequence number once */
	uint64_t lost; /* live: missing below the highest number seen; settled: sent - unique - late - unattributed */
	uint64_t reordered;    /* RFC 4737 section 3: Type-P-Reordered */
	uint64_t reorder_max;  /* largest extent, section 4.2.1, in packets of the flow */
	uint64_t duplicate;    /* RFC 5560 */
	uint64_t corrupt;      /* came with another content: of these */
	uint64_t unattributed; /* those whose flow or number is not known any more */
	uint64_t misdelivered; /* at a port where the direction does not end, or with other addresses or ports */
	uint64_t stale;	       /* of another trial */
	uint64_t fragments;    /* test packets in pieces: not put together */
	uint64_t late;	       /* behind the window of numbers: missing ones or duplicates, not known which; not lost */
};

struct trial_latency { /* nanoseconds */
	uint64_t n;
	double min, mean, p50, p90, p99, p999, max;
	double jitter, jitter_max; /* RFC 3550 section 6.4.1: mean over the flows, the largest of a flow */
};

struct trial_direction {
	struct trial_counts count;
	double tx_pps, rx_pps; /* first to last packet */
	double asked_pps;      /* INFINITY: as fast as it goes */
	double mean_size;      /* octets with FCS */
	struct trial_latency latency;
	const struct hist *hist; /* ticks; all of it; the engine's, until the next trial; NULL in a report's rows */
	unsigned burst_median, burst_max;
	uint64_t peak10ms; /* most packets sent in one stretch of 10 ms; 0: not known */
	uint32_t flows, flows_lossy;
};

struct trial_result {
	struct trial_direction dir[TRIAL_DIRS];
	uint64_t other;	      /* frames that are none of ours: ARP, ND, hosts'; seen at any port */
	uint64_t tester_lost; /* of those that the tester itself lost after the device gave them: rings, buffers */
	uint64_t
	    device_missed; /* lost at our own devices, rx_missed, rx_nobuf, rx_errors; taken, not sent: tx_errors */
	double seconds;	   /* in which was sent */
	bool interrupted;  /* trial_stop or a signal */
	bool link_lost;	   /* a port's link went down while it ran */
};

/* One interval, a second where the spec does not say another, and the totals. */
struct trial_sample {
	double at;	/* seconds since the trial's beginning */
	double seconds; /* how long this one was */
	bool counting;	/* false: warm-up or drain */
	double asked_pps[TRIAL_DIRS];
	struct trial_counts second[TRIAL_DIRS], total[TRIAL_DIRS];
	struct trial_latency latency[TRIAL_DIRS];		  /* of this second */
	uint64_t other, tester_lost, device_missed;		  /* so far, as in the result */
	unsigned burst_median[TRIAL_DIRS], burst_max[TRIAL_DIRS]; /* so far */
};

struct trial_flow_result {
	uint64_t sent, received, lost, reordered, duplicate, corrupt, misdelivered;
	double jitter; /* ns */
};

/*
 * => control, from main's own level (not from an event): runs the event loop until the trial is over.  0, or -errno with err:
 *    -EINVAL (what), -ENOMEM, -ENETDOWN (a port's link), -EINTR (stopped before it counted anything).  A trial that was
 *    stopped later returns 0 with interrupted set.
 */
int trial_run(const struct trial_spec *, struct trial_result *, char *err, size_t errlen);
/* => control, from any event; the running trial stops sending, drains and ends.  again true: the procedure ends too */
void trial_stop(bool quit);
/* => control; trial_stop(true) or a signal was there: what runs a series of trials ends now */
bool trial_quit(void);
/* => control; waits in the event loop (sampling nothing); false: trial_quit */
bool trial_wait(double seconds);

/* => control, from any event, while a trial runs; else -ESRCH.  From the next packet on. */
int trial_set_rate(unsigned dir, double pps);
/* => control; takes the new one; the old is freed after a grace period.  The flows must be the same (traffic_resize) */
int trial_set_traffic(unsigned dir, struct traffic *);
/* => control, after trial_run; given, of the spec, or what trial_set_traffic put in its place, which is the caller's now */
struct traffic *trial_traffic_left(unsigned dir, struct traffic *given);
/* => control; the traffic in use, or NULL */
const struct traffic *trial_traffic(unsigned dir);
/* => control; pauses sending and goes on; the time does not stand still */
int trial_pause(bool);
bool trial_running(void);

/* => control; fn is called each interval (a second) of every trial that samples; at most 8 observers */
int trial_observe(void (*fn)(void *arg, const struct trial_sample *), void *arg);
void trial_unobserve(void (*fn)(void *arg, const struct trial_sample *), void *arg);
/* => control; the interval of samples where the spec does not say one */
void trial_set_interval(double seconds);

/* => control, after trial_run and before the next; -ENOENT: no such flow */
int trial_flow_result(unsigned dir, uint32_t flow, struct trial_flow_result *);

/*
 * => control; latency of the tester alone: the same worker threads, signature and checks through a loop in memory, at pps
 *    (INFINITY or more than it can: half of what it can).  Takes about 0.3 s of the event loop.
 */
int trial_floor(double pps, unsigned size, struct trial_latency *, char *err, size_t errlen);

/* => control; the link speed that percent and the theoretical line refer to, bits/s; 0: not known */
uint64_t trial_line_rate(unsigned dir);
/* => packets a second of frames of this mean size at the line rate (layer 1); 0: not known */
double trial_line_pps(unsigned dir, double mean_size);

#endif
