/* SPDX-License-Identifier: BSD-2-Clause */
/* The ports' neighbours: gateways are asked for, questions answered, bridges kept informed. */
/*
 * Synchronization: control only; frames come by mp_punt.
 * Lifetime: from neigh_start to neigh_stop.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "dev/port.h"
#include "if/ifnet.h"
#include "ipgen/ports/ports_var.h"
#include "pkt/pkt.h"

#define ASK_MS	   250 /* between two questions */
#define ANNOUNCE_S 30  /* bridges forget after some minutes */

struct own { /* an address that the port stands for */
	uint8_t family, addr[16];
};

struct neigh_port {
	struct answer_self self;
	struct own *own; /* sorted */
	size_t owned, alloc;
	struct {
		bool wanted, found;
		uint8_t lladdr[6];
	} gateway[2];	/* IPv4, IPv6 */
	uint64_t asked; /* mp_now_ms() */
	bool warned;	/* of a duplicate address */
};

static struct neigh_port ports[TPORTS]; /* [c] */
static struct event *announcer;		/* [c] */

static int
own_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct own));
}

static bool
stands_for(const void *arg, unsigned family, const uint8_t *addr)
{
	const struct neigh_port *p = arg;
	struct own key = {.family = (uint8_t)family};

	memcpy(key.addr, addr, family == 4 ? 4 : 16);
	return p->owned > 0 && bsearch(&key, p->own, p->owned, sizeof(key), own_compare) != NULL;
}

static void
transmit(unsigned i, const uint8_t *frame, size_t len)
{
	struct rte_mbuf *m = pkt_originate(mp_control());
	char *p;

	if (m == NULL)
		return;
	p = rte_pktmbuf_append(m, (uint16_t)len);
	if (p == NULL) {
		pkt_drop(mp_control(), m, DROP_NOBUF);
		return;
	}
	memcpy(p, frame, len);
	if_ctl_transmit(tport[i].ifp, m);
}

static void
learn(unsigned i, const struct answer_news *news)
{
	struct neigh_port *p = &ports[i];
	const struct tport_spec *spec = &tport[i].spec;
	unsigned k = news->family == 4 ? 0 : 1;
	const struct tport_addr *a = k == 0 ? &spec->addr4 : &spec->addr6;
	char text[INET6_ADDRSTRLEN];

	if (news->kind == NEWS_NEIGHBOR && p->gateway[k].wanted &&
	    memcmp(news->addr, a->gateway, news->family == 4 ? 4 : 16) == 0) {
		memcpy(p->gateway[k].lladdr, news->lladdr, 6);
		p->gateway[k].found = true;
	}
	if (news->kind != NEWS_DUPLICATE || p->warned)
		return;
	p->warned = true;
	mp_log(MP_LOG_WARNING, "%s %s: %s is ours, but %02x:%02x:%02x:%02x:%02x:%02x has it too", TPORT_OPTION(i),
	    spec->device, inet_ntop(k == 0 ? AF_INET : AF_INET6, news->addr, text, sizeof(text)), news->lladdr[0],
	    news->lladdr[1], news->lladdr[2], news->lladdr[3], news->lladdr[4], news->lladdr[5]);
}

/* A frame that is no test packet.  Takes it. */
static void
input(struct rte_mbuf *m)
{
	static uint8_t frame[16384], out[16384];
	struct answer_news news;
	const uint8_t *data;
	size_t len = m->pkt_len;

	ASSERT_CONTROL();
	for (unsigned i = 0; i < ntports && len <= sizeof(frame); i++) {
		size_t n;

		if (tport[i].ifp == NULL || tport[i].ifp->if_index != pkt_meta(m)->iif)
			continue;
		data = rte_pktmbuf_read(m, 0, (uint32_t)len, frame);
		if (data == NULL)
			break;
		n = answer_frame(&ports[i].self, data, len, out, sizeof(out), &news);
		learn(i, &news);
		if (n > 0 && n <= rte_pktmbuf_tailroom(m) + m->data_len)
			transmit(i, out, n);
		break;
	}
	pkt_consume(mp_control(), m);
}

void
neigh_announce(unsigned i)
{
	const struct answer_self *self = &ports[i].self;
	uint8_t out[ANSWER_MIN];

	if (strcmp(tport[i].spec.device, "loop") == 0)
		return; /* nobody is there to learn it */
	if (self->has4)
		transmit(i, out, announce4(self, out));
	if (self->has6)
		transmit(i, out, announce6(self, self->addr6, out));
	if (!self->has4 && !self->has6)
		transmit(i, out, announce_link(self, out));
}

void
neigh_probe(unsigned i)
{
	struct answer_self self = ports[i].self;
	uint8_t out[ANSWER_MIN];

	self.has4 = self.has6 = false; /* asked as somebody else: who has the address answers */
	if (ports[i].self.has4)
		transmit(i, out, ask4(&self, self.addr4, out));
	if (ports[i].self.has6)
		transmit(i, out, ask6(&self, self.addr6, out));
}

static void
announce_all(evutil_socket_t fd, short what, void *arg)
{
	for (unsigned i = 0; i < ntports; i++)
		neigh_announce(i);
}

static bool
has_gateway(const struct tport_addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->gateway, zero, 16) != 0;
}

/* Groups of IPv6's questions: those of our addresses; all where we stand for others. */
static void
join_groups(unsigned i)
{
	const struct answer_self *self = &ports[i].self;
	const struct if_ops *ops = tport[i].ifp->if_ops;
	uint8_t mac[3][6] = {{0x33, 0x33, 0, 0, 0, 1}, {0x33, 0x33, 0xff}, {0x33, 0x33, 0xff}};
	unsigned n = 2;
	bool others = false;

	for (size_t k = 0; k < ports[i].owned; k++)
		others |= ports[i].own[k].family == 6;
	if (!self->has6 && !has_gateway(&tport[i].spec.addr6) && !others)
		return;
	memcpy(mac[1] + 3, self->local6 + 13, 3);
	if (self->has6)
		memcpy(mac[n++] + 3, self->addr6 + 13, 3);
	if (ops->set_groups != NULL && ops->set_groups(tport[i].ifp, mac, n) != 0)
		others = true;
	if (others && ops->set_allmulti != NULL && ops->set_allmulti(tport[i].ifp, true) != 0)
		mp_log(MP_LOG_WARNING, "%s %s: neighbour solicitations may not be seen", TPORT_OPTION(i),
		    tport[i].spec.device);
}

int
neigh_start(unsigned nports)
{
	const struct timeval period = {.tv_sec = ANNOUNCE_S};

	ASSERT_CONTROL();
	for (unsigned i = 0; i < nports; i++) {
		struct answer_self *self = &ports[i].self;
		const struct tport_spec *spec = &tport[i].spec;

		ports[i] = (struct neigh_port){0};
		memcpy(self->lladdr, tport[i].lladdr, 6);
		self->ntags = spec->ntags;
		memcpy(self->tag, spec->tag, sizeof(self->tag));
		self->has4 = spec->addr4.set;
		self->has6 = spec->addr6.set;
		memcpy(self->addr4, spec->addr4.addr, 4);
		memcpy(self->addr6, spec->addr6.addr, 16);
		local6_of(self->lladdr, self->local6);
		self->stands_for = stands_for;
		self->arg = &ports[i];
		join_groups(i);
	}
	mp_punt_register(PUNT_ARP, input, 10000, 1000);
	mp_punt_register(PUNT_ND, input, 10000, 1000);
	mp_punt_register(PUNT_ICMP, input, 10000, 1000);
	mp_punt_register(PUNT_LOCAL, input, 10000, 1000);
	announcer = event_new(mp_base, -1, EV_PERSIST, announce_all, NULL);
	return announcer == NULL || event_add(announcer, &period) != 0 ? -ENOMEM : 0;
}

void
neigh_stop(void)
{
	ASSERT_CONTROL();
	if (announcer != NULL)
		event_free(announcer);
	announcer = NULL;
	for (unsigned i = 0; i < TPORTS; i++) {
		free(ports[i].own);
		ports[i].own = NULL;
		ports[i].owned = ports[i].alloc = 0;
	}
}

/* Questions that are due; all answered? */
static bool
resolved(void *arg)
{
	uint64_t now = mp_now_ms();
	bool all = true;

	for (unsigned i = 0; i < ntports; i++) {
		struct neigh_port *p = &ports[i];
		bool ask = now >= p->asked + ASK_MS;
		uint8_t out[ANSWER_MIN];

		for (unsigned k = 0; k < 2; k++) {
			if (!p->gateway[k].wanted || p->gateway[k].found)
				continue;
			all = false;
			if (!ask)
				continue;
			p->asked = now;
			transmit(i, out,
			    k == 0 ? ask4(&p->self, tport[i].spec.addr4.gateway, out)
				   : ask6(&p->self, tport[i].spec.addr6.gateway, out));
		}
	}
	return all;
}

/* Where a port's frames of a family go, when all is known: where that family has no gateway, to the other's. */
static void
set_peer(unsigned i, unsigned k)
{
	struct tport *t = &tport[i];
	const uint8_t *to = tport[ntports - 1 - i].lladdr;

	for (unsigned n = 2; n-- > 0;) {
		unsigned of = n == 0 ? k : !k;

		if (t->spec.has_peer[of])
			to = t->spec.peer[of];
		else if (ports[i].gateway[of].found)
			to = ports[i].gateway[of].lladdr;
	}
	memcpy(t->peer[k], to, 6);
	t->resolved = true;
}

int
neigh_resolve(double wait, char *err, size_t errlen)
{
	char text[INET6_ADDRSTRLEN];
	int error;

	ASSERT_CONTROL();
	for (unsigned i = 0; i < ntports; i++) {
		ports[i].asked = 0;
		for (unsigned k = 0; k < 2; k++) {
			ports[i].gateway[k].found = false;
			ports[i].gateway[k].wanted = !tport[i].spec.has_peer[k] &&
						     has_gateway(k == 0 ? &tport[i].spec.addr4 : &tport[i].spec.addr6);
		}
	}
	error = tports_wait(resolved, NULL, wait);
	if (error == -EINTR)
		snprintf(err, errlen, "stopped while waiting for a gateway");
	for (unsigned i = 0; i < ntports && error != 0 && error != -EINTR; i++)
		for (unsigned k = 0; k < 2; k++)
			if (ports[i].gateway[k].wanted && !ports[i].gateway[k].found) {
				const struct tport_addr *a = k == 0 ? &tport[i].spec.addr4 : &tport[i].spec.addr6;

				snprintf(err, errlen, "%s %.256s: the gateway %s does not answer %s (%g s, --wait)",
				    TPORT_OPTION(i), tport[i].spec.device,
				    inet_ntop(k == 0 ? AF_INET : AF_INET6, a->gateway, text, sizeof(text)),
				    k == 0 ? "ARP" : "neighbour solicitations", wait);
				return -EHOSTUNREACH;
			}
	if (error != 0)
		return error;
	for (unsigned i = 0; i < 2 * ntports; i++)
		set_peer(i / 2, i % 2);
	return 0;
}

static bool
in_prefix(const uint8_t *a, const struct tport_addr *own)
{
	unsigned whole = own->plen / 8, rest = own->plen % 8;

	return own->set && memcmp(a, own->addr, whole) == 0 &&
	       (rest == 0 || (a[whole] ^ own->addr[whole]) >> (8 - rest) == 0);
}

static int
own_add(unsigned i, unsigned family, const uint8_t *addr)
{
	struct neigh_port *p = &ports[i];
	const struct tport_addr *a = family == 4 ? &tport[i].spec.addr4 : &tport[i].spec.addr6;
	struct own own = {.family = (uint8_t)family};

	memcpy(own.addr, addr, family == 4 ? 4 : 16);
	if (!in_prefix(own.addr, a) || memcmp(own.addr, a->gateway, 16) == 0)
		return 0;
	for (unsigned k = 0; k < ntports; k++) {
		const struct tport_addr *self = family == 4 ? &tport[k].spec.addr4 : &tport[k].spec.addr6;

		if (self->set && memcmp(own.addr, self->addr, 16) == 0)
			return 0; /* a port's own: it answers itself */
	}
	if (p->owned > 0 && memcmp(&p->own[p->owned - 1], &own, sizeof(own)) == 0)
		return 0;
	if (p->owned == p->alloc) {
		size_t n = p->alloc == 0 ? 64 : p->alloc * 2;
		struct own *more = realloc(p->own, n * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		p->own = more;
		p->alloc = n;
	}
	p->own[p->owned++] = own;
	return 0;
}

int
tports_own(unsigned dir, const struct traffic *t)
{
	unsigned far = ntports - 1 - dir;
	int error = 0;

	ASSERT_CONTROL();
	for (uint32_t k = 0; error == 0 && k < traffic_nflows(t); k++) {
		const struct flow *f = traffic_flow(t, k);

		error = own_add(dir, f->family, f->src);
		if (error == 0)
			error = own_add(far, f->family, f->dst);
	}
	for (uint32_t k = 0; error == 0 && k < traffic_nreplay(t); k++) {
		uint8_t src[16], dst[16];
		unsigned family = traffic_replay_ends(t, k, src, dst);

		if (family == 0)
			continue;
		error = own_add(dir, family, src);
		if (error == 0)
			error = own_add(far, family, dst);
	}
	for (unsigned i = 0; i < ntports; i++) {
		struct neigh_port *p = &ports[i];
		size_t n = 0;

		if (p->owned == 0)
			continue;
		qsort(p->own, p->owned, sizeof(*p->own), own_compare);
		for (size_t k = 0; k < p->owned; k++)
			if (n == 0 || memcmp(&p->own[n - 1], &p->own[k], sizeof(*p->own)) != 0)
				p->own[n++] = p->own[k];
		p->owned = n;
		join_groups(i);
	}
	return error;
}
