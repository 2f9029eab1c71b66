/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzing: frames into ipgen's receiver, what rx_good and rx_check say of them.  The first octet of an input says how the
 * frame is cut into segments, and by its low bit whether its signature is made right.  Each segment has memory of its own
 * size, so that the sanitizer sees every octet that is read beyond.
 */
#include <stdlib.h>

#include "ipgen/engine/rx_var.h"
#include "ipgen/traffic/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define MAGIC (SIG_MAGIC + 5)

static struct rx_match match = {.magic = MAGIC};
static struct rx_port port = {.ends = 1};

/* Flows of both families and all protocols. */
static void
setup(void)
{
	static const uint8_t lladdr[6] = {2, 0, 0, 0, 0, 1};
	static const uint8_t protos[] = {17, 6, 1};
	static struct flow flow[6];
	struct worker *self = calloc(1, sizeof(*self));

	sig_init();
	rx_check_init();
	memcpy(&port.lladdr, lladdr, 6);
	for (unsigned i = 0; i < 6; i++) {
		struct flow *f = &flow[i];

		f->family = i < 3 ? 4 : 6;
		f->proto = i == 5 ? 58 : protos[i % 3];
		f->src[0] = f->dst[0] = i < 3 ? 10 : 0x20;
		f->dst[3] = 1;
		f->sport = 0x0900;
		f->dport = i % 3 == 2 ? 0 : 0x0900;
	}
	match.flow[0] = flow;
	match.nflows[0] = 6;
	self->is_control = true;
	mp_self = self;
	if (rx_find_build(&match.find[0], flow, 6) != 0)
		abort();
}

static struct rte_mbuf *
segment(const uint8_t *data, size_t len)
{
	struct rte_mbuf *m = aligned_alloc(64, sizeof(*m));

	if (m == NULL)
		abort();
	memset(m, 0, sizeof(*m));
	m->buf_addr = malloc(len);
	if (m->buf_addr == NULL)
		abort();
	memcpy(m->buf_addr, data, len);
	m->buf_len = m->data_len = (uint16_t)len;
	m->pkt_len = (uint32_t)len;
	m->nb_segs = 1;
	return m;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rte_mbuf *m = NULL, *last = NULL;
	struct rx_seen good, all;
	uint8_t frame[9000];
	size_t seg;

	if (mp_self == NULL)
		setup();
	if (size < 2 || size > sizeof(frame))
		return 0;
	memcpy(frame, data + 1, --size);
	if ((data[0] & 1) != 0 && size >= SIG_LEN)
		sig_write(frame + size - SIG_LEN, 1, MAGIC, 7, frame[size - 1] % 6);
	seg = data[0] < 2 ? size : (size_t)data[0] / 2 + 13;
	for (size_t off = 0; off < size; off += seg) {
		struct rte_mbuf *s = segment(frame + off, RTE_MIN(seg, size - off));

		if (m == NULL) {
			m = s;
		} else {
			last->next = s;
			m->nb_segs++;
			m->pkt_len += s->data_len;
		}
		last = s;
	}
	rx_check(&match, &port, m, &all);
	if (all.is > RX_FRAGMENT || all.dir >= TRIAL_DIRS || all.foreign > RX_NOTFORUS)
		abort();
	if ((all.is == RX_TEST || all.is == RX_WARM || all.is == RX_MISDELIVERED) && all.flow >= match.nflows[all.dir])
		abort();
	/* what the fast one likes the other does too */
	if (rx_good(&match, &port, m, &good) && (good.is != all.is || all.corrupt || good.flow != all.flow ||
						    good.seq != all.seq || good.stamp != all.stamp))
		abort();
	/* and what a shape likes, learnt from frames before, rx_good does */
	if (m->data_len >= 60) {
		static struct rx_shape shapes[RX_SHAPES];
		struct rx_shape *shape = &shapes[rx_shape_slot(m)];
		const struct rx_expect expect = {.flow = match.flow[0], .nflows = 6, .magic = MAGIC};
		struct rx_stamped st = rx_stamped_none(MAGIC);
		bool is_good = rx_good(&match, &port, m, &good);
		uint32_t flow, seq;

		if (rx_shape_good(shape, &expect, m, &st, &flow, &seq) &&
		    (!is_good || good.is != RX_TEST || flow != good.flow || seq != good.seq ||
			(st.a & SIG_STAMP) != good.stamp))
			abort();
		if (is_good)
			rx_shape_learn(shape, m);
	}
	for (; m != NULL; m = last) {
		last = m->next;
		free(m->buf_addr);
		free(m);
	}
	return 0;
}
