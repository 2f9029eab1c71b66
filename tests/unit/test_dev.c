/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports with two real workers: shmif interfaces on a segment, DPDK devices attached and detached. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <pcap/pcap.h>
#include <rte_mbuf.h>

#include "ctl/sysctl.h"
#include "dev/dev.h"
#include "dev/shmif_bus.h"
#include "ether/neigh.h"
#include "if/ifnet.h"
#include "ip/ip.h"
#include "ip6/ip6.h"
#include "mp/eal.h"
#include "mp/mp.h"
#include "mp/pool.h"
#include "pkt/pkt.h"
#include "route/route.h"

#define POOL 4095u

static struct event_base *base;
static char dir[256], err[512];

/* Runs the event loop until cond holds; fails after a generous while. */
#define UNTIL(cond)                                                                                                    \
	do {                                                                                                           \
		for (int tries_ = 0; !(cond); tries_++) {                                                              \
			assert_true(tries_ < 20000);                                                                   \
			event_base_loop(base, EVLOOP_NONBLOCK);                                                        \
			usleep(500);                                                                                   \
		}                                                                                                      \
	} while (0)

static const char *
path(const char *name)
{
	static char p[4][400];
	static unsigned n;
	char *s = p[n++ % 4];

	snprintf(s, sizeof(p[0]), "%s/%s", dir, name);
	return s;
}

static bool
pools_full(void)
{
	for (unsigned i = 0; i <= mp_nworkers; i++)
		if (mp_pool_free_count(mp_workers[i]) != POOL)
			return false;
	return true;
}

static struct ifnet *
shmif(const char *name, const char *bus)
{
	struct ifnet *ifp;

	if (if_create(name, err, sizeof(err)) != 0)
		fail_msg("%s", err);
	ifp = ifnet_by_name(name);
	assert_non_null(ifp);
	assert_int_equal(ifp->if_linkstate, LINK_DOWN);
	if (bus != NULL) {
		if (ifp->if_ops->set_linkstr(ifp, path(bus), err, sizeof(err)) != 0)
			fail_msg("%s", err);
		assert_int_equal(ifp->if_linkstate, LINK_UP);
	}
	if_set_flags(ifp, IFF_SMP_UP, 0);
	return ifp;
}

static void
gone(const char *name)
{
	struct ifnet *ifp = ifnet_by_name(name);

	assert_non_null(ifp);
	assert_int_equal(if_destroy(ifp, err, sizeof(err)), 0);
	assert_null(ifnet_by_name(name));
	UNTIL(mp_deferred_pending() == 0 && mp_helper_pending() == 0);
	UNTIL(pools_full());
}

struct host {
	struct shmif_bus *bus;
	struct shmif_writer *w;
	struct shmif_reader *r;
};

static void
host_open(struct host *h, const char *bus)
{
	if (shmif_bus_open(path(bus), SHMIF_BUS_CREATE, &h->bus, err, sizeof(err)) != 0 ||
	    shmif_writer_open(h->bus, &h->w, err, sizeof(err)) != 0 ||
	    shmif_reader_open(h->bus, false, true, h->w, &h->r, err, sizeof(err)) != 0)
		fail_msg("%s", err);
}

static void
host_send(struct host *h, uint32_t len, unsigned n)
{
	/* of an Ethernet type that nobody knows */
	unsigned char frame[SHMIF_BUS_MAXFRAME] = "\xff\xff\xff\xff\xff\xff\2\0\0\0\0\1\x88\xb5";

	while (n-- > 0)
		assert_true(shmif_writer_put(h->w, frame, len));
	shmif_writer_publish(h->w);
}

static uint64_t
ipackets(const struct ifnet *ifp)
{
	struct if_stats st;

	if_stats_sum(ifp, &st);
	return st.ipackets;
}

static uint64_t
ibytes(const struct ifnet *ifp)
{
	struct if_stats st;

	if_stats_sum(ifp, &st);
	return st.ibytes;
}

/* A frame of control's, in segments of at most seg octets. */
static void
transmit(struct ifnet *ifp, uint32_t len, uint16_t seg)
{
	struct rte_mbuf *m = pkt_originate(mp_control());

	assert_non_null(m);
	for (uint32_t i = 0; i < len;) {
		uint16_t n = RTE_MIN(len - i, (uint32_t)seg);
		struct rte_mbuf *s = i == 0 ? m : rte_pktmbuf_alloc(mp_control()->pool);
		unsigned char *p = (unsigned char *)rte_pktmbuf_append(s, n);

		for (uint16_t k = 0; k < n; k++)
			p[k] = (i + k) * 7 + (i + k) / 256;
		if (s != m)
			assert_int_equal(rte_pktmbuf_chain(m, s), 0);
		i += n;
	}
	*rte_pktmbuf_mtod(m, unsigned char *) = 2;
	if_ctl_transmit(ifp, m);
}

static void
test_shmif_receive(void **state)
{
	struct ifnet *ifp = shmif("shmif0", "bus");
	struct host h;
	uint64_t want = 0;

	host_open(&h, "bus");
	for (unsigned n = 1; n <= 65; n += n < 8 ? 6 : 28) { /* 1, 7, 13, 41 */
		host_send(&h, 60, n);
		want += n;
		UNTIL(ipackets(ifp) == want);
	}
	uint64_t before = ibytes(ifp);
	host_send(&h, 9014, 3); /* longer than a buffer */
	UNTIL(ipackets(ifp) == want + 3);
	assert_int_equal(ibytes(ifp) - before, 3 * 9014);
	UNTIL(pools_full());
	/* The worker sleeps, and wakes for each. */
	for (unsigned i = 0; i < 50; i++) {
		usleep(2000);
		host_send(&h, 60, 1);
		UNTIL(ipackets(ifp) == want + 4 + i);
	}
	shmif_bus_close(h.bus);
	gone("shmif0");
}

static void
test_shmif_transmit(void **state)
{
	static const struct {
		uint32_t len;
		uint16_t seg;
	} cases[] = {{14, 14}, {60, 60}, {61, 7}, {1514, 1514}, {1514, 500}, {9014, 1999}, {9022, 2048}};
	struct ifnet *ifp = shmif("shmif0", "bus");
	static unsigned char got[SHMIF_BUS_MAXFRAME];
	struct shmif_frame f;
	struct if_stats st;
	struct host h;

	host_open(&h, "bus");
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		transmit(ifp, cases[i].len, cases[i].seg);
		UNTIL(shmif_reader_next(h.r, got, &f) && got[0] == 2); /* neighbour discovery talks too */
		assert_int_equal(f.len, cases[i].len);
		for (uint32_t k = 1; k < f.len; k++)
			assert_int_equal(got[k], (k * 7 + k / 256) & 0xff);
	}
	transmit(ifp, 9023, 2048); /* too long for the segment */
	transmit(ifp, 60, 60);
	UNTIL(shmif_reader_next(h.r, got, &f) && got[0] == 2);
	assert_int_equal(f.len, 60);
	if_stats_sum(ifp, &st);
	assert_int_equal(st.oerrors, 1);
	shmif_bus_close(h.bus);
	gone("shmif0");
}

/* Segments exchanged, media none and back, the file truncated: while frames come. */
static void
test_shmif_changes(void **state)
{
	struct ifnet *ifp = shmif("shmif0", NULL);
	struct host a, b;
	uint64_t n;

	uint64_t dropped = mp_drop_sum(DROP_LINK_DOWN);
	transmit(ifp, 60, 60); /* goes nowhere */
	UNTIL(mp_drop_sum(DROP_LINK_DOWN) > dropped);
	host_open(&a, "a");
	host_open(&b, "b");
	host_send(&a, 60, 5); /* before it is attached: not for us */
	for (unsigned i = 0; i < 40; i++) {
		struct host *h = i % 2 ? &b : &a;

		assert_int_equal(ifp->if_ops->set_linkstr(ifp, path(i % 2 ? "b" : "a"), err, sizeof(err)), 0);
		assert_int_equal(ifp->if_linkstate, LINK_UP);
		n = ipackets(ifp);
		host_send(i % 2 ? &a : &b, 60, 3);
		host_send(h, 60, 20);
		UNTIL(ipackets(ifp) >= n + 20);
		transmit(ifp, 60, 60);
	}
	UNTIL(mp_deferred_pending() == 0 && mp_helper_pending() == 0);
	n = ipackets(ifp);
	assert_int_equal(ifp->if_ops->set_media(ifp, "none"), 0);
	assert_int_equal(ifp->if_linkstate, LINK_DOWN);
	host_send(&b, 60, 10);
	assert_int_equal(ifp->if_ops->set_media(ifp, "auto"), 0);
	assert_int_equal(ifp->if_linkstate, LINK_UP);
	host_send(&b, 60, 1);
	UNTIL(ipackets(ifp) == n + 1);
	assert_int_equal(ifp->if_ops->set_linkstr(ifp, NULL, err, sizeof(err)), 0);
	assert_int_equal(ifp->if_linkstate, LINK_DOWN);
	/* A foreign file is refused, and what was there stays. */
	assert_int_equal(ifp->if_ops->set_linkstr(ifp, path("b"), err, sizeof(err)), 0);
	FILE *f = fopen(path("foreign"), "w");
	fputs("something else\n", f);
	fclose(f);
	assert_int_equal(ifp->if_ops->set_linkstr(ifp, path("foreign"), err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "not a shmif segment"));
	host_send(&b, 60, 1);
	UNTIL(ipackets(ifp) == n + 2);
	/* Truncated: the link goes down, and comes back with the file made anew. */
	shmif_bus_close(b.bus);
	assert_int_equal(truncate(path("b"), 0), 0);
	transmit(ifp, 60, 60);
	UNTIL(ifp->if_linkstate == LINK_DOWN);
	UNTIL(ifp->if_linkstate == LINK_UP);
	host_open(&b, "b");
	host_send(&b, 60, 1);
	UNTIL(ipackets(ifp) == n + 3);
	shmif_bus_close(a.bus);
	shmif_bus_close(b.bus);
	gone("shmif0");
}

struct attached {
	bool done;
	struct ifnet *ifp;
	int error;
	char message[256];
};

static void
attach_done(void *arg, struct ifnet *ifp, int error, const char *msg)
{
	struct attached *a = arg;

	a->done = true;
	a->ifp = ifp;
	a->error = error;
	snprintf(a->message, sizeof(a->message), "%s", msg == NULL ? "" : msg);
}

static struct attached
attach(const char *devstr, unsigned queues, const char *ifname)
{
	struct attached a = {0};

	a.error = ethdev_attach(devstr, queues, ifname, attach_done, &a);
	if (a.error == 0)
		UNTIL(a.done);
	return a;
}

static void
test_ethdev_errors(void **state)
{
	static const struct {
		const char *devstr;
		int error;
		const char *text;
	} cases[] = {
	    {"net_nosuch0", -ENODEV, "net_nosuch0: no such device, or no driver for it"},
	    {"0000:ff:1e.7", -ENODEV, "0000:ff:1e.7: no such device, or no driver for it"},
	    {"crypto_null0", -ENODEV, "crypto_null0: not an Ethernet device"},
	    {"net_pcap0,rx_pcap=/nonexistent.pcap", -ENOENT, "net_pcap0: /nonexistent.pcap: No such file or directory"},
	    {"net_pcap0,nonsense=1", -EINVAL, "net_pcap0: the driver refuses the device or its arguments"},
	    {"", -EINVAL, ""},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct attached a = attach(cases[i].devstr, 0, NULL);

		if (a.error != cases[i].error || strcmp(a.message, cases[i].text) != 0)
			fail_msg("%s: %d \"%s\"", cases[i].devstr, a.error, a.message);
		assert_null(a.ifp);
	}
	assert_true(pools_full());
}

static void
test_ethdev_names(void **state)
{
	struct attached a = attach("net_null0", 0, NULL), b, c;

	assert_string_equal(a.message, "");
	assert_string_equal(a.ifp->if_xname, "null0");
	assert_int_equal(attach("net_null0", 0, NULL).error, -EBUSY);
	b = attach("net_null7", 0, "wan0");
	assert_string_equal(b.message, "");
	assert_string_equal(b.ifp->if_xname, "wan0");
	assert_int_equal(attach("net_null8", 0, "wan0").error, -EEXIST);
	c = attach("net_ring0", 0, NULL);
	assert_string_equal(c.message, "");
	assert_string_equal(c.ifp->if_xname, "ring0");
	gone("null0");
	a = attach("net_null0", 1, NULL); /* back again */
	assert_non_null(a.ifp);
	gone("null0");
	gone("wan0");
	gone("ring0");
}

static void
make_pcap(const char *file, unsigned n)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, 65535);
	pcap_dumper_t *d = pcap_dump_open(p, file);
	unsigned char frame[60] = "\xff\xff\xff\xff\xff\xff\2\0\0\0\0\1\x88\xb5";
	struct pcap_pkthdr h = {.caplen = 60, .len = 60};

	assert_non_null(d);
	while (n-- > 0)
		pcap_dump((unsigned char *)d, &h, frame);
	pcap_dump_close(d);
	pcap_close(p);
}

static void
test_ethdev_pcap(void **state)
{
	char devstr[900];
	struct attached a;

	make_pcap(path("in.pcap"), 1000);
	snprintf(devstr, sizeof(devstr), "net_pcap0,rx_pcap=%s", path("in.pcap"));
	a = attach(devstr, 0, NULL);
	assert_string_equal(a.message, "");
	assert_string_equal(a.ifp->if_xname, "pcap0");
	if_set_flags(a.ifp, IFF_SMP_UP, 0);
	gone("pcap0");
	snprintf(
	    devstr, sizeof(devstr), "net_pcap0,rx_pcap=%s,rx_pcap=%s,infinite_rx=1", path("in.pcap"), path("in.pcap"));
	for (unsigned round = 0; round < 10; round++) {
		a = attach(devstr, 0, NULL);
		assert_string_equal(a.message, "");
		if_set_flags(a.ifp, IFF_SMP_UP, 0);
		UNTIL(ipackets(a.ifp) > 10000);
		assert_int_equal(a.ifp->if_linkstate, LINK_UP);
		for (unsigned i = 0; i < 2; i++)
			assert_true(mp_pool_free_count(mp_workers[i]) <= POOL - 1000);
		gone("pcap0");
	}
	/* More than the pool has. */
	make_pcap(path("big.pcap"), POOL + 1);
	snprintf(devstr, sizeof(devstr), "net_pcap0,rx_pcap=%s,infinite_rx=1", path("big.pcap"));
	a = attach(devstr, 0, NULL);
	assert_null(a.ifp);
	assert_true(a.error < 0);
	assert_non_null(strstr(a.message, "needs 4160 packet buffers"));
	UNTIL(pools_full());
}

static int
start(void)
{
	struct mp_config conf = {.nworkers = 2, .pool_buffers = POOL};

	if (mp_eal_init() != 0 || pkt_init() != 0 || mp_start(&conf, base) != 0 || sysctl_init() != 0 ||
	    ifnet_init() != 0 || route_init() != 0 || neigh_init() != 0 || ip_init() != 0 || ip6_init() != 0 ||
	    dev_init() != 0)
		return -1;
	mp_hooks = (struct mp_hooks){
	    .receive = if_receive, .resume = pkt_resume, .reinput = pkt_run_reinput, .flush = if_flush};
	pkt_stage_register(PKT_IF_TRANSMIT, if_transmit);
	return mp_run();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_shmif_receive),
	    cmocka_unit_test(test_shmif_transmit),
	    cmocka_unit_test(test_shmif_changes),
	    cmocka_unit_test(test_ethdev_errors),
	    cmocka_unit_test(test_ethdev_names),
	    cmocka_unit_test(test_ethdev_pcap),
	};
	const char *tmp = getenv("TMPDIR");
	char cmd[400];
	int r;

	snprintf(dir, sizeof(dir), "%s/dev.XXXXXX", tmp != NULL ? tmp : "/tmp");
	base = event_base_new();
	if (mkdtemp(dir) == NULL || start() != 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	dev_fini();
	ip6_fini();
	ip_fini();
	neigh_fini();
	route_fini();
	ifnet_fini();
	sysctl_fini();
	mp_stop();
	event_base_free(base);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd) != 0 ? 1 : r;
}
