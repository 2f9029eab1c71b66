/* SPDX-License-Identifier: BSD-2-Clause */
/* See ip_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "ip_world.h"

#include "ctl/ctl.h"
#include "ctl/sysctl.h"
#include "ether/neigh.h"
#include "ip/ip.h"
#include "ip6/ip6.h"
#include "mp/eal.h"
#include "mp/mp_internal.h"
#include "mp/slice.h"
#include "route/route.h"

struct world_frame world_frame[WORLD_FRAMES];
unsigned world_nframes;
struct ifnet *world_if[2];
int world_family;
bool world_real_time;

static uint64_t ahead; /* TSC */

static struct event_base *base;
static uint64_t counters_then[C_COUNT], drops_then[DROP_COUNT];
static const uint8_t mac[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
static const uint8_t peer[2][6] = {{2, 0, 0, 0, 1, 1}, {2, 0, 0, 0, 1, 2}};

static void
tst_transmit(struct worker *w, struct ifnet *ifp, struct rte_mbuf **m, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct world_frame *f = &world_frame[world_nframes++ % WORLD_FRAMES];

		f->ifindex = ifp->if_index;
		f->len = m[i]->pkt_len;
		uint32_t off = 0;
		for (struct rte_mbuf *s = m[i]; s != NULL; s = s->next) {
			assert_true(off + s->data_len <= WORLD_FRAME);
			memcpy(f->data + off, rte_pktmbuf_mtod(s, void *), s->data_len);
			off += s->data_len;
		}
		assert_int_equal(off, f->len);
		rte_pktmbuf_free(m[i]);
	}
	COUNT_ADD(w, PKT_TRANSMITTED, n);
}

static const struct if_ops tst_ops = {.type = "ether", .transmit = tst_transmit};

void
world_as_worker(void)
{
	mp_self = mp_workers[0];
	/* A clock that runs faster than ours, so that rate limits are met only where they are meant to be. */
	if (!world_real_time)
		ahead += mp_tsc_hz / 1000;
	mp_self->now = mp_tsc() + ahead;
	mp_self->now_ms = mp_now_ms();
}

void
world_as_control(void)
{
	mp_self = mp_control();
}

void
world_settle(void)
{
	struct worker *w = mp_workers[0];

	for (int quiet = 0; quiet < 2;) {
		void *m[PKT_VEC];

		quiet++;
		world_as_worker();
		unsigned n = mp_ring_get(&w->inbox, m, PKT_VEC);
		if (n > 0) {
			pkt_resume(w, (struct rte_mbuf **)m, n);
			quiet = 0;
		}
		while (w->reinput->n > 0) {
			pkt_run_reinput(w);
			quiet = 0;
		}
		if_flush(w);
		world_as_control();
		if (mp_punt_pending()) {
			mp_punt_drain();
			quiet = 0;
		}
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
}

static struct ifnet *
tst_create(unsigned i)
{
	char name[8];
	uint64_t word = 0;
	struct ifnet *ifp;

	snprintf(name, sizeof(name), "tst%u", i);
	ifp = if_alloc(name, IFT_SMP_ETHER);
	assert_non_null(ifp);
	ifp->if_ops = &tst_ops;
	ifp->if_flags = IFF_SMP_BROADCAST | IFF_SMP_SIMPLEX; /* without MULTICAST: nothing is said of groups */
	memcpy(&word, mac[i], 6);
	ifp->if_lladdr = word;
	ifp->if_linkstate = LINK_UP;
	assert_int_equal(if_attach(ifp), 0);
	assert_int_equal(if_set_flags(ifp, IFF_SMP_UP, 0), 0);
	return ifp;
}

json_t *
world_call(const char *method, const char *fmt, ...)
{
	char err[256] = "";
	json_error_t jerr;
	json_t *result = NULL, *params;
	va_list ap;

	va_start(ap, fmt);
	params = json_vpack_ex(&jerr, 0, fmt, ap);
	va_end(ap);
	if (params == NULL)
		fail_msg("%s: %s", method, jerr.text);
	world_as_control();
	switch (ctl_call(method, params, &result, err, sizeof(err), NULL, NULL)) {
	case 0:
		break;
	case CTL_ASYNC:
		mp_slices_finish();
		break;
	default:
		fail_msg("%s: %s", method, err);
	}
	return result;
}

void
world_sysctl(const char *name, int value)
{
	json_decref(world_call("sysctl.set", "{s:s,s:i}", "name", name, "value", value));
}

static void
world_address(unsigned i, const char *family, const char *addr, int plen)
{
	json_decref(world_call("if.addr.add", "{s:s,s:s,s:s,s:i}", "name", world_if[i]->if_xname, "family", family,
	    "address", addr, "plen", plen));
}

static void
world_neighbour(unsigned i, const char *family, const char *addr)
{
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", peer[i][0], peer[i][1], peer[i][2], peer[i][3],
	    peer[i][4], peer[i][5]);
	json_decref(world_call("neigh.add", "{s:s,s:s,s:s}", "family", family, "address", addr, "lladdr", text));
}

void
world_neighbours(void)
{
	json_decref(world_call("neigh.flush", "{s:s}", "family", "inet"));
	json_decref(world_call("neigh.flush", "{s:s}", "family", "inet6"));
	world_neighbour(0, "inet", "10.0.1.2");
	world_neighbour(1, "inet", "10.0.2.2");
	world_neighbour(0, "inet6", "2001:db8:1::2");
	world_neighbour(1, "inet6", "2001:db8:2::2");
	world_settle();
}

int
world_start(void **state)
{
	struct mp_config conf = {.nworkers = 1, .pool_buffers = 4095};

	if (base == NULL) { /* once: DPDK does not start twice */
		assert_int_equal(mp_eal_init(), 0);
		assert_int_equal(pkt_init(), 0);
	}
	base = event_base_new();
	ctl_base = base;
	assert_int_equal(mp_start(&conf, base), 0);
	world_as_control();
	assert_int_equal(sysctl_init(), 0);
	assert_int_equal(ifnet_init(), 0);
	assert_int_equal(route_init(), 0);
	assert_int_equal(neigh_init(), 0);
	assert_int_equal(ip_init(), 0);
	assert_int_equal(ip6_init(), 0);
	assert_int_equal(if_lo_create(), 0);
	world_sysctl("net.inet.ip.dad_count", 0);
	world_sysctl("net.inet6.ip6.dad_count", 0);
	world_sysctl("net.inet.ip.forwarding", 1);
	world_sysctl("net.inet6.ip6.forwarding", 1);
	world_sysctl("net.inet.icmp.errppslimit", -1);
	world_sysctl("net.inet6.icmp6.errppslimit", -1);
	for (unsigned i = 0; i < 2; i++)
		world_if[i] = tst_create(i);
	world_address(0, "inet", "10.0.1.1", 24);
	world_address(1, "inet", "10.0.2.1", 24);
	world_address(0, "inet6", "2001:db8:1::1", 64);
	world_address(1, "inet6", "2001:db8:2::1", 64);
	world_neighbours();
	world_clear();
	return 0;
}

static void
tst_gone(struct ifnet *ifp)
{
}

int
world_end(void **state)
{
	world_settle();
	world_sum();
	world_as_control();
	for (unsigned i = 0; i < 2; i++)
		if_detach(world_if[i], tst_gone);
	world_settle();
	ip6_fini();
	ip_fini();
	neigh_fini();
	ifnet_fini();
	route_fini();
	sysctl_fini();
	mp_stop();
	event_base_free(base);
	return 0;
}

void
world_clear(void)
{
	world_nframes = 0;
	for (int i = 0; i < C_COUNT; i++)
		counters_then[i] = mp_counter_sum(i);
	for (int i = 0; i < DROP_COUNT; i++)
		drops_then[i] = mp_drop_sum(i);
}

uint64_t
world_counted(enum mp_counter c)
{
	return mp_counter_sum(c) - counters_then[c];
}

uint64_t
world_dropped(enum mp_drop d)
{
	return mp_drop_sum(d) - drops_then[d];
}

void
world_sum(void)
{
	uint64_t drops = 0;

	for (int i = 0; i < DROP_COUNT; i++)
		drops += world_dropped(i);
	assert_int_equal(world_counted(C_PKT_RECEIVED) + world_counted(C_PKT_ORIGINATED) + world_counted(C_PKT_COPIES),
	    world_counted(C_PKT_TRANSMITTED) + drops + world_counted(C_PKT_CONSUMED));
}

struct rte_mbuf *
world_packet(unsigned ifn, const void *ip, uint32_t len, unsigned seg)
{
	struct worker *w = mp_workers[0];
	uint8_t eh[14];

	world_as_worker();
	memcpy(eh, mac[ifn], 6);
	memcpy(eh + 6, peer[ifn], 6);
	bool v6 = world_family == AF_INET6;
	eh[12] = v6 ? 0x86 : 0x08;
	eh[13] = v6 ? 0xdd : 0x00;
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool), *last = m;
	assert_non_null(m);
	if (seg == 0) {
		assert_true(pkt_append(w, m, eh, 14) && pkt_append(w, m, ip, len));
		return m;
	}
	memcpy(rte_pktmbuf_append(m, 14), eh, 14);
	for (uint32_t off = 0; off < len; off += seg) {
		uint32_t k = len - off < seg ? len - off : seg;

		last->next = rte_pktmbuf_alloc(w->pool);
		last = last->next;
		assert_non_null(last);
		m->nb_segs++;
		memcpy(rte_pktmbuf_mtod(last, void *), (const uint8_t *)ip + off, k);
		last->data_len = k;
		m->pkt_len += k;
	}
	return m;
}

void
world_input(unsigned ifn, struct rte_mbuf **m, unsigned n)
{
	struct pktvec v = {.n = 0};

	world_as_worker();
	for (unsigned i = 0; i < n; i++) {
		pktvec_add(&v, m[i]);
		if (v.n == PKT_VEC || i + 1 == n) {
			if_input(mp_workers[0], world_if[ifn], &v);
			v.n = 0;
		}
	}
	world_settle();
}

void
world_receive(unsigned ifn, const void *ip, uint32_t len, uint32_t padding, unsigned seg)
{
	static const uint8_t pad[64] = {0xee, 0xee, 0xee, 0xee};
	struct rte_mbuf *m = world_packet(ifn, ip, len, seg);

	assert_true(pkt_append(mp_workers[0], m, pad, padding));
	world_input(ifn, &m, 1);
}

bool
world_flood(enum mp_class class, unsigned ifn, const void *flood, unsigned n, const void *other, uint32_t len)
{
	struct worker *w = mp_workers[0];
	uint64_t passed = 0, now;

	world_as_worker();
	now = w->now;
	for (unsigned i = 0; i <= n; i++) {
		struct pktvec v = {.n = 0};

		struct rte_mbuf *m = world_packet(ifn, i < n ? flood : other, len, 0);
		w->now = now;
		passed = w->punt_passed[class];
		pktvec_add(&v, m);
		if_input(w, world_if[ifn], &v);
	}
	passed = w->punt_passed[class] - passed;
	world_settle();
	return passed == 1;
}

uint16_t
world_cksum(const void *p, uint32_t len, uint32_t start)
{
	const uint8_t *b = p;
	uint32_t sum = start;

	for (uint32_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(b[i] << 8 | b[i + 1]);
	if (len & 1)
		sum += (uint32_t)(b[len - 1] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void
fix_ip4(uint8_t *buf)
{
	struct ipv4_h *ip = (struct ipv4_h *)buf;

	ip->sum = 0;
	ip->sum = htons(world_cksum(buf, IPV4_HLEN(ip), 0));
}

uint32_t
make_ip4(uint8_t *buf, const char *src, const char *dst, uint8_t proto, uint8_t ttl, const void *payload, uint32_t len)
{
	struct ipv4_h ip = {
	    .vihl = 0x45, .len = htons((uint16_t)(20 + len)), .id = htons(0x1234), .ttl = ttl, .proto = proto};
	struct in_addr a;

	inet_pton(AF_INET, src, &a);
	ip.src = a.s_addr;
	inet_pton(AF_INET, dst, &a);
	ip.dst = a.s_addr;
	memmove(buf + 20, payload, len);
	memcpy(buf, &ip, 20);
	fix_ip4(buf);
	return 20 + len;
}

static void
make_icmp(uint8_t *p, uint8_t type, uint16_t id, uint16_t seq, uint32_t size)
{
	struct icmp_h icmp = {.type = type, .id = htons(id), .seq = htons(seq)};

	memcpy(p, &icmp, 8);
	for (uint32_t i = 0; i < size; i++)
		p[8 + i] = (uint8_t)(i * 7);
}

uint32_t
make_echo4(uint8_t *buf, const char *src, const char *dst, uint16_t id, uint16_t seq, uint32_t size)
{
	uint8_t *icmp = buf + 20;
	uint16_t sum;

	make_icmp(icmp, ICMP4_ECHO, id, seq, size);
	sum = htons(world_cksum(icmp, 8 + size, 0));
	memcpy(icmp + 2, &sum, 2);
	return make_ip4(buf, src, dst, IPPROTO_ICMP, 64, icmp, 8 + size);
}

static void
make_udp(uint8_t *p, uint32_t size)
{
	struct udp_h udp = {.sport = htons(4000), .dport = htons(5000), .len = htons((uint16_t)(8 + size))};

	memcpy(p, &udp, 8);
	for (uint32_t i = 0; i < size; i++)
		p[8 + i] = (uint8_t)(i * 3);
}

uint32_t
make_udp4(uint8_t *buf, const char *src, const char *dst, uint32_t size)
{
	make_udp(buf + 20, size);
	return make_ip4(buf, src, dst, IPPROTO_UDP, 64, buf + 20, 8 + size);
}

uint32_t
make_ip6(uint8_t *buf, const char *src, const char *dst, uint8_t nxt, uint8_t hlim, const void *payload, uint32_t len)
{
	struct ipv6_h ip6 = {.flow = htonl(0x60000000), .plen = htons((uint16_t)len), .nxt = nxt, .hlim = hlim};

	inet_pton(AF_INET6, src, (uint8_t *)&ip6 + 8);
	inet_pton(AF_INET6, dst, (uint8_t *)&ip6 + 24);
	memmove(buf + 40, payload, len);
	memcpy(buf, &ip6, 40);
	return 40 + len;
}

uint16_t
sum_icmp6(const uint8_t *ip6, uint32_t off, uint32_t len)
{
	uint32_t start = (len >> 16) + (len & 0xffff) + IPPROTO_ICMPV6;

	for (unsigned i = 8; i < 40; i += 2)
		start += (uint32_t)(ip6[i] << 8 | ip6[i + 1]);
	return world_cksum(ip6 + off, len, start);
}

uint32_t
make_echo6(uint8_t *buf, const char *src, const char *dst, uint16_t id, uint16_t seq, uint32_t size)
{
	uint16_t sum;

	make_icmp(buf + 40, ICMP6_T_ECHO, id, seq, size);
	make_ip6(buf, src, dst, IPPROTO_ICMPV6, 64, buf + 40, 8 + size);
	sum = htons(sum_icmp6(buf, 40, 8 + size));
	memcpy(buf + 42, &sum, 2);
	return 48 + size;
}

uint32_t
make_udp6(uint8_t *buf, const char *src, const char *dst, uint32_t size)
{
	uint32_t len, sum = 0;
	uint16_t word;

	make_udp(buf + 40, size);
	len = make_ip6(buf, src, dst, IPPROTO_UDP, 64, buf + 40, 8 + size);
	for (int i = 8; i < 40; i += 2) {
		memcpy(&word, buf + i, 2);
		sum += ntohs(word);
	}
	word = htons(world_cksum(buf + 40, 8 + size, sum + 8 + size + IPPROTO_UDP));
	memcpy(buf + 46, &word, 2);
	return len;
}
