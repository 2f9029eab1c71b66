/* SPDX-License-Identifier: BSD-2-Clause */
/* Sending, as control sees it: queues are made for a trial, given orders, and read. */
/*
 * Synchronization: a queue is written by control until its source is added (tx_start) and after the sources have gone
 * (tx_release); in between by its worker alone.  Orders are calls, which a worker carries out between two polls; none is given
 * once the sources go, and the barrier of tx_release is behind the last.
 * Lifetime: queues from tx_prepare to the next tx_prepare or tx_fini.
 */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipgen/engine/engine.h"
#include "ipgen/engine/tx_var.h"
#include "ipgen/sig.h"
#include "pkt/pkt.h"

static struct tx_queue *queues[TX_QUEUES]; /* [c] */
static unsigned nqueues;		   /* [c] */
static unsigned ndir[TRIAL_DIRS];	   /* [c] queues of each direction */
static struct tx_setup setup;		   /* [c] */
static struct mp_source *awake;		   /* [c] one for each worker that has no queue, or NULL */
static bool added;			   /* [c] the sources are the workers' */
static uint64_t looked;			   /* [c] stretches that tx_peaks has seen */
static uint64_t peak[TRIAL_DIRS];	   /* [c] */

/* An order: a call with an argument, freed when done. */
struct tx_order {
	struct mp_call call;
	struct tx_queue *q;
	double pps;
	struct traffic *traffic;
	bool pause;
};

static void
order_done(struct mp_call *call)
{
	free(call);
}

static struct tx_order *
order_new(struct tx_queue *q, void (*fn)(struct worker *, struct mp_call *))
{
	struct tx_order *o = calloc(1, sizeof(*o));

	if (o != NULL)
		*o = (struct tx_order){.call = {.fn = fn, .done = order_done}, .q = q};
	else
		mp_log(MP_LOG_ERR, "no memory for an order to a sender");
	return o;
}

/* Drivers that do not write to what they send. */
static bool
tx_keeps(struct port *port)
{
	static const char *const drivers[] = {"net_null", "net_pcap", "net_e1000_em", "net_e1000_igb", "net_ixgbe",
	    "net_i40e", "net_iavf", "net_ice", "mlx5_pci", "net_vmxnet3", "net_virtio", "net_af_packet", "net_tap"};
	static const char *const kinds[] = {"xdp", "packet", "shmif", "tap"};
	const char *driver;
	bool keeps = false;
	json_t *o;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(port->ops->kind, kinds[i]) == 0)
			return true;
	if (strcmp(port->ops->kind, "eth") != 0 || port->ops->status == NULL)
		return false;
	o = json_object();
	port->ops->status(port, o);
	driver = json_string_value(json_object_get(o, "driver"));
	for (unsigned i = 0; driver != NULL && i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (strcmp(driver, drivers[i]) == 0)
			keeps = true;
	json_decref(o);
	return keeps;
}

/* Flows, or a file's packets, of the queue with this index of so many. */
static uint32_t
share(const struct traffic *t, uint32_t index, uint32_t of)
{
	uint32_t n = 0;

	if (t->nreplay == 0)
		return t->nflows / of + (index < t->nflows % of);
	for (uint32_t i = 0; i < t->nreplay; i++)
		n += replay_packet(t, i)->hash % of == index;
	return n;
}

/* Packets of the first n that are of the queue's flows. */
static uint64_t
share_limit(const struct tx_queue *q, uint64_t n)
{
	uint64_t all = q->traffic->nflows, rest;

	if (n == 0)
		return UINT64_MAX;
	if (q->traffic->nreplay > 0)
		return n;
	rest = n % all;
	return n / all * q->flows + rest / q->stride + (q->index < rest % q->stride);
}

static unsigned
share_burst(unsigned burst, uint32_t index, uint32_t of)
{
	unsigned n = burst / of + (index < burst % of);

	return n == 0 ? 1 : n > TX_MAXBURST ? TX_MAXBURST : n;
}

static double
share_pps(const struct tx_queue *q, double pps)
{
	uint32_t all = q->traffic->nreplay > 0 ? q->traffic->nreplay : q->traffic->nflows;

	return isinf(pps) ? pps : pps * q->flows / all;
}

static void
queues_free(void)
{
	for (unsigned i = 0; i < nqueues; i++)
		free(queues[i]);
	nqueues = 0;
	free(awake);
	awake = NULL;
	memset(ndir, 0, sizeof(ndir));
	memset(peak, 0, sizeof(peak));
}

static int
queue_make(unsigned dir, uint16_t q, uint32_t index, uint32_t of)
{
	struct port *port = setup.port[dir];
	struct traffic *t = setup.traffic[dir];
	struct tx_queue *tq = aligned_alloc(128, (sizeof(*tq) + 127) & ~(size_t)127);

	if (tq == NULL)
		return -ENOMEM;
	memset(tq, 0, sizeof(*tq));
	*tq = (struct tx_queue){
	    .source = {.poll = t->nreplay > 0 ? tx_poll_replay : tx_poll, .arm = tx_arm, .fd = -1},
	    .port = port,
	    .tx_burst = port->ops->tx_burst,
	    .tx_flush = port->ops->tx_flush,
	    .q = q,
	    .worker = port->txworker[q],
	    .pool = tx_pool(port->txworker[q]),
	    .keeps = tx_keeps(port),
	    .dir = dir,
	    .index = index,
	    .stride = of,
	    .flows = share(t, index, of),
	    .dirbit = dir > 0 ? SIG_DIR : 0,
	    .magic = setup.magic,
	    .burst = share_burst(setup.burst != 0 ? setup.burst : 32, index, of),
	    .traffic = t,
	    .flow = index,
	    .stretch_ticks = mp_tsc_hz / 100 / TX_STRETCH,
	    .ticks_ns = (double)mp_tsc_hz / 1e9,
	};
	tq->pps = share_pps(tq, setup.pps[dir]);
	tq->limit = share_limit(tq, setup.packets);
	tq->period = (uint64_t)((double)t->replay_period * tq->ticks_ns);
	pace_init(&tq->pace, mp_tsc_hz);
	tx_walk(tq);
	lines_own(tq, sizeof(*tq), tq->worker, "struct tx_queue");
	queues[nqueues++] = tq;
	return 0;
}

bool
tx_fits(const struct traffic *t)
{
	unsigned room = rte_pktmbuf_data_room_size(tx_pool(0)) - RTE_PKTMBUF_HEADROOM;

	return traffic_max_size(t) - TRAFFIC_FCS <= room && room >= FRAME_HEAD;
}

int
tx_prepare(const struct tx_setup *s, char *err, size_t errlen)
{
	ASSERT_CONTROL();
	for (unsigned d = 0; d < s->nports; d++)
		if (s->traffic[d] != NULL && !tx_fits(s->traffic[d])) {
			snprintf(err, errlen, "frames of %u octets do not fit into the packet buffers",
			    traffic_max_size(s->traffic[d]));
			return -EINVAL;
		}
	queues_free();
	setup = *s;
	for (unsigned d = 0; d < s->nports; d++) {
		struct traffic *t = s->traffic[d];
		uint32_t of;

		if (t == NULL)
			continue;
		of = s->port[d]->ntxq;
		if (t->nreplay == 0 && of > t->nflows)
			of = t->nflows;
		ndir[d] = of;
		for (uint32_t i = 0; i < of; i++)
			if (queue_make(d, (uint16_t)i, i, of) != 0)
				goto nomem;
	}
	awake = calloc(mp_nworkers, sizeof(awake[0]));
	if (awake == NULL)
		goto nomem;
	return 0;
nomem:
	queues_free();
	snprintf(err, errlen, "sending: %s", strerror(ENOMEM));
	return -ENOMEM;
}

void
tx_start(uint64_t at)
{
	bool has[MP_MAXWORKERS] = {false};

	ASSERT_CONTROL();
	for (unsigned i = 0; i < nqueues; i++) {
		struct tx_queue *q = queues[i];
		double all = setup.pps[q->dir];
		uint64_t warm = (uint64_t)(setup.warmup * (double)mp_tsc_hz);
		uint64_t ramp = (uint64_t)(setup.ramp * (double)mp_tsc_hz);

		if (q->traffic->nreplay > 0)
			warm = ramp = 0;
		q->start = at;
		q->warm_end = at + warm;
		q->ramp_end = at + (isinf(all) ? 0 : ramp < warm ? ramp : warm);
		q->end =
		    setup.seconds > 0 ? q->warm_end + (uint64_t)(setup.seconds * (double)mp_tsc_hz) : UINT64_MAX >> 1;
		/* one after the other, as the packets of one sender would come */
		pace_rate(&q->pace, at + (all > 0 && !isinf(all) ? (uint64_t)(q->index * (double)mp_tsc_hz / all) : 0),
		    q->pps, q->burst);
		has[q->worker] = true;
	}
	looked = at / (mp_tsc_hz / 100 / TX_STRETCH);
	for (unsigned i = 0; i < nqueues; i++)
		if (mp_source_add(mp_workers[queues[i]->worker], &queues[i]->source) != 0)
			mp_log(MP_LOG_ERR, "no memory for a sender");
	for (unsigned i = 0; i < mp_nworkers; i++) {
		awake[i] = (struct mp_source){.poll = tx_poll_awake, .arm = tx_arm, .fd = -1};
		if (!has[i])
			(void)mp_source_add(mp_workers[i], &awake[i]);
	}
	added = true;
}

static void
order_stop(struct worker *w, struct mp_call *call)
{
	struct tx_queue *q = ((struct tx_order *)call)->q;

	if (q->phase == TX_DONE)
		return;
	q->limit = 0; /* what is due now is not asked for any more */
	tx_finish(q);
}

void
tx_stop(void)
{
	for (unsigned i = 0; added && i < nqueues; i++) {
		struct tx_order *o = order_new(queues[i], order_stop);

		if (o != NULL)
			mp_call(mp_workers[queues[i]->worker], &o->call);
	}
}

static void
order_rate(struct worker *w, struct mp_call *call)
{
	struct tx_order *o = (struct tx_order *)call;
	struct tx_queue *q = o->q;
	uint64_t now = rte_rdtsc();

	/* what is overdue is not asked for at the new rate, but it was */
	if (q->phase == TX_COUNTS && !q->paused && q->limit == UINT64_MAX)
		mp_add(&q->stats.slipped, pace_give_up(&q->pace, now < q->end ? now : q->end - 1, 0));
	q->pps = o->pps;
	if (q->phase != TX_WAIT)
		pace_change(&q->pace, now, q->pps, q->burst);
	else
		pace_distance(&q->pace, q->pps, q->burst);
}

void
tx_set_rate(unsigned dir, double pps)
{
	for (unsigned i = 0; added && i < nqueues; i++) {
		struct tx_order *o;

		if (queues[i]->dir != dir || (o = order_new(queues[i], order_rate)) == NULL)
			continue;
		o->pps = share_pps(queues[i], pps);
		mp_call(mp_workers[queues[i]->worker], &o->call);
	}
	setup.pps[dir] = pps;
}

static void
order_traffic(struct worker *w, struct mp_call *call)
{
	struct tx_order *o = (struct tx_order *)call;

	o->q->traffic = o->traffic;
	tx_walk(o->q);
}

void
tx_set_traffic(unsigned dir, struct traffic *t)
{
	for (unsigned i = 0; added && i < nqueues; i++) {
		struct tx_order *o;

		if (queues[i]->dir != dir || (o = order_new(queues[i], order_traffic)) == NULL)
			continue;
		o->traffic = t;
		mp_call(mp_workers[queues[i]->worker], &o->call);
	}
	setup.traffic[dir] = t;
}

static void
order_pause(struct worker *w, struct mp_call *call)
{
	struct tx_order *o = (struct tx_order *)call;

	if (o->q->paused && !o->pause && o->q->phase != TX_WAIT)
		pace_change(&o->q->pace, rte_rdtsc(), o->q->pps, o->q->burst);
	o->q->paused = o->pause;
}

void
tx_pause(bool on)
{
	for (unsigned i = 0; added && i < nqueues; i++) {
		struct tx_order *o = order_new(queues[i], order_pause);

		if (o == NULL)
			continue;
		o->pause = on;
		mp_call(mp_workers[queues[i]->worker], &o->call);
	}
}

void
tx_counts(unsigned dir, struct tx_counts *c)
{
	*c = (struct tx_counts){.counting = true, .done = true, .peak10ms = peak[dir]};
	for (unsigned i = 0; i < nqueues; i++) {
		const struct tx_queue *q = queues[i];
		const struct tx_stats *st = &q->stats;
		uint64_t first, last, phase;

		if (q->dir != dir)
			continue;
		phase = __atomic_load_n(&st->phase, __ATOMIC_ACQUIRE);
		c->counting = c->counting && phase >= TX_COUNTS;
		c->done = c->done && phase == TX_DONE;
		c->sent += mp_read(&st->sent);
		c->sent_octets += mp_read(&st->octets);
		c->warm += mp_read(&st->warm);
		c->tx_full += mp_read(&st->full);
		c->slipped += mp_read(&st->slipped);
		first = mp_read(&st->first);
		last = mp_read(&st->last);
		if (first != 0 && (c->first == 0 || (int64_t)(first - c->first) < 0))
			c->first = first;
		if (last != 0 && (c->last == 0 || (int64_t)(last - c->last) > 0))
			c->last = last;
		for (unsigned k = 0; k <= TX_MAXBURST; k++)
			c->burst[k] += mp_read(&st->burst[k]);
	}
}

/* Packets of a direction in stretch s. */
static uint64_t
stretch_of(unsigned dir, uint64_t s)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < nqueues; i++) {
		uint64_t word = queues[i]->dir == dir ? mp_read(&queues[i]->row[s % TX_ROW]) : 0;

		if (word >> 24 == (s & (UINT64_MAX >> 24)))
			n += word & TX_COUNT;
	}
	return n;
}

void
tx_peaks(void)
{
	/* a worker writes a stretch when it sends in a later one: the last 20 ms may still be in the making */
	uint64_t until = rte_rdtsc() / (mp_tsc_hz / 100 / TX_STRETCH), s;

	ASSERT_CONTROL();
	if (until < looked + 3 * TX_STRETCH)
		return;
	until -= 2 * TX_STRETCH;
	if (until - looked > TX_ROW - 4 * TX_STRETCH)
		looked = until - (TX_ROW - 4 * TX_STRETCH); /* control was away */
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		uint64_t in = 0, part[TX_STRETCH] = {0};

		/* once more over the window before, whose sums reach into what is new */
		for (s = looked > TX_STRETCH ? looked - TX_STRETCH : 0; ndir[d] > 0 && s < until; s++) {
			in -= part[s % TX_STRETCH];
			part[s % TX_STRETCH] = stretch_of(d, s);
			in += part[s % TX_STRETCH];
			if (in > peak[d])
				peak[d] = in;
		}
	}
	looked = until;
}

uint32_t
tx_flow_sent(unsigned dir, uint32_t flow)
{
	for (unsigned i = 0; i < nqueues; i++) {
		const struct tx_queue *q = queues[i];
		uint64_t sent;

		if (q->dir != dir || q->source.poll != tx_poll || flow % q->stride != q->index)
			continue;
		sent = mp_read(&q->stats.sent);
		return (uint32_t)(sent / q->flows + (flow / q->stride < sent % q->flows));
	}
	return 0;
}

void
tx_release(void)
{
	bool has[MP_MAXWORKERS] = {false};

	ASSERT_CONTROL();
	if (!added)
		return;
	for (unsigned i = 0; i < nqueues; i++) {
		mp_source_remove(mp_workers[queues[i]->worker], &queues[i]->source);
		has[queues[i]->worker] = true;
	}
	for (unsigned i = 0; i < mp_nworkers; i++)
		if (!has[i])
			mp_source_remove(mp_workers[i], &awake[i]);
	added = false;
	engine_barrier(); /* no poll looks at them any more */
	for (unsigned i = 0; i < nqueues; i++)
		lines_adopt(queues[i], sizeof(*queues[i]));
}

void
tx_fini(void)
{
	queues_free();
}
