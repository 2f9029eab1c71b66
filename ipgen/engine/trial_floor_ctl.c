/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tester's own floor: a trial through a loop in memory, which adds nothing.
 *
 * Synchronization: control.
 * Lifetime: the loop's ports from trial_floor's beginning to its end.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "dev/port.h"
#include "if/ifnet.h"
#include "ipgen/engine/engine.h"
#include "ipgen/engine/trial_var.h"
#include "ipgen/traffic.h"
#include "mp/mp.h"

#define FLOOR_TRY_S 0.05 /* how fast can it be? */
#define FLOOR_S	    0.15

static void
detached(void *arg)
{
	(*(unsigned *)arg)--;
}

/* => both ends attached and up; 0 or -errno with err, nothing left behind */
static int
floor_open(struct trial_ports *p, char *err, size_t errlen)
{
	static unsigned unit; /* [c] an index may not be free again yet */
	unsigned waits = 0;
	int r = loop_open(0, &p->port[0], &p->port[1], err, errlen);

	if (r != 0)
		return r;
	for (p->n = 0; p->n < 2 && r == 0; p->n++) {
		char name[IFNAMSIZ_SMP];

		snprintf(name, sizeof(name), "floor%u", unit++ % 100000);
		r = port_attach(p->port[p->n], name, &p->ifp[p->n]);
		if (r == 0 && (r = engine_port_up(p->ifp[p->n])) == 0)
			continue;
		snprintf(err, errlen, "loop: %s", strerror(-r));
		break;
	}
	if (r == 0)
		return 0;
	for (unsigned i = 0; i < 2; i++) {
		if (p->port[i]->pif != NULL) {
			waits++;
			port_detach(p->port[i], detached, &waits);
		} else {
			port_unplace_queues(p->port[i]);
			p->port[i]->ops->close(p->port[i]);
		}
	}
	while (waits > 0)
		event_base_loop(mp_base, EVLOOP_ONCE);
	return r;
}

static struct traffic *
floor_traffic(const struct trial_ports *ports, unsigned size, char *err, size_t errlen)
{
	static struct traffic_spec spec; /* large */
	struct traffic_link link = {.has4 = true, .src4 = {198, 18, 0, 1}, .dst4 = {198, 19, 0, 1}};

	memcpy(link.src, ports->port[0]->lladdr, 6);
	memcpy(link.dst, ports->port[1]->lladdr, 6);
	memset(&spec, 0, sizeof(spec));
	spec.family = 4;
	spec.proto = 17;
	spec.sport[0] = spec.sport[1] = spec.dport[0] = spec.dport[1] = 9;
	spec.sizes.kind = SIZES_FIXED;
	spec.sizes.size = size;
	return traffic_build(&spec, &link, false, err, errlen);
}

int
trial_floor(double pps, unsigned size, struct trial_latency *latency, char *err, size_t errlen)
{
	struct trial_ports ports;
	struct trial_spec spec = {.pps = {INFINITY}, .seconds = FLOOR_TRY_S, .warmup = 0.01, .drain = 0.2};
	struct trial_result result;
	unsigned waits = 2;
	int r;

	ASSERT_CONTROL();
	memset(latency, 0, sizeof(*latency));
	r = floor_open(&ports, err, errlen);
	if (r != 0)
		return r;
	spec.traffic[0] = floor_traffic(&ports, size, err, errlen);
	r = spec.traffic[0] == NULL ? -EINVAL : trial_run_on(&ports, &spec, &result, err, errlen);
	if (r == 0) {
		double most = result.dir[0].tx_pps / 2;

		spec.seconds = FLOOR_S;
		spec.pps[0] = pps < most ? pps : most;
		if (spec.pps[0] < 100)
			spec.pps[0] = 100; /* enough to say something */
		r = trial_run_on(&ports, &spec, &result, err, errlen);
	}
	if (r == 0)
		*latency = result.dir[0].latency;
	for (unsigned i = 0; i < 2; i++)
		port_detach(ports.port[i], detached, &waits);
	while (waits > 0)
		event_base_loop(mp_base, EVLOOP_ONCE);
	if (spec.traffic[0] != NULL)
		traffic_free(spec.traffic[0]);
	return r;
}
