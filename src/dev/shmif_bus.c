/* SPDX-License-Identifier: BSD-2-Clause */
/* The shared-memory Ethernet segment: making and opening the file, slots and their locks, the guard against SIGBUS. */
/*
 * Synchronization: see shmif_seg.h.  Between processes, the locks on octets of the file; between threads of one, bus->lock.
 *
 * Lifetime: the mapping lives from shmif_bus_open to shmif_bus_close; the caller sees to it that no thread uses a writer or
 * reader then.  A mapped file that somebody truncates answers with SIGBUS, and no check before an access can exclude that:
 * a handler maps anonymous memory over the whole mapping and marks the bus broken.  The access goes on and finds zeros,
 * which no check accepts.
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

#include "dev/shmif_seg.h"

_Alignas(LINES_OCTETS) static struct bus_guard bus_guards[MAXBUSES];
static struct sigaction bus_oldaction;
static pthread_mutex_t bus_sigmutex = PTHREAD_MUTEX_INITIALIZER; /* of bus_oldaction's setting */

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
	struct sigaction cur, pipe_action;

	pthread_mutex_lock(&bus_sigmutex);
	if (sigaction(SIGBUS, NULL, &cur) == 0 && !(cur.sa_flags & SA_SIGINFO && cur.sa_sigaction == bus_sigbus))
		sigaction(SIGBUS, &sa, &bus_oldaction); /* the first time, or somebody put another handler there */
	pthread_mutex_unlock(&bus_sigmutex);
	if (sigaction(SIGPIPE, NULL, &pipe_action) == 0 && !(pipe_action.sa_flags & SA_SIGINFO) &&
	    pipe_action.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN); /* a FIFO whose reader died */
}

int
shmif_bus_error(char *err, size_t errlen, int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err, errlen, fmt, ap);
	va_end(ap);
	return -error;
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
			return shmif_bus_error(err, errlen, EINVAL, "%s: shmif segment that was never finished", path);
		}
	}
	if (magic != BUS_MAGIC || h->byteorder != 0x01020304)
		return shmif_bus_error(err, errlen, EINVAL, "%s: not a shmif segment", path);
	if (h->version != BUS_VERSION)
		return shmif_bus_error(err, errlen, EINVAL,
		    "%s: shmif segment of version %u, this program knows version %u", path, h->version, BUS_VERSION);
	if (h->slots != SHMIF_BUS_SLOTS || h->ring != SHMIF_BUS_RING || h->maxframe != SHMIF_BUS_MAXFRAME)
		return shmif_bus_error(err, errlen, EINVAL, "%s: shmif segment with a damaged header", path);
	return 0;
}

/* Under the lock: makes the file if it is new, checks it if it is not. */
static int
bus_prepare(struct shmif_bus *bus, off_t *size, char *err, size_t errlen)
{
	struct stat st;

	if (fstat(bus->fd, &st) != 0)
		return shmif_bus_error(err, errlen, errno, "%s: %s", bus->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return shmif_bus_error(err, errlen, EINVAL, "%s: not a regular file", bus->path);
	if (st.st_size == 0 && !bus->rdonly) {
		if (ftruncate(bus->fd, sizeof(struct bus_segment)) != 0)
			return shmif_bus_error(err, errlen, errno, "%s: %s", bus->path, strerror(errno));
		st.st_size = sizeof(struct bus_segment);
	}
	*size = st.st_size;
	if (st.st_size != sizeof(struct bus_segment)) {
		uint64_t magic = 0;

		if (pread(bus->fd, &magic, sizeof magic, 0) == sizeof magic && magic == BUS_MAGIC)
			return shmif_bus_error(err, errlen, EINVAL,
			    "%s: shmif segment of wrong size (%lld octets of %zu)", bus->path, (long long)st.st_size,
			    sizeof(struct bus_segment));
		return shmif_bus_error(err, errlen, EINVAL, "%s: not a shmif segment", bus->path);
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
		return shmif_bus_error(
		    err, errlen, EMFILE, "%s: more than %d segments in one process", bus->path, MAXBUSES);
	atomic_store(&bus->guard->broken, false);
	p = mmap(
	    NULL, sizeof(struct bus_segment), bus->rdonly ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, bus->fd, 0);
	if (p == MAP_FAILED)
		return shmif_bus_error(err, errlen, errno, "%s: %s", bus->path, strerror(errno));
	bus->seg = p;
	lines_exempt(bus_guards, sizeof(bus_guards), NULL); /* the SIGBUS handler's, in whatever thread */
	for (unsigned i = 0; i < SHMIF_BUS_SLOTS; i++)
		lines_exempt(
		    &bus->seg->slot[i].asleep, sizeof(bus->seg->slot[i]) - offsetof(struct bus_slot, asleep), NULL);
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
		return shmif_bus_error(err, errlen, ENOMEM, "%s: %s", bus->path, strerror(ENOMEM));
	bus_lock_octet(bus->fd, 1, F_RDLCK); /* see bus_leave; nobody write-locks it but under the segment's lock */
	if (mkdir(name, 0777) == 0 || errno == EEXIST)
		bus->wakedir = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (bus->wakedir < 0) {
		int error = shmif_bus_error(err, errlen, errno, "%s: %s", name, strerror(errno));

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
			return shmif_bus_error(err, errlen, EBUSY, "%s: in use on another machine", bus->path);
		bus_format(bus->seg);
	}
	atomic_store(&bus->seg->h.realtime, (int64_t)(bus_now(CLOCK_REALTIME) - bus_now(CLOCK_MONOTONIC)));
	if (shmif_bus_broken(bus))
		return shmif_bus_error(err, errlen, EIO, "%s: truncated, or no space left for it", bus->path);
	return bus_open_wakedir(bus, err, errlen);
}

int
shmif_bus_open(const char *path, int flags, struct shmif_bus **busp, char *err, size_t errlen)
{
	struct shmif_bus *bus = calloc(1, sizeof *bus);
	int error;

	if (bus == NULL || (bus->path = strdup(path)) == NULL) {
		free(bus);
		return shmif_bus_error(err, errlen, ENOMEM, "%s: %s", path, strerror(ENOMEM));
	}
	bus_signals();
	pthread_mutex_init(&bus->lock, NULL);
	bus->wakedir = -1;
	bus->pid = getpid();
	bus->rdonly = flags & SHMIF_BUS_RDONLY;
	/* O_NONBLOCK: a FIFO of this name must not hold us up */
	bus->fd = open(path,
	    (bus->rdonly ? O_RDONLY : O_RDWR) | (flags & SHMIF_BUS_CREATE ? O_CREAT : 0) | O_NONBLOCK | O_CLOEXEC,
	    0666);
	if (bus->fd < 0) {
		error = shmif_bus_error(err, errlen, errno, "%s: %s", path, strerror(errno));
		goto fail;
	}
	if (bus->rdonly) {
		error = bus_enter(bus, err, errlen);
	} else if ((error = bus_lock(bus->fd)) != 0) {
		shmif_bus_error(
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
	/* closing the file unlocks */
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
		shmif_reader_free(r);
	}
	while ((w = bus->writers) != NULL) {
		bus->writers = w->next;
		shmif_writer_free(w);
	}
	if (bus->wakedir >= 0) {
		if (bus->pid == getpid()) /* in a child, locks and FIFOs are still the parent's */
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

void
shmif_bus_raise_used(struct bus_segment *seg, uint32_t n)
{
	uint32_t used = atomic_load_explicit(&seg->h.slots_used, memory_order_relaxed);

	while (used < n || used > SHMIF_BUS_SLOTS)
		if (atomic_compare_exchange_weak(
			&seg->h.slots_used, &used, used > SHMIF_BUS_SLOTS ? SHMIF_BUS_SLOTS : n))
			break;
}

/* Takes the lowest free slot: its number, or -errno. */
int
shmif_bus_take_slot(struct shmif_bus *bus, char *err, size_t errlen)
{
	int error, n = -ENOSPC;

	if (bus->rdonly)
		return shmif_bus_error(err, errlen, EROFS, "%s: opened for reading", bus->path);
	if ((error = bus_lock(bus->fd)) != 0)
		return shmif_bus_error(err, errlen, -error, "%s: %s", bus->path,
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
		shmif_bus_raise_used(bus->seg, n + 1);
	}
	bus_unlock(bus->fd);
	if (n < 0)
		return shmif_bus_error(err, errlen, ENOSPC, "%s: all %d slots are taken", bus->path, SHMIF_BUS_SLOTS);
	return n;
}

void
shmif_bus_give_slot(struct shmif_bus *bus, unsigned n)
{
	bus_lock_octet(bus->fd, SLOT_LOCK + n, F_UNLCK);
	bus->mine[n] = false;
}

/* => the segment's lock is not held; the FIFO of slot n, opened so that it never reports a hang-up */
int
shmif_bus_make_fifo(struct shmif_bus *bus, unsigned n, char *err, size_t errlen)
{
	char name[16];
	int fd;

	snprintf(name, sizeof name, "%u", n);
	unlinkat(bus->wakedir, name, 0);
	if (mkfifoat(bus->wakedir, name, 0666) != 0 ||
	    (fd = openat(bus->wakedir, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return shmif_bus_error(err, errlen, errno, "%s.wake/%s: %s", bus->path, name, strerror(errno));
	return fd;
}
