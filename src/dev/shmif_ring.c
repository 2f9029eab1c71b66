/* SPDX-License-Identifier: BSD-2-Clause */
/* The shared-memory Ethernet segment: writing into one's ring, reading the others', sleeping and waking. */
/*
 * Synchronization: see shmif_seg.h.  A writer and a reader are each used by one thread; their drops are read by any.
 * Lifetime: until shmif_bus_close.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev/shmif_seg.h"

void
shmif_writer_free(struct shmif_writer *w)
{
	for (unsigned i = 0; i < SHMIF_BUS_SLOTS; i++)
		if (w->peer[i].fd >= 0)
			close(w->peer[i].fd);
	free(w);
}

void
shmif_reader_free(struct shmif_reader *r)
{
	if (r->n >= 0)
		atomic_store(&r->bus->seg->slot[r->n].asleep, 0);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

/* A record's header, loaded; true if it can be one at pos that ends at or before head */
static bool
record_load(_Atomic uint64_t *ring, uint64_t pos, uint64_t head, uint64_t w[REC_WORDS], uint32_t *len)
{
	for (unsigned i = 0; i < REC_WORDS; i++)
		w[i] = atomic_load_explicit(&ring[(pos / 8 + i) % RING_WORDS], memory_order_acquire);
	*len = (uint32_t)w[0];
	return w[0] >> 32 == REC_MAGIC && w[1] == pos && *len >= SHMIF_BUS_MINFRAME && *len <= SHMIF_BUS_MAXFRAME &&
	       head - pos >= REC_WORDS * 8 + (((uint64_t)*len + 7) & ~7ull);
}

static uint64_t
record_size(uint32_t len)
{
	return REC_WORDS * 8 + ((len + 7u) & ~7ull);
}

int
shmif_writer_open(struct shmif_bus *bus, struct shmif_writer **wp, char *err, size_t errlen)
{
	struct shmif_writer *w = lines_zalloc(sizeof *w);
	int n;

	if (w == NULL)
		return shmif_bus_error(err, errlen, ENOMEM, "%s: %s", bus->path, strerror(ENOMEM));
	pthread_mutex_lock(&bus->lock);
	n = shmif_bus_take_slot(bus, err, errlen);
	if (n < 0) {
		pthread_mutex_unlock(&bus->lock);
		free(w);
		return n;
	}
	w->bus = bus;
	w->n = n;
	w->slot = &bus->seg->slot[n];
	w->ring = bus->seg->ring[n];
	for (unsigned i = 0; i < SHMIF_BUS_SLOTS; i++)
		w->peer[i].fd = -1;
	/* Space for the ring now: better an error here than a broken bus later.  Not every file system can. */
	if (fallocate(bus->fd, FALLOC_FL_KEEP_SIZE, offsetof(struct bus_segment, ring) + (off_t)n * SHMIF_BUS_RING,
		SHMIF_BUS_RING) != 0 &&
	    errno == ENOSPC) {
		shmif_bus_give_slot(bus, n);
		pthread_mutex_unlock(&bus->lock);
		free(w);
		return shmif_bus_error(err, errlen, ENOSPC, "%s: %s", bus->path, strerror(ENOSPC));
	}
	w->head = atomic_load(&w->slot->head);
	w->tail = atomic_load(&w->slot->tail);
	w->seq = atomic_load(&w->slot->seq);
	if ((w->head | w->tail) % 8 != 0 || w->head - w->tail > SHMIF_BUS_RING || w->head > UINT64_MAX / 2) {
		w->head = w->tail = w->seq = 0; /* damaged */
		atomic_store(&w->slot->tail, 0);
		atomic_store(&w->slot->head, 0);
	}
	w->published = w->head;
	atomic_store(&bus->own[n], true);
	w->next = bus->writers;
	bus->writers = w;
	pthread_mutex_unlock(&bus->lock);
	*wp = w;
	return 0;
}

/* Makes room for size octets at head by giving up the oldest records. */
static void
writer_room(struct shmif_writer *w, uint64_t size)
{
	uint64_t tail = w->tail;

	while (w->head + size - tail > SHMIF_BUS_RING) {
		uint64_t words[REC_WORDS];
		uint32_t len;

		if (tail == w->head || !record_load(w->ring, tail, w->head, words, &len)) {
			tail = w->head; /* somebody wrote into our ring */
			break;
		}
		tail += record_size(len);
	}
	if (tail != w->tail) {
		w->tail = tail;
		/* The release stores of the data that follow keep this store before them. */
		atomic_store_explicit(&w->slot->tail, tail, memory_order_relaxed);
	}
}

bool
shmif_writer_put(struct shmif_writer *w, const void *frame, uint32_t len)
{
	const unsigned char *p = frame;
	uint64_t size = record_size(len), at = w->head / 8, now;

	if (len < SHMIF_BUS_MINFRAME || len > SHMIF_BUS_MAXFRAME || shmif_bus_broken(w->bus)) {
		atomic_fetch_add_explicit(&w->drops, 1, memory_order_relaxed);
		return false;
	}
	if (w->head + size - w->published > SHMIF_BUS_RING / 4)
		shmif_writer_publish(w); /* readers must not see tail pass head */
	now = bus_now(CLOCK_MONOTONIC);
	writer_room(w, size);
#define PUT(word) atomic_store_explicit(&w->ring[at++ % RING_WORDS], (word), memory_order_release)
	PUT((uint64_t)REC_MAGIC << 32 | len);
	PUT(w->head);
	PUT(w->seq);
	PUT(now);
	for (; len >= 8; len -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		PUT(word);
	}
	if (len > 0) {
		uint64_t word = 0;

		memcpy(&word, p, len);
		PUT(word);
	}
#undef PUT
	w->head += size;
	w->seq++;
	return true;
}

/* One octet into the FIFO of slot n's reader. */
static void
writer_wake(struct shmif_writer *w, unsigned n)
{
	uint32_t gen = atomic_load_explicit(&w->bus->seg->slot[n].gen, memory_order_acquire);

	if (w->peer[n].fd >= 0 && w->peer[n].gen != gen) {
		close(w->peer[n].fd);
		w->peer[n].fd = -1;
	}
	if (w->peer[n].fd < 0) {
		char name[16];
		struct stat st;
		int fd;

		snprintf(name, sizeof name, "%u", n);
		fd = openat(w->bus->wakedir, name, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0) {
			/* Dead, or leaving; or it is we who lack something just now: then the next publish tries again. */
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
				atomic_store(&w->bus->seg->slot[n].asleep, 1);
			return;
		}
		if (fstat(fd, &st) != 0 || !S_ISFIFO(st.st_mode)) {
			close(fd);
			return;
		}
		w->peer[n].fd = fd;
		w->peer[n].gen = gen;
	}
	if (write(w->peer[n].fd, "", 1) < 0 && errno != EAGAIN) {
		close(w->peer[n].fd); /* its reader died */
		w->peer[n].fd = -1;
	}
}

void
shmif_writer_publish(struct shmif_writer *w)
{
	struct bus_segment *seg = w->bus->seg;
	unsigned used;

	if (w->head == w->published || shmif_bus_broken(w->bus)) {
		w->published = w->head;
		return;
	}
	w->published = w->head;
	/* All of it each time: the private copies heal what somebody else overwrote. */
	atomic_store_explicit(&w->slot->tail, w->tail, memory_order_relaxed);
	atomic_store_explicit(&w->slot->seq, w->seq, memory_order_relaxed);
	shmif_bus_raise_used(seg, w->n + 1);
	atomic_store(&w->slot->head, w->head);
	used = shmif_bus_nslots_used(w->bus);
	for (unsigned i = 0; i < used; i++)
		if (atomic_load(&seg->slot[i].asleep) != 0 && !bus_owns(w->bus, i) &&
		    atomic_exchange(&seg->slot[i].asleep, 0) != 0)
			writer_wake(w, i);
}

uint64_t
shmif_writer_drops(const struct shmif_writer *w)
{
	return atomic_load_explicit(&w->drops, memory_order_relaxed);
}

unsigned
shmif_writer_slot(const struct shmif_writer *w)
{
	return w->n;
}

int
shmif_reader_open(struct shmif_bus *bus, bool oldest, bool wake, struct shmif_writer *w, struct shmif_reader **rp,
    char *err, size_t errlen)
{
	struct shmif_reader *r = lines_zalloc(sizeof *r);
	int error = 0;

	if (r == NULL)
		return shmif_bus_error(err, errlen, ENOMEM, "%s: %s", bus->path, strerror(ENOMEM));
	r->bus = bus;
	r->n = r->fd = -1;
	pthread_mutex_lock(&bus->lock);
	if (wake) {
		int n = w != NULL ? (int)w->n : shmif_bus_take_slot(bus, err, errlen);
		int fd = n < 0 ? n : shmif_bus_make_fifo(bus, n, err, errlen);

		if (fd < 0) {
			if (n >= 0 && w == NULL) {
				shmif_bus_give_slot(bus, n);
			}
			error = fd;
			goto out;
		}
		r->n = n;
		r->fd = fd;
		/* Who looked for the FIFO before it was there looks again. */
		atomic_fetch_add(&bus->seg->slot[n].gen, 1);
	}
	r->now = bus_now(CLOCK_MONOTONIC);
	r->known = shmif_bus_nslots_used(bus);
	for (unsigned i = 0; i < r->known; i++) {
		struct bus_slot *s = &bus->seg->slot[i];

		r->slot[i].pos = atomic_load(&s->head);
		r->slot[i].seq = atomic_load(&s->seq);
		r->slot[i].seqpos = r->slot[i].pos;
		r->slot[i].seqknown = true;
		if (oldest) {
			uint64_t tail = atomic_load(&s->tail);

			if ((tail | r->slot[i].pos) % 8 == 0 && r->slot[i].pos - tail <= SHMIF_BUS_RING) {
				r->slot[i].pos = tail;
				r->slot[i].seqknown = false;
			}
		}
	}
	r->next = bus->readers;
	bus->readers = r;
	*rp = r;
out:
	pthread_mutex_unlock(&bus->lock);
	if (error != 0)
		free(r);
	return error;
}

static void
reader_count(struct shmif_reader *r, uint64_t n)
{
	atomic_fetch_add_explicit(&r->drops, n, memory_order_relaxed);
}

/* What lies between pos and to is lost in a way that cannot be counted: one drop. */
static void
reader_corrupt(struct shmif_reader *r, struct reader_slot *rs, uint64_t to)
{
	reader_count(r, 1);
	rs->pos = to;
	rs->seqknown = false;
	rs->have = false;
}

/*
 * Looks at the next record of slot i, if there is one.  Since head is loaded before tail, tail is at most a ring behind
 * it. Three tries against a writer that laps us, then we go on at its head.  What a damaged head costs is bounded too:
 * pos becomes the head, whatever that is, and one drop is counted.
 */
static bool
reader_look(struct shmif_reader *r, unsigned i)
{
	struct reader_slot *rs = &r->slot[i];
	struct bus_slot *s = &r->bus->seg->slot[i];
	uint64_t head, tail, w[REC_WORDS];
	uint32_t len;
	bool good;

	for (int try = 0; try < 3; try++) {
		head = atomic_load_explicit(&s->head, memory_order_acquire);
		if (head == rs->pos)
			return false;
		tail = atomic_load_explicit(&s->tail, memory_order_acquire);
		if ((head | tail | rs->pos) % 8 != 0 || (int64_t)(head - rs->pos) < 0) {
			reader_corrupt(r, rs, head);
			return false;
		}
		if ((int64_t)(tail - rs->pos) > 0) { /* overrun */
			rs->pos = tail;
			continue;
		}
		if (head - rs->pos > SHMIF_BUS_RING) { /* then tail would have passed us */
			reader_corrupt(r, rs, head);
			return false;
		}
		good = record_load(r->bus->seg->ring[i], rs->pos, head, w, &len);
		tail = atomic_load_explicit(&s->tail, memory_order_relaxed); /* after the loads, which acquire */
		if ((int64_t)(tail - rs->pos) > 0)
			continue;
		if (!good) {
			reader_corrupt(r, rs, head);
			return false;
		}
		rs->have = true;
		rs->len = len;
		rs->fseq = w[2];
		rs->ts = w[3];
		/* A time stamp far ahead must not keep a ring from being read while the others have frames. */
		if (rs->ts > r->now + 1000000000u) {
			r->now = bus_now(CLOCK_MONOTONIC);
			if (rs->ts > r->now + 1000000000u)
				rs->ts = r->now;
		}
		return true;
	}
	/* It laps us faster than we can look. */
	rs->pos = atomic_load_explicit(&s->head, memory_order_acquire);
	return false;
}

/* Copies the record that was looked at; false: it was overwritten meanwhile. */
static bool
reader_take(struct shmif_reader *r, unsigned i, unsigned char *buf, struct shmif_frame *f)
{
	struct reader_slot *rs = &r->slot[i];
	_Atomic uint64_t *ring = r->bus->seg->ring[i];
	uint64_t at = rs->pos / 8 + REC_WORDS, tail, word;
	uint32_t len = rs->len;

	for (; len >= 8; len -= 8, buf += 8) {
		word = atomic_load_explicit(&ring[at++ % RING_WORDS], memory_order_acquire);
		memcpy(buf, &word, 8);
	}
	if (len > 0) {
		word = atomic_load_explicit(&ring[at % RING_WORDS], memory_order_acquire);
		memcpy(buf, &word, len);
	}
	rs->have = false;
	tail = atomic_load_explicit(&r->bus->seg->slot[i].tail, memory_order_relaxed);
	if ((int64_t)(tail - rs->pos) > 0)
		return false;
	if (rs->seqknown && rs->fseq != rs->seq) {
		uint64_t lost = rs->fseq - rs->seq;

		/* No more than fit between the two positions; else the number is damaged. */
		reader_count(r, lost <= (rs->pos - rs->seqpos) / record_size(SHMIF_BUS_MINFRAME) ? lost : 1);
	}
	rs->seq = rs->fseq + 1;
	rs->seqknown = true;
	rs->pos += record_size(rs->len);
	rs->seqpos = rs->pos;
	*f = (struct shmif_frame){.ts_ns = rs->ts, .seq = rs->fseq, .len = rs->len, .slot = i};
	return true;
}

/* Slots that were taken for the first time since we last looked: all that was written there is new to us. */
static unsigned
reader_slots(struct shmif_reader *r)
{
	unsigned used = shmif_bus_nslots_used(r->bus);

	for (; r->known < used; r->known++)
		r->slot[r->known].seqknown = true;
	return used < r->known ? used : r->known;
}

bool
shmif_reader_next(struct shmif_reader *r, void *buf, struct shmif_frame *f)
{
	unsigned n = reader_slots(r);

	for (int try = 0; try < 4; try++) {
		int best = -1;

		if (shmif_bus_broken(r->bus))
			return false;
		for (unsigned i = 0; i < n; i++) {
			struct reader_slot *rs = &r->slot[i];

			if (bus_owns(r->bus, i) || (!rs->have && !reader_look(r, i)))
				continue;
			if (best < 0 || rs->ts < r->slot[best].ts)
				best = i;
		}
		if (best < 0)
			return false;
		if (reader_take(r, best, buf, f))
			return true;
	}
	return false;
}

bool
shmif_reader_arm(struct shmif_reader *r)
{
	struct bus_segment *seg = r->bus->seg;
	unsigned n;

	if (r->n < 0)
		return false;
	atomic_store(&seg->slot[r->n].asleep, 1);
	n = reader_slots(r);
	for (unsigned i = 0; i < n; i++) {
		/* A head that is damaged is looked at by next, which counts it and then ignores it. */
		if (bus_owns(r->bus, i) || atomic_load(&seg->slot[i].head) == r->slot[i].pos)
			continue;
		atomic_store_explicit(&seg->slot[r->n].asleep, 0, memory_order_relaxed);
		return !shmif_bus_broken(r->bus);
	}
	return false;
}

void
shmif_reader_disarm(struct shmif_reader *r)
{
	char buf[64];

	if (r->n < 0)
		return;
	atomic_store_explicit(&r->bus->seg->slot[r->n].asleep, 0, memory_order_relaxed);
	while (read(r->fd, buf, sizeof buf) == sizeof buf)
		;
}

int
shmif_reader_fd(const struct shmif_reader *r)
{
	return r->fd;
}

uint64_t
shmif_reader_drops(const struct shmif_reader *r)
{
	return atomic_load_explicit(&r->drops, memory_order_relaxed);
}
