/* SPDX-License-Identifier: BSD-2-Clause */
/* ipgen's command line: what is accepted as what, and that each error names option and value. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ipgen/options.h"

static struct options o;
static char err[512];

/* The line split at blanks; what is parsed stays until the next. */
static int
parse(const char *line)
{
	static char text[2048];
	char *argv[64], *p = text;
	int argc = 0;

	options_free(&o);
	snprintf(text, sizeof(text), "ipgen %s", line);
	while ((argv[argc] = strsep(&p, " ")) != NULL)
		argc++;
	err[0] = '\0';
	return options_parse(argc, argv, &o, err, sizeof(err));
}

static void
good(const char *line)
{
	int r = parse(line);

	if (r != OPTIONS_RUN)
		print_error("%s: %s\n", line, err);
	assert_int_equal(r, OPTIONS_RUN);
}

static void
ports(void **state)
{
	static const uint8_t mac[6] = {0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb}, gw[4] = {10, 0, 0, 1},
			     own[4] = {10, 0, 0, 2};

	good("-T igb1,66:77:88:99:aa:bb -R igb2,00:11:22:33:44:55");
	assert_int_equal(o.nports, 2);
	assert_string_equal(o.port[0].device, "igb1");
	assert_string_equal(o.port[1].device, "igb2");
	assert_true(o.port[0].has_peer[0]);
	assert_memory_equal(o.port[0].peer[0], mac, 6);
	assert_false(o.port[0].addr4.set);

	good("-T eth1,66:77:88:99:aa:bb,10.0.0.2/24,02:00:00:00:00:06,2001:db8::2/64");
	assert_true(o.port[0].has_peer[0] && o.port[0].has_peer[1]);
	assert_memory_equal(o.port[0].peer[0], mac, 6);
	assert_int_equal(o.port[0].peer[1][5], 6);
	good("-T eth1,66:77:88:99:aa:bb,10.0.0.2/24,2001:db8::1,2001:db8::2/64");
	assert_true(o.port[0].has_peer[0] && !o.port[0].has_peer[1]);

	good("-T eth1,10.0.0.1,10.0.0.2/24,2001:db8::1,2001:db8::2/64");
	assert_int_equal(o.nports, 1);
	assert_true(o.port[0].addr4.set && o.port[0].addr6.set);
	assert_memory_equal(o.port[0].addr4.gateway, gw, 4);
	assert_memory_equal(o.port[0].addr4.addr, own, 4);
	assert_int_equal(o.port[0].addr4.plen, 24);
	assert_int_equal(o.port[0].addr6.plen, 64);
	assert_int_equal(o.port[0].addr6.addr[15], 2);

	good("-T net_pcap0,iface=eth0,rx_iface_in=1,10.0.0.1,10.0.0.2");
	assert_string_equal(o.port[0].device, "net_pcap0,iface=eth0,rx_iface_in=1");
	assert_memory_equal(o.port[0].addr4.addr, own, 4);
	good("-T loop,,10.0.0.2/30 -R loop,fe80::1,2001:db8::2/64");
	assert_true(o.port[0].addr4.set);
	assert_int_equal(o.port[0].addr4.gateway[0], 0);
	good("-T a,2001:db8::1,2001:db8::2/64,10.0.0.1,10.0.0.2/24");
	assert_true(o.port[0].addr4.set && o.port[0].addr6.set);
}

static void
tags(void **state)
{
	good("-V 5 -T a -V 6:3 -R b");
	assert_int_equal(o.port[0].ntags, 1);
	assert_int_equal(o.port[0].tag[0].tci, 5);
	assert_int_equal(o.port[0].tag[0].tpid, 0x8100);
	assert_int_equal(o.port[1].tag[0].tci, 6 | 3 << 13);
	good("-V 5 -T a -R b");
	assert_int_equal(o.port[1].ntags, 0);
	good("-T a -R b --vlan 100:7,200");
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(o.port[i].ntags, 2);
		assert_int_equal(o.port[i].tag[0].tpid, 0x88a8);
		assert_int_equal(o.port[i].tag[0].tci, 100 | 7 << 13);
		assert_int_equal(o.port[i].tag[1].tpid, 0x8100);
		assert_int_equal(o.port[i].tag[1].tci, 200);
	}
	good("-T a --vlan 1,2 --tpid 0x9100");
	assert_int_equal(o.port[0].tag[0].tpid, 0x9100);
}

static void
rates(void **state)
{
	static const struct {
		const char *line;
		enum rate_kind kind;
		double value;
	} t[] = {
	    {"-T a", RATE_MAX, INFINITY},
	    {"-T a -p 100000", RATE_PPS, 1e5},
	    {"-T a -p 1.5M", RATE_PPS, 1.5e6},
	    {"-T a --rate 1Mpps", RATE_PPS, 1e6},
	    {"-T a --rate 10%", RATE_PERCENT, 10},
	    {"-T a --rate 1Gbps/l1", RATE_L1, 1e9},
	    {"-T a --rate 500Mbps/l2", RATE_L2, 5e8},
	    {"-T a --rate 1Gbps --l1-bps", RATE_L1, 1e9},
	    {"-T a --l2-bps --rate 1Gbps", RATE_L2, 1e9},
	    {"-T a --rate max", RATE_MAX, INFINITY},
	};

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		good(t[i].line);
		assert_int_equal(o.rate.kind, t[i].kind);
		assert_true(o.rate.value == t[i].value);
	}
}

static void
traffic(void **state)
{
	struct traffic_sizes sizes;

	good("-T a -R b -f -s 1500 -n 10k -t 2.5 -F 100 --tcp --sport 1000-2000 --dport 80 --tos 184 --ttl 3");
	assert_true(o.bidirectional);
	assert_int_equal(o.packets, 10000);
	assert_true(o.seconds == 2.5);
	assert_int_equal(o.traffic.nflows, 100);
	assert_int_equal(o.traffic.proto, 6);
	assert_int_equal(o.traffic.sport[0], 1000);
	assert_int_equal(o.traffic.sport[1], 2000);
	assert_int_equal(o.traffic.dport[1], 80);
	assert_int_equal(o.traffic.tos, 184);
	assert_int_equal(o.traffic.ttl, 3);
	options_sizes(&o, 0, 4, &sizes);
	assert_int_equal(sizes.size, 1518);
	assert_string_equal(sizes.text, "1518");
	good("-T a --vlan 7 -s 1500");
	options_sizes(&o, 0, 4, &sizes);
	assert_int_equal(sizes.size, 1522);
	good("-T a");
	options_sizes(&o, 0, 4, &sizes);
	assert_int_equal(sizes.size, 64);
	options_sizes(&o, 0, 6, &sizes); /* no smaller one holds a signature */
	assert_int_equal(sizes.size, 14 + 40 + 8 + 18 + 4);
	good("-T a --size 128");
	options_sizes(&o, 0, 4, &sizes);
	assert_int_equal(sizes.size, 128);
	good("-T a --saddr 10.0.0.1-10.0.0.9 --daddr 10.1.0.0");
	assert_int_equal(o.traffic.family, 4);
	assert_int_equal(o.traffic.src.end[3], 9);
	assert_memory_equal(o.traffic.dst.begin, o.traffic.dst.end, 16);
	good("-T a --random=42");
	assert_int_equal(o.traffic.order, TRAFFIC_RANDOM);
	assert_int_equal(o.traffic.seed, 42);
}

static void
tests(void **state)
{
	good("-T a --rfc2544");
	assert_true(o.test[REPORT_THROUGHPUT] && o.test[REPORT_LATENCY] && o.test[REPORT_LOSS] && o.test[REPORT_BACK]);
	assert_false(o.test[REPORT_RECOVERY] || o.test[REPORT_RESET] || o.test[REPORT_MLR] || o.test[REPORT_SOAK]);
	good("-T a --rfc2544=recovery,throughput --rfc2544-pktsize 46,1500 --rfc2544-tolerable-error-rate 0.5");
	assert_true(o.test[REPORT_THROUGHPUT] && o.test[REPORT_RECOVERY]);
	assert_false(o.test[REPORT_LOSS]);
	assert_int_equal(o.procedure.nsizes, 2);
	assert_int_equal(o.procedure.sizes[0].size, 64);
	assert_int_equal(o.procedure.sizes[1].size, 1518);
	assert_true(fabs(o.procedure.tolerance - 0.005) < 1e-12);
	good("-T a --mlrsearch --mlr-goal NDR:0% --mlr-goal PDR:0.5%,exceed=25%,final=30,sum=60,width=1%");
	assert_true(o.test[REPORT_MLR]);
	assert_int_equal(o.procedure.ngoals, 2);
	assert_string_equal(o.procedure.goal[1].name, "PDR");
	assert_true(fabs(o.procedure.goal[1].loss_ratio - 0.005) < 1e-12);
	assert_true(fabs(o.procedure.goal[1].exceed_ratio - 0.25) < 1e-12);
	assert_true(o.procedure.goal[1].final_seconds == 30 && o.procedure.goal[1].sum_seconds == 60);
	good("-T a --soak 3600 --max-loss 0.1 --min-rate 10kpps --max-latency 100");
	assert_true(o.has_max_loss && o.has_min_rate && o.has_max_latency);
	assert_true(fabs(o.max_loss - 0.001) < 1e-12);
	good("-T a --fail-if-dropped");
	assert_true(o.has_max_loss && o.max_loss == 0);
	assert_int_equal(parse("--help"), OPTIONS_HELP);
	assert_int_equal(parse("--version"), OPTIONS_VERSION);
}

/* Each error is one line that names the option, and holds this. */
static void
errors(void **state)
{
	static const char *const t[][2] = {
	    {"-f", "-T PORT is missing"},
	    {"-T", "-T: its value is missing"},
	    {"-T a -T b", "-T b: given twice"},
	    {"-T ,10.0.0.1", "-T ,10.0.0.1: a device is missing"},
	    {"-T a,fish", "'fish': a gateway is"},
	    {"-T a,01:00:00:00:00:01", "group address"},
	    {"-T a,10.0.0.1,10.0.0.2/33", "'10.0.0.2/33'"},
	    {"-T a,10.0.0.1,10.0.0.2/x", "'10.0.0.2/x'"},
	    {"-T a,10.0.0.1,10.0.1.2/24", "not in the port's network"},
	    {"-T a,10.0.0.1,10.0.0.1/24", "the gateway is the port itself"},
	    {"-T a,10.0.0.1,10.0.0.0/24", "'10.0.0.0/24'"},
	    {"-T a,10.0.0.1,10.0.0.255/24", "broadcast"},
	    {"-T a,10.0.0.1,2001:db8::1/64", "one IPv4 and one IPv6"},
	    {"-T a,127.0.0.1", "'127.0.0.1'"},
	    {"-T a,10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4", "second address of the same family"},
	    {"-T a,10.0.0.1,10.0.0.2,::1:2,::1:3,x", "'x'"},
	    {"-T a -V 5", "-V 5: no -T or -R follows"},
	    {"-V 4095 -T a", "-V 4095"},
	    {"-V 5:8 -T a", "-V 5:8"},
	    {"-V x -T a", "-V x"},
	    {"-T a --vlan 1,2,3", "--vlan 1,2,3"},
	    {"-T a --tpid zz --vlan 1", "--tpid zz"},
	    {"-T a --tpid 0x8100", "--tpid"},
	    {"-T a -p x", "-p x"},
	    {"-T a -p 10%", "-p 10%"},
	    {"-T a -p 0", "-p 0"},
	    {"-T a -p -5", "-p -5"},
	    {"-T a --rate 1Gbps", "--rate 1Gbps"},
	    {"-T a --rate 101%", "--rate 101%"},
	    {"-T a --rate 5fish", "--rate 5fish"},
	    {"-T a --rate inf", "--rate inf"},
	    {"-T a -p 1 --rate 1", "-p and --rate: one of them"},
	    {"-T a -s 45", "-s 45: not a whole number from 46 to 9000"},
	    {"-T a -s 64.5", "-s 64.5"},
	    {"-T a -s 64x", "-s 64x"},
	    {"-T a -s 64 --size 64", "-s and --size"},
	    {"-T a --size x", "--size"},
	    {"-T a -t x", "-t x"},
	    {"-T a -t 1e3", "-t 1e3"},
	    {"-T a -t nan", "-t nan"},
	    {"-T a -n 0", "-n 0"},
	    {"-T a -F 2000000", "-F 2000000"},
	    {"-T a --tcp --udp", "--tcp and --udp"},
	    {"-T a -4 -6", "-4 and -6"},
	    {"-T a -6 --saddr 10.0.0.1", "-6: --saddr or --daddr is IPv4"},
	    {"-T a --saddr 10.0.0.9-10.0.0.1", "--saddr 10.0.0.9-10.0.0.1"},
	    {"-T a --saddr 10.0.0.9-::1", "--saddr 10.0.0.9-::1"},
	    {"-T a --saddr 10.0.0.1 --daddr ::1", "--daddr ::1"},
	    {"-T a --saddr fish", "--saddr fish"},
	    {"-T a --sport 70000", "--sport 70000"},
	    {"-T a --sport 9-8", "--sport 9-8"},
	    {"-T a --dport x", "--dport x"},
	    {"-T a --random=x", "--random x"},
	    {"-T a --tos 256", "--tos 256"},
	    {"-T a --ttl 0", "--ttl 0"},
	    {"-T a --workers 0", "--workers 0"},
	    {"-T a --ramp 2 --warmup 1", "--ramp 2"},
	    {"-T a -f", "-f: full-duplex needs a second port"},
	    {"-T a --allnet --daddr 1.2.3.4", "--allnet and --daddr"},
	    {"-T a --replay-loop", "--replay-loop: goes with --replay"},
	    {"-T a --via air", "--via air"},
	    {"-T a --linerate x", "--linerate x"},
	    {"-T a --max-loss 101", "--max-loss 101"},
	    {"-T a --min-rate max", "--min-rate max"},
	    {"-T a --min-rate 1Gbps", "--min-rate 1Gbps"},
	    {"-T a --flows-report=x", "--flows-report x"},
	    {"-T a --rfc2544=fish", "--rfc2544=fish"},
	    {"-T a --rfc2544=throughput,", "--rfc2544=throughput,"},
	    {"-T a --rfc2544 -t 5", "-t and --rfc2544"},
	    {"-T a --rfc2544 -S f", "--script and --rfc2544"},
	    {"-T a --rfc2544 --rfc2544-pktsize 64,,65", "--rfc2544-pktsize"},
	    {"-T a --rfc2544 --rfc2544-pktsize 20", "--rfc2544-pktsize 20"},
	    {"-T a --rfc2544-slowstart", "--rfc2544-slowstart: goes with --rfc2544"},
	    {"-T a --mlr-goal NDR:0%", "--mlr-goal: goes with --mlrsearch"},
	    {"-T a --mlrsearch --mlr-goal NDR", "--mlr-goal NDR"},
	    {"-T a --mlrsearch --mlr-goal NDR:0%,fish=1", "--mlr-goal NDR:0%,fish=1"},
	    {"-T a --mlrsearch --mlr-goal NDR:0%,width=0", "width="},
	    {"-T a --soak x", "--soak x"},
	    {"-T a --fish", "--fish: no such option"},
	    {"-T a -z", "-z: no such option"},
	    {"-T a --tcp=1", "--tcp=1: takes no value"},
	    {"-T a b", "b: not an option"},
	    {"-T a --text= x", "--text ''"},
	};

	for (unsigned i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int r = parse(t[i][0]);

		if (r != -EINVAL || strstr(err, t[i][1]) == NULL || strchr(err, '\n') != NULL)
			fail_msg("'%s': %d, '%s' without '%s'", t[i][0], r, err, t[i][1]);
	}
	options_free(&o);
}

int
main(void)
{
	const struct CMUnitTest list[] = {
	    cmocka_unit_test(ports),
	    cmocka_unit_test(tags),
	    cmocka_unit_test(rates),
	    cmocka_unit_test(traffic),
	    cmocka_unit_test(tests),
	    cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(list, NULL, NULL);
}
