/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzing: frames into ether_input of a whole router without threads, through to the devices and the control thread. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <rte_cycles.h>

#include "ether/ether.h"
#include "ether/neigh.h"
#include "ether/neigh_var.h"
#include "if/ifnet.h"
#include "ip/ip.h"
#include "ip/ip_var.h"
#include "ip6/ip6.h"
#include "ip6/ip6_var.h"
#include "mp/mp_internal.h"
#include "mp/pool.h"
#include "pkt/pkt.h"
#include "route/route.h"
#include "router.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
const char *__lsan_default_suppressions(void);

/* The FIB's nodes lie in memory of its own mapping, where the sanitizer does not look for what they point to. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:fib_entry_\n";
}

static struct event_base *base;
static struct ifnet *ifps[2];
static uint64_t sent;

/* A device that takes everything; what goes out of one interface is looked at no further. */
static void
sink_transmit(struct worker *w, struct ifnet *ifp, struct rte_mbuf **m, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		/* reads all of it, so that the sanitizers see what was never written or is too short */
		(void)cksum_mbuf(0, m[i], 0, m[i]->pkt_len);
		rte_pktmbuf_free(m[i]);
	}
	COUNT_ADD(w, PKT_TRANSMITTED, n);
	sent += n;
}

static const struct if_ops sink_ops = {.type = "sink", .transmit = sink_transmit};

static void
address(struct ifnet *ifp, int family, const char *text, uint8_t plen)
{
	struct ifaddr spec = {
	    .ifa_family = family, .ifa_plen = plen, .ifa_preferred = UINT64_MAX, .ifa_valid = UINT64_MAX};

	inet_pton(family, text, &spec.ifa_addr);
	if (if_addr_add(ifp, &spec) != 0)
		abort();
}

static void
route(int family, const char *dst, uint8_t plen, const char *gw)
{
	struct rt_path path = {.has_gw = true, .weight = 1};
	struct rt_spec spec = {.family = family, .plen = plen, .flags = RTF_STATIC, .paths = &path, .npaths = 1};

	inet_pton(family, dst, &spec.dst);
	inet_pton(family, gw, &path.gw);
	if (rt_add(&spec) != 0)
		abort();
}

/* One whose link address is known, so that packets go all the way. */
static void
neighbour(struct ifnet *ifp, int family, const char *text)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 0x99};
	union in_any addr = {0};
	struct neigh *n;

	inet_pton(family, text, &addr);
	n = neigh_find(ifp, family, &addr, false);
	if (n == NULL)
		n = neigh_create(ifp, family, &addr, false);
	if (n == NULL)
		abort();
	nud_permanent(n, mac, 0);
}

static void
setup(void)
{
	struct mp_config conf = {.nworkers = 1, .pool_buffers = 4095};

	mp_log_level = MP_LOG_ERR;
	base = event_base_new();
	if (router_start(&conf, base, false) != 0)
		abort();
	ip_forwarding = 1;
	ip6_forwarding = 1;
	/* what is off in ordinary life has bugs, too; nothing is kept back by a rate */
	ip_allowsrcrt = ip_forwsrcrt = ip_directed_broadcast = icmp_bmcastecho = 1;
	icmp_errppslimit = icmp6_errppslimit = tcp_rstppslimit = -1;
	ip_dad_count = ip6_dad_count = 0;
	for (int i = 0; i < 2; i++) {
		uint8_t mac[6] = {2, 0, 0, 0, 0, 0x10 + i};

		ifps[i] = if_alloc(i == 0 ? "fuzz0" : "fuzz1", IFT_SMP_ETHER);
		ifps[i]->if_ops = &sink_ops;
		ifps[i]->if_flags = IFF_SMP_BROADCAST | IFF_SMP_MULTICAST | IFF_SMP_RUNNING;
		if (if_attach(ifps[i]) != 0 || if_set_lladdr(ifps[i], mac) != 0 ||
		    if_set_flags(ifps[i], IFF_SMP_UP, 0) != 0)
			abort();
	}
	atomic_store(&ifps[1]->if_mtu, 1280);
	address(ifps[0], AF_INET, "10.0.0.1", 24);
	address(ifps[0], AF_INET6, "2001:db8::1", 64);
	address(ifps[1], AF_INET, "10.0.1.1", 24);
	address(ifps[1], AF_INET6, "2001:db8:1::1", 64);
	route(AF_INET, "198.18.0.0", 15, "10.0.1.2");
	route(AF_INET6, "2001:200::", 32, "2001:db8:1::2");
	neighbour(ifps[1], AF_INET, "10.0.1.2");
	neighbour(ifps[1], AF_INET6, "2001:db8:1::2");
	neighbour(ifps[0], AF_INET, "10.0.0.9");
	neighbour(ifps[0], AF_INET6, "2001:db8::9");
}

/* The worker's side: one vector in, everything that follows from it. */
static void
as_worker(struct rte_mbuf *m)
{
	struct worker *w = mp_workers[0];
	struct pktvec v = {.n = 1, .m = {m}};
	void *more[PKT_VEC];
	unsigned n;

	mp_self = w;
	w->now = rte_rdtsc();
	if (m != NULL)
		if_input(w, ifps[0], &v);
	do {
		while (w->reinput->n > 0)
			mp_hooks.reinput(w);
		n = mp_ring_get(&w->inbox, more, PKT_VEC);
		if (n > 0)
			mp_hooks.resume(w, (struct rte_mbuf **)more, n);
	} while (n > 0);
	if (w->ntxdirty > 0)
		mp_hooks.flush(w);
	mp_self = mp_control();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned runs;
	struct rte_mbuf *m = NULL, *s;
	size_t seg;

	if (base == NULL)
		setup();
	if (size < 2 || size > 9000)
		return 0;
	/* the first octet says how the frame is cut into segments */
	seg = data[0] == 0 || size > 2000 ? 2000 : data[0] + 13;
	data++;
	size--;
	mp_self = mp_workers[0];
	for (size_t off = 0; off < size; off += seg) {
		size_t k = size - off < seg ? size - off : seg;

		s = rte_pktmbuf_alloc(mp_self->pool);
		if (s == NULL)
			abort(); /* a leak */
		memcpy(rte_pktmbuf_append(s, k), data + off, k);
		if (m == NULL)
			m = s;
		else if (rte_pktmbuf_chain(m, s) != 0)
			abort();
	}
	mp_self = mp_control();
	COUNT(mp_control(), PKT_RECEIVED);
	as_worker(m);
	mp_control()->now = rte_rdtsc();
	mp_punt_drain();
	event_base_loop(base, EVLOOP_NONBLOCK);
	as_worker(NULL);
	if (++runs % 4096 == 0) {
		/* what waits for neighbours is given up; then no buffer may be missing */
		neigh_ifnet_down(ifps[0]);
		neigh_ifnet_down(ifps[1]);
		as_worker(NULL);
		neighbour(ifps[1], AF_INET, "10.0.1.2");
		neighbour(ifps[1], AF_INET6, "2001:db8:1::2");
	}
	return 0;
}
