/* SPDX-License-Identifier: BSD-2-Clause */
/* The tester's ports: devices attached, raised, their links waited for. */
/*
 * Synchronization: control only; devices are opened on helper threads (dev_attach_device).
 * Lifetime: from tports_open to tports_close; engine_stop gives the devices back.
 */
#include "ipgen/ports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "dev/dev.h"
#include "dev/port.h"
#include "if/ifnet.h"
#include "ipgen/engine/engine.h"
#include "ipgen/ports/ports_var.h"
#include "ipgen/trial.h"

struct tport tport[TPORTS];
unsigned ntports;

static bool
is_loop(const struct tport_spec *spec)
{
	return strcmp(spec->device, "loop") == 0;
}

static const char *
shmif_file(const struct tport_spec *spec)
{
	return strncmp(spec->device, "shmif:", 6) == 0 ? spec->device + 6 : NULL;
}

static bool
is_tap(const char *device)
{
	return strncmp(device, "tap", 3) == 0 && device[3] != '\0' &&
	       strspn(device + 3, "0123456789") == strlen(device + 3);
}

static void
expired(evutil_socket_t fd, short what, void *arg)
{
}

int
tports_wait(bool (*done)(void *), void *arg, double seconds)
{
	const struct timeval tick = {.tv_usec = 10000};
	struct event *timer = event_new(mp_base, -1, EV_PERSIST, expired, NULL);
	uint64_t end = mp_now_ms() + (uint64_t)(seconds * 1000);
	int r = 0;

	ASSERT_CONTROL();
	if (timer == NULL || event_add(timer, &tick) != 0) {
		if (timer != NULL)
			event_free(timer);
		return -ENOMEM;
	}
	while (!done(arg)) {
		r = trial_quit() ? -EINTR : mp_now_ms() >= end ? -ETIMEDOUT : 0;
		if (r != 0)
			break;
		event_base_loop(mp_base, EVLOOP_ONCE);
	}
	event_free(timer);
	return r;
}

struct attaching {
	bool done;
	struct ifnet *ifp;
	int error;
	char msg[256];
};

static void
attached(void *arg, struct ifnet *ifp, int error, const char *msg)
{
	struct attaching *a = arg;

	a->done = true;
	a->ifp = ifp;
	a->error = error;
	snprintf(a->msg, sizeof(a->msg), "%s", msg);
}

static int
open_device(const struct tport_spec *spec, struct ifnet **ifp, char *err, size_t errlen)
{
	const struct dev_attach_spec at = {
	    .device = spec->device,
	    .via = spec->via[0] != '\0' ? spec->via : NULL,
	    .queues = spec->queues,
	    .take = spec->take,
	};
	struct attaching a = {0};
	int error = dev_attach_device(&at, attached, &a, err, errlen);

	/* helper threads are bounded by themselves, and a is theirs until they have answered */
	while (error == 0 && !a.done)
		event_base_loop(mp_base, EVLOOP_ONCE);
	if (error == 0 && a.error != 0) {
		snprintf(err, errlen, "%s", a.msg);
		error = a.error;
	}
	*ifp = a.ifp;
	return error;
}

static int
open_one(unsigned i, const struct tport_spec *spec, struct ifnet **ifp, char *err, size_t errlen)
{
	const char *file = shmif_file(spec);
	char name[16];
	int error;

	if (file == NULL && !is_tap(spec->device))
		return open_device(spec, ifp, err, errlen);
	snprintf(name, sizeof(name), "%s%.8s", file != NULL ? "shmif" : "tap",
	    file != NULL ? i == 0 ? "0" : "1" : spec->device + 3);
	error = file != NULL ? shmif_create(name, err, errlen) : tap_create(name, err, errlen);
	if (error != 0)
		return error;
	*ifp = ifnet_by_name(name);
	return file != NULL ? (*ifp)->if_ops->set_linkstr(*ifp, file, err, errlen) : 0;
}

/*
 * A segment's port has a random link address.  One with addresses has always the same for them, as a card would: routers
 * keep what they learnt of flows' addresses from one run to the next.
 */
static void
steady_lladdr(const struct tport_spec *spec, struct ifnet *ifp)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	const struct {
		const void *p;
		size_t len;
	} part[] = {
	    {spec->device, strlen(spec->device)},
	    {spec->addr4.addr, spec->addr4.set ? 4 : 0},
	    {spec->addr6.addr, spec->addr6.set ? 16 : 0},
	};
	uint8_t lladdr[6] = {0xb2, 0xa1}; /* locally administered; a segment's others begin b2:a0 */

	if (shmif_file(spec) == NULL || (!spec->addr4.set && !spec->addr6.set))
		return;
	for (unsigned i = 0; i < sizeof(part) / sizeof(part[0]); i++)
		for (size_t k = 0; k < part[i].len; k++)
			h = (h ^ ((const uint8_t *)part[i].p)[k]) * UINT64_C(0x100000001b3);
	for (unsigned i = 0; i < 4; i++)
		lladdr[2 + i] = (uint8_t)(h >> (32 + 8 * i));
	(void)if_set_lladdr(ifp, lladdr);
}

/* Two ports of the loop, or one that comes back to itself. */
static int
open_loop(unsigned n, unsigned queues, struct ifnet **ifp, char *err, size_t errlen)
{
	struct port *port[TPORTS] = {NULL};
	int error = loop_open(queues, &port[0], n == 2 ? &port[1] : NULL, err, errlen);

	for (unsigned i = 0; error == 0 && i < n; i++) {
		error = port_attach(port[i], i == 0 ? "loop0" : "loop1", &ifp[i]);
		if (error != 0)
			snprintf(err, errlen, "%s", strerror(-error));
	}
	return error;
}

int
tports_check(const struct tport_spec *spec, unsigned n, char *err, size_t errlen)
{
	if (n < 2)
		return 0;
	if (is_loop(&spec[0]) != is_loop(&spec[1])) {
		snprintf(err, errlen, "-T %s -R %s: loop is both ports or one alone", spec[0].device, spec[1].device);
		return -EINVAL;
	}
	if (!is_loop(&spec[0]) && shmif_file(&spec[0]) == NULL && strcmp(spec[0].device, spec[1].device) == 0) {
		snprintf(err, errlen, "-R %s: the same device as -T (without -R it is one port against itself)",
		    spec[1].device);
		return -EINVAL;
	}
	for (unsigned k = 0; k < 2; k++) {
		const struct tport_addr *a = k == 0 ? &spec[0].addr4 : &spec[0].addr6;
		const struct tport_addr *b = k == 0 ? &spec[1].addr4 : &spec[1].addr6;

		if (a->set && b->set && memcmp(a->addr, b->addr, 16) == 0) {
			snprintf(err, errlen, "-R %s: the same address as -T", spec[1].device);
			return -EINVAL;
		}
	}
	return 0;
}

/* Link address, MTU, up. */
static int
raise_port(struct tport *t, char *err, size_t errlen)
{
	struct tport_spec *spec = &t->spec;
	const char *option = TPORT_OPTION(t->index);
	uint64_t lladdr; /* in the lower octets, as in memory */
	int error;

	steady_lladdr(spec, t->ifp);
	lladdr = atomic_load(&t->ifp->if_lladdr);
	memcpy(t->lladdr, &lladdr, 6);
	if (spec->mtu_soft && spec->mtu > t->port->mtu_max)
		spec->mtu = t->port->mtu_max;
	if (spec->mtu != 0 && spec->mtu != t->ifp->if_mtu) {
		error = spec->mtu > t->port->mtu_max	  ? -EMSGSIZE
			: t->ifp->if_ops->set_mtu != NULL ? t->ifp->if_ops->set_mtu(t->ifp, spec->mtu)
							  : 0;
		if (error != 0) {
			snprintf(err, errlen, "%s %s: an MTU of %u octets: %s (the device carries %u)", option,
			    spec->device, spec->mtu, error == -EMSGSIZE ? "too much" : strerror(-error),
			    t->port->mtu_max);
			return error;
		}
		atomic_store_explicit(&t->ifp->if_mtu, spec->mtu, memory_order_relaxed);
	}
	error = engine_port_up(t->ifp);
	if (error != 0) {
		snprintf(err, errlen, "%s %s: does not go up: %s", option, spec->device, strerror(-error));
		return error;
	}
	if (spec->promisc && t->ifp->if_ops->set_promisc != NULL && t->ifp->if_ops->set_promisc(t->ifp, true) != 0)
		mp_log(MP_LOG_WARNING, "%s %s: not promiscuous: frames for other link addresses are not seen", option,
		    spec->device);
	return 0;
}

static bool
links_up(void *arg)
{
	for (unsigned i = 0; i < ntports; i++) {
		if (tport[i].ifp->if_linkstate == LINK_DOWN)
			port_link_changed(tport[i].port);
		if (tport[i].ifp->if_linkstate == LINK_DOWN)
			return false;
	}
	return true;
}

static int
wait_links(double wait, char *err, size_t errlen)
{
	int error = tports_wait(links_up, NULL, wait);

	if (error == -EINTR)
		snprintf(err, errlen, "stopped while waiting for the link");
	else if (error != 0)
		for (unsigned i = 0; i < ntports; i++)
			if (tport[i].ifp->if_linkstate == LINK_DOWN) {
				snprintf(err, errlen, "%s %.256s: no link after %g s (--wait)%s%.16s%s",
				    TPORT_OPTION(i), tport[i].spec.device, wait,
				    is_tap(tport[i].spec.device) ? ": the kernel's side is down, ip link set " : "",
				    is_tap(tport[i].spec.device) ? tport[i].spec.device : "",
				    is_tap(tport[i].spec.device) ? " up" : "");
				return -ENETDOWN;
			}
	return error;
}

int
tports_open(const struct tport_spec *spec, unsigned n, double wait, char *err, size_t errlen)
{
	struct ifnet *ifp[TPORTS] = {NULL};
	char why[256];
	int error;

	ASSERT_CONTROL();
	error = tports_check(spec, n, err, errlen);
	if (error != 0)
		return error;
	if (is_loop(&spec[0]))
		error = open_loop(n, spec[0].queues, ifp, why, sizeof(why));
	for (unsigned i = 0; i < n; i++) {
		if (!is_loop(&spec[0]))
			error = open_one(i, &spec[i], &ifp[i], why, sizeof(why));
		if (error != 0) {
			size_t len = strlen(spec[i].device);
			const char *reason = why;

			if (strncmp(why, spec[i].device, len) == 0 && strncmp(why + len, ": ", 2) == 0)
				reason += len + 2;
			snprintf(err, errlen, "%s %.256s: %s", TPORT_OPTION(i), spec[i].device, reason);
			return error;
		}
		tport[i] = (struct tport){.spec = spec[i], .ifp = ifp[i], .port = port_of_ifnet(ifp[i]), .index = i};
	}
	ntports = n;
	for (unsigned i = 0; i < n; i++)
		if ((error = raise_port(&tport[i], err, errlen)) != 0)
			return error;
	error = neigh_start(n);
	if (error != 0) {
		snprintf(err, errlen, "%s", strerror(-error));
		return error;
	}
	error = wait_links(wait, err, errlen);
	if (error != 0)
		return error;
	for (unsigned i = 0; i < n; i++) {
		neigh_probe(i);
		neigh_announce(i);
	}
	return neigh_resolve(wait, err, errlen);
}

void
tports_close(void)
{
	ASSERT_CONTROL();
	neigh_stop();
	ntports = 0;
}

int
tports_resolve(double wait, char *err, size_t errlen)
{
	int error = wait_links(wait, err, errlen);

	if (error != 0)
		return error;
	for (unsigned i = 0; i < ntports; i++)
		neigh_announce(i);
	return neigh_resolve(wait, err, errlen);
}

void
tports_link(unsigned dir, struct traffic_link *link)
{
	const struct tport *from = &tport[dir], *to = &tport[ntports - 1 - dir];

	*link = (struct traffic_link){
	    .has4 = from->spec.addr4.set && to->spec.addr4.set,
	    .has6 = from->spec.addr6.set && to->spec.addr6.set,
	};
	memcpy(link->src, from->lladdr, 6);
	memcpy(link->dst, from->peer[0], 6);
	memcpy(link->gate6, from->peer[1], 6);
	memcpy(link->src4, from->spec.addr4.addr, 4);
	memcpy(link->dst4, to->spec.addr4.addr, 4);
	memcpy(link->src6, from->spec.addr6.addr, 16);
	memcpy(link->dst6, to->spec.addr6.addr, 16);
}
