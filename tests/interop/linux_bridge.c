/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two Linux interfaces cross-connected by the driver alone, without the stack: linux_bridge [-w N] [-q N] [-v xdp|packet] [-t] A B
 * Prints "ready", runs until standard input ends, gives both back and prints what was counted.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dev/linux.h"
#include "mp/eal.h"
#include "mp/mp.h"
#include "pkt/pkt.h"

static struct port *ports[2];
static struct mp_source sources[2][PORT_MAXQ];
static struct {
	struct port *port, *out;
	uint16_t q;
} args[2][PORT_MAXQ];
static _Atomic uint64_t forwarded, dropped;
static struct event_base *base;

static unsigned
bridge_poll(struct worker *w, struct mp_source *s)
{
	struct port *port = args[0][0].port, *out;
	struct rte_mbuf *m[PKT_VEC];
	uint16_t txq = 0, q, n, sent;
	const typeof(args[0][0]) *a = s->arg;

	port = a->port;
	out = a->out;
	q = a->q;
	n = port->ops->rx_burst(port, q, m, PKT_VEC);
	if (n == 0)
		return 0;
	while (txq < out->ntxq && out->txworker[txq] != w->id)
		txq++;
	sent = out->ops->tx_burst(out, txq, m, n);
	if (out->ops->tx_flush != NULL)
		out->ops->tx_flush(out, txq);
	forwarded += sent;
	dropped += n - sent;
	for (unsigned i = sent; i < n; i++)
		rte_pktmbuf_free(m[i]);
	return n;
}

static bool
bridge_arm(struct worker *w, struct mp_source *s)
{
	const typeof(args[0][0]) *a = s->arg;

	return a->port->ops->rx_arm(a->port, a->q);
}

static void
stdin_end(evutil_socket_t fd, short what, void *arg)
{
	char buf[64];

	if (read(fd, buf, sizeof(buf)) <= 0)
		event_base_loopexit(base, NULL);
}

static void
loop_once_done(struct mp_deferred *d)
{
	event_base_loopexit(base, NULL);
}

int
main(int argc, char **argv)
{
	struct mp_config cfg = {.nworkers = 1, .pool_buffers = 8192};
	struct linux_options opts = {0};
	static struct mp_deferred deferred;
	char err[256];
	int c;

	while ((c = getopt(argc, argv, "w:q:v:t")) != -1) {
		switch (c) {
		case 'w':
			cfg.nworkers = atoi(optarg);
			break;
		case 'q':
			opts.queues = atoi(optarg);
			break;
		case 'v':
			opts.via = strcmp(optarg, "xdp") == 0 ? LINUX_VIA_XDP : LINUX_VIA_PACKET;
			break;
		case 't':
			opts.take = true;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind != 2)
		return 2;
	base = event_base_new();
	if (mp_eal_init() != 0 || pkt_init() != 0 || mp_start(&cfg, base) != 0)
		return 1;
	opts.nworkers = mp_nworkers;
	for (unsigned i = 0; i < 2; i++) {
		if (linux_open(argv[optind + i], &opts, &ports[i], err, sizeof(err)) != 0) {
			fprintf(stderr, "%s\n", err);
			return 1;
		}
		for (unsigned q = 0; q < ports[i]->nrxq; q++)
			ports[i]->rxworker[q] = q % mp_nworkers;
		for (unsigned q = 0; q < ports[i]->ntxq; q++)
			ports[i]->txworker[q] = q;
		if (ports[i]->ops->start(ports[i], err, sizeof(err)) != 0) {
			fprintf(stderr, "%s\n", err);
			return 1;
		}
	}
	mp_run();
	for (unsigned i = 0; i < 2; i++)
		for (unsigned q = 0; q < ports[i]->nrxq; q++) {
			args[i][q].port = ports[i];
			args[i][q].out = ports[!i];
			args[i][q].q = q;
			sources[i][q] = (struct mp_source){.poll = bridge_poll,
			    .arm = bridge_arm,
			    .fd = ports[i]->ops->rx_fd(ports[i], q),
			    .arg = &args[i][q]};
			mp_source_add(mp_workers[ports[i]->rxworker[q]], &sources[i][q]);
		}
	printf("ready\n");
	fflush(stdout);
	struct event *ev = event_new(base, 0, EV_READ | EV_PERSIST, stdin_end, NULL);
	event_add(ev, NULL);
	event_base_dispatch(base);
	event_free(ev);
	for (unsigned i = 0; i < 2; i++)
		for (unsigned q = 0; q < ports[i]->nrxq; q++)
			mp_source_remove(mp_workers[ports[i]->rxworker[q]], &sources[i][q]);
	mp_defer(&deferred, loop_once_done);
	event_base_dispatch(base);
	printf("forwarded %lu dropped %lu\n", (unsigned long)forwarded, (unsigned long)dropped);
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned q = 0; q < ports[i]->nrxq; q++)
			printf("%s queue %u: errors %lu nobuf %lu missed %lu txerrors %lu\n", ports[i]->name, q,
			    (unsigned long)ports[i]->qstats[q].rx_errors, (unsigned long)ports[i]->qstats[q].rx_nobuf,
			    (unsigned long)ports[i]->qstats[q].rx_missed, (unsigned long)ports[i]->qstats[q].tx_errors);
		ports[i]->ops->stop(ports[i]);
		ports[i]->ops->close(ports[i]);
		free(ports[i]);
	}
	for (unsigned i = 0; i <= mp_nworkers; i++)
		printf(
		    "pool %u: %u of %u\n", i, rte_mempool_avail_count(mp_workers[i]->pool), mp_workers[i]->pool->size);
	mp_stop();
	mp_eal_fini();
	return 0;
}
