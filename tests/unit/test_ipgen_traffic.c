/* SPDX-License-Identifier: BSD-2-Clause */
/* ipgen's traffic: lists of flows, flow files, frame sizes, and that a touched frame is a filled one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "ipgen/traffic/private.h"
#include "pkt/pkt.h"

static char err[512];
static const struct traffic_link link4 = {
    .src = {2, 0, 0, 0, 0, 1}, .dst = {2, 0, 0, 0, 0, 2}, .has4 = true, .src4 = {10, 0, 0, 1}, .dst4 = {10, 0, 1, 1}};

static struct traffic_spec
spec_udp(const char *size)
{
	static struct traffic_spec s;

	memset(&s, 0, sizeof(s));
	s.proto = 17;
	s.sport[0] = s.sport[1] = s.dport[0] = s.dport[1] = 9;
	assert_int_equal(traffic_sizes_parse(size, &s.sizes, err, sizeof(err)), 0);
	return s;
}

static struct traffic *
build(const struct traffic_spec *s, bool reverse)
{
	struct traffic *t = traffic_build(s, &link4, reverse, err, sizeof(err));

	if (t == NULL)
		print_error("%s\n", err);
	assert_non_null(t);
	return t;
}

static void
refused(const struct traffic_spec *s, const char *what)
{
	struct traffic *t = traffic_build(s, &link4, false, err, sizeof(err));

	if (t != NULL || strstr(err, what) == NULL)
		print_error("expected '%s', got '%s'\n", what, t != NULL ? "traffic" : err);
	assert_null(t);
	assert_non_null(strstr(err, what));
}

static void
src_range(struct traffic_spec *s, const char *r)
{
	s->has_src = true;
	assert_int_equal(traffic_range_parse(r, &s->src, err, sizeof(err)), 0);
}

static void
dst_range(struct traffic_spec *s, const char *r)
{
	s->has_dst = true;
	assert_int_equal(traffic_range_parse(r, &s->dst, err, sizeof(err)), 0);
}

static const char *
text(const struct traffic *t, uint32_t i)
{
	static char buf[TRAFFIC_FLOW_TEXT];

	traffic_flow_text(traffic_flow(t, i), buf, sizeof(buf));
	return buf;
}

static int
flow_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct flow));
}

/* How many flows are there twice. */
static unsigned
doubles(const struct traffic *t)
{
	uint32_t n = traffic_nflows(t);
	struct flow *f = calloc(n, sizeof(*f));
	unsigned twice = 0;

	assert_non_null(f);
	memcpy(f, t->flow, n * sizeof(*f));
	qsort(f, n, sizeof(*f), flow_compare);
	for (uint32_t i = 1; i < n; i++)
		twice += memcmp(&f[i - 1], &f[i], sizeof(*f)) == 0;
	free(f);
	return twice;
}

/* Parsed, in a place of its own. */
static const struct traffic_sizes *
sizes(const char *size)
{
	static struct traffic_sizes s;

	assert_int_equal(traffic_sizes_parse(size, &s, err, sizeof(err)), 0);
	return &s;
}

static void
flows_default(void **state)
{
	struct traffic_spec s = spec_udp("64");
	struct traffic_link none = {.mtu = 1500};
	struct traffic *t = build(&s, false);

	assert_int_equal(traffic_nflows(t), 1);
	assert_string_equal(text(t, 0), "10.0.0.1:9,10.0.1.1:9");
	traffic_free(t);
	t = build(&s, true);
	assert_string_equal(text(t, 0), "10.0.1.1:9,10.0.0.1:9");
	traffic_free(t);
	t = traffic_build(&s, &none, false, err, sizeof(err));
	assert_string_equal(text(t, 0), "198.18.0.1:9,198.19.0.1:9");
	traffic_free(t);
	s = spec_udp("128");
	s.family = 6;
	t = build(&s, false);
	assert_string_equal(text(t, 0), "[2001:2::1]:9,[2001:2:0:8000::1]:9");
	traffic_free(t);
}

static void
flows_increase(void **state)
{
	struct traffic_spec s = spec_udp("64");
	struct traffic *t;

	src_range(&s, "10.0.0.254-10.0.1.1");
	dst_range(&s, "10.9.0.1-10.9.0.3");
	s.sport[1] = 10;
	s.dport[1] = 13;
	t = build(&s, false);
	assert_int_equal(traffic_nflows(t), 4 * 3 * 2 * 5);
	assert_int_equal(doubles(t), 0);
	assert_string_equal(text(t, 0), "10.0.0.254:9,10.9.0.1:9");
	assert_string_equal(text(t, 3), "10.0.1.1:9,10.9.0.1:9");
	assert_string_equal(text(t, 4), "10.0.0.254:9,10.9.0.2:9");
	assert_string_equal(text(t, 12), "10.0.0.254:10,10.9.0.1:9");
	assert_string_equal(text(t, 24), "10.0.0.254:9,10.9.0.1:10");
	assert_string_equal(text(t, 119), "10.0.1.1:10,10.9.0.3:13");
	traffic_free(t);
	t = build(&s, true);
	assert_string_equal(text(t, 12), "10.9.0.1:9,10.0.0.254:10");
	traffic_free(t);
	s.nflows = 7;
	t = build(&s, false);
	assert_int_equal(traffic_nflows(t), 7);
	traffic_free(t);
	s.proto = 1; /* echo has no second port */
	s.nflows = 0;
	t = build(&s, false);
	assert_int_equal(traffic_nflows(t), 4 * 3 * 2);
	assert_int_equal(doubles(t), 0);
	traffic_free(t);
}

static void
flows_ip6(void **state)
{
	struct traffic_spec s = spec_udp("128");
	struct traffic *t;

	src_range(&s, "2001:db8::ffff:ffff:ffff:fffe-2001:db8:0:1::1");
	dst_range(&s, "[2001:db8:f::1]");
	t = build(&s, false);
	assert_int_equal(traffic_nflows(t), 4);
	assert_string_equal(text(t, 1), "[2001:db8::ffff:ffff:ffff:ffff]:9,[2001:db8:f::1]:9");
	assert_string_equal(text(t, 2), "[2001:db8:0:1::]:9,[2001:db8:f::1]:9");
	traffic_free(t);
	src_range(&s, "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	refused(&s, "more than 4611686018427387904 flows: 1048576 at most; take fewer with -F");
	s.nflows = TRAFFIC_MAXFLOWS;
	for (int order = TRAFFIC_INCREASE; order <= TRAFFIC_RANDOM; order++) {
		s.order = (enum traffic_order)order;
		t = build(&s, false);
		assert_int_equal(traffic_nflows(t), TRAFFIC_MAXFLOWS);
		assert_int_equal(doubles(t), 0);
		traffic_free(t);
	}
}

static void
flows_million(void **state)
{
	struct traffic_spec s = spec_udp("64");
	struct traffic *t, *u;

	src_range(&s, "10.0.0.0-10.0.255.255");
	s.sport[0] = 1000;
	s.sport[1] = 1015;
	t = build(&s, false);
	assert_int_equal(traffic_nflows(t), TRAFFIC_MAXFLOWS);
	assert_int_equal(doubles(t), 0);
	/* drawn, all of them: the same set in another order, alike for the same seed only */
	s.order = TRAFFIC_RANDOM;
	s.seed = 5;
	u = build(&s, false);
	assert_int_equal(traffic_nflows(u), TRAFFIC_MAXFLOWS);
	assert_int_equal(doubles(u), 0);
	assert_int_not_equal(memcmp(t->flow, u->flow, 100 * sizeof(struct flow)), 0);
	for (uint32_t i = 0; i < TRAFFIC_MAXFLOWS; i++) {
		const struct flow *f = traffic_flow(u, i);

		assert_true(f->src[0] == 10 && f->src[1] == 0 && ntohs(f->sport) >= 1000 && ntohs(f->sport) <= 1015);
	}
	traffic_free(t);
	t = build(&s, false);
	assert_memory_equal(t->flow, u->flow, TRAFFIC_MAXFLOWS * sizeof(struct flow));
	traffic_free(t);
	s.seed = 6;
	t = build(&s, false);
	assert_int_not_equal(memcmp(t->flow, u->flow, 100 * sizeof(struct flow)), 0);
	traffic_free(t);
	traffic_free(u);
	s.dport[1]++;
	refused(&s, "2097152 flows: 1048576 at most; take fewer with -F, as -F 1048576");
	s.nflows = TRAFFIC_MAXFLOWS + 1;
	refused(&s, "-F 1048577: 1048576 flows at most");
}

/* Numbers of flows that are no power of two, taken whole and in part, from one block and from several. */
static void
flows_drawn(void **state)
{
	FILE *f = fopen("blocks.txt", "w");

	assert_non_null(f);
	for (unsigned i = 0; i < 50; i++)
		assert_true(fprintf(f, "10.%u.0.1-10.%u.0.%u:1-3,10.200.0.1:1\n", i, i, i + 1) > 0);
	fclose(f);
	for (unsigned n = 1; n < 3000; n += 1 + n / 3) {
		struct traffic_spec s = spec_udp("64");
		struct traffic *t, *u;

		s.order = TRAFFIC_RANDOM;
		s.seed = n;
		s.sport[0] = 1;
		s.sport[1] = (uint16_t)n;
		t = build(&s, false);
		assert_int_equal(traffic_nflows(t), n);
		assert_int_equal(doubles(t), 0);
		for (uint32_t i = 0; i < n; i++)
			assert_in_range(ntohs(traffic_flow(t, i)->sport), 1, n);
		s.nflows = (n + 2) / 3;
		u = build(&s, false);
		assert_int_equal(traffic_nflows(u), s.nflows);
		assert_memory_equal(t->flow, u->flow, s.nflows * sizeof(struct flow));
		traffic_free(t);
		traffic_free(u);
		s.flowfile = "blocks.txt";
		s.nflows = 0;
		t = build(&s, false);
		assert_int_equal(traffic_nflows(t), 3 * 50 * 51 / 2);
		for (uint32_t i = 0; i < traffic_nflows(t); i++)
			assert_int_equal(traffic_flow(t, i)->dport, htons(1));
		assert_int_equal(doubles(t), 0);
		traffic_free(t);
	}
	unlink("blocks.txt");
}

/*
 * Flows of each way to make them spread over receive queues by the flow hash.  The bounds are wide: the hash is the same for
 * (10.0.0.1, 10.9.0.2) and (10.0.0.2, 10.9.0.1), so 32 by 32 addresses have 528 values, not 1024.
 */
static void
flows_spread(void **state)
{
	static const char *src[] = {"10.0.0.1-10.0.3.255", "10.0.0.1-10.0.0.32", "10.0.0.1"};
	static const char *dst[] = {"10.9.0.1", "10.9.0.1-10.9.0.32", "10.9.0.1"};
	static const unsigned ports[] = {9, 9, 1032};
	uint8_t buf[2048];
	struct rte_mbuf m = {.buf_addr = buf, .data_off = 128};

	for (unsigned way = 0; way < 6; way++) {
		struct traffic_spec s = spec_udp("64");
		struct traffic *t;
		uint32_t n;

		src_range(&s, src[way % 3]);
		dst_range(&s, dst[way % 3]);
		s.sport[1] = (uint16_t)ports[way % 3];
		s.order = way < 3 ? TRAFFIC_INCREASE : TRAFFIC_RANDOM;
		t = build(&s, false);
		n = traffic_nflows(t);
		assert_in_range(n, 1000, 1100);
		for (unsigned queues = 2; queues <= 16; queues *= 2) {
			unsigned count[16] = {0};

			for (uint32_t i = 0; i < n; i++) {
				frame_fill(t, &m, i, 0);
				count[pkt_hash_ip4(buf + 128 + 14, buf + 128 + 60) % queues]++;
			}
			for (unsigned q = 0; q < queues; q++)
				assert_in_range(count[q], n / queues / 3, n / queues * 2);
		}
		traffic_free(t);
	}
}

static void
flows_refused(void **state)
{
	struct traffic_spec s = spec_udp("64");
	struct traffic_range r;
	uint16_t p[2];

	src_range(&s, "2001:db8::1");
	dst_range(&s, "10.0.0.1");
	refused(&s, "--daddr: an IPv4 address among IPv6 flows");
	s.family = 4;
	refused(&s, "--saddr: an IPv6 address among IPv4 flows");
	s = spec_udp("64");
	s.sport[0] = 10;
	refused(&s, "--sport: the range ends below its begin");
	assert_int_equal(traffic_range_parse("10.0.0.2-10.0.0.1", &r, err, sizeof(err)), -EINVAL);
	assert_string_equal(err, "'10.0.0.2-10.0.0.1': the range ends below its begin");
	assert_int_equal(traffic_range_parse("10.0.0.2-::1", &r, err, sizeof(err)), -EINVAL);
	assert_int_equal(traffic_range_parse("10.0.0.256", &r, err, sizeof(err)), -EINVAL);
	assert_int_equal(traffic_range_parse("10.0.0.2-", &r, err, sizeof(err)), -EINVAL);
	assert_int_equal(traffic_range_parse("", &r, err, sizeof(err)), -EINVAL);
	assert_int_equal(traffic_ports_parse("65536", p, err, sizeof(err)), -EINVAL);
	assert_int_equal(traffic_ports_parse("9-8", p, err, sizeof(err)), -EINVAL);
	assert_int_equal(traffic_ports_parse("-", p, err, sizeof(err)), -EINVAL);
	assert_int_equal(traffic_ports_parse("", p, err, sizeof(err)), -EINVAL);
	assert_int_equal(traffic_ports_parse("0-65535", p, err, sizeof(err)), 0);
	assert_int_equal(p[1], 65535);
}

static int
file_read(const char *s, size_t len, struct flow_blocks *b)
{
	FILE *f = fmemopen((void *)(uintptr_t)s, len, "r");
	int rc;

	memset(b, 0, sizeof(*b));
	assert_non_null(f);
	rc = flow_stream_read(f, "list", 0, 17, b, err, sizeof(err));
	fclose(f);
	return rc;
}

static const char valid[] = "# a comment\n"
			    "10.0.0.1:9,10.0.0.2:100\n"
			    "\n"
			    "10.0.0.1-10.0.0.3:1024-1025 \t 192.168.0.1:9   # behind it\r\n"
			    "\t[2001:db8::1-2001:db8::2]:5-6,[2001:db8:1::1]:7\n"
			    "[::1]:0 , [::2]:65535";

static void
file_golden(void **state)
{
	static const char *flows[] = {"10.0.0.1:9,10.0.0.2:100", "10.0.0.1:1024,192.168.0.1:9",
	    "10.0.0.2:1024,192.168.0.1:9", "10.0.0.3:1024,192.168.0.1:9", "10.0.0.1:1025,192.168.0.1:9",
	    "10.0.0.2:1025,192.168.0.1:9", "10.0.0.3:1025,192.168.0.1:9", "[2001:db8::1]:5,[2001:db8:1::1]:7",
	    "[2001:db8::2]:5,[2001:db8:1::1]:7", "[2001:db8::1]:6,[2001:db8:1::1]:7",
	    "[2001:db8::2]:6,[2001:db8:1::1]:7", "[::1]:0,[::2]:65535"};
	static const struct {
		const char *line, *what;
	} bad[] = {
	    {"10.0.0.1:9", "list:2:11: the second end is missing"},
	    {"10.0.0.1:9,", "list:2:11: the second end is missing"},
	    {"10.0.0.1:9 10.0.0.2:9 x", "list:2:22: more than two ends"},
	    {"10.0.0.1:9,,10.0.0.2:9", "list:2:12: ':' and a port are missing behind the address"},
	    {"10.0.0.1,10.0.0.2:9", "list:2:9: ':' and a port are missing behind the address"},
	    {"10.0.0:9,10.0.0.2:9", "list:2:1: '10.0.0': no address"},
	    {"10.0.0.1:9,10.0.0.2-10.0.0.1:9", "list:2:12: '10.0.0.2-10.0.0.1': the range ends below its begin"},
	    {"10.0.0.1:70000,10.0.0.2:9", "list:2:10: '70000': no port (0 to 65535)"},
	    {"10.0.0.1:9,10.0.0.2:9-8", "list:2:21: '9-8': the range ends below its begin"},
	    {"10.0.0.1:9,[::1]:8", "list:2:12: from IPv4 to IPv6"},
	    {"[::1]:9,10.0.0.1:8", "list:2:9: from IPv6 to IPv4"},
	    {"[::1:9,[::2]:8", "list:2:2: '::1:9,[::2': no address"},
	    {"[::1:9", "list:2:1: '[' without ']'"},
	    {"[::1]9,[::2]:8", "list:2:6: ':' and a port are missing behind ']'"},
	    {"[10.0.0.1]:9,[10.0.0.2]:8", "list:2:2: an IPv4 address in brackets"},
	    {"10.0.0.1:9\x01,10.0.0.2:9", "list:2:10: '9?': no port"},
	};
	struct traffic_spec s = spec_udp("128");
	struct flow_blocks b;
	struct traffic *t, *u;
	FILE *f = fopen("flows.txt", "w");
	char line[128];

	assert_non_null(f);
	assert_true(fputs(valid, f) >= 0 && fclose(f) == 0);
	s.flowfile = "flows.txt";
	t = build(&s, false);
	assert_int_equal(traffic_nflows(t), RTE_DIM(flows));
	for (unsigned i = 0; i < RTE_DIM(flows); i++)
		assert_string_equal(text(t, i), flows[i]);
	/* what is dumped is read as the same */
	f = fopen("dump.txt", "w");
	assert_non_null(f);
	assert_int_equal(traffic_dump(t, f), 0);
	fclose(f);
	s.flowfile = "dump.txt";
	u = build(&s, false);
	assert_int_equal(traffic_nflows(u), RTE_DIM(flows));
	assert_memory_equal(t->flow, u->flow, RTE_DIM(flows) * sizeof(struct flow));
	traffic_free(t);
	traffic_free(u);
	s.family = 4;
	refused(&s, "dump.txt:8:1: IPv6, but -4 was given");
	s.flowfile = "nothing.txt";
	refused(&s, "nothing.txt: No such file or directory");
	s.flowfile = ".";
	refused(&s, ".: Is a directory");
	s.flowfile = "/dev/null";
	refused(&s, "/dev/null: no flow in it");
	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		snprintf(line, sizeof(line), "# first\n%s\n10.0.0.1:9,10.0.0.2:9\n", bad[i].line);
		assert_int_equal(file_read(line, strlen(line), &b), -EINVAL);
		if (strncmp(err, bad[i].what, strlen(bad[i].what)) != 0)
			fail_msg("%s: %s", bad[i].line, err);
		free(b.block);
	}
	unlink("flows.txt");
	unlink("dump.txt");
}

/* Every octet of a valid file made every other: read, or refused with the line named. */
static void
file_garbled(void **state)
{
	char buf[sizeof(valid)];
	struct flow_blocks b;
	unsigned refusals = 0;

	for (size_t i = 0; i + 1 < sizeof(valid); i++) {
		unsigned line = 1;

		for (size_t k = 0; k < i; k++)
			line += valid[k] == '\n';
		for (unsigned c = 0; c < 256; c++) {
			char *rest;

			memcpy(buf, valid, sizeof(buf));
			buf[i] = (char)c;
			if (file_read(buf, sizeof(valid) - 1, &b) != 0) {
				refusals++;
				assert_memory_equal(err, "list:", 5);
				/* a new line feed moves the fault to the line behind it, a lost one before */
				assert_in_range(strtoul(err + 5, &rest, 10), line, line + 1);
				assert_int_equal(*rest, ':');
			}
			free(b.block);
		}
	}
	assert_true(refusals > 10000);
}

static void
file_long(void **state)
{
	static char big[5000];
	struct flow_blocks b;

	memset(big, ' ', sizeof(big));
	assert_int_equal(file_read(big, sizeof(big), &b), -EINVAL);
	assert_string_equal(err, "list:1:1025: the line is too long");
	free(b.block);
}

static void
sizes_text(void **state)
{
	static struct traffic_sizes s;
	static const struct {
		const char *text, *what;
	} bad[] = {
	    {"", "octet 1: a size of 1 to 16000"},
	    {"0", "octet 1: a size of 1 to 16000"},
	    {"16001", "octet 1: a size of 1 to 16000"},
	    {"64x", "octet 3: a size is a number, a range"},
	    {"64-", "octet 4: a size of"},
	    {"128-64", "octet 5: the range ends below"},
	    {"64-128:", "octet 8: a step"},
	    {"64-128:0", "octet 8: a step"},
	    {"64-128:1x", "octet 9: nothing is expected"},
	    {"imix:", "octet 6: a size"},
	    {"imix:64x0", "octet 9: a weight"},
	    {"imix:64x1,", "octet 11: a size"},
	    {"imix:64:7", "octet 8: SIZE or SIZExWEIGHT"},
	    {"imix:64x16000,65x1001", "weights add up to more than 16384"},
	    {"genome:", "octet 8: the genome is empty"},
	    {"genome:aak", "octet 10: no such letter"},
	    {"genome:aAa", "octet 9: this letter's size"},
	    {"genome:aa,", "octet 11: A= to Z="},
	    {"genome:aa,a=7", "octet 11: A= to Z="},
	    {"genome:A,A=0", "octet 12: a size"},
	    {"genome:A,A=70;", "octet 14: a comma"},
	    {"genome:3(ab", "octet 9: '(' without ')'"},
	    {"genome:ab)", "octet 10: ')' without '('"},
	    {"genome:3()", "octet 9: nothing is between"},
	    {"genome:3", "octet 9: a letter, or a count"},
	    {"genome:0a", "octet 8: a count"},
	    {"genome:9999(9999a)", "octet 8: the sequence is longer"},
	    {"genome:((((((((((a))))))))))", "too many '('"},
	};

	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		assert_int_equal(traffic_sizes_parse(bad[i].text, &s, err, sizeof(err)), -EINVAL);
		if (strstr(err, bad[i].what) == NULL)
			fail_msg("%s: %s", bad[i].text, err);
	}
	assert_int_equal(traffic_sizes_parse("genome:2(a2(bg))z", &s, err, sizeof(err)), 0);
	assert_int_equal(s.nmix, 11);
	assert_int_equal(s.mix[0], 64);
	assert_int_equal(s.mix[1], 128);
	assert_int_equal(s.mix[4], 1518);
	assert_int_equal(s.mix[5], 64);
	assert_int_equal(s.mix[10], 0);
	assert_int_equal(traffic_sizes_parse("genome:16384a", &s, err, sizeof(err)), 0);
	assert_int_equal(s.nmix, 16384);
}

/* Sizes as workers see them, in order. */
static void
sizes_are(const char *size, const unsigned *want, unsigned n, double mean)
{
	struct traffic_spec s = spec_udp(size);
	struct traffic *t = build(&s, false);

	assert_int_equal(t->nsizes, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(frame_size(t, i), want[i]);
	assert_true(traffic_mean_size(t) == mean);
	traffic_free(t);
}

static void
sizes_order(void **state)
{
	struct traffic_spec s = spec_udp("64-1518");
	struct traffic *t = build(&s, false), *u;
	unsigned run = 0, longest = 0, count[3] = {0};

	assert_int_equal(t->nsizes, 1455);
	assert_int_equal(t->min_size, 64);
	assert_int_equal(t->max_size, 1518);
	assert_true(traffic_mean_size(t) == (64 + 1518) / 2.0);
	u = traffic_resize(t, sizes("imix"), err, sizeof(err));
	assert_non_null(u);
	assert_ptr_equal(u->flow, t->flow);
	traffic_free(t);
	assert_int_equal(u->nsizes, 12);
	assert_int_equal(u->ndistinct, 3);
	for (unsigned i = 0; i < 12; i++) {
		unsigned size = frame_size(u, i);

		count[size == 64 ? 0 : (size == 594 ? 1 : 2)]++;
		run = size == frame_size(u, (i + 11) % 12) ? run + 1 : 1;
		longest = RTE_MAX(run, longest);
	}
	assert_true(count[0] == 7 && count[1] == 4 && count[2] == 1);
	assert_in_range(longest, 1, 2);
	assert_true(traffic_mean_size(u) == (7 * 64 + 4 * 594 + 1518) / 12.0);
	assert_null(traffic_resize(u, sizes("63"), err, sizeof(err)));
	assert_non_null(
	    strstr(err, "frames of 63 octets are too small: IPv4/UDP with 0 tag(s) and the signature needs 64"));
	traffic_free(u);
	s.tag[0] = s.tag[1] = (struct traffic_tag){.tpid = 0x8100, .tci = 5};
	s.ntags =
	    2; /* a mix that is named has the smallest that can be in place of 64; one that is spelt out is refused */
	s.sizes = *sizes("imix");
	assert_true(traffic_sizes_raise(&s.sizes, traffic_smallest(4, 17, 2)));
	assert_string_equal(s.sizes.text, "imix (72 for 64)");
	assert_false(traffic_sizes_raise(&s.sizes, traffic_smallest(4, 17, 2)));
	s.sizes = *sizes("imix");
	t = build(&s, false);
	assert_true(traffic_mean_size(t) == (7 * 72 + 4 * 594 + 1518) / 12.0);
	assert_int_equal(t->min_size, 72);
	assert_null(traffic_resize(t, sizes("imix:64x7,594x4,1518x1"), err, sizeof(err)));
	traffic_free(t);
	sizes_are("64-200:64", (unsigned[]){64, 128, 192, 200}, 4, (64 + 128 + 192 + 200) / 4.0);
	sizes_are("64-192:64", (unsigned[]){64, 128, 192}, 3, 128);
	sizes_are("genome:abz", (unsigned[]){64, 128, 1518}, 3, (64 + 128 + 1518) / 3.0);
	sizes_are("genome:aAz,A=70,z=9018", (unsigned[]){64, 70, 9018}, 3, (64 + 70 + 9018) / 3.0);
	sizes_are("imix:100x2000,200x1000", (unsigned[]){100, 200, 100}, 3, 400 / 3.0);
}

static void
sizes_smallest(void **state)
{
	static const struct {
		unsigned family, proto, ntags, size;
	} want[] = {{4, 17, 0, 64}, {4, 17, 1, 68}, {4, 6, 0, 76}, {4, 1, 0, 64}, {6, 17, 0, 84}, {6, 6, 0, 96},
	    {6, 1, 0, 84}, {6, 6, 2, 104}};

	for (unsigned i = 0; i < RTE_DIM(want); i++) {
		struct traffic_spec s = spec_udp("64");
		struct traffic *t;

		assert_int_equal(traffic_smallest(want[i].family, want[i].proto, want[i].ntags), want[i].size);
		s.family = (uint8_t)want[i].family;
		s.proto = (uint8_t)want[i].proto;
		s.ntags = want[i].ntags;
		s.sizes.size = want[i].size - 1;
		refused(&s, "too small");
		s.sizes.size++;
		t = build(&s, false);
		assert_int_equal(traffic_min_size(t), want[i].size);
		traffic_free(t);
	}
}

/* The same frame comes of filling a buffer of anything and of touching one that held another flow's. */
static void
frames_touched(void **state)
{
	static const uint8_t protos[] = {17, 6, 1};
	static uint8_t a[2][16384 + 256];
	struct rte_mbuf m[2] = {{.buf_addr = a[0], .data_off = 128}, {.buf_addr = a[1], .data_off = 128}};
	FILE *f = fopen("mixed.txt", "w");
	unsigned touched = 0;

	assert_non_null(f);
	assert_true(
	    fputs("10.0.0.1-10.0.0.5:1-3,10.1.0.1:4\n[2001:db8::1-2001:db8::7]:9,[2001:db8::99]:10-12\n", f) >= 0);
	fclose(f);
	for (unsigned p = 0; p < 3; p++) {
		struct traffic_spec s = spec_udp("104-140:3");
		struct traffic *t;

		s.proto = protos[p];
		s.flowfile = "mixed.txt";
		s.ntags = p;
		s.tag[0] = s.tag[1] = (struct traffic_tag){0x8100, 5};
		t = build(&s, false);
		assert_int_equal(t->nclass, 2);
		assert_int_not_equal(frame_key(t, 0, 0), 0);
		for (uint32_t size = 0; size < t->nsizes; size++)
			for (uint32_t i = 0; i < t->nflows; i++) {
				uint32_t other = (i * 7 + 3) % t->nflows;
				uint8_t *sig;

				memset(a[0], 0xaa, sizeof(a[0]));
				memset(a[1], 0x55, sizeof(a[1]));
				sig = frame_fill(t, &m[0], i, size);
				assert_int_equal(m[0].data_len + 4, frame_size(t, size));
				assert_ptr_equal(sig, a[0] + 128 + m[0].data_len - SIG_LEN);
				memset(sig, 0, SIG_LEN);
				sig = frame_fill(t, &m[1], other, size);
				memset(sig, 0, SIG_LEN);
				if (frame_key(t, other, size) != frame_key(t, i, size))
					continue;
				assert_ptr_equal(frame_touch(t, &m[1], i, size), sig);
				assert_memory_equal(a[0] + 128, a[1] + 128, m[0].data_len);
				assert_int_equal(m[0].data_len, m[1].data_len);
				assert_int_equal(m[0].pkt_len, m[1].pkt_len);
				touched++;
			}
		traffic_free(t);
	}
	assert_true(touched > 500);
	unlink("mixed.txt");
}

/* A buffer that goes through all sizes and flows, as a sender's does, holds the frames that a new one would. */
static void
frames_change(void **state)
{
	static const uint8_t protos[] = {17, 6, 1};
	static uint8_t a[2][TRAFFIC_MAXSIZE + 256];
	struct rte_mbuf m[2] = {{.buf_addr = a[0], .data_off = 128}, {.buf_addr = a[1], .data_off = 128}};
	uint8_t *p = a[1] + 128;

	for (unsigned c = 0; c < 12; c++) {
		struct traffic_spec s = spec_udp("imix:1518x2,124x3,9000x1,713x3,131x2,141x1");
		bool v6 = c & 1;
		uint32_t which = 0, held = 0, size = 0;
		struct traffic *t;

		s.proto = protos[c % 3];
		s.family = v6 ? 6 : 4;
		s.ntags = c / 6 * 2;
		s.tag[0] = s.tag[1] = (struct traffic_tag){0x8100, 5};
		s.sport[1] = 15;
		s.dport[1] = 12;
		t = build(&s, c / 3 % 2 != 0);
		assert_true((t->flow4 == NULL) == v6);
		memset(a, 0x55, sizeof(a));
		for (unsigned i = 0; i < 1000; i++) {
			uint32_t flow = i * 7 % t->nflows;
			const struct frame_template *h = &t->template[t->order[size]];
			uint8_t *sig;

			memset(a[0], 0xaa, sizeof(a[0]));
			sig = frame_fill(t, &m[0], flow, size);
			memset(sig, 0, SIG_LEN);
			if (i == 0)
				(void)frame_fill(t, &m[1], flow, size);
			else
				held = frame_change(t, p, which, held, t->order[size]);
			if (v6)
				frame_put_flow(h, &t->flow[flow], p);
			else
				frame_put_flow4(h, &t->flow4[flow], p);
			which = t->order[size];
			memset(p + h->sig, 0, SIG_LEN);
			assert_memory_equal(a[0] + 128, p, h->len);
			assert_true(held < 1u << (31 - FRAME_KEY_HELD));
			size = (size * 5 + i % 3 + 1) % t->nsizes;
		}
		traffic_free(t);
	}
}

/* Of all ports one makes the checksum 0: UDP sends it as 0xffff (RFC 768), TCP as it is. */
static void
frames_zero(void **state)
{
	static uint8_t a[2048];
	struct rte_mbuf m = {.buf_addr = a, .data_off = 128};

	for (unsigned tcp = 0; tcp < 2; tcp++) {
		struct traffic_spec s = spec_udp("101");
		unsigned zeros = 0, ones = 0;
		struct traffic *t;

		s.proto = tcp ? 6 : 17;
		s.sport[0] = 0;
		s.sport[1] = 65535;
		t = build(&s, false);
		assert_int_equal(traffic_nflows(t), 65536);
		for (uint32_t i = 0; i < t->nflows; i++) {
			uint16_t sum;

			frame_fill(t, &m, i, 0);
			memcpy(&sum, a + 128 + 34 + (tcp ? 16 : 6), 2);
			zeros += sum == 0;
			ones += sum == 0xffff;
		}
		assert_in_range(zeros, tcp ? 1 : 0, tcp ? 2 : 0); /* ports 0 and 65535 may both */
		assert_in_range(ones, tcp ? 0 : 1, tcp ? 0 : 2);
		traffic_free(t);
	}
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
	    cmocka_unit_test(flows_default),
	    cmocka_unit_test(flows_increase),
	    cmocka_unit_test(flows_ip6),
	    cmocka_unit_test(flows_million),
	    cmocka_unit_test(flows_drawn),
	    cmocka_unit_test(flows_spread),
	    cmocka_unit_test(flows_refused),
	    cmocka_unit_test(file_golden),
	    cmocka_unit_test(file_garbled),
	    cmocka_unit_test(file_long),
	    cmocka_unit_test(sizes_text),
	    cmocka_unit_test(sizes_order),
	    cmocka_unit_test(sizes_smallest),
	    cmocka_unit_test(frames_touched),
	    cmocka_unit_test(frames_change),
	    cmocka_unit_test(frames_zero),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
