/* SPDX-License-Identifier: BSD-2-Clause */
/* The shared-memory Ethernet segment's format, and what shmif_bus.c and shmif_ring.c share. */
/*
 * The file: a header page, one control block of two cache lines for each slot, then one ring for each slot (sparse until
 * used).  A slot belongs to one writer.  Its ring holds records at ever-growing positions (octets written since the
 * segment was made); position p lies at p modulo the ring's size.  A record is four words and the frame, padded to words:
 *	magic << 32 | length,  its own position,  sequence number,  time stamp (CLOCK_MONOTONIC, ns)
 * FILE.wake/N is a FIFO on which the reader of slot N sleeps.
 *
 * Synchronization: every shared word is a C11 atomic.  A ring has one writer.  Before it overwrites, the writer moves
 * `tail` past what it is going to overwrite, and stores the data with release; a reader loads with acquire, copies, and
 * then looks at tail: what lies at or behind tail was copied whole (a sequence lock whose counter is tail).  `head` is
 * stored with release after the data, so what lies before head is complete; a writer that is killed in between leaves
 * octets behind head that nobody reads.  Nothing read is trusted before it was copied and checked; positions, lengths and
 * sequence numbers of others cost counted drops when they are wrong, and the writer goes on from its private copies, so
 * that a damaged control block heals with the next publish.
 * Sleeping: a reader stores `asleep`, then looks at every head; a writer stores head, then looks at every asleep (all
 * four sequentially consistent, so that one of the two sees the other).  The writer that exchanges asleep for 0 writes
 * one octet into the FIFO.
 * Slots: slot N is owned by who holds the lock on octet SLOT_LOCK+N of the file (fcntl, by open file description), so that
 * the kernel gives it back when its owner dies in whatever way.  A new owner goes on at head.  Making the file, taking
 * slots and removing FIFOs of the dead happen under the lock on octet 0; octet 1 is read-locked by all who are attached.
 *
 * Lifetime: what is in the file outlives all of its users; see shmif_bus.c for the mapping.
 */
#ifndef SMPNET_SHMIF_SEG_H
#define SMPNET_SHMIF_SEG_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <time.h>

#include "dev/shmif_bus.h"
#include "mp/lines.h"

#define BUS_MAGIC   0x31737562666d6873ull /* "shmfbus1" */
#define BUS_VERSION 1
#define BUS_PAGE    4096
#define REC_MAGIC   0x65617266u
#define REC_WORDS   4
#define RING_WORDS  (SHMIF_BUS_RING / 8)
#define SLOT_LOCK   64 /* first octet of the slots' locks; octets 0 and 1 are the segment's */
#define MAXBUSES    1024

struct bus_header {		     /* the first page */
	_Atomic uint64_t magic;	     /* [a] stored last */
	uint32_t version;	     /* [I] */
	uint32_t byteorder;	     /* [I] 0x01020304 */
	uint32_t slots;		     /* [I] */
	uint32_t ring;		     /* [I] */
	uint32_t maxframe;	     /* [I] */
	uint32_t spare;		     /* [I] */
	char boot[40];		     /* [I] the time stamps' boot */
	_Atomic int64_t realtime;    /* [a] ns from time stamps to time of day */
	_Atomic uint32_t slots_used; /* [a] no slot at or above was ever taken */
};

struct bus_slot {
	/* written by the slot's writer */
	_Alignas(64) _Atomic uint64_t head; /* [a] position behind the last complete record */
	_Atomic uint64_t tail;		    /* [a] position of the oldest record that is whole */
	_Atomic uint64_t seq;		    /* [a] number of the next record */
	_Atomic uint64_t last_ts;	    /* [a] */
	_Atomic uint32_t gen;		    /* [a] moves when the slot gets a new owner */
	_Atomic uint32_t pid;		    /* [a] for people */
	/* written by readers and writers */
	_Alignas(64) _Atomic uint32_t asleep; /* [a] the slot's reader sleeps on its FIFO */
};

struct bus_segment {
	union {
		struct bus_header h;
		char page[BUS_PAGE];
	};
	struct bus_slot slot[SHMIF_BUS_SLOTS];
	_Alignas(BUS_PAGE) _Atomic uint64_t ring[SHMIF_BUS_SLOTS][RING_WORDS];
};
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "words are shared between processes");
_Static_assert(sizeof(struct bus_slot) == 128, "two cache lines");

struct shmif_bus {
	struct bus_segment *seg;	   /* [I] */
	struct bus_guard *guard;	   /* [I] */
	char *path;			   /* [I] */
	int fd;				   /* [I] */
	int wakedir;			   /* [I] FILE.wake, -1 for a bus that only looks */
	pid_t pid;			   /* [I] who opened it */
	bool rdonly;			   /* [I] */
	_Atomic bool own[SHMIF_BUS_SLOTS]; /* [a] slots we write: our readers skip them */
	pthread_mutex_t lock;		   /* [c] of what follows; never taken by put, publish, next */
	bool mine[SHMIF_BUS_SLOTS];	   /* [c] slots we hold */
	struct shmif_writer *writers;	   /* [c] */
	struct shmif_reader *readers;	   /* [c] */
};

struct shmif_writer { /* [w] but for drops */
	struct shmif_bus *bus;
	struct bus_slot *slot;
	_Atomic uint64_t *ring;
	uint64_t head, tail, seq; /* the truth; the segment's are what others see */
	uint64_t published;	  /* head as published */
	_Atomic uint64_t drops;	  /* [a] */
	struct {
		int fd;
		uint32_t gen;
	} peer[SHMIF_BUS_SLOTS]; /* FIFOs of readers we have woken */
	unsigned n;		 /* [I] number of the slot */
	struct shmif_writer *next;
};

struct reader_slot { /* [w] */
	uint64_t pos;
	uint64_t seq, seqpos; /* the number we expect next, the position where we did */
	bool seqknown, have;  /* have: the record at pos is looked at: */
	uint32_t len;
	uint64_t fseq, ts;
};

struct shmif_reader { /* [w] but for drops */
	struct shmif_bus *bus;
	_Atomic uint64_t drops; /* [a] */
	uint64_t now;
	int fd;		/* [I] our FIFO */
	int n;		/* [I] the slot whose asleep is ours, or -1 */
	unsigned known; /* slots with a position */
	struct reader_slot slot[SHMIF_BUS_SLOTS];
	struct shmif_reader *next;
};

/* The mappings that the SIGBUS handler knows.  An entry is taken with owner, valid while base is not 0. */
struct bus_guard {
	_Atomic bool owner;
	_Atomic uintptr_t base;
	_Atomic bool broken;
};
static inline uint64_t
bus_now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline bool
bus_owns(struct shmif_bus *bus, unsigned n)
{
	return atomic_load_explicit(&bus->own[n], memory_order_relaxed);
}

/* => with the bus's lock; takes the lowest free slot: its number, or -errno with err filled */
int shmif_bus_take_slot(struct shmif_bus *, char *err, size_t errlen);
void shmif_bus_give_slot(struct shmif_bus *, unsigned n);
/* => the slot is ours; makes and opens the slot's FIFO: a descriptor that never reports a hang-up, or -errno */
int shmif_bus_make_fifo(struct shmif_bus *, unsigned n, char *err, size_t errlen);
/* Raises the number of slots that others look at. */
void shmif_bus_raise_used(struct bus_segment *, uint32_t n);
int shmif_bus_error(char *err, size_t errlen, int error, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void shmif_writer_free(struct shmif_writer *);
void shmif_reader_free(struct shmif_reader *);

#endif
