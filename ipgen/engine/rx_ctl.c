/* SPDX-License-Identifier: BSD-2-Clause */
/* Receiving, control's side: tables made before a trial, read while it runs and when it is over. */
/*
 * Synchronization: rx.h.  A table is new for every trial: nothing that a worker wrote is written by control.
 * Lifetime: rx_idle, which knows no flows, from rx_init to rx_fini; a trial's table from rx_prepare to the next one.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "if/ifnet.h"
#include "ipgen/engine/engine.h"
#include "ipgen/engine/rx_var.h"
#include "ipgen/traffic/frame.h"

#define TAILS	    (128u << 20) /* octets for the tails of a direction's flows */
#define TOUCHED	    (16u << 20)	 /* of that so much is touched beforehand */
#define MANY	    256		 /* flows whose state a worker's first cache does not hold */
#define SETTLE	    1000	 /* turns of the workers: an inbox is empty by then, were it full */
#define LIVE_JITTER 1024	 /* flows that a sample reads: a cache line of another thread each */

static struct rx_table *rx_idle;  /* [c] */
static struct rx_table *rx_trial; /* [c] the last that was prepared */
static const char no_memory[] = "receiving: no memory for %u flows";

static void
table_free(struct rx_table *t)
{
	if (t == NULL)
		return;
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		struct rx_flows *f = &t->flows[d];

		if (f->track != NULL)
			munmap(f->track, f->track_len);
		if (f->tail != NULL)
			munmap(f->tail, f->tail_len);
		free(f->owner);
		rx_find_free(&t->match.find[d]);
	}
	for (unsigned i = 0; i < MP_MAXWORKERS; i++)
		free(t->worker[i]);
	free(t);
}

static struct rx_table *
table_new(void)
{
	struct rx_table *t = calloc(1, sizeof(*t));

	for (unsigned i = 0; t != NULL && i < mp_nworkers; i++) {
		t->worker[i] = lines_zalloc(sizeof(*t->worker[i]));
		if (t->worker[i] == NULL) {
			table_free(t);
			return NULL;
		}
	}
	return t;
}

static void *
pages(size_t len, size_t touch)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, len, MADV_HUGEPAGE);
	for (size_t i = 0; i < touch; i += 4096)
		((volatile uint8_t *)p)[i] = 0;
	return p;
}

static int
flows_new(struct rx_flows *f, uint32_t n)
{
	f->shape = track_shape(n, TAILS);
	f->track_len = n * sizeof(struct track);
	f->tail_len = n * f->shape.tail;
	f->track = pages(f->track_len, f->track_len);
	f->tail = pages(f->tail_len, RTE_MIN(f->tail_len, (size_t)TOUCHED));
	f->owner = lines_zalloc(n);
	if (f->track == NULL || f->tail == NULL || f->owner == NULL)
		return -ENOMEM;
	lines_exempt(f->owner, n < LINES_OCTETS ? LINES_OCTETS : n, "ipgen, owners of flows");
	return 0;
}

static uint64_t
flows_key(const struct flow *flow, uint32_t n)
{
	uint64_t key = n;

	for (uint32_t i = 0; i < n; i++)
		key = (key + rx_find_hash(flow[i].family, flow[i].proto, flow[i].src, flow[i].dst,
				 rx_load32((const uint8_t *)&flow[i].sport))) *
		      0x9e3779b97f4a7c15u;
	return key;
}

/* A direction's flows, looked up by the last trial's tables where they are the same flows. */
static int
table_dir(struct rx_table *t, unsigned d, const struct traffic *traffic)
{
	uint32_t n = traffic_nflows(traffic);

	t->replay[d] = traffic->nreplay > 0;
	if (n == 0)
		return 0;
	t->match.flow[d] = traffic_flow(traffic, 0);
	t->match.nflows[d] = n;
	t->key[d] = flows_key(t->match.flow[d], n);
	t->many |= n > MANY;
	if (rx_trial != NULL && rx_trial->match.nflows[d] == n && rx_trial->key[d] == t->key[d]) {
		t->match.find[d] = rx_trial->match.find[d];
		rx_trial->match.find[d] = (struct rx_find){0};
		rx_trial->match.nflows[d] = 0;
	} else if (rx_find_build(&t->match.find[d], t->match.flow[d], n) != 0) {
		return -ENOMEM;
	}
	return flows_new(&t->flows[d], n);
}

static uint64_t
lost_here(void)
{
	return mp_drop_sum(DROP_RING_FULL) + mp_drop_sum(DROP_NOBUF);
}

int
rx_init(void)
{
	ASSERT_CONTROL();
	rx_check_init();
	rx_idle = table_new();
	if (rx_idle == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < mp_nworkers; i++) {
		rx_hand[i] = lines_zalloc(sizeof(*rx_hand[i]));
		if (rx_hand[i] == NULL) {
			rx_fini();
			return -ENOMEM;
		}
	}
	/* a magic that no trial has, nor the one below it */
	rx_idle->match.magic = (uint16_t)(SIG_MAGIC - 1);
	atomic_store_explicit(&rx_now, rx_idle, memory_order_release);
	return 0;
}

void
rx_fini(void)
{
	ASSERT_CONTROL();
	for (unsigned i = 0; i < MP_MAXWORKERS; i++) {
		free(rx_hand[i]);
		rx_hand[i] = NULL;
	}
	table_free(rx_trial);
	table_free(rx_idle);
	rx_trial = rx_idle = NULL;
	atomic_store_explicit(&rx_now, NULL, memory_order_release);
}

int
rx_prepare(const struct rx_setup *setup, char *err, size_t errlen)
{
	struct rx_table *t = table_new();
	unsigned flows = 0;

	ASSERT_CONTROL();
	MP_ASSERT(atomic_load(&rx_now) == rx_idle);
	if (t == NULL)
		goto fail;
	t->match.magic = setup->magic;
	t->sent = setup->sent;
	for (unsigned i = 0; i < setup->nports; i++) {
		t->ifp[i] = setup->port[i];
		t->port[i].lladdr = atomic_load(&setup->port[i]->if_lladdr);
	}
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		if (setup->traffic[d] == NULL)
			continue;
		t->port[setup->nports == 1 ? 0 : setup->nports - 1 - d].ends |= (uint8_t)(1u << d);
		flows += traffic_nflows(setup->traffic[d]);
		if (table_dir(t, d, setup->traffic[d]) != 0)
			goto fail;
	}
	t->tester_lost = lost_here();
	table_free(rx_trial);
	rx_trial = t;
	return 0;
fail:
	table_free(t);
	snprintf(err, errlen, no_memory, flows);
	return -ENOMEM;
}

void
rx_open(void)
{
	ASSERT_CONTROL();
	atomic_store_explicit(&rx_now, rx_trial, memory_order_release);
}

void
rx_close(void)
{
	ASSERT_CONTROL();
	atomic_store_explicit(&rx_now, rx_idle, memory_order_release);
}

static bool
handed_over(void)
{
	for (unsigned i = 0; i < mp_nworkers; i++)
		if (!mp_ring_empty(&mp_workers[i]->inbox))
			return true;
	return false;
}

void
rx_settle(void)
{
	atomic_store_explicit(&rx_closing, rx_trial, memory_order_release);
	rx_close();
	engine_barrier(); /* nobody hands over more */
	for (unsigned i = 0; i < SETTLE && handed_over(); i++)
		engine_barrier();
	engine_barrier(); /* what was taken last is counted */
	atomic_store_explicit(&rx_closing, NULL, memory_order_release);
	engine_barrier();
}

void
rx_traffic(unsigned dir, const struct traffic *traffic)
{
	/* what is looked at are the flows, and they are the same (traffic_resize shares them) */
	ASSERT_CONTROL();
	MP_ASSERT(traffic_nflows(traffic) == rx_trial->match.nflows[dir]);
}

void
rx_counts(struct trial_counts counts[TRIAL_DIRS], uint64_t *other, uint64_t *tester_lost)
{
	ASSERT_CONTROL();
	if (rx_trial == NULL)
		return;
	for (unsigned i = 0; i < mp_nworkers; i++) {
		const struct rx_worker *rw = rx_trial->worker[i];

		*other += mp_read(&rw->other);
		for (unsigned k = 0; k < TRIAL_DIRS; k++) {
			const struct rx_dir *d = &rw->dir[k];
			struct trial_counts *c = &counts[k];
			uint64_t extent = mp_read(&d->extent);

			c->received += mp_read(&d->received);
			c->received_octets += mp_read(&d->octets);
			c->unique += mp_read(&d->unique);
			c->lost += mp_read(&d->missing);
			c->reordered += mp_read(&d->reordered);
			c->reorder_max = RTE_MAX(c->reorder_max, extent);
			c->duplicate += mp_read(&d->duplicate);
			c->corrupt += mp_read(&d->corrupt);
			c->unattributed += mp_read(&d->unattributed);
			c->misdelivered += mp_read(&d->misdelivered);
			c->stale += mp_read(&d->stale);
			c->fragments += mp_read(&d->fragments);
			c->late += mp_read(&d->late);
		}
	}
	*tester_lost += lost_here() - rx_trial->tester_lost;
}

uint64_t
rx_warm(unsigned dir)
{
	uint64_t warm = 0;

	for (unsigned i = 0; rx_trial != NULL && i < mp_nworkers; i++)
		warm += mp_read(&rx_trial->worker[i]->dir[dir].warm);
	return warm;
}

uint64_t
rx_lastarrival(void)
{
	uint64_t last = 0;

	for (unsigned i = 0; rx_trial != NULL && i < mp_nworkers; i++) {
		uint64_t at = mp_read(&rx_trial->worker[i]->last);

		last = RTE_MAX(last, at);
	}
	return last;
}

void
rx_latency(unsigned dir, struct hist *h)
{
	for (unsigned i = 0; rx_trial != NULL && i < mp_nworkers; i++)
		hist_merge(h, &rx_trial->worker[i]->hist[dir]);
}

static double
nanoseconds(double ticks)
{
	return ticks * 1e9 / (double)mp_tsc_hz;
}

void
rx_latency_of(const struct hist *h, struct trial_latency *l)
{
	l->n = h->count;
	l->min = nanoseconds((double)hist_quantile(h, 0));
	l->mean = nanoseconds(hist_mean(h));
	l->p50 = nanoseconds((double)hist_quantile(h, 0.5));
	l->p90 = nanoseconds((double)hist_quantile(h, 0.9));
	l->p99 = nanoseconds((double)hist_quantile(h, 0.99));
	l->p999 = nanoseconds((double)hist_quantile(h, 0.999));
	l->max = nanoseconds((double)hist_quantile(h, 1));
}

void
rx_jitter(unsigned dir, struct trial_latency *l)
{
	uint32_t n = rx_trial != NULL ? RTE_MIN(rx_trial->match.nflows[dir], LIVE_JITTER) : 0, with = 0;
	double sum = 0, most = 0;

	for (uint32_t i = 0; i < n; i++) {
		float jitter;

		__atomic_load(&rx_trial->flows[dir].track[i].jitter, &jitter, __ATOMIC_RELAXED);
		with += jitter > 0;
		sum += (double)jitter;
		most = RTE_MAX(most, (double)jitter);
	}
	l->jitter = with > 0 ? nanoseconds(sum / with) : 0;
	l->jitter_max = nanoseconds(most);
}

/* What a flow sent, of which sent tells the lower 32 bits: no fewer than came, but for numbers that are wrong */
static uint64_t
flow_sent(unsigned dir, uint32_t flow, const struct track *tr)
{
	uint32_t more;

	if (rx_trial->sent == NULL)
		return tr->next;
	more = rx_trial->sent(dir, flow) - (uint32_t)tr->next;
	return -more <= TRACK_BACK && -more <= tr->next ? tr->next - -more : tr->next + more;
}

/* Numbers of a flow that are accounted for */
static uint64_t
flow_here(const struct track *tr, const struct track_tail *tail)
{
	return tr->unique + tr->late + tail->numberless;
}

/* What is held back is counted, as the owner would have. */
static void
flow_rest(unsigned dir, struct track *tr, struct track_tail *tail, const struct track_shape *shape, uint64_t sent,
    struct trial_counts *c)
{
	const struct track was = *tr;
	uint32_t numberless = tail->numberless;

	track_rest(tr, tail, shape, sent);
	numberless = tail->numberless - numberless;
	tail->corrupt += numberless;
	c->unique += tr->unique - was.unique;
	c->reordered += tr->reordered - was.reordered;
	c->duplicate += tr->duplicate - was.duplicate;
	c->late += tr->late - was.late;
	c->corrupt += numberless;
	c->unattributed += numberless;
	c->reorder_max = RTE_MAX(c->reorder_max, tail->extent);
}

/* All flows of a direction: what is held back, jitter, who lost something. */
static void
collect_flows(unsigned dir, struct trial_direction *out)
{
	struct rx_flows *f = &rx_trial->flows[dir];
	const struct trial_counts *c = &out->count;
	/* more came than was counted: of a flow from which nothing is missing too something may be held back */
	const bool held = c->unique + c->duplicate + c->late + c->unattributed < c->received;
	uint32_t n = rx_trial->match.nflows[dir], with = 0;
	double jitter = 0, most = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct track *tr = &f->track[i];
		uint64_t sent = flow_sent(dir, i, tr), here = tr->unique + tr->late;

		if (here < sent || held) {
			struct track_tail *tail = rx_tail(f, i);

			if (tail->held != 0)
				flow_rest(dir, tr, tail, &f->shape, sent, &out->count);
			out->flows_lossy += flow_here(tr, tail) < sent;
		}
		if (tr->unique > 1) {
			with++;
			jitter += (double)tr->jitter;
			most = RTE_MAX(most, (double)tr->jitter);
		}
	}
	out->flows = n;
	out->latency.jitter = with > 0 ? nanoseconds(jitter / with) : 0;
	out->latency.jitter_max = nanoseconds(most);
}

void
rx_collect(struct trial_result *r)
{
	static struct hist hist[TRIAL_DIRS]; /* [c] */
	struct trial_counts counts[TRIAL_DIRS] = {0};
	uint64_t other = 0, tester_lost = 0;

	ASSERT_CONTROL();
	rx_counts(counts, &other, &tester_lost);
	r->other = other;
	r->tester_lost = tester_lost;
	for (unsigned d = 0; d < TRIAL_DIRS; d++) {
		struct trial_direction *out = &r->dir[d];
		struct trial_counts *c = &counts[d];
		uint64_t first = 0, last = 0, here;

		c->sent = out->count.sent;
		c->sent_octets = out->count.sent_octets;
		c->tx_full = out->count.tx_full;
		c->slipped = out->count.slipped;
		out->count = *c;
		c = &out->count;
		hist_clear(&hist[d]);
		rx_latency(d, &hist[d]);
		rx_latency_of(&hist[d], &out->latency);
		out->hist = &hist[d];
		out->flows_lossy = 0;
		collect_flows(d, out);
		here = c->unique + c->late + c->unattributed;
		c->lost = c->sent > here ? c->sent - here : 0;
		for (unsigned i = 0; i < mp_nworkers; i++) {
			const struct rx_dir *rd = &rx_trial->worker[i]->dir[d];

			if (rd->first != 0 && (first == 0 || rd->first < first))
				first = rd->first;
			last = RTE_MAX(last, rd->last);
		}
		if (last > first && c->received > 1)
			out->rx_pps = (double)(c->received - 1) * (double)mp_tsc_hz / (double)(last - first);
	}
}

void
rx_flow(unsigned dir, uint32_t flow, struct trial_flow_result *out)
{
	const struct rx_flows *f = &rx_trial->flows[dir];
	const struct track *tr = &f->track[flow];
	const struct track_tail *tail = rx_tail(f, flow);

	ASSERT_CONTROL();
	out->sent = flow_sent(dir, flow, tr);
	out->lost = out->sent > flow_here(tr, tail) ? out->sent - flow_here(tr, tail) : 0;
	out->received = flow_here(tr, tail) + tr->duplicate;
	out->reordered = tr->reordered;
	out->duplicate = tr->duplicate;
	out->corrupt = tail->corrupt;
	out->misdelivered = tail->misdelivered;
	out->jitter = nanoseconds((double)tr->jitter);
}
