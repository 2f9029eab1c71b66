/* SPDX-License-Identifier: BSD-2-Clause */
/* Doubles of what src/ether uses: see ether_world.h. */
#include "ether_world.h"
#include "ip6/rtadv.h"
#include "ip/redirect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "mp/slice.h"
#include <event2/buffer.h>
#include "ip/ip.h"
#include "ip6/ip6.h"
#include "ip6/nd_if.h"
#include "mp/pool.h"

struct world_event world_log[WORLD_LOG];
unsigned world_n, world_alive, world_nmsg, world_nlog, world_nfib;
uint64_t world_now;
unsigned world_pool = 32768;
struct ifnet world_if[3];
struct rt_msg world_msg[WORLD_LOG];
void (*world_receive[PUNT_COUNT])(struct rte_mbuf *);
struct worker *world_worker;

static void (*listener)(const struct rt_msg *);
static struct if_stats stats[3][MP_MAXTHREADS];

/* The engine */
struct worker *mp_workers[MP_MAXTHREADS];
unsigned mp_nworkers = 1;
uint64_t mp_tsc_hz = 1000000000;
_Thread_local struct worker *mp_self;
struct event_base *mp_base;
_Atomic int mp_log_level;
struct ifnet_head ifnet_list = TAILQ_HEAD_INITIALIZER(ifnet_list);
struct ifnet *_Atomic ifnet_table[MP_MAXIF];
_Atomic int ip6_forwarding = 1;

static uint64_t
world_clock(void)
{
	return world_now;
}

uint64_t
mp_now_ms(void)
{
	return world_now;
}

unsigned
mp_pool_size(const struct worker *w)
{
	return world_pool;
}

void
mp_log(int level, const char *fmt, ...)
{
	world_nlog++;
}

#ifdef SMPNET_DEBUG
void
mp_assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}
#endif

static struct world_event *
event_of(enum world_what what, struct rte_mbuf *m, unsigned code)
{
	struct world_event *e = &world_log[world_n % WORLD_LOG];
	const struct rte_mbuf *s;
	unsigned off = 0;

	world_n++;
	memset(e, 0, sizeof(*e));
	e->what = what;
	e->code = code;
	e->meta = *pkt_meta(m);
	e->len = m->pkt_len;
	e->l2_len = m->l2_len;
	e->m = m;
	for (s = m; s != NULL; s = s->next) {
		unsigned k = s->data_len;

		if (off + k > sizeof(e->data))
			k = sizeof(e->data) - off;
		memcpy(e->data + off, rte_pktmbuf_mtod(s, char *), k);
		off += k;
	}
	return e;
}

static void
packet_free(struct rte_mbuf *m)
{
	world_alive--;
	while (m != NULL) {
		struct rte_mbuf *next = m->next;

		free(m);
		m = next;
	}
}

#define ROOM 2048

static struct rte_mbuf *
segment(void)
{
	struct rte_mbuf *m = aligned_alloc(64, sizeof(*m) + 128 + ROOM);

	memset(m, 0, sizeof(*m) + 128 + ROOM);
	m->buf_addr = m + 1;
	m->buf_len = 128 + ROOM;
	m->data_off = 128;
	m->nb_segs = 1;
	m->refcnt = 1;
	return m;
}

struct rte_mbuf *
world_chain(const void *data, unsigned len, unsigned seg)
{
	struct rte_mbuf *head = segment(), *m = head;

	world_alive++;
	head->pkt_len = len;
	for (unsigned off = 0; off < len;) {
		unsigned k = len - off < seg ? len - off : seg;

		memcpy(rte_pktmbuf_mtod(m, char *), (const char *)data + off, k);
		m->data_len = (uint16_t)k;
		off += k;
		if (off < len) {
			m->next = segment();
			m = m->next;
			head->nb_segs++;
		}
	}
	return head;
}

struct rte_mbuf *
world_packet(const void *data, unsigned len)
{
	return world_chain(data, len, ROOM);
}

struct rte_mbuf *
pkt_originate(struct worker *w)
{
	struct rte_mbuf *m = world_packet("", 0);

	pkt_meta(m)->flags = PKT_F_LOCAL;
	return m;
}

const char *
mp_drop_text(enum mp_drop reason)
{
	return "";
}

void
pkt_drop(struct worker *w, struct rte_mbuf *m, enum mp_drop reason)
{
	event_of(W_DROP, m, reason);
	packet_free(m);
}

void
pkt_consume(struct worker *w, struct rte_mbuf *m)
{
	event_of(W_CONSUMED, m, 0);
	packet_free(m);
}

void
pkt_ctl_send(struct rte_mbuf *m, enum pkt_stage stage)
{
	event_of(W_SENT, m, stage);
	packet_free(m);
}

bool
pkt_pullup(struct rte_mbuf *m, uint32_t len)
{
	if (m->pkt_len < len)
		return false;
	while (m->data_len < len) {
		struct rte_mbuf *next = m->next;
		unsigned k = len - m->data_len < next->data_len ? len - m->data_len : next->data_len;

		memcpy(rte_pktmbuf_mtod_offset(m, char *, m->data_len), rte_pktmbuf_mtod(next, char *), k);
		m->data_len += k;
		next->data_off += k;
		next->data_len -= k;
		if (next->data_len == 0) {
			m->next = next->next;
			m->nb_segs--;
			free(next);
		}
	}
	return true;
}

void
mp_punt(struct worker *w, enum mp_class class, struct rte_mbuf *m)
{
	event_of(W_PUNT, m, class);
	packet_free(m);
}

void
mp_punt_from(struct worker *w, enum mp_class class, struct rte_mbuf *m, uint32_t host)
{
	mp_punt(w, class, m);
}

void
mp_punt_register(enum mp_class class, void (*fn)(struct rte_mbuf *), uint32_t per_second, uint32_t burst)
{
	world_receive[class] = fn;
}

void
if_ctl_transmit(struct ifnet *ifp, struct rte_mbuf *m)
{
	event_of(W_FRAME, m, 0)->ifp = ifp;
	packet_free(m);
}

static void
take(enum world_what what, struct pktvec *v)
{
	for (unsigned i = 0; i < v->n; i++) {
		event_of(what, v->m[i], 0);
		packet_free(v->m[i]);
	}
	v->n = 0;
}

void
if_transmit(struct worker *w, struct pktvec *v)
{
	take(W_TRANSMIT, v);
}

void
ip_input(struct worker *w, struct pktvec *v)
{
	take(W_IP, v);
}

void
ip6_input(struct worker *w, struct pktvec *v)
{
	take(W_IP6, v);
}

void
ip6_ifaddr_changed(struct ifnet *ifp)
{
}

void
ip6_linklocal_neighbour(const struct ifnet *ifp, const struct in6_addr *addr, uint32_t nh)
{
}

const struct nd_ifinfo *
nd_ifinfo(const struct ifnet *ifp)
{
	static struct nd_ifinfo info;

	info.basereachable = (uint32_t)*neigh_inet6.nf_reachable;
	info.reachable = info.basereachable / 2 + neigh_random(info.basereachable + 1);
	info.retrans = (uint32_t)*neigh_inet6.nf_retrans;
	info.curhlim = 64;
	info.flags = ND_IF_PERFORMNUD;
	return &info;
}

void
nd6_ra_input(struct rte_mbuf *m)
{
	event_of(W_CONSUMED, m, 0);
	packet_free(m);
}

unsigned world_not_router;

void
nd6_not_router(struct ifnet *ifp, const struct in6_addr *addr)
{
	world_not_router++;
}

uint32_t
nd_if_mtu(const struct ifnet *ifp)
{
	return ifp->if_mtu;
}

void
icmp_ctl_unreachable(struct rte_mbuf *m)
{
	event_of(W_UNREACH, m, 0);
	packet_free(m);
}

/* Next hops and routes */
struct nexthop *_Atomic nexthop_table[NH_MAX];
_Atomic uint8_t *nexthop_marks[MP_MAXTHREADS];
static uint32_t fib4[65536 + 256]; /* 10.0.1.0/24 in full, the rest by the first 16 bits */
static uint32_t refs[65536];
static uint32_t nh_next;

uint32_t
nexthop_alloc(const struct nexthop *nh)
{
	uint32_t index = NH_FIRST_DYNAMIC;

	while (refs[index] != 0)
		index++;
	refs[index] = 1;
	if (index >= nh_next)
		nh_next = index + 1;
	nexthop_table[index] = calloc(1, sizeof(*nh));
	memcpy(nexthop_table[index], nh, sizeof(*nh));
	nexthop_table[index]->nh_mark = 1;
	return index;
}

int
nexthop_replace(uint32_t index, const struct nexthop *nh)
{
	memcpy(nexthop_table[index], nh, sizeof(*nh));
	nexthop_table[index]->nh_mark = 1;
	return 0;
}

void
nexthop_ref(uint32_t index)
{
	refs[index]++;
}

uint32_t
nexthop_refs(uint32_t index)
{
	return refs[index];
}

void
nexthop_release(uint32_t index)
{
	if (--refs[index] == 0) {
		free(nexthop_table[index]);
		nexthop_table[index] = NULL;
	}
}

bool
nexthop_ifnet_detach(const struct ifnet *ifp, uint32_t *at, bool sliced)
{
	return true;
}

bool
nexthop_used(uint32_t index)
{
	bool used = nexthop_marks[0][index] != 0;

	nexthop_marks[0][index] = 0;
	return used;
}

uint32_t
fib_lookup4(uint32_t dst)
{
	uint32_t a = ntohl(dst);

	return a >> 8 == 0x0a0001 ? fib4[65536 + (a & 255)] : a >> 16 == 0x0a00 ? 0 : fib4[a >> 16];
}

void
world_fib4(const char *addr, uint32_t nh)
{
	uint32_t a = ntohl(world_any(addr).in4.s_addr);

	if (a >> 8 == 0x0a0001)
		fib4[65536 + (a & 255)] = nh;
	else
		fib4[a >> 16] = nh;
}

int
fib_insert(int family, const union in_any *a, unsigned plen, uint32_t nh)
{
	world_nfib++;
	return 0;
}

int
fib_remove(int family, const union in_any *a, unsigned plen, uint32_t nh)
{
	world_nfib--;
	return 0;
}

int
rt_lookup(int family, const union in_any *dst, uint16_t zone, struct rt_result *rt)
{
	struct ifnet *ifp;
	struct ifaddr *ifa;

	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
			if (ifa->ifa_family == family && neigh_in_prefix(dst, &ifa->ifa_addr, ifa->ifa_plen)) {
				memset(rt, 0, sizeof(*rt));
				rt->ifp = ifp;
				return 0;
			}
	return -ENETUNREACH;
}

void
rt_notify(const struct rt_msg *msg)
{
	world_msg[world_nmsg++ % WORLD_LOG] = *msg;
	if (listener != NULL)
		listener(msg);
}

unsigned world_silent;

void
rt_gateway_set_silent(const struct ifnet *ifp, int family, const union in_any *addr, uint32_t nh, bool silent)
{
	world_silent = silent;
}

bool
rt_gateway_silent(const struct ifnet *ifp, int family, const union in_any *addr, uint32_t nh)
{
	return world_silent;
}

int
rt_listen(void (*fn)(const struct rt_msg *))
{
	listener = fn;
	return 0;
}

/* Redirects */
bool world_redirects;
struct world_redirect world_redirected;

bool
redirect_accepted(int family)
{
	return world_redirects;
}

enum mp_drop
redirect_honour(
    int family, struct ifnet *ifp, const union in_any *from, const union in_any *dst, const union in_any *gateway)
{
	world_redirected.n++;
	world_redirected.from = *from;
	world_redirected.dst = *dst;
	world_redirected.gateway = *gateway;
	return world_redirected.verdict;
}

/* Addresses */
struct ifaddr *
if_addr_find(struct ifnet *ifp, int family, const union in_any *a, bool usable)
{
	struct ifaddr *ifa;

	if (ifp == NULL) {
		TAILQ_FOREACH (ifp, &ifnet_list, if_list)
			if ((ifa = if_addr_find(ifp, family, a, usable)) != NULL)
				return ifa;
		return NULL;
	}
	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list)
		if (ifa->ifa_family == family && memcmp(a, &ifa->ifa_addr, family == AF_INET ? 4 : 16) == 0 &&
		    !(usable && (ifa->ifa_flags & (IFA_TENTATIVE | IFA_DUPLICATED | IFA_DETACHED))))
			return ifa;
	return NULL;
}

struct ifaddr *
if_addr_select(struct ifnet *ifp, int family, const union in_any *dst)
{
	struct ifaddr *ifa, *any = NULL;

	TAILQ_FOREACH (ifa, &ifp->if_addrs, ifa_list) {
		if (ifa->ifa_family != family || (ifa->ifa_flags & (IFA_TENTATIVE | IFA_DUPLICATED | IFA_DETACHED)))
			continue;
		if (neigh_in_prefix(dst, &ifa->ifa_addr, ifa->ifa_plen))
			return ifa;
		any = ifa;
	}
	return any;
}

void
if_addr_dad_done(struct ifaddr *ifa, bool duplicated)
{
	ifa->ifa_flags &= ~(uint32_t)(IFA_TENTATIVE | IFA_DUPLICATED);
	if (duplicated)
		ifa->ifa_flags |= IFA_DUPLICATED;
	else if (ifa->ifa_family == AF_INET)
		neigh_ifaddr_announce(ifa);
}

struct ifnet *
ifnet_by_name(const char *name)
{
	struct ifnet *ifp;

	TAILQ_FOREACH (ifp, &ifnet_list, if_list)
		if (strcmp(ifp->if_xname, name) == 0)
			return ifp;
	return NULL;
}

int
ctl_error(struct ctl_req *req, int err, const char *fmt, ...)
{
	return -err;
}

static json_t *world_answer; /* of a method that answers later */

bool
nexthop_restore(uint32_t index)
{
	return false;
}

const char *
ctl_error_take(struct ctl_req *req)
{
	return "failed";
}

void
ctl_reply(struct ctl_req *req, json_t *result)
{
	json_decref(world_answer);
	world_answer = result;
}

void
ctl_reply_text(struct ctl_req *req, struct evbuffer *text)
{
	json_decref(world_answer);
	world_answer = json_loadb((const char *)evbuffer_pullup(text, -1), evbuffer_get_length(text), 0, NULL);
	evbuffer_free(text);
}

void
ctl_fail(struct ctl_req *req, int err, const char *fmt, ...)
{
	json_decref(world_answer);
	world_answer = NULL;
}

void
ctl_text_json(struct evbuffer *out, const json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT);

	evbuffer_add(out, text, strlen(text));
	free(text);
}

union in_any
world_any(const char *s)
{
	union in_any a;

	memset(&a, 0, sizeof(a));
	inet_pton(strchr(s, ':') ? AF_INET6 : AF_INET, s, &a);
	return a;
}

struct ifaddr *
world_addr(struct ifnet *ifp, const char *addr, unsigned plen, uint32_t flags)
{
	struct ifaddr *ifa = calloc(1, sizeof(*ifa));

	ifa->ifa_ifp = ifp;
	ifa->ifa_family = strchr(addr, ':') ? AF_INET6 : AF_INET;
	ifa->ifa_plen = (uint8_t)plen;
	ifa->ifa_flags = flags;
	ifa->ifa_addr = world_any(addr);
	TAILQ_INSERT_TAIL(&ifp->if_addrs, ifa, ifa_list);
	return ifa;
}

int
world_call(const char *method, const char *params, json_t **result)
{
	json_t *p = json_loads(params, 0, NULL), *r = NULL;
	int error = -ENOSYS;

	for (const struct ctl_method *m = neigh_methods; m->name != NULL; m++)
		if (strcmp(m->name, method) == 0)
			error = m->fn(NULL, p, &r);
	if (error == CTL_ASYNC) {
		mp_slices_finish();
		r = world_answer;
		world_answer = NULL;
		error = r != NULL ? 0 : -EIO;
	}
	json_decref(p);
	if (result != NULL)
		*result = r;
	else
		json_decref(r);
	return error;
}

void
world_as_control(void)
{
	mp_self = mp_workers[1];
}

void
world_as_worker(void)
{
	mp_self = mp_workers[0];
}

void
world_clear(void)
{
	world_n = world_nmsg = 0;
}

unsigned
world_count(enum world_what what)
{
	unsigned n = 0;

	for (unsigned i = 0; i < world_n && i < WORLD_LOG; i++)
		n += world_log[i].what == what;
	return n;
}

unsigned
world_drops(enum mp_drop reason)
{
	unsigned n = 0;

	for (unsigned i = 0; i < world_n && i < WORLD_LOG; i++)
		n += world_log[i].what == W_DROP && world_log[i].code == reason;
	return n;
}

struct world_event *
world_last(enum world_what what)
{
	for (unsigned i = world_n; i-- > 0;)
		if (world_log[i % WORLD_LOG].what == what)
			return &world_log[i % WORLD_LOG];
	return NULL;
}

void
world_wait(unsigned ms)
{
	for (unsigned t = 0; t < ms; t += 50) {
		world_now += 50;
		neigh_timer_run(world_now);
	}
}

void
world_start(void)
{
	neigh_clock = world_clock;
	world_now = 1000000;
	for (unsigned i = 0; i < 2; i++) {
		mp_workers[i] = aligned_alloc(64, (sizeof(struct worker) + 63) & ~63ul);
		memset(mp_workers[i], 0, sizeof(struct worker));
		mp_workers[i]->id = (uint16_t)i;
	}
	mp_workers[1]->is_control = true;
	world_worker = mp_workers[0];
	nexthop_marks[0] = calloc(65536, 1);
	TAILQ_INIT(&ifnet_list);
	for (unsigned i = 1; i < 3; i++) {
		struct ifnet *ifp = &world_if[i];
		uint8_t mac[6] = {0x02, 0, 0, 0, 0, (uint8_t)i};

		memset(ifp, 0, sizeof(*ifp));
		ifp->if_index = (uint16_t)i;
		ifp->if_type = IFT_SMP_ETHER;
		ifp->if_flags = IFF_SMP_UP | IFF_SMP_RUNNING | IFF_SMP_BROADCAST | IFF_SMP_MULTICAST;
		ifp->if_mtu = 1500;
		ifp->if_linkstate = LINK_UP;
		ifp->if_lladdr = ether_addr_word(mac);
		ifp->if_stats = stats[i];
		snprintf(ifp->if_xname, sizeof(ifp->if_xname), "shmif%u", i - 1);
		TAILQ_INIT(&ifp->if_addrs);
		TAILQ_INSERT_TAIL(&ifnet_list, ifp, if_list);
		ifnet_table[i] = ifp;
	}
	world_addr(&world_if[1], "10.0.1.1", 24, 0);
	world_addr(&world_if[1], "2001:db8:1::1", 64, 0);
	world_addr(&world_if[1], "fe80::1", 64, 0);
	world_addr(&world_if[2], "10.0.2.1", 24, 0);
	world_addr(&world_if[2], "2001:db8:2::1", 64, 0);
	world_addr(&world_if[2], "fe80::1", 64, 0);
	world_as_control();
	world_silent = 0;
	world_redirects = true;
	world_redirected = (struct world_redirect){.verdict = DROP_COUNT};
	neigh_init();
	world_clear();
}

void
world_end(void)
{
	world_as_control();
	neigh_fini();
	for (unsigned i = 1; i < 3; i++) {
		struct ifaddr *ifa;

		while ((ifa = TAILQ_FIRST(&world_if[i].if_addrs)) != NULL) {
			TAILQ_REMOVE(&world_if[i].if_addrs, ifa, ifa_list);
			free(ifa);
		}
		ifnet_table[i] = NULL;
	}
	for (uint32_t i = 0; i < nh_next; i++) {
		free(nexthop_table[i]);
		nexthop_table[i] = NULL;
		refs[i] = 0;
	}
	nh_next = 0;
	free((void *)(uintptr_t)nexthop_marks[0]);
	free(mp_workers[0]);
	free(mp_workers[1]);
	mp_self = NULL;
}

void
rtadv_solicited(struct ifnet *ifp)
{
}

void
rtadv_heard(struct ifnet *ifp, const struct in6_addr *from, const uint8_t *msg, unsigned len)
{
}
