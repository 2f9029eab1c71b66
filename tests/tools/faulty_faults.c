/* SPDX-License-Identifier: BSD-2-Clause */
/* What the faulty forwarder does to a frame: one fault each at most, so that the counts add up. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "faulty.h"

const char *const fault_name[NFAULTS] = {
    [DROP] = "dropped",
    [DUPLICATE] = "duplicated",
    [REORDER] = "reordered",
    [CORRUPT] = "corrupted",
    [TRUNCATE] = "truncated",
    [MISDELIVER] = "misdelivered",
    [FRAGMENT] = "fragmented",
};

static unsigned
get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

bool
frame_layout(const uint8_t *f, uint32_t len, struct layout *l)
{
	unsigned at = 12;

	while (at + 6 <= len && (get16(f + at) == 0x8100 || get16(f + at) == 0x88a8))
		at += 4;
	if (at + 2 > len)
		return false;
	l->l3 = at + 2;
	if (get16(f + at) == 0x0800 && l->l3 + 20 <= len) {
		l->family = 4;
		l->proto = f[l->l3 + 9];
		l->l4 = l->l3 + (f[l->l3] & 15) * 4;
		l->end = l->l3 + get16(f + l->l3 + 2);
		if (l->proto == 2)
			return false;
	} else if (get16(f + at) == 0x86dd && l->l3 + 40 <= len) {
		l->family = 6;
		l->proto = f[l->l3 + 6];
		l->l4 = l->l3 + 40;
		l->end = l->l4 + get16(f + l->l3 + 4);
		if (l->proto == 0 || l->l4 >= len) /* hop-by-hop options: group membership */
			return false;
		if (l->proto == 58 && f[l->l4] >= 130 && f[l->l4] <= 137)
			return false;
	} else {
		return false;
	}
	return l->end <= len;
}

static struct frame *
frame_new(const uint8_t *octets, uint32_t len)
{
	struct frame *f = calloc(1, sizeof(*f) + len);

	if (f == NULL) {
		fprintf(stderr, "faulty: no memory\n");
		exit(1);
	}
	memcpy(f->octet, octets, len);
	f->len = len;
	return f;
}

/* When a frame that came at ts leaves the bottleneck; false: there is no room for it to wait */
static bool
limit_pass(const struct options *o, struct way *w, uint64_t ts, uint64_t *departure)
{
	uint64_t gap = (uint64_t)(1e9 / o->limit);

	while (w->wn > 0 && w->waiting[w->wbegin] <= ts) {
		w->wbegin = (w->wbegin + 1) % o->buffer;
		w->wn--;
	}
	if (w->wn == o->buffer)
		return false;
	*departure = w->departed + gap > ts ? w->departed + gap : ts;
	w->waiting[(w->wbegin + w->wn++) % o->buffer] = *departure;
	w->departed = *departure;
	return true;
}

static void
enqueue(const struct options *o, struct way *w, struct frame *f, uint64_t ts)
{
	uint64_t at = ts + o->delay + (o->jitter > 0 ? (uint64_t)random() % o->jitter : 0);

	f->release = at > w->release ? at : w->release; /* jitter keeps the order */
	w->release = f->release;
	TAILQ_INSERT_TAIL(&w->queue, f, next);
}

static void
say(const struct options *o, const struct way *w, enum fault fault, const struct frame *f)
{
	if (o->log != NULL)
		fprintf(o->log, "%s %u %u %u\n", fault_name[fault], w->n, f->flow & 0x7fffffff, f->seq);
}

/* A held frame goes on; it counts as reordered if one of its flow has passed. */
static void
let_go(const struct options *o, struct way *w, struct frame *h, uint64_t ts)
{
	TAILQ_REMOVE(&w->held, h, next);
	if (h->overtaken) {
		w->overtaken++;
		say(o, w, REORDER, h);
	}
	enqueue(o, w, h, ts);
}

/* A frame passes those that are held. */
static void
pass_held(const struct options *o, struct way *w, uint32_t flow, uint32_t seq, uint64_t ts)
{
	struct frame *h, *after;

	for (h = TAILQ_FIRST(&w->held); h != NULL; h = after) {
		after = TAILQ_NEXT(h, next);
		if (h->flow == flow && (int32_t)(seq - h->seq) > 0)
			h->overtaken = true;
		if (--h->left == 0)
			let_go(o, w, h, ts);
	}
}

void
way_flush(const struct options *o, struct way *w, uint64_t now, bool all)
{
	struct frame *h;

	if (!all && (TAILQ_EMPTY(&w->held) || now < w->last + o->flush))
		return;
	while ((h = TAILQ_FIRST(&w->held)) != NULL)
		let_go(o, w, h, now);
}

/* In two: the first has 8 octets of payload. */
static void
fragment(const struct options *o, struct way *w, const struct frame *f, const struct layout *l, uint64_t ts)
{
	unsigned head = l->family == 4 ? l->l4 : l->l4 + 8, first = 8, rest = l->end - l->l4 - first;

	for (unsigned i = 0; i < 2; i++) {
		unsigned n = i == 0 ? first : rest, offset = i == 0 ? 0 : first;
		struct frame *piece = frame_new(f->octet, l->l4);
		uint8_t *ip;

		piece = realloc(piece, sizeof(*piece) + head + n);
		ip = piece->octet + l->l3;
		if (l->family == 4) {
			uint32_t sum = 0;

			ip[2] = (head - l->l3 + n) >> 8;
			ip[3] = head - l->l3 + n;
			ip[4] = f->seq >> 8;
			ip[5] = f->seq;
			ip[6] = i == 0 ? 0x20 : 0;
			ip[7] = offset / 8;
			ip[10] = ip[11] = 0;
			for (unsigned k = 0; k < head - l->l3; k += 2)
				sum += get16(ip + k);
			sum = (sum & 0xffff) + (sum >> 16);
			sum = ~(sum + (sum >> 16));
			ip[10] = sum >> 8;
			ip[11] = sum;
		} else {
			uint8_t *h = ip + 40;
			uint32_t id = htonl(f->seq);

			ip[4] = (8 + n) >> 8;
			ip[5] = 8 + n;
			ip[6] = 44;
			h[0] = l->proto;
			h[1] = 0;
			h[2] = 0;
			h[3] = offset | (i == 0);
			memcpy(h + 4, &id, 4);
		}
		memcpy(piece->octet + head, f->octet + l->l4 + offset, n);
		piece->len = head + n;
		enqueue(o, w, piece, ts);
	}
}

/* The fault whose turn it is; one that finds the frame taken by another waits for the next. */
static enum fault
choose(const struct options *o, struct way *w)
{
	enum fault chosen = NFAULTS;

	if (!o->way[w->n])
		return NFAULTS;
	for (enum fault i = 0; i < NFAULTS; i++)
		if (o->every[i] > 0 && ++w->turn[i] == o->every[i]) {
			w->turn[i] = 0;
			w->due[i]++;
		}
	for (enum fault i = 0; i < NFAULTS && chosen == NFAULTS; i++)
		if (w->due[i] > 0)
			chosen = i;
	if (chosen != NFAULTS)
		w->due[chosen]--;
	return chosen;
}

static void
suffer(const struct options *o, struct way *w, enum fault fault, struct frame *f, const struct layout *l, uint64_t ts)
{
	long at = o->corrupt_at >= 0 ? o->corrupt_at : (long)l->end + o->corrupt_at;

	w->done[fault]++;
	if (fault != REORDER)
		say(o, w, fault, f);
	switch (fault) {
	case DROP:
		free(f);
		return;
	case DUPLICATE:
		enqueue(o, w, frame_new(f->octet, f->len), ts);
		break;
	case CORRUPT:
		if (at >= 0 && at < (long)f->len)
			f->octet[at] ^= o->corrupt_xor;
		break;
	case TRUNCATE:
		f->len = f->len > o->truncate_by + SHMIF_BUS_MINFRAME ? f->len - o->truncate_by : SHMIF_BUS_MINFRAME;
		break;
	case MISDELIVER:
		f->back = true;
		break;
	case FRAGMENT:
		fragment(o, w, f, l, ts);
		free(f);
		return;
	case REORDER:
		f->left = o->reorder_by;
		TAILQ_INSERT_TAIL(&w->held, f, next);
		return;
	case NFAULTS:
		break;
	}
	enqueue(o, w, f, ts);
}

void
way_frame(const struct options *o, struct way *w, const uint8_t *octets, uint32_t len, uint64_t ts)
{
	struct frame *f = frame_new(octets, len);
	struct layout l;
	enum fault fault;

	w->received++;
	if (!frame_layout(octets, len, &l)) {
		f->release = ts;
		TAILQ_INSERT_TAIL(&w->queue, f, next);
		return;
	}
	if (l.end - l.l3 >= 38) {
		memcpy(&f->seq, octets + l.end - 10, 4); /* ipgen/sig.h */
		memcpy(&f->flow, octets + l.end - 6, 4);
	}
	w->test++;
	if (w->first == 0)
		w->first = ts;
	w->last = ts;
	if (o->way[w->n] && o->outage_for > 0 && ts - w->first >= o->outage_after &&
	    ts - w->first < o->outage_after + o->outage_for) {
		w->outage++;
		free(f);
		return;
	}
	if (o->way[w->n] && o->limit > 0 && !limit_pass(o, w, ts, &ts)) {
		w->overflow++;
		free(f);
		return;
	}
	fault = choose(o, w);
	if (fault == NFAULTS)
		enqueue(o, w, f, ts);
	else
		suffer(o, w, fault, f, &l, ts);
	if (fault == NFAULTS || fault == DUPLICATE || fault == CORRUPT) {
		f = TAILQ_LAST(&w->queue, frames);
		pass_held(o, w, f->flow, f->seq, ts);
	}
}
