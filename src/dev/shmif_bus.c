/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shared-memory Ethernet segment: format of the file, writers, readers.
 *
 * The file: a header page, one control block of two cache lines for each slot, then one ring for each slot (sparse
 *until used).  A slot belongs to one writer.  Its ring holds records at ever-growing positions (octets written since
 *the segment was made); position p lies at p modulo the ring's size.  A record is four words and the frame, padded to
 *words: magic << 32 | length,  its own position,  sequence number,  time stamp (CLOCK_MONOTONIC, ns) FILE.wake/N is a
 *FIFO on which the reader of slot N sleeps.
 *
 * Synchronization: every shared word is a C11 atomic.  A ring has one writer.  Before it overwrites, the writer moves
 * `tail` past what it is going to overwrite, and stores the data with release; a reader loads with acquire, copies, and
 * then looks at tail: what lies at or behind tail was copied whole (a sequence lock whose counter is tail).  `head` is
 * stored with release after the data, so what lies before head is complete; a writer that is killed in between leaves
 * octets behind head that nobody reads.  Nothing read is trusted before it was copied and checked; positions, lengths
 *and sequence numbers of others cost counted drops when they are wrong, and the writer goes on from its private copies,
 *so that a damaged control block heals with the next publish. Sleeping: a reader stores `asleep`, then looks at every
 *head; a writer stores head, then looks at every asleep (all four sequentially consistent, so that one of the two sees
 *the other).  The writer that exchanges asleep for 0 writes one octet into the FIFO. Slots: slot N is owned by who
 *holds the lock on octet SLOT_LOCK+N of the file (fcntl, by open file description), so that the kernel gives it back
 *when its owner dies in whatever way.  A new owner goes on at head.  Making the file, taking slots and removing FIFOs
 *of the dead happen under the lock on octet 0; octet 1 is read-locked by all who are attached.
 *
 * Lifetime: the mapping lives from shmif_bus_open to shmif_bus_close; the caller sees to it that no thread uses a
 *writer or reader then.  A mapped file that somebody truncates answers with SIGBUS, and no check before an access can
 *exclude that: a handler maps anonymous memory over the whole mapping and marks the bus broken.  The access goes on and
 *finds zeros, which no check accepts.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "dev/shmif_bus.h"

#define BUS_MAGIC   0x31737562666d6873ull /* "shmfbus1" */
#define BUS_VERSION 1
#define BUS_PAGE    4096
#define REC_MAGIC   0x65617266u
#define REC_WORDS   4
#define RING_WORDS  (SHMIF_BUS_RING / 8)
#define SLOT_LOCK   64 /* first octet of the slots' locks; octets 0 and 1 are the segment's */
#define MAXBUSES    1024

struct bus_header {		/* the first page */
	_Atomic uint64_t magic; /* [a] stored last */
	uint32_t version;	/* [I] */
	uint32_t byteorder;	/* [I] 0x01020304 */
	uint32_t slots;		/* [I] */
	uint32_t ring;		/* [I] */
	uint32_t maxframe;	/* [I] */
	uint32_t spare;
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
	bool rdonly;			   /* [I] */
	_Atomic bool own[SHMIF_BUS_SLOTS]; /* [a] slots we write: our readers skip them */
	pthread_mutex_t lock;		   /* of what follows; never taken by put, publish, next */
	bool mine[SHMIF_BUS_SLOTS];	   /* slots we hold */
	struct shmif_writer *writers;
	struct shmif_reader *readers;
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
static struct bus_guard bus_guards[MAXBUSES];
static struct sigaction bus_oldaction;
static pthread_once_t bus_once = PTHREAD_ONCE_INIT;

static void
bus_sigbus(int sig, siginfo_t *si, void *ctx)
{
	uintptr_t addr = (uintptr_t)si->si_addr;
	int saved = errno;

	for (unsigned i = 0; i < MAXBUSES; i++) {
		struct bus_guard *g = &bus_guards[i];
		uintptr_t base = atomic_load(&g->base);

		if (base == 0 || addr < base || addr - base >= sizeof(struct bus_segment))
			continue;
		if (syscall(SYS_mmap, base, sizeof(struct bus_segment), PROT_READ | PROT_WRITE,
			MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == -1)
			break;
		atomic_store(&g->broken, true);
		errno = saved;
		return;
	}
	/* Not ours: what was there before us decides. */
	if (bus_oldaction.sa_flags & SA_SIGINFO && bus_oldaction.sa_sigaction != NULL) {
		bus_oldaction.sa_sigaction(sig, si, ctx);
	} else if (bus_oldaction.sa_handler != SIG_DFL && bus_oldaction.sa_handler != SIG_IGN) {
		bus_oldaction.sa_handler(sig);
	} else {
		struct sigaction dfl = {.sa_handler = SIG_DFL};

		sigaction(sig, &dfl, NULL); /* the access is tried again and ends the process */
	}
	errno = saved;
}

static void
bus_signals(void)
{
	struct sigaction sa = {.sa_sigaction = bus_sigbus, .sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER};
	struct sigaction pipe_action;

	sigaction(SIGBUS, &sa, &bus_oldaction);
	if (sigaction(SIGPIPE, NULL, &pipe_action) == 0 && !(pipe_action.sa_flags & SA_SIGINFO) &&
	    pipe_action.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN); /* a FIFO whose reader died */
}

static int __attribute__((format(printf, 4, 5))) bus_error(char *err, size_t errlen, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	return -error;
}

static uint64_t
bus_now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int
bus_lock_octet(int fd, off_t octet, short type)
{
	struct flock fl = {.l_type = type, .l_whence = SEEK_SET, .l_start = octet, .l_len = 1};

	return fcntl(fd, F_OFD_SETLK, &fl) == 0 ? 0 : -errno;
}

/* The segment's lock; its holders do a few system calls each, so waiting is short unless one was stopped. */
static int
bus_lock(int fd)
{
	for (int i = 0;; i++) {
		int error = bus_lock_octet(fd, 0, F_WRLCK);

		if (error == 0 || (error != -EAGAIN && error != -EACCES && error != -EINTR))
			return error;
		if (i == 200)
			return -EBUSY;
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
}

static void
bus_unlock(int fd)
{
	bus_lock_octet(fd, 0, F_UNLCK);
}

/* Is slot n (of nslots from n on, any) held by another process or another bus of ours? */
static bool
bus_slot_taken(int fd, unsigned n, unsigned nslots)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = SLOT_LOCK + n, .l_len = nslots};

	return fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
}

static void
bus_boot_id(char id[40])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	memset(id, 0, 40);
	if (fd < 0)
		return;
	n = read(fd, id, 36);
	if (n != 36)
		memset(id, 0, 40);
	close(fd);
}

/* => the segment's lock is held, or nobody else knows the file yet */
static void
bus_format(struct bus_segment *seg)
{
	memset(seg, 0, offsetof(struct bus_segment, ring));
	seg->h.version = BUS_VERSION;
	seg->h.byteorder = 0x01020304;
	seg->h.slots = SHMIF_BUS_SLOTS;
	seg->h.ring = SHMIF_BUS_RING;
	seg->h.maxframe = SHMIF_BUS_MAXFRAME;
	bus_boot_id(seg->h.boot);
	atomic_store_explicit(&seg->h.magic, BUS_MAGIC, memory_order_release);
}

/* Refuses what is not a segment of ours; 0 or -errno.  `blank` tells a file whose maker died before it was done. */
static int
bus_check_header(struct bus_segment *seg, const char *path, bool *blank, char *err, size_t errlen)
{
	struct bus_header *h = &seg->h;
	uint64_t magic = atomic_load_explicit(&h->magic, memory_order_acquire);

	*blank = false;
	if (magic == 0) {
		bool zero = true;

		for (unsigned i = sizeof h->magic; i < BUS_PAGE && zero; i++)
			zero = seg->page[i] == 0;
		if (zero) {
			*blank = true;
			return bus_error(err, errlen, EINVAL, "%s: shmif segment that was never finished", path);
		}
	}
	if (magic != BUS_MAGIC || h->byteorder != 0x01020304)
		return bus_error(err, errlen, EINVAL, "%s: not a shmif segment", path);
	if (h->version != BUS_VERSION)
		return bus_error(err, errlen, EINVAL, "%s: shmif segment of version %u, this program knows version %u",
		    path, h->version, BUS_VERSION);
	if (h->slots != SHMIF_BUS_SLOTS || h->ring != SHMIF_BUS_RING || h->maxframe != SHMIF_BUS_MAXFRAME)
		return bus_error(err, errlen, EINVAL, "%s: shmif segment with a damaged header", path);
	return 0;
}

/* Under the lock: makes the file if it is new, checks it if it is not. */
static int
bus_prepare(struct shmif_bus *bus, off_t *size, char *err, size_t errlen)
{
	struct stat st;

	if (fstat(bus->fd, &st) != 0)
		return bus_error(err, errlen, errno, "%s: %s", bus->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return bus_error(err, errlen, EINVAL, "%s: not a regular file", bus->path);
	if (st.st_size == 0 && !bus->rdonly) {
		if (ftruncate(bus->fd, sizeof(struct bus_segment)) != 0)
			return bus_error(err, errlen, errno, "%s: %s", bus->path, strerror(errno));
		st.st_size = sizeof(struct bus_segment);
	}
	*size = st.st_size;
	if (st.st_size != sizeof(struct bus_segment)) {
		uint64_t magic = 0;

		if (pread(bus->fd, &magic, sizeof magic, 0) == sizeof magic && magic == BUS_MAGIC)
			return bus_error(err, errlen, EINVAL, "%s: shmif segment of wrong size (%lld octets of %zu)",
			    bus->path, (long long)st.st_size, sizeof(struct bus_segment));
		return bus_error(err, errlen, EINVAL, "%s: not a shmif segment", bus->path);
	}
	return 0;
}

static int
bus_map(struct shmif_bus *bus, char *err, size_t errlen)
{
	void *p;

	for (unsigned i = 0; i < MAXBUSES; i++) {
		bool no = false;

		if (atomic_compare_exchange_strong(&bus_guards[i].owner, &no, true)) {
			bus->guard = &bus_guards[i];
			break;
		}
	}
	if (bus->guard == NULL)
		return bus_error(err, errlen, EMFILE, "%s: more than %d segments in one process", bus->path, MAXBUSES);
	atomic_store(&bus->guard->broken, false);
	p = mmap(
	    NULL, sizeof(struct bus_segment), bus->rdonly ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, bus->fd, 0);
	if (p == MAP_FAILED)
		return bus_error(err, errlen, errno, "%s: %s", bus->path, strerror(errno));
	bus->seg = p;
	atomic_store(&bus->guard->base, (uintptr_t)p);
	return 0;
}

/* FIFOs whose readers are dead.  => the segment's lock is held */
static void
bus_clean_wakedir(struct shmif_bus *bus)
{
	int fd = openat(bus->wakedir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *de;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((de = readdir(dir)) != NULL) {
		char *end;
		unsigned long n = strtoul(de->d_name, &end, 10);

		if (end == de->d_name || *end != '\0' || n >= SHMIF_BUS_SLOTS)
			continue;
		if (!bus->mine[n] && !bus_slot_taken(bus->fd, n, 1))
			unlinkat(bus->wakedir, de->d_name, 0);
	}
	closedir(dir);
}

static int
bus_open_wakedir(struct shmif_bus *bus, char *err, size_t errlen)
{
	char *name;

	if (asprintf(&name, "%s.wake", bus->path) < 0)
		return bus_error(err, errlen, ENOMEM, "%s: %s", bus->path, strerror(ENOMEM));
	bus_lock_octet(bus->fd, 1, F_RDLCK); /* see bus_leave; nobody write-locks it but under the segment's lock */
	if (mkdir(name, 0777) == 0 || errno == EEXIST)
		bus->wakedir = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (bus->wakedir < 0) {
		int error = bus_error(err, errlen, errno, "%s: %s", name, strerror(errno));

		free(name);
		return error;
	}
	free(name);
	bus_clean_wakedir(bus);
	return 0;
}

/* => the segment's lock is held (not for a bus that only looks) */
static int
bus_enter(struct shmif_bus *bus, char *err, size_t errlen)
{
	char boot[40];
	bool blank;
	off_t size;
	int error;

	if ((error = bus_prepare(bus, &size, err, errlen)) != 0 || (error = bus_map(bus, err, errlen)) != 0)
		return error;
	error = bus_check_header(bus->seg, bus->path, &blank, err, errlen);
	if (error != 0 && (!blank || bus->rdonly))
		return error;
	if (blank)
		bus_format(bus->seg);
	if (bus->rdonly)
		return 0;
	bus_boot_id(boot);
	if (memcmp(boot, bus->seg->h.boot, sizeof boot) != 0 && boot[0] != '\0') {
		/* Time stamps of another boot order nothing. */
		if (bus_slot_taken(bus->fd, 0, SHMIF_BUS_SLOTS))
			return bus_error(err, errlen, EBUSY, "%s: in use on another machine", bus->path);
		bus_format(bus->seg);
	}
	atomic_store(&bus->seg->h.realtime, (int64_t)(bus_now(CLOCK_REALTIME) - bus_now(CLOCK_MONOTONIC)));
	if (shmif_bus_broken(bus))
		return bus_error(err, errlen, EIO, "%s: truncated, or no space left for it", bus->path);
	return bus_open_wakedir(bus, err, errlen);
}

int
shmif_bus_open(const char *path, int flags, struct shmif_bus **busp, char *err, size_t errlen)
{
	struct shmif_bus *bus = calloc(1, sizeof *bus);
	int error;

	if (bus == NULL || (bus->path = strdup(path)) == NULL) {
		free(bus);
		return bus_error(err, errlen, ENOMEM, "%s: %s", path, strerror(ENOMEM));
	}
	pthread_once(&bus_once, bus_signals);
	pthread_mutex_init(&bus->lock, NULL);
	bus->wakedir = -1;
	bus->rdonly = flags & SHMIF_BUS_RDONLY;
	/* O_NONBLOCK: a FIFO of this name must not hold us up */
	bus->fd = open(path,
	    (bus->rdonly ? O_RDONLY : O_RDWR) | (flags & SHMIF_BUS_CREATE ? O_CREAT : 0) | O_NONBLOCK | O_CLOEXEC,
	    0666);
	if (bus->fd < 0) {
		error = bus_error(err, errlen, errno, "%s: %s", path, strerror(errno));
		goto fail;
	}
	if (bus->rdonly) {
		error = bus_enter(bus, err, errlen);
	} else if ((error = bus_lock(bus->fd)) != 0) {
		bus_error(
		    err, errlen, -error, "%s: %s", path, error == -EBUSY ? "locked for too long" : strerror(-error));
	} else {
		error = bus_enter(bus, err, errlen);
		bus_unlock(bus->fd);
	}
	if (error != 0)
		goto fail;
	*busp = bus;
	return 0;
fail:
	shmif_bus_close(bus);
	return error;
}

static void
writer_free(struct shmif_writer *w)
{
	for (unsigned i = 0; i < SHMIF_BUS_SLOTS; i++)
		if (w->peer[i].fd >= 0)
			close(w->peer[i].fd);
	free(w);
}

static void
reader_free(struct shmif_reader *r)
{
	if (r->n >= 0)
		atomic_store(&r->bus->seg->slot[r->n].asleep, 0);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

/*
 * Our FIFOs and, if we are the last, the directory.  Nobody can be between opening the directory and making a FIFO in
 * it: that is what the lock on octet 1 is for.  Without the segment's lock, the next to come cleans up.
 */
static void
bus_leave(struct shmif_bus *bus)
{
	struct flock slots = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = SLOT_LOCK, .l_len = SHMIF_BUS_SLOTS};
	char *name;

	if (bus_lock(bus->fd) != 0)
		return;
	memset(bus->mine, 0, sizeof bus->mine);
	fcntl(bus->fd, F_OFD_SETLK, &slots);
	bus_clean_wakedir(bus);
	if (bus_lock_octet(bus->fd, 1, F_WRLCK) == 0 && asprintf(&name, "%s.wake", bus->path) >= 0) {
		rmdir(name);
		free(name);
	}
}

void
shmif_bus_close(struct shmif_bus *bus)
{
	struct shmif_writer *w;
	struct shmif_reader *r;

	while ((r = bus->readers) != NULL) {
		bus->readers = r->next;
		reader_free(r);
	}
	while ((w = bus->writers) != NULL) {
		bus->writers = w->next;
		writer_free(w);
	}
	if (bus->wakedir >= 0) {
		bus_leave(bus);
		close(bus->wakedir);
	}
	if (bus->seg != NULL) {
		atomic_store(&bus->guard->base, 0);
		munmap(bus->seg, sizeof(struct bus_segment));
	}
	if (bus->guard != NULL)
		atomic_store(&bus->guard->owner, false);
	if (bus->fd >= 0)
		close(bus->fd); /* gives back the slots' locks */
	pthread_mutex_destroy(&bus->lock);
	free(bus->path);
	free(bus);
}

bool
shmif_bus_broken(struct shmif_bus *bus)
{
	return atomic_load_explicit(&bus->guard->broken, memory_order_relaxed);
}

bool
shmif_bus_check(struct shmif_bus *bus)
{
	struct stat st;

	if (fstat(bus->fd, &st) == 0 && st.st_size < (off_t)sizeof(struct bus_segment))
		atomic_store(&bus->guard->broken, true);
	return shmif_bus_broken(bus);
}

int64_t
shmif_bus_realtime_offset(struct shmif_bus *bus)
{
	return atomic_load(&bus->seg->h.realtime);
}

unsigned
shmif_bus_nslots_used(struct shmif_bus *bus)
{
	uint32_t n = atomic_load_explicit(&bus->seg->h.slots_used, memory_order_acquire);

	return n < SHMIF_BUS_SLOTS ? n : SHMIF_BUS_SLOTS;
}

static void
bus_raise_used(struct bus_segment *seg, uint32_t n)
{
	uint32_t used = atomic_load_explicit(&seg->h.slots_used, memory_order_relaxed);

	while (used < n || used > SHMIF_BUS_SLOTS)
		if (atomic_compare_exchange_weak(
			&seg->h.slots_used, &used, used > SHMIF_BUS_SLOTS ? SHMIF_BUS_SLOTS : n))
			break;
}

static bool
bus_owns(struct shmif_bus *bus, unsigned n)
{
	return atomic_load_explicit(&bus->own[n], memory_order_relaxed);
}

/* Takes the lowest free slot: its number, or -errno. */
static int
bus_take_slot(struct shmif_bus *bus, char *err, size_t errlen)
{
	int error, n = -ENOSPC;

	if (bus->rdonly)
		return bus_error(err, errlen, EROFS, "%s: opened for reading", bus->path);
	if ((error = bus_lock(bus->fd)) != 0)
		return bus_error(err, errlen, -error, "%s: %s", bus->path,
		    error == -EBUSY ? "locked for too long" : strerror(-error));
	for (unsigned i = 0; i < SHMIF_BUS_SLOTS; i++) {
		if (bus->mine[i] || bus_lock_octet(bus->fd, SLOT_LOCK + i, F_WRLCK) != 0)
			continue;
		n = i;
		break;
	}
	if (n >= 0) {
		struct bus_slot *s = &bus->seg->slot[n];

		bus->mine[n] = true;
		atomic_store(&s->asleep, 0);
		atomic_fetch_add(&s->gen, 1);
		atomic_store(&s->pid, (uint32_t)getpid());
		bus_raise_used(bus->seg, n + 1);
	}
	bus_unlock(bus->fd);
	if (n < 0)
		return bus_error(err, errlen, ENOSPC, "%s: all %d slots are taken", bus->path, SHMIF_BUS_SLOTS);
	return n;
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
	struct shmif_writer *w = calloc(1, sizeof *w);
	int n;

	if (w == NULL)
		return bus_error(err, errlen, ENOMEM, "%s: %s", bus->path, strerror(ENOMEM));
	pthread_mutex_lock(&bus->lock);
	n = bus_take_slot(bus, err, errlen);
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
		bus_lock_octet(bus->fd, SLOT_LOCK + n, F_UNLCK);
		bus->mine[n] = false;
		pthread_mutex_unlock(&bus->lock);
		free(w);
		return bus_error(err, errlen, ENOSPC, "%s: %s", bus->path, strerror(ENOSPC));
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
		if (fd < 0)
			return; /* dead, or leaving */
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
	bus_raise_used(seg, w->n + 1);
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

/* => the segment's lock is not held; the FIFO of slot n, opened so that it never reports a hang-up */
static int
bus_make_fifo(struct shmif_bus *bus, unsigned n, char *err, size_t errlen)
{
	char name[16];
	int fd;

	snprintf(name, sizeof name, "%u", n);
	unlinkat(bus->wakedir, name, 0);
	if (mkfifoat(bus->wakedir, name, 0666) != 0 ||
	    (fd = openat(bus->wakedir, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return bus_error(err, errlen, errno, "%s.wake/%s: %s", bus->path, name, strerror(errno));
	return fd;
}

int
shmif_reader_open(struct shmif_bus *bus, bool oldest, bool wake, struct shmif_writer *w, struct shmif_reader **rp,
    char *err, size_t errlen)
{
	struct shmif_reader *r = calloc(1, sizeof *r);
	int error = 0;

	if (r == NULL)
		return bus_error(err, errlen, ENOMEM, "%s: %s", bus->path, strerror(ENOMEM));
	r->bus = bus;
	r->n = r->fd = -1;
	pthread_mutex_lock(&bus->lock);
	if (wake) {
		int n = w != NULL ? (int)w->n : bus_take_slot(bus, err, errlen);
		int fd = n < 0 ? n : bus_make_fifo(bus, n, err, errlen);

		if (fd < 0) {
			if (n >= 0 && w == NULL) {
				bus_lock_octet(bus->fd, SLOT_LOCK + n, F_UNLCK);
				bus->mine[n] = false;
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

/* Slots that were taken since we last looked: all of what they wrote is new to us. */
static unsigned
reader_slots(struct shmif_reader *r)
{
	unsigned used = shmif_bus_nslots_used(r->bus);

	for (; r->known < used; r->known++) {
		struct reader_slot *rs = &r->slot[r->known];
		struct bus_slot *s = &r->bus->seg->slot[r->known];

		rs->pos = atomic_load_explicit(&s->tail, memory_order_acquire);
		rs->seqknown = false;
	}
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
