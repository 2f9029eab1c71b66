/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A shared-memory Ethernet segment: one file, mapped by any number of processes, is one wire.
 * No DPDK and no daemon in here: tools and tests link this file alone.  The format is described in shmif_bus.c.
 */
#ifndef SMPNET_SHMIF_BUS_H
#define SMPNET_SHMIF_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHMIF_BUS_SLOTS	   128	      /* attached writers */
#define SHMIF_BUS_RING	   (1u << 20) /* octets of one writer's ring */
#define SHMIF_BUS_MAXFRAME (9018 + 4) /* 9000 octets of payload, Ethernet header, a VLAN tag, FCS where kept */
#define SHMIF_BUS_MINFRAME 14

struct shmif_bus;    /* one mapping; the slots it holds */
struct shmif_writer; /* one slot's writing side: used by one thread */
struct shmif_reader; /* reads all slots but the bus's own: used by one thread */

/* A frame as read. */
struct shmif_frame {
	uint64_t ts_ns; /* CLOCK_MONOTONIC when it was written */
	uint64_t seq;	/* its number among its writer's frames */
	uint32_t len;
	uint16_t slot;
};

#define SHMIF_BUS_CREATE 1 /* make the file where there is none */
#define SHMIF_BUS_RDONLY 2 /* look only: no slot can be taken */

/*
 * => any thread, may block for some ms behind another process's open; 0 or -errno with one line in err.
 * A file that is no segment, or one of another version, is refused and left alone.
 * Sets SIGPIPE to be ignored where it was at its default, and a SIGBUS handler that guards the mapping.
 */
int shmif_bus_open(const char *path, int flags, struct shmif_bus **, char *err, size_t errlen);
/* => any thread, when no writer or reader of it is in use; closes those still open, gives the slots back */
void shmif_bus_close(struct shmif_bus *);
/* => any thread; the file was truncated (or its disk is full): nothing moves on this mapping any more */
bool shmif_bus_broken(struct shmif_bus *);
/* => any thread; looks at the file's size too, so that a truncation is seen before somebody runs into it */
bool shmif_bus_check(struct shmif_bus *);
/* Nanoseconds to add to a frame's ts_ns for the time of day */
int64_t shmif_bus_realtime_offset(struct shmif_bus *);
unsigned shmif_bus_nslots_used(struct shmif_bus *);

/* => any thread; takes a slot.  0 or -errno (ENOSPC: all taken) with one line in err */
int shmif_writer_open(struct shmif_bus *, struct shmif_writer **, char *err, size_t errlen);
/*
 * => the writer's thread; copies a frame into the ring, where readers see it after the next publish.
 * Never waits.  False: too short, too long or the segment is broken (counted).
 */
bool shmif_writer_put(struct shmif_writer *, const void *frame, uint32_t len);
/* => the writer's thread; makes what was put visible and wakes readers that sleep (at most one system call each) */
void shmif_writer_publish(struct shmif_writer *);
uint64_t shmif_writer_drops(const struct shmif_writer *); /* => any thread */
unsigned shmif_writer_slot(const struct shmif_writer *);

/*
 * => any thread; oldest: begins with what the rings still hold, else with what comes.  With wake, the reader can sleep
 * on shmif_reader_fd; it uses a slot of the bus's (w's, or one of its own where w is NULL).
 */
int shmif_reader_open(struct shmif_bus *, bool oldest, bool wake, struct shmif_writer *w, struct shmif_reader **,
    char *err, size_t errlen);
/*
 * => the reader's thread; the oldest frame not read yet, copied to buf (SHMIF_BUS_MAXFRAME octets of room).
 * False: there is none.  Frames lost to an overrun or to corruption are counted in the reader's drops.
 */
bool shmif_reader_next(struct shmif_reader *, void *buf, struct shmif_frame *);
/* => the reader's thread; asks to be woken through the descriptor; true: there is a frame already (and nothing asked)
 */
bool shmif_reader_arm(struct shmif_reader *);
/* => the reader's thread; after it woke */
void shmif_reader_disarm(struct shmif_reader *);
int shmif_reader_fd(const struct shmif_reader *);	  /* pollable for reading; -1: cannot sleep */
uint64_t shmif_reader_drops(const struct shmif_reader *); /* => any thread */

#endif
