/* SPDX-License-Identifier: BSD-2-Clause */
/* The shared-memory segment: order, loss, sleep, death, damage. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "dev/shmif_bus.h"

static char dir[256], path[300];
static char err[512];
static unsigned char buf[SHMIF_BUS_MAXFRAME];

static int
setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof dir, "%s/shmbus.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/bus", dir);
	return 0;
}

static int
teardown(void **state)
{
	char cmd[400];

	snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
	return system(cmd);
}

struct side {
	struct shmif_bus *bus;
	struct shmif_writer *w;
	struct shmif_reader *r;
	bool child; /* a forked process, which must not go on with the tests */
};

static void
attach(struct side *s)
{
	if (shmif_bus_open(path, SHMIF_BUS_CREATE, &s->bus, err, sizeof err) != 0 ||
	    shmif_writer_open(s->bus, &s->w, err, sizeof err) != 0 ||
	    shmif_reader_open(s->bus, false, true, s->w, &s->r, err, sizeof err) != 0)
		goto failed;
	return;
failed:
	if (s->child)
		_exit(99);
	fail_msg("%s", err);
}

/* A frame whose content follows from two numbers, so that a torn copy shows. */
static uint32_t
frame_fill(unsigned char *f, uint32_t who, uint32_t n)
{
	uint32_t len = 60 + (n * 37 + who) % 1400, x = who * 2654435761u + n;

	memcpy(f, &who, 4);
	memcpy(f + 4, &n, 4);
	for (uint32_t i = 8; i < len; i++) {
		x = x * 1664525u + 1013904223u;
		f[i] = x >> 24;
	}
	return len;
}

static void
frame_check(const unsigned char *f, uint32_t len, uint32_t *who, uint32_t *n)
{
	unsigned char want[SHMIF_BUS_MAXFRAME];

	assert_true(len >= 60);
	memcpy(who, f, 4);
	memcpy(n, f + 4, 4);
	assert_int_equal(frame_fill(want, *who, *n), len);
	assert_memory_equal(f, want, len);
}

static bool
put(struct shmif_writer *w, uint32_t who, uint32_t n)
{
	unsigned char f[SHMIF_BUS_MAXFRAME];
	uint32_t len = frame_fill(f, who, n);

	return shmif_writer_put(w, f, len);
}

/* Waits for one frame, asleep where there is none; false after 20 s. */
static bool
next_wait(struct shmif_reader *r, struct shmif_frame *f)
{
	for (;;) {
		if (shmif_reader_next(r, buf, f))
			return true;
		if (!shmif_reader_arm(r)) {
			struct pollfd p = {.fd = shmif_reader_fd(r), .events = POLLIN};
			int n = poll(&p, 1, 20000);

			shmif_reader_disarm(r);
			if (n == 0)
				return false;
		}
	}
}

static void
test_two_hosts(void **state)
{
	static const uint32_t lens[] = {13, 14, 15, 16, 60, 64, 1500, 1514, 9014, 9018, 9022, 9023};
	struct side a = {0}, b = {0};
	struct shmif_frame f;
	unsigned char big[9100];

	for (unsigned i = 0; i < sizeof big; i++)
		big[i] = i * 7 + i / 256;
	attach(&a);
	attach(&b);
	for (unsigned i = 0; i < sizeof lens / sizeof *lens; i++) {
		bool good = lens[i] >= SHMIF_BUS_MINFRAME && lens[i] <= SHMIF_BUS_MAXFRAME;

		assert_int_equal(shmif_writer_put(a.w, big, lens[i]), good);
		assert_false(shmif_reader_next(b.r, buf, &f)); /* not published */
		shmif_writer_publish(a.w);
		assert_int_equal(shmif_reader_next(b.r, buf, &f), good);
		if (good) {
			assert_int_equal(f.len, lens[i]);
			assert_memory_equal(buf, big, lens[i]);
		}
		assert_false(shmif_reader_next(a.r, buf, &f)); /* its own */
	}
	assert_int_equal(shmif_writer_drops(a.w), 2);
	assert_int_equal(shmif_reader_drops(b.r), 0);
	shmif_bus_close(a.bus);
	shmif_bus_close(b.bus);
}

static void
test_order(void **state)
{
	struct side s[4] = {{0}};
	struct shmif_reader *dump;
	struct shmif_bus *look;
	struct shmif_frame f;
	uint32_t who, n, want = 0;
	uint64_t last = 0;

	for (int i = 0; i < 4; i++)
		attach(&s[i]);
	srandom(1);
	for (n = 0; n < 1000; n++) {
		struct shmif_writer *w = s[1 + random() % 3].w;

		assert_true(put(w, 7, n));
		shmif_writer_publish(w);
	}
	while (shmif_reader_next(s[0].r, buf, &f)) {
		frame_check(buf, f.len, &who, &n);
		assert_int_equal(n, want++);
		assert_true(f.ts_ns >= last);
		last = f.ts_ns;
	}
	assert_int_equal(want, 1000);
	assert_int_equal(shmif_reader_drops(s[0].r), 0);
	for (int i = 0; i < 4; i++)
		shmif_bus_close(s[i].bus);
	/* All gone: a reader that only looks finds them still, in the same order. */
	assert_int_equal(shmif_bus_open(path, SHMIF_BUS_RDONLY, &look, err, sizeof err), 0);
	assert_int_equal(shmif_reader_open(look, true, false, NULL, &dump, err, sizeof err), 0);
	for (want = 0; shmif_reader_next(dump, buf, &f); want++) {
		frame_check(buf, f.len, &who, &n);
		assert_int_equal(n, want);
	}
	assert_int_equal(want, 1000);
	shmif_bus_close(look);
	char wake[320];
	snprintf(wake, sizeof wake, "%s.wake", path);
	assert_int_equal(access(wake, F_OK), -1); /* the last took it along */
}

static void
test_overrun(void **state)
{
	struct side a = {0}, b = {0};
	struct shmif_frame f;
	uint32_t who, n, got = 0, first = 0;
	const uint32_t total = 20000;

	attach(&a);
	attach(&b);
	assert_true(put(a.w, 1, 0));
	shmif_writer_publish(a.w);
	assert_true(shmif_reader_next(b.r, buf, &f));
	for (n = 1; n < total; n++) {
		assert_true(put(a.w, 1, n));
		if (n % 32 == 0)
			shmif_writer_publish(a.w);
	}
	shmif_writer_publish(a.w);
	while (shmif_reader_next(b.r, buf, &f)) {
		frame_check(buf, f.len, &who, &n);
		if (got == 0)
			first = n;
		assert_int_equal(n, first + got);
		got++;
	}
	assert_int_equal(n, total - 1);
	assert_true(got > SHMIF_BUS_RING / 2000);
	assert_int_equal(shmif_reader_drops(b.r), total - 1 - got);
	shmif_bus_close(a.bus);
	shmif_bus_close(b.bus);
}

static void
test_slots(void **state)
{
	struct shmif_bus *bus, *other;
	struct shmif_writer *w[SHMIF_BUS_SLOTS], *x;

	assert_int_equal(shmif_bus_open(path, SHMIF_BUS_CREATE, &bus, err, sizeof err), 0);
	assert_int_equal(shmif_bus_open(path, SHMIF_BUS_CREATE, &other, err, sizeof err), 0);
	for (int i = 0; i < SHMIF_BUS_SLOTS; i++) {
		assert_int_equal(shmif_writer_open(bus, &w[i], err, sizeof err), 0);
		assert_int_equal(shmif_writer_slot(w[i]), i);
	}
	assert_int_equal(shmif_writer_open(other, &x, err, sizeof err), -ENOSPC);
	assert_non_null(strstr(err, "slots"));
	shmif_bus_close(bus);
	assert_int_equal(shmif_writer_open(other, &x, err, sizeof err), 0);
	assert_int_equal(shmif_writer_slot(x), 0);
	shmif_bus_close(other);
}

/* A frame that goes from process to process in a ring, each asleep in between. */
static void
test_wake(void **state)
{
	enum { HOSTS = 3, ROUNDS = 300 };
	struct side a = {0};
	struct shmif_frame f;
	pid_t pid[HOSTS];
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	for (int h = 0; h < HOSTS; h++) {
		fflush(NULL);
		if ((pid[h] = fork()) == 0) {
			struct side s = {.child = true};
			uint32_t who, n;

			attach(&s);
			if (write(ready[1], "", 1) != 1)
				_exit(1);
			do {
				if (!next_wait(s.r, &f))
					_exit(2);
				memcpy(&who, buf, 4);
				memcpy(&n, buf + 4, 4);
				if (who == (uint32_t)h) {
					put(s.w, h + 1, n);
					shmif_writer_publish(s.w);
				}
			} while (n < ROUNDS - 1 || who < HOSTS - 1);
			_exit(shmif_reader_drops(s.r) != 0 ? 3 : 0);
		}
	}
	for (int h = 0; h < HOSTS; h++)
		assert_int_equal(read(ready[0], &c, 1), 1);
	attach(&a);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t who = 0, n;

		assert_true(put(a.w, 0, i));
		shmif_writer_publish(a.w);
		while (who != HOSTS) {
			assert_true(next_wait(a.r, &f));
			frame_check(buf, f.len, &who, &n);
			assert_int_equal(n, i);
		}
	}
	for (int h = 0; h < HOSTS; h++) {
		int status;

		assert_int_equal(waitpid(pid[h], &status, 0), pid[h]);
		assert_int_equal(status, 0);
	}
	close(ready[0]);
	close(ready[1]);
	shmif_bus_close(a.bus);
}

/* Several processes write as fast as they can; all that is read is whole and in order. */
static void
test_many(void **state)
{
	enum { WRITERS = 4, FRAMES = 20000 };
	struct side a = {0};
	struct shmif_frame f;
	pid_t pid[WRITERS];
	uint32_t seen[WRITERS] = {0}, who, n, got = 0;
	int done = 0;

	attach(&a);
	for (int h = 0; h < WRITERS; h++) {
		fflush(NULL);
		if ((pid[h] = fork()) == 0) {
			struct side s = {.child = true};

			attach(&s);
			for (n = 1; n <= FRAMES; n++) {
				put(s.w, h, n);
				if (n % 8 == 0)
					shmif_writer_publish(s.w);
			}
			_exit(0);
		}
	}
	while (done < WRITERS || got == 0) {
		while (shmif_reader_next(a.r, buf, &f)) {
			frame_check(buf, f.len, &who, &n);
			assert_true(who < WRITERS);
			assert_true(n > seen[who] && n <= FRAMES);
			seen[who] = n;
			got++;
		}
		if (waitpid(-1, NULL, WNOHANG) > 0)
			done++;
	}
	while (shmif_reader_next(a.r, buf, &f)) {
		frame_check(buf, f.len, &who, &n);
		assert_true(n > seen[who]);
		seen[who] = n;
		got++;
	}
	for (int h = 0; h < WRITERS; h++)
		assert_int_equal(seen[h], FRAMES);
	assert_int_equal(got + shmif_reader_drops(a.r), WRITERS * FRAMES);
	shmif_bus_close(a.bus);
}

/* Writers that are killed anywhere; the segment goes on for the others. */
static void
test_kill(void **state)
{
	struct side a = {0};
	struct shmif_frame f;
	uint32_t who, n;

	attach(&a);
	srandom(3);
	for (int i = 0; i < 60; i++) {
		pid_t pid;
		int go[2], total = 0;
		char c;

		assert_int_equal(pipe(go), 0);
		fflush(NULL);
		if ((pid = fork()) == 0) {
			struct side s = {.child = true};

			attach(&s);
			if (write(go[1], "", 1) != 1)
				_exit(1);
			for (n = 1;; n++) {
				put(s.w, i, n);
				if (n % 5 == 0)
					shmif_writer_publish(s.w);
				if (n % 64 == 0) {
					shmif_reader_arm(s.r);
					shmif_reader_disarm(s.r);
				}
			}
		}
		assert_int_equal(read(go[0], &c, 1), 1);
		while (total < 100)
			if (shmif_reader_next(a.r, buf, &f)) {
				frame_check(buf, f.len, &who, &n);
				total++;
			}
		usleep(random() % 3000);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		while (shmif_reader_next(a.r, buf, &f)) {
			frame_check(buf, f.len, &who, &n);
			assert_int_equal(f.slot, 1); /* each got the dead one's slot */
		}
		put(a.w, 1000, i); /* with a dead reader that may be asleep */
		shmif_writer_publish(a.w);
		close(go[0]);
		close(go[1]);
	}
	shmif_bus_close(a.bus);
}

/* A writer that has no descriptor left for the sleeper's FIFO does not forget it. */
static void
test_wake_no_descriptor(void **state)
{
	struct side a = {0}, b = {0};
	struct rlimit old, low;
	struct pollfd pfd;

	attach(&a);
	attach(&b);
	while (shmif_reader_arm(b.r)) {
		struct shmif_frame f;

		shmif_reader_next(b.r, buf, &f);
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_true(put(a.w, 1, 0));
	shmif_writer_publish(a.w);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	pfd = (struct pollfd){.fd = shmif_reader_fd(b.r), .events = POLLIN};
	assert_int_equal(poll(&pfd, 1, 0), 0);
	assert_true(put(a.w, 1, 1));
	shmif_writer_publish(a.w);
	assert_int_equal(poll(&pfd, 1, 0), 1);
	shmif_bus_close(a.bus);
	shmif_bus_close(b.bus);
}

/* Sleepers that die and whose slot is taken by the next: each is woken through its own FIFO. */
static void
test_wake_successors(void **state)
{
	struct side a = {0};

	attach(&a);
	for (int i = 0; i < 6; i++) {
		int ready[2], status;
		pid_t pid;
		char c;

		assert_int_equal(pipe(ready), 0);
		fflush(NULL);
		if ((pid = fork()) == 0) {
			struct side s = {.child = true};
			struct shmif_frame f;

			attach(&s);
			if (write(ready[1], "", 1) != 1 || !next_wait(s.r, &f))
				_exit(1);
			shmif_reader_arm(s.r); /* dies asleep */
			kill(getpid(), SIGKILL);
		}
		assert_int_equal(read(ready[0], &c, 1), 1);
		usleep(20000); /* time to fall asleep; if it has not, the test only asks for less */
		put(a.w, 1, i);
		shmif_writer_publish(a.w);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		if (i % 2 == 0) { /* finds that it is dead, or does not try before the next is there */
			put(a.w, 1, i);
			shmif_writer_publish(a.w);
		}
		close(ready[0]);
		close(ready[1]);
	}
	shmif_bus_close(a.bus);
}

/* Records that are right but for their length or position. */
static void
test_damaged_record(void **state)
{
	static const struct {
		unsigned word;
		uint64_t clear, set;
	} cases[] = {
	    {0, 0xffffffff, 0},
	    {0, 0xffffffff, 13},
	    {0, 0xffffffff, SHMIF_BUS_MAXFRAME + 1},
	    {0, 0xffffffff, 0xffff},
	    {0, 0xffffffff, 0xffffffff},
	    {0, 0xffffffff, 0xfffffff8},
	    {0, ~0ull, 0},
	    {1, ~0ull, 8},
	    {1, ~0ull, UINT64_MAX},
	};
	struct side a = {0}, b = {0};
	struct shmif_frame f;
	unsigned char frame[100] = {2};
	uint64_t at = 0, word;
	int fd;

	attach(&a);
	attach(&b);
	fd = open(path, O_RDWR);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		off_t off = 4096 + 128 * SHMIF_BUS_SLOTS + SHMIF_BUS_RING + at + 8 * cases[i].word; /* slot 1's ring */

		for (int k = 0; k < 100; k++) /* so much that a wrong length would fit */
			assert_true(shmif_writer_put(b.w, frame, sizeof frame));
		shmif_writer_publish(b.w);
		assert_int_equal(pread(fd, &word, 8, off), 8);
		word = (word & ~cases[i].clear) | cases[i].set;
		assert_int_equal(pwrite(fd, &word, 8, off), 8);
		assert_false(shmif_reader_next(a.r, buf, &f));
		assert_int_equal(shmif_reader_drops(a.r), i + 1);
		assert_true(shmif_writer_put(b.w, frame, sizeof frame)); /* the next is read */
		shmif_writer_publish(b.w);
		assert_true(shmif_reader_next(a.r, buf, &f));
		assert_int_equal(f.len, sizeof frame);
		at += 101 * (32 + 104);
	}
	close(fd);
	shmif_bus_close(a.bus);
	shmif_bus_close(b.bus);
}

static void
test_foreign(void **state)
{
	static const struct {
		const char *text;
		off_t size;
		uint8_t data[32];
		const char *why;
	} cases[] = {
	    {"text", 0, "hello, world", "not a shmif segment"},
	    {"wrong size with the magic", 5000, "shmfbus1", "wrong size"},
	    {"right size, other content", 1, "\177ELF", "not a shmif segment"},
	    {"right size, other version", 1, "shmfbus1\2\0\0\0\4\3\2\1", "version 2"},
	    {"right size, other byte order", 1, "shmfbus1\1\0\0\0\1\2\3\4", "not a shmif segment"},
	    {"right size, other geometry", 1, "shmfbus1\1\0\0\0\4\3\2\1\1", "damaged header"},
	};
	struct shmif_bus *bus;
	struct stat st;

	assert_int_equal(shmif_bus_open(path, SHMIF_BUS_CREATE, &bus, err, sizeof err), 0);
	shmif_bus_close(bus);
	assert_int_equal(stat(path, &st), 0);
	unlink(path);
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
		uint8_t back[32] = {0};

		assert_int_equal(write(fd, cases[i].data, 32), 32);
		if (cases[i].size > 0)
			assert_int_equal(ftruncate(fd, cases[i].size == 1 ? st.st_size : cases[i].size), 0);
		for (int flags = SHMIF_BUS_CREATE; flags <= SHMIF_BUS_RDONLY; flags++) {
			assert_int_equal(shmif_bus_open(path, flags, &bus, err, sizeof err), -EINVAL);
			if (strstr(err, cases[i].why) == NULL || strncmp(err, path, strlen(path)) != 0)
				fail_msg("%s: says \"%s\"", cases[i].text, err);
		}
		assert_int_equal(pread(fd, back, 32, 0), 32);
		assert_memory_equal(back, cases[i].data, 32); /* left alone */
		close(fd);
		unlink(path);
	}
	/* Made by somebody who died at once: taken over. */
	close(open(path, O_RDWR | O_CREAT, 0600));
	assert_int_equal(shmif_bus_open(path, SHMIF_BUS_RDONLY, &bus, err, sizeof err), -EINVAL);
	assert_int_equal(truncate(path, st.st_size), 0);
	assert_int_equal(shmif_bus_open(path, SHMIF_BUS_RDONLY, &bus, err, sizeof err), -EINVAL);
	assert_int_equal(shmif_bus_open(path, 0, &bus, err, sizeof err), 0);
	shmif_bus_close(bus);
	unlink(path);
	assert_int_equal(shmif_bus_open(path, 0, &bus, err, sizeof err), -ENOENT);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(shmif_bus_open(path, SHMIF_BUS_CREATE, &bus, err, sizeof err) < 0);
	rmdir(path);
	assert_int_equal(mkfifo(path, 0700), 0);
	assert_int_equal(shmif_bus_open(path, SHMIF_BUS_CREATE, &bus, err, sizeof err), -EINVAL);
	assert_int_equal(shmif_bus_open("/dev/null", 0, &bus, err, sizeof err), -EINVAL);
}

/* Every word of the header and of three control blocks, and random octets of everything, damaged under running hosts. */
static void
test_damage(void **state)
{
	static const uint64_t values[] = {
	    0, 1, 7, 8, 0x1000, 0x7fffffff, 0xffffffff, 1ull << 62, UINT64_MAX, UINT64_MAX - 7};
	struct side a = {0}, b = {0};
	struct shmif_frame f;
	struct stat st;
	unsigned char *map;
	int fd;

	attach(&a);
	attach(&b);
	fd = open(path, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	map = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	srandom(5);
	for (unsigned i = 0; i < 30000; i++) {
		uint64_t v = values[random() % (sizeof values / sizeof *values)];
		unsigned n = 0;
		size_t off;

		if (random() % 4 == 0)
			v = ((uint64_t)random() << 33) ^ ((uint64_t)random() << 10) ^ random();
		if (random() % 4 == 0)
			v &= ~7ull;
		switch (random() % 4) {
		case 0:
			off = random() % 4096 & ~7; /* header */
			break;
		case 1:
			off = 4096 + (random() % (3 * 128) & ~7); /* control blocks */
			break;
		default:
			off = 4096 + 128 * SHMIF_BUS_SLOTS + random() % (4 * SHMIF_BUS_RING);
			off &= ~7ull;
		}
		memcpy(map + off, &v, 8);
		for (int k = random() % 4; k >= 0; k--)
			put(b.w, 1, i);
		shmif_writer_publish(b.w);
		put(a.w, 2, i);
		shmif_writer_publish(a.w);
		while (shmif_reader_next(a.r, buf, &f)) {
			assert_in_range(f.len, SHMIF_BUS_MINFRAME, SHMIF_BUS_MAXFRAME);
			assert_true(++n < 100000);
		}
		for (n = 0; shmif_reader_next(b.r, buf, &f);)
			assert_true(++n < 100000);
		if (random() % 8 == 0) {
			shmif_reader_arm(b.r);
			shmif_reader_disarm(b.r);
		}
	}
	assert_true(shmif_reader_drops(a.r) > 0);
	/* What was damaged heals: soon frames come through again. */
	for (unsigned i = 0, got = 0; got < 10; i++) {
		assert_true(i < 1000);
		put(b.w, 1, i);
		shmif_writer_publish(b.w);
		while (shmif_reader_next(a.r, buf, &f))
			got++;
	}
	munmap(map, st.st_size);
	close(fd);
	shmif_bus_close(a.bus);
	shmif_bus_close(b.bus);
}

/* Zeros or noise over the whole control area before somebody attaches. */
static void
test_damage_then_attach(void **state)
{
	struct side a = {0}, b = {0};
	struct shmif_frame f;
	unsigned char noise[128 * 8];
	int fd;

	srandom(9);
	for (int round = 0; round < 50; round++) {
		int got = 0;

		attach(&a);
		fd = open(path, O_RDWR);
		for (unsigned i = 0; i < sizeof noise; i++)
			noise[i] = random();
		assert_int_equal(pwrite(fd, noise, sizeof noise, 4096), sizeof noise);
		attach(&b);
		for (int i = 0; i < 50; i++) {
			assert_true(put(b.w, 5, i));
			shmif_writer_publish(b.w);
			while (shmif_reader_next(a.r, buf, &f))
				got++;
			while (shmif_reader_next(b.r, buf, &f))
				;
		}
		assert_true(got >= 40);
		close(fd);
		shmif_bus_close(a.bus);
		shmif_bus_close(b.bus);
	}
}

static void
test_truncate(void **state)
{
	static const off_t sizes[] = {
	    0, 4096, 4096 + 128 * SHMIF_BUS_SLOTS, 4096 + 128 * SHMIF_BUS_SLOTS + SHMIF_BUS_RING};

	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct side a = {0}, b = {0}, c = {0};
		struct shmif_frame f;
		unsigned sent = 0;

		attach(&a);
		attach(&b);
		for (unsigned n = 0; n < 500; n++)
			put(b.w, 1, n);
		shmif_writer_publish(b.w);
		assert_true(shmif_reader_next(a.r, buf, &f));
		assert_int_equal(truncate(path, sizes[i]), 0);
		while (shmif_reader_next(a.r, buf, &f))
			assert_true(++sent < 1000);
		for (unsigned n = 0; n < 4000; n++) {
			put(b.w, 1, n);
			shmif_writer_publish(b.w);
			shmif_reader_next(a.r, buf, &f);
			shmif_reader_next(b.r, buf, &f);
		}
		assert_true(shmif_bus_broken(b.bus));
		assert_true(shmif_writer_drops(b.w) > 0);
		assert_true(shmif_bus_check(a.bus));
		assert_false(shmif_writer_put(a.w, buf, 60));
		assert_false(shmif_reader_next(a.r, buf, &f));
		if (sizes[i] == 0) { /* made anew under us: the others can talk */
			attach(&c);
			assert_false(shmif_bus_broken(c.bus));
			shmif_bus_close(c.bus);
		} else {
			assert_int_equal(shmif_bus_open(path, SHMIF_BUS_CREATE, &c.bus, err, sizeof err), -EINVAL);
		}
		shmif_bus_close(a.bus);
		shmif_bus_close(b.bus);
		unlink(path);
	}
}

/* Two processes make the file at once, again and again: both are on the same wire. */
static void
test_create_race(void **state)
{
	for (int round = 0; round < 40; round++) {
		void *page = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		_Atomic int *arrived = page;
		pid_t pid[4];
		struct shmif_frame f;

		fflush(NULL);
		for (int h = 0; h < 4; h++) {
			if ((pid[h] = fork()) == 0) {
				struct side s = {.child = true};
				unsigned seen = 1u << h;
				uint32_t who, n;

				for (atomic_fetch_add(arrived, 1); atomic_load(arrived) < 4;)
					;
				attach(&s);
				for (int i = 0; i < 20000 && seen != 15; i++) {
					put(s.w, h, i);
					shmif_writer_publish(s.w);
					while (shmif_reader_next(s.r, buf, &f)) {
						frame_check(buf, f.len, &who, &n);
						seen |= 1u << who;
					}
					usleep(500);
				}
				if (seen != 15)
					_exit(1);
				for (int i = 0; i < 3; i++) { /* for those who have not seen us */
					put(s.w, h, i);
					shmif_writer_publish(s.w);
				}
				shmif_bus_close(s.bus);
				_exit(0);
			}
		}
		for (int h = 0; h < 4; h++) {
			int status;

			waitpid(pid[h], &status, 0);
			assert_int_equal(status, 0);
		}
		munmap(page, sizeof(int));
		unlink(path);
	}
}

static _Atomic bool stop;

static void *
writer_thread(void *arg)
{
	struct side *s = arg;

	for (uint32_t n = 1; !atomic_load(&stop); n++) {
		put(s->w, shmif_writer_slot(s->w), n);
		if (n % 7 == 0)
			shmif_writer_publish(s->w);
	}
	shmif_writer_publish(s->w);
	return NULL;
}

/* For ThreadSanitizer: writers and reader in one process. */
static void
test_threads(void **state)
{
	struct side s[3] = {{0}};
	pthread_t t[2];
	struct shmif_frame f;
	uint32_t who, n, last[3] = {0};

	for (int i = 0; i < 3; i++)
		attach(&s[i]);
	atomic_store(&stop, false);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, writer_thread, &s[1 + i]), 0);
	for (int got = 0; got < 50000; got++) {
		assert_true(next_wait(s[0].r, &f));
		frame_check(buf, f.len, &who, &n);
		assert_int_equal(who, f.slot);
		assert_true(n > last[who]);
		last[who] = n;
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 3; i++)
		shmif_bus_close(s[i].bus);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_two_hosts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_overrun, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_slots, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_wake, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_wake_successors, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_wake_no_descriptor, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damaged_record, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_foreign, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damage_then_attach, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_truncate, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_create_race, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
