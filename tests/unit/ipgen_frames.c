/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ipgen_frames FILE: frames of all families, protocols, tags and many sizes, as pcap, for other programs to judge.
 * ipgen_frames -r CAPTURE FILE: what is sent of a capture.  Both as traffic_build and frame_fill or replay_fill make them.
 * ipgen_frames -l FLOWFILE: the flows in it, a line each.
 */
#include <stdio.h>
#include <stdlib.h>

#include <pcap/pcap.h>

#include "ipgen/traffic/private.h"

static char err[512];
static uint8_t buf[2][TRAFFIC_MAXSIZE + 512];
static struct rte_mbuf mbuf[2] = {{.buf_addr = buf[0], .data_off = 128}, {.buf_addr = buf[1], .data_off = 128}};
static const struct traffic_link addrs = {.src = {2, 0, 0, 0, 0, 1}, .dst = {2, 0, 0, 0, 0, 2}};
static struct traffic_spec spec;

static void
dump(pcap_dumper_t *d, const struct rte_mbuf *m, uint64_t ns)
{
	struct pcap_pkthdr h = {
	    .ts = {(long)(ns / 1000000000), (long)(ns % 1000000000)}, .caplen = m->data_len, .len = m->data_len};

	pcap_dump((u_char *)d, &h, rte_pktmbuf_mtod(m, uint8_t *));
}

static void
die(const char *what)
{
	fprintf(stderr, "ipgen_frames: %s\n", what);
	exit(1);
}

static struct traffic *
build(void)
{
	struct traffic *t = traffic_build(&spec, &addrs, false, err, sizeof(err));

	if (t == NULL)
		die(err);
	return t;
}

static unsigned
dump_spec(pcap_dumper_t *d)
{
	static uint64_t ns;
	struct traffic *t = build();
	uint32_t seq = 0;

	for (uint32_t size = 0; size < t->nsizes; size++)
		for (uint32_t f = 0; f < t->nflows; f += f < 4 ? 1 : 37) {
			struct rte_mbuf *m = &mbuf[seq & 1];
			uint8_t *p;

			memset(buf[seq & 1], 0xa5, sizeof(buf[0]));
			p = frame_fill(t, m, f, size);
			if (seq & 1) { /* half of them by way of another flow's frame */
				frame_fill(t, m, (f + 5) % t->nflows, size);
				if (frame_key(t, (f + 5) % t->nflows, size) == frame_key(t, f, size))
					p = frame_touch(t, m, f, size);
				else
					p = frame_fill(t, m, f, size);
			}
			sig_write(p, (uint64_t)seq * 12345678901, SIG_MAGIC, seq, f);
			dump(d, m, ns++);
			seq++;
		}
	traffic_free(t);
	return seq;
}

/* All that can be chosen, crossed. */
static unsigned
dump_all(pcap_dumper_t *d)
{
	static const uint8_t protos[] = {17, 6, 1};
	static const char *ranges[2][2] = {
	    {"10.0.255.250-10.1.0.9", "192.168.255.255"}, {"2001:db8::ffff:fffa-2001:db8::1:0:9", "2001:db8:ffff::1"}};
	unsigned n = 0;

	for (unsigned i = 0; i < 2 * 3 * 3; i++) {
		unsigned six = i % 2, proto = protos[i / 2 % 3], least;
		char sizes[32];

		memset(&spec, 0, sizeof(spec));
		spec.family = six ? 6 : 4;
		spec.proto = (uint8_t)proto;
		spec.ntags = i / 6;
		spec.tag[0] = (struct traffic_tag){spec.ntags == 2 ? 0x88a8 : 0x8100, 0x6064};
		spec.tag[1] = (struct traffic_tag){0x8100, 0x0065};
		spec.tos = (uint8_t)(0x2c * i);
		spec.ttl = (uint8_t)(3 * i);
		spec.has_src = spec.has_dst = true;
		spec.sport[0] = 1023;
		spec.sport[1] = 1033;
		spec.dport[0] = spec.dport[1] = 40000;
		least = traffic_smallest(spec.family, spec.proto, spec.ntags);
		snprintf(sizes, sizeof(sizes), i % 4 < 2 ? "%u-1518:97" : "%u-9001:533", least);
		if (traffic_range_parse(ranges[six][0], &spec.src, err, sizeof(err)) != 0 ||
		    traffic_range_parse(ranges[six][1], &spec.dst, err, sizeof(err)) != 0 ||
		    traffic_sizes_parse(sizes, &spec.sizes, err, sizeof(err)) != 0)
			die(err);
		n += dump_spec(d);
	}
	return n;
}

static unsigned
dump_replay(pcap_dumper_t *d, const char *file)
{
	struct traffic *t;
	unsigned n;

	spec.proto = 17;
	spec.replay = file;
	spec.replay_speed = 1;
	t = build();
	n = t->nreplay;
	for (uint32_t i = 0; i < n; i++)
		dump(d, &mbuf[0], replay_fill(t, &mbuf[0], i));
	traffic_free(t);
	return n;
}

static int
list(const char *file)
{
	struct traffic *t;
	int rc;

	spec.proto = 17;
	spec.flowfile = file;
	if (traffic_sizes_parse("84", &spec.sizes, err, sizeof(err)) != 0)
		die(err);
	t = build();
	rc = traffic_dump(t, stdout);
	traffic_free(t);
	return rc != 0;
}

int
main(int argc, char **argv)
{
	bool replay = argc == 4 && strcmp(argv[1], "-r") == 0;
	pcap_dumper_t *d;
	pcap_t *p;

	if (argc == 3 && strcmp(argv[1], "-l") == 0)
		return list(argv[2]);
	if (argc != 2 && !replay)
		die("FILE, -r CAPTURE FILE, or -l FLOWFILE");
	sig_init();
	p = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, 262144, PCAP_TSTAMP_PRECISION_NANO);
	d = pcap_dump_open(p, argv[argc - 1]);
	if (d == NULL)
		die(pcap_geterr(p));
	printf("%u\n", replay ? dump_replay(d, argv[2]) : dump_all(d));
	pcap_dump_close(d);
	pcap_close(p);
	return 0;
}
