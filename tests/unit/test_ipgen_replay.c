/* SPDX-License-Identifier: BSD-2-Clause */
/* ipgen's replay: captures of each kind into memory, what is changed in them, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include <pcap/pcap.h>

#include "ipgen/traffic/private.h"

static char err[512];
static const struct traffic_link lnk = {.src = {2, 0, 0, 0, 0, 1}, .dst = {2, 0, 0, 0, 0, 2}};

static struct traffic_spec
spec_of(const char *file)
{
	static struct traffic_spec s;

	memset(&s, 0, sizeof(s));
	s.proto = 17;
	s.replay = file;
	s.replay_speed = 1;
	return s;
}

/* A frame of UDP from 10.0.0.1:port, len octets. */
static void
frame(uint8_t *p, unsigned len, unsigned port)
{
	memset(p, 0, len);
	memcpy(p, "\x0a\0\0\0\0\x01\x0a\0\0\0\0\x02\x08\0\x45", 15);
	p[14 + 3] = (uint8_t)(len - 14);
	p[14 + 9] = 17;
	memcpy(p + 14 + 12, "\x0a\0\0\x01\x0a\0\0\x02", 8);
	p[34] = (uint8_t)(port >> 8);
	p[35] = (uint8_t)port;
	for (unsigned i = 42; i < len; i++)
		p[i] = (uint8_t)i;
}

struct record {
	uint64_t ns;
	unsigned len, wire;
};

static void
capture(const char *name, int link_type, int precision, const struct record *rec, unsigned n)
{
	pcap_t *p = pcap_open_dead_with_tstamp_precision(link_type, 262144, (unsigned)precision);
	pcap_dumper_t *d = pcap_dump_open(p, name);
	static uint8_t buf[70000];

	assert_non_null(d);
	for (unsigned i = 0; i < n; i++) {
		uint64_t unit = precision == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000;
		struct pcap_pkthdr h = {.ts = {(long)(rec[i].ns / 1000000000), (long)(rec[i].ns % 1000000000 / unit)},
		    .caplen = rec[i].len,
		    .len = rec[i].wire != 0 ? rec[i].wire : rec[i].len};

		frame(buf, rec[i].len, 1000 + i);
		pcap_dump((u_char *)d, &h, buf);
	}
	pcap_dump_close(d);
	pcap_close(p);
}

static void
refused(const char *file, const char *what)
{
	struct traffic_spec s = spec_of(file);
	struct traffic *t = traffic_build(&s, &lnk, false, err, sizeof(err));

	assert_null(t);
	if (strcmp(err, what) != 0)
		fail_msg("expected '%s', got '%s'", what, err);
}

static const struct record three[] = {
    {1700000000000000000, 42, 0}, {1700000000000001500, 100, 0}, {1700000000000004000, 1514, 0}};

static void
replay_timing(void **state)
{
	struct traffic_spec s = spec_of("r.pcap");
	struct traffic *t;

	capture("r.pcap", DLT_EN10MB, PCAP_TSTAMP_PRECISION_NANO, three, 3);
	t = traffic_build(&s, &lnk, false, err, sizeof(err));
	assert_non_null(t);
	assert_int_equal(t->nreplay, 3);
	assert_int_equal(replay_packet(t, 0)->due, 0);
	assert_int_equal(replay_packet(t, 1)->due, 1500);
	assert_int_equal(replay_packet(t, 2)->due, 4000);
	assert_int_equal(t->replay_period, 6000);
	assert_int_equal(traffic_min_size(t), 64);
	assert_int_equal(traffic_max_size(t), 1518);
	assert_true(traffic_mean_size(t) == (64 + 104 + 1518) / 3.0);
	assert_null(traffic_resize(t, &s.sizes, err, sizeof(err)));
	traffic_free(t);
	s.replay_speed = 2;
	t = traffic_build(&s, &lnk, false, err, sizeof(err));
	assert_int_equal(replay_packet(t, 2)->due, 2000);
	traffic_free(t);
	s.replay_speed = 0;
	t = traffic_build(&s, &lnk, false, err, sizeof(err));
	assert_int_equal(replay_packet(t, 2)->due, 0);
	assert_int_equal(t->replay_period, 0);
	traffic_free(t);
	s.replay_speed = -1;
	assert_null(traffic_build(&s, &lnk, false, err, sizeof(err)));
	assert_string_equal(err, "--replay-speed -1: 0 (as the rate says) or more");
	/* microseconds, and a clock that goes back */
	capture("r.pcap", DLT_EN10MB, PCAP_TSTAMP_PRECISION_MICRO,
	    (struct record[]){{5000000000, 60, 0}, {5000007000, 60, 0}, {4000000000, 60, 0}}, 3);
	s.replay_speed = 1;
	t = traffic_build(&s, &lnk, false, err, sizeof(err));
	assert_int_equal(replay_packet(t, 1)->due, 7000);
	assert_int_equal(replay_packet(t, 2)->due, 7000);
	traffic_free(t);
	/* all at once, and one alone: a round takes time all the same */
	capture("r.pcap", DLT_EN10MB, PCAP_TSTAMP_PRECISION_MICRO, (struct record[]){{1000, 60, 0}, {1000, 60, 0}}, 2);
	t = traffic_build(&s, &lnk, false, err, sizeof(err));
	assert_int_equal(t->replay_period, 2);
	traffic_free(t);
	capture("r.pcap", DLT_EN10MB, PCAP_TSTAMP_PRECISION_MICRO, (struct record[]){{1000, 60, 0}}, 1);
	t = traffic_build(&s, &lnk, false, err, sizeof(err));
	assert_int_equal(t->replay_period, 1000000000);
	traffic_free(t);
	unlink("r.pcap");
}

static void
replay_frames(void **state)
{
	struct traffic_spec s = spec_of("f.pcap");
	static uint8_t want[2000], buf[4096];
	struct rte_mbuf m = {.buf_addr = buf, .data_off = 128};
	struct traffic *t;

	capture("f.pcap", DLT_EN10MB, PCAP_TSTAMP_PRECISION_NANO, three, 3);
	t = traffic_build(&s, &lnk, false, err, sizeof(err));
	assert_non_null(t);
	for (unsigned i = 0; i < 3; i++) {
		unsigned len = three[i].len < 60 ? 60 : three[i].len;

		memset(want, 0, sizeof(want));
		frame(want, three[i].len, 1000 + i);
		memcpy(want, lnk.dst, 6);
		memcpy(want + 6, lnk.src, 6);
		assert_int_equal(replay_fill(t, &m, i), replay_packet(t, i)->due);
		assert_int_equal(m.data_len, len);
		assert_int_equal(m.pkt_len, len);
		assert_memory_equal(buf + 128, want, len);
		assert_int_not_equal(replay_packet(t, i)->hash, 0);
	}
	assert_int_not_equal(replay_packet(t, 1)->hash, replay_packet(t, 2)->hash);
	traffic_free(t);
	s.ntags = 1;
	s.tag[0] = (struct traffic_tag){0x8100, 0x6005};
	t = traffic_build(&s, &lnk, false, err, sizeof(err));
	replay_fill(t, &m, 2);
	assert_int_equal(m.data_len, 1518);
	assert_memory_equal(buf + 128, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x81\0\x60\x05\x08\0\x45", 19);
	assert_memory_equal(buf + 128 + 18, want + 14, 1500);
	assert_int_not_equal(replay_packet(t, 2)->hash, 0);
	traffic_free(t);
	s.replay_raw = true;
	t = traffic_build(&s, &lnk, false, err, sizeof(err));
	replay_fill(t, &m, 1);
	assert_int_equal(m.data_len, 100);
	assert_memory_equal(buf + 128, "\x0a\0\0\0\0\x01\x0a\0\0\0\0\x02\x08\0\x45", 15);
	traffic_free(t);
	unlink("f.pcap");
}

static void
replay_refused(void **state)
{
	FILE *f;
	char all[4096];
	size_t len;

	refused("none.pcap", "none.pcap: No such file or directory");
	capture("x.pcap", DLT_RAW, PCAP_TSTAMP_PRECISION_NANO, three, 3);
	refused("x.pcap", "x.pcap: link type RAW: Ethernet's frames can be sent");
	capture("x.pcap", DLT_EN10MB, PCAP_TSTAMP_PRECISION_NANO, three, 0);
	refused("x.pcap", "x.pcap: no packet in it");
	capture("x.pcap", DLT_EN10MB, PCAP_TSTAMP_PRECISION_NANO, (struct record[]){{1, 60, 0}, {2, 96, 1514}}, 2);
	refused("x.pcap", "x.pcap: packet 2: only 96 of its 1514 octets were captured (take it with tcpdump -s 0)");
	capture("x.pcap", DLT_EN10MB, PCAP_TSTAMP_PRECISION_NANO, (struct record[]){{1, 65226, 0}}, 1);
	refused("x.pcap", "x.pcap: packet 1: 65226 octets are more than a frame has (15988)");
	capture("x.pcap", DLT_EN10MB, PCAP_TSTAMP_PRECISION_NANO, (struct record[]){{1, 13, 0}}, 1);
	refused("x.pcap", "x.pcap: packet 1: 13 octets are no Ethernet frame");
	/* cut off anywhere: an end between packets is one, all else is refused; nothing crashes */
	capture("x.pcap", DLT_EN10MB, PCAP_TSTAMP_PRECISION_NANO, three, 3);
	f = fopen("x.pcap", "r");
	assert_non_null(f);
	len = fread(all, 1, sizeof(all), f);
	fclose(f);
	assert_int_equal(len, 24 + 3 * 16 + 42 + 100 + 1514);
	for (size_t cut = 0; cut < len; cut += cut < 200 ? 1 : 97) {
		struct traffic_spec s = spec_of("x.pcap");
		struct traffic *t;

		f = fopen("x.pcap", "w");
		assert_non_null(f);
		assert_int_equal(fwrite(all, 1, cut, f), cut);
		fclose(f);
		t = traffic_build(&s, &lnk, false, err, sizeof(err));
		assert_int_equal(t != NULL, cut == 24 + 58 || cut == 24 + 58 + 116);
		if (t == NULL)
			assert_memory_equal(err, "x.pcap: ", 8);
		traffic_free(t);
	}
	unlink("x.pcap");
}

/* Each octet of the headers made others: read, or refused with the file named. */
static void
replay_garbled(void **state)
{
	static const uint8_t flip[] = {0x01, 0x80, 0xff, 0x10};
	struct traffic_spec s = spec_of("g.pcap");
	uint8_t all[24 + 3 * (16 + 60)];
	unsigned refusals = 0;
	FILE *f;

	capture("g.pcap", DLT_EN10MB, PCAP_TSTAMP_PRECISION_NANO,
	    (struct record[]){{1, 60, 0}, {1000001, 60, 0}, {2000001, 60, 0}}, 3);
	f = fopen("g.pcap", "r");
	assert_non_null(f);
	assert_int_equal(fread(all, 1, sizeof(all), f), sizeof(all));
	fclose(f);
	for (size_t at = 0; at < 24 + 16 + 60 + 16 + 40; at++)
		for (unsigned k = 0; k < sizeof(flip); k++) {
			struct traffic *t;

			all[at] ^= flip[k];
			f = fopen("g.pcap", "w");
			assert_non_null(f);
			assert_int_equal(fwrite(all, 1, sizeof(all), f), sizeof(all));
			fclose(f);
			all[at] ^= flip[k];
			s.replay_speed = k % 2 ? 1 : 0.0001;
			t = traffic_build(&s, &lnk, false, err, sizeof(err));
			if (t == NULL) {
				refusals++;
				assert_memory_equal(err, "g.pcap: ", 8);
			}
			traffic_free(t);
		}
	assert_in_range(refusals, 50, 300);
	unlink("g.pcap");
}

static int
setup(void **state)
{
	sig_init();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replay_timing),
	    cmocka_unit_test(replay_frames),
	    cmocka_unit_test(replay_refused),
	    cmocka_unit_test(replay_garbled),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
