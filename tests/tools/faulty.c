/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faulty [OPTION...] SEGMENT0 SEGMENT1: forwards frames between two shmif segments, with faults on purpose, and says exactly
 * what it did: a JSON object on standard output at SIGUSR1 and at its end (SIGTERM, SIGINT).
 *
 *	--drop-every N, --duplicate-every N, --reorder-every N --reorder-by K (held until K others have passed),
 *	--corrupt-every N --corrupt-at OFFSET (from the frame's begin, negative: from the IP packet's end) --corrupt-xor BITS,
 *	--truncate-every N --truncate-by OCTETS, --misdeliver-every N (back to where it came from), --fragment-every N
 *	--delay US, --jitter US, --rate-limit PPS --buffer FRAMES, --outage-after MS --outage-for MS
 *	--way 0|1 (faults in this direction only), --flush MS, --log FILE (a line for each fault: what, direction, flow, number)
 *
 * Only test packets suffer: ARP, neighbour discovery, group membership and all that is not IP pass untouched.  A frame suffers
 * one fault at most; one whose turn finds it taken waits for the next.  Delay, limit and outage go by the time at which a frame
 * was written into its segment, so that what is dropped does not depend on when this process is scheduled.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "faulty.h"

enum {
	OPT_EVERY = 256,
	OPT_BY = OPT_EVERY + NFAULTS,
	OPT_AT,
	OPT_XOR,
	OPT_CUT,
	OPT_DELAY,
	OPT_JITTER,
	OPT_LIMIT,
	OPT_BUFFER,
	OPT_AFTER,
	OPT_FOR,
	OPT_WAY,
	OPT_FLUSH,
	OPT_LOG
};

static const struct option long_options[] = {
    {"drop-every", 1, NULL, OPT_EVERY + DROP},
    {"duplicate-every", 1, NULL, OPT_EVERY + DUPLICATE},
    {"reorder-every", 1, NULL, OPT_EVERY + REORDER},
    {"corrupt-every", 1, NULL, OPT_EVERY + CORRUPT},
    {"truncate-every", 1, NULL, OPT_EVERY + TRUNCATE},
    {"misdeliver-every", 1, NULL, OPT_EVERY + MISDELIVER},
    {"fragment-every", 1, NULL, OPT_EVERY + FRAGMENT},
    {"reorder-by", 1, NULL, OPT_BY},
    {"corrupt-at", 1, NULL, OPT_AT},
    {"corrupt-xor", 1, NULL, OPT_XOR},
    {"truncate-by", 1, NULL, OPT_CUT},
    {"delay", 1, NULL, OPT_DELAY},
    {"jitter", 1, NULL, OPT_JITTER},
    {"rate-limit", 1, NULL, OPT_LIMIT},
    {"buffer", 1, NULL, OPT_BUFFER},
    {"outage-after", 1, NULL, OPT_AFTER},
    {"outage-for", 1, NULL, OPT_FOR},
    {"way", 1, NULL, OPT_WAY},
    {"flush", 1, NULL, OPT_FLUSH},
    {"log", 1, NULL, OPT_LOG},
    {NULL, 0, NULL, 0},
};

static struct options options = {
    .reorder_by = 3,
    .corrupt_at = -19,
    .corrupt_xor = 0xff,
    .truncate_by = 20,
    .buffer = 1024,
    .way = {true, true},
    .flush = 200000000,
};
static struct shmif_bus *bus[2];
static struct shmif_reader *reader[2];
static struct shmif_writer *writer[2];
static struct way way[2];
static volatile sig_atomic_t ask_counts, ask_end;

uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void
on_signal(int sig)
{
	if (sig == SIGUSR1)
		ask_counts = 1;
	else
		ask_end = 1;
}

static void
counts(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct way *w = &way[i];

		printf("%s\"received\": %lu, \"test\": %lu, \"sent\": %lu", i == 0 ? "{\"way\": [{" : "}, {",
		    w->received, w->test, w->sent);
		for (enum fault f = 0; f < NFAULTS; f++)
			printf(", \"%s\": %lu", f == REORDER ? "held" : fault_name[f], w->done[f]);
		printf(", \"reordered\": %lu, \"overflow\": %lu, \"outage\": %lu, \"seconds\": %.6f", w->overtaken,
		    w->overflow, w->outage, (double)(w->last - w->first) / 1e9);
		printf(", \"missed\": %lu", shmif_reader_drops(reader[i]) + shmif_writer_drops(writer[i]));
	}
	printf("}]}\n");
	fflush(stdout);
	if (options.log != NULL)
		fflush(options.log);
}

static double
number(const char *name, const char *text, double min)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != '\0' || v < min) {
		fprintf(stderr, "faulty: --%s %s: not a number, or below %g\n", name, text, min);
		exit(2);
	}
	return v;
}

static void
option(int c, const char *name, const char *arg)
{
	struct options *o = &options;
	double v = c == OPT_LOG ? 0 : number(name, arg, c == OPT_AT ? -65536 : c < OPT_BY || c == OPT_BUFFER ? 1 : 0);

	switch (c) {
	case OPT_BY:
		o->reorder_by = v < 1 ? 1 : (unsigned)v;
		break;
	case OPT_AT:
		o->corrupt_at = (long)v;
		break;
	case OPT_XOR:
		o->corrupt_xor = (unsigned)v & 0xff;
		break;
	case OPT_CUT:
		o->truncate_by = (unsigned)v;
		break;
	case OPT_DELAY:
		o->delay = (uint64_t)(v * 1000);
		break;
	case OPT_JITTER:
		o->jitter = (uint64_t)(v * 1000);
		break;
	case OPT_LIMIT:
		o->limit = v;
		break;
	case OPT_BUFFER:
		o->buffer = (unsigned)v;
		break;
	case OPT_AFTER:
		o->outage_after = (uint64_t)(v * 1e6);
		break;
	case OPT_FOR:
		o->outage_for = (uint64_t)(v * 1e6);
		break;
	case OPT_WAY:
		o->way[v == 0] = false;
		break;
	case OPT_FLUSH:
		o->flush = (uint64_t)(v * 1e6);
		break;
	case OPT_LOG:
		if ((o->log = fopen(arg, "w")) == NULL) {
			fprintf(stderr, "faulty: %s: %s\n", arg, strerror(errno));
			exit(1);
		}
		break;
	default:
		o->every[c - OPT_EVERY] = (uint64_t)v;
		break;
	}
}

static void
attach(unsigned i, const char *path)
{
	char err[512];

	if (shmif_bus_open(path, SHMIF_BUS_CREATE, &bus[i], err, sizeof(err)) != 0 ||
	    shmif_writer_open(bus[i], &writer[i], err, sizeof(err)) != 0 ||
	    shmif_reader_open(bus[i], false, true, writer[i], &reader[i], err, sizeof(err)) != 0) {
		fprintf(stderr, "faulty: %s\n", err);
		exit(1);
	}
	way[i].n = i;
	TAILQ_INIT(&way[i].queue);
	TAILQ_INIT(&way[i].held);
	if ((way[i].waiting = calloc(options.buffer, sizeof(uint64_t))) == NULL)
		exit(1);
}

/* Sends what is due; the time of what is due next, or UINT64_MAX */
static uint64_t
send_due(struct way *w, bool all)
{
	uint64_t now = now_ns(), next = UINT64_MAX;
	struct frame *f;

	while ((f = TAILQ_FIRST(&w->queue)) != NULL) {
		if (!all && f->release > now) {
			next = f->release;
			break;
		}
		TAILQ_REMOVE(&w->queue, f, next);
		if (shmif_writer_put(writer[f->back ? w->n : !w->n], f->octet, f->len))
			w->sent++;
		free(f);
	}
	for (unsigned i = 0; i < 2; i++)
		shmif_writer_publish(writer[i]);
	if (!TAILQ_EMPTY(&w->held) && w->last + options.flush < next)
		next = w->last + options.flush;
	return next;
}

/* Sleeps until a frame comes, a signal, or the time. */
static void
rest(uint64_t until, const sigset_t *open)
{
	struct pollfd fd[2] = {{shmif_reader_fd(reader[0]), POLLIN, 0}, {shmif_reader_fd(reader[1]), POLLIN, 0}};
	uint64_t now = now_ns();
	struct timespec ts = {0};

	if (until != UINT64_MAX && until > now)
		ts = (struct timespec){(time_t)((until - now) / 1000000000), (long)((until - now) % 1000000000)};
	if (!shmif_reader_arm(reader[0]) && !shmif_reader_arm(reader[1]))
		ppoll(fd, 2, until == UINT64_MAX ? NULL : &ts, open);
	for (unsigned i = 0; i < 2; i++)
		shmif_reader_disarm(reader[i]);
}

static void
forward(const sigset_t *open)
{
	static uint8_t octets[SHMIF_BUS_MAXFRAME];
	struct shmif_frame f;

	while (!ask_end) {
		uint64_t next[2];
		unsigned came = 0;

		if (ask_counts) {
			ask_counts = 0;
			counts();
		}
		for (unsigned i = 0; i < 2; i++) {
			for (unsigned n = 0; n < 64 && shmif_reader_next(reader[i], octets, &f); n++, came++)
				way_frame(&options, &way[i], octets, f.len, f.ts_ns);
			way_flush(&options, &way[i], now_ns(), false);
			next[i] = send_due(&way[i], false);
		}
		if (came == 0)
			rest(next[0] < next[1] ? next[0] : next[1], open);
		else if (ask_end == 0)
			ppoll(NULL, 0, &(struct timespec){0}, open); /* signals come in here only */
	}
}

int
main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = on_signal};
	sigset_t blocked, open;
	int c, index = 0;

	while ((c = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		if (c == '?')
			return 2;
		option(c, long_options[index].name, optarg);
	}
	if (argc - optind != 2) {
		fprintf(stderr, "usage: faulty [OPTION...] SEGMENT0 SEGMENT1\n");
		return 2;
	}
	sigemptyset(&blocked);
	for (unsigned i = 0; i < 3; i++) {
		sigaction((const int[]){SIGUSR1, SIGTERM, SIGINT}[i], &sa, NULL);
		sigaddset(&blocked, (const int[]){SIGUSR1, SIGTERM, SIGINT}[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, &open);
	attach(0, argv[optind]);
	attach(1, argv[optind + 1]);
	fprintf(stderr, "ready\n");
	forward(&open);
	for (unsigned i = 0; i < 2; i++) {
		way_flush(&options, &way[i], now_ns(), true);
		send_due(&way[i], true);
	}
	counts();
	for (unsigned i = 0; i < 2; i++) {
		shmif_bus_close(bus[i]);
		free(way[i].waiting);
	}
	if (options.log != NULL)
		fclose(options.log);
	return 0;
}
