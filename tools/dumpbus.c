/* SPDX-License-Identifier: BSD-2-Clause */
/* dumpbus, pcapin: the frames of a shared-memory segment to and from pcap files. */
#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dev/shmif_bus.h"
#include "tool.h"

#define PCAP_MAGIC_NS 0xa1b23c4du
#define POLL_MS	      20 /* where the segment may only be looked at */

static volatile sig_atomic_t stopped;

static void
on_signal(int sig)
{
	stopped = 1;
}

static bool
pcap_begin(FILE *out)
{
	const struct pcap_file_header h = {
	    .magic = PCAP_MAGIC_NS,
	    .version_major = PCAP_VERSION_MAJOR,
	    .version_minor = PCAP_VERSION_MINOR,
	    .snaplen = 65535,
	    .linktype = DLT_EN10MB,
	};

	return fwrite(&h, sizeof(h), 1, out) == 1;
}

static bool
pcap_frame(FILE *out, const void *frame, uint32_t len, uint64_t ns)
{
	const uint32_t h[4] = {ns / 1000000000u, ns % 1000000000u, len, len};

	return fwrite(h, sizeof(h), 1, out) == 1 && fwrite(frame, len, 1, out) == 1;
}

/* Opens the segment: to sleep on it if we follow and may, else to look only. */
static int
dump_open(const char *path, bool follow, struct shmif_bus **bus, struct shmif_reader **reader, char *err, size_t errlen)
{
	int error;

	if (follow && shmif_bus_open(path, 0, bus, err, errlen) == 0) {
		if (shmif_reader_open(*bus, true, true, NULL, reader, err, errlen) == 0)
			return 0;
		shmif_bus_close(*bus);
	}
	error = shmif_bus_open(path, SHMIF_BUS_RDONLY, bus, err, errlen);
	if (error != 0)
		return error;
	error = shmif_reader_open(*bus, true, false, NULL, reader, err, errlen);
	if (error != 0)
		shmif_bus_close(*bus);
	return error;
}

static void
dump_wait(struct shmif_reader *reader)
{
	struct pollfd p = {.fd = shmif_reader_fd(reader), .events = POLLIN};

	if (shmif_reader_arm(reader))
		return;
	if (!stopped)
		(void)poll(&p, 1, p.fd < 0 ? POLL_MS : 1000);
	shmif_reader_disarm(reader);
}

/* Frames to out until there are no more (of those before now), or until interrupted, or count were written. */
static bool
dump(struct shmif_bus *bus, struct shmif_reader *reader, FILE *out, bool follow, long long count)
{
	static unsigned char frame[SHMIF_BUS_MAXFRAME];
	struct shmif_frame f;
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000u + ts.tv_nsec;
	if (!pcap_begin(out) || (follow && fflush(out) != 0))
		return false;
	while (!stopped && count != 0) {
		if (shmif_reader_next(reader, frame, &f)) {
			if (!follow && f.ts_ns > now)
				break;
			if (!pcap_frame(out, frame, f.len, f.ts_ns + shmif_bus_realtime_offset(bus)))
				return false;
			if (count > 0)
				count--;
			continue;
		}
		if (!follow || shmif_bus_check(bus))
			break;
		if (fflush(out) != 0)
			return false;
		dump_wait(reader);
	}
	return fflush(out) == 0;
}

int
dumpbus_main(int argc, char **argv)
{
	const char *file = NULL, *plain = NULL, *path;
	bool follow = false, good;
	struct shmif_reader *reader;
	struct shmif_bus *bus;
	long long count = -1;
	struct sigaction sa = {.sa_handler = on_signal};
	char err[512];
	FILE *out;
	int c;

	while ((c = getopt(argc, argv, "c:fp:w:")) != -1) {
		switch (c) {
		case 'c':
			count = tool_number("count", optarg, 1, INT64_MAX);
			break;
		case 'f':
			follow = true;
			break;
		case 'p': /* NetBSD's shmif_dumpbus: the file that is written */
			plain = optarg;
			break;
		case 'w':
			file = optarg;
			follow = true;
			break;
		default:
			tool_usage();
		}
	}
	argc -= optind;
	argv += optind;
	path = argv[0];
	if (argc == 0 && plain != NULL) { /* "-p BUS" */
		path = plain;
		plain = NULL;
	} else if (argc != 1) {
		tool_usage();
	}
	if (file == NULL)
		file = plain;
	if (dump_open(path, follow, &bus, &reader, err, sizeof(err)) != 0) {
		tool_warn("%s", err);
		return 1;
	}
	out = file == NULL || strcmp(file, "-") == 0 ? stdout : fopen(file, "w");
	if (out == NULL) {
		tool_warn("%s: %s", file, strerror(errno));
		shmif_bus_close(bus);
		return 1;
	}
	if (out == stdout && isatty(STDOUT_FILENO)) {
		tool_warn("pcap is not for terminals: use -w file, or pipe into tcpdump -n -e -r -");
		shmif_bus_close(bus);
		return 1;
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	errno = 0;
	good = dump(bus, reader, out, follow, count);
	if (!good && errno != EPIPE)
		tool_warn("%s: %s", out == stdout ? "standard output" : file, strerror(errno));
	if (shmif_bus_broken(bus)) {
		tool_warn("%s: truncated while it was read", path);
		good = false;
	}
	if (shmif_reader_drops(reader) > 0)
		tool_warn("%" PRIu64 " frames lost", shmif_reader_drops(reader));
	if (out != stdout && fclose(out) != 0 && good) {
		tool_warn("%s: %s", file, strerror(errno));
		good = false;
	}
	shmif_bus_close(bus);
	return good ? 0 : 1;
}

int
pcapin_main(int argc, char **argv)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	char err[512], perr[PCAP_ERRBUF_SIZE];
	struct shmif_writer *writer;
	struct pcap_pkthdr *h;
	struct shmif_bus *bus;
	const u_char *frame;
	size_t octets = 0;
	pcap_t *in;
	int r;

	if (argc != 3)
		tool_usage();
	in = pcap_open_offline(argv[1], perr);
	if (in == NULL) {
		tool_warn("%s", perr);
		return 1;
	}
	if (pcap_datalink(in) != DLT_EN10MB) {
		tool_warn("%s: not a capture of Ethernet", argv[1]);
		pcap_close(in);
		return 1;
	}
	if (shmif_bus_open(argv[2], SHMIF_BUS_CREATE, &bus, err, sizeof(err)) != 0) {
		tool_warn("%s", err);
		pcap_close(in);
		return 1;
	}
	if (shmif_writer_open(bus, &writer, err, sizeof(err)) != 0) {
		tool_warn("%s", err);
		shmif_bus_close(bus);
		pcap_close(in);
		return 1;
	}
	while ((r = pcap_next_ex(in, &h, &frame)) == 1) {
		if (shmif_writer_put(writer, frame, h->caplen))
			octets += h->caplen;
		if (octets > SHMIF_BUS_RING / 16) { /* let readers keep up */
			shmif_writer_publish(writer);
			nanosleep(&pause, NULL);
			octets = 0;
		}
	}
	shmif_writer_publish(writer);
	if (r == PCAP_ERROR)
		tool_warn("%s: %s", argv[1], pcap_geterr(in));
	if (shmif_writer_drops(writer) > 0)
		tool_warn("%" PRIu64 " frames refused: too short, or longer than %d octets", shmif_writer_drops(writer),
		    SHMIF_BUS_MAXFRAME);
	shmif_bus_close(bus);
	pcap_close(in);
	return r == PCAP_ERROR ? 1 : 0;
}
