/* SPDX-License-Identifier: BSD-2-Clause */
/* Building packets longer than one buffer: appending data to a chain. */
#include <string.h>

#include "pkt/pkt.h"

/* The last segment if it has room, else a new one behind it; NULL: pool empty */
static struct rte_mbuf *
chain_room(struct worker *w, struct rte_mbuf *m)
{
	struct rte_mbuf *last = rte_pktmbuf_lastseg(m);

	if (rte_pktmbuf_tailroom(last) > 0)
		return last;
	struct rte_mbuf *seg = rte_pktmbuf_alloc(w->pool);
	if (seg == NULL)
		return NULL;
	seg->data_off = 0;
	last->next = seg;
	m->nb_segs++;
	return seg;
}

bool
pkt_append(struct worker *w, struct rte_mbuf *m, const void *data, uint32_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		struct rte_mbuf *seg = chain_room(w, m);

		if (seg == NULL)
			return false;
		uint32_t k = rte_pktmbuf_tailroom(seg);
		if (k > len)
			k = len;
		memcpy(rte_pktmbuf_mtod_offset(seg, uint8_t *, seg->data_len), p, k);
		seg->data_len += k;
		m->pkt_len += k;
		p += k;
		len -= k;
	}
	return true;
}

bool
pkt_append_from(struct worker *w, struct rte_mbuf *m, const struct rte_mbuf *from, uint32_t off, uint32_t len)
{
	while (from != NULL && off >= from->data_len) {
		off -= from->data_len;
		from = from->next;
	}
	for (; len > 0; from = from->next, off = 0) {
		if (from == NULL)
			return false;
		uint32_t k = from->data_len - off;
		if (k > len)
			k = len;
		if (!pkt_append(w, m, rte_pktmbuf_mtod_offset(from, const uint8_t *, off), k))
			return false;
		len -= k;
	}
	return true;
}

void
pkt_trim(struct rte_mbuf *m, uint32_t len)
{
	uint32_t left = len;

	MP_ASSERT(len <= m->pkt_len);
	m->pkt_len = len;
	for (struct rte_mbuf *seg = m;; seg = seg->next) {
		if (left <= seg->data_len) {
			struct rte_mbuf *rest = seg->next;

			seg->data_len = left;
			seg->next = NULL;
			while (rest != NULL) {
				struct rte_mbuf *next = rest->next;
				rte_pktmbuf_free_seg(rest);
				m->nb_segs--;
				rest = next;
			}
			return;
		}
		left -= seg->data_len;
	}
}
